//! `wavetank validate`: what is wrong, where, and what has no effect.

use std::path::Path;

use super::args::ValidateArgs;
use super::{Failure, load, say};
use crate::scenario::built_in;
use crate::scenario::file::{BuiltIn, FileReader, LoadedFile};
use crate::scenario::manifest::ManifestSet;

/// Checks every file; exit 2 if one has errors.
pub(super) fn validate(args: &ValidateArgs) -> Result<(), Failure> {
    let plugins = load::plugin_names();
    let mut failed = false;
    for path in &args.files {
        let mut reader =
            FileReader::new(BuiltIn { policies: built_in::POLICIES, plugins: &plugins });
        let file = reader.any(path).map_err(|e| Failure::Environment(e.to_string()))?;
        if let Some(LoadedFile::Scenario(loaded)) = &file {
            // Compiling finds what shows only when everything is together.
            load::models(loaded, &mut reader.found);
        }
        if args.strict {
            reader.found.deny_warnings();
        }
        load::print(&reader.found, &reader.sources);
        let errors = reader.found.error_count();
        let warnings = reader.found.warning_count();
        failed |= errors > 0;
        say(&verdict(path, file.as_ref(), (errors, warnings)));
    }
    if failed { Err(Failure::Input) } else { Ok(()) }
}

fn verdict(path: &Path, file: Option<&LoadedFile>, (errors, warnings): (usize, usize)) -> String {
    let mut text = format!("{}: ", path.display());
    if errors > 0 {
        text.push_str(&format!("{errors} error{}", if errors == 1 { "" } else { "s" }));
    } else {
        text.push_str("ok");
    }
    if warnings > 0 {
        text.push_str(&format!(", {warnings} warning{}", if warnings == 1 { "" } else { "s" }));
    }
    match file {
        Some(LoadedFile::Scenario(loaded)) => {
            let policies: Vec<&str> = loaded.policies.iter().map(|p| p.name()).collect();
            text.push_str(&format!(
                " · scenario {}: {} objects, policies {}\n",
                loaded.scenario.metadata.name.value,
                loaded.workloads.objects.len(),
                policies.join(", ")
            ));
            text.push_str(&effects(&loaded.workloads));
        }
        Some(LoadedFile::Policies(policies)) => {
            let names: Vec<&str> = policies.iter().map(|p| p.name()).collect();
            text.push_str(&format!(" · policies {}\n", names.join(", ")));
        }
        Some(LoadedFile::Manifests(set)) => {
            text.push_str(&format!(
                " · {} objects, {} skipped\n",
                set.objects.len(),
                set.skipped.len()
            ));
            text.push_str(&effects(set));
        }
        None => text.push('\n'),
    }
    text
}

/// What has an effect in a simulation and what has none, an object a line.
fn effects(set: &ManifestSet) -> String {
    let mut text = String::new();
    for manifest in &set.objects {
        let title = manifest.object.title();
        let effect = &manifest.effect;
        if !effect.simulated {
            text.push_str(&format!("  {title}: no effect\n"));
        } else if effect.ignored.is_empty() {
            text.push_str(&format!("  {title}: simulated\n"));
        } else {
            let ignored = effect.ignored.join(", ");
            text.push_str(&format!("  {title}: simulated; no effect: {ignored}\n"));
        }
    }
    text
}
