//! What every metric means, in one table: the source of the reference, of the checks of `expect:`
//! and of the direction that a comparison calls better.

use Better::{Higher, Lower, Neither};

/// Which direction of a metric is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Less is better.
    Lower,
    /// More is better.
    Higher,
    /// Neither: a difference is only a difference.
    Neither,
}

impl Better {
    /// As `comparison.csv` says it: `lower`, `higher` or empty.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lower => "lower",
            Self::Higher => "higher",
            Self::Neither => "",
        }
    }
}

/// One metric of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricDef {
    /// Name in `metrics.csv` and in `expect:`.
    pub name: &'static str,
    /// Labels its rows may have, sorted.
    pub labels: &'static [&'static str],
    /// `s`, `ratio`, `count` or `currency`.
    pub unit: &'static str,
    /// Which direction is good.
    pub better: Better,
    /// Definition, in whole sentences.
    pub help: &'static str,
}

/// The definition of a metric, if there is one of this name.
#[must_use]
pub fn definition(name: &str) -> Option<&'static MetricDef> {
    METRICS.binary_search_by(|def| def.name.cmp(name)).ok().map(|at| &METRICS[at])
}

const fn def(
    name: &'static str,
    labels: &'static [&'static str],
    unit: &'static str,
    better: Better,
    help: &'static str,
) -> MetricDef {
    MetricDef { name, labels, unit, better, help }
}

/// All metrics, sorted by name. Everything is over the measured window, from `measureFrom` to the
/// end of the run; `workload` and `service` are `namespace/name`; a metric that would divide by
/// nothing has no row.
pub const METRICS: &[MetricDef] = &[
    def(
        "api_unwritable_seconds",
        &[],
        "s",
        Lower,
        "Time in which no write could commit: no kube-apiserver instance was up, or etcd had no leader.",
    ),
    def(
        "availability_ratio",
        &[],
        "ratio",
        Higher,
        "Replica availability of all workloads together: the integral of min(ready, desired) \
         divided by the integral of desired, as the API server knows them. Terminating and \
         finished pods are not ready.",
    ),
    def(
        "cluster_allocated_ratio",
        &["resource"],
        "ratio",
        Neither,
        "Time-weighted mean of what bound, unfinished pods request, divided by what all declared \
         nodes offer, whether they are up or not.",
    ),
    def(
        "cluster_allocated_ratio_max",
        &["resource"],
        "ratio",
        Neither,
        "The largest value of that ratio that lasted for any time.",
    ),
    def(
        "container_restarts_total",
        &["cause", "workload"],
        "count",
        Lower,
        "Containers started again in the same pod; by what ended them before (exit, liveness, \
         startup, oom, node_lost), by workload, and without labels all together.",
    ),
    def("cost_per_hour", &[], "currency", Lower, "Cost of all declared nodes that have a price."),
    def(
        "cost_total",
        &[],
        "currency",
        Lower,
        "Cost of all declared nodes that have a price, over the measured window.",
    ),
    def(
        "evictions_refused_total",
        &[],
        "count",
        Neither,
        "Evictions that the Eviction API refused because a PodDisruptionBudget allowed none; each is \
         asked for again after 5 s.",
    ),
    def(
        "image_pull_failures_total",
        &[],
        "count",
        Lower,
        "Attempts to pull an image that failed (ErrImagePull).",
    ),
    def(
        "job_duration_seconds",
        &["quantile"],
        "s",
        Lower,
        "From the start of a Job until it was complete: the mean, the least (quantile=\"0\") and the \
         most (quantile=\"1\") over Jobs that were complete within the window.",
    ),
    def(
        "jobs_complete_total",
        &["workload"],
        "count",
        Higher,
        "Jobs that were complete within the window; those of a CronJob together.",
    ),
    def(
        "jobs_failed_total",
        &["workload"],
        "count",
        Lower,
        "Jobs that failed within the window; those of a CronJob together.",
    ),
    def(
        "leaderless_seconds",
        &["component"],
        "s",
        Lower,
        "Time in which a control-plane component had no leader.",
    ),
    def(
        "node_allocated_at_end_ratio",
        &["node", "resource"],
        "ratio",
        Neither,
        "How full the fullest (node=\"most\") and the emptiest node (node=\"least\") are at the end \
         of the run: requests of its pods divided by its allocatable CPU or memory.",
    ),
    def(
        "node_allocated_ratio_max",
        &["resource"],
        "ratio",
        Neither,
        "The fullest that any node was for any time: requests of its pods divided by its \
         allocatable CPU or memory.",
    ),
    def(
        "node_cpu_utilisation_max",
        &[],
        "ratio",
        Lower,
        "The most that any node's CPU had to do for any time, divided by its allocatable CPU: what \
         `load:` gives its pods. Only where a scenario has `load:`.",
    ),
    def(
        "node_detection_seconds",
        &["quantile"],
        "s",
        Lower,
        "From the loss of a node's power, kubelet or connection until the API server had it not ready: the \
         mean, the least (quantile=\"0\") and the most (quantile=\"1\") over losses that were noticed.",
    ),
    def(
        "node_disconnected_seconds",
        &[],
        "s",
        Lower,
        "Node-seconds in which a node's kubelet was down or did not reach the API server.",
    ),
    def(
        "node_eviction_seconds",
        &["quantile"],
        "s",
        Neither,
        "From the loss of a node's power, kubelet or connection until the taint manager deleted one of its \
         pods: the mean, the least (quantile=\"0\") and the most (quantile=\"1\") over pods.",
    ),
    def(
        "node_oom_kills_total",
        &[],
        "count",
        Lower,
        "Containers that the kernel killed because their node's memory ran out.",
    ),
    def(
        "node_overload_crashes_total",
        &[],
        "count",
        Lower,
        "Crashes of nodes whose CPU did not suffice for as long as their pool's `overload:` says. \
         Only where a scenario has `load:`.",
    ),
    def("nodes_overloaded", &[], "count", Lower, "Different nodes that crashed so at least once."),
    def(
        "nodes_ready_ratio",
        &[],
        "ratio",
        Higher,
        "Time-weighted mean share of nodes that the API server saw Ready.",
    ),
    def(
        "nodes_used",
        &[],
        "count",
        Neither,
        "Time-weighted mean number of nodes with at least one bound, unfinished pod.",
    ),
    def(
        "outage_seconds",
        &["workload"],
        "s",
        Lower,
        "Time with fewer ready replicas than desired, as the API server knows them.",
    ),
    def(
        "pod_creations_refused_total",
        &[],
        "count",
        Lower,
        "Attempts to create pods that failed because an admission webhook did not answer \
         (FailedCreate).",
    ),
    def(
        "pod_pending_seconds",
        &["quantile"],
        "s",
        Lower,
        "From the creation of a pod until it was bound, over pods created in the window. Pods \
         never bound count until they were deleted or the run ended. Pods that a settled start \
         placed are left out. 0 where no pod was created: none waited.",
    ),
    def(
        "pod_running_unseen_seconds",
        &[],
        "s",
        Lower,
        "Pod-seconds in which a pod went on serving on a node that did not reach the API server, although it was being deleted or gone there: its replacement may have served beside it.",
    ),
    def(
        "pods_bound_to_returned_total",
        &[],
        "count",
        Neither,
        "Pods bound to a node that had lost power and was back, while no node was without power: \
         nothing moves to such a node by itself.",
    ),
    def(
        "pods_created_total",
        &[],
        "count",
        Neither,
        "Pods created in the window; pods that a settled start placed are left out.",
    ),
    def("pods_deleted_total", &[], "count", Neither, "Pod objects gone within the window."),
    def(
        "pods_evicted_total",
        &[],
        "count",
        Lower,
        "Pods that the taint manager deleted (DeletionByTaintManager).",
    ),
    def(
        "pods_pending_at_end",
        &[],
        "count",
        Lower,
        "Pods not bound and not being deleted at the end of the run.",
    ),
    def(
        "pods_preempted_total",
        &[],
        "count",
        Lower,
        "Pods deleted to make room for others (PreemptionByScheduler).",
    ),
    def(
        "pods_pressure_evicted_total",
        &[],
        "count",
        Lower,
        "Pods that their kubelet evicted because the node ran short of memory or disk.",
    ),
    def(
        "pods_unschedulable_total",
        &[],
        "count",
        Lower,
        "Pods for which at least one scheduling attempt found no node.",
    ),
    def(
        "preemption_budget_violations_total",
        &[],
        "count",
        Lower,
        "Victims of preemption whose eviction violated a PodDisruptionBudget, as far as the \
         scheduler knew its status.",
    ),
    def("preemptions_total", &[], "count", Lower, "Scheduling attempts that evicted other pods."),
    def(
        "probe_failures_total",
        &["probe"],
        "count",
        Lower,
        "Single failures of Startup, Liveness and Readiness probes; those that go on in a run beyond \
         failureThreshold change nothing and are not counted.",
    ),
    def(
        "probe_false_positives_total",
        &["probe", "workload"],
        "count",
        Lower,
        "Times that a probe's result turned to failure (after failureThreshold) though the pod could \
         serve in truth, slowly or with some errors counting as serving; for Liveness and Startup \
         also kills of a container that would have recovered, or finished its start-up, by itself. \
         Per workload that has such a probe, and over all.",
    ),
    def(
        "probe_missed_seconds",
        &["probe", "workload"],
        "s",
        Lower,
        "Pod-seconds in which all probes of a kind passed though the pod, which had served since \
         its containers last started and whose containers ran, could not serve in truth. The time \
         that a probe takes to notice is part of it. Per workload that has such a probe, and over \
         all.",
    ),
    def(
        "recovery_censored_total",
        &[],
        "count",
        Lower,
        "Affected workloads, per fault, that were not whole again by the end of the run.",
    ),
    def(
        "recovery_detect_seconds",
        &[],
        "s",
        Lower,
        "Mean over affected workloads and faults of the time from the fault until the control \
         plane first acted on a lost pod: not ready at the API server, container restarted, or \
         deleted. Not acted on by the end: the time to the end. Healed before: left out.",
    ),
    def(
        "recovery_ready_seconds",
        &[],
        "s",
        Lower,
        "Mean time from the last start of containers until the workload was whole, or to the end.",
    ),
    def(
        "recovery_reschedule_seconds",
        &[],
        "s",
        Lower,
        "Mean time from detection until the last replacement was bound, or to the end; 0 where \
         pods restarted in place.",
    ),
    def(
        "recovery_start_seconds",
        &[],
        "s",
        Lower,
        "Mean time from the end of rescheduling until all app containers of the last pod that \
         replaced a lost one, or was restarted in place, ran; or to the end. Image pulls and \
         restart back-off belong here.",
    ),
    def(
        "replica_deficit_seconds",
        &[],
        "s",
        Lower,
        "Replica-seconds missing: the integral of desired minus ready, where positive, summed \
         over workloads.",
    ),
    def(
        "replicas_lost_total",
        &[],
        "count",
        Lower,
        "Ready pods that faults stopped from serving in truth; a pod counts once per fault.",
    ),
    def(
        "rollouts_complete_total",
        &[],
        "count",
        Neither,
        "Rollouts of Deployments that became complete: a new template, or with `start: empty` the \
         first one, all of whose replicas were available for the first time. Replicas lost later \
         and replaced are no rollout.",
    ),
    def(
        "scheduling_attempts_total",
        &["result"],
        "count",
        Neither,
        "Scheduling cycles that ended, by result: scheduled or unschedulable.",
    ),
    def(
        "service_availability_ratio",
        &["service"],
        "ratio",
        Higher,
        "Share of time in which a Service had at least one ready endpoint.",
    ),
    def(
        "service_endpoints_min",
        &["service"],
        "count",
        Higher,
        "The fewest ready endpoints that a Service had for any time.",
    ),
    def(
        "service_misrouted_ratio",
        &["service"],
        "ratio",
        Lower,
        "Mean share of a Service's requests that a kube-proxy would have sent to a pod that did not \
         serve, if requests came evenly from all nodes.",
    ),
    def(
        "stranded_cpu_ratio",
        &[],
        "ratio",
        Lower,
        "Time-weighted mean of the free CPU on nodes with less than 5 % of their memory free, \
         divided by the allocatable CPU of all nodes.",
    ),
    def(
        "stranded_memory_ratio",
        &[],
        "ratio",
        Lower,
        "Time-weighted mean of the free memory on nodes with less than 5 % of their CPU free, \
         divided by the allocatable memory of all nodes.",
    ),
    def(
        "time_to_whole_seconds",
        &["fault", "quantile"],
        "s",
        Lower,
        "From a fault until an affected workload had at least its desired number of pods ready \
         at the API server and serving in truth, and kept them for 30 s (not counted). Quantiles \
         over affected workloads and occurrences, per fault and over all, and without labels the \
         mean; not whole by the end: \
         the time to the end. A workload that a fault strikes before it was ever whole counts from \
         the fault too. 0 where a fault began and affected nothing.",
    ),
    def(
        "unneeded_restarts_total",
        &["workload"],
        "count",
        Lower,
        "Containers killed by a probe though they would have recovered, or finished their start-up, \
         by themselves; by workload and all together.",
    ),
    def(
        "workload_availability_ratio",
        &["workload"],
        "ratio",
        Higher,
        "Replica availability of one workload; see availability_ratio.",
    ),
    def(
        "workload_colocated_max",
        &["workload"],
        "count",
        Lower,
        "The most placed pods (bound, not terminating, not finished) of the workload that one node \
         had for any time.",
    ),
    def(
        "workload_serving_ratio",
        &["workload"],
        "ratio",
        Higher,
        "The integral of min(serving, desired) divided by the integral of desired, in truth: \
         pods whose containers run, have started up and can serve, whatever the API server says.",
    ),
    def(
        "workload_zone_skew",
        &["workload"],
        "count",
        Lower,
        "Time-weighted mean of most minus fewest placed pods (bound, not terminating, not \
         finished) of the workload in any zone; only where there are two zones or more.",
    ),
    def(
        "workload_zone_skew_max",
        &[],
        "count",
        Lower,
        "The largest such difference that any workload had for any time.",
    ),
    def(
        "workloads_affected_total",
        &["fault"],
        "count",
        Lower,
        "Workloads that lost serving or ready pods to a fault, or that it struck before they were \
         ever whole, summed over its occurrences.",
    ),
];
