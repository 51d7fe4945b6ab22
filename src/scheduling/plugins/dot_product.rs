//! DotProduct: nodes whose free resources have the shape of the pod's requests.

use super::node_resources::{
    RESOURCES, ScoredResource, WHOLE, requested, share, weighted, weighted_mean,
};
use crate::model::{NodeId, PodTemplate};
use crate::registry::Descriptor;
use crate::scheduling::WakeSet;
use crate::scheduling::framework::{
    CycleCx, Dependency, Plugin, PluginDef, Point, normalize_by_range,
};

/// The table's entry.
pub(super) const DEF: PluginDef = PluginDef {
    descriptor: Descriptor {
        name: "DotProduct",
        summary: "Prefers nodes that have free what the pod asks for",
        help: "The alignment score of vector bin packing: the weighted mean over resources of \
               (share requested × share free before). A pod that needs much memory goes where \
               much memory is free, which keeps CPU and memory from running out apart. Nodes \
               score by where they lie between the worst (0) and the best (100) of those found.",
        fields: RESOURCES,
    },
    points: &[Point::Score],
    filter_depends: None,
    score_depends: Some(Dependency::NodeLocal),
    wakes_on: WakeSet::NONE,
    build: Some(|cx| Box::new(DotProduct { resources: weighted(cx) })),
};

#[derive(Debug)]
struct DotProduct {
    resources: Vec<ScoredResource>,
}

impl Plugin for DotProduct {
    fn alike(&self, cx: &CycleCx<'_>, other: &PodTemplate) -> bool {
        cx.spec.on_node() == other.on_node()
    }

    fn score(&self, cx: &CycleCx<'_>, node: NodeId) -> i64 {
        weighted_mean(cx, node, &self.resources, |resource, allocatable, taken| {
            let own = requested(cx.spec.on_node(), resource);
            let free = (allocatable - (taken - own)).max(0);
            let product =
                i128::from(share(own, allocatable)) * i128::from(share(free, allocatable));
            i64::try_from(product / i128::from(WHOLE)).expect("a product of shares")
        })
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
    use crate::scheduling::testing::{Bench, GIB, ModelBuilder, half_full, only_scoring};

    #[test]
    fn what_is_free_is_weighed_with_what_is_asked_for() {
        // Requested 1/8 and 1/8; free before 1/2 and 5/8, 5/8 and 3/8, 7/8 and 7/8.
        let (mut bench, pod) = half_full(&only_scoring("DotProduct", None));
        let expected = [(70_312_500_000, 16), (62_500_000_000, 0), (109_375_000_000, 100)];
        assert_eq!(bench.scores(pod, "DotProduct"), expected.map(Some));
    }

    #[test]
    fn pods_go_where_their_kind_of_resource_is_free() {
        let mut builder = ModelBuilder::new();
        let [left, right] = ["l", "r"].map(|name| builder.node(name, "", (8000, 32)));
        let cpu = builder.template("cpu", (4000, GIB));
        let memory = builder.template("memory", (500, 16 * GIB));
        let mut bench = Bench::with_profile(builder, &only_scoring("DotProduct", None));
        bench.bind(left, cpu);
        bench.bind(right, memory);
        assert_eq!(bench.decide(cpu).node(), Some(right));
        assert_eq!(bench.decide(memory).node(), Some(left));
    }
}
