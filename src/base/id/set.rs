//! Sets of ids as bits.

use std::fmt;
use std::marker::PhantomData;

use super::Id;

const WORD_BITS: usize = u64::BITS as usize;

/// A set of ids, one bit each; grows as needed and iterates in ascending order.
///
/// Two sets are equal if they hold the same ids, whatever their capacities.
#[derive(Clone)]
pub struct IdSet<I> {
    words: Vec<u64>,
    ids: PhantomData<fn(I) -> I>,
}

impl<I: Id> IdSet<I> {
    /// The empty set.
    #[must_use]
    pub fn new() -> Self {
        IdSet::from_words(Vec::new())
    }

    /// The empty set, with room for the ids below `count`.
    #[must_use]
    pub fn with_capacity(count: usize) -> Self {
        IdSet::from_words(Vec::with_capacity(count.div_ceil(WORD_BITS)))
    }

    /// The set of all ids below `count`.
    #[must_use]
    pub fn full(count: usize) -> Self {
        let mut words = vec![u64::MAX; count.div_ceil(WORD_BITS)];
        if let Some(last) = words.last_mut()
            && !count.is_multiple_of(WORD_BITS)
        {
            *last = (1 << (count % WORD_BITS)) - 1;
        }
        IdSet::from_words(words)
    }

    fn from_words(words: Vec<u64>) -> Self {
        IdSet { words, ids: PhantomData }
    }

    /// Puts `id` in; false if it was in already.
    #[inline]
    pub fn insert(&mut self, id: I) -> bool {
        let (word, bit) = place(id);
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        let before = self.words[word];
        self.words[word] = before | bit;
        before & bit == 0
    }

    /// Takes `id` out; false if it was not in.
    #[inline]
    pub fn remove(&mut self, id: I) -> bool {
        let (word, bit) = place(id);
        let Some(slot) = self.words.get_mut(word) else { return false };
        let before = *slot;
        *slot = before & !bit;
        before & bit != 0
    }

    /// Whether `id` is in.
    #[inline]
    #[must_use]
    pub fn contains(&self, id: I) -> bool {
        let (word, bit) = place(id);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Number of ids in the set; counts the bits, so it costs one step per 64 possible ids.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether no id is in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// The ids, ascending.
    pub fn iter(&self) -> impl Iterator<Item = I> {
        self.words.iter().enumerate().flat_map(|(index, &word)| {
            let rest_after = |rest: u64| rest & rest.wrapping_sub(1);
            std::iter::successors(Some(word), move |&rest| Some(rest_after(rest)))
                .take_while(|&rest| rest != 0)
                .map(move |rest| I::from_index(index * WORD_BITS + rest.trailing_zeros() as usize))
        })
    }

    /// The smallest id.
    #[must_use]
    pub fn first(&self) -> Option<I> {
        self.at_or_after(0)
    }

    /// The smallest id greater than `id`, which need not be in the set.
    #[must_use]
    pub fn next_after(&self, id: I) -> Option<I> {
        self.at_or_after(id.index() + 1)
    }

    /// The smallest id whose row number is at least `index`.
    #[must_use]
    pub fn at_or_after(&self, index: usize) -> Option<I> {
        let start = index / WORD_BITS;
        let mut word = self.words.get(start)? & (u64::MAX << (index % WORD_BITS));
        let mut at = start;
        while word == 0 {
            at += 1;
            word = *self.words.get(at)?;
        }
        Some(I::from_index(at * WORD_BITS + word.trailing_zeros() as usize))
    }

    /// Takes all ids out and keeps the memory.
    pub fn clear(&mut self) {
        self.words.clear();
    }

    /// Puts in every id of `other`.
    pub fn union_with(&mut self, other: &IdSet<I>) {
        if self.words.len() < other.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        self.words.iter_mut().zip(&other.words).for_each(|(ours, theirs)| *ours |= theirs);
    }

    /// Keeps only the ids that are in `other` too.
    pub fn intersect_with(&mut self, other: &IdSet<I>) {
        self.words.truncate(other.words.len());
        self.words.iter_mut().zip(&other.words).for_each(|(ours, theirs)| *ours &= theirs);
    }

    /// Takes out every id of `other`.
    pub fn subtract(&mut self, other: &IdSet<I>) {
        self.words.iter_mut().zip(&other.words).for_each(|(ours, theirs)| *ours &= !theirs);
    }

    /// Keeps only the ids for which `keep` says true; asks in ascending order.
    pub fn retain(&mut self, mut keep: impl FnMut(I) -> bool) {
        for (index, word) in self.words.iter_mut().enumerate() {
            let mut rest = *word;
            while rest != 0 {
                let offset = rest.trailing_zeros() as usize;
                rest &= rest - 1;
                if !keep(I::from_index(index * WORD_BITS + offset)) {
                    *word &= !(1 << offset);
                }
            }
        }
    }

    /// Whether some id is in both sets.
    #[must_use]
    pub fn intersects(&self, other: &IdSet<I>) -> bool {
        self.words.iter().zip(&other.words).any(|(ours, theirs)| ours & theirs != 0)
    }

    /// Whether every id is in `other` too.
    #[must_use]
    pub fn is_subset(&self, other: &IdSet<I>) -> bool {
        let theirs = other.words.iter().copied().chain(std::iter::repeat(0));
        self.words.iter().zip(theirs).all(|(ours, theirs)| ours & !theirs == 0)
    }
}

#[inline]
fn place<I: Id>(id: I) -> (usize, u64) {
    let index = id.index();
    (index / WORD_BITS, 1 << (index % WORD_BITS))
}

impl<I: Id> Default for IdSet<I> {
    fn default() -> Self {
        IdSet::new()
    }
}

impl<I: Id> PartialEq for IdSet<I> {
    fn eq(&self, other: &Self) -> bool {
        self.is_subset(other) && other.is_subset(self)
    }
}

impl<I: Id> Eq for IdSet<I> {}

impl<I: Id> Extend<I> for IdSet<I> {
    fn extend<T: IntoIterator<Item = I>>(&mut self, ids: T) {
        for id in ids {
            self.insert(id);
        }
    }
}

impl<I: Id> FromIterator<I> for IdSet<I> {
    fn from_iter<T: IntoIterator<Item = I>>(ids: T) -> Self {
        let mut set = IdSet::new();
        set.extend(ids);
        set
    }
}

impl<I: Id> fmt::Debug for IdSet<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::btree_set;
    use proptest::prelude::*;

    use super::*;

    crate::define_id!(
        /// A row of the tests.
        pub(crate) struct RowId
    );

    fn set(rows: &BTreeSet<usize>) -> IdSet<RowId> {
        rows.iter().copied().map(RowId::from_index).collect()
    }

    fn rows(set: &IdSet<RowId>) -> Vec<usize> {
        set.iter().map(RowId::index).collect()
    }

    #[test]
    fn full_sets_end_where_they_should() {
        for count in [0, 1, 63, 64, 65, 128, 130] {
            let set: IdSet<RowId> = IdSet::full(count);
            assert_eq!(rows(&set), (0..count).collect::<Vec<_>>());
            assert_eq!((set.len(), set.is_empty()), (count, count == 0));
        }
    }

    #[test]
    fn equality_ignores_capacity() {
        let mut wide: IdSet<RowId> = [3, 500].map(RowId::from_index).into_iter().collect();
        assert!(wide.remove(RowId::from_index(500)) && !wide.remove(RowId::from_index(9_999)));
        assert_eq!(wide, set(&BTreeSet::from([3])));
        assert_ne!(wide, IdSet::new());
        assert_eq!(format!("{wide:?}"), "{RowId(3)}");
    }

    proptest! {
        #[test]
        fn agrees_with_a_tree_set(a in btree_set(0..200usize, 0..40), b in btree_set(0..300usize, 0..40)) {
            let (left, right) = (set(&a), set(&b));
            prop_assert_eq!(rows(&left), a.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(left.len(), a.len());
            let combine = |op: fn(&mut IdSet<RowId>, &IdSet<RowId>)| {
                let mut result = left.clone();
                op(&mut result, &right);
                rows(&result)
            };
            prop_assert_eq!(combine(IdSet::union_with), (&a | &b).into_iter().collect::<Vec<_>>());
            prop_assert_eq!(combine(IdSet::intersect_with), (&a & &b).into_iter().collect::<Vec<_>>());
            prop_assert_eq!(combine(IdSet::subtract), (&a - &b).into_iter().collect::<Vec<_>>());
            prop_assert_eq!(left.intersects(&right), !a.is_disjoint(&b));
            prop_assert_eq!(left.is_subset(&right), a.is_subset(&b));
            let mut odd = left.clone();
            odd.retain(|id| id.index() % 2 == 1);
            prop_assert_eq!(rows(&odd), a.iter().copied().filter(|row| row % 2 == 1).collect::<Vec<_>>());
            for row in 0..210 {
                let id = RowId::from_index(row);
                prop_assert_eq!(left.contains(id), a.contains(&row));
                prop_assert_eq!(left.next_after(id).map(RowId::index), a.range(row + 1..).next().copied());
            }
            prop_assert_eq!(left.first().map(RowId::index), a.first().copied());
        }
    }
}
