//! The node lifecycle controller: notices nodes that have stopped renewing their lease, says so
//! in their `Ready` condition, marks their pods not ready and taints them.
//!
//! The controller of Kubernetes looks at all nodes every `nodeMonitorPeriod`. Here only those
//! passes are events at which some node's verdict can change, and only these nodes are looked
//! at; all other passes would do nothing. An extra look is always harmless, so plans are never
//! withdrawn. Every instant is that of the pass which the ticking controller would have run.
//!
//! It knows only its informer cache and the leases (see `leases`), never why a node is silent.

use std::collections::{BTreeMap, BTreeSet};

use super::Informers;
use super::leases::{Lease, LeaseTiming};
use super::schedule::Periodic;
use super::well_known::{WellKnown, has_taint};
use super::zones::{TaintRates, ZoneState, ZoneTainter};
use crate::base::id::IdVec;
use crate::base::time::{SimDuration, SimTime};
use crate::cx::Cx;
use crate::event::{ControllerEvent, Event};
use crate::model::{Model, NodeId, PodId, Taint, TaintEffect, ZoneId};
use crate::record::Involved;
use crate::state::{
    Client, ConditionStatus, NodeCondition, NodeObject, NodeTaint, PodObject, Request,
};

/// How often the NoExecute queues are drained.
const DRAIN_PERIOD: SimDuration = SimDuration::from_millis(100);

/// Label of nodes that do not count in the state of their zone.
const EXCLUDE_DISRUPTION: &str = "node.kubernetes.io/exclude-disruption";

/// What the controller remembers of a node.
#[derive(Clone, Debug)]
struct Watched {
    zone: ZoneId,
    /// Counts in its zone's state.
    counts: bool,
    lease: Lease,
    /// When the node was first seen.
    since: SimTime,
    /// When the kubelet's latest status post reached the cache.
    posted: Option<SimTime>,
    /// The latest pass that noticed a post and, doing so, forgot the lease.
    forgot: Option<SimTime>,
    /// `Ready` as the last pass left it; absent before the first.
    current: Option<ConditionStatus>,
    /// Taken up for a NoExecute taint and not seen Ready since; the pass that queued it.
    queued: Option<SimTime>,
}

/// The node lifecycle controller.
#[derive(Debug)]
pub struct NodeLifecycle {
    known: WellKnown,
    rates: TaintRates,
    timing: LeaseTiming,
    period: SimDuration,
    grace: SimDuration,
    startup_grace: SimDuration,
    epoch: u32,
    passes: Periodic,
    drains: Periodic,
    /// No node's probe timestamp is earlier: the first pass, or the pass that left the state in
    /// which all zones are fully disrupted.
    probes_from: SimTime,
    /// The first pass.
    probes_began: SimTime,
    /// The latest pass that has been run.
    passed: Option<SimTime>,
    due: BTreeMap<SimTime, BTreeSet<NodeId>>,
    nodes: IdVec<NodeId, Watched>,
    zones: IdVec<ZoneId, ZoneTainter>,
    /// A zone's counts changed in the pass under way.
    recounted: bool,
    /// Which of the waiting nodes is tainted first, where that is not left to the controller.
    pub(super) lots: BTreeSet<(SimTime, NodeId)>,
}

impl NodeLifecycle {
    /// A controller that knows nothing yet and is not at work.
    #[must_use]
    pub fn new(model: &Model) -> Self {
        let rates = TaintRates::new(&model.recovery);
        let excluded = model.symbols.get(EXCLUDE_DISRUPTION);
        let mut zones = IdVec::new();
        for _ in model.zones.ids() {
            zones.push(ZoneTainter::new(&rates));
        }
        let mut nodes = IdVec::new();
        for (_, spec) in model.nodes.iter() {
            nodes.push(Watched {
                zone: spec.zone,
                counts: excluded.is_none_or(|label| spec.labels.get(label).is_none()),
                lease: Lease::default(),
                since: SimTime::ZERO,
                posted: None,
                forgot: None,
                current: None,
                queued: None,
            });
        }
        let period = model.recovery.node_monitor_period.max(SimDuration::from_nanos(1));
        Self {
            known: WellKnown::new(model),
            rates,
            timing: LeaseTiming::new(model),
            period,
            grace: model.recovery.node_monitor_grace_period,
            startup_grace: model.recovery.node_startup_grace_period,
            epoch: 0,
            passes: Periodic::new(SimTime::ZERO, period),
            drains: Periodic::new(SimTime::ZERO, DRAIN_PERIOD),
            probes_from: SimTime::ZERO,
            probes_began: SimTime::ZERO,
            passed: None,
            due: BTreeMap::new(),
            nodes,
            zones,
            recounted: false,
            lots: BTreeSet::new(),
        }
    }

    /// The process leads: memory is empty, so that every node gets a full grace period from the
    /// first pass, which is now.
    ///
    /// Fidelity: NoExecute taints that are there stay; kube-controller-manager first removes
    /// them from every node that it sees for the first time and queues those nodes again.
    pub fn lead(&mut self, cx: &mut Cx<'_>, cache: &Informers, epoch: u32) {
        *self = Self::new(cx.model);
        self.epoch = epoch;
        self.passes = Periodic::new(cx.now, self.period);
        self.drains = Periodic::new(cx.now, DRAIN_PERIOD);
        (self.probes_from, self.probes_began) = (cx.now, cx.now);
        for node in cache.nodes.ids() {
            self.set_condition_taints(cx, cache, node);
            self.look_at(cx, node, cx.now);
        }
    }

    /// A node that has just been registered reached the cache.
    pub fn on_new_node(&mut self, cx: &mut Cx<'_>, cache: &Informers, node: NodeId) {
        self.nodes[node].since = cx.now;
        if cache.nodes[node].posted {
            self.note_post(node, cx.now);
        }
        self.set_condition_taints(cx, cache, node);
        let pass = self.next_pass(cx.now);
        self.look_at(cx, node, pass);
    }

    /// A node began or ceased to renew its lease.
    pub fn on_heartbeat(&mut self, cx: &mut Cx<'_>, cache: &Informers, node: NodeId) {
        self.nodes[node].lease.observe(&cx.state.truth.nodes[node], self.timing);
        self.plan_expiry(cx, cache, node);
    }

    /// A change of a node reached the cache.
    pub fn on_node(
        &mut self,
        cx: &mut Cx<'_>,
        cache: &Informers,
        before: &NodeObject,
        node: NodeId,
    ) {
        self.set_condition_taints(cx, cache, node);
        let object = &cache.nodes[node];
        let changed = object.ready != before.ready || object.conditions != before.conditions;
        if changed && object.ready.status != ConditionStatus::Unknown {
            self.on_status_post(cx, cache, node);
        }
        let pass = self.next_pass(cx.now);
        self.look_at(cx, node, pass);
    }

    /// The kubelet posted the node's status: a sign of life, like a renewed lease.
    pub fn on_status_post(&mut self, cx: &mut Cx<'_>, cache: &Informers, node: NodeId) {
        self.note_post(node, cx.now);
        self.plan_expiry(cx, cache, node);
    }

    /// A change of a pod reached the cache: one that was just bound to a node known not to be
    /// Ready is marked not ready at once.
    pub fn on_pod(
        &mut self,
        cx: &mut Cx<'_>,
        cache: &Informers,
        before: Option<&PodObject>,
        pod: PodId,
    ) {
        let Some(object) = cache.pod(pod) else { return };
        let Some(node) = object.node else { return };
        let just_bound = before.and_then(|before| before.node) != Some(node);
        let current = self.nodes[node].current;
        if just_bound && current.is_some_and(|status| status != ConditionStatus::True) {
            mark_not_ready(cx, pod, object);
        }
    }

    /// A planned pass of the monitor.
    pub fn monitor(&mut self, cx: &mut Cx<'_>, cache: &Informers, _node: NodeId, epoch: u32) {
        if epoch == self.epoch {
            self.pass(cx, cache);
        }
    }

    /// A planned drain of a zone's NoExecute queue.
    pub fn taint_queue(&mut self, cx: &mut Cx<'_>, cache: &Informers, zone: ZoneId, epoch: u32) {
        if !self.zones[zone].arrive(cx.now, epoch) {
            return;
        }
        if self.due.contains_key(&cx.now) {
            // The monitor comes first where both fall together, and what it writes is seen first.
            self.pass(cx, cache);
            self.plan_drain(cx, zone);
            return;
        }
        while let Some(node) =
            self.zones[zone].release(cx.now, |node| self.lots.contains(&(cx.now, node)))
        {
            self.taint_no_execute(cx, cache, node);
        }
        self.plan_drain(cx, zone);
    }

    /// The state of a zone as of the last pass.
    #[must_use]
    pub fn zone_state(&self, zone: ZoneId) -> ZoneState {
        self.zones[zone].state()
    }

    /// Runs the pass of this instant, if there is one that has not been run.
    fn pass(&mut self, cx: &mut Cx<'_>, cache: &Informers) {
        if self.passes.runs_at(cx.now) {
            self.passed = Some(cx.now);
        }
        let Some(due) = self.due.remove(&cx.now) else { return };
        // A pass writes as it goes: while its writes wait for the client's rate limit, no other
        // pass begins.
        let free = cx.state.clients.free_at(Client::NodeLifecycle, cx.now);
        if free > cx.now {
            let later = self.passes.at_or_after(free).max(self.passes.after(cx.now));
            for node in due {
                self.look_at(cx, node, later);
            }
            return;
        }
        for node in due {
            self.examine(cx, cache, node);
        }
        if std::mem::take(&mut self.recounted) {
            self.handle_disruption(cx, cache);
        }
        for zone in cx.model.zones.ids() {
            self.plan_drain(cx, zone);
        }
    }

    /// What a pass does with one node.
    fn examine(&mut self, cx: &mut Cx<'_>, cache: &Informers, node: NodeId) {
        self.nodes[node].lease.observe(&cx.state.truth.nodes[node], self.timing);
        let object = &cache.nodes[node];
        let observed = object.ready.status;
        let grace = if object.posted { self.grace } else { self.startup_grace };
        let expired = cx.now > self.probe_timestamp(node, cx.now).saturating_add(grace);
        let current = if expired { ConditionStatus::Unknown } else { observed };
        let mut wrote = false;
        if current != observed || (expired && !object.posted) {
            let ready = object.ready.turned(current, cx.now);
            let conditions = object.conditions.unknown();
            cx.request(Client::NodeLifecycle, Request::NodeReady { node, ready, conditions });
            wrote = true;
        }
        if expired || object.posted {
            wrote |= self.decide_no_execute(cx, object, node);
        }
        if observed == ConditionStatus::True && current != ConditionStatus::True {
            cx.kube_event(
                Involved::Node(node),
                (false, "NodeNotReady", "node-controller"),
                |model, _| format!("Node {} status is now: NodeNotReady", model.nodes[node].name),
            );
            for (pod, object) in cache.pods_on(node) {
                mark_not_ready(cx, pod, object);
            }
        }
        self.note_current(node, current);
        if wrote {
            // The next pass sees what this one wrote, or writes it again.
            let pass = self.passes.after(cx.now);
            self.look_at(cx, node, pass);
        }
        self.plan_expiry(cx, cache, node);
    }

    fn note_current(&mut self, node: NodeId, current: ConditionStatus) {
        let watched = &mut self.nodes[node];
        let is_ready = |status: ConditionStatus| status == ConditionStatus::True;
        let before = watched.current.replace(current).map(is_ready);
        if watched.counts && before != Some(is_ready(current)) {
            self.zones[watched.zone].recount(before, is_ready(current));
            self.recounted = true;
        }
    }

    /// Queues, swaps or removes NoExecute taints by the condition observed before the pass;
    /// returns whether anything was written.
    fn decide_no_execute(&mut self, cx: &mut Cx<'_>, object: &NodeObject, node: NodeId) -> bool {
        let Some((own, opposite)) = self.no_execute_taints(object.ready.status) else {
            return self.make_reachable(cx, object, node);
        };
        if has_taint(&object.taints, &opposite) {
            let changes = vec![NodeTaint::Remove(opposite), NodeTaint::Add(own)];
            cx.request(Client::NodeLifecycle, Request::NodeTaints { node, changes });
            return true;
        }
        let watched = &mut self.nodes[node];
        if watched.queued.is_none() {
            watched.queued = Some(cx.now);
            self.zones[watched.zone].queue(node, cx.now);
        }
        false
    }

    /// The NoExecute taint that belongs to a `Ready` status, and the one that must not be there
    /// with it; `None` for a node that is Ready.
    fn no_execute_taints(&self, ready: ConditionStatus) -> Option<(Taint, Taint)> {
        let not_ready = self.known.not_ready(TaintEffect::NoExecute);
        let unreachable = self.known.unreachable(TaintEffect::NoExecute);
        match ready {
            ConditionStatus::True => None,
            ConditionStatus::False => Some((not_ready, unreachable)),
            ConditionStatus::Unknown => Some((unreachable, not_ready)),
        }
    }

    /// Takes a node out of the NoExecute queue and such taints off it; returns whether there
    /// were any.
    fn make_reachable(&mut self, cx: &mut Cx<'_>, object: &NodeObject, node: NodeId) -> bool {
        let watched = &mut self.nodes[node];
        if let Some(at) = watched.queued.take() {
            self.zones[watched.zone].unqueue(node, at);
        }
        let effect = TaintEffect::NoExecute;
        let changes: Vec<NodeTaint> =
            [self.known.unreachable(effect), self.known.not_ready(effect)]
                .into_iter()
                .filter(|taint| has_taint(&object.taints, taint))
                .map(NodeTaint::Remove)
                .collect();
        if changes.is_empty() {
            return false;
        }
        cx.request(Client::NodeLifecycle, Request::NodeTaints { node, changes });
        true
    }

    /// A node's turn has come: it gets the taint of its condition as the cache has it.
    fn taint_no_execute(&mut self, cx: &mut Cx<'_>, cache: &Informers, node: NodeId) {
        let object = &cache.nodes[node];
        let Some((own, opposite)) = self.no_execute_taints(object.ready.status) else {
            // Ready again since the last pass: should it fail before the next, it queues anew.
            self.nodes[node].queued = None;
            return;
        };
        let mut changes = Vec::new();
        if has_taint(&object.taints, &opposite) {
            changes.push(NodeTaint::Remove(opposite));
        }
        if !has_taint(&object.taints, &own) {
            changes.push(NodeTaint::Add(own));
        }
        if !changes.is_empty() {
            cx.request(Client::NodeLifecycle, Request::NodeTaints { node, changes });
        }
    }

    /// Sets each zone's state and rate after the counts have changed.
    fn handle_disruption(&mut self, cx: &mut Cx<'_>, cache: &Informers) {
        let computed: Vec<(ZoneId, ZoneState)> = self
            .zones
            .iter()
            .filter_map(|(id, zone)| Some((id, zone.computed(&self.rates)?)))
            .collect();
        let full = ZoneState::FullDisruption;
        let all_are = computed.iter().all(|&(_, state)| state == full);
        let all_were = computed.iter().all(|&(zone, _)| self.zones[zone].state() == full);
        if all_are && all_were {
            return;
        }
        if all_are {
            for &(zone, _) in &computed {
                self.zones[zone].stop(cx.now);
            }
            self.stop_tainting(cx, cache);
            return;
        }
        for &(zone, state) in &computed {
            // On leaving full disruption everywhere all rates come back.
            if all_were || self.zones[zone].state() != state {
                self.zones[zone].enter(state, &self.rates, cx.now);
            }
        }
        if all_were {
            self.probes_from = cx.now;
            for node in cache.nodes.ids() {
                self.plan_expiry(cx, cache, node);
            }
        }
    }

    /// Every zone is fully disrupted, so the fault may be on this side: NoExecute taints go.
    fn stop_tainting(&mut self, cx: &mut Cx<'_>, cache: &Informers) {
        let pass = self.passes.after(cx.now);
        for node in cache.nodes.ids() {
            self.make_reachable(cx, &cache.nodes[node], node);
            self.look_at(cx, node, pass);
        }
    }

    /// `NoSchedule` taints follow the condition and `spec.unschedulable` at once.
    fn set_condition_taints(&self, cx: &mut Cx<'_>, cache: &Informers, node: NodeId) {
        let object = &cache.nodes[node];
        let effect = TaintEffect::NoSchedule;
        let condition = match object.ready.status {
            ConditionStatus::True => None,
            ConditionStatus::False => Some(self.known.not_ready(effect)),
            ConditionStatus::Unknown => Some(self.known.unreachable(effect)),
        };
        let unschedulable = object.unschedulable.then(|| self.known.unschedulable());
        let has = |condition| object.conditions.status(condition) == ConditionStatus::True;
        let others = NodeCondition::ALL.into_iter().filter(|&condition| has(condition));
        let others = others.map(|condition| self.known.of_condition(condition));
        let ready = condition.filter(|_| object.posted);
        let wanted: Vec<Taint> = ready.into_iter().chain(unschedulable).chain(others).collect();
        let owned =
            |taint: &&Taint| taint.effect == effect && self.known.follows_condition(taint.key);
        let surplus = object.taints.iter().filter(owned).filter(|t| !has_taint(&wanted, t));
        let missing = wanted.iter().filter(|taint| !has_taint(&object.taints, taint));
        let changes: Vec<NodeTaint> = missing
            .map(|&taint| NodeTaint::Add(taint))
            .chain(surplus.map(|&taint| NodeTaint::Remove(taint)))
            .collect();
        if !changes.is_empty() {
            cx.request(Client::NodeLifecycle, Request::NodeTaints { node, changes });
        }
    }

    /// Notes a post. The pass that notices one puts a new record in the place of the old one, with
    /// the lease left out unless it was renewed since the pass before; so the next pass takes the
    /// lease that it finds for a new one, and for a sign of life.
    fn note_post(&mut self, node: NodeId, now: SimTime) {
        let pass = self.next_pass(now);
        let watched = &self.nodes[node];
        if watched.posted.is_some_and(|posted| self.passes.at_or_after(posted) == pass) {
            return;
        }
        let before = watched.forgot.filter(|&forgot| self.passes.after(forgot) == pass);
        let taken_for_new = before.is_some_and(|forgot| !self.renewed_in(node, forgot));
        let watched = &mut self.nodes[node];
        watched.posted = Some(now);
        watched.forgot = (!taken_for_new).then_some(pass);
    }

    /// Whether a pass finds the lease renewed since the pass before; the first pass always does.
    fn renewed_in(&self, node: NodeId, pass: SimTime) -> bool {
        let lease = &self.nodes[node].lease;
        let before = pass.as_nanos().checked_sub(self.period.as_nanos()).map(SimTime::from_nanos);
        let before = before.filter(|&before| before >= self.probes_began);
        before.is_none_or(|before| {
            lease.seen_by(pass, self.timing) > lease.seen_by(before, self.timing)
        })
    }

    /// The pass after a post at which the lease is taken for a new one, if it has come by `now`.
    fn taken_for_new(&self, node: NodeId, now: SimTime) -> Option<SimTime> {
        let forgot = self.nodes[node].forgot?;
        let pass = self.passes.after(forgot);
        let lease = self.nodes[node].lease.seen_by(pass, self.timing);
        (pass <= now && lease.is_some() && !self.renewed_in(node, forgot)).then_some(pass)
    }

    /// The pass at which the newest sign of life that had arrived by `now` was noticed.
    fn probe_timestamp(&self, node: NodeId, now: SimTime) -> SimTime {
        let watched = &self.nodes[node];
        let sign = watched.lease.seen_by(now, self.timing).max(watched.posted);
        let from = self.probes_from.max(watched.since);
        let from = self.taken_for_new(node, now).map_or(from, |pass| pass.max(from));
        sign.map_or(from, |sign| self.passes.at_or_after(sign).max(from))
    }

    /// Plans a look at a node for the pass at which its grace period will be over, unless its
    /// renewals come often enough that this never happens.
    fn plan_expiry(&mut self, cx: &mut Cx<'_>, cache: &Informers, node: NodeId) {
        let watched = &self.nodes[node];
        if watched.current == Some(ConditionStatus::Unknown) && cache.nodes[node].posted {
            return;
        }
        let grace = if cache.nodes[node].posted { self.grace } else { self.startup_grace };
        let renewing = watched.lease.is_renewing();
        if renewing && self.renewals_suffice() {
            return;
        }
        let mut probe = self.probe_timestamp(node, cx.now);
        if !renewing && let Some(last) = watched.lease.last_seen(self.timing) {
            probe = probe.max(self.passes.at_or_after(last));
        }
        let expiry = self.passes.after(probe.saturating_add(grace));
        let pass = expiry.max(self.next_pass(cx.now));
        self.look_at(cx, node, pass);
    }

    /// Whether a node that renews its lease without a break can never be found silent.
    fn renewals_suffice(&self) -> bool {
        let period = self.period.as_nanos();
        let passes_between_renewals = self.timing.interval.as_nanos().div_ceil(period);
        self.period.saturating_mul(passes_between_renewals - 1) <= self.grace
    }

    /// The first pass that is still to come.
    fn next_pass(&self, now: SimTime) -> SimTime {
        let pass = self.passes.at_or_after(now);
        if self.passed.is_some_and(|passed| passed >= pass) {
            return self.passes.after(pass);
        }
        pass
    }

    /// Plans a look at a node.
    fn look_at(&mut self, cx: &mut Cx<'_>, node: NodeId, pass: SimTime) {
        let epoch = self.epoch;
        let due = self.due.entry(pass).or_default();
        if due.is_empty() {
            cx.at(pass, Event::Controller(ControllerEvent::Monitor { node, epoch }));
        }
        due.insert(node);
    }

    fn plan_drain(&mut self, cx: &mut Cx<'_>, zone: ZoneId) {
        let Some(ready_at) = self.zones[zone].ready_at() else { return };
        let at = self.drains.at_or_after(ready_at.max(cx.now));
        if let Some(epoch) = self.zones[zone].plan(at) {
            cx.at(at, Event::Controller(ControllerEvent::TaintQueue { zone, epoch }));
        }
    }
}

/// Marks a pod of a node that is not Ready as not ready.
fn mark_not_ready(cx: &mut Cx<'_>, pod: PodId, object: &PodObject) {
    if object.status.ready.status == ConditionStatus::False {
        return;
    }
    // Its event follows the write, which may find that there is nothing to change.
    cx.request(Client::NodeLifecycle, Request::PodNotReady { pod });
}

#[cfg(test)]
#[path = "node_lifecycle_tests.rs"]
mod tests;
