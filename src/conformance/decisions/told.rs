//! What wavetank decided, in the shape of the recordings.

use serde_json::{Map, Value, json};

use crate::model::{Claim, ClaimId, Model, NodeId, Profile, TemplateId};
use crate::scheduling::preemption::Candidate;
use crate::scheduling::{
    BoundPod, Decision, Framework, NodeExplanation, Outcome, PluginId, PluginSet, PodVolumes,
    Point, PostFilter, Rejection, reason_texts,
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

pub(super) fn status(plugin: PluginId, rejection: Rejection, of: (&Model, TemplateId)) -> Value {
    json!({
        "plugin": plugin.name(),
        "code": rejection.code(),
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
    let said = explained.iter().filter_map(|node| {
        let (plugin, rejection) = node.rejected?;
        Some((node.node, status(plugin, rejection, of)))
    });
    grouped(said)
}

/// Nodes grouped by what is said of them, in the order given.
fn grouped(said: impl Iterator<Item = (NodeId, Value)>) -> Value {
    let mut groups: Vec<(Value, Vec<usize>)> = Vec::new();
    for (node, said) in said {
        match groups.iter_mut().find(|group| group.0 == said) {
            Some(group) => group.1.push(node.index()),
            None => groups.push((said, vec![node.index()])),
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

/// What PostFilter plugins found; `name` gives the name of a pod.
pub(super) fn preemption(
    of: (&Model, TemplateId),
    answer: &PostFilter,
    name: impl Fn(&BoundPod) -> Value,
) -> Map<String, Value> {
    let mut told = Map::new();
    told.insert("status".to_owned(), answer.status.name().into());
    let message = answer.message(of);
    if !message.is_empty() {
        told.insert("message".to_owned(), message.into());
    }
    let Some(found) = &answer.preemption else { return told };
    let victims = |of: &Candidate| of.victims.iter().map(&name).collect::<Value>();
    let mut list = |field: &str, list: Value| {
        if list.as_array().is_some_and(|list| !list.is_empty()) {
            told.insert(field.to_owned(), list);
        }
    };
    let mut potential = found.potential.clone();
    potential.sort_unstable();
    list("potentialNodes", nodes(&potential));
    let mut candidates: Vec<&Candidate> = found.candidates.iter().collect();
    candidates.sort_unstable_by_key(|candidate| candidate.node);
    let candidates = candidates.into_iter().map(|candidate| {
        let node = candidate.node.index();
        json!({"node": node, "victims": victims(candidate), "pdbViolations": candidate.violations})
    });
    list("candidates", candidates.collect());
    let mut failures = found.failures.clone();
    failures.sort_unstable_by_key(|(node, _)| *node);
    let failures = failures.into_iter().map(|(node, failure)| {
        let (plugin, code, reasons) = failure.status(of, node);
        let plugin = plugin.map_or("", PluginId::name);
        (node, json!({"plugin": plugin, "code": code, "reasons": reasons}))
    });
    list("dryRunFailures", grouped(failures));
    let mut best: Vec<NodeId> = found.best.iter().map(|at| found.candidates[*at].node).collect();
    best.sort_unstable();
    list("best", nodes(&best));
    if let Some(taken) = found.nominated() {
        list("victims", victims(taken));
        told.insert("nominated".to_owned(), taken.node.index().into());
    }
    told
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
