//! Small models for unit tests: some nodes in some zones, one Deployment, no latencies.

use super::*;
use crate::rng::Distribution;

/// Everything that taints, labels and tolerations of the tests name.
const WORDS: &[&str] = &[
    "",
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/unschedulable",
    "node.kubernetes.io/memory-pressure",
    "node.kubernetes.io/disk-pressure",
    "node.kubernetes.io/pid-pressure",
    "node.kubernetes.io/network-unavailable",
    "node.kubernetes.io/exclude-disruption",
    "topology.kubernetes.io/zone",
    "maint",
    "v",
];

/// A model with one zone per entry, holding so many nodes each, and a Deployment whose pods
/// tolerate not-ready and unreachable nodes for 300 s. Zone `z`'s node `n` is called `z<z>-n<n>`.
/// Latencies are zero and clients are hardly limited.
pub(crate) fn model(nodes_per_zone: &[usize]) -> Model {
    let mut symbols = Interner::new();
    for word in WORDS {
        symbols.intern(word);
    }
    let mut pools = IdVec::new();
    let boot_s = Distribution::Constant(30.0);
    let pool = pools.push(Pool {
        name: "general".to_owned(),
        price_per_hour: None,
        boot_s,
        kubelet: KubeletConfig::default(),
        overload: None,
    });
    let (mut zones, mut nodes) = (IdVec::new(), IdVec::new());
    for (z, &count) in nodes_per_zone.iter().enumerate() {
        let zone = zones.push(Zone { name: format!("z{z}"), region: String::new() });
        for n in 0..count {
            let name = format!("z{z}-n{n}");
            let address = u64::try_from(nodes.len()).expect("few nodes");
            nodes.push(NodeSpec {
                capacity: Capacity::default(),
                name_symbol: symbols.intern(&name),
                name,
                pool,
                address,
                zone,
                labels: Labels::default(),
                taints: Vec::new(),
                unschedulable: false,
                images: Vec::new(),
                allocatable: Resources::default(),
            });
        }
    }
    let mut namespaces = IdVec::new();
    let namespace =
        namespaces.push(Namespace { name: "shop".to_owned(), labels: Labels::default() });
    let (mut workloads, mut templates) = (IdVec::new(), IdVec::new());
    let template = templates.push(template(WorkloadId::from_index(0), namespace, &symbols));
    workloads.push(workload(namespace, template));
    Model {
        scenario: "fixture".to_owned(),
        description: String::new(),
        policy: "default".to_owned(),
        start_unix_s: 1_735_689_600,
        duration: SimDuration::from_secs(3600),
        measure_from: SimTime::ZERO,
        start: Start::Settled,
        symbols,
        namespaces,
        scalar_resources: IdVec::new(),
        images: IdVec::new(),
        zones,
        pools,
        nodes,
        templates,
        workloads,
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
            pod_initial_backoff: SimDuration::from_secs(1),
            pod_max_backoff: SimDuration::from_secs(10),
            qps: 50,
            burst: 100,
            tie_seed: None,
        },
        recovery: RecoveryPolicy {
            node_startup_grace_period: SimDuration::from_secs(60),
            node_monitor_period: SimDuration::from_secs(5),
            node_monitor_grace_period: SimDuration::from_secs(50),
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

fn control_plane() -> ControlPlane {
    let none = Distribution::Constant(0.0);
    let election = LeaderElection {
        lease_duration: SimDuration::from_secs(15),
        renew_deadline: SimDuration::from_secs(10),
        retry_period: SimDuration::from_secs(2),
        replicas: 1,
    };
    ControlPlane {
        api_latency_s: none.clone(),
        watch_latency_s: none.clone(),
        scheduling_cycle: SimDuration::ZERO,
        scheduling_per_node: SimDuration::ZERO,
        api_servers: 3,
        api_requests_per_s: None,
        etcd_members: 3,
        etcd_election_timeout: SimDuration::from_secs(1),
        scheduler_election: election,
        controller_manager_election: election,
        relist_s: Distribution::Constant(1.0),
        controller_qps: 1_000_000,
        controller_burst: 1_000_000,
        kubelet_qps: 50,
        kubelet_burst: 100,
        sandbox_s: none.clone(),
        container_start_s: none.clone(),
        pull_overhead_s: none,
        pull_bytes_per_s: 1 << 27,
        lease_renew_interval: SimDuration::from_secs(10),
    }
}

fn template(workload: WorkloadId, namespace: NamespaceId, symbols: &Interner) -> PodTemplate {
    let empty = symbols.get("").expect("interned above");
    let tolerations = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"]
        .map(|key| Toleration {
            key: symbols.get(key),
            operator: TolerationOperator::Exists,
            value: empty,
            effect: Some(TaintEffect::NoExecute),
            seconds: Some(300),
        })
        .to_vec();
    PodTemplate {
        workload,
        revision: 0,
        hash: 1,
        namespace,
        labels: Labels::default(),
        scheduler_name: "default-scheduler".to_owned(),
        node_name: None,
        priority: 0,
        flags: PodTemplateFlags::default(),
        scheduling_gates: Vec::new(),
        requests: Resources::default(),
        score_cpu_milli: 100,
        score_memory_bytes: 200 << 20,
        node_cpu_milli: 100,
        node_memory_bytes: 200 << 20,
        score_scalars: None,
        node_requests: None,
        node_selector: Vec::new(),
        node_affinity: None,
        node_affinity_preferred: Vec::new(),
        tolerations,
        spread: Vec::new(),
        pod_affinity: PodAffinity::default(),
        host_ports: Vec::new(),
        image_volumes: Vec::new(),
        volumes: Vec::new(),
        restart_policy: RestartPolicy::Always,
        termination_grace: SimDuration::from_secs(30),
        active_deadline: None,
        readiness_gates: Vec::new(),
        configs: Vec::new(),
        init_containers: Vec::new(),
        containers: Vec::new(),
    }
}

fn workload(namespace: NamespaceId, template: TemplateId) -> Workload {
    Workload {
        kind: WorkloadKind::Deployment,
        namespace,
        name: "checkout".to_owned(),
        address: 0,
        labels: Labels::default(),
        selector: LabelSelector::default(),
        replicas: 1,
        min_ready: SimDuration::ZERO,
        template,
        strategy: DeploymentStrategy::Recreate,
        revision_history_limit: 10,
        progress_deadline: SimDuration::from_secs(600),
        paused: false,
        own: KindSpec::Plain,
    }
}
