//! An autoscaler alone with its target: a stand-in that takes every scale at once, has as many
//! replicas as it should have, and whose one metric is given step by step. What the controller
//! makes of it is told.

use crate::base::time::{SimDuration, SimTime};

use super::{
    Autoscaler, HpaEvent, HpaStatus, Memory, Observed, Reading, Scale, Settings, propose, settle,
    sync,
};

/// The present of facts that are given relative to it, some of them in the past.
pub const NOW: SimTime = SimTime::from_secs(1_000_000_000);

/// The instant `seconds` after [`NOW`], or before it if negative.
#[must_use]
pub fn moment(seconds: i64) -> SimTime {
    let span = SimDuration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { NOW - span } else { NOW + span }
}

/// One sync of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequenceStep {
    /// When, since the beginning.
    pub at: SimDuration,
    /// What the external metric says, in milli-units.
    pub metric_milli: i64,
    /// Somebody sets `spec.replicas` just before.
    pub set_before: Option<i32>,
    /// Somebody sets it just after.
    pub set_after: Option<i32>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepTaken {
    /// `spec.replicas` before the sync.
    pub before: i32,
    /// What the metric asked for; 0 if it said nothing.
    pub recommended: i32,
    /// `spec.replicas` after it.
    pub after: i32,
    /// The status after it.
    pub status: HpaStatus,
    /// The last event.
    pub event: Option<HpaEvent>,
}

/// Runs an autoscaler with one external metric through the steps. Times are taken to the
/// millisecond, as they were recorded.
#[must_use]
pub fn sequence(
    hpa: &Autoscaler,
    settings: &Settings,
    initial: i32,
    steps: &[SequenceStep],
) -> Vec<StepTaken> {
    let (mut replicas, mut status, mut memory) = (initial, HpaStatus::default(), Memory::default());
    let mut taken = Vec::new();
    for step in steps {
        let half = SimDuration::from_micros(500);
        let now = SimTime::ZERO + SimDuration::from_millis((step.at + half).as_millis());
        replicas = step.set_before.unwrap_or(replicas);
        let before = replicas;
        let scale = Scale { spec: replicas, status: replicas };
        let values = [step.metric_milli];
        let readings = [Reading::Series(&values)];
        let source = hpa.metrics.first().expect("a sequence has one metric");
        let asked = propose(settings, source, scale, &[], readings[0], now);
        let seen = Observed { scale: Ok(scale), pods: &[], readings: &readings };
        let synced = sync(hpa, settings, &seen, &mut status, &mut memory, now);
        let mut event = synced.events.last().copied();
        if let Some(rescale) = synced.rescale {
            replicas = rescale.to;
            event = Some(settle(hpa, rescale, Ok(()), &mut status, &mut memory, now));
        }
        taken.push(StepTaken {
            before,
            recommended: asked.map_or(0, |proposal| proposal.replicas),
            after: replicas,
            status: status.clone(),
            event,
        });
        replicas = step.set_after.unwrap_or(replicas);
    }
    taken
}
