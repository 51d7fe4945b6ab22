//! `ready-replicas`: for each workload, how many replicas were ready beside how many were wanted.

use super::Chart;
use super::axis::Axis;
use super::frame::{
    self, HEADING, Key, MARGIN, SMALL, WIDTH, fault_bands, fault_edges, legend, note,
};
use super::palette::{AXIS, BLACK, BLUE, GRID, VERMILION};
use super::scene::{Align, Area, Font, Scene, fit_text, text_width};
use super::steps::{RunView, Series};
use crate::report::ReportError;

const NAME: &str = "ready-replicas";
const TITLE: &str = "Did every workload keep its replicas?";
/// Small multiples on one chart.
const MAX_PANELS: usize = 12;
const COLUMNS: usize = 3;
const PANEL_HEIGHT: f64 = 122.0;
const SHORT: Font = Font::new(11.0, VERMILION).bold();

/// One workload's panel.
struct Panel<'a> {
    workload: &'a str,
    ready: &'a Series,
    desired: Option<&'a Series>,
    /// Ready and desired replicas at the moment at which most were missing, if any were.
    worst: Option<(f64, f64)>,
}

impl Panel<'_> {
    fn short(&self) -> f64 {
        self.worst.map_or(0.0, |(ready, desired)| desired - ready)
    }
}

/// Draws the chart.
pub(super) fn draw(run: &RunView<'_>) -> Result<Chart, ReportError> {
    let all = panels(run);
    if all.is_empty() {
        let why = "timeseries.csv has no workload_replicas_ready";
        return Chart::empty(NAME, TITLE, run.subtitle, why);
    }
    let shown = &all[..all.len().min(MAX_PANELS)];
    let rows = shown.len().div_ceil(COLUMNS);
    let notes = if all.len() > shown.len() { 26.0 } else { 6.0 };
    let height = 92.0 + rows as f64 * PANEL_HEIGHT + 24.0 + notes;
    let (mut scene, top) = frame::open(height, TITLE, run.subtitle);
    let mut keys = vec![
        (Key::Fill(BLUE.alpha(0.35)), "ready replicas"),
        (Key::Dashed(BLACK), "desired replicas"),
    ];
    if !run.faults.is_empty() {
        keys.push((Key::Band, "fault"));
    }
    let top = legend(&mut scene, top, &keys) + 4.0;
    let width = (WIDTH - 2.0 * MARGIN) / COLUMNS as f64;
    for (index, panel) in shown.iter().enumerate() {
        let (column, row) = (index % COLUMNS, index / COLUMNS);
        let cell = Area::new(
            MARGIN + column as f64 * width,
            top + row as f64 * PANEL_HEIGHT,
            width,
            PANEL_HEIGHT,
        );
        draw_panel(&mut scene, cell, panel, run, index + COLUMNS >= shown.len());
    }
    if all.len() > shown.len() {
        let hidden = all.len() - shown.len();
        let text = format!(
            "The {MAX_PANELS} workloads that missed the most replicas; {hidden} more are in \
             timeseries.csv"
        );
        note(&mut scene, &text);
    }
    Chart::new(NAME, TITLE, run.subtitle, scene)
}

/// All workloads in table order; if too many, those short of most replicas first.
fn panels<'a>(run: &'a RunView<'_>) -> Vec<Panel<'a>> {
    let desired = run.series("workload_replicas_desired");
    let mut panels: Vec<Panel<'a>> = run
        .series("workload_replicas_ready")
        .iter()
        .map(|ready| {
            let workload = ready.label("workload");
            let desired = desired.iter().find(|series| series.label("workload") == workload);
            let worst = desired.and_then(|desired| worst(ready, desired));
            Panel { workload, ready, desired, worst }
        })
        .collect();
    if panels.len() > MAX_PANELS {
        panels.sort_by(|a, b| b.short().total_cmp(&a.short()).then(a.workload.cmp(b.workload)));
    }
    panels
}

/// Ready and desired replicas at the first moment at which most were missing.
fn worst(ready: &Series, desired: &Series) -> Option<(f64, f64)> {
    let times = ready.points.iter().chain(&desired.points).map(|point| point.0);
    let mut worst: Option<(f64, f64)> = None;
    for (now, wanted) in times.map(|time| (ready.at(time), desired.at(time))) {
        if wanted - now > worst.map_or(0.5, |(ready, desired)| desired - ready) {
            worst = Some((now, wanted));
        }
    }
    worst
}

fn draw_panel(scene: &mut Scene, cell: Area, panel: &Panel<'_>, run: &RunView<'_>, last: bool) {
    let area = Area::new(cell.left + 26.0, cell.top + 26.0, cell.width - 48.0, cell.height - 52.0);
    let x = Axis::time((0.0, run.end), (area.left, area.right()), 4);
    let high = panel.ready.max().max(panel.desired.map_or(0.0, Series::max));
    let y = Axis::counts(high, (area.bottom(), area.top + 5.0), 3);
    for (value, label) in &y.ticks {
        let py = y.at(*value);
        scene.line((area.left, py), (area.right(), py), GRID, 1.0);
        scene.text((area.left - 5.0, py), label, SMALL, Align::Right);
    }
    fault_bands(scene, area, &x, run.faults);
    let corners = panel.ready.corners(&x, &y);
    let mut outline = corners.clone();
    if let (Some(first), Some(end)) = (corners.first(), corners.last()) {
        outline.extend([(end.0, area.bottom()), (first.0, area.bottom())]);
    }
    scene.polygon(outline, BLUE.alpha(0.28));
    scene.path(corners, BLUE, 1.75);
    if let Some(desired) = panel.desired {
        scene.dashed(&desired.corners(&x, &y), BLACK, 1.25, (4.0, 3.0));
    }
    fault_edges(scene, area, &x, run.faults);
    scene.line((area.left, area.bottom()), (area.right(), area.bottom()), AXIS, 1.0);
    for (value, label) in &x.ticks {
        let px = x.at(*value);
        scene.line((px, area.bottom()), (px, area.bottom() + 3.0), AXIS, 1.0);
        scene.text((px, area.bottom() + 12.0), label, SMALL, Align::Middle);
    }
    if last {
        let at = (area.left + area.width / 2.0, area.bottom() + 28.0);
        scene.text(at, "time since the start", SMALL, Align::Middle);
    }
    panel_title(scene, area, panel);
}

fn panel_title(scene: &mut Scene, area: Area, panel: &Panel<'_>) {
    let y = area.top - 14.0;
    let short = match panel.worst {
        Some((ready, desired)) => format!("{ready} of {desired} at worst"),
        None => String::new(),
    };
    let room = area.width + 20.0 - text_width(&short, SHORT) - 8.0;
    let name = fit_text(panel.workload, HEADING, room);
    scene.text((area.left - 20.0, y), &name, HEADING, Align::Left);
    scene.text((area.right(), y), &short, SHORT, Align::Right);
}
