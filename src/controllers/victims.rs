//! Which pods a ReplicaSet deletes first when it scales down.
//!
//! The order of kubernetes-behaviour §3.1: unassigned, pending, not ready, cheaper, more colocated,
//! ready for a shorter time on a logarithmic scale, more restarts, younger. It is not transitive in
//! Kubernetes (equal ready times go on to restarts, different ones of one bucket to the uid), so
//! it is applied by a sort that never asks for more than pairwise order. Pure: it knows no cluster.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::base::time::SimTime;
use crate::state::Phase;

/// Phase of a pod that may be deleted, the first to go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum VictimPhase {
    /// Pending.
    Pending,
    /// Unknown, which no component writes any more.
    Unknown,
    /// Running; finished pods are never candidates.
    Running,
}

impl From<Phase> for VictimPhase {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Pending => Self::Pending,
            Phase::Running | Phase::Succeeded | Phase::Failed => Self::Running,
        }
    }
}

/// What the order looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VictimRank {
    /// Bound to a node.
    pub assigned: bool,
    /// Phase.
    pub phase: VictimPhase,
    /// Ready.
    pub ready: bool,
    /// Annotation `controller.kubernetes.io/pod-deletion-cost`.
    pub deletion_cost: i32,
    /// Active pods of the same owner's ReplicaSets on the same node, itself included.
    pub colocated: u32,
    /// Since when it is ready, if that is known.
    pub ready_since: Option<SimTime>,
    /// Most restarts of any regular container.
    pub restarts: u32,
    /// Most restarts of any restartable init container.
    pub sidecar_restarts: u32,
    /// Creation time, if it is known.
    pub created: Option<SimTime>,
    /// Stands for the uid string.
    pub uid: u64,
}

/// Orders two pods: `Less` goes first. `now` is when the controller decides.
#[must_use]
pub fn deletion_order(a: &VictimRank, b: &VictimRank, now: SimTime) -> Ordering {
    a.assigned
        .cmp(&b.assigned)
        .then_with(|| a.phase.cmp(&b.phase))
        .then_with(|| a.ready.cmp(&b.ready))
        .then_with(|| a.deletion_cost.cmp(&b.deletion_cost))
        .then_with(|| b.colocated.cmp(&a.colocated))
        .then_with(|| match a.ready && b.ready {
            true => by_age((a.ready_since, a.uid), (b.ready_since, b.uid), now),
            false => Ordering::Equal,
        })
        .then_with(|| b.restarts.cmp(&a.restarts))
        .then_with(|| b.sidecar_restarts.cmp(&a.sidecar_restarts))
        .then_with(|| by_age((a.created, a.uid), (b.created, b.uid), now))
}

/// A time and the uid that decides between two times of one bucket.
type Age = (Option<SimTime>, u64);

/// An unknown time first, then the younger one by the binary logarithm of the age in nanoseconds;
/// different times of one logarithm go by uid, equal ones are equal.
fn by_age(a: Age, b: Age, now: SimTime) -> Ordering {
    match (a.0, b.0) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
        (Some(of_a), Some(of_b)) if of_a == of_b => Ordering::Equal,
        (Some(of_a), Some(of_b)) => bucket(of_a, now).cmp(&bucket(of_b, now)).then(a.1.cmp(&b.1)),
    }
}

/// `trunc(log2(age in ns))`, −1 for an age of zero or less.
fn bucket(since: SimTime, now: SimTime) -> i32 {
    match now.saturating_since(since).as_nanos().checked_ilog2() {
        Some(log) => i32::try_from(log).expect("a logarithm of 64 bits"),
        None => -1,
    }
}

/// The number in the annotation `controller.kubernetes.io/pod-deletion-cost`; 0 where it is absent
/// or not as Kubernetes wants it: no plus sign, no leading zeros, 32 bits.
#[must_use]
pub fn deletion_cost(annotation: Option<&str>) -> i32 {
    let Some(text) = annotation else { return 0 };
    if text.starts_with('+') || (text.starts_with('0') && text != "0") {
        return 0;
    }
    text.parse().unwrap_or(0)
}

/// How many active pods each of `pods` has on its node, itself included: `pods` are the nodes of
/// those to choose from, `others` those of further active pods of the same owner. Pods without a
/// node count as being together.
#[must_use]
pub fn colocated<N: Ord>(pods: &[Option<N>], others: &[Option<N>]) -> Vec<u32> {
    let mut on_node: BTreeMap<&Option<N>, u32> = BTreeMap::new();
    for node in pods.iter().chain(others) {
        *on_node.entry(node).or_default() += 1;
    }
    pods.iter().map(|node| on_node[node]).collect()
}

/// The order of a set of pods, as far as there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeletionSequence {
    /// Places of the pods, the first to go first.
    Total(Vec<usize>),
    /// Some are equal, or the order runs in a circle: all pairs of which the first goes before the
    /// second.
    Pairs(Vec<(usize, usize)>),
}

/// The order of `pods`.
#[must_use]
pub fn deletion_sequence(pods: &[VictimRank], now: SimTime) -> DeletionSequence {
    let mut pairs = Vec::new();
    // In a strict total order, as many go after each pod as their number says.
    let mut after = vec![0; pods.len()];
    for (a, first) in pods.iter().enumerate() {
        for (b, second) in pods.iter().enumerate().skip(a + 1) {
            let (before, behind) = match deletion_order(first, second, now) {
                Ordering::Less => (a, b),
                Ordering::Greater => (b, a),
                Ordering::Equal => continue,
            };
            pairs.push((before, behind));
            after[before] += 1;
        }
    }
    let mut sequence: Vec<usize> = (0..pods.len()).collect();
    sequence.sort_by_key(|&at| std::cmp::Reverse(after[at]));
    let total = sequence.iter().rev().enumerate().all(|(place, &at)| after[at] == place);
    if total { DeletionSequence::Total(sequence) } else { DeletionSequence::Pairs(pairs) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(ready_s: u64, colocated: u32, uid: u64) -> VictimRank {
        VictimRank {
            assigned: true,
            phase: VictimPhase::Running,
            ready: true,
            deletion_cost: 0,
            colocated,
            ready_since: Some(SimTime::from_secs(ready_s)),
            restarts: 0,
            sidecar_restarts: 0,
            created: Some(SimTime::ZERO),
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
            VictimRank { assigned: false, phase: VictimPhase::Pending, ready: false, ..base },
            VictimRank { phase: VictimPhase::Pending, ready: false, ..base },
            VictimRank { phase: VictimPhase::Unknown, ..base },
            VictimRank { ready: false, ..base },
            VictimRank { deletion_cost: -1, ..base },
            VictimRank { colocated: 2, ..base },
            VictimRank { ready_since: None, ..base },
            VictimRank { ready_since: Some(SimTime::from_secs(999)), ..base },
            VictimRank { restarts: 3, ..base },
            VictimRank { sidecar_restarts: 3, ..base },
            VictimRank { created: None, ..base },
            VictimRank { created: Some(SimTime::from_secs(999)), ..base },
        ];
        for pair in first.windows(2) {
            assert_eq!(deletion_order(&pair[0], &pair[1], now), Ordering::Less, "{pair:?}");
        }
        for earlier in first {
            assert_eq!(deletion_order(&earlier, &base, now), Ordering::Less, "{earlier:?}");
        }
    }

    #[test]
    fn a_deletion_cost_is_a_plain_number() {
        for (text, cost) in [
            (None, 0),
            (Some("100"), 100),
            (Some("-100"), -100),
            (Some("0"), 0),
            (Some("+7"), 0),
            (Some("007"), 0),
            (Some("abc"), 0),
            (Some("2147483648"), 0),
        ] {
            assert_eq!(deletion_cost(text), cost, "{text:?}");
        }
    }

    #[test]
    fn pods_are_counted_by_node() {
        let others = [Some(1), Some(3), None];
        assert_eq!(colocated(&[Some(1), Some(1), Some(2), None], &others), [3, 3, 1, 2]);
    }

    #[test]
    fn equal_pods_and_circles_have_no_sequence() {
        let now = SimTime::from_secs(1000);
        let (first, last) = (pod(999, 1, 5), pod(1, 1, 5));
        let total = deletion_sequence(&[last, first], now);
        assert_eq!(total, DeletionSequence::Total(vec![1, 0]));
        let equal = deletion_sequence(&[first, first, last], now);
        assert_eq!(equal, DeletionSequence::Pairs(vec![(0, 2), (1, 2)]));
        // One bucket: `a` goes before `b` by uid, `b` before `c`; `c` before `a` by restarts.
        let a = VictimRank { uid: 1, ..pod(500, 1, 0) };
        let b = pod(510, 1, 2);
        let c = VictimRank { uid: 3, restarts: 1, ..pod(500, 1, 0) };
        let circle = deletion_sequence(&[a, b, c], now);
        assert_eq!(circle, DeletionSequence::Pairs(vec![(0, 1), (2, 0), (1, 2)]));
    }
}
