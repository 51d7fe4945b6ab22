//! wavetank

pub mod report;
pub mod tables;
