//! wavetank: a deterministic discrete-event simulator of Kubernetes clusters.

pub mod base;
pub mod cx;
pub mod engine;
pub mod event;
pub mod model;
pub mod record;
pub mod registry;
pub mod rng;
pub mod scheduler;
pub mod scheduling;
pub mod state;
pub mod tables;
