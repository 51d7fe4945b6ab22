//! A Job as its controller sees it.

pub use crate::base::release::Release;
pub use crate::model::{JobSpec, PodReplacement, SuccessRule};
pub use crate::state::{
    JobCondition as Condition, JobConditionKind as ConditionKind, JobReason as Reason, JobStatus,
    Uncounted,
};

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
