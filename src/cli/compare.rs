//! `wavetank compare`: every policy, many paired replications, one answer.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use serde_json::json;

use super::args::{CompareArgs, DetailLevel};
use super::load::Ready;
use super::{Failure, expect, load, output, say, say_error};
use crate::experiment::{self, Better, MetricSpec, Replications};
use crate::metrics::{self, METRICS};
use crate::report::charts::{Caption, CompareTables, compare_charts};
use crate::report::format;
use crate::report::html::{CompareReport, compare_page};
use crate::report::io::OutputDir;
use crate::report::terminal::{TableStyle, at_a_glance};
use crate::tables::{ComparisonRow, ReplicationRow};

/// Secondary metrics worth a line in the terminal, by name and labels.
const BESIDE: &[(&str, &str)] = &[
    ("recovery_detect_seconds", ""),
    ("recovery_reschedule_seconds", ""),
    ("recovery_start_seconds", ""),
    ("recovery_ready_seconds", ""),
    ("unneeded_restarts_total", ""),
    ("nodes_used", ""),
    ("stranded_cpu_ratio", ""),
    ("cost_total", ""),
];

/// Characters per line of what the terminal shows.
const WIDTH: usize = 80;

/// Compares the policies of a scenario.
pub(super) fn compare(args: &CompareArgs) -> Result<(), Failure> {
    let chosen = &args.chosen;
    let ready =
        load::scenario(&chosen.scenario, &args.policies, chosen.seed, chosen.skip_unknown_plugins)?;
    let replications = args.replications.unwrap_or(ready.replications);
    let scenario = ready.models.first().map(|model| model.scenario.clone()).unwrap_or_default();
    let dir = args.chosen.out.join(&scenario);
    let out = OutputDir::create(&dir, &["comparison.json", "report.html"])?;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(args.jobs.unwrap_or(0))
        .build()
        .map_err(|error| Failure::Environment(format!("cannot start threads: {error}")))?;
    let bar = progress(ready.models.len() as u64 * u64::from(replications));
    let results = pool
        .install(|| experiment::replicate(&ready.models, ready.seed, replications, &|| bar.inc(1)));
    bar.finish_and_clear();
    results.check_pairing().map_err(|error| Failure::Environment(error.to_string()))?;
    let rows = results.rows();
    let specs = metric_specs(&ready, &rows);
    let policies = results.policies.clone();
    let baseline = policies.first().cloned().unwrap_or_default();
    let comparison = experiment::compare(&rows, &policies, &baseline, &specs)
        .map_err(|error| Failure::Environment(error.to_string()))?;
    warn_unpaired(&rows, &policies, &baseline, &specs);
    let notes = write(&out, (&ready, replications), &results, (&rows, &comparison))?;
    let details = detail(args, &ready, &results, &specs);
    pool.install(|| write_details(&details, args, &ready))?;
    say(&terminal(&ready, replications, &comparison, &dir));
    let mut broken = expect::broken(&ready.expect, &results);
    broken.extend(notes);
    if broken.is_empty() { Ok(()) } else { Err(Failure::Expectation(broken.join("\n"))) }
}

/// A progress bar on standard error, invisible where that is no terminal.
fn progress(length: u64) -> ProgressBar {
    if !load::shows_progress() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(length);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} runs, {eta} left") {
        bar.set_style(style);
    }
    bar
}

/// Every metric that has a value somewhere: the primary ones first, then by name and labels.
fn metric_specs(ready: &Ready, rows: &[ReplicationRow]) -> Vec<MetricSpec> {
    let Some(model) = ready.models.first() else { return Vec::new() };
    let mut primary: Vec<(String, String)> = metrics::default_primary(model)
        .into_iter()
        .map(|metric| (metric.name.to_owned(), metric.labels))
        .collect();
    let mut all: Vec<(String, String)> =
        rows.iter().map(|row| (row.metric.clone(), row.labels.clone())).collect();
    all.sort();
    all.dedup();
    if let Some(name) = &ready.primary {
        let of_name = all.iter().find(|(metric, _)| metric == name);
        if let Some(chosen) = of_name.filter(|chosen| !primary.contains(chosen)) {
            primary.insert(0, chosen.clone());
        }
    }
    primary.retain(|metric| all.contains(metric));
    let rest: Vec<(String, String)> =
        all.into_iter().filter(|metric| !primary.contains(metric)).collect();
    let of = |(name, labels): (String, String), primary: bool| {
        let def = METRICS.iter().find(|def| def.name == name)?;
        let better = match def.better {
            metrics::Better::Lower => Better::Lower,
            metrics::Better::Higher => Better::Higher,
            metrics::Better::Neither => Better::Neither,
        };
        Some(MetricSpec { name, labels, unit: def.unit, better, primary })
    };
    let primary = primary.into_iter().filter_map(|metric| of(metric, true));
    primary.chain(rest.into_iter().filter_map(|metric| of(metric, false))).collect()
}

/// Says where a policy has values in fewer replications than the baseline.
fn warn_unpaired(
    rows: &[ReplicationRow],
    policies: &[String],
    baseline: &str,
    specs: &[MetricSpec],
) {
    let primary: Vec<MetricSpec> = specs.iter().filter(|spec| spec.primary).cloned().collect();
    let Ok(missing) = experiment::unpaired(rows, policies, baseline, &primary) else { return };
    for case in missing {
        say_error(&format!(
            "warning: {}: {} of {} replications under policy {} pair with the baseline's {}",
            format::metric_title(&case.metric, &case.labels),
            case.pairs,
            case.policy_n,
            case.policy,
            case.baseline_n
        ));
    }
}

/// Writes tables, charts and the page; returns what must be said about runs that ended early.
fn write(
    out: &OutputDir,
    (ready, replications): (&Ready, u32),
    results: &Replications,
    (rows, comparison): (&[ReplicationRow], &[ComparisonRow]),
) -> Result<Vec<String>, Failure> {
    let Some(model) = ready.models.first() else { return Ok(Vec::new()) };
    out.write_table(rows)?;
    out.write_table(comparison)?;
    let reproduce = format!(
        "wavetank compare {} --seed {} --replications {replications}",
        ready.file_name, ready.seed
    );
    out.write_file(
        "comparison.json",
        output::pretty(&json!({
            "wavetank": env!("CARGO_PKG_VERSION"),
            "scenario": model.scenario,
            "policies": results.policies,
            "baseline": results.policies.first(),
            "seed": ready.seed,
            "replications": replications,
            "duration_seconds": model.duration.as_secs_f64(),
            "scenario_file": ready.file_name,
            "input_digest": ready.digest,
            "reproduce": reproduce,
        })),
    )?;
    let caption =
        Caption::comparison(&model.scenario, results.policies.len(), u64::from(replications));
    let tables = CompareTables { comparison, replications: rows };
    let charts = compare_charts(&tables, &caption)?;
    for chart in &charts {
        chart.write(&out.path().join("charts"))?;
    }
    let notes = ended_early(results);
    let mut remarks = notes.clone();
    remarks.extend(ready.ignored.iter().cloned());
    let page = compare_page(&CompareReport {
        title: model.scenario.clone(),
        subtitle: format!(
            "{} · {} simulated each",
            caption.subtitle,
            format::span(model.duration.as_secs_f64())
        ),
        description: model.description.clone(),
        key_numbers: Vec::new(),
        comparison,
        charts: &charts,
        method: method(replications),
        notes: remarks,
        reproduce: vec![reproduce],
    })?;
    out.write_file("report.html", page)?;
    Ok(notes)
}

/// How the numbers were made.
fn method(replications: u32) -> Vec<String> {
    vec![
        format!(
            "Each policy ran {replications} replications. Replication r meets the same storm under \
             every policy (common random numbers), so differences are taken pair by pair; the \
             storms' digests were compared and agree."
        ),
        "Intervals are 95 % Student-t intervals over replications, of the mean and of the mean \
         paired difference to the first policy. p-values are two-sided paired t-tests, adjusted \
         by Holm's method over the primary metrics and policies; better or worse is said only \
         below 0.05. For skewed metrics and few replications such intervals are too narrow."
            .to_owned(),
        "time to whole: from a fault until ready = desired has held for 30 s; what is unfinished at \
         the end counts with the time until the end. availability: the time integral of \
         min(ready, desired) over that of desired, as the API server sees it."
            .to_owned(),
    ]
}

fn ended_early(results: &Replications) -> Vec<String> {
    let mut notes = Vec::new();
    for (policy, outcomes) in results.policies.iter().zip(&results.outcomes) {
        for (replication, outcome) in outcomes.iter().enumerate() {
            if let Some(limit) = &outcome.limit {
                notes.push(format!(
                    "policy {policy}, replication {replication} ended early: {limit}"
                ));
            }
        }
    }
    notes
}

/// Which runs are written in full: (policy, replication).
fn detail(
    args: &CompareArgs,
    ready: &Ready,
    results: &Replications,
    specs: &[MetricSpec],
) -> Vec<(usize, u32)> {
    match args.detail {
        DetailLevel::None => Vec::new(),
        DetailLevel::All => (0..ready.models.len())
            .flat_map(|policy| {
                let count = u32::try_from(results.outcomes[policy].len()).unwrap_or(u32::MAX);
                (0..count).map(move |replication| (policy, replication))
            })
            .collect(),
        DetailLevel::Typical => {
            let (name, labels) =
                specs.first().map_or(("", ""), |spec| (spec.name.as_str(), spec.labels.as_str()));
            results.typical(name, labels).into_iter().enumerate().collect()
        }
    }
}

fn write_details(
    details: &[(usize, u32)],
    args: &CompareArgs,
    ready: &Ready,
) -> Result<(), Failure> {
    details
        .par_iter()
        .map(|&(policy, replication)| {
            let model = &ready.models[policy];
            let dir: PathBuf = output::run_folder(&args.chosen.out, model, ready.seed, replication);
            let run = output::full_run(model, ready.seed, replication, args.chosen.verify);
            output::write_run(&dir, ready, model, replication, &run)?;
            match run.result.violations.first() {
                Some(violation) => Err(Failure::Environment(format!(
                    "an invariant does not hold under policy {}: {violation}",
                    model.policy
                ))),
                None => Ok(()),
            }
        })
        .collect::<Vec<Result<(), Failure>>>()
        .into_iter()
        .collect()
}

/// What the terminal answers.
fn terminal(ready: &Ready, replications: u32, comparison: &[ComparisonRow], dir: &Path) -> String {
    let Some(model) = ready.models.first() else { return String::new() };
    let caption = Caption::comparison(&model.scenario, ready.models.len(), u64::from(replications));
    let duration = format::span(model.duration.as_secs_f64());
    let mut text = format!("{} · {duration} simulated each\n", caption.subtitle);
    if text.trim_end().chars().count() > WIDTH {
        text = format!("{}\n{duration} simulated each\n", caption.subtitle);
    }
    if !model.description.is_empty() {
        text.push_str(&format!("{}\n", model.description));
    }
    text.push('\n');
    let style = TableStyle { width: WIDTH, color: colors() };
    text.push_str(&at_a_glance(comparison, BESIDE, style));
    let place = format!("written to {}:", dir.display());
    let files = "report.html, comparison.csv, charts/";
    let fits = place.chars().count() + 1 + files.len() <= WIDTH;
    text.push_str(&format!("{place}{}{files}\n", if fits { " " } else { "\n  " }));
    text
}

/// Whether standard output takes escape sequences and nobody asked for none (<https://no-color.org>).
fn colors() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    std::io::stdout().is_terminal() && !set("NO_COLOR") && !dumb
}
