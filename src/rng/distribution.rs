//! Distributions of durations, sampled by inversion: one uniform number, one value.

use super::{Empirical, Stream, normal_quantile};
use crate::base::math;
use crate::base::time::SimDuration;

/// A distribution of non-negative values; as a duration, in seconds.
///
/// Inversion makes a value rise with its uniform number, so the same draw means the same luck
/// under other parameters.
#[derive(Clone, Debug, PartialEq)]
pub enum Distribution {
    /// Always the same value.
    Constant(f64),
    /// Every value between the bounds is equally likely.
    Uniform {
        /// Lower bound.
        lo: f64,
        /// Upper bound.
        hi: f64,
    },
    /// Without memory: F(x) = 1 − exp(−x/mean).
    Exponential {
        /// Mean.
        mean: f64,
    },
    /// Ageing (shape above 1) or infant mortality (below 1): F(x) = 1 − exp(−(x/scale)^shape).
    Weibull {
        /// Shape, without unit.
        shape: f64,
        /// Scale: the value that 63 % stay below.
        scale: f64,
    },
    /// The logarithm is normally distributed.
    LogNormal {
        /// Median.
        median: f64,
        /// Standard deviation of the natural logarithm, without unit.
        sigma: f64,
    },
    /// Heavy tail: F(x) = 1 − (scale/x)^shape for x above scale.
    Pareto {
        /// The smallest value.
        scale: f64,
        /// Tail index, without unit; the mean is infinite for 1 or less.
        shape: f64,
    },
    /// Given by points or observed values.
    Empirical(Empirical),
}

/// Why parameters make no distribution.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DistributionError {
    /// A parameter must be greater than zero and finite.
    #[error("`{name}` must be greater than zero, not {value}")]
    NotPositive {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: f64,
    },
    /// A parameter must be zero or more and finite.
    #[error("`{name}` must be zero or more, not {value}")]
    Negative {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: f64,
    },
    /// The bounds of a uniform distribution are the wrong way round.
    #[error("`hi` ({hi}) must not be less than `lo` ({lo})")]
    Bounds {
        /// Lower bound.
        lo: f64,
        /// Upper bound.
        hi: f64,
    },
    /// A 99th percentile lies below its median.
    #[error("the 99th percentile ({p99}) must not be less than the median ({median})")]
    Percentiles {
        /// The median.
        median: f64,
        /// The 99th percentile.
        p99: f64,
    },
    /// The first point is not at probability 0 or the last not at 1.
    #[error("the first point must have probability 0 and the last 1")]
    PointsEnds,
    /// Points are not in order.
    #[error(
        "probabilities must rise from point to point, and values must be finite and never fall"
    )]
    PointsOrder,
}

impl Distribution {
    /// The log-normal distribution with the given median and 99th percentile.
    ///
    /// # Errors
    /// Unless 0 < `median` ≤ `p99` < ∞.
    pub fn log_normal_from_p99(median: f64, p99: f64) -> Result<Self, DistributionError> {
        positive("median", median)?;
        positive("p99", p99)?;
        if p99 < median {
            return Err(DistributionError::Percentiles { median, p99 });
        }
        let sigma = (math::ln(p99) - math::ln(median)) / normal_quantile(0.99);
        Ok(Distribution::LogNormal { median, sigma })
    }

    /// Checks the parameters.
    ///
    /// # Errors
    /// If one is out of its range: the other methods are for checked distributions only.
    pub fn check(&self) -> Result<(), DistributionError> {
        match *self {
            Distribution::Constant(value) => not_negative("value", value),
            Distribution::Uniform { lo, hi } => {
                not_negative("lo", lo)?;
                not_negative("hi", hi)?;
                if hi < lo { Err(DistributionError::Bounds { lo, hi }) } else { Ok(()) }
            }
            Distribution::Exponential { mean } => positive("mean", mean),
            Distribution::Weibull { shape, scale } | Distribution::Pareto { scale, shape } => {
                positive("shape", shape)?;
                positive("scale", scale)
            }
            Distribution::LogNormal { median, sigma } => {
                positive("median", median)?;
                not_negative("sigma", sigma)
            }
            Distribution::Empirical(ref points) => not_negative("value", points.least()),
        }
    }

    /// The value that is not exceeded with probability `u`, for 0 < `u` < 1.
    #[must_use]
    pub fn quantile(&self, u: f64) -> f64 {
        match *self {
            Distribution::Constant(value) => value,
            Distribution::Uniform { lo, hi } => (lo + (hi - lo) * u).min(hi),
            Distribution::Exponential { mean } => mean * unit_exponential(u),
            Distribution::Weibull { shape, scale } => {
                scale * math::powf(unit_exponential(u), 1.0 / shape)
            }
            Distribution::LogNormal { median, sigma } => {
                median * math::exp(sigma * normal_quantile(u))
            }
            Distribution::Pareto { scale, shape } => scale * math::exp(unit_exponential(u) / shape),
            Distribution::Empirical(ref points) => points.quantile(u),
        }
    }

    /// The mean; infinite for a Pareto distribution with shape 1 or less.
    #[must_use]
    pub fn mean(&self) -> f64 {
        match *self {
            Distribution::Constant(value) => value,
            Distribution::Uniform { lo, hi } => 0.5 * (lo + hi),
            Distribution::Exponential { mean } => mean,
            Distribution::Weibull { shape, scale } => scale * math::gamma(1.0 + 1.0 / shape),
            Distribution::LogNormal { median, sigma } => median * math::exp(0.5 * sigma * sigma),
            Distribution::Pareto { shape, .. } if shape <= 1.0 => f64::INFINITY,
            Distribution::Pareto { scale, shape } => scale * shape / (shape - 1.0),
            Distribution::Empirical(ref points) => points.mean(),
        }
    }

    /// Draws a duration: one uniform number, rounded to the nanosecond once.
    ///
    /// What is longer than simulated time lasts becomes [`SimDuration::MAX`].
    pub fn sample_duration(&self, stream: &mut Stream) -> SimDuration {
        SimDuration::from_secs_f64(self.quantile(stream.uniform())).unwrap_or(SimDuration::MAX)
    }
}

/// The `u`-quantile of the exponential distribution with mean 1.
fn unit_exponential(u: f64) -> f64 {
    -math::ln_1p(-u)
}

fn positive(name: &'static str, value: f64) -> Result<(), DistributionError> {
    let valid = value > 0.0 && value.is_finite();
    if valid { Ok(()) } else { Err(DistributionError::NotPositive { name, value }) }
}

fn not_negative(name: &'static str, value: f64) -> Result<(), DistributionError> {
    let valid = value >= 0.0 && value.is_finite();
    if valid { Ok(()) } else { Err(DistributionError::Negative { name, value }) }
}

#[cfg(test)]
mod tests;
