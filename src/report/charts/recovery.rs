//! `recovery`: how long each workload took to be whole again, split into what took the time.

use super::Chart;
use super::axis::{Axis, time_label};
use super::frame::{self, Key, LABEL, MARGIN, SMALL, WIDTH, legend, note, x_axis};
use super::palette::{BLUE, CALM, INK, MUTED, ORANGE, SKY, WHITE};
use super::scene::{Align, Area, Color, Font, Scene, fit_text, text_width};
use super::steps::RunView;
use crate::report::ReportError;
use crate::report::format::duration;
use crate::tables::RecoveryRow;

const NAME: &str = "recovery";
const TITLE: &str = "How long until every workload was whole again?";
/// Bars on one chart.
const MAX_BARS: usize = 24;
const ROW: f64 = 25.0;
/// Left edge of the bars, with one fault and with several to name.
const LEFT: (f64, f64) = (250.0, 440.0);
/// Where the names of workloads end, if faults are named beside them.
const NAMES: f64 = 200.0;
const VALUE: Font = Font::new(11.0, INK);

const PART: Font = Font::new(10.5, INK);
const PART_ON_DARK: Font = Font::new(10.5, WHITE).bold();

/// How many parts a recovery has.
pub(super) const PART_COUNT: usize = 4;

/// The parts of a recovery, in order: legend text, colour, hatched.
pub(super) const PARTS: [(&str, Color, bool); PART_COUNT] = [
    ("detect", ORANGE, false),
    ("reschedule", BLUE, true),
    ("start containers", SKY, false),
    ("become ready", CALM, false),
];

/// The legend of the parts.
pub(super) fn part_keys() -> Vec<(Key, &'static str)> {
    PARTS
        .iter()
        .map(|(name, color, hatched)| {
            (if *hatched { Key::Hatched(*color) } else { Key::Fill(*color) }, *name)
        })
        .collect()
}

/// Draws the parts of one recovery side by side from `x`'s zero on, each with its length where
/// there is room; returns the end in pixels.
pub(super) fn stacked_bar(
    scene: &mut Scene,
    (top, height): (f64, f64),
    parts: [Option<f64>; PART_COUNT],
    x: &Axis,
) -> f64 {
    let mut sum = 0.0;
    for (length, (_, color, hatched)) in parts.into_iter().zip(PARTS) {
        let Some(length) = length else { continue };
        let (from, to) = (x.at(sum), x.at(sum + length.max(0.0)));
        let area = Area::new(from, top, to - from, height);
        scene.rect(area, color);
        if hatched {
            scene.hatch(area, WHITE.alpha(0.6), 6.0);
        }
        scene.line((to, top), (to, top + height), WHITE, 1.0);
        let text = duration(length);
        let width = text_width(&text, PART);
        if width + 10.0 <= area.width {
            let at = (f64::midpoint(from, to), top + height / 2.0);
            let font = if hatched { PART_ON_DARK } else { PART };
            if hatched {
                let plate = Area::new(at.0 - width / 2.0 - 4.0, top, width + 8.0, height);
                scene.rect(plate, color);
            }
            scene.text(at, &text, font, Align::Middle);
        }
        sum += length.max(0.0);
    }
    x.at(sum)
}

/// Draws the chart.
pub(super) fn draw(run: &RunView<'_>) -> Result<Chart, ReportError> {
    let mut rows: Vec<&RecoveryRow> =
        run.recovery.iter().filter(|row| row.replicas_lost > 0 || row.censored).collect();
    if rows.is_empty() {
        let why = "no fault cost a workload any ready replica";
        return Chart::empty(NAME, TITLE, run.subtitle, why);
    }
    rows.sort_by(|a, b| {
        let slower = length(b, run).total_cmp(&length(a, run));
        slower.then(a.fault.cmp(&b.fault)).then(a.workload.cmp(&b.workload))
    });
    let shown = &rows[..rows.len().min(MAX_BARS)];
    let left = if run.faults.len() > 1 { LEFT.1 } else { LEFT.0 };
    let foot = if rows.len() > shown.len() { 74.0 } else { 56.0 };
    let height = 104.0 + shown.len() as f64 * ROW + foot;
    let (mut scene, top) = frame::open(height, TITLE, run.subtitle);
    let mut keys = part_keys();
    if shown.iter().any(|row| row.censored) {
        keys.push((Key::Dashed(MUTED), "not whole by the end of the run"));
    }
    let top = legend(&mut scene, top, &keys) + 14.0;
    let area = Area::new(left, top, WIDTH - left - MARGIN - 64.0, shown.len() as f64 * ROW);
    let longest = shown.iter().map(|row| bar_length(row)).fold(1.0, f64::max);
    let x = Axis::lengths((0.0, longest), (area.left, area.right()), 7);
    x_axis(&mut scene, area, &x, "time since the fault began");
    scene.text((left - 8.0, area.top - 7.0), "replicas lost", SMALL, Align::Right);
    for (index, row) in shown.iter().enumerate() {
        draw_bar(&mut scene, (left, area.top + index as f64 * ROW), row, &x, run);
    }
    if rows.len() > shown.len() {
        let hidden = rows.len() - shown.len();
        note(
            &mut scene,
            &format!("The {MAX_BARS} slowest of {}; {hidden} more are in recovery.csv", rows.len()),
        );
    }
    Chart::new(NAME, TITLE, run.subtitle, scene)
}

/// What the bar's parts sum to.
fn bar_length(row: &RecoveryRow) -> f64 {
    parts_of(row).into_iter().flatten().sum()
}

/// The parts of one recovery, in order.
fn parts_of(row: &RecoveryRow) -> [Option<f64>; PART_COUNT] {
    [row.detect_seconds, row.reschedule_seconds, row.start_seconds, row.ready_seconds]
}

/// The sorting length: unfinished recoveries before all others.
fn length(row: &RecoveryRow, run: &RunView<'_>) -> f64 {
    if row.censored { run.end + bar_length(row) } else { bar_length(row) }
}

fn draw_bar(
    scene: &mut Scene,
    (left, top): (f64, f64),
    row: &RecoveryRow,
    x: &Axis,
    run: &RunView<'_>,
) {
    let middle = top + ROW / 2.0;
    let fault = run.faults.iter().find(|fault| fault.fault == row.fault);
    match fault {
        Some(fault) if run.faults.len() > 1 => {
            let name = fit_text(&row.workload, LABEL, NAMES - MARGIN);
            scene.text((NAMES, middle), &name, LABEL, Align::Right);
            let what = format!("{} {}", fault.kind, fault.target);
            let at = format!(" at {}", time_label(fault.start_seconds.round()));
            let room = left - 40.0 - NAMES - 12.0 - text_width(&at, SMALL);
            let what = fit_text(what.trim_end(), SMALL, room) + &at;
            scene.text((NAMES + 12.0, middle), &what, SMALL, Align::Left);
        }
        _ => {
            let name = fit_text(&row.workload, LABEL, left - MARGIN - 44.0);
            scene.text((left - 40.0, middle), &name, LABEL, Align::Right);
        }
    }
    let lost = format!("−{}", row.replicas_lost);
    scene.text((left - 8.0, middle), &lost, SMALL, Align::Right);
    let end = stacked_bar(scene, (top + 4.0, ROW - 8.0), parts_of(row), x);
    if row.censored {
        let right = x.at(x.domain().1);
        let ends = [(end, middle), (right, middle)];
        scene.dashed(&ends, MUTED, 2.0, (5.0, 3.0));
        let tip = vec![(right + 7.0, middle), (right, middle - 4.0), (right, middle + 4.0)];
        scene.polygon(tip, MUTED);
        let text = match fault {
            Some(fault) => format!("> {}", duration(run.end - fault.start_seconds)),
            None => "not whole".to_owned(),
        };
        scene.text((right + 11.0, middle), &text, VALUE, Align::Left);
    } else {
        let total = row.time_to_whole_seconds.unwrap_or_else(|| bar_length(row));
        let text = duration(total);
        let plate = Area::new(end + 3.0, middle - 8.0, text_width(&text, VALUE) + 6.0, 16.0);
        scene.rect(plate, WHITE);
        scene.text((end + 6.0, middle), &text, VALUE, Align::Left);
    }
}
