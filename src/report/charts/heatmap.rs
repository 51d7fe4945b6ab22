//! `node-heatmap`: how full each node was over time, nodes grouped by zone, failed nodes marked.
//!
//! Large clusters have no series per node: there the pods bound to each node are counted instead.

use std::collections::BTreeMap;

use super::Chart;
use super::axis::Axis;
use super::frame::{
    self, HEADING, LABEL, MARGIN, SMALL, WIDTH, fault_edges, fault_label_height, fault_labels,
    note, x_axis,
};
use super::palette::{AXIS, BLACK, GREY, WHITE, sequential};
use super::scene::{Align, Area, Scene, fit_text, text_width};
use super::steps::{RunView, Series};
use crate::report::ReportError;
use crate::tables::{FaultRow, NodeRow};

const NAME: &str = "node-heatmap";
const TITLE: &str = "How full was each node, and which were down?";
/// Rows on one chart; more nodes are averaged into this many.
const MAX_ROWS: usize = 48;
/// Time is cut into this many columns at most.
const MAX_COLUMNS: usize = 240;
/// Left edge of the cells.
const LEFT: f64 = 170.0;

/// The nodes drawn in one row, all of one zone.
struct Row<'a> {
    zone: &'a str,
    name: String,
    nodes: Vec<&'a Series>,
}

/// What the colours mean: the value of the darkest, the name of the quantity, its ends.
struct Scale {
    full: f64,
    title: &'static str,
    ends: [String; 3],
}

/// Draws the chart.
pub(super) fn draw(run: &RunView<'_>) -> Result<Chart, ReportError> {
    let allocated: Vec<&Series> = run
        .series("node_allocated_ratio")
        .iter()
        .filter(|series| series.label("resource") == "cpu")
        .collect();
    let bound = if allocated.is_empty() { pods_bound(run) } else { Vec::new() };
    if allocated.is_empty() && bound.is_empty() {
        let why = "neither timeseries.csv nor nodes.csv names a node";
        return Chart::empty(NAME, TITLE, run.subtitle, why);
    }
    let (nodes, scale) = if bound.is_empty() {
        let ends = ["0 %", "50 %", "100 %"].map(str::to_owned);
        (allocated, Scale { full: 1.0, title: "CPU requested ÷ allocatable", ends })
    } else {
        let most = bound.iter().map(Series::max).fold(2.0, f64::max);
        let full = (most / 2.0).ceil() * 2.0;
        let ends = [0.0, full / 2.0, full].map(|pods| format!("{pods}"));
        (bound.iter().collect(), Scale { full, title: "pods bound to the node", ends })
    };
    let rows = rows(&nodes);
    let zones = 1 + rows.windows(2).filter(|pair| pair[0].zone != pair[1].zone).count();
    let row_height = (340.0 / rows.len() as f64).clamp(7.0, 20.0);
    let body = rows.len() as f64 * row_height + (zones - 1) as f64 * 8.0;
    let aggregated = rows.len() < nodes.len();
    let foot = if aggregated { 70.0 } else { 54.0 };
    let height = 100.0 + fault_label_height(run.faults) + body + foot;
    let (mut scene, top) = frame::open(height, TITLE, run.subtitle);
    scale_key(&mut scene, top, &scale);
    let top = top + 34.0 + fault_label_height(run.faults);
    let area = Area::new(LEFT, top, WIDTH - LEFT - MARGIN - 6.0, body);
    let x = Axis::time((0.0, run.end), (area.left, area.right()), 8);
    x_axis(&mut scene, area, &x, "time since the start");
    draw_rows(&mut scene, (area, row_height), &rows, (&x, scale.full), run);
    fault_edges(&mut scene, area, &x, run.faults);
    fault_labels(&mut scene, area, &x, run.faults);
    if aggregated {
        let text = format!(
            "{} nodes, averaged into {} rows of neighbours; a mark of half height: one of them \
             was down",
            nodes.len(),
            rows.len()
        );
        note(&mut scene, &text);
    }
    Chart::new(NAME, TITLE, run.subtitle, scene)
}

/// How many pods were bound to each node, from the lives of the pods.
fn pods_bound(run: &RunView<'_>) -> Vec<Series> {
    let mut turns: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    for pod in run.pods {
        let Some(bound) = pod.scheduled_seconds else { continue };
        let of_node = turns.entry(pod.node.as_str()).or_default();
        of_node.push((bound, 1.0));
        of_node.extend(pod.deleted_seconds.map(|gone| (gone, -1.0)));
    }
    let series = |node: &NodeRow| {
        let mut turns = turns.remove(node.name.as_str()).unwrap_or_default();
        turns.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut points = vec![(0.0, 0.0)];
        for (time, change) in turns {
            let now = points[points.len() - 1].1 + change;
            points.push((time, now));
        }
        let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let labels = vec![label("node", &node.name), label("zone", &node.zone)];
        Series { labels, points }
    };
    run.nodes.iter().map(series).collect()
}

/// Rows grouped by zone, zones and nodes in natural order; nodes share rows if there are too many.
fn rows<'a>(nodes: &[&'a Series]) -> Vec<Row<'a>> {
    let mut zones: BTreeMap<&str, Vec<&'a Series>> = BTreeMap::new();
    for series in nodes {
        zones.entry(series.label("zone")).or_default().push(series);
    }
    let share = nodes.len().div_ceil(MAX_ROWS.saturating_sub(zones.len()).max(1));
    let share = if nodes.len() <= MAX_ROWS { 1 } else { share };
    let mut rows = Vec::new();
    for (zone, mut members) in zones {
        members.sort_by_key(|series| natural(series.label("node")));
        for group in members.chunks(share) {
            let (first, last) = (group[0].label("node"), group[group.len() - 1].label("node"));
            let name = span_name(first, last);
            rows.push(Row { zone, name, nodes: group.to_vec() });
        }
    }
    rows
}

/// The name of a row: of its only node, or `node-3…17` for its first and last.
fn span_name(first: &str, last: &str) -> String {
    if first == last {
        return first.to_owned();
    }
    let same = first.chars().zip(last.chars()).take_while(|(a, b)| a == b).count();
    let prefix: String = first.chars().take(same).collect();
    let kept = prefix.trim_end_matches(|c: char| c.is_ascii_digit()).chars().count();
    let tail: String = last.chars().skip(kept).collect();
    format!("{first}…{tail}")
}

/// A key by which `node-2` comes before `node-10`: digits compare as numbers.
fn natural(name: &str) -> Vec<(String, u64)> {
    let mut parts = vec![(String::new(), 0_u64)];
    let mut in_digits = false;
    for c in name.chars() {
        if in_digits && !c.is_ascii_digit() {
            parts.push((String::new(), 0));
        }
        let last = parts.last_mut().expect("parts starts with one entry");
        match c.to_digit(10) {
            Some(digit) => last.1 = last.1.saturating_mul(10).saturating_add(u64::from(digit)),
            None => last.0.push(c),
        }
        in_digits = c.is_ascii_digit();
    }
    parts
}

fn draw_rows(
    scene: &mut Scene,
    (area, row_height): (Area, f64),
    rows: &[Row<'_>],
    (x, full): (&Axis, f64),
    run: &RunView<'_>,
) {
    let down = outages(run, rows);
    let mut y = area.top;
    let mut zone_top = y;
    let every = (11.0 / row_height).ceil().max(1.0) as usize;
    let mut in_zone = 0;
    for (index, row) in rows.iter().enumerate() {
        let cell = Area::new(area.left, y, area.width, row_height - 1.0);
        draw_row(scene, cell, row, (x, full));
        for outage in &down[index] {
            let (from, to) = (x.at(outage.from), x.at(outage.to));
            let height = if outage.whole { cell.height } else { cell.height / 2.0 };
            let dead = Area::new(from, cell.top, to - from, height);
            scene.rect(dead, GREY.mix(WHITE, 0.45));
            scene.hatch(dead, BLACK, 5.0);
        }
        if in_zone % every == 0 {
            let name = fit_text(&row.name, SMALL, LEFT - MARGIN - 34.0);
            scene.text((LEFT - 8.0, y + row_height / 2.0), &name, SMALL, Align::Right);
        }
        y += row_height;
        in_zone += 1;
        if rows.get(index + 1).is_none_or(|next| next.zone != row.zone) {
            zone_name(scene, row.zone, (zone_top, y));
            y += 8.0;
            zone_top = y;
            in_zone = 0;
        }
    }
}

fn zone_name(scene: &mut Scene, zone: &str, (top, bottom): (f64, f64)) {
    let name = if zone.is_empty() { "no zone".to_owned() } else { format!("zone {zone}") };
    let name = fit_text(&name, HEADING, (bottom - top).max(40.0));
    scene.text_upwards((MARGIN + 4.0, f64::midpoint(top, bottom)), &name, HEADING);
    scene.line((MARGIN + 16.0, top), (MARGIN + 16.0, bottom - 1.0), AXIS, 1.0);
}

/// One row: the mean of its nodes over each time column, neighbours of equal colour joined.
fn draw_row(scene: &mut Scene, cell: Area, row: &Row<'_>, (x, full): (&Axis, f64)) {
    let columns = (cell.width as usize / 3).clamp(1, MAX_COLUMNS);
    let (start, end) = x.domain();
    let width = (end - start) / columns as f64;
    let mut open: Option<(usize, i64)> = None;
    for column in 0..=columns {
        let level = (column < columns).then(|| {
            let from = start + column as f64 * width;
            let sum: f64 = row.nodes.iter().map(|series| held(series, from, from + width)).sum();
            // Steps of one per cent cannot be told apart and keep the file small.
            (sum / row.nodes.len() as f64 / full * 100.0).round() as i64
        });
        if let Some((first, colour)) = open
            && level != Some(colour)
        {
            let left = x.at(start + first as f64 * width);
            let right = x.at(start + column as f64 * width);
            let area = Area::new(left, cell.top, right - left, cell.height);
            scene.rect(area, sequential(colour as f64 / 100.0));
            open = None;
        }
        if open.is_none() {
            open = level.map(|colour| (column, colour));
        }
    }
}

/// What a step function showed between two times, weighted by how long.
fn held(series: &Series, from: f64, to: f64) -> f64 {
    let first = series.points.partition_point(|point| point.0 <= from);
    let mut sum = 0.0;
    let (mut time, mut value) = (from, series.at(from));
    for point in series.points[first..].iter().take_while(|point| point.0 < to) {
        sum += value * (point.0 - time);
        (time, value) = *point;
    }
    (sum + value * (to - time)) / (to - from)
}

/// When nodes of a row were down.
struct Outage {
    from: f64,
    to: f64,
    /// All of the row's nodes, not just one.
    whole: bool,
}

/// What the fault table says about each row: a zone fault strikes the rows of its zone, a node
/// fault the row that holds the node. A partitioned node runs on and does not count as down.
fn outages(run: &RunView<'_>, rows: &[Row<'_>]) -> Vec<Vec<Outage>> {
    const DOWN: [&str; 6] = ["outage", "crash", "reboot", "reclaim", "failure", "poweroff"];
    let of_row = |row: &Row<'_>| {
        let outage = |fault: &FaultRow| {
            let kind = fault.kind.to_lowercase();
            let node = kind.starts_with("node") || kind.starts_with("spot");
            let holds = || row.nodes.iter().any(|series| series.label("node") == fault.target);
            let whole = match (kind.starts_with("zone"), node) {
                (true, _) if fault.target == row.zone => true,
                (_, true) if holds() => row.nodes.len() == 1,
                _ => return None,
            };
            let to = fault.end_seconds.unwrap_or(run.end);
            let down = DOWN.iter().any(|word| kind.contains(word));
            down.then_some(Outage { from: fault.start_seconds, to, whole })
        };
        run.faults.iter().filter_map(outage).collect()
    };
    rows.iter().map(of_row).collect()
}

/// The colour scale with its meaning, and the mark of a node that is down.
fn scale_key(scene: &mut Scene, top: f64, scale: &Scale) {
    let (left, width, steps) = (MARGIN, 200.0, 50);
    for step in 0..steps {
        let t = f64::from(step) / f64::from(steps - 1);
        let cell = width / f64::from(steps);
        let area = Area::new(left + f64::from(step) * cell, top + 2.0, cell + 0.5, 12.0);
        scene.rect(area, sequential(t));
    }
    scene.outline(Area::new(left, top + 2.0, width, 12.0), AXIS, 0.5);
    let aligns = [(0.0, Align::Left), (0.5, Align::Middle), (1.0, Align::Right)];
    for (label, (share, align)) in scale.ends.iter().zip(aligns) {
        scene.text((left + share * width, top + 23.0), label, SMALL, align);
    }
    let text_at = (left + width + 12.0, top + 8.0);
    scene.text(text_at, scale.title, LABEL, Align::Left);
    let after = text_at.0 + text_width(scale.title, LABEL) + 28.0;
    let area = Area::new(after, top + 2.0, 20.0, 12.0);
    scene.rect(area, GREY.mix(WHITE, 0.45));
    scene.hatch(area, BLACK, 5.0);
    scene.text((area.right() + 7.0, top + 8.0), "node without power", LABEL, Align::Left);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_sort_as_numbers() {
        let mut names = ["n-10", "n-2", "m-3", "n-2a", "n"];
        names.sort_by_key(|name| natural(name));
        assert_eq!(names, ["m-3", "n", "n-2", "n-2a", "n-10"]);
    }

    #[test]
    fn a_row_of_many_nodes_names_the_first_and_last() {
        assert_eq!(span_name("general-3", "general-3"), "general-3");
        assert_eq!(span_name("general-10", "general-17"), "general-10…17");
        assert_eq!(span_name("a", "b"), "a…b");
    }

    #[test]
    fn a_column_shows_what_was_held_for_how_long() {
        let points = vec![(0.0, 0.2), (5.0, 0.6), (7.5, 1.0)];
        let series = Series { points, ..Series::default() };
        assert!((held(&series, 0.0, 10.0) - (1.0 + 1.5 + 2.5) / 10.0).abs() < 1e-12);
        assert!((held(&series, 20.0, 30.0) - 1.0).abs() < 1e-12);
    }
}
