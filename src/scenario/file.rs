//! Scenario and policy files with everything that they name: manifests, policies, scheduler
//! configurations.
//!
//! Paths are relative to the file that names them. A name under `policies:` means a Policy of the
//! same file, else a built-in one, else a path.

mod check;
mod policies;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use crate::base::diag::{Diagnostic, Diagnostics, FileId, SourceMap, Span, codes, suggest};
use crate::scenario::manifest::{ManifestSet, Origin, read_object, read_path};
use crate::scenario::node::{Node, short};
use crate::scenario::read::{Located, Read};
use crate::scenario::source::{Document, Limits, LoadError, Rules, load, parse_all};
use crate::scenario::spec::{API_VERSION, Policy, Scenario, Workload};

pub use policies::{LoadedPolicy, read_scheduler_config};

/// What the reader must know of the program: built-in policies and plugins.
#[derive(Copy, Clone, Debug)]
pub struct BuiltIn<'a> {
    /// Name and text (`kind: Policy`) of every built-in policy.
    pub policies: &'a [(&'a str, &'a str)],
    /// Names of the scheduler plugins.
    pub plugins: &'a [&'a str],
}

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
    built_in: BuiltIn<'a>,
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
    /// A reader that has read nothing yet.
    #[must_use]
    pub fn new(built_in: BuiltIn<'a>) -> Self {
        let (sources, found) = (SourceMap::new(), Diagnostics::new());
        Self { sources, found, built_in, open: Vec::new() }
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

    /// Reads a file of any kind, as `validate` does.
    ///
    /// `Ok(None)` means that [`FileReader::found`] holds the errors.
    ///
    /// # Errors
    /// When the file cannot be opened or read.
    pub fn any(&mut self, path: &Path) -> Result<Option<LoadedFile>, LoadError> {
        let name = file_name(path);
        let metadata = std::fs::metadata(path)
            .map_err(|source| LoadError { path: path.to_owned(), source })?;
        if metadata.is_dir() || !self.is_ours(path)? {
            let mut set = ManifestSet::new();
            let into = (&mut self.sources, &mut self.found);
            read_path(path, &name, Rules::Lenient, &mut set, into)?;
            return Ok(Some(LoadedFile::Manifests(set)));
        }
        let Some(parsed) = self.parse(path, &name)? else { return Ok(None) };
        if kinds(&parsed).any(|kind| kind == "Scenario") {
            let loaded = self.scenario_of(&parsed, &[]);
            return Ok(loaded.map(Box::new).map(LoadedFile::Scenario));
        }
        for document in &parsed.documents {
            self.kind_of(&document.root, &["Scenario", "Policy"]);
        }
        self.open.push(canonical(path));
        let policies = self.policies_of(&parsed);
        self.open.pop();
        Ok(Some(LoadedFile::Policies(policies)))
    }

    /// Whether a file is meant as ours: too small a sign is needed to be wrong about it.
    fn is_ours(&mut self, path: &Path) -> Result<bool, LoadError> {
        use std::io::Read as _;
        let failed = |source| LoadError { path: path.to_owned(), source };
        let mut head = Vec::new();
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(65_536).read_to_end(&mut head).map_err(failed)?;
        let head = String::from_utf8_lossy(&head);
        let ours = |line: &str| {
            let line = line.trim_start_matches('\u{feff}').trim_end();
            let value = line.strip_prefix("apiVersion:").map(|v| v.trim().trim_matches('"'));
            value.is_some_and(|v| v.starts_with("wavetank"))
                || matches!(line, "kind: Scenario" | "kind: Policy")
        };
        Ok(head.lines().any(ours))
    }

    /// Loads and parses one of our own files.
    fn parse(&mut self, path: &Path, name: &str) -> Result<Option<Parsed>, LoadError> {
        let into = (&mut self.sources, &mut self.found);
        let Some(file) = load(path, name, &Limits::OURS, Rules::Strict, into)? else {
            return Ok(None);
        };
        let text = self.sources.text(file);
        let before = self.found.error_count();
        let documents = parse_all((file, &text), &Limits::OURS, Rules::Strict, &mut self.found);
        let broken = self.found.error_count() > before && documents.is_empty();
        Ok((!broken).then(|| Parsed { file, path: path.to_owned(), documents }))
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
            let policies = self.chosen_policies(&scenario, &own, asked, &folder);
            let file = parsed.file;
            Some(LoadedScenario { scenario, workloads, nodes, policies, file })
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
        let message = format!("cannot read {}: {}", short(name), error.source);
        let help = "paths are relative to the file that names them";
        let finding = Diagnostic::error(codes::FILE_UNREADABLE, name.span, message);
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
