//! `recovery-by-policy`: where the time to be whole again goes under each policy.

use super::Chart;
use super::axis::Axis;
use super::compared::{CompareView, Metric, interval};
use super::frame::{self, Key, LABEL, MARGIN, WIDTH, legend, whisker, x_axis};
use super::palette::INK;
use super::recovery::{part_keys, stacked_bar};
use super::scene::{Align, Area, fit_text};
use crate::report::ReportError;
use crate::report::format::duration;
use crate::tables::ComparisonRow;

const NAME: &str = "recovery-by-policy";
const TITLE: &str = "Where does the time to recover go?";
const ROW: f64 = 40.0;
const LEFT: f64 = 210.0;

/// One policy's bar.
struct Bar<'a> {
    policy: &'a str,
    parts: [Option<f64>; 3],
    total: Option<&'a ComparisonRow>,
}

impl Bar<'_> {
    fn length(&self) -> f64 {
        self.parts.into_iter().flatten().sum()
    }
}

/// Draws the chart.
pub(super) fn draw(view: &CompareView<'_>) -> Result<Chart, ReportError> {
    let bars = bars(view);
    if bars.is_empty() {
        let why = "comparison.csv has none of recovery_detect_seconds, \
                   recovery_reschedule_seconds, recovery_ready_seconds";
        let scene = frame::no_data(TITLE, view.subtitle, why);
        return Chart::new(NAME, TITLE, view.subtitle, scene);
    }
    let height = 90.0 + bars.len() as f64 * ROW + 58.0;
    let (mut scene, top) = frame::open(height, TITLE, view.subtitle);
    let mut keys = part_keys();
    if bars.iter().any(|bar| bar.total.is_some()) {
        keys.push((Key::Whisker, "95 % interval of the mean total"));
    }
    let top = legend(&mut scene, top, &keys) + 4.0;
    let area = Area::new(LEFT, top, WIDTH - LEFT - MARGIN - 80.0, bars.len() as f64 * ROW);
    let reach = bars.iter().map(|bar| {
        let high = bar.total.and_then(interval).map_or(0.0, |(_, hi)| hi);
        bar.length().max(high).max(bar.total.map_or(0.0, |row| row.mean))
    });
    let longest = reach.fold(1e-3, f64::max);
    let x = Axis::lengths((0.0, longest), (area.left, area.right()), 8);
    x_axis(&mut scene, area, &x, "mean time since the fault, over replications");
    for (index, bar) in bars.iter().enumerate() {
        let top = area.top + index as f64 * ROW;
        let middle = top + ROW / 2.0;
        let name = fit_text(bar.policy, LABEL, LEFT - MARGIN - 14.0);
        scene.text((LEFT - 12.0, middle), &name, LABEL, Align::Right);
        let mut end = stacked_bar(&mut scene, (top + 8.0, ROW - 16.0), bar.parts, &x);
        if let Some((lo, hi)) = bar.total.and_then(interval) {
            whisker(&mut scene, (x.at(lo), x.at(hi)), middle, INK);
            end = end.max(x.at(hi));
        }
        let total = bar.total.map_or_else(|| bar.length(), |row| row.mean);
        scene.text((end + 8.0, middle), &duration(total), LABEL, Align::Left);
    }
    Chart::new(NAME, TITLE, view.subtitle, scene)
}

fn bars<'a>(view: &'a CompareView<'_>) -> Vec<Bar<'a>> {
    let detect = view.named("recovery_detect_seconds", "");
    let labels = detect.map_or("", |metric| metric.key().1);
    let parts = [
        detect,
        view.named("recovery_reschedule_seconds", labels),
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
            parts: parts.map(|part| row_of(part, policy).map(|row| row.mean)),
            total: row_of(total, policy),
        })
        .filter(|bar| bar.parts.iter().any(Option::is_some))
        .collect()
}
