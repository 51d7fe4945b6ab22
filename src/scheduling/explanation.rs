//! A decision with all its reasoning, for people.

use super::{Decision, Framework, NodeExplanation, PluginId, PluginSet, PostFilter, Query};
use crate::model::NodeId;

/// Why a pod went where it went, or nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The decision.
    pub decision: Decision,
    /// What was said of each node that was looked at.
    pub nodes: Vec<NodeExplanation>,
    /// The nodes with the greatest total, in the order of the nodes.
    pub ties: Vec<NodeId>,
    /// Nodes to which pre-filters restricted the search.
    pub restriction: Option<Vec<NodeId>>,
    /// Plugins whose filter had nothing to say.
    pub skipped_filters: PluginSet,
    /// Plugins whose score had nothing to say.
    pub skipped_scores: PluginSet,
    /// Score plugins and their weights.
    pub weights: Vec<(PluginId, i64)>,
    /// Kubernetes' words where no node was found, without what PostFilter plugins say.
    pub message: Option<String>,
    /// What PostFilter plugins then tried, if they were asked.
    pub post_filter: Option<PostFilter>,
}

impl Explanation {
    /// Decides, and keeps everything that was said on the way. The decision is that of
    /// [`Framework::schedule`].
    #[must_use]
    pub fn of(framework: &mut Framework, query: &Query<'_>) -> Self {
        let (decision, nodes) = framework.explain(query);
        let mut ties = framework.ties().to_vec();
        ties.sort_unstable();
        let asked = (query.model, query.template);
        Self {
            ties,
            restriction: framework.restriction().map(<[NodeId]>::to_vec),
            skipped_filters: framework.skipped_filters(),
            skipped_scores: framework.skipped_scores(),
            weights: framework.weights(),
            message: decision.node().is_none().then(|| framework.message(asked, &decision, None)),
            decision,
            nodes,
            post_filter: None,
        }
    }
}
