//! Every example that the documents show is a file that works.

use super::{root, wavetank};

fn blocks(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        if line.starts_with("```") {
            match open.take() {
                Some(block) => out.push(block),
                None if line == "```yaml" => open = Some(String::new()),
                None => {}
            }
        } else if let Some(block) = &mut open {
            block.push_str(line);
            block.push('\n');
        }
    }
    out
}

#[test]
fn examples_in_documents_run() {
    let mut count = 0;
    for document in ["README.md", "docs/scenarios.md"] {
        let text = std::fs::read_to_string(root().join(document)).unwrap();
        for block in blocks(&text) {
            count += 1;
            let dir = tempfile::tempdir().unwrap();
            std::fs::write(dir.path().join("example.yaml"), &block).unwrap();
            let output = wavetank(dir.path(), &[], &["validate", "example.yaml"]);
            assert!(output.status.success(), "{document}: {block}\n{output:?}");
            if block.contains("kind: Scenario") {
                let output = wavetank(dir.path(), &[], &["run", "example.yaml", "--verify"]);
                assert!(output.status.success(), "{document}: {block}\n{output:?}");
            }
        }
    }
    assert!(count >= 4, "the examples are found");
}

#[test]
fn the_starter_scenario_runs_and_is_never_written_over() {
    let dir = tempfile::tempdir().unwrap();
    assert!(wavetank(dir.path(), &[], &["init"]).status.success());
    let output = wavetank(dir.path(), &[], &["compare", "scenario.yaml", "-n", "2"]);
    assert_ne!(output.status.code(), Some(2), "{output:?}");
    let again = wavetank(dir.path(), &[], &["init"]);
    assert_eq!(again.status.code(), Some(1), "{again:?}");
}
