//! Replicas of one workload over time: desired, ready, serving, and how they spread over zones and
//! nodes.

use std::collections::BTreeMap;

use super::probes::Verdicts;
use super::window::{Window, held};
use crate::base::time::SimTime;
use crate::model::{NodeId, ZoneId};

/// Exact integrals over the window, in replicas × nanoseconds (or nanoseconds alone).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WorkloadSums {
    /// ∫ desired.
    pub(super) desired: u128,
    /// ∫ min(ready, desired), as the API server knows it.
    pub(super) ready: u128,
    /// ∫ min(serving, desired), in truth.
    pub(super) serving: u128,
    /// ∫ (desired − ready)⁺.
    pub(super) deficit: u128,
    /// Time with ready < desired.
    pub(super) outage_ns: u128,
    /// ∫ pods that do not serve while their probes of a kind pass, by kind.
    pub(super) missed: [u128; 3],
    /// ∫ (most − fewest placed pods of any zone).
    pub(super) skew: u128,
}

/// One workload.
#[derive(Clone, Debug)]
pub(super) struct WorkloadTrack {
    since: SimTime,
    /// Desired replicas.
    pub(super) desired: i64,
    /// Ready replicas at the API server.
    pub(super) ready: i64,
    /// Pods that serve in truth.
    pub(super) serving: i64,
    /// Pods that are ready at the API server *and* serve in truth.
    pub(super) sound: i64,
    /// Pods placed whose app containers all run in truth.
    pub(super) running: i64,
    /// Pods that do not serve while their probes of a kind pass, by kind.
    pub(super) missed: [i64; 3],
    /// What its probes said, and the restarts.
    pub(super) verdicts: Verdicts,
    /// Pods placed and wanted: bound, not terminating, not finished.
    pub(super) placed: i64,
    zones: Vec<i64>,
    nodes: Crowd,
    whole_since: Option<SimTime>,
    /// It has had all its desired replicas for any time.
    pub(super) was_whole: bool,
    /// Integrals so far.
    pub(super) sums: WorkloadSums,
    /// Largest skew that lasted at all within the window.
    pub(super) skew_max: i64,
    /// Most pods on one node likewise.
    pub(super) colocated_max: usize,
}

/// Pods by node, and how many the fullest node has.
#[derive(Clone, Debug)]
struct Crowd {
    pods: BTreeMap<NodeId, usize>,
    /// How many nodes have so many pods, by that number.
    nodes_with: Vec<usize>,
    most: usize,
}

impl Crowd {
    fn new() -> Self {
        Self { pods: BTreeMap::new(), nodes_with: vec![0], most: 0 }
    }

    /// One pod more or less on a node.
    fn change(&mut self, node: NodeId, more: bool) {
        let pods = self.pods.entry(node).or_default();
        let before = *pods;
        *pods = if more { before + 1 } else { before - 1 };
        let after = *pods;
        if after == 0 {
            self.pods.remove(&node);
        }
        if self.nodes_with.len() <= after {
            self.nodes_with.resize(after + 1, 0);
        }
        if before > 0 {
            self.nodes_with[before] -= 1;
        }
        self.nodes_with[after] += usize::from(after > 0);
        self.most = self.most.max(after);
        while self.most > 0 && self.nodes_with[self.most] == 0 {
            self.most -= 1;
        }
    }
}

impl WorkloadTrack {
    /// A workload without pods, `desired` replicas wanted from time zero.
    pub(super) fn new(desired: i32, zones: usize) -> Self {
        Self {
            since: SimTime::ZERO,
            desired: i64::from(desired.max(0)),
            ready: 0,
            serving: 0,
            sound: 0,
            running: 0,
            missed: [0; 3],
            verdicts: Verdicts::default(),
            placed: 0,
            zones: vec![0; zones],
            nodes: Crowd::new(),
            whole_since: None,
            was_whole: false,
            sums: WorkloadSums::default(),
            skew_max: 0,
            colocated_max: 0,
        }
    }

    /// Accounts for the time up to `now`. Call before every change, and once at the end.
    pub(super) fn settle(&mut self, now: SimTime, window: Window) {
        if now <= self.since {
            return;
        }
        // What did not last is not seen: several changes of one instant are one change.
        if self.sound < self.desired {
            self.whole_since = None;
        } else if self.whole_since.is_none() {
            self.whole_since = Some(self.since);
            self.was_whole = true;
        }
        let ns = window.overlap_ns(self.since, now);
        if ns > 0 {
            let missing = (self.desired - self.ready).max(0);
            let skew = self.skew();
            self.sums.desired += held(self.desired, ns);
            self.sums.ready += held(self.ready.min(self.desired), ns);
            self.sums.serving += held(self.serving.min(self.desired), ns);
            self.sums.deficit += held(missing, ns);
            self.sums.outage_ns += if missing > 0 { ns } else { 0 };
            self.sums.skew += held(skew, ns);
            for (sum, pods) in self.sums.missed.iter_mut().zip(self.missed) {
                *sum += held(pods, ns);
            }
            self.skew_max = self.skew_max.max(skew);
            self.colocated_max = self.colocated_max.max(self.nodes.most);
        }
        self.since = now;
    }

    /// Since when at least the desired number of pods were ready at the API server and served in
    /// truth, as of the last [`Self::settle`].
    pub(super) fn whole_since(&self) -> Option<SimTime> {
        self.whole_since
    }

    /// A pod is placed on a node of a zone (`by` = 1) or no longer (−1).
    pub(super) fn place(&mut self, (node, zone): (NodeId, ZoneId), by: i64) {
        self.placed += by;
        self.zones[zone.index()] += by;
        self.nodes.change(node, by > 0);
    }

    /// Most minus fewest placed pods of any zone.
    fn skew(&self) -> i64 {
        let most = self.zones.iter().max().copied().unwrap_or(0);
        most - self.zones.iter().min().copied().unwrap_or(0)
    }
}
