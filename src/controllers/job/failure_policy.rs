//! `podFailurePolicy`: what the failure of a pod means, by exit codes and conditions.
//!
//! Kubernetes-behaviour §3.5, 7: the first rule that fits decides. Names of containers and types of
//! conditions are symbols of the caller's interner.

use crate::base::map::Symbol;
use crate::state::ConditionStatus;

/// What a rule does with a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The Job fails.
    FailJob,
    /// The pod's index fails.
    FailIndex,
    /// The failure does not count against limits.
    Ignore,
    /// It counts.
    Count,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::FailJob, Self::FailIndex, Self::Ignore, Self::Count];

    /// Kubernetes' word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FailJob => "FailJob",
            Self::FailIndex => "FailIndex",
            Self::Ignore => "Ignore",
            Self::Count => "Count",
        }
    }
}

/// Which pods a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum On {
    /// A container ended with a code other than 0 that is in the list, or is not.
    ExitCodes {
        /// Only this container.
        container: Option<Symbol>,
        /// Operator `NotIn`, not `In`.
        not_in: bool,
        /// The list.
        values: Vec<i32>,
    },
    /// The pod has one of these conditions.
    Conditions(Vec<(Symbol, ConditionStatus)>),
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Whom it is about.
    pub on: On,
    /// What it does.
    pub action: Action,
}

/// A container that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Its name.
    pub container: Symbol,
    /// Its exit code.
    pub code: i32,
}

/// What rules look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PodFacts<'a> {
    /// Containers that have ended: regular ones, then init containers, as the status lists them.
    pub exits: &'a [Exit],
    /// Conditions, as the status lists them.
    pub conditions: &'a [(Symbol, ConditionStatus)],
}

/// What of a pod met a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// A container's exit.
    Exit(Exit),
    /// A condition.
    Condition(Symbol),
}

/// A rule that a pod met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    /// The rule's place.
    pub rule: usize,
    /// What it does.
    pub action: Action,
    /// What met it.
    pub because: Because,
}

impl Match {
    /// Kubernetes' message about a pod, given as `namespace/name`.
    #[must_use]
    pub fn message(&self, pod: &str, name: impl FnOnce(Symbol) -> String) -> String {
        let (rule, action) = (self.rule, self.action.name());
        match self.because {
            Because::Exit(Exit { container, code }) => format!(
                "Container {} for pod {pod} failed with exit code {code} matching {action} rule \
                 at index {rule}",
                name(container)
            ),
            Because::Condition(of) => {
                format!(
                    "Pod {pod} has condition {} matching {action} rule at index {rule}",
                    name(of)
                )
            }
        }
    }

    /// The message of a rule that fails the Job, `None` of any other.
    #[must_use]
    pub fn failure(&self, pod: &str, name: impl FnOnce(Symbol) -> String) -> Option<String> {
        (self.action == Action::FailJob).then(|| self.message(pod, name))
    }

    /// Whether the failure counts against `backoffLimit`.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.action != Action::Ignore
    }
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
