//! Nodes by the value of a label: the domains that spreading and pod affinity count in.

use super::framework::CycleCx;
use crate::base::id::IdVec;
use crate::base::map::{LookupMap, Symbol};
use crate::model::{Labels, Model, NodeId};

/// Marks a node without the label.
const NONE: u32 = u32::MAX;
/// The domain of the empty value, which nodes without the label share where they count at all.
const EMPTY: u32 = 0;

/// The values of one label key, numbered densely, and each node's.
#[derive(Debug)]
pub(crate) struct Domains {
    key: Symbol,
    numbers: LookupMap<Symbol, u32>,
    of_node: IdVec<NodeId, u32>,
}

impl Domains {
    /// The column of the nodes as declared.
    fn new(model: &Model, key: Symbol) -> Self {
        let mut column = Self {
            key,
            numbers: LookupMap::new(),
            of_node: model.nodes.ids().map(|_| NONE).collect(),
        };
        for (node, spec) in model.nodes.iter() {
            column.set(model, node, &spec.labels);
        }
        column
    }

    /// The label's key.
    pub(crate) fn key(&self) -> Symbol {
        self.key
    }

    /// Whether every node has the label.
    pub(crate) fn is_complete(&self) -> bool {
        self.of_node.values().all(|&domain| domain != NONE)
    }

    fn set(&mut self, model: &Model, node: NodeId, labels: &Labels) {
        self.of_node[node] = match labels.get(self.key) {
            None => NONE,
            Some(value) if model.symbols.resolve(value).is_empty() => EMPTY,
            Some(value) => {
                let next = u32::try_from(self.numbers.len() + 1).expect("values are symbols");
                *self.numbers.get_or_insert_with(value, || next)
            }
        };
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
        self.of(node).unwrap_or(EMPTY as usize)
    }

    /// How many numbers [`Self::of_or_empty`] may give.
    pub(crate) fn count(&self) -> usize {
        self.numbers.len() + 1
    }
}

/// The columns made so far, kept up with the labels of one snapshot and of its copies.
#[derive(Debug, Default)]
pub(crate) struct TopologyIndex {
    columns: Vec<Domains>,
    /// How far the columns have followed the snapshot's changes of labels.
    followed: usize,
    /// How many of the columns have.
    following: usize,
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

    /// Brings all columns up to the snapshot's labels. To be called before they are read.
    #[inline]
    pub(crate) fn follow(&mut self, cx: &CycleCx<'_>) {
        let changed = cx.snapshot.relabelled().len();
        if self.followed != changed || (changed > 0 && self.following < self.columns.len()) {
            self.catch_up(cx);
        }
    }

    fn catch_up(&mut self, cx: &CycleCx<'_>) {
        if cx.snapshot.relabelled().len() < self.followed {
            // Another snapshot, of an earlier time.
            for column in &mut self.columns {
                *column = Domains::new(cx.model, column.key);
            }
            self.following = 0;
        }
        for (at, column) in self.columns.iter_mut().enumerate() {
            let from = if at < self.following { self.followed } else { 0 };
            for &node in cx.snapshot.relabelled().iter().skip(from) {
                column.set(cx.model, node, &cx.node(node).labels);
            }
        }
        self.followed = cx.snapshot.relabelled().len();
        self.following = self.columns.len();
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
