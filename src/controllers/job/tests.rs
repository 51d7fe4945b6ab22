//! Worked examples of kubernetes-behaviour §3.5, and what recordings do not show.

use super::pods::to_remove;
use super::*;
use crate::base::map::{Interner, Symbol};
use crate::base::time::{SimDuration, SimTime};
use crate::state::{ConditionStatus, Phase};

fn at(secs: u64) -> SimTime {
    SimTime::from_secs(secs)
}

fn span(secs: u64) -> SimDuration {
    SimDuration::from_secs(secs)
}

fn pod(id: usize, phase: Phase) -> JobPod<'static, usize> {
    JobPod {
        id,
        phase,
        deleted: false,
        tracked: true,
        ready: phase == Phase::Running,
        index: None,
        failures: 0,
        ignored_failures: 0,
        finished_at: at(0),
        restarts: 0,
        assigned: true,
        ready_since: at(0),
        most_restarts: 0,
        created: at(0),
        facts: PodFacts::default(),
    }
}

fn job(spec: JobSpec) -> Job<usize> {
    Job { spec, status: JobStatus::default(), deleted: false }
}

const NEW: (Release, bool) = (Release::V1_34, true);

/// Syncs, and takes over the status that is written.
fn step(job: &mut Job<usize>, pods: &[JobPod<'_, usize>], now: u64) -> JobOutcome<usize> {
    let out = sync(job, pods, &mut JobMemory::default(), NEW, at(now));
    if let Some(status) = out.status.as_ref().or(out.first_status.as_ref()) {
        job.status = status.clone();
    }
    out
}

fn told(job: &Job<usize>) -> Vec<(&'static str, &'static str)> {
    job.status.conditions.iter().map(|of| (of.kind.name(), of.reason.name())).collect()
}

#[test]
fn failures_at_0_and_11_are_replaced_at_10_and_31() {
    let first = BackoffRecord::default().after(&[], &[at(0)]);
    assert_eq!(first.left(at(0)), span(10));
    assert_eq!(first.left(at(10)), SimDuration::ZERO);
    let second = first.after(&[], &[at(11)]);
    assert_eq!(second.left(at(11)), span(20));
    assert_eq!(second.left(at(31)), SimDuration::ZERO);
    // Ten minutes at most, in the code; six in the documentation.
    assert_eq!(backoff_left(7, Some(at(100)), at(100)), span(600));
    assert_eq!(backoff_left(u32::MAX, Some(at(100)), at(100)), span(600));
    assert_eq!(backoff_left(0, None, at(100)), SimDuration::ZERO);
    // A success forgets what ended before it or with it.
    assert_eq!(second.after(&[at(20)], &[at(20), at(19)]), BackoffRecord::default());
    assert_eq!(second.after(&[at(20)], &[at(21), at(19)]).failures, 1);
}

#[test]
fn the_first_rule_that_fits_decides() {
    let mut names = Interner::new();
    let (main, side) = (names.intern("main"), names.intern("side"));
    let (disrupted, other) = (names.intern("DisruptionTarget"), names.intern("Other"));
    let codes = |container, not_in, values: &[i32]| On::ExitCodes {
        container,
        not_in,
        values: values.to_vec(),
    };
    let rules = [
        Rule { on: codes(Some(main), false, &[42]), action: Action::FailJob },
        Rule {
            on: On::Conditions(vec![(disrupted, ConditionStatus::True)]),
            action: Action::Ignore,
        },
        Rule { on: codes(None, true, &[1, 2]), action: Action::FailIndex },
    ];
    let exit = |container, code| Exit { container, code };
    let of = |exits: &[Exit], conditions: &[(Symbol, ConditionStatus)]| {
        let found = policy_match(&rules, PodFacts { exits, conditions });
        found.map(|found| (found.rule, found.action, found.counts()))
    };
    let yes = (disrupted, ConditionStatus::True);
    assert_eq!(of(&[exit(main, 42)], &[yes]), Some((0, Action::FailJob, true)));
    assert_eq!(of(&[exit(side, 42)], &[yes]), Some((1, Action::Ignore, false)));
    assert_eq!(of(&[exit(side, 42)], &[]), Some((2, Action::FailIndex, true)));
    assert_eq!(of(&[exit(side, 1)], &[(other, ConditionStatus::True)]), None);
    assert_eq!(of(&[exit(main, 0)], &[(disrupted, ConditionStatus::False)]), None);
    let facts = PodFacts { exits: &[exit(side, 0), exit(main, 42)], conditions: &[] };
    let found = policy_match(&rules, facts).unwrap();
    assert_eq!(
        found.message("ns/p", |name| names.resolve(name).to_owned()),
        "Container main for pod ns/p failed with exit code 42 matching FailJob rule at index 0"
    );
}

#[test]
fn a_job_fails_in_two_steps() {
    let mut job = job(JobSpec { backoff_limit: 0, parallelism: 2, ..JobSpec::default() });
    job.spec.completions = Some(2);
    let (failed, running) = (pod(0, Phase::Failed), pod(1, Phase::Running));
    let out = step(&mut job, &[failed, running], 5);
    assert_eq!(out.delete, [Deletion { pod: 1, release_first: false }]);
    assert_eq!(out.release, [0, 1], "the deleted pod counts as failed");
    assert_eq!(told(&job), [("FailureTarget", "BackoffLimitExceeded")]);
    let status = &job.status;
    assert_eq!((status.active, status.ready, status.terminating), (0, Some(0), Some(1)));
    assert_eq!((status.failed, out.events.len()), (2, 0));
    // Its pod terminates, then it is over.
    let terminating = JobPod { deleted: true, tracked: false, ..running };
    let gone = JobPod { tracked: false, ..failed };
    assert_eq!(step(&mut job, &[gone, terminating], 6), JobOutcome::default());
    let ended = JobPod { phase: Phase::Failed, ..terminating };
    let out = step(&mut job, &[gone, ended], 7);
    assert_eq!(out.events, [JobEvent::Failed(Reason::BackoffLimitExceeded)]);
    let last = ("Failed", "BackoffLimitExceeded");
    assert_eq!(told(&job), [("FailureTarget", "BackoffLimitExceeded"), last]);
    assert_eq!(step(&mut job, &[], 9), JobOutcome::default());
}

#[test]
fn a_job_of_1_29_ends_at_once() {
    let job = job(JobSpec { backoff_limit: 0, ..JobSpec::default() });
    let pods = [pod(0, Phase::Failed), pod(1, Phase::Running)];
    let old = (Release::V1_29, true);
    let out = sync(&job, &pods, &mut JobMemory::default(), old, at(5));
    let status = out.status.unwrap();
    assert_eq!(status.ending().map(|end| end.kind), Some(ConditionKind::Failed));
    assert_eq!((status.active, status.ready, status.terminating), (0, Some(1), Some(0)));
}

#[test]
fn while_a_failed_pod_is_not_replaced_the_others_are_active() {
    let spec = JobSpec { parallelism: 2, completions: Some(2), ..JobSpec::default() };
    let pods = [JobPod { finished_at: at(5), ..pod(0, Phase::Failed) }, pod(1, Phase::Running)];
    for (release, active) in [(Release::V1_29, 0), (Release::V1_34, 1)] {
        let mut memory = JobMemory::default();
        let out = sync(&job(spec.clone()), &pods, &mut memory, (release, true), at(6));
        assert_eq!(out.again_after, Some(span(9)));
        assert_eq!(out.status.unwrap().active, active);
        assert_eq!(memory.backoff.failures, 1);
        assert!(out.create.is_empty());
    }
}

#[test]
fn a_job_completes_in_two_conditions() {
    let mut job = job(JobSpec::default());
    assert_eq!(step(&mut job, &[], 0).create.len(), 1);
    assert_eq!(job.status.started, Some(at(0)));
    let out = step(&mut job, &[pod(0, Phase::Succeeded)], 8);
    let reason = "CompletionsReached";
    assert_eq!(told(&job), [("SuccessCriteriaMet", reason), ("Complete", reason)]);
    assert_eq!(out.events, [JobEvent::Completed]);
    assert_eq!((job.status.completed, job.status.succeeded), (Some(at(8)), 1));
}

#[test]
fn a_success_policy_ends_a_job_early() {
    let rules = vec![
        SuccessRule { indexes: Indexes::parse("1-2", 5), count: None },
        SuccessRule { indexes: None, count: Some(3) },
    ];
    let mut job = job(JobSpec {
        parallelism: 5,
        completions: Some(5),
        indexed: true,
        success_policy: Some(rules),
        ..JobSpec::default()
    });
    let with = |index, phase| {
        let id = usize::try_from(index).unwrap();
        JobPod { index: Some(index), ..pod(id, phase) }
    };
    let done = |upto: u32| -> Vec<JobPod<'static, usize>> {
        (0..5)
            .map(|at| with(at, if at < upto { Phase::Succeeded } else { Phase::Running }))
            .collect()
    };
    assert!(step(&mut job, &done(2), 3).delete.is_empty());
    assert_eq!(job.status.completed_indexes.to_string(), "0,1");
    let out = step(&mut job, &done(3), 4);
    assert_eq!(out.delete.iter().map(|of| of.pod).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(told(&job), [("SuccessCriteriaMet", "SuccessPolicy")]);
    assert_eq!(job.status.failed, 0, "pods that are not needed have not failed");
    let message = job.status.conditions[0].reason.message(usize::to_string, |_| String::new());
    assert_eq!(message, "Matched rules at index 0");
    let mut ended = done(5);
    ended.iter_mut().for_each(|pod| pod.tracked = false);
    step(&mut job, &ended, 6);
    assert_eq!(told(&job)[1..], [("Complete", "SuccessPolicy")]);
}

#[test]
fn a_suspended_job_deletes_its_pods_and_starts_anew() {
    let spec = JobSpec { active_deadline: Some(span(10)), ..JobSpec::default() };
    let mut job = job(spec);
    step(&mut job, &[], 0);
    job.spec.suspend = true;
    let out = step(&mut job, &[pod(0, Phase::Running)], 6);
    assert_eq!(out.delete, [Deletion { pod: 0, release_first: true }]);
    assert_eq!((out.events, out.again_after), (vec![JobEvent::Suspended], None));
    assert_eq!((job.status.terminating, job.status.failed), (Some(1), 0));
    job.spec.suspend = false;
    let out = step(&mut job, &[], 9);
    assert_eq!((out.events, out.create.len()), (vec![JobEvent::Resumed], 1));
    assert_eq!(job.status.started, Some(at(9)));
    assert_eq!(step(&mut job, &[pod(1, Phase::Running)], 15).again_after, Some(span(4)));
    step(&mut job, &[pod(1, Phase::Running)], 19);
    assert_eq!(told(&job)[1..], [("FailureTarget", "DeadlineExceeded")]);
}

#[test]
fn a_terminating_pod_is_replaced_at_once_or_when_it_has_ended() {
    let terminating = JobPod { deleted: true, index: Some(0), ..pod(0, Phase::Running) };
    for indexed in [false, true] {
        for replacement in [PodReplacement::TerminatingOrFailed, PodReplacement::Failed] {
            let mut job = job(JobSpec { indexed, replacement, ..JobSpec::default() });
            // Taken for failed it starts the back-off, else it holds its place.
            let out = step(&mut job, &[terminating], 4);
            assert!(out.create.is_empty());
            let failed = u32::from(replacement == PodReplacement::TerminatingOrFailed);
            assert_eq!((job.status.failed, job.status.terminating), (failed, Some(1)));
            assert_eq!(out.again_after.is_some(), failed == 1);
            let counted = JobPod { tracked: failed == 0, ..terminating };
            let later = step(&mut job, &[counted], 30);
            assert_eq!(later.create.len() == 1, failed == 1, "{replacement:?}");
        }
    }
}

#[test]
fn restarts_on_the_node_count_as_failures() {
    let spec = JobSpec { restart_on_failure: true, backoff_limit: 3, ..JobSpec::default() };
    for (restarts, fails) in [(2, false), (3, true)] {
        let mut job = job(spec.clone());
        step(&mut job, &[JobPod { restarts, ..pod(0, Phase::Running) }], 1);
        assert_eq!(!told(&job).is_empty(), fails);
    }
}

#[test]
fn without_completions_one_success_is_enough_and_the_rest_is_awaited() {
    let mut job = job(JobSpec { parallelism: 3, completions: None, ..JobSpec::default() });
    assert_eq!(step(&mut job, &[], 0).create.len(), 3);
    let pods = [pod(0, Phase::Succeeded), pod(1, Phase::Running)];
    assert_eq!(step(&mut job, &pods, 1).create.len(), 0);
    assert!(told(&job).is_empty());
    let counted = JobPod { tracked: false, ..pods[0] };
    step(&mut job, &[counted, pod(1, Phase::Succeeded)], 2);
    assert_eq!(told(&job).len(), 2);
}

#[test]
fn nothing_is_created_before_earlier_writes_are_seen() {
    let job = job(JobSpec::default());
    let blind = (Release::V1_34, false);
    let out = sync(&job, &[], &mut JobMemory::default(), blind, at(1));
    assert!(out.create.is_empty() && out.events.is_empty());
}

#[test]
fn surplus_pods_go_in_order() {
    let base = JobPod { ready_since: at(50), ..pod(0, Phase::Running) };
    let list = [
        base,
        JobPod { id: 1, ready_since: at(60), ..base },
        JobPod { id: 2, created: at(9), ..base },
        JobPod { id: 3, most_restarts: 2, ..base },
        JobPod { id: 4, ready: false, ..base },
        JobPod { id: 5, ready: false, phase: Phase::Pending, ..base },
        JobPod { id: 6, ready: false, phase: Phase::Pending, assigned: false, ..base },
    ];
    let pods: Vec<_> = list.iter().collect();
    assert_eq!(to_remove(&pods, 7, None), [6, 5, 4, 1, 3, 2, 0]);
    // Of an index one stays, the last in that order; pods without a valid one go.
    let place = |at: usize, index| JobPod { index, ..list[at] };
    let list = [place(4, Some(1)), place(0, Some(1)), place(1, Some(7)), place(2, None)];
    let pods: Vec<_> = list.iter().collect();
    let mut gone = to_remove(&pods, 0, Some(3));
    gone.sort_unstable();
    assert_eq!(gone, [0, 2, 3]);
    assert_eq!(to_remove(&pods, 4, Some(3)).len(), 4);
}

#[test]
fn a_job_that_has_ended_lives_for_its_time() {
    let mut job = job(JobSpec { ttl_after_finished: Some(span(100)), ..JobSpec::default() });
    assert_eq!(expires_at(&job.spec, &job.status), None);
    step(&mut job, &[pod(0, Phase::Succeeded)], 8);
    assert_eq!(expires_at(&job.spec, &job.status), Some(at(108)));
}

#[test]
fn the_end_of_a_pod_is_known_from_several_facts() {
    let facts = EndFacts {
        containers: Some(at(4)),
        not_ready_since: Some(at(5)),
        deleted: Some(at(6)),
        created: at(1),
    };
    assert_eq!(finished_at(facts), at(4));
    assert_eq!(finished_at(EndFacts { containers: None, ..facts }), at(5));
    let deleted = EndFacts { containers: None, not_ready_since: None, ..facts };
    assert_eq!(finished_at(deleted), at(6));
    assert_eq!(finished_at(EndFacts { deleted: None, ..deleted }), at(1));
}
