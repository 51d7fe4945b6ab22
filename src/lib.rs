//! A deterministic discrete-event simulator of Kubernetes clusters.

pub mod base;
pub mod scenario;
