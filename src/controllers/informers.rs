//! The shared informer cache of kube-controller-manager: what its watches have delivered, and the
//! indices that controllers look things up by. It lags the API server by the watch latency and is
//! lost when the process dies.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::id::IdVec;
use crate::model::{NodeId, PodId, WorkloadId};
use crate::state::{
    Api, Change, CronJobObject, DaemonSetObject, DeploymentObject, JobId, JobObject, NodeObject,
    Owner, PodObject, ReplicaSetId, ReplicaSetObject, StatefulSetObject, Verb,
};

/// Objects as the controllers know them.
#[derive(Debug, Default)]
pub struct Informers {
    /// Pods; absent when unknown or gone.
    pub pods: IdVec<PodId, Option<PodObject>>,
    /// Bound pods of each node, gone ones excepted.
    pub pods_by_node: IdVec<NodeId, BTreeSet<PodId>>,
    /// Pods of each ReplicaSet, gone ones excepted.
    pub pods_by_owner: IdVec<ReplicaSetId, BTreeSet<PodId>>,
    /// Nodes.
    pub nodes: IdVec<NodeId, NodeObject>,
    /// ReplicaSets; absent when unknown or gone.
    pub replica_sets: IdVec<ReplicaSetId, Option<ReplicaSetObject>>,
    /// ReplicaSets of each workload, gone ones excepted.
    pub sets_by_workload: IdVec<WorkloadId, BTreeSet<ReplicaSetId>>,
    /// Deployments, by workload.
    pub deployments: IdVec<WorkloadId, Option<DeploymentObject>>,
    /// StatefulSets.
    pub stateful_sets: BTreeMap<WorkloadId, StatefulSetObject>,
    /// DaemonSets.
    pub daemon_sets: BTreeMap<WorkloadId, DaemonSetObject>,
    /// Jobs; gone ones excepted.
    pub jobs: BTreeMap<JobId, JobObject>,
    /// CronJobs.
    pub cron_jobs: BTreeMap<WorkloadId, CronJobObject>,
    /// Jobs of each CronJob, gone ones excepted.
    jobs_by_workload: BTreeMap<WorkloadId, BTreeSet<JobId>>,
    /// Pods of each Job, gone ones excepted.
    pods_by_job: BTreeMap<JobId, BTreeSet<PodId>>,
    /// Pods of each StatefulSet and DaemonSet, gone ones excepted.
    pods_by_workload: BTreeMap<WorkloadId, BTreeSet<PodId>>,
    tallies: IdVec<ReplicaSetId, Tally>,
}

/// How many pods of a ReplicaSet are active, and how many of these are ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Active pods.
    pub active: i32,
    /// Ready ones among them.
    pub ready: i32,
}

impl Tally {
    fn count(&mut self, pod: &PodObject, by: i32) {
        if pod.is_active() {
            self.active += by;
            self.ready += if pod.is_ready() { by } else { 0 };
        }
    }
}

impl Informers {
    /// Lists everything from the API server.
    #[must_use]
    pub fn list(api: &Api) -> Self {
        let mut cache = Self::default();
        for (_, node) in api.nodes.iter() {
            cache.nodes.push(node.clone());
        }
        for (workload, deployment) in api.deployments.iter() {
            cache.sets_by_workload.push(BTreeSet::new());
            debug_assert_eq!(cache.deployments.next_id(), workload);
            cache.deployments.push(*deployment);
        }
        cache.stateful_sets.clone_from(&api.stateful_sets);
        cache.daemon_sets.clone_from(&api.daemon_sets);
        cache.cron_jobs.clone_from(&api.cron_jobs);
        for (id, job) in api.jobs.iter().filter(|(_, job)| !job.gone) {
            cache.store_job(id, Some(job.clone()));
        }
        for (id, set) in api.replica_sets.iter() {
            if !set.gone {
                cache.store_replica_set(id, Some(*set));
            }
        }
        for (id, pod) in api.pods.iter() {
            if !pod.gone {
                cache.store_pod(id, Some(*pod));
            }
        }
        cache
    }

    /// Takes in a change of a pod; returns the object as it was known before.
    pub fn apply_pod(&mut self, change: &Change<PodId, PodObject>) -> Option<PodObject> {
        let next = (change.verb != Verb::Deleted).then_some(change.object);
        self.store_pod(change.id, next)
    }

    /// Takes in a change of a node; returns the object as it was known before.
    pub fn apply_node(&mut self, change: &Change<NodeId, NodeObject>) -> NodeObject {
        std::mem::replace(&mut self.nodes[change.id], change.object.clone())
    }

    /// Takes in a change of a ReplicaSet; returns the object as it was known before.
    pub fn apply_replica_set(
        &mut self,
        change: &Change<ReplicaSetId, ReplicaSetObject>,
    ) -> Option<ReplicaSetObject> {
        let next = (change.verb != Verb::Deleted).then_some(change.object);
        self.store_replica_set(change.id, next)
    }

    /// Takes in a change of a Deployment; returns the object as it was known before.
    pub fn apply_deployment(
        &mut self,
        change: &Change<WorkloadId, DeploymentObject>,
    ) -> Option<DeploymentObject> {
        self.deployments[change.id].replace(change.object)
    }

    /// The pod, if known.
    #[must_use]
    pub fn pod(&self, pod: PodId) -> Option<&PodObject> {
        self.pods.get(pod)?.as_ref()
    }

    /// The ReplicaSet, if known.
    #[must_use]
    pub fn replica_set(&self, id: ReplicaSetId) -> Option<&ReplicaSetObject> {
        self.replica_sets.get(id)?.as_ref()
    }

    /// Known pods bound to a node, by id.
    pub fn pods_on(&self, node: NodeId) -> impl Iterator<Item = (PodId, &PodObject)> {
        self.pods_by_node
            .get(node)
            .into_iter()
            .flatten()
            .filter_map(|&id| self.pod(id).map(|pod| (id, pod)))
    }

    /// Known pods of a ReplicaSet, by id.
    pub fn pods_of(&self, owner: ReplicaSetId) -> impl Iterator<Item = (PodId, &PodObject)> {
        self.pods_by_owner
            .get(owner)
            .into_iter()
            .flatten()
            .filter_map(|&id| self.pod(id).map(|pod| (id, pod)))
    }

    /// Known pods of a StatefulSet or a DaemonSet, by id.
    pub fn pods_of_workload(
        &self,
        workload: WorkloadId,
    ) -> impl Iterator<Item = (PodId, &PodObject)> {
        let pods = self.pods_by_workload.get(&workload).into_iter().flatten();
        pods.filter_map(|&id| self.pod(id).map(|pod| (id, pod)))
    }

    /// Known pods of a Job, by id.
    pub fn pods_of_job(&self, job: JobId) -> impl Iterator<Item = (PodId, &PodObject)> {
        let pods = self.pods_by_job.get(&job).into_iter().flatten();
        pods.filter_map(|&id| self.pod(id).map(|pod| (id, pod)))
    }

    /// Known Jobs of a CronJob, by id.
    pub fn jobs_of(&self, workload: WorkloadId) -> impl Iterator<Item = (JobId, &JobObject)> {
        let jobs = self.jobs_by_workload.get(&workload).into_iter().flatten();
        jobs.filter_map(|&id| self.jobs.get(&id).map(|job| (id, job)))
    }

    /// Takes in a change of a Job.
    pub fn apply_job(&mut self, change: &Change<JobId, JobObject>) {
        let next = (change.verb != Verb::Deleted).then(|| change.object.clone());
        self.store_job(change.id, next);
    }

    fn store_job(&mut self, id: JobId, next: Option<JobObject>) {
        match next {
            Some(job) => {
                self.jobs_by_workload.entry(job.workload).or_default().insert(id);
                self.jobs.insert(id, job);
            }
            None => {
                if let Some(job) = self.jobs.remove(&id) {
                    self.jobs_by_workload.entry(job.workload).or_default().remove(&id);
                }
            }
        }
    }

    /// Counts of a ReplicaSet's known pods.
    pub fn tally(&self, owner: ReplicaSetId) -> Tally {
        self.tallies.get(owner).copied().unwrap_or_default()
    }

    /// Known ReplicaSets of a workload, by id.
    pub fn sets_of(
        &self,
        workload: WorkloadId,
    ) -> impl Iterator<Item = (ReplicaSetId, &ReplicaSetObject)> {
        self.sets_by_workload
            .get(workload)
            .into_iter()
            .flatten()
            .filter_map(|&id| self.replica_set(id).map(|set| (id, set)))
    }

    fn store_pod(&mut self, id: PodId, next: Option<PodObject>) -> Option<PodObject> {
        while self.pods.next_id() <= id {
            self.pods.push(None);
        }
        let before = std::mem::replace(&mut self.pods[id], next);
        for (pod, by) in [(&before, -1), (&next, 1)] {
            let Some(pod) = pod else { continue };
            let Some(owner) = pod.replica_set() else { continue };
            while self.tallies.next_id() <= owner {
                self.tallies.push(Tally::default());
            }
            self.tallies[owner].count(pod, by);
        }
        let node_before = before.and_then(|pod| pod.node);
        let node = next.and_then(|pod| pod.node);
        if node_before != node {
            index(&mut self.pods_by_node, node_before, node, id);
        }
        let owner_before = before.and_then(|pod| pod.replica_set());
        let owner = next.and_then(|pod| pod.replica_set());
        if owner_before != owner {
            index(&mut self.pods_by_owner, owner_before, owner, id);
        }
        // A pod never changes its controller.
        if before.is_none() != next.is_none() {
            let pods = match next.or(before).and_then(|pod| pod.owner) {
                Some(Owner::StatefulSet(workload) | Owner::DaemonSet(workload)) => {
                    self.pods_by_workload.entry(workload).or_default()
                }
                Some(Owner::Job(job)) => self.pods_by_job.entry(job).or_default(),
                Some(Owner::ReplicaSet(_)) | None => return before,
            };
            if next.is_some() {
                pods.insert(id);
            } else {
                pods.remove(&id);
            }
        }
        before
    }

    fn store_replica_set(
        &mut self,
        id: ReplicaSetId,
        next: Option<ReplicaSetObject>,
    ) -> Option<ReplicaSetObject> {
        while self.replica_sets.next_id() <= id {
            self.replica_sets.push(None);
        }
        let before = std::mem::replace(&mut self.replica_sets[id], next);
        let workload_before = before.map(|set| set.workload);
        let workload = next.map(|set| set.workload);
        if workload_before != workload {
            index(&mut self.sets_by_workload, workload_before, workload, id);
        }
        before
    }
}

/// Moves `member` from the set of `from` to the set of `to`.
fn index<K, V>(sets: &mut IdVec<K, BTreeSet<V>>, from: Option<K>, to: Option<K>, member: V)
where
    K: crate::base::id::Id + PartialOrd,
    V: Ord + Copy,
{
    if let Some(from) = from {
        sets[from].remove(&member);
    }
    if let Some(to) = to {
        while sets.next_id() <= to {
            sets.push(BTreeSet::new());
        }
        sets[to].insert(member);
    }
}
