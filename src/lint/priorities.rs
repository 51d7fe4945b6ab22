//! Rules about PriorityClasses.

use super::findings::Findings;
use super::rules;
use super::scene::Scene;
use crate::scenario::manifest::Object;

/// Classes that every cluster has.
const BUILT_IN: &[&str] = &["system-cluster-critical", "system-node-critical"];

/// Looks at every class, and at every pod's.
pub(super) fn check(scene: &Scene<'_>, found: &mut Findings) {
    for workload in &scene.workloads {
        let class = workload.pod.priority_class_name.as_deref().unwrap_or_default();
        let known = class.is_empty()
            || BUILT_IN.contains(&class)
            || scene.objects().iter().any(|manifest| {
                matches!(manifest.object, Object::PriorityClass(_))
                    && manifest.object.name() == class
            });
        if !known {
            let message = format!("{}: there is no PriorityClass \"{class}\"", workload.title());
            let at = workload.at.key("priorityClassName");
            found.add_as(scene.missing(), &rules::UNKNOWN_CLASS, workload.manifest, &at, message);
        }
    }
    for manifest in scene.objects() {
        let Object::PriorityClass(class) = &manifest.object else { continue };
        if class.global_default == Some(true) && class.value != 0 {
            let title = manifest.object.title();
            let message =
                format!("{title} gives priority {} to pods that name no class", class.value);
            let at = manifest.cursor().key("globalDefault");
            found.add(&rules::DEFAULT_CLASS, manifest, &at, message);
        }
    }
}
