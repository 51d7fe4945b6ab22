//! The input of a case: Kubernetes objects, read with Kubernetes' own types and compiled by the
//! code that compiles scenarios.

use k8s_openapi::api::apps::v1::{ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{
    Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod, ReplicationController, Service,
};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::storage::v1::{CSIDriver, CSINode, CSIStorageCapacity, StorageClass};
use serde::Deserialize;
use serde_json::Value;

use crate::base::diag::{Diagnostics, SourceMap};
use crate::base::time::SimTime;
use crate::model::{BudgetId, Model, NodeId, PluginArgs, TemplateId};
use crate::scenario::compile::{Observed, start_time};
use crate::scenario::file::read_scheduler_config;

/// Diagnostics of a configuration shown at most.
const SHOWN: usize = 5;
/// Every case but those on sampling looks at all nodes.
const ALL_NODES: i64 = 100;

/// And preemption at all candidates.
const ALL_CANDIDATES: (&str, PluginArgs) = (
    "DefaultPreemption",
    PluginArgs::DefaultPreemption {
        min_candidate_nodes_percentage: 100,
        min_candidate_nodes_absolute: i64::MAX,
    },
);

/// The objects of a case, as recorded.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Objects {
    #[serde(default)]
    config: Value,
    #[serde(default)]
    namespaces: Vec<Namespace>,
    #[serde(default)]
    nodes: Vec<Node>,
    #[serde(default)]
    pods: Vec<Pod>,
    #[serde(default)]
    pdbs: Vec<PodDisruptionBudget>,
    #[serde(default)]
    services: Vec<Service>,
    #[serde(default)]
    replication_controllers: Vec<ReplicationController>,
    #[serde(default)]
    replica_sets: Vec<ReplicaSet>,
    #[serde(default)]
    stateful_sets: Vec<StatefulSet>,
    #[serde(default)]
    storage_classes: Vec<StorageClass>,
    #[serde(default)]
    pvs: Vec<PersistentVolume>,
    #[serde(default)]
    pvcs: Vec<PersistentVolumeClaim>,
    #[serde(default)]
    csi_nodes: Vec<CSINode>,
    #[serde(default)]
    csi_drivers: Vec<CSIDriver>,
    #[serde(default)]
    csi_storage_capacities: Vec<CSIStorageCapacity>,
    incoming: Vec<Pod>,
    sampling: Option<Sampling>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sampling {
    percentage_of_nodes_to_score: i64,
}

/// A pod that is on a node from the start.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) name: String,
    pub(super) node: NodeId,
    pub(super) template: TemplateId,
    pub(super) terminating: bool,
    pub(super) started: Option<SimTime>,
}

/// A disruption budget and its status, which stays as given.
#[derive(Debug)]
pub(super) struct BudgetStatus {
    pub(super) budget: BudgetId,
    pub(super) allowed: i32,
    /// Names of the pods whose eviction has been granted.
    pub(super) disrupted: Vec<String>,
}

/// A case, compiled.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) model: Model,
    pub(super) bound: Vec<Bound>,
    pub(super) budgets: Vec<BudgetStatus>,
    /// Names (`namespace/name`) and classes of the pods tried.
    pub(super) incoming: Vec<(String, TemplateId)>,
    /// The case gives a configuration, whose plugins are recorded.
    pub(super) configured: bool,
    /// The case is on sampling.
    pub(super) sampling: bool,
}

impl Input {
    /// Reads and compiles a case.
    pub(super) fn read(case: &Value) -> Result<Self, String> {
        let objects = Objects::deserialize(case).map_err(|error| error.to_string())?;
        let mut cluster = cluster(&objects.config)?;
        objects.namespaces.iter().for_each(|object| cluster.namespace(object));
        for node in &objects.nodes {
            cluster.node(node);
        }
        objects.services.iter().for_each(|object| cluster.service(object));
        objects
            .replication_controllers
            .iter()
            .for_each(|object| cluster.replication_controller(object));
        objects.replica_sets.iter().for_each(|object| cluster.replica_set(object));
        objects.stateful_sets.iter().for_each(|object| cluster.stateful_set(object));
        objects.storage_classes.iter().for_each(|object| cluster.storage_class(object));
        objects.pvs.iter().for_each(|object| cluster.persistent_volume(object));
        for claim in &objects.pvcs {
            cluster.persistent_volume_claim(claim);
        }
        objects.csi_nodes.iter().for_each(|object| cluster.csi_node(object));
        objects.csi_drivers.iter().for_each(|object| cluster.csi_driver(object));
        objects.csi_storage_capacities.iter().for_each(|object| cluster.storage_capacity(object));
        let budgets = objects.pdbs.iter().map(|object| budget(&mut cluster, object)).collect();
        let mut bound = Vec::new();
        for pod in &objects.pods {
            let on = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
            // A pod on a node that is not there takes no part.
            let Some(node) = on.and_then(|name| cluster.node_named(name)) else { continue };
            let terminating = pod.metadata.deletion_timestamp.is_some();
            let template = cluster.pod(pod);
            let (name, started) = (name_of(pod), start_time(pod));
            bound.push(Bound { name, node, template, terminating, started });
        }
        let incoming = objects.incoming.iter().map(|pod| (name_of(pod), cluster.pod(pod)));
        let incoming = incoming.collect();
        let mut model = cluster.model();
        let sampling = objects.sampling.as_ref();
        let percentage = sampling.map_or(ALL_NODES, |s| s.percentage_of_nodes_to_score);
        for profile in &mut model.scheduler.profiles {
            profile.percentage_of_nodes_to_score = percentage;
            let (name, args) = ALL_CANDIDATES;
            profile.args.retain(|(plugin, _)| plugin != name);
            profile.args.push((name.to_owned(), args));
        }
        let (configured, sampling) = (!objects.config.is_null(), sampling.is_some());
        Ok(Self { model, bound, budgets, incoming, configured, sampling })
    }
}

fn budget(cluster: &mut Observed, object: &PodDisruptionBudget) -> BudgetStatus {
    let status = object.status.as_ref();
    let disrupted = status.and_then(|status| status.disrupted_pods.as_ref());
    let namespace = object.metadata.namespace.as_deref();
    BudgetStatus {
        budget: cluster.budget(object),
        allowed: status.map_or(0, |status| status.disruptions_allowed),
        disrupted: disrupted.into_iter().flatten().map(|(pod, _)| full(namespace, pod)).collect(),
    }
}

/// An empty cluster under the case's configuration, read as a file of a policy is.
fn cluster(config: &Value) -> Result<Observed, String> {
    let (mut sources, mut found) = (SourceMap::new(), Diagnostics::new());
    let mut read = None;
    if !config.is_null() {
        let text = config.to_string();
        let file = sources.add("the case's config", text.as_str());
        read = read_scheduler_config((file, &text), &mut found);
    }
    let cluster = Observed::new(read.as_ref(), &mut found);
    match cluster.filter(|_| !found.has_errors()) {
        Some(cluster) => Ok(cluster),
        None => Err(found.render(&sources, SHOWN).trim_end().to_owned()),
    }
}

/// `namespace/name`.
fn name_of(pod: &Pod) -> String {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    full(pod.metadata.namespace.as_deref(), name)
}

fn full(namespace: Option<&str>, name: &str) -> String {
    format!("{}/{name}", namespace.unwrap_or("default"))
}
