//! What the specifications of Jobs and CronJobs say besides their pod template.

use super::{ConditionStatus, Indexes};
use crate::base::map::Symbol;
use crate::base::time::SimDuration;

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
    pub failure_policy: Option<Vec<PodFailureRule>>,
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

/// What a rule does with a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodFailureAction {
    /// The Job fails.
    FailJob,
    /// The pod's index fails.
    FailIndex,
    /// The failure does not count against limits.
    Ignore,
    /// It counts.
    Count,
}

impl PodFailureAction {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::FailJob, Self::FailIndex, Self::Ignore, Self::Count];

    /// Kubernetes' word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FailJob => "FailJob",
            Self::FailIndex => "FailIndex",
            Self::Ignore => "Ignore",
            Self::Count => "Count",
        }
    }
}

/// Which pods a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PodFailureOn {
    /// A container ended with a code other than 0 that is in the list, or is not.
    ExitCodes {
        /// Only this container.
        container: Option<Symbol>,
        /// Operator `NotIn`, not `In`.
        not_in: bool,
        /// The list.
        values: Vec<i32>,
    },
    /// The pod has one of these conditions.
    Conditions(Vec<(Symbol, ConditionStatus)>),
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodFailureRule {
    /// Whom it is about.
    pub on: PodFailureOn,
    /// What it does.
    pub action: PodFailureAction,
}

/// What happens to a scheduled time of a CronJob while an earlier Job is active.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Concurrency {
    /// Both run.
    #[default]
    Allow,
    /// It waits, and is forgotten once the next one is due.
    Forbid,
    /// The earlier Job is deleted.
    Replace,
}

impl Concurrency {
    /// The one of that name in Kubernetes.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "Allow" => Some(Self::Allow),
            "Forbid" => Some(Self::Forbid),
            "Replace" => Some(Self::Replace),
            _ => None,
        }
    }
}

/// A CronJob as a user wrote it, defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CronSpec {
    /// `schedule`.
    pub schedule: String,
    /// `timeZone`.
    pub time_zone: Option<String>,
    /// `startingDeadlineSeconds`.
    pub starting_deadline_s: Option<i64>,
    /// `concurrencyPolicy`.
    pub concurrency: Concurrency,
    /// `suspend`.
    pub suspend: bool,
    /// `successfulJobsHistoryLimit`.
    pub successful_limit: usize,
    /// `failedJobsHistoryLimit`.
    pub failed_limit: usize,
    /// Its Jobs.
    pub job: JobSpec,
}
