//! The Deployment controller's arithmetic held against recordings of the real one.

use serde_json::Value;

use super::rolling::{ReplicaCounts, RollingStep, StrategyBounds, rolling_step};
use crate::base::recorded::for_each;
use crate::model::IntOrPercent;

fn int(value: &Value) -> i32 {
    i32::try_from(value.as_i64().expect("a number")).expect("a small number")
}

fn int_or_percent(value: &Value) -> IntOrPercent {
    match value.as_str() {
        Some(text) => IntOrPercent::Percent(
            text.trim_end_matches('%').parse().expect("recorded percentages are numbers"),
        ),
        None => IntOrPercent::Int(int(value)),
    }
}

fn bounds(input: &Value) -> StrategyBounds {
    StrategyBounds::resolve(
        int_or_percent(&input["maxSurge"]),
        int_or_percent(&input["maxUnavailable"]),
        int(&input["replicas"]),
    )
}

#[test]
fn fence_posts() {
    for_each("deployment_fenceposts", |case, input, expected| {
        let bounds = bounds(input);
        assert_eq!(bounds.surge, int(&expected["maxSurge"]), "{case}: surge");
        assert_eq!(bounds.unavailable, int(&expected["maxUnavailable"]), "{case}: unavailable");
    });
}

#[test]
fn rolling_steps() {
    for_each("deployment_rolling_step", |case, input, expected| {
        let counts = |set: &Value| ReplicaCounts {
            spec: int(&set["replicas"]),
            available: int(&set["availableReplicas"]),
        };
        let mut old: Vec<&Value> = input["oldRSs"].as_array().expect("a list").iter().collect();
        old.sort_by_key(|set| (int(&set["created"]), set["name"].as_str().map(str::to_owned)));
        let sizes: Vec<ReplicaCounts> = old.iter().map(|set| counts(set)).collect();
        let new = counts(&input["newRS"]);
        let step = rolling_step(int(&input["replicas"]), bounds(input), new, &sizes);
        let (scaled, new_after, old_after): (&[&str], i32, Vec<i32>) = match step {
            RollingStep::New(to) => (&["new"], to, sizes.iter().map(|s| s.spec).collect()),
            RollingStep::Old(to) => (&["old"], new.spec, to),
            RollingStep::OldGivenUp(to) => (&[], new.spec, to),
            RollingStep::Nothing => (&[], new.spec, sizes.iter().map(|s| s.spec).collect()),
        };
        let after = &expected["replicasAfter"];
        assert_eq!(new_after, int(&after["new"]), "{case}: new set of {input}");
        for (set, size) in old.iter().zip(old_after) {
            let name = set["name"].as_str().expect("a name");
            assert_eq!(size, int(&after[name]), "{case}: {name} of {input}");
        }
        assert_eq!(serde_json::json!(scaled), expected["scaled"], "{case}: scaled of {input}");
    });
}
