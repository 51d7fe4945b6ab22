//! What comes before and after a sync: batches in which pods are created, and the end of a Job's
//! time to live.

use super::object::{JobSpec, JobStatus};
use crate::base::time::{SimDuration, SimTime};

/// How long the controller waits after a pod has changed before it syncs the pod's Job, so that
/// many changes make one sync.
pub const POD_BATCH: SimDuration = SimDuration::from_secs(1);

/// How long the controller waits after a sync that met an error of the API, doubled each time, and
/// at most.
pub const RETRY: (SimDuration, SimDuration) =
    (SimDuration::from_secs(1), SimDuration::from_secs(60));

/// Sizes of the batches in which `count` pods are created: 1, 2, 4, … A batch in which a creation
/// fails is the last one of its sync.
pub fn slow_start(count: usize) -> impl Iterator<Item = usize> {
    let mut left = count;
    let mut batch = 1;
    std::iter::from_fn(move || {
        let size = batch.min(left);
        left -= size;
        batch = size.saturating_mul(2);
        (size > 0).then_some(size)
    })
}

/// When the controller of finished Jobs deletes it: `ttlSecondsAfterFinished` after its last
/// condition. `None` while it has not ended, or if it stays for ever.
#[must_use]
pub fn expires_at<P: Copy + PartialEq>(spec: &JobSpec, status: &JobStatus<P>) -> Option<SimTime> {
    Some(status.ending()?.since.saturating_add(spec.ttl_after_finished?))
}
