//! A small cluster for tests of the node controllers: an API server that only stores, a watch of
//! constant latency and the controllers' cache. Every write is logged when it is applied.

use super::{Informers, NodeLifecycle, PodGc, TaintEviction};
use crate::base::time::{SimDuration, SimTime};
use crate::cx::Cx;
use crate::engine::EventQueue;
use crate::event::{ApiEvent, ControllerEvent, Event, Resource, WatchEvent, Watcher};
use crate::model::{Model, NodeId, PodId, TemplateId};
use crate::record::{Detail, Recorder};
use crate::rng::Streams;
use crate::state::{
    Change, Condition, ConditionStatus, Heartbeat, NodeObject, NodeTaint, PodObject, PodStatus,
    Request, State, Termination, Verb,
};

/// A change on its way to the cache.
enum Delivery {
    Node(Change<NodeId, NodeObject>),
    Pod(Change<PodId, PodObject>),
}

pub(crate) struct Bench<'a> {
    pub(crate) model: &'a Model,
    streams: Streams,
    queue: EventQueue<Event>,
    pub(crate) state: State,
    pub(crate) record: Recorder,
    pub(crate) cache: Informers,
    pub(crate) lifecycle: NodeLifecycle,
    pub(crate) eviction: TaintEviction,
    pub(crate) gc: PodGc,
    pub(crate) log: Vec<(SimTime, Request)>,
    watch_lag: SimDuration,
    deliveries: Vec<Delivery>,
}

impl<'a> Bench<'a> {
    /// Controllers that lead since time zero.
    pub(crate) fn new(model: &'a Model) -> Self {
        let state = State::new(model);
        let lag = model.control_plane.watch_latency_s.quantile(0.5);
        Self {
            model,
            streams: Streams::new(1, 0),
            queue: EventQueue::new(),
            cache: Informers::list(&state.api),
            state,
            record: Recorder::new(Detail::Full),
            lifecycle: NodeLifecycle::new(model),
            eviction: TaintEviction::new(model),
            gc: PodGc::new(model),
            log: Vec::new(),
            watch_lag: SimDuration::from_secs_f64(lag).unwrap(),
            deliveries: Vec::new(),
        }
    }

    /// Calls `f` with everything that a handler has.
    pub(crate) fn with<R>(
        &mut self,
        now: SimTime,
        f: impl FnOnce(&mut Parts<'_>, &mut Cx<'_>) -> R,
    ) -> R {
        let mut cx = Cx {
            now,
            model: self.model,
            queue: &mut self.queue,
            state: &mut self.state,
            streams: &self.streams,
            record: &mut self.record,
        };
        let mut parts = Parts {
            cache: &mut self.cache,
            lifecycle: &mut self.lifecycle,
            eviction: &mut self.eviction,
            gc: &mut self.gc,
        };
        f(&mut parts, &mut cx)
    }

    /// A process begins to lead.
    pub(crate) fn lead(&mut self, now: SimTime, epoch: u32) {
        self.with(now, |parts, cx| {
            parts.lifecycle.lead(cx, parts.cache, epoch);
            parts.eviction.lead(cx, parts.cache);
            parts.gc.lead(cx, parts.cache, epoch);
        });
    }

    /// Runs everything before `until`.
    pub(crate) fn run_before(&mut self, until: SimTime) {
        while self.queue.peek_time().is_some_and(|time| time < until) {
            let (key, event) = self.queue.pop().unwrap();
            self.handle(key.time(), event);
        }
    }

    /// Events still to come.
    pub(crate) fn pending(&self) -> usize {
        self.queue.len()
    }

    fn handle(&mut self, now: SimTime, event: Event) {
        match event {
            Event::Api(ApiEvent::Commit { slot }) => {
                let request = self.state.requests.take(slot).unwrap().request;
                self.apply(now, &request);
                self.log.push((now, request));
            }
            Event::Watch(watch) => self.deliver(now, watch.index),
            Event::Controller(event) => self.with(now, |parts, cx| parts.handle(cx, event)),
            other => panic!("unexpected {other:?}"),
        }
    }

    fn apply(&mut self, now: SimTime, request: &Request) {
        match request {
            Request::NodeReady { node, ready, conditions } => {
                self.state.api.nodes[*node].conditions = *conditions;
                self.set_ready(now, *node, *ready);
            }
            Request::NodeTaints { node, changes } => {
                NodeTaint::apply(changes, &mut self.state.api.nodes[*node].taints);
                self.node_changed(now, *node);
            }
            Request::PodNotReady { pod } => {
                let ready = &mut self.state.api.pods[*pod].status.ready;
                *ready = ready.turned(ConditionStatus::False, now);
                self.pod_changed(now, *pod, Verb::Modified);
            }
            Request::DeletePod { pod, grace, cause } => {
                let object = &mut self.state.api.pods[*pod];
                let termination = Termination {
                    requested: now,
                    grace: grace.unwrap_or(SimDuration::from_secs(30)),
                    cause: *cause,
                };
                object.termination.get_or_insert(termination);
                object.gone = termination.grace.is_zero();
                let verb = if object.gone { Verb::Deleted } else { Verb::Modified };
                self.pod_changed(now, *pod, verb);
            }
            other => panic!("unexpected {other:?}"),
        }
    }

    /// The node's `Ready` condition is written; an equal status changes nothing.
    pub(crate) fn set_ready(&mut self, now: SimTime, node: NodeId, ready: Condition) {
        let before = &mut self.state.api.nodes[node].ready;
        if before.status != ready.status {
            *before = ready;
            self.node_changed(now, node);
        }
    }

    pub(crate) fn node_changed(&mut self, now: SimTime, node: NodeId) {
        let object = self.state.api.nodes[node].clone();
        let change = Change { verb: Verb::Modified, id: node, object };
        self.send(now, Resource::Nodes, Delivery::Node(change));
    }

    pub(crate) fn pod_changed(&mut self, now: SimTime, pod: PodId, verb: Verb) {
        let change = Change { verb, id: pod, object: self.state.api.pods[pod] };
        self.send(now, Resource::Pods, Delivery::Pod(change));
    }

    fn send(&mut self, now: SimTime, resource: Resource, delivery: Delivery) {
        let index = u32::try_from(self.deliveries.len()).unwrap();
        self.deliveries.push(delivery);
        let watch = WatchEvent { watcher: Watcher::ControllerManager, resource, epoch: 0, index };
        let event = Event::Watch(watch);
        self.queue.push(now + self.watch_lag, event.phase() as u8, event);
    }

    fn deliver(&mut self, now: SimTime, index: u32) {
        match &self.deliveries[index as usize] {
            Delivery::Node(change) => {
                let change = change.clone();
                self.with(now, |parts, cx| {
                    let before = parts.cache.apply_node(&change);
                    parts.lifecycle.on_node(cx, parts.cache, &before, change.id);
                    parts.eviction.on_node(cx, parts.cache, &before, change.id);
                    parts.gc.on_node(cx, parts.cache, change.id);
                });
            }
            Delivery::Pod(change) => {
                let change = change.clone();
                self.with(now, |parts, cx| {
                    let before = parts.cache.apply_pod(&change);
                    parts.lifecycle.on_pod(cx, parts.cache, before.as_ref(), change.id);
                    parts.eviction.on_pod(cx, parts.cache, before.as_ref(), change.id);
                    parts.gc.on_pod(cx, parts.cache, before.as_ref(), change.id);
                });
            }
        }
    }

    /// A ready pod of the fixture's Deployment appears, bound or not.
    pub(crate) fn add_pod(&mut self, now: SimTime, node: Option<NodeId>) -> PodId {
        let mut status = PodStatus::created(now);
        status.ready = Condition::new(ConditionStatus::True, now);
        let number = self.state.api.pods.len();
        let pod = self.state.api.pods.push(PodObject {
            failures: [0, 0],
            tracked: false,
            held: false,
            pinned: None,
            run: 0,
            template: TemplateId::from_index(0),
            owner: None,
            replica: u32::try_from(number).unwrap(),
            incarnation: 0,
            uid: number as u64,
            created: now,
            node,
            termination: None,
            status,
            gone: false,
        });
        self.pod_changed(now, pod, Verb::Added);
        pod
    }

    /// A kubelet begins (`true`) or ceases to renew its lease; a renewal of this very instant
    /// does not happen when it ceases. Nothing happens if that is so already.
    pub(crate) fn set_beating(&mut self, now: SimTime, node: NodeId, beating: bool) -> bool {
        let interval = self.model.control_plane.lease_renew_interval;
        let truth = &mut self.state.truth.nodes[node];
        if matches!(truth.heartbeat, Heartbeat::Beating { .. }) == beating {
            return false;
        }
        truth.heartbeat = if beating {
            Heartbeat::Beating { since: now }
        } else {
            let before = SimTime::from_nanos(now.as_nanos() - 1);
            Heartbeat::Silent { last: truth.last_renewal(before, interval) }
        };
        self.with(now, |parts, cx| parts.lifecycle.on_heartbeat(cx, parts.cache, node));
        true
    }

    /// Times, in seconds, at which a request that `select` accepts was applied.
    pub(crate) fn times(&self, select: impl Fn(&Request) -> bool) -> Vec<f64> {
        let chosen = self.log.iter().filter(|(_, request)| select(request));
        chosen.map(|(time, _)| time.as_secs_f64()).collect()
    }
}

/// The controllers and their cache.
pub(crate) struct Parts<'a> {
    pub(crate) cache: &'a mut Informers,
    pub(crate) lifecycle: &'a mut NodeLifecycle,
    pub(crate) eviction: &'a mut TaintEviction,
    pub(crate) gc: &'a mut PodGc,
}

impl Parts<'_> {
    fn handle(&mut self, cx: &mut Cx<'_>, event: ControllerEvent) {
        match event {
            ControllerEvent::Monitor { node, epoch } => {
                self.lifecycle.monitor(cx, self.cache, node, epoch);
            }
            ControllerEvent::TaintQueue { zone, epoch } => {
                self.lifecycle.taint_queue(cx, self.cache, zone, epoch);
            }
            ControllerEvent::Evict { pod, epoch } => {
                self.eviction.evict(cx, self.cache, pod, epoch);
            }
            ControllerEvent::PodGc { epoch } => self.gc.pass(cx, self.cache, epoch),
            ControllerEvent::Heartbeat { node } => {
                self.lifecycle.on_heartbeat(cx, self.cache, node);
            }
            ControllerEvent::Lead { .. } | ControllerEvent::Sync { .. } => {
                panic!("unexpected {event:?}")
            }
        }
    }
}
