//! Policies: every file of the library is explained, valid, and places pods; the reference of the
//! plugins is up to date; what documents show works; what cannot be simulated is named.

use std::path::{Path, PathBuf};

use wavetank::scheduling::{plugins, reference};

use super::{root, shared, wavetank};

/// What the library has to hold.
const LIBRARY: &[&str] = &[
    "balanced-only",
    "best-fit",
    "default",
    "dot-product",
    "first-fit",
    "least-allocated",
    "most-allocated",
    "power-of-two-choices",
    "random",
    "rtcr-bin-packing",
    "worst-fit",
    "zone-spread",
];

/// Policies that change recovery alone.
const RECOVERY: &[&str] =
    &["fast-failover", "patient-failover", "patient-probes", "quick-restarts"];

/// Policies that may agree on a small load: they differ in how they round, or in what they do when
/// a zone is full.
const NEAR: &[(&str, &str)] = &[("best-fit", "most-allocated"), ("default", "zone-spread")];

/// Name and path of each policy file.
fn library() -> Vec<(String, PathBuf)> {
    let folder = root().join("scenarios/policies");
    let mut found: Vec<(String, PathBuf)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), path))
        .collect();
    found.sort();
    found
}

#[test]
fn the_library_is_complete_and_every_policy_explained() {
    let found = library();
    for name in LIBRARY {
        assert!(found.iter().any(|(known, _)| known == name), "there is no policy {name}");
    }
    let about = std::fs::read_to_string(root().join("docs/policies.md")).unwrap();
    for (name, path) in &found {
        let text = std::fs::read_to_string(path).unwrap();
        let comment: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
        assert!(comment.len() >= 3, "{name} does not say what it does");
        assert!(comment.iter().any(|line| line.contains("Use it")), "{name}: when to use it?");
        assert!(text.contains(&format!("\n  name: {name}\n")), "{name}: the file's name");
        assert!(about.contains(&format!("`{name}`")), "docs/policies.md leaves {name} out");
    }
}

#[test]
fn every_policy_of_the_library_places_the_load() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = root().join("scenarios/placement.yaml");
    let scenario = scenario.to_str().unwrap();
    let mut placements: Vec<(String, String)> = Vec::new();
    for (name, path) in library() {
        let path = path.to_str().unwrap();
        let valid = wavetank(dir.path(), &[], &["validate", "--strict", path]);
        assert!(valid.status.success(), "{name}: {valid:?}");
        let run = wavetank(dir.path(), &[], &["run", scenario, "--policy", path]);
        assert!(run.status.success(), "{name}: {run:?}");
        let folder = dir.path().join("results/placement").join(&name).join("1-0");
        let events = std::fs::read_to_string(folder.join("events.csv")).unwrap();
        let assigned: Vec<&str> = (events.lines())
            .filter_map(|line| line.split_once("Successfully assigned "))
            .map(|(_, to)| to)
            .collect();
        assert!(assigned.len() >= 42, "{name} places {} pods", assigned.len());
        placements.push((name, assigned.join("\n")));
    }
    let placed = |name: &str| placements.iter().find(|(known, _)| known == name).map(|p| &p.1);
    for name in RECOVERY {
        assert!(placed(name).is_some() && placed(name) == placed("default"), "{name}");
    }
    // Policies that differ in rule differ in placement.
    for (at, (name, placement)) in placements.iter().enumerate() {
        for (other, same) in &placements[..at] {
            if RECOVERY.contains(&other.as_str()) || RECOVERY.contains(&name.as_str()) {
                continue;
            }
            let near = NEAR.contains(&(other.as_str(), name.as_str()));
            assert!(near || placement != same, "{name} places like {other}");
        }
    }
}

#[test]
fn the_reference_of_the_plugins_is_up_to_date() {
    let path = root().join("docs/plugins.md");
    let expected = reference::document();
    if std::env::var_os("WAVETANK_UPDATE").is_some_and(|update| update == "1") {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "docs/plugins.md: WAVETANK_UPDATE=1 cargo test cli::policies");
    let dir = tempfile::tempdir().unwrap();
    for def in plugins::ALL {
        let name = def.descriptor.name;
        let told = wavetank(dir.path(), &[], &["policies", name]);
        assert!(told.status.success(), "{name}: {told:?}");
        let told = String::from_utf8(told.stdout).unwrap();
        assert!(expected.contains(&told), "{name}: {told}");
    }
}

/// Texts of `Rejection::CODE("…")` in a plugin's source, put together where they take two lines.
fn reasons(source: &str, code: &str) -> Vec<String> {
    let mut parts = source.split("\\\n");
    let first = parts.next().unwrap_or_default().to_owned();
    let source = parts.fold(first, |text, part| text + part.trim_start());
    let call = format!("Rejection::{code}(");
    let calls = source.split(&call).skip(1);
    let text =
        |rest: &str| rest.trim_start().strip_prefix('"')?.split('"').next().map(str::to_owned);
    calls.filter_map(text).collect()
}

#[test]
fn every_reason_for_rejection_is_in_the_reference() {
    let mut known = 0;
    for entry in std::fs::read_dir(root().join("src/scheduling/plugins")).unwrap() {
        let source = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let name = source.split("name: \"").nth(1).and_then(|rest| rest.split('"').next());
        let Some(def) = name.and_then(|name| plugins::find(name).ok()) else { continue };
        let page = reference::page(def);
        for (code, shown) in
            [("unresolvable", "UnschedulableAndUnresolvable"), ("unschedulable", "Unschedulable")]
        {
            for reason in reasons(&source, code) {
                known += 1;
                let line = format!("* `{reason}` ({shown})");
                assert!(page.contains(&line), "{}: {line}", def.descriptor.name);
            }
        }
    }
    assert!(known >= 11, "only {known} reasons were found");
}

/// The first block of a language in a document.
fn block(document: &str, language: &str) -> String {
    let text = std::fs::read_to_string(root().join(document)).unwrap();
    let mut lines = text.lines().skip_while(|line| *line != format!("```{language}"));
    lines.next().expect("there is such a block");
    lines.take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_expressions_that_documents_show_work() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("own.yaml"), block("docs/policies.md", "yaml")).unwrap();
    let scenario = root().join("scenarios/placement.yaml");
    let scenario = scenario.to_str().unwrap();
    let valid = wavetank(dir.path(), &[], &["validate", "--strict", "own.yaml"]);
    assert!(valid.status.success(), "{valid:?}");
    let run = wavetank(dir.path(), &[], &["run", scenario, "--policy", "own.yaml"]);
    assert!(run.status.success(), "{run:?}");
    let pods = dir.path().join("results/placement/own/1-0/events.csv");
    let events = std::fs::read_to_string(pods).unwrap();
    let count = |what: &str| events.lines().filter(|line| line.contains(what)).count();
    assert_eq!(count("Successfully assigned batch/"), 42);
    // Small pods stay off the large nodes.
    let tiny_on = |node: &str| {
        let lines = events.lines().filter(|line| line.contains("Successfully assigned batch/tiny"));
        lines.filter(|line| line.contains(node)).count()
    };
    assert_eq!((tiny_on(" to memory-"), tiny_on(" to even-")), (0, 14));
    let asked = ["explain", scenario, "--policy", "own.yaml", "--pod", "cpu-heavy"];
    let told = wavetank(dir.path(), &[], &asked);
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains("node(s) were kept for pods that need memory"), "{told}");
    assert!(
        told.contains("memory-only") && told.contains("pack-cpu") && told.contains("×10"),
        "{told}"
    );
}

#[test]
fn expressions_that_fail_on_the_scenario_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = root().join("scenarios/placement.yaml");
    for (expression, said, help) in [
        ("filter: node.metadata.labels.disk == 'ssd'", "no such label on node even-0", "has(…)"),
        (
            "score: 100.0 * pod.requests.cpu",
            "not between 0 and 100 on node even-0",
            "scale the score",
        ),
        ("score: 1 / (pod.spec.priority - 0)", "division by zero", "guard it"),
    ] {
        let policy = format!(
            "apiVersion: wavetank/v1\nkind: Policy\nmetadata: {{name: own}}\nspec:\n  expressions:\n    \
             - name: mine\n      {expression}\n"
        );
        std::fs::write(dir.path().join("own.yaml"), policy).unwrap();
        let args = ["run", scenario.to_str().unwrap(), "--policy", "own.yaml"];
        let output = wavetank(dir.path(), &[], &args);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains("E052") && told.contains("own.yaml:7:"), "{told}");
        assert!(told.contains(said) && told.contains(help), "{expression}: {told}");
    }
}

#[test]
fn the_plugin_that_documents_show_is_one_of_ours() {
    let source =
        std::fs::read_to_string(root().join("src/scheduling/plugins/first_fit.rs")).unwrap();
    let shown = block("docs/policies.md", "rust");
    assert!(shown.contains("impl Plugin for FirstFit") && source.starts_with(&shown), "{shown}");
}

/// A configuration of a cluster with a scheduler that was built from more than Kubernetes.
const REAL: &str = r#"apiVersion: kubescheduler.config.k8s.io/v1beta3
kind: KubeSchedulerConfiguration
leaderElection: {leaderElect: true}
clientConnection: {kubeconfig: /etc/kubernetes/scheduler.conf}
profiles:
  - schedulerName: default-scheduler
    plugins:
      queueSort:
        enabled: [{name: Coscheduling}]
        disabled: [{name: "*"}]
      multiPoint:
        enabled: [{name: Coscheduling}, {name: OwnScorer, weight: 5}]
      score:
        disabled: [{name: ImageLocality}]
    pluginConfig:
      - name: Coscheduling
        args: {permitWaitingTimeSeconds: 10}
      - name: NodeResourcesFit
        args: {scoringStrategy: {type: MostAllocated}}
extenders:
  - urlPrefix: https://10.0.0.7:8888/scheduler
    filterVerb: filter
"#;

#[test]
fn what_cannot_be_simulated_is_refused_or_skipped_by_name() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("config.yaml"), REAL).unwrap();
    let policy = |skip: &str| {
        let text = format!(
            "apiVersion: wavetank/v1\nkind: Policy\nmetadata: {{name: p}}\nspec:\n  scheduler: {{file: \
             config.yaml}}\n{skip}"
        );
        std::fs::write(dir.path().join("policy.yaml"), text).unwrap();
    };
    let told = |args: &[&str]| {
        let output = wavetank(dir.path(), &[], args);
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let named = ["`Coscheduling`", "`OwnScorer`", "https://10.0.0.7:8888/scheduler"];
    policy("");
    for args in [&["validate", "config.yaml"][..], &["validate", "policy.yaml"]] {
        let (code, text) = told(args);
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains("config.yaml:9:26") && text.contains("note[N002]"), "{text}");
        for name in named {
            assert!(text.contains(name), "{name}: {text}");
        }
        assert!(
            text.contains("skipUnknownPlugins: true") && text.contains("--skip-unknown-plugins")
        );
    }
    policy("  skipUnknownPlugins: true\n");
    for args in
        [&["validate", "config.yaml", "--skip-unknown-plugins"][..], &["validate", "policy.yaml"]]
    {
        let (code, text) = told(args);
        assert_eq!(code, Some(0), "{text}");
        assert_eq!(text.matches("warning[N004]").count(), 4, "{text}");
        for name in named.iter().chain(&["PrioritySort takes the place"]) {
            assert!(text.contains(name), "{name}: {text}");
        }
    }
    let scenario = root().join("scenarios/placement.yaml");
    let run = told(&["run", scenario.to_str().unwrap(), "--policy", "policy.yaml"]);
    assert_eq!(run.0, Some(0), "{}", run.1);
}

#[test]
fn real_configurations_are_read_once_what_is_not_ours_is_skipped() {
    let Some(folder) = shared("inputs/scheduler-configs/manifests") else { return };
    let mut read = 0;
    for (name, _) in super::files(&folder) {
        let text = std::fs::read_to_string(folder.join(&name)).unwrap_or_default();
        let current = ["kubescheduler.config.k8s.io/v1\n", "kubescheduler.config.k8s.io/v1beta3\n"];
        // A file holds one configuration; ConfigMaps hold theirs as text.
        let whole = text.matches("\nkind: KubeSchedulerConfiguration").count() == 1
            && current.iter().any(|version| text.contains(version));
        if !whole || text.contains("kind: ConfigMap") {
            continue;
        }
        let path = folder.join(&name);
        let args = ["validate", path.to_str().unwrap(), "--skip-unknown-plugins"];
        let output = wavetank(Path::new("."), &[], &args);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{}: {told}", name.display());
        assert!(told.contains("is skipped"), "{}: {told}", name.display());
        read += 1;
    }
    assert!(read >= 5, "only {read} configurations were read");
}

#[test]
fn pods_that_no_profile_serves_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let policy = "apiVersion: wavetank/v1\nkind: Policy\nmetadata: {name: other}\n\
                  spec: {scheduler: {profiles: [{schedulerName: other}]}}\n";
    std::fs::write(dir.path().join("other.yaml"), policy).unwrap();
    let scenario = root().join("scenarios/placement.yaml");
    let output =
        wavetank(dir.path(), &[], &["run", scenario.to_str().unwrap(), "--policy", "other.yaml"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert_eq!(text.matches("warning[N005]").count(), 1, "{text}");
    assert!(
        text.contains("ask for the scheduler \"default-scheduler\"")
            && text.contains("there is other"),
        "{text}"
    );
}
