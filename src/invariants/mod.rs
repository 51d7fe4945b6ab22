//! Checks of the whole world that must hold after every event, whatever happens.
//!
//! Tests, `--verify` and fuzzing call them; a run without them behaves the same.

use std::collections::BTreeSet;

use crate::base::id::IdVec;
use crate::model::{DaemonSetUpdate, KindSpec, Model, NodeId, Resources, WorkloadId};
use crate::state::{JobId, Owner, PodObject, State};

/// Every broken invariant, in words; empty when the world is sound.
#[must_use]
pub fn check(model: &Model, state: &State) -> Vec<String> {
    let mut broken = Vec::new();
    nodes_are_not_overcommitted(model, state, &mut broken);
    ordinals_are_unique(model, state, &mut broken);
    statuses_are_consistent(model, state, &mut broken);
    broken
}

/// Requests of the pods that hold a node never exceed what it offers.
///
/// Pods that name their node themselves do not meet the scheduler and are left out.
fn nodes_are_not_overcommitted(model: &Model, state: &State, broken: &mut Vec<String>) {
    let mut sums: IdVec<NodeId, (Resources, i64)> = IdVec::new();
    for _ in model.nodes.ids() {
        sums.push((Resources::default(), 0));
    }
    for (_, pod) in state.api.pods.iter() {
        let template = &model.templates[pod.template];
        if let Some(node) = pod.node
            && pod.holds_node()
            && template.node_name.is_none()
        {
            sums[node].0.add(&template.requests);
            sums[node].1 += 1;
        }
    }
    for (node, (sum, pods)) in sums.iter() {
        let spec = &model.nodes[node];
        let offered = &spec.allocatable;
        let too_much = sum.cpu_milli > offered.cpu_milli
            || sum.memory_bytes > offered.memory_bytes
            || *pods > offered.pods
            || sum.scalars.iter().any(|&(id, amount)| amount > offered.scalar(id));
        if too_much {
            broken.push(format!("node {} holds more than it offers: {sum:?}", spec.name));
        }
    }
}

/// Whether a node may have two pods of a workload at a time: the new one beside the old one.
fn surges(model: &Model, workload: WorkloadId) -> bool {
    match model.workloads[workload].own {
        KindSpec::DaemonSet(DaemonSetUpdate::RollingUpdate { max_surge, .. }) => {
            max_surge.ceil(100) > 0
        }
        KindSpec::Plain
        | KindSpec::StatefulSet(_)
        | KindSpec::DaemonSet(DaemonSetUpdate::OnDelete)
        | KindSpec::Job(_)
        | KindSpec::CronJob(_) => false,
    }
}

/// No two active pods of an owner share a replica ordinal.
fn ordinals_are_unique(model: &Model, state: &State, broken: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for (id, pod) in state.api.pods.iter() {
        let workload = model.templates[pod.template].workload;
        let counts = pod.is_active() && !surges(model, workload);
        if counts && !seen.insert((workload, job_of(pod), pod.replica)) {
            let name = model.workload_name(workload);
            broken.push(format!("{id:?} shares replica {} of {name}", pod.replica));
        }
    }
}

/// The Job that owns a pod: those of one CronJob have ordinals of their own.
fn job_of(pod: &PodObject) -> Option<JobId> {
    match pod.owner? {
        Owner::Job(job) => Some(job),
        Owner::ReplicaSet(_) | Owner::StatefulSet(_) | Owner::DaemonSet(_) => None,
    }
}

/// What a pod's status says agrees with where it is.
fn statuses_are_consistent(model: &Model, state: &State, broken: &mut Vec<String>) {
    for (id, pod) in state.api.pods.iter() {
        let name = || model.pod_name(&pod.identity());
        if pod.is_ready() && pod.node.is_none() {
            broken.push(format!("{id:?} {} is ready without a node", name()));
        }
        if pod.is_ready() && pod.status.phase.is_terminal() {
            broken.push(format!("{id:?} {} is ready though finished", name()));
        }
        if pod.node.is_some() != pod.status.scheduled.is_true() {
            broken.push(format!("{id:?} {}: PodScheduled disagrees with nodeName", name()));
        }
    }
}
