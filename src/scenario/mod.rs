//! Layer 9: text to typed scenario.
