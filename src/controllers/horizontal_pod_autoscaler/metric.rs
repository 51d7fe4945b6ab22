//! What an autoscaler scales on, and what the metrics APIs answered.
//!
//! Kubernetes-behaviour §3.11. Amounts are in milli-units, as the real controller has them. Names
//! are kept only for the words of conditions and events. This module decides nothing.

use crate::base::time::{SimDuration, SimTime};
use crate::model::PodId;
use crate::state::Phase;

/// A resource of containers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScaledResource {
    /// `cpu`: the only one for which readiness of pods counts.
    Cpu,
    /// `memory`.
    Memory,
    /// Any other, by name.
    Other(Box<str>),
}

impl ScaledResource {
    /// Kubernetes' name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Other(name) => name,
        }
    }
}

/// What is aimed at for a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceTarget {
    /// `averageUtilization`: percent of what the pods request.
    Utilization(i32),
    /// `averageValue`: milli-units for each pod.
    AverageMilli(i64),
}

/// What is aimed at for a metric of an object or from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueTarget {
    /// `value`: milli-units in all.
    Milli(i64),
    /// `averageValue`: milli-units for each pod.
    AverageMilli(i64),
}

/// A custom or external metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricName {
    /// Its name.
    pub name: Box<str>,
    /// Its label selector as Go prints one; `None` prints as `nil`.
    pub selector: Option<Box<str>>,
}

impl MetricName {
    /// A metric of this name without a selector.
    #[must_use]
    pub fn plain(name: &str) -> Self {
        Self { name: name.into(), selector: None }
    }

    fn with_selector(&self) -> String {
        format!("{}({})", self.name, self.selector_text())
    }

    pub(super) fn selector_text(&self) -> &str {
        self.selector.as_deref().unwrap_or("nil")
    }
}

/// One entry of `spec.metrics`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetricSource {
    /// A resource, summed over the containers of a pod.
    Resource {
        /// Which.
        resource: ScaledResource,
        /// The target.
        target: ResourceTarget,
    },
    /// A resource of one container of each pod.
    ContainerResource {
        /// Which.
        resource: ScaledResource,
        /// The container.
        container: Box<str>,
        /// The target.
        target: ResourceTarget,
    },
    /// A custom metric of each pod.
    Pods {
        /// Which.
        metric: MetricName,
        /// Its target for each pod, in milli-units.
        average_milli: i64,
    },
    /// A custom metric of one object.
    Object {
        /// Kind of the object.
        kind: Box<str>,
        /// Name of the object.
        object: Box<str>,
        /// Which metric.
        metric: MetricName,
        /// The target.
        target: ValueTarget,
    },
    /// A metric from outside the cluster.
    External {
        /// Which.
        metric: MetricName,
        /// The target.
        target: ValueTarget,
    },
}

impl MetricSource {
    /// The metric in the words of events and of the condition `ScalingActive`.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Resource { resource, target } => match target {
                ResourceTarget::Utilization(_) => {
                    format!("{} resource utilization (percentage of request)", resource.name())
                }
                ResourceTarget::AverageMilli(_) => format!("{} resource", resource.name()),
            },
            Self::ContainerResource { resource, target, .. } => match target {
                ResourceTarget::Utilization(_) => format!(
                    "{} container resource utilization (percentage of request)",
                    resource.name()
                ),
                ResourceTarget::AverageMilli(_) => format!("{} resource", resource.name()),
            },
            Self::Pods { metric, .. } => format!("pods metric {}", metric.name),
            Self::Object { kind, metric, target: ValueTarget::Milli(_), .. } => {
                format!("{kind} metric {}", metric.name)
            }
            // Kubernetes calls an object's average external.
            Self::Object { metric, target: ValueTarget::AverageMilli(_), .. }
            | Self::External { metric, .. } => {
                format!("external metric {}", metric.with_selector())
            }
        }
    }
}

/// A sample of a pod's metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Value in milli-units.
    pub milli: i64,
    /// When its window ended.
    pub taken: SimTime,
    /// How long its window was.
    pub window: SimDuration,
}

/// What a pod requests of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodRequest {
    /// Milli-units, of all containers that count together.
    Milli(i64),
    /// A container requests none; or the pod, where it requests as a whole.
    Missing {
        /// Place among regular containers, then sidecars; `None` for the pod.
        container: Option<u16>,
    },
}

impl PodRequest {
    /// The request of a pod whose containers that count (regular ones, then sidecars; or the one a
    /// metric names) request `of_containers` milli-units. A pod that requests as a whole has its
    /// own instead.
    #[must_use]
    pub fn of(of_containers: impl IntoIterator<Item = Option<i64>>) -> Self {
        let mut sum = 0_i64;
        for (place, milli) in (0_u16..).zip(of_containers) {
            match milli {
                Some(milli) => sum = sum.saturating_add(milli),
                None => return Self::Missing { container: Some(place) },
            }
        }
        Self::Milli(sum)
    }
}

/// What is known of a pod for one metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodReading {
    /// Its sample, if there is one.
    pub sample: Option<Sample>,
    /// What it requests; looked at for utilization only.
    pub request: PodRequest,
}

/// What a metrics API answered.
#[derive(Clone, Copy, Debug)]
pub enum Reading<'a> {
    /// For each selected pod, in the same order.
    Pods(&'a [PodReading]),
    /// An object's value in milli-units.
    Value(i64),
    /// The values of all series of an external metric, in milli-units.
    Series(&'a [i64]),
    /// An error.
    Unavailable(&'static str),
}

/// The `Ready` condition of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// It is True; otherwise False.
    pub ready: bool,
    /// When that last changed.
    pub since: SimTime,
}

/// A pod that the target's selector matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScaledPod {
    /// Which.
    pub pod: PodId,
    /// Phase.
    pub phase: Phase,
    /// It is being deleted.
    pub terminating: bool,
    /// Its `Ready` condition, if it has one.
    pub readiness: Option<Readiness>,
    /// `status.startTime`, once a kubelet has taken the pod.
    pub started: Option<SimTime>,
}
