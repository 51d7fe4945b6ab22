//! Client-side throttling: one token bucket per client of the API server.

use crate::base::id::IdVec;
use crate::base::time::{SimDuration, SimTime};
use crate::event::Watcher;
use crate::model::{Model, NodeId};

/// Who asks the API server. Every controller has a client, and a bucket, of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// kube-scheduler.
    Scheduler,
    /// Deployment controller.
    Deployment,
    /// ReplicaSet controller.
    ReplicaSet,
    /// EndpointSlice controller.
    EndpointSlice,
    /// Node lifecycle controller.
    NodeLifecycle,
    /// Taint eviction controller.
    TaintEviction,
    /// Pod garbage collector.
    PodGc,
    /// Disruption controller.
    Disruption,
    /// The kubelet of a node.
    Kubelet(NodeId),
    /// A person or a pipeline; never throttled.
    Operator,
}

impl Client {
    /// The control-plane process it belongs to.
    #[must_use]
    pub fn process(self) -> Option<Watcher> {
        match self {
            Self::Scheduler => Some(Watcher::Scheduler),
            Self::Deployment
            | Self::ReplicaSet
            | Self::EndpointSlice
            | Self::NodeLifecycle
            | Self::TaintEviction
            | Self::PodGc
            | Self::Disruption => Some(Watcher::ControllerManager),
            Self::Kubelet(_) | Self::Operator => None,
        }
    }
}

/// A token bucket in virtual-scheduling form (GCRA): integer time, no refill events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bucket {
    /// Theoretical arrival time of the next token.
    next: SimTime,
    /// Time per token.
    interval: SimDuration,
    /// How far ahead of its schedule a client may be.
    tolerance: SimDuration,
}

impl Bucket {
    fn new(qps: u32, burst: u32) -> Self {
        let interval = SimDuration::from_nanos(1_000_000_000 / u64::from(qps.max(1)));
        let tolerance = interval.saturating_mul(u64::from(burst.max(1) - 1));
        Self { next: SimTime::ZERO, interval, tolerance }
    }

    /// Takes one token; returns when the request may leave.
    fn take(&mut self, now: SimTime) -> SimTime {
        let due = self.next.max(now);
        self.next = due.saturating_add(self.interval);
        now.saturating_add(due.saturating_since(now.saturating_add(self.tolerance)))
    }
}

/// The buckets of all clients, and the count of all requests.
#[derive(Debug)]
pub struct Clients {
    scheduler: Bucket,
    controllers: [Bucket; 7],
    kubelets: IdVec<NodeId, Bucket>,
    /// Requests issued so far.
    pub requests: u64,
}

impl Clients {
    /// Full buckets.
    #[must_use]
    pub fn new(model: &Model) -> Self {
        let plane = &model.control_plane;
        let mut kubelets = IdVec::new();
        for _ in model.nodes.ids() {
            kubelets.push(Bucket::new(plane.kubelet_qps, plane.kubelet_burst));
        }
        Self {
            scheduler: Bucket::new(model.scheduler.qps, model.scheduler.burst),
            controllers: [Bucket::new(plane.controller_qps, plane.controller_burst); 7],
            kubelets,
            requests: 0,
        }
    }

    /// Counts a request that leaves; returns its number.
    pub fn next_request(&mut self) -> u64 {
        self.requests += 1;
        self.requests - 1
    }

    /// Takes a token of `client`; returns when its request may leave.
    pub fn take(&mut self, client: Client, now: SimTime) -> SimTime {
        match client {
            Client::Scheduler => self.scheduler.take(now),
            Client::Deployment => self.controllers[0].take(now),
            Client::ReplicaSet => self.controllers[1].take(now),
            Client::EndpointSlice => self.controllers[2].take(now),
            Client::NodeLifecycle => self.controllers[3].take(now),
            Client::TaintEviction => self.controllers[4].take(now),
            Client::PodGc => self.controllers[5].take(now),
            Client::Disruption => self.controllers[6].take(now),
            Client::Kubelet(node) => self.kubelets[node].take(now),
            Client::Operator => now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_lets_the_burst_go_at_once_and_then_its_rate() {
        let mut bucket = Bucket::new(20, 30);
        let now = SimTime::from_secs(10);
        let waits: Vec<u64> =
            (0..33).map(|_| bucket.take(now).saturating_since(now).as_millis()).collect();
        assert!(waits[..30].iter().all(|&wait| wait == 0), "{waits:?}");
        assert_eq!(waits[30..], [50, 100, 150]);
        let later = SimTime::from_secs(100);
        assert_eq!(bucket.take(later), later, "an idle bucket fills up again");
    }
}
