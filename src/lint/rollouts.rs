//! Rules about how a new version of a Deployment takes the place of the old one.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::findings::Findings;
use super::probes::seconds;
use super::rules;
use super::scene::{Scene, Workload};
use crate::controllers::deployment::StrategyBounds;
use crate::model::IntOrPercent;
use crate::scenario::compile::int_or_percent;
use crate::scenario::manifest::Object;

/// A start that one in a hundred is slower than.
const SLOW: f64 = 0.99;

/// Looks at the strategy of every Deployment.
pub(super) fn check(scene: &Scene<'_>, found: &mut Findings) {
    for workload in &scene.workloads {
        let Object::Deployment(deployment) = &workload.manifest.object else { continue };
        if workload.replicas == Some(0) {
            continue;
        }
        strategy(scene, workload, deployment, found);
        deadline(scene, workload, deployment, found);
    }
}

/// What a rolling update may add and stop at once; none with Recreate.
pub(super) fn bounds(deployment: &Deployment) -> Option<StrategyBounds> {
    let spec = deployment.spec.as_ref()?;
    let rolling = spec.strategy.as_ref()?.rolling_update.as_ref()?;
    let read = |value: Option<&IntOrString>| {
        value.and_then(int_or_percent).unwrap_or(IntOrPercent::Percent(25))
    };
    let surge = read(rolling.max_surge.as_ref());
    let unavailable = read(rolling.max_unavailable.as_ref());
    Some(StrategyBounds::resolve(surge, unavailable, spec.replicas.unwrap_or(1)))
}

fn strategy(
    scene: &Scene<'_>,
    workload: &Workload<'_>,
    deployment: &Deployment,
    found: &mut Findings,
) {
    // What holds a volume that one pod can have at a time must stop before it is started again.
    if workload.has_claim() {
        return;
    }
    let Some(replicas) = deployment.spec.as_ref().and_then(|spec| spec.replicas) else { return };
    let at = workload.manifest.cursor().keys(&["spec", "strategy"]);
    let title = workload.title();
    let service = scene.service_of(workload).map(|service| service.manifest.object.title());
    match (bounds(deployment), service) {
        (None, Some(service)) => {
            let message =
                format!("{title}, behind {service}, stops all of its pods in every rollout");
            found.add(&rules::ALL_AT_ONCE, workload.manifest, &at.key("type"), message);
        }
        (Some(bounds), service) if bounds.unavailable >= replicas => {
            let at = at.keys(&["rollingUpdate", "maxUnavailable"]);
            let what = match replicas {
                1 => "its only replica".to_owned(),
                replicas => format!("all of its {replicas} replicas"),
            };
            if bounds.surge == 0 {
                let message = format!("{title}: with maxSurge 0 a rollout first stops {what}");
                found.add(&rules::UNAVAILABLE_IS_WHOLE, workload.manifest, &at, message);
            } else if let Some(service) = service {
                let message =
                    format!("{title}, behind {service}: a rollout may stop {what} at once");
                found.add(&rules::ALL_AT_ONCE, workload.manifest, &at, message);
            }
        }
        (None | Some(_), _) => {}
    }
}

/// The deadline against what a pod takes at least until it is available.
fn deadline(
    scene: &Scene<'_>,
    workload: &Workload<'_>,
    deployment: &Deployment,
    found: &mut Findings,
) {
    let Some(spec) = &deployment.spec else { return };
    let deadline = f64::from(spec.progress_deadline_seconds.unwrap_or(600));
    let least = f64::from(spec.min_ready_seconds.unwrap_or(0));
    let containers = workload.containers();
    let slowest = containers.iter().map(|(container, _)| {
        let probe = container.readiness_probe.as_ref();
        let delay = f64::from(probe.and_then(|p| p.initial_delay_seconds).unwrap_or(0));
        let startup =
            scene.startup(workload, container).map_or(0.0, |startup| startup.quantile(SLOW));
        delay.max(startup)
    });
    let takes = slowest.fold(0.0, f64::max) + least;
    if takes > 0.0 && takes >= deadline {
        let message = format!(
            "{}: a new pod takes up to {} to become available, the deadline is {}",
            workload.title(),
            seconds(takes),
            seconds(deadline)
        );
        let at = workload.manifest.cursor().keys(&["spec", "progressDeadlineSeconds"]);
        found.add(&rules::SHORT_DEADLINE, workload.manifest, &at, message);
    }
}
