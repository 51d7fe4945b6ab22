//! Parquet traces as text: a table of three columns is written out as CSV.
//!
//! This knows the container and the names of the columns, not what they mean.

use std::cell::Cell;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::{Field, Row};

use super::{FAILURES_MAX, OF_SHARES};

/// What Parquet files begin and end with.
const MAGIC: &[u8; 4] = b"PAR1";

/// Whether a file says of itself that it is Parquet.
///
/// # Errors
/// When it cannot be read.
pub fn is_parquet(file: &mut File) -> std::io::Result<bool> {
    let mut begin = Vec::new();
    file.take(MAGIC.len() as u64).read_to_end(&mut begin)?;
    Ok(begin == MAGIC)
}

/// The CSV text of a Parquet table of failures.
///
/// # Errors
/// What is wrong with the table.
pub fn text_of(file: File) -> Result<String, String> {
    let asserted = || Err("the Parquet file is damaged".to_owned());
    quietly(|| table(file)).unwrap_or_else(asserted)
}

/// Runs a decoder that panics on some damaged input: no message then, and no result.
fn quietly<T>(decode: impl FnOnce() -> T) -> Option<T> {
    thread_local! {
        static QUIET: Cell<bool> = const { Cell::new(false) };
    }
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                before(info);
            }
        }));
    });
    QUIET.set(true);
    let decoded = panic::catch_unwind(AssertUnwindSafe(decode));
    QUIET.set(false);
    decoded.ok()
}

fn table(file: File) -> Result<String, String> {
    let broken = |error: ParquetError| format!("the Parquet file is damaged: {error}");
    let reader = SerializedFileReader::new(file).map_err(broken)?;
    let about = reader.metadata().file_metadata();
    let columns: Vec<&str> = about.schema().get_fields().iter().map(|field| field.name()).collect();
    if !OF_SHARES.iter().all(|name| columns.contains(name)) || columns.len() != OF_SHARES.len() {
        return Err(format!("the table has the columns {}", columns.join(", ")));
    }
    if usize::try_from(about.num_rows()).is_ok_and(|rows| rows > FAILURES_MAX) {
        return Err(format!("the table has {} rows", about.num_rows()));
    }
    let mut text = OF_SHARES.join(",");
    text.push('\n');
    for row in reader.get_row_iter(None).map_err(broken)? {
        let row = row.map_err(broken)?;
        let values = OF_SHARES.map(|name| value(&row, name));
        let _ = writeln!(text, "{}", values.join(","));
    }
    Ok(text)
}

/// A value as text that the reader of CSV takes, or refuses with its line.
fn value(row: &Row, name: &str) -> String {
    let field = row.get_column_iter().find(|(column, _)| *column == name).map(|(_, field)| field);
    match field {
        Some(Field::Long(number)) => number.to_string(),
        Some(Field::Int(number)) => number.to_string(),
        Some(Field::ULong(number)) => number.to_string(),
        Some(Field::UInt(number)) => number.to_string(),
        Some(Field::Double(number)) => number.to_string(),
        Some(Field::Float(number)) => number.to_string(),
        Some(Field::Null) | None => String::new(),
        // Quotes keep commas of a text within its value.
        Some(other) => format!("\"{}\"", other.to_string().replace('"', "'")),
    }
}
