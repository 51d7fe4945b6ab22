//! Known answers of nodes under pressure, through the command line.

use super::answers_run::{Run, deployment, number, scenario};
use super::{root, wavetank};

/// The pods of the reference's worked eviction: name, priority, request and use in MiB.
const PODS: [(&str, i32, u32, u32); 5] = [
    ("p1", 0, 500, 450),
    ("p2", 0, 0, 50),
    ("p3", 0, 200, 600),
    ("p4", 100, 100, 900),
    ("p5", -10, 300, 290),
];

/// A scenario of these pods on one node of which 80 MiB are left.
fn worked(kubelet: &str) -> String {
    let mut objects = String::new();
    let mut behaviour = "  behaviour:\n".to_owned();
    for (name, priority, request, used) in PODS {
        let class =
            format!("at-{}", if priority < 0 { "low".to_owned() } else { priority.to_string() });
        let asked =
            if request > 0 { format!("requests: {{memory: {request}Mi}}") } else { String::new() };
        objects += &format!(
            "        - {{apiVersion: v1, kind: Pod, metadata: {{name: {name}, labels: {{app: {name}}}}}, \
             spec: {{priorityClassName: {class}, containers: [{{name: c, image: 'c:1', \
             resources: {{{asked}}}}}]}}}}\n"
        );
        behaviour += &format!(
            "    - {{selector: {{matchLabels: {{app: {name}}}}}, memory: {used}Mi, shutdown: 500ms}}\n"
        );
    }
    for (name, value) in [("at-low", -10), ("at-0", 0), ("at-100", 100)] {
        objects += &format!(
            "        - {{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, \
             metadata: {{name: {name}}}, value: {value}}}\n"
        );
    }
    let pool = format!(
        "  cluster:\n    nodePools:\n      - {{name: n, count: 1, template: {{status: {{allocatable: \
         {{cpu: \"4\", memory: 2370Mi}}}}}}, kubelet: {{{kubelet}}}}}\n"
    );
    let workloads = format!("  workloads:\n    - objects:\n{objects}");
    scenario("20m", &(pool + &workloads + &behaviour), "")
}

/// §2.14 D: 80 Mi are available, the threshold is 100 Mi: one pod goes, and it is P3.
#[test]
fn the_worked_eviction_takes_the_pod_that_the_reference_names() {
    let run = Run::of(&worked(""));
    let told = run.events("Evicted", "");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].0 < 10.0, "found by the first pass: {told:?}");
    assert_eq!(
        told[0].1,
        "The node was low on resource: memory. Threshold quantity: 100Mi, available: 80Mi. \
         Container c was using 600Mi, request is 200Mi, has larger consumption of memory. "
    );
    assert_eq!(run.times("Evicted", "p3").len(), 1);
    let pods = run.table("pods.csv");
    let failed: Vec<&str> = pods
        .iter()
        .filter(|pod| pod["phase"] == "Failed")
        .map(|pod| pod["name"].as_str())
        .collect();
    assert_eq!(failed, ["p3"]);
    // The condition stays for five minutes after the last pass that found the threshold met.
    let under = run.times("NodeHasInsufficientMemory", "")[0];
    let free = run.times("NodeHasSufficientMemory", "")[0];
    assert!((290.0..=325.0).contains(&(free - under)), "{under} {free}");
}

/// With more to reclaim than any of them frees, all go, one a pass, in the reference's order.
#[test]
fn the_worked_ranking_is_the_order_of_eviction() {
    let run = Run::of(&worked("evictionMinimumReclaim: {memory.available: 2200Mi}"));
    let pods = ["p3", "p2", "p4", "p5", "p1"];
    let times: Vec<f64> = pods.iter().map(|pod| run.times("Evicted", pod)[0]).collect();
    assert!(times.is_sorted(), "{times:?}");
    // Each next pass follows as soon as the pod before it is out of the way.
    for pair in times.windows(2) {
        assert!((1.0..=31.0).contains(&(pair[1] - pair[0])), "{times:?}");
    }
    assert_eq!(run.times("Evicted", "").len(), pods.len());
}

/// A node of 4 GiB on which one container, without a limit, uses more and more.
fn leaking(per_minute: &str, more: &str) -> Run {
    let spec = format!(
        "  cluster:\n    nodePools:\n      - {{name: n, count: 1, template: {{status: {{allocatable: \
         {{cpu: \"4\", memory: 4Gi}}}}}}{more}}}\n  workloads:\n    - objects:\n        - {{apiVersion: \
         v1, kind: Pod, metadata: {{name: leak, labels: {{app: leak}}}}, spec: {{containers: \
         [{{name: c, image: 'c:1'}}]}}}}\n  behaviour:\n    - {{selector: {{}}, memory: 96Mi, \
         failures: [{{leak: {{perMinute: {per_minute}, at: 10m}}}}]}}\n"
    );
    Run::of(&scenario("40m", &spec, ""))
}

#[test]
fn a_leak_is_evicted_by_the_pass_that_finds_it_unless_the_kernel_is_faster() {
    // 4096 - 96 MiB, of which 100 MiB are kept free: 3900 MiB at 390 MiB a minute.
    let run = leaking("390Mi", "");
    let evicted = run.times("Evicted", "leak");
    assert!((1200.0..=1210.0).contains(&evicted[0]), "{evicted:?}");
    assert_eq!(evicted.len(), 1);
    assert_eq!(run.times("SystemOOM", ""), [0.0; 0]);
    // The last 100 MiB last for a fraction of the ten seconds between passes: 4000 MiB at this rate.
    let run = leaking("60Gi", ", kubelet: {evictionHard: {memory.available: 1Mi}}");
    let killed = run.times("SystemOOM", "");
    assert_eq!(killed.len(), 1);
    assert!((killed[0] - 600.0 - 4000.0 / 1024.0).abs() < 0.01, "{killed:?}");
    assert_eq!(run.times("Evicted", ""), [0.0; 0]);
    let restarts = run.table("pods.csv")[0]["restarts"].clone();
    assert!((number(&restarts) - 1.0).abs() < 1e-9, "killed in place: {restarts}");
}

/// A soft threshold acts when it has been met for its grace period.
#[test]
fn a_soft_threshold_waits_for_its_grace_period() {
    let kubelet = ", kubelet: {evictionSoft: {memory.available: 2Gi}, \
                   evictionSoftGracePeriod: {memory.available: 2m}}";
    let run = leaking("200Mi", kubelet);
    // 4000 - 2048 MiB at 200 MiB a minute: 585.6 s after the leak begins.
    let evicted = run.times("Evicted", "leak");
    assert!((1305.6..=1325.7).contains(&evicted[0]), "{evicted:?}");
    let under = run.times("NodeHasInsufficientMemory", "")[0];
    assert!((1185.6..=1205.7).contains(&under), "{under}");
}

#[test]
fn a_threshold_of_process_ids_needs_their_number() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.yaml");
    std::fs::write(&path, worked("evictionHard: {pid.available: 10%}")).unwrap();
    let output = wavetank(dir.path(), &[], &["validate", "s.yaml"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert!(
        told.contains("warning[N003]: the pool does not say how many process ids its nodes have")
    );
    assert!(told.contains("help: write pidMax: 32768 beside kubelet"), "{told}");
}

/// A node of 1000 process ids: 20 are in use, and from ten minutes on 60 a minute more.
#[test]
fn who_has_most_processes_goes_when_process_ids_run_short() {
    let pod = |name: &str, priority: &str| {
        format!(
            "        - {{apiVersion: v1, kind: Pod, metadata: {{name: {name}, labels: {{app: {name}}}}}, \
             spec: {{{priority}containers: [{{name: c, image: 'c:1', resources: {{requests: {{memory: \
             64Mi}}, limits: {{memory: 64Mi}}}}}}]}}}}\n"
        )
    };
    let spec = format!(
        "  cluster:\n    nodePools:\n      - {{name: n, count: 1, pidMax: 1000, template: {{status: \
         {{allocatable: {{cpu: \"4\", memory: 4Gi}}}}}}, kubelet: {{evictionHard: {{pid.available: \
         10%}}}}}}\n  workloads:\n    - objects:\n        - {{apiVersion: scheduling.k8s.io/v1, kind: \
         PriorityClass, metadata: {{name: low}}, value: -1}}\n{}{}{}  behaviour:\n    - {{selector: \
         {{}}, processes: 5}}\n    - {{selector: {{matchLabels: {{app: forks}}}}, processes: 10, \
         failures: [{{processLeak: {{perMinute: 60, at: 10m}}}}]}}\n  operations:\n    - {{at: 25m, \
         scale: {{workload: default/web, replicas: 1}}}}\n    - {{at: 35m, scale: {{workload: \
         default/web, replicas: 2}}}}\n",
        pod("forks", ""),
        pod("other", "priorityClassName: low, "),
        deployment(0, "{name: web, image: 'web:1'}", "").replacen(
            "  workloads:\n    - objects:\n",
            "",
            1
        ),
    );
    let run = Run::of(&scenario("40m", &spec, ""));
    // 900 in use, and one more, at 60 a minute from 15 on: 886 s. Priority comes before use.
    let evicted = run.events("Evicted", "");
    let order: Vec<&str> = run
        .table("events.csv")
        .iter()
        .filter(|event| event["reason"] == "Evicted")
        .map(|event| if event["name"].contains("other") { "other" } else { "forks" })
        .collect();
    assert_eq!(order, ["other", "forks"], "{evicted:?}");
    assert!((1486.0..=1496.0).contains(&evicted[0].0), "{evicted:?}");
    assert_eq!(
        evicted[1].1.split(", available").next(),
        Some("The node was low on resource: pids. Threshold quantity: 100")
    );
    let under = run.times("NodeHasInsufficientPID", "")[0];
    assert!((evicted[0].0..=evicted[0].0 + 10.0).contains(&under), "{under}");
    let free = run.times("NodeHasSufficientPID", "")[0];
    assert!((290.0..=330.0).contains(&(free - under)), "{under} {free}");
    // Nobody is placed there until the taint is gone.
    let pods = run.table("pods.csv");
    let web: Vec<f64> = pods
        .iter()
        .filter(|pod| pod["name"].starts_with("web"))
        .map(|pod| number(&pod["scheduled_seconds"]))
        .collect();
    assert!((free..free + 15.0).contains(&web[0]) && web[1] < 2101.0, "{free} {web:?}");
}

#[test]
fn the_shipped_scenario_keeps_its_promises() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = root().join("scenarios/node-pressure.yaml");
    let output = wavetank(dir.path(), &[], &["compare", scenario.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
