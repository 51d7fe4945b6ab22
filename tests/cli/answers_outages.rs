//! What goes on without a kubelet, a container runtime, a registry, a ConfigMap; hooks and deadlines.

use super::answers_run::{Row, Run, cluster, deployment, number, same, scenario};

const WEB: &str = "{name: web, image: 'web:1', livenessProbe: {httpGet: {port: 80}, periodSeconds: 5, \
                   failureThreshold: 2}, readinessProbe: {httpGet: {port: 80}, periodSeconds: 5}}";

/// Two nodes with two pods each, a fault, and what else the run brings.
fn run(fault: &str, rest: &str, recovery: &str) -> Run {
    let faults = format!("  faults:\n    - {fault}\n");
    let spec = cluster(&[("a", 1), ("b", 1)]) + &deployment(4, WEB, "") + &faults + rest;
    Run::of(&scenario("30m", &spec, recovery))
}

fn column(pods: &[Row], name: &str) -> Vec<f64> {
    pods.iter().filter(|pod| !pod[name].is_empty()).map(|pod| number(&pod[name])).collect()
}

fn on<'a>(pods: &'a [Row], node: &str) -> Vec<&'a Row> {
    pods.iter().filter(|pod| pod["node"] == node).collect()
}

/// A single pod `solo` with these fields of its spec, on one node.
fn solo(spec: &str, rest: &str) -> Run {
    let pod = format!(
        "  workloads:\n    - objects:\n        - {{apiVersion: v1, kind: Pod, metadata: {{name: \
         solo, labels: {{app: solo}}}}, spec: {{{spec}}}}}\n"
    );
    Run::of(&scenario(
        "10m",
        &(cluster(&[("a", 1)]) + &pod + "  start: empty\n  measureFrom: 0s\n" + rest),
        "",
    ))
}

#[test]
fn without_a_kubelet_a_node_is_lost_to_the_api_and_its_containers_serve_on() {
    let run = run("{at: 300s, kubeletCrash: {node: a-0, for: 15m}}", "", "");
    let told = run.times("NodeNotReady", "a-0");
    assert!(told.len() == 1 && (340.0..=355.1).contains(&told[0]), "{told:?}");
    let evicted = run.times("TaintManagerEviction", "");
    let pods = run.table("pods.csv");
    let cut = on(&pods, "a-0");
    assert_eq!((evicted.len(), cut.len()), (2, 2));
    assert!(
        evicted.iter().all(|at| (told[0] + 300.0..told[0] + 306.0).contains(at)),
        "{evicted:?}"
    );
    // The old ones run on until the kubelet is back and hears that they are deleted.
    let deleted: Vec<f64> = cut.iter().map(|pod| number(&pod["deleted_seconds"])).collect();
    assert!(deleted.iter().all(|at| (1200.0..1204.0).contains(at)), "{deleted:?}");
    let twice = run.metric("pod_running_unseen_seconds", "");
    assert!((2.0 * 500.0..2.0 * 600.0).contains(&twice), "{twice}");
    assert_eq!(run.times("NodeReady", "a-0").len(), 1, "the node is ready again");
}

#[test]
fn a_kubelet_that_is_back_within_the_grace_leaves_no_trace() {
    let run = run("{at: 300s, kubeletCrash: {node: a-0, for: 30s}}", "", "");
    assert_eq!(run.times("NodeNotReady", ""), [0.0; 0]);
    assert_eq!(run.table("pods.csv").len(), 4);
    let ready = run.series("workload_replicas_ready", "workload=\"default/web\"");
    assert!(
        !ready.is_empty() && ready.iter().all(|&(at, count)| at < 60.0 || same(count, 4.0)),
        "{ready:?}"
    );
}

#[test]
fn a_runtime_is_missed_after_three_minutes() {
    let long = run("{at: 300s, runtimeOutage: {node: a-0, for: 10m}}", "", "");
    let told = long.times("NodeNotReady", "a-0");
    assert!(!told.is_empty() && (480.0..=490.1).contains(&told[0]), "{told:?}");
    let evicted = long.times("TaintManagerEviction", "");
    assert!(evicted.len() == 2 && evicted.iter().all(|at| (780.0..=800.0).contains(at)));
    let pods = long.table("pods.csv");
    let deleted: Vec<f64> =
        on(&pods, "a-0").iter().map(|pod| number(&pod["deleted_seconds"])).collect();
    assert!(deleted.iter().all(|at| (900.0..904.0).contains(at)), "{deleted:?}");
    let short = run("{at: 300s, runtimeOutage: {node: a-0, for: 170s}}", "", "");
    assert_eq!(short.times("NodeNotReady", ""), [0.0; 0]);
    assert_eq!(short.table("pods.csv").len(), 4);
}

#[test]
fn without_a_registry_only_cached_images_start() {
    let outage = "{at: 300s, registryOutage: {for: 300s}}";
    let grow = "  operations:\n    - {at: 400s, scale: {workload: default/web, replicas: 6}}\n";
    let cached = run(outage, grow, "");
    let pods = cached.table("pods.csv");
    assert!(column(&pods, "ready_seconds")[4..].iter().all(|at| (400.0..420.0).contains(at)));
    assert!(same(cached.metric("image_pull_failures_total", ""), 0.0));
    // The same image, but the registry is asked at each start.
    let asks = WEB.replace("'web:1'", "'web:1', imagePullPolicy: Always");
    let faults = format!("  faults:\n    - {outage}\n");
    let spec = cluster(&[("a", 1), ("b", 1)]) + &deployment(4, &asks, "") + &faults + grow;
    let run = Run::of(&scenario("30m", &spec, ""));
    let failed = run.times("Failed", "ErrImagePull");
    assert!(same(run.metric("image_pull_failures_total", ""), failed.len() as f64));
    let first = failed[0];
    // Two pods wait: 10, 20, 40 and 80 s from each failure on, stretched by up to a half.
    assert!((8..=12).contains(&failed.len()), "{failed:?}");
    assert!((400.0..405.0).contains(&first), "{first}");
    assert!(failed.iter().all(|at| *at < 600.0));
    let ready = column(&run.table("pods.csv"), "ready_seconds");
    // Back at 600 s: what is left of a wait of 160 s at most, and its jitter.
    assert!(ready[4..].iter().all(|at| (600.0..860.0).contains(at)), "{ready:?}");
    assert!(!run.times("BackOff", "Back-off pulling image \"web:1\"").is_empty());
}

/// §3.21, bad image in rollout, as far as kubelets and ReplicaSets go.
#[test]
fn a_rollout_to_an_image_that_cannot_be_pulled_stops_at_its_bound_and_old_pods_serve_on() {
    let asks = WEB.replace("'web:1'", "'web:1', imagePullPolicy: Always");
    let events = "  faults:\n    - {at: 290s, registryOutage: {}}\n  operations:\n    - {at: 300s, \
                  rolloutRestart: {workload: default/web}}\n";
    let spec = cluster(&[("a", 1), ("b", 1)]) + &deployment(4, &asks, "") + events;
    let run = Run::of(&scenario("30m", &spec, ""));
    let pods = run.table("pods.csv");
    // A quarter of four more, a quarter of four fewer: two new ones, three old ones.
    let (old, new) = pods.split_at(4);
    assert_eq!(
        (new.len(), old.iter().filter(|pod| pod["deleted_seconds"].is_empty()).count()),
        (2, 3)
    );
    assert!(new.iter().all(|pod| pod["reason"] == "ImagePullBackOff" && pod["phase"] == "Pending"));
    let ready = run.series("workload_replicas_ready", "workload=\"default/web\"");
    let least = ready.iter().map(|(_, count)| *count).fold(4.0, f64::min);
    let last = ready[ready.len() - 1];
    assert!(same(least, 3.0) && same(last.0, 300.0) && same(last.1, 3.0), "{ready:?}");
    assert!(same(run.metric("rollouts_complete_total", ""), 0.0));
}

#[test]
fn a_container_waits_for_its_secret_and_a_pod_for_its_volumes() {
    let containers = "containers: [{name: a, image: 'a:1', envFrom: [{secretRef: {name: keys}}]}, \
                      {name: b, image: 'b:1'}], volumes: [{name: conf, configMap: {name: settings}}]";
    let run = solo(
        containers,
        "  faults:\n    - {at: 0s, configMissing: {configMap: settings, for: 10s}}\n    - {at: 0s, \
         configMissing: {secret: keys, for: 60s}}\n",
    );
    let mounts = run.times("FailedMount", "configmap \"settings\" not found");
    // Half a second, then twice as long each time: the fifth wait ends after the ConfigMap came.
    let gaps: Vec<f64> = mounts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(
        gaps.iter().zip([0.5, 1.0, 2.0, 4.0]).all(|(gap, want)| same(*gap, want)),
        "{mounts:?}"
    );
    let failed = run.times("Failed", "Error: secret \"keys\" not found");
    assert!((3..=6).contains(&failed.len()), "{failed:?}");
    assert!(
        failed.windows(2).all(|pair| (9.9..=15.5).contains(&(pair[1] - pair[0]))),
        "{failed:?}"
    );
    let ready = column(&run.table("pods.csv"), "ready_seconds");
    assert!((60.0..80.0).contains(&ready[0]), "{ready:?}");
}

#[test]
fn a_post_start_hook_delays_the_next_container_and_fails_its_own() {
    let containers = "containers: [{name: a, image: 'a:1', lifecycle: {postStart: {exec: {command: \
                      [register]}}}}, {name: b, image: 'b:1'}]";
    let hook = |hook: &str| {
        let rest = format!("  behaviour:\n    - {{selector: {{}}, postStart: {hook}}}\n");
        solo(containers, &rest)
    };
    let slow = hook("{takes: 20s}");
    let [a, b] = ["container a", "container b"].map(|name| slow.times("Started", name)[0]);
    assert!((20.0..30.0).contains(&(b - a)), "{a} {b}");
    let ready = column(&slow.table("pods.csv"), "ready_seconds")[0];
    assert!((b..b + 1.1).contains(&ready), "{ready}");
    let failing = hook("{takes: 1s, fails: 1}");
    assert!(failing.times("FailedPostStartHook", "").len() >= 4);
    let restarts = failing.metric("container_restarts_total", "cause=\"post_start\"");
    assert!(restarts >= 3.0, "{restarts}");
}

#[test]
fn a_pod_fails_when_it_has_been_active_for_too_long() {
    let run = solo(
        "activeDeadlineSeconds: 120, restartPolicy: Never, containers: [{name: a, image: 'a:1'}]",
        "",
    );
    let pods = run.table("pods.csv");
    assert_eq!((&*pods[0]["phase"], &*pods[0]["reason"]), ("Failed", "DeadlineExceeded"));
    let told = run.times("DeadlineExceeded", "longer than the specified deadline");
    let bound = number(&pods[0]["scheduled_seconds"]);
    // Start times are whole seconds.
    assert!(told.len() == 1 && (119.0..=120.5).contains(&(told[0] - bound)), "{told:?} {bound}");
}

/// The worked timeline of a deletion with traffic, as far as there are parties: the kubelet and what the
/// API says of the pod.
#[test]
fn a_deleted_pod_leaves_the_api_before_it_stops_serving() {
    let containers = "{name: web, image: 'web:1', lifecycle: {preStop: {sleep: {seconds: 5}}}, \
                      readinessProbe: {httpGet: {port: 80}, periodSeconds: 5}}";
    let delete = "  operations:\n    - {at: 300s, deletePod: {workload: default/web, replica: 0}}\n  \
                  behaviour:\n    - {selector: {}, shutdown: 500ms}\n";
    let spec = cluster(&[("a", 1), ("b", 1)]) + &deployment(4, containers, "") + delete;
    let text = scenario("20m", &spec, "")
        .replace("  controlPlane: {apiLatency: 0s, watchLatency: 0s}\n", "");
    let run = Run::of(&text);
    let killing = run.times("Killing", "Stopping container web")[0];
    assert!((300.005..=300.2).contains(&killing), "the kubelet hears of it: {killing}");
    // Out of the count of ready replicas with the deletion, while the preStop hook still runs.
    let ready = run.series("workload_replicas_ready", "workload=\"default/web\"");
    let left = ready.iter().find(|(at, count)| *at >= 300.0 && same(*count, 3.0)).unwrap().0;
    assert!((300.0..300.1).contains(&left), "{left}");
    let gone = column(&run.table("pods.csv"), "deleted_seconds")[0];
    // Five seconds of preStop, half a second after SIGTERM, PLEG within one, clean-up of one.
    assert!((killing + 6.5..=killing + 7.6).contains(&gone), "{killing} {gone}");
    let serving = run.metric("workload_serving_ratio", "workload=\"default/web\"");
    let available = run.metric("workload_availability_ratio", "workload=\"default/web\"");
    assert!(serving >= available, "it serves on while it is terminating: {serving} {available}");
}
