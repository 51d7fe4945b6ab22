//! ImageLocality: pods go where their images are.

use crate::model::{ContainerSpec, NodeId, PodTemplate};
use crate::registry::Descriptor;
use crate::scheduling::WakeSet;
use crate::scheduling::framework::{CycleCx, Dependency, Plugin, PluginDef, Point};

/// The table's entry.
///
/// The share of nodes that have an image moves only when nodes come or go, which moves everything
/// that is known of nodes.
///
/// Fidelity: a node has the images that it is declared with (`status.images`); what its kubelet
/// pulls or removes during a run does not reach the scheduler.
pub(super) const DEF: PluginDef = PluginDef {
    descriptor: Descriptor {
        name: "ImageLocality",
        summary: "Prefers nodes that have the pod's images",
        help: "Images that a node has count with their size, the less the fewer nodes have them, \
               so that pods do not crowd where an image happens to be. Below 23Mi it is nothing, \
               1000Mi per container is all.",
        fields: &[],
    },
    points: &[Point::Score],
    filter_depends: None,
    score_depends: Some(Dependency::NodeObject),
    wakes_on: WakeSet::NONE,
    build: Some(|_| Box::new(ImageLocality)),
};

/// Sizes, scaled, that score nothing, bytes.
const MIN_BYTES: i64 = 23 << 20;
/// Size per container, scaled, that scores all, bytes.
const MAX_BYTES_PER_CONTAINER: i64 = 1000 << 20;

#[derive(Debug)]
struct ImageLocality;

impl Plugin for ImageLocality {
    fn alike(&self, cx: &CycleCx<'_>, other: &PodTemplate) -> bool {
        // Images that no node has score nothing, whichever they are.
        let images = |spec: &PodTemplate| -> (Vec<_>, usize) {
            let all = || spec.init_containers.iter().chain(&spec.containers).map(|c| c.image);
            let present = all().filter(|&image| cx.snapshot.image_spread(image).nodes > 0);
            let present: Vec<_> = present.collect();
            let containers = if present.is_empty() { 0 } else { all().count() };
            (present, containers)
        };
        images(cx.spec) == images(other)
    }

    fn score(&self, cx: &CycleCx<'_>, node: NodeId) -> i64 {
        let present = &cx.node(node).images;
        if present.is_empty() {
            return 0;
        }
        let nodes = cx.snapshot.node_list().len();
        let containers = || cx.spec.init_containers.iter().chain(&cx.spec.containers);
        let scaled = |container: &ContainerSpec| {
            let image = container.image;
            present.binary_search_by_key(&image, |entry| entry.0).map_or(0, |_| {
                let spread = cx.snapshot.image_spread(image);
                scaled_size(spread.size_bytes, spread.nodes, nodes)
            })
        };
        score(containers().map(scaled).sum(), containers().count())
    }
}

/// The size of an image times the share of the nodes that have it, truncated.
#[expect(clippy::cast_precision_loss, reason = "kube-scheduler divides doubles as well")]
#[expect(clippy::cast_possible_truncation, reason = "no more than the size")]
fn scaled_size(size_bytes: i64, having: u32, nodes: usize) -> i64 {
    (size_bytes as f64 * (f64::from(having) / nodes as f64)) as i64
}

fn score(bytes: i64, containers: usize) -> i64 {
    let max = i64::try_from(containers).unwrap_or(i64::MAX).saturating_mul(MAX_BYTES_PER_CONTAINER);
    if max <= MIN_BYTES {
        return 0;
    }
    100 * (bytes.clamp(MIN_BYTES, max) - MIN_BYTES) / (max - MIN_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Image, ImageId, PullPolicy};
    use crate::scheduling::testing::{Bench, ModelBuilder};

    #[test]
    fn sizes_between_the_bounds_score_in_proportion() {
        for (mebibytes, containers, expected) in
            [(0, 1, 0), (23, 1, 0), (24, 1, 0), (33, 1, 1), (1000, 1, 100), (5000, 1, 100)]
        {
            assert_eq!(score(mebibytes << 20, containers), expected, "{mebibytes} MiB");
        }
        assert_eq!(score(1000 << 20, 2), 49);
        assert_eq!(scaled_size(100, 2, 3), 66);
    }

    #[test]
    fn a_node_scores_by_what_it_has_and_by_how_many_have_it() {
        let mut builder = ModelBuilder::new();
        let nodes = ["a", "b", "c", "d"].map(|name| builder.node(name, "", (4000, 8)));
        let pod = builder.template("web", (100, 1 << 20));
        let image = builder.model.images.push(Image { name: "web:v1".into(), size_bytes: 0 });
        let other = builder.model.images.push(Image { name: "web:v2".into(), size_bytes: 0 });
        builder.spec(pod).containers = vec![container(image)];
        // The size that the first node tells counts for all.
        builder.model.nodes[nodes[1]].images = vec![(image, 2000 << 20)];
        builder.model.nodes[nodes[2]].images = vec![(image, 10), (other, 4000 << 20)];
        builder.model.nodes[nodes[3]].images = vec![(other, 4000 << 20)];
        let mut bench = Bench::new(builder);
        let half = score(1000 << 20, 1);
        let raw = |bench: &mut Bench| -> Vec<i64> {
            bench.scores(pod, "ImageLocality").iter().map(|score| score.unwrap().0).collect()
        };
        assert_eq!(raw(&mut bench), [0, half, half, 0]);
        // Without the first node the other's size counts: it is too small.
        bench.snapshot.remove_node(&bench.model, nodes[1]);
        bench.snapshot.remove_node(&bench.model, nodes[2]);
        let model = &bench.model;
        bench.snapshot.add_node(model, nodes[2], &[], false);
        assert_eq!(raw(&mut bench), [0, 0, 0]);
    }

    fn container(image: ImageId) -> ContainerSpec {
        ContainerSpec {
            name: "c".into(),
            image,
            pull_policy: PullPolicy::IfNotPresent,
            sidecar: false,
            memory_limit_bytes: None,
            startup: None,
            liveness: None,
            readiness: None,
            pre_stop: crate::model::PreStop::None,
            behaviour: crate::model::AppBehaviour {
                startup_s: crate::rng::Distribution::Constant(0.0),
                shutdown_s: crate::rng::Distribution::Constant(0.0),
                latency: crate::base::time::SimDuration::ZERO,
                checks_dependencies: true,
                failures: Vec::new(),
            },
        }
    }
}
