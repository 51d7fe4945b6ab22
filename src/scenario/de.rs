//! Kubernetes' own types out of a located value tree, with every mistake located.
//!
//! A serde deserializer knows the field list of each struct it fills, so unknown fields are found
//! here with a suggestion. A value of the wrong type is reported, taken as absent, and the object
//! is read again, until nothing new is found: all mistakes of an object come at once.

mod access;
mod error;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde::Deserialize;

pub(crate) use access::NodeDeserializer;
pub(crate) use error::DeError;

use crate::base::diag::{Diagnostic, Diagnostics, codes, suggest};
use crate::scenario::node::{Entry, Node, join_key, short};
use crate::scenario::source::Rules;

/// Most values of the wrong type reported per object.
const WRONG_MAX: usize = 100;

/// Where in an object the reader stands; turned into text only when something is wrong.
#[derive(Copy, Clone, Debug)]
pub(crate) enum Path<'a> {
    Root(&'a str),
    Key(&'a Self, &'a str),
    Index(&'a Self, usize),
}

impl Path<'_> {
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Root(text) => (*text).to_owned(),
            Self::Key(parent, key) => join_key(&parent.text(), key),
            Self::Index(parent, index) => format!("{}[{index}]", parent.text()),
        }
    }
}

/// What one reading of an object shares.
#[derive(Debug)]
pub(crate) struct Reading {
    rules: Rules,
    /// Addresses of values found wrong before; they are passed over.
    poisoned: BTreeSet<usize>,
    unknown: RefCell<Diagnostics>,
}

impl Reading {
    pub(crate) fn is_poisoned(&self, node: &Node) -> bool {
        self.poisoned.contains(&address(node))
    }

    pub(crate) fn unknown_field(&self, entry: &Entry, path: &Path<'_>, known: &[&str]) {
        let message = format!("unknown field \"{}\"", short(&entry.key));
        let severity = self.rules.severity();
        let place = Some(entry.key_span);
        self.unknown.borrow_mut().push(
            Diagnostic::new(severity, codes::UNKNOWN_FIELD, place, message)
                .at(Path::Key(path, &entry.key).text())
                .maybe_help(suggest(&entry.key, known)),
        );
    }
}

pub(crate) fn address(node: &Node) -> usize {
    std::ptr::from_ref(node) as usize
}

/// Reads a `T` from `node`, pushing every mistake to `found`; `path` is the node's own path.
///
/// `None` when the value as a whole cannot be read. A `Some` may lack the parts that were wrong,
/// each of which was reported: as errors under [`Rules::Strict`], as warnings otherwise.
pub fn read<'de, T: Deserialize<'de>>(
    node: &'de Node,
    path: &str,
    rules: Rules,
    found: &mut Diagnostics,
) -> Option<T> {
    let unknown = RefCell::default();
    let mut reading = Reading { rules, poisoned: BTreeSet::new(), unknown };
    let mut result = None;
    for _ in 0..WRONG_MAX {
        let root = Path::Root(path);
        match T::deserialize(NodeDeserializer { node, path: &root, reading: &reading }) {
            Ok(value) => {
                result = Some(value);
                break;
            }
            Err(error) => {
                let at = error.at.as_deref();
                let poisoned = at.map_or_else(|| address(node), |at| at.address);
                let diagnostic = Diagnostic::new(
                    rules.severity(),
                    error.code,
                    Some(at.map_or(node.span, |at| at.span)),
                    error.message,
                )
                .at(at.map_or_else(|| path.to_owned(), |at| at.path.clone()))
                .maybe_help(error.help);
                found.push(diagnostic);
                if poisoned == address(node) || !reading.poisoned.insert(poisoned) {
                    break;
                }
            }
        }
    }
    found.extend(reading.unknown.into_inner());
    result
}
