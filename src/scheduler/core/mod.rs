//! The scheduler without a world around it: what it knows, its queue, its attempts.
//!
//! Whoever drives it says what happens and when: changes of objects as watches deliver them, pops,
//! ends of attempts, answers to bindings, flushes. It knows no events, no API server and no
//! latencies, so that the simulation's component and replays of recorded histories drive the same
//! code.

mod changes;
mod preemption;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::queue::{Place, PodQueue, QueuedPod, UNSCHEDULABLE_FLUSH, Verdicts};
use crate::base::id::{IdSet, IdVec};
use crate::base::time::{SimDuration, SimTime};
use crate::model::{Model, NodeId, PodId, TemplateId};
use crate::scheduling::preemption::DisruptionBudget;
use crate::scheduling::{
    ClusterEvent, Decision, Explanation, Framework, Incoming, NodeAspect, Nominator, Outcome,
    PluginId, PluginSet, PostFilter, Query, Snapshot, StorageState, TieBreak, VolumeRef, WakeSet,
    plugins,
};
use preemption::Evictions;
pub use preemption::Failure;

/// A pod as a watch tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodView {
    /// Its class.
    pub template: TemplateId,
    /// `spec.nodeName`.
    pub node: Option<NodeId>,
    /// It is being deleted.
    pub terminating: bool,
    /// That is to make room for another (condition `DisruptionTarget`, `PreemptionByScheduler`).
    pub preempted: bool,
    /// `status.startTime`.
    pub started: Option<SimTime>,
    /// `status.nominatedNodeName`.
    pub nominated: Option<NodeId>,
    /// The one node that its required affinity names.
    pub pinned: Option<NodeId>,
}

impl PodView {
    /// A pod of a class that has just been created.
    #[must_use]
    pub fn new(template: TemplateId) -> Self {
        let (node, nominated, started, pinned) = (None, None, None, None);
        Self { template, node, terminating: false, preempted: false, started, nominated, pinned }
    }
}

/// A pod taken from the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Popped {
    /// The pod.
    pub pod: PodId,
    /// Its class.
    pub template: TemplateId,
    /// Which attempt of it this is, from 1.
    pub attempts: u32,
    /// activeQ or backoffQ.
    pub from: Place,
    /// It is being deleted, or on a node already: it was dropped at once.
    pub skipped: bool,
}

/// What was decided for a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// Where it goes, or why nowhere.
    pub decision: Decision,
    /// What the PostFilter plugins say of that.
    pub post_filter: Option<PostFilter>,
}

/// What each of a waiting pod's plugins says of an event.
pub type Hints = Vec<(PluginId, bool)>;

/// What the scheduler knows and what it is about to do.
#[derive(Debug)]
pub struct SchedulerCore {
    frameworks: Vec<Framework>,
    /// The profile that serves each class, if any.
    profile_of: IdVec<TemplateId, Option<usize>>,
    /// Events that some plugin listens to; others are dropped at once.
    interests: WakeSet,
    snapshot: Snapshot,
    /// Where the next search in the node list starts.
    next_start: usize,
    queue: PodQueue,
    /// Pods as the watches told of them last.
    known: Vec<Option<PodView>>,
    /// Nodes likewise.
    nodes: IdVec<NodeId, Option<Arc<NodeAspect>>>,
    /// Pods that the scheduler has put on a node and whose binding no watch has confirmed.
    assumed: IdSet<PodId>,
    /// Pods that wait for room on a node.
    nominator: Nominator,
    /// PodDisruptionBudgets with their statuses as the watch told of them last.
    budgets: Vec<DisruptionBudget>,
    /// Pods for which victims are being asked to go.
    evictions: BTreeMap<PodId, Evictions>,
}

/// The plugins of all profiles, as the queue asks them.
struct Judge<'a> {
    model: &'a Model,
    snapshot: &'a Snapshot,
    frameworks: &'a mut [Framework],
    profile_of: &'a IdVec<TemplateId, Option<usize>>,
    evictions: &'a BTreeMap<PodId, Evictions>,
}

impl Verdicts for Judge<'_> {
    fn wakes(&mut self, template: TemplateId, by: PluginSet, event: &ClusterEvent) -> bool {
        let query = (self.model, self.snapshot, template);
        self.profile_of[template]
            .is_some_and(|profile| self.frameworks[profile].hint(query, by, event))
    }

    fn gate(
        &mut self,
        pod: PodId,
        template: TemplateId,
        so_far: Option<PluginId>,
    ) -> Option<PluginId> {
        let framework = &self.frameworks[self.profile_of[template]?];
        let own = framework.pre_enqueue(self.model, template).map(|(plugin, _)| plugin);
        let preempting = plugins::id_of("DefaultPreemption")
            .filter(|_| self.evictions.contains_key(&pod) && framework.preempts());
        // The plugin that held the pod back before is asked first.
        if so_far.is_some() && so_far == preempting {
            preempting.or(own)
        } else {
            own.or(preempting)
        }
    }
}

impl SchedulerCore {
    /// A scheduler that starts at `started` and knows nothing.
    #[must_use]
    pub fn new(model: &Model, started: SimTime) -> Self {
        let profiles = &model.scheduler.profiles;
        let serving = |name: &str| profiles.iter().position(|p| p.scheduler_name == name);
        let frameworks: Vec<Framework> =
            profiles.iter().map(|profile| Framework::new(model, profile)).collect();
        let interests = frameworks.iter().map(Framework::interests);
        Self {
            interests: interests.fold(WakeSet::NONE, WakeSet::with),
            frameworks,
            profile_of: model
                .templates
                .values()
                .map(|spec| serving(&spec.scheduler_name))
                .collect(),
            snapshot: Snapshot::new(model),
            next_start: 0,
            queue: PodQueue::new(&model.scheduler, started),
            known: Vec::new(),
            nodes: model.nodes.ids().map(|_| None).collect(),
            assumed: IdSet::new(),
            nominator: Nominator::default(),
            budgets: (model.budgets.ids())
                .map(|budget| DisruptionBudget::of(model, budget, 0, Vec::new()))
                .collect(),
            evictions: BTreeMap::new(),
        }
    }

    /// Sets how long pods wait at most before they are tried again without an event
    /// (`--pod-max-in-unschedulable-pods-duration`).
    pub fn set_max_in_unschedulable(&mut self, limit: SimDuration) {
        self.queue.set_max_in_unschedulable(limit);
    }

    /// The period of [`Self::flush_unschedulable`], which counts from the start.
    pub const UNSCHEDULABLE_FLUSH: SimDuration = UNSCHEDULABLE_FLUSH;

    /// The queue, and the plugins that it asks.
    fn queue_and_judge<'a>(&'a mut self, model: &'a Model) -> (&'a mut PodQueue, Judge<'a>) {
        let judge = Judge {
            model,
            snapshot: &self.snapshot,
            frameworks: &mut self.frameworks,
            profile_of: &self.profile_of,
            evictions: &self.evictions,
        };
        (&mut self.queue, judge)
    }

    /// Takes the next pod to try, if there is one.
    pub fn pop(&mut self) -> Option<Popped> {
        let (pod, from) = self.queue.pop()?;
        let entry = self.queue.get(pod).expect("a popped pod has an entry");
        let (template, attempts) = (entry.template, entry.attempts);
        let terminating = self.known_of(pod).is_some_and(|view| view.terminating);
        let skipped =
            terminating || self.assumed.contains(pod) || self.profile_of[template].is_none();
        if skipped {
            self.queue.done(pod);
            self.queue.remove(pod);
        }
        Some(Popped { pod, template, attempts, from, skipped })
    }

    /// Decides where a pod goes that was taken from the queue. Nothing but the place where the
    /// next search starts is remembered.
    pub fn decide(
        &mut self,
        model: &Model,
        (pod, template): (PodId, TemplateId),
        tie_break: TieBreak<'_>,
    ) -> Option<Decided> {
        let pinned = self.known_of(pod).and_then(|view| view.pinned);
        let framework = &mut self.frameworks[self.profile_of[template]?];
        self.snapshot.refresh();
        let incoming = Incoming { pod, template, pinned, nominator: &self.nominator };
        let world = (model, &mut self.snapshot);
        let decision = framework.schedule_among(world, &incoming, self.next_start, tie_break);
        self.next_start = decision.next_start;
        let mut post_filter = None;
        if decision.outcome == Outcome::Unschedulable {
            let world = (model, &mut self.snapshot);
            let budgets = &self.budgets;
            let answer = framework.post_filter(world, &incoming, &decision, budgets, tie_break);
            post_filter = Some(answer);
        }
        Some(Decided { decision, post_filter })
    }

    /// What Kubernetes says of a decision that found no node.
    #[must_use]
    pub fn message(&self, model: &Model, template: TemplateId, decided: &Decided) -> String {
        let Decided { decision, post_filter } = decided;
        self.profile_of[template].map_or_else(String::new, |profile| {
            let query = (model, template);
            self.frameworks[profile].message(query, decision, post_filter.as_ref())
        })
    }

    /// The attempt under way has found a node: the pod is on it in the scheduler's own eyes. To
    /// be followed by a binding and [`Self::bound`].
    pub fn assume(&mut self, model: &Model, popped: &Popped, node: NodeId) {
        let pod = popped.pod;
        self.queue.done(pod);
        self.nominator.remove(pod);
        if self.snapshot.node_of(pod).is_none() {
            self.snapshot.add_pod(model, node, pod, popped.template);
            self.assumed.insert(pod);
        }
    }

    /// The volumes of a pod that is on its way to a node are bound and made, at once.
    ///
    /// Fidelity: the PV controller and the provisioner answer without delay, so PreBind never waits.
    pub fn bind_volumes(&mut self, model: &Model, now: SimTime, popped: &Popped, node: NodeId) {
        for event in self.take_volumes(model, popped.template, node) {
            self.publish(model, now, &event, None);
        }
    }

    /// Binds and makes the volumes of a class of pods for a node; tells what changed.
    fn take_volumes(
        &mut self,
        model: &Model,
        template: TemplateId,
        node: NodeId,
    ) -> Vec<ClusterEvent> {
        let mut events = Vec::new();
        let Some(profile) = self.profile_of[template] else { return events };
        let volumes = self.frameworks[profile].reserve((model, &self.snapshot), template, node);
        if volumes.is_empty() {
            return events;
        }
        let place = self.snapshot.volume_made_for(model, node);
        let storage = self.snapshot.storage_mut();
        for (claim, volume) in volumes.bindings {
            storage.bind(claim, volume);
            events.push(ClusterEvent::VolumeUpdate { volume: VolumeRef::Declared(volume) });
            events.push(ClusterEvent::ClaimUpdate { claim });
        }
        for claim in volumes.provisions {
            storage.provision(claim, place);
            events.push(ClusterEvent::VolumeAdd { volume: VolumeRef::Provisioned(claim) });
            events.push(ClusterEvent::ClaimUpdate { claim });
        }
        events
    }

    /// Takes over claims and volumes as they are.
    pub fn set_storage(&mut self, storage: StorageState) {
        self.snapshot.set_storage(storage);
    }

    /// A binding was accepted.
    pub fn bound(&mut self, pod: PodId) {
        if self.queue.get(pod).is_some_and(|entry| entry.place == Place::Binding) {
            self.queue.remove(pod);
        }
    }

    /// A binding failed: the pod's room is free again, and the pod backs off.
    pub fn bind_failed(&mut self, model: &Model, now: SimTime, pod: PodId) -> Failure {
        if self.assumed.remove(pod) {
            let template = self.snapshot.bound(pod).map(|bound| bound.template);
            self.snapshot.remove_pod(model, pod);
            if let Some(template) = template {
                let event = ClusterEvent::AssignedPodDelete { pod, template, assigned: true };
                self.publish(model, now, &event, None);
            }
        }
        self.fail(model, now, pod)
    }

    /// The flush of pods whose back-off is over, due at every whole second.
    pub fn flush_backoff(&mut self, now: SimTime) {
        self.queue.flush_backoff(now);
    }

    /// The flush of pods that have waited for too long, due every
    /// [`Self::UNSCHEDULABLE_FLUSH`] from the start.
    pub fn flush_unschedulable(&mut self, model: &Model, now: SimTime) {
        let (queue, mut judge) = self.queue_and_judge(model);
        queue.flush_unschedulable(now, &mut judge);
    }

    /// When the two flushes will next find a pod, if nothing else happens.
    #[must_use]
    pub fn next_flushes(&self) -> [Option<SimTime>; 2] {
        [self.queue.next_backoff_flush(), self.queue.next_unschedulable_flush()]
    }

    /// Decides as [`Self::decide`] does, and keeps everything that was said on the way.
    pub fn explain(
        &mut self,
        model: &Model,
        (pod, template): (PodId, TemplateId),
        tie_break: TieBreak<'_>,
    ) -> Option<(Explanation, Decided)> {
        let pinned = self.known_of(pod).and_then(|view| view.pinned);
        let framework = &mut self.frameworks[self.profile_of[template]?];
        self.snapshot.refresh();
        let (snapshot, start) = (&self.snapshot, self.next_start);
        let query = Query { model, snapshot, template, pinned, start, tie_break };
        let mut explanation = Explanation::of(framework, &query);
        let decided = self.decide(model, (pod, template), tie_break)?;
        explanation.decision = decided.decision.clone();
        explanation.post_filter.clone_from(&decided.post_filter);
        if decided.decision.node().is_none() {
            explanation.message = Some(self.message(model, template, &decided));
        }
        Some((explanation, decided))
    }

    /// The first plugin that keeps pods of a class out of the queue, and why.
    #[must_use]
    pub fn gate(&self, model: &Model, template: TemplateId) -> Option<(PluginId, String)> {
        self.frameworks[self.profile_of[template]?].pre_enqueue(model, template)
    }

    /// Puts a pod of a class onto a node, without the queue; it counts as bound.
    pub fn place(&mut self, model: &Model, pod: PodId, template: TemplateId, node: NodeId) {
        self.queue.remove(pod);
        self.take_volumes(model, template, node);
        self.snapshot.add_pod(model, node, pod, template);
        let view = PodView { node: Some(node), ..PodView::new(template) };
        self.set_known(pod, Some(view));
    }

    /// A pod's `status.nominatedNodeName` as the watch told of it last.
    #[must_use]
    pub fn nominated_in_status(&self, pod: PodId) -> Option<NodeId> {
        self.known_of(pod)?.nominated
    }

    /// Nodes and the pods on them as the scheduler sees them.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Whether there is a pod to try.
    #[must_use]
    pub fn has_ready(&self) -> bool {
        self.queue.has_ready()
    }

    /// Pods in activeQ, backing off, and unschedulable or gated.
    #[must_use]
    pub fn lengths(&self) -> [usize; 3] {
        self.queue.lengths()
    }

    /// A pod's entry in the queue.
    #[must_use]
    pub fn entry(&self, pod: PodId) -> Option<&QueuedPod> {
        self.queue.get(pod)
    }

    pub(super) fn entry_mut(&mut self, pod: PodId) -> Option<&mut QueuedPod> {
        self.queue.get_mut(pod)
    }

    /// All entries of the queue, by pod.
    pub fn entries(&self) -> impl Iterator<Item = (PodId, &QueuedPod)> {
        self.queue.entries()
    }

    /// Pods of activeQ, of backoffQ and of those that back off after an error, as they would be
    /// taken.
    #[must_use]
    pub fn orders(&self) -> [Vec<PodId>; 3] {
        self.queue.orders()
    }

    /// The pod whose attempt is under way.
    #[must_use]
    pub fn in_flight(&self) -> Option<PodId> {
        self.queue.in_flight()
    }
}
