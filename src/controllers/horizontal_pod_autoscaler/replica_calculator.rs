//! How many replicas one metric asks for.
//!
//! Kubernetes-behaviour §3.11, steps 1 and 2, where one metric is concerned. Usage is summed in
//! 64-bit integers; ratios are 64-bit floats, as in Kubernetes, made with `+ - * /` and `ceil`
//! alone, so that they are the same bits everywhere. Nothing is remembered here.
//!
//! Fidelity: a number of replicas beyond 32 bits is the largest one there is; 1.29 lets it wrap
//! around. Metrics of pods that the selector does not match do not occur.

use crate::base::time::SimTime;
use crate::model::PodId;
use crate::state::Phase;

use super::metric::{
    MetricSource, PodReading, PodRequest, Reading, ResourceTarget, ScaledPod, ScaledResource,
    ValueTarget,
};
use super::{Release, Settings};

/// How a pod counts for a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodGroup {
    /// With its sample.
    Ready,
    /// Not, or with no usage at all where that keeps a scale-up small.
    Unready,
    /// It has no sample; what it uses is assumed.
    Missing,
    /// Not at all: it is being deleted, or has failed.
    Ignored,
}

/// The number of replicas at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// `spec.replicas`.
    pub spec: i32,
    /// `status.replicas`.
    pub status: i32,
}

/// The value of a metric, as the status shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measured {
    /// Percent of requests, and milli-units for each pod.
    Utilization {
        /// Percent.
        percent: i32,
        /// Milli-units.
        average_milli: i64,
    },
    /// Milli-units for each pod.
    AverageMilli(i64),
    /// Milli-units in all.
    Milli(i64),
}

/// What a metric asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Replicas.
    pub replicas: i32,
    /// The value behind that.
    pub measured: Measured,
}

/// Why a metric asks for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The metrics API answered with this error, or with an answer of another kind.
    Unavailable(&'static str),
    /// The metrics API has nothing about any pod.
    NoSamples,
    /// The selector matches no pod.
    NoPods,
    /// No pod that has a sample counts.
    NoneReady,
    /// A container or pod requests nothing, so there is nothing to use a part of.
    NoRequest {
        /// The pod.
        pod: PodId,
        /// The container's place among regular containers, then sidecars; `None` for the pod.
        container: Option<u16>,
    },
    /// The pods that count request nothing in sum.
    NothingRequested,
}

/// Sorts the selected pods for a metric. `of_cpu` says whether it is CPU: then pods count as
/// unready that have not been ready long enough for their sample to mean something.
#[must_use]
pub fn pod_groups(
    settings: &Settings,
    pods: &[ScaledPod],
    readings: &[PodReading],
    of_cpu: bool,
    now: SimTime,
) -> Vec<PodGroup> {
    let group = |(pod, reading): (&ScaledPod, &PodReading)| {
        if pod.terminating || pod.phase == Phase::Failed {
            return PodGroup::Ignored;
        }
        if pod.phase == Phase::Pending {
            return PodGroup::Unready;
        }
        let Some(sample) = reading.sample else { return PodGroup::Missing };
        if !of_cpu {
            return PodGroup::Ready;
        }
        let (Some(readiness), Some(started)) = (pod.readiness, pod.started) else {
            return PodGroup::Unready;
        };
        let initializing = started.saturating_add(settings.cpu_initialization_period) > now;
        let unready = if initializing {
            !readiness.ready || sample.taken < readiness.since.saturating_add(sample.window)
        } else {
            let never_before = started.saturating_add(settings.initial_readiness_delay);
            !readiness.ready && never_before > readiness.since
        };
        if unready { PodGroup::Unready } else { PodGroup::Ready }
    };
    pods.iter().zip(readings).map(group).collect()
}

/// What one metric asks for.
///
/// # Errors
/// If the metric says nothing; see [`Failure`].
pub fn propose(
    settings: &Settings,
    source: &MetricSource,
    scale: Scale,
    pods: &[ScaledPod],
    reading: Reading<'_>,
    now: SimTime,
) -> Result<Proposal, Failure> {
    if let Reading::Unavailable(why) = reading {
        return Err(Failure::Unavailable(why));
    }
    let odd = Err(Failure::Unavailable("the answer is of another kind"));
    match source {
        MetricSource::Resource { resource, target }
        | MetricSource::ContainerResource { resource, target, .. } => {
            let Reading::Pods(readings) = reading else { return odd };
            let seen =
                SeenPods::of(settings, pods, readings, *resource == ScaledResource::Cpu, now)?;
            match target {
                ResourceTarget::Utilization(percent) => seen.utilization(*percent, scale.spec),
                ResourceTarget::AverageMilli(milli) => Ok(seen.average(*milli, scale.spec)),
            }
        }
        MetricSource::Pods { average_milli, .. } => {
            let Reading::Pods(readings) = reading else { return odd };
            let seen = SeenPods::of(settings, pods, readings, false, now)?;
            Ok(seen.average(*average_milli, scale.spec))
        }
        MetricSource::Object { target, .. } => {
            let Reading::Value(milli) = reading else { return odd };
            by_value(settings, milli, *target, scale, pods)
        }
        MetricSource::External { target, .. } => {
            let Reading::Series(values) = reading else { return odd };
            if values.is_empty() {
                return Err(Failure::NoSamples);
            }
            let sum = values.iter().fold(0_i64, |sum, milli| sum.saturating_add(*milli));
            by_value(settings, sum, *target, scale, pods)
        }
    }
}

fn by_value(
    settings: &Settings,
    milli: i64,
    target: ValueTarget,
    scale: Scale,
    pods: &[ScaledPod],
) -> Result<Proposal, Failure> {
    match target {
        ValueTarget::Milli(target) => {
            let ratio = real(milli) / real(target);
            let replicas = if scale.spec == 0 {
                ceiling(ratio)
            } else if within_tolerance(settings, ratio) {
                scale.spec
            } else if pods.is_empty() {
                return Err(Failure::NoPods);
            } else {
                let serves = |pod: &&ScaledPod| {
                    pod.phase == Phase::Running && pod.readiness.is_some_and(|seen| seen.ready)
                };
                ceiling(ratio * count(pods.iter().filter(serves).count()))
            };
            Ok(Proposal { replicas, measured: Measured::Milli(milli) })
        }
        ValueTarget::AverageMilli(target) => {
            let ratio = real(milli) / (real(target) * f64::from(scale.status));
            let replicas = if within_tolerance(settings, ratio) {
                scale.status
            } else {
                ceiling(real(milli) / real(target))
            };
            let average = match (scale.status, settings.release) {
                // What x86-64 makes of infinity as an integer.
                (0, Release::V1_29) => i64::MIN,
                (0, Release::V1_34) => 0,
                (status, _) => wide_ceiling(real(milli) / f64::from(status)),
            };
            Ok(Proposal { replicas, measured: Measured::AverageMilli(average) })
        }
    }
}

/// Pods with what is known of them, sorted.
struct SeenPods<'a> {
    settings: &'a Settings,
    pods: &'a [ScaledPod],
    readings: &'a [PodReading],
    groups: Vec<PodGroup>,
    /// Usage and number of the pods that are ready.
    ready: Sums,
}

/// Sums over pods.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    usage: i64,
    request: i64,
    pods: usize,
}

impl Sums {
    fn add(&mut self, usage: i64, request: i64) {
        self.usage = self.usage.saturating_add(usage);
        self.request = self.request.saturating_add(request);
        self.pods += 1;
    }

    /// Usage in whole percent of requests, towards zero.
    fn percent(&self) -> i32 {
        let percent = self.usage.saturating_mul(100) / self.request;
        i32::try_from(percent).unwrap_or(i32::MAX)
    }

    /// Usage of a pod, towards zero.
    fn average(&self) -> i64 {
        self.usage / i64::try_from(self.pods).expect("pods are fewer than 2^63")
    }
}

impl<'a> SeenPods<'a> {
    fn of(
        settings: &'a Settings,
        pods: &'a [ScaledPod],
        readings: &'a [PodReading],
        of_cpu: bool,
        now: SimTime,
    ) -> Result<Self, Failure> {
        if readings.iter().all(|reading| reading.sample.is_none()) {
            return Err(Failure::NoSamples);
        }
        if pods.is_empty() {
            return Err(Failure::NoPods);
        }
        let groups = pod_groups(settings, pods, readings, of_cpu, now);
        let mut ready = Sums::default();
        for (reading, group) in readings.iter().zip(&groups) {
            if let (PodGroup::Ready, Some(sample)) = (group, reading.sample) {
                ready.add(sample.milli, requested(reading));
            }
        }
        if ready.pods == 0 {
            return Err(Failure::NoneReady);
        }
        Ok(Self { settings, pods, readings, groups, ready })
    }

    fn any(&self, group: PodGroup) -> bool {
        self.groups.contains(&group)
    }

    fn utilization(&self, target: i32, current: i32) -> Result<Proposal, Failure> {
        for (pod, reading) in self.pods.iter().zip(self.readings) {
            if let PodRequest::Missing { container } = reading.request {
                return Err(Failure::NoRequest { pod: pod.pod, container });
            }
        }
        if self.ready.request == 0 {
            return Err(Failure::NothingRequested);
        }
        let ratio = |sums: &Sums| f64::from(sums.percent()) / f64::from(target);
        let all = i64::from(target.max(100));
        let assumed = |request: i64| request.saturating_mul(all) / 100;
        let measured = Measured::Utilization {
            percent: self.ready.percent(),
            average_milli: self.ready.average(),
        };
        Ok(Proposal { replicas: self.replicas(current, ratio, assumed), measured })
    }

    fn average(&self, target: i64, current: i32) -> Proposal {
        let ratio = |sums: &Sums| real(sums.average()) / real(target);
        let measured = Measured::AverageMilli(self.ready.average());
        Proposal { replicas: self.replicas(current, ratio, |_| target), measured }
    }

    /// Replicas that bring `ratio`, of usage to target, to 1. A pod without a sample is taken to
    /// use what `assumed` makes of its request if the ratio is below 1, and nothing if above;
    /// unready pods are taken to use nothing if it is above.
    fn replicas(
        &self,
        current: i32,
        ratio: impl Fn(&Sums) -> f64,
        assumed: impl Fn(i64) -> i64,
    ) -> i32 {
        let first = ratio(&self.ready);
        let with_unready = first > 1.0 && self.any(PodGroup::Unready);
        let with_missing = self.any(PodGroup::Missing);
        if !with_unready && !with_missing {
            if within_tolerance(self.settings, first) {
                return current;
            }
            return ceiling(first * count(self.ready.pods));
        }
        let mut sums = self.ready;
        for (reading, group) in self.readings.iter().zip(&self.groups) {
            let request = requested(reading);
            match group {
                PodGroup::Missing if first < 1.0 => sums.add(assumed(request), request),
                PodGroup::Missing if first > 1.0 => sums.add(0, request),
                PodGroup::Unready if with_unready => sums.add(0, request),
                PodGroup::Missing | PodGroup::Unready | PodGroup::Ready | PodGroup::Ignored => {}
            }
        }
        let second = ratio(&sums);
        let turned = (first < 1.0 && second > 1.0) || (first > 1.0 && second < 1.0);
        if turned || within_tolerance(self.settings, second) {
            return current;
        }
        let new = ceiling(second * count(sums.pods));
        if (second < 1.0 && new > current) || (second > 1.0 && new < current) {
            return current;
        }
        new
    }
}

fn requested(reading: &PodReading) -> i64 {
    match reading.request {
        PodRequest::Milli(milli) => milli,
        PodRequest::Missing { .. } => 0,
    }
}

/// Whether a ratio is so near 1 that nothing is done.
fn within_tolerance(settings: &Settings, ratio: f64) -> bool {
    let tolerance = f64::from(settings.tolerance_milli) / 1000.0;
    match settings.release {
        Release::V1_29 => (1.0 - ratio).abs() <= tolerance,
        Release::V1_34 => 1.0 - tolerance <= ratio && ratio <= 1.0 + tolerance,
    }
}

#[expect(clippy::cast_precision_loss, reason = "Kubernetes rounds to the nearest float as well")]
fn real(milli: i64) -> f64 {
    milli as f64
}

#[expect(clippy::cast_precision_loss, reason = "exact below 2^53")]
fn count(pods: usize) -> f64 {
    pods as f64
}

#[expect(clippy::cast_possible_truncation, reason = "beyond the range the nearest bound is meant")]
fn ceiling(replicas: f64) -> i32 {
    replicas.ceil() as i32
}

#[expect(clippy::cast_possible_truncation, reason = "beyond the range the nearest bound is meant")]
fn wide_ceiling(milli: f64) -> i64 {
    milli.ceil() as i64
}
