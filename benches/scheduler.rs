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

mod cases;

use std::hint::black_box;

use cases::{CASES, PODS, Placing, cluster};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use wavetank::rng::Streams;
use wavetank::scheduling::Evaluation;

/// Pods that are checked against the full scan.
const CHECKED: u32 = 400;

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
