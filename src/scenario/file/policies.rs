//! Policies by name or path, and the scheduler configurations that they name.

use std::path::Path;

use super::skipped::skip_unknown;
use super::{FileReader, Parsed, canonical, check, read_policy};
use crate::base::diag::{Diagnostic, Diagnostics, FileId, Span, codes, did_you_mean};
use crate::scenario::compile::check_scheduler;
use crate::scenario::node::{Node, short};
use crate::scenario::read::{Located, Read};
use crate::scenario::source::{Limits, LoadError, Rules, load, parse_all};
use crate::scenario::spec::{
    Policy, Scenario, SchedulerConfig, SchedulerSource, is_scheduler_config,
};

/// A policy with the scheduler configuration it names.
#[derive(Clone, Debug)]
pub struct LoadedPolicy {
    /// What was typed.
    pub policy: Policy,
    /// The scheduler's configuration, wherever it stood; `None` means Kubernetes' default.
    pub scheduler: Option<SchedulerConfig>,
    /// The file.
    pub file: FileId,
}

impl LoadedPolicy {
    /// The policy's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.policy.metadata.name
    }
}

impl FileReader<'_> {
    /// Reads a policy by name or path, as the command line gives it.
    ///
    /// # Errors
    /// When a file of that name cannot be opened or read.
    pub fn policy(&mut self, name: &str) -> Result<Vec<LoadedPolicy>, LoadError> {
        if let Some(policy) = self.built_in_policy(name) {
            return Ok(vec![policy]);
        }
        self.policy_file(Path::new(name), name)
    }

    /// The policies among the documents of a file.
    pub(super) fn policies_of(&mut self, parsed: &Parsed) -> Vec<LoadedPolicy> {
        let mut policies: Vec<LoadedPolicy> = Vec::new();
        for document in &parsed.documents {
            let kind = document.root.get("kind").and_then(|kind| kind.scalar_text());
            if kind != Some("Policy") {
                continue;
            }
            // The kind is known; this looks at the apiVersion.
            self.kind_of(&document.root, &["Policy"]);
            let Some(policy) = read_policy(&document.root, &mut self.found) else { continue };
            check::policy(&policy, &document.root, &mut self.found);
            let folder = parsed.path.parent().unwrap_or(Path::new("")).to_owned();
            let scheduler = self.scheduler_of(&policy, &folder);
            let loaded = LoadedPolicy { policy, scheduler, file: parsed.file };
            if let Some(first) = policies.iter().find(|p| p.name() == loaded.name()) {
                let message = format!("two policies are named \"{}\"", short(loaded.name()));
                let span = loaded.policy.metadata.name.span;
                self.found.push(
                    Diagnostic::error(codes::DUPLICATE_NAME, span, message)
                        .related(first.policy.metadata.name.span, "first given here")
                        .help("give each policy a name of its own"),
                );
                continue;
            }
            policies.push(loaded);
        }
        policies
    }

    fn scheduler_of(&mut self, policy: &Policy, folder: &Path) -> Option<SchedulerConfig> {
        let skip = self.skip_unknown_plugins || policy.spec.skip_unknown_plugins;
        match policy.spec.scheduler.as_ref()? {
            SchedulerSource::Inline(config) => {
                Some(accepted((**config).clone(), skip, &mut self.found))
            }
            SchedulerSource::File(name) => self.scheduler_file(name, folder, skip),
        }
    }

    fn scheduler_file(
        &mut self,
        name: &Located<String>,
        folder: &Path,
        skip: bool,
    ) -> Option<SchedulerConfig> {
        let path = folder.join(name.as_str());
        if self.is_open(&path, name.span, name) {
            return None;
        }
        match load(&path, name, &Limits::OURS, (&mut self.sources, &mut self.found)) {
            Ok(file) => self.scheduler_document(file?, Some(name.span), skip),
            Err(error) => {
                self.unreadable(name, &error);
                None
            }
        }
    }

    /// Reads the scheduler configuration that a file holds; `named` is where a policy names it.
    pub(super) fn scheduler_document(
        &mut self,
        file: FileId,
        named: Option<Span>,
        skip: bool,
    ) -> Option<SchedulerConfig> {
        let parsed = self.documents(file, Path::new(""))?;
        let root = &parsed.documents.first()?.root;
        let word = |key: &str| root.get(key).and_then(Node::scalar_text).unwrap_or_default();
        let kind = word("kind").to_owned();
        let problem = if let Some(second) = parsed.documents.get(1) {
            let message = "a file holds one KubeSchedulerConfiguration only";
            let finding = Diagnostic::error(codes::BAD_KIND, second.root.span, message);
            Some(finding.help("move it to a file of its own"))
        } else if !kind.is_empty() && !is_scheduler_config(word("apiVersion"), &kind) {
            let message =
                format!("a {} where a KubeSchedulerConfiguration is expected", short(&kind));
            let help = match kind.as_str() {
                "Policy" | "Scenario" => "name the policy itself under policies:",
                _ => "it starts with kind: KubeSchedulerConfiguration",
            };
            let span = root.get("kind").map_or(root.span, |kind| kind.span);
            Some(Diagnostic::error(codes::BAD_KIND, span, message).help(help))
        } else {
            None
        };
        if let Some(problem) = problem {
            let problem = match named {
                Some(span) => problem.related(span, "named here"),
                None => problem,
            };
            self.found.push(problem);
            return None;
        }
        let config = SchedulerConfig::read(root, "", &mut self.found)?;
        Some(accepted(config, skip, &mut self.found))
    }

    /// A finding when a file is being read already, further out.
    pub(super) fn is_open(&mut self, path: &Path, span: Span, name: &str) -> bool {
        let open = self.open.contains(&canonical(path));
        if open {
            let message = format!("{} names itself, directly or in a circle", short(name));
            self.found
                .push(Diagnostic::error(codes::CYCLE, span, message).help("name another file"));
        }
        open
    }

    fn built_in_policy(&mut self, name: &str) -> Option<LoadedPolicy> {
        let (_, text) = self.built_in.iter().find(|(known, _)| *known == name)?;
        let file = self.sources.add(format!("built-in policy {name}"), *text);
        let documents = parse_all((file, text), &Limits::OURS, Rules::Strict, &mut self.found);
        let path = Path::new("").to_owned();
        self.policies_of(&Parsed { file, path, documents }).into_iter().next()
    }

    fn policy_file(&mut self, path: &Path, name: &str) -> Result<Vec<LoadedPolicy>, LoadError> {
        let Some(parsed) = self.parse(path, name)? else { return Ok(Vec::new()) };
        self.open.push(canonical(path));
        let policies = self.policies_of(&parsed);
        self.open.pop();
        if policies.is_empty() && !self.found.has_errors() {
            let message = "the file holds no Policy";
            let help = "a policy starts with apiVersion: wavetank/v1, kind: Policy";
            let at = Span::of_file(parsed.file);
            self.found.push(Diagnostic::error(codes::BAD_KIND, at, message).help(help));
        }
        Ok(policies)
    }

    /// The policies that a scenario names, or those asked for in their place. With none named,
    /// the policies of the file, else the built-in `default`.
    pub(super) fn chosen_policies(
        &mut self,
        scenario: &Scenario,
        own: &[LoadedPolicy],
        asked: &[String],
        folder: &Path,
    ) -> Vec<LoadedPolicy> {
        let mut chosen = Vec::new();
        if asked.is_empty() && scenario.spec.policies.is_empty() {
            if own.is_empty() {
                chosen.extend(self.built_in_policy("default"));
            }
            chosen.extend(own.iter().cloned());
            return chosen;
        }
        let span = scenario.metadata.name.span;
        let names: Vec<(Located<String>, bool)> = if asked.is_empty() {
            scenario.spec.policies.iter().map(|name| (name.clone(), false)).collect()
        } else {
            asked.iter().map(|name| (Located { value: name.clone(), span }, true)).collect()
        };
        for (name, on_command_line) in &names {
            if names
                .iter()
                .take_while(|(n, _)| !std::ptr::eq(n, name))
                .any(|(n, _)| n.value == name.value)
            {
                let message = format!("the policy \"{}\" is named twice", short(name));
                self.found.push(
                    Diagnostic::error(codes::DUPLICATE_NAME, name.span, message)
                        .help("name each policy once"),
                );
                continue;
            }
            if let Some(policy) = own.iter().find(|policy| policy.name() == name.value) {
                chosen.push(policy.clone());
            } else if let Some(policy) = self.built_in_policy(name) {
                chosen.push(policy);
            } else {
                let base = if *on_command_line { Path::new("") } else { folder };
                chosen.extend(self.named_file(name, own, base));
            }
        }
        chosen
    }

    fn named_file(
        &mut self,
        name: &Located<String>,
        own: &[LoadedPolicy],
        folder: &Path,
    ) -> Vec<LoadedPolicy> {
        let path = folder.join(name.as_str());
        if self.is_open(&path, name.span, name) {
            return Vec::new();
        }
        if path.is_file() {
            return self.policy_file(&path, name).unwrap_or_else(|error| {
                self.unreadable(name, &error);
                Vec::new()
            });
        }
        let message = format!("no policy \"{}\"", short(name));
        let known: Vec<&str> = own
            .iter()
            .map(LoadedPolicy::name)
            .chain(self.built_in.iter().map(|(name, _)| *name))
            .collect();
        let help = did_you_mean(name, known.iter().copied()).map_or_else(
            || format!("known are {}; anything else is a path", known.join(", ")),
            |near| format!("did you mean \"{near}\"?"),
        );
        self.found.push(Diagnostic::error(codes::UNRESOLVED, name.span, message).help(help));
        Vec::new()
    }
}

/// Reads a `KubeSchedulerConfiguration` from a text; `None` means that `found` holds the errors.
pub fn read_scheduler_config(
    source: (FileId, &str),
    found: &mut Diagnostics,
) -> Option<SchedulerConfig> {
    let documents = parse_all(source, &Limits::OURS, Rules::Strict, found);
    let config = SchedulerConfig::read(&documents.first()?.root, "", found)?;
    Some(accepted(config, false, found))
}

/// Checks a configuration, without what is skipped.
fn accepted(mut config: SchedulerConfig, skip: bool, found: &mut Diagnostics) -> SchedulerConfig {
    if skip {
        skip_unknown(&mut config, found);
    }
    config.check(found);
    check_scheduler(&config, found);
    config
}
