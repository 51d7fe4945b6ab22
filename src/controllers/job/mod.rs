//! Jobs: how many pods run, which failures count, when a Job is complete or failed, and what one
//! sync of the controller does.
//!
//! Pure: a Job, its pods and a time in; deletions, creations, finalizers to remove, statuses,
//! events and the next time to look out (kubernetes-behaviour §3.5). It knows no cluster, no client
//! and no queue. [`JobHistory`] is a small stand-in for them, for recorded histories.

mod backoff;
mod controller;
mod failure_policy;
mod finish;
mod history;
mod object;
mod pods;
mod sync;
mod track;

#[cfg(test)]
mod tests;

pub use crate::model::Indexes;
pub use backoff::{BackoffRecord, backoff_left};
pub(super) use controller::JobController;
pub use failure_policy::{Action, Because, Exit, Match, On, PodFacts, Rule, policy_match};
pub use finish::{POD_BATCH, RETRY, expires_at};
pub use history::{Fate, Fates, JobHistory, JobSeen, PodCreated, Second};
pub use object::{
    Condition, ConditionKind, Job, JobSpec, JobStatus, PodReplacement, Reason, Release,
    SuccessRule, Uncounted,
};
pub use pods::{EndFacts, JobPod, finished_at};
pub use sync::{Deletion, JobEvent, JobMemory, JobOutcome, NewPod, sync};
