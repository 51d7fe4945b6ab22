//! Durations that may be random: a plain duration or a named distribution.

use super::super::read::{Fields, Located, Read, word, wrong};
use crate::base::diag::{Diagnostics, codes};
use crate::base::time::SimDuration;
use crate::rng::{Distribution, DistributionError};
use crate::scenario::node::{Node, Value};

/// A distribution of durations, in seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct RandomDuration(pub Distribution);

impl RandomDuration {
    /// Always the same duration.
    #[must_use]
    pub fn constant(duration: SimDuration) -> Self {
        Self(Distribution::Constant(duration.as_secs_f64()))
    }
}

#[derive(Copy, Clone)]
enum Family {
    Constant,
    Uniform,
    Exponential,
    Weibull,
    LogNormal,
    Pareto,
}

const FAMILIES: &[(&str, Family)] = &[
    ("constant", Family::Constant),
    ("uniform", Family::Uniform),
    ("exponential", Family::Exponential),
    ("weibull", Family::Weibull),
    ("lognormal", Family::LogNormal),
    ("pareto", Family::Pareto),
];

impl Read for RandomDuration {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        if !matches!(node.value, Value::Map(_)) {
            return SimDuration::read(node, path, found).map(Self::constant);
        }
        let mut fields = Fields::open(node, path, found)?;
        let Some(name) = fields.raw("distribution") else {
            let message = "the distribution has no name";
            let help = "write for example {distribution: lognormal, median: 8s, p99: 30s}, or a \
                        plain duration";
            fields.found().push(wrong(codes::BAD_DISTRIBUTION, node, path, message).help(help));
            return None;
        };
        let name_path = fields.path_of("distribution");
        let family = word(name, &name_path, ("distribution", FAMILIES), fields.found())?;
        let built = parameters(family, &mut fields);
        fields.finish();
        let distribution = match built? {
            Ok(distribution) => distribution.check().map(|()| distribution),
            Err(error) => Err(error),
        };
        match distribution {
            Ok(distribution) => Some(Self(distribution)),
            Err(error) => {
                let help = help_for(family);
                let message = match error {
                    DistributionError::Bounds { lo, hi } => {
                        format!("`max` ({hi} s) is less than `min` ({lo} s)")
                    }
                    DistributionError::Percentiles { median, p99 } => {
                        format!("`p99` ({p99} s) is less than `median` ({median} s)")
                    }
                    DistributionError::NotPositive { .. }
                    | DistributionError::Negative { .. }
                    | DistributionError::PointsEnds
                    | DistributionError::PointsOrder => error.to_string(),
                };
                found.push(wrong(codes::BAD_DISTRIBUTION, node, path, message).help(help));
                None
            }
        }
    }
}

/// The parameters of a family; `None` when one is missing or cannot be read.
fn parameters(
    family: Family,
    fields: &mut Fields<'_>,
) -> Option<Result<Distribution, DistributionError>> {
    let mut seconds =
        |key| fields.required::<Located<SimDuration>>(key).map(|d| d.value.as_secs_f64());
    Some(match family {
        Family::Constant => Ok(Distribution::Constant(seconds("value")?)),
        Family::Uniform => {
            let (lo, hi) = (seconds("min"), seconds("max"));
            Ok(Distribution::Uniform { lo: lo?, hi: hi? })
        }
        Family::Exponential => Ok(Distribution::Exponential { mean: seconds("mean")? }),
        Family::Weibull => {
            let (scale, shape) = (seconds("scale"), fields.required::<f64>("shape"));
            Ok(Distribution::Weibull { shape: shape?, scale: scale? })
        }
        Family::Pareto => {
            let (scale, shape) = (seconds("scale"), fields.required::<f64>("shape"));
            Ok(Distribution::Pareto { scale: scale?, shape: shape? })
        }
        Family::LogNormal => {
            let median = seconds("median");
            let sigma = fields.optional::<f64>("sigma")?;
            if let Some(sigma) = sigma {
                return Some(Ok(Distribution::LogNormal { median: median?, sigma }));
            }
            let p99 = fields.required::<Located<SimDuration>>("p99");
            Distribution::log_normal_from_p99(median?, p99?.value.as_secs_f64())
        }
    })
}

const fn help_for(family: Family) -> &'static str {
    match family {
        Family::Constant => "write {distribution: constant, value: 5s}",
        Family::Uniform => "write {distribution: uniform, min: 5s, max: 10s}",
        Family::Exponential => "write {distribution: exponential, mean: 6h}",
        Family::Weibull => "write {distribution: weibull, scale: 6h, shape: 1.5}",
        Family::LogNormal => "write {distribution: lognormal, median: 8s, p99: 30s}",
        Family::Pareto => "write {distribution: pareto, scale: 1s, shape: 1.5}",
    }
}
