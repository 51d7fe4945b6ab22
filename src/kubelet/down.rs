//! A kubelet whose process is gone, or whose container runtime does not answer. Containers run on;
//! nobody starts, stops or probes them.
//!
//! A kubelet that is back lists the runtime's containers and its pods: those that are to go are
//! stopped, those that have died meanwhile are started again, and the others are as ready as they
//! were until their probes say otherwise. Back-off records went with its memory.
//!
//! Fidelity: without a kubelet the kernel kills nothing for want of memory on the node. A stop that
//! was under way when the kubelet went begins anew with the full grace period.

use super::Kubelets;
use super::backoff::Backoff;
use super::container::{Activity, Probe, Process};
use super::node_status::RELIST_THRESHOLD;
use super::pod::{Stage, Work};
use super::pressure;
use super::probe::ProbeWorker;
use super::shutdown;
use super::worker::Worker;
use crate::cx::Cx;
use crate::model::{NodeId, ProbeKind};
use crate::state::PodReason;

impl Kubelets {
    /// The kubelet's process is gone.
    pub(super) fn stopped(&mut self, cx: &mut Cx<'_>, id: NodeId) {
        let node = &mut self.nodes[id];
        if !node.up {
            return;
        }
        node.up = false;
        node.epoch += 1;
        if node.shutdown.take().is_some() {
            shutdown::let_go(cx, id);
        }
        node.images.abort();
        for pod in node.pods.clone() {
            self.with(cx, pod, |worker| worker.lose_kubelet());
        }
    }

    /// The container runtime does not answer.
    pub(super) fn runtime_lost(&mut self, cx: &mut Cx<'_>, id: NodeId) {
        let node = &mut self.nodes[id];
        node.runtime_missed = Some(cx.now.saturating_add(RELIST_THRESHOLD));
        node.images.abort();
        for pod in node.pods.clone() {
            self.with(cx, pod, |worker| worker.lose_runtime());
        }
        self.plan_status(cx, id, cx.now.saturating_add(RELIST_THRESHOLD));
    }

    /// The container runtime answers again.
    pub(super) fn runtime_back(&mut self, cx: &mut Cx<'_>, id: NodeId) {
        let node = &mut self.nodes[id];
        node.runtime_missed = None;
        if !node.up {
            return;
        }
        for pod in node.pods.clone() {
            self.with(cx, pod, |worker| worker.regain_runtime());
        }
        if !cx.state.api.nodes[id].ready.is_true() {
            self.node_update(cx, id);
        }
    }

    /// A kubelet that has started watches what its containers use.
    pub(super) fn watch_usage(&mut self, cx: &mut Cx<'_>, id: NodeId) {
        pressure::plan(cx, id, &mut self.nodes[id]);
    }
}

impl Worker<'_, '_> {
    /// Whether the kubelet can tell the runtime what to do.
    pub(super) fn reaches_runtime(&self) -> bool {
        self.node.up && self.node.runtime_missed.is_none()
    }

    fn lose_kubelet(&mut self) {
        self.pod.epoch += 1;
        self.pod.sync_at = None;
        self.drop_work();
        for index in self.positions() {
            for probe in &mut self.container(index).probes {
                probe.epoch += 1;
                probe.activity = Activity::Ended;
            }
        }
    }

    fn lose_runtime(&mut self) {
        if self.pod.work == Work::Sandbox {
            self.pod.epoch += 1;
            self.pod.sync_at = None;
        }
        if !matches!(self.pod.work, Work::Hook(_)) {
            self.drop_work();
        }
    }

    /// What the pod worker was waiting for will not come.
    fn drop_work(&mut self) {
        if let Work::Starting(index) | Work::Pulling(index) = self.pod.work {
            self.container(index).epoch += 1;
        }
        self.pod.work = Work::Idle;
    }

    fn regain_runtime(&mut self) {
        let now = self.cx.now;
        let grace = match self.pod.stage {
            Stage::Active => self.template().termination_grace,
            Stage::Stopping | Stage::Stopped => self.pod.grace,
        };
        for index in self.positions() {
            let container = self.container(index);
            let Some(stopping) = container.stopping.filter(|_| container.is_running()) else {
                self.wake_probes(index);
                continue;
            };
            if !stopping.signalled {
                self.stop(index, grace);
            } else if container.kill_at <= now {
                self.kill(index);
            }
        }
        if self.pod.stage == Stage::Stopping {
            self.stop_next_sidecar();
        }
        self.sync_at_relist();
    }

    /// The kubelet is back and finds the pod's sandbox up.
    pub(super) fn resume(&mut self) {
        let object = self.cx.state.api.pods[self.pod.id];
        self.pod.deleting = object.gone || object.termination.is_some();
        self.find_alive();
        if self.pod.stage == Stage::Stopping {
            self.pod.stage = Stage::Active;
            self.pod.rejected = PodReason::None;
        }
        if object.gone {
            self.begin_termination(self.template().termination_grace);
        } else if let Some(termination) = object.termination {
            self.begin_termination(termination.grace);
        } else if self.pod.stage == Stage::Active && self.is_past_deadline() {
            self.fail_at_deadline();
        } else if object.status.phase.is_terminal() && self.pod.stage == Stage::Active {
            self.finish();
        } else {
            self.advance();
        }
        self.refresh();
        if object.status.ready.status != self.pod.status.ready.status {
            self.send_status();
        }
    }

    /// The kubelet sees the containers as they are.
    fn find_alive(&mut self) {
        let now = self.cx.now;
        for index in self.positions() {
            let spec = self.spec(index);
            let container = self.container(index);
            let was_ready = container.is_ready() && container.is_running();
            let same = container.seen_instance == container.instances;
            let was_started = container.started && same;
            container.seen = container.process;
            container.seen_instance = container.instances;
            container.noticed_at = now;
            container.opened_at = now;
            container.started = container.is_running() && (was_started || spec.startup.is_none());
            container.stopping = None;
            container.in_backoff = false;
            container.backoff = Backoff::default();
            container.retry_at = now;
            container.image_missing = false;
            container.config_missing = false;
            container.pulls = None;
            let instance = container.instances;
            for probe in &mut container.probes {
                let kind = probe.worker.kind();
                let worker = if kind == ProbeKind::Readiness && was_ready {
                    ProbeWorker::taken_over(kind, instance)
                } else {
                    ProbeWorker::new(kind)
                };
                let (epoch, draws) = (probe.epoch + 1, probe.draws);
                *probe = Probe { epoch, draws, ..Probe::new(worker, now) };
            }
            if self.container(index).process != Process::Waiting {
                self.spread_probes(index);
            }
            self.wake_probes(index);
        }
    }
}
