//! A scenario in which no rule finds anything, and what has to change in it for each to find something.

/// A scenario in which no rule finds anything.
pub(super) const SCENARIO: &str = "apiVersion: wavetank/v1
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
pub(super) const OBJECTS: &str = "apiVersion: apps/v1
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
pub(super) type Edit = (&'static str, &'static str);

const POD: &str = "      terminationGracePeriodSeconds: 30\n";
pub(super) const GRACE: &str = "terminationGracePeriodSeconds: 30";
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
pub(super) const TRIPS: &[(&[&str], &[Edit])] = &[
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
pub(super) const FINE: &[&[Edit]] = &[
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
