//! The scheduling queue of kube-scheduler 1.34: pods that can be tried, pods that back off, pods
//! that wait for the cluster to change.
//!
//! It knows times and which plugins rejected a pod, but neither nodes nor how plugins decide:
//! whether an event is worth a new attempt is asked of the caller.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasherDefault;

use priority_queue::PriorityQueue;
use rustc_hash::FxHasher;

use crate::base::time::{SimDuration, SimTime};
use crate::model::{PodId, SchedulerConfig, TemplateId};
use crate::scheduling::{ClusterEvent, PluginSet, ReasonCount};

/// Pods in the unschedulable set for longer than this are tried again.
const MAX_IN_UNSCHEDULABLE: SimDuration = SimDuration::from_secs(300);
/// How often the unschedulable set is looked at for such pods.
const UNSCHEDULABLE_FLUSH: SimDuration = SimDuration::from_secs(30);
/// Back-off expiries are compared in windows of this length.
const BACKOFF_WINDOW: SimDuration = SimDuration::from_secs(1);

/// Where a pod of the queue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// activeQ.
    Active,
    /// backoffQ, rejected by plugins.
    Backoff,
    /// backoffQ, after an error.
    ErrorBackoff,
    /// Waiting for an event.
    Unschedulable,
    /// Held back by a PreEnqueue plugin.
    Gated,
    /// Popped, its attempt is under way.
    InFlight,
}

/// What the queue keeps of a pod from its arrival until it is bound or gone.
#[derive(Clone, Debug)]
pub(super) struct QueuedPod {
    pub(super) template: TemplateId,
    priority: i32,
    /// Created, or returned by its last attempt.
    timestamp: SimTime,
    /// Attempts begun.
    pub(super) attempts: u32,
    /// Attempts that ended unschedulable; never reset.
    unschedulable_count: u32,
    /// Attempts in a row that ended in an error.
    consecutive_errors: u32,
    /// Plugins that rejected it in its last attempt.
    rejected_by: PluginSet,
    /// The reasons last written to its status.
    pub(super) reported: Option<Vec<ReasonCount>>,
    place: Place,
    /// Expiry of its back-off, where it is in a back-off queue.
    expiry: SimTime,
}

/// The same in every run.
type FixedHasher = BuildHasherDefault<FxHasher>;
/// Order of activeQ, the greatest first: priority, then age, then id.
type ActiveKey = (i32, Reverse<SimTime>, Reverse<PodId>);
/// Order of the back-off queues, the least first: expiry, then as in activeQ.
type BackoffKey = Reverse<(SimTime, Reverse<ActiveKey>)>;

/// Whether an event is worth a new attempt of pods of a class that plugins rejected.
pub(super) type Hint<'a> = &'a mut dyn FnMut(TemplateId, PluginSet, &ClusterEvent) -> bool;

/// The queue.
#[derive(Debug)]
pub(super) struct PodQueue {
    initial_backoff: SimDuration,
    max_backoff: SimDuration,
    /// When the scheduler started: the phase of its flushes.
    started: SimTime,
    pods: BTreeMap<PodId, QueuedPod>,
    active: PriorityQueue<PodId, ActiveKey, FixedHasher>,
    backoff: PriorityQueue<PodId, BackoffKey, FixedHasher>,
    error_backoff: PriorityQueue<PodId, BackoffKey, FixedHasher>,
    unschedulable: BTreeSet<(SimTime, PodId)>,
    gated: usize,
    /// The pod whose attempt is under way, and what has happened since it was popped.
    in_flight: Option<(PodId, Vec<ClusterEvent>)>,
}

impl PodQueue {
    /// An empty queue of a scheduler that starts at `started`.
    pub(super) fn new(config: &SchedulerConfig, started: SimTime) -> Self {
        Self {
            initial_backoff: config.pod_initial_backoff,
            max_backoff: config.pod_max_backoff,
            started,
            pods: BTreeMap::new(),
            active: PriorityQueue::with_default_hasher(),
            backoff: PriorityQueue::with_default_hasher(),
            error_backoff: PriorityQueue::with_default_hasher(),
            unschedulable: BTreeSet::new(),
            gated: 0,
            in_flight: None,
        }
    }

    /// Takes in a new pod; `gated` if a PreEnqueue plugin holds it back.
    pub(super) fn add(
        &mut self,
        pod: PodId,
        (template, priority): (TemplateId, i32),
        gated: bool,
        now: SimTime,
    ) {
        if self.pods.contains_key(&pod) {
            return;
        }
        let entry = QueuedPod {
            template,
            priority,
            timestamp: now,
            attempts: 0,
            unschedulable_count: 0,
            consecutive_errors: 0,
            rejected_by: PluginSet::default(),
            reported: None,
            place: Place::InFlight,
            expiry: SimTime::ZERO,
        };
        self.pods.insert(pod, entry);
        if gated {
            self.place(pod, Place::Gated);
        } else {
            self.place(pod, Place::Active);
        }
    }

    /// Forgets a pod, wherever it is.
    pub(super) fn remove(&mut self, pod: PodId) {
        if !self.pods.contains_key(&pod) {
            return;
        }
        self.leave(pod);
        self.pods.remove(&pod);
        if self.in_flight.as_ref().is_some_and(|(flying, _)| *flying == pod) {
            self.in_flight = None;
        }
    }

    /// The pod's entry.
    pub(super) fn get_mut(&mut self, pod: PodId) -> Option<&mut QueuedPod> {
        self.pods.get_mut(&pod)
    }

    /// Whether there is a pod to try.
    pub(super) fn has_ready(&self) -> bool {
        !self.active.is_empty() || !self.backoff.is_empty()
    }

    /// Takes the next pod to try: the head of activeQ; if that is empty, the head of backoffQ
    /// before its time, but never a pod that backs off after an error.
    pub(super) fn pop(&mut self) -> Option<(PodId, &QueuedPod)> {
        let pod = match self.active.peek() {
            Some((&pod, _)) => pod,
            None => *self.backoff.peek()?.0,
        };
        self.place(pod, Place::InFlight);
        self.in_flight = Some((pod, Vec::new()));
        let entry = self.pods.get_mut(&pod).expect("queued pods have an entry");
        entry.attempts += 1;
        entry.rejected_by = PluginSet::default();
        Some((pod, entry))
    }

    /// Ends the window in which events are kept for the pod under way, without returning it.
    pub(super) fn done(&mut self, pod: PodId) {
        if self.in_flight.as_ref().is_some_and(|(flying, _)| *flying == pod) {
            self.in_flight = None;
        }
    }

    /// Returns a pod that plugins rejected. Events since it was popped may wake it at once.
    pub(super) fn return_rejected(
        &mut self,
        pod: PodId,
        rejected_by: PluginSet,
        now: SimTime,
        hint: Hint<'_>,
    ) {
        let events = match self.in_flight.take() {
            Some((flying, events)) if flying == pod => events,
            other => {
                self.in_flight = other;
                Vec::new()
            }
        };
        let Some(entry) = self.pods.get_mut(&pod) else { return };
        entry.timestamp = now;
        entry.rejected_by = rejected_by;
        entry.unschedulable_count += 1;
        entry.consecutive_errors = 0;
        let template = entry.template;
        if events.iter().any(|event| hint(template, rejected_by, event)) {
            self.requeue(pod, now, Place::Backoff);
        } else {
            self.place(pod, Place::Unschedulable);
        }
    }

    /// Returns a pod whose attempt ended in an error: it backs off.
    pub(super) fn return_failed(&mut self, pod: PodId, now: SimTime) {
        self.done(pod);
        let Some(entry) = self.pods.get_mut(&pod) else { return };
        entry.timestamp = now;
        entry.rejected_by = PluginSet::default();
        entry.consecutive_errors += 1;
        self.requeue(pod, now, Place::ErrorBackoff);
    }

    /// Offers an event to all pods that wait for one.
    pub(super) fn publish(&mut self, event: &ClusterEvent, now: SimTime, hint: Hint<'_>) {
        if let Some((_, events)) = &mut self.in_flight {
            events.push(event.clone());
        }
        // Pods of one class that the same plugins rejected get the same answer.
        let mut answers: Vec<(TemplateId, PluginSet, bool)> = Vec::new();
        let mut woken = Vec::new();
        for &(_, pod) in &self.unschedulable {
            let entry = &self.pods[&pod];
            let known = answers
                .iter()
                .find(|(template, by, _)| *template == entry.template && *by == entry.rejected_by);
            let wakes = match known {
                Some((_, _, wakes)) => *wakes,
                None => {
                    let wakes = hint(entry.template, entry.rejected_by, event);
                    answers.push((entry.template, entry.rejected_by, wakes));
                    wakes
                }
            };
            if wakes {
                woken.push(pod);
            }
        }
        for pod in woken {
            self.requeue(pod, now, Place::Backoff);
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

    /// Moves pods that have waited for more than five minutes.
    pub(super) fn flush_unschedulable(&mut self, now: SimTime) {
        while let Some(&(timestamp, pod)) = self.unschedulable.first() {
            if now.saturating_since(timestamp) <= MAX_IN_UNSCHEDULABLE {
                break;
            }
            self.requeue(pod, now, Place::Backoff);
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
        let &(timestamp, _) = self.unschedulable.first()?;
        let due = timestamp.saturating_add(MAX_IN_UNSCHEDULABLE).saturating_since(self.started);
        let ticks = due.as_nanos() / UNSCHEDULABLE_FLUSH.as_nanos() + 1;
        Some(self.started.saturating_add(UNSCHEDULABLE_FLUSH.saturating_mul(ticks)))
    }

    /// Pods in activeQ, in backoffQ, and unschedulable or gated.
    pub(super) fn lengths(&self) -> [usize; 3] {
        [
            self.active.len(),
            self.backoff.len() + self.error_backoff.len(),
            self.unschedulable.len() + self.gated,
        ]
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

    /// To backoffQ if the pod still backs off, else to activeQ.
    fn requeue(&mut self, pod: PodId, now: SimTime, waits_in: Place) {
        let expiry = self.backoff_expiry(&self.pods[&pod]);
        match expiry {
            Some(expiry) if expiry >= now.floor_to_second() => {
                self.leave(pod);
                self.pods.get_mut(&pod).expect("asked above").expiry = expiry;
                self.place(pod, waits_in);
            }
            _ => self.place(pod, Place::Active),
        }
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
            Place::Unschedulable => {
                // The time stamp may have moved on since the pod went in; it never does while the
                // pod is in the set.
                self.unschedulable.remove(&(entry.timestamp, pod));
            }
            Place::Gated => self.gated -= 1,
            Place::InFlight => {}
        }
    }

    /// Puts a pod somewhere else.
    fn place(&mut self, pod: PodId, place: Place) {
        self.leave(pod);
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
            Place::Unschedulable => {
                self.unschedulable.insert((entry.timestamp, pod));
            }
            Place::Gated => self.gated += 1,
            Place::InFlight => {}
        }
    }
}
