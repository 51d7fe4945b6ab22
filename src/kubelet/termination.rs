//! Stopping: containers by grace, pods with all that belongs to it.

use super::container::Process;
use super::outcome::Condition;
use super::pod::{Role, Stage, Work};
use super::worker::Worker;
use crate::base::time::SimDuration;
use crate::event::{Event, KubeletEvent};
use crate::model::{Hook, ProbeKind};
use crate::record::ExitCause;
use crate::rng::StreamKind;
use crate::state::{Client, PodReason, Request};

/// Shortest grace between SIGTERM and SIGKILL (`minimumGracePeriodInSeconds`).
const LEAST_GRACE: SimDuration = SimDuration::from_secs(2);

/// From the PLEG list that finds all containers gone until the kubelet deletes the object: volumes
/// unmounted, cgroups removed. Together with PLEG's second, the 1–2 s beyond the last exit that
/// clusters show (measured 0.5–2 s; the middle is taken).
const CLEAN_UP: SimDuration = SimDuration::from_secs(1);

impl Worker<'_, '_> {
    /// A liveness or startup probe has failed for good: the container is stopped by grace.
    pub(super) fn condemn(&mut self, index: u8, kind: ProbeKind) {
        let active = self.pod.stage == Stage::Active;
        let container = self.container(index);
        if !active || !container.is_running() || container.stopping.is_some() {
            return;
        }
        let (cause, word) = match kind {
            ProbeKind::Startup => (ExitCause::StartupProbe, "startup"),
            ProbeKind::Liveness | ProbeKind::Readiness => (ExitCause::LivenessProbe, "liveness"),
        };
        let (spec, is_main) = (self.spec(index), self.role(index) == Role::Main);
        self.event((false, "Killing"), || {
            let name = &spec.name;
            if is_main {
                format!("Container {name} failed {word} probe, will be restarted")
            } else {
                format!("Init container {name} failed {word} probe")
            }
        });
        self.mark_stopping(index, cause);
        let own = spec.probe(kind).and_then(|probe| probe.termination_grace);
        let grace = own.unwrap_or(self.template().termination_grace);
        self.stop(index, grace);
    }

    /// Stops a container: preStop, SIGTERM, SIGKILL.
    pub(super) fn stop(&mut self, index: u8, grace: SimDuration) {
        let hook = match self.spec(index).pre_stop {
            Hook::None => SimDuration::ZERO,
            Hook::Takes(length) => length.min(grace),
        };
        let remaining = grace.saturating_sub(hook).max(LEAST_GRACE);
        let term_at = self.cx.now.saturating_add(hook);
        self.container(index).kill_at = term_at.saturating_add(remaining);
        if hook == SimDuration::ZERO {
            self.terminate(index);
        } else {
            let (pod, epoch) = (self.pod.id, self.container(index).epoch);
            let event = KubeletEvent::Terminate { pod, container: index, epoch };
            self.cx.at(term_at, Event::Kubelet(event));
        }
    }

    /// SIGTERM: the process exits after its shutdown time, or is killed when the grace is over.
    pub(super) fn terminate(&mut self, index: u8) {
        let (now, reached) = (self.cx.now, self.reaches_runtime());
        let context = self.app_context(index);
        let count = self.container(index).instances;
        let mut stream = self.address(index).stream(self.cx.streams, StreamKind::Shutdown, count);
        let shutdown = self.spec(index).behaviour.shutdown_s.sample_duration(&mut stream);
        let shutdown = self.node.slowed(shutdown);
        let pod = self.pod.id;
        let container = self.container(index);
        let Some(stopping) = &mut container.stopping else { return };
        if stopping.signalled || container.process != Process::Running || !reached {
            return;
        }
        stopping.signalled = true;
        let (epoch, kill_at) = (container.epoch, container.kill_at);
        let deaf = container.app.conditions(&context).any(Condition::ignores_sigterm);
        let exit_at = now.saturating_add(shutdown);
        if deaf || exit_at >= kill_at {
            let event = KubeletEvent::Kill { pod, container: index, epoch };
            self.cx.at(kill_at, Event::Kubelet(event));
        } else {
            let event = KubeletEvent::Exit { pod, container: index, epoch };
            self.cx.at(exit_at, Event::Kubelet(event));
        }
    }

    /// SIGKILL.
    pub(super) fn kill(&mut self, index: u8) {
        let (now, reached) = (self.cx.now, self.reaches_runtime());
        let container = self.container(index);
        if !reached || container.stopping.is_none() || container.kill_at > now {
            return;
        }
        let cause = self.container(index).stopping.map_or(ExitCause::Terminated, |s| s.cause);
        self.exited(index, cause, 137);
    }

    /// The pod is to go: stops everything within `grace`.
    pub(super) fn begin_termination(&mut self, grace: SimDuration) {
        if self.pod.stage == Stage::Stopped {
            self.clean_up();
            return;
        }
        if self.pod.stage == Stage::Stopping {
            self.shorten(grace);
            return;
        }
        self.stop_pod(grace);
        self.sync_at_relist();
    }

    /// All app containers are done: what still runs is stopped, the pod is finished.
    pub(super) fn finish(&mut self) {
        self.stop_pod(self.template().termination_grace);
        self.check_stopped();
    }

    /// The kubelet ends the pod: stopped within `grace`, it has failed for this reason.
    pub(super) fn fail(&mut self, reason: PodReason, grace: SimDuration) {
        if self.pod.stage == Stage::Active {
            self.pod.rejected = reason;
        }
        self.begin_termination(grace);
        self.check_stopped();
        self.report();
    }

    fn stop_pod(&mut self, grace: SimDuration) {
        let grace = grace.max(LEAST_GRACE);
        self.pod.stage = Stage::Stopping;
        self.pod.grace = grace;
        self.pod.deadline = self.cx.now.saturating_add(grace);
        self.pod.epoch += 1;
        self.pod.sync_at = None;
        self.node.images.forget(self.pod.id);
        if let Work::Starting(index) | Work::Pulling(index) = self.pod.work {
            self.container(index).epoch += 1;
        }
        self.pod.work = Work::Idle;
        for index in self.positions() {
            self.container(index).in_backoff = false;
            self.container(index).image_missing = false;
            self.container(index).config_missing = false;
            self.container(index).pulls = None;
            self.end_killing_probes(index);
            if !self.container(index).is_running() {
                continue;
            }
            let name = &self.spec(index).name;
            self.event((false, "Killing"), || format!("Stopping container {name}"));
            if self.role(index) == Role::Sidecar {
                // Its preStop hook runs now; SIGTERM waits for the app containers.
                let now = self.cx.now;
                let hook = match self.spec(index).pre_stop {
                    Hook::None => SimDuration::ZERO,
                    Hook::Takes(length) => length.min(grace),
                };
                self.container(index).kill_at = now.saturating_add(hook);
                continue;
            }
            self.restop(index, grace);
        }
        self.stop_next_sidecar();
    }

    /// Stops a container for the pod's sake, even if it is being stopped for a probe's.
    fn restop(&mut self, index: u8, grace: SimDuration) {
        match &mut self.container(index).stopping {
            Some(stopping) => {
                stopping.cause = ExitCause::Terminated;
                stopping.unneeded = false;
                self.hasten(index, grace);
            }
            None => {
                self.mark_stopping(index, ExitCause::Terminated);
                self.stop(index, grace);
            }
        }
    }

    /// A later deletion may shorten the grace period.
    fn shorten(&mut self, grace: SimDuration) {
        let grace = grace.max(LEAST_GRACE);
        if grace >= self.pod.grace {
            return;
        }
        self.pod.grace = grace;
        self.pod.deadline = self.pod.deadline.min(self.cx.now.saturating_add(grace));
        for index in self.positions() {
            if self.container(index).is_running() && self.container(index).stopping.is_some() {
                self.hasten(index, grace);
            }
        }
    }

    /// Brings SIGKILL forward.
    fn hasten(&mut self, index: u8, grace: SimDuration) {
        let kill_at = self.cx.now.saturating_add(grace);
        if kill_at < self.container(index).kill_at {
            self.container(index).kill_at = kill_at;
            let (pod, epoch) = (self.pod.id, self.container(index).epoch);
            let event = KubeletEvent::Kill { pod, container: index, epoch };
            self.cx.at(kill_at, Event::Kubelet(event));
        }
    }

    /// Once no app container runs, sidecars are stopped one at a time, the last declared first.
    pub(super) fn stop_next_sidecar(&mut self) {
        let running =
            |worker: &Self, index: u8| worker.pod.containers[usize::from(index)].is_running();
        if self.positions().any(|i| self.role(i) != Role::Sidecar && running(self, i)) {
            return;
        }
        let Some(index) = self.positions().filter(|&i| running(self, i)).last() else { return };
        if self.container(index).stopping.is_some() {
            return;
        }
        let now = self.cx.now;
        let term_at = self.container(index).kill_at.max(now);
        self.mark_stopping(index, ExitCause::Terminated);
        self.container(index).kill_at = self.pod.deadline.max(term_at.saturating_add(LEAST_GRACE));
        if term_at == now {
            self.terminate(index);
        } else {
            let (pod, epoch) = (self.pod.id, self.container(index).epoch);
            let event = KubeletEvent::Terminate { pod, container: index, epoch };
            self.cx.at(term_at, Event::Kubelet(event));
        }
    }

    /// Notices that all containers of a stopping pod are gone.
    pub(super) fn check_stopped(&mut self) {
        if self.pod.stage != Stage::Stopping || self.pod.any_running() {
            return;
        }
        self.pod.stage = Stage::Stopped;
        self.node.release(&self.template().requests);
        if self.node.shutdown.is_some() {
            let (node, epoch) = (self.pod.node, self.node.epoch);
            self.cx.at(self.cx.now, Event::Kubelet(KubeletEvent::ShutdownStep { node, epoch }));
        }
        if self.pod.deleting {
            self.clean_up();
        }
    }

    pub(super) fn clean_up(&mut self) {
        self.pod.epoch += 1;
        let (pod, epoch) = (self.pod.id, self.pod.epoch);
        self.cx.after(CLEAN_UP, Event::Kubelet(KubeletEvent::Cleaned { pod, epoch }));
    }

    /// Everything is cleaned up: the object may go.
    pub(super) fn cleaned(&mut self) {
        self.confirm_gone();
    }

    /// Tells the API server that the pod is gone from its node, and forgets it.
    pub(super) fn confirm_gone(&mut self) {
        let pod = self.pod.id;
        if !self.cx.state.api.pods[pod].gone {
            self.cx.request(Client::Kubelet(self.pod.node), Request::ConfirmPodGone { pod });
        }
        self.pod.forgotten = true;
    }
}
