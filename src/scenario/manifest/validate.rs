//! What the API server would refuse in an object, and where it stands.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::DeploymentSpec;
use k8s_openapi::api::core::v1::{Node as KubeNode, PodTemplateSpec, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudgetSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::controllers::{check_cron_job, check_daemon_set, check_job, check_stateful_set};
use super::pod::{check_pod_spec, check_pod_template};
use super::{Cursor, Object, check_label_key, check_label_value, check_name};
use crate::base::diag::{Diagnostics, codes, suggest};
use crate::base::quantity::Quantity;
use crate::scenario::node::short;
use crate::scenario::source::Rules;

/// Pods that a scenario may ask for, of one workload or of all together.
pub const PODS_MAX: i32 = 1_000_000;

/// What a node may have of one resource.
const NODE_AMOUNT_MAX: i64 = 1 << 50;

type Labels = BTreeMap<String, String>;

/// Checks one object; `at` is the object itself.
pub(super) fn check_object(
    object: &Object,
    at: &Cursor<'_>,
    rules: Rules,
    found: &mut Diagnostics,
) {
    check_metadata(object, &at.key("metadata"), rules, found);
    let spec = at.key("spec");
    #[expect(clippy::wildcard_enum_match_arm, reason = "controllers are checked apart")]
    match object {
        Object::Pod(o) => {
            if let Some(pod) = &o.spec {
                check_pod_spec(pod, &spec, rules, found);
            } else {
                let message = "a Pod needs a spec with containers";
                let finding = at.finding(rules, codes::MISSING_FIELD, message);
                found.push(finding.help("write spec: {containers: [{name: …, image: …}]}"));
            }
        }
        Object::Deployment(o) => match &o.spec {
            Some(deployment) => check_deployment(deployment, &spec, rules, found),
            None => missing_spec(object, at, rules, found),
        },
        Object::Service(o) => check_service(o, &spec, rules, found),
        Object::Node(o) => check_node(o, at, rules, found),
        Object::StorageClass(o) => {
            let modes = ["Immediate", "WaitForFirstConsumer"];
            let mode = o.volume_binding_mode.as_deref().unwrap_or("Immediate");
            check_word(mode, &modes, &at.key("volumeBindingMode"), rules, found);
        }
        Object::PodDisruptionBudget(o) => {
            if let Some(selector) = o.spec.as_ref().and_then(|s| s.selector.as_ref()) {
                check_label_selector(selector, &spec.key("selector"), rules, found);
            }
            if let Some(budget) = &o.spec {
                check_budget(budget, &spec, rules, found);
            }
        }
        _ => check_controller(object, at, rules, found),
    }
}

/// Checks the controllers other than Deployments.
#[expect(clippy::wildcard_enum_match_arm, reason = "the other kinds have no pod template")]
fn check_controller(object: &Object, at: &Cursor<'_>, rules: Rules, found: &mut Diagnostics) {
    let spec = at.key("spec");
    match object {
        Object::ReplicaSet(o) => match &o.spec {
            Some(s) => {
                check_replicas(s.replicas, &spec.key("replicas"), rules, found);
                let template = s.template.clone().unwrap_or_default();
                check_template(&s.selector, &template, &spec, rules, found);
            }
            None => missing_spec(object, at, rules, found),
        },
        Object::StatefulSet(o) => match &o.spec {
            Some(s) => {
                check_replicas(s.replicas, &spec.key("replicas"), rules, found);
                check_stateful_set(s, &spec, rules, found);
                check_template(&s.selector, &s.template, &spec, rules, found);
            }
            None => missing_spec(object, at, rules, found),
        },
        Object::DaemonSet(o) => match &o.spec {
            Some(s) => {
                check_daemon_set(s, &spec, rules, found);
                check_template(&s.selector, &s.template, &spec, rules, found);
            }
            None => missing_spec(object, at, rules, found),
        },
        Object::Job(o) => match &o.spec {
            Some(s) => check_job(s, &spec, rules, found),
            None => missing_spec(object, at, rules, found),
        },
        Object::CronJob(o) => {
            match o.spec.as_ref().filter(|spec| spec.job_template.spec.is_some()) {
                Some(s) => check_cron_job(s, &spec, rules, found),
                None => missing_spec(object, at, rules, found),
            }
        }
        Object::ReplicationController(o) => match &o.spec {
            Some(s) => {
                check_replicas(s.replicas, &spec.key("replicas"), rules, found);
                if let Some(template) = &s.template {
                    let selector =
                        LabelSelector { match_labels: s.selector.clone(), match_expressions: None };
                    check_match(&selector, template, &spec.key("selector"), rules, found);
                    check_pod_template(template, &spec.key("template"), rules, found);
                }
            }
            None => missing_spec(object, at, rules, found),
        },
        _ => {}
    }
}

fn missing_spec(object: &Object, at: &Cursor<'_>, rules: Rules, found: &mut Diagnostics) {
    let message = format!("a {} needs a spec with a pod template", object.info().kind);
    let finding = at.finding(rules, codes::MISSING_FIELD, message);
    found.push(finding.help("write spec: {selector: …, template: …}"));
}

fn check_metadata(object: &Object, at: &Cursor<'_>, rules: Rules, found: &mut Diagnostics) {
    let metadata = object.metadata();
    let name_at = at.key("name");
    #[expect(clippy::wildcard_enum_match_arm, reason = "all other kinds have the same rule")]
    match metadata.name.as_deref() {
        Some(name) if !name.is_empty() => match object {
            Object::Namespace(_) | Object::Service(_) => {
                check_name(name, (63, false), &name_at, rules, found);
            }
            // Names of these are path segments: nearly anything goes.
            Object::Role(_)
            | Object::RoleBinding(_)
            | Object::ClusterRole(_)
            | Object::ClusterRoleBinding(_)
            | Object::Event(_) => {}
            _ => check_name(name, (253, true), &name_at, rules, found),
        },
        _ if metadata.generate_name.as_deref().is_none_or(str::is_empty) => {
            let message = format!("the {} has no name", object.info().kind);
            found
                .push(at.finding(rules, codes::MISSING_FIELD, message).help("write metadata.name"));
        }
        _ => {}
    }
    check_labels(metadata.labels.as_ref(), &at.key("labels"), rules, found);
}

/// Checks keys and values of labels.
pub(super) fn check_labels(
    labels: Option<&Labels>,
    at: &Cursor<'_>,
    rules: Rules,
    found: &mut Diagnostics,
) {
    for (key, value) in labels.into_iter().flatten() {
        check_label_key(key, &at.name_of(key), rules, found);
        check_label_value(value, &at.key(key), rules, found);
    }
}

fn check_deployment(spec: &DeploymentSpec, at: &Cursor<'_>, rules: Rules, found: &mut Diagnostics) {
    check_replicas(spec.replicas, &at.key("replicas"), rules, found);
    check_count(spec.min_ready_seconds, &at.key("minReadySeconds"), rules, found);
    let strategy_at = at.key("strategy");
    if let Some(strategy) = &spec.strategy {
        let kind = strategy.type_.as_deref().unwrap_or_default();
        let kinds = ["RollingUpdate", "Recreate"];
        check_word(kind, &kinds, &strategy_at.key("type"), rules, found);
        if kind == "Recreate" && strategy.rolling_update.is_some() {
            let message = "rollingUpdate has no meaning with type Recreate";
            let at = strategy_at.key("rollingUpdate");
            found.push(at.finding(rules, codes::CONFLICT, message).help("remove one of the two"));
        } else if let Some(update) = &strategy.rolling_update {
            let at = strategy_at.key("rollingUpdate");
            let surge = share(update.max_surge.as_ref(), &at.key("maxSurge"), rules, found);
            let unavailable =
                share(update.max_unavailable.as_ref(), &at.key("maxUnavailable"), rules, found);
            if surge == Some(0) && unavailable == Some(0) {
                let message = "maxSurge and maxUnavailable are both 0: the rollout cannot move";
                let help = "let one of them be at least 1";
                found.push(at.finding(rules, codes::STUCK_ROLLOUT, message).help(help));
            }
        }
    }
    check_template(&spec.selector, &spec.template, at, rules, found);
}

/// Checks how many pods a budget lets be disrupted.
pub fn check_budget(
    budget: &PodDisruptionBudgetSpec,
    at: &Cursor<'_>,
    rules: Rules,
    found: &mut Diagnostics,
) {
    for (field, limit) in [
        ("minAvailable", budget.min_available.as_ref()),
        ("maxUnavailable", budget.max_unavailable.as_ref()),
    ] {
        let number = share(limit, &at.key(field), rules, found);
        let is_percent = matches!(limit, Some(IntOrString::String(_)));
        if is_percent && number.is_some_and(|percent| percent > 100) {
            let message = format!("{field} is more than 100%");
            let finding = at.key(field).finding(rules, codes::OUT_OF_RANGE, message);
            found.push(finding.help("write a number of pods, or at most 100%"));
        }
    }
    if budget.min_available.is_some() && budget.max_unavailable.is_some() {
        let message = "minAvailable and maxUnavailable exclude each other";
        found.push(at.finding(rules, codes::CONFLICT, message).help("keep one of them"));
    }
}

/// The number or percentage in a rollout bound, or a finding.
pub(super) fn share(
    value: Option<&IntOrString>,
    at: &Cursor<'_>,
    rules: Rules,
    found: &mut Diagnostics,
) -> Option<i32> {
    let number = match value? {
        IntOrString::Int(number) => *number,
        IntOrString::String(text) => match text.strip_suffix('%').map(str::parse::<i32>) {
            Some(Ok(percent)) => percent,
            Some(Err(_)) | None => {
                let message = format!("\"{}\" is neither a number nor a percentage", short(text));
                found.push(
                    at.finding(rules, codes::OUT_OF_RANGE, message)
                        .help("write for example 1 or 25%"),
                );
                return None;
            }
        },
    };
    check_count(Some(number), at, rules, found);
    Some(number)
}

fn check_template(
    selector: &LabelSelector,
    template: &PodTemplateSpec,
    spec: &Cursor<'_>,
    rules: Rules,
    found: &mut Diagnostics,
) {
    let at = spec.key("selector");
    let empty = selector.match_labels.as_ref().is_none_or(BTreeMap::is_empty)
        && selector.match_expressions.as_ref().is_none_or(Vec::is_empty);
    if empty {
        let message = "the selector is missing or empty";
        found.push(
            at.finding(rules, codes::BAD_SELECTOR, message)
                .help("write selector.matchLabels with labels of the pod template"),
        );
    } else {
        let before = found.len();
        check_label_selector(selector, &at, rules, found);
        if found.len() == before {
            check_match(selector, template, &at, rules, found);
        }
    }
    check_pod_template(template, &spec.key("template"), rules, found);
}

fn check_match(
    selector: &LabelSelector,
    template: &PodTemplateSpec,
    at: &Cursor<'_>,
    rules: Rules,
    found: &mut Diagnostics,
) {
    let none = Labels::new();
    let labels = template.metadata.as_ref().and_then(|m| m.labels.as_ref()).unwrap_or(&none);
    if !selector_matches(selector, labels) {
        let shown: Vec<String> = labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let shown = if shown.is_empty() { "none".to_owned() } else { shown.join(", ") };
        let message = "the selector does not match the labels of the pod template";
        found.push(
            at.finding(rules, codes::SELECTOR_MISMATCH, message)
                .help(format!("the template's labels: {}", short(&shown))),
        );
    }
}

/// Whether labels satisfy a selector; an empty selector matches everything.
#[must_use]
pub fn selector_matches(selector: &LabelSelector, labels: &Labels) -> bool {
    let equal = selector.match_labels.iter().flatten().all(|(k, v)| labels.get(k) == Some(v));
    equal
        && selector.match_expressions.iter().flatten().all(|requirement| {
            let value = labels.get(&requirement.key);
            let among = |value: &String| {
                requirement.values.as_ref().is_some_and(|values| values.contains(value))
            };
            match requirement.operator.as_str() {
                "In" => value.is_some_and(among),
                "NotIn" => !value.is_some_and(among),
                "Exists" => value.is_some(),
                "DoesNotExist" => value.is_none(),
                _ => false,
            }
        })
}

/// Checks keys, operators and values of a selector.
pub fn check_label_selector(
    selector: &LabelSelector,
    at: &Cursor<'_>,
    rules: Rules,
    found: &mut Diagnostics,
) {
    check_labels(selector.match_labels.as_ref(), &at.key("matchLabels"), rules, found);
    for (index, requirement) in selector.match_expressions.iter().flatten().enumerate() {
        let at = at.key("matchExpressions").index(index);
        check_label_key(&requirement.key, &at.key("key"), rules, found);
        let values = requirement.values.as_deref().unwrap_or_default();
        let operators = ["In", "NotIn", "Exists", "DoesNotExist"];
        check_requirement((&requirement.operator, values, &operators), &at, rules, found);
    }
}

/// Checks operator and number of values of one selector requirement.
pub(super) fn check_requirement(
    (operator, values, operators): (&str, &[String], &[&str]),
    at: &Cursor<'_>,
    rules: Rules,
    found: &mut Diagnostics,
) {
    let (problem, help) = match operator {
        _ if !operators.contains(&operator) => {
            let message = format!("unknown operator \"{}\"", short(operator));
            let at = at.key("operator");
            found.push(
                at.finding(rules, codes::BAD_SELECTOR, message)
                    .maybe_help(suggest(operator, operators)),
            );
            return;
        }
        "In" | "NotIn" if values.is_empty() => {
            (format!("operator {operator} needs values"), "write values: [a, b]")
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            (format!("operator {operator} takes no values"), "remove values:")
        }
        "Gt" | "Lt" if values.len() != 1 || values[0].parse::<i64>().is_err() => {
            let problem = format!("operator {operator} takes exactly one whole number");
            (problem, "write for example values: [\"5\"]")
        }
        _ => return,
    };
    let at = at.key("values");
    found.push(at.finding(rules, codes::BAD_SELECTOR, problem).help(help));
}

/// A finding when a word is not among those allowed.
pub(super) fn check_word(
    word: &str,
    allowed: &[&str],
    at: &Cursor<'_>,
    rules: Rules,
    found: &mut Diagnostics,
) {
    if !allowed.contains(&word) {
        let message = if word.is_empty() {
            "the value is missing".to_owned()
        } else {
            format!("unknown value \"{}\"", short(word))
        };
        let help = suggest(word, allowed);
        found.push(at.finding(rules, codes::UNKNOWN_WORD, message).maybe_help(help));
    }
}

/// A finding when a number is negative.
pub(super) fn check_count(
    value: Option<i32>,
    at: &Cursor<'_>,
    rules: Rules,
    found: &mut Diagnostics,
) {
    if let Some(value) = value.filter(|value| *value < 0) {
        let message = format!("{value} is negative");
        found.push(at.finding(rules, codes::NEGATIVE, message).help("write 0 or more"));
    }
}

/// A finding when a number of replicas is negative, or more than a simulation can hold.
fn check_replicas(value: Option<i32>, at: &Cursor<'_>, rules: Rules, found: &mut Diagnostics) {
    check_count(value, at, rules, found);
    if let Some(value) = value.filter(|value| *value > PODS_MAX) {
        let message = format!("{value} pods");
        let finding = at.finding(rules, codes::OUT_OF_RANGE, message);
        found.push(finding.help(format!("at most {PODS_MAX} pods can be simulated")));
    }
}

fn check_service(service: &Service, at: &Cursor<'_>, rules: Rules, found: &mut Diagnostics) {
    let Some(spec) = &service.spec else { return };
    check_labels(spec.selector.as_ref(), &at.key("selector"), rules, found);
    let kinds = ["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"];
    check_word(spec.type_.as_deref().unwrap_or_default(), &kinds, &at.key("type"), rules, found);
    for (index, port) in spec.ports.iter().flatten().enumerate() {
        let at = at.key("ports").index(index);
        super::pod::check_port(port.port, &at.key("port"), rules, found);
    }
}

/// Checks a node: labels, taints, capacity and allocatable.
pub fn check_node(node: &KubeNode, at: &Cursor<'_>, rules: Rules, found: &mut Diagnostics) {
    let labels = node.metadata.labels.as_ref();
    check_labels(labels, &at.keys(&["metadata", "labels"]), rules, found);
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_ref());
    for (index, taint) in taints.into_iter().flatten().enumerate() {
        let at = at.keys(&["spec", "taints"]).index(index);
        check_label_key(&taint.key, &at.key("key"), rules, found);
        let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
        check_word(&taint.effect, &effects, &at.key("effect"), rules, found);
    }
    let Some(status) = &node.status else { return };
    for (field, list) in [("capacity", &status.capacity), ("allocatable", &status.allocatable)] {
        for (name, quantity) in list.iter().flatten() {
            let at = at.keys(&["status", field]);
            super::pod::check_resource_name(name, super::pod::ResourceUse::Node, &at, rules, found);
            let amount = check_quantity(&quantity.0, &at.key(name), rules, found);
            if amount.is_some_and(|amount| amount.value() > NODE_AMOUNT_MAX) {
                let message = format!("a node with {} of {name}", short(&quantity.0));
                let finding = at.key(name).finding(rules, codes::OUT_OF_RANGE, message);
                found.push(finding.help("at most 1Pi of a resource can be simulated per node"));
            }
        }
    }
}

/// The quantity, or a finding when it cannot be read or is negative.
pub(super) fn check_quantity(
    text: &str,
    at: &Cursor<'_>,
    rules: Rules,
    found: &mut Diagnostics,
) -> Option<Quantity> {
    match text.parse::<Quantity>() {
        Ok(quantity) if quantity.is_negative() => {
            let message = format!("the quantity {} is negative", short(text));
            found.push(at.finding(rules, codes::NEGATIVE, message).help("write 0 or more"));
            None
        }
        Ok(quantity) => Some(quantity),
        Err(error) => {
            let message = format!("\"{}\" is not a quantity", short(text));
            found.push(at.finding(rules, codes::BAD_QUANTITY, message).help(error.help()));
            None
        }
    }
}
