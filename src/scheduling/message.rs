//! Decisions in Kubernetes' own words.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Decision, Outcome, Reason, Snapshot};
use crate::model::{Model, TemplateId};

/// What preemption says of a node where evicting pods cannot help.
const NOT_HELPFUL: &str = "Preemption is not helpful for scheduling";
/// What preemption says of a node without pods of lower priority.
const NO_VICTIMS: &str = "No preemption victims found for incoming pod";

/// The texts of a rejection's reasons.
#[must_use]
pub fn reason_texts(model: &Model, template: TemplateId, reason: Reason) -> Vec<String> {
    match reason {
        Reason::Text(text) => vec![text.to_owned()],
        Reason::UntoleratedTaint(taint) => vec![format!(
            "node(s) had untolerated taint {{{}: {}}}",
            model.symbols.resolve(taint.key),
            model.symbols.resolve(taint.value)
        )],
        Reason::Insufficient(bits) => insufficient(model, template, bits),
        Reason::OutsidePreFilter(plugins) => {
            let mut names: Vec<&str> = plugins.iter().map(|plugin| plugin.name()).collect();
            names.sort_unstable();
            vec![format!("node(s) didn't satisfy plugin(s) [{}]", names.join(" "))]
        }
    }
}

fn insufficient(model: &Model, template: TemplateId, bits: u64) -> Vec<String> {
    const FIXED: [&str; 4] = [
        "Too many pods",
        "Insufficient cpu",
        "Insufficient memory",
        "Insufficient ephemeral-storage",
    ];
    let has = |bit: usize| bits & (1 << bit) != 0;
    let scalars = &model.templates[template].requests.scalars;
    let fixed =
        FIXED.iter().enumerate().filter(|&(bit, _)| has(bit)).map(|(_, text)| (*text).into());
    let scalar = scalars.iter().enumerate().filter(|&(at, _)| has(at + FIXED.len()));
    let mut texts: Vec<String> = scalar
        .map(|(_, &(id, _))| format!("Insufficient {}", model.scalar_resources[id]))
        .collect();
    texts.sort_unstable();
    fixed.chain(texts).collect()
}

/// `2 a, 3 b.` of counted reasons, sorted as text.
fn histogram(counts: &BTreeMap<String, u32>) -> String {
    let mut parts: Vec<String> =
        counts.iter().map(|(reason, nodes)| format!("{nodes} {reason}")).collect();
    parts.sort_unstable();
    format!("{}.", parts.join(", "))
}

/// What the event `FailedScheduling` and the condition `PodScheduled` say of a decision that
/// found no node.
///
/// Fidelity: preemption is not simulated yet; what it says is given only where it is certain:
/// when no candidate node has a pod of lower priority.
pub(crate) fn unschedulable_message(
    (model, snapshot, template): (&Model, &Snapshot, TemplateId),
    post_filter: &[String],
    decision: &Decision,
) -> String {
    if let Outcome::Error(text) = decision.outcome {
        return text.to_owned();
    }
    if decision.nodes == 0 {
        return "no nodes available to schedule pods".to_owned();
    }
    let mut message = format!("0/{} nodes are available:", decision.nodes);
    if let Some((_, rejection)) = decision.pre_filter {
        let texts = reason_texts(model, template, rejection.reason);
        write!(message, " {}.", texts.join(", ")).expect("a string takes all text");
        return message;
    }
    let mut counts = BTreeMap::new();
    let mut count = |reason: Reason, nodes: u32| {
        for text in reason_texts(model, template, reason) {
            *counts.entry(text).or_insert(0) += nodes;
        }
    };
    for reason in &decision.reasons {
        count(reason.rejection.reason, reason.nodes);
    }
    if let Some((nodes, plugins)) = decision.outside {
        count(Reason::OutsidePreFilter(plugins), nodes);
    }
    message.push(' ');
    message.push_str(&histogram(&counts));
    let said = post_filter.iter().filter_map(|plugin| match plugin.as_str() {
        "DynamicResources" => Some("no new claims to deallocate".to_owned()),
        "DefaultPreemption" => preemption_message(model, snapshot, template, decision),
        _ => None,
    });
    let said: Vec<String> = said.collect();
    if !said.is_empty() {
        message.push(' ');
        message.push_str(&said.join(", "));
    }
    message
}

/// What default preemption says when it cannot help; `None` if it might.
fn preemption_message(
    model: &Model,
    snapshot: &Snapshot,
    template: TemplateId,
    decision: &Decision,
) -> Option<String> {
    let spec = &model.templates[template];
    if spec.flags.never_preempts {
        return Some("preemption: not eligible due to preemptionPolicy=Never.".to_owned());
    }
    let resolvable: u32 = decision
        .reasons
        .iter()
        .filter(|reason| !reason.rejection.unresolvable)
        .map(|reason| reason.nodes)
        .sum();
    let victims = |node| snapshot.row(node).pods.iter().any(|pod| pod.priority < spec.priority);
    if resolvable > 0 && snapshot.node_list().iter().any(|&node| victims(node)) {
        return None;
    }
    let mut counts = BTreeMap::new();
    if resolvable > 0 {
        counts.insert(NO_VICTIMS.to_owned(), resolvable);
    }
    if decision.nodes > resolvable {
        counts.insert(NOT_HELPFUL.to_owned(), decision.nodes - resolvable);
    }
    Some(format!("preemption: 0/{} nodes are available: {}", decision.nodes, histogram(&counts)))
}
