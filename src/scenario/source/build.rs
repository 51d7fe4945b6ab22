//! Parser events to one document's value tree, within the limits.

use std::collections::BTreeMap;

use granit_parser::{Event, ScalarStyle, Tag};

use super::{Limits, Rules};
use crate::base::diag::{Diagnostic, Diagnostics, FileId, Span, codes};
use crate::scenario::node::{Entry, Node, Value, resolve_plain, short};

/// Why a document cannot be used.
pub(super) type Spoiled = Box<Diagnostic>;

/// Bytes of text that weigh as much as one more value.
const TEXT_BYTES_PER_NODE: usize = 256;

/// The place of a parser event.
pub(super) fn span_of(file: FileId, span: &granit_parser::Span) -> Span {
    let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let (start, end) = (&span.start, &span.end);
    let len = if start.line() == end.line() { end.col().saturating_sub(start.col()) } else { 500 };
    Span {
        file,
        line: narrow(start.line().max(1)),
        column: narrow(start.col() + 1),
        len: narrow(len).min(500),
    }
}

/// The finding that values are nested too deeply.
pub(super) fn too_deep(at: Span, limits: &Limits) -> Diagnostic {
    let message = format!("nested deeper than {} levels", limits.depth_max);
    Diagnostic::error(codes::TOO_DEEP, at, message)
        .help("no object of Kubernetes is nested so deep")
}

/// A finished value with its weight (values and text inside) and height (levels inside).
#[derive(Clone, Debug)]
struct Built {
    node: Node,
    weight: u32,
    height: u32,
}

#[derive(Debug)]
enum Frame {
    Seq { span: Span, anchor: usize, weight: u32, height: u32, items: Vec<Node> },
    Map { span: Span, anchor: usize, weight: u32, height: u32, entries: Vec<Raw>, key: Option<Key> },
}

#[derive(Debug)]
struct Key {
    text: Box<str>,
    span: Span,
    merge: bool,
}

#[derive(Debug)]
struct Raw {
    key: Key,
    value: Node,
}

/// Builds one document after another.
#[derive(Debug)]
pub(super) struct Builder<'a> {
    file: FileId,
    limits: &'a Limits,
    rules: Rules,
    stack: Vec<Frame>,
    anchors: BTreeMap<usize, Built>,
    weight: u32,
    root: Option<Node>,
}

impl<'a> Builder<'a> {
    pub(super) const fn new(file: FileId, limits: &'a Limits, rules: Rules) -> Self {
        Self {
            file,
            limits,
            rules,
            stack: Vec::new(),
            anchors: BTreeMap::new(),
            weight: 0,
            root: None,
        }
    }

    /// Forgets an unfinished document.
    pub(super) fn reset(&mut self) {
        self.stack.clear();
        self.anchors.clear();
        self.weight = 0;
        self.root = None;
    }

    /// The document's value, once its end was seen.
    pub(super) fn finish(&mut self) -> Option<Node> {
        let root = self.root.take();
        self.reset();
        root
    }

    /// Takes one event inside a document. An error spoils the document.
    pub(super) fn event(
        &mut self,
        event: Event<'_>,
        span: &granit_parser::Span,
        found: &mut Diagnostics,
    ) -> Result<(), Spoiled> {
        let at = span_of(self.file, span);
        #[expect(clippy::wildcard_enum_match_arm, reason = "the parser's events are open-ended")]
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = self.scalar(&text, style, tag.as_deref(), span)?;
                let is_merge = style == ScalarStyle::Plain && text == "<<";
                let weight = 1 + u32::try_from(text.len() / TEXT_BYTES_PER_NODE).unwrap_or(0);
                self.charge(weight, at)?;
                if self.awaits_key() && anchor == 0 {
                    let text = self.key_text(&text, &value);
                    return self.take_key(Key { text, span: at, merge: is_merge });
                }
                let built = Built { node: Node { span: at, value }, weight, height: 0 };
                self.place(built, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), "seq", span)?;
                self.open(at)?;
                let items = Vec::new();
                self.stack.push(Frame::Seq { span: at, anchor, weight: 1, height: 1, items });
                Ok(())
            }
            Event::MappingStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), "map", span)?;
                self.open(at)?;
                let (entries, key) = (Vec::new(), None);
                self.stack.push(Frame::Map {
                    span: at,
                    anchor,
                    weight: 1,
                    height: 1,
                    entries,
                    key,
                });
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(found),
            Event::Alias(id) => self.alias(id, at),
            // Presentation only; the stream's own events were taken by the caller.
            _ => Ok(()),
        }
    }

    fn scalar(
        &self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        span: &granit_parser::Span,
    ) -> Result<Value, Spoiled> {
        let quoted = style != ScalarStyle::Plain;
        let as_text = || Value::Str { text: text.into(), quoted };
        let Some(tag) = tag else {
            return Ok(if quoted { as_text() } else { resolve_plain(text) });
        };
        match tag.core_suffix() {
            Some("str" | "binary" | "timestamp") => Ok(as_text()),
            Some("int" | "float" | "bool" | "null") => Ok(resolve_plain(text)),
            _ if tag.original() == "!" => Ok(as_text()),
            _ => Err(self.bad_tag(tag, span)),
        }
    }

    fn check_tag(
        &self,
        tag: Option<&Tag>,
        core: &str,
        span: &granit_parser::Span,
    ) -> Result<(), Spoiled> {
        match tag {
            Some(tag) if tag.core_suffix() != Some(core) => Err(self.bad_tag(tag, span)),
            _ => Ok(()),
        }
    }

    fn bad_tag(&self, tag: &Tag, span: &granit_parser::Span) -> Spoiled {
        let at = span.tag_span().unwrap_or(*span);
        let message = format!("unsupported YAML tag \"{}\"", short(&tag.original()));
        let severity = self.rules.severity();
        let help = match self.rules {
            Rules::Strict => {
                "remove the tag; only !!str, !!int, !!float, !!bool, !!null, !!map and !!seq have a meaning here"
            }
            Rules::Lenient => "the document is skipped",
        };
        let at = Some(span_of(self.file, &at));
        Box::new(Diagnostic::new(severity, codes::UNSUPPORTED_TAG, at, message).help(help))
    }

    fn charge(&mut self, weight: u32, at: Span) -> Result<(), Spoiled> {
        self.weight = self.weight.saturating_add(weight);
        if self.weight > self.limits.nodes_max {
            let most = self.limits.nodes_max;
            let message = format!("the document holds more than {most} values, aliases expanded");
            return Err(Box::new(
                Diagnostic::error(codes::TOO_MANY_NODES, at, message)
                    .help("split it, or write fewer aliases of aliases"),
            ));
        }
        Ok(())
    }

    /// Checks that a list or mapping may start here.
    fn open(&mut self, at: Span) -> Result<(), Spoiled> {
        self.check_depth(1, at)?;
        if self.awaits_key() {
            let message = "a mapping key must be a plain word, not a list or mapping";
            return Err(Box::new(
                Diagnostic::error(codes::BAD_KEY, at, message)
                    .help("template placeholders such as {{ .Values.x }} need quotes to be YAML"),
            ));
        }
        self.charge(1, at)
    }

    fn check_depth(&self, height: u32, at: Span) -> Result<(), Spoiled> {
        let depth = u32::try_from(self.stack.len()).unwrap_or(u32::MAX).saturating_add(height);
        if depth > self.limits.depth_max {
            return Err(Box::new(too_deep(at, self.limits)));
        }
        Ok(())
    }

    fn awaits_key(&self) -> bool {
        matches!(self.stack.last(), Some(Frame::Map { key: None, .. }))
    }

    /// Keys are texts: numbers and truth values as they are written.
    fn key_text(&self, text: &str, value: &Value) -> Box<str> {
        match value {
            Value::Int(_, decimal) => decimal.clone(),
            Value::Null
            | Value::Bool(_)
            | Value::Float(..)
            | Value::Str { .. }
            | Value::Seq(_)
            | Value::Map(_) => text.into(),
        }
    }

    fn take_key(&mut self, new: Key) -> Result<(), Spoiled> {
        if let Some(Frame::Map { key, .. }) = self.stack.last_mut() {
            *key = Some(new);
        }
        Ok(())
    }

    fn alias(&mut self, id: usize, at: Span) -> Result<(), Spoiled> {
        let Some(anchored) = self.anchors.get(&id) else {
            let message = "an alias inside the very value that it names";
            return Err(Box::new(
                Diagnostic::error(codes::SYNTAX, at, message)
                    .help("an alias needs an earlier, finished value"),
            ));
        };
        let (weight, height) = (anchored.weight, anchored.height);
        self.charge(weight, at)?;
        self.check_depth(height, at)?;
        let built = self.anchors[&id].clone();
        if self.awaits_key() {
            return match built.node.scalar_text() {
                Some(text) => self.take_key(Key { text: text.into(), span: at, merge: false }),
                None => {
                    let message = "a mapping key must be a plain word, not a list or mapping";
                    let finding = Diagnostic::error(codes::BAD_KEY, at, message);
                    Err(Box::new(finding.help("let the alias name a word")))
                }
            };
        }
        self.place(built, 0)
    }

    fn close(&mut self, found: &mut Diagnostics) -> Result<(), Spoiled> {
        let (built, anchor) = match self.stack.pop() {
            Some(Frame::Seq { span, anchor, weight, height, items }) => {
                let node = Node { span, value: Value::Seq(items) };
                (Built { node, weight, height }, anchor)
            }
            Some(Frame::Map { span, anchor, weight, height, entries, .. }) => {
                let entries = self.unite(entries, found)?;
                let node = Node { span, value: Value::Map(entries) };
                (Built { node, weight, height }, anchor)
            }
            None => return Ok(()),
        };
        self.place(built, anchor)
    }

    fn place(&mut self, built: Built, anchor: usize) -> Result<(), Spoiled> {
        if anchor != 0 {
            // The kept copy takes memory of its own.
            self.charge(built.weight, built.node.span)?;
            self.anchors.insert(anchor, built.clone());
        }
        if self.awaits_key() {
            let text = built.node.scalar_text().unwrap_or_default().into();
            return self.take_key(Key { text, span: built.node.span, merge: false });
        }
        match self.stack.last_mut() {
            None => self.root = Some(built.node),
            Some(Frame::Seq { weight, height, items, .. }) => {
                *weight = weight.saturating_add(built.weight);
                *height = (*height).max(built.height + 1);
                items.push(built.node);
            }
            Some(Frame::Map { weight, height, entries, key, .. }) => {
                *weight = weight.saturating_add(built.weight + 1);
                *height = (*height).max(built.height + 1);
                if let Some(key) = key.take() {
                    let mut value = built.node;
                    if value.span.len == 0 && matches!(value.value, Value::Map(_) | Value::Seq(_)) {
                        // A block has no sign of its own: it stands where its key does.
                        value.span = key.span;
                    }
                    entries.push(Raw { key, value });
                }
            }
        }
        Ok(())
    }

    /// Reports duplicate keys (the first one counts) and resolves merge keys.
    fn unite(&mut self, raw: Vec<Raw>, found: &mut Diagnostics) -> Result<Vec<Entry>, Spoiled> {
        let mut merged = Vec::new();
        let mut entries = Vec::with_capacity(raw.len());
        let mut places: BTreeMap<Box<str>, Span> = BTreeMap::new();
        for Raw { key, value } in raw {
            if key.merge {
                merged.push((key.span, value));
                continue;
            }
            if let Some(first) = places.get(&key.text) {
                let message = format!("duplicate key \"{}\"", short(&key.text));
                let severity = self.rules.severity();
                found.push(
                    Diagnostic::new(severity, codes::DUPLICATE_KEY, Some(key.span), message)
                        .related(*first, "first given here")
                        .help("remove one of the two; the first is read"),
                );
                continue;
            }
            places.insert(key.text.clone(), key.span);
            entries.push(Entry { key: key.text, key_span: key.span, value });
        }
        for (at, value) in merged {
            let sources = match value.value {
                Value::Seq(items) => items,
                other @ (Value::Null
                | Value::Bool(_)
                | Value::Int(..)
                | Value::Float(..)
                | Value::Str { .. }
                | Value::Map(_)) => vec![Node { span: value.span, value: other }],
            };
            for source in sources {
                let Value::Map(inherited) = source.value else {
                    let message = "a merge key << needs a mapping or a list of mappings";
                    return Err(Box::new(
                        Diagnostic::error(codes::BAD_KEY, at, message)
                            .help("quote the key if it is meant literally"),
                    ));
                };
                for entry in inherited {
                    if !places.contains_key(&entry.key) {
                        places.insert(entry.key.clone(), entry.key_span);
                        entries.push(entry);
                    }
                }
            }
        }
        Ok(entries)
    }
}
