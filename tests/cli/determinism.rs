//! Same inputs, same bytes, whatever surrounds the process.

use super::{files, root, wavetank};

#[test]
fn results_do_not_depend_on_threads_locale_or_place() {
    let mut scenarios = 0;
    for entry in std::fs::read_dir(root().join("scenarios")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        scenarios += 1;
        let scenario = path.to_str().unwrap();
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let run = |dir: &std::path::Path, env: &[(&str, &str)], jobs: &str| {
            let args = ["compare", scenario, "-n", "3", "--jobs", jobs, "--out", "out"];
            let output = wavetank(dir, env, &args);
            assert_ne!(output.status.code(), Some(2), "{scenario}: {output:?}");
        };
        run(a.path(), &[("LANG", "C"), ("TZ", "UTC"), ("HOME", "/")], "1");
        run(b.path(), &[("LANG", "de_DE.UTF-8"), ("TZ", "Asia/Tokyo")], "2");
        let (a, b) = (files(&a.path().join("out")), files(&b.path().join("out")));
        assert!(a.len() > 20, "{scenario}: only {} files", a.len());
        let names = |list: &[(std::path::PathBuf, Vec<u8>)]| {
            list.iter().map(|file| file.0.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(&a), names(&b), "{scenario}");
        for (one, other) in a.iter().zip(&b) {
            assert!(one.1 == other.1, "{scenario}: {} differs", one.0.display());
        }
    }
    assert!(scenarios >= 4, "the shipped scenarios are found");
}

#[test]
fn run_reproduces_and_plot_redraws_what_compare_wrote() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = root().join("scenarios/health-check.yaml");
    let scenario = scenario.to_str().unwrap();
    wavetank(dir.path(), &[], &["compare", scenario, "-n", "3", "--out", "a"]);
    let policy = dir.path().join("a/health-check/patient");
    let run = std::fs::read_dir(&policy).unwrap().next().unwrap().unwrap().file_name();
    let replication = run.to_str().unwrap().split('-').nth(1).unwrap().to_owned();
    let args =
        ["run", scenario, "--policy", "patient", "--replication", &replication, "--out", "b"];
    wavetank(dir.path(), &[], &args);
    let compared = policy.join(&run);
    let again = dir.path().join("b/health-check/patient").join(&run);
    // run.json holds a digest of what was read; with --policy that is the same file.
    assert_eq!(files(&compared), files(&again));
    std::fs::remove_dir_all(again.join("charts")).unwrap();
    let output = wavetank(dir.path(), &[], &["plot", again.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(files(&compared.join("charts")), files(&again.join("charts")));
}

#[test]
fn a_policy_against_itself_differs_in_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(root().join("scenarios/health-check.yaml")).unwrap();
    let apps = root().join("scenarios/apps");
    let text = text
        .replace("name: patient", "name: twin")
        .replace("policy=\"patient\"", "policy=\"twin\"")
        .replace("policies: [default, patient]", "policies: [default, twin]")
        .replace("manifests: apps", &format!("manifests: {}", apps.display()))
        .replace("livenessProbe: {timeoutSeconds: 5, failureThreshold: 6}", "livenessProbe: {}");
    std::fs::write(dir.path().join("twins.yaml"), text).unwrap();
    wavetank(dir.path(), &[], &["compare", "twins.yaml", "-n", "5", "--out", "out"]);
    let table = dir.path().join("out/health-check/comparison.csv");
    let table = std::fs::read_to_string(table).unwrap();
    let twins: Vec<&str> = table.lines().filter(|line| line.contains(",twin,")).collect();
    assert!(twins.len() > 10, "{table}");
    for line in twins {
        assert!(line.ends_with(",no difference"), "{line}");
    }
}
