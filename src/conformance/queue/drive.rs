//! Runs a history: operations, flushes, attempts and bindings in the recordings' order.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde_json::{Map, Value, json};

use super::history::{History, Op, PodState};
use super::told::{self, Places};
use crate::base::time::{SimDuration, SimTime};
use crate::model::{NodeId, PodId};
use crate::scheduler::{Decided, Failure, Place, PodView, Popped, SchedulerCore};
use crate::scheduling::{ClusterEvent, Outcome, TieBreak};

/// An attempt under way.
struct Attempt {
    popped: Popped,
    decided: Decided,
    began: u64,
    end: u64,
}

/// A Bind call under way.
struct Bind {
    popped: Popped,
    node: NodeId,
    due: u64,
    /// The attempt's place in the list.
    attempt: usize,
}

/// A deletion that the API server has not answered yet.
struct Call {
    due: u64,
    victim: PodId,
    preemptor: PodId,
}

/// A history on its way.
pub(super) struct Timeline {
    history: History,
    core: SchedulerCore,
    /// The API server's pods, by name.
    pods: BTreeMap<String, PodState>,
    attempt: Option<Attempt>,
    binds: Vec<Bind>,
    calls: Vec<Call>,
    /// Terminating victims and when they are gone.
    vanishing: Vec<(u64, PodId)>,
    evictions: Vec<Value>,
    bind_errors: BTreeMap<String, Range<u64>>,
    next_op: usize,
    next_state: usize,
    last_pop: Option<u64>,
    places: Places,
    attempts: Vec<Value>,
    moves: Vec<Value>,
    states: Vec<Value>,
    op_events: Vec<Value>,
    hints: Vec<Value>,
}

fn time(t: u64) -> SimTime {
    SimTime::from_millis(t)
}

fn view(state: &PodState) -> PodView {
    PodView {
        node: state.node,
        terminating: state.terminating,
        nominated: state.nominated,
        ..PodView::new(state.template)
    }
}

impl Timeline {
    pub(super) fn new(case: &Value) -> Result<Self, String> {
        let history = History::read(case)?;
        let config = &history.config;
        let mut core = SchedulerCore::new(&history.model, time(config.start_ms));
        let limit = config.pod_max_in_unschedulable_pods_seconds;
        core.set_max_in_unschedulable(SimDuration::from_secs(limit));
        let mut timeline = Self {
            bind_errors: (config.bind_errors.iter())
                .map(|(pod, &errors)| (pod.clone(), 0..errors))
                .collect(),
            history,
            core,
            pods: BTreeMap::new(),
            attempt: None,
            binds: Vec::new(),
            calls: Vec::new(),
            vanishing: Vec::new(),
            evictions: Vec::new(),
            next_op: 0,
            next_state: 0,
            last_pop: None,
            places: Places::new(),
            attempts: Vec::new(),
            moves: Vec::new(),
            states: Vec::new(),
            op_events: Vec::new(),
            hints: Vec::new(),
        };
        let start = timeline.history.config.start_ms;
        for op in std::mem::take(&mut timeline.history.start) {
            timeline.apply(start, &op);
        }
        timeline.places = timeline.current_places();
        Ok(timeline)
    }

    pub(super) fn run(mut self) -> Result<Value, String> {
        let (start, end) = (self.history.config.start_ms, self.history.config.end_ms);
        let mut second = start.next_multiple_of(1000);
        let mut half_minute = start;
        loop {
            let due: BTreeSet<u64> = [
                Some(second),
                Some(half_minute),
                self.history.timeline.get(self.next_op).map(|op| op.0),
                self.history.state_times.get(self.next_state).copied(),
                self.attempt.as_ref().map(|attempt| attempt.end),
                self.pop_due(),
            ]
            .into_iter()
            .flatten()
            .chain(self.binds.iter().map(|bind| bind.due))
            .chain(self.calls.iter().map(|call| call.due))
            .chain(self.vanishing.iter().map(|(due, _)| *due))
            .collect();
            let Some(&now) = due.first().filter(|now| **now <= end) else { break };
            if self.history.state_times.get(self.next_state) == Some(&now) {
                self.next_state += 1;
                self.states.push(told::state(&self.core, &self.history.names, now));
            }
            if now == second {
                second += 1000;
                self.core.flush_backoff(time(now));
                self.note(now, "flushBackoff", None, None);
            }
            if now == half_minute {
                half_minute += 30_000;
                self.core.flush_unschedulable(&self.history.model, time(now));
                self.note(now, "flushUnschedulable", None, None);
            }
            while self.history.timeline.get(self.next_op).is_some_and(|op| op.0 == now) {
                self.operate(now);
            }
            self.evict(now);
            self.work(now);
        }
        Ok(json!({
            "evictions": self.evictions,
            "attempts": self.attempts,
            "moves": self.moves,
            "queueStates": self.states,
            "opEvents": self.op_events,
            "hints": self.hints,
        }))
    }

    /// Attempts and bindings that end now, and pops; until nothing more happens at this instant.
    fn work(&mut self, now: u64) {
        loop {
            if self.attempt.as_ref().is_some_and(|attempt| attempt.end == now) {
                self.conclude(now);
            } else if let Some(at) = self.binds.iter().position(|bind| bind.due == now) {
                let bind = self.binds.remove(at);
                self.answer(now, &bind);
            } else if self.pop_due().is_some_and(|due| due <= now) {
                self.pop(now);
            } else {
                break;
            }
        }
    }

    /// When the next pop may happen, if there is something to pop.
    fn pop_due(&self) -> Option<u64> {
        if self.attempt.is_some() || !self.core.has_ready() {
            return None;
        }
        Some(self.last_pop.map_or(0, |last| last + self.history.config.pop_interval_ms))
    }

    fn operate(&mut self, now: u64) {
        let index = self.next_op;
        self.next_op += 1;
        let op = self.history.timeline[index].1.clone();
        let events = self.events(&op);
        let told: Vec<&str> = events.iter().map(ClusterEvent::label).collect();
        self.op_events.push(json!(told));
        for event in &events {
            let mut verdicts = Map::new();
            for (pod, hints) in self.core.hints(&self.history.model, event) {
                let told: Map<String, Value> = hints
                    .into_iter()
                    .map(|(plugin, queue)| {
                        (plugin.name().to_owned(), json!(if queue { "queue" } else { "skip" }))
                    })
                    .collect();
                verdicts.insert(self.history.names[pod.index()].clone(), Value::Object(told));
            }
            if !verdicts.is_empty() {
                let told = json!({ "op": index, "event": event.label(), "verdicts": verdicts });
                self.hints.push(told);
            }
        }
        self.apply(now, &op);
        self.note(now, "op", Some(index), None);
    }

    fn events(&self, op: &Op) -> Vec<ClusterEvent> {
        let model = &self.history.model;
        match op {
            Op::Node(node, after) => self.core.events_of_node(model, *node, after.as_ref()),
            Op::Pod(name, after) => {
                let known = after.as_ref().or_else(|| self.pods.get(name));
                let Some(state) = known else { return Vec::new() };
                self.core.events_of_pod(model, state.pod, after.as_ref().map(view))
            }
        }
    }

    fn apply(&mut self, now: u64, op: &Op) {
        let model = &self.history.model;
        match op {
            Op::Node(node, after) => {
                self.core.node_changed(model, time(now), *node, after.clone());
            }
            Op::Pod(name, Some(state)) => {
                let mut state = state.clone();
                state.nominated = self.pods.get(name).and_then(|known| known.nominated);
                self.core.pod_changed(model, time(now), state.pod, Some(view(&state)));
                self.pods.insert(name.clone(), state);
            }
            Op::Pod(name, None) => {
                if let Some(state) = self.pods.remove(name) {
                    self.core.pod_changed(model, time(now), state.pod, None);
                }
            }
        }
    }

    fn pop(&mut self, now: u64) {
        let Some(popped) = self.core.pop() else { return };
        self.last_pop = Some(now);
        self.places = self.current_places();
        if popped.skipped {
            let told = self.told(&popped, now, now, "skipped");
            self.attempts.push(Value::Object(told));
            return;
        }
        let model = &self.history.model;
        let pod = (popped.pod, popped.template);
        let decided = self.core.decide(model, pod, TieBreak::LowestName);
        let Some(decided) = decided else { return };
        let end = now + self.history.config.attempt_ms;
        self.attempt = Some(Attempt { popped, decided, began: now, end });
    }

    fn told(&self, popped: &Popped, t: u64, end: u64, result: &str) -> Map<String, Value> {
        let mut told = Map::new();
        let from = if popped.from == Place::Active { "active" } else { "backoff" };
        told.insert("t".into(), t.into());
        told.insert("end".into(), end.into());
        told.insert("pod".into(), self.history.names[popped.pod.index()].clone().into());
        told.insert("n".into(), popped.attempts.into());
        told.insert("from".into(), from.into());
        told.insert("result".into(), result.into());
        told
    }

    fn conclude(&mut self, now: u64) {
        let Some(Attempt { popped, decided, began, end }) = self.attempt.take() else { return };
        let pod = popped.pod;
        let model = &self.history.model;
        let (mut told, failure) = match decided.decision.outcome {
            Outcome::Place(node) => {
                let mut told = self.told(&popped, began, end, "bound");
                told.insert("node".into(), model.nodes[node].name.clone().into());
                self.core.assume(model, &popped, node);
                let (due, attempt) = (now + self.history.config.bind_ms, self.attempts.len());
                self.binds.push(Bind { popped, node, due, attempt });
                (told, None)
            }
            Outcome::Unschedulable => {
                let mut told = self.told(&popped, began, end, "unschedulable");
                let plugins = told::plugin_names(decided.decision.rejected_by);
                told.insert("plugins".into(), json!(plugins));
                (told, Some(self.core.reject(model, time(now), &popped, &decided)))
            }
            Outcome::Error(_) => {
                let told = self.told(&popped, began, end, "error");
                (told, Some(self.core.fail(model, time(now), pod)))
            }
        };
        let Some(failure) = failure else {
            self.attempts.push(Value::Object(told));
            self.note(now, "attempt", None, Some(pod));
            return;
        };
        self.tell_place(pod, &mut told);
        self.note(now, "attempt", None, Some(pod));
        self.follow(now, pod, &failure, &mut told);
        self.attempts.push(Value::Object(told));
    }

    /// Writes nominations and asks victims to go, as a failed attempt or binding decided.
    fn follow(&mut self, now: u64, pod: PodId, failure: &Failure, told: &mut Map<String, Value>) {
        for &other in &failure.cleared {
            self.nominate(now, other, None);
        }
        if let Some(node) = failure.nomination {
            self.nominate(now, pod, node);
        }
        let name = self.history.names[pod.index()].clone();
        let nominated = self.pods.get(&name).and_then(|state| state.nominated);
        if let Some(node) = nominated {
            told.insert("nominated".into(), self.history.model.nodes[node].name.clone().into());
        }
        let mut victims: Vec<(String, PodId)> = Vec::new();
        for &victim in &failure.victims {
            victims.push((self.history.names[victim.index()].clone(), victim));
        }
        victims.sort_unstable();
        for (_, victim) in &victims {
            self.ask(now, *victim, pod);
        }
        let last = failure.last_victim.map(|last| self.history.names[last.index()].clone());
        let names: Vec<String> = victims.into_iter().map(|victim| victim.0).chain(last).collect();
        if !names.is_empty() {
            told.insert("victims".into(), json!(names));
        }
    }

    /// Writes `nominatedNodeName`, which is delivered at once.
    fn nominate(&mut self, now: u64, pod: PodId, node: Option<NodeId>) {
        let name = &self.history.names[pod.index()];
        let Some(state) = self.pods.get_mut(name).filter(|state| state.pod == pod) else { return };
        if state.nominated == node {
            return;
        }
        state.nominated = node;
        let after = view(state);
        self.core.pod_changed(&self.history.model, time(now), pod, Some(after));
        self.note(now, "status", None, None);
    }

    /// Asks for a victim's deletion.
    fn ask(&mut self, now: u64, victim: PodId, preemptor: PodId) {
        let due = now + self.history.config.evict_ms;
        self.calls.push(Call { due, victim, preemptor });
    }

    /// Deletions that are answered now, and victims that disappear.
    fn evict(&mut self, now: u64) {
        while let Some(at) = self.calls.iter().position(|call| call.due == now) {
            let Call { victim, preemptor, .. } = self.calls.remove(at);
            let name = self.history.names[victim.index()].clone();
            let known = self.pods.get_mut(&name).filter(|state| state.pod == victim);
            if let Some(state) = known.filter(|state| !state.terminating) {
                state.terminating = true;
                let after = view(state);
                let gone = now + self.history.config.grace_ms;
                let by = &self.history.names[preemptor.index()];
                let told = json!({"t": now, "victim": name, "preemptor": by, "gone": gone});
                self.evictions.push(told);
                self.vanishing.push((gone, victim));
                self.core.pod_changed(&self.history.model, time(now), victim, Some(after));
                self.note(now, "eviction", None, None);
            }
            if let Some(last) = self.core.victim_asked(preemptor) {
                self.ask(now, last, preemptor);
            }
        }
        while let Some(at) = self.vanishing.iter().position(|(due, _)| *due == now) {
            let (_, victim) = self.vanishing.remove(at);
            let name = self.history.names[victim.index()].clone();
            if self.pods.get(&name).is_some_and(|state| state.pod == victim) {
                self.apply(now, &Op::Pod(name, None));
                self.note(now, "eviction", None, None);
            }
        }
    }

    fn tell_place(&self, pod: PodId, told: &mut Map<String, Value>) {
        let place = self.core.entry(pod).and_then(told::place);
        told.insert("to".into(), place.map_or("none", |place| place.0).into());
        if let Some(expiry) = place.and_then(|place| place.1) {
            told.insert("backoffExpiry".into(), expiry.into());
        }
    }

    fn answer(&mut self, now: u64, bind: &Bind) {
        let pod = bind.popped.pod;
        let name = self.history.names[pod.index()].clone();
        let known = self.pods.get_mut(&name).filter(|state| state.pod == pod);
        let mut errors = self.bind_errors.get_mut(&name);
        let result = match known {
            None => "notFound",
            Some(state) if state.terminating => "terminating",
            _ if errors.as_mut().is_some_and(|errors| errors.next().is_some()) => "error",
            Some(state) => {
                state.node = Some(bind.node);
                "ok"
            }
        };
        let accepted = result == "ok";
        let mut failure = None;
        if accepted {
            self.core.bound(pod);
            let name = &self.history.names[pod.index()];
            let after = view(&self.pods[name]);
            self.core.pod_changed(&self.history.model, time(now), pod, Some(after));
        } else {
            failure = Some(self.core.bind_failed(&self.history.model, time(now), pod));
        }
        let mut told = Map::new();
        told.insert("bindEnd".into(), now.into());
        told.insert("bindResult".into(), result.into());
        if !accepted {
            self.tell_place(pod, &mut told);
        }
        if let Some(attempt) = self.attempts[bind.attempt].as_object_mut() {
            attempt.extend(told);
        }
        self.note(now, "bind", None, Some(pod));
        if failure.is_some_and(|failure| failure.nomination == Some(None)) {
            self.nominate(now, pod, None);
        }
    }

    fn current_places(&self) -> Places {
        told::places(&self.core, &self.history.names)
    }

    /// Notes which pods a step has moved, but for the one it was about.
    fn note(&mut self, t: u64, cause: &str, op: Option<usize>, about: Option<PodId>) {
        let after = self.current_places();
        let before = std::mem::replace(&mut self.places, after);
        let about = about.map(|pod| &self.history.names[pod.index()]);
        let mut names: Vec<&String> = before.keys().chain(self.places.keys()).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let of = |places: &Places| places.get(name).copied().unwrap_or(("none", None));
            let (from, to) = (of(&before), of(&self.places));
            if from.0 == to.0 || about == Some(name) {
                continue;
            }
            let mut told = Map::new();
            told.insert("t".into(), t.into());
            told.insert("cause".into(), cause.into());
            if let Some(op) = op {
                told.insert("op".into(), op.into());
            }
            told.insert("pod".into(), name.clone().into());
            told.insert("from".into(), from.0.into());
            told.insert("to".into(), to.0.into());
            if let Some(expiry) = to.1 {
                told.insert("backoffExpiry".into(), expiry.into());
            }
            self.moves.push(Value::Object(told));
        }
    }
}
