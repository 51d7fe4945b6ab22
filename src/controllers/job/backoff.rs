//! How long a Job waits before it replaces failed pods.
//!
//! Kubernetes-behaviour §3.5, 6: 10 s, doubled with every further failure since the last success,
//! at most 10 minutes, from the end of the last failed pod.

use crate::base::time::{SimDuration, SimTime};

/// After the first failure.
const FIRST: SimDuration = SimDuration::from_secs(10);

/// At most.
const MOST: SimDuration = SimDuration::from_mins(10);

/// Failures since the last success. It lives in the controller's memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackoffRecord {
    /// How many.
    pub failures: u32,
    /// When the last of them ended.
    pub last_failure: Option<SimTime>,
}

impl BackoffRecord {
    /// The record once further pods have ended at these times.
    #[must_use]
    pub fn after(&self, succeeded: &[SimTime], failed: &[SimTime]) -> Self {
        let last_success = succeeded.iter().max();
        let since = failed.iter().filter(|at| last_success.is_none_or(|success| *at > success));
        let (new, last) = (since.clone().count(), since.max().copied());
        let new = u32::try_from(new).unwrap_or(u32::MAX);
        if last_success.is_some() {
            return Self { failures: new, last_failure: last };
        }
        Self {
            failures: self.failures.saturating_add(new),
            last_failure: last.or(self.last_failure),
        }
    }

    /// How long no failed pod is replaced from now on.
    #[must_use]
    pub fn left(&self, now: SimTime) -> SimDuration {
        backoff_left(self.failures, self.last_failure, now)
    }
}

/// How long is to wait still after that many failures, the last of which ended then.
#[must_use]
pub fn backoff_left(failures: u32, last_failure: Option<SimTime>, now: SimTime) -> SimDuration {
    let (Some(doublings), Some(last)) = (failures.checked_sub(1), last_failure) else {
        return SimDuration::ZERO;
    };
    let factor = 1_u64.checked_shl(doublings).unwrap_or(u64::MAX);
    let wait = FIRST.as_nanos().saturating_mul(factor).min(MOST.as_nanos());
    last.saturating_add(SimDuration::from_nanos(wait)).saturating_since(now)
}
