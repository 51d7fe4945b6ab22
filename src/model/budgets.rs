//! PodDisruptionBudgets as declared.

use super::{IntOrPercent, LabelSelector, NamespaceId};

/// How many of the selected pods may be disrupted at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisruptionLimit {
    /// `spec.minAvailable`: so many stay healthy.
    MinAvailable(IntOrPercent),
    /// `spec.maxUnavailable`: so many may be gone.
    MaxUnavailable(IntOrPercent),
    /// Neither is set: nothing is expected, and so nothing allowed.
    Absent,
}

/// A PodDisruptionBudget.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Namespace.
    pub namespace: NamespaceId,
    /// Object name.
    pub name: String,
    /// `spec.selector`: an empty one selects every pod of the namespace, none at all selects no
    /// pod.
    pub selector: LabelSelector,
    /// `spec.minAvailable` or `spec.maxUnavailable`.
    pub limit: DisruptionLimit,
    /// `spec.unhealthyPodEvictionPolicy: AlwaysAllow`.
    pub always_allow_unhealthy: bool,
}
