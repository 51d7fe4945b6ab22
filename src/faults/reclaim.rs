//! Nodes that the cloud takes back: a notice, the loss of the machine, and its replacement.
//!
//! Fidelity: the node object stays, not ready and cordoned, where the cloud-controller-manager
//! deletes it; what pod garbage collection does with the pods of a deleted node it does with those
//! of a machine that is gone. The replacement has the name of the old machine, and its disk is empty.

use super::lose_power;
use crate::base::time::SimDuration;
use crate::cx::Cx;
use crate::event::{Event, KubeletEvent};
use crate::model::{NodeId, PodId};
use crate::record::Involved;
use crate::state::{Client, DeletionCause, Request};

/// It becomes known that a node will be taken back; a handler drains it, if there is one.
pub(super) fn notice(cx: &mut Cx<'_>, node: NodeId) {
    let told = (true, "SpotInterruption", "node-termination-handler");
    cx.kube_event(Involved::Node(node), told, |_, _| {
        "Spot interruption notice: the node is about to be reclaimed".to_owned()
    });
    if cx.model.recovery.drain_on_reclaim_notice {
        cx.at(cx.now, Event::Drain(node));
    }
}

/// The machine is gone.
pub(super) fn strike(cx: &mut Cx<'_>, node: NodeId) {
    cx.state.truth.nodes[node].reclaimed = true;
    lose_power(cx, node);
}

/// Another machine takes the place: what is left of the old one in the API goes, and the node can
/// be used again.
pub(super) fn replace(cx: &mut Cx<'_>, node: NodeId) {
    cx.state.truth.nodes[node].reclaimed = false;
    let left = cx.state.api.pods.iter().filter(|(_, pod)| pod.node == Some(node) && !pod.gone);
    let left: Vec<PodId> = left.map(|(id, _)| id).collect();
    for pod in left {
        let (grace, cause) = (Some(SimDuration::ZERO), DeletionCause::PodGc);
        cx.request(Client::PodGc, Request::DeletePod { pod, grace, cause });
    }
    let unschedulable = cx.model.nodes[node].unschedulable;
    cx.request(Client::Operator, Request::SetUnschedulable { node, unschedulable });
    cx.at(cx.now, Event::Kubelet(KubeletEvent::Replaced { node }));
}
