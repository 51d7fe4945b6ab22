//! The event queue under the hold model, beside a bare heap.
//!
//! Hold model: with a constant number of pending events, take the next one and schedule another
//! an exponentially distributed time later. Every run checks its answer: as many events as asked
//! for, never going back in time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use wavetank::base::time::{SimDuration, SimTime};
use wavetank::engine::EventQueue;
use wavetank::rng::{Distribution, StreamKind, Streams};

/// As large as an event of the simulator.
type Payload = [u64; 2];

/// Events taken and scheduled per measured run.
const HOLDS: u64 = 10_000;

/// What the hold model needs of a queue.
trait Pending {
    fn schedule(&mut self, time: SimTime, event: Payload);
    fn take(&mut self) -> Option<(SimTime, Payload)>;
}

impl Pending for EventQueue<Payload> {
    #[inline]
    fn schedule(&mut self, time: SimTime, event: Payload) {
        self.push(time, 3, event);
    }

    #[inline]
    fn take(&mut self) -> Option<(SimTime, Payload)> {
        self.pop().map(|(key, event)| (key.time(), event))
    }
}

/// The standard heap with the same key and payload and nothing else.
#[derive(Default)]
struct BareHeap {
    heap: BinaryHeap<Reverse<(u128, Payload)>>,
    next_seq: u64,
}

impl Pending for BareHeap {
    #[inline]
    fn schedule(&mut self, time: SimTime, event: Payload) {
        let key = u128::from(time.as_nanos()) << 64 | u128::from(self.next_seq);
        self.next_seq += 1;
        self.heap.push(Reverse((key, event)));
    }

    #[inline]
    fn take(&mut self) -> Option<(SimTime, Payload)> {
        let Reverse((key, event)) = self.heap.pop()?;
        let nanos = u64::try_from(key >> 64).expect("the upper half of the key");
        Some((SimTime::from_nanos(nanos), event))
    }
}

/// Increments with a mean of one second, drawn beforehand.
fn increments() -> Vec<SimDuration> {
    let mut stream = Streams::new(1, 0).stream(StreamKind::Arrival, 0);
    let exponential = Distribution::Exponential { mean: 1.0 };
    (0..1 << 16).map(|_| exponential.sample_duration(&mut stream)).collect()
}

fn fill(queue: &mut impl Pending, pending: usize, steps: &[SimDuration]) {
    for index in 0..pending {
        queue.schedule(SimTime::ZERO + steps[index % steps.len()], [index as u64, 0]);
    }
}

/// Runs `HOLDS` holds and returns the sum of the payloads' first words.
fn hold(queue: &mut impl Pending, steps: &[SimDuration], offset: &mut usize) -> u64 {
    let (mut last, mut sum) = (SimTime::ZERO, 0u64);
    for _ in 0..HOLDS {
        let (time, event) = queue.take().expect("the number of pending events is constant");
        assert!(time >= last, "the queue went back in time");
        last = time;
        sum = sum.wrapping_add(event[0]);
        queue.schedule(time + steps[*offset % steps.len()], [event[0], event[1] + 1]);
        *offset += 1;
    }
    sum
}

/// Empties `queue` and checks that it held `pending` events in order.
fn check(mut queue: impl Pending, pending: usize) {
    let times: Vec<_> = std::iter::from_fn(|| queue.take()).map(|(time, _)| time).collect();
    assert_eq!(times.len(), pending, "events were lost or made up");
    assert!(times.is_sorted(), "the queue went back in time");
}

fn bench_holds(c: &mut Criterion) {
    let steps = increments();
    let mut group = c.benchmark_group("hold");
    group.throughput(Throughput::Elements(HOLDS));
    for pending in [1_000, 100_000] {
        macro_rules! measure {
            ($name:literal, $queue:expr) => {{
                let (mut queue, mut offset) = ($queue, 0);
                fill(&mut queue, pending, &steps);
                group.bench_function(BenchmarkId::new($name, pending), |b| {
                    b.iter(|| black_box(hold(&mut queue, &steps, &mut offset)));
                });
                check(queue, pending);
            }};
        }
        measure!("EventQueue", EventQueue::<Payload>::new());
        measure!("BinaryHeap", BareHeap::default());
    }
    group.finish();
}

/// A million arrivals from a feed, merged with a thousand pending events.
fn bench_feed(c: &mut Criterion) {
    const ARRIVALS: u64 = 1_000_000;
    let mut group = c.benchmark_group("feed");
    group.sample_size(10).throughput(Throughput::Elements(ARRIVALS));
    group.bench_function("a million arrivals", |b| {
        b.iter(|| {
            let mut queue = EventQueue::<Payload>::new();
            queue.push_sorted_feed(
                2,
                (0..ARRIVALS).map(|index| (SimTime::from_nanos(1_000 * index), [index, 0])),
            );
            (0..1_000).for_each(|index| queue.schedule(SimTime::from_secs(index), [0, 0]));
            let taken = std::iter::from_fn(|| queue.take()).count() as u64;
            assert_eq!(taken, ARRIVALS + 1_000);
            taken
        });
    });
    group.finish();
}

criterion_group!(benches, bench_holds, bench_feed);
criterion_main!(benches);
