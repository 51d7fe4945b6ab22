//! The pass that replaces pods of earlier revisions.

use super::{DaemonNode, DaemonPod, DaemonSpec};
use crate::base::time::SimDuration;
use crate::model::{NodeId, PodId};

/// Things that are taken, and things of which so many are taken: which, Kubernetes leaves to the
/// order of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice<T> {
    /// All of these.
    pub forced: Vec<T>,
    /// Some of these, in the order of nodes.
    pub pool: Vec<T>,
    /// So many of the pool, at most as many as there are.
    pub from_pool: usize,
}

impl<T: Copy> Choice<T> {
    fn new(forced: Vec<T>, pool: Vec<T>, from_pool: i32) -> Self {
        let from_pool = usize::try_from(from_pool).unwrap_or(0).min(pool.len());
        Self { forced, pool, from_pool }
    }

    fn nothing() -> Self {
        Self::new(Vec::new(), Vec::new(), 0)
    }

    /// How many are taken.
    #[must_use]
    pub fn count(&self) -> usize {
        self.forced.len() + self.from_pool
    }

    /// What is taken where the order of nodes decides: the first of the pool.
    #[must_use]
    pub fn taken(&self) -> Vec<T> {
        // Fidelity: Kubernetes takes them in the random order of a map.
        self.forced.iter().chain(self.pool.iter().take(self.from_pool)).copied().collect()
    }

    /// What is taken in every order.
    #[must_use]
    pub fn certain(&self) -> Vec<T> {
        let whole = self.from_pool == self.pool.len();
        let pool = if whole { &*self.pool } else { &[] };
        self.forced.iter().chain(pool).copied().collect()
    }

    /// What is taken in some orders and not in others.
    #[must_use]
    pub fn open(&self) -> Vec<T> {
        let open = (1..self.pool.len()).contains(&self.from_pool);
        if open { self.pool.clone() } else { Vec::new() }
    }
}

/// What the pass comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaemonStep {
    /// Nodes that are to have a pod.
    pub desired: i32,
    /// `maxSurge` in pods.
    pub max_surge: i32,
    /// `maxUnavailable` in pods.
    pub max_unavailable: i32,
    /// Pods that go.
    pub deletes: Choice<PodId>,
    /// Nodes that get a pod beside the one they have.
    pub creates: Choice<NodeId>,
}

/// The pods of a node that are not being deleted: at most one of the newest revision and at most
/// one of earlier ones.
struct Pair<'a> {
    new: Option<&'a DaemonPod>,
    old: Option<&'a DaemonPod>,
}

/// `None` where there are more: the other pass has to see to them first.
fn pair<'a>(node: &DaemonNode<'a>) -> Option<Pair<'a>> {
    let mut pair = Pair { new: None, old: None };
    for pod in node.pods.iter().filter(|pod| !pod.terminating) {
        let place = if pod.updated { &mut pair.new } else { &mut pair.old };
        if place.replace(pod).is_some() {
            return None;
        }
    }
    Some(pair)
}

/// One pass of a rolling update over all nodes.
///
/// It counts on the other pass, which creates pods on nodes without one, to have done its work.
#[must_use]
pub fn rolling_update(spec: &DaemonSpec, nodes: &[DaemonNode<'_>]) -> DaemonStep {
    let desired = nodes.iter().filter(|node| node.placement.run).count();
    let desired = i32::try_from(desired).unwrap_or(i32::MAX);
    let max_surge = spec.surge(desired);
    let mut max_unavailable = spec.unavailable(desired);
    if desired > 0 && max_surge == 0 && max_unavailable == 0 {
        max_unavailable = 1;
    }
    let concerned = || nodes.iter().filter(|n| n.placement.run || n.pods().next().is_some());
    let (deletes, creates) = if max_surge == 0 {
        (replaced(spec.min_ready, concerned(), max_unavailable), Choice::nothing())
    } else {
        surged(spec.min_ready, concerned(), desired, max_surge)
    };
    DaemonStep { desired, max_surge, max_unavailable, deletes, creates }
}

/// Old pods that go before new ones come: those that are not available anyway, and as many others
/// as may be missing.
fn replaced<'a>(
    min_ready: SimDuration,
    nodes: impl Iterator<Item = &'a DaemonNode<'a>>,
    max_unavailable: i32,
) -> Choice<PodId> {
    let (mut forced, mut pool, mut unavailable) = (Vec::new(), Vec::new(), 0);
    for node in nodes {
        match pair(node) {
            Some(Pair { new: Some(new), old: None }) => {
                unavailable += i32::from(!new.is_available(min_ready));
            }
            Some(Pair { new: None, old: Some(old) }) => {
                if old.is_available(min_ready) {
                    pool.push(old.id);
                } else {
                    forced.push(old.id);
                    unavailable += 1;
                }
            }
            None | Some(Pair { new: None, old: None } | Pair { new: Some(_), old: Some(_) }) => {
                unavailable += 1;
            }
        }
    }
    Choice::new(forced, pool, max_unavailable - unavailable)
}

/// New pods that come before old ones go, and old ones that may go now.
fn surged<'a>(
    min_ready: SimDuration,
    nodes: impl Iterator<Item = &'a DaemonNode<'a>>,
    desired: i32,
    max_surge: i32,
) -> (Choice<PodId>, Choice<NodeId>) {
    let (mut deletes, mut sunset) = (Vec::new(), Vec::new());
    let (mut creates, mut candidates) = (Vec::new(), Vec::new());
    let (mut surging, mut available) = (0, 0);
    for node in nodes {
        let Some(Pair { new, old }) = pair(node) else {
            surging += 1;
            continue;
        };
        let counted = old.or(new);
        available += i32::from(counted.is_some_and(|pod| pod.is_available(min_ready)));
        let Some(old) = old else { continue };
        match (new, old.is_available(min_ready)) {
            (Some(new), _) if new.is_available(min_ready) => deletes.push(old.id),
            (Some(_), _) => surging += 1,
            (None, false) if node.placement.run => creates.push(node.node),
            (None, false) => deletes.push(old.id),
            (None, true) if node.placement.run => candidates.push(node.node),
            (None, true) => sunset.push(old.id),
        }
    }
    (
        Choice::new(deletes, sunset, available - desired),
        Choice::new(creates, candidates, max_surge - surging),
    )
}
