//! One self-contained page per result: inline charts, inline style, nothing fetched.
//!
//! Every text from outside is escaped; only our own SVGs are inserted as they are.

use minijinja::{Environment, UndefinedBehavior, Value, context};

use super::ReportError;
use super::answer::{best, by_metric, diff, mean, p_text, sentences};
use super::charts::Chart;
use super::format::{duration, metric_title, span, unit_of, value};
use crate::tables::{ComparisonRow, EventRow, FaultRow, MetricRow, RecoveryRow};

/// Events shown on the page; all of them are in `events.csv`.
const MAX_EVENTS: usize = 200;
/// Recovery rows shown per fault, and faults shown.
const MAX_RECOVERIES: usize = 40;
const MAX_FAULTS: usize = 25;
/// Rows of secondary metrics shown; all of them are in `comparison.csv`.
const MAX_SECONDARY: usize = 400;

/// A figure that stands at the top of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyNumber {
    /// What it is: `time to whole, p95`.
    pub label: String,
    /// The number with its unit: `6m12s`.
    pub value: String,
    /// A remark below it, or empty.
    pub note: String,
}

impl KeyNumber {
    /// A row of `metrics.csv` as a figure: named by [`metric_title`], in the unit that the metric's
    /// name ends with.
    pub fn of_metric(row: &MetricRow) -> Self {
        KeyNumber {
            label: metric_title(&row.metric, &row.labels),
            value: value(row.value, unit_of(&row.metric)),
            note: String::new(),
        }
    }
}

/// What the page of one run shows, in this order.
#[derive(Clone, Debug)]
pub struct RunReport<'a> {
    /// Scenario name.
    pub title: String,
    /// Policy, seed, replication, simulated time.
    pub subtitle: String,
    /// The scenario's own description: the question.
    pub description: String,
    /// The answer in figures.
    pub key_numbers: Vec<KeyNumber>,
    /// Charts in order.
    pub charts: &'a [Chart],
    /// `faults.csv`.
    pub faults: &'a [FaultRow],
    /// `recovery.csv`.
    pub recovery: &'a [RecoveryRow],
    /// `events.csv`.
    pub events: &'a [EventRow],
    /// Remarks, a paragraph each: ignored fields, expectations that did not hold.
    pub notes: Vec<String>,
    /// Command lines that give the same bytes again.
    pub reproduce: Vec<String>,
}

/// What the page of one comparison shows, in this order.
#[derive(Clone, Debug)]
pub struct CompareReport<'a> {
    /// Scenario name.
    pub title: String,
    /// Policies, replications, simulated time.
    pub subtitle: String,
    /// The scenario's own description: the question.
    pub description: String,
    /// Further figures below the answer, or none.
    pub key_numbers: Vec<KeyNumber>,
    /// `comparison.csv`.
    pub comparison: &'a [ComparisonRow],
    /// Charts in order.
    pub charts: &'a [Chart],
    /// How the numbers were made, a paragraph each.
    pub method: Vec<String>,
    /// Remarks, a paragraph each.
    pub notes: Vec<String>,
    /// Command lines that give the same bytes again.
    pub reproduce: Vec<String>,
}

/// The page of one run.
///
/// # Errors
/// [`ReportError::Draw`] or [`ReportError::Page`]; neither happens with sound charts.
pub fn run_page(report: &RunReport<'_>) -> Result<String, ReportError> {
    let (failures, failures_note) = failures(report.faults, report.recovery);
    let events: Vec<Value> = report.events.iter().take(MAX_EVENTS).map(event).collect();
    let events_note = match report.events.len() {
        total if total > MAX_EVENTS => {
            format!("The first {MAX_EVENTS} of {total} events; all are in events.csv.")
        }
        _ => String::new(),
    };
    let page = environment()?.get_template("run.html")?.render(context! {
        title => report.title.as_str(),
        subtitle => report.subtitle.as_str(),
        description => report.description.as_str(),
        key_numbers => key_numbers(&report.key_numbers),
        figures => figures(report.charts)?,
        failures,
        failures_note,
        events,
        events_note,
        notes => report.notes.clone(),
        reproduce => report.reproduce.clone(),
    })?;
    Ok(page)
}

/// The page of one comparison.
///
/// # Errors
/// [`ReportError::Draw`] or [`ReportError::Page`]; neither happens with sound charts.
pub fn compare_page(report: &CompareReport<'_>) -> Result<String, ReportError> {
    let groups = by_metric(report.comparison);
    let leading = |group: &&Vec<&ComparisonRow>| group[0].primary;
    let first: Vec<Value> =
        groups.iter().filter(leading).map(|group| metric_group(group)).collect();
    let (mut others, mut rows) = (Vec::new(), 0);
    for group in groups.iter().filter(|group| !leading(group)) {
        rows += group.len();
        if rows <= MAX_SECONDARY || others.is_empty() {
            others.push(metric_group(group));
        }
    }
    let count = groups.len() - first.len();
    let others_note = match count - others.len() {
        0 => String::new(),
        hidden => {
            format!("The first {} of {count}; {hidden} more are in comparison.csv.", others.len())
        }
    };
    let page = environment()?.get_template("compare.html")?.render(context! {
        title => report.title.as_str(),
        subtitle => report.subtitle.as_str(),
        description => report.description.as_str(),
        answers => sentences(report.comparison),
        key_numbers => key_numbers(&report.key_numbers),
        metrics => first,
        others,
        others_count => count,
        others_note,
        figures => figures(report.charts)?,
        method => report.method.clone(),
        notes => report.notes.clone(),
        reproduce => report.reproduce.clone(),
    })?;
    Ok(page)
}

/// The templates; escaping follows from their names, an unknown variable is an error.
fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_template("base.html", include_str!("page/base.html"))?;
    environment.add_template("parts.html", include_str!("page/parts.html"))?;
    environment.add_template("run.html", include_str!("page/run.html"))?;
    environment.add_template("compare.html", include_str!("page/compare.html"))?;
    Ok(environment)
}

/// The charts that show something as safe inline SVG.
fn figures(charts: &[Chart]) -> Result<Vec<Value>, ReportError> {
    charts
        .iter()
        .filter(|chart| !chart.empty)
        .map(|chart| {
            let svg = Value::from_safe_string(chart.svg()?);
            Ok(context! { name => chart.name, title => chart.title.as_str(), svg })
        })
        .collect()
}

fn key_numbers(numbers: &[KeyNumber]) -> Vec<Value> {
    let value = |number: &KeyNumber| {
        let KeyNumber { label, value, note } = number.clone();
        context! { label, value, note }
    };
    numbers.iter().map(value).collect()
}

/// One entry per fault with a row per workload, and a remark on what was left out.
fn failures(faults: &[FaultRow], recovery: &[RecoveryRow]) -> (Vec<Value>, String) {
    let mut hidden = 0;
    let mut order: Vec<&FaultRow> = faults.iter().collect();
    if faults.len() > MAX_FAULTS {
        // The faults that cost most replicas, in the order of time.
        let lost = |fault: &FaultRow| -> u32 {
            let of_fault = recovery.iter().filter(|row| row.fault == fault.fault);
            of_fault.map(|row| row.replicas_lost).sum()
        };
        order.sort_by_key(|fault| (std::cmp::Reverse(lost(fault)), fault.fault));
        order.truncate(MAX_FAULTS);
        order.sort_by_key(|fault| fault.fault);
    }
    let list = order
        .iter()
        .map(|fault| {
            let of_fault = || recovery.iter().filter(|row| row.fault == fault.fault);
            let mut rows: Vec<Value> =
                of_fault().take(MAX_RECOVERIES).map(recovery_cells).collect();
            hidden += of_fault().count() - rows.len();
            if rows.is_empty() {
                rows.push(context! {
                    workload => "no workload lost replicas",
                    lost => "", detect => "", reschedule => "", start => "", ready => "", whole => "",
                });
            }
            let lasted = match fault.end_seconds {
                Some(end) => format!("for {}", span(end - fault.start_seconds)),
                None => "to the end".to_owned(),
            };
            let name = format!("{} {}", fault.kind, fault.target).trim_end().to_owned();
            context! { name, begin => span(fault.start_seconds), lasted, rows }
        })
        .collect();
    let mut notes = Vec::new();
    if faults.len() > MAX_FAULTS {
        let more = faults.len() - MAX_FAULTS;
        notes.push(format!(
            "The {MAX_FAULTS} faults that cost most replicas; {more} more are in faults.csv."
        ));
    }
    if hidden > 0 {
        notes.push(format!("Of these {hidden} more recoveries are in recovery.csv."));
    }
    (list, notes.join(" "))
}

fn recovery_cells(row: &RecoveryRow) -> Value {
    let cell = |time: Option<f64>| time.map_or_else(|| "–".to_owned(), duration);
    let whole = match row.censored {
        true => "not by the end".to_owned(),
        false => cell(row.time_to_whole_seconds),
    };
    context! {
        workload => row.workload.as_str(),
        lost => row.replicas_lost,
        detect => cell(row.detect_seconds),
        reschedule => cell(row.reschedule_seconds),
        start => cell(row.start_seconds),
        ready => cell(row.ready_seconds),
        whole,
    }
}

fn event(row: &EventRow) -> Value {
    let name = if row.namespace.is_empty() {
        row.name.clone()
    } else {
        format!("{}/{}", row.namespace, row.name)
    };
    context! {
        time => event_time(row.time_seconds),
        kind => row.kind.as_str(),
        reason => row.reason.as_str(),
        object => format!("{} {name}", row.object_kind),
        component => row.component.as_str(),
        message => row.message.as_str(),
    }
}

/// When an event was reported, to the second: `30m54s`.
fn event_time(seconds: f64) -> String {
    if seconds < 59.5 { duration(seconds) } else { span(seconds) }
}

fn metric_group(group: &[&ComparisonRow]) -> Value {
    let first = group[0];
    let winner = best(group);
    let row = |row: &&ComparisonRow| {
        let class = match row.verdict.as_str() {
            "better" => "better",
            "worse" => "worse",
            _ => "",
        };
        context! {
            policy => row.policy.as_str(),
            mean => mean(row),
            diff => diff(row),
            p => row.p_adjusted.map_or_else(String::new, p_text),
            verdict => row.verdict.as_str(),
            class,
            best => winner == Some(row.policy.as_str()),
            n => row.n,
        }
    };
    let direction = match first.better.as_str() {
        "lower" => "lower is better",
        "higher" => "higher is better",
        _ => "",
    };
    let title = metric_title(&first.metric, &first.labels);
    let rows: Vec<Value> = group.iter().map(row).collect();
    context! { title, direction, rows }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::charts::{Caption, CompareTables, compare_charts};
    use crate::report::fixtures;

    #[test]
    fn a_metric_row_becomes_a_figure_with_its_unit() {
        let number = KeyNumber::of_metric(&fixtures::run(1, 1).metrics[0]);
        assert_eq!(number.label, "time to whole, p95");
        assert_eq!(number.value, "6m43s");
    }

    fn assert_self_contained(page: &str) {
        let without = page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
        for fetch in ["http://", "https://", "src=", "href=", "@import", "url(", "<script"] {
            assert!(!without.contains(fetch), "the page contains {fetch}");
        }
    }

    #[test]
    fn a_run_page_is_self_contained_and_escaped() {
        let mut run = fixtures::run(4, 6);
        let charts = fixtures::run_charts(&run);
        let evil = "<script>alert('x')</script> & \"more\"";
        run.events[0].message = evil.to_owned();
        run.recovery[0].workload = evil.to_owned();
        run.faults[0].target = evil.to_owned();
        let many = vec![run.events[0].clone(); 201];
        let page = run_page(&RunReport {
            title: evil.to_owned(),
            subtitle: evil.to_owned(),
            description: evil.to_owned(),
            key_numbers: vec![KeyNumber {
                label: evil.to_owned(),
                value: evil.to_owned(),
                note: evil.to_owned(),
            }],
            charts: &charts,
            faults: &run.faults,
            recovery: &run.recovery,
            events: &many,
            notes: vec![evil.to_owned()],
            reproduce: vec![evil.to_owned()],
        })
        .unwrap();
        assert_self_contained(&page);
        assert!(page.contains("&lt;script&gt;alert("));
        assert!(page.contains("The first 200 of 201 events"));
        let drawn = charts.iter().filter(|chart| !chart.empty).count();
        assert_eq!(page.matches("<svg ").count(), drawn);
        assert!(page.contains("not by the end") || run.recovery.iter().all(|row| !row.censored));
    }

    #[test]
    fn a_comparison_page_answers_first() {
        let mut comparison = fixtures::comparison(3, 12);
        for row in &mut comparison.rows {
            row.policy = row.policy.replace("packed", "<script>");
        }
        let rows = &comparison.rows;
        let replications = &comparison.replications;
        let caption = Caption { subtitle: "a <b> & c".into(), end_seconds: None };
        let tables = CompareTables { comparison: rows, replications };
        let charts = compare_charts(&tables, &caption).unwrap();
        let page = compare_page(&CompareReport {
            title: "zone-outage".into(),
            subtitle: String::new(),
            description: String::new(),
            key_numbers: Vec::new(),
            comparison: rows,
            charts: &charts,
            method: vec!["Paired t intervals.".into()],
            notes: Vec::new(),
            reproduce: vec!["wavetank compare zone-outage.yaml".into()],
        })
        .unwrap();
        assert_self_contained(&page);
        assert!(page.contains("&lt;script&gt;"));
        let answer = page.find("with fast-failover, ").unwrap();
        assert!(answer < page.find("<table").unwrap());
        assert_eq!(page, page.replace('\r', ""));
    }
}
