//! API objects, as far as the simulation reads them back. All `Copy` or small: a watch delivers
//! the object as it was when it changed, not as it is now.

use std::sync::Arc;

use super::requests::KubeletStatus;
use super::{ConditionStatus, NodeConditions};
use crate::base::id::define_id;
use crate::base::time::{SimDuration, SimTime};
use crate::model::{NodeId, NodeSpec, PodId, PodIdentity, Taint, TemplateId, WorkloadId};

define_id!(
    /// A ReplicaSet object; ids are never reused within a run.
    pub struct ReplicaSetId
);

define_id!(
    /// A Job object; ids are never reused within a run.
    pub struct JobId
);

/// The controller that owns a pod (the entry of `ownerReferences` with `controller: true`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// A ReplicaSet, or a ReplicationController.
    ReplicaSet(ReplicaSetId),
    /// A StatefulSet.
    StatefulSet(WorkloadId),
    /// A DaemonSet.
    DaemonSet(WorkloadId),
    /// A Job.
    Job(JobId),
}

/// Which of its workload's places a new pod takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seat {
    /// The lowest replica ordinal that is free.
    Lowest,
    /// This one: the pod of a StatefulSet's ordinal.
    Ordinal(u32),
    /// That of a completion index of a Job.
    Index {
        /// The index.
        index: u32,
        /// Failures of the index before (annotation `job-index-failure-count`).
        failures: u16,
        /// Those that its failure policy ignored.
        ignored: u16,
    },
    /// The one of this node, which it cannot do without: the pod of a DaemonSet.
    Node(NodeId),
}

/// A condition and since when it is so (whole seconds, as `metav1.Time` keeps it).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Status.
    pub status: ConditionStatus,
    /// `lastTransitionTime`.
    pub since: SimTime,
}

impl Condition {
    /// A condition that became `status` at `now`.
    #[must_use]
    pub fn new(status: ConditionStatus, now: SimTime) -> Self {
        Self { status, since: now.floor_to_second() }
    }

    /// Whether it is `True`.
    #[must_use]
    pub fn is_true(&self) -> bool {
        self.status == ConditionStatus::True
    }

    /// The same condition with `status`, its transition time moved only if that is a change.
    #[must_use]
    pub fn turned(self, status: ConditionStatus, now: SimTime) -> Self {
        if self.status == status { self } else { Self::new(status, now) }
    }
}

/// Pod phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Not all containers have been started yet.
    Pending,
    /// At least one container runs or restarts.
    Running,
    /// All containers exited with 0 and stay so.
    Succeeded,
    /// A container failed for good, or the kubelet rejected the pod.
    Failed,
}

impl Phase {
    /// Kubernetes' word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }

    /// Whether the pod is finished.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

/// `status.reason`, or the most telling container reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PodReason {
    /// None.
    #[default]
    None,
    /// A container waits for its back-off.
    CrashLoopBackOff,
    /// Containers are being set up.
    ContainerCreating,
    /// Init containers run.
    PodInitializing,
    /// The kubelet had no room: resource.
    OutOfCpu,
    /// No memory.
    OutOfMemory,
    /// Too many pods.
    OutOfPods,
    /// Another resource.
    OutOfResource,
    /// The image is absent and may not be pulled.
    ErrImageNeverPull,
    /// A ConfigMap or Secret for a container's environment is not there.
    CreateContainerConfigError,
    /// The pod was active for longer than `activeDeadlineSeconds`.
    DeadlineExceeded,
    /// An image could not be pulled.
    ErrImagePull,
    /// An image could not be pulled, and it is too early to try again.
    ImagePullBackOff,
    /// Evicted under node pressure (`DisruptionTarget`, `TerminationByKubelet`), or not taken.
    Evicted,
    /// Stopped because its node is about to shut down.
    Terminated,
    /// Not taken because its node is about to shut down.
    NodeShutdown,
}

impl PodReason {
    /// Kubernetes' word, empty for none.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::CrashLoopBackOff => "CrashLoopBackOff",
            Self::ContainerCreating => "ContainerCreating",
            Self::PodInitializing => "PodInitializing",
            Self::OutOfCpu => "OutOfcpu",
            Self::OutOfMemory => "OutOfmemory",
            Self::OutOfPods => "OutOfpods",
            Self::OutOfResource => "OutOfResource",
            Self::ErrImageNeverPull => "ErrImageNeverPull",
            Self::CreateContainerConfigError => "CreateContainerConfigError",
            Self::DeadlineExceeded => "DeadlineExceeded",
            Self::ErrImagePull => "ErrImagePull",
            Self::ImagePullBackOff => "ImagePullBackOff",
            Self::Evicted => "Evicted",
            Self::Terminated => "Terminated",
            Self::NodeShutdown => "NodeShutdown",
        }
    }
}

/// Why a pod is being deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeletionCause {
    /// Its controller scales down or rolls out.
    Controller,
    /// Taint eviction (`DeletionByTaintManager`).
    TaintManager,
    /// Preemption (`PreemptionByScheduler`).
    Preemption,
    /// Pod garbage collection (`DeletionByPodGC`).
    PodGc,
    /// The Eviction API (`EvictionByEvictionAPI`).
    Eviction,
    /// An operator.
    Operator,
}

/// `metadata.deletionTimestamp` and what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Termination {
    /// When the deletion was accepted.
    pub requested: SimTime,
    /// `deletionGracePeriodSeconds`.
    pub grace: SimDuration,
    /// Why.
    pub cause: DeletionCause,
}

/// Exit codes of a pod's first app containers; absent for those that have not run.
///
/// Fidelity: those of further containers are not known to anybody but the kubelet.
pub type ExitCodes = [Option<u8>; 4];

/// The status of a pod as the API server has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodStatus {
    /// Phase.
    pub phase: Phase,
    /// Reason.
    pub reason: PodReason,
    /// `PodScheduled`.
    pub scheduled: Condition,
    /// `Initialized`.
    pub initialized: Condition,
    /// `ContainersReady`.
    pub containers_ready: Condition,
    /// `Ready`.
    pub ready: Condition,
    /// `status.startTime`: when the kubelet took the pod.
    pub start_time: Option<SimTime>,
    /// Most restarts of any container.
    pub restarts: u32,
    /// When its last container ended, once it has ended.
    pub finished: Option<SimTime>,
    /// Exit codes of its first app containers, once it has ended.
    pub exit_codes: ExitCodes,
    /// Whether the pod has an IP (its sandbox is up).
    pub has_ip: bool,
    /// `nominatedNodeName`.
    pub nominated_node: Option<NodeId>,
}

impl PodStatus {
    /// As far as a kubelet writes it.
    #[must_use]
    pub fn known_to_kubelets(&self) -> KubeletStatus {
        KubeletStatus {
            phase: self.phase,
            reason: self.reason,
            initialized: self.initialized,
            containers_ready: self.containers_ready,
            ready: self.ready,
            start_time: self.start_time,
            restarts: self.restarts,
            finished: self.finished,
            exit_codes: self.exit_codes,
            has_ip: self.has_ip,
        }
    }

    /// Status of a pod just created.
    #[must_use]
    pub fn created(now: SimTime) -> Self {
        let no = Condition::new(ConditionStatus::False, now);
        Self {
            phase: Phase::Pending,
            reason: PodReason::None,
            scheduled: no,
            initialized: no,
            containers_ready: no,
            ready: no,
            start_time: None,
            restarts: 0,
            finished: None,
            exit_codes: ExitCodes::default(),
            has_ip: false,
            nominated_node: None,
        }
    }
}

/// A pod object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodObject {
    /// Its class.
    pub template: TemplateId,
    /// Its controller.
    pub owner: Option<Owner>,
    /// Replica ordinal: the lowest that was free in its workload when it was created, or the one
    /// that its controller gave it.
    pub replica: u32,
    /// How many pods held that ordinal before.
    pub incarnation: u32,
    /// Stands for `metadata.uid`, from the pod's address.
    pub uid: u64,
    /// The run of a CronJob that it belongs to: minutes since the Unix epoch, 0 for none.
    pub run: u32,
    /// `metadata.creationTimestamp` (whole seconds).
    pub created: SimTime,
    /// Failures of its completion index before it: those that count, and those ignored.
    pub failures: [u16; 2],
    /// It has the finalizer `batch.kubernetes.io/job-tracking`.
    pub tracked: bool,
    /// It would be gone if it had no finalizer.
    pub held: bool,
    /// The node that its required affinity names: the pod is of a DaemonSet.
    pub pinned: Option<NodeId>,
    /// `spec.nodeName`.
    pub node: Option<NodeId>,
    /// Being deleted.
    pub termination: Option<Termination>,
    /// Status.
    pub status: PodStatus,
    /// The object no longer exists.
    pub gone: bool,
}

impl PodObject {
    /// Counts for its controller: not finished and not being deleted.
    #[must_use]
    pub fn is_active(&self) -> bool {
        !self.gone && self.termination.is_none() && !self.status.phase.is_terminal()
    }

    /// Takes room on its node in the scheduler's eyes: bound, there, and not finished.
    #[must_use]
    pub fn holds_node(&self) -> bool {
        !self.gone && self.node.is_some() && !self.status.phase.is_terminal()
    }

    /// Whether the API says Ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.gone && self.status.ready.is_true()
    }

    /// The ReplicaSet that owns it, if one does.
    #[must_use]
    pub fn replica_set(&self) -> Option<ReplicaSetId> {
        match self.owner? {
            Owner::ReplicaSet(id) => Some(id),
            Owner::StatefulSet(_) | Owner::DaemonSet(_) | Owner::Job(_) => None,
        }
    }

    /// What its name is made of.
    #[must_use]
    pub fn identity(&self) -> PodIdentity {
        PodIdentity { template: self.template, uid: self.uid, replica: self.replica, run: self.run }
    }
}

/// A node object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeObject {
    /// Labels and allocatable amounts, where they are no longer as declared.
    pub spec: Option<Arc<NodeSpec>>,
    /// `Ready` condition; `Unknown` while nobody has posted one.
    pub ready: Condition,
    /// Somebody has posted conditions.
    pub posted: bool,
    /// Conditions besides `Ready`.
    pub conditions: NodeConditions,
    /// Taints, the declared ones first.
    pub taints: Vec<Taint>,
    /// `spec.unschedulable`.
    pub unschedulable: bool,
}

impl NodeObject {
    /// A node that is up.
    #[must_use]
    pub fn ready(spec: &NodeSpec) -> Self {
        Self {
            spec: None,
            ready: Condition::new(ConditionStatus::True, SimTime::ZERO),
            posted: true,
            conditions: NodeConditions::default(),
            taints: spec.taints.clone(),
            unschedulable: spec.unschedulable,
        }
    }

    /// A node that has been registered at `now` without any condition.
    #[must_use]
    pub fn registered(spec: &NodeSpec, now: SimTime) -> Self {
        let ready = Condition::new(ConditionStatus::Unknown, now);
        Self { ready, posted: false, ..Self::ready(spec) }
    }
}

/// Counts in a ReplicaSet's status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplicaSetStatus {
    /// Active pods.
    pub replicas: i32,
    /// Ready ones.
    pub ready: i32,
    /// Ready for `minReadySeconds`.
    pub available: i32,
}

/// A ReplicaSet object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaSetObject {
    /// Workload it serves.
    pub workload: WorkloadId,
    /// Template of its pods.
    pub template: TemplateId,
    /// Deployment revision, from 1.
    pub revision: u32,
    /// `spec.replicas`.
    pub replicas: i32,
    /// Annotation `deployment.kubernetes.io/desired-replicas`.
    pub desired_annotation: i32,
    /// Annotation `deployment.kubernetes.io/max-replicas`.
    pub max_annotation: i32,
    /// Status.
    pub status: ReplicaSetStatus,
    /// `creationTimestamp`.
    pub created: SimTime,
    /// The object no longer exists.
    pub gone: bool,
}

/// The status of a PodDisruptionBudget; its specification never changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BudgetStatus {
    /// `disruptionsAllowed`.
    pub disruptions_allowed: i32,
    /// `currentHealthy`.
    pub current_healthy: i32,
    /// `desiredHealthy`.
    pub desired_healthy: i32,
    /// `expectedPods`.
    pub expected_pods: i32,
    /// `disruptedPods`: evictions granted, and when.
    pub disrupted_pods: Vec<(PodId, SimTime)>,
}
