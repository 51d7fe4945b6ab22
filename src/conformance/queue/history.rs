//! A recorded history as a model and a list of changes.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod};
use serde::Deserialize;
use serde_json::Value;

use crate::base::diag::Diagnostics;
use crate::base::map::LookupMap;
use crate::base::time::SimDuration;
use crate::model::{Model, NodeId, PodId, TemplateId};
use crate::scenario::compile::Observed;
use crate::scheduling::NodeAspect;

/// Every history looks at all nodes.
const ALL_NODES: i64 = 100;

/// A pod object as recorded.
#[derive(Clone, Debug)]
pub(super) struct PodState {
    pub(super) pod: PodId,
    pub(super) template: TemplateId,
    pub(super) node: Option<NodeId>,
    pub(super) terminating: bool,
    pub(super) nominated: Option<NodeId>,
}

/// What an operation does.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Node(NodeId, Option<Arc<NodeAspect>>),
    Pod(String, Option<PodState>),
}

/// `config` of a case.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Config {
    pub(super) start_ms: u64,
    pub(super) end_ms: u64,
    pod_initial_backoff_seconds: u64,
    pod_max_backoff_seconds: u64,
    pub(super) pod_max_in_unschedulable_pods_seconds: u64,
    pub(super) pop_interval_ms: u64,
    pub(super) attempt_ms: u64,
    pub(super) bind_ms: u64,
    #[serde(default)]
    pub(super) bind_errors: std::collections::BTreeMap<String, u64>,
    #[serde(default)]
    pub(super) preemption: bool,
    #[serde(default)]
    pub(super) evict_ms: u64,
    #[serde(default)]
    pub(super) grace_ms: u64,
}

/// A case as recorded.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    config: Config,
    #[serde(default)]
    nodes: Vec<Value>,
    #[serde(default)]
    pods: Vec<Value>,
    timeline: Vec<RawOp>,
    #[serde(default)]
    state_times: Vec<u64>,
}

#[derive(Debug, Deserialize)]
struct RawOp {
    t: u64,
    op: String,
    node: Option<Value>,
    pod: Option<Value>,
    name: Option<String>,
}

/// A history.
#[derive(Debug)]
pub(super) struct History {
    pub(super) model: Model,
    pub(super) config: Config,
    pub(super) start: Vec<Op>,
    /// Operations and their times in milliseconds.
    pub(super) timeline: Vec<(u64, Op)>,
    pub(super) state_times: Vec<u64>,
    /// Name of each pod.
    pub(super) names: Vec<String>,
}

struct Reader {
    cluster: Observed,
    /// Pods by uid.
    pods: LookupMap<String, PodId>,
    names: Vec<String>,
    /// Classes by what makes them one.
    classes: LookupMap<String, TemplateId>,
}

impl History {
    /// Reads and compiles a case.
    pub(super) fn read(case: &Value) -> Result<Self, String> {
        let case = Case::deserialize(case).map_err(|error| error.to_string())?;
        let cluster = Observed::new(None, &mut Diagnostics::new());
        let mut reader = Reader {
            cluster: cluster.ok_or("the default configuration does not compile")?,
            pods: LookupMap::new(),
            names: Vec::new(),
            classes: LookupMap::new(),
        };
        reader.cluster.plain_namespace("default");
        // The first object of a node's name stands for the node.
        for node in case.nodes.iter().chain(case.timeline.iter().filter_map(|op| op.node.as_ref()))
        {
            reader.declare(node)?;
        }
        let mut start = Vec::new();
        for node in &case.nodes {
            start.push(reader.node(node)?);
        }
        for pod in &case.pods {
            start.push(reader.pod(pod)?);
        }
        let mut timeline = Vec::new();
        for (index, op) in case.timeline.iter().enumerate() {
            let read = reader.op(op).map_err(|error| format!("operation {index}: {error}"))?;
            timeline.push((op.t, read));
        }
        let Case { config, state_times, .. } = case;
        let Reader { cluster, names, .. } = reader;
        let mut model = cluster.model();
        configure(&mut model, &config);
        Ok(Self { model, config, start, timeline, state_times, names })
    }
}

/// The scheduler of a case. Scores are ignored there: of several feasible nodes the one with the
/// smallest name is taken.
fn configure(model: &mut Model, config: &Config) {
    let scheduler = &mut model.scheduler;
    scheduler.pod_initial_backoff = SimDuration::from_secs(config.pod_initial_backoff_seconds);
    scheduler.pod_max_backoff = SimDuration::from_secs(config.pod_max_backoff_seconds);
    for profile in &mut scheduler.profiles {
        profile.score.iter_mut().for_each(|score| score.weight = 0);
        profile.percentage_of_nodes_to_score = ALL_NODES;
        if !config.preemption {
            profile.post_filter.clear();
        }
    }
}

impl Reader {
    fn op(&mut self, op: &RawOp) -> Result<Op, String> {
        let name = || op.name.clone().ok_or("no name");
        Ok(match (op.op.as_str(), &op.node, &op.pod) {
            ("createNode" | "updateNode", Some(node), _) => self.node(node)?,
            ("createPod" | "updatePod", _, Some(pod)) => self.pod(pod)?,
            ("deleteNode", ..) => Op::Node(self.node_named(&name()?)?, None),
            ("deletePod", ..) => Op::Pod(name()?, None),
            (other, ..) => return Err(format!("\"{other}\" is unknown or lacks its object")),
        })
    }

    fn declare(&mut self, object: &Value) -> Result<(), String> {
        let node = Node::deserialize(object).map_err(|error| error.to_string())?;
        let name = node.metadata.name.as_deref().unwrap_or_default();
        if self.cluster.node_named(name).is_none() {
            self.cluster.node(&node);
        }
        Ok(())
    }

    fn node_named(&self, name: &str) -> Result<NodeId, String> {
        self.cluster.node_named(name).ok_or_else(|| format!("no node {name}"))
    }

    fn node(&mut self, object: &Value) -> Result<Op, String> {
        let node = Node::deserialize(object).map_err(|error| error.to_string())?;
        let id = self.node_named(node.metadata.name.as_deref().unwrap_or_default())?;
        Ok(Op::Node(id, Some(Arc::new(self.cluster.node_state(id, &node)))))
    }

    fn pod(&mut self, object: &Value) -> Result<Op, String> {
        let mut pod = Pod::deserialize(object).map_err(|error| error.to_string())?;
        let name = pod.metadata.name.clone().unwrap_or_default();
        let uid = pod.metadata.uid.clone().unwrap_or_else(|| name.clone());
        let names = &mut self.names;
        let id = *self.pods.get_or_insert_with(uid, || {
            let id = PodId::from_index(names.len());
            names.push(name.clone());
            id
        });
        // The node a pod is on is no part of its class.
        let on = pod.spec.as_mut().and_then(|spec| spec.node_name.take());
        let node = on.map(|on| self.node_named(&on)).transpose()?;
        let terminating = pod.metadata.deletion_timestamp.is_some();
        let template = self.class(object, &pod);
        Ok(Op::Pod(name, Some(PodState { pod: id, template, node, terminating, nominated: None })))
    }

    /// The class of a pod: pods whose objects differ in nothing that schedulers look at share one.
    fn class(&mut self, object: &Value, pod: &Pod) -> TemplateId {
        let mut spec = object["spec"].clone();
        if let Some(fields) = spec.as_object_mut() {
            fields.remove("nodeName");
        }
        let key = format!("{} {spec} {}", object["metadata"]["labels"], object["status"]);
        if let Some(&known) = self.classes.get(&key) {
            return known;
        }
        let class = self.cluster.pod(pod);
        self.classes.insert(key, class);
        class
    }
}
