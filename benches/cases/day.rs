//! A large cluster for a day, as the text of a scenario: measured by a bench, and counted by a test.

use std::fmt::Write as _;

/// So many nodes in three zones and pods in deployments of 150, each pod with two probes of this
/// period in seconds; one zone is without power for half an hour.
pub(crate) fn day(nodes: u32, pods: u32, period: u32) -> String {
    let mut text = format!(
        "apiVersion: wavetank/v1
kind: Scenario
metadata: {{name: day}}
spec:
  duration: 24h
  cluster:
    nodePools:
      - name: n
        count: {nodes}
        zones: [a, b, c]
        boot: 60s
        template: {{status: {{allocatable: {{cpu: '32', memory: 128Gi, pods: '110'}}}}}}
  faults:
    - {{at: 6h, zoneOutage: {{zone: a, for: 30m}}}}
  workloads:
    - objects:
"
    );
    let probe = format!("{{httpGet: {{port: 80}}, periodSeconds: {period}}}");
    for deployment in 0..pods / 150 {
        let _ = write!(
            text,
            "        - apiVersion: apps/v1
          kind: Deployment
          metadata: {{name: d{deployment}}}
          spec:
            replicas: 150
            selector: {{matchLabels: {{app: d{deployment}}}}}
            template:
              metadata: {{labels: {{app: d{deployment}}}}}
              spec:
                containers:
                  - name: c
                    image: 'image:{deployment}'
                    resources: {{requests: {{cpu: 250m, memory: 512Mi}}}}
                    livenessProbe: {probe}
                    readinessProbe: {probe}
"
        );
    }
    text
}
