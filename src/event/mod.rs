//! Everything that can happen, in one closed vocabulary. No behaviour, ids only, 16 bytes at most.
//!
//! Each component has its own small enum; `sim` routes by one `match`. The order of events at one
//! instant is [`Phase`]; within a phase the order in which they were scheduled.

mod controller;
mod fault;
mod kubelet;
mod proxy;
mod scheduler;

pub use controller::{ControllerEvent, WorkQueue};
pub use fault::FaultEvent;
pub use kubelet::KubeletEvent;
pub use proxy::ProxyEvent;
pub use scheduler::SchedulerEvent;

use crate::model::{FaultId, NodeId};

/// The meaning of simultaneity: what comes first when several things happen at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Phase {
    /// The storm strikes before anyone reacts at that instant.
    Fault = 0,
    /// Operators and arrivals act on the world as the storm left it.
    Operation = 1,
    /// Processes exit, applications change their health.
    Process = 2,
    /// Kubelets look at their containers: a probe sees a change of the same instant.
    Kubelet = 3,
    /// Writes commit in the API server.
    ApiWrite = 4,
    /// Watches deliver: a change committed now can be delivered now, never before.
    Watch = 5,
    /// Controllers reconcile once everything delivered at this instant is in their caches.
    Controller = 6,
    /// The scheduler decides last, on the freshest cache.
    Scheduler = 7,
    /// The run ends after everything that happens at its last instant.
    End = 8,
}

/// Who watches the API server by an ordered stream per resource type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Watcher {
    /// The leading kube-scheduler.
    Scheduler = 0,
    /// The leading kube-controller-manager (one shared informer cache).
    ControllerManager = 1,
}

impl Watcher {
    /// All watchers, in delivery order.
    pub const ALL: [Self; 2] = [Self::Scheduler, Self::ControllerManager];

    /// Position in tables.
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }
}

/// Resource types that are watched; order is guaranteed within a type, not between types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Resource {
    /// Pods.
    Pods = 0,
    /// Nodes.
    Nodes = 1,
    /// ReplicaSets.
    ReplicaSets = 2,
    /// Deployments.
    Deployments = 3,
    /// PodDisruptionBudgets.
    Budgets = 4,
    /// StatefulSets.
    StatefulSets = 5,
    /// DaemonSets.
    DaemonSets = 6,
    /// Jobs.
    Jobs = 7,
    /// CronJobs.
    CronJobs = 8,
}

impl Resource {
    /// Number of resource types.
    pub const COUNT: usize = 9;

    /// Position in tables.
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }
}

/// Events at the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiEvent {
    /// A request that was under way reaches etcd and is applied (slot in `State::requests`).
    Commit {
        /// Slot of the request.
        slot: u32,
    },
    /// Writes are possible again: what was held back is applied.
    Writable,
    /// A kubelet is connected again: what it could not send is sent.
    Connected {
        /// Its node.
        node: NodeId,
    },
}

/// Delivery on a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchEvent {
    /// To whom.
    pub watcher: Watcher,
    /// Of which resource type.
    pub resource: Resource,
    /// The watcher's process epoch when the stream began; an older one is stale.
    pub epoch: u32,
    /// Position of the change in that resource's log.
    pub index: u32,
}

/// Anything that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The storm.
    Fault(FaultEvent),
    /// Something an operator does: position in `Model::operations`.
    Operation(u32),
    /// A handler drains the nodes that the cloud is about to take back by this fault.
    Drain(FaultId),
    /// Applications and kubelets.
    Kubelet(KubeletEvent),
    /// The API server.
    Api(ApiEvent),
    /// Watch delivery.
    Watch(WatchEvent),
    /// kube-proxies.
    Proxy(ProxyEvent),
    /// kube-controller-manager.
    Controller(ControllerEvent),
    /// kube-scheduler.
    Scheduler(SchedulerEvent),
    /// The run is over.
    End,
}

const _: () = assert!(size_of::<Event>() <= 16);

impl Event {
    /// Its place among events of the same instant.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self {
            Self::Fault(_) => Phase::Fault,
            Self::Operation(_) | Self::Drain(_) => Phase::Operation,
            Self::Kubelet(event) => event.phase(),
            Self::Api(_) => Phase::ApiWrite,
            Self::Watch(_) => Phase::Watch,
            Self::Proxy(event) => event.phase(),
            Self::Controller(_) => Phase::Controller,
            Self::Scheduler(_) => Phase::Scheduler,
            Self::End => Phase::End,
        }
    }

    /// Words for counts and limit reports, by [`Event::kind`].
    pub const KINDS: &'static [&'static str] = &[
        "fault",
        "operation",
        "kubelet",
        "probe",
        "application",
        "api commit",
        "watch delivery",
        "controller",
        "scheduler",
        "end",
        "kube-proxy",
    ];

    /// Position of its word in [`Event::KINDS`].
    #[must_use]
    pub fn kind(&self) -> usize {
        match self {
            Self::Fault(_) => 0,
            Self::Operation(_) | Self::Drain(_) => 1,
            Self::Kubelet(event) => event.kind(),
            Self::Api(_) => 5,
            Self::Watch(_) => 6,
            Self::Controller(_) => 7,
            Self::Scheduler(_) => 8,
            Self::End => 9,
            Self::Proxy(_) => 10,
        }
    }

    /// Two words that identify the event for the hash of the run.
    #[must_use]
    pub fn words(&self) -> [u64; 2] {
        match *self {
            Self::Fault(event) => [1 << 56 | event.tag(), event.word()],
            Self::Operation(index) => [2 << 56, u64::from(index)],
            Self::Drain(fault) => [2 << 56 | 1, u64::from(fault.raw())],
            Self::Kubelet(event) => [3 << 56 | event.tag(), event.word()],
            Self::Api(ApiEvent::Commit { slot }) => [4 << 56, u64::from(slot)],
            Self::Api(ApiEvent::Writable) => [4 << 56 | 1, 0],
            Self::Api(ApiEvent::Connected { node }) => [4 << 56 | 2, u64::from(node.raw())],
            Self::Watch(watch) => [
                5 << 56
                    | (watch.watcher as u64) << 48
                    | (watch.resource as u64) << 40
                    | u64::from(watch.epoch),
                u64::from(watch.index),
            ],
            Self::Controller(event) => [6 << 56 | event.tag(), event.word()],
            Self::Scheduler(event) => [7 << 56 | event.tag(), event.word()],
            Self::End => [8 << 56, 0],
            Self::Proxy(event) => [9 << 56 | event.tag(), event.word()],
        }
    }
}
