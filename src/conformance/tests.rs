//! Reading, recognising and counting.

use std::path::PathBuf;

use super::*;

fn folder_with(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn replayed(files: &[(&str, &str)], only: &[&str]) -> Report {
    let folder = folder_with(files);
    let only: Vec<String> = only.iter().map(|name| (*name).to_owned()).collect();
    replay(&[folder.path().to_owned()], &only)
}

#[test]
fn kinds_are_recognised_by_shape_and_everything_recorded_counts() {
    let files = [
        ("a.jsonl", "{\"case\": \"x-0\", \"input\": {}, \"expected\": {\"b\": 1}}\n"),
        (
            "b.jsonl",
            concat!(
                "{\"case\": {\"name\": \"q\", \"timeline\": [], \"config\": {\"startMs\": 1, ",
                "\"endMs\": 2, \"podInitialBackoffSeconds\": 1, \"podMaxBackoffSeconds\": 10, ",
                "\"podMaxInUnschedulablePodsSeconds\": 300, \"popIntervalMs\": 1, ",
                "\"attemptMs\": 1, \"bindMs\": 1}}, ",
                "\"expected\": {\"attempts\": [{\"t\": 1}, {}]}}"
            ),
        ),
        ("c.jsonl", "{\"something\": \"else\"}\n\n"),
        ("d.json", "not looked at"),
    ];
    let report = replayed(&files, &[]);
    assert_eq!(report.totals(), (3, 0));
    let seen: Vec<_> =
        report.groups.iter().map(|g| (g.kind, g.topic.as_str(), g.agreement.units)).collect();
    assert_eq!(seen, [("queue", "b", 2), ("vectors", "a", 1)]);
    let unsupported = |g: &Group| g.agreement.unsupported.is_some();
    assert_eq!(report.groups.iter().map(unsupported).collect::<Vec<_>>(), [false, true]);
    assert_eq!(replayed(&files, &["a"]).totals(), (1, 0));
    assert_eq!(replayed(&files, &["queue"]).totals(), (2, 0));
    assert!(report.unreadable.is_empty());
}

#[test]
fn what_cannot_be_read_is_said_with_its_place() {
    let files = [
        ("a.jsonl", "{\"case\": \"x\", \"expected\": 1}\n{\"case\": oops}\n"),
        ("b.jsonl", "{\"case\": {\"incoming\": [{\"spec\": 7}]}, \"expected\": {}}\n"),
        ("c.jsonl.gz", "no gzip"),
    ];
    let report = replayed(&files, &[]);
    let told: Vec<String> = report
        .unreadable
        .iter()
        .map(|e| e.to_string().rsplit('/').next().unwrap().to_owned())
        .collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert_eq!(told[0], "a.jsonl:2:10: error: expected value");
    assert!(told[1].starts_with("b.jsonl:1:1: error: invalid type"), "{told:?}");
    assert!(told[2].starts_with("c.jsonl.gz: error: "), "{told:?}");
    let missing = replay(&[PathBuf::from("no/such/file.jsonl")], &[]);
    assert!(missing.unreadable[0].to_string().starts_with("no/such/file.jsonl: error: "));
}

#[test]
fn units_of_a_case_that_breaks_off_count_as_differing() {
    let refused = concat!(
        "{\"case\": {\"name\": \"a\", \"incoming\": [{}, {}, {}], ",
        "\"config\": {\"profiles\": [{\"plugins\": {\"score\": {\"enabled\": [{\"name\": \"Nobody\"}]}}}]}}, ",
        "\"expected\": {\"decisions\": [{}, {}, {}]}}\n"
    );
    // The second decision names a node that is not there; the first was compared already.
    let halfway = concat!(
        "{\"case\": {\"name\": \"b\", \"incoming\": [{}, {}, {}]}, ",
        "\"expected\": {\"decisions\": [{}, {\"node\": 7}, {}]}}\n"
    );
    let timeline = "{\"case\": {\"timeline\": []}, \"expected\": {\"attempts\": [{}, {}]}}\n";
    for (file, units) in [(refused, 3), (halfway, 3), (timeline, 2)] {
        let report = replayed(&[("x.jsonl", file)], &[]);
        assert_eq!(report.totals(), (units, 0), "{file}");
        assert_eq!(report.unreadable.len(), 1, "{file}");
        let [group] = &report.groups[..] else { panic!("{:?}", report.groups) };
        assert!(!group.agreement.first.is_empty(), "{file}");
    }
}

/// Every vector of every topic that is supported agrees.
#[test]
fn recorded_vectors_agree() {
    let root = std::env::var_os("WAVETANK_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let folder = root.join("conformance/controllers");
    if !folder.is_dir() {
        println!("skipped: no recordings in {}", folder.display());
        return;
    }
    for topic in vectors::supported() {
        let report = replay(&[folder.join(format!("{topic}.jsonl.gz"))], &[]);
        assert_eq!(report.unreadable, [], "{topic}");
        let [group] = &report.groups[..] else { panic!("{topic}: {:?}", report.groups) };
        let Agreement { units, agree, first, .. } = &group.agreement;
        assert!(*units > 0, "{topic}");
        assert_eq!(agree, units, "{topic}: {first:#?}");
    }
}

/// Everything agrees in every field.
#[test]
fn recorded_decisions_agree() {
    let root = std::env::var_os("WAVETANK_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let folder = root.join("conformance/scheduler");
    if !folder.is_dir() {
        println!("skipped: no recordings in {}", folder.display());
        return;
    }
    let report = replay(&[folder], &[]);
    assert_eq!(report.unreadable, []);
    for family in ["preempt_basic", "preempt_pdb", "preempt_ties", "mixed", "mixed_tight"] {
        let of_family = report.groups.iter().find(|group| group.topic == family);
        let fields = of_family.map(|group| &group.agreement.fields);
        let candidates = fields.and_then(|fields| fields.get("preemption.candidates"));
        assert!(candidates.is_some_and(|count| count.compared > 0), "{family}");
    }
    for group in &report.groups {
        let Agreement { units, agree, first, .. } = &group.agreement;
        assert_eq!(agree, units, "{}: {first:#?}", group.topic);
    }
}
