//! Vectors of the node lifecycle and taint eviction controllers.

use k8s_openapi::api::core::v1::{Taint, Toleration};
use serde::Deserialize;
use serde_json::{Number, Value, json};

use super::read;
use crate::base::quantity::Quantity;
use crate::base::time::SimDuration;
use crate::controllers::{Stay, TaintRates, no_execute, stay};
use crate::model::{BackoffCurve, RecoveryPolicy};
use crate::scenario::compile::Parts;

/// Flags of the node lifecycle controller.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Flags {
    eviction_rate: Number,
    secondary_eviction_rate: Number,
    unhealthy_zone_threshold: Number,
    large_cluster_threshold: u32,
    #[serde(default)]
    node_monitor_period: u64,
    #[serde(default)]
    node_monitor_grace_period: u64,
    #[serde(default)]
    node_startup_grace_period: u64,
}

/// A number in thousandths.
pub(super) fn milli(number: &Number) -> Result<u64, String> {
    let quantity: Quantity = number.to_string().parse().map_err(|_| format!("odd {number}"))?;
    u64::try_from(quantity.milli_value()).map_err(|error| error.to_string())
}

impl Flags {
    pub(super) fn policy(&self) -> Result<RecoveryPolicy, String> {
        Ok(RecoveryPolicy {
            node_startup_grace_period: SimDuration::from_secs(self.node_startup_grace_period),
            node_monitor_period: SimDuration::from_secs(self.node_monitor_period),
            node_monitor_grace_period: SimDuration::from_secs(self.node_monitor_grace_period),
            node_eviction_rate_milli: milli(&self.eviction_rate)?,
            secondary_node_eviction_rate_milli: milli(&self.secondary_eviction_rate)?,
            unhealthy_zone_threshold_milli: milli(&self.unhealthy_zone_threshold)?,
            large_cluster_size_threshold: self.large_cluster_threshold,
            heartbeat_timeout: Some(SimDuration::from_secs(10)),
            drain_on_reclaim_notice: false,
            crash_loop_backoff: BackoffCurve {
                initial: SimDuration::ZERO,
                max: SimDuration::ZERO,
                jitter_per_mille: 0,
            },
        })
    }
}

/// The state of a zone, and how fast nodes in it are tainted.
pub(super) fn zone_state(input: &Value) -> Result<Value, String> {
    let rates = TaintRates::new(&read::<Flags>(input)?.policy()?);
    let count = |key: &str| read::<u64>(&input[key]);
    let (ready, not_ready) = (count("ready")?, count("notReady")? + count("noCondition")?);
    let state = rates.state(ready, not_ready);
    Ok(json!({
        "notReadyCount": not_ready,
        "state": state.name(),
        "evictionQPS": rates.per_second(state, ready + not_ready),
    }))
}

/// How long a pod stays on a node with taints.
pub(super) fn toleration_time(input: &Value) -> Result<Value, String> {
    let attached: Vec<Taint> = read(&input["taints"])?;
    let of_pod: Vec<Toleration> = read(&input["tolerations"])?;
    let mut parts = Parts::default();
    let attached = no_execute(&parts.compile_taints(&attached));
    let stays = stay(&attached, &parts.compile_tolerations(&of_pod));
    let seconds = match stays {
        Stay::NotTolerated => json!(0),
        Stay::Forever => Value::Null,
        Stay::For(wait) => json!(wait),
    };
    Ok(json!({"allTolerated": stays != Stay::NotTolerated, "evictAfterSeconds": seconds}))
}
