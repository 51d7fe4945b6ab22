//! Images on one node and its serial puller: one pull at a time, first come, first served.

use std::collections::VecDeque;

use crate::base::id::IdSet;
use crate::base::time::SimDuration;
use crate::model::{ImageId, PodId};

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
    /// What the round trip to the registry takes.
    pub(crate) overhead: SimDuration,
}

/// The image store and the puller of one node.
#[derive(Debug)]
pub(crate) struct Images {
    present: IdSet<ImageId>,
    /// The first is under way.
    queue: VecDeque<Pull>,
}

impl Images {
    /// An empty store.
    pub(crate) fn new() -> Self {
        Self { present: IdSet::new(), queue: VecDeque::new() }
    }

    /// Whether an image is here.
    pub(crate) fn has(&self, image: ImageId) -> bool {
        self.present.contains(image)
    }

    /// Puts an image here.
    pub(crate) fn add(&mut self, image: ImageId) {
        self.present.insert(image);
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

    /// The pull under way is done: its image is here, the next one begins.
    pub(crate) fn complete(&mut self) -> Option<Pull> {
        let pull = self.queue.pop_front()?;
        self.present.insert(pull.image);
        Some(pull)
    }

    /// Forgets the pulls of a pod that have not begun.
    ///
    /// Fidelity: a pull under way goes on although nobody waits for it; the kubelet cancels it.
    pub(crate) fn forget(&mut self, pod: PodId) {
        let mut first = true;
        self.queue.retain(|pull| std::mem::take(&mut first) || pull.pod != pod);
    }

    /// Forgets all pulls: the machine lost power. Images on disk stay.
    pub(crate) fn abort(&mut self) {
        self.queue.clear();
    }

    /// How long a pull takes: the registry's round trip, and the image's bytes unless it is here
    /// already (layers present cost nothing).
    pub(crate) fn duration(&self, pull: &Pull, size_bytes: u64, bytes_per_s: u64) -> SimDuration {
        if self.has(pull.image) {
            return pull.overhead;
        }
        let nanos = u128::from(size_bytes) * 1_000_000_000 / u128::from(bytes_per_s.max(1));
        let transfer = SimDuration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        pull.overhead.saturating_add(transfer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pull(pod: usize, image: usize) -> Pull {
        Pull {
            pod: PodId::from_index(pod),
            container: 0,
            epoch: 0,
            image: ImageId::from_index(image),
            overhead: SimDuration::from_millis(500),
        }
    }

    #[test]
    fn one_pull_at_a_time_and_a_second_one_of_the_same_image_is_cheap() {
        let mut images = Images::new();
        assert!(images.enqueue(pull(1, 7)));
        assert!(!images.enqueue(pull(2, 7)));
        let first = images.current().unwrap();
        assert_eq!(images.duration(&first, 50_000_000, 50_000_000).as_millis(), 1500);
        assert_eq!(images.complete(), Some(first));
        let second = images.current().unwrap();
        assert_eq!(images.duration(&second, 50_000_000, 50_000_000).as_millis(), 500);
    }

    #[test]
    fn a_pod_that_goes_away_leaves_the_queue_but_not_the_pull_under_way() {
        let mut images = Images::new();
        for (pod, image) in [(1, 1), (2, 2), (1, 3)] {
            images.enqueue(pull(pod, image));
        }
        images.forget(PodId::from_index(1));
        assert_eq!(images.complete(), Some(pull(1, 1)));
        assert_eq!(images.complete(), Some(pull(2, 2)));
        assert_eq!(images.complete(), None);
    }
}
