//! `recovery-by-policy`: where the time to be whole again goes under each policy.

use super::Chart;
use super::axis::Axis;
use super::compared::{CompareView, Metric, diff_interval, interval};
use super::frame::{self, HEADING, Key, LABEL, MARGIN, SMALL, WIDTH, legend, whisker, x_axis};
use super::palette::{INK, WHITE};
use super::recovery::{PART_COUNT, PARTS, part_keys, stacked_bar};
use super::scene::{Align, Area, Scene, fit_text, text_width};
use crate::report::ReportError;
use crate::report::format::{difference, duration, measured};
use crate::tables::ComparisonRow;

const NAME: &str = "recovery-by-policy";
const TITLE: &str = "Where does the time to recover go?";
const ROW: f64 = 54.0;
/// Height of a bar; the parts in figures stand below it.
const BAR: f64 = 24.0;
const LEFT: f64 = 210.0;
/// Room for the figures right of the plot.
const RIGHT: f64 = 180.0;

/// One policy's bar.
struct Bar<'a> {
    policy: &'a str,
    parts: [Option<&'a ComparisonRow>; PART_COUNT],
    total: Option<&'a ComparisonRow>,
}

impl Bar<'_> {
    fn length(&self) -> f64 {
        self.parts.into_iter().flatten().map(|row| row.mean).sum()
    }
}

/// Draws the chart.
pub(super) fn draw(view: &CompareView<'_>) -> Result<Chart, ReportError> {
    let bars = bars(view);
    if bars.is_empty() {
        let why = "comparison.csv has none of recovery_detect_seconds, \
                   recovery_reschedule_seconds, recovery_start_seconds, recovery_ready_seconds";
        return Chart::empty(NAME, TITLE, view.subtitle, why);
    }
    let height = 90.0 + bars.len() as f64 * ROW + 58.0;
    let (mut scene, top) = frame::open(height, TITLE, view.subtitle);
    let mut keys = part_keys();
    if bars.iter().any(|bar| bar.total.is_some()) {
        keys.push((Key::Whisker, "95 % interval of the whole"));
    }
    let top = legend(&mut scene, top, &keys) + 4.0;
    let area = Area::new(LEFT, top, WIDTH - LEFT - MARGIN - RIGHT, bars.len() as f64 * ROW);
    let reach = bars.iter().map(|bar| {
        let high = bar.total.and_then(interval).map_or(0.0, |(_, hi)| hi);
        bar.length().max(high).max(bar.total.map_or(0.0, |row| row.mean))
    });
    let longest = reach.fold(1e-3, f64::max);
    let x = Axis::lengths((0.0, longest), (area.left, area.right()), 8);
    x_axis(
        &mut scene,
        area,
        &x,
        "mean over affected workloads and replications, since the fault began",
    );
    for (index, bar) in bars.iter().enumerate() {
        let top = area.top + index as f64 * ROW;
        let middle = top + 8.0 + BAR / 2.0;
        let name = fit_text(bar.policy, LABEL, LEFT - MARGIN - 14.0);
        scene.text((LEFT - 12.0, middle), &name, LABEL, Align::Right);
        let parts = bar.parts.map(|part| part.map(|row| row.mean));
        let mut end = stacked_bar(&mut scene, (top + 8.0, BAR), parts, &x);
        let parts = fit_text(&part_figures(bar), SMALL, WIDTH - MARGIN - LEFT);
        let below = top + 8.0 + BAR + 11.0;
        let plate = Area::new(LEFT, below - 7.0, text_width(&parts, SMALL) + 4.0, 14.0);
        scene.rect(plate, WHITE);
        scene.text((LEFT, below), &parts, SMALL, Align::Left);
        if let Some((lo, hi)) = bar.total.and_then(interval) {
            whisker(&mut scene, (x.at(lo), x.at(hi)), middle, INK);
            end = end.max(x.at(hi));
        }
        figures(&mut scene, (end + 8.0, middle), bar);
    }
    Chart::new(NAME, TITLE, view.subtitle, scene)
}

/// The whole in figures, and how it differs from the baseline's.
fn figures(scene: &mut Scene, at: (f64, f64), bar: &Bar<'_>) {
    let total = duration(bar.total.map_or_else(|| bar.length(), |row| row.mean));
    let beside = match bar.total {
        Some(row) if row.verdict == "no difference" => row.verdict.clone(),
        Some(row) => row.diff.map_or_else(String::new, |diff| {
            let half = diff_interval(row).map(|(lo, hi)| (hi - lo) / 2.0);
            difference(diff, half, &row.unit)
        }),
        None => String::new(),
    };
    let after = text_width(&total, HEADING) + 8.0;
    let width = after + text_width(&beside, SMALL);
    scene.rect(Area::new(at.0 - 4.0, at.1 - 9.0, width + 8.0, 18.0), WHITE);
    scene.text(at, &total, HEADING, Align::Left);
    scene.text((at.0 + after, at.1), &beside, SMALL, Align::Left);
}

/// Every part's mean with half its 95 % interval: `detect 40 ± 0.5 s · reschedule …`.
fn part_figures(bar: &Bar<'_>) -> String {
    let parts = bar.parts.into_iter().zip(PARTS);
    let texts = parts.filter_map(|(row, (name, ..))| {
        let row = row?;
        let half = interval(row).map(|(lo, hi)| (hi - lo) / 2.0);
        Some(format!("{name} {}", measured(row.mean, half, &row.unit)))
    });
    texts.collect::<Vec<_>>().join(" · ")
}

fn bars<'a>(view: &'a CompareView<'_>) -> Vec<Bar<'a>> {
    let detect = view.named("recovery_detect_seconds", "");
    let labels = detect.map_or("", |metric| metric.key().1);
    let parts = [
        detect,
        view.named("recovery_reschedule_seconds", labels),
        view.named("recovery_start_seconds", labels),
        view.named("recovery_ready_seconds", labels),
    ];
    // Only the mean over the same things may stand beside the parts, no quantile.
    let total = view
        .named("time_to_whole_seconds", labels)
        .filter(|metric| metric.key().1 == labels || metric.key().1.is_empty());
    let row_of = |metric: Option<&Metric<'a>>, policy: &str| -> Option<&'a ComparisonRow> {
        metric?.rows.iter().find(|row| row.policy == policy).copied()
    };
    view.policies
        .iter()
        .map(|policy| Bar {
            policy,
            parts: parts.map(|part| row_of(part, policy)),
            total: row_of(total, policy),
        })
        .filter(|bar| bar.parts.iter().any(Option::is_some))
        .collect()
}
