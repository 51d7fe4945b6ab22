//! What must hold whatever happens in a run.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::fixture::{N0, N1, Story, WEB, model_with, pod, secs, zone_a};
use crate::metrics::{RunTables, digest, tables};
use crate::model::{FaultId, FaultKind, Model, NodeId, ProbeKind, Start};
use crate::record::{DeletionCause, ExitCause, Fact, Phase, QueueName};
use crate::tables::SeriesRow;

const RUN_S: u64 = 600;

/// One thing that may happen: seconds since the last, which pod, what.
type Step = (u64, u32, u8);

/// Builds facts that could have happened: a pod is created once, bound once, gone once.
fn story(steps: &[Step]) -> Story {
    let mut story = Story::settled();
    let mut time = 0;
    let mut alive: Vec<u32> = vec![0, 1];
    let mut bound = vec![true, true];
    let mut created = 2;
    for &(wait, who, what) in steps {
        time = (time + wait).min(RUN_S);
        let Some(&number) = alive.get(who as usize % alive.len().max(1)) else {
            story.create(time, created);
            alive.push(created);
            bound.push(false);
            created += 1;
            continue;
        };
        let node = if who.is_multiple_of(2) { N0 } else { N1 };
        match what {
            0..=2 => {
                story.create(time, created);
                alive.push(created);
                bound.push(false);
                created += 1;
            }
            3..=6 if !bound[number as usize] => {
                bound[number as usize] = true;
                story.bind(time, number, node);
            }
            7..=8 => {
                story.up(time, number);
            }
            9 => {
                let causes =
                    [DeletionCause::TaintManager, DeletionCause::Controller, DeletionCause::PodGc];
                story.terminate(time, number, causes[who as usize % 3]);
            }
            10 => {
                story.delete(time, number);
                alive.retain(|&other| other != number);
            }
            other => anything(&mut story, time, number, (other, node)),
        }
    }
    story
}

fn anything(story: &mut Story, time: u64, number: u32, (what, node): (u8, NodeId)) {
    let fault = FaultId::from_raw(u32::from(what % 2));
    match what {
        11 => story.ready(time, number, false),
        12 => story.serve(time, number, false),
        13 => story.exit(time, number, ExitCause::LivenessProbe).start(time, number, 1),
        14 => story.begin(time, fault.raw(), number),
        15 => story.end(time, fault.raw(), number),
        16 => story.at(time, Fact::ReplicasDesired { workload: WEB, replicas: number as i32 % 5 }),
        17 => story.at(time, Fact::NodeReady { node, ready: number.is_multiple_of(2) }),
        18 => story.at(time, Fact::NodeUp { node, up: number.is_multiple_of(2) }),
        19 => story.at(time, Fact::PodUnschedulable { pod: pod(number) }),
        20 => story.at(time, Fact::PodPhase { pod: pod(number), phase: Phase::Failed }),
        21 => story.at(time, Fact::QueueLength { queue: QueueName::Backoff, length: number }),
        _ => story.at(
            time,
            Fact::ProbeFailed { pod: pod(number), container: 0, kind: ProbeKind::Readiness },
        ),
    };
}

fn world(measure_from: u64) -> Model {
    let mut world = model_with(RUN_S, vec![zone_a(), (FaultKind::SchedulerCrash, "")]);
    world.measure_from = secs(measure_from);
    world.start = Start::Empty;
    world
}

/// Integral of `value(time)` over the window, from the change points of some series.
fn integral(rows: &[&SeriesRow], from: f64, value: impl Fn(&BTreeMap<&str, f64>) -> f64) -> f64 {
    let mut times: Vec<f64> = rows.iter().map(|row| row.time_seconds).collect();
    times.push(from);
    times.push(RUN_S as f64);
    times.sort_by(f64::total_cmp);
    let mut sum = 0.0;
    for pair in times.windows(2).filter(|pair| pair[0] >= from) {
        let mut now = BTreeMap::new();
        for row in rows.iter().filter(|row| row.time_seconds <= pair[0]) {
            now.insert(row.metric.as_str(), row.value);
        }
        sum += (pair[1] - pair[0]) * value(&now);
    }
    sum
}

fn metric(tables: &RunTables, name: &str, labels: &str) -> Option<f64> {
    let mut rows = tables.metrics.iter();
    rows.find(|row| row.metric == name && row.labels == labels).map(|row| row.value)
}

fn check_recovery(tables: &RunTables) {
    for row in &tables.recovery {
        let whole = row.time_to_whole_seconds.expect("every account has a time");
        let parts =
            [row.detect_seconds, row.reschedule_seconds, row.start_seconds, row.ready_seconds];
        assert!(parts.iter().flatten().all(|part| *part >= 0.0), "{row:?}");
        if row.censored || row.detect_seconds.is_some() {
            let sum: f64 = parts.iter().flatten().sum();
            assert!((sum - whole).abs() < 1e-6, "{row:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn nothing_is_lost_and_ratios_are_ratios(
        steps in prop::collection::vec((0_u64..30, 0_u32..12, 0_u8..23), 0..80),
        measure_from in 0_u64..500,
    ) {
        let (world, story) = (world(measure_from), story(&steps));
        let tables = tables(&world, &story.facts, &[]);
        let digest = digest(&world, &story.facts);
        prop_assert_eq!(&tables.metrics, &digest.rows);
        prop_assert_eq!(&tables.recovery, &digest.recovery);
        prop_assert_eq!(&tables.faults, &digest.faults);
        prop_assert!(tables.metrics.is_sorted_by_key(|row| (&row.metric, &row.labels)));
        prop_assert!(digest.rows.iter().all(|row| row.value.is_finite() && row.value >= 0.0));

        // Created = deleted + those that the last values of `pods{state}` still count.
        let mut last = BTreeMap::new();
        for row in tables.series.iter().filter(|row| row.metric == "pods") {
            last.insert(&row.labels, row.value);
        }
        let gone = tables.pods.iter().filter(|row| row.deleted_seconds.is_some()).count();
        prop_assert_eq!(tables.pods.len(), gone + last.values().sum::<f64>() as usize);

        // Pods may request more than there is here; what is a share of time or of wishes may not.
        for row in tables.metrics.iter().filter(|row| row.metric.ends_with("_ratio")) {
            let bounded = !row.metric.contains("allocated");
            prop_assert!(!bounded || row.value <= 1.0, "{:?}", row);
        }
        check_recovery(&tables);
    }

    #[test]
    fn series_and_integrals_tell_the_same(
        steps in prop::collection::vec((0_u64..30, 0_u32..12, 0_u8..23), 0..60),
        measure_from in 0_u64..500,
    ) {
        let world = world(measure_from);
        let tables = tables(&world, &story(&steps).facts, &[]);
        let from = measure_from as f64;
        let web: Vec<&SeriesRow> = tables
            .series
            .iter()
            .filter(|row| row.labels == "workload=\"shop/web\"")
            .collect();
        let (wanted, ready) = ("workload_replicas_desired", "workload_replicas_ready");
        let desired = integral(&web, from, |now| now[wanted]);
        let have = integral(&web, from, |now| now[ready].min(now[wanted]));
        let outage = integral(&web, from, |now| f64::from(now[ready] < now[wanted]));
        let labels = "workload=\"shop/web\"";
        let told = metric(&tables, "workload_availability_ratio", labels);
        prop_assert_eq!(told.is_some(), desired > 0.0);
        prop_assert!((told.unwrap_or(0.0) * desired - have).abs() < 1e-6);
        let told = metric(&tables, "outage_seconds", labels);
        prop_assert!((told.unwrap_or(-1.0) - outage).abs() < 1e-6);
        let cpu: Vec<&SeriesRow> = tables
            .series
            .iter()
            .filter(|row| row.metric == "cluster_allocated_ratio" && row.labels.contains("cpu"))
            .collect();
        let mean = integral(&cpu, from, |now| now["cluster_allocated_ratio"])
            / (RUN_S as f64 - from);
        let told = metric(&tables, "cluster_allocated_ratio", "resource=\"cpu\"");
        prop_assert!((told.unwrap_or(-1.0) - mean).abs() < 1e-9);
        for (metric, group) in &tables.series.iter().fold(BTreeMap::new(), |mut all, row| {
            all.entry((&row.metric, &row.labels)).or_insert_with(Vec::new).push(row);
            all
        }) {
            prop_assert!(group[0].time_seconds.abs() < 1e-12, "{:?}", metric);
            for pair in group.windows(2) {
                prop_assert!(pair[0].time_seconds < pair[1].time_seconds, "{:?}", pair);
                prop_assert!(pair[0].value.total_cmp(&pair[1].value).is_ne(), "{:?}", pair);
            }
        }
    }
}
