//! Vectors of the disruption controller.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::Deserialize;
use serde_json::{Number, Value, json};

use crate::base::time::SimDuration;
use crate::controllers::{BudgetedPod, Scale, budgeted};
use crate::scenario::compile::disruption_limit;

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
