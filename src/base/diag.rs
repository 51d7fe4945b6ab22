//! What the user did wrong, and where: diagnostics with source positions.
//!
//! Every user's mistake becomes a [`Diagnostic`] with a stable code, a position, the path of the
//! field and, where one is known, what would be right. They are collected in [`Diagnostics`], so
//! that one run shows all errors of a file, and printed by [`Diagnostics::render`] like a
//! compiler's. This module reads no file and knows no YAML: texts are handed to a [`SourceMap`].

pub mod codes;
mod render;
#[cfg(test)]
mod tests;

/// Number of diagnostics kept in full; beyond it they are only counted.
const KEPT_MAX: usize = 10_000;

/// Number of diagnostics printed by default before "… and N more".
pub const PRINTED_MAX: usize = 50;

/// A source file registered in a [`SourceMap`].
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct FileId(u32);

impl FileId {
    /// The position of the file in its [`SourceMap`].
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A stretch of one source line. Line and column start at 1 and count characters.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// Line, from 1; 0 means the file as a whole.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Length in characters, cut at the end of the line when printed.
    pub len: u32,
}

impl Span {
    /// A span that names a file but no place in it.
    #[must_use]
    pub const fn of_file(file: FileId) -> Self {
        Self { file, line: 0, column: 0, len: 0 }
    }
}

/// How grave a diagnostic is.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// The input cannot be used.
    Error,
    /// The input can be used, but probably not as it was meant.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// The word printed before the code.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One finding about the user's input.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// How grave it is.
    pub severity: Severity,
    /// Stable code of [`codes::ALL`].
    pub code: &'static str,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// Where.
    pub span: Option<Span>,
    /// Path of the field, such as `spec.containers[0].image`; empty when there is none.
    pub path: String,
    /// What would be right.
    pub help: Option<String>,
    /// Other places that belong to the finding, each with a label.
    pub related: Vec<(Span, String)>,
}

impl Diagnostic {
    /// A diagnostic of the given severity at `span`.
    #[must_use]
    pub fn new(
        severity: Severity,
        code: &'static str,
        span: Option<Span>,
        message: impl Into<String>,
    ) -> Self {
        let message = message.into();
        Self { severity, code, message, span, path: String::new(), help: None, related: Vec::new() }
    }

    /// An error at `span`.
    #[must_use]
    pub fn error(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, Some(span), message)
    }

    /// The same diagnostic with a field path.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// The same diagnostic with a line of help.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same diagnostic with help if there is any.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// The printed form, as [`Diagnostics::render`] prints many.
    #[must_use]
    pub fn render(&self, sources: &SourceMap) -> String {
        let mut out = String::new();
        render::render(self, sources, &mut out);
        out
    }

    /// The same diagnostic with one more related place.
    #[must_use]
    pub fn related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related.push((span, label.into()));
        self
    }
}

/// Collects diagnostics; one and the same finding at one place is kept once.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    items: Vec<Diagnostic>,
    seen: std::collections::BTreeSet<(Option<Span>, &'static str, String)>,
    errors: usize,
    warnings: usize,
    notes: usize,
}

impl Diagnostics {
    /// An empty collection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one finding. Repetitions of the same finding at the same place are dropped.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if self.items.len() < KEPT_MAX {
            let key = (diagnostic.span, diagnostic.code, diagnostic.message.clone());
            if !self.seen.insert(key) {
                return;
            }
        }
        match diagnostic.severity {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
            Severity::Note => self.notes += 1,
        }
        if self.items.len() < KEPT_MAX {
            self.items.push(diagnostic);
        }
    }

    /// Adds every finding of another collection.
    pub fn extend(&mut self, other: Self) {
        for diagnostic in other.items {
            self.push(diagnostic);
        }
    }

    /// Whether any error was found.
    #[must_use]
    pub const fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Number of errors found.
    #[must_use]
    pub const fn error_count(&self) -> usize {
        self.errors
    }

    /// Number of warnings found.
    #[must_use]
    pub const fn warning_count(&self) -> usize {
        self.warnings
    }

    /// Number of findings of all severities.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.errors + self.warnings + self.notes
    }

    /// Whether nothing was found.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The findings in the order in which they were made.
    #[must_use]
    pub fn items(&self) -> &[Diagnostic] {
        &self.items
    }

    /// The findings by file and position; those without a position come first.
    #[must_use]
    pub fn sorted(&self) -> Vec<&Diagnostic> {
        let mut sorted: Vec<&Diagnostic> = self.items.iter().collect();
        sorted.sort_by(|a, b| {
            (a.span, a.severity, a.code, &a.message).cmp(&(b.span, b.severity, b.code, &b.message))
        });
        sorted
    }

    /// The findings without those of one code.
    #[must_use]
    pub fn without(&self, code: &str) -> Self {
        let mut rest = self.clone();
        rest.items.retain(|diagnostic| diagnostic.code != code);
        for diagnostic in self.items.iter().filter(|diagnostic| diagnostic.code == code) {
            match diagnostic.severity {
                Severity::Error => rest.errors -= 1,
                Severity::Warning => rest.warnings -= 1,
                Severity::Note => rest.notes -= 1,
            }
        }
        rest
    }

    /// Raises every warning to an error, as `--strict` asks.
    pub fn deny_warnings(&mut self) {
        for diagnostic in &mut self.items {
            if diagnostic.severity == Severity::Warning {
                diagnostic.severity = Severity::Error;
            }
        }
        self.errors += self.warnings;
        self.warnings = 0;
    }

    /// The printed form of at most `max` findings, errors before warnings before notes when not
    /// all fit, and a closing line "… and N more" when some were left out.
    #[must_use]
    pub fn render(&self, sources: &SourceMap, max: usize) -> String {
        let mut out = String::new();
        let mut chosen = self.sorted();
        if chosen.len() > max {
            chosen.sort_by_key(|d| d.severity);
            chosen.truncate(max);
        }
        for diagnostic in &chosen {
            render::render(diagnostic, sources, &mut out);
            out.push('\n');
        }
        let more = self.len() - chosen.len();
        if more > 0 {
            out.push_str(&format!("… and {more} more\n"));
        }
        out
    }
}

/// The texts that spans point into.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

#[derive(Clone, Debug)]
struct SourceFile {
    name: String,
    text: std::sync::Arc<str>,
    line_starts: Vec<u32>,
}

impl SourceMap {
    /// An empty map.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a text under the name that is printed, and returns its id.
    ///
    /// Lines beyond 4 GiB of text are not indexed; readers refuse such files by size.
    ///
    /// # Panics
    /// When more than 2³² files are registered.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<std::sync::Arc<str>>) -> FileId {
        let text = text.into();
        let mut line_starts = vec![0];
        for (offset, byte) in text.bytes().enumerate() {
            if byte == b'\n'
                && let Ok(start) = u32::try_from(offset + 1)
            {
                line_starts.push(start);
            }
        }
        let id = FileId(u32::try_from(self.files.len()).expect("fewer than 2^32 source files"));
        self.files.push(SourceFile { name: name.into(), text, line_starts });
        id
    }

    /// The name under which a file was registered.
    #[must_use]
    pub fn name(&self, file: FileId) -> &str {
        self.files.get(file.index()).map_or("", |f| f.name.as_str())
    }

    /// The text of a file.
    #[must_use]
    pub fn text(&self, file: FileId) -> std::sync::Arc<str> {
        self.files.get(file.index()).map_or_else(|| "".into(), |f| f.text.clone())
    }

    /// One line without its line break; lines start at 1.
    #[must_use]
    pub fn line(&self, file: FileId, line: u32) -> Option<&str> {
        let source = self.files.get(file.index())?;
        let index = (line as usize).checked_sub(1)?;
        let start = *source.line_starts.get(index)? as usize;
        let end = source.line_starts.get(index + 1).map_or(source.text.len(), |end| *end as usize);
        let text = source.text.get(start..end)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Some(text.trim_end_matches(['\n', '\r']))
    }

    /// The registered file ids in order.
    pub fn ids(&self) -> impl Iterator<Item = FileId> {
        (0..u32::try_from(self.files.len()).unwrap_or(u32::MAX)).map(FileId)
    }
}

/// The candidate nearest to a mistyped word, if one is near enough to be meant.
///
/// Letter case is ignored first; then at most one edit per three letters (swapped neighbours are
/// one edit) is forgiven. Ties go to the earlier candidate.
#[must_use]
pub fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let lower = word.to_lowercase();
    if lower.chars().count() > 200 {
        return None;
    }
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let distance = strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
        let longest = lower.chars().count().max(candidate.chars().count());
        let near = distance <= (longest / 3).max(1) && distance < longest;
        if near && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// The help line for a mistyped word: the nearest candidate, else the whole list when it is short.
#[must_use]
pub fn suggest(word: &str, candidates: &[&str]) -> Option<String> {
    if let Some(near) = did_you_mean(word, candidates.iter().copied()) {
        return Some(format!("did you mean \"{near}\"?"));
    }
    match candidates.len() {
        0 => None,
        1 => Some(format!("the only one allowed is {}", candidates[0])),
        2..=24 => Some(format!("allowed are {}", candidates.join(", "))),
        _ => None,
    }
}
