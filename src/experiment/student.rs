//! The two distributions that intervals need: Student's t and the normal.
//!
//! Written over `libm`, so that a p-value has the same bits on every platform; the platform's own
//! `exp` and `ln` differ in the last bit. Tails keep their relative precision: a p-value of
//! 1e-30 is 1e-30, not the rounding error of `1 - cdf`.

use crate::base::math;

/// Iterations after which the continued fraction has converged for every `df` in use; it needs
/// about √max(a, b) of them.
const MAX_TERMS: u32 = 10_000;

/// Relative change below which the continued fraction has converged.
const CONVERGED: f64 = 1e-16;

/// Stands in for a zero denominator in Lentz' algorithm.
const TINY: f64 = 1e-300;

/// Two-sided tail of Student's t distribution: P(|T| ≥ |t|) with `df` degrees of freedom.
///
/// In 0…1; 1 at `t` = 0, 0 at infinity. `df` must be positive.
///
/// Formula: I_x(df/2, 1/2) at x = df/(df + t²), the regularised incomplete beta function.
#[must_use]
pub fn t_two_sided(t: f64, df: f64) -> f64 {
    assert!(df > 0.0 && !t.is_nan(), "t = {t}, degrees of freedom = {df}");
    if t.is_infinite() {
        return 0.0;
    }
    let square = t * t;
    if square.is_infinite() {
        return 0.0;
    }
    let x = df / (df + square);
    let complement = square / (df + square);
    incomplete_beta(df / 2.0, 0.5, x, complement).clamp(0.0, 1.0)
}

/// The t of a two-sided interval: P(|T| ≤ t) = `confidence` with `df` degrees of freedom.
///
/// `confidence` lies strictly between 0 and 1.
#[must_use]
pub fn t_quantile_two_sided(confidence: f64, df: f64) -> f64 {
    assert!(confidence > 0.0 && confidence < 1.0, "confidence = {confidence}");
    let alpha = 1.0 - confidence;
    bisect(|t| t_two_sided(t, df) <= alpha)
}

/// P(Z ≤ z) of the standard normal distribution.
#[must_use]
pub fn normal_cdf(z: f64) -> f64 {
    0.5 * math::erfc(-z / core::f64::consts::SQRT_2)
}

/// The z with P(Z ≤ z) = `p`, for `p` strictly between 0 and 1.
#[must_use]
pub fn normal_quantile(p: f64) -> f64 {
    assert!(p > 0.0 && p < 1.0, "p = {p}");
    if p < 0.5 { -bisect(|z| normal_cdf(-z) <= p) } else { bisect(|z| normal_cdf(-z) <= 1.0 - p) }
}

/// The smallest x ≥ 0 at which `reached` holds, to the last bit; `reached` must be monotone.
fn bisect(reached: impl Fn(f64) -> bool) -> f64 {
    if reached(0.0) {
        return 0.0;
    }
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    while !reached(high) {
        low = high;
        high *= 2.0;
        assert!(high.is_finite(), "a quantile lies within the range of f64");
    }
    loop {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            return high;
        }
        if reached(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
}

/// Regularised incomplete beta function I_x(a, b); `complement` is 1 − x, given apart because
/// near 1 the subtraction would lose it.
fn incomplete_beta(a: f64, b: f64, x: f64, complement: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if complement <= 0.0 {
        return 1.0;
    }
    let ln_front = libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b)
        + a * math::ln(x)
        + b * math::ln(complement);
    let front = math::exp(ln_front);
    if x < (a + 1.0) / (a + b + 2.0) {
        front * continued_fraction(a, b, x) / a
    } else {
        1.0 - front * continued_fraction(b, a, complement) / b
    }
}

/// The continued fraction of the incomplete beta function, by Lentz' method as modified by
/// Thompson and Barnett (1986).
fn continued_fraction(a: f64, b: f64, x: f64) -> f64 {
    let away_from_zero = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    for term in 1..=MAX_TERMS {
        let m = f64::from(term);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away_from_zero(1.0 + even * d);
        c = away_from_zero(1.0 + even / c);
        value *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away_from_zero(1.0 + odd * d);
        c = away_from_zero(1.0 + odd / c);
        let step = d * c;
        value *= step;
        if (step - 1.0).abs() <= CONVERGED {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use statrs::distribution::{ContinuousCDF, StudentsT};

    fn close(got: f64, want: f64, relative: f64) {
        assert!((got - want).abs() <= relative * want.abs(), "got {got}, want {want}");
    }

    /// Quantiles as printed in tables of Student's t.
    #[test]
    fn t_quantiles_agree_with_the_published_tables() {
        for (confidence, df, want) in [
            (0.95, 1.0, 12.706_204_736),
            (0.95, 2.0, 4.302_652_730),
            (0.95, 4.0, 2.776_445_105),
            (0.95, 5.0, 2.570_581_836),
            (0.95, 9.0, 2.262_157_163),
            (0.95, 29.0, 2.045_229_642),
            (0.90, 10.0, 1.812_461_123),
            (0.99, 9.0, 3.249_835_542),
        ] {
            close(t_quantile_two_sided(confidence, df), want, 1e-9);
        }
    }

    /// For 1 and 2 degrees of freedom the tail has a closed form.
    #[test]
    fn tails_equal_their_closed_forms() {
        for t in [1e-9, 0.01, 0.5, 1.0, 3.0, 50.0] {
            let cauchy = 1.0 - 2.0 / core::f64::consts::PI * libm::atan(t);
            close(t_two_sided(t, 1.0), cauchy, 1e-12);
            close(t_two_sided(t, 2.0), 1.0 - t / math::sqrt(2.0 + t * t), 1e-12);
        }
        // Far out 1 - t/√(2 + t²) → 1/t²: the tail must not be lost in the subtraction from 1.
        close(t_two_sided(1e12, 2.0), 1e-24, 1e-9);
    }

    #[test]
    fn tails_and_quantiles_agree_with_another_implementation() {
        for df in [1.0, 2.0, 3.0, 7.0, 29.0, 199.0, 9_999.0] {
            let other = StudentsT::new(0.0, 1.0, df).expect("df is positive");
            for t in [0.1, 0.7, 1.5, 2.5, 4.0] {
                close(t_two_sided(t, df), 2.0 * other.cdf(-t), 1e-9);
                close(t_two_sided(-t, df), 2.0 * other.cdf(-t), 1e-9);
            }
        }
    }

    #[test]
    fn extremes_are_exact() {
        for df in [1.0, 10.0, 1e6] {
            close(t_two_sided(0.0, df), 1.0, 0.0);
            assert!(t_two_sided(f64::INFINITY, df) <= 0.0);
            assert!(t_two_sided(1e300, df) >= 0.0);
        }
    }

    #[test]
    fn normal_quantiles_agree_with_the_published_tables() {
        close(normal_quantile(0.975), 1.959_963_984_540_054, 1e-13);
        close(normal_quantile(0.025), -1.959_963_984_540_054, 1e-13);
        close(normal_quantile(0.95), 1.644_853_626_951_472_6, 1e-13);
        assert!(normal_quantile(0.5).abs() < 1e-15);
        close(normal_cdf(1.0), 0.841_344_746_068_542_9, 1e-14);
    }
}
