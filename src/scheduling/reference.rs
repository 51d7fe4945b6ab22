//! The reference of the plugins, written from their table: what `wavetank policies PLUGIN` prints
//! and `docs/plugins.md` holds.

use std::fmt::Write as _;

use super::framework::{Dependency, PluginDef};
use super::{WakeSet, expression, plugins};
use crate::registry::Field;

const INFALLIBLE: &str = "writing to a string cannot fail";

/// Names of cluster events, as kube-scheduler calls them.
const EVENTS: &[(WakeSet, &str)] = &[
    (WakeSet::POD_ADD, "AssignedPodAdd"),
    (WakeSet::POD_DELETE, "AssignedPodDelete"),
    (WakeSet::POD_LABEL, "PodLabel"),
    (WakeSet::POD_SCALE_DOWN, "PodScaleDown"),
    (WakeSet::POD_GATES_ELIMINATED, "PodSchedulingGatesEliminated"),
    (WakeSet::POD_TOLERATION, "PodToleration"),
    (WakeSet::POD_OTHER, "PodUpdate"),
    (WakeSet::NODE_ADD, "NodeAdd"),
    (WakeSet::NODE_DELETE, "NodeDelete"),
    (WakeSet::NODE_LABEL, "NodeLabel"),
    (WakeSet::NODE_TAINT, "NodeTaint"),
    (WakeSet::NODE_ALLOCATABLE, "NodeAllocatable"),
    (WakeSet::NODE_CONDITION, "NodeCondition"),
    (WakeSet::NODE_ANNOTATION, "NodeAnnotation"),
    (WakeSet::CLAIM_ADD, "PersistentVolumeClaimAdd"),
    (WakeSet::CLAIM_UPDATE, "PersistentVolumeClaimUpdate"),
    (WakeSet::VOLUME_ADD, "PersistentVolumeAdd"),
    (WakeSet::VOLUME_UPDATE, "PersistentVolumeUpdate"),
];

/// Reasons for which plugins reject pods and nodes: plugin, whether evicting pods could help, text.
const REASONS: &[(&str, bool, &str)] = &[
    ("SchedulingGates", false, "waiting for scheduling gates: [GATE …]"),
    ("NodeUnschedulable", false, "node(s) were unschedulable"),
    ("NodeName", false, "node(s) didn't match the requested node name"),
    ("TaintToleration", false, "node(s) had untolerated taint {KEY: VALUE}"),
    ("NodeAffinity", false, "pod affinity terms conflict"),
    ("NodeAffinity", false, "node(s) didn't match scheduler-enforced node affinity"),
    ("NodeAffinity", false, "node(s) didn't match Pod's node affinity/selector"),
    ("NodePorts", true, "node(s) didn't have free ports for the requested pod ports"),
    ("NodeResourcesFit", true, "Too many pods"),
    ("NodeResourcesFit", true, "Insufficient RESOURCE"),
    ("VolumeRestrictions", false, "persistentvolumeclaim \"NAME\" not found"),
    ("VolumeRestrictions", true, "node(s) had no available disk"),
    (
        "VolumeRestrictions",
        true,
        "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already \
         in-use by another pod",
    ),
    (
        "NodeVolumeLimits",
        false,
        "looking up PVC NAMESPACE/NAME: persistentvolumeclaim \"NAME\" not found",
    ),
    ("NodeVolumeLimits", true, "node(s) exceed max volume count"),
    ("VolumeBinding", false, "persistentvolumeclaim \"NAME\" not found"),
    (
        "VolumeBinding",
        false,
        "waiting for ephemeral volume controller to create the persistentvolumeclaim \"NAME\"",
    ),
    (
        "VolumeBinding",
        false,
        "PVC NAMESPACE/NAME was not created for pod NAMESPACE/POD (pod is not owner)",
    ),
    (
        "VolumeBinding",
        false,
        "persistentvolumeclaim \"NAME\" bound to non-existent persistentvolume \"VOLUME\"",
    ),
    ("VolumeBinding", false, "persistentvolumeclaim \"NAME\" is being deleted"),
    ("VolumeBinding", false, "pod has unbound immediate PersistentVolumeClaims"),
    ("VolumeBinding", false, "node(s) didn't match PersistentVolume's node affinity"),
    ("VolumeBinding", false, "node(s) didn't find available persistent volumes to bind"),
    ("VolumeBinding", false, "node(s) did not have enough free storage"),
    (
        "VolumeBinding",
        false,
        "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)",
    ),
    ("VolumeZone", false, "persistentvolumeclaim \"NAME\" not found"),
    ("VolumeZone", false, "PersistentVolumeClaim had no pv name and storageClass name"),
    ("VolumeZone", false, "PersistentVolume had no name"),
    ("VolumeZone", false, "persistentvolume \"VOLUME\" not found"),
    ("VolumeZone", false, "storageclass.storage.k8s.io \"CLASS\" not found"),
    ("VolumeZone", false, "VolumeBindingMode not set for StorageClass \"CLASS\""),
    ("VolumeZone", false, "node(s) had no available volume zone"),
    (
        "PodTopologySpread",
        false,
        "node(s) didn't match pod topology spread constraints (missing required label)",
    ),
    ("PodTopologySpread", true, "node(s) didn't match pod topology spread constraints"),
    ("InterPodAffinity", false, "node(s) didn't match pod affinity rules"),
    ("InterPodAffinity", true, "node(s) didn't match pod anti-affinity rules"),
    ("InterPodAffinity", true, "node(s) didn't satisfy existing pods anti-affinity rules"),
    ("Expression", true, "the policy's message, else: node(s) didn't satisfy expression NAME"),
    ("Expression", true, "expression NAME failed: no such label"),
    ("Expression", true, "expression NAME gave a score that is not between 0 and 100"),
];

fn depends(on: Dependency) -> &'static str {
    match on {
        Dependency::NodeObject => "the pod and the node's object, without its pods",
        Dependency::NodeLocal => "the pod and the node with its pods",
        Dependency::Domain => "the pod and counts of pods per topology domain",
        Dependency::Cluster => "the pod and anything in the cluster",
        Dependency::FeasibleSet => "which nodes are feasible",
        Dependency::Attempt => "the pod, its attempt and the node: a draw",
    }
}

fn parameter(text: &mut String, field: &Field) {
    let given = if field.default.is_empty() {
        "required".to_owned()
    } else {
        format!("default {}", field.default)
    };
    let parts = [field.unit, given.as_str(), field.range];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    writeln!(text, "* `{}` ({}): {}", field.name, parts.join("; "), field.help).expect(INFALLIBLE);
}

/// The page of one plugin.
#[must_use]
pub fn page(def: &PluginDef) -> String {
    let about = &def.descriptor;
    let mut text = format!("## {}\n\n{}.\n\n{}\n\n", about.name, about.summary, about.help);
    let points: Vec<&str> = def.points.iter().map(|point| point.name()).collect();
    let effect =
        if def.build.is_none() && about.name != "Expression" && def.wakes_on == WakeSet::NONE {
            "; without effect in a simulation"
        } else {
            ""
        };
    writeln!(text, "Extension points: {}{effect}.", points.join(", ")).expect(INFALLIBLE);
    if let Some(on) = def.filter_depends {
        writeln!(text, "The filter depends on {}.", depends(on)).expect(INFALLIBLE);
    }
    if let Some(on) = def.score_depends {
        writeln!(text, "The score depends on {}.", depends(on)).expect(INFALLIBLE);
    }
    if !about.fields.is_empty() {
        text.push_str("\nArguments:\n\n");
        about.fields.iter().for_each(|field| parameter(&mut text, field));
    }
    let reasons: Vec<_> = REASONS.iter().filter(|(plugin, ..)| *plugin == about.name).collect();
    if !reasons.is_empty() {
        text.push_str("\nReasons for rejection:\n\n");
        for (_, evicting_helps, reason) in reasons {
            let code = match (*evicting_helps, about.name, *reason) {
                (true, "NodeResourcesFit", "Insufficient RESOURCE") | (true, "Expression", _) => {
                    "Unschedulable, or UnschedulableAndUnresolvable where no eviction could help"
                }
                (true, ..) => "Unschedulable",
                (false, ..) => "UnschedulableAndUnresolvable",
            };
            writeln!(text, "* `{reason}` ({code})").expect(INFALLIBLE);
        }
    }
    let listens = def.listens_to();
    let events: Vec<&str> = EVENTS
        .iter()
        .filter(|(kind, _)| listens.intersects(*kind))
        .map(|(_, name)| *name)
        .collect();
    if !events.is_empty() {
        writeln!(text, "\nEvents that may cure a rejection: {}.", events.join(", "))
            .expect(INFALLIBLE);
    }
    text
}

/// The entry that all expressions share.
#[must_use]
pub fn expression() -> &'static PluginDef {
    &plugins::expression::DEF
}

/// What expressions can read, a line each.
#[must_use]
pub fn fields() -> String {
    let width = expression::PATHS.iter().map(|(path, _)| path.len()).max().unwrap_or(0);
    expression::PATHS.iter().map(|(path, of)| format!("{path:width$}  {of}\n")).collect()
}

/// The whole reference, as `docs/plugins.md` holds it.
#[must_use]
pub fn document() -> String {
    let mut text = "# Scheduler plugins\n\nWritten from the table in `src/scheduling/plugins` by \
                    `WAVETANK_UPDATE=1 cargo test cli::policies`; `wavetank\npolicies NAME` prints \
                    the same. Kubernetes' own plugins come first, in the order of its defaults, \
                    then plugins\nof research, then what a policy file can write itself.\n"
        .to_owned();
    for def in plugins::ALL.iter().copied().chain([expression()]) {
        text.push('\n');
        text.push_str(&page(def));
    }
    text.push_str("\nFields that an expression can read:\n\n```text\n");
    text.push_str(&fields());
    text.push_str("```\n");
    text
}
