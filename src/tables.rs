//! The shapes of every table that a run or a comparison writes: one struct per CSV row.
//!
//! `metrics` and `experiment` fill these rows, `report` writes, reads and draws them. Nothing here
//! computes, simulates or touches a file. All times are seconds since the scenario's start,
//! printed with nanosecond precision at most; a time that never came is an empty cell.
//! The column order is the field order; it is part of the output contract.

use serde::{Deserialize, Serialize};

/// One line of `metrics.csv`: a scalar result of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricRow {
    /// Metric name, for example `time_to_whole_seconds`.
    pub metric: String,
    /// Labels as in PromQL without braces, sorted by key: `quantile="0.95",workload="shop/cart"`.
    pub labels: String,
    /// The value, in the unit its name ends with (`_seconds`, `_ratio`, `_total`, …).
    pub value: f64,
}

/// One line of `timeseries.csv`: a step function changes to `value` at `time_seconds`.
///
/// Every series has a first row at the start of the run; between rows the value holds.
/// Rows are sorted by (metric, labels, time).
///
/// Series written by a run:
/// * `pods{state}`: number of pods in one of the exclusive states `unscheduled`, `starting`
///   (bound, never ready yet), `ready`, `unready` (was ready before), `terminating`, `failed`,
///   `succeeded`, as the API server knows them;
/// * `pods_lost`: pods whose containers are gone in truth though the API does not know yet;
/// * `workload_replicas_desired{workload}`, `workload_replicas_ready{workload}` (`namespace/name`);
/// * `cluster_allocated_ratio{resource}`: requests of bound pods ÷ allocatable of all nodes;
/// * `node_allocated_ratio{node,resource,zone}`: the same for one node;
/// * `nodes{state}`: `ready`, `not_ready` (API knows), `down` (in truth);
/// * `scheduler_pending_pods{queue}`: `active`, `backoff`, `unschedulable`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeriesRow {
    /// Series name.
    pub metric: String,
    /// Labels, as in [`MetricRow::labels`].
    pub labels: String,
    /// When the step happens, seconds.
    pub time_seconds: f64,
    /// The value from then on.
    pub value: f64,
}

/// One line of `events.csv`: what `kubectl get events` would list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventRow {
    /// When, seconds.
    pub time_seconds: f64,
    /// `Normal` or `Warning`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Kubernetes' reason, for example `FailedScheduling`.
    pub reason: String,
    /// Kind of the object concerned: `Pod`, `Node`, `Deployment`, …
    pub object_kind: String,
    /// Namespace, empty for cluster-scoped objects.
    pub namespace: String,
    /// Object name.
    pub name: String,
    /// Reporting component: `default-scheduler`, `kubelet`, `node-controller`, …
    pub component: String,
    /// The message in Kubernetes' words.
    pub message: String,
}

/// One line of `pods.csv`: the life of one pod.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PodRow {
    /// Namespace.
    pub namespace: String,
    /// Pod name.
    pub name: String,
    /// Owning workload as `namespace/name`, empty for a bare pod.
    pub workload: String,
    /// Node it was bound to, empty if never.
    pub node: String,
    /// That node's zone.
    pub zone: String,
    /// Object created, seconds.
    pub created_seconds: f64,
    /// Binding committed.
    pub scheduled_seconds: Option<f64>,
    /// First container started.
    pub started_seconds: Option<f64>,
    /// First Ready=True at the API server.
    pub ready_seconds: Option<f64>,
    /// Object gone.
    pub deleted_seconds: Option<f64>,
    /// Last phase.
    pub phase: String,
    /// Last status reason, for example `Evicted`.
    pub reason: String,
    /// Container restarts.
    pub restarts: u32,
}

/// One line of `nodes.csv`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeRow {
    /// Node name.
    pub name: String,
    /// Node pool of the scenario.
    pub pool: String,
    /// Zone, empty if unlabelled.
    pub zone: String,
    /// Allocatable CPU, milli-cores.
    pub cpu_milli: i64,
    /// Allocatable memory, bytes.
    pub memory_bytes: i64,
    /// Allocatable pods.
    pub pods: i64,
    /// Time-weighted mean of requested CPU ÷ allocatable.
    pub cpu_allocated_ratio: f64,
    /// Time-weighted mean of requested memory ÷ allocatable.
    pub memory_allocated_ratio: f64,
    /// Share of the window in which the API saw the node Ready.
    pub ready_ratio: f64,
}

/// One line of `faults.csv`: what was injected or happened by itself, when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultRow {
    /// Ordinal within the run, from 0.
    pub fault: u32,
    /// `zoneOutage`, `nodeCrash`, `schedulerCrash`, …
    pub kind: String,
    /// What it struck: a zone, node, workload or component name.
    pub target: String,
    /// Begin, seconds.
    pub start_seconds: f64,
    /// End, seconds; empty if it lasts past the run's end.
    pub end_seconds: Option<f64>,
}

/// One line of `recovery.csv`: how one workload came through one fault.
///
/// `detect + reschedule + start + ready = time_to_whole` where the fault cost the workload replicas.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecoveryRow {
    /// [`FaultRow::fault`].
    pub fault: u32,
    /// Workload, `namespace/name`.
    pub workload: String,
    /// Ready replicas lost to the fault in truth.
    pub replicas_lost: u32,
    /// From the fault until the control plane first acted on a lost replica (pod not ready at the
    /// API, container restart or deletion), seconds.
    pub detect_seconds: Option<f64>,
    /// From then until the last replacement was bound (0 when restarted in place).
    pub reschedule_seconds: Option<f64>,
    /// From then until the containers of the last pod that came back had started.
    pub start_seconds: Option<f64>,
    /// From then until ready = desired, for good.
    pub ready_seconds: Option<f64>,
    /// From the fault until ready = desired has held for 30 s (the 30 s not counted).
    pub time_to_whole_seconds: Option<f64>,
    /// Not whole by the end of the run: the times above are lower bounds or empty.
    pub censored: bool,
}

/// One line of `stages.csv`: a time in which one pod was at one stage of its life.
///
/// Listed are the pods of a workload whose stage changed since the first time one of its pods
/// stopped being ready or serving; rows are sorted by workload, pod and time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageRow {
    /// Workload, `namespace/name`.
    pub workload: String,
    /// Pod name.
    pub pod: String,
    /// Node it is bound to, empty before.
    pub node: String,
    /// `pending` (not bound), `starting` (bound, its containers wait or are being started),
    /// `unready` (they run or were lost with their node, not ready at the API server), `ready` (and
    /// serving in truth), `ready_not_serving` (ready at the API server only), `terminating`.
    pub stage: String,
    /// Begin, seconds.
    pub start_seconds: f64,
    /// End, seconds; empty if it lasts past the run's end.
    pub end_seconds: Option<f64>,
}

/// One line of `replications.csv`: one metric of one replication under one policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplicationRow {
    /// Policy name.
    pub policy: String,
    /// Replication number, from 0; equal numbers met the same storm.
    pub replication: u32,
    /// Metric name.
    pub metric: String,
    /// Labels.
    pub labels: String,
    /// Value.
    pub value: f64,
}

/// One line of `comparison.csv`: one metric under one policy, beside the baseline policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparisonRow {
    /// Metric name.
    pub metric: String,
    /// Labels.
    pub labels: String,
    /// Unit for people: `s`, `ratio`, `count`, ….
    pub unit: String,
    /// `lower`, `higher` or empty where neither is better.
    pub better: String,
    /// Whether the metric is declared primary (its p-value is adjusted with the other primaries).
    pub primary: bool,
    /// Policy name.
    pub policy: String,
    /// Replications in which the metric had a value.
    pub n: u32,
    /// Mean over replications.
    pub mean: f64,
    /// Standard deviation over replications (n − 1).
    pub sd: f64,
    /// Lower end of the 95 % confidence interval of the mean.
    pub lo: f64,
    /// Upper end.
    pub hi: f64,
    /// Mean paired difference to the baseline policy; empty for the baseline itself.
    pub diff: Option<f64>,
    /// Lower end of its paired 95 % interval.
    pub diff_lo: Option<f64>,
    /// Upper end.
    pub diff_hi: Option<f64>,
    /// Two-sided p-value of the paired t-test, Holm-adjusted over the primary metrics.
    pub p_adjusted: Option<f64>,
    /// `baseline`, `better`, `worse`, `different` (no direction), `no difference`, `not comparable`.
    pub verdict: String,
}
