//! Machines: `Node` objects and pool templates to nodes of the model.

use k8s_openapi::api::core::v1::Node as KubeNode;

use super::pods::compile_taint;
use super::symbols::Symbols;
use crate::base::id::IdVec;
use crate::model::{Capacity, ImageId, Labels, NodeId, NodeSpec, PoolId, Resources, Zone, ZoneId};

/// Label of a node's zone.
pub(super) const ZONE_LABEL: &str = "topology.kubernetes.io/zone";
/// Label of a node's region.
pub(super) const REGION_LABEL: &str = "topology.kubernetes.io/region";
/// Label of a node's host name.
const HOSTNAME_LABEL: &str = "kubernetes.io/hostname";
/// Pods per node where the template does not say (kubelet's `maxPods`).
const MAX_PODS: i64 = 110;

/// Nodes and zones as they are collected.
#[derive(Debug, Default)]
pub(super) struct Machines {
    pub(super) nodes: IdVec<NodeId, NodeSpec>,
    pub(super) zones: IdVec<ZoneId, Zone>,
}

/// Where a node belongs and what it is called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) name: &'a str,
    pub(super) pool: PoolId,
    pub(super) address: u64,
    /// Zone and region given by the pool, over what the template's labels say.
    pub(super) zone: Option<&'a str>,
    pub(super) region: Option<&'a str>,
}

impl Machines {
    /// Adds one node.
    pub(super) fn add(
        &mut self,
        symbols: &mut Symbols,
        template: &KubeNode,
        place: Place<'_>,
    ) -> NodeId {
        let mut labels = symbols.labels(template.metadata.labels.as_ref());
        let mut set = |symbols: &mut Symbols, key: &str, value: &str| {
            labels.set(symbols.intern(key), symbols.intern(value));
        };
        set(symbols, HOSTNAME_LABEL, place.name);
        if let Some(zone) = place.zone {
            set(symbols, ZONE_LABEL, zone);
        }
        if let Some(region) = place.region {
            set(symbols, REGION_LABEL, region);
        }
        for (key, value) in [("kubernetes.io/os", "linux"), ("kubernetes.io/arch", "amd64")] {
            let key = symbols.intern(key);
            if labels.get(key).is_none() {
                labels.set(key, symbols.intern(value));
            }
        }
        let status = template.status.as_ref();
        let offered = status.and_then(|s| s.allocatable.as_ref().or(s.capacity.as_ref()));
        let mut allocatable = symbols.resources(offered);
        if !offered.is_some_and(|list| list.contains_key("pods")) {
            allocatable.pods = MAX_PODS;
        }
        let node = self.describe(symbols, template, place, (labels, allocatable));
        self.nodes.push(node)
    }

    /// Adds a node that exists already: nothing is filled in.
    pub(super) fn add_existing(
        &mut self,
        symbols: &mut Symbols,
        node: &KubeNode,
        place: Place<'_>,
    ) -> NodeId {
        let spec = self.existing(symbols, node, place);
        self.nodes.push(spec)
    }

    /// A node that exists already, as it is.
    pub(super) fn existing(
        &mut self,
        symbols: &mut Symbols,
        node: &KubeNode,
        place: Place<'_>,
    ) -> NodeSpec {
        let labels = symbols.labels(node.metadata.labels.as_ref());
        let offered = node.status.as_ref().and_then(|status| status.allocatable.as_ref());
        let allocatable = symbols.resources(offered);
        self.describe(symbols, node, place, (labels, allocatable))
    }

    fn describe(
        &mut self,
        symbols: &mut Symbols,
        node: &KubeNode,
        place: Place<'_>,
        (labels, allocatable): (Labels, Resources),
    ) -> NodeSpec {
        let label = |symbols: &Symbols, key: &str| {
            let value = labels.get(symbols.interner.get(key)?)?;
            Some(symbols.interner.resolve(value).to_owned())
        };
        let zone = label(symbols, ZONE_LABEL).unwrap_or_default();
        let region = label(symbols, REGION_LABEL).unwrap_or_default();
        let zone = self.zone(&zone, &region);
        let spec = node.spec.as_ref();
        let taints = spec.and_then(|s| s.taints.as_deref()).unwrap_or_default();
        let taints = taints.iter().filter_map(|taint| compile_taint(symbols, taint)).collect();
        let name = place.name.to_owned();
        NodeSpec {
            capacity: capacity(symbols, node),
            name_symbol: symbols.intern(place.name),
            name,
            pool: place.pool,
            address: place.address,
            zone,
            labels,
            taints,
            unschedulable: spec.and_then(|s| s.unschedulable).unwrap_or(false),
            allocatable,
            images: images(symbols, node),
        }
    }

    fn zone(&mut self, name: &str, region: &str) -> ZoneId {
        let known = self.zones.iter().find(|(_, zone)| zone.name == name && zone.region == region);
        if let Some((id, _)) = known {
            return id;
        }
        self.zones.push(Zone { name: name.to_owned(), region: region.to_owned() })
    }
}

/// What a node has, or what it allows where that is all that is said.
fn capacity(symbols: &mut Symbols, node: &KubeNode) -> Capacity {
    let status = node.status.as_ref();
    let lists = status.map(|status| [status.capacity.as_ref(), status.allocatable.as_ref()]);
    let [all, allowed] = lists.unwrap_or_default().map(|list| symbols.resources(list));
    let either = |all: i64, allowed: i64| if all > 0 { all } else { allowed };
    Capacity {
        memory_bytes: either(all.memory_bytes, allowed.memory_bytes),
        ephemeral_bytes: either(all.ephemeral_bytes, allowed.ephemeral_bytes),
        pids: 0,
    }
}

/// The images that a node tells of, each under all its names.
fn images(symbols: &mut Symbols, node: &KubeNode) -> Vec<(ImageId, i64)> {
    let told = node.status.iter().flat_map(|status| status.images.iter().flatten());
    let mut images = Vec::new();
    for image in told {
        for name in image.names.iter().flatten() {
            images.push((symbols.image_named(name), image.size_bytes.unwrap_or(0)));
        }
    }
    images.sort_by_key(|(image, _)| *image);
    images.dedup_by_key(|(image, _)| *image);
    images
}
