//! A deterministic discrete-event simulator of Kubernetes clusters.

pub mod base;
pub mod engine;
pub mod registry;
pub mod rng;
pub mod scenario;
