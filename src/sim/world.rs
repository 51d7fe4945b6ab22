//! The components and the state they share, and the routing between them.

use super::{RunOptions, settle};
use crate::apiserver::ApiServer;
use crate::base::time::{SimDuration, SimTime};
use crate::controllers::Controllers;
use crate::cx::Cx;
use crate::engine::{EventKey, EventQueue};
use crate::event::{ControllerEvent, Event, Resource, SchedulerEvent, WatchEvent, Watcher};
use crate::faults::Faults;
use crate::kube_proxy::KubeProxies;
use crate::kubelet::Kubelets;
use crate::model::{Model, Start};
use crate::record::{Fact, KubeEvent, Recorder};
use crate::rng::{StreamKind, Streams};
use crate::scheduler::{Inquiry, Scheduler};
use crate::state::State;
use crate::workload;

/// A cluster in motion.
#[derive(Debug)]
pub struct World<'a> {
    model: &'a Model,
    streams: Streams,
    queue: EventQueue<Event>,
    state: State,
    record: Recorder,
    components: Components,
}

/// Everything that handles events.
#[derive(Debug)]
pub(super) struct Components {
    pub(super) api: ApiServer,
    pub(super) scheduler: Scheduler,
    pub(super) controllers: Controllers,
    pub(super) kubelets: Kubelets,
    pub(super) faults: Faults,
    pub(super) proxies: KubeProxies,
}

impl<'a> World<'a> {
    /// A world before its first instant.
    #[must_use]
    pub fn new(model: &'a Model, options: &RunOptions) -> Self {
        let streams = Streams::new(options.seed, options.replication);
        let mut state = State::new(model);
        for (node, truth) in state.truth.nodes.iter_mut() {
            let address = model.nodes[node].address;
            let interval = model.control_plane.lease_renew_interval.as_nanos();
            let phase = streams.stream(StreamKind::LeasePhase, address).below(interval.max(1));
            truth.lease_phase = SimDuration::from_nanos(phase);
        }
        let components = Components {
            api: ApiServer::new(model),
            scheduler: Scheduler::new(model),
            controllers: Controllers::new(model),
            kubelets: Kubelets::new(model, &streams),
            faults: Faults::new(model, &streams),
            proxies: KubeProxies::default(),
        };
        let record = Recorder::new(options.detail);
        Self { model, streams, queue: EventQueue::new(), state, record, components }
    }

    /// Brings the world to its starting state and schedules what is known of the future.
    pub fn start(&mut self) {
        let end = self.model.end();
        let (components, mut cx) = self.split(SimTime::ZERO);
        match cx.model.start {
            Start::Settled => settle::settle(components, &mut cx),
            Start::Empty => {
                components.scheduler.lead(&mut cx);
                components.controllers.lead(&mut cx, 0);
                workload::apply_manifests(&mut cx, &mut components.api);
            }
        }
        workload::start(&mut cx);
        components.faults.start(&mut cx);
        cx.at(end, Event::End);
    }

    /// Asks the scheduler to explain a decision.
    pub fn inquire(&mut self, inquiry: Inquiry) {
        self.components.scheduler.inquire(inquiry);
    }

    /// What was asked, answered or not.
    #[must_use]
    pub fn inquiry(&self) -> Option<&Inquiry> {
        self.components.scheduler.inquiry()
    }

    /// Takes the next event.
    pub fn pop(&mut self) -> Option<(EventKey, Event)> {
        self.queue.pop()
    }

    /// Events waiting.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.queue.len()
    }

    /// The immutable input.
    #[must_use]
    pub fn model(&self) -> &'a Model {
        self.model
    }

    /// The shared state.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What has been recorded.
    #[must_use]
    pub fn into_record(self) -> (Vec<(SimTime, Fact)>, Vec<KubeEvent>) {
        self.record.into_parts()
    }

    /// Handles one event.
    pub fn handle(&mut self, now: SimTime, event: Event) {
        let (components, mut cx) = self.split(now);
        match event {
            Event::Fault(event) => components.faults.handle(&mut cx, event),
            Event::Operation(index) => workload::handle(&mut cx, index),
            Event::Drain(fault) => workload::drain_reclaimed(&mut cx, fault),
            Event::Kubelet(event) => components.kubelets.handle(&mut cx, event),
            Event::Api(event) => components.api.handle(&mut cx, event),
            Event::Watch(event) => deliver(components, &mut cx, event),
            Event::Proxy(event) => components.proxies.handle(&mut cx, event),
            Event::Controller(event) => {
                let leads = matches!(event, ControllerEvent::Lead { .. });
                if leads || cx.state.is_watching(Watcher::ControllerManager) {
                    components.controllers.handle(&mut cx, event);
                }
            }
            Event::Scheduler(event) => {
                let leads = matches!(event, SchedulerEvent::Lead { .. });
                if leads || cx.state.is_watching(Watcher::Scheduler) {
                    components.scheduler.handle(&mut cx, event);
                }
            }
            Event::End => {}
        }
    }

    fn split(&mut self, now: SimTime) -> (&mut Components, Cx<'_>) {
        let cx = Cx {
            now,
            model: self.model,
            queue: &mut self.queue,
            state: &mut self.state,
            streams: &self.streams,
            record: &mut self.record,
        };
        (&mut self.components, cx)
    }
}

/// Hands a change to the watcher it is for, unless that process has died since.
fn deliver(components: &mut Components, cx: &mut Cx<'_>, event: WatchEvent) {
    let process = cx.state.truth.process(event.watcher);
    let alive = process.leading && process.epoch == event.epoch;
    let (scheduler, controllers) = (&mut components.scheduler, &mut components.controllers);
    let api = &mut cx.state.api;
    match event.resource {
        Resource::Pods => {
            let Some(change) = api.pod_log.deliver(event.index).filter(|_| alive) else { return };
            match event.watcher {
                Watcher::Scheduler => scheduler.on_pod(cx, &change),
                Watcher::ControllerManager => controllers.on_pod(cx, &change),
            }
        }
        Resource::Nodes => {
            let Some(change) = api.node_log.deliver(event.index).filter(|_| alive) else { return };
            match event.watcher {
                Watcher::Scheduler => scheduler.on_node(cx, &change),
                Watcher::ControllerManager => controllers.on_node(cx, &change),
            }
        }
        Resource::Budgets => {
            let change = api.budget_log.deliver(event.index).filter(|_| alive);
            let Some(change) = change else { return };
            match event.watcher {
                Watcher::Scheduler => scheduler.on_budget(&change),
                Watcher::ControllerManager => controllers.on_budget(cx, &change),
            }
        }
        Resource::ReplicaSets => {
            if let Some(change) = api.replica_set_log.deliver(event.index).filter(|_| alive) {
                controllers.on_replica_set(cx, &change);
            }
        }
        Resource::StatefulSets => {
            if let Some(change) = api.stateful_set_log.deliver(event.index).filter(|_| alive) {
                controllers.on_stateful_set(cx, &change);
            }
        }
        Resource::DaemonSets => {
            if let Some(change) = api.daemon_set_log.deliver(event.index).filter(|_| alive) {
                controllers.on_daemon_set(cx, &change);
            }
        }
        Resource::Jobs => {
            if let Some(change) = api.job_log.deliver(event.index).filter(|_| alive) {
                controllers.on_job(cx, &change);
            }
        }
        Resource::CronJobs => {
            if let Some(change) = api.cron_job_log.deliver(event.index).filter(|_| alive) {
                controllers.on_cron_job(cx, &change);
            }
        }
        Resource::Deployments => {
            if let Some(change) = api.deployment_log.deliver(event.index).filter(|_| alive) {
                controllers.on_deployment(cx, &change);
            }
        }
    }
}
