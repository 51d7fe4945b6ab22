//! The shop application in `scenarios/apps/shop/` is what its scenarios rely on: valid manifests,
//! each service with its Deployment, Service and PodDisruptionBudget, and a load that a cluster of
//! three zones can just carry with two.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Container, Namespace, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::scheduling::v1::PriorityClass;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The cluster that the scenarios give it: nodes per zone, zones, milli-CPU per node.
const NODES_PER_ZONE: i64 = 4;
const ZONES: i64 = 3;
const NODE_CPU_MILLI: i64 = 8_000;

/// The files' documents by file name.
fn documents() -> BTreeMap<String, Vec<Value>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/apps/shop");
    let entries = std::fs::read_dir(folder).expect("the shop is there");
    entries
        .map(|entry| {
            let path = entry.expect("the folder can be listed").path();
            let text = std::fs::read_to_string(&path).expect("the file can be read");
            assert!(text.starts_with("# "), "{path:?} begins with what the service is");
            let name = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
            (name, serde_saphyr::from_multiple(&text).expect("the file is YAML"))
        })
        .collect()
}

/// Reads `value` as a `T` and insists that `T` knows every field of it.
fn typed<T: DeserializeOwned + Serialize>(value: &Value) -> T {
    let object = serde_json::from_value(value.clone()).expect("a valid object");
    let known = serde_json::to_value(&object).expect("an object can be written");
    assert_kept("", value, &known);
    object
}

fn assert_kept(path: &str, given: &Value, known: &Value) {
    match (given, known) {
        (Value::Object(fields), Value::Object(_)) => {
            for (key, field) in fields {
                assert_kept(&format!("{path}.{key}"), field, &known[key]);
            }
        }
        (Value::Array(items), Value::Array(others)) => {
            assert_eq!(items.len(), others.len(), "{path}");
            for (item, other) in items.iter().zip(others) {
                assert_kept(path, item, other);
            }
        }
        _ => assert_eq!(given, known, "{path}"),
    }
}

struct Shop {
    deployments: Vec<Deployment>,
    priority_classes: BTreeSet<String>,
}

fn name(meta: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta) -> &str {
    meta.name.as_deref().expect("an object has a name")
}

/// Reads everything; checks each service's file on the way.
fn shop() -> Shop {
    let mut shop = Shop { deployments: Vec::new(), priority_classes: BTreeSet::new() };
    for (file, documents) in documents() {
        if file == "namespace.yaml" {
            assert_eq!(name(&typed::<Namespace>(&documents[0]).metadata), "shop");
            for class in &documents[1..] {
                let class: PriorityClass = typed(class);
                shop.priority_classes.insert(name(&class.metadata).to_owned());
            }
            continue;
        }
        let [deployment, service, budget] = documents.as_slice() else {
            panic!("{file} holds {} objects instead of three", documents.len());
        };
        let deployment: Deployment = typed(deployment);
        let service: Service = typed(service);
        let budget: PodDisruptionBudget = typed(budget);
        for meta in [&deployment.metadata, &service.metadata, &budget.metadata] {
            assert_eq!(format!("{}.yaml", name(meta)), file);
            assert_eq!(meta.namespace.as_deref(), Some("shop"), "{file}");
        }
        check_selectors(&deployment, &service, &budget);
        shop.deployments.push(deployment);
    }
    shop
}

fn check_selectors(deployment: &Deployment, service: &Service, budget: &PodDisruptionBudget) {
    let spec = deployment.spec.as_ref().expect("a Deployment has a spec");
    let labels = spec.template.metadata.as_ref().and_then(|m| m.labels.clone());
    let labels = labels.expect("the template has labels");
    let budget = budget.spec.as_ref().and_then(|s| s.selector.clone());
    let selectors = [
        spec.selector.match_labels.clone(),
        service.spec.as_ref().and_then(|s| s.selector.clone()),
        budget.and_then(|s| s.match_labels),
    ];
    for selector in selectors {
        let selector = selector.expect("a selector by labels");
        assert!(!selector.is_empty());
        assert!(selector.iter().all(|(k, v)| labels.get(k) == Some(v)), "{selector:?}");
    }
    let pod = spec.template.spec.as_ref().expect("the template has a spec");
    let ports: Vec<&str> =
        pod.containers[0].ports.iter().flatten().filter_map(|p| p.name.as_deref()).collect();
    for port in service.spec.as_ref().and_then(|s| s.ports.as_ref()).into_iter().flatten() {
        let target = serde_json::to_value(&port.target_port).expect("a port can be written");
        assert!(ports.iter().any(|p| target == *p), "{target} is none of {ports:?}");
    }
}

fn containers(deployment: &Deployment) -> &[Container] {
    let pod = deployment.spec.as_ref().and_then(|s| s.template.spec.as_ref());
    &pod.expect("the template has a spec").containers
}

fn requested_cpu_milli(container: &Container) -> i64 {
    let requests = container.resources.as_ref().and_then(|r| r.requests.as_ref());
    let cpu = &requests.and_then(|r| r.get("cpu")).expect("a CPU request").0;
    let parsed = match cpu.strip_suffix('m') {
        Some(milli) => milli.parse::<i64>(),
        None => cpu.parse::<i64>().map(|whole| whole * 1_000),
    };
    parsed.expect("the shop writes CPU as whole cores or milli-cores")
}

#[test]
fn the_shop_is_valid_and_complete() {
    let shop = shop();
    assert_eq!(shop.deployments.len(), 11);
    assert_eq!(shop.priority_classes.len(), 2);
    for deployment in &shop.deployments {
        let spec = deployment.spec.as_ref().expect("checked when read");
        let pod = spec.template.spec.as_ref().expect("checked when read");
        assert!(spec.replicas.is_some_and(|r| (2..=6).contains(&r)));
        if let Some(class) = &pod.priority_class_name {
            assert!(shop.priority_classes.contains(class), "{class}");
        }
        for container in &pod.containers {
            assert!(container.readiness_probe.is_some() && container.liveness_probe.is_some());
            let sleep = container.lifecycle.as_ref().and_then(|l| l.pre_stop.as_ref());
            let sleep = sleep.and_then(|p| p.sleep.as_ref()).map_or(0, |s| s.seconds);
            assert!(sleep < pod.termination_grace_period_seconds.unwrap_or(30));
        }
    }
}

#[test]
fn every_kind_of_probe_occurs() {
    let shop = shop();
    let mut kinds = BTreeSet::new();
    for container in shop.deployments.iter().flat_map(containers) {
        let probes =
            [&container.startup_probe, &container.readiness_probe, &container.liveness_probe];
        for probe in probes.into_iter().flatten() {
            let value = serde_json::to_value(probe).expect("a probe can be written");
            for kind in ["exec", "httpGet", "tcpSocket", "grpc"] {
                if value.get(kind).is_some() {
                    kinds.insert(kind);
                }
            }
        }
    }
    assert_eq!(kinds.len(), 4, "{kinds:?}");
}

/// With a zone gone, however the pods lie, the largest still fits somewhere: more is free on the
/// nodes left than one request short on each of them.
#[test]
fn two_zones_of_three_carry_the_shop_and_no_more() {
    let shop = shop();
    let (mut total, mut largest) = (0, 0);
    for deployment in &shop.deployments {
        let pod: i64 = containers(deployment).iter().map(requested_cpu_milli).sum();
        let replicas = deployment.spec.as_ref().and_then(|s| s.replicas).unwrap_or(1);
        total += pod * i64::from(replicas);
        largest = largest.max(pod);
    }
    let percent_of = |zones: i64| 100 * total / (zones * NODES_PER_ZONE * NODE_CPU_MILLI);
    assert!((55..=60).contains(&percent_of(ZONES)), "{} %", percent_of(ZONES));
    assert!((82..=88).contains(&percent_of(ZONES - 1)), "{} %", percent_of(ZONES - 1));
    let nodes_left = (ZONES - 1) * NODES_PER_ZONE;
    assert!(nodes_left * NODE_CPU_MILLI - total >= nodes_left * largest);
}
