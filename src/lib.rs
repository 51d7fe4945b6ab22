//! wavetank
