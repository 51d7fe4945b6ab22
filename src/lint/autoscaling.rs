//! Rules about HorizontalPodAutoscalers.

use super::findings::Findings;
use super::rules;
use super::scene::{Autoscaler, Scene, Workload};
use crate::scenario::compile::{Stated, container_amounts};
use crate::scenario::manifest::{Cursor, KINDS};

/// Looks at every autoscaler with what it scales.
pub(super) fn check(scene: &Scene<'_>, found: &mut Findings) {
    for autoscaler in &scene.autoscalers {
        let (spec, at) = (autoscaler.spec, autoscaler.manifest.cursor().key("spec"));
        let title = autoscaler.manifest.object.title();
        let least = spec.min_replicas.unwrap_or(1);
        if least == spec.max_replicas {
            let message = format!("{title}: minReplicas and maxReplicas are both {least}");
            found.add(&rules::FIXED_HPA, autoscaler.manifest, &at.key("maxReplicas"), message);
        }
        match scene.workloads.iter().find(|workload| autoscaler.scales(workload.manifest)) {
            Some(workload) => {
                fixed_replicas(autoscaler, workload, found);
                requests(autoscaler, workload, &at, found);
            }
            None => missing(scene, autoscaler, &at, found),
        }
    }
}

fn fixed_replicas(autoscaler: &Autoscaler<'_>, workload: &Workload<'_>, found: &mut Findings) {
    let at = workload.manifest.cursor().keys(&["spec", "replicas"]);
    // What was read from a cluster shows the autoscaler's own number.
    if at.exists() && workload.manifest.object.metadata().uid.is_none() {
        let scaler = autoscaler.manifest.object.title();
        let message = format!("{} fixes the replicas that {scaler} scales", workload.title());
        let place = (workload.manifest, &at);
        let other = (autoscaler.manifest, "the autoscaler");
        found.add_related(&rules::HPA_AND_REPLICAS, place, other, message);
    }
}

/// Utilization of a resource that a container does not request. Without metrics it is that of CPU.
fn requests(
    autoscaler: &Autoscaler<'_>,
    workload: &Workload<'_>,
    at: &Cursor<'_>,
    found: &mut Findings,
) {
    let mut asked: Vec<(&str, Option<&str>, Cursor<'_>)> = Vec::new();
    let metrics = autoscaler.spec.metrics.as_deref().unwrap_or_default();
    for (index, metric) in metrics.iter().enumerate() {
        let at = at.key("metrics").index(index);
        if let Some(resource) = metric.resource.as_ref().filter(|r| r.target.type_ == "Utilization")
        {
            asked.push((&resource.name, None, at.key("resource")));
        }
        let of_one = metric.container_resource.as_ref();
        if let Some(resource) = of_one.filter(|r| r.target.type_ == "Utilization") {
            asked.push((&resource.name, Some(&resource.container), at.key("containerResource")));
        }
    }
    if metrics.is_empty() {
        asked.push(("cpu", None, at.key("metrics")));
    }
    let of_pod = workload.pod.resources.as_ref().and_then(|resources| resources.requests.as_ref());
    for (name, only, at) in asked {
        if of_pod.is_some_and(|requests| requests.contains_key(name)) {
            continue;
        }
        let containers = workload.containers();
        let lacks = containers.iter().find(|(container, _)| {
            only.is_none_or(|only| only == container.name)
                && !container_amounts(container, Stated::Requests).contains_key(name)
        });
        if let Some((container, _)) = lacks {
            let message = format!(
                "{} scales {} on the utilization of {name}, which its container {} does not request",
                autoscaler.manifest.object.title(),
                workload.title(),
                container.name
            );
            let other = (workload.manifest, "what it scales");
            let on = (autoscaler.manifest, &at);
            found.add_related(&rules::HPA_WITHOUT_REQUEST, on, other, message);
        }
    }
}

/// A target of a kind that is read, in a namespace with workloads, and not there.
fn missing(scene: &Scene<'_>, autoscaler: &Autoscaler<'_>, at: &Cursor<'_>, found: &mut Findings) {
    let target = &autoscaler.spec.scale_target_ref;
    let namespace = autoscaler.manifest.object.namespace();
    let known = KINDS.iter().any(|info| info.kind == target.kind);
    if known && scene.has_workloads(namespace) {
        let message = format!(
            "{} scales {} {}, which is not among the objects of namespace {namespace}",
            autoscaler.manifest.object.title(),
            target.kind,
            target.name
        );
        let at = at.keys(&["scaleTargetRef", "name"]);
        found.add_as(scene.missing(), &rules::HPA_OF_NOTHING, autoscaler.manifest, &at, message);
    }
}
