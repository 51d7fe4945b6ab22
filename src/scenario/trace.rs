//! Failure traces: tables of when nodes failed, and for how long.
//!
//! A trace is CSV with a header that says which of two shapes it has: failures of named nodes
//! (`node,start,end`), or OpenDC's failures of a share of all nodes, one after another
//! (`failure_interval,failure_duration,failure_intensity`, milliseconds and a share). Parquet is
//! turned into the second first, so that a row of it is a line of that text. Whether the nodes
//! exist is for others to say.

mod parquet;

pub use parquet::{is_parquet, text_of};

use std::str::FromStr;

use csv::{Position, StringRecord};

use crate::base::diag::{Diagnostic, Diagnostics, FileId, Span, codes};
use crate::base::time::SimDuration;
use crate::scenario::node::short;
use crate::scenario::read::Located;

/// Most failures that one trace may hold.
pub const FAILURES_MAX: usize = 1_000_000;

/// Columns of a trace that names its nodes.
const OF_NODES: [&str; 3] = ["node", "start", "end"];
/// Columns of a trace of shares.
pub(super) const OF_SHARES: [&str; 3] =
    ["failure_interval", "failure_duration", "failure_intensity"];

const HELP: &str = "the first line is node,start,end or \
                    failure_interval,failure_duration,failure_intensity";

/// What a trace holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Trace {
    /// When named nodes were down.
    Nodes(Vec<Down>),
    /// Failures of a share of all nodes.
    Shares(Vec<Shared>),
}

/// One time for which a node was down, from the beginning of the trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Down {
    /// The node.
    pub node: Located<String>,
    /// From when.
    pub start: SimDuration,
    /// Until when; for good where absent.
    pub end: Option<SimDuration>,
}

/// One failure of a share of all nodes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shared {
    /// How long after the end of the failure before, or after the beginning of the trace.
    pub after: SimDuration,
    /// How long it lasts; longer than zero.
    pub lasts: SimDuration,
    /// The share of the nodes: above 0, at most 1.
    pub share: f64,
}

/// Reads a trace from its text; `None` after a finding was pushed.
pub fn read(file: FileId, text: &str, found: &mut Diagnostics) -> Option<Trace> {
    let before = found.error_count();
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let headers = reader.headers().cloned().unwrap_or_default();
    let at = |position: Option<&Position>| line(file, position);
    let Some(columns) = columns(&headers) else {
        let message = match headers.is_empty() {
            true => "the trace is empty".to_owned(),
            false => {
                let headers: Vec<&str> = headers.iter().collect();
                format!("\"{}\" are not the columns of a trace", short(&headers.join(",")))
            }
        };
        let span = at(headers.position());
        found.push(Diagnostic::error(codes::BAD_TRACE, span, message).help(HELP));
        return None;
    };
    let mut trace = columns.empty();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let span = at(error.position());
                let message = if let csv::ErrorKind::UnequalLengths { len, .. } = error.kind() {
                    format!("{len} values")
                } else {
                    "the line cannot be read".to_owned()
                };
                let finding = Diagnostic::error(codes::BAD_TRACE, span, message);
                found.push(finding.help("a line has three values, as the first one has"));
                continue;
            }
        };
        let span = at(record.position());
        if trace.len() == FAILURES_MAX {
            let message = format!("the trace has more than {FAILURES_MAX} failures");
            found.push(
                Diagnostic::error(codes::OUT_OF_RANGE, span, message)
                    .help("cut it to the time that is simulated"),
            );
            return None;
        }
        if let Err((message, help)) = trace.push(columns.of(&record), span) {
            found.push(Diagnostic::error(codes::BAD_TRACE, span, message).help(help));
        }
    }
    if trace.len() == 0 && found.error_count() == before {
        let message = "the trace has no failures";
        let finding = Diagnostic::error(codes::BAD_TRACE, Span::of_file(file), message);
        found.push(finding.help("write one failure a line, below the names of the columns"));
    }
    (found.error_count() == before).then_some(trace)
}

/// The line at which something stands.
fn line(file: FileId, position: Option<&Position>) -> Span {
    let line = position.map_or(1, |position| u32::try_from(position.line()).unwrap_or(u32::MAX));
    Span { file, line, column: 1, len: 1 }
}

/// Where the three values of a line stand.
struct Columns {
    places: [usize; 3],
    of_nodes: bool,
}

fn columns(headers: &StringRecord) -> Option<Columns> {
    let find = |names: [&str; 3]| {
        let place = |name| headers.iter().position(|header| header == name);
        Some([place(names[0])?, place(names[1])?, place(names[2])?])
    };
    let shape = |names, of_nodes| find(names).map(|places| Columns { places, of_nodes });
    shape(OF_NODES, true)
        .or_else(|| shape(OF_SHARES, false))
        .filter(|_| headers.len() == OF_NODES.len())
}

impl Columns {
    fn of<'a>(&self, record: &'a StringRecord) -> [&'a str; 3] {
        self.places.map(|place| record.get(place).unwrap_or_default())
    }

    fn empty(&self) -> Trace {
        if self.of_nodes { Trace::Nodes(Vec::new()) } else { Trace::Shares(Vec::new()) }
    }
}

/// What is wrong with a line, and what would be right.
type Wrong = (String, &'static str);

impl Trace {
    fn len(&self) -> usize {
        match self {
            Self::Nodes(downs) => downs.len(),
            Self::Shares(failures) => failures.len(),
        }
    }

    fn push(&mut self, [first, second, third]: [&str; 3], span: Span) -> Result<(), Wrong> {
        match self {
            Self::Nodes(downs) => {
                let start = time("start", second)?;
                let end = if third.is_empty() { None } else { Some(time("end", third)?) };
                if end.is_some_and(|end| end <= start) {
                    let message = format!("{} ends at {third}, begun at {second}", short(first));
                    return Err((message, "end is later than start, or empty: not in this run"));
                }
                let node = Located { value: first.to_owned(), span };
                downs.push(Down { node, start, end });
            }
            Self::Shares(failures) => {
                let after = milliseconds(OF_SHARES[0], first)?;
                let lasts = milliseconds(OF_SHARES[1], second)?;
                if lasts == SimDuration::ZERO {
                    let message = format!("{} of zero", OF_SHARES[1]);
                    return Err((message, "a failure lasts at least a millisecond"));
                }
                let share = f64::from_str(third).ok().filter(|share| *share > 0.0 && *share <= 1.0);
                let Some(share) = share else {
                    let message = format!("{} \"{}\" is not a share", OF_SHARES[2], short(third));
                    return Err((message, "write a number above 0, 1 at most"));
                };
                failures.push(Shared { after, lasts, share });
            }
        }
        Ok(())
    }
}

/// A time: seconds, or a duration as in scenarios.
fn time(column: &str, text: &str) -> Result<SimDuration, Wrong> {
    let seconds = f64::from_str(text).ok().filter(|seconds| *seconds >= 0.0);
    seconds.and_then(SimDuration::from_secs_f64).or_else(|| text.parse().ok()).ok_or_else(|| {
        let message = format!("{column} \"{}\" is not a time", short(text));
        (message, "write seconds, or for example 90m or 2h15m")
    })
}

fn milliseconds(column: &str, text: &str) -> Result<SimDuration, Wrong> {
    let nanos = u64::from_str(text).ok().and_then(|ms| ms.checked_mul(1_000_000));
    nanos.map(SimDuration::from_nanos).ok_or_else(|| {
        let message = format!("{column} \"{}\" is not a time", short(text));
        (message, "write whole milliseconds, 0 or more")
    })
}

#[cfg(test)]
mod tests;
