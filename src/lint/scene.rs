//! What the rules look at: workloads with their pods, what selects them, and the scenario around.

use std::collections::BTreeMap;

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscalerSpec;
use k8s_openapi::api::core::v1::{Container, PodSpec, ServiceSpec};
use k8s_openapi::api::policy::v1::PodDisruptionBudgetSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::cluster::Cluster;
use crate::base::diag::Severity;
use crate::rng::Distribution;
use crate::scenario::file::LoadedScenario;
use crate::scenario::manifest::{Cursor, KINDS, Manifest, ManifestSet, Object, selector_matches};
use crate::scenario::spec::Behaviour;

pub(super) type Labels = BTreeMap<String, String>;

static NO_LABELS: Labels = Labels::new();

/// Label of the one pod of a StatefulSet that a Service may be for.
const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";

/// Labels that controllers add to the pods that they make; no template has them.
const ADDED: &[&str] = &[
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-completion-index",
    "batch.kubernetes.io/job-name",
    "controller-revision-hash",
    "controller-uid",
    "job-name",
    "pod-template-generation",
    "pod-template-hash",
];

/// An object that makes pods, or a pod of its own.
#[derive(Debug)]
pub(super) struct Workload<'a> {
    pub(super) manifest: &'a Manifest,
    /// Its pods' specification, defaults filled in.
    pub(super) pod: &'a PodSpec,
    /// Where that stands.
    pub(super) at: Cursor<'a>,
    /// Its pods' labels.
    pub(super) labels: &'a Labels,
    /// How many pods are meant to run at once, an autoscaler's least number counted; none where
    /// that depends on nodes or time.
    pub(super) replicas: Option<i32>,
}

/// A Service that selects pods.
#[derive(Debug)]
pub(super) struct Service<'a> {
    pub(super) manifest: &'a Manifest,
    pub(super) spec: &'a ServiceSpec,
    pub(super) selector: &'a Labels,
}

/// A PodDisruptionBudget.
#[derive(Debug)]
pub(super) struct Budget<'a> {
    pub(super) manifest: &'a Manifest,
    pub(super) spec: &'a PodDisruptionBudgetSpec,
}

/// A HorizontalPodAutoscaler.
#[derive(Debug)]
pub(super) struct Autoscaler<'a> {
    pub(super) manifest: &'a Manifest,
    pub(super) spec: &'a HorizontalPodAutoscalerSpec,
}

/// Everything that rules look at.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    set: &'a ManifestSet,
    pub(super) workloads: Vec<Workload<'a>>,
    pub(super) services: Vec<Service<'a>>,
    pub(super) budgets: Vec<Budget<'a>>,
    pub(super) autoscalers: Vec<Autoscaler<'a>>,
    /// The scenario's nodes; none when plain manifests are checked.
    pub(super) cluster: Option<Cluster<'a>>,
    behaviour: &'a [Behaviour],
}

impl<'a> Scene<'a> {
    pub(super) fn new(set: &'a ManifestSet, scenario: Option<&'a LoadedScenario>) -> Self {
        let mut scene = Self {
            set,
            workloads: Vec::new(),
            services: Vec::new(),
            budgets: Vec::new(),
            autoscalers: Vec::new(),
            cluster: scenario.map(Cluster::new),
            behaviour: scenario.map_or(&[], |loaded| &loaded.scenario.spec.behaviour),
        };
        for manifest in &set.objects {
            #[expect(clippy::wildcard_enum_match_arm, reason = "other kinds select no pods")]
            match &manifest.object {
                Object::Service(o) => {
                    let Some(spec) = &o.spec else { continue };
                    let external = spec.type_.as_deref() == Some("ExternalName");
                    let selector = spec.selector.as_ref().filter(|s| !s.is_empty() && !external);
                    let service = selector.map(|selector| Service { manifest, spec, selector });
                    scene.services.extend(service);
                }
                Object::PodDisruptionBudget(o) => {
                    scene.budgets.extend(o.spec.as_ref().map(|spec| Budget { manifest, spec }));
                }
                Object::HorizontalPodAutoscaler(o) => {
                    let autoscaler = o.spec.as_ref().map(|spec| Autoscaler { manifest, spec });
                    scene.autoscalers.extend(autoscaler);
                }
                _ => scene.workloads.extend(scene.workload(manifest)),
            }
        }
        scene.count_autoscaled();
        scene
    }

    /// A workload of its own: what another object makes counts with that, and how many there are
    /// of it is not known where that is not given.
    fn workload(&self, manifest: &'a Manifest) -> Option<Workload<'a>> {
        let workload = Workload::of(manifest)?;
        let mut owners = manifest.object.metadata().owner_references.iter().flatten();
        let Some(owner) = owners.find(|owner| owner.controller == Some(true)) else {
            return Some(workload);
        };
        let kind = KINDS.iter().find(|info| info.kind == owner.kind);
        let namespace = manifest.object.namespace();
        let given = kind.and_then(|info| self.set.find(info.kind, namespace, &owner.name));
        given.is_none().then_some(Workload { replicas: None, ..workload })
    }

    /// An autoscaler's least number of replicas takes the place of what nobody wrote.
    fn count_autoscaled(&mut self) {
        for autoscaler in &self.autoscalers {
            let least = autoscaler.spec.min_replicas.unwrap_or(1);
            for workload in self.workloads.iter_mut().filter(|w| autoscaler.scales(w.manifest)) {
                let written = workload.manifest.cursor().keys(&["spec", "replicas"]).exists();
                let written = workload.replicas.filter(|_| written).unwrap_or(0);
                workload.replicas = Some(least.max(written));
            }
        }
    }

    /// Every object, in order.
    pub(super) fn objects(&self) -> &'a [Manifest] {
        &self.set.objects
    }

    /// The level of a finding that something is missing: plain manifests need not be all there is.
    pub(super) const fn missing(&self) -> Severity {
        if self.cluster.is_some() { Severity::Warning } else { Severity::Note }
    }

    /// Whether any object of a namespace makes pods that stay. Where none does, what selects pods
    /// was given without them.
    pub(super) fn has_workloads(&self, namespace: &str) -> bool {
        self.workloads.iter().any(|w| w.manifest.object.namespace() == namespace)
    }

    /// The behaviour entries that choose a container, in order.
    fn behaviour(
        &self,
        workload: &Workload<'_>,
        container: &str,
    ) -> impl Iterator<Item = &'a Behaviour> {
        let namespace = workload.manifest.object.namespace();
        let labels = self.set.find("Namespace", "", namespace);
        let of_namespace = labels.and_then(|m| m.object.metadata().labels.as_ref());
        let of_namespace = of_namespace.unwrap_or(&NO_LABELS);
        self.behaviour.iter().filter(move |entry| {
            entry.container.as_ref().is_none_or(|name| name.value == container)
                && entry.namespace.as_ref().is_none_or(|name| name.value == namespace)
                && entry
                    .namespace_selector
                    .as_ref()
                    .is_none_or(|s| selector_matches(&s.0, of_namespace))
                && selector_matches(&entry.selector.0, workload.labels)
        })
    }

    /// How long a container takes to start, where the scenario says.
    pub(super) fn startup(
        &self,
        workload: &Workload<'_>,
        container: &Container,
    ) -> Option<&'a Distribution> {
        let entries = self.behaviour(workload, &container.name);
        entries.filter_map(|entry| entry.startup.as_ref()).last().map(|startup| &startup.0)
    }

    /// How much memory a container uses while all is well, in bytes, where the scenario says.
    pub(super) fn memory(&self, workload: &Workload<'_>, container: &Container) -> Option<i64> {
        let entries = self.behaviour(workload, &container.name);
        let stated = entries.filter_map(|entry| entry.memory.as_ref()).last();
        stated.map(|memory| memory.value.value())
    }

    /// Whether an autoscaler may give a workload more replicas than it has at least.
    pub(super) fn may_grow(&self, workload: &Workload<'_>) -> bool {
        let grows = |a: &Autoscaler<'_>| a.spec.max_replicas > a.spec.min_replicas.unwrap_or(1);
        self.autoscalers.iter().any(|a| grows(a) && a.scales(workload.manifest))
    }

    /// The workloads whose pods a Service selects.
    pub(super) fn behind(&self, service: &Service<'_>) -> Vec<&Workload<'a>> {
        self.workloads.iter().filter(|workload| service.selects(workload)).collect()
    }

    /// The first Service that somebody calls and that selects a workload's pods.
    pub(super) fn service_of(&self, workload: &Workload<'_>) -> Option<&Service<'a>> {
        self.services.iter().find(|service| service.is_called() && service.selects(workload))
    }

    /// The workloads whose pods a budget selects.
    pub(super) fn budgeted(&self, budget: &Budget<'_>) -> Vec<&Workload<'a>> {
        self.workloads.iter().filter(|workload| budget.selects(workload)).collect()
    }
}

/// How many pods workloads are meant to have together; none where that is not known.
pub(super) fn pods_of(workloads: &[&Workload<'_>]) -> Option<i32> {
    workloads.iter().try_fold(0_i32, |sum, workload| Some(sum.saturating_add(workload.replicas?)))
}

impl Service<'_> {
    /// Whether it selects a workload's pods.
    pub(super) fn selects(&self, workload: &Workload<'_>) -> bool {
        workload.manifest.object.namespace() == self.manifest.object.namespace()
            && self.selector.iter().all(|(key, value)| workload.has_label(key, value))
    }

    /// Whether users call it: not one that only lets metrics be read, nor one of a single pod of a
    /// StatefulSet, whose peers know what that means.
    pub(super) fn is_called(&self) -> bool {
        let ports = self.spec.ports.as_deref().unwrap_or_default();
        let for_metrics = |name: &String| name.contains("metrics");
        let only_metrics =
            !ports.is_empty() && ports.iter().all(|p| p.name.as_ref().is_some_and(for_metrics));
        !only_metrics && !self.selector.contains_key(POD_NAME)
    }
}

impl Budget<'_> {
    /// Whether it selects a workload's pods; an empty selector selects all of a namespace, none
    /// at all selects no pod.
    pub(super) fn selects(&self, workload: &Workload<'_>) -> bool {
        workload.manifest.object.namespace() == self.manifest.object.namespace()
            && self.spec.selector.as_ref().is_some_and(|s| selector_matches(s, workload.labels))
    }
}

impl<'a> Workload<'a> {
    fn of(manifest: &'a Manifest) -> Option<Self> {
        let pod = manifest.object.pod_spec()?;
        let template = ["spec", "template", "spec"];
        #[expect(clippy::wildcard_enum_match_arm, reason = "a kind without pods was left above")]
        let (keys, metadata, replicas): (&[&str], Option<&ObjectMeta>, _) = match &manifest.object {
            Object::Pod(o) => (&["spec"], Some(&o.metadata), Some(1)),
            Object::Deployment(o) => {
                let spec = o.spec.as_ref()?;
                (&template, spec.template.metadata.as_ref(), spec.replicas)
            }
            Object::ReplicaSet(o) => {
                let spec = o.spec.as_ref()?;
                (&template, spec.template.as_ref()?.metadata.as_ref(), spec.replicas)
            }
            Object::StatefulSet(o) => {
                let spec = o.spec.as_ref()?;
                (&template, spec.template.metadata.as_ref(), spec.replicas)
            }
            Object::ReplicationController(o) => {
                let spec = o.spec.as_ref()?;
                (&template, spec.template.as_ref()?.metadata.as_ref(), spec.replicas)
            }
            Object::DaemonSet(o) => (&template, o.spec.as_ref()?.template.metadata.as_ref(), None),
            Object::Job(o) => (&template, o.spec.as_ref()?.template.metadata.as_ref(), None),
            Object::CronJob(o) => {
                let job = o.spec.as_ref()?.job_template.spec.as_ref()?;
                let keys = &["spec", "jobTemplate", "spec", "template", "spec"];
                (keys, job.template.metadata.as_ref(), None)
            }
            _ => return None,
        };
        let labels = metadata.and_then(|metadata| metadata.labels.as_ref()).unwrap_or(&NO_LABELS);
        let at = manifest.cursor().keys(keys);
        Some(Self { manifest, pod, at, labels, replicas })
    }

    /// Kind, namespace and name.
    pub(super) fn title(&self) -> String {
        self.manifest.object.title()
    }

    /// Whether its pods have a label, or get it from their controller.
    fn has_label(&self, key: &str, value: &str) -> bool {
        if let Some(own) = self.labels.get(key) {
            return own == value;
        }
        let object = &self.manifest.object;
        if key == POD_NAME && matches!(object, Object::StatefulSet(_)) {
            return value.rsplit_once('-').is_some_and(|(set, _)| set == object.name());
        }
        !matches!(object, Object::Pod(_)) && ADDED.contains(&key)
    }

    /// Whether its pods run until they are told to stop.
    pub(super) const fn stays(&self) -> bool {
        !matches!(self.manifest.object, Object::Job(_) | Object::CronJob(_))
    }

    /// Whether the pods bring a claim of their own, which one pod at a time can hold.
    pub(super) fn has_claim(&self) -> bool {
        let claim = |v: &k8s_openapi::api::core::v1::Volume| {
            v.persistent_volume_claim.is_some() || v.ephemeral.is_some()
        };
        let set = if let Object::StatefulSet(set) = &self.manifest.object {
            set.spec.as_ref()
        } else {
            None
        };
        let of_set = set.is_some_and(|spec| spec.volume_claim_templates.is_some());
        of_set || self.pod.volumes.iter().flatten().any(claim)
    }

    /// The containers that run side by side, each with its place: sidecars, then the others.
    pub(super) fn containers(&self) -> Vec<(&'a Container, Cursor<'a>)> {
        let init = self.listed("initContainers", self.pod.init_containers.as_deref());
        let sidecars = init.filter(|(c, _)| c.restart_policy.as_deref() == Some("Always"));
        sidecars.chain(self.listed("containers", Some(&self.pod.containers))).collect()
    }

    /// Every container with its place, those that run before the others first.
    pub(super) fn all_containers(&self) -> Vec<(&'a Container, Cursor<'a>)> {
        let init = self.listed("initContainers", self.pod.init_containers.as_deref());
        init.chain(self.listed("containers", Some(&self.pod.containers))).collect()
    }

    fn listed(
        &self,
        list: &'static str,
        containers: Option<&'a [Container]>,
    ) -> impl Iterator<Item = (&'a Container, Cursor<'a>)> {
        let at = self.at.key(list);
        let containers = containers.unwrap_or_default().iter().enumerate();
        containers.map(move |(index, container)| (container, at.index(index)))
    }
}

impl Autoscaler<'_> {
    /// Whether it scales an object.
    pub(super) fn scales(&self, manifest: &Manifest) -> bool {
        let target = &self.spec.scale_target_ref;
        manifest.object.info().kind == target.kind
            && manifest.object.name() == target.name
            && manifest.object.namespace() == self.manifest.object.namespace()
    }
}
