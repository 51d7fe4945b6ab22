//! A node loses power, and comes back: its kubelet finds the containers of before dead in the
//! runtime, and the restart policy says which pods run again.

use super::Kubelets;
use super::container::{Activity, Container, Process};
use super::pod::{Role, Stage, Work};
use super::pressure::Manager;
use super::worker::Worker;
use crate::cx::Cx;
use crate::model::{NodeId, RestartPolicy};
use crate::record::ExitCause;
use crate::state::PodReason;

/// Exit code of a container that the runtime finds gone after a boot: nobody saw it exit.
const UNKNOWN_EXIT_CODE: i32 = 255;

impl Kubelets {
    /// Everything on the node is gone at once; nobody is left to report it.
    pub(super) fn power_lost(&mut self, cx: &mut Cx<'_>, id: NodeId) {
        let node = &mut self.nodes[id];
        node.up = false;
        node.shutdown = None;
        node.epoch += 1;
        node.images.abort();
        for pod in node.pods.clone() {
            self.with(cx, pod, |worker| worker.lose_power());
        }
    }

    /// The kubelet has started, because the node has booted or its process is back: pods whose
    /// objects still exist and are not finished go on as their restart policy says, those being
    /// deleted are confirmed gone, and bindings missed meanwhile are heard of.
    pub(super) fn started(&mut self, cx: &mut Cx<'_>, id: NodeId) {
        self.nodes[id].up = true;
        self.nodes[id].started_at = Some(cx.now);
        // Passes of another boot are stale.
        let epoch = self.nodes[id].manager.epoch() + 1;
        self.nodes[id].manager = Manager::new(cx.now).at_epoch(epoch);
        if let Some(missed) = &mut self.nodes[id].runtime_missed {
            // PLEG has yet to list anything.
            *missed = cx.now;
        }
        self.node_status(cx, id, self.nodes[id].epoch);
        for pod in self.nodes[id].pods.clone() {
            self.with(cx, pod, |worker| {
                if worker.pod.has_sandbox { worker.resume() } else { worker.boot() }
            });
        }
        self.watch_usage(cx, id);
        for pod in std::mem::take(&mut self.nodes[id].unheard) {
            self.pod_update(cx, pod);
        }
    }
}

impl Worker<'_, '_> {
    fn lose_power(&mut self) {
        self.pod.epoch += 1;
        self.pod.work = Work::Idle;
        self.pod.sync_at = None;
        self.pod.has_sandbox = false;
        for index in self.positions() {
            let container = self.container(index);
            container.epoch += 1;
            for probe in &mut container.probes {
                probe.epoch += 1;
                probe.activity = Activity::Ended;
            }
            if container.is_running() {
                self.exited(index, ExitCause::NodeLost, UNKNOWN_EXIT_CODE);
            }
        }
    }

    fn boot(&mut self) {
        let object = self.cx.state.api.pods[self.pod.id];
        let held_room = self.pod.stage != Stage::Stopped;
        if object.gone || object.termination.is_some() {
            if held_room {
                self.node.release(&self.template().requests);
            }
            self.confirm_gone();
            return;
        }
        if !held_room {
            if object.status.phase.is_terminal() {
                return;
            }
            // Nobody has heard of its end: to the kubelet that starts now it is a pod to run.
            self.pod.status = object.status.known_to_kubelets();
            self.node.reserve(&self.template().requests);
        }
        self.find_dead();
        self.pod.stage = Stage::Active;
        self.pod.rejected = PodReason::None;
        if self.is_past_deadline() {
            self.fail_at_deadline();
        } else if object.status.phase.is_terminal() || self.is_over() {
            self.finish();
        } else if !self.is_left_dead() {
            self.run_again();
        }
        self.refresh();
        if object.status.ready.status != self.pod.status.ready.status {
            // The node lifecycle controller has marked it meanwhile.
            self.send_status();
        }
    }

    /// The kubelet sees what the runtime remembers; why a container was being stopped went with
    /// the kubelet's memory.
    fn find_dead(&mut self) {
        let now = self.cx.now;
        for index in self.positions() {
            let container = self.container(index);
            container.seen = container.process;
            container.noticed_at = now;
            container.started = false;
            container.stopping = None;
            container.in_backoff = false;
            container.image_missing = false;
            container.config_missing = false;
        }
    }

    /// Whether the restart policy gives the pod no second sandbox: `Never`, once any container has
    /// been created in the first. If some never were, the pod stays as it is.
    pub(super) fn is_left_dead(&self) -> bool {
        self.template().restart_policy == RestartPolicy::Never
            && self.pod.sandboxes > 0
            && self.pod.containers.iter().any(|container| container.instances > 0)
    }

    /// Whether no container of the dead sandbox is started again and the pod has its outcome.
    fn is_over(&self) -> bool {
        let exited = |index: u8| {
            let container = &self.pod.containers[usize::from(index)];
            (container.process == Process::Exited).then_some(container.exit_code)
        };
        let mut mains = self.positions().filter(|&index| self.role(index) == Role::Main);
        let mut inits = self.positions().filter(|&index| self.role(index) == Role::Init);
        match self.template().restart_policy {
            RestartPolicy::Always => false,
            RestartPolicy::OnFailure => mains.all(|index| exited(index) == Some(0)),
            RestartPolicy::Never => {
                mains.all(|index| exited(index).is_some())
                    || inits.any(|index| exited(index).is_some_and(|code| code != 0))
            }
        }
    }

    /// Whether an app container is left as it is in a new sandbox: it has done its work.
    fn has_succeeded(&self, index: u8) -> bool {
        let container = &self.pod.containers[usize::from(index)];
        self.role(index) == Role::Main
            && self.template().restart_policy == RestartPolicy::OnFailure
            && container.process == Process::Exited
            && container.exit_code == 0
    }

    fn run_again(&mut self) {
        self.pod.initialized = false;
        for index in self.positions() {
            if !self.has_succeeded(index) {
                self.renew(index);
            }
        }
        self.advance();
    }

    /// A container to be created anew in a new sandbox. Instances are counted on, the back-off
    /// record went with the kubelet's memory.
    fn renew(&mut self, index: u8) {
        let (now, spec) = (self.cx.now, self.spec(index));
        let container = self.container(index);
        let old = std::mem::replace(container, Container::new(spec, now));
        container.instances = old.instances;
        container.epoch = old.epoch + 1;
        container.app = old.app;
        for probe in &mut container.probes {
            probe.epoch = old.probes.iter().map(|probe| probe.epoch).max().unwrap_or(0) + 1;
        }
        self.spread_probes(index);
        self.wake_probes(index);
    }
}
