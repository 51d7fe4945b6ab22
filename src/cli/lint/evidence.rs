//! Runs the scenarios that show rules, and tells what came of two workloads in each.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::cli::{load, output};
use crate::lint::{Evidence, Rule, SCENARIOS, scenario_path};
use crate::metrics::{Lookup, RunTables, lookup};
use crate::scenario::built_in;
use crate::scenario::compile::DEFAULT_SEED;
use crate::scenario::file::FileReader;

/// Metrics that are told of a workload, or of the Service of its name, with their headings.
const MEASURES: &[(&str, &str, &str)] = &[
    ("workload", "workload_availability_ratio", "share of replicas ready"),
    ("workload", "workload_serving_ratio", "share of replicas that serve in truth"),
    ("workload", "outage_seconds", "seconds with a replica missing"),
    ("workload", "container_restarts_total", "restarts"),
    ("workload", "unneeded_restarts_total", "restarts that cured nothing"),
    ("service", "service_availability_ratio", "share of time with an endpoint"),
    ("service", "service_endpoints_min", "fewest endpoints"),
    ("service", "service_misrouted_ratio", "share of requests sent to pods that do not serve"),
];
/// Kinds of warnings told of a workload.
const WARNINGS_MAX: usize = 3;
/// Characters of an event's message that are told.
const MESSAGE_MAX: usize = 150;

/// One run of a scenario.
struct Ran {
    description: String,
    tables: RunTables,
}

/// Runs a scenario of [`SCENARIOS`] once.
fn run(name: &str) -> Option<Ran> {
    let (_, text) = SCENARIOS.iter().find(|(known, _)| *known == name)?;
    let mut reader = FileReader::new(built_in::POLICIES);
    let loaded = reader.scenario_text(&scenario_path(name), text)?;
    let model = load::models(&loaded, &mut reader.found)?.into_iter().next()?;
    let seed = loaded.scenario.spec.seed.unwrap_or(DEFAULT_SEED);
    let tables = output::full_run(&model, seed, 0, false).tables;
    Some(Ran { description: model.description, tables })
}

/// What is told of one workload: a value for each heading, then its warnings by reason, with their
/// number and the most frequent message.
struct Told {
    values: Vec<(&'static str, String)>,
    warnings: Vec<(String, usize)>,
}

fn of_workload(tables: &RunTables, name: &str) -> Told {
    let mut values = Vec::new();
    let workload = format!("default/{name}");
    let pods: Vec<_> = tables.pods.iter().filter(|pod| pod.workload == workload).collect();
    let mut number = |heading, number: usize| values.push((heading, number.to_string()));
    number("pods", pods.len());
    number(
        "of these never scheduled",
        pods.iter().filter(|p| p.scheduled_seconds.is_none()).count(),
    );
    number("of these never ready", pods.iter().filter(|p| p.ready_seconds.is_none()).count());
    number("of these stopped or gone", pods.iter().filter(|p| p.deleted_seconds.is_some()).count());
    number("of these evicted by their node", pods.iter().filter(|p| p.reason == "Evicted").count());
    for (label, metric, heading) in MEASURES {
        let labels = [((*label).to_owned(), workload.clone())];
        if let Lookup::One(row) = lookup(&tables.metrics, metric, &labels) {
            // Three decimals tell shares apart; whole numbers have none.
            let rounded = (row.value * 1000.0).round() / 1000.0;
            values.push((heading, rounded.to_string()));
        }
    }
    let mut counted: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    let begin = format!("{name}-");
    for event in tables.events.iter().filter(|e| e.kind == "Warning") {
        let of_pod = pods.iter().any(|pod| pod.name == event.name);
        if of_pod || event.name.starts_with(&begin) || event.name == name {
            let of_reason = counted.entry(&event.reason).or_default();
            *of_reason.entry(&event.message).or_default() += 1;
        }
    }
    let mut warnings: Vec<(String, usize)> = Vec::new();
    for (reason, messages) in counted {
        let times = messages.values().sum();
        let most = messages.iter().max_by_key(|(_, times)| **times).map_or("", |(text, _)| text);
        let cut: String = most.chars().take(MESSAGE_MAX).collect();
        warnings.push((format!("{reason}: {cut}"), times));
    }
    warnings.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Told { values, warnings }
}

/// The scenarios of rules, in order of the rules, each once with the rules that it shows.
fn by_scenario(rules: &[&'static Rule]) -> Vec<(&'static str, Vec<&'static Rule>)> {
    let mut all: Vec<(&str, Vec<&Rule>)> = Vec::new();
    for rule in rules {
        let Evidence::Shown { scenario, .. } = rule.evidence else { continue };
        match all.iter_mut().find(|(name, _)| *name == scenario) {
            Some((_, rules)) => rules.push(rule),
            None => all.push((scenario, vec![rule])),
        }
    }
    all
}

/// What came of the scenarios of rules, for people.
pub(super) fn told(rules: &[&'static Rule]) -> String {
    let mut text = String::new();
    for (scenario, rules) in by_scenario(rules) {
        let Some(ran) = run(scenario) else { continue };
        text.push_str(&format!("{}: {}\n", scenario_path(scenario), ran.description));
        for rule in rules {
            let Evidence::Shown { bad, good, .. } = rule.evidence else { continue };
            text.push_str(&format!("  {} {}\n", rule.code, rule.name));
            text.push_str(&side_by_side(&ran.tables, bad, good));
        }
        text.push('\n');
    }
    for rule in rules {
        if let Evidence::Unshown(reason) = rule.evidence {
            text.push_str(&format!("{} {}: {reason}\n", rule.code, rule.name));
        }
    }
    text
}

/// Two workloads, where they differ.
fn side_by_side(tables: &RunTables, bad: &str, good: &str) -> String {
    let (ours, other) = (of_workload(tables, bad), of_workload(tables, good));
    let width = ours.values.iter().map(|(heading, _)| heading.len()).max().unwrap_or(0);
    let column = bad.len().max(good.len()).max(8);
    let mut text = format!("    {:width$}  {bad:>column$}  {good:>column$}\n", "");
    for (heading, value) in &ours.values {
        let beside = other.values.iter().find(|(h, _)| h == heading).map_or("", |(_, v)| v);
        if value != beside {
            text.push_str(&format!("    {heading:width$}  {value:>column$}  {beside:>column$}\n"));
        }
    }
    for (warning, times) in ours.warnings.iter().take(WARNINGS_MAX) {
        text.push_str(&format!("    {bad}, {times} ×  {warning}\n"));
    }
    text
}

/// What came of the scenarios of rules, for programs.
pub(super) fn json(rules: &[&'static Rule]) -> Value {
    let mut all = Vec::new();
    for (scenario, rules) in by_scenario(rules) {
        let Some(ran) = run(scenario) else { continue };
        for rule in rules {
            let Evidence::Shown { bad, good, .. } = rule.evidence else { continue };
            all.push(json!({
                "code": rule.code,
                "scenario": scenario_path(scenario),
                "description": ran.description,
                "bad": of_one(&ran.tables, bad),
                "good": of_one(&ran.tables, good),
            }));
        }
    }
    Value::Array(all)
}

fn of_one(tables: &RunTables, name: &str) -> Value {
    let told = of_workload(tables, name);
    let values: BTreeMap<_, _> = told.values.into_iter().collect();
    let warnings = told.warnings.into_iter();
    let warnings = warnings.map(|(what, times)| json!({"event": what, "times": times}));
    json!({"workload": name, "values": values, "warnings": warnings.collect::<Vec<_>>()})
}
