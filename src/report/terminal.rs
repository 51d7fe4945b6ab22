//! The comparison as a table for the terminal: policies as columns, metrics as rows.
//!
//! A pure function to text. If the columns do not fit the width, each metric becomes a block with
//! one line per policy.

use super::answer::{best, by_metric, diff};
use super::format::{metric_title, shorten, value};
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

/// Lines of the comparison table, each ended by `\n`; `no results` if there are no rows.
pub fn comparison_table(rows: &[ComparisonRow], style: TableStyle) -> String {
    let mut policies: Vec<&str> = Vec::new();
    for row in rows {
        if !policies.contains(&row.policy.as_str()) {
            policies.push(&row.policy);
        }
    }
    if policies.is_empty() {
        return "no results\n".to_owned();
    }
    let lines: Vec<(String, Vec<Cell>)> = by_metric(rows)
        .iter()
        .map(|group| {
            let title = shorten(&metric_title(&group[0].metric, &group[0].labels), MAX_NAME);
            (title, policies.iter().map(|policy| cell(group, policy)).collect())
        })
        .collect();
    let columns = Columns::of(&policies, &lines);
    if columns.total() <= style.width {
        columns.wide(&policies, &lines, style)
    } else {
        narrow(&policies, &lines, style)
    }
}

fn cell(group: &[&ComparisonRow], policy: &str) -> Cell {
    let Some(row) = group.iter().find(|row| row.policy == policy) else {
        return Cell { mean: "–".to_owned(), ..Cell::default() };
    };
    if row.n == 0 || !row.mean.is_finite() {
        return Cell { mean: "no value".to_owned(), ..Cell::default() };
    }
    let beside = match row.verdict.as_str() {
        "baseline" => String::new(),
        "no difference" | "not comparable" => row.verdict.clone(),
        _ => diff(row),
    };
    Cell { mean: value(row.mean, &row.unit), beside, best: best(group) == Some(policy) }
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

    #[test]
    fn wide_table() {
        let comparison = fixtures::comparison(3, 30);
        let style = TableStyle { width: 120, color: false };
        insta::assert_snapshot!(comparison_table(&comparison.rows, style), @r#"
                                      default                  fast-failover                         packed
        time to whole, p95              6m04s     1m41s  −4m23s ± 3.4 s          6m31s  +27.0 ± 2.8 s
        availability, shop/checkout   99.32 %   99.83 %  +0.5127 ± 0.0097 pp   99.30 %  −0.0152 ± 0.0080 pp
        node allocated, cpu            61.0 %    61.0 %  no difference          74.1 %  +13.096 ± 0.058 pp
        recovery detect                  40 s      20 s  −19.983 ± 0.074 s        40 s  no difference
        recovery reschedule             5m01s      35 s  −4m27s ± 0.5 s          5m20s  +18.90 ± 0.38 s
        recovery ready                   27 s      29 s  +2.19 ± 0.76 s           33 s  +5.64 ± 0.76 s
        time to whole                   6m09s     1m24s  −4m45s ± 0.9 s          6m34s  +24.8 ± 1.3 s
        "#);
    }

    #[test]
    fn narrow_table_is_one_block_per_metric() {
        let comparison = fixtures::comparison(4, 30);
        let style = TableStyle { width: 60, color: false };
        let table = comparison_table(&comparison.rows[..8], style);
        assert!(table.lines().all(|line| line.chars().count() <= 60), "{table}");
        insta::assert_snapshot!(table, @r#"
        time to whole, p95
          default               6m04s
          fast-failover         1m41s  −4m23s ± 3.4 s
          packed                6m31s  +27.0 ± 2.8 s
          spread-by-hostname    6m06s  no difference
        availability, shop/checkout
          default             99.32 %
          fast-failover       99.83 %  +0.5127 ± 0.0097 pp
          packed              99.30 %  −0.0152 ± 0.0080 pp
          spread-by-hostname  99.33 %  no difference
        "#);
    }

    #[test]
    fn colour_marks_the_best_and_changes_no_column() {
        let comparison = fixtures::comparison(3, 30);
        let plain = comparison_table(&comparison.rows, TableStyle { width: 120, color: false });
        let bold = comparison_table(&comparison.rows, TableStyle { width: 120, color: true });
        let stripped = bold.replace(BOLD, "").replace(DIM, "").replace(RESET, "");
        assert_eq!(plain, stripped);
        assert!(bold.contains("\u{1b}[1m") && bold.matches(BOLD).count() >= 2, "{bold:?}");
        assert_eq!(comparison_table(&[], TableStyle { width: 80, color: true }), "no results\n");
    }
}
