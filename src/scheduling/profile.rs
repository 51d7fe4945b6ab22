//! One profile at work: its plugins in order, and the scheduling cycle over them.

use super::decision::{Decision, NodeExplanation, Outcome, PluginScore, ReasonCount, TieBreak};
use super::framework::{
    BuildCx, CycleCx, EXPRESSIONS_MAX, Plugin, PluginId, PluginSet, PreFilter, PreScore, Rejection,
};
use super::index::{Answer, Index, Lists, Points};
use super::message::unschedulable_message;
use super::post_filter::{Blocked, Incoming, PostFilter, PostFilterPlugins};
use super::storage::{PodClaims, find_volumes};
use super::{ClusterEvent, PodVolumes, Snapshot, WakeSet, plugins};
use crate::model::{Model, NodeId, PluginArgs, Profile, TemplateId};

/// A scheduling question.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The immutable input.
    pub model: &'a Model,
    /// Nodes and bound pods; [`Snapshot::refresh`]ed.
    pub snapshot: &'a Snapshot,
    /// The pod's class.
    pub template: TemplateId,
    /// The one node that the pod's own required affinity names, besides what its class says.
    pub pinned: Option<NodeId>,
    /// Where the search in the node list starts.
    pub start: usize,
    /// How ties are broken.
    pub tie_break: TieBreak<'a>,
}

impl<'a> Query<'a> {
    /// What plugins see of it.
    pub(super) fn cx(&self) -> CycleCx<'a> {
        let Self { model, snapshot, template, pinned, tie_break, .. } = *self;
        let spec = &model.templates[template];
        CycleCx { model, snapshot, template, spec, pinned, luck: tie_break }
    }
}

/// Score and weight of one plugin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scorer {
    pub(super) plugin: usize,
    pub(super) weight: i64,
}

/// How a decision is worked out. Both ways give the same decisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Evaluation {
    /// Answers are kept and refreshed where something changed.
    #[default]
    Incremental,
    /// Every plugin is asked about every node, every time.
    FullScan,
}

/// A node that was rejected.
#[derive(Clone, Copy, Debug)]
struct Rejected {
    node: NodeId,
    plugin: PluginId,
    rejection: Rejection,
}

/// The plugins of one profile, ready to decide.
///
/// It keeps nothing from one decision to the next but buffers and what follows from the model
/// alone, so the same question always has the same answer.
#[derive(Debug)]
pub struct Framework {
    percentage_of_nodes_to_score: i64,
    ids: Vec<PluginId>,
    instances: Vec<Box<dyn Plugin>>,
    pre_enqueue: Vec<usize>,
    pre_filter: Vec<usize>,
    filter: Vec<usize>,
    pre_score: Vec<usize>,
    score: Vec<Scorer>,
    evaluation: Evaluation,
    index: Index,
    pub(super) post_filter: PostFilterPlugins,
    /// VolumeBinding is among the Reserve plugins.
    reserves_volumes: bool,
    /// Nodes closed to the pod under way by pods nominated for them.
    blocked: Blocked,
    // Buffers of one decision.
    active_filters: Vec<usize>,
    active_scorers: Vec<Scorer>,
    feasible: Vec<NodeId>,
    rejected: Vec<Rejected>,
    scores: Vec<i64>,
    totals: Vec<i64>,
    ties: Vec<NodeId>,
    restriction: Option<Vec<NodeId>>,
    skipped_filters: PluginSet,
    skipped_scores: PluginSet,
    /// Raw and normalised scores per plugin, kept only while explaining.
    detail: Option<Vec<Told>>,
}

/// Raw and normalised scores of one plugin, kept while explaining.
type Told = (Scorer, Vec<i64>, Vec<i64>);

impl Framework {
    /// Builds the plugins of a profile that [`super::config`] made.
    #[must_use]
    pub fn new(model: &Model, profile: &Profile) -> Self {
        let mut framework = Self {
            percentage_of_nodes_to_score: profile.percentage_of_nodes_to_score,
            ids: Vec::new(),
            instances: Vec::new(),
            pre_enqueue: Vec::new(),
            pre_filter: Vec::new(),
            filter: Vec::new(),
            pre_score: Vec::new(),
            score: Vec::new(),
            evaluation: Evaluation::default(),
            index: Index::default(),
            post_filter: PostFilterPlugins::new(profile),
            reserves_volumes: profile.plugins("reserve").iter().any(|name| name == "VolumeBinding"),
            blocked: Vec::new(),
            active_filters: Vec::new(),
            active_scorers: Vec::new(),
            feasible: Vec::new(),
            rejected: Vec::new(),
            scores: Vec::new(),
            totals: Vec::new(),
            ties: Vec::new(),
            restriction: None,
            skipped_filters: PluginSet::default(),
            skipped_scores: PluginSet::default(),
            detail: None,
        };
        let args =
            |name: &str| profile.args.iter().find(|(of, _)| of == name).map(|(_, args)| args);
        let mut list = |names: &[String]| -> Vec<usize> {
            names.iter().filter_map(|name| framework.instance(model, name, args(name))).collect()
        };
        let pre_enqueue = list(&profile.pre_enqueue);
        let pre_filter = list(&profile.pre_filter);
        let mut filter = list(&profile.filter);
        let pre_score = list(&profile.pre_score);
        let mut score: Vec<Scorer> = profile
            .score
            .iter()
            .filter_map(|entry| {
                let plugin = framework.instance(model, &entry.plugin, args(&entry.plugin))?;
                Some(Scorer { plugin, weight: entry.weight })
            })
            .collect();
        for (index, written) in (0..EXPRESSIONS_MAX).zip(&model.scheduler.expressions) {
            let plugin = framework.instances.len();
            framework.instances.push(plugins::expression::build(model, index));
            framework.ids.push(PluginId::of_expression(index));
            filter.push(plugin);
            if written.score.is_some() {
                score.push(Scorer { plugin, weight: written.weight });
            }
        }
        let index = Index::new(Lists::new(Points {
            ids: &framework.ids,
            pre_filter: &pre_filter,
            filter: &filter,
            pre_score: &pre_score,
            score: &score,
        }));
        Self { pre_enqueue, pre_filter, filter, pre_score, score, index, ..framework }
    }

    /// Chooses how decisions are worked out from now on.
    pub fn set_evaluation(&mut self, evaluation: Evaluation) {
        self.evaluation = evaluation;
    }

    /// Bytes that are kept between decisions, roughly: (what pod classes share, per pod class).
    #[must_use]
    pub fn kept_bytes(&self) -> (usize, usize) {
        self.index.bytes()
    }

    /// The instance of a plugin, made if need be; `None` if the plugin has no effect here.
    fn instance(&mut self, model: &Model, name: &str, args: Option<&PluginArgs>) -> Option<usize> {
        let id = plugins::id_of(name)?;
        if let Some(at) = self.ids.iter().position(|&known| known == id) {
            return Some(at);
        }
        self.instances.push(id.def().build?(&BuildCx { model, args }));
        self.ids.push(id);
        Some(self.ids.len() - 1)
    }

    /// The first plugin that keeps pods of a class out of the queue, and why.
    #[must_use]
    pub fn pre_enqueue(&self, model: &Model, template: TemplateId) -> Option<(PluginId, String)> {
        let spec = &model.templates[template];
        self.pre_enqueue
            .iter()
            .find_map(|&at| Some((self.ids[at], self.instances[at].pre_enqueue(spec)?)))
    }

    /// Whether `event` may make a pod of a class schedulable that `rejected_by` rejected.
    pub fn hint(
        &mut self,
        query: (&Model, &Snapshot, TemplateId),
        rejected_by: PluginSet,
        event: &ClusterEvent,
    ) -> bool {
        rejected_by.iter().any(|plugin| self.hint_of(query, plugin, event) == Some(true))
    }

    /// What one plugin says of an event for pods of a class that it rejected; `None` if it does
    /// not listen to such events.
    pub fn hint_of(
        &mut self,
        (model, snapshot, template): (&Model, &Snapshot, TemplateId),
        plugin: PluginId,
        event: &ClusterEvent,
    ) -> Option<bool> {
        let (def, kind) = (plugin.def(), event.kind());
        if !def.wakes_on.intersects(kind) {
            return def.listens_to().intersects(kind).then_some(true);
        }
        let spec = &model.templates[template];
        let luck = TieBreak::LowestName;
        let cx = CycleCx { model, snapshot, template, spec, pinned: None, luck };
        // A plugin without an instance has no hint to give: nothing it waits for happens.
        let at = self.ids.iter().position(|&id| id == plugin);
        Some(at.is_some_and(|at| self.instances[at].hint(&cx, event)))
    }

    /// Whether pods of the profile may evict others.
    #[must_use]
    pub fn preempts(&self) -> bool {
        self.post_filter.preempts()
    }

    /// All events that some plugin of the profile listens to.
    #[must_use]
    pub fn interests(&self) -> WakeSet {
        self.ids.iter().fold(WakeSet::NONE, |all, id| all.with(id.def().listens_to()))
    }

    /// Decides where a pod goes.
    pub fn schedule(&mut self, query: &Query<'_>) -> Decision {
        let nodes = query.snapshot.node_list().len();
        if self.evaluation == Evaluation::Incremental && nodes > 0 && query.pinned.is_none() {
            let wanted = self.wanted_nodes(nodes);
            if let Some(answer) = self.index.decide(query, &mut self.instances, wanted) {
                return placed(query, nodes, answer);
            }
        }
        self.full_scan(query)
    }

    /// Asks every plugin about every node.
    fn full_scan(&mut self, query: &Query<'_>) -> Decision {
        self.blocked.clear();
        let mut decision = undecided(query.start, query.snapshot);
        if let Some(restricted) = self.prepare(query, &mut decision) {
            self.decide(query, restricted, &mut decision);
        }
        decision
    }

    /// Decides where a pod goes while pods are nominated for nodes. The pod's own nominated node is
    /// tried before all others.
    pub fn schedule_among(
        &mut self,
        (model, snapshot): (&Model, &mut Snapshot),
        incoming: &Incoming<'_>,
        start: usize,
        tie_break: TieBreak<'_>,
    ) -> Decision {
        let Incoming { template, pinned, .. } = *incoming;
        let query = Query { model, snapshot: &*snapshot, template, pinned, start, tie_break };
        if incoming.nominator.is_empty() {
            return self.schedule(&query);
        }
        self.blocked.clear();
        let mut decision = undecided(start, snapshot);
        let Some(restricted) = self.prepare(&query, &mut decision) else { return decision };
        self.blocked = self.blocked_by_nominations(model, snapshot, incoming);
        let query = Query { model, snapshot, template, pinned, start, tie_break };
        let own = incoming.nominator.node_of(incoming.pod);
        if let Some(node) = own.filter(|&node| snapshot.is_present(node))
            && self.verdict(&query.cx(), node).is_none()
        {
            self.feasible.push(node);
            (decision.evaluated, decision.feasible) = (1, 1);
            decision.outcome = Outcome::Place(node);
            return decision;
        }
        self.decide(&query, restricted, &mut decision);
        decision
    }

    /// What has to happen to the claims of a pod of a class that goes to a node: nothing for those
    /// that are bound already.
    #[must_use]
    pub fn reserve(
        &self,
        (model, snapshot): (&Model, &Snapshot),
        template: TemplateId,
        node: NodeId,
    ) -> PodVolumes {
        let spec = &model.templates[template];
        if spec.volumes.is_empty() || !self.reserves_volumes {
            return PodVolumes::default();
        }
        let luck = TieBreak::LowestName;
        let cx = CycleCx { model, snapshot, template, spec, pinned: None, luck };
        PodClaims::of(&cx)
            .ok()
            .and_then(|claims| find_volumes(&cx, &claims, node).ok())
            .unwrap_or_default()
    }

    /// Everything before nodes are looked at. `None` if the decision is made already; otherwise
    /// the nodes that are left, if there is a restriction, and the plugins that made it.
    fn prepare(
        &mut self,
        query: &Query<'_>,
        decision: &mut Decision,
    ) -> Option<Option<(Vec<NodeId>, PluginSet)>> {
        let cx = query.cx();
        self.feasible.clear();
        self.rejected.clear();
        self.ties.clear();
        self.restriction = None;
        self.skipped_filters = PluginSet::default();
        self.skipped_scores = PluginSet::default();
        if decision.nodes == 0 {
            decision.outcome = Outcome::Error("no nodes available to schedule pods");
            return None;
        }
        self.run_pre_filters(&cx, decision)
    }

    /// Filters nodes, scores them and takes one.
    fn decide(
        &mut self,
        query: &Query<'_>,
        restricted: Option<(Vec<NodeId>, PluginSet)>,
        decision: &mut Decision,
    ) {
        let cx = query.cx();
        self.search(&cx, query.start, restricted.as_ref().map(|(list, _)| list.as_slice()));
        let evaluated = self.feasible.len() + self.rejected.len();
        decision.evaluated = u32::try_from(evaluated).expect("node ids have 32 bits");
        decision.feasible = u32::try_from(self.feasible.len()).expect("node ids have 32 bits");
        decision.next_start = (query.start + evaluated) % query.snapshot.node_list().len();
        match self.feasible[..] {
            [] => self.diagnose(restricted.as_ref().map(|(_, plugins)| *plugins), decision),
            [only] if self.detail.is_none() => decision.outcome = Outcome::Place(only),
            _ => decision.outcome = self.score_and_choose(&cx, query.tie_break),
        }
        self.restriction = restricted.map(|(nodes, _)| nodes);
    }

    /// Decides, and tells everything that was said of every node on the way. Scores are computed
    /// even if one node only is feasible.
    pub fn explain(&mut self, query: &Query<'_>) -> (Decision, Vec<NodeExplanation>) {
        self.detail = Some(Vec::new());
        let decision = self.full_scan(query);
        let detail = self.detail.take().unwrap_or_default();
        let mut explanations: Vec<NodeExplanation> = Vec::new();
        for rejected in &self.rejected {
            explanations.push(NodeExplanation {
                node: rejected.node,
                rejected: Some((rejected.plugin, rejected.rejection)),
                scores: Vec::new(),
                total: 0,
            });
        }
        for (at, &node) in self.feasible.iter().enumerate() {
            let scores: Vec<PluginScore> = detail
                .iter()
                .map(|(scorer, raw, normalized)| PluginScore {
                    plugin: self.ids[scorer.plugin],
                    raw: raw[at],
                    normalized: normalized[at],
                    weighted: normalized[at] * scorer.weight,
                })
                .collect();
            let total = scores.iter().map(|score| score.weighted).sum();
            explanations.push(NodeExplanation { node, rejected: None, scores, total });
        }
        explanations.sort_by_key(|explanation| explanation.node);
        (decision, explanations)
    }

    /// What Kubernetes says of a decision that found no node, in events and in the pod's status.
    #[must_use]
    pub fn message(
        &self,
        query: (&Model, TemplateId),
        decision: &Decision,
        post_filter: Option<&PostFilter>,
    ) -> String {
        unschedulable_message(query, decision, post_filter)
    }

    /// The feasible nodes of the last full scan, in the order in which they were found.
    #[must_use]
    pub fn feasible(&self) -> &[NodeId] {
        &self.feasible
    }

    /// The nodes that the last full scan rejected: node, first rejecting plugin, why.
    pub fn rejected(&self) -> impl Iterator<Item = (NodeId, PluginId, Rejection)> {
        self.rejected.iter().map(|entry| (entry.node, entry.plugin, entry.rejection))
    }

    /// The nodes to which pre-filters restricted the last decision.
    #[must_use]
    pub fn restriction(&self) -> Option<&[NodeId]> {
        self.restriction.as_deref()
    }

    /// Plugins whose filter was not asked in the last decision, as their pre-filter said.
    #[must_use]
    pub fn skipped_filters(&self) -> PluginSet {
        self.skipped_filters
    }

    /// Plugins that did not score in the last decision, as their PreScore said.
    #[must_use]
    pub fn skipped_scores(&self) -> PluginSet {
        self.skipped_scores
    }

    /// Score plugins with their weights, in order.
    #[must_use]
    pub fn weights(&self) -> Vec<(PluginId, i64)> {
        self.score.iter().map(|scorer| (self.ids[scorer.plugin], scorer.weight)).collect()
    }

    /// The nodes with the greatest total of the last decision.
    #[must_use]
    pub fn ties(&self) -> &[NodeId] {
        &self.ties
    }

    /// PreFilter of all plugins. `None` if the pod is rejected as a whole; otherwise the nodes
    /// that are left, if there is a restriction, and the plugins that made it.
    fn run_pre_filters(
        &mut self,
        cx: &CycleCx<'_>,
        decision: &mut Decision,
    ) -> Option<Option<(Vec<NodeId>, PluginSet)>> {
        self.active_filters.clone_from(&self.filter);
        let mut restricted: Option<(Vec<NodeId>, PluginSet)> = None;
        for &at in &self.pre_filter {
            match self.instances[at].pre_filter(cx) {
                PreFilter::Run => {}
                PreFilter::Skip => {
                    self.active_filters.retain(|&active| active != at);
                    self.skipped_filters.insert(self.ids[at]);
                }
                PreFilter::Restrict(nodes) => {
                    let (list, plugins) =
                        restricted.get_or_insert_with(|| (nodes.clone(), PluginSet::default()));
                    list.retain(|node| nodes.binary_search(node).is_ok());
                    plugins.insert(self.ids[at]);
                }
                PreFilter::Reject(rejection) => {
                    decision.rejected_by.insert(self.ids[at]);
                    decision.pre_filter.get_or_insert((self.ids[at], rejection));
                    if rejection.unresolvable {
                        return None;
                    }
                }
                PreFilter::Error(text) => {
                    decision.pre_filter = None;
                    decision.rejected_by = PluginSet::default();
                    decision.outcome = Outcome::Error(text);
                    return None;
                }
            }
        }
        if decision.pre_filter.is_some() { None } else { Some(restricted) }
    }

    /// Filters nodes from `start` on, all round, until enough are feasible.
    ///
    /// The search ends at the feasible node after the last one wanted, where the next search
    /// begins; that node counts neither as feasible nor as evaluated.
    fn search(&mut self, cx: &CycleCx<'_>, start: usize, restricted: Option<&[NodeId]>) {
        let mut narrowed;
        let list = match restricted {
            None => cx.snapshot.node_list(),
            Some(nodes) => {
                narrowed = nodes.to_vec();
                narrowed.retain(|&node| cx.snapshot.is_present(node));
                narrowed.sort_by_key(|&node| cx.snapshot.position(node));
                &narrowed
            }
        };
        let wanted = self.wanted_nodes(list.len());
        // The start is a place in the full list; a restricted list is shorter.
        let start = if list.is_empty() { 0 } else { start % list.len() };
        let (behind, ahead) = list.split_at(start);
        for &node in ahead.iter().chain(behind) {
            match self.verdict(cx, node) {
                None if self.feasible.len() == wanted => break,
                None => self.feasible.push(node),
                Some((plugin, rejection)) => {
                    self.rejected.push(Rejected { node, plugin, rejection });
                }
            }
        }
    }

    /// The first filter that rejects a node, nominated pods considered.
    #[inline]
    fn verdict(&self, cx: &CycleCx<'_>, node: NodeId) -> Option<(PluginId, Rejection)> {
        let blocked = self.blocked.iter().find(|(blocked, _, _)| *blocked == node);
        match blocked {
            Some(&(_, plugin, rejection)) => Some((plugin, rejection)),
            None => self.check(cx, node),
        }
    }

    /// The filters that take part in the decision under way, and all plugins.
    pub(super) fn filters_mut(&mut self) -> (&[usize], &mut [Box<dyn Plugin>]) {
        (&self.active_filters, &mut self.instances)
    }

    /// The first filter that rejects a node.
    #[inline]
    pub(super) fn check(&self, cx: &CycleCx<'_>, node: NodeId) -> Option<(PluginId, Rejection)> {
        self.active_filters.iter().find_map(|&at| {
            let rejection = self.instances[at].filter(cx, node).err()?;
            Some((self.ids[at], rejection))
        })
    }

    /// How many feasible nodes are enough among `nodes`.
    fn wanted_nodes(&self, nodes: usize) -> usize {
        const ENOUGH: usize = 100;
        if self.score.is_empty() {
            return 1;
        }
        if nodes < ENOUGH {
            return nodes;
        }
        let percentage = match usize::try_from(self.percentage_of_nodes_to_score) {
            Ok(0) | Err(_) => 50_usize.saturating_sub(nodes / 125).max(5),
            Ok(percentage) => percentage.min(100),
        };
        (nodes * percentage / 100).max(ENOUGH)
    }

    /// Why no node was feasible.
    fn diagnose(&self, restricted: Option<PluginSet>, decision: &mut Decision) {
        for entry in &self.rejected {
            decision.rejected_by.insert(entry.plugin);
            let known = decision
                .reasons
                .iter_mut()
                .find(|r| r.plugin == entry.plugin && r.rejection == entry.rejection);
            match known {
                Some(reason) => reason.nodes += 1,
                None => decision.reasons.push(ReasonCount {
                    plugin: entry.plugin,
                    rejection: entry.rejection,
                    nodes: 1,
                }),
            }
        }
        if let Some(plugins) = restricted {
            for plugin in plugins.iter() {
                decision.rejected_by.insert(plugin);
            }
            decision.outside = Some((decision.nodes - decision.evaluated, plugins));
        }
    }

    /// PreScore, Score, NormalizeScore, weights; then the best node.
    fn score_and_choose(&mut self, cx: &CycleCx<'_>, tie_break: TieBreak<'_>) -> Outcome {
        self.active_scorers.clone_from(&self.score);
        for &at in &self.pre_score {
            match self.instances[at].pre_score(cx, &self.feasible) {
                PreScore::Run => {}
                PreScore::Skip => {
                    self.active_scorers.retain(|scorer| scorer.plugin != at);
                    self.skipped_scores.insert(self.ids[at]);
                }
                PreScore::Error(text) => return Outcome::Error(text),
            }
        }
        self.totals.clear();
        self.totals.resize(self.feasible.len(), 0);
        for scorer in &self.active_scorers {
            let plugin = &self.instances[scorer.plugin];
            plugin.score_all(cx, &self.feasible, &mut self.scores);
            let raw = self.detail.is_some().then(|| self.scores.clone());
            plugin.normalize(cx, &self.feasible, &mut self.scores);
            for (total, score) in self.totals.iter_mut().zip(&self.scores) {
                *total += score * scorer.weight;
            }
            if let (Some(raw), Some(detail)) = (raw, &mut self.detail) {
                detail.push((*scorer, raw, self.scores.clone()));
            }
        }
        let best = self.totals.iter().copied().max().expect("a feasible node exists");
        self.ties.clear();
        let tied = self.feasible.iter().zip(&self.totals).filter(|&(_, &total)| total == best);
        self.ties.extend(tied.map(|(&node, _)| node));
        Outcome::Place(match self.ties[..] {
            [only] => only,
            _ => tie_break.choose(
                &mut self.ties,
                |node| cx.snapshot.position(node),
                |node| cx.snapshot.name_rank(node),
            ),
        })
    }
}

/// A decision before anything is known but the cluster's size.
fn undecided(start: usize, snapshot: &Snapshot) -> Decision {
    Decision {
        outcome: Outcome::Unschedulable,
        next_start: start,
        evaluated: 0,
        feasible: 0,
        nodes: u32::try_from(snapshot.node_list().len()).expect("node ids have 32 bits"),
        rejected_by: PluginSet::default(),
        pre_filter: None,
        reasons: Vec::new(),
        outside: None,
    }
}

/// The decision that an answer of the index makes.
fn placed(query: &Query<'_>, nodes: usize, answer: Answer) -> Decision {
    let number = |count: usize| u32::try_from(count).expect("node ids have 32 bits");
    Decision {
        outcome: Outcome::Place(answer.node),
        next_start: (query.start + answer.evaluated) % nodes,
        evaluated: number(answer.evaluated),
        feasible: number(answer.feasible),
        ..undecided(query.start, query.snapshot)
    }
}
