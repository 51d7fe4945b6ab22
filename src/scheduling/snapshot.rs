//! What the scheduler knows of nodes and of the pods that are bound (or assumed) to them.
//!
//! Amounts that every decision reads stand in dense rows of integers ([`NodeLoad`]); pods on a
//! node are also counted by class, so that rules over pods cost the number of classes, not of
//! pods.

use std::sync::Arc;

use super::changes::{Change, ChangeLog};
use super::node_tree::NodeTree;
use super::storage::{Provisioned, StorageState, place_of};
use crate::base::id::{IdSet, IdVec};
use crate::base::time::SimTime;
use crate::model::{
    HostPort, ImageId, Model, NodeId, NodeSpec, PodId, ResourceId, Taint, TemplateId,
};

/// The amounts of one node that almost every decision reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeLoad {
    /// Allocatable CPU, milli-cores.
    pub allocatable_cpu_milli: i64,
    /// Allocatable memory, bytes.
    pub allocatable_memory_bytes: i64,
    /// Allocatable ephemeral storage, bytes.
    pub allocatable_ephemeral_bytes: i64,
    /// Allocatable number of pods.
    pub allocatable_pods: i64,
    /// CPU requested by the node's pods, milli-cores.
    pub requested_cpu_milli: i64,
    /// Memory requested, bytes.
    pub requested_memory_bytes: i64,
    /// Ephemeral storage requested, bytes.
    pub requested_ephemeral_bytes: i64,
    /// Number of pods.
    pub pods: i64,
    /// CPU sum with 100m for each container that names none, milli-cores (scores only).
    pub score_cpu_milli: i64,
    /// Memory sum with 200 MiB likewise, bytes (scores only).
    pub score_memory_bytes: i64,
}

impl NodeLoad {
    /// The same load on a node that offers what `spec` says.
    fn offering(self, spec: &NodeSpec) -> Self {
        Self {
            allocatable_cpu_milli: spec.allocatable.cpu_milli,
            allocatable_memory_bytes: spec.allocatable.memory_bytes,
            allocatable_ephemeral_bytes: spec.allocatable.ephemeral_bytes,
            allocatable_pods: spec.allocatable.pods,
            ..self
        }
    }
}

/// A pod on a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoundPod {
    /// The pod.
    pub pod: PodId,
    /// Its class.
    pub template: TemplateId,
    /// Its priority.
    pub priority: i32,
    /// It is being deleted but still holds its room.
    pub terminating: bool,
    /// It is being deleted to make room (condition `DisruptionTarget`, `PreemptionByScheduler`).
    pub preempted: bool,
    /// `status.startTime`; a pod without one counts as started now, which is later than any.
    pub started: SimTime,
}

impl BoundPod {
    /// A pod that has just come: not started, not being deleted.
    #[must_use]
    pub fn new(pod: PodId, template: TemplateId, priority: i32) -> Self {
        let started = SimTime::MAX;
        Self { pod, template, priority, terminating: false, preempted: false, started }
    }
}

/// Pods of one class on one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassCount {
    /// The class.
    pub template: TemplateId,
    /// Pods, terminating ones included.
    pub pods: u32,
    /// Pods that are not terminating.
    pub live: u32,
}

/// The rest of what is known of one node.
#[derive(Clone, Debug, Default)]
pub struct NodeRow {
    /// Scalar resources requested by the node's pods, sorted by id.
    pub requested_scalars: Vec<(ResourceId, i64)>,
    /// Its pods: in the order in which they came, but the last takes the place of one that goes.
    pub pods: Vec<BoundPod>,
    /// Its pods by class, sorted by class.
    pub classes: Vec<ClassCount>,
    /// Host ports in use.
    ///
    /// Fidelity: a set, as in kube-scheduler. Of two pods that hold one port (pods that bypassed
    /// the scheduler may) the first to go frees it, until the other is updated.
    pub ports: Vec<HostPort>,
    /// Taints, the declared ones first.
    pub taints: Vec<Taint>,
    /// `spec.unschedulable`.
    pub unschedulable: bool,
    /// Moves on at every change of the node or its pods.
    pub generation: u64,
}

impl NodeRow {
    /// How much of a scalar resource the node's pods request.
    #[must_use]
    pub fn requested_scalar(&self, id: ResourceId) -> i64 {
        match self.requested_scalars.binary_search_by_key(&id, |entry| entry.0) {
            Ok(at) => self.requested_scalars[at].1,
            Err(_) => 0,
        }
    }
}

/// How an image is spread over the nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImageSpread {
    /// Its size as the first node that came with it tells, bytes.
    pub size_bytes: i64,
    /// Present nodes that have it.
    pub nodes: u32,
}

const NOWHERE: u32 = u32::MAX;

/// The scheduler's view of the cluster.
#[derive(Clone, Debug)]
pub struct Snapshot {
    loads: IdVec<NodeId, NodeLoad>,
    rows: IdVec<NodeId, NodeRow>,
    /// Labels and amounts of nodes that are no longer as declared.
    specs: IdVec<NodeId, Option<Arc<NodeSpec>>>,
    /// Nodes in the order in which their labels changed.
    relabelled: Vec<NodeId>,
    present: IdSet<NodeId>,
    tree: NodeTree,
    /// Place of each present node in the node list.
    positions: IdVec<NodeId, u32>,
    /// Place of each node among all nodes sorted by name.
    name_ranks: IdVec<NodeId, u32>,
    /// Node of each pod, by pod id.
    node_of: Vec<u32>,
    /// Pods of each class on all nodes, terminating ones included.
    totals: IdVec<TemplateId, u32>,
    images: IdVec<ImageId, ImageSpread>,
    storage: StorageState,
    generation: u64,
    changes: ChangeLog,
}

impl Snapshot {
    /// A snapshot in which no node is present yet.
    #[must_use]
    pub fn new(model: &Model) -> Self {
        let mut by_name: Vec<NodeId> = model.nodes.ids().collect();
        by_name.sort_by(|&a, &b| {
            model.nodes[a].name.as_bytes().cmp(model.nodes[b].name.as_bytes()).then(a.cmp(&b))
        });
        let mut name_ranks: IdVec<NodeId, u32> = model.nodes.ids().map(|_| 0).collect();
        for (rank, &node) in (0..).zip(&by_name) {
            name_ranks[node] = rank;
        }
        Self {
            loads: model.nodes.values().map(|spec| NodeLoad::default().offering(spec)).collect(),
            rows: model.nodes.ids().map(|_| NodeRow::default()).collect(),
            specs: model.nodes.ids().map(|_| None).collect(),
            relabelled: Vec::new(),
            present: IdSet::with_capacity(model.nodes.len()),
            tree: NodeTree::default(),
            positions: model.nodes.ids().map(|_| NOWHERE).collect(),
            name_ranks,
            node_of: Vec::new(),
            totals: model.templates.ids().map(|_| 0).collect(),
            images: model.images.ids().map(|_| ImageSpread::default()).collect(),
            storage: StorageState::new(&model.storage),
            generation: 0,
            changes: ChangeLog::new(model.nodes.len()),
        }
    }

    /// What has changed, for those who keep up with it.
    #[must_use]
    pub(crate) fn changes(&self) -> &ChangeLog {
        &self.changes
    }

    /// A snapshot in which every node of the model is present as declared.
    #[must_use]
    pub fn of_declared(model: &Model) -> Self {
        let mut snapshot = Self::new(model);
        for (node, spec) in model.nodes.iter() {
            snapshot.add_node(model, node, &spec.taints, spec.unschedulable);
        }
        snapshot.refresh();
        snapshot
    }

    /// Claims and volumes.
    #[must_use]
    #[inline]
    pub fn storage(&self) -> &StorageState {
        &self.storage
    }

    /// Claims and volumes, to be changed. Decisions on pods with volumes are worked out anew each
    /// time, so nobody has to be told.
    pub fn storage_mut(&mut self) -> &mut StorageState {
        &mut self.storage
    }

    /// The volume that is made for a pod of a node: it is reached from the node's zone, or from
    /// everywhere if the node is in none.
    #[must_use]
    pub fn volume_made_for(&self, model: &Model, node: NodeId) -> Provisioned {
        place_of(model, &self.spec(model, node).labels)
    }

    /// Takes over claims and volumes as they are.
    pub fn set_storage(&mut self, storage: StorageState) {
        self.storage = storage;
    }

    /// Adds a node as it is now; pods already placed there count from now on.
    pub fn add_node(&mut self, model: &Model, node: NodeId, taints: &[Taint], unschedulable: bool) {
        if self.present.insert(node) {
            let spec = self.specs[node].as_deref().unwrap_or(&model.nodes[node]);
            self.tree.add(model, node, &spec.labels);
            for &(image, size_bytes) in &spec.images {
                let spread = &mut self.images[image];
                if spread.nodes == 0 {
                    spread.size_bytes = size_bytes;
                }
                spread.nodes += 1;
            }
            self.changes.nodes_changed();
        }
        self.update_node(node, taints, unschedulable);
    }

    /// Removes a node from the list. What is known of its pods stays until they go.
    pub fn remove_node(&mut self, model: &Model, node: NodeId) {
        if self.present.remove(node) {
            self.tree.remove(node);
            for &(image, _) in &self.specs[node].as_deref().unwrap_or(&model.nodes[node]).images {
                self.images[image].nodes -= 1;
            }
            self.changes.nodes_changed();
            self.touch(node);
        }
    }

    /// Replaces a node's labels and allocatable amounts; `None` is as declared. Its taints and
    /// `spec.unschedulable` are those of [`NodeRow`], whatever `spec` says.
    pub fn set_spec(&mut self, model: &Model, node: NodeId, spec: Option<Arc<NodeSpec>>) {
        if self.specs[node] == spec {
            return;
        }
        let before = std::mem::replace(&mut self.specs[node], spec);
        let before = before.as_deref().unwrap_or(&model.nodes[node]);
        let after = self.specs[node].as_deref().unwrap_or(&model.nodes[node]);
        if before.images != after.images && self.present.contains(node) {
            for &(image, _) in &before.images {
                self.images[image].nodes -= 1;
            }
            for &(image, size_bytes) in &after.images {
                let spread = &mut self.images[image];
                if spread.nodes == 0 {
                    spread.size_bytes = size_bytes;
                }
                spread.nodes += 1;
            }
            self.changes.nodes_changed();
        }
        if before.labels != after.labels {
            self.relabelled.push(node);
            if self.present.contains(node) {
                self.tree.relabel(model, node, &after.labels);
            }
            self.changes.nodes_changed();
        }
        self.loads[node] = self.loads[node].offering(after);
        self.changes.push(Change::Node(node));
        self.touch(node);
    }

    /// Replaces a node's taints and `spec.unschedulable`.
    pub fn update_node(&mut self, node: NodeId, taints: &[Taint], unschedulable: bool) {
        let row = &mut self.rows[node];
        if row.taints != taints {
            row.taints.clear();
            row.taints.extend_from_slice(taints);
        }
        row.unschedulable = unschedulable;
        self.changes.push(Change::Node(node));
        self.touch(node);
    }

    /// Puts a pod onto a node.
    ///
    /// # Panics
    /// If the pod is on a node already.
    pub fn add_pod(&mut self, model: &Model, node: NodeId, pod: PodId, template: TemplateId) {
        let spec = &model.templates[template];
        if self.node_of.len() <= pod.index() {
            self.node_of.resize(pod.index() + 1, NOWHERE);
        }
        assert_eq!(self.node_of[pod.index()], NOWHERE, "{pod:?} is on a node already");
        self.node_of[pod.index()] =
            u32::try_from(node.index()).expect("ids are numbers of 32 bits");
        self.occupy(model, node, BoundPod::new(pod, template, spec.priority));
        self.totals[template] += 1;
        self.changes.push(Change::Pods { node, template, pods: 1, live: 1 });
        self.touch(node);
    }

    /// Takes a pod off its node; tells which it was.
    pub fn remove_pod(&mut self, model: &Model, pod: PodId) -> Option<NodeId> {
        let node = self.node_of(pod)?;
        self.node_of[pod.index()] = NOWHERE;
        let bound = self.vacate(model, node, pod);
        self.totals[bound.template] -= 1;
        let live = -i8::from(!bound.terminating);
        self.changes.push(Change::Pods { node, template: bound.template, pods: -1, live });
        self.touch(node);
        Some(node)
    }

    /// A bound pod was updated, and is of this class now.
    ///
    /// As in kube-scheduler's cache it leaves its node and comes back, so that it is the last of
    /// the node's pods and holds its ports again.
    pub fn update_pod(&mut self, model: &Model, pod: PodId, template: TemplateId) {
        let Some(node) = self.node_of(pod) else { return };
        let row = &mut self.rows[node];
        let at = row.pods.iter().position(|bound| bound.pod == pod).expect("its node lists it");
        let spec = &model.templates[template];
        let unchanged = row.pods[at].template == template
            && spec.host_ports.iter().all(|port| row.ports.contains(port));
        if unchanged {
            let bound = row.pods.swap_remove(at);
            row.pods.push(bound);
            return;
        }
        let bound = self.vacate(model, node, pod);
        self.totals[bound.template] -= 1;
        self.occupy(model, node, BoundPod { template, priority: spec.priority, ..bound });
        self.totals[template] += 1;
        let live = i8::from(!bound.terminating);
        for (template, sign) in [(bound.template, -1), (template, 1)] {
            self.changes.push(Change::Pods { node, template, pods: sign, live: live * sign });
        }
        self.touch(node);
    }

    /// Notes when a bound pod was started.
    pub fn set_started(&mut self, pod: PodId, started: SimTime) {
        if let Some(bound) = self.bound_mut(pod) {
            bound.started = started;
        }
    }

    /// Notes that a bound pod is being deleted to make room for another.
    pub fn mark_preempted(&mut self, pod: PodId) {
        if let Some(bound) = self.bound_mut(pod) {
            bound.preempted = true;
        }
    }

    fn bound_mut(&mut self, pod: PodId) -> Option<&mut BoundPod> {
        let node = self.node_of(pod)?;
        self.rows[node].pods.iter_mut().find(|bound| bound.pod == pod)
    }

    /// Notes that a bound pod is being deleted.
    pub fn mark_terminating(&mut self, pod: PodId) {
        let Some(node) = self.node_of(pod) else { return };
        let row = &mut self.rows[node];
        let bound = row.pods.iter_mut().find(|bound| bound.pod == pod).expect("its node lists it");
        if bound.terminating {
            return;
        }
        bound.terminating = true;
        let template = bound.template;
        let at = row
            .classes
            .binary_search_by_key(&template, |class| class.template)
            .expect("a pod's class is counted on its node");
        row.classes[at].live -= 1;
        self.changes.push(Change::Pods { node, template, pods: 0, live: -1 });
        self.touch(node);
    }

    /// Rebuilds the node list if nodes came or went. To be called before a decision.
    pub fn refresh(&mut self) {
        if self.tree.refresh() {
            for (position, &node) in (0..).zip(self.tree.order()) {
                self.positions[node] = position;
            }
        }
    }

    /// The node list, in the order in which a search visits it.
    #[must_use]
    pub fn node_list(&self) -> &[NodeId] {
        self.tree.order()
    }

    /// Place of a present node in the node list.
    #[must_use]
    pub fn position(&self, node: NodeId) -> u32 {
        self.positions[node]
    }

    /// Place of a node among all nodes sorted by name.
    #[must_use]
    pub fn name_rank(&self, node: NodeId) -> u32 {
        self.name_ranks[node]
    }

    /// Whether a node is present.
    #[must_use]
    pub fn is_present(&self, node: NodeId) -> bool {
        self.present.contains(node)
    }

    /// The amounts of a node.
    #[must_use]
    #[inline]
    pub fn load(&self, node: NodeId) -> &NodeLoad {
        &self.loads[node]
    }

    /// The rest of what is known of a node.
    #[must_use]
    #[inline]
    pub fn row(&self, node: NodeId) -> &NodeRow {
        &self.rows[node]
    }

    /// A node's labels and allocatable amounts.
    #[must_use]
    #[inline]
    pub fn spec<'a>(&'a self, model: &'a Model, node: NodeId) -> &'a NodeSpec {
        self.specs[node].as_deref().unwrap_or(&model.nodes[node])
    }

    /// Nodes in the order in which their labels changed: what was worked out from labels is up to
    /// date if it has followed the whole list.
    #[must_use]
    #[inline]
    pub fn relabelled(&self) -> &[NodeId] {
        &self.relabelled
    }

    /// A pod as its node lists it.
    #[must_use]
    pub fn bound(&self, pod: PodId) -> Option<&BoundPod> {
        let row = &self.rows[self.node_of(pod)?];
        row.pods.iter().find(|bound| bound.pod == pod)
    }

    /// The node a pod is on.
    #[must_use]
    pub fn node_of(&self, pod: PodId) -> Option<NodeId> {
        let raw = *self.node_of.get(pod.index())?;
        (raw != NOWHERE).then(|| NodeId::from_index(raw as usize))
    }

    /// Pods of a class on all nodes, terminating ones included.
    #[must_use]
    pub fn class_total(&self, template: TemplateId) -> u32 {
        self.totals[template]
    }

    /// How an image is spread over the nodes.
    #[must_use]
    pub fn image_spread(&self, image: ImageId) -> ImageSpread {
        self.images[image]
    }

    fn touch(&mut self, node: NodeId) {
        self.generation += 1;
        self.rows[node].generation = self.generation;
    }

    /// What a pod takes on its node. `node_of` and the totals of classes are not touched.
    pub(super) fn occupy(&mut self, model: &Model, node: NodeId, bound: BoundPod) {
        let row = &mut self.rows[node];
        row.pods.push(bound);
        let (template, live) = (bound.template, u32::from(!bound.terminating));
        match row.classes.binary_search_by_key(&template, |class| class.template) {
            Ok(at) => {
                row.classes[at].pods += 1;
                row.classes[at].live += live;
            }
            Err(at) => row.classes.insert(at, ClassCount { template, pods: 1, live }),
        }
        for port in &model.templates[template].host_ports {
            if !row.ports.contains(port) {
                row.ports.push(*port);
            }
        }
        self.account(model, node, template, 1);
    }

    /// The reverse of [`Self::occupy`]. The last pod takes the place of the one that goes, as in
    /// kube-scheduler's cache: that order decides between equally important pods.
    pub(super) fn vacate(&mut self, model: &Model, node: NodeId, pod: PodId) -> BoundPod {
        let row = &mut self.rows[node];
        let at = row.pods.iter().position(|bound| bound.pod == pod).expect("its node lists it");
        let bound = row.pods.swap_remove(at);
        let at = row
            .classes
            .binary_search_by_key(&bound.template, |class| class.template)
            .expect("a pod's class is counted on its node");
        let class = &mut row.classes[at];
        class.pods -= 1;
        class.live -= u32::from(!bound.terminating);
        if class.pods == 0 {
            row.classes.remove(at);
        }
        let freed = &model.templates[bound.template].host_ports;
        row.ports.retain(|port| !freed.contains(port));
        self.account(model, node, bound.template, -1);
        bound
    }

    /// What is known of a node, to be put back by [`Self::restore`].
    pub(super) fn save(&self, node: NodeId) -> (NodeLoad, NodeRow) {
        (self.loads[node], self.rows[node].clone())
    }

    /// Undoes every [`Self::occupy`] and [`Self::vacate`] on a node since it was saved.
    pub(super) fn restore(&mut self, node: NodeId, (load, row): (NodeLoad, NodeRow)) {
        self.loads[node] = load;
        self.rows[node] = row;
    }

    fn account(&mut self, model: &Model, node: NodeId, template: TemplateId, sign: i64) {
        let spec = &model.templates[template];
        let load = &mut self.loads[node];
        let taken = spec.on_node();
        load.requested_cpu_milli += sign * taken.cpu_milli;
        load.requested_memory_bytes += sign * taken.memory_bytes;
        load.requested_ephemeral_bytes += sign * taken.ephemeral_bytes;
        load.pods += sign;
        load.score_cpu_milli += sign * spec.node_cpu_milli;
        load.score_memory_bytes += sign * spec.node_memory_bytes;
        let scalars = &mut self.rows[node].requested_scalars;
        for &(id, amount) in &taken.scalars {
            match scalars.binary_search_by_key(&id, |entry| entry.0) {
                Ok(at) => scalars[at].1 += sign * amount,
                Err(at) => scalars.insert(at, (id, sign * amount)),
            }
        }
    }
}
