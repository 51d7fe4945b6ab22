//! What an autoscaler's status and its events say, as data and in Kubernetes' words.
//!
//! The words need names of pods and containers, which only the caller has: [`Names`].

use crate::base::time::SimTime;
use crate::model::PodId;

use super::Autoscaler;
use super::metric::{MetricSource, ResourceTarget, ValueTarget};
use super::replica_calculator::{Failure, Measured};

/// Gives pods and their containers their names.
pub trait Names {
    /// The name of a pod.
    fn pod(&self, pod: PodId) -> String;

    /// The name of a container by its place among regular containers, then sidecars.
    fn container(&self, pod: PodId, place: u16) -> String;
}

/// Why a condition is as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The target's scale was read.
    SucceededGetScale,
    /// The target's scale could not be read.
    FailedGetScale(&'static str),
    /// The target's scale was written.
    SucceededRescale {
        /// The replicas written.
        to: i32,
    },
    /// The target's scale could not be written.
    FailedUpdateScale(&'static str),
    /// Metrics may have their way.
    ReadyForNewScale,
    /// A higher recommendation holds against a scale-down.
    ScaleDownStabilized,
    /// A lower recommendation holds against a scale-up.
    ScaleUpStabilized,
    /// The target has been scaled to 0 by somebody.
    ScalingDisabled,
    /// The metric at this place decides.
    ValidMetricFound {
        /// Place in `spec.metrics`.
        metric: usize,
    },
    /// The metric at this place is the first that says nothing.
    FailedGetMetric {
        /// Place in `spec.metrics`.
        metric: usize,
        /// Why it says nothing.
        failure: Failure,
    },
    /// What is wanted is done.
    DesiredWithinRange,
    /// More than `maxReplicas` were wanted.
    TooManyReplicas,
    /// Fewer than `minReplicas` were wanted.
    TooFewReplicas,
    /// More were wanted than may be added at a time.
    ScaleUpLimit,
    /// Fewer were wanted than may be removed at a time.
    ScaleDownLimit,
}

impl Reason {
    /// Kubernetes' reason.
    #[must_use]
    pub fn name(self, hpa: &Autoscaler) -> &'static str {
        match self {
            Self::SucceededGetScale => "SucceededGetScale",
            Self::FailedGetScale(_) => "FailedGetScale",
            Self::SucceededRescale { .. } => "SucceededRescale",
            Self::FailedUpdateScale(_) => "FailedUpdateScale",
            Self::ReadyForNewScale => "ReadyForNewScale",
            Self::ScaleDownStabilized => "ScaleDownStabilized",
            Self::ScaleUpStabilized => "ScaleUpStabilized",
            Self::ScalingDisabled => "ScalingDisabled",
            Self::ValidMetricFound { .. } => "ValidMetricFound",
            Self::FailedGetMetric { metric, .. } => failed_get(&hpa.metrics[metric]),
            Self::DesiredWithinRange => "DesiredWithinRange",
            Self::TooManyReplicas => "TooManyReplicas",
            Self::TooFewReplicas => "TooFewReplicas",
            Self::ScaleUpLimit => "ScaleUpLimit",
            Self::ScaleDownLimit => "ScaleDownLimit",
        }
    }

    /// Kubernetes' message.
    #[must_use]
    pub fn message(self, hpa: &Autoscaler, names: &dyn Names) -> String {
        let fixed = match self {
            Self::SucceededGetScale => {
                "the HPA controller was able to get the target's current scale"
            }
            Self::FailedGetScale(why) => {
                return format!(
                    "the HPA controller was unable to get the target's current scale: {why}"
                );
            }
            Self::SucceededRescale { to } => {
                return format!("the HPA controller was able to update the target scale to {to}");
            }
            Self::FailedUpdateScale(why) => {
                return format!("the HPA controller was unable to update the target scale: {why}");
            }
            Self::ReadyForNewScale => "recommended size matches current size",
            Self::ScaleDownStabilized => {
                "recent recommendations were higher than current one, applying the highest recent \
                 recommendation"
            }
            Self::ScaleUpStabilized => {
                "recent recommendations were lower than current one, applying the lowest recent \
                 recommendation"
            }
            Self::ScalingDisabled => {
                "scaling is disabled since the replica count of the target is zero"
            }
            Self::ValidMetricFound { metric } => {
                let label = hpa.metrics[metric].label();
                return format!(
                    "the HPA was able to successfully calculate a replica count from {label}"
                );
            }
            Self::FailedGetMetric { metric, failure } => {
                let why = failure_seen(hpa, metric, failure, names);
                return format!("the HPA was unable to compute the replica count: {why}");
            }
            Self::DesiredWithinRange => "the desired count is within the acceptable range",
            Self::TooManyReplicas => {
                "the desired replica count is more than the maximum replica count"
            }
            Self::TooFewReplicas => {
                "the desired replica count is less than the minimum replica count"
            }
            Self::ScaleUpLimit => {
                "the desired replica count is increasing faster than the maximum scale rate"
            }
            Self::ScaleDownLimit => {
                "the desired replica count is decreasing faster than the maximum scale rate"
            }
        };
        fixed.to_owned()
    }
}

fn failed_get(source: &MetricSource) -> &'static str {
    match source {
        MetricSource::Resource { .. } => "FailedGetResourceMetric",
        MetricSource::ContainerResource { .. } => "FailedGetContainerResourceMetric",
        MetricSource::Pods { .. } => "FailedGetPodsMetric",
        MetricSource::Object { .. } => "FailedGetObjectMetric",
        MetricSource::External { .. } => "FailedGetExternalMetric",
    }
}

impl Failure {
    /// The replica calculator's error.
    #[must_use]
    pub fn text(self, hpa: &Autoscaler, source: &MetricSource, names: &dyn Names) -> String {
        let api = match self {
            Self::Unavailable(why) => why,
            Self::NoSamples => match source {
                MetricSource::Resource { .. } | MetricSource::ContainerResource { .. } => {
                    "no metrics returned from resource metrics API"
                }
                MetricSource::Pods { .. } | MetricSource::Object { .. } => {
                    "no metrics returned from custom metrics API"
                }
                MetricSource::External { .. } => "no metrics returned from external metrics API",
            },
            Self::NoPods => {
                let none = "no pods returned by selector while calculating replica count";
                return match source {
                    MetricSource::Object { .. } | MetricSource::External { .. } => {
                        format!("unable to calculate ready pods: {none}")
                    }
                    MetricSource::Resource { .. }
                    | MetricSource::ContainerResource { .. }
                    | MetricSource::Pods { .. } => none.to_owned(),
                };
            }
            Self::NoneReady => {
                return "did not receive metrics for targeted pods (pods might be unready)"
                    .to_owned();
            }
            Self::NoRequest { pod, container } => {
                let (resource, name) = (resource_name(source), names.pod(pod));
                return match container.map(|place| names.container(pod, place)) {
                    Some(container) => {
                        format!(
                            "missing request for {resource} in container {container} of Pod {name}"
                        )
                    }
                    None => format!("missing pod-level request for {resource} in Pod {name}"),
                };
            }
            Self::NothingRequested => return "no metrics returned matched known pods".to_owned(),
        };
        let namespace = &hpa.namespace;
        match source {
            MetricSource::Resource { resource, .. }
            | MetricSource::ContainerResource { resource, .. } => {
                format!("unable to get metrics for resource {}: {api}", resource.name())
            }
            MetricSource::Pods { metric, .. } => {
                format!("unable to get metric {}: {api}", metric.name)
            }
            MetricSource::Object { kind, object, metric, .. } => {
                format!(
                    "unable to get metric {}: {api} on {kind} {namespace}/{object}",
                    metric.name
                )
            }
            MetricSource::External { metric, .. } => format!(
                "unable to get external metric {namespace}/{}/{}: {api}",
                metric.name,
                metric.selector_text()
            ),
        }
    }
}

fn resource_name(source: &MetricSource) -> &str {
    match source {
        MetricSource::Resource { resource, .. }
        | MetricSource::ContainerResource { resource, .. } => resource.name(),
        MetricSource::Pods { .. } | MetricSource::Object { .. } | MetricSource::External { .. } => {
            ""
        }
    }
}

/// The error as condition and event of a metric show it.
fn failure_seen(hpa: &Autoscaler, metric: usize, failure: Failure, names: &dyn Names) -> String {
    let source = &hpa.metrics[metric];
    let text = failure.text(hpa, source, names);
    match source {
        MetricSource::Resource { resource, target }
        | MetricSource::ContainerResource { resource, target, .. } => {
            let of = match target {
                ResourceTarget::Utilization(_) => "utilization",
                ResourceTarget::AverageMilli(_) => "usage",
            };
            format!("failed to get {} {of}: {text}", resource.name())
        }
        MetricSource::Pods { .. } | MetricSource::Object { .. } | MetricSource::External { .. } => {
            text
        }
    }
}

/// The error as the sum over all metrics shows it.
fn failure_passed_on(
    hpa: &Autoscaler,
    metric: usize,
    failure: Failure,
    names: &dyn Names,
) -> String {
    let text = failure_seen(hpa, metric, failure, names);
    match &hpa.metrics[metric] {
        MetricSource::Resource { resource, .. } => {
            format!("failed to get {} resource metric value: {text}", resource.name())
        }
        MetricSource::ContainerResource { container, .. } => {
            format!("failed to get {container} container metric value: {text}")
        }
        MetricSource::Pods { .. } => format!("failed to get pods metric value: {text}"),
        MetricSource::Object { target: ValueTarget::Milli(_), .. } => {
            format!("failed to get object metric value: {text}")
        }
        MetricSource::Object { metric, target: ValueTarget::AverageMilli(_), .. } => format!(
            "failed to get object metric value: failed to get {} object metric: {text}",
            metric.name
        ),
        MetricSource::External { metric, target } => {
            let name = &metric.name;
            let inner = match target {
                ValueTarget::Milli(_) => format!("failed to get external metric {name}: {text}"),
                ValueTarget::AverageMilli(_) => {
                    format!("failed to get {name} external metric: {text}")
                }
            };
            format!("failed to get {name} external metric value: {inner}")
        }
    }
}

/// A condition of the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HpaCondition {
    /// It is True; otherwise False.
    pub holds: bool,
    /// Why.
    pub reason: Reason,
    /// When it last became True or False.
    pub since: SimTime,
}

impl HpaCondition {
    /// Sets a condition of a status.
    pub(super) fn set(slot: &mut Option<Self>, holds: bool, reason: Reason, now: SimTime) {
        let since = slot.filter(|before| before.holds == holds).map_or(now, |before| before.since);
        *slot = Some(Self { holds, reason, since });
    }
}

/// The status of an autoscaler.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HpaStatus {
    /// `AbleToScale`.
    pub able_to_scale: Option<HpaCondition>,
    /// `ScalingActive`.
    pub scaling_active: Option<HpaCondition>,
    /// `ScalingLimited`.
    pub scaling_limited: Option<HpaCondition>,
    /// `currentReplicas`.
    pub current_replicas: i32,
    /// `desiredReplicas`.
    pub desired_replicas: i32,
    /// `lastScaleTime`.
    pub last_scale: Option<SimTime>,
    /// `currentMetrics`, by place in `spec.metrics`; `None` for one that says nothing.
    pub measured: Vec<Option<Measured>>,
}

impl HpaStatus {
    /// The conditions there are, by Kubernetes' type.
    pub fn conditions(&self) -> impl Iterator<Item = (&'static str, HpaCondition)> {
        let all = [
            ("AbleToScale", self.able_to_scale),
            ("ScalingActive", self.scaling_active),
            ("ScalingLimited", self.scaling_limited),
        ];
        all.into_iter().filter_map(|(name, condition)| Some((name, condition?)))
    }
}

/// Why a target is scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RescaleReason {
    /// It had more than `maxReplicas`.
    AboveMax,
    /// It had fewer than `minReplicas`.
    BelowMin,
    /// The metric at this place asks for more.
    Above {
        /// Place in `spec.metrics`.
        metric: usize,
    },
    /// All metrics ask for less.
    AllBelow,
    /// Metrics ask for what there is; an earlier recommendation asks for more.
    Earlier,
}

impl RescaleReason {
    /// Kubernetes' words.
    #[must_use]
    pub fn text(self, hpa: &Autoscaler) -> String {
        match self {
            Self::AboveMax => "Current number of replicas above Spec.MaxReplicas".to_owned(),
            Self::BelowMin => "Current number of replicas below Spec.MinReplicas".to_owned(),
            Self::Above { metric } => format!("{} above target", hpa.metrics[metric].label()),
            Self::AllBelow => "All metrics below target".to_owned(),
            Self::Earlier => String::new(),
        }
    }
}

/// An event that the controller emits for an autoscaler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HpaEvent {
    /// The target was scaled.
    SuccessfulRescale {
        /// Replicas.
        to: i32,
        /// Why.
        reason: RescaleReason,
    },
    /// The target could not be scaled.
    FailedRescale {
        /// Replicas wanted.
        to: i32,
        /// Why they were.
        reason: RescaleReason,
        /// Why they could not be had.
        error: &'static str,
    },
    /// The target's scale could not be read.
    FailedGetScale(&'static str),
    /// A metric says nothing.
    FailedGetMetric {
        /// Place in `spec.metrics`.
        metric: usize,
        /// Why.
        failure: Failure,
    },
    /// So many metrics say nothing that nothing is done.
    FailedComputeMetricsReplicas {
        /// How many.
        invalid: usize,
        /// Place of the first of them.
        metric: usize,
        /// Why that one.
        failure: Failure,
    },
}

impl HpaEvent {
    /// `Normal` or `Warning`.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::SuccessfulRescale { .. } => "Normal",
            Self::FailedRescale { .. }
            | Self::FailedGetScale(_)
            | Self::FailedGetMetric { .. }
            | Self::FailedComputeMetricsReplicas { .. } => "Warning",
        }
    }

    /// Kubernetes' reason.
    #[must_use]
    pub fn reason(self, hpa: &Autoscaler) -> &'static str {
        match self {
            Self::SuccessfulRescale { .. } => "SuccessfulRescale",
            Self::FailedRescale { .. } => "FailedRescale",
            Self::FailedGetScale(_) => "FailedGetScale",
            Self::FailedGetMetric { metric, .. } => failed_get(&hpa.metrics[metric]),
            Self::FailedComputeMetricsReplicas { .. } => "FailedComputeMetricsReplicas",
        }
    }

    /// Kubernetes' message.
    #[must_use]
    pub fn message(self, hpa: &Autoscaler, names: &dyn Names) -> String {
        match self {
            Self::SuccessfulRescale { to, reason } => {
                format!("New size: {to}; reason: {}", reason.text(hpa))
            }
            Self::FailedRescale { to, reason, error } => {
                format!("New size: {to}; reason: {}; error: {error}", reason.text(hpa))
            }
            Self::FailedGetScale(why) => why.to_owned(),
            Self::FailedGetMetric { metric, failure } => failure_seen(hpa, metric, failure, names),
            Self::FailedComputeMetricsReplicas { invalid, metric, failure } => format!(
                "invalid metrics ({invalid} invalid out of {}), first error is: {}",
                hpa.metrics.len(),
                failure_passed_on(hpa, metric, failure, names)
            ),
        }
    }
}
