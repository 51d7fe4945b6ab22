//! Scenario and policy files with everything that they name: manifests, policies, scheduler
//! configurations.
//!
//! Paths are relative to the file that names them. A name under `policies:` means a Policy of the
//! same file, else a built-in one, else a path.

mod check;
mod meant;
mod policies;
mod skipped;
#[cfg(test)]
mod tests;
mod traces;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::base::diag::{Diagnostic, Diagnostics, FileId, SourceMap, Span, codes, suggest};
use crate::scenario::manifest::{
    ManifestSet, Origin, files_below, read_object, read_path, read_text,
};
use crate::scenario::node::{Node, short};
use crate::scenario::read::{Located, Read};
use crate::scenario::source::{
    Document, Limits, LoadError, Rules, empty_file, load, parse_all, too_large,
};
use crate::scenario::spec::{API_VERSION, Policy, Scenario, SchedulerConfig, Workload};

use meant::{Meant, meant};

pub use policies::{LoadedPolicy, read_scheduler_config};
pub use traces::LoadedTrace;

/// A scenario with everything it names.
#[derive(Clone, Debug)]
pub struct LoadedScenario {
    /// What was typed.
    pub scenario: Scenario,
    /// The objects of `spec.workloads`, in order; identical ones once.
    pub workloads: ManifestSet,
    /// The Node objects of `spec.cluster.nodes`.
    pub nodes: ManifestSet,
    /// The policies of `spec.policies` in order, or those asked for instead.
    pub policies: Vec<LoadedPolicy>,
    /// The failure traces that faults replay, by the fault's position.
    pub traces: BTreeMap<usize, LoadedTrace>,
    /// The file.
    pub file: FileId,
}

/// What a file turned out to be.
#[derive(Clone, Debug)]
pub enum LoadedFile {
    /// A scenario, with any policies beside it.
    Scenario(Box<LoadedScenario>),
    /// One or more policies.
    Policies(Vec<LoadedPolicy>),
    /// A `KubeSchedulerConfiguration`.
    SchedulerConfig(Box<SchedulerConfig>),
    /// Plain manifests.
    Manifests(ManifestSet),
}

/// Reads files and collects what is wrong with them.
#[derive(Debug)]
pub struct FileReader<'a> {
    /// Texts read so far.
    pub sources: SourceMap,
    /// Findings so far.
    pub found: Diagnostics,
    /// Plugins and extenders that cannot be simulated are skipped with a warning, whatever a
    /// policy says.
    pub skip_unknown_plugins: bool,
    /// Name and text (`kind: Policy`) of every built-in policy.
    built_in: &'a [(&'a str, &'a str)],
    /// Files being read, outermost first.
    open: Vec<PathBuf>,
}

/// The documents of one of our own files.
#[derive(Debug)]
struct Parsed {
    file: FileId,
    path: PathBuf,
    documents: Vec<Document>,
}

impl<'a> FileReader<'a> {
    /// A reader that has read nothing yet, with the policies that need no file.
    #[must_use]
    pub fn new(built_in: &'a [(&'a str, &'a str)]) -> Self {
        let (sources, found) = (SourceMap::new(), Diagnostics::new());
        Self { sources, found, skip_unknown_plugins: false, built_in, open: Vec::new() }
    }

    /// Reads a scenario and everything it names. `asked` replaces `spec.policies` unless empty:
    /// names or paths, relative to the working directory.
    ///
    /// `Ok(None)` means that [`FileReader::found`] holds the errors.
    ///
    /// # Errors
    /// When the scenario file itself cannot be opened or read.
    pub fn scenario(
        &mut self,
        path: &Path,
        asked: &[String],
    ) -> Result<Option<LoadedScenario>, LoadError> {
        let Some(parsed) = self.parse(path, &file_name(path))? else { return Ok(None) };
        Ok(self.scenario_of(&parsed, asked))
    }

    /// Reads a scenario that is a text of its own and names no other file.
    ///
    /// `None` means that [`FileReader::found`] holds the errors.
    pub fn scenario_text(&mut self, name: &str, text: &str) -> Option<LoadedScenario> {
        let file = self.sources.add(name, text);
        let parsed = self.documents(file, Path::new(name))?;
        self.scenario_of(&parsed, &[])
    }

    /// Reads a file of any kind, or every file of a folder, as `validate` does: one entry for each
    /// scenario, file of policies and scheduler configuration, and one for all manifests.
    ///
    /// What has errors is missing; [`FileReader::found`] holds them.
    ///
    /// # Errors
    /// When the file or something in the folder cannot be opened or read.
    pub fn any(&mut self, path: &Path) -> Result<Vec<(String, LoadedFile)>, LoadError> {
        let name = file_name(path);
        let metadata = std::fs::metadata(path)
            .map_err(|source| LoadError { path: path.to_owned(), source })?;
        let is_folder = metadata.is_dir();
        let files =
            if is_folder { files_below(path, &name)? } else { vec![(path.to_owned(), name)] };
        let (mut out, mut set, mut any_manifests) = (Vec::new(), ManifestSet::new(), false);
        for (path, name) in files {
            let into = (&mut self.sources, &mut self.found);
            let Some(file) = load(&path, &name, &Limits::MANIFESTS, into)? else { continue };
            let text = self.sources.text(file);
            let loaded = match meant(&text) {
                Meant::Ours => self.documents(file, &path).and_then(|p| self.ours(&p)),
                Meant::SchedulerConfig => self
                    .scheduler_document(file, None, self.skip_unknown_plugins)
                    .map(|config| LoadedFile::SchedulerConfig(Box::new(config))),
                Meant::Manifests => {
                    any_manifests = true;
                    self.manifests((file, &text), is_folder, &mut set);
                    None
                }
            };
            out.extend(loaded.map(|loaded| (name, loaded)));
        }
        if any_manifests {
            out.push((file_name(path), LoadedFile::Manifests(set)));
        }
        Ok(out)
    }

    /// Reads a scenario, or policies.
    fn ours(&mut self, parsed: &Parsed) -> Option<LoadedFile> {
        if kinds(parsed).any(|kind| kind == "Scenario") {
            return self.scenario_of(parsed, &[]).map(Box::new).map(LoadedFile::Scenario);
        }
        for document in &parsed.documents {
            self.kind_of(&document.root, &["Scenario", "Policy"]);
        }
        self.open.push(canonical(&parsed.path));
        let policies = self.policies_of(parsed);
        self.open.pop();
        Some(LoadedFile::Policies(policies))
    }

    /// Reads plain manifests. A file of a folder may hold nothing, or something else altogether.
    fn manifests(&mut self, source: (FileId, &str), of_folder: bool, set: &mut ManifestSet) {
        let (objects, skipped) = (set.objects.len(), set.skipped.len());
        let mut found = Diagnostics::new();
        let any = read_text(source, Rules::Lenient, set, &mut found);
        if !of_folder {
            if !any {
                found.push(empty_file(source));
            }
            if (set.objects.len(), set.skipped.len()) == (objects, skipped) {
                found.deny_warnings();
            }
        }
        self.found.extend(found);
    }

    /// Loads and parses one of our own files.
    fn parse(&mut self, path: &Path, name: &str) -> Result<Option<Parsed>, LoadError> {
        let file = load(path, name, &Limits::OURS, (&mut self.sources, &mut self.found))?;
        Ok(file.and_then(|file| self.documents(file, path)))
    }

    /// Parses one of our own files.
    fn documents(&mut self, file: FileId, path: &Path) -> Option<Parsed> {
        let text = self.sources.text(file);
        if text.len() as u64 > Limits::OURS.bytes_max {
            self.found.push(too_large(file, text.len() as u64, &Limits::OURS));
            return None;
        }
        let before = self.found.error_count();
        let documents = parse_all((file, &text), &Limits::OURS, Rules::Strict, &mut self.found);
        let broken = self.found.error_count() > before && documents.is_empty();
        (!broken).then(|| Parsed { file, path: path.to_owned(), documents })
    }

    fn scenario_of(&mut self, parsed: &Parsed, asked: &[String]) -> Option<LoadedScenario> {
        self.open.push(canonical(&parsed.path));
        let mut scenarios = Vec::new();
        for document in &parsed.documents {
            if self.kind_of(&document.root, &["Scenario", "Policy"]) == Some("Scenario") {
                scenarios.push(document);
            }
        }
        if let Some(second) = scenarios.get(1) {
            let message = "a file holds one Scenario only";
            let first = scenarios[0].root.span;
            self.found.push(
                Diagnostic::error(codes::BAD_KIND, second.root.span, message)
                    .related(first, "the first one")
                    .help("move it to a file of its own"),
            );
        }
        if scenarios.is_empty() && !self.found.has_errors() {
            let message = "the file holds no Scenario";
            let help = format!("a scenario starts with apiVersion: {API_VERSION}, kind: Scenario");
            let at = Span::of_file(parsed.file);
            self.found.push(Diagnostic::error(codes::BAD_KIND, at, message).help(help));
        }
        let own = self.policies_of(parsed);
        let loaded = scenarios.first().and_then(|document| {
            let scenario = Scenario::read(&document.root, "", &mut self.found)?;
            check::scenario(&scenario, &document.root, &mut self.found);
            let folder = parsed.path.parent().unwrap_or(Path::new("")).to_owned();
            let at = (folder.as_path(), parsed.file, document.ordinal);
            let nodes = self.objects(&scenario.spec.cluster.nodes, at);
            check::nodes(&scenario, &nodes, &mut self.found);
            let workloads = self.objects(&scenario.spec.workloads, at);
            check::workloads(&workloads, &mut self.found);
            check::proxies(&scenario, &workloads, &mut self.found);
            check::leaks(&scenario, &mut self.found);
            let traces = self.traces(&scenario, &folder);
            let policies = self.chosen_policies(&scenario, &own, asked, &folder);
            let file = parsed.file;
            Some(LoadedScenario { scenario, workloads, nodes, policies, traces, file })
        });
        self.open.pop();
        loaded
    }

    /// The kind of one of our documents, checked against those allowed.
    fn kind_of(&mut self, root: &Node, allowed: &[&'static str]) -> Option<&'static str> {
        let kind = root.get("kind").and_then(Node::scalar_text).unwrap_or_default().to_owned();
        let span = |key: &str| root.get(key).map_or(root.span, |node| node.span);
        let Some(known) = allowed.iter().find(|word| **word == kind) else {
            let message = if kind.is_empty() {
                "the document has no kind".to_owned()
            } else {
                format!("unknown kind \"{}\"", short(&kind))
            };
            self.found.push(
                Diagnostic::error(codes::BAD_KIND, span("kind"), message)
                    .at("kind")
                    .maybe_help(suggest(&kind, allowed)),
            );
            return None;
        };
        let version = root.get("apiVersion").and_then(Node::scalar_text).unwrap_or_default();
        if version != API_VERSION && !version.is_empty() {
            let message = format!("unknown apiVersion \"{}\"", short(version));
            self.found.push(
                Diagnostic::error(codes::BAD_API_VERSION, span("apiVersion"), message)
                    .at("apiVersion")
                    .help(format!("write apiVersion: {API_VERSION}")),
            );
        }
        Some(known)
    }

    /// The objects that a list of sources names.
    fn objects(
        &mut self,
        sources: &[Workload],
        (folder, file, document): (&Path, FileId, u32),
    ) -> ManifestSet {
        let mut set = ManifestSet::new();
        let mut item = 0;
        for source in sources {
            match source {
                Workload::Manifests(name) => {
                    let path = folder.join(name.as_str());
                    if self.is_open(&path, name.span, name) {
                        continue;
                    }
                    let into = (&mut self.sources, &mut self.found);
                    match read_path(&path, name, Rules::Strict, &mut set, into) {
                        Ok(0) => {
                            let message = format!("{} holds no manifests", short(name));
                            let help = "files ending in .yaml, .yml or .json are read";
                            self.found.push(
                                Diagnostic::error(codes::UNRESOLVED, name.span, message).help(help),
                            );
                        }
                        Ok(_) => {}
                        Err(error) => self.unreadable(name, &error),
                    }
                }
                Workload::Objects(objects) => {
                    for (index, node) in objects.nodes.iter().enumerate() {
                        let origin = Origin { file, document, item };
                        item += 1;
                        let path = format!("{}[{index}]", objects.path);
                        let into = (&mut set, &mut self.found);
                        read_object(node, origin, &path, Rules::Strict, into);
                    }
                }
            }
        }
        set
    }

    /// A file that the input names cannot be read: the place that names it is what is wrong.
    fn unreadable(&mut self, name: &Located<String>, error: &LoadError) {
        let help = "paths are relative to the file that names them";
        let finding = Diagnostic::error(codes::FILE_UNREADABLE, name.span, error.to_string());
        self.found.push(finding.help(help));
    }
}

fn kinds(parsed: &Parsed) -> impl Iterator<Item = &str> {
    parsed.documents.iter().filter_map(|d| d.root.get("kind").and_then(Node::as_str))
}

/// The name printed for a file given on the command line.
fn file_name(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// A path by which files are told apart.
fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Reads a policy from one of our documents.
fn read_policy(root: &Node, found: &mut Diagnostics) -> Option<Policy> {
    Policy::read(root, "", found)
}
