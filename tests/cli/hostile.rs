//! Broken input gives a located message and exit 2: no panic, no hang.

use super::wavetank;

const GOOD: &str = "apiVersion: wavetank/v1
kind: Scenario
metadata: {name: s}
spec:
  duration: 1h
  cluster:
    nodePools:
      - {name: n, count: 2, zones: [a], template: {status: {allocatable: {cpu: \"4\", memory: 8Gi}}}}
  workloads:
    - objects:
        - apiVersion: apps/v1
          kind: Deployment
          metadata: {name: web}
          spec:
            replicas: 2
            selector: {matchLabels: {app: web}}
            template:
              metadata: {labels: {app: web}}
              spec:
                containers:
                  - name: web
                    image: web:1
                    resources: {requests: {cpu: 500m, memory: 1Gi}}
                    livenessProbe: {httpGet: {path: /, port: 80}, periodSeconds: 5}
  behaviour:
    - selector: {matchLabels: {app: web}}
      startup: 5s
      failures:
        - hang: {every: 10m, recovers: onRestart}
  faults:
    - {at: 10m, nodeCrash: {node: n-0, for: 5m}}
  policies: [default]
  replications: 3
  expect: ['availability_ratio >= 0']
";

/// What is replaced by what.
const BREAKS: &[(&str, &str)] = &[
    ("duration: 1h", "duration: 1hour"),
    ("duration: 1h", "duration: 60"),
    ("duration: 1h", "duration: -1h"),
    ("duration: 1h", "duration: 0s"),
    ("duration: 1h", "duraton: 1h"),
    ("duration: 1h", "duration: [1h]"),
    ("count: 2", "count: -2"),
    ("count: 2", "count: two"),
    ("count: 2", "count: 2.5"),
    ("zones: [a]", "zone: [a]"),
    ("cpu: \"4\"", "cpuu: \"4\""),
    ("memory: 8Gi", "memory: 8Gigs"),
    ("memory: 8Gi", "memory: 10GB"),
    ("kind: Scenario", "kind: Scenari"),
    ("apiVersion: wavetank/v1", "apiVersion: wavetank/v9"),
    ("metadata: {name: s}", "metadata: {name: 'Not A Name'}"),
    ("metadata: {name: s}", "metadata: {}"),
    ("kind: Deployment", "kind: Deploymnt"),
    ("apiVersion: apps/v1", "apiVersion: app/v1"),
    ("replicas: 2", "replicas: -1"),
    ("replicas: 2", "replicas: many"),
    ("replicas: 2", "replica: 2"),
    ("labels: {app: web}", "labels: {app: other}"),
    ("cpu: 500m", "cpuu: 500m"),
    ("cpu: 500m", "cpu: 500mm"),
    ("memory: 1Gi", "memory: 10Gigs"),
    ("livenessProbe", "livenesProbe"),
    ("httpGet: {path: /, port: 80}", "httpGett: {path: /, port: 80}"),
    ("httpGet: {path: /, port: 80}", "httpGet: {path: /, port: http}"),
    ("httpGet: {path: /, port: 80}, ", ""),
    ("periodSeconds: 5", "periodSeconds: -5"),
    ("periodSeconds: 5", "successThreshold: 2"),
    ("periodSeconds: 5", "periodSeconds: 5s"),
    ("startup: 5s", "startup: {distribution: lognorml, median: 5s, p99: 9s}"),
    ("startup: 5s", "startup: {distribution: lognormal, median: 5s}"),
    ("startup: 5s", "startup: {distribution: uniform, min: 9s, max: 1s}"),
    ("startup: 5s", "startUp: 5s"),
    ("hang:", "hangs:"),
    ("every: 10m, ", ""),
    ("every: 10m", "every: 0s"),
    ("recovers: onRestart", "recovers: sometimes"),
    ("nodeCrash", "nodeCrashh"),
    ("node: n-0", "node: n-9"),
    ("node: n-0, ", ""),
    ("at: 10m", "at: 2h"),
    ("at: 10m, ", ""),
    ("for: 5m", "for: soon"),
    ("policies: [default]", "policies: [defalt]"),
    ("policies: [default]", "policies: [no/such/file.yaml]"),
    ("policies: [default]", "policies: [scenario.yaml]"),
    ("replications: 3", "replications: 0"),
    ("replications: 3", "replications: 3\n  replications: 4"),
    ("availability_ratio >= 0", "availability_rato >= 0"),
    ("availability_ratio >= 0", "availability_ratio => 0"),
    ("availability_ratio >= 0", "availability_ratio{policy=\"x\"} >= 0"),
    ("expect: [", "expect: ["),
    ("spec:\n  duration", "spec:\n\tduration"),
    ("name: s}", "name: s"),
    ("workloads:", "workloads: !Bad"),
    ("- objects:", "- manifests: nowhere/\n      objects:"),
];

fn check(name: &str, bytes: &[u8], verbs: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("scenario.yaml"), bytes).unwrap();
    for verb in verbs {
        let output = wavetank(dir.path(), &[], &[verb, "scenario.yaml"]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{verb} {name}: {stderr}");
        assert!(stderr.contains("scenario.yaml"), "{verb} {name} says no place: {stderr}");
        assert!(stderr.contains("error["), "{verb} {name}: {stderr}");
        assert!(!stderr.contains("panicked"), "{verb} {name}: {stderr}");
    }
}

#[test]
fn the_sound_scenario_is_sound() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("scenario.yaml"), GOOD).unwrap();
    let output = wavetank(dir.path(), &[], &["run", "scenario.yaml", "--verify"]);
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn each_mistake_is_located() {
    let mut tried = 0;
    for (good, bad) in BREAKS {
        assert!(GOOD.contains(good), "{good} is not in the sound scenario");
        if good != bad {
            tried += 1;
            check(bad, GOOD.replacen(good, bad, 1).as_bytes(), &["validate", "run"]);
        }
    }
    assert!(tried >= 50, "only {tried} mistakes");
}

#[test]
fn files_that_are_no_scenarios_are_refused() {
    // `validate` would take some of them for plain manifests, where they are worth a warning.
    let check = |name: &str, bytes: &[u8]| check(name, bytes, &["run"]);
    check("empty", b"");
    check("spaces", b"   \n\n");
    check("binary", &[0u8, 159, 146, 150, 255, 0, 1, 2]);
    check("a list", b"apiVersion: wavetank/v1\n---\n- 1\n- 2\n");
    let deep = format!("kind: Scenario\nx: {}1{}", "[".repeat(5000), "]".repeat(5000));
    check("deep", deep.as_bytes());
    let mut bomb = String::from("kind: Scenario\na0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let below = format!("*a{}", level - 1);
        let list = vec![below; 9].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{list}]\n"));
    }
    check("alias bomb", bomb.as_bytes());
    let mut large = String::from("apiVersion: wavetank/v1\nkind: Scenario\n");
    large.push_str(&"# filler\n".repeat(12_000_000));
    check("100 MB", large.as_bytes());
}
