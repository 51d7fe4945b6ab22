//! Policies that every installation knows by name.

/// Name and text of each, `default` first.
pub const POLICIES: &[(&str, &str)] = &[
    ("default", DEFAULT),
    ("least-allocated", LEAST_ALLOCATED),
    ("most-allocated", MOST_ALLOCATED),
    ("fast-failover", FAST_FAILOVER),
];

const DEFAULT: &str = "\
apiVersion: wavetank/v1
kind: Policy
metadata:
  name: default
  description: Kubernetes 1.34 as it comes.
";

const LEAST_ALLOCATED: &str = "\
apiVersion: wavetank/v1
kind: Policy
metadata:
  name: least-allocated
  description: Scores nodes by free resources alone (NodeResourcesFit LeastAllocated).
spec:
  scheduler:
    profiles:
      - plugins:
          score:
            disabled: [{name: '*'}]
            enabled: [{name: NodeResourcesFit}]
";

const MOST_ALLOCATED: &str = "\
apiVersion: wavetank/v1
kind: Policy
metadata:
  name: most-allocated
  description: Fills nodes one after another (NodeResourcesFit MostAllocated, no balancing).
spec:
  scheduler:
    profiles:
      - plugins:
          score:
            disabled: [{name: NodeResourcesBalancedAllocation}]
        pluginConfig:
          - name: NodeResourcesFit
            args: {scoringStrategy: {type: MostAllocated}}
";

const FAST_FAILOVER: &str = "\
apiVersion: wavetank/v1
kind: Policy
metadata:
  name: fast-failover
  description: Notices a lost node after 20 s and gives its pods up 30 s later.
spec:
  recovery:
    nodeMonitorGracePeriod: 20s
    tolerationSeconds: 30
    nodeEvictionRate: 1
";
