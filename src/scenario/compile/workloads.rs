//! Workloads and services: typed objects to the model's.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{
    DaemonSet, Deployment, DeploymentStrategy as KubeStrategy, ReplicaSet, ReplicaSetSpec,
    StatefulSet,
};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimVolumeSource, Pod, PodTemplateSpec,
    ReplicationController, Service as KubeService, Volume,
};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector as KubeSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::jobs;
use super::pods::{self, Identity, Surroundings};
use super::symbols::Symbols;
use crate::base::id::IdVec;
use crate::base::time::SimDuration;
use crate::controllers::add_daemon_tolerations;
use crate::model::{
    Budget, DaemonSetUpdate, DeploymentStrategy, DisruptionLimit, IntOrPercent, KindSpec,
    LabelSelector, Labels, NamespaceId, PodTemplate, Runs, Service, StatefulSetSpec, TemplateId,
    Workload, WorkloadId, WorkloadKind,
};
use crate::rng::Distribution;

/// The label that pods of one template revision have, by the kind of their workload.
fn revision_label(kind: WorkloadKind) -> Option<&'static str> {
    match kind {
        WorkloadKind::Deployment => Some("pod-template-hash"),
        // Fidelity: `statefulset.kubernetes.io/pod-name` and `apps.kubernetes.io/pod-index`, which
        // tell pods of one revision apart, are left out.
        WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => Some("controller-revision-hash"),
        WorkloadKind::ReplicaSet
        | WorkloadKind::ReplicationController
        | WorkloadKind::Job
        | WorkloadKind::CronJob
        | WorkloadKind::Pod => None,
    }
}

/// Workloads and their templates as they are collected.
#[derive(Debug, Default)]
pub(super) struct Collected {
    pub(super) workloads: IdVec<WorkloadId, Workload>,
    pub(super) templates: IdVec<TemplateId, PodTemplate>,
    /// The pod template of each workload as written, for further revisions.
    sources: IdVec<WorkloadId, PodTemplateSpec>,
    /// `volumeClaimTemplates` of StatefulSets, and how many ordinals may come to be.
    claims: BTreeMap<WorkloadId, (Vec<PersistentVolumeClaim>, u32)>,
}

/// What workloads of several kinds declare alike.
struct Declared<'a> {
    selector: &'a KubeSelector,
    template: &'a PodTemplateSpec,
    replicas: i32,
    min_ready: Option<i32>,
    revision_history_limit: Option<i32>,
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
            own: KindSpec::Plain,
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
            own: KindSpec::Plain,
        };
        self.workloads.push(workload);
    }

    pub(super) fn stateful_set(
        &mut self,
        symbols: &mut Symbols,
        address: u64,
        (object, most): (&StatefulSet, u32),
        around: &dyn Surroundings,
    ) {
        let Some(spec) = &object.spec else { return };
        let kind = WorkloadKind::StatefulSet;
        let replicas = replicas(spec.replicas, spec.template.metadata.as_ref(), around);
        let declared = Declared {
            selector: &spec.selector,
            template: &spec.template,
            replicas,
            min_ready: spec.min_ready_seconds,
            revision_history_limit: spec.revision_history_limit,
        };
        let id = self.controlled(symbols, address, (&object.metadata, kind), around, &declared);
        let update = spec.update_strategy.as_ref();
        let partition = update.and_then(|u| u.rolling_update.as_ref()).and_then(|u| u.partition);
        let start = spec.ordinals.as_ref().and_then(|ordinals| ordinals.start).unwrap_or(0);
        self.workloads[id].own = KindSpec::StatefulSet(StatefulSetSpec {
            start: u32::try_from(start).unwrap_or(0),
            parallel: spec.pod_management_policy.as_deref() == Some("Parallel"),
            on_delete: update.and_then(|u| u.type_.as_deref()) == Some("OnDelete"),
            partition: partition.unwrap_or(0),
            revisions: vec![vec![self.workloads[id].template]],
        });
        if let Some(claims) = spec.volume_claim_templates.clone().filter(|all| !all.is_empty()) {
            let ordinals = most.max(u32::try_from(replicas).unwrap_or(0));
            self.claims.insert(id, (claims, ordinals));
            let first = self.claimed(symbols, id, 0, around);
            if let KindSpec::StatefulSet(own) = &mut self.workloads[id].own {
                own.revisions = vec![first];
            }
        }
    }

    /// The templates of a StatefulSet's ordinals, each with the claims of that ordinal.
    fn claimed(
        &mut self,
        symbols: &mut Symbols,
        id: WorkloadId,
        revision: u32,
        around: &dyn Surroundings,
    ) -> Vec<TemplateId> {
        let (claims, ordinals) = self.claims[&id].clone();
        let workload = &self.workloads[id];
        let (address, namespace, name) =
            (workload.address, workload.namespace, workload.name.clone());
        let start = match &workload.own {
            KindSpec::StatefulSet(own) => own.start,
            KindSpec::Plain | KindSpec::DaemonSet(_) | KindSpec::Job(_) | KindSpec::CronJob(_) => 0,
        };
        let mut row = Vec::new();
        for ordinal in start..start + ordinals.max(1) {
            let mut source = self.sources[id].clone();
            let volumes = source.spec.get_or_insert_default().volumes.get_or_insert_default();
            for (place, claim) in claims.iter().enumerate() {
                let template = claim.metadata.name.clone().unwrap_or_default();
                let full = format!("{template}-{name}-{ordinal}");
                let source =
                    PersistentVolumeClaimVolumeSource { claim_name: full.clone(), read_only: None };
                volumes.retain(|volume| volume.name != template);
                volumes.push(Volume {
                    name: template,
                    persistent_volume_claim: Some(source),
                    ..Volume::default()
                });
                let mut object = claim.clone();
                object.metadata.name = Some(full);
                object.metadata.namespace = Some(symbols.namespaces[namespace].name.clone());
                let own = hash(address, (place as u32) << 24 | ordinal);
                symbols.claim_unless_there(&object, own);
            }
            let hash = hash(address, revision);
            let identity = Identity { workload: id, revision, hash, namespace, single: None };
            let kind = WorkloadKind::StatefulSet;
            let compiled = compile(symbols, identity, source, (around, kind));
            row.push(self.templates.push(compiled));
        }
        row
    }

    pub(super) fn daemon_set(
        &mut self,
        symbols: &mut Symbols,
        address: u64,
        object: &DaemonSet,
        around: &dyn Surroundings,
    ) {
        let Some(spec) = &object.spec else { return };
        let kind = WorkloadKind::DaemonSet;
        let declared = Declared {
            selector: &spec.selector,
            template: &spec.template,
            replicas: 0,
            min_ready: spec.min_ready_seconds,
            revision_history_limit: spec.revision_history_limit,
        };
        let id = self.controlled(symbols, address, (&object.metadata, kind), around, &declared);
        let update = spec.update_strategy.as_ref();
        let rolling = update.and_then(|update| update.rolling_update.as_ref());
        // Both were checked before.
        let bound = |value: Option<&IntOrString>, default| {
            value.and_then(int_or_percent).unwrap_or(IntOrPercent::Int(default))
        };
        let on_delete = update.and_then(|update| update.type_.as_deref()) == Some("OnDelete");
        self.workloads[id].own = KindSpec::DaemonSet(if on_delete {
            DaemonSetUpdate::OnDelete
        } else {
            DaemonSetUpdate::RollingUpdate {
                max_surge: bound(rolling.and_then(|r| r.max_surge.as_ref()), 0),
                max_unavailable: bound(rolling.and_then(|r| r.max_unavailable.as_ref()), 1),
            }
        });
    }

    pub(super) fn job(
        &mut self,
        symbols: &mut Symbols,
        address: u64,
        object: &Job,
        around: &dyn Surroundings,
    ) {
        let Some(spec) = &object.spec else { return };
        let named = (&object.metadata, WorkloadKind::Job);
        let id = self.finite(symbols, address, named, &spec.template, around);
        self.workloads[id].own = KindSpec::Job(Box::new(jobs::job(symbols, spec)));
    }

    pub(super) fn cron_job(
        &mut self,
        symbols: &mut Symbols,
        address: u64,
        object: &CronJob,
        around: &dyn Surroundings,
    ) {
        let Some(spec) = &object.spec else { return };
        let Some(own) = &spec.job_template.spec else { return };
        let named = (&object.metadata, WorkloadKind::CronJob);
        let id = self.finite(symbols, address, named, &own.template, around);
        let compiled = jobs::cron_job(symbols, spec, own);
        self.workloads[id].own = KindSpec::CronJob(Box::new(compiled));
    }

    /// Adds a workload whose pods have something to do and then end.
    fn finite(
        &mut self,
        symbols: &mut Symbols,
        address: u64,
        named: (&ObjectMeta, WorkloadKind),
        template: &PodTemplateSpec,
        around: &dyn Surroundings,
    ) -> WorkloadId {
        let declared = Declared {
            selector: &KubeSelector::default(),
            template,
            replicas: 0,
            min_ready: None,
            revision_history_limit: None,
        };
        let id = self.controlled(symbols, address, named, around, &declared);
        let workload = &mut self.workloads[id];
        workload.selector = LabelSelector::none();
        let template = workload.template;
        for container in &mut self.templates[template].containers {
            container.behaviour.runs.get_or_insert(Runs {
                length_s: Distribution::Constant(jobs::DEFAULT_RUN_S),
                fails: 0.0,
                exit_code: 1,
            });
        }
        id
    }

    /// Adds a workload of a kind that has a selector and a template.
    fn controlled(
        &mut self,
        symbols: &mut Symbols,
        address: u64,
        (metadata, kind): (&ObjectMeta, WorkloadKind),
        around: &dyn Surroundings,
        declared: &Declared<'_>,
    ) -> WorkloadId {
        let namespace = symbols.namespace(metadata.namespace.as_deref().unwrap_or_default());
        let template =
            self.template(symbols, address, namespace, declared.template, (around, kind));
        self.workloads.push(Workload {
            kind,
            namespace,
            name: metadata.name.clone().unwrap_or_default(),
            address,
            labels: symbols.labels(metadata.labels.as_ref()),
            selector: symbols.selector(Some(declared.selector)),
            replicas: declared.replicas,
            min_ready: seconds(declared.min_ready.unwrap_or(0)),
            template,
            strategy: DeploymentStrategy::Recreate,
            revision_history_limit: declared.revision_history_limit.unwrap_or(10),
            progress_deadline: SimDuration::MAX,
            paused: false,
            own: KindSpec::Plain,
        })
    }

    pub(super) fn replication_controller(
        &mut self,
        symbols: &mut Symbols,
        address: u64,
        object: &ReplicationController,
        around: &dyn Surroundings,
    ) {
        let Some(spec) = &object.spec else { return };
        let selector =
            KubeSelector { match_labels: spec.selector.clone(), ..KubeSelector::default() };
        let spec = ReplicaSetSpec {
            min_ready_seconds: spec.min_ready_seconds,
            replicas: spec.replicas,
            selector,
            template: spec.template.clone(),
        };
        let set = ReplicaSet { metadata: object.metadata.clone(), spec: Some(spec), status: None };
        let id = self.workloads.next_id();
        self.replica_set(symbols, address, &set, around);
        if let Some(workload) = self.workloads.get_mut(id) {
            workload.kind = WorkloadKind::ReplicationController;
        }
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

    /// A further revision of a workload's template: the same pods under another hash.
    pub(super) fn revision(
        &mut self,
        symbols: &mut Symbols,
        workload: WorkloadId,
        revision: u32,
        around: &dyn Surroundings,
    ) -> TemplateId {
        let Workload { address, namespace, kind, .. } = self.workloads[workload];
        let row = if self.claims.contains_key(&workload) {
            self.claimed(symbols, workload, revision, around)
        } else {
            let source = self.sources[workload].clone();
            let hash = hash(address, revision);
            let identity = Identity { workload, revision, hash, namespace, single: None };
            let compiled = compile(symbols, identity, source, (around, kind));
            vec![self.templates.push(compiled)]
        };
        let first = row[0];
        if let KindSpec::StatefulSet(own) = &mut self.workloads[workload].own {
            own.revisions.push(row);
        }
        first
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
        let around = (around, of);
        let compiled = compile(symbols, identity, template.clone(), around);
        self.templates.push(compiled)
    }
}

/// The replicas of a workload: the policy's, or its own.
fn replicas(own: Option<i32>, metadata: Option<&ObjectMeta>, around: &dyn Surroundings) -> i32 {
    let given = metadata.and_then(|metadata| around.replicas(metadata));
    given.and_then(|given| i32::try_from(given).ok()).or(own).unwrap_or(1)
}

/// Compiles a template; some carry a label that tells revisions apart.
fn compile(
    symbols: &mut Symbols,
    identity: Identity,
    template: PodTemplateSpec,
    (around, of): (&dyn Surroundings, WorkloadKind),
) -> PodTemplate {
    let mut metadata = template.metadata.unwrap_or_default();
    if let Some(label) = revision_label(of) {
        let labels = metadata.labels.get_or_insert_default();
        labels.insert(label.to_owned(), format!("{:x}", identity.hash));
    }
    let spec = template.spec.unwrap_or_default();
    let host_network = spec.host_network == Some(true);
    let mut template = pods::compile(symbols, identity, &metadata, spec, around);
    if of == WorkloadKind::DaemonSet {
        add_daemon_tolerations(&mut template.tolerations, host_network, &symbols.interner);
    }
    template
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
        own: KindSpec::Plain,
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
