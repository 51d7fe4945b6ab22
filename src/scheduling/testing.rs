//! Small models and snapshots for tests: nodes in zones, templates with requests and labels.

use super::preemption::DisruptionBudget;
use super::{
    Decision, Framework, Incoming, Nominator, PluginId, PostFilter, Query, Rejection, Snapshot,
    TieBreak, config, reason_texts,
};
use crate::base::id::IdVec;
use crate::base::map::{Interner, Symbol};
use crate::base::time::{SimDuration, SimTime};
use crate::model::{
    AccessModes, AffinityTerm, AppBehaviour, BindingMode, Claim, ClaimId, ClaimSpec, ClassSpec,
    ContainerSpec, ControlPlane, DeploymentStrategy, Hook, ImageId, InclusionPolicy, LabelSelector,
    Labels, LeaderElection, Model, NO_PROVISIONER, Named, Namespace, NamespaceId, NodeId,
    NodeSelectorTerm, NodeSpec, Operator, PluginArgs, PodAffinity, PodId, PodTemplate,
    PodTemplateFlags, PodVolume, Pool, PoolId, Profile, PullPolicy, RecoveryPolicy, Requirement,
    Resources, RestartPolicy, SchedulerConfig, ScoreWeight, SpreadConstraint, Start, Storage,
    StorageClassId, Taint, TaintEffect, TemplateId, Toleration, TolerationOperator, VolumeId,
    VolumeSpec, Workload, WorkloadKind, Zone,
};
use crate::rng::Distribution;

pub(crate) const GIB: i64 = 1 << 30;
pub(crate) const ZONE: &str = "topology.kubernetes.io/zone";
pub(crate) const HOSTNAME: &str = "kubernetes.io/hostname";

/// Builds a [`Model`] of bare pods, one workload per template.
pub(crate) struct ModelBuilder {
    pub(crate) model: Model,
}

impl ModelBuilder {
    pub(crate) fn new() -> Self {
        let mut model = empty_model();
        // What the plugins look up by name.
        for text in ["", HOSTNAME, ZONE, "node.kubernetes.io/unschedulable"] {
            model.symbols.intern(text);
        }
        let key = model.symbols.intern("kubernetes.io/metadata.name");
        let name = model.symbols.intern("default");
        model
            .namespaces
            .push(Namespace { name: "default".into(), labels: Labels::from_pairs([(key, name)]) });
        model.pools.push(Pool {
            kubelet: crate::model::KubeletConfig::default(),
            name: "pool".into(),
            price_per_hour: None,
            boot_s: Distribution::Constant(30.0),
            overload: None,
        });
        model.scheduler.profiles = vec![config::default_profile()];
        Self { model }
    }

    pub(crate) fn symbol(&mut self, text: &str) -> Symbol {
        self.model.symbols.intern(text)
    }

    /// A node in a zone (none if empty), with 110 pods.
    pub(crate) fn node(&mut self, name: &str, zone: &str, (cpu_milli, gib): (i64, i64)) -> NodeId {
        let name_symbol = self.symbol(name);
        let mut pairs = vec![(self.symbol(HOSTNAME), name_symbol)];
        if !zone.is_empty() {
            pairs.push((self.symbol(ZONE), self.model.symbols.intern(zone)));
        }
        let known = self.model.zones.iter().find(|(_, z)| z.name == zone).map(|(id, _)| id);
        let zone = known.unwrap_or_else(|| {
            self.model.zones.push(Zone { name: zone.into(), region: String::new() })
        });
        let address = self.model.nodes.len() as u64;
        self.model.nodes.push(NodeSpec {
            capacity: crate::model::Capacity::default(),
            name: name.into(),
            name_symbol,
            pool: PoolId::from_index(0),
            address,
            zone,
            labels: Labels::from_pairs(pairs),
            taints: Vec::new(),
            unschedulable: false,
            images: Vec::new(),
            allocatable: Resources {
                cpu_milli,
                memory_bytes: gib * GIB,
                ephemeral_bytes: 100 * GIB,
                pods: 110,
                scalars: Vec::new(),
            },
        })
    }

    /// A class of pods with requests (0 CPU or memory: that request is absent).
    pub(crate) fn template(
        &mut self,
        app: &str,
        (cpu_milli, memory_bytes): (i64, i64),
    ) -> TemplateId {
        let labels = Labels::from_pairs([(self.symbol("app"), self.model.symbols.intern(app))]);
        let template = self.model.templates.next_id();
        let workload = self.model.workloads.push(workload(app, template));
        let or = |amount: i64, default: i64| if amount == 0 { default } else { amount };
        let (score_cpu, score_memory) = (or(cpu_milli, 100), or(memory_bytes, 200 << 20));
        self.model.templates.push(PodTemplate {
            workload,
            revision: 0,
            hash: 1,
            namespace: NamespaceId::from_index(0),
            labels,
            scheduler_name: "default-scheduler".into(),
            node_name: None,
            priority: 0,
            flags: PodTemplateFlags::default(),
            scheduling_gates: Vec::new(),
            requests: Resources { cpu_milli, memory_bytes, ..Resources::default() },
            score_cpu_milli: score_cpu,
            score_memory_bytes: score_memory,
            node_cpu_milli: score_cpu,
            node_memory_bytes: score_memory,
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
            termination_grace: SimDuration::from_secs(30),
            active_deadline: None,
            readiness_gates: Vec::new(),
            configs: Vec::new(),
            init_containers: Vec::new(),
            containers: Vec::new(),
        })
    }

    pub(crate) fn spec(&mut self, template: TemplateId) -> &mut PodTemplate {
        &mut self.model.templates[template]
    }

    /// `key: value`.
    pub(crate) fn requirement(&mut self, key: &str, value: &str) -> Requirement {
        Requirement {
            key: self.symbol(key),
            operator: Operator::In,
            values: vec![self.symbol(value)],
        }
    }

    /// The selector `app: <app>`.
    pub(crate) fn selector(&mut self, app: &str) -> LabelSelector {
        LabelSelector { nothing: false, requirements: vec![self.requirement("app", app)] }
    }

    /// A StorageClass.
    pub(crate) fn class(
        &mut self,
        name: &str,
        provisioner: &str,
        binding: BindingMode,
    ) -> StorageClassId {
        let spec = ClassSpec {
            provisioner: self.symbol(provisioner),
            provisions: provisioner != NO_PROVISIONER,
            binding: Some(binding),
            allowed_topologies: Vec::new(),
            is_default: false,
        };
        self.model.storage.classes.push(Named { name: name.into(), spec: Some(spec) })
    }

    /// An available volume with ReadWriteOnce and ReadWriteOncePod, for nodes of a zone (all if
    /// empty), of the CSI driver `csi.example.com`.
    pub(crate) fn volume(
        &mut self,
        name: &str,
        class: StorageClassId,
        gib: i64,
        zone: &str,
    ) -> VolumeId {
        let term =
            NodeSelectorTerm { expressions: vec![self.requirement(ZONE, zone)], names: Vec::new() };
        let csi = (self.symbol("csi.example.com"), self.symbol(name));
        let spec = VolumeSpec {
            labels: Labels::default(),
            class: Some(class),
            capacity_bytes: gib * GIB,
            modes: AccessModes::READ_WRITE_ONCE.with(AccessModes::READ_WRITE_ONCE_POD),
            block: false,
            attributes_class: None,
            node_affinity: (!zone.is_empty()).then(|| vec![term]),
            holder: None,
            available: true,
            deleting: false,
            csi: Some(csi),
        };
        self.model.storage.volumes.push(Named { name: name.into(), spec: Some(spec) })
    }

    /// A claim with ReadWriteOnce in the default namespace, unbound.
    pub(crate) fn claim(&mut self, name: &str, class: StorageClassId, gib: i64) -> ClaimId {
        let spec = ClaimSpec {
            address: self.model.storage.claims.len() as u64,
            class: Some(class),
            request_bytes: gib * GIB,
            modes: AccessModes::READ_WRITE_ONCE,
            block: false,
            selector: None,
            attributes_class: None,
            volume: None,
            bind_completed: false,
            lost: false,
            deleting: false,
            selected_node: None,
        };
        let namespace = NamespaceId::from_index(0);
        self.model.storage.claims.push(Claim { namespace, name: name.into(), spec: Some(spec) })
    }

    pub(crate) fn claim_spec(&mut self, claim: ClaimId) -> &mut ClaimSpec {
        self.model.storage.claims[claim].spec.as_mut().expect("it was declared")
    }

    pub(crate) fn volume_spec(&mut self, volume: VolumeId) -> &mut VolumeSpec {
        self.model.storage.volumes[volume].spec.as_mut().expect("it was declared")
    }

    /// A class of small pods with volumes.
    pub(crate) fn with_volumes(&mut self, app: &str, volumes: &[PodVolume]) -> TemplateId {
        let id = self.template(app, (100, GIB / 4));
        self.spec(id).volumes = volumes.to_vec();
        id
    }

    pub(crate) fn taint(&mut self, key: &str, value: &str, effect: TaintEffect) -> Taint {
        Taint { key: self.symbol(key), value: self.symbol(value), effect }
    }

    /// A toleration of a key, with any value and effect.
    pub(crate) fn toleration(&mut self, key: &str) -> Toleration {
        Toleration {
            key: Some(self.symbol(key)),
            operator: TolerationOperator::Exists,
            value: self.symbol(""),
            effect: None,
            seconds: None,
        }
    }

    /// Spreads `app` over the values of `key`.
    pub(crate) fn spread(
        &mut self,
        app: &str,
        key: &str,
        max_skew: i64,
        hard: bool,
    ) -> SpreadConstraint {
        SpreadConstraint {
            max_skew,
            topology_key: self.symbol(key),
            hard,
            selector: self.selector(app),
            min_domains: 1,
            node_affinity_policy: InclusionPolicy::Honor,
            node_taints_policy: InclusionPolicy::Ignore,
        }
    }

    /// A term on pods of `app` in the default namespace.
    pub(crate) fn affinity(&mut self, app: &str, key: &str) -> AffinityTerm {
        AffinityTerm {
            topology_key: self.symbol(key),
            selector: self.selector(app),
            namespaces: vec![NamespaceId::from_index(0)],
            namespace_selector: None,
        }
    }
}

fn workload(name: &str, template: TemplateId) -> Workload {
    Workload {
        kind: WorkloadKind::Pod,
        namespace: NamespaceId::from_index(0),
        name: name.into(),
        address: template.index() as u64,
        labels: Labels::default(),
        selector: LabelSelector::none(),
        replicas: 1,
        min_ready: SimDuration::ZERO,
        template,
        strategy: DeploymentStrategy::Recreate,
        revision_history_limit: 10,
        progress_deadline: SimDuration::from_secs(600),
        paused: false,
        own: crate::model::KindSpec::Plain,
    }
}

fn empty_model() -> Model {
    Model {
        scenario: "test".into(),
        description: String::new(),
        policy: "default".into(),
        start_unix_s: 0,
        duration: SimDuration::from_hours(1),
        measure_from: SimTime::ZERO,
        start: Start::Empty,
        symbols: Interner::new(),
        namespaces: IdVec::new(),
        scalar_resources: IdVec::new(),
        images: IdVec::new(),
        zones: IdVec::new(),
        pools: IdVec::new(),
        nodes: IdVec::new(),
        templates: IdVec::new(),
        workloads: IdVec::new(),
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
        recovery: recovery(),
    }
}

fn recovery() -> RecoveryPolicy {
    RecoveryPolicy {
        node_startup_grace_period: SimDuration::from_secs(60),
        node_monitor_period: SimDuration::from_secs(5),
        node_monitor_grace_period: SimDuration::from_secs(50),
        node_eviction_rate_milli: 100,
        secondary_node_eviction_rate_milli: 10,
        unhealthy_zone_threshold_milli: 550,
        large_cluster_size_threshold: 50,
        heartbeat_timeout: Some(SimDuration::from_secs(10)),
        drain_on_reclaim_notice: false,
        crash_loop_backoff: crate::model::BackoffCurve {
            initial: SimDuration::from_secs(10),
            max: SimDuration::from_secs(300),
            jitter_per_mille: 0,
        },
    }
}

fn control_plane() -> ControlPlane {
    let constant = Distribution::Constant;
    let election = LeaderElection {
        lease_duration: SimDuration::from_secs(15),
        renew_deadline: SimDuration::from_secs(10),
        retry_period: SimDuration::from_secs(2),
        replicas: 1,
    };
    ControlPlane {
        api_latency_s: constant(0.005),
        watch_latency_s: constant(0.005),
        scheduling_cycle: SimDuration::from_millis(1),
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
        sandbox_s: constant(0.3),
        container_start_s: constant(0.15),
        pull_overhead_s: constant(0.5),
        pull_bytes_per_s: 50_000_000,
        lease_renew_interval: SimDuration::from_secs(10),
    }
}

/// A container of an image, and nothing else.
pub(crate) fn container(image: ImageId) -> ContainerSpec {
    ContainerSpec {
        asked: std::collections::BTreeMap::new(),
        limits: std::collections::BTreeMap::new(),
        name: "c".into(),
        image,
        pull_policy: PullPolicy::IfNotPresent,
        sidecar: false,
        memory_limit_bytes: None,
        startup: None,
        liveness: None,
        readiness: None,
        post_start: Hook::None,
        pre_stop: Hook::None,
        behaviour: AppBehaviour {
            runs: None,
            memory_bytes: 0,
            ephemeral_bytes: 0,
            processes: 0,
            startup_s: Distribution::Constant(0.0),
            shutdown_s: Distribution::Constant(0.0),
            latency: SimDuration::ZERO,
            checks_dependencies: true,
            post_start: None,
            post_start_fails: 0.0,
            failures: Vec::new(),
        },
    }
}

/// The default profile with one score plugin alone.
pub(crate) fn only_scoring(plugin: &str, args: Option<PluginArgs>) -> Profile {
    let mut profile = config::default_profile();
    profile.pre_score = vec![plugin.to_owned()];
    profile.score = vec![ScoreWeight { plugin: plugin.to_owned(), weight: 1 }];
    profile.args.extend(args.map(|args| (plugin.to_owned(), args)));
    profile
}

/// Three nodes of 8 cores and 32 GiB that have 4 cores and 12 GiB, 3 cores and 20 GiB, 1 core and
/// 4 GiB in use; and a class of pods of 1 core and 4 GiB.
pub(crate) fn half_full(profile: &Profile) -> (Bench, TemplateId) {
    let mut builder = ModelBuilder::new();
    let nodes = ["n0", "n1", "n2"].map(|name| builder.node(name, "", (8000, 32)));
    let used = [(4, 12), (3, 20), (1, 4)];
    let used = used.map(|(cpu, gib)| builder.template("used", (cpu * 1000, gib * GIB)));
    let pod = builder.template("pod", (1000, 4 * GIB));
    let mut bench = Bench::with_profile(builder, profile);
    for (node, template) in nodes.into_iter().zip(used) {
        bench.bind(node, template);
    }
    (bench, pod)
}

/// A snapshot, a framework and pods that are numbered as they come.
pub(crate) struct Bench {
    pub(crate) model: Model,
    pub(crate) snapshot: Snapshot,
    pub(crate) framework: Framework,
    pub(crate) nominator: Nominator,
    pods: usize,
}

impl Bench {
    /// All nodes of the model as declared, under the default profile.
    pub(crate) fn new(builder: ModelBuilder) -> Self {
        Self::with_profile(builder, &config::default_profile())
    }

    pub(crate) fn with_profile(builder: ModelBuilder, profile: &Profile) -> Self {
        let model = builder.model;
        let snapshot = Snapshot::of_declared(&model);
        let framework = Framework::new(&model, profile);
        Self { model, snapshot, framework, nominator: Nominator::default(), pods: 0 }
    }

    /// A new pod on a node.
    pub(crate) fn bind(&mut self, node: NodeId, template: TemplateId) -> PodId {
        let pod = PodId::from_index(self.pods);
        self.pods += 1;
        self.snapshot.add_pod(&self.model, node, pod, template);
        pod
    }

    pub(crate) fn decide(&mut self, template: TemplateId) -> Decision {
        self.snapshot.refresh();
        self.framework.schedule(&Query {
            pinned: None,
            model: &self.model,
            snapshot: &self.snapshot,
            template,
            start: 0,
            tie_break: TieBreak::LowestName,
        })
    }

    /// What the PostFilter plugins make of a decision just made for a pod of a class.
    pub(crate) fn post_filter(
        &mut self,
        template: TemplateId,
        decision: &Decision,
        budgets: &[DisruptionBudget],
    ) -> PostFilter {
        let pod = PodId::from_index(self.pods);
        let incoming = Incoming { pod, template, pinned: None, nominator: &self.nominator };
        let world = (&self.model, &mut self.snapshot);
        let tie_break = TieBreak::LowestName;
        self.framework.post_filter(world, &incoming, decision, budgets, tie_break)
    }

    /// Decides and binds.
    pub(crate) fn place(&mut self, template: TemplateId) -> Option<NodeId> {
        let node = self.decide(template).node()?;
        self.bind(node, template);
        Some(node)
    }

    /// The message of a decision that found no node.
    pub(crate) fn message(&mut self, template: TemplateId) -> String {
        let decision = self.decide(template);
        assert_eq!(decision.node(), None, "a node was found");
        let answer = self.post_filter(template, &decision, &[]);
        self.framework.message((&self.model, template), &decision, Some(&answer))
    }

    /// What every node says: the first rejecting plugin and its words, with `!` before it if no
    /// eviction would help, or nothing. One entry if the pod is rejected before nodes are asked.
    pub(crate) fn verdicts(&mut self, template: TemplateId) -> Vec<String> {
        self.snapshot.refresh();
        let (decision, nodes) = self.framework.explain(&Query {
            pinned: None,
            model: &self.model,
            snapshot: &self.snapshot,
            template,
            start: 0,
            tie_break: TieBreak::LowestName,
        });
        let told = |(plugin, rejection): (PluginId, Rejection)| {
            let words = reason_texts(&self.model, template, rejection.reason).join("; ");
            let code = if rejection.unresolvable { "!" } else { "" };
            format!("{code}{}: {words}", plugin.name())
        };
        if let Some(rejected) = decision.pre_filter {
            return vec![told(rejected)];
        }
        nodes.iter().map(|node| node.rejected.map_or_else(String::new, told)).collect()
    }

    /// Whether each node passes one plugin, where no other rejects.
    pub(crate) fn passes(&mut self, template: TemplateId, plugin: &str) -> Vec<bool> {
        let verdicts = self.verdicts(template);
        let of = |verdict: &String| {
            let by = verdict.trim_start_matches('!').split(':').next().unwrap_or_default();
            assert!(by.is_empty() || by == plugin, "{verdict}");
            verdict.is_empty()
        };
        verdicts.iter().map(of).collect()
    }

    /// (raw, normalised) scores of one plugin, by node; `None` where the plugin skipped.
    pub(crate) fn scores(&mut self, template: TemplateId, plugin: &str) -> Vec<Option<(i64, i64)>> {
        self.snapshot.refresh();
        let (_, nodes) = self.framework.explain(&Query {
            pinned: None,
            model: &self.model,
            snapshot: &self.snapshot,
            template,
            start: 0,
            tie_break: TieBreak::LowestName,
        });
        let of = |node: &super::NodeExplanation| {
            let score = node.scores.iter().find(|score| score.plugin.name() == plugin)?;
            Some((score.raw, score.normalized))
        };
        nodes.iter().map(of).collect()
    }
}
