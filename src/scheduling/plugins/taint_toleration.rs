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
#[inline]
pub(super) fn first_untolerated(spec: &PodTemplate, taints: &[Taint]) -> Option<Taint> {
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
