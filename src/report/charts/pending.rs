//! `pending-time`: which share of the pods waited how long between creation and binding.

use super::Chart;
use super::axis::Axis;
use super::frame::{self, WIDTH, note, x_axis, y_axis};
use super::palette::{BLUE, INK, WHITE};
use super::scene::{Align, Area, Font, Scene, text_width};
use super::steps::RunView;
use crate::report::ReportError;
use crate::report::format::duration;
use crate::tables::PodRow;

const NAME: &str = "pending-time";
const TITLE: &str = "How long did pods wait for a node?";
const MARK: Font = Font::new(11.0, INK);

/// Draws the chart.
pub(super) fn draw(run: &RunView<'_>) -> Result<Chart, ReportError> {
    // What a settled start placed before time began did not wait.
    let settled = |pod: &&PodRow| {
        let zero = |time: f64| time.abs() < f64::EPSILON;
        zero(pod.created_seconds) && pod.scheduled_seconds.is_some_and(zero)
    };
    let pods: Vec<&PodRow> = run.pods.iter().filter(|pod| !settled(pod)).collect();
    let mut waits: Vec<f64> = pods
        .iter()
        .filter_map(|pod| pod.scheduled_seconds.map(|at| (at - pod.created_seconds).max(0.0)))
        .collect();
    waits.sort_by(f64::total_cmp);
    let (never, before) = (pods.len() - waits.len(), run.pods.len() - pods.len());
    if waits.is_empty() {
        let why = match (never, before) {
            (0, 0) => "no pod was created".to_owned(),
            (0, _) => format!("no pod was created after the start, which placed {before}"),
            _ => format!("none of {never} pods was ever bound to a node"),
        };
        return Chart::empty(NAME, TITLE, run.subtitle, &why);
    }
    let (mut scene, top) = frame::open(370.0, TITLE, run.subtitle);
    let area = Area::new(84.0, top + 8.0, WIDTH - 84.0 - 40.0, scene.height - top - 8.0 - 74.0);
    let longest = waits[waits.len() - 1];
    let x = Axis::lengths((0.0, longest.max(0.001)), (area.left, area.right()), 9);
    let y = Axis::shares((0.0, 1.0), (area.bottom(), area.top), 5);
    x_axis(&mut scene, area, &x, "time from creation to binding");
    y_axis(&mut scene, area, &y, "share of the pods created");
    curve(&mut scene, &waits, pods.len(), (&x, &y));
    marks(&mut scene, area, &waits, pods.len(), (&x, &y));
    let mut text = format!("{} pods bound, the slowest after {}", waits.len(), duration(longest));
    if never > 0 {
        text = format!("{text}; {never} never bound, so the curve ends below 100 %");
    }
    if before > 0 {
        text = format!("{text}; {before} that the settled start had placed are left out");
    }
    note(&mut scene, &text);
    Chart::new(NAME, TITLE, run.subtitle, scene)
}

fn curve(scene: &mut Scene, waits: &[f64], pods: usize, (x, y): (&Axis, &Axis)) {
    let mut points = vec![(x.at(0.0), y.at(0.0))];
    for (index, wait) in waits.iter().enumerate() {
        let (px, share) = (x.at(*wait), (index + 1) as f64 / pods as f64);
        let last = points[points.len() - 1];
        if px - last.0 >= 0.5 {
            points.push((px, last.1));
        }
        let last_x = points[points.len() - 1].0;
        points.push((last_x, y.at(share)));
    }
    points.push((x.at(x.domain().1), points[points.len() - 1].1));
    let mut thin: Vec<(f64, f64)> = Vec::new();
    for point in points {
        // Of a vertical run keep its two ends.
        if thin.len() > 1 && thin[thin.len() - 2].0.total_cmp(&point.0).is_eq() {
            thin.pop();
        }
        thin.push(point);
    }
    scene.path(thin, BLUE, 2.5);
}

/// The smallest waits that half, 95 % and 99 % of the pods did not exceed: marked on the curve, told
/// in the corner that no rising curve enters.
fn marks(scene: &mut Scene, area: Area, waits: &[f64], pods: usize, (x, y): (&Axis, &Axis)) {
    let mut line = area.bottom() - 54.0;
    for (share, name) in [(0.5, "50 %"), (0.95, "95 %"), (0.99, "99 %")] {
        let rank = (share * pods as f64).ceil().max(1.0) as usize;
        let Some(wait) = waits.get(rank - 1) else { continue };
        let at = (x.at(*wait), y.at(share));
        scene.disc(at, 4.0, BLUE);
        scene.disc(at, 2.0, WHITE);
        let text = format!("{name} within {}", duration(*wait));
        let width = text_width(&text, MARK);
        let right = area.right() - 12.0;
        scene.rect(Area::new(right - width - 4.0, line - 9.0, width + 8.0, 18.0), WHITE.alpha(0.9));
        scene.text((right, line), &text, MARK, Align::Right);
        line += 18.0;
    }
}
