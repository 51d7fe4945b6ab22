//! NodeResourcesBalancedAllocation: nodes whose resources would be used evenly score high.

use super::node_resources::{
    Amounts, ScoredResource, allocatable_and_taken, compile, cpu_and_memory, requested,
};
use crate::base::math;
use crate::model::{NodeId, PluginArgs, PodTemplate};
use crate::registry::{Descriptor, Field};
use crate::scheduling::WakeSet;
use crate::scheduling::framework::{
    BuildCx, CycleCx, Dependency, Plugin, PluginDef, Point, PreScore,
};

/// The table's entry.
pub(super) const DEF: PluginDef = PluginDef {
    descriptor: Descriptor {
        name: "NodeResourcesBalancedAllocation",
        summary: "Prefers nodes whose resources would be used in equal shares",
        help: "The score falls with the standard deviation of the shares in use, the pod \
               included. It leaves no node with free CPU and full memory.",
        fields: &[Field {
            name: "resources",
            unit: "[{name, weight}]",
            default: "cpu 1, memory 1",
            range: "weight 1",
            help: "resources that are balanced",
        }],
    },
    points: &[Point::PreScore, Point::Score],
    filter_depends: None,
    score_depends: Some(Dependency::NodeLocal),
    wakes_on: WakeSet::NONE,
    build: Some(|cx| Box::new(NodeResourcesBalancedAllocation::new(cx))),
};

#[derive(Debug)]
struct NodeResourcesBalancedAllocation {
    resources: Vec<ScoredResource>,
}

impl NodeResourcesBalancedAllocation {
    fn new(cx: &BuildCx<'_>) -> Self {
        let resources = match cx.args {
            Some(PluginArgs::NodeResourcesBalancedAllocation { resources }) => resources.clone(),
            _ => cpu_and_memory(),
        };
        Self { resources: compile(cx.model, &resources) }
    }
}

/// 100 × (1 − standard deviation of the shares), truncated; fewer than two shares do not deviate.
///
/// Doubles in this order of operations, without fused multiply-add: kube-scheduler's result to
/// the last bit.
#[expect(clippy::cast_precision_loss, reason = "a handful of resources")]
#[expect(clippy::cast_possible_truncation, reason = "the value lies between 0 and 100")]
#[inline]
fn balance(shares: impl Iterator<Item = f64> + Clone) -> i64 {
    let mut few = shares.clone();
    let deviation = match (few.next(), few.next(), few.next()) {
        (Some(first), Some(second), None) => (first - second).abs() / 2.0,
        (_, None, _) => 0.0,
        _ => {
            let count = shares.clone().count() as f64;
            let mean = shares.clone().sum::<f64>() / count;
            let squares: f64 = shares.map(|share| (share - mean) * (share - mean)).sum();
            math::sqrt(squares / count)
        }
    };
    ((1.0 - deviation) * 100.0) as i64
}

impl Plugin for NodeResourcesBalancedAllocation {
    fn alike(&self, cx: &CycleCx<'_>, other: &PodTemplate) -> bool {
        cx.spec.on_node() == other.on_node()
    }

    fn pre_score(&mut self, cx: &CycleCx<'_>, _feasible: &[NodeId]) -> PreScore {
        let requests = cx.spec.on_node();
        if self.resources.iter().all(|entry| requested(requests, entry.resource) == 0) {
            return PreScore::Skip;
        }
        PreScore::Run
    }

    #[expect(clippy::cast_precision_loss, reason = "kube-scheduler divides doubles as well")]
    fn score(&self, cx: &CycleCx<'_>, node: NodeId) -> i64 {
        let shares = self.resources.iter().filter_map(|entry| {
            let (allocatable, taken) =
                allocatable_and_taken(cx, node, entry.resource, Amounts::True)?;
            Some((taken as f64 / allocatable as f64).min(1.0))
        });
        balance(shares)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balance_falls_with_the_deviation() {
        let table: [(&[f64], i64); 4] =
            [(&[0.5, 0.3125], 90), (&[0.5, 0.25, 0.125], 84), (&[0.25, 0.8125], 71), (&[0.4], 100)];
        for (shares, expected) in table {
            assert_eq!(balance(shares.iter().copied()), expected, "{shares:?}");
        }
    }
}
