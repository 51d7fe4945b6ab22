//! The error that serde carries upwards until the place it belongs to is attached.

use std::fmt::Display;

use serde::de;

use super::{Path, address};
use crate::base::diag::{Span, codes, suggest};
use crate::scenario::node::Node;

/// A mistake, and its place once known.
#[derive(Debug)]
pub(crate) struct DeError {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    pub(crate) at: Option<Box<At>>,
}

/// The value that is wrong.
#[derive(Debug)]
pub(crate) struct At {
    pub(crate) address: usize,
    pub(crate) span: Span,
    pub(crate) path: String,
}

impl DeError {
    pub(crate) fn new(code: &'static str, message: String) -> Self {
        Self { code, message, help: None, at: None }
    }

    /// A value that is not of the type `expected`.
    pub(crate) fn wrong_type(node: &Node, expected: &str, help: Option<String>) -> Self {
        let message = format!("expected {expected}, found {}", node.describe());
        Self { help, ..Self::new(codes::WRONG_TYPE, message) }
    }

    /// Attaches the place, unless a more exact one is known already.
    pub(crate) fn locate(mut self, node: &Node, path: &Path<'_>) -> Self {
        if self.at.is_none() {
            let at = At { address: address(node), span: node.span, path: path.text() };
            self.at = Some(Box::new(at));
        }
        self
    }
}

impl Display for DeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for DeError {}

impl de::Error for DeError {
    fn custom<T: Display>(message: T) -> Self {
        Self::new(codes::WRONG_TYPE, message.to_string())
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(codes::MISSING_FIELD, format!("the field \"{field}\" is missing"))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let message = format!("unknown value \"{variant}\"");
        Self { help: suggest(variant, expected), ..Self::new(codes::UNKNOWN_WORD, message) }
    }
}
