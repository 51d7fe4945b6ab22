//! Clusters and loads that benches place pods in.

use std::collections::VecDeque;
use std::fmt::Write as _;

use wavetank::model::{Model, NodeId, PodId, Profile, TemplateId};
use wavetank::rng::Streams;
use wavetank::scenario::built_in;
use wavetank::scenario::compile::compile;
use wavetank::scenario::file::FileReader;
use wavetank::scheduling::{Framework, Query, Snapshot, TieBreak};

/// Pods placed per run.
pub(crate) const PODS: u32 = 5_000;
/// Pods per app of the spread case.
pub(crate) const REPLICAS: u32 = 20;
const SPREAD: &str = "
              topologySpreadConstraints:
                - maxSkew: 1
                  topologyKey: topology.kubernetes.io/zone
                  whenUnsatisfiable: DoNotSchedule
                  labelSelector: {matchLabels: {app: APP}}
                - maxSkew: 1
                  topologyKey: kubernetes.io/hostname
                  whenUnsatisfiable: ScheduleAnyway
                  labelSelector: {matchLabels: {app: APP}}
              affinity:
                podAntiAffinity:
                  requiredDuringSchedulingIgnoredDuringExecution:
                    - topologyKey: kubernetes.io/hostname
                      labelSelector: {matchLabels: {app: APP}}";

const SIZES: [(u32, u32, &str); 4] =
    [(16, 64, "hdd"), (32, 256, "ssd"), (64, 256, "hdd"), (96, 384, "ssd")];

/// One kind of cluster and load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Number of classes.
    pub(crate) classes: u32,
    /// Pods that come one after another from the same class.
    pub(crate) in_a_row: u32,
    /// How many later a pod leaves again.
    pub(crate) leaves_after: Option<u32>,
    /// The objects of one class.
    pub(crate) objects: fn(u32) -> String,
    pub(crate) even_nodes: bool,
}

pub(crate) const CASES: [Case; 4] = [
    Case {
        name: "simple",
        classes: 1,
        in_a_row: PODS,
        leaves_after: None,
        objects: bare,
        even_nodes: true,
    },
    Case {
        name: "spread",
        classes: PODS / REPLICAS,
        in_a_row: REPLICAS,
        leaves_after: None,
        objects: |app| replica_set(app, (500, 1024), SPREAD),
        even_nodes: true,
    },
    Case {
        name: "owned",
        classes: 1,
        in_a_row: PODS,
        leaves_after: None,
        objects: |app| replica_set(app, (500, 1024), ""),
        even_nodes: true,
    },
    Case {
        name: "mixed",
        classes: 50,
        in_a_row: 1,
        leaves_after: Some(PODS / 2),
        objects: mixed,
        even_nodes: false,
    },
];

fn bare(_: u32) -> String {
    "        - apiVersion: v1
          kind: Pod
          metadata: {name: simple}
          spec:
            containers:
              - {name: c, image: 'c:1', resources: {requests: {cpu: 500m, memory: 1Gi}}}
"
    .to_owned()
}

fn replica_set(app: u32, (cpu_milli, memory_mib): (u32, u32), extra: &str) -> String {
    let extra = extra.replace("APP", &format!("app-{app}")).replace('\n', "\n  ");
    format!(
        "        - apiVersion: apps/v1
          kind: ReplicaSet
          metadata: {{name: app-{app}}}
          spec:
            replicas: {REPLICAS}
            selector: {{matchLabels: {{app: app-{app}}}}}
            template:
              metadata: {{labels: {{app: app-{app}}}}}
              spec:
                containers:
                  - name: c
                    image: 'c:1'
                    resources: {{requests: {{cpu: {cpu_milli}m, memory: {memory_mib}Mi}}}}
{extra}
"
    )
}

fn mixed(app: u32) -> String {
    let requests = (100 + app * 37 % 1_900, 128 << (app % 5));
    let extra = match app % 5 {
        0 => {
            "
              nodeSelector: {disk: ssd}"
        }
        1 => {
            "
              topologySpreadConstraints:
                - maxSkew: 2
                  topologyKey: topology.kubernetes.io/zone
                  whenUnsatisfiable: DoNotSchedule
                  labelSelector: {matchLabels: {app: APP}}"
        }
        2 => {
            "
              affinity:
                podAntiAffinity:
                  preferredDuringSchedulingIgnoredDuringExecution:
                    - weight: 100
                      podAffinityTerm:
                        topologyKey: kubernetes.io/hostname
                        labelSelector: {matchLabels: {app: APP}}"
        }
        _ => "",
    };
    replica_set(app, requests, extra)
}

/// A cluster of so many nodes and the classes of a case.
pub(crate) fn cluster(nodes: u32, case: Case) -> Model {
    let mut text = "apiVersion: wavetank/v1
kind: Scenario
metadata: {name: bench}
spec:
  duration: 1h
  cluster:
    nodePools:
"
    .to_owned();
    let even = [(64, 256, "hdd")];
    let sizes = if case.even_nodes { &even[..] } else { &SIZES[..] };
    let pools = u32::try_from(sizes.len()).expect("few sizes");
    for (pool, (cpus, memory, disk)) in sizes.iter().enumerate() {
        write!(
            text,
            "      - name: n{pool}
        count: {}
        zones: [a, b, c]
        template:
          metadata: {{labels: {{disk: {disk}}}}}
          status: {{allocatable: {{cpu: '{cpus}', memory: {memory}Gi, pods: '250'}}}}
",
            nodes / pools
        )
        .expect("a string takes all text");
    }
    text.push_str("  workloads:\n    - objects:\n");
    (0..case.classes).for_each(|app| text.push_str(&(case.objects)(app)));
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("bench.yaml");
    std::fs::write(&path, text).expect("a writable folder");
    let mut reader = FileReader::new(built_in::POLICIES);
    let loaded = reader.scenario(&path, &[]).expect("a readable file").expect("a sound scenario");
    compile(&loaded, &loaded.policies[0], &mut reader.found).expect("a sound scenario")
}

/// One cluster, ready to place pods.
pub(crate) struct Placing<'a> {
    pub(crate) model: &'a Model,
    pub(crate) case: Case,
    pub(crate) snapshot: Snapshot,
    pub(crate) framework: Framework,
    pub(crate) start: usize,
    /// Pods that will leave, the next one first.
    placed: VecDeque<PodId>,
}

impl<'a> Placing<'a> {
    pub(crate) fn new(model: &'a Model, case: Case, profile: &Profile) -> Self {
        let mut snapshot = Snapshot::new(model);
        for (id, node) in model.nodes.iter() {
            snapshot.add_node(model, id, &node.taints, node.unschedulable);
        }
        snapshot.refresh();
        let framework = Framework::new(model, profile);
        Self { model, case, snapshot, framework, start: 0, placed: VecDeque::new() }
    }

    pub(crate) fn place(&mut self, streams: &Streams, pod: u32) -> NodeId {
        let classes = u32::try_from(self.model.templates.len()).expect("few classes");
        let template = TemplateId::from_raw(pod / self.case.in_a_row % classes);
        if self.case.leaves_after.is_some_and(|after| self.placed.len() == after as usize)
            && let Some(pod) = self.placed.pop_front()
        {
            self.snapshot.remove_pod(self.model, pod);
        }
        self.snapshot.refresh();
        let decision = self.framework.schedule(&Query {
            pinned: None,
            model: self.model,
            snapshot: &self.snapshot,
            template,
            start: self.start,
            tie_break: TieBreak::Seeded { streams, entity: u64::from(pod), attempt: 1 },
        });
        self.start = decision.next_start;
        let node = decision.node().expect("every pod fits");
        self.snapshot.add_pod(self.model, node, PodId::from_raw(pod), template);
        if self.case.leaves_after.is_some() {
            self.placed.push_back(PodId::from_raw(pod));
        }
        node
    }
}
