//! What is so, whoever knows it: power, heartbeats, processes of the control plane.

use crate::base::id::IdVec;
use crate::base::time::{SimDuration, SimTime};
use crate::event::Watcher;
use crate::model::{Model, NodeId};

/// Whether a node's kubelet renews its lease. Renewals are not events: their instants follow from
/// the phase, so that only a change of this state costs anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heartbeat {
    /// Renewing: at `since`, then whenever the time is the node's phase modulo the interval.
    Beating {
        /// First renewal of this run of renewals.
        since: SimTime,
    },
    /// Not renewing; the last renewal was then, if there ever was one.
    Silent {
        /// The last renewal.
        last: Option<SimTime>,
    },
}

/// The truth of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeTruth {
    /// How many causes (overlapping faults) keep it without power; it runs at 0.
    pub outages: u32,
    /// Kubelet and runtime are up.
    pub up: bool,
    /// Moves on whenever power is lost: plans of an earlier epoch are stale.
    pub epoch: u32,
    /// Heartbeats.
    pub heartbeat: Heartbeat,
    /// Phase of lease renewals within the interval.
    pub lease_phase: SimDuration,
}

impl NodeTruth {
    /// The instant of the last lease renewal at or before `now`, given the renewal interval.
    #[must_use]
    pub fn last_renewal(&self, now: SimTime, interval: SimDuration) -> Option<SimTime> {
        match self.heartbeat {
            Heartbeat::Silent { last } => last,
            Heartbeat::Beating { since } => {
                let interval = interval.as_nanos();
                let phase = self.lease_phase.as_nanos();
                let now_ns = now.as_nanos();
                if now_ns < phase {
                    return Some(since);
                }
                let aligned = now_ns - (now_ns - phase) % interval;
                Some(since.max(SimTime::from_nanos(aligned)))
            }
        }
    }
}

/// The truth of one control-plane component (all its replicas together).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessTruth {
    /// A leader is at work.
    pub leading: bool,
    /// Moves on whenever the leader dies.
    pub epoch: u32,
}

/// What is so.
#[derive(Debug)]
pub struct Truth {
    /// Nodes.
    pub nodes: IdVec<NodeId, NodeTruth>,
    processes: [ProcessTruth; 2],
}

impl Truth {
    /// Every node up and its lease just renewed; control-plane components not led yet.
    #[must_use]
    pub fn new(model: &Model) -> Self {
        let mut nodes = IdVec::new();
        for _ in model.nodes.ids() {
            nodes.push(NodeTruth {
                outages: 0,
                up: true,
                epoch: 0,
                heartbeat: Heartbeat::Beating { since: SimTime::ZERO },
                lease_phase: SimDuration::ZERO,
            });
        }
        Self { nodes, processes: [ProcessTruth { leading: false, epoch: 0 }; 2] }
    }

    /// The component behind a watcher.
    #[must_use]
    pub fn process(&self, watcher: Watcher) -> ProcessTruth {
        self.processes[watcher.index()]
    }

    /// The component behind a watcher, to change it.
    pub fn process_mut(&mut self, watcher: Watcher) -> &mut ProcessTruth {
        &mut self.processes[watcher.index()]
    }
}
