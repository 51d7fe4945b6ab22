//! kube-scheduler: takes pending pods from its queue one at a time, decides where they go and
//! asks the API server to bind them.
//!
//! It acts on what its watches have delivered and on what it has assumed itself, never on what
//! the API server knows at the moment; only a new leader lists everything. How a decision is made
//! is `scheduling`'s business.

mod core;
mod inquiry;
mod queue;

use std::sync::Arc;

pub use self::core::{Decided, Failure, Hints, PodView, Popped, SchedulerCore};
use crate::base::time::SimTime;
use crate::cx::Cx;
use crate::event::{Event, SchedulerEvent, Watcher};
use crate::model::{BudgetId, Model, NodeId, PodId, TemplateId, pod_address};
use crate::record::{Fact, Involved, QueueName};
use crate::rng::StreamKind;
use crate::scheduling::{NodeAspect, Outcome, PluginId, TieBreak};
use crate::state::{
    BudgetStatus, Change, Client, DeletionCause, NodeObject, PodObject, Request, Verb,
};
pub use inquiry::{Answer, Inquiry};
pub use queue::{Place, QueuedPod};

/// Component name in events.
const COMPONENT: &str = "default-scheduler";

/// A scheduling attempt that has been decided and whose time has not passed yet.
#[derive(Debug)]
struct Attempt {
    popped: Popped,
    decided: Decided,
    /// Why it failed, where events are recorded.
    message: String,
}

/// The leading kube-scheduler.
#[derive(Debug)]
pub struct Scheduler {
    epoch: u32,
    core: SchedulerCore,
    attempt: Option<Attempt>,
    /// When the next event of each kind is wanted; others of that kind are stale.
    cycle_due: Option<SimTime>,
    flush_backoff_due: Option<SimTime>,
    flush_unschedulable_due: Option<SimTime>,
    /// Queue lengths as last stated.
    lengths: [usize; 3],
    /// A decision that is to be explained.
    inquiry: Option<Box<Inquiry>>,
}

impl Scheduler {
    /// A scheduler that does not lead and knows nothing.
    #[must_use]
    pub fn new(model: &Model) -> Self {
        Self {
            epoch: 0,
            core: SchedulerCore::new(model, SimTime::ZERO),
            attempt: None,
            cycle_due: None,
            flush_backoff_due: None,
            flush_unschedulable_due: None,
            lengths: [0; 3],
            inquiry: None,
        }
    }

    /// Memory is lost.
    pub fn crash(&mut self, model: &Model) {
        let lengths = self.lengths;
        let inquiry = self.inquiry.take();
        // Claims and volumes are the API server's; what was bound stays bound.
        let storage = self.core.snapshot().storage().clone();
        *self = Self::new(model);
        self.core.set_storage(storage);
        // What was stated last still stands for whoever reads the facts.
        self.lengths = lengths;
        self.inquiry = inquiry;
    }

    /// Asks for a decision to be explained.
    pub fn inquire(&mut self, inquiry: Inquiry) {
        self.inquiry = Some(Box::new(inquiry));
    }

    /// What was asked, answered or not.
    #[must_use]
    pub fn inquiry(&self) -> Option<&Inquiry> {
        self.inquiry.as_deref()
    }

    /// A new leader lists everything and starts; attempts and back-offs are forgotten.
    ///
    /// Fidelity: nodes are listed in the order of declaration; the API server lists by name.
    pub fn lead(&mut self, cx: &mut Cx<'_>) {
        let process = cx.state.truth.process_mut(Watcher::Scheduler);
        let was_leading = std::mem::replace(&mut process.leading, true);
        let epoch = process.epoch;
        if !was_leading {
            cx.fact(Fact::Leading { component: Watcher::Scheduler, leading: true });
        }
        self.crash(cx.model);
        self.epoch = epoch;
        let mut storage = self.core.snapshot().storage().clone();
        storage.bind_immediate(cx.model, |claim, places| {
            let mut stream = cx.streams.stream(StreamKind::VolumePlace, claim.address);
            usize::try_from(stream.below(places as u64)).expect("below a number of zones")
        });
        self.core = SchedulerCore::new(cx.model, cx.now);
        self.core.set_storage(storage);
        for (node, object) in cx.state.api.nodes.iter() {
            self.core.node_changed(cx.model, cx.now, node, Some(aspect(object)));
        }
        for (budget, status) in cx.state.api.budgets.iter() {
            self.core.budget_changed(budget, status);
        }
        for (pod, object) in cx.state.api.pods.iter() {
            self.core.pod_changed(cx.model, cx.now, pod, view(object));
        }
        self.settle(cx);
    }

    /// A change of a pod has been delivered.
    pub fn on_pod(&mut self, cx: &mut Cx<'_>, change: &Change<PodId, PodObject>) {
        let after = if change.verb == Verb::Deleted { None } else { view(&change.object) };
        self.core.pod_changed(cx.model, cx.now, change.id, after);
        if self.inquiry.is_some()
            && let Some((plugin, why)) = self.core.gate(cx.model, change.object.template)
        {
            self.hold(cx, change.id, plugin, &why);
        }
        self.settle(cx);
    }

    /// A change of a node has been delivered.
    pub fn on_node(&mut self, cx: &mut Cx<'_>, change: &Change<NodeId, NodeObject>) {
        let after = (change.verb != Verb::Deleted).then(|| aspect(&change.object));
        self.core.node_changed(cx.model, cx.now, change.id, after);
        self.settle(cx);
    }

    /// A change of a PodDisruptionBudget has been delivered: it wakes no pod.
    pub fn on_budget(&mut self, change: &Change<BudgetId, BudgetStatus>) {
        self.core.budget_changed(change.id, &change.object);
    }

    /// Handles an event of the process; those of a dead process are stale.
    pub fn handle(&mut self, cx: &mut Cx<'_>, event: SchedulerEvent) {
        let now = Some(cx.now);
        match event {
            SchedulerEvent::Lead { epoch } => {
                if cx.state.truth.process(Watcher::Scheduler).epoch == epoch {
                    self.lead(cx);
                }
                return;
            }
            SchedulerEvent::Cycle { epoch } if epoch == self.epoch && self.cycle_due == now => {
                self.cycle_due = None;
                self.conclude(cx);
                self.begin(cx);
            }
            SchedulerEvent::FlushBackoff { epoch }
                if epoch == self.epoch && self.flush_backoff_due == now =>
            {
                self.flush_backoff_due = None;
                self.core.flush_backoff(cx.now);
            }
            SchedulerEvent::FlushUnschedulable { epoch }
                if epoch == self.epoch && self.flush_unschedulable_due == now =>
            {
                self.flush_unschedulable_due = None;
                self.core.flush_unschedulable(cx.model, cx.now);
            }
            SchedulerEvent::Bound { pod, epoch, accepted } if epoch == self.epoch => {
                self.bound(cx, pod, accepted);
            }
            SchedulerEvent::Preempted { preemptor, epoch } if epoch == self.epoch => {
                if let Some(last) = self.core.victim_asked(preemptor) {
                    self.evict(cx, last, preemptor);
                }
            }
            SchedulerEvent::Cycle { .. }
            | SchedulerEvent::Preempted { .. }
            | SchedulerEvent::FlushBackoff { .. }
            | SchedulerEvent::FlushUnschedulable { .. }
            | SchedulerEvent::Bound { .. } => return,
        }
        self.settle(cx);
    }

    /// One scheduling cycle for a pod, without queue, time or events: where it would go. The
    /// scheduler takes it as bound there.
    pub fn place_now(&mut self, cx: &mut Cx<'_>, pod: PodId) -> Option<NodeId> {
        let template = cx.state.api.pods[pod].template;
        if let Some((plugin, why)) = self.core.gate(cx.model, template) {
            self.hold(cx, pod, plugin, &why);
            return None;
        }
        let node = self.decide(cx, pod, template, 0)?.decision.node()?;
        self.core.place(cx.model, pod, template, node);
        Some(node)
    }

    /// Decides where a pod goes, and keeps the reasoning if it is asked for.
    fn decide(
        &mut self,
        cx: &Cx<'_>,
        pod: PodId,
        template: TemplateId,
        attempt: u32,
    ) -> Option<Decided> {
        let tie_break = tie_break(cx, pod, attempt);
        let asked = self.inquiry.as_mut().is_some_and(|inquiry| inquiry.asks(cx, pod));
        if !asked {
            return self.core.decide(cx.model, (pod, template), tie_break);
        }
        let explained = self.core.explain(cx.model, (pod, template), tie_break);
        let (explanation, decided) = explained?;
        if let Some(inquiry) = &mut self.inquiry {
            inquiry.tell(cx, (pod, attempt), template, explanation);
        }
        Some(decided)
    }

    /// Notes, for who asks, that a plugin keeps a pod out of the queue.
    fn hold(&mut self, cx: &Cx<'_>, pod: PodId, plugin: PluginId, why: &str) {
        if let Some(inquiry) = &mut self.inquiry {
            let name = full_name(cx.model, &cx.state.api.pods[pod]);
            inquiry.hold(name, plugin.name_in(cx.model), why);
        }
    }

    /// Takes the next pod and decides; the outcome takes effect when the decision's time has
    /// passed.
    fn begin(&mut self, cx: &mut Cx<'_>) {
        while let Some(popped) = self.core.pop() {
            let Popped { pod, template, attempts, skipped, .. } = popped;
            if skipped {
                let failed = (true, "FailedScheduling", COMPONENT);
                cx.kube_event(Involved::Pod(pod), failed, |model, state| {
                    format!(
                        "skip schedule deleting pod: {}",
                        full_name(model, &state.api.pods[pod])
                    )
                });
                continue;
            }
            let Some(decided) = self.decide(cx, pod, template, attempts) else { continue };
            let decision = &decided.decision;
            let plane = &cx.model.control_plane;
            let cost = plane.scheduling_per_node.saturating_mul(u64::from(decision.evaluated));
            let due = cx.now.saturating_add(plane.scheduling_cycle).saturating_add(cost);
            let message = if decision.node().is_none() && cx.record.wants_events() {
                self.core.message(cx.model, template, &decided)
            } else {
                String::new()
            };
            self.attempt = Some(Attempt { popped, decided, message });
            self.cycle_due = Some(due);
            cx.at(due, Event::Scheduler(SchedulerEvent::Cycle { epoch: self.epoch }));
            return;
        }
    }

    /// The time of the attempt under way has passed: its outcome takes effect.
    fn conclude(&mut self, cx: &mut Cx<'_>) {
        let Some(Attempt { popped, decided, message }) = self.attempt.take() else { return };
        let (pod, decision) = (popped.pod, &decided.decision);
        cx.fact(Fact::SchedulingAttempt { scheduled: decision.node().is_some() });
        match decision.outcome {
            Outcome::Place(node) => {
                self.core.bind_volumes(cx.model, cx.now, &popped, node);
                self.core.assume(cx.model, &popped, node);
                let epoch = self.epoch;
                cx.request(Client::Scheduler, Request::BindPod { pod, node, epoch });
            }
            Outcome::Unschedulable => {
                let failure = self.core.reject(cx.model, cx.now, &popped, &decided);
                if let Some(preemption) = failure.preemption {
                    cx.fact(preemption);
                }
                let Some(entry) = self.core.entry_mut(pod) else { return };
                // The status is written only if it says something new.
                let news = entry.reported.as_ref() != Some(&decision.reasons);
                entry.reported = Some(decided.decision.reasons);
                self.failed(cx, pod, message, (news, failure.nomination));
                self.preempt(cx, pod, &failure);
            }
            Outcome::Error(_) => {
                let failure = self.core.fail(cx.model, cx.now, pod);
                self.failed(cx, pod, message, (false, failure.nomination));
            }
        }
    }

    /// Tells the pod's status and events that no node was found.
    fn failed(
        &mut self,
        cx: &mut Cx<'_>,
        pod: PodId,
        message: String,
        (news, nominated_node): (bool, Option<Option<NodeId>>),
    ) {
        cx.fact(Fact::PodUnschedulable { pod });
        cx.kube_event(Involved::Pod(pod), (true, "FailedScheduling", COMPONENT), |_, _| message);
        let known = self.core.nominated_in_status(pod);
        if news || nominated_node.is_some_and(|node| node != known) {
            let request = Request::PodUnschedulable { pod, nominated_node };
            cx.request(Client::Scheduler, request);
        }
    }

    /// Carries out what a failed attempt decided about other pods.
    fn preempt(&mut self, cx: &mut Cx<'_>, preemptor: PodId, failure: &Failure) {
        for &pod in &failure.cleared {
            let request = Request::PodUnschedulable { pod, nominated_node: Some(None) };
            cx.request(Client::Scheduler, request);
        }
        for &victim in &failure.victims {
            self.evict(cx, victim, preemptor);
        }
    }

    fn evict(&mut self, cx: &mut Cx<'_>, victim: PodId, preemptor: PodId) {
        let why = (false, "Preempted", COMPONENT);
        cx.kube_event(Involved::Pod(victim), why, |model, state| {
            let node = state.api.pods[victim].node;
            let node = node.map_or("", |node| model.nodes[node].name.as_str());
            format!("Preempted by pod {:016x} on node {node}", state.api.pods[preemptor].uid)
        });
        let epoch = self.epoch;
        cx.request(Client::Scheduler, Request::PreemptPod { victim, preemptor, epoch });
    }

    /// The API server has answered a bind request.
    fn bound(&mut self, cx: &mut Cx<'_>, pod: PodId, accepted: bool) {
        if !accepted {
            let known = self.core.nominated_in_status(pod);
            let failure = self.core.bind_failed(cx.model, cx.now, pod);
            if failure.place.is_some() && known.is_some() {
                let request = Request::PodUnschedulable { pod, nominated_node: Some(None) };
                cx.request(Client::Scheduler, request);
            }
            return;
        }
        self.core.bound(pod);
        cx.kube_event(Involved::Pod(pod), (false, "Scheduled", COMPONENT), |model, state| {
            let node = state.api.pods[pod].node;
            let node = node.map_or("", |node| model.nodes[node].name.as_str());
            format!("Successfully assigned {} to {node}", full_name(model, &state.api.pods[pod]))
        });
    }

    /// After anything has happened: starts the loop if it is idle and has work, plans the flushes
    /// that will find a pod, states queue lengths that changed.
    fn settle(&mut self, cx: &mut Cx<'_>) {
        let epoch = self.epoch;
        if self.cycle_due.is_none() && self.core.has_ready() {
            self.cycle_due = Some(cx.now);
            cx.at(cx.now, Event::Scheduler(SchedulerEvent::Cycle { epoch }));
        }
        let [backoff, unschedulable] = self.core.next_flushes();
        let flushes = [
            (&mut self.flush_backoff_due, backoff, SchedulerEvent::FlushBackoff { epoch }),
            (
                &mut self.flush_unschedulable_due,
                unschedulable,
                SchedulerEvent::FlushUnschedulable { epoch },
            ),
        ];
        for (due, wanted, event) in flushes {
            let wanted = wanted.map(|time| time.max(cx.now));
            if let Some(time) = wanted.filter(|&time| due.is_none_or(|known| time < known)) {
                *due = Some(time);
                cx.at(time, Event::Scheduler(event));
            }
        }
        let names = [QueueName::Active, QueueName::Backoff, QueueName::Unschedulable];
        let lengths = self.core.lengths();
        for ((queue, &length), stated) in names.into_iter().zip(&lengths).zip(&mut self.lengths) {
            if *stated != length {
                *stated = length;
                let length = u32::try_from(length).expect("pod ids have 32 bits");
                cx.fact(Fact::QueueLength { queue, length });
            }
        }
    }
}

/// What a watch tells the scheduler of a pod; finished pods are not watched.
fn view(object: &PodObject) -> Option<PodView> {
    (!object.gone && !object.status.phase.is_terminal()).then_some(PodView {
        template: object.template,
        node: object.node,
        terminating: object.termination.is_some(),
        preempted: object.termination.is_some_and(|t| t.cause == DeletionCause::Preemption),
        started: object.status.start_time,
        nominated: object.status.nominated_node,
        pinned: object.pinned,
    })
}

/// What a watch tells the scheduler of a node. Conditions are left out: no plugin listens to them.
fn aspect(object: &NodeObject) -> Arc<NodeAspect> {
    Arc::new(NodeAspect {
        spec: object.spec.clone(),
        taints: object.taints.clone(),
        unschedulable: object.unschedulable,
        ..NodeAspect::default()
    })
}

/// How ties are broken in an attempt of a pod.
fn tie_break<'a>(cx: &Cx<'a>, pod: PodId, attempt: u32) -> TieBreak<'a> {
    let Some(seed) = cx.model.scheduler.tie_seed else { return TieBreak::LowestName };
    let object = &cx.state.api.pods[pod];
    let workload = &cx.model.workloads[cx.model.templates[object.template].workload];
    let address = pod_address(workload.address, object.replica, object.incarnation);
    let (entity, attempt) = (mixed(seed) ^ address, u64::from(attempt));
    TieBreak::Seeded { streams: cx.streams, entity, attempt }
}

/// `namespace/name` of a pod.
fn full_name(model: &Model, object: &PodObject) -> String {
    let namespace = model.templates[object.template].namespace;
    format!("{}/{}", model.namespaces[namespace].name, model.pod_name(&object.identity()))
}

/// Spreads a seed over all bits (the finaliser of SplitMix64), so that neighbouring tie seeds
/// lead to unrelated streams.
fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
