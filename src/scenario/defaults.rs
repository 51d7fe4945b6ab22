//! The defaults that the API server fills into objects, as far as the simulation reads them.
//!
//! Constants are those of Kubernetes 1.34's versioned defaulting functions. Defaults of fields
//! that nothing here reads (DNS policy, termination messages, …) are left out.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{
    DaemonSetSpec, DeploymentSpec, RollingUpdateDaemonSet, RollingUpdateDeployment,
    RollingUpdateStatefulSetStrategy, StatefulSetSpec,
};
use k8s_openapi::api::batch::v1::JobSpec;
use k8s_openapi::api::core::v1::{
    Container, PodSpec, Probe, ReplicationControllerSpec, ResourceRequirements, Service, Toleration,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::manifest::Object;

/// Seconds a pod has between its SIGTERM and its SIGKILL when it does not say.
pub const TERMINATION_GRACE_PERIOD_SECONDS: i64 = 30;
/// Seconds that the admission plugin DefaultTolerationSeconds lets a pod stay on a node that is
/// not ready or unreachable.
pub const NODE_FAILURE_TOLERATION_SECONDS: i64 = 300;

/// Fills the defaults into an object.
#[expect(clippy::wildcard_enum_match_arm, reason = "the other kinds have no defaults read here")]
pub fn apply(object: &mut Object) {
    match object {
        Object::Pod(pod) => {
            if let Some(spec) = &mut pod.spec {
                pod_spec(spec);
            }
        }
        Object::Deployment(o) => {
            if let Some(spec) = &mut o.spec {
                deployment(spec);
            }
        }
        Object::ReplicaSet(o) => {
            if let Some(spec) = &mut o.spec {
                spec.replicas.get_or_insert(1);
                spec.min_ready_seconds.get_or_insert(0);
                if let Some(spec) = spec.template.as_mut().and_then(|t| t.spec.as_mut()) {
                    pod_spec(spec);
                }
            }
        }
        Object::ReplicationController(o) => {
            if let Some(spec) = &mut o.spec {
                replication_controller(spec);
            }
        }
        Object::StatefulSet(o) => {
            if let Some(spec) = &mut o.spec {
                stateful_set(spec);
            }
        }
        Object::DaemonSet(o) => {
            if let Some(spec) = &mut o.spec {
                daemon_set(spec);
            }
        }
        Object::Job(o) => {
            if let Some(spec) = &mut o.spec {
                job(spec);
            }
        }
        Object::CronJob(o) => {
            if let Some(spec) = &mut o.spec {
                spec.concurrency_policy.get_or_insert_with(|| "Allow".to_owned());
                spec.suspend.get_or_insert(false);
                if let Some(spec) = &mut spec.job_template.spec {
                    job(spec);
                }
            }
        }
        Object::Service(o) => service(o),
        Object::HorizontalPodAutoscaler(o) => {
            if let Some(spec) = &mut o.spec {
                spec.min_replicas.get_or_insert(1);
            }
        }
        Object::PriorityClass(o) => {
            o.preemption_policy.get_or_insert_with(|| "PreemptLowerPriority".to_owned());
        }
        _ => {}
    }
    if object.info().namespaced {
        namespace(object.metadata_mut());
    }
}

fn namespace(metadata: &mut ObjectMeta) {
    let namespace = metadata.namespace.get_or_insert_with(String::new);
    if namespace.is_empty() {
        "default".clone_into(namespace);
    }
}

fn deployment(spec: &mut DeploymentSpec) {
    spec.replicas.get_or_insert(1);
    spec.min_ready_seconds.get_or_insert(0);
    spec.revision_history_limit.get_or_insert(10);
    spec.progress_deadline_seconds.get_or_insert(600);
    let strategy = spec.strategy.get_or_insert_default();
    let kind = strategy.type_.get_or_insert_with(|| "RollingUpdate".to_owned());
    if kind == "RollingUpdate" {
        let update = strategy.rolling_update.get_or_insert_with(RollingUpdateDeployment::default);
        let quarter = || IntOrString::String("25%".to_owned());
        update.max_surge.get_or_insert_with(quarter);
        update.max_unavailable.get_or_insert_with(quarter);
    }
    if let Some(spec) = &mut spec.template.spec {
        pod_spec(spec);
    }
}

fn replication_controller(spec: &mut ReplicationControllerSpec) {
    spec.replicas.get_or_insert(1);
    spec.min_ready_seconds.get_or_insert(0);
    let Some(template) = &mut spec.template else { return };
    if spec.selector.as_ref().is_none_or(BTreeMap::is_empty) {
        spec.selector = template.metadata.as_ref().and_then(|metadata| metadata.labels.clone());
    }
    if let Some(spec) = &mut template.spec {
        pod_spec(spec);
    }
}

fn stateful_set(spec: &mut StatefulSetSpec) {
    spec.replicas.get_or_insert(1);
    spec.min_ready_seconds.get_or_insert(0);
    spec.revision_history_limit.get_or_insert(10);
    spec.pod_management_policy.get_or_insert_with(|| "OrderedReady".to_owned());
    let strategy = spec.update_strategy.get_or_insert_default();
    let kind = strategy.type_.get_or_insert_with(|| "RollingUpdate".to_owned());
    if kind == "RollingUpdate" {
        let default = RollingUpdateStatefulSetStrategy::default;
        strategy.rolling_update.get_or_insert_with(default).partition.get_or_insert(0);
    }
    if let Some(spec) = &mut spec.template.spec {
        pod_spec(spec);
    }
}

fn daemon_set(spec: &mut DaemonSetSpec) {
    spec.min_ready_seconds.get_or_insert(0);
    spec.revision_history_limit.get_or_insert(10);
    let strategy = spec.update_strategy.get_or_insert_default();
    let kind = strategy.type_.get_or_insert_with(|| "RollingUpdate".to_owned());
    if kind == "RollingUpdate" {
        let update = strategy.rolling_update.get_or_insert_with(RollingUpdateDaemonSet::default);
        update.max_unavailable.get_or_insert(IntOrString::Int(1));
        update.max_surge.get_or_insert(IntOrString::Int(0));
    }
    if let Some(spec) = &mut spec.template.spec {
        pod_spec(spec);
    }
}

fn job(spec: &mut JobSpec) {
    if spec.completions.is_none() && spec.parallelism.is_none() {
        spec.completions = Some(1);
    }
    spec.parallelism.get_or_insert(1);
    // Where each index has a bound, all failures together have none.
    let limit = if spec.backoff_limit_per_index.is_some() { i32::MAX } else { 6 };
    spec.backoff_limit.get_or_insert(limit);
    spec.completion_mode.get_or_insert_with(|| "NonIndexed".to_owned());
    spec.suspend.get_or_insert(false);
    if let Some(spec) = &mut spec.template.spec {
        pod_spec(spec);
    }
}

fn service(service: &mut Service) {
    let Some(spec) = &mut service.spec else { return };
    spec.type_.get_or_insert_with(|| "ClusterIP".to_owned());
    spec.session_affinity.get_or_insert_with(|| "None".to_owned());
    for port in spec.ports.iter_mut().flatten() {
        port.protocol.get_or_insert_with(|| "TCP".to_owned());
        let number = port.port;
        port.target_port.get_or_insert(IntOrString::Int(number));
    }
}

/// Fills the defaults into a pod's specification.
pub fn pod_spec(spec: &mut PodSpec) {
    spec.restart_policy.get_or_insert_with(|| "Always".to_owned());
    spec.termination_grace_period_seconds.get_or_insert(TERMINATION_GRACE_PERIOD_SECONDS);
    spec.scheduler_name.get_or_insert_with(|| "default-scheduler".to_owned());
    if let Some(resources) = &mut spec.resources {
        requests_from_limits(resources);
    }
    let on_host = spec.host_network == Some(true);
    for each in spec.containers.iter_mut().chain(spec.init_containers.iter_mut().flatten()) {
        container(each);
        for port in each.ports.iter_mut().flatten().filter(|_| on_host) {
            // On the host's network every port of a container is a port of the host.
            let own = port.container_port;
            port.host_port = port.host_port.filter(|&host| host != 0).or(Some(own));
        }
    }
}

fn container(container: &mut Container) {
    let image = container.image.as_deref().unwrap_or_default();
    let policy = image_pull_policy(image);
    container.image_pull_policy.get_or_insert_with(|| policy.to_owned());
    if let Some(resources) = &mut container.resources {
        requests_from_limits(resources);
    }
    for port in container.ports.iter_mut().flatten() {
        port.protocol.get_or_insert_with(|| "TCP".to_owned());
    }
    let Container { liveness_probe, readiness_probe, startup_probe, .. } = container;
    for each in [liveness_probe, readiness_probe, startup_probe].into_iter().flatten() {
        probe(each);
    }
}

/// `Always` for the tag `latest` or no tag at all, `IfNotPresent` for a tag or a digest.
#[must_use]
pub fn image_pull_policy(image: &str) -> &'static str {
    if image.contains('@') {
        return "IfNotPresent";
    }
    let last = image.rsplit('/').next().unwrap_or(image);
    match last.rsplit_once(':') {
        Some((_, "latest")) | None => "Always",
        Some(_) => "IfNotPresent",
    }
}

/// A limit without a request is its own request.
fn requests_from_limits(resources: &mut ResourceRequirements) {
    if let Some(limits) = &resources.limits {
        let requests = resources.requests.get_or_insert_default();
        for (name, limit) in limits {
            requests.entry(name.clone()).or_insert_with(|| limit.clone());
        }
    }
}

/// Fills the defaults into a probe.
pub fn probe(probe: &mut Probe) {
    probe.initial_delay_seconds.get_or_insert(0);
    // Zero counts as not given, as the API server has it.
    for (field, default) in [
        (&mut probe.timeout_seconds, 1),
        (&mut probe.period_seconds, 10),
        (&mut probe.success_threshold, 1),
        (&mut probe.failure_threshold, 3),
    ] {
        if field.is_none_or(|value| value == 0) {
            *field = Some(default);
        }
    }
    if let Some(get) = &mut probe.http_get {
        get.path.get_or_insert_with(|| "/".to_owned());
        get.scheme.get_or_insert_with(|| "HTTP".to_owned());
    }
    if let Some(grpc) = &mut probe.grpc {
        grpc.service.get_or_insert_with(String::new);
    }
}

/// What the admission plugin DefaultTolerationSeconds adds to a pod (not to a template): it
/// tolerates `not-ready` and `unreachable` for so many seconds unless it says otherwise itself.
pub fn add_default_tolerations(spec: &mut PodSpec, seconds: i64) {
    let tolerations = spec.tolerations.get_or_insert_default();
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let tolerated = tolerations.iter().any(|toleration| {
            let key_fits = toleration.key.as_deref().is_none_or(|k| k.is_empty() || k == key);
            let effect = toleration.effect.as_deref();
            key_fits && effect.is_none_or(|e| e.is_empty() || e == "NoExecute")
        });
        if !tolerated {
            tolerations.push(Toleration {
                key: Some(key.to_owned()),
                operator: Some("Exists".to_owned()),
                effect: Some("NoExecute".to_owned()),
                toleration_seconds: Some(seconds),
                value: None,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pull_policy_follows_the_tag() {
        for (image, policy) in [
            ("nginx", "Always"),
            ("nginx:latest", "Always"),
            ("nginx:1.27", "IfNotPresent"),
            ("registry:5000/nginx", "Always"),
            ("registry:5000/nginx:1", "IfNotPresent"),
            ("nginx@sha256:abc", "IfNotPresent"),
        ] {
            assert_eq!(image_pull_policy(image), policy, "{image}");
        }
    }

    #[test]
    fn a_pod_tolerates_failed_nodes_for_five_minutes_unless_it_says_otherwise() {
        let mut spec = PodSpec::default();
        add_default_tolerations(&mut spec, NODE_FAILURE_TOLERATION_SECONDS);
        assert_eq!(spec.tolerations.as_ref().unwrap().len(), 2);
        let everything = Toleration { operator: Some("Exists".to_owned()), ..Default::default() };
        let mut spec = PodSpec { tolerations: Some(vec![everything]), ..Default::default() };
        add_default_tolerations(&mut spec, NODE_FAILURE_TOLERATION_SECONDS);
        assert_eq!(spec.tolerations.unwrap().len(), 1);
    }

    #[test]
    fn probes_and_rollouts_get_their_defaults() {
        let mut spec = DeploymentSpec::default();
        spec.template.spec = Some(PodSpec {
            containers: vec![Container {
                liveness_probe: Some(Probe { period_seconds: Some(0), ..Default::default() }),
                ..Default::default()
            }],
            ..Default::default()
        });
        deployment(&mut spec);
        let update = spec.strategy.unwrap().rolling_update.unwrap();
        assert_eq!(update.max_surge, Some(IntOrString::String("25%".to_owned())));
        let pod = spec.template.spec.unwrap();
        let probe = pod.containers[0].liveness_probe.clone().unwrap();
        assert_eq!((probe.period_seconds, probe.failure_threshold), (Some(10), Some(3)));
        assert_eq!(pod.termination_grace_period_seconds, Some(30));
    }
}
