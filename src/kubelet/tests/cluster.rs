//! The smallest world that kubelets run in.

use crate::base::id::IdVec;
use crate::base::map::Interner;
use crate::base::time::{SimDuration, SimTime};
use crate::cx::Cx;
use crate::engine::EventQueue;
use crate::event::{ApiEvent, Event, KubeletEvent};
use crate::kubelet::Kubelets;
use crate::kubelet::node::Node;
use crate::model::*;
use crate::record::{Detail, Fact, KubeEvent, Recorder};
use crate::rng::{Distribution, Streams};
use crate::state::{DeletionCause, PodObject, PodStatus, Request, State, Termination};

pub(super) fn secs(secs: u64) -> SimDuration {
    SimDuration::from_secs(secs)
}

pub(super) fn at(secs: f64) -> SimTime {
    SimTime::ZERO + SimDuration::from_secs_f64(secs).unwrap()
}

pub(super) fn constant(value: f64) -> Distribution {
    Distribution::Constant(value)
}

/// A probe with Kubernetes' defaults.
pub(super) fn probe(handler: ProbeHandler) -> ProbeSpec {
    ProbeSpec {
        handler,
        initial_delay: SimDuration::ZERO,
        period: secs(10),
        timeout: secs(1),
        success_threshold: 1,
        failure_threshold: 3,
        termination_grace: None,
    }
}

pub(super) fn behaviour(startup_s: f64) -> AppBehaviour {
    AppBehaviour {
        runs: None,
        memory_bytes: 0,
        ephemeral_bytes: 0,
        processes: 1,
        startup_s: constant(startup_s),
        shutdown_s: constant(0.5),
        latency: SimDuration::from_millis(10),
        checks_dependencies: true,
        post_start: None,
        post_start_fails: 0.0,
        failures: Vec::new(),
    }
}

/// A container of the image with this number.
pub(super) fn container(name: &str, image: usize) -> ContainerSpec {
    ContainerSpec {
        asked: std::collections::BTreeMap::new(),
        limits: std::collections::BTreeMap::new(),
        name: name.to_owned(),
        image: ImageId::from_index(image),
        pull_policy: PullPolicy::IfNotPresent,
        sidecar: false,
        memory_limit_bytes: None,
        startup: None,
        liveness: None,
        readiness: None,
        post_start: Hook::None,
        pre_stop: Hook::None,
        behaviour: behaviour(0.0),
    }
}

pub(super) fn template(containers: Vec<ContainerSpec>) -> PodTemplate {
    PodTemplate {
        workload: WorkloadId::from_index(0),
        revision: 0,
        hash: 1,
        namespace: NamespaceId::from_index(0),
        labels: Labels::default(),
        scheduler_name: "default-scheduler".to_owned(),
        node_name: None,
        priority: 0,
        flags: PodTemplateFlags::default(),
        scheduling_gates: Vec::new(),
        requests: Resources { cpu_milli: 100, ..Resources::default() },
        score_cpu_milli: 100,
        score_memory_bytes: 0,
        node_cpu_milli: 100,
        node_memory_bytes: 0,
        score_scalars: None,
        node_requests: None,
        node_selector: Vec::new(),
        node_affinity: None,
        node_affinity_preferred: Vec::new(),
        tolerations: Vec::new(),
        spread: Vec::new(),
        pod_affinity: PodAffinity::default(),
        host_ports: Vec::new(),
        image_volumes: Vec::new(),
        volumes: Vec::new(),
        restart_policy: RestartPolicy::Always,
        termination_grace: secs(30),
        active_deadline: None,
        readiness_gates: Vec::new(),
        configs: Vec::new(),
        init_containers: Vec::new(),
        containers,
    }
}

fn workload() -> Workload {
    Workload {
        kind: WorkloadKind::ReplicaSet,
        namespace: NamespaceId::from_index(0),
        name: "app".to_owned(),
        address: 1,
        labels: Labels::default(),
        selector: LabelSelector::none(),
        replicas: 1,
        min_ready: SimDuration::ZERO,
        template: TemplateId::from_index(0),
        strategy: DeploymentStrategy::Recreate,
        revision_history_limit: 10,
        progress_deadline: secs(600),
        paused: false,
        own: KindSpec::Plain,
    }
}

fn control_plane() -> ControlPlane {
    let election = LeaderElection {
        lease_duration: secs(15),
        renew_deadline: secs(10),
        retry_period: secs(2),
        replicas: 1,
    };
    ControlPlane {
        api_latency_s: constant(0.005),
        watch_latency_s: constant(0.0),
        scheduling_cycle: SimDuration::ZERO,
        scheduling_per_node: SimDuration::ZERO,
        api_servers: 3,
        api_requests_per_s: None,
        etcd_members: 3,
        etcd_election_timeout: SimDuration::from_secs(1),
        scheduler_election: election,
        controller_manager_election: election,
        relist_s: constant(1.0),
        controller_qps: 20,
        controller_burst: 30,
        kubelet_qps: 50,
        kubelet_burst: 100,
        sandbox_s: constant(0.5),
        container_start_s: constant(0.2),
        pull_overhead_s: constant(0.0),
        pull_bytes_per_s: 1_000_000,
        lease_renew_interval: secs(10),
    }
}

/// One node of four cores for three pods, images of 20, 15 and 1 MB at 1 MB/s, one template.
pub(super) fn model(template: PodTemplate) -> Model {
    let mut symbols = Interner::new();
    let image =
        |name: &str, mega: u64| Image { name: name.to_owned(), size_bytes: mega * 1_000_000 };
    let node = NodeSpec {
        capacity: Capacity::default(),
        name: "node-0".to_owned(),
        name_symbol: symbols.intern("node-0"),
        pool: PoolId::from_index(0),
        address: 9,
        zone: ZoneId::from_index(0),
        labels: Labels::default(),
        taints: Vec::new(),
        unschedulable: false,
        images: Vec::new(),
        allocatable: Resources { cpu_milli: 4000, pods: 3, ..Resources::default() },
    };
    Model {
        scenario: "test".to_owned(),
        description: String::new(),
        policy: "default".to_owned(),
        start_unix_s: 0,
        duration: secs(3600),
        measure_from: SimTime::ZERO,
        start: Start::Empty,
        symbols,
        namespaces: IdVec::from_rows(vec![Namespace {
            name: "default".to_owned(),
            labels: Labels::default(),
        }]),
        scalar_resources: IdVec::new(),
        images: IdVec::from_rows(vec![image("one", 20), image("two", 15), image("three", 1)]),
        zones: IdVec::new(),
        pools: IdVec::from_rows(vec![Pool {
            name: "pool".to_owned(),
            price_per_hour: None,
            boot_s: Distribution::Constant(30.0),
            overload: None,
            kubelet: KubeletConfig::default(),
        }]),
        nodes: IdVec::from_rows(vec![node]),
        templates: IdVec::from_rows(vec![template]),
        workloads: IdVec::from_rows(vec![workload()]),
        services: IdVec::new(),
        storage: Storage::default(),
        budgets: IdVec::new(),
        faults: IdVec::new(),
        operations: Vec::new(),
        load: Vec::new(),
        control_plane: control_plane(),
        scheduler: SchedulerConfig {
            profiles: Vec::new(),
            expressions: Vec::new(),
            pod_initial_backoff: secs(1),
            pod_max_backoff: secs(10),
            qps: 50,
            burst: 100,
            tie_seed: None,
        },
        recovery: RecoveryPolicy {
            node_startup_grace_period: SimDuration::from_secs(60),
            node_monitor_period: secs(5),
            node_monitor_grace_period: secs(50),
            node_eviction_rate_milli: 100,
            secondary_node_eviction_rate_milli: 10,
            unhealthy_zone_threshold_milli: 550,
            large_cluster_size_threshold: 50,
            heartbeat_timeout: Some(SimDuration::from_secs(10)),
            drain_on_reclaim_notice: false,
            crash_loop_backoff: BackoffCurve {
                initial: secs(10),
                max: secs(300),
                jitter_per_mille: 0,
            },
        },
    }
}

pub(super) const NODE: usize = 0;

/// Kubelets and what they need.
pub(super) struct Cluster<'a> {
    pub(super) model: &'a Model,
    pub(super) streams: Streams,
    pub(super) queue: EventQueue<Event>,
    pub(super) state: State,
    pub(super) record: Recorder,
    pub(super) kubelets: Kubelets,
    pub(super) handled: u64,
    now: SimTime,
}

impl<'a> Cluster<'a> {
    /// A cluster whose PLEG lists containers at whole seconds.
    pub(super) fn new(model: &'a Model) -> Self {
        let streams = Streams::new(1, 0);
        let mut kubelets = Kubelets::new(model, &streams);
        for node in kubelets.nodes.values_mut() {
            *node = Node::new(SimDuration::ZERO);
        }
        Self {
            model,
            streams,
            queue: EventQueue::new(),
            state: State::new(model),
            record: Recorder::new(Detail::Full),
            kubelets,
            handled: 0,
            now: SimTime::ZERO,
        }
    }

    /// The same with every probe's tick an event.
    pub(super) fn ticking(model: &'a Model) -> Self {
        let mut cluster = Self::new(model);
        for node in cluster.kubelets.nodes.values_mut() {
            node.ticks_always = true;
        }
        cluster
    }

    pub(super) fn with<R>(&mut self, act: impl FnOnce(&mut Kubelets, &mut Cx<'_>) -> R) -> R {
        let mut cx = Cx {
            now: self.now,
            model: self.model,
            queue: &mut self.queue,
            state: &mut self.state,
            streams: &self.streams,
            record: &mut self.record,
        };
        act(&mut self.kubelets, &mut cx)
    }

    /// A pod object bound to the node that no kubelet has heard of.
    pub(super) fn bound(&mut self) -> PodId {
        let replica = u32::try_from(self.state.api.pods.len()).unwrap();
        self.state.api.pods.push(PodObject {
            failures: [0, 0],
            tracked: false,
            held: false,
            pinned: None,
            run: 0,
            template: TemplateId::from_index(0),
            owner: None,
            replica,
            incarnation: 0,
            uid: 7,
            created: self.now,
            node: Some(NodeId::from_index(NODE)),
            termination: None,
            status: PodStatus::created(self.now),
            gone: false,
        })
    }

    /// A pod that is bound now.
    pub(super) fn bind(&mut self) -> PodId {
        let pod = self.bound();
        self.with(|kubelets, cx| kubelets.handle(cx, KubeletEvent::PodUpdate { pod }));
        pod
    }

    /// A pod that has been running for long.
    pub(super) fn adopt(&mut self) -> PodId {
        let pod = self.bound();
        self.with(|kubelets, cx| kubelets.adopt(cx, pod));
        pod
    }

    /// Sets the phase of all probes of an adopted pod: the first tick is at this instant.
    pub(super) fn align(&mut self, pod: PodId, first_tick: SimTime) {
        let pod = self.kubelets.pods[pod.index()].as_mut().unwrap();
        for probe in pod.containers.iter_mut().flat_map(|c| &mut c.probes) {
            probe.anchor = first_tick;
        }
    }

    pub(super) fn delete(&mut self, pod: PodId, grace: SimDuration) {
        let requested = self.now;
        let cause = DeletionCause::Operator;
        self.state.api.pods[pod].termination = Some(Termination { requested, grace, cause });
        self.with(|kubelets, cx| kubelets.handle(cx, KubeletEvent::PodUpdate { pod }));
    }

    pub(super) fn send(&mut self, event: KubeletEvent) {
        self.with(|kubelets, cx| kubelets.handle(cx, event));
    }

    /// Runs until an instant, itself included.
    pub(super) fn run_to(&mut self, end: SimTime) {
        while self.queue.peek_time().is_some_and(|time| time <= end) {
            let (key, event) = self.queue.pop().unwrap();
            self.now = key.time();
            self.handled += 1;
            match event {
                Event::Kubelet(event) => self.send(event),
                Event::Api(ApiEvent::Commit { slot }) => self.commit(slot),
                other => panic!("no one handles {other:?}"),
            }
        }
        self.now = end;
    }

    fn commit(&mut self, slot: u32) {
        match self.state.requests.take(slot).unwrap().request {
            Request::PodStatus { pod, status } => {
                let object = &mut self.state.api.pods[pod].status;
                if object.ready.is_true() != status.ready.is_true() {
                    let ready = status.ready.is_true();
                    self.record.fact(self.now, Fact::PodReady { pod, ready });
                }
                if object.phase != status.phase {
                    self.record.fact(self.now, Fact::PodPhase { pod, phase: status.phase });
                }
                if object.reason != status.reason {
                    self.record.fact(self.now, Fact::PodReason { pod, reason: status.reason });
                }
                object.phase = status.phase;
                object.reason = status.reason;
                object.initialized = status.initialized;
                object.containers_ready = status.containers_ready;
                object.ready = status.ready;
                object.start_time = status.start_time;
                object.restarts = status.restarts;
                object.has_ip = status.has_ip;
            }
            Request::ConfirmPodGone { pod } => {
                self.state.api.pods[pod].gone = true;
                self.record.fact(self.now, Fact::PodDeleted { pod });
            }
            Request::NodeReady { node, ready, conditions } => {
                let object = &mut self.state.api.nodes[node];
                (object.ready, object.conditions) = (ready, conditions);
            }
            other => panic!("a kubelet does not ask for {other:?}"),
        }
    }

    /// Facts so far, one line each: seconds and the fact without its pod.
    pub(super) fn story(&self) -> String {
        let mut story = String::new();
        // Of probes, their failures and what follows are enough to read.
        let results = |fact: &Fact| matches!(fact, Fact::ProbeResult { .. });
        for (time, fact) in self.record.facts().iter().filter(|(_, fact)| !results(fact)) {
            let fact = format!("{fact:?}").replace("pod: PodId(0), ", "").replace("PodId(0)", "");
            story += &format!("{} {fact}\n", time.as_secs_f64());
        }
        story
    }

    /// Kubernetes events so far, one line each.
    pub(super) fn events(&self) -> String {
        let line = |event: &KubeEvent| {
            format!("{} {} {}\n", event.time.as_secs_f64(), event.reason, event.message)
        };
        self.record.events().iter().map(line).collect()
    }
}
