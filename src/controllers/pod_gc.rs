//! The pod garbage collector: every 20 s it deletes terminated pods above a threshold, pods that
//! were deleted before they had a node, terminating pods of nodes with the out-of-service taint, and
//! pods whose node is gone.
//!
//! Fidelity: a node counts as gone once it is not ready and the cloud-controller-manager is there to
//! find that its machine has been taken back; node objects are never deleted. Only passes that have
//! something to do are events.

use std::collections::{BTreeMap, BTreeSet};

use super::Informers;
use super::schedule::Periodic;
use crate::base::map::Symbol;
use crate::base::time::{SimDuration, SimTime};
use crate::cx::Cx;
use crate::event::{ControllerEvent, Event};
use crate::model::{Model, NodeId, PodId};
use crate::state::{Client, DeletionCause, PodObject, Request};

/// Time between passes.
const PERIOD: SimDuration = SimDuration::from_secs(20);

/// The taint that says that a node is shut down and will not come back by itself.
const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

/// `--terminated-pod-gc-threshold`.
const TERMINATED_POD_THRESHOLD: usize = 12_500;

/// How long a node must have been gone before its pods go (`quarantineTime`).
const QUARANTINE: SimDuration = SimDuration::from_secs(40);

/// The pod garbage collector.
#[derive(Debug)]
pub struct PodGc {
    epoch: u32,
    passes: Periodic,
    passed: Option<SimTime>,
    planned: Option<SimTime>,
    threshold: usize,
    /// The key of the out-of-service taint, if anything mentions it.
    out_of_service_key: Option<Symbol>,
    /// Finished pods, oldest first.
    terminated: BTreeSet<(SimTime, PodId)>,
    /// Pods that are being deleted and have no node.
    unscheduled: BTreeSet<PodId>,
    /// Nodes that are not ready and have the out-of-service taint.
    out_of_service: BTreeSet<NodeId>,
    /// Nodes that are not ready and whose machine has been taken back, and since which pass they
    /// are known to be gone.
    gone: BTreeMap<NodeId, Option<SimTime>>,
}

impl PodGc {
    /// A collector that knows no pod.
    #[must_use]
    pub fn new(model: &Model) -> Self {
        Self {
            epoch: 0,
            passes: Periodic::new(SimTime::ZERO, PERIOD),
            passed: None,
            planned: None,
            threshold: TERMINATED_POD_THRESHOLD,
            out_of_service_key: model.symbols.get(OUT_OF_SERVICE),
            terminated: BTreeSet::new(),
            unscheduled: BTreeSet::new(),
            out_of_service: BTreeSet::new(),
            gone: BTreeMap::new(),
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
        for node in cache.nodes.ids() {
            self.note_node(cx, cache, node);
        }
        self.plan(cx, cache);
    }

    /// A change of a node reached the cache, or its machine has been taken back.
    pub fn on_node(&mut self, cx: &mut Cx<'_>, cache: &Informers, node: NodeId) {
        self.note_node(cx, cache, node);
        self.plan(cx, cache);
    }

    fn note_node(&mut self, cx: &Cx<'_>, cache: &Informers, node: NodeId) {
        let object = &cache.nodes[node];
        let lost = !object.ready.is_true();
        let key = self.out_of_service_key;
        let tainted = || object.taints.iter().any(|taint| Some(taint.key) == key);
        if lost && key.is_some() && tainted() {
            self.out_of_service.insert(node);
        } else {
            self.out_of_service.remove(&node);
        }
        if lost && cx.state.truth.nodes[node].reclaimed {
            self.gone.entry(node).or_insert(None);
        } else {
            self.gone.remove(&node);
        }
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
            self.plan(cx, cache);
        }
    }

    /// A planned pass.
    pub fn pass(&mut self, cx: &mut Cx<'_>, cache: &Informers, epoch: u32) {
        if epoch != self.epoch || self.planned != Some(cx.now) {
            return;
        }
        self.planned = None;
        self.passed = Some(cx.now);
        let surplus = self.terminated.len().saturating_sub(self.threshold);
        let oldest = self.terminated.iter().take(surplus).map(|&(_, pod)| pod);
        let mut doomed: Vec<PodId> = oldest.chain(self.unscheduled.iter().copied()).collect();
        for &node in &self.out_of_service {
            let pods = cache.pods_on(node).filter(|(_, pod)| pod.termination.is_some());
            doomed.extend(pods.map(|(id, _)| id));
        }
        for (&node, since) in &mut self.gone {
            if cx.state.truth.cloud_manager_stops > 0 {
                continue;
            }
            let since = *since.get_or_insert(cx.now);
            if cx.now.saturating_since(since) >= QUARANTINE {
                doomed.extend(cache.pods_on(node).map(|(id, _)| id));
            }
        }
        doomed.sort_unstable();
        doomed.dedup();
        for pod in doomed {
            let (grace, cause) = (Some(SimDuration::ZERO), DeletionCause::PodGc);
            cx.request(Client::PodGc, Request::DeletePod { pod, grace, cause });
        }
        self.plan(cx, cache);
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
    fn plan(&mut self, cx: &mut Cx<'_>, cache: &Informers) {
        let waits = |node: &NodeId| cache.pods_on(*node).any(|(_, pod)| pod.termination.is_some());
        let due = self.terminated.len() > self.threshold
            || !self.unscheduled.is_empty()
            || self.out_of_service.iter().any(waits)
            || self.gone.keys().any(|&node| cache.pods_on(node).next().is_some());
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
