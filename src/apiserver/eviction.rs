//! The Eviction API: whether a pod may go, by the PodDisruptionBudgets that select it.
//!
//! Kubernetes-behaviour §3.16. Operators and handlers of reclaim notices use it; taint eviction,
//! kubelets under pressure, controllers and preemption do not.

use super::ApiServer;
use crate::base::time::SimDuration;
use crate::cx::Cx;
use crate::model::{BudgetId, PodId};
use crate::record::{Fact, Involved};
use crate::state::{BudgetStatus, Client, DeletionCause, Phase, Request, Sent};

/// How long `kubectl drain` waits after a refusal.
const RETRY: SimDuration = SimDuration::from_secs(5);

/// What the Eviction API looks at in a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvictedPod {
    /// Its phase.
    pub phase: Phase,
    /// It is Ready.
    pub ready: bool,
    /// It is being deleted.
    pub terminating: bool,
}

/// What it looks at in a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvictionBudget {
    /// `status.disruptionsAllowed`.
    pub allowed: i32,
    /// `status.currentHealthy`.
    pub healthy: i32,
    /// `status.desiredHealthy`.
    pub desired: i32,
    /// The status is about the budget as it is.
    pub observed: bool,
    /// `spec.unhealthyPodEvictionPolicy: AlwaysAllow`.
    pub always_allow_unhealthy: bool,
}

/// The Eviction API's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvictionAnswer {
    /// The pod is deleted, and no budget pays for it.
    Free {
        /// Only if it is still as it was looked at.
        unchanged: bool,
    },
    /// The pod is deleted, and its budget allows one disruption less.
    Charged,
    /// No budget allows it now: 429.
    TooMany,
    /// More than one budget selects the pod: 500.
    Ambiguous,
}

impl EvictionAnswer {
    /// Whether the pod is deleted.
    #[must_use]
    pub fn deletes(self) -> bool {
        matches!(self, Self::Free { .. } | Self::Charged)
    }

    /// How many disruptions the budget allows after this answer.
    #[must_use]
    pub fn allowed_after(self, budget: &EvictionBudget) -> i32 {
        if self == Self::Charged { budget.allowed - 1 } else { budget.allowed }
    }

    /// Code, reason and message of the response.
    #[must_use]
    pub fn response(self) -> (u16, Option<&'static str>, Option<&'static str>) {
        match self {
            Self::Free { .. } | Self::Charged => (201, None, None),
            Self::TooMany => (
                429,
                Some("TooManyRequests"),
                Some("Cannot evict pod as it would violate the pod's disruption budget."),
            ),
            Self::Ambiguous => (
                500,
                None,
                Some(
                    "This pod has more than one PodDisruptionBudget, which the eviction \
                     subresource does not support.",
                ),
            ),
        }
    }
}

/// Decides an eviction.
#[must_use]
pub fn eviction(pod: EvictedPod, budgets: &[EvictionBudget]) -> EvictionAnswer {
    if pod.terminating || pod.phase.is_terminal() {
        return EvictionAnswer::Free { unchanged: false };
    }
    if pod.phase == Phase::Pending {
        return EvictionAnswer::Free { unchanged: true };
    }
    let budget = match budgets {
        [] => return EvictionAnswer::Free { unchanged: false },
        [budget] => budget,
        _ => return EvictionAnswer::Ambiguous,
    };
    let enough = budget.healthy >= budget.desired && budget.desired > 0;
    if !pod.ready && (budget.always_allow_unhealthy || enough) {
        return EvictionAnswer::Free { unchanged: true };
    }
    if budget.observed && budget.allowed > 0 {
        EvictionAnswer::Charged
    } else {
        EvictionAnswer::TooMany
    }
}

impl ApiServer {
    pub(super) fn evict_pod(&mut self, cx: &mut Cx<'_>, pod: PodId, grace: Option<SimDuration>) {
        let object = cx.state.api.pods[pod];
        if object.gone {
            return;
        }
        let template = &cx.model.templates[object.template];
        let selecting = cx.model.budgets.iter().filter(|(_, budget)| {
            budget.namespace == template.namespace
                && budget.selector.matches(&template.labels, &cx.model.symbols)
        });
        let selecting: Vec<BudgetId> = selecting.map(|(id, _)| id).collect();
        let asked = selecting.iter().map(|&id| {
            let status = &cx.state.api.budgets[id];
            EvictionBudget {
                allowed: status.disruptions_allowed,
                healthy: status.current_healthy,
                desired: status.desired_healthy,
                observed: true,
                always_allow_unhealthy: cx.model.budgets[id].always_allow_unhealthy,
            }
        });
        let asked: Vec<EvictionBudget> = asked.collect();
        let evicted = EvictedPod {
            phase: object.status.phase,
            ready: object.is_ready(),
            terminating: object.termination.is_some(),
        };
        let answer = eviction(evicted, &asked);
        if answer == EvictionAnswer::Charged {
            let budget = selecting[0];
            let mut status: BudgetStatus = cx.state.api.budgets[budget].clone();
            status.disruptions_allowed = answer.allowed_after(&asked[0]);
            status.disrupted_pods.push((pod, cx.now));
            self.budget_status(cx, budget, status);
        }
        match answer {
            EvictionAnswer::Free { .. } | EvictionAnswer::Charged => {
                self.delete_pod(cx, pod, grace, DeletionCause::Eviction);
            }
            EvictionAnswer::TooMany | EvictionAnswer::Ambiguous => {
                cx.fact(Fact::EvictionRefused { pod });
                let (_, _, message) = answer.response();
                cx.kube_event(Involved::Pod(pod), (true, "EvictionRefused", "kubectl"), |_, _| {
                    message.unwrap_or_default().to_owned()
                });
                // An error that is not about the budget ends the drain for this pod.
                if answer == EvictionAnswer::TooMany {
                    let request = Request::EvictPod { pod, grace };
                    let sent = Sent { client: Client::Operator, epoch: 0, request };
                    cx.send(sent, cx.now.saturating_add(RETRY));
                }
            }
        }
    }
}
