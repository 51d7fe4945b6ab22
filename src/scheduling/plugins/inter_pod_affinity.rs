//! InterPodAffinity: pods near, or far from, other pods.

use super::inter_pod_affinity_class::{ClassAffinity, Weighing};
use crate::base::id::IdSet;
use crate::base::map::{LookupMap, Symbol};
use crate::model::{AffinityTerm, NodeId, PluginArgs, PodTemplate, TemplateId};
use crate::registry::{Descriptor, Field};
use crate::scheduling::framework::{
    BuildCx, CycleCx, Dependency, Plugin, PluginDef, Point, PreFilter, PreScore, Rejection, Verdict,
};
use crate::scheduling::rules::{DomainRules, ForbidRule, RequireRule, WeightRule};
use crate::scheduling::topology::TopologyIndex;
use crate::scheduling::{BoundPod, ClusterEvent, WakeSet};

/// The table's entry.
pub(super) const DEF: PluginDef = PluginDef {
    descriptor: Descriptor {
        name: "InterPodAffinity",
        summary: "Honours affinity and anti-affinity between pods",
        help: "Required terms filter nodes by the pods in their domains, those of the pods there \
               included; preferred terms of both sides add to the score.",
        fields: &[
            Field {
                name: "hardPodAffinityWeight",
                unit: "",
                default: "1",
                range: "0-100",
                help: "score weight of existing pods' required affinity to the incoming pod",
            },
            Field {
                name: "ignorePreferredTermsOfExistingPods",
                unit: "",
                default: "false",
                range: "true or false",
                help: "skip scores for pods without preferred terms of their own",
            },
        ],
    },
    points: &[Point::PreFilter, Point::Filter, Point::PreScore, Point::Score],
    filter_depends: Some(Dependency::Domain),
    score_depends: Some(Dependency::Domain),
    wakes_on: WakeSet::POD_ADD
        .with(WakeSet::POD_DELETE)
        .with(WakeSet::POD_LABEL)
        .with(WakeSet::NODE_ADD)
        .with(WakeSet::NODE_LABEL),
    build: Some(|cx| Box::new(InterPodAffinity::new(cx))),
};

/// Sums per topology column and domain.
#[derive(Debug, Default)]
struct DomainSums {
    of_column: Vec<Vec<i64>>,
    /// Columns in use.
    used: Vec<usize>,
    /// Something was added, even if it summed up to zero.
    touched: bool,
    /// Domains whose sum is not zero.
    nonzero: usize,
    /// What was added in the trials under way.
    trial: Vec<(usize, usize, i64)>,
}

impl DomainSums {
    fn reset(&mut self, topology: &TopologyIndex) {
        for &column in &self.used {
            self.of_column[column].clear();
        }
        self.used.clear();
        self.touched = false;
        self.nonzero = 0;
        self.of_column.resize_with(topology.len(), Vec::new);
    }

    fn add(&mut self, topology: &TopologyIndex, column: usize, node: NodeId, amount: i64) {
        let Some(domain) = topology.get(column).of(node) else { return };
        let sums = &mut self.of_column[column];
        if sums.is_empty() {
            sums.resize(topology.get(column).count(), 0);
            self.used.push(column);
        }
        let sum = &mut sums[domain];
        self.nonzero -= usize::from(*sum != 0);
        *sum += amount;
        self.nonzero += usize::from(*sum != 0);
        self.touched = true;
    }

    /// Adds for the length of a trial.
    fn try_add(&mut self, topology: &TopologyIndex, column: usize, node: NodeId, amount: i64) {
        if let Some(domain) = topology.get(column).of(node) {
            self.add(topology, column, node, amount);
            self.trial.push((column, domain, amount));
        }
    }

    /// Takes back what was tried since the journal had this length.
    fn undo(&mut self, length: usize) {
        for (column, domain, amount) in self.trial.drain(length..) {
            let sum = &mut self.of_column[column][domain];
            self.nonzero -= usize::from(*sum != 0);
            *sum -= amount;
            self.nonzero += usize::from(*sum != 0);
        }
    }

    #[inline]
    fn get(&self, topology: &TopologyIndex, column: usize, node: NodeId) -> i64 {
        let domain = topology.get(column).of(node);
        domain.and_then(|domain| self.of_column[column].get(domain)).copied().unwrap_or(0)
    }
}

#[derive(Debug)]
struct InterPodAffinity {
    weighing: Weighing,
    topology: TopologyIndex,
    classes: LookupMap<TemplateId, ClassAffinity>,
    /// Pods that match all own affinity terms, per term's domain.
    affinity: DomainSums,
    /// Pods that match an own anti-affinity term, per term; equal keys share a column.
    anti: DomainSums,
    /// Pods whose anti-affinity terms match the incoming pod.
    existing_anti: DomainSums,
    /// Scores.
    weights: DomainSums,
    /// Trials under way: how long the three journals were when each began.
    trials: Vec<[usize; 3]>,
}

impl InterPodAffinity {
    fn new(cx: &BuildCx<'_>) -> Self {
        let weighing = match cx.args {
            Some(PluginArgs::InterPodAffinity {
                hard_pod_affinity_weight,
                ignore_preferred_terms_of_existing_pods,
            }) => Weighing {
                hard_weight: *hard_pod_affinity_weight,
                ignore_preferred_of_existing: *ignore_preferred_terms_of_existing_pods,
            },
            _ => Weighing { hard_weight: 1, ignore_preferred_of_existing: false },
        };
        Self {
            weighing,
            topology: TopologyIndex::default(),
            classes: LookupMap::new(),
            affinity: DomainSums::default(),
            anti: DomainSums::default(),
            existing_anti: DomainSums::default(),
            weights: DomainSums::default(),
            trials: Vec::new(),
        }
    }

    /// A pod has come (+1) onto a node or left it (-1) in a what-if.
    fn follow(&mut self, cx: &CycleCx<'_>, node: NodeId, pod: &BoundPod, change: i64) {
        let class = self.classes.get(&cx.template).expect("the class was prepared");
        let topology = &self.topology;
        if class.matches_all.contains(pod.template) {
            for &column in &class.affinity {
                self.affinity.try_add(topology, column, node, change);
            }
        }
        for term in class.anti.iter().filter(|term| term.matches.contains(pod.template)) {
            self.anti.try_add(topology, term.column, node, change);
        }
        let theirs = class.existing_anti.binary_search_by_key(&pod.template, |e| e.0);
        if let Ok(at) = theirs {
            for &column in &class.existing_anti[at].1 {
                self.existing_anti.try_add(topology, column, node, change);
            }
        }
    }

    fn prepare(&mut self, cx: &CycleCx<'_>) {
        let (topology, weighing) = (&mut self.topology, self.weighing);
        self.classes.get_or_insert_with(cx.template, || {
            ClassAffinity::new(cx.model, cx.template, weighing, topology)
        });
        self.topology.follow(cx);
    }
}

/// Whether the class keeps away from, or wants to be near, other pods at all costs.
fn requires(spec: &PodTemplate) -> bool {
    !spec.pod_affinity.required.is_empty() || !spec.pod_affinity.anti_required.is_empty()
}

/// Whether `term` matches pods of `spec` by namespace names and labels alone: queueing hints do
/// not know the labels of namespaces.
fn hint_matches(cx: &CycleCx<'_>, term: &AffinityTerm, spec: &PodTemplate) -> bool {
    let all = term.namespace_selector.as_ref().is_some_and(|selector| selector.is_empty());
    (all || term.namespaces.binary_search(&spec.namespace).is_ok())
        && term.selector.matches(&spec.labels, &cx.model.symbols)
}

impl Plugin for InterPodAffinity {
    fn pre_filter(&mut self, cx: &CycleCx<'_>) -> PreFilter {
        self.prepare(cx);
        let class = self.classes.get(&cx.template).expect("the class was prepared");
        let exists = |template: TemplateId| cx.snapshot.class_total(template) > 0;
        let guarded = class.existing_anti.iter().any(|(template, _)| exists(*template));
        if !requires(cx.spec) && !guarded {
            return PreFilter::Skip;
        }
        let topology = &self.topology;
        for sums in [&mut self.affinity, &mut self.anti, &mut self.existing_anti] {
            sums.reset(topology);
        }
        for &node in cx.snapshot.node_list() {
            for count in &cx.snapshot.row(node).classes {
                let pods = i64::from(count.pods);
                if class.matches_all.contains(count.template) {
                    for &column in &class.affinity {
                        self.affinity.add(topology, column, node, pods);
                    }
                }
                for term in &class.anti {
                    if term.matches.contains(count.template) {
                        self.anti.add(topology, term.column, node, pods);
                    }
                }
                let theirs = class.existing_anti.binary_search_by_key(&count.template, |e| e.0);
                if let Ok(at) = theirs {
                    for &column in &class.existing_anti[at].1 {
                        self.existing_anti.add(topology, column, node, pods);
                    }
                }
            }
        }
        if !requires(cx.spec) && !self.existing_anti.touched {
            return PreFilter::Skip;
        }
        PreFilter::Run
    }

    fn filter(&self, cx: &CycleCx<'_>, node: NodeId) -> Verdict {
        let class = self.classes.get(&cx.template).expect("the class was prepared");
        let topology = &self.topology;
        let lacks_key =
            class.affinity.iter().any(|&column| topology.get(column).of(node).is_none());
        let near_all =
            || class.affinity.iter().all(|&column| self.affinity.get(topology, column, node) > 0);
        let first_of_group = || self.affinity.nonzero == 0 && class.matches_itself;
        if lacks_key || !(near_all() || first_of_group()) {
            return Err(Rejection::unresolvable("node(s) didn't match pod affinity rules"));
        }
        if class.anti.iter().any(|term| self.anti.get(topology, term.column, node) > 0) {
            return Err(Rejection::unschedulable("node(s) didn't match pod anti-affinity rules"));
        }
        let theirs = &self.existing_anti;
        if theirs.used.iter().any(|&column| theirs.get(topology, column, node) > 0) {
            return Err(Rejection::unschedulable(
                "node(s) didn't satisfy existing pods anti-affinity rules",
            ));
        }
        Ok(())
    }

    fn begin_trial(&mut self, _cx: &CycleCx<'_>, _node: NodeId) {
        let sums = [&self.affinity, &self.anti, &self.existing_anti];
        self.trials.push(sums.map(|sums| sums.trial.len()));
    }

    fn add_pod(&mut self, cx: &CycleCx<'_>, node: NodeId, pod: &BoundPod) {
        self.follow(cx, node, pod, 1);
    }

    fn remove_pod(&mut self, cx: &CycleCx<'_>, node: NodeId, pod: &BoundPod) {
        self.follow(cx, node, pod, -1);
    }

    fn end_trial(&mut self, _cx: &CycleCx<'_>, _node: NodeId) {
        let lengths = self.trials.pop().expect("a trial has begun");
        let sums = [&mut self.affinity, &mut self.anti, &mut self.existing_anti];
        for (sums, length) in sums.into_iter().zip(lengths) {
            sums.undo(length);
        }
    }

    fn pre_score(&mut self, cx: &CycleCx<'_>, _feasible: &[NodeId]) -> PreScore {
        self.prepare(cx);
        let class = self.classes.get(&cx.template).expect("the class was prepared");
        if class.weights.is_empty() {
            return PreScore::Skip;
        }
        self.weights.reset(&self.topology);
        for &node in cx.snapshot.node_list() {
            for count in &cx.snapshot.row(node).classes {
                let of = class.weights.binary_search_by_key(&count.template, |entry| entry.0);
                let Ok(at) = of else { continue };
                for &(column, weight) in &class.weights[at].1 {
                    let amount = weight * i64::from(count.pods);
                    self.weights.add(&self.topology, column, node, amount);
                }
            }
        }
        if self.weights.touched { PreScore::Run } else { PreScore::Skip }
    }

    fn score(&self, _cx: &CycleCx<'_>, node: NodeId) -> i64 {
        let used = self.weights.used.iter();
        used.map(|&column| self.weights.get(&self.topology, column, node)).sum()
    }

    #[expect(clippy::cast_precision_loss, reason = "kube-scheduler divides doubles as well")]
    #[expect(clippy::cast_possible_truncation, reason = "the value lies between 0 and 100")]
    fn normalize(&self, _cx: &CycleCx<'_>, _feasible: &[NodeId], scores: &mut [i64]) {
        let min = scores.iter().copied().min().unwrap_or(0);
        let max = scores.iter().copied().max().unwrap_or(0);
        for score in scores {
            *score = if max == min {
                0
            } else {
                (100.0 * ((*score - min) as f64 / (max - min) as f64)) as i64
            };
        }
    }

    fn rules(&mut self, cx: &CycleCx<'_>, rules: &mut DomainRules) -> bool {
        self.prepare(cx);
        let class = self.classes.get(&cx.template).expect("the class was prepared");
        let key = |column: usize| self.topology.get(column).key();
        if !class.affinity.is_empty() {
            rules.requires.push(RequireRule {
                keys: class.affinity.iter().map(|&column| key(column)).collect(),
                counted: class.matches_all.clone(),
                first_may: class.matches_itself,
            });
        }
        let mut forbid = |column: usize, counted: &IdSet<TemplateId>| {
            let key = key(column);
            match rules.forbids.iter_mut().find(|rule| rule.key == key) {
                Some(rule) => rule.counted.union_with(counted),
                None => rules.forbids.push(ForbidRule { key, counted: counted.clone() }),
            }
        };
        for term in &class.anti {
            forbid(term.column, &term.matches);
        }
        for (template, columns) in &class.existing_anti {
            let counted = IdSet::from_iter([*template]);
            columns.iter().for_each(|&column| forbid(column, &counted));
        }
        for (template, list) in &class.weights {
            for &(column, weight) in list {
                let key = key(column);
                match rules.weights.iter_mut().find(|rule| rule.key == key) {
                    Some(rule) => rule.weights.push((*template, weight)),
                    None => {
                        let weights = vec![(*template, weight)];
                        rules.weights.push(WeightRule { key, weights });
                    }
                }
            }
        }
        true
    }

    fn hint(&mut self, cx: &CycleCx<'_>, event: &ClusterEvent) -> bool {
        let own = &cx.spec.pod_affinity;
        let all = |terms: &[AffinityTerm], template: TemplateId| {
            let other = &cx.model.templates[template];
            !terms.is_empty() && terms.iter().all(|term| hint_matches(cx, term, other))
        };
        match event {
            ClusterEvent::AssignedPodAdd { template, .. } => all(&own.required, *template),
            ClusterEvent::AssignedPodDelete { template, assigned, .. } => {
                *assigned && all(&own.anti_required, *template)
            }
            ClusterEvent::PodUpdate { assigned, before, after, .. } => {
                let becomes = |terms| [all(terms, *before), all(terms, *after)];
                *assigned
                    && (becomes(&own.required) == [false, true]
                        || becomes(&own.anti_required) == [true, false])
            }
            ClusterEvent::NodeAdd { node, after } => {
                let labels = &after.spec(cx.model, *node).labels;
                !own.anti_required.is_empty()
                    || own.required.iter().any(|term| labels.get(term.topology_key).is_some())
            }
            ClusterEvent::NodeUpdate { node, before, after, .. } => {
                let [old, new] = [before, after].map(|at| &at.spec(cx.model, *node).labels);
                let values = |term: &AffinityTerm| [old, new].map(|of| of.get(term.topology_key));
                let differs = |[old, new]: [Option<Symbol>; 2]| old != new;
                own.required.iter().map(values).any(|at| differs(at) && at[1].is_some())
                    || own.anti_required.iter().map(values).any(|at| differs(at) && at[0].is_some())
            }
            ClusterEvent::NodeDelete { .. }
            | ClusterEvent::ClaimAdd { .. }
            | ClusterEvent::ClaimUpdate { .. }
            | ClusterEvent::VolumeAdd { .. }
            | ClusterEvent::VolumeUpdate { .. } => false,
        }
    }
}

#[cfg(test)]
#[path = "inter_pod_affinity_tests.rs"]
mod tests;
