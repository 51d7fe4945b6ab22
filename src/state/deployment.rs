//! A Deployment object and its status, conditions included. Names and messages are Kubernetes' own.
//!
//! Nothing here decides anything; the Deployment controller does.

use super::ConditionStatus;
use crate::base::time::SimTime;
use crate::model::TemplateId;

/// A Deployment object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeploymentObject {
    /// `spec.replicas`.
    pub replicas: i32,
    /// Current template.
    pub template: TemplateId,
    /// `spec.paused`.
    pub paused: bool,
    /// `metadata.generation`: grows by one with each change of the specification, from 1.
    pub generation: u32,
    /// Annotation `deployment.kubernetes.io/revision`; 0 while absent.
    pub revision: u32,
    /// `status`.
    pub status: DeploymentStatus,
    /// The current template, once its rollout has completed; replicas lost later do not take that
    /// back.
    pub rolled_out: Option<TemplateId>,
}

/// `status` of a Deployment. Numbers are pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeploymentStatus {
    /// `observedGeneration`.
    pub observed_generation: u32,
    /// `replicas`.
    pub replicas: i32,
    /// `updatedReplicas`.
    pub updated: i32,
    /// `readyReplicas`.
    pub ready: i32,
    /// `availableReplicas`.
    pub available: i32,
    /// `unavailableReplicas`.
    pub unavailable: i32,
    /// Condition `Available`.
    pub availability: Option<Availability>,
    /// Condition `Progressing`.
    pub progressing: Option<Progressing>,
}

/// Condition `Available`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Availability {
    /// As many replicas are available as the strategy demands.
    pub minimum: bool,
    /// `lastUpdateTime` (whole seconds).
    pub updated: SimTime,
    /// `lastTransitionTime` (whole seconds).
    pub since: SimTime,
}

impl Availability {
    /// Status.
    #[must_use]
    pub fn status(&self) -> ConditionStatus {
        if self.minimum { ConditionStatus::True } else { ConditionStatus::False }
    }

    /// Reason.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        if self.minimum { "MinimumReplicasAvailable" } else { "MinimumReplicasUnavailable" }
    }

    /// Message.
    #[must_use]
    pub fn message(&self) -> &'static str {
        if self.minimum {
            "Deployment has minimum availability."
        } else {
            "Deployment does not have minimum availability."
        }
    }
}

/// Condition `Progressing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progressing {
    /// Reason, which gives the status.
    pub reason: ProgressReason,
    /// The template whose ReplicaSet the message names; where absent it names the Deployment.
    pub about: Option<TemplateId>,
    /// `lastUpdateTime` (whole seconds).
    pub updated: SimTime,
    /// `lastTransitionTime` (whole seconds).
    pub since: SimTime,
}

/// Reason of the condition `Progressing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgressReason {
    /// The ReplicaSet of the current template has been created.
    NewReplicaSetCreated,
    /// It was there already when progress was first asked for.
    FoundNewReplicaSet,
    /// There was progress.
    ReplicaSetUpdated,
    /// The rollout has completed.
    NewReplicaSetAvailable,
    /// No progress within the deadline.
    ProgressDeadlineExceeded,
    /// The Deployment is paused.
    DeploymentPaused,
    /// It was paused, and there has been no progress since.
    DeploymentResumed,
}

impl ProgressReason {
    /// Kubernetes' word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NewReplicaSetCreated => "NewReplicaSetCreated",
            Self::FoundNewReplicaSet => "FoundNewReplicaSet",
            Self::ReplicaSetUpdated => "ReplicaSetUpdated",
            Self::NewReplicaSetAvailable => "NewReplicaSetAvailable",
            Self::ProgressDeadlineExceeded => "ProgressDeadlineExceeded",
            Self::DeploymentPaused => "DeploymentPaused",
            Self::DeploymentResumed => "DeploymentResumed",
        }
    }

    /// The condition's status.
    #[must_use]
    pub fn status(self) -> ConditionStatus {
        match self {
            Self::NewReplicaSetCreated
            | Self::FoundNewReplicaSet
            | Self::ReplicaSetUpdated
            | Self::NewReplicaSetAvailable => ConditionStatus::True,
            Self::ProgressDeadlineExceeded => ConditionStatus::False,
            Self::DeploymentPaused | Self::DeploymentResumed => ConditionStatus::Unknown,
        }
    }
}

impl Progressing {
    /// Message; `names` gives the name of a template's ReplicaSet, or of the Deployment.
    #[must_use]
    pub fn message(&self, names: impl FnOnce(Option<TemplateId>) -> String) -> String {
        let name = || {
            let kind = if self.about.is_some() { "ReplicaSet" } else { "Deployment" };
            (kind, names(self.about))
        };
        match self.reason {
            ProgressReason::NewReplicaSetCreated => {
                format!("Created new replica set \"{}\"", name().1)
            }
            ProgressReason::FoundNewReplicaSet => format!("Found new replica set \"{}\"", name().1),
            ProgressReason::ReplicaSetUpdated => {
                let (kind, name) = name();
                format!("{kind} \"{name}\" is progressing.")
            }
            ProgressReason::NewReplicaSetAvailable => {
                let (kind, name) = name();
                format!("{kind} \"{name}\" has successfully progressed.")
            }
            ProgressReason::ProgressDeadlineExceeded => {
                let (kind, name) = name();
                format!("{kind} \"{name}\" has timed out progressing.")
            }
            ProgressReason::DeploymentPaused => "Deployment is paused".to_owned(),
            ProgressReason::DeploymentResumed => "Deployment is resumed".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_replica_set_or_the_deployment() {
        let told = |reason, about| {
            let now = SimTime::ZERO;
            let condition = Progressing { reason, about, updated: now, since: now };
            condition.message(|about| if about.is_some() { "web-1" } else { "web" }.to_owned())
        };
        let set = Some(TemplateId::from_index(0));
        for (reason, about, message) in [
            (ProgressReason::NewReplicaSetCreated, set, "Created new replica set \"web-1\""),
            (ProgressReason::FoundNewReplicaSet, set, "Found new replica set \"web-1\""),
            (ProgressReason::ReplicaSetUpdated, set, "ReplicaSet \"web-1\" is progressing."),
            (ProgressReason::ReplicaSetUpdated, None, "Deployment \"web\" is progressing."),
            (
                ProgressReason::NewReplicaSetAvailable,
                set,
                "ReplicaSet \"web-1\" has successfully progressed.",
            ),
            (
                ProgressReason::ProgressDeadlineExceeded,
                set,
                "ReplicaSet \"web-1\" has timed out progressing.",
            ),
            (ProgressReason::DeploymentPaused, None, "Deployment is paused"),
            (ProgressReason::DeploymentResumed, None, "Deployment is resumed"),
        ] {
            assert_eq!(told(reason, about), message);
        }
    }
}
