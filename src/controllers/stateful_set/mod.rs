//! The StatefulSet controller's decisions: pods with an ordinal and an identity, one after another.
//!
//! Kubernetes-behaviour §3.3. [`sync_stateful_set`] is one sync: the object, its pods and its
//! claims in; actions, status and when to look again out. [`stateful_history`] is a stand-in for
//! API server and kubelets that replays what recordings tell.
//!
//! It knows nothing of watches, of queues or of the simulation's state.

mod claims;
mod controller;
mod events;
mod history;
mod sync;
#[cfg(test)]
mod tests;

pub use claims::{ClaimFacts, ClaimOwner, ClaimRetention, Retention, claim_name};
pub(super) use controller::{StatefulSetController, ready_for};
pub use events::{StatefulEvent, stateful_events};
pub use history::{PodChange, StatefulChange, StatefulPodView, StatefulView, stateful_history};
pub use sync::{
    PodManagement, Removal, Rollout, StatefulAction, StatefulPod, StatefulSpec, StatefulStatus,
    StatefulSync, StatefulUpdate, ready_recheck, stateful_pod_name, sync_stateful_set,
};
