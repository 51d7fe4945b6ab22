//! wavetank: a deterministic discrete-event simulator of Kubernetes clusters.

pub mod apiserver;
pub mod base;
pub mod controllers;
pub mod cx;
pub mod engine;
pub mod event;
pub mod experiment;
pub mod faults;
pub mod kubelet;
pub mod model;
pub mod record;
pub mod registry;
pub mod report;
pub mod rng;
pub mod scenario;
pub mod state;
pub mod tables;
