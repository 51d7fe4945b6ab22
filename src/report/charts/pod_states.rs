//! `pod-states`: how many pods are in which state over time, stacked.

use super::Chart;
use super::axis::Axis;
use super::frame::{
    self, Key, MARGIN, WIDTH, fault_bands, fault_edges, fault_label_height, fault_labels, legend,
    x_axis, y_axis,
};
use super::palette::{BLACK, BLUE, CALM, GREY, ORANGE, PURPLE, SKY, VERMILION, WHITE};
use super::scene::{Area, Color, Scene};
use super::steps::{RunView, Series};
use crate::report::ReportError;

const NAME: &str = "pod-states";
const TITLE: &str = "Where are the pods, and when were they not ready?";

/// State label, legend text, colour, hatched; from the bottom of the stack to its top.
const STATES: [(&str, &str, Color, bool); 7] = [
    ("ready", "ready", CALM, false),
    ("succeeded", "succeeded", BLUE, false),
    ("starting", "starting", SKY, false),
    ("unready", "unready", ORANGE, true),
    ("terminating", "terminating", GREY, false),
    ("unscheduled", "unscheduled", VERMILION, true),
    ("failed", "failed", BLACK, false),
];

/// Draws the chart.
pub(super) fn draw(run: &RunView<'_>) -> Result<Chart, ReportError> {
    let layers = layers(run);
    if layers.is_empty() {
        return Chart::empty(NAME, TITLE, run.subtitle, "timeseries.csv has no pods{state}");
    }
    let (mut scene, top) = frame::open(430.0, TITLE, run.subtitle);
    let lost = run.series("pods_lost").first().filter(|series| series.max() > 0.0);
    let mut entries: Vec<(Key, &str)> = layers
        .iter()
        .map(|(_, name, color, hatched)| {
            (if *hatched { Key::Hatched(*color) } else { Key::Fill(*color) }, *name)
        })
        .collect();
    if lost.is_some() {
        entries.push((Key::Dashed(BLACK), "ready in truth (the API learns later)"));
    }
    let top = legend(&mut scene, top, &entries) + fault_label_height(run.faults) + 4.0;
    let area = Area::new(74.0, top, WIDTH - 74.0 - MARGIN - 6.0, scene.height - top - 52.0);
    let x = Axis::time((0.0, run.end), (area.left, area.right()), 9);
    let columns = columns(&layers, &x);
    let totals = columns.iter().map(|(_, values)| values.iter().sum::<f64>());
    let y = Axis::counts(totals.fold(0.0, f64::max), (area.bottom(), area.top), 6);
    x_axis(&mut scene, area, &x, "time since the start");
    y_axis(&mut scene, area, &y, "pods");
    fault_bands(&mut scene, area, &x, run.faults);
    stack(&mut scene, area, &layers, &columns, &y);
    if let Some(lost) = lost {
        truth_line(&mut scene, &layers, lost, (&x, &y));
    }
    fault_edges(&mut scene, area, &x, run.faults);
    fault_labels(&mut scene, area, &x, run.faults);
    Chart::new(NAME, TITLE, run.subtitle, scene)
}

type Layer<'a> = (&'a Series, &'a str, Color, bool);

/// The states that ever hold a pod, in stacking order; states unknown to us come last.
fn layers<'a>(run: &'a RunView<'_>) -> Vec<Layer<'a>> {
    let all = run.series("pods");
    let mut layers: Vec<Layer<'a>> = Vec::new();
    for (state, name, color, hatched) in STATES {
        let series = all.iter().find(|series| series.label("state") == state);
        layers.extend(series.map(|series| (series, name, color, hatched)));
    }
    for series in all {
        let state = series.label("state");
        if STATES.iter().all(|(known, ..)| *known != state) {
            layers.push((series, state, PURPLE, true));
        }
    }
    if layers.iter().any(|layer| layer.0.max() > 0.0) {
        layers.retain(|layer| layer.0.max() > 0.0);
    } else {
        layers.truncate(1);
    }
    layers
}

/// One entry per half pixel in which anything changes: (x, the layers' values from then on).
fn columns(layers: &[Layer<'_>], x: &Axis) -> Vec<(f64, Vec<f64>)> {
    let end = x.domain().1;
    let mut times: Vec<f64> =
        layers.iter().flat_map(|layer| layer.0.points.iter().map(|point| point.0)).collect();
    times.retain(|time| *time <= end);
    times.push(end);
    times.sort_by(f64::total_cmp);
    let mut columns: Vec<(f64, f64)> = Vec::new();
    for time in times {
        let px = (x.at(time) * 2.0).round() / 2.0;
        if columns.last().is_some_and(|column| column.0 >= px) {
            columns.pop();
        }
        columns.push((px, time));
    }
    let values = |time: f64| layers.iter().map(|layer| layer.0.at(time)).collect();
    columns.into_iter().map(|(px, time)| (px, values(time))).collect()
}

fn stack(
    scene: &mut Scene,
    area: Area,
    layers: &[Layer<'_>],
    columns: &[(f64, Vec<f64>)],
    y: &Axis,
) {
    for (index, (_, _, color, hatched)) in layers.iter().enumerate() {
        let edge = |values: &[f64], upto: usize| y.at(values[..upto].iter().sum());
        let mut upper: Vec<(f64, f64)> = Vec::new();
        let mut lower: Vec<(f64, f64)> = Vec::new();
        for (position, (px, values)) in columns.iter().enumerate() {
            let next = columns.get(position + 1).map_or(area.right(), |column| column.0);
            let (low, high) = (edge(values, index), edge(values, index + 1));
            upper.extend([(*px, high), (next, high)]);
            lower.extend([(*px, low), (next, low)]);
            if *hatched && low - high > 0.5 {
                scene.rect(Area::new(*px, high, next - px, low - high), *color);
                scene.hatch(Area::new(*px, high, next - px, low - high), WHITE.alpha(0.75), 6.0);
            }
        }
        if !*hatched {
            let outline = upper.iter().chain(lower.iter().rev()).copied().collect();
            scene.polygon(outline, *color);
        }
        scene.path(without_repeats(upper), WHITE, 0.75);
    }
}

/// Ready pods that have not been lost in truth: a dashed line inside the ready area.
fn truth_line(scene: &mut Scene, layers: &[Layer<'_>], lost: &Series, (x, y): (&Axis, &Axis)) {
    let Some((ready, ..)) = layers.iter().find(|layer| layer.1 == "ready") else { return };
    let mut times: Vec<f64> =
        ready.points.iter().chain(&lost.points).map(|point| point.0).collect();
    times.sort_by(f64::total_cmp);
    times.dedup();
    let points = times.iter().map(|time| (*time, (ready.at(*time) - lost.at(*time)).max(0.0)));
    let truth = Series { points: points.collect(), ..Series::default() };
    scene.dashed(&truth.corners(x, y), BLACK, 1.5, (6.0, 4.0));
}

fn without_repeats(mut points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    points.dedup();
    points
}
