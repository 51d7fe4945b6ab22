//! Rules about requests and limits.

use k8s_openapi::api::core::v1::Container;

use super::findings::Findings;
use super::probes::title;
use super::rules;
use super::scene::{Scene, Workload};
use crate::base::diag::Severity;
use crate::base::quantity::Quantity;
use crate::scenario::compile::{Stated, container_amounts, pod_amounts};
use crate::scenario::manifest::{Cursor, Object};

/// From so many times its request on, a memory limit is far above it.
const FAR_ABOVE: i64 = 4;

/// Looks at every pod's resources.
pub(super) fn check(scene: &Scene<'_>, found: &mut Findings) {
    for workload in &scene.workloads {
        let defaulted = has_limit_range(scene, workload.manifest.object.namespace());
        if is_best_effort(workload) {
            if !defaulted {
                let message =
                    format!("{}: its pods request and are limited to nothing", workload.title());
                let at = workload.at.key("containers");
                // What ends by itself is started again if it is evicted.
                let rule = &rules::BEST_EFFORT;
                let level = if workload.stays() { rule.level } else { Severity::Note };
                found.add_as(level, rule, workload.manifest, &at, message);
            }
        } else if !defaulted {
            unlimited(workload, found);
        }
        for (container, at) in workload.containers() {
            far_above((workload, container), &at, found);
            if let Some(used) = scene.memory(workload, container) {
                in_use((workload, container), used, &at, found);
            }
        }
    }
}

/// A LimitRange may give requests and limits to containers that have none.
fn has_limit_range(scene: &Scene<'_>, namespace: &str) -> bool {
    scene.objects().iter().any(|manifest| {
        matches!(manifest.object, Object::LimitRange(_)) && manifest.object.namespace() == namespace
    })
}

fn is_best_effort(workload: &Workload<'_>) -> bool {
    let some = |stated| {
        let pod = pod_amounts(workload.pod, stated, (true, false));
        ["cpu", "memory"].iter().any(|name| pod.get(*name).is_some_and(|amount| !amount.is_zero()))
    };
    !some(Stated::Requests) && !some(Stated::Limits)
}

/// The containers without memory limit, in one finding.
fn unlimited(workload: &Workload<'_>, found: &mut Findings) {
    let of_pod = workload.pod.resources.as_ref().and_then(|resources| resources.limits.as_ref());
    if of_pod.is_some_and(|limits| limits.contains_key("memory")) {
        return;
    }
    let containers = workload.containers();
    let without: Vec<_> = containers
        .iter()
        .filter(|(c, _)| !container_amounts(c, Stated::Limits).contains_key("memory"))
        .collect();
    let Some((_, first)) = without.first() else { return };
    let names: Vec<&str> = without.iter().map(|(c, _)| c.name.as_str()).collect();
    let message = format!("{}: no memory limit for {}", workload.title(), names.join(", "));
    found.add(&rules::NO_MEMORY_LIMIT, workload.manifest, &first.key("resources"), message);
}

fn far_above(
    (workload, container): (&Workload<'_>, &Container),
    at: &Cursor<'_>,
    found: &mut Findings,
) {
    let amount = |stated| container_amounts(container, stated).get("memory").copied();
    let (Some(request), Some(limit)) = (amount(Stated::Requests), amount(Stated::Limits)) else {
        return;
    };
    if !request.is_zero() && limit.value() / FAR_ABOVE >= request.value() {
        let message = format!(
            "{} requests {request} of memory and may use {limit}",
            title(workload, container)
        );
        let at = at.keys(&["resources", "limits", "memory"]);
        found.add(&rules::LIMIT_FAR_ABOVE, workload.manifest, &at, message);
    }
}

fn in_use(
    (workload, container): (&Workload<'_>, &Container),
    used: i64,
    at: &Cursor<'_>,
    found: &mut Findings,
) {
    let at = at.key("resources");
    let uses = format!("{} uses {}", title(workload, container), Quantity::from_bytes(used));
    let amount = |stated| container_amounts(container, stated).get("memory").copied();
    if let Some(limit) = amount(Stated::Limits).filter(|limit| limit.value() < used) {
        let message = format!("{uses} of memory and is limited to {limit}");
        let at = at.keys(&["limits", "memory"]);
        found.add(&rules::LIMIT_BELOW_USE, workload.manifest, &at, message);
    } else if let Some(request) = amount(Stated::Requests).filter(|r| r.value() < used) {
        let message = format!("{uses} of memory and requests {request}");
        let at = at.keys(&["requests", "memory"]);
        found.add(&rules::USE_ABOVE_REQUEST, workload.manifest, &at, message);
    }
}
