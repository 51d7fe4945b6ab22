//! Disruption controller: how many pods each PodDisruptionBudget lets go.
//!
//! Kubernetes-behaviour §3.16. It writes status; who asks before disrupting a pod, and who does
//! not, is not its business. Scales of the pods' controllers are read when a budget is synced, and
//! only changes of pods cause a sync.

use std::collections::{BTreeMap, BTreeSet};

use super::{Informers, Work};
use crate::base::id::IdVec;
use crate::base::time::{SimDuration, SimTime};
use crate::cx::Cx;
use crate::event::WorkQueue;
use crate::model::{BudgetId, DisruptionLimit, IntOrPercent, Model, PodId, TemplateId};
use crate::state::{BudgetStatus, Change, Client, Owner, PodObject, Request};

/// How long a pod whose eviction was granted is taken for going.
const DELETION_TIMEOUT: SimDuration = SimDuration::from_secs(120);

/// Who controls a pod, as far as budgets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Nobody.
    Unmanaged,
    /// A controller that cannot be found.
    Unknown,
    /// A controller and its `spec.replicas`.
    Of {
        /// Stands for the controller.
        controller: u64,
        /// Its scale.
        replicas: i32,
    },
}

/// A pod that a budget selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetedPod {
    /// Its controller.
    pub scale: Scale,
    /// It is Ready.
    pub ready: bool,
    /// It is being deleted.
    pub terminating: bool,
    /// How long ago its eviction was granted, if `status.disruptedPods` lists it.
    pub granted_ago: Option<SimDuration>,
}

/// What a budget comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budgeted {
    /// `disruptionsAllowed`.
    pub allowed: i32,
    /// `currentHealthy`.
    pub healthy: i32,
    /// `desiredHealthy`.
    pub desired: i32,
    /// `expectedPods`.
    pub expected: i32,
    /// Places of the pods that stay in `disruptedPods`.
    pub granted: Vec<usize>,
    /// When the first of them will have been listed for too long.
    pub recheck_after: Option<SimDuration>,
}

impl Budgeted {
    /// Status and reason of the condition `DisruptionAllowed`.
    #[must_use]
    pub fn condition(&self) -> (bool, &'static str) {
        if self.allowed > 0 { (true, "SufficientPods") } else { (false, "InsufficientPods") }
    }
}

/// Works out a budget's status from the pods it selects. `None` if the scale of one of them is
/// needed and unknown: then nothing may be disrupted.
#[must_use]
pub fn budgeted(limit: DisruptionLimit, pods: &[BudgetedPod]) -> Option<Budgeted> {
    let (expected, desired) = match limit {
        DisruptionLimit::Absent => (0, 0),
        // A number needs no scale: what is there is expected.
        DisruptionLimit::MinAvailable(IntOrPercent::Int(min)) => (count(pods.len()), min),
        DisruptionLimit::MinAvailable(min @ IntOrPercent::Percent(_)) => {
            let expected = expected_scale(pods)?;
            (expected, min.ceil(expected))
        }
        DisruptionLimit::MaxUnavailable(max) => {
            let expected = expected_scale(pods)?;
            (expected, expected.saturating_sub(max.ceil(expected)).max(0))
        }
    };
    let granted = |pod: &BudgetedPod| pod.granted_ago.filter(|_| !pod.terminating);
    // Listed for exactly the time-out a pod is still listed, yet counts again.
    let going = |pod: &BudgetedPod| granted(pod).is_some_and(|ago| ago < DELETION_TIMEOUT);
    let healthy = pods.iter().filter(|pod| pod.ready && !pod.terminating && !going(pod)).count();
    let healthy = count(healthy);
    let listed = pods.iter().enumerate().filter_map(|(at, pod)| Some((at, granted(pod)?)));
    let listed: Vec<_> = listed.filter(|(_, ago)| *ago <= DELETION_TIMEOUT).collect();
    Some(Budgeted {
        allowed: if expected <= 0 { 0 } else { healthy.saturating_sub(desired).max(0) },
        healthy,
        desired,
        expected,
        recheck_after: listed.iter().map(|(_, ago)| DELETION_TIMEOUT.saturating_sub(*ago)).min(),
        granted: listed.into_iter().map(|(at, _)| at).collect(),
    })
}

/// The scales of all controllers of the pods together, each counted once.
fn expected_scale(pods: &[BudgetedPod]) -> Option<i32> {
    let mut scales = BTreeMap::new();
    for pod in pods {
        match pod.scale {
            Scale::Unmanaged => {}
            Scale::Unknown => return None,
            Scale::Of { controller, replicas } => {
                scales.insert(controller, replicas);
            }
        }
    }
    Some(scales.values().fold(0, |sum: i32, replicas| sum.saturating_add(*replicas)))
}

fn count(pods: usize) -> i32 {
    i32::try_from(pods).unwrap_or(i32::MAX)
}

/// The controller's memory.
#[derive(Debug)]
pub(super) struct DisruptionController {
    /// Budgets that select the pods of a template.
    selecting: IdVec<TemplateId, Vec<BudgetId>>,
    /// Known pods of each budget.
    pods: IdVec<BudgetId, BTreeSet<PodId>>,
    /// Statuses as last written or delivered.
    statuses: IdVec<BudgetId, BudgetStatus>,
}

impl DisruptionController {
    pub(super) fn new(model: &Model) -> Self {
        let selecting = model.templates.values().map(|template| {
            let budgets = model.budgets.iter().filter(|(_, budget)| {
                budget.namespace == template.namespace
                    && budget.selector.matches(&template.labels, &model.symbols)
            });
            budgets.map(|(id, _)| id).collect()
        });
        Self {
            selecting: selecting.collect(),
            pods: model.budgets.ids().map(|_| BTreeSet::new()).collect(),
            statuses: model.budgets.ids().map(|_| BudgetStatus::default()).collect(),
        }
    }

    /// A new leader has listed everything.
    pub(super) fn lead(&mut self, cx: &mut Cx<'_>, work: &mut Work<'_>, cache: &Informers) {
        self.list(cache, &cx.state.api.budgets);
        for budget in cx.model.budgets.ids() {
            work.enqueue(cx, WorkQueue::Disruption, budget.raw());
        }
    }

    fn list(&mut self, cache: &Informers, statuses: &IdVec<BudgetId, BudgetStatus>) {
        self.statuses.clone_from(statuses);
        for (id, pod) in cache.pods.iter() {
            let Some(pod) = pod else { continue };
            for &budget in &self.selecting[pod.template] {
                self.pods[budget].insert(id);
            }
        }
    }

    /// Fidelity: of several budgets that select a pod kube-controller-manager syncs one, whichever
    /// its lister gives first; here all of them.
    pub(super) fn on_pod(
        &mut self,
        cx: &mut Cx<'_>,
        work: &mut Work<'_>,
        change: &Change<PodId, PodObject>,
    ) {
        for &budget in &self.selecting[change.object.template] {
            if change.object.gone {
                self.pods[budget].remove(&change.id);
            } else {
                self.pods[budget].insert(change.id);
            }
            work.enqueue(cx, WorkQueue::Disruption, budget.raw());
        }
    }

    pub(super) fn on_budget(
        &mut self,
        cx: &mut Cx<'_>,
        work: &mut Work<'_>,
        change: &Change<BudgetId, BudgetStatus>,
    ) {
        self.statuses[change.id] = change.object.clone();
        work.enqueue(cx, WorkQueue::Disruption, change.id.raw());
    }

    pub(super) fn sync(
        &mut self,
        cx: &mut Cx<'_>,
        work: &mut Work<'_>,
        cache: &Informers,
        budget: BudgetId,
    ) {
        let (status, recheck) = self.status(cx.model, cx.now, cache, budget);
        if let Some(recheck) = recheck {
            // Just after, when the pod has been listed for too long.
            let at = cx.now.saturating_add(recheck).saturating_add(SimDuration::from_nanos(1));
            work.enqueue_at(cx, WorkQueue::Disruption, budget.raw(), at);
        }
        if status != self.statuses[budget] {
            self.statuses[budget] = status.clone();
            cx.request(Client::Disruption, Request::BudgetStatus { budget, status });
        }
    }

    fn status(
        &self,
        model: &Model,
        now: SimTime,
        cache: &Informers,
        budget: BudgetId,
    ) -> (BudgetStatus, Option<SimDuration>) {
        let before = &self.statuses[budget];
        let granted_at = |pod: PodId| {
            before.disrupted_pods.iter().find(|(granted, _)| *granted == pod).map(|(_, at)| *at)
        };
        let known = self.pods[budget].iter().filter_map(|&id| Some((id, cache.pod(id)?)));
        let known: Vec<(PodId, &PodObject)> = known.collect();
        let pods = known.iter().map(|&(id, pod)| BudgetedPod {
            scale: scale(cache, pod),
            ready: pod.is_ready(),
            terminating: pod.termination.is_some(),
            granted_ago: granted_at(id).map(|at| now.saturating_since(at)),
        });
        let pods: Vec<BudgetedPod> = pods.collect();
        let Some(found) = budgeted(model.budgets[budget].limit, &pods) else {
            return (BudgetStatus { disruptions_allowed: 0, ..before.clone() }, None);
        };
        let granted = found.granted.iter().filter_map(|&at| {
            let id = known[at].0;
            Some((id, granted_at(id)?))
        });
        let status = BudgetStatus {
            disruptions_allowed: found.allowed,
            current_healthy: found.healthy,
            desired_healthy: found.desired,
            expected_pods: found.expected,
            disrupted_pods: granted.collect(),
        };
        (status, found.recheck_after)
    }
}

/// The scale behind a pod: of the Deployment, where its ReplicaSet belongs to one.
fn scale(cache: &Informers, pod: &PodObject) -> Scale {
    let Some(owner) = pod.owner else { return Scale::Unmanaged };
    let owner = match owner {
        Owner::ReplicaSet(id) => id,
        // Neither has a scale subresource: such a pod makes the budget's sum impossible.
        Owner::DaemonSet(_) | Owner::Job(_) => return Scale::Unknown,
        Owner::StatefulSet(id) => {
            let Some(set) = cache.stateful_sets.get(&id) else { return Scale::Unknown };
            let controller = 2 << 32 | u64::from(id.raw());
            return Scale::Of { controller, replicas: set.replicas };
        }
    };
    let Some(set) = cache.replica_set(owner) else { return Scale::Unknown };
    let id = |kind: u64, raw: u32| kind << 32 | u64::from(raw);
    match cache.deployments.get(set.workload).copied().flatten() {
        Some(deployment) => {
            Scale::Of { controller: id(1, set.workload.raw()), replicas: deployment.replicas }
        }
        None => Scale::Of { controller: id(0, owner.raw()), replicas: set.replicas },
    }
}

/// The statuses that the controller has written in a cluster that has been at rest for long.
#[must_use]
pub fn settled_budgets(cx: &Cx<'_>) -> IdVec<BudgetId, BudgetStatus> {
    let cache = Informers::list(&cx.state.api);
    let mut controller = DisruptionController::new(cx.model);
    controller.list(&cache, &cx.state.api.budgets);
    let of = |budget| controller.status(cx.model, cx.now, &cache, budget).0;
    cx.model.budgets.ids().map(of).collect()
}

#[cfg(test)]
#[path = "disruption_tests.rs"]
mod tests;
