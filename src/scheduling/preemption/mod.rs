//! Preemption: which pods of lower priority have to go so that a pod fits (DefaultPreemption of
//! kube-scheduler 1.34).
//!
//! Here are the rules themselves, free of nodes and plugins: disruption budgets (`budgets`),
//! which pods of one node are victims (`victims`), which node is taken (`choice`). What
//! "fits" means is asked of the caller; `post_filter` asks the plugins. Nothing is deleted here:
//! the scheduler component carries out what is decided.

mod budgets;
mod choice;
#[cfg(test)]
mod tests;
mod victims;

pub use budgets::DisruptionBudget;
pub use choice::ChoiceRule;
pub(crate) use choice::{best, to_delete};
pub(crate) use victims::{NodeTrial, select_victims};

use super::framework::UNRESOLVABLE;
use super::{BoundPod, PluginId, Rejection, reason_texts};
use crate::model::{Model, NodeId, TemplateId};

/// What preemption says of a node where evicting pods cannot help.
pub(crate) const NOT_HELPFUL: &str = "Preemption is not helpful for scheduling";
/// What preemption says of a node without pods of lower priority.
pub(crate) const NO_VICTIMS: &str = "No preemption victims found for incoming pod";

/// A node on which evicting pods makes room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The node.
    pub node: NodeId,
    /// The pods to evict, the most important first; at least one.
    pub victims: Vec<BoundPod>,
    /// Victims whose eviction violates a disruption budget.
    pub violations: u32,
}

/// Why a potential node is no candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DryRunFailure {
    /// It has no pod of lower priority.
    NoVictims,
    /// A filter rejects the pod even when all of them are gone.
    Rejected(PluginId, Rejection),
    /// The pod fits without any eviction, which kube-scheduler takes for an error.
    NothingToEvict,
}

impl DryRunFailure {
    /// Kubernetes' status of the node: the plugin that rejects the pod, the code, and the reasons.
    #[must_use]
    pub fn status(
        self,
        (model, template): (&Model, TemplateId),
        node: NodeId,
    ) -> (Option<PluginId>, &'static str, Vec<String>) {
        match self {
            Self::NoVictims => (None, UNRESOLVABLE, vec![NO_VICTIMS.to_owned()]),
            Self::Rejected(plugin, rejection) => {
                let texts = reason_texts(model, template, rejection.reason);
                (Some(plugin), rejection.code(), texts)
            }
            Self::NothingToEvict => (None, "Error", vec![nothing_to_evict(model, node)]),
        }
    }
}

/// What kube-scheduler says of a node on which the pod fits without any eviction.
pub(crate) fn nothing_to_evict(model: &Model, node: NodeId) -> String {
    format!("expected at least one victim pod on node \"{}\"", model.nodes[node].name)
}

/// Why a pod may not preempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ineligible {
    /// `preemptionPolicy: Never`.
    Never,
    /// Victims of its last preemption are still terminating on its nominated node.
    TerminatingVictim,
}

impl Ineligible {
    /// Kubernetes' words.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Never => "not eligible due to preemptionPolicy=Never.",
            Self::TerminatingVictim => {
                "not eligible due to a terminating pod on the nominated node."
            }
        }
    }
}

/// What DefaultPreemption found for one pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preemption {
    /// The pod may not preempt; then the rest is empty.
    pub ineligible: Option<Ineligible>,
    /// Nodes whose rejection evictions may cure, in the order of the node list.
    pub potential: Vec<NodeId>,
    /// Those on which they do: first without, then with violations of disruption budgets.
    pub candidates: Vec<Candidate>,
    /// Those examined on which they do not.
    pub failures: Vec<(NodeId, DryRunFailure)>,
    /// Places in `candidates` that the rules leave.
    pub best: Vec<usize>,
    /// The place that is taken.
    pub chosen: Option<usize>,
    /// Nodes in the cluster.
    pub nodes: u32,
}

impl Preemption {
    /// The candidate that is taken.
    #[must_use]
    pub fn nominated(&self) -> Option<&Candidate> {
        self.candidates.get(self.chosen?)
    }

    /// The rule that decided for it.
    #[must_use]
    pub fn deciding_rule(&self) -> Option<ChoiceRule> {
        ChoiceRule::deciding(&self.candidates, &self.best)
    }
}
