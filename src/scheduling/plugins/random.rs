//! Random: any feasible node, all equally likely.

use crate::model::NodeId;
use crate::registry::Descriptor;
use crate::scheduling::WakeSet;
use crate::scheduling::framework::{
    CycleCx, Dependency, Plugin, PluginDef, Point, normalize_by_range,
};

/// The table's entry.
pub(super) const DEF: PluginDef = PluginDef {
    descriptor: Descriptor {
        name: "Random",
        summary: "Prefers a node drawn by lot",
        help: "Every feasible node draws a number, the greatest wins: the yardstick that any \
               placement policy has to beat. The draw belongs to the pod, its attempt and the \
               node, so that a node that comes or goes changes no other node's luck. Nodes score \
               by where their draw lies between the least (0) and the greatest (100).",
        fields: &[],
    },
    points: &[Point::Score],
    filter_depends: None,
    score_depends: Some(Dependency::Attempt),
    wakes_on: WakeSet::NONE,
    build: Some(|_| Box::new(Random)),
};

#[derive(Debug)]
struct Random;

impl Plugin for Random {
    fn score(&self, cx: &CycleCx<'_>, node: NodeId) -> i64 {
        cx.draw(node)
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
    use crate::model::NodeId;
    use crate::rng::Streams;
    use crate::scheduling::testing::{Bench, GIB, ModelBuilder, only_scoring};
    use crate::scheduling::{Query, TieBreak};

    fn bench(nodes: usize) -> Bench {
        let mut builder = ModelBuilder::new();
        for at in 0..nodes {
            builder.node(&format!("n{at}"), "", (8000, 32));
        }
        builder.template("web", (100, GIB));
        let mut bench = Bench::with_profile(builder, &only_scoring("Random", None));
        bench.snapshot.refresh();
        bench
    }

    fn drawn(bench: &mut Bench, streams: &Streams, entity: u64, attempt: u64) -> NodeId {
        bench.snapshot.refresh();
        let template = bench.model.templates.ids().next().expect("there is one");
        let tie_break = TieBreak::Seeded { streams, entity, attempt };
        let (model, snapshot) = (&bench.model, &bench.snapshot);
        let query = Query { model, snapshot, template, pinned: None, start: 0, tie_break };
        bench.framework.schedule(&query).node().expect("there is room")
    }

    #[test]
    fn all_nodes_are_equally_likely() {
        let mut bench = bench(5);
        let streams = Streams::new(7, 0);
        let mut counts = [0_u32; 5];
        for entity in 0..5000 {
            counts[drawn(&mut bench, &streams, entity, 1).index()] += 1;
        }
        // Chi-square with 4 degrees of freedom: above 18.5 with probability 0.001.
        let excess = counts.iter().map(|n| f64::from(*n) - 1000.0);
        let chi: f64 = excess.map(|excess| excess * excess / 1000.0).sum();
        assert!(chi < 18.5, "{counts:?}");
    }

    #[test]
    fn a_node_that_goes_changes_the_luck_of_its_own_pods_only() {
        let (mut all, mut less) = (bench(5), bench(5));
        let gone = NodeId::from_index(2);
        let model = &less.model;
        less.snapshot.remove_node(model, gone);
        let streams = Streams::new(7, 0);
        let mut attempts = 0;
        for entity in 0..200 {
            let [first, second] = [1, 2].map(|attempt| drawn(&mut all, &streams, entity, attempt));
            attempts += u32::from(first != second);
            let without = drawn(&mut less, &streams, entity, 1);
            assert!(without == first || first == gone, "{without:?} {first:?}");
        }
        assert!((120..200).contains(&attempts), "attempts draw alike: {attempts}");
    }
}
