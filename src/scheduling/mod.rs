//! Where a pod goes: the decisions of kube-scheduler 1.34 as a pure library.
//!
//! Same snapshot, same pod, same tie key: same answer. Here stand the scheduler's view of nodes
//! and bound pods ([`Snapshot`]), the plugin framework and its plugins ([`plugins`]), the
//! configuration that puts plugins into profiles ([`config`]) and one scheduling decision
//! ([`Framework::schedule`]).
//!
//! It knows the model and nothing that changes with time: no clock, no queue, no API server. The
//! scheduler component, preemption, `explain`, conformance replays and what-ifs call the same
//! code.

mod changes;
pub mod config;
mod decision;
mod events;
mod explanation;
pub mod expression;
mod framework;
mod index;
mod message;
mod node_tree;
mod nominator;
pub mod plugins;
mod post_filter;
pub mod preemption;
mod profile;
pub mod reference;
pub mod rules;
mod snapshot;
#[cfg(test)]
mod soundness;
mod storage;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod topology;
#[cfg(test)]
mod volume_tests;

pub use decision::{Decision, NodeExplanation, Outcome, PluginScore, ReasonCount, TieBreak};
pub use events::{
    ClusterEvent, NodeAspect, NodeChange, PodChange, WakeSet, node_events, pod_events,
};
pub use explanation::Explanation;
pub use framework::{
    BuildCx, BuildPlugin, ClaimReason, CycleCx, Dependency, EXPRESSIONS_MAX, Plugin, PluginDef,
    PluginId, PluginSet, Point, PreFilter, PreScore, Reason, Rejection, Verdict,
};
pub use message::reason_texts;
pub use nominator::{Nominated, Nominator};
pub use post_filter::{Incoming, PostFilter, PostFilterStatus};
pub use profile::{Evaluation, Framework, Query};
pub use snapshot::{BoundPod, ClassCount, ImageSpread, NodeLoad, NodeRow, Snapshot};
pub use storage::{
    ClaimState, PodVolumes, Provisioned, StorageState, VolumeConflicts, VolumeRef, VolumeState,
};
