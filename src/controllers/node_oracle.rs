//! The node lifecycle controller as Kubernetes runs it, pass after pass over all nodes, as the
//! oracle for the event-driven one. Traces of the real controller are replayed by `conformance`.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::bench::Bench;
use super::well_known::{WellKnown, has_taint};
use super::zones::{ZoneState, taint_interval};
use crate::base::time::{SimDuration, SimTime};
use crate::model::{Model, NodeId, Taint, TaintEffect, fixture};
use crate::state::{Condition, ConditionStatus, NodeObject, Request};

/// What happens to a node.
#[derive(Clone, Copy, Debug)]
enum Op {
    /// The kubelet stops.
    Stop,
    /// The kubelet starts again and posts `Ready=True`.
    Resume,
    /// A running kubelet posts this status.
    Post(ConditionStatus),
    /// An operator cordons or uncordons the node.
    Cordon(bool),
}

/// A write: when, and what in words.
type Written = (SimTime, String);

/// Per zone of the oracle.
struct Queue {
    state: ZoneState,
    interval: Option<SimDuration>,
    token: SimTime,
    waiting: Vec<NodeId>,
    taken_up: BTreeSet<NodeId>,
}

impl Queue {
    fn take(&mut self, now: SimTime) -> bool {
        let Some(interval) = self.interval.filter(|_| now >= self.token) else { return false };
        self.token = now + interval;
        true
    }

    fn swap(&mut self, interval: Option<SimDuration>, now: SimTime) {
        if self.interval != interval {
            let had = self.take(now);
            self.interval = interval;
            let wait = interval.filter(|_| !had).unwrap_or(SimDuration::ZERO);
            self.token = now + wait;
        }
    }

    fn forget(&mut self, node: NodeId) {
        if self.taken_up.remove(&node) {
            self.waiting.retain(|&waiting| waiting != node);
        }
    }
}

/// The ticking controller with its API server, watch and cache.
struct Ticking<'a> {
    model: &'a Model,
    known: WellKnown,
    lag: SimDuration,
    api: Vec<NodeObject>,
    cache: Vec<NodeObject>,
    /// Node changes on their way, in order.
    watch: Vec<(SimTime, NodeId, NodeObject)>,
    /// When renewals reach the cache, per node, ascending.
    renewals: Vec<Vec<SimTime>>,
    /// Posts that changed the status, as they reached the cache.
    posted: Vec<Option<SimTime>>,
    probe: Vec<SimTime>,
    /// The lease and the post that were last noticed, and whether the record has no lease.
    seen: Vec<[Option<SimTime>; 2]>,
    forgot: Vec<bool>,
    zones: Vec<Queue>,
    log: Vec<Written>,
}

impl<'a> Ticking<'a> {
    fn new(model: &'a Model, lag: SimDuration, renewals: Vec<Vec<SimTime>>) -> Self {
        let api: Vec<NodeObject> = model.nodes.values().map(NodeObject::ready).collect();
        let count = api.len();
        let mut ticking = Self {
            model,
            known: WellKnown::new(model),
            lag,
            cache: api.clone(),
            api,
            watch: Vec::new(),
            renewals,
            posted: vec![None; count],
            probe: vec![SimTime::ZERO; count],
            seen: vec![[None; 2]; count],
            forgot: vec![true; count],
            zones: Vec::new(),
            log: Vec::new(),
        };
        ticking.restart(SimTime::ZERO);
        ticking
    }

    fn restart(&mut self, now: SimTime) {
        let interval = taint_interval(self.model.recovery.node_eviction_rate_milli);
        let queue = |_| Queue {
            state: ZoneState::Initial,
            interval,
            token: SimTime::ZERO,
            waiting: Vec::new(),
            taken_up: BTreeSet::new(),
        };
        self.zones = (0..self.model.zones.len()).map(queue).collect();
        self.probe.fill(now);
        self.forgot.fill(true);
        for node in self.model.nodes.ids() {
            self.no_schedule(now, node);
        }
    }

    fn changed(&mut self, now: SimTime, node: NodeId) {
        self.watch.push((now + self.lag, node, self.api[node.index()].clone()));
    }

    fn set_ready(&mut self, now: SimTime, node: NodeId, status: ConditionStatus) {
        let ready = &mut self.api[node.index()].ready;
        if ready.status != status {
            *ready = Condition::new(status, now);
            self.changed(now, node);
        }
    }

    fn write_taints(&mut self, now: SimTime, node: NodeId, remove: &[Taint], add: &[Taint]) {
        let taints = &mut self.api[node.index()].taints;
        taints.retain(|t| !remove.iter().any(|r| r.key == t.key && r.effect == t.effect));
        taints.extend(add);
        self.log.push((now, in_words(node, remove, add)));
        self.changed(now, node);
    }

    fn operate(&mut self, now: SimTime, node: NodeId, op: Op) {
        match op {
            Op::Stop => {}
            Op::Resume => self.set_ready(now, node, ConditionStatus::True),
            Op::Post(status) => self.set_ready(now, node, status),
            Op::Cordon(unschedulable) => {
                self.api[node.index()].unschedulable = unschedulable;
                self.changed(now, node);
            }
        }
    }

    /// Delivers everything that arrives by `now`, in order.
    fn deliver(&mut self, now: SimTime) {
        while self.watch.first().is_some_and(|&(due, _, _)| due <= now) {
            let (due, node, object) = self.watch.remove(0);
            let before = std::mem::replace(&mut self.cache[node.index()], object);
            let ready = self.cache[node.index()].ready;
            if ready != before.ready && ready.status != ConditionStatus::Unknown {
                self.posted[node.index()] = Some(due);
            }
            self.no_schedule(due, node);
        }
    }

    fn no_schedule(&mut self, now: SimTime, node: NodeId) {
        let object = &self.cache[node.index()];
        let effect = TaintEffect::NoSchedule;
        let (not_ready, unreachable) =
            (self.known.not_ready(effect), self.known.unreachable(effect));
        let wanted = [
            (not_ready, object.ready.status == ConditionStatus::False),
            (unreachable, object.ready.status == ConditionStatus::Unknown),
            (self.known.unschedulable(), object.unschedulable),
        ];
        let (mut add, mut remove) = (Vec::new(), Vec::new());
        for (taint, is_wanted) in wanted {
            match (is_wanted, has_taint(&object.taints, &taint)) {
                (true, false) => add.push(taint),
                (false, true) => remove.push(taint),
                _ => {}
            }
        }
        if !add.is_empty() || !remove.is_empty() {
            self.write_taints(now, node, &remove, &add);
        }
    }

    fn pair(&self, status: ConditionStatus) -> Option<(Taint, Taint)> {
        let effect = TaintEffect::NoExecute;
        let (not_ready, unreachable) =
            (self.known.not_ready(effect), self.known.unreachable(effect));
        match status {
            ConditionStatus::True => None,
            ConditionStatus::False => Some((not_ready, unreachable)),
            ConditionStatus::Unknown => Some((unreachable, not_ready)),
        }
    }

    fn reachable(&mut self, now: SimTime, node: NodeId) {
        self.zones[self.model.nodes[node].zone.index()].forget(node);
        let effect = TaintEffect::NoExecute;
        let taints = &self.cache[node.index()].taints;
        let remove: Vec<Taint> = [self.known.unreachable(effect), self.known.not_ready(effect)]
            .into_iter()
            .filter(|taint| has_taint(taints, taint))
            .collect();
        if !remove.is_empty() {
            self.write_taints(now, node, &remove, &[]);
        }
    }

    fn pass(&mut self, now: SimTime) {
        let grace = self.model.recovery.node_monitor_grace_period;
        let mut counts = vec![(0, 0); self.zones.len()];
        for node in self.model.nodes.ids() {
            let index = node.index();
            let renewals = &self.renewals[index];
            let newest = renewals[..renewals.partition_point(|&at| at <= now)].last().copied();
            let [lease, post] = self.seen[index];
            let had_none = self.forgot[index];
            if self.posted[index] > post {
                self.probe[index] = now;
                self.forgot[index] = true;
            }
            if newest.is_some() && (newest > lease || had_none) {
                self.probe[index] = now;
                self.forgot[index] = false;
            }
            self.seen[index] = [newest, self.posted[index]];
            let observed = self.cache[index].ready.status;
            let expired = now > self.probe[index] + grace;
            let current = if expired { ConditionStatus::Unknown } else { observed };
            if current != observed {
                self.log.push((now, format!("{node:?} Unknown")));
                self.set_ready(now, node, current);
            }
            let zone = self.model.nodes[node].zone.index();
            match self.pair(observed) {
                None => self.reachable(now, node),
                Some((own, opposite)) if has_taint(&self.cache[index].taints, &opposite) => {
                    self.write_taints(now, node, &[opposite], &[own]);
                }
                Some(_) => {
                    if self.zones[zone].taken_up.insert(node) {
                        self.zones[zone].waiting.push(node);
                    }
                }
            }
            let count = &mut counts[zone];
            *(if current == ConditionStatus::True { &mut count.0 } else { &mut count.1 }) += 1;
        }
        self.disruption(now, &counts);
    }

    fn disruption(&mut self, now: SimTime, counts: &[(u64, u64)]) {
        let policy = &self.model.recovery;
        let full = ZoneState::FullDisruption;
        let states: Vec<ZoneState> = counts
            .iter()
            .map(|&(ready, not)| ZoneState::of(ready, not, policy.unhealthy_zone_threshold_milli))
            .collect();
        let all_are = states.iter().all(|&state| state == full);
        let all_were = self.zones.iter().all(|zone| zone.state == full);
        if all_are && all_were {
            return;
        }
        if all_are {
            for node in self.model.nodes.ids() {
                self.reachable(now, node);
            }
        } else if all_were {
            self.probe.fill(now);
        }
        for (zone, (&state, &(ready, not))) in self.zones.iter_mut().zip(states.iter().zip(counts))
        {
            let large = ready + not > u64::from(policy.large_cluster_size_threshold);
            let rate = match state {
                _ if all_are => 0,
                ZoneState::PartialDisruption if large => policy.secondary_node_eviction_rate_milli,
                ZoneState::PartialDisruption => 0,
                _ => policy.node_eviction_rate_milli,
            };
            if all_are || all_were || zone.state != state {
                zone.swap(taint_interval(rate), now);
                zone.state = state;
            }
        }
    }

    fn drain(&mut self, now: SimTime) {
        for zone in 0..self.zones.len() {
            while let Some(&node) = self.zones[zone].waiting.first() {
                if !self.zones[zone].take(now) {
                    break;
                }
                self.zones[zone].waiting.remove(0);
                let object = &self.cache[node.index()];
                let Some((own, opposite)) = self.pair(object.ready.status) else {
                    self.zones[zone].taken_up.remove(&node);
                    continue;
                };
                let add = !has_taint(&object.taints, &own);
                let remove = has_taint(&object.taints, &opposite);
                let (add, remove): (Vec<Taint>, Vec<Taint>) = (
                    Some(own).filter(|_| add).into_iter().collect(),
                    Some(opposite).filter(|_| remove).into_iter().collect(),
                );
                if !add.is_empty() || !remove.is_empty() {
                    self.write_taints(now, node, &remove, &add);
                }
            }
        }
    }
}

/// A random history under a random policy.
#[derive(Clone, Debug)]
struct History {
    zones: Vec<usize>,
    period_s: u64,
    grace_s: u64,
    secondary_milli: u64,
    lag_ms: u64,
    phases_ms: Vec<u64>,
    /// (milliseconds, node, what), any order.
    ops: Vec<(u64, usize, Op)>,
    restart_ms: Option<u64>,
}

fn histories() -> impl Strategy<Value = History> {
    let op = prop_oneof![
        4 => Just(Op::Stop),
        4 => Just(Op::Resume),
        1 => Just(Op::Post(ConditionStatus::False)),
        1 => Just(Op::Post(ConditionStatus::True)),
        1 => any::<bool>().prop_map(Op::Cordon),
    ];
    (
        (prop::collection::vec(1..5usize, 1..4), 0..3usize, 0..4usize, any::<bool>()),
        prop_oneof![Just(0), Just(30), Just(1_700)],
        prop::collection::vec(0..10_000u64, 15),
        prop::collection::vec((1..400_000u64, 0..15usize, op), 0..40),
        prop::option::of(50_000..350_000u64),
    )
        .prop_map(|((zones, period, grace, fast), lag_ms, phases_ms, ops, restart_ms)| {
            History {
                zones,
                period_s: [1, 2, 5][period],
                grace_s: [3, 10, 20, 40][grace],
                secondary_milli: if fast { 50 } else { 10 },
                lag_ms,
                phases_ms,
                ops,
                restart_ms,
            }
        })
}

const END: SimTime = SimTime::from_secs(400);
const LEASE_INTERVAL: SimDuration = SimDuration::from_secs(10);

fn off_grid(millis: u64) -> SimTime {
    SimTime::from_nanos(millis * 1_000_000 + 377)
}

/// Where passes go on from: no operation falls together with one.
fn restart_of(history: &History) -> Option<SimTime> {
    let beside = SimDuration::from_nanos(134);
    history.restart_ms.map(|millis| off_grid(millis) + beside)
}

/// The ops that do something, in order; and from them each node's renewals.
fn effective(history: &History, nodes: usize) -> (Vec<(SimTime, NodeId, Op)>, Vec<Vec<SimTime>>) {
    let mut ops = history.ops.clone();
    ops.sort_by_key(|&(at, node, _)| (at, node));
    ops.dedup_by_key(|op| op.0);
    let mut effective = Vec::new();
    let mut up: Vec<Option<SimTime>> = vec![Some(SimTime::ZERO); nodes];
    let mut renewals = vec![Vec::new(); nodes];
    let renew = |renewals: &mut Vec<SimTime>, node: usize, since: SimTime, until: SimTime| {
        renewals.push(since);
        let phase = SimTime::from_nanos(history.phases_ms[node] * 1_000_000);
        let aligned = (0..100).map(|n| phase + LEASE_INTERVAL.saturating_mul(n));
        renewals.extend(aligned.filter(|&at| at > since && at < until));
    };
    for (at, node, op) in ops {
        let (at, node) = (off_grid(at), node % nodes);
        let happens = match op {
            Op::Stop | Op::Post(_) => up[node].is_some(),
            Op::Resume => up[node].is_none(),
            Op::Cordon(_) => true,
        };
        if happens {
            effective.push((at, NodeId::from_index(node), op));
        }
        match op {
            Op::Stop => {
                if let Some(since) = up[node].take() {
                    renew(&mut renewals[node], node, since, at);
                }
            }
            Op::Resume => up[node] = up[node].or(Some(at)),
            Op::Post(_) | Op::Cordon(_) => {}
        }
    }
    for (node, since) in up.iter().enumerate() {
        if let Some(since) = *since {
            renew(&mut renewals[node], node, since, END);
        }
    }
    (effective, renewals)
}

/// All writes of the ticking controller.
fn tick(model: &Model, history: &History) -> Vec<Written> {
    let lag = SimDuration::from_millis(history.lag_ms);
    let (ops, mut renewals) = effective(history, model.nodes.len());
    for at in renewals.iter_mut().flatten() {
        *at += lag;
    }
    let mut ticking = Ticking::new(model, lag, renewals);
    let mut ops = ops.into_iter().peekable();
    let mut advance = |ticking: &mut Ticking<'_>, until: SimTime| {
        while let Some((at, node, op)) = ops.next_if(|op| op.0 < until) {
            // What arrives at the same instant as an operation comes after it.
            ticking.deliver(SimTime::from_nanos(at.as_nanos() - 1));
            ticking.operate(at, node, op);
        }
        ticking.deliver(until);
    };
    let period = SimDuration::from_secs(history.period_s);
    let restart = restart_of(history);
    let mut runs = vec![(SimTime::ZERO, restart.unwrap_or(END))];
    runs.extend(restart.map(|restart| (restart, END)));
    for (start, end) in runs {
        let (mut now, mut pass) = (start, start);
        advance(&mut ticking, start);
        if start > SimTime::ZERO {
            ticking.restart(start);
        }
        while now < end {
            advance(&mut ticking, now);
            if now == pass {
                ticking.pass(now);
                pass += period;
                ticking.deliver(now);
            }
            ticking.drain(now);
            ticking.deliver(now);
            now += SimDuration::from_millis(100);
        }
    }
    advance(&mut ticking, END);
    ticking.log.retain(|written| written.0 < END);
    ticking.log
}

/// All writes of the event-driven controller.
fn simulate(model: &Model, history: &History) -> Vec<Written> {
    let mut bench = Bench::new(model);
    for (node, truth) in bench.state.truth.nodes.iter_mut() {
        truth.lease_phase = SimDuration::from_millis(history.phases_ms[node.index()]);
    }
    bench.lead(SimTime::ZERO, 0);
    let (ops, _) = effective(history, model.nodes.len());
    let mut restart = restart_of(history);
    for (at, node, op) in ops.into_iter().chain([(END, NodeId::from_index(0), Op::Stop)]) {
        if let Some(restarts) = restart.take_if(|restart| *restart < at) {
            bench.run_before(restarts);
            bench.run_before(restarts + SimDuration::from_nanos(1));
            bench.lead(restarts, 1);
        }
        bench.run_before(at);
        if at == END {
            break;
        }
        match op {
            Op::Stop => {
                bench.set_beating(at, node, false);
            }
            Op::Resume => {
                bench.set_beating(at, node, true);
                bench.set_ready(at, node, Condition::new(ConditionStatus::True, at));
            }
            Op::Post(status) => bench.set_ready(at, node, Condition::new(status, at)),
            Op::Cordon(unschedulable) => {
                bench.state.api.nodes[node].unschedulable = unschedulable;
                bench.node_changed(at, node);
            }
        }
    }
    bench.log.iter().map(|(time, request)| plain(*time, request)).collect()
}

/// A change of taints in words; it happens at once, so that its order means nothing.
fn in_words(node: NodeId, remove: &[Taint], add: &[Taint]) -> String {
    let [remove, add] = [remove, add].map(|taints| {
        let mut taints = taints.to_vec();
        taints.sort_by_key(|taint| (taint.key, taint.effect));
        taints
    });
    format!("{node:?} -{remove:?} +{add:?}")
}

/// A write in the oracle's words.
fn plain(time: SimTime, request: &Request) -> Written {
    use crate::state::NodeTaint;
    match request {
        Request::NodeReady { node, .. } => (time, format!("{node:?} Unknown")),
        Request::NodeTaints { node, changes } => {
            let (mut add, mut remove) = (Vec::new(), Vec::new());
            for change in changes {
                match change {
                    NodeTaint::Add(taint) => add.push(*taint),
                    NodeTaint::Remove(taint) => remove.push(*taint),
                }
            }
            (time, in_words(*node, &remove, &add))
        }
        other => (time, format!("{other:?}")),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Whatever nodes do, looking only when something can change writes what ticking writes.
    #[test]
    fn planned_passes_write_what_ticking_writes(history in histories()) {
        let mut model = fixture::model(&history.zones);
        model.recovery.node_monitor_period = SimDuration::from_secs(history.period_s);
        model.recovery.node_monitor_grace_period = SimDuration::from_secs(history.grace_s);
        model.recovery.secondary_node_eviction_rate_milli = history.secondary_milli;
        model.recovery.large_cluster_size_threshold = 3;
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let lag = history.lag_ms as f64 / 1000.0;
        model.control_plane.watch_latency_s = crate::rng::Distribution::Constant(lag);
        let mut ticked = tick(&model, &history);
        let mut simulated = simulate(&model, &history);
        ticked.sort();
        simulated.sort();
        prop_assert_eq!(simulated, ticked);
    }
}
