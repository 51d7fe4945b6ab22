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

/// What decides between candidates, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChoiceRule {
    /// There is one candidate only.
    OnlyOne,
    /// Fewest victims whose eviction violates a disruption budget.
    FewestViolations,
    /// The lowest priority of the most important victim.
    LowestTopPriority,
    /// The lowest sum of the victims' priorities.
    LowestPrioritySum,
    /// Fewest victims.
    FewestVictims,
    /// The most important victims started last.
    LatestStart,
    /// The lot among equals.
    Lot,
}

impl ChoiceRule {
    /// In words that follow "by".
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::OnlyOne => "being the only candidate",
            Self::FewestViolations => "fewest violations of disruption budgets",
            Self::LowestTopPriority => "the lowest priority of the most important victim",
            Self::LowestPrioritySum => "the lowest sum of the victims' priorities",
            Self::FewestVictims => "fewest victims",
            Self::LatestStart => "the latest start of the most important victims",
            Self::Lot => "lot among equals",
        }
    }

    /// The rule that leaves the candidates of [`best`], or the lot if they are several.
    pub(super) fn deciding(candidates: &[Candidate], best: &[usize]) -> Option<Self> {
        let (&first, more) = best.split_first()?;
        if !more.is_empty() {
            return Some(Self::Lot);
        }
        let best = key(&candidates[first]);
        let others = (0..candidates.len()).filter(|&at| at != first);
        // The last rule that some other candidate loses by.
        let lost_by = others.map(|at| {
            let other = key(&candidates[at]);
            if other.0 != best.0 {
                Self::FewestViolations
            } else if other.1 != best.1 {
                Self::LowestTopPriority
            } else if other.2 != best.2 {
                Self::LowestPrioritySum
            } else if other.3 != best.3 {
                Self::FewestVictims
            } else {
                Self::LatestStart
            }
        });
        Some(lost_by.max_by_key(|rule| *rule as u8).unwrap_or(Self::OnlyOne))
    }
}

/// What the rules compare, least first.
fn key(candidate: &Candidate) -> (u32, Option<i32>, i64, usize, Reverse<SimTime>) {
    let priorities = candidate.victims.iter().map(|pod| i64::from(pod.priority));
    (
        candidate.violations,
        candidate.victims.first().map(|pod| pod.priority),
        priorities.map(|priority| priority + LIFT).sum::<i64>(),
        candidate.victims.len(),
        Reverse(earliest_start(candidate)),
    )
}

/// The places of the candidates that the rules leave: fewest violations of disruption budgets,
/// then the lowest priority of the most important victim, the lowest sum of priorities, the fewest
/// victims, the latest start of the most important victims.
pub(crate) fn best(candidates: &[Candidate]) -> Vec<usize> {
    let Some(least) = candidates.iter().map(key).min() else { return Vec::new() };
    (0..candidates.len()).filter(|&at| key(&candidates[at]) == least).collect()
}

/// The victims that are not being deleted yet, in the order in which they are asked to go.
pub(crate) fn to_delete(candidate: &Candidate) -> impl Iterator<Item = PodId> {
    candidate.victims.iter().filter(|pod| !pod.terminating).map(|pod| pod.pod)
}
