//! FirstFit: the first node, in the order of declaration, that has room.

use crate::model::{NodeId, PodTemplate};
use crate::registry::Descriptor;
use crate::scheduling::WakeSet;
use crate::scheduling::framework::{
    CycleCx, Dependency, Plugin, PluginDef, Point, normalize_by_range,
};

/// The table's entry.
pub(super) const DEF: PluginDef = PluginDef {
    descriptor: Descriptor {
        name: "FirstFit",
        summary: "Prefers the node that was declared first",
        help: "The classical bin-packing rule: go through the nodes from the start and take the \
               first that has room. Of the feasible nodes found the one declared first scores \
               100, the last 0. Use it alone and with percentageOfNodesToScore 100, or nodes \
               beyond the sample are never first.",
        fields: &[],
    },
    points: &[Point::Score],
    filter_depends: None,
    score_depends: Some(Dependency::NodeObject),
    wakes_on: WakeSet::NONE,
    build: Some(|_| Box::new(FirstFit)),
};

#[derive(Debug)]
struct FirstFit;

impl Plugin for FirstFit {
    fn alike(&self, _cx: &CycleCx<'_>, _other: &PodTemplate) -> bool {
        true
    }

    fn score(&self, _cx: &CycleCx<'_>, node: NodeId) -> i64 {
        -i64::try_from(node.index()).expect("node ids have 32 bits")
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
    use crate::scheduling::testing::{Bench, GIB, ModelBuilder, only_scoring};

    #[test]
    fn nodes_are_filled_in_the_order_of_their_declaration() {
        let mut builder = ModelBuilder::new();
        let [c, a, b] = [("c", "z1"), ("a", "z2"), ("b", "z1")]
            .map(|(n, zone)| builder.node(n, zone, (2000, 8)));
        let [large, small] = [1500, 500].map(|cpu| builder.template("web", (cpu, GIB)));
        let mut bench = Bench::with_profile(builder, &only_scoring("FirstFit", None));
        assert_eq!(bench.scores(large, "FirstFit"), [(0, 100), (-1, 50), (-2, 0)].map(Some));
        assert_eq!(bench.place(large), Some(c));
        assert_eq!(bench.place(large), Some(a));
        assert_eq!(bench.place(small), Some(c));
        assert_eq!(bench.place(small), Some(a));
        assert_eq!(bench.place(small), Some(b));
    }
}
