//! Faults that the scenario injects from outside: the storm.

use super::{FailureMode, NodeId, TemplateId, ZoneId};
use crate::base::time::SimTime;
use crate::rng::Distribution;

/// When a fault strikes.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultTiming {
    /// Once, at this instant.
    At(SimTime),
    /// Again and again, this long (seconds) after the last one ended.
    Every(Distribution),
}

/// A share of a set, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share(pub u32);

/// What a fault does.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultKind {
    /// Every node of a zone loses power; at the end they boot again.
    ZoneOutage {
        /// The zone.
        zone: ZoneId,
    },
    /// Nodes lose power; at the end they boot again.
    NodeCrash {
        /// The nodes.
        nodes: Vec<NodeId>,
    },
    /// The leading kube-scheduler process dies; its supervisor starts it again at the end.
    SchedulerCrash,
    /// The leading kube-controller-manager process dies.
    ControllerManagerCrash,
    /// A failure mode strikes containers of the templates named.
    ContainerFault {
        /// Pod templates concerned.
        templates: Vec<TemplateId>,
        /// Container index within the template; all containers where absent.
        container: Option<u32>,
        /// What happens to them.
        mode: FailureMode,
        /// Which share of the running pods, lowest replica ordinals first.
        share: Share,
    },
}

impl FaultKind {
    /// The word scenarios and tables use.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::ZoneOutage { .. } => "zoneOutage",
            Self::NodeCrash { .. } => "nodeCrash",
            Self::SchedulerCrash => "schedulerCrash",
            Self::ControllerManagerCrash => "controllerManagerCrash",
            Self::ContainerFault { .. } => "containerFault",
        }
    }
}

/// One entry of `faults:`.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// What it strikes, for people: `zone a`, `node general-3`, `shop/checkout`.
    pub target: String,
    /// When.
    pub timing: FaultTiming,
    /// How long it lasts, seconds; absent means to the end of the run.
    pub lasts_s: Option<Distribution>,
}
