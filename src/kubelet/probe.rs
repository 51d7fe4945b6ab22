//! One probe worker: the state machine of the kubelet's prober. Pure.
//!
//! A worker belongs to one (container, probe kind) for the life of the pod. It ticks with the
//! probe's period from its own start, not the container's. Scheduling of ticks is `probing`'s
//! business; here is what a tick does.

use crate::base::time::SimTime;
use crate::model::{ProbeKind, ProbeSpec};

/// A probe result as workers keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// No result yet.
    Unknown,
    /// Success (a warning counts as success).
    Success,
    /// Failure.
    Failure,
}

/// The container as the kubelet's status manager has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sighting {
    /// Instance number from 1 of the container seen last; 0 if none has been created.
    pub(crate) instance: u32,
    /// It runs.
    pub(crate) running: bool,
    /// Its startup probe has passed, or it has none.
    pub(crate) started: bool,
    /// When the instance started.
    pub(crate) started_at: SimTime,
    /// The pod is being deleted.
    pub(crate) deleting: bool,
}

/// What to do at a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing; wait for the next tick.
    Wait,
    /// Execute the probe.
    Execute,
    /// The worker's work is over.
    End,
}

/// State of one worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProbeWorker {
    kind: ProbeKind,
    published: Verdict,
    last: Verdict,
    on_hold: bool,
    /// Length of the current run of equal raw results. It goes on with the next instance.
    run: u32,
    /// The container instance that the state is about; 0 before the first.
    instance: u32,
}

impl ProbeWorker {
    /// A worker that has seen no container.
    pub(crate) fn new(kind: ProbeKind) -> Self {
        Self {
            kind,
            published: initial(kind),
            last: Verdict::Unknown,
            on_hold: false,
            run: 0,
            instance: 0,
        }
    }

    /// A worker that has seen its container's first instance pass for long.
    pub(crate) fn passing(kind: ProbeKind) -> Self {
        Self {
            published: Verdict::Success,
            last: Verdict::Success,
            on_hold: kind == ProbeKind::Startup,
            run: if kind == ProbeKind::Startup { 0 } else { u32::MAX },
            instance: 1,
            ..Self::new(kind)
        }
    }

    /// The worker of a kubelet that has started again, of a container instance that was ready: a
    /// result stands until there is another.
    pub(crate) fn taken_over(kind: ProbeKind, instance: u32) -> Self {
        Self { published: Verdict::Success, instance, ..Self::new(kind) }
    }

    /// Which probe.
    pub(crate) fn kind(&self) -> ProbeKind {
        self.kind
    }

    /// The published result about a container instance; results of another instance do not count.
    pub(crate) fn published(&self, instance: u32) -> Verdict {
        if self.instance == instance { self.published } else { initial(self.kind) }
    }

    /// Whether the worker has had its first tick since this instance started.
    pub(crate) fn knows(&self, instance: u32) -> bool {
        self.instance == instance
    }

    /// Whether the worker waits for another instance: it has condemned this one, or it is a
    /// startup probe and has done its work.
    pub(crate) fn is_on_hold(&self) -> bool {
        self.on_hold
    }

    /// The first half of a tick: everything before the probe is executed. Returns what to do and
    /// whether a result was set for the first time (the kubelet then syncs the pod).
    pub(crate) fn begin(
        &mut self,
        seen: &Sighting,
        spec: &ProbeSpec,
        now: SimTime,
    ) -> (Step, bool) {
        if seen.instance == 0 {
            return (Step::Wait, false);
        }
        let is_new = self.instance != seen.instance;
        if is_new {
            self.instance = seen.instance;
            self.published = initial(self.kind);
            self.on_hold = false;
        }
        (self.step(seen, spec, now), is_new)
    }

    fn step(&mut self, seen: &Sighting, spec: &ProbeSpec, now: SimTime) -> Step {
        if self.on_hold {
            return Step::Wait;
        }
        if !seen.running {
            self.published = Verdict::Failure;
            return Step::Wait;
        }
        if seen.deleting && self.kind != ProbeKind::Readiness {
            self.published = Verdict::Success;
            return Step::End;
        }
        if now.saturating_since(seen.started_at) < spec.initial_delay {
            return Step::Wait;
        }
        if self.is_gated(seen.started) { Step::Wait } else { Step::Execute }
    }

    /// Whether the startup probe keeps the worker from executing: startup probes run until the
    /// container has started, the others from then on.
    pub(crate) fn is_gated(&self, started: bool) -> bool {
        started == (self.kind == ProbeKind::Startup)
    }

    /// The second half: the probe's raw result is in. Returns whether the published result
    /// changed.
    pub(crate) fn finish(&mut self, success: bool, spec: &ProbeSpec) -> bool {
        let raw = if success { Verdict::Success } else { Verdict::Failure };
        if self.last == raw {
            self.run = self.run.saturating_add(1);
        } else {
            self.last = raw;
            self.run = 1;
        }
        let threshold = if success { spec.success_threshold } else { spec.failure_threshold };
        if self.run < threshold {
            return false;
        }
        let changed = self.published != raw;
        self.published = raw;
        let decides = match self.kind {
            ProbeKind::Startup => true,
            ProbeKind::Liveness => !success,
            ProbeKind::Readiness => false,
        };
        if decides {
            self.on_hold = true;
            self.run = 0;
        }
        changed
    }

    /// Whether the failure just finished still counts towards the threshold; later ones repeat
    /// what is known.
    pub(crate) fn failure_is_news(&self, spec: &ProbeSpec) -> bool {
        self.on_hold || self.run <= spec.failure_threshold
    }

    /// Whether more executions with this raw result would change nothing that anyone can see.
    pub(crate) fn is_steady(&self, success: bool, spec: &ProbeSpec) -> bool {
        if success {
            // The next instance takes the run over: it must have grown long enough to count there.
            let long = self.last == Verdict::Success && self.run >= spec.success_threshold;
            self.published == Verdict::Success && (long || self.run == 0)
        } else {
            self.published == Verdict::Failure
                && self.last == Verdict::Failure
                && self.run >= spec.failure_threshold
        }
    }
}

/// What is published before the first result about an instance.
fn initial(kind: ProbeKind) -> Verdict {
    match kind {
        ProbeKind::Startup => Verdict::Unknown,
        ProbeKind::Liveness => Verdict::Success,
        ProbeKind::Readiness => Verdict::Failure,
    }
}

#[cfg(test)]
mod tests;
