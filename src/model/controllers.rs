//! What the specifications of StatefulSets, DaemonSets, Jobs and CronJobs say besides selector,
//! replicas and pod template.

use super::{CronSpec, IntOrPercent, JobSpec, TemplateId};

/// What only one kind of workload has.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum KindSpec {
    /// Nothing: a Deployment, a ReplicaSet, a single pod.
    #[default]
    Plain,
    /// `apps/v1` StatefulSet.
    StatefulSet(StatefulSetSpec),
    /// `apps/v1` DaemonSet.
    DaemonSet(DaemonSetUpdate),
    /// `batch/v1` Job.
    Job(Box<JobSpec>),
    /// `batch/v1` CronJob.
    CronJob(Box<CronSpec>),
}

/// What a StatefulSet has.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatefulSetSpec {
    /// `ordinals.start`.
    pub start: u32,
    /// `podManagementPolicy: Parallel`.
    pub parallel: bool,
    /// `updateStrategy.type: OnDelete`.
    pub on_delete: bool,
    /// `updateStrategy.rollingUpdate.partition`.
    pub partition: i32,
    /// By revision, the template of each ordinal from `start` on, where pods have claims of their
    /// own; one for all, where they have none.
    pub revisions: Vec<Vec<TemplateId>>,
}

impl StatefulSetSpec {
    /// The template of an ordinal's pods of a revision.
    ///
    /// # Panics
    /// If there is no such revision.
    #[must_use]
    pub fn template(&self, revision: u32, ordinal: u32) -> TemplateId {
        let row = &self.revisions[revision as usize];
        let at = ordinal.saturating_sub(self.start) as usize;
        row[at.min(row.len() - 1)]
    }
}

/// `updateStrategy` of a DaemonSet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DaemonSetUpdate {
    /// Node after node.
    RollingUpdate {
        /// Nodes that may have a second, newer pod.
        max_surge: IntOrPercent,
        /// Nodes whose pod may be unavailable.
        max_unavailable: IntOrPercent,
    },
    /// Only pods that somebody else deletes are replaced by newer ones.
    OnDelete,
}
