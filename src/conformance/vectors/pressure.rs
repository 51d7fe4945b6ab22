//! Vectors of node-pressure eviction.

use serde::Deserialize;
use serde_json::{Value, json};

use super::read;
use super::values::error;
use crate::base::time::SimDuration;
use crate::kubelet::{self, EvictionCandidate, Shortage};
use crate::model::{self, Threshold};

#[derive(Debug, Deserialize)]
struct Ranked {
    signal: String,
    pods: Vec<Candidate>,
}

#[derive(Debug, Deserialize)]
struct Candidate {
    name: String,
    #[serde(rename = "priority")]
    importance: Option<i32>,
    request: i64,
    usage: Option<i64>,
}

/// The pods by rank, those of equal rank side by side in the order given.
fn ranked(input: &Value) -> Result<Vec<Vec<String>>, String> {
    let input: Ranked = read(input)?;
    let shortage = match input.signal.as_str() {
        "memory" => Shortage::Memory,
        "disk" => Shortage::Disk,
        "pid" => Shortage::Pids,
        other => return Err(format!("no signal: {other}")),
    };
    let mut pods: Vec<(String, EvictionCandidate)> = input
        .pods
        .into_iter()
        .map(|pod| {
            let importance = pod.importance.unwrap_or_default();
            (pod.name, EvictionCandidate { importance, asked: pod.request, usage: pod.usage })
        })
        .collect();
    pods.sort_by(|(_, a), (_, b)| kubelet::eviction_order(shortage, a, b));
    let equal = |(_, a): &(_, EvictionCandidate), (_, b): &(_, EvictionCandidate)| {
        kubelet::eviction_order(shortage, a, b).is_eq()
    };
    let groups = pods.chunk_by(equal);
    Ok(groups.map(|group| group.iter().map(|(name, _)| name.clone()).collect()).collect())
}

/// Whom the kubelet evicts first.
pub(super) fn ranking(input: &Value) -> Result<Value, String> {
    let groups = ranked(input)?;
    let unique = groups.iter().all(|group| group.len() == 1);
    Ok(json!({"order": groups.concat(), "unique": unique}))
}

/// The order is compared as it is: pods of equal rank stay in the order given, as they do in the
/// kubelet's sort of up to twelve. Where there are such pods, `unique` tells whether sorting a few
/// permutations of them happened to end alike (so says the recording of two pods that are equal in
/// every field), which no rule gives, and does not count.
pub(super) fn without_ties(input: &Value, output: &mut Value) {
    let Ok(groups) = ranked(input) else { return };
    if let Some(fields) = output.as_object_mut().filter(|_| groups.iter().any(|g| g.len() > 1)) {
        fields.remove("unique");
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Observed {
    threshold: String,
    min_reclaim: String,
    soft: bool,
    grace_period: SimDurationText,
    capacity: i64,
    available: Option<i64>,
    first_observed_seconds_ago: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct SimDurationText(SimDuration);

impl TryFrom<String> for SimDurationText {
    type Error = crate::base::time::DurationError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

/// Whether a threshold is met.
pub(super) fn thresholds(input: &Value) -> Result<Value, String> {
    let input: Observed = read(input)?;
    let (value, reclaim) =
        match (model::threshold(&input.threshold), model::min_reclaim(&input.min_reclaim)) {
            (None, _) | (_, None) => return Ok(error()),
            (Some(Threshold::Ignored), _) => return Ok(json!({"ignored": true})),
            (Some(Threshold::Below(value)), Some(reclaim)) => (value, reclaim),
        };
    let amounts = (input.capacity, input.available.ok_or("`available` is missing")?);
    let grace = if input.soft { input.grace_period.0 } else { SimDuration::ZERO };
    let ago = SimDuration::from_secs(input.first_observed_seconds_ago.unwrap_or_default());
    Ok(json!({
        "thresholdQuantity": value.of(input.capacity),
        "met": kubelet::is_met(value, None, amounts),
        "metWithMinReclaim": kubelet::is_met(value, reclaim, amounts),
        "gracePeriodMet": kubelet::outlasts_grace(ago, grace),
    }))
}
