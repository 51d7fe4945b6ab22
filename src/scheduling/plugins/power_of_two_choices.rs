//! PowerOfTwoChoices: of two nodes drawn by lot the emptier one.

use super::node_resources::{RESOURCES, ScoredResource, use_with_pod, weighted};
use crate::model::NodeId;
use crate::registry::Descriptor;
use crate::scheduling::WakeSet;
use crate::scheduling::framework::{CycleCx, Dependency, Plugin, PluginDef, Point, PreScore};

/// The table's entry.
pub(super) const DEF: PluginDef = PluginDef {
    descriptor: Descriptor {
        name: "PowerOfTwoChoices",
        summary: "Prefers the emptier of two nodes drawn by lot",
        help: "Two of the feasible nodes are drawn, all pairs equally likely; the one with the \
               smaller weighted mean of shares in use scores 100, the first drawn if they are \
               even, and every other node 0. Nearly as even as looking at all nodes, with two \
               looks.",
        fields: RESOURCES,
    },
    points: &[Point::PreScore, Point::Score],
    filter_depends: None,
    score_depends: Some(Dependency::FeasibleSet),
    wakes_on: WakeSet::NONE,
    build: Some(|cx| Box::new(PowerOfTwoChoices { resources: weighted(cx), chosen: None })),
};

#[derive(Debug)]
struct PowerOfTwoChoices {
    resources: Vec<ScoredResource>,
    chosen: Option<NodeId>,
}

impl Plugin for PowerOfTwoChoices {
    fn pre_score(&mut self, cx: &CycleCx<'_>, feasible: &[NodeId]) -> PreScore {
        // The two greatest draws; equal ones, which hardly occur, go by the node.
        let (mut first, mut second) = (None, None);
        for &node in feasible {
            let draw = Some((cx.draw(node), node));
            if draw > first {
                (first, second) = (draw, first);
            } else if draw > second {
                second = draw;
            }
        }
        let load = |(_, node): (i64, NodeId)| use_with_pod(cx, node, &self.resources);
        let chosen = match (first, second) {
            (Some(first), Some(second)) if load(second) < load(first) => Some(second),
            _ => first,
        };
        self.chosen = chosen.map(|(_, node)| node);
        PreScore::Run
    }

    fn score(&self, _cx: &CycleCx<'_>, node: NodeId) -> i64 {
        if self.chosen == Some(node) { 100 } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::NodeId;
    use crate::rng::Streams;
    use crate::scheduling::testing::{Bench, GIB, ModelBuilder, only_scoring};
    use crate::scheduling::{Query, TieBreak};

    #[test]
    fn the_emptier_of_two_is_taken() {
        let mut builder = ModelBuilder::new();
        let nodes: Vec<NodeId> =
            (0..4).map(|at| builder.node(&format!("n{at}"), "", (8000, 32))).collect();
        let pod = builder.template("web", (1000, GIB));
        let mut bench = Bench::with_profile(builder, &only_scoring("PowerOfTwoChoices", None));
        for (&node, pods) in nodes.iter().zip(0..) {
            (0..pods).for_each(|_| {
                bench.bind(node, pod);
            });
        }
        bench.snapshot.refresh();
        let streams = Streams::new(3, 0);
        let mut counts = [0_u32; 4];
        for entity in 0..6000 {
            let tie_break = TieBreak::Seeded { streams: &streams, entity, attempt: 1 };
            let (model, snapshot) = (&bench.model, &bench.snapshot);
            let query = Query { model, snapshot, template: pod, pinned: None, start: 0, tie_break };
            counts[bench.framework.schedule(&query).node().expect("there is room").index()] += 1;
        }
        // Of the six pairs the emptiest node is in three and wins them, the next wins two, the
        // third one, the fullest none. Chi-square with 2 degrees: above 13.8 once in a thousand.
        let excess = counts.iter().zip([3000.0, 2000.0, 1000.0]);
        let excess = excess.map(|(n, expected)| (f64::from(*n) - expected, expected));
        let chi: f64 = excess.map(|(excess, expected)| excess * excess / expected).sum();
        assert!(counts[3] == 0 && chi < 13.8, "{counts:?}");
    }

    #[test]
    fn without_luck_the_two_names_that_sort_first_are_compared() {
        let mut builder = ModelBuilder::new();
        let [c, a, b] = ["c", "a", "b"].map(|name| builder.node(name, "", (8000, 32)));
        let pod = builder.template("web", (1000, GIB));
        let mut bench = Bench::with_profile(builder, &only_scoring("PowerOfTwoChoices", None));
        let placed: Vec<_> = (0..3).map(|_| bench.place(pod).expect("there is room")).collect();
        assert_eq!(placed, [a, b, a]);
        assert_eq!(bench.scores(pod, "PowerOfTwoChoices"), [(0, 0), (0, 0), (100, 100)].map(Some));
        let _ = c;
    }
}
