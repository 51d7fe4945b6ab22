//! `wavetank explain`: the decision told is the one that a run makes.

use std::path::Path;

use super::{root, wavetank};

const SCENARIO: &str = r#"apiVersion: wavetank/v1
kind: Scenario
metadata: {name: why, description: Why there or nowhere.}
spec:
  duration: 10m
  start: empty
  measureFrom: 5m
  cluster:
    nodePools:
      - {name: n, count: 3, template: {status: {allocatable: {cpu: "4", memory: 8Gi}}}}
      - name: gpu
        count: 2
        template:
          spec: {taints: [{key: gpu, value: "yes", effect: NoSchedule}]}
          status: {allocatable: {cpu: "64", memory: 256Gi}}
  workloads:
    - objects:
        - apiVersion: apps/v1
          kind: Deployment
          metadata: {name: web}
          spec:
            replicas: 3
            selector: {matchLabels: {app: web}}
            template:
              metadata: {labels: {app: web}}
              spec: {containers: [{name: web, image: "web:1", resources: {requests: {cpu: "1"}}}]}
        - apiVersion: apps/v1
          kind: Deployment
          metadata: {name: big}
          spec:
            replicas: 1
            selector: {matchLabels: {app: big}}
            template:
              metadata: {labels: {app: big}}
              spec: {containers: [{name: big, image: "big:1", resources: {requests: {cpu: "10"}}}]}
        - apiVersion: v1
          kind: Pod
          metadata: {name: gated}
          spec:
            schedulingGates: [{name: quota}]
            containers: [{name: c, image: "c:1"}]
"#;

fn explain(dir: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    let mut args = vec!["explain", "why.yaml"];
    args.extend(more);
    let output = wavetank(dir, &[], &args);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_decision_explained_is_that_of_the_run() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("why.yaml"), SCENARIO).unwrap();
    assert!(wavetank(dir.path(), &[], &["run", "why.yaml"]).status.success());
    let events = dir.path().join("results/why/default/1-0/events.csv");
    let events = std::fs::read_to_string(events).unwrap();
    let (code, told, _) = explain(dir.path(), &["--pod", "web", "--format", "json"]);
    assert_eq!(code, Some(0));
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let (pod, node) = (told["pod"].as_str().unwrap(), told["node"].as_str().unwrap());
    assert!(events.contains(&format!("Successfully assigned {pod} to {node}")), "{pod} {node}");
    assert_eq!(told["top"].as_array().unwrap().len(), 3, "the empty nodes are equal");
    let verdicts = told["verdicts"].as_array().unwrap();
    assert_eq!(verdicts.len(), 5);
    for verdict in verdicts {
        let of_gpu = verdict["node"].as_str().unwrap().starts_with("gpu");
        assert_eq!(verdict["rejected"]["plugin"] == "TaintToleration", of_gpu, "{verdict}");
        if let Some(scores) = verdict["scores"].as_object() {
            let sum: i64 = scores.values().map(|s| s["weighted"].as_i64().unwrap()).sum();
            assert_eq!(verdict["total"].as_i64(), Some(sum));
        }
    }
}

#[test]
fn a_pending_pod_is_told_in_kubernetes_words() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("why.yaml"), SCENARIO).unwrap();
    let (code, told, _) = explain(dir.path(), &["--pod", "default/big"]);
    assert_eq!(code, Some(0));
    assert!(told.contains("→ unschedulable"), "{told}");
    let message =
        "0/5 nodes are available: 2 node(s) had untolerated taint {gpu: yes}, 3 Insufficient cpu.";
    assert!(told.contains(message), "{told}");
    assert!(told.contains("3  NodeResourcesFit  Insufficient cpu  (n-0, n-1, n-2)"), "{told}");
    let (code, told, _) = explain(dir.path(), &["--pod", "web"]);
    assert_eq!(code, Some(0));
    assert!(told.contains("by lot among it and 2 equally good"), "{told}");
    assert!(told.contains("Toleration ×3"), "{told}");
    assert!(told.lines().count() < 30, "one screen: {told}");
}

#[test]
fn a_pod_that_is_never_tried_is_said_to_be_so() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("why.yaml"), SCENARIO).unwrap();
    let (code, _, told) = explain(dir.path(), &["--pod", "gated"]);
    assert_eq!(code, Some(1));
    let why = "default/gated is held back: SchedulingGates: waiting for scheduling gates: [quota]";
    assert!(told.contains(why), "{told}");
    let (code, _, told) = explain(dir.path(), &["--pod", "nobody"]);
    assert_eq!(code, Some(1));
    assert!(
        told.contains("decides on no pod \"nobody\"") && told.contains("default/web-"),
        "{told}"
    );
    let (code, _, told) = explain(dir.path(), &["--pod", "web", "--at", "soon"]);
    assert_eq!(code, Some(2));
    assert!(told.contains("\"soon\" is no duration"), "{told}");
}

#[test]
fn a_shipped_scenario_is_explained_on_one_screen() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = root().join("scenarios/bin-packing.yaml");
    let output = wavetank(
        dir.path(),
        &[],
        &["explain", &scenario.to_string_lossy(), "--pod", "batch/cpu-heavy"],
    );
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("Scores") && told.lines().count() <= 40, "{told}");
}

#[test]
fn a_preemption_is_told_on_one_screen() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = root().join("scenarios/priorities.yaml");
    let told = |more: &[&str]| {
        let path = scenario.to_string_lossy();
        let mut args = vec!["explain", &path, "--pod", "critical", "--at", "15m"];
        args.extend(more);
        let output = wavetank(dir.path(), &[], &args);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let json: serde_json::Value = serde_json::from_str(&told(&["--format", "json"])).unwrap();
    let preemption = &json["preemption"];
    assert_eq!(
        (&preemption["status"], &json["outcome"]),
        (&"Success".into(), &"unschedulable".into())
    );
    let candidates = preemption["candidates"].as_array().unwrap();
    let failures = preemption["dryRunFailures"].as_array().unwrap();
    let potential = preemption["potentialNodes"].as_array().unwrap();
    assert_eq!(candidates.len() + failures.len(), potential.len(), "every node was looked at");
    let (nominated, best) = (&preemption["nominated"], &preemption["best"]);
    assert!(best.as_array().unwrap().contains(nominated), "{preemption:#}");
    assert_eq!(&candidates[0]["node"], nominated, "the one that is taken stands first");
    let human = told(&[]);
    let line = format!(
        "→ nominated for {} by {}",
        nominated.as_str().unwrap(),
        preemption["rule"].as_str().unwrap()
    );
    assert!(human.contains(&line), "{line}: {human}");
    for victim in candidates[0]["victims"].as_array().unwrap() {
        assert!(human.contains(victim["pod"].as_str().unwrap()), "{human}");
        assert!(victim["priority"].as_i64().unwrap() < 1000);
    }
    for failure in failures {
        let reason = failure["reasons"][0].as_str().unwrap();
        assert!(human.contains(&format!("{}  {reason}", failure["plugin"].as_str().unwrap())));
    }
    assert!(human.lines().count() <= 40, "{human}");
}

#[test]
fn a_pod_that_may_not_preempt_is_told_why() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = root().join("scenarios/priorities.yaml");
    let args = ["explain", &scenario.to_string_lossy(), "--pod", "reports", "--at", "20m"];
    let output = wavetank(dir.path(), &[], &args);
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("\n  not eligible due to preemptionPolicy=Never.\n"), "{told}");
}
