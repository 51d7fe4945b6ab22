//! One container of a pod on its node.

use super::app::App;
use super::backoff::Backoff;
use super::probe::{ProbeWorker, Sighting, Verdict};
use super::pulling::PullRecord;
use crate::base::time::SimTime;
use crate::model::{ContainerSpec, ProbeKind};
use crate::record::ExitCause;

/// Whether there is a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Process {
    /// Not created in this sandbox yet.
    Waiting,
    /// It runs.
    Running,
    /// It has exited.
    Exited,
}

/// Why the kubelet is stopping a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stopping {
    /// What to record when it is gone.
    pub(crate) cause: ExitCause,
    /// What was wrong would have gone by itself.
    pub(crate) unneeded: bool,
    /// SIGTERM has been sent.
    pub(crate) signalled: bool,
}

/// What a probe worker is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activity {
    /// Its ticks would change nothing: none is scheduled.
    Asleep,
    /// The next tick is scheduled.
    Ticking,
    /// An execution that runs into its time-out is under way.
    Executing,
    /// The worker has ended.
    Ended,
}

/// A probe worker and where it stands in time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probe {
    /// The state machine.
    pub(crate) worker: ProbeWorker,
    /// What it is doing.
    pub(crate) activity: Activity,
    /// An immediate round was asked for while an execution was under way.
    pub(crate) triggered: bool,
    /// The last execution ran into its time-out.
    pub(crate) timed_out: bool,
    /// While asleep: executions run into their time-out, one after another.
    pub(crate) times_out: bool,
    /// Events of an earlier plan are stale.
    pub(crate) epoch: u32,
    /// Random outcomes drawn.
    pub(crate) draws: u32,
    /// Ticks lie at this instant plus whole periods.
    pub(crate) anchor: SimTime,
    /// The tick that is scheduled, while ticking.
    pub(crate) due: SimTime,
    /// When the last tick began.
    pub(crate) last_tick: Option<SimTime>,
}

impl Probe {
    /// A worker that begins to tick at `anchor`.
    pub(crate) fn new(worker: ProbeWorker, anchor: SimTime) -> Self {
        Self {
            worker,
            activity: Activity::Asleep,
            triggered: false,
            timed_out: false,
            times_out: false,
            epoch: 0,
            draws: 0,
            anchor,
            due: anchor,
            last_tick: None,
        }
    }
}

/// A container: the truth about its process, and what the kubelet knows of it.
#[derive(Debug)]
pub(crate) struct Container {
    /// Its application.
    pub(crate) app: App,
    /// Its probe workers.
    pub(crate) probes: Box<[Probe]>,
    /// When the current or last instance started.
    pub(crate) started_at: SimTime,
    /// When the last instance finished.
    pub(crate) finished_at: SimTime,
    /// When the kubelet noticed the current state of the process. A probe's tick at the same
    /// instant still sees what was before, whichever of the two is handled first.
    pub(crate) noticed_at: SimTime,
    /// When the container became started, likewise.
    pub(crate) opened_at: SimTime,
    /// When SIGKILL falls due.
    pub(crate) kill_at: SimTime,
    /// The wake-up that is scheduled for its next start: at the end of its back-off, or after one
    /// that failed.
    pub(crate) retry_at: SimTime,
    /// CrashLoopBackOff record.
    pub(crate) backoff: Backoff,
    /// Moves on with every plan: events of an earlier one are stale.
    pub(crate) epoch: u32,
    /// Instances created so far.
    pub(crate) instances: u32,
    /// Exit code of the last instance.
    pub(crate) exit_code: i32,
    /// The truth.
    pub(crate) process: Process,
    /// The same as the kubelet has it: it learns of changes when PLEG lists the containers.
    pub(crate) seen: Process,
    /// The instance that `seen` is about: the one that runs may be another already.
    pub(crate) seen_instance: u32,
    /// Its startup probe has passed, or it has none and is seen running.
    pub(crate) started: bool,
    /// It waits in CrashLoopBackOff.
    pub(crate) in_backoff: bool,
    /// Its image is absent and must not be pulled.
    pub(crate) image_missing: bool,
    /// A ConfigMap or Secret for its environment is not there.
    pub(crate) config_missing: bool,
    /// Failed pulls of its image, kept by the first container of the pod that uses it.
    pub(crate) pulls: Option<Box<PullRecord>>,
    /// The kubelet is stopping it.
    pub(crate) stopping: Option<Stopping>,
}

impl Container {
    /// A container not yet created; its probe workers tick from `now` on.
    pub(crate) fn new(spec: &ContainerSpec, now: SimTime) -> Self {
        let kinds = [ProbeKind::Startup, ProbeKind::Liveness, ProbeKind::Readiness];
        let probes = kinds
            .into_iter()
            .filter(|&kind| spec.probe(kind).is_some())
            .map(|kind| Probe::new(ProbeWorker::new(kind), now))
            .collect();
        Self {
            app: App::new(spec.behaviour.failures.len()),
            probes,
            started_at: now,
            finished_at: now,
            noticed_at: now,
            opened_at: now,
            kill_at: SimTime::MAX,
            retry_at: SimTime::ZERO,
            backoff: Backoff::default(),
            epoch: 0,
            instances: 0,
            exit_code: 0,
            process: Process::Waiting,
            seen: Process::Waiting,
            seen_instance: 0,
            started: false,
            in_backoff: false,
            image_missing: false,
            config_missing: false,
            pulls: None,
            stopping: None,
        }
    }

    /// Restarts so far: instances beyond the first.
    pub(crate) fn restarts(&self) -> u32 {
        self.instances.saturating_sub(1)
    }

    /// Whether there is a process.
    pub(crate) fn is_running(&self) -> bool {
        self.process == Process::Running
    }

    /// Position of the worker of a kind.
    pub(crate) fn probe_index(&self, kind: ProbeKind) -> Option<usize> {
        self.probes.iter().position(|probe| probe.worker.kind() == kind)
    }

    /// Whether the kubelet counts it as ready: running, started and its readiness probe, if there
    /// is one, has passed.
    pub(crate) fn is_ready(&self) -> bool {
        self.seen == Process::Running
            && self.started
            && self.probe_index(ProbeKind::Readiness).is_none_or(|index| {
                self.probes[index].worker.published(self.instances) == Verdict::Success
            })
    }

    /// The container as its probe workers see it at a tick of their own at `now`.
    pub(crate) fn sighting(&self, now: SimTime, deleting: bool) -> Sighting {
        let noticed = self.seen != Process::Waiting && now > self.noticed_at;
        Sighting {
            started: self.started && now > self.opened_at,
            ..self.seen_by(noticed, deleting)
        }
    }

    /// The same for a round that the kubelet asked for: it knows what the kubelet knows.
    pub(crate) fn sighting_when_triggered(&self, deleting: bool) -> Sighting {
        self.seen_by(self.seen != Process::Waiting, deleting)
    }

    /// Fidelity: a probe that meets a process which has died, before PLEG says so within a second,
    /// finds nothing; the kubelet's would fail.
    fn seen_by(&self, noticed: bool, deleting: bool) -> Sighting {
        let died = self.seen == Process::Running && !self.is_running();
        Sighting {
            instance: if noticed && !died { self.seen_instance } else { 0 },
            running: self.seen == Process::Running,
            started: self.started,
            started_at: self.started_at,
            deleting,
        }
    }
}
