//! Who reached the API server: time without writes, nodes cut off, and pods that run twice.
//!
//! A pod *runs on unseen* while it serves in truth although it is being deleted, or gone, at the
//! API server, and its node cannot hear of that: its replacement may serve beside it.

use super::window::{Switch, Window};
use crate::base::id::IdSet;
use crate::base::time::SimTime;
use crate::model::{Model, NodeId, PodId};

use std::collections::BTreeMap;

/// Follows who reaches the API server.
#[derive(Debug)]
pub(super) struct Reach {
    /// No write could commit.
    unwritable: Switch,
    cut: IdSet<NodeId>,
    /// Pods that serve though they should be gone, with their nodes.
    doomed: BTreeMap<PodId, NodeId>,
    /// Those of them on nodes that are cut off.
    unseen: u64,
    since: SimTime,
    unseen_ns: u128,
    cut_ns: u128,
}

impl Reach {
    /// Everybody reaches it.
    pub(super) fn new(model: &Model) -> Self {
        Self {
            unwritable: Switch::new(false),
            cut: IdSet::with_capacity(model.nodes.len()),
            doomed: BTreeMap::new(),
            unseen: 0,
            since: SimTime::ZERO,
            unseen_ns: 0,
            cut_ns: 0,
        }
    }

    /// Writes are possible or not.
    pub(super) fn writable(&mut self, now: SimTime, writable: bool, window: Window) {
        self.unwritable.set(now, !writable, window);
    }

    /// A node is cut off or not.
    pub(super) fn connected(
        &mut self,
        now: SimTime,
        node: NodeId,
        connected: bool,
        window: Window,
    ) {
        self.settle(now, window);
        let changed = if connected { self.cut.remove(node) } else { self.cut.insert(node) };
        if changed {
            let here = self.doomed.values().filter(|on| **on == node).count() as u64;
            self.unseen = if connected { self.unseen - here } else { self.unseen + here };
        }
    }

    /// A pod serves though it should be gone, or not.
    pub(super) fn doomed(
        &mut self,
        now: SimTime,
        (pod, node): (PodId, Option<NodeId>),
        doomed: bool,
        window: Window,
    ) {
        let Some(node) = node else { return };
        if doomed == self.doomed.contains_key(&pod) {
            return;
        }
        self.settle(now, window);
        let unseen = u64::from(self.cut.contains(node));
        if doomed {
            self.doomed.insert(pod, node);
            self.unseen += unseen;
        } else {
            self.doomed.remove(&pod);
            self.unseen -= unseen;
        }
    }

    /// The run is over.
    pub(super) fn finish(&mut self, end: SimTime, window: Window) {
        self.settle(end, window);
        let on = self.unwritable.is_on();
        self.unwritable.set(end, on, window);
    }

    fn settle(&mut self, now: SimTime, window: Window) {
        let ns = window.overlap_ns(self.since, now);
        self.unseen_ns += u128::from(self.unseen) * ns;
        self.cut_ns += self.cut.len() as u128 * ns;
        self.since = now;
    }

    /// Time without writes, nanoseconds.
    pub(super) fn unwritable_ns(&self) -> u128 {
        self.unwritable.on_ns()
    }

    /// Pod-nanoseconds of pods that ran on unseen.
    pub(super) fn unseen_ns(&self) -> u128 {
        self.unseen_ns
    }

    /// Node-nanoseconds without a connection.
    pub(super) fn cut_ns(&self) -> u128 {
        self.cut_ns
    }
}
