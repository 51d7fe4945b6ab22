//! Step functions with exact change points.
//!
//! A series has a row at time zero and then one per change that lasted: several changes at one
//! instant are one row, and a value that comes back at the same instant is none.

use super::load::Load;
use super::lookup::label_text;
use super::pods::PodState;
use super::workloads::WorkloadTrack;
use crate::base::id::IdVec;
use crate::base::time::SimTime;
use crate::model::{Model, NodeId, WorkloadId};
use crate::record::QueueName;
use crate::tables::SeriesRow;

/// Above this number of nodes there are no per-node series (`node_allocated_ratio`): the file
/// would dwarf everything else, and no chart could show it.
pub(super) const NODE_SERIES_MAX: usize = 200;

/// One series.
#[derive(Debug)]
struct Series {
    metric: &'static str,
    labels: String,
    steps: Vec<(SimTime, f64)>,
}

impl Series {
    fn set(&mut self, now: SimTime, value: f64) {
        if let Some(&(time, _)) = self.steps.last()
            && time == now
        {
            self.steps.pop();
        }
        if self.steps.last().is_none_or(|&(_, last)| last.total_cmp(&value).is_ne()) {
            self.steps.push((now, value));
        }
    }
}

/// Position of a series.
type At = usize;

/// All series of a run.
#[derive(Debug)]
pub(super) struct SeriesSet {
    all: Vec<Series>,
    pods: [At; 7],
    pods_lost: At,
    nodes: [At; 3],
    queues: [At; 3],
    resources: Vec<At>,
    workloads: IdVec<WorkloadId, [At; 2]>,
    node_ratios: Option<IdVec<NodeId, [At; 2]>>,
    touched_workloads: Vec<WorkloadId>,
    touched_nodes: Vec<NodeId>,
}

/// What the series of an instant are made of.
#[derive(Debug)]
pub(super) struct Instant<'a> {
    /// When.
    pub(super) now: SimTime,
    /// Pods per [`PodState`].
    pub(super) states: [u32; 7],
    /// Pods lost in truth, ready at the API server.
    pub(super) lost: u32,
    /// Nodes ready, not ready, and down.
    pub(super) nodes: [u32; 3],
    /// Allocation.
    pub(super) load: &'a Load<'a>,
    /// Workloads.
    pub(super) workloads: &'a IdVec<WorkloadId, WorkloadTrack>,
}

impl SeriesSet {
    /// Series of an empty cluster.
    pub(super) fn new(model: &Model, load: &Load<'_>) -> Self {
        let mut all = Vec::new();
        let mut add = |metric, pairs: &[(&str, &str)], value| {
            let labels = label_text(pairs);
            all.push(Series { metric, labels, steps: vec![(SimTime::ZERO, value)] });
            all.len() - 1
        };
        let pods = PodState::ALL.map(|state| add("pods", &[("state", state.name())], 0.0));
        let pods_lost = add("pods_lost", &[], 0.0);
        let count = model.nodes.len() as f64;
        let nodes = [("ready", count), ("not_ready", 0.0), ("down", 0.0)]
            .map(|(state, value)| add("nodes", &[("state", state)], value));
        let queues = ["active", "backoff", "unschedulable"]
            .map(|queue| add("scheduler_pending_pods", &[("queue", queue)], 0.0));
        let resources = load
            .resources
            .iter()
            .map(|r| add("cluster_allocated_ratio", &[("resource", &r.name)], 0.0))
            .collect();
        let workloads = model.workloads.iter().map(|(id, workload)| {
            let name = model.workload_name(id);
            let desired = f64::from(workload.replicas.max(0));
            let labels = [("workload", name.as_str())];
            [
                add("workload_replicas_desired", &labels, desired),
                add("workload_replicas_ready", &labels, 0.0),
            ]
        });
        let workloads = IdVec::from_rows(workloads.collect());
        let node_ratios = (model.nodes.len() <= NODE_SERIES_MAX).then(|| {
            let rows = model.nodes.values().map(|node| {
                let zone = &model.zones[node.zone].name;
                ["cpu", "memory"].map(|resource| {
                    let labels = [("node", node.name.as_str()), ("resource", resource)];
                    add("node_allocated_ratio", &[labels[0], labels[1], ("zone", zone)], 0.0)
                })
            });
            IdVec::from_rows(rows.collect())
        });
        let (touched_workloads, touched_nodes) = (Vec::new(), Vec::new());
        Self {
            all,
            pods,
            pods_lost,
            nodes,
            queues,
            resources,
            workloads,
            node_ratios,
            touched_workloads,
            touched_nodes,
        }
    }

    /// A workload's replicas may have changed.
    pub(super) fn touch_workload(&mut self, workload: WorkloadId) {
        self.touched_workloads.push(workload);
    }

    /// A node's allocation may have changed.
    pub(super) fn touch_node(&mut self, node: NodeId) {
        self.touched_nodes.push(node);
    }

    /// A queue of the scheduler has a new length.
    pub(super) fn queue_length(&mut self, now: SimTime, queue: QueueName, length: u32) {
        let at = match queue {
            QueueName::Active => 0,
            QueueName::Backoff => 1,
            QueueName::Unschedulable => 2,
        };
        self.all[self.queues[at]].set(now, f64::from(length));
    }

    /// Everything that happens at an instant has happened.
    pub(super) fn end_instant(&mut self, instant: &Instant<'_>) {
        let now = instant.now;
        let counts = self.pods.iter().zip(&instant.states);
        for (&at, &count) in counts.chain(self.nodes.iter().zip(&instant.nodes)) {
            self.all[at].set(now, f64::from(count));
        }
        self.all[self.pods_lost].set(now, f64::from(instant.lost));
        for workload in self.touched_workloads.drain(..) {
            let track = &instant.workloads[workload];
            let [desired, ready] = self.workloads[workload];
            self.all[desired].set(now, track.desired as f64);
            self.all[ready].set(now, track.ready as f64);
        }
        if self.touched_nodes.is_empty() {
            return;
        }
        for (&at, resource) in self.resources.iter().zip(&instant.load.resources) {
            self.all[at].set(now, resource.requested as f64 / resource.allocatable as f64);
        }
        for node in self.touched_nodes.drain(..) {
            let Some(positions) = self.node_ratios.as_ref().map(|ratios| ratios[node]) else {
                continue;
            };
            for (at, ratio) in positions.into_iter().zip(instant.load.node_ratios(node)) {
                self.all[at].set(now, ratio);
            }
        }
    }

    /// All rows, sorted by metric, labels and time.
    pub(super) fn rows(mut self) -> Vec<SeriesRow> {
        self.all.sort_by(|a, b| (a.metric, &a.labels).cmp(&(b.metric, &b.labels)));
        let mut rows = Vec::with_capacity(self.all.iter().map(|series| series.steps.len()).sum());
        for series in self.all {
            rows.extend(series.steps.iter().map(|&(time, value)| SeriesRow {
                metric: series.metric.to_owned(),
                labels: series.labels.clone(),
                time_seconds: time.as_secs_f64(),
                value,
            }));
        }
        rows
    }
}
