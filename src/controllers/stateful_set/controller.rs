//! The StatefulSet controller of a running cluster: what its cache shows goes into a sync, what the
//! sync decides goes to the API server.

use std::collections::BTreeMap;

use super::{
    PodManagement, Rollout, StatefulAction, StatefulPod, StatefulSpec, StatefulSync,
    StatefulUpdate, stateful_events, sync_stateful_set,
};
use crate::base::time::{SimDuration, SimTime};
use crate::controllers::pace::Pace;
use crate::controllers::{Informers, Release, Work};
use crate::cx::Cx;
use crate::event::WorkQueue;
use crate::model::{KindSpec, Model, PodId, StatefulSetSpec, TemplateId, WorkloadId};
use crate::record::Involved;
use crate::state::{
    Change, Client, DeletionCause, Owner, PodObject, Request, Seat, StatefulSetObject,
    StatefulSetStatus,
};

/// The controller's memory.
#[derive(Debug, Default)]
pub(in crate::controllers) struct StatefulSetController {
    paces: BTreeMap<WorkloadId, Pace>,
    reported: BTreeMap<WorkloadId, StatefulSetStatus>,
}

/// What a StatefulSet's specification says besides what all workloads have.
fn own_spec(model: &Model, workload: WorkloadId) -> &StatefulSetSpec {
    match &model.workloads[workload].own {
        KindSpec::StatefulSet(own) => own,
        KindSpec::Plain | KindSpec::DaemonSet(_) | KindSpec::Job(_) | KindSpec::CronJob(_) => {
            unreachable!("the workload is a StatefulSet")
        }
    }
}

impl StatefulSetController {
    /// Notes what a pod's change means for expectations.
    pub(in crate::controllers) fn observe_pod(
        &mut self,
        change: &Change<PodId, PodObject>,
        owner: WorkloadId,
    ) {
        if let Some(pace) = self.paces.get_mut(&owner) {
            pace.observe(change);
        }
    }

    pub(in crate::controllers) fn sync(
        &mut self,
        cx: &mut Cx<'_>,
        work: &mut Work<'_>,
        cache: &Informers,
        workload: WorkloadId,
    ) {
        let Some(set) = cache.stateful_sets.get(&workload) else { return };
        let pace = self.paces.entry(workload).or_default();
        let key = (WorkQueue::StatefulSet, workload.raw());
        if pace.begin(cx, work, key).is_none() {
            return;
        }
        // Fidelity: the controller has no expectations; where its cache lags it repeats a write, is
        // told that the pod exists or is being deleted, and tries again. Here it waits for its cache.
        if !pace.may_act(cx.now) {
            return;
        }
        let own = own_spec(cx.model, workload);
        let spec = spec_of(cx.model, workload, set);
        let rollout = Rollout {
            current: Some(own.revisions[set.status.current_revision as usize][0]),
            update: own.revisions[set.revision as usize][0],
            current_replicas: set.status.current,
        };
        let pods: Vec<StatefulPod> =
            cache.pods_of_workload(workload).map(|pod| view(cx.model, cx.now, own, pod)).collect();
        let decided = sync_stateful_set(&spec, rollout, &pods, &[]);
        self.act(cx, workload, &decided);
        self.report(cx, (workload, set), &decided);
        if let Some(wait) = decided.recheck_after {
            let at = cx.now.saturating_add(wait);
            work.enqueue_at(cx, WorkQueue::StatefulSet, workload.raw(), at);
        }
    }

    fn act(&mut self, cx: &mut Cx<'_>, workload: WorkloadId, decided: &StatefulSync) {
        let pace = self.paces.entry(workload).or_default();
        let created = |action: &&StatefulAction| matches!(action, StatefulAction::Create { .. });
        let deleted = decided.actions.iter().filter_map(|action| match action {
            StatefulAction::Delete { pod, .. } => Some(*pod),
            StatefulAction::CreateClaims { .. }
            | StatefulAction::OwnClaims { .. }
            | StatefulAction::Create { .. } => None,
        });
        let creations = decided.actions.iter().filter(created).count();
        pace.expect(cx.now, creations, deleted.collect::<Vec<_>>());
        let own = own_spec(cx.model, workload);
        for action in &decided.actions {
            let request = match *action {
                // Claims exist from the start and belong to nobody.
                StatefulAction::CreateClaims { .. } | StatefulAction::OwnClaims { .. } => continue,
                StatefulAction::Create { ordinal, revision } => Request::CreatePod {
                    template: own.template(cx.model.templates[revision].revision, ordinal),
                    owner: Some(Owner::StatefulSet(workload)),
                    seat: Seat::Ordinal(ordinal),
                },
                StatefulAction::Delete { pod, .. } => {
                    Request::DeletePod { pod, grace: None, cause: DeletionCause::Controller }
                }
            };
            pace.write(cx, Client::StatefulSet, request);
            let name = cx.model.workloads[workload].name.clone();
            for event in stateful_events(action, &name, &[]) {
                let kind = (false, event.reason, "statefulset-controller");
                cx.kube_event(Involved::Workload(workload), kind, |_, _| event.message);
            }
        }
    }

    fn report(
        &mut self,
        cx: &mut Cx<'_>,
        (workload, set): (WorkloadId, &StatefulSetObject),
        decided: &StatefulSync,
    ) {
        let of = &decided.status;
        let number = |template: TemplateId| cx.model.templates[template].revision;
        let status = StatefulSetStatus {
            replicas: of.replicas,
            ready: of.ready,
            available: of.available,
            current: of.current.max(0),
            updated: of.updated,
            current_revision: number(of.current_revision),
            update_revision: number(of.update_revision),
        };
        let last = self.reported.get(&workload).copied().unwrap_or(set.status);
        if status != last {
            self.reported.insert(workload, status);
            let request = Request::StatefulSetStatus { workload, status };
            self.paces.entry(workload).or_default().write(cx, Client::StatefulSet, request);
        }
    }
}

fn spec_of(model: &Model, workload: WorkloadId, set: &StatefulSetObject) -> StatefulSpec {
    let own = own_spec(model, workload);
    StatefulSpec {
        release: Release::default(),
        replicas: u32::try_from(set.replicas).unwrap_or(0),
        start: own.start,
        management: if own.parallel {
            PodManagement::Parallel
        } else {
            PodManagement::OrderedReady
        },
        update: if own.on_delete {
            StatefulUpdate::OnDelete
        } else {
            let partition = u32::try_from(set.partition).unwrap_or(0);
            StatefulUpdate::RollingUpdate { partition: Some(partition) }
        },
        min_ready: model.workloads[workload].min_ready,
        claims: None,
        deleting: false,
    }
}

/// A pod as a sync sees it.
fn view(
    model: &Model,
    now: SimTime,
    own: &StatefulSetSpec,
    (id, pod): (PodId, &PodObject),
) -> StatefulPod {
    let revision = model.templates[pod.template].revision as usize;
    StatefulPod {
        id,
        ordinal: pod.replica,
        revision: own.revisions[revision][0],
        phase: pod.status.phase,
        ready_for: ready_for(now, pod),
        terminating: pod.termination.is_some(),
    }
}

/// For how long a pod has been Ready; absent where it is not.
pub(in crate::controllers) fn ready_for(now: SimTime, pod: &PodObject) -> Option<SimDuration> {
    pod.is_ready().then(|| now.saturating_since(pod.status.ready.since))
}
