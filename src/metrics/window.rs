//! The measured window, and what is summed over it: exact integer integrals of step functions.

use crate::base::time::SimTime;
use crate::model::Model;

/// The measured window of a run: from `measureFrom` to the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    from: SimTime,
    to: SimTime,
}

impl Window {
    /// The window of a run.
    pub(super) fn of(model: &Model) -> Self {
        Self { from: model.measure_from, to: model.end() }
    }

    /// The end of the window, which is the end of the run.
    pub(super) fn end(self) -> SimTime {
        self.to
    }

    /// Whether what happens at `time` counts.
    pub(super) fn contains(self, time: SimTime) -> bool {
        self.from <= time && time <= self.to
    }

    /// Nanoseconds of `since..until` that lie within the window.
    pub(super) fn overlap_ns(self, since: SimTime, until: SimTime) -> u128 {
        let overlap = until.min(self.to).saturating_since(since.max(self.from));
        u128::from(overlap.as_nanos())
    }

    /// Length of the window, nanoseconds.
    pub(super) fn length_ns(self) -> u128 {
        self.overlap_ns(self.from, self.to)
    }
}

/// `amount` held for `ns` nanoseconds; negative amounts count as none.
pub(super) fn held(amount: i64, ns: u128) -> u128 {
    u128::try_from(amount).unwrap_or(0) * ns
}

/// `part / whole`, absent where there is no whole.
pub(super) fn ratio(part: u128, whole: u128) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Nanoseconds as seconds.
pub(super) fn seconds(ns: u128) -> f64 {
    ns as f64 / 1e9
}

/// Something that is either so or not, and for how long it was so within the window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Switch {
    on: bool,
    since: SimTime,
    on_ns: u128,
}

impl Switch {
    /// A switch that is `on` from time zero.
    pub(super) fn new(on: bool) -> Self {
        Self { on, since: SimTime::ZERO, on_ns: 0 }
    }

    /// Whether it is so now.
    pub(super) fn is_on(self) -> bool {
        self.on
    }

    /// It becomes `on` at `now`; say so once more at the end of the window.
    pub(super) fn set(&mut self, now: SimTime, on: bool, window: Window) {
        if self.on {
            self.on_ns += window.overlap_ns(self.since, now);
        }
        self.since = now;
        self.on = on;
    }

    /// How long it was so within the window, nanoseconds.
    pub(super) fn on_ns(self) -> u128 {
        self.on_ns
    }
}
