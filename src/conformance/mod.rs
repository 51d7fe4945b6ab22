//! Recordings of the real Kubernetes code, replayed: how often is the same decided?
//!
//! A line of a recording is a case: an input and what Kubernetes made of it. Adapters translate
//! the input, call what a simulation calls, and compare; they decide nothing themselves
//! (`tests/tidy` holds that). Every recorded unit counts, also where its kind or topic is not
//! supported: then it does not agree.
//!
//! A kind of recording is one file here and one line in `KINDS`; a topic of the vectors is one
//! line in `vectors`.

mod decisions;
mod files;
mod queue;
mod tally;
#[cfg(test)]
mod tests;
mod vectors;

use std::path::PathBuf;

use rayon::prelude::*;
use serde_json::{Map, Value};

pub use files::Unreadable;
pub use tally::{Agreement, Difference, FieldCount, Tally};

/// A kind of recording: how it is recognised and replayed.
#[derive(Debug)]
struct Kind {
    /// What the recordings are of.
    name: &'static str,
    /// What is counted.
    unit: &'static str,
    /// Whether a line is of this kind, by its shape.
    recognises: fn(&Value) -> bool,
    /// The family or topic of a line of the file with this stem.
    topic: fn(&Value, &str) -> String,
    /// How many units a line records.
    units: fn(&Value) -> usize,
    /// Replays a line; gives what wavetank decided, in the shape of `expected`.
    replay: fn(&Value, &str, &mut Tally) -> Result<Value, String>,
}

/// All kinds.
const KINDS: &[Kind] = &[decisions::KIND, queue::KIND, vectors::KIND];

/// How well one family or topic agrees.
#[derive(Clone, Debug)]
pub struct Group {
    /// Kind of recording.
    pub kind: &'static str,
    /// What is counted.
    pub unit: &'static str,
    /// Family or topic.
    pub topic: String,
    /// The counts, and the first difference.
    pub agreement: Agreement,
}

/// What a replay found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Groups in order of kinds, then of files.
    pub groups: Vec<Group>,
    /// What could not be read.
    pub unreadable: Vec<Unreadable>,
    /// What wavetank decided, one JSON object per case, in the order of the files.
    pub decided: Vec<String>,
}

impl Report {
    /// All units: how many there are, and how many agree.
    #[must_use]
    pub fn totals(&self) -> (u64, u64) {
        let of = |count: fn(&Agreement) -> u64| {
            self.groups.iter().map(|group| count(&group.agreement)).sum()
        };
        (of(|agreement| agreement.units), of(|agreement| agreement.agree))
    }

    fn group(&mut self, kind: &'static Kind, topic: String) -> &mut Group {
        let known =
            self.groups.iter().position(|group| group.kind == kind.name && group.topic == topic);
        let at = known.unwrap_or_else(|| {
            let agreement = Agreement::default();
            let at = self.groups.len();
            self.groups.push(Group { kind: kind.name, unit: kind.unit, topic, agreement });
            at
        });
        &mut self.groups[at]
    }
}

/// What came of one line.
enum Replayed {
    /// A case: its kind, topic and tally, and what was decided, or why it was not replayed to its
    /// end.
    Case(&'static Kind, String, Box<Tally>, Result<String, Unreadable>),
    /// Of no kind, or not asked for.
    PassedOver,
    /// Not readable.
    Unreadable(Unreadable),
}

/// Replays every recording among files and folders. With `only`, families, topics and kinds of
/// these names alone.
#[must_use]
pub fn replay(paths: &[PathBuf], only: &[String]) -> Report {
    let mut report = Report::default();
    let (files, missing) = files::recordings(paths);
    report.unreadable.extend(missing);
    for path in files {
        let lines = match files::lines(&path) {
            Ok(lines) => lines,
            Err(error) => {
                report.unreadable.push(error);
                continue;
            }
        };
        let stem = files::stem(&path);
        let replayed: Vec<Replayed> = lines
            .par_iter()
            .map(|(number, line)| match serde_json::from_str(line) {
                Ok(line) => replay_line(&line, &stem, (&path, *number), only),
                Err(error) => Replayed::Unreadable(Unreadable::json(&path, *number, &error)),
            })
            .collect();
        for line in replayed {
            match line {
                Replayed::Case(kind, topic, tally, decided) => {
                    report.group(kind, topic).agreement.add(*tally);
                    match decided {
                        Ok(decided) => report.decided.push(decided),
                        Err(error) => report.unreadable.push(error),
                    }
                }
                Replayed::PassedOver => {}
                Replayed::Unreadable(error) => report.unreadable.push(error),
            }
        }
    }
    let rank = |group: &Group| KINDS.iter().position(|kind| kind.name == group.kind);
    report.groups.sort_by_key(rank);
    report
}

fn replay_line(
    line: &Value,
    stem: &str,
    (path, number): (&std::path::Path, usize),
    only: &[String],
) -> Replayed {
    let Some(kind) = KINDS.iter().find(|kind| (kind.recognises)(line)) else {
        return Replayed::PassedOver;
    };
    let topic = (kind.topic)(line, stem);
    let names = [topic.as_str(), stem, kind.name];
    if !only.is_empty() && !only.iter().any(|name| names.contains(&name.as_str())) {
        return Replayed::PassedOver;
    }
    let mut tally = Tally::new(case_name(line));
    let decided = match (kind.replay)(line, &topic, &mut tally) {
        Ok(decided) => Ok(emitted(case_name(line), &topic, decided)),
        Err(message) => {
            // What was not replayed was recorded all the same.
            tally.fail((kind.units)(line), &message);
            Err(Unreadable::case(path, number, message))
        }
    };
    Replayed::Case(kind, topic, Box::new(tally), decided)
}

fn case_name(line: &Value) -> &str {
    line["case"].as_str().or_else(|| line["case"]["name"].as_str()).unwrap_or_default()
}

/// A line of what was decided: the case's name before the fields of `expected`.
fn emitted(case: &str, topic: &str, decided: Value) -> String {
    let mut line = Map::new();
    line.insert("case".to_owned(), case.into());
    line.insert("family".to_owned(), topic.into());
    if let Value::Object(fields) = decided {
        line.extend(fields);
    } else {
        line.insert("decided".to_owned(), decided);
    }
    Value::Object(line).to_string()
}
