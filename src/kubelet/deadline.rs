//! `activeDeadlineSeconds`: a pod that is active for longer fails.

use super::Kubelets;
use super::pod::Stage;
use super::worker::Worker;
use crate::base::time::SimTime;
use crate::cx::Cx;
use crate::event::{Event, KubeletEvent};
use crate::model::{PodId, PodTemplate};
use crate::state::PodReason;

/// Schedules the end of a pod's active time, counted from its start time.
pub(super) fn plan(cx: &mut Cx<'_>, pod: PodId, template: &PodTemplate, start: SimTime) {
    if let Some(limit) = template.active_deadline {
        let at = start.saturating_add(limit).max(cx.now);
        cx.at(at, Event::Kubelet(KubeletEvent::Deadline { pod }));
    }
}

impl Kubelets {
    /// The active time of a pod is over.
    pub(super) fn deadline(&mut self, cx: &mut Cx<'_>, pod: PodId) {
        self.with(cx, pod, |worker| {
            if worker.node.up && worker.pod.stage == Stage::Active && worker.is_past_deadline() {
                worker.fail_at_deadline();
            }
        });
    }
}

impl Worker<'_, '_> {
    /// Whether the pod has been active for longer than it may.
    pub(super) fn is_past_deadline(&self) -> bool {
        let (limit, status) = (self.template().active_deadline, &self.pod.status);
        let (Some(limit), Some(start)) = (limit, status.start_time) else { return false };
        !status.phase.is_terminal() && self.cx.now >= start.saturating_add(limit)
    }

    /// Stops the pod, which then has failed.
    pub(super) fn fail_at_deadline(&mut self) {
        self.event((false, "DeadlineExceeded"), || {
            "Pod was active on the node longer than the specified deadline".to_owned()
        });
        self.fail(PodReason::DeadlineExceeded, self.template().termination_grace);
    }
}
