//! What plugins over topology domains ask of the cluster, said as data.
//!
//! A plugin whose verdict depends on counts of pods per value of a label of nodes describes itself
//! here once per pod class; the index keeps the counts up to date from one decision to the
//! next instead of asking the plugin for all nodes anew. The full scan does not use the
//! description: that both agree is tested.

use crate::base::id::IdSet;
use crate::base::map::Symbol;
use crate::model::{NodeId, TemplateId};

/// Which nodes a rule looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeSet {
    /// All.
    All,
    /// These.
    Only(IdSet<NodeId>),
}

impl NodeSet {
    /// Whether the rule looks at a node.
    #[inline]
    #[must_use]
    pub fn contains(&self, node: NodeId) -> bool {
        match self {
            Self::All => true,
            Self::Only(nodes) => nodes.contains(node),
        }
    }
}

/// A domain may not have more pods than the emptiest one and `max_skew`. Nodes without the key are
/// rejected.
#[derive(Clone, Debug)]
pub struct SkewRule {
    /// Topology key.
    pub key: Symbol,
    /// Largest difference to the emptiest domain.
    pub max_skew: i64,
    /// With fewer domains the emptiest counts as 0.
    pub min_domains: i64,
    /// 1 if the pod itself counts.
    pub own: i64,
    /// Classes whose pods count (those that do not terminate).
    pub counted: IdSet<TemplateId>,
    /// Nodes whose pods count and whose domains exist; all of them have the key.
    pub nodes: NodeSet,
}

/// A domain with such a pod is forbidden; nodes without the key are not.
#[derive(Clone, Debug)]
pub struct ForbidRule {
    /// Topology key.
    pub key: Symbol,
    /// Classes whose pods forbid the domain.
    pub counted: IdSet<TemplateId>,
}

/// The domains of all keys must hold such a pod; nodes that lack a key are rejected.
#[derive(Clone, Debug)]
pub struct RequireRule {
    /// Topology keys.
    pub keys: Vec<Symbol>,
    /// Classes whose pods are wanted near.
    pub counted: IdSet<TemplateId>,
    /// While there is no such pod on any node with one of the keys, every node with all keys does.
    pub first_may: bool,
}

/// One constraint of a spreading score.
#[derive(Clone, Debug)]
pub struct SpreadRule {
    /// Topology key.
    pub key: Symbol,
    /// Pods are counted per node, whatever `nodes` says, and every scored node is a domain.
    pub per_node: bool,
    /// `maxSkew`.
    pub max_skew: i64,
    /// Classes whose pods count (those that do not terminate).
    pub counted: IdSet<TemplateId>,
    /// Nodes whose pods count.
    pub nodes: NodeSet,
}

/// A score that prefers domains with few pods.
#[derive(Clone, Debug)]
pub struct SpreadScore {
    /// Constraints, in the pod's order.
    pub constraints: Vec<SpreadRule>,
    /// Nodes that are scored; others have [`UNSCORED`] as their raw score.
    pub scored: NodeSet,
}

/// Raw score of a node that a [`SpreadScore`] does not score.
pub const UNSCORED: i64 = -1;

/// A score that adds up weights of pods per domain of a key.
#[derive(Clone, Debug)]
pub struct WeightRule {
    /// Topology key.
    pub key: Symbol,
    /// What a pod of a class adds to its domain; sorted by class, classes may repeat.
    pub weights: Vec<(TemplateId, i64)>,
}

/// Everything that a profile's plugins over domains ask for one pod class.
#[derive(Clone, Debug, Default)]
pub struct DomainRules {
    /// Filters by skew.
    pub skews: Vec<SkewRule>,
    /// Filters by forbidden neighbours.
    pub forbids: Vec<ForbidRule>,
    /// Filters by wanted neighbours.
    pub requires: Vec<RequireRule>,
    /// A spreading score.
    pub spread: Option<SpreadScore>,
    /// A score by weights.
    pub weights: Vec<WeightRule>,
    /// The rules follow from the taints of nodes as they are: they change with them.
    pub follow_taints: bool,
}
