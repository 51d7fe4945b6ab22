//! Which scheduled time a CronJob has to serve now, and when to look again.
//!
//! Kubernetes-behaviour §3.6 and the recordings. How many times were missed is estimated from one
//! interval of the schedule, as the controller does; more than 100 only warns.

use super::schedule::Schedule;
use super::wall::WallTime;
use crate::base::time::SimDuration;

const NANOS: i64 = 1_000_000_000;

/// A sync for a scheduled time happens this much later, so that clocks that differ a little do
/// not make it too early. Nanoseconds.
const DELTA: i64 = 100_000_000;

/// Above this estimate there are "many" missed times.
const MANY: i64 = 100;

/// What bounds the times to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Horizon {
    /// When the CronJob was created.
    pub created: WallTime,
    /// `status.lastScheduleTime`.
    pub last_schedule: Option<WallTime>,
    /// `startingDeadlineSeconds`.
    pub starting_deadline_s: Option<i64>,
}

/// How many times were missed, roughly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// None.
    None,
    /// Some.
    Few,
    /// More than a hundred.
    Many,
}

impl Missed {
    /// In a word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Few => "few",
            Self::Many => "many",
        }
    }
}

/// The most recent scheduled time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MostRecent {
    /// Times up to this one are not looked at.
    pub earliest: WallTime,
    /// The most recent time up to now; `None` if nothing is due.
    pub due: Option<WallTime>,
    /// How many came before it.
    pub missed: Missed,
}

/// A schedule without two times a second or more apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("time difference between two schedules is less than 1 second")]
pub struct InvalidSchedule {
    /// Times up to this one are not looked at.
    pub earliest: WallTime,
}

/// The most recent scheduled time up to `now`. The starting deadline counts only if asked for.
///
/// # Errors
/// If the schedule never is due.
pub fn most_recent(
    horizon: &Horizon,
    now: WallTime,
    schedule: &Schedule,
    with_deadline: bool,
) -> Result<MostRecent, InvalidSchedule> {
    let mut earliest = horizon.last_schedule.unwrap_or(horizon.created);
    if let Some(deadline) = horizon.starting_deadline_s.filter(|_| with_deadline) {
        earliest = earliest.max(now.plus_secs(-deadline));
    }
    let first = schedule.next_or_none(earliest);
    let second = schedule.next_or_none(first);
    if now < first {
        return Ok(MostRecent { earliest, due: None, missed: Missed::None });
    }
    if now < second {
        return Ok(MostRecent { earliest, due: Some(first), missed: Missed::None });
    }
    // Rounded to whole seconds; both are whole.
    let interval = second.nanos_since(first) / NANOS;
    if interval < 1 {
        return Err(InvalidSchedule { earliest });
    }
    let times = now.nanos_since(first) / NANOS / interval + 1;
    // One interval earlier than the estimate, in case intervals differ.
    let mut from = first.plus_secs((times - 2) * interval);
    let mut due = None;
    loop {
        from = schedule.next_or_none(from);
        if from > now || from == WallTime::NONE {
            break;
        }
        due = Some(from);
    }
    let missed = if times > MANY { Missed::Many } else { Missed::Few };
    Ok(MostRecent { earliest, due, missed })
}

/// How long to wait, in nanoseconds; negative if the time has passed, and as far as 64 bits go if
/// there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wait(pub i64);

impl Wait {
    /// Whole milliseconds.
    #[must_use]
    pub fn as_millis(self) -> i64 {
        self.0 / 1_000_000
    }

    /// As simulated time, none if it has passed.
    #[must_use]
    pub fn as_span(self) -> SimDuration {
        SimDuration::from_nanos(u64::try_from(self.0).unwrap_or(0))
    }
}

/// From `now` to the next time to look, a little after a scheduled time. The starting deadline is
/// ignored.
#[must_use]
pub fn requeue_after(horizon: &Horizon, now: WallTime, schedule: &Schedule) -> Wait {
    let from = match most_recent(horizon, now, schedule, false) {
        Ok(MostRecent { due: Some(due), .. }) => due,
        Ok(MostRecent { due: None, missed: Missed::None, earliest }) => earliest,
        Ok(MostRecent { due: None, missed: Missed::Few | Missed::Many, .. })
        | Err(InvalidSchedule { .. }) => now,
    };
    Wait(schedule.next_or_none(from).plus_nanos(DELTA).nanos_since(now))
}
