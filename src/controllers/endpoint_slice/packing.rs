//! How endpoints are packed into slices with as few writes as possible.
//!
//! Kubernetes-behaviour §3.10. Slices that change anyway are filled up first, the fullest before
//! others; what is then left goes into one slice that has room for all of it, or into new ones.
//! Slices are never merged. Nothing is known here of pods but their ids.
//!
//! Fidelity: where Kubernetes follows the order of a map (which endpoint goes into a slice next,
//! which of two equally full slices is filled), the lowest id or the earliest slice comes first.

use std::collections::BTreeMap;

use super::EndpointConditions;
use crate::model::{PodId, ZoneId};

/// Which set of resolved ports a slice is for: pods whose named ports differ have slices of their
/// own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortSet(pub u32);

/// An endpoint as a slice lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedEndpoint {
    /// Its pod.
    pub pod: PodId,
    /// Its conditions.
    pub conditions: EndpointConditions,
    /// The zone of its node, if that says one.
    pub zone: Option<ZoneId>,
    /// The zone whose clients should use it.
    pub hint: Option<ZoneId>,
}

impl PackedEndpoint {
    /// Whether a slice that lists `self` need not be written for `other`. Hints are set apart.
    fn says_the_same(&self, other: &Self) -> bool {
        self.conditions == other.conditions && self.zone == other.zone
    }
}

/// An EndpointSlice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Its ports; `None` for the empty slice of a Service without endpoints.
    pub ports: Option<PortSet>,
    /// Its endpoints.
    pub endpoints: Vec<PackedEndpoint>,
}

/// What becomes of the slices of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packing {
    /// Slices to be created.
    pub create: Vec<Slice>,
    /// Slices to be updated: which of the present ones, and what it will be.
    pub update: Vec<(usize, Slice)>,
    /// Which of the present ones are to be deleted.
    pub delete: Vec<usize>,
    /// Which of the present ones stay as they are.
    pub keep: Vec<usize>,
}

/// How many writes of each kind there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SliceCounts {
    /// Creations.
    pub create: usize,
    /// Updates.
    pub update: usize,
    /// Deletions.
    pub delete: usize,
}

impl Packing {
    /// How many writes there are.
    #[must_use]
    pub fn counts(&self) -> SliceCounts {
        SliceCounts {
            create: self.create.len(),
            update: self.update.len(),
            delete: self.delete.len(),
        }
    }

    /// The slices once all writes have succeeded: those that were there, then new ones.
    #[must_use]
    pub fn applied(self, present: &[Slice]) -> Vec<Slice> {
        let mut by_place: BTreeMap<usize, Slice> = self.update.into_iter().collect();
        by_place.extend(self.keep.iter().map(|&place| (place, present[place].clone())));
        by_place.into_values().chain(self.create).collect()
    }
}

/// Packs the endpoints that a Service should have, by their ports, into its slices of one address
/// type with at most `most` endpoints each.
#[must_use]
pub fn pack(
    present: &[Slice],
    desired: &BTreeMap<PortSet, Vec<PackedEndpoint>>,
    most: usize,
) -> Packing {
    let mut packing = Packing::default();
    for (place, slice) in present.iter().enumerate() {
        if slice.ports.is_none_or(|ports| !desired.contains_key(&ports)) {
            packing.delete.push(place);
        }
    }
    for (&ports, endpoints) in desired {
        let mut filling = Filling::new(ports, endpoints, most);
        for (place, slice) in present.iter().enumerate() {
            if slice.ports == Some(ports) {
                filling.keep_desired(place, slice);
            }
        }
        filling.fill_changed();
        filling.place_rest();
        filling.into_packing(&mut packing);
    }
    keep_a_placeholder(present, &mut packing);
    // A slice that would be deleted is rewritten instead of creating another.
    let recycled = packing.delete.len().min(packing.create.len());
    let names: Vec<usize> = packing.delete.drain(..recycled).collect();
    for place in names {
        let slice = packing.create.pop().expect("as many are created as are recycled");
        packing.update.push((place, slice));
    }
    packing
}

/// A Service has at least one slice, if need be an empty one without ports.
fn keep_a_placeholder(present: &[Slice], packing: &mut Packing) {
    if packing.delete.len() < present.len() || !packing.create.is_empty() {
        return;
    }
    let placeholder = Slice { ports: None, endpoints: Vec::new() };
    if let [only] = packing.delete[..]
        && present[only] == placeholder
    {
        packing.delete.clear();
        packing.keep.push(only);
    } else {
        packing.create.push(placeholder);
    }
}

/// Packing of the endpoints of one set of ports.
struct Filling {
    ports: PortSet,
    most: usize,
    /// Endpoints that have no place yet.
    left: BTreeMap<PodId, PackedEndpoint>,
    create: Vec<Slice>,
    changed: Vec<(usize, Slice)>,
    delete: Vec<usize>,
    unchanged: Vec<(usize, Slice)>,
}

impl Filling {
    fn new(ports: PortSet, endpoints: &[PackedEndpoint], most: usize) -> Self {
        let left = endpoints.iter().map(|endpoint| (endpoint.pod, *endpoint)).collect();
        let (create, changed, delete, unchanged) = (vec![], vec![], vec![], vec![]);
        Self { ports, most, left, create, changed, delete, unchanged }
    }

    /// Leaves in a slice what is still wanted, as it is now.
    fn keep_desired(&mut self, place: usize, slice: &Slice) {
        let mut endpoints = Vec::with_capacity(slice.endpoints.len());
        let mut changed = false;
        for before in &slice.endpoints {
            let Some(wanted) = self.left.remove(&before.pod) else { continue };
            changed |= !wanted.says_the_same(before);
            endpoints.push(wanted);
        }
        changed |= endpoints.len() != slice.endpoints.len();
        if !changed {
            self.unchanged.push((place, slice.clone()));
        } else if endpoints.is_empty() {
            self.delete.push(place);
        } else {
            self.changed.push((place, Slice { ports: slice.ports, endpoints }));
        }
    }

    /// Fills up the slices that are written anyway, the fullest first.
    fn fill_changed(&mut self) {
        let Self { most, left, changed, .. } = self;
        let mut order: Vec<usize> = (0..changed.len()).collect();
        order.sort_by_key(|&at| std::cmp::Reverse(changed[at].1.endpoints.len()));
        for at in order {
            fill(&mut changed[at].1, left, *most);
        }
    }

    /// Places what is left into the unchanged slice that becomes fullest with all of it, or else
    /// into new slices.
    fn place_rest(&mut self) {
        while !self.left.is_empty() {
            if let Some(at) = self.roomy() {
                let (place, mut slice) = self.unchanged.remove(at);
                fill(&mut slice, &mut self.left, self.most);
                self.changed.push((place, slice));
            } else {
                let mut slice = Slice { ports: Some(self.ports), endpoints: Vec::new() };
                fill(&mut slice, &mut self.left, self.most);
                self.create.push(slice);
            }
        }
    }

    fn roomy(&self) -> Option<usize> {
        if self.left.len() >= self.most {
            return None;
        }
        let full = |slice: &Slice| slice.endpoints.len() + self.left.len();
        let fits = self.unchanged.iter().enumerate().filter(|(_, (_, s))| full(s) <= self.most);
        let free = |(_, (_, slice)): &(usize, &(usize, Slice))| self.most - full(slice);
        fits.min_by_key(free).map(|(at, _)| at)
    }

    fn into_packing(self, packing: &mut Packing) {
        packing.create.extend(self.create);
        packing.update.extend(self.changed);
        packing.delete.extend(self.delete);
        packing.keep.extend(self.unchanged.into_iter().map(|(place, _)| place));
    }
}

fn fill(slice: &mut Slice, left: &mut BTreeMap<PodId, PackedEndpoint>, most: usize) {
    while slice.endpoints.len() < most {
        let Some((_, endpoint)) = left.pop_first() else { return };
        slice.endpoints.push(endpoint);
    }
}
