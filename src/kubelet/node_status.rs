//! The status of a kubelet's own node.
//!
//! A kubelet works out its node's status when it starts and every 10 s from then on, and posts it
//! if it differs from the API server's. Only the rounds at which it does are events.

use super::Kubelets;
use crate::base::time::{SimDuration, SimTime};
use crate::cx::Cx;
use crate::event::{Event, KubeletEvent};
use crate::model::NodeId;
use crate::record::Involved;
use crate::state::{Client, ConditionStatus, NodeCondition, NodeConditions, Request};

/// `nodeStatusUpdateFrequency`.
const UPDATE_PERIOD: SimDuration = SimDuration::from_secs(10);

/// A node whose containers PLEG has not listed for this long is not Ready (`relistThreshold`).
pub(crate) const RELIST_THRESHOLD: SimDuration = SimDuration::from_secs(180);

impl Kubelets {
    /// Somebody says that the node is not Ready, or it has come under pressure or out of it: the
    /// next round will tell.
    pub(super) fn node_update(&mut self, cx: &mut Cx<'_>, id: NodeId) {
        if cx.state.truth.is_connected(id) {
            self.plan_status(cx, id, cx.now);
        }
    }

    /// The first round at or after an instant.
    pub(super) fn plan_status(&self, cx: &mut Cx<'_>, id: NodeId, from: SimTime) {
        let node = &self.nodes[id];
        if !node.up {
            return;
        }
        let rhythm = || SimTime::ZERO.saturating_add(cx.state.truth.nodes[id].lease_phase);
        let began = node.started_at.unwrap_or_else(rhythm);
        let rounds = from.saturating_since(began).as_nanos().div_ceil(UPDATE_PERIOD.as_nanos());
        let due = began.saturating_add(UPDATE_PERIOD.saturating_mul(rounds));
        let epoch = node.epoch;
        cx.at(due, Event::Kubelet(KubeletEvent::NodeStatus { node: id, epoch }));
    }

    /// A round of the kubelet: its node is Ready and under pressure or not, and if the API server
    /// does not have it so, it is told.
    pub(super) fn node_status(&mut self, cx: &mut Cx<'_>, id: NodeId, epoch: u32) {
        let node = &self.nodes[id];
        let object = &cx.state.api.nodes[id];
        let (ready, before) = (object.ready, object.conditions);
        let conditions = node.manager.conditions(before);
        let missed = node.runtime_missed.is_some_and(|missed| missed <= cx.now);
        let (wanted, word) = if missed || node.shutdown.is_some() {
            (ConditionStatus::False, "NodeNotReady")
        } else {
            (ConditionStatus::True, "NodeReady")
        };
        let is_so = ready.status == wanted;
        if !node.up || node.epoch != epoch || (is_so && conditions == before) {
            return;
        }
        let is_true = |of: NodeConditions, which| of.status(which) == ConditionStatus::True;
        let turned = |which| is_true(before, which) != is_true(conditions, which);
        let told = [
            (!is_so, word),
            (turned(NodeCondition::MemoryPressure), memory_word(conditions)),
            (turned(NodeCondition::DiskPressure), disk_word(conditions)),
            (turned(NodeCondition::PidPressure), pid_word(conditions)),
        ];
        for (_, reason) in told.into_iter().filter(|(is_so, _)| *is_so) {
            cx.kube_event(Involved::Node(id), (false, reason, "kubelet"), |model, _| {
                format!("Node {} status is now: {reason}", model.nodes[id].name)
            });
        }
        let ready = ready.turned(wanted, cx.now);
        cx.request(Client::Kubelet(id), Request::NodeReady { node: id, ready, conditions });
    }
}

fn memory_word(conditions: NodeConditions) -> &'static str {
    match conditions.status(NodeCondition::MemoryPressure) {
        ConditionStatus::True => "NodeHasInsufficientMemory",
        ConditionStatus::False | ConditionStatus::Unknown => "NodeHasSufficientMemory",
    }
}

fn disk_word(conditions: NodeConditions) -> &'static str {
    match conditions.status(NodeCondition::DiskPressure) {
        ConditionStatus::True => "NodeHasDiskPressure",
        ConditionStatus::False | ConditionStatus::Unknown => "NodeHasNoDiskPressure",
    }
}

fn pid_word(conditions: NodeConditions) -> &'static str {
    match conditions.status(NodeCondition::PidPressure) {
        ConditionStatus::True => "NodeHasInsufficientPID",
        ConditionStatus::False | ConditionStatus::Unknown => "NodeHasSufficientPID",
    }
}
