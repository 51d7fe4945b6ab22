//! What a pod requests, as each part of kube-scheduler adds it up.
//!
//! Sums are exact quantities under resource names, as in Kubernetes: whether a resource is named
//! at all matters, and rounding comes last.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Container, ContainerStatus, PodSpec, PodStatus, ResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as KubeQuantity;

use super::symbols::Symbols;
use crate::base::quantity::Quantity;
use crate::model::{ResourceId, Resources};

/// CPU that scoring assumes for a container that names none, milli-cores.
const DEFAULT_CPU_MILLI: i64 = 100;
/// Memory likewise, bytes.
const DEFAULT_MEMORY_BYTES: i64 = 200 * 1024 * 1024;

/// The faces of a pod's requests.
pub(super) struct Requests {
    /// What the specification says; pod-level requests replace the containers' sum.
    pub(super) real: Resources,
    /// What the pod takes of its node, if its status makes that another amount.
    pub(super) on_node: Option<Box<Resources>>,
    /// What NodeResourcesFit scores the incoming pod with: CPU in milli-cores, memory in bytes.
    pub(super) score: (i64, i64),
    /// Scalar resources likewise, if they are not those of `real`.
    pub(super) score_scalars: Option<Vec<(ResourceId, i64)>>,
    /// What the pod adds to its node's sums in scores: CPU and memory.
    pub(super) node_score: (i64, i64),
}

type List = BTreeMap<String, Quantity>;
type Written = Option<BTreeMap<String, KubeQuantity>>;

/// Everything that is added up of a pod: kubernetes-behaviour §1.8, conformance facts 10–15.
pub(super) fn requests(
    symbols: &mut Symbols,
    spec: &PodSpec,
    status: Option<&PodStatus>,
) -> Requests {
    let defaults = scoring_defaults();
    let pod_level = of_pod(spec, Stated::Requests);
    let add_up = |status, missing: &List, pod_level: &List| {
        let mut total = of_containers(spec, status, (Stated::Requests, missing));
        total.extend(pod_level.iter().map(|(name, amount)| (name.clone(), *amount)));
        add(&mut total, &list(&spec.overhead));
        total
    };
    let nothing = List::new();
    let real = add_up(None, &nothing, &pod_level);
    let on_node = add_up(status, &nothing, &pod_level);
    // Fidelity: kube-scheduler 1.34 scores an incoming pod without its pod-level requests.
    let score = add_up(None, &defaults, &nothing);
    // With pod-level requests the default stands in only for what nothing of the pod names.
    let mut missing = defaults;
    missing.retain(|name, _| pod_level.is_empty() || !on_node.contains_key(name));
    let node_score = add_up(status, &missing, &pod_level);
    let scalars = |symbols: &mut Symbols, list: &List| symbols.amounts(list).scalars;
    let resources = symbols.amounts(&real);
    let taken = symbols.amounts(&on_node);
    let score_scalars = scalars(symbols, &score);
    Requests {
        on_node: (taken != resources).then(|| Box::new(taken)),
        score_scalars: (score_scalars != resources.scalars).then_some(score_scalars),
        real: resources,
        score: cpu_and_memory(&score),
        node_score: cpu_and_memory(&node_score),
    }
}

/// Which side of containers' resources is added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stated {
    /// `resources.requests`.
    Requests,
    /// `resources.limits`.
    Limits,
}

/// What one container requests or is limited to.
#[must_use]
pub fn container_amounts(container: &Container, side: Stated) -> BTreeMap<String, Quantity> {
    stated(container, side)
}

/// What a pod requests, or is limited to, by its specification: the containers' amounts, those of
/// the pod as a whole in their place if `pod_level`, and its overhead if `overhead` (which does
/// not limit what nothing limits, or limits to nothing).
#[must_use]
pub fn pod_amounts(
    spec: &PodSpec,
    stated: Stated,
    (pod_level, overhead): (bool, bool),
) -> BTreeMap<String, Quantity> {
    let mut total = of_containers(spec, None, (stated, &List::new()));
    if pod_level {
        total.extend(of_pod(spec, stated));
    }
    if overhead {
        let mut overhead = list(&spec.overhead);
        let limited = |name: &str| total.get(name).is_some_and(|limit| !limit.is_zero());
        overhead.retain(|name, _| stated == Stated::Requests || limited(name));
        add(&mut total, &overhead);
    }
    total
}

fn scoring_defaults() -> List {
    List::from([
        ("cpu".to_owned(), Quantity::from_milli(DEFAULT_CPU_MILLI)),
        ("memory".to_owned(), Quantity::from_int(DEFAULT_MEMORY_BYTES)),
    ])
}

fn cpu_and_memory(list: &List) -> (i64, i64) {
    let amount = |name: &str| list.get(name).copied().unwrap_or(Quantity::ZERO);
    (amount("cpu").milli_value(), amount("memory").value())
}

/// A resource list. Quantities were checked before; one that does not parse counts as absent.
fn list(stated: &Written) -> List {
    let parsed = |(name, amount): (&String, &KubeQuantity)| {
        amount.0.parse().ok().map(|amount| (name.clone(), amount))
    };
    stated.iter().flatten().filter_map(parsed).collect()
}

/// Amounts of the pod as a whole, as far as a pod may state them.
fn of_pod(spec: &PodSpec, side: Stated) -> List {
    let mut list = spec.resources.as_ref().map(|r| list(side.of(r))).unwrap_or_default();
    let allowed = |name: &str| matches!(name, "cpu" | "memory") || name.starts_with("hugepages-");
    list.retain(|name, _| allowed(name));
    list
}

fn add(sum: &mut List, list: &List) {
    for (name, amount) in list {
        let entry = sum.entry(name.clone()).or_insert(Quantity::ZERO);
        *entry = entry.saturating_add(*amount);
    }
}

/// Of equal amounts the one that is there stays, with its notation.
fn max_with(peak: &mut List, list: &List) {
    for (name, amount) in list {
        let entry = peak.entry(name.clone()).or_insert(*amount);
        if *amount > *entry {
            *entry = *amount;
        }
    }
}

/// Sum over containers and sidecars, or the peak while init containers run if that is more;
/// `missing` stands in for what a container does not name.
fn of_containers(
    spec: &PodSpec,
    status: Option<&PodStatus>,
    (side, missing): (Stated, &List),
) -> List {
    let of = |container: &Container, resizable: bool| {
        let mut list = match status.filter(|_| resizable) {
            Some(status) => resized(container, status),
            None => stated(container, side),
        };
        for (name, amount) in missing {
            list.entry(name.clone()).or_insert(*amount);
        }
        list
    };
    let mut total = List::new();
    for container in &spec.containers {
        add(&mut total, &of(container, true));
    }
    let (mut sidecars, mut peak) = (List::new(), List::new());
    for container in spec.init_containers.iter().flatten() {
        let sidecar = container.restart_policy.as_deref() == Some("Always");
        let own = of(container, sidecar);
        if sidecar {
            add(&mut total, &own);
            add(&mut sidecars, &own);
            max_with(&mut peak, &sidecars);
        } else {
            let mut step = own;
            add(&mut step, &sidecars);
            max_with(&mut peak, &step);
        }
    }
    max_with(&mut total, &peak);
    total
}

impl Stated {
    fn of(self, resources: &ResourceRequirements) -> &Written {
        match self {
            Self::Requests => &resources.requests,
            Self::Limits => &resources.limits,
        }
    }
}

fn stated(container: &Container, side: Stated) -> List {
    container.resources.as_ref().map(|r| list(side.of(r))).unwrap_or_default()
}

/// A container whose status tells what it has holds the most of what it asks for, has and was
/// allotted; what it asks for does not count if the node can never give it.
fn resized(container: &Container, status: &PodStatus) -> List {
    let statuses = status.container_statuses.iter().chain(&status.init_container_statuses);
    // A name that occurs twice: the last one counts.
    let of_container = |s: &&ContainerStatus| s.name == container.name;
    let told = statuses.flatten().rfind(of_container);
    let Some((told, has)) = told.and_then(|told| Some((told, told.resources.as_ref()?))) else {
        return stated(container, Stated::Requests);
    };
    let mut most = list(&has.requests);
    max_with(&mut most, &list(&told.allocated_resources));
    let pending = status.conditions.iter().flatten().find(|c| c.type_ == "PodResizePending");
    if pending.and_then(|condition| condition.reason.as_deref()) != Some("Infeasible") {
        max_with(&mut most, &stated(container, Stated::Requests));
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(json: serde_json::Value) -> (PodSpec, PodStatus) {
        let pod: k8s_openapi::api::core::v1::Pod = serde_json::from_value(json).unwrap();
        (pod.spec.unwrap(), pod.status.unwrap_or_default())
    }

    fn of(json: serde_json::Value) -> (Requests, Symbols) {
        let (spec, status) = pod(json);
        let mut symbols = Symbols::default();
        (requests(&mut symbols, &spec, Some(&status)), symbols)
    }

    #[test]
    fn rounding_comes_after_adding() {
        let container = |name: &str| serde_json::json!({"name": name, "resources": {"requests": {"cpu": "0.4m", "memory": "0.5"}}});
        let (all, _) =
            of(serde_json::json!({"spec": {"containers": [container("a"), container("b")]}}));
        assert_eq!((all.real.cpu_milli, all.real.memory_bytes), (1, 1));
    }

    #[test]
    fn with_pod_level_requests_defaults_stand_in_for_what_nothing_names() {
        let (all, _) = of(serde_json::json!({"spec": {
            "resources": {"requests": {"memory": "1Gi"}},
            "containers": [
                {"name": "a", "resources": {"requests": {"cpu": "300m"}}},
                {"name": "b"},
            ],
        }}));
        assert_eq!((all.real.cpu_milli, all.real.memory_bytes), (300, 1 << 30));
        assert_eq!(all.score, (400, 400 << 20), "the incoming pod has no pod level here");
        assert_eq!(all.node_score, (300, 1 << 30), "something names CPU: no default");
        let (all, _) = of(serde_json::json!({"spec": {
            "resources": {"requests": {"memory": "1Gi", "hugepages-2Mi": "4Mi"}},
            "containers": [{"name": "a"}, {"name": "b"}],
        }}));
        assert_eq!(all.node_score, (200, 1 << 30), "nothing names CPU");
        assert_eq!(all.real.scalars.len(), 1);
        assert_eq!(all.score_scalars, Some(Vec::new()));
    }

    #[test]
    fn a_resized_container_holds_the_most_unless_the_resize_is_infeasible() {
        let json = |reason: &str| {
            serde_json::json!({
                "spec": {"containers": [
                    {"name": "a", "resources": {"requests": {"cpu": "3"}}},
                ]},
                "status": {
                    "containerStatuses": [{
                        "name": "a", "image": "", "imageID": "", "ready": true, "restartCount": 0,
                        "resources": {"requests": {"cpu": "1"}}, "allocatedResources": {"cpu": "2"},
                    }],
                    "conditions": [{"type": "PodResizePending", "status": "True", "reason": reason}],
                },
            })
        };
        let (all, _) = of(json("Deferred"));
        assert_eq!((all.real.cpu_milli, all.on_node), (3000, None));
        let (all, _) = of(json("Infeasible"));
        assert_eq!(all.real.cpu_milli, 3000);
        assert_eq!(all.on_node.unwrap().cpu_milli, 2000);
        assert_eq!((all.score.0, all.node_score.0), (3000, 2000));
    }
}
