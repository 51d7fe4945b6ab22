//! Preemption carried out: nominations, and victims that are asked to go.
//!
//! Deletions run beside the scheduling loop. All victims but the last are asked at once; the last
//! one when those calls are answered. Until then DefaultPreemption holds the pod back wherever it
//! would be queued, so that its retry does not come before its victims' ends can wake it.

use super::{Decided, PodView, Popped, SchedulerCore};
use crate::base::time::SimTime;
use crate::model::{Model, NodeId, PodId};
use crate::record::Fact;
use crate::scheduler::queue::Place;
use crate::scheduling::preemption::to_delete;
use crate::scheduling::{Nominated, PluginSet};

/// Deletions under way for one pod.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evictions {
    /// Calls that are not answered yet.
    unanswered: usize,
    /// Who is asked after that.
    last: PodId,
}

/// What follows from an attempt or a binding that failed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Failure {
    /// Where the pod is now, if it is still to be scheduled.
    pub place: Option<Place>,
    /// What its `nominatedNodeName` is to become, unless it stays.
    pub nomination: Option<Option<NodeId>>,
    /// Pods of lower priority that lose their nomination for the same node.
    pub cleared: Vec<PodId>,
    /// What is to be told of the eviction of others, if there is one.
    pub preemption: Option<Fact>,
    /// Pods to be deleted now; each answer is to be told to [`SchedulerCore::victim_asked`].
    pub victims: Vec<PodId>,
    /// A pod to be deleted when those have been answered.
    pub last_victim: Option<PodId>,
}

impl SchedulerCore {
    /// Plugins have rejected the pod of the attempt under way.
    pub fn reject(
        &mut self,
        model: &Model,
        now: SimTime,
        popped: &Popped,
        decided: &Decided,
    ) -> Failure {
        let mut failure = Failure::default();
        if let Some(answer) = &decided.post_filter {
            failure.nomination = answer.nomination();
            let taken = answer.preemption.as_ref().and_then(|found| found.nominated());
            if let Some(taken) = taken.filter(|_| failure.nomination.is_some()) {
                failure.victims = to_delete(taken).collect();
                // Where all victims are on their way already, kube-scheduler leaves the
                // nominations of others alone.
                if !failure.victims.is_empty() {
                    let victims = u32::try_from(failure.victims.len()).unwrap_or(u32::MAX);
                    let (pod, violations) = (popped.pod, taken.violations);
                    failure.preemption = Some(Fact::Preempting { pod, victims, violations });
                    let priority = model.templates[popped.template].priority;
                    let lower = self.nominator.on(taken.node).iter();
                    let lower = lower.filter(|other| other.priority < priority);
                    failure.cleared = lower.map(|other| other.pod).collect();
                }
                if failure.victims.len() > 1 {
                    failure.last_victim = failure.victims.pop();
                }
            }
        }
        if let Some(last) = failure.last_victim {
            let unanswered = failure.victims.len();
            self.evictions.insert(popped.pod, Evictions { unanswered, last });
        }
        let by = decided.decision.rejected_by;
        failure.place = self.give_back(model, now, popped.pod, by);
        self.set_nomination(model, popped.pod, failure.nomination);
        failure
    }

    /// The attempt under way, or a binding, has ended in an error: the pod backs off, and whatever
    /// it was nominated for is forgotten.
    pub fn fail(&mut self, model: &Model, now: SimTime, pod: PodId) -> Failure {
        let place = self.give_back(model, now, pod, PluginSet::default());
        self.set_nomination(model, pod, Some(None));
        Failure { place, nomination: Some(None), ..Failure::default() }
    }

    /// The deletion of a victim has been answered. Gives the victim that is to be asked next.
    pub fn victim_asked(&mut self, preemptor: PodId) -> Option<PodId> {
        let evictions = self.evictions.get_mut(&preemptor)?;
        evictions.unanswered = evictions.unanswered.saturating_sub(1);
        if evictions.unanswered > 0 {
            return None;
        }
        self.evictions.remove(&preemptor).map(|evictions| evictions.last)
    }

    /// A pod returns to the queue unless it is gone or bound.
    fn give_back(
        &mut self,
        model: &Model,
        now: SimTime,
        pod: PodId,
        rejected_by: PluginSet,
    ) -> Option<Place> {
        // The pod returns as its object is now.
        match self.known_of(pod) {
            Some(PodView { template, node: None, .. }) => {
                let class = (template, model.templates[template].priority);
                let (queue, mut judge) = self.queue_and_judge(model);
                queue.give_back(pod, rejected_by, class, now, &mut judge);
            }
            _ => {
                self.queue.done(pod);
                self.queue.remove(pod);
            }
        }
        self.queue.get(pod).map(|entry| entry.place)
    }

    /// Nominates a pod as told, or else as its status says.
    pub(super) fn set_nomination(
        &mut self,
        model: &Model,
        pod: PodId,
        told: Option<Option<NodeId>>,
    ) {
        let pending = self.known_of(pod).filter(|view| view.node.is_none());
        match pending.map(|view| (view.template, told.unwrap_or(view.nominated))) {
            Some((template, Some(node))) => {
                self.nominator.nominate(Nominated::of(model, pod, template), node);
            }
            _ => {
                self.nominator.remove(pod);
            }
        }
    }

    /// A queued pod's object changed: its nomination follows its status. One that the status does
    /// not tell of yet is kept.
    pub(super) fn follow_nomination(&mut self, model: &Model, pod: PodId, before: &PodView) {
        let Some(after) = self.known_of(pod) else { return };
        let kept = match (before.nominated, after.nominated) {
            (None, None) => self.nominator.node_of(pod),
            (_, now) => now,
        };
        self.set_nomination(model, pod, Some(kept));
    }
}
