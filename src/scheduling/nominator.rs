//! Nominations: pods that wait for room to be made for them on a node.
//!
//! A nominated pod takes part in the filters of its node as if it were there, for pods of equal or
//! lower priority. What a nomination is worth to the pod itself stands in `post_filter`.

use std::collections::BTreeMap;

use crate::model::{Model, NodeId, PodId, TemplateId};

/// A pod that is nominated to run on some node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nominated {
    /// The pod.
    pub pod: PodId,
    /// Its class.
    pub template: TemplateId,
    /// Its priority.
    pub priority: i32,
}

impl Nominated {
    /// A pod of a class.
    #[must_use]
    pub fn of(model: &Model, pod: PodId, template: TemplateId) -> Self {
        Self { pod, template, priority: model.templates[template].priority }
    }
}

/// All nominations.
#[derive(Clone, Debug, Default)]
pub struct Nominator {
    by_node: BTreeMap<NodeId, Vec<Nominated>>,
    node_of: BTreeMap<PodId, NodeId>,
}

impl Nominator {
    /// Nominates a pod for a node and for no other.
    pub fn nominate(&mut self, pod: Nominated, node: NodeId) {
        self.remove(pod.pod);
        self.node_of.insert(pod.pod, node);
        self.by_node.entry(node).or_default().push(pod);
    }

    /// Forgets a pod's nomination; returns its node.
    pub fn remove(&mut self, pod: PodId) -> Option<NodeId> {
        let node = self.node_of.remove(&pod)?;
        if let Some(pods) = self.by_node.get_mut(&node) {
            pods.retain(|nominated| nominated.pod != pod);
            if pods.is_empty() {
                self.by_node.remove(&node);
            }
        }
        Some(node)
    }

    /// The node a pod is nominated for.
    #[must_use]
    pub fn node_of(&self, pod: PodId) -> Option<NodeId> {
        self.node_of.get(&pod).copied()
    }

    /// Pods nominated for a node, in the order of their nomination.
    #[must_use]
    pub fn on(&self, node: NodeId) -> &[Nominated] {
        self.by_node.get(&node).map_or(&[], Vec::as_slice)
    }

    /// The others nominated for a node that `pod` has to make way for: those of at least its
    /// priority.
    #[must_use]
    pub fn ahead_of(&self, pod: PodId, priority: i32, node: NodeId) -> Vec<Nominated> {
        let others = self.on(node).iter().filter(|other| other.pod != pod);
        others.filter(|other| other.priority >= priority).copied().collect()
    }

    /// Nodes for which pods are nominated.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.by_node.keys().copied()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.node_of.is_empty()
    }
}
