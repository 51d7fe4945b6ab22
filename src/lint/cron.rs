//! The rule about CronJobs whose runs outlast their schedule.

use std::collections::BTreeSet;

use k8s_openapi::api::batch::v1::CronJobSpec;

use super::findings::Findings;
use super::rules;
use super::scene::{Scene, Workload};
use super::services::slept;
use crate::scenario::manifest::Object;

/// Minutes of a day.
const DAY: u32 = 24 * 60;

/// Looks at every CronJob that forbids a run beside another.
pub(super) fn check(scene: &Scene<'_>, found: &mut Findings) {
    for workload in &scene.workloads {
        let Object::CronJob(job) = &workload.manifest.object else { continue };
        let Some(spec) = &job.spec else { continue };
        outlasts(workload, spec, found);
    }
}

fn outlasts(workload: &Workload<'_>, spec: &CronJobSpec, found: &mut Findings) {
    if spec.concurrency_policy.as_deref() != Some("Forbid") || spec.suspend == Some(true) {
        return;
    }
    let (Some(wait), Some(run)) = (shortest_wait(&spec.schedule), run_seconds(workload)) else {
        return;
    };
    let wait = i64::from(wait) * 60;
    if run >= wait {
        let message = format!(
            "{}: a run sleeps for {run} s at least, and is due again after {wait} s",
            workload.title()
        );
        let at = workload.manifest.cursor().keys(&["spec", "schedule"]);
        found.add(&rules::JOB_OUTLASTS_SCHEDULE, workload.manifest, &at, message);
    }
}

/// What a run takes at least, as far as its commands say: containers one after another at first,
/// then side by side.
fn run_seconds(workload: &Workload<'_>) -> Option<i64> {
    let command = |container: &k8s_openapi::api::core::v1::Container| {
        let command = container.command.iter().chain(&container.args);
        let words: Vec<String> = command.flatten().cloned().collect();
        slept(&words)
    };
    let init = workload.pod.init_containers.iter().flatten();
    let init = init.filter(|container| container.restart_policy.is_none());
    let before = init.filter_map(command).fold(0_i64, i64::saturating_add);
    let beside = workload.pod.containers.iter().filter_map(command).max();
    match (before, beside) {
        (0, None) => None,
        (before, beside) => Some(before.saturating_add(beside.unwrap_or(0))),
    }
}

/// The shortest wait between two runs of a day, in minutes, taking every day to be one of them.
/// None for a schedule that is not understood.
fn shortest_wait(schedule: &str) -> Option<u32> {
    let schedule = match schedule.trim() {
        "@hourly" => "0 * * * *",
        "@daily" | "@midnight" | "@weekly" | "@monthly" | "@yearly" | "@annually" => "0 0 * * *",
        text => text,
    };
    if let Some(every) = schedule.strip_prefix("@every ") {
        let every: crate::base::time::SimDuration = every.trim().parse().ok()?;
        return u32::try_from(every.as_secs() / 60).ok();
    }
    let fields: Vec<&str> = schedule.split_whitespace().collect();
    let [minutes, hours, _, _, _] = fields.as_slice() else { return None };
    let (minutes, hours) = (values(minutes, 59)?, values(hours, 23)?);
    let mut times: Vec<u32> = hours
        .iter()
        .flat_map(|hour| minutes.iter().map(move |minute| hour * 60 + minute))
        .collect();
    times.push(times.first()? + DAY);
    times.windows(2).map(|pair| pair[1] - pair[0]).min()
}

/// The values of one field of a schedule: lists of `*`, numbers and ranges, each with a step.
fn values(field: &str, most: u32) -> Option<BTreeSet<u32>> {
    let mut all = BTreeSet::new();
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse::<usize>().ok().filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            Some((from, to)) => (from.parse().ok()?, to.parse().ok()?),
            None if range == "*" || range == "?" => (0, most),
            None => {
                let from = range.parse().ok()?;
                (from, if part.contains('/') { most } else { from })
            }
        };
        if from > to || to > most {
            return None;
        }
        all.extend((from..=to).step_by(step));
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_wait_of_a_schedule() {
        for (schedule, minutes) in [
            ("* * * * *", Some(1)),
            ("*/5 * * * *", Some(5)),
            ("7/20 * * * *", Some(20)),
            ("0 3 * * *", Some(DAY)),
            ("0,50 * * * *", Some(10)),
            ("0 9-17 * * 1-5", Some(60)),
            ("58 23 * * *", Some(DAY)),
            ("0 0,23 * * *", Some(60)),
            ("@hourly", Some(60)),
            ("@every 90m", Some(90)),
            ("@often", None),
            ("61 * * * *", None),
            ("*/0 * * * *", None),
        ] {
            assert_eq!(shortest_wait(schedule), minutes, "{schedule}");
        }
    }
}
