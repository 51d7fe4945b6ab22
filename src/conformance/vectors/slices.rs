//! Vectors of the EndpointSlice controller: packing of slices and topology hints.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::read;
use crate::controllers::{
    EndpointConditions, NodeCpu, PackedEndpoint, PortSet, Slice, add_hints, hints_by_zone, pack,
    zone_shares,
};
use crate::model::{PodId, ZoneId};

/// The ports of the one Service.
const PORTS: PortSet = PortSet(0);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Packed {
    max_endpoints_per_slice: usize,
    existing_slices: Vec<Vec<u32>>,
    desired_pods: Vec<u32>,
    readiness_changed_pods: BTreeSet<u32>,
}

fn listed(pod: u32, ready: bool, zone: Option<ZoneId>) -> PackedEndpoint {
    let conditions = EndpointConditions { ready, serving: ready, terminating: false };
    PackedEndpoint { pod: PodId::from_raw(pod), conditions, zone, hint: None }
}

fn desired(endpoints: Vec<PackedEndpoint>) -> BTreeMap<PortSet, Vec<PackedEndpoint>> {
    // Without endpoints there are no ports either.
    let any = (!endpoints.is_empty()).then_some((PORTS, endpoints));
    any.into_iter().collect()
}

/// Slices of a Service after a sync.
pub(super) fn packing(input: &Value) -> Result<Value, String> {
    let input: Packed = read(input)?;
    let present: Vec<Slice> = input
        .existing_slices
        .iter()
        .map(|pods| {
            let endpoints = pods.iter().map(|pod| listed(*pod, true, None)).collect();
            Slice { ports: Some(PORTS), endpoints }
        })
        .collect();
    let changed = &input.readiness_changed_pods;
    let wanted = input.desired_pods.iter().map(|pod| listed(*pod, !changed.contains(pod), None));
    let packed = pack(&present, &desired(wanted.collect()), input.max_endpoints_per_slice);
    let counts = packed.counts();
    let after = packed.applied(&present);
    let mut sizes: Vec<usize> = after.iter().map(|slice| slice.endpoints.len()).collect();
    sizes.sort_unstable();
    Ok(json!({
        "sliceSizes": sizes,
        "operations": {
            "create": counts.create, "update": counts.update, "delete": counts.delete,
        },
    }))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hinted {
    endpoint_zones: Vec<String>,
    zone_cpu_milli: BTreeMap<String, u64>,
}

/// Hints of a Service in one slice.
pub(super) fn hints(input: &Value) -> Result<Value, String> {
    let input: Hinted = read(input)?;
    let names: BTreeSet<&str> =
        input.zone_cpu_milli.keys().chain(&input.endpoint_zones).map(String::as_str).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let id = |name: &str| {
        let place = names.iter().position(|known| *known == name);
        place.filter(|_| !name.is_empty()).map(ZoneId::from_index)
    };
    let nodes = input.zone_cpu_milli.iter();
    let shares = zone_shares(nodes.map(|(zone, milli)| NodeCpu { zone: id(zone), milli: *milli }));
    let wanted =
        (0_u32..).zip(&input.endpoint_zones).map(|(pod, zone)| listed(pod, true, id(zone)));
    let mut packed = pack(&[], &desired(wanted.collect()), 1000);
    let event = add_hints(&mut packed, &[], shares.as_ref(), false);
    let slices = packed.applied(&[]);
    let counts = hints_by_zone(&slices).into_iter().map(|((of, to), count)| {
        let name = |zone: Option<ZoneId>, none| zone.map_or(none, |zone| names[zone.index()]);
        (format!("{}->{}", name(of, ""), name(to, "none")), json!(count))
    });
    let counts: Map<String, Value> = counts.collect();
    let event = event.map(|event| format!("{}: {}", event.reason(), event.message("IPv4")));
    Ok(json!({"hints": counts, "event": event.unwrap_or_default()}))
}
