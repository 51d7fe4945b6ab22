//! What a node pool sets its kubelets to, and how much a node has of what can run short.

use crate::base::quantity::Quantity;
use crate::base::time::SimDuration;

/// An amount, or a share of the capacity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ThresholdValue {
    /// An amount.
    Amount(Quantity),
    /// A share, in the single precision that the kubelet keeps it in.
    Share(f32),
}

impl ThresholdValue {
    /// Reads an amount or a percentage; `None` for what is neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_suffix('%') {
            Some(percent) => Some(Self::Share(percent.parse::<f32>().ok()? / 100.0)),
            None => text.parse().ok().map(Self::Amount),
        }
    }

    /// The amount meant of a capacity.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "the kubelet calculates in floating point and cuts"
    )]
    pub fn of(self, capacity: i64) -> i64 {
        match self {
            Self::Amount(amount) => amount.value(),
            Self::Share(share) => (capacity as f64 * f64::from(share)) as i64,
        }
    }
}

/// What a threshold is set to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Threshold {
    /// Evict when less is available.
    Below(ThresholdValue),
    /// `0%` and `100%`: the threshold is ignored.
    Ignored,
}

/// Reads a threshold; `None` for an invalid one.
#[must_use]
pub fn threshold(text: &str) -> Option<Threshold> {
    if matches!(text, "0%" | "100%") {
        return Some(Threshold::Ignored);
    }
    let value = ThresholdValue::parse(text)?;
    let valid = match value {
        ThresholdValue::Amount(amount) => amount > Quantity::ZERO,
        ThresholdValue::Share(share) => (0.0..=1.0).contains(&share),
    };
    valid.then_some(Threshold::Below(value))
}

/// Reads a minimum to reclaim, empty for none; `None` for an invalid one.
#[must_use]
pub fn min_reclaim(text: &str) -> Option<Option<ThresholdValue>> {
    if text.is_empty() {
        return Some(None);
    }
    let value = ThresholdValue::parse(text)?;
    let valid = match value {
        ThresholdValue::Amount(amount) => !amount.is_negative(),
        ThresholdValue::Share(share) => share > 0.0,
    };
    valid.then_some(Some(value))
}

/// What an eviction threshold looks at; memory is looked at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    /// `memory.available`.
    Memory,
    /// `nodefs.available`.
    Nodefs,
    /// `imagefs.available`; images lie on the same disk as everything else.
    Imagefs,
    /// `pid.available`.
    Pid,
}

impl Signal {
    /// All of them, in the order in which the kubelet acts.
    pub const ALL: [Self; 4] = [Self::Memory, Self::Nodefs, Self::Imagefs, Self::Pid];

    /// Kubernetes' word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory.available",
            Self::Nodefs => "nodefs.available",
            Self::Imagefs => "imagefs.available",
            Self::Pid => "pid.available",
        }
    }
}

/// One threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EvictionThreshold {
    /// What it looks at.
    pub signal: Signal,
    /// Met when less is available.
    pub below: ThresholdValue,
    /// `evictionMinimumReclaim`.
    pub min_reclaim: Option<ThresholdValue>,
    /// `evictionSoftGracePeriod` of a soft threshold; absent for a hard one.
    pub grace: Option<SimDuration>,
}

/// Settings of the kubelets of a pool.
#[derive(Clone, Debug, PartialEq)]
pub struct KubeletConfig {
    /// Thresholds, sorted by signal, hard ones first.
    pub thresholds: Vec<EvictionThreshold>,
    /// `evictionPressureTransitionPeriod`.
    pub pressure_transition: SimDuration,
    /// `evictionMaxPodGracePeriod`.
    pub max_pod_grace: SimDuration,
    /// Steps of a graceful shutdown, by priority; none where a node shuts down at once.
    pub shutdown: Vec<ShutdownStep>,
}

/// Priority from which a pod is critical (that of `system-cluster-critical`).
pub const CRITICAL_PRIORITY: i32 = 2_000_000_000;

/// A step of a graceful shutdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShutdownStep {
    /// The pods of this priority and above, up to that of the next step.
    pub priority: i32,
    /// How long they have.
    pub grace: SimDuration,
}

impl Default for KubeletConfig {
    /// Kubernetes' defaults; those about inodes are left out, as files are not counted.
    fn default() -> Self {
        let hard =
            |signal, below| EvictionThreshold { signal, below, min_reclaim: None, grace: None };
        Self {
            thresholds: vec![
                hard(Signal::Memory, ThresholdValue::Amount(Quantity::from_bytes(100 << 20))),
                hard(Signal::Nodefs, ThresholdValue::Share(0.1)),
                hard(Signal::Imagefs, ThresholdValue::Share(0.15)),
            ],
            pressure_transition: SimDuration::from_secs(300),
            max_pod_grace: SimDuration::ZERO,
            shutdown: Vec::new(),
        }
    }
}

/// What a node has that can run short, by `status.capacity` and its pool; zero where nothing is
/// said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capacity {
    /// Memory, bytes.
    pub memory_bytes: i64,
    /// Ephemeral storage, bytes.
    pub ephemeral_bytes: i64,
    /// Process ids (`kernel.pid_max`).
    pub pids: i64,
}
