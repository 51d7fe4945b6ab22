//! The resources that scores look at, compiled from their names.

use crate::model::{Model, NodeId, PluginArgs, ResourceId, ResourceWeight, Resources};
use crate::registry::Field;
use crate::scheduling::framework::{BuildCx, CycleCx};

/// A resource by where its amounts stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResourceRef {
    /// CPU, milli-cores.
    Cpu,
    /// Memory, bytes.
    Memory,
    /// Ephemeral storage, bytes.
    Ephemeral,
    /// An extended resource or a hugepage size.
    Scalar(ResourceId),
}

/// A resource that a score looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ScoredResource {
    /// Which.
    pub(super) resource: ResourceRef,
    /// Its weight.
    pub(super) weight: i64,
}

/// Compiles names. Resources that no node and no pod of the model has are left out: they are
/// absent everywhere, which takes them out of every score.
pub(super) fn compile(model: &Model, resources: &[ResourceWeight]) -> Vec<ScoredResource> {
    let find = |name: &str| match name {
        "cpu" => Some(ResourceRef::Cpu),
        "memory" => Some(ResourceRef::Memory),
        "ephemeral-storage" => Some(ResourceRef::Ephemeral),
        _ => model
            .scalar_resources
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(id, _)| ResourceRef::Scalar(id)),
    };
    resources
        .iter()
        .filter_map(|entry| {
            Some(ScoredResource { resource: find(&entry.name)?, weight: entry.weight })
        })
        .collect()
}

/// Kubernetes' default: CPU and memory, weight 1 each.
pub(super) fn cpu_and_memory() -> Vec<ResourceWeight> {
    ["cpu", "memory"]
        .into_iter()
        .map(|name| ResourceWeight { name: name.to_owned(), weight: 1 })
        .collect()
}

/// Whose amounts a score adds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Amounts {
    /// With 100m CPU and 200 MiB for containers that name none.
    NonZero,
    /// As requested.
    True,
}

/// What a node has of a resource and what would be taken of it with the pod there; `None` if the
/// resource does not count: the node has none, or it is a scalar that the pod does not request.
#[inline(always)]
#[expect(clippy::inline_always, reason = "in the innermost loop of the scheduler; measured")]
pub(super) fn allocatable_and_taken(
    cx: &CycleCx<'_>,
    node: NodeId,
    resource: ResourceRef,
    amounts: Amounts,
) -> Option<(i64, i64)> {
    let load = cx.snapshot.load(node);
    let spec = cx.spec;
    let own = match amounts {
        Amounts::NonZero => &spec.requests,
        Amounts::True => spec.on_node(),
    };
    let (allocatable, taken) = match (resource, amounts) {
        (ResourceRef::Cpu, Amounts::NonZero) => {
            (load.allocatable_cpu_milli, load.score_cpu_milli + spec.score_cpu_milli)
        }
        (ResourceRef::Cpu, Amounts::True) => {
            (load.allocatable_cpu_milli, load.requested_cpu_milli + own.cpu_milli)
        }
        (ResourceRef::Memory, Amounts::NonZero) => {
            (load.allocatable_memory_bytes, load.score_memory_bytes + spec.score_memory_bytes)
        }
        (ResourceRef::Memory, Amounts::True) => {
            (load.allocatable_memory_bytes, load.requested_memory_bytes + own.memory_bytes)
        }
        (ResourceRef::Ephemeral, _) => {
            (load.allocatable_ephemeral_bytes, load.requested_ephemeral_bytes + own.ephemeral_bytes)
        }
        (ResourceRef::Scalar(id), _) => {
            let requested = match amounts {
                Amounts::NonZero => spec.score_scalar(id),
                Amounts::True => own.scalar(id),
            };
            if requested == 0 {
                return None;
            }
            (
                cx.node(node).allocatable.scalar(id),
                cx.snapshot.row(node).requested_scalar(id) + requested,
            )
        }
    };
    (allocatable != 0).then_some((allocatable, taken))
}

/// The parameter of plugins that compare nodes by shares of resources.
pub(super) const RESOURCES: &[Field] = &[Field {
    name: "resources",
    unit: "[{name, weight}]",
    default: "cpu 1, memory 1",
    range: "weight 1-100",
    help: "resources that are looked at",
}];

/// The resources that such a plugin was given.
pub(super) fn weighted(cx: &BuildCx<'_>) -> Vec<ScoredResource> {
    let resources = match cx.args {
        Some(PluginArgs::WeightedResources { resources }) => resources.clone(),
        _ => cpu_and_memory(),
    };
    compile(cx.model, &resources)
}

/// What is requested of a resource.
pub(super) fn requested(requests: &Resources, resource: ResourceRef) -> i64 {
    match resource {
        ResourceRef::Cpu => requests.cpu_milli,
        ResourceRef::Memory => requests.memory_bytes,
        ResourceRef::Ephemeral => requests.ephemeral_bytes,
        ResourceRef::Scalar(id) => requests.scalar(id),
    }
}

/// Everything of a resource, where shares are compared: finer than any two nodes differ.
pub(super) const WHOLE: i64 = 1_000_000_000_000;

/// `part` of `whole`, in units of [`WHOLE`], truncated.
pub(super) fn share(part: i64, whole: i64) -> i64 {
    let share = i128::from(part) * i128::from(WHOLE) / i128::from(whole);
    i64::try_from(share).unwrap_or(i64::MAX / 1000)
}

/// The weighted mean over resources of what `value` makes of (allocatable, taken with the pod
/// there); 0 if no resource counts.
pub(super) fn weighted_mean(
    cx: &CycleCx<'_>,
    node: NodeId,
    resources: &[ScoredResource],
    value: impl Fn(ResourceRef, i64, i64) -> i64,
) -> i64 {
    let (mut sum, mut weights) = (0_i128, 0);
    for entry in resources {
        let counted = allocatable_and_taken(cx, node, entry.resource, Amounts::True);
        let Some((allocatable, taken)) = counted else { continue };
        sum += i128::from(value(entry.resource, allocatable, taken)) * i128::from(entry.weight);
        weights += entry.weight;
    }
    let mean = if weights == 0 { 0 } else { sum / i128::from(weights) };
    i64::try_from(mean).expect("a mean of numbers of 64 bits")
}

/// The weighted mean of the shares in use with the pod there.
pub(super) fn use_with_pod(cx: &CycleCx<'_>, node: NodeId, resources: &[ScoredResource]) -> i64 {
    weighted_mean(cx, node, resources, |_, allocatable, taken| share(taken, allocatable))
}
