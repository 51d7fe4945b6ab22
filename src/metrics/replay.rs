//! One pass over the facts of a run: keeps the cluster as the facts tell it and everything that is
//! summed, counted or followed on the way.
//!
//! Facts come in the order in which they happened, a pod's first one being its creation. What
//! holds at time zero before any fact: workloads want their declared replicas, nodes are ready and
//! up, components are led, queues and endpoints are empty.

use std::collections::{BTreeMap, BTreeSet};

use super::jobs::Jobs;
use super::load::Load;
use super::node_loss::{Lack, NodeLoss};
use super::overload::{Fewest, Overload};
use super::pods::{AppContainers, PodTrack, PodView};
use super::probes::{self, Probes};
use super::reach::Reach;
use super::recovery::{Loss, LossKind, Recovery};
use super::routing::Routing;
use super::series::{Instant, SeriesSet};
use super::stages::StageSet;
use super::window::{Switch, Window};
use super::workloads::WorkloadTrack;
use crate::base::id::{IdSet, IdVec};
use crate::base::time::SimTime;
use crate::model::{
    Model, NodeId, PodId, ProbeKind, ServiceId, Start, TemplateId, WorkloadId, WorkloadKind,
};
use crate::record::{DeletionCause, ExitCause, Fact, Phase};

/// What is counted within the window.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    /// Pod objects gone.
    pub(super) deleted: u64,
    /// Deleted by the taint manager.
    pub(super) evicted: u64,
    /// Evicted by a kubelet under pressure.
    pub(super) pressure_evictions: u64,
    /// Killed because a node's memory ran out.
    pub(super) node_oom_kills: u64,
    /// Preempted.
    pub(super) preempted: u64,
    /// Preemptions, and victims that violated a budget.
    pub(super) preemptions: [u64; 2],
    /// Restarts by cause; `None` where no exit was recorded before.
    pub(super) restarts: BTreeMap<Option<ExitCause>, u64>,
    /// Kills that were not needed.
    pub(super) unneeded: u64,
    /// Probe failures.
    pub(super) probes: BTreeMap<ProbeKind, u64>,
    /// Scheduling cycles: found a node, found none.
    pub(super) attempts: [u64; 2],
    /// Rollouts completed.
    pub(super) rollouts: u64,
    /// Evictions refused for a disruption budget.
    pub(super) evictions_refused: u64,
    /// Pods that a webhook kept from being created.
    pub(super) creations_refused: u64,
    /// Pods bound to nodes that had been down, while no node was.
    pub(super) bound_to_returned: u64,
    /// Image pulls that failed.
    pub(super) pulls_failed: u64,
}

/// The world as the facts tell it.
#[derive(Debug)]
pub(super) struct Replay<'m> {
    /// Input.
    pub(super) model: &'m Model,
    /// Measured window.
    pub(super) window: Window,
    /// Pods by id.
    pub(super) pods: Vec<Option<PodTrack>>,
    /// Jobs.
    pub(super) jobs: Jobs,
    /// Workloads.
    pub(super) workloads: IdVec<WorkloadId, WorkloadTrack>,
    /// Allocation.
    pub(super) load: Load<'m>,
    /// `Ready` of nodes at the API server.
    pub(super) nodes_ready: IdVec<NodeId, Switch>,
    nodes_not_ready: CountedSet,
    nodes_down: CountedSet,
    /// Nodes that have been down.
    returned: IdSet<NodeId>,
    /// Services with at least one ready endpoint.
    pub(super) services: IdVec<ServiceId, Switch>,
    /// Components without a leader, by [`crate::event::Watcher::index`].
    pub(super) leaderless: [Switch; 2],
    /// Who reached the API server.
    pub(super) reach: Reach,
    /// Nodes that were lost.
    pub(super) node_loss: NodeLoss,
    /// What CPUs had to do.
    pub(super) overload: Overload,
    /// Where requests went.
    pub(super) routing: Routing,
    /// Fewest ready endpoints of each Service.
    pub(super) fewest: IdVec<ServiceId, Fewest>,
    /// Counts.
    pub(super) counts: Counts,
    /// Faults and what they did.
    pub(super) recovery: Recovery<'m>,
    /// Series, in full detail only.
    pub(super) series: Option<SeriesSet>,
    /// Stages of pods, in full detail only.
    pub(super) stages: Option<StageSet>,
    states: [u32; 7],
    lost: u32,
}

impl<'m> Replay<'m> {
    /// Replays all facts up to the end of the run.
    pub(super) fn of(model: &'m Model, facts: &[(SimTime, Fact)], with_series: bool) -> Self {
        let window = Window::of(model);
        let load = Load::new(model, window);
        let series = with_series.then(|| SeriesSet::new(model, &load));
        let zones = model.zones.len();
        let workloads = model.workloads.values().map(|w| WorkloadTrack::new(w.replicas, zones));
        let mut replay = Self {
            model,
            window,
            pods: Vec::new(),
            jobs: Jobs::default(),
            workloads: IdVec::from_rows(workloads.collect()),
            load,
            nodes_ready: IdVec::from_rows(vec![Switch::new(true); model.nodes.len()]),
            nodes_not_ready: CountedSet::default(),
            nodes_down: CountedSet::default(),
            returned: IdSet::with_capacity(model.nodes.len()),
            services: IdVec::from_rows(vec![Switch::new(false); model.services.len()]),
            leaderless: [Switch::new(false); 2],
            reach: Reach::new(model),
            node_loss: NodeLoss::new(model),
            overload: Overload::default(),
            routing: Routing::new(model, window),
            fewest: IdVec::from_rows(vec![Fewest::default(); model.services.len()]),
            counts: Counts::default(),
            recovery: Recovery::new(model),
            series,
            stages: with_series.then(StageSet::default),
            states: [0; 7],
            lost: 0,
        };
        for instant in facts.chunk_by(|a, b| a.0 == b.0) {
            replay.instant(instant);
        }
        replay.finish();
        replay
    }

    fn instant(&mut self, facts: &[(SimTime, Fact)]) {
        let now = facts[0].0;
        // Whatever else the instant brings, it happens after the fault.
        for (_, fact) in facts {
            if let Fact::FaultBegan { fault, occurrence } = *fact {
                let ordinal = self.recovery.begin(now, fault, occurrence);
                self.find_unready(now, ordinal);
            }
        }
        for (_, fact) in facts {
            self.apply(now, fact);
        }
        if let Some(series) = &mut self.series {
            let (not_ready, down) = (self.nodes_not_ready.count, self.nodes_down.count);
            let ready = u32::try_from(self.model.nodes.len()).unwrap_or(u32::MAX) - not_ready;
            series.end_instant(&Instant {
                now,
                states: self.states,
                lost: self.lost,
                nodes: [ready, not_ready, down],
                load: &self.load,
                workloads: &self.workloads,
            });
        }
    }

    fn finish(&mut self) {
        let (end, window) = (self.window.end(), self.window);
        for workload in self.workloads.ids() {
            self.settle(end, workload);
        }
        self.load.finish();
        self.reach.finish(end, window);
        self.overload.finish(end, window);
        self.routing.finish();
        for fewest in self.fewest.values_mut() {
            fewest.finish(end, window);
        }
        let nodes = self.nodes_ready.values_mut();
        for switch in nodes.chain(self.services.values_mut()).chain(&mut self.leaderless) {
            switch.set(end, switch.is_on(), window);
        }
    }

    /// The pods of the run that have existed, in order of id.
    pub(super) fn known_pods(&self) -> impl Iterator<Item = &PodTrack> {
        self.pods.iter().flatten()
    }

    /// A pod that a settled start placed before time began.
    pub(super) fn is_settled(&self, pod: &PodTrack) -> bool {
        self.model.start == Start::Settled
            && pod.created == SimTime::ZERO
            && pod.bound.is_some_and(|(time, _)| time == SimTime::ZERO)
    }

    #[expect(clippy::too_many_lines, reason = "an arm for each fact")]
    fn apply(&mut self, now: SimTime, fact: &Fact) {
        let counted = u64::from(self.window.contains(now));
        match *fact {
            Fact::PodCreated { pod, workload, identity } => {
                let parts = self.parts(identity.template);
                self.created(now, pod, PodTrack::new(workload, identity, now, parts));
            }
            Fact::PodBound { pod, node } => self.bound(now, pod, node),
            Fact::PodReady { pod, ready } => self.ready(now, pod, ready),
            Fact::PodPhase { pod, phase } => self.phase(now, pod, phase),
            Fact::PodReason { pod, reason } => self.pod(pod).reason = reason,
            Fact::PodTerminating { pod, cause } => self.terminating(now, pod, cause),
            Fact::PodDeleted { pod } => self.deleted(now, pod),
            Fact::PodUnschedulable { pod } => self.pod(pod).flags.unschedulable |= counted > 0,
            Fact::PressureEviction { .. } => self.counts.pressure_evictions += counted,
            Fact::NodeOutOfMemory { .. } => self.counts.node_oom_kills += counted,
            Fact::Preempting { pod: _, victims: _, violations } => {
                self.counts.preemptions[0] += counted;
                self.counts.preemptions[1] += u64::from(violations) * counted;
            }
            Fact::PodServing { pod, serving } => self.serving(now, pod, serving),
            Fact::ContainerStarted { pod, container, restarts } => {
                self.container_started(now, pod, container, restarts);
            }
            Fact::ContainerExited { pod, container, cause, code: _, unneeded } => {
                self.exited(now, pod, (container, cause, unneeded));
            }
            Fact::ProbeResult { pod, container, kind, passing } => {
                let mut wrong = false;
                self.change(now, pod, |track| {
                    wrong = track.probes.result(container, kind, passing, track.flags.serving);
                });
                if wrong {
                    self.false_positive(now, pod, kind);
                }
            }
            Fact::EvictionRefused { pod: _ } => self.counts.evictions_refused += counted,
            Fact::CreationRefused { workload: _ } => self.counts.creations_refused += counted,
            Fact::PullFailed { pod: _ } => self.counts.pulls_failed += counted,
            Fact::ProbeFailed { pod: _, container: _, kind } => {
                *self.counts.probes.entry(kind).or_default() += counted;
            }
            Fact::NodeReady { node, ready } => {
                self.nodes_ready[node].set(now, ready, self.window);
                self.nodes_not_ready.set(node, !ready);
                if !ready {
                    self.node_loss.not_ready(now, node, self.window);
                }
            }
            Fact::NodeConnected { node, connected } => {
                self.reach.connected(now, node, connected, self.window);
                self.node_loss.lacks(now, node, Lack::Connection, !connected);
            }
            Fact::ApiWritable { writable } => self.reach.writable(now, writable, self.window),
            Fact::NodeCpu { node, micro } => {
                let offered = self.model.nodes[node].allocatable.cpu_milli;
                self.overload.busy(now, (node, micro), offered, self.window);
            }
            Fact::NodeOverloaded { node } => {
                if counted > 0 {
                    self.overload.crashed(node);
                }
            }
            Fact::NodeUp { node, up } => {
                self.nodes_down.set(node, !up);
                self.returned.insert(node);
                self.node_loss.lacks(now, node, Lack::Power, !up);
            }
            // Begun before everything else of the instant.
            Fact::FaultBegan { .. } => {}
            Fact::FaultStruck { fault, node } => self.recovery.strike(fault, node),
            Fact::FaultEnded { fault, occurrence } => self.recovery.end(now, fault, occurrence),
            Fact::ReplicasDesired { workload, replicas } => {
                self.desire(now, workload, replicas.into());
            }
            Fact::Endpoints { service, ready } => {
                self.services[service].set(now, ready > 0, self.window);
                self.fewest[service].set(now, ready, self.window);
            }
            Fact::ServiceRule { service, pod, present } => {
                let serves = self.pod(pod).flags.serving;
                self.routing.rule(now, (service, pod), present, serves);
            }
            Fact::ProxySyncs { node, syncs } => self.routing.syncs(now, node, syncs),
            Fact::QueueLength { queue, length } => {
                if let Some(series) = &mut self.series {
                    series.queue_length(now, queue, length);
                }
            }
            Fact::SchedulingAttempt { scheduled } => {
                self.counts.attempts[usize::from(!scheduled)] += counted;
            }
            Fact::Leading { component, leading } => {
                self.leaderless[component.index()].set(now, !leading, self.window);
            }
            Fact::JobCreated { workload } => self.jobs.created(workload),
            Fact::JobEnded { workload, complete, took } => {
                if counted > 0 {
                    self.jobs.ended(workload, complete, took);
                }
            }
            Fact::RolloutComplete { workload: _ } => self.counts.rollouts += counted,
        }
    }

    /// The containers of a template that count, and its probes.
    fn parts(&self, template: TemplateId) -> (AppContainers, Probes) {
        let spec = &self.model.templates[template];
        // Kubernetes allows no pod without an app container.
        let count = spec.containers.len().max(1);
        let apps = AppContainers { first: spec.init_containers.len(), count };
        (apps, Probes::new(probes::declared(spec)))
    }

    fn created(&mut self, now: SimTime, pod: PodId, track: PodTrack) {
        let (of, after) = ((track.workload, track.identity.template), track.view());
        if self.pods.len() <= pod.index() {
            self.pods.resize(pod.index() + 1, None);
        }
        if let Some(stages) = &mut self.stages {
            stages.set(now, pod, track.stage());
        }
        self.pods[pod.index()] = Some(track);
        self.account(now, of, PodView::default(), after);
    }

    fn phase(&mut self, now: SimTime, pod: PodId, phase: Phase) {
        let [before, _] = self.change(now, pod, |track| track.phase = phase);
        match phase {
            Phase::Pending | Phase::Running => {}
            Phase::Succeeded => self.retire(now, pod),
            Phase::Failed => {
                if before.ready {
                    self.lose(now, pod, LossKind::Readiness);
                }
                self.acted(now, pod);
            }
        }
    }

    fn deleted(&mut self, now: SimTime, pod: PodId) {
        let [before, _] = self.change(now, pod, |track| track.deleted = Some(now));
        self.counts.deleted += u64::from(self.window.contains(now));
        if before.ready {
            self.lose(now, pod, LossKind::Readiness);
        }
        self.acted(now, pod);
    }

    fn serving(&mut self, now: SimTime, pod: PodId, serving: bool) {
        let [before, after] = self.change(now, pod, |track| {
            track.flags.serving = serving;
            if serving {
                track.probes.served();
            }
        });
        if before.serving != serving {
            let template = self.pod(pod).identity.template;
            self.routing.serving(now, (pod, template), serving);
        }
        let wanted = after.placed.is_some();
        if before.serving && !serving && wanted {
            let ready = before.ready;
            let kind = if ready { LossKind::ReadyServing } else { LossKind::UnreadyServing };
            self.lose(now, pod, kind);
        }
    }

    fn exited(
        &mut self,
        now: SimTime,
        pod: PodId,
        (container, cause, unneeded): (u8, ExitCause, bool),
    ) {
        let mut wrong = None;
        self.change(now, pod, |track| {
            track.container_exited(container, cause);
            wrong = track.probes.exited(container, cause, unneeded);
        });
        if let Some(kind) = wrong {
            self.false_positive(now, pod, kind);
        }
        if unneeded && self.window.contains(now) {
            self.counts.unneeded += 1;
            let workload = self.pod(pod).workload;
            self.workloads[workload].verdicts.unneeded += 1;
        }
    }

    /// A probe failed though nothing was the matter, or would not have been for long.
    fn false_positive(&mut self, now: SimTime, pod: PodId, kind: ProbeKind) {
        let workload = self.pod(pod).workload;
        let counted = u64::from(self.window.contains(now));
        self.workloads[workload].verdicts.false_positives[probes::place(kind)] += counted;
    }

    fn container_started(&mut self, now: SimTime, pod: PodId, container: u8, restarts: u32) {
        let mut cause = None;
        let settled = self.model.start == Start::Settled && now == SimTime::ZERO;
        let [before, after] = self.change(now, pod, |track| {
            track.started.get_or_insert(now);
            cause = track.container_started(container, restarts);
            track.probes.started(container, settled);
        });
        if after.running && !before.running {
            self.running(now, pod);
        }
        if restarts > 0 {
            let counted = u64::from(self.window.contains(now));
            *self.counts.restarts.entry(cause).or_default() += counted;
            let workload = self.pod(pod).workload;
            self.workloads[workload].verdicts.restarts += counted;
            self.acted(now, pod);
        }
    }

    /// All app containers of a pod run.
    fn running(&mut self, now: SimTime, pod: PodId) {
        let track = self.pod(pod);
        let (workload, created) = (track.workload, track.created);
        if self.workloads[workload].whole_since().is_none() {
            self.recovery.running(now, workload, pod, created);
        }
    }

    fn bound(&mut self, now: SimTime, pod: PodId, node: NodeId) {
        self.change(now, pod, |track| track.bound = Some((now, node)));
        let track = self.pod(pod);
        let (workload, created) = (track.workload, track.created);
        if self.nodes_down.count == 0 && self.returned.contains(node) {
            self.counts.bound_to_returned += u64::from(self.window.contains(now));
        }
        if self.workloads[workload].whole_since().is_none() {
            self.recovery.bound(now, workload, created);
        }
    }

    fn ready(&mut self, now: SimTime, pod: PodId, ready: bool) {
        let [before, _] = self.change(now, pod, |track| {
            track.flags.ready = ready;
            if ready {
                track.first_ready.get_or_insert(now);
            }
        });
        if !ready {
            if before.ready {
                self.lose(now, pod, LossKind::Readiness);
            }
            self.acted(now, pod);
        }
    }

    fn terminating(&mut self, now: SimTime, pod: PodId, cause: DeletionCause) {
        let [before, _] = self.change(now, pod, |track| track.flags.terminating = true);
        let counted = u64::from(self.window.contains(now));
        let loss = match cause {
            DeletionCause::TaintManager => {
                self.counts.evicted += counted;
                if let Some(node) = self.pod(pod).node() {
                    self.node_loss.evicted(now, node, self.window);
                }
                Some(LossKind::Readiness)
            }
            DeletionCause::Preemption => {
                self.counts.preempted += counted;
                Some(LossKind::Preempted)
            }
            DeletionCause::PodGc => Some(LossKind::Readiness),
            DeletionCause::Eviction => {
                self.retire(now, pod);
                Some(LossKind::Readiness)
            }
            DeletionCause::Controller => None,
            DeletionCause::Operator => {
                self.retire(now, pod);
                None
            }
        };
        if let Some(kind) = loss.filter(|_| before.ready) {
            self.lose(now, pod, kind);
        }
        self.acted(now, pod);
    }

    /// A bare pod has done its work, or an operator wants it no more.
    fn retire(&mut self, now: SimTime, pod: PodId) {
        let workload = self.pod(pod).workload;
        if self.model.workloads[workload].kind == WorkloadKind::Pod {
            self.desire(now, workload, 0);
        }
    }

    fn desire(&mut self, now: SimTime, workload: WorkloadId, replicas: i64) {
        self.settle(now, workload);
        self.workloads[workload].desired = replicas.max(0);
        if let Some(series) = &mut self.series {
            series.touch_workload(workload);
        }
    }

    fn lose(&mut self, time: SimTime, pod: PodId, kind: LossKind) {
        let track = self.pod(pod);
        let (workload, template, node) = (track.workload, track.identity.template, track.node());
        self.recovery.lose(Loss { time, pod, workload, template, node, kind });
    }

    fn acted(&mut self, now: SimTime, pod: PodId) {
        let workload = self.pod(pod).workload;
        self.recovery.acted(now, workload, pod);
    }

    fn pod(&mut self, pod: PodId) -> &mut PodTrack {
        let known = self.pods.get_mut(pod.index()).and_then(Option::as_mut);
        known.expect("a pod's first fact is its creation")
    }

    /// Changes a pod and whatever it counts for; returns the views before and after.
    fn change(
        &mut self,
        now: SimTime,
        pod: PodId,
        change: impl FnOnce(&mut PodTrack),
    ) -> [PodView; 2] {
        let track = self.pod(pod);
        let (workload, template) = (track.workload, track.identity.template);
        let before = track.view();
        change(track);
        let after = track.view();
        let stage = track.stage();
        let doomed = after.serving && (track.flags.terminating || track.deleted.is_some());
        let place = (pod, track.node());
        self.reach.doomed(now, place, doomed, self.window);
        if let Some(stages) = &mut self.stages {
            stages.set(now, pod, stage);
        }
        self.account(now, (workload, template), before, after);
        [before, after]
    }

    fn account(
        &mut self,
        now: SimTime,
        (workload, template): (WorkloadId, TemplateId),
        before: PodView,
        after: PodView,
    ) {
        // Even without a change: recovery is to be up to date before it hears of the fact.
        self.settle(now, workload);
        if before == after {
            return;
        }
        let track = &mut self.workloads[workload];
        for (view, by) in [(before, -1), (after, 1)] {
            track.ready += if view.ready { by } else { 0 };
            track.serving += if view.serving { by } else { 0 };
            track.sound += if view.ready && view.serving { by } else { 0 };
            track.running += if view.running { by } else { 0 };
            for (pods, missed) in track.missed.iter_mut().zip(view.missed) {
                *pods += if missed { by } else { 0 };
            }
            if let Some(node) = view.placed {
                track.place((node, self.model.nodes[node].zone), by);
            }
        }
        self.lost = self.lost + u32::from(after.lost) - u32::from(before.lost);
        if let Some(state) = after.state {
            self.states[state as usize] += 1;
        }
        if let Some(state) = before.state {
            self.states[state as usize] -= 1;
        }
        if before.holds != after.holds {
            for (node, by) in [(before.holds, -1), (after.holds, 1)] {
                let Some(node) = node else { continue };
                self.load.change(now, node, template, by);
                if let Some(series) = &mut self.series {
                    series.touch_node(node);
                }
            }
        }
        if let Some(series) = &mut self.series {
            series.touch_workload(workload);
        }
    }

    /// A fault begins: which workloads does it strike before they were ever whole?
    fn find_unready(&mut self, now: SimTime, ordinal: u32) {
        if now == SimTime::ZERO {
            return;
        }
        let active = self.pods.iter().flatten().filter(|pod| pod.is_active());
        let struck =
            active.filter(|pod| self.recovery.reaches(ordinal, pod.identity.template, pod.node()));
        let struck: BTreeSet<WorkloadId> = struck.map(|pod| pod.workload).collect();
        let all = self.recovery.reaches_all(ordinal);
        for workload in self.workloads.ids() {
            self.settle(now, workload);
            let track = &self.workloads[workload];
            if track.desired > 0 && !track.was_whole && (all || struck.contains(&workload)) {
                self.recovery.find_unready(now, ordinal, workload);
            }
        }
    }

    fn settle(&mut self, now: SimTime, workload: WorkloadId) {
        let track = &mut self.workloads[workload];
        track.settle(now, self.window);
        if let Some(since) = track.whole_since() {
            self.recovery.whole(now, workload, since);
        }
    }
}

/// A set of nodes that knows how many they are without counting.
#[derive(Debug, Default)]
struct CountedSet {
    nodes: IdSet<NodeId>,
    count: u32,
}

impl CountedSet {
    fn set(&mut self, node: NodeId, within: bool) {
        if within {
            self.count += u32::from(self.nodes.insert(node));
        } else {
            self.count -= u32::from(self.nodes.remove(node));
        }
    }
}
