//! Vectors of what all of Kubernetes shares: quantities, durations, percentages, amounts of pods.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PodSpec;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::{Value, json};

use super::read;
use crate::base::quantity::{Quantity, Reading, arithmetic};
use crate::base::time::{go_text, parse_nanos};
use crate::scenario::compile::{self, Stated};

/// What stands for any error.
pub(super) fn error() -> Value {
    json!({"error": true})
}

/// A quantity as it is read.
pub(super) fn quantity(input: &Value) -> Result<Value, String> {
    let text: String = read(&input["text"])?;
    let Ok(reading) = Reading::of(&text) else { return Ok(error()) };
    Ok(json!({
        "canonical": reading.canonical(),
        "value": reading.value(),
        "milliValue": reading.milli_value(),
        "format": reading.format(),
        "sign": i64::try_from(reading.sign()).map_err(|e| e.to_string())?,
    }))
}

/// Two quantities compared, added and subtracted.
pub(super) fn quantity_arith(input: &Value) -> Result<Value, String> {
    let operand = |key: &str| -> Result<Quantity, String> {
        read::<String>(&input[key])?.parse().map_err(|_| format!("`{key}` is no quantity"))
    };
    let (order, sum, difference) = arithmetic(operand("a")?, operand("b")?);
    let (sum, difference) = (sum.to_string(), difference.to_string());
    Ok(json!({"cmp": order as i8, "sum": sum, "difference": difference}))
}

/// A duration as it is read and written.
pub(super) fn duration(input: &Value) -> Result<Value, String> {
    let text: String = read(&input["text"])?;
    let Ok(nanos) = parse_nanos(&text) else { return Ok(error()) };
    Ok(json!({"nanos": nanos, "canonical": go_text(nanos)}))
}

/// A number or a percentage of a total.
pub(super) fn int_or_percent(input: &Value) -> Result<Value, String> {
    let value: IntOrString = read(&input["value"])?;
    let total: i32 = read(&input["total"])?;
    let meant = compile::int_or_percent(&value);
    Ok(json!({
        "roundUp": meant.map(|meant| meant.ceil(total)),
        "roundDown": meant.map(|meant| meant.floor(total)),
    }))
}

/// What a pod requests and is limited to.
pub(super) fn pod_amounts_of(input: &Value) -> Result<Value, String> {
    let spec: PodSpec = read(&input["spec"])?;
    let amounts = |stated, parts| -> BTreeMap<String, String> {
        let amounts = compile::pod_amounts(&spec, stated, parts);
        amounts.into_iter().map(|(name, amount)| (name, amount.to_string())).collect()
    };
    let mut output = json!({
        "requests": amounts(Stated::Requests, (false, true)),
        "limits": amounts(Stated::Limits, (false, true)),
        "requestsExcludeOverhead": amounts(Stated::Requests, (false, false)),
    });
    if spec.resources.is_some() {
        output["requestsWithPodLevel"] = json!(amounts(Stated::Requests, (true, true)));
        output["limitsWithPodLevel"] = json!(amounts(Stated::Limits, (true, true)));
    }
    Ok(output)
}
