//! Waiting for images: pulls asked for, done and failed, and the back-off between them
//! (ErrImagePull, ImagePullBackOff).
//!
//! Mirrors the kubelet's image manager over client-go's `Backoff`: one record for each image of a
//! pod, 10 s from the failure on, doubled up to 300 s, forgotten 600 s after the last failure.
//!
//! Fidelity: the sync that follows the first failure, for the sandbox's start, comes with PLEG's
//! next list. What the container runtime says of a failure follows Kubernetes' words in short.

use super::backoff;
use super::configs::RESYNC;
use super::images::Pull;
use super::pod::Work;
use super::worker::Worker;
use crate::base::time::{SimDuration, SimTime};
use crate::model::PullPolicy;
use crate::record::Fact;
use crate::rng::StreamKind;
use crate::state::PodReason;

/// First and longest wait after a failed pull (`imageBackOffPeriod`, `MaxImageBackOff`).
const FIRST: SimDuration = SimDuration::from_secs(10);
const LONGEST: SimDuration = SimDuration::from_secs(300);

/// A record is forgotten this long after the last failure.
const MEMORY: SimDuration = SimDuration::from_secs(600);

/// The failed pulls of one image of a pod.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PullRecord {
    /// When the last one failed.
    failed_at: SimTime,
    /// How long from then on the next one waits.
    delay: SimDuration,
    /// The wake-up that is scheduled.
    wake_at: SimTime,
    /// How many have failed.
    failures: u32,
    /// Why the containers wait.
    pub(crate) waits: PodReason,
}

impl PullRecord {
    /// The record after one more failure.
    fn failed(before: Option<&Self>, now: SimTime) -> Self {
        let known = before.filter(|record| now.saturating_since(record.failed_at) <= MEMORY);
        Self {
            failed_at: now,
            delay: known.map_or(FIRST, |record| record.delay.saturating_mul(2).min(LONGEST)),
            wake_at: SimTime::ZERO,
            failures: before.map_or(0, |record| record.failures) + 1,
            waits: PodReason::ErrImagePull,
        }
    }

    /// When the next pull may begin.
    fn until(&self) -> SimTime {
        self.failed_at.saturating_add(self.delay)
    }
}

impl Worker<'_, '_> {
    /// Whether an image that a container needs can be had without waiting for a back-off.
    pub(super) fn may_pull(&mut self, index: u8) -> bool {
        let (now, spec) = (self.cx.now, self.spec(index));
        let needs = match spec.pull_policy {
            PullPolicy::Always => true,
            PullPolicy::IfNotPresent => !self.node.images.has(spec.image),
            PullPolicy::Never => false,
        };
        let slot = self.record_place(index);
        let Some(record) = self.container(slot).pulls.as_deref_mut() else { return true };
        let until = record.until();
        if !needs || until <= now {
            return true;
        }
        if record.failed_at == now {
            // The same sync: it tries each container once.
            return false;
        }
        let enters = record.waits != PodReason::ImagePullBackOff;
        if !enters && record.wake_at > now {
            return false;
        }
        record.waits = PodReason::ImagePullBackOff;
        self.wake_after(slot, until.saturating_since(now));
        if enters {
            let image = &self.cx.model.images[spec.image].name;
            self.event((false, "BackOff"), || format!("Back-off pulling image \"{image}\""));
            self.event((true, "Failed"), || "Error: ImagePullBackOff".to_owned());
        }
        false
    }

    /// Queues the pull of a container's image.
    pub(super) fn pull(&mut self, index: u8) {
        let image = self.spec(index).image;
        let name = &self.cx.model.images[image].name;
        self.event((false, "Pulling"), || format!("Pulling image \"{name}\""));
        self.pod.work = Work::Pulling(index);
        let slot = self.record_place(index);
        let failures = self.container(slot).pulls.as_ref().map_or(0, |record| record.failures);
        // Attempts of one start draw from blocks of their own.
        let count = self.container(index).instances | failures.min(255) << 24;
        let mut stream = self.address(index).stream(self.cx.streams, StreamKind::ImagePull, count);
        let overhead = self.cx.model.control_plane.pull_overhead_s.sample_duration(&mut stream);
        let epoch = self.container(index).epoch;
        let pull = Pull { pod: self.pod.id, container: index, epoch, image, overhead };
        if self.node.images.enqueue(pull) {
            super::begin_pull(self.cx, self.pod.node, self.node);
        }
    }

    /// A pull is over.
    pub(super) fn pull_over(&mut self, pull: &Pull, done: bool) {
        let index = pull.container;
        let waits = self.pod.work == Work::Pulling(index);
        if !waits || self.container(index).epoch != pull.epoch {
            return;
        }
        if done {
            self.pulled(pull);
        } else {
            self.pull_failed(pull);
        }
    }

    fn pulled(&mut self, pull: &Pull) {
        let image = &self.cx.model.images[pull.image];
        self.event((false, "Pulled"), || {
            let (name, size) = (&image.name, image.size_bytes);
            format!("Successfully pulled image \"{name}\". Image size: {size} bytes.")
        });
        self.create(pull.container);
        if self.pod.work == Work::Pulling(pull.container) {
            // It could not be created.
            self.pod.work = Work::Idle;
            self.advance();
            self.refresh();
        }
    }

    /// A container has its image.
    pub(super) fn note_image(&mut self, index: u8) {
        let slot = self.record_place(index);
        if let Some(record) = &mut self.container(slot).pulls {
            record.waits = PodReason::None;
        }
    }

    /// The image could not be pulled: the sync goes on with other containers, and fails.
    fn pull_failed(&mut self, pull: &Pull) {
        let now = self.cx.now;
        let image = &self.cx.model.images[pull.image].name;
        self.event((true, "Failed"), || {
            format!(
                "Failed to pull image \"{image}\": failed to pull and unpack image \"{image}\": \
                 failed to resolve reference \"{image}\": connection refused"
            )
        });
        self.event((true, "Failed"), || "Error: ErrImagePull".to_owned());
        self.cx.fact(Fact::PullFailed { pod: self.pod.id });
        let slot = self.record_place(pull.container);
        let record = PullRecord::failed(self.container(slot).pulls.as_deref(), now);
        let is_first = record.failures == 1;
        self.container(slot).pulls = Some(Box::new(record));
        self.pod.work = Work::Idle;
        if is_first {
            let next = now.saturating_add(SimDuration::from_nanos(1));
            self.sync_at(self.node.next_relist(next));
        } else {
            self.wake_after(slot, RESYNC);
        }
        self.advance();
        self.refresh();
    }

    /// Schedules the next look at a pod that waits for an image.
    fn wake_after(&mut self, slot: u8, wait: SimDuration) {
        let now = self.cx.now;
        let curve = &self.cx.model.recovery.crash_loop_backoff;
        let (pod, streams) = (self.address(slot), self.cx.streams);
        let Some(record) = self.container(slot).pulls.as_deref_mut() else { return };
        let mut luck = pod.stream(streams, StreamKind::PullRetry, record.failures);
        record.wake_at = now.saturating_add(backoff::sleep(curve, wait, luck.uniform()));
        let at = record.wake_at;
        self.sync_at(at);
    }

    /// The container that keeps the record of an image: the first of those that use it.
    fn record_place(&self, index: u8) -> u8 {
        let image = self.spec(index).image;
        self.positions().find(|&other| self.spec(other).image == image).unwrap_or(index)
    }
}
