//! A heap with four children per node: the inside of the event queue.
//!
//! Beside the standard heap it is shallower and finds the children of a node on neighbouring
//! cache lines, which pays once many events are pending (`benches/engine.rs`).

use super::EventKey;

const ARITY: usize = 4;

/// Entries ordered by unique keys, the least on top.
#[derive(Clone)]
pub(super) struct QuadHeap<E> {
    entries: Vec<(EventKey, E)>,
}

impl<E> QuadHeap<E> {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        QuadHeap { entries: Vec::with_capacity(capacity) }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    /// The least key.
    #[inline]
    pub(super) fn peek_key(&self) -> Option<EventKey> {
        self.entries.first().map(|entry| entry.0)
    }

    #[inline]
    pub(super) fn push(&mut self, key: EventKey, event: E) {
        let mut at = self.entries.len();
        self.entries.push((key, event));
        while at > 0 {
            let parent = (at - 1) / ARITY;
            if self.entries[parent].0 < key {
                break;
            }
            self.entries.swap(at, parent);
            at = parent;
        }
    }

    /// Takes the entry with the least key.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<(EventKey, E)> {
        if self.entries.is_empty() {
            return None;
        }
        let least = self.entries.swap_remove(0);
        self.sift_down();
        Some(least)
    }

    /// Moves the top entry down to its place.
    #[inline]
    fn sift_down(&mut self) {
        let count = self.entries.len();
        let mut at = 0;
        while ARITY * at + 1 < count {
            let first = ARITY * at + 1;
            let mut least = first;
            for child in first + 1..(first + ARITY).min(count) {
                if self.entries[child].0 < self.entries[least].0 {
                    least = child;
                }
            }
            if self.entries[at].0 < self.entries[least].0 {
                break;
            }
            self.entries.swap(at, least);
            at = least;
        }
    }
}
