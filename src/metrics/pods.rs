//! One pod's story as the facts tell it, and what it counts for at an instant.

use super::probes::Probes;
use crate::base::time::SimTime;
use crate::model::{NodeId, PodIdentity, WorkloadId};
use crate::record::{ExitCause, Phase, PodReason};

/// The exclusive states of the series `pods{state}`, as the API server knows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PodState {
    /// Not bound.
    Unscheduled,
    /// Bound, never ready yet.
    Starting,
    /// Ready.
    Ready,
    /// Not ready, but it was once.
    Unready,
    /// Being deleted.
    Terminating,
    /// Phase `Failed`.
    Failed,
    /// Phase `Succeeded`.
    Succeeded,
}

impl PodState {
    /// All states, in the order of a pod's life.
    pub(super) const ALL: [Self; 7] = [
        Self::Unscheduled,
        Self::Starting,
        Self::Ready,
        Self::Unready,
        Self::Terminating,
        Self::Failed,
        Self::Succeeded,
    ];

    /// Label value.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Unscheduled => "unscheduled",
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Unready => "unready",
            Self::Terminating => "terminating",
            Self::Failed => "failed",
            Self::Succeeded => "succeeded",
        }
    }
}

/// The stages of `stages.csv`: where a pod is, with both the API server's view and the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Not bound.
    Pending,
    /// Bound; containers wait or are being started.
    Starting,
    /// Not ready, though its containers run or were lost with their node.
    Unready,
    /// Ready at the API server and serving in truth.
    Ready,
    /// Ready at the API server only.
    ReadyNotServing,
    /// Being deleted.
    Terminating,
}

impl Stage {
    /// As `stages.csv` says it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Starting => "starting",
            Self::Unready => "unready",
            Self::Ready => "ready",
            Self::ReadyNotServing => "ready_not_serving",
            Self::Terminating => "terminating",
        }
    }
}

/// Which containers of a pod are app containers.
#[derive(Clone, Copy, Debug)]
pub(super) struct AppContainers {
    /// Position of the first: init containers come before.
    pub(super) first: usize,
    /// How many there are.
    pub(super) count: usize,
}

/// One container of a pod, known since it first started or ended.
#[derive(Clone, Copy, Debug)]
struct ContainerTrack {
    position: u8,
    running: bool,
    restarts: u32,
    last_exit: Option<ExitCause>,
}

/// Yes-or-no facts of a pod.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PodFlags {
    /// `Ready` is `True` at the API server.
    pub(super) ready: bool,
    /// It has a deletionTimestamp.
    pub(super) terminating: bool,
    /// It can serve in truth.
    pub(super) serving: bool,
    /// A scheduling attempt within the window found no node for it.
    pub(super) unschedulable: bool,
}

/// One pod.
#[derive(Clone, Debug)]
pub(super) struct PodTrack {
    /// Workload.
    pub(super) workload: WorkloadId,
    /// Its template, and what else its name is made of.
    pub(super) identity: PodIdentity,
    /// Object created.
    pub(super) created: SimTime,
    /// Bound.
    pub(super) bound: Option<(SimTime, NodeId)>,
    /// First container started.
    pub(super) started: Option<SimTime>,
    /// First `Ready=True`.
    pub(super) first_ready: Option<SimTime>,
    /// Object gone.
    pub(super) deleted: Option<SimTime>,
    /// Phase.
    pub(super) phase: Phase,
    /// Reason.
    pub(super) reason: PodReason,
    /// Flags.
    pub(super) flags: PodFlags,
    /// What its probes say.
    pub(super) probes: Probes,
    apps: AppContainers,
    containers: Vec<ContainerTrack>,
}

/// What a pod counts for at an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PodView {
    /// Its state at the API server, absent before and after the object's life.
    pub(super) state: Option<PodState>,
    /// A ready replica at the API server: not terminating, not finished.
    pub(super) ready: bool,
    /// Serves in truth, whatever the API server says.
    pub(super) serving: bool,
    /// Bound, not terminating, not finished: where it stands.
    pub(super) placed: Option<NodeId>,
    /// Takes room on this node: bound and not finished, terminating or not.
    pub(super) holds: Option<NodeId>,
    /// Ready at the API server, though no container runs in truth.
    pub(super) lost: bool,
    /// Placed, and all its app containers run in truth.
    pub(super) running: bool,
    /// For each kind of probe, whether it misses that the pod does not serve.
    pub(super) missed: [bool; 3],
}

impl PodTrack {
    /// A pod just created.
    pub(super) fn new(
        workload: WorkloadId,
        identity: PodIdentity,
        created: SimTime,
        (apps, probes): (AppContainers, Probes),
    ) -> Self {
        Self {
            workload,
            identity,
            created,
            bound: None,
            started: None,
            first_ready: None,
            deleted: None,
            phase: Phase::Pending,
            reason: PodReason::None,
            flags: PodFlags::default(),
            probes,
            apps,
            containers: Vec::new(),
        }
    }

    /// The node it was bound to.
    pub(super) fn node(&self) -> Option<NodeId> {
        self.bound.map(|(_, node)| node)
    }

    /// Container restarts so far, over all containers.
    pub(super) fn restarts(&self) -> u32 {
        self.containers.iter().map(|container| container.restarts).sum()
    }

    /// It exists, is not finished and is not being deleted.
    pub(super) fn is_active(&self) -> bool {
        self.deleted.is_none() && !self.phase.is_terminal() && !self.flags.terminating
    }

    /// What it counts for now.
    pub(super) fn view(&self) -> PodView {
        let exists = self.deleted.is_none();
        let unfinished = exists && !self.phase.is_terminal();
        let active = self.is_active();
        let ready = active && self.flags.ready;
        let running = active && self.bound.is_some() && self.apps_run();
        PodView {
            state: exists.then(|| self.state()),
            ready,
            serving: self.flags.serving,
            placed: self.node().filter(|_| active),
            holds: self.node().filter(|_| unfinished),
            lost: ready && !self.containers.iter().any(|container| container.running),
            running,
            missed: self.probes.missing(running, self.flags.serving),
        }
    }

    /// All app containers run.
    fn apps_run(&self) -> bool {
        let apps = self.containers.iter().filter(|c| usize::from(c.position) >= self.apps.first);
        apps.filter(|container| container.running).count() >= self.apps.count
    }

    /// Its stage, absent before and after the object's life and once it is finished.
    pub(super) fn stage(&self) -> Option<Stage> {
        if self.deleted.is_some() || self.phase.is_terminal() {
            return None;
        }
        let node_lost = || {
            let mut containers = self.containers.iter();
            containers.any(|c| !c.running && c.last_exit == Some(ExitCause::NodeLost))
        };
        Some(if self.flags.terminating {
            Stage::Terminating
        } else if self.bound.is_none() {
            Stage::Pending
        } else if self.flags.ready {
            if self.flags.serving { Stage::Ready } else { Stage::ReadyNotServing }
        } else if self.apps_run() || node_lost() {
            Stage::Unready
        } else {
            Stage::Starting
        })
    }

    fn state(&self) -> PodState {
        match (self.phase, self.bound, self.first_ready) {
            (Phase::Succeeded, _, _) => PodState::Succeeded,
            (Phase::Failed, _, _) => PodState::Failed,
            _ if self.flags.terminating => PodState::Terminating,
            (_, None, _) => PodState::Unscheduled,
            _ if self.flags.ready => PodState::Ready,
            (_, Some(_), Some(_)) => PodState::Unready,
            (_, Some(_), None) => PodState::Starting,
        }
    }

    /// A container starts; the answer is why it ended before, if this is a restart.
    pub(super) fn container_started(&mut self, position: u8, restarts: u32) -> Option<ExitCause> {
        let container = self.container(position);
        container.running = true;
        container.restarts = restarts;
        container.last_exit.filter(|_| restarts > 0)
    }

    /// A container's process ends.
    pub(super) fn container_exited(&mut self, position: u8, cause: ExitCause) {
        let container = self.container(position);
        container.running = false;
        container.last_exit = Some(cause);
    }

    fn container(&mut self, position: u8) -> &mut ContainerTrack {
        let at = match self.containers.iter().position(|c| c.position == position) {
            Some(at) => at,
            None => {
                self.containers.push(ContainerTrack {
                    position,
                    running: false,
                    restarts: 0,
                    last_exit: None,
                });
                self.containers.len() - 1
            }
        };
        &mut self.containers[at]
    }
}
