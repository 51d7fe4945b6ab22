//! The nodes of a scenario in groups of equal ones, and which of them a pod may use.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{
    Node as KubeNode, NodeSelectorRequirement, NodeSelectorTerm, PodSpec, Taint, Toleration,
};

use super::scene::Labels;
use crate::base::quantity::Quantity;
use crate::scenario::file::LoadedScenario;
use crate::scenario::manifest::Object;
use crate::scenario::spec::{FaultKind, OperationKind, Target};

/// Label of a node's host name, the only one in which the nodes of a group differ.
pub(super) const HOSTNAME: &str = "kubernetes.io/hostname";
const ZONE: &str = "topology.kubernetes.io/zone";
const REGION: &str = "topology.kubernetes.io/region";
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

/// Labels by which clouds and autoscalers mark nodes that may be reclaimed.
const SPOT: &[(&str, &str)] = &[
    ("karpenter.sh/capacity-type", "spot"),
    ("eks.amazonaws.com/capacityType", "SPOT"),
    ("cloud.google.com/gke-spot", "true"),
    ("cloud.google.com/gke-preemptible", "true"),
    ("kubernetes.azure.com/scalesetpriority", "spot"),
];

/// Nodes that differ in nothing but their names.
#[derive(Debug)]
pub(super) struct Group {
    /// What they are called in messages.
    pub(super) name: String,
    /// How many.
    pub(super) count: u32,
    /// Labels without the host name, except for a single node.
    pub(super) labels: Labels,
    pub(super) taints: Vec<Taint>,
    /// What a node offers to pods.
    pub(super) allocatable: BTreeMap<String, Quantity>,
    /// Whether they may be reclaimed.
    pub(super) spot: bool,
}

/// All nodes.
#[derive(Debug)]
pub(super) struct Cluster<'a> {
    pub(super) groups: Vec<Group>,
    pub(super) loaded: &'a LoadedScenario,
    /// Whether an operator labels, untaints or uncordons nodes during the run.
    pub(super) changes: bool,
}

impl<'a> Cluster<'a> {
    pub(super) fn new(loaded: &'a LoadedScenario) -> Self {
        let spec = &loaded.scenario.spec;
        let mut groups = Vec::new();
        for pool in &spec.cluster.node_pools {
            let zones: Vec<Option<&str>> = match pool.zones.len() {
                0 => vec![None],
                _ => pool.zones.iter().map(|zone| Some(zone.value.as_str())).collect(),
            };
            let (all, shares) = (pool.count.value, u32::try_from(zones.len()).unwrap_or(u32::MAX));
            for (at, zone) in (0_u32..).zip(zones) {
                let count = all / shares + u32::from(at < all % shares);
                let mut group = group(&pool.template.value.0, pool.name.value.clone(), count);
                let region = pool.region.as_ref().map(|region| region.value.as_str());
                for (key, value) in [(ZONE, zone), (REGION, region)] {
                    let value = value.map(|value| (key.to_owned(), value.to_owned()));
                    group.labels.extend(value);
                }
                groups.push(group);
            }
        }
        for manifest in &loaded.nodes.objects {
            let Object::Node(node) = &manifest.object else { continue };
            let name = manifest.object.name().to_owned();
            let mut single = group(node, name.clone(), 1);
            single.labels.insert(HOSTNAME.to_owned(), name);
            groups.push(single);
        }
        groups.retain(|group| group.count > 0);
        let changes = spec.operations.iter().any(|operation| changes_nodes(&operation.kind));
        let mut cluster = Self { groups, loaded, changes };
        cluster.mark_reclaimed();
        cluster
    }

    /// Nodes that a fault of the scenario reclaims are spot nodes.
    fn mark_reclaimed(&mut self) {
        for fault in &self.loaded.scenario.spec.faults {
            let FaultKind::SpotReclaim(reclaim) = &fault.kind else { continue };
            let Target::Labels(labels) = &reclaim.target else { continue };
            for group in &mut self.groups {
                let has = |(key, value): (&String, &String)| group.labels.get(key) == Some(value);
                group.spot |= labels.value.iter().all(has);
            }
        }
    }

    /// Number of nodes.
    pub(super) fn nodes(&self) -> u32 {
        self.groups.iter().fold(0, |sum, group| sum.saturating_add(group.count))
    }

    /// The groups that a pod's node selector, required node affinity and tolerations leave. None
    /// if it asks for nodes by name, which groups do not have.
    pub(super) fn usable(&self, pod: &PodSpec) -> Option<Vec<&Group>> {
        let chosen = self.chosen(pod)?;
        Some(chosen.into_iter().filter(|group| blocking_taint(pod, group).is_none()).collect())
    }

    /// The groups that a pod's node selector and required node affinity leave, taints aside.
    pub(super) fn chosen(&self, pod: &PodSpec) -> Option<Vec<&Group>> {
        if asks_by_name(pod) {
            return None;
        }
        Some(self.groups.iter().filter(|group| selects(pod, &group.labels)).collect())
    }
}

/// Number of domains that groups make up under a topology key.
pub(super) fn domains(groups: &[&Group], key: &str) -> u32 {
    if key == HOSTNAME {
        return groups.iter().fold(0, |sum, group| sum.saturating_add(group.count));
    }
    let values: BTreeSet<&String> = groups.iter().filter_map(|g| g.labels.get(key)).collect();
    u32::try_from(values.len()).unwrap_or(u32::MAX)
}

/// A taint of the group that keeps a pod away.
pub(super) fn blocking_taint<'g>(pod: &PodSpec, group: &'g Group) -> Option<&'g Taint> {
    let tolerations = pod.tolerations.as_deref().unwrap_or_default();
    group.taints.iter().find(|taint| {
        taint.effect != "PreferNoSchedule" && !tolerations.iter().any(|t| tolerates(t, taint))
    })
}

/// Whether labels are those by which clouds mark spot nodes.
fn is_spot(labels: &Labels) -> bool {
    SPOT.iter().any(|(key, value)| labels.get(*key).is_some_and(|v| v == value))
}

/// Whether a pod insists on spot nodes, whichever nodes there are.
pub(super) fn asks_for_spot(pod: &PodSpec) -> bool {
    let selector = pod.node_selector.as_ref();
    if selector.is_some_and(is_spot) {
        return true;
    }
    let insists = |term: &NodeSelectorTerm| {
        term.match_expressions.iter().flatten().any(|requirement| {
            let values = requirement.values.as_deref().unwrap_or_default();
            let spot = |value: &String| {
                SPOT.iter().any(|(key, spot)| requirement.key == *key && value == spot)
            };
            requirement.operator == "In" && !values.is_empty() && values.iter().all(spot)
        })
    };
    let terms = required_terms(pod);
    !terms.is_empty() && terms.iter().all(insists)
}

fn changes_nodes(kind: &OperationKind) -> bool {
    matches!(
        kind,
        OperationKind::Label { .. }
            | OperationKind::Untaint { .. }
            | OperationKind::Cordon { unschedulable: false, .. }
    )
}

fn group(node: &KubeNode, name: String, count: u32) -> Group {
    let mut labels = node.metadata.labels.clone().unwrap_or_default();
    for (key, value) in [("kubernetes.io/os", "linux"), ("kubernetes.io/arch", "amd64")] {
        labels.entry(key.to_owned()).or_insert_with(|| value.to_owned());
    }
    labels.remove(HOSTNAME);
    let spec = node.spec.as_ref();
    let mut taints = spec.and_then(|spec| spec.taints.clone()).unwrap_or_default();
    if spec.and_then(|spec| spec.unschedulable) == Some(true) {
        let (key, effect) = (UNSCHEDULABLE.to_owned(), "NoSchedule".to_owned());
        taints.push(Taint { key, effect, value: None, time_added: None });
    }
    let status = node.status.as_ref();
    let offered = status.and_then(|s| s.allocatable.as_ref().or(s.capacity.as_ref()));
    let read =
        |(name, amount): (&String, &k8s_openapi::apimachinery::pkg::api::resource::Quantity)| {
            Some((name.clone(), amount.0.parse().ok()?))
        };
    let allocatable = offered.into_iter().flatten().filter_map(read).collect();
    let spot = is_spot(&labels);
    Group { name, count, labels, taints, allocatable, spot }
}

fn required_terms(pod: &PodSpec) -> &[NodeSelectorTerm] {
    let affinity = pod.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref());
    let required =
        affinity.and_then(|a| a.required_during_scheduling_ignored_during_execution.as_ref());
    required.map_or(&[], |required| &required.node_selector_terms)
}

fn asks_by_name(pod: &PodSpec) -> bool {
    let named = pod.node_name.as_ref().is_some_and(|name| !name.is_empty());
    let selector = pod.node_selector.as_ref().is_some_and(|s| s.contains_key(HOSTNAME));
    let by_term = |term: &NodeSelectorTerm| {
        let fields = term.match_fields.as_ref().is_some_and(|fields| !fields.is_empty());
        fields || term.match_expressions.iter().flatten().any(|r| r.key == HOSTNAME)
    };
    named || selector || required_terms(pod).iter().any(by_term)
}

fn selects(pod: &PodSpec, labels: &Labels) -> bool {
    let selector = pod.node_selector.iter().flatten();
    if !selector.clone().all(|(key, value)| labels.get(key) == Some(value)) {
        return false;
    }
    let terms = required_terms(pod);
    let matches = |term: &NodeSelectorTerm| {
        let requirements = term.match_expressions.as_deref().unwrap_or_default();
        !requirements.is_empty() && requirements.iter().all(|r| holds(r, labels))
    };
    terms.is_empty() || terms.iter().any(matches)
}

/// Whether a requirement on a node's labels holds; a label that is missing is not in any list.
fn holds(requirement: &NodeSelectorRequirement, labels: &Labels) -> bool {
    let value = labels.get(&requirement.key);
    let values = requirement.values.as_deref().unwrap_or_default();
    let among = value.is_some_and(|value| values.contains(value));
    let number = |text: &String| text.parse::<i64>().ok();
    let compared = value.and_then(number).zip(values.first().and_then(number));
    match requirement.operator.as_str() {
        "In" => among,
        "NotIn" => !among,
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => compared.is_some_and(|(own, bound)| own > bound),
        "Lt" => compared.is_some_and(|(own, bound)| own < bound),
        _ => false,
    }
}

fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let set = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    if set(&toleration.effect).is_some_and(|effect| effect != taint.effect) {
        return false;
    }
    match (toleration.operator.as_deref(), set(&toleration.key)) {
        (Some("Exists"), key) => key.is_none_or(|key| key == taint.key),
        (_, key) => {
            let value = toleration.value.as_deref().unwrap_or_default();
            key.is_some_and(|key| key == taint.key)
                && value == taint.value.as_deref().unwrap_or_default()
        }
    }
}
