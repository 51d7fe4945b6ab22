//! Jobs and CronJobs: completions, back-off, failure policies, schedules, deadlines.

use super::answers_run::{Run, cluster, number, same, scenario};

/// One Job or CronJob, given as fields of a YAML flow mapping, and how its process goes.
fn run(object: &str, runs: &str, more: &str) -> Run {
    let spec = cluster(&[("a", 2)])
        + "  startTime: 2026-03-01T00:00:00Z\n  workloads:\n    - objects:\n        - "
        + object
        + "\n  behaviour:\n    - {selector: {}, startup: 0s, runs: "
        + runs
        + "}\n"
        + more;
    Run::of(&scenario("2h", &spec, ""))
}

fn job(spec: &str, policy: &str) -> String {
    format!(
        "{{apiVersion: batch/v1, kind: Job, metadata: {{name: work}}, spec: {{{spec}template: \
         {{metadata: {{labels: {{app: work}}}}, spec: {{restartPolicy: {policy}, containers: \
         [{{name: c, image: 'work:1', resources: {{requests: {{cpu: 500m}}}}}}]}}}}}}}}"
    )
}

fn cron(spec: &str) -> String {
    format!(
        "{{apiVersion: batch/v1, kind: CronJob, metadata: {{name: report}}, spec: {{{spec}, \
         jobTemplate: {{spec: {{template: {{metadata: {{labels: {{app: report}}}}, spec: \
         {{restartPolicy: Never, containers: [{{name: c, image: 'work:1'}}]}}}}}}}}}}}}"
    )
}

fn created(run: &Run) -> Vec<f64> {
    run.table("pods.csv").iter().map(|pod| number(&pod["created_seconds"])).collect()
}

#[test]
fn a_job_runs_as_many_pods_at_a_time_as_it_may_until_all_are_done() {
    let run = run(&job("completions: 5, parallelism: 2, ", "Never"), "{for: 60s}", "");
    let pods = run.table("pods.csv");
    assert_eq!(pods.len(), 5);
    assert!(pods.iter().all(|pod| pod["phase"] == "Succeeded"), "{pods:?}");
    let created = created(&run);
    assert!(created[1] - created[0] < 1.0 && created[2] - created[0] >= 60.0, "{created:?}");
    assert!(same(run.metric("jobs_complete_total", "workload=\"default/work\""), 1.0));
    assert!(same(run.metric("jobs_failed_total", "workload=\"default/work\""), 0.0));
    let took = run.metric("job_duration_seconds", "");
    assert!((180.0..200.0).contains(&took), "{took}: three rounds of a minute");
    assert_eq!(run.times("Completed", "Job completed").len(), 1);
}

/// Kubernetes-behaviour §3.5, 6: 10 s, 20 s, 40 s … after the end of the last failed pod.
#[test]
fn failed_pods_are_replaced_after_longer_and_longer_waits_until_the_limit() {
    let run = run(&job("backoffLimit: 4, ", "Never"), "{for: 5s, fails: 1.0}", "");
    let pods = run.table("pods.csv");
    assert_eq!(pods.len(), 5, "one more than backoffLimit");
    let created = created(&run);
    let waits: Vec<f64> = created.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (wait, least) in waits.iter().zip([15.0, 25.0, 45.0, 85.0]) {
        assert!((least..least + 6.0).contains(wait), "{waits:?}");
    }
    assert!(same(run.metric("jobs_failed_total", "workload=\"default/work\""), 1.0));
    assert_eq!(run.times("BackoffLimitExceeded", "specified backoff limit").len(), 1);
}

#[test]
fn on_failure_restarts_in_the_same_pod() {
    let run = run(&job("backoffLimit: 3, ", "OnFailure"), "{for: 5s, fails: 1.0}", "");
    let pods = run.table("pods.csv");
    assert_eq!(pods.len(), 1);
    assert!(number(&pods[0]["restarts"]) >= 3.0, "{pods:?}");
    assert!(same(run.metric("jobs_failed_total", "workload=\"default/work\""), 1.0));
}

#[test]
fn a_failure_policy_fails_the_job_at_once_by_exit_code() {
    let policy = "podFailurePolicy: {rules: [{action: FailJob, onExitCodes: {operator: In, values: \
                  [42]}}]}, ";
    let run = run(&job(policy, "Never"), "{for: 5s, fails: 1.0, exitCode: 42}", "");
    assert_eq!(run.table("pods.csv").len(), 1);
    assert_eq!(
        run.times("PodFailurePolicy", "failed with exit code 42 matching FailJob rule at index 0")
            .len(),
        1
    );
}

#[test]
fn a_deadline_ends_a_job_and_its_pods() {
    let run = run(&job("activeDeadlineSeconds: 100, ", "Never"), "{for: 1h}", "");
    let pods = run.table("pods.csv");
    assert_eq!(pods.len(), 1);
    assert!((100.0..140.0).contains(&number(&pods[0]["deleted_seconds"])), "{pods:?}");
    assert_eq!(run.times("DeadlineExceeded", "longer than specified deadline").len(), 1);
}

#[test]
fn an_indexed_job_runs_each_index_and_repeats_the_one_whose_node_died() {
    let spec = "completions: 4, parallelism: 4, completionMode: Indexed, ";
    let crash = "  faults:\n    - {at: 60s, nodeCrash: {node: a-0, for: 30m}}\n";
    let run = run(&job(spec, "Never"), "{for: 10m}", crash);
    let pods = run.table("pods.csv");
    let lost = pods[..4].iter().filter(|pod| pod["node"] == "a-0").count();
    assert!(lost > 0);
    assert_eq!(pods.len(), 4 + lost, "each lost index once more");
    assert!(same(run.metric("jobs_complete_total", "workload=\"default/work\""), 1.0));
    let again = number(&pods[4]["created_seconds"]);
    assert!(again > 400.0, "{again}: not before the taint manager has deleted it");
    // 1.34: not complete while a pod terminates, and that one does until its node is back.
    let complete = run.times("Completed", "Job completed");
    assert!(complete.len() == 1 && complete[0] > 1860.0, "{complete:?}");
}

/// Where only pods that have ended are replaced, the lost one is replaced once its node is back and
/// says so.
#[test]
fn a_lost_pod_that_must_have_ended_is_replaced_when_its_node_is_back() {
    let spec = "completions: 2, parallelism: 2, podReplacementPolicy: Failed, ";
    let crash = "  faults:\n    - {at: 60s, nodeCrash: {node: a-0, for: 10m}}\n";
    let run = run(&job(spec, "Never"), "{for: 20m}", crash);
    let pods = run.table("pods.csv");
    let lost = pods[..2].iter().filter(|pod| pod["node"] == "a-0").count();
    assert!(lost > 0 && pods.len() == 2 + lost, "{pods:?}");
    assert!(number(&pods[2]["created_seconds"]) > 660.0, "{pods:?}");
    assert!(same(run.metric("jobs_complete_total", "workload=\"default/work\""), 1.0));
}

#[test]
fn a_pod_that_is_evicted_has_not_done_its_work() {
    let drain = "  operations:\n    - {at: 100s, drain: {nodeSelector: {topology.kubernetes.io/zone: a}}}\n    - {at: 150s, uncordon: {node: a-0}}\n";
    let run = run(&job("completions: 1, ", "Never"), "{for: 10m}", drain);
    let pods = run.table("pods.csv");
    assert_eq!(pods.len(), 2);
    assert_eq!((&*pods[0]["phase"], &*pods[1]["phase"]), ("Failed", "Succeeded"));
    assert!(run.metric("job_duration_seconds", "") > 700.0, "begun anew");
}

#[test]
fn pods_of_a_deleted_job_go_even_if_they_were_on_their_way() {
    let object = cron("schedule: '*/10 * * * *', concurrencyPolicy: Replace");
    let run = run(&object, "{for: 15m}", "");
    let pods = run.table("pods.csv");
    let there = pods.iter().filter(|pod| pod["deleted_seconds"].is_empty()).count();
    assert!(there <= 1, "{there} of {}", pods.len());
}

#[test]
fn the_time_to_live_of_a_finished_job_takes_its_pods_along() {
    let run = run(&job("ttlSecondsAfterFinished: 120, ", "Never"), "{for: 30s}", "");
    let pods = run.table("pods.csv");
    let deleted = number(&pods[0]["deleted_seconds"]);
    assert!((150.0..165.0).contains(&deleted), "{deleted}");
}

#[test]
fn a_cron_job_starts_a_job_at_each_scheduled_time() {
    let run = run(&cron("schedule: '*/10 * * * *'"), "{for: 60s}", "");
    // At 00:10 to 01:50; the run ends at 02:00.
    let jobs = run.times("SuccessfulCreate", "Created job report-");
    assert!((11..=12).contains(&jobs.len()), "{jobs:?}");
    for (at, expected) in jobs.iter().zip((1..).map(|n| f64::from(n) * 600.0)) {
        assert!((expected..expected + 2.0).contains(at), "{jobs:?}");
    }
    let pods = run.table("pods.csv");
    // 2026-03-01T00:10:00Z is 29538730 minutes after 1970.
    assert!(pods[0]["name"].starts_with("report-29538730-"), "{}", pods[0]["name"]);
    assert!(run.metric("jobs_complete_total", "workload=\"default/report\"") >= 11.0);
    let there = pods.iter().filter(|pod| pod["deleted_seconds"].is_empty()).count();
    assert!((3..=4).contains(&there), "{there}: three successful ones are kept, and one may run");
}

/// Kubernetes-behaviour §3.6: what happens to a time at which an earlier Job still runs.
#[test]
fn a_job_that_runs_for_too_long_is_waited_for_replaced_or_joined() {
    for (policy, most) in [("Forbid", 1.0), ("Replace", 1.0), ("Allow", 2.0)] {
        let object = cron(&format!("schedule: '*/10 * * * *', concurrencyPolicy: {policy}"));
        let run = run(&object, "{for: 15m}", "");
        let running = run.series("pods", "state=\"ready\"");
        let together = running.iter().map(|(_, count)| *count).fold(0.0, f64::max);
        assert!(same(together, most), "{policy}: {together}");
        let complete = run.metric("jobs_complete_total", "workload=\"default/report\"");
        match policy {
            "Replace" => assert!(same(complete, 0.0), "{policy}: {complete}"),
            "Forbid" => assert!((6.0..=8.0).contains(&complete), "{policy}: {complete}"),
            _ => assert!(complete >= 9.0, "{policy}: {complete}"),
        }
        assert_eq!(run.times("JobAlreadyActive", "Forbid").is_empty(), policy != "Forbid");
    }
}

#[test]
fn while_nothing_can_be_written_scheduled_times_are_missed_and_the_last_is_made_up_for() {
    let down = "  faults:\n    - {at: 15m, apiServerOutage: {for: 40m}}\n";
    let all = run(&cron("schedule: '*/10 * * * *'"), "{for: 60s}", down);
    let jobs = all.times("SuccessfulCreate", "Created job report-");
    let late: Vec<f64> = jobs.iter().copied().filter(|at| (900.0..3600.0).contains(at)).collect();
    assert_eq!(late.len(), 1, "{jobs:?}: of 00:20 to 00:50 only the last");
    let strict = cron("schedule: '*/10 * * * *', startingDeadlineSeconds: 60");
    let run = run(&strict, "{for: 60s}", down);
    let jobs = run.times("SuccessfulCreate", "Created job report-");
    assert!(!jobs.iter().any(|at| (900.0..3590.0).contains(at)), "{jobs:?}: too late for that");
    // With a deadline the controller does not even look that far back.
    assert!(run.times("MissSchedule", "").is_empty());
}
