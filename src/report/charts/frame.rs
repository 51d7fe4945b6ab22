//! What all charts share: title block, legend strip, axes, fault bands, the "no data" note.

use super::axis::{Axis, time_label};
use super::palette::{AXIS, BLACK, GRID, INK, MUTED, PANEL, VERMILION, WHITE};
use super::scene::{Align, Area, Color, Font, Scene, fit_text, text_width};
use crate::tables::FaultRow;

/// Width of every chart in logical pixels.
pub(super) const WIDTH: f64 = 960.0;
/// Left edge of titles, legends and notes.
pub(super) const MARGIN: f64 = 20.0;

/// Dash and gap of a dotted line.
pub(super) const DOTS: (f64, f64) = (2.0, 2.5);

pub(super) const TITLE: Font = Font::new(17.0, INK).bold();
pub(super) const SUBTITLE: Font = Font::new(12.0, MUTED);
pub(super) const LABEL: Font = Font::new(12.0, INK);
pub(super) const SMALL: Font = Font::new(11.0, MUTED);
pub(super) const HEADING: Font = Font::new(12.0, INK).bold();

/// How an entry of a legend is drawn.
#[derive(Copy, Clone, Debug)]
pub(super) enum Key {
    Fill(Color),
    Hatched(Color),
    Line(Color),
    Dashed(Color),
    Dotted(Color),
    Dot(Color),
    Square(Color),
    Diamond(Color),
    Ring(Color),
    Band,
    Whisker,
}

/// Starts a chart: ground, title, subtitle. Returns the scene and the y where content may begin.
pub(super) fn open(height: f64, title: &str, subtitle: &str) -> (Scene, f64) {
    let mut scene = Scene::new(WIDTH, height);
    let width = WIDTH - 2.0 * MARGIN;
    scene.text((MARGIN, 24.0), &fit_text(title, TITLE, width), TITLE, Align::Left);
    scene.text((MARGIN, 46.0), &fit_text(subtitle, SUBTITLE, width), SUBTITLE, Align::Left);
    (scene, 62.0)
}

/// A whole chart that only says that there is nothing to draw, and why.
pub(super) fn no_data(title: &str, subtitle: &str, why: &str) -> Scene {
    let (mut scene, top) = open(200.0, title, subtitle);
    let area = Area::new(MARGIN, top + 4.0, WIDTH - 2.0 * MARGIN, 110.0);
    scene.rect(area, PANEL);
    let at = (area.left + area.width / 2.0, area.top + area.height / 2.0);
    let text = fit_text(&format!("nothing to draw: {why}"), SUBTITLE, area.width - 20.0);
    scene.text(at, &text, SUBTITLE, Align::Middle);
    scene
}

/// Draws the legend from `top` on, wrapping at the right margin; returns the y below it.
pub(super) fn legend(scene: &mut Scene, top: f64, entries: &[(Key, &str)]) -> f64 {
    const ROW: f64 = 20.0;
    let (mut x, mut y) = (MARGIN, top + ROW / 2.0);
    for (key, label) in entries {
        let label = fit_text(label, LABEL, WIDTH / 2.0);
        let width = 28.0 + text_width(&label, LABEL) + 18.0;
        if x > MARGIN && x + width > WIDTH - MARGIN + 18.0 {
            x = MARGIN;
            y += ROW;
        }
        draw_key(scene, *key, Area::new(x, y - 6.0, 20.0, 12.0));
        scene.text((x + 27.0, y), &label, LABEL, Align::Left);
        x += width;
    }
    if entries.is_empty() { top } else { y + ROW / 2.0 + 4.0 }
}

fn draw_key(scene: &mut Scene, key: Key, area: Area) {
    let middle = area.top + area.height / 2.0;
    let (left, right) = ((area.left, middle), (area.right(), middle));
    match key {
        Key::Fill(color) => {
            scene.rect(area, color);
            scene.outline(area, color.mix(BLACK, 0.4), 0.5);
        }
        Key::Hatched(color) => {
            scene.rect(area, color);
            scene.hatch(area, WHITE, 5.0);
            scene.outline(area, color.mix(BLACK, 0.4), 0.5);
        }
        Key::Line(color) => scene.line(left, right, color, 2.5),
        Key::Dashed(color) => scene.dashed(&[left, right], color, 2.0, (5.0, 3.0)),
        Key::Dotted(color) => scene.dashed(&[left, right], color, 2.0, DOTS),
        Key::Dot(color) => scene.disc((area.left + 10.0, middle), 4.0, color),
        Key::Square(color) => square(scene, (area.left + 10.0, middle), color),
        Key::Diamond(color) => diamond(scene, (area.left + 10.0, middle), color),
        Key::Ring(color) => ring(scene, (area.left + 10.0, middle), color),
        Key::Band => {
            scene.rect(area, FAULT_FILL);
            let (top, bottom) = (area.top, area.bottom());
            scene.line((area.left, top), (area.left, bottom), FAULT_EDGE, 1.0);
            scene.line((area.right(), top), (area.right(), bottom), FAULT_EDGE, 1.0);
        }
        Key::Whisker => whisker(scene, (area.left, area.right()), middle, INK),
    }
}

/// A square mark.
pub(super) fn square(scene: &mut Scene, at: (f64, f64), color: Color) {
    scene.rect(Area::new(at.0 - 3.5, at.1 - 3.5, 7.0, 7.0), color);
}

/// A diamond mark.
pub(super) fn diamond(scene: &mut Scene, (x, y): (f64, f64), color: Color) {
    let corners = vec![(x, y - 5.0), (x + 5.0, y), (x, y + 5.0), (x - 5.0, y)];
    scene.polygon(corners, color);
}

/// An open round mark.
pub(super) fn ring(scene: &mut Scene, at: (f64, f64), color: Color) {
    scene.disc(at, 4.5, color);
    scene.disc(at, 2.5, WHITE);
}

/// A horizontal interval mark with end caps.
pub(super) fn whisker(scene: &mut Scene, (from, to): (f64, f64), y: f64, color: Color) {
    scene.line((from, y), (to, y), color, 1.5);
    for x in [from, to] {
        scene.line((x, y - 5.0), (x, y + 5.0), color, 1.5);
    }
}

/// The horizontal axis below `area`: grid lines, tick labels and, below, the title if any.
pub(super) fn x_axis(scene: &mut Scene, area: Area, axis: &Axis, title: &str) {
    for (value, _) in &axis.ticks {
        let x = axis.at(*value);
        scene.line((x, area.top), (x, area.bottom()), GRID, 1.0);
    }
    scene.line((area.left, area.bottom()), (area.right(), area.bottom()), AXIS, 1.0);
    tick_labels(scene, area, axis);
    if !title.is_empty() {
        let at = (area.left + area.width / 2.0, area.bottom() + 34.0);
        scene.text(at, title, SUBTITLE, Align::Middle);
    }
}

fn tick_labels(scene: &mut Scene, area: Area, axis: &Axis) {
    let mut free_from = f64::NEG_INFINITY;
    for (value, label) in &axis.ticks {
        let width = text_width(label, SMALL);
        let x = axis.at(*value).min(scene.width - 4.0 - width / 2.0);
        if x - width / 2.0 < free_from {
            continue;
        }
        scene.text((x, area.bottom() + 13.0), label, SMALL, Align::Middle);
        free_from = x + width / 2.0 + 6.0;
    }
}

/// The vertical axis left of `area`: grid lines, tick labels and, running upwards, the title.
pub(super) fn y_axis(scene: &mut Scene, area: Area, axis: &Axis, title: &str) {
    for (value, label) in &axis.ticks {
        let y = axis.at(*value);
        scene.line((area.left, y), (area.right(), y), GRID, 1.0);
        scene.text((area.left - 7.0, y), label, SMALL, Align::Right);
    }
    scene.line((area.left, area.top), (area.left, area.bottom()), AXIS, 1.0);
    if !title.is_empty() {
        let at = (MARGIN + 2.0, area.top + area.height / 2.0);
        scene.text_upwards(at, title, SUBTITLE);
    }
}

const FAULT_FILL: Color = VERMILION.alpha(0.13);
const FAULT_EDGE: Color = VERMILION.alpha(0.8);
const FAULT_TEXT: Font = Font::new(11.0, Color::hex(0xA8_4300));

/// More faults than this are shaded as one and counted instead of named.
const MAX_MARKED: usize = 8;

/// Height that the labels of fault bands need above a plot.
pub(super) fn fault_label_height(faults: &[FaultRow]) -> f64 {
    if faults.is_empty() { 0.0 } else { 18.0 }
}

/// When at least one fault lasted, in pixels, apart from each other.
fn stretches(axis: &Axis, faults: &[FaultRow]) -> Vec<(f64, f64)> {
    let end = axis.domain().1;
    let mut all: Vec<(f64, f64)> = faults
        .iter()
        .filter(|fault| fault.start_seconds <= end)
        .map(|fault| (axis.at(fault.start_seconds), axis.at(fault.end_seconds.unwrap_or(end))))
        .collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut apart: Vec<(f64, f64)> = Vec::new();
    for (from, to) in all {
        match apart.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => apart.push((from, to)),
        }
    }
    apart
}

/// Shades the time in which any fault lasted inside `area`: to be called before the data is drawn.
pub(super) fn fault_bands(scene: &mut Scene, area: Area, axis: &Axis, faults: &[FaultRow]) {
    for (from, to) in stretches(axis, faults) {
        scene.rect(Area::new(from, area.top, to - from, area.height), FAULT_FILL);
    }
}

/// Marks begin and end of faults inside `area`: to be called after the data is drawn. Of many
/// faults only the times between them are marked.
pub(super) fn fault_edges(scene: &mut Scene, area: Area, axis: &Axis, faults: &[FaultRow]) {
    let mut places: Vec<f64> = Vec::new();
    if faults.len() > MAX_MARKED {
        let apart = stretches(axis, faults);
        if apart.len() <= MAX_MARKED {
            places = apart.iter().flat_map(|(from, to)| [*from, *to]).collect();
        }
    } else {
        let times = faults.iter().flat_map(|fault| [Some(fault.start_seconds), fault.end_seconds]);
        let inside = times.flatten().filter(|time| *time <= axis.domain().1);
        places = inside.map(|time| axis.at(time)).collect();
    }
    places.sort_by(f64::total_cmp);
    places.dedup_by(|a, b| (*a - *b).abs() < 1.0);
    for x in places {
        scene.dashed(&[(x, area.top), (x, area.bottom())], FAULT_EDGE, 1.0, (4.0, 3.0));
    }
}

/// Names the faults in the strip above `area`, the longest first; those without room are counted.
pub(super) fn fault_labels(scene: &mut Scene, area: Area, axis: &Axis, faults: &[FaultRow]) {
    let y = area.top - 9.0;
    if faults.len() > MAX_MARKED {
        let text = fit_text(&crowd_name(faults, axis.domain().1), FAULT_TEXT, area.width);
        let width = text_width(&text, FAULT_TEXT);
        let first = stretches(axis, faults).first().map_or(area.left, |(from, _)| *from);
        let from = first.min(area.right() - width);
        scene.text((from, y), &text, FAULT_TEXT, Align::Left);
        return;
    }
    let end = axis.domain().1;
    let length = |fault: &FaultRow| fault.end_seconds.unwrap_or(end) - fault.start_seconds;
    let mut order: Vec<&FaultRow> =
        faults.iter().filter(|fault| fault.start_seconds <= end).collect();
    order.sort_by(|a, b| length(b).total_cmp(&length(a)).then(a.fault.cmp(&b.fault)));
    // Room for "+9 more" at the right end is kept free as soon as there is a second fault.
    let keep = if order.len() > 1 { 70.0 } else { 0.0 };
    let mut taken: Vec<(f64, f64)> = Vec::new();
    for fault in &order {
        let text = fit_text(&fault_name(fault), FAULT_TEXT, 240.0);
        let width = text_width(&text, FAULT_TEXT);
        let from = axis.at(fault.start_seconds).min(area.right() - keep - width);
        let to = from + width + 10.0;
        if taken.iter().all(|other| to <= other.0 || from >= other.1) {
            scene.text((from, y), &text, FAULT_TEXT, Align::Left);
            taken.push((from, to));
        }
    }
    let hidden = order.len() - taken.len();
    if hidden > 0 {
        let text = format!("+{hidden} more");
        scene.text((area.right(), y), &text, FAULT_TEXT, Align::Right);
    }
}

/// `100 faults (98 nodeCrash, 2 schedulerCrash), up to 6 at once`.
fn crowd_name(faults: &[FaultRow], end: f64) -> String {
    let mut kinds: Vec<(&str, usize)> = Vec::new();
    for fault in faults {
        match kinds.iter_mut().find(|(kind, _)| *kind == fault.kind) {
            Some((_, count)) => *count += 1,
            None => kinds.push((&fault.kind, 1)),
        }
    }
    // Ends before begins, so that one fault after another is one at a time.
    let mut turns: Vec<(f64, i32)> = faults
        .iter()
        .flat_map(|fault| [(fault.start_seconds, 1), (fault.end_seconds.unwrap_or(end), -1)])
        .collect();
    turns.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let (mut now, mut most) = (0, 0);
    for (_, turn) in turns {
        now += turn;
        most = most.max(now);
    }
    let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    format!("{} faults ({}), up to {most} at once", faults.len(), kinds.join(", "))
}

/// `zoneOutage a, 20m`.
pub(super) fn fault_name(fault: &FaultRow) -> String {
    let mut name = fault.kind.clone();
    if !fault.target.is_empty() {
        name = format!("{name} {}", fault.target);
    }
    match fault.end_seconds {
        Some(end) if end > fault.start_seconds => {
            format!("{name}, {}", time_label((end - fault.start_seconds).round().max(1.0)))
        }
        _ => name,
    }
}

/// A muted remark at the bottom of the chart.
pub(super) fn note(scene: &mut Scene, text: &str) {
    note_line(scene, text, 0);
}

/// A muted remark, so many lines above the bottom of the chart.
pub(super) fn note_line(scene: &mut Scene, text: &str, above: usize) {
    let text = fit_text(text, SMALL, WIDTH - 2.0 * MARGIN);
    let y = scene.height - 12.0 - above as f64 * 18.0;
    scene.text((MARGIN, y), &text, SMALL, Align::Left);
}
