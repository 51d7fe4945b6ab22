//! What fields of a scenario or policy must be together.

use std::collections::BTreeSet;

use crate::base::diag::{Diagnostic, Diagnostics, Severity, Span, codes, suggest};
use crate::base::time::SimDuration;
use crate::scenario::manifest::{
    Cursor, ManifestSet, Object, PODS_MAX, check_budget, check_name, check_placement,
    check_probe_override,
};
use crate::scenario::node::{Node, Step, short};
use crate::scenario::read::Located;
use crate::scenario::source::Rules;
use crate::scenario::spec::{
    ControlPlane, FailureMode, FaultKind, Occurrence, Policy, Recovery, Scenario, Side, Start,
    Target, WorkloadOverride, check_pools,
};

/// Replications that a comparison may have.
const REPLICATIONS_MAX: u32 = 10_000;

/// The label that names a node's zone.
const ZONE_LABEL: &str = "topology.kubernetes.io/zone";

/// Checks a scenario as far as it can be without the files that it names.
pub(super) fn scenario(scenario: &Scenario, root: &Node, found: &mut Diagnostics) {
    let at = Cursor::root(root, "");
    let name_at = at.keys(&["metadata", "name"]);
    check_name(&scenario.metadata.name, (63, true), &name_at, Rules::Strict, found);
    let spec = &scenario.spec;
    let spec_at = at.key("spec");
    if spec.duration.value == SimDuration::ZERO {
        let at = spec_at.key("duration");
        let message = "a duration of zero simulates nothing";
        found
            .push(at.finding(Rules::Strict, codes::NEGATIVE, message).help("write for example 1h"));
    }
    match &spec.measure_from {
        Some(from) if from.value >= spec.duration.value => {
            let message = "measureFrom lies at or after the end";
            let finding = Diagnostic::error(codes::OUT_OF_RANGE, from.span, message);
            let finding = finding.at("spec.measureFrom").related(spec.duration.span, "the end");
            found.push(finding.help("measure from before the end of the duration"));
        }
        None if spec.start == Start::Empty => {
            let message = "start: empty needs measureFrom, so that the start-up is not measured";
            let at = spec_at.key("start");
            let help = "add measureFrom: 10m (or 0s to measure everything)";
            found.push(at.finding(Rules::Strict, codes::MISSING_FIELD, message).help(help));
        }
        Some(_) | None => {}
    }
    if let Some(count) = spec.replications.as_ref().filter(|n| n.value == 0) {
        positive(count, "spec.replications", found);
    }
    if let Some(count) = spec.replications.as_ref().filter(|n| n.value > REPLICATIONS_MAX) {
        let message = format!("{} replications", count.value);
        let finding = Diagnostic::error(codes::OUT_OF_RANGE, count.span, message);
        let help = format!("write 1 to {REPLICATIONS_MAX}; 30 is a good number");
        found.push(finding.at("spec.replications").help(help));
    }
    control_plane(spec.control_plane.as_ref(), found);
    let pools_path = [Step::Key("spec"), Step::Key("cluster"), Step::Key("nodePools")];
    if let Some(pools) = root.get("spec").and_then(|s| s.get("cluster")?.get("nodePools")) {
        check_pools(&spec.cluster.node_pools, "spec.cluster.nodePools", pools, found);
    } else if spec.cluster.nodes.is_empty() {
        let message = "the cluster has neither nodePools nor nodes";
        let span = root.locate(&pools_path);
        let help = "add nodePools: [{name: general, count: 3, template: …}]";
        let finding = Diagnostic::error(codes::MISSING_FIELD, span, message);
        found.push(finding.at("spec.cluster").help(help));
    }
    for fault in &spec.faults {
        if let (Occurrence::Every(_), FaultKind::FailureTrace(trace)) = (&fault.when, &fault.kind) {
            let message = "a trace says itself when its failures come";
            found.push(
                Diagnostic::error(codes::CONFLICT, trace.span, message)
                    .help("write at: 0s, or when the trace begins, in the place of every"),
            );
        }
        if let Occurrence::At(at) = &fault.when
            && at.value >= spec.duration.value
            && spec.duration.value > SimDuration::ZERO
        {
            let message = "the fault lies at or after the end of the simulation";
            let finding = Diagnostic::error(codes::OUT_OF_RANGE, at.span, message);
            let finding = finding.related(spec.duration.span, "the end");
            found.push(finding.help("let it happen earlier, or simulate longer"));
        }
    }
}

/// A finding about a number that must be at least 1.
fn positive(number: &Located<u32>, path: &str, found: &mut Diagnostics) {
    let message = format!("{} is less than 1", number.value);
    let finding = Diagnostic::error(codes::NEGATIVE, number.span, message);
    found.push(finding.at(path).help("write 1 or more"));
}

fn control_plane(plane: Option<&ControlPlane>, found: &mut Diagnostics) {
    let scheduler = plane.and_then(|plane| plane.scheduler.as_ref()?.replicas.as_ref());
    let manager = plane.and_then(|plane| plane.controller_manager.as_ref()?.replicas.as_ref());
    let server = plane.and_then(|plane| plane.api_server.as_ref());
    for (field, number) in [
        ("scheduler.replicas", scheduler),
        ("controllerManager.replicas", manager),
        ("apiServer.replicas", server.and_then(|server| server.replicas.as_ref())),
        ("apiServer.requestsPerSecond", server.and_then(|s| s.requests_per_second.as_ref())),
        ("etcd.members", plane.and_then(|plane| plane.etcd.as_ref()?.members.as_ref())),
    ] {
        if let Some(number) = number.filter(|number| number.value == 0) {
            positive(number, &format!("spec.controlPlane.{field}"), found);
        }
    }
}

/// Checks that zones and nodes named by faults exist, once the nodes are known.
pub(super) fn nodes(scenario: &Scenario, nodes: &ManifestSet, found: &mut Diagnostics) {
    let pools = &scenario.spec.cluster.node_pools;
    let mut zones: BTreeSet<&str> = BTreeSet::new();
    let mut names: BTreeSet<String> = BTreeSet::new();
    for pool in pools {
        zones.extend(pool.zones.iter().map(|zone| zone.value.as_str()));
        let labels = pool.template.0.metadata.labels.as_ref();
        zones.extend(labels.and_then(|l| l.get(ZONE_LABEL)).map(String::as_str));
        names
            .extend((0..pool.count.value.min(100_000)).map(|i| format!("{}-{i}", pool.name.value)));
    }
    for manifest in &nodes.objects {
        let metadata = manifest.object.metadata();
        zones.extend(metadata.labels.as_ref().and_then(|l| l.get(ZONE_LABEL)).map(String::as_str));
        names.insert(manifest.object.name().to_owned());
        if !matches!(manifest.object, Object::Node(_)) {
            let message = format!("{} among the nodes", manifest.object.title());
            found.push(
                Diagnostic::error(codes::BAD_KIND, manifest.span, message)
                    .at("spec.cluster.nodes")
                    .help("only Node objects belong here; others belong under workloads:"),
            );
        }
    }
    if names.is_empty() {
        // The pools could not be read: whether a fault meets one of their nodes is not known.
        return;
    }
    for fault in &scenario.spec.faults {
        let (zone, node) = named(&fault.kind);
        if let Some(zone) = zone.filter(|zone| !zones.contains(zone.as_str())) {
            let known: Vec<&str> = zones.iter().copied().collect();
            unresolved("zone", zone, &known, found);
        }
        if let Some(node) = node.filter(|node| !names.contains(node.as_str())) {
            let known: Vec<&str> = names.iter().map(String::as_str).collect();
            unresolved("node", node, &known, found);
        }
    }
}

/// The zone and the node that a fault names.
fn named(kind: &FaultKind) -> (Option<&Located<String>>, Option<&Located<String>>) {
    let target = match kind {
        FaultKind::ZoneOutage(outage) => return (Some(&outage.zone), None),
        FaultKind::NetworkPartition(partition) => match &partition.side {
            Side::Zone(zone) => return (Some(zone), None),
            Side::Nodes(target) => target,
            Side::All => return (None, None),
        },
        FaultKind::NodeCrash(fault)
        | FaultKind::KubeletCrash(fault)
        | FaultKind::RuntimeOutage(fault)
        | FaultKind::KubeProxyOutage(fault)
        | FaultKind::StaleConnections(fault) => &fault.target,
        FaultKind::SlowNode(slow) => &slow.target,
        FaultKind::DiskFull(full) => &full.target,
        FaultKind::NodeReboot(reboot) => &reboot.target,
        FaultKind::SpotReclaim(reclaim) => &reclaim.target,
        FaultKind::CloudControllerManagerOutage(_)
        | FaultKind::NodeFailures(_)
        | FaultKind::FailureTrace(_)
        | FaultKind::ConfigMissing(_)
        | FaultKind::WebhookOutage(_)
        | FaultKind::DnsOutage(_)
        | FaultKind::ApiServerOutage(_)
        | FaultKind::ApiServerSlow(_)
        | FaultKind::EtcdMembersLost(_)
        | FaultKind::SchedulerCrash(_)
        | FaultKind::ControllerManagerCrash(_)
        | FaultKind::RegistryOutage(_)
        | FaultKind::RegistrySlow(_)
        | FaultKind::ContainerFault(_) => return (None, None),
    };
    match target {
        Target::Node(name) => (None, Some(name)),
        Target::Labels(_) | Target::Count(_) => (None, None),
    }
}

/// Where nothing is said of process ids, none can run short.
pub(super) fn leaks(scenario: &Scenario, found: &mut Diagnostics) {
    let spec = &scenario.spec;
    if spec.cluster.node_pools.iter().any(|pool| pool.pid_max.is_some()) {
        return;
    }
    let leaks = |mode: &FailureMode| matches!(mode, FailureMode::ProcessLeak { .. });
    let own = spec.behaviour.iter().flat_map(|entry| &entry.failures);
    let own = own.filter(|failure| leaks(&failure.mode)).map(|failure| failure.span);
    let injected = spec.faults.iter().filter_map(|fault| {
        let FaultKind::ContainerFault(container) = &fault.kind else { return None };
        leaks(&container.mode).then_some(fault.span)
    });
    for span in own.chain(injected) {
        let message = "no node pool says how many process ids its nodes have";
        let finding = Diagnostic::new(Severity::Warning, codes::NO_EFFECT, Some(span), message);
        found.push(finding.help("write pidMax: 32768 in a node pool, or remove the leak"));
    }
}

/// Without Services a kube-proxy has nothing to do.
pub(super) fn proxies(scenario: &Scenario, set: &ManifestSet, found: &mut Diagnostics) {
    if set.objects.iter().any(|manifest| matches!(manifest.object, Object::Service(_))) {
        return;
    }
    for fault in &scenario.spec.faults {
        if let FaultKind::KubeProxyOutage(_) = fault.kind {
            let message = "there is no Service whose rules a kube-proxy could keep";
            let (severity, code) = (Severity::Warning, codes::NO_EFFECT);
            let finding = Diagnostic::new(severity, code, Some(fault.span), message);
            found.push(finding.help("add a Service to the workloads, or remove the fault"));
        }
    }
}

/// Nodes are no workload: `spec.cluster.nodes` names them.
pub(super) fn workloads(set: &ManifestSet, found: &mut Diagnostics) {
    for manifest in set.objects.iter().filter(|m| matches!(m.object, Object::Node(_))) {
        let message = format!("{} among the workloads has no effect", manifest.object.title());
        let (severity, code) = (Severity::Note, codes::NO_EFFECT);
        let finding = Diagnostic::new(severity, code, Some(manifest.span), message);
        found.push(finding.help("name its file under spec.cluster.nodes to simulate it"));
    }
}

fn unresolved(what: &str, name: &Located<String>, known: &[&str], found: &mut Diagnostics) {
    let message = format!("the cluster has no {what} \"{}\"", short(name));
    let help =
        suggest(name, known).unwrap_or_else(|| format!("{what}s are declared under spec.cluster"));
    found.push(Diagnostic::error(codes::UNRESOLVED, name.span, message).help(help));
}

/// Checks a policy's own values.
pub(super) fn policy(policy: &Policy, root: &Node, found: &mut Diagnostics) {
    let at = Cursor::root(root, "");
    let name_at = at.keys(&["metadata", "name"]);
    check_name(&policy.metadata.name, (63, true), &name_at, Rules::Strict, found);
    crate::scenario::compile::check_expressions(policy, found);
    let Some(recovery) = &policy.spec.recovery else { return };
    let mut bad = |span: Span, field: &str, message: String, help: &str| {
        let path = format!("spec.recovery.{field}");
        found.push(Diagnostic::error(codes::OUT_OF_RANGE, span, message).at(path).help(help));
    };
    for (field, rate) in [
        ("nodeEvictionRate", &recovery.node_eviction_rate),
        ("secondaryNodeEvictionRate", &recovery.secondary_node_eviction_rate),
    ] {
        if let Some(rate) = rate.as_ref().filter(|rate| rate.value < 0.0) {
            let message = format!("{} nodes per second", rate.value);
            bad(rate.span, field, message, "write 0 or more; 0.1 means one node in 10 s");
        }
    }
    let threshold = recovery.unhealthy_zone_threshold.as_ref();
    if let Some(share) = threshold.filter(|share| !(0.0..=1.0).contains(&share.value)) {
        let message = format!("{} is not a share", share.value);
        bad(share.span, "unhealthyZoneThreshold", message, "write a number from 0 to 1");
    }
    for (field, period) in [
        ("nodeMonitorPeriod", &recovery.node_monitor_period),
        ("nodeMonitorGracePeriod", &recovery.node_monitor_grace_period),
    ] {
        if let Some(period) = period.as_ref().filter(|period| period.value == SimDuration::ZERO) {
            bad(period.span, field, "a period of zero".to_owned(), "write for example 5s");
        }
    }
    for (index, entry) in recovery.probes.iter().enumerate() {
        let at = at.keys(&["spec", "recovery", "probes"]).index(index);
        for (field, probe) in [
            ("livenessProbe", &entry.liveness_probe),
            ("readinessProbe", &entry.readiness_probe),
            ("startupProbe", &entry.startup_probe),
        ] {
            if let Some(probe) = probe {
                check_probe_override(probe, field, &at.key(field), found);
            }
        }
    }
    for (index, entry) in recovery.workloads.iter().enumerate() {
        workload_override(entry, &at.keys(&["spec", "recovery", "workloads"]).index(index), found);
    }
    back_off(recovery, found);
}

fn workload_override(entry: &WorkloadOverride, at: &Cursor<'_>, found: &mut Diagnostics) {
    let spread = entry.topology_spread_constraints.as_deref().unwrap_or_default();
    check_placement(spread, entry.affinity.as_ref(), at, Rules::Strict, found);
    if let Some(budget) = &entry.pod_disruption_budget {
        let at = at.key("podDisruptionBudget");
        check_budget(budget, &at, Rules::Strict, found);
        if budget.selector.is_some() {
            let message = "the selector is the workload's";
            let finding = at.key("selector").finding(Rules::Strict, codes::CONFLICT, message);
            found.push(finding.help("remove it"));
        }
    }
    let changes = [
        entry.replicas.is_some(),
        entry.topology_spread_constraints.is_some(),
        entry.affinity.is_some(),
        entry.pod_disruption_budget.is_some(),
    ];
    if !changes.contains(&true) {
        let message = "the entry changes nothing";
        let help = "give replicas, topologySpreadConstraints, affinity or podDisruptionBudget";
        found.push(at.finding(Rules::Strict, codes::MISSING_FIELD, message).help(help));
    }
    if let Some(replicas) = &entry.replicas
        && i64::from(replicas.value) > i64::from(PODS_MAX)
    {
        let message = format!("{} pods", replicas.value);
        let finding = Diagnostic::error(codes::OUT_OF_RANGE, replicas.span, message);
        found.push(finding.help(format!("at most {PODS_MAX} pods can be simulated")));
    }
}

fn back_off(recovery: &Recovery, found: &mut Diagnostics) {
    let Some(back_off) = &recovery.crash_loop_back_off else { return };
    if let (Some(initial), Some(longest)) =
        (&back_off.initial, &back_off.max_container_restart_period)
        && initial.value > longest.value
    {
        let message = "the first wait is longer than the longest";
        found.push(
            Diagnostic::error(codes::OUT_OF_RANGE, initial.span, message)
                .at("spec.recovery.crashLoopBackOff.initial")
                .help("let initial be the shorter one"),
        );
    }
}
