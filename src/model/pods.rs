//! Pod templates: everything that pods of one class share.

use std::collections::BTreeMap;

use super::{
    AppBehaviour, ImageId, LabelSelector, Labels, NamespaceId, PodVolume, Requirement, ResourceId,
    Resources, TaintEffect, WorkloadId,
};
use crate::base::map::Symbol;
use crate::base::quantity::Quantity;
use crate::base::time::SimDuration;
use crate::rng::Distribution;

/// A container image.
#[derive(Clone, Debug)]
pub struct Image {
    /// Normalised name, tag included.
    pub name: String,
    /// Compressed size that a pull transfers, bytes.
    pub size_bytes: u64,
}

/// `imagePullPolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullPolicy {
    /// Ask the registry at every start.
    Always,
    /// Pull when absent.
    IfNotPresent,
    /// Never pull.
    Never,
}

/// `spec.restartPolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartPolicy {
    /// Restart whatever the exit code.
    Always,
    /// Restart after a non-zero exit code.
    OnFailure,
    /// Never restart.
    Never,
}

/// Which of the three probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProbeKind {
    /// Gates the others; failure kills.
    Startup,
    /// Failure kills.
    Liveness,
    /// Failure takes the pod out of its Services.
    Readiness,
}

impl ProbeKind {
    /// The word kubelet's messages use: `Startup`, `Liveness`, `Readiness`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Startup => "Startup",
            Self::Liveness => "Liveness",
            Self::Readiness => "Readiness",
        }
    }
}

/// How a probe looks at the container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeHandler {
    /// Runs a command inside the container.
    Exec,
    /// An HTTP GET; 200–399 is success.
    HttpGet,
    /// Opens a TCP connection.
    TcpSocket,
    /// gRPC health check.
    Grpc,
}

/// One probe, defaults applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeSpec {
    /// Handler.
    pub handler: ProbeHandler,
    /// `initialDelaySeconds`.
    pub initial_delay: SimDuration,
    /// `periodSeconds`.
    pub period: SimDuration,
    /// `timeoutSeconds`.
    pub timeout: SimDuration,
    /// `successThreshold`.
    pub success_threshold: u32,
    /// `failureThreshold`.
    pub failure_threshold: u32,
    /// The probe's own `terminationGracePeriodSeconds`.
    pub termination_grace: Option<SimDuration>,
}

/// A `lifecycle` hook, as far as time goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// No hook.
    None,
    /// A hook that takes this long (the `sleep` action, or an exec/HTTP hook of stated length).
    Takes(SimDuration),
}

/// What holds configuration that pods refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConfigKind {
    /// A ConfigMap.
    ConfigMap,
    /// A Secret.
    Secret,
}

impl ConfigKind {
    /// The word that the kubelet's messages use: `configmap`, `secret`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::ConfigMap => "configmap",
            Self::Secret => "secret",
        }
    }
}

/// What a pod needs a ConfigMap or Secret for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigUse {
    /// The environment of the container at this position, init containers first.
    Environment(u8),
    /// The volume of this name.
    Volume(String),
}

/// A ConfigMap or Secret that a pod cannot do without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigReference {
    /// Which kind.
    pub kind: ConfigKind,
    /// Its name, in the pod's namespace.
    pub name: String,
    /// What for.
    pub used: ConfigUse,
}

/// One container of a template.
#[derive(Clone, Debug)]
pub struct ContainerSpec {
    /// Name.
    pub name: String,
    /// Image.
    pub image: ImageId,
    /// Pull policy.
    pub pull_policy: PullPolicy,
    /// An init container with `restartPolicy: Always` (a sidecar).
    pub sidecar: bool,
    /// `resources.requests`.
    pub asked: BTreeMap<String, Quantity>,
    /// `resources.limits`.
    pub limits: BTreeMap<String, Quantity>,
    /// Memory limit, bytes.
    pub memory_limit_bytes: Option<i64>,
    /// Startup probe.
    pub startup: Option<ProbeSpec>,
    /// Liveness probe.
    pub liveness: Option<ProbeSpec>,
    /// Readiness probe.
    pub readiness: Option<ProbeSpec>,
    /// postStart hook.
    pub post_start: Hook,
    /// preStop hook.
    pub pre_stop: Hook,
    /// What the application does by itself.
    pub behaviour: AppBehaviour,
}

impl ContainerSpec {
    /// The probe of a kind.
    #[must_use]
    pub fn probe(&self, kind: ProbeKind) -> Option<&ProbeSpec> {
        match kind {
            ProbeKind::Startup => self.startup.as_ref(),
            ProbeKind::Liveness => self.liveness.as_ref(),
            ProbeKind::Readiness => self.readiness.as_ref(),
        }
    }
}

/// `operator` of a toleration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TolerationOperator {
    /// Key and value must be equal.
    Equal,
    /// The key must exist; an absent key means every taint.
    Exists,
}

/// A toleration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Toleration {
    /// Key; absent means every key (with `Exists`).
    pub key: Option<Symbol>,
    /// Operator.
    pub operator: TolerationOperator,
    /// Value; the empty string's symbol where absent.
    pub value: Symbol,
    /// Effect; absent means every effect.
    pub effect: Option<TaintEffect>,
    /// `tolerationSeconds`; absent means for ever. Negative counts as zero.
    pub seconds: Option<i64>,
}

impl Toleration {
    /// Whether the toleration covers `taint`, `tolerationSeconds` aside.
    #[must_use]
    pub fn tolerates(&self, taint: &super::Taint) -> bool {
        self.effect.is_none_or(|effect| effect == taint.effect)
            && self.key.is_none_or(|key| key == taint.key)
            && match self.operator {
                TolerationOperator::Exists => true,
                TolerationOperator::Equal => self.key.is_some() && self.value == taint.value,
            }
    }
}

/// One term of node affinity: all expressions and fields must match; an empty term matches nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeSelectorTerm {
    /// `matchExpressions`.
    pub expressions: Vec<Requirement>,
    /// `matchFields` on `metadata.name`: (`In` = true / `NotIn` = false, node names). Not exactly
    /// one name does not parse in kube-scheduler: the term matches nothing.
    pub names: Vec<(bool, Vec<Symbol>)>,
}

/// A weight (1–100) on something preferred.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weighted<T> {
    /// Weight.
    pub weight: i64,
    /// What is preferred.
    pub term: T,
}

/// Whether a topology-spread constraint looks at affinity or taints when it counts nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InclusionPolicy {
    /// Only nodes that the pod could go to as far as this policy says.
    Honor,
    /// All nodes.
    Ignore,
}

/// One `topologySpreadConstraints` entry, `matchLabelKeys` merged into the selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpreadConstraint {
    /// `maxSkew`.
    pub max_skew: i64,
    /// `topologyKey`.
    pub topology_key: Symbol,
    /// `whenUnsatisfiable: DoNotSchedule`.
    pub hard: bool,
    /// Which pods count.
    pub selector: LabelSelector,
    /// `minDomains`, 1 where absent.
    pub min_domains: i64,
    /// `nodeAffinityPolicy`.
    pub node_affinity_policy: InclusionPolicy,
    /// `nodeTaintsPolicy`.
    pub node_taints_policy: InclusionPolicy,
}

/// A term of pod (anti-)affinity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AffinityTerm {
    /// `topologyKey`.
    pub topology_key: Symbol,
    /// `labelSelector`.
    pub selector: LabelSelector,
    /// Namespaces named, the pod's own where neither names nor selector are given; sorted.
    pub namespaces: Vec<NamespaceId>,
    /// `namespaceSelector`; absent where not given.
    pub namespace_selector: Option<LabelSelector>,
}

/// Pod affinity and anti-affinity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodAffinity {
    /// Required affinity terms.
    pub required: Vec<AffinityTerm>,
    /// Preferred affinity terms.
    pub preferred: Vec<Weighted<AffinityTerm>>,
    /// Required anti-affinity terms.
    pub anti_required: Vec<AffinityTerm>,
    /// Preferred anti-affinity terms.
    pub anti_preferred: Vec<Weighted<AffinityTerm>>,
}

/// Transport protocol of a host port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// A port that a container takes on its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostPort {
    /// `hostIP`; absent means all addresses.
    pub ip: Option<Symbol>,
    /// Protocol.
    pub protocol: Protocol,
    /// Port number.
    pub port: i32,
}

/// Facts of a template that are either so or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PodTemplateFlags {
    /// `preemptionPolicy: Never`.
    pub never_preempts: bool,
    /// It has scheduling gates.
    pub gated: bool,
}

/// A readiness gate: a condition of the pod that somebody outside sets.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadinessGate {
    /// `conditionType`.
    pub condition: String,
    /// When it is set, seconds after the pod's containers are ready for the first time; never where
    /// absent.
    pub opens_s: Option<Distribution>,
}

/// A pod class: everything that pods of one template revision share.
#[derive(Clone, Debug)]
pub struct PodTemplate {
    /// Workload it belongs to.
    pub workload: WorkloadId,
    /// Revision within the workload, from 0.
    pub revision: u32,
    /// Stands for the pod-template hash: made of the workload's address and the revision.
    pub hash: u64,
    /// Namespace.
    pub namespace: NamespaceId,
    /// Labels of the pods, `pod-template-hash` included for Deployments.
    pub labels: Labels,
    /// `schedulerName`.
    pub scheduler_name: String,
    /// `spec.nodeName` as given (the pod then never meets the scheduler).
    pub node_name: Option<Symbol>,
    /// Resolved priority.
    pub priority: i32,
    /// Yes-or-no facts.
    pub flags: PodTemplateFlags,
    /// Names of its scheduling gates, in the pod's order.
    pub scheduling_gates: Vec<String>,
    /// Effective requests: init and sidecar containers, pod-level resources and overhead included.
    pub requests: Resources,
    /// CPU that NodeResourcesFit scores with for the incoming pod (100m where a container names
    /// none), milli-cores.
    pub score_cpu_milli: i64,
    /// Memory likewise (200 MiB where none), bytes.
    pub score_memory_bytes: i64,
    /// What the pod adds to its node's CPU sum in scores, milli-cores. Differs from
    /// `score_cpu_milli` only with pod-level resources.
    pub node_cpu_milli: i64,
    /// Likewise memory, bytes.
    pub node_memory_bytes: i64,
    /// Scalar resources that NodeResourcesFit scores with for the incoming pod, where they are not
    /// those of `requests`: with pod-level resources. Sorted by id.
    pub score_scalars: Option<Vec<(ResourceId, i64)>>,
    /// What the pod takes of its node, where that is not `requests`: its status tells of a resize
    /// under way.
    pub node_requests: Option<Box<Resources>>,
    /// `nodeSelector`, sorted by key.
    pub node_selector: Vec<(Symbol, Symbol)>,
    /// Required node affinity: terms ORed; absent means no restriction.
    pub node_affinity: Option<Vec<NodeSelectorTerm>>,
    /// Preferred node affinity.
    pub node_affinity_preferred: Vec<Weighted<NodeSelectorTerm>>,
    /// Tolerations, those that admission adds included.
    pub tolerations: Vec<Toleration>,
    /// Topology spread constraints of the pod itself, in its order.
    pub spread: Vec<SpreadConstraint>,
    /// Pod affinity and anti-affinity.
    pub pod_affinity: PodAffinity,
    /// Host ports of app containers and sidecars, sorted.
    pub host_ports: Vec<HostPort>,
    /// Images that it mounts as volumes.
    pub image_volumes: Vec<ImageId>,
    /// Volumes that matter to where the pod can go, in the pod's order.
    pub volumes: Vec<PodVolume>,
    /// Restart policy.
    pub restart_policy: RestartPolicy,
    /// `terminationGracePeriodSeconds`.
    pub termination_grace: SimDuration,
    /// `activeDeadlineSeconds`.
    pub active_deadline: Option<SimDuration>,
    /// Readiness gates, in the pod's order.
    pub readiness_gates: Vec<ReadinessGate>,
    /// ConfigMaps and Secrets that the pod cannot do without.
    pub configs: Vec<ConfigReference>,
    /// Init containers, sidecars among them, in order.
    pub init_containers: Vec<ContainerSpec>,
    /// App containers, in order.
    pub containers: Vec<ContainerSpec>,
}

impl PodTemplate {
    /// What the pod takes of its node.
    #[must_use]
    pub fn on_node(&self) -> &Resources {
        self.node_requests.as_deref().unwrap_or(&self.requests)
    }

    /// How much of a scalar resource NodeResourcesFit scores with for the incoming pod.
    #[must_use]
    pub fn score_scalar(&self, id: ResourceId) -> i64 {
        let Some(scalars) = &self.score_scalars else { return self.requests.scalar(id) };
        scalars.binary_search_by_key(&id, |entry| entry.0).map_or(0, |at| scalars[at].1)
    }
}
