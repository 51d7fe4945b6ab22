//! ImageLocality: pods go where their images are.

use crate::model::{ImageId, NodeId, PodTemplate};
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
            let spread = |image: &ImageId| cx.snapshot.image_spread(*image).nodes > 0;
            let present: Vec<_> = images_of(spec).filter(spread).collect();
            let containers = if present.is_empty() { 0 } else { containers_of(spec) };
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
        let scaled = |image: ImageId| {
            present.binary_search_by_key(&image, |entry| entry.0).map_or(0, |_| {
                let spread = cx.snapshot.image_spread(image);
                scaled_size(spread.size_bytes, spread.nodes, nodes)
            })
        };
        score(images_of(cx.spec).map(scaled).sum(), containers_of(cx.spec))
    }
}

/// The images that a pod needs, those that it mounts as volumes included.
fn images_of(spec: &PodTemplate) -> impl Iterator<Item = ImageId> + '_ {
    let containers = spec.init_containers.iter().chain(&spec.containers);
    containers.map(|container| container.image).chain(spec.image_volumes.iter().copied())
}

/// What the upper bound of the size grows with.
///
/// Fidelity: 1.34.1 adds up images mounted as volumes and leaves them out here.
fn containers_of(spec: &PodTemplate) -> usize {
    spec.init_containers.len() + spec.containers.len()
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
    use crate::model::Image;
    use crate::scheduling::testing::{Bench, ModelBuilder, container};

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

    #[test]
    fn an_image_volume_adds_its_size_and_does_not_raise_the_bound() {
        let mut builder = ModelBuilder::new();
        let nodes = ["a", "b"].map(|name| builder.node(name, "", (4000, 8)));
        let pod = builder.template("web", (100, 1 << 20));
        let plain = builder.template("plain", (100, 1 << 20));
        let mut image =
            |name: &str| builder.model.images.push(Image { name: name.into(), size_bytes: 0 });
        let (own, mounted) = (image("web:v1"), image("model:v1"));
        builder.spec(pod).containers = vec![container(own)];
        builder.spec(pod).image_volumes = vec![mounted];
        builder.spec(plain).containers = vec![container(own)];
        builder.model.nodes[nodes[1]].images = vec![(own, 400 << 20), (mounted, 600 << 20)];
        let mut bench = Bench::new(builder);
        let mut raw = |pod| -> Vec<i64> {
            bench.scores(pod, "ImageLocality").iter().map(|score| score.unwrap().0).collect()
        };
        assert_eq!(raw(plain), [0, score(200 << 20, 1)]);
        assert_eq!(raw(pod), [0, score(500 << 20, 1)]);
    }
}
