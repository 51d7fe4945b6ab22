//! VolumeZone: volumes with zone or region labels keep their pods in these zones.

use super::volume_claims::{claim_of_pod_changed, named_claims, volumes_of};
use crate::base::map::Symbol;
use crate::model::{BindingMode, Labels, Model, NodeId};
use crate::registry::Descriptor;
use crate::scheduling::framework::{
    ClaimReason, CycleCx, Dependency, Plugin, PluginDef, Point, PreFilter, Reason, Rejection,
    Verdict,
};
use crate::scheduling::rules::DomainRules;
use crate::scheduling::storage::VolumeRef;
use crate::scheduling::{ClusterEvent, WakeSet};

/// The table's entry.
pub(super) const DEF: PluginDef = PluginDef {
    descriptor: Descriptor {
        name: "VolumeZone",
        summary: "Keeps pods in the zones of their volumes",
        help: "Looks at zone and region labels of the volumes that a pod's claims are bound to; a \
               label may name several zones, with `__` between them. Nodes without such labels pass.",
        fields: &[],
    },
    points: &[Point::PreFilter, Point::Filter],
    filter_depends: Some(Dependency::Cluster),
    score_depends: None,
    wakes_on: WakeSet::NODE_ADD
        .with(WakeSet::NODE_LABEL)
        .with(WakeSet::CLAIM_ADD)
        .with(WakeSet::CLAIM_UPDATE)
        .with(WakeSet::VOLUME_ADD),
    build: Some(|_| Box::new(VolumeZone::default())),
};

/// Between the zones of one label.
const SEPARATOR: &str = "__";

/// Labels of places, each with the label that has taken its place.
const PLACES: [(&str, &str); 4] = [
    ("failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone"),
    ("failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region"),
    ("topology.kubernetes.io/zone", "topology.kubernetes.io/zone"),
    ("topology.kubernetes.io/region", "topology.kubernetes.io/region"),
];

/// One label of a volume: where its pods can go.
#[derive(Debug)]
struct Place {
    /// The label's key, and the key it has today.
    keys: [Option<Symbol>; 2],
    /// The values that nodes may have. What no label has is left out.
    values: Vec<Symbol>,
}

#[derive(Debug, Default)]
struct VolumeZone {
    places: Vec<Place>,
    /// Keys of [`PLACES`] that are some label's.
    keys: Vec<Symbol>,
}

/// What a volume's labels say of places. A list with a gap in it says nothing.
fn places_of(model: &Model, labels: &Labels, into: &mut Vec<Place>) {
    let symbol = |text: &str| model.symbols.get(text);
    for (key, today) in PLACES {
        let Some(value) = symbol(key).and_then(|key| labels.get(key)) else { continue };
        let zones: Vec<&str> =
            model.symbols.resolve(value).split(SEPARATOR).map(str::trim).collect();
        if zones.iter().all(|zone| !zone.is_empty()) {
            let values = zones.into_iter().filter_map(symbol).collect();
            into.push(Place { keys: [symbol(key), symbol(today)], values });
        }
    }
}

impl Plugin for VolumeZone {
    fn pre_filter(&mut self, cx: &CycleCx<'_>) -> PreFilter {
        self.places.clear();
        let (storage, state) = (&cx.model.storage, cx.snapshot.storage());
        let reject = |what, claim| {
            PreFilter::Reject(Rejection { unresolvable: true, reason: Reason::Claim(what, claim) })
        };
        let refuse = |text| PreFilter::Reject(Rejection::unresolvable(text));
        for claim in named_claims(&cx.spec.volumes) {
            let Some(spec) = &storage.claims[claim].spec else {
                return reject(ClaimReason::NotFound, claim);
            };
            let Some(volume) = state.claim(claim).volume else {
                let Some(class) = spec.class else {
                    return refuse("PersistentVolumeClaim had no pv name and storageClass name");
                };
                match storage.classes[class].spec.as_ref().map(|class| class.binding) {
                    None => return reject(ClaimReason::ClassNotFound, claim),
                    Some(None) => return reject(ClaimReason::NoBindingMode, claim),
                    Some(Some(BindingMode::WaitForFirstConsumer)) => continue,
                    Some(Some(BindingMode::Immediate)) => {
                        return refuse("PersistentVolume had no name");
                    }
                }
            };
            match volume {
                _ if !state.exists(cx.model, volume) => {
                    return reject(ClaimReason::VolumeNotFound, claim);
                }
                VolumeRef::Declared(volume) => {
                    let spec = storage.volumes[volume].spec.as_ref().expect("it exists");
                    places_of(cx.model, &spec.labels, &mut self.places);
                }
                // Provisioners say where volumes are by node affinity, not by labels.
                VolumeRef::Provisioned(_) => {}
            }
        }
        if self.places.is_empty() {
            return PreFilter::Skip;
        }
        self.keys = PLACES.iter().filter_map(|(key, _)| cx.model.symbols.get(key)).collect();
        PreFilter::Run
    }

    fn filter(&self, cx: &CycleCx<'_>, node: NodeId) -> Verdict {
        let labels = &cx.node(node).labels;
        let value = |key: Option<Symbol>| key.and_then(|key| labels.get(key));
        if !self.keys.iter().any(|&key| labels.get(key).is_some()) {
            return Ok(());
        }
        let inside = |place: &Place| {
            let value = value(place.keys[0]).or_else(|| value(place.keys[1]));
            value.is_some_and(|value| place.values.contains(&value))
        };
        if self.places.iter().all(inside) {
            return Ok(());
        }
        Err(Rejection::unresolvable("node(s) had no available volume zone"))
    }

    fn rules(&mut self, cx: &CycleCx<'_>, _rules: &mut DomainRules) -> bool {
        cx.spec.volumes.is_empty()
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "it registered for no others")]
    fn hint(&mut self, cx: &CycleCx<'_>, event: &ClusterEvent) -> bool {
        match event {
            ClusterEvent::ClaimAdd { claim } | ClusterEvent::ClaimUpdate { claim } => {
                claim_of_pod_changed(volumes_of(cx), *claim)
            }
            ClusterEvent::VolumeAdd { .. }
            | ClusterEvent::NodeAdd { .. }
            | ClusterEvent::NodeUpdate { .. } => true,
            _ => false,
        }
    }
}
