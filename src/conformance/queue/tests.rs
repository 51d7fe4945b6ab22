//! The recordings agree, and a difference in any field is found.

use serde_json::{Value, json};

use super::super::{Tally, files};
use super::*;

/// The recorded histories of a family; `None` where they are absent.
fn recorded(family: &str) -> Option<Vec<Value>> {
    let root = std::env::var_os("WAVETANK_SHARED").map_or_else(
        || std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        std::path::PathBuf::from,
    );
    let path = root.join("conformance/queue").join(format!("{family}.jsonl.gz"));
    if !path.exists() {
        println!("skipped: no recording {}", path.display());
        return None;
    }
    let lines = files::lines(&path).unwrap();
    Some(lines.iter().map(|(_, line)| serde_json::from_str(line).unwrap()).collect())
}

const FAMILIES: &[&str] = &[
    "backoff_growth",
    "deletes_updates",
    "flush_5min",
    "gates",
    "hint_affinity",
    "hint_antiaffinity",
    "hint_node_label",
    "hint_ports",
    "hint_resources",
    "hint_spread",
    "hint_taint",
    "in_flight_events",
    "mixed",
    "order_priority",
    "pop_from_backoff",
    "preemption",
];

#[test]
fn recorded_timelines_agree() {
    let mut failures = String::new();
    for family in FAMILIES {
        let Some(lines) = recorded(family) else { return };
        let (mut units, mut agree) = (0, 0);
        for line in lines {
            let name = line["case"]["name"].to_string();
            let mut tally = Tally::new(&name);
            replay_case(&line, &mut tally).unwrap();
            let agreement = tally.agreement();
            (units, agree) = (units + agreement.units, agree + agreement.agree);
            if let Some(first) = agreement.first.first() {
                failures.push_str(&format!("{first:?}\n"));
            }
        }
        println!("{family}: {agree} of {units} attempts agree");
        assert!(units > 0, "{family} is empty");
    }
    assert!(failures.is_empty(), "{failures}");
}

/// A history with something of everything: an event, a hint, moves, a state, failed bindings.
fn history() -> Value {
    let pod = |name: &str, cpu: &str| {
        json!({
            "metadata": {"name": name, "labels": {"app": "a"}},
            "spec": {
                "priority": 3,
                "containers": [{"name": "c", "resources": {"requests": {"cpu": cpu}}}],
            },
        })
    };
    let node = |cpu: &str| {
        json!({
            "metadata": {"name": "n0", "labels": {"kubernetes.io/hostname": "n0"}},
            "status": {"allocatable": {"cpu": cpu, "memory": "1Gi", "pods": "10"}},
        })
    };
    json!({
        "name": "everything-00",
        "config": {
            "startMs": 500, "endMs": 12_000, "podInitialBackoffSeconds": 1,
            "podMaxBackoffSeconds": 10, "podMaxInUnschedulablePodsSeconds": 300,
            "popIntervalMs": 100, "attemptMs": 50, "bindMs": 20, "bindErrors": {"small": 1},
        },
        "nodes": [node("1")],
        "pods": [],
        "timeline": [
            {"t": 700, "op": "createPod", "pod": pod("large", "2")},
            {"t": 900, "op": "updateNode", "node": node("3")},
            {"t": 2100, "op": "createPod", "pod": pod("small", "100m")},
            {"t": 9100, "op": "deletePod", "name": "large"},
        ],
        "stateTimes": [800],
    })
}

fn differences(case: &Value, expected: &Value) -> Vec<String> {
    let mut tally = Tally::new("everything-00");
    let line = json!({"case": case, "expected": expected});
    replay_case(&line, &mut tally).unwrap();
    tally.agreement().first.iter().map(|difference| difference.field.clone()).collect()
}

#[test]
fn a_history_is_told_in_full() {
    let ours = Timeline::new(&history()).unwrap().run().unwrap();
    assert_eq!(ours["opEvents"][1], json!(["NodeUpdateNodeAllocatable"]));
    assert_eq!(ours["hints"][0]["verdicts"], json!({"large": {"NodeResourcesFit": "queue"}}));
    assert_eq!(ours["queueStates"][0]["unschedulable"][0]["since"], 750);
    let results: Vec<&str> = ours["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["result"].as_str().unwrap())
        .collect();
    assert_eq!(results, ["unschedulable", "bound", "bound", "bound"]);
    assert_eq!(ours["attempts"][2]["bindResult"], "error");
    assert_eq!(ours["attempts"][2]["backoffExpiry"], 3000);
    assert_eq!(differences(&history(), &ours), Vec::<String>::new());
}

/// Every place where a value stands that is neither a list nor an object, as a JSON pointer.
fn leaves(value: &Value, at: &str, out: &mut Vec<String>) {
    match value {
        Value::Array(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                leaves(item, &format!("{at}/{index}"), out);
            }
        }
        Value::Object(fields) if !fields.is_empty() => {
            for (key, item) in fields {
                leaves(item, &format!("{at}/{}", key.replace('/', "~1")), out);
            }
        }
        _ => out.push(at.to_owned()),
    }
}

#[test]
fn every_altered_value_is_found() {
    let case = history();
    let ours = Timeline::new(&case).unwrap().run().unwrap();
    let mut places = Vec::new();
    leaves(&ours, "", &mut places);
    assert!(places.len() > 60, "{places:?}");
    for place in places {
        let mut altered = ours.clone();
        let value = altered.pointer_mut(&place).unwrap();
        *value = match &*value {
            Value::Number(number) => json!(number.as_u64().unwrap() + 1),
            Value::String(text) => json!(format!("{text}x")),
            other => json!([other]),
        };
        assert!(!differences(&case, &altered).is_empty(), "{place} is not compared");
    }
}
