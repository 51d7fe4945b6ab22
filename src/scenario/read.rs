//! Our own shapes out of a located value tree, field by field.
//!
//! Each type says with [`Read`] how it is read; `record!` writes that for plain objects. All
//! fields are read before a mistake in one of them is allowed to spoil the object, so that every
//! mistake of a file is reported, each where it stands.

use std::ops::Deref;

use crate::base::diag::{Diagnostic, Diagnostics, Span, codes, did_you_mean, suggest};
use crate::base::quantity::Quantity;
use crate::base::time::SimDuration;
use crate::scenario::de;
use crate::scenario::node::{Node, Value, join_key, short};
use crate::scenario::source::Rules;
use crate::scenario::spec::API_VERSION;

/// A value that remembers where it was written.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

impl<T> Deref for Located<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// A type that can be read from a located value.
pub trait Read: Sized {
    /// Reads the value at `node`, whose field path is `path`; `None` after a finding was pushed.
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self>;
}

/// An error at a value.
#[must_use]
pub fn wrong(
    code: &'static str,
    node: &Node,
    path: &str,
    message: impl Into<String>,
) -> Diagnostic {
    Diagnostic::error(code, node.span, message).at(path)
}

fn wrong_type(node: &Node, path: &str, expected: &str) -> Diagnostic {
    let message = format!("expected {expected}, found {}", node.describe());
    wrong(codes::WRONG_TYPE, node, path, message)
}

/// The fields of one object while they are being read.
#[derive(Debug)]
pub struct Fields<'a> {
    node: &'a Node,
    path: &'a str,
    known: Vec<&'static str>,
    missing: Vec<&'static str>,
    found: &'a mut Diagnostics,
}

impl<'a> Fields<'a> {
    /// Starts reading an object; a finding when the value is none.
    pub fn open(node: &'a Node, path: &'a str, found: &'a mut Diagnostics) -> Option<Self> {
        if matches!(node.value, Value::Map(_)) {
            return Some(Self { node, path, known: Vec::new(), missing: Vec::new(), found });
        }
        let help = "write its fields as \"key: value\", one a line, or {key: value, …}";
        found.push(wrong_type(node, path, "a mapping").help(help));
        None
    }

    /// The diagnostics being collected.
    pub fn found(&mut self) -> &mut Diagnostics {
        self.found
    }

    /// The path of a field.
    #[must_use]
    pub fn path_of(&self, key: &str) -> String {
        join_key(self.path, key)
    }

    /// The value of a field that is read by hand; null counts as absent.
    pub fn raw(&mut self, key: &'static str) -> Option<&'a Node> {
        self.known.push(key);
        self.node.get(key).filter(|node| !node.is_null())
    }

    /// A field that must be there.
    pub fn required<T: Read>(&mut self, key: &'static str) -> Option<T> {
        let Some(node) = self.raw(key) else {
            self.missing.push(key);
            return None;
        };
        T::read(node, &self.path_of(key), self.found)
    }

    /// A field that may be absent. A mistake in it leaves it absent.
    pub fn optional<T: Read>(&mut self, key: &'static str) -> Option<Option<T>> {
        Some(self.raw(key).and_then(|node| T::read(node, &self.path_of(key), self.found)))
    }

    /// A field with the type's default when absent.
    pub fn defaulted<T: Read + Default>(&mut self, key: &'static str) -> Option<T> {
        self.optional(key).map(Option::unwrap_or_default)
    }

    /// Ends the reading: every key that was not asked for is unknown, and what was required and
    /// is not there is missing, unless it is merely mistyped.
    pub fn finish(self) {
        for key in &self.missing {
            let mistyped = self.node.entries().iter().any(|entry| {
                !self.known.contains(&&*entry.key)
                    && did_you_mean(&entry.key, self.known.iter().copied()) == Some(*key)
            });
            if mistyped {
                continue;
            }
            let span = self.node.entry(key).map_or(self.node.span, |entry| entry.key_span);
            let message = format!("the field \"{key}\" is missing");
            let value = if *key == "apiVersion" { API_VERSION } else { "…" };
            self.found.push(
                Diagnostic::error(codes::MISSING_FIELD, span, message)
                    .at(join_key(self.path, key))
                    .help(format!("add {key}: {value}")),
            );
        }
        for entry in self.node.entries() {
            if self.known.contains(&&*entry.key) {
                continue;
            }
            let message = format!("unknown field \"{}\"", short(&entry.key));
            self.found.push(
                Diagnostic::error(codes::UNKNOWN_FIELD, entry.key_span, message)
                    .at(join_key(self.path, &entry.key))
                    .maybe_help(suggest(&entry.key, &self.known)),
            );
        }
    }

    /// Says that these fields exist, before they are read.
    pub fn known_ahead(&mut self, keys: &[&'static str]) {
        self.known.extend(keys);
    }

    /// Exactly one of several fields: its name, key place and value. Marks all as known.
    pub fn one_of(
        &mut self,
        what: &str,
        keys: &[&'static str],
    ) -> Option<(&'static str, &'a Node)> {
        self.known.extend(keys);
        let in_order = self.node.entries().iter();
        let mut given = in_order.filter_map(|entry| keys.iter().find(|key| **key == &*entry.key));
        let (first, second) = (given.next(), given.next());
        let list = keys.join(", ");
        let (span, message) = match (first, second) {
            (Some(key), None) => return self.node.get(key).map(|node| (*key, node)),
            (Some(first), Some(second)) => {
                let span = self.node.entry(second).map_or(self.node.span, |e| e.key_span);
                (span, format!("{what} has both {first} and {second}"))
            }
            (None, _) => {
                // One that is merely mistyped is reported as such.
                let slip = self.node.entries().iter().find(|entry| {
                    !self.known.contains(&&*entry.key) && suggest(&entry.key, keys).is_some()
                });
                match slip {
                    Some(entry) => {
                        let message = format!("unknown field \"{}\"", short(&entry.key));
                        let path = self.path_of(&entry.key);
                        self.found.push(
                            Diagnostic::error(codes::UNKNOWN_FIELD, entry.key_span, message)
                                .at(path)
                                .maybe_help(suggest(&entry.key, keys)),
                        );
                        return None;
                    }
                    None => (self.node.span, format!("{what} has none of {list}")),
                }
            }
        };
        let help = format!("give exactly one of {list}");
        self.found.push(Diagnostic::error(codes::ONE_OF, span, message).at(self.path).help(help));
        None
    }
}

impl<T: Read> Read for Located<T> {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        T::read(node, path, found).map(|value| Self { value, span: node.span })
    }
}

impl<T: Read> Read for Box<T> {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        T::read(node, path, found).map(Self::new)
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        let Value::Seq(items) = &node.value else {
            let mut finding = wrong_type(node, path, "a list");
            if let Some(text) = node.scalar_text() {
                finding = finding.help(format!("write [{}]", short(text)));
            } else {
                finding = finding.help("a list's elements start with \"- \"");
            }
            found.push(finding);
            return None;
        };
        let read = |(i, item): (usize, &Node)| T::read(item, &format!("{path}[{i}]"), found);
        Some(items.iter().enumerate().filter_map(read).collect())
    }
}

impl Read for Node {
    fn read(node: &Node, _path: &str, _found: &mut Diagnostics) -> Option<Self> {
        Some(node.clone())
    }
}

impl Read for String {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        if let Some(text) = node.as_str() {
            return Some(text.to_owned());
        }
        let mut finding = wrong_type(node, path, "a text");
        if let Some(text) = node.scalar_text() {
            finding = finding.help(format!("write it in quotes: \"{text}\""));
        } else {
            finding = finding.help("write a single word or text");
        }
        found.push(finding);
        None
    }
}

impl Read for bool {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        if let Value::Bool(value) = node.value {
            return Some(value);
        }
        found.push(wrong_type(node, path, "true or false").help("write true or false"));
        None
    }
}

/// A whole number within bounds.
fn integer(node: &Node, path: &str, max: i64, found: &mut Diagnostics) -> Option<i64> {
    match &node.value {
        Value::Int(value, _) if (0..=max).contains(value) => Some(*value),
        Value::Int(value, _) if *value < 0 => {
            let message = format!("{value} is negative");
            found.push(wrong(codes::NEGATIVE, node, path, message).help("write 0 or more"));
            None
        }
        Value::Int(value, _) => {
            let message = format!("{value} is larger than {max}");
            let help = format!("write a whole number from 0 to {max}");
            found.push(wrong(codes::OUT_OF_RANGE, node, path, message).help(help));
            None
        }
        Value::Str { text, .. } if text.parse::<i64>().is_ok() => {
            let help = format!("remove the quotes: {text}");
            found.push(wrong_type(node, path, "a whole number").help(help));
            None
        }
        Value::Str { text, .. } if text.trim_end_matches('s').parse::<i64>().is_ok() => {
            let help = format!("write it without unit: {}", text.trim_end_matches('s'));
            found.push(wrong_type(node, path, "a whole number").help(help));
            None
        }
        Value::Null
        | Value::Bool(_)
        | Value::Float(..)
        | Value::Str { .. }
        | Value::Seq(_)
        | Value::Map(_) => {
            let help = format!("write a whole number from 0 to {max}");
            found.push(wrong_type(node, path, "a whole number").help(help));
            None
        }
    }
}

impl Read for u32 {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        integer(node, path, Self::MAX.into(), found).and_then(|value| value.try_into().ok())
    }
}

impl Read for i32 {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        if let Value::Int(value, _) = &node.value
            && let Ok(value) = Self::try_from(*value)
        {
            return Some(value);
        }
        let help = format!("write a whole number from {} to {}", Self::MIN, Self::MAX);
        found.push(wrong_type(node, path, "a whole number").help(help));
        None
    }
}

impl Read for u64 {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        integer(node, path, i64::MAX, found).and_then(|value| value.try_into().ok())
    }
}

impl Read for f64 {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        let text = match &node.value {
            Value::Int(_, text) | Value::Float(_, text) => text.parse::<Self>().ok(),
            Value::Null | Value::Bool(_) | Value::Str { .. } | Value::Seq(_) | Value::Map(_) => {
                None
            }
        };
        let value = text.filter(|value| value.is_finite());
        if value.is_none() {
            let help = "write a finite number, for example 0.5";
            found.push(wrong_type(node, path, "a number").help(help));
        }
        value
    }
}

impl Read for SimDuration {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        if let Value::Seq(_) | Value::Map(_) | Value::Bool(_) = node.value {
            found.push(
                wrong_type(node, path, "a duration").help("write for example 30s, 5m or 1h30m"),
            );
            return None;
        }
        match node.scalar_text().unwrap_or_default().parse() {
            Ok(duration) => Some(duration),
            Err(error) => {
                let error: crate::base::time::DurationError = error;
                let help = "write for example 250ms, 30s, 5m or 1h30m";
                found.push(wrong(codes::BAD_DURATION, node, path, error.to_string()).help(help));
                None
            }
        }
    }
}

impl Read for Quantity {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        let Some(text) = node.scalar_text().filter(|_| !matches!(node.value, Value::Bool(_)))
        else {
            found.push(wrong_type(node, path, "a quantity such as 500m or 1Gi"));
            return None;
        };
        match text.parse::<Self>() {
            Ok(quantity) if quantity.is_negative() => {
                let message = format!("the quantity {} is negative", short(text));
                found.push(wrong(codes::NEGATIVE, node, path, message).help("write 0 or more"));
                None
            }
            Ok(quantity) => Some(quantity),
            Err(error) => {
                let message = format!("\"{}\" is not a quantity", short(text));
                found.push(wrong(codes::BAD_QUANTITY, node, path, message).help(error.help()));
                None
            }
        }
    }
}

/// Reads a word of a closed set; `what` completes "unknown …".
pub fn word<T: Copy>(
    node: &Node,
    path: &str,
    (what, words): (&str, &[(&'static str, T)]),
    found: &mut Diagnostics,
) -> Option<T> {
    let text = String::read(node, path, found)?;
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Some(*value);
    }
    let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let message = format!("unknown {what} \"{}\"", short(&text));
    found.push(wrong(codes::UNKNOWN_WORD, node, path, message).maybe_help(suggest(&text, &all)));
    None
}

macro_rules! kubernetes {
    ($($type:ty),* $(,)?) => {
        $(impl Read for $type {
            fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
                de::read(node, path, Rules::Strict, found)
            }
        })*
    };
}

kubernetes! {
    k8s_openapi::api::core::v1::Node,
    k8s_openapi::api::core::v1::Affinity,
    k8s_openapi::api::core::v1::Probe,
    k8s_openapi::api::core::v1::TopologySpreadConstraint,
    k8s_openapi::api::policy::v1::PodDisruptionBudgetSpec,
    k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector,
}

/// Declares an object of our own files and how it is read: each field with its type, whether it
/// is `required`, `optional` or `defaulted`, and its key.
macro_rules! record {
    (
        $(#[$about:meta])*
        $vis:vis struct $name:ident {
            $($(#[$doc:meta])* $field_vis:vis $field:ident: $type:ty = $mode:ident $key:literal,)*
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug)]
        $vis struct $name {
            $($(#[$doc])* $field_vis $field: $type,)*
            /// Where the object starts.
            #[allow(dead_code, reason = "not every reader reports on the whole object")]
            $vis span: $crate::base::diag::Span,
        }

        impl $crate::scenario::read::Read for $name {
            fn read(
                node: &$crate::scenario::node::Node,
                path: &str,
                found: &mut $crate::base::diag::Diagnostics,
            ) -> Option<Self> {
                let mut fields = $crate::scenario::read::Fields::open(node, path, found)?;
                $(let $field = fields.$mode($key);)*
                fields.finish();
                Some(Self { $($field: $field?,)* span: node.span })
            }
        }
    };
}
pub(crate) use record;
