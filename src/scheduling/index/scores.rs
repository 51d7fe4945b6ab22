//! Scores over domains: what they count.

use super::bits::{Bits, WORD};
use super::counts::{Step, live_on};
use super::layout::{Kind, Layout};
use crate::model::{Model, NodeId, TemplateId};
use crate::scheduling::Snapshot;
use crate::scheduling::rules::{SpreadRule, SpreadScore, WeightRule};

/// What one constraint of a spreading score counts.
#[derive(Debug)]
pub(super) struct Spread {
    pub(super) rule: SpreadRule,
    pub(super) column: usize,
    /// Pods per domain, that of the empty value last; unused where pods count per node.
    pub(super) counts: Vec<i64>,
    /// Nodes with such pods of their own, by how many; only where pods count per node.
    pub(super) levels: Levels,
    /// The weight of a pod, for the set of nodes under consideration.
    pub(super) weight: f64,
}

/// Nodes by their number of pods, for the few numbers that occur when pods are spread.
#[derive(Debug, Default)]
pub(super) struct Levels {
    /// Numbers of pods (none is 0) and the nodes that have so many.
    pub(super) of: Vec<(i64, Bits, u32)>,
    /// Nodes with pods, of numbers that are not among those.
    pub(super) others: Bits,
}

/// Levels that are told apart.
pub(super) const MAX_LEVELS: usize = 8;

impl Levels {
    pub(super) fn set(&mut self, place: usize, pods: i64) {
        self.others.put(place, false);
        if let Some(at) = self.of.iter().position(|(_, places, _)| places.get(place)) {
            if self.of[at].0 == pods {
                return;
            }
            self.of[at].1.put(place, false);
            self.of[at].2 -= 1;
            if self.of[at].2 == 0 {
                self.of.swap_remove(at);
            }
        }
        if pods == 0 {
            return;
        }
        match self.of.iter().position(|(count, ..)| *count == pods) {
            Some(at) => {
                self.of[at].1.put(place, true);
                self.of[at].2 += 1;
            }
            None if self.of.len() < MAX_LEVELS => {
                let mut places = self.others.clone();
                places.clear();
                places.put(place, true);
                self.of.push((pods, places, 1));
            }
            None => self.others.put(place, true),
        }
    }

    pub(super) fn holds(&self, place: usize) -> bool {
        self.others.get(place) || self.of.iter().any(|(_, places, _)| places.get(place))
    }
}

/// A [`WeightRule`] at work.
#[derive(Debug)]
pub(super) struct Weights {
    pub(super) rule: WeightRule,
    pub(super) column: usize,
    /// Sum per domain; unused if every domain is one node.
    pub(super) sums: Vec<i64>,
    /// Nodes with such pods of their own; only if every domain is one node.
    pub(super) holders: Bits,
}

impl Weights {
    pub(super) fn of_class(&self, template: TemplateId) -> i64 {
        let list = &self.rule.weights;
        let from = list.partition_point(|entry| entry.0 < template);
        list[from..].iter().take_while(|entry| entry.0 == template).map(|entry| entry.1).sum()
    }

    pub(super) fn on_node(&self, snapshot: &Snapshot, node: NodeId) -> i64 {
        let classes = snapshot.row(node).classes.iter();
        classes.map(|class| i64::from(class.pods) * self.of_class(class.template)).sum()
    }
}

impl Spread {
    pub(super) fn new(
        rule: SpreadRule,
        (model, snapshot): (&Model, &Snapshot),
        layout: &mut Layout,
    ) -> Self {
        let column = layout.column((model, snapshot), rule.key);
        let (per_node, of) = (rule.per_node, layout.get(column));
        Self {
            counts: if per_node { Vec::new() } else { vec![0; of.domains + 1] },
            levels: Levels {
                of: Vec::new(),
                others: Bits::none(if per_node { layout.nodes.len() } else { 0 }),
            },
            weight: 0.0,
            rule,
            column,
        }
    }

    pub(super) fn follow(
        &mut self,
        score: &SpreadScore,
        snapshot: &Snapshot,
        layout: &Layout,
        step: Step,
    ) {
        if self.rule.per_node {
            let pods = live_on(snapshot, step.node, &self.rule.counted);
            self.levels.set(step.place, pods);
        } else if self.rule.nodes.contains(step.node) && score.scored.contains(step.node) {
            let domain = layout.get(self.column).of_or_empty(step.place);
            self.counts[domain] += step.live;
        }
    }

    /// Number of domains among scored feasible nodes.
    pub(super) fn size(&self, layout: &Layout, scored: &Bits) -> usize {
        if self.rule.per_node {
            return scored.count();
        }
        let of = layout.get(self.column);
        let mut seen = vec![false; of.domains + 1];
        if of.kind == Kind::PerCell {
            for cell in &layout.cells {
                let common = cell.words().iter().zip(scored.words()).enumerate();
                let mut common = common.filter(|(_, (a, b))| *a & *b != 0);
                if let Some((at, (a, b))) = common.next() {
                    let place = at * WORD + (a & b).trailing_zeros() as usize;
                    seen[of.of_or_empty(place)] = true;
                }
            }
        } else {
            scored.iter().for_each(|place| seen[of.of_or_empty(place)] = true);
        }
        seen.into_iter().filter(|&seen| seen).count()
    }
}

impl Weights {
    pub(super) fn new(
        rule: WeightRule,
        (model, snapshot): (&Model, &Snapshot),
        layout: &mut Layout,
    ) -> Self {
        let column = layout.column((model, snapshot), rule.key);
        let (count, of) = (layout.nodes.len(), layout.get(column));
        let unique = of.kind == Kind::Unique;
        Self {
            sums: vec![0; if unique { 0 } else { of.domains.max(1) }],
            holders: Bits::none(if unique { count } else { 0 }),
            rule,
            column,
        }
    }

    pub(super) fn follow(&mut self, snapshot: &Snapshot, layout: &Layout, step: Step) {
        let weight = self.of_class(step.template);
        if step.pods == 0 || weight == 0 {
            return;
        }
        let Some(domain) = layout.get(self.column).of(step.place) else { return };
        if self.sums.is_empty() {
            let sum = self.on_node(snapshot, step.node);
            self.holders.put(step.place, sum != 0);
        } else {
            self.sums[domain] += weight * step.pods;
        }
    }
}
