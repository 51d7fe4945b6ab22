//! Made-up but plausible results for the tests of this layer: a cluster of twelve nodes in three
//! zones loses zone `a` for twenty minutes, and a comparison of four policies over thirty seeds.

use std::collections::BTreeMap;

use crate::report::charts::{self, Caption, Chart, RunTables};
use crate::tables::{
    ComparisonRow, EventRow, FaultRow, MetricRow, NodeRow, PodRow, RecoveryRow, ReplicationRow,
    SeriesRow, StageRow,
};

/// The tables of one run, owned.
#[derive(Debug, Default)]
pub(crate) struct Run {
    pub(crate) metrics: Vec<MetricRow>,
    pub(crate) series: Vec<SeriesRow>,
    pub(crate) events: Vec<EventRow>,
    pub(crate) pods: Vec<PodRow>,
    pub(crate) nodes: Vec<NodeRow>,
    pub(crate) faults: Vec<FaultRow>,
    pub(crate) recovery: Vec<RecoveryRow>,
    pub(crate) stages: Vec<StageRow>,
}

impl Run {
    /// What the charts are drawn from.
    pub(crate) fn tables(&self) -> RunTables<'_> {
        RunTables {
            series: &self.series,
            pods: &self.pods,
            nodes: &self.nodes,
            faults: &self.faults,
            recovery: &self.recovery,
            stages: &self.stages,
        }
    }
}

const NAMES: [&str; 10] = [
    "shop/cart",
    "shop/checkout",
    "shop/catalogue",
    "shop/payments",
    "shop/recommendations-with-a-very-long-name",
    "shop/search",
    "infra/ingress",
    "infra/metrics",
    "data/kafka",
    "data/postgres",
];

/// A number in 0..1 that depends on its arguments only.
fn noise(a: u64, b: u64) -> f64 {
    let mut x = (a << 32) ^ b ^ 0x9E37_79B9_7F4A_7C15;
    for _ in 0..3 {
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x ^= x >> 27;
    }
    (x >> 11) as f64 / (1_u64 << 53) as f64
}

type Deltas = BTreeMap<(String, String), Vec<(f64, f64)>>;

fn add(deltas: &mut Deltas, metric: &str, labels: &str, time: f64, delta: f64) {
    deltas.entry((metric.to_owned(), labels.to_owned())).or_default().push((time, delta));
}

fn series_of(deltas: Deltas) -> Vec<SeriesRow> {
    let mut rows = Vec::new();
    for ((metric, labels), mut changes) in deltas {
        changes.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut value = 0.0;
        for (index, (time, delta)) in changes.iter().enumerate() {
            value += delta;
            if changes.get(index + 1).is_some_and(|next| next.0 <= *time) {
                continue;
            }
            let (metric, labels) = (metric.clone(), labels.clone());
            rows.push(SeriesRow { metric, labels, time_seconds: *time, value });
        }
    }
    rows
}

fn pod(workload: &str, name: String, node: usize, created: f64) -> PodRow {
    PodRow {
        namespace: workload.split('/').next().unwrap().to_owned(),
        name,
        workload: workload.to_owned(),
        node: format!("general-{node}"),
        zone: ["a", "b", "c"][node % 3].to_owned(),
        created_seconds: created,
        scheduled_seconds: None,
        started_seconds: None,
        ready_seconds: None,
        deleted_seconds: None,
        phase: "Running".to_owned(),
        reason: String::new(),
        restarts: 0,
    }
}

const CRASH: f64 = 1800.0;
const EVICT: f64 = 2140.0;
const BACK: f64 = 3000.0;

fn state(deltas: &mut Deltas, from: &str, to: &str, time: f64) {
    if !from.is_empty() {
        add(deltas, "pods", &format!("state=\"{from}\""), time, -1.0);
    }
    if !to.is_empty() {
        add(deltas, "pods", &format!("state=\"{to}\""), time, 1.0);
    }
}

/// A two-hour run with `workloads` workloads on `nodes` nodes.
pub(crate) fn run(workloads: usize, nodes: usize) -> Run {
    let mut run = Run::default();
    let mut deltas = Deltas::new();
    for state in ["unscheduled", "starting", "ready", "unready", "terminating", "failed"] {
        add(&mut deltas, "pods", &format!("state=\"{state}\""), 0.0, 0.0);
    }
    add(&mut deltas, "pods_lost", "", 0.0, 0.0);
    for index in 0..workloads {
        one_workload(&mut run, &mut deltas, index, nodes);
    }
    for node in 0..nodes {
        one_node(&mut run, &mut deltas, node);
    }
    for (resource, base) in [("cpu", 0.58), ("memory", 0.71)] {
        let labels = format!("resource=\"{resource}\"");
        add(&mut deltas, "cluster_allocated_ratio", &labels, 0.0, base);
        for step in 0..20 {
            let time = EVICT + 4.0 * f64::from(step);
            add(&mut deltas, "cluster_allocated_ratio", &labels, time, base / 60.0);
            add(&mut deltas, "cluster_allocated_ratio", &labels, BACK + time / 100.0, -base / 60.0);
        }
    }
    run.series = series_of(deltas);
    run.stages.sort_by(|a, b| {
        let name = (&a.workload, &a.pod).cmp(&(&b.workload, &b.pod));
        name.then(a.start_seconds.total_cmp(&b.start_seconds))
    });
    run.faults = vec![FaultRow {
        fault: 0,
        kind: "zoneOutage".into(),
        target: "a".into(),
        start_seconds: CRASH,
        end_seconds: Some(BACK),
    }];
    run.metrics = vec![MetricRow {
        metric: "time_to_whole_seconds".into(),
        labels: "quantile=\"0.95\"".into(),
        value: 402.5,
    }];
    run
}

/// What a pod goes through whose node is lost.
const LOST: [(&str, f64); 4] = [
    ("ready", 0.0),
    ("ready_not_serving", CRASH),
    ("unready", CRASH + 40.0),
    ("terminating", EVICT),
];

/// The stages of a pod, each until the next, the last until `end`.
fn stages(pod: &PodRow, turns: &[(&str, f64)], end: f64) -> Vec<StageRow> {
    let ends = turns[1..].iter().map(|turn| turn.1).chain([end]);
    turns
        .iter()
        .zip(ends)
        .map(|(&(stage, start_seconds), end)| StageRow {
            workload: pod.workload.clone(),
            pod: pod.name.clone(),
            node: if stage == "pending" { String::new() } else { pod.node.clone() },
            stage: stage.to_owned(),
            start_seconds,
            end_seconds: end.is_finite().then_some(end),
        })
        .collect()
}

fn one_workload(run: &mut Run, deltas: &mut Deltas, index: usize, nodes: usize) {
    let workload = NAMES.get(index).map_or_else(|| format!("batch/job-{index}"), |s| (*s).into());
    let labels = format!("workload=\"{workload}\"");
    let replicas = 6 + (index * 7) % 23;
    let count = replicas as f64;
    add(deltas, "workload_replicas_desired", &labels, 0.0, count);
    add(deltas, "workload_replicas_ready", &labels, 0.0, count);
    let mut whole: f64 = 0.0;
    let mut started: f64 = 0.0;
    let mut bound: f64 = 0.0;
    let mut lost = 0;
    for replica in 0..replicas {
        let node = (replica + index) % nodes.max(1);
        let mut row = pod(&workload, format!("{}-{replica}", &workload[5..]), node, 0.0);
        let wait = noise(index as u64, replica as u64);
        row.scheduled_seconds = Some(0.05 + 2.0 * wait);
        row.ready_seconds = Some(3.0 + 9.0 * wait);
        state(deltas, "", "ready", 0.0);
        if node.is_multiple_of(3) {
            lost += 1;
            add(deltas, "pods_lost", "", CRASH, 1.0);
            add(deltas, "pods_lost", "", CRASH + 40.0, -1.0);
            add(deltas, "workload_replicas_ready", &labels, CRASH + 40.0, -1.0);
            state(deltas, "ready", "unready", CRASH + 40.0);
            state(deltas, "unready", "terminating", EVICT);
            state(deltas, "terminating", "", BACK + 12.0);
            let mut again =
                pod(&workload, format!("{}-r{replica}", &workload[5..]), node + 1, EVICT);
            let scheduled = EVICT + 1.0 + 160.0 * wait * wait;
            let ready = scheduled + 8.0 + 70.0 * noise(replica as u64, index as u64);
            again.scheduled_seconds = Some(scheduled);
            again.ready_seconds = Some(ready);
            (bound, whole) = (bound.max(scheduled), whole.max(ready));
            started = started.max(scheduled + 3.0);
            run.stages.extend(stages(&row, &LOST, BACK + 12.0));
            let turns = [("pending", EVICT), ("starting", scheduled), ("unready", scheduled + 3.0)];
            run.stages.extend(stages(&again, &turns, ready));
            run.stages.extend(stages(&again, &[("ready", ready)], f64::INFINITY));
            state(deltas, "", "unscheduled", EVICT);
            state(deltas, "unscheduled", "starting", scheduled);
            state(deltas, "starting", "ready", ready);
            add(deltas, "workload_replicas_ready", &labels, ready, 1.0);
            run.pods.push(again);
        }
        run.pods.push(row);
    }
    if lost == 0 {
        return;
    }
    let censored = index == 9;
    run.recovery.push(RecoveryRow {
        fault: 0,
        workload,
        replicas_lost: lost,
        detect_seconds: Some(40.0),
        reschedule_seconds: Some(bound - CRASH - 40.0),
        start_seconds: Some(started - bound),
        ready_seconds: (!censored).then_some(whole - started),
        time_to_whole_seconds: (!censored).then_some(whole - CRASH),
        censored,
    });
}

fn one_node(run: &mut Run, deltas: &mut Deltas, node: usize) {
    let zone = ["a", "b", "c"][node % 3];
    let base = 0.35 + 0.4 * noise(77, node as u64);
    for (resource, factor) in [("cpu", 1.0), ("memory", 1.2)] {
        let labels = format!("node=\"general-{node}\",resource=\"{resource}\",zone=\"{zone}\"");
        let metric = "node_allocated_ratio";
        add(deltas, metric, &labels, 0.0, base * factor);
        if zone == "a" {
            add(deltas, metric, &labels, BACK + 12.0, -base * factor);
        } else {
            for step in 0..6 {
                let time = EVICT + 20.0 * f64::from(step) * noise(3, node as u64);
                add(deltas, metric, &labels, time, base / 12.0);
            }
        }
    }
    run.nodes.push(NodeRow {
        name: format!("general-{node}"),
        pool: "general".into(),
        zone: zone.into(),
        cpu_milli: 8000,
        memory_bytes: 34_359_738_368,
        pods: 110,
        cpu_allocated_ratio: base,
        memory_allocated_ratio: base * 1.2,
        ready_ratio: if zone == "a" { 0.8393 } else { 1.0 },
    });
    run.events.push(EventRow {
        time_seconds: CRASH + 40.0,
        kind: "Normal".into(),
        reason: "NodeNotReady".into(),
        object_kind: "Node".into(),
        namespace: String::new(),
        name: format!("general-{node}"),
        component: "node-controller".into(),
        message: format!("Node general-{node} status is now: NodeNotReady"),
    });
}

/// The charts of a run of two hours.
pub(crate) fn run_charts(run: &Run) -> Vec<Chart> {
    let caption = Caption::run("zone-outage", "default", Some((1, 0)));
    let caption = Caption { end_seconds: Some(7200.0), ..caption };
    charts::run_charts(&run.tables(), &caption).unwrap()
}

/// The tables of one comparison, owned.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    pub(crate) rows: Vec<ComparisonRow>,
    pub(crate) replications: Vec<ReplicationRow>,
}

/// Metric, labels, unit, better, primary, mean under each policy, spread.
type Spec = (&'static str, &'static str, &'static str, &'static str, bool, [f64; 4], f64);

const METRICS: [Spec; 8] = [
    (
        "time_to_whole_seconds",
        "quantile=\"0.95\"",
        "s",
        "lower",
        true,
        [372.0, 108.0, 400.0, 372.0],
        20.0,
    ),
    (
        "availability_ratio",
        "workload=\"shop/checkout\"",
        "ratio",
        "higher",
        true,
        [0.9931, 0.9982, 0.9930, 0.9931],
        0.0006,
    ),
    (
        "node_allocated_ratio",
        "resource=\"cpu\"",
        "ratio",
        "",
        false,
        [0.61, 0.61, 0.741, 0.61],
        0.004,
    ),
    ("recovery_detect_seconds", "", "s", "lower", false, [40.0, 20.0, 40.0, 40.0], 0.5),
    ("recovery_reschedule_seconds", "", "s", "lower", false, [301.0, 34.0, 320.0, 300.0], 3.0),
    ("recovery_start_seconds", "", "s", "lower", false, [19.0, 20.0, 24.0, 19.0], 2.0),
    ("recovery_ready_seconds", "", "s", "lower", false, [9.0, 10.0, 10.0, 10.0], 3.0),
    ("time_to_whole_seconds", "", "s", "lower", false, [369.0, 84.0, 394.0, 369.0], 7.0),
];

const POLICIES: [&str; 4] = ["default", "fast-failover", "packed", "spread-by-hostname"];

/// `policies` (at most four) policies, each over `seeds` replications.
pub(crate) fn comparison(policies: usize, seeds: u32) -> Comparison {
    let mut out = Comparison::default();
    for (index, (metric, labels, unit, better, primary, means, spread)) in
        METRICS.iter().enumerate()
    {
        let mut baseline: Vec<f64> = Vec::new();
        for (p, policy) in POLICIES.iter().take(policies).enumerate() {
            let sample: Vec<f64> = (0..seeds)
                .map(|seed| {
                    let shared = noise(index as u64, u64::from(seed)) - 0.5;
                    let own = noise(900 + p as u64 + 10 * index as u64, u64::from(seed)) - 0.5;
                    means[p] + spread * (3.0 * shared + own)
                })
                .collect();
            for (seed, value) in sample.iter().enumerate() {
                out.replications.push(ReplicationRow {
                    policy: (*policy).to_owned(),
                    replication: u32::try_from(seed).unwrap(),
                    metric: (*metric).to_owned(),
                    labels: (*labels).to_owned(),
                    value: *value,
                });
            }
            let (mean, sd, half) = interval(&sample);
            let (diff, verdict) = if p == 0 {
                baseline.clone_from(&sample);
                (None, "baseline")
            } else {
                let pairs: Vec<f64> = sample.iter().zip(&baseline).map(|(a, b)| a - b).collect();
                let (d, _, h) = interval(&pairs);
                (Some((d, h)), verdict(d, h, better))
            };
            out.rows.push(ComparisonRow {
                metric: (*metric).to_owned(),
                labels: (*labels).to_owned(),
                unit: (*unit).to_owned(),
                better: (*better).to_owned(),
                primary: *primary,
                policy: (*policy).to_owned(),
                n: seeds,
                mean,
                sd,
                lo: mean - half,
                hi: mean + half,
                diff: diff.map(|(d, _)| d),
                diff_lo: diff.map(|(d, h)| d - h),
                diff_hi: diff.map(|(d, h)| d + h),
                p_adjusted: diff
                    .filter(|_| *primary)
                    .map(|(d, h)| if d.abs() > h { 0.0004 } else { 0.6 }),
                verdict: verdict.to_owned(),
            });
        }
    }
    out
}

fn verdict(diff: f64, half: f64, better: &str) -> &'static str {
    match better {
        _ if diff.abs() <= half => "no difference",
        "lower" if diff < 0.0 => "better",
        "higher" if diff > 0.0 => "better",
        "" => "different",
        _ => "worse",
    }
}

fn interval(sample: &[f64]) -> (f64, f64, f64) {
    let n = sample.len() as f64;
    let mean = sample.iter().sum::<f64>() / n;
    let sum: f64 = sample.iter().map(|x| (x - mean) * (x - mean)).sum();
    let sd = if n > 1.0 { (sum / (n - 1.0)).sqrt() } else { 0.0 };
    (mean, sd, 2.0 * sd / n.sqrt())
}
