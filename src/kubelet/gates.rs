//! Readiness gates: conditions of a pod that somebody outside sets, and without which it is not
//! Ready whatever its containers say.
//!
//! Fidelity: whoever sets a condition does so after a time of its own and is no party that can fail;
//! the kubelet hears of it at once. A condition that is set stays so.

use super::Kubelets;
use super::worker::Worker;
use crate::cx::Cx;
use crate::event::{Event, KubeletEvent};
use crate::model::PodId;
use crate::rng::StreamKind;

impl Kubelets {
    /// A condition has been set.
    pub(super) fn gate_opened(&mut self, cx: &mut Cx<'_>, pod: PodId, gate: u8) {
        self.with(cx, pod, |worker| {
            worker.pod.gates[usize::from(gate)] = true;
            if worker.node.up {
                worker.report();
            }
        });
    }
}

impl Worker<'_, '_> {
    /// The containers are ready: it is settled when each gate opens, unless it was before.
    pub(super) fn settle_gates(&mut self) {
        if std::mem::replace(&mut self.pod.gates_settled, true) {
            return;
        }
        let (pod, gates) = (self.pod.id, &self.template().readiness_gates);
        for (place, gate) in (0..=u8::MAX).zip(gates) {
            let Some(opens) = &gate.opens_s else { continue };
            let mut stream = self.cx.streams.stream(StreamKind::ReadinessGate, self.pod.address);
            stream.seek(u64::from(place));
            let wait = opens.sample_duration(&mut stream);
            self.cx.after(wait, Event::Kubelet(KubeletEvent::GateOpened { pod, gate: place }));
        }
    }
}
