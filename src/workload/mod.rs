//! What comes from outside the cluster on purpose: manifests applied, operators at work.
//!
//! It speaks to the API server like any client and knows no other component.

use crate::apiserver::ApiServer;
use crate::base::time::SimDuration;
use crate::cx::Cx;
use crate::event::Event;
use crate::model::{
    FaultId, KindSpec, NodeId, OperationKind, TemplateId, WorkloadId, WorkloadKind,
};
use crate::record::Fact;
use crate::state::{
    Client, CronJobObject, DaemonSetObject, DaemonSetStatus, DeletionCause, DeploymentObject,
    DeploymentStatus, NodeTaint, Owner, Request, Seat, StatefulSetObject, StatefulSetStatus,
};

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
        &OperationKind::Undo { workload } => {
            let Some(template) = template_before(cx, workload) else { return };
            Request::SetTemplate { workload, template }
        }
        &OperationKind::Pause { workload, paused } => Request::SetPaused { workload, paused },
        &OperationKind::Suspend { workload, suspend } => Request::Suspend { workload, suspend },
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

/// The template of the revision before the newest one, as the ReplicaSets of a Deployment tell.
fn template_before(cx: &Cx<'_>, workload: WorkloadId) -> Option<TemplateId> {
    let sets = cx.state.api.replica_sets.values();
    let mut own: Vec<(u32, TemplateId)> = sets
        .filter(|set| set.workload == workload && !set.gone)
        .map(|set| (set.revision, set.template))
        .collect();
    own.sort_unstable_by(|a, b| b.cmp(a));
    own.get(1).map(|(_, template)| *template)
}

/// `kubectl drain`: the nodes are cordoned and their pods are evicted, those without a controller
/// only by `force`.
fn drain(cx: &mut Cx<'_>, nodes: &[NodeId], force: bool, grace: Option<SimDuration>) {
    for &node in nodes {
        cx.request(Client::Operator, Request::SetUnschedulable { node, unschedulable: true });
    }
    for pod in cx.state.api.pods_on(nodes) {
        let evicted = match cx.state.api.pods[pod].owner {
            None => force,
            // Whoever drains says `--ignore-daemonsets`: they would come back at once.
            Some(Owner::DaemonSet(_)) => false,
            Some(Owner::ReplicaSet(_) | Owner::StatefulSet(_) | Owner::Job(_)) => true,
        };
        if evicted {
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

/// A StatefulSet object as first applied.
#[must_use]
pub fn stateful_set_object(cx: &Cx<'_>, workload: WorkloadId) -> StatefulSetObject {
    let spec = &cx.model.workloads[workload];
    let partition = match &spec.own {
        KindSpec::StatefulSet(own) => own.partition,
        KindSpec::Plain | KindSpec::DaemonSet(_) | KindSpec::Job(_) | KindSpec::CronJob(_) => 0,
    };
    let status = StatefulSetStatus::default();
    StatefulSetObject { replicas: spec.replicas, revision: 0, partition, status }
}

/// A DaemonSet object as first applied.
#[must_use]
pub fn daemon_set_object(cx: &Cx<'_>, workload: WorkloadId) -> DaemonSetObject {
    let template = cx.model.workloads[workload].template;
    DaemonSetObject { template, rolled_out: None, status: DaemonSetStatus::default() }
}

/// A CronJob object as first applied.
#[must_use]
pub fn cron_job_object(cx: &Cx<'_>, workload: WorkloadId) -> CronJobObject {
    let suspend = match &cx.model.workloads[workload].own {
        KindSpec::CronJob(own) => own.suspend,
        KindSpec::Plain | KindSpec::StatefulSet(_) | KindSpec::DaemonSet(_) | KindSpec::Job(_) => {
            false
        }
    };
    CronJobObject { suspend, active: Vec::new(), last_schedule: None, last_successful: None }
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
            WorkloadKind::ReplicaSet | WorkloadKind::ReplicationController => {
                let sizes = (spec.replicas, 1);
                let annotations = (spec.replicas, spec.replicas);
                api.create_replica_set(cx, workload, spec.template, sizes, annotations);
            }
            WorkloadKind::StatefulSet => {
                let object = stateful_set_object(cx, workload);
                api.create_stateful_set(cx, workload, object);
            }
            WorkloadKind::DaemonSet => {
                let object = daemon_set_object(cx, workload);
                api.create_daemon_set(cx, workload, object);
            }
            WorkloadKind::Job => api.create_job(cx, workload, 0),
            WorkloadKind::CronJob => {
                let object = cron_job_object(cx, workload);
                api.create_cron_job(cx, workload, object);
            }
            WorkloadKind::Pod => {
                api.create_pod(cx, spec.template, None, Seat::Lowest);
            }
        }
    }
}
