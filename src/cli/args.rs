//! What can be typed: commands, flags, their help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// A wave tank for Kubernetes clusters: run scenarios of failures under several placement and
/// recovery policies and see, with confidence intervals, what a real cluster would do.
#[derive(Debug, Parser)]
#[command(name = "wavetank", version, max_term_width = 100)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) verb: Verb,
}

/// Commands.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Run a scenario once, in full detail: timeline, events, metrics, charts, report.
    Run(RunArgs),
    /// Run a scenario many times under every policy and compare them, paired.
    Compare(CompareArgs),
    /// Draw the charts of a results folder again, from its tables alone.
    Plot(PlotArgs),
    /// Check scenarios, policies and manifests without running anything.
    Validate(ValidateArgs),
    /// List what is built in: policies, scheduler plugins, failure modes, metrics.
    Policies(PoliciesArgs),
    /// Write a commented starter scenario.
    Init(InitArgs),
}

/// Flags that choose what is simulated.
#[derive(Debug, Args)]
pub(super) struct Chosen {
    /// The scenario file.
    #[arg(value_name = "SCENARIO")]
    pub(super) scenario: PathBuf,
    /// Master seed of all randomness [default: the scenario's, else 1].
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// Folder for results; a folder per scenario is made in it.
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub(super) out: PathBuf,
    /// Check the invariants of the whole simulated world after every thousand events.
    #[arg(long)]
    pub(super) verify: bool,
}

/// `wavetank run`.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) chosen: Chosen,
    /// Policy by name or file [default: the scenario's first, else "default"].
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
    /// None: tables, charts and report of the comparison only.
    None,
}

/// `wavetank compare`.
#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    #[command(flatten)]
    pub(super) chosen: Chosen,
    /// Policy by name or file; may be given several times, the first is the baseline [default:
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
pub(super) struct PlotArgs {
    /// A folder that `run` or `compare` wrote.
    #[arg(value_name = "RESULTS")]
    pub(super) results: PathBuf,
}

/// `wavetank validate`.
#[derive(Debug, Args)]
pub(super) struct ValidateArgs {
    /// Scenario files, policy files, manifests, or folders of manifests.
    #[arg(value_name = "FILE", required = true)]
    pub(super) files: Vec<PathBuf>,
    /// Treat warnings as errors (exit 2).
    #[arg(long)]
    pub(super) strict: bool,
}

/// `wavetank policies`.
#[derive(Debug, Args)]
pub(super) struct PoliciesArgs {
    /// Show one entry at length.
    #[arg(value_name = "NAME")]
    pub(super) name: Option<String>,
}

/// `wavetank init`.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// Where to write it; `-` is standard output.
    #[arg(value_name = "FILE", default_value = "scenario.yaml")]
    pub(super) file: PathBuf,
}
