//! Failures that spread: a trigger strikes some nodes of a failure domain, one after another, and
//! each is repaired at a time of its own. Failures of a trace spread alike: how many nodes, and for
//! how long, is recorded; which is drawn.
//!
//! Which nodes, when and for how long follows from the fault, its occurrence and the node alone.

use super::{lose_power, schedule, span};
use crate::base::time::{SimDuration, SimTime};
use crate::cx::Cx;
use crate::event::FaultEvent;
use crate::model::{Burst, FaultId, FaultKind, NodeId};
use crate::record::Fact;
use crate::rng::StreamKind;

/// What the lot says of one node.
struct Lot {
    node: NodeId,
    /// The lowest are struck.
    rank: f64,
    /// Where in the spread.
    delay: f64,
    /// For its time to repair.
    lasts: f64,
}

/// Plans an occurrence of a fault that spreads; `false` if it does not spread.
pub(super) fn spread(cx: &mut Cx<'_>, fault: FaultId, occurrence: u32) -> bool {
    let spec = &cx.model.faults[fault];
    #[expect(clippy::wildcard_enum_match_arm, reason = "all others strike at once")]
    let (nodes, burst, recorded) = match &spec.kind {
        FaultKind::NodeFailures(failures) => {
            let Some(burst) = failures.burst else { return false };
            (&failures.nodes, burst, None)
        }
        FaultKind::FailureTrace(trace) => {
            let failure = trace.failure(occurrence).expect("only what the trace has begins");
            let burst = Burst { nodes: failure.nodes, within: SimDuration::ZERO };
            (&trace.nodes, burst, Some(failure.lasts))
        }
        _ => return false,
    };
    let mut ends = cx.now;
    for lot in lots(cx, fault, occurrence, nodes, burst) {
        let within = burst.within.as_secs_f64() * lot.delay;
        let delay = SimDuration::from_secs_f64(within).unwrap_or(SimDuration::ZERO);
        let strikes = cx.now.saturating_add(delay);
        schedule(cx, strikes, FaultEvent::Strike { fault, node: lot.node });
        let drawn = spec.lasts_s.as_ref().map(|lasts| span(lasts, lot.lasts));
        let lasts = recorded.or(drawn);
        let repaired = lasts.map_or(SimTime::MAX, |lasts| strikes.saturating_add(lasts));
        schedule(cx, repaired, FaultEvent::Repair { fault, node: lot.node });
        ends = ends.max(repaired);
    }
    schedule(cx, ends, FaultEvent::End { fault, occurrence });
    true
}

/// The nodes that an occurrence strikes.
fn lots(cx: &Cx<'_>, fault: FaultId, occurrence: u32, nodes: &[NodeId], burst: Burst) -> Vec<Lot> {
    let mut lots: Vec<Lot> = nodes
        .iter()
        .map(|&node| {
            let address = cx.model.nodes[node].address;
            let mut stream = cx.streams.stream(StreamKind::NodeLot, address);
            stream.seek(u64::from(fault.raw()) << 32 | u64::from(occurrence));
            let (rank, delay) = (stream.uniform(), stream.uniform());
            Lot { node, rank, delay, lasts: stream.uniform() }
        })
        .collect();
    lots.sort_by(|a, b| a.rank.total_cmp(&b.rank).then(a.node.cmp(&b.node)));
    lots.truncate(burst.nodes as usize);
    lots
}

/// The failure reaches a node.
pub(super) fn strike(cx: &mut Cx<'_>, fault: FaultId, node: NodeId) {
    cx.fact(Fact::FaultStruck { fault, node });
    lose_power(cx, node);
}
