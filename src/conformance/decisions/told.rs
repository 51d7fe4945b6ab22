//! What wavetank decided, in the shape of the recordings.

use serde_json::{Map, Value, json};

use crate::model::{Claim, ClaimId, Model, NodeId, Profile, TemplateId};
use crate::scheduling::{
    Decision, Framework, NodeExplanation, Outcome, PluginId, PluginSet, PodVolumes, Point,
    Rejection, reason_texts,
};

/// The plugins of every extension point that has any.
pub(super) fn plugins(profile: &Profile) -> Value {
    let mut points = Map::new();
    for point in Point::ALL {
        let list = profile.plugins(point.name());
        if !list.is_empty() {
            points.insert(point.name().to_owned(), list.into());
        }
    }
    Value::Object(points)
}

/// Nodes by their place in the case.
pub(super) fn nodes(list: &[NodeId]) -> Value {
    list.iter().map(|node| node.index()).collect()
}

fn names(set: PluginSet) -> Value {
    let mut names: Vec<&str> = set.iter().map(PluginId::name).collect();
    names.sort_unstable();
    names.into()
}

fn code(rejection: Rejection) -> &'static str {
    match rejection.unresolvable {
        true => "UnschedulableAndUnresolvable",
        false => "Unschedulable",
    }
}

fn status(plugin: PluginId, rejection: Rejection, of: (&Model, TemplateId)) -> Value {
    json!({
        "plugin": plugin.name(),
        "code": code(rejection),
        "reasons": reason_texts(of.0, of.1, rejection.reason),
    })
}

/// A decision: how it came out, why nodes were rejected, how the others scored.
pub(super) fn decision(
    of: (&Model, TemplateId),
    framework: &Framework,
    (decision, explained): (&Decision, &[NodeExplanation]),
    told: &mut Map<String, Value>,
) {
    let outcome = match decision.outcome {
        Outcome::Place(_) => "bound",
        Outcome::Unschedulable | Outcome::Error(_) => "unschedulable",
    };
    told.insert("outcome".to_owned(), outcome.into());
    if let Some(node) = decision.node() {
        told.insert("node".to_owned(), node.index().into());
    }
    if let Some((plugin, rejection)) = decision.pre_filter {
        told.insert("preFilter".to_owned(), status(plugin, rejection, of));
        return;
    }
    if let Some(restriction) = framework.restriction() {
        told.insert("preFilterNodes".to_owned(), nodes(restriction));
    }
    told.insert("skipFilter".to_owned(), names(framework.skipped_filters()));
    told.insert("filter".to_owned(), rejections(of, explained));
    let feasible: Vec<&NodeExplanation> =
        explained.iter().filter(|node| node.rejected.is_none()).collect();
    if feasible.is_empty() {
        return;
    }
    told.insert("feasible".to_owned(), feasible.iter().map(|n| n.node.index()).collect());
    told.insert("skipScore".to_owned(), names(framework.skipped_scores()));
    told.insert("scores".to_owned(), scores(&feasible));
    told.insert("total".to_owned(), feasible.iter().map(|node| node.total).collect());
    let mut top = framework.ties().to_vec();
    top.sort_unstable();
    told.insert("top".to_owned(), nodes(&top));
}

/// What becomes of the pod's claims.
pub(super) fn volume_bindings(model: &Model, volumes: &PodVolumes, told: &mut Map<String, Value>) {
    if volumes.is_empty() {
        return;
    }
    let names = |claim: ClaimId| {
        let Claim { namespace, name, .. } = &model.storage.claims[claim];
        (model.namespaces[*namespace].name.as_str(), name.as_str())
    };
    let bound = volumes.bindings.iter().map(|&(claim, volume)| {
        let (namespace, name) = names(claim);
        let volume = &model.storage.volumes[volume].name;
        json!({"pvc": format!("{namespace}/{name}"), "pv": volume})
    });
    let made = volumes.provisions.iter().map(|&claim| {
        let (namespace, name) = names(claim);
        let volume = format!("dyn-{namespace}-{name}");
        json!({"pvc": format!("{namespace}/{name}"), "pv": volume, "provisioned": true})
    });
    told.insert("volumeBindings".to_owned(), bound.chain(made).collect());
}

/// Rejected nodes, grouped by the words that were said of them, groups by their smallest node.
fn rejections(of: (&Model, TemplateId), explained: &[NodeExplanation]) -> Value {
    let mut groups: Vec<(Value, Vec<usize>)> = Vec::new();
    for node in explained {
        let Some((plugin, rejection)) = node.rejected else { continue };
        let said = status(plugin, rejection, of);
        match groups.iter_mut().find(|group| group.0 == said) {
            Some(group) => group.1.push(node.node.index()),
            None => groups.push((said, vec![node.node.index()])),
        }
    }
    let told = groups.into_iter().map(|(mut group, nodes)| {
        group["nodes"] = nodes.into();
        group
    });
    told.collect()
}

/// Scores by plugin, parallel to the feasible nodes.
fn scores(feasible: &[&NodeExplanation]) -> Value {
    let mut scores = Map::new();
    for score in feasible.iter().flat_map(|node| &node.scores) {
        let list = scores.entry(score.plugin.name()).or_insert_with(|| json!([]));
        if let Value::Array(list) = list {
            list.push(score.normalized.into());
        }
    }
    Value::Object(scores)
}

/// A decision where not all nodes are looked at tells less of the nodes and more of the search.
pub(super) fn sampling(
    start: usize,
    framework: &Framework,
    (decision, explained): (&Decision, &[NodeExplanation]),
    told: &mut Map<String, Value>,
) {
    for field in ["skipFilter", "filter", "skipScore", "scores"] {
        told.remove(field);
    }
    told.insert("startIndex".to_owned(), start.into());
    told.insert("nextIndex".to_owned(), decision.next_start.into());
    if decision.node().is_none() {
        return;
    }
    told.insert("evaluated".to_owned(), decision.evaluated.into());
    told.insert("feasible".to_owned(), nodes(framework.feasible()));
    told.insert("top".to_owned(), nodes(framework.ties()));
    let total_of = |node: &NodeId| explained.iter().find(|e| e.node == *node).map(|e| e.total);
    told.insert("total".to_owned(), framework.feasible().iter().map(total_of).collect());
}
