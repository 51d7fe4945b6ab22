//! The future event list: a heap for events as they are scheduled, and sorted feeds beside it.

use std::fmt;

use super::EventKey;
use super::heap::QuadHeap;
use crate::base::time::SimTime;

/// Sequence numbers set aside for each feed, whose length is not known beforehand.
const FEED_SEQS: u64 = 1 << 40;

/// A source of events that yields them in order of time, one at a time.
struct Feed<E> {
    key: EventKey,
    event: E,
    rest: Box<dyn Iterator<Item = (SimTime, E)> + Send>,
}

impl<E> Feed<E> {
    /// Takes the head; what remains is a feed too, unless nothing remains.
    fn advance(self) -> ((EventKey, E), Option<Feed<E>>) {
        let Feed { key, event, mut rest } = self;
        let next = rest.next().map(|(time, event)| {
            assert!(time >= key.time(), "a feed went back in time");
            let key = EventKey::new(time, key.phase(), key.seq() + 1);
            Feed { key, event, rest }
        });
        ((key, event), next)
    }
}

/// The events yet to come, in the order of their keys.
///
/// Events of one instant come in order of phase, then in the order in which they were pushed. An
/// event may be pushed at the current instant with an *earlier* phase than the one being handled:
/// it cannot come before what has happened already, so it is simply the next one. Keys as popped
/// therefore never go back in time, but may go back in phase within an instant.
///
/// Events are not removed: whoever handles one checks whether it is still wanted.
pub struct EventQueue<E> {
    heap: QuadHeap<E>,
    /// Sorted by descending key of the next event, so that the next feed is the last.
    feeds: Vec<Feed<E>>,
    next_seq: u64,
    now: SimTime,
}

impl<E> EventQueue<E> {
    /// A queue without events, at time zero.
    #[must_use]
    pub fn new() -> Self {
        EventQueue::with_capacity(0)
    }

    /// A queue without events, with room for `capacity` of them.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        EventQueue {
            heap: QuadHeap::with_capacity(capacity),
            feeds: Vec::new(),
            next_seq: 0,
            now: SimTime::ZERO,
        }
    }

    /// Schedules `event` at `time` and returns its key.
    ///
    /// # Panics
    /// If `time` lies before the event popped last: the past cannot be changed.
    #[inline]
    pub fn push(&mut self, time: SimTime, phase: u8, event: E) -> EventKey {
        assert!(time >= self.now, "an event is scheduled in the past");
        let key = EventKey::new(time, phase, self.next_seq);
        self.next_seq += 1;
        self.heap.push(key, event);
        key
    }

    /// Schedules all events of a source that yields them in order of time, without storing them:
    /// only the next one is held.
    ///
    /// Among events of one instant and phase, a feed counts as pushed now, as a whole. A queue
    /// takes thousands of feeds over its life, but each event taken costs a look at the others'
    /// heads: sources that come by the hundreds are better merged first.
    ///
    /// # Panics
    /// Here or at a later `pop`, if the source goes back in time or starts in the past.
    pub fn push_sorted_feed<S>(&mut self, phase: u8, source: S)
    where
        S: IntoIterator<Item = (SimTime, E)>,
        S::IntoIter: Send + 'static,
    {
        let mut rest = source.into_iter();
        let Some((time, event)) = rest.next() else { return };
        assert!(time >= self.now, "a feed starts in the past");
        let key = EventKey::new(time, phase, self.next_seq);
        self.next_seq += FEED_SEQS;
        self.insert_feed(Feed { key, event, rest: Box::new(rest) });
    }

    fn insert_feed(&mut self, feed: Feed<E>) {
        let place = self.feeds.partition_point(|other| other.key > feed.key);
        self.feeds.insert(place, feed);
    }

    /// Takes the next event.
    #[inline]
    pub fn pop(&mut self) -> Option<(EventKey, E)> {
        let (key, event) = if self.feeds.is_empty() || !self.feed_is_next() {
            self.heap.pop()?
        } else {
            self.pop_feed()?
        };
        self.now = key.time();
        Some((key, event))
    }

    fn feed_is_next(&self) -> bool {
        match (self.feeds.last(), self.heap.peek_key()) {
            (Some(feed), Some(pushed)) => feed.key < pushed,
            (feed, _) => feed.is_some(),
        }
    }

    fn pop_feed(&mut self) -> Option<(EventKey, E)> {
        let (entry, next) = self.feeds.pop()?.advance();
        if let Some(feed) = next {
            self.insert_feed(feed);
        }
        Some(entry)
    }

    /// The key of the next event.
    #[must_use]
    pub fn peek_key(&self) -> Option<EventKey> {
        let pushed = self.heap.peek_key();
        let fed = self.feeds.last().map(|feed| feed.key);
        pushed.into_iter().chain(fed).min()
    }

    /// The time of the next event.
    #[must_use]
    pub fn peek_time(&self) -> Option<SimTime> {
        self.peek_key().map(EventKey::time)
    }

    /// The time of the event popped last, zero before the first.
    #[must_use]
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// Number of events held: all pushed ones that have not come yet, and one for each feed that
    /// is not exhausted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heap.len() + self.feeds.len()
    }

    /// Whether no event will come.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty() && self.feeds.is_empty()
    }

    /// Goes back to time zero without events, keeping the memory: a new run in the same queue
    /// behaves exactly as in a new one.
    pub fn clear(&mut self) {
        self.heap.clear();
        self.feeds.clear();
        self.next_seq = 0;
        self.now = SimTime::ZERO;
    }
}

impl<E> Default for EventQueue<E> {
    fn default() -> Self {
        EventQueue::new()
    }
}

impl<E> fmt::Debug for EventQueue<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventQueue")
            .field("now", &self.now)
            .field("pushed", &self.heap.len())
            .field("feeds", &self.feeds.len())
            .field("next", &self.peek_key())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn at(nanos: u64) -> SimTime {
        SimTime::from_nanos(nanos)
    }

    fn drain(queue: &mut EventQueue<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| queue.pop()).map(|(_, event)| event).collect()
    }

    #[test]
    fn events_come_by_time_phase_and_order_of_pushing() {
        let mut queue = EventQueue::new();
        queue.push(at(2), 0, "late");
        queue.push(at(1), 1, "second phase");
        queue.push(at(1), 0, "first");
        queue.push(at(1), 0, "second");
        assert_eq!((queue.len(), queue.peek_time()), (4, Some(at(1))));
        assert_eq!(drain(&mut queue), ["first", "second", "second phase", "late"]);
        assert!(queue.is_empty() && queue.peek_key().is_none());
        assert_eq!(queue.now(), at(2));
    }

    #[test]
    fn an_earlier_phase_of_the_current_instant_comes_next() {
        let mut queue = EventQueue::new();
        queue.push(at(1), 5, "now");
        queue.push(at(1), 6, "after");
        assert_eq!(queue.pop().map(|(_, event)| event), Some("now"));
        queue.push(at(1), 2, "reaction");
        assert_eq!(drain(&mut queue), ["reaction", "after"]);
    }

    #[test]
    #[should_panic(expected = "scheduled in the past")]
    fn the_past_is_refused() {
        let mut queue = EventQueue::new();
        queue.push(at(5), 0, ());
        queue.pop();
        queue.push(at(4), 0, ());
    }

    #[test]
    #[should_panic(expected = "went back in time")]
    fn an_unsorted_feed_is_refused() {
        let mut queue = EventQueue::new();
        queue.push_sorted_feed(0, [(at(5), ()), (at(4), ())]);
        queue.pop();
    }

    #[test]
    fn a_cleared_queue_is_as_new() {
        let mut queue = EventQueue::new();
        let first = queue.push(at(5), 0, "a");
        queue.push_sorted_feed(0, [(at(9), "b")]);
        queue.pop();
        queue.clear();
        assert!(queue.is_empty());
        assert_eq!(queue.push(at(5), 0, "a"), first);
    }

    proptest! {
        /// However events reach the queue, they come in the order of a stable sort.
        #[test]
        fn feeds_and_pushes_merge_into_one_order(
            pushed in vec((0..20u64, 0..3u8), 0..30), feeds in vec((vec(0..20u64, 0..10), 0..3u8), 0..4),
        ) {
            let mut queue = EventQueue::new();
            let mut expected = Vec::new();
            for (times, phase) in feeds {
                let mut times = times;
                times.sort_unstable();
                let base = expected.len();
                let events: Vec<_> =
                    times.iter().enumerate().map(|(i, &time)| (at(time), base + i)).collect();
                expected.extend(events.iter().map(|&(time, event)| (time, phase, event)));
                queue.push_sorted_feed(phase, events);
            }
            for (time, phase) in pushed {
                let event = expected.len();
                expected.push((at(time), phase, event));
                queue.push(at(time), phase, event);
            }
            expected.sort_unstable();
            let mut last = None;
            for (time, phase, event) in expected {
                let peeked = queue.peek_key();
                let (key, popped) = queue.pop().expect("as many come as went in");
                prop_assert_eq!((key.time(), key.phase(), popped), (time, phase, event));
                prop_assert_eq!(peeked, Some(key));
                prop_assert!(last < Some(key));
                last = Some(key);
            }
            prop_assert!(queue.pop().is_none());
        }
    }
}
