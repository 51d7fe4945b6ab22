//! CrashLoopBackOff: when a container that has exited may start again. Pure.
//!
//! Mirrors the kubelet's `doBackOff` over client-go's `Backoff`: the first restart is immediate,
//! later ones wait from the *finish* of the last instance, and the record is forgotten once it has
//! not been touched for ten minutes, whatever the curve.

use crate::base::time::{SimDuration, SimTime};
use crate::model::BackoffCurve;

/// Longest time after which the kubelet looks again at a pod that waits for a back-off (the pod
/// workers' `min(expiry − now, 60 s)`).
const LONGEST_SLEEP: SimDuration = SimDuration::from_secs(60);

/// How long a record is remembered: twice the longest wait by default, and the same with every other
/// curve (KEP-4603, KEP-5593).
const MEMORY: SimDuration = SimDuration::from_secs(600);

/// What back-off goes by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The curve.
    pub(crate) curve: BackoffCurve,
    /// How often old records are dropped, at whole multiples of this.
    pub(crate) housekeeping: SimDuration,
}

impl Limits {
    /// The kubelet's: it keeps house every 2 s (`housekeepingPeriod`).
    pub(crate) fn new(curve: BackoffCurve) -> Self {
        Self { curve, housekeeping: SimDuration::from_secs(2) }
    }
}

/// The back-off record of one container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Backoff {
    /// How long the next restart waits after the finish; zero without a record.
    delay: SimDuration,
    /// When the record was last moved on.
    updated: SimTime,
}

impl Backoff {
    /// The wait that applies to the next restart, zero while there is no record.
    pub(crate) fn delay(self) -> SimDuration {
        self.delay
    }

    /// When housekeeping drops the record: the first time after it has grown too old.
    fn dropped_at(self, limits: &Limits) -> SimTime {
        let old = self.updated.saturating_add(MEMORY).as_nanos();
        let period = limits.housekeeping.as_nanos().max(1);
        SimTime::from_nanos((old / period).saturating_add(1).saturating_mul(period))
    }

    /// Whether nothing is remembered of earlier restarts when an instance finished at `finished`
    /// and it is `now`: no record, a long healthy run, or a record dropped as too old.
    fn is_fresh(self, limits: &Limits, finished: SimTime, now: SimTime) -> bool {
        self.delay == SimDuration::ZERO
            || finished.saturating_since(self.updated) > MEMORY
            || now >= self.dropped_at(limits)
    }

    /// When a container that finished at `finished` may start again, seen from `now`: an instant
    /// at or before `now` means at once.
    pub(crate) fn allowed_at(self, limits: &Limits, finished: SimTime, now: SimTime) -> SimTime {
        if self.is_fresh(limits, finished, now) {
            return finished;
        }
        finished.saturating_add(self.delay).min(self.dropped_at(limits))
    }

    /// Moves the record on: the container is being started at `now`.
    pub(crate) fn start(&mut self, limits: &Limits, finished: SimTime, now: SimTime) {
        let curve = &limits.curve;
        self.delay = if self.is_fresh(limits, finished, now) {
            curve.initial.min(curve.max)
        } else {
            self.delay.saturating_mul(2).min(curve.max)
        };
        self.updated = now;
    }
}

/// How long the pod worker sleeps before it looks again, `remaining` before the back-off's end:
/// jitter stretches the wait by up to `jitter_per_mille` thousandths, `luck` (in (0, 1)) says how
/// much. Without jitter it wakes exactly at the end.
pub(crate) fn sleep(curve: &BackoffCurve, remaining: SimDuration, luck: f64) -> SimDuration {
    if curve.jitter_per_mille == 0 {
        return remaining;
    }
    let nominal = remaining.min(LONGEST_SLEEP);
    let stretch = luck * f64::from(curve.jitter_per_mille) / 1000.0;
    let extra = SimDuration::from_secs_f64(nominal.as_secs_f64() * stretch);
    nominal.saturating_add(extra.unwrap_or(SimDuration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURVE: BackoffCurve = BackoffCurve {
        initial: SimDuration::from_secs(10),
        max: SimDuration::from_secs(300),
        jitter_per_mille: 0,
    };

    /// Restart instants of a container whose k-th instance runs for `runs_s[k]` seconds.
    fn starts(limits: &Limits, runs_s: &[u64]) -> Vec<(u64, u64)> {
        let mut backoff = Backoff::default();
        let mut now = SimTime::ZERO;
        let mut starts = Vec::new();
        for (instance, &run) in runs_s.iter().enumerate() {
            if instance > 0 {
                let finished = now;
                while backoff.allowed_at(limits, finished, now) > now {
                    now += SimDuration::from_secs(1);
                }
                backoff.start(limits, finished, now);
            }
            starts.push((now.as_nanos() / 1_000_000_000, backoff.delay().as_secs()));
            now += SimDuration::from_secs(run);
        }
        starts
    }

    #[test]
    fn a_container_that_crashes_a_second_after_each_start_waits_longer_and_longer() {
        let at: Vec<u64> =
            starts(&Limits::new(CURVE), &[1; 9]).into_iter().map(|(at, _)| at).collect();
        assert_eq!(at, [0, 1, 12, 33, 74, 155, 316, 617, 918]);
    }

    #[test]
    fn a_run_of_more_than_ten_minutes_starts_afresh() {
        let runs = [1, 1, 1, 550, 601, 1];
        let delays: Vec<u64> =
            starts(&Limits::new(CURVE), &runs).into_iter().map(|(_, delay)| delay).collect();
        assert_eq!(delays, [0, 10, 20, 40, 80, 10]);
    }

    #[test]
    fn other_curves_begin_and_end_where_their_policies_say_and_keep_the_memory() {
        let seconds = SimDuration::from_secs;
        let curve = |initial, max| BackoffCurve {
            initial: seconds(initial),
            max: seconds(max),
            jitter_per_mille: 0,
        };
        let delays = |curve, runs: &[u64]| -> Vec<u64> {
            starts(&Limits::new(curve), runs).into_iter().map(|(_, delay)| delay).collect()
        };
        // ReduceDefaultCrashLoopBackOffDecay.
        let reduced = curve(1, 60);
        assert_eq!(delays(reduced, &[1; 9]), [0, 1, 2, 4, 8, 16, 32, 60, 60]);
        // A run of five minutes resets nothing, one of ten does.
        assert_eq!(delays(reduced, &[1, 1, 300, 600, 1]), [0, 1, 2, 4, 1]);
        // KubeletCrashLoopBackOffMax: the first wait is no longer than the longest.
        assert_eq!(delays(curve(10, 3), &[1; 4]), [0, 3, 3, 3]);
        assert_eq!(delays(curve(10, 25), &[1; 5]), [0, 10, 20, 25, 25]);
    }

    #[test]
    fn jitter_only_ever_delays_and_looks_again_each_minute() {
        let curve = BackoffCurve { jitter_per_mille: 500, ..CURVE };
        let at =
            |remaining, luck| sleep(&curve, SimDuration::from_secs(remaining), luck).as_secs_f64();
        assert!((at(10, 0.5) - 12.5).abs() < 1e-9);
        assert!((at(300, 1.0) - 90.0).abs() < 1e-9);
        assert_eq!(sleep(&CURVE, SimDuration::from_secs(300), 0.9), SimDuration::from_secs(300));
    }
}
