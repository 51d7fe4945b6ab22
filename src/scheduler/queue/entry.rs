//! What the queue keeps of a pod.

use crate::base::time::SimTime;
use crate::model::TemplateId;
use crate::scheduling::{PluginId, PluginSet, ReasonCount};

/// Where a pod of the queue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// activeQ.
    Active,
    /// backoffQ, rejected by plugins.
    Backoff,
    /// backoffQ, after an error.
    ErrorBackoff,
    /// Waiting for an event.
    Unschedulable,
    /// Held back by a PreEnqueue plugin.
    Gated,
    /// Popped, its attempt is under way.
    InFlight,
    /// A node was found; whether it is bound there is not known yet. It stands in no queue.
    Binding,
}

impl Place {
    /// Whether the pod will be tried without anything further happening.
    #[must_use]
    pub fn is_queued(self) -> bool {
        matches!(self, Self::Active | Self::Backoff | Self::ErrorBackoff)
    }
}

/// What the queue keeps of a pod from its arrival until it is bound or gone.
#[derive(Clone, Debug)]
pub struct QueuedPod {
    /// Its class when it was last queued.
    pub template: TemplateId,
    /// Its priority.
    pub priority: i32,
    /// Created, or returned by its last attempt.
    pub timestamp: SimTime,
    /// Attempts begun.
    pub attempts: u32,
    /// Attempts that ended unschedulable; never reset.
    pub(super) unschedulable_count: u32,
    /// Attempts in a row that ended in an error.
    pub(super) consecutive_errors: u32,
    /// Plugins that rejected it in its last attempt or have held it back since.
    pub rejected_by: PluginSet,
    /// The plugin that holds it back.
    pub gated_by: Option<PluginId>,
    /// The reasons last written to its status.
    pub(in crate::scheduler) reported: Option<Vec<ReasonCount>>,
    /// Where it is.
    pub place: Place,
    /// Expiry of its back-off, where it is in a back-off queue.
    pub expiry: SimTime,
}

impl QueuedPod {
    /// A pod that arrives.
    pub(super) fn new(template: TemplateId, priority: i32, now: SimTime) -> Self {
        Self {
            template,
            priority,
            timestamp: now,
            attempts: 0,
            unschedulable_count: 0,
            consecutive_errors: 0,
            rejected_by: PluginSet::default(),
            gated_by: None,
            reported: None,
            place: Place::InFlight,
            expiry: SimTime::ZERO,
        }
    }
}
