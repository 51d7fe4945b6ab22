//! A policy: how pods are placed and how failures are repaired.

use super::{Metadata, Recovery, SchedulerConfig};
use crate::base::diag::{Diagnostics, Span};
use crate::scenario::node::{Node, Value};
use crate::scenario::read::{Fields, Located, Read, record};

record! {
    /// A whole policy.
    pub struct Policy {
        /// Always [`super::API_VERSION`].
        pub api_version: Located<String> = required "apiVersion",
        /// Always `Policy`.
        pub kind: Located<String> = required "kind",
        /// Name and description.
        pub metadata: Metadata = required "metadata",
        /// The settings.
        pub spec: PolicySpec = defaulted "spec",
    }
}

/// The settings of a policy; what is absent is Kubernetes' default.
#[derive(Clone, Debug, Default)]
pub struct PolicySpec {
    /// The scheduler's configuration.
    pub scheduler: Option<SchedulerSource>,
    /// Recovery settings.
    pub recovery: Option<Recovery>,
    /// Plugins and extenders that cannot be simulated are skipped with a warning.
    pub skip_unknown_plugins: bool,
    /// Filters and scores that the policy writes itself.
    pub expressions: Vec<Expression>,
}

record! {
    /// A filter, a score or both, in CEL.
    pub struct Expression {
        /// What messages and explanations call it.
        pub name: Located<String> = required "name",
        /// Where pods may go.
        pub filter: Option<Formula> = optional "filter",
        /// The reason where the filter is false.
        pub message: Option<Located<String>> = optional "message",
        /// How good a node is.
        pub score: Option<Formula> = optional "score",
        /// Weight of the score; 1 when absent.
        pub weight: Option<Located<u32>> = optional "weight",
    }
}

/// The text of an expression, and where it stands.
#[derive(Clone, Debug)]
pub struct Formula {
    /// The text.
    pub text: String,
    /// Where.
    pub span: Span,
    /// It stands between quotes.
    quoted: bool,
}

impl Formula {
    /// Where a part of the text stands, in characters from its start; the whole where the text
    /// is not on one line.
    #[must_use]
    pub fn part(&self, offset: usize, len: usize) -> Span {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let within = number(offset).saturating_add(u32::from(self.quoted));
        if self.text.contains('\n') || within > self.span.len {
            return self.span;
        }
        Span { column: self.span.column + within, len: number(len), ..self.span }
    }
}

impl Read for Formula {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        let text = String::read(node, path, found)?;
        let quoted = matches!(node.value, Value::Str { quoted: true, .. });
        Some(Self { text, span: node.span, quoted })
    }
}

impl Read for PolicySpec {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::open(node, path, found)?;
        let scheduler = fields.optional("scheduler");
        let recovery = fields.optional("recovery");
        let skip = fields.optional::<bool>("skipUnknownPlugins");
        let expressions = fields.defaulted("expressions");
        fields.finish();
        Some(Self {
            scheduler: scheduler?,
            recovery: recovery?,
            skip_unknown_plugins: skip?.unwrap_or(false),
            expressions: expressions?,
        })
    }
}

/// A `KubeSchedulerConfiguration`, inline or in a file of its own.
#[derive(Clone, Debug)]
pub enum SchedulerSource {
    /// A path, relative to the file that names it.
    File(Located<String>),
    /// The configuration itself.
    Inline(Box<SchedulerConfig>),
}

impl Read for SchedulerSource {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        if node.get("file").is_none() {
            return Read::read(node, path, found).map(Self::Inline);
        }
        let mut fields = Fields::open(node, path, found)?;
        let file = fields.required("file");
        fields.finish();
        file.map(Self::File)
    }
}
