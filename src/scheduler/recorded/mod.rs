//! Timelines of the queue recorded from kube-scheduler 1.34.1, replayed for tests.

mod case;
mod compare;
mod drive;
mod told;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use serde_json::Value;

use compare::compare;
use drive::Timeline;

#[derive(Debug, Default)]
struct Agreement {
    attempts: usize,
    agree: usize,
    differences: Vec<String>,
}

fn replay(family: &str) -> Option<Agreement> {
    let root = std::env::var_os("WAVETANK_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let path = root.join("conformance/queue").join(format!("{family}.jsonl.gz"));
    let Ok(file) = std::fs::File::open(&path) else {
        println!("skipped: no recording {}", path.display());
        return None;
    };
    let mut agreement = Agreement::default();
    for line in BufReader::new(flate2::read::GzDecoder::new(file)).lines() {
        let line: Value = serde_json::from_str(&line.expect("readable")).expect("JSON");
        let ours = Timeline::new(&line["case"]).run();
        let (attempts, agree, difference) = compare(&ours, &line["expected"], &line["case"]);
        agreement.attempts += attempts;
        agreement.agree += agree;
        agreement
            .differences
            .extend(difference.map(|what| format!("{}: {what}", line["case"]["name"])));
    }
    Some(agreement)
}

const FAMILIES: &[&str] = &[
    "order_priority",
    "backoff_growth",
    "pop_from_backoff",
    "flush_5min",
    "hint_resources",
    "hint_node_label",
    "hint_taint",
    "hint_affinity",
    "hint_antiaffinity",
    "hint_spread",
    "hint_ports",
    "gates",
    "in_flight_events",
    "deletes_updates",
    "mixed",
    "preemption",
];

#[test]
fn recorded_timelines_agree() {
    let mut failures = String::new();
    let (mut attempts, mut agree) = (0, 0);
    for family in FAMILIES {
        let Some(agreement) = replay(family) else { return };
        attempts += agreement.attempts;
        agree += agreement.agree;
        println!("{family}: {} of {} attempts agree", agreement.agree, agreement.attempts);
        for difference in agreement.differences.iter().take(3) {
            failures.push_str(&format!("{family}: {difference:.1200}\n"));
        }
    }
    println!("{agree} of {attempts}");
    assert!(failures.is_empty(), "{failures}");
}
