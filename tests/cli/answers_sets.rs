//! StatefulSets and DaemonSets: order, identity, what a dead node does to them, rollouts, drains.

use super::answers_run::{Run, cluster, number, same, scenario};

/// A StatefulSet `db` of three with these further fields, and a DaemonSet `logs`.
fn objects(stateful: &str, daemon: &str) -> String {
    format!(
        "  workloads:
    - objects:
        - apiVersion: apps/v1
          kind: StatefulSet
          metadata: {{name: db}}
          spec:
            replicas: 3
            {stateful}
            selector: {{matchLabels: {{app: db}}}}
            template:
              metadata: {{labels: {{app: db}}}}
              spec:
                containers:
                  - {{name: db, image: 'db:1', resources: {{requests: {{cpu: '1', memory: 1Gi}}}}, readinessProbe: {{httpGet: {{port: 80}}, periodSeconds: 1}}}}
        - apiVersion: apps/v1
          kind: DaemonSet
          metadata: {{name: logs}}
          spec:
            {daemon}
            selector: {{matchLabels: {{app: logs}}}}
            template:
              metadata: {{labels: {{app: logs}}}}
              spec:
                containers:
                  - {{name: logs, image: 'logs:1', resources: {{requests: {{cpu: 100m, memory: 64Mi}}}}, readinessProbe: {{httpGet: {{port: 80}}, periodSeconds: 1}}}}
  behaviour:
    - {{selector: {{}}, startup: 5s}}
"
    )
}

/// Three nodes, and what happens.
fn run(start: &str, stateful: &str, daemon: &str, events: &str) -> Run {
    let measured = if start == "empty" { "  measureFrom: 0s\n" } else { "" };
    let spec = format!("  start: {start}\n{measured}") + &cluster(&[("a", 1), ("b", 1), ("c", 1)]);
    Run::of(&scenario("30m", &(spec + &objects(stateful, daemon) + events), ""))
}

/// Creation and readiness of the pods of a name, oldest first.
fn lives(run: &Run, prefix: &str) -> Vec<(String, f64, Option<f64>)> {
    let pods = run.table("pods.csv").into_iter();
    let own = pods.filter(|pod| pod["name"].starts_with(prefix));
    own.map(|pod| {
        let ready = Some(&pod["ready_seconds"]).filter(|text| !text.is_empty());
        (pod["name"].clone(), number(&pod["created_seconds"]), ready.map(|text| number(text)))
    })
    .collect()
}

#[test]
fn ordinals_start_one_after_another_when_those_before_are_ready() {
    let run = run("empty", "", "", "");
    let pods = lives(&run, "db-");
    let names: Vec<&str> = pods.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, ["db-0", "db-1", "db-2"]);
    for pair in pods.windows(2) {
        let ready = pair[0].2.expect("it became ready");
        assert!(pair[1].1 >= ready.floor(), "{pair:?}: the next waits for the one before");
    }
    assert_eq!(
        run.events("SuccessfulCreate", "create Pod db-1 in StatefulSet db successful").len(),
        1
    );
}

#[test]
fn managed_in_parallel_they_start_together() {
    let pods = lives(&run("empty", "podManagementPolicy: Parallel", "", ""), "db-");
    assert_eq!(pods.len(), 3);
    assert!(pods.iter().all(|(_, created, _)| same(*created, pods[0].1)), "{pods:?}");
}

#[test]
fn a_rolling_update_goes_from_the_highest_ordinal_down_to_the_partition() {
    let restart = "  operations:\n    - {at: 5m, rolloutRestart: {workload: default/db}}\n";
    let whole = run("settled", "", "", restart);
    let after: Vec<String> =
        lives(&whole, "db-").into_iter().filter(|pod| pod.1 >= 300.0).map(|pod| pod.0).collect();
    assert_eq!(after, ["db-2", "db-1", "db-0"]);
    assert!(same(whole.metric("rollouts_complete_total", ""), 1.0));
    let part = run(
        "settled",
        "updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 2}}",
        "",
        restart,
    );
    let after: Vec<String> =
        lives(&part, "db-").into_iter().filter(|pod| pod.1 >= 300.0).map(|pod| pod.0).collect();
    assert_eq!(after, ["db-2"]);
    assert!(same(part.metric("rollouts_complete_total", ""), 0.0));
}

/// Kubernetes-behaviour §3.3 and §3.21: at most one pod of an ordinal, so the lost one is not
/// replaced while its object is there.
#[test]
fn the_pod_of_a_dead_node_is_not_replaced_until_its_object_is_gone() {
    let crash = "  faults:\n    - {at: 2m, nodeCrash: {node: a-0}}\n";
    let stuck = run("settled", "", "", crash);
    let pods = stuck.table("pods.csv");
    let lost: Vec<_> =
        pods.iter().filter(|pod| pod["node"] == "a-0" && pod["name"].starts_with("db-")).collect();
    assert_eq!(lost.len(), 1);
    assert!(lost[0]["deleted_seconds"].is_empty(), "nobody confirms that it is gone");
    assert_eq!(lives(&stuck, "db-").len(), 3, "no second pod of the ordinal");
    // Whoever knows that the machine is off says so.
    let told = crash.to_owned()
        + "  operations:\n    - {at: 10m, taintNode: {node: a-0, key: \
           node.kubernetes.io/out-of-service, value: nodeshutdown, effect: NoExecute}}\n";
    let freed = run("settled", "", "", &told);
    let again = lives(&freed, "db-");
    assert_eq!(again.len(), 4);
    let name = &lost[0]["name"];
    assert_eq!(again[3].0, *name, "the same name again");
    assert!((600.0..660.0).contains(&again[3].1) && again[3].2.is_some(), "{again:?}");
}

#[test]
fn a_daemon_set_has_one_pod_on_every_node_and_is_never_evicted_by_taints() {
    let events = "  faults:\n    - {at: 2m, nodeCrash: {node: a-0, for: 12m}}\n";
    let run = run("settled", "", "", events);
    let pods = run.table("pods.csv");
    let logs: Vec<_> = pods.iter().filter(|pod| pod["name"].starts_with("logs-")).collect();
    let nodes: Vec<&str> = logs.iter().map(|pod| pod["node"].as_str()).collect();
    assert_eq!(nodes, ["a-0", "b-0", "c-0"]);
    assert!(logs.iter().all(|pod| pod["deleted_seconds"].is_empty()));
    assert_eq!(logs[0]["restarts"], "1", "it is restarted in place when its node is back");
}

#[test]
fn a_drain_leaves_daemon_pods_alone() {
    let run = run("settled", "", "", "  operations:\n    - {at: 2m, drain: {node: a-0}}\n");
    let pods = run.table("pods.csv");
    let of = |prefix: &str| {
        let own = pods.iter().filter(|pod| pod["node"] == "a-0" && pod["name"].starts_with(prefix));
        own.map(|pod| pod["deleted_seconds"].is_empty()).collect::<Vec<_>>()
    };
    assert_eq!(of("logs-"), [true]);
    assert_eq!(of("db-"), [false]);
}

#[test]
fn a_daemon_set_rolls_out_node_after_node() {
    let restart = "  operations:\n    - {at: 5m, rolloutRestart: {workload: default/logs}}\n";
    let one = run("settled", "", "", restart);
    let after = |run: &Run| -> Vec<f64> {
        lives(run, "logs-").into_iter().filter(|pod| pod.1 >= 300.0).map(|pod| pod.1).collect()
    };
    let times = after(&one);
    assert_eq!(times.len(), 3);
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= 5.0), "{times:?}: one at a time");
    assert!(same(one.metric("rollouts_complete_total", ""), 1.0));
    let all = "updateStrategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 100%}}";
    let times = after(&run("settled", "", all, restart));
    assert!(times.len() == 3 && times[2] - times[0] < 3.0, "{times:?}: all at once");
    let surge =
        "updateStrategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}";
    let surged = run("settled", "", surge, restart);
    let ready = surged.series("workload_replicas_ready", "workload=\"default/logs\"");
    let fewest = ready.iter().filter(|(at, _)| *at > 60.0).map(|(_, count)| *count);
    assert!(same(fewest.fold(3.0, f64::min), 3.0), "with a surge no node is without: {ready:?}");
    assert!(same(surged.metric("rollouts_complete_total", ""), 1.0));
    let waits = surge.to_owned() + "\n            minReadySeconds: 5";
    let waited = run("settled", "", &waits, restart);
    assert!(same(waited.metric("rollouts_complete_total", ""), 1.0), "it does not stall");
}

/// Steps of a rollout of a Deployment of this many replicas that begins after a minute, as the
/// controller tells them: seconds since its beginning, rounded down, and from how many pods to how many.
fn rollout(replicas: u32, more: &str, length: &str) -> (Run, Vec<(u64, i32, i32)>) {
    let spec = cluster(&[("a", 2)])
        + &format!(
            "  workloads:
    - objects:
        - apiVersion: apps/v1
          kind: Deployment
          metadata: {{name: web}}
          spec:
            replicas: {replicas}
            {more}
            selector: {{matchLabels: {{app: web}}}}
            template:
              metadata: {{labels: {{app: web}}}}
              spec:
                terminationGracePeriodSeconds: 0
                containers:
                  - {{name: c, image: 'c:1', resources: {{requests: {{cpu: 100m}}}}, readinessProbe: {{httpGet: {{port: 80}}, periodSeconds: 1}}}}
  behaviour:
    - {{selector: {{}}, startup: 8s, shutdown: 0s}}
  operations:
    - {{at: 60s, rolloutRestart: {{workload: default/web}}}}
"
        );
    let run = Run::of(&scenario(length, &spec, ""));
    let step = |(at, message): (f64, String)| {
        let numbers: Vec<i32> =
            message.split(' ').rev().filter_map(|word| word.parse().ok()).take(2).collect();
        #[expect(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "seconds")]
        let since = (at - 60.0) as u64;
        (since, numbers[1], numbers[0])
    };
    let steps = run.events("ScalingReplicaSet", "Scaled").into_iter().map(step).collect();
    (run, steps)
}

/// Kubernetes-behaviour §3.19: the worked rollouts, with pods that are available ten seconds or so
/// after their creation.
#[test]
fn the_worked_rollouts_of_the_reference() {
    let (_, steps) = rollout(10, "", "10m");
    assert_eq!(steps[..3], [(0, 0, 3), (0, 10, 8), (0, 3, 5)], "{steps:?}");
    // Pods become available one after another, so the later steps come in parts: at about ten
    // seconds five old ones go and five new ones come, ten seconds later the last three go.
    let at = |from: u64, to: u64| steps.iter().filter(move |s| (from..to).contains(&s.0));
    let old = |(from, to): (i32, i32)| from > to;
    let sizes = |steps: Vec<&(u64, i32, i32)>| -> (i32, i32) {
        let change = |down: bool| {
            let moved = steps.iter().filter(|s| old((s.1, s.2)) == down);
            moved.map(|s| (s.2 - s.1).abs()).sum::<i32>()
        };
        (change(true), change(false))
    };
    assert_eq!(sizes(at(5, 14).collect()), (5, 5), "{steps:?}");
    assert_eq!(sizes(at(14, 40).collect()), (3, 0), "{steps:?}");
    let (_, steps) = rollout(4, "", "10m");
    assert_eq!(steps[..3], [(0, 0, 1), (0, 4, 3), (0, 1, 2)], "{steps:?}");
    let (run, steps) = rollout(3, "", "10m");
    let up: Vec<u64> = steps.iter().filter(|s| s.2 > s.1).map(|s| s.0).collect();
    assert!(up.len() == 3 && up.windows(2).all(|p| p[1] - p[0] >= 8), "one at a time: {steps:?}");
    assert!(same(run.metric("rollouts_complete_total", ""), 1.0));
}

/// Kubernetes-behaviour §3.21: a bad release is stuck at maxUnavailable, is told of after
/// progressDeadlineSeconds, and is undone by somebody.
#[test]
fn a_stuck_rollout_keeps_the_old_pods_and_is_undone() {
    let spec = cluster(&[("a", 2)])
        + "  workloads:
    - objects:
        - apiVersion: apps/v1
          kind: Deployment
          metadata: {name: web}
          spec:
            replicas: 10
            progressDeadlineSeconds: 120
            selector: {matchLabels: {app: web}}
            template:
              metadata: {labels: {app: web}}
              spec:
                containers:
                  - {name: c, image: 'registry.example/c:1', imagePullPolicy: Always, readinessProbe: {httpGet: {port: 80}, periodSeconds: 1}}
  faults:
    - {at: 59s, registryOutage: {registry: registry.example, for: 14m}}
  operations:
    - {at: 60s, rolloutRestart: {workload: default/web}}
    - {at: 8m, rolloutUndo: {workload: default/web}}
";
    let run = Run::of(&scenario("30m", &spec, ""));
    let ready = run.series("workload_replicas_ready", "workload=\"default/web\"");
    let fewest = ready.iter().filter(|(at, _)| *at >= 60.0).map(|(_, count)| *count);
    assert!(same(fewest.fold(10.0, f64::min), 8.0), "eight old ones keep serving: {ready:?}");
    let pods = run.table("pods.csv");
    assert_eq!(pods.iter().filter(|pod| number(&pod["created_seconds"]) >= 60.0).count(), 5 + 2);
    assert!(same(ready.last().unwrap().1, 10.0), "the undone revision scales up again");
}
