//! The unique key by which events are ordered.

use std::fmt;

use crate::base::time::SimTime;

/// When an event happens and in which place among the events of that instant.
///
/// Keys are ordered by time, then phase (what simultaneity means, lower first), then sequence
/// number (the order of scheduling). No two events of one queue have the same key, so the order
/// of events never depends on the inside of the queue.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventKey(u128);

const PHASE_SHIFT: u32 = 56;
const TIME_SHIFT: u32 = 64;

impl EventKey {
    /// Sequence numbers are below this bound.
    pub const SEQ_LIMIT: u64 = 1 << PHASE_SHIFT;

    /// The key of the event with sequence number `seq` in `phase` at `time`.
    #[inline]
    #[must_use]
    pub const fn new(time: SimTime, phase: u8, seq: u64) -> Self {
        assert!(seq < EventKey::SEQ_LIMIT, "a run schedules fewer than 2^56 events");
        let low = (phase as u64) << PHASE_SHIFT | seq;
        EventKey((time.as_nanos() as u128) << TIME_SHIFT | low as u128)
    }

    /// When the event happens.
    #[inline]
    #[must_use]
    pub const fn time(self) -> SimTime {
        SimTime::from_nanos((self.0 >> TIME_SHIFT) as u64)
    }

    /// The event's phase within its instant.
    #[inline]
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the topmost byte of the lower half")]
    pub const fn phase(self) -> u8 {
        (self.0 as u64 >> PHASE_SHIFT) as u8
    }

    /// The event's sequence number.
    #[inline]
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the lower half without its top byte")]
    pub const fn seq(self) -> u64 {
        self.0 as u64 & (EventKey::SEQ_LIMIT - 1)
    }

    /// The key as one number in the same order.
    #[inline]
    #[must_use]
    pub const fn as_u128(self) -> u128 {
        self.0
    }
}

impl fmt::Debug for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}#{}", self.time(), self.phase(), self.seq())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_order_by_time_then_phase_then_sequence(
            a in (0..4u64, 0..4u8, 0..4u64), b in (any::<u64>(), any::<u8>(), 0..EventKey::SEQ_LIMIT),
            c in (0..4u64, 0..4u8, 0..4u64),
        ) {
            let key = |(time, phase, seq)| EventKey::new(SimTime::from_nanos(time), phase, seq);
            for (left, right) in [(a, b), (a, c)] {
                prop_assert_eq!(key(left).cmp(&key(right)), left.cmp(&right));
                prop_assert_eq!(key(left).as_u128().cmp(&key(right).as_u128()), left.cmp(&right));
            }
            let parts = (key(b).time().as_nanos(), key(b).phase(), key(b).seq());
            prop_assert_eq!(parts, b);
        }
    }

    #[test]
    #[should_panic(expected = "fewer than 2^56 events")]
    fn sequence_numbers_never_wrap() {
        let _ = EventKey::new(SimTime::ZERO, 0, EventKey::SEQ_LIMIT);
    }

    #[test]
    fn a_key_prints_its_parts() {
        let key = EventKey::new(SimTime::from_secs(90), 3, 17);
        assert_eq!(format!("{key:?}"), "1m30s/3#17");
    }
}
