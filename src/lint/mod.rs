//! Finds, without running anything, what of a scenario or of manifests will hurt.
//!
//! Rules look at the objects as they were written, and at the nodes and behaviours of the scenario
//! around them. Each finding has a stable code, a place, a reason and what would be right. Nothing
//! here reads a file, knows the model or runs a simulation: that a rule is right is shown by its
//! [`Evidence`], which the command runs.

mod autoscaling;
mod budgets;
mod cluster;
mod cron;
mod evidence;
mod findings;
mod images;
mod placement;
mod priorities;
mod probes;
mod reference;
mod resources;
mod rollouts;
mod rules;
mod scene;
mod services;

pub use evidence::{Evidence, SCENARIOS, scenario_path};
pub use findings::{Finding, IGNORE_ANNOTATION};
pub use reference::{document, listing, page};
pub use rules::{Needs, RULES, Rule, find};

use crate::scenario::file::LoadedScenario;
use crate::scenario::manifest::ManifestSet;

use findings::Findings;
use scene::Scene;

/// Checks a scenario: its objects, on its nodes, with its behaviours.
#[must_use]
pub fn check_scenario(loaded: &LoadedScenario) -> Vec<Finding> {
    check(&Scene::new(&loaded.workloads, Some(loaded)))
}

/// Checks manifests of which nothing is known but what they say.
#[must_use]
pub fn check_manifests(set: &ManifestSet) -> Vec<Finding> {
    check(&Scene::new(set, None))
}

fn check(scene: &Scene<'_>) -> Vec<Finding> {
    let mut found = Findings::default();
    findings::check_annotations(scene, &mut found);
    budgets::check(scene, &mut found);
    probes::check(scene, &mut found);
    resources::check(scene, &mut found);
    placement::check(scene, &mut found);
    services::check(scene, &mut found);
    rollouts::check(scene, &mut found);
    autoscaling::check(scene, &mut found);
    cron::check(scene, &mut found);
    priorities::check(scene, &mut found);
    images::check(scene, &mut found);
    found.sorted()
}
