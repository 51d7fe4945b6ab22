//! The DaemonSet controller of a running cluster: what its cache shows goes into a sync, what the
//! sync decides goes to the API server.

use std::collections::BTreeMap;

use super::{
    DaemonNode, DaemonPlacement, DaemonPod, DaemonRemoval, DaemonSpec, DaemonUpdate,
    FailedPodBackoff, daemon_placement, daemon_removal_message, daemon_status,
    daemon_status_recheck, sync_daemon_set,
};
use crate::base::id::IdVec;
use crate::base::time::SimTime;
use crate::controllers::pace::Pace;
use crate::controllers::stateful_set::ready_for;
use crate::controllers::{Informers, Work};
use crate::cx::Cx;
use crate::event::WorkQueue;
use crate::model::{DaemonSetUpdate, KindSpec, Model, NodeId, PodId, WorkloadId};
use crate::record::Involved;
use crate::state::{
    Change, Client, DaemonSetObject, DaemonSetStatus, DeletionCause, NodeObject, Owner, PodObject,
    Request, Seat,
};

/// The controller's memory.
#[derive(Debug)]
pub(in crate::controllers) struct DaemonSetController {
    sets: BTreeMap<WorkloadId, Memory>,
    /// Nodes by their names.
    by_name: Vec<NodeId>,
}

/// What it remembers of one DaemonSet.
#[derive(Debug, Default)]
struct Memory {
    pace: Pace,
    backoff: FailedPodBackoff,
    reported: Option<DaemonSetStatus>,
    /// What it makes of each node, as far as that has been worked out since the node changed.
    placements: IdVec<NodeId, Option<DaemonPlacement>>,
}

impl DaemonSetController {
    pub(in crate::controllers) fn new(model: &Model) -> Self {
        let mut by_name: Vec<NodeId> = model.nodes.ids().collect();
        by_name.sort_by(|a, b| model.nodes[*a].name.cmp(&model.nodes[*b].name));
        Self { sets: BTreeMap::new(), by_name }
    }

    /// Notes what a pod's change means for expectations.
    pub(in crate::controllers) fn observe_pod(
        &mut self,
        change: &Change<PodId, PodObject>,
        owner: WorkloadId,
    ) {
        if let Some(memory) = self.sets.get_mut(&owner) {
            memory.pace.observe(change);
        }
    }

    /// The template of a DaemonSet changed: what it makes of nodes may be another.
    pub(in crate::controllers) fn forget_nodes(&mut self, workload: WorkloadId) {
        if let Some(memory) = self.sets.get_mut(&workload) {
            memory.placements = IdVec::new();
        }
    }

    /// A node changed: sets that make something else of it now are looked at.
    pub(in crate::controllers) fn on_node(
        &mut self,
        cx: &mut Cx<'_>,
        work: &mut Work<'_>,
        cache: &Informers,
        node: NodeId,
    ) {
        for (&workload, set) in &cache.daemon_sets {
            let memory = self.sets.entry(workload).or_default();
            let before = memory.placements.get(node).copied().flatten();
            let after = placement(cx.model, set, node, &cache.nodes[node]);
            memory.place(cx.model, node, after);
            if before != Some(after) {
                work.enqueue(cx, WorkQueue::DaemonSet, workload.raw());
            }
        }
    }

    pub(in crate::controllers) fn sync(
        &mut self,
        cx: &mut Cx<'_>,
        work: &mut Work<'_>,
        cache: &Informers,
        workload: WorkloadId,
    ) {
        let Some(set) = cache.daemon_sets.get(&workload) else { return };
        let memory = self.sets.entry(workload).or_default();
        let key = (WorkQueue::DaemonSet, workload.raw());
        if memory.pace.begin(cx, work, key).is_none() {
            return;
        }
        let spec = spec_of(cx.model, workload);
        let pods = by_node(cx.now, cache, (workload, set));
        let mut nodes = Vec::with_capacity(self.by_name.len());
        for &node in &self.by_name {
            let placement = memory.placement(cx.model, set, node, &cache.nodes[node]);
            let pods = pods.get(&node).map_or(&[][..], Vec::as_slice);
            nodes.push(DaemonNode { node, placement, pods });
        }
        if memory.pace.may_act(cx.now) {
            let decided = sync_daemon_set(&spec, &nodes, &[], &mut memory.backoff, cx.now);
            for &(pod, removal) in &decided.notices {
                notice(cx, cache, workload, (pod, removal));
            }
            let deletes = decided.deletes.iter().map(|&(pod, _)| pod);
            memory.pace.expect(cx.now, decided.creates.len(), deletes);
            for &node in &decided.creates {
                let (owner, seat) = (Some(Owner::DaemonSet(workload)), Seat::Node(node));
                let request = Request::CreatePod { template: set.template, owner, seat };
                memory.pace.write(cx, Client::DaemonSet, request);
            }
            for &(pod, _) in &decided.deletes {
                let cause = DeletionCause::Controller;
                let request = Request::DeletePod { pod, grace: None, cause };
                memory.pace.write(cx, Client::DaemonSet, request);
            }
            if let Some(wait) = decided.recheck_after {
                let at = cx.now.saturating_add(wait);
                work.enqueue_at(cx, WorkQueue::DaemonSet, workload.raw(), at);
            }
        }
        let counted = daemon_status(&spec, &nodes);
        if let Some(wait) = daemon_status_recheck(&spec, &counted) {
            let at = cx.now.saturating_add(wait);
            work.enqueue_at(cx, WorkQueue::DaemonSet, workload.raw(), at);
        }
        let status = DaemonSetStatus {
            desired: counted.desired,
            current: counted.current,
            misscheduled: counted.misscheduled,
            ready: counted.ready,
            available: counted.available,
            updated: counted.updated,
        };
        if status != memory.reported.unwrap_or(set.status) {
            memory.reported = Some(status);
            let request = Request::DaemonSetStatus { workload, status };
            memory.pace.write(cx, Client::DaemonSet, request);
        }
    }
}

impl Memory {
    fn placement(
        &mut self,
        model: &Model,
        set: &DaemonSetObject,
        node: NodeId,
        object: &NodeObject,
    ) -> DaemonPlacement {
        if let Some(known) = self.placements.get(node).copied().flatten() {
            return known;
        }
        let found = placement(model, set, node, object);
        self.place(model, node, found);
        found
    }

    fn place(&mut self, model: &Model, node: NodeId, placement: DaemonPlacement) {
        if self.placements.is_empty() {
            self.placements = model.nodes.ids().map(|_| None).collect();
        }
        self.placements[node] = Some(placement);
    }
}

/// What a DaemonSet makes of a node as it is now.
fn placement(
    model: &Model,
    set: &DaemonSetObject,
    node: NodeId,
    object: &NodeObject,
) -> DaemonPlacement {
    let spec = object.spec.as_deref().unwrap_or(&model.nodes[node]);
    daemon_placement(model, &model.templates[set.template], spec, &object.taints)
}

/// The nodes that a DaemonSet's pods belong on in a cluster as it is.
#[must_use]
pub fn daemon_nodes(
    model: &Model,
    set: &DaemonSetObject,
    nodes: &IdVec<NodeId, NodeObject>,
) -> Vec<NodeId> {
    let fit = |node: NodeId| placement(model, set, node, &nodes[node]).run;
    nodes.ids().filter(|node| fit(*node)).collect()
}

fn spec_of(model: &Model, workload: WorkloadId) -> DaemonSpec {
    let update = match model.workloads[workload].own {
        KindSpec::DaemonSet(DaemonSetUpdate::RollingUpdate { max_surge, max_unavailable }) => {
            DaemonUpdate::RollingUpdate { max_surge, max_unavailable }
        }
        KindSpec::DaemonSet(DaemonSetUpdate::OnDelete) => DaemonUpdate::OnDelete,
        KindSpec::Plain | KindSpec::StatefulSet(_) | KindSpec::Job(_) | KindSpec::CronJob(_) => {
            unreachable!("the workload is a DaemonSet")
        }
    };
    DaemonSpec { update, min_ready: model.workloads[workload].min_ready }
}

/// A DaemonSet's pods by the nodes they are meant for.
fn by_node(
    now: SimTime,
    cache: &Informers,
    (workload, set): (WorkloadId, &DaemonSetObject),
) -> BTreeMap<NodeId, Vec<DaemonPod>> {
    let mut pods: BTreeMap<NodeId, Vec<DaemonPod>> = BTreeMap::new();
    for (id, pod) in cache.pods_of_workload(workload) {
        let Some(node) = pod.node.or(pod.pinned) else { continue };
        pods.entry(node).or_default().push(DaemonPod {
            id,
            bound: pod.node.is_some(),
            created: pod.created,
            phase: pod.status.phase,
            ready_for: ready_for(now, pod),
            updated: pod.template == set.template,
            terminating: pod.termination.is_some(),
        });
    }
    pods
}

/// Tells of a pod that has ended and goes.
fn notice(
    cx: &mut Cx<'_>,
    cache: &Informers,
    workload: WorkloadId,
    (pod, removal): (PodId, DaemonRemoval),
) {
    let Some(object) = cache.pod(pod) else { return };
    let node = object.node.or(object.pinned);
    let node = node.map_or("", |node| cx.model.nodes[node].name.as_str());
    let namespace = &cx.model.namespaces[cx.model.workloads[workload].namespace].name;
    let name = cx.model.pod_name(&object.identity());
    let told = daemon_removal_message(removal, (namespace, &name), node);
    if let Some((warning, reason, message)) = told {
        let kind = (warning, reason, "daemonset-controller");
        cx.kube_event(Involved::Workload(workload), kind, |_, _| message);
    }
}
