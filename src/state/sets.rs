//! StatefulSets, DaemonSets, Jobs and CronJobs, as far as the simulation reads them back. Revisions
//! of pod templates are numbered within their workload, from 0.

use crate::model::TemplateId;

/// A StatefulSet object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatefulSetObject {
    /// `spec.replicas`.
    pub replicas: i32,
    /// The revision of `spec.template`.
    pub revision: u32,
    /// `spec.updateStrategy.rollingUpdate.partition`.
    pub partition: i32,
    /// Status.
    pub status: StatefulSetStatus,
}

/// The status of a StatefulSet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatefulSetStatus {
    /// `replicas`: pods that are there.
    pub replicas: i32,
    /// `readyReplicas`.
    pub ready: i32,
    /// `availableReplicas`.
    pub available: i32,
    /// `currentReplicas`: pods of the current revision.
    pub current: i32,
    /// `updatedReplicas`: pods of the update revision.
    pub updated: i32,
    /// `currentRevision`.
    pub current_revision: u32,
    /// `updateRevision`.
    pub update_revision: u32,
}

/// A DaemonSet object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DaemonSetObject {
    /// The template of its pods.
    pub template: TemplateId,
    /// The template whose rollout has completed.
    pub rolled_out: Option<TemplateId>,
    /// Status.
    pub status: DaemonSetStatus,
}

/// The status of a DaemonSet: numbers of nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DaemonSetStatus {
    /// `desiredNumberScheduled`: nodes that should run a pod.
    pub desired: i32,
    /// `currentNumberScheduled`: those of them that have one.
    pub current: i32,
    /// `numberMisscheduled`: nodes that have one and should not.
    pub misscheduled: i32,
    /// `numberReady`.
    pub ready: i32,
    /// `numberAvailable`.
    pub available: i32,
    /// `updatedNumberScheduled`.
    pub updated: i32,
}

/// A CronJob object. Times are whole Unix seconds; a run is named by the minutes since the Unix epoch
/// of the time that it was scheduled for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CronJobObject {
    /// `spec.suspend`.
    pub suspend: bool,
    /// `status.active`.
    pub active: Vec<u32>,
    /// `status.lastScheduleTime`.
    pub last_schedule: Option<i64>,
    /// `status.lastSuccessfulTime`.
    pub last_successful: Option<i64>,
}
