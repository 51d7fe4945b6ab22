//! The reference of the rules, written from their table: what `wavetank lint --list` and
//! `--rule` print and `docs/lint.md` holds.

use std::fmt::Write as _;

use super::evidence::{Evidence, scenario_path};
use super::findings::IGNORE_ANNOTATION;
use super::rules::{GROUPS, Needs, RULES, Rule};

const INFALLIBLE: &str = "writing to a string cannot fail";

/// How the reference begins.
const OPENING: &str = "\
# Lint

`wavetank lint FILE…` finds, without running anything, what of a scenario or of manifests will hurt.
Written from the table in `src/lint/rules.rs` by `WAVETANK_UPDATE=1 cargo test cli::lint`;
`wavetank lint --rule CODE` prints a rule, `--list` all of them.

Every finding has a stable code, a place, the reason and what would be right. An *error* cannot work,
a *warning* will hurt, a *note* is worth knowing; beside a rule stands its gravest level. Exit code 0
without errors, 3 with one (with `--strict`: or a warning), 2 if an input cannot be read.
`--format json` is for programs. `--evidence` runs the scenarios that show the findings' rules and
prints what came of them.

All manifests of one call are looked at together; each scenario is for itself, with its nodes and
behaviours. What a policy lays over the objects is not looked at. What a Service, budget or autoscaler
refers to is missed only where its namespace has pods at all; among plain manifests, which need not be
all there is, that is a note.

An object says with an annotation which rules are not for it, the command line with
`--ignore CODE,CODE`:

```text
metadata:
  annotations:
    ANNOTATION: L501,no-memory-limit
```
";

/// Every rule, a line each.
#[must_use]
pub fn listing() -> String {
    let width = RULES.iter().map(|rule| rule.name.len()).max().unwrap_or(0);
    let line = |rule: &&Rule| {
        let (code, level, name) = (rule.code, rule.level.word(), rule.name);
        format!("{code}  {level:<7}  {name:<width$}  {}\n", rule.finds)
    };
    RULES.iter().map(line).collect()
}

/// One rule in full.
#[must_use]
pub fn page(rule: &Rule) -> String {
    let mut text = format!("### {} {} ({})\n\n", rule.code, rule.name, rule.level.word());
    let mut line = |what: &str| writeln!(text, "{what}").expect(INFALLIBLE);
    line(rule.finds);
    line(rule.why);
    line("");
    line(&format!("* Right: {}.", rule.right));
    match rule.needs {
        Needs::Objects => {}
        Needs::Nodes => line("* Looks at the nodes of a scenario; plain manifests have none."),
        Needs::Behaviour => line("* Looks at what a scenario says under `behaviour:`."),
    }
    let shown = match rule.evidence {
        Evidence::Shown { scenario, bad, good } => {
            let path = scenario_path(scenario);
            format!("* Shown by `{path}`: `{bad}` beside `{good}`.")
        }
        Evidence::Unshown(reason) => format!("* Shown by no scenario: {reason}."),
    };
    line(&shown);
    text
}

/// The whole reference, as `docs/lint.md` holds it.
#[must_use]
pub fn document() -> String {
    let mut text = OPENING.replace("ANNOTATION", IGNORE_ANNOTATION);
    for (group, title) in GROUPS {
        writeln!(text, "\n## {title}").expect(INFALLIBLE);
        for rule in RULES.iter().filter(|rule| rule.code.starts_with(group)) {
            text.push('\n');
            text.push_str(&page(rule));
        }
    }
    text
}
