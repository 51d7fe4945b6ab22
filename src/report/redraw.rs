//! All charts of a results folder again, from its tables alone: `wavetank plot`.

use std::fs;
use std::path::{Path, PathBuf};

use super::ReportError;
use super::charts::{Caption, CompareTables, RunTables, compare_charts, run_charts};
use super::io::{TableRow, read_table, read_table_if_present};
use crate::tables::{
    ComparisonRow, FaultRow, NodeRow, PodRow, RecoveryRow, ReplicationRow, SeriesRow, StageRow,
};

/// Draws every chart of a run's or a comparison's folder into its `charts/` and returns the stems
/// of the files written, `<folder>/charts/<name>` (`.svg` and `.png`). Nothing is simulated.
///
/// The caption comes from `run.json` or `comparison.json` if there (see [`folder_caption`]).
///
/// # Errors
/// [`ReportError::NoResults`] if the folder holds neither kind of tables; otherwise as reading
/// tables and drawing charts.
pub fn redraw(dir: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let caption = folder_caption(dir)?;
    let charts = if dir.join(ComparisonRow::FILE).exists() {
        let comparison = read_table::<ComparisonRow>(dir)?;
        let replications = read_table_if_present::<ReplicationRow>(dir)?;
        let tables = CompareTables { comparison: &comparison, replications: &replications };
        compare_charts(&tables, &caption)?
    } else if dir.join(SeriesRow::FILE).exists() {
        let series = read_table::<SeriesRow>(dir)?;
        let pods = read_table_if_present::<PodRow>(dir)?;
        let faults = read_table_if_present::<FaultRow>(dir)?;
        let recovery = read_table_if_present::<RecoveryRow>(dir)?;
        let stages = read_table_if_present::<StageRow>(dir)?;
        let nodes = read_table_if_present::<NodeRow>(dir)?;
        let tables = RunTables {
            series: &series,
            pods: &pods,
            nodes: &nodes,
            faults: &faults,
            recovery: &recovery,
            stages: &stages,
        };
        run_charts(&tables, &caption)?
    } else {
        return Err(ReportError::NoResults { path: dir.to_path_buf() });
    };
    let folder = dir.join("charts");
    let mut written = Vec::new();
    for chart in &charts {
        chart.write(&folder)?;
        written.push(folder.join(chart.name));
    }
    Ok(written)
}

/// The caption of a results folder: from the keys `scenario`, `policy`, `seed`, `replication`,
/// `duration_seconds` of `run.json`, or `scenario`, `policies` (a list), `replications` of
/// `comparison.json`; a missing file or key is left out, never an error.
///
/// # Errors
/// [`ReportError::Io`] if the file is there but cannot be read.
pub fn folder_caption(dir: &Path) -> Result<Caption, ReportError> {
    let run = json(&dir.join("run.json"))?;
    let comparison = json(&dir.join("comparison.json"))?;
    let text = |value: &serde_json::Value, key: &str| value[key].as_str().unwrap_or("").to_owned();
    if run.is_object() {
        let (scenario, policy) = (text(&run, "scenario"), text(&run, "policy"));
        let seed = run["seed"].as_u64();
        let replication = run["replication"].as_u64();
        let caption = Caption::run(&scenario, &policy, seed.zip(replication));
        return Ok(Caption { end_seconds: run["duration_seconds"].as_f64(), ..caption });
    }
    if comparison.is_object() {
        let policies = comparison["policies"].as_array().map_or(0, Vec::len);
        let replications = comparison["replications"].as_u64().unwrap_or(0);
        let scenario = text(&comparison, "scenario");
        return Ok(Caption::comparison(&scenario, policies, replications));
    }
    Ok(Caption::default())
}

/// The file's JSON; null if there is no such file or it is not JSON.
fn json(path: &Path) -> Result<serde_json::Value, ReportError> {
    if !path.exists() {
        return Ok(serde_json::Value::Null);
    }
    let text = fs::read_to_string(path).map_err(ReportError::io("read", path))?;
    Ok(serde_json::from_str(&text).unwrap_or(serde_json::Value::Null))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures;
    use crate::report::io::OutputDir;

    fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
        let mut files: Vec<_> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|e| (e.file_name().into_string().unwrap(), fs::read(e.path()).unwrap()))
            .collect();
        files.sort();
        files
    }

    #[test]
    fn a_run_folder_gives_the_same_charts_again() {
        let temp = tempfile::tempdir().unwrap();
        let run = fixtures::run(5, 6);
        let out = OutputDir::create(temp.path(), &[]).unwrap();
        out.write_table(&run.series).unwrap();
        out.write_table(&run.pods).unwrap();
        out.write_table(&run.nodes).unwrap();
        out.write_table(&run.faults).unwrap();
        out.write_table(&run.recovery).unwrap();
        out.write_table(&run.stages).unwrap();
        let json = r#"{"scenario": "zone-outage", "policy": "default", "seed": 1,
                       "replication": 0, "duration_seconds": 7200}"#;
        out.write_file("run.json", json).unwrap();
        for chart in fixtures::run_charts(&run) {
            chart.write(&temp.path().join("charts")).unwrap();
        }
        let first = files(&temp.path().join("charts"));
        let written = redraw(temp.path()).unwrap();
        assert_eq!(first.len(), 2 * written.len());
        assert!(first == files(&temp.path().join("charts")), "redrawn charts differ");
    }

    #[test]
    fn a_comparison_folder_is_recognised_and_a_bare_one_refused() {
        let temp = tempfile::tempdir().unwrap();
        let error = redraw(temp.path()).unwrap_err().to_string();
        assert!(error.contains("holds no results"), "{error}");
        let comparison = fixtures::comparison(2, 3);
        let out = OutputDir::create(temp.path(), &[]).unwrap();
        out.write_table(&comparison.rows).unwrap();
        out.write_table(&comparison.replications).unwrap();
        let written = redraw(temp.path()).unwrap();
        assert_eq!(written.len(), 4);
        assert!(written[0].with_extension("png").exists());
    }
}
