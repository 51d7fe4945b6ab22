//! Default plugins of Kubernetes 1.34 that configurations may name, without effect in a
//! simulation yet.

use crate::registry::Descriptor;
use crate::scheduling::WakeSet;
use crate::scheduling::framework::{PluginDef, Point};

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
