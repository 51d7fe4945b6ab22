//! Streams of random numbers by address.

use std::convert::Infallible;
use std::fmt;

use rand::{Rng, SeedableRng, TryRng};
use rand_chacha::ChaCha8Rng;

use super::StreamKind;

/// Separates this use of the hash function from every other; part of every result.
const KEY_CONTEXT: &str = "wavetank 2025 random streams v1";

/// 32-bit words in one block of the generator.
const WORDS_PER_BLOCK: u128 = 16;

/// All streams of one replication.
///
/// Each kind has a generator key of its own, derived from master seed, replication and kind; the
/// entity selects one of the key's 2^64 streams. Streams therefore never share numbers, and one
/// can be made at any time, in any order, as often as wanted.
#[derive(Clone)]
pub struct Streams {
    keys: Vec<[u8; 32]>,
}

impl Streams {
    /// The streams of replication `replication` under `master_seed`.
    #[must_use]
    pub fn new(master_seed: u64, replication: u32) -> Self {
        let last = StreamKind::ALL.iter().map(|kind| kind.number()).max().unwrap_or(0);
        let key = |number: u16| {
            let mut hasher = blake3::Hasher::new_derive_key(KEY_CONTEXT);
            hasher.update(&master_seed.to_le_bytes());
            hasher.update(&replication.to_le_bytes());
            hasher.update(&number.to_le_bytes());
            *hasher.finalize().as_bytes()
        };
        Streams { keys: (0..=last).map(key).collect() }
    }

    /// The stream of `kind` that belongs to `entity`, at its start.
    #[must_use]
    pub fn stream(&self, kind: StreamKind, entity: u64) -> Stream {
        let mut generator = ChaCha8Rng::from_seed(self.keys[usize::from(kind.number())]);
        generator.set_stream(entity);
        Stream { generator }
    }
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Streams({} kinds)", StreamKind::ALL.len())
    }
}

/// One stream of random numbers (ChaCha with 8 rounds).
///
/// A stream takes about 300 bytes and is quick to make: draw from it and drop it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    generator: ChaCha8Rng,
}

impl Stream {
    /// The next 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        Rng::next_u64(&mut self.generator)
    }

    /// The next number strictly between 0 and 1: an odd multiple of 2^-53, all equally likely, so
    /// that with u also 1 − u is one of them.
    #[inline]
    #[expect(clippy::cast_precision_loss, reason = "a number below 2^53")]
    pub fn uniform(&mut self) -> f64 {
        const STEP: f64 = 1.0 / (1u64 << 53) as f64;
        ((self.next_u64() >> 11) | 1) as f64 * STEP
    }

    /// The next whole number below `bound`, all equally likely; may take several draws.
    ///
    /// The multiplication method of Lemire, "Fast Random Integer Generation in an Interval" (2019).
    ///
    /// # Panics
    /// If `bound` is zero.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of a product")]
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "there is no number below zero");
        // The lowest 2^64 mod bound products of each interval are one too many for some results.
        let excess = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.next_u64()) * u128::from(bound);
            if product as u64 >= excess {
                return (product >> 64) as u64;
            }
        }
    }

    /// True with probability `p`: never if `p` ≤ 0, always if `p` ≥ 1. Takes one draw.
    pub fn chance(&mut self, p: f64) -> bool {
        self.uniform() < p
    }

    /// Goes to the start of the stream's 64-byte block `block` (8 draws of 64 bits each), forward
    /// or back.
    pub fn seek(&mut self, block: u64) {
        self.generator.set_word_pos(u128::from(block) * WORDS_PER_BLOCK);
    }
}

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(Rng::next_u32(&mut self.generator))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        Rng::fill_bytes(&mut self.generator, bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn draws(stream: &mut Stream, count: usize) -> Vec<u64> {
        (0..count).map(|_| stream.next_u64()).collect()
    }

    fn hex(words: &[u64]) -> String {
        words.iter().map(|word| format!("{word:016x}\n")).collect()
    }

    #[test]
    fn value_stability() {
        let streams = Streams::new(1, 0);
        let first = draws(&mut streams.stream(StreamKind::ContainerStartup, 0), 4);
        insta::assert_snapshot!(hex(&first), @r"
        f4ef74971e343fc7
        f0670eec28d3c5cc
        7838706629db2ef5
        f2179be8689c287f
        ");
        let second =
            draws(&mut Streams::new(42, 7).stream(StreamKind::RequestTraffic, u64::MAX), 4);
        insta::assert_snapshot!(hex(&second), @r"
        77d4aa7207d19572
        5f6e8d223af6e3db
        79a25dc95c26cd1b
        ddc96cf95da66d07
        ");
    }

    #[test]
    fn every_part_of_the_address_matters() {
        let first = |seed, replication, kind, entity| {
            Streams::new(seed, replication).stream(kind, entity).next_u64()
        };
        let base = first(1, 0, StreamKind::Arrival, 5);
        assert_ne!(base, first(2, 0, StreamKind::Arrival, 5));
        assert_ne!(base, first(1, 1, StreamKind::Arrival, 5));
        assert_ne!(base, first(1, 0, StreamKind::Shutdown, 5));
        assert_ne!(base, first(1, 0, StreamKind::Arrival, 6));
    }

    #[test]
    fn seeking_finds_the_words_of_a_block() {
        let mut stream = Streams::new(1, 0).stream(StreamKind::NodeFailure, 3);
        let words = draws(&mut stream, 64);
        for block in [5, 0, 7, 4, 1] {
            stream.seek(block);
            let start = 8 * block as usize;
            assert_eq!(draws(&mut stream, 8), words[start..start + 8]);
        }
        stream.seek(u64::MAX);
        assert_eq!(draws(&mut stream, 8).len(), 8);
    }

    #[test]
    fn numbers_below_a_bound_are_evenly_spread() {
        let mut stream = Streams::new(9, 0).stream(StreamKind::SchedulerTieBreak, 0);
        let mut counts = [0u32; 6];
        for _ in 0..60_000 {
            counts[usize::try_from(stream.below(6)).unwrap()] += 1;
        }
        // Chi-square with 5 degrees of freedom: above 20.5 with probability 0.001.
        let chi: f64 =
            counts.iter().map(|&n| f64::from(n) - 1e4).map(|excess| excess * excess / 1e4).sum();
        assert!(chi < 20.5, "{counts:?}");
        assert_eq!(stream.below(1), 0);
    }

    #[test]
    fn the_stream_serves_as_a_generator_of_the_rand_crate() {
        use rand::RngExt;
        let mut stream = Streams::new(1, 0).stream(StreamKind::PodUid, 0);
        let mut twin = stream.clone();
        assert_eq!(stream.random::<u64>(), twin.next_u64());
    }

    proptest! {
        #[test]
        fn uniforms_lie_strictly_inside(seed in any::<u64>(), entity in any::<u64>()) {
            let mut stream = Streams::new(seed, 0).stream(StreamKind::Arrival, entity);
            for _ in 0..20 {
                let u = stream.uniform();
                prop_assert!(0.0 < u && u < 1.0 && 0.0 < 1.0 - u);
                prop_assert_eq!((1.0 - (1.0 - u)).to_bits(), u.to_bits());
            }
        }

        #[test]
        fn streams_do_not_depend_on_the_order_of_making(seed in any::<u64>(), a in any::<u64>(), b in any::<u64>()) {
            let streams = Streams::new(seed, 1);
            let make = |entity| streams.stream(StreamKind::ImagePull, entity);
            let (mut first, mut second) = (make(a), make(b));
            let mixed: Vec<_> = (0..6).flat_map(|_| [first.next_u64(), second.next_u64()]).collect();
            let (alone_b, alone_a) = (draws(&mut make(b), 6), draws(&mut make(a), 6));
            let expected: Vec<_> = alone_a.into_iter().zip(alone_b).flat_map(|(x, y)| [x, y]).collect();
            prop_assert_eq!(mixed, expected);
        }

        #[test]
        fn numbers_stay_below_their_bound(seed in any::<u64>(), bound in 1..=u64::MAX) {
            prop_assert!(Streams::new(seed, 0).stream(StreamKind::Arrival, 0).below(bound) < bound);
        }
    }
}
