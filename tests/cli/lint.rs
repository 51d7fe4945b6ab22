//! What `wavetank lint` finds, and what it leaves alone.

mod fixtures;

use std::path::Path;

use wavetank::lint::{self, Evidence, Finding, RULES, SCENARIOS};
use wavetank::scenario::built_in;
use wavetank::scenario::file::{FileReader, LoadedFile};

use super::{root, shared, wavetank};
use fixtures::{Edit, FINE, GRACE, OBJECTS, SCENARIO, TRIPS};

/// The scenario and its objects after some edits, in a folder.
fn write(folder: &Path, edits: &[Edit]) {
    let (mut scenario, mut objects) = (SCENARIO.to_owned(), OBJECTS.to_owned());
    for (from, to) in edits {
        assert!(
            scenario.contains(from) || objects.contains(from),
            "{from} is there to be replaced"
        );
        scenario = scenario.replace(from, to);
        objects = objects.replacen(from, to, 1);
    }
    std::fs::write(folder.join("scenario.yaml"), scenario).unwrap();
    std::fs::write(folder.join("app.yaml"), objects).unwrap();
}

/// What is found in a file.
fn found(path: &Path) -> Vec<Finding> {
    let mut reader = FileReader::new(built_in::POLICIES);
    let files = reader.any(path).unwrap();
    assert!(!reader.found.has_errors(), "{}", reader.found.render(&reader.sources, 50));
    let found = files.into_iter().flat_map(|(_, file)| match file {
        LoadedFile::Scenario(loaded) => lint::check_scenario(&loaded),
        LoadedFile::Manifests(set) => lint::check_manifests(&set),
        LoadedFile::Policies(_) | LoadedFile::SchedulerConfig(_) => Vec::new(),
    });
    found.collect()
}

fn codes(findings: &[Finding]) -> Vec<&'static str> {
    let mut codes: Vec<_> = findings.iter().map(|finding| finding.rule.code).collect();
    codes.sort_unstable();
    codes
}

#[test]
fn every_rule_finds_what_it_is_for_and_nothing_else() {
    for (expected, edits) in TRIPS {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), edits);
        let findings = found(&dir.path().join("scenario.yaml"));
        assert_eq!(codes(&findings), *expected, "{edits:?}: {findings:#?}");
        for finding in &findings {
            let diagnostic = &finding.diagnostic;
            assert!(diagnostic.span.is_some_and(|span| span.line > 0), "{finding:?}");
            assert!(!diagnostic.path.is_empty() && !diagnostic.message.is_empty(), "{finding:?}");
        }
    }
    for rule in RULES {
        let tripped = TRIPS.iter().any(|(expected, _)| expected.contains(&rule.code));
        assert!(tripped, "{} is not tried", rule.code);
    }
}

#[test]
fn near_misses_are_left_alone() {
    for edits in FINE {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), edits);
        let findings = found(&dir.path().join("scenario.yaml"));
        assert_eq!(codes(&findings), [""; 0], "{edits:?}: {findings:#?}");
        // Manifests alone give less to find, never more.
        let findings = found(&dir.path().join("app.yaml"));
        assert_eq!(codes(&findings), [""; 0], "{edits:?}: {findings:#?}");
    }
}

/// Manifests need not be all there is: what is missing among them may be elsewhere.
#[test]
fn what_is_missing_is_a_note_among_plain_manifests() {
    use wavetank::base::diag::Severity;
    for edit in [
        ("selector: {app: web}", "selector: {app: wbe}"),
        ("{matchLabels: {app: web}}, minAvailable", "{matchLabels: {app: wbe}}, minAvailable"),
        ("kind: Deployment, name: worker", "kind: Deployment, name: wroker"),
        ("priorityClassName: high", "priorityClassName: higher"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &[edit]);
        for (file, level) in [("scenario.yaml", Severity::Warning), ("app.yaml", Severity::Note)] {
            let findings = found(&dir.path().join(file));
            assert_eq!(findings.len(), 1, "{file} {edit:?}: {findings:#?}");
            assert_eq!(findings[0].diagnostic.severity, level, "{file} {edit:?}");
        }
    }
}

/// What the scenario or an operator may cure is a warning, and so is what happens at times only.
#[test]
fn levels_follow_how_sure_it_is() {
    use wavetank::base::diag::Severity;
    let selector: Edit = (GRACE, "nodeSelector: {disktype: ssd}");
    let labels: Edit = (
        "  behaviour:",
        "  operations: [{at: 1m, labelNode: {node: n-0, labels: {disktype: ssd}}}]\n  behaviour:",
    );
    // More pods may be there at other times.
    let scaled: Edit = (
        "{matchLabels: {app: web}}, minAvailable: 2",
        "{matchLabels: {app: worker}}, minAvailable: 2",
    );
    let rarely: Edit =
        ("startup: 20s", "startup: {distribution: lognormal, median: 10s, p99: 70s}");
    for (edits, level) in [
        (vec![selector], Severity::Error),
        (vec![selector, labels], Severity::Warning),
        (vec![("startup: 20s", "startup: 61s")], Severity::Error),
        (vec![rarely], Severity::Warning),
        (vec![scaled], Severity::Warning),
    ] {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &edits);
        let findings = found(&dir.path().join("scenario.yaml"));
        assert_eq!(findings.len(), 1, "{edits:?}: {findings:#?}");
        assert_eq!(findings[0].diagnostic.severity, level, "{edits:?}");
    }
}

#[test]
fn the_reference_of_the_rules_is_up_to_date() {
    let path = root().join("docs/lint.md");
    let expected = lint::document();
    if std::env::var_os("WAVETANK_UPDATE").is_some_and(|update| update == "1") {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "docs/lint.md: WAVETANK_UPDATE=1 cargo test cli::lint");
    let listing = wavetank(&root(), &[], &["lint", "--list"]);
    let listing = String::from_utf8(listing.stdout).unwrap();
    for rule in RULES {
        assert!(listing.contains(rule.name), "{}", rule.name);
        let page = wavetank(&root(), &[], &["lint", "--rule", rule.name]);
        let page = String::from_utf8(page.stdout).unwrap();
        assert!(!page.is_empty() && expected.contains(&page), "{page}");
    }
    let codes: Vec<_> = RULES.iter().map(|rule| rule.code).collect();
    assert!(codes.is_sorted(), "{codes:?}");
}

/// The output for people and for programs, and the exit codes.
#[test]
fn findings_are_told_with_place_reason_and_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let edits: &[Edit] = &[
        ("minAvailable: 2", "minAvailable: 3"),
        ("image: web:1", "image: web"),
        ("targetPort: http", "targetPort: htpp"),
        (GRACE, "nodeSelector: {disktype: ssd}"),
    ];
    write(dir.path(), edits);
    let said = |args: &[&str]| {
        let output = wavetank(dir.path(), &[], args);
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, text) = said(&["lint", "scenario.yaml"]);
    assert_eq!(code, Some(3), "{text}");
    insta::assert_snapshot!("lint_text", text);
    let (code, text) = said(&["lint", "app.yaml", "--format", "json"]);
    assert_eq!(code, Some(3), "{text}");
    insta::assert_snapshot!("lint_json", text);
    let (code, text) = said(&["lint", "app.yaml", "--ignore", "L101,service-port-unknown"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("note[L901]") && !text.contains("L101"), "{text}");
    assert_eq!(said(&["lint", "app.yaml", "--ignore", "L10"]).0, Some(2));
    assert_eq!(said(&["lint", "missing.yaml"]).0, Some(1));
    write(dir.path(), &[("globalDefault: false", "globalDefault: true")]);
    assert_eq!(said(&["lint", "app.yaml"]).0, Some(0));
    assert_eq!(said(&["lint", "app.yaml", "--strict"]).0, Some(3));
    std::fs::write(dir.path().join("app.yaml"), "a: [").unwrap();
    assert_eq!(said(&["lint", "app.yaml"]).0, Some(2));
}

/// Numbers that no cluster has, and that plain manifests may hold all the same.
#[test]
fn numbers_of_any_size_do_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    for edits in [
        [
            ("  replicas: 3", "  replicas: 2147483647"),
            ("minReplicas: 2", "minReplicas: 2147483647"),
            ("{matchLabels: {app: web}}, minAvailable: 2", "{}, minAvailable: 2"),
        ],
        [
            ("  replicas: 3", "  replicas: -2147483648"),
            ("minAvailable: 2", "minAvailable: -2147483648"),
            ("sleep 60", "sleep 9223372036854775807h"),
        ],
        [
            ("  replicas: 3", "  replicas: 2147483647"),
            ("minAvailable: 2", "minAvailable: 2147483647%"),
            ("sleep 60", "sleep 9223372036854775807"),
        ],
        [
            ("maxUnavailable: 0", "maxUnavailable: 2147483647%"),
            ("minAvailable: 2", "maxUnavailable: -2147483648%"),
            ("maxSurge: 1", "maxSurge: -1"),
        ],
        [
            (
                "periodSeconds: 10",
                "periodSeconds: 2147483647, failureThreshold: 2147483647, initialDelaySeconds: 2147483647",
            ),
            ("memory: 256Mi", "memory: 256E"),
            ("cpu: 250m", "cpu: 9223372036854775807"),
        ],
    ] {
        write(dir.path(), &edits);
        let output = wavetank(dir.path(), &[], &["lint", "app.yaml"]);
        assert!(matches!(output.status.code(), Some(0 | 3)), "{edits:?}: {output:?}");
        let output = wavetank(dir.path(), &[], &["lint", "scenario.yaml"]);
        assert!(matches!(output.status.code(), Some(0 | 2 | 3)), "{edits:?}: {output:?}");
    }
    let nodes = [
        ("count: 6, zones: [a, b, c]", "count: 4294967295, zones: [a]"),
        (
            "  workloads:",
            "      - {name: m, count: 4294967295, template: {status: {allocatable: {cpu: 9223372036854775807, memory: 8E}}}}\n  workloads:",
        ),
    ];
    write(dir.path(), &nodes);
    let output = wavetank(dir.path(), &[], &["lint", "scenario.yaml"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn an_annotation_suppresses_rules_for_its_object() {
    let dir = tempfile::tempdir().unwrap();
    let ignore = |words: &'static str| -> Edit {
        ("kind: PodDisruptionBudget\nmetadata: {name: web}", words)
    };
    for (words, left) in [
        (
            "kind: PodDisruptionBudget\nmetadata: {name: web, annotations: {wavetank.dev/lint-ignore: L101}}",
            vec!["L901"],
        ),
        (
            "kind: PodDisruptionBudget\nmetadata: {name: web, annotations: {wavetank.dev/lint-ignore: 'L501, pdb-blocks-drains'}}",
            vec!["L901"],
        ),
        (
            "kind: PodDisruptionBudget\nmetadata: {name: web, annotations: {wavetank.dev/lint-ignore: L901}}",
            vec!["L101", "L901"],
        ),
    ] {
        write(
            dir.path(),
            &[
                ignore(words),
                ("minAvailable: 2", "minAvailable: 3"),
                ("image: web:1", "image: web"),
            ],
        );
        assert_eq!(codes(&found(&dir.path().join("app.yaml"))), left, "{words}");
    }
}

/// Each scenario that shows rules holds what it promises; in it the rule finds what it is about
/// and leaves the workload beside it alone.
#[test]
fn what_shows_a_rule_shows_it() {
    let dir = tempfile::tempdir().unwrap();
    let folder = root().join("scenarios/lint");
    let mut names: Vec<_> = super::files(&folder).into_iter().map(|(name, _)| name).collect();
    names.sort();
    let known: Vec<std::path::PathBuf> =
        SCENARIOS.iter().map(|(name, _)| format!("{name}.yaml").into()).collect();
    assert_eq!(names, known);
    for (name, _) in SCENARIOS {
        let path = root().join(lint::scenario_path(name));
        let findings = found(&path);
        let about = |rule: &lint::Rule, workload: &str| {
            findings.iter().any(|finding| {
                let object = finding.object.rsplit(' ').next().unwrap_or_default();
                finding.rule.code == rule.code
                    && (object.is_empty() || object.trim_end_matches("-again") == workload)
            })
        };
        for rule in RULES {
            let Evidence::Shown { scenario, bad, good } = rule.evidence else { continue };
            if scenario == *name {
                assert!(
                    about(rule, bad),
                    "{name}: {} does not find {bad}: {findings:#?}",
                    rule.code
                );
                let overall =
                    findings.iter().any(|f| f.object.is_empty() && f.rule.code == rule.code);
                assert!(overall || !about(rule, good), "{name}: {} finds {good}", rule.code);
            }
        }
        let path = path.to_str().unwrap();
        let args = ["compare", path, "-n", "2", "--detail", "none", "--out", "out"];
        let output = wavetank(dir.path(), &[], &args);
        assert_eq!(output.status.code(), Some(0), "{name}: {output:?}");
    }
}

#[test]
fn evidence_is_run_and_told() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[("minAvailable: 2", "minAvailable: 3")]);
    let output = wavetank(dir.path(), &[], &["lint", "app.yaml", "--evidence"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("scenarios/lint/drain.yaml: Half of the nodes"), "{text}");
    let stopped = text.lines().find(|line| line.contains("stopped or gone")).unwrap_or(&text);
    assert_eq!(stopped.split_whitespace().rev().take(2).collect::<Vec<_>>(), ["4", "0"], "{text}");
    let args = ["lint", "app.yaml", "--evidence", "--format", "json"];
    let output = wavetank(dir.path(), &[], &args);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["evidence"][0]["bad"]["workload"], "blocked", "{json:#}");
}

/// Manifests of others: nothing panics, and every finding has its place.
#[test]
fn real_manifests_are_looked_at() {
    let Some(inputs) = shared("inputs/manifests") else { return };
    let mut seen = 0;
    for entry in std::fs::read_dir(&inputs).unwrap() {
        let path = entry.unwrap().path();
        let output = wavetank(&root(), &[], &["lint", path.to_str().unwrap(), "--format", "json"]);
        assert!(matches!(output.status.code(), Some(0 | 3)), "{}: {output:?}", path.display());
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        for finding in json["findings"].as_array().unwrap() {
            seen += 1;
            assert!(finding["line"].as_u64().is_some_and(|line| line > 0), "{finding:#}");
            assert!(finding["path"].as_str().is_some_and(|path| !path.is_empty()), "{finding:#}");
        }
    }
    assert!(seen > 20, "only {seen} findings");
}
