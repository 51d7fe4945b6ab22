//! From what happened to numbers: pure functions of the model and the facts of one run.
//!
//! [`digest`] gives the scalar results that comparisons need, [`tables`] everything that a run
//! writes. Both are one pass over the facts; integrals are exact integers (amount × nanoseconds)
//! and become floats once, at the end. What each metric means stands in [`METRICS`].
//!
//! This module never sees the state of the simulation, nor any file.

mod definitions;
mod jobs;
mod listings;
mod load;
mod lookup;
mod node_loss;
mod overload;
mod pods;
mod probes;
mod reach;
mod recovery;
mod replay;
mod routing;
mod rows;
mod series;
mod stages;
mod window;
mod workloads;

#[cfg(test)]
mod tests;

pub use definitions::{Better, METRICS, MetricDef, definition};
pub use lookup::{Lookup, label_pairs, label_text, lookup};

use crate::base::time::SimTime;
use crate::model::{Model, WorkloadId};
use crate::record::{Fact, KubeEvent};
use crate::tables::StageRow;
use crate::tables::{EventRow, FaultRow, MetricRow, NodeRow, PodRow, RecoveryRow, SeriesRow};
use recovery::{Progress, Recovered};
use replay::Replay;

/// The scalar results of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunMetrics {
    /// Metrics, sorted by name and labels.
    pub rows: Vec<MetricRow>,
    /// How each affected workload came through each fault, by fault and workload.
    pub recovery: Vec<RecoveryRow>,
    /// What struck, in order of begin.
    pub faults: Vec<FaultRow>,
    /// Values of [`default_primary`]'s metrics, in its order; absent where there is no row.
    pub primary: Vec<Option<f64>>,
}

/// Every table of one run in full detail.
#[derive(Clone, Debug, PartialEq)]
pub struct RunTables {
    /// `metrics.csv`: the same rows as [`RunMetrics::rows`].
    pub metrics: Vec<MetricRow>,
    /// `timeseries.csv`. Clusters of more than 200 nodes have no `node_allocated_ratio`, the one
    /// series per node.
    ///
    /// `nodes{state}` counts `ready` and `not_ready` as the API server sees them, which makes all
    /// nodes, and beside these `down` in truth: a dead node is still `ready` until it is missed.
    pub series: Vec<SeriesRow>,
    /// `events.csv`.
    pub events: Vec<EventRow>,
    /// `pods.csv`.
    pub pods: Vec<PodRow>,
    /// `nodes.csv`.
    pub nodes: Vec<NodeRow>,
    /// `faults.csv`.
    pub faults: Vec<FaultRow>,
    /// `recovery.csv`.
    pub recovery: Vec<RecoveryRow>,
    /// `stages.csv`.
    pub stages: Vec<StageRow>,
}

/// A metric that a comparison is made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrimaryMetric {
    /// Metric name.
    pub name: &'static str,
    /// Labels, as in [`MetricRow::labels`].
    pub labels: String,
    /// `s`, `ratio`, `count` or `currency`.
    pub unit: &'static str,
    /// Which direction is good.
    pub better: Better,
}

/// The scalar results of a run.
///
/// # Panics
/// If a fact is about a pod whose creation is not among the facts before it.
#[must_use]
pub fn digest(model: &Model, facts: &[(SimTime, Fact)]) -> RunMetrics {
    let replay = Replay::of(model, facts, false);
    let recovered = recovered(&replay);
    let rows = rows::metric_rows(&replay, &recovered);
    let primary = default_primary(model)
        .iter()
        .map(|primary| {
            let mut same = rows.iter().filter(|row| row.metric == primary.name);
            same.find(|row| row.labels == primary.labels).map(|row| row.value)
        })
        .collect();
    RunMetrics {
        recovery: rows::recovery_rows(model, &recovered),
        faults: rows::fault_rows(&replay),
        rows,
        primary,
    }
}

/// Every table of a run.
///
/// # Panics
/// If a fact is about a pod whose creation is not among the facts before it, or an event about
/// one whose creation is not among the facts.
#[must_use]
pub fn tables(model: &Model, facts: &[(SimTime, Fact)], events: &[KubeEvent]) -> RunTables {
    let mut replay = Replay::of(model, facts, true);
    let recovered = recovered(&replay);
    let series = replay.series.take().expect("a replay with series keeps them");
    RunTables {
        metrics: rows::metric_rows(&replay, &recovered),
        series: series.rows(),
        events: listings::event_rows(&replay, events),
        pods: listings::pod_rows(&replay),
        nodes: listings::node_rows(&replay),
        faults: rows::fault_rows(&replay),
        recovery: rows::recovery_rows(model, &recovered),
        stages: stages::stage_rows(&replay),
    }
}

fn recovered(replay: &Replay<'_>) -> Vec<Recovered> {
    let progress = |workload: WorkloadId| {
        let track = &replay.workloads[workload];
        if track.placed < track.desired {
            Progress::Unplaced
        } else if track.running < track.desired {
            Progress::Placed
        } else {
            Progress::Running
        }
    };
    replay.recovery.finish(replay.window.end(), progress)
}

/// The metrics that a comparison is made for unless the scenario names others: recovery and
/// availability where there are faults, and always allocation, pending time and restarts.
#[must_use]
pub fn default_primary(model: &Model) -> Vec<PrimaryMetric> {
    let faults: &[(&str, &[(&str, &str)])] = if model.faults.is_empty() {
        &[]
    } else {
        &[("time_to_whole_seconds", &[("quantile", "0.95")]), ("availability_ratio", &[])]
    };
    let always: [(&str, &[(&str, &str)]); 3] = [
        ("cluster_allocated_ratio", &[("resource", "cpu")]),
        ("pod_pending_seconds", &[("quantile", "0.95")]),
        ("container_restarts_total", &[]),
    ];
    let primary = |(name, labels): &(&str, &[(&str, &str)])| {
        let def = definition(name).expect("primary metrics are defined");
        let labels = label_text(labels);
        PrimaryMetric { name: def.name, labels, unit: def.unit, better: def.better }
    };
    faults.iter().chain(&always).map(primary).collect()
}
