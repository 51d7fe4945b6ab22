//! Nodes that are emptied on purpose: drains, reboots, machines that the cloud takes back, nodes out of
//! service.

use super::answers_run::{Row, Run, cluster, deployment, number, same, scenario};

const WEB: &str =
    "{name: web, image: 'web:1', readinessProbe: {httpGet: {port: 80}, periodSeconds: 5}}";

fn budget(spec: &str) -> String {
    format!(
        "        - {{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {{name: web}}, spec: \
         {{{spec}, selector: {{matchLabels: {{app: web}}}}}}}}\n"
    )
}

/// Two nodes with two pods each, their budget, and what happens.
fn run(budget: &str, events: &str, recovery: &str) -> Run {
    let spec = cluster(&[("a", 1), ("b", 1)]) + &deployment(4, WEB, "") + budget + events;
    Run::of(&scenario("30m", &spec, recovery))
}

fn column(pods: &[Row], name: &str) -> Vec<f64> {
    pods.iter().filter(|pod| !pod[name].is_empty()).map(|pod| number(&pod[name])).collect()
}

const DRAIN: &str = "  operations:\n    - {at: 300s, drain: {node: a-0}}\n";

#[test]
fn without_a_budget_a_drain_evicts_everything_at_once() {
    let run = run("", DRAIN, "");
    let pods = run.table("pods.csv");
    let deleted = column(&pods, "deleted_seconds");
    assert_eq!((pods.len(), deleted.len()), (6, 2));
    assert!(deleted.iter().all(|at| (300.5..303.0).contains(at)), "{deleted:?}");
    assert!(pods[4..].iter().all(|pod| pod["node"] == "b-0"), "the node is cordoned");
    assert!(same(run.metric("evictions_refused_total", ""), 0.0));
    let fewest = run.series("workload_replicas_ready", "workload=\"default/web\"");
    let fewest = fewest.iter().filter(|(at, _)| *at > 60.0).map(|(_, count)| *count);
    assert!(same(fewest.fold(4.0, f64::min), 2.0));
}

#[test]
fn a_budget_lets_one_pod_go_at_a_time_and_refusals_are_repeated_every_five_seconds() {
    let run = run(&budget("minAvailable: 3"), DRAIN, "");
    let refused = run.times("EvictionRefused", "violate the pod's disruption budget");
    assert!(!refused.is_empty() && same(refused[0], 300.0), "{refused:?}");
    assert!(refused.windows(2).all(|pair| same(pair[1] - pair[0], 5.0)), "{refused:?}");
    assert!(same(run.metric("evictions_refused_total", ""), refused.len() as f64));
    let ready = run.series("workload_replicas_ready", "workload=\"default/web\"");
    let fewest = ready.iter().filter(|(at, _)| *at > 60.0).map(|(_, count)| *count);
    assert!(same(fewest.fold(4.0, f64::min), 3.0), "the budget holds");
    assert_eq!(column(&run.table("pods.csv"), "deleted_seconds").len(), 2, "and the drain ends");
}

#[test]
fn a_budget_that_allows_nothing_holds_a_drain_up_for_good() {
    let held = run(&budget("minAvailable: 4"), DRAIN, "");
    assert_eq!(held.table("pods.csv").len(), 4);
    assert!(same(held.metric("evictions_refused_total", ""), 2.0 * 301.0));
    // Pods that are not ready go for free where the policy or the others allow it.
    let broken =
        "  behaviour:\n    - {selector: {}, failures: [{refuse: {at: 100s, recovers: never}}]}\n";
    let refused = |policy: &str| {
        let budget = budget(&format!("minAvailable: 4{policy}"));
        run(&budget, &(broken.to_owned() + DRAIN), "").metric("evictions_refused_total", "")
    };
    assert!(refused("") > 0.0, "nobody is healthy");
    assert!(same(refused(", unhealthyPodEvictionPolicy: AlwaysAllow"), 0.0));
}

#[test]
fn a_rebooted_node_keeps_its_pods() {
    let run = run("", "  faults:\n    - {at: 300s, nodeReboot: {node: a-0}}\n", "");
    let pods = run.table("pods.csv");
    assert_eq!(pods.len(), 4);
    let restarted = pods.iter().filter(|pod| pod["restarts"] == "1").count();
    assert_eq!(restarted, 2, "in place");
    assert_eq!(run.times("NodeNotReady", "status is now"), [0.0; 0], "back within the grace");
}

/// The two nodes as before, but that they stop their pods before they go down.
fn graceful_cluster(kubelet: &str) -> String {
    let settings = format!("boot: 10s, kubelet: {{{kubelet}}}");
    let spec = cluster(&[("a", 1), ("b", 1)]).replace("boot: 10s", &settings);
    assert!(spec.contains(kubelet));
    spec
}

fn graceful(kubelet: &str, more: &str, events: &str) -> Run {
    let spec = graceful_cluster(kubelet) + &deployment(4, WEB, more) + events;
    Run::of(&scenario("30m", &spec, ""))
}

const REBOOT: &str = "  faults:\n    - {at: 300s, nodeReboot: {node: a-0}}\n";

#[test]
fn a_graceful_reboot_fails_its_pods_and_goes_down_when_they_have_stopped() {
    let slow = "  behaviour:\n    - {selector: {}, shutdown: 12s}\n".to_owned() + REBOOT;
    let run = graceful("shutdownGracePeriod: 30s, shutdownGracePeriodCriticalPods: 10s", "", &slow);
    let told = run.events("Shutdown", "");
    assert!(told.len() == 1 && same(told[0].0, 300.0), "{told:?}");
    assert_eq!(told[0].1, "Shutdown manager detected shutdown event");
    let not_ready = run.times("NodeNotReady", "Node a-0 status is now: NodeNotReady");
    assert!(not_ready.len() == 1 && same(not_ready[0], 300.0), "told at once: {not_ready:?}");
    let pods = run.table("pods.csv");
    let failed: Vec<&Row> = pods.iter().filter(|pod| pod["phase"] == "Failed").collect();
    assert_eq!(failed.len(), 2);
    assert!(failed.iter().all(|pod| pod["node"] == "a-0" && pod["reason"] == "Terminated"));
    // Replaced as soon as they have failed, by pods on the other node.
    assert!(pods.len() == 6 && pods[4..].iter().all(|pod| pod["node"] == "b-0"), "{pods:?}");
    let created = column(&pods, "created_seconds");
    assert!(created[4..].iter().all(|at| (312.0..314.1).contains(at)), "{created:?}");
    // Down at 312 s and a little, and back ten seconds later.
    let back = run.times("NodeReady", "a-0");
    assert!(back.len() == 1 && (322.0..324.5).contains(&back[0]), "{back:?}");
}

#[test]
fn a_shutdown_waits_no_longer_than_its_time_and_for_critical_pods_last() {
    // Deaf to SIGTERM: killed as the machine goes down, when the time of all but critical pods is over.
    let deaf = "  behaviour:\n    - {selector: {}, shutdown: 10m}\n".to_owned() + REBOOT;
    let run = graceful("shutdownGracePeriod: 25s, shutdownGracePeriodCriticalPods: 5s", "", &deaf);
    let back = run.times("NodeReady", "a-0");
    assert!(back.len() == 1 && same(back[0], 330.0), "{back:?}");
    let pods = run.table("pods.csv");
    let restarted = pods.iter().filter(|pod| pod["restarts"] == "1" && pod["phase"] == "Running");
    assert_eq!((pods.len(), restarted.count()), (4, 2), "they died unseen, and run again");
    let own = graceful("shutdownGracePeriod: 50m", "terminationGracePeriodSeconds: 7, ", &deaf);
    let created = column(&own.table("pods.csv"), "created_seconds");
    assert!(created.len() == 6 && created[4..].iter().all(|at| (307.0..309.1).contains(at)));
    // Critical pods are asked once the others have stopped, or their time is over.
    let mixed = |kubelet: &str, shutdown: &str| {
        let critical = "        - {apiVersion: v1, kind: Pod, metadata: {name: crit, labels: {app: crit}}, \
                        spec: {nodeSelector: {kubernetes.io/hostname: a-0}, priorityClassName: system-cluster-critical, containers: \
                        [{name: c, image: 'c:1'}]}}\n";
        let behaviour = format!(
            "  behaviour:\n    - {{selector: {{}}, shutdown: {shutdown}}}\n    - {{selector: {{matchLabels: \
             {{app: crit}}}}, shutdown: 2s}}\n{REBOOT}"
        );
        let run = graceful(kubelet, "", &(critical.to_owned() + &behaviour));
        let stopped = run.times("Killing", "Stopping container c");
        assert_eq!(stopped.len(), 1, "{stopped:?}");
        (stopped[0], run.times("NodeReady", "a-0")[0])
    };
    let kubelet = "shutdownGracePeriod: 30s, shutdownGracePeriodCriticalPods: 10s";
    let (asked, back) = mixed(kubelet, "5s");
    assert!((305.0..306.1).contains(&asked) && (asked + 12.0..asked + 13.1).contains(&back));
    let (asked, _) = mixed(kubelet, "10m");
    assert!((320.0..321.1).contains(&asked), "{asked}");
    let by_priority = "shutdownGracePeriodByPodPriority: [{priority: 2000000000, \
                       shutdownGracePeriodSeconds: 10}, {priority: 0, shutdownGracePeriodSeconds: 8}]";
    let (asked, _) = mixed(by_priority, "10m");
    assert!((308.0..309.1).contains(&asked), "{asked}");
}

#[test]
fn a_pod_that_outlived_the_shutdown_is_not_failed_for_it_later() {
    let events = "  behaviour:\n    - {selector: {}, shutdown: 10m}\n".to_owned()
        + REBOOT
        + "  operations:\n    - {at: 10m, deletePod: {workload: default/web, replica: 0}}\n    - {at: 10m, \
           deletePod: {workload: default/web, replica: 1}}\n    - {at: 10m, deletePod: {workload: \
           default/web, replica: 2}}\n    - {at: 10m, deletePod: {workload: default/web, replica: 3}}\n";
    let run = graceful("shutdownGracePeriod: 25s", "", &events);
    let pods = run.table("pods.csv");
    let told = |pod: &Row| (pod["phase"].clone(), pod["reason"].clone());
    assert_eq!(pods.len(), 8);
    assert!(pods[..4].iter().all(|pod| told(pod) == told(&pods[0])), "{pods:?}");
    assert!(pods.iter().all(|pod| pod["reason"] != "Terminated"));
}

#[test]
fn a_node_that_shuts_down_takes_no_pod_and_a_second_reboot_changes_nothing() {
    let events = "  behaviour:\n    - {selector: {}, shutdown: 20s}\n  faults:\n    - {at: 300s, \
                  nodeReboot: {node: a-0}}\n    - {at: 310s, nodeReboot: {node: a-0}}\n";
    let run = graceful("shutdownGracePeriod: 60s", "", events);
    assert_eq!(run.times("Shutdown", "").len(), 1);
    assert_eq!(run.times("NodeReady", "a-0").len(), 1);
    // Bound before the scheduler knew of the shutdown: the kubelet has the last word.
    let late = "  operations:\n    - {at: 290s, taintNode: {node: b-0, key: full, effect: NoSchedule}}\n    \
                - {at: 299.4s, scale: {workload: default/web, replicas: 6}}\n";
    let spec =
        graceful_cluster("shutdownGracePeriod: 60s") + &deployment(4, WEB, "") + events + late;
    let scenario = scenario("30m", &spec, "").replace("watchLatency: 0s", "watchLatency: 200ms");
    let run = Run::of(&scenario);
    let refused = run.events("NodeShutdown", "");
    assert!(!refused.is_empty(), "nobody came in time");
    assert_eq!(refused[0].1, "Pod was rejected as the node is shutting down.");
}

#[test]
fn pods_of_a_machine_that_is_gone_are_collected_and_with_a_handler_moved_before() {
    let reclaim = "  faults:\n    - {at: 300s, spotReclaim: {node: a-0, notice: 2m, for: 10m}}\n";
    let plain = run("", reclaim, "");
    let pods = plain.table("pods.csv");
    let told = plain.times("NodeNotReady", "a-0");
    assert!(told.len() == 1 && (460.0..=475.1).contains(&told[0]), "{told:?}");
    // The first pass that knows, 40 s, and the next pass.
    let deleted = column(&pods, "deleted_seconds");
    assert_eq!(deleted.len(), 2);
    let after = deleted.iter().map(|at| at - told[0]);
    assert!(after.clone().all(|wait| (40.0..=80.1).contains(&wait)), "{deleted:?} {told:?}");
    assert!(same(plain.metric("pods_evicted_total", ""), 0.0), "sooner than taints");
    let handled = run("", reclaim, "drainOnReclaimNotice: true");
    let deleted = column(&handled.table("pods.csv"), "deleted_seconds");
    assert!(deleted.len() == 2 && deleted.iter().all(|at| (300.0..303.0).contains(at)));
    let serving = |run: &Run| run.metric("workload_serving_ratio", "workload=\"default/web\"");
    assert!(serving(&handled) > serving(&plain));
    // The machine that comes at 1020 s can be used.
    assert!(!handled.times("NodeReady", "a-0").is_empty());
}

#[test]
fn without_a_cloud_controller_manager_nobody_learns_that_a_machine_is_gone() {
    let faults = "  faults:\n    - {at: 300s, spotReclaim: {node: a-0}}\n    - {at: 300s, \
                  cloudControllerManagerOutage: {for: 10m}}\n";
    let run = run("", faults, "");
    let evicted = run.times("TaintManagerEviction", "");
    assert_eq!(evicted.len(), 2, "taints are what is left: {evicted:?}");
    // Their objects stay until it is back, and two passes more.
    let deleted = column(&run.table("pods.csv"), "deleted_seconds");
    assert!(deleted.len() == 2 && deleted.iter().all(|at| (940.0..=980.1).contains(at)));
}

#[test]
fn the_out_of_service_taint_frees_pods_that_hang_in_terminating() {
    let crash = "  faults:\n    - {at: 300s, nodeCrash: {node: a-0}}\n";
    let taint = "  operations:\n    - {at: 800s, taintNode: {node: a-0, key: \
                 node.kubernetes.io/out-of-service, value: nodeshutdown, effect: NoExecute}}\n";
    let hangs = run("", crash, "");
    assert_eq!(column(&hangs.table("pods.csv"), "deleted_seconds").len(), 0);
    let freed = run("", &(crash.to_owned() + taint), "");
    let deleted = column(&freed.table("pods.csv"), "deleted_seconds");
    assert!(deleted.len() == 2 && deleted.iter().all(|at| (800.0..=820.1).contains(at)));
}

#[test]
fn a_policy_changes_replicas_spread_and_budgets_by_selector() {
    let over =
        |entry: &str| format!("workloads: [{{selector: {{matchLabels: {{app: web}}}}, {entry}}}]");
    // More replicas.
    let more = run("", "", &over("replicas: 7"));
    assert_eq!(more.table("pods.csv").len(), 7);
    // A budget where there is none, and another limit where there is one.
    let none = run("", DRAIN, &over("podDisruptionBudget: {minAvailable: 4}"));
    assert!(same(none.metric("evictions_refused_total", ""), 2.0 * 301.0));
    let free = run(
        &budget("minAvailable: 4"),
        DRAIN,
        &over("podDisruptionBudget: {maxUnavailable: 100%}"),
    );
    assert!(same(free.metric("evictions_refused_total", ""), 0.0));
    // All on one node rather than spread over both.
    let affinity = "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: \
                    {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, \
                    values: [b-0]}]}]}}}";
    let together = run("", "", &over(affinity));
    assert!(together.table("pods.csv").iter().all(|pod| pod["node"] == "b-0"));
    let spread = "topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, \
                  whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: web}}}], replicas: 6";
    let spread = run("", "", &over(spread));
    let on_a = spread.table("pods.csv").iter().filter(|pod| pod["node"] == "a-0").count();
    assert_eq!(on_a, 3);
}

#[test]
fn a_machine_that_was_lost_before_it_is_reclaimed_is_found_gone_as_well() {
    let faults = "  faults:\n    - {at: 300s, nodeCrash: {node: a-0}}\n    - {at: 400s, spotReclaim: \
                  {node: a-0, notice: 0s}}\n";
    let deleted = column(&run("", faults, "").table("pods.csv"), "deleted_seconds");
    // Not ready since about 350 s; from the machine's end on two passes and 40 s.
    assert!(
        deleted.len() == 2 && deleted.iter().all(|at| (440.0..=480.1).contains(at)),
        "{deleted:?}"
    );
}

#[test]
fn a_machine_that_is_replaced_at_once_comes_back() {
    let reclaim = "  faults:\n    - {at: 300s, spotReclaim: {node: a-0, notice: 10s, for: 0s}}\n  \
                   operations:\n    - {at: 600s, scale: {workload: default/web, replicas: 12}}\n";
    let run = run("", reclaim, "");
    let pods = run.table("pods.csv");
    let late = pods.iter().filter(|pod| number(&pod["created_seconds"]) > 599.0);
    assert!(late.filter(|pod| pod["node"] == "a-0").count() >= 3, "the new machine takes pods");
}

/// What a kubelet could not send is in its memory alone.
#[test]
fn what_a_kubelet_could_not_say_is_forgotten_with_the_reboot_of_its_machine() {
    for outage in ["networkPartition: {node: a-0, for: 3m}", "apiServerOutage: {for: 3m}"] {
        let faults = format!(
            "  faults:\n    - {{at: 300s, {outage}}}\n    - {{at: 360s, nodeReboot: {{node: a-0}}}}\n"
        );
        let run = graceful("shutdownGracePeriod: 30s", "", &faults);
        let pods = run.table("pods.csv");
        let again = pods.iter().filter(|pod| pod["node"] == "a-0" && pod["restarts"] == "1");
        assert_eq!((pods.len(), again.count()), (4, 2), "{outage}: in place");
        assert!(pods.iter().all(|pod| pod["phase"] == "Running"), "{outage}");
        // The NotReady of the shutdown does not come after the Ready of the boot.
        let back = run.times("NodeReady", "a-0");
        assert!(back.len() <= 1 && back.iter().all(|at| *at < 495.0), "{outage}: {back:?}");
    }
}
