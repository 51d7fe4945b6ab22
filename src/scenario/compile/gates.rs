//! Readiness gates of pods, and when they are opened.

use k8s_openapi::api::core::v1::PodSpec;

use crate::model::ReadinessGate;
use crate::rng::Distribution;
use crate::scenario::spec::{Behaviour, GateRule};

/// The gates of a pod. One of which no entry says anything is opened at once.
pub(super) fn compile(entries: &[&Behaviour], spec: &PodSpec) -> Vec<ReadinessGate> {
    let gates = spec.readiness_gates.iter().flatten();
    gates
        .map(|gate| {
            let condition = gate.condition_type.clone();
            let rules = entries.iter().rev().filter_map(|entry| entry.readiness_gates.as_ref());
            let rule = rules.filter_map(|rules| rules.get(&condition)).next();
            let opens_s = match rule.map(|rule| &rule.value) {
                None => Some(Distribution::Constant(0.0)),
                Some(GateRule::Never) => None,
                Some(GateRule::After(wait)) => Some(wait.0.clone()),
            };
            ReadinessGate { condition, opens_s }
        })
        .collect()
}
