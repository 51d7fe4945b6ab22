//! WorstFit: the node that would be left with the most.

use super::node_resources::{RESOURCES, ScoredResource, WHOLE, use_with_pod, weighted};
use crate::model::{NodeId, PodTemplate};
use crate::registry::Descriptor;
use crate::scheduling::WakeSet;
use crate::scheduling::framework::{
    CycleCx, Dependency, Plugin, PluginDef, Point, normalize_by_range,
};

/// The table's entry.
pub(super) const DEF: PluginDef = PluginDef {
    descriptor: Descriptor {
        name: "WorstFit",
        summary: "Prefers the node that would have the most left",
        help: "The counterpart of BestFit: greatest weighted mean of the shares that stay free. \
               It spreads load like LeastAllocated, but counts requests as they are and tells \
               any two nodes apart: nodes score by where they lie between the worst (0) and the \
               best (100) of those found.",
        fields: RESOURCES,
    },
    points: &[Point::Score],
    filter_depends: None,
    score_depends: Some(Dependency::NodeLocal),
    wakes_on: WakeSet::NONE,
    build: Some(|cx| Box::new(WorstFit { resources: weighted(cx) })),
};

#[derive(Debug)]
struct WorstFit {
    resources: Vec<ScoredResource>,
}

impl Plugin for WorstFit {
    fn alike(&self, cx: &CycleCx<'_>, other: &PodTemplate) -> bool {
        cx.spec.on_node() == other.on_node()
    }

    fn score(&self, cx: &CycleCx<'_>, node: NodeId) -> i64 {
        WHOLE - use_with_pod(cx, node, &self.resources)
    }

    fn normalize(&self, _cx: &CycleCx<'_>, _feasible: &[NodeId], scores: &mut [i64]) {
        normalize_by_range(scores);
    }

    fn normalizes(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::scheduling::testing::{half_full, only_scoring};

    #[test]
    fn the_emptiest_node_scores_most() {
        let (mut bench, pod) = half_full(&only_scoring("WorstFit", None));
        let expected = [(437_500_000_000, 16), (375_000_000_000, 0), (750_000_000_000, 100)];
        assert_eq!(bench.scores(pod, "WorstFit"), expected.map(Some));
    }
}
