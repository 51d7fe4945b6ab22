//! From replications to verdicts: `replications.csv` in, `comparison.csv` out.
//!
//! Every metric of every policy gets its mean with a 95 % t interval, and every policy but the
//! baseline the mean paired difference to the baseline with its own interval. A pair is one
//! replication number in which both policies have the metric; a replication in which one of them
//! has no value (nothing to recover from, say) drops out of the pairs, and [`unpaired`] tells
//! where that happened, because a value missing for a reason can bias what is left.
//!
//! P-values are two-sided paired t-tests. Those of primary metrics are adjusted together by
//! Holm's method, over primary metrics × policies other than the baseline. A metric that is not
//! primary is exploration: its p-value stands as it is, a family of one.
//!
//! Knows the shapes of the tables and nothing of where the numbers come from.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::stats::{PairedT, Summary, difference, holm, paired_t};
use crate::tables::{ComparisonRow, ReplicationRow};

#[cfg(test)]
mod tests;

/// Coverage of every interval in a comparison.
pub const CONFIDENCE: f64 = 0.95;

/// A verdict needs an adjusted p-value below this.
pub const SIGNIFICANCE: f64 = 0.05;

/// Beyond this a value's square, and with it the variance, may overflow.
const LARGEST: f64 = 1e150;

/// Which direction of a metric is good.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Better {
    /// Less is better: times, costs, losses.
    Lower,
    /// More is better: availability.
    Higher,
    /// Neither: a difference is only a difference.
    Neither,
}

impl Better {
    /// As `comparison.csv` says it: `lower`, `higher` or empty.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Better::Lower => "lower",
            Better::Higher => "higher",
            Better::Neither => "",
        }
    }
}

/// A metric to compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricSpec {
    /// Metric name, as in [`ReplicationRow::metric`].
    pub name: String,
    /// Labels, as in [`ReplicationRow::labels`].
    pub labels: String,
    /// Unit for people: `s`, `ratio`, `count`, ….
    pub unit: &'static str,
    /// Which direction is good.
    pub better: Better,
    /// Whether it is one of the metrics the comparison is made for.
    pub primary: bool,
}

/// What a comparison concludes about one policy and metric.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// This is the policy that the others are compared with.
    Baseline,
    /// Differs for the better.
    Better,
    /// Differs for the worse.
    Worse,
    /// Differs, where neither direction is better.
    Different,
    /// The replications do not show a difference.
    NoDifference,
    /// Fewer than two pairs: nothing can be said.
    NotComparable,
}

impl Verdict {
    /// As `comparison.csv` says it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Verdict::Baseline => "baseline",
            Verdict::Better => "better",
            Verdict::Worse => "worse",
            Verdict::Different => "different",
            Verdict::NoDifference => "no difference",
            Verdict::NotComparable => "not comparable",
        }
    }

    /// The verdict on a mean difference with a test behind it.
    fn of(test: &PairedT, p_adjusted: f64, better: Better) -> Verdict {
        if p_adjusted >= SIGNIFICANCE || test.interval.contains(0.0) {
            return Verdict::NoDifference;
        }
        match (better, test.summary.mean < 0.0) {
            (Better::Neither, _) => Verdict::Different,
            (Better::Lower, true) | (Better::Higher, false) => Verdict::Better,
            (Better::Lower, false) | (Better::Higher, true) => Verdict::Worse,
        }
    }
}

/// Why rows cannot be compared. Each is a fault of the rows or of the question, not of chance.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum CompareError {
    /// A value is NaN, infinite, or so large that its square is not finite.
    #[error(
        "metric {metric}{{{labels}}} of policy \"{policy}\", replication {replication}, is {value}"
    )]
    NotFinite {
        /// Metric name.
        metric: String,
        /// Its labels.
        labels: String,
        /// Policy name.
        policy: String,
        /// Replication number.
        replication: u32,
        /// The value.
        value: f64,
    },
    /// One metric of one replication has two values.
    #[error(
        "metric {metric}{{{labels}}} of policy \"{policy}\", replication {replication}, \
         has more than one value"
    )]
    Duplicate {
        /// Metric name.
        metric: String,
        /// Its labels.
        labels: String,
        /// Policy name.
        policy: String,
        /// Replication number.
        replication: u32,
    },
    /// The baseline is not among the policies.
    #[error("the baseline \"{baseline}\" is not among the policies compared")]
    UnknownBaseline {
        /// The name given.
        baseline: String,
    },
    /// A policy is listed twice.
    #[error("the policy \"{policy}\" is listed twice")]
    RepeatedPolicy {
        /// Its name.
        policy: String,
    },
    /// A metric is listed twice.
    #[error("the metric {metric}{{{labels}}} is listed twice")]
    RepeatedMetric {
        /// Metric name.
        metric: String,
        /// Its labels.
        labels: String,
    },
}

/// A policy and metric whose pairs leave out replications that one side has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpaired {
    /// Metric name.
    pub metric: String,
    /// Its labels.
    pub labels: String,
    /// The policy beside the baseline.
    pub policy: String,
    /// Replications in which that policy has the metric.
    pub policy_n: u32,
    /// Replications in which the baseline has it.
    pub baseline_n: u32,
    /// Replications in which both have it.
    pub pairs: u32,
}

/// Compares `policies` with `baseline`, one of them, on `metrics`.
///
/// The result holds metrics in the given order and within each the policies in theirs. A policy
/// in which no replication has the metric has no row for it: there is no mean to print. With one
/// replication `lo` and `hi` equal the mean, the difference has no interval and the verdict is
/// `not comparable`. Rows of other metrics and policies are passed over.
///
/// # Errors
///
/// [`CompareError`]: a value that is not a finite number (in any row), two values for one replication, a
/// baseline that is not among the policies, a policy or metric listed twice.
pub fn compare(
    rows: &[ReplicationRow],
    policies: &[String],
    baseline: &str,
    metrics: &[MetricSpec],
) -> Result<Vec<ComparisonRow>, CompareError> {
    check_question(policies, baseline, metrics)?;
    let samples = Samples::index(rows)?;
    let mut cells = Vec::new();
    for metric in metrics {
        let reference = samples.of(metric, baseline);
        for policy in policies {
            let values = samples.of(metric, policy);
            if let Some(summary) = Summary::of(&values.map_or_else(Vec::new, values_of)) {
                let contrast = (policy != baseline).then(|| Contrast::of(values, reference));
                cells.push(Cell { metric, policy, summary, contrast });
            }
        }
    }
    let adjusted = adjusted_p_values(&cells);
    Ok(cells.into_iter().zip(adjusted).map(|(cell, p)| cell.into_row(p)).collect())
}

/// Where the pairs of [`compare`] leave out replications: every policy and metric in which one
/// side has a value that the other lacks, in the order of `metrics`, then of `policies`.
///
/// # Errors
///
/// As [`compare`].
pub fn unpaired(
    rows: &[ReplicationRow],
    policies: &[String],
    baseline: &str,
    metrics: &[MetricSpec],
) -> Result<Vec<Unpaired>, CompareError> {
    check_question(policies, baseline, metrics)?;
    let samples = Samples::index(rows)?;
    let mut found = Vec::new();
    for metric in metrics {
        let reference = samples.of(metric, baseline);
        for policy in policies.iter().filter(|p| *p != baseline) {
            let values = samples.of(metric, policy);
            let pairs = count(paired_differences(values, reference).len());
            let policy_n = values.map_or(0, |v| count(v.len()));
            let baseline_n = reference.map_or(0, |v| count(v.len()));
            if pairs < policy_n.max(baseline_n) {
                found.push(Unpaired {
                    metric: metric.name.clone(),
                    labels: metric.labels.clone(),
                    policy: policy.clone(),
                    policy_n,
                    baseline_n,
                    pairs,
                });
            }
        }
    }
    Ok(found)
}

fn check_question(
    policies: &[String],
    baseline: &str,
    metrics: &[MetricSpec],
) -> Result<(), CompareError> {
    let mut seen = BTreeSet::new();
    if let Some(policy) = policies.iter().find(|p| !seen.insert(p.as_str())) {
        return Err(CompareError::RepeatedPolicy { policy: policy.clone() });
    }
    if !seen.contains(baseline) {
        return Err(CompareError::UnknownBaseline { baseline: baseline.to_owned() });
    }
    let mut seen = BTreeSet::new();
    match metrics.iter().find(|m| !seen.insert((&m.name, &m.labels))) {
        Some(m) => {
            Err(CompareError::RepeatedMetric { metric: m.name.clone(), labels: m.labels.clone() })
        }
        None => Ok(()),
    }
}

/// One policy's values of one metric by replication number.
type Sample = BTreeMap<u32, f64>;

/// All samples by (metric, labels, policy).
struct Samples<'a>(BTreeMap<(&'a str, &'a str, &'a str), Sample>);

impl<'a> Samples<'a> {
    fn index(rows: &'a [ReplicationRow]) -> Result<Self, CompareError> {
        let mut samples: BTreeMap<_, Sample> = BTreeMap::new();
        for row in rows {
            let (metric, labels, policy) = (&row.metric, &row.labels, &row.policy);
            if row.value.is_nan() || row.value.abs() > LARGEST {
                return Err(CompareError::NotFinite {
                    metric: metric.clone(),
                    labels: labels.clone(),
                    policy: policy.clone(),
                    replication: row.replication,
                    value: row.value,
                });
            }
            let sample = samples.entry((metric.as_str(), labels.as_str(), policy.as_str()));
            if sample.or_default().insert(row.replication, row.value).is_some() {
                return Err(CompareError::Duplicate {
                    metric: metric.clone(),
                    labels: labels.clone(),
                    policy: policy.clone(),
                    replication: row.replication,
                });
            }
        }
        Ok(Samples(samples))
    }

    fn of<'s>(&'s self, metric: &'s MetricSpec, policy: &'s str) -> Option<&'s Sample> {
        self.0.get(&(metric.name.as_str(), metric.labels.as_str(), policy))
    }
}

fn values_of(sample: &Sample) -> Vec<f64> {
    sample.values().copied().collect()
}

/// Policy minus baseline for every replication that both have, by ascending number.
fn paired_differences(values: Option<&Sample>, reference: Option<&Sample>) -> Vec<f64> {
    let (Some(values), Some(reference)) = (values, reference) else { return Vec::new() };
    let pairs = values.iter().filter_map(|(r, value)| Some((*value, *reference.get(r)?)));
    pairs.map(|(value, base)| difference(value, base)).collect()
}

/// What is known about a policy's difference to the baseline.
struct Contrast {
    /// Mean difference, once there is a pair.
    mean: Option<f64>,
    /// The test, once there are two.
    test: Option<PairedT>,
}

impl Contrast {
    fn of(values: Option<&Sample>, reference: Option<&Sample>) -> Contrast {
        let differences = paired_differences(values, reference);
        Contrast {
            mean: Summary::of(&differences).map(|s| s.mean),
            test: paired_t(&differences, CONFIDENCE),
        }
    }
}

/// One row in the making; `contrast` is missing for the baseline.
struct Cell<'a> {
    metric: &'a MetricSpec,
    policy: &'a str,
    summary: Summary,
    contrast: Option<Contrast>,
}

impl Cell<'_> {
    fn p_value(&self) -> Option<f64> {
        Some(self.contrast.as_ref()?.test?.p)
    }

    fn into_row(self, p_adjusted: Option<f64>) -> ComparisonRow {
        let Summary { n, mean, sd } = self.summary;
        let (lo, hi) = match self.summary.t_interval(CONFIDENCE) {
            Some(interval) => (interval.lo, interval.hi),
            None => (mean, mean),
        };
        let test = self.contrast.as_ref().and_then(|c| c.test);
        let verdict = match (&self.contrast, test, p_adjusted) {
            (None, _, _) => Verdict::Baseline,
            (Some(_), Some(test), Some(p)) => Verdict::of(&test, p, self.metric.better),
            (Some(_), _, _) => Verdict::NotComparable,
        };
        ComparisonRow {
            metric: self.metric.name.clone(),
            labels: self.metric.labels.clone(),
            unit: self.metric.unit.to_owned(),
            better: self.metric.better.as_str().to_owned(),
            primary: self.metric.primary,
            policy: self.policy.to_owned(),
            n: count(n),
            mean,
            sd,
            lo,
            hi,
            diff: self.contrast.and_then(|c| c.mean),
            diff_lo: test.map(|t| t.interval.lo),
            diff_hi: test.map(|t| t.interval.hi),
            p_adjusted,
            verdict: verdict.as_str().to_owned(),
        }
    }
}

/// Every cell's p-value, those of primary metrics adjusted together.
fn adjusted_p_values(cells: &[Cell<'_>]) -> Vec<Option<f64>> {
    let mut adjusted: Vec<Option<f64>> = cells.iter().map(Cell::p_value).collect();
    let family: Vec<(usize, f64)> = adjusted
        .iter()
        .enumerate()
        .filter(|(i, _)| cells[*i].metric.primary)
        .filter_map(|(i, p)| Some((i, (*p)?)))
        .collect();
    let p_values: Vec<f64> = family.iter().map(|(_, p)| *p).collect();
    for ((i, _), p) in family.iter().zip(holm(&p_values)) {
        adjusted[*i] = Some(p);
    }
    adjusted
}

/// A number of replications; replication numbers are `u32`, so no sample is larger.
fn count(n: usize) -> u32 {
    u32::try_from(n).expect("a sample has at most one value per u32 replication number")
}
