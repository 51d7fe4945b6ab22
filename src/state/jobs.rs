//! Jobs as the API server stores them: status and conditions. `P` names pods.

use crate::base::map::Symbol;
use crate::base::time::SimTime;
use crate::model::{Indexes, PodFailureAction, PodId, WorkloadId};

/// A Job object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobObject {
    /// The Job, or the CronJob whose run it is.
    pub workload: WorkloadId,
    /// The run of a CronJob: minutes since the Unix epoch of its scheduled time; 0 for none.
    pub run: u32,
    /// `spec.suspend`.
    pub suspend: bool,
    /// Status.
    pub status: JobStatus<PodId>,
    /// `creationTimestamp`.
    pub created: SimTime,
    /// The object no longer exists.
    pub gone: bool,
}

/// Conditions of a Job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobConditionKind {
    /// `Suspended`.
    Suspended,
    /// `FailureTarget`.
    FailureTarget,
    /// `SuccessCriteriaMet`.
    SuccessCriteriaMet,
    /// `Complete`.
    Complete,
    /// `Failed`.
    Failed,
}

impl JobConditionKind {
    /// Kubernetes' word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Suspended => "Suspended",
            Self::FailureTarget => "FailureTarget",
            Self::SuccessCriteriaMet => "SuccessCriteriaMet",
            Self::Complete => "Complete",
            Self::Failed => "Failed",
        }
    }
}

/// Why a condition is so. `P` names pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobReason<P> {
    /// No reason is given.
    None,
    /// `suspend` is set.
    JobSuspended,
    /// It is no longer.
    JobResumed,
    /// A pod met a rule with action `FailJob`.
    PodFailurePolicy(P, PolicyMatch),
    /// More failures than `backoffLimit`.
    BackoffLimitExceeded,
    /// `activeDeadlineSeconds` have passed.
    DeadlineExceeded,
    /// More failed indexes than allowed.
    MaxFailedIndexesExceeded,
    /// All indexes have ended, some failed.
    FailedIndexes,
    /// The rule of that place in `successPolicy` is met.
    SuccessPolicy(usize),
    /// `completions` are reached.
    CompletionsReached,
}

impl<P> JobReason<P> {
    /// Kubernetes' word, empty for none.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::None => "",
            Self::JobSuspended => "JobSuspended",
            Self::JobResumed => "JobResumed",
            Self::PodFailurePolicy(..) => "PodFailurePolicy",
            Self::BackoffLimitExceeded => "BackoffLimitExceeded",
            Self::DeadlineExceeded => "DeadlineExceeded",
            Self::MaxFailedIndexesExceeded => "MaxFailedIndexesExceeded",
            Self::FailedIndexes => "FailedIndexes",
            Self::SuccessPolicy(_) => "SuccessPolicy",
            Self::CompletionsReached => "CompletionsReached",
        }
    }

    /// Kubernetes' message. `pod` gives a pod's `namespace/name`, `name` what a [`PolicyMatch`] names.
    #[must_use]
    pub fn message(
        &self,
        pod: impl FnOnce(&P) -> String,
        name: impl FnOnce(Symbol) -> String,
    ) -> String {
        let fixed = match self {
            Self::None => "",
            Self::JobSuspended => "Job suspended",
            Self::JobResumed => "Job resumed",
            Self::PodFailurePolicy(id, found) => return found.message(&pod(id), name),
            Self::BackoffLimitExceeded => "Job has reached the specified backoff limit",
            Self::DeadlineExceeded => "Job was active longer than specified deadline",
            Self::MaxFailedIndexesExceeded => {
                "Job has exceeded the specified maximal number of failed indexes"
            }
            Self::FailedIndexes => "Job has failed indexes",
            Self::SuccessPolicy(rule) => return format!("Matched rules at index {rule}"),
            Self::CompletionsReached => "Reached expected number of succeeded pods",
        };
        fixed.to_owned()
    }
}

/// A condition of a Job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobCondition<P> {
    /// Which.
    pub kind: JobConditionKind,
    /// `True`, not `False`.
    pub is_true: bool,
    /// Why.
    pub reason: JobReason<P>,
    /// Since when.
    pub since: SimTime,
}

/// `uncountedTerminatedPods`: pods that have ended, whose finalizer is being removed, and that are
/// in no counter yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uncounted<P> {
    /// Those that succeeded.
    pub succeeded: Vec<P>,
    /// Those that failed.
    pub failed: Vec<P>,
}

impl<P> Uncounted<P> {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.succeeded.is_empty() && self.failed.is_empty()
    }
}

impl<P> Default for Uncounted<P> {
    fn default() -> Self {
        Self { succeeded: Vec::new(), failed: Vec::new() }
    }
}

/// `status` of a Job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobStatus<P> {
    /// `startTime`.
    pub started: Option<SimTime>,
    /// `completionTime`.
    pub completed: Option<SimTime>,
    /// `active`.
    pub active: u32,
    /// `ready`; absent before the first sync.
    pub ready: Option<u32>,
    /// `terminating`; absent before the first sync.
    pub terminating: Option<u32>,
    /// `succeeded`.
    pub succeeded: u32,
    /// `failed`.
    pub failed: u32,
    /// `completedIndexes`.
    pub completed_indexes: Indexes,
    /// `failedIndexes`; absent without `backoffLimitPerIndex`.
    pub failed_indexes: Option<Indexes>,
    /// `uncountedTerminatedPods`.
    pub uncounted: Uncounted<P>,
    /// `conditions`, in the order in which they appeared.
    pub conditions: Vec<JobCondition<P>>,
}

impl<P> Default for JobStatus<P> {
    fn default() -> Self {
        Self {
            started: None,
            completed: None,
            active: 0,
            ready: None,
            terminating: None,
            succeeded: 0,
            failed: 0,
            completed_indexes: Indexes::default(),
            failed_indexes: None,
            uncounted: Uncounted::default(),
            conditions: Vec::new(),
        }
    }
}

impl<P: Copy + PartialEq> JobStatus<P> {
    /// The condition of that kind, if it is true.
    #[must_use]
    pub fn holds(&self, kind: JobConditionKind) -> Option<&JobCondition<P>> {
        self.conditions.iter().find(|condition| condition.kind == kind && condition.is_true)
    }

    /// `Complete` or `Failed`, if the Job has ended.
    #[must_use]
    pub fn ending(&self) -> Option<&JobCondition<P>> {
        self.holds(JobConditionKind::Complete).or_else(|| self.holds(JobConditionKind::Failed))
    }

    /// Sets a condition, and tells whether that is a change. A condition that is absent does not
    /// become false.
    pub fn set(&mut self, condition: JobCondition<P>) -> bool {
        let known = self.conditions.iter_mut().find(|known| known.kind == condition.kind);
        match known {
            Some(known) => {
                let same = known.is_true == condition.is_true && known.reason == condition.reason;
                if !same {
                    *known = condition;
                }
                !same
            }
            None => {
                if condition.is_true {
                    self.conditions.push(condition);
                }
                condition.is_true
            }
        }
    }
}

/// A container that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Its name.
    pub container: Symbol,
    /// Its exit code.
    pub code: i32,
}

/// What of a pod met a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// A container's exit.
    Exit(Exit),
    /// A condition.
    Condition(Symbol),
}

/// A rule that a pod met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyMatch {
    /// The rule's place.
    pub rule: usize,
    /// What it does.
    pub action: PodFailureAction,
    /// What met it.
    pub because: Because,
}

impl PolicyMatch {
    /// Kubernetes' message about a pod, given as `namespace/name`.
    #[must_use]
    pub fn message(&self, pod: &str, name: impl FnOnce(Symbol) -> String) -> String {
        let (rule, action) = (self.rule, self.action.name());
        match self.because {
            Because::Exit(Exit { container, code }) => format!(
                "Container {} for pod {pod} failed with exit code {code} matching {action} rule \
                 at index {rule}",
                name(container)
            ),
            Because::Condition(of) => {
                format!(
                    "Pod {pod} has condition {} matching {action} rule at index {rule}",
                    name(of)
                )
            }
        }
    }

    /// The message of a rule that fails the Job, `None` of any other.
    #[must_use]
    pub fn failure(&self, pod: &str, name: impl FnOnce(Symbol) -> String) -> Option<String> {
        (self.action == PodFailureAction::FailJob).then(|| self.message(pod, name))
    }

    /// Whether the failure counts against `backoffLimit`.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.action != PodFailureAction::Ignore
    }
}
