//! VerticalPodAutoscaler: how much a container should request, after what it has used.
//!
//! Kubernetes-behaviour §3.12. The recommender keeps, for each container name of a workload, a
//! histogram of CPU usage and one of daily memory peaks, in which old samples count for less and
//! less. Target and bounds are percentiles of these with a margin; bounds are wide while little is
//! known. [`update_priority`] says which pods the updater would evict. Nothing is known here of
//! worlds, of APIs or of who sets requests.
//!
//! Fidelity: histograms are not written to checkpoints, so all is forgotten with the process;
//! weights too small to matter are kept; requests that limits follow are left out.

use crate::base::math;
use crate::base::time::{SimDuration, SimTime};

/// Each bucket of a histogram is this much wider than the one before it.
const BUCKET_GROWTH: f64 = 1.05;
/// A CPU sample has the weight of the cores requested, and at least this.
const LEAST_CPU_WEIGHT: f64 = 0.1;
/// Powers of two by which new samples may outweigh those at a histogram's reference time.
const MOST_HALF_LIVES: u64 = 100;
const MEBIBYTE: u64 = 1 << 20;

/// Amounts of both resources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResourceAmounts {
    /// CPU in thousandths.
    pub cpu_milli: u64,
    /// Memory in bytes.
    pub memory_bytes: u64,
}

impl ResourceAmounts {
    fn zip(self, other: Self, with: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            cpu_milli: with(self.cpu_milli, other.cpu_milli),
            memory_bytes: with(self.memory_bytes, other.memory_bytes),
        }
    }

    fn scaled(self, factor: f64) -> Self {
        let scaled = |amount| whole(real(amount) * factor);
        Self { cpu_milli: scaled(self.cpu_milli), memory_bytes: scaled(self.memory_bytes) }
    }
}

/// Flags of the recommender.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VpaSettings {
    /// Time after which a sample counts half.
    pub half_life: SimDuration,
    /// Of the samples of memory in such an interval only the highest counts.
    pub memory_interval: SimDuration,
    /// Share of usage that the lower bound, the target and the upper bound cover.
    pub percentiles: [f64; 3],
    /// What is added to all of them.
    pub margin: f64,
    /// What the containers of a pod are recommended at the least, together.
    pub pod_least: ResourceAmounts,
    /// After running out of memory a container needs so much more.
    pub oom_bump_bytes: u64,
    /// Or so many times as much, if that is more.
    pub oom_bump_ratio: f64,
}

impl Default for VpaSettings {
    /// The defaults of the recommender.
    fn default() -> Self {
        Self {
            half_life: SimDuration::from_hours(24),
            memory_interval: SimDuration::from_hours(24),
            percentiles: [0.5, 0.9, 0.95],
            margin: 0.15,
            pod_least: ResourceAmounts { cpu_milli: 25, memory_bytes: 250 * MEBIBYTE },
            oom_bump_bytes: 100 * MEBIBYTE,
            oom_bump_ratio: 1.2,
        }
    }
}

/// Bounds of the buckets of all histograms of a resource.
#[derive(Clone, Debug)]
struct Buckets {
    starts: Vec<f64>,
}

impl Buckets {
    /// Buckets from 0 to beyond `largest`, the first one `first` wide. Bucket i begins at
    /// first · (gⁱ − 1) / (g − 1), g being the growth.
    fn new(first: f64, largest: f64) -> Self {
        let growth = BUCKET_GROWTH - 1.0;
        let start =
            |bucket: u32| first * (math::powf(BUCKET_GROWTH, f64::from(bucket)) - 1.0) / growth;
        let mut starts = Vec::new();
        for bucket in 0.. {
            starts.push(start(bucket));
            if start(bucket) > largest {
                break;
            }
        }
        Self { starts }
    }

    fn holding(&self, value: f64) -> usize {
        self.starts.partition_point(|start| *start <= value).saturating_sub(1)
    }

    fn end(&self, bucket: usize) -> f64 {
        self.starts[(bucket + 1).min(self.starts.len() - 1)]
    }
}

/// A histogram whose samples lose weight with time.
#[derive(Clone, Debug, Default)]
struct Histogram {
    /// Weights by bucket, as of the reference time: later samples weigh more, by powers of two.
    weights: Vec<f64>,
    reference: SimTime,
}

impl Histogram {
    fn add(
        &mut self,
        buckets: &Buckets,
        value: f64,
        weight: f64,
        (at, half): (SimTime, SimDuration),
    ) {
        let weight = weight * self.growth(at, half);
        self.weights.resize(buckets.starts.len(), 0.0);
        self.weights[buckets.holding(value)] += weight;
    }

    fn subtract(
        &mut self,
        buckets: &Buckets,
        value: f64,
        weight: f64,
        (at, half): (SimTime, SimDuration),
    ) {
        let weight = weight * self.growth(at, half);
        if let Some(of_bucket) = self.weights.get_mut(buckets.holding(value)) {
            *of_bucket = (*of_bucket - weight).max(0.0);
        }
    }

    /// By how much a sample outweighs one of the reference time, which may move for it.
    fn growth(&mut self, at: SimTime, half: SimDuration) -> f64 {
        let since = at.saturating_since(self.reference);
        if since > half.saturating_mul(MOST_HALF_LIVES) {
            let halvings = since.as_nanos() / half.as_nanos();
            let factor = math::powf(2.0, -real(halvings));
            self.weights.iter_mut().for_each(|weight| *weight *= factor);
            self.reference += half * halvings;
        }
        let after = real(at.saturating_since(self.reference).as_nanos());
        let before = real(self.reference.saturating_since(at).as_nanos());
        math::powf(2.0, (after - before) / real(half.as_nanos()))
    }

    /// The value that so large a share of the weights does not exceed, up to its bucket's end; 0
    /// without samples.
    fn percentile(&self, buckets: &Buckets, share: f64) -> f64 {
        let total: f64 = self.weights.iter().sum();
        let Some(last) = self.weights.iter().rposition(|weight| *weight > 0.0) else { return 0.0 };
        let mut sum = 0.0;
        for (bucket, weight) in self.weights[..last].iter().enumerate() {
            sum += weight;
            if *weight > 0.0 && sum >= share * total {
                return buckets.end(bucket);
            }
        }
        buckets.end(last)
    }
}

/// What containers of one name in the pods of a workload have used.
#[derive(Clone, Debug, Default)]
pub struct ContainerUsage {
    cpu: Histogram,
    memory: Histogram,
    /// Times of the first and the last CPU sample.
    seen: Option<(SimTime, SimTime)>,
    samples: u64,
}

/// The memory peak of one container in the present interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryPeak {
    interval_end: Option<SimTime>,
    bytes: u64,
}

/// What a container should request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VpaRecommendation {
    /// Pods that request less are evicted.
    pub lower: ResourceAmounts,
    /// What new pods request.
    pub target: ResourceAmounts,
    /// Pods that request more are evicted.
    pub upper: ResourceAmounts,
}

impl VpaRecommendation {
    /// The recommendation within what the user allows.
    #[must_use]
    pub fn within(self, least: ResourceAmounts, most: ResourceAmounts) -> Self {
        let clamp = |of: ResourceAmounts| of.zip(least, u64::max).zip(most, u64::min);
        let Self { lower, target, upper } = self;
        Self { lower: clamp(lower), target: clamp(target), upper: clamp(upper) }
    }
}

/// The recommender: flags and bounds of buckets. What it learns is in [`ContainerUsage`].
#[derive(Clone, Debug)]
pub struct Recommender {
    settings: VpaSettings,
    cpu: Buckets,
    memory: Buckets,
}

impl Recommender {
    /// A recommender with such flags.
    #[must_use]
    pub fn new(settings: VpaSettings) -> Self {
        Self { settings, cpu: Buckets::new(0.01, 1e3), memory: Buckets::new(1e7, 1e12) }
    }

    /// A container that requests so much uses so much CPU.
    pub fn cpu_sample(
        &self,
        usage: &mut ContainerUsage,
        milli: u64,
        requested_milli: u64,
        at: SimTime,
    ) {
        let weight = (real(requested_milli) / 1000.0).max(LEAST_CPU_WEIGHT);
        let when = (at, self.settings.half_life);
        usage.cpu.add(&self.cpu, real(milli) / 1000.0, weight, when);
        let (first, last) = usage.seen.unwrap_or((at, at));
        usage.seen = Some((first.min(at), last.max(at)));
        usage.samples += 1;
    }

    /// A container uses so many bytes of memory.
    pub fn memory_sample(
        &self,
        usage: &mut ContainerUsage,
        peak: &mut MemoryPeak,
        bytes: u64,
        at: SimTime,
    ) {
        let interval = self.settings.memory_interval;
        let half = self.settings.half_life;
        match peak.interval_end {
            Some(end) if at < end => {
                if bytes <= peak.bytes {
                    return;
                }
                if peak.bytes > 0 {
                    usage.memory.subtract(&self.memory, real(peak.bytes), 1.0, (end, half));
                }
            }
            Some(end) => {
                let late = at.saturating_since(end).as_nanos() / interval.as_nanos();
                peak.interval_end = Some(end + interval * (late + 1));
            }
            None => peak.interval_end = Some(at + interval),
        }
        peak.bytes = bytes;
        let end = peak.interval_end.expect("set above");
        usage.memory.add(&self.memory, real(bytes), 1.0, (end, half));
    }

    /// A container that requests so many bytes was killed for want of memory.
    pub fn out_of_memory(
        &self,
        usage: &mut ContainerUsage,
        peak: &mut MemoryPeak,
        requested_bytes: u64,
        at: SimTime,
    ) {
        let of_interval = peak.interval_end.is_some_and(|end| at < end);
        let used = if of_interval { peak.bytes.max(requested_bytes) } else { requested_bytes };
        let bumped = used.saturating_add(self.settings.oom_bump_bytes);
        let needed = bumped.max(whole(real(used) * self.settings.oom_bump_ratio));
        self.memory_sample(usage, peak, needed, at);
    }

    /// How sure the samples make: 1 for a day of a sample each minute.
    #[must_use]
    pub fn confidence(usage: &ContainerUsage) -> f64 {
        let Some((first, last)) = usage.seen else { return 0.0 };
        let day = SimDuration::from_hours(24);
        let days = real(last.saturating_since(first).as_nanos()) / real(day.as_nanos());
        days.min(real(usage.samples) / (24.0 * 60.0))
    }

    /// What a container of a pod with so many containers should request. The upper bound is
    /// widened by 1 + 1/confidence, the lower one by (1 + 0.001/confidence)⁻².
    #[must_use]
    pub fn recommend(&self, usage: &ContainerUsage, containers: u32) -> VpaRecommendation {
        let confidence = Self::confidence(usage);
        let least = self.settings.pod_least.scaled(1.0 / f64::from(containers));
        let estimate = |share, factor: f64| {
            let cores = usage.cpu.percentile(&self.cpu, share);
            let bytes = usage.memory.percentile(&self.memory, share);
            let used =
                ResourceAmounts { cpu_milli: whole(cores * 1000.0), memory_bytes: whole(bytes) };
            let with_margin = used.zip(used.scaled(self.settings.margin), u64::saturating_add);
            with_margin.scaled(factor).zip(least, u64::max)
        };
        let [lower, target, upper] = self.settings.percentiles;
        let narrowed = 1.0 + 0.001 / confidence;
        VpaRecommendation {
            lower: estimate(lower, 1.0 / (narrowed * narrowed)),
            target: estimate(target, 1.0),
            upper: estimate(upper, 1.0 + 1.0 / confidence),
        }
    }
}

/// A container of a running pod, for the updater.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpdatableContainer {
    /// What it requests.
    pub requested: ResourceAmounts,
    /// What it should request.
    pub recommended: VpaRecommendation,
}

/// When the updater evicts a pod that requests what is not far off.
const SETTLED_AFTER: SimDuration = SimDuration::from_hours(12);
/// A smaller difference, summed over the resources, is left alone.
const LEAST_DIFFERENCE: f64 = 0.1;

/// How much a pod wants to be evicted for its requests to change, if it is to be at all: the sum
/// over the resources of how far its requests are off, as a share of them. `age` is the time since
/// its start; `soon_out_of_memory` says that a container of it was killed for want of memory
/// within ten minutes of its start.
#[must_use]
pub fn update_priority(
    containers: &[UpdatableContainer],
    age: SimDuration,
    soon_out_of_memory: bool,
) -> Option<f64> {
    let amounts: [fn(&ResourceAmounts) -> u64; 2] = [|of| of.cpu_milli, |of| of.memory_bytes];
    let outside = containers.iter().any(|container| {
        let VpaRecommendation { lower, upper, .. } = container.recommended;
        amounts.iter().any(|amount| {
            let requested = amount(&container.requested);
            requested < amount(&lower) || requested > amount(&upper)
        })
    });
    let difference: f64 = amounts
        .iter()
        .map(|amount| {
            let requested: u64 = containers.iter().map(|of| amount(&of.requested)).sum();
            let target: u64 = containers.iter().map(|of| amount(&of.recommended.target)).sum();
            let requested = real(requested.max(1));
            (requested - real(target)).abs() / requested
        })
        .sum();
    let wanted = if outside {
        true
    } else if soon_out_of_memory {
        difference > 0.0
    } else {
        age >= SETTLED_AFTER && difference >= LEAST_DIFFERENCE
    };
    wanted.then_some(difference)
}

#[expect(clippy::cast_precision_loss, reason = "the autoscaler rounds to the nearest float too")]
fn real(amount: u64) -> f64 {
    amount as f64
}

/// Towards zero; infinity is the largest amount.
#[expect(clippy::cast_possible_truncation, reason = "beyond the range the nearest bound is meant")]
#[expect(clippy::cast_sign_loss, reason = "amounts are not negative")]
fn whole(amount: f64) -> u64 {
    amount as u64
}

#[cfg(test)]
#[path = "vertical_pod_autoscaler_tests.rs"]
mod tests;
