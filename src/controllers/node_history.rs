//! The node lifecycle controller alone with its nodes: an API server that only stores, a watch and
//! clients without delay. What happens to the nodes is given; what the controller makes of it is
//! told, step by step. Nodes may be registered while time goes on.

use std::collections::{BTreeSet, VecDeque};

use super::zones::ZoneState;
use super::{Informers, NodeLifecycle};
use crate::base::id::IdVec;
use crate::base::time::{SimDuration, SimTime};
use crate::cx::Cx;
use crate::engine::EventQueue;
use crate::event::{ApiEvent, ControllerEvent, Event};
use crate::model::{Model, NodeId, Taint, TaintEffect, ZoneId};
use crate::record::{Detail, Recorder};
use crate::rng::{Distribution, Streams};
use crate::state::{
    Condition, ConditionStatus, Heartbeat, NodeCondition, NodeObject, NodeTaint, Request, State,
};

/// What happens to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeChange {
    /// It is registered; its kubelet posts `Ready=True` and renews its lease, or does neither.
    Registered {
        /// The kubelet posts and renews.
        posts: bool,
    },
    /// Its kubelet falls silent.
    Silent,
    /// Its kubelet posts `Ready=True` and renews its lease again.
    Resumed,
    /// A kubelet that is not silent posts this.
    Posts(ConditionStatus),
    /// A kubelet that is not silent posts `Ready=True` and this.
    PostsCondition(NodeCondition, ConditionStatus),
    /// `spec.unschedulable` is set.
    Unschedulable(bool),
}

/// A node as an observer sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeView {
    /// `Ready`; absent while nobody has posted it.
    pub ready: Option<ConditionStatus>,
    /// Keys and effects of its taints, sorted.
    pub attached: Vec<(String, TaintEffect)>,
}

/// What an observer sees change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// The states of all zones that have been looked at.
    Zones(Vec<(ZoneId, ZoneState)>),
    /// A node.
    Node(NodeId, NodeView),
}

/// The controller and its world.
struct World<'a> {
    model: &'a Model,
    streams: Streams,
    queue: EventQueue<Event>,
    state: State,
    record: Recorder,
    cache: Informers,
    lifecycle: NodeLifecycle,
    /// Nodes before a change, the oldest change first.
    changed: VecDeque<(NodeObject, NodeId)>,
    /// The last renewal of each node before its kubelet resumed.
    last_renewed: IdVec<NodeId, Option<SimTime>>,
}

impl World<'_> {
    /// Calls `f` with the controller, its cache and everything that a handler has.
    fn with(
        &mut self,
        now: SimTime,
        f: impl FnOnce(&mut NodeLifecycle, &mut Cx<'_>, &mut Informers),
    ) {
        let mut cx = Cx {
            now,
            model: self.model,
            queue: &mut self.queue,
            state: &mut self.state,
            streams: &self.streams,
            record: &mut self.record,
        };
        f(&mut self.lifecycle, &mut cx, &mut self.cache);
    }

    /// Changes a node's object and tells the controller.
    fn change(&mut self, now: SimTime, node: NodeId, f: impl FnOnce(&mut NodeObject)) {
        let object = &mut self.state.api.nodes[node];
        let before = object.clone();
        f(object);
        if *object != before {
            self.changed.push_back((before, node));
        }
        while let Some((before, node)) = self.changed.pop_front() {
            self.cache.nodes[node].clone_from(&self.state.api.nodes[node]);
            self.with(now, |lifecycle, cx, cache| lifecycle.on_node(cx, cache, &before, node));
        }
    }

    fn set_beating(&mut self, now: SimTime, node: NodeId, beating: bool) {
        let interval = self.model.control_plane.lease_renew_interval;
        let truth = &mut self.state.truth.nodes[node];
        if matches!(truth.heartbeat, Heartbeat::Beating { .. }) == beating {
            return;
        }
        let before = now.as_nanos().checked_sub(1).map(SimTime::from_nanos);
        truth.heartbeat = match truth.heartbeat {
            Heartbeat::Silent { last } => {
                self.last_renewed[node] = last;
                let renewals = now.as_nanos().div_ceil(interval.as_nanos());
                Heartbeat::Beating { since: SimTime::ZERO + interval.saturating_mul(renewals) }
            }
            Heartbeat::Beating { since } if since >= now => {
                Heartbeat::Silent { last: self.last_renewed[node] }
            }
            Heartbeat::Beating { .. } => {
                let last = before.and_then(|before| truth.last_renewal(before, interval));
                Heartbeat::Silent { last }
            }
        };
        self.with(now, |lifecycle, cx, cache| lifecycle.on_heartbeat(cx, cache, node));
    }

    fn post(
        &mut self,
        now: SimTime,
        node: NodeId,
        ready: ConditionStatus,
        other: Option<(NodeCondition, ConditionStatus)>,
    ) {
        self.change(now, node, |object| {
            object.ready = object.ready.turned(ready, now);
            object.posted = true;
            if let Some((condition, status)) = other {
                object.conditions = object.conditions.with(condition, status);
            }
        });
        self.with(now, |lifecycle, cx, cache| lifecycle.on_status_post(cx, cache, node));
    }

    fn happens(&mut self, now: SimTime, node: NodeId, change: NodeChange) {
        let heartbeat = self.state.truth.nodes[node].heartbeat;
        let alive = matches!(heartbeat, Heartbeat::Beating { .. });
        match change {
            NodeChange::Registered { posts } => self.register(now, node, posts),
            NodeChange::Silent => self.set_beating(now, node, false),
            NodeChange::Resumed => {
                self.set_beating(now, node, true);
                self.post(now, node, ConditionStatus::True, None);
            }
            NodeChange::Posts(ready) if alive => self.post(now, node, ready, None),
            NodeChange::PostsCondition(condition, status) if alive => {
                self.post(now, node, ConditionStatus::True, Some((condition, status)));
            }
            NodeChange::Posts(_) | NodeChange::PostsCondition(..) => {}
            NodeChange::Unschedulable(unschedulable) => {
                self.change(now, node, |object| object.unschedulable = unschedulable);
            }
        }
    }

    /// Nodes are registered in the order of their ids.
    fn register(&mut self, now: SimTime, node: NodeId, posts: bool) {
        let spec = &self.model.nodes[node];
        let mut object = NodeObject::registered(spec, now);
        if posts {
            object.ready = Condition::new(ConditionStatus::True, now);
            object.posted = true;
        }
        self.cache.nodes.push(object.clone());
        debug_assert_eq!(self.state.api.nodes.next_id(), node);
        self.state.api.nodes.push(object);
        self.with(now, |lifecycle, cx, cache| lifecycle.on_new_node(cx, cache, node));
        if posts {
            self.set_beating(now, node, true);
        }
    }

    /// Runs everything that happens at this instant.
    fn run_instant(&mut self, now: SimTime) {
        while self.queue.peek_time() == Some(now) {
            let Some((_, event)) = self.queue.pop() else { return };
            self.handle(now, event);
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "nobody else is there to send events")]
    fn handle(&mut self, now: SimTime, event: Event) {
        match event {
            Event::Api(ApiEvent::Commit { slot }) => {
                let sent = self.state.requests.take(slot).expect("a commit has its request");
                self.apply(now, sent.request);
            }
            Event::Controller(ControllerEvent::Monitor { node, epoch }) => {
                self.with(now, |lifecycle, cx, cache| lifecycle.monitor(cx, cache, node, epoch));
            }
            Event::Controller(ControllerEvent::TaintQueue { zone, epoch }) => {
                self.with(now, |lifecycle, cx, cache| {
                    lifecycle.taint_queue(cx, cache, zone, epoch);
                });
            }
            other => panic!("the node lifecycle controller does not ask for {other:?}"),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the controller writes nodes")]
    fn apply(&mut self, now: SimTime, request: Request) {
        match request {
            Request::NodeReady { node, ready, conditions } => self.change(now, node, |object| {
                object.ready = ready;
                object.posted = true;
                object.conditions = conditions;
            }),
            Request::NodeTaints { node, changes } => {
                self.change(now, node, |object| NodeTaint::apply(&changes, &mut object.taints));
            }
            other => panic!("no node is changed by {other:?}"),
        }
    }

    fn view(&self, node: NodeId) -> NodeView {
        let object = &self.state.api.nodes[node];
        let plain =
            |taint: &Taint| (self.model.symbols.resolve(taint.key).to_owned(), taint.effect);
        let mut taints: Vec<(String, TaintEffect)> = object.taints.iter().map(plain).collect();
        taints.sort();
        NodeView { ready: object.posted.then_some(object.ready.status), attached: taints }
    }

    fn zones(&self) -> Vec<(ZoneId, ZoneState)> {
        let states = self.model.zones.ids().map(|zone| (zone, self.lifecycle.zone_state(zone)));
        states.filter(|(_, state)| *state != ZoneState::Initial).collect()
    }
}

/// A model whose control plane takes no time.
fn without_latencies(mut model: Model) -> Model {
    let plane = &mut model.control_plane;
    plane.api_latency_s = Distribution::Constant(0.0);
    plane.watch_latency_s = Distribution::Constant(0.0);
    (plane.controller_qps, plane.controller_burst) = (1_000_000, 1_000_000);
    model
}

/// What is seen of nodes to which these changes happen, in order, before `end`.
///
/// Which of the nodes that wait in a zone is tainted first is an accident: every pass of
/// kube-controller-manager takes all of them out of the queue and puts them in again, in whichever
/// order its workers come to them. `lots` says whom it falls on when; one that does not wait then
/// changes nothing.
///
/// Every change of one instant happens before the controller acts; leases are renewed at 0, 10,
/// 20 … s. What is seen at one instant stands side by side, zones first.
///
/// # Panics
/// If nodes are not registered in the order of their ids, or one is changed before it is.
#[must_use]
pub fn node_history(
    model: Model,
    changes: &[(SimTime, NodeId, NodeChange)],
    lots: &BTreeSet<(SimTime, NodeId)>,
    end: SimTime,
) -> Vec<(SimTime, Observation)> {
    let model = without_latencies(model);
    let mut state = State::new(&model);
    state.api.nodes = IdVec::new();
    for (_, truth) in state.truth.nodes.iter_mut() {
        truth.heartbeat = Heartbeat::Silent { last: None };
        truth.lease_phase = SimDuration::ZERO;
    }
    let mut world = World {
        streams: Streams::new(0, 0),
        queue: EventQueue::new(),
        cache: Informers::list(&state.api),
        state,
        record: Recorder::new(Detail::Metrics),
        lifecycle: NodeLifecycle::new(&model),
        changed: VecDeque::new(),
        last_renewed: IdVec::from_rows(vec![None; model.nodes.len()]),
        model: &model,
    };
    world.with(SimTime::ZERO, |lifecycle, cx, cache| lifecycle.lead(cx, cache, 0));
    world.lifecycle.lots.clone_from(lots);
    let (mut seen, mut zones) = (Vec::new(), Vec::new());
    let mut views: Vec<NodeView> = Vec::new();
    let mut changes = changes.iter().peekable();
    loop {
        let next = changes.peek().map(|(at, ..)| *at).into_iter().chain(world.queue.peek_time());
        let Some(now) = next.min().filter(|now| *now < end) else { return seen };
        while let Some((_, node, change)) = changes.next_if(|(at, ..)| *at == now) {
            world.happens(now, *node, *change);
        }
        world.run_instant(now);
        let states = world.zones();
        if states != zones {
            zones.clone_from(&states);
            seen.push((now, Observation::Zones(states)));
        }
        for node in world.state.api.nodes.ids() {
            let view = world.view(node);
            if views.get(node.index()) == Some(&view) {
                continue;
            }
            seen.push((now, Observation::Node(node, view.clone())));
            match views.get_mut(node.index()) {
                Some(known) => *known = view,
                None => views.push(view),
            }
        }
    }
}
