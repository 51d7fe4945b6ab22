//! Vectors of the kubelet's probe workers.
//!
//! The recordings' world: one container, probes of fixed length, workers that tick from time zero.
//! How the container reacts is said in the recordings' format.

use std::collections::BTreeMap;
use std::iter::Cycle;

use serde::Deserialize;
use serde_json::{Number, Value, json};

use super::read;
use crate::base::time::{SimDuration, SimTime};
use crate::kubelet::{Activity, Probe, ProbeWorker, Sighting, Step, Verdict};
use crate::model::{ProbeHandler, ProbeKind, ProbeSpec};

const KINDS: [(ProbeKind, &str); 3] = [
    (ProbeKind::Startup, "startup"),
    (ProbeKind::Liveness, "liveness"),
    (ProbeKind::Readiness, "readiness"),
];

/// Executions in one round, as long as they end in errors.
const ATTEMPTS: u32 = 3;

#[derive(Clone, Copy, Debug)]
enum Act {
    Start,
    Exit { instance: u32, code: i64 },
    Tick { place: usize, epoch: u32 },
    Executed { place: usize, attempt: u32 },
}

struct Prober {
    probe: Probe,
    spec: ProbeSpec,
    name: &'static str,
    outcomes: Cycle<std::vec::IntoIter<char>>,
    latency: SimDuration,
}

struct Manager {
    agenda: BTreeMap<(SimTime, u32), Act>,
    number: u32,
    now: SimTime,
    probers: Vec<Prober>,
    instance: u32,
    running: bool,
    condemned: bool,
    started_at: SimTime,
    /// Instance, running, started, ready.
    status: Option<(u32, bool, bool, bool)>,
    kill_delay: SimDuration,
    restart_delay: SimDuration,
    policy: String,
    changes: Vec<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Given {
    initial_delay_seconds: Number,
    period_seconds: Number,
    success_threshold: u32,
    failure_threshold: u32,
}

fn seconds(value: &Value) -> Result<SimDuration, String> {
    let number: Number = read(value)?;
    format!("{number}s").parse().map_err(|_| format!("{number} is no number of seconds"))
}

impl Manager {
    fn new(input: &Value) -> Result<Self, String> {
        let mut manager = Self {
            agenda: BTreeMap::new(),
            number: 0,
            now: SimTime::ZERO,
            probers: Vec::new(),
            instance: 0,
            running: false,
            condemned: false,
            started_at: SimTime::ZERO,
            status: None,
            kill_delay: seconds(&input["killDelay"])?,
            restart_delay: seconds(&input["restartDelay"])?,
            policy: read(&input["restartPolicy"])?,
            changes: Vec::new(),
        };
        for (kind, name) in KINDS {
            let Some(given): Option<Given> = read(&input[name])? else { continue };
            let outcomes: String = read(&input["outcomes"][name])?;
            let outcomes: Vec<char> = outcomes.chars().collect();
            let place = manager.probers.len();
            manager.probers.push(Prober {
                probe: Probe::new(ProbeWorker::new(kind), SimTime::ZERO),
                spec: ProbeSpec {
                    handler: ProbeHandler::HttpGet,
                    initial_delay: seconds(&json!(given.initial_delay_seconds))?,
                    period: seconds(&json!(given.period_seconds))?,
                    timeout: SimDuration::from_secs(1),
                    success_threshold: given.success_threshold,
                    failure_threshold: given.failure_threshold,
                    termination_grace: None,
                },
                name,
                outcomes: outcomes.into_iter().cycle(),
                latency: seconds(&input["probeLatency"][name])?,
            });
            manager.plan(place, SimTime::ZERO);
        }
        manager.at(SimTime::ZERO + seconds(&input["firstContainerStart"])?, Act::Start);
        let exits: Option<Vec<Value>> = read(&input["selfExits"])?;
        for exit in exits.iter().flatten() {
            let code = read(&exit["exitCode"])?;
            manager.at(SimTime::ZERO + seconds(&exit["t"])?, Act::Exit { instance: 0, code });
        }
        Ok(manager)
    }

    fn at(&mut self, time: SimTime, act: Act) {
        self.number += 1;
        self.agenda.insert((time, self.number), act);
    }

    fn say(&mut self, mut change: Value) {
        change["t"] = json!(self.now);
        self.changes.push(change);
    }

    fn plan(&mut self, place: usize, at: SimTime) {
        let probe = &mut self.probers[place].probe;
        probe.epoch += 1;
        probe.activity = Activity::Ticking;
        let epoch = probe.epoch;
        self.at(at, Act::Tick { place, epoch });
    }

    fn run(&mut self, end: SimTime) {
        while let Some(((time, _), act)) = self.agenda.pop_first() {
            if time > end {
                break;
            }
            self.now = time;
            match act {
                Act::Start => self.start(),
                Act::Exit { instance, code } => self.exit(instance, code),
                Act::Tick { place, epoch } => {
                    if self.probers[place].probe.epoch == epoch {
                        self.round(place);
                    }
                }
                Act::Executed { place, attempt } => self.executed(place, attempt),
            }
        }
    }

    fn start(&mut self) {
        self.instance += 1;
        self.running = true;
        self.condemned = false;
        self.started_at = self.now;
        self.say(json!({"containerStarted": self.instance}));
        self.sync();
    }

    /// Instance 0 stands for whichever runs.
    fn exit(&mut self, instance: u32, code: i64) {
        if !self.running || (instance != 0 && instance != self.instance) {
            return;
        }
        self.running = false;
        self.say(json!({"containerTerminated": self.instance, "exitCode": code}));
        self.sync();
        let again = match self.policy.as_str() {
            "Always" => true,
            "OnFailure" => code != 0,
            _ => false,
        };
        if again {
            self.at(self.now + self.restart_delay, Act::Start);
        }
    }

    fn published(&self, kind: ProbeKind) -> Option<Verdict> {
        let prober = self.probers.iter().find(|p| p.probe.worker.kind() == kind)?;
        Some(prober.probe.worker.published(self.instance))
    }

    fn started(&self) -> bool {
        let passed = self.published(ProbeKind::Startup).is_none_or(|v| v == Verdict::Success);
        self.running && passed
    }

    fn sync(&mut self) {
        let started = self.started();
        let passed = self.published(ProbeKind::Readiness).is_none_or(|v| v == Verdict::Success);
        let ready = started && passed;
        let status = Some((self.instance, self.running, started, ready));
        if self.status != status {
            self.status = status;
            self.say(json!({"status": {"started": started, "ready": ready}}));
        }
        if started && !ready {
            let readiness = |p: &Prober| p.probe.worker.kind() == ProbeKind::Readiness;
            if let Some(place) = self.probers.iter().position(readiness) {
                self.trigger(place);
            }
        }
    }

    fn trigger(&mut self, place: usize) {
        let now = self.now;
        let probe = &mut self.probers[place].probe;
        match probe.activity {
            Activity::Ended => {}
            Activity::Executing => probe.triggered = true,
            Activity::Asleep | Activity::Ticking => {
                probe.anchor = now;
                self.round(place);
            }
        }
    }

    fn round(&mut self, place: usize) {
        let seen = Sighting {
            instance: self.instance,
            running: self.running,
            started: self.started(),
            started_at: self.started_at,
            deleting: false,
        };
        let now = self.now;
        let prober = &mut self.probers[place];
        let probe = &mut prober.probe;
        probe.epoch += 1;
        probe.last_tick = Some(now);
        probe.activity = Activity::Executing;
        probe.triggered = false;
        let before = probe.worker.published(seen.instance);
        let (step, is_new) = probe.worker.begin(&seen, &prober.spec, now);
        let after = probe.worker.published(seen.instance);
        if is_new {
            self.stored(place, before);
        }
        if before != after {
            self.stored(place, after);
        }
        match step {
            Step::End => self.probers[place].probe.activity = Activity::Ended,
            Step::Wait => self.conclude(place),
            Step::Execute => {
                let at = now + self.probers[place].latency;
                self.at(at, Act::Executed { place, attempt: 1 });
            }
        }
    }

    fn executed(&mut self, place: usize, attempt: u32) {
        let prober = &mut self.probers[place];
        let outcome = prober.outcomes.next().unwrap_or('E');
        let (name, latency) = (prober.name, prober.latency);
        self.say(json!({"probe": name, "outcome": outcome}));
        if outcome == 'E' {
            if attempt < ATTEMPTS {
                self.at(self.now + latency, Act::Executed { place, attempt: attempt + 1 });
            } else {
                self.conclude(place);
            }
            return;
        }
        let prober = &mut self.probers[place];
        let value = if outcome == 'F' { Verdict::Failure } else { Verdict::Success };
        if prober.probe.worker.finish(outcome != 'F', &prober.spec) {
            self.stored(place, value);
        }
        self.conclude(place);
    }

    /// A stored result became `value`.
    fn stored(&mut self, place: usize, value: Verdict) {
        let prober = &self.probers[place];
        let (worker, name) = (prober.probe.worker, prober.name);
        let about = (1..=self.instance).rev().find(|&instance| worker.knows(instance));
        let Some(about) = about else { return };
        let word = match value {
            Verdict::Success => "Success",
            Verdict::Failure => "Failure",
            Verdict::Unknown => "UNKNOWN",
        };
        self.say(json!({"result": name, "container": format!("c{about}"), "value": word}));
        let kills = value == Verdict::Failure && worker.kind() != ProbeKind::Readiness;
        if kills && self.running && about == self.instance && !self.condemned {
            self.condemned = true;
            let exit = Act::Exit { instance: self.instance, code: 137 };
            self.at(self.now + self.kill_delay, exit);
        }
        self.sync();
    }

    fn conclude(&mut self, place: usize) {
        let now = self.now;
        let prober = &mut self.probers[place];
        prober.probe.activity = Activity::Asleep;
        if prober.probe.triggered {
            prober.probe.anchor = now;
            self.round(place);
        } else {
            let next = prober.probe.next_after_round(&prober.spec, now);
            self.plan(place, next);
        }
    }
}

/// What the workers of one container do.
pub(super) fn trace(input: &Value) -> Result<Value, String> {
    let mut manager = Manager::new(input)?;
    manager.run(SimTime::ZERO + seconds(&input["duration"])?);
    Ok(json!({"changes": manager.changes}))
}

/// How far apart two times may be that mean the same: the recording's clock counts milliseconds,
/// and rounds a time that has waited for a timer.
const TICK: SimDuration = SimDuration::from_millis(1);

/// What a change says, without its time, and whatever the order of its fields.
fn words(change: &Value) -> String {
    let Some(fields) = change.as_object() else { return change.to_string() };
    let told = fields.iter().filter(|(name, _)| *name != "t");
    let told: BTreeMap<&String, String> = told.map(|(name, is)| (name, words(is))).collect();
    format!("{told:?}")
}

/// The mutual order of changes at one instant means nothing: here equal ones stand together, by
/// their times.
pub(super) fn by_words(_input: &Value, output: &mut Value) {
    if let Some(changes) = output["changes"].as_array_mut() {
        changes.sort_by_cached_key(time_of);
        changes.sort_by_cached_key(words);
    }
}

fn time_of(change: &Value) -> Option<SimTime> {
    seconds(&change["t"]).ok().map(|since| SimTime::ZERO + since)
}

/// Where a change of ours is recorded within a tick of the recording's clock, it has the recorded
/// time. Both sides are sorted.
pub(super) fn within_a_tick(ours: &mut Value, theirs: &Value) {
    let Some(ours) = ours["changes"].as_array_mut() else { return };
    let theirs = theirs["changes"].as_array().into_iter().flatten();
    for (our, their) in ours.iter_mut().zip(theirs) {
        let (Some(at), Some(recorded)) = (time_of(our), time_of(their)) else { continue };
        let (early, late) = (at + TICK < recorded, recorded + TICK < at);
        if !late && !early && words(our) == words(their) {
            our["t"] = their["t"].clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_is_forgiven_and_nothing_more() {
        let change = |t: &str, instance: &str| {
            let text = format!(r#"{{"changes": [{{"t": {t}, "containerStarted": {instance}}}]}}"#);
            serde_json::from_str::<Value>(&text).unwrap()
        };
        let recorded = change("2.51", "1");
        let told = |t, instance| {
            let mut ours = change(t, instance);
            within_a_tick(&mut ours, &recorded);
            ours == recorded
        };
        assert!(told("2.509", "1") && told("2.511", "1"));
        assert!(!told("2.508", "1") && !told("2.512", "1") && !told("2.51", "2"));
    }
}
