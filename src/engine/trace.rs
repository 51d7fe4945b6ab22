//! A hash of every event of a run, to tell whether and where two runs part.

use std::fmt::Write as _;
use std::ops::Range;

use super::EventKey;

/// Bytes of one event: its key and two words of content.
const EVENT_BYTES: usize = 32;
/// Events gathered before the hash function sees them.
const BATCH_BYTES: usize = 32 * EVENT_BYTES;

/// The hash of a run in progress.
///
/// Fed with every event handled, it keeps a check point of all events so far after each block of
/// 2^k events.
#[derive(Clone, Debug)]
pub struct EventHash {
    hasher: blake3::Hasher,
    batch: [u8; BATCH_BYTES],
    filled: usize,
    events: u64,
    block_log2: u32,
    checkpoints: Vec<blake3::Hash>,
}

impl EventHash {
    /// A hash with a check point every 2^`block_log2` events.
    ///
    /// # Panics
    /// If `block_log2` is above 63.
    #[must_use]
    pub fn new(block_log2: u32) -> Self {
        assert!(block_log2 < u64::BITS, "a block has fewer than 2^64 events");
        EventHash {
            hasher: blake3::Hasher::new(),
            batch: [0; BATCH_BYTES],
            filled: 0,
            events: 0,
            block_log2,
            checkpoints: Vec::new(),
        }
    }

    /// Adds an event: its key and two words that tell what it is.
    #[inline]
    pub fn record(&mut self, key: EventKey, words: [u64; 2]) {
        let slot = &mut self.batch[self.filled..self.filled + EVENT_BYTES];
        slot[..16].copy_from_slice(&key.as_u128().to_le_bytes());
        slot[16..24].copy_from_slice(&words[0].to_le_bytes());
        slot[24..].copy_from_slice(&words[1].to_le_bytes());
        self.filled += EVENT_BYTES;
        self.events += 1;
        if self.filled == BATCH_BYTES {
            self.flush();
        }
        if self.events & ((1 << self.block_log2) - 1) == 0 {
            self.checkpoint();
        }
    }

    fn flush(&mut self) {
        self.hasher.update(&self.batch[..self.filled]);
        self.filled = 0;
    }

    fn checkpoint(&mut self) {
        self.flush();
        self.checkpoints.push(self.hasher.finalize());
    }

    /// Number of events so far.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The digest of the finished run.
    #[must_use]
    pub fn finish(mut self) -> TraceDigest {
        self.flush();
        TraceDigest {
            digest: self.hasher.finalize(),
            events: self.events,
            block_log2: self.block_log2,
            checkpoints: self.checkpoints,
        }
    }
}

/// The hash of a finished run with its check points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceDigest {
    digest: blake3::Hash,
    events: u64,
    block_log2: u32,
    checkpoints: Vec<blake3::Hash>,
}

impl TraceDigest {
    /// The digest as 64 hexadecimal digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        self.digest.as_bytes().iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing to a string cannot fail");
            text
        })
    }

    /// Number of events of the run.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The block of event numbers, from 0, in which the two runs first differ; `None` if they are
    /// equal. Running both again and comparing these events one by one finds the first.
    ///
    /// # Panics
    /// If the two were made with different block sizes.
    #[must_use]
    pub fn first_difference(&self, other: &TraceDigest) -> Option<Range<u64>> {
        assert_eq!(self.block_log2, other.block_log2, "digests of different block sizes");
        if self.digest == other.digest && self.events == other.events {
            return None;
        }
        let pairs = self.checkpoints.iter().zip(&other.checkpoints);
        let equal = pairs.take_while(|(ours, theirs)| ours == theirs).count() as u64;
        let start = equal << self.block_log2;
        let end = (start + (1 << self.block_log2)).min(self.events.max(other.events));
        Some(start..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::SimTime;

    /// The digest of `events` events, of which the one numbered `changed` is another.
    fn digest(events: u64, changed: Option<u64>) -> TraceDigest {
        let mut hash = EventHash::new(4);
        for index in 0..events {
            let key = EventKey::new(SimTime::from_secs(index / 3), 1, index);
            hash.record(key, [index, u64::from(changed == Some(index))]);
        }
        assert_eq!(hash.events(), events);
        hash.finish()
    }

    #[test]
    fn equal_runs_have_equal_digests() {
        assert_eq!(digest(100, None), digest(100, None));
        assert_eq!(digest(100, None).first_difference(&digest(100, None)), None);
        assert_eq!(digest(0, None).to_hex(), blake3::hash(&[]).to_hex().to_string());
    }

    #[test]
    fn the_first_differing_block_is_named() {
        for (changed, block) in [(0, 0..16), (15, 0..16), (16, 16..32), (97, 96..100)] {
            let difference = digest(100, None).first_difference(&digest(100, Some(changed)));
            assert_eq!(difference, Some(block), "event {changed}");
        }
    }

    #[test]
    fn a_longer_run_differs_after_the_end_of_the_shorter() {
        assert_eq!(digest(100, None).first_difference(&digest(96, None)), Some(96..100));
        assert_eq!(digest(40, None).first_difference(&digest(200, None)), Some(32..48));
        assert_eq!(digest(90, None).events(), 90);
    }

    #[test]
    fn the_digest_covers_exactly_the_events() {
        let mut bytes = Vec::new();
        for index in 0..100u64 {
            let key = EventKey::new(SimTime::from_secs(index / 3), 1, index);
            bytes.extend(key.as_u128().to_le_bytes());
            bytes.extend(index.to_le_bytes());
            bytes.extend(0u64.to_le_bytes());
        }
        assert_eq!(digest(100, None).to_hex(), blake3::hash(&bytes).to_hex().to_string());
    }
}
