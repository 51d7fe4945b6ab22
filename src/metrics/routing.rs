//! Where kube-proxies send requests: which share would meet a backend that does not serve.
//!
//! Requests come evenly from all nodes, and the proxy of a node takes every backend in its rules
//! alike. Proxies that take up changes have the same rules; one that does not has those of the
//! instant at which it stopped.

use std::collections::BTreeSet;

use super::window::Window;
use crate::base::id::IdVec;
use crate::base::time::SimTime;
use crate::model::{Model, NodeId, PodId, ServiceId, TemplateId};

/// The rules for one Service.
#[derive(Clone, Debug, Default)]
struct Rules {
    backends: BTreeSet<PodId>,
    /// How many of them do not serve.
    dead: usize,
}

impl Rules {
    fn misrouted(&self) -> f64 {
        if self.backends.is_empty() {
            return 0.0;
        }
        self.dead as f64 / self.backends.len() as f64
    }
}

/// Proxies that stopped at one instant.
#[derive(Clone, Debug)]
struct Stopped {
    at: SimTime,
    nodes: BTreeSet<NodeId>,
    rules: IdVec<ServiceId, Rules>,
}

/// The requests of one Service.
#[derive(Clone, Copy, Debug, Default)]
struct Track {
    since: SimTime,
    /// The share that meets a backend which does not serve.
    share: f64,
    /// Its integral over the window, nanoseconds.
    sum_ns: f64,
}

/// Follows the rules of all proxies.
#[derive(Debug)]
pub(super) struct Routing {
    window: Window,
    /// Services that select the pods of a template.
    selecting: IdVec<TemplateId, Vec<ServiceId>>,
    nodes: usize,
    current: IdVec<ServiceId, Rules>,
    stopped: Vec<Stopped>,
    tracks: IdVec<ServiceId, Track>,
}

impl Routing {
    /// Proxies without rules.
    pub(super) fn new(model: &Model, window: Window) -> Self {
        let services = model.services.len();
        Self {
            window,
            selecting: model.services_by_template(),
            nodes: model.nodes.len(),
            current: IdVec::from_rows(vec![Rules::default(); services]),
            stopped: Vec::new(),
            tracks: IdVec::from_rows(vec![Track::default(); services]),
        }
    }

    /// A backend comes or goes in the rules of all proxies that take up changes.
    pub(super) fn rule(
        &mut self,
        now: SimTime,
        (service, pod): (ServiceId, PodId),
        present: bool,
        serves: bool,
    ) {
        let rules = &mut self.current[service];
        let changed =
            if present { rules.backends.insert(pod) } else { rules.backends.remove(&pod) };
        if changed && !serves {
            rules.dead = if present { rules.dead + 1 } else { rules.dead - 1 };
        }
        self.settle(now, service);
    }

    /// The proxy of a node takes up changes, or keeps the rules it has.
    pub(super) fn syncs(&mut self, now: SimTime, node: NodeId, syncs: bool) {
        for stopped in &mut self.stopped {
            stopped.nodes.remove(&node);
        }
        self.stopped.retain(|stopped| !stopped.nodes.is_empty());
        if !syncs {
            match self.stopped.last_mut().filter(|last| last.at == now) {
                Some(last) => {
                    last.nodes.insert(node);
                }
                None => {
                    let (nodes, rules) = (BTreeSet::from([node]), self.current.clone());
                    self.stopped.push(Stopped { at: now, nodes, rules });
                }
            }
        }
        for service in self.tracks.ids() {
            self.settle(now, service);
        }
    }

    /// A pod of a template begins or ceases to serve.
    pub(super) fn serving(
        &mut self,
        now: SimTime,
        (pod, template): (PodId, TemplateId),
        serves: bool,
    ) {
        for place in 0..self.selecting[template].len() {
            let service = self.selecting[template][place];
            let frozen = self.stopped.iter_mut().map(|stopped| &mut stopped.rules[service]);
            for rules in frozen.chain([&mut self.current[service]]) {
                if rules.backends.contains(&pod) {
                    rules.dead = if serves { rules.dead - 1 } else { rules.dead + 1 };
                }
            }
            self.settle(now, service);
        }
    }

    /// Accounts for the time until now, and for what holds from now on.
    fn settle(&mut self, now: SimTime, service: ServiceId) {
        let fresh = self.nodes - self.stopped.iter().map(|group| group.nodes.len()).sum::<usize>();
        let groups = self.stopped.iter().map(|group| (group.nodes.len(), &group.rules[service]));
        let all = groups.chain([(fresh, &self.current[service])]);
        let sum: f64 = all.map(|(nodes, rules)| nodes as f64 * rules.misrouted()).sum();
        let track = &mut self.tracks[service];
        track.sum_ns += track.share * self.window.overlap_ns(track.since, now) as f64;
        track.since = now;
        track.share = if self.nodes == 0 { 0.0 } else { sum / self.nodes as f64 };
    }

    /// The run is over.
    pub(super) fn finish(&mut self) {
        for service in self.tracks.ids() {
            self.settle(self.window.end(), service);
        }
    }

    /// The mean share of a Service's requests that met a backend which did not serve.
    pub(super) fn misrouted(&self, service: ServiceId) -> Option<f64> {
        let whole = self.window.length_ns();
        (whole > 0).then(|| self.tracks[service].sum_ns / whole as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fixture::model;
    use crate::model::{LabelSelector, NamespaceId, Service};

    #[test]
    fn a_stopped_proxy_sends_to_those_it_knew() {
        let mut model = model(&[4]);
        let service = model.services.push(Service {
            namespace: NamespaceId::from_index(0),
            name: "web".into(),
            selector: LabelSelector::none(),
            publish_not_ready_addresses: false,
        });
        let template = model.templates.ids().next().expect("and pods");
        let mut routing = Routing::new(&model, Window::of(&model));
        routing.selecting[template] = vec![service];
        let (at, pod) = (SimTime::from_secs, PodId::from_index);
        for index in 0..4 {
            routing.rule(at(0), (service, pod(index)), true, true);
        }
        // One of four nodes stops; then a pod dies, and the others drop it after ten seconds.
        routing.syncs(at(100), NodeId::from_index(2), false);
        routing.serving(at(200), (pod(3), template), false);
        routing.rule(at(210), (service, pod(3)), false, false);
        routing.syncs(at(300), NodeId::from_index(2), true);
        routing.finish();
        let expected = (0.25 * 10.0 + 0.25 * 0.25 * 90.0) / model.end().as_secs_f64();
        let found = routing.misrouted(service).expect("time passes");
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }
}
