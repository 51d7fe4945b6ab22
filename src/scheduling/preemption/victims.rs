//! The pods of one node that have to go.

use std::cmp::Reverse;

use super::budgets::{DisruptionBudget, split};
use super::{Candidate, DryRunFailure};
use crate::model::NodeId;
use crate::scheduling::{BoundPod, PluginId, Rejection};

/// A node on which pods can be taken away and put back to see whether the incoming pod fits.
pub(crate) trait NodeTrial {
    /// A pod leaves the node.
    fn remove(&mut self, pod: &BoundPod);

    /// A pod that left comes back.
    fn add(&mut self, pod: &BoundPod);

    /// Whether the incoming pod fits now.
    fn fits(&mut self) -> Result<(), (PluginId, Rejection)>;
}

/// The order of importance, most important first: by priority, then by who started first.
fn importance(pod: &BoundPod) -> impl Ord + use<> {
    (Reverse(pod.priority), pod.started)
}

/// Finds the victims on a node: takes all pods of lower priority away and, if the incoming pod fits
/// then, puts back as many as possible, those first whose eviction would violate a budget.
///
/// `pods` are the node's in its own order, which decides between equally important ones. The trial
/// is left as it ends.
pub(crate) fn select_victims(
    node: NodeId,
    pods: &[BoundPod],
    priority: i32,
    budgets: &[DisruptionBudget],
    trial: &mut impl NodeTrial,
) -> Result<Candidate, DryRunFailure> {
    let mut lower: Vec<BoundPod> =
        pods.iter().filter(|pod| pod.priority < priority).copied().collect();
    if lower.is_empty() {
        return Err(DryRunFailure::NoVictims);
    }
    lower.iter().for_each(|pod| trial.remove(pod));
    trial.fits().map_err(|(plugin, rejection)| DryRunFailure::Rejected(plugin, rejection))?;
    lower.sort_by_key(importance);
    let (violating, others) = split(lower, budgets);
    let mut victims = Vec::new();
    let mut reprieve = |pods: &[BoundPod]| {
        for pod in pods {
            trial.add(pod);
            if trial.fits().is_err() {
                trial.remove(pod);
                victims.push(*pod);
            }
        }
        victims.len()
    };
    let violations = reprieve(&violating);
    reprieve(&others);
    if victims.is_empty() {
        return Err(DryRunFailure::NothingToEvict);
    }
    victims.sort_by_key(importance);
    let violations = u32::try_from(violations).expect("pod ids have 32 bits");
    Ok(Candidate { node, victims, violations })
}
