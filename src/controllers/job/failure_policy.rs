//! `podFailurePolicy`: what the failure of a pod means, by exit codes and conditions.
//!
//! Kubernetes-behaviour §3.5, 7: the first rule that fits decides. Names of containers and types of
//! conditions are symbols of the caller's interner.

use crate::base::map::Symbol;
pub use crate::model::{PodFailureAction as Action, PodFailureOn as On, PodFailureRule as Rule};
use crate::state::ConditionStatus;
pub use crate::state::{Because, Exit, PolicyMatch as Match};

/// What rules look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PodFacts<'a> {
    /// Containers that have ended: regular ones, then init containers, as the status lists them.
    pub exits: &'a [Exit],
    /// Conditions, as the status lists them.
    pub conditions: &'a [(Symbol, ConditionStatus)],
}

/// The first rule that a failed pod meets. A pod that meets none counts as failed.
#[must_use]
pub fn policy_match(rules: &[Rule], pod: PodFacts<'_>) -> Option<Match> {
    rules.iter().enumerate().find_map(|(at, rule)| {
        let because = met(&rule.on, pod)?;
        Some(Match { rule: at, action: rule.action, because })
    })
}

fn met(on: &On, pod: PodFacts<'_>) -> Option<Because> {
    match on {
        On::ExitCodes { container, not_in, values } => {
            let meets = |exit: &&Exit| {
                exit.code != 0
                    && container.is_none_or(|container| container == exit.container)
                    && values.contains(&exit.code) != *not_in
            };
            pod.exits.iter().find(meets).map(|exit| Because::Exit(*exit))
        }
        On::Conditions(patterns) => {
            let mut conditions = pod.conditions.iter();
            let meets = conditions.find(|condition| patterns.contains(condition));
            meets.map(|(of, _)| Because::Condition(*of))
        }
    }
}
