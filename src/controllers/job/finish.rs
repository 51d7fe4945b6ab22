//! What comes before and after a sync: how long changes are gathered, and the end of a Job's time to
//! live.

use super::object::{JobSpec, JobStatus};
use crate::base::time::{SimDuration, SimTime};

/// How long the controller waits after a pod has changed before it syncs the pod's Job, so that
/// many changes make one sync.
pub const POD_BATCH: SimDuration = SimDuration::from_secs(1);

/// How long the controller waits after a sync that met an error of the API, doubled each time, and
/// at most.
pub const RETRY: (SimDuration, SimDuration) =
    (SimDuration::from_secs(1), SimDuration::from_secs(60));

/// When the controller of finished Jobs deletes it: `ttlSecondsAfterFinished` after its last
/// condition. `None` while it has not ended, or if it stays for ever.
#[must_use]
pub fn expires_at<P: Copy + PartialEq>(spec: &JobSpec, status: &JobStatus<P>) -> Option<SimTime> {
    Some(status.ending()?.since.saturating_add(spec.ttl_after_finished?))
}
