//! Vectors of the kubelet about single pods.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Container, ContainerStatus, PodCondition as KubeCondition, PodSpec,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::read;
use crate::kubelet::{
    self, Claims, ContainerReport, ContainerState, Instance, PodCondition, ProbeVerdict, Role,
    RuntimeState, Sandbox, SyncedPod, WantedContainer,
};
use crate::model::RestartPolicy;
use crate::scenario::compile::{Stated, container_amounts};
use crate::state::ConditionStatus;

fn policy(name: &str) -> Result<RestartPolicy, String> {
    match name {
        "Always" => Ok(RestartPolicy::Always),
        "OnFailure" => Ok(RestartPolicy::OnFailure),
        "Never" => Ok(RestartPolicy::Never),
        other => Err(format!("no restart policy: {other}")),
    }
}

/// Init containers first, each with what it is for.
fn with_roles<'a>(
    inits: Option<&'a Vec<Container>>,
    apps: &'a [Container],
) -> Vec<(Role, &'a Container)> {
    let role = |init: &Container| match init.restart_policy.as_deref() {
        Some("Always") => Role::Sidecar,
        _ => Role::Init,
    };
    let inits = inits.into_iter().flatten().map(|init| (role(init), init));
    inits.chain(apps.iter().map(|app| (Role::Main, app))).collect()
}

/// The class of a pod and its containers' `oom_score_adj`.
pub(super) fn qos_oom(input: &Value) -> Result<Value, String> {
    let spec: PodSpec = read(&input["spec"])?;
    let capacity: i64 = read(&input["nodeMemoryCapacity"])?;
    let containers = with_roles(spec.init_containers.as_ref(), &spec.containers);
    let claims = containers.iter().map(|(role, container)| Claims {
        role: *role,
        asked: container_amounts(container, Stated::Requests),
        limits: container_amounts(container, Stated::Limits),
    });
    let claims: Vec<Claims> = claims.collect();
    let (value, class) = (read(&input["spec"]["priority"])?, spec.priority_class_name);
    let critical = kubelet::is_node_critical(value, class.as_deref().unwrap_or_default());
    let adjust = containers.iter().enumerate().map(|(place, (_, container))| {
        let adjust = kubelet::oom_score_adjust(&claims, place, critical, capacity);
        (container.name.clone(), json!(adjust))
    });
    let adjust: Map<String, Value> = adjust.collect();
    Ok(json!({"qosClass": kubelet::qos_class(&claims).name(), "oomScoreAdj": adjust}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Phased {
    restart_policy: String,
    init_containers: Option<Vec<Container>>,
    containers: Vec<Container>,
    container_statuses: Option<Vec<ContainerStatus>>,
    readiness_gates: Option<Vec<BTreeMap<String, String>>>,
    gate_conditions: Option<Vec<KubeCondition>>,
    pod_is_terminal: bool,
}

fn report<'a>(role: Role, name: &'a str, statuses: &[ContainerStatus]) -> ContainerReport<'a> {
    let Some(status) = statuses.iter().find(|status| status.name == name) else {
        let state = ContainerState::Absent;
        return ContainerReport { name, role, state, ready: false, started: false };
    };
    let state = status.state.clone().unwrap_or_default();
    let last = status.last_state.clone().unwrap_or_default().terminated;
    let state = match (state.running, state.terminated, state.waiting) {
        (Some(_), ..) => ContainerState::Running,
        (None, Some(ended), _) => ContainerState::Terminated(ended.exit_code),
        (None, None, Some(_)) => ContainerState::Waiting(last.map(|ended| ended.exit_code)),
        (None, None, None) => ContainerState::Unknown,
    };
    let started = status.started.unwrap_or_default();
    ContainerReport { name, role, state, ready: status.ready, started }
}

fn condition(condition: PodCondition) -> Value {
    let PodCondition { holds, reason, message } = condition;
    json!({"status": if holds { "True" } else { "False" }, "reason": reason, "message": message})
}

/// Phase and conditions of a pod.
pub(super) fn phase_conditions(input: &Value) -> Result<Value, String> {
    let input: Phased = read(input)?;
    let statuses = input.container_statuses.as_deref();
    let reports: Vec<ContainerReport<'_>> =
        with_roles(input.init_containers.as_ref(), &input.containers)
            .into_iter()
            .map(|(role, container)| report(role, &container.name, statuses.unwrap_or_default()))
            .collect();
    let conditions = input.gate_conditions.unwrap_or_default();
    let status_of = |gate: &str| {
        let condition = conditions.iter().find(|condition| condition.type_ == gate)?;
        let all = [ConditionStatus::True, ConditionStatus::False, ConditionStatus::Unknown];
        all.into_iter().find(|status| status.name() == condition.status)
    };
    let gates: Vec<(&str, Option<ConditionStatus>)> = input
        .readiness_gates
        .iter()
        .flatten()
        .flat_map(BTreeMap::values)
        .map(|gate| (gate.as_str(), status_of(gate)))
        .collect();
    let known = statuses.is_some();
    let phase = kubelet::phase(
        reports.iter().copied(),
        policy(&input.restart_policy)?,
        input.pod_is_terminal,
    );
    let containers_ready = kubelet::containers_ready(&reports, known, phase);
    Ok(json!({
        "phase": phase.name(),
        "Initialized": condition(kubelet::initialized(&reports, known, phase)),
        "ContainersReady": condition(containers_ready.clone()),
        "Ready": condition(kubelet::ready(containers_ready, &gates)),
    }))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Synced {
    restart_policy: String,
    init_containers: Option<Vec<Init>>,
    containers: Vec<String>,
    statuses: Option<Vec<Latest>>,
    sandbox: String,
    sandbox_attempt: u32,
    pod_deleting: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Init {
    name: String,
    sidecar: bool,
    has_startup_probe: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Latest {
    name: String,
    state: String,
    exit_code: i32,
    spec_changed: bool,
    liveness: String,
    startup: String,
}

fn verdict(name: &str) -> Result<Option<ProbeVerdict>, String> {
    match name {
        "" => Ok(None),
        "Success" => Ok(Some(ProbeVerdict::Success)),
        "Failure" => Ok(Some(ProbeVerdict::Failure)),
        "Unknown" => Ok(Some(ProbeVerdict::Unknown)),
        other => Err(format!("no probe result: {other}")),
    }
}

fn instance(latest: &Latest) -> Result<Instance, String> {
    Ok(Instance {
        state: match latest.state.as_str() {
            "created" => RuntimeState::Created,
            "running" => RuntimeState::Running,
            "exited" => RuntimeState::Exited,
            "unknown" => RuntimeState::Unknown,
            other => return Err(format!("no state of a container: {other}")),
        },
        exit_code: latest.exit_code,
        definition_changed: latest.spec_changed,
        liveness: verdict(&latest.liveness)?,
        startup: verdict(&latest.startup)?,
    })
}

/// What a sync of a pod decides.
pub(super) fn actions(input: &Value) -> Result<Value, String> {
    let input: Synced = read(input)?;
    let inits = input.init_containers.iter().flatten().map(|init| {
        let role = if init.sidecar { Role::Sidecar } else { Role::Init };
        (init.name.as_str(), role, init.has_startup_probe)
    });
    let apps = input.containers.iter().map(|name| (name.as_str(), Role::Main, true));
    let declared: Vec<(&str, Role, bool)> = inits.chain(apps).collect();
    let wanted = (0..).zip(&declared).map(|(place, &(name, role, has_startup_probe))| {
        let latest = input.statuses.iter().flatten().find(|latest| latest.name == name);
        let instance = latest.map(instance).transpose()?;
        // The recorded init containers have no liveness probes.
        let has_liveness_probe = role == Role::Main;
        Ok(WantedContainer { name, place, role, has_startup_probe, has_liveness_probe, instance })
    });
    let containers = wanted.collect::<Result<Vec<_>, String>>()?;
    let found = kubelet::pod_actions(&SyncedPod {
        policy: policy(&input.restart_policy)?,
        deleting: input.pod_deleting,
        sandbox: match input.sandbox.as_str() {
            "ready" => Sandbox::Ready(input.sandbox_attempt),
            "notready" => Sandbox::NotReady(input.sandbox_attempt),
            _ => Sandbox::Absent,
        },
        containers: &containers,
    });
    let kills = found
        .to_kill
        .iter()
        .map(|kill| json!({"name": kill.name, "reason": kill.reason, "message": kill.message}));
    let names = |places: &[u8]| -> Vec<&str> {
        places.iter().map(|&place| declared[usize::from(place)].0).collect()
    };
    Ok(json!({
        "killPod": found.kill_pod,
        "createSandbox": found.create_sandbox,
        "attempt": found.attempt,
        "initContainersToStart": names(&found.init_to_start),
        "containersToStart": names(&found.to_start),
        "containersToKill": kills.collect::<Vec<Value>>(),
    }))
}
