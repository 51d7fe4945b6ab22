//! `pod-timeline`: what each affected pod went through around the fault that cost most replicas.

use std::collections::BTreeMap;

use super::Chart;
use super::axis::{Axis, time_label};
use super::frame::{
    self, HEADING, Key, MARGIN, SMALL, WIDTH, fault_bands, fault_edges, fault_label_height,
    fault_labels, legend, note, x_axis,
};
use super::palette::{CALM, GREY, INK, ORANGE, PURPLE, SKY, VERMILION, WHITE};
use super::scene::{Align, Area, Color, Font, Scene, fit_text};
use super::steps::RunView;
use crate::report::ReportError;
use crate::tables::{FaultRow, StageRow};

const NAME: &str = "pod-timeline";
const TITLE: &str = "What did each affected pod go through?";
/// Pods on one chart.
const MAX_PODS: usize = 60;
const LEFT: f64 = 250.0;
/// Room for the names of nodes right of the bars.
const RIGHT: f64 = 130.0;
/// Height of a workload's name above its pods.
const HEAD: f64 = 22.0;
/// Shorter stretches, in pixels, are left out.
const SHORTEST: f64 = 0.75;

/// Name in `stages.csv`, legend text, colour, hatched; in the order of a life.
const STAGES: [(&str, &str, Color, bool); 6] = [
    ("pending", "pending", VERMILION, true),
    ("starting", "starting, or waiting to", SKY, false),
    ("unready", "not ready", ORANGE, true),
    ("ready", "ready", CALM, false),
    ("ready_not_serving", "ready for the API, not serving in truth", PURPLE, true),
    ("terminating", "terminating", GREY, false),
];

/// One pod's row.
struct Life<'a> {
    workload: &'a str,
    pod: &'a str,
    /// The last node within the window.
    node: &'a str,
    stages: Vec<&'a StageRow>,
    /// Seconds within the window in which it was not ready and serving.
    trouble: f64,
    /// When its stage first changed within the window.
    turns: f64,
}

/// Draws the chart.
pub(super) fn draw(run: &RunView<'_>) -> Result<Chart, ReportError> {
    let (from, to) = window(run);
    let mut lives = lives(run, from, to);
    let found = lives.len();
    lives.retain(|life| STAGES.iter().any(|(stage, ..)| life.shows(stage, from, to)));
    let brief = found - lives.len();
    if lives.is_empty() {
        let why = "no pod stopped being ready";
        return Chart::empty(NAME, TITLE, run.subtitle, why);
    }
    let all = lives.len();
    lives.sort_by(|a, b| {
        b.trouble.total_cmp(&a.trouble).then((a.workload, a.pod).cmp(&(b.workload, b.pod)))
    });
    lives.truncate(MAX_PODS);
    lives.sort_by(|a, b| {
        let sooner = a.turns.total_cmp(&b.turns);
        a.workload.cmp(b.workload).then(sooner).then(a.pod.cmp(b.pod))
    });
    let groups = 1 + lives.windows(2).filter(|pair| pair[0].workload != pair[1].workload).count();
    let row = row_height(lives.len());
    let body = lives.len() as f64 * row + groups as f64 * HEAD;
    let faults: Vec<FaultRow> =
        run.faults.iter().filter(|f| within(f, from, to)).cloned().collect();
    let keys: Vec<(Key, &str)> = STAGES
        .iter()
        .filter(|(stage, ..)| lives.iter().any(|life| life.shows(stage, from, to)))
        .map(|(_, text, color, hatched)| {
            (if *hatched { Key::Hatched(*color) } else { Key::Fill(*color) }, *text)
        })
        .chain((!faults.is_empty()).then_some((Key::Band, "the fault lasts")))
        .collect();
    let text = left_out((from, to), all - lives.len(), brief);
    let foot = if text.is_empty() { 54.0 } else { 74.0 };
    let (mut scene, top) = frame::open(body, TITLE, run.subtitle);
    let top = legend(&mut scene, top, &keys) + fault_label_height(&faults) + 4.0;
    scene.set_height(top + body + foot);
    let area = Area::new(LEFT, top, WIDTH - LEFT - MARGIN - RIGHT, body);
    let x = Axis::time((from, to), (area.left, area.right()), 8);
    fault_bands(&mut scene, area, &x, &faults);
    x_axis(&mut scene, area, &x, "time since the start");
    rows(&mut scene, area, &lives, row, &x);
    fault_edges(&mut scene, area, &x, &faults);
    fault_labels(&mut scene, area, &x, &faults);
    if !text.is_empty() {
        note(&mut scene, &text);
    }
    Chart::new(NAME, TITLE, run.subtitle, scene)
}

/// What is said of pods that have no row: too many, or gone too soon.
fn left_out((from, to): (f64, f64), more: usize, brief: usize) -> String {
    let mut parts = Vec::new();
    if more > 0 {
        let (from, to) = (time_label(from.round()), time_label(to.round()));
        parts.push(format!(
            "The {MAX_PODS} pods that were not ready for longest between {from} and {to}; {more} more are \
             in stages.csv"
        ));
    }
    match brief {
        0 => {}
        1 => parts.push("1 pod came and went too soon to be drawn".to_owned()),
        _ => parts.push(format!("{brief} pods came and went too soon to be drawn")),
    }
    parts.join("; ")
}

/// Few pods get high rows.
fn row_height(pods: usize) -> f64 {
    match pods {
        0..=12 => 22.0,
        13..=30 => 17.0,
        _ => 14.0,
    }
}

fn rows(scene: &mut Scene, area: Area, lives: &[Life<'_>], row: f64, x: &Axis) {
    let small = Font::new(if row < 16.0 { 10.0 } else { 11.0 }, INK);
    let node_font = Font::new(small.size, SMALL.color);
    let mut top = area.top;
    let mut before = None;
    for life in lives {
        if before != Some(life.workload) {
            before = Some(life.workload);
            let name = fit_text(life.workload, HEADING, LEFT - MARGIN - 8.0);
            scene.text((MARGIN, top + HEAD / 2.0 + 2.0), &name, HEADING, Align::Left);
            top += HEAD;
        }
        let middle = top + row / 2.0;
        let name = fit_text(life.pod, small, LEFT - MARGIN - 20.0);
        scene.text((LEFT - 8.0, middle), &name, small, Align::Right);
        let node = fit_text(life.node, node_font, RIGHT - 8.0);
        scene.text((area.right() + 8.0, middle), &node, node_font, Align::Left);
        bars(scene, (top + 2.0, row - 4.0), life, x);
        top += row;
    }
}

fn bars(scene: &mut Scene, (top, height): (f64, f64), life: &Life<'_>, x: &Axis) {
    let (from, to) = x.domain();
    let mut drawn = f64::NEG_INFINITY;
    for row in &life.stages {
        let end = row.end_seconds.unwrap_or(to).min(to);
        let (left, right) = (x.at(row.start_seconds.max(from)), x.at(end));
        let left = left.max(drawn);
        if row.start_seconds >= to || end <= from || right - left < SHORTEST {
            continue;
        }
        let known = STAGES.iter().find(|(stage, ..)| *stage == row.stage);
        let (color, hatched) =
            known.map_or((INK, false), |(_, _, color, hatched)| (*color, *hatched));
        let area = Area::new(left, top, right - left, height);
        scene.rect(area, color);
        if hatched {
            scene.hatch(area, WHITE.alpha(0.7), 5.0);
        }
        drawn = right;
    }
}

impl Life<'_> {
    /// Whether a stage lasts long enough within the window to be seen.
    fn shows(&self, stage: &str, from: f64, to: f64) -> bool {
        let visible = (to - from) * SHORTEST / (WIDTH - LEFT - MARGIN - RIGHT);
        self.stages.iter().any(|row| row.stage == stage && overlap(row, from, to) >= visible)
    }
}

fn within(fault: &FaultRow, from: f64, to: f64) -> bool {
    fault.start_seconds < to && fault.end_seconds.is_none_or(|end| end >= from)
}

fn overlap(row: &StageRow, from: f64, to: f64) -> f64 {
    row.end_seconds.unwrap_or(to).min(to) - row.start_seconds.max(from)
}

/// From shortly before the fault that cost most replicas until shortly after all workloads had
/// recovered from it, and after its end unless it lasts for much longer. Without a fault that cost
/// any: from the first change on.
fn window(run: &RunView<'_>) -> (f64, f64) {
    let mut lost: BTreeMap<u32, u64> = BTreeMap::new();
    for row in run.recovery {
        *lost.entry(row.fault).or_default() += u64::from(row.replicas_lost);
    }
    let worst = lost.into_iter().max_by_key(|&(fault, count)| (count, std::cmp::Reverse(fault)));
    let fault = worst.and_then(|(id, _)| run.faults.iter().find(|fault| fault.fault == id));
    let Some(fault) = fault else {
        let turns = run.stages.iter().filter_map(|row| row.end_seconds);
        let first = turns.fold(run.end, f64::min);
        return ((first - 0.05 * (run.end - first)).max(0.0), run.end);
    };
    let begin = fault.start_seconds;
    let of_fault = run.recovery.iter().filter(|row| row.fault == fault.fault);
    let recovered = of_fault.map(|row| match row.time_to_whole_seconds {
        Some(time) if !row.censored => time,
        _ => run.end - begin,
    });
    let mut length = recovered.fold(60.0, f64::max);
    let lasted = fault.end_seconds.unwrap_or(run.end) - begin;
    if lasted <= 2.5 * length {
        length = length.max(lasted);
    }
    ((begin - 0.08 * length).max(0.0), (begin + 1.15 * length).min(run.end.max(begin + 1.0)))
}

/// The pods that were anything but ready and serving for any time within the window.
fn lives<'a>(run: &RunView<'a>, from: f64, to: f64) -> Vec<Life<'a>> {
    let mut lives = Vec::new();
    for stages in run.stages.chunk_by(|a, b| a.workload == b.workload && a.pod == b.pod) {
        let seen: Vec<&StageRow> =
            stages.iter().filter(|row| overlap(row, from, to) > 0.0).collect();
        let trouble = seen.iter().filter(|row| row.stage != "ready");
        let trouble: f64 = trouble.map(|row| overlap(row, from, to)).sum();
        if trouble <= 0.0 {
            continue;
        }
        let ends = seen.iter().filter_map(|row| row.end_seconds);
        let starts = seen.iter().map(|row| row.start_seconds);
        let inside = ends.chain(starts).filter(|time| *time > from && *time < to);
        lives.push(Life {
            workload: &seen[0].workload,
            pod: &seen[0].pod,
            node: &seen[seen.len() - 1].node,
            trouble,
            turns: inside.fold(to, f64::min),
            stages: seen,
        });
    }
    lives
}
