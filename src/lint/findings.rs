//! Findings as they are collected: each of one rule, at one place, about one object.

use super::rules::{self, Rule};
use super::scene::Scene;
use crate::base::diag::{Diagnostic, Severity, Span, did_you_mean};
use crate::scenario::manifest::{Cursor, Manifest};
use crate::scenario::node::short;
use crate::scenario::source::Rules;

/// The annotation by which an object says which rules are not for it: codes or names, separated by
/// commas.
pub const IGNORE_ANNOTATION: &str = "wavetank.dev/lint-ignore";

/// One finding.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// Kind and name of the object it is about; empty for the scenario as a whole.
    pub object: String,
    /// Level, place, field path, what is wrong and what would be right.
    pub diagnostic: Diagnostic,
}

/// Collects findings, but for those that an object's annotation suppresses.
#[derive(Debug, Default)]
pub(super) struct Findings {
    found: Vec<Finding>,
}

impl Findings {
    /// A finding about a field of an object.
    pub(super) fn add(
        &mut self,
        rule: &'static Rule,
        manifest: &Manifest,
        at: &Cursor<'_>,
        message: impl Into<String>,
    ) {
        let diagnostic = at.finding(Rules::Lenient, rule.code, message);
        self.push(rule, Some(manifest), (rule.level, diagnostic));
    }

    /// The same with a level below the rule's.
    pub(super) fn add_as(
        &mut self,
        level: Severity,
        rule: &'static Rule,
        manifest: &Manifest,
        at: &Cursor<'_>,
        message: impl Into<String>,
    ) {
        let diagnostic = at.finding(Rules::Lenient, rule.code, message);
        self.push(rule, Some(manifest), (level, diagnostic));
    }

    /// A finding that has to do with a second object as well; either may suppress it.
    pub(super) fn add_related(
        &mut self,
        rule: &'static Rule,
        (manifest, at): (&Manifest, &Cursor<'_>),
        (other, label): (&Manifest, &str),
        message: impl Into<String>,
    ) {
        if !ignored(other).any(|word| is(rule, word)) {
            let diagnostic = at.finding(Rules::Lenient, rule.code, message);
            let diagnostic = diagnostic.related(other.span, label);
            self.push(rule, Some(manifest), (rule.level, diagnostic));
        }
    }

    /// A finding about the scenario as a whole.
    pub(super) fn add_overall(
        &mut self,
        rule: &'static Rule,
        (span, path): (Span, &str),
        message: impl Into<String>,
    ) {
        let diagnostic = Diagnostic::new(rule.level, rule.code, Some(span), message).at(path);
        self.push(rule, None, (rule.level, diagnostic));
    }

    fn push(
        &mut self,
        rule: &'static Rule,
        manifest: Option<&Manifest>,
        (level, diagnostic): (Severity, Diagnostic),
    ) {
        if manifest.is_some_and(|manifest| ignored(manifest).any(|word| is(rule, word))) {
            return;
        }
        let object = manifest.map_or_else(String::new, |manifest| manifest.object.title());
        let diagnostic = Diagnostic { severity: level, ..diagnostic }.help(rule.right);
        self.found.push(Finding { rule, object, diagnostic });
    }

    /// All findings by place, then by code.
    pub(super) fn sorted(mut self) -> Vec<Finding> {
        self.found.sort_by(|a, b| {
            let key = |finding: &Finding| (finding.diagnostic.span, finding.rule.code);
            key(a).cmp(&key(b)).then_with(|| a.diagnostic.message.cmp(&b.diagnostic.message))
        });
        self.found
    }
}

fn is(rule: &Rule, word: &str) -> bool {
    rule.code == word || rule.name == word
}

/// The codes and names that an object's annotation suppresses.
fn ignored(manifest: &Manifest) -> impl Iterator<Item = &str> {
    let annotations = manifest.object.metadata().annotations.as_ref();
    let words = annotations.and_then(|all| all.get(IGNORE_ANNOTATION));
    words.into_iter().flat_map(|words| words.split(',')).map(str::trim).filter(|w| !w.is_empty())
}

/// Words of the annotation that are no rule's.
pub(super) fn check_annotations(scene: &Scene<'_>, found: &mut Findings) {
    for manifest in scene.objects() {
        for word in ignored(manifest).filter(|word| rules::find(word).is_none()) {
            let all = rules::RULES.iter().flat_map(|rule| [rule.code, rule.name]);
            let near = did_you_mean(word, all).map(|near| format!("; did you mean {near}?"));
            let message =
                format!("no rule is called \"{}\"{}", short(word), near.unwrap_or_default());
            let at = manifest.cursor().keys(&["metadata", "annotations", IGNORE_ANNOTATION]);
            found.add(&rules::UNKNOWN_CODE, manifest, &at, message);
        }
    }
}
