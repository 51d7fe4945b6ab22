//! A Job as the API server stores it: spec, status and conditions.

use super::failure_policy::{Match, Rule};
use super::indexes::Indexes;
use crate::base::map::Symbol;
use crate::base::time::{SimDuration, SimTime};

/// The release of Kubernetes whose controller is meant, where releases differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Release {
    /// 1.29: a Job gets its last condition while its pods still terminate, and tells 0 active pods
    /// while it waits to replace a failed one.
    V1_29,
    /// 1.34: `FailureTarget` or `SuccessCriteriaMet` come first, the last condition only when no
    /// pod terminates.
    #[default]
    V1_34,
}

/// Which pods are replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PodReplacement {
    /// Terminating ones and failed ones.
    #[default]
    TerminatingOrFailed,
    /// Only those that have ended.
    Failed,
}

/// A rule of `successPolicy`. What is absent is not asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuccessRule {
    /// `succeededIndexes`.
    pub indexes: Option<Indexes>,
    /// `succeededCount`.
    pub count: Option<u32>,
}

/// A Job as a user wrote it, defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobSpec {
    /// `parallelism`.
    pub parallelism: u32,
    /// `completions`; an Indexed Job always has them.
    pub completions: Option<u32>,
    /// `completionMode: Indexed`.
    pub indexed: bool,
    /// `backoffLimit`.
    pub backoff_limit: u32,
    /// `backoffLimitPerIndex`.
    pub backoff_limit_per_index: Option<u32>,
    /// `maxFailedIndexes`.
    pub max_failed_indexes: Option<u32>,
    /// `activeDeadlineSeconds`.
    pub active_deadline: Option<SimDuration>,
    /// `suspend`.
    pub suspend: bool,
    /// The template's `restartPolicy` is `OnFailure`, not `Never`.
    pub restart_on_failure: bool,
    /// The rules of `podFailurePolicy`.
    pub failure_policy: Option<Vec<Rule>>,
    /// The rules of `successPolicy`.
    pub success_policy: Option<Vec<SuccessRule>>,
    /// `podReplacementPolicy`.
    pub replacement: PodReplacement,
    /// `ttlSecondsAfterFinished`.
    pub ttl_after_finished: Option<SimDuration>,
}

impl Default for JobSpec {
    fn default() -> Self {
        Self {
            parallelism: 1,
            completions: Some(1),
            indexed: false,
            backoff_limit: 6,
            backoff_limit_per_index: None,
            max_failed_indexes: None,
            active_deadline: None,
            suspend: false,
            restart_on_failure: false,
            failure_policy: None,
            success_policy: None,
            replacement: PodReplacement::TerminatingOrFailed,
            ttl_after_finished: None,
        }
    }
}

/// Conditions of a Job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionKind {
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

impl ConditionKind {
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
pub enum Reason<P> {
    /// No reason is given.
    None,
    /// `suspend` is set.
    JobSuspended,
    /// It is no longer.
    JobResumed,
    /// A pod met a rule with action `FailJob`.
    PodFailurePolicy(P, Match),
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

impl<P> Reason<P> {
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

    /// Kubernetes' message. `pod` gives a pod's `namespace/name`, `name` what a [`Match`] names.
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
pub struct Condition<P> {
    /// Which.
    pub kind: ConditionKind,
    /// `True`, not `False`.
    pub is_true: bool,
    /// Why.
    pub reason: Reason<P>,
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
    pub conditions: Vec<Condition<P>>,
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
    pub fn holds(&self, kind: ConditionKind) -> Option<&Condition<P>> {
        self.conditions.iter().find(|condition| condition.kind == kind && condition.is_true)
    }

    /// `Complete` or `Failed`, if the Job has ended.
    #[must_use]
    pub fn ending(&self) -> Option<&Condition<P>> {
        self.holds(ConditionKind::Complete).or_else(|| self.holds(ConditionKind::Failed))
    }

    /// Sets a condition, and tells whether that is a change. A condition that is absent does not
    /// become false.
    pub(super) fn set(&mut self, condition: Condition<P>) -> bool {
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

/// A Job as the controller's cache has it.
#[derive(Clone, Debug)]
pub struct Job<P> {
    /// What the user wants.
    pub spec: JobSpec,
    /// What the controller told last.
    pub status: JobStatus<P>,
    /// It is being deleted.
    pub deleted: bool,
}
