//! Cost follows what changes: the events of a day, counted, not timed.

use wavetank::record::Detail;
use wavetank::scenario::built_in;
use wavetank::scenario::compile::compile;
use wavetank::scenario::file::FileReader;
use wavetank::sim::{RunOptions, simulate};

#[path = "../../benches/cases/day.rs"]
mod scenario;

/// Events handled in a day in which a zone is without power for half an hour, by kind.
fn events(nodes: u32, pods: u32, period: u32) -> Vec<(&'static str, u64)> {
    let text = scenario::day(nodes, pods, period);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("day.yaml");
    std::fs::write(&path, text).unwrap();
    let mut reader = FileReader::new(built_in::POLICIES);
    let loaded = reader.scenario(&path, &[]).unwrap().unwrap();
    let model = compile(&loaded, &loaded.policies[0], &mut reader.found).unwrap();
    let result = simulate(&model, RunOptions::new(1, 0, Detail::Metrics));
    assert!(result.limit.is_none());
    result.by_kind
}

fn sum(events: &[(&str, u64)]) -> f64 {
    events.iter().map(|(_, count)| *count as f64).sum()
}

#[test]
fn a_day_costs_what_changes_and_not_what_ticks() {
    let base = events(200, 6_000, 10);
    let (twice, half) = (events(200, 12_000, 10), events(200, 6_000, 5));
    let (base_sum, twice_sum, half_sum) = (sum(&base), sum(&twice), sum(&half));
    assert!(twice_sum <= 2.2 * base_sum, "twice the pods: {base:?} {twice:?}");
    let change = (half_sum - base_sum).abs() / base_sum;
    assert!(change <= 0.05, "half the period: {base:?} {half:?}");
    // A kubelet that ticks would execute 6,000 × 2 probes each 10 s of the day.
    let ticks = 6_000.0 * 2.0 * 8_640.0;
    assert!(base_sum * 100.0 < ticks, "{base_sum} events against {ticks} probes");
}
