//! When probe workers tick. Only ticks that can change something are events.
//!
//! A container's health is piecewise constant. While it stays as it is and a worker's state is
//! steady for it, nothing that anyone could see happens at the worker's ticks: the worker sleeps.
//! When something changes it wakes, finds its next tick on its own grid, and ticks until its state
//! is steady again. The ticking oracle of the tests lets no worker sleep and gives the same facts.
//!
//! Fidelity: a probe that gets an answer takes no time; only time-outs do. The extra readiness
//! rounds of the kubelet's resync every 60–90 s are left out.

use super::container::{Activity, Container, Probe, Process};
use super::outcome::{self, Outcome, Outlook};
use super::pod::Stage;
use super::probe::Step;
use super::worker::Worker;
use crate::base::time::{SimDuration, SimTime};
use crate::event::{Event, KubeletEvent};
use crate::model::{ProbeHandler, ProbeKind, ProbeSpec};
use crate::record::Fact;
use crate::rng::StreamKind;

/// The first tick of a grid at or after `from`.
fn grid_tick(anchor: SimTime, period: SimDuration, from: SimTime) -> SimTime {
    let since = from.saturating_since(anchor).as_nanos();
    let periods = since.div_ceil(period.as_nanos().max(1));
    anchor.saturating_add(period.saturating_mul(periods))
}

/// The first tick of a grid after `last`; its very first where there was none.
fn grid_tick_after(anchor: SimTime, period: SimDuration, last: Option<SimTime>) -> SimTime {
    let from = last.map_or(SimTime::ZERO, |t| t.saturating_add(SimDuration::from_nanos(1)));
    grid_tick(anchor, period, from)
}

impl Probe {
    /// When a worker whose last round ended at `now` goes on. A tick that fell into the round is
    /// kept, one at most, and taken at once.
    pub(crate) fn next_after_round(&self, spec: &ProbeSpec, now: SimTime) -> SimTime {
        grid_tick_after(self.anchor, spec.period, self.last_tick).max(now)
    }

    /// When a worker that has slept goes on.
    fn next_after_sleep(&self, spec: &ProbeSpec, now: SimTime) -> SimTime {
        match self.last_tick {
            // Time-outs as long as the period follow one another without a pause.
            Some(last) if self.times_out && spec.timeout >= spec.period => {
                let after = last.saturating_add(spec.timeout);
                grid_tick(last, spec.timeout, now.max(after))
            }
            last => {
                let earliest = grid_tick_after(self.anchor, spec.period, last);
                grid_tick(self.anchor, spec.period, now.max(earliest))
            }
        }
    }

    /// Begin and end of the execution that a sleeping worker is in the middle of at `now`, if it is.
    fn unfinished(&self, spec: &ProbeSpec, now: SimTime) -> Option<(SimTime, SimTime)> {
        let last = self.last_tick.filter(|_| self.times_out)?;
        let pause = spec.period.max(spec.timeout);
        let base = if spec.timeout >= spec.period { last } else { self.anchor };
        let since = now.saturating_since(base).as_nanos() % pause.as_nanos().max(1);
        let began = SimTime::from_nanos(now.as_nanos() - since);
        let ends = began.saturating_add(spec.timeout);
        (ends > now && began >= last).then_some((began, ends))
    }
}

impl Worker<'_, '_> {
    /// A probe worker of a container.
    fn probe(&mut self, index: u8, place: usize) -> &mut Probe {
        &mut self.container(index).probes[place]
    }

    /// The declaration of a probe.
    fn probe_spec(&mut self, index: u8, place: usize) -> (ProbeKind, ProbeSpec) {
        let kind = self.probe(index, place).worker.kind();
        let spec = self.spec(index).probe(kind).expect("a worker exists only for a probe");
        (kind, *spec)
    }

    /// Something about the container changed: its sleeping workers look when to go on.
    pub(super) fn wake_probes(&mut self, index: u8) {
        if !self.node.up {
            return;
        }
        for place in 0..self.container(index).probes.len() {
            let (_, spec) = self.probe_spec(index, place);
            let now = self.cx.now;
            let probe = self.probe(index, place);
            match probe.activity {
                Activity::Executing | Activity::Ended => {}
                Activity::Asleep => {
                    match probe.unfinished(&spec, now).filter(|&(began, _)| began < now) {
                        // It has begun under what was so until now, and runs into its time-out.
                        Some((began, ends)) => {
                            probe.last_tick = Some(began);
                            self.execute_until(index, place, ends);
                        }
                        None => {
                            let next = probe.next_after_sleep(&spec, now);
                            self.plan(index, place, next);
                        }
                    }
                }
                // One that waits for the end of a delay may have to look earlier.
                Activity::Ticking => {
                    let next = probe.next_after_sleep(&spec, now);
                    if next < probe.due {
                        probe.activity = Activity::Asleep;
                        probe.epoch += 1;
                        self.plan(index, place, next);
                    }
                }
            }
        }
    }

    /// Ends the workers that must not kill any more: the pod is going.
    pub(super) fn end_killing_probes(&mut self, index: u8) {
        for probe in &mut self.container(index).probes {
            if probe.worker.kind() != ProbeKind::Readiness {
                probe.activity = Activity::Ended;
                probe.epoch += 1;
            }
        }
    }

    /// A scheduled tick.
    pub(super) fn tick(&mut self, index: u8, kind: ProbeKind, epoch: u32) {
        let Some(place) = self.container(index).probe_index(kind) else { return };
        let probe = self.probe(index, place);
        if probe.epoch == epoch && probe.activity == Activity::Ticking {
            self.round(index, place, false);
        }
    }

    /// The result of an execution that took time.
    pub(super) fn timed_out(&mut self, index: u8, kind: ProbeKind, epoch: u32) {
        let Some(place) = self.container(index).probe_index(kind) else { return };
        let probe = self.probe(index, place);
        if probe.epoch == epoch && probe.activity == Activity::Executing {
            self.result(index, place, Outcome::Timeout);
            self.conclude(index, place);
        }
    }

    /// The kubelet asks a readiness worker for an immediate round; its period starts anew. A tick
    /// of the same instant comes first, whichever of the two is handled first.
    pub(super) fn trigger(&mut self, index: u8, place: usize) {
        let now = self.cx.now;
        let (_, spec) = self.probe_spec(index, place);
        let probe = self.probe(index, place);
        let ticks_now = match probe.activity {
            Activity::Ticking => probe.due == now,
            Activity::Asleep => !probe.times_out && probe.next_after_sleep(&spec, now) == now,
            Activity::Executing | Activity::Ended => false,
        };
        if ticks_now {
            self.round(index, place, false);
        }
        let probe = self.probe(index, place);
        match probe.activity {
            Activity::Ended => {}
            Activity::Executing => probe.triggered = true,
            Activity::Asleep | Activity::Ticking => match probe.unfinished(&spec, now) {
                Some((_, ends)) if probe.activity == Activity::Asleep => {
                    probe.triggered = true;
                    self.execute_until(index, place, ends);
                }
                _ => self.immediate_round(index, place),
            },
        }
    }

    fn immediate_round(&mut self, index: u8, place: usize) {
        let now = self.cx.now;
        let probe = self.probe(index, place);
        probe.triggered = false;
        probe.anchor = now;
        self.round(index, place, true);
    }

    /// One round of a worker, up to the point where a probe that takes time is under way.
    fn round(&mut self, index: u8, place: usize, asked_for: bool) {
        let now = self.cx.now;
        let deleting = self.pod.stage != Stage::Active;
        let (_, spec) = self.probe_spec(index, place);
        let container = self.container(index);
        let seen = if asked_for {
            container.sighting_when_triggered(deleting)
        } else {
            container.sighting(now, deleting)
        };
        let probe = &mut container.probes[place];
        probe.epoch += 1;
        probe.last_tick = Some(now);
        probe.activity = Activity::Executing;
        probe.times_out = false;
        let (step, is_first_result) = probe.worker.begin(&seen, &spec, now);
        if is_first_result {
            self.refresh();
        }
        match step {
            Step::End => self.probe(index, place).activity = Activity::Ended,
            Step::Wait => {
                self.probe(index, place).timed_out = false;
                self.conclude(index, place);
            }
            // The runtime cannot execute the command: a round without a result.
            Step::Execute if spec.handler == ProbeHandler::Exec && !self.reaches_runtime() => {
                self.conclude(index, place);
            }
            Step::Execute => match self.look(index, place) {
                Outcome::Timeout => {
                    self.execute_until(index, place, now.saturating_add(spec.timeout));
                }
                outcome @ (Outcome::Success | Outcome::Failure(_)) => {
                    self.result(index, place, outcome);
                    self.conclude(index, place);
                }
            },
        }
    }

    fn execute_until(&mut self, index: u8, place: usize, ends: SimTime) {
        let pod = self.pod.id;
        let probe = self.probe(index, place);
        probe.epoch += 1;
        probe.activity = Activity::Executing;
        let (kind, epoch) = (probe.worker.kind(), probe.epoch);
        let event = KubeletEvent::ProbeResult { pod, container: index, kind, epoch };
        self.cx.at(ends, Event::Kubelet(event));
    }

    /// What an execution that begins now will find.
    fn look(&mut self, index: u8, place: usize) -> Outcome {
        match self.outlook(index, place) {
            Outlook::Sure(outcome) => outcome,
            Outlook::Chance(rate) => {
                let probe = self.probe(index, place);
                let (kind, draw) = (probe.worker.kind(), probe.draws);
                probe.draws += 1;
                let mut stream = self.cx.streams.stream(StreamKind::ProbeOutcome, self.pod.address);
                stream.seek(u64::from(index) << 34 | (kind as u64) << 32 | u64::from(draw));
                if stream.chance(rate) {
                    Outcome::Failure(outcome::Symptom::Status)
                } else {
                    Outcome::Success
                }
            }
        }
    }

    /// What a probe will find, of all that is wrong with the application.
    fn outlook(&mut self, index: u8, place: usize) -> Outlook {
        let (_, spec) = self.probe_spec(index, place);
        let behaviour = &self.spec(index).behaviour;
        let app = &self.pod.containers[usize::from(index)].app;
        app.conditions(&self.app_context(index))
            .map(|condition| outcome::outlook(condition, &spec, behaviour))
            .reduce(Outlook::and)
            .unwrap_or(Outlook::Sure(Outcome::Success))
    }

    /// The raw result of an execution is in.
    fn result(&mut self, index: u8, place: usize, outcome: Outcome) {
        let (kind, spec) = self.probe_spec(index, place);
        let success = outcome == Outcome::Success;
        let container = self.container(index);
        let instance = container.instances;
        let probe = &mut container.probes[place];
        probe.timed_out = outcome == Outcome::Timeout;
        let changed = probe.worker.finish(success, &spec) && probe.worker.knows(instance);
        if !success && probe.worker.failure_is_news(&spec) {
            self.cx.fact(Fact::ProbeFailed { pod: self.pod.id, container: index, kind });
            let ip = self.pod.ip();
            self.event((true, "Unhealthy"), || {
                format!("{} probe failed: {}", kind.name(), outcome::message(outcome, &spec, &ip))
            });
        }
        if !changed {
            return;
        }
        let pod = self.pod.id;
        self.cx.fact(Fact::ProbeResult { pod, container: index, kind, passing: success });
        match (kind, success) {
            (ProbeKind::Startup, true) => self.container_is_up(index),
            (ProbeKind::Startup | ProbeKind::Liveness, false) => self.condemn(index, kind),
            (ProbeKind::Liveness, true) | (ProbeKind::Readiness, _) => {}
        }
        self.refresh();
    }

    /// The startup probe has passed.
    fn container_is_up(&mut self, index: u8) {
        let now = self.cx.now;
        let container = self.container(index);
        container.started = container.seen == Process::Running;
        container.opened_at = now;
        self.wake_probes(index);
        self.advance();
    }

    /// A round is over.
    fn conclude(&mut self, index: u8, place: usize) {
        let now = self.cx.now;
        let (_, spec) = self.probe_spec(index, place);
        let probe = self.probe(index, place);
        if probe.activity == Activity::Ended {
            return;
        }
        probe.activity = Activity::Asleep;
        if probe.triggered {
            self.immediate_round(index, place);
        } else {
            let next = probe.next_after_round(&spec, now);
            self.plan(index, place, next);
        }
    }

    /// Schedules the next tick, `next` at the earliest, unless the worker can sleep.
    fn plan(&mut self, index: u8, place: usize, next: SimTime) {
        let analytic = self.is_analytic();
        if analytic && self.can_sleep(index, place) {
            return;
        }
        if self.pod.stage == Stage::Stopped {
            return;
        }
        let (kind, spec) = self.probe_spec(index, place);
        let pod = self.pod.id;
        let container = self.container(index);
        let allowed = container.started_at.saturating_add(spec.initial_delay);
        let probe = &mut container.probes[place];
        let delayed = analytic && probe.worker.knows(container.instances) && next < allowed;
        let at = if delayed { grid_tick(probe.anchor, spec.period, allowed) } else { next };
        probe.times_out = false;
        probe.epoch += 1;
        probe.activity = Activity::Ticking;
        probe.due = at;
        let epoch = probe.epoch;
        let event = KubeletEvent::Probe { pod, container: index, kind, epoch };
        self.cx.at(at, Event::Kubelet(event));
    }

    #[cfg(not(test))]
    fn is_analytic(&self) -> bool {
        true
    }

    #[cfg(test)]
    fn is_analytic(&self) -> bool {
        !self.node.ticks_always
    }

    /// Whether the worker's ticks would change nothing until something else changes.
    fn can_sleep(&mut self, index: u8, place: usize) -> bool {
        let outlook = self.outlook(index, place);
        let (_, spec) = self.probe_spec(index, place);
        if spec.handler == ProbeHandler::Exec && !self.reaches_runtime() {
            // Until the runtime is back no round has a result.
            return true;
        }
        let container = self.container(index);
        let Container { seen, seen_instance, process, instances, started, .. } = *container;
        let probe = &mut container.probes[place];
        probe.times_out = false;
        if seen != Process::Running || process != Process::Running {
            // The first look at an instance sets its result, even if it has exited.
            probe.timed_out = false;
            return seen != Process::Exited || probe.worker.knows(seen_instance);
        }
        if !probe.worker.knows(instances) {
            return false;
        }
        if probe.worker.is_on_hold() || probe.worker.is_gated(started) {
            probe.timed_out = false;
            return true;
        }
        let Outlook::Sure(outcome) = outlook else { return false };
        // Time-outs hold the worker up: when they begin and end, it is awake.
        let waits = outcome == Outcome::Timeout;
        let steady =
            probe.timed_out == waits && probe.worker.is_steady(outcome == Outcome::Success, &spec);
        probe.times_out = steady && waits;
        steady
    }
}
