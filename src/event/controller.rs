//! Events inside kube-controller-manager.

use crate::model::{NodeId, PodId, ZoneId};

/// The work queues of the controllers; a key is an id of the queue's kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum WorkQueue {
    /// Deployment controller; keys are `WorkloadId`s.
    Deployment = 0,
    /// ReplicaSet controller; keys are `ReplicaSetId`s.
    ReplicaSet = 1,
    /// EndpointSlice controller; keys are `ServiceId`s.
    EndpointSlice = 2,
    /// Disruption controller; keys are `BudgetId`s.
    Disruption = 3,
    /// StatefulSet controller; keys are `WorkloadId`s.
    StatefulSet = 4,
    /// DaemonSet controller; keys are `WorkloadId`s.
    DaemonSet = 5,
    /// Job controller; keys are `JobId`s.
    Job = 6,
    /// CronJob controller; keys are `WorkloadId`s.
    CronJob = 7,
}

impl WorkQueue {
    /// Number of work queues.
    pub const COUNT: usize = 8;

    /// Position in tables.
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }
}

/// What happens in kube-controller-manager. `epoch` is the process epoch: events of a dead process
/// are stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControllerEvent {
    /// A new leader has listed everything and starts its controllers.
    Lead {
        /// Process epoch.
        epoch: u32,
    },
    /// A worker takes a key from a work queue.
    Sync {
        /// Which queue.
        queue: WorkQueue,
        /// Object id.
        key: u32,
        /// Process epoch.
        epoch: u32,
    },
    /// The node's kubelet began or ceased to send heartbeats.
    Heartbeat {
        /// The node.
        node: NodeId,
    },
    /// A pass of the node monitor at which this node's verdict can change.
    Monitor {
        /// The node.
        node: NodeId,
        /// The node's monitor epoch; a later plan makes this one stale.
        epoch: u32,
    },
    /// The rate-limited NoExecute taint queue of a zone may release its head.
    TaintQueue {
        /// The zone.
        zone: ZoneId,
        /// The queue's epoch.
        epoch: u32,
    },
    /// A toleration has run out: the pod is to be evicted.
    Evict {
        /// The pod.
        pod: PodId,
        /// The timer's epoch.
        epoch: u32,
    },
    /// A pass of the pod garbage collector at which something is due.
    PodGc {
        /// Process epoch.
        epoch: u32,
    },
}

impl ControllerEvent {
    pub(super) fn tag(self) -> u64 {
        match self {
            Self::Lead { .. } => 0,
            Self::Sync { queue, .. } => 1 | (queue as u64) << 8,
            Self::Heartbeat { .. } => 2,
            Self::Monitor { .. } => 3,
            Self::TaintQueue { .. } => 4,
            Self::Evict { .. } => 5,
            Self::PodGc { .. } => 6,
        }
    }

    pub(super) fn word(self) -> u64 {
        let (id, epoch) = match self {
            Self::Lead { epoch } | Self::PodGc { epoch } => (0, epoch),
            Self::Sync { key, epoch, .. } => (key, epoch),
            Self::Heartbeat { node } => (node.raw(), 0),
            Self::Monitor { node, epoch } => (node.raw(), epoch),
            Self::TaintQueue { zone, epoch } => (zone.raw(), epoch),
            Self::Evict { pod, epoch } => (pod.raw(), epoch),
        };
        u64::from(id) << 32 | u64::from(epoch)
    }
}
