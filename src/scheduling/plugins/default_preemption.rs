//! DefaultPreemption's entry in the table. What it does stands in `scheduling::preemption` and
//! `scheduling::post_filter`; that pods whose preemption is being carried out wait outside the
//! queue is the scheduler component's.

use crate::registry::{Descriptor, Field};
use crate::scheduling::framework::{CycleCx, Plugin, PluginDef, Point};
use crate::scheduling::{ClusterEvent, WakeSet};

/// The table's entry.
pub(super) const DEF: PluginDef = PluginDef {
    descriptor: Descriptor {
        name: "DefaultPreemption",
        summary: "Evicts pods of lower priority to make room",
        help: "When no node is feasible, looks for a node on which evicting pods of lower priority \
               lets the pod in: with the fewest violations of disruption budgets, then the least \
               important victims. The pod waits for them to end, nominated for that node.",
        fields: &[
            Field {
                name: "minCandidateNodesPercentage",
                unit: "%",
                default: "10",
                range: "0-100",
                help: "share of the potential nodes among which candidates are enough",
            },
            Field {
                name: "minCandidateNodesAbsolute",
                unit: "nodes",
                default: "100",
                range: "0 or more",
                help: "number of candidates that are enough at least",
            },
        ],
    },
    points: &[Point::PreEnqueue, Point::PostFilter],
    filter_depends: None,
    score_depends: None,
    wakes_on: WakeSet::POD_DELETE,
    build: Some(|_| Box::new(DefaultPreemption)),
};

#[derive(Debug)]
struct DefaultPreemption;

impl Plugin for DefaultPreemption {
    fn hint(&mut self, _cx: &CycleCx<'_>, _event: &ClusterEvent) -> bool {
        false
    }
}
