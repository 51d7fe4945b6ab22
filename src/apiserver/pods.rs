//! Writes to pods.

use super::ApiServer;
use crate::base::time::SimDuration;
use crate::cx::Cx;
use crate::event::{Event, SchedulerEvent};
use crate::model::{NodeId, PodId, TemplateId, pod_address};
use crate::record::{Fact, Involved};
use crate::rng::StreamKind;
use crate::state::{
    Condition, ConditionStatus, DeletionCause, KubeletStatus, Owner, Phase, PodObject, PodStatus,
    Seat, Termination, Verb,
};

impl ApiServer {
    /// Creates a pod object and returns its id. A template with `nodeName` is bound from the start.
    pub fn create_pod(
        &mut self,
        cx: &mut Cx<'_>,
        template: TemplateId,
        owner: Option<Owner>,
        seat: Seat,
    ) -> PodId {
        let spec = &cx.model.templates[template];
        let workload = spec.workload;
        let ordinals = &mut self.ordinals[workload];
        let (replica, incarnation) = match seat {
            Seat::Lowest => ordinals.take(),
            Seat::Ordinal(ordinal) | Seat::Index { index: ordinal, .. } => {
                (ordinal, ordinals.take_this(ordinal))
            }
            Seat::Node(node) => (node.raw(), ordinals.take_this(node.raw())),
        };
        let pinned = match seat {
            Seat::Node(node) => Some(node),
            Seat::Lowest | Seat::Ordinal(_) | Seat::Index { .. } => None,
        };
        let failures = match seat {
            Seat::Index { failures, ignored, .. } => [failures, ignored],
            Seat::Lowest | Seat::Ordinal(_) | Seat::Node(_) => [0, 0],
        };
        let job = match owner {
            Some(Owner::Job(job)) => Some(job),
            Some(Owner::ReplicaSet(_) | Owner::StatefulSet(_) | Owner::DaemonSet(_)) | None => None,
        };
        let run = job.map_or(0, |job| cx.state.api.jobs[job].run);
        let address = pod_address(cx.model.workloads[workload].address, replica, incarnation);
        let uid = cx.streams.stream(StreamKind::PodUid, address).next_u64();
        let node = spec
            .node_name
            .and_then(|name| cx.model.nodes.iter().find(|(_, n)| n.name_symbol == name))
            .map(|(id, _)| id);
        let mut status = PodStatus::created(cx.now);
        if node.is_some() {
            status.scheduled = Condition::new(ConditionStatus::True, cx.now);
        }
        let pod = cx.state.api.pods.push(PodObject {
            template,
            owner,
            replica,
            incarnation,
            uid,
            run,
            failures,
            tracked: job.is_some(),
            held: false,
            pinned,
            created: cx.now.floor_to_second(),
            node,
            termination: None,
            status,
            gone: false,
        });
        let identity = cx.state.api.pods[pod].identity();
        cx.fact(Fact::PodCreated { pod, workload, identity });
        if let Some(node) = node {
            cx.fact(Fact::PodBound { pod, node });
        }
        self.pod_changed(cx, pod, Verb::Added);
        self.tell_kubelet(cx, pod);
        pod
    }

    pub(super) fn bind_pod(&mut self, cx: &mut Cx<'_>, pod: PodId, node: NodeId, epoch: u32) {
        let object = &cx.state.api.pods[pod];
        let accepted = !object.gone && object.node.is_none() && object.termination.is_none();
        if accepted {
            self.set_node(cx, pod, node);
            self.pod_changed(cx, pod, Verb::Modified);
            self.tell_kubelet(cx, pod);
        }
        cx.at(cx.now, Event::Scheduler(SchedulerEvent::Bound { pod, epoch, accepted }));
    }

    /// Sets `spec.nodeName` of an unbound pod without telling anyone.
    pub fn set_node(&mut self, cx: &mut Cx<'_>, pod: PodId, node: NodeId) {
        let now = cx.now;
        let object = &mut cx.state.api.pods[pod];
        object.node = Some(node);
        object.status.scheduled = object.status.scheduled.turned(ConditionStatus::True, now);
        cx.fact(Fact::PodBound { pod, node });
    }

    pub(super) fn pod_unschedulable(
        &mut self,
        cx: &mut Cx<'_>,
        pod: PodId,
        nominated: Option<Option<NodeId>>,
    ) {
        let object = &mut cx.state.api.pods[pod];
        if object.gone || object.node.is_some() {
            return;
        }
        let Some(nominated) = nominated else { return };
        if object.status.nominated_node != nominated {
            object.status.nominated_node = nominated;
            self.pod_changed(cx, pod, Verb::Modified);
        }
    }

    pub(super) fn pod_status(&mut self, cx: &mut Cx<'_>, pod: PodId, report: &KubeletStatus) {
        let object = &mut cx.state.api.pods[pod];
        let before = object.status;
        if object.gone || before.phase.is_terminal() {
            return;
        }
        let after = PodStatus {
            phase: report.phase,
            reason: report.reason,
            scheduled: before.scheduled,
            initialized: report.initialized,
            containers_ready: report.containers_ready,
            ready: report.ready,
            start_time: report.start_time,
            restarts: report.restarts,
            finished: report.finished,
            exit_codes: report.exit_codes,
            has_ip: report.has_ip,
            nominated_node: before.nominated_node,
        };
        if after == before {
            return;
        }
        object.status = after;
        status_facts(cx, pod, &before, &after);
        self.pod_changed(cx, pod, Verb::Modified);
        if after.phase.is_terminal() && cx.state.api.pods[pod].termination.is_none() {
            // A finished pod frees its replica ordinal: a controller replaces it. A terminating
            // one freed it when its deletion was accepted.
            self.free_ordinal(cx, pod);
        }
    }

    pub(super) fn pod_not_ready(&mut self, cx: &mut Cx<'_>, pod: PodId) {
        let now = cx.now;
        let object = &mut cx.state.api.pods[pod];
        let before = object.status;
        if object.gone || !before.ready.is_true() {
            return;
        }
        object.status.ready = before.ready.turned(ConditionStatus::False, now);
        let after = object.status;
        status_facts(cx, pod, &before, &after);
        cx.kube_event(Involved::Pod(pod), (true, "NodeNotReady", "node-controller"), |_, _| {
            "Node is not ready".to_owned()
        });
        self.pod_changed(cx, pod, Verb::Modified);
        self.tell_kubelet(cx, pod);
    }

    pub(super) fn delete_pod(
        &mut self,
        cx: &mut Cx<'_>,
        pod: PodId,
        grace: Option<SimDuration>,
        cause: DeletionCause,
    ) {
        let now = cx.now;
        let object = &mut cx.state.api.pods[pod];
        if object.gone {
            return;
        }
        let own = cx.model.templates[object.template].termination_grace;
        let grace = grace.unwrap_or(own);
        let at_once = object.node.is_none()
            || object.status.phase.is_terminal()
            || grace == SimDuration::ZERO;
        match &mut object.termination {
            None => {
                object.termination = Some(Termination { requested: now, grace, cause });
                let finished = object.status.phase.is_terminal();
                cx.fact(Fact::PodTerminating { pod, cause });
                if !finished {
                    self.free_ordinal(cx, pod);
                }
            }
            // A later request may shorten the grace period, never extend it.
            Some(termination) if grace < termination.grace => termination.grace = grace,
            Some(_) if !at_once => return,
            Some(_) => {}
        }
        if at_once {
            self.remove_pod(cx, pod);
        } else {
            self.pod_changed(cx, pod, Verb::Modified);
            self.tell_kubelet(cx, pod);
        }
    }

    pub(super) fn confirm_gone(&mut self, cx: &mut Cx<'_>, pod: PodId) {
        let object = &cx.state.api.pods[pod];
        if !object.gone && object.termination.is_some() {
            self.remove_pod(cx, pod);
        }
    }

    /// The pod's object disappears, unless a finalizer keeps it.
    pub(super) fn remove_pod(&mut self, cx: &mut Cx<'_>, pod: PodId) {
        let now = cx.now;
        let object = &mut cx.state.api.pods[pod];
        if object.tracked {
            if !std::mem::replace(&mut object.held, true) {
                // Fidelity: who removes a pod writes its last phase before, the kubelet as its
                // containers ended, the pod garbage collector Failed, the latter only at its next
                // pass; here a phase that is not final becomes Failed with the removal.
                let before = object.status;
                if !before.phase.is_terminal() {
                    object.status.phase = Phase::Failed;
                    object.status.ready = before.ready.turned(ConditionStatus::False, now);
                    object.status.finished = Some(now.floor_to_second());
                }
                let after = object.status;
                status_facts(cx, pod, &before, &after);
                self.pod_changed(cx, pod, Verb::Modified);
                self.tell_kubelet(cx, pod);
            }
            return;
        }
        cx.state.api.pods[pod].gone = true;
        cx.fact(Fact::PodDeleted { pod });
        self.pod_changed(cx, pod, Verb::Deleted);
        self.tell_kubelet(cx, pod);
    }

    /// Gives the pod's replica ordinal back: its replacement takes it up as the next incarnation.
    fn free_ordinal(&mut self, cx: &Cx<'_>, pod: PodId) {
        let object = &cx.state.api.pods[pod];
        let workload = cx.model.templates[object.template].workload;
        self.ordinals[workload].release(object.replica);
    }
}

/// States what changed between two statuses.
fn status_facts(cx: &mut Cx<'_>, pod: PodId, before: &PodStatus, after: &PodStatus) {
    if before.phase != after.phase {
        cx.fact(Fact::PodPhase { pod, phase: after.phase });
    }
    if before.reason != after.reason {
        cx.fact(Fact::PodReason { pod, reason: after.reason });
    }
    if before.ready.is_true() != after.ready.is_true() {
        cx.fact(Fact::PodReady { pod, ready: after.ready.is_true() });
    }
}
