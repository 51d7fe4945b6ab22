//! Recovery settings of a policy, under the names of their real flags and fields.

use k8s_openapi::api::core::v1::{Affinity, Probe, TopologySpreadConstraint};
use k8s_openapi::api::policy::v1::PodDisruptionBudgetSpec;

use super::Selector;
use crate::base::time::SimDuration;
use crate::scenario::read::{Located, record};

record! {
    /// How failures are detected and repaired.
    pub struct Recovery {
        /// Silence after which a node counts as unknown.
        pub node_monitor_grace_period: Option<Located<SimDuration>> = optional "nodeMonitorGracePeriod",
        /// How often nodes are looked at.
        pub node_monitor_period: Option<Located<SimDuration>> = optional "nodeMonitorPeriod",
        /// `tolerationSeconds` of the default tolerations for not-ready and unreachable nodes.
        pub toleration_seconds: Option<Located<u32>> = optional "tolerationSeconds",
        /// Nodes tainted for eviction per second in a healthy zone.
        pub node_eviction_rate: Option<Located<f64>> = optional "nodeEvictionRate",
        /// The same in an unhealthy zone.
        pub secondary_node_eviction_rate: Option<Located<f64>> = optional "secondaryNodeEvictionRate",
        /// Share of nodes not ready that makes a zone unhealthy.
        pub unhealthy_zone_threshold: Option<Located<f64>> = optional "unhealthyZoneThreshold",
        /// Number of nodes up to which an unhealthy zone is not evicted at all.
        pub large_cluster_size_threshold: Option<Located<u32>> = optional "largeClusterSizeThreshold",
        /// After how long without an answer a kubelet makes a new connection; 0s for never.
        pub kubelet_heartbeat_timeout: Option<Located<SimDuration>> = optional "kubeletHeartbeatTimeout",
        /// Whether nodes are drained that the cloud is about to take back.
        pub drain_on_reclaim_notice: Option<bool> = optional "drainOnReclaimNotice",
        /// The restart back-off.
        pub crash_loop_back_off: Option<CrashLoopBackOff> = optional "crashLoopBackOff",
        /// Probe settings laid over those of the manifests.
        pub probes: Vec<ProbeOverride> = defaulted "probes",
        /// What is changed about workloads.
        pub workloads: Vec<WorkloadOverride> = defaulted "workloads",
        /// Grace of termination laid over that of the manifests.
        pub termination_grace_period_seconds: Option<Located<u32>> = optional "terminationGracePeriodSeconds",
    }
}

record! {
    /// The waits between restarts of a failing container.
    pub struct CrashLoopBackOff {
        /// The first wait.
        pub initial: Option<Located<SimDuration>> = optional "initial",
        /// The longest wait.
        pub max_container_restart_period: Option<Located<SimDuration>> = optional "maxContainerRestartPeriod",
        /// By which share at most the kubelet is late with a restart: 0.5 is up to half as long again.
        pub jitter: Option<Located<f64>> = optional "jitter",
    }
}

record! {
    /// Probe settings for the pods that a selector chooses. Only the fields given are changed; a
    /// probe that a container lacks is added only when a handler is given.
    pub struct ProbeOverride {
        /// Which pods, by their labels.
        pub selector: Selector = required "selector",
        /// Which container; all when absent.
        pub container: Option<Located<String>> = optional "container",
        /// Laid over the liveness probe.
        pub liveness_probe: Option<Located<Probe>> = optional "livenessProbe",
        /// Laid over the readiness probe.
        pub readiness_probe: Option<Located<Probe>> = optional "readinessProbe",
        /// Laid over the startup probe.
        pub startup_probe: Option<Located<Probe>> = optional "startupProbe",
    }
}

record! {
    /// What a policy changes about the workloads whose pods a selector chooses. What is given
    /// replaces what the manifests say.
    pub struct WorkloadOverride {
        /// Which pods, by their labels.
        pub selector: Selector = required "selector",
        /// How many replicas.
        pub replicas: Option<Located<u32>> = optional "replicas",
        /// How they are spread.
        pub topology_spread_constraints: Option<Vec<TopologySpreadConstraint>> = optional "topologySpreadConstraints",
        /// Where they may and should go.
        pub affinity: Option<Affinity> = optional "affinity",
        /// How many of each workload's pods may be disrupted; its selector is the workload's.
        pub pod_disruption_budget: Option<PodDisruptionBudgetSpec> = optional "podDisruptionBudget",
    }
}
