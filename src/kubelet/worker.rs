//! The pod worker: brings a pod from what it is to what it should be, one step at a time, and
//! reports its status. It holds one pod and its node for the length of one event.

use super::actions::{
    self, Instance, ProbeVerdict, RuntimeState, Sandbox, SyncedPod, WantedContainer,
};
use super::app::{Address, AppContext};
use super::backoff::{self, Limits};
use super::container::{Container, Process};
use super::node::Node;
use super::outcome::Condition;
use super::pod::{self, Pod, Role, Stage, Work};
use super::status;
use crate::base::time::SimTime;
use crate::cx::Cx;
use crate::event::{Event, KubeletEvent};
use crate::model::{ContainerSpec, PodTemplate, ProbeKind};
use crate::record::{Fact, Involved};
use crate::rng::StreamKind;
use crate::state::{Client, Request};

/// One pod at work.
#[derive(Debug)]
pub(crate) struct Worker<'a, 'c> {
    pub(crate) cx: &'a mut Cx<'c>,
    pub(crate) node: &'a mut Node,
    pub(crate) pod: &'a mut Pod,
}

/// What the worker should do next.
enum Next {
    /// Start this container.
    Start(u8),
    /// Wait for something to happen.
    Wait,
    /// Everything is done: stop what still runs.
    Finish,
}

impl<'c> Worker<'_, 'c> {
    /// The pod's template.
    pub(crate) fn template(&self) -> &'c PodTemplate {
        &self.cx.model.templates[self.pod.template]
    }

    /// A container's declaration.
    pub(crate) fn spec(&self, index: u8) -> &'c ContainerSpec {
        pod::spec(self.template(), index)
    }

    /// What a container is for.
    pub(crate) fn role(&self, index: u8) -> Role {
        pod::role(self.template(), index)
    }

    /// A container.
    pub(crate) fn container(&mut self, index: u8) -> &mut Container {
        &mut self.pod.containers[usize::from(index)]
    }

    /// Positions of all containers.
    pub(crate) fn positions(&self) -> impl Iterator<Item = u8> + use<> {
        0..pod::count(self.template())
    }

    /// Where a container's random numbers stand.
    pub(crate) fn address(&self, index: u8) -> Address {
        Address { pod: self.pod.address, container: index }
    }

    /// What a container's application needs to move on.
    pub(crate) fn app_context(&self, index: u8) -> AppContext<'c> {
        AppContext {
            model: self.cx.model,
            streams: self.cx.streams,
            behaviour: &self.spec(index).behaviour,
            address: self.address(index),
            now: self.cx.now,
        }
    }

    /// Keeps a Kubernetes event about the pod.
    pub(crate) fn event(
        &mut self,
        (warning, reason): (bool, &'static str),
        message: impl FnOnce() -> String,
    ) {
        let about = Involved::Pod(self.pod.id);
        self.cx.kube_event(about, (warning, reason, "kubelet"), |_, _| message());
    }

    /// Schedules a sync at PLEG's next list.
    pub(crate) fn sync_at_relist(&mut self) {
        self.sync_at(self.node.next_relist(self.cx.now));
    }

    /// Schedules a sync.
    pub(crate) fn sync_at(&mut self, at: SimTime) {
        if self.node.up && self.pod.sync_at != Some(at) {
            self.pod.sync_at = Some(at);
            let (pod, epoch) = (self.pod.id, self.pod.epoch);
            self.cx.at(at, Event::Kubelet(KubeletEvent::Sync { pod, epoch }));
        }
    }

    /// Looks at the containers, if PLEG does so now, and takes the next step.
    pub(crate) fn sync(&mut self) {
        if self.pod.sync_at == Some(self.cx.now) {
            self.pod.sync_at = None;
        }
        if self.node.runtime_missed.is_some() {
            return;
        }
        if self.node.relists(self.cx.now) {
            self.notice();
        }
        match self.pod.stage {
            Stage::Active => self.advance(),
            Stage::Stopping => self.check_stopped(),
            Stage::Stopped => {}
        }
        self.refresh();
    }

    /// PLEG's list: the kubelet sees its containers as they are.
    fn notice(&mut self) {
        // While its postStart hook runs, a container has not been started as far as the pod goes.
        let (now, hooked) = (self.cx.now, self.pod.work);
        for index in self.positions() {
            let has_startup_probe = self.spec(index).startup.is_some();
            let container = self.container(index);
            if container.seen == container.process || hooked == Work::Hook(index) {
                continue;
            }
            container.seen = container.process;
            container.seen_instance = container.instances;
            container.noticed_at = now;
            container.started = container.seen == Process::Running && !has_startup_probe;
            container.opened_at = now;
            self.wake_probes(index);
        }
    }

    /// Takes steps until one takes time.
    pub(crate) fn advance(&mut self) {
        let idle = self.pod.stage == Stage::Active && self.pod.work == Work::Idle;
        if !idle || !self.node.up || self.node.runtime_missed.is_some() {
            return;
        }
        if !self.pod.has_sandbox {
            if !self.is_left_dead() && self.volumes_are_set_up() {
                self.make_sandbox();
            }
            return;
        }
        while self.pod.work == Work::Idle {
            match self.next_step() {
                Next::Start(index) => self.prepare(index),
                Next::Wait => return,
                Next::Finish => {
                    self.finish();
                    return;
                }
            }
        }
    }

    fn next_step(&mut self) -> Next {
        let template = self.template();
        let containers: Vec<WantedContainer<'_>> =
            self.positions().map(|index| self.wanted(index)).collect();
        let actions = actions::pod_actions(&SyncedPod {
            policy: template.restart_policy,
            deleting: false,
            sandbox: Sandbox::Ready(0),
            containers: &containers,
        });
        if actions.kill_pod {
            return Next::Finish;
        }
        self.pod.initialized |= actions.initialized;
        for &index in &actions.init_to_start {
            if self.may_start(index) {
                return Next::Start(index);
            }
            if pod::role(template, index) == Role::Init {
                return Next::Wait;
            }
        }
        for &index in &actions.to_start {
            if self.may_start(index) {
                return Next::Start(index);
            }
        }
        Next::Wait
    }

    /// A container as a sync of the pod finds it: the runtime tells of those of this sandbox.
    fn wanted(&self, index: u8) -> WantedContainer<'c> {
        let (spec, container) = (self.spec(index), &self.pod.containers[usize::from(index)]);
        let gone = container.process == Process::Exited && container.seen == Process::Exited;
        // The sync that kills a container for its probe starts it again as well.
        let killed = gone && container.stopping.is_some();
        let verdict = |failed: bool, passed: bool| match (failed, passed) {
            (true, _) => Some(ProbeVerdict::Failure),
            (false, true) => Some(ProbeVerdict::Success),
            (false, false) => None,
        };
        let state = if gone && !killed { RuntimeState::Exited } else { RuntimeState::Running };
        WantedContainer {
            name: &spec.name,
            place: index,
            role: self.role(index),
            has_startup_probe: spec.startup.is_some(),
            has_liveness_probe: spec.liveness.is_some() || killed,
            instance: (container.process != Process::Waiting).then_some(Instance {
                state,
                exit_code: container.exit_code,
                definition_changed: false,
                liveness: verdict(killed, false),
                startup: verdict(killed, container.started),
            }),
        }
    }

    /// Whether a container is to be started now. One that must wait for its back-off gets a
    /// wake-up.
    fn may_start(&mut self, index: u8) -> bool {
        let (now, policy) = (self.cx.now, self.template().restart_policy);
        let role = self.role(index);
        let has_image = self.node.images.has(self.spec(index).image);
        let container = self.container(index);
        if (container.image_missing && !has_image)
            || (container.config_missing && container.retry_at > now)
        {
            return false;
        }
        match container.process {
            Process::Running => false,
            Process::Waiting => self.may_pull(index),
            Process::Exited if container.seen != Process::Exited => false,
            Process::Exited if !pod::restarts(policy, role, container) => false,
            Process::Exited => {
                let limits = Limits::new(self.cx.model.recovery.crash_loop_backoff);
                let container = self.container(index);
                let allowed = container.backoff.allowed_at(&limits, container.finished_at, now);
                if allowed <= now {
                    return self.may_pull(index);
                }
                self.wait_for_backoff(index, allowed);
                false
            }
        }
    }

    fn wait_for_backoff(&mut self, index: u8, allowed: SimTime) {
        let now = self.cx.now;
        let is_new = !self.container(index).in_backoff;
        self.container(index).in_backoff = true;
        if self.container(index).retry_at > now {
            return;
        }
        let curve = &self.cx.model.recovery.crash_loop_backoff;
        let count = self.container(index).instances;
        let mut luck =
            self.address(index).stream(self.cx.streams, StreamKind::KubeletJitter, count);
        let wait = backoff::sleep(curve, allowed.saturating_since(now), luck.uniform());
        self.container(index).retry_at = now.saturating_add(wait);
        let retry_at = self.container(index).retry_at;
        self.sync_at(retry_at);
        if is_new {
            let (name, model) = (&self.spec(index).name, self.cx.model);
            let identity = self.cx.state.api.pods[self.pod.id].identity();
            self.event((true, "BackOff"), || {
                let namespace =
                    &model.namespaces[model.templates[identity.template].namespace].name;
                let pod = model.pod_name(&identity);
                format!("Back-off restarting failed container {name} in pod {pod}_{namespace}")
            });
        }
    }

    /// Gives readiness probes of containers that have started but are not ready an immediate
    /// round, and reports the status if it changed.
    pub(crate) fn refresh(&mut self) {
        for index in self.positions() {
            let container = self.container(index);
            if container.started
                && container.seen == Process::Running
                && !container.is_ready()
                && let Some(probe) = container.probe_index(ProbeKind::Readiness)
            {
                self.trigger(index, probe);
            }
        }
        self.report();
    }

    /// Reports the status if it changed since the last report.
    pub(crate) fn report(&mut self) {
        let status = status::status(self.pod, self.template(), self.cx.now);
        if status == self.pod.status {
            return;
        }
        self.pod.status = status;
        self.send_status();
        if status.containers_ready.is_true() {
            self.settle_gates();
        }
    }

    /// Sends the status to the API server, unless the object is gone.
    pub(crate) fn send_status(&mut self) {
        let pod = self.pod.id;
        if self.node.up && !self.cx.state.api.pods[pod].gone {
            let status = self.pod.status;
            let client = Client::Kubelet(self.pod.node);
            self.cx.request(client, Request::PodStatus { pod, status });
        }
    }

    /// States the fact if the pod began or ceased to serve its users.
    pub(crate) fn update_serving(&mut self) {
        let serving = self.positions().filter(|&i| self.role(i) == Role::Main).all(|index| {
            let container = &self.pod.containers[usize::from(index)];
            let mut conditions = container.app.conditions(&self.app_context(index));
            container.is_running() && conditions.all(Condition::serves)
        });
        if serving != self.pod.serving {
            self.pod.serving = serving;
            self.cx.fact(Fact::PodServing { pod: self.pod.id, serving });
        }
    }
}
