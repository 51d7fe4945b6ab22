//! Reading of recorded cases of the real Kubernetes code, for tests only.
//!
//! The recordings lie outside the package, under `$WAVETANK_SHARED` (default `../shared`);
//! where they are absent the tests say so and check nothing.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use flate2::read::GzDecoder;
use serde_json::Value;

/// Calls `check(case, input, expected)` for every recorded case of `topic`, in file order.
pub(crate) fn for_each(topic: &str, mut check: impl FnMut(&str, &Value, &Value)) {
    let root = std::env::var_os("WAVETANK_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let path = root.join("conformance/controllers").join(format!("{topic}.jsonl.gz"));
    let Ok(file) = std::fs::File::open(&path) else {
        println!("skipped: no recording {}", path.display());
        return;
    };
    let mut cases = 0;
    for line in BufReader::new(GzDecoder::new(file)).lines() {
        let line = line.expect("the recording is readable gzip text");
        let case: Value = serde_json::from_str(&line).expect("every line is one JSON object");
        check(case["case"].as_str().expect("a case has a name"), &case["input"], &case["expected"]);
        cases += 1;
    }
    assert!(cases > 0, "{topic} is empty");
}
