//! Placing 5,000 pods one after another on an empty cluster, ties by lot.
//!
//! Nodes have 64 CPUs, 256 GiB and room for 250 pods, in three zones. A *simple* pod requests 500m
//! and 1 GiB; a *spread* one belongs to an app of 20 replicas that may differ by one between zones
//! (DoNotSchedule), should be spread over nodes (ScheduleAnyway) and must not share a node. An
//! *owned* pod is a simple one of a single ReplicaSet, so that Kubernetes' default constraints
//! spread it over nodes and zones.
//! *adaptive* looks at as many nodes as kube-scheduler does by default, *all* at all of them.
//!
//! Ids are `scheduler/<nodes>/<simple|spread|owned>/<adaptive|all>`, throughput counts pods. Before it is
//! measured, each case is checked against the full scan: the same node for every pod.

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

const BARE: &str = "        - apiVersion: v1
          kind: Pod
          metadata: {name: simple}
          spec:
            containers:
              - {name: c, image: 'c:1', resources: {requests: {cpu: 500m, memory: 1Gi}}}
";

/// A cluster of so many nodes and the classes of `apps` apps.
fn cluster(nodes: u32, apps: u32, extra: &str, owned: bool) -> Model {
    let mut text = format!(
        "apiVersion: wavetank/v1
kind: Scenario
metadata: {{name: bench}}
spec:
  duration: 1h
  cluster:
    nodePools:
      - name: n
        count: {nodes}
        zones: [a, b, c]
        template: {{status: {{allocatable: {{cpu: '64', memory: 256Gi, pods: '250'}}}}}}
  workloads:
    - objects:
"
    );
    for app in 0..apps {
        let extra = extra.replace("APP", &format!("app-{app}"));
        if !owned {
            text.push_str(BARE);
            continue;
        }
        write!(
            text,
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
                  - {{name: c, image: 'c:1', resources: {{requests: {{cpu: 500m, memory: 1Gi}}}}}}
{}
",
            extra.replace("\n", "\n  ")
        )
        .expect("a string takes all text");
    }
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
    snapshot: Snapshot,
    framework: Framework,
    start: usize,
}

impl<'a> Placing<'a> {
    fn new(model: &'a Model, profile: &Profile) -> Self {
        let mut snapshot = Snapshot::new(model);
        for (id, node) in model.nodes.iter() {
            snapshot.add_node(model, id, &node.taints, node.unschedulable);
        }
        snapshot.refresh();
        Self { model, snapshot, framework: Framework::new(model, profile), start: 0 }
    }

    fn place(&mut self, streams: &Streams, pod: u32) -> NodeId {
        let classes = u32::try_from(self.model.templates.len()).expect("few classes");
        let template = TemplateId::from_raw(pod / REPLICAS % classes);
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
        node
    }
}

fn placing(criterion: &mut Criterion) {
    let streams = Streams::new(1, 0);
    let mut group = criterion.benchmark_group("scheduler");
    group.sample_size(10);
    group.throughput(Throughput::Elements(u64::from(PODS)));
    for nodes in [100, 1_000, 5_000] {
        for (case, apps, extra, owned) in [
            ("simple", 1, "", false),
            ("spread", PODS / REPLICAS, SPREAD, true),
            ("owned", 1, "", true),
        ] {
            let model = cluster(nodes, apps, extra, owned);
            for (share, percentage) in [("adaptive", 0), ("all", 100)] {
                let mut profile = model.scheduler.profiles[0].clone();
                profile.percentage_of_nodes_to_score = percentage;
                let mut ours = Placing::new(&model, &profile);
                let mut full = Placing::new(&model, &profile);
                full.framework.set_evaluation(Evaluation::FullScan);
                for pod in 0..CHECKED {
                    let (node, other) = (ours.place(&streams, pod), full.place(&streams, pod));
                    assert_eq!((node, ours.start), (other, full.start), "pod {pod}");
                }
                group.bench_function(format!("{nodes}/{case}/{share}"), |bencher| {
                    bencher.iter_batched_ref(
                        || Placing::new(&model, &profile),
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
