//! The pod garbage collector: every 20 s it deletes terminated pods above a threshold and pods
//! that were deleted before they had a node.
//!
//! Fidelity: orphans (pods whose node object is gone) and nodes with the out-of-service taint do
//! not occur yet. Only passes that have something to do are events.

use std::collections::BTreeSet;

use super::Informers;
use super::schedule::Periodic;
use crate::base::time::{SimDuration, SimTime};
use crate::cx::Cx;
use crate::event::{ControllerEvent, Event};
use crate::model::{Model, PodId};
use crate::state::{Client, DeletionCause, PodObject, Request};

/// Time between passes.
const PERIOD: SimDuration = SimDuration::from_secs(20);

/// `--terminated-pod-gc-threshold`.
const TERMINATED_POD_THRESHOLD: usize = 12_500;

/// The pod garbage collector.
#[derive(Debug)]
pub struct PodGc {
    epoch: u32,
    passes: Periodic,
    passed: Option<SimTime>,
    planned: Option<SimTime>,
    threshold: usize,
    /// Finished pods, oldest first.
    terminated: BTreeSet<(SimTime, PodId)>,
    /// Pods that are being deleted and have no node.
    unscheduled: BTreeSet<PodId>,
}

impl PodGc {
    /// A collector that knows no pod.
    #[must_use]
    pub fn new(_model: &Model) -> Self {
        Self {
            epoch: 0,
            passes: Periodic::new(SimTime::ZERO, PERIOD),
            passed: None,
            planned: None,
            threshold: TERMINATED_POD_THRESHOLD,
            terminated: BTreeSet::new(),
            unscheduled: BTreeSet::new(),
        }
    }

    /// The process leads: the first pass is now.
    pub fn lead(&mut self, cx: &mut Cx<'_>, cache: &Informers, epoch: u32) {
        *self = Self { threshold: self.threshold, ..Self::new(cx.model) };
        self.epoch = epoch;
        self.passes = Periodic::new(cx.now, PERIOD);
        for (pod, object) in cache.pods.iter() {
            if let Some(object) = object {
                self.note(pod, object);
            }
        }
        self.plan(cx);
    }

    /// A change of a pod reached the cache; `before` is the pod as it was known.
    pub fn on_pod(
        &mut self,
        cx: &mut Cx<'_>,
        cache: &Informers,
        before: Option<&PodObject>,
        pod: PodId,
    ) {
        if let Some(before) = before {
            self.terminated.remove(&(before.created, pod));
            self.unscheduled.remove(&pod);
        }
        if let Some(object) = cache.pod(pod) {
            self.note(pod, object);
            self.plan(cx);
        }
    }

    /// A planned pass.
    pub fn pass(&mut self, cx: &mut Cx<'_>, epoch: u32) {
        if epoch != self.epoch || self.planned != Some(cx.now) {
            return;
        }
        self.planned = None;
        self.passed = Some(cx.now);
        let surplus = self.terminated.len().saturating_sub(self.threshold);
        let oldest = self.terminated.iter().take(surplus).map(|&(_, pod)| pod);
        for pod in oldest.chain(self.unscheduled.iter().copied()) {
            let (grace, cause) = (Some(SimDuration::ZERO), DeletionCause::PodGc);
            cx.request(Client::PodGc, Request::DeletePod { pod, grace, cause });
        }
        self.plan(cx);
    }

    fn note(&mut self, pod: PodId, object: &PodObject) {
        if object.status.phase.is_terminal() {
            self.terminated.insert((object.created, pod));
        }
        if object.termination.is_some() && object.node.is_none() {
            self.unscheduled.insert(pod);
        }
    }

    /// Plans the next pass if it will have something to do.
    fn plan(&mut self, cx: &mut Cx<'_>) {
        let due = self.terminated.len() > self.threshold || !self.unscheduled.is_empty();
        if !due || self.planned.is_some() {
            return;
        }
        let next = self.passes.at_or_after(cx.now);
        let passed = self.passed.is_some_and(|passed| passed >= next);
        let at = if passed { self.passes.after(next) } else { next };
        self.planned = Some(at);
        cx.at(at, Event::Controller(ControllerEvent::PodGc { epoch: self.epoch }));
    }
}

#[cfg(test)]
#[path = "pod_gc_tests.rs"]
mod tests;
