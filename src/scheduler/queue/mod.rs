//! The scheduling queue: pods that are ready to be tried, that back off, that wait for an event
//! or for their gates, and the one under way.
//!
//! It knows times and which plugins rejected a pod, but neither nodes nor how plugins decide:
//! whether an event is worth a new attempt and whether a pod may be queued at all is asked of
//! [`Verdicts`].

mod entry;
#[cfg(test)]
mod tests;
mod waiting;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::hash::BuildHasherDefault;

use priority_queue::PriorityQueue;
use rustc_hash::FxHasher;

use crate::base::time::{SimDuration, SimTime};
use crate::model::{PodId, SchedulerConfig, TemplateId};
use crate::scheduling::{ClusterEvent, PluginId, PluginSet};
pub use entry::{Place, QueuedPod};
use waiting::Waiting;

/// How often the unschedulable set is looked at for pods that have been there for too long.
pub(super) const UNSCHEDULABLE_FLUSH: SimDuration = SimDuration::from_secs(30);
/// Pods in the unschedulable set for longer than this are tried again.
const MAX_IN_UNSCHEDULABLE: SimDuration = SimDuration::from_secs(300);
/// Back-off expiries are compared in windows of this length.
const BACKOFF_WINDOW: SimDuration = SimDuration::from_secs(1);

/// The same in every run.
type FixedHasher = BuildHasherDefault<FxHasher>;
/// Order of activeQ, the greatest first: priority, then age, then id.
type ActiveKey = (i32, Reverse<SimTime>, Reverse<PodId>);
/// Order of the back-off queues, the least first: expiry, then as in activeQ.
type BackoffKey = Reverse<(SimTime, Reverse<ActiveKey>)>;

/// What the queue asks of the profiles' plugins.
pub(super) trait Verdicts {
    /// Whether an event is worth a new attempt of pods of a class that plugins rejected.
    fn wakes(&mut self, template: TemplateId, by: PluginSet, event: &ClusterEvent) -> bool;

    /// The PreEnqueue plugin that holds a pod back. `so_far`, which has done so, is asked first.
    fn gate(
        &mut self,
        pod: PodId,
        template: TemplateId,
        so_far: Option<PluginId>,
    ) -> Option<PluginId>;
}

/// A pod under way, and what has happened since it was popped.
#[derive(Debug)]
struct Flight {
    pod: PodId,
    events: Vec<ClusterEvent>,
}

/// The queue.
#[derive(Debug)]
pub(super) struct PodQueue {
    initial_backoff: SimDuration,
    max_backoff: SimDuration,
    max_in_unschedulable: SimDuration,
    /// When the scheduler started: the phase of its flushes.
    started: SimTime,
    pods: BTreeMap<PodId, QueuedPod>,
    active: PriorityQueue<PodId, ActiveKey, FixedHasher>,
    backoff: PriorityQueue<PodId, BackoffKey, FixedHasher>,
    error_backoff: PriorityQueue<PodId, BackoffKey, FixedHasher>,
    waiting: Waiting,
    /// One pod at a time is under way; its window closes before its binding begins.
    flight: Option<Flight>,
}

impl PodQueue {
    /// An empty queue of a scheduler that starts at `started`.
    pub(super) fn new(config: &SchedulerConfig, started: SimTime) -> Self {
        Self {
            initial_backoff: config.pod_initial_backoff,
            max_backoff: config.pod_max_backoff,
            max_in_unschedulable: MAX_IN_UNSCHEDULABLE,
            started,
            pods: BTreeMap::new(),
            active: PriorityQueue::with_default_hasher(),
            backoff: PriorityQueue::with_default_hasher(),
            error_backoff: PriorityQueue::with_default_hasher(),
            waiting: Waiting::default(),
            flight: None,
        }
    }

    /// Sets `--pod-max-in-unschedulable-pods-duration`.
    pub(super) fn set_max_in_unschedulable(&mut self, limit: SimDuration) {
        self.max_in_unschedulable = limit;
    }

    /// Takes in a new pod: to activeQ, unless a PreEnqueue plugin holds it back.
    pub(super) fn add(
        &mut self,
        pod: PodId,
        (template, priority): (TemplateId, i32),
        now: SimTime,
        verdicts: &mut impl Verdicts,
    ) {
        if let std::collections::btree_map::Entry::Vacant(e) = self.pods.entry(pod) {
            e.insert(QueuedPod::new(template, priority, now));
            self.activate(pod, verdicts);
        }
    }

    /// A pod's object changed, with these events: a waiting pod may be woken by them, one that is
    /// under way remembers them, one that is nowhere is new.
    pub(super) fn update(
        &mut self,
        pod: PodId,
        (template, priority): (TemplateId, i32),
        events: &[ClusterEvent],
        now: SimTime,
        verdicts: &mut impl Verdicts,
    ) {
        if let Some(flight) = self.flight.as_mut().filter(|flight| flight.pod == pod) {
            // The attempt goes on with the object it began with.
            flight.events.extend_from_slice(events);
            return;
        }
        let Some(entry) = self.pods.get(&pod) else {
            self.add(pod, (template, priority), now, verdicts);
            return;
        };
        let (place, unchanged) =
            (entry.place, entry.template == template && entry.priority == priority);
        if !unchanged {
            self.leave(pod);
            let entry = self.pods.get_mut(&pod).expect("asked above");
            (entry.template, entry.priority) = (template, priority);
            self.enter(pod, place);
        }
        if !matches!(place, Place::Unschedulable | Place::Gated) {
            return;
        }
        // The pod's own update reaches all plugins that rejected it, gated or not.
        for event in events {
            let by = self.pods[&pod].rejected_by;
            if by.is_empty() || verdicts.wakes(template, by, event) {
                self.requeue(pod, now, verdicts);
            }
            if self.pods[&pod].place.is_queued() {
                break;
            }
        }
    }

    /// Forgets a pod, wherever it is. An attempt under way goes on.
    pub(super) fn remove(&mut self, pod: PodId) {
        if self.pods.contains_key(&pod) {
            self.leave(pod);
            self.pods.remove(&pod);
        }
    }

    /// The pod's entry.
    pub(super) fn get(&self, pod: PodId) -> Option<&QueuedPod> {
        self.pods.get(&pod)
    }

    /// The pod's entry.
    pub(super) fn get_mut(&mut self, pod: PodId) -> Option<&mut QueuedPod> {
        self.pods.get_mut(&pod)
    }

    /// All entries, by pod.
    pub(super) fn entries(&self) -> impl Iterator<Item = (PodId, &QueuedPod)> {
        self.pods.iter().map(|(&pod, entry)| (pod, entry))
    }

    /// The pod whose attempt is under way.
    pub(super) fn in_flight(&self) -> Option<PodId> {
        self.flight.as_ref().map(|flight| flight.pod)
    }

    /// Whether there is a pod to try.
    pub(super) fn has_ready(&self) -> bool {
        !self.active.is_empty() || !self.backoff.is_empty()
    }

    /// Pods of activeQ, of backoffQ and of the queue of pods that back off after an error, each in
    /// the order in which they would be taken.
    pub(super) fn orders(&self) -> [Vec<PodId>; 3] {
        [
            self.active.clone().into_sorted_vec(),
            self.backoff.clone().into_sorted_vec(),
            self.error_backoff.clone().into_sorted_vec(),
        ]
    }

    /// Takes the next pod to try, and tells where from: the head of activeQ; if that is empty, the
    /// head of backoffQ before its time, but never a pod that backs off after an error.
    pub(super) fn pop(&mut self) -> Option<(PodId, Place)> {
        let (pod, from) = match self.active.peek() {
            Some((&pod, _)) => (pod, Place::Active),
            None => (*self.backoff.peek()?.0, Place::Backoff),
        };
        self.place(pod, Place::InFlight);
        self.flight = Some(Flight { pod, events: Vec::new() });
        let entry = self.pods.get_mut(&pod).expect("queued pods have an entry");
        entry.attempts += 1;
        entry.rejected_by = PluginSet::default();
        entry.gated_by = None;
        Some((pod, from))
    }

    /// Ends the window in which events are kept for a pod under way. Its binding may follow.
    pub(super) fn done(&mut self, pod: PodId) {
        self.land(pod);
        if self.pods.get(&pod).is_some_and(|entry| entry.place == Place::InFlight) {
            self.place(pod, Place::Binding);
        }
    }

    /// The events since the pod was popped, if it is under way; it no longer is.
    fn land(&mut self, pod: PodId) -> Vec<ClusterEvent> {
        let flight = self.flight.take_if(|flight| flight.pod == pod);
        flight.map(|flight| flight.events).unwrap_or_default()
    }

    /// Returns a pod whose attempt or binding failed, as its object is now. Without a rejecting
    /// plugin that was an error and the pod backs off; otherwise events since it was popped may
    /// wake it at once.
    pub(super) fn give_back(
        &mut self,
        pod: PodId,
        rejected_by: PluginSet,
        (template, priority): (TemplateId, i32),
        now: SimTime,
        verdicts: &mut impl Verdicts,
    ) {
        let events = self.land(pod);
        let Some(entry) = self.pods.get_mut(&pod) else { return };
        if !matches!(entry.place, Place::InFlight | Place::Binding) {
            return;
        }
        (entry.template, entry.priority) = (template, priority);
        entry.timestamp = now;
        entry.rejected_by = rejected_by;
        if rejected_by.is_empty() {
            entry.consecutive_errors += 1;
        } else {
            entry.unschedulable_count += 1;
            entry.consecutive_errors = 0;
        }
        if rejected_by.is_empty()
            || events.iter().any(|event| verdicts.wakes(template, rejected_by, event))
        {
            self.requeue(pod, now, verdicts);
        } else {
            self.place(pod, Place::Unschedulable);
        }
    }

    /// Offers an event to all waiting pods, or to those of at most a priority; the pod under way
    /// remembers it in any case.
    pub(super) fn publish(
        &mut self,
        event: &ClusterEvent,
        at_most: Option<i32>,
        now: SimTime,
        verdicts: &mut impl Verdicts,
    ) {
        let kind = event.kind();
        let mut woken = Vec::new();
        for (by, gate, template, pods) in self.waiting.listening(kind) {
            debug_assert!(gate.is_none_or(|gate| by.contains(gate)), "gates are rejections");
            // Pods of one class that the same plugins rejected get the same answer.
            let Some(first) = pods.first() else { continue };
            let offered = at_most.is_none_or(|most| self.pods[first].priority <= most);
            if offered && verdicts.wakes(template, by, event) {
                woken.extend(pods.iter().copied());
            }
        }
        for pod in woken {
            self.requeue(pod, now, verdicts);
        }
        if let Some(flight) = &mut self.flight {
            flight.events.push(event.clone());
        }
    }

    /// Moves pods whose back-off is over to activeQ.
    pub(super) fn flush_backoff(&mut self, now: SimTime) {
        for place in [Place::Backoff, Place::ErrorBackoff] {
            loop {
                let queue =
                    if place == Place::Backoff { &self.backoff } else { &self.error_backoff };
                let Some((&pod, Reverse((expiry, _)))) = queue.peek() else { break };
                if *expiry >= now.floor_to_second() {
                    break;
                }
                self.place(pod, Place::Active);
            }
        }
    }

    /// Moves pods that have waited for too long; gated ones stay.
    pub(super) fn flush_unschedulable(&mut self, now: SimTime, verdicts: &mut impl Verdicts) {
        let limit = self.max_in_unschedulable;
        let overdue: Vec<PodId> = self
            .waiting
            .by_age()
            .take_while(|(since, _)| now.saturating_since(*since) > limit)
            .map(|(_, pod)| pod)
            .collect();
        for pod in overdue {
            self.requeue(pod, now, verdicts);
        }
    }

    /// When a flush of the back-off queues next finds a pod.
    ///
    /// A pod counts as backing off through the second in which its back-off expires, so a flush
    /// takes it one second later.
    pub(super) fn next_backoff_flush(&self) -> Option<SimTime> {
        let heads = [self.backoff.peek(), self.error_backoff.peek()];
        let expiry = heads.into_iter().flatten().map(|(_, Reverse((expiry, _)))| *expiry).min()?;
        Some(expiry.saturating_add(BACKOFF_WINDOW))
    }

    /// When a flush of the unschedulable set, every 30 s from the start, next finds a pod.
    pub(super) fn next_unschedulable_flush(&self) -> Option<SimTime> {
        let (since, _) = self.waiting.by_age().next()?;
        let due = since.saturating_add(self.max_in_unschedulable).saturating_since(self.started);
        let ticks = due.as_nanos() / UNSCHEDULABLE_FLUSH.as_nanos() + 1;
        Some(self.started.saturating_add(UNSCHEDULABLE_FLUSH.saturating_mul(ticks)))
    }

    /// Pods in activeQ, in backoffQ, and unschedulable or gated.
    pub(super) fn lengths(&self) -> [usize; 3] {
        [self.active.len(), self.backoff.len() + self.error_backoff.len(), self.waiting.len()]
    }

    /// Expiry of the back-off that an entry has earned: doubling with every attempt that failed in
    /// the same way, truncated to the window.
    fn backoff_expiry(&self, entry: &QueuedPod) -> Option<SimTime> {
        let failures = match entry.consecutive_errors {
            0 => entry.unschedulable_count,
            errors => errors,
        };
        if failures == 0 || self.max_backoff == SimDuration::ZERO {
            return None;
        }
        let doublings = (failures - 1).min(62);
        let backoff = self.initial_backoff.saturating_mul(1 << doublings).min(self.max_backoff);
        Some(entry.timestamp.saturating_add(backoff).floor_to_second())
    }

    /// To the back-off queue that befits the pod if it still backs off, else to activeQ; to
    /// neither if a PreEnqueue plugin holds it back.
    fn requeue(&mut self, pod: PodId, now: SimTime, verdicts: &mut impl Verdicts) {
        let expiry = self.backoff_expiry(&self.pods[&pod]);
        let Some(expiry) = expiry.filter(|&expiry| expiry >= now.floor_to_second()) else {
            self.activate(pod, verdicts);
            return;
        };
        if self.passes_gates(pod, verdicts) {
            let entry = self.pods.get_mut(&pod).expect("asked above");
            entry.expiry = expiry;
            let error = entry.rejected_by.is_empty();
            self.enter(pod, if error { Place::ErrorBackoff } else { Place::Backoff });
        }
    }

    /// To activeQ, unless a PreEnqueue plugin holds the pod back.
    fn activate(&mut self, pod: PodId, verdicts: &mut impl Verdicts) {
        if self.passes_gates(pod, verdicts) {
            self.enter(pod, Place::Active);
        }
    }

    /// Takes a pod out of where it is and asks the PreEnqueue plugins; one that is held back
    /// waits, and that counts as a rejection.
    fn passes_gates(&mut self, pod: PodId, verdicts: &mut impl Verdicts) -> bool {
        let entry = &self.pods[&pod];
        let gate = verdicts.gate(pod, entry.template, entry.gated_by);
        self.leave(pod);
        let entry = self.pods.get_mut(&pod).expect("asked above");
        entry.gated_by = gate;
        if let Some(plugin) = gate {
            entry.rejected_by.insert(plugin);
            self.enter(pod, Place::Gated);
        }
        gate.is_none()
    }

    /// Takes a pod out of where it is.
    fn leave(&mut self, pod: PodId) {
        let entry = self.pods.get_mut(&pod).expect("queued pods have an entry");
        match std::mem::replace(&mut entry.place, Place::InFlight) {
            Place::Active => {
                self.active.remove(&pod);
            }
            Place::Backoff => {
                self.backoff.remove(&pod);
            }
            Place::ErrorBackoff => {
                self.error_backoff.remove(&pod);
            }
            Place::Unschedulable | Place::Gated => self.waiting.remove(pod, entry),
            Place::InFlight | Place::Binding => {}
        }
    }

    /// Puts a pod that has left its place somewhere.
    fn enter(&mut self, pod: PodId, place: Place) {
        let entry = self.pods.get_mut(&pod).expect("queued pods have an entry");
        entry.place = place;
        let key: ActiveKey = (entry.priority, Reverse(entry.timestamp), Reverse(pod));
        match place {
            Place::Active => {
                self.active.push(pod, key);
            }
            Place::Backoff => {
                self.backoff.push(pod, Reverse((entry.expiry, Reverse(key))));
            }
            Place::ErrorBackoff => {
                self.error_backoff.push(pod, Reverse((entry.expiry, Reverse(key))));
            }
            Place::Unschedulable | Place::Gated => self.waiting.insert(pod, entry),
            Place::InFlight | Place::Binding => {}
        }
    }

    /// Puts a pod somewhere else.
    fn place(&mut self, pod: PodId, place: Place) {
        self.leave(pod);
        self.enter(pod, place);
    }
}
