//! The story of a preemption: where evicting pods would have made room, whom it would have hit, and
//! why one node was taken.

use serde_json::{Value, json};

use super::{NAMES_MAX, Told, aligned};
use crate::model::{NodeId, PodId};
use crate::scheduling::PluginId;
use crate::scheduling::preemption::{Candidate, ChoiceRule, Preemption};

/// Candidates shown.
const CANDIDATES_MAX: usize = 8;
/// Groups of nodes shown on which evictions do not help.
const FAILURES_MAX: usize = 4;

impl Told<'_> {
    fn preemption(&self) -> Option<&Preemption> {
        self.answer.explanation.post_filter.as_ref()?.preemption.as_ref()
    }

    fn victim(&self, pod: PodId) -> &str {
        self.answer.victims.get(&pod).map_or("", String::as_str)
    }

    /// A line per candidate, the one taken first.
    pub(super) fn tell_preemption(&self, text: &mut String) {
        let Some(found) = self.preemption() else { return };
        text.push_str("\nPreemption\n");
        if let Some(ineligible) = found.ineligible {
            text.push_str(&format!("  {}\n", ineligible.text()));
            return;
        }
        let (potential, candidates) = (found.potential.len(), found.candidates.len());
        text.push_str(&format!(
            "  {potential} of {} nodes may be helped by evictions: {candidates} candidates\n",
            found.nodes
        ));
        for (said, nodes) in self.failures(found).iter().take(FAILURES_MAX) {
            text.push_str(&format!("  {:>6}  {said}  ({})\n", nodes.len(), self.names(nodes)));
        }
        let Some(taken) = found.nominated() else { return };
        let rule = found.deciding_rule().map_or("", ChoiceRule::text);
        text.push_str(&format!("  → nominated for {} by {rule}\n", self.name(taken.node)));
        let head = ["", "node", "violations", "victims, the most important first (priority)"];
        let mut table = vec![head.map(str::to_owned).to_vec()];
        let shown = self.candidates(found);
        for (mark, candidate) in shown.iter().take(CANDIDATES_MAX) {
            let victims = candidate.victims.iter().take(NAMES_MAX);
            let victims: Vec<String> = victims
                .map(|victim| format!("{} ({})", self.victim(victim.pod), victim.priority))
                .collect();
            let more = candidate.victims.len() - victims.len();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            table.push(vec![
                (*mark).to_owned(),
                self.name(candidate.node).to_owned(),
                candidate.violations.to_string(),
                format!("{}{more}", victims.join(", ")),
            ]);
        }
        text.push_str(&aligned(&table));
        if shown.len() > CANDIDATES_MAX {
            text.push_str(&format!("  … and {} more candidates\n", shown.len() - CANDIDATES_MAX));
        }
    }

    /// Candidates with their marks: the one taken, its equals, the others.
    fn candidates<'a>(&self, found: &'a Preemption) -> Vec<(&'static str, &'a Candidate)> {
        let rank = |at: usize| match (found.chosen == Some(at), found.best.contains(&at)) {
            (true, _) => 0,
            (false, true) => 1,
            (false, false) => 2,
        };
        let mut places: Vec<usize> = (0..found.candidates.len()).collect();
        places.sort_by_key(|&at| (rank(at), found.candidates[at].node));
        places.into_iter().map(|at| (["→", "=", " "][rank(at)], &found.candidates[at])).collect()
    }

    /// Nodes on which evictions do not help, by why.
    fn failures(&self, found: &Preemption) -> Vec<(String, Vec<NodeId>)> {
        let mut groups: Vec<(String, Vec<NodeId>)> = Vec::new();
        for &(node, failure) in &found.failures {
            let (plugin, _, reasons) = failure.status((self.model, self.template()), node);
            let plugin = plugin.map_or_else(String::new, |plugin| format!("{}  ", plugin.name()));
            let said = format!("{plugin}{}", reasons.join(", "));
            match groups.iter_mut().find(|group| group.0 == said) {
                Some(group) => group.1.push(node),
                None => groups.push((said, vec![node])),
            }
        }
        groups.sort_by_key(|group| std::cmp::Reverse(group.1.len()));
        groups
    }

    pub(super) fn preemption_json(&self) -> Value {
        let Some(answer) = &self.answer.explanation.post_filter else { return Value::Null };
        let of = (self.model, self.template());
        let mut told = json!({"status": answer.status.name(), "message": answer.message(of)});
        let Some(found) = &answer.preemption else { return told };
        let names = |nodes: &mut dyn Iterator<Item = NodeId>| -> Value {
            nodes.map(|node| self.name(node)).collect()
        };
        told["potentialNodes"] = names(&mut found.potential.iter().copied());
        let candidates = self.candidates(found).into_iter().map(|(_, candidate)| {
            let victims = candidate
                .victims
                .iter()
                .map(|victim| json!({"pod": self.victim(victim.pod), "priority": victim.priority}));
            json!({
                "node": self.name(candidate.node),
                "victims": victims.collect::<Value>(),
                "pdbViolations": candidate.violations,
            })
        });
        told["candidates"] = candidates.collect();
        let failures = found.failures.iter().map(|&(node, failure)| {
            let (plugin, code, reasons) = failure.status(of, node);
            let plugin = plugin.map_or("", PluginId::name);
            json!({"node": self.name(node), "plugin": plugin, "code": code, "reasons": reasons})
        });
        told["dryRunFailures"] = failures.collect();
        told["best"] = names(&mut found.best.iter().map(|&at| found.candidates[at].node));
        told["rule"] = found.deciding_rule().map(ChoiceRule::text).into();
        told["nominated"] = found.nominated().map(|taken| self.name(taken.node)).into();
        told
    }
}
