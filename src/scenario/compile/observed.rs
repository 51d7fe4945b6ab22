//! Objects as a running cluster holds them, to a model: what exists already has been through
//! defaulting and admission, so nothing is filled in and nothing is laid over.
//!
//! Everything else is the reading of scenarios: the same code turns manifests into nodes, pod
//! classes, selectors and profiles.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{
    Container, Namespace as KubeNamespace, Node, PersistentVolume, PersistentVolumeClaim, Pod,
    PodSpec, PodStatus, ReplicationController, Service as KubeService,
};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::storage::v1::{CSIDriver, CSINode, CSIStorageCapacity, StorageClass};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::nodes::{Machines, Place};
use super::pods::{self, Identity, Surroundings};
use super::storage::Admission;
use super::symbols::Symbols;
use super::workloads::{self, Collected};
use super::{WELL_KNOWN, behaviour, control_plane, overlay, scheduler};
use crate::base::diag::Diagnostics;
use crate::base::id::IdVec;
use crate::base::map::LookupMap;
use crate::base::time::{SimDuration, SimTime};
use crate::model::{
    AppBehaviour, Budget, BudgetId, ClaimId, KubeletConfig, LabelSelector, Labels, Model,
    NamespaceId, NodeId, NodeSpec, Pool, PoolId, ReadinessGate, SchedulerConfig, Service,
    ServiceId, Start, TemplateId,
};
use crate::rng::Distribution;
use crate::scenario::spec;
use crate::scheduling::NodeAspect;

/// A cluster that is told object by object: namespaces, nodes, services and owners before pods.
#[derive(Debug)]
pub struct Observed {
    symbols: Symbols,
    pools: IdVec<PoolId, Pool>,
    machines: Machines,
    node_ids: LookupMap<String, NodeId>,
    collected: Collected,
    services: IdVec<ServiceId, Service>,
    budgets: IdVec<BudgetId, Budget>,
    /// Selectors of controllers by what an owner reference says: API version, kind, namespace,
    /// name.
    owners: BTreeMap<[String; 4], LabelSelector>,
    declared: Vec<NamespaceId>,
    /// Claims told.
    claims: u64,
    scheduler: SchedulerConfig,
}

/// A pod that exists: neither class nor policy nor admission adds to it.
struct AsItIs<'a>(Option<&'a PodStatus>);

impl Surroundings for AsItIs<'_> {
    fn priority(&self, _class: Option<&str>) -> (i32, bool) {
        (0, false)
    }

    fn behaviour(&self, _: &ObjectMeta, _: &str, _: &Container) -> AppBehaviour {
        behaviour::unstated()
    }

    fn readiness_gates(&self, _: &ObjectMeta, _: &str, _: &PodSpec) -> Vec<ReadinessGate> {
        Vec::new()
    }

    fn status(&self) -> Option<&PodStatus> {
        self.0
    }

    fn admission(&self) -> Admission {
        Admission::Done
    }

    fn admit(&self, _metadata: &ObjectMeta, _spec: &mut PodSpec) {}
}

impl Observed {
    /// An empty cluster under a scheduler configuration, or Kubernetes' default. `None` means
    /// that `found` holds the errors of the configuration.
    #[must_use]
    pub fn new(config: Option<&spec::SchedulerConfig>, found: &mut Diagnostics) -> Option<Self> {
        let mut symbols = Symbols::default();
        for word in WELL_KNOWN {
            symbols.intern(word);
        }
        let before = found.error_count();
        let scheduler = scheduler::compile(config, &mut symbols, found);
        let scheduler = scheduler.filter(|_| found.error_count() == before)?;
        let mut pools = IdVec::new();
        let boot_s = Distribution::Constant(0.0);
        pools.push(Pool {
            name: "nodes".to_owned(),
            price_per_hour: None,
            boot_s,
            kubelet: KubeletConfig::default(),
            overload: None,
        });
        Some(Self {
            symbols,
            pools,
            machines: Machines::default(),
            node_ids: LookupMap::new(),
            collected: Collected::default(),
            services: IdVec::new(),
            budgets: IdVec::new(),
            owners: BTreeMap::new(),
            declared: Vec::new(),
            claims: 0,
            scheduler,
        })
    }

    /// Adds a namespace as the API server makes it: with its name as its only label.
    pub fn plain_namespace(&mut self, name: &str) {
        let id = self.symbols.namespace(name);
        self.declared.push(id);
    }

    /// Adds a namespace with its labels.
    pub fn namespace(&mut self, object: &KubeNamespace) {
        let id = self.symbols.namespace(object.metadata.name.as_deref().unwrap_or_default());
        self.declared.push(id);
        self.symbols.namespaces[id].labels = self.symbols.labels(object.metadata.labels.as_ref());
    }

    /// Adds a node.
    pub fn node(&mut self, object: &Node) -> NodeId {
        let name = object.metadata.name.as_deref().unwrap_or_default();
        let address = self.machines.nodes.len() as u64;
        let pool = PoolId::from_index(0);
        let place = Place { name, pool, address, zone: None, region: None };
        let id = self.machines.add_existing(&mut self.symbols, object, place);
        self.node_ids.insert(name.to_owned(), id);
        id
    }

    /// A known node as another object of its name describes it.
    pub fn node_state(&mut self, node: NodeId, object: &Node) -> NodeAspect {
        let NodeSpec { name, pool, address, .. } = self.machines.nodes[node].clone();
        let place = Place { name: &name, pool, address, zone: None, region: None };
        let spec = self.machines.existing(&mut self.symbols, object, place);
        let conditions = object.status.iter().flat_map(|s| s.conditions.iter().flatten());
        let mut conditions: Vec<_> = conditions
            .map(|c| (self.symbols.intern(&c.type_), self.symbols.intern(&c.status)))
            .collect();
        conditions.sort_unstable();
        let annotations = self.symbols.labels(object.metadata.annotations.as_ref());
        NodeAspect {
            taints: spec.taints.clone(),
            unschedulable: spec.unschedulable,
            spec: (spec != self.machines.nodes[node]).then(|| Arc::new(spec)),
            conditions,
            annotations,
        }
    }

    /// The node of a name.
    #[must_use]
    pub fn node_named(&self, name: &str) -> Option<NodeId> {
        self.node_ids.get(name).copied()
    }

    /// Adds a Service.
    pub fn service(&mut self, object: &KubeService) {
        self.of_namespace(&object.metadata);
        self.services.push(workloads::service(&mut self.symbols, object));
    }

    /// Adds a StorageClass.
    pub fn storage_class(&mut self, object: &StorageClass) {
        self.symbols.storage_class(object, Admission::Done);
    }

    /// Adds a PersistentVolume.
    pub fn persistent_volume(&mut self, object: &PersistentVolume) {
        self.symbols.persistent_volume(object, Admission::Done);
    }

    /// Adds a PersistentVolumeClaim; before the pods that use it.
    pub fn persistent_volume_claim(&mut self, object: &PersistentVolumeClaim) -> ClaimId {
        let address = self.claims;
        self.claims += 1;
        self.symbols.persistent_volume_claim(object, address)
    }

    /// Adds a CSINode; after its node.
    pub fn csi_node(&mut self, object: &CSINode) {
        let name = object.metadata.name.as_deref().unwrap_or_default();
        if let Some(node) = self.node_named(name) {
            self.symbols.csi_node(object, node);
        }
    }

    /// Adds a CSIDriver.
    pub fn csi_driver(&mut self, object: &CSIDriver) {
        self.symbols.csi_driver(object);
    }

    /// Adds a CSIStorageCapacity.
    pub fn storage_capacity(&mut self, object: &CSIStorageCapacity) {
        self.symbols.storage_capacity(object);
    }

    /// Adds a PodDisruptionBudget.
    pub fn budget(&mut self, object: &PodDisruptionBudget) -> BudgetId {
        self.of_namespace(&object.metadata);
        self.budgets.push(workloads::budget(&mut self.symbols, object))
    }

    /// Adds a ReplicationController, as an owner of pods.
    pub fn replication_controller(&mut self, object: &ReplicationController) {
        let selector = object.spec.as_ref().and_then(|spec| spec.selector.as_ref());
        let selector = self.symbols.map_selector(selector);
        self.owner("v1", "ReplicationController", &object.metadata, selector);
    }

    /// Adds a ReplicaSet, as an owner of pods.
    pub fn replica_set(&mut self, object: &ReplicaSet) {
        let selector = self.symbols.selector(object.spec.as_ref().map(|spec| &spec.selector));
        self.owner("apps/v1", "ReplicaSet", &object.metadata, selector);
    }

    /// Adds a StatefulSet, as an owner of pods.
    pub fn stateful_set(&mut self, object: &StatefulSet) {
        let selector = self.symbols.selector(object.spec.as_ref().map(|spec| &spec.selector));
        self.owner("apps/v1", "StatefulSet", &object.metadata, selector);
    }

    fn owner(
        &mut self,
        api_version: &str,
        kind: &str,
        metadata: &ObjectMeta,
        selector: LabelSelector,
    ) {
        let name = metadata.name.as_deref().unwrap_or_default();
        let key = [api_version, kind, namespace_of(metadata), name].map(str::to_owned);
        self.owners.insert(key, selector);
    }

    /// Adds a pod as a class of its own.
    pub fn pod(&mut self, object: &Pod) -> TemplateId {
        let metadata = &object.metadata;
        let namespace = self.of_namespace(metadata);
        let workload = self.collected.workloads.next_id();
        let identity = Identity { workload, revision: 0, hash: 0, namespace, single: Some(0) };
        let spec = object.spec.clone().unwrap_or_default();
        let around = AsItIs(object.status.as_ref());
        let template = pods::compile(&mut self.symbols, identity, metadata, spec, &around);
        let template = self.collected.templates.push(template);
        let owner = metadata.owner_references.iter().flatten().find(|o| o.controller == Some(true));
        let selector = owner.and_then(|owner| {
            let key = [&owner.api_version, &owner.kind, namespace_of(metadata), &owner.name];
            self.owners.get(&key.map(|part: &str| part.to_owned()))
        });
        let workload = workloads::of_pod(namespace, metadata, template, selector.cloned());
        self.collected.workloads.push(workload);
        template
    }

    /// The namespace of an object. One that no object declares exists in name only.
    fn of_namespace(&mut self, metadata: &ObjectMeta) -> NamespaceId {
        self.symbols.namespace(namespace_of(metadata))
    }

    /// The model of the cluster: a run of no length that nothing disturbs.
    #[must_use]
    pub fn model(self) -> Model {
        let Self { mut symbols, declared, pools, machines, collected, scheduler, .. } = self;
        for (_, namespace) in symbols.namespaces.iter_mut().filter(|(id, _)| !declared.contains(id))
        {
            namespace.labels = Labels::default();
        }
        let storage = symbols.take_storage(Admission::Done);
        Model {
            storage,
            scenario: String::new(),
            description: String::new(),
            policy: String::new(),
            start_unix_s: super::DEFAULT_START_UNIX_S,
            duration: SimDuration::ZERO,
            measure_from: SimTime::ZERO,
            start: Start::Empty,
            symbols: symbols.interner,
            namespaces: symbols.namespaces,
            scalar_resources: symbols.scalars,
            images: symbols.images,
            zones: machines.zones,
            pools,
            nodes: machines.nodes,
            templates: collected.templates,
            workloads: collected.workloads,
            services: self.services,
            budgets: self.budgets,
            faults: IdVec::new(),
            operations: Vec::new(),
            load: Vec::new(),
            control_plane: control_plane::compile(None),
            scheduler,
            recovery: overlay::recovery(None),
        }
    }
}

/// A pod's `status.startTime`, in time that begins with the year 1970.
#[must_use]
pub fn start_time(pod: &Pod) -> Option<SimTime> {
    let at = pod.status.as_ref()?.start_time.as_ref()?.0.as_nanosecond();
    Some(SimTime::from_nanos(u64::try_from(at.max(0)).unwrap_or(u64::MAX)))
}

fn namespace_of(metadata: &ObjectMeta) -> &str {
    metadata.namespace.as_deref().filter(|name| !name.is_empty()).unwrap_or("default")
}
