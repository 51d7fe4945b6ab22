//! A place in an object while its typed form is being checked.

use crate::base::diag::{Diagnostic, Span};
use crate::scenario::node::{Node, Value, join_key};
use crate::scenario::source::Rules;

/// A place in an object: source position and field path, both as deep as the source goes.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    node: Option<&'a Node>,
    span: Span,
    path: String,
}

impl<'a> Cursor<'a> {
    /// The object itself, whose own field path is `path`.
    #[must_use]
    pub fn root(node: &'a Node, path: &str) -> Self {
        Self { node: Some(node), span: node.span, path: path.to_owned() }
    }

    /// The field `key`. When the source lacks it, the position stays and the path goes on.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        let entry = self.node.and_then(|node| node.entry(key));
        let span = entry.map_or(self.span, |entry| match entry.value.value {
            Value::Null | Value::Seq(_) | Value::Map(_) => entry.key_span,
            Value::Bool(_) | Value::Int(..) | Value::Float(..) | Value::Str { .. } => {
                entry.value.span
            }
        });
        Self { node: entry.map(|e| &e.value), span, path: join_key(&self.path, key) }
    }

    /// The key itself of the field `key`, for findings about the name of a field.
    #[must_use]
    pub fn name_of(&self, key: &str) -> Self {
        let entry = self.node.and_then(|node| node.entry(key));
        let span = entry.map_or(self.span, |entry| entry.key_span);
        Self { node: entry.map(|e| &e.value), span, path: join_key(&self.path, key) }
    }

    /// Element `index` of a list.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        let item = self.node.and_then(|node| node.items().get(index));
        let span = item.map_or(self.span, |item| item.span);
        Self { node: item, span, path: format!("{}[{index}]", self.path) }
    }

    /// Several keys, one below the other.
    #[must_use]
    pub fn keys(&self, keys: &[&str]) -> Self {
        keys.iter().fold(self.clone(), |cursor, key| cursor.key(key))
    }

    /// Whether the source has something here.
    #[must_use]
    pub const fn exists(&self) -> bool {
        self.node.is_some()
    }

    /// The source position.
    #[must_use]
    pub const fn span(&self) -> Span {
        self.span
    }

    /// The field path.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// A finding at this place.
    #[must_use]
    pub fn finding(
        &self,
        rules: Rules,
        code: &'static str,
        message: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic::new(rules.severity(), code, Some(self.span), message).at(self.path.clone())
    }
}
