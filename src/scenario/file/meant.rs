//! What a file is meant to be, from its documents' `apiVersion` and `kind`.

use crate::base::diag::{Diagnostics, FileId};
use crate::scenario::node::Node;
use crate::scenario::source::{Limits, Rules, parse};
use crate::scenario::spec::is_scheduler_config;

/// What a file is meant to be.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Meant {
    /// A scenario, policies, or both.
    Ours,
    /// A `KubeSchedulerConfiguration`.
    SchedulerConfig,
    /// Kubernetes manifests, or nothing that is known.
    Manifests,
}

/// Looks into a file's text. What is too large for one of ours is judged by its beginning.
pub(super) fn meant(text: &str) -> Meant {
    let bytes_max = usize::try_from(Limits::OURS.bytes_max).unwrap_or(usize::MAX);
    let text = text.get(..text.floor_char_boundary(bytes_max)).unwrap_or(text);
    // Most manifests say none of these words: they need not be read twice.
    let words = ["wavetank", "Scenario", "Policy", "kubescheduler.config.k8s.io"];
    if !words.iter().any(|word| text.contains(word)) {
        return Meant::Manifests;
    }
    let (mut first, mut ours) = (None, false);
    let source = (FileId::default(), text);
    parse(source, &Limits::OURS, Rules::Lenient, &mut Diagnostics::new(), &mut |document, _| {
        let word = |key: &str| document.root.get(key).and_then(Node::scalar_text);
        let kind = meant_type(word("apiVersion"), word("kind").unwrap_or_default());
        ours |= kind == Meant::Ours;
        first = first.or(Some(kind));
    });
    match first {
        _ if ours => Meant::Ours,
        Some(meant) => meant,
        // Nothing can be read of it: the lines may still tell whose mistakes they are.
        None => {
            let word = |key: &str| {
                let mut lines = text.trim_start_matches('\u{feff}').lines();
                let value = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
                value.map(|value| value.trim().trim_matches(['"', '\'']))
            };
            meant_type(word("apiVersion"), word("kind").unwrap_or_default())
        }
    }
}

fn meant_type(api_version: Option<&str>, kind: &str) -> Meant {
    let version = api_version.unwrap_or_default();
    // Groups of other projects are host names, and some have kinds of these names, too.
    let other_group = version.split_once('/').is_some_and(|(group, _)| group.contains('.'));
    if version.starts_with("wavetank") || matches!(kind, "Scenario" | "Policy") && !other_group {
        Meant::Ours
    } else if is_scheduler_config(version, kind) {
        Meant::SchedulerConfig
    } else {
        Meant::Manifests
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_apart_by_their_documents() {
        for (text, expected) in [
            ("apiVersion: wavetank/v1\nkind: Scenario\n", Meant::Ours),
            ("{\"apiVersion\": \"wavetank/v1\", \"kind\": \"Policy\"}", Meant::Ours),
            ("kind: Scenario # what if\n", Meant::Ours),
            ("apiVersion: wavetnk/v1\nkind: Scenario\n", Meant::Ours),
            (
                "apiVersion: v1\nkind: Pod\n---\napiVersion: wavetank/v1\nkind: Policy\n",
                Meant::Ours,
            ),
            ("apiVersion: wavetank/v1\nkind: Scenario\nspec:\n\tx: [\n", Meant::Ours),
            ("\u{feff}kind: \"Scenario\"\nspec: {\n", Meant::Ours),
            ("apiVersion: kyverno.io/v1\nkind: Policy\n", Meant::Manifests),
            ("apiVersion: v1\nkind: ConfigMap\ndata: {a: 'kind: Scenario'}\n", Meant::Manifests),
            (
                "apiVersion: kubescheduler.config.k8s.io/v1beta3\nkind: KubeSchedulerConfiguration\n",
                Meant::SchedulerConfig,
            ),
            ("", Meant::Manifests),
        ] {
            assert_eq!(meant(text), expected, "{text}");
        }
    }
}
