//! Graceful shutdown of a node: its kubelet takes no more pods, stops those it has, by priority
//! from the lowest on, and lets the machine go.
//!
//! A container that is killed as the time of the last step ends has died unseen: its pod is not
//! Failed, and runs again after the boot.
//!
//! Fidelity: what the machine does once its kubelet has let it go belongs to its boot; volumes are
//! unmounted at once.

use super::Kubelets;
use super::pod::Stage;
use crate::base::time::SimTime;
use crate::cx::Cx;
use crate::event::{Event, FaultEvent, KubeletEvent};
use crate::model::{NodeId, PodId, ShutdownStep};
use crate::record::Involved;
use crate::state::PodReason;

/// A shutdown under way.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shutdown {
    /// How many steps have begun.
    begun: usize,
    /// When the last of them is over, whoever still runs.
    until: SimTime,
    /// The machine has been let go.
    over: bool,
}

impl Kubelets {
    /// The machine is about to shut down.
    pub(super) fn shut_down(&mut self, cx: &mut Cx<'_>, id: NodeId) {
        let node = &mut self.nodes[id];
        if !node.up {
            // Nobody holds the shutdown up.
            let_go(cx, id);
            return;
        }
        node.shutdown = Some(Shutdown::default());
        let epoch = node.epoch;
        cx.kube_event(Involved::Node(id), (false, "Shutdown", "kubelet"), |_, _| {
            "Shutdown manager detected shutdown event".to_owned()
        });
        self.node_status(cx, id, epoch);
        self.shutdown_step(cx, id, epoch);
    }

    /// A pod has stopped, or the time of a step is over: the next step begins, if it is time.
    pub(super) fn shutdown_step(&mut self, cx: &mut Cx<'_>, id: NodeId, epoch: u32) {
        let steps = &cx.model.pools[cx.model.nodes[id].pool].kubelet.shutdown;
        while self.nodes[id].epoch == epoch && self.nodes[id].up {
            let Some(shutdown) = &mut self.nodes[id].shutdown else { return };
            let Shutdown { begun, until, over } = *shutdown;
            let runs = begun > 0 && cx.now < until;
            if over || (runs && !self.of_step(cx, (id, steps), begun - 1).is_empty()) {
                return;
            }
            let Some(step) = steps.get(begun) else {
                self.nodes[id].shutdown = Some(Shutdown { begun, until, over: true });
                let_go(cx, id);
                return;
            };
            let pods = self.of_step(cx, (id, steps), begun);
            // A step without pods takes no time.
            let until = if pods.is_empty() { cx.now } else { cx.now.saturating_add(step.grace) };
            self.nodes[id].shutdown = Some(Shutdown { begun: begun + 1, until, over });
            for pod in pods {
                self.with(cx, pod, |worker| {
                    let grace = step.grace.min(worker.template().termination_grace);
                    worker.fail(PodReason::Terminated, grace);
                });
            }
            cx.at(until, Event::Kubelet(KubeletEvent::ShutdownStep { node: id, epoch }));
        }
    }

    /// The pods of a step that have not stopped yet. A pod belongs to the last step of which it has
    /// the priority, or to the first.
    fn of_step(
        &self,
        cx: &Cx<'_>,
        (id, steps): (NodeId, &[ShutdownStep]),
        place: usize,
    ) -> Vec<PodId> {
        let step_of = |priority: i32| {
            steps.iter().rposition(|step| step.priority <= priority).unwrap_or_default()
        };
        let known = self.nodes[id].pods.iter().filter_map(|&pod| self.pod(pod));
        let left = known.filter(|pod| {
            pod.stage != Stage::Stopped
                && step_of(cx.model.templates[pod.template].priority) == place
        });
        left.map(|pod| pod.id).collect()
    }
}

/// Nothing keeps the machine from shutting down any more.
pub(super) fn let_go(cx: &mut Cx<'_>, node: NodeId) {
    let epoch = cx.state.truth.nodes[node].epoch;
    cx.at(cx.now, Event::Fault(FaultEvent::ShutDown { node, epoch }));
}
