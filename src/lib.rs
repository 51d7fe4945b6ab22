//! wavetank: a deterministic discrete-event simulator of Kubernetes clusters.

pub mod base;
pub mod cx;
pub mod engine;
pub mod event;
pub mod kubelet;
pub mod model;
pub mod record;
pub mod registry;
pub mod rng;
pub mod state;
pub mod tables;
