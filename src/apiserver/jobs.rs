//! Writes to Jobs and CronJobs.

use super::ApiServer;
use crate::cx::Cx;
use crate::event::Resource;
use crate::model::{KindSpec, PodId, WorkloadId};
use crate::record::Fact;
use crate::state::{
    Change, CronJobObject, JobConditionKind, JobId, JobObject, JobStatus, Request, Verb,
};

impl ApiServer {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the caller sends only these requests")]
    pub(super) fn job_request(&mut self, cx: &mut Cx<'_>, request: Request) {
        match request {
            Request::CreateJob { workload, run } => {
                self.create_job(cx, workload, run);
            }
            Request::DeleteJob { job } => self.delete_job(cx, job),
            Request::JobStatus { job, status } => self.job_status(cx, job, *status),
            Request::ReleasePod { pod } => self.release_pod(cx, pod),
            Request::CronJobStatus { workload, status } => {
                let Some(object) = cx.state.api.cron_jobs.get_mut(&workload) else { return };
                let next = CronJobObject { suspend: object.suspend, ..status };
                if *object != next {
                    *object = next;
                    self.cron_job_changed(cx, workload);
                }
            }
            Request::Suspend { workload, suspend } => self.suspend(cx, workload, suspend),
            _ => unreachable!("only requests on Jobs and CronJobs come here"),
        }
    }

    /// Creates a Job object: that of a workload, or a run of a CronJob. One of that name that is
    /// there is not created again.
    pub fn create_job(&mut self, cx: &mut Cx<'_>, workload: WorkloadId, run: u32) {
        let same = |job: &&JobObject| !job.gone && job.workload == workload && job.run == run;
        if cx.state.api.jobs.values().any(|job| same(&job)) {
            return;
        }
        let suspend = match &cx.model.workloads[workload].own {
            KindSpec::Job(spec) => spec.suspend,
            KindSpec::CronJob(spec) => spec.job.suspend,
            KindSpec::Plain | KindSpec::StatefulSet(_) | KindSpec::DaemonSet(_) => false,
        };
        let job = cx.state.api.jobs.push(JobObject {
            workload,
            run,
            suspend,
            status: JobStatus::default(),
            created: cx.now.floor_to_second(),
            gone: false,
        });
        cx.fact(Fact::JobCreated { workload });
        self.job_changed(cx, job, Verb::Added);
    }

    /// Creates a CronJob object.
    pub fn create_cron_job(
        &mut self,
        cx: &mut Cx<'_>,
        workload: WorkloadId,
        object: CronJobObject,
    ) {
        cx.state.api.cron_jobs.insert(workload, object);
        self.cron_job_changed(cx, workload);
    }

    /// Deletes a Job in the background: it is gone at once, its pods follow.
    fn delete_job(&mut self, cx: &mut Cx<'_>, job: JobId) {
        let object = &mut cx.state.api.jobs[job];
        if !object.gone {
            object.gone = true;
            self.job_changed(cx, job, Verb::Deleted);
        }
    }

    fn job_status(&mut self, cx: &mut Cx<'_>, job: JobId, status: JobStatus<PodId>) {
        let object = &mut cx.state.api.jobs[job];
        if object.gone || object.status == status {
            return;
        }
        let ended = object.status.ending().is_some();
        object.status = status;
        if !ended && let Some(ending) = object.status.ending() {
            let (workload, created) = (object.workload, object.created);
            let complete = ending.kind == JobConditionKind::Complete;
            let took = cx.now.saturating_since(object.status.started.unwrap_or(created));
            cx.fact(Fact::JobEnded { workload, complete, took });
        }
        self.job_changed(cx, job, Verb::Modified);
    }

    /// The finalizer of a pod of a Job is taken off: the object disappears if it only waited for
    /// that.
    fn release_pod(&mut self, cx: &mut Cx<'_>, pod: PodId) {
        let object = &mut cx.state.api.pods[pod];
        if object.gone || !object.tracked {
            return;
        }
        object.tracked = false;
        if object.held {
            self.remove_pod(cx, pod);
        } else {
            self.pod_changed(cx, pod, Verb::Modified);
        }
    }

    /// Somebody suspends a Job or a CronJob, or lets it go on.
    fn suspend(&mut self, cx: &mut Cx<'_>, workload: WorkloadId, suspend: bool) {
        if let Some(object) = cx.state.api.cron_jobs.get_mut(&workload) {
            if std::mem::replace(&mut object.suspend, suspend) != suspend {
                self.cron_job_changed(cx, workload);
            }
            return;
        }
        let jobs = cx.state.api.jobs.iter_mut();
        let found = jobs.filter(|(_, job)| !job.gone && job.workload == workload);
        let changed = found.filter(|(_, job)| job.suspend != suspend).map(|(id, job)| {
            job.suspend = suspend;
            id
        });
        for job in changed.collect::<Vec<_>>() {
            self.job_changed(cx, job, Verb::Modified);
        }
    }

    fn job_changed(&mut self, cx: &mut Cx<'_>, job: JobId, verb: Verb) {
        let object = cx.state.api.jobs[job].clone();
        self.publish(cx, Resource::Jobs, |api, deliveries| {
            api.job_log.append(Change { verb, id: job, object }, deliveries)
        });
    }

    fn cron_job_changed(&mut self, cx: &mut Cx<'_>, workload: WorkloadId) {
        let Some(object) = cx.state.api.cron_jobs.get(&workload).cloned() else { return };
        self.publish(cx, Resource::CronJobs, |api, deliveries| {
            let change = Change { verb: Verb::Modified, id: workload, object };
            api.cron_job_log.append(change, deliveries)
        });
    }
}
