//! The vocabulary of facts.

use crate::base::time::SimDuration;
use crate::event::Watcher;
use crate::model::{FaultId, NodeId, PodId, PodIdentity, ProbeKind, ServiceId, WorkloadId};

/// Where a pod is, as the API server has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodPlace {
    /// Not bound.
    Unscheduled,
    /// Bound to a node.
    Bound(NodeId),
}

/// Why a container's process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExitCause {
    /// By itself.
    Itself,
    /// Killed after its liveness probe failed.
    LivenessProbe,
    /// Killed after its startup probe failed.
    StartupProbe,
    /// Killed because its postStart hook failed.
    PostStartHook,
    /// Killed for its memory limit.
    OutOfMemory,
    /// The pod was terminated.
    Terminated,
    /// Its node lost power.
    NodeLost,
}

impl ExitCause {
    /// Label value in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Itself => "exit",
            Self::LivenessProbe => "liveness",
            Self::StartupProbe => "startup",
            Self::PostStartHook => "post_start",
            Self::OutOfMemory => "oom",
            Self::Terminated => "terminated",
            Self::NodeLost => "node_lost",
        }
    }
}

/// The scheduler's three places for pending pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum QueueName {
    /// activeQ.
    Active,
    /// backoffQ.
    Backoff,
    /// Unschedulable pods.
    Unschedulable,
}

/// Something that happened. "API" facts are what the API server knows; the others are the truth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fact {
    /// API: a pod object was created.
    PodCreated {
        /// Pod.
        pod: PodId,
        /// Its workload.
        workload: WorkloadId,
        /// Its template, and what else its name is made of.
        identity: PodIdentity,
    },
    /// API: a pod was bound.
    PodBound {
        /// Pod.
        pod: PodId,
        /// Node.
        node: NodeId,
    },
    /// API: `Ready` changed.
    PodReady {
        /// Pod.
        pod: PodId,
        /// New status is `True`.
        ready: bool,
    },
    /// API: the phase changed.
    PodPhase {
        /// Pod.
        pod: PodId,
        /// New phase.
        phase: crate::state::Phase,
    },
    /// API: the status reason changed.
    PodReason {
        /// Pod.
        pod: PodId,
        /// New reason.
        reason: crate::state::PodReason,
    },
    /// API: a pod got its deletionTimestamp.
    PodTerminating {
        /// Pod.
        pod: PodId,
        /// Why.
        cause: crate::state::DeletionCause,
    },
    /// API: a pod object is gone.
    PodDeleted {
        /// Pod.
        pod: PodId,
    },
    /// A scheduling attempt found no node.
    PodUnschedulable {
        /// Pod.
        pod: PodId,
    },
    /// The scheduler evicts pods to make room for another.
    Preempting {
        /// The pod they make room for.
        pod: PodId,
        /// How many are asked to go.
        victims: u32,
        /// Victims whose eviction violates a PodDisruptionBudget, as far as the scheduler knows.
        violations: u32,
    },
    /// A container started.
    ContainerStarted {
        /// Pod.
        pod: PodId,
        /// Container position, init containers first.
        container: u8,
        /// Restarts so far.
        restarts: u32,
    },
    /// A container's process ended.
    ContainerExited {
        /// Pod.
        pod: PodId,
        /// Container position.
        container: u8,
        /// Why.
        cause: ExitCause,
        /// Exit code.
        code: i32,
        /// It would have recovered by itself (the kill was not needed).
        unneeded: bool,
    },
    /// API: a pod was not evicted, for its disruption budget's sake.
    EvictionRefused {
        /// The pod.
        pod: PodId,
    },
    /// API: a pod was not created, because a webhook did not answer.
    CreationRefused {
        /// The workload that it would have belonged to.
        workload: WorkloadId,
    },
    /// An image could not be pulled.
    PullFailed {
        /// The pod that waits for it.
        pod: PodId,
    },
    /// A probe failed once.
    ProbeFailed {
        /// Pod.
        pod: PodId,
        /// Container position.
        container: u8,
        /// Which probe.
        kind: ProbeKind,
    },
    /// The kept result of a probe changed, after `successThreshold` or `failureThreshold`.
    ProbeResult {
        /// Pod.
        pod: PodId,
        /// Container position.
        container: u8,
        /// Which probe.
        kind: ProbeKind,
        /// It passes now.
        passing: bool,
    },
    /// The containers of a pod can serve in truth, or no longer can.
    PodServing {
        /// Pod.
        pod: PodId,
        /// All app containers run, have started up and have no failure that stops them serving.
        serving: bool,
    },
    /// A kubelet evicted a pod under node pressure.
    PressureEviction {
        /// The pod.
        pod: PodId,
        /// The node.
        node: NodeId,
    },
    /// A node's memory ran out, and the kernel killed a process.
    NodeOutOfMemory {
        /// The node.
        node: NodeId,
        /// The pod that it belonged to.
        pod: PodId,
    },
    /// API: `Ready` of a node changed.
    NodeReady {
        /// Node.
        node: NodeId,
        /// New status is `True`.
        ready: bool,
    },
    /// A node lost power, or is up again.
    NodeUp {
        /// Node.
        node: NodeId,
        /// Up.
        up: bool,
    },
    /// What a node's CPU has to do has changed.
    NodeCpu {
        /// Node.
        node: NodeId,
        /// Millionths of a core.
        micro: u64,
    },
    /// A node crashed because its CPU did not suffice.
    NodeOverloaded {
        /// Node.
        node: NodeId,
    },
    /// A node's kubelet reaches the API server, or no longer does.
    NodeConnected {
        /// Node.
        node: NodeId,
        /// Connected.
        connected: bool,
    },
    /// The API server can write, or no longer can.
    ApiWritable {
        /// It can.
        writable: bool,
    },
    /// A fault begins.
    FaultBegan {
        /// Fault.
        fault: FaultId,
        /// Occurrence.
        occurrence: u32,
    },
    /// A fault that strikes some nodes of a failure domain strikes this one.
    FaultStruck {
        /// Fault.
        fault: FaultId,
        /// Node.
        node: NodeId,
    },
    /// A fault ends.
    FaultEnded {
        /// Fault.
        fault: FaultId,
        /// Occurrence.
        occurrence: u32,
    },
    /// API: desired replicas of a workload.
    ReplicasDesired {
        /// Workload.
        workload: WorkloadId,
        /// `spec.replicas`.
        replicas: i32,
    },
    /// API: ready endpoints of a Service.
    Endpoints {
        /// Service.
        service: ServiceId,
        /// Ready endpoints.
        ready: u32,
    },
    /// A pod is in the rules that kube-proxies have for a Service, or no longer.
    ServiceRule {
        /// Service.
        service: ServiceId,
        /// Pod.
        pod: PodId,
        /// It is.
        present: bool,
    },
    /// The kube-proxy of a node takes up changes, or keeps its rules as they are.
    ProxySyncs {
        /// Node.
        node: NodeId,
        /// It does.
        syncs: bool,
    },
    /// The number of pods in one of the scheduler's queues.
    QueueLength {
        /// Queue.
        queue: QueueName,
        /// Pods in it.
        length: u32,
    },
    /// A scheduling cycle ended.
    SchedulingAttempt {
        /// It found a node.
        scheduled: bool,
    },
    /// A control-plane component is led again, or its leader died.
    Leading {
        /// Component.
        component: Watcher,
        /// Led.
        leading: bool,
    },
    /// A Job was created.
    JobCreated {
        /// The Job, or the CronJob whose run it is.
        workload: WorkloadId,
    },
    /// A Job ended.
    JobEnded {
        /// The Job, or the CronJob whose run it is.
        workload: WorkloadId,
        /// It is complete; otherwise it has failed.
        complete: bool,
        /// Since its start.
        took: SimDuration,
    },
    /// A Deployment's rollout to a new template, or to its first one, completed.
    RolloutComplete {
        /// Workload.
        workload: WorkloadId,
    },
}
