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
    /// StatefulSet controller.
    StatefulSet,
    /// DaemonSet controller.
    DaemonSet,
    /// Job controller.
    Job,
    /// CronJob controller.
    CronJob,
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
            | Self::Disruption
            | Self::StatefulSet
            | Self::DaemonSet
            | Self::Job
            | Self::CronJob => Some(Watcher::ControllerManager),
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

    /// When the token that was taken last may leave, `now` at the earliest.
    fn free_at(&self, now: SimTime) -> SimTime {
        let held = self.interval.saturating_add(self.tolerance).as_nanos();
        now.max(SimTime::from_nanos(self.next.as_nanos().saturating_sub(held)))
    }

    /// Takes one token; returns when the request may leave.
    fn take(&mut self, now: SimTime) -> SimTime {
        let due = self.next.max(now);
        self.next = due.saturating_add(self.interval);
        now.saturating_add(due.saturating_since(now.saturating_add(self.tolerance)))
    }
}

/// Controllers with a client of their own.
const CONTROLLERS: usize = 11;

/// The buckets of all clients, and the count of all requests.
#[derive(Debug)]
pub struct Clients {
    scheduler: Bucket,
    controllers: [Bucket; CONTROLLERS],
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
            controllers: [Bucket::new(plane.controller_qps, plane.controller_burst); CONTROLLERS],
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
        self.bucket(client).map_or(now, |bucket| bucket.take(now))
    }

    /// When the last request of `client` leaves or has left, `now` at the earliest.
    pub fn free_at(&mut self, client: Client, now: SimTime) -> SimTime {
        self.bucket(client).map_or(now, |bucket| bucket.free_at(now))
    }

    fn bucket(&mut self, client: Client) -> Option<&mut Bucket> {
        Some(match client {
            Client::Scheduler => &mut self.scheduler,
            Client::Deployment => &mut self.controllers[0],
            Client::ReplicaSet => &mut self.controllers[1],
            Client::EndpointSlice => &mut self.controllers[2],
            Client::NodeLifecycle => &mut self.controllers[3],
            Client::TaintEviction => &mut self.controllers[4],
            Client::PodGc => &mut self.controllers[5],
            Client::Disruption => &mut self.controllers[6],
            Client::StatefulSet => &mut self.controllers[7],
            Client::DaemonSet => &mut self.controllers[8],
            Client::Job => &mut self.controllers[9],
            Client::CronJob => &mut self.controllers[10],
            Client::Kubelet(node) => &mut self.kubelets[node],
            Client::Operator => return None,
        })
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
        assert_eq!(bucket.free_at(now).saturating_since(now).as_millis(), 150);
        let later = SimTime::from_secs(100);
        assert_eq!(bucket.take(later), later, "an idle bucket fills up again");
    }
}
