//! A recorded history as a model and a list of changes.

use std::sync::Arc;

use serde_json::Value;

use crate::base::map::LookupMap;
use crate::model::{Model, NodeId, PodId, TemplateId};
use crate::scheduling::NodeAspect;
use crate::scheduling::recorded::objects::{QueueObjects, items};

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

/// A history.
#[derive(Debug)]
pub(super) struct History {
    pub(super) model: Model,
    pub(super) start: Vec<Op>,
    pub(super) timeline: Vec<(u64, Op)>,
    /// Name of each pod.
    pub(super) names: Vec<String>,
}

struct Reader {
    objects: QueueObjects,
    pods: LookupMap<String, PodId>,
    names: Vec<String>,
}

impl History {
    pub(super) fn new(case: &Value) -> Self {
        let mut reader =
            Reader { objects: QueueObjects::new(), pods: LookupMap::new(), names: Vec::new() };
        let timeline: Vec<&Value> = items(&case["timeline"]).collect();
        let nodes = items(&case["nodes"]).chain(timeline.iter().map(|op| &op["node"]));
        nodes.filter(|node| !node.is_null()).for_each(|node| reader.objects.declare_node(node));
        let mut start: Vec<Op> = items(&case["nodes"]).map(|node| reader.node(node)).collect();
        start.extend(items(&case["pods"]).map(|pod| reader.pod(pod)));
        let timeline = timeline.into_iter().map(|op| {
            let change = match op["op"].as_str().expect("an op has a kind") {
                "createNode" | "updateNode" => reader.node(&op["node"]),
                "createPod" | "updatePod" => reader.pod(&op["pod"]),
                "deleteNode" => Op::Node(reader.objects.node_id(&op["name"]), None),
                "deletePod" => Op::Pod(op["name"].as_str().expect("a name").to_owned(), None),
                other => panic!("operation {other}"),
            };
            (op["t"].as_u64().expect("a time"), change)
        });
        let timeline = timeline.collect();
        let mut model = reader.objects.finish();
        let config = &case["config"];
        let seconds = |name: &str| {
            crate::base::time::SimDuration::from_secs(config[name].as_u64().unwrap_or(0))
        };
        model.scheduler.pod_initial_backoff = seconds("podInitialBackoffSeconds");
        model.scheduler.pod_max_backoff = seconds("podMaxBackoffSeconds");
        for profile in &mut model.scheduler.profiles {
            // Scores are ignored: of several feasible nodes the one of the smallest name is taken.
            profile.score.iter_mut().for_each(|score| score.weight = 0);
            profile.percentage_of_nodes_to_score = 100;
            if config["preemption"] != true {
                profile.post_filter.clear();
            }
        }
        Self { model, start, timeline, names: reader.names }
    }
}

impl Reader {
    fn node(&mut self, node: &Value) -> Op {
        let (id, aspect) = self.objects.node(node);
        Op::Node(id, Some(Arc::new(aspect)))
    }

    fn pod(&mut self, pod: &Value) -> Op {
        let name = pod["metadata"]["name"].as_str().expect("a name").to_owned();
        let uid = pod["metadata"]["uid"].as_str().unwrap_or(&name).to_owned();
        let names = &mut self.names;
        let id = *self.pods.get_or_insert_with(uid, || {
            names.push(name.clone());
            PodId::from_index(names.len() - 1)
        });
        let template = self.objects.pod(pod);
        let node = &pod["spec"]["nodeName"];
        let state = PodState {
            pod: id,
            template,
            node: (!node.is_null()).then(|| self.objects.node_id(node)),
            terminating: !pod["metadata"]["deletionTimestamp"].is_null(),
            nominated: None,
        };
        Op::Pod(name, Some(state))
    }
}
