//! What can be typed: commands, flags, their help.

use std::path::PathBuf;

use crate::base::time::SimDuration;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// What every command's exit code means; shown below its help.
const EXIT_CODES: &str = "\
Exit codes:
  0  fine
  1  the environment failed: a file cannot be read or written
  2  the input is wrong: every mistake is shown with file, line and column
  3  the runs broke a promise: an `expect:` of the scenario does not hold, or a run ended early";

const EXAMPLES: &str = "\
Examples:
  wavetank init                                      write a commented scenario.yaml
  wavetank compare scenario.yaml                     which policy is better, and how sure is that
  wavetank run scenario.yaml --policy fast-failover  one run in every detail
  wavetank validate scenario.yaml                    what is wrong, and where
  wavetank lint scenario.yaml                        what will hurt, and why

Exit codes: 0 fine; 1 the environment failed; 2 the input is wrong; 3 an expectation does not hold.";

/// A wave tank for Kubernetes clusters: run scenarios of failures under several placement and
/// recovery policies and see, with confidence intervals, what a real cluster would do.
///
/// Nothing but scenario files is needed: the cluster is simulated. The same scenario, policy and
/// seed always give the same results.
#[derive(Debug, Parser)]
#[command(name = "wavetank", version, max_term_width = 100, after_help = EXAMPLES)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) verb: Verb,
}

/// Commands.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Run a scenario once, in full detail: timeline, events, metrics, charts, report.
    ///
    /// Writes OUT/SCENARIO/POLICY/SEED-REPLICATION/: report.html to read, charts/, and
    /// every table as CSV (results/README.md describes them). The key figures go to standard
    /// output.
    Run(RunArgs),
    /// Run a scenario many times under every policy and compare the policies.
    ///
    /// Replication 7 of every policy meets the same storm, so the differences are the policies'
    /// doing; they come with 95 % confidence intervals, and "no difference" is said where none can
    /// be shown.
    ///
    /// Writes OUT/SCENARIO/: report.html to read, comparison.csv, replications.csv, charts/,
    /// and one typical run per policy in full detail (results/README.md describes every file).
    Compare(CompareArgs),
    /// Draw the charts of a results folder again, from its tables alone.
    Plot(PlotArgs),
    /// Check scenarios, policies and manifests without running anything.
    Validate(ValidateArgs),
    /// Find what will hurt, without running anything: each finding with its reason and what would
    /// be right (exit 3 if a finding is an error).
    ///
    /// docs/lint.md holds the rules. All manifests of one call are looked at together; a scenario
    /// adds its nodes and behaviours.
    Lint(LintArgs),
    /// List what is built in: policies, scheduler plugins, metrics.
    Policies(PoliciesArgs),
    /// Tell why the scheduler put a pod where it did, or nowhere: every node, every plugin.
    Explain(ExplainArgs),
    /// Replay recordings of the real Kubernetes code and compare every decision (exit 3 if one
    /// differs).
    Conformance(ConformanceArgs),
    /// Write a commented starter scenario.
    Init(InitArgs),
}

/// Flags that choose what is simulated.
#[derive(Debug, Args)]
pub(super) struct Chosen {
    /// The scenario file (YAML, `kind: Scenario`; docs/scenarios.md is the reference).
    #[arg(value_name = "SCENARIO")]
    pub(super) scenario: PathBuf,
    /// Master seed of all randomness [default: the scenario's, else 1].
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// Folder for results; a folder named after the scenario is made in it.
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub(super) out: PathBuf,
    /// Check the simulated world against itself while it runs: slower, for finding defects.
    #[arg(long)]
    pub(super) verify: bool,
    /// Skip plugins and extenders of scheduler configurations that cannot be simulated, with a
    /// warning for each; otherwise they are errors.
    #[arg(long)]
    pub(super) skip_unknown_plugins: bool,
}

/// `wavetank run`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) chosen: Chosen,
    /// Policy, by name or file [default: the scenario's first, else "default"].
    #[arg(long, value_name = "POLICY")]
    pub(super) policy: Option<String>,
    /// Which replication to run: the same number meets the same storm under every policy.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) replication: u32,
}

/// How much of a comparison is kept in full detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum DetailLevel {
    /// One run per policy: the one nearest the median.
    Typical,
    /// Every run.
    All,
    /// No run: tables, charts and report of the comparison only.
    None,
}

/// `wavetank compare`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct CompareArgs {
    #[command(flatten)]
    pub(super) chosen: Chosen,
    /// Policy, by name or file; may be given several times, the first is the baseline [default:
    /// the scenario's policies].
    #[arg(long = "policy", value_name = "POLICY")]
    pub(super) policies: Vec<String>,
    /// Number of paired replications per policy [default: the scenario's, else 30].
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) replications: Option<u32>,
    /// Threads [default: one per processor]; results do not depend on it.
    #[arg(long, short = 'j', value_name = "N")]
    pub(super) jobs: Option<usize>,
    /// Which runs are written in full detail.
    #[arg(long, value_enum, default_value_t = DetailLevel::Typical)]
    pub(super) detail: DetailLevel,
}

/// `wavetank plot`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct PlotArgs {
    /// A folder that `run` or `compare` wrote: it holds timeseries.csv or comparison.csv.
    #[arg(value_name = "RESULTS")]
    pub(super) results: PathBuf,
}

/// `wavetank validate`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct ValidateArgs {
    /// Scenario files, policy files, manifests, or folders of manifests.
    #[arg(value_name = "FILE", required = true)]
    pub(super) files: Vec<PathBuf>,
    /// Treat warnings as errors (exit 2).
    #[arg(long)]
    pub(super) strict: bool,
    /// Skip plugins and extenders of scheduler configurations that cannot be simulated, with a
    /// warning for each; otherwise they are errors.
    #[arg(long)]
    pub(super) skip_unknown_plugins: bool,
}

/// For whom findings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LintFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// `wavetank lint`.
#[derive(Debug, Args)]
pub(super) struct LintArgs {
    /// Scenario files, manifests, or folders of manifests.
    #[arg(value_name = "FILE", required_unless_present_any = ["list", "rule"])]
    pub(super) files: Vec<PathBuf>,
    /// List the rules.
    #[arg(long)]
    pub(super) list: bool,
    /// Print one rule, by code or name.
    #[arg(long, value_name = "CODE")]
    pub(super) rule: Option<String>,
    /// Run the scenarios that show the rules of the findings, and print what came of them.
    #[arg(long)]
    pub(super) evidence: bool,
    /// Leave these rules out, by code or name.
    #[arg(long, value_name = "CODE", value_delimiter = ',')]
    pub(super) ignore: Vec<String>,
    /// Let warnings count as errors (exit 3).
    #[arg(long)]
    pub(super) strict: bool,
    /// How the findings are written.
    #[arg(long, value_enum, default_value_t = LintFormat::Text)]
    pub(super) format: LintFormat,
}

/// `wavetank policies`.
#[derive(Debug, Args)]
pub(super) struct PoliciesArgs {
    /// One policy (printed as a file to start from), plugin or metric; `metrics` lists all metrics.
    #[arg(value_name = "NAME")]
    pub(super) name: Option<String>,
}

/// For whom an explanation is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ExplainFormat {
    /// For people: one screen.
    Human,
    /// For programs: everything.
    Json,
}

/// `wavetank explain`.
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// The scenario file.
    #[arg(value_name = "SCENARIO")]
    pub(super) scenario: PathBuf,
    /// The pod, by its name or its workload's (then the first of its pods), with or without
    /// namespace.
    #[arg(long, value_name = "NAME")]
    pub(super) pod: String,
    /// The first decision on it from this simulated time on, like 10m [default: 0s].
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(super) at: Option<SimDuration>,
    /// Policy by name or file [default: the scenario's first, else "default"].
    #[arg(long, value_name = "POLICY")]
    pub(super) policy: Option<String>,
    /// Master seed of all randomness [default: the scenario's, else 1].
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// Which replication to run.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) replication: u32,
    /// How the answer is written.
    #[arg(long, value_enum, default_value_t = ExplainFormat::Human)]
    pub(super) format: ExplainFormat,
    /// Skip plugins and extenders of scheduler configurations that cannot be simulated, with a
    /// warning for each; otherwise they are errors.
    #[arg(long)]
    pub(super) skip_unknown_plugins: bool,
}

fn duration(text: &str) -> Result<SimDuration, String> {
    text.parse().map_err(|_| format!("\"{text}\" is no duration; write for example 90s or 1h30m"))
}

/// `wavetank conformance`.
#[derive(Debug, Args)]
pub(super) struct ConformanceArgs {
    /// Recordings (.jsonl, .jsonl.gz), or folders of them; other files are passed over.
    #[arg(value_name = "PATH", required = true)]
    pub(super) paths: Vec<PathBuf>,
    /// Only families, topics or kinds of these names; all others do not count.
    #[arg(long, value_name = "TOPIC", value_delimiter = ',')]
    pub(super) only: Vec<String>,
    /// Write what wavetank decided, one JSON object per case, in the shape of the recordings.
    #[arg(long, value_name = "FILE")]
    pub(super) emit: Option<PathBuf>,
    /// Show each topic field by field, and its first difference in full.
    #[arg(long)]
    pub(super) verbose: bool,
}

/// `wavetank init`.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// Where to write it; `-` is standard output. An existing file is never written over.
    #[arg(value_name = "FILE", default_value = "scenario.yaml")]
    pub(super) file: PathBuf,
}
