//! The settled start: a cluster that has been at rest for long.
//!
//! Every declared object exists, every pod that fits is placed by the policy's own scheduler, one
//! after another by priority and declaration, its images are present and it is ready. What does
//! not fit is pending, as it would be.

use std::collections::{BTreeMap, BTreeSet};

use super::world::Components;
use crate::base::id::IdVec;
use crate::controllers::{daemon_nodes, settled_budgets, settled_deployment};
use crate::cx::Cx;
use crate::model::{KindSpec, PodId, WorkloadId, WorkloadKind};
use crate::record::Fact;
use crate::state::{
    DaemonSetStatus, Owner, PodObject, ReplicaSetId, ReplicaSetStatus, Seat, StatefulSetStatus,
};
use crate::workload::{cron_job_object, daemon_set_object, deployment_object, stateful_set_object};

/// Builds the settled state and starts the control plane on it.
pub(super) fn settle(components: &mut Components, cx: &mut Cx<'_>) {
    let pods = create_objects(components, cx);
    components.scheduler.lead(cx);
    place(components, cx, pods);
    report(cx);
    report_sets(cx);
    count_endpoints(cx);
    cx.state.api.budgets = settled_budgets(cx);
    components.scheduler.lead(cx);
    components.controllers.lead(cx, 0);
}

/// Creates every declared object and its pods; nobody watches yet.
fn create_objects(components: &mut Components, cx: &mut Cx<'_>) -> Vec<PodId> {
    let mut pods = Vec::new();
    for (workload, spec) in cx.model.workloads.iter() {
        let replicas = spec.replicas;
        cx.fact(Fact::ReplicasDesired { workload, replicas });
        if spec.kind == WorkloadKind::Pod {
            pods.push(components.api.create_pod(cx, spec.template, None, Seat::Lowest));
            continue;
        }
        if let KindSpec::StatefulSet(own) = &spec.own {
            let object = stateful_set_object(cx, workload);
            components.api.create_stateful_set(cx, workload, object);
            let owner = Some(Owner::StatefulSet(workload));
            let ordinals = own.start..own.start + u32::try_from(replicas).unwrap_or(0);
            for ordinal in ordinals {
                let (template, seat) = (own.template(0, ordinal), Seat::Ordinal(ordinal));
                pods.push(components.api.create_pod(cx, template, owner, seat));
            }
            continue;
        }
        match spec.kind {
            // A Job that was there for long is over: these begin with the run.
            WorkloadKind::Job => {
                components.api.create_job(cx, workload, 0);
                continue;
            }
            WorkloadKind::CronJob => {
                let object = cron_job_object(cx, workload);
                components.api.create_cron_job(cx, workload, object);
                continue;
            }
            WorkloadKind::Deployment
            | WorkloadKind::ReplicaSet
            | WorkloadKind::ReplicationController
            | WorkloadKind::StatefulSet
            | WorkloadKind::DaemonSet
            | WorkloadKind::Pod => {}
        }
        if spec.kind == WorkloadKind::DaemonSet {
            let mut object = daemon_set_object(cx, workload);
            let nodes = daemon_nodes(cx.model, &object, &cx.state.api.nodes);
            let desired = i32::try_from(nodes.len()).expect("nodes are numbered by 32 bits");
            object.status.desired = desired;
            object.rolled_out = Some(object.template);
            cx.fact(Fact::ReplicasDesired { workload, replicas: desired });
            components.api.create_daemon_set(cx, workload, object);
            let owner = Some(Owner::DaemonSet(workload));
            for node in nodes {
                let seat = Seat::Node(node);
                pods.push(components.api.create_pod(cx, spec.template, owner, seat));
            }
            continue;
        }
        if spec.kind == WorkloadKind::Deployment {
            let object = deployment_object(cx, workload);
            components.api.create_deployment(cx, workload, object);
        }
        let annotations = (replicas, replicas + surge(cx, workload));
        let owner = components.api.create_replica_set(
            cx,
            workload,
            spec.template,
            (replicas, 1),
            annotations,
        );
        for _ in 0..replicas {
            let owner = Some(Owner::ReplicaSet(owner));
            pods.push(components.api.create_pod(cx, spec.template, owner, Seat::Lowest));
        }
    }
    pods
}

fn surge(cx: &Cx<'_>, workload: WorkloadId) -> i32 {
    let spec = &cx.model.workloads[workload];
    match (spec.kind, spec.strategy) {
        (
            WorkloadKind::Deployment,
            crate::model::DeploymentStrategy::RollingUpdate { max_surge, .. },
        ) => max_surge.ceil(spec.replicas),
        _ => 0,
    }
}

/// Places the pods in the order in which the scheduler would take them and starts them at once.
fn place(components: &mut Components, cx: &mut Cx<'_>, mut pods: Vec<PodId>) {
    pods.sort_by_key(|&pod| {
        let template = &cx.model.templates[cx.state.api.pods[pod].template];
        (std::cmp::Reverse(template.priority), pod)
    });
    for pod in pods {
        if cx.state.api.pods[pod].node.is_none() {
            let Some(node) = components.scheduler.place_now(cx, pod) else { continue };
            components.api.set_node(cx, pod, node);
        }
        components.kubelets.adopt(cx, pod);
    }
}

/// Writes the statuses that the controllers would have written.
fn report(cx: &mut Cx<'_>) {
    let mut ready_of = IdVec::from_rows(vec![0; cx.state.api.replica_sets.len()]);
    for pod in cx.state.api.pods.values().filter(|pod| pod.is_ready()) {
        if let Some(owner) = pod.replica_set() {
            ready_of[owner] += 1;
        }
    }
    let mut statuses: Vec<(ReplicaSetId, ReplicaSetStatus)> = Vec::new();
    for (id, set) in cx.state.api.replica_sets.iter() {
        let ready: i32 = ready_of[id];
        let status = ReplicaSetStatus { replicas: set.replicas, ready, available: ready };
        statuses.push((id, status));
    }
    for (id, status) in statuses {
        cx.state.api.replica_sets[id].status = status;
        let workload = cx.state.api.replica_sets[id].workload;
        if let Some(deployment) = &mut cx.state.api.deployments[workload] {
            let set = &cx.state.api.replica_sets[id];
            *deployment = settled_deployment(cx.model, workload, deployment, set);
        }
    }
}

/// Writes the statuses of StatefulSets and DaemonSets.
fn report_sets(cx: &mut Cx<'_>) {
    let mut ready: BTreeMap<WorkloadId, [i32; 2]> = BTreeMap::new();
    for pod in cx.state.api.pods.values() {
        if let Some(Owner::StatefulSet(workload) | Owner::DaemonSet(workload)) = pod.owner {
            let counts = ready.entry(workload).or_default();
            counts[0] += 1;
            counts[1] += i32::from(pod.is_ready());
        }
    }
    let of = |workload| ready.get(workload).copied().unwrap_or_default();
    for (workload, set) in &mut cx.state.api.stateful_sets {
        let [replicas, ready] = of(workload);
        let (available, current, updated) = (ready, replicas, replicas);
        set.status =
            StatefulSetStatus { replicas, ready, available, current, updated, ..set.status };
    }
    for (workload, set) in &mut cx.state.api.daemon_sets {
        let [current, ready] = of(workload);
        let (available, updated) = (ready, current);
        set.status = DaemonSetStatus { current, ready, available, updated, ..set.status };
    }
}

/// Writes the EndpointSlices that the ready pods make; kube-proxies have long taken them up.
fn count_endpoints(cx: &mut Cx<'_>) {
    for (service, spec) in cx.model.services.iter() {
        let selects = |template| spec.selects(cx.model, template);
        let selected: Vec<bool> = cx.model.templates.values().map(selects).collect();
        let is_endpoint = |pod: &PodObject| {
            let published = spec.publish_not_ready_addresses && pod.status.has_ip;
            selected[pod.template.index()] && (pod.is_ready() || published)
        };
        let pods = cx.state.api.pods.iter().filter(|(_, pod)| is_endpoint(pod));
        let members: BTreeSet<PodId> = pods.map(|(id, _)| id).collect();
        let ready = u32::try_from(members.len()).expect("pods are numbered by 32 bits");
        cx.fact(Fact::Endpoints { service, ready });
        for &pod in &members {
            cx.fact(Fact::ServiceRule { service, pod, present: true });
        }
        cx.state.api.endpoints[service] = members;
    }
}
