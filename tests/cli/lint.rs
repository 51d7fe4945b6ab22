//! What `wavetank lint` finds, and what it leaves alone.

use std::path::Path;

use wavetank::lint::{self, Evidence, Finding, RULES, SCENARIOS};
use wavetank::scenario::built_in;
use wavetank::scenario::file::{FileReader, LoadedFile};

use super::{root, shared, wavetank};

/// A scenario in which no rule finds anything.
const SCENARIO: &str = "apiVersion: wavetank/v1
kind: Scenario
metadata: {name: s, description: d}
spec:
  duration: 1h
  cluster:
    nodePools:
      - {name: n, count: 6, zones: [a, b, c], template: {status: {allocatable: {cpu: \"4\", memory: 16Gi}}}}
  workloads: [{manifests: app.yaml}]
  behaviour:
    - {selector: {matchLabels: {app: web}}, startup: 20s, memory: 200Mi}
";

/// Its objects.
const OBJECTS: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 30
      containers:
        - name: web
          image: web:1
          resources: {requests: {cpu: 500m, memory: 256Mi}, limits: {memory: 256Mi}}
          ports: [{name: http, containerPort: 8080}]
          startupProbe: {httpGet: {path: /live, port: http}, periodSeconds: 5, failureThreshold: 12}
          livenessProbe: {httpGet: {path: /live, port: http}, periodSeconds: 10}
          readinessProbe: {httpGet: {path: /ready, port: http}, periodSeconds: 5}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {selector: {matchLabels: {app: web}}, minAvailable: 2}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: worker}
spec:
  selector: {matchLabels: {app: worker}}
  template:
    metadata: {labels: {app: worker}}
    spec:
      priorityClassName: high
      containers:
        - {name: worker, image: 'worker:1', resources: {requests: {cpu: 250m, memory: 1Gi}, limits: {memory: 1Gi}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: worker}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: worker}
  minReplicas: 2
  maxReplicas: 5
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}]
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: high}
value: 100
globalDefault: false
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: '0 3 * * *'
  concurrencyPolicy: Forbid
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers:
            - {name: job, image: 'job:1', command: [sh, -c, work && sleep 60], resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {memory: 64Mi}}}
";

/// Text that is replaced, by what.
type Edit = (&'static str, &'static str);

const POD: &str = "      terminationGracePeriodSeconds: 30\n";
const GRACE: &str = "terminationGracePeriodSeconds: 30";
const APART_BY_ZONE: Edit = (
    GRACE,
    "affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: topology.kubernetes.io/zone, labelSelector: {matchLabels: {app: web}}}]}}",
);
const NO_STARTUP_PROBE: Edit = (
    "          startupProbe: {httpGet: {path: /live, port: http}, periodSeconds: 5, failureThreshold: 12}\n",
    "",
);
const RESOURCES: &str =
    "resources: {requests: {cpu: 500m, memory: 256Mi}, limits: {memory: 256Mi}}";
const LOOSE_BUDGET: Edit = ("minAvailable: 2", "maxUnavailable: 1");
const SECOND_BUDGET: Edit = (
    "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: worker}",
    "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: again}\nspec: {selector: {}, minAvailable: 1}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: worker}",
);

const BEFORE_JOB: &str = "---\napiVersion: batch/v1\nkind: CronJob";
/// Nobody calls a Service that only lets metrics be read.
const METRICS_SERVICE: Edit = (
    BEFORE_JOB,
    "---\napiVersion: v1\nkind: Service\nmetadata: {name: worker-metrics}\nspec: {selector: {app: worker}, ports: [{name: metrics, port: 9090}]}\n---\napiVersion: batch/v1\nkind: CronJob",
);
/// The label of the Service's selector comes from the StatefulSet.
const SERVICE_OF_ONE_POD: Edit = (
    BEFORE_JOB,
    "---\napiVersion: v1\nkind: Service\nmetadata: {name: db-0}\nspec: {selector: {app: db, statefulset.kubernetes.io/pod-name: db-0}, ports: [{port: 5432}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 3
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: 'db:1', resources: {requests: {cpu: 100m, memory: 1Gi}, limits: {memory: 1Gi}}}]}
---\napiVersion: batch/v1\nkind: CronJob",
);
/// Two workloads with a replica each behind one Service: a canary beside what it may replace.
const CANARY: Edit = (
    BEFORE_JOB,
    "---
apiVersion: apps/v1
kind: Deployment
metadata: {name: canary}
spec:
  selector: {matchLabels: {app: web, canary: 'yes'}}
  template:
    metadata: {labels: {app: web, canary: 'yes'}}
    spec:
      containers: [{name: web, image: 'web:2', ports: [{name: http, containerPort: 8080}], readinessProbe: {tcpSocket: {port: http}}, resources: {requests: {cpu: 100m, memory: 256Mi}, limits: {memory: 256Mi}}}]
---\napiVersion: batch/v1\nkind: CronJob",
);
/// As a running cluster has it: of how many is not known.
const OWNED_POD: Edit = (
    BEFORE_JOB,
    "---
apiVersion: v1
kind: Pod
metadata:
  name: web-1
  labels: {app: web}
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web, uid: u, controller: true}]
spec:
  containers: [{name: web, image: 'web:1', ports: [{name: http, containerPort: 8080}], readinessProbe: {tcpSocket: {port: http}}, resources: {requests: {cpu: 100m, memory: 256Mi}, limits: {memory: 256Mi}}}]
---\napiVersion: batch/v1\nkind: CronJob",
);

/// Edits with all that is found then: each rule is tripped here.
const TRIPS: &[(&[&str], &[Edit])] = &[
    (
        &["L001"],
        &[(
            "metadata: {name: web}\nspec:\n  replicas",
            "metadata: {name: web, annotations: {wavetank.dev/lint-ignore: 'L501, L999'}}\nspec:\n  replicas",
        )],
    ),
    (&["L101"], &[("minAvailable: 2", "minAvailable: 3")]),
    (&["L101"], &[("minAvailable: 2", "minAvailable: 100%")]),
    (&["L101"], &[("minAvailable: 2", "maxUnavailable: 0")]),
    (&["L101"], &[("minAvailable: 2", "minAvailable: 67%")]),
    (&["L101", "L501"], &[("minAvailable: 2", "minAvailable: 1"), ("replicas: 3", "replicas: 1")]),
    (&["L102"], &[SECOND_BUDGET]),
    (
        &["L103"],
        &[("{matchLabels: {app: web}}, minAvailable", "{matchLabels: {app: wbe}}, minAvailable")],
    ),
    (
        &["L201"],
        &[(
            "livenessProbe: {httpGet: {path: /live, port: http}, periodSeconds: 10",
            "livenessProbe: {httpGet: {path: /ready, port: http}, periodSeconds: 5",
        )],
    ),
    (&["L202"], &[NO_STARTUP_PROBE, ("startup: 20s", "startup: 60s")]),
    (
        &["L202"],
        &[
            NO_STARTUP_PROBE,
            ("startup: 20s", "startup: {distribution: lognormal, median: 10s, p99: 40s}"),
        ],
    ),
    (&["L203"], &[("failureThreshold: 12", "failureThreshold: 3")]),
    (
        &["L204"],
        &[(
            "/ready, port: http}, periodSeconds: 5",
            "/ready, port: http}, periodSeconds: 5, timeoutSeconds: 5",
        )],
    ),
    (&["L301"], &[(RESOURCES, "securityContext: {}")]),
    (&["L302"], &[(RESOURCES, "resources: {requests: {cpu: 500m, memory: 256Mi}}")]),
    (&["L303"], &[("memory: 200Mi", "memory: 300Mi")]),
    (&["L304"], &[("limits: {memory: 256Mi}", "limits: {memory: 1Gi}")]),
    (
        &["L305"],
        &[("requests: {cpu: 500m, memory: 256Mi}", "requests: {cpu: 500m, memory: 128Mi}")],
    ),
    (&["L401"], &[("requests: {cpu: 500m", "requests: {cpu: 4001m")]),
    (&["L401"], &[("requests: {cpu: 500m", "requests: {example.com/gpu: 1, cpu: 500m")]),
    (&["L402"], &[(GRACE, "nodeSelector: {disktype: ssd}")]),
    (
        &["L402"],
        &[(
            GRACE,
            "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: topology.kubernetes.io/zone, operator: In, values: [d]}]}]}}}",
        )],
    ),
    (
        &["L402", "L402", "L402"],
        &[(
            "template: {status",
            "template: {spec: {taints: [{key: gpu, value: 'yes', effect: NoSchedule}]}, status",
        )],
    ),
    (
        &["L402", "L402", "L402"],
        &[("template: {status", "template: {spec: {unschedulable: true}, status")],
    ),
    (&["L403"], &[APART_BY_ZONE, ("replicas: 3", "replicas: 4")]),
    (
        &["L404"],
        &[(
            GRACE,
            "topologySpreadConstraints: [{maxSkew: 1, topologyKey: rack, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: web}}}]",
        )],
    ),
    (
        &["L405"],
        &[
            (
                GRACE,
                "topologySpreadConstraints: [{maxSkew: 1, minDomains: 4, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: web}}}]",
            ),
            ("replicas: 3", "replicas: 4"),
        ],
    ),
    (&["L406"], &[("replicas: 3", "replicas: 60")]),
    (&["L407"], &[("replicas: 3", "replicas: 44")]),
    (
        &["L408"],
        &[
            ("containerPort: 8080", "containerPort: 8080, hostPort: 80"),
            ("replicas: 3", "replicas: 7"),
        ],
    ),
    (&["L501"], &[LOOSE_BUDGET, ("replicas: 3", "replicas: 1")]),
    (
        &["L501", "L502"],
        &[
            LOOSE_BUDGET,
            ("replicas: 3", "replicas: 1"),
            (
                "template: {status",
                "template: {metadata: {labels: {cloud.google.com/gke-spot: 'true'}}, status",
            ),
        ],
    ),
    (&["L503"], &[("selector: {app: web}", "selector: {app: wbe}")]),
    (
        &["L504"],
        &[(
            "          readinessProbe: {httpGet: {path: /ready, port: http}, periodSeconds: 5}\n",
            "",
        )],
    ),
    (
        &["L505"],
        &[
            (GRACE, "terminationGracePeriodSeconds: 10"),
            (
                "          ports:",
                "          lifecycle: {preStop: {sleep: {seconds: 15}}}\n          ports:",
            ),
        ],
    ),
    (
        &["L505"],
        &[(
            "          ports:",
            "          lifecycle: {preStop: {exec: {command: [/bin/sh, -c, '/bin/sleep 1m; quit']}}}\n          ports:",
        )],
    ),
    (&["L506"], &[("targetPort: http", "targetPort: htpp")]),
    (&["L601"], &[("{rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}", "{type: Recreate}")]),
    (&["L601"], &[("maxUnavailable: 0}}", "maxUnavailable: 100%}}")]),
    (&["L602"], &[("{maxSurge: 1, maxUnavailable: 0}", "{maxSurge: 0, maxUnavailable: 3}")]),
    (&["L603"], &[("  replicas: 3", "  progressDeadlineSeconds: 20\n  replicas: 3")]),
    (
        &["L603"],
        &[
            ("startup: 20s", "startup: 50s"),
            (
                "  replicas: 3",
                "  progressDeadlineSeconds: 70\n  minReadySeconds: 30\n  replicas: 3",
            ),
        ],
    ),
    (&["L604"], &[APART_BY_ZONE]),
    (
        &["L604"],
        &[
            ("containerPort: 8080", "containerPort: 8080, hostPort: 80"),
            ("replicas: 3", "replicas: 6"),
        ],
    ),
    (&["L701"], &[("maxReplicas: 5", "maxReplicas: 2")]),
    (&["L702"], &[("requests: {cpu: 250m, memory: 1Gi}", "requests: {memory: 1Gi}")]),
    (
        &["L703"],
        &[(
            "spec:\n  selector: {matchLabels: {app: worker}}",
            "spec:\n  replicas: 4\n  selector: {matchLabels: {app: worker}}",
        )],
    ),
    (&["L704"], &[("kind: Deployment, name: worker", "kind: Deployment, name: wroker")]),
    (&["L705"], &[("0 3 * * *", "* * * * *")]),
    (&["L801"], &[("priorityClassName: high", "priorityClassName: higher")]),
    (&["L802"], &[("globalDefault: false", "globalDefault: true")]),
    (&["L901"], &[("image: web:1", "image: registry.example:5000/web")]),
];

/// Edits after which nothing is found: near misses, and what the rules are no concern of.
const FINE: &[&[Edit]] = &[
    &[],
    &[("minAvailable: 2", "maxUnavailable: 1%")],
    &[("minAvailable: 2", "minAvailable: 66%")],
    &[(
        "{matchLabels: {app: web}}, minAvailable: 2",
        "{matchLabels: {app: worker}}, minAvailable: 1",
    )],
    // Readiness gives up first: the advice of the Kubernetes documentation.
    &[("livenessProbe: {httpGet: {path: /live", "livenessProbe: {httpGet: {path: /ready")],
    &[NO_STARTUP_PROBE],
    &[
        NO_STARTUP_PROBE,
        ("startup: 20s", "startup: 60s"),
        ("periodSeconds: 10}", "periodSeconds: 10, initialDelaySeconds: 60}"),
    ],
    &[("failureThreshold: 12", "failureThreshold: 5")],
    &[(
        "/ready, port: http}, periodSeconds: 5",
        "/ready, port: http}, periodSeconds: 5, timeoutSeconds: 4",
    )],
    &[("/ready, port: http}, periodSeconds: 5", "/ready, port: http}, periodSeconds: 1")],
    &[("limits: {memory: 256Mi}", "limits: {memory: 1023Mi}")],
    &[("memory: 200Mi", "memory: 256Mi")],
    &[("requests: {cpu: 500m", "requests: {cpu: 4")],
    &[(GRACE, "nodeSelector: {kubernetes.io/os: linux}")],
    &[(GRACE, "nodeSelector: {kubernetes.io/hostname: n-3}")],
    &[(
        "template: {status",
        "template: {spec: {taints: [{key: gpu, value: 'yes', effect: PreferNoSchedule}]}, status",
    )],
    &[APART_BY_ZONE, ("maxSurge: 1, maxUnavailable: 0", "maxSurge: 1, maxUnavailable: 1")],
    &[
        APART_BY_ZONE,
        (
            "topologyKey: topology.kubernetes.io/zone, labelSelector: {",
            "topologyKey: topology.kubernetes.io/zone, matchLabelKeys: [pod-template-hash], labelSelector: {",
        ),
    ],
    &[(
        GRACE,
        "topologySpreadConstraints: [{maxSkew: 1, topologyKey: rack, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: web}}}]",
    )],
    &[(
        GRACE,
        "topologySpreadConstraints: [{maxSkew: 1, minDomains: 4, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: web}}}]",
    )],
    &[("containerPort: 8080", "containerPort: 8080, hostPort: 80"), ("replicas: 3", "replicas: 5")],
    &[("replicas: 3", "replicas: 30")],
    &[METRICS_SERVICE],
    &[SERVICE_OF_ONE_POD],
    &[OWNED_POD],
    &[CANARY, LOOSE_BUDGET, ("replicas: 3", "replicas: 1")],
    // What was read from a cluster shows the autoscaler's number.
    &[(
        "metadata: {name: worker}\nspec:\n  selector: {matchLabels: {app: worker}}",
        "metadata: {name: worker, uid: u}\nspec:\n  replicas: 4\n  selector: {matchLabels: {app: worker}}",
    )],
    // Scaled to nothing on purpose.
    &[("replicas: 3", "replicas: 0"), LOOSE_BUDGET],
    // A single replica that nobody calls.
    &[("minReplicas: 2", "minReplicas: 1")],
    &[("targetPort: http", "targetPort: 9090")],
    &[(
        "          ports:",
        "          lifecycle: {preStop: {sleep: {seconds: 15}}}\n          ports:",
    )],
    // A volume that one pod at a time can hold has to be let go first.
    &[
        ("{rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}", "{type: Recreate}"),
        (POD, "      volumes: [{name: d, persistentVolumeClaim: {claimName: d}}]\n"),
    ],
    &[(
        "image: web:1",
        "image: web@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    )],
    // No limit of a scratch volume is no finding.
    &[(POD, "      volumes: [{name: d, emptyDir: {}}]\n")],
    &[("0 3 * * *", "* * * * *"), ("concurrencyPolicy: Forbid", "concurrencyPolicy: Replace")],
    &[("priorityClassName: high", "priorityClassName: system-cluster-critical")],
    &[("value: 100\nglobalDefault: false", "value: 0\nglobalDefault: true")],
    &[
        ("type: Utilization, averageUtilization: 70", "type: AverageValue, averageValue: 500m"),
        ("requests: {cpu: 250m, memory: 1Gi}", "requests: {memory: 1Gi}"),
    ],
];

/// The scenario and its objects after some edits, in a folder.
fn write(folder: &Path, edits: &[Edit]) {
    let (mut scenario, mut objects) = (SCENARIO.to_owned(), OBJECTS.to_owned());
    for (from, to) in edits {
        assert!(
            scenario.contains(from) || objects.contains(from),
            "{from} is there to be replaced"
        );
        scenario = scenario.replace(from, to);
        objects = objects.replacen(from, to, 1);
    }
    std::fs::write(folder.join("scenario.yaml"), scenario).unwrap();
    std::fs::write(folder.join("app.yaml"), objects).unwrap();
}

/// What is found in a file.
fn found(path: &Path) -> Vec<Finding> {
    let mut reader = FileReader::new(built_in::POLICIES);
    let files = reader.any(path).unwrap();
    assert!(!reader.found.has_errors(), "{}", reader.found.render(&reader.sources, 50));
    let found = files.into_iter().flat_map(|(_, file)| match file {
        LoadedFile::Scenario(loaded) => lint::check_scenario(&loaded),
        LoadedFile::Manifests(set) => lint::check_manifests(&set),
        LoadedFile::Policies(_) | LoadedFile::SchedulerConfig(_) => Vec::new(),
    });
    found.collect()
}

fn codes(findings: &[Finding]) -> Vec<&'static str> {
    let mut codes: Vec<_> = findings.iter().map(|finding| finding.rule.code).collect();
    codes.sort_unstable();
    codes
}

#[test]
fn every_rule_finds_what_it_is_for_and_nothing_else() {
    for (expected, edits) in TRIPS {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), edits);
        let findings = found(&dir.path().join("scenario.yaml"));
        assert_eq!(codes(&findings), *expected, "{edits:?}: {findings:#?}");
        for finding in &findings {
            let diagnostic = &finding.diagnostic;
            assert!(diagnostic.span.is_some_and(|span| span.line > 0), "{finding:?}");
            assert!(!diagnostic.path.is_empty() && !diagnostic.message.is_empty(), "{finding:?}");
        }
    }
    for rule in RULES {
        let tripped = TRIPS.iter().any(|(expected, _)| expected.contains(&rule.code));
        assert!(tripped, "{} is not tried", rule.code);
    }
}

#[test]
fn near_misses_are_left_alone() {
    for edits in FINE {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), edits);
        let findings = found(&dir.path().join("scenario.yaml"));
        assert_eq!(codes(&findings), [""; 0], "{edits:?}: {findings:#?}");
        // Manifests alone give less to find, never more.
        let findings = found(&dir.path().join("app.yaml"));
        assert_eq!(codes(&findings), [""; 0], "{edits:?}: {findings:#?}");
    }
}

/// Manifests need not be all there is: what is missing among them may be elsewhere.
#[test]
fn what_is_missing_is_a_note_among_plain_manifests() {
    use wavetank::base::diag::Severity;
    for edit in [
        ("selector: {app: web}", "selector: {app: wbe}"),
        ("{matchLabels: {app: web}}, minAvailable", "{matchLabels: {app: wbe}}, minAvailable"),
        ("kind: Deployment, name: worker", "kind: Deployment, name: wroker"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &[edit]);
        for (file, level) in [("scenario.yaml", Severity::Warning), ("app.yaml", Severity::Note)] {
            let findings = found(&dir.path().join(file));
            assert_eq!(findings.len(), 1, "{file} {edit:?}: {findings:#?}");
            assert_eq!(findings[0].diagnostic.severity, level, "{file} {edit:?}");
        }
    }
}

/// What the scenario or an operator may cure is a warning, and so is what happens at times only.
#[test]
fn levels_follow_how_sure_it_is() {
    use wavetank::base::diag::Severity;
    let selector: Edit = (GRACE, "nodeSelector: {disktype: ssd}");
    let labels: Edit = (
        "  behaviour:",
        "  operations: [{at: 1m, labelNode: {node: n-0, labels: {disktype: ssd}}}]\n  behaviour:",
    );
    // More pods may be there at other times.
    let scaled: Edit = (
        "{matchLabels: {app: web}}, minAvailable: 2",
        "{matchLabels: {app: worker}}, minAvailable: 2",
    );
    let rarely: Edit =
        ("startup: 20s", "startup: {distribution: lognormal, median: 10s, p99: 70s}");
    for (edits, level) in [
        (vec![selector], Severity::Error),
        (vec![selector, labels], Severity::Warning),
        (vec![("startup: 20s", "startup: 61s")], Severity::Error),
        (vec![rarely], Severity::Warning),
        (vec![scaled], Severity::Warning),
    ] {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &edits);
        let findings = found(&dir.path().join("scenario.yaml"));
        assert_eq!(findings.len(), 1, "{edits:?}: {findings:#?}");
        assert_eq!(findings[0].diagnostic.severity, level, "{edits:?}");
    }
}

#[test]
fn the_reference_of_the_rules_is_up_to_date() {
    let path = root().join("docs/lint.md");
    let expected = lint::document();
    if std::env::var_os("WAVETANK_UPDATE").is_some_and(|update| update == "1") {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "docs/lint.md: WAVETANK_UPDATE=1 cargo test cli::lint");
    let listing = wavetank(&root(), &[], &["lint", "--list"]);
    let listing = String::from_utf8(listing.stdout).unwrap();
    for rule in RULES {
        assert!(listing.contains(rule.name), "{}", rule.name);
        let page = wavetank(&root(), &[], &["lint", "--rule", rule.name]);
        let page = String::from_utf8(page.stdout).unwrap();
        assert!(!page.is_empty() && expected.contains(&page), "{page}");
    }
    let codes: Vec<_> = RULES.iter().map(|rule| rule.code).collect();
    assert!(codes.is_sorted(), "{codes:?}");
}

/// The output for people and for programs, and the exit codes.
#[test]
fn findings_are_told_with_place_reason_and_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let edits: &[Edit] = &[
        ("minAvailable: 2", "minAvailable: 3"),
        ("image: web:1", "image: web"),
        ("targetPort: http", "targetPort: htpp"),
        (GRACE, "nodeSelector: {disktype: ssd}"),
    ];
    write(dir.path(), edits);
    let said = |args: &[&str]| {
        let output = wavetank(dir.path(), &[], args);
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, text) = said(&["lint", "scenario.yaml"]);
    assert_eq!(code, Some(3), "{text}");
    insta::assert_snapshot!("lint_text", text);
    let (code, text) = said(&["lint", "app.yaml", "--format", "json"]);
    assert_eq!(code, Some(3), "{text}");
    insta::assert_snapshot!("lint_json", text);
    let (code, text) = said(&["lint", "app.yaml", "--ignore", "L101,service-port-unknown"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("note[L901]") && !text.contains("L101"), "{text}");
    assert_eq!(said(&["lint", "app.yaml", "--ignore", "L10"]).0, Some(2));
    assert_eq!(said(&["lint", "missing.yaml"]).0, Some(1));
    write(dir.path(), &[("priorityClassName: high", "priorityClassName: higher")]);
    assert_eq!(said(&["lint", "app.yaml"]).0, Some(0));
    assert_eq!(said(&["lint", "app.yaml", "--strict"]).0, Some(3));
    std::fs::write(dir.path().join("app.yaml"), "a: [").unwrap();
    assert_eq!(said(&["lint", "app.yaml"]).0, Some(2));
}

#[test]
fn an_annotation_suppresses_rules_for_its_object() {
    let dir = tempfile::tempdir().unwrap();
    let ignore = |words: &'static str| -> Edit {
        ("kind: PodDisruptionBudget\nmetadata: {name: web}", words)
    };
    for (words, left) in [
        (
            "kind: PodDisruptionBudget\nmetadata: {name: web, annotations: {wavetank.dev/lint-ignore: L101}}",
            vec!["L901"],
        ),
        (
            "kind: PodDisruptionBudget\nmetadata: {name: web, annotations: {wavetank.dev/lint-ignore: 'L501, pdb-blocks-drains'}}",
            vec!["L901"],
        ),
        (
            "kind: PodDisruptionBudget\nmetadata: {name: web, annotations: {wavetank.dev/lint-ignore: L901}}",
            vec!["L101", "L901"],
        ),
    ] {
        write(
            dir.path(),
            &[
                ignore(words),
                ("minAvailable: 2", "minAvailable: 3"),
                ("image: web:1", "image: web"),
            ],
        );
        assert_eq!(codes(&found(&dir.path().join("app.yaml"))), left, "{words}");
    }
}

/// Each scenario that shows rules holds what it promises; in it the rule finds what it is about
/// and leaves the workload beside it alone.
#[test]
fn what_shows_a_rule_shows_it() {
    let dir = tempfile::tempdir().unwrap();
    let folder = root().join("scenarios/lint");
    let mut names: Vec<_> = super::files(&folder).into_iter().map(|(name, _)| name).collect();
    names.sort();
    let known: Vec<std::path::PathBuf> =
        SCENARIOS.iter().map(|(name, _)| format!("{name}.yaml").into()).collect();
    assert_eq!(names, known);
    for (name, _) in SCENARIOS {
        let path = root().join(lint::scenario_path(name));
        let findings = found(&path);
        let about = |rule: &lint::Rule, workload: &str| {
            findings.iter().any(|finding| {
                let object = finding.object.rsplit(' ').next().unwrap_or_default();
                finding.rule.code == rule.code
                    && (object.is_empty() || object.trim_end_matches("-again") == workload)
            })
        };
        for rule in RULES {
            let Evidence::Shown { scenario, bad, good } = rule.evidence else { continue };
            if scenario == *name {
                assert!(
                    about(rule, bad),
                    "{name}: {} does not find {bad}: {findings:#?}",
                    rule.code
                );
                let overall =
                    findings.iter().any(|f| f.object.is_empty() && f.rule.code == rule.code);
                assert!(overall || !about(rule, good), "{name}: {} finds {good}", rule.code);
            }
        }
        let path = path.to_str().unwrap();
        let args = ["compare", path, "-n", "2", "--detail", "none", "--out", "out"];
        let output = wavetank(dir.path(), &[], &args);
        assert_eq!(output.status.code(), Some(0), "{name}: {output:?}");
    }
}

#[test]
fn evidence_is_run_and_told() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[("minAvailable: 2", "minAvailable: 3")]);
    let output = wavetank(dir.path(), &[], &["lint", "app.yaml", "--evidence"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("scenarios/lint/drain.yaml: Half of the nodes"), "{text}");
    let stopped = text.lines().find(|line| line.contains("stopped or gone")).unwrap_or(&text);
    assert_eq!(stopped.split_whitespace().rev().take(2).collect::<Vec<_>>(), ["4", "0"], "{text}");
    let args = ["lint", "app.yaml", "--evidence", "--format", "json"];
    let output = wavetank(dir.path(), &[], &args);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["evidence"][0]["bad"]["workload"], "blocked", "{json:#}");
}

/// Manifests of others: nothing panics, and every finding has its place.
#[test]
fn real_manifests_are_looked_at() {
    let Some(inputs) = shared("inputs/manifests") else { return };
    let mut seen = 0;
    for entry in std::fs::read_dir(&inputs).unwrap() {
        let path = entry.unwrap().path();
        let output = wavetank(&root(), &[], &["lint", path.to_str().unwrap(), "--format", "json"]);
        assert!(matches!(output.status.code(), Some(0 | 3)), "{}: {output:?}", path.display());
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        for finding in json["findings"].as_array().unwrap() {
            seen += 1;
            assert!(finding["line"].as_u64().is_some_and(|line| line > 0), "{finding:#}");
            assert!(finding["path"].as_str().is_some_and(|path| !path.is_empty()), "{finding:#}");
        }
    }
    assert!(seen > 20, "only {seen} findings");
}
