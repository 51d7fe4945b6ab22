//! Whole files, good and broken, as a user would hand them over.

use std::fs;

use super::*;

const BUILT_IN: &[(&str, &str)] = &[
    ("default", "apiVersion: wavetank/v1\nkind: Policy\nmetadata: {name: default}\nspec: {}\n"),
    ("packed", "apiVersion: wavetank/v1\nkind: Policy\nmetadata: {name: packed}\nspec: {}\n"),
];

const HEAD: &str = "\
apiVersion: wavetank/v1
kind: Scenario
metadata: {name: small}
spec:
  duration: 1h
  cluster:
    nodePools:
      - {name: n, count: 3, zones: [a, b], template: {status: {allocatable: {cpu: 4, memory: 8Gi}}}}
";

const POLICY: &str = "\
apiVersion: wavetank/v1
kind: Policy
metadata: {name: mine}
spec:
";

struct Outcome {
    loaded: Option<LoadedFile>,
    found: Vec<String>,
    helpless: bool,
    printed: String,
}

/// Writes `s.yaml` and other files into a folder and reads `s.yaml`.
fn read_files(text: &str, others: &[(&str, &str)]) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in others {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let path = folder.path().join("s.yaml");
    fs::write(&path, text).unwrap();
    let mut reader = FileReader::new(BUILT_IN);
    let loaded = reader.any(&path).unwrap().pop().map(|(_, loaded)| loaded);
    let sorted = reader.found.sorted();
    let found = sorted
        .iter()
        .map(|d| {
            let span = d.span.unwrap();
            format!("{} {}:{} {}", d.code, span.line, span.column, d.path)
        })
        .collect();
    let helpless = sorted.iter().any(|d| d.help.is_none());
    let printed = reader.found.render(&reader.sources, 100);
    Outcome { loaded, found, helpless, printed }
}

/// Asserts code, place and path of the one finding in each text, and that it comes with help.
fn check_table(cases: &[(&str, String, &str)]) {
    let mut wrong = Vec::new();
    for (name, text, expected) in cases {
        let outcome = read_files(text, &[]);
        if outcome.found != [*expected] {
            wrong.push(format!(
                "{name}: expected {expected}, found {:?}\n{}",
                outcome.found, outcome.printed
            ));
        }
        let no_help_due = ["E006", "E008", "E004", "E005"];
        if outcome.helpless && !no_help_due.iter().any(|code| expected.starts_with(code)) {
            wrong.push(format!("{name}: no help\n{}", outcome.printed));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn plus(lines: &str) -> String {
    format!("{HEAD}{lines}\n")
}

fn policy(lines: &str) -> String {
    format!("{POLICY}{lines}\n")
}

#[test]
fn a_scenario_of_ten_lines_is_read() {
    let app = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  replicas: 2\n  \
               selector: {matchLabels: {app: a}}\n  template:\n    metadata: {labels: {app: a}}\n    \
               spec: {containers: [{name: c, image: x}]}\n";
    let text = plus("  workloads:\n    - manifests: app.yaml");
    assert_eq!(text.lines().count(), 10);
    let outcome = read_files(&text, &[("app.yaml", app)]);
    assert_eq!(outcome.printed, "");
    let Some(LoadedFile::Scenario(scenario)) = outcome.loaded else { panic!("a scenario") };
    assert_eq!(scenario.workloads.objects.len(), 1);
    assert_eq!(scenario.policies.len(), 1);
    assert_eq!(scenario.policies[0].name(), "default");
}

#[test]
fn a_scenario_may_say_everything() {
    let text = plus(
        r#"  measureFrom: 10m
  start: empty
  startTime: 2025-01-01T00:00:00Z
  seed: 7
  replications: 30
  metrics: {primary: time_to_whole_seconds}
  policies: [default, mine]
  controlPlane:
    apiLatency: {distribution: lognormal, median: 5ms, p99: 50ms}
    scheduler: {cycleTime: 2ms, replicas: 2}
  workloads:
    - objects:
        - {apiVersion: v1, kind: Namespace, metadata: {name: shop}}
  behaviour:
    - selector: {matchLabels: {app: a}}
      startup: {distribution: weibull, scale: 8s, shape: 1.5}
      shutdown: 2s
      imageSize: 300Mi
      failures:
        - hang: {every: {distribution: exponential, mean: 6h}, recovers: never}
        - crash: {at: 10m, exitCode: 137}
        - slow: {at: 5m, latency: 3s, recovers: {after: 2m}}
        - errorRate: {every: 1h, rate: 0.2, recovers: 30s}
        - leak: {at: 0s, perMinute: 5Mi, recovers: onRestart}
        - dependencyLost: {at: 1m, recovers: {distribution: uniform, min: 1s, max: 2s}}
  faults:
    - {at: 30m, zoneOutage: {zone: a, for: 20m}}
    - {every: {distribution: exponential, mean: 1h}, nodeCrash: {count: 1, for: 5m}}
    - {at: 1m, nodeCrash: {node: n-2}}
    - at: 2m
      schedulerCrash:
    - {at: 3m, controllerManagerCrash: {for: 1m}}
    - {at: 4m, containerFault: {selector: {matchLabels: {app: a}}, hang: {}, for: 5m, share: 0.5}}
  expect:
    - 'time_to_whole_seconds{policy="mine",quantile="0.95"} <= 180'
    - {expr: availability > 0.99, over: mean}
---
apiVersion: wavetank/v1
kind: Policy
metadata: {name: mine}
spec:
  scheduler:
    apiVersion: kubescheduler.config.k8s.io/v1
    kind: KubeSchedulerConfiguration
    profiles:
      - plugins: {score: {disabled: [{name: "*"}], enabled: [{name: NodeResourcesFit, weight: 2}]}}
        pluginConfig:
          - {name: NodeResourcesFit, args: {scoringStrategy: {type: MostAllocated}}}
  recovery:
    nodeMonitorGracePeriod: 20s
    tolerationSeconds: 30
    crashLoopBackOff: {initial: 1s, maxContainerRestartPeriod: 1m}
    probes:
      - selector: {matchLabels: {tier: web}}
        livenessProbe: {periodSeconds: 5, failureThreshold: 3}"#,
    );
    let outcome = read_files(&text, &[]);
    assert_eq!(outcome.printed, "");
    let Some(LoadedFile::Scenario(scenario)) = outcome.loaded else { panic!("a scenario") };
    assert_eq!(scenario.policies.len(), 2);
    assert_eq!(scenario.scenario.spec.behaviour[0].failures.len(), 6);
    assert_eq!(scenario.scenario.spec.faults.len(), 6);
    assert_eq!(scenario.scenario.spec.expect.len(), 2);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn broken_scenarios_are_located_with_help() {
    let b = "  behaviour:\n    - selector: {matchLabels: {a: b}}\n      ";
    let cases: Vec<(&str, String, &str)> = vec![
        ("unknown field", plus("  durations: 1h"), "E020 9:3 spec.durations"),
        (
            "unknown pool field",
            HEAD.replace("count", "cuont"),
            "E020 8:19 spec.cluster.nodePools[0].cuont",
        ),
        ("no duration", HEAD.replace("  duration: 1h\n", ""), "E022 4:1 spec.duration"),
        ("no unit", HEAD.replace("1h", "3600"), "E025 5:13 spec.duration"),
        ("days", HEAD.replace("1h", "1d"), "E025 5:13 spec.duration"),
        ("negative duration", HEAD.replace("1h", "-1h"), "E025 5:13 spec.duration"),
        ("zero duration", HEAD.replace("1h", "0s"), "E049 5:13 spec.duration"),
        (
            "negative count",
            HEAD.replace("count: 3", "count: -3"),
            "E049 8:26 spec.cluster.nodePools[0].count",
        ),
        (
            "count as text",
            HEAD.replace("count: 3", "count: \"3\""),
            "E021 8:26 spec.cluster.nodePools[0].count",
        ),
        (
            "no nodes",
            HEAD.lines().take(5).map(|l| format!("{l}\n")).collect::<String>() + "  cluster: {}\n",
            "E022 6:3 spec.cluster",
        ),
        (
            "quantity",
            HEAD.replace("8Gi", "10Gigs"),
            "E026 8:94 spec.cluster.nodePools[0].template.status.allocatable.memory",
        ),
        (
            "resource",
            HEAD.replace("memory: 8Gi", "memory: 8Gi, cpuu: 1"),
            "E048 8:99 spec.cluster.nodePools[0].template.status.allocatable.cpuu",
        ),
        (
            "no memory",
            HEAD.replace(", memory: 8Gi", ""),
            "E022 8:64 spec.cluster.nodePools[0].template.status.allocatable",
        ),
        (
            "template field",
            HEAD.replace("{status:", "{spec: {taint: []}, status:"),
            "E020 8:62 spec.cluster.nodePools[0].template.spec.taint",
        ),
        ("zones as text", HEAD.replace("[a, b]", "a"), "E021 8:36 spec.cluster.nodePools[0].zones"),
        (
            "price",
            HEAD.replace("count: 3", "count: 3, price: cheap"),
            "E038 8:36 spec.cluster.nodePools[0].price",
        ),
        (
            "pool name",
            HEAD.replace("name: n,", "name: N_1,"),
            "E040 8:16 spec.cluster.nodePools[0].name",
        ),
        ("apiVersion", HEAD.replace("wavetank/v1", "wavetank/v2"), "E030 1:13 apiVersion"),
        ("kind", HEAD.replace("Scenario", "Scenarios"), "E031 2:7 kind"),
        ("kind missing", HEAD.replace("kind: Scenario\n", ""), "E031 1:1 kind"),
        ("start", plus("  start: setled"), "E023 9:10 spec.start"),
        ("empty unmeasured", plus("  start: empty"), "E022 9:10 spec.start"),
        ("measured late", plus("  measureFrom: 2h"), "E024 9:16 spec.measureFrom"),
        ("startTime", plus("  startTime: yesterday"), "E039 9:14 spec.startTime"),
        ("seed", plus("  seed: -1"), "E049 9:9 spec.seed"),
        ("replications", plus("  replications: 0"), "E049 9:17 spec.replications"),
        ("policy typo", plus("  policies: [defalt]"), "E034 9:14 "),
        ("policy twice", plus("  policies: [default, default]"), "E037 9:23 "),
        ("policy file missing", plus("  policies: [none/there.yaml]"), "E034 9:14 "),
        ("policy cycle", plus("  policies: [s.yaml]"), "E035 9:14 "),
        ("manifests missing", plus("  workloads: [{manifests: none.yaml}]"), "E001 9:27 "),
        (
            "two sources",
            plus("  workloads: [{manifests: a, objects: []}]"),
            "E028 9:30 spec.workloads[0]",
        ),
        (
            "source typo",
            plus("  workloads: [{manifest: a}]"),
            "E020 9:16 spec.workloads[0].manifest",
        ),
        (
            "inline field",
            plus(
                "  workloads: [{objects: [{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: c, livenesProbe: {}}]}}]}]",
            ),
            "E020 9:105 spec.workloads[0].objects[0].spec.containers[0].livenesProbe",
        ),
        (
            "fault typo",
            plus("  faults: [{at: 1m, zoneOutege: {zone: a}}]"),
            "E020 9:21 spec.faults[0].zoneOutege",
        ),
        (
            "two faults",
            plus("  faults: [{at: 1m, schedulerCrash: {}, zoneOutage: {zone: a}}]"),
            "E028 9:41 spec.faults[0]",
        ),
        ("no fault", plus("  faults: [{at: 1m}]"), "E028 9:12 spec.faults[0]"),
        ("no time", plus("  faults: [{zoneOutage: {zone: a}}]"), "E028 9:12 spec.faults[0]"),
        ("late fault", plus("  faults: [{at: 2h, zoneOutage: {zone: a}}]"), "E024 9:17 "),
        ("unknown zone", plus("  faults: [{at: 1m, zoneOutage: {zone: c}}]"), "E034 9:40 "),
        ("unknown node", plus("  faults: [{at: 1m, nodeCrash: {node: n-3}}]"), "E034 9:39 "),
        (
            "share",
            plus("  faults: [{at: 1m, containerFault: {selector: {}, hang: {}, share: 1.5}}]"),
            "E024 9:69 spec.faults[0].containerFault.share",
        ),
        (
            "failure mode",
            plus(&format!("{b}failures: [{{hangs: {{at: 1m}}}}]")),
            "E020 11:19 spec.behaviour[0].failures[0].hangs",
        ),
        (
            "two modes",
            plus(&format!("{b}failures: [{{hang: {{at: 1m}}, crash: {{at: 1m}}}}]")),
            "E028 11:35 spec.behaviour[0].failures[0]",
        ),
        (
            "failure parameter",
            plus(&format!("{b}failures: [{{hang: {{at: 1m, exitCode: 1}}}}]")),
            "E020 11:34 spec.behaviour[0].failures[0].hang.exitCode",
        ),
        (
            "exit code",
            plus(&format!("{b}failures: [{{crash: {{at: 1m, exitCode: 300}}}}]")),
            "E024 11:45 spec.behaviour[0].failures[0].crash.exitCode",
        ),
        (
            "error rate",
            plus(&format!("{b}failures: [{{errorRate: {{at: 1m, rate: 20}}}}]")),
            "E024 11:45 spec.behaviour[0].failures[0].errorRate.rate",
        ),
        (
            "no latency",
            plus(&format!("{b}failures: [{{slow: {{at: 1m}}}}]")),
            "E022 11:25 spec.behaviour[0].failures[0].slow.latency",
        ),
        (
            "recovery",
            plus(&format!("{b}failures: [{{hang: {{at: 1m, recovers: onrestart}}}}]")),
            "E023 11:44 spec.behaviour[0].failures[0].hang.recovers",
        ),
        (
            "distribution",
            plus(&format!("{b}startup: {{distribution: lognorm, median: 1s}}")),
            "E023 11:31 spec.behaviour[0].startup.distribution",
        ),
        (
            "parameter missing",
            plus(&format!("{b}startup: {{distribution: uniform, min: 1s}}")),
            "E022 11:16 spec.behaviour[0].startup.max",
        ),
        (
            "parameter unknown",
            plus(&format!("{b}startup: {{distribution: exponential, mean: 1s, sigma: 1}}")),
            "E020 11:54 spec.behaviour[0].startup.sigma",
        ),
        (
            "parameters crossed",
            plus(&format!("{b}startup: {{distribution: lognormal, median: 30s, p99: 8s}}")),
            "E027 11:16 spec.behaviour[0].startup",
        ),
        (
            "nameless distribution",
            plus(&format!("{b}startup: {{median: 30s, p99: 8s}}")),
            "E027 11:16 spec.behaviour[0].startup",
        ),
        (
            "endless",
            plus(&format!("{b}failures: [{{hang: {{every: 0s}}}}]")),
            "E027 11:33 spec.behaviour[0].failures[0].hang.every",
        ),
        (
            "image size",
            plus(&format!("{b}imageSize: 3 Gi")),
            "E026 11:18 spec.behaviour[0].imageSize",
        ),
        (
            "selector",
            plus("  behaviour: [{selector: {app: a}}]"),
            "E020 9:27 spec.behaviour[0].selector.app",
        ),
        (
            "selector operator",
            plus("  behaviour: [{selector: {matchExpressions: [{key: a, operator: Is}]}}]"),
            "E041 9:65 spec.behaviour[0].selector.matchExpressions[0].operator",
        ),
        (
            "latency",
            plus("  controlPlane: {apiLatency: fast}"),
            "E025 9:30 spec.controlPlane.apiLatency",
        ),
        ("expect operator", plus("  expect: ['a => 1']"), "E033 9:15 spec.expect[0]"),
        ("expect quote", plus("  expect: ['a{b=\"c} < 1']"), "E033 9:17 spec.expect[0]"),
        ("expect number", plus("  expect: [{expr: a < b}]"), "E033 9:23 spec.expect[0].expr"),
        (
            "expect over",
            plus("  expect: [{expr: a < 1, over: maen}]"),
            "E023 9:32 spec.expect[0].over",
        ),
    ];
    assert!(cases.len() >= 50);
    check_table(&cases);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn broken_policies_are_located_with_help() {
    let cases: Vec<(&str, String, &str)> = vec![
        ("unknown field", policy("  recover: {}"), "E020 5:3 spec.recover"),
        (
            "unknown plugin",
            policy("  scheduler: {profiles: [{pluginConfig: [{name: NodeResourceFit}]}]}"),
            "E032 5:49 pluginConfig",
        ),
        (
            "extension point",
            policy("  scheduler: {profiles: [{plugins: {scores: {}}}]}"),
            "E020 5:37 spec.scheduler.profiles[0].plugins.scores",
        ),
        ("apiVersion", policy("  scheduler: {apiVersion: v1}"), "E030 5:27 apiVersion"),
        (
            "percentage",
            policy("  scheduler: {percentageOfNodesToScore: 200}"),
            "E024 5:41 percentageOfNodesToScore",
        ),
        ("profiles", policy("  scheduler: {profiles: [{}, {}]}"), "E037 5:30 profiles"),
        ("file missing", policy("  scheduler: {file: none.yaml}"), "E001 5:21 "),
        ("file is itself", policy("  scheduler: {file: s.yaml}"), "E035 5:21 "),
        (
            "threshold",
            policy("  recovery: {unhealthyZoneThreshold: 55}"),
            "E024 5:38 spec.recovery.unhealthyZoneThreshold",
        ),
        (
            "rate",
            policy("  recovery: {nodeEvictionRate: -1}"),
            "E024 5:32 spec.recovery.nodeEvictionRate",
        ),
        (
            "period",
            policy("  recovery: {nodeMonitorGracePeriod: 40}"),
            "E025 5:38 spec.recovery.nodeMonitorGracePeriod",
        ),
        (
            "toleration",
            policy("  recovery: {tolerationSeconds: 30s}"),
            "E021 5:33 spec.recovery.tolerationSeconds",
        ),
        (
            "back-off",
            policy("  recovery: {crashLoopBackOff: {initial: 10s, maxContainerRestartPeriod: 1s}}"),
            "E024 5:42 spec.recovery.crashLoopBackOff.initial",
        ),
        (
            "probe field",
            policy("  recovery: {probes: [{selector: {}, livenessProbe: {period: 5}}]}"),
            "E020 5:54 spec.recovery.probes[0].livenessProbe.period",
        ),
        (
            "probe handlers",
            policy(
                "  recovery: {probes: [{selector: {}, livenessProbe: {exec: {}, grpc: {port: 1}}}]}",
            ),
            "E043 5:38 spec.recovery.probes[0].livenessProbe",
        ),
        (
            "probe period",
            policy("  recovery: {probes: [{selector: {}, readinessProbe: {periodSeconds: -1}}]}"),
            "E049 5:70 spec.recovery.probes[0].readinessProbe.periodSeconds",
        ),
        (
            "probe threshold",
            policy("  recovery: {probes: [{selector: {}, startupProbe: {successThreshold: 2}}]}"),
            "E044 5:71 spec.recovery.probes[0].startupProbe.successThreshold",
        ),
        ("two of one name", format!("{POLICY}---\n{POLICY}"), "E037 8:18 "),
    ];
    check_table(&cases);
}

#[test]
fn all_mistakes_of_a_file_come_at_once() {
    let text = HEAD.replace("1h", "1d").replace("count: 3", "count: -3")
        + "  replications: many\n  faults:\n    - {at: 1x, zoneOutge: {}}\n";
    let outcome = read_files(&text, &[]);
    assert_eq!(outcome.found.len(), 5, "{}", outcome.printed);
}

#[test]
fn policies_come_from_the_file_the_program_or_a_path() {
    let text = plus("  policies: [mine, packed, other.yaml]") + "---\n" + POLICY;
    let other = POLICY.replace("mine", "other");
    let outcome = read_files(&text, &[("other.yaml", &other)]);
    assert_eq!(outcome.printed, "");
    let Some(LoadedFile::Scenario(scenario)) = outcome.loaded else { panic!("a scenario") };
    let names: Vec<&str> = scenario.policies.iter().map(LoadedPolicy::name).collect();
    assert_eq!(names, ["mine", "packed", "other"]);
}

#[test]
fn a_mistake_in_a_manifest_is_shown_in_its_own_file() {
    let app = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: c\n    livenesProbe: {}\n";
    let outcome = read_files(&plus("  workloads: [{manifests: app.yaml}]"), &[("app.yaml", app)]);
    insta::assert_snapshot!(outcome.printed, @r#"
    error[E020]: unknown field "livenesProbe"
     --> app.yaml:7:5
      |
    7 |     livenesProbe: {}
      |     ^^^^^^^^^^^^
      = path: spec.containers[0].livenesProbe
    help: did you mean "livenessProbe"?
    "#);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(192))]
    #[test]
    fn no_damaged_file_breaks_the_reader(
        at in 0..600_usize,
        cut in 0..12_usize,
        put in "[-:\\[\\]{}&*!|\"' 0a\n]{0,6}",
    ) {
        let text = plus("  faults: [{at: 1m, zoneOutage: {zone: a}}]\n  expect: ['a{b=\"c\"} < 1']")
            + "---\n" + POLICY + "  recovery: {probes: [{selector: {}, livenessProbe: {}}]}\n";
        let at = at.min(text.len());
        let end = (at + cut).min(text.len());
        let _ = read_files(&format!("{}{put}{}", &text[..at], &text[end..]), &[]);
    }
}
