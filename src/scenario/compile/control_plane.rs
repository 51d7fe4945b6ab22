//! Timing of the control plane: what the scenario says, documented defaults where it is silent.
//!
//! The defaults are choices within measured ranges (kubernetes-behaviour §5), not Kubernetes' facts;
//! client rates and leases are Kubernetes' own.

use crate::base::time::SimDuration;
use crate::model::{ControlPlane, LeaderElection};
use crate::rng::Distribution;
use crate::scenario::spec;

/// Every default in one place.
fn defaults() -> ControlPlane {
    let election = LeaderElection {
        lease_duration: SimDuration::from_secs(15),
        retry_period: SimDuration::from_secs(2),
        replicas: 2,
    };
    ControlPlane {
        api_latency_s: Distribution::Constant(0.005),
        watch_latency_s: Distribution::Uniform { lo: 0.0, hi: 0.010 },
        scheduling_cycle: SimDuration::from_millis(1),
        scheduling_per_node: SimDuration::from_nanos(250),
        scheduler_election: election,
        controller_manager_election: election,
        relist_s: Distribution::Uniform { lo: 1.0, hi: 3.0 },
        controller_qps: 20,
        controller_burst: 30,
        kubelet_qps: 50,
        kubelet_burst: 100,
        sandbox_s: Distribution::Constant(0.3),
        container_start_s: Distribution::Constant(0.15),
        pull_overhead_s: Distribution::Constant(0.5),
        pull_bytes_per_s: 50_000_000,
        lease_renew_interval: SimDuration::from_secs(10),
    }
}

/// The control plane of a scenario.
pub(super) fn compile(spec: Option<&spec::ControlPlane>) -> ControlPlane {
    let mut out = defaults();
    let Some(spec) = spec else { return out };
    if let Some(latency) = &spec.api_latency {
        out.api_latency_s = latency.0.clone();
    }
    if let Some(latency) = &spec.watch_latency {
        out.watch_latency_s = latency.0.clone();
    }
    if let Some(scheduler) = &spec.scheduler {
        if let Some(cycle) = &scheduler.cycle_time {
            out.scheduling_cycle = cycle.value;
            out.scheduling_per_node = SimDuration::ZERO;
        }
        let election = &mut out.scheduler_election;
        elect(
            election,
            scheduler.replicas.as_ref().map(|n| n.value),
            scheduler.lease_duration.as_ref().map(|d| d.value),
            scheduler.retry_period.as_ref().map(|d| d.value),
        );
    }
    if let Some(manager) = &spec.controller_manager {
        let election = &mut out.controller_manager_election;
        elect(
            election,
            manager.replicas.as_ref().map(|n| n.value),
            manager.lease_duration.as_ref().map(|d| d.value),
            manager.retry_period.as_ref().map(|d| d.value),
        );
    }
    if let Some(relist) = &spec.relist {
        out.relist_s = relist.0.clone();
    }
    out
}

fn elect(
    election: &mut LeaderElection,
    replicas: Option<u32>,
    lease_duration: Option<SimDuration>,
    retry_period: Option<SimDuration>,
) {
    election.replicas = replicas.unwrap_or(election.replicas).max(1);
    election.lease_duration = lease_duration.unwrap_or(election.lease_duration);
    election.retry_period = retry_period.unwrap_or(election.retry_period);
}
