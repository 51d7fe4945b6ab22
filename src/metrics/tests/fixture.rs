//! A small model and a way to tell a run's facts in a few words.

use crate::base::id::IdVec;
use crate::base::map::Interner;
use crate::base::time::{SimDuration, SimTime};
use crate::event::Watcher;
use crate::metrics::{Lookup, RunMetrics, digest, lookup};
use crate::model::*;
use crate::record::{DeletionCause, ExitCause, Fact, Phase};
use crate::rng::Distribution;

/// The Deployment `shop/web`, two replicas.
pub(super) const WEB: WorkloadId = WorkloadId::from_raw(0);
/// The bare pod `shop/tool`.
pub(super) const TOOL: WorkloadId = WorkloadId::from_raw(1);
/// The node `n0` in zone `a`.
pub(super) const N0: NodeId = NodeId::from_raw(0);
/// The node `n1` in zone `b`.
pub(super) const N1: NodeId = NodeId::from_raw(1);

pub(super) fn secs(seconds: u64) -> SimTime {
    SimTime::from_secs(seconds)
}

/// What the name of a pod of these is made of.
pub(super) fn identity(template: TemplateId, uid: u64) -> PodIdentity {
    PodIdentity { template, uid, replica: 0, run: 0 }
}

pub(super) fn pod(number: u32) -> PodId {
    PodId::from_raw(number)
}

fn constant() -> Distribution {
    Distribution::Constant(0.0)
}

fn template(workload: WorkloadId, requests: Resources) -> PodTemplate {
    PodTemplate {
        workload,
        revision: 0,
        hash: 5,
        namespace: NamespaceId::from_raw(0),
        labels: Labels::default(),
        scheduler_name: "default-scheduler".into(),
        node_name: None,
        priority: 0,
        flags: PodTemplateFlags::default(),
        scheduling_gates: Vec::new(),
        score_cpu_milli: requests.cpu_milli,
        score_memory_bytes: requests.memory_bytes,
        node_cpu_milli: requests.cpu_milli,
        node_memory_bytes: requests.memory_bytes,
        score_scalars: None,
        node_requests: None,
        requests,
        node_selector: vec![],
        node_affinity: None,
        node_affinity_preferred: vec![],
        tolerations: vec![],
        spread: vec![],
        pod_affinity: PodAffinity::default(),
        host_ports: vec![],
        image_volumes: vec![],
        volumes: vec![],
        restart_policy: RestartPolicy::Always,
        termination_grace: SimDuration::from_secs(30),
        active_deadline: None,
        readiness_gates: Vec::new(),
        configs: Vec::new(),
        init_containers: vec![],
        containers: vec![],
    }
}

fn workload(kind: WorkloadKind, name: &str, replicas: i32, template: u32) -> Workload {
    Workload {
        kind,
        namespace: NamespaceId::from_raw(0),
        name: name.into(),
        address: 0,
        labels: Labels::default(),
        selector: LabelSelector::none(),
        replicas,
        min_ready: SimDuration::ZERO,
        template: TemplateId::from_raw(template),
        strategy: DeploymentStrategy::Recreate,
        revision_history_limit: 10,
        progress_deadline: SimDuration::from_secs(600),
        paused: false,
        own: KindSpec::Plain,
    }
}

fn node(symbols: &mut Interner, name: &str, zone: u32, gpus: i64) -> NodeSpec {
    NodeSpec {
        capacity: Capacity::default(),
        name: name.into(),
        name_symbol: symbols.intern(name),
        pool: PoolId::from_raw(0),
        address: 0,
        zone: ZoneId::from_raw(zone),
        labels: Labels::default(),
        taints: vec![],
        unschedulable: false,
        images: Vec::new(),
        allocatable: Resources {
            cpu_milli: 4000,
            memory_bytes: 10_000,
            pods: 100,
            scalars: vec![(ResourceId::from_raw(0), gpus)],
            ..Resources::default()
        },
    }
}

fn control_plane() -> ControlPlane {
    let election = LeaderElection {
        lease_duration: SimDuration::from_secs(15),
        renew_deadline: SimDuration::from_secs(10),
        retry_period: SimDuration::from_secs(2),
        replicas: 1,
    };
    ControlPlane {
        api_latency_s: constant(),
        watch_latency_s: constant(),
        scheduling_cycle: SimDuration::ZERO,
        scheduling_per_node: SimDuration::ZERO,
        api_servers: 3,
        api_requests_per_s: None,
        etcd_members: 3,
        etcd_election_timeout: SimDuration::from_secs(1),
        scheduler_election: election,
        controller_manager_election: election,
        relist_s: constant(),
        controller_qps: 20,
        controller_burst: 30,
        kubelet_qps: 50,
        kubelet_burst: 100,
        sandbox_s: constant(),
        container_start_s: constant(),
        pull_overhead_s: constant(),
        pull_bytes_per_s: 1,
        lease_renew_interval: SimDuration::from_secs(10),
    }
}

/// Two nodes (4 cores, 10,000 bytes, 100 pods, 0.5 per hour each; two GPUs on `n0`) in two zones;
/// `shop/web` (1 core, 4,800 bytes, 1 GPU) and `shop/tool` (nothing requested).
pub(super) fn model(run_s: u64) -> Model {
    let mut symbols = Interner::new();
    let nodes = vec![node(&mut symbols, "n0", 0, 2), node(&mut symbols, "n1", 1, 0)];
    let web = Resources {
        cpu_milli: 1000,
        memory_bytes: 4800,
        scalars: vec![(ResourceId::from_raw(0), 1)],
        ..Resources::default()
    };
    let zone = |name: &str| Zone { name: name.into(), region: String::new() };
    let pool = Pool {
        name: "general".into(),
        price_per_hour: Some(0.5),
        boot_s: constant(),
        kubelet: KubeletConfig::default(),
        overload: None,
    };
    let shop = Namespace { name: "shop".into(), labels: Labels::default() };
    let service = Service {
        namespace: NamespaceId::from_raw(0),
        name: "web".into(),
        selector: LabelSelector::none(),
        publish_not_ready_addresses: false,
    };
    let grace = SimDuration::from_secs(40);
    Model {
        scenario: "test".into(),
        description: String::new(),
        policy: "default".into(),
        start_unix_s: 0,
        duration: SimDuration::from_secs(run_s),
        measure_from: SimTime::ZERO,
        start: Start::Settled,
        symbols,
        namespaces: IdVec::from_rows(vec![shop]),
        scalar_resources: IdVec::from_rows(vec!["example.com/gpu".into()]),
        images: IdVec::new(),
        zones: IdVec::from_rows(vec![zone("a"), zone("b")]),
        pools: IdVec::from_rows(vec![pool]),
        nodes: IdVec::from_rows(nodes),
        templates: IdVec::from_rows(vec![template(WEB, web), template(TOOL, Resources::default())]),
        workloads: IdVec::from_rows(vec![
            workload(WorkloadKind::Deployment, "web", 2, 0),
            workload(WorkloadKind::Pod, "tool", 0, 1),
        ]),
        services: IdVec::from_rows(vec![service]),
        storage: Storage::default(),
        budgets: IdVec::new(),
        faults: IdVec::new(),
        operations: vec![],
        load: vec![],
        control_plane: control_plane(),
        scheduler: SchedulerConfig {
            profiles: vec![],
            expressions: Vec::new(),
            pod_initial_backoff: SimDuration::from_secs(1),
            pod_max_backoff: SimDuration::from_secs(10),
            qps: 50,
            burst: 100,
            tie_seed: None,
        },
        recovery: RecoveryPolicy {
            node_startup_grace_period: SimDuration::from_secs(60),
            node_monitor_period: SimDuration::from_secs(5),
            node_monitor_grace_period: grace,
            node_eviction_rate_milli: 100,
            secondary_node_eviction_rate_milli: 10,
            unhealthy_zone_threshold_milli: 550,
            large_cluster_size_threshold: 50,
            heartbeat_timeout: Some(SimDuration::from_secs(10)),
            drain_on_reclaim_notice: false,
            crash_loop_backoff: BackoffCurve {
                initial: SimDuration::from_secs(10),
                max: SimDuration::from_secs(300),
                jitter_per_mille: 0,
            },
        },
    }
}

/// A model with faults. Their times are told by the facts.
pub(in crate::metrics) fn model_with(run_s: u64, kinds: Vec<(FaultKind, &str)>) -> Model {
    let fault = |(kind, target): (FaultKind, &str)| Fault {
        kind,
        target: target.into(),
        timing: FaultTiming::At(SimTime::ZERO),
        lasts_s: None,
    };
    let faults = IdVec::from_rows(kinds.into_iter().map(fault).collect());
    Model { faults, ..model(run_s) }
}

pub(super) fn zone_a() -> (FaultKind, &'static str) {
    (FaultKind::ZoneOutage { zone: ZoneId::from_raw(0) }, "zone a")
}

/// Facts, told in order.
#[derive(Debug, Default)]
pub(super) struct Story {
    pub(super) facts: Vec<(SimTime, Fact)>,
}

impl Story {
    /// `shop/web` settled: pod 0 on `n0`, pod 1 on `n1`.
    pub(super) fn settled() -> Self {
        let mut story = Self::default();
        story.run(0, 0, N0).run(0, 1, N1);
        story
    }

    pub(super) fn at(&mut self, time: u64, fact: Fact) -> &mut Self {
        self.facts.push((secs(time), fact));
        self
    }

    /// A pod of `shop/web` is created.
    pub(super) fn create(&mut self, time: u64, number: u32) -> &mut Self {
        let template = TemplateId::from_raw(0);
        let uid = u64::from(number);
        self.at(
            time,
            Fact::PodCreated { pod: pod(number), workload: WEB, identity: identity(template, uid) },
        )
    }

    pub(super) fn bind(&mut self, time: u64, number: u32, node: NodeId) -> &mut Self {
        self.at(time, Fact::PodBound { pod: pod(number), node })
    }

    pub(super) fn start(&mut self, time: u64, number: u32, restarts: u32) -> &mut Self {
        self.at(time, Fact::ContainerStarted { pod: pod(number), container: 0, restarts })
    }

    pub(super) fn exit(&mut self, time: u64, number: u32, cause: ExitCause) -> &mut Self {
        let (pod, container, code, unneeded) = (pod(number), 0, 1, false);
        self.at(time, Fact::ContainerExited { pod, container, cause, code, unneeded })
    }

    pub(super) fn serve(&mut self, time: u64, number: u32, serving: bool) -> &mut Self {
        self.at(time, Fact::PodServing { pod: pod(number), serving })
    }

    pub(super) fn ready(&mut self, time: u64, number: u32, ready: bool) -> &mut Self {
        self.at(time, Fact::PodReady { pod: pod(number), ready })
    }

    /// Starts, serves and is ready.
    pub(super) fn up(&mut self, time: u64, number: u32) -> &mut Self {
        self.start(time, number, 0)
            .at(time, Fact::PodPhase { pod: pod(number), phase: Phase::Running })
            .serve(time, number, true)
            .ready(time, number, true)
    }

    /// Created, bound and up at once.
    pub(super) fn run(&mut self, time: u64, number: u32, node: NodeId) -> &mut Self {
        self.create(time, number).bind(time, number, node).up(time, number)
    }

    pub(super) fn terminate(&mut self, time: u64, number: u32, cause: DeletionCause) -> &mut Self {
        self.at(time, Fact::PodTerminating { pod: pod(number), cause })
    }

    pub(super) fn delete(&mut self, time: u64, number: u32) -> &mut Self {
        self.at(time, Fact::PodDeleted { pod: pod(number) })
    }

    pub(super) fn begin(&mut self, time: u64, fault: u32, occurrence: u32) -> &mut Self {
        self.at(time, Fact::FaultBegan { fault: FaultId::from_raw(fault), occurrence })
    }

    pub(super) fn end(&mut self, time: u64, fault: u32, occurrence: u32) -> &mut Self {
        self.at(time, Fact::FaultEnded { fault: FaultId::from_raw(fault), occurrence })
    }

    /// The node of pod 0 dies, the API server still knowing nothing.
    pub(super) fn n0_dies(&mut self, time: u64) -> &mut Self {
        self.at(time, Fact::NodeUp { node: N0, up: false }).serve(time, 0, false).exit(
            time,
            0,
            ExitCause::NodeLost,
        )
    }

    /// Nobody leads from `from` to `to`.
    pub(super) fn leaderless(&mut self, component: Watcher, from: u64, to: u64) -> &mut Self {
        self.at(from, Fact::Leading { component, leading: false })
            .at(to, Fact::Leading { component, leading: true })
    }

    pub(super) fn digest(&self, model: &Model) -> RunMetrics {
        digest(model, &self.facts)
    }
}

/// The value of a metric with exactly these labels.
pub(super) fn value(metrics: &RunMetrics, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let labels: Vec<(String, String)> =
        labels.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
    match lookup(&metrics.rows, name, &labels) {
        Lookup::One(row) => Some(row.value),
        Lookup::None | Lookup::Several(_) => None,
    }
}

/// Name, labels and value of a metric.
type Expected<'a> = (&'a str, &'a [(&'a str, &'a str)], f64);

/// Checks metrics against values computed by hand.
pub(super) fn check(metrics: &RunMetrics, expected: &[Expected<'_>]) {
    for &(name, labels, wanted) in expected {
        let got = value(metrics, name, labels);
        let close = got.is_some_and(|got| (got - wanted).abs() <= 1e-12 * wanted.abs().max(1.0));
        assert!(close, "{name} {labels:?}: {got:?}, expected {wanted}");
    }
}
