//! Worked examples of kubernetes-behaviour §3.6, and what holds for any history.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Monday, 5 January 2026, 00:00 UTC.
const MONDAY: i64 = 1_767_571_200;
const HOUR: i64 = 3600;

fn at(secs: i64) -> WallTime {
    WallTime::from_secs(MONDAY + secs)
}

fn spec(schedule: &str, concurrency: Concurrency) -> CronJobSpec {
    CronJobSpec {
        schedule: schedule.to_owned(),
        timetable: Timetable::of(schedule, None),
        starting_deadline_s: None,
        concurrency,
        suspend: false,
        successful_limit: Some(3),
        failed_limit: Some(1),
        created: at(0),
    }
}

fn running(slot: Slot) -> ScheduledJob {
    ScheduledJob { slot, started: Some(at(0)), ended: None }
}

fn after(last: i64) -> CronJobStatus {
    CronJobStatus { last_schedule: Some(at(last)), ..CronJobStatus::default() }
}

fn reasons(out: &CronOutcome) -> Vec<&'static str> {
    out.events.iter().map(CronEvent::reason).collect()
}

#[test]
fn days_that_are_both_written_are_alternatives() {
    let days = |text: &str, count| -> Vec<i64> {
        let schedule = Schedule::parse(text).unwrap();
        let times = std::iter::successors(Some(at(0)), |last| schedule.next(*last));
        times.skip(1).take(count).map(|time| (time.secs() - MONDAY) / (24 * HOUR)).collect()
    };
    // The 13th or a Friday, and the 13th if it is any day.
    assert_eq!(days("0 0 13 * 5", 3), [4, 8, 11]);
    assert_eq!(days("0 0 13 * *", 2), [8, 39]);
    // `*/2` is a list, not a star: every second day of the month, or Fridays.
    assert_eq!(days("0 0 */2 * 5", 4), [2, 4, 6, 8]);
    assert_eq!(days("0 0 ? * FRI", 2), [4, 11]);
}

#[test]
fn a_skipped_hour_is_skipped_and_a_repeated_one_comes_twice() {
    let zone = Zone::named("America/New_York").unwrap();
    let times = |text: &str, from: Civil, count: usize| -> Vec<(i64, i64, i64)> {
        let schedule = Schedule::parse(&format!("TZ=America/New_York {text}")).unwrap();
        let times = std::iter::successors(Some(zone.instant(from)), |last| schedule.next(*last));
        let shown = times.skip(1).take(count).map(|time| zone.civil(time));
        shown.map(|shown| (shown.day, shown.hour, shown.minute)).collect()
    };
    let night =
        |month, day| Civil { year: 2026, month, day, hour: 0, minute: 45, second: 0, weekday: 0 };
    // 8 March has no 02:30; 1 November has two hours from 1 to 2.
    assert_eq!(times("30 2 * * *", night(3, 7), 2), [(7, 2, 30), (9, 2, 30)]);
    assert_eq!(times("0 * * * *", night(11, 1), 3), [(1, 1, 0), (1, 1, 0), (1, 2, 0)]);
}

#[test]
fn what_is_no_schedule_says_why() {
    let error = |text: &str| Schedule::parse(text).unwrap_err().to_string();
    assert_eq!(error(""), "empty spec string");
    assert_eq!(error("@often"), "unrecognized descriptor: @often");
    assert_eq!(error("60 * * * *"), "end of range (60) above maximum (59): 60");
    assert_eq!(error("* * 0 * *"), "beginning of range (0) below minimum (1): 0");
    assert_eq!(error("9-5 * * * *"), "beginning of range (9) beyond end of range (5): 9-5");
    assert_eq!(error("*/0 * * * *"), "step of range should be a positive number: */0");
    assert_eq!(error("1-2-3 * * * *"), "too many hyphens: 1-2-3");
    assert_eq!(error("1/2/3 * * * *"), "too many slashes: 1/2/3");
    assert_eq!(
        error("* * * *"),
        "expected exactly 5 fields, found 4: [\"*\", \"*\", \"*\", \"*\"]"
    );
    assert!(error("TZ=Not/AZone * * * * *").starts_with("provided bad location Not/AZone"));
    assert!(Schedule::parse("TZ=UTC").is_err());
}

#[test]
fn only_the_most_recent_of_many_missed_times_is_served() {
    let spec = spec("*/5 * * * *", Concurrency::Allow);
    // 9 hours are 108 times.
    let out = sync(&spec, &after(0), &[], at(9 * HOUR + 7));
    assert_eq!(reasons(&out), ["TooManyMissedTimes", "SuccessfulCreate"]);
    assert_eq!(out.create, Some(at(9 * HOUR)));
    let out = sync(&spec, &after(HOUR), &[], at(9 * HOUR + 7));
    assert_eq!(reasons(&out), ["SuccessfulCreate"]);
    // The next look is 100 ms after the next time.
    assert_eq!(out.requeue_after.map(|after| after.as_millis()), Some(293_100));
    assert_eq!(out.status.unwrap().last_schedule, Some(at(9 * HOUR)));
}

#[test]
fn a_starting_deadline_that_has_passed_drops_the_time() {
    let mut spec = spec("0 * * * *", Concurrency::Allow);
    spec.starting_deadline_s = Some(10);
    let create = |now| sync(&spec, &after(0), &[], at(now)).create;
    assert_eq!(create(HOUR + 9), Some(at(HOUR)));
    // The horizon begins at the deadline, so it is not even seen.
    assert_eq!(create(HOUR + 10), None);
    assert_eq!(create(HOUR + 11), None);
    let told = CronEvent::MissSchedule(at(HOUR)).message("c");
    assert_eq!(told, "Missed scheduled time to start a job: Mon, 05 Jan 2026 01:00:00 +0000");
}

#[test]
fn forbid_waits_and_replace_deletes() {
    let first = Slot::of(at(HOUR));
    let status = CronJobStatus { active: vec![first], ..after(HOUR) };
    let now = at(2 * HOUR + 1);
    let out = |policy, jobs: &[ScheduledJob]| sync(&spec("0 * * * *", policy), &status, jobs, now);
    let forbidden = out(Concurrency::Forbid, &[running(first)]);
    assert_eq!((reasons(&forbidden), forbidden.create), (vec!["JobAlreadyActive"], None));
    assert_eq!(forbidden.status, None);
    // As soon as it has ended the time is served, if it is still the most recent one.
    let ended = ScheduledJob { ended: Some(Ending::Failed), ..running(first) };
    let out_late = out(Concurrency::Forbid, &[ended]);
    assert_eq!(reasons(&out_late), ["SawCompletedJob", "SuccessfulCreate"]);
    assert_eq!(out_late.create, Some(at(2 * HOUR)));
    let replaced = out(Concurrency::Replace, &[running(first)]);
    assert_eq!(replaced.replace, [first]);
    assert_eq!(replaced.status.unwrap().active, [Slot::of(at(2 * HOUR))]);
    let both = out(Concurrency::Allow, &[running(first)]);
    assert_eq!(both.status.unwrap().active.len(), 2);
}

#[test]
fn a_time_is_served_once() {
    let spec = spec("0 * * * *", Concurrency::Allow);
    let now = at(HOUR + 1);
    let out = sync(&spec, &after(0), &[], now);
    let status = out.status.unwrap();
    let slot = Slot::of(at(HOUR));
    let again = sync(&spec, &status, &[running(slot)], now);
    assert_eq!((again.create, again.status), (None, None));
    // A Job of that name whose status was lost is taken for it.
    let lost = sync(&spec, &after(0), &[running(slot)], now);
    assert_eq!((lost.create, lost.status.unwrap().active), (None, vec![slot]));
}

#[test]
fn what_keeps_a_cron_job_from_running_is_told() {
    let zoned = Timetable::of("0 * * * *", Some("Not/AZone"));
    let base = spec("0 * * * *", Concurrency::Allow);
    let of = |spec: &CronJobSpec| sync(spec, &after(0), &[], at(HOUR));
    let out = of(&CronJobSpec { timetable: zoned, suspend: true, ..base.clone() });
    assert_eq!(reasons(&out), ["UnknownTimeZone"]);
    assert_eq!(
        out.events[0].message("c"),
        "invalid timeZone: \"Not/AZone\": unknown time zone Not/AZone"
    );
    assert_eq!(of(&CronJobSpec { suspend: true, ..base }), CronOutcome::default());
    let out = of(&spec("every hour", Concurrency::Allow));
    assert_eq!(reasons(&out), ["UnparseableSchedule"]);
    let out = of(&spec("59 23 31 2 *", Concurrency::Allow));
    assert_eq!((reasons(&out), out.requeue_after), (vec!["InvalidSchedule"], None));
    let out = of(&spec("TZ=Asia/Kolkata 0 * * * *", Concurrency::Allow));
    assert_eq!(reasons(&out)[0], "UnsupportedSchedule");
}

#[test]
fn the_oldest_jobs_above_the_limits_go() {
    let spec = spec("0 * * * *", Concurrency::Allow);
    let ended = |n: i64, ending| ScheduledJob {
        slot: Slot(n),
        started: Some(at(100 - n)),
        ended: Some(ending),
    };
    let good = |n| ended(n, Ending::Complete(at(200 + n)));
    let jobs =
        [good(1), good(2), good(3), good(4), ended(5, Ending::Failed), ended(6, Ending::Failed)];
    let out = sync(&spec, &after(0), &jobs, at(300));
    assert_eq!(out.prune, [Slot(4), Slot(6)], "those that started first");
    assert_eq!(out.status.unwrap().last_successful, Some(at(204)));
    let unlimited = CronJobSpec { successful_limit: None, failed_limit: Some(0), ..spec };
    assert_eq!(sync(&unlimited, &after(0), &jobs, at(300)).prune, [Slot(6), Slot(5)]);
}

#[test]
fn jobs_that_appear_and_vanish_are_told() {
    let spec = spec("0 * * * *", Concurrency::Allow);
    let status = CronJobStatus { active: vec![Slot(1)], ..after(0) };
    let out = sync(&spec, &status, &[running(Slot(2))], at(1));
    assert_eq!(reasons(&out), ["UnexpectedJob", "MissingJob"]);
    assert!(out.status.unwrap().active.is_empty());
}

fn history() -> impl Strategy<Value = CronHistory> {
    let schedules = ["* * * * *", "*/7 * * * *", "@every 20s", "@every 90s", "30 2 * * *"];
    let zones = [None, Some("America/New_York"), Some("Australia/Lord_Howe")];
    let policies = [Concurrency::Allow, Concurrency::Forbid, Concurrency::Replace];
    let span = || prop::option::of((1_i64..1500, 1_i64..1500));
    let limits = (prop::option::of(0_usize..3), prop::option::of(5_i64..200));
    let durations = prop::collection::vec(-400_i64..400, 1..8);
    ((0..5_usize, 0..3_usize, 0..3_usize), durations, (span(), span()), limits, 0_i64..40_000_000)
        .prop_map(move |((schedule, zone, policy), durations, spans, limits, created)| {
            let (suspended, down) = spans;
            let whole = |span: (i64, i64)| (span.0, span.0 + span.1);
            let schedule = schedules[schedule];
            CronHistory {
                spec: CronJobSpec {
                    timetable: Timetable::of(schedule, zones[zone]),
                    starting_deadline_s: limits.1,
                    successful_limit: limits.0,
                    created: at(created),
                    ..spec(schedule, policies[policy])
                },
                duration_s: 3000,
                job_durations_s: durations,
                suspended: suspended.map(whole).into_iter().collect(),
                down: down.map(whole).into_iter().collect(),
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn one_scheduled_time_never_has_two_jobs(history in history()) {
        let mut times = BTreeSet::new();
        for sync in history.run() {
            for action in &sync.actions {
                if let CronAction::Create(slot) = action {
                    let time = sync.status.last_schedule;
                    prop_assert!(times.insert(time), "{time:?} twice");
                    // It is named for a time that has come, and no later than allowed.
                    let now = history.spec.created.plus_secs(sync.t);
                    let late = now.secs() - time.unwrap().secs();
                    prop_assert!(late >= 0);
                    prop_assert!(history.spec.starting_deadline_s.is_none_or(|most| late <= most));
                    prop_assert_eq!(*slot, Slot::of(time.unwrap()));
                }
            }
            let alone = history.spec.concurrency != Concurrency::Allow;
            prop_assert!(!alone || sync.status.active.len() <= 1);
            let down = history.down.iter().any(|(from, to)| (*from..*to).contains(&sync.t));
            prop_assert!(!down);
        }
    }
}
