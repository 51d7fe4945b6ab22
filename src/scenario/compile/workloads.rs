//! Workloads and services: typed objects to the model's.

use k8s_openapi::api::apps::v1::{Deployment, DeploymentStrategy as KubeStrategy, ReplicaSet};
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec, Service as KubeService};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::pods::{self, Identity, Surroundings};
use super::symbols::Symbols;
use crate::base::id::IdVec;
use crate::base::time::SimDuration;
use crate::model::{
    Budget, DeploymentStrategy, DisruptionLimit, IntOrPercent, LabelSelector, Labels, NamespaceId,
    PodTemplate, Service, TemplateId, Workload, WorkloadId, WorkloadKind,
};

/// Label that Deployments put on the pods of one template revision.
const TEMPLATE_HASH_LABEL: &str = "pod-template-hash";

/// Workloads and their templates as they are collected.
#[derive(Debug, Default)]
pub(super) struct Collected {
    pub(super) workloads: IdVec<WorkloadId, Workload>,
    pub(super) templates: IdVec<TemplateId, PodTemplate>,
    /// The pod template of each workload as written, for further revisions.
    sources: IdVec<WorkloadId, PodTemplateSpec>,
}

impl Collected {
    pub(super) fn deployment(
        &mut self,
        symbols: &mut Symbols,
        address: u64,
        object: &Deployment,
        around: &dyn Surroundings,
    ) {
        let Some(spec) = &object.spec else { return };
        let namespace = symbols.namespace(object.metadata.namespace.as_deref().unwrap_or_default());
        let template = self.template(
            symbols,
            address,
            namespace,
            &spec.template,
            (around, WorkloadKind::Deployment),
        );
        let workload = Workload {
            kind: WorkloadKind::Deployment,
            namespace,
            name: object.metadata.name.clone().unwrap_or_default(),
            address,
            labels: symbols.labels(object.metadata.labels.as_ref()),
            selector: symbols.selector(Some(&spec.selector)),
            replicas: replicas(spec.replicas, spec.template.metadata.as_ref(), around),
            min_ready: seconds(spec.min_ready_seconds.unwrap_or(0)),
            template,
            strategy: strategy(spec.strategy.as_ref()),
            revision_history_limit: spec.revision_history_limit.unwrap_or(10),
            progress_deadline: seconds(spec.progress_deadline_seconds.unwrap_or(600)),
            paused: spec.paused.unwrap_or(false),
        };
        self.workloads.push(workload);
    }

    pub(super) fn replica_set(
        &mut self,
        symbols: &mut Symbols,
        address: u64,
        object: &ReplicaSet,
        around: &dyn Surroundings,
    ) {
        let Some(spec) = &object.spec else { return };
        let Some(template) = &spec.template else { return };
        let replicas = replicas(spec.replicas, template.metadata.as_ref(), around);
        let namespace = symbols.namespace(object.metadata.namespace.as_deref().unwrap_or_default());
        let template = self.template(
            symbols,
            address,
            namespace,
            template,
            (around, WorkloadKind::ReplicaSet),
        );
        let workload = Workload {
            kind: WorkloadKind::ReplicaSet,
            namespace,
            name: object.metadata.name.clone().unwrap_or_default(),
            address,
            labels: symbols.labels(object.metadata.labels.as_ref()),
            selector: symbols.selector(Some(&spec.selector)),
            replicas,
            min_ready: seconds(spec.min_ready_seconds.unwrap_or(0)),
            template,
            strategy: DeploymentStrategy::Recreate,
            revision_history_limit: 0,
            progress_deadline: SimDuration::MAX,
            paused: false,
        };
        self.workloads.push(workload);
    }

    pub(super) fn pod(
        &mut self,
        symbols: &mut Symbols,
        address: u64,
        object: &Pod,
        around: &dyn Surroundings,
    ) {
        let namespace = symbols.namespace(object.metadata.namespace.as_deref().unwrap_or_default());
        let template =
            PodTemplateSpec { metadata: Some(object.metadata.clone()), spec: object.spec.clone() };
        let template =
            self.template(symbols, address, namespace, &template, (around, WorkloadKind::Pod));
        let mut workload = of_pod(namespace, &object.metadata, template, None);
        workload.address = address;
        workload.labels = symbols.labels(object.metadata.labels.as_ref());
        self.workloads.push(workload);
    }

    /// A further revision of a Deployment's template: the same pods under another hash.
    pub(super) fn revision(
        &mut self,
        symbols: &mut Symbols,
        workload: WorkloadId,
        revision: u32,
        around: &dyn Surroundings,
    ) -> TemplateId {
        let Workload { address, namespace, .. } = self.workloads[workload];
        let source = self.sources[workload].clone();
        let hash = hash(address, revision);
        let identity = Identity { workload, revision, hash, namespace, single: None };
        let compiled = compile(symbols, identity, source, (around, true));
        self.templates.push(compiled)
    }

    fn template(
        &mut self,
        symbols: &mut Symbols,
        address: u64,
        namespace: NamespaceId,
        template: &PodTemplateSpec,
        (around, of): (&dyn Surroundings, WorkloadKind),
    ) -> TemplateId {
        let workload = self.workloads.next_id();
        let single = (of == WorkloadKind::Pod).then_some(address);
        let hash = hash(address, 0);
        let identity = Identity { workload, revision: 0, hash, namespace, single };
        self.sources.push(template.clone());
        let around = (around, of == WorkloadKind::Deployment);
        let compiled = compile(symbols, identity, template.clone(), around);
        self.templates.push(compiled)
    }
}

/// The replicas of a workload: the policy's, or its own.
fn replicas(own: Option<i32>, metadata: Option<&ObjectMeta>, around: &dyn Surroundings) -> i32 {
    let given = metadata.and_then(|metadata| around.replicas(metadata));
    given.and_then(|given| i32::try_from(given).ok()).or(own).unwrap_or(1)
}

/// Compiles a template; `hashed` ones carry the label that tells revisions apart.
fn compile(
    symbols: &mut Symbols,
    identity: Identity,
    template: PodTemplateSpec,
    (around, hashed): (&dyn Surroundings, bool),
) -> PodTemplate {
    let mut metadata = template.metadata.unwrap_or_default();
    if hashed {
        let labels = metadata.labels.get_or_insert_default();
        labels.insert(TEMPLATE_HASH_LABEL.to_owned(), format!("{:x}", identity.hash));
    }
    let spec = template.spec.unwrap_or_default();
    pods::compile(symbols, identity, &metadata, spec, around)
}

/// The workload that a single pod is: a pod nobody owns, or one replica of an owner that selects
/// its pods.
pub(super) fn of_pod(
    namespace: NamespaceId,
    metadata: &ObjectMeta,
    template: TemplateId,
    owner: Option<LabelSelector>,
) -> Workload {
    Workload {
        kind: if owner.is_some() { WorkloadKind::ReplicaSet } else { WorkloadKind::Pod },
        namespace,
        name: metadata.name.clone().unwrap_or_default(),
        address: 0,
        labels: Labels::default(),
        selector: owner.unwrap_or_else(LabelSelector::none),
        replicas: 1,
        min_ready: SimDuration::ZERO,
        template,
        strategy: DeploymentStrategy::Recreate,
        revision_history_limit: 0,
        progress_deadline: SimDuration::MAX,
        paused: false,
    }
}

/// A Service.
pub(super) fn service(symbols: &mut Symbols, object: &KubeService) -> Service {
    let spec = object.spec.as_ref();
    Service {
        namespace: symbols.namespace(object.metadata.namespace.as_deref().unwrap_or_default()),
        name: object.metadata.name.clone().unwrap_or_default(),
        selector: symbols.map_selector(spec.and_then(|s| s.selector.as_ref())),
        publish_not_ready_addresses: spec
            .and_then(|s| s.publish_not_ready_addresses)
            .unwrap_or(false),
    }
}

/// A PodDisruptionBudget.
pub(super) fn budget(symbols: &mut Symbols, object: &PodDisruptionBudget) -> Budget {
    let spec = object.spec.as_ref();
    Budget {
        namespace: symbols.namespace(object.metadata.namespace.as_deref().unwrap_or_default()),
        name: object.metadata.name.clone().unwrap_or_default(),
        selector: symbols.selector(spec.and_then(|spec| spec.selector.as_ref())),
        limit: disruption_limit(
            spec.and_then(|spec| spec.min_available.as_ref()),
            spec.and_then(|spec| spec.max_unavailable.as_ref()),
        ),
        always_allow_unhealthy: spec
            .and_then(|spec| spec.unhealthy_pod_eviction_policy.as_deref())
            .is_some_and(|policy| policy == "AlwaysAllow"),
    }
}

/// What a budget's two fields say, of which one at most is set.
#[must_use]
pub fn disruption_limit(
    min_available: Option<&IntOrString>,
    max_unavailable: Option<&IntOrString>,
) -> DisruptionLimit {
    // Both were checked before.
    let bound = |value| int_or_percent(value).unwrap_or(IntOrPercent::Int(0));
    match (min_available, max_unavailable) {
        (_, Some(max)) => DisruptionLimit::MaxUnavailable(bound(max)),
        (Some(min), None) => DisruptionLimit::MinAvailable(bound(min)),
        (None, None) => DisruptionLimit::Absent,
    }
}

/// A number or a percentage. A text that is no percentage means nothing, as in Kubernetes.
#[must_use]
pub fn int_or_percent(value: &IntOrString) -> Option<IntOrPercent> {
    match value {
        IntOrString::Int(number) => Some(IntOrPercent::Int(*number)),
        IntOrString::String(text) => {
            text.strip_suffix('%')?.parse().ok().map(IntOrPercent::Percent)
        }
    }
}

fn strategy(strategy: Option<&KubeStrategy>) -> DeploymentStrategy {
    if strategy.and_then(|s| s.type_.as_deref()) == Some("Recreate") {
        return DeploymentStrategy::Recreate;
    }
    let rolling = strategy.and_then(|s| s.rolling_update.as_ref());
    // Both were checked before.
    let bound = |value: Option<&IntOrString>| {
        value.and_then(int_or_percent).unwrap_or(IntOrPercent::Percent(25))
    };
    DeploymentStrategy::RollingUpdate {
        max_surge: bound(rolling.and_then(|r| r.max_surge.as_ref())),
        max_unavailable: bound(rolling.and_then(|r| r.max_unavailable.as_ref())),
    }
}

fn seconds(value: i32) -> SimDuration {
    pods::seconds(i64::from(value))
}

/// Stands for Kubernetes' hash of a template: of its address, so that names do not matter.
fn hash(address: u64, revision: u32) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&address.to_le_bytes());
    hasher.update(&revision.to_le_bytes());
    let bytes = hasher.finalize();
    u64::from_le_bytes(bytes.as_bytes()[..8].try_into().expect("eight bytes")) >> 24
}
