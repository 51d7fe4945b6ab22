//! Events of the storm.

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
}

impl FaultEvent {
    pub(super) fn tag(self) -> u64 {
        match self {
            Self::Begin { .. } => 0,
            Self::End { .. } => 1,
            Self::Booted { .. } => 2,
        }
    }

    pub(super) fn word(self) -> u64 {
        let (id, count) = match self {
            Self::Begin { fault, occurrence } | Self::End { fault, occurrence } => {
                (fault.index(), occurrence)
            }
            Self::Booted { node, epoch } => (node.index(), epoch),
        };
        (id as u64) << 32 | u64::from(count)
    }
}
