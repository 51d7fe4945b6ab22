//! The order in which kube-scheduler visits nodes: zones in turn, nodes of a zone by arrival.

use crate::base::map::Symbol;
use crate::model::{Labels, Model, NodeId};

/// Region and zone of a node, as its labels give them; both absent for nodes without topology.
type ZoneKey = (Option<Symbol>, Option<Symbol>);

/// Nodes by zone, and the list that visiting the zones in turn makes of them.
///
/// A zone stands where its first node came; when its last node goes it is forgotten, and coming
/// back it is the last.
#[derive(Clone, Debug, Default)]
pub(crate) struct NodeTree {
    zones: Vec<(ZoneKey, Vec<NodeId>)>,
    order: Vec<NodeId>,
    stale: bool,
}

impl NodeTree {
    /// Adds a node at the end of its zone.
    pub(crate) fn add(&mut self, model: &Model, node: NodeId, labels: &Labels) {
        self.stale = true;
        self.insert(zone_key(model, labels), node);
    }

    fn insert(&mut self, key: ZoneKey, node: NodeId) {
        match self.zones.iter_mut().find(|zone| zone.0 == key) {
            Some((_, nodes)) => nodes.push(node),
            None => self.zones.push((key, vec![node])),
        }
    }

    /// Moves a node whose labels changed to the end of its new zone.
    ///
    /// The list stays as it is until nodes come or go: kube-scheduler rebuilds it for no other
    /// reason.
    pub(crate) fn relabel(&mut self, model: &Model, node: NodeId, labels: &Labels) {
        let key = zone_key(model, labels);
        if !self.zones.iter().any(|zone| zone.0 == key && zone.1.contains(&node)) {
            self.take(node);
            self.insert(key, node);
        }
    }

    /// Removes a node.
    pub(crate) fn remove(&mut self, node: NodeId) {
        self.take(node);
        self.stale = true;
    }

    fn take(&mut self, node: NodeId) {
        if let Some(at) = self.zones.iter().position(|zone| zone.1.contains(&node)) {
            self.zones[at].1.retain(|&other| other != node);
            if self.zones[at].1.is_empty() {
                self.zones.remove(at);
            }
        }
    }

    /// Rebuilds the list if nodes came or went; tells whether it did.
    pub(crate) fn refresh(&mut self) -> bool {
        if !self.stale {
            return false;
        }
        self.order.clear();
        let longest = self.zones.iter().map(|zone| zone.1.len()).max().unwrap_or(0);
        for round in 0..longest {
            self.order.extend(self.zones.iter().filter_map(|zone| zone.1.get(round)));
        }
        self.stale = false;
        true
    }

    /// The list; [`Self::refresh`] first.
    pub(crate) fn order(&self) -> &[NodeId] {
        debug_assert!(!self.stale, "the order is read before it was rebuilt");
        &self.order
    }
}

/// The zone of a node by the labels kube-scheduler looks at, the deprecated ones first.
fn zone_key(model: &Model, labels: &Labels) -> ZoneKey {
    let value = |old: &str, new: &str| {
        [old, new]
            .into_iter()
            .filter_map(|key| labels.get(model.symbols.get(key)?))
            .find(|&value| !model.symbols.resolve(value).is_empty())
    };
    (
        value("failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region"),
        value("failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone"),
    )
}
