//! From sums and counts to the rows of `metrics.csv`, `faults.csv` and `recovery.csv`.

use std::collections::BTreeMap;

use super::definitions::definition;
use super::load::share;
use super::lookup::label_text;
use super::pods::PodTrack;
use super::probes;
use super::recovery::{Recovered, fault_label, target_name};
use super::replay::Replay;
use super::window::{ratio, seconds};
use crate::base::math::quantile_sorted;
use crate::base::time::{SimDuration, SimTime};
use crate::event::Watcher;
use crate::model::{Model, ProbeKind};
use crate::record::ExitCause;
use crate::tables::{FaultRow, MetricRow, RecoveryRow};

/// Nanoseconds of an hour.
const HOUR_NS: f64 = 3.6e12;

/// Rows of `metrics.csv` while they are collected.
struct Sheet(Vec<MetricRow>);

impl Sheet {
    fn put(&mut self, metric: &str, labels: &[(&str, &str)], value: f64) {
        debug_assert!(definition(metric).is_some(), "{metric} has no definition");
        self.0.push(MetricRow { metric: metric.to_owned(), labels: label_text(labels), value });
    }

    fn count(&mut self, metric: &str, labels: &[(&str, &str)], value: u64) {
        self.put(metric, labels, value as f64);
    }

    fn put_some(&mut self, metric: &str, labels: &[(&str, &str)], value: Option<f64>) {
        if let Some(value) = value {
            self.put(metric, labels, value);
        }
    }
}

/// Mean, least and most of durations; nothing where there are none.
fn spread_of(sheet: &mut Sheet, metric: &str, durations: &[SimDuration]) {
    let times = sorted_seconds(durations.to_vec());
    if let ([least, ..], [.., most]) = (times.as_slice(), times.as_slice()) {
        let mean = times.iter().sum::<f64>() / times.len() as f64;
        sheet.put(metric, &[], mean);
        sheet.put(metric, &[("quantile", "0")], *least);
        sheet.put(metric, &[("quantile", "1")], *most);
    }
}

/// All metrics, sorted by name and labels.
pub(super) fn metric_rows(replay: &Replay<'_>, recovered: &[Recovered]) -> Vec<MetricRow> {
    let mut sheet = Sheet(Vec::new());
    recovery(&mut sheet, replay, recovered);
    availability(&mut sheet, replay);
    pods(&mut sheet, replay);
    containers(&mut sheet, replay);
    allocation(&mut sheet, replay);
    spread(&mut sheet, replay);
    cost(&mut sheet, replay);
    control_plane(&mut sheet, replay);
    overload(&mut sheet, replay);
    sheet.0.sort_by(|a, b| (&a.metric, &a.labels).cmp(&(&b.metric, &b.labels)));
    sheet.0
}

fn recovery(sheet: &mut Sheet, replay: &Replay<'_>, recovered: &[Recovered]) {
    let occurrences = &replay.recovery.occurrences;
    let counts = |ordinal: u32| replay.window.contains(occurrences[ordinal as usize].began);
    let label = |ordinal: u32| fault_label(replay.model, occurrences[ordinal as usize].fault);
    let mut by_label: BTreeMap<String, Vec<SimDuration>> = BTreeMap::new();
    for ordinal in (0..).take(occurrences.len()).filter(|&ordinal| counts(ordinal)) {
        by_label.entry(label(ordinal)).or_default();
    }
    let measured: Vec<&Recovered> =
        recovered.iter().filter(|account| counts(account.occurrence)).collect();
    for account in &measured {
        by_label.entry(label(account.occurrence)).or_default().push(account.time_to_whole);
    }
    if by_label.is_empty() {
        return;
    }
    let mut all = Vec::new();
    for (fault, times) in by_label {
        sheet.count("workloads_affected_total", &[("fault", &fault)], times.len() as u64);
        all.extend_from_slice(&times);
        let times = sorted_seconds(times);
        for (name, q) in [("0.5", 0.5), ("0.95", 0.95), ("1", 1.0)] {
            let labels = [("fault", fault.as_str()), ("quantile", name)];
            sheet.put("time_to_whole_seconds", &labels, quantile_or_zero(&times, q));
        }
    }
    let all = sorted_seconds(all);
    for (name, q) in [("0.5", 0.5), ("0.95", 0.95), ("1", 1.0)] {
        sheet.put("time_to_whole_seconds", &[("quantile", name)], quantile_or_zero(&all, q));
    }
    let censored = measured.iter().filter(|account| account.censored).count();
    sheet.count("recovery_censored_total", &[], censored as u64);
    let lost = measured.iter().map(|account| u64::from(account.replicas_lost)).sum();
    sheet.count("replicas_lost_total", &[], lost);
    let mut mean = |metric, part: fn(&Recovered) -> Option<SimDuration>| {
        let parts: Vec<SimDuration> = measured.iter().filter_map(|account| part(account)).collect();
        let sum = parts.iter().map(|part| u128::from(part.as_nanos())).sum::<u128>();
        let mean = ratio(sum, parts.len() as u128).map(|ns| ns / 1e9);
        sheet.put_some(metric, &[], mean);
    };
    mean("recovery_detect_seconds", |account| account.detect);
    mean("recovery_reschedule_seconds", |account| account.reschedule);
    mean("recovery_start_seconds", |account| account.start);
    mean("recovery_ready_seconds", |account| account.ready);
    mean("time_to_whole_seconds", |account| Some(account.time_to_whole));
}

fn sorted_seconds(mut times: Vec<SimDuration>) -> Vec<f64> {
    times.sort_unstable();
    times.into_iter().map(SimDuration::as_secs_f64).collect()
}

fn quantile_or_zero(sorted: &[f64], q: f64) -> f64 {
    if sorted.is_empty() { 0.0 } else { quantile_sorted(sorted, q) }
}

fn availability(sheet: &mut Sheet, replay: &Replay<'_>) {
    let (mut ready, mut desired, mut deficit) = (0, 0, 0);
    for (id, track) in replay.workloads.iter() {
        let sums = &track.sums;
        let name = replay.model.workload_name(id);
        let labels = [("workload", name.as_str())];
        ready += sums.ready;
        desired += sums.desired;
        deficit += sums.deficit;
        sheet.put_some("workload_availability_ratio", &labels, ratio(sums.ready, sums.desired));
        sheet.put_some("workload_serving_ratio", &labels, ratio(sums.serving, sums.desired));
        sheet.put("outage_seconds", &labels, seconds(sums.outage_ns));
    }
    sheet.put_some("availability_ratio", &[], ratio(ready, desired));
    sheet.put("replica_deficit_seconds", &[], seconds(deficit));
    for (id, switch) in replay.services.iter() {
        let service = &replay.model.services[id];
        let namespace = &replay.model.namespaces[service.namespace].name;
        let name = format!("{namespace}/{}", service.name);
        let share = ratio(switch.on_ns(), replay.window.length_ns());
        sheet.put_some("service_availability_ratio", &[("service", &name)], share);
    }
}

/// How long a pod waited to be bound.
fn pending_time(pod: &PodTrack, end: SimTime) -> SimDuration {
    let until = pod.bound.map(|(time, _)| time).or(pod.deleted).unwrap_or(end);
    until.saturating_since(pod.created)
}

fn pods(sheet: &mut Sheet, replay: &Replay<'_>) {
    let end = replay.window.end();
    let created: Vec<&PodTrack> = replay
        .known_pods()
        .filter(|pod| replay.window.contains(pod.created) && !replay.is_settled(pod))
        .collect();
    let waits = sorted_seconds(created.iter().map(|pod| pending_time(pod, end)).collect());
    for (name, q) in [("0.5", 0.5), ("0.95", 0.95), ("0.99", 0.99)] {
        sheet.put("pod_pending_seconds", &[("quantile", name)], quantile_or_zero(&waits, q));
    }
    let returned = replay.counts.bound_to_returned;
    sheet.count("pods_bound_to_returned_total", &[], returned);
    sheet.count("pods_created_total", &[], created.len() as u64);
    sheet.count("pods_deleted_total", &[], replay.counts.deleted);
    sheet.count("pods_evicted_total", &[], replay.counts.evicted);
    sheet.count("pods_pressure_evicted_total", &[], replay.counts.pressure_evictions);
    sheet.count("node_oom_kills_total", &[], replay.counts.node_oom_kills);
    sheet.count("pods_preempted_total", &[], replay.counts.preempted);
    let [preemptions, violations] = replay.counts.preemptions;
    sheet.count("preemption_budget_violations_total", &[], violations);
    sheet.count("preemptions_total", &[], preemptions);
    let unschedulable = replay.known_pods().filter(|pod| pod.flags.unschedulable).count();
    sheet.count("pods_unschedulable_total", &[], unschedulable as u64);
    let pending = replay.known_pods().filter(|pod| {
        let there = pod.deleted.is_none() && !pod.flags.terminating;
        there && pod.bound.is_none() && !pod.phase.is_terminal()
    });
    sheet.count("pods_pending_at_end", &[], pending.count() as u64);
}

fn containers(sheet: &mut Sheet, replay: &Replay<'_>) {
    let counts = &replay.counts;
    let known = [
        ExitCause::Itself,
        ExitCause::LivenessProbe,
        ExitCause::StartupProbe,
        ExitCause::OutOfMemory,
        ExitCause::NodeLost,
    ];
    for cause in known {
        let restarts = counts.restarts.get(&Some(cause)).copied().unwrap_or(0);
        sheet.count("container_restarts_total", &[("cause", cause.name())], restarts);
    }
    // None of these belongs to a usual account of a run, so none has a row without a case.
    for (cause, name) in [
        (Some(ExitCause::PostStartHook), "post_start"),
        (Some(ExitCause::Terminated), "terminated"),
        (None, "unknown"),
    ] {
        if let Some(&restarts) = counts.restarts.get(&cause).filter(|restarts| **restarts > 0) {
            sheet.count("container_restarts_total", &[("cause", name)], restarts);
        }
    }
    sheet.count("container_restarts_total", &[], counts.restarts.values().sum());
    sheet.count("unneeded_restarts_total", &[], counts.unneeded);
    sheet.count("evictions_refused_total", &[], counts.evictions_refused);
    sheet.count("pod_creations_refused_total", &[], counts.creations_refused);
    sheet.count("image_pull_failures_total", &[], counts.pulls_failed);
    for (id, track) in replay.workloads.iter() {
        let name = replay.model.workload_name(id);
        let labels = [("workload", name.as_str())];
        sheet.count("container_restarts_total", &labels, track.verdicts.restarts);
        sheet.count("unneeded_restarts_total", &labels, track.verdicts.unneeded);
    }
    verdicts(sheet, replay);
    for probe in [ProbeKind::Startup, ProbeKind::Liveness, ProbeKind::Readiness] {
        let failures = counts.probes.get(&probe).copied().unwrap_or(0);
        sheet.count("probe_failures_total", &[("probe", probe.name())], failures);
    }
}

/// What the probes of each kind got wrong, in all and per workload that has such a probe.
fn verdicts(sheet: &mut Sheet, replay: &Replay<'_>) {
    for kind in probes::KINDS {
        let at = probes::place(kind);
        let (mut wrong, mut missed, mut any) = (0, 0, false);
        for (id, track) in replay.workloads.iter() {
            let template = &replay.model.templates[replay.model.workloads[id].template];
            let counts = (track.verdicts.false_positives[at], track.sums.missed[at]);
            if probes::declared(template)[at] == 0 && counts == (0, 0) {
                continue;
            }
            any = true;
            wrong += counts.0;
            missed += counts.1;
            let name = replay.model.workload_name(id);
            let labels = [("probe", kind.name()), ("workload", name.as_str())];
            sheet.count("probe_false_positives_total", &labels, counts.0);
            sheet.put("probe_missed_seconds", &labels, seconds(counts.1));
        }
        if any {
            let labels = [("probe", kind.name())];
            sheet.count("probe_false_positives_total", &labels, wrong);
            sheet.put("probe_missed_seconds", &labels, seconds(missed));
        }
    }
}

fn allocation(sheet: &mut Sheet, replay: &Replay<'_>) {
    let (load, length) = (&replay.load, replay.window.length_ns());
    let whole = |allocatable: i64| u128::try_from(allocatable).unwrap_or(0) * length;
    for resource in &load.resources {
        let labels = [("resource", resource.name.as_str())];
        let mean = ratio(resource.sum, whole(resource.allocatable));
        sheet.put_some("cluster_allocated_ratio", &labels, mean);
        let most = share(resource.max as f64, resource.allocatable);
        sheet.put("cluster_allocated_ratio_max", &labels, most);
    }
    let (mut fullest, mut stranded, mut totals) = ([0.0_f64; 2], [0; 2], [0; 2]);
    for (id, track) in load.nodes.iter() {
        let offered = &replay.model.nodes[id].allocatable;
        fullest[0] = fullest[0].max(share(track.cpu_max as f64, offered.cpu_milli));
        fullest[1] = fullest[1].max(share(track.memory_max as f64, offered.memory_bytes));
        stranded[0] += track.stranded_cpu;
        stranded[1] += track.stranded_memory;
        totals[0] += offered.cpu_milli;
        totals[1] += offered.memory_bytes;
    }
    if load.nodes.is_empty() {
        return;
    }
    for (at, resource) in ["cpu", "memory"].into_iter().enumerate() {
        let shares = || load.nodes.ids().map(|id| load.node_ratios(id)[at]);
        let label = |node| [("node", node), ("resource", resource)];
        let (least, most) = (shares().fold(f64::INFINITY, f64::min), shares().fold(0.0, f64::max));
        sheet.put("node_allocated_at_end_ratio", &label("least"), least);
        sheet.put("node_allocated_at_end_ratio", &label("most"), most);
    }
    sheet.put("node_allocated_ratio_max", &[("resource", "cpu")], fullest[0]);
    sheet.put("node_allocated_ratio_max", &[("resource", "memory")], fullest[1]);
    sheet.put_some("stranded_cpu_ratio", &[], ratio(stranded[0], whole(totals[0])));
    sheet.put_some("stranded_memory_ratio", &[], ratio(stranded[1], whole(totals[1])));
    let used = load.nodes.values().map(|node| node.used_ns).sum();
    sheet.put_some("nodes_used", &[], ratio(used, length));
    let ready = replay.nodes_ready.values().map(|switch| switch.on_ns()).sum();
    let nodes = load.nodes.len() as u128;
    sheet.put_some("nodes_ready_ratio", &[], ratio(ready, nodes * length));
}

fn spread(sheet: &mut Sheet, replay: &Replay<'_>) {
    for (id, track) in replay.workloads.iter() {
        let name = replay.model.workload_name(id);
        let most = track.colocated_max as f64;
        sheet.put("workload_colocated_max", &[("workload", &name)], most);
    }
    if replay.model.zones.len() < 2 {
        return;
    }
    for (id, track) in replay.workloads.iter() {
        let name = replay.model.workload_name(id);
        let mean = ratio(track.sums.skew, replay.window.length_ns());
        sheet.put_some("workload_zone_skew", &[("workload", &name)], mean);
    }
    if let Some(most) = replay.workloads.values().map(|track| track.skew_max).max() {
        sheet.put("workload_zone_skew_max", &[], most as f64);
    }
}

fn overload(sheet: &mut Sheet, replay: &Replay<'_>) {
    for (id, fewest) in replay.fewest.iter() {
        let service = &replay.model.services[id];
        let namespace = &replay.model.namespaces[service.namespace].name;
        let name = format!("{namespace}/{}", service.name);
        let least = fewest.least().map(f64::from);
        sheet.put_some("service_endpoints_min", &[("service", &name)], least);
        let misrouted = replay.routing.misrouted(id);
        sheet.put_some("service_misrouted_ratio", &[("service", &name)], misrouted);
    }
    if replay.model.load.is_empty() {
        return;
    }
    sheet.put("node_cpu_utilisation_max", &[], replay.overload.utilisation_max());
    sheet.count("node_overload_crashes_total", &[], replay.overload.crashes());
    sheet.count("nodes_overloaded", &[], replay.overload.nodes());
}

fn cost(sheet: &mut Sheet, replay: &Replay<'_>) {
    let prices: Vec<f64> = replay
        .model
        .nodes
        .values()
        .filter_map(|node| replay.model.pools[node.pool].price_per_hour)
        .collect();
    if prices.is_empty() {
        return;
    }
    let per_hour: f64 = prices.into_iter().sum();
    sheet.put("cost_per_hour", &[], per_hour);
    sheet.put("cost_total", &[], per_hour * (replay.window.length_ns() as f64 / HOUR_NS));
}

fn control_plane(sheet: &mut Sheet, replay: &Replay<'_>) {
    let [scheduled, unschedulable] = replay.counts.attempts;
    sheet.count("scheduling_attempts_total", &[("result", "scheduled")], scheduled);
    sheet.count("scheduling_attempts_total", &[("result", "unschedulable")], unschedulable);
    for watcher in Watcher::ALL {
        let component = match watcher {
            Watcher::Scheduler => "kube-scheduler",
            Watcher::ControllerManager => "kube-controller-manager",
        };
        let without = seconds(replay.leaderless[watcher.index()].on_ns());
        sheet.put("leaderless_seconds", &[("component", component)], without);
    }
    spread_of(sheet, "node_detection_seconds", &replay.node_loss.detected);
    spread_of(sheet, "node_eviction_seconds", &replay.node_loss.given_up);
    let reach = &replay.reach;
    sheet.put("api_unwritable_seconds", &[], seconds(reach.unwritable_ns()));
    sheet.put("node_disconnected_seconds", &[], seconds(reach.cut_ns()));
    sheet.put("pod_running_unseen_seconds", &[], seconds(reach.unseen_ns()));
    sheet.count("rollouts_complete_total", &[], replay.counts.rollouts);
    for (workload, ends) in &replay.jobs.of {
        let name = replay.model.workload_name(*workload);
        sheet.count("jobs_complete_total", &[("workload", &name)], ends.complete);
        sheet.count("jobs_failed_total", &[("workload", &name)], ends.failed);
    }
    spread_of(sheet, "job_duration_seconds", &replay.jobs.took);
}

/// Rows of `faults.csv`, in order of begin.
pub(super) fn fault_rows(replay: &Replay<'_>) -> Vec<FaultRow> {
    let ordinals = 0..;
    ordinals
        .zip(&replay.recovery.occurrences)
        .map(|(ordinal, occurrence)| FaultRow {
            fault: ordinal,
            kind: replay.model.faults[occurrence.fault].kind.name().to_owned(),
            target: target_name(replay.model, occurrence.fault).to_owned(),
            start_seconds: occurrence.began.as_secs_f64(),
            end_seconds: occurrence.ended.map(SimTime::as_secs_f64),
        })
        .collect()
}

/// Rows of `recovery.csv`, by fault and workload.
pub(super) fn recovery_rows(model: &Model, recovered: &[Recovered]) -> Vec<RecoveryRow> {
    let row = |account: &Recovered| RecoveryRow {
        fault: account.occurrence,
        workload: model.workload_name(account.workload),
        replicas_lost: account.replicas_lost,
        detect_seconds: account.detect.map(SimDuration::as_secs_f64),
        reschedule_seconds: account.reschedule.map(SimDuration::as_secs_f64),
        start_seconds: account.start.map(SimDuration::as_secs_f64),
        ready_seconds: account.ready.map(SimDuration::as_secs_f64),
        time_to_whole_seconds: Some(account.time_to_whole.as_secs_f64()),
        censored: account.censored,
    };
    recovered.iter().map(row).collect()
}
