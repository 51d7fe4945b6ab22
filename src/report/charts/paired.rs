//! `paired-dots`: the first primary metric that differs, in every replication, joined across policies.
//!
//! Under each policy the replications stand side by side in their order, so that equal values do
//! not hide each other and a line joins equal places.

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
/// Share of a policy's column over which its replications are spread, and its limit in pixels.
const SPREAD: (f64, f64) = (0.62, 150.0);

/// Draws the chart.
pub(super) fn draw(view: &CompareView<'_>) -> Result<Chart, ReportError> {
    let primary = view.primary();
    let metric = primary.iter().find(|metric| !metric.never_differs()).or(primary.first()).copied();
    if metric.is_some_and(|metric| metric.never_differs()) {
        let why = "no primary metric differs in any replication";
        return Chart::empty(NAME, TITLE, view.subtitle, why);
    }
    let lines = metric.map(|metric| lines(view, metric.key())).unwrap_or_default();
    let (Some(metric), false) = (metric, lines.is_empty()) else {
        let why = "replications.csv has no values of a primary metric";
        return Chart::empty(NAME, TITLE, view.subtitle, why);
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
    let spread = (step * SPREAD.0).min(SPREAD.1);
    draw_lines(&mut scene, &lines, (policies.len(), spread), (&x_of, &y));
    for (index, policy) in policies.iter().enumerate() {
        let at = (x_of(index), area.bottom() + 16.0);
        scene.text(at, &fit_text(policy, LABEL, step - 8.0), LABEL, Align::Middle);
        if let Some(row) = metric.rows.iter().find(|row| row.policy == *policy) {
            let mean = y.at(row.mean);
            let reach = spread / 2.0 + 8.0;
            scene.line((at.0 - reach, mean), (at.0 + reach, mean), INK, 2.0);
        }
    }
    let mut text = format!("{} replications, side by side in their order", lines.len());
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
    (policies, spread): (usize, f64),
    (x_of, y): (&impl Fn(usize) -> f64, &Axis),
) {
    let strokes = if lines.len() > 60 { 0.2 } else { 0.45 };
    let shown = lines.len().min(MAX_LINES);
    let radius = if shown > 60 { 2.0 } else { 3.0 };
    let offset = |index: usize| match shown {
        0 | 1 => 0.0,
        _ => spread * (index as f64 / (shown - 1) as f64 - 0.5),
    };
    let places: Vec<Vec<(f64, f64)>> = lines
        .values()
        .take(shown)
        .enumerate()
        .map(|(index, line)| {
            let known = line.iter().filter(|point| point.0 < policies);
            known.map(|point| (x_of(point.0) + offset(index), y.at(point.1))).collect()
        })
        .collect();
    for line in &places {
        scene.path(line.clone(), GREY.alpha(strokes), 1.0);
    }
    for at in places.into_iter().flatten() {
        scene.disc(at, radius, BLUE.alpha(0.7));
    }
}
