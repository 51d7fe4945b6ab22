//! A node loses power, and comes back: its kubelet runs again what is still bound to it.

use super::Kubelets;
use super::arrival::probe_phases;
use super::container::{Activity, Container};
use super::pod::{Stage, Work};
use super::worker::Worker;
use crate::base::time::SimDuration;
use crate::cx::Cx;
use crate::model::NodeId;
use crate::record::ExitCause;

impl Kubelets {
    /// Everything on the node is gone at once; nobody is left to report it.
    pub(super) fn power_lost(&mut self, cx: &mut Cx<'_>, id: NodeId) {
        let node = &mut self.nodes[id];
        node.up = false;
        node.epoch += 1;
        node.images.abort();
        for pod in node.pods.clone() {
            self.with(cx, pod, |worker| worker.lose_power());
        }
    }

    /// The node has booted: pods whose objects still exist and are not finished run again, those
    /// being deleted are confirmed gone, and bindings missed meanwhile are heard of.
    pub(super) fn started(&mut self, cx: &mut Cx<'_>, id: NodeId) {
        self.nodes[id].up = true;
        for pod in self.nodes[id].pods.clone() {
            self.with(cx, pod, |worker| worker.boot());
        }
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
                self.exited(index, ExitCause::NodeLost, 137);
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
            return;
        }
        self.pod.stage = Stage::Active;
        self.pod.initialized = false;
        for index in self.positions() {
            self.renew(index);
        }
        self.advance();
        self.refresh();
        if object.status.ready.status != self.pod.status.ready.status {
            // The node lifecycle controller has marked it meanwhile.
            self.send_status();
        }
    }

    /// A container to be created anew in a new sandbox. Instances are counted on, the back-off
    /// record went with the kubelet's memory.
    ///
    /// Fidelity: a kubelet that has just started spreads its probe workers over their periods;
    /// those of pods bound to it in its first seconds are not spread here.
    fn renew(&mut self, index: u8) {
        let (now, spec) = (self.cx.now, self.spec(index));
        let phases = probe_phases(self.cx, self.pod, index);
        let container = self.container(index);
        let old = std::mem::replace(container, Container::new(spec, now));
        container.instances = old.instances;
        container.epoch = old.epoch + 1;
        container.app = old.app;
        for probe in &mut container.probes {
            let kind = probe.worker.kind();
            let period = spec.probe(kind).map_or(SimDuration::ZERO, |probe| probe.period);
            probe.anchor = phases.at(kind, period, now);
            probe.epoch = old.probes.iter().map(|probe| probe.epoch).max().unwrap_or(0) + 1;
        }
        self.wake_probes(index);
    }
}
