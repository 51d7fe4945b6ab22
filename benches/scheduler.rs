//! Placing 5,000 pods one after another on an empty cluster, ties by lot.
//!
//! Nodes have 64 CPUs, 256 GiB and room for 250 pods, in three zones. A *simple* pod requests 500m
//! and 1 GiB; a *spread* one belongs to an app of 20 replicas that may differ by one between zones
//! (DoNotSchedule), should be spread over nodes (ScheduleAnyway) and must not share a node. An
//! *owned* pod is a simple one of a single ReplicaSet, so that Kubernetes' default constraints
//! spread it over nodes and zones. *Mixed* is fifty ReplicaSets of different requests, some with a
//! node selector, a spreading constraint or a preferred anti-affinity, on nodes of four sizes; pods
//! leave again when 2,500 others have come after them.
//! *adaptive* looks at as many nodes as kube-scheduler does by default, *all* at all of them.
//!
//! Ids are `scheduler/<nodes>/<simple|spread|owned|mixed>/<adaptive|all>`, throughput counts pods.
//! Before it is measured, each case is checked against the full scan: the same node for every pod.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use wavetank::model::{Model, NodeId, PodId, Profile, TemplateId};
use wavetank::rng::Streams;
use wavetank::scenario::built_in;
use wavetank::scenario::compile::compile;
use wavetank::scenario::file::FileReader;
use wavetank::scheduling::{Evaluation, Framework, Query, Snapshot, TieBreak};

/// Pods placed per run.
const PODS: u32 = 5_000;
/// Pods per app of the spread case.
const REPLICAS: u32 = 20;
/// Pods that are checked against the full scan.
const CHECKED: u32 = 400;

const SPREAD: &str = "
              topologySpreadConstraints:
                - maxSkew: 1
                  topologyKey: topology.kubernetes.io/zone
                  whenUnsatisfiable: DoNotSchedule
                  labelSelector: {matchLabels: {app: APP}}
                - maxSkew: 1
                  topologyKey: kubernetes.io/hostname
                  whenUnsatisfiable: ScheduleAnyway
                  labelSelector: {matchLabels: {app: APP}}
              affinity:
                podAntiAffinity:
                  requiredDuringSchedulingIgnoredDuringExecution:
                    - topologyKey: kubernetes.io/hostname
                      labelSelector: {matchLabels: {app: APP}}";

const SIZES: [(u32, u32, &str); 4] =
    [(16, 64, "hdd"), (32, 256, "ssd"), (64, 256, "hdd"), (96, 384, "ssd")];

/// One kind of cluster and load.
#[derive(Clone, Copy, Debug)]
struct Case {
    name: &'static str,
    /// Number of classes.
    classes: u32,
    /// Pods that come one after another from the same class.
    in_a_row: u32,
    /// How many later a pod leaves again.
    leaves_after: Option<u32>,
    /// The objects of one class.
    objects: fn(u32) -> String,
    even_nodes: bool,
}

const CASES: [Case; 4] = [
    Case {
        name: "simple",
        classes: 1,
        in_a_row: PODS,
        leaves_after: None,
        objects: bare,
        even_nodes: true,
    },
    Case {
        name: "spread",
        classes: PODS / REPLICAS,
        in_a_row: REPLICAS,
        leaves_after: None,
        objects: |app| replica_set(app, (500, 1024), SPREAD),
        even_nodes: true,
    },
    Case {
        name: "owned",
        classes: 1,
        in_a_row: PODS,
        leaves_after: None,
        objects: |app| replica_set(app, (500, 1024), ""),
        even_nodes: true,
    },
    Case {
        name: "mixed",
        classes: 50,
        in_a_row: 1,
        leaves_after: Some(PODS / 2),
        objects: mixed,
        even_nodes: false,
    },
];

fn bare(_: u32) -> String {
    "        - apiVersion: v1
          kind: Pod
          metadata: {name: simple}
          spec:
            containers:
              - {name: c, image: 'c:1', resources: {requests: {cpu: 500m, memory: 1Gi}}}
"
    .to_owned()
}

fn replica_set(app: u32, (cpu_milli, memory_mib): (u32, u32), extra: &str) -> String {
    let extra = extra.replace("APP", &format!("app-{app}")).replace('\n', "\n  ");
    format!(
        "        - apiVersion: apps/v1
          kind: ReplicaSet
          metadata: {{name: app-{app}}}
          spec:
            replicas: {REPLICAS}
            selector: {{matchLabels: {{app: app-{app}}}}}
            template:
              metadata: {{labels: {{app: app-{app}}}}}
              spec:
                containers:
                  - name: c
                    image: 'c:1'
                    resources: {{requests: {{cpu: {cpu_milli}m, memory: {memory_mib}Mi}}}}
{extra}
"
    )
}

fn mixed(app: u32) -> String {
    let requests = (100 + app * 37 % 1_900, 128 << (app % 5));
    let extra = match app % 5 {
        0 => {
            "
              nodeSelector: {disk: ssd}"
        }
        1 => {
            "
              topologySpreadConstraints:
                - maxSkew: 2
                  topologyKey: topology.kubernetes.io/zone
                  whenUnsatisfiable: DoNotSchedule
                  labelSelector: {matchLabels: {app: APP}}"
        }
        2 => {
            "
              affinity:
                podAntiAffinity:
                  preferredDuringSchedulingIgnoredDuringExecution:
                    - weight: 100
                      podAffinityTerm:
                        topologyKey: kubernetes.io/hostname
                        labelSelector: {matchLabels: {app: APP}}"
        }
        _ => "",
    };
    replica_set(app, requests, extra)
}

/// A cluster of so many nodes and the classes of a case.
fn cluster(nodes: u32, case: Case) -> Model {
    let mut text = "apiVersion: wavetank/v1
kind: Scenario
metadata: {name: bench}
spec:
  duration: 1h
  cluster:
    nodePools:
"
    .to_owned();
    let even = [(64, 256, "hdd")];
    let sizes = if case.even_nodes { &even[..] } else { &SIZES[..] };
    let pools = u32::try_from(sizes.len()).expect("few sizes");
    for (pool, (cpus, memory, disk)) in sizes.iter().enumerate() {
        write!(
            text,
            "      - name: n{pool}
        count: {}
        zones: [a, b, c]
        template:
          metadata: {{labels: {{disk: {disk}}}}}
          status: {{allocatable: {{cpu: '{cpus}', memory: {memory}Gi, pods: '250'}}}}
",
            nodes / pools
        )
        .expect("a string takes all text");
    }
    text.push_str("  workloads:\n    - objects:\n");
    (0..case.classes).for_each(|app| text.push_str(&(case.objects)(app)));
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("bench.yaml");
    std::fs::write(&path, text).expect("a writable folder");
    let mut reader = FileReader::new(built_in::POLICIES);
    let loaded = reader.scenario(&path, &[]).expect("a readable file").expect("a sound scenario");
    compile(&loaded, &loaded.policies[0], &mut reader.found).expect("a sound scenario")
}

/// One cluster, ready to place pods.
struct Placing<'a> {
    model: &'a Model,
    case: Case,
    snapshot: Snapshot,
    framework: Framework,
    start: usize,
    /// Pods that will leave, the next one first.
    placed: VecDeque<PodId>,
}

impl<'a> Placing<'a> {
    fn new(model: &'a Model, case: Case, profile: &Profile) -> Self {
        let mut snapshot = Snapshot::new(model);
        for (id, node) in model.nodes.iter() {
            snapshot.add_node(model, id, &node.taints, node.unschedulable);
        }
        snapshot.refresh();
        let framework = Framework::new(model, profile);
        Self { model, case, snapshot, framework, start: 0, placed: VecDeque::new() }
    }

    fn place(&mut self, streams: &Streams, pod: u32) -> NodeId {
        let classes = u32::try_from(self.model.templates.len()).expect("few classes");
        let template = TemplateId::from_raw(pod / self.case.in_a_row % classes);
        if self.case.leaves_after.is_some_and(|after| self.placed.len() == after as usize)
            && let Some(pod) = self.placed.pop_front()
        {
            self.snapshot.remove_pod(self.model, pod);
        }
        self.snapshot.refresh();
        let decision = self.framework.schedule(&Query {
            model: self.model,
            snapshot: &self.snapshot,
            template,
            start: self.start,
            tie_break: TieBreak::Seeded { streams, entity: u64::from(pod), attempt: 1 },
        });
        self.start = decision.next_start;
        let node = decision.node().expect("every pod fits");
        self.snapshot.add_pod(self.model, node, PodId::from_raw(pod), template);
        if self.case.leaves_after.is_some() {
            self.placed.push_back(PodId::from_raw(pod));
        }
        node
    }
}

fn placing(criterion: &mut Criterion) {
    let streams = Streams::new(1, 0);
    let mut group = criterion.benchmark_group("scheduler");
    group.sample_size(10);
    group.throughput(Throughput::Elements(u64::from(PODS)));
    for nodes in [100, 1_000, 5_000] {
        for case in CASES {
            let model = cluster(nodes, case);
            for (share, percentage) in [("adaptive", 0), ("all", 100)] {
                let mut profile = model.scheduler.profiles[0].clone();
                profile.percentage_of_nodes_to_score = percentage;
                let mut ours = Placing::new(&model, case, &profile);
                let mut full = Placing::new(&model, case, &profile);
                full.framework.set_evaluation(Evaluation::FullScan);
                for pod in 0..CHECKED {
                    let (node, other) = (ours.place(&streams, pod), full.place(&streams, pod));
                    assert_eq!((node, ours.start), (other, full.start), "pod {pod}");
                }
                group.bench_function(format!("{nodes}/{}/{share}", case.name), |bencher| {
                    bencher.iter_batched_ref(
                        || Placing::new(&model, case, &profile),
                        |placing| {
                            for pod in 0..PODS {
                                black_box(placing.place(&streams, pod));
                            }
                        },
                        BatchSize::LargeInput,
                    );
                });
            }
        }
    }
    group.finish();
}

criterion_group!(benches, placing);
criterion_main!(benches);
