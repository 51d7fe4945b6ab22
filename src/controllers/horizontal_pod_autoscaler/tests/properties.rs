//! What holds for every autoscaler, whatever its metrics ask for.

use proptest::prelude::*;

use super::*;

/// Policies of both directions, with the same periods.
fn behaviors() -> impl Strategy<Value = Behavior> {
    let select = prop_oneof![
        3 => Just(SelectPolicy::Max),
        2 => Just(SelectPolicy::Min),
        1 => Just(SelectPolicy::Disabled),
    ];
    let step = prop_oneof![(1..8).prop_map(Step::Pods), (5..150).prop_map(Step::Percent)];
    let policy = (prop::sample::select(vec![15_u64, 30, 60, 180]), step.clone(), step);
    let window = prop::sample::select(vec![0_u64, 15, 60, 300]);
    let rules = (window.clone(), window, select.clone(), select);
    (prop::collection::vec(policy, 1..4), rules).prop_map(|(policies, rules)| {
        let (window_up, window_down, select_up, select_down) = rules;
        let of = |down: bool| {
            let policy = |(period, up_step, down_step): &(u64, Step, Step)| ScalingPolicy {
                step: if down { *down_step } else { *up_step },
                period: SimDuration::from_secs(*period),
            };
            policies.iter().map(policy).collect()
        };
        let window = |seconds| Some(SimDuration::from_secs(seconds));
        Behavior {
            up: Rules { window: window(window_up), select: select_up, policies: of(false) },
            down: Rules { window: window(window_down), select: select_down, policies: of(true) },
        }
    })
}

fn steps() -> impl Strategy<Value = Vec<SequenceStep>> {
    let step = (prop::sample::select(vec![5_u64, 15, 15, 40]), 0_i64..40);
    prop::collection::vec(step, 1..60).prop_map(|steps| {
        let mut at = SimDuration::ZERO;
        let taken = steps.into_iter().map(|(wait, wanted)| {
            at += SimDuration::from_secs(wait);
            let metric_milli = wanted * 1000;
            SequenceStep { at, metric_milli, set_before: None, set_after: None }
        });
        taken.collect()
    })
}

/// Replicas just after an instant, by what was seen.
fn replicas_at(history: &[(SimDuration, i32)], initial: i32, at: SimDuration) -> i32 {
    history.iter().rev().find(|(when, _)| *when <= at).map_or(initial, |(_, replicas)| *replicas)
}

/// What a policy lets the replicas become. Where a percentage comes out whole, the float may be a
/// little beyond it and so allow one replica more.
fn allowed(step: Step, start: i32, up: bool) -> i32 {
    let start = i64::from(start);
    let bound = match (step, up) {
        (Step::Pods(pods), true) => start + i64::from(pods),
        (Step::Pods(pods), false) => start - i64::from(pods),
        (Step::Percent(percent), true) => start * (100 + i64::from(percent)) / 100 + 1,
        (Step::Percent(percent), false) => (start * (100 - i64::from(percent)) - 1).div_euclid(100),
    };
    i32::try_from(bound).unwrap()
}

proptest! {
    #[test]
    fn bounds_window_and_policies_hold(
        behavior in proptest::option::weighted(0.8, behaviors()),
        steps in steps(),
        initial in 2_i32..30,
        (min, max) in (1..10, 10..40),
    ) {
        let mut hpa = autoscaler(vec![queue_length(1000)], behavior);
        (hpa.min_replicas, hpa.max_replicas) = (min, max);
        let initial = initial.clamp(min, max);
        let taken = sequence(&hpa, &Settings::default(), initial, &steps);
        let five_minutes = Settings::default().downscale_stabilization;
        let down_window = match &hpa.behavior {
            Some(behavior) => behavior.down.window.unwrap(),
            None => five_minutes,
        };
        let (mut history, mut asked) = (Vec::new(), Vec::new());
        for (step, taken) in steps.iter().zip(&taken) {
            let (at, before, after) = (step.at, taken.before, taken.after);
            prop_assert!((min..=max).contains(&after), "{after} at {at}");
            asked.push((at, taken.recommended));
            if after < before {
                let recent = asked.iter().filter(|(when, _)| *when + down_window > at);
                let highest = recent.map(|(_, replicas)| *replicas).max();
                let highest = highest.unwrap_or(taken.recommended);
                prop_assert!(after >= highest, "{after} below {highest} at {at}");
            }
            match &hpa.behavior {
                Some(behavior) => {
                    within_policies(behavior, &history, initial, at, (before, after))?;
                }
                None => prop_assert!(after <= (2 * before).max(4)),
            }
            history.push((at, after));
        }
    }
}

fn within_policies(
    behavior: &Behavior,
    history: &[(SimDuration, i32)],
    initial: i32,
    at: SimDuration,
    (before, after): (i32, i32),
) -> Result<(), TestCaseError> {
    let up = after > before;
    if after == before {
        return Ok(());
    }
    let rules = if up { &behavior.up } else { &behavior.down };
    let bounds = rules.policies.iter().map(|policy| {
        let start = match at.as_nanos().checked_sub(policy.period.as_nanos()) {
            Some(start) => replicas_at(history, initial, SimDuration::from_nanos(start)),
            None => initial,
        };
        allowed(policy.step, start, up)
    });
    let changes = bounds.map(|bound| if up { bound - before } else { before - bound });
    let most = match rules.select {
        SelectPolicy::Max => changes.max(),
        SelectPolicy::Min => changes.min(),
        SelectPolicy::Disabled => None,
    };
    let change = (after - before).abs();
    prop_assert!(most.is_some_and(|most| change <= most), "{before} to {after} at {at}");
    Ok(())
}
