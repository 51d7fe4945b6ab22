//! Starting: sandbox, images, containers; and the life of a process until it exits.

use super::app::{Death, Work as ContainerWork};
use super::backoff::Limits;
use super::container::{Process, Stopping};
use super::pod::{Role, Stage, Work};
use super::worker::Worker;
use crate::base::time::SimTime;
use crate::event::{Event, KubeletEvent};
use crate::model::{FaultId, PullPolicy};
use crate::record::{ExitCause, Fact};
use crate::rng::StreamKind;

/// Container position under which a pod's sandbox draws its random numbers.
const SANDBOX: u8 = u8::MAX;

impl Worker<'_, '_> {
    /// Sets up sandbox and network.
    pub(super) fn make_sandbox(&mut self) {
        self.pod.work = Work::Sandbox;
        self.pod.epoch += 1;
        self.pod.sync_at = None;
        let mut stream = self.address(SANDBOX).stream(
            self.cx.streams,
            StreamKind::ContainerStartup,
            self.pod.sandboxes,
        );
        self.pod.sandboxes += 1;
        let wait = self.cx.model.control_plane.sandbox_s.sample_duration(&mut stream);
        let wait = self.node.slowed(wait);
        let (pod, epoch) = (self.pod.id, self.pod.epoch);
        self.cx.after(wait, Event::Kubelet(KubeletEvent::SandboxReady { pod, epoch }));
    }

    /// The sandbox is up.
    pub(super) fn sandbox_ready(&mut self) {
        self.pod.work = Work::Idle;
        self.pod.has_sandbox = true;
        self.advance();
    }

    /// Begins to start a container: its image first.
    pub(super) fn prepare(&mut self, index: u8) {
        let spec = self.spec(index);
        let present = self.node.images.has(spec.image);
        let image = &self.cx.model.images[spec.image].name;
        self.container(index).epoch += 1;
        self.container(index).in_backoff = false;
        self.container(index).image_missing = false;
        self.container(index).config_missing = false;
        match (spec.pull_policy, present) {
            (PullPolicy::IfNotPresent | PullPolicy::Never, true) => {
                self.event((false, "Pulled"), || {
                    format!("Container image \"{image}\" already present on machine")
                });
                self.create(index);
            }
            (PullPolicy::Never, false) => {
                // Fidelity: the kubelet tries again every 10 s; here when the image has come.
                self.container(index).image_missing = true;
                self.event((true, "ErrImageNeverPull"), || {
                    format!("Container image \"{image}\" is not present with pull policy of Never")
                });
            }
            (PullPolicy::Always, _) | (PullPolicy::IfNotPresent, false) => self.pull(index),
        }
    }

    /// Creates and starts a container whose image is here.
    pub(super) fn create(&mut self, index: u8) {
        let now = self.cx.now;
        self.note_image(index);
        if let Some(config) = self.missing_config(index) {
            self.config_is_missing(index, config);
            return;
        }
        self.pod.work = Work::Starting(index);
        let limits = Limits::new(self.cx.model.recovery.crash_loop_backoff);
        let container = self.container(index);
        if container.process == Process::Exited {
            let finished = container.finished_at;
            container.backoff.start(&limits, finished, now);
        }
        let (epoch, count) = (container.epoch, container.instances);
        let mut stream =
            self.address(index).stream(self.cx.streams, StreamKind::ContainerStartup, count);
        stream.next_u64();
        let wait = self.cx.model.control_plane.container_start_s.sample_duration(&mut stream);
        let wait = self.node.slowed(wait);
        let pod = self.pod.id;
        self.cx.after(
            wait,
            Event::Kubelet(KubeletEvent::ContainerStarted { pod, container: index, epoch }),
        );
    }

    /// A container's process runs.
    pub(super) fn container_started(&mut self, index: u8) {
        let now = self.cx.now;
        let name = &self.spec(index).name;
        self.event((false, "Created"), || format!("Created container: {name}"));
        self.event((false, "Started"), || format!("Started container {name}"));
        self.pod.work = Work::Idle;
        let count = self.container(index).instances;
        let mut stream =
            self.address(index).stream(self.cx.streams, StreamKind::ContainerStartup, count);
        let startup = self.spec(index).behaviour.startup_s.sample_duration(&mut stream);
        let startup = self.node.slowed(startup);
        let work = self.work(index, count);
        let container = self.container(index);
        container.process = Process::Running;
        container.instances += 1;
        container.started = false;
        container.started_at = now;
        container.stopping = None;
        container.app.start(now, startup, work);
        let restarts = container.restarts();
        self.usage_begins(index);
        self.cx.fact(Fact::ContainerStarted { pod: self.pod.id, container: index, restarts });
        self.plan_app(index);
        if !self.begins_hook(index) {
            self.start_is_over(index);
        }
    }

    /// What the process of a container's instance has to do before it exits by itself.
    fn work(&self, index: u8, count: u32) -> Option<ContainerWork> {
        let runs = self.spec(index).behaviour.runs.as_ref()?;
        let work = ContainerWork::drawn(runs, self.address(index), self.cx.streams, count);
        Some(ContainerWork { length: self.node.slowed(work.length), ..work })
    }

    /// A container runs, and its postStart hook is done if it has one.
    pub(super) fn start_is_over(&mut self, index: u8) {
        self.sync_at_relist();
        if self.role(index) == Role::Main {
            self.advance();
        }
    }

    /// A container that has run for long: what can go wrong with it begins now.
    pub(super) fn begin_settled(&mut self, index: u8) {
        if !self.container(index).is_running() {
            return;
        }
        let pod = self.pod.id;
        self.cx.fact(Fact::ContainerStarted { pod, container: index, restarts: 0 });
        self.usage_begins(index);
        let (context, work) = (self.app_context(index), self.work(index, 0));
        self.container(index).app.begin(context.now, work);
        let death = self.container(index).app.settle(&context);
        self.after_change(index, death);
    }

    /// Schedules the application's next change: its own, or the end of a plain init container.
    pub(super) fn plan_app(&mut self, index: u8) {
        let (pod, is_init) = (self.pod.id, self.role(index) == Role::Init);
        let container = self.container(index);
        let (at, epoch) = (container.app.next_change(), container.epoch);
        if at == SimTime::MAX {
            return;
        }
        let event = if is_init {
            KubeletEvent::Exit { pod, container: index, epoch }
        } else {
            KubeletEvent::AppChange { pod, container: index, epoch }
        };
        self.cx.at(at, Event::Kubelet(event));
    }

    /// The application changes its health by itself.
    pub(super) fn app_change(&mut self, index: u8) {
        let context = self.app_context(index);
        let container = self.container(index);
        if container.app.next_change() > context.now {
            return;
        }
        let started_at = container.started_at;
        let death = container.app.change(&context, started_at);
        self.after_change(index, death);
    }

    /// An injected fault begins or ends in a container.
    pub(super) fn fault(&mut self, index: u8, fault: FaultId, begins: bool) {
        let context = self.app_context(index);
        let container = self.container(index);
        let mut death = None;
        if begins {
            death = container.app.fault_begins(&context, fault);
        } else if container.app.has_fault(fault) {
            container.app.fault_ends(fault);
        } else {
            return;
        }
        if container.is_running() {
            self.after_change(index, death);
        }
    }

    fn after_change(&mut self, index: u8, death: Option<Death>) {
        match death {
            Some(Death::Exit(code)) => self.exited(index, ExitCause::Itself, code),
            Some(Death::OutOfMemory) => self.exited(index, ExitCause::OutOfMemory, 137),
            None => {
                self.plan_app(index);
                self.usage_grows(index);
                self.update_serving();
                self.wake_probes(index);
            }
        }
    }

    /// A process exits by itself: a plain init container is done, or SIGTERM has been heeded.
    pub(super) fn exit(&mut self, index: u8) {
        let stopping = self.container(index).stopping;
        let cause = stopping.map_or(ExitCause::Itself, |s| s.cause);
        // A program that has a work to do and is told to stop has not done it: SIGTERM ends it.
        let unfinished = stopping.is_some() && self.spec(index).behaviour.runs.is_some();
        self.exited(index, cause, if unfinished { 143 } else { 0 });
    }

    /// A process is gone.
    pub(super) fn exited(&mut self, index: u8, cause: ExitCause, code: i32) {
        let (now, pod) = (self.cx.now, self.pod.id);
        let container = self.container(index);
        container.process = Process::Exited;
        container.finished_at = now;
        container.exit_code = code;
        container.epoch += 1;
        let unneeded = container.stopping.is_some_and(|s| s.unneeded && s.cause == cause);
        self.cx.fact(Fact::ContainerExited { pod, container: index, cause, code, unneeded });
        self.usage_ends(index);
        self.update_serving();
        self.wake_probes(index);
        self.hook_is_cut_off(index);
        if cause != ExitCause::NodeLost {
            self.sync_at_relist();
            if self.pod.stage == Stage::Stopping && self.node.up {
                self.stop_next_sidecar();
            }
        }
    }

    /// Marks a container as being stopped.
    pub(super) fn mark_stopping(&mut self, index: u8, cause: ExitCause) {
        let context = self.app_context(index);
        let unneeded = matches!(cause, ExitCause::LivenessProbe | ExitCause::StartupProbe)
            && self.container(index).app.would_recover(&context);
        self.container(index).stopping = Some(Stopping { cause, unneeded, signalled: false });
    }
}
