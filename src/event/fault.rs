//! Events of the storm.

use super::Watcher;
use crate::model::{FaultId, NodeId};

/// What the storm does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultEvent {
    /// A fault begins.
    Begin {
        /// Which.
        fault: FaultId,
        /// Its how-manieth occurrence, from 0.
        occurrence: u32,
    },
    /// A fault ends.
    End {
        /// Which.
        fault: FaultId,
        /// Which occurrence.
        occurrence: u32,
    },
    /// A node has booted: kubelet and runtime are up.
    Booted {
        /// The node.
        node: NodeId,
        /// Its power epoch; a later loss of power makes the event stale.
        epoch: u32,
    },
    /// A node's kubelet is connected to the API server again.
    Connected {
        /// The node.
        node: NodeId,
        /// Its link epoch.
        epoch: u32,
    },
    /// A node's kubelet tries to renew its lease after a break.
    Renewal {
        /// The node.
        node: NodeId,
        /// Its link epoch.
        epoch: u32,
    },
    /// etcd's members have elected a leader.
    EtcdLeader {
        /// The epoch of the API server.
        epoch: u32,
    },
    /// What nodes have to do is to be worked out.
    Load,
    /// A day begins in UTC.
    Day,
    /// A node has been short of CPU for as long as it bears.
    Overloaded {
        /// The node.
        node: NodeId,
        /// Which time.
        epoch: u32,
    },
    /// The cloud takes a node back.
    Reclaim {
        /// The node.
        node: NodeId,
    },
    /// A node that crashed because of that gets power again.
    Repaired {
        /// The node.
        node: NodeId,
    },
    /// A machine shuts down that nothing keeps from it any more.
    ShutDown {
        /// The node.
        node: NodeId,
        /// Its power epoch.
        epoch: u32,
    },
    /// A leader has tried in vain for its deadline to renew its lease.
    RenewDeadline {
        /// The component.
        component: Watcher,
        /// Which loss of writes it was.
        epoch: u32,
    },
    /// A failure that spreads over a failure domain reaches a node.
    Strike {
        /// The fault.
        fault: FaultId,
        /// The node.
        node: NodeId,
    },
    /// A node that such a failure struck is repaired.
    Repair {
        /// The fault.
        fault: FaultId,
        /// The node.
        node: NodeId,
    },
}

impl FaultEvent {
    pub(super) fn tag(self) -> u64 {
        match self {
            Self::Begin { .. } => 0,
            Self::End { .. } => 1,
            Self::Booted { .. } => 2,
            Self::Connected { .. } => 3,
            Self::Renewal { .. } => 4,
            Self::EtcdLeader { .. } => 5,
            Self::RenewDeadline { .. } => 6,
            Self::Load => 62,
            Self::Day => 63,
            Self::Overloaded { .. } => 64,
            Self::Repaired { .. } => 65,
            Self::Strike { .. } => 70,
            Self::Reclaim { .. } => 72,
            Self::ShutDown { .. } => 73,
            Self::Repair { .. } => 71,
        }
    }

    pub(super) fn word(self) -> u64 {
        let (id, count) = match self {
            Self::Begin { fault, occurrence } | Self::End { fault, occurrence } => {
                (fault.index(), occurrence)
            }
            Self::Booted { node, epoch }
            | Self::Connected { node, epoch }
            | Self::Renewal { node, epoch }
            | Self::ShutDown { node, epoch }
            | Self::Overloaded { node, epoch } => (node.index(), epoch),
            Self::Load | Self::Day => (0, 0),
            Self::Repaired { node } | Self::Reclaim { node } => (node.index(), 0),
            Self::EtcdLeader { epoch } => (0, epoch),
            Self::RenewDeadline { component, epoch } => (component.index(), epoch),
            Self::Strike { fault, node } | Self::Repair { fault, node } => {
                (fault.index(), node.raw())
            }
        };
        (id as u64) << 32 | u64::from(count)
    }
}
