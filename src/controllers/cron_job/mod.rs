//! CronJobs: what a schedule means, which scheduled time has to be served, and what one sync of the
//! controller does.
//!
//! Pure: a CronJob, its Jobs and an instant in; deletions, a creation, events, a status and the
//! next time to look out (kubernetes-behaviour §3.6). It knows no cluster, no client and no queue.
//! [`CronHistory`] is a small stand-in for them, for recorded histories.

mod controller;
mod history;
mod missed;
mod next;
mod schedule;
mod sync;
mod wall;

#[cfg(test)]
mod tests;

pub(super) use controller::CronJobController;
pub use history::{CronAction, CronHistory, CronSync};
pub use missed::{Horizon, InvalidSchedule, Missed, MostRecent, Wait, most_recent, requeue_after};
pub use schedule::{Schedule, ScheduleError};
pub use sync::{
    Concurrency, CronEvent, CronJobSpec, CronJobStatus, CronOutcome, Ending, ScheduledJob, Slot,
    Timetable, sync,
};
pub use wall::{Civil, WallTime, Zone, rfc_1123};
