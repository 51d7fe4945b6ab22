//! `differences` and `means`: points with 95 % intervals, one panel per primary metric. A metric in
//! which no replication differs needs no panel: it is named in a line below.

use super::Chart;
use super::axis::Axis;
use super::compared::{CompareView, Metric, diff_interval, interval};
use super::frame::{
    self, HEADING, Key, LABEL, MARGIN, SMALL, WIDTH, diamond, legend, ring, square, whisker, x_axis,
};
use super::palette::{BLACK, BLUE, GREY, INK, MUTED, PURPLE, VERMILION};
use super::scene::{Align, Area, Color, Font, Scene, fit_text, text_width};
use crate::report::ReportError;
use crate::report::format::{difference, measured, value};
use crate::tables::ComparisonRow;

/// Panels on one chart.
const MAX_PANELS: usize = 6;
const ROW: f64 = 26.0;
const LEFT: f64 = 210.0;
/// Room for the numbers right of the plot.
const RIGHT: f64 = 270.0;
const HEAD: f64 = 30.0;
const FOOT: f64 = 34.0;

/// Width of a mark: an interval that is narrower lies within it.
const MARK: f64 = 9.0;

/// One row of a panel.
struct Mark<'a> {
    policy: &'a str,
    center: f64,
    interval: Option<(f64, f64)>,
    look: Look,
    text: String,
    verdict: String,
}

/// Shape and colour say the same thing twice.
#[derive(Copy, Clone, PartialEq)]
enum Look {
    Better,
    Worse,
    Different,
    Same,
    Plain,
}

impl Look {
    fn of(row: &ComparisonRow) -> Look {
        match row.verdict.as_str() {
            "better" => Look::Better,
            "worse" => Look::Worse,
            "different" => Look::Different,
            _ => Look::Same,
        }
    }

    fn color(self) -> Color {
        match self {
            Look::Better | Look::Plain => BLUE,
            Look::Worse => VERMILION,
            Look::Different => PURPLE,
            Look::Same => GREY.mix(BLACK, 0.35),
        }
    }
}

/// `differences`: each policy's paired difference to the baseline.
pub(super) fn differences(view: &CompareView<'_>) -> Result<Chart, ReportError> {
    const TITLE: &str = "How do the policies differ from the baseline?";
    let panels = panels(view, |row| {
        let diff = row.diff?;
        let half = diff_interval(row).map(|(lo, hi)| (hi - lo) / 2.0);
        Some(Mark {
            policy: &row.policy,
            center: diff,
            interval: diff_interval(row),
            look: Look::of(row),
            text: difference(diff, half, &row.unit),
            verdict: row.verdict.clone(),
        })
    });
    let why = "comparison.csv has no difference to a baseline";
    let keys = [
        (Key::Dot(BLUE), "better"),
        (Key::Square(VERMILION), "worse"),
        (Key::Diamond(PURPLE), "different"),
        (Key::Ring(Look::Same.color()), "no difference"),
        (Key::Whisker, "95 % interval of the paired difference, if wider than the mark"),
    ];
    let moving = || panels.iter().filter(|(metric, _)| !metric.never_differs());
    let shown = |look: Look| moving().flat_map(|(_, marks)| marks).any(|m| m.look == look);
    let looks = [Look::Better, Look::Worse, Look::Different, Look::Same];
    let keys: Vec<(Key, &str)> = keys
        .into_iter()
        .enumerate()
        .filter(|(index, _)| looks.get(*index).is_none_or(|look| shown(*look)))
        .map(|(_, key)| key)
        .collect();
    draw("differences", TITLE, view, (panels, why, &keys, true))
}

/// `means`: each policy's mean.
pub(super) fn means(view: &CompareView<'_>) -> Result<Chart, ReportError> {
    const TITLE: &str = "What did each policy reach on average?";
    let panels = panels(view, |row| {
        let half = interval(row).map(|(lo, hi)| (hi - lo) / 2.0);
        Some(Mark {
            policy: &row.policy,
            center: row.mean,
            interval: interval(row),
            look: Look::Plain,
            text: measured(row.mean, half, &row.unit),
            verdict: if row.verdict == "baseline" { "baseline".to_owned() } else { String::new() },
        })
    });
    let keys = [
        (Key::Dot(BLUE), "mean"),
        (Key::Whisker, "95 % interval of the mean, if wider than the mark"),
    ];
    draw("means", TITLE, view, (panels, "comparison.csv has no rows", &keys, false))
}

type Panels<'a> = Vec<(&'a Metric<'a>, Vec<Mark<'a>>)>;

fn panels<'a>(
    view: &'a CompareView<'a>,
    mark: impl Fn(&'a ComparisonRow) -> Option<Mark<'a>>,
) -> Panels<'a> {
    view.primary()
        .into_iter()
        .map(|metric| (metric, metric.rows.iter().filter_map(|row| mark(row)).collect::<Vec<_>>()))
        .filter(|(_, marks)| !marks.is_empty())
        .collect()
}

/// Panels, why there may be none, the legend, and whether zero is a reference line.
type Content<'a> = (Panels<'a>, &'a str, &'a [(Key, &'a str)], bool);

fn draw(
    name: &'static str,
    title: &str,
    view: &CompareView<'_>,
    (panels, why, keys, zero): Content<'_>,
) -> Result<Chart, ReportError> {
    if panels.is_empty() {
        return Chart::empty(name, title, view.subtitle, why);
    }
    let (still, moving): (Vec<_>, Vec<_>) =
        panels.into_iter().partition(|(metric, _)| metric.never_differs());
    let shown = &moving[..moving.len().min(MAX_PANELS)];
    if shown.is_empty() {
        let names: Vec<String> = still.iter().map(|(metric, _)| same(metric)).collect();
        let why = format!("the same under every policy: {}", names.join("; "));
        return Chart::empty(name, title, view.subtitle, &why);
    }
    let rows: usize = shown.iter().map(|(_, marks)| marks.len()).sum();
    let mut notes = Vec::new();
    if !still.is_empty() {
        let names: Vec<String> = still.iter().map(|(metric, _)| same(metric)).collect();
        notes.push(format!("The same under every policy: {}", names.join("; ")));
    }
    if moving.len() > shown.len() {
        let hidden = moving.len() - shown.len();
        notes.push(format!("{hidden} more primary metrics are in comparison.csv"));
    }
    let height = 94.0
        + rows as f64 * ROW
        + shown.len() as f64 * (HEAD + FOOT)
        + 6.0
        + notes.len() as f64 * 20.0;
    let (mut scene, top) = frame::open(height, title, view.subtitle);
    let mut top = legend(&mut scene, top, keys);
    for (metric, marks) in shown {
        draw_panel(&mut scene, top, metric, (marks, zero));
        top += HEAD + marks.len() as f64 * ROW + FOOT;
    }
    for (index, text) in notes.iter().enumerate() {
        frame::note_line(&mut scene, text, notes.len() - 1 - index);
    }
    Chart::new(name, title, view.subtitle, scene)
}

/// `container restarts: 0`.
fn same(metric: &Metric<'_>) -> String {
    format!("{}: {}", metric.title(), value(metric.rows[0].mean, metric.unit()))
}

/// Both ends of a panel's scale before rounding.
fn reach(metric: &Metric<'_>, marks: &[Mark<'_>], zero: bool) -> (f64, f64) {
    let ends = marks.iter().flat_map(|mark| {
        let (lo, hi) = mark.interval.unwrap_or((mark.center, mark.center));
        [lo, hi, mark.center]
    });
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for end in ends {
        (low, high) = (low.min(end), high.max(end));
    }
    if zero {
        return (low.min(0.0), high.max(0.0));
    }
    // No mean is below nothing, though its interval may be.
    if marks.iter().all(|mark| mark.center >= 0.0) && (metric.unit() != "ratio" || low < 0.0) {
        low = 0.0;
    }
    if metric.unit() == "ratio" && marks.iter().all(|mark| mark.center <= 1.0) {
        high = high.min(1.0);
    }
    (low, high.max(low))
}

fn draw_panel(
    scene: &mut Scene,
    top: f64,
    metric: &Metric<'_>,
    (marks, zero): (&[Mark<'_>], bool),
) {
    let heading = fit_text(&metric.title(), HEADING, WIDTH / 2.0);
    scene.text((MARGIN, top + 15.0), &heading, HEADING, Align::Left);
    let after = MARGIN + text_width(&heading, HEADING) + 10.0;
    scene.text((after, top + 15.0), metric.direction(), SMALL, Align::Left);
    let height = marks.len() as f64 * ROW;
    let area = Area::new(LEFT, top + HEAD, WIDTH - LEFT - RIGHT, height);
    let ends = reach(metric, marks, zero);
    let mut x = Axis::of_unit(metric.unit(), ends, (area.left, area.right()), 5);
    if zero && metric.unit() == "ratio" {
        for tick in &mut x.ticks {
            tick.1 = tick.1.replace(" %", " pp");
        }
    }
    x_axis(scene, area, &x, "");
    if zero {
        let px = x.at(0.0);
        scene.line((px, area.top), (px, area.bottom()), INK, 1.5);
    }
    for (index, mark) in marks.iter().enumerate() {
        draw_mark(scene, area.top + (index as f64 + 0.5) * ROW, mark, &x);
    }
}

fn draw_mark(scene: &mut Scene, y: f64, mark: &Mark<'_>, x: &Axis) {
    const VERDICT: Font = Font::new(11.0, MUTED);
    let name = fit_text(mark.policy, LABEL, LEFT - MARGIN - 14.0);
    scene.text((LEFT - 12.0, y), &name, LABEL, Align::Right);
    let color = mark.look.color();
    if let Some((lo, hi)) = mark.interval.filter(|(lo, hi)| x.at(*hi) - x.at(*lo) > MARK) {
        whisker(scene, (x.at(lo), x.at(hi)), y, color);
    }
    let at = (x.at(mark.center), y);
    match mark.look {
        Look::Better | Look::Plain => scene.disc(at, 4.0, color),
        Look::Worse => square(scene, at, color),
        Look::Different => diamond(scene, at, color),
        Look::Same => ring(scene, at, color),
    }
    let left = WIDTH - RIGHT + 16.0;
    let verdict_font = Font { color: color.mix(BLACK, 0.25), ..VERDICT.bold() };
    let verdict_width = text_width(&mark.verdict, verdict_font);
    let room = RIGHT - 16.0 - MARGIN - verdict_width - 8.0;
    let text = fit_text(&mark.text, LABEL, room);
    scene.text((left, y), &text, LABEL, Align::Left);
    let at = left + text_width(&text, LABEL) + 8.0;
    let font = if mark.look == Look::Plain { SMALL } else { verdict_font };
    scene.text((at, y), &mark.verdict, font, Align::Left);
}
