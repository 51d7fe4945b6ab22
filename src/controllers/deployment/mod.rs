//! Deployment controller: rolls from one pod template to the next.
//!
//! Kubernetes-behaviour §3.2. It creates and scales ReplicaSets; pods are theirs. What is decided
//! is decided by [`sync()`]; here its facts are gathered and its writes are sent.

mod history;
mod recorded;
mod rolling;
mod scale;
mod status;
mod sync;
#[cfg(test)]
mod tests;

pub use recorded::{DeploymentChange, Look, NewDeployment, SetView, Settled, deployment_history};
pub use rolling::{ReplicaCounts, RollingStep, StrategyBounds, rolling_step};
pub use scale::annotated;
pub use sync::{Decision, DeploymentFacts, Rolled, SetFacts, SetWrite, resize, rollout_step, sync};

use std::collections::{BTreeMap, BTreeSet};

use super::{Informers, Work};
use crate::base::id::IdVec;
use crate::base::release::Release;
use crate::base::time::{SimDuration, SimTime};
use crate::cx::Cx;
use crate::event::WorkQueue;
use crate::model::{DeploymentStrategy, Model, TemplateId, WorkloadId};
use crate::record::Involved;
use crate::state::{
    Client, DeploymentObject, DeploymentStatus, ProgressReason, Progressing, ReplicaSetId,
    ReplicaSetObject, Request,
};

/// A deadline of so many seconds, and a history limit of so many sets, are none (`math.MaxInt32`).
const NONE: i32 = i32::MAX;

/// Writes to ReplicaSets that the cache does not show yet: until it does, no further step.
#[derive(Debug, Default)]
struct Pending {
    create: Option<TemplateId>,
    /// Replicas and annotations.
    scale: BTreeMap<ReplicaSetId, (i32, (i32, i32))>,
    revise: Option<(ReplicaSetId, u32)>,
    delete: BTreeSet<ReplicaSetId>,
}

impl Pending {
    fn settle(&mut self, cache: &Informers, workload: WorkloadId) -> bool {
        if let Some(template) = self.create
            && cache.sets_of(workload).any(|(_, set)| set.template == template)
        {
            self.create = None;
        }
        self.scale.retain(|&id, wanted| {
            cache.replica_set(id).is_some_and(|set| {
                (set.replicas, (set.desired_annotation, set.max_annotation)) != *wanted
            })
        });
        if let Some((id, revision)) = self.revise
            && cache.replica_set(id).is_none_or(|set| set.revision == revision)
        {
            self.revise = None;
        }
        self.delete.retain(|&id| cache.replica_set(id).is_some());
        self.create.is_none()
            && self.scale.is_empty()
            && self.revise.is_none()
            && self.delete.is_empty()
    }
}

/// The controller's memory of one Deployment.
#[derive(Debug, Default)]
struct Memory {
    pending: Pending,
    /// The object with the status written last.
    reported: Option<DeploymentObject>,
    /// When it looks again in any case.
    timer: Option<SimTime>,
}

/// The controller's memory.
#[derive(Debug)]
pub(super) struct DeploymentController {
    memory: IdVec<WorkloadId, Memory>,
}

impl DeploymentController {
    pub(super) fn new(model: &Model) -> Self {
        Self { memory: model.workloads.ids().map(|_| Memory::default()).collect() }
    }

    pub(super) fn sync(
        &mut self,
        cx: &mut Cx<'_>,
        work: &mut Work<'_>,
        cache: &Informers,
        workload: WorkloadId,
    ) {
        let Some(object) = cache.deployments[workload] else { return };
        let memory = &mut self.memory[workload];
        if !memory.pending.settle(cache, workload) {
            return;
        }
        // A status on its way counts as written; none is sent until it has arrived.
        let sent = memory.reported.filter(|sent| sent.generation == object.generation);
        let known = sent.map_or(object, |sent| written(&object, &sent));
        let deployment = deployment_facts(cx.model, workload, &known);
        let recreates = deployment.strategy == DeploymentStrategy::Recreate;
        let (mut ids, mut sets) = (Vec::new(), Vec::new());
        for (id, set) in cache.sets_of(workload) {
            let has_pods =
                recreates && cache.pods_of(id).any(|(_, pod)| !pod.status.phase.is_terminal());
            ids.push(id);
            sets.push(set_facts(set, has_pods));
        }
        let decision = sync(&deployment, &sets, cx.now);
        for &write in &decision.writes {
            tell(cx, workload, &deployment, &sets, write);
        }
        memory.pending.send(cx, (workload, object.template), &ids, &decision.writes);
        if known == object {
            let next = reported(&object, &decision);
            if next != object {
                memory.reported = Some(next);
                cx.request(
                    Client::Deployment,
                    Request::DeploymentStatus { workload, status: next },
                );
            }
        }
        if let Some(again) = decision.again
            && memory.timer.filter(|at| *at > cx.now).is_none_or(|at| again < at)
        {
            memory.timer = Some(again);
            work.enqueue_at(cx, WorkQueue::Deployment, workload.raw(), again);
        }
    }
}

impl Pending {
    /// Sends the writes of one look. They leave together, so one set is scaled once.
    // Fidelity: Kubernetes sends the next write when the last one is answered.
    fn send(
        &mut self,
        cx: &mut Cx<'_>,
        (workload, template): (WorkloadId, TemplateId),
        ids: &[ReplicaSetId],
        writes: &[SetWrite],
    ) {
        for write in writes {
            match *write {
                SetWrite::Create { replicas, revision, annotations } => {
                    self.create = Some(template);
                    let create = Request::CreateReplicaSet {
                        workload,
                        template,
                        replicas,
                        revision,
                        annotations,
                    };
                    cx.request(Client::Deployment, create);
                }
                SetWrite::Revise { set, revision } => {
                    let replica_set = ids[set];
                    self.revise = Some((replica_set, revision));
                    let revise = Request::ReviseReplicaSet { replica_set, revision };
                    cx.request(Client::Deployment, revise);
                }
                SetWrite::Scale { set, to, annotations, .. } => {
                    self.scale.insert(ids[set], (to, annotations));
                }
                SetWrite::Delete { set } => {
                    let replica_set = ids[set];
                    self.delete.insert(replica_set);
                    cx.request(Client::Deployment, Request::DeleteReplicaSet { replica_set });
                }
            }
        }
        for (&replica_set, &(replicas, annotations)) in &self.scale {
            let scale = Request::ScaleReplicaSet { replica_set, replicas, annotations };
            cx.request(Client::Deployment, scale);
        }
    }
}

/// The object with what the controller writes of it.
fn written(object: &DeploymentObject, sent: &DeploymentObject) -> DeploymentObject {
    let DeploymentObject { revision, status, rolled_out, .. } = *sent;
    DeploymentObject { revision, status, rolled_out, ..*object }
}

/// The object as a decision leaves it.
fn reported(object: &DeploymentObject, decision: &Decision) -> DeploymentObject {
    let Decision { status, revision, complete, .. } = *decision;
    let rolled_out = match complete {
        true => Some(object.template),
        false => object.rolled_out.filter(|of| *of == object.template),
    };
    DeploymentObject { revision, status, rolled_out, ..*object }
}

fn deployment_facts(
    model: &Model,
    workload: WorkloadId,
    object: &DeploymentObject,
) -> DeploymentFacts {
    let spec = &model.workloads[workload];
    let deadline = spec.progress_deadline;
    let limit = spec.revision_history_limit;
    DeploymentFacts {
        replicas: object.replicas,
        template: object.template,
        strategy: spec.strategy,
        progress_deadline: (deadline < SimDuration::from_secs(NONE.unsigned_abs().into()))
            .then_some(deadline),
        revision_history_limit: (limit != NONE).then_some(limit),
        paused: object.paused,
        generation: object.generation,
        revision: object.revision,
        status: object.status,
    }
}

fn set_facts(set: &ReplicaSetObject, has_pods: bool) -> SetFacts {
    SetFacts {
        template: set.template,
        replicas: set.replicas,
        status: set.status,
        created: set.created,
        revision: set.revision,
        desired: Some(set.desired_annotation),
        max: Some(set.max_annotation),
        has_pods,
    }
}

/// Event `ScalingReplicaSet`, if the write causes one.
fn tell(
    cx: &mut Cx<'_>,
    workload: WorkloadId,
    deployment: &DeploymentFacts,
    sets: &[SetFacts],
    write: SetWrite,
) {
    let template = match write {
        SetWrite::Create { .. } => deployment.template,
        SetWrite::Scale { set, .. } => sets[set].template,
        SetWrite::Revise { .. } | SetWrite::Delete { .. } => return,
    };
    if !write.changes_size() {
        return;
    }
    let kind = (false, "ScalingReplicaSet", "deployment-controller");
    cx.kube_event(Involved::Workload(workload), kind, |model, _| {
        write.event(Release::default(), &model.replica_set_name(template)).unwrap_or_default()
    });
}

/// The Deployment as the controller has left it in a cluster that has been at rest for long: its
/// only set has been rolled out, even if not all replicas fit now.
#[must_use]
pub fn settled_deployment(
    model: &Model,
    workload: WorkloadId,
    object: &DeploymentObject,
    set: &ReplicaSetObject,
) -> DeploymentObject {
    let progressing = Progressing {
        reason: ProgressReason::NewReplicaSetAvailable,
        about: Some(object.template),
        updated: SimTime::ZERO,
        since: SimTime::ZERO,
    };
    let status = DeploymentStatus { progressing: Some(progressing), ..object.status };
    let before = DeploymentObject { status, rolled_out: Some(object.template), ..*object };
    let deployment = deployment_facts(model, workload, &before);
    let decision = sync(&deployment, &[set_facts(set, true)], SimTime::ZERO);
    reported(&before, &decision)
}
