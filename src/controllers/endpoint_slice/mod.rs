//! EndpointSlice controller: which pods stand behind a Service.
//!
//! Kubernetes-behaviour §3.10. An endpoint is ready when its pod is Ready and not terminating, or
//! when the Service publishes addresses that are not ready. Slices of 100 are not modelled apart:
//! what is kept is the set of ready endpoints.
//!
//! [`conditions`], [`packing`] and [`topology`] are the controller's functions without its state.

mod conditions;
mod packing;
#[cfg(test)]
mod tests;
mod topology;

pub use conditions::{EndpointConditions, EndpointPod, endpoint, endpoint_hostname};
pub use packing::{PackedEndpoint, Packing, PortSet, Slice, SliceCounts, pack};
pub use topology::{HintsEvent, NodeCpu, ZoneShares, add_hints, hints_by_zone, zone_shares};

use std::collections::BTreeMap;

use super::{Informers, Work};
use crate::base::id::IdVec;
use crate::cx::Cx;
use crate::event::WorkQueue;
use crate::model::{Model, PodId, ServiceId, TemplateId};
use crate::state::{Change, Client, PodObject, Request};

/// The controller's memory.
#[derive(Debug)]
pub(super) struct EndpointSliceController {
    /// Services that select the pods of a template.
    selecting: IdVec<TemplateId, Vec<ServiceId>>,
    /// Endpoints that have come or gone since the last write, by service.
    pending: IdVec<ServiceId, BTreeMap<PodId, bool>>,
    /// Whether the slices have been compared with the pods since the process started.
    compared: bool,
}

impl EndpointSliceController {
    pub(super) fn new(model: &Model) -> Self {
        let pending = model.services.ids().map(|_| BTreeMap::new()).collect();
        Self { selecting: model.services_by_template(), pending, compared: false }
    }

    pub(super) fn on_pod(
        &mut self,
        cx: &mut Cx<'_>,
        work: &mut Work<'_>,
        before: Option<&PodObject>,
        change: &Change<PodId, PodObject>,
    ) {
        let now = Some(&change.object).filter(|pod| !pod.gone);
        for &service in &self.selecting[change.object.template] {
            let publishes = cx.model.services[service].publish_not_ready_addresses;
            let was = before.is_some_and(|pod| is_ready(pod, publishes));
            let is = now.is_some_and(|pod| is_ready(pod, publishes));
            if was == is {
                continue;
            }
            if self.compared {
                // One that has come and gone again is no change.
                let pending = &mut self.pending[service];
                if pending.remove(&change.id).is_none() {
                    pending.insert(change.id, is);
                }
            }
            work.enqueue(cx, WorkQueue::EndpointSlice, service.raw());
        }
    }

    pub(super) fn sync(&mut self, cx: &mut Cx<'_>, cache: &Informers, service: ServiceId) {
        if !std::mem::replace(&mut self.compared, true) {
            self.compare(cx, cache);
        }
        let changes = std::mem::take(&mut self.pending[service]);
        if !changes.is_empty() {
            let changes = changes.into_iter().collect();
            cx.request(Client::EndpointSlice, Request::Endpoints { service, changes });
        }
    }

    /// Finds out after a (re)start what the slices lack and what they have too much.
    fn compare(&mut self, cx: &Cx<'_>, cache: &Informers) {
        for (id, pod) in cache.pods.iter() {
            let Some(pod) = pod else { continue };
            for &service in &self.selecting[pod.template] {
                let publishes = cx.model.services[service].publish_not_ready_addresses;
                let is = is_ready(pod, publishes);
                if is != cx.state.api.endpoints[service].contains(&id) {
                    self.pending[service].insert(id, is);
                }
            }
        }
        for service in cx.model.services.ids() {
            let gone = cx.state.api.endpoints[service]
                .iter()
                .filter(|pod| cache.pods.get(**pod).is_none_or(Option::is_none));
            let gone: Vec<PodId> = gone.copied().collect();
            self.pending[service].extend(gone.into_iter().map(|pod| (pod, false)));
        }
    }
}

/// Whether a pod is a ready endpoint.
fn is_ready(pod: &PodObject, publish_not_ready: bool) -> bool {
    let seen = EndpointPod {
        phase: pod.status.phase,
        has_ip: pod.status.has_ip,
        ready: pod.is_ready(),
        terminating: pod.termination.is_some(),
    };
    !pod.gone && endpoint(seen, publish_not_ready).is_some_and(|endpoint| endpoint.ready)
}
