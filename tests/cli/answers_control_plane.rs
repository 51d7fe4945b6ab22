//! What works while a part of the control plane is down, and what happens when it is back.

use super::answers_run::{Row, Run, cluster, deployment, number, scenario};

const WEB: &str = "{name: web, image: 'web:1', livenessProbe: {httpGet: {port: 80}, periodSeconds: 5, \
                   failureThreshold: 2}, readinessProbe: {httpGet: {port: 80}, periodSeconds: 5}}";
const CRASHES: &str = "  behaviour:\n    - selector: {}\n      startup: 1s\n      shutdown: 0s\n      \
                       failures: [{crash: {at: 400s}}]\n";

/// Two nodes with two pods each, a fault, and what else the run brings.
fn run(faults: &str, rest: &str, recovery: &str) -> Run {
    let spec =
        cluster(&[("a", 2), ("b", 2)]) + &deployment(4, WEB, "") + "  faults:\n" + faults + rest;
    Run::of(&scenario("20m", &spec, recovery))
}

fn scale(at: u32, replicas: u32) -> String {
    format!(
        "  operations:\n    - {{at: {at}s, scale: {{workload: default/web, replicas: {replicas}}}}}\n"
    )
}

fn column(pods: &[Row], name: &str) -> Vec<f64> {
    pods.iter().filter(|pod| !pod[name].is_empty()).map(|pod| number(&pod[name])).collect()
}

#[test]
fn without_an_api_server_containers_restart_and_nothing_else_happens() {
    let outage = "    - {at: 300s, apiServerOutage: {for: 200s}}\n";
    let run = run(outage, &(CRASHES.to_owned() + &scale(350, 6)), "");
    let pods = run.table("pods.csv");
    assert_eq!(pods.len(), 6);
    // Every container crashed at 400 s and was started again by its kubelet.
    let first: Vec<&Row> =
        pods.iter().filter(|pod| number(&pod["created_seconds"]) < 1.0).collect();
    assert!(first.len() == 4 && first.iter().all(|pod| pod["restarts"] == "1"), "{first:?}");
    // The scale-up waited for the API server, and for somebody to lead the controllers.
    let created = column(&pods, "created_seconds");
    assert!(created[4..].iter().all(|&at| (501.0..530.0).contains(&at)), "{created:?}");
    // Nobody saw the crashes: readiness changed at no instant of the outage.
    let ready = run.series("workload_replicas_ready", "workload=\"default/web\"");
    assert!(
        !ready.is_empty() && ready.iter().all(|(at, _)| !(300.0..500.0).contains(at)),
        "{ready:?}"
    );
    assert_eq!(run.times("TaintManagerEviction", ""), [0.0; 0], "fresh grace periods");
    assert_eq!(run.times("NodeNotReady", ""), [0.0; 0]);
    assert!((run.metric("api_unwritable_seconds", "") - 200.0).abs() < 1e-6);
}

#[test]
fn leaders_exit_after_ten_seconds_and_standbys_take_over_once_writes_work() {
    let rows = [
        ("{at: 300s, apiServerOutage: {for: 120s}}", 120.0),
        ("{at: 300s, etcdMembersLost: {members: 2, for: 118s}}", 120.0),
    ];
    for (fault, outage) in rows {
        let run = run(&format!("    - {fault}\n"), "", "");
        for component in ["kube-scheduler", "kube-controller-manager"] {
            let label = format!("component=\"{component}\"");
            let without = run.metric("leaderless_seconds", &label);
            // From ten seconds after the last renewal until a poll and a list after the return.
            let least = outage - 10.0;
            assert!((least - 2.0..=least + 12.0).contains(&without), "{fault} {label}: {without}");
        }
    }
}

#[test]
fn a_lost_minority_of_etcd_costs_an_election() {
    let run = run("    - {at: 300s, etcdMembersLost: {members: 1, for: 5m}}\n", "", "");
    let without = run.metric("api_unwritable_seconds", "");
    assert!((1.0..2.5).contains(&without), "{without}");
    for component in ["kube-scheduler", "kube-controller-manager"] {
        let label = format!("component=\"{component}\"");
        assert!(run.metric("leaderless_seconds", &label) < 1e-6, "they outlive an election");
    }
    assert_eq!(run.times("NodeNotReady", ""), [0.0; 0]);
}

#[test]
fn one_instance_of_three_costs_its_kubelets_some_seconds() {
    let run = run("    - {at: 300s, apiServerOutage: {instances: 1, for: 5m}}\n", "", "");
    assert!(run.metric("api_unwritable_seconds", "") < 1e-6);
    let lost = run.metric("node_disconnected_seconds", "");
    assert!(lost <= 4.0 * 10.0, "{lost}");
    assert_eq!(run.times("NodeNotReady", ""), [0.0; 0]);
}

/// The node's containers run on, its pods are replaced, and the old ones go once it hears of it.
#[test]
fn behind_a_partition_pods_run_twice() {
    let fault = "    - {at: 300s, networkPartition: {node: a-0, for: 10m}}\n";
    let run = run(fault, "", "tolerationSeconds: 60");
    let pods = run.table("pods.csv");
    let cut: Vec<&Row> = pods.iter().filter(|pod| pod["node"] == "a-0").collect();
    let told = run.times("NodeNotReady", "a-0");
    assert!(told.len() == 1 && (340.0..=355.1).contains(&told[0]), "{told:?}");
    let evicted = run.times("TaintManagerEviction", "");
    assert_eq!(evicted.len(), cut.len());
    assert!(evicted.iter().all(|at| (told[0] + 65.0..told[0] + 66.0).contains(at)), "{evicted:?}");
    // They are stopped and confirmed only when the node is back, within its retries.
    let deleted = column(&pods, "deleted_seconds");
    assert_eq!(deleted.len(), cut.len());
    assert!(deleted.iter().all(|&at| (900.0..965.0).contains(&at)), "{deleted:?}");
    let twice = run.metric("pod_running_unseen_seconds", "");
    let (least, most) = (cut.len() as f64 * 470.0, cut.len() as f64 * 545.0);
    assert!((least..most).contains(&twice), "{twice}");
    assert_eq!(pods.len(), 4 + cut.len());
}

#[test]
fn while_every_node_is_cut_off_nobody_is_evicted() {
    let fault = "    - {at: 300s, networkPartition: {all: true, for: 8m}}\n";
    let run = run(fault, "", "tolerationSeconds: 60");
    assert_eq!(run.metric("pods_evicted_total", "").to_bits(), 0);
    assert_eq!(run.times("NodeNotReady", "status is now").len(), 4, "all are unknown");
    assert_eq!(run.table("pods.csv").len(), 4);
}

#[test]
fn hung_connections_are_given_up_by_a_timeout_or_by_the_kernel() {
    let fault = "    - {at: 300s, staleConnections: {node: a-0}}\n";
    let healed = run(fault, "", "");
    assert_eq!(healed.times("NodeNotReady", ""), [0.0; 0], "a new connection within the grace");
    let lost = healed.metric("node_disconnected_seconds", "");
    assert!((10.0..=20.0).contains(&lost), "{lost}");
    let old = run(fault, "", "kubeletHeartbeatTimeout: 0s, nodeMonitorGracePeriod: 40s");
    let lost = old.metric("node_disconnected_seconds", "");
    assert!((lost - 900.0).abs() < 1e-6, "the run ends before the kernel gives up: {lost}");
    assert!(!old.times("TaintManagerEviction", "").is_empty());
}

#[test]
fn without_a_scheduler_pods_wait_and_are_tried_when_it_is_back() {
    let fault = "    - {at: 300s, schedulerCrash: {for: 100s}}\n";
    let plane = "  controlPlane: {apiLatency: 0s, watchLatency: 0s, scheduler: {replicas: 1}}\n";
    let spec = cluster(&[("a", 2)]) + &deployment(2, WEB, "") + "  faults:\n" + fault;
    let spec = spec + &scale(310, 4);
    let text = scenario("20m", &spec, "")
        .replace("  controlPlane: {apiLatency: 0s, watchLatency: 0s}\n", plane);
    let run = Run::of(&text);
    let pods = run.table("pods.csv");
    let created = column(&pods, "created_seconds");
    assert!(created[2..].iter().all(|&at| at < 311.0), "controllers go on: {created:?}");
    let bound = column(&pods, "scheduled_seconds");
    // Started again at 400 s, it watches the old lease for 15 s, polls and lists.
    assert!(bound[2..].iter().all(|&at| (416.0..=425.0).contains(&at)), "{bound:?}");
}

#[test]
fn without_controllers_nothing_is_replaced_and_no_node_is_missed() {
    let faults = "    - {at: 300s, controllerManagerCrash: {for: 5m}}\n    - {at: 310s, nodeCrash: \
                  {node: a-0, for: 200s}}\n";
    let spec = cluster(&[("a", 1), ("b", 1)]) + &deployment(2, WEB, "") + "  faults:\n" + faults;
    let plane =
        "  controlPlane: {apiLatency: 0s, watchLatency: 0s, controllerManager: {replicas: 1}}\n";
    let text = scenario("20m", &spec, "")
        .replace("  controlPlane: {apiLatency: 0s, watchLatency: 0s}\n", plane);
    let run = Run::of(&text);
    assert_eq!(run.times("NodeNotReady", ""), [0.0; 0], "the node was back before anyone looked");
    assert_eq!(run.table("pods.csv").len(), 2, "its pods restarted in place");
    let label = "component=\"kube-controller-manager\"";
    let without = run.metric("leaderless_seconds", label);
    assert!((316.0..=325.0).contains(&without), "{without}");
}

#[test]
fn a_slow_api_server_slows_bindings_down() {
    let ready = |faults: &str| {
        let spec = cluster(&[("a", 2)]) + &deployment(2, WEB, "") + faults + &scale(310, 6);
        let text = scenario("20m", &spec, "").replace("apiLatency: 0s", "apiLatency: 20ms");
        let run = Run::of(&text);
        let bound = column(&run.table("pods.csv"), "scheduled_seconds");
        bound.into_iter().fold(0.0, f64::max) - 310.0
    };
    let quick = ready("");
    let slow = ready(
        "  faults:\n    - {at: 300s, apiServerSlow: {requestFactor: 50, watchFactor: 1, for: 5m}}\n",
    );
    assert!(slow > 40.0 * quick, "{quick} {slow}");
}

#[test]
fn an_overloaded_api_server_queues_what_it_cannot_serve() {
    let spec = cluster(&[("a", 10)]) + &deployment(2, "{name: web, image: 'web:1'}", "");
    let spec = spec + &scale(300, 80);
    let last = |plane: &str| {
        let text = scenario("20m", &spec, "").replace("apiLatency: 0s", plane);
        let pods = Run::of(&text).table("pods.csv");
        column(&pods, "ready_seconds").into_iter().fold(0.0, f64::max) - 300.0
    };
    let free = last("apiLatency: 0s");
    let tight = last("apiLatency: 0s, apiServer: {replicas: 1, requestsPerSecond: 10}");
    // 78 pods cost several writes each: creation, binding, statuses.
    assert!(tight > free + 20.0, "{free} {tight}");
}

#[test]
fn nobody_takes_a_lease_that_cannot_be_written() {
    let faults = "    - {at: 300s, controllerManagerCrash: {for: 1s}}\n    - {at: 305s, \
                  apiServerOutage: {for: 60s}}\n";
    let run = run(faults, "", "");
    let without = run.metric("leaderless_seconds", "component=\"kube-controller-manager\"");
    assert!((65.0..=75.0).contains(&without), "{without}");
}

#[test]
fn a_webhook_that_does_not_answer_keeps_pods_from_being_created() {
    let faults =
        "  faults:\n    - {at: 300s, webhookOutage: {webhook: check, timeout: 5s, for: 300s}}\n";
    let spec = cluster(&[("a", 2)]) + &deployment(4, WEB, "") + faults + &scale(310, 6);
    let run = Run::of(&scenario("30m", &spec, ""));
    let refused = run.events("FailedCreate", "failed calling webhook \"check\"");
    assert!(refused.iter().all(|(_, text)| text.contains("?timeout=5s\": context deadline")));
    let refused: Vec<f64> = refused.into_iter().map(|(at, _)| at).collect();
    // Each attempt takes 5 s; between them 5 ms, then twice as long each time.
    assert!((315.0..315.1).contains(&refused[0]), "{refused:?}");
    let gaps = refused.windows(2).map(|pair| pair[1] - pair[0] - 5.0);
    for (retry, gap) in gaps.enumerate() {
        let wait = 0.005 * f64::from(1_u32 << retry);
        assert!((gap - wait).abs() < 1e-6, "{retry}: {gap}, not {wait}");
    }
    let count = run.metric("pod_creations_refused_total", "");
    assert!((count - refused.len() as f64).abs() < 1e-9);
    // The first attempt after the end succeeds, both pods at once.
    let last = refused[refused.len() - 1];
    let next = last + 0.005 * f64::from(1_u32 << (refused.len() - 1));
    let created = column(&run.table("pods.csv"), "created_seconds");
    assert!(next > 600.0 && last < 610.0, "{refused:?}");
    assert!(created[4..].iter().all(|&at| (at - next).abs() < 0.1), "{created:?} {next}");
}

#[test]
fn a_call_that_outlasts_the_outage_fails_of_the_same_webhook() {
    let faults =
        "  faults:\n    - {at: 300s, webhookOutage: {webhook: check, timeout: 5s, for: 18s}}\n";
    let spec = cluster(&[("a", 2)]) + &deployment(4, WEB, "") + faults + &scale(310, 6);
    let run = Run::of(&scenario("20m", &spec, ""));
    let all = run.times("FailedCreate", "");
    assert!(all.last().is_some_and(|at| (320.0..321.0).contains(at)), "{all:?}");
    assert_eq!(all, run.times("FailedCreate", "webhook \"check\""));
}

#[test]
fn a_webhook_of_another_namespace_does_no_harm() {
    let refused = |namespaces: &str| {
        let faults = format!(
            "  faults:\n    - {{at: 300s, webhookOutage: {{namespaces: [{namespaces}], for: 60s}}}}\n"
        );
        let spec = cluster(&[("a", 2)]) + &deployment(4, WEB, "") + &faults + &scale(310, 6);
        let other = "    - objects:\n        - {apiVersion: v1, kind: Pod, metadata: {name: p, \
                     namespace: other}, spec: {containers: [{name: p, image: p}]}}\n";
        let spec = spec.replacen("  workloads:\n", &format!("  workloads:\n{other}"), 1);
        Run::of(&scenario("20m", &spec, "")).metric("pod_creations_refused_total", "")
    };
    assert!(refused("default") > 0.0);
    assert_eq!(refused("other").to_bits(), 0);
}

#[test]
fn without_names_probes_that_look_at_dependencies_fail() {
    let faults = "  faults:\n    - {at: 300s, dnsOutage: {for: 200s}}\n";
    let spec = cluster(&[("a", 2)]) + &deployment(4, WEB, "") + faults;
    let looks = Run::of(&scenario("20m", &spec, ""));
    assert!(looks.metric("container_restarts_total", "cause=\"liveness\"") > 0.0);
    assert!(looks.metric("unneeded_restarts_total", "") > 0.0, "names come back by themselves");
}

#[test]
fn incidents_of_the_network_happen_as_told_and_not_once_mended() {
    for name in ["as-configured", "two-zones", "all-nodes", "fixed"] {
        let path = super::root().join(format!("scenarios/incidents/turnitin-{name}.yaml"));
        let dir = tempfile::tempdir().unwrap();
        let args = ["compare", path.to_str().unwrap(), "--detail", "none"];
        let output = super::wavetank(dir.path(), &[], &args);
        assert_eq!(output.status.code(), Some(0), "{name}: {output:?}");
    }
}
