//! NodePorts: two pods of one node cannot hold the same host port.

use crate::model::{HostPort, NodeId, PodTemplate};
use crate::registry::Descriptor;
use crate::scheduling::framework::{
    CycleCx, Dependency, Plugin, PluginDef, Point, PreFilter, Rejection, Verdict,
};
use crate::scheduling::{ClusterEvent, WakeSet};

/// The table's entry.
pub(super) const DEF: PluginDef = PluginDef {
    descriptor: Descriptor {
        name: "NodePorts",
        summary: "Keeps pods off nodes where their host ports are taken",
        help: "A port without host IP takes the port on all addresses of the node.",
        fields: &[],
    },
    points: &[Point::PreFilter, Point::Filter],
    filter_depends: Some(Dependency::NodeLocal),
    score_depends: None,
    wakes_on: WakeSet::POD_DELETE.with(WakeSet::NODE_ADD),
    build: Some(|_| Box::new(NodePorts)),
};

/// Whether two ports cannot be held on one node.
fn conflict(a: &HostPort, b: &HostPort) -> bool {
    a.port == b.port
        && a.protocol == b.protocol
        && (a.ip == b.ip || a.ip.is_none() || b.ip.is_none())
}

#[derive(Debug)]
struct NodePorts;

impl Plugin for NodePorts {
    fn alike(&self, cx: &CycleCx<'_>, other: &PodTemplate) -> bool {
        cx.spec.host_ports == other.host_ports
    }

    fn pre_filter(&mut self, cx: &CycleCx<'_>) -> PreFilter {
        if cx.spec.host_ports.is_empty() { PreFilter::Skip } else { PreFilter::Run }
    }

    fn filter(&self, cx: &CycleCx<'_>, node: NodeId) -> Verdict {
        let used = &cx.snapshot.row(node).ports;
        let taken = |wanted: &HostPort| used.iter().any(|port| conflict(wanted, port));
        if cx.spec.host_ports.iter().any(taken) {
            return Err(Rejection::unschedulable(
                "node(s) didn't have free ports for the requested pod ports",
            ));
        }
        Ok(())
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "it registered for no others")]
    fn hint(&mut self, cx: &CycleCx<'_>, event: &ClusterEvent) -> bool {
        match event {
            ClusterEvent::AssignedPodDelete { template, .. } => {
                let freed = &cx.model.templates[*template].host_ports;
                cx.spec.host_ports.iter().any(|port| freed.iter().any(|old| conflict(port, old)))
            }
            ClusterEvent::NodeAdd { .. } => true,
            _ => false,
        }
    }
}
