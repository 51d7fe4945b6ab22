//! A comparison in sentences: which policy wins a metric, by how much, or that none does.
//!
//! Words only: every number and every verdict is read from the rows.

use crate::report::format::{difference, measured, metric_title};
use crate::tables::ComparisonRow;

/// The rows of each metric in table order, primary metrics first; rows without values are kept.
pub fn by_metric(rows: &[ComparisonRow]) -> Vec<Vec<&ComparisonRow>> {
    let mut groups: Vec<Vec<&ComparisonRow>> = Vec::new();
    for row in rows {
        let same = |group: &&mut Vec<&ComparisonRow>| {
            group[0].metric == row.metric && group[0].labels == row.labels
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    groups.sort_by_key(|group| !group[0].primary);
    groups
}

/// One sentence per primary metric; of all metrics, if none is primary.
pub fn sentences(rows: &[ComparisonRow]) -> Vec<String> {
    let groups = by_metric(rows);
    let any_primary = groups.iter().any(|group| group[0].primary);
    groups
        .iter()
        .filter(|group| group[0].primary || !any_primary)
        .map(|group| sentence(group))
        .collect()
}

/// The rows of one metric as one or two sentences.
pub fn sentence(rows: &[&ComparisonRow]) -> String {
    let Some(first) = rows.first() else { return String::new() };
    let title = capitalised(&metric_title(&first.metric, &first.labels));
    let Some(baseline) = rows.iter().find(|row| row.verdict == "baseline") else {
        return format!("{title}: no baseline to compare with.");
    };
    let base = format!("{} ({})", baseline.policy, mean(baseline));
    let others: Vec<&&ComparisonRow> = rows.iter().filter(|r| r.verdict != "baseline").collect();
    if others.is_empty() {
        return format!("{title}: {base}; nothing to compare it with.");
    }
    let of = |verdict: &str| -> Vec<&ComparisonRow> {
        others.iter().filter(|row| row.verdict == verdict).map(|row| **row).collect()
    };
    let mut better = of("better");
    better.sort_by(|a, b| {
        let order = a.mean.total_cmp(&b.mean);
        if first.better == "higher" { order.reverse() } else { order }
    });
    let (worse, different) = (of("worse"), of("different"));
    let mut text = match better.first() {
        Some(best) => format!(
            "{title}: {} wins with {}, {} against {base}{}.",
            best.policy,
            mean(best),
            diff(best),
            p_value(best),
        ),
        None if worse.is_empty() && different.is_empty() => {
            let verdict = if of("no difference").len() == others.len() {
                "no difference"
            } else {
                "no verdict"
            };
            return format!("{title}: {verdict} between {base} and {}.", names(&others));
        }
        None if different.is_empty() => format!("{title}: no policy is better than {base}."),
        None => format!("{title}: {base} differs from {}.", listed(&different)),
    };
    if better.len() > 1 {
        text.push_str(&format!(" Also better: {}.", listed(&better[1..])));
    }
    if !worse.is_empty() {
        text.push_str(&format!(" Worse: {}.", listed(&worse)));
    }
    let same = of("no difference");
    if !same.is_empty() {
        let names: Vec<&str> = same.iter().map(|row| row.policy.as_str()).collect();
        text.push_str(&format!(" No difference: {}.", names.join(", ")));
    }
    text
}

/// The policy whose mean is the best of a metric, if the verdicts bear it out: it is better than
/// the baseline, or it is the baseline and every other policy is worse.
pub fn best<'a>(rows: &[&'a ComparisonRow]) -> Option<&'a str> {
    let direction = rows.first()?.better.as_str();
    let usable = rows.iter().filter(|row| row.n > 0 && row.mean.is_finite());
    let best = match direction {
        "lower" => usable.min_by(|a, b| a.mean.total_cmp(&b.mean))?,
        "higher" => usable.max_by(|a, b| a.mean.total_cmp(&b.mean))?,
        _ => return None,
    };
    let others_worse = || {
        rows.len() > 1 && rows.iter().all(|row| row.policy == best.policy || row.verdict == "worse")
    };
    let sound = best.verdict == "better" || (best.verdict == "baseline" && others_worse());
    sound.then_some(best.policy.as_str())
}

/// The mean with its half-width.
pub fn mean(row: &ComparisonRow) -> String {
    if row.n == 0 || !row.mean.is_finite() {
        return "no value".to_owned();
    }
    let half = (row.n > 1).then_some((row.hi - row.lo) / 2.0).filter(|half| half.is_finite());
    measured(row.mean, half, &row.unit)
}

/// The difference to the baseline with its half-width, empty for the baseline.
pub fn diff(row: &ComparisonRow) -> String {
    let Some(diff) = row.diff else { return String::new() };
    let half = row.diff_lo.zip(row.diff_hi).map(|(lo, hi)| (hi - lo) / 2.0);
    difference(diff, half.filter(|half| row.n > 1 && half.is_finite()), &row.unit)
}

/// A p-value as text: `0.03`, `< 0.001`.
pub fn p_text(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { crate::report::format::number(p) }
}

fn p_value(row: &ComparisonRow) -> String {
    match row.p_adjusted {
        Some(p) if p < 0.001 => ", p < 0.001".to_owned(),
        Some(p) => format!(", p = {}", p_text(p)),
        None => String::new(),
    }
}

fn listed(rows: &[&ComparisonRow]) -> String {
    let items: Vec<String> =
        rows.iter().map(|row| format!("{} ({})", row.policy, diff(row))).collect();
    items.join(", ")
}

fn names(rows: &[&&ComparisonRow]) -> String {
    let names: Vec<&str> = rows.iter().map(|row| row.policy.as_str()).collect();
    names.join(", ")
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures;

    #[test]
    fn the_answer_names_winner_losers_and_ties() {
        let comparison = fixtures::comparison(4, 30);
        insta::assert_snapshot!(sentences(&comparison.rows).join("\n"), @r#"
        Time to whole, p95: fast-failover wins with 1m41s ± 6.7 s, −4m23s ± 3.4 s against default (6m04s ± 7.0 s), p < 0.001. Worse: packed (+27.0 ± 2.8 s). No difference: spread-by-hostname.
        Availability, shop/checkout: fast-failover wins with 99.832 ± 0.019 %, +0.5127 ± 0.0097 pp against default (99.319 ± 0.019 %), p < 0.001. Worse: packed (−0.0152 ± 0.0080 pp). No difference: spread-by-hostname.
        "#);
    }

    #[test]
    fn a_best_policy_needs_a_verdict() {
        let mut rows = fixtures::comparison(2, 10).rows;
        rows.truncate(2);
        let refs: Vec<&ComparisonRow> = rows.iter().collect();
        assert_eq!(best(&refs), Some("fast-failover"));
        rows[1].verdict = "no difference".into();
        let refs: Vec<&ComparisonRow> = rows.iter().collect();
        assert_eq!(best(&refs), None);
        assert!(sentence(&refs).contains("no difference between default"));
    }
}
