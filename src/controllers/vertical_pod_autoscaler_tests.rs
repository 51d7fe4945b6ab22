//! Recommendations and evictions of the VerticalPodAutoscaler.

use proptest::prelude::*;

use super::*;

const MINUTE: SimDuration = SimDuration::from_mins(1);
const HOUR: SimDuration = SimDuration::from_hours(1);

fn recommender() -> Recommender {
    Recommender::new(VpaSettings::default())
}

/// A sample of CPU each minute, in milli-units.
fn used_cpu(samples: impl IntoIterator<Item = u64>) -> ContainerUsage {
    let mut usage = ContainerUsage::default();
    let mut at = SimTime::ZERO;
    for milli in samples {
        recommender().cpu_sample(&mut usage, milli, 100, at);
        at += MINUTE;
    }
    usage
}

#[test]
fn buckets_grow_by_a_twentieth() {
    let buckets = &recommender().cpu;
    // Bucket i begins at 0.2 · (1.05ⁱ − 1) cores.
    for (cores, bucket, end) in [(0.0, 0, 0.01), (0.015, 1, 0.0205), (0.1, 8, 0.110_265_6)] {
        assert_eq!(buckets.holding(cores), bucket);
        assert!((buckets.end(bucket) - end).abs() < 1e-6, "{}", buckets.end(bucket));
    }
    assert_eq!(buckets.holding(1e9), buckets.starts.len() - 1);
    assert_eq!(buckets.starts.len(), 176);
}

#[test]
fn a_day_of_even_usage() {
    // 100m lie below 110.27m: 110m and 15 % of it.
    let day = used_cpu(std::iter::repeat_n(100, 1440));
    let found = recommender().recommend(&day, 1);
    let milli = |of: ResourceAmounts| of.cpu_milli;
    assert_eq!((milli(found.lower), milli(found.target), milli(found.upper)), (125, 126, 252));
    // After an hour one is not sure of much: confidence 59/1440.
    let hour = used_cpu(std::iter::repeat_n(100, 60));
    let found = recommender().recommend(&hour, 1);
    assert_eq!((milli(found.lower), milli(found.target), milli(found.upper)), (120, 126, 3201));
    assert!((Recommender::confidence(&hour) - 59.0 / 1440.0).abs() < 1e-12);
}

#[test]
fn bounds_are_percentiles() {
    // A sixteenth at 2 cores is beyond p90 and not beyond p95; 45 % at 500m are beyond p50.
    let of_minute = |minute: u64| match minute % 160 {
        0..10 => 2000,
        10..82 => 500,
        _ => 100,
    };
    let mut usage = ContainerUsage::default();
    let at = SimTime::from_secs(5);
    (0..160).for_each(|minute| recommender().cpu_sample(&mut usage, of_minute(minute), 100, at));
    let buckets = &recommender().cpu;
    let percentile = |share| usage.cpu.percentile(buckets, share);
    let end = |cores| buckets.end(buckets.holding(cores));
    assert_eq!(percentile(0.48), end(0.1));
    assert_eq!(
        [percentile(0.5), percentile(0.9), percentile(0.95)],
        [end(0.5), end(0.5), end(2.0)]
    );
}

#[test]
fn old_samples_fade() {
    let recommender = recommender();
    let mut usage = ContainerUsage::default();
    let mut add = |milli, days: u64| {
        let at = SimTime::ZERO + HOUR * (24 * days);
        recommender.cpu_sample(&mut usage, milli, 1000, at);
        usage.cpu.percentile(&recommender.cpu, 0.5)
    };
    let end = |cores: f64| recommender.cpu.end(recommender.cpu.holding(cores));
    // Three samples of a day ago outweigh one of now, but not two.
    assert_eq!(add(2000, 0), end(2.0));
    assert_eq!(add(2000, 0), end(2.0));
    assert_eq!(add(2000, 0), end(2.0));
    assert_eq!(add(500, 1), end(2.0));
    assert_eq!(add(500, 1), end(0.5));
    // After a year nothing is left of them.
    assert_eq!(add(100, 365), end(0.1));
    assert!(usage.cpu.weights.iter().all(|weight| weight.is_finite()));
    assert_eq!(usage.cpu.percentile(&recommender.cpu, 0.01), end(0.1));
}

#[test]
fn of_memory_only_the_peaks_of_days_count() {
    let recommender = recommender();
    let (mut usage, mut peak) = (ContainerUsage::default(), MemoryPeak::default());
    let gibibyte = 1024 * MEBIBYTE;
    let total = |usage: &ContainerUsage| usage.memory.weights.iter().sum::<f64>();
    let mut highest = |bytes, hours| {
        let at = SimTime::ZERO + HOUR * hours;
        recommender.memory_sample(&mut usage, &mut peak, bytes, at);
        usage.memory.percentile(&recommender.memory, 1.0)
    };
    let end = |bytes| recommender.memory.end(recommender.memory.holding(real(bytes)));
    assert_eq!(highest(gibibyte, 0), end(gibibyte));
    assert_eq!(highest(gibibyte / 2, 1), end(gibibyte));
    assert_eq!(highest(2 * gibibyte, 2), end(2 * gibibyte));
    // The lower peak of the same day is gone: one sample, of the end of the day.
    assert_eq!(total(&usage), 2.0);
    recommender.memory_sample(&mut usage, &mut peak, gibibyte, SimTime::ZERO + HOUR * 49);
    assert_eq!(peak.interval_end, Some(SimTime::ZERO + HOUR * 72));
    assert_eq!(total(&usage), 2.0 + 8.0);

    // 1 GiB asked for was too little: a fifth more. Little memory grows by 100 MiB.
    for (requested, needed) in [(gibibyte, gibibyte + gibibyte / 5), (MEBIBYTE, 101 * MEBIBYTE)] {
        let (mut usage, mut peak) = (ContainerUsage::default(), MemoryPeak::default());
        recommender.out_of_memory(&mut usage, &mut peak, requested, SimTime::ZERO);
        assert_eq!(peak.bytes, needed);
        assert_eq!(usage.memory.percentile(&recommender.memory, 0.9), end(needed));
    }
}

#[test]
fn a_pod_is_recommended_a_least_amount_that_its_containers_share() {
    let usage = used_cpu([1; 2000]);
    let least = |containers| recommender().recommend(&usage, containers).target;
    let amounts = |cpu_milli, memory_bytes| ResourceAmounts { cpu_milli, memory_bytes };
    assert_eq!(least(1), amounts(25, 250 * MEBIBYTE));
    assert_eq!(least(2), amounts(12, 125 * MEBIBYTE));
    let nothing = recommender().recommend(&ContainerUsage::default(), 1);
    assert_eq!(nothing.target, amounts(25, 250 * MEBIBYTE));
    let within = nothing.within(amounts(30, 0), amounts(1000, 200 * MEBIBYTE));
    assert_eq!(within.target, amounts(30, 200 * MEBIBYTE));
}

#[test]
fn pods_are_evicted_that_are_far_off_or_have_long_been_off() {
    let amounts = |cpu_milli| ResourceAmounts { cpu_milli, memory_bytes: 1000 };
    let (lower, target, upper) = (amounts(80), amounts(100), amounts(150));
    let recommended = VpaRecommendation { lower, target, upper };
    for (requested, hours, soon_out_of_memory, priority) in [
        (79, 0, false, Some(21.0 / 79.0)),
        (80, 0, false, None),
        (80, 12, false, Some(0.25)),
        (150, 0, false, None),
        (151, 0, false, Some(51.0 / 151.0)),
        (95, 48, false, None),
        (95, 0, true, Some(5.0 / 95.0)),
        (100, 0, true, None),
    ] {
        let containers = [UpdatableContainer { requested: amounts(requested), recommended }];
        let found = update_priority(&containers, HOUR * hours, soon_out_of_memory);
        assert_eq!(found, priority, "{requested} after {hours}h");
    }
}

proptest! {
    #[test]
    fn bounds_enclose_the_target_and_the_target_covers_most_of_the_usage(
        samples in prop::collection::vec((0_u64..8000, 0_u64..90), 1..300),
    ) {
        let recommender = recommender();
        let (mut usage, mut at) = (ContainerUsage::default(), SimTime::ZERO);
        for (milli, minutes) in &samples {
            at += MINUTE * *minutes;
            recommender.cpu_sample(&mut usage, *milli, 100, at);
        }
        let VpaRecommendation { lower, target, upper } = recommender.recommend(&usage, 1);
        prop_assert!(lower.cpu_milli <= target.cpu_milli && target.cpu_milli <= upper.cpu_milli);
        let highest = samples.iter().map(|(milli, _)| *milli).max().unwrap();
        let bucket_end = recommender.cpu.end(recommender.cpu.holding(real(highest) / 1000.0));
        let most = whole(bucket_end * 1000.0 * 1.15).max(25);
        prop_assert!(target.cpu_milli <= most, "{target:?} above {most}");
        let lowest = samples.iter().map(|(milli, _)| *milli).min().unwrap();
        prop_assert!(target.cpu_milli >= lowest);
    }
}
