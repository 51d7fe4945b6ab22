//! Preemption and disruption budgets: known answers, and the shipped scenario.

use super::answers_run::{Run, number};
use super::{root, wavetank};

/// A node full with web's three pods; critical takes one place at 60 s and one at 120 s.
fn full_node(budget: &str) -> String {
    let deployment = |name: &str, replicas: u32, class: &str| {
        format!(
            "
        - apiVersion: apps/v1
          kind: Deployment
          metadata: {{name: {name}}}
          spec:
            replicas: {replicas}
            selector: {{matchLabels: {{app: {name}}}}}
            template:
              metadata: {{labels: {{app: {name}}}}}
              spec:
                {class}
                containers: [{{name: c, image: 'c:1', resources: {{requests: {{cpu: '1'}}}}}}]"
        )
    };
    let (web, critical) =
        (deployment("web", 3, ""), deployment("critical", 0, "priorityClassName: critical"));
    let budget = match budget {
        "" => String::new(),
        limit => format!(
            "
        - apiVersion: policy/v1
          kind: PodDisruptionBudget
          metadata: {{name: web}}
          spec: {{{limit}, selector: {{matchLabels: {{app: web}}}}}}"
        ),
    };
    format!(
        "apiVersion: wavetank/v1
kind: Scenario
metadata: {{name: full}}
spec:
  duration: 10m
  cluster:
    nodePools:
      - {{name: n, count: 1, template: {{status: {{allocatable: {{cpu: '3', memory: 8Gi}}}}}}}}
  workloads:
    - objects:
        - apiVersion: scheduling.k8s.io/v1
          kind: PriorityClass
          metadata: {{name: critical}}
          value: 1000{web}{critical}{budget}
  operations:
    - {{at: 60s, scale: {{workload: default/critical, replicas: 1}}}}
    - {{at: 120s, scale: {{workload: default/critical, replicas: 2}}}}
"
    )
}

/// The budget in force is the status that the disruption controller wrote last: at 120 s one pod of
/// web is missing already.
#[test]
fn violations_follow_the_status_of_the_budget() {
    // (what the budget says, violations)
    for (budget, violations) in [
        ("", 0.0),
        ("maxUnavailable: 2", 0.0),
        ("maxUnavailable: 1", 1.0),
        ("maxUnavailable: 0", 2.0),
        ("maxUnavailable: 33%", 1.0),
        ("maxUnavailable: 34%", 0.0),
        ("minAvailable: 1", 0.0),
        ("minAvailable: 2", 1.0),
        ("minAvailable: 100%", 2.0),
    ] {
        let run = Run::of(&full_node(budget));
        for (name, expected) in [
            ("preemptions_total", 2.0),
            ("pods_preempted_total", 2.0),
            ("preemption_budget_violations_total", violations),
        ] {
            let counted = run.metric(name, "");
            assert_eq!(counted.to_bits(), f64::to_bits(expected), "{budget}: {name} {counted}");
        }
    }
}

/// A preemptor waits until its victim has exited, or its grace period is over; then it is scheduled as
/// any other pod.
#[test]
fn a_preemptor_waits_for_the_end_of_its_victim() {
    // Grace period, how long the application takes to stop, when it is gone: seconds.
    for (grace, shutdown, gone) in [(30, 0, 0.0), (30, 20, 20.0), (30, 60, 30.0), (5, 60, 5.0)] {
        let text = full_node("").replace(
            "                containers:",
            &format!(
                "                terminationGracePeriodSeconds: {grace}\n                containers:"
            ),
        );
        let behaviour = format!("  behaviour:\n    - {{selector: {{}}, shutdown: {shutdown}s}}\n");
        let run = Run::of(&(text + &behaviour));
        let row = format!("grace {grace} s, shutdown {shutdown} s");
        let preempted = run.times("Preempted", "");
        let pods = run.table("pods.csv");
        let mut bound: Vec<f64> = pods
            .iter()
            .filter(|pod| pod["name"].starts_with("critical-"))
            .map(|pod| number(&pod["scheduled_seconds"]))
            .collect();
        bound.sort_by(f64::total_cmp);
        assert_eq!((preempted.len(), bound.len()), (2, 2), "{row}: {preempted:?} {bound:?}");
        for (at, (preempted, bound)) in [60.0, 120.0].into_iter().zip(preempted.iter().zip(&bound))
        {
            assert!((at..at + 0.2).contains(preempted), "{row}: {preempted}");
            // PLEG sees an exit within a second; a pod that has finished leaves its room, before its
            // object is gone.
            let waited = bound - preempted - gone;
            assert!((0.0..=1.3).contains(&waited), "{row}: {preempted} {bound}");
        }
        let victims = pods
            .iter()
            .filter(|pod| pod["name"].starts_with("web-") && !pod["deleted_seconds"].is_empty());
        assert_eq!(victims.count(), 2, "{row}");
    }
}

#[test]
fn expectations_of_the_shipped_scenario_hold() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = root().join("scenarios/priorities.yaml");
    let args = ["compare", &scenario.to_string_lossy(), "-n", "3", "--verify"];
    let output = wavetank(dir.path(), &[], &args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn budgets_are_simulated_and_checked() {
    let dir = tempfile::tempdir().unwrap();
    let validate = |limit: &str| {
        std::fs::write(dir.path().join("s.yaml"), full_node(limit)).unwrap();
        let output = wavetank(dir.path(), &[], &["validate", "s.yaml"]);
        let (out, err) = (output.stdout, output.stderr);
        let text = String::from_utf8([out, err].concat()).unwrap();
        (output.status.success(), text)
    };
    let (ok, told) = validate("minAvailable: 50%");
    assert!(ok && told.contains("PodDisruptionBudget (1)"), "{told}");
    assert!(!told.contains("no effect"), "{told}");
    let (ok, told) = validate("minAvailable: 1, unhealthyPodEvictionPolicy: AlwaysAllow");
    assert!(ok && !told.contains("no effect"), "{told}");
    for (limit, problem) in [
        ("minAvailable: 101%", "minAvailable is more than 100%"),
        ("minAvailable: '3'", "\"3\" is neither a number nor a percentage"),
        ("minAvailable: 1, maxUnavailable: 1", "exclude each other"),
    ] {
        let (ok, told) = validate(limit);
        assert!(!ok && told.contains(problem), "{limit}: {told}");
    }
}
