//! A comparison in sentences: which policy wins a metric, by how much, or that none does.
//!
//! Words only: every number and every verdict is read from the rows.

use std::collections::BTreeMap;

use crate::report::format::{difference, measured, metric_title, value, values};
use crate::tables::ComparisonRow;

/// The rows of each metric in table order, primary metrics first; rows without values are kept.
pub fn by_metric(rows: &[ComparisonRow]) -> Vec<Vec<&ComparisonRow>> {
    let mut groups: Vec<Vec<&ComparisonRow>> = Vec::new();
    let mut places: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for row in rows {
        let place = places.entry((&row.metric, &row.labels)).or_insert(groups.len());
        match groups.get_mut(*place) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    groups.sort_by_key(|group| !group[0].primary);
    groups
}

/// Policies listed by name in one breath; the others are counted.
const MAX_LISTED: usize = 4;

/// The primary metrics, or all if none is primary.
fn leading(rows: &[ComparisonRow]) -> Vec<Vec<&ComparisonRow>> {
    let groups = by_metric(rows);
    let any_primary = groups.iter().any(|group| group[0].primary);
    groups.into_iter().filter(|group| group[0].primary || !any_primary).collect()
}

/// One paragraph per primary metric in which policies differ, and one that names the others.
pub fn sentences(rows: &[ComparisonRow]) -> Vec<String> {
    let (even, told): (Vec<_>, Vec<_>) = leading(rows).into_iter().partition(|g| is_even(g));
    let mut sentences: Vec<String> = told.iter().map(|group| sentence(group)).collect();
    sentences.extend(even_line(&even, "No difference between the policies"));
    sentences
}

/// One line per primary metric that has a better or worse policy: who leads, with what, against
/// what.
pub fn headlines(rows: &[ComparisonRow]) -> Vec<String> {
    leading(rows).iter().filter_map(|group| headline(group)).collect()
}

fn headline(group: &[&ComparisonRow]) -> Option<String> {
    let title = capitalised(&metric_title(&group[0].metric, &group[0].labels));
    let baseline = group.iter().find(|row| row.verdict == "baseline")?;
    let leader = group.iter().find(|row| Some(row.policy.as_str()) == best(group));
    let worse = group.iter().any(|row| row.verdict == "worse");
    let leader = leader.or_else(|| worse.then_some(baseline))?;
    let means = values(&[leader.mean, baseline.mean], &group[0].unit);
    if leader.policy == baseline.policy {
        return Some(format!("{title}: no policy beats {} ({}).", baseline.policy, means[1]));
    }
    Some(format!(
        "{title}: {} with {}, {} with {}.",
        means[0], leader.policy, means[1], baseline.policy
    ))
}

/// Whether a metric says the same under every policy: no difference is shown, and none is seen in
/// the figures as printed.
pub fn is_even(group: &[&ComparisonRow]) -> bool {
    let means: Vec<f64> = group.iter().map(|row| row.mean).collect();
    let texts = values(&means, &group[0].unit);
    group.len() > 1
        && group.iter().all(|row| matches!(row.verdict.as_str(), "baseline" | "no difference"))
        && texts.iter().all(|text| *text == texts[0])
}

/// Metrics that say the same under every policy, in one line, with what they say.
pub fn even_line(groups: &[Vec<&ComparisonRow>], opening: &str) -> Option<String> {
    let name = |group: &Vec<&ComparisonRow>| {
        let row = group[0];
        format!("{} ({})", metric_title(&row.metric, &row.labels), value(row.mean, &row.unit))
    };
    let names: Vec<String> = groups.iter().map(name).collect();
    (!names.is_empty()).then(|| format!("{opening}: {}.", names.join("; ")))
}

/// The rows of one metric as one or two sentences.
pub fn sentence(rows: &[&ComparisonRow]) -> String {
    let Some(first) = rows.first() else { return String::new() };
    let title = capitalised(&metric_title(&first.metric, &first.labels));
    let Some(baseline) = rows.iter().find(|row| row.verdict == "baseline") else {
        return format!("{title}: no baseline to compare with.");
    };
    let base = format!("{} ({})", baseline.policy, mean(baseline));
    let others: Vec<&ComparisonRow> =
        rows.iter().filter(|r| r.verdict != "baseline").copied().collect();
    if others.is_empty() {
        return format!("{title}: {} under {}.", mean(baseline), baseline.policy);
    }
    let of = |verdict: &str| -> Vec<&ComparisonRow> {
        others.iter().filter(|row| row.verdict == verdict).copied().collect()
    };
    let mut better = of("better");
    better.sort_by(|a, b| {
        let order = a.mean.total_cmp(&b.mean);
        if first.better == "higher" { order.reverse() } else { order }
    });
    let (worse, different) = (of("worse"), of("different"));
    let means = values(&[better.first().map_or(0.0, |r| r.mean), baseline.mean], &first.unit);
    let mut text = match better.first() {
        Some(best) => format!(
            "{title}: {} with {}, {} with {} ({}{}).",
            means[0],
            best.policy,
            means[1],
            baseline.policy,
            diff(best),
            p_value(best),
        ),
        None if worse.is_empty() && different.is_empty() => {
            let verdict = if of("no difference").len() == others.len() {
                "no difference is shown"
            } else {
                "no verdict"
            };
            return format!("{title}: {verdict} between {base} and {}.", means_of(&others));
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
        let names = same.iter().map(|row| row.policy.clone()).collect();
        text.push_str(&format!(" No difference shown: {}.", few(names)));
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
    few(rows.iter().map(|row| format!("{} ({})", row.policy, diff(row))).collect())
}

fn means_of(rows: &[&ComparisonRow]) -> String {
    few(rows.iter().map(|row| format!("{} ({})", row.policy, mean(row))).collect())
}

/// The first of many, and how many more there are.
fn few(mut items: Vec<String>) -> String {
    let more = items.len().saturating_sub(MAX_LISTED);
    if more > 1 {
        items.truncate(MAX_LISTED);
        items.push(format!("and {more} more"));
    }
    items.join(", ")
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
        Time to whole, p95: 1m41s with fast-failover, 6m04s with default (−4m23s ± 3.4 s, p < 0.001). Worse: packed (+27.0 ± 2.8 s). No difference shown: spread-by-hostname.
        Availability, shop/checkout: 99.83 % with fast-failover, 99.32 % with default (+0.513 ± 0.010 pp, p < 0.001). Worse: packed (−0.015 ± 0.008 pp). No difference shown: spread-by-hostname.
        "#);
    }

    #[test]
    fn many_policies_are_counted() {
        let names = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>();
        assert_eq!(few(names(5)), "0, 1, 2, 3, 4");
        assert_eq!(few(names(9)), "0, 1, 2, 3, and 5 more");
    }

    #[test]
    fn a_best_policy_needs_a_verdict() {
        let mut rows = fixtures::comparison(2, 10).rows;
        rows.truncate(2);
        let refs: Vec<&ComparisonRow> = rows.iter().collect();
        assert_eq!(best(&refs), Some("fast-failover"));
        assert!(!is_even(&refs));
        rows[1].verdict = "no difference".into();
        let refs: Vec<&ComparisonRow> = rows.iter().collect();
        assert_eq!(best(&refs), None);
        assert!(sentence(&refs).contains("no difference is shown between default"));
        // Figures that differ to the eye are shown, whatever the verdict.
        assert!(!is_even(&refs));
        rows[1].mean = rows[0].mean;
        let refs: Vec<&ComparisonRow> = rows.iter().collect();
        assert!(is_even(&refs));
        assert_eq!(
            even_line(&[refs], "No difference").unwrap(),
            "No difference: time to whole, p95 (5m59s)."
        );
    }
}
