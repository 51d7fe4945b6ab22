//! Faults and operations: what they name is found among nodes and workloads.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::behaviour::{self, Surround};
use super::configs;
use super::control_plane;
use super::domains;
use super::nodes::Machines;
use super::registry;
use super::symbols::Symbols;
use super::traces::Replay;
use super::workloads::Collected;
use crate::base::diag::{Diagnostic, Diagnostics, Span, codes, suggest};
use crate::base::id::IdVec;
use crate::base::quantity::Quantity;
use crate::base::time::{SimDuration, SimTime};
use crate::model::{
    ControlPlane, FailureMode, Fault, FaultId, FaultKind, FaultTiming, NodeId, Operation,
    OperationKind, Share, Taint, TaintEffect, TemplateId, ThresholdValue, WorkloadId, WorkloadKind,
    ZoneId,
};
use crate::rng::Distribution;
use crate::scenario::file::LoadedScenario;
use crate::scenario::manifest::PODS_MAX;
use crate::scenario::read::Located;
use crate::scenario::spec::{self, Occurrence, RandomDuration, Side, Target};

/// What a fault is compiled to: what it does, what tables call its target, how long it lasts.
type Compiled = (FaultKind, String, Option<Distribution>);

/// Compiles `faults:`.
pub(super) fn compile(
    loaded: &LoadedScenario,
    (machines, plane): (&Machines, &ControlPlane),
    collected: &Collected,
    symbols: &mut Symbols,
    found: &mut Diagnostics,
) -> IdVec<FaultId, Fault> {
    let mut out = IdVec::new();
    let ends = SimTime::ZERO.saturating_add(loaded.scenario.spec.duration.value);
    for (place, fault) in loaded.scenario.spec.faults.iter().enumerate() {
        let timing = match &fault.when {
            Occurrence::At(at) => FaultTiming::At(SimTime::ZERO.saturating_add(at.value)),
            Occurrence::Every(gap) => FaultTiming::Every(gap.0.clone()),
        };
        if let spec::FaultKind::NodeFailures(failures) = &fault.kind {
            for (kind, target) in domains::compile(failures, fault.span, machines, symbols, found) {
                let lasts_s = lasts(failures.lasts.as_ref());
                out.push(Fault { kind, target, timing: timing.clone(), lasts_s });
            }
            continue;
        }
        if let (spec::FaultKind::FailureTrace(trace), FaultTiming::At(begins)) =
            (&fault.kind, &timing)
        {
            // One that cannot be read was reported when it was.
            let Some(loaded) = loaded.traces.get(&place) else { continue };
            let replay = Replay { fault: trace, trace: &loaded.trace, begins: *begins, ends };
            let all = || (machines.nodes.ids().collect(), "all nodes".to_owned());
            let chosen = trace.node_selector.clone().map(Target::Labels);
            let chosen = chosen.map_or_else(all, |target| nodes(machines, symbols, &target, found));
            for (kind, target, timing) in replay.compile(machines, chosen, found) {
                out.push(Fault { kind, target, timing, lasts_s: None });
            }
            continue;
        }
        let compiled = match of_nodes(&fault.kind) {
            Some((struck, kind)) => {
                let (nodes, target) = nodes(machines, symbols, &struck.target, found);
                Some((kind(nodes), target, lasts(struck.lasts.as_ref())))
            }
            None => of_machines(&fault.kind, machines, symbols, found)
                .or_else(|| of_the_rest(fault, (machines, plane), collected, symbols, found)),
        };
        // A zone that does not exist was reported when the file was read.
        let Some((kind, target, lasts_s)) = compiled else { continue };
        out.push(Fault { kind, target, timing, lasts_s });
    }
    out
}

/// How long before a spot node is gone that is known, where the scenario does not say.
const SPOT_NOTICE: SimDuration = SimDuration::from_secs(120);

/// What a fault does to nodes.
type OfNodes = fn(Vec<NodeId>) -> FaultKind;

/// Faults that strike nodes one by one: which, and what they do to them.
#[expect(clippy::wildcard_enum_match_arm, reason = "all others are compiled elsewhere")]
fn of_nodes(kind: &spec::FaultKind) -> Option<(&spec::NodeFault, OfNodes)> {
    match kind {
        spec::FaultKind::NodeCrash(fault) => Some((fault, |nodes| FaultKind::NodeCrash { nodes })),
        spec::FaultKind::StaleConnections(fault) => {
            Some((fault, |nodes| FaultKind::StaleConnections { nodes }))
        }
        spec::FaultKind::KubeletCrash(fault) => {
            Some((fault, |nodes| FaultKind::KubeletCrash { nodes }))
        }
        spec::FaultKind::KubeProxyOutage(fault) => {
            Some((fault, |nodes| FaultKind::KubeProxyOutage { nodes }))
        }
        spec::FaultKind::RuntimeOutage(fault) => {
            Some((fault, |nodes| FaultKind::RuntimeOutage { nodes }))
        }
        _ => None,
    }
}

/// Compiles a fault that strikes nodes and says more of them.
#[expect(clippy::wildcard_enum_match_arm, reason = "all others are compiled elsewhere")]
fn of_machines(
    kind: &spec::FaultKind,
    machines: &Machines,
    symbols: &mut Symbols,
    found: &mut Diagnostics,
) -> Option<Compiled> {
    match kind {
        spec::FaultKind::SlowNode(slow) => {
            let (nodes, target) = nodes(machines, symbols, &slow.target, found);
            let mode = FailureMode::Starve { factor: slow.factor };
            Some((FaultKind::SlowNode { nodes, mode }, target, lasts(slow.lasts.as_ref())))
        }
        spec::FaultKind::DiskFull(full) => Some(disk_full(full, machines, symbols, found)),
        spec::FaultKind::NodeReboot(reboot) => {
            let (nodes, target) = nodes(machines, symbols, &reboot.target, found);
            let at_once = Some(Distribution::Constant(0.0));
            Some((FaultKind::NodeReboot { nodes }, target, at_once))
        }
        spec::FaultKind::SpotReclaim(reclaim) => {
            let (nodes, target) = nodes(machines, symbols, &reclaim.target, found);
            let notice = reclaim.notice.as_ref().map_or(SPOT_NOTICE, |notice| notice.value);
            let kind = FaultKind::SpotReclaim { nodes, notice };
            Some((kind, target, lasts(reclaim.lasts.as_ref())))
        }
        _ => None,
    }
}

/// Compiles a fault that strikes something else.
fn of_the_rest(
    fault: &spec::Fault,
    (machines, plane): (&Machines, &ControlPlane),
    collected: &Collected,
    symbols: &mut Symbols,
    found: &mut Diagnostics,
) -> Option<Compiled> {
    match &fault.kind {
        spec::FaultKind::NodeCrash(_)
        | spec::FaultKind::StaleConnections(_)
        | spec::FaultKind::KubeletCrash(_)
        | spec::FaultKind::RuntimeOutage(_)
        | spec::FaultKind::KubeProxyOutage(_)
        | spec::FaultKind::NodeReboot(_)
        | spec::FaultKind::SpotReclaim(_)
        | spec::FaultKind::SlowNode(_)
        | spec::FaultKind::DiskFull(_)
        | spec::FaultKind::NodeFailures(_)
        | spec::FaultKind::FailureTrace(_) => None,
        spec::FaultKind::CloudControllerManagerOutage(outage) => {
            let target = "cloud-controller-manager".to_owned();
            let kind = FaultKind::CloudControllerManagerOutage;
            Some((kind, target, lasts(outage.lasts.as_ref())))
        }
        spec::FaultKind::ZoneOutage(outage) => zone(machines, &outage.zone).map(|zone| {
            let kind = FaultKind::ZoneOutage { zone };
            (kind, outage.zone.value.clone(), lasts(outage.lasts.as_ref()))
        }),
        spec::FaultKind::NetworkPartition(partition) => {
            far_side(machines, symbols, &partition.side, found).map(|(nodes, target)| {
                let kind = FaultKind::NetworkPartition { nodes };
                (kind, target, lasts(partition.lasts.as_ref()))
            })
        }
        spec::FaultKind::ConfigMissing(missing) => {
            configs::missing(missing, collected, symbols, found)
        }
        spec::FaultKind::ApiServerOutage(outage) => {
            Some(control_plane::outage(outage, plane, found))
        }
        spec::FaultKind::ApiServerSlow(slow) => Some(control_plane::slow(slow, found)),
        spec::FaultKind::EtcdMembersLost(lost) => {
            Some(control_plane::members_lost(lost, plane, found))
        }
        spec::FaultKind::SchedulerCrash(crash) => {
            let target = "kube-scheduler".to_owned();
            Some((FaultKind::SchedulerCrash, target, lasts(crash.lasts.as_ref())))
        }
        spec::FaultKind::ControllerManagerCrash(crash) => {
            let target = "kube-controller-manager".to_owned();
            Some((FaultKind::ControllerManagerCrash, target, lasts(crash.lasts.as_ref())))
        }
        spec::FaultKind::WebhookOutage(outage) => {
            Some(control_plane::webhook(outage, symbols, found))
        }
        spec::FaultKind::DnsOutage(outage) => {
            Some(dns((outage, fault.span), collected, symbols, found))
        }
        spec::FaultKind::RegistryOutage(outage) => {
            registry::outage((outage, fault.span), symbols, found)
        }
        spec::FaultKind::RegistrySlow(slow) => registry::slow((slow, fault.span), symbols, found),
        spec::FaultKind::ContainerFault(container) => {
            let fault = ("containerFault", &**container, fault.span);
            let (kind, target) = container_fault(fault, collected, symbols, found);
            Some((kind, target, lasts(container.lasts.as_ref())))
        }
    }
}

/// Nodes cut off, and what tables call them.
fn far_side(
    machines: &Machines,
    symbols: &mut Symbols,
    side: &Side,
    found: &mut Diagnostics,
) -> Option<(Vec<NodeId>, String)> {
    match side {
        Side::Zone(name) => {
            let zone = zone(machines, name)?;
            let inside = machines.nodes.iter().filter(|(_, node)| node.zone == zone);
            Some((inside.map(|(id, _)| id).collect(), name.value.clone()))
        }
        Side::Nodes(target) => Some(nodes(machines, symbols, target, found)),
        Side::All => Some((machines.nodes.ids().collect(), "all nodes".to_owned())),
    }
}

pub(super) fn lasts(lasts: Option<&RandomDuration>) -> Option<Distribution> {
    lasts.map(|lasts| lasts.0.clone())
}

fn zone(machines: &Machines, name: &str) -> Option<ZoneId> {
    machines.zones.iter().find(|(_, zone)| zone.name == name).map(|(id, _)| id)
}

fn nodes(
    machines: &Machines,
    symbols: &mut Symbols,
    target: &Target,
    found: &mut Diagnostics,
) -> (Vec<NodeId>, String) {
    match target {
        Target::Node(name) => {
            let chosen = machines.nodes.iter().filter(|(_, node)| node.name == name.value);
            (chosen.map(|(id, _)| id).collect(), name.value.clone())
        }
        Target::Labels(labels) => {
            let wanted = symbols.labels(Some(&labels.value));
            let chosen: Vec<NodeId> = machines
                .nodes
                .iter()
                .filter(|(_, node)| wanted.iter().all(|(k, v)| node.labels.get(k) == Some(v)))
                .map(|(id, _)| id)
                .collect();
            if chosen.is_empty() {
                let message = "no node has these labels";
                found.push(
                    Diagnostic::error(codes::UNRESOLVED, labels.span, message)
                        .help("labels of nodes stand in the pools' templates"),
                );
            }
            let words: Vec<String> =
                labels.value.iter().map(|(key, value)| format!("{key}={value}")).collect();
            (chosen, words.join(","))
        }
        Target::Count(count) => {
            let nodes = machines.nodes.len();
            if count.value as usize > nodes {
                let message = format!("{} nodes of {nodes}", count.value);
                found.push(
                    Diagnostic::error(codes::OUT_OF_RANGE, count.span, message)
                        .help(format!("write {nodes} or less")),
                );
            }
            let chosen = machines.nodes.ids().take(count.value as usize).collect();
            (chosen, format!("{} nodes", count.value))
        }
    }
}

/// A disk of which nothing is said cannot be full.
fn disk_full(
    full: &spec::DiskFull,
    machines: &Machines,
    symbols: &mut Symbols,
    found: &mut Diagnostics,
) -> (FaultKind, String, Option<Distribution>) {
    let (nodes, target) = nodes(machines, symbols, &full.target, found);
    if let Some(&node) = nodes.iter().find(|&&id| machines.nodes[id].capacity.ephemeral_bytes == 0)
    {
        let name = &machines.nodes[node].name;
        let message = format!("node {name} does not say how large its disk is");
        found.push(
            Diagnostic::error(codes::MISSING_FIELD, full.span, message)
                .help("write ephemeral-storage: 100Gi under status.allocatable of its template"),
        );
    }
    let nothing = ThresholdValue::Amount(Quantity::ZERO);
    let leaves = full.leaves.map_or(nothing, |leaves| leaves.0);
    (FaultKind::DiskFull { nodes, leaves }, target, lasts(full.lasts.as_ref()))
}

/// Without names every application that needs them has lost what it depends on.
fn dns(
    (outage, span): (&spec::DnsOutage, Span),
    collected: &Collected,
    symbols: &mut Symbols,
    found: &mut Diagnostics,
) -> (FaultKind, String, Option<Distribution>) {
    let all = spec::Selector(LabelSelector::default());
    let fault = spec::ContainerFault {
        selector: outage.selector.clone().unwrap_or(all),
        namespace: outage.namespace.clone(),
        container: None,
        share: None,
        mode: spec::FailureMode::DependencyLost { probed: None },
        lasts: outage.lasts.clone(),
    };
    let (mut kind, _) = container_fault(("dnsOutage", &fault, span), collected, symbols, found);
    if let FaultKind::ContainerFault { lasting, .. } = &mut kind {
        *lasting = true;
    }
    (kind, "CoreDNS".to_owned(), lasts(outage.lasts.as_ref()))
}

fn container_fault(
    (kind, fault, span): (&str, &spec::ContainerFault, Span),
    collected: &Collected,
    symbols: &mut Symbols,
    found: &mut Diagnostics,
) -> (FaultKind, String) {
    let mut templates: Vec<TemplateId> = Vec::new();
    let mut container = None;
    let mut limit = None;
    let selector = symbols.selector(Some(&fault.selector.0));
    let mut target = String::new();
    for (id, template) in collected.templates.iter() {
        let namespace = &symbols.namespaces[template.namespace].name;
        let in_namespace = fault.namespace.as_ref().is_none_or(|n| n.value == *namespace);
        if !in_namespace || !selector.matches(&template.labels, &symbols.interner) {
            continue;
        }
        let mut all = template.init_containers.iter().chain(&template.containers);
        if let Some(name) = &fault.container {
            let Some(at) = all.position(|c| c.name == name.value) else { continue };
            container = u32::try_from(at).ok();
        }
        limit = limit.or(template.containers.first().and_then(|c| c.memory_limit_bytes));
        if target.is_empty() {
            let workload = &collected.workloads[template.workload];
            target = format!("{namespace}/{}", workload.name);
        } else if !target.ends_with('…') {
            target.push('…');
        }
        templates.push(id);
    }
    if templates.is_empty() {
        let message = format!("the {kind} selects no container of any workload");
        let place = fault.container.as_ref().map_or(span, |name| name.span);
        found.push(
            Diagnostic::error(codes::UNRESOLVED, place, message)
                .help("selector, namespace and container must match a workload's pod template"),
        );
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share was checked to lie between 0 and 1"
    )]
    let share = Share((fault.share.unwrap_or(1.0) * 1000.0).round() as u32);
    let mode = behaviour::mode(&fault.mode, limit.unwrap_or(0) / 2, limit);
    let lasting = false;
    (FaultKind::ContainerFault { templates, container, mode, share, lasting }, target)
}

fn check_replicas(replicas: &Located<u32>, found: &mut Diagnostics) {
    if i64::from(replicas.value) > i64::from(PODS_MAX) {
        let message = format!("{} pods", replicas.value);
        let finding = Diagnostic::error(codes::OUT_OF_RANGE, replicas.span, message);
        found.push(finding.help(format!("at most {PODS_MAX} pods can be simulated")));
    }
}

/// Compiles `operations:`, sorted by time.
pub(super) fn operations(
    loaded: &LoadedScenario,
    (machines, collected, symbols): (&Machines, &mut Collected, &mut Symbols),
    around: &Surround<'_>,
    found: &mut Diagnostics,
) -> Vec<Operation> {
    let mut out = Vec::new();
    let mut revisions: Vec<u32> = vec![0; collected.workloads.len()];
    for operation in &loaded.scenario.spec.operations {
        let kind = match &operation.kind {
            spec::OperationKind::Scale { .. }
            | spec::OperationKind::RolloutRestart { .. }
            | spec::OperationKind::RolloutUndo { .. }
            | spec::OperationKind::RolloutPause { .. }
            | spec::OperationKind::Suspend { .. } => {
                let world = (&mut *collected, &mut *symbols);
                on_workload(&operation.kind, world, (&mut revisions, around), found)
            }
            spec::OperationKind::Cordon { node, unschedulable } => {
                node_named(machines, node, found).map(|node| OperationKind::SetUnschedulable {
                    node,
                    unschedulable: *unschedulable,
                })
            }
            spec::OperationKind::Drain { target, force, grace } => {
                let nodes = drained(machines, symbols, target, found);
                let grace = grace.as_ref().map(|s| SimDuration::from_secs(u64::from(s.value)));
                Some(OperationKind::Drain { nodes, force: force.unwrap_or(false), grace })
            }
            spec::OperationKind::Taint { node, taint } => {
                let taint = taint_of(symbols, &taint.key, &taint.value, taint.effect);
                node_named(machines, node, found).map(|node| OperationKind::Taint {
                    node,
                    add: vec![taint],
                    remove: Vec::new(),
                })
            }
            spec::OperationKind::Untaint { node, key, effect } => {
                let remove = untainted(symbols, key, *effect);
                node_named(machines, node, found).map(|node| OperationKind::Taint {
                    node,
                    add: Vec::new(),
                    remove,
                })
            }
            spec::OperationKind::Label { node, labels } => {
                let labels = labels.iter().map(|(key, value)| {
                    (symbols.intern(key), value.as_deref().map(|value| symbols.intern(value)))
                });
                let labels = labels.collect();
                node_named(machines, node, found).map(|node| OperationKind::Label { node, labels })
            }
            spec::OperationKind::DeletePod { workload, replica } => {
                find(collected, symbols, workload, found)
                    .map(|workload| OperationKind::DeletePod { workload, replica: replica.value })
            }
        };
        if let Some(kind) = kind {
            out.push(Operation { at: SimTime::ZERO.saturating_add(operation.at.value), kind });
        }
    }
    out.sort_by_key(|operation| operation.at);
    out
}

/// What an operator does to a workload.
#[expect(clippy::wildcard_enum_match_arm, reason = "the caller asks only for these")]
fn on_workload(
    operation: &spec::OperationKind,
    (collected, symbols): (&mut Collected, &mut Symbols),
    (revisions, around): (&mut [u32], &Surround<'_>),
    found: &mut Diagnostics,
) -> Option<OperationKind> {
    match operation {
        spec::OperationKind::Scale { workload, replicas } => {
            check_replicas(replicas, found);
            find(collected, symbols, workload, found)
                .filter(|id| is_of(collected, *id, (workload, SCALABLE), found))
                .map(|workload| OperationKind::Scale {
                    workload,
                    replicas: i32::try_from(replicas.value).unwrap_or(i32::MAX),
                })
        }
        spec::OperationKind::RolloutRestart { workload } => {
            find(collected, symbols, workload, found)
                .filter(|id| is_of(collected, *id, (workload, ROLLABLE), found))
                .map(|id| {
                    revisions[id.index()] += 1;
                    let revision = revisions[id.index()];
                    let template = collected.revision(symbols, id, revision, around);
                    OperationKind::Rollout { workload: id, template }
                })
        }
        spec::OperationKind::RolloutUndo { workload } => find(collected, symbols, workload, found)
            .filter(|id| is_of(collected, *id, (workload, DEPLOYMENT), found))
            .map(|workload| OperationKind::Undo { workload }),
        spec::OperationKind::RolloutPause { workload, paused } => {
            find(collected, symbols, workload, found)
                .filter(|id| is_of(collected, *id, (workload, DEPLOYMENT), found))
                .map(|workload| OperationKind::Pause { workload, paused: *paused })
        }
        spec::OperationKind::Suspend { workload, suspend } => {
            find(collected, symbols, workload, found)
                .filter(|id| is_of(collected, *id, (workload, SUSPENDABLE), found))
                .map(|workload| OperationKind::Suspend { workload, suspend: *suspend })
        }
        _ => unreachable!("only operations on workloads come here"),
    }
}

/// The nodes of a drain.
fn drained(
    machines: &Machines,
    symbols: &mut Symbols,
    target: &Target,
    found: &mut Diagnostics,
) -> Vec<NodeId> {
    if let Target::Node(name) = target {
        return node_named(machines, name, found).into_iter().collect();
    }
    nodes(machines, symbols, target, found).0
}

/// The taints that `kubectl taint key-` takes away; of every effect where none is given.
fn untainted(symbols: &mut Symbols, key: &str, effect: Option<TaintEffect>) -> Vec<Taint> {
    let effects = [TaintEffect::NoSchedule, TaintEffect::PreferNoSchedule, TaintEffect::NoExecute];
    let meant = effects.into_iter().filter(|one| effect.is_none_or(|e| e == *one));
    meant.map(|effect| taint_of(symbols, key, "", effect)).collect()
}

fn node_named(
    machines: &Machines,
    name: &Located<String>,
    found: &mut Diagnostics,
) -> Option<NodeId> {
    let id = machines.nodes.iter().find(|(_, node)| node.name == name.value).map(|(id, _)| id);
    if id.is_none() {
        let names: Vec<&str> = machines.nodes.values().map(|node| node.name.as_str()).collect();
        found.push(unknown("node", name, &names));
    }
    id
}

fn taint_of(symbols: &mut Symbols, key: &str, value: &str, effect: TaintEffect) -> Taint {
    Taint { key: symbols.intern(key), value: symbols.intern(value), effect }
}

fn find(
    collected: &Collected,
    symbols: &Symbols,
    name: &Located<String>,
    found: &mut Diagnostics,
) -> Option<WorkloadId> {
    let full = |id: WorkloadId| {
        let workload = &collected.workloads[id];
        format!("{}/{}", symbols.namespaces[workload.namespace].name, workload.name)
    };
    let id = collected.workloads.ids().find(|id| full(*id) == name.value);
    if id.is_none() {
        let names: Vec<String> = collected.workloads.ids().map(full).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        found.push(unknown("workload", name, &names));
    }
    id
}

/// What an operation is for: the kinds of workload, and what only these do.
type Only = (&'static [WorkloadKind], &'static str);

const DEPLOYMENT: Only =
    (&[WorkloadKind::Deployment], "only Deployments have revisions to undo and can be paused");
const ROLLABLE: Only = (
    &[WorkloadKind::Deployment, WorkloadKind::StatefulSet, WorkloadKind::DaemonSet],
    "only Deployments, StatefulSets and DaemonSets roll out",
);
const SCALABLE: Only = (
    &[
        WorkloadKind::Deployment,
        WorkloadKind::ReplicaSet,
        WorkloadKind::ReplicationController,
        WorkloadKind::StatefulSet,
    ],
    "only Deployments, ReplicaSets, ReplicationControllers and StatefulSets have replicas",
);
const SUSPENDABLE: Only =
    (&[WorkloadKind::Job, WorkloadKind::CronJob], "only Jobs and CronJobs can be suspended");

/// Whether a workload is of a kind that an operation is for.
fn is_of(
    collected: &Collected,
    id: WorkloadId,
    (name, (kinds, only)): (&Located<String>, Only),
    found: &mut Diagnostics,
) -> bool {
    let kind = collected.workloads[id].kind;
    if !kinds.contains(&kind) {
        let message = format!("{} is a {}: {only}", name.value, kind.name());
        let finding = Diagnostic::error(codes::UNRESOLVED, name.span, message);
        found.push(finding.help("name one of these"));
    }
    kinds.contains(&kind)
}

fn unknown(what: &str, name: &Located<String>, known: &[&str]) -> Diagnostic {
    let message = format!("there is no {what} \"{}\"", name.value);
    let help = suggest(&name.value, known)
        .unwrap_or_else(|| format!("write a {what} of the scenario as it is declared"));
    Diagnostic::error(codes::UNRESOLVED, name.span, message).help(help)
}
