//! The scheduling plugins: one file and one line of [`ALL`] each.
//!
//! From the table come validation of configurations, suggestions, the listing of policies, the
//! reference in `docs/plugins.md` and the tests. Kubernetes' default plugins come first, those
//! that have no effect in a simulation yet among them, so that configurations that name them are
//! merged as Kubernetes merges them. Policies of research follow; no default profile has them.

mod best_fit;
mod default_preemption;
mod dot_product;
pub(super) mod expression;
mod first_fit;
mod image_locality;
mod inter_pod_affinity;
mod inter_pod_affinity_class;
mod no_effect;
mod node_affinity;
mod node_name;
mod node_ports;
mod node_resources;
mod node_resources_balanced_allocation;
mod node_resources_fit;
mod node_unschedulable;
mod node_volume_limits;
mod pod_topology_spread;
mod pod_topology_spread_class;
mod power_of_two_choices;
mod priority_sort;
mod random;
mod scheduling_gates;
mod taint_toleration;
mod volume_binding;
mod volume_claims;
mod volume_restrictions;
mod volume_zone;
mod worst_fit;

pub use node_affinity::matches_required;
pub use taint_toleration::first_untolerated;

pub(super) use pod_topology_spread_class::{domain_weight, spread_sum};

use super::framework::{PluginDef, PluginId};
use crate::registry::{self, Unknown};

/// All plugins. The position of an entry is its [`PluginId`].
pub const ALL: &[&PluginDef] = &[
    &scheduling_gates::DEF,
    &priority_sort::DEF,
    &node_unschedulable::DEF,
    &node_name::DEF,
    &taint_toleration::DEF,
    &node_affinity::DEF,
    &node_ports::DEF,
    &node_resources_fit::DEF,
    &volume_restrictions::DEF,
    &node_volume_limits::DEF,
    &volume_binding::DEF,
    &volume_zone::DEF,
    &pod_topology_spread::DEF,
    &inter_pod_affinity::DEF,
    &no_effect::DYNAMIC_RESOURCES,
    &default_preemption::DEF,
    &node_resources_balanced_allocation::DEF,
    &image_locality::DEF,
    &no_effect::DEFAULT_BINDER,
    &first_fit::DEF,
    &best_fit::DEF,
    &worst_fit::DEF,
    &dot_product::DEF,
    &random::DEF,
    &power_of_two_choices::DEF,
];

/// The place of a plugin in the table.
#[must_use]
pub fn id_of(name: &str) -> Option<PluginId> {
    let at = ALL.iter().position(|def| def.descriptor.name == name)?;
    u8::try_from(at).ok().map(PluginId)
}

/// The entry of a plugin.
///
/// # Errors
/// If there is none of that name; the error suggests the nearest.
pub fn find(name: &str) -> Result<&'static PluginDef, Unknown> {
    registry::find_by_name(ALL, name).copied()
}
