//! TaintToleration: taints keep pods off, or make nodes less liked.

use crate::model::{NodeId, PodTemplate, Taint, TaintEffect};
use crate::registry::Descriptor;
use crate::scheduling::framework::{
    CycleCx, Dependency, Plugin, PluginDef, Point, Reason, Rejection, Verdict, normalize_by_max,
};
use crate::scheduling::{ClusterEvent, WakeSet};

/// The table's entry.
pub(super) const DEF: PluginDef = PluginDef {
    descriptor: Descriptor {
        name: "TaintToleration",
        summary: "Honours taints and tolerations",
        help: "Nodes with a NoSchedule or NoExecute taint that the pod does not tolerate are out; \
               among the others those with fewer untolerated PreferNoSchedule taints score higher.",
        fields: &[],
    },
    points: &[Point::Filter, Point::PreScore, Point::Score],
    filter_depends: Some(Dependency::NodeObject),
    score_depends: Some(Dependency::NodeObject),
    wakes_on: WakeSet::NODE_ADD.with(WakeSet::NODE_TAINT).with(WakeSet::POD_TOLERATION),
    build: Some(|_| Box::new(TaintToleration)),
};

/// The first NoSchedule or NoExecute taint that pods of a class do not tolerate.
#[must_use]
#[inline]
pub fn first_untolerated(spec: &PodTemplate, taints: &[Taint]) -> Option<Taint> {
    taints.iter().copied().find(|taint| {
        taint.effect != TaintEffect::PreferNoSchedule
            && !spec.tolerations.iter().any(|toleration| toleration.tolerates(taint))
    })
}

#[derive(Debug)]
struct TaintToleration;

impl Plugin for TaintToleration {
    fn alike(&self, cx: &CycleCx<'_>, other: &PodTemplate) -> bool {
        cx.spec.tolerations == other.tolerations
    }

    fn normalizes(&self) -> bool {
        true
    }

    fn filter(&self, cx: &CycleCx<'_>, node: NodeId) -> Verdict {
        match first_untolerated(cx.spec, &cx.snapshot.row(node).taints) {
            None => Ok(()),
            Some(taint) => {
                Err(Rejection { unresolvable: true, reason: Reason::UntoleratedTaint(taint) })
            }
        }
    }

    fn score(&self, cx: &CycleCx<'_>, node: NodeId) -> i64 {
        let preferred = |effect: Option<TaintEffect>| {
            effect.is_none_or(|effect| effect == TaintEffect::PreferNoSchedule)
        };
        let intolerable =
            cx.snapshot.row(node).taints.iter().filter(|taint| {
                taint.effect == TaintEffect::PreferNoSchedule
                    && !cx.spec.tolerations.iter().any(|toleration| {
                        preferred(toleration.effect) && toleration.tolerates(taint)
                    })
            });
        i64::try_from(intolerable.count()).expect("few taints")
    }

    fn normalize(&self, _cx: &CycleCx<'_>, _feasible: &[NodeId], scores: &mut [i64]) {
        normalize_by_max(scores, true);
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "it registered for no others")]
    fn hint(&mut self, cx: &CycleCx<'_>, event: &ClusterEvent) -> bool {
        let tolerated = |taints: &[Taint]| first_untolerated(cx.spec, taints).is_none();
        match event {
            ClusterEvent::NodeAdd { after, .. } => tolerated(&after.taints),
            ClusterEvent::NodeUpdate { before, after, .. } => {
                !tolerated(&before.taints) && tolerated(&after.taints)
            }
            // An unbound pod's update concerns itself.
            ClusterEvent::PodUpdate { assigned, .. } => !assigned,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::{TaintEffect, TolerationOperator};
    use crate::scheduling::testing::{Bench, ModelBuilder};

    use TaintEffect::{NoExecute, NoSchedule, PreferNoSchedule};
    use TolerationOperator::{Equal, Exists};

    #[test]
    fn tolerations_open_nodes() {
        // Key (none: every key), operator, value, effect (none: every effect); whether nodes with
        // k=v:NoSchedule, k=v:NoExecute, k=v:PreferNoSchedule, l=:NoSchedule pass.
        let table = [
            (Some("k"), Equal, "v", None, [true, true, true, false]),
            (Some("k"), Equal, "w", None, [false, false, true, false]),
            (Some("k"), Equal, "v", Some(NoSchedule), [true, false, true, false]),
            (Some("k"), Exists, "", Some(NoExecute), [false, true, true, false]),
            (Some("l"), Equal, "", None, [false, false, true, true]),
            (None, Exists, "", None, [true; 4]),
            (None, Exists, "", Some(PreferNoSchedule), [false, false, true, false]),
        ];
        for (key, operator, value, effect, passes) in table {
            let mut builder = ModelBuilder::new();
            let taints = [("k", "v", NoSchedule), ("k", "v", NoExecute)];
            for (key, value, effect) in
                taints.into_iter().chain([("k", "v", PreferNoSchedule), ("l", "", NoSchedule)])
            {
                let node = builder.node(&format!("{key}-{effect:?}"), "", (1000, 1));
                let taint = builder.taint(key, value, effect);
                builder.model.nodes[node].taints.push(taint);
            }
            let pod = builder.template("web", (100, 0));
            let mut toleration = builder.toleration("");
            toleration.key = key.map(|key| builder.symbol(key));
            toleration.value = builder.symbol(value);
            (toleration.operator, toleration.effect) = (operator, effect);
            builder.spec(pod).tolerations.push(toleration);
            let told = Bench::new(builder).passes(pod, "TaintToleration");
            assert_eq!(told, passes, "{key:?} {operator:?} {value} {effect:?}");
        }
    }

    #[test]
    fn the_first_taint_that_is_not_tolerated_is_named() {
        let mut builder = ModelBuilder::new();
        let node = builder.node("n", "", (1000, 1));
        for (key, value, effect) in
            [("soft", "", PreferNoSchedule), ("a", "1", NoSchedule), ("b", "2", NoExecute)]
        {
            let taint = builder.taint(key, value, effect);
            builder.model.nodes[node].taints.push(taint);
        }
        let pods = [(); 2].map(|()| builder.template("web", (100, 0)));
        let toleration = builder.toleration("a");
        builder.spec(pods[1]).tolerations.push(toleration);
        let mut bench = Bench::new(builder);
        let told = pods.map(|pod| bench.verdicts(pod).join(","));
        let text = |taint| format!("!TaintToleration: node(s) had untolerated taint {taint}");
        assert_eq!(told, [text("{a: 1}"), text("{b: 2}")]);
    }

    #[test]
    fn only_tolerations_of_the_soft_effect_count_in_the_score() {
        // The toleration's effect; raw and final scores of nodes with 0, 1 and 2 soft taints.
        let table = [
            (Some(NoSchedule), [(0, 100), (1, 50), (2, 0)]),
            (Some(PreferNoSchedule), [(0, 100), (0, 100), (1, 0)]),
            (None, [(0, 100), (0, 100), (1, 0)]),
        ];
        for (effect, scores) in table {
            let mut builder = ModelBuilder::new();
            for taints in 0..3 {
                let node = builder.node(&format!("n{taints}"), "", (1000, 1));
                for key in ["k1", "k2"].into_iter().take(taints) {
                    let taint = builder.taint(key, "", PreferNoSchedule);
                    builder.model.nodes[node].taints.push(taint);
                }
            }
            let pod = builder.template("web", (100, 0));
            let mut toleration = builder.toleration("k1");
            toleration.effect = effect;
            builder.spec(pod).tolerations.push(toleration);
            let told = Bench::new(builder).scores(pod, "TaintToleration");
            assert_eq!(told, scores.map(Some), "{effect:?}");
        }
    }
}
