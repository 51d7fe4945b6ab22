//! Requests on their way to the API server: payloads that do not fit an event.

use super::clients::Client;
use super::conditions::NodeConditions;
use super::deployment::DeploymentObject;
use super::jobs::JobStatus;
use super::objects::{
    BudgetStatus, Condition, DeletionCause, ExitCodes, JobId, Owner, Phase, PodReason,
    ReplicaSetId, ReplicaSetStatus, Seat,
};
use super::sets::{CronJobObject, DaemonSetStatus, StatefulSetStatus};
use crate::base::map::Symbol;
use crate::base::time::{SimDuration, SimTime};
use crate::model::{BudgetId, NodeId, PodId, ServiceId, Taint, TemplateId, WorkloadId};

/// What a kubelet writes of a pod; the transition times are the kubelet's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KubeletStatus {
    /// Phase.
    pub phase: Phase,
    /// Reason.
    pub reason: PodReason,
    /// `Initialized`.
    pub initialized: Condition,
    /// `ContainersReady`.
    pub containers_ready: Condition,
    /// `Ready`.
    pub ready: Condition,
    /// `status.startTime`.
    pub start_time: Option<SimTime>,
    /// Most restarts of any container.
    pub restarts: u32,
    /// When its last container ended, once the pod has ended.
    pub finished: Option<SimTime>,
    /// Exit codes of its first app containers, once the pod has ended.
    pub exit_codes: ExitCodes,
    /// Whether the pod has an IP.
    pub has_ip: bool,
}

/// A change of one node taint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeTaint {
    /// Add it unless present.
    Add(Taint),
    /// Remove taints with its key and effect.
    Remove(Taint),
}

impl NodeTaint {
    /// Makes changes to a node's taints, in order.
    pub fn apply(changes: &[Self], taints: &mut Vec<Taint>) {
        for change in changes {
            match change {
                Self::Add(taint) if taints.contains(taint) => {}
                Self::Add(taint) => taints.push(*taint),
                Self::Remove(taint) => {
                    taints.retain(|t| t.key != taint.key || t.effect != taint.effect);
                }
            }
        }
    }
}

/// A write to the API server.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Create a pod of a template.
    CreatePod {
        /// Template.
        template: TemplateId,
        /// Its controller.
        owner: Option<Owner>,
        /// Which place of the workload it takes.
        seat: Seat,
    },
    /// Bind a pod to a node; answered to the scheduler with `SchedulerEvent::Bound`.
    BindPod {
        /// Pod.
        pod: PodId,
        /// Node.
        node: NodeId,
        /// Process epoch of the asking scheduler.
        epoch: u32,
    },
    /// The scheduler could not place a pod: `PodScheduled=False`, reason `Unschedulable`.
    PodUnschedulable {
        /// Pod.
        pod: PodId,
        /// New `nominatedNodeName`, if it is to be written.
        nominated_node: Option<Option<NodeId>>,
    },
    /// A kubelet reports.
    PodStatus {
        /// Pod.
        pod: PodId,
        /// Status.
        status: KubeletStatus,
    },
    /// The node lifecycle controller marks a pod of a lost node not ready.
    PodNotReady {
        /// Pod.
        pod: PodId,
    },
    /// Delete a pod: gracefully, or at once where the rules say so.
    DeletePod {
        /// Pod.
        pod: PodId,
        /// Grace period; the pod's own where absent.
        grace: Option<SimDuration>,
        /// Why.
        cause: DeletionCause,
    },
    /// Ask the Eviction API to evict a pod; a refusal is answered by asking again after 5 s, as
    /// `kubectl drain` does.
    EvictPod {
        /// Pod.
        pod: PodId,
        /// Grace period; the pod's own where absent.
        grace: Option<SimDuration>,
    },
    /// Delete a pod to make room for another; answered with `SchedulerEvent::Preempted`.
    PreemptPod {
        /// The pod that goes.
        victim: PodId,
        /// The pod it makes room for.
        preemptor: PodId,
        /// Process epoch of the asking scheduler.
        epoch: u32,
    },
    /// A kubelet confirms that a terminating pod is gone from its node: the object disappears.
    ConfirmPodGone {
        /// Pod.
        pod: PodId,
    },
    /// Create the ReplicaSet of a Deployment's template revision.
    CreateReplicaSet {
        /// Deployment.
        workload: WorkloadId,
        /// Template.
        template: TemplateId,
        /// `spec.replicas`.
        replicas: i32,
        /// Revision.
        revision: u32,
        /// Desired and maximum replicas, for the annotations.
        annotations: (i32, i32),
    },
    /// Scale a ReplicaSet and set its annotations.
    ScaleReplicaSet {
        /// ReplicaSet.
        replica_set: ReplicaSetId,
        /// `spec.replicas`.
        replicas: i32,
        /// Desired and maximum replicas.
        annotations: (i32, i32),
    },
    /// Give an existing ReplicaSet a new revision (roll-back to an old template).
    ReviseReplicaSet {
        /// ReplicaSet.
        replica_set: ReplicaSetId,
        /// New revision.
        revision: u32,
    },
    /// Delete a ReplicaSet that has no pods (revision history).
    DeleteReplicaSet {
        /// ReplicaSet.
        replica_set: ReplicaSetId,
    },
    /// Report a ReplicaSet's counts.
    ReplicaSetStatus {
        /// ReplicaSet.
        replica_set: ReplicaSetId,
        /// Counts.
        status: ReplicaSetStatus,
    },
    /// Create a Job.
    CreateJob {
        /// The Job, or the CronJob whose run it is.
        workload: WorkloadId,
        /// The run of a CronJob; 0 for none.
        run: u32,
    },
    /// Delete a Job in the background.
    DeleteJob {
        /// Job.
        job: JobId,
    },
    /// Report a Job's status.
    JobStatus {
        /// Job.
        job: JobId,
        /// Status.
        status: Box<JobStatus<PodId>>,
    },
    /// Take the Job controller's finalizer off a pod.
    ReleasePod {
        /// Pod.
        pod: PodId,
    },
    /// Report a CronJob's status; `suspend` is not written.
    CronJobStatus {
        /// CronJob.
        workload: WorkloadId,
        /// Status.
        status: CronJobObject,
    },
    /// An operator suspends a Job or a CronJob, or lets it go on.
    Suspend {
        /// Which.
        workload: WorkloadId,
        /// `spec.suspend`.
        suspend: bool,
    },
    /// Report a StatefulSet's status.
    StatefulSetStatus {
        /// StatefulSet.
        workload: WorkloadId,
        /// Status.
        status: StatefulSetStatus,
    },
    /// Report a DaemonSet's status.
    DaemonSetStatus {
        /// DaemonSet.
        workload: WorkloadId,
        /// Status.
        status: DaemonSetStatus,
    },
    /// Report a Deployment's status: `replicas`, `template` and `paused` are not written.
    /// Report a Deployment's status and revision. Taken only if `generation` is the object's own:
    /// the specification is the one that it was worked out for.
    DeploymentStatus {
        /// Deployment.
        workload: WorkloadId,
        /// The object as it is to be.
        status: DeploymentObject,
    },
    /// Change a node's conditions.
    NodeReady {
        /// Node.
        node: NodeId,
        /// `Ready`.
        ready: Condition,
        /// The others.
        conditions: NodeConditions,
    },
    /// Change a node's taints.
    NodeTaints {
        /// Node.
        node: NodeId,
        /// Changes, in order.
        changes: Vec<NodeTaint>,
    },
    /// An operator changes a node's labels.
    NodeLabels {
        /// Node.
        node: NodeId,
        /// Keys with their new values; `None` removes the label.
        labels: Vec<(Symbol, Option<Symbol>)>,
    },
    /// Write a Service's EndpointSlices.
    Endpoints {
        /// Service.
        service: ServiceId,
        /// Ready endpoints that have come or gone, by pod.
        changes: Vec<(PodId, bool)>,
    },
    /// Report a PodDisruptionBudget's status.
    BudgetStatus {
        /// Budget.
        budget: BudgetId,
        /// Status.
        status: BudgetStatus,
    },
    /// An operator scales a workload.
    ScaleWorkload {
        /// Workload.
        workload: WorkloadId,
        /// `spec.replicas`.
        replicas: i32,
    },
    /// An operator applies another pod template.
    SetTemplate {
        /// Deployment.
        workload: WorkloadId,
        /// Template.
        template: TemplateId,
    },
    /// An operator pauses a Deployment's rollouts, or resumes them.
    SetPaused {
        /// Deployment.
        workload: WorkloadId,
        /// `spec.paused`.
        paused: bool,
    },
    /// An operator cordons or uncordons a node.
    SetUnschedulable {
        /// Node.
        node: NodeId,
        /// New value.
        unschedulable: bool,
    },
}

/// A request under way.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    /// Who asks.
    pub client: Client,
    /// Process epoch of the asking component when it asked, or the power epoch of a kubelet's node;
    /// 0 for others.
    pub epoch: u32,
    /// What is asked.
    pub request: Request,
}

/// Slots of requests under way; freed slots are used again.
#[derive(Debug, Default)]
pub struct RequestSlots {
    slots: Vec<Option<Sent>>,
    free: Vec<u32>,
}

impl RequestSlots {
    /// Stores a request.
    ///
    /// # Panics
    /// If four billion requests are under way at once.
    pub fn insert(&mut self, request: Sent) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = Some(request);
            return slot;
        }
        let slot = u32::try_from(self.slots.len()).expect("fewer than 2^32 requests under way");
        self.slots.push(Some(request));
        slot
    }

    /// Takes a request out; `None` if the slot is empty.
    pub fn take(&mut self, slot: u32) -> Option<Sent> {
        let request = self.slots.get_mut(slot as usize)?.take()?;
        self.free.push(slot);
        Some(request)
    }

    /// Requests under way.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether none is under way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
