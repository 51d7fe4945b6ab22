//! BestFit: the node that would be left with the least.

use super::node_resources::{RESOURCES, ScoredResource, use_with_pod, weighted};
use crate::model::{NodeId, PodTemplate};
use crate::registry::Descriptor;
use crate::scheduling::WakeSet;
use crate::scheduling::framework::{
    CycleCx, Dependency, Plugin, PluginDef, Point, normalize_by_range,
};

/// The table's entry.
pub(super) const DEF: PluginDef = PluginDef {
    descriptor: Descriptor {
        name: "BestFit",
        summary: "Prefers the node that would have the least left",
        help: "The classical bin-packing rule for several resources: smallest weighted mean of \
               the shares that stay free. Unlike MostAllocated it counts requests as they are, \
               and the best node is best by however little: nodes score by where they lie \
               between the worst (0) and the best (100) of those found.",
        fields: RESOURCES,
    },
    points: &[Point::Score],
    filter_depends: None,
    score_depends: Some(Dependency::NodeLocal),
    wakes_on: WakeSet::NONE,
    build: Some(|cx| Box::new(BestFit { resources: weighted(cx) })),
};

#[derive(Debug)]
struct BestFit {
    resources: Vec<ScoredResource>,
}

impl Plugin for BestFit {
    fn alike(&self, cx: &CycleCx<'_>, other: &PodTemplate) -> bool {
        cx.spec.on_node() == other.on_node()
    }

    fn score(&self, cx: &CycleCx<'_>, node: NodeId) -> i64 {
        use_with_pod(cx, node, &self.resources)
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
    use crate::model::{PluginArgs, ResourceWeight};
    use crate::scheduling::testing::{Bench, GIB, ModelBuilder, half_full, only_scoring};

    #[test]
    fn the_fullest_node_with_room_scores_most() {
        // With the pod (1 core, 4 GiB): 5/8 and 1/2; 1/2 and 3/4; 1/4 and 1/4 in use.
        let (mut bench, pod) = half_full(&only_scoring("BestFit", None));
        let expected = [(562_500_000_000, 83), (625_000_000_000, 100), (250_000_000_000, 0)];
        assert_eq!(bench.scores(pod, "BestFit"), expected.map(Some));
    }

    #[test]
    fn weights_decide_which_resource_counts() {
        let weight = |name: &str, weight| ResourceWeight { name: name.to_owned(), weight };
        let resources = vec![weight("cpu", 3), weight("memory", 1)];
        let args = PluginArgs::WeightedResources { resources };
        let (mut bench, pod) = half_full(&only_scoring("BestFit", Some(args)));
        let expected = [(593_750_000_000, 100), (562_500_000_000, 90), (250_000_000_000, 0)];
        assert_eq!(bench.scores(pod, "BestFit"), expected.map(Some));
    }

    #[test]
    fn a_byte_decides() {
        let mut builder = ModelBuilder::new();
        let [a, b] = ["a", "b"].map(|name| builder.node(name, "", (8000, 32)));
        let pods = [GIB, GIB + 1].map(|memory| builder.template("x", (1000, memory)));
        let mut bench = Bench::with_profile(builder, &only_scoring("BestFit", None));
        bench.bind(a, pods[0]);
        bench.bind(b, pods[1]);
        assert_eq!(bench.place(pods[0]), Some(b));
    }
}
