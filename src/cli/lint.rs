//! `wavetank lint`: what will hurt, without a run; with `--evidence`, what came of it in one.

mod evidence;

use serde_json::{Value, json};

use super::args::{LintArgs, LintFormat};
use super::{Failure, load, say, say_error};
use crate::base::diag::{Diagnostics, Severity, SourceMap, did_you_mean};
use crate::lint::{self, Evidence, Finding, Rule};
use crate::scenario::built_in;
use crate::scenario::file::{FileReader, LoadedFile};
use crate::scenario::manifest::ManifestSet;
use crate::scenario::source::Rules;

/// Findings printed in full before the rest is only counted.
const PRINTED_MAX: usize = 200;

/// Checks every file; exit 3 if a rule of level error finds something.
pub(super) fn lint(args: &LintArgs) -> Result<(), Failure> {
    let ignored = args.ignore.iter().map(|word| rule(word)).collect::<Result<Vec<_>, _>>()?;
    if args.list {
        say(&lint::listing());
        return Ok(());
    }
    if let Some(word) = &args.rule {
        let rule = rule(word)?;
        say(&lint::page(rule));
        if args.evidence {
            say(&format!("\n{}", evidence::told(&[rule])));
        }
        return Ok(());
    }
    let mut read = read(args)?;
    read.findings.retain(|finding| !ignored.iter().any(|rule| std::ptr::eq(*rule, finding.rule)));
    let shown = if args.evidence { rules_of(&read.findings) } else { Vec::new() };
    match args.format {
        LintFormat::Text => {
            say(&human(&read));
            if args.evidence {
                say(&format!("\n{}", evidence::told(&shown)));
            }
        }
        LintFormat::Json => {
            let findings: Vec<Value> =
                read.findings.iter().map(|finding| of_finding(finding, &read.sources)).collect();
            let mut all = json!({"findings": findings, "counts": counts(&read.findings)});
            if args.evidence {
                all["evidence"] = evidence::json(&shown);
            }
            say(&format!("{all:#}\n"));
        }
    }
    verdict(&read, args.strict)
}

/// The rule of a code or name, or a message that there is none.
fn rule(word: &str) -> Result<&'static Rule, Failure> {
    lint::find(word).ok_or_else(|| {
        let all = lint::RULES.iter().flat_map(|rule| [rule.code, rule.name]);
        let help = did_you_mean(word, all).map_or_else(
            || "`wavetank lint --list` lists them".to_owned(),
            |near| format!("did you mean {near}?"),
        );
        say_error(&format!("error: no rule is called \"{word}\"\nhelp: {help}"));
        Failure::Input
    })
}

/// What was read and found.
struct Linted {
    findings: Vec<Finding>,
    sources: SourceMap,
    /// What could be looked at, for the last line.
    seen: (usize, usize),
    unreadable: bool,
}

/// Reads every file; all manifests are looked at together.
fn read(args: &LintArgs) -> Result<Linted, Failure> {
    let mut reader = FileReader::new(built_in::POLICIES);
    reader.skip_unknown_plugins = true;
    let (mut findings, mut manifests, mut scenarios) = (Vec::new(), ManifestSet::new(), 0);
    for path in &args.files {
        let files = reader.any(path).map_err(|e| Failure::Environment(e.to_string()))?;
        for (_, file) in files {
            match file {
                LoadedFile::Scenario(loaded) => {
                    scenarios += 1;
                    findings.extend(lint::check_scenario(&loaded));
                }
                LoadedFile::Manifests(set) => {
                    for manifest in set.objects {
                        // What is given twice was reported when it was read.
                        manifests.add(manifest, Rules::Lenient, &mut Diagnostics::new());
                    }
                }
                LoadedFile::Policies(_) | LoadedFile::SchedulerConfig(_) => {}
            }
        }
    }
    let objects = manifests.objects.len();
    findings.extend(lint::check_manifests(&manifests));
    findings.sort_by_key(|finding| (finding.diagnostic.span, finding.rule.code));
    let unreadable = reader.found.has_errors();
    if unreadable {
        load::print(&reader.found, &reader.sources);
    }
    Ok(Linted { findings, sources: reader.sources, seen: (scenarios, objects), unreadable })
}

/// The rules of findings, each once, in order of codes.
fn rules_of(findings: &[Finding]) -> Vec<&'static Rule> {
    let has = |rule: &&&'static Rule| findings.iter().any(|f| std::ptr::eq(f.rule, **rule));
    lint::RULES.iter().filter(has).copied().collect()
}

fn count(findings: &[Finding], level: Severity) -> usize {
    findings.iter().filter(|finding| finding.diagnostic.severity == level).count()
}

fn counts(findings: &[Finding]) -> Value {
    let of = |level| count(findings, level);
    json!({
        "error": of(Severity::Error),
        "warning": of(Severity::Warning),
        "note": of(Severity::Note),
    })
}

/// Where the scenario of a rule stands, if there is one.
fn shown_by(rule: &Rule) -> Option<String> {
    match rule.evidence {
        Evidence::Shown { scenario, .. } => Some(lint::scenario_path(scenario)),
        Evidence::Unshown(_) => None,
    }
}

fn human(read: &Linted) -> String {
    let mut text = String::new();
    for finding in read.findings.iter().take(PRINTED_MAX) {
        text.push_str(&finding.diagnostic.render(&read.sources));
        text.push_str(&format!("why: {}\n", finding.rule.why));
        if let Some(path) = shown_by(finding.rule) {
            text.push_str(&format!("shown by: {path}\n"));
        }
        text.push('\n');
    }
    if let Some(more @ 1..) = read.findings.len().checked_sub(PRINTED_MAX) {
        text.push_str(&format!("… and {more} more\n"));
    }
    let (scenarios, objects) = read.seen;
    let counted = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let levels = [Severity::Error, Severity::Warning, Severity::Note]
        .map(|level| counted(count(&read.findings, level), level.word()));
    let seen = [(scenarios, "scenario"), (objects, "object")];
    let seen = seen.iter().filter(|(n, _)| *n > 0).map(|(n, what)| counted(*n, what));
    let seen = seen.collect::<Vec<_>>().join(" and ");
    let seen = if seen.is_empty() { "nothing to look at".to_owned() } else { seen };
    text.push_str(&format!("{seen}: {}\n", levels.join(", ")));
    text
}

fn of_finding(finding: &Finding, sources: &SourceMap) -> Value {
    let (rule, diagnostic) = (finding.rule, &finding.diagnostic);
    let span = diagnostic.span.unwrap_or_default();
    let related = diagnostic.related.iter().map(
        |(span, label)| json!({"file": sources.name(span.file), "line": span.line, "label": label}),
    );
    json!({
        "code": rule.code,
        "name": rule.name,
        "level": diagnostic.severity.word(),
        "object": finding.object,
        "file": sources.name(span.file),
        "line": span.line,
        "column": span.column,
        "path": diagnostic.path,
        "message": diagnostic.message,
        "why": rule.why,
        "right": rule.right,
        "shownBy": shown_by(rule),
        "related": related.collect::<Vec<_>>(),
    })
}

fn verdict(read: &Linted, strict: bool) -> Result<(), Failure> {
    let errors = count(&read.findings, Severity::Error);
    let warnings = count(&read.findings, Severity::Warning);
    if read.unreadable {
        Err(Failure::Input)
    } else if errors > 0 || (strict && warnings > 0) {
        Err(Failure::Expectation(String::new()))
    } else {
        Ok(())
    }
}
