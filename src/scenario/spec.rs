//! What a user writes: the shapes of `kind: Scenario` and `kind: Policy`.
//!
//! These types hold what was typed, checked field by field and located; what the fields mean
//! together is decided when they are lowered to the model.

mod behaviour;
mod cluster;
mod control_plane;
mod distribution;
mod expect;
mod fault;
mod kubelet;
mod load;
mod operation;
mod policy;
mod recovery;
mod scheduler_config;

use std::collections::BTreeMap;

pub use behaviour::{Behaviour, Failure, FailureMode, GateRule, Occurrence, RecoveryRule};
pub use cluster::{Cluster, NodePool, NodeTemplate, Objects, Price, Selector, Workload};
pub(in crate::scenario) use cluster::{NODES_MAX, check_pools};
pub use control_plane::{ControlPlane, ControllerManagerTiming, SchedulerTiming};
pub use distribution::RandomDuration;
pub use expect::{Comparison, Expectation, Over, parse_expectation};
pub use fault::{
    ApiServerOutage, ApiServerSlow, Burst, ComponentCrash, ConfigMissing, ContainerFault, DiskFull,
    DnsOutage, EtcdMembersLost, FailureTrace, Fault, FaultKind, NetworkPartition, NodeFailures,
    NodeFault, NodeReboot, RegistryOutage, RegistrySlow, Side, SlowNode, SpotReclaim, Target,
    WebhookOutage, ZoneOutage,
};
pub use kubelet::{Kubelet, Settings};
pub use load::{Load, Overload};
pub use operation::{Operation, OperationKind};
pub use policy::{Expression, Formula, Policy, PolicySpec, SchedulerSource};
pub use recovery::{CrashLoopBackOff, ProbeOverride, Recovery, WorkloadOverride};
pub use scheduler_config::{
    EXTENSION_POINTS, INITIAL_BACKOFF_S, MAX_BACKOFF_S, PluginConfig, PluginRef, PluginSet,
    Plugins, Profile, SchedulerConfig, is_scheduler_config,
};

use crate::base::diag::{Diagnostics, codes};
use crate::base::time::SimDuration;
use crate::scenario::node::{Node, short};
use crate::scenario::read::{Located, Read, record, word, wrong};

/// The `apiVersion` of our own kinds.
pub const API_VERSION: &str = "wavetank/v1";

record! {
    /// A whole scenario.
    pub struct Scenario {
        /// Always [`API_VERSION`].
        pub api_version: Located<String> = required "apiVersion",
        /// Always `Scenario`.
        pub kind: Located<String> = required "kind",
        /// Name and description.
        pub metadata: Metadata = required "metadata",
        /// What is simulated.
        pub spec: ScenarioSpec = required "spec",
    }
}

record! {
    /// Name and description of a scenario or policy.
    pub struct Metadata {
        /// Name, used in the names of result folders.
        pub name: Located<String> = required "name",
        /// What it is about.
        pub description: Option<String> = optional "description",
        /// The question that the scenario answers.
        pub question: Option<String> = optional "question",
        /// Free labels, without effect.
        pub labels: Option<BTreeMap<String, String>> = optional "labels",
    }
}

record! {
    /// What is simulated, for how long, under which policies.
    pub struct ScenarioSpec {
        /// Simulated time.
        pub duration: Located<SimDuration> = required "duration",
        /// Start of the measured window; zero when settled, required when empty.
        pub measure_from: Option<Located<SimDuration>> = optional "measureFrom",
        /// The instant that simulated time zero stands for.
        pub start_time: Option<Located<StartTime>> = optional "startTime",
        /// The master seed.
        pub seed: Option<u64> = optional "seed",
        /// Whether the world starts settled or empty.
        pub start: Start = defaulted "start",
        /// The nodes.
        pub cluster: Cluster = required "cluster",
        /// The objects to run.
        pub workloads: Vec<Workload> = defaulted "workloads",
        /// What manifests cannot say about applications.
        pub behaviour: Vec<Behaviour> = defaulted "behaviour",
        /// What users ask of Services.
        pub load: Vec<Load> = defaulted "load",
        /// What breaks, and when.
        pub faults: Vec<Fault> = defaulted "faults",
        /// What operators do, and when.
        pub operations: Vec<Operation> = defaulted "operations",
        /// Timing of the control plane.
        pub control_plane: Option<ControlPlane> = optional "controlPlane",
        /// Names or paths of the policies compared.
        pub policies: Vec<Located<String>> = defaulted "policies",
        /// Number of paired replications.
        pub replications: Option<Located<u32>> = optional "replications",
        /// Which metric leads the report.
        pub metrics: Option<Metrics> = optional "metrics",
        /// What must hold.
        pub expect: Vec<Expectation> = defaulted "expect",
    }
}

record! {
    /// Choice of metrics.
    pub struct Metrics {
        /// The metric that decides which replication is shown in detail.
        pub primary: Option<Located<String>> = optional "primary",
    }
}

/// How the world starts.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub enum Start {
    /// Pods are placed, their images present, their containers ready.
    #[default]
    Settled,
    /// Manifests are applied at t = 0.
    Empty,
}

impl Read for Start {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        let words = [("settled", Self::Settled), ("empty", Self::Empty)];
        word(node, path, ("start", &words), found)
    }
}

/// A point in time as RFC 3339 writes it.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct StartTime(pub jiff::Timestamp);

impl Read for StartTime {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        let text = String::read(node, path, found)?;
        let parsed = text.parse().ok();
        if parsed.is_none() {
            let message = format!("\"{}\" is not a point in time", short(&text));
            let help = "write for example 2025-01-01T00:00:00Z";
            found.push(wrong(codes::BAD_TIME, node, path, message).help(help));
        }
        parsed.map(Self)
    }
}

impl<T: Read> Read for BTreeMap<String, T> {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        crate::scenario::read::Fields::open(node, path, found)?;
        let mut map = Self::new();
        for entry in node.entries() {
            let path = crate::scenario::node::join_key(path, &entry.key);
            if let Some(value) = T::read(&entry.value, &path, found) {
                map.insert(entry.key.to_string(), value);
            }
        }
        Some(map)
    }
}
