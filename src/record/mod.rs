//! What happened, for those who ask afterwards: typed facts, and in full detail the events that
//! `kubectl get events` would list.
//!
//! Components state facts as they happen; `metrics` turns them into numbers after the run. Facts
//! are ids only and `Copy`. Nothing here feeds back into the simulation.

mod fact;

pub use fact::{ExitCause, Fact, PodPlace, QueueName};

pub use crate::state::{DeletionCause, Phase, PodReason};

use crate::base::time::SimTime;
use crate::model::{NodeId, PodId, WorkloadId};

/// How much a run records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Facts that metrics need.
    Metrics,
    /// Facts and Kubernetes events.
    Full,
}

/// The object a Kubernetes event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Involved {
    /// A pod.
    Pod(PodId),
    /// A node.
    Node(NodeId),
    /// A Deployment (or the ReplicaSet or Pod workload itself).
    Workload(WorkloadId),
    /// A Job, or the run of a CronJob (minutes since the Unix epoch; 0 for none).
    Job(WorkloadId, u32),
}

/// A Kubernetes event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubeEvent {
    /// When.
    pub time: SimTime,
    /// `Warning` rather than `Normal`.
    pub warning: bool,
    /// Reason.
    pub reason: &'static str,
    /// Object concerned.
    pub involved: Involved,
    /// Reporting component.
    pub component: &'static str,
    /// Message.
    pub message: String,
}

/// Collects what a run states.
#[derive(Debug)]
pub struct Recorder {
    detail: Detail,
    facts: Vec<(SimTime, Fact)>,
    events: Vec<KubeEvent>,
}

impl Recorder {
    /// An empty recorder.
    #[must_use]
    pub fn new(detail: Detail) -> Self {
        Self { detail, facts: Vec::new(), events: Vec::new() }
    }

    /// States a fact.
    pub fn fact(&mut self, now: SimTime, fact: Fact) {
        self.facts.push((now, fact));
    }

    /// Whether Kubernetes events are kept: build messages only then.
    #[must_use]
    pub fn wants_events(&self) -> bool {
        self.detail == Detail::Full
    }

    /// Keeps a Kubernetes event; dropped unless [`Self::wants_events`].
    pub fn event(&mut self, event: KubeEvent) {
        if self.wants_events() {
            self.events.push(event);
        }
    }

    /// All facts, in the order in which they happened.
    #[must_use]
    pub fn facts(&self) -> &[(SimTime, Fact)] {
        &self.facts
    }

    /// All Kubernetes events, in the order in which they happened.
    #[must_use]
    pub fn events(&self) -> &[KubeEvent] {
        &self.events
    }

    /// Facts and events, by value.
    #[must_use]
    pub fn into_parts(self) -> (Vec<(SimTime, Fact)>, Vec<KubeEvent>) {
        (self.facts, self.events)
    }
}
