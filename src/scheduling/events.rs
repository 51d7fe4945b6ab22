//! Changes of the cluster that may make a rejected pod schedulable, as the scheduler's queue sees
//! them, and how they follow from an object's old and new state.

use std::sync::Arc;

use super::VolumeRef;
use crate::base::map::Symbol;
use crate::model::{
    ClaimId, Labels, Model, NodeId, NodeSpec, PodId, PodTemplate, Taint, TemplateId,
};

/// What of a node object can change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeAspect {
    /// Labels and allocatable amounts; `None` as long as they are as declared.
    pub spec: Option<Arc<NodeSpec>>,
    /// Taints.
    pub taints: Vec<Taint>,
    /// `spec.unschedulable`.
    pub unschedulable: bool,
    /// Condition types and their statuses. Left empty by whoever has no use for events that no
    /// default plugin listens to.
    pub conditions: Vec<(Symbol, Symbol)>,
    /// Annotations, likewise.
    pub annotations: Labels,
}

impl NodeAspect {
    /// The node's labels and amounts.
    #[must_use]
    pub fn spec<'a>(&'a self, model: &'a Model, node: NodeId) -> &'a NodeSpec {
        self.spec.as_deref().unwrap_or(&model.nodes[node])
    }
}

/// What changed of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeChange {
    /// Taints, or the node was uncordoned.
    Taint,
    /// `status.allocatable`.
    Allocatable,
    /// Labels.
    Label,
    /// Statuses of conditions.
    Condition,
    /// Annotations.
    Annotation,
}

/// What changed of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodChange {
    /// Labels.
    Label,
    /// Some request became smaller.
    ScaleDown,
    /// The last scheduling gate is gone.
    SchedulingGatesEliminated,
    /// Tolerations.
    Toleration,
    /// Nothing that has a name.
    Other,
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
    /// A bound pod is gone (or finished, which the scheduler's watch does not tell apart), or a
    /// pod lost its nomination for a node.
    AssignedPodDelete {
        /// The pod.
        pod: PodId,
        /// Its class.
        template: TemplateId,
        /// It was bound rather than nominated.
        assigned: bool,
    },
    /// A pod changed; an unbound one concerns itself alone.
    PodUpdate {
        /// The pod.
        pod: PodId,
        /// What changed.
        change: PodChange,
        /// It is bound.
        assigned: bool,
        /// Its class before.
        before: TemplateId,
        /// Its class now.
        after: TemplateId,
    },
    /// A claim appeared.
    ClaimAdd {
        /// The claim.
        claim: ClaimId,
    },
    /// A claim changed.
    ClaimUpdate {
        /// The claim.
        claim: ClaimId,
    },
    /// A volume appeared.
    VolumeAdd {
        /// The volume.
        volume: VolumeRef,
    },
    /// A volume changed, in what it is bound to.
    VolumeUpdate {
        /// The volume.
        volume: VolumeRef,
    },
    /// A node appeared.
    NodeAdd {
        /// The node.
        node: NodeId,
        /// As it is.
        after: Arc<NodeAspect>,
    },
    /// A node changed.
    NodeUpdate {
        /// The node.
        node: NodeId,
        /// What changed.
        change: NodeChange,
        /// As it was.
        before: Arc<NodeAspect>,
        /// As it is.
        after: Arc<NodeAspect>,
    },
    /// A node is gone.
    NodeDelete {
        /// The node.
        node: NodeId,
        /// As it was.
        before: Arc<NodeAspect>,
    },
}

impl ClusterEvent {
    /// The event's kind as a set of one.
    #[must_use]
    pub fn kind(&self) -> WakeSet {
        match self {
            Self::AssignedPodAdd { .. } => WakeSet::POD_ADD,
            Self::AssignedPodDelete { .. } => WakeSet::POD_DELETE,
            Self::PodUpdate { change, .. } => match change {
                PodChange::Label => WakeSet::POD_LABEL,
                PodChange::ScaleDown => WakeSet::POD_SCALE_DOWN,
                PodChange::SchedulingGatesEliminated => WakeSet::POD_GATES_ELIMINATED,
                PodChange::Toleration => WakeSet::POD_TOLERATION,
                PodChange::Other => WakeSet::POD_OTHER,
            },
            Self::ClaimAdd { .. } => WakeSet::CLAIM_ADD,
            Self::ClaimUpdate { .. } => WakeSet::CLAIM_UPDATE,
            Self::VolumeAdd { .. } => WakeSet::VOLUME_ADD,
            Self::VolumeUpdate { .. } => WakeSet::VOLUME_UPDATE,
            Self::NodeAdd { .. } => WakeSet::NODE_ADD,
            Self::NodeUpdate { change, .. } => match change {
                NodeChange::Taint => WakeSet::NODE_TAINT,
                NodeChange::Allocatable => WakeSet::NODE_ALLOCATABLE,
                NodeChange::Label => WakeSet::NODE_LABEL,
                NodeChange::Condition => WakeSet::NODE_CONDITION,
                NodeChange::Annotation => WakeSet::NODE_ANNOTATION,
            },
            Self::NodeDelete { .. } => WakeSet::NODE_DELETE,
        }
    }

    /// Kubernetes' name of the event: resource and action.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::AssignedPodAdd { .. } => "AssignedPodAdd",
            Self::AssignedPodDelete { .. } => "AssignedPodDelete",
            Self::PodUpdate { change, assigned, .. } => pod_label(*change, *assigned),
            Self::ClaimAdd { .. } => "PersistentVolumeClaimAdd",
            Self::ClaimUpdate { .. } => "PersistentVolumeClaimUpdate",
            Self::VolumeAdd { .. } => "PersistentVolumeAdd",
            Self::VolumeUpdate { .. } => "PersistentVolumeUpdate",
            Self::NodeAdd { .. } => "NodeAdd",
            Self::NodeUpdate { change, .. } => match change {
                NodeChange::Taint => "NodeUpdateNodeTaint",
                NodeChange::Allocatable => "NodeUpdateNodeAllocatable",
                NodeChange::Label => "NodeUpdateNodeLabel",
                NodeChange::Condition => "NodeUpdateNodeCondition",
                NodeChange::Annotation => "NodeUpdateNodeAnnotation",
            },
            Self::NodeDelete { .. } => "NodeDelete",
        }
    }
}

fn pod_label(change: PodChange, assigned: bool) -> &'static str {
    match (change, assigned) {
        (PodChange::Label, true) => "AssignedPodUpdatePodLabel",
        (PodChange::ScaleDown, true) => "AssignedPodUpdatePodScaleDown",
        (PodChange::SchedulingGatesEliminated, true) => {
            "AssignedPodUpdatePodSchedulingGatesEliminated"
        }
        (PodChange::Toleration, true) => "AssignedPodUpdatePodToleration",
        (PodChange::Other, true) => "AssignedPodUpdate",
        (PodChange::Label, false) => "UnschedulablePodUpdatePodLabel",
        (PodChange::ScaleDown, false) => "UnschedulablePodUpdatePodScaleDown",
        (PodChange::SchedulingGatesEliminated, false) => {
            "UnschedulablePodUpdatePodSchedulingGatesEliminated"
        }
        (PodChange::Toleration, false) => "UnschedulablePodUpdatePodToleration",
        (PodChange::Other, false) => "UnschedulablePodUpdate",
    }
}

/// The events of an updated node, in Kubernetes' order; none if only heartbeats moved.
#[must_use]
pub fn node_events(
    model: &Model,
    node: NodeId,
    before: &Arc<NodeAspect>,
    after: &Arc<NodeAspect>,
) -> Vec<ClusterEvent> {
    let (old, new) = (before.spec(model, node), after.spec(model, node));
    // Specs that never changed are one and the same object.
    let same = std::ptr::eq(old, new);
    let changes = [
        // An uncordoned node is told as a change of taints, besides one of the taints themselves.
        (before.unschedulable && !after.unschedulable, NodeChange::Taint),
        (!same && old.allocatable != new.allocatable, NodeChange::Allocatable),
        (!same && old.labels != new.labels, NodeChange::Label),
        (before.taints != after.taints, NodeChange::Taint),
        (before.conditions != after.conditions, NodeChange::Condition),
        (before.annotations != after.annotations, NodeChange::Annotation),
    ];
    let events = changes.into_iter().filter(|(changed, _)| *changed).map(|(_, change)| {
        let (before, after) = (Arc::clone(before), Arc::clone(after));
        ClusterEvent::NodeUpdate { node, change, before, after }
    });
    events.collect()
}

/// The events of an updated pod, in Kubernetes' order; never none.
#[must_use]
pub fn pod_events(
    model: &Model,
    (pod, assigned): (PodId, bool),
    before: TemplateId,
    after: TemplateId,
) -> Vec<ClusterEvent> {
    let event = |change| ClusterEvent::PodUpdate { pod, change, assigned, before, after };
    if before == after {
        return vec![event(PodChange::Other)];
    }
    let (old, new) = (&model.templates[before], &model.templates[after]);
    let changes = [
        (old.labels != new.labels, PodChange::Label),
        (scaled_down(old, new), PodChange::ScaleDown),
        (old.flags.gated && !new.flags.gated, PodChange::SchedulingGatesEliminated),
        // Kubernetes compares their number: tolerations of pods can only be added.
        (old.tolerations.len() != new.tolerations.len(), PodChange::Toleration),
    ];
    let mut events: Vec<ClusterEvent> =
        changes.into_iter().filter(|(changed, _)| *changed).map(|(_, what)| event(what)).collect();
    if events.is_empty() {
        events.push(event(PodChange::Other));
    }
    events
}

/// Whether some request of a pod became smaller.
fn scaled_down(old: &PodTemplate, new: &PodTemplate) -> bool {
    let (old, new) = (old.on_node(), new.on_node());
    old.cpu_milli > new.cpu_milli
        || old.memory_bytes > new.memory_bytes
        || old.ephemeral_bytes > new.ephemeral_bytes
        || old.scalars.iter().any(|&(id, amount)| amount > new.scalar(id))
}

/// A set of kinds of cluster events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WakeSet(u32);

impl WakeSet {
    /// No event.
    pub const NONE: Self = Self(0);
    /// Bound pod added.
    pub const POD_ADD: Self = Self(1);
    /// Bound pod deleted.
    pub const POD_DELETE: Self = Self(1 << 1);
    /// Node added.
    pub const NODE_ADD: Self = Self(1 << 2);
    /// Node taints changed or node uncordoned.
    pub const NODE_TAINT: Self = Self(1 << 3);
    /// Node deleted.
    pub const NODE_DELETE: Self = Self(1 << 4);
    /// Node labels changed.
    pub const NODE_LABEL: Self = Self(1 << 5);
    /// Allocatable amounts changed.
    pub const NODE_ALLOCATABLE: Self = Self(1 << 6);
    /// Condition statuses changed.
    pub const NODE_CONDITION: Self = Self(1 << 7);
    /// Node annotations changed.
    pub const NODE_ANNOTATION: Self = Self(1 << 8);
    /// Pod labels changed.
    pub const POD_LABEL: Self = Self(1 << 9);
    /// Requests of a pod became smaller.
    pub const POD_SCALE_DOWN: Self = Self(1 << 10);
    /// The last scheduling gate of a pod is gone.
    pub const POD_GATES_ELIMINATED: Self = Self(1 << 11);
    /// Tolerations of a pod changed.
    pub const POD_TOLERATION: Self = Self(1 << 12);
    /// Anything else of a pod changed.
    pub const POD_OTHER: Self = Self(1 << 13);
    /// Claim added.
    pub const CLAIM_ADD: Self = Self(1 << 14);
    /// Claim changed.
    pub const CLAIM_UPDATE: Self = Self(1 << 15);
    /// Volume added.
    pub const VOLUME_ADD: Self = Self(1 << 16);
    /// Volume changed.
    pub const VOLUME_UPDATE: Self = Self(1 << 17);

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
