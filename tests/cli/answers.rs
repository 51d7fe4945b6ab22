//! Known answers, through the command line.

use std::path::Path;

use super::wavetank;

/// A scenario with fixed latencies: one pod a node, the first node dies at `at`.
fn node_death(at: u64, grace: u64, toleration: u64) -> String {
    format!(
        "apiVersion: wavetank/v1
kind: Scenario
metadata: {{name: death}}
spec:
  duration: 30m
  cluster:
    nodePools:
      - {{name: n, count: 3, zones: [a, b, c], template: {{status: {{allocatable: {{cpu: \"4\", memory: 8Gi}}}}}}}}
  controlPlane: {{apiLatency: 0s, watchLatency: 0s}}
  workloads:
    - objects:
        - apiVersion: apps/v1
          kind: Deployment
          metadata: {{name: web}}
          spec:
            replicas: 3
            selector: {{matchLabels: {{app: web}}}}
            template:
              metadata: {{labels: {{app: web}}}}
              spec: {{containers: [{{name: web, image: 'web:1'}}]}}
  faults:
    - {{at: {at}s, nodeCrash: {{node: n-0}}}}
  policies: [p]
---
apiVersion: wavetank/v1
kind: Policy
metadata: {{name: p}}
spec:
  recovery: {{nodeMonitorGracePeriod: {grace}s, tolerationSeconds: {toleration}}}
"
    )
}

/// Times at which an event of this reason was reported.
fn times(dir: &Path, reason: &str) -> Vec<f64> {
    let path = dir.join("results/death/p/1-0/events.csv");
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .filter(|line| line.split(',').nth(2) == Some(reason))
        .map(|line| line.split(',').next().unwrap().parse().unwrap())
        .collect()
}

#[test]
fn pods_of_a_dead_node_are_given_up_when_the_reference_says() {
    for (at, grace, toleration) in [
        (300, 50, 300),
        (301, 50, 300),
        (303, 50, 300),
        (304, 50, 300),
        (300, 40, 300),
        (302, 40, 300),
        (300, 50, 30),
        (303, 20, 30),
    ] {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("s.yaml"), node_death(at, grace, toleration)).unwrap();
        let output = wavetank(dir.path(), &[], &["run", "s.yaml", "--verify"]);
        assert!(output.status.success(), "{output:?}");
        let at = f64::from(u32::try_from(at).unwrap());
        let (grace, toleration) = (grace as f64, toleration as f64);
        let lost = times(dir.path(), "NodeNotReady")[0] - at;
        // The last renewal is up to 10 s old, the first pass that sees it up to 5 s later.
        assert!((grace - 10.0..=grace + 5.1).contains(&lost), "noticed after {lost} s");
        let given_up = times(dir.path(), "TaintManagerEviction")[0] - at;
        let after = given_up - lost;
        assert!((toleration + 5.0..=toleration + 5.3).contains(&after), "{after} s after notice");
    }
}
