//! Nodes that the cloud takes back: a notice, the loss of the machine, and its replacement.
//!
//! Fidelity: the node object stays, not ready and cordoned, where the cloud-controller-manager
//! deletes it; what pod garbage collection does with the pods of a deleted node it does with those
//! of a machine that is gone. The replacement has the name of the old machine, and its disk is empty.

use super::{lose_power, schedule};
use crate::base::time::{SimDuration, SimTime};
use crate::cx::Cx;
use crate::event::{ControllerEvent, Event, FaultEvent, KubeletEvent};
use crate::model::{FaultId, NodeId};
use crate::record::Involved;
use crate::state::{Client, DeletionCause, Request};

/// It becomes known that nodes will be taken back at `strikes`; a handler drains them, if there is
/// one.
pub(super) fn announce(cx: &mut Cx<'_>, fault: FaultId, nodes: &[NodeId], strikes: SimTime) {
    for &node in nodes {
        let told = (true, "SpotInterruption", "node-termination-handler");
        cx.kube_event(Involved::Node(node), told, |_, _| {
            "Spot interruption notice: the node is about to be reclaimed".to_owned()
        });
        schedule(cx, strikes, FaultEvent::Reclaim { node });
    }
    if cx.model.recovery.drain_on_reclaim_notice {
        cx.at(cx.now, Event::Drain(fault));
    }
}

/// The machine is gone.
pub(super) fn strike(cx: &mut Cx<'_>, node: NodeId) {
    cx.state.truth.nodes[node].reclaimed = true;
    lose_power(cx, node);
    // Whoever looks after nodes looks again, even if it was silent before.
    cx.at(cx.now, Event::Controller(ControllerEvent::Heartbeat { node }));
}

/// Other machines take the places: what is left of the old ones in the API goes, and the nodes can
/// be used again.
pub(super) fn replace(cx: &mut Cx<'_>, nodes: &[NodeId]) {
    for pod in cx.state.api.pods_on(nodes) {
        let (grace, cause) = (Some(SimDuration::ZERO), DeletionCause::PodGc);
        cx.request(Client::PodGc, Request::DeletePod { pod, grace, cause });
    }
    for &node in nodes {
        cx.state.truth.nodes[node].reclaimed = false;
        let unschedulable = cx.model.nodes[node].unschedulable;
        cx.request(Client::Operator, Request::SetUnschedulable { node, unschedulable });
        cx.at(cx.now, Event::Kubelet(KubeletEvent::Replaced { node }));
    }
}
