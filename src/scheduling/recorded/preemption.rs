//! What preemption said and did, compared field by field.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Replay, strings};
use crate::model::{NodeId, PodId, TemplateId};
use crate::scheduling::message::{post_filter_message, reason_texts};
use crate::scheduling::preemption::{DryRunFailure, NO_VICTIMS, Preemption};
use crate::scheduling::{
    Decision, Incoming, Nominator, PluginId, PostFilterStatus, Query, Rejection, TieBreak,
};

fn same(field: &str, ours: &Value, theirs: &Value) -> Result<(), String> {
    if ours == theirs { Ok(()) } else { Err(format!("preemption.{field}: {ours} not {theirs}")) }
}

impl Replay<'_> {
    /// Compares the `preemption` block; on success the victims are gone afterwards.
    pub(super) fn compare_preemption(
        &mut self,
        expected: &Value,
        template: TemplateId,
        decision: &Decision,
    ) -> Result<(), String> {
        let theirs = &expected["preemption"];
        let asked = decision.outcome == crate::scheduling::Outcome::Unschedulable
            && self.case.profile.post_filter.iter().any(|name| name == "DefaultPreemption");
        if theirs.is_null() || !asked {
            return if theirs.is_null() == !asked {
                Ok(())
            } else {
                Err(format!("preemption asked: {asked}, recorded {theirs}"))
            };
        }
        let nominator = Nominator::default();
        let pod = PodId::from_index(self.next_pod);
        let incoming = Incoming { pod, template, nominator: &nominator };
        let budgets: Vec<_> = self.case.budgets.iter().map(|(budget, _)| budget.clone()).collect();
        let world = (&self.case.model, &mut self.snapshot);
        let before = world.1.clone();
        let answer =
            self.framework.post_filter(world, &incoming, decision, &budgets, TieBreak::LowestName);
        for node in self.case.model.nodes.ids() {
            let rows = [&before, &self.snapshot].map(|s| (*s.load(node), s.row(node).clone()));
            assert_eq!(rows[0].0, rows[1].0, "what-ifs leave a node as it was");
            assert_eq!(format!("{:?}", rows[0].1), format!("{:?}", rows[1].1));
        }
        let status = match answer.status {
            PostFilterStatus::Success => "Success",
            PostFilterStatus::Unschedulable => "Unschedulable",
            PostFilterStatus::Error => "Error",
        };
        same("status", &json!(status), &theirs["status"])?;
        let message = post_filter_message((&self.case.model, template), &answer);
        let told = theirs["message"].as_str().unwrap_or_default();
        same("message", &json!(message), &json!(told))?;
        let nothing = Preemption::default();
        let found = answer.preemption.as_ref().unwrap_or(&nothing);
        self.compare_found(theirs, template, found)?;
        if answer.status == PostFilterStatus::Success {
            self.compare_second_try(theirs, template, found)?;
        }
        Ok(())
    }

    fn compare_found(
        &self,
        theirs: &Value,
        template: TemplateId,
        found: &Preemption,
    ) -> Result<(), String> {
        let list = |field: &str| theirs.get(field).cloned().unwrap_or_else(|| json!([]));
        let sorted = |nodes: &mut dyn Iterator<Item = NodeId>| {
            let mut indices: Vec<usize> = nodes.map(NodeId::index).collect();
            indices.sort_unstable();
            json!(indices)
        };
        let potential = sorted(&mut found.potential.iter().copied());
        same("potentialNodes", &potential, &list("potentialNodes"))?;
        let mut candidates: Vec<_> = found.candidates.iter().collect();
        candidates.sort_by_key(|candidate| candidate.node);
        let candidates: Vec<Value> = candidates
            .into_iter()
            .map(|candidate| {
                let victims: Vec<&str> =
                    candidate.victims.iter().map(|pod| self.name_of(pod.pod)).collect();
                json!({
                    "node": candidate.node.index(),
                    "victims": victims,
                    "pdbViolations": candidate.violations,
                })
            })
            .collect();
        same("candidates", &json!(candidates), &list("candidates"))?;
        same("dryRunFailures", &self.failures(template, found), &by_node(&list("dryRunFailures")))?;
        let best = sorted(&mut found.best.iter().map(|&at| found.candidates[at].node));
        same("best", &best, &list("best"))?;
        let taken = found.nominated();
        let node = taken.map(|taken| taken.node.index());
        same("nominated", &json!(node), &theirs["nominated"])?;
        let victims = taken.map(|taken| &taken.victims[..]).unwrap_or_default();
        let victims: Vec<&str> = victims.iter().map(|pod| self.name_of(pod.pod)).collect();
        same("victims", &json!(victims), &list("victims"))
    }

    fn name_of(&self, pod: PodId) -> &str {
        &self.names[pod.index()]
    }

    fn failures(&self, template: TemplateId, found: &Preemption) -> Value {
        let mut nodes = BTreeMap::new();
        for &(node, why) in &found.failures {
            let entry = match why {
                DryRunFailure::NoVictims => {
                    json!(["", "UnschedulableAndUnresolvable", [NO_VICTIMS]])
                }
                DryRunFailure::Rejected(plugin, rejection) => {
                    self.rejection(template, (plugin, rejection))
                }
                DryRunFailure::NothingToEvict => json!(["", "Error", []]),
            };
            nodes.insert(node.index(), entry);
        }
        json!(nodes)
    }

    fn rejection(&self, template: TemplateId, (plugin, rejection): (PluginId, Rejection)) -> Value {
        let mut reasons = reason_texts(&self.case.model, template, rejection.reason);
        reasons.sort_unstable();
        let code = match rejection.unresolvable {
            true => "UnschedulableAndUnresolvable",
            false => "Unschedulable",
        };
        json!([plugin.name(), code, reasons])
    }

    fn compare_second_try(
        &mut self,
        theirs: &Value,
        template: TemplateId,
        found: &Preemption,
    ) -> Result<(), String> {
        let taken = found.nominated().expect("a node is nominated");
        for victim in &taken.victims {
            self.snapshot.remove_pod(&self.case.model, victim.pod);
        }
        self.framework.explain(&Query {
            model: &self.case.model,
            snapshot: &self.snapshot,
            template,
            start: 0,
            tie_break: TieBreak::LowestName,
        });
        let fits = self.framework.feasible().contains(&taken.node);
        same("retryFits", &json!(fits), &theirs["retryFits"])?;
        let rejected = self.framework.rejected().find(|(node, _, _)| *node == taken.node);
        let ours = rejected.map(|(_, plugin, why)| self.rejection(template, (plugin, why)));
        let failure = &theirs["retryFailure"];
        let wanted = failure.is_object().then(|| entry_of(failure));
        same("retryFailure", &json!(ours), &json!(wanted))
    }
}

/// `[plugin, code, sorted reasons]` of a recorded rejection.
fn entry_of(group: &Value) -> Value {
    let mut reasons = strings(&group["reasons"]);
    reasons.sort_unstable();
    json!([group["plugin"].as_str().unwrap_or_default(), group["code"], reasons])
}

/// Recorded groups, node by node.
fn by_node(groups: &Value) -> Value {
    let mut nodes = BTreeMap::new();
    for group in groups.as_array().into_iter().flatten() {
        for node in group["nodes"].as_array().into_iter().flatten() {
            nodes.insert(node.as_u64().unwrap(), entry_of(group));
        }
    }
    json!(nodes)
}
