//! Counts and conditions of a Deployment, and how it is noticed that a rollout makes no progress.
//!
//! Kubernetes-behaviour §3.2.
// Fidelity: the condition `ReplicaFailure` is not made, nor is a ReplicaSet that cannot be created
// reported: quota and admission refuse pods here, never ReplicaSets.

use super::sync::{DeploymentFacts, Pass};
use crate::base::time::{SimDuration, SimTime};
use crate::model::TemplateId;
use crate::state::{Availability, DeploymentStatus, ProgressReason, Progressing};

/// Added to the time of the deadline, so that it has certainly passed by then.
const AFTER_DEADLINE: SimDuration = SimDuration::from_secs(1);
/// So soon before the deadline, the controller asks again and again instead.
const CLOSE: SimDuration = SimDuration::from_secs(1);
/// How soon (first delay of the work queue's rate limiter).
const RETRY: SimDuration = SimDuration::from_millis(5);

/// All replicas are of the current template and available, no others are left, and the status tells
/// of the specification as it is.
pub(super) fn complete(deployment: &DeploymentFacts, status: &DeploymentStatus) -> bool {
    let desired = deployment.replicas;
    status.updated == desired
        && status.replicas == desired
        && status.available == desired
        && status.observed_generation >= deployment.generation
}

/// When to look whether the deadline has passed; never if that can make no difference.
pub(super) fn again(
    deployment: &DeploymentFacts,
    status: &DeploymentStatus,
    now: SimTime,
) -> Option<SimTime> {
    let (span, progressing) = (deployment.progress_deadline?, status.progressing?);
    let open = match progressing.reason {
        ProgressReason::NewReplicaSetCreated
        | ProgressReason::FoundNewReplicaSet
        | ProgressReason::ReplicaSetUpdated
        | ProgressReason::DeploymentPaused
        | ProgressReason::DeploymentResumed => !complete(deployment, status),
        // Kubernetes looks again at a Deployment that has lost replicas after its rollout, too: in
        // vain, for such a one has no deadline.
        ProgressReason::NewReplicaSetAvailable | ProgressReason::ProgressDeadlineExceeded => false,
    };
    let deadline = progressing.updated.saturating_add(span);
    let close = deadline.saturating_since(now) < CLOSE;
    let again = if close { now.max(deadline) + RETRY } else { deadline + AFTER_DEADLINE };
    open.then_some(again)
}

/// The condition in place of one that may be there: nothing changes if status and reason are the
/// same, and the transition time only with the status.
fn turned(before: Option<Progressing>, next: Progressing) -> Progressing {
    match before {
        Some(before) if before.reason == next.reason => before,
        Some(before) if before.reason.status() == next.reason.status() => {
            Progressing { since: before.since, ..next }
        }
        Some(_) | None => next,
    }
}

impl Pass {
    fn condition(&self, reason: ProgressReason, about: Option<TemplateId>) -> Progressing {
        let now = self.now.floor_to_second();
        Progressing { reason, about, updated: now, since: now }
    }

    /// Notes a reason in the status, if progress is followed.
    pub(super) fn note(&mut self, reason: ProgressReason, about: Option<TemplateId>) {
        if self.deployment.progress_deadline.is_some() {
            let next = self.condition(reason, about);
            let progressing = &mut self.deployment.status.progressing;
            *progressing = Some(turned(*progressing, next));
        }
    }

    /// Notes that the Deployment is paused or no longer so, unless its deadline has passed.
    pub(super) fn note_pause(&mut self) {
        let reason = self.deployment.status.progressing.map(|condition| condition.reason);
        let noted = reason == Some(ProgressReason::DeploymentPaused);
        if reason == Some(ProgressReason::ProgressDeadlineExceeded) {
            return;
        }
        match (self.deployment.paused, noted) {
            (true, false) => self.note(ProgressReason::DeploymentPaused, None),
            (false, true) => self.note(ProgressReason::DeploymentResumed, None),
            (true, true) | (false, false) => {}
        }
    }

    /// The status by the counts of the sets; sizes are those before this look.
    pub(super) fn counted(&self) -> DeploymentStatus {
        let deployment = &self.deployment;
        let wanted: i32 = self.all().map(|set| set.replicas).sum();
        let available: i32 = self.all().map(|set| set.status.available).sum();
        let now = self.now.floor_to_second();
        let minimum = available >= deployment.bounds().min_available(deployment.replicas);
        let availability = match deployment.status.availability {
            Some(before) if before.minimum == minimum => before,
            Some(_) | None => Availability { minimum, updated: now, since: now },
        };
        DeploymentStatus {
            observed_generation: deployment.generation,
            replicas: self.all().map(|set| set.status.replicas).sum(),
            updated: self.new.map_or(0, |new| self.sets[new].status.replicas),
            ready: self.all().map(|set| set.status.ready).sum(),
            available,
            unavailable: (wanted - available).max(0),
            availability: Some(availability),
            progressing: deployment.status.progressing,
        }
    }

    /// The same with the condition `Progressing` brought up to date.
    pub(super) fn progressed(&self) -> DeploymentStatus {
        let mut status = self.counted();
        let current = status.progressing;
        let Some(deadline) = self.deployment.progress_deadline else {
            return DeploymentStatus { progressing: None, ..status };
        };
        let rolled_out = status.replicas == status.updated
            && current.is_some_and(|c| c.reason == ProgressReason::NewReplicaSetAvailable);
        if rolled_out {
            return status;
        }
        let about = self.new.map(|new| self.sets[new].template);
        if complete(&self.deployment, &status) {
            let next = self.condition(ProgressReason::NewReplicaSetAvailable, about);
            status.progressing = Some(turned(current, next));
        } else if self.advances(&status) {
            let next = self.condition(ProgressReason::ReplicaSetUpdated, about);
            let same = current.filter(|c| c.reason.status() == next.reason.status());
            status.progressing =
                Some(Progressing { since: same.map_or(next.since, |c| c.since), ..next });
        } else if current.is_some_and(|condition| self.overdue(&condition, deadline)) {
            let next = self.condition(ProgressReason::ProgressDeadlineExceeded, about);
            status.progressing = Some(turned(current, next));
        }
        status
    }

    /// Progress since the status written last: more updated pods, fewer old ones, more ready or
    /// more available.
    fn advances(&self, status: &DeploymentStatus) -> bool {
        let before = &self.deployment.status;
        let old_pods = |status: &DeploymentStatus| status.replicas - status.updated;
        status.updated > before.updated
            || old_pods(status) < old_pods(before)
            || status.ready > before.ready
            || status.available > before.available
    }

    /// There has been no progress for longer than the deadline allows.
    fn overdue(&self, condition: &Progressing, deadline: SimDuration) -> bool {
        match condition.reason {
            ProgressReason::NewReplicaSetAvailable => false,
            ProgressReason::ProgressDeadlineExceeded => true,
            ProgressReason::NewReplicaSetCreated
            | ProgressReason::FoundNewReplicaSet
            | ProgressReason::ReplicaSetUpdated
            | ProgressReason::DeploymentPaused
            | ProgressReason::DeploymentResumed => {
                condition.updated.saturating_add(deadline) < self.now
            }
        }
    }
}
