//! The kubelets of all nodes: they admit pods, start and restart their containers, probe them,
//! stop them, and report what they see.
//!
//! A kubelet knows the pods bound to its node as the API server has them, and its containers as
//! PLEG lists them; what an application really does it learns only through probes and exits.
//! Kubelets know nothing of schedulers and controllers. One pod worker per pod does one thing at a
//! time; image pulls are serial per node.
//!
//! Fidelity: a kubelet reads the pod object as it is when a change is delivered, not as it was
//! when it changed.

mod actions;
mod app;
mod arrival;
mod backoff;
mod configs;
mod container;
mod deadline;
mod down;
mod eviction;
mod faults;
mod gates;
mod hooks;
mod images;
mod node;
mod node_status;
mod outcome;
mod phase;
mod pod;
mod power;
mod pressure;
mod probe;
mod probing;
mod pulling;
mod qos;
mod shutdown;
mod start;
mod status;
mod termination;
mod usage;
mod worker;

pub use self::actions::{
    Instance, Kill, PodActions, ProbeVerdict, RuntimeState, Sandbox, SyncedPod, WantedContainer,
    pod_actions,
};
pub use self::eviction::{EvictionCandidate, Shortage, eviction_order, is_met, outlasts_grace};
pub use self::phase::{
    ContainerReport, ContainerState, PodCondition, Reports, containers_ready, initialized, phase,
    ready,
};
pub use self::pod::Role;
pub use self::qos::{Claims, QosClass, is_node_critical, oom_score_adjust, qos_class};

pub(crate) use self::backoff::{Backoff, Limits};
pub(crate) use self::container::{Activity, Probe};
pub(crate) use self::probe::{ProbeWorker, Sighting, Step, Verdict};

use self::node::{Node, RELIST_PERIOD};
use self::pod::{Pod, Work};
use self::pressure::{Manager, PERIOD as EVICTION_PERIOD};
use self::worker::Worker;
use crate::base::id::IdVec;
use crate::base::time::{SimDuration, SimTime};
use crate::cx::Cx;
use crate::event::{Event, KubeletEvent};
use crate::model::{FaultId, Model, NodeId, PodId};
use crate::rng::{StreamKind, Streams};

/// The kubelets of all nodes.
#[derive(Debug)]
pub struct Kubelets {
    nodes: IdVec<NodeId, Node>,
    /// By pod id; absent for pods that no kubelet knows (any more).
    pods: Vec<Option<Box<Pod>>>,
    /// Faults at work that strike containers which start meanwhile as well.
    lasting: Vec<FaultId>,
}

impl Kubelets {
    /// Kubelets that are up and have no pods; each lists its containers in a phase of its own.
    #[must_use]
    pub fn new(model: &Model, streams: &Streams) -> Self {
        let mut nodes = IdVec::with_capacity(model.nodes.len());
        for spec in model.nodes.values() {
            let phase =
                streams.stream(StreamKind::PlegPhase, spec.address).below(RELIST_PERIOD.as_nanos());
            let mut node = Node::new(SimDuration::from_nanos(phase));
            let period = EVICTION_PERIOD.as_nanos();
            let phase = streams.stream(StreamKind::EvictionPhase, spec.address).below(period);
            node.manager = Manager::new(SimTime::from_nanos(phase));
            for &(image, _) in &spec.images {
                node.images.add(image);
            }
            nodes.push(node);
        }
        Self { nodes, pods: Vec::new(), lasting: Vec::new() }
    }

    /// Handles one event.
    pub fn handle(&mut self, cx: &mut Cx<'_>, event: KubeletEvent) {
        match event {
            KubeletEvent::PodUpdate { pod } => self.pod_update(cx, pod),
            KubeletEvent::PowerLost { node } => self.power_lost(cx, node),
            KubeletEvent::Started { node } => self.started(cx, node),
            KubeletEvent::NodeUpdate { node } => self.node_update(cx, node),
            KubeletEvent::Connected { node } => self.connected(cx, node),
            KubeletEvent::NodeStatus { node, epoch } => self.node_status(cx, node, epoch),
            KubeletEvent::EvictionPass { node, epoch } => self.eviction_pass(cx, node, epoch),
            KubeletEvent::NodeOutOfMemory { node, epoch } => self.out_of_memory(cx, node, epoch),
            KubeletEvent::ContainerFault { fault, begins } => self.fault(cx, fault, begins),
            KubeletEvent::PullDone { node, epoch } => self.pull_done(cx, node, epoch),
            KubeletEvent::Registry => self.registry_changed(cx),
            KubeletEvent::Stopped { node } => self.stopped(cx, node),
            KubeletEvent::Replaced { node } => self.replaced(cx, node),
            KubeletEvent::RuntimeLost { node } => self.runtime_lost(cx, node),
            KubeletEvent::RuntimeBack { node } => self.runtime_back(cx, node),
            KubeletEvent::GateOpened { pod, gate } => self.gate_opened(cx, pod, gate),
            KubeletEvent::ShutDown { node } => self.shut_down(cx, node),
            KubeletEvent::ShutdownStep { node, epoch } => self.shutdown_step(cx, node, epoch),
            KubeletEvent::Deadline { pod } => self.deadline(cx, pod),
            KubeletEvent::SandboxReady { pod, epoch }
            | KubeletEvent::Sync { pod, epoch }
            | KubeletEvent::Cleaned { pod, epoch } => {
                if self.pod(pod).is_some_and(|p| p.epoch == epoch) {
                    self.with(cx, pod, |worker| pod_event(worker, event));
                }
            }
            KubeletEvent::ContainerStarted { pod, container, epoch }
            | KubeletEvent::HookDone { pod, container, epoch }
            | KubeletEvent::AppChange { pod, container, epoch }
            | KubeletEvent::Exit { pod, container, epoch }
            | KubeletEvent::Terminate { pod, container, epoch }
            | KubeletEvent::Kill { pod, container, epoch } => {
                let current = |p: &Pod| p.containers[usize::from(container)].epoch == epoch;
                if self.pod(pod).is_some_and(current) {
                    self.with(cx, pod, |worker| container_event(worker, event));
                }
            }
            KubeletEvent::Probe { pod, container, kind, epoch } => {
                self.with(cx, pod, |worker| worker.tick(container, kind, epoch));
            }
            KubeletEvent::ProbeResult { pod, container, kind, epoch } => {
                self.with(cx, pod, |worker| worker.timed_out(container, kind, epoch));
            }
        }
    }

    fn pod(&self, pod: PodId) -> Option<&Pod> {
        self.pods.get(pod.index())?.as_deref()
    }

    /// Lets a pod's worker work, if the kubelet knows the pod; forgets the pod if it is done.
    fn with(&mut self, cx: &mut Cx<'_>, id: PodId, work: impl FnOnce(&mut Worker<'_, '_>)) {
        let Some(slot) = self.pods.get_mut(id.index()) else { return };
        let Some(mut pod) = slot.take() else { return };
        let node = &mut self.nodes[pod.node];
        work(&mut Worker { cx, node, pod: &mut pod });
        if pod.forgotten {
            node.remove(id);
        } else {
            self.pods[id.index()] = Some(pod);
        }
    }

    fn insert(&mut self, pod: Box<Pod>) {
        let index = pod.id.index();
        if self.pods.len() <= index {
            self.pods.resize_with(index + 1, || None);
        }
        self.nodes[pod.node].add(pod.id);
        self.pods[index] = Some(pod);
    }

    fn pull_done(&mut self, cx: &mut Cx<'_>, id: NodeId, epoch: u32) {
        let node = &mut self.nodes[id];
        if node.images.epoch() != epoch {
            return;
        }
        let Some((pull, done)) = node.images.complete() else { return };
        begin_pull(cx, id, node);
        self.with(cx, pull.pod, |worker| worker.pull_over(&pull, done));
        if !done {
            return;
        }
        let waiting = |kubelets: &Self, pod: PodId| {
            let missing = |p: &Pod| p.containers.iter().any(|c| c.image_missing);
            kubelets.pod(pod).is_some_and(missing)
        };
        for pod in self.nodes[id].pods.clone() {
            if waiting(self, pod) {
                self.with(cx, pod, |worker| worker.sync());
            }
        }
    }

    /// What registries offer has changed: pulls under way end earlier or later.
    fn registry_changed(&mut self, cx: &mut Cx<'_>) {
        for (id, node) in self.nodes.iter_mut() {
            change_pull(cx, id, node);
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the caller sorts the events")]
fn pod_event(worker: &mut Worker<'_, '_>, event: KubeletEvent) {
    match event {
        KubeletEvent::SandboxReady { .. } if worker.pod.work == Work::Sandbox => {
            worker.sandbox_ready();
        }
        KubeletEvent::Sync { .. } => worker.sync(),
        KubeletEvent::Cleaned { .. } => worker.cleaned(),
        _ => {}
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the caller sorts the events")]
fn container_event(worker: &mut Worker<'_, '_>, event: KubeletEvent) {
    match event {
        KubeletEvent::ContainerStarted { container, .. } => worker.container_started(container),
        KubeletEvent::HookDone { container, .. } => worker.hook_done(container),
        KubeletEvent::AppChange { container, .. } => worker.app_change(container),
        KubeletEvent::Exit { container, .. } => worker.exit(container),
        KubeletEvent::Terminate { container, .. } => worker.terminate(container),
        KubeletEvent::Kill { container, .. } => worker.kill(container),
        _ => {}
    }
}

/// Starts the pull at the head of a node's queue, if there is one.
fn begin_pull(cx: &mut Cx<'_>, id: NodeId, node: &mut Node) {
    let Some(pull) = node.images.current() else { return };
    let size = cx.model.images[pull.image].size_bytes;
    let registry = node.slowed_registry(cx.state.truth.registry(cx.model, pull.image));
    let Some(ends) = node.images.begin(cx.now, size, registry) else { return };
    let epoch = node.images.epoch();
    cx.at(ends, Event::Kubelet(KubeletEvent::PullDone { node: id, epoch }));
}

/// What the registry or the node gives to the pull under way has changed: it ends earlier or later.
fn change_pull(cx: &mut Cx<'_>, id: NodeId, node: &mut Node) {
    let Some(pull) = node.images.current() else { return };
    let registry = node.slowed_registry(cx.state.truth.registry(cx.model, pull.image));
    if let Some(ends) = node.images.change(cx.now, registry) {
        let event = KubeletEvent::PullDone { node: id, epoch: node.images.epoch() };
        cx.at(ends, Event::Kubelet(event));
    }
}

#[cfg(test)]
mod tests;
