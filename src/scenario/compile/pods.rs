//! Pod templates: `PodTemplateSpec`s, defaulted and checked, to pod classes of the model.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, Container, LifecycleHandler, PodAffinityTerm, PodSpec, PodStatus, Probe,
    Taint as KubeTaint, Toleration as KubeToleration, TopologySpreadConstraint,
    WeightedPodAffinityTerm,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as KubeQuantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::requests::requests;
use super::storage::Admission;
use super::symbols::Symbols;
use crate::base::quantity::Quantity;
use crate::base::time::SimDuration;
use crate::model::{
    AffinityTerm, AppBehaviour, ContainerSpec, Hook, HostPort, ImageId, InclusionPolicy,
    NamespaceId, Operator, PodAffinity, PodTemplate, PodTemplateFlags, PodVolume, ProbeHandler,
    ProbeSpec, Protocol, PullPolicy, ReadinessGate, Requirement, RestartPolicy, SpreadConstraint,
    Taint, TaintEffect, Toleration, TolerationOperator, Weighted, WorkloadId,
};

/// A hundred years, beyond which seconds of the API need not be told apart.
const SECONDS_MAX: u64 = 100 * 365 * 86_400;
/// A hook of unknown length (exec, HTTP) takes this long.
const HOOK_LENGTH: SimDuration = SimDuration::from_secs(1);

/// Whose template it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity {
    pub(super) workload: WorkloadId,
    pub(super) revision: u32,
    pub(super) hash: u64,
    pub(super) namespace: NamespaceId,
    /// The template is that of one pod, whose metadata it has; its address.
    pub(super) single: Option<u64>,
}

/// What surrounds a template: priority classes, and what applications do by themselves.
pub(super) trait Surroundings {
    /// Resolved priority and whether the class says `preemptionPolicy: Never`.
    fn priority(&self, class: Option<&str>) -> (i32, bool);
    /// Behaviour of a container.
    fn behaviour(
        &self,
        metadata: &ObjectMeta,
        namespace: &str,
        container: &Container,
    ) -> AppBehaviour;
    /// Readiness gates, and when they are opened.
    fn readiness_gates(
        &self,
        metadata: &ObjectMeta,
        namespace: &str,
        spec: &PodSpec,
    ) -> Vec<ReadinessGate>;
    /// The status of the pod, where a pod is compiled that exists already.
    fn status(&self) -> Option<&PodStatus> {
        None
    }
    /// Whether objects come as written, or as an API server holds them.
    fn admission(&self) -> Admission {
        Admission::Due
    }
    /// How many replicas the policy gives to the workload of these pods.
    fn replicas(&self, _metadata: &ObjectMeta) -> Option<u32> {
        None
    }
    /// Admission: default tolerations, and what the policy lays over the specification.
    fn admit(&self, metadata: &ObjectMeta, spec: &mut PodSpec);
}

/// Compiles one template.
pub(super) fn compile(
    symbols: &mut Symbols,
    identity: Identity,
    metadata: &ObjectMeta,
    mut spec: PodSpec,
    around: &dyn Surroundings,
) -> PodTemplate {
    around.admit(metadata, &mut spec);
    let spec = &spec;
    let namespace = symbols.namespaces[identity.namespace].name.clone();
    let (class_priority, class_never) = around.priority(spec.priority_class_name.as_deref());
    let never = spec.preemption_policy.as_deref().map_or(class_never, |p| p == "Never");
    let mut build = |container: &Container, sidecar: bool| {
        let behaviour = around.behaviour(metadata, &namespace, container);
        compile_container(symbols, container, sidecar, behaviour)
    };
    let init_containers: Vec<_> = spec
        .init_containers
        .iter()
        .flatten()
        .map(|c| build(c, c.restart_policy.as_deref() == Some("Always")))
        .collect();
    let containers: Vec<_> = spec.containers.iter().map(|c| build(c, false)).collect();
    let requests = requests(symbols, spec, around.status());
    let affinity = spec.affinity.as_ref();
    let (node_affinity, node_affinity_preferred) = node_affinity(symbols, affinity);
    PodTemplate {
        workload: identity.workload,
        revision: identity.revision,
        hash: identity.hash,
        namespace: identity.namespace,
        labels: symbols.labels(metadata.labels.as_ref()),
        scheduler_name: spec
            .scheduler_name
            .clone()
            .unwrap_or_else(|| "default-scheduler".to_owned()),
        node_name: spec.node_name.as_deref().map(|name| symbols.intern(name)),
        priority: spec.priority.unwrap_or(class_priority),
        flags: PodTemplateFlags {
            never_preempts: never,
            gated: spec.scheduling_gates.as_ref().is_some_and(|gates| !gates.is_empty()),
        },
        scheduling_gates: gates(spec),
        requests: requests.real,
        score_cpu_milli: requests.score.0,
        score_memory_bytes: requests.score.1,
        node_cpu_milli: requests.node_score.0,
        node_memory_bytes: requests.node_score.1,
        score_scalars: requests.score_scalars,
        node_requests: requests.on_node,
        node_selector: node_selector(symbols, spec.node_selector.as_ref()),
        node_affinity,
        node_affinity_preferred,
        tolerations: spec
            .tolerations
            .iter()
            .flatten()
            .map(|toleration| compile_toleration(symbols, toleration))
            .collect(),
        spread: spec
            .topology_spread_constraints
            .iter()
            .flatten()
            .map(|constraint| spread_constraint(symbols, constraint, metadata))
            .collect(),
        pod_affinity: pod_affinity(symbols, affinity, identity.namespace),
        host_ports: host_ports(symbols, spec),
        image_volumes: image_volumes(symbols, spec),
        volumes: volumes(symbols, identity, metadata, spec, around.admission()),
        restart_policy: restart_policy(spec),
        termination_grace: seconds(spec.termination_grace_period_seconds.unwrap_or(30)),
        active_deadline: spec.active_deadline_seconds.map(seconds),
        readiness_gates: around.readiness_gates(metadata, &namespace, spec),
        configs: super::configs::references(spec),
        init_containers,
        containers,
    }
}

fn restart_policy(spec: &PodSpec) -> RestartPolicy {
    match spec.restart_policy.as_deref() {
        Some("OnFailure") => RestartPolicy::OnFailure,
        Some("Never") => RestartPolicy::Never,
        _ => RestartPolicy::Always,
    }
}

/// The pod's volumes.
fn volumes(
    symbols: &mut Symbols,
    identity: Identity,
    metadata: &ObjectMeta,
    spec: &PodSpec,
    admission: Admission,
) -> Vec<PodVolume> {
    let pod = identity.single.map(|address| (metadata, admission, address));
    symbols.pod_volumes(identity.namespace, spec, pod)
}

fn gates(spec: &PodSpec) -> Vec<String> {
    spec.scheduling_gates.iter().flatten().map(|gate| gate.name.clone()).collect()
}

fn compile_container(
    symbols: &mut Symbols,
    container: &Container,
    sidecar: bool,
    behaviour: AppBehaviour,
) -> ContainerSpec {
    let limits = container.resources.as_ref().and_then(|r| r.limits.as_ref());
    let memory = symbols.resources(limits).memory_bytes;
    let image = container.image.as_deref().unwrap_or_default();
    let lifecycle = container.lifecycle.as_ref();
    let post_start =
        match (hook(lifecycle.and_then(|l| l.post_start.as_ref())), behaviour.post_start) {
            (Hook::Takes(_), Some(stated)) => Hook::Takes(stated),
            (stated, _) => stated,
        };
    ContainerSpec {
        name: container.name.clone(),
        image: symbols.image(image),
        pull_policy: match container.image_pull_policy.as_deref() {
            Some("Always") => PullPolicy::Always,
            Some("Never") => PullPolicy::Never,
            _ => PullPolicy::IfNotPresent,
        },
        sidecar,
        asked: amounts(container.resources.as_ref().and_then(|r| r.requests.as_ref())),
        limits: amounts(limits),
        memory_limit_bytes: (memory > 0).then_some(memory),
        startup: container.startup_probe.as_ref().and_then(compile_probe),
        liveness: container.liveness_probe.as_ref().and_then(compile_probe),
        readiness: container.readiness_probe.as_ref().and_then(compile_probe),
        post_start,
        pre_stop: hook(lifecycle.and_then(|l| l.pre_stop.as_ref())),
        behaviour,
    }
}

/// Amounts by name; one that is no quantity has been refused before.
fn amounts(list: Option<&BTreeMap<String, KubeQuantity>>) -> BTreeMap<String, Quantity> {
    let amounts = list.into_iter().flatten();
    amounts.filter_map(|(name, amount)| Some((name.clone(), amount.0.parse().ok()?))).collect()
}

/// A hook of a container's lifecycle.
fn hook(handler: Option<&LifecycleHandler>) -> Hook {
    let Some(handler) = handler else { return Hook::None };
    if let Some(sleep) = &handler.sleep {
        return Hook::Takes(seconds(sleep.seconds));
    }
    let exec = handler.exec.as_ref();
    let slept = exec.and_then(|exec| slept(exec.command.as_deref().unwrap_or_default()));
    Hook::Takes(slept.unwrap_or(HOOK_LENGTH))
}

/// The length of a hook that only sleeps: `sleep 10`, or a shell running just that.
fn slept(command: &[String]) -> Option<SimDuration> {
    let words: Vec<&str> = command.iter().flat_map(|part| part.split_whitespace()).collect();
    let at = words.iter().position(|word| *word == "sleep" || word.ends_with("/sleep"))?;
    let amount = words.get(at + 1)?.trim_end_matches([';', 's']);
    amount.parse().ok().and_then(SimDuration::from_secs_f64)
}

/// A probe, defaults applied before; `None` if it has no handler.
pub(super) fn compile_probe(probe: &Probe) -> Option<ProbeSpec> {
    let handler = if probe.exec.is_some() {
        ProbeHandler::Exec
    } else if probe.http_get.is_some() {
        ProbeHandler::HttpGet
    } else if probe.tcp_socket.is_some() {
        ProbeHandler::TcpSocket
    } else if probe.grpc.is_some() {
        ProbeHandler::Grpc
    } else {
        return None;
    };
    let time = |value: Option<i32>, default: i64| seconds(value.map_or(default, i64::from));
    let count = |value: Option<i32>, default: u32| {
        value.and_then(|v| u32::try_from(v).ok()).unwrap_or(default).max(1)
    };
    Some(ProbeSpec {
        handler,
        initial_delay: time(probe.initial_delay_seconds, 0),
        period: time(probe.period_seconds, 10).max(SimDuration::from_secs(1)),
        timeout: time(probe.timeout_seconds, 1).max(SimDuration::from_secs(1)),
        success_threshold: count(probe.success_threshold, 1),
        failure_threshold: count(probe.failure_threshold, 3),
        termination_grace: probe.termination_grace_period_seconds.map(seconds),
    })
}

/// Seconds of an API field; negative ones were refused before and count as zero, and what is
/// longer than a century as a century.
pub(super) fn seconds(value: i64) -> SimDuration {
    SimDuration::from_secs(u64::try_from(value).unwrap_or(0).min(SECONDS_MAX))
}

fn node_selector(
    symbols: &mut Symbols,
    map: Option<&BTreeMap<String, String>>,
) -> Vec<(crate::base::map::Symbol, crate::base::map::Symbol)> {
    let mut pairs: Vec<_> = map
        .into_iter()
        .flatten()
        .map(|(key, value)| (symbols.intern(key), symbols.intern(value)))
        .collect();
    pairs.sort_unstable();
    pairs
}

type Terms = Vec<crate::model::NodeSelectorTerm>;

fn node_affinity(
    symbols: &mut Symbols,
    affinity: Option<&Affinity>,
) -> (Option<Terms>, Vec<Weighted<crate::model::NodeSelectorTerm>>) {
    let Some(affinity) = affinity.and_then(|a| a.node_affinity.as_ref()) else {
        return (None, Vec::new());
    };
    let required =
        affinity.required_during_scheduling_ignored_during_execution.as_ref().map(|selector| {
            selector.node_selector_terms.iter().map(|term| symbols.node_term(term)).collect()
        });
    let preferred = affinity
        .preferred_during_scheduling_ignored_during_execution
        .iter()
        .flatten()
        .map(|p| Weighted { weight: i64::from(p.weight), term: symbols.node_term(&p.preference) })
        .collect();
    (required, preferred)
}

fn pod_affinity(
    symbols: &mut Symbols,
    affinity: Option<&Affinity>,
    own: NamespaceId,
) -> PodAffinity {
    let Some(affinity) = affinity else { return PodAffinity::default() };
    let mut out = PodAffinity::default();
    let mut weighted = |list: &[WeightedPodAffinityTerm]| -> Vec<Weighted<AffinityTerm>> {
        list.iter()
            .map(|w| Weighted {
                weight: i64::from(w.weight),
                term: affinity_term(symbols, &w.pod_affinity_term, own),
            })
            .collect()
    };
    if let Some(near) = &affinity.pod_affinity {
        let preferred = near.preferred_during_scheduling_ignored_during_execution.as_deref();
        out.preferred = weighted(preferred.unwrap_or_default());
    }
    if let Some(apart) = &affinity.pod_anti_affinity {
        let preferred = apart.preferred_during_scheduling_ignored_during_execution.as_deref();
        out.anti_preferred = weighted(preferred.unwrap_or_default());
    }
    let mut plain = |list: Option<&Vec<PodAffinityTerm>>| -> Vec<AffinityTerm> {
        list.into_iter().flatten().map(|term| affinity_term(symbols, term, own)).collect()
    };
    if let Some(near) = &affinity.pod_affinity {
        out.required = plain(near.required_during_scheduling_ignored_during_execution.as_ref());
    }
    if let Some(apart) = &affinity.pod_anti_affinity {
        out.anti_required =
            plain(apart.required_during_scheduling_ignored_during_execution.as_ref());
    }
    out
}

fn affinity_term(symbols: &mut Symbols, term: &PodAffinityTerm, own: NamespaceId) -> AffinityTerm {
    let mut namespaces: Vec<NamespaceId> =
        term.namespaces.iter().flatten().map(|name| symbols.namespace(name)).collect();
    let namespace_selector = term.namespace_selector.as_ref().map(|s| symbols.selector(Some(s)));
    if namespaces.is_empty() && namespace_selector.is_none() {
        namespaces.push(own);
    }
    namespaces.sort_unstable();
    namespaces.dedup();
    AffinityTerm {
        topology_key: symbols.intern(&term.topology_key),
        selector: symbols.selector(term.label_selector.as_ref()),
        namespaces,
        namespace_selector,
    }
}

pub(super) fn spread_constraint(
    symbols: &mut Symbols,
    constraint: &TopologySpreadConstraint,
    metadata: &ObjectMeta,
) -> SpreadConstraint {
    let mut selector = symbols.selector(constraint.label_selector.as_ref());
    // matchLabelKeys: the pod's own values of these keys join the selector.
    for key in constraint.match_label_keys.iter().flatten() {
        if let Some(value) = metadata.labels.as_ref().and_then(|labels| labels.get(key)) {
            // Kubernetes adds an absent selector's requirements, which are none, to these.
            selector.nothing = false;
            let (key, value) = (symbols.intern(key), symbols.intern(value));
            selector.requirements.push(Requirement {
                key,
                operator: Operator::In,
                values: vec![value],
            });
        }
    }
    let policy = |value: Option<&str>, default: InclusionPolicy| match value {
        Some("Honor") => InclusionPolicy::Honor,
        Some("Ignore") => InclusionPolicy::Ignore,
        _ => default,
    };
    SpreadConstraint {
        max_skew: i64::from(constraint.max_skew),
        topology_key: symbols.intern(&constraint.topology_key),
        hard: constraint.when_unsatisfiable != "ScheduleAnyway",
        selector,
        min_domains: constraint.min_domains.map_or(1, i64::from),
        node_affinity_policy: policy(
            constraint.node_affinity_policy.as_deref(),
            InclusionPolicy::Honor,
        ),
        node_taints_policy: policy(
            constraint.node_taints_policy.as_deref(),
            InclusionPolicy::Ignore,
        ),
    }
}

/// A toleration.
pub(super) fn compile_toleration(symbols: &mut Symbols, t: &KubeToleration) -> Toleration {
    let key = t.key.as_deref().filter(|key| !key.is_empty());
    Toleration {
        key: key.map(|key| symbols.intern(key)),
        operator: match t.operator.as_deref() {
            Some("Exists") => TolerationOperator::Exists,
            _ => TolerationOperator::Equal,
        },
        value: symbols.intern(t.value.as_deref().unwrap_or_default()),
        effect: t.effect.as_deref().and_then(effect),
        seconds: t.toleration_seconds.map(|seconds| seconds.min(SECONDS_MAX.cast_signed())),
    }
}

/// A node taint.
pub(super) fn compile_taint(symbols: &mut Symbols, taint: &KubeTaint) -> Option<Taint> {
    Some(Taint {
        key: symbols.intern(&taint.key),
        value: symbols.intern(taint.value.as_deref().unwrap_or_default()),
        effect: effect(&taint.effect)?,
    })
}

fn effect(name: &str) -> Option<TaintEffect> {
    match name {
        "NoSchedule" => Some(TaintEffect::NoSchedule),
        "PreferNoSchedule" => Some(TaintEffect::PreferNoSchedule),
        "NoExecute" => Some(TaintEffect::NoExecute),
        _ => None,
    }
}

/// The images that a pod mounts as volumes.
fn image_volumes(symbols: &mut Symbols, spec: &PodSpec) -> Vec<ImageId> {
    let sources = spec.volumes.iter().flatten().filter_map(|volume| volume.image.as_ref());
    let named = sources.filter_map(|source| source.reference.as_deref());
    named.map(|name| symbols.image(name)).collect()
}

/// Host ports of app containers and sidecars; ordinary init containers' do not count.
fn host_ports(symbols: &mut Symbols, spec: &PodSpec) -> Vec<HostPort> {
    let sidecars = spec
        .init_containers
        .iter()
        .flatten()
        .filter(|c| c.restart_policy.as_deref() == Some("Always"));
    let mut ports = Vec::new();
    for port in spec.containers.iter().chain(sidecars).flat_map(|c| c.ports.iter().flatten()) {
        let Some(host) = port.host_port.filter(|&host| host > 0) else { continue };
        let ip = port.host_ip.as_deref().filter(|ip| !ip.is_empty() && *ip != "0.0.0.0");
        ports.push(HostPort {
            ip: ip.map(|ip| symbols.intern(ip)),
            protocol: match port.protocol.as_deref() {
                Some("UDP") => Protocol::Udp,
                Some("SCTP") => Protocol::Sctp,
                _ => Protocol::Tcp,
            },
            port: host,
        });
    }
    ports.sort_unstable();
    ports.dedup();
    ports
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn match_label_keys_stand_alone_without_a_selector() {
        let labels = [("app", "web"), ("tier", "a")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let metadata = ObjectMeta { labels: Some(labels.into()), ..ObjectMeta::default() };
        let mut symbols = Symbols::default();
        let web = symbols.labels(metadata.labels.as_ref());
        let other = symbols.labels(Some(&[("app".to_owned(), "api".to_owned())].into()));
        let mut selects = |keys: &[&str]| {
            let keys = keys.iter().map(|&key| key.to_owned()).collect();
            let constraint =
                TopologySpreadConstraint { match_label_keys: Some(keys), ..Default::default() };
            let selector = spread_constraint(&mut symbols, &constraint, &metadata).selector;
            [&web, &other].map(|labels| selector.matches(labels, &symbols.interner))
        };
        assert_eq!(selects(&["app", "absent"]), [true, false]);
        assert_eq!(selects(&["absent"]), [false, false], "an absent selector selects nothing");
    }
}
