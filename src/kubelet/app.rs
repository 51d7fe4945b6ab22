//! The application inside a container: starts up, serves, fails and recovers by itself.
//!
//! Its health is a piecewise constant function of time: between two changes there are no events.
//! Every draw is addressed by the pod, the container's position and a count that belongs to the
//! thing (restart, renewal), so that policies compared meet the same failures.

use super::outcome::Condition;
use crate::base::time::{SimDuration, SimTime};
use crate::model::{
    AppBehaviour, FailureMode, FailureProcess, FaultId, FaultKind, Model, Onset, Recovers,
};
use crate::rng::{Stream, StreamKind, Streams};

/// Where a container's random numbers stand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address {
    /// The pod's address.
    pub(crate) pod: u64,
    /// Container position in the pod.
    pub(crate) container: u8,
}

impl Address {
    /// The stream of a kind at the block of this container and a count.
    pub(crate) fn stream(self, streams: &Streams, kind: StreamKind, count: u32) -> Stream {
        let mut stream = streams.stream(kind, self.pod);
        stream.seek(u64::from(self.container) << 32 | u64::from(count));
        stream
    }

    /// The draws of one failure process of the container: the `renewal`-th onset, then how long.
    fn failure(self, streams: &Streams, process: u8, renewal: u32) -> Stream {
        let mut stream = streams.stream(StreamKind::ContainerFailure, self.pod);
        let place = u64::from(self.container) << 8 | u64::from(process);
        stream.seek(place << 32 | u64::from(renewal));
        stream
    }
}

/// The draw at position `index` of a block.
fn draw(mut stream: Stream, index: u32) -> Stream {
    for _ in 0..index {
        stream.next_u64();
    }
    stream
}

/// What the application needs to know to move on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AppContext<'a> {
    /// The input.
    pub(crate) model: &'a Model,
    /// Random streams.
    pub(crate) streams: &'a Streams,
    /// What the application does by itself.
    pub(crate) behaviour: &'a AppBehaviour,
    /// Where its random numbers stand.
    pub(crate) address: Address,
    /// Now.
    pub(crate) now: SimTime,
}

/// How an application ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Death {
    /// The process exits with this code.
    Exit(i32),
    /// The kernel kills it at its memory limit.
    OutOfMemory,
}

/// What the application's own failure processes are doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Starting up.
    Starting,
    /// No failure of its own.
    Healthy,
    /// The failure process with this index acts.
    Failing(u8),
}

/// The application in one container. Failures of its own follow one another: while one acts the
/// others wait, and all are drawn anew when it ends. An injected fault acts beside them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct App {
    stage: Stage,
    /// The failure process whose onset is next, while healthy.
    next: u8,
    /// A failure that nothing ends, once it has begun.
    stuck: Option<u8>,
    /// How often it has become healthy.
    renewals: u32,
    /// When the stage changes by itself; [`SimTime::MAX`] for never.
    until: SimTime,
    /// An injected fault.
    fault: Option<FaultId>,
    /// When a leak of its own reaches the limit.
    own_oom: SimTime,
    /// When the injected fault's leak does.
    fault_oom: SimTime,
}

impl App {
    /// An application that does not run yet.
    pub(crate) fn new() -> Self {
        Self {
            stage: Stage::Starting,
            next: 0,
            stuck: None,
            renewals: 0,
            until: SimTime::MAX,
            fault: None,
            own_oom: SimTime::MAX,
            fault_oom: SimTime::MAX,
        }
    }

    /// The process starts; it can serve after `startup`.
    pub(crate) fn start(&mut self, now: SimTime, startup: SimDuration) {
        self.stage = Stage::Starting;
        self.until = now.saturating_add(startup);
        self.own_oom = SimTime::MAX;
        self.fault_oom = SimTime::MAX;
    }

    /// The process has been serving for long: its failures are armed now.
    pub(crate) fn settle(&mut self, cx: &AppContext<'_>) -> Option<Death> {
        self.become_healthy(cx, Some(SimTime::ZERO))
    }

    /// When the next change happens by itself.
    pub(crate) fn next_change(&self) -> SimTime {
        self.until.min(self.own_oom).min(self.fault_oom)
    }

    /// Whether start-up is over.
    pub(crate) fn is_up(&self) -> bool {
        self.stage != Stage::Starting
    }

    /// Makes the change that is due now; `started_at` is the start of this instance.
    pub(crate) fn change(&mut self, cx: &AppContext<'_>, started_at: SimTime) -> Option<Death> {
        if self.own_oom.min(self.fault_oom) <= cx.now {
            return Some(Death::OutOfMemory);
        }
        if self.until > cx.now {
            return None;
        }
        match self.stage {
            Stage::Starting => {
                let death = self.become_healthy(cx, Some(started_at));
                death.or_else(|| self.strike(cx))
            }
            Stage::Healthy => self.fail(cx, self.next, cx.now),
            Stage::Failing(_) => {
                self.own_oom = SimTime::MAX;
                self.become_healthy(cx, None)
            }
        }
    }

    /// An injected fault begins: `fault` holds until it ends, across restarts.
    pub(crate) fn fault_begins(&mut self, cx: &AppContext<'_>, fault: FaultId) -> Option<Death> {
        self.fault = Some(fault);
        if self.is_up() { self.strike(cx) } else { None }
    }

    /// An injected fault ends.
    pub(crate) fn fault_ends(&mut self, fault: FaultId) {
        if self.fault == Some(fault) {
            self.fault = None;
            self.fault_oom = SimTime::MAX;
        }
    }

    /// Whether this fault acts on it.
    pub(crate) fn has_fault(&self, fault: FaultId) -> bool {
        self.fault == Some(fault)
    }

    /// What is wrong: a failure of its own and an injected one, as far as there are.
    pub(crate) fn conditions<'a>(&self, cx: &AppContext<'a>) -> [Option<Condition<'a>>; 2] {
        let own = match self.stage {
            Stage::Starting => return [Some(Condition::Starting), None],
            Stage::Healthy => None,
            Stage::Failing(process) => {
                Some(Condition::Failing(&cx.behaviour.failures[usize::from(process)].mode))
            }
        };
        let injected = self.fault_mode(cx.model).map(Condition::Failing);
        match (own, injected) {
            (None, None) => [Some(Condition::Healthy), None],
            (own, injected) => [own, injected],
        }
    }

    /// Whether what is wrong would have gone by itself: start-up going on, a failure or an
    /// injected fault of limited length, or nothing at all.
    pub(crate) fn would_recover(&self, cx: &AppContext<'_>) -> bool {
        let own = match self.stage {
            Stage::Starting => self.stuck.is_none(),
            Stage::Healthy => true,
            Stage::Failing(process) => {
                matches!(cx.behaviour.failures[usize::from(process)].recovers, Recovers::After(_))
            }
        };
        let injected = self.fault.is_none_or(|fault| cx.model.faults[fault].lasts_s.is_some());
        own && injected
    }

    fn fault_mode<'a>(&self, model: &'a Model) -> Option<&'a FailureMode> {
        match &model.faults[self.fault?].kind {
            FaultKind::ContainerFault { mode, .. } => Some(mode),
            FaultKind::ZoneOutage { .. }
            | FaultKind::NodeCrash { .. }
            | FaultKind::SchedulerCrash
            | FaultKind::ControllerManagerCrash => None,
        }
    }

    /// The injected fault hits a process that is up.
    fn strike(&mut self, cx: &AppContext<'_>) -> Option<Death> {
        match self.fault_mode(cx.model)? {
            FailureMode::Crash { exit_code } => Some(Death::Exit(*exit_code)),
            FailureMode::Leak { to_oom } => {
                self.fault_oom = cx.now.saturating_add(*to_oom);
                None
            }
            FailureMode::Hang
            | FailureMode::Deadlock
            | FailureMode::Slow { .. }
            | FailureMode::ErrorRate { .. }
            | FailureMode::Refuse
            | FailureMode::DependencyLost
            | FailureMode::Starve { .. } => None,
        }
    }

    /// Start-up or a failure is over: finds the failure that comes next. A dated failure
    /// that struck since `since` has been waiting for the start-up to end.
    fn become_healthy(&mut self, cx: &AppContext<'_>, since: Option<SimTime>) -> Option<Death> {
        if let Some(process) = self.stuck {
            return self.fail(cx, process, cx.now);
        }
        self.stage = Stage::Healthy;
        self.renewals += 1;
        self.until = SimTime::MAX;
        for (index, process) in (0..=u8::MAX).zip(&cx.behaviour.failures) {
            let onset = self.next_onset(cx, index, process, since);
            if onset < self.until {
                self.until = onset;
                self.next = index;
            }
        }
        if self.until <= cx.now { self.fail(cx, self.next, self.until) } else { None }
    }

    /// When a failure process strikes next, now at the earliest; [`SimTime::MAX`] for never.
    fn next_onset(
        &self,
        cx: &AppContext<'_>,
        index: u8,
        process: &FailureProcess,
        since: Option<SimTime>,
    ) -> SimTime {
        match (&process.onset, &process.recovers) {
            (Onset::Every(service), _) => {
                let mut stream = cx.address.failure(cx.streams, index, self.renewals);
                cx.now.saturating_add(service.sample_duration(&mut stream))
            }
            (&Onset::At(at), _) if at > cx.now => at,
            (&Onset::At(at), Recovers::Never) => at.min(cx.now),
            (&Onset::At(at), _)
                if since.is_some_and(|since| at >= since)
                    && self.recovery(cx, index, at) > cx.now =>
            {
                at
            }
            (Onset::At(_), Recovers::OnRestart | Recovers::After(_)) => SimTime::MAX,
        }
    }

    /// When a failure that began at `onset` ends by itself.
    fn recovery(&self, cx: &AppContext<'_>, process: u8, onset: SimTime) -> SimTime {
        let failure = &cx.behaviour.failures[usize::from(process)];
        match &failure.recovers {
            Recovers::OnRestart | Recovers::Never => SimTime::MAX,
            Recovers::After(length) => {
                let renewal = match failure.onset {
                    Onset::At(_) => 0,
                    Onset::Every(_) => self.renewals,
                };
                let mut stream = draw(cx.address.failure(cx.streams, process, renewal), 1);
                onset.saturating_add(length.sample_duration(&mut stream))
            }
        }
    }

    /// A failure process strikes; `onset` is when it did.
    fn fail(&mut self, cx: &AppContext<'_>, process: u8, onset: SimTime) -> Option<Death> {
        let failure = &cx.behaviour.failures[usize::from(process)];
        self.stage = Stage::Failing(process);
        if failure.recovers == Recovers::Never {
            self.stuck = Some(process);
        }
        self.until = self.recovery(cx, process, onset);
        match failure.mode {
            FailureMode::Crash { exit_code } => Some(Death::Exit(exit_code)),
            FailureMode::Leak { to_oom } => {
                self.own_oom = cx.now.saturating_add(to_oom);
                None
            }
            FailureMode::Hang
            | FailureMode::Deadlock
            | FailureMode::Slow { .. }
            | FailureMode::ErrorRate { .. }
            | FailureMode::Refuse
            | FailureMode::DependencyLost
            | FailureMode::Starve { .. } => None,
        }
    }
}
