//! Changes of the cluster that may make a rejected pod schedulable, as the scheduler's queue sees
//! them.

use crate::model::{NodeId, PodId, Taint, TemplateId};

/// What of a node object can change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeAspect {
    /// Taints.
    pub taints: Vec<Taint>,
    /// `spec.unschedulable`.
    pub unschedulable: bool,
}

/// One cluster event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterEvent {
    /// A bound pod appeared.
    AssignedPodAdd {
        /// The pod.
        pod: PodId,
        /// Its class.
        template: TemplateId,
    },
    /// A bound pod is gone (or finished, which the scheduler's watch does not tell apart).
    AssignedPodDelete {
        /// The pod.
        pod: PodId,
        /// Its class.
        template: TemplateId,
    },
    /// A node appeared.
    NodeAdd {
        /// The node.
        node: NodeId,
        /// As it is.
        after: NodeAspect,
    },
    /// A node's taints changed, or it was uncordoned.
    NodeTaint {
        /// The node.
        node: NodeId,
        /// As it was.
        before: NodeAspect,
        /// As it is.
        after: NodeAspect,
    },
    /// A node is gone.
    NodeDelete {
        /// The node.
        node: NodeId,
    },
}

impl ClusterEvent {
    /// The event's kind as a set of one.
    #[must_use]
    pub fn kind(&self) -> WakeSet {
        match self {
            Self::AssignedPodAdd { .. } => WakeSet::POD_ADD,
            Self::AssignedPodDelete { .. } => WakeSet::POD_DELETE,
            Self::NodeAdd { .. } => WakeSet::NODE_ADD,
            Self::NodeTaint { .. } => WakeSet::NODE_TAINT,
            Self::NodeDelete { .. } => WakeSet::NODE_DELETE,
        }
    }
}

/// A set of kinds of cluster events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WakeSet(u8);

impl WakeSet {
    /// No event.
    pub const NONE: Self = Self(0);
    /// Bound pod added.
    pub const POD_ADD: Self = Self(1);
    /// Bound pod deleted.
    pub const POD_DELETE: Self = Self(2);
    /// Node added.
    pub const NODE_ADD: Self = Self(4);
    /// Node taints changed or node uncordoned.
    pub const NODE_TAINT: Self = Self(8);
    /// Node deleted.
    pub const NODE_DELETE: Self = Self(16);

    /// Both sets.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the sets have a kind in common.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}
