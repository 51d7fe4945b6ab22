//! What the API server would refuse in StatefulSets, DaemonSets, Jobs and CronJobs, besides what all
//! controllers have.

use k8s_openapi::api::apps::v1::{DaemonSetSpec, StatefulSetSpec};
use k8s_openapi::api::batch::v1::{CronJobSpec, JobSpec, PodFailurePolicyRule};

use super::validate::{check_count, check_word, share};
use super::{Cursor, check_pod_template};
use crate::base::diag::{Diagnostics, codes};
use crate::controllers::cron_job::{Schedule, Zone};
use crate::model::{Concurrency, Indexes, PodFailureAction};
use crate::scenario::node::short;
use crate::scenario::source::Rules;

/// Where findings go, and how strict they are.
struct Check<'f> {
    rules: Rules,
    found: &'f mut Diagnostics,
}

impl Check<'_> {
    fn word(&mut self, word: Option<&str>, words: &[&str], at: &Cursor<'_>) {
        if let Some(word) = word {
            check_word(word, words, at, self.rules, self.found);
        }
    }

    fn count(&mut self, value: Option<i32>, at: &Cursor<'_>) {
        check_count(value, at, self.rules, self.found);
    }

    fn seconds(&mut self, value: Option<i64>, at: &Cursor<'_>) {
        if value.is_some_and(|value| value < 0) {
            self.conflict(at, "the number of seconds is negative", "write 0 or more");
        }
    }

    fn conflict(&mut self, at: &Cursor<'_>, message: impl Into<String>, help: &str) {
        self.found.push(at.finding(self.rules, codes::CONFLICT, message).help(help));
    }

    fn odd(&mut self, at: &Cursor<'_>, message: impl Into<String>, help: &str) {
        self.found.push(at.finding(self.rules, codes::OUT_OF_RANGE, message).help(help));
    }
}

/// Checks what only a StatefulSet has.
pub(super) fn check_stateful_set(
    spec: &StatefulSetSpec,
    at: &Cursor<'_>,
    rules: Rules,
    found: &mut Diagnostics,
) {
    let mut check = Check { rules, found };
    check.count(spec.min_ready_seconds, &at.key("minReadySeconds"));
    check.count(spec.revision_history_limit, &at.key("revisionHistoryLimit"));
    let policy = spec.pod_management_policy.as_deref();
    check.word(policy, &["OrderedReady", "Parallel"], &at.key("podManagementPolicy"));
    if let Some(ordinals) = &spec.ordinals {
        check.count(ordinals.start, &at.keys(&["ordinals", "start"]));
    }
    if let Some(update) = &spec.update_strategy {
        let at = at.key("updateStrategy");
        check.word(update.type_.as_deref(), &["RollingUpdate", "OnDelete"], &at.key("type"));
        if let Some(rolling) = &update.rolling_update {
            check.count(rolling.partition, &at.keys(&["rollingUpdate", "partition"]));
        }
    }
}

/// Checks what only a DaemonSet has.
pub(super) fn check_daemon_set(
    spec: &DaemonSetSpec,
    at: &Cursor<'_>,
    rules: Rules,
    found: &mut Diagnostics,
) {
    let mut check = Check { rules, found };
    check.count(spec.min_ready_seconds, &at.key("minReadySeconds"));
    check.count(spec.revision_history_limit, &at.key("revisionHistoryLimit"));
    let Some(update) = &spec.update_strategy else { return };
    let at = at.key("updateStrategy");
    check.word(update.type_.as_deref(), &["RollingUpdate", "OnDelete"], &at.key("type"));
    let Some(rolling) = &update.rolling_update else { return };
    let at = at.key("rollingUpdate");
    let surge_at = at.key("maxSurge");
    let surge = share(rolling.max_surge.as_ref(), &surge_at, check.rules, check.found);
    let unavailable = share(
        rolling.max_unavailable.as_ref(),
        &at.key("maxUnavailable"),
        check.rules,
        check.found,
    );
    match (surge.unwrap_or(0), unavailable.unwrap_or(1)) {
        (0, 0) => check.conflict(
            &at,
            "maxSurge and maxUnavailable are both 0: the rollout cannot move",
            "let one of them be at least 1",
        ),
        (surge, unavailable) if surge > 0 && unavailable > 0 => check.conflict(
            &surge_at,
            "a DaemonSet has either maxSurge or maxUnavailable",
            "with maxSurge write maxUnavailable: 0",
        ),
        _ => {}
    }
}

/// Checks a Job's specification, its pod template included.
pub(super) fn check_job(spec: &JobSpec, at: &Cursor<'_>, rules: Rules, found: &mut Diagnostics) {
    let mut check = Check { rules, found };
    for (value, key) in [
        (spec.parallelism, "parallelism"),
        (spec.completions, "completions"),
        (spec.backoff_limit, "backoffLimit"),
        (spec.backoff_limit_per_index, "backoffLimitPerIndex"),
        (spec.max_failed_indexes, "maxFailedIndexes"),
        (spec.ttl_seconds_after_finished, "ttlSecondsAfterFinished"),
    ] {
        check.count(value, &at.key(key));
    }
    check.seconds(spec.active_deadline_seconds, &at.key("activeDeadlineSeconds"));
    let mode = spec.completion_mode.as_deref();
    check.word(mode, &["NonIndexed", "Indexed"], &at.key("completionMode"));
    let indexed = mode == Some("Indexed");
    if indexed && spec.completions.is_none() {
        let message = "an Indexed Job needs completions";
        check.conflict(&at.key("completionMode"), message, "write completions: N");
    }
    for (given, key) in [
        (spec.backoff_limit_per_index.is_some(), "backoffLimitPerIndex"),
        (spec.success_policy.is_some(), "successPolicy"),
    ] {
        if given && !indexed {
            let message = format!("{key} has no meaning without indexes");
            check.conflict(&at.key(key), message, "write completionMode: Indexed");
        }
    }
    if spec.max_failed_indexes.is_some() && spec.backoff_limit_per_index.is_none() {
        let message = "maxFailedIndexes has no meaning without backoffLimitPerIndex";
        check.conflict(&at.key("maxFailedIndexes"), message, "write backoffLimitPerIndex as well");
    }
    let replacement = spec.pod_replacement_policy.as_deref();
    let words = ["TerminatingOrFailed", "Failed"];
    check.word(replacement, &words, &at.key("podReplacementPolicy"));
    let pod = spec.template.spec.as_ref();
    let restarts = pod.and_then(|pod| pod.restart_policy.as_deref());
    if !matches!(restarts, Some("OnFailure" | "Never")) {
        let at = at.keys(&["template", "spec", "restartPolicy"]);
        let message = "the pods of a Job may not restart for ever";
        check.conflict(&at, message, "write restartPolicy: Never or OnFailure");
    }
    if let Some(policy) = &spec.pod_failure_policy {
        if restarts != Some("Never") {
            let message = "podFailurePolicy needs pods that are not restarted";
            check.conflict(&at.key("podFailurePolicy"), message, "write restartPolicy: Never");
        }
        if replacement == Some("TerminatingOrFailed") {
            let message = "with podFailurePolicy only pods that have ended are replaced";
            let help = "write podReplacementPolicy: Failed, or leave it out";
            check.conflict(&at.key("podReplacementPolicy"), message, help);
        }
        for (index, rule) in policy.rules.iter().enumerate() {
            let at = at.keys(&["podFailurePolicy", "rules"]).index(index);
            check.failure_rule(rule, spec.backoff_limit_per_index.is_some(), &at);
        }
    }
    check.success_policy(spec, at);
    check_pod_template(&spec.template, &at.key("template"), rules, check.found);
}

impl Check<'_> {
    fn success_policy(&mut self, spec: &JobSpec, at: &Cursor<'_>) {
        let completions = u32::try_from(spec.completions.unwrap_or(0)).unwrap_or(0);
        let rules = spec.success_policy.iter().flat_map(|policy| &policy.rules);
        for (index, rule) in rules.enumerate() {
            let at = at.keys(&["successPolicy", "rules"]).index(index);
            self.count(rule.succeeded_count, &at.key("succeededCount"));
            if let Some(text) = &rule.succeeded_indexes
                && Indexes::parse(text, completions).is_none()
            {
                let message = format!("\"{}\" is no set of indexes", short(text));
                self.odd(&at.key("succeededIndexes"), message, "write for example 0,2-5");
            }
            if rule.succeeded_indexes.is_none() && rule.succeeded_count.is_none() {
                let message = "the rule asks for nothing";
                self.conflict(&at, message, "write succeededIndexes, succeededCount or both");
            }
        }
    }

    fn failure_rule(&mut self, rule: &PodFailurePolicyRule, per_index: bool, at: &Cursor<'_>) {
        let actions = PodFailureAction::ALL.map(PodFailureAction::name);
        self.word(Some(&rule.action), &actions, &at.key("action"));
        if rule.action == "FailIndex" && !per_index {
            let message = "FailIndex has no meaning without backoffLimitPerIndex";
            self.conflict(&at.key("action"), message, "write backoffLimitPerIndex as well");
        }
        let conditions = rule.on_pod_conditions.as_ref().filter(|list| !list.is_empty());
        match (&rule.on_exit_codes, conditions) {
            (Some(codes), None) => {
                let at = at.key("onExitCodes");
                self.word(Some(&codes.operator), &["In", "NotIn"], &at.key("operator"));
                if codes.values.is_empty() {
                    let message = "there are no exit codes to compare with";
                    self.conflict(&at.key("values"), message, "write for example [1, 42]");
                }
                if codes.operator == "In" && codes.values.contains(&0) {
                    let message = "exit code 0 is no failure";
                    self.conflict(&at.key("values"), message, "leave 0 out");
                }
            }
            (None, Some(list)) => {
                // The API server fills in True.
                let stated = list.iter().enumerate().filter(|(_, of)| !of.status.is_empty());
                for (index, pattern) in stated {
                    let at = at.key("onPodConditions").index(index).key("status");
                    self.word(Some(&pattern.status), &["True", "False", "Unknown"], &at);
                }
            }
            (Some(_), Some(_)) | (None, None) => {
                let message = "a rule is either about exit codes or about conditions";
                self.conflict(at, message, "write one of onExitCodes and onPodConditions");
            }
        }
    }
}

/// Checks a CronJob's specification, its Job's included.
pub(super) fn check_cron_job(
    spec: &CronJobSpec,
    at: &Cursor<'_>,
    rules: Rules,
    found: &mut Diagnostics,
) {
    let mut check = Check { rules, found };
    let schedule_at = at.key("schedule");
    if let Err(error) = Schedule::parse(&spec.schedule) {
        let message = format!("\"{}\" is no schedule: {error}", short(&spec.schedule));
        let help = "write minute, hour, day, month and weekday, such as \"0 2 * * *\", or @daily";
        check.odd(&schedule_at, message, help);
    } else if spec.schedule.contains("TZ=") {
        let message = "a time zone inside the schedule is refused by the API server";
        check.conflict(&schedule_at, message, "write timeZone: Europe/Berlin");
    }
    if let Some(zone) = &spec.time_zone
        && (zone.is_empty() || zone == "Local" || Zone::named(zone).is_none())
    {
        let message = format!("there is no time zone \"{}\"", short(zone));
        check.odd(&at.key("timeZone"), message, "write a name such as Etc/UTC or Europe/Berlin");
    }
    if let Some(policy) = spec.concurrency_policy.as_deref()
        && Concurrency::named(policy).is_none()
    {
        let words = ["Allow", "Forbid", "Replace"];
        check.word(Some(policy), &words, &at.key("concurrencyPolicy"));
    }
    check.seconds(spec.starting_deadline_seconds, &at.key("startingDeadlineSeconds"));
    check.count(spec.successful_jobs_history_limit, &at.key("successfulJobsHistoryLimit"));
    check.count(spec.failed_jobs_history_limit, &at.key("failedJobsHistoryLimit"));
    if let Some(job) = &spec.job_template.spec {
        check_job(job, &at.keys(&["jobTemplate", "spec"]), rules, check.found);
    }
}
