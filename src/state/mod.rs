//! What is: the objects as the API server has them, and the truth of machines and processes that
//! nobody in the cluster sees directly.
//!
//! Components keep what only they know (queues, caches, timers) to themselves; here stands what
//! they share. Objects change only through the API server's commits, the truth only through
//! faults and kubelets. No behaviour beyond keeping columns consistent.

mod clients;
mod conditions;
mod deployment;
mod jobs;
mod objects;
mod requests;
mod sets;
mod truth;
mod watch;

pub use crate::model::ConditionStatus;
pub use clients::{Client, Clients};
pub use conditions::{NodeCondition, NodeConditions};
pub use deployment::{
    Availability, DeploymentObject, DeploymentStatus, ProgressReason, Progressing,
};
pub use jobs::{
    Because, Exit, JobCondition, JobConditionKind, JobObject, JobReason, JobStatus, PolicyMatch,
    Uncounted,
};
pub use objects::{
    BudgetStatus, Condition, DeletionCause, ExitCodes, JobId, NodeObject, Owner, Phase, PodObject,
    PodReason, PodStatus, ReplicaSetId, ReplicaSetObject, ReplicaSetStatus, Seat, Termination,
};
pub use requests::{KubeletStatus, NodeTaint, Request, RequestSlots, Sent};
pub use sets::{
    CronJobObject, DaemonSetObject, DaemonSetStatus, StatefulSetObject, StatefulSetStatus,
};
pub use truth::{ApiTruth, Heartbeat, NodeTruth, ProcessTruth, Registry, Truth};
pub use watch::{Change, Streams as WatchStreams, Verb, WatchLog};

use std::collections::{BTreeMap, BTreeSet};

use crate::base::id::IdVec;
use crate::event::Watcher;
use crate::model::{BudgetId, Model, NodeId, PodId, ServiceId, WorkloadId};

/// Objects as etcd has them.
#[derive(Debug)]
pub struct Api {
    /// Every pod object that ever was; `gone` marks those no longer there.
    pub pods: IdVec<PodId, PodObject>,
    /// Nodes.
    pub nodes: IdVec<NodeId, NodeObject>,
    /// Every ReplicaSet that ever was.
    pub replica_sets: IdVec<ReplicaSetId, ReplicaSetObject>,
    /// Deployments, by workload; absent for workloads of other kinds.
    pub deployments: IdVec<WorkloadId, Option<DeploymentObject>>,
    /// StatefulSets.
    pub stateful_sets: BTreeMap<WorkloadId, StatefulSetObject>,
    /// DaemonSets.
    pub daemon_sets: BTreeMap<WorkloadId, DaemonSetObject>,
    /// Every Job that ever was.
    pub jobs: IdVec<JobId, JobObject>,
    /// CronJobs.
    pub cron_jobs: BTreeMap<WorkloadId, CronJobObject>,
    /// Ready endpoints of each Service, as its EndpointSlices list them.
    pub endpoints: IdVec<ServiceId, BTreeSet<PodId>>,
    /// Endpoints that came or went, in order, until kube-proxies have taken them up.
    pub endpoint_log: Vec<(ServiceId, PodId, bool)>,
    /// Statuses of the PodDisruptionBudgets.
    pub budgets: IdVec<BudgetId, BudgetStatus>,
    /// Changes to pods, for watchers.
    pub pod_log: WatchLog<PodId, PodObject>,
    /// Changes to nodes.
    pub node_log: WatchLog<NodeId, NodeObject>,
    /// Changes to ReplicaSets.
    pub replica_set_log: WatchLog<ReplicaSetId, ReplicaSetObject>,
    /// Changes to Deployments.
    pub deployment_log: WatchLog<WorkloadId, DeploymentObject>,
    /// Changes to StatefulSets.
    pub stateful_set_log: WatchLog<WorkloadId, StatefulSetObject>,
    /// Changes to DaemonSets.
    pub daemon_set_log: WatchLog<WorkloadId, DaemonSetObject>,
    /// Changes to Jobs.
    pub job_log: WatchLog<JobId, JobObject>,
    /// Changes to CronJobs.
    pub cron_job_log: WatchLog<WorkloadId, CronJobObject>,
    /// Changes to PodDisruptionBudgets.
    pub budget_log: WatchLog<BudgetId, BudgetStatus>,
    /// etcd's revision: one counter over all objects.
    pub revision: u64,
}

impl Api {
    /// The pods on these nodes, by id: a look at every pod that ever was.
    #[must_use]
    pub fn pods_on(&self, nodes: &[NodeId]) -> Vec<PodId> {
        let nodes: BTreeSet<NodeId> = nodes.iter().copied().collect();
        let on = |pod: &PodObject| pod.node.is_some_and(|node| nodes.contains(&node));
        self.pods.iter().filter(|(_, pod)| !pod.gone && on(pod)).map(|(id, _)| id).collect()
    }
}

/// The shared state of one run.
#[derive(Debug)]
pub struct State {
    /// The API server's objects.
    pub api: Api,
    /// Machines and processes as they really are.
    pub truth: Truth,
    /// Requests under way to the API server.
    pub requests: RequestSlots,
    /// Client-side throttling.
    pub clients: Clients,
    /// Watch connections.
    pub watches: WatchStreams,
}

impl State {
    /// The state before anything has happened: nodes exist and are Ready, nothing runs.
    #[must_use]
    pub fn new(model: &Model) -> Self {
        let mut deployments = IdVec::new();
        for _ in model.workloads.ids() {
            deployments.push(None);
        }
        let mut endpoints = IdVec::new();
        for _ in model.services.ids() {
            endpoints.push(BTreeSet::new());
        }
        let mut nodes = IdVec::new();
        for (_, spec) in model.nodes.iter() {
            nodes.push(NodeObject::ready(spec));
        }
        Self {
            api: Api {
                pods: IdVec::new(),
                nodes,
                replica_sets: IdVec::new(),
                deployments,
                stateful_sets: BTreeMap::new(),
                daemon_sets: BTreeMap::new(),
                jobs: IdVec::new(),
                cron_jobs: BTreeMap::new(),
                endpoints,
                endpoint_log: Vec::new(),
                budgets: model.budgets.ids().map(|_| BudgetStatus::default()).collect(),
                pod_log: WatchLog::new(),
                node_log: WatchLog::new(),
                replica_set_log: WatchLog::new(),
                deployment_log: WatchLog::new(),
                stateful_set_log: WatchLog::new(),
                daemon_set_log: WatchLog::new(),
                job_log: WatchLog::new(),
                cron_job_log: WatchLog::new(),
                budget_log: WatchLog::new(),
                revision: 0,
            },
            truth: Truth::new(model),
            requests: RequestSlots::default(),
            clients: Clients::new(model),
            watches: WatchStreams::default(),
        }
    }

    /// Whether a watcher's process is up and its watches are connected.
    #[must_use]
    pub fn is_watching(&self, watcher: Watcher) -> bool {
        self.truth.process(watcher).leading
    }
}
