//! `wavetank validate`: what is wrong, where, and what has no effect.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::args::ValidateArgs;
use super::{Failure, load, say, say_error};
use crate::base::diag::{SourceMap, Span, codes};
use crate::scenario::built_in;
use crate::scenario::file::{FileReader, LoadedFile};
use crate::scenario::manifest::ManifestSet;

/// The heading of what takes part in a run.
pub(super) const SIMULATED: &str = "simulated";
/// Names listed of one kind before "and N more".
const NAMES_MAX: usize = 5;

/// Checks every file; exit 2 if one has errors, 1 if one cannot be read.
pub(super) fn validate(args: &ValidateArgs) -> Result<(), Failure> {
    let (mut wrong, mut unreadable) = (false, None);
    for path in &args.files {
        let mut reader = FileReader::new(built_in::POLICIES);
        reader.skip_unknown_plugins = args.skip_unknown_plugins;
        let files = match reader.any(path) {
            Ok(files) => files,
            Err(error) => {
                say_error(&error.to_string());
                unreadable = Some(Failure::Environment(String::new()));
                continue;
            }
        };
        for (_, file) in &files {
            if let LoadedFile::Scenario(loaded) = file {
                // Compiling finds what shows only when everything is together.
                load::models(loaded, &mut reader.found);
            }
        }
        if args.strict {
            reader.found.deny_warnings();
        }
        // What is passed over is listed below, a kind a line.
        load::print(&reader.found.without(codes::SKIPPED_KIND), &reader.sources);
        let errors = reader.found.error_count();
        let warnings = reader.found.warning_count();
        wrong |= errors > 0;
        say(&verdict(path, &files, (errors, warnings), &reader.sources));
    }
    match unreadable {
        Some(failure) => Err(failure),
        None if wrong => Err(Failure::Input),
        None => Ok(()),
    }
}

fn verdict(
    path: &Path,
    files: &[(String, LoadedFile)],
    (errors, warnings): (usize, usize),
    sources: &SourceMap,
) -> String {
    let counted = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let mut text = format!("{}: ", path.display());
    text.push_str(&if errors > 0 { counted(errors, "error") } else { "ok".to_owned() });
    if warnings > 0 {
        text.push_str(&format!(", {}", counted(warnings, "warning")));
    }
    text.push('\n');
    for (name, file) in files {
        let (title, set) = match file {
            LoadedFile::Scenario(loaded) => {
                let policies: Vec<&str> = loaded.policies.iter().map(|p| p.name()).collect();
                let scenario = &loaded.scenario.metadata.name.value;
                let title = format!("scenario {scenario}, policies {}", policies.join(", "));
                (title, Some(&loaded.workloads))
            }
            LoadedFile::Policies(policies) => {
                let names: Vec<&str> = policies.iter().map(|p| p.name()).collect();
                (format!("policies {}", names.join(", ")), None)
            }
            LoadedFile::SchedulerConfig(config) => {
                let profiles = counted(config.profiles.len().max(1), "profile");
                (format!("scheduler configuration, {profiles}"), None)
            }
            LoadedFile::Manifests(set) => ("manifests".to_owned(), Some(set)),
        };
        // A file that was named itself need not be named again.
        let file = if Path::new(name) == path { String::new() } else { format!("{name}: ") };
        text.push_str(&format!("  {file}{title}\n"));
        for (title, lines) in set.map(|set| effects(set, sources)).unwrap_or_default() {
            if title == SIMULATED {
                text.push_str(&format!("    {title}: {}\n", lines.join(", ")));
                continue;
            }
            text.push_str(&format!("    {title}:\n"));
            for line in lines {
                text.push_str(&format!("      {line}\n"));
            }
        }
    }
    text
}

/// What of the objects has an effect in a simulation and what has none: headings, with a line for
/// each kind.
pub(super) fn effects(set: &ManifestSet, sources: &SourceMap) -> Vec<(&'static str, Vec<String>)> {
    let mut simulated: BTreeMap<&str, usize> = BTreeMap::new();
    let mut fields: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut idle: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut unknown: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let place = |span: Span| format!("{}:{}", sources.name(span.file), span.line);
    let named = |name: &str, span| if name.is_empty() { place(span) } else { name.to_owned() };
    for manifest in &set.objects {
        let kind = manifest.object.info().kind;
        if !manifest.effect.simulated {
            idle.entry(kind).or_default().push(named(manifest.object.name(), manifest.span));
            continue;
        }
        *simulated.entry(kind).or_default() += 1;
        // Most fields are those of pods, whose place in their workload everybody knows.
        fields.entry(kind).or_default().extend(manifest.effect.ignored.iter().map(|field| {
            let of_pod = field.strip_prefix("spec.template.spec.");
            of_pod.or_else(|| field.strip_prefix("spec.")).unwrap_or(field)
        }));
    }
    for skipped in &set.skipped {
        unknown.entry(&skipped.kind).or_default().push(named(&skipped.name, skipped.span));
    }
    fields.retain(|_, fields| !fields.is_empty());
    let fields = fields.iter().map(|(kind, fields)| {
        let fields: Vec<&str> = fields.iter().copied().collect();
        format!("{kind}: {}", fields.join(", "))
    });
    let by_kind = |kinds: &BTreeMap<&str, Vec<String>>| {
        kinds.iter().map(|(kind, names)| format!("{kind} {}", listed(names))).collect()
    };
    let mut out = vec![
        (SIMULATED, simulated.iter().map(|(kind, n)| format!("{kind} ({n})")).collect()),
        ("fields without effect", fields.collect()),
        ("objects without effect", by_kind(&idle)),
        ("kinds not known here", by_kind(&unknown)),
    ];
    out.retain(|(_, lines): &(_, Vec<String>)| !lines.is_empty());
    out
}

/// How many there are, and the first of them by name.
fn listed(names: &[String]) -> String {
    let shown = names.iter().take(NAMES_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMES_MAX) {
        0 => format!("({}): {shown}", names.len()),
        more => format!("({}): {shown} and {more} more", names.len()),
    }
}
