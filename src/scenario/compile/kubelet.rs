//! Settings of kubelets, Kubernetes' defaults where nothing is said.

use crate::base::time::SimDuration;
use crate::model::{
    CRITICAL_PRIORITY, EvictionThreshold, KubeletConfig, ShutdownStep, Signal, Threshold,
    ThresholdValue,
};
use crate::scenario::read::Located;
use crate::scenario::spec::{Kubelet, Settings};

/// The settings of a pool.
pub(super) fn compile(spec: Option<&Kubelet>) -> KubeletConfig {
    let mut config = KubeletConfig::default();
    let Some(spec) = spec else { return config };
    let reclaim = |signal| value(spec.eviction_minimum_reclaim.as_ref(), signal).copied().flatten();
    if let Some(hard) = &spec.eviction_hard {
        config.thresholds = thresholds(hard, |_| None);
    }
    if let Some(soft) = &spec.eviction_soft {
        let graces = spec.eviction_soft_grace_period.as_ref();
        config.thresholds.extend(thresholds(soft, |signal| value(graces, signal).copied()));
    }
    for threshold in &mut config.thresholds {
        threshold.min_reclaim = reclaim(threshold.signal);
    }
    config.thresholds.sort_by_key(|threshold| (threshold.signal, threshold.grace));
    if let Some(period) = &spec.eviction_pressure_transition_period {
        config.pressure_transition = period.value;
    }
    if let Some(seconds) = &spec.eviction_max_pod_grace_period {
        config.max_pod_grace = SimDuration::from_secs(u64::from(seconds.value));
    }
    config.shutdown = shutdown(spec);
    config
}

/// The steps of a shutdown: as told by priority, or those of all pods and of critical ones.
fn shutdown(spec: &Kubelet) -> Vec<ShutdownStep> {
    let by_priority = spec.shutdown_grace_period_by_pod_priority.iter().map(|entry| {
        let seconds = u64::from(entry.shutdown_grace_period_seconds.value);
        ShutdownStep { priority: entry.priority.value, grace: SimDuration::from_secs(seconds) }
    });
    let mut steps: Vec<ShutdownStep> = by_priority.collect();
    steps.sort_by_key(|step| step.priority);
    // The kubelet counts whole seconds.
    let zero = SimDuration::ZERO;
    let seconds = |of: &Located<SimDuration>| SimDuration::from_secs(of.value.as_secs());
    let whole = spec.shutdown_grace_period.as_ref().map_or(zero, seconds);
    if whole > zero {
        let critical = spec.shutdown_grace_period_critical_pods.as_ref().map_or(zero, seconds);
        steps.push(ShutdownStep { priority: 0, grace: whole.saturating_sub(critical) });
        steps.push(ShutdownStep { priority: CRITICAL_PRIORITY, grace: critical });
    }
    steps
}

fn value<T>(settings: Option<&Settings<T>>, signal: Signal) -> Option<&T> {
    let mut all = settings.into_iter().flat_map(|settings| &settings.0);
    all.find(|(other, _)| *other == signal).map(|(_, located)| &located.value)
}

fn thresholds(
    settings: &Settings<Threshold>,
    grace: impl Fn(Signal) -> Option<SimDuration>,
) -> Vec<EvictionThreshold> {
    let below = |threshold: Threshold| -> Option<ThresholdValue> {
        match threshold {
            Threshold::Below(value) => Some(value),
            Threshold::Ignored => None,
        }
    };
    let all = settings.0.iter().filter_map(|(signal, located)| {
        let (signal, below) = (*signal, below(located.value)?);
        Some(EvictionThreshold { signal, below, min_reclaim: None, grace: grace(signal) })
    });
    all.collect()
}
