//! The policy library: every file is explained, valid, and places pods.

use std::path::PathBuf;

use super::{root, wavetank};

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
    // Policies that differ in rule differ in placement.
    for (at, (name, placement)) in placements.iter().enumerate() {
        for (other, same) in &placements[..at] {
            let near = NEAR.contains(&(other.as_str(), name.as_str()));
            assert!(near || placement != same, "{name} places like {other}");
        }
    }
}
