//! The choice among the feasible nodes found.
//!
//! A node's total is its sum of final scores, which the group keeps with the best of every block,
//! and something beyond that depends on the nodes found. Where nodes of one cell and level have
//! the same beyond, one of them is worked out for all; odd nodes are worked out one by one.

use super::bits::{Bits, WORD, nth_place, places};
use super::group::{Group, best_of};
use super::layout::Layout;
use super::scores::MAX_LEVELS;
use super::{Domains, Scorer};
use crate::model::NodeId;
use crate::scheduling::Snapshot;
use crate::scheduling::decision::TieBreak;
use crate::scheduling::framework::{CycleCx, Plugin};

/// Buffers of one choice.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    /// Nodes that are looked at one by one.
    pub(super) odd: Bits,
    /// Sets of the other nodes found that score alike beyond their final scores.
    alike: Vec<Alike>,
    /// Places looked at: one for each of `alike`, then the odd ones.
    items: Vec<usize>,
    /// Their nodes.
    nodes: Vec<NodeId>,
    /// Scores of one plugin.
    scores: Vec<i64>,
    /// What each of `items` has beyond its final scores.
    extra: Vec<i64>,
    /// Words of places with the best total.
    ties: Vec<(usize, u64)>,
}

/// Nodes of one cell and level.
#[derive(Clone, Copy, Debug)]
struct Alike {
    cell: usize,
    /// The place of the level; `None` for nodes in none.
    level: Option<usize>,
}

/// One choice.
pub(super) struct Choice<'a> {
    pub(super) layout: &'a Layout,
    /// Feasible nodes, at least two.
    pub(super) found: &'a Bits,
    pub(super) group: &'a Group,
    pub(super) buffers: &'a mut Buffers,
}

impl Choice<'_> {
    /// Finds the best where nothing but final scores counts.
    pub(super) fn best_of_all(&mut self) {
        let mut best = Best::new(&mut self.buffers.ties);
        for (block, &found) in self.found.words().iter().enumerate() {
            if found == 0 {
                continue;
            }
            for (cell, members) in self.layout.cells.iter().enumerate() {
                best.look(self.group, (block, cell), found & members.words()[block], 0);
            }
        }
    }

    /// Finds the best where scores depend on the nodes found.
    pub(super) fn score(
        &mut self,
        cx: &CycleCx<'_>,
        plugins: &[Box<dyn Plugin>],
        domains: &mut Domains,
        uniform: bool,
    ) {
        let class = &mut domains.class;
        class.consider(self.layout, self.found);
        let mut levels: [Option<&Bits>; MAX_LEVELS] = [None; MAX_LEVELS];
        if uniform && class.by_cell() {
            let of = class.odd_among(self.found, &mut self.buffers.odd);
            levels.iter_mut().zip(of).for_each(|(slot, level)| *slot = Some(level));
        } else {
            self.buffers.odd.copy_from(self.found);
        }
        self.list_items(&levels);
        let buffers = &mut *self.buffers;
        buffers.extra.clear();
        buffers.extra.resize(buffers.items.len(), 0);
        for raw in self.group.raws.iter().filter(|raw| raw.odd > 0) {
            buffers.add(cx, plugins, raw.scorer, |place| raw.values[place]);
        }
        if let Some(scorer) = domains.spread {
            let of = |place| class.spread_score(cx.snapshot, self.layout, place);
            buffers.add(cx, plugins, scorer, of);
        }
        if let Some(scorer) = domains.weights {
            let of = |place| class.weight_score(cx.snapshot, self.layout, place);
            buffers.add(cx, plugins, scorer, of);
        }
        self.best(&levels);
    }

    /// Lists one place of each set of nodes that are alike, and all odd ones.
    fn list_items(&mut self, levels: &[Option<&Bits>]) {
        let buffers = &mut *self.buffers;
        buffers.alike.clear();
        buffers.items.clear();
        let mut list = |cell: usize, level: Option<usize>| {
            let members = self.layout.cells[cell].words();
            let words = self.found.words().iter().zip(buffers.odd.words()).enumerate();
            let mut words = words.map(|(at, (found, odd))| {
                (at, found & !odd & members[at] & in_level(levels, level, at))
            });
            if let Some((at, word)) = words.find(|&(_, word)| word != 0) {
                buffers.items.push(at * WORD + word.trailing_zeros() as usize);
                buffers.alike.push(Alike { cell, level });
            }
        };
        for cell in 0..self.layout.cells.len() {
            list(cell, None);
            (0..levels.iter().flatten().count()).for_each(|level| list(cell, Some(level)));
        }
        buffers.items.extend(buffers.odd.iter());
        buffers.nodes.clear();
        buffers.nodes.extend(buffers.items.iter().map(|&place| self.layout.nodes[place]));
    }

    /// Finds the best total and all places that have it.
    fn best(&mut self, levels: &[Option<&Bits>]) {
        let Buffers { odd, alike, items, extra, ties, .. } = &mut *self.buffers;
        let mut best = Best::new(ties);
        for (&place, extra) in items.iter().zip(extra.iter()).skip(alike.len()) {
            best.meet(self.group.scores[place] + extra, (place / WORD, 1 << (place % WORD)));
        }
        let words = self.found.words().iter().zip(odd.words()).enumerate();
        for (block, (found, odd)) in words {
            let open = found & !odd;
            if open == 0 {
                continue;
            }
            for (&Alike { cell, level }, &extra) in alike.iter().zip(extra.iter()) {
                let members = self.layout.cells[cell].words()[block];
                let within = open & members & in_level(levels, level, block);
                best.look(self.group, (block, cell), within, extra);
            }
        }
    }

    /// Takes one of the best.
    pub(super) fn pick(&mut self, tie_break: TieBreak<'_>, snapshot: &Snapshot) -> usize {
        let ties = &mut self.buffers.ties;
        let count: u32 = ties.iter().map(|(_, word)| word.count_ones()).sum();
        let all = || ties.iter().flat_map(|&(block, word)| places(block, word));
        if count == 1 {
            return all().next().expect("there is a best node");
        }
        let Some(mut left) = tie_break.rank(u64::from(count)) else {
            let name = |place: &usize| snapshot.name_rank(self.layout.nodes[*place]);
            return all().min_by_key(name).expect("there is a best node");
        };
        ties.sort_unstable_by_key(|tie| tie.0);
        for words in ties.chunk_by(|a, b| a.0 == b.0) {
            let word = words.iter().fold(0, |all, (_, word)| all | word);
            let ones = u64::from(word.count_ones());
            if left < ones {
                let rank = u32::try_from(left).expect("below the bits of a word");
                return words[0].0 * WORD + nth_place(word, rank) as usize;
            }
            left -= ones;
        }
        unreachable!("the rank is below the number of best nodes")
    }
}

/// The places of one word that belong to a level, or to none.
#[inline]
fn in_level(levels: &[Option<&Bits>], level: Option<usize>, at: usize) -> u64 {
    let word = |bits: &Bits| bits.words()[at];
    match level {
        Some(level) => levels[level].map_or(0, word),
        None => !levels.iter().map_while(|level| level.map(word)).fold(0, |all, w| all | w),
    }
}

impl Buffers {
    /// Adds a plugin's normalised and weighted scores to what the items have beyond. Normalisation
    /// depends on which scores there are, not on how often, so that one node may stand for many.
    fn add(
        &mut self,
        cx: &CycleCx<'_>,
        plugins: &[Box<dyn Plugin>],
        scorer: Scorer,
        raw: impl Fn(usize) -> i64,
    ) {
        self.scores.clear();
        self.scores.extend(self.items.iter().map(|&place| raw(place)));
        plugins[scorer.plugin].normalize(cx, &self.nodes, &mut self.scores);
        for (extra, score) in self.extra.iter_mut().zip(&self.scores) {
            *extra += score * scorer.weight;
        }
    }
}

/// The best total met so far and the words that have it.
struct Best<'a> {
    total: i64,
    ties: &'a mut Vec<(usize, u64)>,
}

impl<'a> Best<'a> {
    fn new(ties: &'a mut Vec<(usize, u64)>) -> Self {
        ties.clear();
        Self { total: i64::MIN, ties }
    }

    #[inline]
    fn meet(&mut self, total: i64, word: (usize, u64)) {
        if total > self.total {
            self.total = total;
            self.ties.clear();
        }
        if total == self.total {
            self.ties.push(word);
        }
    }

    /// Looks at some nodes of a cell within a block, all with the same beyond.
    #[inline]
    fn look(&mut self, group: &Group, (block, cell): (usize, usize), within: u64, extra: i64) {
        if within == 0 {
            return;
        }
        let mut top = group.top(block, cell);
        if top.score + extra < self.total {
            return;
        }
        top.places &= within;
        if top.places == 0 {
            top = best_of(&group.scores, block, within);
        }
        self.meet(top.score + extra, (block, top.places));
    }
}
