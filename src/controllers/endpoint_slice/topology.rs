//! Which zone's clients should use an endpoint: topology hints by the CPU of zones.
//!
//! Kubernetes-behaviour §3.10. Each zone should be served by a share of the endpoints like its
//! share of all allocatable CPU; where it has too few of its own, others give some up. Hints are
//! given only if no zone need be overloaded by more than a fifth. Shares are 64-bit floats, as in
//! Kubernetes, made with `+ - * /` and `ceil` alone. Nothing is known here of nodes but their
//! zones and CPU.
//!
//! Fidelity: where Kubernetes follows the order of a map (which of two zones that want equally
//! much is served first), the lowest zone comes first.

use std::collections::BTreeMap;

use super::packing::{Packing, Slice};
use crate::model::ZoneId;

/// By how much a zone may be overloaded.
const OVERLOAD: f64 = 0.2;

/// A node that is ready and no part of the control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeCpu {
    /// The zone it is labelled with.
    pub zone: Option<ZoneId>,
    /// Its allocatable CPU in thousandths.
    pub milli: u64,
}

/// Shares of the cluster's CPU, by zone.
#[derive(Clone, Debug, PartialEq)]
pub struct ZoneShares(BTreeMap<ZoneId, f64>);

/// Shares of CPU; `None` if a node lacks its zone or its CPU, or if there are not two zones.
#[expect(clippy::cast_precision_loss, reason = "Kubernetes rounds to the nearest float as well")]
#[must_use]
pub fn zone_shares(nodes: impl IntoIterator<Item = NodeCpu>) -> Option<ZoneShares> {
    let mut by_zone: BTreeMap<ZoneId, u64> = BTreeMap::new();
    for node in nodes {
        let zone = node.zone.filter(|_| node.milli > 0)?;
        *by_zone.entry(zone).or_default() += node.milli;
    }
    let total: u64 = by_zone.values().sum();
    let share = |(zone, milli): (ZoneId, u64)| (zone, milli as f64 / total as f64);
    (by_zone.len() >= 2).then(|| ZoneShares(by_zone.into_iter().map(share).collect()))
}

/// What the controller says about hints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HintsEvent {
    /// Hints are given from now on.
    Enabled,
    /// Nodes do not say enough.
    NodesUnknown,
    /// There are fewer endpoints than zones.
    TooFewEndpoints {
        /// Ready endpoints.
        endpoints: usize,
        /// Zones.
        zones: usize,
    },
    /// Some zone would be overloaded.
    Overload {
        /// Ready endpoints.
        endpoints: usize,
        /// Zones.
        zones: usize,
    },
    /// The zone of an endpoint is not known.
    ZoneUnknown,
    /// No endpoint has been given a hint.
    NoneAllocated,
}

impl HintsEvent {
    /// `Normal` or `Warning`.
    #[must_use]
    pub fn kind(self) -> &'static str {
        if self == Self::Enabled { "Normal" } else { "Warning" }
    }

    /// Kubernetes' reason.
    #[must_use]
    pub fn reason(self) -> &'static str {
        if self == Self::Enabled {
            "TopologyAwareHintsEnabled"
        } else {
            "TopologyAwareHintsDisabled"
        }
    }

    /// Kubernetes' message for slices of an address type.
    #[must_use]
    pub fn message(self, address_type: &str) -> String {
        let text = match self {
            Self::Enabled => "Topology Aware Hints has been enabled",
            Self::NodesUnknown => {
                "Insufficient Node information: allocatable CPU or zone not specified on one or \
                 more nodes"
            }
            Self::TooFewEndpoints { .. } => "Insufficient number of endpoints",
            Self::Overload { .. } => {
                "Unable to allocate minimum required endpoints to each zone without exceeding \
                 overload threshold"
            }
            Self::ZoneUnknown => "One or more endpoints do not have a zone specified",
            Self::NoneAllocated => "No hints allocated for zones",
        };
        let counts = match self {
            Self::TooFewEndpoints { endpoints, zones } | Self::Overload { endpoints, zones } => {
                format!(" ({endpoints} endpoints, {zones} zones)")
            }
            Self::Enabled | Self::NodesUnknown | Self::ZoneUnknown | Self::NoneAllocated => {
                String::new()
            }
        };
        format!("{text}{counts}, addressType: {address_type}")
    }
}

/// How many endpoints a zone should have.
#[derive(Clone, Copy, Debug)]
struct Allocation {
    /// So many at the most, if every zone has its minimum.
    most: usize,
    /// So many would be just.
    desired: f64,
}

/// Gives the endpoints of slices their hints, or takes all hints away. `hinted` says whether the
/// Service had hints. Slices that stay may have to be written for it.
pub fn add_hints(
    packing: &mut Packing,
    present: &[Slice],
    shares: Option<&ZoneShares>,
    hinted: bool,
) -> Option<HintsEvent> {
    match try_hints(packing, present, shares) {
        Ok(()) => (!hinted).then_some(HintsEvent::Enabled),
        Err(event) => {
            remove_hints(packing, present);
            Some(event)
        }
    }
}

fn try_hints(
    packing: &mut Packing,
    present: &[Slice],
    shares: Option<&ZoneShares>,
) -> Result<(), HintsEvent> {
    let written = packing.create.iter().chain(packing.update.iter().map(|(_, slice)| slice));
    let slices = written.chain(packing.keep.iter().map(|&place| &present[place]));
    let endpoints = slices.flat_map(|slice| &slice.endpoints);
    let ready = endpoints.filter(|endpoint| endpoint.conditions.ready).count();
    let allocations = allocate(ready, shares)?;
    let mut hints = hints_that_stay(packing, present, &allocations);
    for slice in to_be_written(packing) {
        for endpoint in &mut slice.endpoints {
            endpoint.hint = None;
            if endpoint.conditions.ready {
                let zone = endpoint.zone.ok_or(HintsEvent::ZoneUnknown)?;
                *hints.entry(zone).or_default() += 1;
                endpoint.hint = Some(zone);
            }
        }
    }
    if hints.is_empty() {
        return Err(HintsEvent::NoneAllocated);
    }
    let (mut giving, mut receiving) = moves(&allocations, &hints);
    for slice in to_be_written(packing) {
        for endpoint in &mut slice.endpoints {
            let Some(zone) = endpoint.zone.filter(|_| endpoint.conditions.ready) else { continue };
            let Some((&receiver, _)) = receiving.first_key_value() else { return Ok(()) };
            if take_one(&mut giving, zone) {
                take_one(&mut receiving, receiver);
                endpoint.hint = Some(receiver);
            }
        }
    }
    Ok(())
}

fn to_be_written(packing: &mut Packing) -> impl Iterator<Item = &mut Slice> {
    let update = packing.update.iter_mut().map(|(_, slice)| slice);
    packing.create.iter_mut().chain(update)
}

fn take_one(counts: &mut BTreeMap<ZoneId, usize>, zone: ZoneId) -> bool {
    let Some(count) = counts.get_mut(&zone) else { return false };
    *count -= 1;
    if *count == 0 {
        counts.remove(&zone);
    }
    true
}

#[expect(clippy::cast_precision_loss, reason = "exact below 2^53")]
#[expect(clippy::cast_possible_truncation, reason = "no more than there are endpoints")]
#[expect(clippy::cast_sign_loss, reason = "shares are not negative")]
fn allocate(
    endpoints: usize,
    shares: Option<&ZoneShares>,
) -> Result<BTreeMap<ZoneId, Allocation>, HintsEvent> {
    let shares = &shares.ok_or(HintsEvent::NodesUnknown)?.0;
    let zones = shares.len();
    if zones > endpoints {
        return Err(HintsEvent::TooFewEndpoints { endpoints, zones });
    }
    let just = |share: f64| share * endpoints as f64;
    let least = |share: f64| (just(share) * (1.0 / (1.0 + OVERLOAD))).ceil();
    let least_of_all: usize = shares.values().map(|&share| least(share) as usize).sum();
    let spare = endpoints.checked_sub(least_of_all);
    let spare = spare.ok_or(HintsEvent::Overload { endpoints, zones })?;
    let allocation = |share: f64| Allocation {
        most: least(share) as usize + spare,
        desired: just(share).max(least(share)),
    };
    Ok(shares.iter().map(|(&zone, &share)| (zone, allocation(share))).collect())
}

/// Counts the hints of slices that are not written; those whose hints will not do are written
/// after all.
fn hints_that_stay(
    packing: &mut Packing,
    present: &[Slice],
    allocations: &BTreeMap<ZoneId, Allocation>,
) -> BTreeMap<ZoneId, usize> {
    let mut hints: BTreeMap<ZoneId, usize> = BTreeMap::new();
    for place in std::mem::take(&mut packing.keep) {
        let of_slice = hints_of(&present[place]).filter(|of_slice| {
            of_slice.iter().all(|(zone, count)| {
                let most = allocations.get(zone).map(|allocation| allocation.most);
                most.is_some_and(|most| count + hints.get(zone).unwrap_or(&0) <= most)
            })
        });
        match of_slice {
            Some(of_slice) => {
                packing.keep.push(place);
                for (zone, count) in of_slice {
                    *hints.entry(zone).or_default() += count;
                }
            }
            None => packing.update.push((place, present[place].clone())),
        }
    }
    hints
}

/// The hints of a slice by zone, if all its ready endpoints have one.
fn hints_of(slice: &Slice) -> Option<BTreeMap<ZoneId, usize>> {
    let mut hints = BTreeMap::new();
    for endpoint in slice.endpoints.iter().filter(|endpoint| endpoint.conditions.ready) {
        *hints.entry(endpoint.hint?).or_default() += 1;
    }
    Some(hints)
}

/// How many endpoints zones give up and receive.
#[expect(clippy::cast_precision_loss, reason = "exact below 2^53")]
fn moves(
    allocations: &BTreeMap<ZoneId, Allocation>,
    hints: &BTreeMap<ZoneId, usize>,
) -> (BTreeMap<ZoneId, usize>, BTreeMap<ZoneId, usize>) {
    let mut surplus: BTreeMap<ZoneId, f64> = BTreeMap::new();
    let mut lack: BTreeMap<ZoneId, f64> = BTreeMap::new();
    for (&zone, allocation) in allocations {
        let has = *hints.get(&zone).unwrap_or(&0) as f64;
        if has > allocation.desired {
            surplus.insert(zone, has - allocation.desired);
        } else if has < allocation.desired {
            lack.insert(zone, allocation.desired - has);
        }
    }
    let (mut giving, mut receiving) = (BTreeMap::new(), BTreeMap::new());
    while let (Some((giver, gives)), Some((receiver, receives))) = (most(&surplus), most(&lack)) {
        if (gives < 1.0 && receives < 1.0) || gives < 0.5 || receives < 0.5 {
            break;
        }
        *giving.entry(giver).or_default() += 1;
        *receiving.entry(receiver).or_default() += 1;
        surplus.insert(giver, gives - 1.0);
        lack.insert(receiver, receives - 1.0);
    }
    (giving, receiving)
}

/// The zone with the largest amount above zero.
fn most(amounts: &BTreeMap<ZoneId, f64>) -> Option<(ZoneId, f64)> {
    let mut largest: Option<(ZoneId, f64)> = None;
    for (&zone, &amount) in amounts {
        if amount > largest.map_or(0.0, |(_, amount)| amount) {
            largest = Some((zone, amount));
        }
    }
    largest
}

/// Takes all hints away; slices that have some and would have stayed are written.
fn remove_hints(packing: &mut Packing, present: &[Slice]) {
    for place in std::mem::take(&mut packing.keep) {
        if present[place].endpoints.iter().any(|endpoint| endpoint.hint.is_some()) {
            packing.update.push((place, present[place].clone()));
        } else {
            packing.keep.push(place);
        }
    }
    for slice in to_be_written(packing) {
        for endpoint in &mut slice.endpoints {
            endpoint.hint = None;
        }
    }
}

/// How many endpoints of slices go from one zone to a hint, by both.
#[must_use]
pub fn hints_by_zone(slices: &[Slice]) -> BTreeMap<(Option<ZoneId>, Option<ZoneId>), usize> {
    let mut counts = BTreeMap::new();
    for endpoint in slices.iter().flat_map(|slice| &slice.endpoints) {
        *counts.entry((endpoint.zone, endpoint.hint)).or_default() += 1;
    }
    counts
}
