//! `wavetank policies`: what is built in.

use super::args::PoliciesArgs;
use super::{Failure, say, say_error};
use crate::metrics::METRICS;
use crate::registry;
use crate::scenario::built_in::POLICIES;
use crate::scheduling::{plugins, reference};

/// Lists policies, scheduler plugins and metrics, or shows one of them.
pub(super) fn policies(args: &PoliciesArgs) -> Result<(), Failure> {
    let Some(name) = args.name.as_deref() else {
        say(&listing());
        return Ok(());
    };
    if name == "metrics" {
        say(&metrics_listing());
        return Ok(());
    }
    if let Some((_, text)) = POLICIES.iter().find(|(known, _)| *known == name) {
        say(text);
        return Ok(());
    }
    if let Some(def) = METRICS.iter().find(|def| def.name == name) {
        say(&format!("{} ({})\n  {}\n", def.name, def.unit, def.help));
        return Ok(());
    }
    if name == reference::expression().descriptor.name {
        say(&reference::page(reference::expression()));
        say(&format!("\nFields that an expression can read:\n\n{}", reference::fields()));
        return Ok(());
    }
    match registry::find_by_name(plugins::ALL, name) {
        Ok(def) => {
            say(&reference::page(def));
            Ok(())
        }
        Err(unknown) => {
            let known = plugins::ALL.iter().map(|def| def.descriptor.name);
            let all = known.chain(POLICIES.iter().map(|(name, _)| *name));
            let all = all.chain(METRICS.iter().map(|def| def.name));
            let help = registry::suggest(name, all)
                .map_or_else(|| unknown.help(), |near| format!("did you mean \"{near}\"?"));
            say_error(&format!("error: nothing is called \"{name}\": {help}"));
            Err(Failure::Input)
        }
    }
}

fn listing() -> String {
    let mut text =
        "Policies (`wavetank policies NAME` prints one as a file to start from)\n".to_owned();
    for (name, yaml) in POLICIES {
        let about = yaml
            .lines()
            .find_map(|line| line.trim().strip_prefix("description: "))
            .unwrap_or_default();
        text.push_str(&format!("  {name:<17} {about}\n"));
    }
    text.push('\n');
    text.push_str(&registry::render_listing("Scheduler plugins", plugins::ALL));
    text.push('\n');
    text.push_str(&registry::render_listing("In the policy file", &[reference::expression()]));
    text.push_str(&format!(
        "\nMetrics: {} (`wavetank policies metrics` lists them)\n",
        METRICS.len()
    ));
    text
}

fn metrics_listing() -> String {
    let mut text = String::new();
    for def in METRICS {
        text.push_str(&format!("{} ({})\n    {}\n", def.name, def.unit, def.help));
    }
    text
}
