//! The probe worker against recorded traces of the kubelet's prober manager.
//!
//! The recordings' world: one container, probes of fixed length, workers that tick from time zero.
//! `kubelet_prober_trace` in the recordings' FORMAT says how the container reacts.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::base::recorded;
use crate::base::time::{SimDuration, SimTime};
use crate::kubelet::container::{Activity, Probe};
use crate::kubelet::probe::{ProbeWorker, Sighting, Step, Verdict};
use crate::model::{ProbeHandler, ProbeKind, ProbeSpec};

const KINDS: [(ProbeKind, &str); 3] = [
    (ProbeKind::Startup, "startup"),
    (ProbeKind::Liveness, "liveness"),
    (ProbeKind::Readiness, "readiness"),
];

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
    outcomes: Vec<char>,
    next: usize,
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
    lines: Vec<(u64, String)>,
}

/// Times are given in whole milliseconds.
fn millis(value: &Value) -> u64 {
    (value.as_f64().unwrap() * 1000.0).round() as u64
}

fn seconds(value: &Value) -> SimDuration {
    SimDuration::from_millis(millis(value))
}

impl Manager {
    fn new(input: &Value) -> Self {
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
            kill_delay: seconds(&input["killDelay"]),
            restart_delay: seconds(&input["restartDelay"]),
            policy: input["restartPolicy"].as_str().unwrap().to_owned(),
            lines: Vec::new(),
        };
        for (kind, name) in KINDS {
            let given = &input[name];
            if given.is_null() {
                continue;
            }
            let count = |key: &str| u32::try_from(given[key].as_u64().unwrap()).unwrap();
            let spec = ProbeSpec {
                handler: ProbeHandler::HttpGet,
                initial_delay: seconds(&given["initialDelaySeconds"]),
                period: seconds(&given["periodSeconds"]),
                timeout: SimDuration::from_secs(1),
                success_threshold: count("successThreshold"),
                failure_threshold: count("failureThreshold"),
                termination_grace: None,
            };
            manager.probers.push(Prober {
                probe: Probe::new(ProbeWorker::new(kind), SimTime::ZERO),
                spec,
                name,
                outcomes: input["outcomes"][name].as_str().unwrap().chars().collect(),
                next: 0,
                latency: seconds(&input["probeLatency"][name]),
            });
            let place = manager.probers.len() - 1;
            manager.plan(place, SimTime::ZERO);
        }
        manager.at(SimTime::ZERO + seconds(&input["firstContainerStart"]), Act::Start);
        for exit in input["selfExits"].as_array().unwrap() {
            let code = exit["exitCode"].as_i64().unwrap();
            manager.at(SimTime::ZERO + seconds(&exit["t"]), Act::Exit { instance: 0, code });
        }
        manager
    }

    fn at(&mut self, time: SimTime, act: Act) {
        self.number += 1;
        self.agenda.insert((time, self.number), act);
    }

    fn say(&mut self, line: String) {
        self.lines.push((self.now.as_nanos() / 1_000_000, line));
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
        self.say(format!("start {}", self.instance));
        self.sync();
    }

    /// Instance 0 stands for whichever runs.
    fn exit(&mut self, instance: u32, code: i64) {
        if !self.running || (instance != 0 && instance != self.instance) {
            return;
        }
        self.running = false;
        self.say(format!("exit {} {code}", self.instance));
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
            self.say(format!("status {started} {ready}"));
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
        let outcome = prober.outcomes[prober.next % prober.outcomes.len()];
        prober.next += 1;
        let (name, latency) = (prober.name, prober.latency);
        self.say(format!("{name} {outcome}"));
        if outcome == 'E' {
            if attempt < 3 {
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
        let about = (0..=self.instance).rev().find(|&i| i > 0 && worker.knows(i)).unwrap();
        self.say(format!("{name} c{about} {value:?}"));
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

fn expected_line(change: &Value) -> (u64, String) {
    let text = |key: &str| change[key].as_str().unwrap().to_owned();
    let flag = |key: &str| change["status"][key].as_bool().unwrap();
    let line = if change["probe"].is_string() {
        format!("{} {}", text("probe"), text("outcome"))
    } else if change["result"].is_string() {
        let value = text("value").replace("UNKNOWN", "Unknown");
        format!("{} {} {value}", text("result"), text("container"))
    } else if change["status"].is_object() {
        format!("status {} {}", flag("started"), flag("ready"))
    } else if change["containerStarted"].is_number() {
        format!("start {}", change["containerStarted"])
    } else {
        format!("exit {} {}", change["containerTerminated"], change["exitCode"])
    };
    (millis(&change["t"]), line)
}

/// The same lines, each at the same time; times of the recording are exact to 1 ms.
fn agree(found: &mut [(u64, String)], wanted: &mut [(u64, String)]) -> bool {
    let order = |a: &(u64, String), b: &(u64, String)| (&a.1, a.0).cmp(&(&b.1, b.0));
    found.sort_by(order);
    wanted.sort_by(order);
    let same = |(a, b): (&(u64, String), &(u64, String))| a.1 == b.1 && a.0.abs_diff(b.0) <= 1;
    found.len() == wanted.len() && found.iter().zip(&*wanted).all(same)
}

#[test]
fn workers_agree_with_the_recorded_prober() {
    let (mut cases, mut agreed) = (0, 0);
    let mut differing = Vec::new();
    recorded::for_each("kubelet_prober_trace", |case, input, expected| {
        let mut manager = Manager::new(input);
        manager.run(SimTime::ZERO + seconds(&input["duration"]));
        let mut found = manager.lines;
        let mut wanted: Vec<_> =
            expected["changes"].as_array().unwrap().iter().map(expected_line).collect();
        cases += 1;
        if agree(&mut found, &mut wanted) {
            agreed += 1;
        } else {
            let at = found.iter().zip(&wanted).position(|(a, b)| a != b);
            let at = at.unwrap_or(found.len().min(wanted.len()));
            differing.push(format!("{case}: {:?} for {:?}", found.get(at), wanted.get(at)));
        }
    });
    println!("kubelet_prober_trace: {agreed} of {cases} cases agree\n{}", differing.join("\n"));
    assert_eq!(agreed, cases);
}
