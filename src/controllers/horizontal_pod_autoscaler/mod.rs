//! HorizontalPodAutoscaler: how many replicas a target should have, after its metrics.
//!
//! Kubernetes-behaviour §3.11. [`sync`] is one look of the controller at one autoscaler: it is
//! given the object, what is observed, the status before, and what the controller remembers; it
//! gives the scale to write, conditions and events. It knows no world and no queue: who calls it
//! keeps pods and samples, writes the scale, and tells with [`settle`] what came of that.
//!
//! Where 1.34 differs from 1.29, whose code was recorded, [`Release`] says which is meant.
//!
//! Fidelity: two autoscalers that select the same pods do not stop each other
//! (`AmbiguousSelector`). Scaling to zero (`HPAScaleToZero`) and tolerances of an autoscaler's own
//! (`HPAConfigurableTolerance`) are off, as they are in 1.34 by default.

mod behavior;
mod conditions;
mod metric;
mod recorded_sequence;
mod replica_calculator;
#[cfg(test)]
mod tests;

pub use behavior::{
    Behavior, Memory, Rules, ScalingPolicy, SelectPolicy, Step, TypedBehavior, TypedRules,
};
pub use conditions::{HpaCondition, HpaEvent, HpaStatus, Names, Reason, RescaleReason};
pub use metric::{
    MetricName, MetricSource, PodReading, PodRequest, Readiness, Reading, ResourceTarget, Sample,
    ScaledPod, ScaledResource, ValueTarget,
};
pub use recorded_sequence::{NOW, SequenceStep, StepTaken, moment, sequence};
pub use replica_calculator::{Failure, Measured, PodGroup, Proposal, Scale, pod_groups, propose};

/// Whose behaviour is meant. In 1.29 within tolerance is |1 − ratio| ≤ tolerance: a ratio of 1.1 is
/// outside 0.1, for as floats 1.1 − 1 is more than 0.1; and the average over no replicas is the
/// smallest integer. In 1.34 it is 1 − tolerance ≤ ratio ≤ 1 + tolerance, and that average is 0.
pub use crate::base::release::Release;
use crate::base::time::{SimDuration, SimTime};

/// Flags of the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whose behaviour.
    pub release: Release,
    /// How often an autoscaler is looked at.
    pub sync_period: SimDuration,
    /// In thousandths: by how much usage may miss its target without anything being done.
    pub tolerance_milli: u32,
    /// How far back recommendations count against a scale-down, where `behavior` does not say.
    pub downscale_stabilization: SimDuration,
    /// For how long after a pod's start CPU samples of it count only once it is ready.
    pub cpu_initialization_period: SimDuration,
    /// A pod that became unready within this time after its start has never been ready.
    pub initial_readiness_delay: SimDuration,
}

impl Default for Settings {
    /// The defaults of kube-controller-manager.
    fn default() -> Self {
        Self {
            release: Release::default(),
            sync_period: SimDuration::from_secs(15),
            tolerance_milli: 100,
            downscale_stabilization: SimDuration::from_mins(5),
            cpu_initialization_period: SimDuration::from_mins(5),
            initial_readiness_delay: SimDuration::from_secs(30),
        }
    }
}

/// What an autoscaler's object says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Autoscaler {
    /// Its namespace.
    pub namespace: Box<str>,
    /// `minReplicas`; 1 by default.
    pub min_replicas: i32,
    /// `maxReplicas`.
    pub max_replicas: i32,
    /// `metrics`; not empty, for the API server fills in CPU at 80 % where there are none.
    pub metrics: Vec<MetricSource>,
    /// `behavior` with its defaults, if the user has one.
    pub behavior: Option<Behavior>,
}

/// What is observed at a sync.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// The target's scale, or why it cannot be read.
    pub scale: Result<Scale, &'static str>,
    /// The pods that the target's selector matches.
    pub pods: &'a [ScaledPod],
    /// What the metrics APIs answered, by place in `spec.metrics`.
    pub readings: &'a [Reading<'a>],
}

/// A scale to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rescale {
    /// Replicas before.
    pub from: i32,
    /// Replicas wanted.
    pub to: i32,
    /// Why.
    pub reason: RescaleReason,
}

/// What a sync comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synced {
    /// The scale to be written, if it changes. What comes of it goes to [`settle`].
    pub rescale: Option<Rescale>,
    /// Events so far, in order.
    pub events: Vec<HpaEvent>,
    /// When to look again.
    pub again: SimTime,
}

/// Looks at one autoscaler. Costs what its pods and metrics cost.
pub fn sync(
    hpa: &Autoscaler,
    settings: &Settings,
    seen: &Observed<'_>,
    status: &mut HpaStatus,
    memory: &mut Memory,
    now: SimTime,
) -> Synced {
    let again = now.saturating_add(settings.sync_period);
    let mut events = Vec::new();
    let scale = match seen.scale {
        Ok(scale) => scale,
        Err(why) => {
            let able = &mut status.able_to_scale;
            HpaCondition::set(able, false, Reason::FailedGetScale(why), now);
            events.push(HpaEvent::FailedGetScale(why));
            return Synced { rescale: None, events, again };
        }
    };
    HpaCondition::set(&mut status.able_to_scale, true, Reason::SucceededGetScale, now);
    let current = scale.spec;
    memory.first_seen(current, now);
    let mut measured = Vec::new();
    let (to, reason) = if current == 0 && hpa.min_replicas != 0 {
        HpaCondition::set(&mut status.scaling_active, false, Reason::ScalingDisabled, now);
        (0, RescaleReason::Earlier)
    } else if current > hpa.max_replicas {
        (hpa.max_replicas, RescaleReason::AboveMax)
    } else if current < hpa.min_replicas {
        (hpa.min_replicas, RescaleReason::BelowMin)
    } else {
        let asked = ask_metrics(hpa, settings, scale, seen, now, &mut events);
        measured = asked.measured;
        let decisive = match asked.decisive {
            Ok(decisive) => decisive,
            Err((metric, failure)) => {
                let reason = Reason::FailedGetMetric { metric, failure };
                HpaCondition::set(&mut status.scaling_active, false, reason, now);
                status.current_replicas = current;
                status.measured = measured;
                return Synced { rescale: None, events, again };
            }
        };
        let reason = Reason::ValidMetricFound { metric: decisive.metric };
        HpaCondition::set(&mut status.scaling_active, true, reason, now);
        let wanted = decisive.replicas;
        let normalized = memory.normalize(hpa, settings, current, wanted, now);
        HpaCondition::set(&mut status.able_to_scale, true, normalized.able, now);
        let limited = &mut status.scaling_limited;
        HpaCondition::set(limited, normalized.limited, normalized.why, now);
        let reason = if wanted > current {
            RescaleReason::Above { metric: decisive.metric }
        } else if wanted < current {
            RescaleReason::AllBelow
        } else {
            RescaleReason::Earlier
        };
        (normalized.replicas, reason)
    };
    status.current_replicas = current;
    status.measured = measured;
    let rescale = (to != current).then_some(Rescale { from: current, to, reason });
    if rescale.is_none() {
        status.desired_replicas = current;
    }
    Synced { rescale, events, again }
}

/// The API server has answered a [`Rescale`], with an error if it refused. Gives the event.
pub fn settle(
    hpa: &Autoscaler,
    rescale: Rescale,
    answer: Result<(), &'static str>,
    status: &mut HpaStatus,
    memory: &mut Memory,
    now: SimTime,
) -> HpaEvent {
    let Rescale { from, to, reason } = rescale;
    if let Err(error) = answer {
        let able = &mut status.able_to_scale;
        HpaCondition::set(able, false, Reason::FailedUpdateScale(error), now);
        return HpaEvent::FailedRescale { to, reason, error };
    }
    HpaCondition::set(&mut status.able_to_scale, true, Reason::SucceededRescale { to }, now);
    status.desired_replicas = to;
    status.last_scale = Some(now);
    if let Some(behavior) = &hpa.behavior {
        memory.scaled(behavior, from, to, now);
    }
    HpaEvent::SuccessfulRescale { to, reason }
}

/// The metric that decides.
struct Decisive {
    replicas: i32,
    metric: usize,
}

/// What all metrics together say.
struct Asked {
    measured: Vec<Option<Measured>>,
    /// The largest proposal; or the first failure and its place, if nothing may be done.
    decisive: Result<Decisive, (usize, Failure)>,
}

/// Asks all metrics; the largest proposal decides. If some say nothing, their proposals might have
/// been larger: then the target is not scaled down.
fn ask_metrics(
    hpa: &Autoscaler,
    settings: &Settings,
    scale: Scale,
    seen: &Observed<'_>,
    now: SimTime,
    events: &mut Vec<HpaEvent>,
) -> Asked {
    let (mut measured, mut invalid, mut first_failure) = (Vec::new(), 0, None);
    let mut best = Decisive { replicas: 0, metric: 0 };
    for (metric, source) in hpa.metrics.iter().enumerate() {
        let reading = seen.readings.get(metric).copied();
        let reading = reading.unwrap_or(Reading::Unavailable("no answer"));
        match propose(settings, source, scale, seen.pods, reading, now) {
            Ok(proposal) => {
                measured.push(Some(proposal.measured));
                if best.replicas == 0 || proposal.replicas > best.replicas {
                    best = Decisive { replicas: proposal.replicas, metric };
                }
            }
            Err(failure) => {
                measured.push(None);
                invalid += 1;
                events.push(HpaEvent::FailedGetMetric { metric, failure });
                first_failure = first_failure.or(Some((metric, failure)));
            }
        }
    }
    let decisive = match first_failure {
        Some((metric, failure)) if invalid >= hpa.metrics.len() || best.replicas < scale.spec => {
            events.push(HpaEvent::FailedComputeMetricsReplicas { invalid, metric, failure });
            Err((metric, failure))
        }
        Some(_) | None => Ok(best),
    };
    Asked { measured, decisive }
}
