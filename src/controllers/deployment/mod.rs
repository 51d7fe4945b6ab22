//! Deployment controller: rolls from one pod template to the next.
//!
//! Kubernetes-behaviour §3.2. It creates and scales ReplicaSets; pods are theirs.

use std::collections::BTreeMap;

use super::rolling::{
    ProportionalSet, ReplicaCounts, RollingStep, StrategyBounds, proportional, rolling_step,
};
use super::{Informers, Work};
use crate::base::id::IdVec;
use crate::base::time::{SimDuration, SimTime};
use crate::cx::Cx;
use crate::event::WorkQueue;
use crate::model::{DeploymentStrategy, Model, TemplateId, Workload, WorkloadId};
use crate::record::Involved;
use crate::state::{Client, DeploymentObject, ReplicaSetId, ReplicaSetObject, Request};

/// Writes to ReplicaSets that the cache does not show yet: until it does, no further step.
#[derive(Debug, Default)]
struct Pending {
    create: Option<TemplateId>,
    scale: BTreeMap<ReplicaSetId, i32>,
    revise: Option<(ReplicaSetId, u32)>,
}

impl Pending {
    fn settle(&mut self, cache: &Informers, workload: WorkloadId) -> bool {
        if let Some(template) = self.create
            && cache.sets_of(workload).any(|(_, set)| set.template == template)
        {
            self.create = None;
        }
        self.scale.retain(|&id, replicas| {
            cache.replica_set(id).is_some_and(|set| set.replicas != *replicas)
        });
        if let Some((id, revision)) = self.revise
            && cache.replica_set(id).is_none_or(|set| set.revision == revision)
        {
            self.revise = None;
        }
        self.create.is_none() && self.scale.is_empty() && self.revise.is_none()
    }
}

/// The controller's memory.
#[derive(Debug)]
pub(super) struct DeploymentController {
    pending: IdVec<WorkloadId, Pending>,
    reported: IdVec<WorkloadId, Option<DeploymentObject>>,
}

/// One Deployment in one sync.
struct Rollout<'a> {
    workload: WorkloadId,
    spec: &'a Workload,
    object: DeploymentObject,
    new: Option<(ReplicaSetId, ReplicaSetObject)>,
    /// Oldest first.
    old: Vec<(ReplicaSetId, ReplicaSetObject)>,
}

impl Rollout<'_> {
    fn bounds(&self) -> StrategyBounds {
        match self.spec.strategy {
            DeploymentStrategy::RollingUpdate { max_surge, max_unavailable } => {
                StrategyBounds::resolve(max_surge, max_unavailable, self.object.replicas)
            }
            DeploymentStrategy::Recreate => StrategyBounds { surge: 0, unavailable: 0 },
        }
    }

    fn annotations(&self) -> (i32, i32) {
        (self.object.replicas, self.object.replicas + self.bounds().surge)
    }

    fn all(&self) -> impl Iterator<Item = &(ReplicaSetId, ReplicaSetObject)> {
        self.old.iter().chain(&self.new)
    }

    fn revision(&self) -> u32 {
        self.old.iter().map(|(_, set)| set.revision).max().unwrap_or(0) + 1
    }
}

impl DeploymentController {
    pub(super) fn new(model: &Model) -> Self {
        let (mut pending, mut reported) = (IdVec::new(), IdVec::new());
        for _ in model.workloads.ids() {
            pending.push(Pending::default());
            reported.push(None);
        }
        Self { pending, reported }
    }

    pub(super) fn sync(
        &mut self,
        cx: &mut Cx<'_>,
        work: &mut Work<'_>,
        cache: &Informers,
        workload: WorkloadId,
    ) {
        let Some(object) = cache.deployments[workload] else { return };
        if !self.pending[workload].settle(cache, workload) {
            return;
        }
        let (mut new, mut old) = (None, Vec::new());
        for (id, set) in cache.sets_of(workload) {
            if set.template == object.template {
                new = Some((id, *set));
            } else {
                old.push((id, *set));
            }
        }
        old.sort_by_key(|(id, set)| (set.created, *id));
        let spec = &cx.model.workloads[workload];
        let rollout = Rollout { workload, spec, object, new, old };
        if !self.step(cx, cache, &rollout) {
            self.clean_up(cx, &rollout);
        }
        self.report(cx, work, &rollout);
    }

    /// Takes one step of the rollout; returns whether it wrote anything.
    fn step(&mut self, cx: &mut Cx<'_>, cache: &Informers, rollout: &Rollout<'_>) -> bool {
        let desired = rollout.object.replicas;
        let resized =
            rollout.all().any(|(_, set)| set.replicas > 0 && set.desired_annotation != desired);
        if rollout.object.paused || resized {
            return self.resize(cx, rollout);
        }
        match rollout.spec.strategy {
            DeploymentStrategy::RollingUpdate { .. } => {
                let Some((new_id, new)) = rollout.new else {
                    return self.create(cx, rollout);
                };
                if self.revise(cx, rollout, new_id, &new) {
                    return true;
                }
                self.roll(cx, rollout, new_id, &new)
            }
            DeploymentStrategy::Recreate => self.recreate(cx, cache, rollout),
        }
    }

    /// A set that was used before becomes the newest revision again.
    fn revise(
        &mut self,
        cx: &mut Cx<'_>,
        rollout: &Rollout<'_>,
        id: ReplicaSetId,
        set: &ReplicaSetObject,
    ) -> bool {
        let revision = rollout.revision();
        if set.revision >= revision {
            return false;
        }
        self.pending[rollout.workload].revise = Some((id, revision));
        cx.request(Client::Deployment, Request::ReviseReplicaSet { replica_set: id, revision });
        true
    }

    fn create(&mut self, cx: &mut Cx<'_>, rollout: &Rollout<'_>) -> bool {
        let desired = rollout.object.replicas;
        let total: i32 = rollout.old.iter().map(|(_, set)| set.replicas).sum();
        let room = desired + rollout.bounds().surge - total;
        let replicas = match rollout.spec.strategy {
            DeploymentStrategy::RollingUpdate { .. } => room.clamp(0, desired),
            DeploymentStrategy::Recreate => desired,
        };
        let (workload, template) = (rollout.workload, rollout.object.template);
        self.pending[workload].create = Some(template);
        scaled_event(cx, workload, template, (0, replicas));
        cx.request(
            Client::Deployment,
            Request::CreateReplicaSet {
                workload,
                template,
                replicas,
                revision: rollout.revision(),
                annotations: rollout.annotations(),
            },
        );
        true
    }

    fn roll(
        &mut self,
        cx: &mut Cx<'_>,
        rollout: &Rollout<'_>,
        new_id: ReplicaSetId,
        new: &ReplicaSetObject,
    ) -> bool {
        let counts = |set: &ReplicaSetObject| ReplicaCounts {
            spec: set.replicas,
            available: set.status.available,
        };
        let old: Vec<ReplicaCounts> = rollout.old.iter().map(|(_, set)| counts(set)).collect();
        match rolling_step(rollout.object.replicas, rollout.bounds(), counts(new), &old) {
            RollingStep::New(replicas) => self.scale(cx, rollout, (new_id, new), replicas),
            RollingStep::Old(sizes) | RollingStep::OldGivenUp(sizes) => {
                for ((id, set), replicas) in rollout.old.iter().zip(sizes) {
                    self.scale(cx, rollout, (*id, set), replicas);
                }
                true
            }
            RollingStep::Nothing => false,
        }
    }

    fn recreate(&mut self, cx: &mut Cx<'_>, cache: &Informers, rollout: &Rollout<'_>) -> bool {
        let mut wrote = false;
        for (id, set) in &rollout.old {
            wrote |= self.scale(cx, rollout, (*id, set), 0);
        }
        if wrote {
            return true;
        }
        // Terminating pods count as present until their objects are gone.
        let waits = rollout
            .old
            .iter()
            .flat_map(|(id, _)| cache.pods_of(*id))
            .any(|(_, pod)| !pod.status.phase.is_terminal());
        if waits {
            return false;
        }
        match rollout.new {
            None => self.create(cx, rollout),
            Some((id, set)) => {
                self.revise(cx, rollout, id, &set)
                    || self.scale(cx, rollout, (id, &set), rollout.object.replicas)
            }
        }
    }

    /// The Deployment was resized, or is paused: scale in proportion, no rollout step.
    fn resize(&mut self, cx: &mut Cx<'_>, rollout: &Rollout<'_>) -> bool {
        let desired = rollout.object.replicas;
        let active: Vec<_> = rollout.all().filter(|(_, set)| set.replicas > 0).copied().collect();
        if active.len() <= 1 {
            let only = active.first().or(rollout.new.as_ref());
            return only.is_some_and(|(id, set)| self.scale(cx, rollout, (*id, set), desired));
        }
        let allowed = if desired > 0 { desired + rollout.bounds().surge } else { 0 };
        let sets: Vec<ProportionalSet> = active
            .iter()
            .map(|(id, set)| ProportionalSet {
                spec: set.replicas,
                max_annotation: set.max_annotation,
                created: set.created.as_nanos() + u64::from(id.raw()),
            })
            .collect();
        let sizes = proportional(&sets, allowed);
        let mut wrote = false;
        for ((id, set), replicas) in active.iter().zip(sizes) {
            wrote |= self.scale(cx, rollout, (*id, set), replicas);
        }
        wrote
    }

    /// Scales one set, or only brings its annotations up to date; returns whether it wrote.
    fn scale(
        &mut self,
        cx: &mut Cx<'_>,
        rollout: &Rollout<'_>,
        (id, set): (ReplicaSetId, &ReplicaSetObject),
        replicas: i32,
    ) -> bool {
        let annotations = rollout.annotations();
        let annotated = (set.desired_annotation, set.max_annotation) == annotations;
        if set.replicas == replicas && (annotated || replicas == 0) {
            return false;
        }
        if set.replicas != replicas {
            self.pending[rollout.workload].scale.insert(id, replicas);
            scaled_event(cx, rollout.workload, set.template, (set.replicas, replicas));
        }
        cx.request(
            Client::Deployment,
            Request::ScaleReplicaSet { replica_set: id, replicas, annotations },
        );
        set.replicas != replicas
    }

    /// Deletes empty old sets beyond the revision history limit, oldest revision first.
    fn clean_up(&self, cx: &mut Cx<'_>, rollout: &Rollout<'_>) {
        if !rollout.object.complete {
            return;
        }
        let limit = usize::try_from(rollout.spec.revision_history_limit).unwrap_or(0);
        let mut empty: Vec<_> = rollout
            .old
            .iter()
            .filter(|(_, set)| set.replicas == 0 && set.status.replicas == 0)
            .collect();
        empty.sort_by_key(|(id, set)| (set.revision, *id));
        let surplus = rollout.old.len().saturating_sub(limit);
        for (id, _) in empty.into_iter().take(surplus) {
            cx.request(Client::Deployment, Request::DeleteReplicaSet { replica_set: *id });
        }
    }

    fn report(&mut self, cx: &mut Cx<'_>, work: &mut Work<'_>, rollout: &Rollout<'_>) {
        let object = &rollout.object;
        let sum = |count: fn(&ReplicaSetObject) -> i32| -> i32 {
            rollout.all().map(|(_, set)| count(set)).sum()
        };
        let mut status = DeploymentObject {
            status_replicas: sum(|set| set.status.replicas),
            ready: sum(|set| set.status.ready),
            available: sum(|set| set.status.available),
            updated: rollout.new.map_or(0, |(_, set)| set.status.replicas),
            ..*object
        };
        let desired = object.replicas;
        status.complete = rollout.new.is_some()
            && status.updated == desired
            && status.status_replicas == desired
            && status.available == desired;
        status.rolled_out = match status.complete {
            true => Some(object.template),
            false => object.rolled_out.filter(|of| *of == object.template),
        };
        let old_pods = |s: &DeploymentObject| s.status_replicas - s.updated;
        let progressed = status.updated > object.updated
            || old_pods(&status) < old_pods(object)
            || status.ready > object.ready
            || status.available > object.available;
        let rolled_out = status.rolled_out.is_some() && old_pods(&status) == 0;
        if status.complete || rolled_out {
            status.deadline_exceeded = false;
        } else if progressed || object.complete {
            status.progress = cx.now.floor_to_second();
            status.deadline_exceeded = false;
        } else if !object.paused {
            self.watch_deadline(cx, work, rollout, &mut status);
        }
        let last = self.reported[rollout.workload].unwrap_or(*object);
        let same = DeploymentObject {
            replicas: last.replicas,
            template: last.template,
            paused: last.paused,
            ..status
        } == last;
        if !same {
            self.reported[rollout.workload] = Some(status);
            let workload = rollout.workload;
            cx.request(Client::Deployment, Request::DeploymentStatus { workload, status });
        }
    }

    /// Marks the rollout as overdue, or looks again a second after the deadline.
    fn watch_deadline(
        &self,
        cx: &mut Cx<'_>,
        work: &mut Work<'_>,
        rollout: &Rollout<'_>,
        status: &mut DeploymentObject,
    ) {
        let deadline: SimTime = status.progress.saturating_add(rollout.spec.progress_deadline);
        if cx.now > deadline {
            status.deadline_exceeded = true;
        } else {
            let again = deadline.saturating_add(SimDuration::from_secs(1));
            work.enqueue_at(cx, WorkQueue::Deployment, rollout.workload.raw(), again);
        }
    }
}

/// Event `ScalingReplicaSet`.
fn scaled_event(cx: &mut Cx<'_>, workload: WorkloadId, template: TemplateId, sizes: (i32, i32)) {
    let (from, to) = sizes;
    let kind = (false, "ScalingReplicaSet", "deployment-controller");
    cx.kube_event(Involved::Workload(workload), kind, |model, _| {
        let direction = if to >= from { "up" } else { "down" };
        let set = model.replica_set_name(template);
        format!("Scaled {direction} replica set {set} from {from} to {to}")
    });
}
