//! Machines, the pools they come from and the zones they stand in.

use super::{Capacity, ImageId, KubeletConfig, Labels, Overload, PoolId, Resources, ZoneId};
use crate::base::map::Symbol;
use crate::rng::Distribution;

/// A failure zone.
#[derive(Clone, Debug)]
pub struct Zone {
    /// `topology.kubernetes.io/zone`, empty for nodes without the label.
    pub name: String,
    /// `topology.kubernetes.io/region`, may be empty.
    pub region: String,
}

/// A pool of equal nodes.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Name in the scenario.
    pub name: String,
    /// Price of one node per hour, in the scenario's currency.
    pub price_per_hour: Option<f64>,
    /// Time from power-on until the kubelet reports Ready, seconds.
    pub boot_s: Distribution,
    /// Settings of its kubelets.
    pub kubelet: KubeletConfig,
    /// What becomes of a node that is short of CPU; absent where it goes on.
    pub overload: Option<Overload>,
}

/// What a taint does to pods that do not tolerate it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TaintEffect {
    /// Not placed there.
    NoSchedule,
    /// Placed there only when scores leave nothing better.
    PreferNoSchedule,
    /// Not placed there, and evicted.
    NoExecute,
}

/// A taint on a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taint {
    /// Taint key.
    pub key: Symbol,
    /// Taint value; the empty string's symbol where absent.
    pub value: Symbol,
    /// Effect.
    pub effect: TaintEffect,
}

/// One node as declared, or as it has become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSpec {
    /// Object name.
    pub name: String,
    /// The name as a symbol, for `metadata.name` field selectors and `spec.nodeName`.
    pub name_symbol: Symbol,
    /// Pool it belongs to.
    pub pool: PoolId,
    /// Address for random streams: pool address and ordinal within the pool, never the name.
    pub address: u64,
    /// Zone it stands in.
    pub zone: ZoneId,
    /// Labels, `kubernetes.io/hostname` and topology labels included.
    pub labels: Labels,
    /// Taints given in its template.
    pub taints: Vec<Taint>,
    /// `spec.unschedulable`.
    pub unschedulable: bool,
    /// `status.allocatable`.
    pub allocatable: Resources,
    /// `status.capacity`, `status.allocatable` where that is all that is said.
    pub capacity: Capacity,
    /// `status.images`: names as the node tells them with their sizes in bytes, sorted by image,
    /// each once.
    pub images: Vec<(ImageId, i64)>,
}
