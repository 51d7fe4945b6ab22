//! The arithmetic of rolling updates: pure functions of sizes, which know no objects and no time.
//!
//! Kubernetes-behaviour §3.2. One pass does one kind of action: the new set is reconciled, and only
//! if that changed nothing are the old ones.

use crate::model::{DeploymentStrategy, IntOrPercent};

/// A ReplicaSet as the arithmetic sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaCounts {
    /// `spec.replicas`.
    pub spec: i32,
    /// `status.availableReplicas`.
    pub available: i32,
}

/// `maxSurge` and `maxUnavailable` in pods, resolved for the desired replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StrategyBounds {
    /// Pods above desired.
    pub surge: i32,
    /// Pods that may be unavailable.
    pub unavailable: i32,
}

impl StrategyBounds {
    /// Surge rounds up, unavailable down; both zero would block, so one may be unavailable.
    #[must_use]
    pub fn fenceposts(
        max_surge: IntOrPercent,
        max_unavailable: IntOrPercent,
        desired: i32,
    ) -> Self {
        let surge = max_surge.ceil(desired);
        let unavailable = max_unavailable.floor(desired);
        Self { surge, unavailable: if surge == 0 && unavailable == 0 { 1 } else { unavailable } }
    }

    /// The fence posts as a rolling update uses them: no more than all may be unavailable.
    #[must_use]
    pub fn resolve(max_surge: IntOrPercent, max_unavailable: IntOrPercent, desired: i32) -> Self {
        let posts = Self::fenceposts(max_surge, max_unavailable, desired);
        Self { surge: posts.surge, unavailable: posts.unavailable.min(desired) }
    }

    /// The bounds of a strategy; recreating allows for neither.
    #[must_use]
    pub fn of(strategy: DeploymentStrategy, desired: i32) -> Self {
        match strategy {
            DeploymentStrategy::RollingUpdate { max_surge, max_unavailable } => {
                Self::resolve(max_surge, max_unavailable, desired)
            }
            DeploymentStrategy::Recreate => Self { surge: 0, unavailable: 0 },
        }
    }

    /// How many of `desired` pods are to be available.
    #[must_use]
    pub fn min_available(self, desired: i32) -> i32 {
        desired - self.unavailable
    }
}

/// What one pass of a rolling update does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RollingStep {
    /// Scale the new set to this.
    New(i32),
    /// Scale old sets, one after another: place among the old ones, new size. A set may come twice,
    /// first for its unhealthy pods.
    Old(Vec<(usize, i32)>),
    /// The same, but the pass was given up on the way: Kubernetes does not count it as scaling.
    OldGivenUp(Vec<(usize, i32)>),
    /// Nothing to do until something changes.
    Nothing,
}

/// One pass: `old` are the old sets, oldest first.
#[must_use]
pub fn rolling_step(
    desired: i32,
    bounds: StrategyBounds,
    new: ReplicaCounts,
    old: &[ReplicaCounts],
) -> RollingStep {
    let total = new.spec + old.iter().map(|set| set.spec).sum::<i32>();
    let target = new_replicas(desired, bounds.surge, new.spec, total);
    if target != new.spec {
        return RollingStep::New(target);
    }
    old_replicas(desired, bounds, new, old, total)
}

/// Size of the new set when `total` pods are wanted by all sets together.
fn new_replicas(desired: i32, surge: i32, new: i32, total: i32) -> i32 {
    if new >= desired {
        return desired;
    }
    room(desired, surge, new, total)
}

/// How large the new set, now of `new` pods, may be when all sets together want `total`.
pub(super) fn room(desired: i32, surge: i32, new: i32, total: i32) -> i32 {
    let room = desired + surge - total;
    if room <= 0 { new } else { new + room.min(desired - new) }
}

/// What this pass does to the old sets.
fn old_replicas(
    desired: i32,
    bounds: StrategyBounds,
    new: ReplicaCounts,
    old: &[ReplicaCounts],
    total: i32,
) -> RollingStep {
    let old_total: i32 = old.iter().map(|set| set.spec).sum();
    if old_total == 0 {
        return RollingStep::Nothing;
    }
    let min_available = bounds.min_available(desired);
    let new_unavailable = new.spec - new.available;
    let max_down = total - min_available - new_unavailable;
    if max_down <= 0 {
        return RollingStep::Nothing;
    }
    let mut sizes: Vec<i32> = old.iter().map(|set| set.spec).collect();
    let mut moves = Vec::new();
    let mut cleaned = 0;
    for (at, set) in old.iter().enumerate() {
        if cleaned >= max_down {
            break;
        }
        if set.spec == 0 || set.spec == set.available {
            continue;
        }
        if set.available > set.spec {
            // Kubernetes gives the pass up here: the set has not caught up with its scale-down.
            return RollingStep::OldGivenUp(moves);
        }
        let unhealthy = (set.spec - set.available).min(max_down - cleaned);
        sizes[at] -= unhealthy;
        cleaned += unhealthy;
        moves.push((at, sizes[at]));
    }
    // Pods of sets already scaled to zero do not count, though some may still be available.
    let active = old.iter().filter(|set| set.spec > 0);
    let available = new.available + active.map(|set| set.available).sum::<i32>();
    let mut budget = available - min_available;
    for (at, size) in sizes.iter_mut().enumerate() {
        if budget <= 0 {
            break;
        }
        if *size > 0 {
            let down = (*size).min(budget);
            *size -= down;
            budget -= down;
            moves.push((at, *size));
        }
    }
    if moves.is_empty() { RollingStep::Nothing } else { RollingStep::Old(moves) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_round_surge_up_and_unavailable_down() {
        let quarter = IntOrPercent::Percent(25);
        for (desired, surge, unavailable) in
            [(1, 1, 0), (2, 1, 0), (3, 1, 0), (4, 1, 1), (10, 3, 2)]
        {
            let bounds = StrategyBounds::resolve(quarter, quarter, desired);
            assert_eq!(bounds, StrategyBounds { surge, unavailable }, "{desired} replicas");
        }
        let zero = IntOrPercent::Int(0);
        assert_eq!(StrategyBounds::resolve(zero, zero, 5).unavailable, 1);
    }

    #[test]
    fn unhealthy_pods_of_old_sets_go_first_and_no_more_than_the_budget_allows() {
        let bounds = StrategyBounds { surge: 3, unavailable: 2 };
        let set = |spec, available| ReplicaCounts { spec, available };
        for (new, old, expected) in [
            // Five new pods are not available: nothing may go.
            (set(5, 0), vec![set(8, 5)], RollingStep::Nothing),
            // Two may go, and three are unhealthy; available ones are too few to go.
            (set(5, 2), vec![set(8, 5)], RollingStep::Old(vec![(0, 6)])),
            // One unhealthy pod and then three available ones, oldest set first.
            (set(5, 5), vec![set(4, 3), set(4, 4)], RollingStep::Old(vec![(0, 3), (0, 0), (1, 3)])),
            // The second set has not caught up: what was done stays done.
            (set(5, 5), vec![set(4, 3), set(4, 5)], RollingStep::OldGivenUp(vec![(0, 3)])),
        ] {
            assert_eq!(rolling_step(10, bounds, new, &old), expected, "{new:?} {old:?}");
        }
    }
}
