//! Which of several candidates is taken.

use std::cmp::Reverse;

use super::Candidate;
use crate::base::time::SimTime;
use crate::model::PodId;

/// Lifts every priority above zero, so that a sum grows with every victim.
const LIFT: i64 = 1 << 31;

/// When the most important victims of a candidate started, the earliest of them.
fn earliest_start(candidate: &Candidate) -> SimTime {
    let top = candidate.victims.iter().map(|pod| pod.priority).max();
    let of_top = candidate.victims.iter().filter(|pod| Some(pod.priority) == top);
    of_top.map(|pod| pod.started).min().unwrap_or(SimTime::MAX)
}

/// The places of the candidates that the rules leave: fewest violations of disruption budgets,
/// then the lowest priority of the most important victim, the lowest sum of priorities, the fewest
/// victims, the latest start of the most important victims.
pub(crate) fn best(candidates: &[Candidate]) -> Vec<usize> {
    let key = |candidate: &Candidate| {
        let priorities = candidate.victims.iter().map(|pod| i64::from(pod.priority));
        (
            candidate.violations,
            candidate.victims.first().map(|pod| pod.priority),
            priorities.map(|priority| priority + LIFT).sum::<i64>(),
            candidate.victims.len(),
            Reverse(earliest_start(candidate)),
        )
    };
    let Some(least) = candidates.iter().map(key).min() else { return Vec::new() };
    (0..candidates.len()).filter(|&at| key(&candidates[at]) == least).collect()
}

/// The victims that are not being deleted yet, in the order in which they are asked to go.
pub(crate) fn to_delete(candidate: &Candidate) -> impl Iterator<Item = PodId> {
    candidate.victims.iter().filter(|pod| !pod.terminating).map(|pod| pod.pod)
}
