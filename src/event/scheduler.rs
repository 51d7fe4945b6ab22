//! Events inside kube-scheduler.

use crate::model::PodId;

/// What happens in kube-scheduler. `epoch` is the process epoch: events of a dead process are
/// stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchedulerEvent {
    /// A new leader has listed everything and starts scheduling.
    Lead {
        /// Process epoch.
        epoch: u32,
    },
    /// The scheduling loop is free and takes the next pod, if there is one.
    Cycle {
        /// Process epoch.
        epoch: u32,
    },
    /// backoffQ is flushed (whole seconds).
    FlushBackoff {
        /// Process epoch.
        epoch: u32,
    },
    /// Pods that were unschedulable for more than five minutes are moved (every 30 s).
    FlushUnschedulable {
        /// Process epoch.
        epoch: u32,
    },
    /// The API server answered a bind request.
    Bound {
        /// The pod.
        pod: PodId,
        /// Process epoch that asked.
        epoch: u32,
        /// Whether the binding was accepted.
        accepted: bool,
    },
    /// The API server has answered the deletion of a victim.
    Preempted {
        /// The pod it makes room for.
        preemptor: PodId,
        /// Process epoch that asked.
        epoch: u32,
    },
}

impl SchedulerEvent {
    pub(super) fn tag(self) -> u64 {
        match self {
            Self::Lead { .. } => 0,
            Self::Cycle { .. } => 1,
            Self::FlushBackoff { .. } => 2,
            Self::FlushUnschedulable { .. } => 3,
            Self::Bound { accepted, .. } => 4 | u64::from(accepted) << 8,
            Self::Preempted { .. } => 5,
        }
    }

    pub(super) fn word(self) -> u64 {
        match self {
            Self::Lead { epoch }
            | Self::Cycle { epoch }
            | Self::FlushBackoff { epoch }
            | Self::FlushUnschedulable { epoch } => u64::from(epoch),
            Self::Bound { pod, epoch, .. } | Self::Preempted { preemptor: pod, epoch } => {
                u64::from(pod.raw()) << 32 | u64::from(epoch)
            }
        }
    }
}
