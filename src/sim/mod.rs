//! One run: the world of all components, the event loop, and what comes out.
//!
//! A run is a pure function of (model, seed, replication): no clock, no file, no thread. Routing
//! is one `match`; components never call each other.

mod settle;
mod world;

pub use world::World;

use crate::base::time::SimTime;
use crate::engine::{EventHash, EventKey, Guard, LimitReached, RunLimits, TraceDigest};
use crate::event::Event;
use crate::invariants;
use crate::model::{Fault, FaultKind, Model, NodeId};
use crate::record::{Detail, Fact, KubeEvent};
use crate::scheduler::Inquiry;

/// How to run.
#[derive(Clone, Copy, Debug)]
pub struct RunOptions {
    /// Master seed of the random streams.
    pub seed: u64,
    /// Replication: equal numbers meet the same storm under every policy.
    pub replication: u32,
    /// What to record.
    pub detail: Detail,
    /// Bounds; reaching one is an outcome.
    pub limits: RunLimits,
    /// Check the invariants of the whole world after every so many events; never if zero.
    pub verify_every: u64,
}

impl RunOptions {
    /// Options for one replication with default bounds and no extra checks.
    #[must_use]
    pub fn new(seed: u64, replication: u32, detail: Detail) -> Self {
        Self { seed, replication, detail, limits: RunLimits::default(), verify_every: 0 }
    }
}

/// What a run leaves behind.
#[derive(Debug)]
pub struct RunResult {
    /// Everything that happened, in order.
    pub facts: Vec<(SimTime, Fact)>,
    /// Kubernetes events (full detail only).
    pub events: Vec<KubeEvent>,
    /// Hash over all events handled.
    pub digest: TraceDigest,
    /// Digest of the storm: faults and node losses, the same under every policy.
    pub storm: String,
    /// Events handled.
    pub handled: u64,
    /// Events handled by kind, in the order of [`Event::KINDS`].
    pub by_kind: Vec<(&'static str, u64)>,
    /// The bound that ended the run early, if one did.
    pub limit: Option<LimitReached>,
    /// Broken invariants (only looked for with [`RunOptions::verify_every`]).
    pub violations: Vec<String>,
}

/// Runs one replication to its end.
#[must_use]
pub fn simulate(model: &Model, options: RunOptions) -> RunResult {
    let mut world = World::new(model, &options);
    let mut hash = EventHash::new(12);
    let mut guard = Guard::new(options.limits, Event::KINDS);
    let mut violations = Vec::new();
    world.start();
    let mut limit = None;
    while let Some((key, event)) = world.pop() {
        limit = guard.observe(key, event.kind(), world.pending());
        hash.record(key, event.words());
        if event == Event::End || limit.is_some() {
            break;
        }
        world.handle(key.time(), event);
        if options.verify_every > 0 && guard.events().is_multiple_of(options.verify_every) {
            verify(&world, key, &mut violations);
        }
    }
    if options.verify_every > 0 {
        verify(&world, EventKey::new(model.end(), 0, 0), &mut violations);
    }
    let (facts, events) = world.into_record();
    RunResult {
        storm: storm_digest(model, &facts),
        facts,
        events,
        digest: hash.finish(),
        handled: guard.events(),
        by_kind: guard.counts().collect(),
        limit,
        violations,
    }
}

/// Runs until the scheduler's decision that is asked for, or to the end: the run is the same as
/// without the question.
#[must_use]
pub fn explain(model: &Model, options: RunOptions, inquiry: Inquiry) -> Inquiry {
    let mut world = World::new(model, &options);
    let mut guard = Guard::new(options.limits, Event::KINDS);
    world.inquire(inquiry);
    world.start();
    while world.inquiry().is_some_and(|inquiry| inquiry.answer.is_none()) {
        let Some((key, event)) = world.pop() else { break };
        let limit = guard.observe(key, event.kind(), world.pending());
        if event == Event::End || limit.is_some() {
            break;
        }
        world.handle(key.time(), event);
    }
    world.inquiry().cloned().expect("the world was asked")
}

fn verify(world: &World<'_>, key: EventKey, violations: &mut Vec<String>) {
    const KEPT: usize = 20;
    for violation in invariants::check(world.model(), world.state()) {
        if violations.len() < KEPT {
            violations.push(format!("at {}: {violation}", key.time()));
        }
    }
}

/// A digest of what the storm did: it must not depend on the policy.
///
/// The power of nodes that crash when their CPU does not suffice, or that wait for their pods before
/// they go down, follows from what a policy does too, and is left out.
fn storm_digest(model: &Model, facts: &[(SimTime, Fact)]) -> String {
    let reboots = |fault: &Fault| matches!(fault.kind, FaultKind::NodeReboot { .. });
    let reboots = model.faults.values().any(reboots);
    let bears = |node: NodeId| {
        let pool = &model.pools[model.nodes[node].pool];
        pool.overload.is_none() && (!reboots || pool.kubelet.shutdown.is_empty())
    };
    let mut hasher = blake3::Hasher::new();
    for (time, fact) in facts {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is not the storm's doing")]
        let words = match *fact {
            Fact::FaultBegan { fault, occurrence } => [1, fault.raw(), occurrence],
            Fact::FaultEnded { fault, occurrence } => [2, fault.raw(), occurrence],
            Fact::FaultStruck { fault, node } => [4, fault.raw(), node.raw()],
            Fact::NodeUp { node, up } if bears(node) => [3, node.raw(), u32::from(up)],
            _ => continue,
        };
        hasher.update(&time.as_nanos().to_le_bytes());
        for word in words {
            hasher.update(&word.to_le_bytes());
        }
    }
    hasher.finalize().to_hex().to_string()
}
