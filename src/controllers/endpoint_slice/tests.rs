//! Packing of slices and topology hints.

use proptest::prelude::*;

use super::*;
use crate::model::ZoneId;

const WEB: PortSet = PortSet(0);

fn zone(place: usize) -> ZoneId {
    ZoneId::from_index(place)
}

fn listed(pod: usize, ready: bool) -> PackedEndpoint {
    let conditions = EndpointConditions { ready, serving: ready, terminating: false };
    PackedEndpoint { pod: PodId::from_index(pod), conditions, zone: None, hint: None }
}

fn slice(pods: impl IntoIterator<Item = usize>) -> Slice {
    let endpoints = pods.into_iter().map(|pod| listed(pod, true)).collect();
    Slice { ports: Some(WEB), endpoints }
}

fn wanted(endpoints: Vec<PackedEndpoint>) -> BTreeMap<PortSet, Vec<PackedEndpoint>> {
    if endpoints.is_empty() { BTreeMap::new() } else { [(WEB, endpoints)].into() }
}

fn all(pods: impl IntoIterator<Item = usize>) -> BTreeMap<PortSet, Vec<PackedEndpoint>> {
    wanted(slice(pods).endpoints)
}

/// Creations, updates and deletions.
fn writes(packing: &Packing) -> (usize, usize, usize) {
    let SliceCounts { create, update, delete } = packing.counts();
    (create, update, delete)
}

fn sizes(packing: Packing, present: &[Slice]) -> Vec<usize> {
    packing.applied(present).iter().map(|slice| slice.endpoints.len()).collect()
}

#[test]
fn slices_are_packed_with_few_writes() {
    for (present, pods, expected_writes, expected_sizes) in [
        (vec![], 0..250, (3, 0, 0), vec![100, 100, 50]),
        (vec![slice(0..100), slice(100..150)], 0..150, (0, 0, 0), vec![100, 50]),
        // The one that becomes fullest.
        (vec![slice(0..50), slice(50..120)], 0..121, (0, 1, 0), vec![50, 71]),
        // Not all of them would fit into one.
        (vec![slice(0..70), slice(70..140)], 0..171, (1, 0, 0), vec![70, 70, 31]),
        (vec![slice(0..70), slice(70..140)], 0..170, (0, 1, 0), vec![100, 70]),
        // One that is written anyway comes first, though another would become fuller.
        (vec![slice(0..50), slice(50..149)], 1..150, (0, 1, 0), vec![50, 99]),
        // Of several that are written the fullest comes first.
        (vec![slice([0, 10, 11]), slice((1..2).chain(12..110))], 10..111, (0, 2, 0), vec![2, 99]),
        // The slice of pods that are all gone is deleted, or written anew instead of a new one.
        (vec![slice(0..50), slice(50..60)], 0..50, (0, 0, 1), vec![50]),
        (vec![slice(0..50), slice(50..60)], 60..160, (0, 1, 1), vec![100]),
        // Without endpoints an empty slice stays.
        (vec![], 0..0, (1, 0, 0), vec![0]),
        (vec![slice(0..50), slice(50..60)], 0..0, (0, 1, 1), vec![0]),
    ] {
        let packing = pack(&present, &all(pods.clone()), 100);
        assert_eq!(writes(&packing), expected_writes, "{pods:?}");
        assert_eq!(sizes(packing, &present), expected_sizes, "{pods:?}");
    }
}

#[test]
fn the_empty_slice_is_not_written_again_and_again() {
    let present = pack(&[], &all(0..0), 100).applied(&[]);
    assert_eq!(present, [Slice { ports: None, endpoints: vec![] }]);
    let packing = pack(&present, &all(0..0), 100);
    assert_eq!(writes(&packing), (0, 0, 0));
    assert_eq!(packing.applied(&present), present);
    assert_eq!(writes(&pack(&present, &all(0..3), 100)), (0, 1, 0));
}

#[test]
fn a_change_of_conditions_is_written_and_fills_its_slice_up() {
    let present = [slice(0..3), slice(3..7)];
    let changed = |unready: usize, pods: std::ops::Range<usize>| {
        wanted(pods.map(|pod| listed(pod, pod != unready)).collect())
    };
    let packing = pack(&present, &changed(1, 0..7), 5);
    assert_eq!(writes(&packing), (0, 1, 0));
    assert!(!packing.applied(&present)[0].endpoints[1].conditions.ready);
    assert_eq!(sizes(pack(&present, &changed(1, 0..8), 5), &present), [4, 4]);
    assert_eq!(sizes(pack(&present, &changed(99, 0..8), 5), &present), [3, 5]);
}

#[test]
fn other_ports_have_slices_of_their_own() {
    let other = PortSet(1);
    let both: BTreeMap<_, _> =
        [(WEB, slice(0..2).endpoints), (other, slice(2..3).endpoints)].into();
    let present = pack(&[], &both, 100).applied(&[]);
    let ports: Vec<_> = present.iter().map(|slice| slice.ports).collect();
    assert_eq!(ports, [Some(WEB), Some(other)]);
    let packing = pack(&present, &all(0..2), 100);
    assert_eq!(writes(&packing), (0, 0, 1));
    assert_eq!(packing.applied(&present), present[..1]);
}

proptest! {
    #[test]
    fn every_endpoint_has_one_place_and_nothing_is_written_twice(
        histories in prop::collection::vec(prop::collection::btree_set(0_usize..40, 0..40), 1..8),
        unready in prop::collection::vec(0_usize..40, 8),
        most in 1_usize..12,
    ) {
        let mut present: Vec<Slice> = Vec::new();
        for (pods, unready) in histories.iter().zip(unready) {
            let desired: Vec<_> = pods.iter().map(|&pod| listed(pod, pod != unready)).collect();
            let desired = wanted(desired);
            let packing = pack(&present, &desired, most);
            let kept = packing.keep.len() + packing.update.len() + packing.delete.len();
            prop_assert_eq!(kept, present.len());
            present = packing.applied(&present);
            prop_assert!(!present.is_empty());
            prop_assert!(present.iter().all(|slice| slice.endpoints.len() <= most));
            let mut found: Vec<_> = present.iter().flat_map(|slice| &slice.endpoints).copied().collect();
            found.sort_by_key(|endpoint| endpoint.pod);
            let all: Vec<_> = desired.into_values().flatten().collect();
            prop_assert_eq!(&found, &all);
            let again = pack(&present, &wanted(all), most);
            prop_assert_eq!(writes(&again), (0, 0, 0));
        }
    }
}

fn shares(milli: &[u64]) -> Option<ZoneShares> {
    let node = |(place, &milli)| NodeCpu { zone: Some(zone(place)), milli };
    zone_shares(milli.iter().enumerate().map(node))
}

/// Ready endpoints, as many in each zone.
fn in_zones(counts: &[usize]) -> Vec<PackedEndpoint> {
    let zones = counts.iter().enumerate().flat_map(|(at, &count)| std::iter::repeat_n(at, count));
    let in_zone = |(pod, at)| PackedEndpoint { zone: Some(zone(at)), ..listed(pod, true) };
    zones.enumerate().map(in_zone).collect()
}

/// What is said, and how many endpoints each zone is served by.
fn hinted(endpoints: Vec<PackedEndpoint>, milli: &[u64]) -> (Option<HintsEvent>, Vec<usize>) {
    let mut packing = pack(&[], &wanted(endpoints), 100);
    let event = add_hints(&mut packing, &[], shares(milli).as_ref(), false);
    let by_zone = hints_by_zone(&packing.applied(&[]));
    let of = |place| {
        let serving = by_zone.iter().filter(|((_, hint), _)| *hint == Some(zone(place)));
        serving.map(|(_, count)| count).sum()
    };
    (event, (0..milli.len()).map(of).collect())
}

#[test]
fn zones_are_served_by_their_share_of_cpu() {
    let too_few = |endpoints, zones| Some(HintsEvent::TooFewEndpoints { endpoints, zones });
    let overload = |endpoints, zones| Some(HintsEvent::Overload { endpoints, zones });
    let enabled = Some(HintsEvent::Enabled);
    for (endpoints, milli, event, served) in [
        (&[4, 4][..], &[4000, 4000][..], enabled, vec![4, 4]),
        (&[8, 0], &[4000, 4000], enabled, vec![4, 4]),
        // 6 each would be just; 5 are enough for a zone.
        (&[9, 3], &[1000, 1000], enabled, vec![6, 6]),
        (&[3, 3], &[6000, 2000], enabled, vec![4, 2]),
        // What the first zone needs at least is more than its share.
        (&[5, 5], &[1500, 8500], enabled, vec![2, 8]),
        (&[1, 1], &[1000, 1000, 1000], too_few(2, 3), vec![0, 0, 0]),
        // Each zone needs 1.5 / 1.2 endpoints, rounded up: there are only three.
        (&[2, 1], &[1000, 1000], overload(3, 2), vec![0, 0]),
        (&[3, 3], &[1000], Some(HintsEvent::NodesUnknown), vec![0]),
        (&[3, 3], &[1000, 0], Some(HintsEvent::NodesUnknown), vec![0, 0]),
    ] {
        let found = hinted(in_zones(endpoints), milli);
        assert_eq!(found, (event, served), "{endpoints:?} by {milli:?}");
    }
    let mut endpoints = in_zones(&[4, 4]);
    endpoints[0].conditions.ready = false;
    let even = [1000, 1000];
    assert_eq!(hinted(endpoints.clone(), &even), (enabled, vec![3, 4]));
    endpoints[5].conditions.ready = false;
    assert_eq!(hinted(endpoints.clone(), &even), (enabled, vec![3, 3]));
    endpoints[1].zone = None;
    assert_eq!(hinted(endpoints, &even), (Some(HintsEvent::ZoneUnknown), vec![0, 0]));
}

#[test]
fn hints_are_written_when_they_change_and_enabled_once() {
    let endpoints = in_zones(&[3, 3]);
    let shares_of = |milli: &[u64]| shares(milli);
    let even = shares_of(&[1000, 1000]);
    let mut packing = pack(&[], &wanted(endpoints.clone()), 4);
    let event = add_hints(&mut packing, &[], even.as_ref(), false);
    assert_eq!(event, Some(HintsEvent::Enabled));
    let present = packing.applied(&[]);

    let again = |milli: &[u64]| {
        let mut packing = pack(&present, &wanted(endpoints.clone()), 4);
        let event = add_hints(&mut packing, &present, shares_of(milli).as_ref(), true);
        (event, packing)
    };
    let (event, packing) = again(&[1000, 1000]);
    assert_eq!((event, writes(&packing)), (None, (0, 0, 0)));
    // 4.5 of 6 endpoints for the first zone: its 3 are too few, the second's are too many.
    let (event, packing) = again(&[3000, 1000]);
    assert_eq!((event, writes(&packing)), (None, (0, 1, 0)));
    let after = hints_by_zone(&packing.applied(&present));
    let moved = after.get(&(Some(zone(1)), Some(zone(0)))).copied();
    assert_eq!(moved, Some(1));
    // Hints go when they can no longer be given.
    let (event, packing) = again(&[1000]);
    assert_eq!((event, writes(&packing)), (Some(HintsEvent::NodesUnknown), (0, 2, 0)));
    let after = packing.applied(&present);
    assert!(
        after.iter().flat_map(|slice| &slice.endpoints).all(|endpoint| endpoint.hint.is_none())
    );
}

#[test]
fn what_is_said_of_hints() {
    let event = HintsEvent::Overload { endpoints: 3, zones: 2 };
    assert_eq!((event.kind(), event.reason()), ("Warning", "TopologyAwareHintsDisabled"));
    assert_eq!(
        event.message("IPv4"),
        "Unable to allocate minimum required endpoints to each zone without exceeding overload \
         threshold (3 endpoints, 2 zones), addressType: IPv4"
    );
    let event = HintsEvent::Enabled;
    assert_eq!((event.kind(), event.reason()), ("Normal", "TopologyAwareHintsEnabled"));
    let text = "Topology Aware Hints has been enabled, addressType: IPv6";
    assert_eq!(event.message("IPv6"), text);
}
