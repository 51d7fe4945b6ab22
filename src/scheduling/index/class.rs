//! What plugins over domains say of one pod class: counts per domain, kept up to date, and the
//! nodes that they close.

use super::bits::Bits;
use super::layout::{Kind, Layout};
use crate::base::id::IdSet;
use crate::model::{Model, NodeId, TemplateId};
use crate::scheduling::Snapshot;
use crate::scheduling::changes::Change;
use crate::scheduling::plugins::spread_sum;
use crate::scheduling::rules::{
    DomainRules, ForbidRule, RequireRule, SkewRule, SpreadRule, SpreadScore, UNSCORED, WeightRule,
};

/// A change of pods, as rules see it.
#[derive(Clone, Copy, Debug)]
struct Step {
    node: NodeId,
    place: usize,
    template: TemplateId,
    pods: i64,
    live: i64,
}

/// Pods of some classes on a node.
fn pods_on(snapshot: &Snapshot, node: NodeId, counted: &IdSet<TemplateId>) -> i64 {
    let classes = snapshot.row(node).classes.iter();
    classes.filter(|c| counted.contains(c.template)).map(|c| i64::from(c.pods)).sum()
}

/// Likewise, those that do not terminate.
pub(super) fn live_on(snapshot: &Snapshot, node: NodeId, counted: &IdSet<TemplateId>) -> i64 {
    let classes = snapshot.row(node).classes.iter();
    classes.filter(|c| counted.contains(c.template)).map(|c| i64::from(c.live)).sum()
}

/// Calls `each` for every change that a rule which counts `counted` would have seen on the way
/// from an empty cluster.
fn replay(
    snapshot: &Snapshot,
    layout: &Layout,
    counted: impl Fn(TemplateId) -> bool,
    any: bool,
    mut each: impl FnMut(Step),
) {
    if !any {
        return;
    }
    for (place, &node) in layout.nodes.iter().enumerate() {
        for class in snapshot.row(node).classes.iter().filter(|c| counted(c.template)) {
            let (pods, live) = (i64::from(class.pods), i64::from(class.live));
            each(Step { node, place, template: class.template, pods, live });
        }
    }
}

fn exist(snapshot: &Snapshot, counted: &IdSet<TemplateId>) -> bool {
    counted.iter().any(|template| snapshot.class_total(template) > 0)
}

/// Domains that may not grow further ahead of the emptiest.
#[derive(Debug)]
struct Skew {
    rule: SkewRule,
    column: usize,
    /// Pods per domain; `None` where no node of the domain counts.
    counts: Vec<Option<i64>>,
    /// Number of domains per count.
    spread: Vec<u32>,
    domains: i64,
    /// A domain with more pods is closed.
    most: i64,
    closed: Bits,
}

impl Skew {
    fn new(rule: SkewRule, model: &Model, snapshot: &Snapshot, layout: &mut Layout) -> Self {
        let column = layout.column((model, snapshot), rule.key);
        let of = layout.get(column);
        let mut counts = vec![None; of.domains];
        for (place, &node) in layout.nodes.iter().enumerate() {
            if rule.nodes.contains(node)
                && let Some(domain) = of.of(place)
            {
                counts[domain] = Some(0);
            }
        }
        let domains = counts.iter().flatten().count();
        let mut skew = Self {
            column,
            counts,
            spread: vec![u32::try_from(domains).expect("fewer domains than nodes")],
            domains: i64::try_from(domains).expect("fewer domains than nodes"),
            most: 0,
            closed: Bits::none(layout.nodes.len()),
            rule,
        };
        let any = exist(snapshot, &skew.rule.counted);
        let counted = skew.rule.counted.clone();
        replay(
            snapshot,
            layout,
            |t| counted.contains(t),
            any,
            |step| {
                skew.count(layout, step);
            },
        );
        skew.most = skew.limit();
        skew.close_all(layout);
        skew
    }

    /// Counts a change; tells the domain, if it is one that counts.
    fn count(&mut self, layout: &Layout, step: Step) -> Option<usize> {
        if step.live == 0 || !self.rule.nodes.contains(step.node) {
            return None;
        }
        let domain = layout.get(self.column).of(step.place)?;
        let before = self.counts[domain]?;
        let after = before + step.live;
        self.counts[domain] = Some(after);
        let at = |count: i64| usize::try_from(count).expect("counts are not negative");
        if self.spread.len() <= at(after) {
            self.spread.resize(at(after) + 1, 0);
        }
        self.spread[at(before)] -= 1;
        self.spread[at(after)] += 1;
        Some(domain)
    }

    /// The largest count that leaves a domain open.
    fn limit(&self) -> i64 {
        let least = if self.domains < self.rule.min_domains {
            0
        } else if self.domains == 0 {
            i64::from(i32::MAX)
        } else {
            let least = self.spread.iter().position(|&domains| domains > 0).unwrap_or(0);
            i64::try_from(least).expect("counts of pods")
        };
        self.rule.max_skew - self.rule.own + least
    }

    fn is_closed(&self, domain: usize) -> bool {
        self.counts[domain].unwrap_or(0) > self.most
    }

    fn close_all(&mut self, layout: &Layout) {
        let of = layout.get(self.column);
        let mut closed = Bits::all(layout.nodes.len());
        for domain in (0..of.domains).filter(|&domain| !self.is_closed(domain)) {
            of.put_domain(domain, &mut closed, false);
        }
        self.closed = closed;
    }

    fn follow(&mut self, layout: &Layout, step: Step) {
        if !self.rule.counted.contains(step.template) {
            return;
        }
        let Some(domain) = self.count(layout, step) else { return };
        let most = self.limit();
        if most == self.most {
            let closed = self.is_closed(domain);
            layout.get(self.column).put_domain(domain, &mut self.closed, closed);
        } else {
            self.most = most;
            self.close_all(layout);
        }
    }
}

/// The domains that hold pods of some classes.
#[derive(Debug)]
struct Holders {
    column: usize,
    /// Pods per domain; empty if every domain is one node, whose pods are then counted there.
    sums: Vec<i64>,
    /// Nodes of domains with such pods.
    near: Bits,
}

impl Holders {
    fn new(
        counted: &IdSet<TemplateId>,
        column: usize,
        snapshot: &Snapshot,
        layout: &Layout,
    ) -> Self {
        let of = layout.get(column);
        let sums = if of.kind == Kind::Unique { 0 } else { of.domains };
        let near = Bits::none(layout.nodes.len());
        let mut holders = Self { column, sums: vec![0; sums], near };
        let any = exist(snapshot, counted);
        replay(
            snapshot,
            layout,
            |t| counted.contains(t),
            any,
            |step| {
                holders.follow(counted, snapshot, layout, step);
            },
        );
        holders
    }

    /// Counts a change of a class that is counted; tells whether the node has the label.
    fn follow(
        &mut self,
        counted: &IdSet<TemplateId>,
        snapshot: &Snapshot,
        layout: &Layout,
        step: Step,
    ) -> bool {
        let of = layout.get(self.column);
        let Some(domain) = of.of(step.place) else { return false };
        if self.sums.is_empty() {
            self.near.put(step.place, pods_on(snapshot, step.node, counted) > 0);
            return true;
        }
        let before = self.sums[domain] > 0;
        self.sums[domain] += step.pods;
        let after = self.sums[domain] > 0;
        if before != after {
            of.put_domain(domain, &mut self.near, after);
        }
        true
    }
}

/// A [`RequireRule`] at work.
#[derive(Debug)]
struct Require {
    rule: RequireRule,
    holders: Vec<Holders>,
    /// Pods on nodes with a key, summed over the keys.
    found: i64,
}

/// What one constraint of a spreading score counts.
#[derive(Debug)]
struct Spread {
    rule: SpreadRule,
    column: usize,
    /// Pods per domain, that of the empty value last; unused where pods count per node.
    counts: Vec<i64>,
    /// Nodes with such pods of their own, by how many; only where pods count per node.
    levels: Levels,
    /// The weight of a pod, for the set of nodes under consideration.
    weight: f64,
}

/// Nodes by their number of pods, for the few numbers that occur when pods are spread.
#[derive(Debug, Default)]
struct Levels {
    /// Numbers of pods (none is 0) and the nodes that have so many.
    of: Vec<(i64, Bits, u32)>,
    /// Nodes with pods, of numbers that are not among those.
    others: Bits,
}

/// Levels that are told apart.
pub(super) const MAX_LEVELS: usize = 8;

impl Levels {
    fn set(&mut self, place: usize, pods: i64) {
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

    fn holds(&self, place: usize) -> bool {
        self.others.get(place) || self.of.iter().any(|(_, places, _)| places.get(place))
    }
}

/// A [`WeightRule`] at work.
#[derive(Debug)]
struct Weights {
    rule: WeightRule,
    column: usize,
    /// Sum per domain; unused if every domain is one node.
    sums: Vec<i64>,
    /// Nodes with such pods of their own; only if every domain is one node.
    holders: Bits,
}

impl Weights {
    fn of_class(&self, template: TemplateId) -> i64 {
        let list = &self.rule.weights;
        let from = list.partition_point(|entry| entry.0 < template);
        list[from..].iter().take_while(|entry| entry.0 == template).map(|entry| entry.1).sum()
    }

    fn on_node(&self, snapshot: &Snapshot, node: NodeId) -> i64 {
        let classes = snapshot.row(node).classes.iter();
        classes.map(|class| i64::from(class.pods) * self.of_class(class.template)).sum()
    }
}

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
            crate::scheduling::rules::NodeSet::All => None,
            crate::scheduling::rules::NodeSet::Only(nodes) => Some(nodes),
        };
        let mut scored = std::borrow::Cow::Borrowed(feasible);
        if let Some(nodes) = unscored {
            for place in feasible.iter().filter(|&place| !nodes.contains(layout.nodes[place])) {
                scored.to_mut().put(place, false);
            }
        }
        for spread in spreads {
            let size = spread.size(layout, &scored);
            spread.weight = crate::scheduling::plugins::domain_weight(size);
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

impl Require {
    fn new(rule: RequireRule, model: &Model, snapshot: &Snapshot, layout: &mut Layout) -> Self {
        let mut found = 0;
        let mut holders = Vec::new();
        for &key in &rule.keys {
            let column = layout.column((model, snapshot), key);
            holders.push(Holders::new(&rule.counted, column, snapshot, layout));
            let labelled = &layout.get(column).labelled;
            for (place, &node) in layout.nodes.iter().enumerate() {
                if labelled.get(place) {
                    found += pods_on(snapshot, node, &rule.counted);
                }
            }
        }
        Self { rule, holders, found }
    }

    fn follow(&mut self, snapshot: &Snapshot, layout: &Layout, step: Step) {
        if step.pods == 0 || !self.rule.counted.contains(step.template) {
            return;
        }
        for holders in &mut self.holders {
            if holders.follow(&self.rule.counted, snapshot, layout, step) {
                self.found += step.pods;
            }
        }
    }

    fn close(&self, layout: &Layout, open: &mut Bits) {
        if self.found == 0 {
            if !self.rule.first_may {
                open.clear();
            }
            for holders in &self.holders {
                open.keep(&layout.get(holders.column).labelled);
            }
            return;
        }
        for holders in &self.holders {
            open.keep(&holders.near);
        }
    }
}

impl Spread {
    fn new(rule: SpreadRule, (model, snapshot): (&Model, &Snapshot), layout: &mut Layout) -> Self {
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

    fn follow(&mut self, score: &SpreadScore, snapshot: &Snapshot, layout: &Layout, step: Step) {
        if self.rule.per_node {
            let pods = live_on(snapshot, step.node, &self.rule.counted);
            self.levels.set(step.place, pods);
        } else if self.rule.nodes.contains(step.node) && score.scored.contains(step.node) {
            let domain = layout.get(self.column).of_or_empty(step.place);
            self.counts[domain] += step.live;
        }
    }

    /// Number of domains among scored feasible nodes.
    fn size(&self, layout: &Layout, scored: &Bits) -> usize {
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
                    let place = at * super::bits::WORD + (a & b).trailing_zeros() as usize;
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
    fn new(rule: WeightRule, (model, snapshot): (&Model, &Snapshot), layout: &mut Layout) -> Self {
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

    fn follow(&mut self, snapshot: &Snapshot, layout: &Layout, step: Step) {
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
