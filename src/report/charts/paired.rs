//! `paired-dots`: the first primary metric in every replication, joined across policies.

use std::collections::BTreeMap;

use super::Chart;
use super::axis::Axis;
use super::compared::CompareView;
use super::frame::{self, Key, LABEL, MARGIN, WIDTH, legend, note, y_axis};
use super::palette::{AXIS, BLUE, GREY, INK};
use super::scene::{Align, Area, Scene, fit_text};
use crate::report::ReportError;

const NAME: &str = "paired-dots";
const TITLE: &str = "Do the policies differ in every single storm?";
/// More lines than this blur into one.
const MAX_LINES: usize = 200;
const MAX_POLICIES: usize = 12;

/// Draws the chart.
pub(super) fn draw(view: &CompareView<'_>) -> Result<Chart, ReportError> {
    let metric = view.primary().into_iter().next();
    let lines = metric.map(|metric| lines(view, metric.key())).unwrap_or_default();
    let (Some(metric), false) = (metric, lines.is_empty()) else {
        let why = "replications.csv has no values of a primary metric";
        let scene = frame::no_data(TITLE, view.subtitle, why);
        return Chart::new(NAME, TITLE, view.subtitle, scene);
    };
    let policies = &view.policies[..view.policies.len().min(MAX_POLICIES)];
    let (mut scene, top) = frame::open(460.0, TITLE, view.subtitle);
    let keys = [
        (Key::Dot(BLUE), "one replication"),
        (Key::Line(GREY), "the same replication: the same storm under each policy"),
        (Key::Line(INK), "mean"),
    ];
    let top = legend(&mut scene, top, &keys) + 10.0;
    let area = Area::new(104.0, top, WIDTH - 104.0 - MARGIN - 6.0, scene.height - top - 58.0);
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for value in lines.values().flat_map(|line| line.iter().map(|point| point.1)) {
        (low, high) = (low.min(value), high.max(value));
    }
    if low > 0.0 && metric.unit() != "ratio" {
        low = 0.0;
    }
    let y = Axis::of_unit(metric.unit(), (low, high), (area.bottom(), area.top), 6);
    let direction = metric.direction();
    let title = if direction.is_empty() {
        metric.title()
    } else {
        format!("{} ({direction})", metric.title())
    };
    y_axis(&mut scene, area, &y, &fit_text(&title, frame::SUBTITLE, area.height));
    scene.line((area.left, area.bottom()), (area.right(), area.bottom()), AXIS, 1.0);
    let step = area.width / policies.len() as f64;
    let x_of = |policy: usize| area.left + (policy as f64 + 0.5) * step;
    draw_lines(&mut scene, &lines, policies.len(), (&x_of, &y));
    for (index, policy) in policies.iter().enumerate() {
        let at = (x_of(index), area.bottom() + 16.0);
        scene.text(at, &fit_text(policy, LABEL, step - 8.0), LABEL, Align::Middle);
        if let Some(row) = metric.rows.iter().find(|row| row.policy == *policy) {
            let mean = y.at(row.mean);
            scene.line((at.0 - 22.0, mean), (at.0 + 22.0, mean), INK, 2.5);
        }
    }
    let mut text = format!("{} replications", lines.len());
    if lines.len() > MAX_LINES {
        text = format!("{text}, the first {MAX_LINES} drawn");
    }
    if view.policies.len() > policies.len() {
        text = format!("{text}; the first {MAX_POLICIES} of {} policies", view.policies.len());
    }
    note(&mut scene, &text);
    Chart::new(NAME, TITLE, view.subtitle, scene)
}

/// Per replication: (index of the policy, value), in the order of the policies.
type Lines = BTreeMap<u32, Vec<(usize, f64)>>;

fn lines(view: &CompareView<'_>, (name, labels): (&str, &str)) -> Lines {
    let mut lines = Lines::new();
    for row in view.replications.iter().filter(|row| row.metric == name && row.labels == labels) {
        if let Some(policy) = view.policies.iter().position(|policy| *policy == row.policy) {
            lines.entry(row.replication).or_default().push((policy, row.value));
        }
    }
    for line in lines.values_mut() {
        line.sort_by_key(|point| point.0);
    }
    lines
}

fn draw_lines(
    scene: &mut Scene,
    lines: &Lines,
    policies: usize,
    (x_of, y): (&impl Fn(usize) -> f64, &Axis),
) {
    let strokes = if lines.len() > 60 { 0.3 } else { 0.6 };
    let shown = || lines.values().take(MAX_LINES);
    let place = |point: &(usize, f64)| (x_of(point.0), y.at(point.1));
    for line in shown() {
        let points = line.iter().filter(|point| point.0 < policies).map(place).collect();
        scene.path(points, GREY.alpha(strokes), 1.0);
    }
    for point in shown().flatten().filter(|point| point.0 < policies) {
        scene.disc(place(point), 3.0, BLUE.alpha(0.55));
    }
}
