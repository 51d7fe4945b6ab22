//! Vectors of the CronJob controller. Unix times are whole seconds.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::read;
use super::values::error;
use crate::controllers::cron_job::{
    Concurrency, CronAction, CronEvent, CronHistory, CronJobSpec, CronSync, Horizon, Missed,
    Schedule, Slot, Timetable, WallTime, most_recent, requeue_after,
};

/// The CronJob's name in the recordings.
const NAME: &str = "cj";

/// How many times are recorded.
const TIMES: usize = 6;

/// When a schedule is due.
pub(super) fn next(input: &Value) -> Result<Value, String> {
    let text: String = read(&input["schedule"])?;
    let Ok(schedule) = Schedule::parse(&text) else { return Ok(error()) };
    let mut at = Some(WallTime::from_secs(read(&input["from"])?));
    let mut times = Vec::new();
    while let Some(last) = at.filter(|_| times.len() < TIMES) {
        at = schedule.next(last);
        times.push(at.map(WallTime::secs));
    }
    Ok(json!({"next": times}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Looked {
    schedule: String,
    now: i64,
    creation: i64,
    last_schedule_time: Option<i64>,
    starting_deadline_seconds: Option<i64>,
}

/// What is due, and when to look again.
pub(super) fn schedule_time(input: &Value) -> Result<Value, String> {
    let input: Looked = read(input)?;
    let schedule = Schedule::parse(&input.schedule).map_err(|error| error.to_string())?;
    let now = WallTime::from_secs(input.now);
    let horizon = Horizon {
        created: WallTime::from_secs(input.creation),
        last_schedule: input.last_schedule_time.map(WallTime::from_secs),
        starting_deadline_s: input.starting_deadline_seconds,
    };
    let (earliest, due, missed, error) = match most_recent(&horizon, now, &schedule, true) {
        Ok(found) => (found.earliest, found.due, found.missed, None),
        Err(error) => (error.earliest, None, Missed::None, Some(error.to_string())),
    };
    let mut told = Map::new();
    told.insert("earliest".to_owned(), json!(earliest.secs()));
    told.insert("mostRecent".to_owned(), json!(due.map(WallTime::secs)));
    told.insert("missed".to_owned(), json!(missed.name()));
    let after = requeue_after(&horizon, now, &schedule).as_millis();
    told.insert("requeueAfterMs".to_owned(), json!(after));
    if let Some(error) = error {
        told.insert("error".to_owned(), json!(error));
    }
    Ok(Value::Object(told))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Trace {
    start: i64,
    duration: i64,
    job_durations: Vec<i64>,
    suspend: Vec<Suspended>,
    controller_down: Vec<Down>,
    spec: Spec,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Suspended {
    suspend_at: i64,
    resume_at: i64,
}

#[derive(Debug, Deserialize)]
struct Down {
    from: i64,
    to: i64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    schedule: String,
    time_zone: Option<String>,
    concurrency_policy: String,
    starting_deadline_seconds: Option<i64>,
    successful_jobs_history_limit: Option<usize>,
    failed_jobs_history_limit: Option<usize>,
}

/// What a CronJob's controller does.
pub(super) fn trace(input: &Value) -> Result<Value, String> {
    let Trace { start, duration, job_durations, suspend, controller_down, spec } = read(input)?;
    let concurrency = Concurrency::named(&spec.concurrency_policy);
    let history = CronHistory {
        spec: CronJobSpec {
            timetable: Timetable::of(&spec.schedule, spec.time_zone.as_deref()),
            schedule: spec.schedule,
            starting_deadline_s: spec.starting_deadline_seconds,
            concurrency: concurrency.ok_or("no concurrency policy")?,
            suspend: false,
            successful_limit: spec.successful_jobs_history_limit,
            failed_limit: spec.failed_jobs_history_limit,
            created: WallTime::from_secs(start),
        },
        duration_s: duration,
        job_durations_s: job_durations,
        suspended: suspend.iter().map(|span| (span.suspend_at, span.resume_at)).collect(),
        down: controller_down.iter().map(|span| (span.from, span.to)).collect(),
    };
    let syncs: Vec<Value> = history.run().iter().map(told).collect();
    Ok(json!({"syncs": syncs}))
}

fn told(sync: &CronSync) -> Value {
    let name = |slot: &Slot| slot.name(NAME);
    let action = |action: &CronAction| match action {
        CronAction::Create(slot) => format!("create {}", name(slot)),
        CronAction::Delete(slot) => format!("delete {}", name(slot)),
    };
    let mut told = Map::new();
    let mut tell = |key: &str, value: Value| told.insert(key.to_owned(), value);
    tell("t", json!(sync.t));
    tell("actions", sync.actions.iter().map(action).collect());
    tell("events", sync.events.iter().map(CronEvent::reason).collect());
    tell("active", sync.status.active.iter().map(name).collect());
    if let Some(last) = sync.status.last_schedule {
        tell("lastScheduleTime", json!(last.secs()));
    }
    if let Some(last) = sync.status.last_successful {
        tell("lastSuccessfulTime", json!(last.secs()));
    }
    Value::Object(told)
}
