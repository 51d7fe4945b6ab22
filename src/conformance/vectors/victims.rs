//! Vectors of the ReplicaSet controller: which pods go first.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::read;
use crate::base::time::SimTime;
use crate::controllers::{
    DeletionSequence, VictimPhase, VictimRank, colocated, deletion_cost, deletion_sequence,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    now: u64,
    pods: Vec<Pod>,
    other_related: Vec<Related>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pod {
    name: String,
    uid: String,
    node: String,
    phase: String,
    ready: bool,
    ready_since: Option<u64>,
    created: Option<u64>,
    restarts: Vec<u32>,
    sidecar_restarts: Vec<u32>,
    deletion_cost: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Related {
    node: String,
    phase: String,
    terminating: bool,
}

impl Related {
    fn is_active(&self) -> bool {
        !self.terminating && !matches!(&*self.phase, "Succeeded" | "Failed")
    }
}

fn bound(node: &str) -> Option<&str> {
    (!node.is_empty()).then_some(node)
}

/// The order of a ReplicaSet's pods.
pub(super) fn scale_down_order(input: &Value) -> Result<Value, String> {
    let input: Input = read(input)?;
    let pods: Vec<Option<&str>> = input.pods.iter().map(|pod| bound(&pod.node)).collect();
    let others = input.other_related.iter().filter(|pod| pod.is_active());
    let others: Vec<Option<&str>> = others.map(|pod| bound(&pod.node)).collect();
    let counts = colocated(&pods, &others);
    let mut uids: Vec<&str> = input.pods.iter().map(|pod| &*pod.uid).collect();
    uids.sort_unstable();
    let ranked = input.pods.iter().zip(&counts).map(|(pod, count)| rank(pod, *count, &uids));
    let ranked: Vec<VictimRank> = ranked.collect::<Result<_, String>>()?;
    let name = |at: usize| &*input.pods[at].name;
    let named = input.pods.iter().zip(&counts).map(|(pod, count)| (pod.name.clone(), json!(count)));
    let mut out = json!({"ranks": named.collect::<Map<String, Value>>()});
    match deletion_sequence(&ranked, SimTime::from_secs(input.now)) {
        DeletionSequence::Total(sequence) => {
            out["total_order"] = json!(true);
            out["order"] = sequence.into_iter().map(name).collect();
        }
        DeletionSequence::Pairs(pairs) => {
            out["total_order"] = json!(false);
            out["less"] = pairs.into_iter().map(|(a, b)| json!([name(a), name(b)])).collect();
        }
    }
    Ok(out)
}

/// A pod in the order's terms; `uids` are those of all pods in the order of their texts.
fn rank(pod: &Pod, count: u32, uids: &[&str]) -> Result<VictimRank, String> {
    let phases = [
        ("Pending", VictimPhase::Pending),
        ("Unknown", VictimPhase::Unknown),
        ("Running", VictimPhase::Running),
    ];
    let phase = phases.into_iter().find(|(name, _)| *name == pod.phase);
    let most = |restarts: &[u32]| restarts.iter().copied().fold(0, u32::max);
    Ok(VictimRank {
        assigned: bound(&pod.node).is_some(),
        phase: phase.ok_or_else(|| format!("unknown phase {}", pod.phase))?.1,
        ready: pod.ready,
        deletion_cost: deletion_cost(pod.deletion_cost.as_deref()),
        colocated: count,
        ready_since: pod.ready_since.map(SimTime::from_secs),
        restarts: most(&pod.restarts),
        sidecar_restarts: most(&pod.sidecar_restarts),
        created: pod.created.map(SimTime::from_secs),
        uid: uids.partition_point(|uid| *uid < &*pod.uid) as u64,
    })
}
