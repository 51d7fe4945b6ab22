//! One sync of a Job: is it over, and if not, which pods are missing or too many.
//!
//! Kubernetes-behaviour §3.5. Writes are taken to succeed. They leave in this order: deletions or
//! creations, the first status, removals of finalizers, the last status.

use std::collections::{BTreeMap, BTreeSet};

use super::backoff::{BackoffRecord, backoff_left};
use super::failure_policy::{Action, policy_match};
use super::object::{
    Condition, ConditionKind, Job, JobSpec, JobStatus, PodReplacement, Reason, Release,
    SuccessRule, Uncounted,
};
use super::pods::{JobPod, to_remove};
use crate::base::map::Symbol;
use crate::base::time::{SimDuration, SimTime};
use crate::model::Indexes;
use crate::state::Phase;

/// Most pods that a sync creates or deletes.
const MOST_PER_SYNC: usize = 500;

/// What the controller's process remembers of a Job between syncs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobMemory {
    /// Failures since the last success.
    pub backoff: BackoffRecord,
}

/// A pod to delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deletion<P> {
    /// Which.
    pub pod: P,
    /// Its finalizer is removed first, so that it will not count as failed.
    pub release_first: bool,
}

/// A pod to create.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewPod {
    /// Its completion index.
    pub index: Option<u32>,
    /// Failures of its index so far, if they are told (annotation).
    pub failures: Option<u32>,
    /// Ignored failures of its index so far.
    pub ignored_failures: u32,
}

/// Something a sync tells the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobEvent<P> {
    /// It is suspended.
    Suspended,
    /// It goes on.
    Resumed,
    /// More pods than wanted have succeeded.
    TooManySucceededPods,
    /// It is complete.
    Completed,
    /// It has failed.
    Failed(Reason<P>),
}

impl<P> JobEvent<P> {
    /// Kubernetes' reason.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Suspended => "Suspended",
            Self::Resumed => "Resumed",
            Self::TooManySucceededPods => "TooManySucceededPods",
            Self::Completed => "Completed",
            Self::Failed(reason) => reason.name(),
        }
    }

    /// Kubernetes' message, given what [`Reason::message`] needs.
    #[must_use]
    pub fn message(
        &self,
        pod: impl FnOnce(&P) -> String,
        name: impl FnOnce(Symbol) -> String,
    ) -> String {
        let fixed = match self {
            Self::Suspended => "Job suspended",
            Self::Resumed => "Job resumed",
            Self::TooManySucceededPods => {
                "Too many succeeded pods running after completion count reached"
            }
            Self::Completed => "Job completed",
            Self::Failed(reason) => return reason.message(pod, name),
        };
        fixed.to_owned()
    }

    /// Whether the event is of type `Normal`, not `Warning`.
    #[must_use]
    pub fn is_normal(&self) -> bool {
        matches!(self, Self::Suspended | Self::Resumed | Self::Completed)
    }
}

/// What a sync comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobOutcome<P> {
    /// Pods to delete.
    pub delete: Vec<Deletion<P>>,
    /// Pods to create, in order.
    pub create: Vec<NewPod>,
    /// The status to write before finalizers are removed, if it has to be written.
    pub first_status: Option<JobStatus<P>>,
    /// Pods whose finalizer is to be removed.
    pub release: Vec<P>,
    /// The status to write last, if it has to be written.
    pub status: Option<JobStatus<P>>,
    /// What to tell, in order.
    pub events: Vec<JobEvent<P>>,
    /// When to look again even if nothing happens.
    pub again_after: Option<SimDuration>,
}

impl<P> Default for JobOutcome<P> {
    fn default() -> Self {
        Self {
            delete: Vec::new(),
            create: Vec::new(),
            first_status: None,
            release: Vec::new(),
            status: None,
            events: Vec::new(),
            again_after: None,
        }
    }
}

/// One sync at `now`: the Job and the pods that it controls, in the cache's order. `satisfied`: all
/// creations and deletions of earlier syncs have been seen.
#[must_use]
pub fn sync<P: Copy + Ord>(
    job: &Job<P>,
    pods: &[JobPod<'_, P>],
    memory: &mut JobMemory,
    (release, satisfied): (Release, bool),
    now: SimTime,
) -> JobOutcome<P> {
    if job.status.ending().is_some() {
        *memory = JobMemory::default();
        return JobOutcome::default();
    }
    let mut sync = Sync::new(job, pods, memory, (release, satisfied), now);
    sync.judge_failure();
    sync.judge_indexes();
    let active = if sync.finished.is_some() { sync.end() } else { sync.go_on() };
    let (ready, terminating) = (Some(sync.ready), Some(sync.terminating));
    let status = &mut sync.status;
    let changed = sync.suspension_changed
        || (active, ready, terminating) != (status.active, status.ready, status.terminating);
    (status.active, status.ready, status.terminating) = (active, ready, terminating);
    if sync.track(changed) {
        memory.backoff = sync.record;
    }
    sync.out
}

pub(super) struct Sync<'a, 'p, P> {
    pub(super) job: &'a Job<P>,
    pub(super) pods: &'a [JobPod<'p, P>],
    pub(super) release: Release,
    satisfied: bool,
    pub(super) now: SimTime,
    /// As it will be written.
    pub(super) status: JobStatus<P>,
    active: Vec<&'a JobPod<'p, P>>,
    /// Pods that `uncountedTerminatedPods` listed: succeeded ones, failed ones.
    pub(super) listed: (BTreeSet<P>, BTreeSet<P>),
    ready: u32,
    pub(super) terminating: u32,
    succeeded: u32,
    failed: u32,
    record: BackoffRecord,
    /// The condition that says that it is over.
    pub(super) finished: Option<Condition<P>>,
    pub(super) failed_indexes: Option<Indexes>,
    /// Of each index the failed pod that stays until it is replaced, so that its count of failures
    /// can be handed on.
    pub(super) delayed: BTreeMap<u32, &'a JobPod<'p, P>>,
    /// Indexes that have succeeded, those not told yet included.
    pub(super) done: Indexes,
    suspension_changed: bool,
    pub(super) out: JobOutcome<P>,
}

impl<'a, 'p, P: Copy + Ord> Sync<'a, 'p, P> {
    fn new(
        job: &'a Job<P>,
        pods: &'a [JobPod<'p, P>],
        memory: &JobMemory,
        (release, satisfied): (Release, bool),
        now: SimTime,
    ) -> Self {
        let active: Vec<_> = pods.iter().filter(|pod| pod.is_active()).collect();
        let mut status = job.status.clone();
        if !job.spec.suspend {
            status.started = status.started.or(Some(now.floor_to_second()));
        }
        let mut sync = Self {
            job,
            pods,
            release,
            satisfied,
            now,
            ready: count(active.iter().filter(|pod| pod.ready)),
            active,
            listed: {
                let Uncounted { succeeded, failed } = &job.status.uncounted;
                (succeeded.iter().copied().collect(), failed.iter().copied().collect())
            },
            terminating: count(pods.iter().filter(|pod| pod.is_terminating())),
            succeeded: 0,
            failed: 0,
            record: memory.backoff,
            finished: None,
            failed_indexes: None,
            delayed: BTreeMap::new(),
            done: status.completed_indexes.clone(),
            status,
            suspension_changed: false,
            out: JobOutcome::default(),
        };
        sync.count_ended(memory);
        sync
    }

    pub(super) fn spec(&self) -> &'a JobSpec {
        &self.job.spec
    }

    /// Completions of an Indexed Job.
    pub(super) fn completions(&self) -> Option<u32> {
        self.spec().completions.filter(|_| self.spec().indexed)
    }

    /// Whether the pod has an index, if it needs one.
    pub(super) fn has_place(&self, pod: &JobPod<'_, P>) -> bool {
        self.completions().is_none_or(|all| pod.index.is_some_and(|index| index < all))
    }

    pub(super) fn has_failed(&self, pod: &JobPod<'_, P>) -> bool {
        pod.has_failed(self.spec().replacement)
    }

    /// Whether its failure counts against `backoffLimit`.
    pub(super) fn counts(&self, pod: &JobPod<'_, P>) -> bool {
        let policy = self.spec().failure_policy.as_deref();
        policy.and_then(|rules| policy_match(rules, pod.facts)).is_none_or(|met| met.counts())
    }

    /// Pods that have ended and are in no counter yet, and what they do to the back-off.
    fn count_ended(&mut self, memory: &JobMemory) {
        let listed = &self.listed;
        let new = |pod: &&JobPod<'_, P>| pod.tracked && self.has_place(pod);
        let succeeded = self
            .pods
            .iter()
            .filter(new)
            .filter(|pod| pod.phase == Phase::Succeeded && !listed.0.contains(&pod.id));
        let failed = self.pods.iter().filter(new);
        let failed: Vec<_> =
            failed.filter(|pod| self.has_failed(pod) && !listed.1.contains(&pod.id)).collect();
        let times = |pods: &[&JobPod<'_, P>]| -> Vec<SimTime> {
            pods.iter().map(|pod| pod.finished_at).collect()
        };
        let succeeded: Vec<_> = succeeded.collect();
        self.record = memory.backoff.after(&times(&succeeded), &times(&failed));
        self.succeeded = self.status.succeeded + count(succeeded.iter()) + count(listed.0.iter());
        self.failed = self.status.failed
            + count(failed.iter().filter(|pod| self.counts(pod)))
            + count(listed.1.iter());
    }

    fn condition(&self, kind: ConditionKind, reason: Reason<P>) -> Condition<P> {
        // The API keeps whole seconds.
        Condition { kind, is_true: true, reason, since: self.now.floor_to_second() }
    }

    fn fail(&mut self, reason: Reason<P>) {
        let kind = match self.release {
            Release::V1_29 => ConditionKind::Failed,
            Release::V1_34 => ConditionKind::FailureTarget,
        };
        self.finished = Some(self.condition(kind, reason));
    }

    fn look_again(&mut self, after: SimDuration) {
        let known = self.out.again_after;
        self.out.again_after = Some(known.map_or(after, |known| known.min(after)));
    }

    /// What was decided before holds; else the failure policy, `backoffLimit` and the deadline.
    fn judge_failure(&mut self) {
        self.finished = self.status.holds(ConditionKind::SuccessCriteriaMet).copied();
        if self.finished.is_none() {
            if let Some(target) = self.status.holds(ConditionKind::FailureTarget) {
                self.finished = Some(self.condition(ConditionKind::Failed, target.reason));
            } else if let Some(reason) = self.failing_pod() {
                self.finished = Some(self.condition(ConditionKind::FailureTarget, reason));
            }
        }
        if self.finished.is_some() {
            return;
        }
        let spec = self.spec();
        if self.failed > spec.backoff_limit || self.restarted_too_often() {
            return self.fail(Reason::BackoffLimitExceeded);
        }
        let deadline = spec.active_deadline.filter(|_| !spec.suspend);
        if let (Some(deadline), Some(started)) = (deadline, self.status.started) {
            let left = deadline.saturating_sub(self.now.saturating_since(started));
            if left.is_zero() {
                self.fail(Reason::DeadlineExceeded);
            } else {
                self.look_again(left);
            }
        }
    }

    /// A pod for which a rule fails the Job.
    fn failing_pod(&self) -> Option<Reason<P>> {
        let rules = self.spec().failure_policy.as_deref()?;
        self.pods.iter().filter(|pod| self.has_failed(pod)).find_map(|pod| {
            let met = policy_match(rules, pod.facts)?;
            (met.action == Action::FailJob).then_some(Reason::PodFailurePolicy(pod.id, met))
        })
    }

    /// With restartPolicy OnFailure restarts count as failures do.
    fn restarted_too_often(&self) -> bool {
        if !self.spec().restart_on_failure {
            return false;
        }
        let running = self.pods.iter().filter(|pod| !pod.phase.is_terminal());
        let restarts = running.fold(0, |sum: u32, pod| sum.saturating_add(pod.restarts));
        restarts >= self.spec().backoff_limit.max(1)
    }

    /// Which indexes have succeeded or failed, and what follows from it.
    fn judge_indexes(&mut self) {
        let Some(completions) = self.completions() else { return };
        let ended = self.pods.iter().filter(|pod| pod.tracked && self.has_place(pod));
        let succeeded = ended.filter(|pod| pod.phase == Phase::Succeeded);
        let succeeded: Indexes = succeeded.filter_map(|pod| pod.index).collect();
        self.done = self.done.below(completions);
        self.done.extend(&succeeded);
        self.succeeded = self.done.len();
        if let Some(limit) = self.spec().backoff_limit_per_index {
            let failed = self.all_failed_indexes(limit);
            let failures = failed.len();
            self.failed_indexes = Some(failed);
            if self.finished.is_none() {
                if self.spec().max_failed_indexes.is_some_and(|most| failures > most) {
                    self.fail(Reason::MaxFailedIndexesExceeded);
                } else if failures > 0 && failures + self.succeeded >= completions {
                    self.fail(Reason::FailedIndexes);
                }
            }
            self.find_delayed();
        }
        if self.finished.is_none() {
            let rules = self.spec().success_policy.as_deref().unwrap_or_default();
            if let Some(at) = rules.iter().position(|rule| met(rule, &self.done)) {
                let kind = ConditionKind::SuccessCriteriaMet;
                self.finished = Some(self.condition(kind, Reason::SuccessPolicy(at)));
            }
        }
    }

    /// Indexes that failed for good: more failures than allowed, or by a rule.
    fn all_failed_indexes(&self, limit: u32) -> Indexes {
        let mut failed = self.status.failed_indexes.clone().unwrap_or_default();
        failed = failed.below(self.completions().unwrap_or_default());
        let ended = self.pods.iter().filter(|pod| pod.tracked && self.has_place(pod));
        let for_good = ended.filter(|pod| {
            let rules = self.spec().failure_policy.as_deref().unwrap_or_default();
            let met = policy_match(rules, pod.facts);
            let by_rule = met.is_some_and(|met| met.action == Action::FailIndex);
            self.has_failed(pod) && (by_rule || (self.counts(pod) && pod.failures >= limit))
        });
        failed.extend(&for_good.filter_map(|pod| pod.index).collect());
        failed
    }

    /// Failed pods that stay until their index has a new one.
    fn find_delayed(&mut self) {
        let mut settled = self.done.clone();
        settled.extend(&self.active_indexes());
        self.failed_indexes.iter().for_each(|failed| settled.extend(failed));
        let ended = self.pods.iter().filter(|pod| pod.tracked && self.has_place(pod));
        let ended: Vec<_> = ended.filter(|pod| self.has_failed(pod)).collect();
        for pod in ended {
            let Some(index) = pod.index else { continue };
            if settled.has(index) {
                continue;
            }
            let kept = self.delayed.entry(index).or_insert(pod);
            if kept.all_failures() <= pod.all_failures() && kept.finished_at <= pod.finished_at {
                *kept = pod;
            }
        }
    }

    fn active_indexes(&self) -> Indexes {
        self.active.iter().filter_map(|pod| pod.index).collect()
    }

    /// It is over: all active pods are deleted. They keep their finalizers, so that they count.
    fn end(&mut self) -> u32 {
        let deletions =
            self.active.iter().map(|pod| Deletion { pod: pod.id, release_first: false });
        self.out.delete = deletions.collect();
        if !self.satisfied {
            // There may be pods that have not been seen.
            self.finished = None;
        }
        self.note_deleted(count(self.active.iter()), self.ready);
        0
    }

    fn note_deleted(&mut self, deleted: u32, ready: u32) {
        match self.release {
            // The counts are as before the deletions.
            Release::V1_29 => {}
            Release::V1_34 => {
                self.terminating += deleted;
                self.ready -= ready;
            }
        }
    }

    /// It is not over: pods are created or deleted, and it may turn out complete.
    fn go_on(&mut self) -> u32 {
        let manage = self.satisfied && !self.job.deleted;
        let active = if manage { self.manage() } else { count(self.active.iter()) };
        let complete = active == 0
            && self.spec().completions.map_or(self.succeeded > 0, |all| self.succeeded >= all);
        if complete {
            let (kind, reason) = match self.release {
                Release::V1_29 => (ConditionKind::Complete, Reason::None),
                Release::V1_34 => (ConditionKind::SuccessCriteriaMet, Reason::CompletionsReached),
            };
            self.finished = Some(self.condition(kind, reason));
        } else if manage {
            self.tell_suspension();
        }
        active
    }

    fn tell_suspension(&mut self) {
        let suspend = self.spec().suspend;
        let reason = if suspend { Reason::JobSuspended } else { Reason::JobResumed };
        let told = self.condition(ConditionKind::Suspended, reason);
        self.suspension_changed = self.status.set(Condition { is_true: suspend, ..told });
        if self.suspension_changed {
            let event = if suspend { JobEvent::Suspended } else { JobEvent::Resumed };
            self.out.events.push(event);
            if !suspend {
                // The deadline begins anew.
                self.status.started = Some(told.since);
            }
        }
    }

    /// Creates or deletes pods; gives the number of active ones afterwards.
    fn manage(&mut self) -> u32 {
        let active = count(self.active.iter());
        if self.spec().suspend {
            return active - self.remove(active);
        }
        let wanted = match self.spec().completions {
            None if self.succeeded > 0 => active,
            None => self.spec().parallelism,
            Some(all) => all.saturating_sub(self.succeeded).min(self.spec().parallelism),
        };
        let removed = self.remove(active.saturating_sub(wanted));
        if removed > 0 {
            return active - removed;
        }
        let terminating = match self.spec().replacement {
            PodReplacement::Failed => self.terminating,
            PodReplacement::TerminatingOrFailed => 0,
        };
        let missing = wanted.saturating_sub(terminating).saturating_sub(active);
        if missing == 0 {
            return active;
        }
        match self.add(missing) {
            Ok(added) => active + added,
            Err(wait) => {
                self.look_again(wait);
                match self.release {
                    Release::V1_29 => 0,
                    // Fidelity: as repaired in a patch release; 1.34.1 tells 0 here as well, and
                    // the API server refuses such a status while pods are ready.
                    Release::V1_34 => active,
                }
            }
        }
    }

    /// Deletes at least so many active pods; their finalizers go first, so that they do not count.
    fn remove(&mut self, at_least: u32) -> u32 {
        let at_least = usize::try_from(at_least).expect("a count of pods");
        let mut gone = to_remove(&self.active, at_least, self.completions());
        if !self.spec().suspend {
            gone.truncate(MOST_PER_SYNC);
        }
        let gone: Vec<_> = gone.into_iter().map(|at| self.active[at]).collect();
        self.out
            .delete
            .extend(gone.iter().map(|pod| Deletion { pod: pod.id, release_first: pod.tracked }));
        let ready = count(gone.iter().filter(|pod| pod.ready));
        self.note_deleted(count(gone.iter()), ready);
        count(gone.iter())
    }

    /// Creates so many pods, or says how long none may be created.
    fn add(&mut self, missing: u32) -> Result<u32, SimDuration> {
        let per_index = self.spec().backoff_limit_per_index.is_some();
        if !per_index {
            let left = self.record.left(self.now);
            if !left.is_zero() {
                return Err(left);
            }
        }
        let missing = usize::try_from(missing).expect("a count of pods").min(MOST_PER_SYNC);
        let new: Vec<NewPod> = match self.completions() {
            None => vec![NewPod { index: None, failures: None, ignored_failures: 0 }; missing],
            Some(completions) => {
                let mut indexes = self.pending_indexes(missing, completions);
                if per_index {
                    indexes = self.past_backoff(indexes)?;
                }
                indexes.into_iter().map(|index| self.replacement(index, per_index)).collect()
            }
        };
        let added = count(new.iter());
        self.out.create.extend(new);
        Ok(added)
    }

    /// The lowest indexes that need a pod.
    fn pending_indexes(&self, most: usize, completions: u32) -> Vec<u32> {
        let mut taken = self.done.clone();
        taken.extend(&self.active_indexes());
        if self.spec().replacement == PodReplacement::Failed {
            let terminating = self.pods.iter().filter(|pod| pod.is_terminating());
            taken.extend(&terminating.filter_map(|pod| pod.index).collect());
        }
        if let Some(failed) = &self.failed_indexes {
            taken.extend(failed);
        }
        taken.lowest_absent(most, completions)
    }

    /// Those whose own back-off is over, or the time until the first is.
    fn past_backoff(&self, indexes: Vec<u32>) -> Result<Vec<u32>, SimDuration> {
        let left = |index: &u32| {
            self.delayed.get(index).map_or(SimDuration::ZERO, |last| {
                let failures = last.all_failures().saturating_add(1);
                backoff_left(failures, Some(last.finished_at), self.now)
            })
        };
        let first = indexes.iter().map(left).min();
        let now: Vec<u32> = indexes.into_iter().filter(|index| left(index).is_zero()).collect();
        match first {
            Some(wait) if now.is_empty() => Err(wait),
            _ => Ok(now),
        }
    }

    /// A pod for an index, and which failures it inherits.
    fn replacement(&self, index: u32, per_index: bool) -> NewPod {
        let (mut failures, mut ignored) = (0, 0);
        if let Some(last) = self.delayed.get(&index) {
            (failures, ignored) = (last.failures, last.ignored_failures);
            let which = if self.counts(last) { &mut failures } else { &mut ignored };
            *which = which.saturating_add(1);
        }
        let failures = per_index.then_some(failures);
        NewPod { index: Some(index), failures, ignored_failures: ignored }
    }
}

/// Whether a rule of `successPolicy` is met.
fn met(rule: &SuccessRule, done: &Indexes) -> bool {
    if done.is_empty() {
        return false;
    }
    match (&rule.indexes, rule.count) {
        (None, None) => false,
        (None, Some(count)) => done.len() >= count,
        (Some(indexes), None) => done.common(indexes) >= indexes.len(),
        (Some(indexes), Some(count)) => done.common(indexes) >= count,
    }
}

pub(super) fn count<T>(items: impl Iterator<Item = T>) -> u32 {
    u32::try_from(items.count()).expect("a count of pods")
}
