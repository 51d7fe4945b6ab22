//! How often a DaemonSet's failed pods on a node are deleted.
//!
//! A pod that the kubelet rejects fails at once: without a pause, controller and kubelet would
//! fight. It knows nothing of pods.

use std::collections::BTreeMap;

use crate::base::time::{SimDuration, SimTime};
use crate::model::NodeId;

/// First pause.
const INITIAL: SimDuration = SimDuration::from_secs(1);

/// Longest pause.
const LONGEST: SimDuration = SimDuration::from_mins(15);

/// A pause of a node is forgotten when its last failure is longer ago than this.
const FORGOTTEN: SimDuration = SimDuration::from_mins(30);

/// The pause of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pause {
    delay: SimDuration,
    since: SimTime,
}

impl Pause {
    fn is_forgotten(&self, now: SimTime) -> bool {
        now.saturating_since(self.since) > FORGOTTEN
    }
}

/// The pauses of one DaemonSet, by node: 1 s, doubling to 15 min.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailedPodBackoff {
    pauses: BTreeMap<NodeId, Pause>,
}

impl FailedPodBackoff {
    /// The pause that is not over yet: its whole length, for that is how long the controller then
    /// waits.
    #[must_use]
    pub fn pausing(&self, node: NodeId, now: SimTime) -> Option<SimDuration> {
        let pause = self.pauses.get(&node).filter(|pause| !pause.is_forgotten(now))?;
        (now.saturating_since(pause.since) < pause.delay).then_some(pause.delay)
    }

    /// A failed pod is deleted: the next one has to wait.
    pub fn deleted(&mut self, node: NodeId, now: SimTime) {
        let known = self.pauses.get(&node).filter(|pause| !pause.is_forgotten(now));
        let delay = known.map_or(INITIAL, |pause| pause.delay.saturating_mul(2).min(LONGEST));
        self.pauses.insert(node, Pause { delay, since: now });
    }

    /// Frees the memory of pauses that no longer count.
    pub fn forget_old(&mut self, now: SimTime) {
        self.pauses.retain(|_, pause| !pause.is_forgotten(now));
    }
}
