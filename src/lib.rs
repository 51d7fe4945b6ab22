//! wavetank: a deterministic discrete-event simulator of Kubernetes clusters.
//!
//! A scenario (a cluster, workloads, failures) and a policy (how pods are placed, how failures are
//! repaired) become a [`model`]; [`sim`] runs it; [`metrics`] turns what happened into numbers;
//! [`experiment`] compares policies over paired replications; [`report`] draws. `ARCHITECTURE.md`
//! is the map.

#![cfg_attr(
    test,
    allow(
        clippy::wildcard_enum_match_arm,
        clippy::float_cmp,
        clippy::type_complexity,
        clippy::too_many_lines,
        clippy::collapsible_match,
        reason = "tests name the one case they expect, compare exact results and tell one story"
    )
)]

pub mod apiserver;
pub mod base;
pub mod cli;
pub mod conformance;
pub mod controllers;
pub mod cx;
pub mod engine;
pub mod event;
pub mod experiment;
pub mod faults;
pub mod invariants;
pub mod kube_proxy;
pub mod kubelet;
pub mod lint;
pub mod metrics;
pub mod model;
pub mod record;
pub mod registry;
pub mod report;
pub mod rng;
pub mod scenario;
pub mod scheduler;
pub mod scheduling;
pub mod sim;
pub mod state;
pub mod tables;
pub mod workload;
