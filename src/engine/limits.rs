//! Bounds on a run: reaching one is a reported outcome, never a hang.

use std::fmt;

use super::EventKey;
use crate::base::time::SimTime;

/// How many event kinds a report names.
const TOP_KINDS: usize = 3;

/// What a run may use at most.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct RunLimits {
    /// Events handled in all.
    pub max_events: u64,
    /// Events waiting in the queue at once.
    pub max_pending: u64,
    /// Events handled at one instant: more than this is a livelock.
    pub max_same_instant: u64,
}

impl Default for RunLimits {
    /// Far above any honest run: ten billion events, a hundred million pending, ten million at
    /// one instant.
    fn default() -> Self {
        RunLimits {
            max_events: 10_000_000_000,
            max_pending: 100_000_000,
            max_same_instant: 10_000_000,
        }
    }
}

/// Which of the limits was reached.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Limit {
    /// [`RunLimits::max_events`].
    Events,
    /// [`RunLimits::max_pending`].
    Pending,
    /// [`RunLimits::max_same_instant`].
    SameInstant,
}

/// A run ended at a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitReached {
    /// Which limit.
    pub limit: Limit,
    /// Its value.
    pub bound: u64,
    /// Simulated time of the event that exceeded it.
    pub time: SimTime,
    /// The most frequent kinds of event with their counts, most frequent first: of the instant's
    /// later half for [`Limit::SameInstant`], of the whole run otherwise.
    pub top_kinds: Vec<(&'static str, u64)>,
}

impl fmt::Display for LimitReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.limit {
            Limit::Events => "events",
            Limit::Pending => "pending events",
            Limit::SameInstant => "events at one instant",
        };
        write!(f, "more than {} {what} at {}; most frequent: ", self.bound, self.time)?;
        for (place, (kind, count)) in self.top_kinds.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{kind} ({count})")?;
        }
        Ok(())
    }
}

/// Watches a run: is told of every event and says when a limit is exceeded.
#[derive(Clone, Debug)]
pub struct Guard {
    limits: RunLimits,
    kinds: &'static [&'static str],
    events: u64,
    by_kind: Vec<u64>,
    instant: SimTime,
    at_instant: u64,
    /// Counts by kind since half of `max_same_instant` was passed; all zero before.
    instant_by_kind: Vec<u64>,
}

impl Guard {
    /// A guard for a run whose events are of the given kinds.
    #[must_use]
    pub fn new(limits: RunLimits, kinds: &'static [&'static str]) -> Self {
        Guard {
            limits,
            kinds,
            events: 0,
            by_kind: vec![0; kinds.len()],
            instant: SimTime::ZERO,
            at_instant: 0,
            instant_by_kind: vec![0; kinds.len()],
        }
    }

    /// Takes note of an event popped from the queue: its key, its kind (an index into the names
    /// given to [`Guard::new`]) and the number of events still pending.
    ///
    /// # Panics
    /// If `kind` is not below the number of kinds.
    #[inline]
    pub fn observe(&mut self, key: EventKey, kind: usize, pending: usize) -> Option<LimitReached> {
        self.events += 1;
        self.by_kind[kind] += 1;
        if key.time() != self.instant {
            self.start_instant(key.time());
        }
        self.at_instant += 1;
        if self.at_instant > self.limits.max_same_instant / 2 {
            self.instant_by_kind[kind] += 1;
        }
        let exceeded = if self.events > self.limits.max_events {
            Limit::Events
        } else if pending as u64 > self.limits.max_pending {
            Limit::Pending
        } else if self.at_instant > self.limits.max_same_instant {
            Limit::SameInstant
        } else {
            return None;
        };
        Some(self.report(exceeded))
    }

    fn start_instant(&mut self, time: SimTime) {
        if self.at_instant > self.limits.max_same_instant / 2 {
            self.instant_by_kind.fill(0);
        }
        self.instant = time;
        self.at_instant = 0;
    }

    fn report(&self, limit: Limit) -> LimitReached {
        let (bound, counts) = match limit {
            Limit::Events => (self.limits.max_events, &self.by_kind),
            Limit::Pending => (self.limits.max_pending, &self.by_kind),
            Limit::SameInstant => (self.limits.max_same_instant, &self.instant_by_kind),
        };
        let mut top_kinds: Vec<_> =
            self.kinds.iter().copied().zip(counts.iter().copied()).collect();
        top_kinds.retain(|&(_, count)| count > 0);
        // Stable: equal counts stay in order of kind.
        top_kinds.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        top_kinds.truncate(TOP_KINDS);
        LimitReached { limit, bound, time: self.instant, top_kinds }
    }

    /// Number of events so far.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Number of events of each kind so far.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.kinds.iter().copied().zip(self.by_kind.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: &[&str] = &["probe", "write", "watch", "bind", "idle"];

    fn guard(max_events: u64, max_pending: u64, max_same_instant: u64) -> Guard {
        Guard::new(RunLimits { max_events, max_pending, max_same_instant }, KINDS)
    }

    fn key(secs: u64, seq: u64) -> EventKey {
        EventKey::new(SimTime::from_secs(secs), 0, seq)
    }

    #[test]
    fn a_livelock_names_the_kinds_that_spin() {
        let mut guard = guard(1_000, 10, 100);
        for seq in 0..100 {
            assert_eq!(guard.observe(key(1, seq), 0, 5), None);
        }
        let spin =
            |guard: &mut Guard, seq| guard.observe(key(2, seq), 1 + (seq % 3 % 2) as usize, 5);
        for seq in 100..200 {
            assert_eq!(spin(&mut guard, seq), None);
        }
        let outcome = spin(&mut guard, 200).expect("the 101st event of the instant");
        assert_eq!(outcome.limit, Limit::SameInstant);
        assert_eq!(
            outcome.to_string(),
            "more than 100 events at one instant at 2s; most frequent: write (34), watch (17)"
        );
        assert_eq!(guard.events(), 201);
        assert_eq!(guard.counts().next(), Some(("probe", 100)));
    }

    #[test]
    fn totals_and_pending_events_are_bounded() {
        let mut guard = guard(3, 10, 100);
        assert_eq!(guard.observe(key(1, 0), 0, 10), None);
        let pending = guard.observe(key(1, 1), 0, 11).expect("11 > 10");
        assert_eq!((pending.limit, pending.bound), (Limit::Pending, 10));
        assert_eq!(guard.observe(key(2, 2), 3, 0), None);
        let events = guard.observe(key(3, 3), 2, 0).expect("4 > 3");
        assert_eq!((events.limit, events.time), (Limit::Events, SimTime::from_secs(3)));
        assert_eq!(events.top_kinds, [("probe", 2), ("watch", 1), ("bind", 1)]);
    }

    #[test]
    fn counts_of_an_earlier_instant_are_forgotten() {
        let mut guard = guard(1_000, 10, 10);
        for seq in 0..10 {
            assert_eq!(guard.observe(key(1, seq), 0, 0), None);
        }
        let outcome = (0..11).find_map(|seq| guard.observe(key(2, seq), 3, 0)).expect("11 > 10");
        assert_eq!(outcome.top_kinds, [("bind", 6)]);
    }
}
