//! What the scheduler makes of the changes that its watches deliver.

use std::sync::Arc;

use super::{Hints, PodView, SchedulerCore};
use crate::base::time::SimTime;
use crate::model::{BudgetId, Model, NodeId, PodId};
use crate::scheduler::queue::Place;
use crate::scheduling::{ClusterEvent, NodeAspect, PluginId, node_events, pod_events};
use crate::state::BudgetStatus;

impl SchedulerCore {
    /// A node is there, has changed or is gone.
    pub fn node_changed(
        &mut self,
        model: &Model,
        now: SimTime,
        node: NodeId,
        after: Option<Arc<NodeAspect>>,
    ) {
        let events = self.events_of_node(model, node, after.as_ref());
        if after.is_none() {
            // The queue hears of it while the node is still there.
            self.publish_all(model, now, &events);
        }
        match &after {
            None => self.snapshot.remove_node(model, node),
            Some(aspect) => {
                self.snapshot.set_spec(model, node, aspect.spec.clone());
                if !self.snapshot.is_present(node) {
                    self.snapshot.add_node(model, node, &aspect.taints, aspect.unschedulable);
                } else if self.nodes[node].as_ref() != Some(aspect) {
                    self.snapshot.update_node(node, &aspect.taints, aspect.unschedulable);
                }
            }
        }
        let gone = after.is_none();
        self.nodes[node] = after;
        if !gone {
            self.publish_all(model, now, &events);
        }
    }

    /// A pod is there, has changed or is gone. Finished pods are gone to the scheduler.
    pub fn pod_changed(&mut self, model: &Model, now: SimTime, pod: PodId, after: Option<PodView>) {
        let before = self.known_of(pod);
        let events = self.events_of_pod(model, pod, after);
        self.set_known(pod, after);
        let was_pending = before.filter(|view| view.node.is_none());
        match (before, after) {
            // The assigned side hears of it first.
            (_, Some(PodView { node: Some(node), .. })) => {
                self.pod_assigned(model, pod, node, after);
                self.publish_all(model, now, &events);
            }
            (Some(PodView { node: Some(_), .. }), None) => {
                self.snapshot.remove_pod(model, pod);
                self.publish_all(model, now, &events);
            }
            (_, Some(view)) => self.pod_pending(model, now, pod, was_pending, view, &events),
            (_, None) => {}
        }
        let Some(old) = was_pending else { return };
        if after.is_none_or(|view| view.node.is_some()) {
            // An assumed pod keeps its room until its binding is refused.
            self.queue.remove(pod);
            self.nominator.remove(pod);
        }
        self.nomination_lost(model, now, pod, old, after);
    }

    /// A PodDisruptionBudget's status has changed.
    pub fn budget_changed(&mut self, budget: BudgetId, status: &BudgetStatus) {
        let known = &mut self.budgets[budget.index()];
        known.allowed = status.disruptions_allowed;
        known.disrupted = status.disrupted_pods.iter().map(|(pod, _)| *pod).collect();
    }

    /// The events that a change of a node amounts to, in the order in which they are published.
    #[must_use]
    pub fn events_of_node(
        &self,
        model: &Model,
        node: NodeId,
        after: Option<&Arc<NodeAspect>>,
    ) -> Vec<ClusterEvent> {
        match (self.nodes[node].as_ref(), after) {
            (None, None) => Vec::new(),
            (None, Some(after)) => vec![ClusterEvent::NodeAdd { node, after: Arc::clone(after) }],
            (Some(before), None) => {
                vec![ClusterEvent::NodeDelete { node, before: Arc::clone(before) }]
            }
            (Some(before), Some(after)) => node_events(model, node, before, after),
        }
    }

    /// The events that a change of a pod amounts to; updates of assumed pods are ignored, and new
    /// pods that no node has go to the queue without any.
    #[must_use]
    pub fn events_of_pod(
        &self,
        model: &Model,
        pod: PodId,
        after: Option<PodView>,
    ) -> Vec<ClusterEvent> {
        match (self.known_of(pod), after) {
            (Some(PodView { node: Some(_), template, .. }), None) => {
                vec![ClusterEvent::AssignedPodDelete { pod, template, assigned: true }]
            }
            (Some(PodView { node: Some(_), template, .. }), Some(after)) => {
                pod_events(model, (pod, true), template, after.template)
            }
            (_, Some(PodView { node: Some(_), template, .. })) => {
                vec![ClusterEvent::AssignedPodAdd { pod, template }]
            }
            (Some(before), Some(after)) if !self.assumed.contains(pod) => {
                pod_events(model, (pod, false), before.template, after.template)
            }
            _ => Vec::new(),
        }
    }

    /// What the plugins that rejected them would say of an event, for all waiting pods that it is
    /// offered to.
    pub fn hints(&mut self, model: &Model, event: &ClusterEvent) -> Vec<(PodId, Hints)> {
        let kind = event.kind();
        let mut told = Vec::new();
        if !self.interests.intersects(kind) {
            return told;
        }
        for (pod, entry) in self.queue.entries() {
            if !matches!(entry.place, Place::Unschedulable | Place::Gated) {
                continue;
            }
            // An unbound pod's update is for itself alone, and passes its gate.
            let own = if let ClusterEvent::PodUpdate { pod: updated, assigned: false, .. } = event {
                Some(*updated == pod)
            } else {
                None
            };
            let listens = |gate: PluginId| gate.def().listens_to().intersects(kind);
            if !own.unwrap_or_else(|| entry.gated_by.is_none_or(listens)) {
                continue;
            }
            let template = if let ClusterEvent::PodUpdate { after, assigned: false, .. } = event {
                *after
            } else {
                entry.template
            };
            let Some(profile) = self.profile_of[template] else { continue };
            let framework = &mut self.frameworks[profile];
            let query = (model, &self.snapshot, template);
            let hints = entry
                .rejected_by
                .iter()
                .filter_map(|plugin| Some((plugin, framework.hint_of(query, plugin, event)?)));
            let hints: Hints = hints.collect();
            if !hints.is_empty() {
                told.push((pod, hints));
            }
        }
        told
    }

    pub(super) fn known_of(&self, pod: PodId) -> Option<PodView> {
        self.known.get(pod.index()).copied().flatten()
    }

    pub(super) fn set_known(&mut self, pod: PodId, view: Option<PodView>) {
        if self.known.len() <= pod.index() {
            self.known.resize(pod.index() + 1, None);
        }
        self.known[pod.index()] = view;
    }

    /// Offers an event to the pods that wait, or to those of at most a priority.
    pub(super) fn publish(
        &mut self,
        model: &Model,
        now: SimTime,
        event: &ClusterEvent,
        at_most: Option<i32>,
    ) {
        if self.interests.intersects(event.kind()) {
            let (queue, mut judge) = self.queue_and_judge(model);
            queue.publish(event, at_most, now, &mut judge);
        }
    }

    fn publish_all(&mut self, model: &Model, now: SimTime, events: &[ClusterEvent]) {
        for event in events {
            self.publish(model, now, event, None);
        }
    }

    /// Takes over a pod that a node has.
    fn pod_assigned(&mut self, model: &Model, pod: PodId, node: NodeId, view: Option<PodView>) {
        let Some(view) = view else { return };
        self.assumed.remove(pod);
        if self.snapshot.node_of(pod) == Some(node) {
            self.snapshot.update_pod(model, pod, view.template);
        } else {
            self.snapshot.remove_pod(model, pod);
            self.snapshot.add_pod(model, node, pod, view.template);
        }
        if let Some(started) = view.started {
            self.snapshot.set_started(pod, started);
        }
        if view.terminating {
            self.snapshot.mark_terminating(pod);
        }
        if view.preempted {
            self.snapshot.mark_preempted(pod);
        }
    }

    /// A pod without a node: new to the queue, or changed there.
    ///
    /// An update of a pod that is in no queue makes a new entry, so that a terminating pod that
    /// was skipped comes back and is skipped again; updates of assumed pods are ignored.
    fn pod_pending(
        &mut self,
        model: &Model,
        now: SimTime,
        pod: PodId,
        before: Option<PodView>,
        view: PodView,
        events: &[ClusterEvent],
    ) {
        if self.profile_of[view.template].is_none() || self.assumed.contains(pod) {
            return;
        }
        let class = (view.template, model.templates[view.template].priority);
        let (flying, queued) = (self.queue.in_flight() == Some(pod), self.queue.get(pod).is_some());
        let (queue, mut judge) = self.queue_and_judge(model);
        if before.is_none() {
            queue.add(pod, class, now, &mut judge);
        } else {
            queue.update(pod, class, events, now, &mut judge);
        }
        match before {
            _ if flying => {}
            Some(before) if queued => self.follow_nomination(model, pod, &before),
            _ if self.queue.get(pod).is_some_and(|entry| entry.place == Place::Gated) => {}
            _ => self.set_nomination(model, pod, None),
        }
    }

    /// Pods of equal or lower priority count a nominated pod as if it were bound: they hear of it
    /// when it goes or is nominated elsewhere.
    fn nomination_lost(
        &mut self,
        model: &Model,
        now: SimTime,
        pod: PodId,
        before: PodView,
        after: Option<PodView>,
    ) {
        let kept = after.is_some_and(|view| {
            view.node.is_none()
                && (view.nominated == before.nominated || self.assumed.contains(pod))
        });
        if before.nominated.is_none() || kept {
            return;
        }
        let template = before.template;
        let event = ClusterEvent::AssignedPodDelete { pod, template, assigned: false };
        let at_most = Some(model.templates[template].priority);
        self.publish(model, now, &event, at_most);
    }
}
