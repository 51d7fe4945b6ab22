//! What shows that a rule is right: small scenarios that come with the program.
//!
//! In each, a workload as a rule does not want it runs beside one as it does; the command runs them
//! and prints what came of both.

/// What shows a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// A scenario of [`SCENARIOS`] with a workload that the rule finds and one as it should be.
    Shown {
        /// The scenario's name.
        scenario: &'static str,
        /// The workload that the rule is about, in namespace `default`.
        bad: &'static str,
        /// The workload to compare it with.
        good: &'static str,
    },
    /// Nothing, for a reason: lower case, no full stop.
    Unshown(&'static str),
}

macro_rules! scenarios {
    ($($name:literal),*) => {
        /// Name and text of every scenario that shows rules.
        pub const SCENARIOS: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../scenarios/lint/", $name, ".yaml")))),*];
    };
}

scenarios!(
    "drain",
    "images",
    "overcommitted",
    "pending",
    "pressure",
    "probes",
    "rollout",
    "services"
);

/// Where a scenario of [`SCENARIOS`] stands in the repository.
#[must_use]
pub fn scenario_path(name: &str) -> String {
    format!("scenarios/lint/{name}.yaml")
}
