//! What a scheduling plugin is: the extension points of kube-scheduler 1.34 as far as a
//! simulation has use for them, and the answers a plugin gives at each.
//!
//! A plugin instance belongs to one profile. What it computes for one pod ([`Plugin::pre_filter`],
//! [`Plugin::pre_score`]) it keeps in fields of its own until the next pod, so that buffers are
//! used again; the answers for single nodes only read them.

use std::fmt;

use super::expression::Failure;
use super::rules::DomainRules;
use super::{BoundPod, ClusterEvent, Snapshot, TieBreak, VolumeConflicts, WakeSet};
use crate::model::{ClaimId, Model, NodeId, NodeSpec, PluginArgs, PodTemplate, Taint, TemplateId};
use crate::registry::{Described, Descriptor};
use crate::rng::StreamKind;

/// An extension point of the scheduling framework.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// Before a pod enters the queue.
    PreEnqueue,
    /// Order of the queue.
    QueueSort,
    /// Once per pod, before nodes are looked at.
    PreFilter,
    /// Per node: may the pod go there?
    Filter,
    /// When no node passed.
    PostFilter,
    /// Once per pod, before scores.
    PreScore,
    /// Per feasible node: how good is it?
    Score,
    /// A node was chosen.
    Reserve,
    /// May the binding go ahead?
    Permit,
    /// Before the binding is written.
    PreBind,
    /// Writes the binding.
    Bind,
    /// After the binding.
    PostBind,
}

impl Point {
    /// All points, in the order of a pod's way.
    pub const ALL: [Self; 12] = [
        Self::PreEnqueue,
        Self::QueueSort,
        Self::PreFilter,
        Self::Filter,
        Self::PostFilter,
        Self::PreScore,
        Self::Score,
        Self::Reserve,
        Self::Permit,
        Self::PreBind,
        Self::Bind,
        Self::PostBind,
    ];

    /// The field name below `plugins` in a configuration file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PreEnqueue => "preEnqueue",
            Self::QueueSort => "queueSort",
            Self::PreFilter => "preFilter",
            Self::Filter => "filter",
            Self::PostFilter => "postFilter",
            Self::PreScore => "preScore",
            Self::Score => "score",
            Self::Reserve => "reserve",
            Self::Permit => "permit",
            Self::PreBind => "preBind",
            Self::Bind => "bind",
            Self::PostBind => "postBind",
        }
    }
}

/// What a plugin's answer for one node depends on, besides the pod's class.
///
/// The full scan asks for every answer anew; an incremental evaluation refreshes only what the
/// declaration says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dependency {
    /// The node's object alone: its labels, taints and specification, not its pods.
    NodeObject,
    /// The node and the pods on it.
    NodeLocal,
    /// Counts per value of topology keys.
    Domain,
    /// Anything in the cluster.
    Cluster,
    /// Which nodes are feasible.
    FeasibleSet,
    /// The pod itself and which attempt it is ([`CycleCx::draw`]).
    Attempt,
}

/// A plugin by its place in [`super::plugins::ALL`], or an expression of the policy by its place
/// among those.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PluginId(pub(crate) u8);

/// Expressions that a policy may have.
pub const EXPRESSIONS_MAX: u8 = 16;
/// The first number that means an expression; a set of plugins has 64.
const FIRST_EXPRESSION: u8 = 64 - EXPRESSIONS_MAX;

impl PluginId {
    /// The plugin that an expression of the policy is.
    pub(super) fn of_expression(index: u8) -> Self {
        Self(FIRST_EXPRESSION + index)
    }

    /// The plugin's entry; all expressions share one.
    #[must_use]
    pub fn def(self) -> &'static PluginDef {
        if self.0 >= FIRST_EXPRESSION {
            return &super::plugins::expression::DEF;
        }
        super::plugins::ALL[usize::from(self.0)]
    }

    /// The plugin's name; all expressions share one.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.def().descriptor.name
    }

    /// The plugin's name, or that which the policy gave its expression.
    #[must_use]
    pub fn name_in(self, model: &Model) -> &str {
        let index = self.0.checked_sub(FIRST_EXPRESSION);
        let written = index.and_then(|at| model.scheduler.expressions.get(usize::from(at)));
        written.map_or(self.name(), |written| written.name.as_str())
    }
}

/// A set of plugins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PluginSet(u64);

impl PluginSet {
    /// Adds a plugin.
    pub fn insert(&mut self, plugin: PluginId) {
        self.0 |= 1 << plugin.0;
    }

    /// Whether it holds a plugin.
    #[must_use]
    pub fn contains(self, plugin: PluginId) -> bool {
        self.0 & (1 << plugin.0) != 0
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its plugins, in the order of the table.
    pub fn iter(self) -> impl Iterator<Item = PluginId> {
        (0..64).map(PluginId).filter(move |&plugin| self.contains(plugin))
    }

    /// Whether one of them listens to events of a kind.
    #[must_use]
    pub fn listens(self, kind: WakeSet) -> bool {
        self.iter().any(|plugin| plugin.def().listens_to().intersects(kind))
    }
}

/// Why a node or a pod was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A fixed text.
    Text(&'static str),
    /// A taint that the pod does not tolerate.
    UntoleratedTaint(Taint),
    /// Resources that do not suffice, one bit each: 0 pods, 1 cpu, 2 memory, 3 ephemeral storage,
    /// then the scalar resources in the order of the pod's requests.
    Insufficient(u64),
    /// One of the pod's claims, or what it refers to.
    Claim(ClaimReason, ClaimId),
    /// The claims cannot have volumes there.
    Volumes(VolumeConflicts),
    /// What an expression of the policy says.
    Expression {
        /// Its place among them.
        index: u8,
        /// Why not.
        failure: Failure,
    },
    /// The node lies outside those that the pre-filters of these plugins left.
    OutsidePreFilter(PluginSet),
}

/// What is wrong with a claim of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimReason {
    /// It does not exist.
    NotFound,
    /// Likewise, found out for a single node.
    LookupFailed,
    /// It is to be made for the pod, and is not there yet.
    NotMade,
    /// It has the name of a claim of the pod's own and is not the pod's.
    Foreign,
    /// Its volume is lost.
    Lost,
    /// It is being deleted.
    Deleting,
    /// The volume that it names does not exist.
    VolumeNotFound,
    /// The class that it names does not exist.
    ClassNotFound,
    /// Its class does not say when volumes are bound.
    NoBindingMode,
}

/// A rejection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// `UnschedulableAndUnresolvable`: no eviction on the node would help.
    pub unresolvable: bool,
    /// Why.
    pub reason: Reason,
}

/// Code of a rejection that no eviction cures.
pub(crate) const UNRESOLVABLE: &str = "UnschedulableAndUnresolvable";

impl Rejection {
    /// Kubernetes' name of the status code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        if self.unresolvable { UNRESOLVABLE } else { "Unschedulable" }
    }

    /// `Unschedulable` with a fixed text.
    #[must_use]
    pub const fn unschedulable(text: &'static str) -> Self {
        Self { unresolvable: false, reason: Reason::Text(text) }
    }

    /// `UnschedulableAndUnresolvable` with a fixed text.
    #[must_use]
    pub const fn unresolvable(text: &'static str) -> Self {
        Self { unresolvable: true, reason: Reason::Text(text) }
    }
}

/// A filter's answer for one node.
pub type Verdict = Result<(), Rejection>;

/// A plugin's answer before nodes are filtered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PreFilter {
    /// Filter nodes.
    Run,
    /// Every node passes: the filter need not be asked.
    Skip,
    /// Only these nodes can pass; sorted, without duplicates.
    Restrict(Vec<NodeId>),
    /// No node can pass.
    Reject(Rejection),
    /// The attempt ends in an error.
    Error(&'static str),
}

/// A plugin's answer before feasible nodes are scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreScore {
    /// Score nodes.
    Run,
    /// The plugin has nothing to say: it adds 0 everywhere.
    Skip,
    /// The attempt ends in an error.
    Error(&'static str),
}

/// What a plugin sees of one scheduling cycle.
#[derive(Clone, Copy, Debug)]
pub struct CycleCx<'a> {
    /// The immutable input.
    pub model: &'a Model,
    /// Nodes and bound pods.
    pub snapshot: &'a Snapshot,
    /// The pod's class.
    pub template: TemplateId,
    /// The pod's specification.
    pub spec: &'a PodTemplate,
    /// The one node that the pod's own required affinity names, besides what its class says.
    pub pinned: Option<NodeId>,
    /// The luck of this attempt.
    pub luck: TieBreak<'a>,
}

impl<'a> CycleCx<'a> {
    /// What a plugin draws for a node in this attempt: every number below 2^62 is equally likely,
    /// whatever other nodes there are and in whichever order they are asked for. Where luck is
    /// switched off, nodes whose names sort first draw the greatest.
    #[must_use]
    pub fn draw(&self, node: NodeId) -> i64 {
        const BITS: u32 = 62;
        let drawn = match self.luck {
            TieBreak::LowestName => (1 << BITS) - 1 - u64::from(self.snapshot.name_rank(node)),
            TieBreak::Seeded { streams, entity, attempt } => {
                let mut stream = streams.stream(StreamKind::NodeDraw, entity);
                // Blocks of one attempt never meet: addresses are unique and spread one to one.
                let block = spread_bits(self.model.nodes[node].address).wrapping_add(attempt);
                stream.seek(block);
                stream.next_u64() >> (u64::BITS - BITS)
            }
        };
        i64::try_from(drawn).expect("below 2^62")
    }

    /// A node's labels and allocatable amounts as they are now.
    #[must_use]
    #[inline]
    pub fn node(&self, node: NodeId) -> &'a NodeSpec {
        self.snapshot.spec(self.model, node)
    }
}

/// What a plugin is built from.
#[derive(Clone, Copy, Debug)]
pub struct BuildCx<'a> {
    /// The immutable input.
    pub model: &'a Model,
    /// The plugin's arguments, if the profile gives any.
    pub args: Option<&'a PluginArgs>,
}

/// A plugin of one profile. Every method has the answer of a plugin that does not take part.
///
/// Where filter and score depend on single nodes alone ([`Dependency::NodeObject`],
/// [`Dependency::NodeLocal`]), `pre_filter` and `pre_score` must follow from the pod's class, and
/// `filter` and `score` from the class and that node: answers are kept until the node changes.
/// A plugin of another dependency describes itself by [`Plugin::rules`] or is asked anew for
/// every decision.
pub trait Plugin: fmt::Debug + Send {
    /// PreEnqueue: why a pod of this class may not enter the queue yet.
    fn pre_enqueue(&self, _spec: &PodTemplate) -> Option<String> {
        None
    }

    /// PreFilter: prepares for the pod.
    fn pre_filter(&mut self, _cx: &CycleCx<'_>) -> PreFilter {
        PreFilter::Run
    }

    /// Filter: may the pod go to this node?
    ///
    /// # Errors
    /// The reason why not.
    fn filter(&self, _cx: &CycleCx<'_>, _node: NodeId) -> Verdict {
        Ok(())
    }

    /// What-ifs about one node begin: pods come onto it and leave it until [`Self::end_trial`],
    /// which brings back what [`Self::pre_filter`] prepared. Trials of the same node may nest.
    ///
    /// Only a plugin whose preparation follows pods has anything to do here and in the next three
    /// methods (Kubernetes' PreFilterExtensions); the snapshot's rows are taken care of.
    fn begin_trial(&mut self, _cx: &CycleCx<'_>, _node: NodeId) {}

    /// PreFilterExtensions.AddPod: a pod has come onto the node.
    fn add_pod(&mut self, _cx: &CycleCx<'_>, _node: NodeId, _pod: &BoundPod) {}

    /// PreFilterExtensions.RemovePod: a pod has left the node.
    fn remove_pod(&mut self, _cx: &CycleCx<'_>, _node: NodeId, _pod: &BoundPod) {}

    /// The what-ifs begun last are over.
    fn end_trial(&mut self, _cx: &CycleCx<'_>, _node: NodeId) {}

    /// PreScore: prepares for the feasible nodes.
    fn pre_score(&mut self, _cx: &CycleCx<'_>, _feasible: &[NodeId]) -> PreScore {
        PreScore::Run
    }

    /// Score: the raw score of a feasible node.
    fn score(&self, _cx: &CycleCx<'_>, _node: NodeId) -> i64 {
        0
    }

    /// Score of all feasible nodes, into `scores` (emptied before).
    fn score_all(&self, cx: &CycleCx<'_>, feasible: &[NodeId], scores: &mut Vec<i64>) {
        scores.clear();
        scores.extend(feasible.iter().map(|&node| self.score(cx, node)));
    }

    /// NormalizeScore: brings raw scores to 0–100. What becomes of a score may depend on which
    /// scores there are, not on how often each is.
    fn normalize(&self, _cx: &CycleCx<'_>, _feasible: &[NodeId], _scores: &mut [i64]) {}

    /// Whether [`Plugin::normalize`] does anything.
    fn normalizes(&self) -> bool {
        false
    }

    /// Whether filter and score of a plugin of single nodes treat pods of the other class as they
    /// treat those of `cx`. What the answer depends on besides may change only when nodes come, go
    /// or are declared anew.
    fn alike(&self, _cx: &CycleCx<'_>, _other: &PodTemplate) -> bool {
        false
    }

    /// Describes, for a class, what filter and score of a plugin do that looks at more than single
    /// nodes. False if rules cannot say it; the plugin is then asked about every node.
    fn rules(&mut self, _cx: &CycleCx<'_>, _rules: &mut DomainRules) -> bool {
        false
    }

    /// Queueing hint: whether the event, of a kind the plugin registered for, may make a pod of
    /// this class schedulable that the plugin rejected.
    fn hint(&mut self, _cx: &CycleCx<'_>, _event: &ClusterEvent) -> bool {
        true
    }
}

/// Makes a plugin instance; arguments were checked before.
pub type BuildPlugin = fn(&BuildCx<'_>) -> Box<dyn Plugin>;

/// A plugin's entry in the table.
#[derive(Debug)]
pub struct PluginDef {
    /// Name, help, parameters.
    pub descriptor: Descriptor,
    /// Extension points that Kubernetes' plugin implements.
    pub points: &'static [Point],
    /// What the filter's verdict depends on, if it filters.
    pub filter_depends: Option<Dependency>,
    /// What the raw score depends on, if it scores.
    pub score_depends: Option<Dependency>,
    /// Cluster events that may make a pod it rejected schedulable.
    pub wakes_on: WakeSet,
    /// Makes an instance; `None` if the plugin has no effect in a simulation yet.
    pub build: Option<BuildPlugin>,
}

impl PluginDef {
    /// The events that reach pods it rejected: those it registered for and, where it wants to
    /// know of new nodes but not of taints, changes of taints too. kube-scheduler adds that
    /// registration by itself, without a hint: such an event always wakes.
    #[must_use]
    pub fn listens_to(&self) -> WakeSet {
        if self.wakes_on.intersects(WakeSet::NODE_ADD) {
            self.wakes_on.with(WakeSet::NODE_TAINT)
        } else {
            self.wakes_on
        }
    }
}

impl Described for PluginDef {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }
}

/// Another number for each number, neighbours far apart (the finaliser of SplitMix64).
fn spread_bits(number: u64) -> u64 {
    let z = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Brings scores to 0–100 by their range: the least becomes 0, and 100 only what is greatest, so
/// that the best stays alone however near the next one is. Equal scores all become 100.
pub(crate) fn normalize_by_range(scores: &mut [i64]) {
    let least = scores.iter().copied().min().unwrap_or(0);
    let greatest = scores.iter().copied().max().unwrap_or(0);
    let range = i128::from(greatest) - i128::from(least);
    for score in scores {
        let above = i128::from(*score) - i128::from(least);
        let share = if range == 0 { 100 } else { 100 * above / range };
        *score = i64::try_from(share).expect("between 0 and 100");
    }
}

/// Brings scores to 0–100 by their maximum; reversed, the highest becomes 0.
///
/// Kubernetes' default normalisation: without any positive score all become 0, or 100 reversed.
pub(crate) fn normalize_by_max(scores: &mut [i64], reverse: bool) {
    let max = scores.iter().copied().max().unwrap_or(0);
    for score in scores {
        let share = if max == 0 { 0 } else { 100 * *score / max };
        *score = if reverse { 100 - share } else { share };
    }
}
