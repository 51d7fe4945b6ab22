//! kube-apiserver: applies writes in commit order and tells the watchers.
//!
//! Every change of an object happens here and nowhere else. It knows objects, not who wants what
//! of them: controllers, scheduler and kubelets learn of a change when their watch delivers it.

mod eviction;
mod held;
mod jobs;
mod pods;
mod replicas;
mod sets;

use std::sync::Arc;

use crate::base::id::IdVec;
use crate::base::map::Symbol;
use crate::base::time::SimTime;
use crate::cx::{Cx, slowed};
use crate::event::{
    ApiEvent, Event, FaultEvent, KubeletEvent, ProxyEvent, Resource, SchedulerEvent, WatchEvent,
    Watcher,
};
use crate::model::{BudgetId, Model, NodeId, PodId, ServiceId, WorkloadId};
use crate::record::Fact;
use crate::rng::StreamKind;
use crate::state::{
    BudgetStatus, Change, Condition, DeletionCause, DeploymentObject, NodeConditions, NodeTaint,
    PodObject, ReplicaSetId, ReplicaSetObject, Request, Verb,
};
pub use eviction::{EvictedPod, EvictionAnswer, EvictionBudget, eviction};
use held::Held;
pub use replicas::Ordinals;

/// Entity of the watch-latency stream that kubelets' deliveries draw from.
const KUBELET_STREAM: u64 = 2;
/// And the one that kube-proxies' deliveries draw from.
const PROXY_STREAM: u64 = 5;

/// The API server. Its objects live in `State::api`; here is only what it needs to name new ones.
#[derive(Debug)]
pub struct ApiServer {
    ordinals: IdVec<WorkloadId, Ordinals>,
    kubelet_deliveries: u64,
    endpoint_deliveries: u64,
    endpoint_due: SimTime,
    held: Held,
}

impl ApiServer {
    /// A server without objects.
    #[must_use]
    pub fn new(model: &Model) -> Self {
        let mut ordinals = IdVec::new();
        for _ in model.workloads.ids() {
            ordinals.push(Ordinals::default());
        }
        Self {
            ordinals,
            kubelet_deliveries: 0,
            endpoint_deliveries: 0,
            endpoint_due: SimTime::ZERO,
            held: Held::default(),
        }
    }

    /// Applies the request that reaches etcd now, or what was held back.
    ///
    /// # Panics
    /// If the slot is empty: every commit event has exactly one request.
    pub fn handle(&mut self, cx: &mut Cx<'_>, event: ApiEvent) {
        match event {
            ApiEvent::Commit { slot } => {
                let sent = cx.state.requests.take(slot).expect("a commit has its request");
                if let Some(request) = self.held.admit(cx, sent) {
                    self.apply(cx, request);
                }
            }
            ApiEvent::Writable => self.held.release(cx, None),
            ApiEvent::Connected { node } => self.held.release(cx, Some(node)),
        }
    }

    /// Applies one write at once.
    pub fn apply(&mut self, cx: &mut Cx<'_>, request: Request) {
        match request {
            Request::CreatePod { template, owner, seat } => {
                self.create_pod(cx, template, owner, seat);
            }
            Request::BindPod { pod, node, epoch } => self.bind_pod(cx, pod, node, epoch),
            Request::PodUnschedulable { pod, nominated_node } => {
                self.pod_unschedulable(cx, pod, nominated_node);
            }
            Request::PodStatus { pod, status } => self.pod_status(cx, pod, &status),
            Request::PodNotReady { pod } => self.pod_not_ready(cx, pod),
            Request::DeletePod { pod, grace, cause } => self.delete_pod(cx, pod, grace, cause),
            Request::PreemptPod { victim, preemptor, epoch } => {
                self.delete_pod(cx, victim, None, DeletionCause::Preemption);
                cx.at(cx.now, Event::Scheduler(SchedulerEvent::Preempted { preemptor, epoch }));
            }
            Request::EvictPod { pod, grace } => self.evict_pod(cx, pod, grace),
            Request::ConfirmPodGone { pod } => self.confirm_gone(cx, pod),
            Request::CreateReplicaSet { .. }
            | Request::ScaleReplicaSet { .. }
            | Request::ReviseReplicaSet { .. }
            | Request::DeleteReplicaSet { .. }
            | Request::ReplicaSetStatus { .. } => self.replica_set_request(cx, &request),
            Request::CreateJob { .. }
            | Request::DeleteJob { .. }
            | Request::JobStatus { .. }
            | Request::ReleasePod { .. }
            | Request::CronJobStatus { .. }
            | Request::Suspend { .. } => self.job_request(cx, request),
            Request::StatefulSetStatus { workload, status } => {
                self.stateful_set_status(cx, workload, status);
            }
            Request::DaemonSetStatus { workload, status } => {
                self.daemon_set_status(cx, workload, status);
            }
            Request::DeploymentStatus { workload, status } => {
                self.deployment_status(cx, workload, &status);
            }
            Request::NodeReady { node, ready, conditions } => {
                self.node_ready(cx, node, ready, conditions);
            }
            Request::NodeTaints { node, changes } => self.node_taints(cx, node, &changes),
            Request::NodeLabels { node, labels } => self.node_labels(cx, node, &labels),
            Request::BudgetStatus { budget, status } => self.budget_status(cx, budget, status),
            Request::Endpoints { service, changes } => self.endpoints(cx, service, &changes),
            Request::ScaleWorkload { .. }
            | Request::SetTemplate { .. }
            | Request::SetPaused { .. }
            | Request::SetUnschedulable { .. } => self.operator_request(cx, &request),
        }
    }

    /// What only operators write.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the caller sends only these requests")]
    fn operator_request(&mut self, cx: &mut Cx<'_>, request: &Request) {
        match *request {
            Request::ScaleWorkload { workload, replicas } => {
                self.scale_workload(cx, workload, replicas);
            }
            Request::SetTemplate { workload, template } => {
                let Some(deployment) = &mut cx.state.api.deployments[workload] else {
                    self.set_template(cx, workload, template);
                    return;
                };
                if deployment.template != template {
                    deployment.template = template;
                    deployment.generation += 1;
                    deployment.rolled_out = None;
                }
                self.deployment_changed(cx, workload);
            }
            Request::SetPaused { workload, paused } => {
                let Some(deployment) = &mut cx.state.api.deployments[workload] else { return };
                if deployment.paused != paused {
                    deployment.paused = paused;
                    deployment.generation += 1;
                    self.deployment_changed(cx, workload);
                }
            }
            Request::SetUnschedulable { node, unschedulable } => {
                if cx.state.api.nodes[node].unschedulable != unschedulable {
                    cx.state.api.nodes[node].unschedulable = unschedulable;
                    self.node_changed(cx, node);
                }
            }
            _ => unreachable!("only requests of operators come here"),
        }
    }

    fn node_ready(
        &mut self,
        cx: &mut Cx<'_>,
        node: NodeId,
        ready: Condition,
        conditions: NodeConditions,
    ) {
        let object = &mut cx.state.api.nodes[node];
        let before = object.ready;
        if before.status == ready.status && object.conditions == conditions && object.posted {
            return;
        }
        object.ready = before.turned(ready.status, ready.since);
        object.posted = true;
        object.conditions = conditions;
        if before.is_true() != ready.is_true() {
            cx.fact(Fact::NodeReady { node, ready: ready.is_true() });
        }
        if !ready.is_true() {
            self.kubelet_deliveries += 1;
            let due = watch_time(cx, KUBELET_STREAM, self.kubelet_deliveries);
            cx.at(due, Event::Kubelet(KubeletEvent::NodeUpdate { node }));
        }
        self.node_changed(cx, node);
    }

    fn node_taints(&mut self, cx: &mut Cx<'_>, node: NodeId, changes: &[NodeTaint]) {
        let taints = &mut cx.state.api.nodes[node].taints;
        let before = taints.clone();
        NodeTaint::apply(changes, taints);
        if *taints != before {
            self.node_changed(cx, node);
        }
    }

    fn node_labels(&mut self, cx: &mut Cx<'_>, node: NodeId, changes: &[(Symbol, Option<Symbol>)]) {
        let declared = &cx.model.nodes[node];
        let current = cx.state.api.nodes[node].spec.as_deref().unwrap_or(declared);
        let mut next = current.clone();
        for &(key, value) in changes {
            match value {
                Some(value) => next.labels.set(key, value),
                None => next.labels.unset(key),
            }
        }
        if next != *current {
            cx.state.api.nodes[node].spec = (next != *declared).then(|| Arc::new(next));
            self.node_changed(cx, node);
        }
    }

    fn endpoints(&mut self, cx: &mut Cx<'_>, service: ServiceId, changes: &[(PodId, bool)]) {
        let api = &mut cx.state.api;
        let (before, logged) = (api.endpoints[service].len(), api.endpoint_log.len());
        for &(pod, present) in changes {
            let members = &mut api.endpoints[service];
            let changed = if present { members.insert(pod) } else { members.remove(&pod) };
            if changed {
                api.endpoint_log.push((service, pod, present));
            }
        }
        let (ready, changed) = (api.endpoints[service].len(), api.endpoint_log.len() - logged);
        if ready != before {
            let ready = u32::try_from(ready).expect("pods are numbered by 32 bits");
            cx.fact(Fact::Endpoints { service, ready });
        }
        self.endpoint_deliveries += 1;
        // A watch delivers in order.
        let due = watch_time(cx, PROXY_STREAM, self.endpoint_deliveries).max(self.endpoint_due);
        self.endpoint_due = due;
        let changes = u32::try_from(changed).expect("pods are numbered by 32 bits");
        cx.at(due, Event::Proxy(ProxyEvent::Changed { changes }));
    }

    fn budget_status(&mut self, cx: &mut Cx<'_>, budget: BudgetId, status: BudgetStatus) {
        if cx.state.api.budgets[budget] == status {
            return;
        }
        cx.state.api.budgets[budget].clone_from(&status);
        self.publish(cx, Resource::Budgets, |api, deliveries| {
            let change = Change { verb: Verb::Modified, id: budget, object: status };
            api.budget_log.append(change, deliveries)
        });
    }

    fn scale_workload(&mut self, cx: &mut Cx<'_>, workload: WorkloadId, replicas: i32) {
        if let Some(deployment) = &mut cx.state.api.deployments[workload] {
            if deployment.replicas == replicas {
                return;
            }
            deployment.replicas = replicas;
            deployment.generation += 1;
            self.deployment_changed(cx, workload);
        } else if let Some(set) = cx.state.api.stateful_sets.get_mut(&workload) {
            if set.replicas == replicas {
                return;
            }
            set.replicas = replicas;
            self.stateful_set_changed(cx, workload);
        } else {
            let set = cx.state.api.replica_sets.iter().find(|(_, s)| s.workload == workload);
            let Some((id, _)) = set else { return };
            cx.state.api.replica_sets[id].replicas = replicas;
            self.replica_set_changed(cx, id, Verb::Modified);
        }
        cx.fact(Fact::ReplicasDesired { workload, replicas });
    }

    /// Creates a Deployment object.
    pub fn create_deployment(
        &mut self,
        cx: &mut Cx<'_>,
        workload: WorkloadId,
        object: DeploymentObject,
    ) {
        cx.state.api.deployments[workload] = Some(object);
        self.deployment_changed(cx, workload);
    }

    fn deployment_status(
        &mut self,
        cx: &mut Cx<'_>,
        workload: WorkloadId,
        status: &DeploymentObject,
    ) {
        let Some(deployment) = &mut cx.state.api.deployments[workload] else { return };
        // A conflict: what was worked out for another specification is not taken.
        if status.generation != deployment.generation {
            return;
        }
        let next = *status;
        if *deployment == next {
            return;
        }
        let completes = next.rolled_out.is_some() && deployment.rolled_out.is_none();
        *deployment = next;
        if completes {
            cx.fact(Fact::RolloutComplete { workload });
        }
        self.deployment_changed(cx, workload);
    }

    fn deployment_changed(&mut self, cx: &mut Cx<'_>, workload: WorkloadId) {
        let Some(object) = cx.state.api.deployments[workload] else { return };
        self.publish(cx, Resource::Deployments, |api, deliveries| {
            let change = Change { verb: Verb::Modified, id: workload, object };
            api.deployment_log.append(change, deliveries)
        });
    }

    fn replica_set_changed(&mut self, cx: &mut Cx<'_>, id: ReplicaSetId, verb: Verb) {
        let object: ReplicaSetObject = cx.state.api.replica_sets[id];
        self.publish(cx, Resource::ReplicaSets, |api, deliveries| {
            api.replica_set_log.append(Change { verb, id, object }, deliveries)
        });
    }

    fn node_changed(&mut self, cx: &mut Cx<'_>, node: NodeId) {
        let object = cx.state.api.nodes[node].clone();
        self.publish(cx, Resource::Nodes, |api, deliveries| {
            let change = Change { verb: Verb::Modified, id: node, object };
            api.node_log.append(change, deliveries)
        });
    }

    fn pod_changed(&mut self, cx: &mut Cx<'_>, pod: PodId, verb: Verb) {
        let object: PodObject = cx.state.api.pods[pod];
        if !cx.model.load.is_empty() {
            cx.at(cx.now, Event::Fault(FaultEvent::Load));
        }
        self.publish(cx, Resource::Pods, |api, deliveries| {
            api.pod_log.append(Change { verb, id: pod, object }, deliveries)
        });
    }

    /// Appends a change to its log and schedules its delivery to every connected watcher.
    fn publish(
        &mut self,
        cx: &mut Cx<'_>,
        resource: Resource,
        append: impl FnOnce(&mut crate::state::Api, u8) -> u32,
    ) {
        cx.state.api.revision += 1;
        let watchers = watchers_of(resource);
        let connected = watchers.iter().filter(|w| cx.state.is_watching(**w)).count();
        let deliveries = u8::try_from(connected).expect("a handful of watchers");
        if deliveries == 0 {
            return;
        }
        let index = append(&mut cx.state.api, deliveries);
        for &watcher in watchers {
            if cx.state.is_watching(watcher) {
                let number = cx.state.watches.next_delivery(watcher, resource);
                let first = first_stream(resource);
                let earliest = watch_time(cx, first + watcher.index() as u64, number);
                let due = cx.state.watches.schedule(watcher, resource, earliest);
                let epoch = cx.state.truth.process(watcher).epoch;
                cx.at(due, Event::Watch(WatchEvent { watcher, resource, epoch, index }));
            }
        }
    }

    /// Tells the kubelet of the pod's node that the pod changed.
    fn tell_kubelet(&mut self, cx: &mut Cx<'_>, pod: PodId) {
        if cx.state.api.pods[pod].node.is_some() {
            self.kubelet_deliveries += 1;
            let due = watch_time(cx, KUBELET_STREAM, self.kubelet_deliveries);
            cx.at(due, Event::Kubelet(KubeletEvent::PodUpdate { pod }));
        }
    }
}

/// Who watches a resource type.
fn watchers_of(resource: Resource) -> &'static [Watcher] {
    match resource {
        Resource::Pods | Resource::Nodes | Resource::Budgets => &Watcher::ALL,
        Resource::ReplicaSets
        | Resource::Deployments
        | Resource::StatefulSets
        | Resource::DaemonSets
        | Resource::Jobs
        | Resource::CronJobs => &[Watcher::ControllerManager],
    }
}

/// The watch-latency stream that deliveries of a type to the first watcher draw from.
fn first_stream(resource: Resource) -> u64 {
    match resource {
        Resource::Pods | Resource::Nodes | Resource::ReplicaSets | Resource::Deployments => 0,
        Resource::Budgets => 3,
        Resource::StatefulSets => 6,
        Resource::DaemonSets => 8,
        Resource::Jobs => 10,
        Resource::CronJobs => 12,
    }
}

/// When a change committed now reaches a watcher whose how-manieth delivery it is.
fn watch_time(cx: &Cx<'_>, watcher: u64, delivery: u64) -> SimTime {
    let entity = watcher << 48 | delivery;
    let mut stream = cx.streams.stream(StreamKind::WatchLatency, entity);
    let latency = cx.model.control_plane.watch_latency_s.quantile(stream.uniform());
    cx.now.saturating_add(slowed(latency, cx.state.truth.api.watch_factor()))
}
