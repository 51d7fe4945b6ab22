//! Scheduling cycles over clusters of three sizes, and a whole run; each checks its answer.

use std::hint::black_box;
use std::path::Path;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use wavetank::model::{Model, PodId};
use wavetank::record::Detail;
use wavetank::scenario::built_in;
use wavetank::scenario::compile::compile;
use wavetank::scenario::file::FileReader;
use wavetank::scheduling::{Framework, Outcome, Query, Snapshot, TieBreak};
use wavetank::sim::{RunOptions, simulate};

#[path = "cases/day.rs"]
mod scenario;

/// The first policy's model of a scenario file.
fn model(path: &Path) -> Model {
    let mut reader = FileReader::new(built_in::POLICIES);
    let loaded = reader.scenario(path, &[]).expect("a readable file").expect("a sound scenario");
    let policy = &loaded.policies[0];
    compile(&loaded, policy, &mut reader.found).expect("a sound scenario")
}

/// A cluster of so many nodes in three zones, and one class of pods.
fn cluster(nodes: u32) -> Model {
    let text = format!(
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
        - apiVersion: v1
          kind: Pod
          metadata: {{name: simple}}
          spec:
            containers:
              - {{name: c, image: 'c:1', resources: {{requests: {{cpu: 500m, memory: 1Gi}}}}}}
"
    );
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("bench.yaml");
    std::fs::write(&path, text).expect("a writable folder");
    model(&path)
}

/// The model of a day.
fn day(nodes: u32, pods: u32, period: u32) -> Model {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("day.yaml");
    std::fs::write(&path, scenario::day(nodes, pods, period)).expect("a writable folder");
    model(&path)
}

/// What a day costs, at twice the pods and at half the probes' period as well.
fn days(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("day");
    group.sample_size(10);
    for (nodes, pods, period) in
        [(5_000, 150_000, 10), (5_000, 300_000, 10), (5_000, 150_000, 5), (500, 15_000, 10)]
    {
        let model = day(nodes, pods, period);
        group.bench_function(format!("{nodes}/{pods}/{period}s"), |bencher| {
            bencher.iter(|| {
                let result = simulate(&model, RunOptions::new(1, 0, Detail::Metrics));
                assert!(result.limit.is_none(), "the day ends");
                black_box(result.handled)
            });
        });
    }
    group.finish();
}

fn scheduling(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scheduling");
    for nodes in [100u32, 1_000, 5_000] {
        let model = cluster(nodes);
        let template = model.templates.ids().next().expect("one template");
        let mut framework = Framework::new(&model, &model.scheduler.profiles[0]);
        let mut snapshot = Snapshot::new(&model);
        for (id, node) in model.nodes.iter() {
            snapshot.add_node(&model, id, &node.taints, node.unschedulable);
        }
        let (mut pod, mut start) = (0u32, 0usize);
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("{nodes}/simple/adaptive"), |bencher| {
            bencher.iter(|| {
                snapshot.refresh();
                let decision = framework.schedule(&Query {
                    pinned: None,
                    model: &model,
                    snapshot: &snapshot,
                    template,
                    start,
                    tie_break: TieBreak::LowestName,
                });
                start = decision.next_start;
                let Outcome::Place(node) = decision.outcome else {
                    panic!("a pod fits: {:?}", decision.outcome)
                };
                // The pod comes and goes, so that the cluster never fills up.
                let id = PodId::from_raw(pod % 1_000);
                pod += 1;
                if pod > 1_000 {
                    snapshot.remove_pod(&model, id).expect("it was placed");
                }
                snapshot.add_pod(&model, node, id, template);
                black_box(node)
            });
        });
    }
    group.finish();
}

fn whole_run(criterion: &mut Criterion) {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/zone-outage.yaml");
    let model = model(&scenario);
    let expected = simulate(&model, RunOptions::new(1, 0, Detail::Metrics));
    assert!(expected.limit.is_none() && expected.facts.len() > 100);
    let mut group = criterion.benchmark_group("run");
    group.sample_size(20);
    group.throughput(Throughput::Elements(expected.handled));
    group.bench_function("zone-outage", |bencher| {
        bencher.iter_batched(
            || RunOptions::new(1, 0, Detail::Metrics),
            |options| {
                let result = simulate(&model, options);
                assert_eq!(result.digest.to_hex(), expected.digest.to_hex());
                result.handled
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group!(benches, scheduling, whole_run, days);
criterion_main!(benches);
