//! NodeName: a pod that names its node goes nowhere else.

use crate::model::{NodeId, PodTemplate};
use crate::registry::Descriptor;
use crate::scheduling::WakeSet;
use crate::scheduling::framework::{
    CycleCx, Dependency, Plugin, PluginDef, Point, Rejection, Verdict,
};

/// The table's entry.
pub(super) const DEF: PluginDef = PluginDef {
    descriptor: Descriptor {
        name: "NodeName",
        summary: "Honours `spec.nodeName`",
        help: "Pods that name their node bypass the scheduler; the filter matters where one is \
               tried nevertheless.",
        fields: &[],
    },
    points: &[Point::Filter],
    filter_depends: Some(Dependency::NodeObject),
    score_depends: None,
    wakes_on: WakeSet::NODE_ADD,
    build: Some(|_| Box::new(NodeName)),
};

#[derive(Debug)]
struct NodeName;

impl Plugin for NodeName {
    fn alike(&self, cx: &CycleCx<'_>, other: &PodTemplate) -> bool {
        cx.spec.node_name == other.node_name
    }

    fn filter(&self, cx: &CycleCx<'_>, node: NodeId) -> Verdict {
        match cx.spec.node_name {
            Some(name) if name != cx.model.nodes[node].name_symbol => {
                Err(Rejection::unresolvable("node(s) didn't match the requested node name"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::scheduling::testing::{Bench, ModelBuilder};

    #[test]
    fn only_the_node_of_that_name_passes() {
        for (name, passes) in [("n1", [false, true]), ("n0", [true, false]), ("n", [false; 2])] {
            let mut builder = ModelBuilder::new();
            ["n0", "n1"].into_iter().for_each(|name| {
                builder.node(name, "", (1000, 1));
            });
            let pod = builder.template("web", (100, 0));
            let symbol = builder.symbol(name);
            builder.spec(pod).node_name = Some(symbol);
            let mut bench = Bench::new(builder);
            assert_eq!(bench.passes(pod, "NodeName"), passes, "{name}");
            let other = bench.verdicts(pod).into_iter().find(|verdict| !verdict.is_empty());
            let text = "!NodeName: node(s) didn't match the requested node name";
            assert_eq!(other.as_deref(), Some(text));
        }
    }
}
