//! A comparison's rows, checked and grouped by metric.

use super::steps::finite;
use super::{Caption, CompareTables};
use crate::report::ReportError;
use crate::report::format::metric_title;
use crate::tables::{ComparisonRow, ReplicationRow};

/// One metric under every policy.
#[derive(Clone, Debug)]
pub(super) struct Metric<'a> {
    /// One row per policy, in the order of the policies; rows without any value are left out.
    pub(super) rows: Vec<&'a ComparisonRow>,
}

impl<'a> Metric<'a> {
    fn first(&self) -> &'a ComparisonRow {
        self.rows[0]
    }

    /// For people: `time to whole, p95`.
    pub(super) fn title(&self) -> String {
        metric_title(&self.first().metric, &self.first().labels)
    }

    /// `lower is better`, `higher is better` or nothing.
    pub(super) fn direction(&self) -> &'static str {
        match self.first().better.as_str() {
            "lower" => "lower is better",
            "higher" => "higher is better",
            _ => "",
        }
    }

    /// Whether there are policies to compare and no replication differs between them.
    pub(super) fn never_differs(&self) -> bool {
        let first = self.first().mean;
        let noise = 1e-12 * first.abs();
        let nothing = |end: f64| end.abs() <= noise;
        self.rows.len() > 1
            && self.rows.iter().all(|row| nothing(row.mean - first))
            && self.rows.iter().flat_map(|row| [row.diff_lo, row.diff_hi]).flatten().all(nothing)
    }

    /// Unit for people.
    pub(super) fn unit(&self) -> &'a str {
        &self.first().unit
    }

    /// Name and labels as in the table.
    pub(super) fn key(&self) -> (&'a str, &'a str) {
        (&self.first().metric, &self.first().labels)
    }
}

/// What the charts of a comparison need, every number finite.
#[derive(Debug)]
pub(super) struct CompareView<'a> {
    /// All metrics in table order.
    pub(super) metrics: Vec<Metric<'a>>,
    /// Policies in table order.
    pub(super) policies: Vec<&'a str>,
    pub(super) replications: &'a [ReplicationRow],
    pub(super) subtitle: &'a str,
}

impl<'a> CompareView<'a> {
    /// Groups the rows and refuses what is not finite. The interval of a single replication has no
    /// width and may be anything: see [`interval`].
    ///
    /// # Errors
    /// [`ReportError::NotFinite`] naming the row.
    pub(super) fn new(
        tables: &CompareTables<'a>,
        caption: &'a Caption,
    ) -> Result<Self, ReportError> {
        let mut metrics: Vec<Metric<'a>> = Vec::new();
        let mut policies: Vec<&'a str> = Vec::new();
        for row in tables.comparison {
            if !policies.contains(&row.policy.as_str()) {
                policies.push(&row.policy);
            }
            if row.n == 0 {
                continue;
            }
            let name = || format!("{}{{{}}} of {}", row.metric, row.labels, row.policy);
            finite(row.mean, name)?;
            finite(row.diff.unwrap_or(0.0), name)?;
            if row.n > 1 {
                for end in [Some(row.lo), Some(row.hi), row.diff_lo, row.diff_hi] {
                    finite(end.unwrap_or(0.0), name)?;
                }
            }
            let key = (row.metric.as_str(), row.labels.as_str());
            match metrics.iter_mut().find(|metric| metric.key() == key) {
                Some(metric) => metric.rows.push(row),
                None => metrics.push(Metric { rows: vec![row] }),
            }
        }
        for row in tables.replications {
            finite(row.value, || format!("{} of replication {}", row.metric, row.replication))?;
        }
        let (subtitle, replications) = (caption.subtitle.as_str(), tables.replications);
        Ok(CompareView { metrics, policies, replications, subtitle })
    }

    /// The primary metrics; without any, the first three.
    pub(super) fn primary(&self) -> Vec<&Metric<'a>> {
        let primary: Vec<&Metric<'a>> =
            self.metrics.iter().filter(|metric| metric.first().primary).collect();
        if primary.is_empty() { self.metrics.iter().take(3).collect() } else { primary }
    }

    /// The metric of a name with these labels, else without labels, else the first of the name.
    pub(super) fn named(&self, name: &str, labels: &str) -> Option<&Metric<'a>> {
        let of_name = || self.metrics.iter().filter(|metric| metric.key().0 == name);
        of_name()
            .find(|metric| metric.key().1 == labels)
            .or_else(|| of_name().find(|metric| metric.key().1.is_empty()))
            .or_else(|| of_name().next())
    }
}

/// The interval of a mean, if there are replications enough for one.
pub(super) fn interval(row: &ComparisonRow) -> Option<(f64, f64)> {
    (row.n > 1).then_some((row.lo, row.hi))
}

/// The interval of a difference, if there are replications enough for one.
pub(super) fn diff_interval(row: &ComparisonRow) -> Option<(f64, f64)> {
    row.diff_lo.zip(row.diff_hi).filter(|_| row.n > 1)
}
