//! The arithmetic of rolling updates and of scaling several ReplicaSets: pure functions.
//!
//! Kubernetes-behaviour §3.2. One pass does one kind of action: the new set is reconciled, and only
//! if that changed nothing are the old ones.

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
    pub fn resolve(
        max_surge: crate::model::IntOrPercent,
        max_unavailable: crate::model::IntOrPercent,
        desired: i32,
    ) -> Self {
        let surge = max_surge.ceil(desired);
        let unavailable = max_unavailable.floor(desired);
        if surge == 0 && unavailable == 0 {
            return Self { surge, unavailable: desired.min(1) };
        }
        Self { surge, unavailable: unavailable.min(desired) }
    }
}

/// What one pass of a rolling update does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RollingStep {
    /// Scale the new set to this.
    New(i32),
    /// Scale old sets to these, in the order given; unchanged ones included.
    Old(Vec<i32>),
    /// The same, but the pass was given up on the way: Kubernetes does not count it as scaling.
    OldGivenUp(Vec<i32>),
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
    let min_available = desired - bounds.unavailable;
    let new_unavailable = new.spec - new.available;
    let max_down = total - min_available - new_unavailable;
    if max_down <= 0 {
        return RollingStep::Nothing;
    }
    let mut sizes: Vec<i32> = old.iter().map(|set| set.spec).collect();
    let mut cleaned = 0;
    for (size, set) in sizes.iter_mut().zip(old) {
        if cleaned >= max_down {
            break;
        }
        if set.spec == 0 {
            continue;
        }
        if set.available > set.spec {
            // Kubernetes gives the pass up here: the set has not caught up with its scale-down.
            return changed(sizes, old, RollingStep::OldGivenUp);
        }
        let unhealthy = (set.spec - set.available).min(max_down - cleaned);
        *size -= unhealthy;
        cleaned += unhealthy;
    }
    // Pods of sets already scaled to zero do not count, though some may still be available.
    let active = old.iter().filter(|set| set.spec > 0);
    let available = new.available + active.map(|set| set.available).sum::<i32>();
    let mut budget = available - min_available;
    for size in &mut sizes {
        if budget <= 0 {
            break;
        }
        let down = (*size).min(budget);
        *size -= down;
        budget -= down;
    }
    changed(sizes, old, RollingStep::Old)
}

/// The sizes as a step, if they differ from those before.
fn changed(
    sizes: Vec<i32>,
    old: &[ReplicaCounts],
    step: fn(Vec<i32>) -> RollingStep,
) -> RollingStep {
    let before = old.iter().map(|set| set.spec);
    if sizes.iter().copied().eq(before) { RollingStep::Nothing } else { step(sizes) }
}

/// A ReplicaSet in proportional scaling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProportionalSet {
    /// `spec.replicas`.
    pub(super) spec: i32,
    /// Annotation `deployment.kubernetes.io/max-replicas`, or the deployment's last known total.
    pub(super) max_annotation: i32,
    /// Orders sets of equal size: the creation order, later is greater.
    pub(super) created: u64,
}

/// New sizes of the active sets when a Deployment with several of them is resized: each keeps its
/// share of `allowed` (desired + surge), what rounding leaves goes to the largest.
pub(super) fn proportional(sets: &[ProportionalSet], allowed: i32) -> Vec<i32> {
    let total: i32 = sets.iter().map(|set| set.spec).sum();
    let to_add = allowed - total;
    let mut order: Vec<usize> = (0..sets.len()).collect();
    order.sort_by(|&a, &b| {
        let by_size = sets[b].spec.cmp(&sets[a].spec);
        let by_age = if to_add > 0 {
            sets[b].created.cmp(&sets[a].created)
        } else {
            sets[a].created.cmp(&sets[b].created)
        };
        by_size.then(by_age).then(a.cmp(&b))
    });
    let mut sizes: Vec<i32> = sets.iter().map(|set| set.spec).collect();
    let mut added = 0;
    for &at in &order {
        if to_add == 0 {
            break;
        }
        let left = to_add - added;
        let share = share(&sets[at], allowed);
        let share =
            if to_add > 0 { share.clamp(0, left.max(0)) } else { share.clamp(left.min(0), 0) };
        sizes[at] += share;
        added += share;
    }
    if let Some(&first) = order.first() {
        sizes[first] = (sizes[first] + to_add - added).max(0);
    }
    sizes
}

/// By how much a set's proportional size differs from its present one, rounded half away from zero.
fn share(set: &ProportionalSet, allowed: i32) -> i32 {
    let max = i64::from(set.max_annotation.max(1));
    let scaled = i64::from(set.spec) * i64::from(allowed);
    let rounded = (2 * scaled + max) / (2 * max);
    i32::try_from(rounded - i64::from(set.spec)).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::IntOrPercent;

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

    /// Runs passes until nothing changes; new pods become available only when told so.
    fn settle(
        desired: i32,
        bounds: StrategyBounds,
        new: &mut ReplicaCounts,
        old: &mut ReplicaCounts,
    ) -> Vec<String> {
        let mut log = Vec::new();
        loop {
            match rolling_step(desired, bounds, *new, &[*old]) {
                RollingStep::New(spec) => {
                    log.push(format!("U{:+}", spec - new.spec));
                    new.spec = spec;
                }
                RollingStep::Old(sizes) | RollingStep::OldGivenUp(sizes) => {
                    log.push(format!("D{:+}", sizes[0] - old.spec));
                    old.spec = sizes[0];
                    old.available = old.available.min(old.spec);
                }
                RollingStep::Nothing => return log,
            }
        }
    }

    #[test]
    fn the_worked_rollouts_of_the_reference() {
        let cases: [(i32, StrategyBounds, &[&[&str]]); 3] = [
            (
                10,
                StrategyBounds { surge: 3, unavailable: 2 },
                &[&["U+3", "D-2", "U+2"], &["D-5", "U+5"], &["D-3"]],
            ),
            (
                4,
                StrategyBounds { surge: 1, unavailable: 1 },
                &[&["U+1", "D-1", "U+1"], &["D-2", "U+2"], &["D-1"]],
            ),
            (
                3,
                StrategyBounds { surge: 1, unavailable: 0 },
                &[&["U+1"], &["D-1", "U+1"], &["D-1", "U+1"], &["D-1"]],
            ),
        ];
        for (desired, bounds, rounds) in cases {
            let mut new = ReplicaCounts { spec: 0, available: 0 };
            let mut old = ReplicaCounts { spec: desired, available: desired };
            for (round, expected) in rounds.iter().enumerate() {
                let log = settle(desired, bounds, &mut new, &mut old);
                assert_eq!(log, *expected, "{desired} replicas, round {round}");
                new.available = new.spec;
            }
            assert_eq!((new.spec, old.spec), (desired, 0));
        }
    }

    #[test]
    fn a_rollout_whose_pods_never_become_ready_stops_at_the_budget() {
        let bounds = StrategyBounds { surge: 3, unavailable: 2 };
        let mut new = ReplicaCounts { spec: 0, available: 0 };
        let mut old = ReplicaCounts { spec: 10, available: 10 };
        settle(10, bounds, &mut new, &mut old);
        assert_eq!((new.spec, old.spec, old.available), (5, 8, 8));
    }

    #[test]
    fn proportional_scaling_keeps_shares_and_gives_the_rest_to_the_largest() {
        let set = |spec, created| ProportionalSet { spec, max_annotation: 13, created };
        // 10 → 15 with surge 4: 19 pods over 8 + 5, shares 11.69 and 7.31.
        assert_eq!(proportional(&[set(8, 1), set(5, 2)], 19), [12, 7]);
        assert_eq!(proportional(&[set(8, 1), set(5, 2)], 13), [8, 5]);
        let down = proportional(&[set(8, 1), set(5, 2)], 6);
        assert_eq!(down.iter().sum::<i32>(), 6);
    }
}
