//! Tests of the probe worker: thresholds, delays, gating, holds.

use super::*;
use crate::base::time::SimDuration;
use crate::model::ProbeHandler;

fn spec(success_threshold: u32, failure_threshold: u32) -> ProbeSpec {
    ProbeSpec {
        handler: ProbeHandler::HttpGet,
        initial_delay: SimDuration::ZERO,
        period: SimDuration::from_secs(10),
        timeout: SimDuration::from_secs(1),
        success_threshold,
        failure_threshold,
        termination_grace: None,
    }
}

fn seen(started: bool) -> Sighting {
    Sighting { instance: 1, running: true, started, started_at: SimTime::ZERO, deleting: false }
}

fn letter(verdict: Verdict) -> char {
    match verdict {
        Verdict::Unknown => 'U',
        Verdict::Success => 'S',
        Verdict::Failure => 'F',
    }
}

/// What is published after each tick, given raw results; `-` where the tick executes nothing.
fn published(kind: ProbeKind, spec: &ProbeSpec, raw: &str) -> String {
    let mut worker = ProbeWorker::new(kind);
    let now = SimTime::from_secs(60);
    raw.chars()
        .map(|raw| match worker.begin(&seen(kind != ProbeKind::Startup), spec, now).0 {
            Step::Execute => {
                worker.finish(raw == 'S', spec);
                letter(worker.published(1))
            }
            Step::Wait | Step::End => '-',
        })
        .collect()
}

#[test]
fn results_are_published_when_their_run_reaches_the_threshold() {
    use ProbeKind::{Liveness, Readiness, Startup};
    let cases = [
        (Readiness, spec(1, 3), "SFFSFFFFS", "SSSSSSFFS"),
        (Readiness, spec(2, 1), "SSFSFSSF", "FSFFFFSF"),
        (Readiness, spec(3, 2), "SSFSSSFFSSS", "FFFFFSSFFFS"),
        (Liveness, spec(1, 3), "SFFSFFFS", "SSSSSSF-"),
        (Liveness, spec(1, 1), "FSSS", "F---"),
        (Startup, spec(1, 3), "FFSF", "UUS-"),
        (Startup, spec(1, 3), "FFFS", "UUF-"),
    ];
    for (kind, spec, raw, expected) in cases {
        assert_eq!(published(kind, &spec, raw), expected, "{kind:?} {raw}");
    }
}

#[test]
fn before_anything_is_known_each_kind_has_its_initial_result() {
    let initial = [ProbeKind::Startup, ProbeKind::Liveness, ProbeKind::Readiness]
        .map(|kind| letter(ProbeWorker::new(kind).published(1)));
    assert_eq!(initial, ['U', 'S', 'F']);
}

#[test]
fn nothing_is_executed_too_early_or_behind_the_startup_probe() {
    let delayed = ProbeSpec { initial_delay: SimDuration::from_secs(7), ..spec(1, 3) };
    let step = |kind, sighting: Sighting, spec: &ProbeSpec, at_ms| {
        let now = SimTime::ZERO + SimDuration::from_millis(at_ms);
        ProbeWorker::new(kind).begin(&sighting, spec, now).0
    };
    let readiness = ProbeKind::Readiness;
    assert_eq!(step(readiness, seen(true), &delayed, 6_999), Step::Wait);
    assert_eq!(step(readiness, seen(true), &delayed, 7_000), Step::Execute);
    assert_eq!(step(readiness, seen(false), &spec(1, 3), 60_000), Step::Wait);
    assert_eq!(step(ProbeKind::Liveness, seen(false), &spec(1, 3), 60_000), Step::Wait);
    assert_eq!(step(ProbeKind::Startup, seen(false), &spec(1, 3), 60_000), Step::Execute);
    assert_eq!(step(ProbeKind::Startup, seen(true), &spec(1, 3), 60_000), Step::Wait);
    let none = Sighting { instance: 0, ..seen(true) };
    assert_eq!(step(readiness, none, &spec(1, 3), 60_000), Step::Wait);
}

#[test]
fn a_pod_that_is_deleted_is_killed_by_no_probe_but_stays_watched() {
    let going = Sighting { deleting: true, ..seen(true) };
    let now = SimTime::from_secs(60);
    let step = |kind| ProbeWorker::new(kind).begin(&going, &spec(1, 3), now).0;
    assert_eq!(step(ProbeKind::Liveness), Step::End);
    assert_eq!(step(ProbeKind::Readiness), Step::Execute);
}

#[test]
fn a_worker_on_hold_goes_on_with_the_next_instance() {
    let (spec, now) = (spec(1, 1), SimTime::from_secs(60));
    let mut worker = ProbeWorker::new(ProbeKind::Liveness);
    assert_eq!(worker.begin(&seen(true), &spec, now), (Step::Execute, true));
    assert!(worker.finish(false, &spec));
    assert!(worker.is_on_hold());
    assert_eq!(worker.begin(&seen(true), &spec, now), (Step::Wait, false));
    let next = Sighting { instance: 2, ..seen(true) };
    assert_eq!(worker.published(2), Verdict::Success, "nothing is known of the new instance");
    assert_eq!(worker.begin(&next, &spec, now), (Step::Execute, true));
}

#[test]
fn a_run_of_results_goes_on_with_the_next_instance() {
    let (spec, now) = (spec(3, 3), SimTime::from_secs(60));
    let mut worker = ProbeWorker::new(ProbeKind::Readiness);
    for (instance, raw, expected) in [(1, "SS", "FF"), (2, "SFF", "SSS"), (3, "FS", "FF")] {
        for (raw, expected) in raw.chars().zip(expected.chars()) {
            worker.begin(&Sighting { instance, ..seen(true) }, &spec, now);
            worker.finish(raw == 'S', &spec);
            assert_eq!(letter(worker.published(instance)), expected, "{instance} {raw}");
        }
    }
}

#[test]
fn a_container_that_does_not_run_is_a_failure_without_a_probe() {
    let mut worker = ProbeWorker::passing(ProbeKind::Readiness);
    let gone = Sighting { running: false, ..seen(false) };
    assert_eq!(worker.begin(&gone, &spec(1, 3), SimTime::from_secs(60)), (Step::Wait, false));
    assert_eq!(worker.published(1), Verdict::Failure);
}
