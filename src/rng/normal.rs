//! Quantiles of the standard normal distribution.

use crate::base::math;

/// √(2π).
const SQRT_TAU: f64 = 2.506_628_274_631_000_5;

/// The `p`-quantile of the standard normal distribution, to about 14 digits.
///
/// ±∞ for `p` = 0 and 1, NaN outside. Starts from the rational approximation 26.2.23 of
/// Abramowitz & Stegun, "Handbook of Mathematical Functions" (absolute error below 4.5·10^-4) and
/// takes two steps of Halley's method.
#[must_use]
pub fn normal_quantile(p: f64) -> f64 {
    if !(p > 0.0 && p < 1.0) {
        return match p {
            0.0 => f64::NEG_INFINITY,
            1.0 => f64::INFINITY,
            _ => f64::NAN,
        };
    }
    if p <= 0.5 { lower_half(p) } else { -lower_half(1.0 - p) }
}

/// The quantile for 0 < `p` ≤ 0.5, where it is not positive.
fn lower_half(p: f64) -> f64 {
    let t = math::sqrt(-2.0 * math::ln(p));
    let numerator = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let denominator = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    let start = numerator / denominator - t;
    halley_step(halley_step(start, p), p).min(0.0)
}

/// One step of Halley's method on Φ(x) − p = 0, using Φ″ = −x·Φ′.
fn halley_step(x: f64, p: f64) -> f64 {
    let phi = 0.5 * math::erfc(-x * std::f64::consts::FRAC_1_SQRT_2);
    let newton = (phi - p) * SQRT_TAU * math::exp(0.5 * x * x);
    x - newton / (1.0 + 0.5 * x * newton)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn agrees_with_published_quantiles() {
        let table = [
            (0.5, 0.0),
            (0.975, 1.959_963_984_540_054),
            (0.99, 2.326_347_874_040_841),
            (0.999, 3.090_232_306_167_813),
            (1e-10, -6.361_340_902_404_056),
            (0.25, -0.674_489_750_196_081_7),
        ];
        for (p, expected) in table {
            assert!((normal_quantile(p) - expected).abs() < 1e-12, "{p}");
        }
        assert!(normal_quantile(0.0) < f64::MIN && normal_quantile(1.0) > f64::MAX);
        assert!(normal_quantile(-0.1).is_nan() && normal_quantile(f64::NAN).is_nan());
    }

    #[test]
    fn agrees_with_an_independent_implementation() {
        use statrs::distribution::{ContinuousCDF, Normal};
        let normal = Normal::new(0.0, 1.0).unwrap();
        for k in 1..2_000 {
            let p = f64::from(k) / 2_000.0;
            assert!((normal_quantile(p) - normal.inverse_cdf(p)).abs() < 1e-9, "{p}");
        }
    }

    proptest! {
        #[test]
        fn inverts_the_distribution_function(exponent in -300.0..-0.302f64) {
            let p = libm::exp10(exponent);
            let back = 0.5 * math::erfc(-normal_quantile(p) * std::f64::consts::FRAC_1_SQRT_2);
            prop_assert!((back / p - 1.0).abs() < 1e-11, "{p}: {back}");
        }
    }
}
