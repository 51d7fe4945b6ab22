//! `wavetank explain`: why a pod went where it went, or nowhere.

mod preemption;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::args::{ExplainArgs, ExplainFormat};
use super::{Failure, load, say};
use crate::base::diag::did_you_mean;
use crate::base::time::SimTime;
use crate::model::{Model, NodeId, TemplateId};
use crate::record::Detail;
use crate::scheduler::{Answer, Inquiry};
use crate::scheduling::{NodeExplanation, Outcome, PluginId, PluginSet, Rejection, reason_texts};
use crate::sim::{self, RunOptions};

/// Nodes shown of those that are feasible.
const NODES_MAX: usize = 12;
/// Groups of rejections shown.
const GROUPS_MAX: usize = 12;
/// Names of nodes shown of a group.
const NAMES_MAX: usize = 4;
/// Names of other pods shown where the one asked for was not tried.
const OTHERS_MAX: usize = 12;

/// Runs up to the decision asked for and tells what was said of each node.
pub(super) fn explain(args: &ExplainArgs) -> Result<(), Failure> {
    let asked: Vec<String> = args.policy.iter().cloned().collect();
    let ready = load::scenario(&args.scenario, &asked, args.seed, args.skip_unknown_plugins)?;
    let Some(model) = ready.models.first() else {
        return Err(Failure::Environment("the scenario has no policy to run".to_owned()));
    };
    let from = SimTime::ZERO.saturating_add(args.at.unwrap_or_default());
    let options = RunOptions::new(ready.seed, args.replication, Detail::Metrics);
    let inquiry = sim::explain(model, options, Inquiry::new(&args.pod, from));
    let Some(answer) = &inquiry.answer else {
        return Err(Failure::Environment(never_tried(&args.pod, from, &inquiry)));
    };
    match args.format {
        ExplainFormat::Human => say(&Told { model, answer }.human()),
        ExplainFormat::Json => say(&format!("{:#}\n", Told { model, answer }.json())),
    }
    Ok(())
}

fn never_tried(pod: &str, from: SimTime, inquiry: &Inquiry) -> String {
    let mut text = format!("the scheduler decides on no pod \"{pod}\" from {from} on");
    let short = |name: &str| name.split_once('/').map_or(name, |(_, s)| s).to_owned();
    let held = inquiry.held.iter().find(|(name, _)| name == pod || short(name) == pod);
    if let Some((name, why)) = held {
        return format!("{name} is held back: {why}");
    }
    let names = inquiry.others.iter().map(String::as_str);
    if let Some(near) = did_you_mean(pod, names) {
        text.push_str(&format!("\n  help: did you mean \"{near}\"?"));
    } else if !inquiry.others.is_empty() {
        let shown: Vec<&str> = inquiry.others.iter().map(String::as_str).take(OTHERS_MAX).collect();
        let more = inquiry.others.len().saturating_sub(shown.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        text.push_str(&format!("\n  help: it decides on {}{more}", shown.join(", ")));
    }
    text
}

struct Told<'a> {
    model: &'a Model,
    answer: &'a Answer,
}

/// Nodes of which a plugin said the same.
type Group = ((PluginId, String), Vec<NodeId>);

impl Told<'_> {
    fn name(&self, node: NodeId) -> &str {
        &self.model.nodes[node].name
    }

    fn template(&self) -> TemplateId {
        self.answer.template
    }

    fn reasons(&self, rejection: Rejection) -> Vec<String> {
        reason_texts(self.model, self.template(), rejection.reason)
    }

    /// Rejected nodes by what was said of them, largest group first.
    fn rejections(&self) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for node in &self.answer.explanation.nodes {
            let Some((plugin, rejection)) = node.rejected else { continue };
            let said = (plugin, self.reasons(rejection).join(", "));
            match groups.iter_mut().find(|group| group.0 == said) {
                Some(group) => group.1.push(node.node),
                None => groups.push((said, vec![node.node])),
            }
        }
        groups.sort_by_key(|group| std::cmp::Reverse(group.1.len()));
        groups
    }

    /// Feasible nodes, best first; the chosen one before its equals.
    fn feasible(&self) -> Vec<&NodeExplanation> {
        let nodes = self.answer.explanation.nodes.iter();
        let mut feasible: Vec<_> = nodes.filter(|node| node.rejected.is_none()).collect();
        let chosen = self.answer.node();
        feasible.sort_by_key(|node| (std::cmp::Reverse(node.total), Some(node.node) != chosen));
        feasible
    }

    fn attempt(&self) -> String {
        match self.answer.attempt {
            0 => "placed before time begins".to_owned(),
            attempt => format!("attempt {attempt}"),
        }
    }

    fn human(&self) -> String {
        let Answer { pod, time, explanation, .. } = self.answer;
        let decision = &explanation.decision;
        let mut text =
            format!("{pod} · policy {} · {time} · {}\n", self.model.policy, self.attempt());
        text.push_str(&self.outcome());
        let rejected = decision.evaluated - decision.feasible;
        text.push_str(&format!(
            "  {} nodes, {} looked at: {} feasible, {rejected} rejected\n",
            decision.nodes, decision.evaluated, decision.feasible
        ));
        if let Some(message) = &explanation.message {
            text.push_str(&format!("  {message}\n"));
        }
        if let Some((plugin, rejection)) = decision.pre_filter {
            let reasons = self.reasons(rejection).join(", ");
            text.push_str(&format!(
                "\nRejected as a whole by {}: {reasons}\n",
                plugin.name_in(self.model)
            ));
        }
        if let Some(nodes) = &explanation.restriction {
            text.push_str(&format!("\nOnly these nodes may be asked: {}\n", self.names(nodes)));
        }
        self.tell_rejections(&mut text);
        self.tell_preemption(&mut text);
        self.tell_scores(&mut text);
        for (what, set) in [
            ("No filter needed", explanation.skipped_filters),
            ("No score given", explanation.skipped_scores),
        ] {
            if !set.is_empty() && decision.feasible > 0 {
                text.push_str(&format!("{what}: {}\n", self.names_of(set).join(", ")));
            }
        }
        text
    }

    fn outcome(&self) -> String {
        let explanation = &self.answer.explanation;
        match explanation.decision.outcome {
            Outcome::Place(node) if explanation.ties.len() > 1 => {
                let others = explanation.ties.len() - 1;
                format!("  → {}, by lot among it and {others} equally good\n", self.name(node))
            }
            Outcome::Place(node) => format!("  → {}\n", self.name(node)),
            Outcome::Unschedulable => "  → unschedulable\n".to_owned(),
            Outcome::Error(error) => format!("  → error: {error}\n"),
        }
    }

    fn names(&self, nodes: &[NodeId]) -> String {
        let shown: Vec<&str> = nodes.iter().take(NAMES_MAX).map(|&node| self.name(node)).collect();
        let more = nodes.len() - shown.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{}{more}", shown.join(", "))
    }

    fn tell_rejections(&self, text: &mut String) {
        let groups = self.rejections();
        if groups.is_empty() {
            return;
        }
        text.push_str("\nRejected\n");
        let width =
            groups.iter().map(|group| group.0.0.name_in(self.model).len()).max().unwrap_or(0);
        for ((plugin, said), nodes) in groups.iter().take(GROUPS_MAX) {
            text.push_str(&format!(
                "  {:>6}  {:<width$}  {said}  ({})\n",
                nodes.len(),
                plugin.name_in(self.model),
                self.names(nodes)
            ));
        }
        if groups.len() > GROUPS_MAX {
            text.push_str(&format!("  … and {} more reasons\n", groups.len() - GROUPS_MAX));
        }
    }

    /// A line per node, a column per plugin: raw score, normalised, weighted.
    fn tell_scores(&self, text: &mut String) {
        let feasible = self.feasible();
        let Some(first) = feasible.first() else { return };
        let weights: BTreeMap<PluginId, i64> =
            self.answer.explanation.weights.iter().copied().collect();
        let mut table = vec![
            vec![String::new(); 3],
            vec![String::new(), "node".to_owned(), "total".to_owned()],
        ];
        for score in &first.scores {
            let weight = weights.get(&score.plugin).copied().unwrap_or(1);
            let (upper, lower) =
                two_lines(score.plugin.name_in(self.model), &format!(" ×{weight}"));
            table[0].push(upper);
            table[1].push(lower);
        }
        let ties = &self.answer.explanation.ties;
        for node in feasible.iter().take(NODES_MAX) {
            let mark = if Some(node.node) == self.answer.node() {
                "→"
            } else if ties.contains(&node.node) {
                "="
            } else {
                " "
            };
            let mut row = vec![mark.to_owned(), self.name(node.node).to_owned()];
            row.push(node.total.to_string());
            row.extend(node.scores.iter().map(|score| match score.raw == score.normalized {
                true => format!("{} = {}", score.raw, score.weighted),
                false => format!("{} → {} = {}", score.raw, score.normalized, score.weighted),
            }));
            table.push(row);
        }
        text.push_str("\nScores (raw → normalised = weighted)\n");
        text.push_str(&aligned(&table));
        if feasible.len() > NODES_MAX {
            text.push_str(&format!("  … and {} more nodes\n", feasible.len() - NODES_MAX));
        }
        text.push('\n');
    }

    fn json(&self) -> Value {
        let Answer { pod, time, attempt, explanation, .. } = self.answer;
        let decision = &explanation.decision;
        let outcome = match decision.outcome {
            Outcome::Place(_) => "bound",
            Outcome::Unschedulable => "unschedulable",
            Outcome::Error(_) => "error",
        };
        let names = |nodes: &[NodeId]| -> Value { nodes.iter().map(|&n| self.name(n)).collect() };
        let weights = explanation.weights.iter();
        let weights: Map<_, _> = weights
            .map(|(plugin, weight)| (plugin.name_in(self.model).to_owned(), (*weight).into()))
            .collect();
        json!({
            "pod": pod,
            "policy": self.model.policy,
            "timeNs": time.as_nanos(),
            "attempt": attempt,
            "outcome": outcome,
            "node": decision.node().map(|node| self.name(node)),
            "message": explanation.message,
            "nodes": decision.nodes,
            "evaluated": decision.evaluated,
            "preFilter": decision.pre_filter.map(|(plugin, why)| self.status(plugin, why)),
            "preFilterNodes": explanation.restriction.as_deref().map(names),
            "skipFilter": self.names_of(explanation.skipped_filters),
            "skipScore": self.names_of(explanation.skipped_scores),
            "weights": weights,
            "top": names(&explanation.ties),
            "preemption": self.preemption_json(),
            "verdicts": explanation.nodes.iter().map(|node| self.verdict(node)).collect::<Value>(),
        })
    }

    fn status(&self, plugin: PluginId, rejection: Rejection) -> Value {
        let (code, reasons) = (rejection.code(), self.reasons(rejection));
        json!({"plugin": plugin.name_in(self.model), "code": code, "reasons": reasons})
    }

    fn names_of(&self, set: PluginSet) -> Vec<&str> {
        set.iter().map(|plugin| plugin.name_in(self.model)).collect()
    }

    fn verdict(&self, node: &NodeExplanation) -> Value {
        let name = self.name(node.node);
        if let Some((plugin, rejection)) = node.rejected {
            return json!({"node": name, "rejected": self.status(plugin, rejection)});
        }
        let scores = node.scores.iter().map(|score| {
            let told = json!({
                "raw": score.raw, "normalized": score.normalized, "weighted": score.weighted,
            });
            (score.plugin.name_in(self.model).to_owned(), told)
        });
        json!({"node": name, "total": node.total, "scores": scores.collect::<Map<_, _>>()})
    }
}

/// A name of several words on two lines, as narrow as it goes; `end` stands at the second.
fn two_lines(name: &str, end: &str) -> (String, String) {
    let words = name.char_indices().filter(|(at, c)| *at > 0 && c.is_ascii_uppercase());
    let width = |at: usize| at.max(name.len() - at + end.chars().count());
    let at = words.map(|(at, _)| at).min_by_key(|at| width(*at)).unwrap_or(0);
    (name[..at].to_owned(), format!("{}{end}", &name[at..]))
}

/// Rows with columns of equal width, two spaces between.
fn aligned(table: &[Vec<String>]) -> String {
    let columns = table.iter().map(Vec::len).max().unwrap_or(0);
    let length = |text: &str| text.chars().count();
    let widths: Vec<usize> = (0..columns)
        .map(|at| table.iter().filter_map(|row| row.get(at)).map(|c| length(c)).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in table {
        let mut line = String::from("  ");
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(width - length(cell) + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
