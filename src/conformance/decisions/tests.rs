//! Comparison: every alteration of a recorded value must be found.
