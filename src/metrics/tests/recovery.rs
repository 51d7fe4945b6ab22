//! How workloads come through faults, computed by hand.

use super::fixture::{N0, N1, Story, WEB, check, model_with, secs, value, zone_a};
use crate::metrics::RunMetrics;
use crate::model::{FailureMode, FaultKind, Share, TemplateId};
use crate::record::{DeletionCause, ExitCause, Fact};
use crate::tables::RecoveryRow;

fn crash_n0() -> (FaultKind, &'static str) {
    (FaultKind::NodeCrash { nodes: vec![N0] }, "node n0")
}

fn hang(template: u32) -> (FaultKind, &'static str) {
    let kind = FaultKind::ContainerFault {
        templates: vec![TemplateId::from_raw(template)],
        container: None,
        mode: FailureMode::Hang,
        share: Share(1000),
        lasting: false,
    };
    (kind, "shop/web")
}

/// `detect + reschedule + start + ready = time_to_whole`, and whether it was censored.
fn parts(row: &RecoveryRow) -> ([Option<f64>; 5], bool) {
    let parts = [
        row.detect_seconds,
        row.reschedule_seconds,
        row.start_seconds,
        row.ready_seconds,
        row.time_to_whole_seconds,
    ];
    (parts, row.censored)
}

fn only(metrics: &RunMetrics) -> ([Option<f64>; 5], bool) {
    assert_eq!(metrics.recovery.len(), 1, "{:?}", metrics.recovery);
    parts(&metrics.recovery[0])
}

/// Zone `a` dies at 100 s; noticed at 140 s, evicted at 200 s, replaced at 201 s.
fn outage() -> Story {
    let mut story = Story::settled();
    story.begin(100, 0, 0).n0_dies(100).ready(140, 0, false);
    story.terminate(200, 0, DeletionCause::TaintManager).create(201, 2);
    story
}

#[test]
fn a_zone_outage_is_detected_rescheduled_and_recovered() {
    let mut story = outage();
    story.bind(203, 2, N1).up(211, 2);
    let metrics = story.digest(&model_with(300, vec![zone_a()]));
    let whole = ([Some(40.0), Some(63.0), Some(8.0), Some(0.0), Some(111.0)], false);
    assert_eq!(only(&metrics), whole);
    assert_eq!(metrics.recovery[0].replicas_lost, 1);
    assert_eq!(metrics.recovery[0].workload, "shop/web");
    assert_eq!(metrics.faults[0].target, "a");
    assert_eq!(metrics.faults[0].end_seconds, None);
    let fault = ("fault", "zoneOutage/a");
    check(
        &metrics,
        &[
            ("time_to_whole_seconds", &[fault, ("quantile", "0.5")], 111.0),
            ("time_to_whole_seconds", &[fault, ("quantile", "1")], 111.0),
            ("time_to_whole_seconds", &[("quantile", "0.95")], 111.0),
            ("recovery_detect_seconds", &[], 40.0),
            ("recovery_reschedule_seconds", &[], 63.0),
            ("recovery_start_seconds", &[], 8.0),
            ("recovery_ready_seconds", &[], 0.0),
            ("recovery_censored_total", &[], 0.0),
            ("replicas_lost_total", &[], 1.0),
            ("workloads_affected_total", &[fault], 1.0),
            ("pods_evicted_total", &[], 1.0),
        ],
    );
}

#[test]
fn unfinished_recoveries_are_lower_bounds() {
    // Whole since 211 s, but the run ends before that has held for 30 s.
    let mut ready = outage();
    ready.bind(203, 2, N1).up(211, 2);
    let metrics = ready.digest(&model_with(230, vec![zone_a()]));
    assert_eq!(
        only(&metrics),
        ([Some(40.0), Some(63.0), Some(8.0), Some(19.0), Some(130.0)], true)
    );
    check(
        &metrics,
        &[
            ("recovery_censored_total", &[], 1.0),
            ("time_to_whole_seconds", &[("quantile", "0.95")], 130.0),
        ],
    );
    // Its containers do not run by then: the start is a lower bound.
    let mut starting = outage();
    starting.bind(203, 2, N1);
    let metrics = starting.digest(&model_with(230, vec![zone_a()]));
    assert_eq!(only(&metrics), ([Some(40.0), Some(63.0), Some(27.0), None, Some(130.0)], true));
    // The replacement is not even bound.
    let metrics = outage().digest(&model_with(230, vec![zone_a()]));
    assert_eq!(only(&metrics), ([Some(40.0), Some(90.0), None, None, Some(130.0)], true));
    // Nobody noticed.
    let mut unseen = Story::settled();
    unseen.begin(100, 0, 0).n0_dies(100);
    let metrics = unseen.digest(&model_with(130, vec![zone_a()]));
    assert_eq!(only(&metrics), ([Some(30.0), None, None, None, Some(30.0)], true));
}

#[test]
fn thirty_seconds_whole_are_enough_and_fewer_are_not() {
    let flap = |again: u64| {
        let mut story = outage();
        story.bind(203, 2, N1).up(211, 2);
        story.ready(again, 2, false).ready(again + 5, 2, true);
        only(&story.digest(&model_with(400, vec![hang(0)])))
    };
    assert_eq!(flap(241).0[4], Some(111.0), "211 to 241 s is 30 s");
    assert_eq!(flap(240).0[4], Some(145.0), "211 to 240 s is not");
}

#[test]
fn a_restart_in_place_needs_no_rescheduling() {
    let mut story = Story::settled();
    story.begin(100, 0, 0).serve(100, 0, false);
    story.exit(130, 0, ExitCause::LivenessProbe).ready(131, 0, false);
    story.start(132, 0, 1).serve(140, 0, true).ready(141, 0, true);
    let metrics = story.digest(&model_with(300, vec![hang(0)]));
    assert_eq!(only(&metrics), ([Some(31.0), Some(0.0), Some(1.0), Some(9.0), Some(41.0)], false));
    assert_eq!(metrics.faults[0].kind, "containerFault");
    assert!(
        value(
            &metrics,
            "time_to_whole_seconds",
            &[("fault", "containerFault/shop/web"), ("quantile", "1")]
        )
        .is_some()
    );
}

#[test]
fn what_heals_unnoticed_has_no_parts() {
    let mut story = Story::settled();
    story.begin(100, 0, 0).serve(100, 0, false).serve(107, 0, true).end(107, 0, 0);
    let metrics = story.digest(&model_with(300, vec![hang(0)]));
    assert_eq!(only(&metrics), ([None, None, None, None, Some(7.0)], false));
    assert_eq!(metrics.faults[0].end_seconds, Some(107.0));
    assert_eq!(value(&metrics, "recovery_detect_seconds", &[]), None);
}

#[test]
fn a_spare_replica_makes_the_loss_harmless() {
    let mut story = Story::settled();
    story.run(10, 2, N1).begin(100, 0, 0).n0_dies(100).ready(140, 0, false);
    let metrics = story.digest(&model_with(300, vec![zone_a()]));
    assert_eq!(only(&metrics), ([None, None, None, None, Some(0.0)], false));
    assert_eq!(metrics.recovery[0].replicas_lost, 1);
}

#[test]
fn a_fault_that_hits_nothing_took_no_time() {
    let mut story = Story::settled();
    // n0 dies without a pod on it; a fault of templates that no pod has.
    story.terminate(50, 0, DeletionCause::Operator).begin(100, 0, 0).begin(100, 1, 0);
    story.serve(101, 1, false);
    let metrics = story.digest(&model_with(300, vec![crash_n0(), hang(1)]));
    assert_eq!(metrics.recovery, []);
    check(
        &metrics,
        &[
            ("time_to_whole_seconds", &[("quantile", "0.95")], 0.0),
            ("time_to_whole_seconds", &[("fault", "nodeCrash/n0"), ("quantile", "1")], 0.0),
            ("workloads_affected_total", &[("fault", "nodeCrash/n0")], 0.0),
            ("recovery_censored_total", &[], 0.0),
        ],
    );
    // A fault that never begins has no time at all.
    let calm = Story::settled().digest(&model_with(300, vec![crash_n0()]));
    assert!(calm.rows.iter().all(|row| row.metric != "time_to_whole_seconds"));
}

#[test]
fn a_workload_that_was_never_whole_is_not_whole_at_once() {
    let faults = || vec![zone_a(), hang(0), (FaultKind::SchedulerCrash, ""), hang(1)];
    let label = [("fault", "zoneOutage/a"), ("quantile", "1")];
    // One pod serves on n1; the other finds no node until the end, or until 150 s.
    let story = || {
        let mut story = Story::default();
        story.run(0, 1, N1).create(1, 0).begin(100, 0, 0).begin(100, 1, 0).begin(100, 2, 0);
        story.begin(100, 3, 0);
        story
    };
    let metrics = story().digest(&model_with(300, faults()));
    for row in &metrics.recovery {
        assert_eq!(
            parts(row),
            ([Some(0.0), Some(200.0), None, None, Some(200.0)], true),
            "{row:?}"
        );
        assert_eq!(row.replicas_lost, 0);
    }
    let faults_of: Vec<u32> = metrics.recovery.iter().map(|row| row.fault).collect();
    assert_eq!(faults_of, [0, 1, 2], "the last strikes no pod of it");
    check(&metrics, &[("time_to_whole_seconds", &label, 200.0)]);
    check(&metrics, &[("recovery_censored_total", &[], 3.0)]);
    let mut healed = story();
    healed.bind(150, 0, N1).up(160, 0);
    let metrics = healed.digest(&model_with(300, faults()));
    let healed = ([Some(0.0), Some(50.0), Some(10.0), Some(0.0), Some(60.0)], false);
    assert_eq!(metrics.recovery.iter().map(parts).collect::<Vec<_>>(), [healed; 3]);
    // A pod that starts up on a node that does not fail is out of reach.
    let mut story = Story::default();
    story.run(0, 0, N1).create(1, 1).bind(2, 1, N1).begin(100, 0, 0);
    assert_eq!(story.digest(&model_with(300, vec![zone_a()])).recovery, []);
    let mut story = Story::default();
    story.run(0, 0, N1).create(1, 1).bind(2, 1, N0).begin(100, 0, 0);
    assert_eq!(story.digest(&model_with(300, vec![zone_a()])).recovery.len(), 1);
    // Whole for a moment only, and not at the fault: what it lacks is none of the fault's doing.
    let mut story = Story::settled();
    story.at(90, Fact::ReplicasDesired { workload: WEB, replicas: 3 }).create(91, 2);
    story.begin(100, 0, 0);
    assert_eq!(story.digest(&model_with(300, vec![crash_n0()])).recovery, []);
}

#[test]
fn overlapping_faults_have_an_account_each() {
    let mut story = Story::settled();
    story.begin(100, 0, 0).n0_dies(100);
    // Meanwhile the pods that are left hang and heal.
    story.begin(110, 1, 0).serve(110, 1, false).serve(120, 1, true);
    story.ready(140, 0, false).terminate(200, 0, DeletionCause::TaintManager);
    story.create(201, 2).bind(203, 2, N1).up(211, 2);
    let metrics = story.digest(&model_with(300, vec![zone_a(), hang(0)]));
    let rows: Vec<_> = metrics.recovery.iter().map(|row| (row.fault, parts(row))).collect();
    let outage = ([Some(40.0), Some(63.0), Some(8.0), Some(0.0), Some(111.0)], false);
    // The hang is over at 120 s, but the workload is whole only when the outage is over too. Its
    // own lost pod was never acted on.
    assert_eq!(rows, [(0, outage), (1, ([None, None, None, None, Some(101.0)], false))]);
    check(
        &metrics,
        &[
            ("time_to_whole_seconds", &[("quantile", "0.5")], 106.0),
            ("time_to_whole_seconds", &[("quantile", "1")], 111.0),
        ],
    );
}

#[test]
fn occurrences_of_one_fault_are_numbered_and_share_a_label() {
    let mut story = Story::settled();
    for (number, (begin, lasts)) in [(100, 10), (200, 20), (300, 30)].into_iter().enumerate() {
        let number = u32::try_from(number).unwrap();
        story.begin(begin, 0, number).serve(begin, 0, false);
        story.serve(begin + lasts, 0, true).end(begin + lasts, 0, number);
    }
    let world = model_with(400, vec![hang(0)]);
    let metrics = story.digest(&world);
    let times: Vec<_> = metrics.recovery.iter().map(|r| r.time_to_whole_seconds).collect();
    assert_eq!(times, [Some(10.0), Some(20.0), Some(30.0)]);
    let ends: Vec<_> = metrics.faults.iter().map(|f| (f.fault, f.end_seconds)).collect();
    assert_eq!(ends, [(0, Some(110.0)), (1, Some(220.0)), (2, Some(330.0))]);
    let label = ("fault", "containerFault/shop/web");
    check(
        &metrics,
        &[
            ("time_to_whole_seconds", &[label, ("quantile", "0.5")], 20.0),
            ("workloads_affected_total", &[label], 3.0),
        ],
    );
    let mut later = world;
    later.measure_from = secs(150);
    let metrics = story.digest(&later);
    assert_eq!(metrics.recovery.len(), 3, "tables keep all");
    check(&metrics, &[("workloads_affected_total", &[label], 2.0)]);
}

#[test]
fn the_clock_of_a_control_plane_crash_starts_with_the_first_loss() {
    let crash = (FaultKind::ControllerManagerCrash, "kube-controller-manager");
    let mut story = Story::settled();
    story.begin(100, 0, 0).serve(150, 0, false).ready(155, 0, false).end(160, 0, 0);
    story.serve(170, 0, true).ready(170, 0, true);
    let metrics = story.digest(&model_with(300, vec![crash.clone()]));
    assert_eq!(only(&metrics), ([Some(5.0), Some(0.0), Some(0.0), Some(15.0), Some(20.0)], false));
    // What is lost long after its end is none of its doing.
    let mut story = Story::settled();
    story.begin(100, 0, 0).end(110, 0, 0).serve(141, 0, false);
    let metrics = story.digest(&model_with(300, vec![crash]));
    assert_eq!(metrics.recovery, []);
}

#[test]
fn rollouts_and_operators_are_no_losses() {
    let crash = (FaultKind::SchedulerCrash, "");
    let mut story = Story::settled();
    story.begin(100, 0, 0).terminate(110, 0, DeletionCause::Controller).serve(111, 0, false);
    story.terminate(120, 1, DeletionCause::Operator).serve(121, 1, false).delete(122, 1);
    let metrics = story.digest(&model_with(300, vec![crash]));
    assert_eq!(metrics.recovery, []);
    check(&metrics, &[("workloads_affected_total", &[("fault", "schedulerCrash")], 0.0)]);
}

#[test]
fn preemption_while_nodes_are_down_is_on_the_outage_s_account() {
    let mut story = Story::settled();
    story.begin(100, 0, 0).terminate(130, 1, DeletionCause::Preemption);
    let metrics = story.digest(&model_with(200, vec![zone_a()]));
    assert_eq!(only(&metrics), ([Some(30.0), Some(70.0), None, None, Some(100.0)], true));
    assert_eq!(metrics.recovery[0].replicas_lost, 0, "it served as long as it was wanted");
}

#[test]
fn the_fault_comes_first_among_facts_of_one_instant() {
    let mut story = Story::settled();
    story.serve(100, 0, false).begin(100, 0, 0).serve(107, 0, true);
    let metrics = story.digest(&model_with(300, vec![crash_n0()]));
    assert_eq!(only(&metrics).0[4], Some(7.0));
}
