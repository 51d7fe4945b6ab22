//! Timing of the control plane: what the scenario says, documented defaults where it is silent.
//!
//! The defaults are choices within measured ranges (kubernetes-behaviour §5), not Kubernetes' facts;
//! client rates and leases are Kubernetes' own.

use super::faults::lasts;
use super::symbols::Symbols;
use crate::base::diag::{Diagnostic, Diagnostics, codes, suggest};
use crate::base::time::SimDuration;
use crate::model::{ControlPlane, FaultKind, LeaderElection};
use crate::rng::Distribution;
use crate::scenario::read::Located;
use crate::scenario::spec;

/// Every default in one place.
fn defaults() -> ControlPlane {
    let election = LeaderElection {
        lease_duration: SimDuration::from_secs(15),
        renew_deadline: SimDuration::from_secs(10),
        retry_period: SimDuration::from_secs(2),
        replicas: 2,
    };
    ControlPlane {
        api_latency_s: Distribution::Constant(0.005),
        watch_latency_s: Distribution::Uniform { lo: 0.0, hi: 0.010 },
        scheduling_cycle: SimDuration::from_millis(1),
        scheduling_per_node: SimDuration::from_nanos(250),
        api_servers: 3,
        api_requests_per_s: None,
        etcd_members: 3,
        etcd_election_timeout: SimDuration::from_secs(1),
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
        election.renew_deadline =
            scheduler.renew_deadline.as_ref().map_or(election.renew_deadline, |d| d.value);
    }
    if let Some(manager) = &spec.controller_manager {
        let election = &mut out.controller_manager_election;
        elect(
            election,
            manager.replicas.as_ref().map(|n| n.value),
            manager.lease_duration.as_ref().map(|d| d.value),
            manager.retry_period.as_ref().map(|d| d.value),
        );
        election.renew_deadline =
            manager.renew_deadline.as_ref().map_or(election.renew_deadline, |d| d.value);
    }
    if let Some(server) = &spec.api_server {
        out.api_servers = server.replicas.as_ref().map_or(out.api_servers, |n| n.value.max(1));
        out.api_requests_per_s = server.requests_per_second.as_ref().map(|n| n.value.max(1));
    }
    if let Some(etcd) = &spec.etcd {
        out.etcd_members = etcd.members.as_ref().map_or(out.etcd_members, |n| n.value.max(1));
        out.etcd_election_timeout =
            etcd.election_timeout.as_ref().map_or(out.etcd_election_timeout, |d| d.value);
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

/// `timeoutSeconds` of a webhook that does not say otherwise.
const WEBHOOK_TIMEOUT: SimDuration = SimDuration::from_secs(10);

/// What a fault is compiled to: what it does, what tables call its target, how long it lasts.
type Compiled = (FaultKind, String, Option<Distribution>);

/// An outage of kube-apiserver.
pub(super) fn outage(
    outage: &spec::ApiServerOutage,
    plane: &ControlPlane,
    found: &mut Diagnostics,
) -> Compiled {
    if let Some(instances) = &outage.instances {
        within(instances, plane.api_servers, ("kube-apiserver instances", "apiServer"), found);
    }
    let instances = outage.instances.as_ref().map(|n| n.value);
    let target = match instances.filter(|&n| n < plane.api_servers) {
        Some(down) => format!("{down} of {} instances", plane.api_servers),
        None => "kube-apiserver".to_owned(),
    };
    (FaultKind::ApiServerOutage { instances }, target, lasts(outage.lasts.as_ref()))
}

/// A slow kube-apiserver.
pub(super) fn slow(slow: &spec::ApiServerSlow, found: &mut Diagnostics) -> Compiled {
    let both = [("requestFactor", &slow.request_factor), ("watchFactor", &slow.watch_factor)];
    if both.iter().all(|(_, factor)| factor.is_none()) {
        let message = "apiServerSlow slows nothing down";
        let finding = Diagnostic::error(codes::MISSING_FIELD, slow.span, message);
        found.push(finding.help("add requestFactor: 20 or watchFactor: 20, or both"));
    }
    let mut factors = both.map(|(name, factor)| {
        let factor = factor.as_ref()?;
        if !(factor.value >= 1.0 && factor.value.is_finite()) {
            let message = format!("{name} {} makes nothing slower", factor.value);
            let finding = Diagnostic::error(codes::OUT_OF_RANGE, factor.span, message);
            found.push(finding.help("write a factor of 1 or more"));
        }
        Some(factor.value)
    });
    let [requests, watches] = factors.each_mut().map(|factor| factor.take().unwrap_or(1.0));
    let kind = FaultKind::ApiServerSlow { requests, watches };
    (kind, "kube-apiserver".to_owned(), lasts(slow.lasts.as_ref()))
}

/// Lost members of etcd.
pub(super) fn members_lost(
    lost: &spec::EtcdMembersLost,
    plane: &ControlPlane,
    found: &mut Diagnostics,
) -> Compiled {
    within(&lost.members, plane.etcd_members, ("etcd members", "etcd"), found);
    let members = lost.members.value;
    let target = format!("{members} of {} members", plane.etcd_members);
    (FaultKind::EtcdMembersLost { members }, target, lasts(lost.lasts.as_ref()))
}

/// A webhook that does not answer.
pub(super) fn webhook(
    outage: &spec::WebhookOutage,
    symbols: &Symbols,
    found: &mut Diagnostics,
) -> Compiled {
    let mut namespaces = Vec::new();
    for name in &outage.namespaces {
        let known = symbols.namespaces.iter().find(|(_, known)| known.name == name.value);
        match known {
            Some((id, _)) => namespaces.push(id),
            None => {
                let names: Vec<&str> =
                    symbols.namespaces.values().map(|known| known.name.as_str()).collect();
                let message = format!("no workload is in the namespace \"{}\"", name.value);
                let help = suggest(&name.value, &names)
                    .unwrap_or_else(|| format!("write one of {}", names.join(", ")));
                found.push(Diagnostic::error(codes::UNRESOLVED, name.span, message).help(help));
            }
        }
    }
    namespaces.sort_unstable();
    namespaces.dedup();
    let name = outage.webhook.as_ref().map_or("webhook", |name| name.as_str());
    let timeout = outage.timeout.as_ref().map_or(WEBHOOK_TIMEOUT, |timeout| timeout.value);
    if !(SimDuration::from_secs(1)..=SimDuration::from_secs(30)).contains(&timeout)
        && let Some(timeout) = &outage.timeout
    {
        let message = format!("a webhook times out after 1 to 30 s, not {}", timeout.value);
        let finding = Diagnostic::error(codes::OUT_OF_RANGE, timeout.span, message);
        found.push(finding.help("write for example 10s"));
    }
    let webhook = name.to_owned();
    let kind = FaultKind::WebhookOutage { webhook, namespaces, timeout };
    (kind, name.to_owned(), lasts(outage.lasts.as_ref()))
}

/// A finding unless 1 to `all` are struck.
fn within(count: &Located<u32>, all: u32, (what, field): (&str, &str), found: &mut Diagnostics) {
    if !(1..=all).contains(&count.value) {
        let message = format!("{} {what} of {all}", count.value);
        let help = format!("write 1 to {all}, or declare more under spec.controlPlane.{field}");
        found.push(Diagnostic::error(codes::OUT_OF_RANGE, count.span, message).help(help));
    }
}
