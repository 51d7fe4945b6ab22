//! What holds in every second of any history of a Job.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::failure_policy::{Action, On, Rule};
use super::super::object::{ConditionKind, PodReplacement};
use super::*;

const CONTAINER: usize = 0;
const DISRUPTION_TARGET: usize = 1;

fn symbol(at: usize) -> Symbol {
    Symbol::from_index(at)
}

fn fate() -> impl Strategy<Value = Fate> {
    (1_u64..12, 0_i32..4, prop::bool::weighted(0.2)).prop_map(|(after_s, code, disrupted)| Fate {
        after_s,
        code: code % 3,
        disrupted,
    })
}

fn rule() -> impl Strategy<Value = Rule> {
    let on = prop_oneof![
        (prop::bool::ANY, prop::collection::vec(0_i32..4, 1..3)).prop_map(|(not_in, values)| {
            On::ExitCodes { container: Some(symbol(CONTAINER)), not_in, values }
        }),
        Just(On::Conditions(vec![(symbol(DISRUPTION_TARGET), ConditionStatus::True)])),
    ];
    (on, 0..4_usize).prop_map(|(on, action)| Rule { on, action: Action::ALL[action] })
}

fn spec() -> impl Strategy<Value = JobSpec> {
    let limits = (
        0_u32..5,
        prop::option::of(0_u32..3),
        prop::option::of(0_u32..3),
        prop::option::of(5_u64..60),
    );
    let policy = prop::option::of(prop::collection::vec(rule(), 1..3));
    ((1_u32..5, 1_u32..7), prop::bool::ANY, prop::bool::ANY, limits, policy).prop_map(
        |((parallelism, completions), indexed, open, limits, failure_policy)| {
            let (backoff_limit, per_index, max_failed, deadline) = limits;
            let per_index = per_index.filter(|_| indexed);
            JobSpec {
                parallelism,
                completions: (indexed || !open).then_some(completions),
                indexed,
                backoff_limit: if per_index.is_some() { 1 << 31 } else { backoff_limit },
                backoff_limit_per_index: per_index,
                max_failed_indexes: max_failed.filter(|_| per_index.is_some()),
                active_deadline: deadline.map(SimDuration::from_secs),
                replacement: if failure_policy.is_some() || open {
                    PodReplacement::Failed
                } else {
                    PodReplacement::TerminatingOrFailed
                },
                failure_policy,
                ..JobSpec::default()
            }
        },
    )
}

fn history() -> impl Strategy<Value = JobHistory> {
    let fates = prop::collection::vec(prop::collection::vec(fate(), 1..5), 7);
    let pause = prop::option::of((1_u64..30, 1_u64..20));
    (spec(), fates, pause, prop::bool::ANY).prop_map(|(spec, fates, pause, old)| JobHistory {
        fates: if spec.indexed { Fates::PerIndex(fates) } else { Fates::InOrder(fates.concat()) },
        spec,
        release: if old { Release::V1_29 } else { Release::V1_34 },
        suspend: pause
            .iter()
            .flat_map(|&(from, pause)| [(from, true), (from + pause, false)])
            .collect(),
        container: symbol(CONTAINER),
        disruption_target: symbol(DISRUPTION_TARGET),
        limit_s: 200,
    })
}

/// Looks at a Job and its pods between two syncs.
fn check(run: &Run<'_>, before: &JobStatus<usize>) -> Result<(), TestCaseError> {
    let spec = &run.job.spec;
    let active: Vec<&Pod> = run
        .pods
        .iter()
        .filter(|pod| !pod.gone && !pod.phase.is_terminal() && pod.deleted_at.is_none())
        .collect();
    prop_assert!(active.len() <= usize::try_from(spec.parallelism).unwrap());
    if spec.indexed {
        let indexes: BTreeSet<_> = active.iter().map(|pod| pod.created.pod.index).collect();
        prop_assert_eq!(indexes.len(), active.len(), "one active pod for each index");
        let all = spec.completions.unwrap();
        prop_assert!(indexes.iter().all(|index| index.is_some_and(|index| index < all)));
    }
    if spec.replacement == PodReplacement::Failed {
        // Pods that terminate count as well.
        let alive: Vec<&Pod> = run.pods.iter().filter(|pod| !pod.phase.is_terminal()).collect();
        prop_assert!(alive.len() <= usize::try_from(spec.parallelism).unwrap());
        let indexes: BTreeSet<_> = alive.iter().map(|pod| pod.created.pod.index).collect();
        prop_assert!(!spec.indexed || indexes.len() == alive.len());
    }
    let status = &run.job.status;
    prop_assert!(status.failed >= before.failed && status.succeeded >= before.succeeded);
    prop_assert!(status.uncounted.is_empty(), "finalizers are removed at once");
    let holds = |kind| status.holds(kind).is_some();
    prop_assert!(!(holds(ConditionKind::Complete) && holds(ConditionKind::Failed)));
    if let Some(end) = status.ending() {
        prop_assert!(active.is_empty());
        let complete = end.kind == ConditionKind::Complete;
        if complete && let Some(all) = spec.completions {
            prop_assert!(status.succeeded >= all);
        }
        if run.history.release == Release::V1_34 {
            let (first, last) = if complete {
                (ConditionKind::SuccessCriteriaMet, ConditionKind::Complete)
            } else {
                (ConditionKind::FailureTarget, ConditionKind::Failed)
            };
            prop_assert!(holds(first) && holds(last), "{:?}", status.conditions);
            let live = run.pods.iter().any(|pod| !pod.phase.is_terminal());
            prop_assert!(!live, "nothing terminates any more");
            prop_assert_eq!(status.terminating, Some(0));
            prop_assert!(run.pods.iter().all(|pod| !pod.tracked), "all finalizers are gone");
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_index_has_two_active_pods_and_parallelism_holds(
        history in history(),
        deletions in prop::collection::btree_map(1_u64..60, 0_usize..4, 0..6),
    ) {
        let spec = history.spec.clone();
        let job = Job { spec, status: JobStatus::default(), deleted: false };
        let memory = JobMemory::default();
        let mut run = Run { history: &history, job, memory, pods: Vec::new() };
        for t in 0..=history.limit_s {
            if let Some((_, suspend)) = history.suspend.iter().find(|(at, _)| *at == t) {
                run.job.spec.suspend = *suspend;
            }
            run.pods.iter_mut().for_each(|pod| pod.proceed(t, &history));
            if let Some(nth) = deletions.get(&t) {
                // Somebody deletes a pod.
                let mut live = run.pods.iter_mut().filter(|pod| !pod.phase.is_terminal());
                if let Some(pod) = live.nth(*nth) {
                    pod.deleted_at = pod.deleted_at.or(Some(t));
                }
            }
            for _ in 0..SYNCS {
                let before = run.job.status.clone();
                run.sync(t);
                check(&run, &before)?;
            }
            // The fourth sync finds nothing to do.
            let before = run.job.status.clone();
            let pods = run.pods.len();
            run.sync(t);
            prop_assert_eq!(&before, &run.job.status);
            prop_assert_eq!(pods, run.pods.len());
        }
    }
}
