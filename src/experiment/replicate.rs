//! Replications: every policy meets the same storms, each run on one thread, in any number of
//! threads, with one result.
//!
//! Replication r under one policy and replication r under another draw the same exogenous
//! randomness (common random numbers), so their difference is the policies'. Results are gathered
//! by index; nothing depends on which thread finished first.

use rayon::prelude::*;

use crate::metrics;
use crate::model::Model;
use crate::record::Detail;
use crate::sim::{RunOptions, simulate};
use crate::tables::{MetricRow, ReplicationRow};

/// What one replication leaves for comparison.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Scalar results.
    pub rows: Vec<MetricRow>,
    /// Digest of the storm; equal for equal replications of every policy.
    pub storm: String,
    /// Why the run ended early, if it did.
    pub limit: Option<String>,
    /// Simulation events handled.
    pub handled: u64,
}

/// All replications of all policies.
#[derive(Clone, Debug)]
pub struct Replications {
    /// Policy names.
    pub policies: Vec<String>,
    /// `outcomes[policy][replication]`.
    pub outcomes: Vec<Vec<Outcome>>,
}

/// Two replications that should have met the same storm did not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "replication {replication} met another storm under policy \"{policy}\" than under \
     \"{baseline}\": the comparison would not be paired"
)]
pub struct UnpairedStorm {
    /// Replication number.
    pub replication: usize,
    /// Policy that differs.
    pub policy: String,
    /// First policy.
    pub baseline: String,
}

/// Runs `replications` of every model; `done` is told after each run, from any thread.
#[must_use]
pub fn replicate(
    models: &[Model],
    seed: u64,
    replications: u32,
    done: &(dyn Fn() + Sync),
) -> Replications {
    let pairs: Vec<(usize, u32)> = (0..models.len())
        .flat_map(|policy| (0..replications).map(move |replication| (policy, replication)))
        .collect();
    let mut results: Vec<Outcome> = pairs
        .par_iter()
        .map(|&(policy, replication)| {
            let outcome = run(&models[policy], seed, replication);
            done();
            outcome
        })
        .collect();
    let mut outcomes = Vec::with_capacity(models.len());
    for _ in models {
        let rest = results.split_off((replications as usize).min(results.len()));
        outcomes.push(std::mem::replace(&mut results, rest));
    }
    Replications { policies: models.iter().map(|m| m.policy.clone()).collect(), outcomes }
}

fn run(model: &Model, seed: u64, replication: u32) -> Outcome {
    let result = simulate(model, RunOptions::new(seed, replication, Detail::Metrics));
    Outcome {
        rows: metrics::digest(model, &result.facts).rows,
        storm: result.storm,
        limit: result.limit.map(|limit| limit.to_string()),
        handled: result.handled,
    }
}

impl Replications {
    /// Refuses a comparison whose replications did not meet the same storms.
    ///
    /// # Errors
    /// Names the first replication and policy that differ.
    pub fn check_pairing(&self) -> Result<(), UnpairedStorm> {
        let Some((baseline, others)) = self.outcomes.split_first() else { return Ok(()) };
        for (policy, outcomes) in others.iter().enumerate() {
            for (replication, (a, b)) in baseline.iter().zip(outcomes).enumerate() {
                if a.storm != b.storm {
                    return Err(UnpairedStorm {
                        replication,
                        policy: self.policies[policy + 1].clone(),
                        baseline: self.policies[0].clone(),
                    });
                }
            }
        }
        Ok(())
    }

    /// One row per policy, replication and metric: `replications.csv`.
    #[must_use]
    pub fn rows(&self) -> Vec<ReplicationRow> {
        let mut rows = Vec::new();
        for (policy, outcomes) in self.policies.iter().zip(&self.outcomes) {
            for (replication, outcome) in (0u32..).zip(outcomes) {
                rows.extend(outcome.rows.iter().map(|row| ReplicationRow {
                    policy: policy.clone(),
                    replication,
                    metric: row.metric.clone(),
                    labels: row.labels.clone(),
                    value: row.value,
                }));
            }
        }
        rows
    }

    /// Per policy the replication whose value of a metric is nearest to the median over
    /// replications (lower middle), ties to the lowest: the one worth a look in full detail.
    #[must_use]
    pub fn typical(&self, metric: &str, labels: &str) -> Vec<u32> {
        self.outcomes
            .iter()
            .map(|outcomes| {
                let mut values: Vec<(f64, u32)> = (0u32..)
                    .zip(outcomes)
                    .filter_map(|(replication, outcome)| {
                        let row = outcome
                            .rows
                            .iter()
                            .find(|row| row.metric == metric && row.labels == labels)?;
                        Some((row.value, replication))
                    })
                    .collect();
                values.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                let median = values.get(values.len().saturating_sub(1) / 2).map(|v| v.0);
                values
                    .iter()
                    .find(|v| median.is_some_and(|m| v.0.total_cmp(&m).is_eq()))
                    .map_or(0, |v| v.1)
            })
            .collect()
    }
}
