//! Files and texts to located value trees.
//!
//! YAML (JSON is YAML) is parsed with bounds on size, depth, values after alias expansion, and
//! documents: hostile input ends in a located diagnostic, never in a panic, a hang or gigabytes.

mod build;
mod load;
#[cfg(test)]
mod tests;

pub use load::{LoadError, load, text_of, too_large};

use crate::base::diag::{Diagnostic, Diagnostics, FileId, Severity, Span, codes};
use crate::scenario::node::Node;

use granit_parser::{ErrorKind, Event, Parser, ScanError};

/// Bounds on what is read.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Largest file in bytes, checked before it is read.
    pub bytes_max: u64,
    /// Deepest nesting of lists and mappings.
    pub depth_max: u32,
    /// Most values per document, aliases expanded.
    pub nodes_max: u32,
    /// Most documents per file.
    pub documents_max: u32,
}

impl Limits {
    /// For scenario and policy files: 16 MB.
    pub const OURS: Self =
        Self { bytes_max: 16_000_000, depth_max: 64, nodes_max: 1_000_000, documents_max: 1_000 };
    /// For manifests, dumps and traces: 512 MB, one document at a time in memory as a tree.
    pub const MANIFESTS: Self = Self {
        bytes_max: 512_000_000,
        depth_max: 64,
        nodes_max: 4_000_000,
        documents_max: 100_000,
    };
}

/// Whose file it is, which decides how strictly it is read.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Rules {
    /// Our files and the objects inside them: every finding is an error.
    Strict,
    /// Plain manifests: what Kubernetes might yet accept is a warning.
    Lenient,
}

impl Rules {
    /// The severity of a finding that spoils one field or one object.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::Strict => Severity::Error,
            Self::Lenient => Severity::Warning,
        }
    }
}

/// One document of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Its content.
    pub root: Node,
    /// Its position among the non-empty documents of the file, from 0.
    pub ordinal: u32,
}

/// Parses a text and hands each non-empty document to `each` as soon as it is complete.
///
/// A syntax error spoils its own document only: reading goes on after the next `---`. Returns
/// whether there was anything, good or spoiled.
pub fn parse(
    (file, text): (FileId, &str),
    limits: &Limits,
    rules: Rules,
    found: &mut Diagnostics,
    each: &mut dyn FnMut(Document, &mut Diagnostics),
) -> bool {
    let options = granit_parser::options! {
        emit_comments: false,
        simple_key_max_lookahead: 4096,
        flow_nesting_limit: limits.depth_max as usize,
        block_nesting_limit: limits.depth_max as usize,
    };
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut parser = Parser::new_from_str_with_options(body, options);
    let mut builder = build::Builder::new(file, limits, rules);
    let (mut seen, mut ordinal, mut spoiled) = (0_u32, 0_u32, false);
    loop {
        let outcome = match parser.next_event() {
            None => break,
            Some(Err(error)) => Err(Box::new(syntax_error(file, &error, limits))),
            Some(Ok((Event::StreamEnd, _))) => break,
            Some(Ok((Event::StreamStart, _))) => continue,
            Some(Ok((Event::DocumentStart(..), span))) => {
                builder.reset();
                seen += 1;
                if seen > limits.documents_max {
                    let message = format!("more than {} documents", limits.documents_max);
                    let at = build::span_of(file, &span);
                    let finding = Diagnostic::error(codes::TOO_MANY_DOCUMENTS, at, message);
                    found.push(finding.help("split the file"));
                    return true;
                }
                continue;
            }
            Some(Ok((Event::DocumentEnd, _))) => {
                if let Some(root) = builder.finish().filter(|root| !root.is_null()) {
                    each(Document { root, ordinal }, found);
                    ordinal += 1;
                }
                continue;
            }
            Some(Ok((event, span))) => builder.event(event, &span, found),
        };
        if let Err(diagnostic) = outcome {
            // What is too large to keep is too large to search for the next document, too.
            let give_up = diagnostic.code == codes::TOO_MANY_NODES;
            found.push(*diagnostic);
            spoiled = true;
            builder.reset();
            if give_up || !matches!(parser.proceed_next_document(), Ok(true)) {
                return true;
            }
        }
    }
    ordinal > 0 || spoiled
}

/// The finding that a file, named as one to be read, holds nothing.
#[must_use]
pub fn empty_file((file, text): (FileId, &str)) -> Diagnostic {
    let blank = text.trim_start_matches('\u{feff}').trim().is_empty();
    let message = if blank { "the file is empty" } else { "the file holds nothing but comments" };
    Diagnostic::error(codes::EMPTY_FILE, Span::of_file(file), message)
        .help("`wavetank init` writes a scenario to start from")
}

/// Parses a text and collects its documents; that there are none is a finding.
#[must_use]
pub fn parse_all(
    source: (FileId, &str),
    limits: &Limits,
    rules: Rules,
    found: &mut Diagnostics,
) -> Vec<Document> {
    let mut documents = Vec::new();
    if !parse(source, limits, rules, found, &mut |document, _| documents.push(document)) {
        found.push(empty_file(source));
    }
    documents
}

fn syntax_error(file: FileId, error: &ScanError, limits: &Limits) -> Diagnostic {
    let marker = error.marker();
    let line = u32::try_from(marker.line().max(1)).unwrap_or(u32::MAX);
    let column = u32::try_from(marker.col() + 1).unwrap_or(u32::MAX);
    let span = Span { file, line, column, len: 1 };
    let info = error.info();
    #[expect(clippy::wildcard_enum_match_arm, reason = "the parser's error kinds are open-ended")]
    let help = match error.kind() {
        ErrorKind::RecursionLimitExceeded => {
            return build::too_deep(span, limits);
        }
        ErrorKind::UnknownAnchor => {
            Some("an alias *name needs an earlier &name in the same document")
        }
        ErrorKind::MappingValueNotAllowed => {
            Some("is a value with a colon in it unquoted, or the indentation off?")
        }
        ErrorKind::UnclosedQuotedScalar | ErrorKind::InvalidQuotedScalarIndent => {
            Some("is the closing quote missing?")
        }
        _ if info.contains("tab") => Some("indent with spaces; YAML forbids tabs there"),
        _ if info.contains("quoted") => Some("is a quote missing before it, or one too many?"),
        _ if info.contains("flow") => Some("is a bracket, a brace or a comma before it missing?"),
        _ => Some("keys of one mapping, and the dashes of one list, stand in the same column"),
    };
    Diagnostic::error(codes::SYNTAX, span, info).maybe_help(help.map(str::to_owned))
}
