//! What a policy chooses: the scheduler's configuration and the recovery settings; and the
//! control plane both run in.
//!
//! Choices are data here (names and checked parameters). The code they select lives in
//! `scheduling` and in the components.

use super::{NodeSelectorTerm, SpreadConstraint, Weighted};
use crate::base::time::SimDuration;
use crate::rng::Distribution;

/// A resource and its weight in a score.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceWeight {
    /// Kubernetes' resource name.
    pub name: String,
    /// Weight, 1–100.
    pub weight: i64,
}

/// A point of the broken line of RequestedToCapacityRatio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShapePoint {
    /// Utilisation, 0–100.
    pub utilization: i64,
    /// Score, 0–10.
    pub score: i64,
}

/// `scoringStrategy` of NodeResourcesFit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FitStrategy {
    /// Prefer the emptiest node.
    LeastAllocated,
    /// Prefer the fullest node.
    MostAllocated,
    /// Score by a broken line over utilisation.
    RequestedToCapacityRatio(Vec<ShapePoint>),
}

/// Default constraints of PodTopologySpread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpreadDefaults {
    /// Kubernetes' own (hostname maxSkew 3, zone maxSkew 5, both ScheduleAnyway).
    System,
    /// This list; selectors are derived from services and owners.
    List(Vec<SpreadConstraint>),
}

/// Checked arguments of one plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PluginArgs {
    /// `NodeResourcesFitArgs`.
    NodeResourcesFit {
        /// Strategy.
        strategy: FitStrategy,
        /// Resources scored, with weights.
        resources: Vec<ResourceWeight>,
        /// Extended resources the filter ignores.
        ignored_resources: Vec<String>,
        /// Groups of extended resources the filter ignores.
        ignored_groups: Vec<String>,
    },
    /// `NodeResourcesBalancedAllocationArgs`.
    NodeResourcesBalancedAllocation {
        /// Resources balanced (weights are all 1).
        resources: Vec<ResourceWeight>,
    },
    /// `PodTopologySpreadArgs`.
    PodTopologySpread {
        /// Constraints for pods that have none.
        defaults: SpreadDefaults,
    },
    /// `NodeAffinityArgs.addedAffinity`.
    NodeAffinity {
        /// Added required terms.
        required: Option<Vec<NodeSelectorTerm>>,
        /// Added preferred terms.
        preferred: Vec<Weighted<NodeSelectorTerm>>,
    },
    /// `InterPodAffinityArgs`.
    InterPodAffinity {
        /// `hardPodAffinityWeight`.
        hard_pod_affinity_weight: i64,
        /// `ignorePreferredTermsOfExistingPods`.
        ignore_preferred_terms_of_existing_pods: bool,
    },
    /// `DefaultPreemptionArgs`.
    DefaultPreemption {
        /// `minCandidateNodesPercentage`.
        min_candidate_nodes_percentage: i64,
        /// `minCandidateNodesAbsolute`.
        min_candidate_nodes_absolute: i64,
    },
    /// Of the plugins that compare nodes by shares of resources.
    WeightedResources {
        /// Resources looked at.
        resources: Vec<ResourceWeight>,
    },
}

/// A plugin at the score point and its weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScoreWeight {
    /// Plugin name.
    pub plugin: String,
    /// Weight.
    pub weight: i64,
}

/// One scheduler profile, defaults merged: the plugins of each extension point in execution order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// `schedulerName`.
    pub scheduler_name: String,
    /// `percentageOfNodesToScore`; 0 is adaptive.
    pub percentage_of_nodes_to_score: i64,
    /// PreEnqueue plugins.
    pub pre_enqueue: Vec<String>,
    /// QueueSort plugin.
    pub queue_sort: String,
    /// PreFilter plugins.
    pub pre_filter: Vec<String>,
    /// Filter plugins.
    pub filter: Vec<String>,
    /// PostFilter plugins.
    pub post_filter: Vec<String>,
    /// PreScore plugins.
    pub pre_score: Vec<String>,
    /// Score plugins with weights.
    pub score: Vec<ScoreWeight>,
    /// Reserve plugins.
    pub reserve: Vec<String>,
    /// Permit plugins.
    pub permit: Vec<String>,
    /// PreBind plugins.
    pub pre_bind: Vec<String>,
    /// Bind plugins.
    pub bind: Vec<String>,
    /// PostBind plugins.
    pub post_bind: Vec<String>,
    /// Arguments, by plugin name, sorted.
    pub args: Vec<(String, PluginArgs)>,
}

impl Profile {
    /// The plugins of an extension point, by its name in a configuration, in execution order.
    #[must_use]
    pub fn plugins(&self, point: &str) -> Vec<String> {
        let list = match point {
            "preEnqueue" => &self.pre_enqueue,
            "queueSort" => return vec![self.queue_sort.clone()],
            "preFilter" => &self.pre_filter,
            "filter" => &self.filter,
            "postFilter" => &self.post_filter,
            "preScore" => &self.pre_score,
            "score" => return self.score.iter().map(|entry| entry.plugin.clone()).collect(),
            "reserve" => &self.reserve,
            "permit" => &self.permit,
            "preBind" => &self.pre_bind,
            "bind" => &self.bind,
            "postBind" => &self.post_bind,
            _ => return Vec::new(),
        };
        list.clone()
    }
}

/// A filter, a score or both that a policy writes itself, in CEL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    /// What messages and explanations call it.
    pub name: String,
    /// Where pods may go; checked.
    pub filter: Option<String>,
    /// The reason where the filter is false.
    pub message: Option<String>,
    /// How good a node is, 0–100; checked.
    pub score: Option<String>,
    /// Weight of the score.
    pub weight: i64,
}

/// A checked and merged `KubeSchedulerConfiguration`.
#[derive(Clone, Debug, PartialEq)]
pub struct SchedulerConfig {
    /// Profiles; the first serves `default-scheduler` unless named otherwise.
    pub profiles: Vec<Profile>,
    /// Filters and scores of every profile that the policy writes itself, at most
    /// `scheduling::EXPRESSIONS_MAX`.
    pub expressions: Vec<Expression>,
    /// `podInitialBackoffSeconds`.
    pub pod_initial_backoff: SimDuration,
    /// `podMaxBackoffSeconds`; zero switches back-off off.
    pub pod_max_backoff: SimDuration,
    /// Client queries per second.
    pub qps: u32,
    /// Client burst.
    pub burst: u32,
    /// How ties between top-scoring nodes are broken: `Some(seed)` draws by (pod, attempt), `None`
    /// takes the name that sorts first.
    pub tie_seed: Option<u64>,
}

/// CrashLoopBackOff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackoffCurve {
    /// First wait (10 s).
    pub initial: SimDuration,
    /// Longest wait (300 s).
    pub max: SimDuration,
    /// Share by which the kubelet's wake-up may be late, in thousandths (500: up to +50 %).
    pub jitter_per_mille: u32,
}

/// Settings of failure detection and recovery, by their flag names.
#[derive(Clone, Debug, PartialEq)]
pub struct RecoveryPolicy {
    /// `--node-startup-grace-period`: the grace period of nodes that never posted a condition.
    pub node_startup_grace_period: SimDuration,
    /// `--node-monitor-period`.
    pub node_monitor_period: SimDuration,
    /// `--node-monitor-grace-period`.
    pub node_monitor_grace_period: SimDuration,
    /// `--node-eviction-rate`, nodes per 1,000 s (100 = 0.1/s).
    pub node_eviction_rate_milli: u64,
    /// `--secondary-node-eviction-rate`, nodes per 1,000 s.
    pub secondary_node_eviction_rate_milli: u64,
    /// `--unhealthy-zone-threshold`, in thousandths.
    pub unhealthy_zone_threshold_milli: u64,
    /// `--large-cluster-size-threshold`, nodes.
    pub large_cluster_size_threshold: u32,
    /// Container restart back-off.
    pub crash_loop_backoff: BackoffCurve,
    /// After how long without an answer a kubelet gives its connection up and makes another
    /// (10 s); absent in releases that wait for the kernel.
    pub heartbeat_timeout: Option<SimDuration>,
    /// A handler drains nodes that are to be taken back by the cloud.
    pub drain_on_reclaim_notice: bool,
}

/// `leaderElection` of a control-plane component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaderElection {
    /// Lease duration (15 s).
    pub lease_duration: SimDuration,
    /// For how long a leader tries to renew before its process exits (10 s).
    pub renew_deadline: SimDuration,
    /// Retry period (2 s).
    pub retry_period: SimDuration,
    /// Candidates, the leader included.
    pub replicas: u32,
}

/// Latencies and parties of the control plane. Times are seconds where distributions.
#[derive(Clone, Debug, PartialEq)]
pub struct ControlPlane {
    /// Request to commit, client throttling aside.
    pub api_latency_s: Distribution,
    /// Commit to delivery on a watch.
    pub watch_latency_s: Distribution,
    /// Fixed cost of one scheduling cycle.
    pub scheduling_cycle: SimDuration,
    /// Cost per node examined in a cycle.
    pub scheduling_per_node: SimDuration,
    /// kube-apiserver instances, at least one.
    pub api_servers: u32,
    /// Requests that one instance serves in a second; absent for as many as come.
    pub api_requests_per_s: Option<u32>,
    /// etcd members, at least one.
    pub etcd_members: u32,
    /// etcd's election timeout (1 s).
    pub etcd_election_timeout: SimDuration,
    /// kube-scheduler's leader election.
    pub scheduler_election: LeaderElection,
    /// kube-controller-manager's leader election.
    pub controller_manager_election: LeaderElection,
    /// Listing and syncing caches when a component starts to lead.
    pub relist_s: Distribution,
    /// Controllers' client: queries per second, per controller.
    pub controller_qps: u32,
    /// Controllers' client burst.
    pub controller_burst: u32,
    /// Kubelets' client: queries per second.
    pub kubelet_qps: u32,
    /// Kubelets' client burst.
    pub kubelet_burst: u32,
    /// Sandbox and network of a pod.
    pub sandbox_s: Distribution,
    /// Create and start of one container, image present.
    pub container_start_s: Distribution,
    /// Registry round trip of a pull.
    pub pull_overhead_s: Distribution,
    /// Pull throughput per node, bytes per second.
    pub pull_bytes_per_s: u64,
    /// Lease renewal period of kubelets (10 s).
    pub lease_renew_interval: SimDuration,
}
