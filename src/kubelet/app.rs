//! The application inside a container: starts up, serves, fails and recovers by itself.
//!
//! Its health is a piecewise constant function of time: between two changes there are no events.
//! Every draw is addressed by the pod, the container's position and a count that belongs to the
//! thing (restart, renewal), so that policies compared meet the same failures.

use super::outcome::Condition;
use crate::base::time::{SimDuration, SimTime};
use crate::model::{AppBehaviour, FailureMode, FaultId, FaultKind, Model, Onset, Recovers, Runs};
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
    fn failure(self, streams: &Streams, process: usize, renewal: u32) -> Stream {
        let mut stream = streams.stream(StreamKind::ContainerFailure, self.pod);
        let place = u64::from(self.container) << 8 | process as u64;
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

/// What a process has to do before it exits by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Work {
    /// How long it takes.
    pub(crate) length: SimDuration,
    /// How it ends.
    pub(crate) exit_code: i32,
}

impl Work {
    /// Draws the work of one instance of a container.
    pub(crate) fn drawn(runs: &Runs, address: Address, streams: &Streams, count: u32) -> Self {
        let mut stream = draw(address.stream(streams, StreamKind::ContainerStartup, count), 2);
        let length = runs.length_s.sample_duration(&mut stream);
        let fails = stream.uniform() < runs.fails;
        Self { length, exit_code: if fails { runs.exit_code } else { 0 } }
    }
}

/// How an application ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Death {
    /// The process exits with this code.
    Exit(i32),
    /// The kernel kills it at its memory limit.
    OutOfMemory,
}

/// One failure process of the application's own.
#[derive(Clone, Copy, Debug)]
struct Process {
    /// The failure acts; otherwise it is still to come.
    acts: bool,
    /// Nothing ends the failure any more.
    stuck: bool,
    /// How often its onset has been drawn.
    renewals: u32,
    /// When the failure begins or ends; [`SimTime::MAX`] for never.
    at: SimTime,
    /// When its leak reaches the limit.
    oom: SimTime,
    /// When the failure that acts began.
    since: SimTime,
}

/// An injected fault that acts on the application until it ends, across restarts.
#[derive(Clone, Copy, Debug)]
struct Struck {
    fault: FaultId,
    /// When its leak reaches the limit.
    oom: SimTime,
    /// When it struck the process that runs.
    since: SimTime,
}

/// The application in one container. Its failure processes and the injected faults act side by
/// side: each begins and ends on its own terms.
#[derive(Clone, Debug, Default)]
pub(crate) struct App {
    /// Start-up is over.
    up: bool,
    /// When start-up is over, while it lasts; [`SimTime::MAX`] before there is a process.
    up_at: SimTime,
    /// When the process has done its work, and with which code it exits then; [`SimTime::MAX`] where
    /// it has none.
    done: (SimTime, i32),
    processes: Box<[Process]>,
    faults: Vec<Struck>,
}

impl App {
    /// An application with so many failure processes that does not run yet.
    pub(crate) fn new(failures: usize) -> Self {
        let (at, oom) = (SimTime::MAX, SimTime::MAX);
        let since = SimTime::ZERO;
        let process = Process { acts: false, stuck: false, renewals: 0, at, oom, since };
        Self {
            up: false,
            up_at: SimTime::MAX,
            done: (SimTime::MAX, 0),
            processes: vec![process; failures].into_boxed_slice(),
            faults: Vec::new(),
        }
    }

    /// The process starts; it can serve after `startup`. Its work lasts from now on.
    pub(crate) fn start(&mut self, now: SimTime, startup: SimDuration, work: Option<Work>) {
        self.up = false;
        self.up_at = now.saturating_add(startup);
        self.begin(now, work);
    }

    /// The work of the process begins.
    pub(crate) fn begin(&mut self, now: SimTime, work: Option<Work>) {
        let done = |work: Work| (now.saturating_add(work.length), work.exit_code);
        self.done = work.map_or((SimTime::MAX, 0), done);
    }

    /// The process has been serving for long: its failures are armed now.
    pub(crate) fn settle(&mut self, cx: &AppContext<'_>) -> Option<Death> {
        self.come_up(cx, SimTime::ZERO)
    }

    /// When the next change happens by itself.
    pub(crate) fn next_change(&self) -> SimTime {
        if !self.up {
            return self.up_at.min(self.done.0);
        }
        let own = self.processes.iter().map(|process| process.at).min();
        own.unwrap_or(SimTime::MAX).min(self.oom_at()).min(self.done.0)
    }

    fn oom_at(&self) -> SimTime {
        let own = self.processes.iter().map(|process| process.oom);
        own.chain(self.faults.iter().map(|struck| struck.oom)).min().unwrap_or(SimTime::MAX)
    }

    /// Makes the change that is due now; `started_at` is the start of this instance.
    pub(crate) fn change(&mut self, cx: &AppContext<'_>, started_at: SimTime) -> Option<Death> {
        if self.next_change() > cx.now {
            return None;
        }
        if self.done.0 <= cx.now {
            return Some(Death::Exit(self.done.1));
        }
        if !self.up {
            return self.come_up(cx, started_at);
        }
        if self.oom_at() <= cx.now {
            return Some(Death::OutOfMemory);
        }
        for index in 0..self.processes.len() {
            if self.processes[index].acts && self.processes[index].at <= cx.now {
                self.renew(cx, index, None);
            }
        }
        self.fail(cx)
    }

    /// An injected fault begins: `fault` holds until it ends, across restarts.
    pub(crate) fn fault_begins(&mut self, cx: &AppContext<'_>, fault: FaultId) -> Option<Death> {
        self.fault_ends(fault);
        self.faults.push(Struck { fault, oom: SimTime::MAX, since: cx.now });
        if self.up { self.strike(cx, self.faults.len() - 1) } else { None }
    }

    /// An injected fault ends.
    pub(crate) fn fault_ends(&mut self, fault: FaultId) {
        self.faults.retain(|struck| struck.fault != fault);
    }

    /// Whether this fault acts on it.
    pub(crate) fn has_fault(&self, fault: FaultId) -> bool {
        self.faults.iter().any(|struck| struck.fault == fault)
    }

    /// Everything that is wrong: failures of its own and injected faults. Never empty.
    pub(crate) fn conditions<'a>(
        &self,
        cx: &AppContext<'a>,
    ) -> impl Iterator<Item = Condition<'a>> + use<'a, '_> {
        let (model, failures, up) = (cx.model, &cx.behaviour.failures, self.up);
        let own =
            self.processes.iter().zip(failures).filter(move |(process, _)| up && process.acts);
        let own = own.map(|(_, failure)| Condition::Failing(&failure.mode));
        let injected = self.faults.iter().filter(move |_| up);
        let injected = injected.filter_map(move |struck| fault_mode(model, struck.fault));
        let calm = self.faults.is_empty() && self.processes.iter().all(|process| !process.acts);
        let otherwise = match (up, calm) {
            (false, _) => Some(Condition::Starting),
            (true, true) => Some(Condition::Healthy),
            (true, false) => None,
        };
        otherwise.into_iter().chain(own).chain(injected.map(Condition::Failing))
    }

    /// What grows because of what is wrong, and since when.
    pub(crate) fn growths<'a>(
        &self,
        cx: &AppContext<'a>,
    ) -> impl Iterator<Item = (&'a FailureMode, SimTime)> + use<'a, '_> {
        let (model, up) = (cx.model, self.up);
        let own = self.processes.iter().zip(&cx.behaviour.failures);
        let own = own.filter(|(process, _)| process.acts);
        let own = own.map(|(process, failure)| (&failure.mode, process.since));
        let injected = self.faults.iter();
        let injected = injected.filter_map(move |s| Some((fault_mode(model, s.fault)?, s.since)));
        own.chain(injected).filter(move |_| up)
    }

    /// Whether what is wrong would have gone by itself: start-up going on, failures and injected
    /// faults of limited length, or nothing at all.
    pub(crate) fn would_recover(&self, cx: &AppContext<'_>) -> bool {
        let own = self.processes.iter().zip(&cx.behaviour.failures).all(|(process, failure)| {
            let acts = self.up && process.acts;
            !process.stuck && (!acts || matches!(failure.recovers, Recovers::After(_)))
        });
        let ends = |struck: &Struck| cx.model.faults[struck.fault].lasts_s.is_some();
        own && self.faults.iter().all(ends)
    }

    /// An injected fault hits a process that is up.
    fn strike(&mut self, cx: &AppContext<'_>, place: usize) -> Option<Death> {
        let struck = &mut self.faults[place];
        (struck.oom, struck.since) = (SimTime::MAX, cx.now);
        match fault_mode(cx.model, struck.fault)? {
            FailureMode::Crash { exit_code } => Some(Death::Exit(*exit_code)),
            FailureMode::Leak { to_oom, .. } => {
                struck.oom = cx.now.saturating_add(*to_oom);
                None
            }
            FailureMode::Hang
            | FailureMode::Deadlock
            | FailureMode::Slow { .. }
            | FailureMode::ErrorRate { .. }
            | FailureMode::Refuse
            | FailureMode::DependencyLost
            | FailureMode::DiskFill { .. }
            | FailureMode::ProcessLeak { .. }
            | FailureMode::Custom(_)
            | FailureMode::Starve { .. } => None,
        }
    }

    /// Start-up is over: finds when each failure comes next, and what acts at once. A dated failure
    /// that struck since `since` has been waiting for the start-up to end.
    fn come_up(&mut self, cx: &AppContext<'_>, since: SimTime) -> Option<Death> {
        self.up = true;
        for index in 0..self.processes.len() {
            self.renew(cx, index, Some(since));
        }
        let mut death = self.fail(cx);
        for place in 0..self.faults.len() {
            let struck = self.strike(cx, place);
            death = death.or(struck);
        }
        death
    }

    /// Finds when a failure process strikes next.
    fn renew(&mut self, cx: &AppContext<'_>, index: usize, since: Option<SimTime>) {
        let process = &mut self.processes[index];
        process.acts = false;
        process.oom = SimTime::MAX;
        process.renewals += 1;
        process.at = if process.stuck { cx.now } else { next_onset(cx, index, *process, since) };
    }

    /// The failures that are due strike.
    fn fail(&mut self, cx: &AppContext<'_>) -> Option<Death> {
        let mut death = None;
        for (index, process) in self.processes.iter_mut().enumerate() {
            if !process.acts && process.at <= cx.now {
                death = death.or(process.fail(cx, index));
            }
        }
        death
    }
}

impl Process {
    /// The failure strikes, or has struck at its onset and acts from now on.
    fn fail(&mut self, cx: &AppContext<'_>, index: usize) -> Option<Death> {
        let failure = &cx.behaviour.failures[index];
        self.acts = true;
        self.since = cx.now;
        self.stuck = failure.recovers == Recovers::Never;
        self.at = recovery(cx, index, *self, self.at);
        match failure.mode {
            FailureMode::Crash { exit_code } => Some(Death::Exit(exit_code)),
            FailureMode::Leak { to_oom, .. } => {
                self.oom = cx.now.saturating_add(to_oom);
                None
            }
            FailureMode::Hang
            | FailureMode::Deadlock
            | FailureMode::Slow { .. }
            | FailureMode::ErrorRate { .. }
            | FailureMode::Refuse
            | FailureMode::DependencyLost
            | FailureMode::DiskFill { .. }
            | FailureMode::ProcessLeak { .. }
            | FailureMode::Custom(_)
            | FailureMode::Starve { .. } => None,
        }
    }
}

/// When a failure process strikes next, now at the earliest unless its date has passed while the
/// application started; [`SimTime::MAX`] for never.
fn next_onset(
    cx: &AppContext<'_>,
    index: usize,
    process: Process,
    since: Option<SimTime>,
) -> SimTime {
    let failure = &cx.behaviour.failures[index];
    match (&failure.onset, &failure.recovers) {
        (Onset::Every(service), _) => {
            let mut stream = cx.address.failure(cx.streams, index, process.renewals);
            cx.now.saturating_add(service.sample_duration(&mut stream))
        }
        (&Onset::At(at), _) if at > cx.now => at,
        (&Onset::At(at), Recovers::Never) => at.min(cx.now),
        (&Onset::At(at), _)
            if since.is_some_and(|since| at >= since)
                && recovery(cx, index, process, at) > cx.now =>
        {
            at
        }
        (Onset::At(_), Recovers::OnRestart | Recovers::After(_)) => SimTime::MAX,
    }
}

/// When a failure that began at `onset` ends by itself.
fn recovery(cx: &AppContext<'_>, index: usize, process: Process, onset: SimTime) -> SimTime {
    let failure = &cx.behaviour.failures[index];
    match &failure.recovers {
        Recovers::OnRestart | Recovers::Never => SimTime::MAX,
        Recovers::After(length) => {
            let renewal = match failure.onset {
                Onset::At(_) => 0,
                Onset::Every(_) => process.renewals,
            };
            let mut stream = draw(cx.address.failure(cx.streams, index, renewal), 1);
            onset.saturating_add(length.sample_duration(&mut stream))
        }
    }
}

/// How a fault makes the containers fail that it strikes.
fn fault_mode(model: &Model, fault: FaultId) -> Option<&FailureMode> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other fault is one of applications")]
    match &model.faults[fault].kind {
        FaultKind::ContainerFault { mode, .. } | FaultKind::SlowNode { mode, .. } => Some(mode),
        _ => None,
    }
}
