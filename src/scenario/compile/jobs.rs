//! Jobs and CronJobs: typed objects to the model's.

use k8s_openapi::api::batch::v1::{
    CronJobSpec as KubeCronJob, JobSpec as KubeJob, PodFailurePolicy, SuccessPolicy,
};

use k8s_openapi::api::core::v1::PodSpec;

use super::pods::seconds;
use super::symbols::Symbols;
use crate::base::map::Symbol;
use crate::model::{
    Concurrency, ConditionStatus, CronSpec, Indexes, JobSpec, PodFailureAction, PodFailureOn,
    PodFailureRule, PodReplacement, SuccessRule,
};

/// How long a container of a Job runs of which the scenario says nothing, seconds.
pub(super) const DEFAULT_RUN_S: f64 = 60.0;

/// What a Job asks for; everything was checked before.
pub(super) fn job(symbols: &mut Symbols, spec: &KubeJob) -> JobSpec {
    let count = |value: Option<i32>| value.map(|value| u32::try_from(value).unwrap_or(0));
    let policy = spec.pod_failure_policy.as_ref();
    let pod = spec.template.spec.as_ref();
    let replacement = match spec.pod_replacement_policy.as_deref() {
        Some("Failed") => PodReplacement::Failed,
        Some("TerminatingOrFailed") => PodReplacement::TerminatingOrFailed,
        _ if policy.is_some() => PodReplacement::Failed,
        _ => PodReplacement::TerminatingOrFailed,
    };
    let completions = count(spec.completions);
    JobSpec {
        parallelism: count(spec.parallelism).unwrap_or(1),
        completions,
        indexed: spec.completion_mode.as_deref() == Some("Indexed"),
        backoff_limit: count(spec.backoff_limit).unwrap_or(6),
        backoff_limit_per_index: count(spec.backoff_limit_per_index),
        max_failed_indexes: count(spec.max_failed_indexes),
        active_deadline: spec.active_deadline_seconds.map(seconds),
        suspend: spec.suspend.unwrap_or(false),
        restart_on_failure: pod.and_then(|pod| pod.restart_policy.as_deref()) == Some("OnFailure"),
        failure_policy: policy.map(|policy| failure_policy(symbols, policy, pod)),
        success_policy: spec
            .success_policy
            .as_ref()
            .map(|policy| success_policy(policy, completions.unwrap_or(0))),
        replacement,
        ttl_after_finished: spec.ttl_seconds_after_finished.map(|s| seconds(i64::from(s))),
    }
}

fn failure_policy(
    symbols: &mut Symbols,
    policy: &PodFailurePolicy,
    pod: Option<&PodSpec>,
) -> Vec<PodFailureRule> {
    // Containers, and what conditions of pods are called is looked up by these words.
    for container in pod.iter().flat_map(|pod| &pod.containers) {
        symbols.intern(&container.name);
    }
    for word in ["DisruptionTarget", "Ready", "ContainersReady", "Initialized", "PodScheduled"] {
        symbols.intern(word);
    }
    let mut rules = Vec::new();
    for rule in &policy.rules {
        let on = match &rule.on_exit_codes {
            Some(codes) => PodFailureOn::ExitCodes {
                container: codes.container_name.as_deref().map(|name| symbols.intern(name)),
                not_in: codes.operator == "NotIn",
                values: codes.values.clone(),
            },
            None => {
                let patterns = rule.on_pod_conditions.iter().flatten();
                let patterns = patterns
                    .map(|pattern| (symbols.intern(&pattern.type_), status(&pattern.status)));
                PodFailureOn::Conditions(patterns.collect::<Vec<(Symbol, ConditionStatus)>>())
            }
        };
        let action = PodFailureAction::ALL.into_iter().find(|known| known.name() == rule.action);
        rules.push(PodFailureRule { on, action: action.unwrap_or(PodFailureAction::Count) });
    }
    rules
}

fn status(word: &str) -> ConditionStatus {
    match word {
        "False" => ConditionStatus::False,
        "Unknown" => ConditionStatus::Unknown,
        _ => ConditionStatus::True,
    }
}

fn success_policy(policy: &SuccessPolicy, completions: u32) -> Vec<SuccessRule> {
    let rule = |rule: &k8s_openapi::api::batch::v1::SuccessPolicyRule| SuccessRule {
        indexes: rule
            .succeeded_indexes
            .as_deref()
            .and_then(|text| Indexes::parse(text, completions)),
        count: rule.succeeded_count.map(|count| u32::try_from(count).unwrap_or(0)),
    };
    policy.rules.iter().map(rule).collect()
}

/// What a CronJob asks for; everything was checked before.
pub(super) fn cron_job(symbols: &mut Symbols, spec: &KubeCronJob, own: &KubeJob) -> CronSpec {
    let limit = |value: Option<i32>, default| {
        value.map_or(default, |value| usize::try_from(value).unwrap_or(0))
    };
    let policy = spec.concurrency_policy.as_deref().and_then(Concurrency::named);
    CronSpec {
        schedule: spec.schedule.clone(),
        time_zone: spec.time_zone.clone(),
        starting_deadline_s: spec.starting_deadline_seconds,
        concurrency: policy.unwrap_or_default(),
        suspend: spec.suspend.unwrap_or(false),
        successful_limit: limit(spec.successful_jobs_history_limit, 3),
        failed_limit: limit(spec.failed_jobs_history_limit, 1),
        job: job(symbols, own),
    }
}
