//! Disruption budgets as preemption sees them: which evictions would violate one.

use crate::base::id::IdSet;
use crate::model::{BudgetId, LabelSelector, Model, NamespaceId, PodId, TemplateId};
use crate::scheduling::BoundPod;

/// A PodDisruptionBudget with its status.
#[derive(Clone, Debug)]
pub struct DisruptionBudget {
    /// Classes whose pods it protects.
    selected: IdSet<TemplateId>,
    /// `status.disruptionsAllowed`.
    pub allowed: i32,
    /// `status.disruptedPods`: their eviction has been granted and counts no more.
    pub disrupted: Vec<PodId>,
}

impl DisruptionBudget {
    /// A budget that allows nothing yet. An empty selector protects no pod, and pods without
    /// labels are protected by none.
    #[must_use]
    pub fn new(model: &Model, namespace: NamespaceId, selector: &LabelSelector) -> Self {
        let mut selected = IdSet::with_capacity(model.templates.len());
        for (id, spec) in model.templates.iter() {
            if spec.namespace == namespace
                && !spec.labels.is_empty()
                && !selector.is_empty()
                && selector.matches(&spec.labels, &model.symbols)
            {
                selected.insert(id);
            }
        }
        Self { selected, allowed: 0, disrupted: Vec::new() }
    }

    /// A declared budget with this status.
    #[must_use]
    pub fn of(model: &Model, budget: BudgetId, allowed: i32, disrupted: Vec<PodId>) -> Self {
        let budget = &model.budgets[budget];
        Self { allowed, disrupted, ..Self::new(model, budget.namespace, &budget.selector) }
    }

    fn protects(&self, pod: &BoundPod) -> bool {
        self.selected.contains(pod.template) && !self.disrupted.contains(&pod.pod)
    }
}

/// Splits pods that may all have to go, the most important first, into those whose eviction
/// violates a budget and the others. Every pod of the list uses up its budgets, whether it is
/// evicted in the end or not.
pub(super) fn split(
    pods: Vec<BoundPod>,
    budgets: &[DisruptionBudget],
) -> (Vec<BoundPod>, Vec<BoundPod>) {
    let mut left: Vec<i32> = budgets.iter().map(|budget| budget.allowed).collect();
    pods.into_iter().partition(|pod| {
        let mut violates = false;
        for (budget, left) in budgets.iter().zip(&mut left) {
            if budget.protects(pod) {
                *left = left.saturating_sub(1);
                violates |= *left < 0;
            }
        }
        violates
    })
}
