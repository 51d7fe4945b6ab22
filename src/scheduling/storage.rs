//! Claims and volumes as the scheduler sees them, and which volumes a pod's claims could have on a
//! node.
//!
//! What is declared of storage stands in the model; here is what changes: which claim has which
//! volume, and which node was chosen for volumes that are still to be made. A volume that is made
//! for a claim is known by that claim.

use super::framework::CycleCx;
use crate::base::id::IdVec;
use crate::base::map::Symbol;
use crate::model::{
    BindingMode, ClaimId, ClaimSpec, Holder, Labels, Model, NodeId, NodeSelectorTerm, PodVolume,
    Storage, TopologyTerm, VolumeId, VolumeSpec,
};

/// Nodes of one zone reach the same new volumes.
const ZONE_LABEL: &str = "topology.kubernetes.io/zone";

/// A volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum VolumeRef {
    /// One that was declared, or is named by a claim and does not exist.
    Declared(VolumeId),
    /// The one made for a claim.
    Provisioned(ClaimId),
}

/// A volume that was made for a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provisioned {
    /// The label, key and value, that nodes must have to reach it; none means all do.
    pub within: Option<(Symbol, Symbol)>,
}

/// What changes of a claim.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClaimState {
    /// `spec.volumeName`.
    pub volume: Option<VolumeRef>,
    /// Annotation `pv.kubernetes.io/bind-completed`.
    pub bind_completed: bool,
    /// Annotation `volume.kubernetes.io/selected-node`.
    pub selected_node: Option<Symbol>,
    /// The volume that was made for it, once it is there.
    pub provisioned: Option<Provisioned>,
}

/// What changes of a declared volume.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VolumeState {
    /// `spec.claimRef`.
    pub holder: Option<Holder>,
    /// `status.phase: Available`.
    pub available: bool,
}

/// Everything that changes of storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageState {
    claims: IdVec<ClaimId, ClaimState>,
    volumes: IdVec<VolumeId, VolumeState>,
}

impl StorageState {
    /// As declared.
    #[must_use]
    pub fn new(storage: &Storage) -> Self {
        let claim = |spec: &ClaimSpec| ClaimState {
            volume: spec.volume.map(VolumeRef::Declared),
            bind_completed: spec.bind_completed,
            selected_node: spec.selected_node,
            provisioned: None,
        };
        let volume =
            |spec: &VolumeSpec| VolumeState { holder: spec.holder, available: spec.available };
        let claims = storage.claims.values();
        let volumes = storage.volumes.values();
        Self {
            claims: claims.map(|c| c.spec.as_ref().map_or_else(Default::default, claim)).collect(),
            volumes: volumes
                .map(|v| v.spec.as_ref().map_or_else(Default::default, volume))
                .collect(),
        }
    }

    /// A claim.
    #[must_use]
    pub fn claim(&self, claim: ClaimId) -> &ClaimState {
        &self.claims[claim]
    }

    /// A claim, to be changed.
    pub fn claim_mut(&mut self, claim: ClaimId) -> &mut ClaimState {
        &mut self.claims[claim]
    }

    /// A declared volume.
    #[must_use]
    pub fn volume(&self, volume: VolumeId) -> &VolumeState {
        &self.volumes[volume]
    }

    /// A declared volume, to be changed.
    pub fn volume_mut(&mut self, volume: VolumeId) -> &mut VolumeState {
        &mut self.volumes[volume]
    }

    /// A claim and a declared volume are bound to each other.
    pub fn bind(&mut self, claim: ClaimId, volume: VolumeId) {
        self.volumes[volume] = VolumeState { holder: Some(Holder::Claim(claim)), available: false };
        let state = &mut self.claims[claim];
        state.volume = Some(VolumeRef::Declared(volume));
        state.bind_completed = true;
    }

    /// A volume is made for a claim, and both are bound to each other.
    pub fn provision(&mut self, claim: ClaimId, provisioned: Provisioned) {
        let state = &mut self.claims[claim];
        state.volume = Some(VolumeRef::Provisioned(claim));
        state.bind_completed = true;
        state.provisioned = Some(provisioned);
    }

    /// Binds the claims that do not wait for a pod: to the volume they name, to the smallest that
    /// fits, or to a new one. `choose` takes one of so many zones for a claim's new volume.
    pub fn bind_immediate(
        &mut self,
        model: &Model,
        mut choose: impl FnMut(&ClaimSpec, usize) -> usize,
    ) {
        let storage = &model.storage;
        for (claim, spec) in
            storage.claims.iter().filter_map(|(id, c)| Some((id, c.spec.as_ref()?)))
        {
            let class = spec.class.and_then(|class| storage.classes[class].spec.as_ref());
            let named = self.claims[claim].volume;
            let late = class.is_some_and(|c| c.binding == Some(BindingMode::WaitForFirstConsumer));
            if self.is_bound(claim) || spec.deleting || spec.lost || (late && named.is_none()) {
                continue;
            }
            let found = match named {
                Some(VolumeRef::Declared(volume)) => self.free_for(model, claim, volume),
                Some(VolumeRef::Provisioned(_)) => None,
                None => find_volume((&*self, model), claim, None, &[]),
            };
            if let Some(volume) = found {
                self.bind(claim, volume);
            } else if named.is_none()
                && let Some(class) = class.filter(|class| class.provisions)
            {
                let places = places_of(model, &class.allowed_topologies);
                let within = match places.len() {
                    0 => None,
                    count => Some(places[choose(spec, count)]),
                };
                self.provision(claim, Provisioned { within });
            }
        }
    }

    /// A volume that a claim names, unless it is another's or does not exist.
    fn free_for(&self, model: &Model, claim: ClaimId, volume: VolumeId) -> Option<VolumeId> {
        let holder = self.volumes[volume].holder;
        let free = holder.is_none_or(|holder| holder == Holder::Claim(claim));
        (free && model.storage.volumes[volume].spec.is_some()).then_some(volume)
    }

    /// Whether a claim's binding is complete.
    #[must_use]
    pub fn is_bound(&self, claim: ClaimId) -> bool {
        let state = &self.claims[claim];
        state.volume.is_some() && state.bind_completed
    }

    /// Whether a volume exists.
    #[must_use]
    pub fn exists(&self, model: &Model, volume: VolumeRef) -> bool {
        match volume {
            VolumeRef::Declared(volume) => model.storage.volumes[volume].spec.is_some(),
            VolumeRef::Provisioned(claim) => self.claims[claim].provisioned.is_some(),
        }
    }

    /// Whether a volume that exists can be reached from a node with such labels.
    #[must_use]
    pub fn reaches(&self, model: &Model, volume: VolumeRef, labels: &Labels) -> bool {
        match volume {
            VolumeRef::Declared(volume) => {
                let spec = model.storage.volumes[volume].spec.as_ref();
                spec.is_none_or(|spec| reachable(model, spec, labels))
            }
            VolumeRef::Provisioned(claim) => {
                let within = self.claims[claim].provisioned.and_then(|made| made.within);
                within.is_none_or(|(key, value)| labels.get(key) == Some(value))
            }
        }
    }
}

/// Whether a volume's node affinity lets nodes with such labels use it. Nodes are known by their
/// labels alone here: a name matches no term.
fn reachable(model: &Model, volume: &VolumeSpec, labels: &Labels) -> bool {
    let matches = |term: &NodeSelectorTerm| {
        (!term.expressions.is_empty() || !term.names.is_empty())
            && term.expressions.iter().all(|r| r.matches(labels, &model.symbols))
            && term.names.iter().all(|&(within, _)| !within)
    };
    volume.node_affinity.as_ref().is_none_or(|terms| terms.iter().any(matches))
}

/// Whether a class's `allowedTopologies` let it make volumes for nodes with such labels.
pub(crate) fn allows(terms: &[TopologyTerm], labels: &Labels) -> bool {
    let matches = |term: &TopologyTerm| {
        let has = |(key, values): &(Symbol, Vec<Symbol>)| {
            labels.get(*key).is_some_and(|value| values.binary_search(&value).is_ok())
        };
        !term.is_empty() && term.iter().all(has)
    };
    terms.is_empty() || terms.iter().any(matches)
}

/// The zones in which a class may make volumes: key and value of the label of nodes.
fn places_of(model: &Model, allowed: &[TopologyTerm]) -> Vec<(Symbol, Symbol)> {
    let Some(key) = model.symbols.get(ZONE_LABEL) else { return Vec::new() };
    let nodes = model.nodes.values().filter(|node| allows(allowed, &node.labels));
    let mut places: Vec<_> = nodes.filter_map(|node| Some((key, node.labels.get(key)?))).collect();
    places.sort_unstable();
    places.dedup();
    places
}

/// Where a volume can be reached that is made for a node: in the node's zone, or everywhere.
#[must_use]
pub(super) fn place_of(model: &Model, labels: &Labels) -> Provisioned {
    let key = model.symbols.get(ZONE_LABEL);
    Provisioned { within: key.and_then(|key| Some((key, labels.get(key)?))) }
}

/// A pod's claims, by what has to be done for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PodClaims {
    /// Bound ones.
    pub(crate) bound: Vec<ClaimId>,
    /// Those that wait for the pod to be scheduled.
    pub(crate) delayed: Vec<ClaimId>,
    /// Those that somebody else binds, and has not bound yet.
    pub(crate) immediate: Vec<ClaimId>,
}

/// A claim's class does not say when to bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoBindingMode;

impl PodClaims {
    /// The claims of a pod's class; all of them exist.
    pub(crate) fn of(cx: &CycleCx<'_>) -> Result<Self, NoBindingMode> {
        let (storage, state) = (&cx.model.storage, cx.snapshot.storage());
        let mut claims = Self::default();
        for claim in cx.spec.volumes.iter().filter_map(PodVolume::claim) {
            if state.is_bound(claim) {
                claims.bound.push(claim);
                continue;
            }
            let class = storage.claims[claim].spec.as_ref().and_then(|spec| spec.class);
            let delayed = match class.and_then(|class| storage.classes[class].spec.as_ref()) {
                None => false,
                Some(class) => match class.binding {
                    None => return Err(NoBindingMode),
                    Some(mode) => mode == BindingMode::WaitForFirstConsumer,
                },
            };
            // A claim that names its volume is bound to it by the PV controller.
            if delayed && state.claim(claim).volume.is_none() {
                claims.delayed.push(claim);
            } else {
                claims.immediate.push(claim);
            }
        }
        Ok(claims)
    }
}

/// Why a pod's claims cannot have volumes on a node: a set, as several may hold at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VolumeConflicts(u8);

impl VolumeConflicts {
    /// A bound volume cannot be reached.
    pub const NODE: Self = Self(1);
    /// No volume can be bound or made.
    pub const BIND: Self = Self(1 << 1);
    /// A volume could be made if there were room for it.
    pub const SPACE: Self = Self(1 << 2);
    /// A claim is bound to a volume that does not exist.
    pub const MISSING: Self = Self(1 << 3);

    const TEXTS: [&'static str; 4] = [
        "node(s) didn't match PersistentVolume's node affinity",
        "node(s) didn't find available persistent volumes to bind",
        "node(s) did not have enough free storage",
        "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)",
    ];

    const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Kubernetes' words.
    pub fn texts(self) -> impl Iterator<Item = &'static str> {
        let texts = Self::TEXTS.into_iter().enumerate();
        texts.filter(move |(bit, _)| self.0 & (1 << bit) != 0).map(|(_, text)| text)
    }
}

/// What becomes of a pod's unbound claims on a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodVolumes {
    /// Claims and the volumes that they are bound to.
    pub bindings: Vec<(ClaimId, VolumeId)>,
    /// Claims for which a volume has to be made.
    pub provisions: Vec<ClaimId>,
}

impl PodVolumes {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bindings.is_empty() && self.provisions.is_empty()
    }
}

/// The volumes that a pod's claims would have on a node.
pub(crate) fn find_volumes(
    cx: &CycleCx<'_>,
    claims: &PodClaims,
    node: NodeId,
) -> Result<PodVolumes, VolumeConflicts> {
    let state = cx.snapshot.storage();
    let spec = cx.node(node);
    let mut conflicts = VolumeConflicts::default();
    for &claim in &claims.bound {
        let volume = state.claim(claim).volume.expect("a bound claim has a volume");
        if !state.exists(cx.model, volume) {
            conflicts = conflicts.with(VolumeConflicts::MISSING);
            break;
        }
        if !state.reaches(cx.model, volume, &spec.labels) {
            conflicts = conflicts.with(VolumeConflicts::NODE);
            break;
        }
    }
    let mut volumes = PodVolumes::default();
    let (mut match_them, mut provision) = (Vec::new(), Vec::new());
    for &claim in &claims.delayed {
        match state.claim(claim).selected_node {
            None => match_them.push(claim),
            Some(name) if name == spec.name_symbol => provision.push(claim),
            Some(_) => return Err(conflicts.with(VolumeConflicts::BIND)),
        }
    }
    // Small claims first, so that they leave large volumes to large claims.
    match_them.sort_by_key(|&claim| request_of(cx.model, claim));
    for claim in match_them {
        match find_volume((state, cx.model), claim, Some(&spec.labels), &volumes.bindings) {
            Some(volume) => volumes.bindings.push((claim, volume)),
            None => provision.push(claim),
        }
    }
    if let Err(why) = can_provision(cx.model, &provision, &spec.labels) {
        conflicts = conflicts.with(why);
    }
    volumes.provisions = provision;
    if conflicts == VolumeConflicts::default() { Ok(volumes) } else { Err(conflicts) }
}

fn request_of(model: &Model, claim: ClaimId) -> i64 {
    model.storage.claims[claim].spec.as_ref().map_or(0, |spec| spec.request_bytes)
}

/// The volume for a claim on a node with such labels: the one reserved for it, otherwise the
/// smallest that is large enough.
///
/// Fidelity: among equally large ones the one declared first; kube-scheduler takes any.
fn find_volume(
    (state, model): (&StorageState, &Model),
    claim: ClaimId,
    labels: Option<&Labels>,
    taken: &[(ClaimId, VolumeId)],
) -> Option<VolumeId> {
    let storage = &model.storage;
    let wanted = storage.claims[claim].spec.as_ref()?;
    let mut smallest: Option<(i64, VolumeId)> = None;
    for (id, volume) in storage.volumes.iter() {
        let Some(spec) = &volume.spec else { continue };
        let state = state.volume(id);
        let own = state.holder == Some(Holder::Claim(claim));
        // Only volumes of the claim's class are looked at, reserved or not.
        if spec.class != wanted.class
            || (state.holder.is_some() && !own)
            || taken.iter().any(|&(_, volume)| volume == id)
            || spec.capacity_bytes < wanted.request_bytes
            || spec.block != wanted.block
            || spec.deleting
        {
            continue;
        }
        let reachable = labels.is_none_or(|labels| reachable(model, spec, labels));
        if own {
            return reachable.then_some(id);
        }
        let selected = wanted
            .selector
            .as_ref()
            .is_none_or(|selector| selector.matches(&spec.labels, &model.symbols));
        if state.available
            && selected
            && spec.attributes_class == wanted.attributes_class
            && reachable
            && spec.modes.contains(wanted.modes)
            && smallest.is_none_or(|(bytes, _)| spec.capacity_bytes < bytes)
        {
            smallest = Some((spec.capacity_bytes, id));
        }
    }
    smallest.map(|(_, id)| id)
}

/// Whether volumes for all of these claims can be made for a node with such labels.
fn can_provision(
    model: &Model,
    claims: &[ClaimId],
    labels: &Labels,
) -> Result<(), VolumeConflicts> {
    let storage = &model.storage;
    for &claim in claims {
        let spec = storage.claims[claim].spec.as_ref().expect("the pod's claims exist");
        let class = spec.class.expect("a claim that waits for its pod has a class");
        let known = storage.classes[class].spec.as_ref().expect("its class exists");
        if !known.provisions || !allows(&known.allowed_topologies, labels) {
            return Err(VolumeConflicts::BIND);
        }
        if storage.capacity_tracking.contains(&known.provisioner) {
            let enough = storage.capacities.iter().any(|capacity| {
                capacity.class == class
                    && capacity.limit_bytes.is_some_and(|limit| limit >= spec.request_bytes)
                    && capacity
                        .node_topology
                        .as_ref()
                        .is_some_and(|nodes| nodes.matches(labels, &model.symbols))
            });
            if !enough {
                return Err(VolumeConflicts::SPACE);
            }
        }
    }
    Ok(())
}
