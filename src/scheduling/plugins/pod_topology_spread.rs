//! PodTopologySpread: pods of a kind in equal numbers over zones, nodes or other domains.

use super::node_affinity::{RequiredNodes, restricts};
use super::pod_topology_spread_class::{ClassSpread, Constraint, domain_weight, spread_sum};
use super::taint_toleration::first_untolerated;
use crate::base::map::LookupMap;
use crate::model::{Labels, NodeId, PluginArgs, SpreadDefaults, TemplateId};
use crate::registry::{Descriptor, Field};
use crate::scheduling::framework::{
    BuildCx, CycleCx, Dependency, Plugin, PluginDef, Point, PreFilter, PreScore, Rejection, Verdict,
};
use crate::scheduling::rules::{DomainRules, NodeSet, SkewRule, SpreadRule, SpreadScore, UNSCORED};
use crate::scheduling::topology::TopologyIndex;
use crate::scheduling::{BoundPod, ClusterEvent, NodeRow, WakeSet};

/// The table's entry.
pub(super) const DEF: PluginDef = PluginDef {
    descriptor: Descriptor {
        name: "PodTopologySpread",
        summary: "Spreads pods evenly over zones, nodes or other domains",
        help: "Honours `topologySpreadConstraints`: DoNotSchedule filters nodes by the skew their \
               domain would have, ScheduleAnyway prefers domains with fewer matching pods. Pods \
               without constraints get the default ones.",
        fields: &[
            Field {
                name: "defaultingType",
                unit: "name",
                default: "System",
                range: "System or List",
                help: "whether pods without constraints get Kubernetes' own or those listed",
            },
            Field {
                name: "defaultConstraints",
                unit: "[TopologySpreadConstraint]",
                default: "none",
                range: "",
                help: "constraints for pods that have none, with defaultingType List",
            },
        ],
    },
    points: &[Point::PreFilter, Point::Filter, Point::PreScore, Point::Score],
    filter_depends: Some(Dependency::Domain),
    score_depends: Some(Dependency::FeasibleSet),
    wakes_on: WakeSet::POD_ADD
        .with(WakeSet::POD_DELETE)
        .with(WakeSet::POD_LABEL)
        .with(WakeSet::POD_TOLERATION)
        .with(WakeSet::NODE_ADD)
        .with(WakeSet::NODE_DELETE)
        .with(WakeSet::NODE_LABEL)
        .with(WakeSet::NODE_TAINT),
    build: Some(|cx| Box::new(PodTopologySpread::new(cx))),
};

/// Pods per domain of one constraint; `None` where no node of the domain counts.
#[derive(Debug, Default)]
struct Counts {
    of_domain: Vec<Option<i64>>,
    /// Hard: domains that count.
    domains: usize,
    /// Hard: the smallest counts. Unused for soft constraints.
    smallest: Smallest,
    /// Soft: the weight of the constraint's counts.
    weight: f64,
}

impl Counts {
    fn reset(&mut self, domains: usize) {
        self.of_domain.clear();
        self.of_domain.resize(domains, None);
    }

    /// Works out the smallest counts.
    fn summarize(&mut self) {
        self.smallest = Smallest::default();
        self.domains = 0;
        for (domain, count) in self.of_domain.iter().enumerate() {
            if let Some(count) = *count {
                self.domains += 1;
                self.smallest.update(domain, count);
            }
        }
    }

    /// The global minimum of a hard constraint.
    #[inline]
    fn minimum(&self, constraint: &Constraint) -> i64 {
        let enough = i64::try_from(self.domains).is_ok_and(|n| n >= constraint.min_domains);
        if enough { self.smallest.0[0].1 } else { 0 }
    }
}

/// The two domains with the smallest counts, the smaller first.
///
/// Fidelity: kube-scheduler remembers no more than these two. When what-ifs change counts, a third
/// domain that becomes the smallest is not noticed, and the minimum is off as it is there. Of
/// equally small domains it remembers any two; here those of the nodes declared first.
#[derive(Clone, Copy, Debug)]
struct Smallest([(usize, i64); 2]);

impl Default for Smallest {
    fn default() -> Self {
        let none = (usize::MAX, i64::from(i32::MAX));
        Self([none, none])
    }
}

impl Smallest {
    fn update(&mut self, domain: usize, count: i64) {
        let [first, second] = &mut self.0;
        if domain == first.0 || domain == second.0 {
            if domain == first.0 {
                first.1 = count;
            } else {
                second.1 = count;
            }
            if first.1 > second.1 {
                std::mem::swap(first, second);
            }
        } else if count < first.1 {
            *second = *first;
            *first = (domain, count);
        } else if count < second.1 {
            *second = (domain, count);
        }
    }
}

/// What a trial may change of one hard constraint: of the trial's node, its domain's count.
#[derive(Clone, Copy, Debug)]
struct Kept {
    count: Option<i64>,
    domains: usize,
    smallest: Smallest,
}

#[derive(Debug)]
struct PodTopologySpread {
    defaults: SpreadDefaults,
    topology: TopologyIndex,
    classes: LookupMap<TemplateId, ClassSpread>,
    required: RequiredNodes,
    /// Per constraint of the pod, hard while filtering, soft while scoring.
    hard: Vec<Counts>,
    soft: Vec<Counts>,
    /// Trials under way, one entry per hard constraint each.
    trials: Vec<Vec<Kept>>,
}

/// The pods on a node that a constraint counts.
#[inline]
fn matching_pods(row: &NodeRow, constraint: &Constraint) -> i64 {
    let counted = row.classes.iter().filter(|class| constraint.counted.contains(class.template));
    counted.map(|class| i64::from(class.live)).sum()
}

impl PodTopologySpread {
    fn new(cx: &BuildCx<'_>) -> Self {
        let defaults = match cx.args {
            Some(PluginArgs::PodTopologySpread { defaults }) => defaults.clone(),
            _ => SpreadDefaults::System,
        };
        Self {
            defaults,
            topology: TopologyIndex::default(),
            classes: LookupMap::new(),
            required: RequiredNodes::default(),
            hard: Vec::new(),
            soft: Vec::new(),
            trials: Vec::new(),
        }
    }

    fn prepare(&mut self, cx: &CycleCx<'_>) {
        self.required.prepare(cx);
        let (topology, defaults) = (&mut self.topology, &self.defaults);
        self.classes.get_or_insert_with(cx.template, || {
            ClassSpread::new(cx.model, cx.template, defaults, topology)
        });
        self.topology.follow(cx);
    }

    fn class(&self, template: TemplateId) -> &ClassSpread {
        self.classes.get(&template).expect("the class was prepared")
    }

    /// Whether the constraint's inclusion policies let a node count.
    #[inline]
    fn includes(&self, cx: &CycleCx<'_>, constraint: &Constraint, node: NodeId) -> bool {
        (!constraint.honors_affinity || self.required.contains(cx.template, node))
            && (!constraint.honors_taints
                || first_untolerated(cx.spec, &cx.snapshot.row(node).taints).is_none())
    }

    /// The nodes that have the keys of all constraints, if asked for, and that the inclusion
    /// policies of one let count.
    fn nodes(
        &self,
        cx: &CycleCx<'_>,
        (constraints, keys): (&[Constraint], bool),
        includes: Option<&Constraint>,
    ) -> NodeSet {
        let complete = |c: &Constraint| self.topology.get(c.column).is_complete();
        let all_have = !keys || constraints.iter().all(complete);
        let all_count = includes
            .is_none_or(|c| !c.honors_taints && (!c.honors_affinity || !restricts(cx.spec)));
        if all_have && all_count {
            return NodeSet::All;
        }
        let counts = |&node: &NodeId| {
            (all_have || self.has_keys(constraints, node))
                && includes.is_none_or(|c| self.includes(cx, c, node))
        };
        NodeSet::Only(cx.model.nodes.ids().filter(counts).collect())
    }

    /// Whether a node has the keys of all constraints.
    #[inline]
    fn has_keys(&self, constraints: &[Constraint], node: NodeId) -> bool {
        constraints.iter().all(|c| self.topology.get(c.column).of(node).is_some())
    }

    fn count_hard(&self, cx: &CycleCx<'_>, counts: &mut Vec<Counts>) {
        let constraints = &self.class(cx.template).hard;
        counts.resize_with(constraints.len(), Counts::default);
        for (count, constraint) in counts.iter_mut().zip(constraints) {
            count.reset(self.topology.get(constraint.column).count());
        }
        for &node in cx.snapshot.node_list() {
            if !self.has_keys(constraints, node) {
                continue;
            }
            let row = cx.snapshot.row(node);
            for (count, constraint) in counts.iter_mut().zip(constraints) {
                if !self.includes(cx, constraint, node) {
                    continue;
                }
                if let Some(domain) = self.topology.get(constraint.column).of(node) {
                    *count.of_domain[domain].get_or_insert(0) += matching_pods(row, constraint);
                }
            }
        }
        counts.iter_mut().for_each(Counts::summarize);
    }

    /// A pod has come (+1) onto a node or left it (-1) in a what-if.
    ///
    /// Fidelity: unlike the first count, this one looks neither at whether the pod is being
    /// deleted nor at whether the selector is empty, as in kube-scheduler.
    fn follow(&mut self, cx: &CycleCx<'_>, node: NodeId, pod: &BoundPod, change: i64) {
        let other = &cx.model.templates[pod.template];
        let mut counts = std::mem::take(&mut self.hard);
        let constraints = &self.class(cx.template).hard;
        if other.namespace == cx.spec.namespace && self.has_keys(constraints, node) {
            for (count, constraint) in counts.iter_mut().zip(constraints) {
                if !constraint.selector.matches(&other.labels, &cx.model.symbols)
                    || !self.includes(cx, constraint, node)
                {
                    continue;
                }
                let Some(domain) = self.topology.get(constraint.column).of(node) else { continue };
                let pods = &mut count.of_domain[domain];
                count.domains += usize::from(pods.is_none());
                let now = pods.unwrap_or(0) + change;
                *pods = Some(now);
                count.smallest.update(domain, now);
            }
        }
        self.hard = counts;
    }

    fn count_soft(&self, cx: &CycleCx<'_>, feasible: &[NodeId], counts: &mut Vec<Counts>) {
        let class = self.class(cx.template);
        let constraints = &class.soft;
        let scored = |node: NodeId| !class.require_all || self.has_keys(constraints, node);
        counts.resize_with(constraints.len(), Counts::default);
        let scored_nodes = feasible.iter().filter(|&&node| scored(node)).count();
        for (count, constraint) in counts.iter_mut().zip(constraints) {
            let domains = self.topology.get(constraint.column);
            count.reset(domains.count());
            let mut size = 0;
            if constraint.is_hostname {
                size = scored_nodes;
            } else {
                for &node in feasible.iter().filter(|&&node| scored(node)) {
                    let pods = &mut count.of_domain[domains.of_or_empty(node)];
                    size += usize::from(pods.is_none());
                    *pods = Some(0);
                }
            }
            count.weight = domain_weight(size);
        }
        for &node in cx.snapshot.node_list() {
            if !scored(node) {
                continue;
            }
            let row = cx.snapshot.row(node);
            for (count, constraint) in counts.iter_mut().zip(constraints) {
                let domain = self.topology.get(constraint.column).of_or_empty(node);
                if let Some(pods) = &mut count.of_domain[domain]
                    && self.includes(cx, constraint, node)
                {
                    *pods += matching_pods(row, constraint);
                }
            }
        }
    }
}

impl Plugin for PodTopologySpread {
    fn pre_filter(&mut self, cx: &CycleCx<'_>) -> PreFilter {
        self.prepare(cx);
        if self.class(cx.template).hard.is_empty() {
            return PreFilter::Skip;
        }
        let mut counts = std::mem::take(&mut self.hard);
        self.count_hard(cx, &mut counts);
        self.hard = counts;
        PreFilter::Run
    }

    fn filter(&self, cx: &CycleCx<'_>, node: NodeId) -> Verdict {
        for (count, constraint) in self.hard.iter().zip(&self.class(cx.template).hard) {
            let Some(domain) = self.topology.get(constraint.column).of(node) else {
                return Err(Rejection::unresolvable(
                    "node(s) didn't match pod topology spread constraints (missing required label)",
                ));
            };
            let pods = count.of_domain[domain].unwrap_or(0);
            if pods + constraint.own - count.minimum(constraint) > constraint.max_skew {
                return Err(Rejection::unschedulable(
                    "node(s) didn't match pod topology spread constraints",
                ));
            }
        }
        Ok(())
    }

    fn begin_trial(&mut self, cx: &CycleCx<'_>, node: NodeId) {
        let constraints = &self.class(cx.template).hard;
        let kept = self.hard.iter().zip(constraints).map(|(count, constraint)| Kept {
            count: self.topology.get(constraint.column).of(node).and_then(|d| count.of_domain[d]),
            domains: count.domains,
            smallest: count.smallest,
        });
        let kept = kept.collect();
        self.trials.push(kept);
    }

    fn add_pod(&mut self, cx: &CycleCx<'_>, node: NodeId, pod: &BoundPod) {
        self.follow(cx, node, pod, 1);
    }

    fn remove_pod(&mut self, cx: &CycleCx<'_>, node: NodeId, pod: &BoundPod) {
        self.follow(cx, node, pod, -1);
    }

    fn end_trial(&mut self, cx: &CycleCx<'_>, node: NodeId) {
        let kept = self.trials.pop().expect("a trial has begun");
        let mut counts = std::mem::take(&mut self.hard);
        for ((count, constraint), kept) in
            counts.iter_mut().zip(&self.class(cx.template).hard).zip(kept)
        {
            if let Some(domain) = self.topology.get(constraint.column).of(node) {
                count.of_domain[domain] = kept.count;
            }
            (count.domains, count.smallest) = (kept.domains, kept.smallest);
        }
        self.hard = counts;
    }

    fn pre_score(&mut self, cx: &CycleCx<'_>, feasible: &[NodeId]) -> PreScore {
        self.prepare(cx);
        if self.class(cx.template).soft.is_empty() {
            return PreScore::Skip;
        }
        let mut counts = std::mem::take(&mut self.soft);
        self.count_soft(cx, feasible, &mut counts);
        self.soft = counts;
        PreScore::Run
    }

    fn score(&self, cx: &CycleCx<'_>, node: NodeId) -> i64 {
        let class = self.class(cx.template);
        if class.require_all && !self.has_keys(&class.soft, node) {
            return UNSCORED;
        }
        spread_sum(self.soft.iter().zip(&class.soft).filter_map(|(count, constraint)| {
            let domain = self.topology.get(constraint.column).of(node)?;
            let pods = if constraint.is_hostname {
                matching_pods(cx.snapshot.row(node), constraint)
            } else {
                count.of_domain[domain].unwrap_or(0)
            };
            Some((pods, count.weight, constraint.max_skew))
        }))
    }

    fn normalize(&self, _cx: &CycleCx<'_>, _feasible: &[NodeId], scores: &mut [i64]) {
        let scored = || scores.iter().copied().filter(|&score| score != UNSCORED);
        let (min, max) = (scored().min().unwrap_or(0), scored().max().unwrap_or(0));
        for score in scores {
            *score = match (*score, max) {
                (UNSCORED, _) => 0,
                (_, 0) => 100,
                (raw, _) => 100 * (max + min - raw) / max,
            };
        }
    }

    fn rules(&mut self, cx: &CycleCx<'_>, rules: &mut DomainRules) -> bool {
        self.prepare(cx);
        let class = self.class(cx.template);
        let key = |c: &Constraint| self.topology.get(c.column).key();
        for c in &class.hard {
            rules.skews.push(SkewRule {
                key: key(c),
                max_skew: c.max_skew,
                min_domains: c.min_domains,
                own: c.own,
                counted: c.counted.clone(),
                nodes: self.nodes(cx, (&class.hard, true), Some(c)),
            });
        }
        if !class.soft.is_empty() {
            let constraint = |c: &Constraint| SpreadRule {
                key: key(c),
                per_node: c.is_hostname,
                max_skew: c.max_skew,
                counted: c.counted.clone(),
                nodes: self.nodes(cx, (&[], false), Some(c)),
            };
            rules.spread = Some(SpreadScore {
                constraints: class.soft.iter().map(constraint).collect(),
                scored: self.nodes(cx, (&class.soft, class.require_all), None),
            });
        }
        rules.follow_taints = class.hard.iter().chain(&class.soft).any(|c| c.honors_taints);
        true
    }

    fn hint(&mut self, cx: &CycleCx<'_>, event: &ClusterEvent) -> bool {
        self.prepare(cx);
        let hard = &self.class(cx.template).hard;
        let selects = |constraint: &Constraint, template: TemplateId| {
            constraint.selector.matches(&cx.model.templates[template].labels, &cx.model.symbols)
        };
        let in_namespace =
            |template: TemplateId| cx.model.templates[template].namespace == cx.spec.namespace;
        let keys = |labels: &Labels| hard.iter().all(|c| labels.get(c.key).is_some());
        match event {
            ClusterEvent::AssignedPodAdd { template, .. }
            | ClusterEvent::AssignedPodDelete { template, assigned: true, .. } => {
                in_namespace(*template) && hard.iter().any(|c| selects(c, *template))
            }
            ClusterEvent::PodUpdate { assigned, before, after, .. } => {
                let [old, new] = [before, after].map(|&id| &cx.model.templates[id]);
                let tolerant = !assigned && old.tolerations != new.tolerations;
                (tolerant && hard.iter().any(|c| c.honors_taints))
                    || (in_namespace(*after)
                        && old.labels != new.labels
                        && hard.iter().any(|c| selects(c, *before) != selects(c, *after)))
            }
            ClusterEvent::NodeAdd { node, after: one }
            | ClusterEvent::NodeDelete { node, before: one } => {
                keys(&one.spec(cx.model, *node).labels)
            }
            ClusterEvent::NodeUpdate { node, before, after, .. } => {
                let [old, new] = [before, after].map(|at| &at.spec(cx.model, *node).labels);
                let moved = || hard.iter().any(|c| old.get(c.key) != new.get(c.key));
                keys(old) != keys(new) || (keys(new) && (moved() || before.taints != after.taints))
            }
            ClusterEvent::AssignedPodDelete { assigned: false, .. }
            | ClusterEvent::ClaimAdd { .. }
            | ClusterEvent::ClaimUpdate { .. }
            | ClusterEvent::VolumeAdd { .. }
            | ClusterEvent::VolumeUpdate { .. } => false,
        }
    }
}

#[cfg(test)]
#[path = "pod_topology_spread_tests.rs"]
mod tests;
