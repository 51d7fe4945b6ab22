//! Arithmetic on floats that gives the same bits on every platform.
//!
//! The standard library's transcendental functions call the platform's libm, whose last bit
//! differs between systems; these are libm's pure-Rust ones. Floats occur only in samplers and in
//! statistics after a run: nothing here is for simulated time or quantities.

/// Natural logarithm.
#[must_use]
pub fn ln(x: f64) -> f64 {
    libm::log(x)
}

/// ln(1 + x), accurate near zero.
#[must_use]
pub fn ln_1p(x: f64) -> f64 {
    libm::log1p(x)
}

/// Logarithm to base 2.
#[must_use]
pub fn log2(x: f64) -> f64 {
    libm::log2(x)
}

/// Logarithm to base 10.
#[must_use]
pub fn log10(x: f64) -> f64 {
    libm::log10(x)
}

/// e to the power `x`.
#[must_use]
pub fn exp(x: f64) -> f64 {
    libm::exp(x)
}

/// exp(x) − 1, accurate near zero.
#[must_use]
pub fn exp_m1(x: f64) -> f64 {
    libm::expm1(x)
}

/// `base` to the power `exponent`.
#[must_use]
pub fn powf(base: f64, exponent: f64) -> f64 {
    libm::pow(base, exponent)
}

/// Square root.
#[must_use]
pub fn sqrt(x: f64) -> f64 {
    libm::sqrt(x)
}

/// Complementary error function, 2/√π · ∫ₓ^∞ exp(−t²) dt.
#[must_use]
pub fn erfc(x: f64) -> f64 {
    libm::erfc(x)
}

/// The gamma function.
#[must_use]
pub fn gamma(x: f64) -> f64 {
    libm::tgamma(x)
}

/// The `q`-quantile of values sorted in ascending order, interpolated linearly between order
/// statistics: definition 7 of Hyndman & Fan, "Sample Quantiles in Statistical Packages" (1996),
/// the default of R and NumPy.
///
/// `q` is clamped to [0, 1]. No values have no quantile: the result is NaN.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts below 2^53")]
#[expect(clippy::cast_possible_truncation, reason = "the position lies within the slice")]
#[expect(clippy::cast_sign_loss, reason = "the position is never negative")]
pub fn quantile_sorted(sorted: &[f64], q: f64) -> f64 {
    debug_assert!(sorted.is_sorted_by(|a, b| a.total_cmp(b).is_le()), "values are not sorted");
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let position = q.clamp(0.0, 1.0) * last as f64;
    let below = (position.floor() as usize).min(last);
    let above = (below + 1).min(last);
    let fraction = position - below as f64;
    if fraction == 0.0 {
        return sorted[below];
    }
    sorted[below] + fraction * (sorted[above] - sorted[below])
}

/// A sum that keeps the rounding error of every addition and adds it back at the end.
///
/// Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen" (1974).
#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub struct NeumaierSum {
    sum: f64,
    lost: f64,
}

impl NeumaierSum {
    /// The empty sum, zero.
    #[must_use]
    pub const fn new() -> Self {
        NeumaierSum { sum: 0.0, lost: 0.0 }
    }

    /// Adds `x`.
    pub fn add(&mut self, x: f64) {
        let total = self.sum + x;
        self.lost +=
            if self.sum.abs() >= x.abs() { (self.sum - total) + x } else { (x - total) + self.sum };
        self.sum = total;
    }

    /// The sum so far.
    #[must_use]
    pub fn total(self) -> f64 {
        self.sum + self.lost
    }
}

impl Extend<f64> for NeumaierSum {
    fn extend<T: IntoIterator<Item = f64>>(&mut self, values: T) {
        values.into_iter().for_each(|x| self.add(x));
    }
}

impl FromIterator<f64> for NeumaierSum {
    fn from_iter<T: IntoIterator<Item = f64>>(values: T) -> Self {
        let mut sum = NeumaierSum::new();
        sum.extend(values);
        sum
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these results are exact")]
mod tests {
    use super::*;

    #[test]
    fn quantiles_follow_definition_seven() {
        let values = [1.0, 2.0, 4.0, 8.0];
        let table = [
            (0.0, 1.0),
            (0.25, 1.75),
            (0.5, 3.0),
            (0.75, 5.0),
            (1.0, 8.0),
            (-1.0, 1.0),
            (2.0, 8.0),
        ];
        for (q, expected) in table {
            assert_eq!(quantile_sorted(&values, q), expected, "q = {q}");
        }
        assert_eq!(quantile_sorted(&[7.0], 0.3), 7.0);
        assert!(quantile_sorted(&[], 0.5).is_nan());
        assert_eq!(quantile_sorted(&[1.0, f64::INFINITY], 0.0), 1.0);
    }

    #[test]
    fn compensated_sum_keeps_what_plain_addition_loses() {
        let values = [1.0, 1e100, 1.0, -1e100];
        assert_eq!(values.iter().sum::<f64>(), 0.0);
        assert_eq!(values.into_iter().collect::<NeumaierSum>().total(), 2.0);
        assert_eq!(NeumaierSum::new().total(), 0.0);
    }

    #[test]
    fn functions_are_the_ones_their_names_say() {
        let close = |a: f64, b: f64| (a - b).abs() < 1e-14;
        assert!(close(ln(exp(1.5)), 1.5));
        assert!(close(ln_1p(exp_m1(1e-10)), 1e-10));
        assert_eq!((log2(8.0), log10(1000.0), sqrt(9.0), powf(2.0, 10.0)), (3.0, 3.0, 3.0, 1024.0));
        assert!(close(erfc(0.0), 1.0) && close(gamma(5.0), 24.0));
    }
}
