//! Traces of the node lifecycle controller.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Node;
use serde::Deserialize;
use serde_json::{Value, json};

use super::nodes::Flags;
use super::read;
use crate::base::diag::Diagnostics;
use crate::base::time::{SimDuration, SimTime};
use crate::controllers::{NodeChange, Observation, node_history};
use crate::model::{NodeId, TaintEffect};
use crate::scenario::compile::Observed;
use crate::state::{ConditionStatus, NodeCondition};

#[derive(Debug, Deserialize)]
struct Trace {
    duration: u64,
    nodes: Vec<Named>,
    events: Vec<Event>,
}

#[derive(Debug, Deserialize)]
struct Named {
    name: String,
    zone: String,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Event {
    HeartbeatStop { t: u64, nodes: Vec<String> },
    HeartbeatResumeReady { t: u64, nodes: Vec<String> },
    PostReady { t: u64, node: String, ready: String },
    PostReadyTrueAndCondition { t: u64, node: String, condition: String, status: String },
    Cordon { t: u64, node: String, unschedulable: bool },
    AddNode { t: u64, node: String, zone: String, posts_status: bool },
}

/// Nodes by name, in the order in which they are registered.
struct Nodes {
    cluster: Observed,
    ids: BTreeMap<String, NodeId>,
    changes: Vec<(SimTime, NodeId, NodeChange)>,
}

impl Nodes {
    fn add(&mut self, t: u64, name: &str, zone: &str, posts: bool) -> Result<(), String> {
        let node: Node = read(&json!({
            "metadata": {"name": name, "labels": {"topology.kubernetes.io/zone": zone}},
        }))?;
        let id = self.cluster.node(&node);
        self.ids.insert(name.to_owned(), id);
        self.changes.push((SimTime::from_secs(t), id, NodeChange::Registered { posts }));
        Ok(())
    }

    fn change(&mut self, t: u64, name: &str, change: NodeChange) -> Result<(), String> {
        let id = *self.ids.get(name).ok_or_else(|| format!("no node: {name}"))?;
        self.changes.push((SimTime::from_secs(t), id, change));
        Ok(())
    }

    fn event(&mut self, event: &Event) -> Result<(), String> {
        match event {
            Event::HeartbeatStop { t, nodes } => {
                nodes.iter().try_for_each(|name| self.change(*t, name, NodeChange::Silent))
            }
            Event::HeartbeatResumeReady { t, nodes } => {
                nodes.iter().try_for_each(|name| self.change(*t, name, NodeChange::Resumed))
            }
            Event::PostReady { t, node, ready } => {
                self.change(*t, node, NodeChange::Posts(status(ready)?))
            }
            Event::PostReadyTrueAndCondition { t, node, condition, status: posted } => {
                let known = NodeCondition::named(condition);
                let condition = known.ok_or_else(|| format!("no condition: {condition}"))?;
                self.change(*t, node, NodeChange::PostsCondition(condition, status(posted)?))
            }
            Event::Cordon { t, node, unschedulable } => {
                self.change(*t, node, NodeChange::Unschedulable(*unschedulable))
            }
            Event::AddNode { t, node, zone, posts_status } => {
                self.add(*t, node, zone, *posts_status)
            }
        }
    }
}

/// The status of a condition, by its word.
pub(super) fn status(word: &str) -> Result<ConditionStatus, String> {
    let all = [ConditionStatus::True, ConditionStatus::False, ConditionStatus::Unknown];
    all.into_iter().find(|status| status.name() == word).ok_or_else(|| format!("no status: {word}"))
}

/// Kubernetes' word for an effect.
pub(super) fn effect(effect: TaintEffect) -> &'static str {
    match effect {
        TaintEffect::NoSchedule => "NoSchedule",
        TaintEffect::PreferNoSchedule => "PreferNoSchedule",
        TaintEffect::NoExecute => "NoExecute",
    }
}

/// On which of several waiting nodes the lot fell: those that are recorded with such a taint.
fn lots(
    expected: &Value,
    ids: &BTreeMap<String, NodeId>,
) -> Result<BTreeSet<(SimTime, NodeId)>, String> {
    let mut lots = BTreeSet::new();
    for change in expected["changes"].as_array().into_iter().flatten() {
        let Some(id) = change["node"].as_str().and_then(|name| ids.get(name)) else { continue };
        let keys = change["taints"].as_array().into_iter().flatten();
        let mut keys = keys.filter_map(Value::as_str);
        if keys.any(|key| key.ends_with(":NoExecute")) {
            let t: SimDuration = format!("{}s", change["t"]).parse().map_err(|_| "no time")?;
            lots.insert((SimTime::ZERO + t, *id));
        }
    }
    Ok(lots)
}

/// What a recorded history of nodes makes the controller do, the lots falling as recorded.
pub(super) fn trace(input: &Value, expected: &Value) -> Result<Value, String> {
    let trace: Trace = read(input)?;
    let cluster = Observed::new(None, &mut Diagnostics::new()).ok_or("no configuration")?;
    let mut nodes = Nodes { cluster, ids: BTreeMap::new(), changes: Vec::new() };
    for node in &trace.nodes {
        nodes.add(0, &node.name, &node.zone, true)?;
    }
    trace.events.iter().try_for_each(|event| nodes.event(event))?;
    let lots = lots(expected, &nodes.ids)?;
    let Nodes { cluster, changes, .. } = nodes;
    let mut model = cluster.model();
    model.recovery = read::<Flags>(input)?.policy()?;
    let zones: Vec<String> = model.zones.values().map(|zone| zone.name.clone()).collect();
    let names: Vec<String> = model.nodes.values().map(|node| node.name.clone()).collect();
    let mut seen = node_history(model, &changes, &lots, SimTime::from_secs(trace.duration));
    seen.sort_by_key(|(t, seen)| match seen {
        Observation::Zones(_) => (*t, None),
        Observation::Node(node, _) => (*t, Some(names[node.index()].clone())),
    });
    let told = seen.into_iter().map(|(t, seen)| match seen {
        Observation::Zones(states) => {
            let states = states.into_iter();
            let states = states.map(|(zone, state)| (zones[zone.index()].clone(), state.name()));
            json!({"t": t, "zoneStates": states.collect::<BTreeMap<_, _>>()})
        }
        Observation::Node(node, view) => {
            let attached = view.attached.into_iter();
            let attached = attached.map(|(key, of)| format!("{key}:{}", effect(of)));
            let mut attached: Vec<String> = attached.collect();
            attached.sort();
            json!({
                "t": t,
                "node": names[node.index()],
                "ready": view.ready.map_or("none", ConditionStatus::name),
                "taints": attached,
            })
        }
    });
    Ok(json!({"changes": told.collect::<Vec<_>>()}))
}
