//! Plain Kubernetes manifests: documents, lists, files and folders to typed objects.
//!
//! Known kinds are read with Kubernetes' own types, defaulted and checked; kinds that the
//! simulation does not know (custom resources, their definitions, Kustomizations) are reported
//! and skipped, never an error. What a known object's fields do in a simulation is said by
//! [`effect_of`].

mod controllers;
mod cursor;
mod effect;
mod files;
mod kinds;
mod pod;
#[cfg(test)]
mod tests;
mod validate;
mod words;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use cursor::Cursor;
pub use effect::{Effect, effect_of};
pub use files::{files_below, read_path};
pub use kinds::{KINDS, KindInfo, Object};
pub use pod::{
    check_default_constraint, check_node_affinity, check_placement, check_pod_template,
    check_probe_override,
};
pub use validate::{PODS_MAX, check_budget, check_label_selector, check_node, selector_matches};
pub use words::{check_label_key, check_label_value, check_name, is_label_key, is_label_value};

use crate::base::diag::{Diagnostic, Diagnostics, FileId, Severity, Span, codes, did_you_mean};
use crate::scenario::defaults;
use crate::scenario::node::{Node, short};
use crate::scenario::source::{Document, Limits, Rules, parse};
use crate::scenario::spec::is_scheduler_config;

/// Where an object was declared. Together with the order of `workloads:` this is the address from
/// which its randomness and its UID come, so it holds no name.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Origin {
    /// The file.
    pub file: FileId,
    /// Position of the document among the file's non-empty documents, from 0.
    pub document: u32,
    /// Position in a `kind: List` or in inline `objects:`, from 0.
    pub item: u32,
}

/// One object with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The object, defaults filled in.
    pub object: Object,
    /// Where it was declared.
    pub origin: Origin,
    /// Place of its name, else of its beginning.
    pub span: Span,
    /// What it does in a simulation, and which of its fields do nothing.
    pub effect: Effect,
    /// What was written, for findings about its fields.
    pub written: Written,
}

impl Manifest {
    /// The object as a place, from which the places of its fields are found.
    #[must_use]
    pub fn cursor(&self) -> Cursor<'_> {
        Cursor::root(&self.written.tree, &self.written.path)
    }
}

/// An object as it was written, defaults not filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The located tree, of the API version that is read.
    pub tree: Arc<Node>,
    /// Its field path in its document; empty if it is the document.
    pub path: String,
}

/// An object that was passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its `apiVersion`, if any.
    pub api_version: String,
    /// Its `kind`.
    pub kind: String,
    /// Its name, if any.
    pub name: String,
    /// Where it stands.
    pub span: Span,
}

/// The objects of any number of manifests.
#[derive(Clone, Debug, Default)]
pub struct ManifestSet {
    /// Objects of known kinds in the order of their declaration.
    pub objects: Vec<Manifest>,
    /// What was passed over.
    pub skipped: Vec<Skipped>,
    /// Index of the objects by kind, namespace and name.
    known: BTreeMap<(&'static str, String, String), usize>,
}

impl ManifestSet {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The object of a kind, namespace (empty for cluster-wide kinds) and name.
    #[must_use]
    pub fn find(&self, kind: &'static str, namespace: &str, name: &str) -> Option<&Manifest> {
        let key = (kind, namespace.to_owned(), name.to_owned());
        self.known.get(&key).map(|index| &self.objects[*index])
    }

    /// Adds an object. Given twice it counts once; given twice with different content it is a
    /// finding that names both places.
    pub fn add(&mut self, manifest: Manifest, rules: Rules, found: &mut Diagnostics) {
        let object = &manifest.object;
        let name = object.name().to_owned();
        if !name.is_empty() {
            let key = (object.info().kind, object.namespace().to_owned(), name);
            if let Some(first) = self.known.get(&key).map(|index| &self.objects[*index]) {
                if first.object != manifest.object {
                    let message =
                        format!("{} is given twice with different content", object.title());
                    let at = Some(manifest.span);
                    found.push(
                        Diagnostic::new(rules.severity(), codes::REDEFINED, at, message)
                            .related(first.span, "first given here")
                            .help("remove or rename one of the two"),
                    );
                }
                return;
            }
            self.known.insert(key, self.objects.len());
        }
        self.objects.push(manifest);
    }
}

/// Reads every object of a text into `set`; returns whether there was anything.
pub fn read_text(
    source: (FileId, &str),
    rules: Rules,
    set: &mut ManifestSet,
    found: &mut Diagnostics,
) -> bool {
    parse(source, &Limits::MANIFESTS, rules, found, &mut |document, found| {
        read_document(&document, source.0, rules, set, found);
    })
}

fn read_document(
    document: &Document,
    file: FileId,
    rules: Rules,
    set: &mut ManifestSet,
    found: &mut Diagnostics,
) {
    let origin = Origin { file, document: document.ordinal, item: 0 };
    read_object(&document.root, origin, "", rules, (set, found));
}

/// Reads one object, or the elements of a list kind, into `set`; `path` is its own field path.
pub fn read_object(
    node: &Node,
    mut origin: Origin,
    path: &str,
    rules: Rules,
    (set, found): (&mut ManifestSet, &mut Diagnostics),
) {
    let Some((api_version, kind)) = type_of(node, path, rules, found) else { return };
    if let Some(element) = kind.strip_suffix("List")
        && let Some(items) = node.get("items")
    {
        for (index, item) in items.items().iter().enumerate() {
            origin.item = u32::try_from(index).unwrap_or(u32::MAX);
            let path = format!("{}items[{index}]", if path.is_empty() { "" } else { path });
            if item.get("kind").is_none() && !element.is_empty() && !item.entries().is_empty() {
                // Elements of a typed list need not repeat its kind.
                let typed = kinds::with_type(item, api_version, element);
                read_object(&typed, origin, &path, rules, (set, found));
            } else {
                read_object(item, origin, &path, rules, (set, found));
            }
        }
        return;
    }
    let Some(info) = KINDS.iter().find(|info| info.kind == kind) else {
        let problem = near_kind(node, api_version, kind, rules);
        return skip(node, (api_version, kind), problem, (set, found));
    };
    let current = if api_version == info.api_version {
        None
    } else if info.old_api_versions.contains(&api_version) {
        let message = format!("{api_version} of {kind} is old; read as {}", info.api_version);
        let span = node.get("apiVersion").map(|n| n.span);
        found.push(Diagnostic::new(Severity::Note, codes::OLD_API_VERSION, span, message));
        Some(kinds::modernise(node, info, api_version))
    } else {
        let problem = info.misses(api_version).then(|| {
            let message = format!("{kind} has no apiVersion \"{}\"", short(api_version));
            let span = node.get("apiVersion").map(|n| n.span);
            Diagnostic::new(rules.severity(), codes::BAD_API_VERSION, span, message)
                .help(format!("write apiVersion: {}", info.api_version))
        });
        return skip(node, (api_version, kind), problem, (set, found));
    };
    let node = current.as_ref().unwrap_or(node);
    let before = found.len();
    let Some(mut object) = (info.read)(node, path, rules, found) else { return };
    defaults::apply(&mut object);
    let mistyped = found.items().get(before..).unwrap_or_default();
    if !mistyped.iter().any(|d| d.code == codes::WRONG_TYPE) {
        // Positions of list elements are exact only when none was passed over.
        validate::check_object(&object, &Cursor::root(node, path), rules, found);
    }
    let name = node.get("metadata").and_then(|metadata| metadata.get("name"));
    let span = name.map_or(node.span, |name| name.span);
    let effect = effect_of(info, node);
    let written = Written { tree: Arc::new(node.clone()), path: path.to_owned() };
    set.add(Manifest { object, origin, span, effect, written }, rules, found);
}

/// The `apiVersion` and `kind` of an object, or a finding that they are missing.
fn type_of<'a>(
    node: &'a Node,
    path: &str,
    rules: Rules,
    found: &mut Diagnostics,
) -> Option<(&'a str, &'a str)> {
    let word = |key: &str| node.get(key).and_then(Node::as_str).unwrap_or_default().trim();
    let (api_version, kind) = (word("apiVersion"), word("kind"));
    if !api_version.is_empty() && !kind.is_empty() {
        return Some((api_version, kind));
    }
    let missing = if kind.is_empty() { "kind" } else { "apiVersion" };
    let code = if kind.is_empty() { codes::BAD_KIND } else { codes::BAD_API_VERSION };
    let message = format!("not a Kubernetes object: no {missing}");
    let known = KINDS.iter().find(|info| info.kind == kind);
    let help = known.map_or_else(
        || "an object starts like apiVersion: apps/v1, kind: Deployment".to_owned(),
        |info| format!("write apiVersion: {}", info.api_version),
    );
    let place = node.get(missing).map_or(node.span, |n| n.span);
    found.push(Diagnostic::new(rules.severity(), code, Some(place), message).at(path).help(help));
    None
}

/// A finding when an unknown kind of a built-in API group looks like a slip of the pen.
fn near_kind(node: &Node, api_version: &str, kind: &str, rules: Rules) -> Option<Diagnostic> {
    let same_version = KINDS.iter().filter(|info| {
        info.api_version == api_version || info.old_api_versions.contains(&api_version)
    });
    let near = did_you_mean(kind, same_version.map(|info| info.kind))?;
    let span = node.get("kind").map(|n| n.span);
    let message = format!("{api_version} has no kind \"{}\"", short(kind));
    Some(
        Diagnostic::new(rules.severity(), codes::BAD_KIND, span, message)
            .help(format!("did you mean \"{near}\"?")),
    )
}

/// Notes an object that is passed over: with the finding given, else as a kind unknown here.
fn skip(
    node: &Node,
    (api_version, kind): (&str, &str),
    problem: Option<Diagnostic>,
    (set, found): (&mut ManifestSet, &mut Diagnostics),
) {
    let span = node.get("kind").map_or(node.span, |n| n.span);
    let name = node.get("metadata").and_then(|m| m.get("name")).and_then(Node::scalar_text);
    let name = name.unwrap_or_default().to_owned();
    found.push(problem.unwrap_or_else(|| {
        let title = if name.is_empty() { String::new() } else { format!(" \"{}\"", short(&name)) };
        let message = format!("{} ({}){title} is skipped", short(kind), short(api_version));
        let help = if api_version.starts_with("wavetank/") {
            "manifests hold Kubernetes objects; scenarios and policies are not read from here"
        } else if is_scheduler_config(api_version, kind) {
            "name it in a policy: spec.scheduler.file"
        } else {
            "the simulation does not know this kind; it has no effect"
        };
        Diagnostic::new(Severity::Note, codes::SKIPPED_KIND, Some(span), message).help(help)
    }));
    let (api_version, kind) = (api_version.to_owned(), kind.to_owned());
    set.skipped.push(Skipped { api_version, kind, name, span });
}
