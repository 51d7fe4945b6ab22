//! Loops that run at fixed instants: a first run at the start, then one every period. Only the
//! runs at which something can change are events; this module says when runs are.

use crate::base::time::{SimDuration, SimTime};

/// The instants of a periodic loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Periodic {
    start: SimTime,
    period: SimDuration,
}

impl Periodic {
    /// A loop that runs at `start` and then every `period` (at least a nanosecond).
    pub(crate) fn new(start: SimTime, period: SimDuration) -> Self {
        Self { start, period: period.max(SimDuration::from_nanos(1)) }
    }

    /// The first run at or after `time`.
    pub(crate) fn at_or_after(&self, time: SimTime) -> SimTime {
        let since = time.saturating_since(self.start).as_nanos();
        let runs = since.div_ceil(self.period.as_nanos());
        self.start.saturating_add(self.period.saturating_mul(runs))
    }

    /// The first run after `time`.
    pub(crate) fn after(&self, time: SimTime) -> SimTime {
        if time < self.start {
            return self.start;
        }
        self.at_or_after(time.saturating_add(SimDuration::from_nanos(1)))
    }

    /// Whether a run falls on `time`.
    pub(crate) fn runs_at(&self, time: SimTime) -> bool {
        self.at_or_after(time) == time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_at_the_start_and_every_period() {
        let at = SimTime::from_secs;
        let runs = Periodic::new(at(3), SimDuration::from_secs(5));
        for (time, at_or_after, after) in [(0, 3, 3), (3, 3, 8), (4, 8, 8), (8, 8, 13)] {
            assert_eq!(runs.at_or_after(at(time)), at(at_or_after), "at or after {time}");
            assert_eq!(runs.after(at(time)), at(after), "after {time}");
        }
        assert!(runs.runs_at(at(13)) && !runs.runs_at(at(14)));
    }
}
