//! Recorded statuses, and the cases at the edges.

use super::*;

const READY: BudgetedPod = BudgetedPod {
    scale: Scale::Of { controller: 7, replicas: 3 },
    ready: true,
    terminating: false,
    granted_ago: None,
};

fn granted(secs: u64) -> BudgetedPod {
    BudgetedPod { granted_ago: Some(SimDuration::from_secs(secs)), ..READY }
}

#[test]
fn budgets_at_their_edges() {
    use DisruptionLimit::{MaxUnavailable, MinAvailable};
    use IntOrPercent::{Int, Percent};
    let unready = BudgetedPod { ready: false, ..READY };
    let going = BudgetedPod { terminating: true, ..READY };
    let bare = BudgetedPod { scale: Scale::Unmanaged, ..READY };
    let other = BudgetedPod { scale: Scale::Of { controller: 8, replicas: 2 }, ..READY };
    // (limit, pods, allowed, healthy, desired, expected)
    for (row, limit, pods, numbers) in [
        (1, MinAvailable(Int(2)), vec![READY; 3], [1, 3, 2, 3]),
        (2, MinAvailable(Int(2)), vec![READY, READY, unready], [0, 2, 2, 3]),
        // A number counts the pods there are, terminating ones too; a share the scale.
        (3, MinAvailable(Int(0)), vec![READY, going], [1, 1, 0, 2]),
        (4, MinAvailable(Percent(50)), vec![READY; 2], [0, 2, 2, 3]),
        (5, MinAvailable(Percent(50)), vec![READY, other], [0, 2, 3, 5]),
        (6, MaxUnavailable(Int(1)), vec![READY; 3], [1, 3, 2, 3]),
        (7, MaxUnavailable(Percent(34)), vec![READY; 3], [2, 3, 1, 3]),
        (8, MaxUnavailable(Int(9)), vec![READY; 3], [3, 3, 0, 3]),
        // Nobody knows how many bare pods there should be.
        (9, MaxUnavailable(Int(1)), vec![bare; 3], [0, 3, 0, 0]),
        (10, MinAvailable(Int(1)), vec![bare; 3], [2, 3, 1, 3]),
        (11, MinAvailable(Int(0)), vec![], [0, 0, 0, 0]),
        (12, DisruptionLimit::Absent, vec![READY; 3], [0, 3, 0, 0]),
    ] {
        let found = budgeted(limit, &pods).unwrap();
        let Budgeted { allowed, healthy, desired, expected, .. } = found;
        assert_eq!([allowed, healthy, desired, expected], numbers, "row {row}");
        assert_eq!(found.condition().0, allowed > 0, "row {row}");
    }
    let unknown = BudgetedPod { scale: Scale::Unknown, ..READY };
    assert_eq!(budgeted(MaxUnavailable(Int(1)), &[unknown]), None);
    assert!(budgeted(MinAvailable(Int(1)), &[unknown]).is_some(), "no scale is needed");
}

#[test]
fn a_granted_eviction_counts_for_two_minutes() {
    let limit = DisruptionLimit::MinAvailable(IntOrPercent::Int(1));
    for (ago, healthy, listed) in [(0, 1, true), (119, 1, true), (120, 2, true), (121, 2, false)] {
        let found = budgeted(limit, &[READY, granted(ago)]).unwrap();
        assert_eq!((found.healthy, found.granted == [1]), (healthy, listed), "{ago} s ago");
        let recheck = listed.then(|| SimDuration::from_secs(120 - ago));
        assert_eq!(found.recheck_after, recheck, "{ago} s ago");
    }
    let gone = BudgetedPod { terminating: true, ..granted(1) };
    assert_eq!(budgeted(limit, &[READY, gone]).unwrap().granted, [0; 0]);
}
