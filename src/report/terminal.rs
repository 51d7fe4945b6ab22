//! The comparison for the terminal: who leads, then a table of the metrics in which policies differ,
//! then means of what stands beside them, then what is the same under every policy.
//!
//! Pure functions to text. In the table policies are columns and metrics rows; if the columns do not
//! fit the width, each metric becomes a block with one line per policy.

use super::answer::{best, by_metric, diff, even_line, headlines, is_even};
use super::format::{metric_title, shorten, values};
use crate::tables::ComparisonRow;

/// How the table may look.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct TableStyle {
    /// Characters per line.
    pub width: usize,
    /// Whether escape sequences may be used: the best policy in bold, heads dimmed.
    pub color: bool,
}

const BOLD: &str = "\u{1b}[1m";
const DIM: &str = "\u{1b}[2m";
const RESET: &str = "\u{1b}[0m";
const GAP: usize = 2;
/// Longest name of a metric or policy before its middle is cut out.
const MAX_NAME: usize = 44;

/// One cell: the mean, the comparison with the baseline, whether it is the best of its row.
#[derive(Clone, Debug, Default)]
struct Cell {
    mean: String,
    beside: String,
    best: bool,
}

/// Everything that a comparison says at a glance: `beside` names secondary metrics worth a line,
/// by name and labels.
pub fn at_a_glance(rows: &[ComparisonRow], beside: &[(&str, &str)], style: TableStyle) -> String {
    let primary: Vec<ComparisonRow> = rows.iter().filter(|row| row.primary).cloned().collect();
    let (even, told): (Vec<_>, Vec<_>) = by_metric(&primary).into_iter().partition(|g| is_even(g));
    let mut out = String::new();
    for line in headlines(&primary) {
        out.push_str(&wrapped(&line, style.width));
    }
    if !out.is_empty() {
        out.push('\n');
    }
    let told: Vec<ComparisonRow> = told.concat().into_iter().cloned().collect();
    if !told.is_empty() {
        out.push_str(&comparison_table(&told, style));
        out.push('\n');
    }
    let named = |row: &&ComparisonRow| beside.contains(&(row.metric.as_str(), row.labels.as_str()));
    let secondary: Vec<ComparisonRow> =
        rows.iter().filter(|row| !row.primary).filter(named).cloned().collect();
    let mut groups = by_metric(&secondary);
    groups.retain(|group| !is_even(group));
    groups.sort_by_key(|group| {
        beside.iter().position(|name| *name == (group[0].metric.as_str(), group[0].labels.as_str()))
    });
    out.push_str(&means_table(&groups, style));
    if let Some(line) = even_line(&even, "Same under every policy") {
        out.push_str(&wrapped(&line, style.width));
        out.push('\n');
    }
    out
}

/// Words in lines of at most `width` characters, all but the first indented. A number keeps its
/// unit.
fn wrapped(text: &str, width: usize) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let unit = ["s", "ms", "%", "pp"].contains(&word.trim_end_matches([',', '.', ';', ')']));
        match words.last_mut() {
            Some(number) if unit => *number = format!("{number} {word}"),
            _ => words.push(word.to_owned()),
        }
    }
    let mut out = String::new();
    let mut used = 0;
    for word in &words {
        if used > 0 && used + 1 + length(word) > width {
            out.push_str("\n  ");
            used = 2;
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += length(word);
    }
    out.push('\n');
    out
}

/// Means only, policies as rows and metrics as columns, as many tables as the width asks for;
/// empty if there is no metric.
fn means_table(groups: &[Vec<&ComparisonRow>], style: TableStyle) -> String {
    let policies = policies_of(groups.iter().flatten().copied());
    let longest = policies.iter().map(|policy| length(policy)).max().unwrap_or(0);
    let first = longest.clamp(MEANS.len(), MAX_NAME.min(style.width / 2).max(MEANS.len()));
    // Heads stand in two lines, broken at their last space.
    let columns: Vec<([String; 2], Vec<String>, usize)> = groups
        .iter()
        .map(|group| {
            let title = shorten(&metric_title(&group[0].metric, &group[0].labels), MAX_NAME);
            let (upper, lower) = title.rsplit_once(' ').unwrap_or(("", &title));
            let cells: Vec<String> =
                cells(group, &policies).into_iter().map(|cell| cell.mean).collect();
            let head = [upper.to_owned(), lower.to_owned()];
            let width = |texts: &[String]| texts.iter().map(|text| length(text)).max().unwrap_or(0);
            let widest = width(&head).max(width(&cells));
            (head, cells, widest)
        })
        .collect();
    let mut out = String::new();
    let mut rest = columns.as_slice();
    while !rest.is_empty() {
        let mut used = first;
        let fits = rest.iter().take_while(|column| {
            used += 3 + column.2;
            used <= style.width
        });
        let (now, later) = rest.split_at(fits.count().max(1));
        rest = later;
        let line = |name: &str, cell: &dyn Fn(usize) -> String| {
            let cells: Vec<String> = now
                .iter()
                .enumerate()
                .map(|(index, column)| pad_left(&cell(index), column.2 + 3))
                .collect();
            format!("{}{}", pad_right(&shorten(name, first), first), cells.concat())
        };
        for (name, part) in [("", 0), (MEANS, 1)] {
            let text = line(name, &|column| now[column].0[part].clone());
            out.push_str(&painted(text.trim_end(), DIM, style));
            out.push('\n');
        }
        for (row, policy) in policies.iter().enumerate() {
            out.push_str(&line(policy, &|column| now[column].1[row].clone()));
            out.push('\n');
        }
        out.push('\n');
    }
    out
}

/// Head of the column of policies beside means.
const MEANS: &str = "means";

fn policies_of<'a>(rows: impl Iterator<Item = &'a ComparisonRow>) -> Vec<&'a str> {
    let mut policies: Vec<&str> = Vec::new();
    for row in rows {
        if !policies.contains(&row.policy.as_str()) {
            policies.push(&row.policy);
        }
    }
    policies
}

/// Lines of the comparison table, each ended by `\n`; `no results` if there are no rows.
pub fn comparison_table(rows: &[ComparisonRow], style: TableStyle) -> String {
    let policies = policies_of(rows.iter());
    if policies.is_empty() {
        return "no results\n".to_owned();
    }
    let lines: Vec<(String, Vec<Cell>)> = by_metric(rows)
        .iter()
        .map(|group| {
            let title = shorten(&metric_title(&group[0].metric, &group[0].labels), MAX_NAME);
            (title, cells(group, &policies))
        })
        .collect();
    let columns = Columns::of(&policies, &lines);
    if columns.total() <= style.width {
        columns.wide(&policies, &lines, style)
    } else {
        narrow(&policies, &lines, style)
    }
}

/// The cells of one metric, in the order of the policies, means with equal decimals.
fn cells(group: &[&ComparisonRow], policies: &[&str]) -> Vec<Cell> {
    let usable = |row: &ComparisonRow| row.n > 0 && row.mean.is_finite();
    let known: Vec<&ComparisonRow> = group.iter().filter(|row| usable(row)).copied().collect();
    let means: Vec<f64> = known.iter().map(|row| row.mean).collect();
    let texts = values(&means, &group[0].unit);
    let best = best(group);
    let cell = |policy: &&str| {
        let Some(at) = known.iter().position(|row| row.policy == *policy) else {
            let there = group.iter().any(|row| row.policy == *policy);
            let mean = if there { "no value" } else { "–" };
            return Cell { mean: mean.to_owned(), ..Cell::default() };
        };
        let beside = match known[at].verdict.as_str() {
            "baseline" => String::new(),
            "no difference" | "not comparable" => known[at].verdict.clone(),
            _ => diff(known[at]),
        };
        Cell { mean: texts[at].clone(), beside, best: best == Some(policy) }
    };
    policies.iter().map(cell).collect()
}

/// Widths of the metric column and, per policy, of the mean and of what stands beside it.
struct Columns {
    title: usize,
    cells: Vec<(usize, usize)>,
}

impl Columns {
    fn of(policies: &[&str], lines: &[(String, Vec<Cell>)]) -> Columns {
        let title = lines.iter().map(|(title, _)| length(title)).max().unwrap_or(0);
        let cells = policies.iter().enumerate().map(|(index, policy)| {
            let cells = || lines.iter().map(move |(_, cells)| &cells[index]);
            let mean = cells().map(|cell| length(&cell.mean)).max().unwrap_or(0);
            let beside = cells().map(|cell| length(&cell.beside)).max().unwrap_or(0);
            // The head may be wider than what stands below it.
            let head = length(&shorten(policy, MAX_NAME));
            let body = mean + if beside > 0 { GAP + beside } else { 0 };
            (mean + head.saturating_sub(body), beside)
        });
        Columns { title, cells: cells.collect() }
    }

    fn cell_width(&self, index: usize) -> usize {
        let (mean, beside) = self.cells[index];
        mean + if beside > 0 { GAP + beside } else { 0 }
    }

    fn total(&self) -> usize {
        let cells: usize = (0..self.cells.len()).map(|index| 3 + self.cell_width(index)).sum();
        self.title + cells
    }

    fn wide(&self, policies: &[&str], lines: &[(String, Vec<Cell>)], style: TableStyle) -> String {
        let mut out = String::new();
        let mut line = " ".repeat(self.title);
        for (index, policy) in policies.iter().enumerate() {
            let name = shorten(policy, MAX_NAME);
            line.push_str("   ");
            line.push_str(&pad_left(&name, self.cell_width(index)));
        }
        out.push_str(&painted(line.trim_end(), DIM, style));
        out.push('\n');
        for (title, cells) in lines {
            let mut line = pad_right(title, self.title);
            for (cell, (mean, beside)) in cells.iter().zip(&self.cells) {
                line.push_str("   ");
                line.push_str(&painted_cell(cell, *mean, style));
                if *beside > 0 {
                    line.push_str(&" ".repeat(GAP));
                    line.push_str(&pad_right(&cell.beside, *beside));
                }
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

/// One block per metric, one line per policy; names are cut to the width.
fn narrow(policies: &[&str], lines: &[(String, Vec<Cell>)], style: TableStyle) -> String {
    let mean_width = lines
        .iter()
        .flat_map(|(_, cells)| cells.iter().map(|cell| length(&cell.mean)))
        .max()
        .unwrap_or(0);
    let beside = lines
        .iter()
        .flat_map(|(_, cells)| cells.iter().map(|cell| length(&cell.beside)))
        .max()
        .unwrap_or(0);
    let rest = 2 + GAP + mean_width + GAP + beside;
    let longest = policies.iter().map(|policy| length(policy)).max().unwrap_or(0);
    let name_width = longest.min(style.width.saturating_sub(rest).max(8));
    let mut out = String::new();
    for (title, cells) in lines {
        out.push_str(&painted(&shorten(title, style.width.max(8)), DIM, style));
        out.push('\n');
        for (policy, cell) in policies.iter().zip(cells) {
            let name = pad_right(&shorten(policy, name_width), name_width);
            let mean = painted_cell(cell, mean_width, style);
            let line = format!("  {name}  {mean}  {}", cell.beside);
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }
    out
}

fn painted_cell(cell: &Cell, width: usize, style: TableStyle) -> String {
    let text = pad_left(&cell.mean, width);
    if cell.best { painted(&text, BOLD, style) } else { text }
}

fn painted(text: &str, code: &str, style: TableStyle) -> String {
    if style.color { format!("{code}{text}{RESET}") } else { text.to_owned() }
}

/// Width in characters; names and units are made of single-width ones.
fn length(text: &str) -> usize {
    text.chars().count()
}

fn pad_left(text: &str, width: usize) -> String {
    format!("{}{text}", " ".repeat(width.saturating_sub(length(text))))
}

fn pad_right(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(length(text))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures;

    const BESIDE: &[(&str, &str)] = &[
        ("recovery_detect_seconds", ""),
        ("recovery_reschedule_seconds", ""),
        ("recovery_start_seconds", ""),
        ("recovery_ready_seconds", ""),
    ];

    fn fits(text: &str, width: usize) {
        for line in text.lines() {
            assert!(line.chars().count() <= width, "{} columns: {line}", line.chars().count());
        }
    }

    #[test]
    fn two_policies_are_columns() {
        let comparison = fixtures::comparison(2, 30);
        let text = at_a_glance(&comparison.rows, BESIDE, TableStyle { width: 80, color: false });
        fits(&text, 80);
        insta::assert_snapshot!(text, @r#"
        Time to whole, p95: 1m41s with fast-failover, 6m04s with default.
        Availability, shop/checkout: 99.83 % with fast-failover, 99.32 % with default.

                                      default                fast-failover
        time to whole, p95              6m04s     1m41s  −4m23s ± 3.4 s
        availability, shop/checkout   99.32 %   99.83 %  +0.513 ± 0.010 pp

                        recovery     recovery   recovery   recovery
        means             detect   reschedule      start      ready
        default             40 s        5m01s       19 s      8.9 s
        fast-failover       20 s         35 s       20 s      9.9 s
        "#);
    }

    #[test]
    fn four_policies_are_blocks() {
        let comparison = fixtures::comparison(4, 30);
        let text = at_a_glance(&comparison.rows, BESIDE, TableStyle { width: 80, color: false });
        fits(&text, 80);
        insta::assert_snapshot!(text, @r#"
        Time to whole, p95: 1m41s with fast-failover, 6m04s with default.
        Availability, shop/checkout: 99.83 % with fast-failover, 99.32 % with default.

        time to whole, p95
          default               6m04s
          fast-failover         1m41s  −4m23s ± 3.4 s
          packed                6m31s  +27.0 ± 2.8 s
          spread-by-hostname    6m06s  no difference
        availability, shop/checkout
          default             99.32 %
          fast-failover       99.83 %  +0.513 ± 0.010 pp
          packed              99.30 %  −0.015 ± 0.008 pp
          spread-by-hostname  99.33 %  no difference

                             recovery     recovery   recovery   recovery
        means                  detect   reschedule      start      ready
        default                  40 s        5m01s       19 s      8.9 s
        fast-failover            20 s         35 s       20 s      9.9 s
        packed                   40 s        5m20s       24 s      9.8 s
        spread-by-hostname       40 s        5m00s       19 s      9.8 s
        "#);
        let text = at_a_glance(&comparison.rows, BESIDE, TableStyle { width: 50, color: false });
        fits(&text, 50);
    }

    #[test]
    fn what_is_the_same_is_named_in_one_line() {
        let mut comparison = fixtures::comparison(3, 30);
        for row in &mut comparison.rows {
            row.mean = 0.5;
            if row.verdict != "baseline" {
                row.verdict = "no difference".to_owned();
            }
        }
        let text = at_a_glance(&comparison.rows, BESIDE, TableStyle { width: 80, color: false });
        insta::assert_snapshot!(text, @r#"
        Same under every policy: time to whole, p95 (500 ms); availability,
          shop/checkout (50.0 %).
        "#);
    }

    #[test]
    fn one_policy_is_a_list_of_means() {
        let comparison = fixtures::comparison(1, 30);
        let text = at_a_glance(&comparison.rows, BESIDE, TableStyle { width: 80, color: false });
        insta::assert_snapshot!(text, @r#"
                                      default
        time to whole, p95              6m04s
        availability, shop/checkout   99.32 %

                  recovery     recovery   recovery   recovery
        means       detect   reschedule      start      ready
        default       40 s        5m01s       19 s      8.9 s
        "#);
    }

    #[test]
    fn colour_marks_the_best_and_changes_no_column() {
        let comparison = fixtures::comparison(3, 30);
        let plain = at_a_glance(&comparison.rows, BESIDE, TableStyle { width: 80, color: false });
        let bold = at_a_glance(&comparison.rows, BESIDE, TableStyle { width: 80, color: true });
        let stripped = bold.replace(BOLD, "").replace(DIM, "").replace(RESET, "");
        assert_eq!(plain, stripped);
        assert!(bold.matches(BOLD).count() >= 2, "{bold:?}");
        assert_eq!(comparison_table(&[], TableStyle { width: 80, color: true }), "no results\n");
    }
}
