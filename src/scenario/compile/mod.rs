//! Spec to model: what was typed, read together with its manifests and one policy, becomes the
//! immutable input of a run.
//!
//! Reading has checked each field; here is checked what only shows when everything is together.
//! One scenario under two policies compiles to two models with the same ids and addresses.

mod behaviour;
mod configs;
mod control_plane;
mod domains;
mod expressions;
mod faults;
mod gates;
mod jobs;
mod kubelet;
mod load;
mod nodes;
mod observed;
mod overlay;
mod parts;
mod pods;
mod registry;
mod requests;
mod scheduler;
mod storage;
mod symbols;
mod traces;
mod workloads;

use std::collections::BTreeMap;

pub use self::observed::{Observed, start_time};
pub use self::parts::Parts;
pub use self::requests::{Stated, container_amounts, pod_amounts};
pub use self::workloads::{disruption_limit, int_or_percent};

use self::behaviour::Surround;
use self::nodes::{Machines, Place};
use self::storage::Admission;
use self::symbols::Symbols;
use self::workloads::Collected;
use crate::base::diag::{Diagnostic, Diagnostics, FileId, Severity, codes};
use crate::base::id::IdVec;
use crate::base::time::SimTime;
use crate::model::{
    Budget, BudgetId, Model, Pool, PoolId, SchedulerConfig, Service, ServiceId, Start,
};
use crate::rng::Distribution;
use crate::scenario::file::{LoadedPolicy, LoadedScenario};
use crate::scenario::manifest::{Manifest, Object, Origin, PODS_MAX};
use crate::scenario::node::short;
use crate::scenario::read::Located;
use crate::scenario::spec::{self, NODES_MAX};

/// Seed of scenarios that name none.
pub const DEFAULT_SEED: u64 = 1;
/// `spec.startTime` where none is given: 2025-01-01T00:00:00Z.
const DEFAULT_START_UNIX_S: i64 = 1_735_689_600;
/// Median and 99th percentile of a node's boot where the pool says nothing, seconds.
const DEFAULT_BOOT_S: (f64, f64) = (45.0, 120.0);

/// Strings that components look up: taints and labels that Kubernetes itself sets.
const WELL_KNOWN: &[&str] = &[
    "",
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/unschedulable",
    "node.kubernetes.io/memory-pressure",
    "node.kubernetes.io/disk-pressure",
    "node.kubernetes.io/pid-pressure",
    "node.kubernetes.io/network-unavailable",
    "node.kubernetes.io/out-of-service",
    "node.kubernetes.io/exclude-disruption",
    "kubernetes.io/hostname",
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
];

/// Compiles a scenario under one policy. `None` means that `found` holds the errors.
pub fn compile(
    loaded: &LoadedScenario,
    policy: &LoadedPolicy,
    found: &mut Diagnostics,
) -> Option<Model> {
    let before = found.error_count();
    let spec = &loaded.scenario.spec;
    let mut symbols = Symbols::default();
    for word in WELL_KNOWN {
        symbols.intern(word);
    }
    let (pools, machines) = machines(loaded, &mut symbols, found);
    let around = Surround::new(loaded, policy, found);
    let (mut collected, services, budgets) = workloads(loaded, &around, &mut symbols, found);
    around.check_used(&loaded.workloads.objects, found);
    check_pods(loaded, &collected, found);
    csi_nodes(loaded, &machines, &mut symbols, found);
    namespaces(loaded, &mut symbols);
    behaviour::image_sizes(&spec.behaviour, &collected, &mut symbols);
    let scheduler = scheduler::compile(policy.scheduler.as_ref(), &mut symbols, found);
    let expressions = expressions::compile(&policy.policy.spec.expressions);
    let control_plane = control_plane::compile(spec.control_plane.as_ref());
    let parties = (&machines, &control_plane);
    let faults = faults::compile(loaded, parties, &collected, &mut symbols, found);
    let world = (&machines, &mut collected, &mut symbols);
    let operations = faults::operations(loaded, world, &around, found);
    let load = load::compile(&spec.load, &services, &symbols, found);
    if found.error_count() > before {
        return None;
    }
    if let Some(scheduler) = &scheduler {
        unserved(loaded, &collected, (&policy.policy.metadata.name, scheduler), found);
    }
    let storage = symbols.take_storage(Admission::Due);
    let model = Model {
        storage,
        scenario: loaded.scenario.metadata.name.value.clone(),
        description: description(&loaded.scenario.metadata),
        policy: policy.name().to_owned(),
        start_unix_s: spec
            .start_time
            .as_ref()
            .map_or(DEFAULT_START_UNIX_S, |start| start.value.0.as_second()),
        duration: spec.duration.value,
        measure_from: spec
            .measure_from
            .as_ref()
            .map_or(SimTime::ZERO, |from| SimTime::ZERO.saturating_add(from.value)),
        start: match spec.start {
            spec::Start::Settled => Start::Settled,
            spec::Start::Empty => Start::Empty,
        },
        symbols: symbols.interner,
        namespaces: symbols.namespaces,
        scalar_resources: symbols.scalars,
        images: symbols.images,
        zones: machines.zones,
        pools,
        nodes: machines.nodes,
        templates: collected.templates,
        workloads: collected.workloads,
        services,
        budgets,
        faults,
        load,
        operations,
        control_plane,
        scheduler: SchedulerConfig { expressions, ..scheduler? },
        recovery: overlay::recovery(policy.policy.spec.recovery.as_ref()),
    };
    expressions::try_out(&model, &policy.policy.spec.expressions, found);
    (found.error_count() == before).then_some(model)
}

/// Checks the expressions of a policy by themselves: names, fields, types and functions.
pub fn check_expressions(policy: &spec::Policy, found: &mut Diagnostics) {
    expressions::check(&policy.spec.expressions, found);
}

/// Checks a scheduler configuration by itself: its extenders, plugins' arguments, and what its
/// profiles come to.
pub fn check_scheduler(config: &spec::SchedulerConfig, found: &mut Diagnostics) {
    scheduler::compile(Some(config), &mut Symbols::default(), found);
}

/// The question that a scenario asks, or what it says of itself.
fn description(metadata: &spec::Metadata) -> String {
    let text = metadata.question.as_ref().or(metadata.description.as_ref());
    text.cloned().unwrap_or_default()
}

/// Workloads, services and budgets, in order of declaration.
fn workloads(
    loaded: &LoadedScenario,
    around: &Surround<'_>,
    symbols: &mut Symbols,
    found: &mut Diagnostics,
) -> (Collected, IdVec<ServiceId, Service>, IdVec<BudgetId, Budget>) {
    let mut collected = Collected::default();
    let mut services: IdVec<ServiceId, Service> = IdVec::new();
    let mut budgets: IdVec<BudgetId, Budget> = IdVec::new();
    for (address, manifest) in addressed(&loaded.workloads.objects) {
        around.check(manifest, found);
        #[expect(clippy::wildcard_enum_match_arm, reason = "other kinds have no part in a run")]
        match &manifest.object {
            Object::StorageClass(o) => symbols.storage_class(o, Admission::Due),
            Object::PersistentVolume(o) => symbols.persistent_volume(o, Admission::Due),
            Object::PersistentVolumeClaim(o) => {
                symbols.persistent_volume_claim(o, address);
            }
            Object::CSIDriver(o) => symbols.csi_driver(o),
            Object::CSIStorageCapacity(o) => symbols.storage_capacity(o),
            Object::Deployment(o) => collected.deployment(symbols, address, o, around),
            Object::ReplicaSet(o) => collected.replica_set(symbols, address, o, around),
            Object::StatefulSet(o) => {
                let most = scaled_to(loaded, &manifest.object);
                collected.stateful_set(symbols, address, (o, most), around);
            }
            Object::Job(o) => collected.job(symbols, address, o, around),
            Object::CronJob(o) => collected.cron_job(symbols, address, o, around),
            Object::DaemonSet(o) => collected.daemon_set(symbols, address, o, around),
            Object::ReplicationController(o) => {
                collected.replication_controller(symbols, address, o, around);
            }
            Object::Pod(o) => collected.pod(symbols, address, o, around),
            Object::Service(o) => {
                services.push(workloads::service(symbols, o));
            }
            Object::PodDisruptionBudget(o) => {
                budgets.push(workloads::budget(symbols, o));
            }
            _ => {}
        }
    }
    overlay::budgets(around.recovery(), &collected, symbols, &mut budgets);
    (collected, services, budgets)
}

/// The greatest number of replicas to which an operator scales a workload.
fn scaled_to(loaded: &LoadedScenario, object: &Object) -> u32 {
    let full = format!("{}/{}", object.namespace(), object.name());
    let sizes = loaded.scenario.spec.operations.iter().filter_map(|operation| {
        let spec::OperationKind::Scale { workload, replicas } = &operation.kind else {
            return None;
        };
        (workload.value == full).then_some(replicas.value)
    });
    sizes.max().unwrap_or(0)
}

/// What CSINodes say of the nodes of their names.
fn csi_nodes(
    loaded: &LoadedScenario,
    machines: &Machines,
    symbols: &mut Symbols,
    found: &mut Diagnostics,
) {
    for manifest in &loaded.workloads.objects {
        let Object::CSINode(object) = &manifest.object else { continue };
        let name = manifest.object.name();
        match machines.nodes.iter().find(|(_, node)| node.name == name) {
            Some((node, _)) => symbols.csi_node(object, node),
            None => {
                let message = format!("there is no node \"{name}\"");
                let help = "a CSINode has the name of its node: `<pool>-<number>` in a pool";
                found.push(refuse(manifest, "metadata.name", message, help));
            }
        }
    }
}

/// Says which workloads ask for a scheduler that the policy does not have: as in a real cluster
/// without it, their pods stay pending.
fn unserved(
    loaded: &LoadedScenario,
    collected: &Collected,
    (policy, scheduler): (&Located<String>, &SchedulerConfig),
    found: &mut Diagnostics,
) {
    if scheduler.profiles.iter().any(|profile| profile.scheduler_name.is_empty()) {
        // That is an error of its own.
        return;
    }
    let served = |name: &str| scheduler.profiles.iter().any(|p| p.scheduler_name == name);
    let mut waiting: Vec<(&str, &str)> = Vec::new();
    for workload in collected.workloads.values() {
        let asked = collected.templates[workload.template].scheduler_name.as_str();
        if !served(asked) && !waiting.iter().any(|(_, known)| *known == asked) {
            waiting.push((&workload.name, asked));
        }
    }
    let span = loaded.scenario.metadata.name.span;
    for (workload, asked) in waiting {
        let message = format!(
            "the pods of {} ask for the scheduler \"{}\", of which policy {} has no profile: they \
             stay pending",
            short(workload),
            short(asked),
            short(policy)
        );
        let names = scheduler.profiles.iter().map(|profile| profile.scheduler_name.as_str());
        let names: Vec<&str> = names.collect();
        let help = format!("add a profile with that schedulerName; there is {}", names.join(", "));
        let finding = Diagnostic::new(Severity::Warning, codes::UNSERVED_POD, Some(span), message);
        found.push(finding.at("spec.workloads").help(help));
    }
}

/// All workloads together must not ask for more pods than a simulation can hold.
fn check_pods(loaded: &LoadedScenario, collected: &Collected, found: &mut Diagnostics) {
    let pods: i64 = collected.workloads.values().map(|w| i64::from(w.replicas.max(0))).sum();
    let single = collected.workloads.values().any(|w| w.replicas > PODS_MAX);
    if pods > i64::from(PODS_MAX) && !single {
        let message = format!("the workloads ask for {pods} pods");
        let span = loaded.scenario.metadata.name.span;
        let finding = Diagnostic::error(codes::OUT_OF_RANGE, span, message).at("spec.workloads");
        found.push(finding.help(format!("at most {PODS_MAX} pods can be simulated")));
    }
}

/// The cluster's pools and nodes, pools first, in order of declaration.
fn machines(
    loaded: &LoadedScenario,
    symbols: &mut Symbols,
    found: &mut Diagnostics,
) -> (IdVec<PoolId, Pool>, Machines) {
    let default_boot = Distribution::log_normal_from_p99(DEFAULT_BOOT_S.0, DEFAULT_BOOT_S.1)
        .unwrap_or(Distribution::Constant(DEFAULT_BOOT_S.0));
    let mut pools: IdVec<PoolId, Pool> = IdVec::new();
    let mut machines = Machines::default();
    for pool in &loaded.scenario.spec.cluster.node_pools {
        #[expect(clippy::cast_precision_loss, reason = "a price, for reports")]
        let price = pool.price.map(|price| price.nanos_per_hour as f64 / 1e9);
        let id = pools.push(Pool {
            name: pool.name.value.clone(),
            price_per_hour: price,
            boot_s: pool.boot.as_ref().map_or_else(|| default_boot.clone(), |b| b.0.clone()),
            kubelet: kubelet::compile(pool.kubelet.as_ref()),
            overload: pool.overload.as_ref().map(|rule| load::overload(rule, found)),
        });
        for ordinal in 0..pool.count.value.min(NODES_MAX) {
            let zone = pool.zones.get(ordinal as usize % pool.zones.len().max(1));
            let place = Place {
                name: &format!("{}-{ordinal}", pool.name.value),
                pool: id,
                address: node_address(pool.uid.as_deref(), id, ordinal),
                zone: zone.map(|zone| zone.value.as_str()),
                region: pool.region.as_ref().map(|region| region.value.as_str()),
            };
            let node = machines.add(symbols, &pool.template.value.0, place);
            machines.nodes[node].capacity.pids = pool.pid_max.map_or(0, |max| i64::from(max.0));
        }
    }
    if !loaded.nodes.objects.is_empty() {
        let name = "nodes".to_owned();
        let pool = pools.push(Pool {
            name,
            price_per_hour: None,
            boot_s: default_boot,
            kubelet: kubelet::compile(None),
            overload: None,
        });
        for (ordinal, manifest) in (0u32..).zip(&loaded.nodes.objects) {
            let Object::Node(node) = &manifest.object else { continue };
            let place = Place {
                name: manifest.object.name(),
                pool,
                address: node_address(None, pool, ordinal),
                zone: None,
                region: None,
            };
            machines.add(symbols, node, place);
        }
    }
    (pools, machines)
}

/// Address of a node: its pool's ordinal, or the pool's `uid:`, and its ordinal in the pool.
fn node_address(uid: Option<&str>, pool: PoolId, ordinal: u32) -> u64 {
    let high = uid.map_or(u64::from(pool.raw()), pinned) & 0xffff_ffff;
    high << 32 | u64::from(ordinal)
}

/// The address that a `uid:` pins.
fn pinned(uid: &str) -> u64 {
    let hash = blake3::hash(uid.as_bytes());
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("eight bytes"))
}

/// Every object with its address: the ordinal of its file and its ordinal within the file. So an
/// object added at the end of a file leaves all others where they were.
fn addressed(objects: &[Manifest]) -> Vec<(u64, &Manifest)> {
    const PER_FILE_BITS: u32 = 14;
    let mut files: Vec<FileId> = Vec::new();
    let mut counts: BTreeMap<FileId, u64> = BTreeMap::new();
    let mut out = Vec::with_capacity(objects.len());
    for manifest in objects {
        let Origin { file, .. } = manifest.origin;
        let ordinal = files.iter().position(|known| *known == file).unwrap_or_else(|| {
            files.push(file);
            files.len() - 1
        });
        let count = counts.entry(file).or_default();
        let address = (ordinal as u64) << PER_FILE_BITS | (*count & ((1 << PER_FILE_BITS) - 1));
        *count += 1;
        out.push((address, manifest));
    }
    out
}

/// Labels of namespaces that have objects of their own.
fn namespaces(loaded: &LoadedScenario, symbols: &mut Symbols) {
    for manifest in &loaded.workloads.objects {
        if let Object::Namespace(namespace) = &manifest.object {
            let id = symbols.namespace(manifest.object.name());
            let labels = symbols.labels(namespace.metadata.labels.as_ref());
            for (key, value) in labels.iter() {
                symbols.namespaces[id].labels.set(key, value);
            }
        }
    }
}

/// An error about an object of the workloads.
fn refuse(manifest: &Manifest, path: &str, message: String, help: &str) -> Diagnostic {
    Diagnostic::error(codes::UNRESOLVED, manifest.span, message).at(path).help(help)
}
