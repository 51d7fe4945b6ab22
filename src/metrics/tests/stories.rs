//! Metrics of small stories, computed by hand.

use crate::base::time::SimDuration;

use super::fixture::{
    N0, N1, Story, TOOL, WEB, check, identity, model, model_with, pod, secs, value, zone_a,
};
use super::probes::probed;
use crate::event::Watcher;
use crate::metrics::{
    Better, Lookup, METRICS, RunMetrics, default_primary, definition, label_pairs, label_text,
    lookup,
};
use crate::model::{Load, Model, ProbeKind, ServiceId, Start, TemplateId};
use crate::record::{DeletionCause, ExitCause, Fact, Phase};
use crate::tables::MetricRow;

const SHOP_WEB: &[(&str, &str)] = &[("workload", "shop/web")];

#[test]
fn availability_is_what_the_api_server_and_the_truth_say() {
    let mut story = Story::settled();
    let service = ServiceId::from_raw(0);
    story
        .at(0, Fact::Endpoints { service, ready: 2 })
        .serve(30, 1, false)
        .ready(40, 1, false)
        .at(40, Fact::Endpoints { service, ready: 1 })
        .ready(60, 1, true)
        .serve(60, 1, true)
        .at(70, Fact::Endpoints { service, ready: 0 })
        .at(80, Fact::Endpoints { service, ready: 1 });
    check(
        &story.digest(&model(100)),
        &[
            ("workload_availability_ratio", SHOP_WEB, 180.0 / 200.0),
            ("availability_ratio", &[], 180.0 / 200.0),
            ("workload_serving_ratio", SHOP_WEB, 170.0 / 200.0),
            ("outage_seconds", SHOP_WEB, 20.0),
            ("replica_deficit_seconds", &[], 20.0),
            ("service_availability_ratio", &[("service", "shop/web")], 0.9),
        ],
    );
    let mut later = model(100);
    later.measure_from = secs(50);
    check(
        &story.digest(&later),
        &[
            ("workload_availability_ratio", SHOP_WEB, 90.0 / 100.0),
            ("workload_serving_ratio", SHOP_WEB, 90.0 / 100.0),
            ("outage_seconds", SHOP_WEB, 10.0),
            ("service_availability_ratio", &[("service", "shop/web")], 0.8),
        ],
    );
}

#[test]
fn surplus_replicas_do_not_make_up_for_missing_ones() {
    // Three ready of two desired for 50 s, then one for 50 s: 100 + 50 of 200.
    let mut story = Story::settled();
    story.run(0, 2, N0);
    story.terminate(50, 0, DeletionCause::Controller).terminate(50, 1, DeletionCause::Controller);
    check(&story.digest(&model(100)), &[("availability_ratio", &[], 0.75)]);
    // Scaled to three at 50 s: 2 × 50 + 3 × 50 of as many.
    let mut story = Story::settled();
    story.run(50, 2, N0).at(50, Fact::ReplicasDesired { workload: WEB, replicas: 3 });
    let metrics = story.digest(&model(100));
    check(&metrics, &[("availability_ratio", &[], 1.0), ("outage_seconds", SHOP_WEB, 0.0)]);
}

#[test]
fn a_bare_pod_is_wanted_until_it_succeeds_or_is_deleted() {
    let mut world = model(100);
    world.workloads[TOOL].replicas = 1;
    world.workloads[WEB].replicas = 0;
    let tool = |last: Fact| {
        let mut story = Story::default();
        let template = TemplateId::from_raw(1);
        story
            .at(
                0,
                Fact::PodCreated { pod: pod(0), workload: TOOL, identity: identity(template, 7) },
            )
            .bind(0, 0, N0)
            .up(0, 0)
            .at(50, last);
        value(&story.digest(&world), "outage_seconds", &[("workload", "shop/tool")])
    };
    let operator = DeletionCause::Operator;
    let cases = [
        (Fact::PodPhase { pod: pod(0), phase: Phase::Succeeded }, 0.0),
        (Fact::PodTerminating { pod: pod(0), cause: operator }, 0.0),
        (Fact::PodPhase { pod: pod(0), phase: Phase::Failed }, 50.0),
        (Fact::PodTerminating { pod: pod(0), cause: DeletionCause::TaintManager }, 50.0),
    ];
    for (last, outage) in cases {
        assert_eq!(tool(last), Some(outage), "{last:?}");
    }
}

#[test]
fn allocation_is_weighted_with_time() {
    // One pod on n0 throughout, a second there from 50 s until it fails at 90 s. Together they
    // leave 4 % of the node's memory.
    let mut story = Story::default();
    story.run(0, 0, N0).run(50, 1, N0);
    story.at(90, Fact::PodPhase { pod: pod(1), phase: Phase::Failed });
    let metrics = story.digest(&model(100));
    check(
        &metrics,
        &[
            ("cluster_allocated_ratio", &[("resource", "cpu")], 140.0 / 800.0),
            ("cluster_allocated_ratio", &[("resource", "memory")], 4.8 * 140.0 / 2000.0),
            ("cluster_allocated_ratio", &[("resource", "pods")], 140.0 / 20_000.0),
            ("cluster_allocated_ratio", &[("resource", "example.com/gpu")], 140.0 / 200.0),
            ("cluster_allocated_ratio_max", &[("resource", "cpu")], 0.25),
            ("cluster_allocated_ratio_max", &[("resource", "example.com/gpu")], 1.0),
            ("node_allocated_ratio_max", &[("resource", "cpu")], 0.5),
            ("node_allocated_ratio_max", &[("resource", "memory")], 0.96),
            ("stranded_cpu_ratio", &[], 2000.0 * 40.0 / 800_000.0),
            ("stranded_memory_ratio", &[], 0.0),
            ("nodes_used", &[], 1.0),
            ("nodes_ready_ratio", &[], 1.0),
            ("cost_per_hour", &[], 1.0),
            ("cost_total", &[], 100.0 / 3600.0),
        ],
    );
    assert_eq!(
        value(&metrics, "cluster_allocated_ratio", &[("resource", "ephemeral-storage")]),
        None,
        "no node offers any"
    );
    let mut full = model(100);
    full.templates[TemplateId::from_raw(0)].requests.cpu_milli = 4000;
    let mut story = Story::default();
    story.run(0, 0, N0);
    // 5,200 of 20,000 bytes lie on a node without free CPU.
    check(&story.digest(&full), &[("stranded_memory_ratio", &[], 0.26)]);
}

#[test]
fn a_terminating_pod_keeps_its_room_until_it_is_gone() {
    let mut story = Story::default();
    story.run(0, 0, N0).terminate(20, 0, DeletionCause::Controller).delete(50, 0);
    check(
        &story.digest(&model(100)),
        &[
            ("cluster_allocated_ratio", &[("resource", "cpu")], 50.0 / 800.0),
            ("nodes_used", &[], 0.5),
            ("availability_ratio", &[], 20.0 / 200.0),
            ("workload_zone_skew", SHOP_WEB, 20.0 / 100.0),
        ],
    );
}

#[test]
fn pending_pods_are_censored_not_dropped() {
    let mut story = Story::settled();
    story.create(10, 2).bind(12, 2, N0);
    story.create(20, 3).bind(24, 3, N1);
    story.create(30, 4).delete(36, 4);
    story.create(40, 5);
    for time in [41, 42] {
        story.at(time, Fact::PodUnschedulable { pod: pod(5) });
        story.at(time, Fact::SchedulingAttempt { scheduled: false });
    }
    story.at(43, Fact::SchedulingAttempt { scheduled: true });
    // Waits of 2, 4, 6 and 60 s; the two settled pods are not among them.
    check(
        &story.digest(&model(100)),
        &[
            ("pod_pending_seconds", &[("quantile", "0.5")], 5.0),
            ("pod_pending_seconds", &[("quantile", "0.95")], 6.0 + 0.85 * 54.0),
            ("pod_pending_seconds", &[("quantile", "0.99")], 6.0 + 0.97 * 54.0),
            ("pods_created_total", &[], 4.0),
            ("pods_deleted_total", &[], 1.0),
            ("pods_pending_at_end", &[], 1.0),
            ("pods_unschedulable_total", &[], 1.0),
            ("scheduling_attempts_total", &[("result", "unschedulable")], 2.0),
            ("scheduling_attempts_total", &[("result", "scheduled")], 1.0),
        ],
    );
    let mut empty = model(100);
    empty.start = Start::Empty;
    check(&story.digest(&empty), &[("pods_created_total", &[], 6.0)]);
    let nobody = Story::settled().digest(&model(100));
    check(&nobody, &[("pod_pending_seconds", &[("quantile", "0.95")], 0.0)]);
}

#[test]
fn restarts_are_counted_by_what_ended_the_container() {
    let mut story = Story::settled();
    story.exit(10, 0, ExitCause::LivenessProbe).start(11, 0, 1);
    story.exit(20, 0, ExitCause::Itself).start(21, 0, 2);
    story.exit(30, 1, ExitCause::OutOfMemory).start(31, 1, 1);
    story.exit(40, 1, ExitCause::NodeLost);
    let (cause, unneeded) = (ExitCause::StartupProbe, true);
    story.at(50, Fact::ContainerExited { pod: pod(0), container: 0, cause, code: 137, unneeded });
    for kind in [ProbeKind::Liveness, ProbeKind::Liveness, ProbeKind::Readiness] {
        story.at(60, Fact::ProbeFailed { pod: pod(0), container: 0, kind });
    }
    check(
        &story.digest(&model(100)),
        &[
            ("container_restarts_total", &[], 3.0),
            ("container_restarts_total", &[("cause", "liveness")], 1.0),
            ("container_restarts_total", &[("cause", "exit")], 1.0),
            ("container_restarts_total", &[("cause", "oom")], 1.0),
            ("container_restarts_total", &[("cause", "node_lost")], 0.0),
            ("container_restarts_total", &[("cause", "startup")], 0.0),
            ("unneeded_restarts_total", &[], 1.0),
            ("probe_failures_total", &[("probe", "Liveness")], 2.0),
            ("probe_failures_total", &[("probe", "Readiness")], 1.0),
            ("probe_failures_total", &[("probe", "Startup")], 0.0),
        ],
    );
    let mut later = model(100);
    later.measure_from = secs(25);
    check(&story.digest(&later), &[("container_restarts_total", &[], 1.0)]);
}

#[test]
fn pods_that_stand_in_one_zone_are_skewed() {
    // One and one; two and one for 40 s; three and one for the last 10 s.
    let mut story = Story::settled();
    story.create(50, 2).bind(50, 2, N0).create(90, 3).bind(90, 3, N0);
    let metrics = story.digest(&model(100));
    check(
        &metrics,
        &[
            ("workload_zone_skew", SHOP_WEB, (40.0 + 20.0) / 100.0),
            ("workload_colocated_max", SHOP_WEB, 3.0),
            ("workload_zone_skew_max", &[], 2.0),
        ],
    );
    // What does not last is not there.
    story.create(95, 4).bind(95, 4, N0).delete(95, 4);
    let metrics = story.digest(&model(100));
    check(
        &metrics,
        &[("workload_zone_skew_max", &[], 2.0), ("workload_colocated_max", SHOP_WEB, 3.0)],
    );
}

#[test]
fn control_plane_and_deletions_are_counted() {
    let mut story = Story::settled();
    story.leaderless(Watcher::Scheduler, 10, 17).leaderless(Watcher::ControllerManager, 90, 100);
    story.at(20, Fact::NodeReady { node: N1, ready: false });
    story.at(70, Fact::NodeReady { node: N1, ready: true });
    story.terminate(30, 0, DeletionCause::TaintManager);
    story.terminate(30, 1, DeletionCause::Preemption);
    story.at(80, Fact::RolloutComplete { workload: WEB });
    check(
        &story.digest(&model(100)),
        &[
            ("leaderless_seconds", &[("component", "kube-scheduler")], 7.0),
            ("leaderless_seconds", &[("component", "kube-controller-manager")], 10.0),
            ("nodes_ready_ratio", &[], 0.75),
            ("pods_evicted_total", &[], 1.0),
            ("pods_preempted_total", &[], 1.0),
            ("rollouts_complete_total", &[], 1.0),
        ],
    );
}

#[test]
fn the_table_of_definitions_is_in_order_and_complete() {
    for pair in METRICS.windows(2) {
        assert!(pair[0].name < pair[1].name, "{} and {}", pair[0].name, pair[1].name);
    }
    for def in METRICS {
        assert!(def.help.ends_with('.') && def.help.len() > 20, "{}", def.name);
        assert!(["s", "ratio", "count", "currency"].contains(&def.unit), "{}", def.name);
        assert!(def.labels.is_sorted(), "{}", def.name);
        assert_eq!(definition(def.name), Some(def));
    }
    assert_eq!(definition("time_to_hole_seconds"), None);
    // A run in which everything happens has every metric, with the labels that are defined.
    let mut story = Story::settled();
    story.begin(10, 0, 0).n0_dies(10).ready(50, 0, false).start(60, 0, 1).ready(61, 0, true);
    story.serve(61, 0, true).at(94, Fact::NodeReady { node: N0, ready: false });
    story.terminate(95, 0, DeletionCause::TaintManager);
    let took = SimDuration::from_secs(5);
    story.at(96, Fact::JobCreated { workload: TOOL });
    story.at(97, Fact::JobEnded { workload: TOOL, complete: true, took });
    let load = vec![Load { service: ServiceId::from_raw(0), cpu_milli: [100, 50] }];
    let world = Model { faults: model_with(100, vec![zone_a()]).faults, load, ..probed(100) };
    let metrics = story.digest(&world);
    let mut seen: Vec<&str> = metrics.rows.iter().map(|row| row.metric.as_str()).collect();
    seen.dedup();
    assert_eq!(seen, METRICS.iter().map(|def| def.name).collect::<Vec<_>>());
    for row in &metrics.rows {
        let def = definition(&row.metric).expect("only defined metrics are written");
        for (key, _) in label_pairs(&row.labels) {
            assert!(def.labels.contains(&key.as_str()), "{} {}", row.metric, row.labels);
        }
    }
}

#[test]
fn primary_metrics_depend_on_whether_there_are_faults() {
    let names = |world| {
        let primary = default_primary(&world);
        primary.iter().map(|p| format!("{}{{{}}}", p.name, p.labels)).collect::<Vec<_>>()
    };
    let always = [
        "cluster_allocated_ratio{resource=\"cpu\"}",
        "pod_pending_seconds{quantile=\"0.95\"}",
        "container_restarts_total{}",
    ];
    assert_eq!(names(model(100)), always);
    let with_faults = model_with(100, vec![zone_a()]);
    let primary = default_primary(&with_faults);
    assert_eq!((primary[0].unit, primary[0].better), ("s", Better::Lower));
    assert_eq!((primary[1].unit, primary[1].better), ("ratio", Better::Higher));
    assert_eq!(
        names(with_faults)[..2],
        ["time_to_whole_seconds{quantile=\"0.95\"}", "availability_ratio{}"]
    );
    let RunMetrics { primary, .. } = Story::settled().digest(&model_with(100, vec![zone_a()]));
    assert_eq!(primary, [None, Some(1.0), Some(0.25), Some(0.0), Some(0.0)]);
}

#[test]
fn a_look_up_wants_exactly_one_row() {
    let row = |metric: &str, labels: &[(&str, &str)]| MetricRow {
        metric: metric.into(),
        labels: label_text(labels),
        value: 1.0,
    };
    let rows = [
        row("restarts", &[]),
        row("restarts", &[("cause", "oom")]),
        row("ratio", &[("workload", "a"), ("cause", "x")]),
        row("ratio", &[("workload", "b"), ("cause", "x")]),
    ];
    let find = |name, labels: &[(&str, &str)]| {
        let labels: Vec<_> = labels.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
        match lookup(&rows, name, &labels) {
            Lookup::None => "none".to_owned(),
            Lookup::One(row) => row.labels.clone(),
            Lookup::Several(rows) => format!("{} rows", rows.len()),
        }
    };
    assert_eq!(find("restarts", &[]), "", "the row without labels is meant");
    assert_eq!(find("restarts", &[("cause", "oom")]), "cause=\"oom\"");
    assert_eq!(find("restarts", &[("cause", "exit")]), "none");
    assert_eq!(find("ratio", &[("workload", "b")]), "cause=\"x\",workload=\"b\"");
    assert_eq!(find("ratio", &[("cause", "x")]), "2 rows");
    assert_eq!(find("other", &[]), "none");
}

#[test]
fn label_text_and_pairs_are_each_others_reverse() {
    let pairs = [("a", "x,y=\"z\""), ("b", "back\\slash\nline")];
    let text = label_text(&[pairs[1], pairs[0]]);
    assert_eq!(text, "a=\"x,y=\\\"z\\\"\",b=\"back\\\\slash\\nline\"");
    let read = label_pairs(&text);
    assert_eq!(read, pairs.map(|(k, v)| (k.to_owned(), v.to_owned())));
    assert_eq!(label_pairs(""), []);
}
