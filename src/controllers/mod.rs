//! kube-controller-manager: control loops that drive the observed state to the desired one.
//!
//! One process, one shared informer cache, one de-duplicating work queue per controller. A
//! controller sees what the cache holds and writes through the API server; it never sees its own
//! writes earlier than the watch delivers them. When the process dies all of this is lost.
//!
//! It knows nothing of the scheduler, of kubelets or of the truth behind the API.

mod availability;
#[cfg(test)]
mod bench;
pub mod cron_job;
mod daemon_set;
pub mod deployment;
mod disruption;
mod endpoint_slice;
pub mod horizontal_pod_autoscaler;
mod informers;
pub mod job;
mod leases;
mod node_history;
mod node_lifecycle;
#[cfg(test)]
mod node_oracle;
mod pace;
mod pod_gc;
mod replica_set;
mod revisions;
mod schedule;
mod stateful_set;
mod taint_eviction;
pub mod vertical_pod_autoscaler;
mod victims;
mod well_known;
mod zones;

pub use crate::base::release::Release;
pub use availability::is_available;
pub use daemon_set::{
    BURST_REPLICAS, Choice, DaemonClass, DaemonNode, DaemonNotice, DaemonPlacement, DaemonPod,
    DaemonRemoval, DaemonSpec, DaemonStatus, DaemonStep, DaemonSync, DaemonUpdate,
    FailedPodBackoff, Managed, add_daemon_tolerations, daemon_placement, daemon_removal_message,
    daemon_status, daemon_status_recheck, manage, rolling_update, sync_daemon_set,
};
pub use deployment::settled_deployment;
pub use disruption::{Budgeted, BudgetedPod, Scale, budgeted, settled_budgets};
pub use endpoint_slice::{
    EndpointConditions, EndpointPod, HintsEvent, NodeCpu, PackedEndpoint, Packing, PortSet, Slice,
    SliceCounts, ZoneShares, add_hints, endpoint, endpoint_hostname, hints_by_zone, pack,
    zone_shares,
};
pub use informers::Informers;
pub use node_history::{NodeChange, NodeView, Observation, node_history};
pub use node_lifecycle::NodeLifecycle;
pub use pod_gc::PodGc;
pub use revisions::{Revision, Revisions};
pub use stateful_set::{
    ClaimFacts, ClaimOwner, ClaimRetention, PodChange, PodManagement, Removal, Retention, Rollout,
    StatefulAction, StatefulChange, StatefulEvent, StatefulPod, StatefulPodView, StatefulSpec,
    StatefulStatus, StatefulSync, StatefulUpdate, StatefulView, claim_name, ready_recheck,
    stateful_events, stateful_history, stateful_pod_name, sync_stateful_set,
};
pub use taint_eviction::{Evictions, Looked, Stay, TaintEviction, no_execute, stay};
pub use victims::{
    DeletionSequence, VictimPhase, VictimRank, colocated, deletion_cost, deletion_order,
    deletion_sequence,
};
pub use zones::{TaintInterval, TaintRates, ZoneState, ZoneTainter, taint_interval};

use std::collections::BTreeSet;

use crate::cx::Cx;
use crate::event::{ControllerEvent, Event, Watcher, WorkQueue};
use crate::model::{BudgetId, Model, NodeId, PodId, WorkloadId, WorkloadKind};
use crate::record::Fact;
use crate::state::{
    BudgetStatus, Change, CronJobObject, DaemonSetObject, DeploymentObject, JobId, JobObject,
    NodeObject, Owner, PodObject, ReplicaSetId, ReplicaSetObject, StatefulSetObject,
};

use cron_job::CronJobController;
use daemon_set::DaemonSetController;
pub use daemon_set::daemon_nodes;
use deployment::DeploymentController;
use disruption::DisruptionController;
use endpoint_slice::EndpointSliceController;
use job::JobController;
use replica_set::ReplicaSetController;
use stateful_set::StatefulSetController;

/// Keys waiting to be processed, each once.
#[derive(Debug, Default)]
struct Queue {
    queued: BTreeSet<u32>,
}

/// The controllers of one kube-controller-manager.
#[derive(Debug)]
pub struct Controllers {
    epoch: u32,
    cache: Informers,
    queues: [Queue; WorkQueue::COUNT],
    deployments: DeploymentController,
    stateful_sets: StatefulSetController,
    daemon_sets: DaemonSetController,
    jobs: JobController,
    cron_jobs: CronJobController,
    replica_sets: ReplicaSetController,
    endpoint_slices: EndpointSliceController,
    disruption: DisruptionController,
    node_lifecycle: NodeLifecycle,
    taint_eviction: TaintEviction,
    pod_gc: PodGc,
}

/// What a controller may use besides [`Cx`]: the process epoch and its work queues.
#[derive(Debug)]
struct Work<'a> {
    epoch: u32,
    queues: &'a mut [Queue; WorkQueue::COUNT],
}

impl Work<'_> {
    /// Adds a key to a queue now.
    fn enqueue(&mut self, cx: &mut Cx<'_>, queue: WorkQueue, key: u32) {
        if self.queues[queue.index()].queued.insert(key) {
            let event = ControllerEvent::Sync { queue, key, epoch: self.epoch };
            cx.at(cx.now, Event::Controller(event));
        }
    }

    /// Syncs a key again at a later time, whatever happens until then.
    fn enqueue_at(
        &mut self,
        cx: &mut Cx<'_>,
        queue: WorkQueue,
        key: u32,
        at: crate::base::time::SimTime,
    ) {
        let event = ControllerEvent::Sync { queue, key, epoch: self.epoch };
        cx.at(at, Event::Controller(event));
    }
}

impl Controllers {
    /// Controllers that know nothing yet.
    #[must_use]
    pub fn new(model: &Model) -> Self {
        Self {
            epoch: 0,
            cache: Informers::default(),
            queues: std::array::from_fn(|_| Queue::default()),
            deployments: DeploymentController::new(model),
            stateful_sets: StatefulSetController::default(),
            daemon_sets: DaemonSetController::new(model),
            jobs: JobController::default(),
            cron_jobs: CronJobController::default(),
            replica_sets: ReplicaSetController::default(),
            endpoint_slices: EndpointSliceController::new(model),
            disruption: DisruptionController::new(model),
            node_lifecycle: NodeLifecycle::new(model),
            taint_eviction: TaintEviction::new(model),
            pod_gc: PodGc::new(model),
        }
    }

    /// A new leader has listed everything: memory is fresh, every object is looked at once.
    pub fn lead(&mut self, cx: &mut Cx<'_>, epoch: u32) {
        if cx.state.truth.process(Watcher::ControllerManager).epoch != epoch {
            return;
        }
        let was_leading = cx.state.truth.process(Watcher::ControllerManager).leading;
        cx.state.truth.process_mut(Watcher::ControllerManager).leading = true;
        if !was_leading {
            cx.fact(Fact::Leading { component: Watcher::ControllerManager, leading: true });
        }
        *self = Self::new(cx.model);
        self.epoch = epoch;
        self.cache = Informers::list(&cx.state.api);
        let Self { cache, queues, disruption, .. } = self;
        let mut work = Work { epoch, queues };
        for (workload, deployment) in cache.deployments.iter() {
            if deployment.is_some() {
                work.enqueue(cx, WorkQueue::Deployment, workload.raw());
            }
        }
        for (id, set) in cache.replica_sets.iter() {
            if set.is_some() {
                work.enqueue(cx, WorkQueue::ReplicaSet, id.raw());
            }
        }
        for workload in cache.stateful_sets.keys() {
            work.enqueue(cx, WorkQueue::StatefulSet, workload.raw());
        }
        for workload in cache.daemon_sets.keys() {
            work.enqueue(cx, WorkQueue::DaemonSet, workload.raw());
        }
        JobController::lead(cx, cache);
        for job in cache.jobs.keys() {
            work.enqueue(cx, WorkQueue::Job, job.raw());
        }
        for workload in cache.cron_jobs.keys() {
            work.enqueue(cx, WorkQueue::CronJob, workload.raw());
        }
        for service in cx.model.services.ids() {
            work.enqueue(cx, WorkQueue::EndpointSlice, service.raw());
        }
        disruption.lead(cx, &mut work, cache);
        self.node_lifecycle.lead(cx, &self.cache, epoch);
        self.taint_eviction.lead(cx, &self.cache);
        self.pod_gc.lead(cx, &self.cache, epoch);
    }

    /// Handles an event of the process.
    pub fn handle(&mut self, cx: &mut Cx<'_>, event: ControllerEvent) {
        match event {
            ControllerEvent::Lead { epoch } => self.lead(cx, epoch),
            ControllerEvent::Sync { queue, key, epoch } if epoch == self.epoch => {
                self.sync(cx, queue, key);
            }
            ControllerEvent::Sync { .. } => {}
            ControllerEvent::Heartbeat { node } => {
                self.node_lifecycle.on_heartbeat(cx, &self.cache, node);
                self.pod_gc.on_node(cx, &self.cache, node);
            }
            ControllerEvent::Monitor { node, epoch } => {
                self.node_lifecycle.monitor(cx, &self.cache, node, epoch);
            }
            ControllerEvent::TaintQueue { zone, epoch } => {
                self.node_lifecycle.taint_queue(cx, &self.cache, zone, epoch);
            }
            ControllerEvent::Evict { pod, epoch } => {
                self.taint_eviction.evict(cx, &self.cache, pod, epoch);
            }
            ControllerEvent::PodGc { epoch } => self.pod_gc.pass(cx, &self.cache, epoch),
        }
    }

    fn sync(&mut self, cx: &mut Cx<'_>, queue: WorkQueue, key: u32) {
        let Self { cache, queues, epoch, .. } = self;
        queues[queue.index()].queued.remove(&key);
        let mut work = Work { epoch: *epoch, queues };
        match queue {
            WorkQueue::Deployment => {
                self.deployments.sync(cx, &mut work, cache, WorkloadId::from_raw(key));
            }
            WorkQueue::ReplicaSet => {
                self.replica_sets.sync(cx, &mut work, cache, ReplicaSetId::from_raw(key));
            }
            WorkQueue::EndpointSlice => {
                let service = crate::model::ServiceId::from_raw(key);
                self.endpoint_slices.sync(cx, cache, service);
            }
            WorkQueue::StatefulSet => {
                self.stateful_sets.sync(cx, &mut work, cache, WorkloadId::from_raw(key));
            }
            WorkQueue::DaemonSet => {
                self.daemon_sets.sync(cx, &mut work, cache, WorkloadId::from_raw(key));
            }
            WorkQueue::Job => self.jobs.sync(cx, &mut work, cache, JobId::from_raw(key)),
            WorkQueue::CronJob => {
                self.cron_jobs.sync(cx, &mut work, cache, WorkloadId::from_raw(key));
            }
            WorkQueue::Disruption => {
                self.disruption.sync(cx, &mut work, cache, BudgetId::from_raw(key));
            }
        }
    }

    /// A watch delivered a change of a pod.
    pub fn on_pod(&mut self, cx: &mut Cx<'_>, change: &Change<PodId, PodObject>) {
        let before = self.cache.apply_pod(change);
        let Self { queues, epoch, replica_sets, endpoint_slices, disruption, .. } = self;
        let mut work = Work { epoch: *epoch, queues };
        match change.object.owner {
            Some(Owner::ReplicaSet(owner)) => {
                replica_sets.observe_pod(change, owner);
                work.enqueue(cx, WorkQueue::ReplicaSet, owner.raw());
            }
            Some(Owner::StatefulSet(owner)) => {
                self.stateful_sets.observe_pod(change, owner);
                work.enqueue(cx, WorkQueue::StatefulSet, owner.raw());
            }
            Some(Owner::DaemonSet(owner)) => {
                self.daemon_sets.observe_pod(change, owner);
                work.enqueue(cx, WorkQueue::DaemonSet, owner.raw());
            }
            Some(Owner::Job(owner)) => {
                self.jobs.on_pod(cx, &mut work, &self.cache, (change, owner));
            }
            None => {}
        }
        let ready_now = change.object.is_ready() && !before.is_some_and(|pod| pod.is_ready());
        if let (true, Some(Owner::StatefulSet(set) | Owner::DaemonSet(set))) =
            (ready_now, change.object.owner)
            && let Some(wait) = ready_recheck(cx.model.workloads[set].min_ready)
        {
            let daemons = cx.model.workloads[set].kind == WorkloadKind::DaemonSet;
            let queue = if daemons { WorkQueue::DaemonSet } else { WorkQueue::StatefulSet };
            work.enqueue_at(cx, queue, set.raw(), cx.now.saturating_add(wait));
        }
        endpoint_slices.on_pod(cx, &mut work, before.as_ref(), change);
        disruption.on_pod(cx, &mut work, change);
        self.node_lifecycle.on_pod(cx, &self.cache, before.as_ref(), change.id);
        self.taint_eviction.on_pod(cx, &self.cache, before.as_ref(), change.id);
        self.pod_gc.on_pod(cx, &self.cache, before.as_ref(), change.id);
        if change.object.gone {
            // A Deployment that recreates waits for its old pods to go.
            let workload = cx.model.templates[change.object.template].workload;
            if self.cache.deployments[workload].is_some() {
                work.enqueue(cx, WorkQueue::Deployment, workload.raw());
            }
        }
    }

    /// A watch delivered a change of a node.
    pub fn on_node(&mut self, cx: &mut Cx<'_>, change: &Change<NodeId, NodeObject>) {
        let before = self.cache.apply_node(change);
        self.node_lifecycle.on_node(cx, &self.cache, &before, change.id);
        self.taint_eviction.on_node(cx, &self.cache, &before, change.id);
        self.pod_gc.on_node(cx, &self.cache, change.id);
        let Self { cache, queues, epoch, daemon_sets, .. } = self;
        daemon_sets.on_node(cx, &mut Work { epoch: *epoch, queues }, cache, change.id);
    }

    /// A watch delivered a change of a ReplicaSet.
    pub fn on_replica_set(
        &mut self,
        cx: &mut Cx<'_>,
        change: &Change<ReplicaSetId, ReplicaSetObject>,
    ) {
        self.cache.apply_replica_set(change);
        let Self { queues, epoch, .. } = self;
        let mut work = Work { epoch: *epoch, queues };
        if !change.object.gone {
            work.enqueue(cx, WorkQueue::ReplicaSet, change.id.raw());
        }
        if self.cache.deployments[change.object.workload].is_some() {
            work.enqueue(cx, WorkQueue::Deployment, change.object.workload.raw());
        }
    }

    /// A watch delivered a change of a PodDisruptionBudget.
    pub fn on_budget(&mut self, cx: &mut Cx<'_>, change: &Change<BudgetId, BudgetStatus>) {
        let Self { queues, epoch, disruption, .. } = self;
        disruption.on_budget(cx, &mut Work { epoch: *epoch, queues }, change);
    }

    /// A watch delivered a change of a StatefulSet.
    pub fn on_stateful_set(
        &mut self,
        cx: &mut Cx<'_>,
        change: &Change<WorkloadId, StatefulSetObject>,
    ) {
        self.cache.stateful_sets.insert(change.id, change.object);
        let Self { queues, epoch, .. } = self;
        Work { epoch: *epoch, queues }.enqueue(cx, WorkQueue::StatefulSet, change.id.raw());
    }

    /// A watch delivered a change of a DaemonSet.
    pub fn on_daemon_set(&mut self, cx: &mut Cx<'_>, change: &Change<WorkloadId, DaemonSetObject>) {
        let before = self.cache.daemon_sets.insert(change.id, change.object);
        if before.is_some_and(|before| before.template != change.object.template) {
            self.daemon_sets.forget_nodes(change.id);
        }
        let Self { queues, epoch, .. } = self;
        Work { epoch: *epoch, queues }.enqueue(cx, WorkQueue::DaemonSet, change.id.raw());
    }

    /// A watch delivered a change of a Job.
    pub fn on_job(&mut self, cx: &mut Cx<'_>, change: &Change<JobId, JobObject>) {
        self.cache.apply_job(change);
        let Self { cache, queues, epoch, jobs, .. } = self;
        let mut work = Work { epoch: *epoch, queues };
        jobs.on_job(cx, &mut work, cache, change);
        if cache.cron_jobs.contains_key(&change.object.workload) {
            work.enqueue(cx, WorkQueue::CronJob, change.object.workload.raw());
        }
    }

    /// A watch delivered a change of a CronJob.
    pub fn on_cron_job(&mut self, cx: &mut Cx<'_>, change: &Change<WorkloadId, CronJobObject>) {
        self.cache.cron_jobs.insert(change.id, change.object.clone());
        self.cron_jobs.observe_status(change.id);
        let Self { queues, epoch, .. } = self;
        Work { epoch: *epoch, queues }.enqueue(cx, WorkQueue::CronJob, change.id.raw());
    }

    /// A watch delivered a change of a Deployment.
    pub fn on_deployment(
        &mut self,
        cx: &mut Cx<'_>,
        change: &Change<WorkloadId, DeploymentObject>,
    ) {
        self.cache.apply_deployment(change);
        let Self { queues, epoch, .. } = self;
        Work { epoch: *epoch, queues }.enqueue(cx, WorkQueue::Deployment, change.id.raw());
    }
}
