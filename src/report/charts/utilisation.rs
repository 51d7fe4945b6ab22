//! `utilisation`: the share of the cluster's allocatable resources that bound pods request.

use super::Chart;
use super::axis::Axis;
use super::frame::{
    self, DOTS, Key, MARGIN, WIDTH, fault_bands, fault_edges, fault_label_height, fault_labels,
    legend, x_axis, y_axis,
};
use super::palette::categorical;
use super::scene::Area;
use super::steps::RunView;
use crate::report::ReportError;

const NAME: &str = "utilisation";
const TITLE: &str = "How much of the cluster do the pods request?";
/// More lines than this cannot be told apart.
const MAX_LINES: usize = 6;

/// Draws the chart.
pub(super) fn draw(run: &RunView<'_>) -> Result<Chart, ReportError> {
    let all = run.series("cluster_allocated_ratio");
    if all.is_empty() {
        let why = "timeseries.csv has no cluster_allocated_ratio";
        return Chart::empty(NAME, TITLE, run.subtitle, why);
    }
    let shown = &all[..all.len().min(MAX_LINES)];
    let (mut scene, top) = frame::open(370.0, TITLE, run.subtitle);
    let keys: Vec<(Key, &str)> = shown
        .iter()
        .enumerate()
        .map(|(index, series)| {
            let color = categorical(index);
            let key = match index % 3 {
                0 => Key::Line(color),
                1 => Key::Dashed(color),
                _ => Key::Dotted(color),
            };
            (key, series.label("resource"))
        })
        .collect();
    let top = legend(&mut scene, top, &keys) + fault_label_height(run.faults) + 4.0;
    let bottom = if all.len() > MAX_LINES { 68.0 } else { 52.0 };
    let area = Area::new(84.0, top, WIDTH - 84.0 - MARGIN - 6.0, scene.height - top - bottom);
    let x = Axis::time((0.0, run.end), (area.left, area.right()), 9);
    let high = shown.iter().map(|series| series.max()).fold(1.0, f64::max);
    let y = Axis::shares((0.0, high), (area.bottom(), area.top), 5);
    x_axis(&mut scene, area, &x, "time since the start");
    y_axis(&mut scene, area, &y, "requested ÷ allocatable");
    fault_bands(&mut scene, area, &x, run.faults);
    fault_labels(&mut scene, area, &x, run.faults);
    for (index, series) in shown.iter().enumerate() {
        let corners = series.corners(&x, &y);
        match index % 3 {
            0 => scene.path(corners, categorical(index), 2.0),
            1 => scene.dashed(&corners, categorical(index), 2.0, (7.0, 3.5)),
            _ => scene.dashed(&corners, categorical(index), 2.5, DOTS),
        }
    }
    fault_edges(&mut scene, area, &x, run.faults);
    if all.len() > MAX_LINES {
        let hidden = all.len() - MAX_LINES;
        frame::note(&mut scene, &format!("{hidden} more resources are in timeseries.csv"));
    }
    Chart::new(NAME, TITLE, run.subtitle, scene)
}
