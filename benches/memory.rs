//! How much memory the scheduling state takes: 15,000 nodes with 300,000 pods of fifty classes.
//!
//! Reads the resident set of its own process, which only Linux tells; elsewhere it says so. The
//! decisions' own bookkeeping is told apart: what pod classes share, and what each has to itself.

#![expect(clippy::print_stdout, reason = "a bench without criterion tells what it measured")]

mod cases;

use std::process::ExitCode;

use cases::{CASES, Placing, cluster};
use wavetank::rng::Streams;

const NODES: u32 = 15_000;
const PODS: u32 = 300_000;
/// What the state may take.
const LIMIT: usize = 600 << 20;

/// Resident bytes of this process.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

fn main() -> ExitCode {
    // `cargo test` runs benches as well; there is nothing to check quickly here.
    if std::env::args().any(|arg| arg == "--test") {
        return ExitCode::SUCCESS;
    }
    let Some(before) = resident() else {
        println!("memory: this system does not tell a process's resident set");
        return ExitCode::SUCCESS;
    };
    let mut case = CASES.into_iter().find(|case| case.name == "mixed").expect("there is a mix");
    case.leaves_after = None;
    let model = cluster(NODES, case);
    let with_model = resident().expect("it told before");
    let streams = Streams::new(1, 0);
    let mut placing = Placing::new(&model, case, &model.scheduler.profiles[0]);
    for pod in 0..PODS {
        placing.place(&streams, pod);
    }
    let after = resident().expect("it told before");
    let (shared, own) = placing.framework.kept_bytes();
    let per = |bytes: usize, by: u32| bytes / by as usize;
    let (state, input) = (after - with_model, with_model - before);
    println!("memory: {NODES} nodes, {PODS} pods, {} classes", case.classes);
    println!("  model             {:>6} MiB", input >> 20);
    println!("  scheduling state  {:>6} MiB", state >> 20);
    println!("  of it by groups   {:>6} KiB, {} bytes per node", shared >> 10, per(shared, NODES));
    println!("  of it by classes  {:>6} KiB, {} per class", own >> 10, per(own, case.classes));
    if after - before > LIMIT {
        println!("memory: more than {} MiB", LIMIT >> 20);
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
