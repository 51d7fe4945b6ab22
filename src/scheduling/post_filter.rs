//! What comes around a search: nominated pods before it, PostFilter plugins after one that found no
//! node.
//!
//! Both play what-ifs on single nodes. A what-if changes the snapshot's row of the node and, through
//! the plugins' trial methods, what their pre-filters prepared; it is undone when it is over.

use super::decision::{Decision, Outcome, TieBreak};
use super::framework::{CycleCx, PluginId, Rejection};
use super::message::post_filter_message;
use super::nominator::{Nominated, Nominator};
use super::preemption::{
    DisruptionBudget, DryRunFailure, Ineligible, NodeTrial, Preemption, best, select_victims,
};
use super::profile::Framework;
use super::{BoundPod, Snapshot};
use crate::model::{Model, NodeId, PluginArgs, PodId, Profile, TemplateId};
use crate::rng::StreamKind;

/// The pod that is being scheduled, among the pods nominated for nodes.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// The pod.
    pub pod: PodId,
    /// Its class.
    pub template: TemplateId,
    /// The one node that its own required affinity names, besides what its class says.
    pub pinned: Option<NodeId>,
    /// Nominations, the pod's own among them.
    pub nominator: &'a Nominator,
}

impl Incoming<'_> {
    fn ahead(&self, model: &Model, node: NodeId) -> Vec<Nominated> {
        self.nominator.ahead_of(self.pod, model.templates[self.template].priority, node)
    }
}

/// What the PostFilter plugins together say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostFilterStatus {
    /// A node is nominated.
    Success,
    /// They cannot help.
    Unschedulable,
    /// One could not work.
    Error,
}

impl PostFilterStatus {
    /// Kubernetes' name of the status code.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::Unschedulable => "Unschedulable",
            Self::Error => "Error",
        }
    }
}

/// What one PostFilter plugin contributes to the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remark {
    /// DynamicResources has nothing to do.
    NoClaims,
    /// DynamicResources misses what its PreFilter would have left.
    NotFound,
    /// DefaultPreemption, whose answer stands in [`PostFilter::preemption`].
    Preemption,
}

/// The answer of a profile's PostFilter plugins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostFilter {
    /// What came out.
    pub status: PostFilterStatus,
    /// What DefaultPreemption found, if it was asked.
    pub preemption: Option<Preemption>,
    pub(crate) remarks: Vec<Remark>,
}

impl PostFilter {
    /// Kubernetes' words; none if a node is nominated.
    #[must_use]
    pub fn message(&self, of: (&Model, TemplateId)) -> String {
        post_filter_message(of, self)
    }

    /// What becomes of the pod's nomination: a node, none, or (`None`) what it was before.
    #[must_use]
    pub fn nomination(&self) -> Option<Option<NodeId>> {
        let preemption = self.preemption.as_ref()?;
        match self.status {
            PostFilterStatus::Success => preemption.nominated().map(|taken| Some(taken.node)),
            PostFilterStatus::Unschedulable => preemption.ineligible.is_none().then_some(None),
            PostFilterStatus::Error => None,
        }
    }
}

/// The PostFilter plugins of a profile and what they have to know of it.
#[derive(Debug, Default)]
pub(super) struct PostFilterPlugins {
    names: Vec<String>,
    /// Names at PreFilter, in order.
    pre_filter: Vec<String>,
    min_percentage: i64,
    min_absolute: i64,
}

impl PostFilterPlugins {
    pub(super) fn new(profile: &Profile) -> Self {
        let (min_percentage, min_absolute) = profile
            .args
            .iter()
            .find_map(|(_, args)| {
                let PluginArgs::DefaultPreemption {
                    min_candidate_nodes_percentage,
                    min_candidate_nodes_absolute,
                } = args
                else {
                    return None;
                };
                Some((*min_candidate_nodes_percentage, *min_candidate_nodes_absolute))
            })
            .unwrap_or((10, 100));
        Self {
            names: profile.post_filter.clone(),
            pre_filter: profile.pre_filter.clone(),
            min_percentage,
            min_absolute,
        }
    }

    /// Whether DefaultPreemption is among them.
    pub(super) fn preempts(&self) -> bool {
        self.names.iter().any(|name| name == "DefaultPreemption")
    }

    /// Whether DynamicResources' PreFilter ran in a decision: not if it is no PreFilter plugin, and
    /// not if one before it ended the pod's attempt.
    fn claims_were_read(&self, decision: &Decision) -> bool {
        let place = |name: &str| self.pre_filter.iter().position(|known| known == name);
        let ended_by = decision.pre_filter.filter(|(_, rejection)| rejection.unresolvable);
        match (place("DynamicResources"), ended_by) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(own), Some((plugin, _))) => place(plugin.name()).is_some_and(|at| own < at),
        }
    }

    /// How many candidates are enough among so many potential nodes.
    fn wanted(&self, potential: usize) -> usize {
        let size = i64::try_from(potential).expect("node ids have 32 bits");
        let wanted = (size * self.min_percentage / 100).max(self.min_absolute).min(size);
        usize::try_from(wanted).unwrap_or(0)
    }
}

/// Puts a pod's attempt beside the nominations of other pods.
pub(super) type Blocked = Vec<(NodeId, PluginId, Rejection)>;

/// One node in what-ifs for one incoming pod.
struct OnNode<'a, 'b> {
    framework: &'a mut Framework,
    snapshot: &'a mut Snapshot,
    model: &'a Model,
    incoming: &'a Incoming<'b>,
    node: NodeId,
    /// Nominated pods that take part.
    ahead: &'a [Nominated],
}

impl OnNode<'_, '_> {
    fn cx(&self) -> CycleCx<'_> {
        let Incoming { template, pinned, .. } = *self.incoming;
        let spec = &self.model.templates[template];
        let luck = TieBreak::LowestName;
        CycleCx { model: self.model, snapshot: self.snapshot, template, spec, pinned, luck }
    }

    /// Asks all filter plugins that take part.
    fn each(&mut self, mut tell: impl FnMut(&mut dyn super::Plugin, &CycleCx<'_>)) {
        let Incoming { template, pinned, .. } = *self.incoming;
        let spec = &self.model.templates[template];
        let luck = TieBreak::LowestName;
        let cx =
            CycleCx { model: self.model, snapshot: self.snapshot, template, spec, pinned, luck };
        let (active, instances) = self.framework.filters_mut();
        for &at in active {
            tell(&mut *instances[at], &cx);
        }
    }

    fn add_pod(&mut self, pod: &BoundPod) {
        let node = self.node;
        self.snapshot.occupy(self.model, node, *pod);
        self.each(|plugin, cx| plugin.add_pod(cx, node, pod));
    }

    /// Plays a what-if and undoes it.
    fn trial<T>(&mut self, play: impl FnOnce(&mut Self) -> T) -> T {
        let node = self.node;
        let saved = self.snapshot.save(node);
        self.each(|plugin, cx| plugin.begin_trial(cx, node));
        let answer = play(self);
        self.snapshot.restore(node, saved);
        self.each(|plugin, cx| plugin.end_trial(cx, node));
        answer
    }

    /// Whether the pod passes the filters with the nominated pods there.
    fn fits_beside_nominated(&mut self) -> Result<(), (PluginId, Rejection)> {
        if self.ahead.is_empty() {
            return Ok(());
        }
        self.trial(|this| {
            for other in this.ahead {
                this.add_pod(&BoundPod::new(other.pod, other.template, other.priority));
            }
            this.fits_alone()
        })
    }

    fn fits_alone(&self) -> Result<(), (PluginId, Rejection)> {
        self.framework.check(&self.cx(), self.node).map_or(Ok(()), Err)
    }
}

impl NodeTrial for OnNode<'_, '_> {
    fn remove(&mut self, pod: &BoundPod) {
        let node = self.node;
        self.snapshot.vacate(self.model, node, pod.pod);
        self.each(|plugin, cx| plugin.remove_pod(cx, node, pod));
    }

    fn add(&mut self, pod: &BoundPod) {
        self.add_pod(pod);
    }

    fn fits(&mut self) -> Result<(), (PluginId, Rejection)> {
        self.fits_beside_nominated()?;
        self.fits_alone()
    }
}

impl Framework {
    /// The nodes that other pods' nominations close to the incoming pod, and by which filter.
    ///
    /// Filters run twice on a node for which others of at least the pod's priority are nominated:
    /// with them and without. Here is the first of the two; the search is the second.
    pub(super) fn blocked_by_nominations(
        &mut self,
        model: &Model,
        snapshot: &mut Snapshot,
        incoming: &Incoming<'_>,
    ) -> Blocked {
        let mut blocked = Vec::new();
        for node in incoming.nominator.nodes() {
            let ahead = incoming.ahead(model, node);
            if ahead.is_empty() || !snapshot.is_present(node) {
                continue;
            }
            let ahead = &ahead;
            let mut on = OnNode { framework: self, snapshot, model, incoming, node, ahead };
            if let Err((plugin, rejection)) = on.fits_beside_nominated() {
                blocked.push((node, plugin, rejection));
            }
        }
        blocked
    }

    /// The PostFilter plugins look at a pod for which the decision just made found no node.
    ///
    /// It relies on what that decision left in the plugins, so nothing may be decided between.
    pub fn post_filter(
        &mut self,
        (model, snapshot): (&Model, &mut Snapshot),
        incoming: &Incoming<'_>,
        decision: &Decision,
        budgets: &[DisruptionBudget],
        tie_break: TieBreak<'_>,
    ) -> PostFilter {
        let status = PostFilterStatus::Unschedulable;
        let mut answer = PostFilter { status, preemption: None, remarks: Vec::new() };
        if decision.outcome != Outcome::Unschedulable {
            return answer;
        }
        for at in 0..self.post_filter.names.len() {
            match self.post_filter.names[at].as_str() {
                "DynamicResources" if self.post_filter.claims_were_read(decision) => {
                    answer.remarks.push(Remark::NoClaims);
                }
                "DynamicResources" => {
                    // Fidelity: the plugin reads claims that its PreFilter would have left, fails
                    // to find them and so ends PostFilter before preemption is asked (1.34.1).
                    let (status, remarks) = (PostFilterStatus::Error, vec![Remark::NotFound]);
                    return PostFilter { status, preemption: None, remarks };
                }
                "DefaultPreemption" => {
                    let world = (model, &mut *snapshot);
                    let found = self.preempt(world, incoming, decision, budgets, tie_break);
                    let status = preemption_status(&found);
                    answer.remarks.push(Remark::Preemption);
                    answer.preemption = Some(found);
                    if status != PostFilterStatus::Unschedulable {
                        let remarks = vec![Remark::Preemption];
                        return PostFilter { status, remarks, ..answer };
                    }
                }
                _ => {}
            }
        }
        answer
    }

    /// DefaultPreemption.
    fn preempt(
        &mut self,
        (model, snapshot): (&Model, &mut Snapshot),
        incoming: &Incoming<'_>,
        decision: &Decision,
        budgets: &[DisruptionBudget],
        tie_break: TieBreak<'_>,
    ) -> Preemption {
        let mut found = Preemption { nodes: decision.nodes, ..Preemption::default() };
        found.ineligible = self.ineligible(model, snapshot, incoming);
        if found.ineligible.is_some() {
            return found;
        }
        found.potential = self.potential_nodes(snapshot, decision);
        if found.potential.is_empty() {
            return found;
        }
        let mut luck = match tie_break {
            TieBreak::LowestName => None,
            TieBreak::Seeded { streams, entity, attempt } => {
                let mut stream = streams.stream(StreamKind::PreemptionOffset, entity);
                stream.seek(attempt);
                Some(stream)
            }
        };
        let mut draw = |bound: usize| {
            let drawn = luck.as_mut().map_or(0, |stream| stream.below(bound as u64));
            usize::try_from(drawn).expect("below a number of nodes")
        };
        let offset = draw(found.potential.len());
        self.dry_run((model, &mut *snapshot), incoming, budgets, offset, &mut found);
        found.best = best(&found.candidates);
        let node_of = |at: &usize| found.candidates[*at].node;
        found.chosen = match (found.best.as_slice(), tie_break) {
            ([], _) => None,
            ([only], _) => Some(*only),
            (ties, TieBreak::LowestName) => {
                ties.iter().copied().min_by_key(|at| snapshot.name_rank(node_of(at)))
            }
            (ties, TieBreak::Seeded { .. }) => {
                let mut ties = ties.to_vec();
                ties.sort_by_key(|at| snapshot.position(node_of(at)));
                Some(ties[draw(ties.len())])
            }
        };
        found
    }

    /// Why the pod may not preempt, if it may not.
    fn ineligible(
        &self,
        model: &Model,
        snapshot: &Snapshot,
        incoming: &Incoming<'_>,
    ) -> Option<Ineligible> {
        let spec = &model.templates[incoming.template];
        if spec.flags.never_preempts {
            return Some(Ineligible::Never);
        }
        let node = incoming.nominator.node_of(incoming.pod)?;
        let given_up = self
            .rejected()
            .any(|(rejected, _, rejection)| rejected == node && rejection.unresolvable);
        let mut pods = snapshot.row(node).pods.iter();
        let waits = pods.any(|pod| pod.priority < spec.priority && pod.preempted);
        (!given_up && waits).then_some(Ineligible::TerminatingVictim)
    }

    /// The nodes whose rejection evictions may cure, in the order of the node list.
    fn potential_nodes(&self, snapshot: &Snapshot, decision: &Decision) -> Vec<NodeId> {
        match decision.pre_filter {
            Some((_, rejection)) if rejection.unresolvable => Vec::new(),
            Some(_) => snapshot.node_list().to_vec(),
            None => {
                let curable = self.rejected().filter(|(_, _, rejection)| !rejection.unresolvable);
                let mut nodes: Vec<NodeId> = curable.map(|(node, _, _)| node).collect();
                nodes.sort_by_key(|&node| snapshot.position(node));
                nodes.dedup();
                nodes
            }
        }
    }

    /// Looks for victims node by node from `offset` on, until enough candidates are known of which
    /// one at least violates no budget.
    fn dry_run(
        &mut self,
        (model, snapshot): (&Model, &mut Snapshot),
        incoming: &Incoming<'_>,
        budgets: &[DisruptionBudget],
        offset: usize,
        found: &mut Preemption,
    ) {
        let wanted = self.post_filter.wanted(found.potential.len());
        let priority = model.templates[incoming.template].priority;
        let (mut harmless, mut violating) = (Vec::new(), Vec::new());
        let (before, after) = found.potential.split_at(offset);
        for &node in after.iter().chain(before) {
            let ahead = &incoming.ahead(model, node);
            let pods = snapshot.row(node).pods.clone();
            let mut on = OnNode { framework: self, snapshot, model, incoming, node, ahead };
            let answer = on.trial(|on| select_victims(node, &pods, priority, budgets, on));
            match answer {
                Err(failure) => found.failures.push((node, failure)),
                Ok(candidate) => {
                    let list =
                        if candidate.violations == 0 { &mut harmless } else { &mut violating };
                    if list.len() < wanted {
                        list.push(candidate);
                    }
                    if !harmless.is_empty() && harmless.len() + violating.len() >= wanted {
                        break;
                    }
                }
            }
        }
        found.candidates = harmless;
        found.candidates.append(&mut violating);
    }
}

fn preemption_status(found: &Preemption) -> PostFilterStatus {
    let errors = found.failures.iter().any(|(_, why)| *why == DryRunFailure::NothingToEvict);
    match (found.chosen, errors) {
        (Some(_), _) => PostFilterStatus::Success,
        (None, true) => PostFilterStatus::Error,
        (None, false) => PostFilterStatus::Unschedulable,
    }
}
