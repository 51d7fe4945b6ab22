//! wavetank

pub mod base;
pub mod scenario;
