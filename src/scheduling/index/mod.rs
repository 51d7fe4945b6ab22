//! Decisions whose cost follows what changed since the last one.
//!
//! The full scan asks every plugin about every node. Here answers are kept: those about single
//! nodes in columns shared by all pod classes that the plugins treat alike ([`group`]), those that
//! follow from counts of pods per domain as counts ([`class`]), both brought up to date from the
//! snapshot's change log. A decision is then a few operations on sets of places in the node list.
//!
//! The answer equals the full scan's: same node, same number of nodes looked at, same next start.
//! Where that cannot be promised (a class restricted to named nodes, a plugin that looks at
//! something else, no feasible node, so that reasons are wanted) there is no answer from here and
//! the full scan decides.

mod bits;
mod choice;
mod class;
mod counts;
mod group;
mod layout;
mod scores;
#[cfg(test)]
mod tests;

use self::bits::{Bits, WORD, nth_place};
use self::choice::{Buffers, Choice};
use self::class::Class;
use self::group::{Asked, Group};
use self::layout::Layout;
use super::framework::{CycleCx, Dependency, Plugin, PluginId};
use super::profile::{Query, Scorer};
use super::rules::DomainRules;
use crate::model::{NodeId, PodTemplate};

/// Groups kept at most; the one not asked for longest goes first.
const MAX_GROUPS: usize = 128;
/// Bytes of classes kept at most, roughly.
const MAX_CLASS_BYTES: usize = 128 << 20;

/// A profile's plugins by what their answers depend on.
#[derive(Debug, Default)]
pub(super) struct Lists {
    pub(super) local_pre_filters: Vec<usize>,
    pub(super) local_filters: Vec<(usize, Dependency)>,
    pub(super) local_pre_scores: Vec<usize>,
    pub(super) local_scorers: Vec<(Scorer, Dependency)>,
    /// Plugins that have to describe themselves by rules.
    domains: Vec<DomainPlugin>,
    /// Some plugin filters or scores without the point that prepares it.
    unprepared: bool,
}

#[derive(Clone, Copy, Debug)]
struct DomainPlugin {
    at: usize,
    filters: bool,
    scorer: Option<Scorer>,
}

/// The plugins of each point, by their place among the profile's instances.
#[derive(Clone, Copy, Debug)]
pub(super) struct Points<'a> {
    pub(super) ids: &'a [PluginId],
    pub(super) pre_filter: &'a [usize],
    pub(super) filter: &'a [usize],
    pub(super) pre_score: &'a [usize],
    pub(super) score: &'a [Scorer],
}

fn is_local(dependency: Option<Dependency>) -> bool {
    matches!(dependency, None | Some(Dependency::NodeObject | Dependency::NodeLocal))
}

impl Lists {
    pub(super) fn new(points: Points<'_>) -> Self {
        let mut lists = Self::default();
        for (at, id) in points.ids.iter().enumerate() {
            let def = id.def();
            let filters = points.filter.contains(&at);
            let scorer = points.score.iter().find(|scorer| scorer.plugin == at).copied();
            if is_local(def.filter_depends) && is_local(def.score_depends) {
                continue;
            }
            let prepares =
                |point, list: &[usize]| !def.points.contains(&point) || list.contains(&at);
            lists.unprepared |= filters && !prepares(super::Point::PreFilter, points.pre_filter);
            lists.unprepared |=
                scorer.is_some() && !prepares(super::Point::PreScore, points.pre_score);
            lists.domains.push(DomainPlugin { at, filters, scorer });
        }
        let local = |at: usize| !lists.domains.iter().any(|domain| domain.at == at);
        let only_local =
            |list: &[usize]| list.iter().copied().filter(|&at| local(at)).collect::<Vec<_>>();
        lists.local_pre_filters = only_local(points.pre_filter);
        lists.local_pre_scores = only_local(points.pre_score);
        // A plugin that declares nothing lets every node pass and adds nothing.
        lists.local_filters = only_local(points.filter)
            .into_iter()
            .filter_map(|at| Some((at, points.ids[at].def().filter_depends?)))
            .collect();
        lists.local_scorers = (points.score.iter().filter(|scorer| local(scorer.plugin)))
            .filter_map(|&scorer| Some((scorer, points.ids[scorer.plugin].def().score_depends?)))
            .collect();
        lists
    }
}

/// What is known of a class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Slot {
    /// Never asked for.
    #[default]
    New,
    /// The place of its group, as long as the group's serial number is this.
    Group(usize, u64),
    /// Only the full scan can tell.
    FullScan,
}

/// What an answer consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) node: NodeId,
    /// Feasible nodes found.
    pub(super) feasible: usize,
    /// Nodes looked at.
    pub(super) evaluated: usize,
}

/// A group and when it was asked for last.
#[derive(Debug)]
struct Kept {
    group: Group,
    serial: u64,
    asked: u64,
}

/// A class's state, and which scorers its rules are.
#[derive(Debug)]
struct Domains {
    class: Class,
    spread: Option<Scorer>,
    weights: Option<Scorer>,
}

/// What is kept from one decision of a profile to the next.
#[derive(Debug, Default)]
pub(super) struct Index {
    lists: Lists,
    /// The change log that is followed, and its count of changes of nodes.
    follows: Option<(u64, u64)>,
    layout: Layout,
    slots: Vec<Slot>,
    groups: Vec<Kept>,
    domains: Vec<Option<Box<Domains>>>,
    domain_bytes: usize,
    clock: u64,
    // Buffers of one decision.
    open: Bits,
    found: Bits,
    buffers: Buffers,
}

impl Index {
    pub(super) fn new(lists: Lists) -> Self {
        Self { lists, ..Self::default() }
    }

    /// Bytes held, roughly: (by groups, by classes).
    pub(super) fn bytes(&self) -> (usize, usize) {
        (self.groups.iter().map(|kept| kept.group.bytes()).sum(), self.domain_bytes)
    }

    /// Decides; `None` if only the full scan can.
    pub(super) fn decide(
        &mut self,
        query: &Query<'_>,
        plugins: &mut [Box<dyn Plugin>],
        wanted: usize,
    ) -> Option<Answer> {
        if self.lists.unprepared {
            return None;
        }
        let Query { snapshot, template, .. } = *query;
        let cx = query.cx();
        self.follow_nodes(&cx);
        let group = self.group(&cx, plugins)?;
        if !self.domains(&cx, plugins) {
            self.slots[template.index()] = Slot::FullScan;
            return None;
        }
        let domains = self.domains[template.index()].as_mut().expect("the class is known");
        let group = &mut self.groups[group].group;
        let closes = domains.class.filters();
        if closes {
            self.open.fill();
            domains.class.close(&self.layout, &mut self.open);
        }
        let stands = group.stands(&cx);
        let open = |block: usize| {
            group.freshen(&stands, plugins, &self.layout, block);
            let fit = group.fit.words()[block];
            if closes { fit & self.open.words()[block] } else { fit }
        };
        let count = self.layout.nodes.len();
        let (feasible, evaluated) = window(open, count, query.start, wanted, &mut self.found);
        let group = &*group;
        let place = match feasible {
            0 => return None,
            1 => self.found.iter().next().expect("one was found"),
            _ => {
                let uniform = group.raws.iter().all(|raw| raw.odd == 0);
                let (layout, found) = (&self.layout, &self.found);
                let mut choice = Choice { layout, found, group, buffers: &mut self.buffers };
                if uniform && domains.class.scores() == (false, false) {
                    choice.best_of_all();
                } else {
                    choice.score(&cx, plugins, domains, uniform);
                }
                choice.pick(query.tie_break, snapshot)
            }
        };
        Some(Answer { node: self.layout.nodes[place], feasible, evaluated })
    }

    /// Starts anew if it is another snapshot, or if nodes came or went.
    fn follow_nodes(&mut self, cx: &CycleCx<'_>) {
        let log = cx.snapshot.changes();
        let follows = Some((log.identity(), log.nodes()));
        if self.follows == follows {
            return;
        }
        self.follows = follows;
        self.layout = Layout::new(cx.model, cx.snapshot);
        let classes = cx.model.templates.len();
        self.slots.resize(classes, Slot::New);
        for slot in &mut self.slots {
            if matches!(slot, Slot::Group(..)) {
                *slot = Slot::New;
            }
        }
        self.groups.clear();
        self.domains.clear();
        self.domains.resize_with(classes, || None);
        self.domain_bytes = 0;
        let count = self.layout.nodes.len();
        for bits in [&mut self.open, &mut self.found, &mut self.buffers.odd] {
            *bits = Bits::none(count);
        }
    }

    /// The place of the class's group, up to date.
    fn group(&mut self, cx: &CycleCx<'_>, plugins: &mut [Box<dyn Plugin>]) -> Option<usize> {
        self.clock += 1;
        let slot = self.slots[cx.template.index()];
        let known = match slot {
            Slot::FullScan => return None,
            Slot::Group(at, serial) => {
                Some(at).filter(|&at| self.groups.get(at).is_some_and(|g| g.serial == serial))
            }
            Slot::New => None,
        };
        let alike = |other: &PodTemplate| {
            let local = self.lists.local_filters.iter().map(|(at, _)| *at);
            let scorers = self.lists.local_scorers.iter().map(|(scorer, _)| scorer.plugin);
            local.chain(scorers).all(|at| plugins[at].alike(cx, other))
        };
        let known = known.or_else(|| {
            let of = |kept: &Kept| &cx.model.templates[kept.group.template];
            self.groups.iter().position(|kept| alike(of(kept)))
        });
        let at = match known {
            Some(at) => at,
            None => self.new_group(cx, plugins)?,
        };
        let kept = &mut self.groups[at];
        kept.asked = self.clock;
        self.slots[cx.template.index()] = Slot::Group(at, kept.serial);
        let stands = kept.group.stands(cx);
        if !kept.group.follow(cx.snapshot) {
            let asked = Asked::of_class(&stands, plugins, &self.lists)?;
            kept.group = Group::new(&stands, plugins, &self.layout, asked);
        }
        Some(at)
    }

    fn new_group(&mut self, cx: &CycleCx<'_>, plugins: &mut [Box<dyn Plugin>]) -> Option<usize> {
        let Some(asked) = Asked::of_class(cx, plugins, &self.lists) else {
            self.slots[cx.template.index()] = Slot::FullScan;
            return None;
        };
        let group = Group::new(cx, plugins, &self.layout, asked);
        let kept = Kept { group, serial: self.clock, asked: self.clock };
        if self.groups.len() < MAX_GROUPS {
            self.groups.push(kept);
            return Some(self.groups.len() - 1);
        }
        let oldest = (0..self.groups.len()).min_by_key(|&at| self.groups[at].asked)?;
        self.groups[oldest] = kept;
        Some(oldest)
    }

    /// Brings the class's counts up to date; false if its plugins cannot say what they count.
    fn domains(&mut self, cx: &CycleCx<'_>, plugins: &mut [Box<dyn Plugin>]) -> bool {
        let slot = &mut self.domains[cx.template.index()];
        if let Some(domains) = slot
            && domains.class.follow(cx.snapshot, &self.layout)
        {
            return true;
        }
        if let Some(old) = slot.take() {
            self.domain_bytes -= old.class.bytes();
        }
        let Some(made) = describe(cx, plugins, &self.lists, &mut self.layout) else {
            return false;
        };
        let bytes = made.class.bytes();
        if self.domain_bytes + bytes > MAX_CLASS_BYTES {
            self.domains.iter_mut().for_each(|slot| *slot = None);
            self.domain_bytes = 0;
        }
        self.domain_bytes += bytes;
        self.domains[cx.template.index()] = Some(Box::new(made));
        true
    }
}

/// Lets the plugins over domains describe themselves for a class.
fn describe(
    cx: &CycleCx<'_>,
    plugins: &mut [Box<dyn Plugin>],
    lists: &Lists,
    layout: &mut Layout,
) -> Option<Domains> {
    let mut rules = DomainRules::default();
    let (mut spread, mut weights) = (None, None);
    for domain in &lists.domains {
        let mut own = DomainRules::default();
        if !plugins[domain.at].rules(cx, &mut own) {
            return None;
        }
        rules.follow_taints |= own.follow_taints;
        if domain.filters {
            rules.skews.append(&mut own.skews);
            rules.forbids.append(&mut own.forbids);
            rules.requires.append(&mut own.requires);
        }
        if domain.scorer.is_some() {
            if own.spread.is_some() {
                if spread.is_some() {
                    return None;
                }
                (rules.spread, spread) = (own.spread, domain.scorer);
            }
            if !own.weights.is_empty() {
                if weights.is_some() {
                    return None;
                }
                (rules.weights, weights) = (own.weights, domain.scorer);
            }
        }
    }
    let class = Class::new(rules, cx.model, cx.snapshot, layout);
    Some(Domains { class, spread, weights })
}

/// The nodes that a search from `start` on finds before it has found more than `wanted`: how many
/// they are, and how many nodes are looked at. `open` tells the open places of a block; it is asked
/// about no more blocks than the search sees.
fn window(
    mut open: impl FnMut(usize) -> u64,
    count: usize,
    start: usize,
    wanted: usize,
    found: &mut Bits,
) -> (usize, usize) {
    if wanted >= count {
        found.words_mut().iter_mut().enumerate().for_each(|(block, word)| *word = open(block));
        return (found.count(), count);
    }
    found.clear();
    let start = start % count;
    let (first, offset) = (start / WORD, start % WORD);
    let ahead = u64::MAX << offset;
    let blocks = found.words().len();
    let steps = std::iter::once((first, ahead))
        .chain((first + 1..blocks).map(|at| (at, u64::MAX)))
        .chain((0..first).map(|at| (at, u64::MAX)))
        .chain(std::iter::once((first, !ahead)));
    let mut left = wanted;
    for (at, mask) in steps {
        let word = open(at) & mask;
        let ones = word.count_ones() as usize;
        if ones > left {
            let rank = u32::try_from(left).expect("below the bits of a word");
            let stop = nth_place(word, rank) as usize;
            found.words_mut()[at] |= word & ((1 << stop) - 1);
            let place = at * WORD + stop;
            return (wanted, (place + count - start) % count);
        }
        found.words_mut()[at] |= word;
        left -= ones;
    }
    (wanted - left, count)
}
