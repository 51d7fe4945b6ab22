//! Labels as text, and finding a metric by name and labels.

use crate::tables::MetricRow;

/// Labels as tables print them: sorted by key, values escaped as in PromQL.
#[must_use]
pub fn label_text(pairs: &[(&str, &str)]) -> String {
    let mut sorted = pairs.to_vec();
    sorted.sort_unstable();
    let mut text = String::new();
    for (key, value) in sorted {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(key);
        text.push_str("=\"");
        for c in value.chars() {
            match c {
                '\\' => text.push_str("\\\\"),
                '"' => text.push_str("\\\""),
                '\n' => text.push_str("\\n"),
                other => text.push(other),
            }
        }
        text.push('"');
    }
    text
}

/// The pairs of a label text; the reverse of [`label_text`]. Text that is not of that form ends
/// the list early.
#[must_use]
pub fn label_pairs(text: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut rest = text;
    while let Some((key, quoted)) = rest.split_once("=\"") {
        let mut value = String::new();
        let mut chars = quoted.chars();
        loop {
            match chars.next() {
                Some('"') => break,
                Some('\\') => match chars.next() {
                    Some('n') => value.push('\n'),
                    Some(escaped) => value.push(escaped),
                    None => return pairs,
                },
                Some(other) => value.push(other),
                None => return pairs,
            }
        }
        pairs.push((key.to_owned(), value));
        rest = chars.as_str().trim_start_matches(',');
    }
    pairs
}

/// What a look-up found.
#[derive(Clone, Debug, PartialEq)]
pub enum Lookup<'a> {
    /// No row: the metric has no value in this run, or not with these labels.
    None,
    /// The row.
    One(&'a MetricRow),
    /// More rows than one have these labels among theirs; more labels would tell them apart.
    Several(Vec<&'a MetricRow>),
}

/// Finds the row of a metric that has the given labels.
///
/// A row with exactly these labels is meant before any that has more: `container_restarts_total`
/// is the total although rows by cause exist. Without such a row, one that has them among others
/// will do if it is the only one.
#[must_use]
pub fn lookup<'a>(rows: &'a [MetricRow], name: &str, labels: &[(String, String)]) -> Lookup<'a> {
    let mut found = Vec::new();
    for row in rows.iter().filter(|row| row.metric == name) {
        let pairs = label_pairs(&row.labels);
        if labels.iter().all(|wanted| pairs.contains(wanted)) {
            if pairs.len() == labels.len() {
                return Lookup::One(row);
            }
            found.push(row);
        }
    }
    match found.as_slice() {
        [] => Lookup::None,
        [one] => Lookup::One(one),
        _ => Lookup::Several(found),
    }
}
