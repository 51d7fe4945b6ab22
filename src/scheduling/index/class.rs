//! What plugins over domains say of one pod class: filters and scores, kept up to date.

use std::borrow::Cow;

use super::bits::Bits;
use super::counts::{Holders, Require, Skew, Step, exist, live_on, replay};
use super::layout::{Kind, Layout};
use super::scores::{Spread, Weights};
use crate::base::id::IdSet;
use crate::model::{Model, TemplateId};
use crate::scheduling::Snapshot;
use crate::scheduling::changes::Change;
use crate::scheduling::plugins::{domain_weight, spread_sum};
use crate::scheduling::rules::{DomainRules, ForbidRule, NodeSet, SpreadScore, UNSCORED};

/// The state of one class.
#[derive(Debug)]
pub(super) struct Class {
    seen: u64,
    follow_taints: bool,
    /// Classes whose pods matter to some rule.
    heard: IdSet<TemplateId>,
    skews: Vec<Skew>,
    forbids: Vec<(ForbidRule, Holders)>,
    requires: Vec<Require>,
    spread: Option<(SpreadScore, Vec<Spread>)>,
    weights: Vec<Weights>,
    /// Nodes that score unlike the others of their cell and level.
    odd: Bits,
    /// All nodes of a cell that are not odd score alike.
    by_cell: bool,
}

impl Class {
    pub(super) fn new(
        rules: DomainRules,
        model: &Model,
        snapshot: &Snapshot,
        layout: &mut Layout,
    ) -> Self {
        let mut heard = IdSet::with_capacity(model.templates.len());
        let mut hear = |counted: &IdSet<TemplateId>| heard.union_with(counted);
        rules.skews.iter().for_each(|rule| hear(&rule.counted));
        rules.forbids.iter().for_each(|rule| hear(&rule.counted));
        rules.requires.iter().for_each(|rule| hear(&rule.counted));
        rules.spread.iter().flat_map(|s| &s.constraints).for_each(|rule| hear(&rule.counted));
        for rule in &rules.weights {
            heard.extend(rule.weights.iter().map(|entry| entry.0));
        }
        let count = layout.nodes.len();
        let forbids = rules.forbids.into_iter().map(|rule| {
            let column = layout.column((model, snapshot), rule.key);
            let holders = Holders::new(&rule.counted, column, snapshot, layout);
            (rule, holders)
        });
        let forbids = forbids.collect();
        let requires =
            rules.requires.into_iter().map(|rule| Require::new(rule, model, snapshot, layout));
        let requires = requires.collect();
        let mut class = Self {
            seen: snapshot.changes().next(),
            follow_taints: rules.follow_taints,
            heard,
            skews: Vec::new(),
            forbids,
            requires,
            spread: rules.spread.map(|score| {
                let constraints = score.constraints.iter().cloned();
                let new = |rule| Spread::new(rule, (model, snapshot), layout);
                let spreads = constraints.map(new).collect();
                (score, spreads)
            }),
            weights: (rules.weights.into_iter())
                .map(|rule| Weights::new(rule, (model, snapshot), layout))
                .collect(),
            odd: Bits::none(count),
            by_cell: true,
        };
        for rule in rules.skews {
            class.skews.push(Skew::new(rule, model, snapshot, layout));
        }
        class.count_scores(snapshot, layout);
        class.find_odd(layout);
        class
    }

    fn count_scores(&mut self, snapshot: &Snapshot, layout: &Layout) {
        if let Some((score, spreads)) = &mut self.spread {
            for spread in spreads {
                let counted = spread.rule.counted.clone();
                let any = exist(snapshot, &counted);
                replay(
                    snapshot,
                    layout,
                    |t| counted.contains(t),
                    any,
                    |step| {
                        spread.follow(score, snapshot, layout, step);
                    },
                );
            }
        }
        for weights in &mut self.weights {
            let any = weights.rule.weights.iter().any(|e| snapshot.class_total(e.0) > 0);
            let heard = &self.heard;
            replay(
                snapshot,
                layout,
                |t| heard.contains(t),
                any,
                |step| {
                    weights.follow(snapshot, layout, step);
                },
            );
        }
    }

    /// Nodes that score unlike their cell for reasons that do not change, and whether there is
    /// such a thing as a cell's score.
    fn find_odd(&mut self, layout: &Layout) {
        if let Some((score, spreads)) = &self.spread {
            for (place, &node) in layout.nodes.iter().enumerate() {
                if !score.scored.contains(node) {
                    self.odd.put(place, true);
                }
            }
            for spread in spreads {
                let of = layout.get(spread.column);
                if spread.rule.per_node {
                    let mut without = Bits::all(layout.nodes.len());
                    without.drop(&of.labelled);
                    self.odd.add(&without);
                }
                self.by_cell &= spread.rule.per_node || of.kind == Kind::PerCell;
            }
        }
        for weights in &self.weights {
            self.by_cell &= layout.get(weights.column).kind != Kind::Mixed;
        }
    }

    /// Looks at what changed. False if it cannot, because too much has.
    pub(super) fn follow(&mut self, snapshot: &Snapshot, layout: &Layout) -> bool {
        let log = snapshot.changes();
        let Some(changes) = log.since(self.seen) else { return false };
        for change in changes {
            match *change {
                Change::Node(_) if self.follow_taints => return false,
                Change::Node(_) => {}
                Change::Pods { node, template, pods, live } => {
                    if self.heard.contains(template) && snapshot.is_present(node) {
                        let place = snapshot.position(node) as usize;
                        let (pods, live) = (i64::from(pods), i64::from(live));
                        let step = Step { node, place, template, pods, live };
                        self.step(snapshot, layout, step);
                    }
                }
            }
        }
        self.seen = log.next();
        true
    }

    fn step(&mut self, snapshot: &Snapshot, layout: &Layout, step: Step) {
        for skew in &mut self.skews {
            skew.follow(layout, step);
        }
        for (rule, holders) in &mut self.forbids {
            if step.pods != 0 && rule.counted.contains(step.template) {
                holders.follow(&rule.counted, snapshot, layout, step);
            }
        }
        for require in &mut self.requires {
            require.follow(snapshot, layout, step);
        }
        if let Some((score, spreads)) = &mut self.spread {
            for spread in spreads {
                if spread.rule.counted.contains(step.template) {
                    spread.follow(score, snapshot, layout, step);
                }
            }
        }
        for weights in &mut self.weights {
            weights.follow(snapshot, layout, step);
        }
    }

    /// Whether the class closes any nodes at all.
    pub(super) fn filters(&self) -> bool {
        !(self.skews.is_empty() && self.forbids.is_empty() && self.requires.is_empty())
    }

    /// Takes the nodes that the rules close out of `open`.
    pub(super) fn close(&self, layout: &Layout, open: &mut Bits) {
        for skew in &self.skews {
            open.drop(&skew.closed);
        }
        for (_, holders) in &self.forbids {
            open.drop(&holders.near);
        }
        for require in &self.requires {
            require.close(layout, open);
        }
    }

    /// Whether the class has domain scores.
    pub(super) fn scores(&self) -> (bool, bool) {
        (self.spread.is_some(), !self.weights.is_empty())
    }

    /// Whether a cell's nodes score alike but for those that [`Self::odd_among`] tells.
    pub(super) fn by_cell(&self) -> bool {
        self.by_cell
    }

    /// The nodes that may score unlike others of their cell and level. A level is a set of nodes
    /// with equally many pods of their own; nodes in none form one more.
    pub(super) fn odd_among(&self, nodes: &Bits, odd: &mut Bits) -> impl Iterator<Item = &Bits> {
        odd.copy_from(&self.odd);
        let mut levels: &[_] = &[];
        let per_node = self.spread.iter().flat_map(|(_, spreads)| spreads);
        for (at, spread) in per_node.filter(|spread| spread.rule.per_node).enumerate() {
            odd.add(&spread.levels.others);
            if at == 0 {
                levels = &spread.levels.of;
            } else {
                spread.levels.of.iter().for_each(|(_, places, _)| odd.add(places));
            }
        }
        for weights in self.weights.iter().filter(|weights| weights.sums.is_empty()) {
            odd.add(&weights.holders);
        }
        odd.keep(nodes);
        levels.iter().map(|(_, places, _)| places)
    }

    /// Prepares the spreading score for a set of feasible nodes: weights of the constraints.
    pub(super) fn consider(&mut self, layout: &Layout, feasible: &Bits) {
        let Some((score, spreads)) = &mut self.spread else { return };
        let unscored = match &score.scored {
            NodeSet::All => None,
            NodeSet::Only(nodes) => Some(nodes),
        };
        let mut scored = Cow::Borrowed(feasible);
        if let Some(nodes) = unscored {
            for place in feasible.iter().filter(|&place| !nodes.contains(layout.nodes[place])) {
                scored.to_mut().put(place, false);
            }
        }
        for spread in spreads {
            let size = spread.size(layout, &scored);
            spread.weight = domain_weight(size);
        }
    }

    /// The raw spreading score of the node at a place.
    pub(super) fn spread_score(&self, snapshot: &Snapshot, layout: &Layout, place: usize) -> i64 {
        let Some((score, spreads)) = &self.spread else { return 0 };
        let node = layout.nodes[place];
        if !score.scored.contains(node) {
            return UNSCORED;
        }
        spread_sum(spreads.iter().filter_map(|spread| {
            let domain = layout.get(spread.column).of(place)?;
            let pods = if spread.rule.per_node {
                if spread.levels.holds(place) {
                    live_on(snapshot, node, &spread.rule.counted)
                } else {
                    0
                }
            } else {
                spread.counts[domain]
            };
            Some((pods, spread.weight, spread.rule.max_skew))
        }))
    }

    /// The raw score by weights of the node at a place.
    pub(super) fn weight_score(&self, snapshot: &Snapshot, layout: &Layout, place: usize) -> i64 {
        let of = |weights: &Weights| {
            if weights.sums.is_empty() {
                let node = layout.nodes[place];
                let holds = weights.holders.get(place);
                return if holds { weights.on_node(snapshot, node) } else { 0 };
            }
            layout.get(weights.column).of(place).map_or(0, |domain| weights.sums[domain])
        };
        self.weights.iter().map(of).sum()
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        let bits = self.odd.bytes();
        let rules = self.skews.len() + self.forbids.len() + self.weights.len();
        let counts: usize = self.skews.iter().map(|skew| skew.counts.len() * 16).sum();
        bits * (1 + rules) + counts + size_of::<Self>()
    }
}
