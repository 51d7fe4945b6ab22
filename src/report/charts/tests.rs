//! Every chart, for empty, single, usual and oversized inputs: drawn twice to the same bytes in
//! both formats, every text inside the picture, nothing refused but what is not finite.

use super::scene::{Shape, text_width};
use super::*;
use crate::report::fixtures::{self, Comparison, Run};
use crate::tables::StageRow;

fn caption() -> Caption {
    Caption { end_seconds: Some(7200.0), ..Caption::run("zone-outage", "default", Some((1, 0))) }
}

fn of_run(run: &Run, caption: &Caption) -> Vec<Chart> {
    run_charts(&run.tables(), caption).unwrap()
}

fn of_comparison(comparison: &Comparison) -> Vec<Chart> {
    let tables =
        CompareTables { comparison: &comparison.rows, replications: &comparison.replications };
    compare_charts(&tables, &Caption::comparison("zone-outage", 4, 30)).unwrap()
}

/// Many of everything: workloads, nodes, faults, and names far too long.
fn crowded() -> Run {
    let mut run = fixtures::run(40, 150);
    let outage = run.faults[0].clone();
    for index in 1..30 {
        let mut fault = outage.clone();
        fault.fault = index;
        fault.kind = "nodeCrash".to_owned();
        fault.target = format!("general-{index}-with-a-name-that-goes-on-and-on-for-ever-and-ever");
        fault.start_seconds = 200.0 * f64::from(index);
        fault.end_seconds = (index % 3 > 0).then_some(200.0 * f64::from(index) + 90.0);
        run.faults.push(fault);
    }
    run
}

fn assert_inside(chart: &Chart) {
    let Scene { width, height, shapes } = &chart.scene;
    for shape in shapes {
        let Shape::Text { at, text, font, align, upwards } = shape else { continue };
        let length = text_width(text, *font);
        let shift = match align {
            scene::Align::Left => 0.0,
            scene::Align::Middle => length / 2.0,
            scene::Align::Right => length,
        };
        let (from, to, across, limit) = if *upwards {
            (at.1 - shift, at.1 + length - shift, at.0, *height)
        } else {
            (at.0 - shift, at.0 + length - shift, at.1, *width)
        };
        let room = if *upwards { *width } else { *height };
        let inside = from >= 0.0 && to <= limit + 0.5 && across > 4.0 && across < room - 4.0;
        assert!(inside, "{}: `{text}` spans {from} to {to} at {across}", chart.name);
    }
}

fn assert_sound(charts: &[Chart], again: &[Chart]) {
    let temp = tempfile::tempdir().unwrap();
    for (chart, again) in charts.iter().zip(again) {
        assert_inside(chart);
        let (first, second) = (temp.path().join("1"), temp.path().join("2"));
        chart.write(&first).unwrap();
        again.write(&second).unwrap();
        for format in ["svg", "png"] {
            let file = format!("{}.{format}", chart.name);
            let (one, two) = (fs::read(first.join(&file)), fs::read(second.join(&file)));
            let (one, two) = (one.unwrap(), two.unwrap());
            assert!(!one.is_empty() && one == two, "{file} differs between two drawings");
        }
        let svg = chart.svg().unwrap();
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
        assert!(!svg.contains("NaN") && !svg.contains("inf\""));
        assert!(svg.len() < 1_500_000, "{} has {} bytes", chart.name, svg.len());
    }
}

#[test]
fn run_charts_are_sound_for_any_size() {
    let one = Run { recovery: Vec::new(), faults: Vec::new(), ..fixtures::run(1, 1) };
    for run in [Run::default(), one, fixtures::run(10, 12), crowded()] {
        let charts = of_run(&run, &caption());
        assert_eq!(charts.len(), 7);
        assert_sound(&charts, &of_run(&run, &caption()));
    }
}

/// Whether two texts of a chart that run from left to right cover each other.
fn overlapping_texts(chart: &Chart) -> Vec<(String, String)> {
    let boxes: Vec<(f64, f64, f64, f64, &str)> = chart
        .scene
        .shapes
        .iter()
        .filter_map(|shape| match shape {
            Shape::Text { at, text, font, align, upwards: false } => {
                let length = text_width(text, *font);
                let from = match align {
                    scene::Align::Left => at.0,
                    scene::Align::Middle => at.0 - length / 2.0,
                    scene::Align::Right => at.0 - length,
                };
                Some((from, from + length, at.1, font.size, text.as_str()))
            }
            _ => None,
        })
        .collect();
    let mut found = Vec::new();
    for (index, a) in boxes.iter().enumerate() {
        for b in &boxes[index + 1..] {
            let beside = a.1 <= b.0 || b.1 <= a.0;
            // Capitals and digits are 0.73 em high.
            if !beside && (a.2 - b.2).abs() < 0.73 * f64::midpoint(a.3, b.3) {
                found.push((a.4.to_owned(), b.4.to_owned()));
            }
        }
    }
    found
}

#[test]
fn the_timeline_of_pods_is_sound_for_any_number_of_them() {
    for (workloads, nodes, drawn) in [(1, 12, 4), (2, 12, 12), (9, 12, 60), (40, 12, 60)] {
        let run = fixtures::run(workloads, nodes);
        let charts = of_run(&run, &caption());
        let chart = charts.iter().find(|chart| chart.name == "pod-timeline").unwrap();
        assert_inside(chart);
        assert_eq!(overlapping_texts(chart), []);
        let names: std::collections::BTreeSet<&str> =
            run.stages.iter().map(|row| row.pod.as_str()).collect();
        // Names of pods end where the bars begin.
        let shown = chart.scene.shapes.iter().filter(|shape| {
            matches!(shape, Shape::Text { align: scene::Align::Right, upwards: false, .. })
        });
        assert_eq!(shown.count(), drawn.min(names.len()), "{workloads} workloads");
        assert_eq!(chart.svg().unwrap().contains("more are in stages.csv"), names.len() > 60);
    }
}

#[test]
fn comparison_charts_are_sound_for_any_size() {
    for (policies, seeds) in [(0, 0), (1, 1), (2, 1), (4, 30), (4, 400)] {
        let comparison = fixtures::comparison(policies, seeds);
        let charts = of_comparison(&comparison);
        assert_eq!(charts.len(), 4);
        assert_sound(&charts, &of_comparison(&comparison));
    }
}

#[test]
fn charts_name_what_their_axes_and_marks_mean() {
    let drawn = of_run(&fixtures::run(10, 12), &caption());
    let compared = of_comparison(&fixtures::comparison(4, 30));
    let expected: [(&str, &[&str]); 11] = [
        ("pod-states", &["pods", "time since the start", "ready in truth (the API learns later)"]),
        ("ready-replicas", &["ready replicas", "desired replicas", "time since the start"]),
        ("recovery", &["detect", "reschedule", "time since the fault began", "replicas lost"]),
        (
            "pod-timeline",
            &["pending", "ready for the API, not serving in truth", "terminating", "shop/cart"],
        ),
        ("utilisation", &["requested ÷ allocatable", "100 %", "time since the start", "cpu"]),
        ("node-heatmap", &["CPU requested ÷ allocatable", "50 %", "node without power", "zone a"]),
        ("pending-time", &["time from creation to binding", "share of the pods created"]),
        (
            "recovery-by-policy",
            &["mean over affected workloads and replications, since the fault began", "6m"],
        ),
        ("differences", &["time to whole, p95", "lower is better", "0 pp", "fast-failover"]),
        ("paired-dots", &["time to whole, p95 (lower is better)", "mean", "6m"]),
        ("means", &["availability, shop/checkout", "higher is better", "99.4 %", "baseline"]),
    ];
    for (chart, (name, texts)) in drawn.iter().chain(&compared).zip(expected) {
        assert_eq!(chart.name, name);
        assert!(!chart.empty && chart.title.ends_with('?'), "{name}: {}", chart.title);
        let written: Vec<&str> = chart
            .scene
            .shapes
            .iter()
            .filter_map(|shape| match shape {
                Shape::Text { text, .. } => Some(text.as_str()),
                _ => None,
            })
            .collect();
        for text in texts {
            assert!(written.contains(text), "{name} does not say `{text}`: {written:?}");
        }
    }
}

#[test]
fn what_does_not_fit_is_counted() {
    let crowd = crowded();
    let say = |run: &Run, name: &str| {
        let charts = of_run(run, &caption());
        let chart = charts.into_iter().find(|chart| chart.name == name).unwrap();
        assert!(!chart.empty, "{name}");
        chart.svg().unwrap()
    };
    for name in ["pod-states", "utilisation", "node-heatmap"] {
        assert!(
            say(&crowd, name).contains("30 faults (1 zoneOutage, 29 nodeCrash), up to "),
            "{name}"
        );
    }
    assert!(say(&crowd, "ready-replicas").contains("28 more are in timeseries.csv"));
    assert!(say(&crowd, "recovery").contains(" more are in recovery.csv"));
    let timeline = say(&crowd, "pod-timeline");
    assert!(timeline.contains("The 60 pods that were not ready for longest between "));
    assert!(timeline.contains(" more are in stages.csv"));
    let mut brief = fixtures::run(1, 12);
    let turn = brief.stages.iter().find(|row| row.stage == "terminating").unwrap().clone();
    let row = |pod: &str| StageRow {
        workload: "a/refused".to_owned(),
        pod: pod.to_owned(),
        end_seconds: Some(turn.start_seconds + 0.01),
        ..turn.clone()
    };
    brief.stages.splice(0..0, [row("x"), row("y")]);
    let timeline = say(&brief, "pod-timeline");
    assert!(timeline.contains("2 pods came and went too soon to be drawn"), "{timeline}");
    assert!(!timeline.contains("a/refused"));
    assert!(say(&crowd, "node-heatmap").contains("150 nodes, averaged into "));
    // Large clusters have no series per node.
    let mut large = fixtures::run(4, 300);
    large.series.retain(|row| row.metric != "node_allocated_ratio");
    assert!(say(&large, "node-heatmap").contains("pods bound to the node"));
}

#[test]
fn lines_that_turn_back_are_cut() {
    let mut scene = Scene::new(10.0, 10.0);
    let color = palette::BLUE;
    scene.path(vec![(0.0, 5.0), (4.0, 5.0), (4.0, 9.0), (4.0, 5.0), (8.0, 5.0)], color, 1.0);
    let lines: Vec<usize> = scene
        .shapes
        .iter()
        .filter_map(|shape| match shape {
            Shape::Path { points, .. } => Some(points.len()),
            _ => None,
        })
        .collect();
    assert_eq!(lines, [3, 3]);
}

#[test]
fn empty_input_says_so() {
    let run = Run::default();
    for chart in of_run(&run, &Caption::default()) {
        let svg = chart.svg().unwrap();
        assert!(svg.contains("nothing to draw: "), "{} has no word on its emptiness", chart.name);
    }
    for chart in of_comparison(&Comparison::default()) {
        assert!(chart.svg().unwrap().contains("nothing to draw: "), "{}", chart.name);
    }
}

#[test]
fn what_is_not_finite_is_refused() {
    let mut run = fixtures::run(2, 3);
    run.series[3].value = f64::NAN;
    let error = run_charts(&run.tables(), &caption()).unwrap_err().to_string();
    assert!(error.starts_with("cannot draw ") && error.ends_with(" is NaN"), "{error}");
    let mut comparison = fixtures::comparison(2, 5);
    comparison.rows[1].hi = f64::INFINITY;
    let tables =
        CompareTables { comparison: &comparison.rows, replications: &comparison.replications };
    assert!(compare_charts(&tables, &Caption::default()).is_err());
    // One replication has no interval, whatever stands there.
    comparison.rows[1].n = 1;
    let tables =
        CompareTables { comparison: &comparison.rows, replications: &comparison.replications };
    assert!(compare_charts(&tables, &Caption::default()).is_ok());
}

#[test]
fn names_from_outside_are_escaped_in_svg() {
    let mut run = fixtures::run(2, 3);
    run.faults[0].target = "<script>&\"".to_owned();
    let caption = Caption { subtitle: "<b>".to_owned(), end_seconds: None };
    for chart in of_run(&run, &caption) {
        let svg = chart.svg().unwrap();
        assert!(!svg.contains("<script>") && !svg.contains("<b>"), "{}", chart.name);
    }
}
