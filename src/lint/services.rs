//! Rules about Services, and about what happens to them when pods come and go.

use k8s_openapi::api::core::v1::{Container, LifecycleHandler};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::cluster::asks_for_spot;
use super::findings::Findings;
use super::probes::title;
use super::rules;
use super::scene::{Scene, Service, Workload, pods_of};
use crate::scenario::node::short;

/// Looks at every Service with what is behind it, then at every workload.
pub(super) fn check(scene: &Scene<'_>, found: &mut Findings) {
    let mut single: Vec<&Workload<'_>> = Vec::new();
    for service in &scene.services {
        let behind = scene.behind(service);
        if behind.is_empty() {
            selects_nothing(scene, service, found);
            continue;
        }
        target_ports(service, &behind, found);
        let only = only_replica(service, &behind);
        let known = |only: &&Workload<'_>| {
            single.iter().any(|other| std::ptr::eq(other.manifest, only.manifest))
        };
        if let Some(only) = only.filter(|only| !known(only)) {
            single_replica(only, service, found);
            single.push(only);
        }
    }
    for workload in scene.workloads.iter().filter(|workload| workload.stays()) {
        unprobed(scene, workload, found);
        on_spot(scene, workload, found);
    }
    for workload in &scene.workloads {
        short_grace(workload, found);
    }
}

fn selects_nothing(scene: &Scene<'_>, service: &Service<'_>, found: &mut Findings) {
    let namespace = service.manifest.object.namespace();
    if scene.has_workloads(namespace) {
        let title = service.manifest.object.title();
        let message = format!("{title} selects no pod of any object in namespace {namespace}");
        let at = service.manifest.cursor().keys(&["spec", "selector"]);
        found.add_as(scene.missing(), &rules::SERVICE_OF_NOTHING, service.manifest, &at, message);
    }
}

fn target_ports(service: &Service<'_>, behind: &[&Workload<'_>], found: &mut Findings) {
    let known = |name: &str| {
        behind.iter().any(|workload| {
            let containers = workload.containers();
            let mut ports = containers.iter().flat_map(|(c, _)| c.ports.iter().flatten());
            ports.any(|port| port.name.as_deref() == Some(name))
        })
    };
    for (index, port) in service.spec.ports.iter().flatten().enumerate() {
        let Some(IntOrString::String(name)) = &port.target_port else { continue };
        if !known(name) && name.parse::<u16>().is_err() {
            let titles: Vec<String> = behind.iter().map(|workload| workload.title()).collect();
            let message = format!(
                "{}: no container of {} has a port named \"{}\"",
                service.manifest.object.title(),
                short(&titles.join(", ")),
                short(name)
            );
            let at = service.manifest.cursor().keys(&["spec", "ports"]).index(index);
            found.add(
                &rules::UNKNOWN_TARGET_PORT,
                service.manifest,
                &at.key("targetPort"),
                message,
            );
        }
    }
}

/// The workload of the one pod that all behind a Service come to; none where that is not known.
fn only_replica<'w, 'a>(
    service: &Service<'_>,
    behind: &[&'w Workload<'a>],
) -> Option<&'w Workload<'a>> {
    let only = behind.iter().find(|workload| workload.replicas == Some(1));
    only.filter(|_| pods_of(behind) == Some(1) && service.is_called()).copied()
}

fn single_replica(workload: &Workload<'_>, service: &Service<'_>, found: &mut Findings) {
    let behind = service.manifest.object.title();
    let message = format!("{} has a single replica behind {behind}", workload.title());
    let at = workload.manifest.cursor().keys(&["spec", "replicas"]);
    found.add(&rules::SINGLE_REPLICA, workload.manifest, &at, message);
}

/// A workload behind a Service that waits for readiness, and has no probe of it.
fn unprobed(scene: &Scene<'_>, workload: &Workload<'_>, found: &mut Findings) {
    let waits = |service: &&Service<'_>| {
        let waits = service.spec.publish_not_ready_addresses != Some(true);
        waits && service.is_called() && service.selects(workload)
    };
    let Some(service) = scene.services.iter().find(waits) else { return };
    let probed = workload.containers().iter().any(|(c, _)| c.readiness_probe.is_some());
    let gated = workload.pod.readiness_gates.as_ref().is_some_and(|gates| !gates.is_empty());
    if !probed && !gated {
        let behind = service.manifest.object.title();
        let message = format!("{} is behind {behind} without a readiness probe", workload.title());
        let at = workload.at.key("containers");
        found.add(&rules::NO_READINESS, workload.manifest, &at, message);
    }
}

fn on_spot(scene: &Scene<'_>, workload: &Workload<'_>, found: &mut Findings) {
    if workload.replicas != Some(1) {
        return;
    }
    let usable = scene.cluster.as_ref().and_then(|cluster| cluster.usable(workload.pod));
    let spot = match &usable {
        Some(usable) => !usable.is_empty() && usable.iter().all(|group| group.spot),
        None => asks_for_spot(workload.pod),
    };
    if spot {
        let message =
            format!("the single replica of {} can run on spot nodes only", workload.title());
        let at = workload.manifest.cursor().keys(&["spec", "replicas"]);
        found.add(&rules::SINGLE_ON_SPOT, workload.manifest, &at, message);
    }
}

fn short_grace(workload: &Workload<'_>, found: &mut Findings) {
    let grace = workload.pod.termination_grace_period_seconds.unwrap_or(30);
    let containers = workload.containers();
    let hooks = containers.iter().filter_map(|(c, _)| Some((*c, pre_stop_seconds(c)?)));
    let Some((container, hook)) = hooks.max_by_key(|(_, hook)| *hook) else { return };
    if hook >= grace {
        let message = format!(
            "{}: its preStop hook takes {hook} s of the {grace} s that a pod has to stop",
            title(workload, container)
        );
        let at = workload.at.key("terminationGracePeriodSeconds");
        found.add(&rules::SHORT_GRACE, workload.manifest, &at, message);
    }
}

/// How long a container's preStop hook takes at least, seconds, as far as it says: a sleep, or a
/// command that sleeps.
fn pre_stop_seconds(container: &Container) -> Option<i64> {
    let hook: &LifecycleHandler = container.lifecycle.as_ref()?.pre_stop.as_ref()?;
    if let Some(sleep) = &hook.sleep {
        return Some(sleep.seconds);
    }
    let command = hook.exec.as_ref()?.command.as_deref()?;
    slept(command)
}

/// The seconds that a command's first `sleep` sleeps.
pub(super) fn slept(command: &[String]) -> Option<i64> {
    let text = command.join(" ");
    let separators =
        |c: char| c.is_whitespace() || matches!(c, ';' | '&' | '|' | '(' | ')' | '\'' | '"');
    let mut words = text.split(separators).filter(|word| !word.is_empty());
    words.find(|word| word.rsplit('/').next() == Some("sleep"))?;
    let amount = words.next()?;
    let (number, unit) = match amount.chars().last()? {
        's' => (amount.trim_end_matches('s'), 1),
        'm' => (amount.trim_end_matches('m'), 60),
        'h' => (amount.trim_end_matches('h'), 3600),
        _ => (amount, 1),
    };
    number.parse::<i64>().ok()?.checked_mul(unit)
}
