//! What comes from outside the cluster on purpose: manifests applied, operators at work.
//!
//! It speaks to the API server like any client and knows no other component.

use crate::apiserver::ApiServer;
use crate::base::time::SimDuration;
use crate::cx::Cx;
use crate::event::Event;
use crate::model::{FaultId, NodeId, OperationKind, WorkloadId, WorkloadKind};
use crate::record::Fact;
use crate::state::{Client, DeletionCause, DeploymentObject, DeploymentStatus, NodeTaint, Request};

/// Schedules everything that operators do during the run.
///
/// # Panics
/// If there are four billion operations.
pub fn start(cx: &mut Cx<'_>) {
    for (index, operation) in cx.model.operations.iter().enumerate() {
        let index = u32::try_from(index).expect("fewer than 2^32 operations");
        if operation.at <= cx.model.end() {
            cx.at(operation.at, Event::Operation(index));
        }
    }
}

/// Carries out one operation: a write to the API server.
pub fn handle(cx: &mut Cx<'_>, index: u32) {
    let request = match &cx.model.operations[index as usize].kind {
        &OperationKind::Scale { workload, replicas } => {
            Request::ScaleWorkload { workload, replicas }
        }
        &OperationKind::Rollout { workload, template } => {
            Request::SetTemplate { workload, template }
        }
        &OperationKind::SetUnschedulable { node, unschedulable } => {
            Request::SetUnschedulable { node, unschedulable }
        }
        OperationKind::Drain { nodes, force, grace } => {
            drain(cx, nodes, *force, *grace);
            return;
        }
        OperationKind::Taint { node, add, remove } => {
            // An added taint replaces one of its key and effect.
            let gone = remove.iter().chain(add).copied().map(NodeTaint::Remove);
            let changes = gone.chain(add.iter().copied().map(NodeTaint::Add)).collect();
            Request::NodeTaints { node: *node, changes }
        }
        OperationKind::Label { node, labels } => {
            Request::NodeLabels { node: *node, labels: labels.clone() }
        }
        &OperationKind::DeletePod { workload, replica } => {
            let pods = &cx.state.api.pods;
            let target = pods.iter().find(|(_, pod)| {
                pod.is_active()
                    && pod.replica == replica
                    && cx.model.templates[pod.template].workload == workload
            });
            let Some((pod, _)) = target else { return };
            Request::DeletePod { pod, grace: None, cause: DeletionCause::Operator }
        }
    };
    cx.request(Client::Operator, request);
}

/// `kubectl drain`: the nodes are cordoned and their pods are evicted, those without a controller
/// only by `force`.
fn drain(cx: &mut Cx<'_>, nodes: &[NodeId], force: bool, grace: Option<SimDuration>) {
    for &node in nodes {
        cx.request(Client::Operator, Request::SetUnschedulable { node, unschedulable: true });
    }
    for pod in cx.state.api.pods_on(nodes) {
        if force || cx.state.api.pods[pod].owner.is_some() {
            cx.request(Client::Operator, Request::EvictPod { pod, grace });
        }
    }
}

/// A handler drains the nodes that the cloud is about to take back.
pub fn drain_reclaimed(cx: &mut Cx<'_>, fault: FaultId) {
    let nodes = cx.model.faults[fault].kind.nodes(cx.model);
    drain(cx, &nodes, true, None);
}

/// A Deployment object as first applied.
#[must_use]
pub fn deployment_object(cx: &Cx<'_>, workload: WorkloadId) -> DeploymentObject {
    let spec = &cx.model.workloads[workload];
    DeploymentObject {
        replicas: spec.replicas,
        template: spec.template,
        paused: spec.paused,
        generation: 1,
        revision: 0,
        status: DeploymentStatus::default(),
        rolled_out: None,
    }
}

/// `kubectl apply` of every declared workload, in order of declaration.
pub fn apply_manifests(cx: &mut Cx<'_>, api: &mut ApiServer) {
    for (workload, spec) in cx.model.workloads.iter() {
        cx.fact(Fact::ReplicasDesired { workload, replicas: spec.replicas });
        match spec.kind {
            WorkloadKind::Deployment => {
                let object = deployment_object(cx, workload);
                api.create_deployment(cx, workload, object);
            }
            WorkloadKind::ReplicaSet => {
                let sizes = (spec.replicas, 1);
                let annotations = (spec.replicas, spec.replicas);
                api.create_replica_set(cx, workload, spec.template, sizes, annotations);
            }
            WorkloadKind::Pod => {
                api.create_pod(cx, spec.template, None);
            }
        }
    }
}
