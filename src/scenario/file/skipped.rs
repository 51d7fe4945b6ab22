//! Plugins and extenders that the simulation does not have, passed over because it was asked for.
//!
//! Nothing is passed over in silence: each is named by a warning once, where it stands first.

use crate::base::diag::{Diagnostic, Diagnostics, Severity, Span, codes};
use crate::scenario::node::{Node, short};
use crate::scenario::spec::{PluginRef, SchedulerConfig};
use crate::scheduling::plugins;

/// Points that cannot do without a plugin, and the one that Kubernetes has there.
const NEEDED: &[(&str, &str)] = &[("queueSort", "PrioritySort"), ("bind", "DefaultBinder")];

/// Takes everything that cannot be simulated out of a configuration, with a warning for each.
pub(super) fn skip_unknown(config: &mut SchedulerConfig, found: &mut Diagnostics) {
    for extender in config.extenders.drain(..) {
        let url = extender.value.get("urlPrefix").and_then(Node::scalar_text).unwrap_or("an URL");
        warn(found, extender.span, format!("the extender at {} is skipped", short(url)), None);
    }
    let mut named: Vec<String> = Vec::new();
    for profile in &mut config.profiles {
        for (point, set) in &mut profile.plugins.points {
            let before = set.enabled.len();
            set.enabled.retain(|plugin| known(plugin, &mut named, found));
            let removed = before > set.enabled.len();
            set.disabled
                .retain(|plugin| plugin.name.value == "*" || known(plugin, &mut named, found));
            let default = NEEDED.iter().find(|(needed, _)| needed == point);
            if let Some((_, default)) = default.filter(|_| removed && set.enabled.is_empty()) {
                set.disabled.clear();
                warn(
                    found,
                    set.span,
                    format!("{default} takes the place of what is skipped"),
                    None,
                );
            }
        }
        profile.plugin_config.retain(|plugin| {
            let name = &plugin.name;
            keep(name, name.span, &mut named, found)
        });
    }
}

fn known(plugin: &PluginRef, named: &mut Vec<String>, found: &mut Diagnostics) -> bool {
    keep(&plugin.name, plugin.name.span, named, found)
}

fn keep(name: &str, span: Span, named: &mut Vec<String>, found: &mut Diagnostics) -> bool {
    let Err(unknown) = plugins::find(name) else { return true };
    if !named.iter().any(|known| known == name) {
        named.push(name.to_owned());
        let near = unknown.suggestion.map(|near| format!("did you mean `{near}`?"));
        warn(found, span, format!("the plugin `{}` is skipped", short(name)), near);
    }
    false
}

fn warn(found: &mut Diagnostics, span: Span, message: String, help: Option<String>) {
    let finding = Diagnostic::new(Severity::Warning, codes::SKIPPED_PLUGIN, Some(span), message);
    found.push(finding.maybe_help(help));
}
