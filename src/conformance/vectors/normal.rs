//! What is arbitrary in outputs, taken out of both sides.

use serde_json::Value;

/// Nothing is arbitrary.
pub(super) fn exact(_input: &Value, _output: &mut Value) {}

/// Numbers are numbers: whether one is written `0` or `0.0` says nothing.
pub(super) fn numbers(_input: &Value, output: &mut Value) {
    whole(output);
}

fn whole(output: &mut Value) {
    match output {
        Value::Number(number) => {
            let text = number.to_string();
            let whole = text.strip_suffix(".0").and_then(|whole| whole.parse::<i64>().ok());
            if let Some(whole) = whole {
                *output = whole.into();
            }
        }
        Value::Array(list) => list.iter_mut().for_each(whole),
        Value::Object(fields) => fields.values_mut().for_each(whole),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// Containers to kill are a map by container in Kubernetes: they have no order.
pub(super) fn kills(_input: &Value, output: &mut Value) {
    if let Some(kills) = output["containersToKill"].as_array_mut() {
        let name = |kill: &Value| kill["name"].as_str().unwrap_or_default().to_owned();
        kills.sort_by_key(name);
    }
}
