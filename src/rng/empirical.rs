//! Distributions given by points of their quantile function.

use super::DistributionError;
use crate::base::math;

/// A distribution whose quantile function runs in straight lines through given points.
#[derive(Clone, Debug, PartialEq)]
pub struct Empirical {
    /// (probability, value), both ascending, the first at 0 and the last at 1.
    points: Vec<(f64, f64)>,
}

impl Empirical {
    /// The distribution through the points (probability, value).
    ///
    /// # Errors
    /// Unless the probabilities rise strictly from 0 to 1 and the values are finite and never
    /// fall.
    pub fn from_points(points: Vec<(f64, f64)>) -> Result<Self, DistributionError> {
        let ends = points.first().zip(points.last());
        let spans =
            |low: f64, high: f64| low.total_cmp(&0.0).is_eq() && high.total_cmp(&1.0).is_eq();
        if !ends.is_some_and(|(first, last)| spans(first.0, last.0)) {
            return Err(DistributionError::PointsEnds);
        }
        let rising = points.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
        if !rising || points.iter().any(|point| !point.1.is_finite()) {
            return Err(DistributionError::PointsOrder);
        }
        Ok(Empirical { points })
    }

    /// The distribution of observed values, interpolated between order statistics
    /// ([`math::quantile_sorted`]).
    ///
    /// # Errors
    /// If there is no value or one is not finite.
    #[expect(clippy::cast_precision_loss, reason = "counts below 2^53")]
    pub fn from_samples(mut samples: Vec<f64>) -> Result<Self, DistributionError> {
        samples.sort_by(f64::total_cmp);
        if let [only] = samples[..] {
            samples = vec![only, only];
        }
        let last = samples.len().saturating_sub(1) as f64;
        let points = samples.iter().enumerate().map(|(i, &value)| (i as f64 / last, value));
        Empirical::from_points(points.collect())
    }

    /// The value at probability `u`, which is clamped to [0, 1].
    pub(super) fn quantile(&self, u: f64) -> f64 {
        let above =
            self.points.partition_point(|point| point.0 < u).clamp(1, self.points.len() - 1);
        let ((p0, v0), (p1, v1)) = (self.points[above - 1], self.points[above]);
        // The clamp keeps the last bit of the interpolation inside the segment.
        (v0 + (v1 - v0) * ((u - p0) / (p1 - p0))).clamp(v0, v1)
    }

    /// The mean: the area under the quantile function.
    pub(super) fn mean(&self) -> f64 {
        let areas = self
            .points
            .windows(2)
            .map(|pair| (pair[1].0 - pair[0].0) * 0.5 * (pair[0].1 + pair[1].1));
        areas.collect::<math::NeumaierSum>().total()
    }

    /// The smallest value.
    pub(super) fn least(&self) -> f64 {
        self.points[0].1
    }
}
