//! Expectations held against results.

use crate::experiment::Replications;
use crate::metrics::{Lookup, lookup};
use crate::report::format::exact;
use crate::scenario::spec::{Expectation, Over};
use crate::tables::MetricRow;

/// Says which expectations do not hold, a line each; empty if all do.
pub(super) fn broken(expect: &[Expectation], results: &Replications) -> Vec<String> {
    let mut lines = Vec::new();
    for expectation in expect {
        let (policy, labels) = split(expectation);
        for (name, outcomes) in results.policies.iter().zip(&results.outcomes) {
            if policy.is_some_and(|wanted| wanted != name) {
                continue;
            }
            let values: Vec<Result<f64, String>> =
                outcomes.iter().map(|o| value(&o.rows, expectation, &labels)).collect();
            lines.extend(check(expectation, name, &values));
        }
    }
    lines
}

/// The policy that an expectation is about, if it names one, and its other labels.
fn split(expectation: &Expectation) -> (Option<&str>, Vec<(String, String)>) {
    let policy = expectation.labels.iter().find(|(label, _)| label == "policy");
    let others = expectation.labels.iter().filter(|(label, _)| label != "policy");
    (policy.map(|(_, value)| value.as_str()), others.cloned().collect())
}

fn value(
    rows: &[MetricRow],
    expectation: &Expectation,
    labels: &[(String, String)],
) -> Result<f64, String> {
    match lookup(rows, &expectation.metric, labels) {
        Lookup::One(row) => Ok(row.value),
        Lookup::None => Err("has no value with these labels".to_owned()),
        Lookup::Several(rows) => {
            Err(format!("is ambiguous: {} rows have these labels", rows.len()))
        }
    }
}

fn check(
    expectation: &Expectation,
    policy: &str,
    values: &[Result<f64, String>],
) -> Option<String> {
    let text = &expectation.text;
    if let Some(problem) = values.iter().find_map(|value| value.as_ref().err()) {
        return Some(format!("expect {text}: under policy {policy} the metric {problem}"));
    }
    let values: Vec<f64> = values.iter().flatten().copied().collect();
    let holds = |value: f64| expectation.comparison.holds(value, expectation.bound);
    match expectation.over {
        Over::Every => {
            let bad: Vec<usize> = (0..values.len()).filter(|&i| !holds(values[i])).collect();
            let first = *bad.first()?;
            Some(format!(
                "expect {text}: does not hold under policy {policy} in {} of {} replications; \
                 replication {first} has {}",
                bad.len(),
                values.len(),
                exact(values[first])
            ))
        }
        Over::Mean => {
            let mean = crate::experiment::stats::Summary::of(&values)?.mean;
            (!holds(mean)).then(|| {
                let mean = exact(mean);
                format!("expect {text}: does not hold under policy {policy}: the mean is {mean}")
            })
        }
    }
}
