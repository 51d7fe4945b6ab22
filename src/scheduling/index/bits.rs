//! Sets of places in the node list.

/// Bits per word.
pub(super) const WORD: usize = u64::BITS as usize;

/// A set of places, one bit each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bits {
    words: Vec<u64>,
}

impl Bits {
    /// No place of `count`.
    pub(super) fn none(count: usize) -> Self {
        Self { words: vec![0; count.div_ceil(WORD)] }
    }

    /// All places below `count`.
    pub(super) fn all(count: usize) -> Self {
        let mut bits = Self::none(count);
        bits.fill();
        if !count.is_multiple_of(WORD) {
            *bits.words.last_mut().expect("there is a partial word") = (1 << (count % WORD)) - 1;
        }
        bits
    }

    /// Sets every bit, also those beyond the last place.
    pub(super) fn fill(&mut self) {
        self.words.fill(u64::MAX);
    }

    pub(super) fn words(&self) -> &[u64] {
        &self.words
    }

    pub(super) fn words_mut(&mut self) -> &mut [u64] {
        &mut self.words
    }

    #[inline]
    pub(super) fn get(&self, place: usize) -> bool {
        self.words[place / WORD] >> (place % WORD) & 1 != 0
    }

    /// Puts a place in or takes it out.
    #[inline]
    pub(super) fn put(&mut self, place: usize, within: bool) {
        let bit = 1 << (place % WORD);
        let word = &mut self.words[place / WORD];
        *word = if within { *word | bit } else { *word & !bit };
    }

    pub(super) fn clear(&mut self) {
        self.words.fill(0);
    }

    pub(super) fn copy_from(&mut self, other: &Self) {
        self.words.clone_from(&other.words);
    }

    #[inline]
    pub(super) fn add(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word |= other;
        }
    }

    #[inline]
    pub(super) fn keep(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= other;
        }
    }

    #[inline]
    pub(super) fn drop(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= !other;
        }
    }

    pub(super) fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The places, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        self.words.iter().enumerate().flat_map(|(at, &word)| places(at, word))
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.words.capacity() * size_of::<u64>()
    }
}

/// The places of one word.
#[inline]
pub(super) fn places(at: usize, word: u64) -> impl Iterator<Item = usize> {
    let mut rest = word;
    std::iter::from_fn(move || {
        (rest != 0).then(|| {
            let place = at * WORD + rest.trailing_zeros() as usize;
            rest &= rest - 1;
            place
        })
    })
}

/// The `rank`-th place (from 0) of one word.
pub(super) fn nth_place(word: u64, rank: u32) -> u32 {
    let mut rest = word;
    for _ in 0..rank {
        rest &= rest - 1;
    }
    rest.trailing_zeros()
}
