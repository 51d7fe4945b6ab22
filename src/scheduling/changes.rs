//! What has changed in a snapshot, in order, for those who keep up with it instead of reading all
//! of it anew.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::{NodeId, TemplateId};

/// One change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Pods of a class came to a node, went, or began to terminate.
    Pods {
        /// The node.
        node: NodeId,
        /// The class.
        template: TemplateId,
        /// Pods more.
        pods: i8,
        /// Pods more that are not terminating.
        live: i8,
    },
    /// The node's taints or `spec.unschedulable` may have changed.
    Node(NodeId),
}

/// The latest changes of one snapshot.
///
/// Every log, a copy too, has an identity of its own, so that whoever follows one never takes
/// another for it. Identities are compared only; no result depends on them.
#[derive(Debug)]
pub(crate) struct ChangeLog {
    identity: u64,
    /// Moves on when nodes come or go.
    nodes: u64,
    changes: Vec<Change>,
    /// Number of the first change kept.
    first: u64,
    /// How many are kept at most.
    limit: usize,
}

fn identity() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Clone for ChangeLog {
    fn clone(&self) -> Self {
        Self {
            identity: identity(),
            nodes: self.nodes,
            changes: Vec::new(),
            first: self.next(),
            limit: self.limit,
        }
    }
}

impl ChangeLog {
    /// The log of a snapshot of so many nodes.
    pub(crate) fn new(nodes: usize) -> Self {
        let limit = (4 * nodes).max(1 << 12);
        Self { identity: identity(), nodes: 0, changes: Vec::new(), first: 0, limit }
    }

    /// Tells this log from every other.
    pub(crate) fn identity(&self) -> u64 {
        self.identity
    }

    /// Moves on when nodes come or go.
    pub(crate) fn nodes(&self) -> u64 {
        self.nodes
    }

    /// The number that the next change will have.
    #[inline]
    pub(crate) fn next(&self) -> u64 {
        self.first + self.changes.len() as u64
    }

    /// The changes from number `from` on; `None` if some of them are not kept any more.
    #[inline]
    pub(crate) fn since(&self, from: u64) -> Option<&[Change]> {
        let at = usize::try_from(from.checked_sub(self.first)?).ok()?;
        self.changes.get(at..)
    }

    pub(super) fn nodes_changed(&mut self) {
        self.nodes += 1;
    }

    #[inline]
    pub(super) fn push(&mut self, change: Change) {
        if self.changes.len() == self.limit {
            let dropped = self.limit / 2;
            self.changes.drain(..dropped);
            self.first += dropped as u64;
        }
        self.changes.push(change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_numbered_and_old_ones_forgotten() {
        let mut log = ChangeLog::new(1);
        let node = |at: usize| Change::Node(NodeId::from_index(at));
        (0..4096).for_each(|at| log.push(node(at)));
        assert_eq!(log.since(4094), Some(&[node(4094), node(4095)][..]));
        assert_eq!(log.since(4096), Some(&[][..]));
        assert_eq!(log.since(4097), None);
        log.push(node(4096));
        assert_eq!((log.since(2047), log.next()), (None, 4097));
        assert_eq!(log.since(2048).map(<[Change]>::len), Some(2049));
    }

    #[test]
    fn a_copy_is_not_the_original() {
        let mut log = ChangeLog::new(1);
        log.push(Change::Node(NodeId::from_index(0)));
        let copy = log.clone();
        assert_ne!(copy.identity(), log.identity());
        assert_eq!((copy.next(), copy.since(1)), (1, Some(&[][..])));
    }
}
