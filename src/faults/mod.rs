//! The storm: faults that the scenario injects from outside.
//!
//! Everything here is exogenous. When a fault strikes and how long it lasts follows from its
//! place in the scenario and its occurrence alone, boot times from the node and its boot count:
//! policies compared meet the same storm whatever they did before.
//!
//! It changes the truth (power, processes) and tells those concerned by events; it knows nothing
//! of objects in the API.

mod election;

pub use election::leader_takeover;

use crate::base::id::IdVec;
use crate::base::time::{SimDuration, SimTime};
use crate::cx::Cx;
use crate::event::{ControllerEvent, Event, FaultEvent, KubeletEvent, SchedulerEvent, Watcher};
use crate::model::{FaultId, FaultKind, FaultTiming, LeaderElection, Model, NodeId};
use crate::record::Fact;
use crate::rng::{Distribution, Stream, StreamKind, Streams};
use crate::state::Heartbeat;

/// What the storm remembers of a control-plane component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Process {
    /// When its leader died last.
    died_at: SimTime,
    /// Until when its supervisor is kept from starting it.
    held_until: SimTime,
}

/// The component that injects faults.
#[derive(Debug)]
pub struct Faults {
    /// Boots so far.
    boots: IdVec<NodeId, u32>,
    processes: [Process; Watcher::ALL.len()],
}

impl Faults {
    /// Calm before the storm.
    #[must_use]
    pub fn new(model: &Model, _streams: &Streams) -> Self {
        let mut boots = IdVec::new();
        for _ in model.nodes.ids() {
            boots.push(0);
        }
        let process = Process { died_at: SimTime::ZERO, held_until: SimTime::ZERO };
        Self { boots, processes: [process; Watcher::ALL.len()] }
    }

    /// Schedules the first occurrence of every fault.
    pub fn start(&mut self, cx: &mut Cx<'_>) {
        for (id, fault) in cx.model.faults.iter() {
            let begins = match &fault.timing {
                FaultTiming::At(at) => *at,
                FaultTiming::Every(gap) => {
                    let draw = Occurrence::draw(cx, id, 0).gap;
                    cx.now.saturating_add(span(gap, draw))
                }
            };
            schedule(cx, begins, FaultEvent::Begin { fault: id, occurrence: 0 });
        }
    }

    /// Handles an event of the storm.
    pub fn handle(&mut self, cx: &mut Cx<'_>, event: FaultEvent) {
        match event {
            FaultEvent::Begin { fault, occurrence } => self.begin(cx, fault, occurrence),
            FaultEvent::End { fault, occurrence } => self.end(cx, fault, occurrence),
            FaultEvent::Booted { node, epoch } => booted(cx, node, epoch),
        }
    }

    fn begin(&mut self, cx: &mut Cx<'_>, fault: FaultId, occurrence: u32) {
        let spec = &cx.model.faults[fault];
        cx.fact(Fact::FaultBegan { fault, occurrence });
        let lasts = spec.lasts_s.as_ref().map(|lasts| {
            let draw = Occurrence::draw(cx, fault, occurrence).lasts;
            span(lasts, draw)
        });
        let ends = lasts.map_or(SimTime::MAX, |lasts| cx.now.saturating_add(lasts));
        schedule(cx, ends, FaultEvent::End { fault, occurrence });
        match &spec.kind {
            FaultKind::ZoneOutage { .. } | FaultKind::NodeCrash { .. } => {
                for node in nodes_of(cx.model, &spec.kind) {
                    lose_power(cx, node);
                }
            }
            FaultKind::SchedulerCrash => self.crash(cx, Watcher::Scheduler, ends),
            FaultKind::ControllerManagerCrash => {
                self.crash(cx, Watcher::ControllerManager, ends);
            }
            FaultKind::ContainerFault { .. } => {
                let event = KubeletEvent::ContainerFault { fault, begins: true };
                cx.at(cx.now, Event::Kubelet(event));
            }
        }
    }

    fn end(&mut self, cx: &mut Cx<'_>, fault: FaultId, occurrence: u32) {
        let spec = &cx.model.faults[fault];
        cx.fact(Fact::FaultEnded { fault, occurrence });
        match &spec.kind {
            FaultKind::ZoneOutage { .. } | FaultKind::NodeCrash { .. } => {
                for node in nodes_of(cx.model, &spec.kind) {
                    self.restore_power(cx, node);
                }
            }
            // When the component is led again was settled when it died.
            FaultKind::SchedulerCrash | FaultKind::ControllerManagerCrash => {}
            FaultKind::ContainerFault { .. } => {
                let event = KubeletEvent::ContainerFault { fault, begins: false };
                cx.at(cx.now, Event::Kubelet(event));
            }
        }
        if let FaultTiming::Every(gap) = &spec.timing {
            let occurrence = occurrence + 1;
            let draw = Occurrence::draw(cx, fault, occurrence).gap;
            let begins = cx.now.saturating_add(span(gap, draw));
            schedule(cx, begins, FaultEvent::Begin { fault, occurrence });
        }
    }

    /// One cause less that keeps a node without power; it boots when none is left.
    fn restore_power(&mut self, cx: &mut Cx<'_>, node: NodeId) {
        let truth = &mut cx.state.truth.nodes[node];
        truth.outages = truth.outages.saturating_sub(1);
        if truth.outages > 0 {
            return;
        }
        let epoch = truth.epoch;
        let spec = &cx.model.nodes[node];
        let mut stream = cx.streams.stream(StreamKind::NodeBoot, spec.address);
        stream.seek(u64::from(self.boots[node]));
        self.boots[node] += 1;
        let boot = cx.model.pools[spec.pool].boot_s.sample_duration(&mut stream);
        let up = cx.now.saturating_add(boot);
        schedule(cx, up, FaultEvent::Booted { node, epoch });
    }

    /// The leading process of a component dies; its supervisor starts it again at `back_at`.
    fn crash(&mut self, cx: &mut Cx<'_>, component: Watcher, back_at: SimTime) {
        let (election, leads) = match component {
            Watcher::Scheduler => (cx.model.control_plane.scheduler_election, lead_scheduler as _),
            Watcher::ControllerManager => {
                (cx.model.control_plane.controller_manager_election, lead_controllers as _)
            }
        };
        let (election, leads): (LeaderElection, fn(u32) -> Event) = (election, leads);
        let process = &mut self.processes[component.index()];
        process.held_until = process.held_until.max(back_at);
        let truth = cx.state.truth.process_mut(component);
        if truth.leading {
            truth.leading = false;
            process.died_at = cx.now;
            cx.fact(Fact::Leading { component, leading: false });
        } else if election.replicas > 1 {
            // There is no leader to kill, and the standbys wait on.
            return;
        }
        let truth = cx.state.truth.process_mut(component);
        truth.epoch += 1;
        let epoch = truth.epoch;
        let mut stream = cx.streams.stream(StreamKind::LeaderElection, component.index() as u64);
        stream.seek(u64::from(epoch) * DRAWS);
        let takeover =
            leader_takeover(&election, process.died_at, process.held_until, false, &mut stream);
        let relist = cx.model.control_plane.relist_s.sample_duration(&mut stream);
        let at = takeover.max(cx.now).saturating_add(relist);
        if at <= cx.model.end() {
            cx.at(at, leads(epoch));
        }
    }
}

/// Blocks of random words set aside for one election.
const DRAWS: u64 = 1 << 16;

fn lead_scheduler(epoch: u32) -> Event {
    Event::Scheduler(SchedulerEvent::Lead { epoch })
}

fn lead_controllers(epoch: u32) -> Event {
    Event::Controller(ControllerEvent::Lead { epoch })
}

/// The draws of one occurrence of a fault.
struct Occurrence {
    /// For the time since the end of the occurrence before.
    gap: f64,
    /// For its duration.
    lasts: f64,
}

impl Occurrence {
    fn draw(cx: &Cx<'_>, fault: FaultId, occurrence: u32) -> Self {
        let kind = match cx.model.faults[fault].kind {
            FaultKind::ZoneOutage { .. } => StreamKind::ZoneFailure,
            FaultKind::ContainerFault { .. } => StreamKind::ContainerFailure,
            FaultKind::NodeCrash { .. }
            | FaultKind::SchedulerCrash
            | FaultKind::ControllerManagerCrash => StreamKind::NodeFailure,
        };
        let mut stream: Stream = cx.streams.stream(kind, fault.index() as u64);
        stream.seek(u64::from(occurrence));
        Self { gap: stream.uniform(), lasts: stream.uniform() }
    }
}

fn span(seconds: &Distribution, draw: f64) -> SimDuration {
    SimDuration::from_secs_f64(seconds.quantile(draw)).unwrap_or(SimDuration::MAX)
}

/// Schedules an event of the storm unless the run is over by then.
fn schedule(cx: &mut Cx<'_>, at: SimTime, event: FaultEvent) {
    if at <= cx.model.end() {
        cx.at(at, Event::Fault(event));
    }
}

/// The nodes that a loss of power strikes, in order.
fn nodes_of(model: &Model, kind: &FaultKind) -> Vec<NodeId> {
    match kind {
        FaultKind::ZoneOutage { zone } => {
            model.nodes.iter().filter(|(_, node)| node.zone == *zone).map(|(id, _)| id).collect()
        }
        FaultKind::NodeCrash { nodes } => nodes.clone(),
        FaultKind::SchedulerCrash
        | FaultKind::ControllerManagerCrash
        | FaultKind::ContainerFault { .. } => Vec::new(),
    }
}

/// A node loses power, or a booting one loses it again.
fn lose_power(cx: &mut Cx<'_>, node: NodeId) {
    let interval = cx.model.control_plane.lease_renew_interval;
    let truth = &mut cx.state.truth.nodes[node];
    truth.outages += 1;
    truth.epoch += 1;
    if !truth.up {
        return;
    }
    truth.up = false;
    truth.heartbeat = Heartbeat::Silent { last: truth.last_renewal(cx.now, interval) };
    cx.fact(Fact::NodeUp { node, up: false });
    cx.at(cx.now, Event::Kubelet(KubeletEvent::PowerLost { node }));
    cx.at(cx.now, Event::Controller(ControllerEvent::Heartbeat { node }));
}

/// A node is up again, unless it lost power while it booted.
fn booted(cx: &mut Cx<'_>, node: NodeId, epoch: u32) {
    let truth = &mut cx.state.truth.nodes[node];
    if truth.epoch != epoch || truth.outages > 0 || truth.up {
        return;
    }
    truth.up = true;
    truth.heartbeat = Heartbeat::Beating { since: cx.now };
    cx.fact(Fact::NodeUp { node, up: true });
    cx.at(cx.now, Event::Kubelet(KubeletEvent::Started { node }));
    cx.at(cx.now, Event::Controller(ControllerEvent::Heartbeat { node }));
}

#[cfg(test)]
mod tests;
