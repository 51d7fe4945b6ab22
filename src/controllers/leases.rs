//! Node leases as the node lifecycle controller's informer sees them.
//!
//! Fidelity: leases are not written one by one. The instants of the renewals follow from each
//! node's lease phase; the controller sees each one a constant time later, the median of API and
//! watch latency together. Only a change between renewing and not renewing is an event.

use crate::base::time::{SimDuration, SimTime};
use crate::model::Model;
use crate::state::{Heartbeat, NodeTruth};

/// Runs of renewals kept per node: enough for every one still on its way to the controller.
const KEPT: usize = 4;

/// How renewals reach the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeaseTiming {
    /// Time between renewals.
    pub(crate) interval: SimDuration,
    /// From renewal to cache.
    pub(crate) lag: SimDuration,
}

impl LeaseTiming {
    /// The timing of a control plane.
    pub(crate) fn new(model: &Model) -> Self {
        let plane = &model.control_plane;
        let median = plane.api_latency_s.quantile(0.5) + plane.watch_latency_s.quantile(0.5);
        Self {
            interval: plane.lease_renew_interval.max(SimDuration::from_nanos(1)),
            lag: SimDuration::from_secs_f64(median).unwrap_or(SimDuration::ZERO),
        }
    }
}

/// Renewals without a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    since: SimTime,
    /// The last one, once they ceased.
    last: Option<SimTime>,
}

impl Run {
    /// The newest renewal at or before `until`.
    fn newest(&self, until: SimTime, phase: SimDuration, interval: SimDuration) -> Option<SimTime> {
        let until = self.last.map_or(until, |last| last.min(until));
        if until < self.since {
            return None;
        }
        let Some(past_phase) = until.as_nanos().checked_sub(phase.as_nanos()) else {
            return Some(self.since);
        };
        let aligned = until.as_nanos() - past_phase % interval.as_nanos();
        Some(SimTime::from_nanos(aligned).max(self.since))
    }
}

/// The renewals of one node's lease.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lease {
    phase: SimDuration,
    runs: Vec<Run>,
}

impl Lease {
    /// Takes in whether the node renews now.
    pub(crate) fn observe(&mut self, truth: &NodeTruth, timing: LeaseTiming) {
        self.phase = truth.lease_phase;
        let open = self.runs.last().copied().filter(|run| run.last.is_none());
        match truth.heartbeat {
            Heartbeat::Beating { since } => {
                if open.is_some_and(|run| run.since == since) {
                    return;
                }
                let before = SimTime::from_nanos(since.as_nanos().saturating_sub(1));
                self.close(open.and_then(|run| run.newest(before, self.phase, timing.interval)));
                self.runs.push(Run { since, last: None });
            }
            Heartbeat::Silent { last } => {
                self.close(last.or(open.map(|run| run.since)));
                let known = self.runs.last().and_then(|run| run.last);
                if let Some(last) = last.filter(|&last| known.is_none_or(|known| known < last)) {
                    self.runs.push(Run { since: last, last: Some(last) });
                }
            }
        }
        if self.runs.len() > KEPT {
            self.runs.remove(0);
        }
    }

    fn close(&mut self, last: Option<SimTime>) {
        if let Some(run) = self.runs.last_mut()
            && run.last.is_none()
        {
            run.last = Some(last.unwrap_or(run.since).max(run.since));
        }
    }

    /// Whether the node renews.
    pub(crate) fn is_renewing(&self) -> bool {
        self.runs.last().is_some_and(|run| run.last.is_none())
    }

    /// When the newest renewal that had reached the controller by `now` did so.
    pub(crate) fn seen_by(&self, now: SimTime, timing: LeaseTiming) -> Option<SimTime> {
        let until = SimTime::from_nanos(now.as_nanos().checked_sub(timing.lag.as_nanos())?);
        let newest = |run: &Run| run.newest(until, self.phase, timing.interval);
        Some(self.runs.iter().filter_map(newest).max()?.saturating_add(timing.lag))
    }

    /// When the last renewal reaches the controller, if the node has ceased to renew.
    pub(crate) fn last_seen(&self, timing: LeaseTiming) -> Option<SimTime> {
        let last = self.runs.iter().map(|run| run.last).max()??;
        Some(last.saturating_add(timing.lag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> SimTime {
        SimTime::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn renewals_are_seen_late_and_those_before_a_break_still_arrive() {
        let timing = LeaseTiming {
            interval: SimDuration::from_secs(10),
            lag: SimDuration::from_millis(200),
        };
        let mut truth = NodeTruth {
            outages: 0,
            up: true,
            epoch: 0,
            heartbeat: Heartbeat::Beating { since: SimTime::ZERO },
            lease_phase: SimDuration::from_secs(3),
            cuts: 0,
            connected: true,
            reclaimed: false,
            shutting_down: false,
            kubelet_stops: 0,
            runtime_stops: 0,
            proxy_stops: 0,
            proxy_epoch: 0,
            link_epoch: 0,
        };
        let mut lease = Lease::default();
        lease.observe(&truth, timing);
        truth.heartbeat = Heartbeat::Silent { last: Some(at(23_000)) };
        lease.observe(&truth, timing);
        truth.heartbeat = Heartbeat::Beating { since: at(24_000) };
        lease.observe(&truth, timing);
        for (now, seen) in [
            (100, None),
            (200, Some(200)),
            (3_199, Some(200)),
            (3_200, Some(3_200)),
            (23_100, Some(13_200)),
            (24_100, Some(23_200)),
            (24_200, Some(24_200)),
            (33_500, Some(33_200)),
        ] {
            assert_eq!(lease.seen_by(at(now), timing), seen.map(at), "by {now} ms");
        }
        assert!(lease.is_renewing());
    }
}
