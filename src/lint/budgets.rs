//! Rules about PodDisruptionBudgets.

use super::findings::Findings;
use super::rules;
use super::scene::{Budget, Scene, Workload, pods_of};
use crate::base::diag::Severity;
use crate::model::DisruptionLimit;
use crate::scenario::compile::disruption_limit;

/// Looks at every budget, then at every workload for the budgets that select it.
pub(super) fn check(scene: &Scene<'_>, found: &mut Findings) {
    for budget in &scene.budgets {
        let selected = scene.budgeted(budget);
        if selected.is_empty() && budget.spec.selector.is_some() {
            selects_nothing(scene, budget, found);
        }
        blocks(scene, budget, &selected, found);
    }
    for workload in &scene.workloads {
        two_budgets(scene, workload, found);
    }
}

fn selects_nothing(scene: &Scene<'_>, budget: &Budget<'_>, found: &mut Findings) {
    let namespace = budget.manifest.object.namespace();
    if scene.has_workloads(namespace) {
        let title = budget.manifest.object.title();
        let message = format!("{title} selects no pod of any object in namespace {namespace}");
        let at = budget.manifest.cursor().keys(&["spec", "selector"]);
        found.add_as(scene.missing(), &rules::BUDGET_OF_NOTHING, budget.manifest, &at, message);
    }
}

/// A budget whose bound leaves nothing to evict when every pod is healthy.
fn blocks(
    scene: &Scene<'_>,
    budget: &Budget<'_>,
    selected: &[&Workload<'_>],
    found: &mut Findings,
) {
    let spec = budget.spec;
    let limit = disruption_limit(spec.min_available.as_ref(), spec.max_unavailable.as_ref());
    // Of how many pods a percentage is taken; unknown where a selected object has no number.
    let pods = pods_of(selected).filter(|&pods| pods > 0);
    let (field, allowed) = match limit {
        // Nothing is expected, and so nothing allowed.
        DisruptionLimit::Absent => ("minAvailable", Some(0)),
        // Percentages are rounded up: any share of one pod is a pod.
        DisruptionLimit::MaxUnavailable(max) => {
            ("maxUnavailable", Some(max.ceil(pods.unwrap_or(1))))
        }
        DisruptionLimit::MinAvailable(min) => {
            // All of them stays all of them, whatever their number.
            let all = min.ceil(1) >= 1 && min.ceil(1_000_000) >= 1_000_000;
            let left = pods.map(|pods| pods.saturating_sub(min.ceil(pods)));
            ("minAvailable", if all { Some(0) } else { left })
        }
    };
    if allowed.is_none_or(|allowed| allowed > 0) {
        return;
    }
    let at = budget.manifest.cursor().keys(&["spec", field]);
    let title = budget.manifest.object.title();
    let names: Vec<String> = selected.iter().map(|workload| workload.title()).collect();
    let of = match pods {
        Some(1) => format!(" the only pod of {}", names.join(", ")),
        Some(pods) if names.len() == 1 => format!(" any of the {pods} pods of {}", names[0]),
        Some(_) | None => " any pod".to_owned(),
    };
    let mut message = format!("{title} never lets{of} be evicted");
    let rule = &rules::BUDGET_BLOCKS;
    let mut level = rule.level;
    if pods.is_some() && selected.iter().any(|workload| scene.may_grow(workload)) {
        level = Severity::Warning;
        message.push_str(" while their autoscaler is at minReplicas");
    }
    found.add_as(level, rule, budget.manifest, &at, message);
}

fn two_budgets(scene: &Scene<'_>, workload: &Workload<'_>, found: &mut Findings) {
    let mut selecting = scene.budgets.iter().filter(|budget| budget.selects(workload));
    let Some(first) = selecting.next() else { return };
    for second in selecting {
        let at = second.manifest.cursor().keys(&["spec", "selector"]);
        let message = format!(
            "{} and {} both select the pods of {}",
            second.manifest.object.title(),
            first.manifest.object.title(),
            workload.title()
        );
        let place = (second.manifest, &at);
        found.add_related(&rules::TWO_BUDGETS, place, (first.manifest, "the other one"), message);
    }
}
