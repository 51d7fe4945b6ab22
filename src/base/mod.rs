//! Layer 0: time, quantities, ids, maps, mathematics and diagnostics.
//!
//! Nothing here knows of Kubernetes objects, of the simulation or of files.

pub mod diag;
