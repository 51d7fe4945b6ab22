//! Conformance adapters translate and compare; what is decided is decided by the code that a
//! simulation runs.
//!
//! A decision needs facts of pods and nodes, and it needs to calculate or to match. So adapters
//! must not name such facts, must not calculate, and reach only the modules listed.

use super::source::{Source, line_of};
use super::{Finding, TextFile, layers};

/// Where the adapters are.
const FOLDER: &str = "src/conformance/";

/// Modules whose functions adapters may call.
const MAY_USE: &[&str] = &[
    "apiserver",
    "base",
    "conformance",
    "controllers",
    "kubelet",
    "model",
    "scenario",
    "scheduler",
    "scheduling",
    "state",
];

/// Facts from which decisions are made.
const FACTS: &[&str] = &[
    "allocatable",
    "anti_required",
    "class_total",
    "cpu_milli",
    "ephemeral_bytes",
    "host_ports",
    "images",
    "labels",
    "max_skew",
    "memory_bytes",
    "min_domains",
    "node_affinity",
    "node_selector",
    "on_node",
    "pod_affinity",
    "priority",
    "requests",
    "scalars",
    "selector",
    "spread",
    "taints",
    "tolerations",
    "topology_key",
];

/// Calculating and matching. Binary operators stand between spaces, as rustfmt writes them.
const ACTS: &[&str] = &[
    " - ",
    " * ",
    " / ",
    " % ",
    " << ",
    " >> ",
    " -= ",
    " *= ",
    " /= ",
    "f32",
    "f64",
    ".abs(",
    ".matches(",
    ".max(",
    ".max_by",
    ".min(",
    ".min_by",
    ".pow(",
    ".tolerates(",
    "checked_",
    "saturating_",
    "wrapping_",
];

/// Decision logic among the adapters.
pub(crate) fn deciding_adapters(file: &TextFile) -> Vec<Finding> {
    if !file.path.starts_with(FOLDER) || file.path.ends_with("/tests.rs") {
        return Vec::new();
    }
    let code = Source::of(&file.text).code;
    let mut found = Vec::new();
    let mut note = |at: usize, what: String| found.push(file.finding(line_of(&code, at), what));
    for fact in FACTS {
        for (at, _) in code.match_indices(fact) {
            if is_word(&code, at, fact.len()) {
                note(at, format!("an adapter names `{fact}`: that is the decision's business"));
            }
        }
    }
    for act in ACTS {
        for (at, _) in code.match_indices(act) {
            note(at, format!("an adapter calculates or matches: `{}`", act.trim()));
        }
    }
    for (line, module) in layers::uses(file) {
        if !MAY_USE.contains(&module.as_str()) {
            found.push(file.finding(line, format!("an adapter uses `{module}`")));
        }
    }
    found
}

fn is_word(code: &str, at: usize, len: usize) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let before = code[..at].chars().next_back();
    let after = code[at + len..].chars().next();
    !before.is_some_and(part) && !after.is_some_and(part)
}

#[cfg(test)]
mod tests {
    use super::super::findings;
    use super::*;

    #[test]
    fn an_adapter_that_decides_is_found() {
        let path = "src/conformance/queue.rs";
        for (text, told) in [
            ("fn f() { if node.allocatable.pods == 0 {} }", "names `allocatable`"),
            ("fn f() { let free = all - used; }", "calculates or matches: `-`"),
            ("fn f() { xs.iter().max_by_key(f) }", "calculates or matches: `.max_by`"),
            ("fn f() { selector.matches(l) }", "names `selector`"),
            ("use crate::sim::World;", "uses `sim`"),
            ("use crate::faults::Faults;", "uses `faults`"),
        ] {
            let found = findings(deciding_adapters, path, text);
            assert!(found.iter().any(|f| f.contains(told)), "{text}: {found:?}");
            assert_eq!(findings(deciding_adapters, "src/sim/a.rs", text).len(), 0);
        }
    }

    #[test]
    fn an_adapter_that_translates_is_fine() {
        let text = "use crate::scheduling::Framework;\n// all - used\nfn f() -> u64 { let s = \
            \"labels\"; n += 1; f.decide(&*node, pod_labels, matches!(x, 1)) }";
        assert_eq!(findings(deciding_adapters, "src/conformance/a.rs", text), Vec::<String>::new());
    }
}
