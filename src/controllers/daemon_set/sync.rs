//! One sync of a DaemonSet, and its status.

use super::{
    DaemonNode, DaemonPod, DaemonRemoval, DaemonSpec, DaemonUpdate, FailedPodBackoff, Managed,
    manage, rolling_update,
};
use crate::base::time::{SimDuration, SimTime};
use crate::model::{NodeId, PodId};

/// Pods created by one sync at most, and pods deleted.
pub const BURST_REPLICAS: usize = 250;

/// A removal that the controller tells of in an event: which pod, why.
pub type DaemonNotice = (PodId, DaemonRemoval);

/// What a sync comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DaemonSync {
    /// Nodes that get a pod.
    pub creates: Vec<NodeId>,
    /// Pods that are deleted.
    pub deletes: Vec<(PodId, DaemonRemoval)>,
    /// Removals to tell of, those that have to wait for a later sync included.
    pub notices: Vec<DaemonNotice>,
    /// When to look again though nothing changed.
    pub recheck_after: Option<SimDuration>,
}

/// One sync of a DaemonSet whose expectations are met: the managing pass and, if that leaves
/// nothing to wait for, the rolling update.
pub fn sync_daemon_set(
    spec: &DaemonSpec,
    nodes: &[DaemonNode<'_>],
    strays: &[DaemonPod],
    backoff: &mut FailedPodBackoff,
    now: SimTime,
) -> DaemonSync {
    let Managed { mut creates, mut deletes, recheck_after } =
        manage(spec, nodes, strays, backoff, now);
    let told = |removal| matches!(removal, DaemonRemoval::Failed | DaemonRemoval::Succeeded);
    let notices = deletes.iter().copied().filter(|(_, removal)| told(*removal)).collect();
    let idle = creates.is_empty() && deletes.is_empty();
    if idle && spec.update != DaemonUpdate::OnDelete {
        let step = rolling_update(spec, nodes);
        creates = step.creates.taken();
        let replaced = step.deletes.taken().into_iter();
        deletes = replaced.map(|pod| (pod, DaemonRemoval::Replaced)).collect();
    }
    creates.truncate(BURST_REPLICAS);
    deletes.truncate(BURST_REPLICAS);
    DaemonSync { creates, deletes, notices, recheck_after }
}

/// `status`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DaemonStatus {
    /// `desiredNumberScheduled`: nodes that are to have a pod.
    pub desired: i32,
    /// `currentNumberScheduled`: those of them that have one.
    pub current: i32,
    /// `numberMisscheduled`: nodes that have one and are not to.
    pub misscheduled: i32,
    /// `numberReady`.
    pub ready: i32,
    /// `numberAvailable`.
    pub available: i32,
    /// `numberUnavailable`.
    pub unavailable: i32,
    /// `updatedNumberScheduled`.
    pub updated: i32,
}

/// The status: of each node only the oldest pod counts.
#[must_use]
pub fn daemon_status(spec: &DaemonSpec, nodes: &[DaemonNode<'_>]) -> DaemonStatus {
    let mut status = DaemonStatus::default();
    for node in nodes {
        let oldest = node.pods().min_by_key(|pod| pod.age_key());
        if !node.placement.run {
            status.misscheduled += i32::from(oldest.is_some());
            continue;
        }
        status.desired += 1;
        let Some(pod) = oldest else { continue };
        status.current += 1;
        status.ready += i32::from(pod.ready_for.is_some());
        status.available += i32::from(pod.is_available(spec.min_ready));
        status.updated += i32::from(pod.updated);
    }
    status.unavailable = status.desired - status.available;
    status
}

/// When the status is looked at again though nothing changed: pods that are Ready are not yet
/// available.
#[must_use]
pub fn daemon_status_recheck(spec: &DaemonSpec, status: &DaemonStatus) -> Option<SimDuration> {
    let waits = !spec.min_ready.is_zero() && status.ready != status.available;
    waits.then_some(spec.min_ready)
}
