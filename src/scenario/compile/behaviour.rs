//! What surrounds pod templates: behaviour entries, priority classes, the policy's overlays.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PodSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::gates;
use super::overlay;
use super::pods::Surroundings;
use super::refuse;
use super::symbols::Symbols;
use super::workloads::Collected;
use crate::base::diag::{Diagnostic, Diagnostics, Severity, codes};
use crate::base::time::{SimDuration, SimTime};
use crate::model::{
    AppBehaviour, CRITICAL_PRIORITY, FailureMode, FailureProcess, Onset, ReadinessGate, Recovers,
    Runs,
};
use crate::rng::Distribution;
use crate::scenario::file::{LoadedPolicy, LoadedScenario};
use crate::scenario::manifest::{Manifest, Object, selector_matches};
use crate::scenario::node::short;
use crate::scenario::spec::{self, Behaviour, Occurrence, Recovery, RecoveryRule};

/// Start-up of an application of which nothing is said, seconds.
const DEFAULT_STARTUP_S: f64 = 2.0;
/// Time from SIGTERM to exit likewise, seconds.
const DEFAULT_SHUTDOWN_S: f64 = 0.5;
/// Response time of a healthy application.
const DEFAULT_LATENCY: SimDuration = SimDuration::from_millis(10);
/// Memory in use where neither the scenario nor the requests say, bytes.
const DEFAULT_MEMORY_BYTES: i64 = 64 * 1024 * 1024;

/// Everything a template is compiled with besides itself.
#[derive(Debug)]
pub(super) struct Surround<'a> {
    behaviour: &'a [Behaviour],
    namespaces: BTreeMap<&'a str, BTreeMap<String, String>>,
    classes: BTreeMap<&'a str, (i32, bool)>,
    default_class: (i32, bool),
    recovery: Option<&'a Recovery>,
}

impl<'a> Surround<'a> {
    pub(super) fn new(
        loaded: &'a LoadedScenario,
        policy: &'a LoadedPolicy,
        found: &mut Diagnostics,
    ) -> Self {
        let mut around = Self {
            behaviour: &loaded.scenario.spec.behaviour,
            namespaces: BTreeMap::new(),
            classes: BTreeMap::from([
                ("system-cluster-critical", (CRITICAL_PRIORITY, false)),
                ("system-node-critical", (2_000_001_000, false)),
            ]),
            default_class: (0, false),
            recovery: policy.policy.spec.recovery.as_ref(),
        };
        let mut default_of: Option<&Manifest> = None;
        for manifest in &loaded.workloads.objects {
            let name = manifest.object.name();
            #[expect(clippy::wildcard_enum_match_arm, reason = "other kinds surround no pods")]
            match &manifest.object {
                Object::PriorityClass(class) => {
                    let never = class.preemption_policy.as_deref() == Some("Never");
                    around.classes.insert(name, (class.value, never));
                    if class.global_default == Some(true) {
                        around.default_class = (class.value, never);
                        if let Some(first) = default_of.replace(manifest) {
                            let message = "two PriorityClasses are the global default".to_owned();
                            let help = "set globalDefault on one of them only";
                            found.push(
                                refuse(manifest, "globalDefault", message, help)
                                    .related(first.span, "the first one"),
                            );
                        }
                    }
                }
                Object::Namespace(namespace) => {
                    let labels = namespace.metadata.labels.clone().unwrap_or_default();
                    around.namespaces.insert(name, labels);
                }
                _ => {}
            }
        }
        around
    }

    /// What the policy says of recovery.
    pub(super) fn recovery(&self) -> Option<&'a Recovery> {
        self.recovery
    }

    /// What an object refers to must be there.
    pub(super) fn check(&self, manifest: &Manifest, found: &mut Diagnostics) {
        let Some(spec) = manifest.object.pod_spec() else { return };
        if let Some(class) = spec.priority_class_name.as_deref().filter(|class| !class.is_empty())
            && !self.classes.contains_key(class)
        {
            let title = manifest.object.title();
            let message = format!("{title}: there is no PriorityClass \"{class}\"");
            let help = "add the PriorityClass to the workloads, or remove priorityClassName";
            found.push(refuse(manifest, "spec.priorityClassName", message, help));
        }
    }

    /// Gates that an entry opens must be gates of the pods that it chooses.
    fn check_gates(&self, objects: &[Manifest], found: &mut Diagnostics) {
        for (index, entry) in self.behaviour.iter().enumerate() {
            for (gate, rule) in entry.readiness_gates.iter().flatten() {
                let has = |manifest: &Manifest| {
                    let (Some(metadata), Some(spec)) =
                        (pod_metadata(&manifest.object), manifest.object.pod_spec())
                    else {
                        return false;
                    };
                    let mut of = self.of_pods(metadata, manifest.object.namespace());
                    of.any(|other| std::ptr::eq(other, entry))
                        && spec.readiness_gates.iter().flatten().any(|g| g.condition_type == *gate)
                };
                if !objects.iter().any(has) {
                    let message = format!(
                        "no pod that the entry chooses has the readiness gate \"{}\"",
                        short(gate)
                    );
                    let (severity, code) = (Severity::Warning, codes::NO_EFFECT);
                    found.push(
                        Diagnostic::new(severity, code, Some(rule.span), message)
                            .at(format!("spec.behaviour[{index}].readinessGates"))
                            .help("name a conditionType under readinessGates of the pods' spec"),
                    );
                }
            }
        }
    }

    /// An entry of `behaviour:` that chooses no container is a slip more often than not.
    pub(super) fn check_used(&self, objects: &[Manifest], found: &mut Diagnostics) {
        self.check_gates(objects, found);
        for (index, entry) in self.behaviour.iter().enumerate() {
            let mut has_hook = false;
            let chosen = objects.iter().filter_map(|m| Some((m, pod_metadata(&m.object)?))).fold(
                false,
                |before, (manifest, metadata)| {
                    let pod = manifest.object.pod_spec();
                    let init = pod.and_then(|pod| pod.init_containers.as_ref());
                    let all = init.into_iter().chain(pod.map(|pod| &pod.containers)).flatten();
                    let namespace = manifest.object.namespace();
                    let chosen = all.filter(|container| {
                        self.entries(metadata, namespace, &container.name)
                            .any(|other| std::ptr::eq(other, entry))
                    });
                    chosen.fold(before, |_, container| {
                        let hooks = container.lifecycle.as_ref();
                        has_hook |= hooks.is_some_and(|hooks| hooks.post_start.is_some());
                        true
                    })
                },
            );
            if let Some(hook) = entry.post_start.as_ref().filter(|_| chosen && !has_hook) {
                let message = "no container that the entry chooses has a postStart hook";
                let (severity, code) = (Severity::Warning, codes::NO_EFFECT);
                found.push(
                    Diagnostic::new(severity, code, Some(hook.span), message)
                        .at(format!("spec.behaviour[{index}].postStart"))
                        .help("give a container lifecycle: {postStart: …}, or remove the field"),
                );
            }
            if !chosen {
                let message = "the entry chooses no container of any workload";
                found.push(
                    Diagnostic::new(
                        Severity::Warning,
                        codes::UNRESOLVED,
                        Some(entry.span),
                        message,
                    )
                    .at(format!("spec.behaviour[{index}]"))
                    .help("selector, namespace and container must match a pod template"),
                );
            }
        }
    }

    fn entries<'b>(
        &self,
        metadata: &ObjectMeta,
        namespace: &str,
        container: &'b str,
    ) -> impl Iterator<Item = &'a Behaviour> + use<'a, 'b> {
        self.of_pods(metadata, namespace).filter(move |entry| {
            entry.container.as_ref().is_none_or(|name| name.value == container)
        })
    }

    /// The entries that choose a pod, whichever container they are about.
    fn of_pods(
        &self,
        metadata: &ObjectMeta,
        namespace: &str,
    ) -> impl Iterator<Item = &'a Behaviour> + use<'a> {
        let of_namespace = self.namespaces.get(namespace).cloned().unwrap_or_default();
        let labels = metadata.labels.clone().unwrap_or_default();
        let namespace = namespace.to_owned();
        self.behaviour.iter().filter(move |entry| {
            entry.namespace.as_ref().is_none_or(|name| name.value == namespace)
                && entry
                    .namespace_selector
                    .as_ref()
                    .is_none_or(|s| selector_matches(&s.0, &of_namespace))
                && selector_matches(&entry.selector.0, &labels)
        })
    }
}

/// Metadata of the pods of a workload that is simulated.
#[expect(clippy::wildcard_enum_match_arm, reason = "other kinds have no simulated pods")]
fn pod_metadata(object: &Object) -> Option<&ObjectMeta> {
    match object {
        Object::Pod(o) => Some(&o.metadata),
        Object::Deployment(o) => o.spec.as_ref()?.template.metadata.as_ref(),
        Object::ReplicaSet(o) => o.spec.as_ref()?.template.as_ref()?.metadata.as_ref(),
        Object::StatefulSet(o) => o.spec.as_ref()?.template.metadata.as_ref(),
        Object::DaemonSet(o) => o.spec.as_ref()?.template.metadata.as_ref(),
        Object::Job(o) => o.spec.as_ref()?.template.metadata.as_ref(),
        Object::CronJob(o) => {
            o.spec.as_ref()?.job_template.spec.as_ref()?.template.metadata.as_ref()
        }
        Object::ReplicationController(o) => o.spec.as_ref()?.template.as_ref()?.metadata.as_ref(),
        _ => None,
    }
}

impl Surroundings for Surround<'_> {
    fn priority(&self, class: Option<&str>) -> (i32, bool) {
        let class = class.filter(|class| !class.is_empty());
        class.and_then(|class| self.classes.get(class).copied()).unwrap_or(self.default_class)
    }

    fn behaviour(
        &self,
        metadata: &ObjectMeta,
        namespace: &str,
        container: &k8s_openapi::api::core::v1::Container,
    ) -> AppBehaviour {
        let mut out = unstated();
        let mut memory = None;
        let mut failures: &[spec::Failure] = &[];
        for entry in self.entries(metadata, namespace, &container.name) {
            if let Some(startup) = &entry.startup {
                out.startup_s = startup.0.clone();
            }
            if let Some(shutdown) = &entry.shutdown {
                out.shutdown_s = shutdown.0.clone();
            }
            if let Some(runs) = &entry.runs {
                out.runs = Some(Runs {
                    length_s: runs.length.0.clone(),
                    fails: runs.fails.map_or(0.0, |share| share.0),
                    exit_code: exit_code(runs.exit_code.map(|code| code.0)),
                });
            }
            if let Some(latency) = &entry.latency {
                out.latency = latency.value;
            }
            if let Some(hook) = &entry.post_start {
                out.post_start = hook.takes.as_ref().map(|takes| takes.value).or(out.post_start);
                out.post_start_fails = hook.fails.map_or(out.post_start_fails, |share| share.0);
            }
            if let Some(bytes) = &entry.memory {
                memory = Some(bytes.value.value());
            }
            if let Some(bytes) = &entry.ephemeral_storage {
                out.ephemeral_bytes = bytes.value.value();
            }
            if let Some(count) = &entry.processes {
                out.processes = i64::from(count.value);
            }
            if !entry.failures.is_empty() {
                failures = &entry.failures;
            }
        }
        let (used, limit) = memory_of(container, memory);
        out.memory_bytes = used;
        for failure in failures {
            if let spec::FailureMode::DependencyLost { probed } = failure.mode {
                out.checks_dependencies = probed.unwrap_or(true);
            }
            out.failures.push(FailureProcess {
                mode: mode(&failure.mode, used, limit),
                onset: onset(&failure.when),
                recovers: recovers(failure.recovers.as_ref()),
            });
        }
        out
    }

    fn readiness_gates(
        &self,
        metadata: &ObjectMeta,
        namespace: &str,
        spec: &PodSpec,
    ) -> Vec<ReadinessGate> {
        let entries: Vec<_> = self.of_pods(metadata, namespace).collect();
        gates::compile(&entries, spec)
    }

    fn replicas(&self, metadata: &ObjectMeta) -> Option<u32> {
        overlay::replicas(self.recovery?, metadata)
    }

    fn admit(&self, metadata: &ObjectMeta, spec: &mut PodSpec) {
        overlay::apply(self.recovery, metadata, spec);
    }
}

/// An application of which nothing is said.
pub(super) fn unstated() -> AppBehaviour {
    AppBehaviour {
        memory_bytes: DEFAULT_MEMORY_BYTES,
        ephemeral_bytes: 0,
        processes: 1,
        startup_s: Distribution::Constant(DEFAULT_STARTUP_S),
        shutdown_s: Distribution::Constant(DEFAULT_SHUTDOWN_S),
        runs: None,
        latency: DEFAULT_LATENCY,
        checks_dependencies: true,
        post_start: None,
        post_start_fails: 0.0,
        failures: Vec::new(),
    }
}

/// Memory in use and the limit of a container, bytes.
fn memory_of(
    container: &k8s_openapi::api::core::v1::Container,
    stated: Option<i64>,
) -> (i64, Option<i64>) {
    let resources = container.resources.as_ref();
    let read = |list: Option<&BTreeMap<String, _>>| -> Option<i64> {
        let quantity: &k8s_openapi::apimachinery::pkg::api::resource::Quantity =
            list?.get("memory")?;
        quantity.0.parse::<crate::base::quantity::Quantity>().ok().map(|q| q.value())
    };
    let limit = read(resources.and_then(|r| r.limits.as_ref()));
    let request = read(resources.and_then(|r| r.requests.as_ref()));
    let used = stated.or(request.map(|r| r / 2)).unwrap_or(DEFAULT_MEMORY_BYTES);
    (used, limit)
}

/// A failure mode; a leak becomes the time until the container's limit is reached, for ever away
/// where there is none.
pub(super) fn mode(mode: &spec::FailureMode, used: i64, limit: Option<i64>) -> FailureMode {
    match mode {
        spec::FailureMode::Crash { exit_code } => {
            FailureMode::Crash { exit_code: self::exit_code(*exit_code) }
        }
        spec::FailureMode::Custom(sights) => FailureMode::Custom(*sights),
        spec::FailureMode::Hang => FailureMode::Hang,
        spec::FailureMode::Deadlock => FailureMode::Deadlock,
        spec::FailureMode::Slow { latency } => FailureMode::Slow { latency: latency.value },
        spec::FailureMode::Refuse => FailureMode::Refuse,
        spec::FailureMode::ErrorRate { rate } => FailureMode::ErrorRate { rate: *rate },
        spec::FailureMode::DependencyLost { .. } => FailureMode::DependencyLost,
        spec::FailureMode::Starve { factor } => FailureMode::Starve { factor: *factor },
        spec::FailureMode::Leak { per_minute } => {
            let rate = i128::from(per_minute.value()).max(1);
            let room = limit.map(|limit| i128::from((limit - used).max(0)));
            let to_oom = room.map_or(SimDuration::MAX, |room| {
                let ns = room * 60_000_000_000 / rate;
                SimDuration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
            });
            FailureMode::Leak { to_oom, per_minute: per_minute.value() }
        }
        spec::FailureMode::DiskFill { per_minute } => {
            FailureMode::DiskFill { per_minute: per_minute.value() }
        }
        spec::FailureMode::ProcessLeak { per_minute } => {
            FailureMode::ProcessLeak { per_minute: per_minute.value() }
        }
    }
}

/// An exit code, 1 where none is given.
fn exit_code(given: Option<u32>) -> i32 {
    given.and_then(|code| i32::try_from(code).ok()).unwrap_or(1)
}

fn onset(when: &Occurrence) -> Onset {
    match when {
        Occurrence::At(at) => Onset::At(SimTime::ZERO.saturating_add(at.value)),
        Occurrence::Every(gap) => Onset::Every(gap.0.clone()),
    }
}

fn recovers(rule: Option<&RecoveryRule>) -> Recovers {
    match rule {
        None | Some(RecoveryRule::OnRestart) => Recovers::OnRestart,
        Some(RecoveryRule::Never) => Recovers::Never,
        Some(RecoveryRule::After(after)) => Recovers::After(after.0.clone()),
    }
}

/// Image sizes that behaviour entries state for the containers they select.
pub(super) fn image_sizes(behaviour: &[Behaviour], collected: &Collected, symbols: &mut Symbols) {
    for entry in behaviour {
        let Some(size) = &entry.image_size else { continue };
        let selector = symbols.selector(Some(&entry.selector.0));
        for (_, template) in collected.templates.iter() {
            if !selector.matches(&template.labels, &symbols.interner) {
                continue;
            }
            for container in template.init_containers.iter().chain(&template.containers) {
                if entry.container.as_ref().is_none_or(|name| name.value == container.name) {
                    let bytes = u64::try_from(size.value.value()).unwrap_or(0);
                    symbols.images[container.image].size_bytes = bytes;
                }
            }
        }
    }
}
