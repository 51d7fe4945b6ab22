//! What must hold after a pod was put on a node, written a second time, plainly, from the pods'
//! specifications: no counts kept, no classes, no plugin asked.
//!
//! It knows no more of plugins than a user does. Tests hold decisions against it.

use std::collections::BTreeMap;

use super::Snapshot;
use crate::base::map::Symbol;
use crate::model::{
    AffinityTerm, InclusionPolicy, Model, NodeId, PodId, PodTemplate, Taint, TaintEffect,
    TemplateId,
};

/// A pod that was just put on a node, and the cluster with it.
#[derive(Clone, Copy)]
pub(super) struct Placed<'a> {
    pub(super) model: &'a Model,
    pub(super) snapshot: &'a Snapshot,
    pub(super) pod: PodId,
    pub(super) template: TemplateId,
    pub(super) node: NodeId,
}

impl Placed<'_> {
    /// Every rule that the placement breaks, in words.
    pub(super) fn broken(self) -> Vec<String> {
        let rules: [(&str, bool); 10] = [
            ("the pod is on its node once", self.is_there_once()),
            ("the node has room", self.has_room()),
            ("the node is named", self.is_named()),
            ("the node is selected", self.selects(self.node)),
            ("taints are tolerated", self.tolerates_taints(self.node)),
            ("the node is schedulable", self.may_be_unschedulable()),
            ("host ports are free", self.ports_are_free()),
            ("its anti-affinity and that of others hold", self.keeps_apart()),
            ("its affinity holds", self.keeps_together()),
            ("its spreading holds", self.spreads()),
        ];
        let broken = rules.into_iter().filter(|(_, holds)| !holds);
        broken
            .map(|(rule, _)| format!("{:?} on {:?}: not so: {rule}", self.pod, self.node))
            .collect()
    }

    fn spec(&self) -> &PodTemplate {
        &self.model.templates[self.template]
    }

    /// Other pods: where, what, and whether they terminate.
    fn others(&self) -> impl Iterator<Item = (NodeId, &PodTemplate, bool)> {
        self.snapshot.node_list().iter().flat_map(move |&node| {
            let pods = self.snapshot.row(node).pods.iter().filter(|other| other.pod != self.pod);
            pods.map(move |other| (node, &self.model.templates[other.template], other.terminating))
        })
    }

    fn label(&self, node: NodeId, key: Symbol) -> Option<Symbol> {
        self.snapshot.spec(self.model, node).labels.get(key)
    }

    fn share_domain(&self, other: NodeId, key: Symbol) -> bool {
        let own = self.label(self.node, key);
        own.is_some() && own == self.label(other, key)
    }

    fn is_there_once(&self) -> bool {
        let rows = self.model.nodes.ids().map(|node| (node, self.snapshot.row(node)));
        let mut found = rows.flat_map(|(node, row)| row.pods.iter().map(move |pod| (node, pod)));
        let mine = |&(_, pod): &(NodeId, &super::BoundPod)| pod.pod == self.pod;
        let first = found.by_ref().find(mine).map(|(node, _)| node);
        first == Some(self.node) && !found.any(|entry| mine(&entry))
    }

    /// Only what the pod requests has to suffice.
    fn has_room(&self) -> bool {
        let offered = &self.snapshot.spec(self.model, self.node).allocatable;
        let mut there = self.spec().requests.clone();
        let mut pods = 1;
        for (_, other, _) in self.others().filter(|(node, ..)| *node == self.node) {
            there.add(other.on_node());
            pods += 1;
        }
        let own = &self.spec().requests;
        let fits = |own: i64, sum: i64, offered: i64| own == 0 || sum <= offered;
        pods <= offered.pods
            && fits(own.cpu_milli, there.cpu_milli, offered.cpu_milli)
            && fits(own.memory_bytes, there.memory_bytes, offered.memory_bytes)
    }

    fn is_named(&self) -> bool {
        let name = &self.model.nodes[self.node].name;
        self.spec().node_name.is_none_or(|own| self.model.symbols.resolve(own) == name)
    }

    /// Whether node selector and node affinity admit a node.
    fn selects(&self, node: NodeId) -> bool {
        let spec = self.snapshot.spec(self.model, node);
        let symbols = &self.model.symbols;
        let selector = &self.spec().node_selector;
        let selected = selector.iter().all(|&(key, value)| spec.labels.get(key) == Some(value));
        let terms = self.spec().node_affinity.as_ref();
        selected
            && terms.is_none_or(|terms| {
                terms.iter().any(|term| {
                    let fields = term.names.iter().all(|(within, names)| {
                        names.len() == 1 && (symbols.resolve(names[0]) == spec.name) == *within
                    });
                    let labels =
                        term.expressions.iter().all(|one| one.matches(&spec.labels, symbols));
                    fields && labels && !(term.expressions.is_empty() && term.names.is_empty())
                })
            })
    }

    fn tolerates(&self, taint: &Taint) -> bool {
        self.spec().tolerations.iter().any(|toleration| toleration.tolerates(taint))
    }

    fn tolerates_taints(&self, node: NodeId) -> bool {
        let taints = self.snapshot.row(node).taints.iter();
        let mut hard = taints.filter(|taint| taint.effect != TaintEffect::PreferNoSchedule);
        hard.all(|taint| self.tolerates(taint))
    }

    fn may_be_unschedulable(&self) -> bool {
        let key = self.model.symbols.get("node.kubernetes.io/unschedulable");
        let value = self.model.symbols.get("");
        let taint = key.zip(value).map(|(key, value)| Taint {
            key,
            value,
            effect: TaintEffect::NoSchedule,
        });
        !self.snapshot.row(self.node).unschedulable || taint.is_some_and(|t| self.tolerates(&t))
    }

    fn ports_are_free(&self) -> bool {
        let mut taken = self
            .others()
            .filter(|(node, ..)| *node == self.node)
            .flat_map(|(_, o, _)| &o.host_ports);
        taken.all(|other| {
            self.spec().host_ports.iter().all(|own| {
                (own.protocol, own.port) != (other.protocol, other.port)
                    || (own.ip != other.ip && own.ip.is_some() && other.ip.is_some())
            })
        })
    }

    fn matches(&self, term: &AffinityTerm, pod: &PodTemplate) -> bool {
        term.namespaces.contains(&pod.namespace)
            && term.selector.matches(&pod.labels, &self.model.symbols)
    }

    fn keeps_apart(&self) -> bool {
        self.others().all(|(node, other, _)| {
            let meets = |terms: &[AffinityTerm], pod: &PodTemplate| {
                terms.iter().any(|term| {
                    self.share_domain(node, term.topology_key) && self.matches(term, pod)
                })
            };
            !meets(&self.spec().pod_affinity.anti_required, other)
                && !meets(&other.pod_affinity.anti_required, self.spec())
        })
    }

    fn keeps_together(&self) -> bool {
        let terms = &self.spec().pod_affinity.required;
        let all = |pod: &PodTemplate| terms.iter().all(|term| self.matches(term, pod));
        let keyed = |node| terms.iter().any(|term| self.label(node, term.topology_key).is_some());
        let here = terms.iter().all(|term| self.label(self.node, term.topology_key).is_some());
        let beside = terms.iter().all(|term| {
            self.others()
                .any(|(node, other, _)| self.share_domain(node, term.topology_key) && all(other))
        });
        let alone = !self.others().any(|(node, other, _)| keyed(node) && all(other));
        terms.is_empty() || (here && (beside || (alone && all(self.spec()))))
    }

    fn spreads(&self) -> bool {
        let hard: Vec<_> = self.spec().spread.iter().filter(|one| one.hard).collect();
        hard.iter().all(|constraint| {
            let Some(own) = self.label(self.node, constraint.topology_key) else { return false };
            let mut counts: BTreeMap<Symbol, i64> = BTreeMap::new();
            let counts_node = |node: NodeId| {
                hard.iter().all(|one| self.label(node, one.topology_key).is_some())
                    && (constraint.node_affinity_policy == InclusionPolicy::Ignore
                        || self.selects(node))
                    && (constraint.node_taints_policy == InclusionPolicy::Ignore
                        || self.tolerates_taints(node))
            };
            for &node in self.snapshot.node_list() {
                if let Some(value) = self.label(node, constraint.topology_key)
                    && counts_node(node)
                {
                    counts.entry(value).or_default();
                }
            }
            let selected =
                |pod: &PodTemplate| constraint.selector.matches(&pod.labels, &self.model.symbols);
            // An empty selector counts no pod.
            for (node, other, terminating) in self.others() {
                if !terminating
                    && !constraint.selector.is_empty()
                    && counts_node(node)
                    && other.namespace == self.spec().namespace
                    && selected(other)
                    && let Some(value) = self.label(node, constraint.topology_key)
                {
                    *counts.entry(value).or_default() += 1;
                }
            }
            let few = i64::try_from(counts.len()).expect("few domains") < constraint.min_domains;
            let least = if few { 0 } else { counts.values().copied().min().unwrap_or(0) };
            let own = counts.get(&own).copied().unwrap_or(0) + i64::from(selected(self.spec()));
            own - least <= constraint.max_skew || counts.is_empty()
        })
    }
}
