//! One run of a scenario through the command line, and its tables.

use std::collections::BTreeMap;
use std::path::Path;

use super::wavetank;

/// The files that a run has written.
pub(super) struct Run {
    /// Its folder, kept as long as the run.
    _dir: tempfile::TempDir,
    folder: std::path::PathBuf,
}

/// A row of a table by column.
pub(super) type Row = BTreeMap<String, String>;

impl Run {
    /// Runs a scenario of this name under its only policy, with all checks of the whole world.
    pub(super) fn of(scenario: &str) -> Self {
        Self::with(scenario, &[])
    }

    /// The same with further files beside it.
    pub(super) fn with(scenario: &str, files: &[(&str, &[u8])]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            std::fs::write(dir.path().join(name), bytes).unwrap();
        }
        std::fs::write(dir.path().join("s.yaml"), scenario).unwrap();
        let output = wavetank(dir.path(), &[], &["run", "s.yaml", "--verify"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let folder = only_folder(&only_folder(&dir.path().join("results"))).join("1-0");
        Self { _dir: dir, folder }
    }

    /// All rows of a table.
    pub(super) fn table(&self, name: &str) -> Vec<Row> {
        let mut reader = csv::Reader::from_path(self.folder.join(name)).unwrap();
        reader.deserialize().map(Result::unwrap).collect()
    }

    /// A metric by name and labels.
    pub(super) fn metric(&self, name: &str, labels: &str) -> f64 {
        let rows = self.table("metrics.csv");
        let row = rows.iter().find(|row| row["metric"] == name && row["labels"] == labels);
        number(&row.unwrap_or_else(|| panic!("no {name}{{{labels}}}"))["value"])
    }

    /// Events of a reason whose object's name or message contains a word: time and message.
    pub(super) fn events(&self, reason: &str, word: &str) -> Vec<(f64, String)> {
        let rows = self.table("events.csv").into_iter();
        rows.filter(|row| row["reason"] == reason)
            .filter(|row| row["message"].contains(word) || row["name"].contains(word))
            .map(|row| (number(&row["time_seconds"]), row["message"].clone()))
            .collect()
    }

    /// Times of such events.
    pub(super) fn times(&self, reason: &str, word: &str) -> Vec<f64> {
        self.events(reason, word).into_iter().map(|(time, _)| time).collect()
    }

    /// Change points of a series.
    pub(super) fn series(&self, metric: &str, labels: &str) -> Vec<(f64, f64)> {
        let rows = self.table("timeseries.csv").into_iter();
        rows.filter(|row| row["metric"] == metric && row["labels"] == labels)
            .map(|row| (number(&row["time_seconds"]), number(&row["value"])))
            .collect()
    }
}

/// A number of a table.
pub(super) fn number(text: &str) -> f64 {
    text.parse().unwrap_or_else(|_| panic!("{text:?} is no number"))
}

/// Whether two instants are the same but for rounding.
pub(super) fn same(one: f64, two: f64) -> bool {
    (one - two).abs() < 1e-6
}

fn only_folder(dir: &Path) -> std::path::PathBuf {
    let mut entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let only = entries.find(|path| path.is_dir()).unwrap();
    assert!(entries.all(|path| !path.is_dir()), "one scenario, one policy");
    only
}

/// A scenario: `spec` is what stands there beside the duration and a control plane without
/// latencies; policy `p` has these recovery fields.
pub(super) fn scenario(duration: &str, spec: &str, recovery: &str) -> String {
    format!(
        "apiVersion: wavetank/v1
kind: Scenario
metadata: {{name: answers}}
spec:
  duration: {duration}
  controlPlane: {{apiLatency: 0s, watchLatency: 0s}}
  policies: [p]
{spec}
---
apiVersion: wavetank/v1
kind: Policy
metadata: {{name: p}}
spec:
  recovery: {{{recovery}}}
"
    )
}

/// Pools of nodes of four cores and 8 GiB, one a zone.
pub(super) fn cluster(zones: &[(&str, u32)]) -> String {
    let pool = |(zone, count): &(&str, u32)| {
        format!(
            "      - {{name: {zone}, count: {count}, zones: [{zone}], boot: 10s, template: \
             {{status: {{allocatable: {{cpu: \"4\", memory: 8Gi, pods: \"110\"}}}}}}}}\n"
        )
    };
    let pools: String = zones.iter().map(pool).collect();
    format!("  cluster:\n    nodePools:\n{pools}")
}

/// A Deployment `web` whose pods run these containers (YAML flow mappings), with further fields
/// of the pod's spec.
pub(super) fn deployment(replicas: u32, containers: &str, more: &str) -> String {
    format!(
        "  workloads:
    - objects:
        - apiVersion: apps/v1
          kind: Deployment
          metadata: {{name: web}}
          spec:
            replicas: {replicas}
            selector: {{matchLabels: {{app: web}}}}
            template:
              metadata: {{labels: {{app: web}}}}
              spec: {{{more}containers: [{containers}]}}
"
    )
}
