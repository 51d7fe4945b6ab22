//! The DaemonSet controller's decisions: one pod on every node that is fit for it.
//!
//! Kubernetes-behaviour §3.4. [`daemon_placement`] says whether a node is fit, [`manage`] is the
//! pass that creates and prunes, [`rolling_update`] the one that replaces pods of earlier
//! revisions, [`sync_daemon_set`] both as one sync and [`daemon_status`] the numbers.
//!
//! Where Kubernetes takes nodes in the random order of a map, this code takes them in the order in
//! which it is given them: that of their names. What would be left to that order stands apart, in
//! [`Choice`].
//!
//! It knows nothing of watches, of queues, of expectations or of the simulation's state.

mod backoff;
mod controller;
mod manage;
mod placement;
mod rolling;
mod sync;
#[cfg(test)]
mod tests;

pub use backoff::FailedPodBackoff;
pub(super) use controller::DaemonSetController;
pub use controller::daemon_nodes;
pub use manage::{DaemonRemoval, Managed, manage};
pub use placement::{DaemonClass, DaemonPlacement, add_daemon_tolerations, daemon_placement};
pub use rolling::{Choice, DaemonStep, rolling_update};
pub use sync::{
    BURST_REPLICAS, DaemonNotice, DaemonStatus, DaemonSync, daemon_status, daemon_status_recheck,
    sync_daemon_set,
};

use crate::base::time::{SimDuration, SimTime};
use crate::controllers::is_available;
use crate::model::{IntOrPercent, NodeId, PodId};
use crate::state::Phase;

/// `spec.updateStrategy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DaemonUpdate {
    /// Pods of earlier revisions are replaced, a few at a time. Both numbers are rounded up.
    RollingUpdate {
        /// `maxSurge`: nodes that may have a new pod beside an old one that is available.
        max_surge: IntOrPercent,
        /// `maxUnavailable`: nodes that may be without an available pod.
        max_unavailable: IntOrPercent,
    },
    /// Somebody else deletes them.
    OnDelete,
}

/// What a DaemonSet asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DaemonSpec {
    /// `spec.updateStrategy`.
    pub update: DaemonUpdate,
    /// `spec.minReadySeconds`.
    pub min_ready: SimDuration,
}

impl DaemonSpec {
    /// Whether a node may have two pods at all: decided as if there were one node.
    #[must_use]
    pub fn allows_surge(&self) -> bool {
        self.surge(1) > 0
    }

    /// `maxSurge` in pods.
    fn surge(&self, desired: i32) -> i32 {
        match self.update {
            DaemonUpdate::RollingUpdate { max_surge, .. } => max_surge.ceil(desired),
            DaemonUpdate::OnDelete => 0,
        }
    }

    /// `maxUnavailable` in pods.
    fn unavailable(&self, desired: i32) -> i32 {
        match self.update {
            DaemonUpdate::RollingUpdate { max_unavailable, .. } => max_unavailable.ceil(desired),
            DaemonUpdate::OnDelete => 0,
        }
    }
}

/// A pod of the set as the controller's cache has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DaemonPod {
    /// Which.
    pub id: PodId,
    /// It is bound to its node, not only meant for it.
    pub bound: bool,
    /// Creation time.
    pub created: SimTime,
    /// Phase.
    pub phase: Phase,
    /// For how long it has been Ready; absent where it is not.
    pub ready_for: Option<SimDuration>,
    /// It is of the set's newest revision.
    pub updated: bool,
    /// It is being deleted.
    pub terminating: bool,
}

impl DaemonPod {
    fn is_available(&self, min_ready: SimDuration) -> bool {
        is_available(self.ready_for, min_ready)
    }

    /// Whether the controller takes notice of it: not of one that has ended and is being deleted.
    fn counts(&self) -> bool {
        !(self.phase.is_terminal() && self.terminating)
    }

    /// Bound ones before others, older ones before younger ones.
    fn age_key(&self) -> (bool, SimTime, PodId) {
        (!self.bound, self.created, self.id)
    }
}

/// A node and the set's pods that are meant for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DaemonNode<'a> {
    /// Which.
    pub node: NodeId,
    /// What the set makes of the node.
    pub placement: DaemonPlacement,
    /// Pods bound to it, or with a node affinity to its name; in any order.
    pub pods: &'a [DaemonPod],
}

impl DaemonNode<'_> {
    fn pods(&self) -> impl Iterator<Item = &DaemonPod> {
        self.pods.iter().filter(|pod| pod.counts())
    }
}

/// The event about the set that tells of a removal, of source `daemonset-controller`: whether it is
/// a warning, its reason and its message.
#[must_use]
pub fn daemon_removal_message(
    removal: DaemonRemoval,
    (namespace, pod): (&str, &str),
    node: &str,
) -> Option<(bool, &'static str, String)> {
    match removal {
        DaemonRemoval::Failed => Some((
            true,
            "FailedDaemonPod",
            format!(
                "Found failed daemon pod {namespace}/{pod} on node {node}, will try to kill it"
            ),
        )),
        DaemonRemoval::Succeeded => Some((
            false,
            "SucceededDaemonPod",
            format!(
                "Found succeeded daemon pod {namespace}/{pod} on node {node}, will try to delete it"
            ),
        )),
        DaemonRemoval::Surplus | DaemonRemoval::Unfit | DaemonRemoval::Replaced => None,
    }
}
