//! `wavetank run`: one run in full detail.

use super::args::RunArgs;
use super::{Failure, expect, load, output, say};
use crate::experiment::{Outcome, Replications};

/// Runs a scenario once under one policy and writes everything about it.
pub(super) fn run(args: &RunArgs) -> Result<(), Failure> {
    let asked: Vec<String> = args.policy.iter().cloned().collect();
    let chosen = &args.chosen;
    let mut ready =
        load::scenario(&chosen.scenario, &asked, chosen.seed, chosen.skip_unknown_plugins)?;
    ready.models.truncate(1);
    let Some(model) = ready.models.first() else {
        return Err(Failure::Environment("the scenario has no policy to run".to_owned()));
    };
    let dir = output::run_folder(&args.chosen.out, model, ready.seed, args.replication);
    let run = output::full_run(model, ready.seed, args.replication, args.chosen.verify);
    output::write_run(&dir, &ready, model, args.replication, &run)?;
    let mut text = format!(
        "{} · policy {} · seed {}, replication {} · {} simulated\n",
        model.scenario, model.policy, ready.seed, args.replication, model.duration
    );
    let numbers = output::key_numbers(&run.tables);
    let width = numbers.iter().map(|number| number.label.chars().count()).max().unwrap_or(0);
    for number in &numbers {
        let pad = width - number.label.chars().count();
        text.push_str(&format!("  {}{}  {}\n", number.label, " ".repeat(pad), number.value));
    }
    text.push_str(&format!("written to {}\n", dir.display()));
    say(&text);
    if let Some(violation) = run.result.violations.first() {
        return Err(Failure::Environment(format!("an invariant does not hold: {violation}")));
    }
    let outcome = Outcome {
        rows: run.tables.metrics,
        storm: run.result.storm,
        limit: run.result.limit.map(|limit| limit.to_string()),
        handled: run.result.handled,
    };
    let policies = vec![model.policy.clone()];
    let results = Replications { policies, outcomes: vec![vec![outcome]] };
    let broken = expect::broken(&ready.expect, &results);
    if broken.is_empty() { Ok(()) } else { Err(Failure::Expectation(broken.join("\n"))) }
}
