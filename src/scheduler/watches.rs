//! What the scheduler makes of the changes that its watches deliver.

use super::{Known, Scheduler, full_name};
use crate::base::time::SimTime;
use crate::cx::Cx;
use crate::model::{Model, NodeId, PodId};
use crate::scheduling::{ClusterEvent, NodeAspect};
use crate::state::{Change, NodeObject, PodObject, Verb};

impl Scheduler {
    /// A change of a pod has been delivered.
    pub fn on_pod(&mut self, cx: &mut Cx<'_>, change: &Change<PodId, PodObject>) {
        let (pod, object) = (change.id, &change.object);
        let before = self.known_of(pod);
        // The scheduler watches pods that are not finished: completion looks like a deletion.
        let gone = change.verb == Verb::Deleted || object.gone || object.status.phase.is_terminal();
        if gone {
            self.pod_gone(cx, pod, object, before);
        } else if let Some(node) = object.node {
            self.pod_assigned(cx, pod, object, node);
        } else {
            self.pod_pending(cx.model, cx.now, pod, object);
        }
        self.settle(cx);
    }

    /// A change of a node has been delivered.
    pub fn on_node(&mut self, cx: &mut Cx<'_>, change: &Change<NodeId, NodeObject>) {
        let (node, object) = (change.id, &change.object);
        let aspect =
            || NodeAspect { taints: object.taints.clone(), unschedulable: object.unschedulable };
        if change.verb == Verb::Deleted {
            if self.snapshot.is_present(node) {
                self.publish(cx, &ClusterEvent::NodeDelete { node });
                self.snapshot.remove_node(cx.model, node);
            }
        } else if self.snapshot.is_present(node) {
            let row = self.snapshot.row(node);
            let before =
                NodeAspect { taints: row.taints.clone(), unschedulable: row.unschedulable };
            let after = aspect();
            if before != after {
                self.snapshot.update_node(node, &after.taints, after.unschedulable);
            }
            let uncordoned = before.unschedulable && !after.unschedulable;
            if uncordoned || before.taints != after.taints {
                self.publish(cx, &ClusterEvent::NodeTaint { node, before, after });
            }
        } else {
            self.snapshot.add_node(cx.model, node, &object.taints, object.unschedulable);
            self.publish(cx, &ClusterEvent::NodeAdd { node, after: aspect() });
        }
        self.settle(cx);
    }

    /// A pod that a new leader finds.
    pub(super) fn list_pod(&mut self, model: &Model, now: SimTime, pod: PodId, object: &PodObject) {
        if object.gone || object.status.phase.is_terminal() {
            return;
        }
        match object.node {
            None => self.pod_pending(model, now, pod, object),
            Some(node) => {
                self.set_known(pod, Known::Assigned);
                self.snapshot.add_pod(model, node, pod, object.template);
                if object.termination.is_some() {
                    self.snapshot.mark_terminating(pod);
                }
            }
        }
    }

    pub(super) fn known_of(&self, pod: PodId) -> Known {
        self.known.get(pod.index()).copied().unwrap_or_default()
    }

    pub(super) fn set_known(&mut self, pod: PodId, known: Known) {
        if self.known.len() <= pod.index() {
            self.known.resize(pod.index() + 1, Known::Absent);
        }
        self.known[pod.index()] = known;
    }

    fn pod_gone(&mut self, cx: &Cx<'_>, pod: PodId, object: &PodObject, before: Known) {
        self.set_known(pod, Known::Absent);
        self.queue.remove(pod);
        if before == Known::Assigned {
            self.snapshot.remove_pod(cx.model, pod);
            let template = object.template;
            self.publish(cx, &ClusterEvent::AssignedPodDelete { pod, template });
        }
        // An assumed pod keeps its room until the API server refuses the binding.
    }

    fn pod_assigned(&mut self, cx: &Cx<'_>, pod: PodId, object: &PodObject, node: NodeId) {
        let before = self.known_of(pod);
        self.set_known(pod, Known::Assigned);
        if before != Known::Assigned {
            self.queue.remove(pod);
            self.assumed.remove(pod);
            if self.snapshot.node_of(pod) != Some(node) {
                self.snapshot.remove_pod(cx.model, pod);
                self.snapshot.add_pod(cx.model, node, pod, object.template);
            }
            let template = object.template;
            self.publish(cx, &ClusterEvent::AssignedPodAdd { pod, template });
        }
        if object.termination.is_some() {
            self.snapshot.mark_terminating(pod);
        }
    }

    /// A pod without a node: new to the queue, or changed there.
    ///
    /// An update of a pod that is in no queue makes a new entry, so that a terminating pod that
    /// was skipped comes back and is skipped again; updates of assumed pods are ignored.
    fn pod_pending(&mut self, model: &Model, now: SimTime, pod: PodId, object: &PodObject) {
        self.set_known(pod, Known::Unassigned { terminating: object.termination.is_some() });
        let template = object.template;
        let Some(profile) = self.profile_of[template] else { return };
        if self.assumed.contains(pod) {
            return;
        }
        let gate = self.frameworks[profile].pre_enqueue(model, template);
        if let (Some((plugin, why)), Some(inquiry)) = (&gate, &mut self.inquiry) {
            inquiry.hold(full_name(model, object), plugin.name(), why);
        }
        let gated = gate.is_some();
        self.queue.add(pod, (template, model.templates[template].priority), gated, now);
    }
}
