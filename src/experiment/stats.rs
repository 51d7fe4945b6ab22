//! Statistics of one sample and of paired samples.
//!
//! Pure functions on slices of finite numbers; callers refuse NaN and infinities before
//! ([`super::compare()`] does, naming the culprit). A sample whose values are all the same has a
//! standard deviation of exactly 0 and a mean of exactly that value, so that rounding never
//! invents a difference.

use super::student::{t_quantile_two_sided, t_two_sided};
use crate::base::math::{NeumaierSum, sqrt};

/// Differences smaller than this share of the larger operand are rounding noise and count as 0:
/// sixteen units in the last place, what a dozen roundings on the way can add up to.
const ROUNDING: f64 = 16.0 * f64::EPSILON;

/// A closed interval.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub lo: f64,
    /// Upper end.
    pub hi: f64,
}

impl Interval {
    /// Whether `value` lies within, ends included.
    #[must_use]
    pub fn contains(&self, value: f64) -> bool {
        self.lo <= value && value <= self.hi
    }
}

/// Size, centre and spread of one sample.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Summary {
    /// Number of values, at least 1.
    pub n: usize,
    /// Arithmetic mean.
    pub mean: f64,
    /// Standard deviation with n − 1; 0 when n = 1.
    pub sd: f64,
}

impl Summary {
    /// Summary of `values`; `None` when there are none.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Summary> {
        let first = *values.first()?;
        let n = values.len();
        if values.iter().all(|v| (v - first) == 0.0) {
            return Some(Summary { n, mean: first, sd: 0.0 });
        }
        let mean = sum(values.iter().copied()) / n as f64;
        let squares = sum(values.iter().map(|v| (v - mean) * (v - mean)));
        Some(Summary { n, mean, sd: sqrt(squares / (n - 1) as f64) })
    }

    /// Standard error of the mean, sd/√n.
    #[must_use]
    pub fn standard_error(&self) -> f64 {
        self.sd / sqrt(self.n as f64)
    }

    /// Student's t interval of the mean; `None` when n = 1, which says nothing about the spread.
    #[must_use]
    pub fn t_interval(&self, confidence: f64) -> Option<Interval> {
        if self.n < 2 {
            return None;
        }
        let half = t_quantile_two_sided(confidence, (self.n - 1) as f64) * self.standard_error();
        Some(Interval { lo: self.mean - half, hi: self.mean + half })
    }
}

/// What the paired t-test says about a sample of differences.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct PairedT {
    /// The differences' size, mean and spread.
    pub summary: Summary,
    /// Interval of the mean difference.
    pub interval: Interval,
    /// Two-sided p-value of "the mean difference is 0".
    pub p: f64,
    /// Effect size d_z = mean difference ÷ its standard deviation; 0 when all differences are 0,
    /// `None` when they are all one other value (no spread to measure by).
    pub dz: Option<f64>,
}

/// Two-sided paired t-test on `differences`; `None` for fewer than two.
///
/// All differences zero: mean 0, interval \[0, 0\], p = 1. All the same but not zero: the
/// interval is that one point and p = 0, since nothing but the policy moved.
#[must_use]
pub fn paired_t(differences: &[f64], confidence: f64) -> Option<PairedT> {
    let summary = Summary::of(differences)?;
    let interval = summary.t_interval(confidence)?;
    let (p, dz) = if summary.sd > 0.0 {
        let t = summary.mean / summary.standard_error();
        (t_two_sided(t, (summary.n - 1) as f64), Some(summary.mean / summary.sd))
    } else if summary.mean == 0.0 {
        (1.0, Some(0.0))
    } else {
        (0.0, None)
    };
    Some(PairedT { summary, interval, p, dz })
}

/// a − b, with rounding noise taken for zero.
#[must_use]
pub fn difference(a: f64, b: f64) -> f64 {
    let raw = a - b;
    if raw.abs() <= ROUNDING * a.abs().max(b.abs()) { 0.0 } else { raw }
}

/// Holm's step-down adjustment: adjusted p_(i) = max over j ≤ i of min(1, (m − j + 1) p_(j)).
///
/// The result stands in the order of the input; equal p-values get equal results.
#[must_use]
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let m = p_values.len();
    let mut order: Vec<usize> = (0..m).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]).then(a.cmp(&b)));
    let mut adjusted = vec![1.0; m];
    let mut largest = 0.0_f64;
    for (rank, &index) in order.iter().enumerate() {
        largest = largest.max(((m - rank) as f64 * p_values[index]).min(1.0));
        adjusted[index] = largest;
    }
    adjusted
}

/// What common random numbers gained: (var(a) + var(b)) ÷ var(a − b) of paired samples.
///
/// 1 means that pairing gained nothing, 10 that independent runs would need ten times as many
/// replications; below 1 the pairs are negatively correlated. `None` for fewer than two pairs or
/// when the differences do not vary.
///
/// # Panics
///
/// When the slices differ in length: they hold pairs.
#[must_use]
pub fn variance_ratio(a: &[f64], b: &[f64]) -> Option<f64> {
    assert_eq!(a.len(), b.len(), "paired samples have one value per pair");
    if a.len() < 2 {
        return None;
    }
    let differences: Vec<f64> = a.iter().zip(b).map(|(x, y)| difference(*x, *y)).collect();
    let sd = Summary::of(&differences)?.sd;
    let (sd_a, sd_b) = (Summary::of(a)?.sd, Summary::of(b)?.sd);
    (sd > 0.0).then(|| (sd_a * sd_a + sd_b * sd_b) / (sd * sd))
}

/// Sum of `values` in their order, compensated.
pub(super) fn sum(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().collect::<NeumaierSum>().total()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::bootstrap::Resampler;
    use crate::experiment::student::normal_quantile;

    /// Extra sleep under two soporifics, ten patients (Cushny and Peebles 1905, Student 1908).
    pub(crate) const SLEEP_A: [f64; 10] = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
    pub(crate) const SLEEP_B: [f64; 10] = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];

    fn close(got: f64, want: f64, absolute: f64) {
        assert!((got - want).abs() <= absolute, "got {got}, want {want}");
    }

    #[test]
    fn a_summary_of_a_hand_computed_sample() {
        let s = Summary::of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).expect("not empty");
        assert_eq!(s.n, 8);
        close(s.mean, 5.0, 0.0);
        close(s.sd, sqrt(32.0 / 7.0), 1e-15);
        let half = 2.364_624_251_592_785 * sqrt(32.0 / 7.0) / sqrt(8.0);
        let interval = s.t_interval(0.95).expect("n = 8");
        close(interval.lo, 5.0 - half, 1e-9);
        close(interval.hi, 5.0 + half, 1e-9);
    }

    #[test]
    fn degenerate_samples_have_no_spread_and_no_noise() {
        assert_eq!(Summary::of(&[]), None);
        let one = Summary::of(&[3.5]).expect("one value");
        assert_eq!((one.n, one.t_interval(0.95)), (1, None));
        // Naively the mean of seven times 0.1 is not 0.1.
        let same = Summary::of(&[0.1; 7]).expect("seven values");
        close(same.mean, 0.1, 0.0);
        assert_eq!(same.t_interval(0.95), Some(Interval { lo: 0.1, hi: 0.1 }));
    }

    #[test]
    fn the_paired_test_of_students_sleep_data() {
        let d: Vec<f64> = SLEEP_A.iter().zip(SLEEP_B).map(|(a, b)| difference(*a, b)).collect();
        let t = paired_t(&d, 0.95).expect("ten pairs");
        close(t.summary.mean, -1.58, 1e-12);
        close(t.summary.mean / t.summary.standard_error(), -4.062_127_683, 1e-8);
        close(t.p, 0.002_832_89, 1e-8);
        close(t.interval.lo, -2.459_885_8, 1e-7);
        close(t.interval.hi, -0.700_114_2, 1e-7);
        close(t.dz.expect("the differences vary"), -4.062_127_683 / sqrt(10.0), 1e-8);
    }

    #[test]
    fn equal_pairs_are_no_difference_and_constant_shifts_are_certain() {
        let none = paired_t(&[0.0, -0.0, 0.0], 0.95).expect("three pairs");
        close(none.p, 1.0, 0.0);
        assert_eq!(none.interval, Interval { lo: 0.0, hi: 0.0 });
        assert_eq!(none.dz, Some(0.0));
        let shift = paired_t(&[2.0, 2.0], 0.95).expect("two pairs");
        close(shift.p, 0.0, 0.0);
        assert_eq!((shift.interval, shift.dz), (Interval { lo: 2.0, hi: 2.0 }, None));
        assert_eq!(paired_t(&[1.0], 0.95), None);
        assert_eq!(paired_t(&[], 0.95), None);
    }

    #[test]
    fn rounding_noise_is_no_difference_but_a_small_difference_is() {
        close(difference(0.1 + 0.2, 0.3), 0.0, 0.0);
        assert!(difference(1.0 + 1e-12, 1.0) > 0.0);
        close(difference(1e-30, 0.0), 1e-30, 0.0);
        close(difference(0.0, 0.0), 0.0, 0.0);
    }

    #[test]
    fn holm_on_a_published_example_and_its_corners() {
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
        for (got, want) in adjusted.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            close(*got, want, 1e-15);
        }
        assert_eq!(holm(&[0.6, 0.6]), vec![1.0, 1.0]);
        assert_eq!(holm(&[0.2]), vec![0.2]);
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn the_variance_ratio_tells_shared_luck_from_none() {
        // var(a) = var(b) = 1, differences -1, 0, 1 about a mean: var = 1.
        close(variance_ratio(&[1.0, 2.0, 3.0], &[2.0, 2.0, 2.0]).expect("varies"), 1.0, 1e-15);
        let shared = variance_ratio(&[1.0, 20.0, 300.0], &[1.1, 20.0, 300.0]).expect("varies");
        assert!(shared > 1e6, "{shared}");
        assert_eq!(variance_ratio(&[1.0, 2.0], &[2.0, 3.0]), None);
        assert_eq!(variance_ratio(&[1.0], &[2.0]), None);
    }

    /// The promise of a 95 % interval, kept on 2,000 synthetic experiments with paired noise:
    /// a shared normal luck, an own normal luck, and a true difference of 0.5.
    #[test]
    fn intervals_cover_the_truth_as_often_as_they_say() {
        let mut draws = Resampler::new(2025);
        for n in [10, 30] {
            let (mut single, mut paired) = (0, 0);
            for _ in 0..2_000 {
                let mut normal = || normal_quantile(draws.uniform());
                let (mut a, mut d) = (Vec::new(), Vec::new());
                for _ in 0..n {
                    let storm = 3.0 * normal();
                    let (x, y) = (storm + normal() + 0.5, storm + normal());
                    a.push(x);
                    d.push(difference(x, y));
                }
                let of_mean = Summary::of(&a).and_then(|s| s.t_interval(0.95)).expect("n > 1");
                single += u32::from(of_mean.contains(0.5));
                paired += u32::from(paired_t(&d, 0.95).expect("n > 1").interval.contains(0.5));
            }
            for covered in [single, paired] {
                let share = f64::from(covered) / 2_000.0;
                assert!((0.93..=0.97).contains(&share), "n = {n}: {share}");
            }
        }
    }
}
