//! The validated, immutable input of one run: one scenario under one policy, compiled.
//!
//! `scenario` builds it (text → spec → model), everything below the command line reads it, nothing
//! changes it. Names are interned or kept only for reports: the simulation works on ids. Illegal
//! states are unrepresentable here or were refused with a located diagnostic before.
//!
//! It knows nothing of events, of state that changes, or of files.

mod app;
mod budgets;
mod conditions;
mod controllers;
mod faults;
#[cfg(test)]
pub(crate) mod fixture;
mod indexes;
mod jobs;
mod kubelet;
mod labels;
mod load;
mod nodes;
mod pods;
mod policy;
mod resources;
mod storage;
mod workloads;

pub use app::{AppBehaviour, FailureMode, FailureProcess, Onset, Recovers, Runs, Sight, Sights};
pub use budgets::{Budget, DisruptionLimit};
pub use conditions::ConditionStatus;
pub use controllers::{DaemonSetUpdate, KindSpec, StatefulSetSpec};
pub use faults::{
    Burst, FailureTrace, Fault, FaultKind, FaultTiming, NodeFailures, Share, Sphere, TraceFailure,
};
pub use indexes::Indexes;
pub use jobs::{
    Concurrency, CronSpec, JobSpec, PodFailureAction, PodFailureOn, PodFailureRule, PodReplacement,
    SuccessRule,
};
pub use kubelet::{
    CRITICAL_PRIORITY, Capacity, EvictionThreshold, KubeletConfig, ShutdownStep, Signal, Threshold,
    ThresholdValue, min_reclaim, threshold,
};
pub use labels::{LabelSelector, Labels, Operator, Requirement};
pub use load::{Load, Overload, is_weekend, until_next_day_s};
pub use nodes::{NodeSpec, Pool, Taint, TaintEffect, Zone};
pub use pods::{
    AffinityTerm, ConfigKind, ConfigReference, ConfigUse, ContainerSpec, Hook, HostPort, Image,
    InclusionPolicy, NodeSelectorTerm, PodAffinity, PodTemplate, PodTemplateFlags, ProbeHandler,
    ProbeKind, ProbeSpec, Protocol, PullPolicy, ReadinessGate, RestartPolicy, SpreadConstraint,
    Toleration, TolerationOperator, Weighted,
};
pub use policy::{
    BackoffCurve, ControlPlane, Expression, FitStrategy, LeaderElection, PluginArgs, Profile,
    RecoveryPolicy, ResourceWeight, SchedulerConfig, ScoreWeight, ShapePoint, SpreadDefaults,
};
pub use resources::{ResourceId, Resources};
pub use storage::{
    AccessModes, BindingMode, Claim, ClaimSpec, ClassSpec, Disk, Holder, NO_PROVISIONER, Named,
    PodVolume, Storage, StorageCapacity, TopologyTerm, VolumeSpec,
};
pub use workloads::{
    DeploymentStrategy, IntOrPercent, Namespace, Operation, OperationKind, Service, Workload,
    WorkloadKind,
};

use crate::base::id::{IdVec, define_id};
use crate::base::map::Interner;
use crate::base::time::{SimDuration, SimTime};

define_id!(
    /// A node (machine) of the cluster; ordinal over all pools in declaration order.
    pub struct NodeId
);
define_id!(
    /// A pod object; ids are never reused within a run.
    pub struct PodId
);
define_id!(
    /// A pod template: pods of one template share everything but identity (a *pod class*).
    pub struct TemplateId
);
define_id!(
    /// A workload as the user declared it: a Deployment, a ReplicaSet or a bare Pod.
    pub struct WorkloadId
);
define_id!(
    /// A Service.
    pub struct ServiceId
);
define_id!(
    /// A PodDisruptionBudget.
    pub struct BudgetId
);
define_id!(
    /// A namespace.
    pub struct NamespaceId
);
define_id!(
    /// A failure zone: one (region, zone) pair of node labels.
    pub struct ZoneId
);
define_id!(
    /// A node pool of the scenario.
    pub struct PoolId
);
define_id!(
    /// A container image, by name.
    pub struct ImageId
);
define_id!(
    /// A PersistentVolumeClaim, by namespace and name.
    pub struct ClaimId
);
define_id!(
    /// A PersistentVolume, by name.
    pub struct VolumeId
);
define_id!(
    /// A StorageClass, by name.
    pub struct StorageClassId
);
define_id!(
    /// An injected fault, by its place in the scenario.
    pub struct FaultId
);

/// Where a run starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Every pod that fits is placed by the policy's scheduler, its images are present and it is
    /// ready, before time begins.
    Settled,
    /// The manifests are applied to an empty cluster at time zero.
    Empty,
}

/// Everything one run needs to know that does not change while it runs.
#[derive(Debug)]
pub struct Model {
    /// Scenario name (`metadata.name`).
    pub scenario: String,
    /// What the scenario asks, in the user's words.
    pub description: String,
    /// Policy name.
    pub policy: String,
    /// Unix time of simulated time zero, seconds.
    pub start_unix_s: i64,
    /// How long the run lasts.
    pub duration: SimDuration,
    /// Where the measured window begins.
    pub measure_from: SimTime,
    /// Starting state.
    pub start: Start,
    /// Every string that selectors, labels, taints and names use.
    pub symbols: Interner,
    /// Namespaces, `default` included when used.
    pub namespaces: IdVec<NamespaceId, Namespace>,
    /// Names of scalar resources (extended resources, hugepages) by [`ResourceId`].
    pub scalar_resources: IdVec<ResourceId, String>,
    /// Images.
    pub images: IdVec<ImageId, Image>,
    /// Zones in order of first appearance.
    pub zones: IdVec<ZoneId, Zone>,
    /// Node pools.
    pub pools: IdVec<PoolId, Pool>,
    /// Nodes; the order is the order of addition that kube-scheduler's node tree sees.
    pub nodes: IdVec<NodeId, NodeSpec>,
    /// Pod templates of all workloads and of all their revisions.
    pub templates: IdVec<TemplateId, PodTemplate>,
    /// Workloads.
    pub workloads: IdVec<WorkloadId, Workload>,
    /// Services.
    pub services: IdVec<ServiceId, Service>,
    /// Claims, volumes and classes.
    pub storage: Storage,
    /// PodDisruptionBudgets.
    pub budgets: IdVec<BudgetId, Budget>,
    /// What users ask of Services.
    pub load: Vec<Load>,
    /// Faults of the scenario.
    pub faults: IdVec<FaultId, Fault>,
    /// What operators do during the run, sorted by time.
    pub operations: Vec<Operation>,
    /// Latencies and parties of the control plane.
    pub control_plane: ControlPlane,
    /// The policy's scheduler.
    pub scheduler: SchedulerConfig,
    /// The policy's recovery settings.
    pub recovery: RecoveryPolicy,
}

impl Model {
    /// The end of the run.
    #[must_use]
    pub fn end(&self) -> SimTime {
        SimTime::ZERO.saturating_add(self.duration)
    }

    /// `namespace/name` of a workload, as tables and labels print it.
    #[must_use]
    pub fn workload_name(&self, workload: WorkloadId) -> String {
        let w = &self.workloads[workload];
        format!("{}/{}", self.namespaces[w.namespace].name, w.name)
    }

    /// Name of a pod from its identity, as Kubernetes makes it: `<name>-<template hash>-<suffix>`
    /// for pods of a Deployment, `<name>-<ordinal>` for those of a StatefulSet, `<job>-<suffix>` for
    /// those of a Job, `<name>-<suffix>` for those of other controllers, the name itself for a bare
    /// pod.
    #[must_use]
    pub fn pod_name(&self, pod: &PodIdentity) -> String {
        let id = self.templates[pod.template].workload;
        let workload = &self.workloads[id];
        let named = |owner: &str| format!("{owner}-{}", suffix(pod.uid, 5));
        match workload.kind {
            WorkloadKind::Deployment => named(&self.replica_set_name(pod.template)),
            WorkloadKind::ReplicaSet
            | WorkloadKind::ReplicationController
            | WorkloadKind::DaemonSet => named(&workload.name),
            WorkloadKind::StatefulSet => format!("{}-{}", workload.name, pod.replica),
            WorkloadKind::Job | WorkloadKind::CronJob => {
                let job = self.job_name(id, pod.run);
                let indexed = match &workload.own {
                    KindSpec::Job(spec) => spec.indexed,
                    KindSpec::CronJob(spec) => spec.job.indexed,
                    KindSpec::Plain | KindSpec::StatefulSet(_) | KindSpec::DaemonSet(_) => false,
                };
                if indexed { named(&format!("{job}-{}", pod.replica)) } else { named(&job) }
            }
            WorkloadKind::Pod => workload.name.clone(),
        }
    }

    /// Name of a Job: its own, or that which its CronJob gives the run of that minute since the
    /// Unix epoch.
    #[must_use]
    pub fn job_name(&self, workload: WorkloadId, run: u32) -> String {
        let spec = &self.workloads[workload];
        match spec.kind {
            WorkloadKind::CronJob => format!("{}-{run}", spec.name),
            WorkloadKind::Deployment
            | WorkloadKind::ReplicaSet
            | WorkloadKind::ReplicationController
            | WorkloadKind::StatefulSet
            | WorkloadKind::DaemonSet
            | WorkloadKind::Job
            | WorkloadKind::Pod => spec.name.clone(),
        }
    }

    /// Name of the ReplicaSet that a template revision of a Deployment makes.
    #[must_use]
    pub fn replica_set_name(&self, template: TemplateId) -> String {
        let template_spec = &self.templates[template];
        let workload = &self.workloads[template_spec.workload];
        match workload.kind {
            WorkloadKind::Deployment => {
                format!("{}-{}", workload.name, suffix(template_spec.hash, 9))
            }
            WorkloadKind::ReplicaSet
            | WorkloadKind::ReplicationController
            | WorkloadKind::StatefulSet
            | WorkloadKind::DaemonSet
            | WorkloadKind::Job
            | WorkloadKind::CronJob
            | WorkloadKind::Pod => workload.name.clone(),
        }
    }
}

/// What a pod's name is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodIdentity {
    /// Its class.
    pub template: TemplateId,
    /// Stands for `metadata.uid`.
    pub uid: u64,
    /// Replica ordinal.
    pub replica: u32,
    /// The run of a CronJob that it belongs to: minutes since the Unix epoch, 0 for none.
    pub run: u32,
}

/// The address of a pod in the random streams: its workload's address, replica ordinal and
/// incarnation, never its name. 24 + 20 + 20 bits; what exceeds them wraps within its field.
#[must_use]
pub fn pod_address(workload: u64, replica: u32, incarnation: u32) -> u64 {
    const FIELD: u64 = (1 << 20) - 1;
    workload << 40 | (u64::from(replica) & FIELD) << 20 | (u64::from(incarnation) & FIELD)
}

/// `len` characters of Kubernetes' name alphabet (no vowels, no look-alikes), from `bits`.
fn suffix(bits: u64, len: usize) -> String {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut rest = bits;
    let mut out = String::with_capacity(len);
    for _ in 0..len {
        let digit = usize::try_from(rest % 27).expect("a remainder below 27 fits");
        out.push(char::from(ALPHABET[digit]));
        rest /= 27;
    }
    out
}
