//! Default plugins of Kubernetes 1.34 that configurations may name, without effect in a
//! simulation yet.

use crate::model::NodeId;
use crate::registry::Descriptor;
use crate::scheduling::WakeSet;
use crate::scheduling::framework::{CycleCx, Plugin, PluginDef, Point, PreFilter, PreScore};

const HELP: &str = "Known by name, so that configurations are read as Kubernetes reads them. It \
has no effect in a simulation yet.";

const fn known(name: &'static str, summary: &'static str, points: &'static [Point]) -> PluginDef {
    PluginDef {
        descriptor: Descriptor { name, summary, help: HELP, fields: &[] },
        points,
        filter_depends: None,
        score_depends: None,
        wakes_on: WakeSet::NONE,
        build: None,
    }
}

/// VolumeRestrictions.
pub(super) const VOLUME_RESTRICTIONS: PluginDef = known(
    "VolumeRestrictions",
    "Keeps pods apart that may not share a volume (no effect yet)",
    &[Point::PreFilter, Point::Filter],
);

/// NodeVolumeLimits.
pub(super) const NODE_VOLUME_LIMITS: PluginDef = known(
    "NodeVolumeLimits",
    "Limits attached CSI volumes per node (no effect yet)",
    &[Point::PreFilter, Point::Filter],
);

/// VolumeBinding. Pods have no claims here, and without storage capacity scoring, which is off in
/// 1.34, it has nothing to score: it says so, which shows in an explanation.
pub(super) const VOLUME_BINDING: PluginDef = PluginDef {
    build: Some(|_| Box::new(VolumeBinding)),
    ..known(
        "VolumeBinding",
        "Finds or provisions volumes for claims (no effect yet)",
        &[
            Point::PreFilter,
            Point::Filter,
            Point::PreScore,
            Point::Score,
            Point::Reserve,
            Point::PreBind,
        ],
    )
};

#[derive(Debug)]
struct VolumeBinding;

impl Plugin for VolumeBinding {
    fn pre_filter(&mut self, _cx: &CycleCx<'_>) -> PreFilter {
        PreFilter::Skip
    }

    fn pre_score(&mut self, _cx: &CycleCx<'_>, _feasible: &[NodeId]) -> PreScore {
        PreScore::Skip
    }
}

/// VolumeZone.
pub(super) const VOLUME_ZONE: PluginDef = known(
    "VolumeZone",
    "Keeps pods in the zones of their volumes (no effect yet)",
    &[Point::PreFilter, Point::Filter],
);

/// DynamicResources.
pub(super) const DYNAMIC_RESOURCES: PluginDef = known(
    "DynamicResources",
    "Allocates devices for resource claims (no effect yet)",
    &[
        Point::PreEnqueue,
        Point::PreFilter,
        Point::Filter,
        Point::PostFilter,
        Point::Reserve,
        Point::PreBind,
    ],
);

/// DefaultBinder.
pub(super) const DEFAULT_BINDER: PluginDef =
    known("DefaultBinder", "Writes the binding to the API server (always done)", &[Point::Bind]);
