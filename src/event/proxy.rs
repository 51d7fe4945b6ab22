//! Events of kube-proxies.

use super::Phase;
use crate::model::NodeId;

/// What happens to kube-proxies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyEvent {
    /// Their watches tell of a change of a Service's endpoints.
    Changed {
        /// So many endpoints of it have come or gone.
        changes: u32,
    },
    /// They write to their kernels what they have heard of.
    Sync,
    /// The proxy of a node has listed everything and has written it to its kernel.
    Listed {
        /// The node.
        node: NodeId,
        /// Which start it was.
        epoch: u32,
    },
}

impl ProxyEvent {
    pub(super) fn phase(self) -> Phase {
        match self {
            Self::Changed { .. } => Phase::Watch,
            Self::Sync | Self::Listed { .. } => Phase::Controller,
        }
    }

    pub(super) fn tag(self) -> u64 {
        match self {
            Self::Changed { .. } => 0,
            Self::Sync => 1,
            Self::Listed { .. } => 2,
        }
    }

    pub(super) fn word(self) -> u64 {
        match self {
            Self::Changed { changes } => u64::from(changes),
            Self::Sync => 0,
            Self::Listed { node, epoch } => u64::from(node.raw()) << 32 | u64::from(epoch),
        }
    }
}
