//! wavetank
pub mod experiment;
pub mod tables;
