//! Which pods a ReplicaSet deletes first when it scales down.
//!
//! The order of kubernetes-behaviour §3.1: unassigned, pending, not ready, more colocated, ready
//! for a shorter time on a logarithmic scale, more restarts, younger. It is not transitive in
//! Kubernetes (equal ready times go on to restarts, different ones of one bucket to the uid), so
//! it is applied by a sort that never asks for more than pairwise order.

use std::cmp::Ordering;

use crate::base::time::SimTime;
use crate::state::Phase;

/// What the order looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VictimRank {
    /// Bound to a node.
    pub assigned: bool,
    /// Phase.
    pub phase: Phase,
    /// Ready.
    pub ready: bool,
    /// Annotation `controller.kubernetes.io/pod-deletion-cost`.
    pub deletion_cost: i32,
    /// Active pods of the same owner's ReplicaSets on the same node, itself included.
    pub colocated: u32,
    /// Since when it is ready.
    pub ready_since: SimTime,
    /// Most restarts of any container.
    pub restarts: u32,
    /// Creation time.
    pub created: SimTime,
    /// Stands for the uid string.
    pub uid: u64,
}

/// Orders two pods: `Less` goes first. `now` is when the controller decides.
#[must_use]
pub fn deletion_order(a: &VictimRank, b: &VictimRank, now: SimTime) -> Ordering {
    a.assigned
        .cmp(&b.assigned)
        .then_with(|| phase_rank(a.phase).cmp(&phase_rank(b.phase)))
        .then_with(|| a.ready.cmp(&b.ready))
        .then_with(|| a.deletion_cost.cmp(&b.deletion_cost))
        .then_with(|| b.colocated.cmp(&a.colocated))
        .then_with(|| {
            if a.ready && b.ready && a.ready_since != b.ready_since {
                by_age(a.ready_since, b.ready_since, now).then(a.uid.cmp(&b.uid))
            } else {
                Ordering::Equal
            }
        })
        .then_with(|| b.restarts.cmp(&a.restarts))
        .then_with(|| {
            if a.created == b.created {
                Ordering::Equal
            } else {
                by_age(a.created, b.created, now).then(a.uid.cmp(&b.uid))
            }
        })
}

/// Pending before Running; finished pods are never candidates.
fn phase_rank(phase: Phase) -> u8 {
    match phase {
        Phase::Pending => 0,
        Phase::Running | Phase::Succeeded | Phase::Failed => 2,
    }
}

/// The younger one first, by the binary logarithm of the age in nanoseconds.
fn by_age(a: SimTime, b: SimTime, now: SimTime) -> Ordering {
    bucket(a, now).cmp(&bucket(b, now))
}

/// `trunc(log2(age in ns))`, −1 for an age of zero or less.
fn bucket(since: SimTime, now: SimTime) -> i32 {
    match now.saturating_since(since).as_nanos().checked_ilog2() {
        Some(log) => i32::try_from(log).expect("a logarithm of 64 bits"),
        None => -1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(ready_s: u64, colocated: u32, uid: u64) -> VictimRank {
        VictimRank {
            assigned: true,
            phase: Phase::Running,
            ready: true,
            deletion_cost: 0,
            colocated,
            ready_since: SimTime::from_secs(ready_s),
            restarts: 0,
            created: SimTime::ZERO,
            uid,
        }
    }

    #[test]
    fn the_worked_example_of_the_reference() {
        let now = SimTime::from_secs(1000);
        // Ready for 40 s and 100 s on one node: buckets 35 and 36, the younger goes.
        let (young, old) = (pod(960, 2, 9), pod(900, 2, 1));
        assert_eq!(deletion_order(&young, &old, now), Ordering::Less);
        // 40 s and 60 s: one bucket, the smaller uid goes.
        let (young, old) = (pod(960, 2, 9), pod(940, 2, 1));
        assert_eq!(deletion_order(&young, &old, now), Ordering::Greater);
        // Colocation comes before age.
        assert_eq!(deletion_order(&pod(1, 2, 5), &pod(999, 1, 5), now), Ordering::Less);
    }

    #[test]
    fn each_step_decides_before_the_next() {
        let now = SimTime::from_secs(1000);
        let base = pod(500, 1, 5);
        let first = [
            VictimRank { assigned: false, phase: Phase::Pending, ready: false, ..base },
            VictimRank { phase: Phase::Pending, ready: false, ..base },
            VictimRank { ready: false, ..base },
            VictimRank { deletion_cost: -1, ..base },
            VictimRank { colocated: 2, ..base },
            VictimRank { ready_since: SimTime::from_secs(999), ..base },
            VictimRank { restarts: 3, ..base },
            VictimRank { created: SimTime::from_secs(999), ..base },
        ];
        for pair in first.windows(2) {
            assert_eq!(deletion_order(&pair[0], &pair[1], now), Ordering::Less, "{pair:?}");
        }
        for earlier in first {
            assert_eq!(deletion_order(&earlier, &base, now), Ordering::Less, "{earlier:?}");
        }
    }
}
