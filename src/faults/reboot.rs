//! Machines that are rebooted: at once, or once their kubelets have stopped their pods.

use super::{Faults, lose_power};
use crate::cx::Cx;
use crate::event::{Event, KubeletEvent};
use crate::model::NodeId;

impl Faults {
    /// A reboot is asked for; a kubelet that is set to it holds it up.
    pub(super) fn reboot(&mut self, cx: &mut Cx<'_>, nodes: &[NodeId]) {
        for &node in nodes {
            let steps = &cx.model.pools[cx.model.nodes[node].pool].kubelet.shutdown;
            let truth = &mut cx.state.truth.nodes[node];
            if steps.is_empty() || !truth.up || truth.kubelet_stops > 0 {
                lose_power(cx, node);
            } else if !truth.shutting_down {
                truth.shutting_down = true;
                cx.at(cx.now, Event::Kubelet(KubeletEvent::ShutDown { node }));
            }
        }
        self.load_changes(cx);
    }

    /// The machines boot again, but for those that have not gone down yet.
    pub(super) fn boot_again(&mut self, cx: &mut Cx<'_>, nodes: &[NodeId]) {
        for &node in nodes {
            if !cx.state.truth.nodes[node].shutting_down {
                self.restore_power(cx, node);
            }
        }
    }

    /// A machine goes down that its kubelet has let go, and boots again.
    pub(super) fn shut_down(&mut self, cx: &mut Cx<'_>, node: NodeId, epoch: u32) {
        if cx.state.truth.nodes[node].epoch != epoch {
            // It has lost power meanwhile, and boots when it has it back.
            return;
        }
        lose_power(cx, node);
        self.load_changes(cx);
        self.restore_power(cx, node);
    }
}
