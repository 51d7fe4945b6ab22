//! Sizes of the ReplicaSets of a Deployment that was resized or is paused: each keeps its share.
//!
//! Kubernetes-behaviour §3.2, "Proportional scaling". Pure, and without knowledge of rollouts.

use super::sync::{DeploymentFacts, SetFacts};
use crate::model::DeploymentStrategy;

/// The number that an annotation of a ReplicaSet tells, if it is one that Kubernetes accepts.
#[must_use]
pub fn annotated(text: &str) -> Option<i32> {
    text.parse().ok().filter(|number| *number >= 0)
}

/// Sets to write and their sizes, in order; a size may be what it was if the annotations are not up
/// to date. `old` are the old sets, oldest first.
pub(super) fn resized(
    deployment: &DeploymentFacts,
    sets: &[SetFacts],
    new: Option<usize>,
    old: &[usize],
) -> Vec<(usize, i32)> {
    let desired = deployment.replicas;
    let with_pods = |&at: &usize| sets[at].replicas > 0;
    let active: Vec<usize> = old.iter().rev().copied().chain(new).filter(with_pods).collect();
    if active.len() <= 1 {
        let only = active.first().copied().or(new).or(old.last().copied());
        let only = only.filter(|&at| sets[at].replicas != desired);
        return only.map(|at| (at, desired)).into_iter().collect();
    }
    if new.is_some_and(|new| saturated(desired, &sets[new])) {
        return active.into_iter().filter(|&at| Some(at) != new).map(|at| (at, 0)).collect();
    }
    match deployment.strategy {
        DeploymentStrategy::Recreate => Vec::new(),
        DeploymentStrategy::RollingUpdate { .. } => {
            let (desired, max) = deployment.annotations();
            let mut sizes = shared_out(deployment, sets, active);
            sizes.retain(|&(at, size)| {
                let set = &sets[at];
                size != set.replicas || set.desired != Some(desired) || set.max != Some(max)
            });
            sizes
        }
    }
}

/// The new set alone is all that is wanted.
fn saturated(desired: i32, new: &SetFacts) -> bool {
    new.replicas == desired && new.desired == Some(desired) && new.status.available == desired
}

/// The sizes of all active sets, largest first; what rounding leaves goes to the first.
fn shared_out(
    deployment: &DeploymentFacts,
    sets: &[SetFacts],
    mut active: Vec<usize>,
) -> Vec<(usize, i32)> {
    let (desired, max) = deployment.annotations();
    let allowed = if desired > 0 { max } else { 0 };
    let to_add = allowed - active.iter().map(|&at| sets[at].replicas).sum::<i32>();
    if to_add == 0 {
        return active.into_iter().map(|at| (at, sets[at].replicas)).collect();
    }
    // Among sets of one size newer ones grow first, and older ones shrink first.
    active.sort_by_key(|&at| (sets[at].created, at));
    if to_add > 0 {
        active.reverse();
    }
    active.sort_by_key(|&at| std::cmp::Reverse(sets[at].replicas));
    let mut added = 0;
    let mut sizes = Vec::with_capacity(active.len());
    for at in active {
        let left = to_add - added;
        let share = if left == 0 { 0 } else { share(deployment, &sets[at]) };
        let share = if to_add > 0 { share.min(left) } else { share.max(left) };
        added += share;
        sizes.push((at, sets[at].replicas + share));
    }
    if let Some((_, largest)) = sizes.first_mut() {
        *largest = (*largest + to_add - added).max(0);
    }
    sizes
}

/// By how much a set's proportional size differs from its present one.
fn share(deployment: &DeploymentFacts, set: &SetFacts) -> i32 {
    let (desired, max) = deployment.annotations();
    if desired == 0 {
        return -set.replicas;
    }
    let before = set.max.filter(|max| *max != 0).unwrap_or(deployment.status.replicas);
    if before == 0 {
        return 0;
    }
    // The product wraps round in Kubernetes, too: it counts pods in 32 bits.
    let scaled = i64::from(set.replicas.wrapping_mul(max));
    let size = rounded(scaled, i64::from(before));
    i32::try_from(size).unwrap_or(i32::MAX).wrapping_sub(set.replicas)
}

/// A quotient, rounded half away from zero; the divisor is positive.
fn rounded(dividend: i64, divisor: i64) -> i64 {
    let twice = 2 * dividend.abs() + divisor;
    (twice / (2 * divisor)) * dividend.signum()
}
