//! How long after a node was lost the control plane noticed, and gave its pods up.
//!
//! A node is *lost* from the instant at which it loses power or its connection to the API server
//! until it has both again. It is *noticed* when its `Ready` condition turns from `True`, and a pod
//! is *given up* when the taint manager deletes it.

use super::window::Window;
use crate::base::id::IdVec;
use crate::base::time::{SimDuration, SimTime};
use crate::model::{Model, NodeId};

/// What keeps a node away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    /// It has no power.
    Power = 0,
    /// It does not reach the API server.
    Connection = 1,
}

#[derive(Clone, Copy, Debug, Default)]
struct Node {
    lacks: [bool; 2],
    /// Since when it has been lost without a break.
    since: Option<SimTime>,
}

/// Follows lost nodes.
#[derive(Debug)]
pub(super) struct NodeLoss {
    nodes: IdVec<NodeId, Node>,
    /// From each loss to its detection.
    pub(super) detected: Vec<SimDuration>,
    /// From the loss of its node to the deletion of each pod.
    pub(super) given_up: Vec<SimDuration>,
}

impl NodeLoss {
    /// All nodes are there.
    pub(super) fn new(model: &Model) -> Self {
        let nodes = IdVec::from_rows(vec![Node::default(); model.nodes.len()]);
        Self { nodes, detected: Vec::new(), given_up: Vec::new() }
    }

    /// A node lacks something, or has it again.
    pub(super) fn lacks(&mut self, now: SimTime, node: NodeId, what: Lack, lacks: bool) {
        let node = &mut self.nodes[node];
        node.lacks[what as usize] = lacks;
        node.since = if node.lacks == [false; 2] { None } else { node.since.or(Some(now)) };
    }

    /// The API server has a node as not ready from now on.
    pub(super) fn not_ready(&mut self, now: SimTime, node: NodeId, window: Window) {
        if let Some(since) = self.lost_since(node, window) {
            self.detected.push(now.saturating_since(since));
        }
    }

    /// The taint manager deletes a pod of a node.
    pub(super) fn evicted(&mut self, now: SimTime, node: NodeId, window: Window) {
        if let Some(since) = self.lost_since(node, window) {
            self.given_up.push(now.saturating_since(since));
        }
    }

    fn lost_since(&self, node: NodeId, window: Window) -> Option<SimTime> {
        self.nodes[node].since.filter(|&since| window.contains(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::tests::fixture::model_with;

    #[test]
    fn a_node_is_lost_until_it_has_power_and_a_connection() {
        let model = model_with(1000, Vec::new());
        let (mut loss, window) = (NodeLoss::new(&model), Window::of(&model));
        let node = NodeId::from_raw(0);
        let at = SimTime::from_secs;
        loss.not_ready(at(5), node, window);
        loss.lacks(at(10), node, Lack::Power, true);
        loss.lacks(at(20), node, Lack::Connection, true);
        loss.lacks(at(30), node, Lack::Power, false);
        loss.not_ready(at(60), node, window);
        loss.evicted(at(360), node, window);
        loss.lacks(at(400), node, Lack::Connection, false);
        loss.evicted(at(500), node, window);
        loss.lacks(at(600), node, Lack::Connection, true);
        loss.not_ready(at(650), node, window);
        let seconds = SimDuration::from_secs;
        assert_eq!(loss.detected, [seconds(50), seconds(50)]);
        assert_eq!(loss.given_up, [seconds(350)]);
    }
}
