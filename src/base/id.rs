//! Dense ids, and vectors and sets indexed by them.
//!
//! An id is a 32-bit row number with a type of its own, so that a pod's row cannot be used as a
//! node's. [`define_id!`] makes the types; this module does not know which there are.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

mod set;

pub use set::IdSet;

#[doc(inline)]
pub use crate::define_id;

/// A 32-bit row number with a type of its own; made by [`define_id!`].
pub trait Id: Copy + Ord + fmt::Debug {
    /// The id of row `index`. Panics if it does not fit in 32 bits.
    fn from_index(index: usize) -> Self;

    /// The row number.
    fn index(self) -> usize;
}

/// Defines an id type: `define_id!(/// A pod. pub struct PodId);`.
///
/// The type is `Copy`, ordered by row number, prints as `PodId(7)`, and has `from_index(usize)`
/// and `index()`.
#[macro_export]
macro_rules! define_id {
    ($(#[$meta:meta])* $vis:vis struct $name:ident) => {
        $(#[$meta])*
        #[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        $vis struct $name(u32);

        impl $name {
            /// The id of row `index`.
            ///
            /// # Panics
            /// If `index` does not fit in 32 bits.
            #[must_use]
            #[allow(dead_code, reason = "not every id type needs both directions")]
            $vis fn from_index(index: usize) -> Self {
                $name(u32::try_from(index).expect("a run holds fewer than 2^32 rows of a kind"))
            }

            /// The row number, dense from 0.
            #[must_use]
            #[allow(dead_code, reason = "not every id type needs both directions")]
            $vis const fn index(self) -> usize {
                self.0 as usize
            }

            /// The row number as 32 bits, for packing into keys and hashes.
            #[must_use]
            #[allow(dead_code, reason = "not every id type needs both directions")]
            $vis const fn raw(self) -> u32 {
                self.0
            }

            /// The id of row `raw`.
            #[must_use]
            #[allow(dead_code, reason = "not every id type needs both directions")]
            $vis const fn from_raw(raw: u32) -> Self {
                $name(raw)
            }
        }

        impl $crate::base::id::Id for $name {
            fn from_index(index: usize) -> Self {
                $name::from_index(index)
            }

            fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

/// A vector indexed by an id type; `push` gives the next id.
#[derive(Clone, PartialEq, Eq)]
pub struct IdVec<I, T> {
    rows: Vec<T>,
    ids: PhantomData<fn(I) -> I>,
}

impl<I: Id, T> IdVec<I, T> {
    /// A vector without rows.
    #[must_use]
    pub fn new() -> Self {
        IdVec::from_rows(Vec::new())
    }

    /// A vector without rows, with room for `capacity` of them.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        IdVec::from_rows(Vec::with_capacity(capacity))
    }

    /// The rows of `rows`, whose positions become ids.
    #[must_use]
    pub fn from_rows(rows: Vec<T>) -> Self {
        IdVec { rows, ids: PhantomData }
    }

    /// Appends a row and returns its id.
    pub fn push(&mut self, row: T) -> I {
        let id = self.next_id();
        self.rows.push(row);
        id
    }

    /// The id that the next `push` will give.
    #[must_use]
    pub fn next_id(&self) -> I {
        I::from_index(self.rows.len())
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The row of `id`, if there is one.
    #[must_use]
    pub fn get(&self, id: I) -> Option<&T> {
        self.rows.get(id.index())
    }

    /// The row of `id`, to be changed, if there is one.
    #[must_use]
    pub fn get_mut(&mut self, id: I) -> Option<&mut T> {
        self.rows.get_mut(id.index())
    }

    /// All rows with their ids, ascending.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (I, &T)> + DoubleEndedIterator {
        self.rows.iter().enumerate().map(|(index, row)| (I::from_index(index), row))
    }

    /// All rows with their ids, ascending, to be changed.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (I, &mut T)> + DoubleEndedIterator {
        self.rows.iter_mut().enumerate().map(|(index, row)| (I::from_index(index), row))
    }

    /// All ids, ascending; they do not borrow the vector.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = I> + DoubleEndedIterator + use<I, T> {
        (0..self.rows.len()).map(I::from_index)
    }

    /// All rows in the order of their ids.
    pub fn values(&self) -> std::slice::Iter<'_, T> {
        self.rows.iter()
    }

    /// All rows in the order of their ids, to be changed.
    pub fn values_mut(&mut self) -> std::slice::IterMut<'_, T> {
        self.rows.iter_mut()
    }

    /// The rows as a slice.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        &self.rows
    }

    /// Forgets all rows and keeps the memory.
    pub fn clear(&mut self) {
        self.rows.clear();
    }
}

impl<I: Id, T> Default for IdVec<I, T> {
    fn default() -> Self {
        IdVec::new()
    }
}

impl<I: Id, T> FromIterator<T> for IdVec<I, T> {
    fn from_iter<S: IntoIterator<Item = T>>(rows: S) -> Self {
        IdVec::from_rows(rows.into_iter().collect())
    }
}

impl<I: Id, T> Index<I> for IdVec<I, T> {
    type Output = T;
    #[inline]
    fn index(&self, id: I) -> &T {
        &self.rows[id.index()]
    }
}

impl<I: Id, T> IndexMut<I> for IdVec<I, T> {
    #[inline]
    fn index_mut(&mut self, id: I) -> &mut T {
        &mut self.rows[id.index()]
    }
}

impl<I: Id, T: fmt::Debug> fmt::Debug for IdVec<I, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    define_id!(
        /// A row of the tests.
        pub(crate) struct RowId
    );

    #[test]
    fn push_gives_dense_ids_that_index_the_rows() {
        let mut names: IdVec<RowId, &str> = IdVec::with_capacity(2);
        let (a, b) = (names.push("a"), names.push("b"));
        assert_eq!((a.index(), b.index(), names.next_id().index()), (0, 1, 2));
        names[b] = "c";
        assert_eq!((names[a], names.get(b), names.get(names.next_id())), ("a", Some(&"c"), None));
        for id in names.ids() {
            names[id] = "d";
        }
        assert_eq!(names.iter().collect::<Vec<_>>(), [(a, &"d"), (b, &"d")]);
        assert_eq!(format!("{names:?}"), r#"{RowId(0): "d", RowId(1): "d"}"#);
        assert_eq!(names.values().len(), names.len());
        names.clear();
        assert!(names.is_empty());
    }

    #[test]
    #[should_panic(expected = "fewer than 2^32 rows")]
    fn an_id_has_32_bits() {
        let _ = RowId::from_index(1 << 32);
    }
}
