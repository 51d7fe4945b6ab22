//! The tables as CSV files: written and read back, nothing interpreted.
//!
//! Pure data: a header always, `\n`, a fixed column order (the field order of the row struct),
//! floats in the shortest decimal form that reads back to the same number, never an exponent. An
//! absent number is an empty cell.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::BufWriter;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use csv::StringRecord;

use super::ReportError;
use crate::tables::{
    ComparisonRow, EventRow, FaultRow, MetricRow, NodeRow, PodRow, RecoveryRow, ReplicationRow,
    SeriesRow, StageRow,
};

/// A row struct that has a CSV file.
pub trait TableRow: Sized {
    /// File name inside a results folder.
    const FILE: &'static str;
    /// Column names in order.
    const COLUMNS: &'static [&'static str];

    /// Appends the cells of this row, one per column.
    fn write_cells(&self, record: &mut StringRecord);

    /// Reads the cells of one record that has as many fields as there are columns.
    ///
    /// # Errors
    /// The column's index and what a cell of that column has to be.
    fn read_cells(record: &StringRecord) -> Result<Self, (usize, &'static str)>;
}

/// One CSV cell.
trait Cell: Sized {
    fn print(&self, out: &mut String);
    fn parse(text: &str) -> Result<Self, &'static str>;
}

impl Cell for String {
    fn print(&self, out: &mut String) {
        out.push_str(self);
    }
    fn parse(text: &str) -> Result<Self, &'static str> {
        Ok(text.to_owned())
    }
}

impl Cell for f64 {
    fn print(&self, out: &mut String) {
        let value = if *self == 0.0 { 0.0 } else { *self };
        write!(out, "{value}").expect("writing to a String cannot fail");
    }
    fn parse(text: &str) -> Result<Self, &'static str> {
        text.parse().map_err(|_| "a number")
    }
}

impl Cell for Option<f64> {
    fn print(&self, out: &mut String) {
        if let Some(value) = self {
            value.print(out);
        }
    }
    fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| "a number or nothing")
    }
}

impl Cell for u32 {
    fn print(&self, out: &mut String) {
        write!(out, "{self}").expect("writing to a String cannot fail");
    }
    fn parse(text: &str) -> Result<Self, &'static str> {
        text.parse().map_err(|_| "a whole number from 0 to 4294967295")
    }
}

impl Cell for i64 {
    fn print(&self, out: &mut String) {
        write!(out, "{self}").expect("writing to a String cannot fail");
    }
    fn parse(text: &str) -> Result<Self, &'static str> {
        text.parse().map_err(|_| "a whole number")
    }
}

impl Cell for bool {
    fn print(&self, out: &mut String) {
        out.push_str(if *self { "true" } else { "false" });
    }
    fn parse(text: &str) -> Result<Self, &'static str> {
        text.parse().map_err(|_| "true or false")
    }
}

macro_rules! table {
    ($row:ident, $file:literal, $($field:ident => $column:literal),+ $(,)?) => {
        impl TableRow for $row {
            const FILE: &'static str = $file;
            const COLUMNS: &'static [&'static str] = &[$($column),+];

            fn write_cells(&self, record: &mut StringRecord) {
                let mut cell = String::new();
                $(
                    cell.clear();
                    self.$field.print(&mut cell);
                    record.push_field(&cell);
                )+
            }

            fn read_cells(record: &StringRecord) -> Result<Self, (usize, &'static str)> {
                let mut cells = record.iter().enumerate();
                $(
                    let (index, text) = cells.next().expect("the caller counted the fields");
                    let $field = Cell::parse(text).map_err(|expected| (index, expected))?;
                )+
                Ok($row { $($field),+ })
            }
        }
    };
}

table!(MetricRow, "metrics.csv", metric => "metric", labels => "labels", value => "value");
table!(
    SeriesRow, "timeseries.csv",
    metric => "metric", labels => "labels", time_seconds => "time_seconds", value => "value",
);
table!(
    EventRow, "events.csv",
    time_seconds => "time_seconds", kind => "type", reason => "reason",
    object_kind => "object_kind", namespace => "namespace", name => "name",
    component => "component", message => "message",
);
table!(
    PodRow, "pods.csv",
    namespace => "namespace", name => "name", workload => "workload", node => "node",
    zone => "zone", created_seconds => "created_seconds",
    scheduled_seconds => "scheduled_seconds", started_seconds => "started_seconds",
    ready_seconds => "ready_seconds", deleted_seconds => "deleted_seconds", phase => "phase",
    reason => "reason", restarts => "restarts",
);
table!(
    NodeRow, "nodes.csv",
    name => "name", pool => "pool", zone => "zone", cpu_milli => "cpu_milli",
    memory_bytes => "memory_bytes", pods => "pods", cpu_allocated_ratio => "cpu_allocated_ratio",
    memory_allocated_ratio => "memory_allocated_ratio", ready_ratio => "ready_ratio",
);
table!(
    FaultRow, "faults.csv",
    fault => "fault", kind => "kind", target => "target", start_seconds => "start_seconds",
    end_seconds => "end_seconds",
);
table!(
    RecoveryRow, "recovery.csv",
    fault => "fault", workload => "workload", replicas_lost => "replicas_lost",
    detect_seconds => "detect_seconds", reschedule_seconds => "reschedule_seconds",
    start_seconds => "start_seconds", ready_seconds => "ready_seconds",
    time_to_whole_seconds => "time_to_whole_seconds", censored => "censored",
);
table!(
    StageRow, "stages.csv",
    workload => "workload", pod => "pod", node => "node", stage => "stage",
    start_seconds => "start_seconds", end_seconds => "end_seconds",
);
table!(
    ReplicationRow, "replications.csv",
    policy => "policy", replication => "replication", metric => "metric", labels => "labels",
    value => "value",
);
table!(
    ComparisonRow, "comparison.csv",
    metric => "metric", labels => "labels", unit => "unit", better => "better",
    primary => "primary", policy => "policy", n => "n", mean => "mean", sd => "sd", lo => "lo",
    hi => "hi", diff => "diff", diff_lo => "diff_lo", diff_hi => "diff_hi",
    p_adjusted => "p_adjusted", verdict => "verdict",
);

/// A results folder that exists and can be written to.
#[derive(Debug, Clone)]
pub struct OutputDir {
    path: PathBuf,
}

impl OutputDir {
    /// Creates the folder (and its parents) and, inside, every named file, empty: a long run should
    /// learn before it starts that it may not write. A name may hold a sub-folder.
    ///
    /// # Errors
    /// [`ReportError::Io`] naming the folder or file.
    pub fn create(path: &Path, files: &[&str]) -> Result<Self, ReportError> {
        fs::create_dir_all(path).map_err(ReportError::io("create the folder", path))?;
        let dir = OutputDir { path: path.to_path_buf() };
        for name in files {
            let file = dir.prepare(name)?;
            File::create(&file).map_err(ReportError::io("create", &file))?;
        }
        Ok(dir)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes one whole table under its own name.
    ///
    /// # Errors
    /// [`ReportError::Io`] naming the file.
    pub fn write_table<'a, R: TableRow + 'a>(
        &self,
        rows: impl IntoIterator<Item = &'a R>,
    ) -> Result<(), ReportError> {
        let mut table = TableWriter::create(&self.path)?;
        for row in rows {
            table.push(row)?;
        }
        table.finish()
    }

    /// Writes one file of text or bytes (`run.json`, `report.html`, `charts/x.svg`, …).
    ///
    /// # Errors
    /// [`ReportError::Io`] naming the file.
    pub fn write_file(&self, name: &str, content: impl AsRef<[u8]>) -> Result<(), ReportError> {
        let file = self.prepare(name)?;
        fs::write(&file, content).map_err(ReportError::io("write", &file))
    }

    fn prepare(&self, name: &str) -> Result<PathBuf, ReportError> {
        let file = self.path.join(name);
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent).map_err(ReportError::io("create the folder", parent))?;
        }
        Ok(file)
    }
}

/// Writes the rows of one table as they come.
#[derive(Debug)]
pub struct TableWriter<R> {
    path: PathBuf,
    writer: csv::Writer<BufWriter<File>>,
    record: StringRecord,
    row: PhantomData<fn(&R)>,
}

impl<R: TableRow> TableWriter<R> {
    /// Creates the table's file inside `dir` (which exists) and writes the header.
    ///
    /// # Errors
    /// [`ReportError::Io`] naming the file.
    pub fn create(dir: &Path) -> Result<Self, ReportError> {
        let path = dir.join(R::FILE);
        let file = File::create(&path).map_err(ReportError::io("create", &path))?;
        let mut writer = csv::WriterBuilder::new()
            .terminator(csv::Terminator::Any(b'\n'))
            .has_headers(false)
            .from_writer(BufWriter::new(file));
        writer.write_record(R::COLUMNS).map_err(|error| csv_error("write", &path, error))?;
        Ok(TableWriter { path, writer, record: StringRecord::new(), row: PhantomData })
    }

    /// Appends one row.
    ///
    /// # Errors
    /// [`ReportError::Io`] naming the file.
    pub fn push(&mut self, row: &R) -> Result<(), ReportError> {
        self.record.clear();
        row.write_cells(&mut self.record);
        self.writer
            .write_record(&self.record)
            .map_err(|error| csv_error("write", &self.path, error))
    }

    /// Flushes to the file. Without this call a failing disk may go unnoticed.
    ///
    /// # Errors
    /// [`ReportError::Io`] naming the file.
    pub fn finish(mut self) -> Result<(), ReportError> {
        self.writer.flush().map_err(ReportError::io("write", &self.path))
    }
}

/// Reads one table of a results folder.
///
/// # Errors
/// [`ReportError::Io`] if the file cannot be opened or read, [`ReportError::Table`] with the line
/// and the expected column if its content is not this table.
pub fn read_table<R: TableRow>(dir: &Path) -> Result<Vec<R>, ReportError> {
    let path = dir.join(R::FILE);
    let file = File::open(&path).map_err(ReportError::io("open", &path))?;
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(file);
    let mut record = StringRecord::new();
    if !next_record(&mut reader, &mut record, &path)? {
        let problem = format!("expected the header `{}`", R::COLUMNS.join(","));
        return Err(ReportError::Table { path, line: 1, problem });
    }
    check_header::<R>(&record, &path)?;
    let mut rows = Vec::new();
    while next_record(&mut reader, &mut record, &path)? {
        let line = record.position().map_or(0, csv::Position::line);
        let table_error = |problem| ReportError::Table { path: path.clone(), line, problem };
        if record.len() != R::COLUMNS.len() {
            let (expected, found) = (R::COLUMNS.len(), record.len());
            return Err(table_error(format!("expected {expected} columns, found {found}")));
        }
        rows.push(R::read_cells(&record).map_err(|(index, expected)| {
            let (column, found) = (R::COLUMNS[index], &record[index]);
            table_error(format!("column `{column}`: expected {expected}, found `{found}`"))
        })?);
    }
    Ok(rows)
}

/// Like [`read_table`], but a file that is not there is an empty table.
///
/// # Errors
/// As [`read_table`], except for a missing file.
pub fn read_table_if_present<R: TableRow>(dir: &Path) -> Result<Vec<R>, ReportError> {
    if dir.join(R::FILE).exists() { read_table(dir) } else { Ok(Vec::new()) }
}

fn check_header<R: TableRow>(record: &StringRecord, path: &Path) -> Result<(), ReportError> {
    for (index, column) in R::COLUMNS.iter().enumerate() {
        let found = record.get(index).unwrap_or("nothing");
        if found != *column {
            let number = index + 1;
            let problem = format!("expected column {number} to be `{column}`, found `{found}`");
            return Err(ReportError::Table { path: path.to_path_buf(), line: 1, problem });
        }
    }
    Ok(())
}

fn next_record(
    reader: &mut csv::Reader<File>,
    record: &mut StringRecord,
    path: &Path,
) -> Result<bool, ReportError> {
    reader.read_record(record).map_err(|error| csv_error("read", path, error))
}

fn csv_error(operation: &'static str, path: &Path, error: csv::Error) -> ReportError {
    let line = error.position().map_or(0, csv::Position::line);
    let problem = error.to_string();
    let path = path.to_path_buf();
    if let csv::ErrorKind::Io(source) = error.into_kind() {
        return ReportError::Io { path, operation, source };
    }
    ReportError::Table { path, line, problem }
}

#[cfg(test)]
#[path = "io_tests.rs"]
mod tests;
