//! Vectors of label selectors.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde_json::{Value, json};

use super::read;
use super::values::error;
use crate::scenario::compile::Parts;
use crate::scenario::selectors::Selector;

type Set = BTreeMap<String, String>;

/// A selector in text form.
pub(super) fn of_text(input: &Value) -> Result<Value, String> {
    let text: String = read(&input["selector"])?;
    let wrapped: Option<Vec<BTreeMap<String, Set>>> = read(&input["labelSets"])?;
    let Ok(parsed) = Selector::parse(&text) else { return Ok(error()) };
    let mut parts = Parts::default();
    let sets = wrapped.iter().flatten().flat_map(BTreeMap::values);
    let chosen: Vec<bool> = sets.map(|set| parts.selects(&parsed, set)).collect();
    Ok(json!({"canonical": parsed.to_string(), "matches": chosen}))
}

/// A selector of an object.
pub(super) fn of_object(input: &Value) -> Result<Value, String> {
    let object: Option<LabelSelector> = read(&input["selector"])?;
    let object = object.as_ref();
    let sets: Option<Vec<Set>> = read(&input["labelSets"])?;
    let checked = object.map(Selector::of_object).transpose();
    let Ok(checked) = checked else { return Ok(error()) };
    let mut parts = Parts::default();
    let sets = sets.iter().flatten();
    let chosen: Vec<bool> = sets.map(|set| parts.object_selects(object, set)).collect();
    Ok(json!({"canonical": checked.unwrap_or_default().to_string(), "matches": chosen}))
}
