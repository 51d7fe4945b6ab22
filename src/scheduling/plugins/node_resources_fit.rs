//! NodeResourcesFit: pods go where their requests fit, and where the strategy likes the load.

use super::node_resources::{
    Amounts, ScoredResource, allocatable_and_taken, compile, cpu_and_memory,
};
use crate::base::id::IdSet;
use crate::model::{
    FitStrategy, NodeId, PluginArgs, PodTemplate, ResourceId, Resources, ShapePoint,
};
use crate::registry::{Descriptor, Field};
use crate::scheduling::framework::{
    BuildCx, CycleCx, Dependency, Plugin, PluginDef, Point, Reason, Rejection, Verdict,
};
use crate::scheduling::{ClusterEvent, WakeSet};

/// The table's entry.
pub(super) const DEF: PluginDef = PluginDef {
    descriptor: Descriptor {
        name: "NodeResourcesFit",
        summary: "Filters nodes by free resources and scores them by their load",
        help: "A pod fits where each resource it requests is free in that amount. LeastAllocated \
               spreads load, MostAllocated packs it, RequestedToCapacityRatio scores utilisation \
               by a broken line. Scores count 100m CPU and 200Mi memory for containers that \
               request none.",
        fields: &[
            Field {
                name: "scoringStrategy.type",
                unit: "name",
                default: "LeastAllocated",
                range: "LeastAllocated, MostAllocated or RequestedToCapacityRatio",
                help: "which load scores high",
            },
            Field {
                name: "scoringStrategy.resources",
                unit: "[{name, weight}]",
                default: "cpu 1, memory 1",
                range: "weight 1-100",
                help: "resources that the score looks at",
            },
            Field {
                name: "scoringStrategy.requestedToCapacityRatio.shape",
                unit: "[{utilization, score}]",
                default: "none",
                range: "utilization 0-100 rising, score 0-10",
                help: "the broken line of RequestedToCapacityRatio",
            },
            Field {
                name: "ignoredResources",
                unit: "[name]",
                default: "none",
                range: "extended resources",
                help: "resources that the filter does not look at",
            },
            Field {
                name: "ignoredResourceGroups",
                unit: "[name]",
                default: "none",
                range: "",
                help: "groups (the part before `/`) of resources that the filter does not look at",
            },
        ],
    },
    points: &[Point::PreFilter, Point::Filter, Point::PreScore, Point::Score],
    filter_depends: Some(Dependency::NodeLocal),
    score_depends: Some(Dependency::NodeLocal),
    wakes_on: WakeSet::POD_DELETE
        .with(WakeSet::POD_SCALE_DOWN)
        .with(WakeSet::NODE_ADD)
        .with(WakeSet::NODE_ALLOCATABLE),
    build: Some(|cx| Box::new(NodeResourcesFit::new(cx))),
};

/// Bits of [`Reason::Insufficient`].
const PODS: u64 = 1;
const CPU: u64 = 1 << 1;
const MEMORY: u64 = 1 << 2;
const EPHEMERAL: u64 = 1 << 3;
const FIRST_SCALAR: usize = 4;

#[derive(Debug)]
struct NodeResourcesFit {
    strategy: FitStrategy,
    resources: Vec<ScoredResource>,
    ignored: IdSet<ResourceId>,
}

impl NodeResourcesFit {
    fn new(cx: &BuildCx<'_>) -> Self {
        let (strategy, resources, names, groups) = match cx.args {
            Some(PluginArgs::NodeResourcesFit {
                strategy,
                resources,
                ignored_resources,
                ignored_groups,
            }) => {
                (strategy.clone(), resources.clone(), &ignored_resources[..], &ignored_groups[..])
            }
            _ => (FitStrategy::LeastAllocated, cpu_and_memory(), &[][..], &[][..]),
        };
        let mut ignored = IdSet::with_capacity(cx.model.scalar_resources.len());
        for (id, name) in cx.model.scalar_resources.iter() {
            let group = name.split_once('/').map(|(group, _)| group);
            let extended = group.is_some_and(|group| !group.ends_with("kubernetes.io"));
            let in_group = group.is_some_and(|group| groups.iter().any(|other| other == group));
            if extended && (in_group || names.contains(name)) {
                ignored.insert(id);
            }
        }
        Self { strategy, resources: compile(cx.model, &resources), ignored }
    }

    /// Weighted mean of the resources' scores, as an integer quotient.
    #[inline]
    fn mean_score(&self, cx: &CycleCx<'_>, node: NodeId, score: impl Fn(i64, i64) -> i64) -> i64 {
        let (mut sum, mut weights) = (0, 0);
        for entry in &self.resources {
            let Some((allocatable, taken)) =
                allocatable_and_taken(cx, node, entry.resource, Amounts::NonZero)
            else {
                continue;
            };
            sum += score(allocatable, taken) * entry.weight;
            weights += entry.weight;
        }
        if weights == 0 { 0 } else { sum / weights }
    }

    /// RequestedToCapacityRatio: resources that score 0 are left out of the weights as well.
    fn ratio_score(&self, cx: &CycleCx<'_>, node: NodeId, shape: &[ShapePoint]) -> i64 {
        let (mut sum, mut weights) = (0, 0);
        for entry in &self.resources {
            let Some((allocatable, taken)) =
                allocatable_and_taken(cx, node, entry.resource, Amounts::NonZero)
            else {
                continue;
            };
            let utilization = if taken > allocatable { 100 } else { taken * 100 / allocatable };
            let score = broken_line(shape, utilization);
            if score > 0 {
                sum += score * entry.weight;
                weights += entry.weight;
            }
        }
        // Both are positive: this rounds half up, which is away from zero.
        if weights == 0 { 0 } else { (2 * sum + weights) / (2 * weights) }
    }
}

#[inline]
fn least_allocated(allocatable: i64, taken: i64) -> i64 {
    if taken > allocatable { 0 } else { (allocatable - taken) * 100 / allocatable }
}

#[inline]
fn most_allocated(allocatable: i64, taken: i64) -> i64 {
    taken.min(allocatable) * 100 / allocatable
}

/// The value at `x` of the line through the points; scores 0–10 of the shape become 0–100.
fn broken_line(shape: &[ShapePoint], x: i64) -> i64 {
    let above = shape.partition_point(|point| point.utilization < x);
    let value = |at: usize| shape[at].score * 10;
    match (above, shape.len()) {
        (_, 0) => 0,
        (0, _) => value(0),
        (above, len) if above == len => value(len - 1),
        (above, _) => {
            let (low, high) = (shape[above - 1].utilization, shape[above].utilization);
            value(above - 1) + (value(above) - value(above - 1)) * (x - low) / (high - low)
        }
    }
}

/// Checks one resource: sets its bit if it does not suffice, and notes if it never can.
#[inline]
fn check(
    bits: &mut u64,
    never: &mut bool,
    bit: u64,
    (requested, allocatable, used): (i64, i64, i64),
) {
    if requested > 0 && requested > allocatable - used {
        *bits |= bit;
        *never |= requested > allocatable;
    }
}

/// Whether a pod with these requests fits a node that holds nothing. Queueing hints look at
/// ignored resources too.
fn fits_empty(requests: &Resources, offered: &Resources) -> bool {
    offered.pods >= 1
        && requests.cpu_milli <= offered.cpu_milli
        && requests.memory_bytes <= offered.memory_bytes
        && requests.ephemeral_bytes <= offered.ephemeral_bytes
        && requests.scalars.iter().all(|&(id, amount)| amount <= offered.scalar(id))
}

/// Whether `a` is more than `b` of some resource that is requested.
fn exceeds(requests: &Resources, a: &Resources, b: &Resources) -> bool {
    (requests.cpu_milli > 0 && a.cpu_milli > b.cpu_milli)
        || (requests.memory_bytes > 0 && a.memory_bytes > b.memory_bytes)
        || (requests.ephemeral_bytes > 0 && a.ephemeral_bytes > b.ephemeral_bytes)
        || requests.scalars.iter().any(|&(id, amount)| amount > 0 && a.scalar(id) > b.scalar(id))
}

impl Plugin for NodeResourcesFit {
    fn alike(&self, cx: &CycleCx<'_>, other: &PodTemplate) -> bool {
        cx.spec.requests == other.requests
            && (cx.spec.score_cpu_milli, cx.spec.score_memory_bytes)
                == (other.score_cpu_milli, other.score_memory_bytes)
            && cx.spec.score_scalars == other.score_scalars
    }

    #[inline]
    fn filter(&self, cx: &CycleCx<'_>, node: NodeId) -> Verdict {
        let load = cx.snapshot.load(node);
        let requests = &cx.spec.requests;
        let mut bits = 0;
        let mut never = false;
        if load.pods + 1 > load.allocatable_pods {
            bits |= PODS;
        }
        let mut fixed = |bit, requested, allocatable, used| {
            check(&mut bits, &mut never, bit, (requested, allocatable, used));
        };
        fixed(CPU, requests.cpu_milli, load.allocatable_cpu_milli, load.requested_cpu_milli);
        fixed(
            MEMORY,
            requests.memory_bytes,
            load.allocatable_memory_bytes,
            load.requested_memory_bytes,
        );
        fixed(
            EPHEMERAL,
            requests.ephemeral_bytes,
            load.allocatable_ephemeral_bytes,
            load.requested_ephemeral_bytes,
        );
        for (at, &(id, requested)) in requests.scalars.iter().enumerate() {
            if !self.ignored.contains(id) {
                let allocatable = cx.node(node).allocatable.scalar(id);
                let used = cx.snapshot.row(node).requested_scalar(id);
                let bit = 1 << (FIRST_SCALAR + at).min(63);
                check(&mut bits, &mut never, bit, (requested, allocatable, used));
            }
        }
        if bits == 0 {
            return Ok(());
        }
        Err(Rejection { unresolvable: never, reason: Reason::Insufficient(bits) })
    }

    fn score(&self, cx: &CycleCx<'_>, node: NodeId) -> i64 {
        match &self.strategy {
            FitStrategy::LeastAllocated => self.mean_score(cx, node, least_allocated),
            FitStrategy::MostAllocated => self.mean_score(cx, node, most_allocated),
            FitStrategy::RequestedToCapacityRatio(shape) => self.ratio_score(cx, node, shape),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "it registered for no others")]
    fn hint(&mut self, cx: &CycleCx<'_>, event: &ClusterEvent) -> bool {
        let requests = &cx.spec.requests;
        match event {
            ClusterEvent::AssignedPodDelete { .. } => true,
            ClusterEvent::PodUpdate { assigned: false, .. } => true,
            ClusterEvent::PodUpdate { before, after, .. } => {
                let [old, new] = [before, after].map(|&id| cx.model.templates[id].on_node());
                exceeds(requests, old, new)
            }
            ClusterEvent::NodeAdd { node, after } => {
                fits_empty(requests, &after.spec(cx.model, *node).allocatable)
            }
            ClusterEvent::NodeUpdate { node, before, after, .. } => {
                let old = &before.spec(cx.model, *node).allocatable;
                let new = &after.spec(cx.model, *node).allocatable;
                fits_empty(requests, new) && (new.pods > old.pods || exceeds(requests, new, old))
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(points: &[(i64, i64)]) -> Vec<ShapePoint> {
        points.iter().map(|&(utilization, score)| ShapePoint { utilization, score }).collect()
    }

    #[test]
    fn a_broken_line_truncates_toward_zero() {
        let falling = shape(&[(0, 10), (40, 7), (100, 0)]);
        let table = [(0, 100), (40, 70), (41, 69), (99, 2), (100, 0)];
        for (x, expected) in table {
            assert_eq!(broken_line(&falling, x), expected, "at {x}");
        }
        let inner = shape(&[(20, 3), (60, 9)]);
        assert_eq!([0, 20, 40, 60, 100].map(|x| broken_line(&inner, x)), [30, 30, 60, 90, 90]);
    }

    #[test]
    fn strategies_score_integers() {
        assert_eq!([least_allocated(4000, 2000), least_allocated(4000, 4001)], [50, 0]);
        assert_eq!([most_allocated(4000, 2000), most_allocated(4000, 4001)], [50, 100]);
    }
}
