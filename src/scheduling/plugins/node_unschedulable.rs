//! NodeUnschedulable: cordoned nodes take no pods.

use crate::model::{NodeId, PodTemplate, Taint, TaintEffect};
use crate::registry::Descriptor;
use crate::scheduling::framework::{
    BuildCx, CycleCx, Dependency, Plugin, PluginDef, Point, Rejection, Verdict,
};
use crate::scheduling::{ClusterEvent, WakeSet};

/// The table's entry.
pub(super) const DEF: PluginDef = PluginDef {
    descriptor: Descriptor {
        name: "NodeUnschedulable",
        summary: "Keeps pods off cordoned nodes",
        help: "A node with `spec.unschedulable` takes only pods that tolerate the taint \
               `node.kubernetes.io/unschedulable:NoSchedule`.",
        fields: &[],
    },
    points: &[Point::Filter],
    filter_depends: Some(Dependency::NodeObject),
    score_depends: None,
    wakes_on: WakeSet::NODE_ADD.with(WakeSet::NODE_TAINT).with(WakeSet::POD_TOLERATION),
    build: Some(|cx| Box::new(NodeUnschedulable::new(cx))),
};

#[derive(Debug)]
struct NodeUnschedulable {
    /// The taint that stands for a cordon; `None` if no text of the model names it, so that only
    /// a toleration of everything can match.
    taint: Option<Taint>,
}

impl NodeUnschedulable {
    fn new(cx: &BuildCx<'_>) -> Self {
        let symbols = &cx.model.symbols;
        let taint = symbols
            .get("node.kubernetes.io/unschedulable")
            .zip(symbols.get(""))
            .map(|(key, value)| Taint { key, value, effect: TaintEffect::NoSchedule });
        Self { taint }
    }

    fn tolerates(&self, cx: &CycleCx<'_>) -> bool {
        cx.spec.tolerations.iter().any(|toleration| match &self.taint {
            Some(taint) => toleration.tolerates(taint),
            None => {
                toleration.key.is_none()
                    && toleration.operator == crate::model::TolerationOperator::Exists
                    && toleration.effect.is_none_or(|effect| effect == TaintEffect::NoSchedule)
            }
        })
    }
}

impl Plugin for NodeUnschedulable {
    fn alike(&self, cx: &CycleCx<'_>, other: &PodTemplate) -> bool {
        cx.spec.tolerations == other.tolerations
    }

    fn filter(&self, cx: &CycleCx<'_>, node: NodeId) -> Verdict {
        if !cx.snapshot.row(node).unschedulable || self.tolerates(cx) {
            return Ok(());
        }
        Err(Rejection::unresolvable("node(s) were unschedulable"))
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "it registered for no others")]
    fn hint(&mut self, cx: &CycleCx<'_>, event: &ClusterEvent) -> bool {
        match event {
            ClusterEvent::NodeAdd { after, .. } => !after.unschedulable,
            ClusterEvent::NodeUpdate { before, after, .. } => {
                before.unschedulable && !after.unschedulable
            }
            ClusterEvent::PodUpdate { assigned, .. } => !assigned && self.tolerates(cx),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::{TaintEffect, TolerationOperator};
    use crate::scheduling::testing::{Bench, ModelBuilder};

    #[test]
    fn a_cordon_is_lifted_by_its_toleration() {
        let key = "node.kubernetes.io/unschedulable";
        let no_schedule = Some(TaintEffect::NoSchedule);
        // Key (none: every key), operator, effect (none: every effect), whether it lifts the cordon.
        let table = [
            (Some(key), TolerationOperator::Exists, None, true),
            (Some(key), TolerationOperator::Exists, no_schedule, true),
            (Some(key), TolerationOperator::Exists, Some(TaintEffect::NoExecute), false),
            (Some(key), TolerationOperator::Equal, None, true),
            (Some("other"), TolerationOperator::Exists, None, false),
            (None, TolerationOperator::Exists, None, true),
            (None, TolerationOperator::Exists, Some(TaintEffect::PreferNoSchedule), false),
        ];
        for (key, operator, effect, lifts) in table {
            let mut builder = ModelBuilder::new();
            let cordoned = builder.node("cordoned", "", (1000, 1));
            builder.node("open", "", (1000, 1));
            builder.model.nodes[cordoned].unschedulable = true;
            let pod = builder.template("web", (100, 0));
            let mut toleration = builder.toleration("");
            toleration.key = key.map(|key| builder.symbol(key));
            (toleration.operator, toleration.effect) = (operator, effect);
            builder.spec(pod).tolerations.push(toleration);
            let mut bench = Bench::new(builder);
            let passes = bench.passes(pod, "NodeUnschedulable");
            assert_eq!(passes, [lifts, true], "{key:?} {operator:?} {effect:?}");
        }
    }

    #[test]
    fn no_eviction_helps_on_a_cordoned_node() {
        let mut builder = ModelBuilder::new();
        let node = builder.node("n", "", (1000, 1));
        builder.model.nodes[node].unschedulable = true;
        let pod = builder.template("web", (100, 0));
        let verdicts = Bench::new(builder).verdicts(pod);
        assert_eq!(verdicts, ["!NodeUnschedulable: node(s) were unschedulable"]);
    }
}
