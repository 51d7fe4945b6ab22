//! How pods come to a kubelet: by binding, or as part of the settled start; and what the kubelet
//! hears of them later.

use super::Kubelets;
use super::container::Process;
use super::deadline;
use super::node::Shortage;
use super::pod::{self, Pod, Role, Stage};
use super::pressure;
use super::probe::ProbeWorker;
use super::worker::Worker;
use crate::base::time::{SimDuration, SimTime};
use crate::cx::Cx;
use crate::model::{NodeId, PodId, ProbeKind};
use crate::record::{Fact, Involved};
use crate::rng::StreamKind;
use crate::state::{Client, ConditionStatus, Phase, PodReason, Request};

impl Kubelets {
    /// The watch tells of a change to a pod that is bound.
    pub(super) fn pod_update(&mut self, cx: &mut Cx<'_>, pod: PodId) {
        let object = cx.state.api.pods[pod];
        let Some(id) = object.node else { return };
        let known = self.pod(pod).is_some();
        if !self.nodes[id].up {
            if !known && !object.gone {
                self.nodes[id].miss(pod);
            }
            return;
        }
        if !cx.state.truth.is_connected(id) {
            self.nodes[id].miss(pod);
            return;
        }
        if known {
            self.known_pod(cx, pod);
        } else if object.gone {
            // It came and went unheard of.
        } else if object.termination.is_some() {
            cx.request(Client::Kubelet(id), Request::ConfirmPodGone { pod });
        } else if !object.status.phase.is_terminal() {
            self.admit(cx, pod, id);
        }
    }

    /// The kubelet is connected to the API server again: it lists its pods, and a kubelet that
    /// booted meanwhile only now hears of any.
    pub(super) fn connected(&mut self, cx: &mut Cx<'_>, id: NodeId) {
        if !self.nodes[id].up {
            self.started(cx, id);
            return;
        }
        for pod in std::mem::take(&mut self.nodes[id].unheard) {
            self.pod_update(cx, pod);
        }
        let object = &cx.state.api.nodes[id];
        let conditions = self.nodes[id].manager.conditions(object.conditions);
        if !object.ready.is_true() || conditions != object.conditions {
            self.node_update(cx, id);
        }
    }

    fn known_pod(&mut self, cx: &mut Cx<'_>, pod: PodId) {
        let object = cx.state.api.pods[pod];
        self.with(cx, pod, |worker| {
            let was_deleting = worker.pod.deleting;
            worker.pod.deleting = object.gone || object.termination.is_some();
            if object.gone {
                // A forced deletion: what still runs is an orphan and goes by the pod's own grace.
                if !was_deleting {
                    worker.begin_termination(worker.template().termination_grace);
                }
            } else if let Some(termination) = object.termination {
                worker.begin_termination(termination.grace);
            } else if object.status.ready.status != worker.pod.status.ready.status {
                // Someone else changed the condition (the node lifecycle controller does).
                // Fidelity: the kubelet notices at its reconciliation every 10 s; here at once.
                worker.send_status();
            }
        });
    }

    /// Admits a pod, or rejects it for want of room.
    pub(super) fn admit(&mut self, cx: &mut Cx<'_>, pod: PodId, id: NodeId) {
        let object = cx.state.api.pods[pod];
        let template = &cx.model.templates[object.template];
        let now = cx.now;
        let mut admitted = Box::new(Pod::new(cx.model, pod, id, &object, now));
        let allocatable = &cx.model.nodes[id].allocatable;
        if let Some(message) = pressure::refuses(cx, &self.nodes[id], template) {
            let told = (true, PodReason::Evicted.name(), "kubelet");
            cx.kube_event(Involved::Pod(pod), told, |_, _| message);
            self.refuse(cx, admitted, PodReason::Evicted);
            return;
        }
        match self.nodes[id].shortage(&template.requests, allocatable) {
            Some(shortage) => self.reject(cx, admitted, &shortage),
            None if self.nodes[id].shutdown.is_some() => {
                let told = (true, PodReason::NodeShutdown.name(), "kubelet");
                cx.kube_event(Involved::Pod(pod), told, |_, _| {
                    "Pod was rejected as the node is shutting down.".to_owned()
                });
                self.refuse(cx, admitted, PodReason::NodeShutdown);
            }
            None => {
                admitted.status.start_time = Some(now.floor_to_second());
                self.nodes[id].reserve(&template.requests);
                deadline::plan(cx, pod, template, now.floor_to_second());
                self.insert(admitted);
                self.strike_new(cx, pod, object.template, id);
                self.with(cx, pod, |worker| {
                    for index in worker.positions() {
                        worker.spread_probes(index);
                        worker.wake_probes(index);
                    }
                    worker.advance();
                    worker.refresh();
                });
            }
        }
    }

    fn reject(&mut self, cx: &mut Cx<'_>, pod: Box<Pod>, shortage: &Shortage) {
        let (id, reason) = (pod.id, shortage.reason);
        let Shortage { resource, requested, used, capacity, .. } = shortage;
        cx.kube_event(Involved::Pod(id), (true, reason.name(), "kubelet"), |_, _| {
            format!(
                "Node didn't have enough resource: {resource}, requested: {requested}, used: \
                 {used}, capacity: {capacity}"
            )
        });
        self.refuse(cx, pod, reason);
    }

    /// A pod that is not taken fails for this reason.
    fn refuse(&mut self, cx: &mut Cx<'_>, mut pod: Box<Pod>, reason: PodReason) {
        let id = pod.id;
        pod.rejected = reason;
        pod.stage = Stage::Stopped;
        self.insert(pod);
        self.with(cx, id, |worker| worker.report());
    }

    /// Takes over a pod that has been running on its node for long: the settled start. Its images
    /// are present, its containers are started and healthy, its probes have passed, and its status
    /// says so; its failure processes begin now.
    ///
    /// # Panics
    /// If the pod is not bound.
    pub fn adopt(&mut self, cx: &mut Cx<'_>, pod: PodId) {
        let object = cx.state.api.pods[pod];
        let id = object.node.expect("an adopted pod is bound");
        let template = &cx.model.templates[object.template];
        let mut adopted = Box::new(Pod::new(cx.model, pod, id, &object, cx.now));
        adopted.has_sandbox = true;
        adopted.sandboxes = 1;
        adopted.initialized = true;
        adopted.gates.fill(true);
        adopted.gates_settled = true;
        self.nodes[id].reserve(&template.requests);
        for index in 0..pod::count(template) {
            self.nodes[id].images.add(pod::spec(template, index).image);
            settle_container(cx, &mut adopted, index);
        }
        let status = &mut cx.state.api.pods[pod].status;
        status.phase = Phase::Running;
        status.reason = PodReason::None;
        for condition in [&mut status.initialized, &mut status.containers_ready, &mut status.ready]
        {
            *condition = condition.turned(ConditionStatus::True, cx.now);
        }
        status.start_time = Some(cx.now.floor_to_second());
        status.has_ip = true;
        adopted.status = status.known_to_kubelets();
        self.insert(adopted);
        deadline::plan(cx, pod, template, cx.now.floor_to_second());
        cx.fact(Fact::PodPhase { pod, phase: Phase::Running });
        cx.fact(Fact::PodReady { pod, ready: true });
        self.with(cx, pod, |worker| {
            for index in worker.positions() {
                worker.begin_settled(index);
            }
            worker.update_serving();
        });
    }
}

impl Worker<'_, '_> {
    /// A kubelet that has just started spreads its probe workers: while it has been up for less
    /// than a probe's period, the worker begins within a period from now instead of at once.
    pub(super) fn spread_probes(&mut self, index: u8) {
        let (now, spec) = (self.cx.now, self.spec(index));
        let Some(started_at) = self.node.started_at else { return };
        let phases = probe_phases(self.cx, self.pod, index);
        for probe in &mut self.container(index).probes {
            let kind = probe.worker.kind();
            let period = spec.probe(kind).map_or(SimDuration::ZERO, |probe| probe.period);
            if now.saturating_since(started_at) < period {
                probe.anchor = phases.at(kind, period, now);
            }
        }
    }
}

/// Puts a container into the state it has after running for long.
fn settle_container(cx: &mut Cx<'_>, pod: &mut Pod, index: u8) {
    let template = &cx.model.templates[pod.template];
    let spec = pod::spec(template, index);
    let runs = pod::role(template, index) != Role::Init;
    let phases = probe_phases(cx, pod, index);
    let now = cx.now;
    let container = &mut pod.containers[usize::from(index)];
    container.instances = 1;
    container.process = if runs { Process::Running } else { Process::Exited };
    container.seen = container.process;
    container.seen_instance = 1;
    container.started = runs;
    for probe in &mut container.probes {
        let kind = probe.worker.kind();
        probe.worker = ProbeWorker::passing(kind);
        let period = spec.probe(kind).map_or(SimDuration::ZERO, |probe| probe.period);
        probe.anchor = phases.at(kind, period, now);
    }
}

/// Phases of a container's three probes, as shares of their periods.
#[derive(Clone, Copy, Debug)]
struct ProbePhases([f64; 3]);

impl ProbePhases {
    /// The first tick of a probe's grid, within a period from `now`.
    fn at(self, kind: ProbeKind, period: SimDuration, now: SimTime) -> SimTime {
        let share = self.0[kind as usize];
        let wait = SimDuration::from_secs_f64(period.as_secs_f64() * share);
        now.saturating_add(wait.unwrap_or(SimDuration::ZERO))
    }
}

/// Draws the phases of a container's probes for the sandbox that the pod has or gets.
fn probe_phases(cx: &Cx<'_>, pod: &Pod, index: u8) -> ProbePhases {
    let mut stream = cx.streams.stream(StreamKind::ProbePhase, pod.address);
    stream.seek(u64::from(index) << 32 | u64::from(pod.sandboxes));
    ProbePhases([stream.uniform(), stream.uniform(), stream.uniform()])
}
