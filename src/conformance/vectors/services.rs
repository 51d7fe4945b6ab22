//! Vectors of the EndpointSlice controller.

use serde::Deserialize;
use serde_json::{Value, json};

use super::read;
use crate::controllers::{self, EndpointPod};
use crate::state::Phase;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    phase: String,
    #[serde(rename = "podIP")]
    pod_ip: String,
    ready_condition: String,
    terminating: bool,
    publish_not_ready_addresses: bool,
    service_name: String,
    node_zone: String,
    hostname: String,
    subdomain: String,
}

/// A phase by its name.
pub(super) fn phase(name: &str) -> Result<Phase, String> {
    let all = [Phase::Pending, Phase::Running, Phase::Succeeded, Phase::Failed];
    all.into_iter().find(|phase| phase.name() == name).ok_or_else(|| format!("no phase: {name}"))
}

/// The endpoint of a pod.
pub(super) fn endpoint(input: &Value) -> Result<Value, String> {
    let input: Input = read(input)?;
    let pod = EndpointPod {
        phase: phase(&input.phase)?,
        has_ip: !input.pod_ip.is_empty(),
        ready: input.ready_condition == "True",
        terminating: input.terminating,
    };
    let Some(found) = controllers::endpoint(pod, input.publish_not_ready_addresses) else {
        return Ok(
            json!({"inEndpointSlice": false, "inEndpointSliceIfTerminatingExcluded": false}),
        );
    };
    let (host, sub, service) = (&input.hostname, &input.subdomain, &input.service_name);
    Ok(json!({
        "inEndpointSlice": true,
        "inEndpointSliceIfTerminatingExcluded": !found.terminating,
        "ready": found.ready,
        "serving": found.serving,
        "terminating": found.terminating,
        "zone": input.node_zone,
        "hostname": controllers::endpoint_hostname(host, sub, service),
    }))
}
