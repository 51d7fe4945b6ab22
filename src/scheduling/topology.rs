//! Nodes by the value of a label: the domains that spreading and pod affinity count in.

use crate::base::id::IdVec;
use crate::base::map::{LookupMap, Symbol};
use crate::model::{Model, NodeId};

/// Marks a node without the label.
const NONE: u32 = u32::MAX;

/// The values of one label key, numbered densely, and each node's.
///
/// Labels of nodes do not change while a model lives, so a column is made once.
#[derive(Debug)]
pub(crate) struct Domains {
    key: Symbol,
    of_node: IdVec<NodeId, u32>,
    count: usize,
    /// Every node has the label.
    complete: bool,
    /// The domain of nodes without the label where they share the empty value.
    empty: u32,
}

impl Domains {
    fn new(model: &Model, key: Symbol) -> Self {
        let mut numbers: LookupMap<Symbol, u32> = LookupMap::new();
        let mut empty = None;
        let mut of_node = IdVec::with_capacity(model.nodes.len());
        for spec in model.nodes.values() {
            let domain = spec.labels.get(key).map_or(NONE, |value| {
                let next = u32::try_from(numbers.len()).expect("fewer values than nodes");
                let number = *numbers.get_or_insert_with(value, || next);
                if model.symbols.resolve(value).is_empty() {
                    empty = Some(number);
                }
                number
            });
            of_node.push(domain);
        }
        let values = u32::try_from(numbers.len()).expect("fewer values than nodes");
        let complete = of_node.values().all(|&domain| domain != NONE);
        let (count, empty) = (values as usize + 1, empty.unwrap_or(values));
        Self { key, of_node, count, complete, empty }
    }

    /// The label's key.
    pub(crate) fn key(&self) -> Symbol {
        self.key
    }

    /// Whether every node has the label.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    /// The node's domain, `None` if it lacks the label.
    #[inline]
    pub(crate) fn of(&self, node: NodeId) -> Option<usize> {
        let domain = self.of_node[node];
        (domain != NONE).then_some(domain as usize)
    }

    /// The node's domain, nodes without the label being in that of the empty value.
    #[inline]
    pub(crate) fn of_or_empty(&self, node: NodeId) -> usize {
        self.of(node).unwrap_or(self.empty as usize)
    }

    /// How many numbers [`Self::of_or_empty`] may give.
    pub(crate) fn count(&self) -> usize {
        self.count
    }
}

/// The columns made so far.
#[derive(Debug, Default)]
pub(crate) struct TopologyIndex {
    columns: Vec<Domains>,
}

impl TopologyIndex {
    /// The number of the column for a label key, made if need be.
    pub(crate) fn column(&mut self, model: &Model, key: Symbol) -> usize {
        if let Some(at) = self.columns.iter().position(|column| column.key == key) {
            return at;
        }
        self.columns.push(Domains::new(model, key));
        self.columns.len() - 1
    }

    /// A column by its number.
    #[inline]
    pub(crate) fn get(&self, column: usize) -> &Domains {
        &self.columns[column]
    }

    /// Number of columns.
    pub(crate) fn len(&self) -> usize {
        self.columns.len()
    }
}
