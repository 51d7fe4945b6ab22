//! Layer 9: text to typed scenario.
//!
//! [`source`] turns a file into a located value tree ([`node`]), [`de`] reads Kubernetes' own
//! types from it. Every mistake becomes a located diagnostic; nothing here simulates anything.

pub mod built_in;
pub mod compile;
pub mod de;
pub mod defaults;
pub mod file;
pub mod manifest;
pub mod node;
pub mod read;
pub mod selectors;
pub mod source;
pub mod spec;
pub mod trace;
