//! Node-pressure eviction: when a threshold is met, and whom the kubelet evicts first. Pure.

use std::cmp::Ordering;

use crate::base::time::SimDuration;
use crate::model::ThresholdValue;

/// What runs short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortage {
    /// Memory.
    Memory,
    /// Disk.
    Disk,
    /// Process ids.
    Pids,
}

/// A pod that may be evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvictionCandidate {
    /// Priority.
    pub importance: i32,
    /// What it asks for of the resource, bytes.
    pub asked: i64,
    /// What it uses of it, bytes or processes; unknown without statistics.
    pub usage: Option<i64>,
}

/// Who of two pods is evicted first. Equal pods are in no particular order.
#[must_use]
pub fn eviction_order(
    shortage: Shortage,
    a: &EvictionCandidate,
    b: &EvictionCandidate,
) -> Ordering {
    let by_importance = a.importance.cmp(&b.importance);
    // What cannot be measured goes first.
    let measured = a.usage.is_some().cmp(&b.usage.is_some());
    let (Some(used_a), Some(used_b)) = (a.usage, b.usage) else {
        return match shortage {
            Shortage::Memory | Shortage::Disk => measured.then(by_importance),
            Shortage::Pids => by_importance.then(measured),
        };
    };
    match shortage {
        Shortage::Memory | Shortage::Disk => {
            let (over_a, over_b) = (used_a - a.asked, used_b - b.asked);
            let exceeds = (over_b > 0).cmp(&(over_a > 0));
            exceeds.then(by_importance).then(over_b.cmp(&over_a))
        }
        Shortage::Pids => by_importance.then(used_b.cmp(&used_a)),
    }
}

/// Whether a threshold is met. Under pressure already, it is as long as the minimum to reclaim is
/// not available too.
#[must_use]
pub fn is_met(
    value: ThresholdValue,
    min_reclaim: Option<ThresholdValue>,
    (capacity, available): (i64, i64),
) -> bool {
    let reclaim = min_reclaim.map_or(0, |reclaim| reclaim.of(capacity));
    value.of(capacity).saturating_add(reclaim) > available
}

/// Whether a threshold that was first seen met so long ago has outlasted its grace period.
#[must_use]
pub fn outlasts_grace(observed_ago: SimDuration, grace: SimDuration) -> bool {
    observed_ago >= grace
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Threshold, min_reclaim, threshold};

    #[test]
    fn who_exceeds_its_request_goes_first_then_who_matters_less() {
        let pod = |importance, asked, usage| EvictionCandidate { importance, asked, usage };
        let over = pod(100, 50, Some(60));
        for (a, b, memory, pids) in [
            (pod(0, 100, Some(90)), over, Ordering::Greater, Ordering::Less),
            (pod(100, 0, Some(20)), over, Ordering::Less, Ordering::Greater),
            (pod(100, 0, None), over, Ordering::Less, Ordering::Less),
            (pod(200, 0, None), over, Ordering::Less, Ordering::Greater),
            (pod(100, 50, Some(60)), over, Ordering::Equal, Ordering::Equal),
        ] {
            assert_eq!(eviction_order(Shortage::Memory, &a, &b), memory, "{a:?} {b:?}");
            assert_eq!(eviction_order(Shortage::Disk, &b, &a), memory.reverse(), "{a:?} {b:?}");
            assert_eq!(eviction_order(Shortage::Pids, &a, &b), pids, "{a:?} {b:?}");
        }
    }

    #[test]
    fn thresholds_are_amounts_or_shares_in_single_precision() {
        assert_eq!(threshold("0%"), Some(Threshold::Ignored));
        for bad in ["", "-5%", "101%", "0", "-1Gi", "x%", "5 %"] {
            assert_eq!(threshold(bad), None, "{bad}");
        }
        let Some(Threshold::Below(share)) = threshold("15%") else { panic!("15% is a share") };
        assert_eq!(share.of(1_048_576_000), 157_286_406);
        let reclaim = min_reclaim("50Mi").expect("valid");
        assert!(!is_met(share, None, (1_048_576_000, 157_286_406)));
        assert!(is_met(share, reclaim, (1_048_576_000, 157_286_406)));
        assert_eq!((min_reclaim(""), min_reclaim("0%")), (Some(None), None));
        let second = SimDuration::from_secs(1);
        assert!(outlasts_grace(second, second) && !outlasts_grace(SimDuration::ZERO, second));
    }
}
