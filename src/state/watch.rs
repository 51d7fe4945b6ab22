//! Watch logs: the ordered changes of one resource type, kept until every watcher has had them.

use std::collections::VecDeque;

use crate::base::time::SimTime;
use crate::event::{Resource, Watcher};

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Created.
    Added,
    /// Changed.
    Modified,
    /// Removed.
    Deleted,
}

/// One change: the object as it was just after.
#[derive(Clone, Debug)]
pub struct Change<I, T> {
    /// What happened.
    pub verb: Verb,
    /// To which object.
    pub id: I,
    /// The object (its last state, for a removal).
    pub object: T,
}

/// The log of one resource type.
#[derive(Debug)]
pub struct WatchLog<I, T> {
    base: u32,
    entries: VecDeque<Change<I, T>>,
    /// Deliveries still to come per retained entry.
    waiting: VecDeque<u8>,
}

impl<I, T> Default for WatchLog<I, T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<I, T> WatchLog<I, T> {
    /// An empty log.
    #[must_use]
    pub fn new() -> Self {
        Self { base: 0, entries: VecDeque::new(), waiting: VecDeque::new() }
    }

    /// Appends a change that will be delivered `deliveries` times; returns its position.
    ///
    /// # Panics
    /// If the log grows past 2^32 changes.
    pub fn append(&mut self, change: Change<I, T>, deliveries: u8) -> u32 {
        let index = u32::try_from(self.entries.len())
            .ok()
            .and_then(|len| self.base.checked_add(len))
            .expect("fewer than 2^32 changes of one resource");
        self.entries.push_back(change);
        self.waiting.push_back(deliveries);
        self.trim();
        index
    }

    /// The change at a position, counting one delivery of it.
    pub fn deliver(&mut self, index: u32) -> Option<Change<I, T>>
    where
        Change<I, T>: Clone,
    {
        let at = usize::try_from(index.checked_sub(self.base)?).ok()?;
        let change = self.entries.get(at)?.clone();
        let waiting = &mut self.waiting[at];
        *waiting = waiting.saturating_sub(1);
        self.trim();
        Some(change)
    }

    fn trim(&mut self) {
        while self.waiting.front() == Some(&0) {
            self.waiting.pop_front();
            self.entries.pop_front();
            self.base += 1;
        }
    }

    /// Changes retained.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is retained.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// The watch connections: per (watcher, resource), when the last delivery is due, so that a later
/// change never overtakes an earlier one of the same resource.
#[derive(Debug, Default)]
pub struct Streams {
    due: [[SimTime; Resource::COUNT]; Watcher::ALL.len()],
    deliveries: [u64; Watcher::ALL.len()],
    /// Deliveries of types that few clusters have: a latency of its own each, so that the others' do
    /// not depend on whether there are such objects.
    apart: [[u64; Resource::COUNT]; Watcher::ALL.len()],
}

impl Streams {
    /// The instant at which a change reaches a watcher: `earliest`, or later to keep the order.
    pub fn schedule(&mut self, to: Watcher, resource: Resource, earliest: SimTime) -> SimTime {
        let due = &mut self.due[to.index()][resource.index()];
        *due = earliest.max(*due);
        *due
    }

    /// Number of the next delivery to a watcher, for its latency draw: pods, nodes, ReplicaSets and
    /// Deployments count together, each other type apart.
    pub fn next_delivery(&mut self, to: Watcher, resource: Resource) -> u64 {
        let count = match resource {
            Resource::Pods | Resource::Nodes | Resource::ReplicaSets | Resource::Deployments => {
                &mut self.deliveries[to.index()]
            }
            Resource::Budgets
            | Resource::StatefulSets
            | Resource::DaemonSets
            | Resource::Jobs
            | Resource::CronJobs => &mut self.apart[to.index()][resource.index()],
        };
        *count += 1;
        *count - 1
    }
}
