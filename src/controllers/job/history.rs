//! A Job's controller alone with its pods: an API server that only stores, pods whose fate is
//! given. What the Job's status shows is told second by second. For recorded histories.

use super::failure_policy::{Exit, PodFacts};
use super::object::{Job, JobSpec, JobStatus, Release};
use super::pods::JobPod;
use super::sync::{JobMemory, JobOutcome, NewPod, sync};
use crate::base::map::Symbol;
use crate::base::time::{SimDuration, SimTime};
use crate::state::{ConditionStatus, Phase};

/// Syncs in each second at most.
const SYNCS: usize = 4;

/// A pod that is deleted ends this much later, with this code.
const GRACE: u64 = 2;
const KILLED: i32 = 143;

/// How a pod would end by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fate {
    /// Seconds after its creation.
    pub after_s: u64,
    /// With this code of its only container.
    pub code: i32,
    /// With condition `DisruptionTarget`.
    pub disrupted: bool,
}

/// The fates of pods, used in turn.
#[derive(Clone, Debug)]
pub enum Fates {
    /// In the order of creation.
    InOrder(Vec<Fate>),
    /// For each index in the order of creation.
    PerIndex(Vec<Vec<Fate>>),
}

/// What is done to a Job, in seconds from its creation.
#[derive(Clone, Debug)]
pub struct JobHistory {
    /// The Job.
    pub spec: JobSpec,
    /// Whose controller.
    pub release: Release,
    /// When `suspend` is set to what.
    pub suspend: Vec<(u64, bool)>,
    /// How pods end.
    pub fates: Fates,
    /// The name of the only container.
    pub container: Symbol,
    /// The type `DisruptionTarget`.
    pub disruption_target: Symbol,
    /// How long it is observed at most.
    pub limit_s: u64,
}

/// A pod that was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodCreated {
    /// When, in seconds.
    pub t: u64,
    /// What for.
    pub pod: NewPod,
}

/// The status at the end of a second in which it changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Second {
    /// Which.
    pub t: u64,
    /// The status.
    pub status: JobStatus<usize>,
}

/// What an observer sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobSeen {
    /// Pods in the order of their creation.
    pub pods: Vec<PodCreated>,
    /// Statuses.
    pub seconds: Vec<Second>,
}

/// A pod.
struct Pod {
    created: PodCreated,
    fate: Fate,
    phase: Phase,
    ready: bool,
    deleted_at: Option<u64>,
    tracked: bool,
    ended_at: u64,
    exits: Vec<Exit>,
    conditions: Vec<(Symbol, ConditionStatus)>,
    gone: bool,
}

struct Run<'a> {
    history: &'a JobHistory,
    job: Job<usize>,
    memory: JobMemory,
    pods: Vec<Pod>,
}

impl JobHistory {
    /// Runs it.
    #[must_use]
    pub fn run(&self) -> JobSeen {
        let job = Job { spec: self.spec.clone(), status: JobStatus::default(), deleted: false };
        let mut run = Run { history: self, job, memory: JobMemory::default(), pods: Vec::new() };
        let mut seconds: Vec<Second> = Vec::new();
        for t in 0..=self.limit_s {
            if let Some((_, suspend)) = self.suspend.iter().find(|(at, _)| *at == t) {
                run.job.spec.suspend = *suspend;
            }
            run.pods.iter_mut().for_each(|pod| pod.proceed(t, self));
            for _ in 0..SYNCS {
                run.sync(t);
            }
            let status = run.job.status.clone();
            let last = seconds.last();
            if last.is_none_or(|last| !last.status.looks_like(&status)) {
                seconds.push(Second { t, status });
            }
            let over = run.job.status.ending().is_some();
            let live = |pod: &Pod| !pod.gone && !pod.phase.is_terminal();
            if over && !run.pods.iter().any(live) {
                break;
            }
        }
        JobSeen { pods: run.pods.iter().map(|pod| pod.created).collect(), seconds }
    }
}

impl JobStatus<usize> {
    /// Whether an observer of counters, indexes and conditions sees the same.
    fn looks_like(&self, other: &Self) -> bool {
        let told = |status: &Self| -> Vec<_> {
            status.conditions.iter().map(|of| (of.kind, of.is_true, of.reason)).collect()
        };
        let numbers = |status: &Self| {
            let Self { active, ready, terminating, succeeded, failed, .. } = *status;
            (active, ready, terminating, succeeded, failed)
        };
        numbers(self) == numbers(other)
            && self.completed_indexes == other.completed_indexes
            && self.failed_indexes == other.failed_indexes
            && told(self) == told(other)
    }
}

impl Pod {
    /// What happens to it in a second: it runs from the one after its creation on.
    fn proceed(&mut self, t: u64, history: &JobHistory) {
        if self.phase.is_terminal() {
            return;
        }
        let ends = self.created.t + self.fate.after_s;
        if self.deleted_at.is_some_and(|at| t >= at + GRACE) {
            self.end(t, history.container, KILLED);
        } else if self.deleted_at.is_none() && t >= ends {
            if self.fate.disrupted {
                self.conditions.push((history.disruption_target, ConditionStatus::True));
            }
            self.end(t, history.container, self.fate.code);
        } else if t > self.created.t {
            self.phase = Phase::Running;
            self.ready = true;
        }
        self.settle();
    }

    fn end(&mut self, t: u64, container: Symbol, code: i32) {
        self.phase = if code == 0 { Phase::Succeeded } else { Phase::Failed };
        self.ready = false;
        self.ended_at = t;
        self.exits.push(Exit { container, code });
    }

    /// One that has ended, is deleted and has no finalizer is gone.
    fn settle(&mut self) {
        self.gone |= self.phase.is_terminal() && self.deleted_at.is_some() && !self.tracked;
    }

    fn view(&self, id: usize) -> JobPod<'_, usize> {
        let NewPod { index, failures, ignored_failures } = self.created.pod;
        JobPod {
            id,
            phase: self.phase,
            deleted: self.deleted_at.is_some(),
            tracked: self.tracked,
            ready: self.ready,
            index,
            failures: failures.unwrap_or_default(),
            ignored_failures,
            finished_at: if self.phase.is_terminal() {
                SimTime::from_secs(self.ended_at)
            } else {
                SimTime::from_secs(self.deleted_at.unwrap_or(self.created.t))
            },
            restarts: 0,
            assigned: self.phase != Phase::Pending,
            ready_since: SimTime::from_secs(self.created.t + 1),
            most_restarts: 0,
            created: SimTime::from_secs(self.created.t),
            facts: PodFacts { exits: &self.exits, conditions: &self.conditions },
        }
    }
}

impl Run<'_> {
    fn sync(&mut self, t: u64) {
        let pods: Vec<JobPod<'_, usize>> = self
            .pods
            .iter()
            .enumerate()
            .filter(|(_, pod)| !pod.gone)
            .map(|(id, pod)| pod.view(id))
            .collect();
        let how = (self.history.release, true);
        let now = SimTime::ZERO + SimDuration::from_secs(t);
        let out = sync(&self.job, &pods, &mut self.memory, how, now);
        let JobOutcome { delete, create, first_status, release, status, .. } = out;
        if let Some(status) = status.or(first_status) {
            self.job.status = status;
        }
        for deletion in delete {
            let pod = &mut self.pods[deletion.pod];
            pod.deleted_at = Some(t);
            pod.tracked &= !deletion.release_first;
        }
        for id in release {
            self.pods[id].tracked = false;
        }
        self.pods.iter_mut().for_each(Pod::settle);
        for new in create {
            let fate = self.fate(new);
            self.pods.push(Pod {
                created: PodCreated { t, pod: new },
                fate,
                phase: Phase::Pending,
                ready: false,
                deleted_at: None,
                tracked: true,
                ended_at: t,
                exits: Vec::new(),
                conditions: Vec::new(),
                gone: false,
            });
        }
    }

    /// The fate of the next pod.
    fn fate(&self, new: NewPod) -> Fate {
        match &self.history.fates {
            Fates::InOrder(fates) => fates[self.pods.len() % fates.len()],
            Fates::PerIndex(fates) => {
                let index = new.index.expect("pods of an Indexed Job have an index");
                let before = self.pods.iter().filter(|pod| pod.created.pod.index == new.index);
                let fates = &fates[usize::try_from(index).expect("an index of a list")];
                fates[before.count() % fates.len()]
            }
        }
    }
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
