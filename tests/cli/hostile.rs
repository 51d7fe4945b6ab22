//! Broken input gives a located message and exit 2: no panic, no hang.

use std::path::Path;

use super::wavetank;

pub(super) const GOOD: &str = "apiVersion: wavetank/v1
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

const HANG: &str = "hang: {every: 10m, recovers: onRestart}";
const CRASH: &str = "nodeCrash: {node: n-0, for: 5m}";

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
    ("spec:\n  duration", "spec:\n\tduration"),
    ("name: s}", "name: s"),
    ("workloads:", "workloads: !Bad"),
    ("- objects:", "- manifests: nowhere/\n      objects:"),
    ("- objects:", "- manifests: nowhere/\n    - objects:"),
    // Numbers that are too large, or none at all.
    ("count: 2", "count: 4000000000"),
    ("count: 2", "count: 1e400"),
    ("count: 2", "count: .inf"),
    ("replicas: 2", "replicas: 2147483647"),
    ("replicas: 2", "replicas: 99999999999999999999"),
    ("replications: 3", "replications: 4000000000"),
    ("replications: 3", "replications: 3.5"),
    ("duration: 1h", "duration: 9999999999999h"),
    ("duration: 1h", "duration: 1e400s"),
    ("duration: 1h", "duration: NaN"),
    ("periodSeconds: 5", "periodSeconds: 99999999999"),
    ("cpu: \"4\"", "cpu: 1e400"),
    ("memory: 8Gi", "memory: .nan"),
    ("memory: 8Gi", "memory: 99999999999999Ei"),
    ("startup: 5s", "startup: {distribution: lognormal, median: 5s, p99: .inf}"),
    ("startup: 5s", "startup: {distribution: lognormal, median: 5s, p99: 1s}"),
    ("startup: 5s", "startup: {distribution: weibull, scale: 5s, shape: .nan}"),
    ("startup: 5s", "startup: {distribution: weibull, scale: 5s, shape: 0}"),
    ("startup: 5s", "startup: {distribution: pareto, scale: 5s, shape: -1}"),
    (HANG, "errorRate: {every: 10m, rate: 1.5}"),
    (HANG, "errorRate: {every: 10m, rate: .nan}"),
    (HANG, "leak: {every: 10m, perMinute: 10Gigs}"),
    (HANG, "starve: {every: 10m, factor: 0.5}"),
    ("replications: 3", "seed: -1"),
    ("replications: 3", "seed: 99999999999999999999999"),
    // Fields of ours.
    ("replications: 3", "startTime: yesterday"),
    ("replications: 3", "start: full"),
    ("replications: 3", "start: empty"),
    ("replications: 3", "measureFrom: 2h"),
    ("replications: 3", "metrics: {primary: availabilty_ratio}"),
    ("kind: Scenario\n", ""),
    ("apiVersion: wavetank/v1\n", ""),
    ("metadata: {name: s}", "metadata: {name: s}\nmetadata: {name: t}"),
    ("zones: [a]", "zones: a"),
    ("name: n,", "name: N_1,"),
    ("zones: [a]", "price: cheap"),
    ("zones: [a]", "boot: fast"),
    ("policies: [default]", "policies: default"),
    ("policies: [default]", "policies: [default, default]"),
    ("policies: [default]", "policies: ['.']"),
    ("policies: [default]", "controlPlane: {apiLatency: fast}"),
    ("policies: [default]", "controlPlane: {scheduler: {replicas: 0}}"),
    ("expect: [", "expect: ['availability_ratio >= NaN', "),
    ("expect: [", "expect: [{expr: 'availability_ratio >= 0', over: median}, "),
    // What happens, and to whom.
    (CRASH, "kubeletCrash: {node: m-0}"),
    (CRASH, "runtimeOutage: {zone: a}"),
    (CRASH, "configMissing: {name: keys}"),
    (CRASH, "configMissing: {secret: keys}"),
    (CRASH, "configMissing: {configMap: settings, namespace: shop}"),
    (CRASH, "nodeReboot: {node: m-0}"),
    (CRASH, "nodeReboot: {node: n-0, for: 5m}"),
    (CRASH, "spotReclaim: {notice: 2m}"),
    (CRASH, "spotReclaim: {nodeSelector: {pool: spot}}"),
    (CRASH, "webhookOutage: {namespaces: [shop]}"),
    (
        "  policies: [default]",
        "  operations: [{at: 1m, drain: {node: n-7}}]\n  policies: [default]",
    ),
    (
        "  policies: [default]",
        "  operations: [{at: 1m, drain: {force: true}}]\n  policies: [default]",
    ),
    (CRASH, "webhookOutage: {timeout: 60s}"),
    (CRASH, "dnsOutage: {namespace: shop}"),
    (CRASH, "registryOutage: {registry: ghcr.io}"),
    (CRASH, "registryOutage: {images: ['web:2']}"),
    (CRASH, "registryOutage: {registry: docker.io, images: ['web:1']}"),
    (CRASH, "registrySlow: {for: 5m}"),
    (CRASH, "registrySlow: {factor: 0.5}"),
    (CRASH, "registrySlow: {bytesPerSecond: 0}"),
    (HANG, "custom: {every: 10m, httpGet: pass}"),
    (HANG, "custom: {every: 10m, http: fails}"),
    (HANG, "custom: {httpGet: fails}"),
    ("startup: 5s", "postStart: {fails: 2}"),
    ("startup: 5s", "postStart: 5s"),
    (CRASH, "zoneOutage: {zone: z}"),
    (CRASH, "zoneOutage: {}"),
    (CRASH, "nodeCrash: {count: 9}"),
    (CRASH, "networkPartition: {zone: z}"),
    (CRASH, "networkPartition: {node: m-0}"),
    (CRASH, "networkPartition: {all: false}"),
    (CRASH, "networkPartition: {}"),
    (CRASH, "staleConnections: {zone: a}"),
    (CRASH, "apiServerOutage: {instances: 4}"),
    (CRASH, "apiServerSlow: {for: 1m}"),
    (CRASH, "apiServerSlow: {requestFactor: 0.5}"),
    (CRASH, "etcdMembersLost: {members: 0}"),
    (CRASH, "etcdMembersLost: {}"),
    ("zones: [a]", "zones: [a], kubelet: {evictionHard: {memory.availabel: 100Mi}}"),
    ("zones: [a]", "zones: [a], kubelet: {evictionHard: {memory.available: lots}}"),
    ("zones: [a]", "zones: [a], kubelet: {evictionSoft: {memory.available: 500Mi}}"),
    ("zones: [a]", "zones: [a], pidMax: 100"),
    ("zones: [a]", "zones: [a], kubelet: {shutdownGracePeriod: 500ms}"),
    ("zones: [a]", "zones: [a], kubelet: {shutdownGracePeriodCriticalPods: 10s}"),
    (
        "zones: [a]",
        "zones: [a], kubelet: {shutdownGracePeriod: 10s, shutdownGracePeriodByPodPriority: \
         [{priority: 0, shutdownGracePeriodSeconds: 5}, {priority: 0, shutdownGracePeriodSeconds: 6}]}",
    ),
    (
        "zones: [a]",
        "zones: [a], kubelet: {shutdownGracePeriodByPodPriority: [{priority: high, \
         shutdownGracePeriodSeconds: 5}]}",
    ),
    (CRASH, "slowNode: {node: n-0, factor: 1}"),
    (CRASH, "slowNode: {node: m-0, factor: 3}"),
    (CRASH, "slowNode: {node: n-0}"),
    (CRASH, "diskFull: {node: n-0, leaves: lots}"),
    (CRASH, "diskFull: {node: n-0}"),
    (CRASH, "kubeProxyOutage: {zone: a}"),
    ("startup: 5s", "readinessGates: {example.com/lb: soon}"),
    (HANG, "processLeak: {every: 10m}"),
    (CRASH, "failureTrace: {file: nowhere.csv}"),
    (CRASH, "failureTrace: {repeat: often}"),
    (CRASH, "nodeFailures: {domain: rack, for: 5m}"),
    (CRASH, "nodeFailures: {nodeSelector: {rack: r1}, for: 5m}"),
    (CRASH, "nodeFailures: {burst: {nodes: 2, within: 1m}}"),
    (CRASH, "nodeFailures: {domain: kubernetes.io/os, burst: {nodes: 9, within: 1m}}"),
    (CRASH, "containerFault: {selector: {matchLabels: {app: wep}}, hang: {}}"),
    ("replications: 3", "operations: [{at: 5m, scale: {workload: default/wep, replicas: 3}}]"),
    ("replications: 3", "operations: [{at: 5m, scale: {workload: web, replicas: 3}}]"),
    (
        "replications: 3",
        "operations: [{at: 5m, scale: {workload: default/web, replicas: 2000000000}}]",
    ),
    ("replications: 3", "operations: [{at: 5m, reboot: {node: n-0}}]"),
    ("selector: {matchLabels: {app: web}}\n      startup", "selector: {app: web}\n      startup"),
    // Objects inside.
    (
        "selector: {matchLabels: {app: web}}\n            template",
        "selector: {app: web}\n            template",
    ),
    ("image: web:1", "image: 5"),
    ("image: web:1", "name: web2"),
    ("name: web\n                    image", "nam: web\n                    image"),
    // Circles.
    ("- objects:", "- manifests: scenario.yaml\n    - objects:"),
    // Text.
    ("  faults:", " faults:"),
    ("name: s}", "name: \"s}"),
    ("metadata: {name: s}", "metadata: *nobody"),
    ("metadata: {name: s}", "metadata: &me {name: *me}"),
    ("metadata: {name: s}", "metadata: {name: {{ .Values.name }}}"),
    ("metadata: {name: s}", "metadata: {name: \u{202e}s}"),
];

/// Policies beside a sound scenario: what stands under `spec:`.
const POLICIES: &[&str] = &[
    "{recovery: {drainOnReclaimNotice: yes please}}",
    "{recovery: {workloads: [{selector: {}}]}}",
    "{recovery: {workloads: [{selector: {}, replicas: 2000000000}]}}",
    "{recovery: {workloads: [{selector: {}, podDisruptionBudget: {minAvailable: lots}}]}}",
    "{recovery: {workloads: [{selector: {}, podDisruptionBudget: {minAvailable: 1, maxUnavailable: 1}}]}}",
    "{recovery: {workloads: [{selector: {}, podDisruptionBudget: {selector: {}, minAvailable: 1}}]}}",
    "{recovery: {workloads: [{selector: {}, topologySpreadConstraints: [{maxSkew: 0, topologyKey: zone, whenUnsatisfiable: Never}]}]}}",
    "{scheduler: {profiles: [{plugins: {score: {enabled: [{name: NodeResourceFit}]}}}]}}",
    "{scheduler: {profiles: [{plugins: {multiPoint: {enabled: [{name: Coscheduling}]}}}]}}",
    "{scheduler: {profiles: [{plugins: {score: {enabled: [{name: NodeName}]}}}]}}",
    "{scheduler: {profiles: [{plugins: {scores: {}}}]}}",
    "{scheduler: {profiles: [{pluginConfig: [{name: Trimaran, args: {}}]}]}}",
    "{scheduler: {profiles: [{pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: {type: LeastAlocated}}}]}]}}",
    "{scheduler: {profiles: [{pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: {resources: [{name: cpu, weight: 900}]}}}]}]}}",
    "{scheduler: {percentageOfNodesToScore: 101}}",
    "{scheduler: {profiles: [{plugins: {preFilter: {disabled: [{name: PodTopologySpread}]}}}]}}",
    "{scheduler: {profiles: [{plugins: {multiPoint: {disabled: [{name: InterPodAffinity}]}, score: {enabled: [{name: InterPodAffinity}]}}}]}}",
    "{scheduler: {profiles: [{pluginConfig: [{name: PodTopologySpread, args: {defaultingType: Lst}}]}]}}",
    "{scheduler: {profiles: [{pluginConfig: [{name: PodTopologySpread, args: {defaultConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}]}}]}]}}",
    "{scheduler: {profiles: [{pluginConfig: [{name: PodTopologySpread, args: {defaultingType: List, defaultConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedul}]}}]}]}}",
    "{scheduler: {profiles: [{pluginConfig: [{name: NodeAffinity, args: {addedAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchFields: [{key: metadata.name, operator: In, values: [a, b]}]}]}}}}]}]}}",
    "{scheduler: {profiles: [{schedulerName: ''}]}}",
    "{scheduler: {podInitialBackoffSeconds: 0, parallelism: 0}}",
    "{scheduler: {podInitialBackoffSeconds: 20}}",
    "{scheduler: {extenders: [{urlPrefix: 'http://127.0.0.1/'}]}}",
    "{scheduler: {apiVersion: kubescheduler.config.k8s.io/v1beta1}}",
    "{scheduler: {file: nowhere.yaml}}",
    "{scheduler: {file: scenario.yaml}}",
    "{recovery: {nodeEvictionRate: -1}}",
    "{recovery: {unhealthyZoneThreshold: 2}}",
    "{recovery: {tolerationSeconds: 5m}}",
    "{recovery: {nodeMonitorPeriod: 0s}}",
    "{recovery: {crashLoopBackOff: {initial: 10m, maxContainerRestartPeriod: 5m}}}",
    "{recovery: {probes: [{selector: {}, livenessProbe: {periodSecond: 5}}]}}",
];

/// A sound scenario with a policy of this `spec`.
fn with_policy(spec: &str) -> String {
    let text = GOOD.replace("policies: [default]", "policies: [p]");
    format!(
        "{text}---\napiVersion: wavetank/v1\nkind: Policy\nmetadata: {{name: p}}\nspec: {spec}\n"
    )
}

/// What `verb` says of a scenario on standard error; it must refuse it.
fn refusal(name: &str, bytes: &[u8], verb: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("scenario.yaml"), bytes).unwrap();
    refused(dir.path(), name, &[verb, "scenario.yaml"])
}

/// What a command says on standard error; it must exit with 2 and a located error.
fn refused(dir: &Path, name: &str, args: &[&str]) -> String {
    let output = wavetank(dir, &[], args);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{args:?} {name}: {stderr}");
    assert!(stderr.contains(" --> "), "{args:?} {name} says no place: {stderr}");
    assert!(stderr.contains("error["), "{args:?} {name}: {stderr}");
    assert!(!stderr.contains("panicked"), "{args:?} {name}: {stderr}");
    stderr
}

#[test]
fn the_sound_scenario_is_sound() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("scenario.yaml"), GOOD).unwrap();
    let output = wavetank(dir.path(), &[], &["run", "scenario.yaml", "--verify"]);
    assert!(output.status.success(), "{output:?}");
    std::fs::write(dir.path().join("scenario.yaml"), with_policy("{}")).unwrap();
    let output = wavetank(dir.path(), &[], &["validate", "--strict", "scenario.yaml"]);
    assert!(output.status.success(), "{output:?}");
}

/// Every mistake of the tables, its messages one after another.
#[test]
fn each_mistake_is_located_and_explained() {
    let broken = BREAKS.iter().map(|(good, bad)| {
        assert!(GOOD.contains(good), "{good} is not in the sound scenario");
        (format!("{good} → {bad}"), GOOD.replacen(good, bad, 1))
    });
    let policies = POLICIES.iter().map(|spec| (format!("policy {spec}"), with_policy(spec)));
    let mut all = String::new();
    for (name, text) in broken.chain(policies) {
        let message = refusal(&name, text.as_bytes(), "validate");
        assert_eq!(message, refusal(&name, text.as_bytes(), "run"), "{name}");
        for finding in message.split("\n\n").filter(|finding| finding.starts_with("error[")) {
            let place = finding.lines().nth(1).unwrap_or_default();
            let parts: Vec<&str> = place.trim_start_matches([' ', '-', '>']).split(':').collect();
            assert_eq!(parts.len(), 3, "{name} has no file:line:column: {finding}");
            assert!(finding.contains('^'), "{name} shows no line: {finding}");
            assert!(finding.contains("\nhelp: "), "{name} says not what would be right: {finding}");
        }
        all.push_str(&format!("# {}\n{message}\n", name.escape_default()));
    }
    insta::assert_snapshot!("messages", all);
}

#[test]
fn files_that_are_no_scenarios_are_refused() {
    for verb in ["run", "validate"] {
        let check = |name: &str, bytes: &[u8]| refusal(name, bytes, verb);
        check("empty", b"");
        check("spaces", b"   \n\n");
        check("comments only", b"# nothing yet\n");
        check("a list", b"- 1\n- 2\n");
        check("a word", b"hello\n");
        check("binary", &[0u8, 159, 146, 150, 255, 0, 1, 2]);
        check("UTF-16", b"\xff\xfek\0i\0n\0d\0:\0");
        check("not UTF-8", b"apiVersion: wavetank/v1\nkind: Scenario\nmetadata: {name: \xff}\n");
        check("lists", b"apiVersion: wavetank/v1\n---\n- 1\n- 2\n");
        let deep = format!("kind: Scenario\nx: {}1{}", "[".repeat(5000), "]".repeat(5000));
        check("deep", deep.as_bytes());
        let mut bomb = String::from("kind: Scenario\na0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let below = format!("*a{}", level - 1);
            let list = vec![below; 9].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{list}]\n"));
        }
        check("alias bomb", bomb.as_bytes());
    }
}

#[test]
fn line_ends_marks_and_letters_make_no_difference() {
    let with_mark = format!("\u{feff}{GOOD}");
    let with_returns = GOOD.replace('\n', "\r\n");
    let with_letters = GOOD.replacen("name: s}", "name: s, description: 'ünï ✓ 日本'}", 1);
    for text in [with_mark, with_returns.clone(), with_letters] {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("scenario.yaml"), text).unwrap();
        let output = wavetank(dir.path(), &[], &["validate", "--strict", "scenario.yaml"]);
        assert!(output.status.success(), "{output:?}");
    }
    let broken = with_returns.replacen("duration: 1h", "duration: 1hour", 1);
    let message = refusal("returns", broken.as_bytes(), "run");
    assert!(message.contains("scenario.yaml:5:13") && !message.contains('\r'), "{message}");
}

/// Runs `validate` on a file with an upper bound on memory.
fn within(kilobytes: u64, dir: &Path, file: &str) -> (Option<i32>, String) {
    let program = assert_cmd::cargo::cargo_bin("wavetank");
    let output = std::process::Command::new("sh")
        .current_dir(dir)
        .args(["-c", &format!("ulimit -v {kilobytes}; exec \"$0\" validate {file}")])
        .arg(program)
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn large_files_take_little_memory() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, head: &str, line: &str| {
        let mut text = String::with_capacity(110_000_000);
        text.push_str(head);
        while text.len() < 100_000_000 {
            text.push_str(line);
        }
        std::fs::write(dir.path().join(name), text).unwrap();
    };
    write("scenario.yaml", "apiVersion: wavetank/v1\nkind: Scenario\n", "# filler\n");
    let (code, message) = within(1_500_000, dir.path(), "scenario.yaml");
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("at most 16 MB are read"), "{message}");
    write("values.yaml", "apiVersion: v1\nkind: ConfigMap\ndata: [", "1, ");
    let (code, message) = within(1_500_000, dir.path(), "values.yaml");
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("values, aliases expanded"), "{message}");
    // One object of 100 MB is sound, if odd.
    let text = "x".repeat(100_000_000);
    let head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  x: ";
    std::fs::write(dir.path().join("text.yaml"), format!("{head}{text}\n")).unwrap();
    let (code, message) = within(1_500_000, dir.path(), "text.yaml");
    assert_eq!(code, Some(0), "{message}");
}

/// Sizes that Kubernetes accepts, however odd, break nothing when they are run.
#[test]
fn extreme_but_lawful_values_run() {
    for (good, extreme) in [
        ("periodSeconds: 5", "periodSeconds: 2147483647"),
        ("periodSeconds: 5", "periodSeconds: 5, failureThreshold: 2147483647"),
        (
            "containers:",
            "terminationGracePeriodSeconds: 9223372036854775807\n                containers:",
        ),
        (
            "containers:",
            "tolerations: [{key: node.kubernetes.io/unreachable, effect: NoExecute, operator: \
             Exists, tolerationSeconds: 9223372036854775807}]\n                containers:",
        ),
        (
            "replicas: 2",
            "replicas: 2\n            minReadySeconds: 2147483647\n            progressDeadlineSeconds: 2147483647",
        ),
        ("cpu: 500m", "cpu: 1e400"),
        ("memory: 1Gi", "memory: 99999999999Ei"),
        ("startup: 5s", "startup: 2562047h"),
        ("startup: 5s", "latency: 2562047h"),
        ("startup: 5s", "imageSize: 999999999Ei"),
        ("startup: 5s", "startup: {distribution: pareto, scale: 1h, shape: 0.001}"),
        ("cpu: \"4\"", "cpu: 1Pi"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        assert!(GOOD.contains(good), "{good}");
        std::fs::write(dir.path().join("scenario.yaml"), GOOD.replacen(good, extreme, 1)).unwrap();
        let output = wavetank(dir.path(), &[], &["run", "scenario.yaml", "--verify"]);
        // An expectation may fail: 3.
        assert!(matches!(output.status.code(), Some(0 | 3)), "{extreme}: {output:?}");
    }
}

#[test]
fn folders_circles_and_unreadable_files() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at("scenario.yaml"), GOOD).unwrap();
    // A folder that holds the scenario itself is read without it.
    let own_folder = GOOD.replacen("- objects:", "- manifests: .\n    - objects:", 1);
    std::fs::write(at("own.yaml"), own_folder).unwrap();
    let output = wavetank(dir.path(), &[], &["run", "own.yaml"]);
    assert!(output.status.success(), "{output:?}");
    // Policies that name each other.
    let policy = |file: &str| {
        format!(
            "apiVersion: wavetank/v1\nkind: Policy\nmetadata: {{name: p}}\nspec: {{scheduler: {{file: {file}}}}}\n"
        )
    };
    std::fs::write(at("a.yaml"), policy("b.yaml")).unwrap();
    std::fs::write(at("b.yaml"), policy("a.yaml")).unwrap();
    refused(dir.path(), "policies in a circle", &["validate", "a.yaml"]);
    std::fs::write(at("c.yaml"), policy("c.yaml")).unwrap();
    let message = refused(dir.path(), "a policy of itself", &["validate", "c.yaml"]);
    assert!(message.contains("names itself"), "{message}");
    // The environment's refusals say why, with exit 1.
    for args in [["run", "."], ["run", "nowhere.yaml"], ["validate", "nowhere.yaml"]] {
        let output = wavetank(dir.path(), &[], &args);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(message.starts_with("cannot read ") && message.contains(": "), "{message}");
    }
}

#[cfg(unix)]
#[test]
fn links_in_a_circle_and_files_without_permission() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("apps");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(
        folder.join("pod.yaml"),
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n",
    )
    .unwrap();
    symlink(&folder, folder.join("again")).unwrap();
    symlink("self.yaml", folder.join("self.yaml")).unwrap();
    let output = wavetank(dir.path(), &[], &["validate", "apps"]);
    assert!(output.status.success(), "{output:?}");
    let output = wavetank(dir.path(), &[], &["validate", "apps/self.yaml"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let closed = folder.join("pod.yaml");
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::read(&closed).is_ok() {
        println!("skipped: this user may read everything");
        return;
    }
    let text = GOOD.replacen("- objects:", "- manifests: apps\n    - objects:", 1);
    std::fs::write(dir.path().join("scenario.yaml"), text).unwrap();
    let message = refused(dir.path(), "no permission", &["run", "scenario.yaml"]);
    assert!(message.contains("cannot read"), "{message}");
}
