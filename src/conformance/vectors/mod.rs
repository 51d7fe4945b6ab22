//! Vectors: an input and an output of one function of a controller or of the kubelet, the topic
//! being the file's stem. A topic is one line of [`TOPICS`].

mod autoscaler;
mod cron_jobs;
mod daemon_set;
mod deployments;
mod disruption;
mod jobs;
mod lifecycle;
mod nodes;
mod normal;
mod pods;
mod pressure;
mod prober;
mod selectors;
mod services;
mod slices;
mod stateful_set;
mod timers;
mod values;
mod victims;

use serde_json::Value;

use super::Kind;

/// Translates an input, calls the function, and gives its output in the shape of `expected`.
type Answer = fn(&Value) -> Result<Value, String>;

/// Brings an output for an input into the form in which outputs that mean the same are equal.
type Normal = fn(&Value, &mut Value);

/// The names of the topics that are supported.
#[cfg(test)]
pub(super) fn supported() -> impl Iterator<Item = &'static str> {
    TOPICS.iter().map(|(topic, ..)| *topic).chain(DRAWN.iter().map(|(topic, ..)| *topic))
}

/// Topics that are supported, and what is arbitrary in their outputs.
const TOPICS: &[(&str, Answer, Normal)] = &[
    ("cron_next", cron_jobs::next, normal::exact),
    ("cronjob_schedule_time", cron_jobs::schedule_time, normal::exact),
    ("cronjob_trace", cron_jobs::trace, normal::exact),
    ("daemonset_node_should_run", daemon_set::node_should_run, normal::exact),
    ("daemonset_rolling_step", daemon_set::rolling_step, normal::exact),
    ("deployment_fenceposts", deployments::fenceposts, normal::exact),
    ("deployment_proportional_scale", deployments::proportional_scale, normal::exact),
    ("deployment_rolling_step", deployments::rolling_step, normal::exact),
    ("deployment_rollout_trace", deployments::rollout, normal::numbers),
    ("endpointslice_conditions", services::endpoint, normal::exact),
    ("endpointslice_packing", slices::packing, normal::exact),
    ("endpointslice_topology_hints", slices::hints, normal::exact),
    ("go_duration", values::duration, normal::exact),
    ("hpa_replica_calculator", autoscaler::calculation, normal::exact),
    ("hpa_sequences", autoscaler::sequences, normal::exact),
    ("int_or_percent", values::int_or_percent, normal::exact),
    ("job_backoff", jobs::backoff, normal::exact),
    ("job_pod_failure_policy", jobs::pod_failure_policy, normal::exact),
    ("job_trace", jobs::trace, normal::exact),
    ("kubelet_crashloop_backoff", timers::backoff, normal::exact),
    ("kubelet_eviction_ranking", pressure::ranking, pressure::without_ties),
    ("kubelet_eviction_thresholds", pressure::thresholds, normal::exact),
    ("kubelet_pod_actions", pods::actions, normal::kills),
    ("kubelet_pod_phase_conditions", pods::phase_conditions, normal::exact),
    ("kubelet_prober_trace", prober::trace, prober::by_words),
    ("kubelet_qos_oom", pods::qos_oom, normal::exact),
    ("label_selector_object", selectors::of_object, normal::exact),
    ("label_selector_parse", selectors::of_text, normal::exact),
    ("node_zone_state", nodes::zone_state, normal::numbers),
    ("pdb_eviction_request", disruption::eviction_request, normal::exact),
    ("pdb_status", disruption::pdb_status, normal::exact),
    ("pod_requests_limits", values::pod_amounts_of, normal::exact),
    ("quantity_arith", values::quantity_arith, normal::exact),
    ("quantity_parse", values::quantity, normal::exact),
    ("statefulset_trace", stateful_set::trace, stateful_set::parallel),
    ("replicaset_scale_down_order", victims::scale_down_order, normal::exact),
    ("taint_eviction_trace", timers::taint_eviction, normal::exact),
    ("taint_toleration_time", nodes::toleration_time, normal::exact),
];

/// Makes times of ours that lie within the recording's precision the recorded ones, in outputs that
/// are brought into their form.
type Align = fn(&mut Value, &Value);

/// Topics whose times are compared by distance.
const DISTANCES: &[(&str, Align)] = &[("kubelet_prober_trace", prober::within_a_tick)];

/// Like [`Answer`], where lots that fell in the recording are an input.
type Drawn = fn(&Value, &Value) -> Result<Value, String>;

/// Such topics.
const DRAWN: &[(&str, Drawn, Normal)] =
    &[("node_lifecycle_trace", lifecycle::trace, normal::numbers)];

/// Gives the output for a line, or `None` for a topic that is not supported.
fn answer(line: &Value, topic: &str) -> Option<(Result<Value, String>, Normal)> {
    let (input, expected) = (&line["input"], &line["expected"]);
    if let Some((_, answer, normal)) = TOPICS.iter().find(|(known, ..)| *known == topic) {
        return Some((answer(input), *normal));
    }
    let (_, answer, normal) = DRAWN.iter().find(|(known, ..)| *known == topic)?;
    Some((answer(input, expected), *normal))
}

/// The kind's entry.
pub(super) const KIND: Kind = Kind {
    name: "vectors",
    unit: "vector",
    recognises: |line| line["case"].is_string() && line.get("expected").is_some(),
    topic: |_, stem| stem.to_owned(),
    units: |_| 1,
    replay: |line, topic, tally| {
        let Some((decided, normal)) = answer(line, topic) else {
            tally.unsupported(1, "the topic is not supported yet");
            return Ok(Value::Null);
        };
        let decided = decided?;
        let (mut ours, mut theirs) = (decided.clone(), line["expected"].clone());
        normal(&line["input"], &mut ours);
        normal(&line["input"], &mut theirs);
        if let Some((_, align)) = DISTANCES.iter().find(|(known, _)| *known == topic) {
            align(&mut ours, &theirs);
        }
        tally.unit("vector", vec![("expected".to_owned(), ours, theirs)]);
        Ok(decided)
    },
};

/// Reads a part of an input.
fn read<T: serde::de::DeserializeOwned>(value: &Value) -> Result<T, String> {
    T::deserialize(value).map_err(|error| error.to_string())
}
