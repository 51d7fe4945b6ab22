//! What users ask of Services, and nodes that crash because their CPU does not suffice.
//!
//! Load is a share: the work offered to a Service is divided evenly among the pods that it selects
//! and the API server has as ready, whether they still live or not; what a dead one is given is
//! lost. A node's utilisation is what its pods are given, divided by its allocatable CPU. It changes
//! when pods, the power of a node or the day change, and only then is it worked out.
//!
//! Fidelity: a change of EndpointSlices is not waited for. An overloaded node answers as fast as ever
//! until it crashes, and CPU limits do not cut what a pod is given. Working it out looks at all pods;
//! it happens only where a scenario has `load:`.

use super::{Faults, lose_power, schedule};
use crate::base::id::IdVec;
use crate::base::time::{SimDuration, SimTime};
use crate::cx::Cx;
use crate::event::FaultEvent;
use crate::model::{Model, NodeId, is_weekend, until_next_day_s};
use crate::record::Fact;
use crate::state::PodObject;

/// What the CPU of one node has to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Busy {
    /// Millionths of a core.
    micro: u64,
    /// Overloaded.
    hot: bool,
    /// Moves on whenever that changes.
    epoch: u32,
}

/// The load of all nodes.
#[derive(Debug)]
pub(super) struct Loads {
    nodes: IdVec<NodeId, Busy>,
    /// It is to be worked out at this instant already.
    due: Option<SimTime>,
}

impl Loads {
    /// Nothing to do yet.
    pub(super) fn new(model: &Model) -> Self {
        Self { nodes: model.nodes.ids().map(|_| Busy::default()).collect(), due: None }
    }
}

impl Faults {
    /// Plans to work out the load now, if there is any.
    pub(super) fn load_changes(&mut self, cx: &mut Cx<'_>) {
        if !cx.model.load.is_empty() && self.loads.due != Some(cx.now) {
            self.loads.due = Some(cx.now);
            schedule(cx, cx.now, FaultEvent::Load);
        }
    }

    /// The day begins: what is offered may be another.
    pub(super) fn day(&mut self, cx: &mut Cx<'_>) {
        let left = until_next_day_s(unix_s(cx));
        let left = SimDuration::from_secs(u64::try_from(left).unwrap_or(1));
        schedule(cx, cx.now.saturating_add(left), FaultEvent::Day);
        self.load_changes(cx);
    }

    /// Works out what every node has to do.
    pub(super) fn load(&mut self, cx: &mut Cx<'_>) {
        self.loads.due = None;
        let given = given(cx);
        for (node, micro) in given.iter() {
            let (node, micro) = (node, *micro);
            if self.loads.nodes[node].micro != micro {
                self.loads.nodes[node].micro = micro;
                cx.fact(Fact::NodeCpu { node, micro });
            }
            self.heat(cx, node);
        }
    }

    /// Finds out whether a node is overloaded; if it has become so its time runs.
    fn heat(&mut self, cx: &mut Cx<'_>, node: NodeId) {
        let spec = &cx.model.nodes[node];
        let Some(rule) = cx.model.pools[spec.pool].overload else { return };
        let busy = &mut self.loads.nodes[node];
        let offered = u64::try_from(spec.allocatable.cpu_milli).unwrap_or(0);
        let bound = u128::from(offered) * u128::from(rule.utilisation_milli);
        let hot = offered > 0 && u128::from(busy.micro) >= bound;
        if hot == busy.hot {
            return;
        }
        busy.hot = hot;
        busy.epoch += 1;
        if hot {
            let at = cx.now.saturating_add(rule.crashes_after);
            schedule(cx, at, FaultEvent::Overloaded { node, epoch: busy.epoch });
        }
    }

    /// A node has been overloaded for as long as it bears.
    pub(super) fn overloaded(&mut self, cx: &mut Cx<'_>, node: NodeId, epoch: u32) {
        let busy = &self.loads.nodes[node];
        let rule = cx.model.pools[cx.model.nodes[node].pool].overload;
        let Some(rule) = rule.filter(|_| busy.hot && busy.epoch == epoch) else { return };
        cx.fact(Fact::NodeOverloaded { node });
        lose_power(cx, node);
        schedule(cx, cx.now.saturating_add(rule.lasts), FaultEvent::Repaired { node });
        self.load_changes(cx);
    }
}

fn unix_s(cx: &Cx<'_>) -> i64 {
    let passed = i64::try_from(cx.now.as_nanos() / 1_000_000_000).unwrap_or(i64::MAX);
    cx.model.start_unix_s.saturating_add(passed)
}

/// What the pods of each node are given, millionths of a core.
fn given(cx: &Cx<'_>) -> IdVec<NodeId, u64> {
    let mut given: IdVec<NodeId, u64> = cx.model.nodes.ids().map(|_| 0).collect();
    let weekend = usize::from(is_weekend(unix_s(cx)));
    for load in &cx.model.load {
        let service = &cx.model.services[load.service];
        let offered = load.cpu_milli[weekend] * 1000;
        let is_endpoint = |pod: &&PodObject| {
            let template = &cx.model.templates[pod.template];
            pod.is_ready() && pod.is_active() && service.selects(cx.model, template)
        };
        let endpoints: Vec<NodeId> =
            cx.state.api.pods.values().filter(is_endpoint).filter_map(|pod| pod.node).collect();
        let Some(each) = offered.checked_div(endpoints.len() as u64) else { continue };
        for node in endpoints {
            if cx.state.truth.nodes[node].up {
                given[node] += each;
            }
        }
    }
    given
}
