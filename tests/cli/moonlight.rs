//! The incident of Moonlight: hot pods on one node, a node that dies of it, and the next one. And
//! the load that it needs.

use super::answers_run::{Run, number, scenario};
use super::{root, wavetank};

fn shipped(name: &str) -> String {
    let path = root().join("scenarios/incidents").join(name);
    std::fs::read_to_string(path).unwrap()
}

/// Every MUST is an `expect:` line; each holds in every one of 30 replications.
#[test]
fn expectations_hold_in_all_replications() {
    for name in ["as-configured", "weekend", "fixed", "preferred"] {
        let file = root().join(format!("scenarios/incidents/moonlight-{name}.yaml"));
        let dir = tempfile::tempdir().unwrap();
        let args = ["compare", file.to_str().unwrap(), "--detail", "none"];
        let output = wavetank(dir.path(), &[], &args);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(said.contains("30 replications"), "{name}: {said}");
    }
}

/// A node that is back stays empty until pods of another dead node are moved.
#[test]
fn nothing_moves_to_a_node_that_is_back_by_itself() {
    let run = Run::of(&shipped("moonlight-as-configured.yaml"));
    let pods = run.table("pods.csv");
    let mut evicted: Vec<f64> = run.times("TaintManagerEviction", "Marking for deletion");
    evicted.sort_by(f64::total_cmp);
    let late = pods.iter().filter(|pod| number(&pod["created_seconds"]) > 60.0);
    let mut seen = 0;
    for pod in late {
        seen += 1;
        let created = number(&pod["created_seconds"]);
        let cause = evicted.iter().any(|time| (created - 2.0..=created + 1.0).contains(time));
        assert!(cause, "{} replaces a pod that was evicted: {evicted:?}", pod["name"]);
    }
    assert!(seen >= 6, "{seen} pods were moved");
}

/// The control: back before its pods are given up, the first node runs them again.
#[test]
fn a_node_that_is_back_in_time_keeps_its_pods() {
    let run = Run::of(&shipped("moonlight-as-configured.yaml").replace("for: 8m", "for: 5m"));
    assert!(run.metric("pods_evicted_total", "").abs() < 1e-9);
    assert!(run.metric("node_overload_crashes_total", "") >= 2.0);
}

/// Two replicas of an app are never on one node.
#[test]
fn fixed_replicas_stand_apart() {
    let run = Run::of(&shipped("moonlight-fixed.yaml"));
    let pods = run.table("pods.csv");
    assert_eq!(pods.len(), 7);
    for app in ["web", "api", "worker"] {
        let on: Vec<&str> = pods
            .iter()
            .filter(|pod| pod["name"].starts_with(&format!("{app}-")))
            .map(|pod| pod["node"].as_str())
            .collect();
        assert!(on.len() == 2 && on[0] != on[1], "{app}: {on:?}");
    }
}

const ONE: &str = "  cluster:
    nodePools:
      - name: n
        count: 1
        template: {status: {allocatable: {cpu: \"2\", memory: 8Gi, pods: \"110\"}}}
        boot: 10s
        overload: {crashesAfter: 2m, for: 5m}
  workloads:
    - objects:
        - apiVersion: apps/v1
          kind: Deployment
          metadata: {name: web}
          spec:
            replicas: 1
            selector: {matchLabels: {app: web}}
            template:
              metadata: {labels: {app: web}}
              spec: {containers: [{name: web, image: 'web:1'}]}
        - apiVersion: v1
          kind: Service
          metadata: {name: web}
          spec: {selector: {app: web}, ports: [{port: 80}]}
";

/// Friday evening, 22:00 UTC: the load of weekdays crashes the node, that of Saturday does not.
#[test]
fn a_node_dies_of_the_load_of_weekdays() {
    let one = |start: &str, rate: u32| {
        let load = format!(
            "  startTime: {start}\n  load:\n    - {{service: default/web, rate: {rate}, weekendRate: \
             10, cpuPerRequest: 10m}}\n"
        );
        Run::of(&scenario("4h", &(ONE.to_owned() + &load), ""))
    };
    let crashes = |run: &Run| run.metric("node_overload_crashes_total", "");
    let most = |run: &Run| run.metric("node_cpu_utilisation_max", "");
    let hot = one("2019-01-18T22:00:00Z", 200);
    // Dead for 310 s after 120 s of load, which comes back when the pod is ready again: until
    // midnight, and not on Saturday.
    let down = hot.series("nodes", "state=\"down\"");
    let deaths: Vec<f64> = down.iter().filter(|(_, n)| *n > 0.0).map(|(time, _)| *time).collect();
    assert!((deaths[0] - 120.0).abs() < 1e-6, "{deaths:?}");
    assert!(deaths.len() > 10 && deaths.iter().all(|&time| time <= 7200.0), "{deaths:?}");
    assert!((crashes(&hot) - deaths.len() as f64).abs() < 1e-9);
    assert!((most(&hot) - 1.0).abs() < 1e-9);
    let cool = one("2019-01-18T22:00:00Z", 199);
    assert!((most(&cool) - 0.995).abs() < 1e-9);
    assert!(crashes(&cool).abs() < 1e-9);
    let weekend = one("2019-01-19T12:00:00Z", 200);
    assert!((most(&weekend) - 0.05).abs() < 1e-9);
    assert!(crashes(&weekend).abs() < 1e-9);
}

/// What is wrong is refused with its place and a way out.
#[test]
fn wrong_loads_are_refused() {
    let good = "{service: default/web, rate: 200, cpuPerRequest: 10m}";
    for (entry, told) in [
        ("{service: default/wed, rate: 200, cpuPerRequest: 10m}", "no Service \"default/wed\""),
        ("{service: default/web, rate: -1, cpuPerRequest: 10m}", "-1 requests a second"),
        ("{service: default/web, rate: 200, cpuPerRequest: \"0\"}", "0 of CPU for one request"),
        ("{service: default/web, rate: 200}", "cpuPerRequest"),
    ] {
        for (load, accepted) in [(good, true), (entry, false)] {
            let text = scenario("1h", &format!("{ONE}  load:\n    - {load}\n"), "");
            let dir = tempfile::tempdir().unwrap();
            std::fs::write(dir.path().join("s.yaml"), text).unwrap();
            let output = wavetank(dir.path(), &[], &["validate", "s.yaml"]);
            let found = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.success(), accepted, "{load}: {found}");
            assert!(accepted || found.contains(told) && found.contains("s.yaml:"), "{found}");
        }
    }
    let text = ONE.replace("overload: {", "overload: {utilisation: 0, ");
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("s.yaml"), scenario("1h", &text, "")).unwrap();
    let output = wavetank(dir.path(), &[], &["validate", "s.yaml"]);
    let found = String::from_utf8_lossy(&output.stderr);
    assert!(found.contains("a utilisation of 0"), "{found}");
}
