//! Images on one node and its serial puller: one pull at a time, first come, first served.

use std::collections::VecDeque;

use crate::base::id::IdSet;
use crate::base::time::{SimDuration, SimTime};
use crate::model::{ImageId, PodId};
use crate::state::Registry;

/// A container that waits for its image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pull {
    /// The pod.
    pub(crate) pod: PodId,
    /// Container position.
    pub(crate) container: u8,
    /// Its epoch.
    pub(crate) epoch: u32,
    /// The image.
    pub(crate) image: ImageId,
    /// What the round trip to the registry takes usually.
    pub(crate) overhead: SimDuration,
}

/// How far the pull under way is.
#[derive(Clone, Copy, Debug)]
struct Course {
    /// From then on.
    since: SimTime,
    /// What is left of the round trip, at the usual pace.
    overhead: SimDuration,
    /// What is left of the transfer.
    bytes: u64,
    /// What the registry offers.
    registry: Registry,
    /// It ends without the image.
    fails: bool,
}

impl Course {
    /// How long the round trip takes from `since` on.
    fn round_trip(&self) -> SimDuration {
        let nanos = u128::from(self.overhead.as_nanos()) * u128::from(self.registry.factor_milli);
        SimDuration::from_nanos(u64::try_from(nanos / 1000).unwrap_or(u64::MAX))
    }

    /// How long everything takes from `since` on.
    fn left(&self) -> SimDuration {
        if self.fails {
            return self.round_trip();
        }
        let nanos = u128::from(self.bytes) * 1_000_000_000 / u128::from(self.registry.bytes_per_s);
        let transfer = SimDuration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.round_trip().saturating_add(transfer)
    }

    /// The same pull seen from `now`.
    fn at(mut self, now: SimTime) -> Self {
        let elapsed = now.saturating_since(self.since);
        let trip = self.round_trip();
        self.since = now;
        if elapsed < trip {
            let done =
                u128::from(elapsed.as_nanos()) * 1000 / u128::from(self.registry.factor_milli);
            let done = SimDuration::from_nanos(u64::try_from(done).unwrap_or(u64::MAX));
            self.overhead = self.overhead.saturating_sub(done);
            return self;
        }
        self.overhead = SimDuration::ZERO;
        let nanos = u128::from(elapsed.saturating_sub(trip).as_nanos());
        let done = nanos * u128::from(self.registry.bytes_per_s) / 1_000_000_000;
        self.bytes = self.bytes.saturating_sub(u64::try_from(done).unwrap_or(u64::MAX));
        self
    }
}

/// The image store and the puller of one node.
#[derive(Debug)]
pub(crate) struct Images {
    present: IdSet<ImageId>,
    /// The first is under way.
    queue: VecDeque<Pull>,
    course: Option<Course>,
    /// Plans of an earlier epoch are stale.
    epoch: u32,
}

impl Images {
    /// An empty store.
    pub(crate) fn new() -> Self {
        Self { present: IdSet::new(), queue: VecDeque::new(), course: None, epoch: 0 }
    }

    /// Whether an image is here.
    pub(crate) fn has(&self, image: ImageId) -> bool {
        self.present.contains(image)
    }

    /// Puts an image here.
    pub(crate) fn add(&mut self, image: ImageId) {
        self.present.insert(image);
    }

    /// The epoch of the current plan.
    pub(crate) fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Queues a pull; returns whether it begins now.
    pub(crate) fn enqueue(&mut self, pull: Pull) -> bool {
        self.queue.push_back(pull);
        self.queue.len() == 1
    }

    /// The pull under way.
    pub(crate) fn current(&self) -> Option<Pull> {
        self.queue.front().copied()
    }

    /// The first pull of the queue begins; returns when it ends. An image that is here already
    /// costs the round trip only; a registry that is down refuses.
    pub(crate) fn begin(
        &mut self,
        now: SimTime,
        size_bytes: u64,
        registry: Registry,
    ) -> Option<SimTime> {
        let pull = self.current()?;
        let bytes = if self.has(pull.image) { 0 } else { size_bytes };
        let fails = !registry.up;
        let course = Course { since: now, overhead: pull.overhead, bytes, registry, fails };
        self.course = Some(course);
        Some(now.saturating_add(course.left()))
    }

    /// What the registry of the pull under way offers has changed; returns when the pull ends now,
    /// if that has changed. A registry that goes down breaks it off at once; one that is back does
    /// not save an attempt that it refused.
    pub(crate) fn change(&mut self, now: SimTime, registry: Registry) -> Option<SimTime> {
        let course = self.course.filter(|course| course.registry != registry)?;
        let mut course = course.at(now);
        if !registry.up && !course.fails {
            course.fails = true;
            course.overhead = SimDuration::ZERO;
        }
        course.registry = registry;
        self.course = Some(course);
        self.epoch += 1;
        Some(now.saturating_add(course.left()))
    }

    /// The pull under way is over: returns it and whether its image is here.
    pub(crate) fn complete(&mut self) -> Option<(Pull, bool)> {
        let pull = self.queue.pop_front()?;
        let done = self.course.take().is_none_or(|course| !course.fails);
        if done {
            self.present.insert(pull.image);
        }
        Some((pull, done))
    }

    /// Forgets the pulls of a pod that have not begun.
    ///
    /// Fidelity: a pull under way goes on although nobody waits for it; the kubelet cancels it.
    pub(crate) fn forget(&mut self, pod: PodId) {
        let mut first = true;
        self.queue.retain(|pull| std::mem::take(&mut first) || pull.pod != pod);
    }

    /// Forgets all pulls: nobody is left to carry them out. Images on disk stay.
    pub(crate) fn abort(&mut self) {
        self.queue.clear();
        self.course = None;
        self.epoch += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Registry = Registry { up: true, factor_milli: 1000, bytes_per_s: 50_000_000 };
    const DOWN: Registry = Registry { up: false, ..USUAL };
    const SIZE: u64 = 50_000_000;

    fn pull(pod: usize, image: usize) -> Pull {
        Pull {
            pod: PodId::from_index(pod),
            container: 0,
            epoch: 0,
            image: ImageId::from_index(image),
            overhead: SimDuration::from_millis(500),
        }
    }

    fn millis(time: Option<SimTime>) -> u64 {
        time.unwrap().saturating_since(SimTime::ZERO).as_millis()
    }

    fn at(millis: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_millis(millis)
    }

    #[test]
    fn one_pull_at_a_time_and_a_second_one_of_the_same_image_is_cheap() {
        let mut images = Images::new();
        assert!(images.enqueue(pull(1, 7)));
        assert!(!images.enqueue(pull(2, 7)));
        assert_eq!(millis(images.begin(SimTime::ZERO, SIZE, USUAL)), 1500);
        assert_eq!(images.complete(), Some((pull(1, 7), true)));
        assert_eq!(millis(images.begin(at(1500), SIZE, USUAL)), 2000);
    }

    #[test]
    fn a_pod_that_goes_away_leaves_the_queue_but_not_the_pull_under_way() {
        let mut images = Images::new();
        for (pod, image) in [(1, 1), (2, 2), (1, 3)] {
            images.enqueue(pull(pod, image));
        }
        images.forget(PodId::from_index(1));
        assert_eq!(images.complete(), Some((pull(1, 1), true)));
        assert_eq!(images.complete(), Some((pull(2, 2), true)));
        assert_eq!(images.complete(), None);
    }

    #[test]
    fn a_registry_that_is_down_refuses_and_breaks_off_what_is_under_way() {
        let mut images = Images::new();
        images.enqueue(pull(1, 7));
        assert_eq!(millis(images.begin(SimTime::ZERO, SIZE, DOWN)), 500, "a round trip");
        assert_eq!(millis(images.change(at(200), USUAL)), 500, "the attempt is lost");
        assert_eq!(images.complete(), Some((pull(1, 7), false)));
        assert!(!images.has(ImageId::from_index(7)));
        images.enqueue(pull(1, 7));
        assert_eq!(millis(images.begin(at(1000), SIZE, USUAL)), 2500);
        assert_eq!(millis(images.change(at(2400), DOWN)), 2400, "broken off");
        assert_eq!(images.complete(), Some((pull(1, 7), false)));
    }

    #[test]
    fn a_slow_registry_stretches_what_is_left() {
        let slow = Registry { factor_milli: 4000, bytes_per_s: 12_500_000, ..USUAL };
        let mut images = Images::new();
        images.enqueue(pull(1, 7));
        assert_eq!(millis(images.begin(SimTime::ZERO, SIZE, slow)), 6000);
        // After half of the round trip's two seconds the registry is as usual.
        assert_eq!(millis(images.change(at(1000), USUAL)), 1000 + 250 + 1000);
        // After half of the transfer it is slow again; nothing changes where nothing does.
        assert_eq!(millis(images.change(at(1750), slow)), 1750 + 2000);
        assert_eq!(images.change(at(1800), slow), None);
        let capped = Registry { bytes_per_s: 1_000_000, ..USUAL };
        images.abort();
        images.enqueue(pull(1, 7));
        assert_eq!(millis(images.begin(SimTime::ZERO, SIZE, capped)), 500 + 50_000);
    }
}
