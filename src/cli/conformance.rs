//! `wavetank conformance`: recordings of the real Kubernetes code replayed and compared.

use std::collections::BTreeMap;

use serde_json::Value;

use super::args::ConformanceArgs;
use super::{Failure, say, say_error};
use crate::conformance::{Agreement, Difference, FieldCount, Group, Report, replay};

/// Characters of a value shown at most.
const VALUE_MAX: usize = 2_000;

/// Replays every recording; exit 3 if anything differs, 2 if something could not be read.
pub(super) fn conformance(args: &ConformanceArgs) -> Result<(), Failure> {
    let report = replay(&args.paths, &args.only);
    for error in &report.unreadable {
        say_error(&error.to_string());
    }
    if let Some(path) = &args.emit {
        let mut text = report.decided.join("\n");
        text.push('\n');
        std::fs::write(path, text)
            .map_err(|error| Failure::Environment(format!("{}: {error}", path.display())))?;
    }
    say(&render(&report, &args.only, args.verbose));
    let (units, agree) = report.totals();
    if !report.unreadable.is_empty() {
        return Err(Failure::Input);
    }
    if units == 0 {
        return Err(Failure::Environment("there is no recording among the files".to_owned()));
    }
    if agree < units { Err(Failure::Expectation(String::new())) } else { Ok(()) }
}

fn render(report: &Report, only: &[String], verbose: bool) -> String {
    let mut text = String::new();
    let mut kinds: Vec<&str> = report.groups.iter().map(|group| group.kind).collect();
    kinds.dedup();
    for kind in kinds {
        let groups: Vec<&Group> = report.groups.iter().filter(|group| group.kind == kind).collect();
        table(kind, &groups, verbose, &mut text);
    }
    if !only.is_empty() {
        text.push_str(&format!("only {}\n", only.join(", ")));
    }
    let (units, agree) = report.totals();
    let share = percent(agree, units);
    text.push_str(&format!("conformance: {units} decisions, {agree} agree ({share} %)\n"));
    text
}

fn table(kind: &str, groups: &[&Group], verbose: bool, text: &mut String) {
    let unit = groups.first().map_or("unit", |group| group.unit);
    let widest = groups.iter().map(|group| group.topic.len()).max().unwrap_or(0).max(8);
    text.push_str(&format!(
        "{kind}\n  {:<widest$} {:>9} {:>9} {:>8}  differs in\n",
        "topic",
        format!("{unit}s"),
        "agree",
        "%"
    ));
    let mut sum = Agreement::default();
    for group in groups {
        let Agreement { units, agree, .. } = group.agreement;
        sum.units += units;
        sum.agree += agree;
        let share = percent(agree, units);
        let differing = differing(&group.agreement);
        let line =
            format!("  {:<widest$} {units:>9} {agree:>9} {share:>8}  {differing}", group.topic);
        text.push_str(line.trim_end());
        text.push('\n');
        if verbose {
            details(&group.agreement, text);
        }
    }
    let share = percent(sum.agree, sum.units);
    text.push_str(&format!("  {:<widest$} {:>9} {:>9} {share:>8}\n", "all", sum.units, sum.agree));
    fields(groups, text);
    text.push('\n');
}

/// The fields that differ, each with the number of units in which it does.
fn differing(agreement: &Agreement) -> String {
    if let Some(why) = agreement.unsupported {
        return why.to_owned();
    }
    let differing = agreement.fields.iter().filter(|(_, count)| count.agree < count.compared);
    let differing: Vec<String> = differing
        .map(|(field, count)| format!("{field} {}", count.compared - count.agree))
        .collect();
    differing.join(", ")
}

/// Field by field over all groups of a kind.
fn fields(groups: &[&Group], text: &mut String) {
    let mut all: BTreeMap<&str, FieldCount> = BTreeMap::new();
    for (field, count) in groups.iter().flat_map(|group| &group.agreement.fields) {
        let sum = all.entry(field).or_default();
        sum.compared += count.compared;
        sum.agree += count.agree;
    }
    let widest = all.keys().map(|field| field.len()).max().unwrap_or(0);
    if !all.is_empty() {
        text.push_str(&format!(
            "  {:<widest$} {:>9} {:>9} {:>8}\n",
            "field", "compared", "agree", "%"
        ));
    }
    for (field, count) in all {
        let FieldCount { compared, agree } = count;
        let share = percent(agree, compared);
        text.push_str(&format!("  {field:<widest$} {compared:>9} {agree:>9} {share:>8}\n"));
    }
}

/// Field by field for one group, and its first difference in full.
fn details(agreement: &Agreement, text: &mut String) {
    for (field, count) in &agreement.fields {
        text.push_str(&format!("      {field}: {} of {}\n", count.agree, count.compared));
    }
    for (at, difference) in agreement.first.iter().enumerate() {
        let Difference { case, unit, field, ours, theirs } = difference;
        if at == 0 {
            text.push_str(&format!("      first difference: {case}, {unit}\n"));
        }
        text.push_str(&format!("        {field}\n"));
        text.push_str(&format!("          wavetank   {}\n", shown(ours)));
        text.push_str(&format!("          Kubernetes {}\n", shown(theirs)));
    }
}

fn shown(value: &Value) -> String {
    let text = if value.is_null() { "absent".to_owned() } else { value.to_string() };
    match text.char_indices().nth(VALUE_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// A share with two decimals, rounded down: 100.00 means all.
fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    let hundredths = u128::from(part) * 10_000 / u128::from(whole);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}
