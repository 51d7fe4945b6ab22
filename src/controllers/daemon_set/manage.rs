//! The pass that puts a pod on every node that is to have one, and takes away those that are too
//! many, finished or on nodes unfit for them.

use super::{DaemonNode, DaemonPod, DaemonSpec, FailedPodBackoff};
use crate::base::time::{SimDuration, SimTime};
use crate::model::{NodeId, PodId};
use crate::state::Phase;

/// Why a pod is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DaemonRemoval {
    /// It has failed.
    Failed,
    /// It has succeeded, though it was to run for ever.
    Succeeded,
    /// The node has another one that is kept.
    Surplus,
    /// It may not stay on its node, or its node is gone.
    Unfit,
    /// It is of an earlier revision.
    Replaced,
}

/// What the pass asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Managed {
    /// Nodes that get a pod.
    pub creates: Vec<NodeId>,
    /// Pods that go.
    pub deletes: Vec<(PodId, DaemonRemoval)>,
    /// When failed pods that are left alone are looked at again.
    pub recheck_after: Option<SimDuration>,
}

/// One pass over all nodes. `strays` are pods that are meant for nodes that no longer exist; the
/// garbage collector sees to those that were bound.
///
/// A node whose pods are all gone or going gets its new pod from a later pass: with a surge as soon
/// as none is left that stays, otherwise when the last object is gone.
pub fn manage(
    spec: &DaemonSpec,
    nodes: &[DaemonNode<'_>],
    strays: &[DaemonPod],
    backoff: &mut FailedPodBackoff,
    now: SimTime,
) -> Managed {
    let mut managed = Managed::default();
    for node in nodes {
        let exists = node.pods().next().is_some();
        if node.placement.run && !exists {
            managed.creates.push(node.node);
        } else if node.placement.stay {
            let running = sort_out(node, &mut managed, backoff, now);
            if spec.allows_surge() {
                prune_surging(spec, node, &running, &mut managed);
            } else {
                let surplus = running.iter().skip(1);
                managed.deletes.extend(surplus.map(|pod| (pod.id, DaemonRemoval::Surplus)));
            }
        } else {
            let there = node.pods().filter(|pod| !pod.terminating);
            managed.deletes.extend(there.map(|pod| (pod.id, DaemonRemoval::Unfit)));
        }
    }
    let unbound = strays.iter().filter(|pod| pod.counts() && !pod.bound && !pod.terminating);
    managed.deletes.extend(unbound.map(|pod| (pod.id, DaemonRemoval::Unfit)));
    managed
}

/// Deletes the finished pods of a node and gives those that stay, the oldest first.
fn sort_out<'a>(
    node: &DaemonNode<'a>,
    managed: &mut Managed,
    backoff: &mut FailedPodBackoff,
    now: SimTime,
) -> Vec<&'a DaemonPod> {
    let mut running: Vec<&DaemonPod> = Vec::new();
    for pod in node.pods.iter().filter(|pod| !pod.terminating) {
        match pod.phase {
            Phase::Failed => {
                if let Some(pause) = backoff.pausing(node.node, now) {
                    let sooner = managed.recheck_after.map_or(pause, |other| other.min(pause));
                    managed.recheck_after = Some(sooner);
                } else {
                    backoff.deleted(node.node, now);
                    managed.deletes.push((pod.id, DaemonRemoval::Failed));
                }
            }
            Phase::Succeeded => managed.deletes.push((pod.id, DaemonRemoval::Succeeded)),
            Phase::Pending | Phase::Running => running.push(pod),
        }
    }
    running.sort_by_key(|pod| pod.age_key());
    running
}

/// With a surge a node keeps the oldest pod of the newest revision and, as long as it is Ready and
/// the new one is not available, the oldest of an earlier one.
fn prune_surging(
    spec: &DaemonSpec,
    node: &DaemonNode<'_>,
    running: &[&DaemonPod],
    managed: &mut Managed,
) {
    if running.is_empty() && node.placement.run {
        managed.creates.push(node.node);
    }
    if running.len() < 2 {
        return;
    }
    let new = running.iter().find(|pod| pod.updated);
    let old = running.iter().find(|pod| !pod.updated);
    let kept = |pod: &DaemonPod| [new, old].iter().flatten().any(|kept| kept.id == pod.id);
    let surplus = running.iter().filter(|pod| !kept(pod));
    managed.deletes.extend(surplus.map(|pod| (pod.id, DaemonRemoval::Surplus)));
    if let (Some(new), Some(old)) = (new, old)
        && (old.ready_for.is_none() || new.is_available(spec.min_ready))
    {
        managed.deletes.push((old.id, DaemonRemoval::Replaced));
    }
}
