//! The failure traces that a scenario's faults name.

use std::collections::BTreeMap;
use std::path::Path;

use super::FileReader;
use crate::base::diag::{Diagnostic, FileId, codes};
use crate::scenario::read::Located;
use crate::scenario::source::{Limits, LoadError, load, too_large};
use crate::scenario::spec::{FaultKind, Scenario};
use crate::scenario::trace::{self, Trace};

/// A trace, and the file that it stands in.
#[derive(Clone, Debug)]
pub struct LoadedTrace {
    /// What it says.
    pub trace: Trace,
    /// Its text; of a Parquet file what it would be as CSV.
    pub file: FileId,
}

impl FileReader<'_> {
    /// The traces of a scenario, by the position of their fault. One that cannot be read is
    /// missing, after a finding.
    pub(super) fn traces(
        &mut self,
        scenario: &Scenario,
        folder: &Path,
    ) -> BTreeMap<usize, LoadedTrace> {
        let mut out = BTreeMap::new();
        for (place, fault) in scenario.spec.faults.iter().enumerate() {
            if let FaultKind::FailureTrace(failures) = &fault.kind
                && let Some(trace) = self.trace(&failures.file, folder)
            {
                out.insert(place, trace);
            }
        }
        out
    }

    fn trace(&mut self, name: &Located<String>, folder: &Path) -> Option<LoadedTrace> {
        let file = match self.trace_text(name, &folder.join(name.as_str())) {
            Ok(file) => file?,
            Err(error) => {
                self.unreadable(name, &error);
                return None;
            }
        };
        let text = self.sources.text(file);
        let trace = trace::read(file, &text, &mut self.found)?;
        Some(LoadedTrace { trace, file })
    }

    fn trace_text(
        &mut self,
        name: &Located<String>,
        path: &Path,
    ) -> Result<Option<FileId>, LoadError> {
        let failed = |source| LoadError { path: path.to_owned(), source };
        let mut file = std::fs::File::open(path).map_err(failed)?;
        if !trace::is_parquet(&mut file).map_err(failed)? {
            return load(path, name, &Limits::MANIFESTS, (&mut self.sources, &mut self.found));
        }
        let size = file.metadata().map_err(failed)?.len();
        if size > Limits::OURS.bytes_max {
            self.found.push(too_large(self.sources.add(name.as_str(), ""), size, &Limits::OURS));
            return Ok(None);
        }
        match trace::text_of(file) {
            Ok(text) => Ok(Some(self.sources.add(name.as_str(), text))),
            Err(message) => {
                let finding = Diagnostic::error(codes::BAD_TRACE, name.span, message);
                let help = "a Parquet trace has the columns failure_interval, failure_duration \
                            and failure_intensity";
                self.found.push(finding.help(help));
                Ok(None)
            }
        }
    }
}
