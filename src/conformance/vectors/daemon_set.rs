//! Vectors of the DaemonSet controller.

use k8s_openapi::api::core::v1::{Node, Pod as KubePod};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::lifecycle::effect;
use super::read;
use crate::base::diag::Diagnostics;
use crate::base::time::{SimDuration, SimTime};
use crate::controllers::{
    DaemonClass, DaemonNode, DaemonPlacement, DaemonPod, DaemonSpec, DaemonUpdate, rolling_update,
};
use crate::model::{Model, NodeId, PodId, TemplateId, Toleration, TolerationOperator};
use crate::scenario::compile::{self, Observed};
use crate::state::Phase;

/// Nodes and the template of a set.
struct Cluster {
    model: Model,
    class: DaemonClass,
}

/// A cluster of nodes (`name` and whatever of metadata and spec is given) and a set's template.
fn cluster(nodes: &[Value], template: &Value) -> Result<Cluster, String> {
    let mut cluster = Observed::new(None, &mut Diagnostics::new()).ok_or("no configuration")?;
    for node in nodes {
        let node: Node = read(&json!({
            "metadata": {"name": node["name"], "labels": node["labels"]},
            "spec": {"taints": node["taints"]},
        }))?;
        cluster.node(&node);
    }
    let pod: KubePod = read(&json!({"metadata": {"name": "daemon"}, "spec": template}))?;
    let id: TemplateId = cluster.pod(&pod);
    let on_host = template["hostNetwork"].as_bool().unwrap_or_default();
    let model = cluster.model();
    let class = DaemonClass::new(&model.templates[id], on_host, &model.symbols);
    Ok(Cluster { model, class })
}

impl Cluster {
    fn placement(&self, at: usize) -> DaemonPlacement {
        self.class.placement(&self.model, &self.model.nodes[NodeId::from_index(at)])
    }
}

/// Whether a node is to have a pod of a set, and what the set's pods tolerate.
pub(super) fn node_should_run(input: &Value) -> Result<Value, String> {
    let cluster = cluster(&[input["node"].clone()], &input["template"])?;
    let placement = cluster.placement(0);
    let tolerated = cluster.class.tolerated().iter();
    let tolerated = tolerated.map(|one| toleration(one, &cluster.model));
    Ok(json!({
        "podTolerations": tolerated.collect::<Vec<_>>(),
        "shouldRun": placement.run,
        "shouldContinueRunning": placement.stay,
    }))
}

fn toleration(one: &Toleration, model: &Model) -> Value {
    let mut told = Map::new();
    if let Some(key) = one.key {
        told.insert("key".to_owned(), json!(model.symbols.resolve(key)));
    }
    let operator = match one.operator {
        TolerationOperator::Equal => "Equal",
        TolerationOperator::Exists => "Exists",
    };
    told.insert("operator".to_owned(), json!(operator));
    let value = model.symbols.resolve(one.value);
    if !value.is_empty() {
        told.insert("value".to_owned(), json!(value));
    }
    if let Some(of) = one.effect {
        told.insert("effect".to_owned(), json!(effect(of)));
    }
    if let Some(seconds) = one.seconds {
        told.insert("tolerationSeconds".to_owned(), json!(seconds));
    }
    Value::Object(told)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rolling {
    max_surge: IntOrString,
    max_unavailable: IntOrString,
    min_ready_seconds: u64,
    node_selector_disk: String,
    nodes: Vec<Occupied>,
}

#[derive(Debug, Deserialize)]
struct Occupied {
    name: String,
    disk: String,
    pods: Vec<Pod>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pod {
    name: String,
    ready: bool,
    ready_seconds_ago: u64,
    terminating: bool,
    updated: bool,
}

fn pod(id: PodId, pod: &Pod) -> DaemonPod {
    DaemonPod {
        id,
        bound: true,
        created: SimTime::ZERO,
        phase: Phase::Running,
        ready_for: pod.ready.then(|| SimDuration::from_secs(pod.ready_seconds_ago)),
        updated: pod.updated,
        terminating: pod.terminating,
    }
}

/// One pass of a rolling update.
pub(super) fn rolling_step(input: &Value) -> Result<Value, String> {
    let rolling: Rolling = read(input)?;
    let bound = |value| compile::int_or_percent(value).ok_or_else(|| format!("odd {value:?}"));
    let spec = DaemonSpec {
        update: DaemonUpdate::RollingUpdate {
            max_surge: bound(&rolling.max_surge)?,
            max_unavailable: bound(&rolling.max_unavailable)?,
        },
        min_ready: SimDuration::from_secs(rolling.min_ready_seconds),
    };
    let described = rolling.nodes.iter();
    let described = described.map(|n| json!({"name": n.name, "labels": {"disk": n.disk}}));
    let template = match rolling.node_selector_disk.as_str() {
        "none" => json!({"containers": []}),
        disk => json!({"containers": [], "nodeSelector": {"disk": disk}}),
    };
    let cluster = cluster(&described.collect::<Vec<_>>(), &template)?;
    let mut names: Vec<&str> = Vec::new();
    let mut pods: Vec<Vec<DaemonPod>> = Vec::new();
    for node in &rolling.nodes {
        let mut there = Vec::new();
        for one in &node.pods {
            there.push(pod(PodId::from_index(names.len()), one));
            names.push(&one.name);
        }
        pods.push(there);
    }
    let node = |(at, pods)| {
        let placement = cluster.placement(at);
        DaemonNode { node: NodeId::from_index(at), placement, pods }
    };
    let nodes: Vec<DaemonNode<'_>> = pods.iter().map(Vec::as_slice).enumerate().map(node).collect();
    let step = rolling_update(&spec, &nodes);
    let pod_names = |ids: Vec<PodId>| sorted(ids.iter().map(|id| names[id.index()]));
    let node_names =
        |ids: Vec<NodeId>| sorted(ids.iter().map(|id| &*rolling.nodes[id.index()].name));
    Ok(json!({
        "alwaysCreatedOn": node_names(step.creates.certain()),
        "alwaysDeleted": pod_names(step.deletes.certain()),
        "createCount": step.creates.count(),
        "deleteCount": step.deletes.count(),
        "desiredNumberScheduled": step.desired,
        "maxSurge": step.max_surge,
        "maxUnavailable": step.max_unavailable,
        "sometimesCreatedOn": node_names(step.creates.open()),
        "sometimesDeleted": pod_names(step.deletes.open()),
    }))
}

/// Names in the order of the recordings.
fn sorted<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names
}
