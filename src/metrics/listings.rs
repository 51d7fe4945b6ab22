//! Rows of `pods.csv`, `nodes.csv` and `events.csv`.

use super::load::share;
use super::pods::PodTrack;
use super::replay::Replay;
use super::window::ratio;
use crate::base::time::SimTime;
use crate::model::{Model, NodeId, WorkloadKind};
use crate::record::{Involved, KubeEvent};
use crate::tables::{EventRow, NodeRow, PodRow};

/// One row per pod that ever existed, in order of creation of their ids.
pub(super) fn pod_rows(replay: &Replay<'_>) -> Vec<PodRow> {
    replay.known_pods().map(|pod| pod_row(replay.model, pod)).collect()
}

fn pod_row(model: &Model, pod: &PodTrack) -> PodRow {
    let node = pod.node().map(|id| &model.nodes[id]);
    let workload = match model.workloads[pod.workload].kind {
        WorkloadKind::Pod => String::new(),
        WorkloadKind::Deployment
        | WorkloadKind::ReplicaSet
        | WorkloadKind::ReplicationController
        | WorkloadKind::StatefulSet
        | WorkloadKind::DaemonSet
        | WorkloadKind::Job
        | WorkloadKind::CronJob => model.workload_name(pod.workload),
    };
    PodRow {
        namespace: model.namespaces[model.templates[pod.identity.template].namespace].name.clone(),
        name: model.pod_name(&pod.identity),
        workload,
        node: node.map_or_else(String::new, |node| node.name.clone()),
        zone: node.map_or_else(String::new, |node| model.zones[node.zone].name.clone()),
        created_seconds: pod.created.as_secs_f64(),
        scheduled_seconds: pod.bound.map(|(time, _)| time.as_secs_f64()),
        started_seconds: pod.started.map(SimTime::as_secs_f64),
        ready_seconds: pod.first_ready.map(SimTime::as_secs_f64),
        deleted_seconds: pod.deleted.map(SimTime::as_secs_f64),
        phase: pod.phase.name().to_owned(),
        reason: pod.reason.name().to_owned(),
        restarts: pod.restarts(),
    }
}

/// One row per node, in the order of the model.
pub(super) fn node_rows(replay: &Replay<'_>) -> Vec<NodeRow> {
    replay.model.nodes.ids().map(|id| node_row(replay, id)).collect()
}

fn node_row(replay: &Replay<'_>, id: NodeId) -> NodeRow {
    let model = replay.model;
    let (node, track) = (&model.nodes[id], &replay.load.nodes[id]);
    let length = replay.window.length_ns();
    let mean = |sum: u128, total: i64| ratio(sum, length).map_or(0.0, |mean| share(mean, total));
    NodeRow {
        name: node.name.clone(),
        pool: model.pools[node.pool].name.clone(),
        zone: model.zones[node.zone].name.clone(),
        cpu_milli: node.allocatable.cpu_milli,
        memory_bytes: node.allocatable.memory_bytes,
        pods: node.allocatable.pods,
        cpu_allocated_ratio: mean(track.cpu_sum, node.allocatable.cpu_milli),
        memory_allocated_ratio: mean(track.memory_sum, node.allocatable.memory_bytes),
        ready_ratio: ratio(replay.nodes_ready[id].on_ns(), length).unwrap_or(0.0),
    }
}

/// One row per Kubernetes event, in the order in which they happened.
pub(super) fn event_rows(replay: &Replay<'_>, events: &[KubeEvent]) -> Vec<EventRow> {
    events.iter().map(|event| event_row(replay, event)).collect()
}

fn event_row(replay: &Replay<'_>, event: &KubeEvent) -> EventRow {
    let model = replay.model;
    let (object_kind, namespace, name) = match event.involved {
        Involved::Pod(id) => {
            let known = replay.pods.get(id.index()).and_then(Option::as_ref);
            let pod = known.expect("an event is about a pod that was created");
            let namespace = model.templates[pod.identity.template].namespace;
            ("Pod", Some(namespace), model.pod_name(&pod.identity))
        }
        Involved::Node(id) => ("Node", None, model.nodes[id].name.clone()),
        Involved::Job(id, run) => {
            let namespace = model.workloads[id].namespace;
            ("Job", Some(namespace), model.job_name(id, run))
        }
        Involved::Workload(id) => {
            let workload = &model.workloads[id];
            (workload.kind.name(), Some(workload.namespace), workload.name.clone())
        }
    };
    EventRow {
        time_seconds: event.time.as_secs_f64(),
        kind: if event.warning { "Warning" } else { "Normal" }.to_owned(),
        reason: event.reason.to_owned(),
        object_kind: object_kind.to_owned(),
        namespace: namespace.map_or_else(String::new, |id| model.namespaces[id].name.clone()),
        name,
        component: event.component.to_owned(),
        message: event.message.clone(),
    }
}
