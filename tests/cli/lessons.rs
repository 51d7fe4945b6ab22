//! The shipped scenarios that teach something prove it: every `expect:` line holds.

use super::{root, wavetank};

/// Compares the policies of a scenario over so many replications and wants every expectation met.
fn holds(scenario: &str, replications: &str) {
    let dir = tempfile::tempdir().unwrap();
    let path = root().join("scenarios").join(scenario);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("# ") && text.contains("\n  expect:\n"), "{scenario}");
    assert!(text.contains(&format!("scenarios/{scenario}\n")), "{scenario} says how to run it");
    let path = path.to_str().unwrap();
    let args = ["compare", path, "-n", replications, "--detail", "none", "--out", "out"];
    let output = wavetank(dir.path(), &[], &args);
    assert_eq!(output.status.code(), Some(0), "{scenario}: {output:?}");
}

/// The scenarios in a folder whose names begin alike.
fn named(folder: &str, begin: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root().join("scenarios").join(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> =
        names.filter(|name| name.starts_with(begin) && name.ends_with(".yaml")).collect();
    names.sort();
    names.into_iter().map(|name| format!("{folder}/{name}")).collect()
}

#[test]
fn every_failure_mode_has_its_lesson_and_the_lesson_holds() {
    let modes = [
        "crash",
        "deadlock",
        "dependency-lost",
        "error-rate",
        "custom",
        "hang",
        "leak",
        "refuse",
        "slow",
        "slow-start",
        "starve",
    ];
    let table = std::fs::read_to_string(root().join("scenarios/health/README.md")).unwrap();
    for mode in modes {
        assert!(table.contains(&format!("[{mode}.yaml]({mode}.yaml)")), "{mode}");
    }
    let mut expected: Vec<String> = modes.map(|mode| format!("health/{mode}.yaml")).to_vec();
    expected.sort();
    assert_eq!(named("health", ""), expected);
    for scenario in expected {
        holds(&scenario, "3");
    }
}

#[test]
fn a_startup_probe_shorter_than_the_replay_restarts_for_ever() {
    let scenarios = named("incidents", "moj-startup-probe-");
    assert_eq!(scenarios.len(), 5, "{scenarios:?}");
    for scenario in scenarios {
        holds(&scenario, "30");
    }
}

#[test]
fn a_slow_database_becomes_an_outage_by_a_liveness_probe() {
    holds("liveness-cascade.yaml", "10");
}

#[test]
fn six_minutes_become_one() {
    holds("six-minute-failover.yaml", "10");
}

#[test]
fn a_week_of_failures_is_the_same_for_every_policy_and_costs_less_with_fast_failover() {
    // The comparison refuses to pair runs that met different storms.
    holds("node-failures.yaml", "4");
}

#[test]
fn a_reboot_that_waits_for_its_pods_costs_less() {
    holds("node-reboot.yaml", "5");
}

#[test]
fn ill_nodes_are_not_given_up() {
    holds("ailing-nodes.yaml", "5");
}

#[test]
fn a_rollout_waits_for_its_gate() {
    holds("readiness-gate.yaml", "3");
}

#[test]
fn a_day_of_recorded_failures_is_the_same_for_every_policy() {
    holds("failure-trace.yaml", "4");
}

#[test]
fn nodes_of_a_dead_zone_are_given_up_one_after_another() {
    holds("zone-outage.yaml", "5");
}
