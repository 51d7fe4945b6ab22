//! ReplicaSet controller: as many active pods as `spec.replicas` says.
//!
//! Kubernetes-behaviour §3.1. Terminating and finished pods are not active, so they are replaced
//! at once. Expectations keep it from acting twice on what its cache has not shown yet.

use std::collections::BTreeMap;

use super::informers::Tally;
use super::pace::Pace;
use super::victims::{VictimRank, deletion_order};
use super::{Informers, Work};
use crate::base::time::{SimDuration, SimTime};
use crate::cx::Cx;
use crate::event::WorkQueue;
use crate::model::{FaultId, FaultKind, Model, PodId};
use crate::record::{Fact, Involved};
use crate::state::{
    Change, Client, DeletionCause, Owner, PodObject, ReplicaSetId, ReplicaSetObject,
    ReplicaSetStatus, Request, Seat,
};

/// Most pods created or deleted in one sync.
const BURST_REPLICAS: usize = 500;
/// The controller's memory.
#[derive(Debug, Default)]
pub(super) struct ReplicaSetController {
    refused: BTreeMap<ReplicaSetId, Refused>,
    reported: BTreeMap<ReplicaSetId, ReplicaSetStatus>,
    paces: BTreeMap<ReplicaSetId, Pace>,
}

/// Creations that an admission webhook keeps from happening.
#[derive(Clone, Copy, Debug, Default)]
struct Refused {
    /// The outage that the one under way will fail of.
    pending: Option<FaultId>,
    /// Syncs that have failed one after another.
    failures: u32,
}

/// First and longest wait before a sync that failed is tried again (client-go's
/// `ItemExponentialFailureRateLimiter` as controllers use it).
const RETRY_FIRST: SimDuration = SimDuration::from_millis(5);
const RETRY_LONGEST: SimDuration = SimDuration::from_secs(1000);

impl ReplicaSetController {
    /// Notes what a pod's change means for expectations.
    pub(super) fn observe_pod(&mut self, change: &Change<PodId, PodObject>, owner: ReplicaSetId) {
        if let Some(pace) = self.paces.get_mut(&owner) {
            pace.observe(change);
        }
    }

    pub(super) fn sync(
        &mut self,
        cx: &mut Cx<'_>,
        work: &mut Work<'_>,
        cache: &Informers,
        id: ReplicaSetId,
    ) {
        let Some(set) = cache.replica_set(id) else {
            self.paces.remove(&id);
            self.reported.remove(&id);
            self.refused.remove(&id);
            return;
        };
        let key = (WorkQueue::ReplicaSet, id.raw());
        let Some(again) = self.pace(id).begin(cx, work, key) else { return };
        if self.fails(cx, work, (id, set)) && !again {
            return;
        }
        if self.pace(id).may_act(cx.now) {
            let missing = i64::from(set.replicas) - i64::from(cache.tally(id).active);
            if missing > 0 {
                if self.is_refused(cx, work, id, set) {
                    return;
                }
                self.create(cx, id, set, missing.unsigned_abs());
            } else if missing < 0 {
                self.delete(cx, cache, (id, set), missing.unsigned_abs());
            }
        }
        self.report(cx, work, cache, (id, set));
    }

    /// Whether a webhook that does not answer keeps pods from being created: the first batch of
    /// slow start, one pod, fails when the call of the webhook runs into its time-out.
    fn is_refused(
        &mut self,
        cx: &mut Cx<'_>,
        work: &mut Work<'_>,
        id: ReplicaSetId,
        set: &ReplicaSetObject,
    ) -> bool {
        let model = cx.model;
        let namespace = model.templates[set.template].namespace;
        let outage = cx.state.truth.refusing_webhook(model, namespace);
        let Some((fault, (_, timeout))) = outage.and_then(|f| Some((f, webhook(model, f)?))) else {
            self.refused.remove(&id);
            return false;
        };
        let leaves = cx.state.clients.take(Client::ReplicaSet, cx.now);
        let until = leaves.saturating_add(timeout);
        self.pace(id).wait(until);
        self.refused.entry(id).or_default().pending = Some(fault);
        work.enqueue_at(cx, WorkQueue::ReplicaSet, id.raw(), until);
        true
    }

    /// Whether the creation under way has failed now; it is tried again after a longer and longer
    /// wait, or with the next change of the ReplicaSet or its pods.
    fn fails(
        &mut self,
        cx: &mut Cx<'_>,
        work: &mut Work<'_>,
        (id, set): (ReplicaSetId, &ReplicaSetObject),
    ) -> bool {
        let Some(refused) = self.refused.get_mut(&id) else { return false };
        let outage = refused.pending.take().and_then(|fault| webhook(cx.model, fault));
        let Some((webhook, timeout)) = outage else { return false };
        let wait = RETRY_FIRST.saturating_mul(1 << refused.failures.min(20)).min(RETRY_LONGEST);
        refused.failures += 1;
        cx.fact(Fact::CreationRefused { workload: set.workload });
        let about = Involved::Workload(set.workload);
        cx.kube_event(about, (true, "FailedCreate", "replicaset-controller"), |_, _| {
            let seconds = timeout.as_secs();
            format!(
                "Error creating: Internal error occurred: failed calling webhook \"{webhook}\": \
                 failed to call webhook: Post \"https://{webhook}.svc:443/?timeout={seconds}s\": \
                 context deadline exceeded"
            )
        });
        work.enqueue_at(cx, WorkQueue::ReplicaSet, id.raw(), cx.now.saturating_add(wait));
        true
    }

    fn create(&mut self, cx: &mut Cx<'_>, id: ReplicaSetId, set: &ReplicaSetObject, missing: u64) {
        let count = usize::try_from(missing).unwrap_or(usize::MAX).min(BURST_REPLICAS);
        self.pace(id).expect(cx.now, count, []);
        // Fidelity: slow start sends batches of 1, 2, 4, … one answer apart; the API server here
        // refuses no creation, so the batches leave together and the client's rate limit spaces them.
        for _ in 0..count {
            let create = Request::CreatePod {
                template: set.template,
                owner: Some(Owner::ReplicaSet(id)),
                seat: Seat::Lowest,
            };
            self.write(cx, id, create);
        }
    }

    fn delete(
        &mut self,
        cx: &mut Cx<'_>,
        cache: &Informers,
        (id, set): (ReplicaSetId, &ReplicaSetObject),
        surplus: u64,
    ) {
        let count = usize::try_from(surplus).unwrap_or(usize::MAX).min(BURST_REPLICAS);
        let active = cache.pods_of(id).filter(|(_, pod)| pod.is_active());
        let mut ranked: Vec<(VictimRank, PodId)> =
            active.map(|(pod, object)| (rank(cache, set, object), pod)).collect();
        if count < ranked.len() {
            insertion_sort(&mut ranked, |a, b| deletion_order(&a.0, &b.0, cx.now).is_lt());
        }
        self.pace(id).expect(cx.now, 0, ranked.iter().take(count).map(|&(_, pod)| pod));
        for &(_, pod) in ranked.iter().take(count) {
            let cause = DeletionCause::Controller;
            self.write(cx, id, Request::DeletePod { pod, grace: None, cause });
        }
    }

    /// Sends a write, whose answer the sync waits for.
    fn write(&mut self, cx: &mut Cx<'_>, id: ReplicaSetId, request: Request) {
        self.pace(id).write(cx, Client::ReplicaSet, request);
    }

    fn pace(&mut self, id: ReplicaSetId) -> &mut Pace {
        self.paces.entry(id).or_default()
    }

    fn report(
        &mut self,
        cx: &mut Cx<'_>,
        work: &mut Work<'_>,
        cache: &Informers,
        (id, set): (ReplicaSetId, &ReplicaSetObject),
    ) {
        let min_ready = cx.model.workloads[set.workload].min_ready;
        let Tally { active, ready } = cache.tally(id);
        let mut status = ReplicaSetStatus { replicas: active, ready, available: ready };
        if min_ready > SimDuration::ZERO && ready > 0 {
            let pods = cache.pods_of(id).filter(|(_, pod)| pod.is_active() && pod.is_ready());
            let due = pods.map(|(_, pod)| pod.status.ready.since.saturating_add(min_ready));
            // Ready for exactly minReadySeconds is not yet available.
            let mut later: Vec<SimTime> = due.filter(|&due| due >= cx.now).collect();
            later.sort_unstable();
            status.available -= i32::try_from(later.len()).expect("as many as are ready");
            if let Some(&next) = later.first() {
                let next = next.saturating_add(SimDuration::from_nanos(1));
                work.enqueue_at(cx, WorkQueue::ReplicaSet, id.raw(), next);
            }
        }
        let last = self.reported.get(&id).copied().unwrap_or(set.status);
        if status != last {
            self.reported.insert(id, status);
            self.write(cx, id, Request::ReplicaSetStatus { replica_set: id, status });
        }
    }
}

/// The name and the time-out of a webhook that an outage strikes.
fn webhook(model: &Model, outage: FaultId) -> Option<(&str, SimDuration)> {
    let kind = &model.faults[outage].kind;
    let FaultKind::WebhookOutage { webhook, timeout, .. } = kind else { return None };
    Some((webhook, *timeout))
}

/// What the deletion order looks at, for one pod.
fn rank(cache: &Informers, set: &ReplicaSetObject, pod: &PodObject) -> VictimRank {
    let colocated = pod.node.map_or(0, |node| {
        let siblings = cache.pods_on(node).filter(|(_, other)| {
            other.is_active()
                && other
                    .replica_set()
                    .and_then(|owner| cache.replica_set(owner))
                    .is_some_and(|owner| owner.workload == set.workload)
        });
        u32::try_from(siblings.count()).expect("fewer than 2^32 pods on a node")
    });
    VictimRank {
        assigned: pod.node.is_some(),
        phase: pod.status.phase.into(),
        ready: pod.is_ready(),
        deletion_cost: 0,
        colocated,
        ready_since: Some(pod.status.ready.since),
        restarts: pod.status.restarts,
        sidecar_restarts: 0,
        created: Some(pod.created),
        uid: pod.uid,
    }
}

/// A stable sort that tolerates an order that is not transitive (the standard one may panic).
fn insertion_sort<T>(items: &mut [T], less: impl Fn(&T, &T) -> bool) {
    for end in 1..items.len() {
        let mut at = end;
        while at > 0 && less(&items[at], &items[at - 1]) {
            items.swap(at, at - 1);
            at -= 1;
        }
    }
}
