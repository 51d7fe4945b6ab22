//! The CronJob controller of a running cluster: what its cache shows goes into a sync, what the sync
//! decides goes to the API server.

use std::collections::BTreeMap;

use super::{CronJobSpec, CronJobStatus, Ending, ScheduledJob, Slot, Timetable, WallTime, sync};
use crate::base::time::SimTime;
use crate::controllers::pace::Pace;
use crate::controllers::{Informers, Work};
use crate::cx::Cx;
use crate::event::WorkQueue;
use crate::model::{KindSpec, Model, WorkloadId};
use crate::record::Involved;
use crate::state::{
    Client, CronJobObject, JobConditionKind as ConditionKind, JobId, JobObject, Request,
};

/// The controller's memory.
#[derive(Debug, Default)]
pub(in crate::controllers) struct CronJobController {
    cron_jobs: BTreeMap<WorkloadId, Memory>,
}

/// What it remembers of one CronJob.
#[derive(Debug)]
struct Memory {
    pace: Pace,
    /// The specification, its schedule read.
    spec: CronJobSpec,
    /// When the next sync that the schedule asks for is due.
    due: Option<SimTime>,
    /// Writes that the cache does not show yet: Jobs created and deleted, statuses.
    unseen: Unseen,
}

#[derive(Debug, Default)]
struct Unseen {
    created: Option<u32>,
    deleted: Vec<JobId>,
    status: bool,
}

impl CronJobController {
    /// Something of a CronJob or its Jobs changed: what it waited for may be seen now.
    pub(in crate::controllers) fn observe_status(&mut self, workload: WorkloadId) {
        if let Some(memory) = self.cron_jobs.get_mut(&workload) {
            memory.unseen.status = false;
        }
    }

    pub(in crate::controllers) fn sync(
        &mut self,
        cx: &mut Cx<'_>,
        work: &mut Work<'_>,
        cache: &Informers,
        workload: WorkloadId,
    ) {
        let Some(object) = cache.cron_jobs.get(&workload) else { return };
        let model = cx.model;
        let memory = self.cron_jobs.entry(workload).or_insert_with(|| Memory {
            pace: Pace::default(),
            spec: spec_of(model, workload),
            due: None,
            unseen: Unseen::default(),
        });
        if memory.due.is_some_and(|due| due <= cx.now) {
            memory.due = None;
        }
        if memory.pace.begin(cx, work, (WorkQueue::CronJob, workload.raw())).is_none() {
            return;
        }
        let own: Vec<(JobId, &JobObject)> = cache.jobs_of(workload).collect();
        if memory.unseen.waits(&own) {
            return;
        }
        let spec = CronJobSpec { suspend: object.suspend, ..memory.spec.clone() };
        let jobs: Vec<ScheduledJob> = own.iter().map(|(_, job)| view(model, job)).collect();
        let status = CronJobStatus {
            active: object.active.iter().map(|&run| Slot(i64::from(run))).collect(),
            last_schedule: object.last_schedule.map(WallTime::from_secs),
            last_successful: object.last_successful.map(WallTime::from_secs),
        };
        let outcome = sync(&spec, &status, &jobs, wall(model, cx.now));
        let named = |slot: Slot| own.iter().find(|(_, job)| i64::from(job.run) == slot.0);
        let deleted = |slots: &[Slot]| -> Vec<JobId> {
            slots.iter().filter_map(|&slot| named(slot).map(|(id, _)| *id)).collect()
        };
        for job in deleted(&outcome.replace) {
            memory.delete(cx, job);
        }
        if let Some(time) = outcome.create {
            let run = u32::try_from(Slot::of(time).0).unwrap_or(0);
            memory.unseen.created = Some(run);
            memory.pace.write(cx, Client::CronJob, Request::CreateJob { workload, run });
        }
        for job in deleted(&outcome.prune) {
            memory.delete(cx, job);
        }
        if let Some(status) = &outcome.status {
            let status = written(object, status);
            memory.unseen.status = true;
            memory.pace.write(cx, Client::CronJob, Request::CronJobStatus { workload, status });
        }
        let name = &model.workloads[workload].name;
        for event in &outcome.events {
            let kind = (!event.is_normal(), event.reason(), "cronjob-controller");
            cx.kube_event(Involved::Workload(workload), kind, |_, _| event.message(name));
        }
        if let Some(wait) = outcome.requeue_after {
            let at = cx.now.saturating_add(wait);
            if memory.due.is_none_or(|due| due > at) {
                memory.due = Some(at);
                work.enqueue_at(cx, WorkQueue::CronJob, workload.raw(), at);
            }
        }
    }
}

impl Memory {
    fn delete(&mut self, cx: &mut Cx<'_>, job: JobId) {
        self.unseen.deleted.push(job);
        self.pace.write(cx, Client::CronJob, Request::DeleteJob { job });
    }
}

impl Unseen {
    /// Whether the cache has yet to show what was written.
    ///
    /// Fidelity: Kubernetes reads the CronJob anew instead.
    fn waits(&mut self, jobs: &[(JobId, &JobObject)]) -> bool {
        if self.created.is_some_and(|run| jobs.iter().any(|(_, job)| job.run == run)) {
            self.created = None;
        }
        self.deleted.retain(|deleted| jobs.iter().any(|(id, _)| id == deleted));
        self.created.is_some() || !self.deleted.is_empty() || self.status
    }
}

/// The instant of the calendar at a simulated time.
fn wall(model: &Model, time: SimTime) -> WallTime {
    let since = time.saturating_since(SimTime::ZERO);
    WallTime::from_secs(model.start_unix_s).plus(since)
}

fn view(model: &Model, job: &JobObject) -> ScheduledJob {
    let ended = job.status.ending().map(|ending| match ending.kind {
        ConditionKind::Complete => {
            Ending::Complete(wall(model, job.status.completed.unwrap_or(ending.since)))
        }
        ConditionKind::Failed
        | ConditionKind::Suspended
        | ConditionKind::FailureTarget
        | ConditionKind::SuccessCriteriaMet => Ending::Failed,
    });
    ScheduledJob {
        slot: Slot(i64::from(job.run)),
        started: job.status.started.map(|started| wall(model, started)),
        ended,
    }
}

fn written(object: &CronJobObject, status: &CronJobStatus) -> CronJobObject {
    CronJobObject {
        suspend: object.suspend,
        active: status.active.iter().map(|slot| u32::try_from(slot.0).unwrap_or(0)).collect(),
        last_schedule: status.last_schedule.map(WallTime::secs),
        last_successful: status.last_successful.map(WallTime::secs),
    }
}

fn spec_of(model: &Model, workload: WorkloadId) -> CronJobSpec {
    let KindSpec::CronJob(own) = &model.workloads[workload].own else {
        unreachable!("the workload is a CronJob")
    };
    CronJobSpec {
        schedule: own.schedule.clone(),
        timetable: Timetable::of(&own.schedule, own.time_zone.as_deref()),
        starting_deadline_s: own.starting_deadline_s,
        concurrency: own.concurrency,
        suspend: false,
        successful_limit: Some(own.successful_limit),
        failed_limit: Some(own.failed_limit),
        created: WallTime::from_secs(model.start_unix_s),
    }
}
