//! The located value tree: what a YAML or JSON document says, with the place of every key and
//! value. Scalars keep their source text, since `1.10` as a label is not `1.1`.

use crate::base::diag::Span;

/// One value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Place of the value; for a mapping or list in block style, of the key that holds it.
    pub span: Span,
    /// The value.
    pub value: Value,
}

/// A value of the YAML core schema.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer that fits 64 bits, and its text in decimal notation.
    Int(i64, Box<str>),
    /// Any other number, and its text.
    Float(f64, Box<str>),
    /// A text.
    Str {
        /// The text, escapes resolved.
        text: Box<str>,
        /// Whether it stood in quotes or in a block.
        quoted: bool,
    },
    /// A list.
    Seq(Vec<Node>),
    /// A mapping in source order, keys unique.
    Map(Vec<Entry>),
}

/// One key of a mapping with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: Box<str>,
    /// Place of the key.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

impl Node {
    /// A text that stands nowhere else in the source than at `span`.
    #[must_use]
    pub fn text_at(span: Span, text: &str) -> Self {
        Self { span, value: Value::Str { text: text.into(), quoted: true } }
    }

    /// The value of a key, when this is a mapping that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The entry of a key, when this is a mapping that has it.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| &*entry.key == key)
    }

    /// The entries of a mapping; empty for everything else.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        if let Value::Map(entries) = &self.value { entries } else { &[] }
    }

    /// The entries of a mapping, to be changed; none for everything else.
    pub fn entries_mut(&mut self) -> Option<&mut Vec<Entry>> {
        if let Value::Map(entries) = &mut self.value { Some(entries) } else { None }
    }

    /// The elements of a list; empty for everything else.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        if let Value::Seq(items) = &self.value { items } else { &[] }
    }

    /// The text, when this is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Value::Str { text, .. } = &self.value { Some(text) } else { None }
    }

    /// The source text of a scalar: text, number or truth value; `None` for null, lists, mappings.
    #[must_use]
    pub fn scalar_text(&self) -> Option<&str> {
        match &self.value {
            Value::Str { text, .. } | Value::Int(_, text) | Value::Float(_, text) => Some(text),
            Value::Bool(true) => Some("true"),
            Value::Bool(false) => Some("false"),
            Value::Null | Value::Seq(_) | Value::Map(_) => None,
        }
    }

    /// Whether the value is null.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// What the value is, for messages: `the number 3`, `a list`, `the text "x"`.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Bool(value) => value.to_string(),
            Value::Int(_, text) | Value::Float(_, text) => format!("the number {}", short(text)),
            Value::Str { text, .. } => format!("the text \"{}\"", short(text)),
            Value::Seq(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
        }
    }

    /// The node reached by following a dotted path such as `spec.containers[0].image` as far as it
    /// exists: the span of the deepest key or element found. Used to place findings about typed
    /// objects back into the source.
    #[must_use]
    pub fn locate(&self, path: &[Step<'_>]) -> Span {
        let mut node = self;
        let mut span = self.span;
        for step in path {
            match step {
                Step::Key(key) => match node.entry(key) {
                    Some(entry) => {
                        node = &entry.value;
                        span = if node.span.line == 0 { entry.key_span } else { node.span };
                        if matches!(node.value, Value::Map(_) | Value::Seq(_) | Value::Null) {
                            span = entry.key_span;
                        }
                    }
                    None => return span,
                },
                Step::Index(index) => match node.items().get(*index) {
                    Some(item) => {
                        node = item;
                        span = item.span;
                    }
                    None => return span,
                },
            }
        }
        span
    }

    /// Whether two values say the same, wherever they stand and in whatever order their keys come.
    #[must_use]
    pub fn same_content(&self, other: &Self) -> bool {
        match (&self.value, &other.value) {
            (Value::Map(a), Value::Map(b)) => {
                a.len() == b.len()
                    && a.iter().all(|entry| {
                        other.get(&entry.key).is_some_and(|value| entry.value.same_content(value))
                    })
            }
            (Value::Seq(a), Value::Seq(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same_content(b))
            }
            (Value::Str { text: a, .. }, Value::Str { text: b, .. }) => a == b,
            (a, b) => a == b,
        }
    }
}

/// One step of a path into a [`Node`].
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Into the value of a key.
    Key(&'a str),
    /// Into an element of a list, from 0.
    Index(usize),
}

/// A text cut to a printable length.
#[must_use]
pub fn short(text: &str) -> String {
    const SHOWN: usize = 60;
    if text.chars().nth(SHOWN).is_none() {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(SHOWN).collect();
    cut.push('…');
    cut
}

/// Appends a key to a dotted path, with brackets and quotes when the key itself holds a dot.
#[must_use]
pub fn join_key(path: &str, key: &str) -> String {
    if key.contains(['.', '[', '"', ' ', '/']) || key.is_empty() {
        return format!("{path}[\"{}\"]", short(key));
    }
    if path.is_empty() { short(key) } else { format!("{path}.{}", short(key)) }
}

/// Resolves an unquoted scalar by the YAML 1.2 core schema, plus YAML 1.1's octal integers.
#[must_use]
pub fn resolve_plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    if let Some(value) = integer(text) {
        return Value::Int(value.0, value.1.into());
    }
    if let Some(value) = float(text) {
        return Value::Float(value, text.into());
    }
    Value::Str { text: text.into(), quoted: false }
}

fn integer(text: &str) -> Option<(i64, String)> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => ("-", &text[1..]),
        b'+' => ("", &text[1..]),
        _ => ("", text),
    };
    let radix = |digits: &str, radix: u32| {
        let whole = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
        let value = i64::from_str_radix(&format!("{sign}{digits}"), radix).ok();
        value.filter(|_| whole).map(|value| (value, value.to_string()))
    };
    if let Some(octal) = digits.strip_prefix("0o") {
        return radix(octal, 8);
    }
    if let Some(hex) = digits.strip_prefix("0x") {
        return radix(hex, 16);
    }
    if digits.len() > 1 && digits.starts_with('0') {
        return radix(digits, 8).or_else(|| radix(digits, 10));
    }
    let decimal = radix(digits, 10)?;
    Some((decimal.0, text.trim_start_matches('+').to_owned()))
}

fn float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    match unsigned {
        ".inf" | ".Inf" | ".INF" => {
            return Some(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY });
        }
        ".nan" | ".NaN" | ".NAN" => return Some(f64::NAN),
        _ => {}
    }
    let number = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned.chars().any(|c| c.is_ascii_digit())
        && unsigned.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'));
    if number { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        for (text, expected) in [
            ("", "null"),
            ("~", "null"),
            ("true", "true"),
            ("yes", "str"),
            ("on", "str"),
            ("42", "42"),
            ("-7", "-7"),
            ("+7", "7"),
            ("0755", "493"),
            ("0o17", "15"),
            ("0x1F", "31"),
            ("08", "8"),
            ("0", "0"),
            ("1_000", "str"),
            ("1.10", "float 1.10"),
            ("1e3", "float 1e3"),
            (".5", "float .5"),
            (".", "str"),
            ("1.2.3", "str"),
            ("1-2", "str"),
            ("99999999999999999999", "float 99999999999999999999"),
            ("10Gi", "str"),
            ("2025-01-01", "str"),
            (".inf", "float .inf"),
        ] {
            let shown = match resolve_plain(text) {
                Value::Null => "null".to_owned(),
                Value::Bool(value) => value.to_string(),
                Value::Int(value, text) => {
                    assert_eq!(value.to_string(), *text);
                    text.into()
                }
                Value::Float(_, text) => format!("float {text}"),
                Value::Str { .. } => "str".to_owned(),
                Value::Seq(_) | Value::Map(_) => unreachable!("scalars only"),
            };
            assert_eq!(shown, expected, "{text}");
        }
    }
}
