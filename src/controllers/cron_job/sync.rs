//! One sync of a CronJob.
//!
//! Kubernetes-behaviour §3.6. Writes are taken to succeed: deletions first, then the creation, then
//! the removal of old Jobs, then the status.

use super::missed::{Horizon, Missed, most_recent, requeue_after};
use super::schedule::{Schedule, ScheduleError};
use super::wall::{WallTime, Zone, rfc_1123};
use crate::base::time::SimDuration;
pub use crate::model::Concurrency;

/// Names a Job of a CronJob: minutes since the epoch of its scheduled time, which is the suffix of
/// its name. So one scheduled time never has two Jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub i64);

impl Slot {
    /// The name of the Job for a scheduled time.
    #[must_use]
    pub fn of(scheduled: WallTime) -> Self {
        Self(scheduled.secs().div_euclid(60))
    }

    /// The Job's name, for a CronJob of that name.
    #[must_use]
    pub fn name(self, cron_job: &str) -> String {
        format!("{cron_job}-{}", self.0)
    }
}

/// When a CronJob is due, as far as its texts can be understood.
#[derive(Clone, Debug)]
pub enum Timetable {
    /// They can.
    Known(Schedule),
    /// `timeZone` names none: its text.
    UnknownZone(String),
    /// `schedule` is none: its text, and why.
    Unparseable(String, ScheduleError),
}

impl Timetable {
    /// Reads `schedule` and `timeZone`. A zone inside the schedule wins.
    #[must_use]
    pub fn of(schedule: &str, time_zone: Option<&str>) -> Self {
        if let Some(zone) = time_zone.filter(|zone| Zone::named(zone).is_none()) {
            return Self::UnknownZone(zone.to_owned());
        }
        let zoned = match time_zone.filter(|_| !has_zone(schedule)) {
            Some(zone) => Schedule::parse(&format!("TZ={zone} {schedule}")),
            None => Schedule::parse(schedule),
        };
        match zoned {
            Ok(zoned) => Self::Known(zoned),
            Err(error) => Self::Unparseable(schedule.to_owned(), error),
        }
    }
}

/// The controller looks for these letters anywhere in the text.
fn has_zone(schedule: &str) -> bool {
    schedule.contains("TZ")
}

/// A CronJob as a user wrote it.
#[derive(Clone, Debug)]
pub struct CronJobSpec {
    /// `schedule` as it is written, for messages.
    pub schedule: String,
    /// What it means, `timeZone` included.
    pub timetable: Timetable,
    /// `startingDeadlineSeconds`.
    pub starting_deadline_s: Option<i64>,
    /// `concurrencyPolicy`.
    pub concurrency: Concurrency,
    /// `suspend`.
    pub suspend: bool,
    /// `successfulJobsHistoryLimit`; the API's default is 3.
    pub successful_limit: Option<usize>,
    /// `failedJobsHistoryLimit`; the API's default is 1.
    pub failed_limit: Option<usize>,
    /// When it was created.
    pub created: WallTime,
}

/// `status` of a CronJob.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CronJobStatus {
    /// `active`, oldest first.
    pub active: Vec<Slot>,
    /// `lastScheduleTime`.
    pub last_schedule: Option<WallTime>,
    /// `lastSuccessfulTime`.
    pub last_successful: Option<WallTime>,
}

impl CronJobStatus {
    fn forget(&mut self, slot: Slot) {
        self.active.retain(|active| *active != slot);
    }
}

/// How a Job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Condition `Complete`, at `completionTime`.
    Complete(WallTime),
    /// Condition `Failed`.
    Failed,
}

/// A Job that the CronJob controls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScheduledJob {
    /// Its name.
    pub slot: Slot,
    /// `startTime`.
    pub started: Option<WallTime>,
    /// How it ended; `None` while it has not.
    pub ended: Option<Ending>,
}

/// Something a sync tells the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CronEvent {
    /// A Job has ended.
    SawCompletedJob(Slot, Ending),
    /// A Job is there that the status does not list.
    UnexpectedJob(Slot),
    /// A Job is gone that the status lists.
    MissingJob(Slot),
    /// `timeZone` is unknown.
    UnknownTimeZone(String),
    /// The schedule carries a time zone.
    UnsupportedSchedule(String),
    /// The schedule cannot be read.
    UnparseableSchedule(String, ScheduleError),
    /// The schedule is never due.
    InvalidSchedule(String),
    /// More than 100 times have been missed.
    TooManyMissedTimes,
    /// Its starting deadline has passed.
    MissSchedule(WallTime),
    /// `Forbid`, and a Job is active.
    JobAlreadyActive,
    /// A Job was created.
    SuccessfulCreate(Slot),
    /// A Job was deleted.
    SuccessfulDelete(Slot),
}

impl CronEvent {
    /// Kubernetes' reason.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::SawCompletedJob(..) => "SawCompletedJob",
            Self::UnexpectedJob(_) => "UnexpectedJob",
            Self::MissingJob(_) => "MissingJob",
            Self::UnknownTimeZone(_) => "UnknownTimeZone",
            Self::UnsupportedSchedule(_) => "UnsupportedSchedule",
            Self::UnparseableSchedule(..) => "UnparseableSchedule",
            Self::InvalidSchedule(_) => "InvalidSchedule",
            Self::TooManyMissedTimes => "TooManyMissedTimes",
            Self::MissSchedule(_) => "MissSchedule",
            Self::JobAlreadyActive => "JobAlreadyActive",
            Self::SuccessfulCreate(_) => "SuccessfulCreate",
            Self::SuccessfulDelete(_) => "SuccessfulDelete",
        }
    }

    /// Whether the event is of type `Normal`, not `Warning`.
    #[must_use]
    pub fn is_normal(&self) -> bool {
        matches!(
            self,
            Self::SawCompletedJob(..)
                | Self::MissingJob(_)
                | Self::JobAlreadyActive
                | Self::SuccessfulCreate(_)
                | Self::SuccessfulDelete(_)
        )
    }

    /// Kubernetes' message, for a CronJob of that name.
    #[must_use]
    pub fn message(&self, cron_job: &str) -> String {
        let job = |slot: &Slot| slot.name(cron_job);
        match self {
            Self::SawCompletedJob(slot, ending) => {
                let condition = match ending {
                    Ending::Complete(_) => "Complete",
                    Ending::Failed => "Failed",
                };
                format!("Saw completed job: {}, condition: {condition}", job(slot))
            }
            Self::UnexpectedJob(slot) => {
                format!("Saw a job that the controller did not create or forgot: {}", job(slot))
            }
            Self::MissingJob(slot) => format!("Active job went missing: {}", job(slot)),
            Self::UnknownTimeZone(zone) => {
                format!("invalid timeZone: {zone:?}: unknown time zone {zone}")
            }
            Self::UnsupportedSchedule(schedule) => format!(
                "CRON_TZ or TZ used in schedule {schedule:?} is not officially supported, see \
                 https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more \
                 details"
            ),
            Self::UnparseableSchedule(schedule, error) => {
                format!("unparseable schedule: {schedule:?} : {error}")
            }
            Self::InvalidSchedule(schedule) => format!(
                "invalid schedule: {schedule} : time difference between two schedules is less \
                 than 1 second"
            ),
            Self::TooManyMissedTimes => "too many missed start times. Set or decrease \
                .spec.startingDeadlineSeconds or check clock skew"
                .to_owned(),
            Self::MissSchedule(time) => {
                format!("Missed scheduled time to start a job: {}", rfc_1123(*time))
            }
            Self::JobAlreadyActive => "Not starting job because prior execution is running and \
                concurrency policy is Forbid"
                .to_owned(),
            Self::SuccessfulCreate(slot) => format!("Created job {}", job(slot)),
            Self::SuccessfulDelete(slot) => format!("Deleted job {}", job(slot)),
        }
    }
}

/// What a sync comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CronOutcome {
    /// Jobs to delete in favour of the new one, in order, before it is created.
    pub replace: Vec<Slot>,
    /// A Job to create for a scheduled time.
    pub create: Option<WallTime>,
    /// Old Jobs to delete, in order, after it is created.
    pub prune: Vec<Slot>,
    /// What to tell, in order.
    pub events: Vec<CronEvent>,
    /// The status, if it has to be written. It takes the creation to have succeeded.
    pub status: Option<CronJobStatus>,
    /// When to look again; `None` when something changes.
    pub requeue_after: Option<SimDuration>,
}

/// One sync at `now`: the CronJob, its status, and the Jobs that it controls, in any order.
#[must_use]
pub fn sync(
    spec: &CronJobSpec,
    status: &CronJobStatus,
    jobs: &[ScheduledJob],
    now: WallTime,
) -> CronOutcome {
    let mut run = Sync { spec, jobs, now, status: status.clone(), out: CronOutcome::default() };
    run.observe();
    run.schedule();
    run.prune();
    let Sync { status: new, mut out, .. } = run;
    out.status = (new != *status).then_some(new);
    out
}

struct Sync<'a> {
    spec: &'a CronJobSpec,
    jobs: &'a [ScheduledJob],
    now: WallTime,
    status: CronJobStatus,
    out: CronOutcome,
}

impl Sync<'_> {
    /// Takes note of Jobs that ended, appeared or went.
    fn observe(&mut self) {
        for job in self.jobs {
            let listed = self.status.active.contains(&job.slot);
            match job.ended {
                None if !listed => self.out.events.push(CronEvent::UnexpectedJob(job.slot)),
                None => {}
                Some(ending) if listed => {
                    self.out.events.push(CronEvent::SawCompletedJob(job.slot, ending));
                    self.status.forget(job.slot);
                }
                // The time of success is noted a sync later.
                Some(Ending::Complete(at)) => {
                    let last = &mut self.status.last_successful;
                    *last = (*last).max(Some(at));
                }
                Some(Ending::Failed) => {}
            }
        }
        for slot in self.status.active.clone() {
            if !self.jobs.iter().any(|job| job.slot == slot) {
                self.out.events.push(CronEvent::MissingJob(slot));
                self.status.forget(slot);
            }
        }
    }

    fn horizon(&self) -> Horizon {
        Horizon {
            created: self.spec.created,
            last_schedule: self.status.last_schedule,
            starting_deadline_s: self.spec.starting_deadline_s,
        }
    }

    /// Serves the scheduled time that is due, if one is.
    fn schedule(&mut self) {
        if let Timetable::UnknownZone(zone) = &self.spec.timetable {
            return self.out.events.push(CronEvent::UnknownTimeZone(zone.clone()));
        }
        if self.spec.suspend {
            return;
        }
        if has_zone(&self.spec.schedule) {
            let text = self.spec.schedule.clone();
            self.out.events.push(CronEvent::UnsupportedSchedule(text));
        }
        let schedule = match &self.spec.timetable {
            Timetable::Known(schedule) => schedule,
            Timetable::Unparseable(text, error) => {
                let event = CronEvent::UnparseableSchedule(text.clone(), error.clone());
                return self.out.events.push(event);
            }
            Timetable::UnknownZone(_) => return,
        };
        let Ok(found) = most_recent(&self.horizon(), self.now, schedule, true) else {
            let text = self.spec.schedule.clone();
            return self.out.events.push(CronEvent::InvalidSchedule(text));
        };
        if let Some(due) = found.due {
            if found.missed == Missed::Many {
                self.out.events.push(CronEvent::TooManyMissedTimes);
            }
            self.serve(due);
        }
        let after = requeue_after(&self.horizon(), self.now, schedule);
        self.out.requeue_after = Some(after.as_span());
    }

    /// Starts the Job of a scheduled time, unless something speaks against it.
    fn serve(&mut self, due: WallTime) {
        let deadline = self.spec.starting_deadline_s;
        if deadline.is_some_and(|deadline| due.plus_secs(deadline) < self.now) {
            return self.out.events.push(CronEvent::MissSchedule(due));
        }
        let slot = Slot::of(due);
        if self.status.active.contains(&slot) || self.status.last_schedule == Some(due) {
            return;
        }
        match self.spec.concurrency {
            Concurrency::Forbid if !self.status.active.is_empty() => {
                return self.out.events.push(CronEvent::JobAlreadyActive);
            }
            Concurrency::Replace => {
                for slot in std::mem::take(&mut self.status.active) {
                    self.out.events.push(CronEvent::SuccessfulDelete(slot));
                    self.out.replace.push(slot);
                }
            }
            Concurrency::Allow | Concurrency::Forbid => {}
        }
        // Fidelity: a Job of that name that is there already, because schedules of less than a
        // minute share names, is taken for the one wanted, as it is after a lost status.
        match self.jobs.iter().find(|job| job.slot == slot) {
            Some(there) => self.status.active.extend(there.ended.is_none().then_some(slot)),
            None => {
                self.out.create = Some(due);
                self.out.events.push(CronEvent::SuccessfulCreate(slot));
                self.status.active.push(slot);
            }
        }
        self.status.last_schedule = Some(due);
    }

    /// Deletes ended Jobs above the limits, those that started first.
    fn prune(&mut self) {
        let successful =
            self.oldest(self.spec.successful_limit, |ending| matches!(ending, Ending::Complete(_)));
        let failed = self.oldest(self.spec.failed_limit, |ending| matches!(ending, Ending::Failed));
        for slot in successful.into_iter().chain(failed) {
            self.out.events.push(CronEvent::SuccessfulDelete(slot));
            self.out.prune.push(slot);
            self.status.forget(slot);
        }
    }

    fn oldest(&self, limit: Option<usize>, is: fn(Ending) -> bool) -> Vec<Slot> {
        let Some(limit) = limit else { return Vec::new() };
        let mut ended: Vec<&ScheduledJob> =
            self.jobs.iter().filter(|job| job.ended.is_some_and(is)).collect();
        // Jobs that never started come last.
        ended.sort_by_key(|job| (job.started.is_none(), job.started, job.slot));
        let surplus = ended.len().saturating_sub(limit);
        ended.into_iter().take(surplus).map(|job| job.slot).collect()
    }
}
