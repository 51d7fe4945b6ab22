//! The Job controller of a running cluster: what its cache shows goes into a sync, what the sync
//! decides goes to the API server. It deletes Jobs whose time to live is over, and the pods of Jobs
//! that are gone.
//!
//! Fidelity: the TTL controller and the garbage collector are controllers of their own, with clients
//! of their own; here they are the Job controller's.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    EndFacts, Exit, Job, JobMemory, JobOutcome, JobPod, JobSpec, POD_BATCH, PodFacts, expires_at,
    finished_at, sync,
};
use crate::base::map::Symbol;
use crate::base::release::Release;
use crate::base::time::SimTime;
use crate::controllers::pace::Pace;
use crate::controllers::{Informers, Work};
use crate::cx::Cx;
use crate::event::WorkQueue;
use crate::model::{KindSpec, Model, PodId, WorkloadId};
use crate::record::Involved;
use crate::state::{
    Change, Client, ConditionStatus, DeletionCause, JobId, JobObject, Owner, PodObject, PodReason,
    Request, Seat, Verb,
};

/// The controller's memory.
#[derive(Debug, Default)]
pub(in crate::controllers) struct JobController {
    jobs: BTreeMap<JobId, Memory>,
}

/// What it remembers of one Job.
#[derive(Debug, Default)]
struct Memory {
    pace: Pace,
    own: JobMemory,
    /// Pods whose finalizers it has asked to be removed.
    released: BTreeSet<PodId>,
    /// When the next delayed sync is due.
    due: Option<SimTime>,
    /// Statuses were written that the cache does not show yet.
    unseen: u32,
}

/// What the specification of a Job says, its own or that of its CronJob.
pub(in crate::controllers) fn job_spec(model: &Model, workload: WorkloadId) -> Option<&JobSpec> {
    match &model.workloads[workload].own {
        KindSpec::Job(spec) => Some(spec),
        KindSpec::CronJob(spec) => Some(&spec.job),
        KindSpec::Plain | KindSpec::StatefulSet(_) | KindSpec::DaemonSet(_) => None,
    }
}

impl JobController {
    /// A pod changed: its Job is looked at a second later, with what else changes until then.
    pub(in crate::controllers) fn on_pod(
        &mut self,
        cx: &mut Cx<'_>,
        work: &mut Work<'_>,
        cache: &Informers,
        (change, job): (&Change<PodId, PodObject>, JobId),
    ) {
        if !cache.jobs.contains_key(&job) {
            // It was on its way when its Job was deleted.
            if change.verb == Verb::Added {
                collect(cx, change.id, &change.object);
            }
            return;
        }
        let memory = self.jobs.entry(job).or_default();
        memory.pace.observe(change);
        if change.object.gone {
            memory.released.remove(&change.id);
        }
        memory.later(cx, work, job, cx.now.saturating_add(POD_BATCH));
    }

    /// A Job changed.
    pub(in crate::controllers) fn on_job(
        &mut self,
        cx: &mut Cx<'_>,
        work: &mut Work<'_>,
        cache: &Informers,
        change: &Change<JobId, JobObject>,
    ) {
        let memory = self.jobs.entry(change.id).or_default();
        memory.unseen = memory.unseen.saturating_sub(1);
        if !change.object.gone {
            work.enqueue(cx, WorkQueue::Job, change.id.raw());
            return;
        }
        self.jobs.remove(&change.id);
        for (pod, object) in cache.pods_of_job(change.id) {
            collect(cx, pod, object);
        }
    }

    /// A new leader looks for pods whose Jobs are gone.
    pub(in crate::controllers) fn lead(cx: &mut Cx<'_>, cache: &Informers) {
        for (pod, object) in cache.pods.iter() {
            if let Some(object) = object
                && let Some(Owner::Job(job)) = object.owner
                && !cache.jobs.contains_key(&job)
            {
                collect(cx, pod, object);
            }
        }
    }

    pub(in crate::controllers) fn sync(
        &mut self,
        cx: &mut Cx<'_>,
        work: &mut Work<'_>,
        cache: &Informers,
        id: JobId,
    ) {
        let Some(object) = cache.jobs.get(&id) else { return };
        let memory = self.jobs.entry(id).or_default();
        if memory.due.is_some_and(|due| due <= cx.now) {
            memory.due = None;
        }
        if memory.pace.begin(cx, work, (WorkQueue::Job, id.raw())).is_none() {
            return;
        }
        // A status that it has written comes back first.
        if memory.unseen > 0 {
            return;
        }
        let Some(spec) = job_spec(cx.model, object.workload) else { return };
        let spec = JobSpec { suspend: object.suspend, ..spec.clone() };
        if let Some(at) = expires_at(&spec, &object.status) {
            if at <= cx.now {
                memory.pace.write(cx, Client::Job, Request::DeleteJob { job: id });
            } else {
                memory.later(cx, work, id, at);
            }
            return;
        }
        let indexed = spec.indexed;
        let known: Vec<(PodId, PodObject)> =
            cache.pods_of_job(id).map(|(pod, object)| (pod, *object)).collect();
        let ends: Vec<Ended> = known.iter().map(|(_, pod)| Ended::of(cx.model, pod)).collect();
        let pods = known.iter().zip(&ends);
        let pods: Vec<JobPod<'_, PodId>> =
            pods.map(|((id, pod), end)| memory.view((*id, pod), indexed, end)).collect();
        let job = Job { spec, status: object.status.clone(), deleted: false };
        let may_act = memory.pace.may_act(cx.now);
        let release = (Release::default(), may_act);
        let outcome = sync(&job, &pods, &mut memory.own, release, cx.now);
        memory.carry_out(cx, (id, object), &outcome);
        tell(cx, object, &outcome);
        if let Some(wait) = outcome.again_after {
            memory.later(cx, work, id, cx.now.saturating_add(wait));
        }
    }
}

/// Removes a pod whose Job is gone.
fn collect(cx: &mut Cx<'_>, pod: PodId, object: &PodObject) {
    if object.tracked {
        cx.request(Client::Job, Request::ReleasePod { pod });
    }
    let cause = DeletionCause::Controller;
    cx.request(Client::Job, Request::DeletePod { pod, grace: None, cause });
}

impl Memory {
    /// Has the Job looked at later, unless that is to happen before anyway.
    fn later(&mut self, cx: &mut Cx<'_>, work: &mut Work<'_>, job: JobId, at: SimTime) {
        if self.due.is_none_or(|due| due > at) {
            self.due = Some(at);
            work.enqueue_at(cx, WorkQueue::Job, job.raw(), at);
        }
    }

    /// A pod as a sync sees it.
    fn view<'a>(
        &self,
        (id, pod): (PodId, &PodObject),
        indexed: bool,
        end: &'a Ended,
    ) -> JobPod<'a, PodId> {
        let status = &pod.status;
        let not_ready = !status.ready.is_true();
        JobPod {
            id,
            phase: status.phase,
            deleted: pod.termination.is_some(),
            tracked: pod.tracked && !self.released.contains(&id),
            ready: pod.is_ready(),
            index: indexed.then_some(pod.replica),
            failures: u32::from(pod.failures[0]),
            ignored_failures: u32::from(pod.failures[1]),
            finished_at: finished_at(EndFacts {
                containers: status.finished,
                not_ready_since: not_ready.then_some(status.ready.since),
                deleted: pod.termination.map(|termination| termination.requested),
                created: pod.created,
            }),
            // Fidelity: a pod with several containers counts the restarts of the one that restarted
            // most, not those of all.
            restarts: status.restarts,
            assigned: pod.node.is_some(),
            ready_since: status.ready.since,
            most_restarts: status.restarts,
            created: pod.created,
            facts: PodFacts { exits: &end.exits, conditions: &end.conditions },
        }
    }

    fn carry_out(
        &mut self,
        cx: &mut Cx<'_>,
        (id, object): (JobId, &JobObject),
        outcome: &JobOutcome<PodId>,
    ) {
        if !outcome.delete.is_empty() || !outcome.create.is_empty() {
            let deleted = outcome.delete.iter().map(|deletion| deletion.pod);
            self.pace.expect(cx.now, outcome.create.len(), deleted);
        }
        for deletion in &outcome.delete {
            let pod = deletion.pod;
            if deletion.release_first {
                self.released.insert(pod);
                self.pace.write(cx, Client::Job, Request::ReleasePod { pod });
            }
            let cause = DeletionCause::Controller;
            self.pace.write(cx, Client::Job, Request::DeletePod { pod, grace: None, cause });
        }
        let template = cx.model.workloads[object.workload].template;
        for new in &outcome.create {
            let seat = match new.index {
                Some(index) => Seat::Index {
                    index,
                    failures: short(new.failures.unwrap_or(0)),
                    ignored: short(new.ignored_failures),
                },
                None => Seat::Lowest,
            };
            let request = Request::CreatePod { template, owner: Some(Owner::Job(id)), seat };
            self.pace.write(cx, Client::Job, request);
        }
        if let Some(status) = &outcome.first_status {
            self.write_status(cx, id, status.clone());
        }
        for &pod in &outcome.release {
            self.released.insert(pod);
            self.pace.write(cx, Client::Job, Request::ReleasePod { pod });
        }
        if let Some(status) = &outcome.status {
            self.write_status(cx, id, status.clone());
        }
    }

    fn write_status(
        &mut self,
        cx: &mut Cx<'_>,
        job: JobId,
        status: crate::state::JobStatus<PodId>,
    ) {
        self.unseen += 1;
        let status = Box::new(status);
        self.pace.write(cx, Client::Job, Request::JobStatus { job, status });
    }
}

fn short(count: u32) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

/// What a failure policy looks at in a pod.
struct Ended {
    exits: Vec<Exit>,
    conditions: Vec<(Symbol, ConditionStatus)>,
}

impl Ended {
    /// Fidelity: init containers are left out, and so are conditions that neither a kubelet nor a
    /// disruption sets.
    fn of(model: &Model, pod: &PodObject) -> Self {
        let nobody = model.symbols.get("").expect("the empty word is known to every model");
        let symbol = |word: &str| model.symbols.get(word);
        let template = &model.templates[pod.template];
        let codes = pod.status.exit_codes.iter();
        let exits = template.containers.iter().zip(codes).filter_map(|(container, code)| {
            let container = symbol(&container.name).unwrap_or(nobody);
            Some(Exit { container, code: i32::from((*code)?) })
        });
        let disrupted = pod.termination.is_some_and(|termination| match termination.cause {
            DeletionCause::TaintManager
            | DeletionCause::Preemption
            | DeletionCause::PodGc
            | DeletionCause::Eviction => true,
            DeletionCause::Controller | DeletionCause::Operator => false,
        });
        let by_kubelet = matches!(
            pod.status.reason,
            PodReason::Evicted | PodReason::Terminated | PodReason::NodeShutdown
        );
        let status = |word: &str, status| symbol(word).map(|symbol| (symbol, status));
        let target = (disrupted || by_kubelet)
            .then(|| status("DisruptionTarget", ConditionStatus::True))
            .flatten();
        let own = [
            status("Ready", pod.status.ready.status),
            status("ContainersReady", pod.status.containers_ready.status),
            status("Initialized", pod.status.initialized.status),
            status("PodScheduled", pod.status.scheduled.status),
        ];
        let conditions = target.into_iter().chain(own.into_iter().flatten()).collect();
        Self { exits: exits.collect(), conditions }
    }
}

/// Kubernetes events of a sync.
fn tell(cx: &mut Cx<'_>, object: &JobObject, outcome: &JobOutcome<PodId>) {
    for event in &outcome.events {
        let kind = (!event.is_normal(), event.reason(), "job-controller");
        let workload = object.workload;
        cx.kube_event(Involved::Job(workload, object.run), kind, |model, state| {
            event.message(
                |pod| {
                    let namespace = &model.namespaces[model.workloads[workload].namespace].name;
                    let name = model.pod_name(&state.api.pods[*pod].identity());
                    format!("{namespace}/{name}")
                },
                |symbol| model.symbols.resolve(symbol).to_owned(),
            )
        });
    }
}
