//! Vectors of the Job controller.

use std::collections::BTreeMap;

use k8s_openapi::api::batch::v1::{
    self as batch, PodFailurePolicyOnPodConditionsPattern, PodFailurePolicyRule,
};
use k8s_openapi::api::core::v1::{ContainerStatus, PodCondition};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::lifecycle::status;
use super::read;
use crate::base::map::{Interner, Symbol};
use crate::base::time::{SimDuration, SimTime};
use crate::controllers::job::{
    Action, BackoffRecord, Exit, Fate, Fates, JobHistory, JobSpec, On, PodCreated, PodFacts,
    PodReplacement, Release, Rule, Second, policy_match,
};
use crate::state::ConditionStatus;

/// How long a trace goes on at most, in seconds.
const LIMIT_S: u64 = 900;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ended {
    now: u64,
    previous_failures: u32,
    previous_last_failure: Option<u64>,
    new_succeeded_finished_at: Vec<u64>,
    new_failed_finished_at: Vec<u64>,
}

/// The record of failures, and how long no pod is created.
pub(super) fn backoff(input: &Value) -> Result<Value, String> {
    let input: Ended = read(input)?;
    let times = |times: &[u64]| -> Vec<SimTime> {
        times.iter().map(|unix| SimTime::from_secs(*unix)).collect()
    };
    let before = BackoffRecord {
        failures: input.previous_failures,
        last_failure: input.previous_last_failure.map(SimTime::from_secs),
    };
    let succeeded = times(&input.new_succeeded_finished_at);
    let after = before.after(&succeeded, &times(&input.new_failed_finished_at));
    Ok(json!({
        "failuresAfterLastSuccess": after.failures,
        "lastFailureTime": after.last_failure,
        "remainingSeconds": after.left(SimTime::from_secs(input.now)),
    }))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failed {
    rules: Vec<PodFailurePolicyRule>,
    conditions: Option<Vec<PodCondition>>,
    container_statuses: Option<Vec<ContainerStatus>>,
    init_container_statuses: Option<Vec<ContainerStatus>>,
}

/// What a policy makes of a pod.
pub(super) fn pod_failure_policy(input: &Value) -> Result<Value, String> {
    let input: Failed = read(input)?;
    let mut names = Interner::new();
    let rules = rules(&input.rules, &mut names)?;
    let mut exits = Vec::new();
    for container in
        [input.container_statuses, input.init_container_statuses].iter().flatten().flatten()
    {
        let state = container.state.as_ref();
        if let Some(ended) = state.and_then(|state| state.terminated.as_ref()) {
            exits.push(Exit { container: names.intern(&container.name), code: ended.exit_code });
        }
    }
    let conditions: Result<Vec<_>, String> = input
        .conditions
        .iter()
        .flatten()
        .map(|of| Ok((names.intern(&of.type_), status(&of.status)?)))
        .collect();
    let facts = PodFacts { exits: &exits, conditions: &conditions? };
    let found = policy_match(&rules, facts);
    let name = |symbol: Symbol| names.resolve(symbol).to_owned();
    Ok(json!({
        "action": found.map(|found| found.action.name()),
        "countsTowardsBackoff": found.is_none_or(|found| found.counts()),
        "message": found.and_then(|found| found.failure("ns/p", name)),
    }))
}

fn rules(rules: &[PodFailurePolicyRule], names: &mut Interner) -> Result<Vec<Rule>, String> {
    rules.iter().map(|rule| read_rule(rule, names)).collect()
}

fn read_rule(rule: &PodFailurePolicyRule, names: &mut Interner) -> Result<Rule, String> {
    let action = Action::ALL.into_iter().find(|action| action.name() == rule.action);
    let action = action.ok_or_else(|| format!("no action: {}", rule.action))?;
    let on = match &rule.on_exit_codes {
        Some(codes) => On::ExitCodes {
            container: codes.container_name.as_deref().map(|name| names.intern(name)),
            not_in: match &*codes.operator {
                "In" => false,
                "NotIn" => true,
                other => return Err(format!("no operator: {other}")),
            },
            values: codes.values.clone(),
        },
        None => {
            let patterns = rule.on_pod_conditions.iter().flatten();
            let patterns: Result<Vec<_>, String> =
                patterns.map(|pattern| read_pattern(pattern, names)).collect();
            On::Conditions(patterns?)
        }
    };
    Ok(Rule { on, action })
}

fn read_pattern(
    pattern: &PodFailurePolicyOnPodConditionsPattern,
    names: &mut Interner,
) -> Result<(Symbol, ConditionStatus), String> {
    Ok((names.intern(&pattern.type_), status(&pattern.status)?))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Trace {
    spec: batch::JobSpec,
    events: Vec<Event>,
    outcomes: Option<Vec<Outcome>>,
    outcomes_by_index: Option<BTreeMap<u32, Vec<Outcome>>>,
}

#[derive(Debug, Deserialize)]
struct Event {
    t: u64,
    suspend: bool,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    duration: u64,
    exit_code: i32,
    disruption_target: bool,
}

impl Trace {
    fn fates(&self) -> Fates {
        let fates = |outcomes: &Vec<Outcome>| -> Vec<Fate> {
            let fate = |of: &Outcome| Fate {
                after_s: of.duration,
                code: of.exit_code,
                disrupted: of.disruption_target,
            };
            outcomes.iter().map(fate).collect()
        };
        match (&self.outcomes, &self.outcomes_by_index) {
            (Some(outcomes), _) => Fates::InOrder(fates(outcomes)),
            (None, by_index) => {
                Fates::PerIndex(by_index.iter().flatten().map(|(_, of)| fates(of)).collect())
            }
        }
    }
}

fn job_spec(spec: &batch::JobSpec, names: &mut Interner) -> Result<JobSpec, String> {
    let number = |number: Option<i32>| -> Result<Option<u32>, String> {
        number.map(|number| u32::try_from(number).map_err(|error| error.to_string())).transpose()
    };
    let given = |found: Option<u32>, name: &str| found.ok_or_else(|| format!("no {name}"));
    let deadline = spec.active_deadline_seconds.map(u64::try_from).transpose();
    let policy = spec.pod_failure_policy.as_ref();
    Ok(JobSpec {
        parallelism: given(number(spec.parallelism)?, "parallelism")?,
        completions: number(spec.completions)?,
        indexed: spec.completion_mode.as_deref() == Some("Indexed"),
        backoff_limit: given(number(spec.backoff_limit)?, "backoffLimit")?,
        backoff_limit_per_index: number(spec.backoff_limit_per_index)?,
        max_failed_indexes: number(spec.max_failed_indexes)?,
        active_deadline: deadline.map_err(|error| error.to_string())?.map(SimDuration::from_secs),
        suspend: spec.suspend == Some(true),
        failure_policy: policy.map(|policy| rules(&policy.rules, names)).transpose()?,
        replacement: match spec.pod_replacement_policy.as_deref() {
            Some("Failed") => PodReplacement::Failed,
            _ => PodReplacement::TerminatingOrFailed,
        },
        ..JobSpec::default()
    })
}

/// What a Job's status shows while its pods meet their fates.
pub(super) fn trace(input: &Value) -> Result<Value, String> {
    let trace: Trace = read(input)?;
    let mut names = Interner::new();
    let history = JobHistory {
        spec: job_spec(&trace.spec, &mut names)?,
        release: Release::V1_29,
        suspend: trace.events.iter().map(|event| (event.t, event.suspend)).collect(),
        fates: trace.fates(),
        container: names.intern("c0"),
        disruption_target: names.intern("DisruptionTarget"),
        limit_s: LIMIT_S,
    };
    let seen = history.run();
    Ok(json!({
        "podsCreated": seen.pods.iter().map(created).collect::<Vec<_>>(),
        "status": seen.seconds.iter().map(second).collect::<Vec<_>>(),
    }))
}

fn created(created: &PodCreated) -> Value {
    let mut told = Map::new();
    told.insert("t".to_owned(), json!(created.t));
    if let Some(index) = created.pod.index {
        told.insert("index".to_owned(), json!(index.to_string()));
    }
    if let Some(failures) = created.pod.failures {
        told.insert("indexFailureCount".to_owned(), json!(failures.to_string()));
    }
    Value::Object(told)
}

fn second(second: &Second) -> Value {
    let status = &second.status;
    let conditions = status.conditions.iter().map(|of| {
        let is = if of.is_true { "True" } else { "False" };
        format!("{}={is}/{}", of.kind.name(), of.reason.name())
    });
    json!({
        "t": second.t,
        "active": status.active,
        "ready": status.ready,
        "terminating": status.terminating,
        "succeeded": status.succeeded,
        "failed": status.failed,
        "completedIndexes": status.completed_indexes.to_string(),
        "failedIndexes": status.failed_indexes.as_ref().map(ToString::to_string),
        "conditions": conditions.collect::<Vec<_>>(),
    })
}
