//! A CronJob's controller alone with its Jobs: an API server that only stores, Jobs that take a
//! given time. What the controller does is told sync by sync. For recorded histories.

use super::sync::{
    CronEvent, CronJobSpec, CronJobStatus, CronOutcome, Ending, ScheduledJob, Slot, sync,
};
use super::wall::WallTime;

const NANOS: i64 = 1_000_000_000;

/// What a sync does to a Job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CronAction {
    /// It is created.
    Create(Slot),
    /// It is deleted.
    Delete(Slot),
}

/// What is done to a CronJob, in seconds from its creation.
#[derive(Clone, Debug)]
pub struct CronHistory {
    /// The CronJob.
    pub spec: CronJobSpec,
    /// How long it is observed.
    pub duration_s: i64,
    /// How long the n-th Job takes, negative if it fails; they are used in turn.
    pub job_durations_s: Vec<i64>,
    /// When it is suspended and resumed.
    pub suspended: Vec<(i64, i64)>,
    /// When the controller does not run.
    pub down: Vec<(i64, i64)>,
}

/// A sync that did something or told something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CronSync {
    /// Seconds from the CronJob's creation.
    pub t: i64,
    /// What it did, in order.
    pub actions: Vec<CronAction>,
    /// What was told.
    pub events: Vec<CronEvent>,
    /// The status afterwards.
    pub status: CronJobStatus,
}

/// A Job and when it ends.
struct Running {
    job: ScheduledJob,
    ends: i64,
    fails: bool,
}

struct Run {
    spec: CronJobSpec,
    status: CronJobStatus,
    jobs: Vec<Running>,
    created: usize,
    durations: Vec<i64>,
    /// Times at which a sync is due because something happened.
    due: Vec<i64>,
    /// When the last sync wants to look again.
    requeue: Option<i64>,
}

impl CronHistory {
    /// Runs it.
    #[must_use]
    pub fn run(&self) -> Vec<CronSync> {
        let mut run = Run {
            spec: self.spec.clone(),
            status: CronJobStatus::default(),
            jobs: Vec::new(),
            created: 0,
            durations: self.job_durations_s.clone(),
            due: vec![0],
            requeue: None,
        };
        let within =
            |spans: &[(i64, i64)], t| spans.iter().any(|(from, to)| (*from..*to).contains(&t));
        let mut told = Vec::new();
        let mut t = 0;
        while t <= self.duration_s {
            let suspend = within(&self.suspended, t);
            if suspend != run.spec.suspend {
                run.spec.suspend = suspend;
                run.due.push(t);
            }
            // A new leader looks at everything.
            if self.down.iter().any(|(_, up)| *up == t) {
                run.due.push(t);
            }
            run.end_jobs(t);
            let due = run.due.iter().chain(&run.requeue).any(|due| *due <= t);
            if due && !within(&self.down, t) {
                run.due.retain(|due| *due > t);
                told.extend(run.sync(t));
            }
            t += 1;
        }
        told
    }
}

impl Run {
    fn at(&self, t: i64) -> WallTime {
        self.spec.created.plus_secs(t)
    }

    fn end_jobs(&mut self, t: i64) {
        let now = self.at(t);
        for running in &mut self.jobs {
            if running.job.ended.is_none() && running.ends <= t {
                let ending = if running.fails { Ending::Failed } else { Ending::Complete(now) };
                running.job.ended = Some(ending);
                self.due.push(t);
            }
        }
    }

    fn sync(&mut self, t: i64) -> Option<CronSync> {
        let jobs: Vec<ScheduledJob> = self.jobs.iter().map(|running| running.job).collect();
        let out = sync(&self.spec, &self.status, &jobs, self.at(t));
        let CronOutcome { replace, create, prune, events, status, requeue_after } = out;
        if let Some(status) = status {
            self.status = status;
        }
        self.requeue = requeue_after.map(|after| {
            let at = self.at(t).plus(after).plus_nanos(NANOS - 1);
            at.secs() - self.spec.created.secs()
        });
        let deleted = |slots: &[Slot]| -> Vec<CronAction> {
            slots.iter().map(|slot| CronAction::Delete(*slot)).collect()
        };
        let mut actions = deleted(&replace);
        actions.extend(create.map(|due| CronAction::Create(Slot::of(due))));
        actions.extend(deleted(&prune));
        self.jobs.retain(|running| {
            !replace.contains(&running.job.slot) && !prune.contains(&running.job.slot)
        });
        if let Some(due) = create {
            self.start(t, Slot::of(due));
        }
        if !actions.is_empty() {
            self.due.push(t + 1);
        }
        let told = !(actions.is_empty() && events.is_empty());
        told.then(|| CronSync { t, actions, events, status: self.status.clone() })
    }

    /// A Job is created now and starts with the next second.
    fn start(&mut self, t: i64, slot: Slot) {
        let takes = self.durations[self.created % self.durations.len()];
        self.created += 1;
        let started = Some(self.at(t + 1));
        let job = ScheduledJob { slot, started, ended: None };
        self.jobs.push(Running { job, ends: t + 1 + takes.abs(), fails: takes < 0 });
    }
}
