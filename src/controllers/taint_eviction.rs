//! The taint eviction controller: deletes pods from nodes whose NoExecute taints they do not
//! tolerate, at once or when their `tolerationSeconds` are over.
//!
//! It knows only its informer cache. Its timers are lost with the process; a new one starts them
//! anew.

use std::collections::BTreeMap;

use super::Informers;
use crate::base::time::{SimDuration, SimTime};
use crate::cx::Cx;
use crate::event::{ControllerEvent, Event};
use crate::model::{Model, NodeId, PodId, Taint, TaintEffect, Toleration};
use crate::record::Involved;
use crate::state::{Client, DeletionCause, NodeObject, PodObject, Request};

/// What a pod's tolerations make of a node's NoExecute taints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stay {
    /// A taint is not tolerated.
    NotTolerated,
    /// All are tolerated for ever.
    Forever,
    /// All are tolerated, the least patient toleration for this long.
    For(SimDuration),
}

/// How long a pod stays on a node with these NoExecute taints. Of several tolerations that cover
/// a taint the first counts.
#[must_use]
pub fn stay(taints: &[Taint], tolerations: &[Toleration]) -> Stay {
    if taints.is_empty() {
        return Stay::Forever;
    }
    let mut least: Option<u64> = None;
    for taint in taints {
        let Some(used) = tolerations.iter().find(|toleration| toleration.tolerates(taint)) else {
            return Stay::NotTolerated;
        };
        if let Some(seconds) = used.seconds {
            let seconds = u64::try_from(seconds).unwrap_or(0);
            least = Some(least.map_or(seconds, |least| least.min(seconds)));
        }
    }
    least.map_or(Stay::Forever, |seconds| Stay::For(SimDuration::from_secs(seconds)))
}

/// The NoExecute taints among a node's.
#[must_use]
pub fn no_execute(taints: &[Taint]) -> Vec<Taint> {
    taints.iter().filter(|taint| taint.effect == TaintEffect::NoExecute).copied().collect()
}

/// Begin of the message of a timer that was called off.
const CANCELLING: &str = "Cancelling deletion of Pod";

/// A pod's eviction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Eviction {
    /// To happen.
    Timed { created: SimTime, fires: SimTime, epoch: u32 },
    /// Done; kept so that it is not done twice.
    Done,
}

/// What happens to a pod's eviction when the pod is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Nothing changes.
    Keep,
    /// The eviction, if there is one, is called off.
    Cancel,
    /// Called off if there is one, then done at once.
    Now,
    /// Called off if there is one, then timed.
    At { created: SimTime, fires: SimTime },
}

fn verdict(stay: Stay, existing: Option<Eviction>, now: SimTime) -> Verdict {
    let wait = match stay {
        Stay::NotTolerated => return Verdict::Now,
        Stay::Forever => return Verdict::Cancel,
        Stay::For(wait) => wait,
    };
    let created = match existing {
        // A timer is never moved, except at the very instant at which it was made.
        Some(Eviction::Timed { created, .. }) if created < now => return Verdict::Keep,
        Some(Eviction::Done) => return Verdict::Keep,
        Some(Eviction::Timed { created, .. }) => created,
        None => now,
    };
    Verdict::At { created, fires: created.saturating_add(wait) }
}

/// What a look at a pod changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// A running timer was called off.
    pub cancelled: bool,
    /// When a timer that was started runs out, and its epoch.
    pub timer: Option<(SimTime, u32)>,
}

/// The pods whose eviction is timed or done.
#[derive(Debug, Default)]
pub struct Evictions {
    pods: BTreeMap<PodId, Eviction>,
    epochs: u32,
}

impl Evictions {
    /// Looks at a pod that may stay for so long.
    pub fn look(&mut self, pod: PodId, stay: Stay, now: SimTime) -> Looked {
        let (created, fires) = match verdict(stay, self.pods.get(&pod).copied(), now) {
            Verdict::Keep => return Looked::default(),
            Verdict::Cancel => return Looked { cancelled: self.cancel(pod, now), timer: None },
            Verdict::Now => (now, now),
            Verdict::At { created, fires } => (created, fires),
        };
        let cancelled = self.cancel(pod, now);
        Looked { cancelled, timer: Some((fires, self.start(pod, created, fires))) }
    }

    /// Forgets a pod; whether a timer was running (one that runs out now no longer is).
    pub fn cancel(&mut self, pod: PodId, now: SimTime) -> bool {
        let removed = self.pods.remove(&pod);
        matches!(removed, Some(Eviction::Timed { fires, .. }) if fires > now)
    }

    /// Starts a timer; returns its epoch.
    fn start(&mut self, pod: PodId, created: SimTime, fires: SimTime) -> u32 {
        self.epochs = self.epochs.wrapping_add(1);
        self.pods.insert(pod, Eviction::Timed { created, fires, epoch: self.epochs });
        self.epochs
    }

    /// Whether this is the timer that runs out now; it is done then.
    pub fn fire(&mut self, pod: PodId, now: SimTime, epoch: u32) -> bool {
        let Some(eviction) = self.pods.get_mut(&pod) else { return false };
        let due = matches!(eviction, Eviction::Timed { fires, epoch: own, .. }
            if *fires == now && *own == epoch);
        if due {
            *eviction = Eviction::Done;
        }
        due
    }
}

/// The taint eviction controller.
#[derive(Debug, Default)]
pub struct TaintEviction {
    evictions: Evictions,
}

impl TaintEviction {
    /// A controller without timers.
    #[must_use]
    pub fn new(_model: &Model) -> Self {
        Self::default()
    }

    /// The process leads: memory is empty, and timers start at this moment.
    pub fn lead(&mut self, cx: &mut Cx<'_>, cache: &Informers) {
        self.evictions = Evictions::default();
        for (node, object) in cache.nodes.iter() {
            if object.taints.iter().any(|taint| taint.effect == TaintEffect::NoExecute) {
                self.look_at_node(cx, cache, node);
            }
        }
    }

    /// A change of a node reached the cache.
    pub fn on_node(
        &mut self,
        cx: &mut Cx<'_>,
        cache: &Informers,
        before: &NodeObject,
        node: NodeId,
    ) {
        if no_execute(&before.taints) != no_execute(&cache.nodes[node].taints) {
            self.look_at_node(cx, cache, node);
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
        let Some(object) = cache.pod(pod) else {
            if let Some(before) = before {
                self.cancel(cx, pod, before);
            }
            return;
        };
        let Some(node) = object.node else { return };
        if before.and_then(|before| before.node) == Some(node) {
            return;
        }
        let taints = no_execute(&cache.nodes[node].taints);
        if !taints.is_empty() {
            self.look_at_pod(cx, pod, object, &taints);
        }
    }

    /// A timer has run out.
    pub fn evict(&mut self, cx: &mut Cx<'_>, cache: &Informers, pod: PodId, epoch: u32) {
        if !self.evictions.fire(pod, cx.now, epoch) {
            return;
        }
        let Some(object) = cache.pod(pod) else { return };
        emit(cx, pod, object, "Marking for deletion Pod");
        // Fidelity: a pod that is being deleted already is not deleted again; the API server
        // would change nothing.
        if object.termination.is_none() {
            let cause = DeletionCause::TaintManager;
            cx.request(Client::TaintEviction, Request::DeletePod { pod, grace: None, cause });
        }
    }

    fn look_at_node(&mut self, cx: &mut Cx<'_>, cache: &Informers, node: NodeId) {
        let taints = no_execute(&cache.nodes[node].taints);
        for (pod, object) in cache.pods_on(node) {
            self.look_at_pod(cx, pod, object, &taints);
        }
    }

    fn look_at_pod(&mut self, cx: &mut Cx<'_>, pod: PodId, object: &PodObject, taints: &[Taint]) {
        let tolerations = &cx.model.templates[object.template].tolerations;
        let looked = self.evictions.look(pod, stay(taints, tolerations), cx.now);
        if looked.cancelled {
            emit(cx, pod, object, CANCELLING);
        }
        if let Some((fires, epoch)) = looked.timer {
            cx.at(fires, Event::Controller(ControllerEvent::Evict { pod, epoch }));
        }
    }

    fn cancel(&mut self, cx: &mut Cx<'_>, pod: PodId, object: &PodObject) {
        if self.evictions.cancel(pod, cx.now) {
            emit(cx, pod, object, CANCELLING);
        }
    }
}

/// Emits one of the controller's events about a pod.
fn emit(cx: &mut Cx<'_>, pod: PodId, object: &PodObject, what: &'static str) {
    let identity = object.identity();
    cx.kube_event(
        Involved::Pod(pod),
        (false, "TaintManagerEviction", "taint-eviction-controller"),
        |model, _| {
            let workload = &model.workloads[model.templates[identity.template].workload];
            let namespace = &model.namespaces[workload.namespace].name;
            format!("{what} {namespace}/{}", model.pod_name(&identity))
        },
    );
}

#[cfg(test)]
#[path = "taint_eviction_tests.rs"]
mod tests;
