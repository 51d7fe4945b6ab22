//! Faults of the scenario in what runs on nodes: containers that fail together, nodes that are
//! slow, disks that somebody else has filled.
//!
//! Fidelity: on a slow node, what has begun before keeps its length; so does what ends after the
//! fault. Only a pull under way changes its pace.

use super::node::Node;
use super::pod::{Pod, Stage};
use super::{Kubelets, change_pull, pressure};
use crate::base::time::SimDuration;
use crate::cx::Cx;
use crate::model::{FailureMode, FaultId, FaultKind, NodeId, PodId, TemplateId, ThresholdValue};
use crate::state::Registry;

/// What faults have made of a node.
#[derive(Debug, Default)]
pub(crate) struct Ailments {
    /// Faults that make it slow, and how many times as long everything takes by each.
    slow: Vec<(FaultId, f64)>,
    /// Faults that fill its disk, and how much each leaves.
    full: Vec<(FaultId, ThresholdValue)>,
    /// With how many bytes they have filled it.
    filled: i64,
}

impl Node {
    /// How long something takes on this node that takes so long on a sound one.
    pub(crate) fn slowed(&self, length: SimDuration) -> SimDuration {
        if self.ailments.slow.is_empty() {
            return length;
        }
        let seconds = length.as_secs_f64() * self.slowness();
        SimDuration::from_secs_f64(seconds).unwrap_or(SimDuration::MAX)
    }

    fn slowness(&self) -> f64 {
        self.ailments.slow.iter().map(|(_, factor)| factor).product()
    }

    /// What a registry gives to this node.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "thousandths of a factor"
    )]
    pub(crate) fn slowed_registry(&self, registry: Registry) -> Registry {
        if self.ailments.slow.is_empty() {
            return registry;
        }
        let factor_milli = (registry.factor_milli as f64 * self.slowness()).round() as u64;
        Registry { factor_milli, ..registry }
    }
}

impl Kubelets {
    /// A fault begins or ends in what it strikes.
    #[expect(clippy::wildcard_enum_match_arm, reason = "others strike no containers or disks")]
    pub(super) fn fault(&mut self, cx: &mut Cx<'_>, fault: FaultId, begins: bool) {
        match &cx.model.faults[fault].kind {
            FaultKind::ContainerFault { lasting, .. } => {
                if *lasting {
                    self.lasting.retain(|other| *other != fault);
                    self.lasting.extend(begins.then_some(fault));
                }
                self.container_fault(cx, fault, begins);
            }
            FaultKind::SlowNode { nodes, mode } => {
                for &node in nodes {
                    self.slow(cx, node, (fault, mode), begins);
                }
            }
            FaultKind::DiskFull { nodes, leaves } => {
                for &node in nodes {
                    let full = &mut self.nodes[node].ailments.full;
                    full.retain(|(other, _)| *other != fault);
                    full.extend(begins.then_some((fault, *leaves)));
                    self.fill_disk(cx, node);
                }
            }
            _ => {}
        }
    }

    fn container_fault(&mut self, cx: &mut Cx<'_>, fault: FaultId, begins: bool) {
        let FaultKind::ContainerFault { templates, share, lasting, .. } =
            &cx.model.faults[fault].kind
        else {
            return;
        };
        let concerned = |pod: &Pod| {
            templates.contains(&pod.template)
                && (!begins || (pod.stage == Stage::Active && (*lasting || pod.any_running())))
        };
        let pods = self.pods.iter().flatten().filter(|pod| concerned(pod));
        let mut order: Vec<(u32, PodId)> =
            pods.map(|pod| (cx.state.api.pods[pod.id].replica, pod.id)).collect();
        order.sort_unstable();
        if begins {
            // As many as make up the share, rounded up.
            let count = (order.len() as u64 * u64::from(share.0)).div_ceil(1000);
            order.truncate(usize::try_from(count).unwrap_or(usize::MAX));
        }
        for (_, pod) in order {
            self.strike(cx, pod, fault, begins);
        }
    }

    /// A fault begins or ends in the containers of a pod that it concerns.
    fn strike(&mut self, cx: &mut Cx<'_>, pod: PodId, fault: FaultId, begins: bool) {
        let kind = &cx.model.faults[fault].kind;
        let (of_apps, only) = if let FaultKind::ContainerFault { container, .. } = kind {
            (true, *container)
        } else {
            (false, None)
        };
        self.with(cx, pod, |worker| {
            let inits = worker.template().init_containers.len();
            let of_app = |index: u8| usize::from(index) >= inits;
            let chosen = |index: u8| match only {
                Some(only) => u32::from(index) == only,
                None => !of_apps || of_app(index),
            };
            for index in worker.positions().filter(|&index| chosen(index)) {
                worker.fault(index, fault, begins);
            }
        });
    }

    fn slow(
        &mut self,
        cx: &mut Cx<'_>,
        id: NodeId,
        (fault, mode): (FaultId, &FailureMode),
        begins: bool,
    ) {
        let slow = &mut self.nodes[id].ailments.slow;
        slow.retain(|(other, _)| *other != fault);
        if let FailureMode::Starve { factor } = *mode
            && begins
        {
            slow.push((fault, factor));
        }
        change_pull(cx, id, &mut self.nodes[id]);
        for pod in self.nodes[id].pods.clone() {
            self.strike(cx, pod, fault, begins);
        }
    }

    /// A pod has come to its node: faults at work there strike it too.
    pub(super) fn strike_new(
        &mut self,
        cx: &mut Cx<'_>,
        pod: PodId,
        template: TemplateId,
        id: NodeId,
    ) {
        let concerned =
            |fault: &FaultId| cx.model.faults[*fault].kind.templates().contains(&template);
        let lasting = self.lasting.iter().copied().filter(concerned);
        let slow = self.nodes[id].ailments.slow.iter().map(|(fault, _)| *fault);
        for fault in lasting.chain(slow).collect::<Vec<_>>() {
            self.strike(cx, pod, fault, true);
        }
    }

    /// Fills a node's disk as far as the worst of its faults wants.
    fn fill_disk(&mut self, cx: &mut Cx<'_>, id: NodeId) {
        let node = &mut self.nodes[id];
        let before = std::mem::take(&mut node.ailments.filled);
        pressure::take_disk(node, -before);
        let wanted = node.ailments.full.iter().map(|(_, leaves)| *leaves);
        let most = wanted.map(|leaves| pressure::beyond(cx, id, node, leaves)).max();
        node.ailments.filled = most.unwrap_or(0);
        let filled = node.ailments.filled;
        pressure::take_disk(node, filled);
        pressure::plan(cx, id, node);
    }

    /// Another machine, sound and with an empty disk, is in the node's place.
    pub(super) fn replaced(&mut self, cx: &mut Cx<'_>, id: NodeId) {
        let node = &mut self.nodes[id];
        node.images = super::images::Images::new();
        node.ailments.slow.clear();
        node.ailments.full.clear();
        self.fill_disk(cx, id);
    }
}
