//! What can go wrong between the rows and the files: the environment, a damaged table, a number
//! that cannot be drawn.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// An error while writing, reading or drawing results.
#[derive(Debug, Error)]
pub enum ReportError {
    /// The environment refused: a folder, a file, the disk.
    #[error("cannot {operation} {}: {source}", path.display())]
    Io {
        /// File or folder concerned.
        path: PathBuf,
        /// What was tried, for example `create`.
        operation: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A table that cannot be read back.
    #[error("{}:{line}: {problem}", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// Line in the file, from 1 (the header).
        line: u64,
        /// What was expected and what stood there.
        problem: String,
    },
    /// A number that is not finite reached a chart.
    #[error("cannot draw {chart}: {what} is {value}")]
    NotFinite {
        /// Chart name, for example `pod-states`.
        chart: &'static str,
        /// Which number.
        what: String,
        /// `NaN`, `inf` or `-inf`.
        value: f64,
    },
    /// The drawing backend refused.
    #[error("cannot draw {}: {problem}", path.display())]
    Draw {
        /// The image file.
        path: PathBuf,
        /// The backend's words.
        problem: String,
    },
    /// The page template refused.
    #[error("cannot render the report page: {0}")]
    Page(#[from] minijinja::Error),
    /// The folder holds neither the tables of a run nor those of a comparison.
    #[error(
        "{} holds no results: neither timeseries.csv (a run) nor comparison.csv (a comparison)",
        path.display()
    )]
    NoResults {
        /// The folder looked into.
        path: PathBuf,
    },
}

impl ReportError {
    /// An [`ReportError::Io`] maker for `map_err`.
    pub(crate) fn io(
        operation: &'static str,
        path: &Path,
    ) -> impl FnOnce(std::io::Error) -> ReportError {
        let path = path.to_path_buf();
        move |source| ReportError::Io { path, operation, source }
    }
}
