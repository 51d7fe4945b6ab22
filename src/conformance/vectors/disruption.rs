//! Vectors of the disruption controller.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::Deserialize;
use serde_json::{Number, Value, json};

use crate::apiserver::{EvictedPod, EvictionAnswer, EvictionBudget, eviction};
use crate::base::time::SimDuration;
use crate::controllers::{BudgetedPod, Scale, budgeted};
use crate::scenario::compile::disruption_limit;
use crate::state::Phase;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    min_available: Option<IntOrString>,
    max_unavailable: Option<IntOrString>,
    controllers: Vec<Controller>,
    pods: Vec<Pod>,
    #[serde(default)]
    disrupted_pods_seconds_ago: BTreeMap<String, Number>,
}

#[derive(Debug, Deserialize)]
struct Controller {
    /// Empty for pods without a controller.
    kind: String,
    uid: String,
    replicas: i32,
}

#[derive(Debug, Deserialize)]
struct Pod {
    name: String,
    owner: Option<String>,
    ready: bool,
    terminating: bool,
}

/// The status of a budget.
pub(super) fn pdb_status(input: &Value) -> Result<Value, String> {
    let input = Input::deserialize(input).map_err(|error| error.to_string())?;
    let pods: Result<Vec<BudgetedPod>, String> =
        input.pods.iter().map(|pod| budgeted_pod(pod, &input)).collect();
    let limit = disruption_limit(input.min_available.as_ref(), input.max_unavailable.as_ref());
    let Some(found) = budgeted(limit, &pods?) else {
        return Err("the controller of a pod is missing".to_owned());
    };
    let (allowed, reason) = found.condition();
    // The recordings list them by name.
    let mut kept: Vec<&str> = found.granted.iter().map(|at| &*input.pods[*at].name).collect();
    kept.sort_unstable();
    Ok(json!({
        "condition": format!("{}/{reason}", if allowed { "True" } else { "False" }),
        "currentHealthy": found.healthy,
        "desiredHealthy": found.desired,
        "disruptedPodsKept": kept,
        "disruptionsAllowed": found.allowed,
        "expectedPods": found.expected,
    }))
}

fn budgeted_pod(pod: &Pod, input: &Input) -> Result<BudgetedPod, String> {
    let owner = pod.owner.as_deref().filter(|owner| !owner.is_empty());
    let place = owner.map(|owner| input.controllers.iter().position(|c| c.uid == owner));
    let scale = match place {
        None => Scale::Unmanaged,
        Some(None) => Scale::Unknown,
        Some(Some(at)) if input.controllers[at].kind.is_empty() => Scale::Unmanaged,
        Some(Some(at)) => {
            Scale::Of { controller: at as u64, replicas: input.controllers[at].replicas }
        }
    };
    let ago = input.disrupted_pods_seconds_ago.get(&pod.name);
    let ago = ago.map(|seconds| format!("{seconds}s").parse::<SimDuration>());
    let granted_ago = ago.transpose().map_err(|error| error.to_string())?;
    Ok(BudgetedPod { scale, ready: pod.ready, terminating: pod.terminating, granted_ago })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    pdbs: Vec<Matching>,
    pod_phase: String,
    pod_ready: bool,
    pod_terminating: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Matching {
    current_healthy: i32,
    desired_healthy: i32,
    disruptions_allowed: i32,
    generation: i64,
    observed_generation: i64,
    #[serde(default)]
    unhealthy_pod_eviction_policy: Option<String>,
}

/// The answer to an eviction.
pub(super) fn eviction_request(input: &Value) -> Result<Value, String> {
    let input = Request::deserialize(input).map_err(|error| error.to_string())?;
    let phases = [Phase::Pending, Phase::Running, Phase::Succeeded, Phase::Failed];
    let phase = phases.into_iter().find(|phase| phase.name() == input.pod_phase);
    let phase = phase.ok_or_else(|| format!("unknown phase {}", input.pod_phase))?;
    let pod = EvictedPod { phase, ready: input.pod_ready, terminating: input.pod_terminating };
    let budget = |pdb: &Matching| EvictionBudget {
        allowed: pdb.disruptions_allowed,
        healthy: pdb.current_healthy,
        desired: pdb.desired_healthy,
        observed: pdb.observed_generation >= pdb.generation,
        always_allow_unhealthy: pdb.unhealthy_pod_eviction_policy.as_deref() == Some("AlwaysAllow"),
    };
    let budgets: Vec<EvictionBudget> = input.pdbs.iter().map(budget).collect();
    let answer = eviction(pod, &budgets);
    let (code, reason, message) = answer.response();
    let mut out = json!({
        "code": code,
        "deleteHasResourceVersionPrecondition": answer == EvictionAnswer::Free { unchanged: true },
        "podDeleted": answer.deletes(),
    });
    if let Some(reason) = reason {
        out["reason"] = json!(reason);
    }
    if let Some(message) = message {
        out["message"] = json!(message);
    }
    if let [only] = &*budgets {
        out["disruptionsAllowedAfter"] = json!(answer.allowed_after(only));
        out["recordedInDisruptedPods"] = json!(answer == EvictionAnswer::Charged);
    }
    Ok(out)
}
