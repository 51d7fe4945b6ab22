//! Filters over domains: counts of pods per domain, and the nodes that they close.

use super::bits::Bits;
use super::layout::{Kind, Layout};
use crate::base::id::IdSet;
use crate::model::{Model, NodeId, TemplateId};
use crate::scheduling::Snapshot;
use crate::scheduling::rules::{RequireRule, SkewRule};

/// A change of pods, as rules see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) node: NodeId,
    pub(super) place: usize,
    pub(super) template: TemplateId,
    pub(super) pods: i64,
    pub(super) live: i64,
}

/// Pods of some classes on a node.
pub(super) fn pods_on(snapshot: &Snapshot, node: NodeId, counted: &IdSet<TemplateId>) -> i64 {
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
pub(super) fn replay(
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

pub(super) fn exist(snapshot: &Snapshot, counted: &IdSet<TemplateId>) -> bool {
    counted.iter().any(|template| snapshot.class_total(template) > 0)
}

/// Domains that may not grow further ahead of the emptiest.
#[derive(Debug)]
pub(super) struct Skew {
    pub(super) rule: SkewRule,
    pub(super) column: usize,
    /// Pods per domain; `None` where no node of the domain counts.
    pub(super) counts: Vec<Option<i64>>,
    /// Number of domains per count.
    pub(super) spread: Vec<u32>,
    pub(super) domains: i64,
    /// A domain with more pods is closed.
    pub(super) most: i64,
    pub(super) closed: Bits,
}

impl Skew {
    pub(super) fn new(
        rule: SkewRule,
        model: &Model,
        snapshot: &Snapshot,
        layout: &mut Layout,
    ) -> Self {
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
    pub(super) fn count(&mut self, layout: &Layout, step: Step) -> Option<usize> {
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
    pub(super) fn limit(&self) -> i64 {
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

    pub(super) fn is_closed(&self, domain: usize) -> bool {
        self.counts[domain].unwrap_or(0) > self.most
    }

    pub(super) fn close_all(&mut self, layout: &Layout) {
        let of = layout.get(self.column);
        let mut closed = Bits::all(layout.nodes.len());
        for domain in (0..of.domains).filter(|&domain| !self.is_closed(domain)) {
            of.put_domain(domain, &mut closed, false);
        }
        self.closed = closed;
    }

    pub(super) fn follow(&mut self, layout: &Layout, step: Step) {
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
pub(super) struct Holders {
    pub(super) column: usize,
    /// Pods per domain; empty if every domain is one node, whose pods are then counted there.
    pub(super) sums: Vec<i64>,
    /// Nodes of domains with such pods.
    pub(super) near: Bits,
}

impl Holders {
    pub(super) fn new(
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
    pub(super) fn follow(
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
pub(super) struct Require {
    pub(super) rule: RequireRule,
    pub(super) holders: Vec<Holders>,
    /// Pods on nodes with a key, summed over the keys.
    pub(super) found: i64,
}

impl Require {
    pub(super) fn new(
        rule: RequireRule,
        model: &Model,
        snapshot: &Snapshot,
        layout: &mut Layout,
    ) -> Self {
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

    pub(super) fn follow(&mut self, snapshot: &Snapshot, layout: &Layout, step: Step) {
        if step.pods == 0 || !self.rule.counted.contains(step.template) {
            return;
        }
        for holders in &mut self.holders {
            if holders.follow(&self.rule.counted, snapshot, layout, step) {
                self.found += step.pods;
            }
        }
    }

    pub(super) fn close(&self, layout: &Layout, open: &mut Bits) {
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
