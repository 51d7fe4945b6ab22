//! Scales and their round ticks: numbers, shares and simulated time.

use crate::report::format::{number, span};

/// A linear scale from data to logical pixels, with its ticks.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    domain: (f64, f64),
    range: (f64, f64),
    /// Positions and labels of the ticks, inside the domain.
    pub(super) ticks: Vec<(f64, String)>,
}

impl Axis {
    /// A scale for plain numbers, widened to round ends; about `count` ticks.
    pub(super) fn numbers(domain: (f64, f64), range: (f64, f64), count: usize) -> Self {
        let (low, mut high) = domain;
        if high <= low {
            high = low + if low == 0.0 { 1.0 } else { low.abs() };
        }
        let step = nice_step((high - low) / count.max(1) as f64);
        let domain = ((low / step).floor() * step, (high / step).ceil() * step);
        Axis { domain, range, ticks: ticks(domain, step, |value| plain(value, step)) }
    }

    /// A scale for whole things (pods, replicas): ticks at integers only.
    pub(super) fn counts(high: f64, range: (f64, f64), count: usize) -> Self {
        let step = nice_step(high.max(1.0) / count.max(1) as f64).max(1.0).ceil();
        let domain = (0.0, (high.max(1.0) / step).ceil() * step);
        Axis { domain, range, ticks: ticks(domain, step, |value| plain(value, step)) }
    }

    /// A scale for shares, labelled in per cent.
    pub(super) fn shares(domain: (f64, f64), range: (f64, f64), count: usize) -> Self {
        let scaled = Axis::numbers((domain.0 * 100.0, domain.1 * 100.0), range, count);
        let unscaled = |x: f64| x / 100.0;
        Axis {
            domain: (unscaled(scaled.domain.0), unscaled(scaled.domain.1)),
            range,
            ticks: scaled.ticks.into_iter().map(|(x, s)| (unscaled(x), s + " %")).collect(),
        }
    }

    /// A time scale that keeps `domain` as it is; ticks at round seconds, minutes, hours, days.
    pub(super) fn time(domain: (f64, f64), range: (f64, f64), count: usize) -> Self {
        let domain = if domain.1 > domain.0 { domain } else { (domain.0, domain.0 + 1.0) };
        let step = time_step((domain.1 - domain.0) / count.max(1) as f64);
        Axis { domain, range, ticks: ticks(domain, step, time_label) }
    }

    /// A time scale widened to round ends, for lengths of time.
    pub(super) fn lengths(domain: (f64, f64), range: (f64, f64), count: usize) -> Self {
        let high = if domain.1 > domain.0 { domain.1 } else { domain.0 + 1.0 };
        let step = time_step((high - domain.0) / count.max(1) as f64);
        let domain = ((domain.0 / step).floor() * step, (high / step).ceil() * step);
        Axis { domain, range, ticks: ticks(domain, step, time_label) }
    }

    /// A scale in the unit of a table row: `s`, `ratio`, or plain.
    pub(super) fn of_unit(unit: &str, domain: (f64, f64), range: (f64, f64), count: usize) -> Self {
        match unit {
            "s" | "seconds" => Axis::lengths(domain, range, count),
            "ratio" => Axis::shares(domain, range, count),
            _ => Axis::numbers(domain, range, count),
        }
    }

    /// The pixel of a value, held inside the range.
    pub(super) fn at(&self, value: f64) -> f64 {
        let t = (value - self.domain.0) / (self.domain.1 - self.domain.0);
        self.range.0 + t.clamp(0.0, 1.0) * (self.range.1 - self.range.0)
    }

    /// Both ends of the domain.
    pub(super) fn domain(&self) -> (f64, f64) {
        self.domain
    }
}

/// The smallest of 1, 2, 2.5, 5 × 10ⁿ that is at least `rough`.
fn nice_step(rough: f64) -> f64 {
    let mut unit = 1.0;
    while unit > rough && unit > 1e-12 {
        unit /= 10.0;
    }
    while unit * 10.0 <= rough && unit < 1e18 {
        unit *= 10.0;
    }
    for factor in [1.0, 2.0, 2.5, 5.0] {
        if unit * factor >= rough * 0.999_999 {
            return unit * factor;
        }
    }
    unit * 10.0
}

/// The smallest customary step of time that is at least `rough` seconds.
fn time_step(rough: f64) -> f64 {
    const MINUTE: f64 = 60.0;
    const HOUR: f64 = 3600.0;
    const DAY: f64 = 86_400.0;
    let steps = [
        1.0,
        2.0,
        5.0,
        10.0,
        15.0,
        30.0,
        MINUTE,
        2.0 * MINUTE,
        5.0 * MINUTE,
        10.0 * MINUTE,
        15.0 * MINUTE,
        30.0 * MINUTE,
        HOUR,
        2.0 * HOUR,
        3.0 * HOUR,
        6.0 * HOUR,
        12.0 * HOUR,
        DAY,
        2.0 * DAY,
        7.0 * DAY,
    ];
    if rough <= 0.5 {
        return nice_step(rough);
    }
    match steps.iter().find(|step| **step >= rough * 0.999_999) {
        Some(step) => *step,
        None => nice_step(rough / (7.0 * DAY)).ceil() * 7.0 * DAY,
    }
}

fn ticks((low, high): (f64, f64), step: f64, label: impl Fn(f64) -> String) -> Vec<(f64, String)> {
    let first = (low / step - 1e-9).ceil();
    let last = (high / step + 1e-9).floor();
    let count = if last >= first { (last - first) as usize + 1 } else { 0 };
    (0..count.min(64))
        .map(|k| (first + k as f64) * step)
        .map(|value| (value, label(value)))
        .collect()
}

/// A tick's number with as many decimals as the step has.
fn plain(value: f64, step: f64) -> String {
    let mut decimals = 0;
    let mut scaled = step;
    while (scaled - scaled.round()).abs() > 1e-6 && decimals < 9 {
        scaled *= 10.0;
        decimals += 1;
    }
    let text = format!("{:.decimals$}", value.abs());
    if text.chars().all(|c| c == '0' || c == '.') {
        return "0".to_owned();
    }
    if value < 0.0 { format!("−{text}") } else { text }
}

/// A point in time or a length: `0`, `5ms`, `45s`, `15m`, `1h30m`, `2d12h`.
pub(super) fn time_label(seconds: f64) -> String {
    if (seconds - seconds.round()).abs() <= 1e-9 {
        return span(seconds);
    }
    let sign = if seconds < 0.0 { "−" } else { "" };
    let magnitude = seconds.abs();
    if magnitude < 1.0 {
        return format!("{sign}{}ms", number(magnitude * 1000.0));
    }
    format!("{sign}{}s", number(magnitude))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn time_ticks_are_round() {
        let range = (0.0, 800.0);
        for (end, expected) in [
            (7200.0, vec!["0", "15m", "30m", "45m", "1h", "1h15m", "1h30m", "1h45m", "2h"]),
            (90.0, vec!["0", "15s", "30s", "45s", "1m", "1m15s", "1m30s"]),
            (1.0, vec!["0", "200ms", "400ms", "600ms", "800ms", "1s"]),
            (345_600.0, vec!["0", "12h", "1d", "1d12h", "2d", "2d12h", "3d", "3d12h", "4d"]),
        ] {
            assert_eq!(labels(&Axis::time((0.0, end), range, 8)), expected, "{end}");
        }
    }

    #[test]
    fn number_scales_widen_to_round_ends() {
        let axis = Axis::numbers((-3.0, 17.0), (0.0, 100.0), 5);
        assert_eq!(labels(&axis), ["−5", "0", "5", "10", "15", "20"]);
        assert!(axis.at(-5.0).abs() < 1e-9);
        assert!((axis.at(99.0) - 100.0).abs() < 1e-9);
        assert_eq!(labels(&Axis::counts(3.0, (0.0, 1.0), 5)), ["0", "1", "2", "3"]);
        assert_eq!(labels(&Axis::shares((0.0, 1.0), (0.0, 1.0), 2)), ["0 %", "50 %", "100 %"]);
        assert_eq!(labels(&Axis::numbers((4.0, 4.0), (0.0, 1.0), 2)), ["4", "6", "8"]);
    }
}
