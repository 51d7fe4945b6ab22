//! The storm: faults that the scenario injects from outside.
//!
//! Everything here is exogenous. When a fault strikes and how long it lasts follows from its
//! place in the scenario and its occurrence alone, boot times from the node and its boot count:
//! policies compared meet the same storm whatever they did before.
//!
//! It changes the truth (power, processes) and tells those concerned by events; it knows nothing
//! of objects in the API. Only the load looks at them, and with it the nodes that crash of it: what
//! they meet does depend on the policy, and is no part of the storm's digest.

mod domains;
mod election;
mod load;
mod processes;
mod reach;
mod reboot;
mod reclaim;

pub use election::{Last, leader_takeover, restart};

use load::Loads;
use reach::{refresh_heartbeat, renewal};

use crate::base::id::IdVec;
use crate::base::time::{SimDuration, SimTime};
use crate::cx::Cx;
use crate::event::{ControllerEvent, Event, FaultEvent, KubeletEvent, SchedulerEvent, Watcher};
use crate::model::{FaultId, FaultKind, FaultTiming, LeaderElection, Model, NodeId, Sphere};
use crate::record::Fact;
use crate::rng::{Distribution, Stream, StreamKind, Streams};

/// What the storm remembers of a control-plane component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Process {
    /// When its leader died last.
    died_at: SimTime,
    /// Until when its supervisor is kept from starting it.
    held_until: SimTime,
    /// When it exited because it could not renew its lease, unless it has led since.
    exited_at: Option<SimTime>,
}

/// The component that injects faults.
#[derive(Debug)]
pub struct Faults {
    /// Boots so far.
    boots: IdVec<NodeId, u32>,
    /// When each node's kubelet lost its connection last.
    lost_at: IdVec<NodeId, SimTime>,
    processes: [Process; Watcher::ALL.len()],
    loads: Loads,
    /// How often the API server has become unable to write.
    write_losses: u32,
    /// When it became so last.
    unwritable_since: SimTime,
}

impl Faults {
    /// Calm before the storm.
    #[must_use]
    pub fn new(model: &Model, _streams: &Streams) -> Self {
        let (mut boots, mut lost_at) = (IdVec::new(), IdVec::new());
        for _ in model.nodes.ids() {
            boots.push(0);
            lost_at.push(SimTime::ZERO);
        }
        let process =
            Process { died_at: SimTime::ZERO, held_until: SimTime::ZERO, exited_at: None };
        Self {
            boots,
            lost_at,
            processes: [process; Watcher::ALL.len()],
            loads: Loads::new(model),
            write_losses: 0,
            unwritable_since: SimTime::ZERO,
        }
    }

    /// Schedules the first occurrence of every fault.
    pub fn start(&mut self, cx: &mut Cx<'_>) {
        if !cx.model.load.is_empty() {
            self.day(cx);
        }
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
            FaultEvent::Booted { node, epoch } => {
                booted(cx, node, epoch);
                self.load_changes(cx);
            }
            FaultEvent::Load => self.load(cx),
            FaultEvent::Day => self.day(cx),
            FaultEvent::Overloaded { node, epoch } => self.overloaded(cx, node, epoch),
            FaultEvent::Reclaim { node } => {
                reclaim::strike(cx, node);
                self.load_changes(cx);
            }
            FaultEvent::ShutDown { node, epoch } => self.shut_down(cx, node, epoch),
            FaultEvent::Repaired { node } => self.restore_power(cx, node),
            FaultEvent::Connected { node, epoch } => self.connected(cx, node, epoch),
            FaultEvent::Renewal { node, epoch } => renewal(cx, node, epoch),
            FaultEvent::Strike { fault, node } => domains::strike(cx, fault, node),
            FaultEvent::Repair { fault: _, node } => self.restore_power(cx, node),
            FaultEvent::EtcdLeader { epoch } => self.etcd_leader(cx, epoch),
            FaultEvent::RenewDeadline { component, epoch } => {
                self.renew_deadline(cx, component, epoch);
            }
        }
    }

    fn begin(&mut self, cx: &mut Cx<'_>, fault: FaultId, occurrence: u32) {
        let spec = &cx.model.faults[fault];
        cx.fact(Fact::FaultBegan { fault, occurrence });
        if domains::spread(cx, fault, occurrence) {
            return;
        }
        let lasts = spec.lasts_s.as_ref().map(|lasts| {
            let draw = Occurrence::draw(cx, fault, occurrence).lasts;
            span(lasts, draw)
        });
        let strikes = cx.now.saturating_add(spec.kind.notice());
        let ends = lasts.map_or(SimTime::MAX, |lasts| strikes.saturating_add(lasts));
        if let FaultKind::SpotReclaim { nodes, .. } = &spec.kind {
            // Before the end is planned: machines are gone before others come at the same instant.
            reclaim::announce(cx, fault, nodes, strikes);
        }
        schedule(cx, ends, FaultEvent::End { fault, occurrence });
        match &spec.kind {
            FaultKind::ZoneOutage { .. }
            | FaultKind::NodeCrash { .. }
            | FaultKind::NodeFailures(_) => {
                for node in spec.kind.nodes(cx.model) {
                    lose_power(cx, node);
                }
                self.load_changes(cx);
            }
            FaultKind::NodeReboot { nodes } => self.reboot(cx, nodes),
            // Announced, or planned where it spreads, above.
            FaultKind::SpotReclaim { .. } | FaultKind::FailureTrace(_) => {}
            FaultKind::CloudControllerManagerOutage => cx.state.truth.cloud_manager_stops += 1,
            FaultKind::KubeletCrash { nodes } => processes::stop_kubelets(cx, nodes),
            FaultKind::RuntimeOutage { nodes } => processes::stop_runtimes(cx, nodes),
            FaultKind::KubeProxyOutage { nodes } => processes::stop_proxies(cx, nodes),
            FaultKind::ConfigMissing { .. } => cx.state.truth.missing_configs.push(fault),
            FaultKind::WebhookOutage { .. } => cx.state.truth.webhook_faults.push(fault),
            FaultKind::NetworkPartition { nodes } => self.cut(cx, nodes),
            FaultKind::StaleConnections { nodes } => self.hang_connections(cx, nodes, ends),
            FaultKind::ApiServerOutage { instances } => self.servers_down(cx, fault, *instances),
            FaultKind::ApiServerSlow { requests, watches } => {
                cx.state.truth.api.slow.push((fault, [*requests, *watches]));
            }
            FaultKind::EtcdMembersLost { members } => self.members_down(cx, *members),
            FaultKind::SchedulerCrash => self.crash(cx, Watcher::Scheduler, ends),
            FaultKind::ControllerManagerCrash => {
                self.crash(cx, Watcher::ControllerManager, ends);
            }
            FaultKind::RegistryOutage { .. } | FaultKind::RegistrySlow { .. } => {
                cx.state.truth.registry_faults.push(fault);
                cx.at(cx.now, Event::Kubelet(KubeletEvent::Registry));
            }
            FaultKind::ContainerFault { .. }
            | FaultKind::SlowNode { .. }
            | FaultKind::DiskFull { .. } => {
                let event = KubeletEvent::ContainerFault { fault, begins: true };
                cx.at(cx.now, Event::Kubelet(event));
            }
        }
    }

    fn end(&mut self, cx: &mut Cx<'_>, fault: FaultId, occurrence: u32) {
        let spec = &cx.model.faults[fault];
        cx.fact(Fact::FaultEnded { fault, occurrence });
        match &spec.kind {
            // Each node was repaired at a time of its own.
            FaultKind::NodeFailures(failures) if failures.burst.is_some() => {}
            FaultKind::FailureTrace(_) => {}
            FaultKind::SpotReclaim { nodes, .. } => {
                reclaim::replace(cx, nodes);
                for &node in nodes {
                    self.restore_power(cx, node);
                }
            }
            FaultKind::NodeReboot { nodes } => self.boot_again(cx, nodes),
            FaultKind::CloudControllerManagerOutage => {
                let stops = &mut cx.state.truth.cloud_manager_stops;
                *stops = stops.saturating_sub(1);
            }
            FaultKind::ZoneOutage { .. }
            | FaultKind::NodeCrash { .. }
            | FaultKind::NodeFailures(_) => {
                for node in spec.kind.nodes(cx.model) {
                    self.restore_power(cx, node);
                }
            }
            FaultKind::KubeletCrash { nodes } => processes::start_kubelets(cx, nodes),
            FaultKind::RuntimeOutage { nodes } => processes::start_runtimes(cx, nodes),
            FaultKind::KubeProxyOutage { nodes } => processes::start_proxies(cx, nodes),
            FaultKind::ConfigMissing { .. } => {
                cx.state.truth.missing_configs.retain(|of| *of != fault);
            }
            FaultKind::WebhookOutage { .. } => {
                cx.state.truth.webhook_faults.retain(|of| *of != fault);
            }
            FaultKind::NetworkPartition { nodes } => self.mend(cx, nodes),
            // When each connection is given up was settled when it hung.
            FaultKind::StaleConnections { .. } => {}
            FaultKind::ApiServerOutage { instances } => self.servers_up(cx, *instances),
            FaultKind::ApiServerSlow { .. } => {
                let slow = &mut cx.state.truth.api.slow;
                if let Some(place) = slow.iter().position(|(of, _)| *of == fault) {
                    slow.remove(place);
                }
            }
            FaultKind::EtcdMembersLost { members } => self.members_up(cx, *members),
            // When the component is led again was settled when it died.
            FaultKind::SchedulerCrash | FaultKind::ControllerManagerCrash => {}
            FaultKind::RegistryOutage { .. } | FaultKind::RegistrySlow { .. } => {
                cx.state.truth.registry_faults.retain(|of| *of != fault);
                cx.at(cx.now, Event::Kubelet(KubeletEvent::Registry));
            }
            FaultKind::ContainerFault { .. }
            | FaultKind::SlowNode { .. }
            | FaultKind::DiskFull { .. } => {
                let event = KubeletEvent::ContainerFault { fault, begins: false };
                cx.at(cx.now, Event::Kubelet(event));
            }
        }
        self.plan_next(cx, fault, occurrence + 1);
    }

    /// Schedules a further occurrence of a fault, if there is one.
    fn plan_next(&self, cx: &mut Cx<'_>, fault: FaultId, occurrence: u32) {
        let spec = &cx.model.faults[fault];
        let gap = match (&spec.timing, &spec.kind) {
            (FaultTiming::Every(gap), _) => {
                Some(span(gap, Occurrence::draw(cx, fault, occurrence).gap))
            }
            (FaultTiming::At(_), FaultKind::FailureTrace(trace)) => {
                trace.failure(occurrence).map(|failure| failure.after)
            }
            (FaultTiming::At(_), _) => None,
        };
        if let Some(gap) = gap {
            let begins = cx.now.saturating_add(gap);
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
        let process = &mut self.processes[component.index()];
        process.held_until = process.held_until.max(back_at);
        if !self.stop_leading(cx, component) && election(cx.model, component).replicas > 1 {
            // There is no leader to kill, and the standbys wait on.
            return;
        }
        self.elect(cx, component);
    }

    /// Whoever leads leads no more; returns whether anybody did.
    fn stop_leading(&mut self, cx: &mut Cx<'_>, component: Watcher) -> bool {
        let truth = cx.state.truth.process_mut(component);
        let led = std::mem::replace(&mut truth.leading, false);
        if led {
            self.processes[component.index()].died_at = cx.now;
            cx.fact(Fact::Leading { component, leading: false });
        }
        led
    }

    /// Finds out who leads next, and when. While the API server cannot write nobody does; once it
    /// can the candidates are asked again.
    fn elect(&mut self, cx: &mut Cx<'_>, component: Watcher) {
        let truth = cx.state.truth.process_mut(component);
        truth.epoch += 1;
        let epoch = truth.epoch;
        if !cx.state.truth.api.writable(cx.model) {
            return;
        }
        let process = &self.processes[component.index()];
        let last = Last { died_at: process.died_at, graceful: false };
        let restarted = process.exited_at.map_or(SimTime::ZERO, |exit| restart(exit, cx.now));
        let up_at = process.held_until.max(restarted);
        let mut stream = cx.streams.stream(StreamKind::LeaderElection, component.index() as u64);
        stream.seek(u64::from(epoch) * DRAWS);
        let election = election(cx.model, component);
        let takeover = leader_takeover(&election, last, up_at, cx.now, &mut stream);
        let relist = cx.model.control_plane.relist_s.sample_duration(&mut stream);
        let at = takeover.max(cx.now).saturating_add(relist);
        if at <= cx.model.end() {
            let leads = match component {
                Watcher::Scheduler => Event::Scheduler(SchedulerEvent::Lead { epoch }),
                Watcher::ControllerManager => Event::Controller(ControllerEvent::Lead { epoch }),
            };
            cx.at(at, leads);
        }
    }

    /// The leader of a component cannot renew its lease: its process exits once it has tried for
    /// the deadline since its last renewal, which came at any time within the retry period.
    /// Whoever was about to lead cannot take the lease.
    fn plan_exit(&self, cx: &mut Cx<'_>, component: Watcher) {
        let truth = cx.state.truth.process_mut(component);
        if !truth.leading {
            truth.epoch += 1;
            return;
        }
        let election = election(cx.model, component);
        let mut stream = cx.streams.stream(StreamKind::LeaderElection, component.index() as u64);
        stream.seek(u64::from(self.write_losses) * DRAWS + DRAWS / 2);
        let since = election.retry_period.as_secs_f64() * stream.uniform();
        let since = SimDuration::from_secs_f64(since).unwrap_or(SimDuration::ZERO);
        let left = election.renew_deadline.saturating_sub(since);
        let at = cx.now.saturating_add(left);
        schedule(cx, at, FaultEvent::RenewDeadline { component, epoch: self.write_losses });
    }

    fn renew_deadline(&mut self, cx: &mut Cx<'_>, component: Watcher, epoch: u32) {
        if self.write_losses != epoch || cx.state.truth.api.writable(cx.model) {
            return;
        }
        if self.stop_leading(cx, component) {
            let process = &mut self.processes[component.index()];
            process.died_at = self.unwritable_since;
            process.exited_at = Some(cx.now);
            self.elect(cx, component);
        }
    }

    /// The API server can write again: a component that is not led finds a leader now.
    fn stand_again(&mut self, cx: &mut Cx<'_>, component: Watcher) {
        if !cx.state.truth.process(component).leading {
            self.elect(cx, component);
        }
        self.processes[component.index()].exited_at = None;
    }
}

/// The leader election of a component.
fn election(model: &Model, component: Watcher) -> LeaderElection {
    match component {
        Watcher::Scheduler => model.control_plane.scheduler_election,
        Watcher::ControllerManager => model.control_plane.controller_manager_election,
    }
}

/// Blocks of random words set aside for one election.
const DRAWS: u64 = 1 << 16;

/// The draws of one occurrence of a fault.
struct Occurrence {
    /// For the time since the end of the occurrence before.
    gap: f64,
    /// For its duration.
    lasts: f64,
}

impl Occurrence {
    fn draw(cx: &Cx<'_>, fault: FaultId, occurrence: u32) -> Self {
        let of = &cx.model.faults[fault].kind;
        let kind = match of.sphere() {
            Sphere::Containers => StreamKind::ContainerFailure,
            Sphere::Nodes if matches!(of, FaultKind::ZoneOutage { .. }) => StreamKind::ZoneFailure,
            Sphere::Nodes | Sphere::ControlPlane => StreamKind::NodeFailure,
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

/// A node loses power, or a booting one loses it again.
fn lose_power(cx: &mut Cx<'_>, node: NodeId) {
    let truth = &mut cx.state.truth.nodes[node];
    truth.outages += 1;
    truth.epoch += 1;
    truth.shutting_down = false;
    if !truth.up {
        return;
    }
    truth.up = false;
    cx.fact(Fact::NodeUp { node, up: false });
    cx.at(cx.now, Event::Kubelet(KubeletEvent::PowerLost { node }));
    refresh_heartbeat(cx, node);
}

/// A node is up again, unless it lost power while it booted.
fn booted(cx: &mut Cx<'_>, node: NodeId, epoch: u32) {
    let truth = &mut cx.state.truth.nodes[node];
    if truth.epoch != epoch || truth.outages > 0 || truth.up {
        return;
    }
    truth.up = true;
    let kubelet_runs = truth.reaches_api();
    cx.fact(Fact::NodeUp { node, up: true });
    if kubelet_runs {
        // Without a connection the kubelet waits: it starts no pod that it has not heard of.
        cx.at(cx.now, Event::Kubelet(KubeletEvent::Started { node }));
    }
    refresh_heartbeat(cx, node);
}

#[cfg(test)]
mod tests;
