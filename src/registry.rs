//! Tables of named choices: what a policy or plugin is called, what it takes, and what to say
//! when a name is unknown.
//!
//! A family of choices (scheduler plugins, failure models, …) is a table of entries, each with a
//! [`Descriptor`]. From the table come look-up, suggestions and the listing. This module knows no
//! family and runs none of the choices.

use std::fmt::Write as _;

/// One parameter of a choice.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Name as written in a file, camelCase.
    pub name: &'static str,
    /// Unit or type of the value: `duration`, `quantity`, `milli`, `name`; empty for a plain
    /// number.
    pub unit: &'static str,
    /// Default value as written in a file; empty if the field must be given.
    pub default: &'static str,
    /// Allowed values in words or as an interval; empty for all.
    pub range: &'static str,
    /// One line of explanation, without full stop.
    pub help: &'static str,
}

/// What is known of a choice without running it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// The name that files use; Kubernetes' own where it has one.
    pub name: &'static str,
    /// One line, without full stop.
    pub summary: &'static str,
    /// Some sentences: what it does and when to choose it.
    pub help: &'static str,
    /// Its parameters, in the order of the listing.
    pub fields: &'static [Field],
}

/// An entry of a family's table.
pub trait Described {
    /// The entry's descriptor.
    fn descriptor(&self) -> &Descriptor;
}

impl Described for Descriptor {
    fn descriptor(&self) -> &Descriptor {
        self
    }
}

impl<D: Described + ?Sized> Described for &D {
    fn descriptor(&self) -> &Descriptor {
        (**self).descriptor()
    }
}

/// A name that is not in its table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is unknown")]
pub struct Unknown {
    /// The name as given.
    pub name: String,
    /// The known name that was probably meant.
    pub suggestion: Option<&'static str>,
    /// All known names, in the order of the table.
    pub known: Vec<&'static str>,
}

impl Unknown {
    /// What to write instead, as a sentence.
    #[must_use]
    pub fn help(&self) -> String {
        match self.suggestion {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("known: {}", self.known.join(", ")),
        }
    }
}

/// The entry of `table` called `name`, by exact spelling.
///
/// # Errors
/// If there is none; the error suggests the nearest name.
pub fn find_by_name<'a, D: Described>(table: &'a [D], name: &str) -> Result<&'a D, Unknown> {
    if let Some(entry) = table.iter().find(|entry| entry.descriptor().name == name) {
        return Ok(entry);
    }
    let known: Vec<_> = table.iter().map(|entry| entry.descriptor().name).collect();
    let suggestion = suggest(name, known.iter().copied());
    Err(Unknown { name: name.to_owned(), suggestion, known })
}

/// The candidate that someone who wrote `word` probably meant.
///
/// Differences of case, `-` and `_` count for nothing; otherwise at most one error in three
/// letters is forgiven (exchanged neighbours are one error). Among equals the first candidate
/// wins.
pub fn suggest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = folded(word);
    let allowed = (wanted.chars().count().max(2) + 1) / 3;
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&wanted, &folded(candidate)), candidate))
        .filter(|&(distance, _)| distance <= allowed)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// `word` in lower case, without the marks that join words.
fn folded(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).flat_map(char::to_lowercase).collect()
}

/// The listing of a family: a heading, then every choice with its parameters, aligned.
#[must_use]
pub fn render_listing<D: Described>(family: &str, table: &[D]) -> String {
    let width = table.iter().map(|entry| entry.descriptor().name.len()).max().unwrap_or(0);
    let mut text = format!("{family}\n");
    for entry in table {
        let Descriptor { name, summary, fields, .. } = entry.descriptor();
        writeln!(text, "  {name:width$}  {summary}").expect(INFALLIBLE);
        for field in *fields {
            writeln!(text, "  {:width$}    {}", "", field_line(field)).expect(INFALLIBLE);
        }
    }
    text
}

const INFALLIBLE: &str = "writing to a string cannot fail";

/// `name (unit, default, range): help`, leaving out what is empty.
fn field_line(field: &Field) -> String {
    let default = match field.default {
        "" => "required".to_owned(),
        value => format!("default {value}"),
    };
    let notes: Vec<&str> =
        [field.unit, &default, field.range].into_iter().filter(|note| !note.is_empty()).collect();
    format!("{} ({}): {}", field.name, notes.join(", "), field.help)
}

/// The full description of one choice: summary, help and parameters.
#[must_use]
pub fn render_entry(descriptor: &Descriptor) -> String {
    let Descriptor { name, summary, help, fields } = descriptor;
    let mut text = format!("{name}: {summary}\n\n{help}\n");
    if !fields.is_empty() {
        text.push_str("\nParameters:\n");
    }
    for field in *fields {
        writeln!(text, "  {}", field_line(field)).expect(INFALLIBLE);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[&Descriptor] = &[
        &Descriptor {
            name: "NodeResourcesFit",
            summary: "Prefers nodes by what is left on them",
            help: "Keeps pods off nodes that lack what they request.",
            fields: &[Field {
                name: "strategy",
                unit: "name",
                default: "LeastAllocated",
                range: "LeastAllocated or MostAllocated",
                help: "which nodes score high",
            }],
        },
        &Descriptor {
            name: "Delay",
            summary: "Waits",
            help: "Waits before every decision.",
            fields: &[Field {
                name: "latency",
                unit: "duration",
                default: "",
                range: "",
                help: "how long",
            }],
        },
    ];

    #[test]
    fn suggestions_forgive_case_and_slips() {
        let names = ["readinessProbe", "livenessProbe", "startupProbe", "name"];
        let table = [
            ("livenesProbe", Some("livenessProbe")),
            ("LIVENESS_PROBE", Some("livenessProbe")),
            ("readines-probe", Some("readinessProbe")),
            ("nmae", Some("name")),
            ("image", None),
            ("", None),
            ("x", None),
        ];
        for (word, meant) in table {
            assert_eq!(suggest(word, names), meant, "{word}");
        }
        assert_eq!(suggest("cpuu", ["cpu", "memory"]), Some("cpu"));
        assert_eq!(suggest("ab", ["ax", "ay"]), Some("ax"));
    }

    #[test]
    fn names_are_found_or_explained() {
        assert_eq!(find_by_name(TABLE, "Delay").map(|found| found.summary), Ok("Waits"));
        let slip = find_by_name(TABLE, "noderesourcesfit").expect_err("case matters");
        assert_eq!(slip.to_string(), "`noderesourcesfit` is unknown");
        assert_eq!(slip.help(), "did you mean `NodeResourcesFit`?");
        let strange = find_by_name(TABLE, "Magic").expect_err("not in the table");
        assert_eq!(strange.help(), "known: NodeResourcesFit, Delay");
    }

    #[test]
    fn the_listing_is_aligned() {
        insta::assert_snapshot!(render_listing("Test choices", TABLE), @r"
        Test choices
          NodeResourcesFit  Prefers nodes by what is left on them
                              strategy (name, default LeastAllocated, LeastAllocated or MostAllocated): which nodes score high
          Delay             Waits
                              latency (duration, required): how long
        ");
        insta::assert_snapshot!(render_entry(TABLE[1]), @r"
        Delay: Waits

        Waits before every decision.

        Parameters:
          latency (duration, required): how long
        ");
    }
}
