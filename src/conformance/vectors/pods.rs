//! Vectors of the kubelet about single pods.

use k8s_openapi::api::core::v1::{Container, PodSpec};
use serde_json::{Map, Value, json};

use super::read;
use crate::kubelet::{self, Claims, Role};
use crate::scenario::compile::{Stated, container_amounts};

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
