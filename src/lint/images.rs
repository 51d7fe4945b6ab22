//! The rule about images whose content may change under their name.

use super::findings::Findings;
use super::probes::title;
use super::rules;
use super::scene::Scene;
use crate::scenario::defaults::image_pull_policy;
use crate::scenario::node::short;

/// Looks at the image of every container.
pub(super) fn check(scene: &Scene<'_>, found: &mut Findings) {
    for workload in &scene.workloads {
        for (container, at) in workload.all_containers() {
            let image = container.image.as_deref().unwrap_or_default();
            // Kubernetes pulls exactly these each time unless it is told not to.
            if !image.is_empty() && image_pull_policy(image) == "Always" {
                let message = format!(
                    "{}: the image {} may change",
                    title(workload, container),
                    short(image)
                );
                found.add(&rules::UNPINNED_IMAGE, workload.manifest, &at.key("image"), message);
            }
        }
    }
}
