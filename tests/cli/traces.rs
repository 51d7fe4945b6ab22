//! Failure traces from files: which nodes fail when, and what is said of traces that cannot be read.

use std::path::Path;

use super::answers_run::{Row, Run, cluster, deployment, number, same, scenario};
use super::{root, shared, wavetank};

const SHARES: &str = "failure_interval,failure_duration,failure_intensity\n";

/// Ten nodes and what happens to them.
fn spec(faults: &str) -> String {
    let web = deployment(4, "{name: web, image: 'web:1'}", "");
    scenario("2h", &(cluster(&[("a", 6), ("b", 4)]) + &web + "  faults:\n" + faults), "")
}

fn run(faults: &str, trace: &str) -> Run {
    Run::with(&spec(faults), &[("t.csv", trace.as_bytes())])
}

/// Begin and end of each row of a table of faults; what lasts on ends with the run.
fn spans(faults: &[Row]) -> Vec<(f64, f64)> {
    let end = |text: &str| if text.is_empty() { 7200.0 } else { number(text) };
    faults.iter().map(|row| (number(&row["start_seconds"]), end(&row["end_seconds"]))).collect()
}

#[test]
fn named_nodes_are_down_when_the_trace_says_so() {
    let trace = "node,start,end\na-1,600,900\nb-0,10m,15m\na-1,1800,2100\nb-3,3000,\n";
    let run = run("    - {at: 60s, failureTrace: {file: t.csv}}\n", trace);
    let lost = run.events("NodeNotReady", "status is now");
    let lost: Vec<&str> = lost.iter().filter_map(|(_, told)| told.split(' ').nth(1)).collect();
    assert_eq!(lost.len(), 4, "{lost:?}");
    assert!(lost.iter().all(|node| ["a-1", "b-0", "b-3"].contains(node)), "{lost:?}");
    let faults = run.table("faults.csv");
    assert!(faults.iter().all(|row| row["kind"] == "failureTrace"), "{faults:?}");
    let mut of: Vec<(String, f64)> =
        faults.iter().map(|row| (row["target"].clone(), number(&row["start_seconds"]))).collect();
    of.sort_by(|one, two| one.0.cmp(&two.0).then(one.1.total_cmp(&two.1)));
    let expected = [("a-1", 660.0), ("a-1", 1860.0), ("b-0", 660.0), ("b-3", 3060.0)];
    assert!(of.iter().zip(expected).all(|(is, be)| is.0 == be.0 && same(is.1, be.1)), "{of:?}");
    assert_eq!(of.len(), 4);
}

#[test]
fn shares_of_the_nodes_fail_one_after_another_and_again_where_the_trace_repeats() {
    let trace = format!("{SHARES}600000,300000,0.5\n1200000,60000,1\n");
    for (repeat, expected) in [
        ("", vec![(660.0, 960.0), (2160.0, 2220.0)]),
        (
            ", repeat: true",
            vec![
                (660.0, 960.0),
                (2160.0, 2220.0),
                (2820.0, 3120.0),
                (4320.0, 4380.0),
                (4980.0, 5280.0),
                (6480.0, 6540.0),
                (7140.0, 7200.0),
            ],
        ),
    ] {
        let fault = format!("    - {{at: 60s, failureTrace: {{file: t.csv{repeat}}}}}\n");
        let run = run(&fault, &trace);
        let mut of = spans(&run.table("faults.csv"));
        of.sort_by(|one, two| one.0.total_cmp(&two.0));
        of.dedup();
        let near = of.iter().zip(&expected).all(|(a, b)| same(a.0, b.0) && same(a.1, b.1));
        assert!(near && of.len() == expected.len(), "{of:?}");
    }
    let fault = "    - {at: 60s, failureTrace: {file: t.csv}}\n";
    let lost = run(fault, &trace).times("NodeNotReady", "status is now");
    let within = |from: f64, to: f64| lost.iter().filter(|at| (from..to).contains(at)).count();
    assert_eq!((within(660.0, 960.0), within(2160.0, 2240.0), lost.len()), (5, 10, 15), "{lost:?}");
}

#[test]
fn a_trace_that_cannot_be_replayed_is_told_with_its_place() {
    let sound = "node,start,end\na-1,600,900\n";
    let shares = format!("{SHARES}600000,300000,0.5\n");
    // What the fault says, what the file holds, where the mistake is, and the message.
    let rows: [(&str, &str, &str, &str); 9] = [
        ("at: 0s, failureTrace: {file: no.csv}", sound, "s.yaml:24", "cannot read"),
        ("at: 0s, failureTrace: {}", sound, "s.yaml:24", "\"file\""),
        ("every: 5m, failureTrace: {file: t.csv}", sound, "s.yaml:24", "a trace says itself when"),
        ("at: 0s, failureTrace: {file: t.csv}", "node,start,end\nc-1,1,2\n", "t.csv:2", "\"c-1\""),
        ("at: 0s, failureTrace: {file: t.csv}", "node,start,end\na-1,1,,\n", "t.csv:2", "4 values"),
        (
            "at: 0s, failureTrace: {file: t.csv}",
            "node,start,end\na-1,100,200\na-1,1,\n",
            "t.csv:2",
            "node a-1 is down already when it fails",
        ),
        (
            "at: 0s, failureTrace: {file: t.csv, repeat: true}",
            sound,
            "s.yaml:24",
            "repeat of a trace that names its nodes",
        ),
        (
            "at: 0s, failureTrace: {file: t.csv, nodeSelector: {rack: r}}",
            &shares,
            "s.yaml:24",
            "no node has these labels",
        ),
        ("at: 0s, failureTrace: {file: t.csv}", "PAR1 and no more", "s.yaml:24", "is damaged"),
    ];
    for (fault, trace, place, message) in rows {
        let told = validated(fault, trace.as_bytes(), 2);
        assert!(told.contains("error[") && told.contains("help: "), "{fault}: {told}");
        assert!(told.contains(place) && told.contains(message), "{fault}, {trace}: {told}");
    }
    // A trace that begins too late is worth a warning.
    let late =
        validated("at: 1h30m, failureTrace: {file: t.csv}", b"node,start,end\na-1,31m,\n", 0);
    assert!(late.contains("no failure of the trace begins within the run"), "{late}");
}

/// What `validate` says of a fault and its trace.
fn validated(fault: &str, trace: &[u8], code: i32) -> String {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("s.yaml"), spec(&format!("    - {{{fault}}}\n"))).unwrap();
    std::fs::write(dir.path().join("t.csv"), trace).unwrap();
    let output = wavetank(dir.path(), &[], &["validate", "s.yaml"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{fault}: {told}");
    told
}

/// The traces of user-reported outages that OpenDC publishes.
#[test]
fn the_failure_traces_of_opendc_load_and_strike() {
    let Some(folder) = shared("inputs/traces/opendc") else { return };
    for (file, _) in super::files(&folder) {
        let bytes = std::fs::read(folder.join(&file)).unwrap();
        let told = validated("at: 0s, failureTrace: {file: t.csv}", &bytes, 0);
        // Its only failure begins after 8 h 20 min.
        let late = file == Path::new("single_failure_2.parquet");
        assert_eq!(told.contains("no failure of the trace"), late, "{}: {told}", file.display());
    }
    let strikes = |name: &str| {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        let spec = spec("    - {at: 0s, failureTrace: {file: t.parquet}}\n");
        let run = Run::with(&spec, &[("t.parquet", &bytes)]);
        let mut spans = spans(&run.table("faults.csv"));
        spans.sort_by(|one, two| one.0.total_cmp(&two.0));
        spans
    };
    // The second failure begins seven minutes after the end of the first, as in OpenDC.
    assert_eq!(strikes("two_failures.parquet"), [(300.0, 600.0), (1020.0, 1620.0)]);
    let netflix = strikes("Netflix_user_reported.parquet");
    assert_eq!(netflix[..2], [(0.0, 2400.0), (4800.0, 6000.0)]);
}

/// A scenario of ours names its trace relative to itself.
#[test]
fn the_scenario_with_a_trace_is_valid_from_anywhere() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = root().join("scenarios/failure-trace.yaml");
    let output = wavetank(dir.path(), &[], &["validate", "--strict", scenario.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
