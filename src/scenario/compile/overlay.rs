//! What a policy lays over the manifests: probes, tolerations, grace periods; and its recovery
//! settings.

use k8s_openapi::api::core::v1::{PodSpec, Probe};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::symbols::Symbols;
use super::workloads::{Collected, disruption_limit};
use crate::base::id::IdVec;
use crate::base::time::SimDuration;
use crate::model::{BackoffCurve, Budget, BudgetId, RecoveryPolicy};
use crate::scenario::defaults;
use crate::scenario::manifest::selector_matches;
use crate::scenario::spec::Recovery;

/// Kubernetes' defaults of 1.34: flags of kube-controller-manager and constants of the kubelet.
#[must_use]
fn defaults() -> RecoveryPolicy {
    RecoveryPolicy {
        node_startup_grace_period: SimDuration::from_secs(60),
        node_monitor_period: SimDuration::from_secs(5),
        node_monitor_grace_period: SimDuration::from_secs(50),
        node_eviction_rate_milli: 100,
        secondary_node_eviction_rate_milli: 10,
        unhealthy_zone_threshold_milli: 550,
        large_cluster_size_threshold: 50,
        heartbeat_timeout: Some(SimDuration::from_secs(10)),
        drain_on_reclaim_notice: false,
        crash_loop_backoff: BackoffCurve {
            initial: SimDuration::from_secs(10),
            max: SimDuration::from_secs(300),
            jitter_per_mille: 500,
        },
    }
}

/// The recovery settings of a policy, defaults where it is silent.
pub(super) fn recovery(spec: Option<&Recovery>) -> RecoveryPolicy {
    let mut out = defaults();
    let Some(spec) = spec else { return out };
    if let Some(period) = &spec.node_monitor_period {
        out.node_monitor_period = period.value;
    }
    if let Some(grace) = &spec.node_monitor_grace_period {
        out.node_monitor_grace_period = grace.value;
    }
    if let Some(rate) = &spec.node_eviction_rate {
        out.node_eviction_rate_milli = milli(rate.value);
    }
    if let Some(rate) = &spec.secondary_node_eviction_rate {
        out.secondary_node_eviction_rate_milli = milli(rate.value);
    }
    if let Some(share) = &spec.unhealthy_zone_threshold {
        out.unhealthy_zone_threshold_milli = milli(share.value);
    }
    if let Some(nodes) = &spec.large_cluster_size_threshold {
        out.large_cluster_size_threshold = nodes.value;
    }
    if let Some(timeout) = &spec.kubelet_heartbeat_timeout {
        out.heartbeat_timeout = Some(timeout.value).filter(|&t| t > SimDuration::ZERO);
    }
    out.drain_on_reclaim_notice = spec.drain_on_reclaim_notice.unwrap_or(false);
    if let Some(back_off) = &spec.crash_loop_back_off {
        let curve = &mut out.crash_loop_backoff;
        if let Some(max) = &back_off.max_container_restart_period {
            curve.max = max.value;
            curve.initial = curve.initial.min(max.value);
        }
        if let Some(initial) = &back_off.initial {
            curve.initial = initial.value;
        }
        if let Some(jitter) = &back_off.jitter {
            curve.jitter_per_mille = u32::try_from(milli(jitter.value)).unwrap_or(u32::MAX);
        }
    }
    out
}

/// Thousandths of a number that was checked to be neither negative nor absurd.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be a small number that is not negative"
)]
fn milli(value: f64) -> u64 {
    (value * 1000.0).round() as u64
}

/// Lays a policy over a pod template's specification, then admits it: default tolerations.
pub(super) fn apply(recovery: Option<&Recovery>, metadata: &ObjectMeta, spec: &mut PodSpec) {
    let toleration = recovery.and_then(|r| r.toleration_seconds.as_ref());
    let seconds = toleration
        .map_or(defaults::NODE_FAILURE_TOLERATION_SECONDS, |seconds| i64::from(seconds.value));
    defaults::add_default_tolerations(spec, seconds);
    let Some(recovery) = recovery else { return };
    if let Some(grace) = &recovery.termination_grace_period_seconds {
        spec.termination_grace_period_seconds = Some(i64::from(grace.value));
    }
    let labels = metadata.labels.clone().unwrap_or_default();
    for entry in recovery.workloads.iter().filter(|e| selector_matches(&e.selector.0, &labels)) {
        if let Some(spread) = &entry.topology_spread_constraints {
            spec.topology_spread_constraints = Some(spread.clone());
        }
        if let Some(affinity) = &entry.affinity {
            spec.affinity = Some(affinity.clone());
        }
    }
    for entry in &recovery.probes {
        if !selector_matches(&entry.selector.0, &labels) {
            continue;
        }
        for container in &mut spec.containers {
            if entry.container.as_ref().is_some_and(|name| name.value != container.name) {
                continue;
            }
            for (probe, over) in [
                (&mut container.liveness_probe, &entry.liveness_probe),
                (&mut container.readiness_probe, &entry.readiness_probe),
                (&mut container.startup_probe, &entry.startup_probe),
            ] {
                if let Some(over) = over {
                    lay_over(probe, &over.value);
                }
            }
        }
    }
}

/// How many replicas a policy gives to the workload of these pods; the last entry decides.
pub(super) fn replicas(recovery: &Recovery, metadata: &ObjectMeta) -> Option<u32> {
    let labels = metadata.labels.clone().unwrap_or_default();
    let chosen = recovery.workloads.iter().filter(|e| selector_matches(&e.selector.0, &labels));
    chosen.filter_map(|entry| entry.replicas.as_ref()).next_back().map(|replicas| replicas.value)
}

/// Lays a policy's budgets over those of the manifests: each workload chosen has the policy's limit
/// in the budgets that select its pods, or in one of its own.
pub(super) fn budgets(
    recovery: Option<&Recovery>,
    collected: &Collected,
    symbols: &mut Symbols,
    budgets: &mut IdVec<BudgetId, Budget>,
) {
    for entry in recovery.iter().flat_map(|recovery| &recovery.workloads) {
        let Some(over) = &entry.pod_disruption_budget else { continue };
        let limit = disruption_limit(over.min_available.as_ref(), over.max_unavailable.as_ref());
        let always = over.unhealthy_pod_eviction_policy.as_deref() == Some("AlwaysAllow");
        let selector = symbols.selector(Some(&entry.selector.0));
        for workload in collected.workloads.values() {
            let labels = &collected.templates[workload.template].labels;
            if !selector.matches(labels, &symbols.interner) {
                continue;
            }
            let mut found = false;
            for budget in budgets.values_mut() {
                if budget.namespace == workload.namespace
                    && budget.selector.matches(labels, &symbols.interner)
                {
                    budget.limit = limit;
                    budget.always_allow_unhealthy = always;
                    found = true;
                }
            }
            if !found {
                budgets.push(Budget {
                    namespace: workload.namespace,
                    name: workload.name.clone(),
                    selector: workload.selector.clone(),
                    limit,
                    always_allow_unhealthy: always,
                });
            }
        }
    }
}

/// Lays one probe over another; a missing one is added only if a handler is given.
fn lay_over(probe: &mut Option<Probe>, over: &Probe) {
    let handled = over.exec.is_some()
        || over.http_get.is_some()
        || over.tcp_socket.is_some()
        || over.grpc.is_some();
    let Some(under) = probe else {
        if handled {
            let mut added = over.clone();
            defaults::probe(&mut added);
            *probe = Some(added);
        }
        return;
    };
    if handled {
        under.exec.clone_from(&over.exec);
        under.http_get.clone_from(&over.http_get);
        under.tcp_socket.clone_from(&over.tcp_socket);
        under.grpc.clone_from(&over.grpc);
    }
    for (under, over) in [
        (&mut under.initial_delay_seconds, over.initial_delay_seconds),
        (&mut under.period_seconds, over.period_seconds),
        (&mut under.timeout_seconds, over.timeout_seconds),
        (&mut under.success_threshold, over.success_threshold),
        (&mut under.failure_threshold, over.failure_threshold),
    ] {
        if over.is_some() {
            *under = over;
        }
    }
    if over.termination_grace_period_seconds.is_some() {
        under.termination_grace_period_seconds = over.termination_grace_period_seconds;
    }
    defaults::probe(under);
}
