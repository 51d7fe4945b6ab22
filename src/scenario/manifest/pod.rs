//! What the API server would refuse in a pod: names, ports, probes, resources, placement rules.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, Container, NodeAffinity, NodeSelectorTerm, PodSpec, PodTemplateSpec, Probe,
    ResourceRequirements, TopologySpreadConstraint,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::validate::{check_labels, check_quantity, check_requirement, check_word};
use super::words::is_label_key;
use super::{Cursor, check_label_key, check_label_selector, check_name};
use crate::base::diag::{Diagnostics, codes, did_you_mean, suggest};
use crate::scenario::node::short;
use crate::scenario::source::Rules;

/// Where a resource name is used, which decides the unqualified names allowed.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum ResourceUse {
    /// A container's or pod's requests and limits.
    Container,
    /// A node's capacity and allocatable.
    Node,
}

impl ResourceUse {
    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Container => &["cpu", "memory", "ephemeral-storage"],
            Self::Node => &["cpu", "memory", "ephemeral-storage", "pods", "storage"],
        }
    }
}

/// Checks a pod template.
pub fn check_pod_template(
    template: &PodTemplateSpec,
    at: &Cursor<'_>,
    rules: Rules,
    found: &mut Diagnostics,
) {
    let labels = template.metadata.as_ref().and_then(|metadata| metadata.labels.as_ref());
    check_labels(labels, &at.keys(&["metadata", "labels"]), rules, found);
    match &template.spec {
        Some(spec) => check_pod_spec(spec, &at.key("spec"), rules, found),
        None => {
            let message = "the pod template has no spec";
            found.push(at.finding(rules, codes::MISSING_FIELD, message));
        }
    }
}

/// Checks a pod's specification.
fn check_gates(spec: &PodSpec, at: &Cursor<'_>, rules: Rules, found: &mut Diagnostics) {
    for (index, gate) in spec.readiness_gates.iter().flatten().enumerate() {
        if !is_label_key(&gate.condition_type) {
            let at = at.key("readinessGates").index(index).key("conditionType");
            let message =
                format!("\"{}\" is not the type of a condition", short(&gate.condition_type));
            let help = "write [prefix/]name, for example example.com/registered";
            found.push(at.finding(rules, codes::BAD_NAME, message).help(help));
        }
    }
}

pub(super) fn check_pod_spec(
    spec: &PodSpec,
    at: &Cursor<'_>,
    rules: Rules,
    found: &mut Diagnostics,
) {
    if spec.containers.is_empty() {
        let message = "the pod has no containers";
        found
            .push(at.finding(rules, codes::MISSING_FIELD, message).help("write containers: [...]"));
    }
    check_gates(spec, at, rules, found);
    let mut names: BTreeMap<&str, Cursor<'_>> = BTreeMap::new();
    let inits = spec.init_containers.iter().flatten();
    let all = (spec.containers.iter().enumerate().map(|(i, c)| ("containers", i, c)))
        .chain(inits.enumerate().map(|(i, c)| ("initContainers", i, c)));
    for (list, index, container) in all {
        let at = at.key(list).index(index);
        let sidecar = container.restart_policy.is_some();
        let name_at = at.key("name");
        if let Some(first) = names.get(container.name.as_str()) {
            let message = format!("two containers are named \"{}\"", short(&container.name));
            found.push(
                name_at
                    .finding(rules, codes::DUPLICATE_CONTAINER, message)
                    .related(first.span(), "first given here"),
            );
        } else if container.name.is_empty() {
            let message = "the container has no name";
            let finding = at.finding(rules, codes::MISSING_FIELD, message);
            found.push(finding.help("write name: …; each container of a pod has its own"));
        } else {
            check_name(&container.name, (63, false), &name_at, rules, found);
            names.insert(&container.name, name_at);
        }
        check_container(container, &at, rules, found);
        if list == "initContainers" && !sidecar && container.liveness_probe.is_some() {
            let message = "an init container takes no probes";
            let at = at.key("livenessProbe");
            found.push(
                at.finding(rules, codes::BAD_PROBE, message)
                    .help("restartPolicy: Always makes it a sidecar, which may have probes"),
            );
        }
    }
    let policies = ["Always", "OnFailure", "Never"];
    let policy = spec.restart_policy.as_deref().unwrap_or("Always");
    check_word(policy, &policies, &at.key("restartPolicy"), rules, found);
    if let Some(seconds) = spec.termination_grace_period_seconds.filter(|s| *s < 0) {
        let message = format!("{seconds} is negative");
        let at = at.key("terminationGracePeriodSeconds");
        found.push(at.finding(rules, codes::NEGATIVE, message).help("write 0 or more"));
    }
    check_labels(spec.node_selector.as_ref(), &at.key("nodeSelector"), rules, found);
    for (index, toleration) in spec.tolerations.iter().flatten().enumerate() {
        let at = at.key("tolerations").index(index);
        let operator = toleration.operator.as_deref().unwrap_or("Equal");
        check_word(operator, &["Exists", "Equal"], &at.key("operator"), rules, found);
        let effects = ["", "NoSchedule", "PreferNoSchedule", "NoExecute"];
        let effect = toleration.effect.as_deref().unwrap_or_default();
        check_word(effect, &effects, &at.key("effect"), rules, found);
        if operator == "Exists" && toleration.value.as_deref().is_some_and(|v| !v.is_empty()) {
            let message = "operator Exists takes no value";
            found.push(at.key("value").finding(rules, codes::CONFLICT, message));
        }
    }
    let spread = spec.topology_spread_constraints.as_deref().unwrap_or_default();
    check_placement(spread, spec.affinity.as_ref(), at, rules, found);
}

/// Checks what says how pods are spread and where they go, as fields of `at`.
pub fn check_placement(
    spread: &[TopologySpreadConstraint],
    affinity: Option<&Affinity>,
    at: &Cursor<'_>,
    rules: Rules,
    found: &mut Diagnostics,
) {
    for (index, constraint) in spread.iter().enumerate() {
        let at = at.key("topologySpreadConstraints").index(index);
        check_constraint(constraint, &at, rules, found);
    }
    if let Some(affinity) = affinity {
        check_affinity(affinity, &at.key("affinity"), rules, found);
    }
}

fn check_container(container: &Container, at: &Cursor<'_>, rules: Rules, found: &mut Diagnostics) {
    let policies = ["Always", "IfNotPresent", "Never"];
    let policy = container.image_pull_policy.as_deref().unwrap_or("Always");
    check_word(policy, &policies, &at.key("imagePullPolicy"), rules, found);
    let mut ports: Vec<&str> = Vec::new();
    for (index, port) in container.ports.iter().flatten().enumerate() {
        let at = at.key("ports").index(index);
        check_port(port.container_port, &at.key("containerPort"), rules, found);
        if let Some(name) = &port.name {
            if ports.contains(&name.as_str()) {
                let message = format!("two ports are named \"{}\"", short(name));
                let at = at.key("name");
                found.push(at.finding(rules, codes::DUPLICATE_CONTAINER, message));
            }
            ports.push(name);
        }
    }
    if let Some(resources) = &container.resources {
        check_resources(resources, &at.key("resources"), rules, found);
    }
    for (field, probe) in [
        ("livenessProbe", &container.liveness_probe),
        ("readinessProbe", &container.readiness_probe),
        ("startupProbe", &container.startup_probe),
    ] {
        if let Some(probe) = probe {
            check_probe(probe, (field, &ports), &at.key(field), rules, found);
        }
    }
}

/// Checks probe settings that are laid over those of a manifest: a handler may be missing.
pub fn check_probe_override(probe: &Probe, field: &str, at: &Cursor<'_>, found: &mut Diagnostics) {
    let rules = Rules::Strict;
    let handlers = [
        probe.exec.is_some(),
        probe.http_get.is_some(),
        probe.tcp_socket.is_some(),
        probe.grpc.is_some(),
    ];
    if handlers.iter().filter(|given| **given).count() > 1 {
        let message = format!("the {field} has several handlers");
        found.push(
            at.finding(rules, codes::BAD_PROBE, message)
                .help("give at most one of exec, httpGet, tcpSocket, grpc"),
        );
    }
    check_probe_numbers(probe, field, at, rules, found);
}

fn check_probe_numbers(
    probe: &Probe,
    field: &str,
    at: &Cursor<'_>,
    rules: Rules,
    found: &mut Diagnostics,
) {
    if field != "readinessProbe" && probe.success_threshold.is_some_and(|n| n != 1) {
        let message = format!("successThreshold of a {field} must be 1");
        let at = at.key("successThreshold");
        let help = "only a readinessProbe may ask for more";
        found.push(at.finding(rules, codes::SUCCESS_THRESHOLD, message).help(help));
    }
    for (name, value) in [
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ] {
        super::validate::check_count(value, &at.key(name), rules, found);
    }
}

/// A finding when a port number is outside 1 … 65535.
pub(super) fn check_port(port: i32, at: &Cursor<'_>, rules: Rules, found: &mut Diagnostics) {
    if !(1..=65_535).contains(&port) {
        let message = format!("{port} is not a port number");
        found.push(at.finding(rules, codes::OUT_OF_RANGE, message).help("write 1 to 65535"));
    }
}

fn check_probe(
    probe: &Probe,
    (field, ports): (&str, &[&str]),
    at: &Cursor<'_>,
    rules: Rules,
    found: &mut Diagnostics,
) {
    let handlers = [
        ("exec", probe.exec.is_some()),
        ("httpGet", probe.http_get.is_some()),
        ("tcpSocket", probe.tcp_socket.is_some()),
        ("grpc", probe.grpc.is_some()),
    ];
    let given: Vec<&str> = handlers.iter().filter(|(_, there)| *there).map(|(n, _)| *n).collect();
    if given.len() != 1 {
        let message = if given.is_empty() {
            format!("the {field} has no handler")
        } else {
            format!("the {field} has {} handlers: {}", given.len(), given.join(", "))
        };
        found.push(
            at.finding(rules, codes::BAD_PROBE, message)
                .help("give exactly one of exec, httpGet, tcpSocket, grpc"),
        );
    }
    check_probe_numbers(probe, field, at, rules, found);
    let get = probe.http_get.as_ref().map(|get| ("httpGet", &get.port));
    let socket = probe.tcp_socket.as_ref().map(|socket| ("tcpSocket", &socket.port));
    for (handler, port) in get.into_iter().chain(socket) {
        let at = at.keys(&[handler, "port"]);
        match port {
            IntOrString::Int(number) => check_port(*number, &at, rules, found),
            IntOrString::String(name) if !ports.contains(&name.as_str()) => {
                let message = format!("the container has no port named \"{}\"", short(name));
                let help = match suggest(name, ports) {
                    _ if name.parse::<u16>().is_ok() => Some("remove the quotes".to_owned()),
                    help => help.or_else(|| Some("name one under ports:, or give a number".into())),
                };
                found.push(at.finding(rules, codes::UNKNOWN_PORT, message).maybe_help(help));
            }
            IntOrString::String(_) => {}
        }
    }
    if let Some(grpc) = &probe.grpc {
        check_port(grpc.port, &at.keys(&["grpc", "port"]), rules, found);
    }
}

fn check_resources(
    resources: &ResourceRequirements,
    at: &Cursor<'_>,
    rules: Rules,
    found: &mut Diagnostics,
) {
    let mut limits = BTreeMap::new();
    for (name, quantity) in resources.limits.iter().flatten() {
        let at = at.key("limits");
        check_resource_name(name, ResourceUse::Container, &at, rules, found);
        if let Some(limit) = check_quantity(&quantity.0, &at.key(name), rules, found) {
            limits.insert(name.as_str(), (limit, at.key(name).span(), &quantity.0));
        }
    }
    for (name, quantity) in resources.requests.iter().flatten() {
        let at = at.key("requests");
        if !at.exists() || !at.key(name).exists() {
            // Filled in from the limit, which was checked above.
            continue;
        }
        check_resource_name(name, ResourceUse::Container, &at, rules, found);
        let Some(request) = check_quantity(&quantity.0, &at.key(name), rules, found) else {
            continue;
        };
        if let Some((limit, span, text)) = limits.get(name.as_str())
            && request > *limit
        {
            let message = format!("the request {} of {name} is larger than its limit", quantity.0);
            found.push(
                at.key(name)
                    .finding(rules, codes::REQUEST_OVER_LIMIT, message)
                    .related(*span, format!("the limit is {text}")),
            );
        }
    }
}

/// A finding when an unqualified resource name is not one of Kubernetes' own.
pub(super) fn check_resource_name(
    name: &str,
    used: ResourceUse,
    list: &Cursor<'_>,
    rules: Rules,
    found: &mut Diagnostics,
) {
    let known = used.names();
    let prefixed = name.starts_with("hugepages-")
        || (used == ResourceUse::Node && name.starts_with("attachable-volumes-"));
    if known.contains(&name) || prefixed {
        return;
    }
    let at = list.name_of(name);
    if name.contains('/') {
        return check_label_key(name, &at, rules, found);
    }
    let message = format!("Kubernetes knows no resource \"{}\"", short(name));
    let help = did_you_mean(name, known.iter().copied()).map_or_else(
        || "an extended resource needs a domain, such as example.com/gpu".to_owned(),
        |near| format!("did you mean \"{near}\"?"),
    );
    found.push(at.finding(rules, codes::UNKNOWN_RESOURCE, message).help(help));
}

/// Checks a constraint that a scheduler gives to pods without their own; its selector is not its
/// own either.
pub fn check_default_constraint(
    constraint: &TopologySpreadConstraint,
    at: &Cursor<'_>,
    found: &mut Diagnostics,
) {
    let own = TopologySpreadConstraint { match_label_keys: None, ..constraint.clone() };
    check_constraint(&own, at, Rules::Strict, found);
}

fn check_constraint(
    constraint: &TopologySpreadConstraint,
    at: &Cursor<'_>,
    rules: Rules,
    found: &mut Diagnostics,
) {
    let mut problem = |field: &str, message: String, help: &str| {
        let at = at.key(field);
        found.push(at.finding(rules, codes::BAD_TOPOLOGY, message).help(help));
    };
    if constraint.max_skew < 1 {
        problem("maxSkew", format!("maxSkew is {}", constraint.max_skew), "write 1 or more");
    }
    if constraint.topology_key.is_empty() {
        let help = "write for example topology.kubernetes.io/zone";
        problem("topologyKey", "topologyKey is missing".to_owned(), help);
    }
    let when = constraint.when_unsatisfiable.as_str();
    let allowed = ["DoNotSchedule", "ScheduleAnyway"];
    if !allowed.contains(&when) {
        let help = suggest(when, &allowed).unwrap_or_default();
        problem("whenUnsatisfiable", format!("unknown value \"{}\"", short(when)), &help);
    }
    if let Some(domains) = constraint.min_domains {
        if domains < 1 {
            problem("minDomains", format!("minDomains is {domains}"), "write 1 or more");
        } else if when == "ScheduleAnyway" {
            let message = "minDomains needs whenUnsatisfiable: DoNotSchedule".to_owned();
            problem("minDomains", message, "remove minDomains");
        }
    }
    let keys = constraint.match_label_keys.as_ref().is_some_and(|keys| !keys.is_empty());
    if keys && constraint.label_selector.is_none() {
        let message = "matchLabelKeys needs a labelSelector".to_owned();
        problem("matchLabelKeys", message, "add a labelSelector, or remove matchLabelKeys");
    }
    for (field, policy) in [
        ("nodeAffinityPolicy", &constraint.node_affinity_policy),
        ("nodeTaintsPolicy", &constraint.node_taints_policy),
    ] {
        if let Some(policy) = policy.as_deref().filter(|p| !["Honor", "Ignore"].contains(p)) {
            let message = format!("unknown value \"{}\"", short(policy));
            problem(field, message, "allowed are Honor, Ignore");
        }
    }
    if let Some(selector) = &constraint.label_selector {
        check_label_selector(selector, &at.key("labelSelector"), rules, found);
    }
}

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// Checks node affinity: a pod's own, or one that a scheduler adds to all of its pods.
pub fn check_node_affinity(
    node: &NodeAffinity,
    at: &Cursor<'_>,
    rules: Rules,
    found: &mut Diagnostics,
) {
    let required = &node.required_during_scheduling_ignored_during_execution;
    if let Some(required) = required {
        let at = at.keys(&[REQUIRED, "nodeSelectorTerms"]);
        for (index, term) in required.node_selector_terms.iter().enumerate() {
            check_node_term(term, &at.index(index), rules, found);
        }
    }
    let preferred = &node.preferred_during_scheduling_ignored_during_execution;
    for (index, term) in preferred.iter().flatten().enumerate() {
        let at = at.key(PREFERRED).index(index);
        check_weight(term.weight, &at, rules, found);
        check_node_term(&term.preference, &at.key("preference"), rules, found);
    }
}

fn check_affinity(affinity: &Affinity, at: &Cursor<'_>, rules: Rules, found: &mut Diagnostics) {
    if let Some(node) = &affinity.node_affinity {
        check_node_affinity(node, &at.key("nodeAffinity"), rules, found);
    }
    let pod = affinity.pod_affinity.as_ref().map(|a| {
        let required = a.required_during_scheduling_ignored_during_execution.as_deref();
        ("podAffinity", required, a.preferred_during_scheduling_ignored_during_execution.as_deref())
    });
    let anti = affinity.pod_anti_affinity.as_ref().map(|a| {
        let required = a.required_during_scheduling_ignored_during_execution.as_deref();
        let preferred = a.preferred_during_scheduling_ignored_during_execution.as_deref();
        ("podAntiAffinity", required, preferred)
    });
    for (field, required, preferred) in pod.into_iter().chain(anti) {
        let at = at.key(field);
        let mut terms = Vec::new();
        for (index, term) in required.unwrap_or_default().iter().enumerate() {
            terms.push((term, at.key(REQUIRED).index(index)));
        }
        for (index, term) in preferred.unwrap_or_default().iter().enumerate() {
            let at = at.key(PREFERRED).index(index);
            check_weight(term.weight, &at, rules, found);
            terms.push((&term.pod_affinity_term, at.key("podAffinityTerm")));
        }
        for (term, at) in terms {
            if term.topology_key.is_empty() {
                let message = "topologyKey is missing";
                found.push(
                    at.finding(rules, codes::BAD_TOPOLOGY, message)
                        .help("write for example kubernetes.io/hostname"),
                );
            }
            if let Some(selector) = &term.label_selector {
                check_label_selector(selector, &at.key("labelSelector"), rules, found);
            }
        }
    }
}

fn check_weight(weight: i32, at: &Cursor<'_>, rules: Rules, found: &mut Diagnostics) {
    if !(1..=100).contains(&weight) {
        let message = format!("the weight {weight} is outside 1 … 100");
        found.push(at.key("weight").finding(rules, codes::OUT_OF_RANGE, message));
    }
}

fn check_node_term(
    term: &NodeSelectorTerm,
    at: &Cursor<'_>,
    rules: Rules,
    found: &mut Diagnostics,
) {
    for (index, requirement) in term.match_expressions.iter().flatten().enumerate() {
        let at = at.key("matchExpressions").index(index);
        check_label_key(&requirement.key, &at.key("key"), rules, found);
        let values = requirement.values.as_deref().unwrap_or_default();
        let operators = ["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"];
        check_requirement((&requirement.operator, values, &operators), &at, rules, found);
    }
    for (index, field) in term.match_fields.iter().flatten().enumerate() {
        let at = at.key("matchFields").index(index);
        check_word(&field.key, &["metadata.name"], &at.key("key"), rules, found);
        check_word(&field.operator, &["In", "NotIn"], &at.key("operator"), rules, found);
        if field.values.as_ref().is_none_or(|values| values.len() != 1) {
            let message = "a requirement on a field takes exactly one value";
            let help = "write one term for each of several names";
            let at = at.key("values");
            found.push(at.finding(rules, codes::BAD_SELECTOR, message).help(help));
        }
    }
}
