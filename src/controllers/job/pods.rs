//! The pods of a Job: what the controller looks at, and which of them it deletes first.

use std::cmp::{Ordering, Reverse};

use super::failure_policy::PodFacts;
use super::object::PodReplacement;
use crate::base::time::SimTime;
use crate::state::Phase;

/// A pod that a Job controls, as the controller's cache has it. `P` names pods.
#[derive(Clone, Copy, Debug)]
pub struct JobPod<'a, P> {
    /// Its name.
    pub id: P,
    /// Phase.
    pub phase: Phase,
    /// It is being deleted.
    pub deleted: bool,
    /// It has the finalizer `batch.kubernetes.io/job-tracking`, and this process has not asked for
    /// its removal.
    pub tracked: bool,
    /// Ready.
    pub ready: bool,
    /// Its completion index.
    pub index: Option<u32>,
    /// Earlier failures of its index (annotation `batch.kubernetes.io/job-index-failure-count`).
    pub failures: u32,
    /// Those among them that a rule ignored are counted here instead.
    pub ignored_failures: u32,
    /// When it ended, see [`finished_at`]; not read while it runs.
    pub finished_at: SimTime,
    /// Restarts of all containers.
    pub restarts: u32,
    /// Bound to a node.
    pub assigned: bool,
    /// Since when it is Ready.
    pub ready_since: SimTime,
    /// Most restarts of any container.
    pub most_restarts: u32,
    /// Creation time.
    pub created: SimTime,
    /// Exit codes and conditions; not read while it runs.
    pub facts: PodFacts<'a>,
}

impl<P> JobPod<'_, P> {
    /// Neither ended nor being deleted.
    #[must_use]
    pub fn is_active(&self) -> bool {
        !self.phase.is_terminal() && !self.deleted
    }

    /// Being deleted, and not ended.
    #[must_use]
    pub fn is_terminating(&self) -> bool {
        !self.phase.is_terminal() && self.deleted
    }

    /// Failed, or taken for it: unless only pods that have ended are replaced, one that is being
    /// deleted has failed.
    #[must_use]
    pub fn has_failed(&self, replacement: PodReplacement) -> bool {
        match (self.phase, replacement) {
            (Phase::Failed, _) => true,
            (Phase::Succeeded, _) | (_, PodReplacement::Failed) => false,
            (Phase::Pending | Phase::Running, PodReplacement::TerminatingOrFailed) => self.deleted,
        }
    }

    /// Failures of its index before it, ignored ones included.
    #[must_use]
    pub fn all_failures(&self) -> u32 {
        self.failures.saturating_add(self.ignored_failures)
    }
}

/// From what the end of a pod is known.
#[derive(Clone, Copy, Debug)]
pub struct EndFacts {
    /// When the last container ended, if all have.
    pub containers: Option<SimTime>,
    /// Since when it is not Ready, if it has the condition.
    pub not_ready_since: Option<SimTime>,
    /// When it was deleted, grace period not included.
    pub deleted: Option<SimTime>,
    /// When it was created.
    pub created: SimTime,
}

/// When a pod ended, as the controller works it out: the first of these that is known.
#[must_use]
pub fn finished_at(end: EndFacts) -> SimTime {
    end.containers.or(end.not_ready_since).or(end.deleted).unwrap_or(end.created)
}

/// Which active pods go, at least so many: of an Indexed Job all without a valid index and all but
/// one of each index first. Given the active pods; places in that list come back.
pub(super) fn to_remove<P>(
    pods: &[&JobPod<'_, P>],
    at_least: usize,
    completions: Option<u32>,
) -> Vec<usize> {
    let mut order: Vec<usize> = (0..pods.len()).collect();
    order.sort_by(|a, b| deletion_order(pods[*a], pods[*b]));
    let mut gone = Vec::new();
    let mut left = order;
    if let Some(completions) = completions {
        // The last of an index in the order of deletion stays.
        let mut kept = std::collections::BTreeSet::new();
        let mut stay = Vec::new();
        for at in left.into_iter().rev() {
            let valid = pods[at].index.filter(|index| *index < completions);
            if valid.is_some_and(|index| kept.insert(index)) {
                stay.push(at);
            } else {
                gone.push(at);
            }
        }
        stay.reverse();
        gone.sort_by_key(|at| (pods[*at].index, *at));
        left = stay;
    }
    let missing = at_least.saturating_sub(gone.len());
    gone.extend(left.into_iter().take(missing));
    gone
}

/// `Less` is deleted first: unassigned, pending, not ready, ready for a shorter time, more
/// restarts, younger.
///
/// Fidelity: pods that are equal in all of this go in the caller's order; Go's sort leaves it open.
fn deletion_order<P>(a: &JobPod<'_, P>, b: &JobPod<'_, P>) -> Ordering {
    let pending = |pod: &JobPod<'_, P>| pod.phase != Phase::Pending;
    let ready_since = |pod: &JobPod<'_, P>| pod.ready.then_some(Reverse(pod.ready_since));
    a.assigned
        .cmp(&b.assigned)
        .then_with(|| pending(a).cmp(&pending(b)))
        .then_with(|| a.ready.cmp(&b.ready))
        .then_with(|| ready_since(a).cmp(&ready_since(b)))
        .then_with(|| b.most_restarts.cmp(&a.most_restarts))
        .then_with(|| b.created.cmp(&a.created))
}
