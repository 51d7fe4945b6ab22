//! Series and listings of a short outage.

use super::fixture::{N0, N1, Story, TOOL, WEB, identity, model, model_with, pod, secs, zone_a};
use crate::metrics::{RunTables, tables};
use crate::model::{PoolId, TemplateId};
use crate::record::{DeletionCause, ExitCause, Fact, Involved, KubeEvent, PodReason, QueueName};
use crate::tables::StageRow;

fn outage() -> Story {
    let mut story = Story::settled();
    story.begin(100, 0, 0).n0_dies(100);
    story.at(140, Fact::NodeReady { node: N0, ready: false }).ready(140, 0, false);
    story.terminate(200, 0, DeletionCause::TaintManager);
    story.create(201, 2).at(201, Fact::QueueLength { queue: QueueName::Active, length: 1 });
    story.at(203, Fact::QueueLength { queue: QueueName::Active, length: 0 });
    let (queue, length) = (QueueName::Active, 0);
    story.bind(203, 2, N1).at(203, Fact::QueueLength { queue, length }).up(211, 2);
    story.at(212, Fact::PodReason { pod: pod(2), reason: PodReason::CrashLoopBackOff });
    story.delete(250, 0);
    story
}

fn steps(tables: &RunTables, metric: &str) -> String {
    let rows = tables.series.iter().filter(|row| row.metric == metric);
    let mut text = String::new();
    let mut last = None;
    for row in rows {
        if last != Some(&row.labels) {
            text += &format!("\n{}:", row.labels);
        }
        last = Some(&row.labels);
        text += &format!(" {}s {}", row.time_seconds, row.value);
    }
    text
}

#[test]
fn series_step_when_something_changes() {
    let tables = tables(&model_with(300, vec![zone_a()]), &outage().facts, &[]);
    insta::assert_snapshot!(steps(&tables, "pods"), @r#"
    state="failed": 0s 0
    state="ready": 0s 2 140s 1 211s 2
    state="starting": 0s 0 203s 1 211s 0
    state="succeeded": 0s 0
    state="terminating": 0s 0 200s 1 250s 0
    state="unready": 0s 0 140s 1 200s 0
    state="unscheduled": 0s 0 201s 1 203s 0
    "#);
    insta::assert_snapshot!(steps(&tables, "pods_lost"), @r#"
    : 0s 0 100s 1 140s 0
    "#);
    insta::assert_snapshot!(steps(&tables, "nodes"), @r#"
    state="down": 0s 0 100s 1
    state="not_ready": 0s 0 140s 1
    state="ready": 0s 2 140s 1
    "#);
    insta::assert_snapshot!(steps(&tables, "workload_replicas_ready"), @r#"
    workload="shop/tool": 0s 0
    workload="shop/web": 0s 2 140s 1 211s 2
    "#);
    insta::assert_snapshot!(steps(&tables, "workload_replicas_desired"), @r#"
    workload="shop/tool": 0s 0
    workload="shop/web": 0s 2
    "#);
    insta::assert_snapshot!(steps(&tables, "scheduler_pending_pods"), @r#"
    queue="active": 0s 0 201s 1 203s 0
    queue="backoff": 0s 0
    queue="unschedulable": 0s 0
    "#);
    insta::assert_snapshot!(steps(&tables, "cluster_allocated_ratio"), @r#"
    resource="cpu": 0s 0.25 203s 0.375 250s 0.25
    resource="example.com/gpu": 0s 1 203s 1.5 250s 1
    resource="memory": 0s 0.48 203s 0.72 250s 0.48
    resource="pods": 0s 0.01 203s 0.015 250s 0.01
    "#);
    insta::assert_snapshot!(steps(&tables, "node_allocated_ratio"), @r#"
    node="n0",resource="cpu",zone="a": 0s 0.25 250s 0
    node="n0",resource="memory",zone="a": 0s 0.48 250s 0
    node="n1",resource="cpu",zone="b": 0s 0.25 203s 0.5
    node="n1",resource="memory",zone="b": 0s 0.48 203s 0.96
    "#);
}

#[test]
fn large_clusters_have_no_series_per_node() {
    let with_nodes = |count: usize| {
        let mut world = model(100);
        while world.nodes.len() < count {
            let node = world.nodes[N1].clone();
            world.nodes.push(node);
        }
        let tables = tables(&world, &Story::settled().facts, &[]);
        tables.series.iter().filter(|row| row.metric == "node_allocated_ratio").count()
    };
    assert_eq!(with_nodes(200), 400);
    assert_eq!(with_nodes(201), 0);
}

#[test]
fn pods_are_listed_with_their_lives() {
    let tables = tables(&model_with(300, vec![zone_a()]), &outage().facts, &[]);
    let lines: Vec<String> = tables
        .pods
        .iter()
        .map(|p| {
            let times =
                [p.scheduled_seconds, p.started_seconds, p.ready_seconds, p.deleted_seconds];
            format!(
                "{}/{} of {} on {} in {}, {} {times:?} {} ({})",
                p.namespace,
                p.name,
                p.workload,
                p.node,
                p.zone,
                p.created_seconds,
                p.phase,
                p.reason
            )
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    shop/web-hbbbbbbbb-bbbbb of shop/web on n0 in a, 0 [Some(0.0), Some(0.0), Some(0.0), Some(250.0)] Running ()
    shop/web-hbbbbbbbb-cbbbb of shop/web on n1 in b, 0 [Some(0.0), Some(0.0), Some(0.0), None] Running ()
    shop/web-hbbbbbbbb-dbbbb of shop/web on n1 in b, 201 [Some(203.0), Some(211.0), Some(211.0), None] Running (CrashLoopBackOff)
    "#);
}

#[test]
fn stages_tell_what_disturbed_pods_went_through() {
    let stages = |story: &Story| {
        let tables = tables(&model_with(300, vec![zone_a()]), &story.facts, &[]);
        let line = |row: &StageRow| {
            let pod = row.pod.rsplit_once('-').map_or("", |(_, last)| last);
            let end = row.end_seconds.map_or("the end".to_owned(), |end| end.to_string());
            format!("{pod} {} on `{}` {} to {end}", row.stage, row.node, row.start_seconds)
        };
        tables.stages.iter().map(line).collect::<Vec<_>>().join("\n")
    };
    // The pod on n1 is never disturbed and has no rows.
    insta::assert_snapshot!(stages(&outage()), @r#"
    bbbbb ready on `n0` 0 to 100
    bbbbb ready_not_serving on `n0` 100 to 140
    bbbbb unready on `n0` 140 to 200
    bbbbb terminating on `n0` 200 to 250
    dbbbb pending on `` 201 to 203
    dbbbb starting on `n1` 203 to 211
    dbbbb ready on `n1` 211 to the end
    "#);
    let mut restarted = Story::settled();
    restarted.exit(50, 0, ExitCause::Itself).serve(50, 0, false).ready(51, 0, false);
    restarted.start(60, 0, 1).serve(65, 0, true).ready(70, 0, true);
    insta::assert_snapshot!(stages(&restarted), @r#"
    bbbbb ready on `n0` 0 to 50
    bbbbb ready_not_serving on `n0` 50 to 51
    bbbbb starting on `n0` 51 to 60
    bbbbb unready on `n0` 60 to 70
    bbbbb ready on `n0` 70 to the end
    "#);
    assert_eq!(stages(&Story::settled()), "", "nothing was disturbed");
}

#[test]
fn bare_pods_have_no_workload_and_restarts_add_up_over_containers() {
    let mut story = Story::default();
    let template = TemplateId::from_raw(1);
    story.at(5, Fact::PodCreated { pod: pod(0), workload: TOOL, identity: identity(template, 0) });
    for (container, restarts) in [(0, 2), (1, 3)] {
        story.at(9, Fact::ContainerStarted { pod: pod(0), container, restarts });
    }
    let tables = tables(&model(100), &story.facts, &[]);
    let row = &tables.pods[0];
    assert_eq!((row.name.as_str(), row.workload.as_str(), row.restarts), ("tool", "", 5));
    assert_eq!((row.node.as_str(), row.scheduled_seconds), ("", None));
    let unknown = tables.metrics.iter().find(|row| row.labels == "cause=\"unknown\"");
    assert_eq!(unknown.map(|row| row.value), Some(2.0), "no exit was recorded before");
}

#[test]
fn nodes_are_listed_with_their_means() {
    let tables = tables(&model_with(300, vec![zone_a()]), &outage().facts, &[]);
    let node = &tables.nodes[0];
    assert_eq!(
        (node.name.as_str(), node.pool.as_str(), node.zone.as_str()),
        ("n0", "general", "a")
    );
    assert_eq!((node.cpu_milli, node.memory_bytes, node.pods), (4000, 10_000, 100));
    // A quarter of the node until the pod is gone at 250 of 300 s; ready until 140 s.
    assert!((node.cpu_allocated_ratio - 0.25 * 250.0 / 300.0).abs() < 1e-12);
    assert!((node.memory_allocated_ratio - 0.48 * 250.0 / 300.0).abs() < 1e-12);
    assert!((node.ready_ratio - 140.0 / 300.0).abs() < 1e-12);
}

#[test]
fn events_name_their_objects() {
    let event = |involved, warning| KubeEvent {
        time: secs(3),
        warning,
        reason: "Because",
        involved,
        component: "kubelet",
        message: "it is so".into(),
    };
    let events = [
        event(Involved::Pod(pod(1)), true),
        event(Involved::Node(N1), false),
        event(Involved::Workload(WEB), false),
        event(Involved::Workload(TOOL), false),
    ];
    let tables = tables(&model(100), &Story::settled().facts, &events);
    let names: Vec<_> = tables
        .events
        .iter()
        .map(|e| format!("{} {} {}/{}", e.kind, e.object_kind, e.namespace, e.name))
        .collect();
    let web = &tables.pods[1].name;
    let expected = [
        format!("Warning Pod shop/{web}"),
        "Normal Node /n1".into(),
        "Normal Deployment shop/web".into(),
        "Normal Pod shop/tool".into(),
    ];
    assert_eq!(names, expected);
    assert_eq!((tables.events[0].reason.as_str(), tables.events[0].time_seconds), ("Because", 3.0));
}

#[test]
fn nodes_without_a_price_cost_nothing_that_is_known() {
    let mut free = model(100);
    free.pools[PoolId::from_raw(0)].price_per_hour = None;
    let tables = tables(&free, &[], &[]);
    assert!(tables.metrics.iter().all(|row| !row.metric.starts_with("cost")));
}
