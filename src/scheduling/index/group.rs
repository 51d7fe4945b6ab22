//! What plugins say of single nodes, for all pod classes that they treat alike.
//!
//! Verdicts and scores stand in columns by place and are asked for again only for nodes that
//! changed, and not before a decision looks at the block they are in. Sums of final scores are also kept as the best per block of 64 places and cell, with
//! the places that have it, so that the best of a set of nodes is found without looking at each.

use super::bits::{Bits, WORD, places};
use super::layout::Layout;
use crate::model::{NodeId, TemplateId};
use crate::scheduling::Snapshot;
use crate::scheduling::changes::Change;
use crate::scheduling::framework::{CycleCx, Dependency, Plugin, PreFilter, PreScore};
use crate::scheduling::profile::Scorer;

/// The best score of one cell within one block of places.
#[derive(Clone, Copy, Debug)]
pub(super) struct Top {
    pub(super) score: i64,
    /// The feasible places of the cell that have it.
    pub(super) places: u64,
}

const EMPTY: Top = Top { score: i64::MIN, places: 0 };

/// Raw scores that are normalised over the feasible nodes.
#[derive(Debug)]
pub(super) struct Raw {
    pub(super) scorer: Scorer,
    /// They depend on the pods of the node.
    on_load: bool,
    pub(super) values: Vec<i64>,
    /// What nodes are taken to have.
    pub(super) common: i64,
    /// Number of nodes that have another.
    pub(super) odd: usize,
}

impl Raw {
    fn set(&mut self, place: usize, value: i64) {
        self.odd -= usize::from(self.values[place] != self.common);
        self.odd += usize::from(value != self.common);
        self.values[place] = value;
    }
}

/// Which plugins are asked about single nodes, by what their answers depend on.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) object_filters: Vec<usize>,
    pub(super) load_filters: Vec<usize>,
    pub(super) object_finals: Vec<Scorer>,
    pub(super) load_finals: Vec<Scorer>,
    pub(super) raws: Vec<(Scorer, bool)>,
}

/// The columns of one group of classes.
#[derive(Debug)]
pub(super) struct Group {
    /// The class that stands for all.
    pub(super) template: TemplateId,
    asked: Asked,
    /// The next change to look at.
    seen: u64,
    /// Places of nodes that changed since the plugins were asked about them.
    stale: Bits,
    /// Likewise, where the node's object has changed too.
    stale_objects: Bits,
    /// Passed by the filters that look at the node's object alone.
    object_fit: Bits,
    /// Passed by all filters; only of blocks that are fresh.
    pub(super) fit: Bits,
    /// Final scores that the node's object alone decides; empty if there are none.
    object_scores: Vec<i64>,
    /// Sums of final scores; meaningful where `fit`.
    pub(super) scores: Vec<i64>,
    pub(super) raws: Vec<Raw>,
    cells: usize,
    tops: Vec<Top>,
}

impl Asked {
    /// Asks the plugins what they have to say of a class; `None` if their answers do not follow
    /// from single nodes.
    pub(super) fn of_class(
        cx: &CycleCx<'_>,
        plugins: &mut [Box<dyn Plugin>],
        lists: &super::Lists,
    ) -> Option<Self> {
        let mut asked = Self::default();
        let mut skipped = Vec::new();
        for &at in &lists.local_pre_filters {
            match plugins[at].pre_filter(cx) {
                PreFilter::Run => {}
                PreFilter::Skip => skipped.push(at),
                PreFilter::Restrict(_) | PreFilter::Reject(_) => return None,
            }
        }
        for &(at, depends) in lists.local_filters.iter().filter(|(at, _)| !skipped.contains(at)) {
            if depends == Dependency::NodeObject {
                asked.object_filters.push(at);
            } else {
                asked.load_filters.push(at);
            }
        }
        skipped.clear();
        for &at in &lists.local_pre_scores {
            match plugins[at].pre_score(cx, &[]) {
                PreScore::Run => {}
                PreScore::Skip => skipped.push(at),
                PreScore::Error(_) => return None,
            }
        }
        let scorers = lists.local_scorers.iter();
        for &(scorer, depends) in scorers.filter(|(s, _)| !skipped.contains(&s.plugin)) {
            let on_load = depends != Dependency::NodeObject;
            match (plugins[scorer.plugin].normalizes(), on_load) {
                (true, _) => asked.raws.push((scorer, on_load)),
                (false, true) => asked.load_finals.push(scorer),
                (false, false) => asked.object_finals.push(scorer),
            }
        }
        Some(asked)
    }
}

impl Group {
    /// A group of which nothing is known yet: every node is stale.
    pub(super) fn new(
        cx: &CycleCx<'_>,
        plugins: &[Box<dyn Plugin>],
        layout: &Layout,
        asked: Asked,
    ) -> Self {
        let count = layout.nodes.len();
        let first = layout.nodes.first();
        let raw = |&(scorer, on_load): &(Scorer, bool)| {
            let common = first.map_or(0, |&node| plugins[scorer.plugin].score(cx, node));
            Raw { scorer, on_load, values: vec![common; count], common, odd: 0 }
        };
        let cells = layout.cells.len();
        let object_scores = if asked.object_finals.is_empty() { 0 } else { count };
        Self {
            template: cx.template,
            seen: cx.snapshot.changes().next(),
            stale: Bits::all(count),
            stale_objects: Bits::all(count),
            object_fit: Bits::none(count),
            fit: Bits::none(count),
            object_scores: vec![0; object_scores],
            scores: vec![0; count],
            raws: asked.raws.iter().map(raw).collect(),
            cells,
            tops: vec![EMPTY; count.div_ceil(WORD) * cells],
            asked,
        }
    }

    /// The same decision for the class that stands for all.
    pub(super) fn stands<'a>(&self, cx: &CycleCx<'a>) -> CycleCx<'a> {
        CycleCx { template: self.template, spec: &cx.model.templates[self.template], ..*cx }
    }

    /// Notes which nodes changed. False if it cannot, because too much has.
    pub(super) fn follow(&mut self, snapshot: &Snapshot) -> bool {
        let log = snapshot.changes();
        let Some(changes) = log.since(self.seen) else { return false };
        for change in changes {
            let (node, object) = match *change {
                // Neither verdicts nor scores of single nodes look at whether pods terminate.
                Change::Pods { pods: 0, .. } => continue,
                Change::Pods { node, .. } => (node, false),
                Change::Node(node) => (node, true),
            };
            if !snapshot.is_present(node) {
                continue;
            }
            let place = snapshot.position(node) as usize;
            self.stale.put(place, true);
            if object {
                self.stale_objects.put(place, true);
            }
        }
        self.seen = log.next();
        true
    }

    /// Asks the plugins about the nodes of a block that have changed.
    #[inline]
    pub(super) fn freshen(
        &mut self,
        stands: &CycleCx<'_>,
        plugins: &[Box<dyn Plugin>],
        layout: &Layout,
        block: usize,
    ) {
        let stale = std::mem::take(&mut self.stale.words_mut()[block]);
        if stale != 0 {
            let objects = std::mem::take(&mut self.stale_objects.words_mut()[block]);
            self.ask_block(stands, plugins, layout, (block, stale, objects));
        }
    }

    fn ask_block(
        &mut self,
        stands: &CycleCx<'_>,
        plugins: &[Box<dyn Plugin>],
        layout: &Layout,
        (block, stale, objects): (usize, u64, u64),
    ) {
        for place in places(block, stale) {
            let node = layout.nodes[place];
            let object = objects >> (place % WORD) & 1 != 0;
            if object {
                self.ask_object(stands, plugins, place, node);
            }
            for raw in &mut self.raws {
                if object || raw.on_load {
                    raw.set(place, plugins[raw.scorer.plugin].score(stands, node));
                }
            }
            self.ask_load(stands, plugins, place, node);
            self.update_top(layout, place);
        }
    }

    fn ask_object(
        &mut self,
        cx: &CycleCx<'_>,
        plugins: &[Box<dyn Plugin>],
        place: usize,
        node: NodeId,
    ) {
        let passes = |&at: &usize| plugins[at].filter(cx, node).is_ok();
        let fit = self.asked.object_filters.iter().all(passes);
        self.object_fit.put(place, fit);
        if fit && !self.object_scores.is_empty() {
            self.object_scores[place] = weighted(&self.asked.object_finals, cx, plugins, node);
        }
    }

    #[inline]
    fn ask_load(
        &mut self,
        cx: &CycleCx<'_>,
        plugins: &[Box<dyn Plugin>],
        place: usize,
        node: NodeId,
    ) {
        let passes = |&at: &usize| plugins[at].filter(cx, node).is_ok();
        let fit = self.object_fit.get(place) && self.asked.load_filters.iter().all(passes);
        self.fit.put(place, fit);
        if fit {
            self.scores[place] = self.object_scores.get(place).copied().unwrap_or(0)
                + weighted(&self.asked.load_finals, cx, plugins, node);
        }
    }

    /// The best of a cell within a block.
    #[inline]
    pub(super) fn top(&self, block: usize, cell: usize) -> Top {
        self.tops[block * self.cells + cell]
    }

    fn find_top(&mut self, layout: &Layout, block: usize, cell: usize) {
        let within = self.fit.words()[block] & layout.cells[cell].words()[block];
        self.tops[block * self.cells + cell] = best_of(&self.scores, block, within);
    }

    /// A place has a new verdict or score.
    fn update_top(&mut self, layout: &Layout, place: usize) {
        let (block, bit) = (place / WORD, 1 << (place % WORD));
        let cell = usize::from(layout.cell_of[place]);
        let top = &mut self.tops[block * self.cells + cell];
        let score = if self.fit.get(place) { self.scores[place] } else { i64::MIN };
        if score > top.score {
            *top = Top { score, places: bit };
        } else if score == top.score && score != i64::MIN {
            top.places |= bit;
        } else {
            top.places &= !bit;
            if top.places == 0 {
                self.find_top(layout, block, cell);
            }
        }
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        let words = self.object_scores.len() + self.scores.len();
        let raws: usize = self.raws.iter().map(|raw| raw.values.len()).sum();
        (words + raws) * size_of::<i64>()
            + self.tops.len() * size_of::<Top>()
            + self.fit.bytes()
            + self.object_fit.bytes()
            + self.stale.bytes()
            + self.stale_objects.bytes()
    }
}

/// The best score among places of one block, and where it is.
#[inline]
pub(super) fn best_of(scores: &[i64], block: usize, within: u64) -> Top {
    let mut top = EMPTY;
    for place in places(block, within) {
        let score = scores[place];
        if score > top.score {
            top = Top { score, places: 0 };
        }
        if score == top.score {
            top.places |= 1 << (place % WORD);
        }
    }
    top
}

/// The weighted sum of plugins' scores of one node.
#[inline]
fn weighted(
    scorers: &[Scorer],
    cx: &CycleCx<'_>,
    plugins: &[Box<dyn Plugin>],
    node: NodeId,
) -> i64 {
    scorers.iter().map(|scorer| plugins[scorer.plugin].score(cx, node) * scorer.weight).sum()
}
