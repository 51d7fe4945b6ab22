//! From a path to models: reading, compiling, and saying what is wrong.

use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::path::Path;

use super::{Failure, say_error, validate};
use crate::base::diag::{Diagnostics, FileId, SourceMap};
use crate::metrics;
use crate::model::Model;
use crate::scenario::built_in;
use crate::scenario::compile::{DEFAULT_SEED, compile};
use crate::scenario::file::{FileReader, LoadedPolicy, LoadedScenario};
use crate::scenario::spec::Expectation;

/// Diagnostics printed at most.
const MOST: usize = 50;
/// Replications of a scenario that names no number.
const DEFAULT_REPLICATIONS: u32 = 30;

/// A scenario ready to run.
#[derive(Debug)]
pub(super) struct Ready {
    /// One model per policy.
    pub(super) models: Vec<Model>,
    /// Master seed.
    pub(super) seed: u64,
    /// Replications the scenario asks for.
    pub(super) replications: u32,
    /// Expectations.
    pub(super) expect: Vec<Expectation>,
    /// The metric that the scenario declares primary.
    pub(super) primary: Option<String>,
    /// File name of the scenario, without folders.
    pub(super) file_name: String,
    /// Digest of everything that was read.
    pub(super) digest: String,
    /// What of the objects has no effect, a line for each kind.
    pub(super) ignored: Vec<String>,
}

/// Reads a scenario and compiles it under the policies asked for, or its own.
pub(super) fn scenario(
    path: &Path,
    asked: &[String],
    seed: Option<u64>,
    skip_unknown_plugins: bool,
) -> Result<Ready, Failure> {
    let mut reader = FileReader::new(built_in::POLICIES);
    reader.skip_unknown_plugins = skip_unknown_plugins;
    let loaded = reader.scenario(path, asked).map_err(|e| Failure::Environment(e.to_string()))?;
    let models = loaded.as_ref().map(|loaded| models(loaded, &mut reader.found));
    print(&reader.found, &reader.sources);
    let (Some(loaded), Some(Some(models)), false) = (loaded, models, reader.found.has_errors())
    else {
        return Err(Failure::Input);
    };
    let spec = &loaded.scenario.spec;
    let file_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Ready {
        models,
        seed: seed.or(spec.seed).unwrap_or(DEFAULT_SEED),
        replications: spec.replications.as_ref().map_or(DEFAULT_REPLICATIONS, |n| n.value),
        expect: spec.expect.clone(),
        primary: spec
            .metrics
            .as_ref()
            .and_then(|metrics| metrics.primary.as_ref())
            .map(|name| name.value.clone()),
        file_name,
        digest: digest(&loaded, &reader.sources),
        ignored: validate::effects(&loaded.workloads, &reader.sources)
            .iter()
            .filter(|(title, _)| *title != validate::SIMULATED)
            .flat_map(|(title, lines)| lines.iter().map(move |line| format!("{title}: {line}")))
            .collect(),
    })
}

/// Compiles every policy; `None` if one has errors.
pub(super) fn models(loaded: &LoadedScenario, found: &mut Diagnostics) -> Option<Vec<Model>> {
    check_metrics(loaded, found);
    let mut models = Vec::new();
    for policy in &loaded.policies {
        // What does not depend on the policy is reported once.
        let mut of_policy = Diagnostics::new();
        if let Some(model) = compile(loaded, policy, &mut of_policy) {
            models.push(model);
        }
        for diagnostic in of_policy.items() {
            if !found.items().contains(diagnostic) {
                found.push(diagnostic.clone());
            }
        }
    }
    (models.len() == loaded.policies.len()).then_some(models)
}

/// Metrics that a scenario names must exist, and so must policies that expectations name.
fn check_metrics(loaded: &LoadedScenario, found: &mut Diagnostics) {
    use crate::base::diag::{Diagnostic, codes, suggest};
    let names: Vec<&str> = metrics::METRICS.iter().map(|def| def.name).collect();
    let spec = &loaded.scenario.spec;
    let primary = spec.metrics.as_ref().and_then(|m| m.primary.as_ref());
    let primary = primary.map(|name| (name.value.as_str(), name.span));
    let named = spec.expect.iter().map(|e| (e.metric.as_str(), e.span)).chain(primary);
    for (name, span) in named {
        if !names.contains(&name) {
            let message = format!("there is no metric \"{name}\"");
            let help = suggest(name, &names)
                .unwrap_or_else(|| "`wavetank policies metrics` lists them".to_owned());
            found.push(Diagnostic::error(codes::UNRESOLVED, span, message).help(help));
        }
    }
    let policies: Vec<&str> = loaded.policies.iter().map(LoadedPolicy::name).collect();
    let of_scenario: Vec<&str> = spec.policies.iter().map(|policy| policy.value.as_str()).collect();
    for expectation in &spec.expect {
        for (label, value) in &expectation.labels {
            let known = policies.contains(&value.as_str()) || of_scenario.contains(&value.as_str());
            if label == "policy" && !known {
                let message = format!("the scenario compares no policy \"{value}\"");
                let help = suggest(value, &policies)
                    .unwrap_or_else(|| format!("write one of {}", policies.join(", ")));
                let finding = Diagnostic::error(codes::UNRESOLVED, expectation.span, message);
                found.push(finding.help(help));
            }
        }
    }
}

/// Prints diagnostics, if there are any, to standard error.
pub(super) fn print(found: &Diagnostics, sources: &SourceMap) {
    if !found.items().is_empty() {
        say_error(found.render(sources, MOST).trim_end());
    }
}

/// Whether standard error is a place for progress bars.
pub(super) fn shows_progress() -> bool {
    std::io::stderr().is_terminal()
}

/// Hash of the scenario's file, of every manifest and every failure trace, in order of reading: the
/// identity of the input, whichever policies were asked for.
fn digest(loaded: &LoadedScenario, sources: &SourceMap) -> String {
    let objects = loaded.workloads.objects.iter().chain(&loaded.nodes.objects);
    let mut files: BTreeSet<FileId> = objects.map(|object| object.origin.file).collect();
    files.insert(loaded.file);
    files.extend(loaded.traces.values().map(|trace| trace.file));
    let mut hasher = blake3::Hasher::new();
    for file in files {
        let text = sources.text(file);
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.finalize().to_hex()[..32].to_owned()
}
