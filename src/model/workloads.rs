//! Declared objects above pods: namespaces, workloads, services, and what operators do to them.

use super::{
    KindSpec, LabelSelector, Labels, Model, NamespaceId, NodeId, PodTemplate, ServiceId, Taint,
    TemplateId, WorkloadId,
};
use crate::base::id::IdVec;
use crate::base::map::Symbol;
use crate::base::time::{SimDuration, SimTime};

/// A namespace.
#[derive(Clone, Debug)]
pub struct Namespace {
    /// Name.
    pub name: String,
    /// Labels, `kubernetes.io/metadata.name` included.
    pub labels: Labels,
}

/// Kinds of workload that controllers drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkloadKind {
    /// `apps/v1` Deployment: makes ReplicaSets.
    Deployment,
    /// `apps/v1` ReplicaSet without a Deployment.
    ReplicaSet,
    /// `v1` ReplicationController.
    ReplicationController,
    /// `apps/v1` StatefulSet.
    StatefulSet,
    /// `apps/v1` DaemonSet.
    DaemonSet,
    /// `batch/v1` Job.
    Job,
    /// `batch/v1` CronJob: makes Jobs.
    CronJob,
    /// A pod that no controller owns.
    Pod,
}

impl WorkloadKind {
    /// Kubernetes' kind.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::ReplicaSet => "ReplicaSet",
            Self::ReplicationController => "ReplicationController",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::Job => "Job",
            Self::CronJob => "CronJob",
            Self::Pod => "Pod",
        }
    }
}

/// `intstr.IntOrString` where a percentage is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntOrPercent {
    /// An absolute number.
    Int(i32),
    /// A percentage of the replicas.
    Percent(i32),
}

impl IntOrPercent {
    /// The number meant for `total`, percentages rounded up.
    #[must_use]
    pub fn ceil(self, total: i32) -> i32 {
        match self {
            Self::Int(n) => n,
            Self::Percent(p) => {
                let scaled = i64::from(p) * i64::from(total);
                i32::try_from(-(-scaled).div_euclid(100)).unwrap_or(i32::MAX)
            }
        }
    }

    /// The number meant for `total`, percentages rounded down.
    #[must_use]
    pub fn floor(self, total: i32) -> i32 {
        match self {
            Self::Int(n) => n,
            Self::Percent(p) => {
                let scaled = i64::from(p) * i64::from(total);
                i32::try_from(scaled.div_euclid(100)).unwrap_or(i32::MAX)
            }
        }
    }
}

/// `spec.strategy` of a Deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeploymentStrategy {
    /// Old pods go as new ones become available.
    RollingUpdate {
        /// Pods above the desired number.
        max_surge: IntOrPercent,
        /// Pods that may be unavailable.
        max_unavailable: IntOrPercent,
    },
    /// All old pods go first.
    Recreate,
}

/// One workload as declared.
#[derive(Clone, Debug)]
pub struct Workload {
    /// What it is.
    pub kind: WorkloadKind,
    /// Namespace.
    pub namespace: NamespaceId,
    /// Object name.
    pub name: String,
    /// Address for random streams: (declaring file, document ordinal), never the name.
    pub address: u64,
    /// Labels of the object itself.
    pub labels: Labels,
    /// `spec.selector`.
    pub selector: LabelSelector,
    /// `spec.replicas`.
    pub replicas: i32,
    /// `spec.minReadySeconds`.
    pub min_ready: SimDuration,
    /// Template of the first revision.
    pub template: TemplateId,
    /// Strategy (Deployments).
    pub strategy: DeploymentStrategy,
    /// `spec.revisionHistoryLimit` (Deployments).
    pub revision_history_limit: i32,
    /// `spec.progressDeadlineSeconds` (Deployments).
    pub progress_deadline: SimDuration,
    /// `spec.paused` (Deployments).
    pub paused: bool,
    /// What only its kind has.
    pub own: KindSpec,
}

/// A Service, as far as endpoints go.
#[derive(Clone, Debug)]
pub struct Service {
    /// Namespace.
    pub namespace: NamespaceId,
    /// Object name.
    pub name: String,
    /// `spec.selector`; a service without one has no endpoints of its own.
    pub selector: LabelSelector,
    /// `spec.publishNotReadyAddresses`.
    pub publish_not_ready_addresses: bool,
}

impl Service {
    /// Whether pods of a template stand behind it.
    #[must_use]
    pub fn selects(&self, model: &Model, template: &PodTemplate) -> bool {
        self.namespace == template.namespace
            && !self.selector.is_empty()
            && self.selector.matches(&template.labels, &model.symbols)
    }
}

impl Model {
    /// The Services that select the pods of each template.
    #[must_use]
    pub fn services_by_template(&self) -> IdVec<TemplateId, Vec<ServiceId>> {
        let of = |template: &PodTemplate| {
            let services = self.services.iter();
            let chosen = services.filter(|(_, service)| service.selects(self, template));
            chosen.map(|(id, _)| id).collect()
        };
        self.templates.values().map(of).collect()
    }
}

/// What an operator does.
#[derive(Clone, Debug, PartialEq)]
pub enum OperationKind {
    /// `kubectl scale`.
    Scale {
        /// Which workload.
        workload: WorkloadId,
        /// New `spec.replicas`.
        replicas: i32,
    },
    /// A changed pod template is applied (`kubectl rollout restart`, `kubectl apply`).
    Rollout {
        /// Which Deployment.
        workload: WorkloadId,
        /// The new template.
        template: TemplateId,
    },
    /// `kubectl rollout undo`: back to the template of the revision before.
    Undo {
        /// Which Deployment.
        workload: WorkloadId,
    },
    /// `kubectl rollout pause` / `resume`.
    Pause {
        /// Which Deployment.
        workload: WorkloadId,
        /// The new `spec.paused`.
        paused: bool,
    },
    /// A Job or a CronJob is suspended, or goes on.
    Suspend {
        /// Which.
        workload: WorkloadId,
        /// The new `spec.suspend`.
        suspend: bool,
    },
    /// `kubectl cordon` / `uncordon`.
    SetUnschedulable {
        /// Which node.
        node: NodeId,
        /// The new `spec.unschedulable`.
        unschedulable: bool,
    },
    /// `kubectl drain`.
    Drain {
        /// Which nodes.
        nodes: Vec<NodeId>,
        /// Pods without a controller as well.
        force: bool,
        /// Grace period; each pod's own where absent.
        grace: Option<SimDuration>,
    },
    /// `kubectl taint`: all are written at once.
    Taint {
        /// Which node.
        node: NodeId,
        /// Taints to add, in order; one of the same key and effect is replaced.
        add: Vec<Taint>,
        /// Taints to remove, by key and effect.
        remove: Vec<Taint>,
    },
    /// `kubectl label node`.
    Label {
        /// Which node.
        node: NodeId,
        /// Keys with their new values; `None` removes the label.
        labels: Vec<(Symbol, Option<Symbol>)>,
    },
    /// `kubectl delete pod`, of the workload's live pods the one with this replica ordinal.
    DeletePod {
        /// Which workload.
        workload: WorkloadId,
        /// Replica ordinal.
        replica: u32,
    },
}

/// One timed operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// When.
    pub at: SimTime,
    /// What.
    pub kind: OperationKind,
}
