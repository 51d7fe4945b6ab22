//! The answer to one scheduling question, and how much of the reasoning comes with it.

use super::{PluginId, PluginSet, Rejection};
use crate::model::NodeId;
use crate::rng::{StreamKind, Streams};

/// How one of several best nodes is taken.
#[derive(Clone, Copy, Debug)]
pub enum TieBreak<'a> {
    /// By lot, as kube-scheduler does: every one of the tied nodes, in the order of the node list,
    /// is equally likely.
    Seeded {
        /// Randomness.
        streams: &'a Streams,
        /// Stands for the pod.
        entity: u64,
        /// Which attempt of the pod it is.
        attempt: u64,
    },
    /// The node whose name sorts first.
    LowestName,
}

impl TieBreak<'_> {
    /// Takes one of `ties` (at least two), which are sorted here as the rule wants them.
    pub(crate) fn choose(
        self,
        ties: &mut [NodeId],
        position: impl Fn(NodeId) -> u32,
        name_rank: impl Fn(NodeId) -> u32,
    ) -> NodeId {
        match self.rank(ties.len() as u64) {
            None => ties.iter().copied().min_by_key(|&node| name_rank(node)).expect("ties exist"),
            Some(rank) => {
                let rank = usize::try_from(rank).expect("below the number of nodes");
                *ties.select_nth_unstable_by_key(rank, |&node| position(node)).1
            }
        }
    }

    /// Which of `count` tied nodes is taken, counted in the order of the node list; `None` for the
    /// one whose name sorts first.
    pub(crate) fn rank(self, count: u64) -> Option<u64> {
        match self {
            Self::LowestName => None,
            Self::Seeded { streams, entity, attempt } => {
                let mut stream = streams.stream(StreamKind::SchedulerTieBreak, entity);
                stream.seek(attempt);
                Some(stream.below(count))
            }
        }
    }
}

/// What came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The pod goes there.
    Place(NodeId),
    /// No node is feasible.
    Unschedulable,
    /// Plugins could not work; the attempt is repeated after a back-off.
    Error(&'static str),
}

/// How many nodes were rejected for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReasonCount {
    /// By which plugin.
    pub plugin: PluginId,
    /// Why.
    pub rejection: Rejection,
    /// Number of nodes.
    pub nodes: u32,
}

/// One scheduling decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What came out.
    pub outcome: Outcome,
    /// Where the next search in the node list starts.
    pub next_start: usize,
    /// Nodes counted as evaluated: feasible ones found and rejected ones.
    pub evaluated: u32,
    /// Feasible nodes found.
    pub feasible: u32,
    /// Nodes in the cluster.
    pub nodes: u32,
    /// Plugins that rejected the pod or a node, where no node was feasible.
    pub rejected_by: PluginSet,
    /// A plugin rejected the pod before any node was looked at.
    pub pre_filter: Option<(PluginId, Rejection)>,
    /// Nodes per reason, where no node was feasible; in the order in which they were met.
    pub reasons: Vec<ReasonCount>,
    /// Nodes outside those that pre-filters left, and the plugins that narrowed the choice.
    pub outside: Option<(u32, PluginSet)>,
}

impl Decision {
    /// The node chosen.
    #[must_use]
    pub fn node(&self) -> Option<NodeId> {
        match self.outcome {
            Outcome::Place(node) => Some(node),
            Outcome::Unschedulable | Outcome::Error(_) => None,
        }
    }
}

/// What a score plugin said of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PluginScore {
    /// The plugin.
    pub plugin: PluginId,
    /// Its raw score.
    pub raw: i64,
    /// Normalised, 0–100.
    pub normalized: i64,
    /// Times the plugin's weight.
    pub weighted: i64,
}

/// Everything that was said of one node in one decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeExplanation {
    /// The node.
    pub node: NodeId,
    /// The first plugin that rejected it, and why.
    pub rejected: Option<(PluginId, Rejection)>,
    /// Scores, in the order of the plugins; those that skipped are left out.
    pub scores: Vec<PluginScore>,
    /// Sum of the weighted scores.
    pub total: i64,
}
