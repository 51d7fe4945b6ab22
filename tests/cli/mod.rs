//! The binary from outside: determinism, hostile input, documents, real manifests, changes that
//! must change nothing.

mod answers;
mod answers_control_plane;
mod answers_drain;
mod answers_jobs;
mod answers_kubelet;
mod answers_machines;
mod answers_nodes;
mod answers_outages;
mod answers_pressure;
mod answers_run;
mod answers_sets;
mod convergence;
mod cost;
mod determinism;
mod documents;
mod explain;
mod hostile;
mod inputs;
mod lessons;
mod lint;
mod metamorphic;
mod moonlight;
mod output;
mod policies;
mod preemption;
mod traces;

use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;

/// The repository.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The folder of shared real inputs, or a line that says it is not there.
#[expect(clippy::print_stdout, reason = "a test that checks nothing says so")]
pub(crate) fn shared(below: &str) -> Option<PathBuf> {
    let shared =
        std::env::var_os("WAVETANK_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    let folder = shared.join(below);
    if folder.exists() {
        return Some(folder);
    }
    println!("skipped: there is no {}", folder.display());
    None
}

/// Whether the long tests are asked for.
pub(crate) fn full_tier() -> bool {
    std::env::var_os("WAVETANK_TIER").is_some_and(|tier| tier == "full")
}

/// Runs wavetank in a folder with extra environment.
pub(crate) fn wavetank(dir: &Path, env: &[(&str, &str)], args: &[&str]) -> Output {
    let mut command = Command::cargo_bin("wavetank").expect("the binary is built");
    command.current_dir(dir).args(args).timeout(std::time::Duration::from_secs(60));
    for (key, value) in env {
        command.env(key, value);
    }
    command.output().expect("the binary starts")
}

/// Every file below a folder with its bytes, by relative path.
pub(crate) fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut out = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(dir).expect("below the folder").to_owned();
                out.push((name, std::fs::read(&path).expect("a readable file")));
            }
        }
    }
    out.sort();
    out
}
