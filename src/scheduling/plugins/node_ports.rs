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

#[cfg(test)]
mod tests {
    use crate::model::{HostPort, Protocol};
    use crate::scheduling::testing::{Bench, ModelBuilder};

    use Protocol::{Tcp, Udp};

    #[test]
    fn a_port_is_taken_for_its_protocol_and_address() {
        // What a pod on the first node holds, what the other pod wants, whether it can come too.
        let table = [
            ((None, Tcp, 80), (None, Tcp, 80), false),
            ((None, Tcp, 80), (None, Tcp, 81), true),
            ((None, Tcp, 80), (None, Udp, 80), true),
            ((Some("10.0.0.1"), Tcp, 80), (None, Tcp, 80), false),
            ((None, Tcp, 80), (Some("10.0.0.1"), Tcp, 80), false),
            ((Some("10.0.0.1"), Tcp, 80), (Some("10.0.0.1"), Tcp, 80), false),
            ((Some("10.0.0.1"), Tcp, 80), (Some("10.0.0.2"), Tcp, 80), true),
        ];
        for (held, wanted, fits) in table {
            let mut builder = ModelBuilder::new();
            let nodes = ["n0", "n1"].map(|name| builder.node(name, "", (1000, 1)));
            let [holder, pod] = [held, wanted].map(|(ip, protocol, port)| {
                let template = builder.template("web", (100, 0));
                let ip = ip.map(|ip| builder.symbol(ip));
                builder.spec(template).host_ports.push(HostPort { ip, protocol, port });
                template
            });
            let mut bench = Bench::new(builder);
            let there = bench.bind(nodes[0], holder);
            assert_eq!(bench.passes(pod, "NodePorts"), [fits, true], "{held:?} {wanted:?}");
            if !fits {
                let text = "NodePorts: node(s) didn't have free ports for the requested pod ports";
                assert_eq!(bench.verdicts(pod)[0], text);
            }
            bench.snapshot.remove_pod(&bench.model, there);
            assert_eq!(bench.passes(pod, "NodePorts"), [true, true]);
        }
    }
}
