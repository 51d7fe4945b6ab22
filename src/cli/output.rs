//! What a run leaves in its folder.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::Failure;
use super::load::Ready;
use crate::metrics::{self, RunTables};
use crate::model::Model;
use crate::record::Detail;
use crate::report::charts::{Caption, RunTables as ChartTables, run_charts};
use crate::report::format;
use crate::report::html::{KeyNumber, RunReport, run_page};
use crate::report::io::OutputDir;
use crate::sim::{RunOptions, RunResult, simulate};

/// After so many events `--verify` looks at the whole world.
const VERIFY_EVERY: u64 = 1000;

/// Metrics that a run's page shows first, by name and labels.
const KEY_METRICS: &[(&str, &str)] = &[
    ("time_to_whole_seconds", "quantile=\"0.95\""),
    ("availability_ratio", ""),
    ("recovery_detect_seconds", ""),
    ("pod_pending_seconds", "quantile=\"0.95\""),
    ("container_restarts_total", ""),
    ("cluster_allocated_ratio", "resource=\"cpu\""),
    ("nodes_used", ""),
    ("cost_total", ""),
];

/// Everything about one run in full detail.
#[derive(Debug)]
pub(super) struct FullRun {
    /// Its tables.
    pub(super) tables: RunTables,
    /// The simulation's own account.
    pub(super) result: RunResult,
}

/// Runs one replication in full detail.
pub(super) fn full_run(model: &Model, seed: u64, replication: u32, verify: bool) -> FullRun {
    let mut options = RunOptions::new(seed, replication, Detail::Full);
    options.verify_every = if verify { VERIFY_EVERY } else { 0 };
    let result = simulate(model, options);
    let tables = metrics::tables(model, &result.facts, &result.events);
    FullRun { tables, result }
}

/// Folder of one run below the scenario's.
pub(super) fn run_folder(out: &Path, model: &Model, seed: u64, replication: u32) -> PathBuf {
    out.join(&model.scenario).join(&model.policy).join(format!("{seed}-{replication}"))
}

/// The command that gives the same bytes again.
pub(super) fn reproduce(ready: &Ready, model: &Model, replication: u32) -> String {
    format!(
        "wavetank run {} --policy {} --seed {} --replication {replication}",
        ready.file_name, model.policy, ready.seed
    )
}

/// Writes every table, chart and the page of one run.
pub(super) fn write_run(
    dir: &Path,
    ready: &Ready,
    model: &Model,
    replication: u32,
    run: &FullRun,
) -> Result<(), Failure> {
    let out = OutputDir::create(dir, &["run.json", "report.html"])?;
    let tables = &run.tables;
    out.write_table(&tables.metrics)?;
    out.write_table(&tables.series)?;
    out.write_table(&tables.events)?;
    out.write_table(&tables.pods)?;
    out.write_table(&tables.nodes)?;
    out.write_table(&tables.faults)?;
    out.write_table(&tables.recovery)?;
    out.write_table(&tables.stages)?;
    let provenance = json!({
        "wavetank": env!("CARGO_PKG_VERSION"),
        "scenario": model.scenario,
        "policy": model.policy,
        "seed": ready.seed,
        "replication": replication,
        "duration_seconds": model.duration.as_secs_f64(),
        "scenario_file": ready.file_name,
        "input_digest": ready.digest,
        "event_hash": run.result.digest.to_hex(),
        "storm": run.result.storm,
        "ended_early": run.result.limit.as_ref().map(ToString::to_string),
        "reproduce": reproduce(ready, model, replication),
    });
    out.write_file("run.json", pretty(&provenance))?;
    out.write_file("summary.json", pretty(&summary(tables)))?;
    let caption =
        Caption::run(&model.scenario, &model.policy, Some((ready.seed, u64::from(replication))));
    let caption = Caption { end_seconds: Some(model.duration.as_secs_f64()), ..caption };
    let charts = run_charts(
        &ChartTables {
            series: &tables.series,
            pods: &tables.pods,
            nodes: &tables.nodes,
            faults: &tables.faults,
            recovery: &tables.recovery,
            stages: &tables.stages,
        },
        &caption,
    )?;
    for chart in &charts {
        chart.write(&out.path().join("charts"))?;
    }
    let mut notes: Vec<String> = ready.ignored.clone();
    notes.extend(run.result.limit.as_ref().map(|limit| format!("The run ended early: {limit}.")));
    let page = run_page(&RunReport {
        title: model.scenario.clone(),
        subtitle: format!(
            "{} · {} simulated",
            caption.subtitle,
            format::span(model.duration.as_secs_f64())
        ),
        description: model.description.clone(),
        key_numbers: key_numbers(tables),
        charts: &charts,
        faults: &tables.faults,
        recovery: &tables.recovery,
        events: &tables.events,
        notes,
        reproduce: vec![reproduce(ready, model, replication)],
    })?;
    out.write_file("report.html", page)?;
    Ok(())
}

/// The figures that a run's page and the terminal show first.
pub(super) fn key_numbers(tables: &RunTables) -> Vec<KeyNumber> {
    KEY_METRICS
        .iter()
        .filter_map(|(metric, labels)| {
            tables.metrics.iter().find(|row| row.metric == *metric && row.labels == *labels)
        })
        .map(KeyNumber::of_metric)
        .collect()
}

/// Metrics as one JSON object, `name{labels}` to value.
fn summary(tables: &RunTables) -> serde_json::Value {
    let mut map = serde_json::Map::new();
    for row in &tables.metrics {
        let key = if row.labels.is_empty() {
            row.metric.clone()
        } else {
            format!("{}{{{}}}", row.metric, row.labels)
        };
        map.insert(key, json!(row.value));
    }
    serde_json::Value::Object(map)
}

/// JSON as people read it, with a newline at the end.
pub(super) fn pretty(value: &serde_json::Value) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}
