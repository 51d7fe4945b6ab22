//! NodeAffinity: node selectors, required and preferred node affinity, and the profile's own.

use crate::base::id::IdSet;
use crate::base::map::LookupMap;
use crate::model::{
    Model, NodeId, NodeSelectorTerm, NodeSpec, Operator, PluginArgs, PodTemplate, TemplateId,
    Weighted,
};
use crate::registry::{Descriptor, Field};
use crate::scheduling::framework::{
    BuildCx, CycleCx, Dependency, Plugin, PluginDef, Point, PreFilter, PreScore, Rejection,
    Verdict, normalize_by_max,
};
use crate::scheduling::{ClusterEvent, WakeSet};

/// The table's entry.
pub(super) const DEF: PluginDef = PluginDef {
    descriptor: Descriptor {
        name: "NodeAffinity",
        summary: "Honours node selectors and node affinity",
        help: "Required terms filter nodes; preferred terms add their weights to the score of \
               nodes that match. `addedAffinity` holds for all pods of the profile, besides their \
               own.",
        fields: &[Field {
            name: "addedAffinity",
            unit: "NodeAffinity",
            default: "none",
            range: "",
            help: "node affinity that every pod of the profile has as well",
        }],
    },
    points: &[Point::PreFilter, Point::Filter, Point::PreScore, Point::Score],
    filter_depends: Some(Dependency::NodeObject),
    score_depends: Some(Dependency::NodeObject),
    wakes_on: WakeSet::NODE_ADD.with(WakeSet::NODE_LABEL),
    build: Some(|cx| Box::new(NodeAffinity::new(cx))),
};

/// Whether a node matches one term; an empty term matches nothing, and neither does one whose
/// requirement on names has not exactly one: it does not parse in kube-scheduler.
fn matches_term(model: &Model, node: &NodeSpec, term: &NodeSelectorTerm) -> bool {
    (!term.expressions.is_empty() || !term.names.is_empty())
        && term
            .expressions
            .iter()
            .all(|requirement| requirement.matches(&node.labels, &model.symbols))
        && term.names.iter().all(|(within, names)| {
            matches!(names.as_slice(), [name] if (*name == node.name_symbol) == *within)
        })
}

fn matches_any(model: &Model, node: &NodeSpec, terms: &[NodeSelectorTerm]) -> bool {
    terms.iter().any(|term| matches_term(model, node, term))
}

/// Whether a node matches the selector and the required affinity of a class.
#[must_use]
pub fn matches_required(model: &Model, spec: &PodTemplate, node: &NodeSpec) -> bool {
    spec.node_selector.iter().all(|&(key, value)| node.labels.get(key) == Some(value))
        && spec.node_affinity.as_ref().is_none_or(|terms| matches_any(model, node, terms))
}

/// Whether a class restricts its nodes at all.
pub(super) fn restricts(spec: &PodTemplate) -> bool {
    !spec.node_selector.is_empty() || spec.node_affinity.is_some()
}

/// Nodes that match something, kept up with the labels of one snapshot and of its copies.
#[derive(Debug, Default)]
struct MatchingNodes {
    nodes: IdSet<NodeId>,
    /// How far it has followed the snapshot's changes of labels; `None` before the first time.
    followed: Option<usize>,
}

impl MatchingNodes {
    #[inline]
    fn follow(&mut self, cx: &CycleCx<'_>, matches: impl Fn(&NodeSpec) -> bool) {
        let changed = cx.snapshot.relabelled();
        if self.followed == Some(changed.len()) {
            return;
        }
        match self.followed.and_then(|from| changed.get(from..)) {
            Some(news) => news.iter().for_each(|&node| self.look_at(cx, node, &matches)),
            None => cx.model.nodes.ids().for_each(|node| self.look_at(cx, node, &matches)),
        }
        self.followed = Some(changed.len());
    }

    fn look_at(&mut self, cx: &CycleCx<'_>, node: NodeId, matches: &impl Fn(&NodeSpec) -> bool) {
        if matches(cx.node(node)) {
            self.nodes.insert(node);
        } else {
            self.nodes.remove(node);
        }
    }
}

/// Which nodes match the required affinity of which class.
#[derive(Debug, Default)]
pub(super) struct RequiredNodes {
    of_class: LookupMap<TemplateId, MatchingNodes>,
}

impl RequiredNodes {
    /// Makes sure that the class is known as things are now.
    pub(super) fn prepare(&mut self, cx: &CycleCx<'_>) {
        let known = self.of_class.get_or_insert_with(cx.template, MatchingNodes::default);
        known.follow(cx, |node| matches_required(cx.model, cx.spec, node));
    }

    /// Whether the node matches; the class was prepared.
    #[inline]
    pub(super) fn contains(&self, template: TemplateId, node: NodeId) -> bool {
        self.of_class.get(&template).is_some_and(|matching| matching.nodes.contains(node))
    }
}

#[derive(Debug)]
struct NodeAffinity {
    added_required: Option<Vec<NodeSelectorTerm>>,
    added_preferred: Vec<Weighted<NodeSelectorTerm>>,
    /// Nodes that match the added required terms.
    added_nodes: MatchingNodes,
    required: RequiredNodes,
}

impl NodeAffinity {
    fn new(cx: &BuildCx<'_>) -> Self {
        let (added_required, added_preferred) = match cx.args {
            Some(PluginArgs::NodeAffinity { required, preferred }) => {
                (required.clone(), preferred.clone())
            }
            _ => (None, Vec::new()),
        };
        Self {
            added_required,
            added_preferred,
            added_nodes: MatchingNodes::default(),
            required: RequiredNodes::default(),
        }
    }

    /// What follows from the class alone.
    fn pre_filter_class(&mut self, cx: &CycleCx<'_>) -> PreFilter {
        if let Some(terms) = &self.added_required {
            self.added_nodes.follow(cx, |node| matches_any(cx.model, node, terms));
        }
        if !restricts(cx.spec) {
            return if self.added_required.is_none() { PreFilter::Skip } else { PreFilter::Run };
        }
        self.required.prepare(cx);
        match cx.spec.node_affinity.as_deref() {
            Some(terms) if !terms.is_empty() => match named_nodes(cx.model, terms) {
                Some(_) if conflicting(terms) => {
                    PreFilter::Reject(Rejection::unresolvable("pod affinity terms conflict"))
                }
                Some(nodes) => PreFilter::Restrict(nodes),
                None => PreFilter::Run,
            },
            _ => PreFilter::Run,
        }
    }

    /// The preferred terms of pod and profile that are not empty.
    fn preferred<'a>(
        &'a self,
        spec: &'a PodTemplate,
    ) -> impl Iterator<Item = &'a Weighted<NodeSelectorTerm>> {
        let not_empty = |weighted: &&Weighted<NodeSelectorTerm>| {
            !weighted.term.expressions.is_empty() || !weighted.term.names.is_empty()
        };
        self.added_preferred.iter().chain(&spec.node_affinity_preferred).filter(not_empty)
    }
}

/// The nodes that terms leave by name alone: known only if every term names nodes.
fn named_nodes(model: &Model, terms: &[NodeSelectorTerm]) -> Option<Vec<NodeId>> {
    let mut nodes: Vec<NodeId> = Vec::new();
    for term in terms {
        if !term.names.iter().any(|&(within, _)| within) {
            return None;
        }
        let named = |name| {
            term.names.iter().filter(|(within, _)| *within).all(|(_, names)| names.contains(&name))
        };
        nodes.extend(
            model.nodes.iter().filter(|(_, spec)| named(spec.name_symbol)).map(|(id, _)| id),
        );
    }
    nodes.sort_unstable();
    nodes.dedup();
    Some(nodes)
}

/// Whether every set of names that a term asks for at once is contradictory, in all terms.
fn conflicting(terms: &[NodeSelectorTerm]) -> bool {
    terms.iter().all(|term| {
        let mut within = term.names.iter().filter(|(within, _)| *within).map(|(_, names)| names);
        let Some(first) = within.next() else { return false };
        let rest: Vec<_> = within.collect();
        !first.iter().any(|name| rest.iter().all(|names| names.contains(name)))
    })
}

impl Plugin for NodeAffinity {
    fn alike(&self, cx: &CycleCx<'_>, other: &PodTemplate) -> bool {
        cx.spec.node_selector == other.node_selector
            && cx.spec.node_affinity == other.node_affinity
            && cx.spec.node_affinity_preferred == other.node_affinity_preferred
    }

    fn normalizes(&self) -> bool {
        true
    }

    fn pre_filter(&mut self, cx: &CycleCx<'_>) -> PreFilter {
        let of_class = self.pre_filter_class(cx);
        let Some(pinned) = cx.pinned else { return of_class };
        match of_class {
            PreFilter::Skip | PreFilter::Run => PreFilter::Restrict(vec![pinned]),
            PreFilter::Restrict(mut nodes) => {
                nodes.retain(|node| *node == pinned);
                PreFilter::Restrict(nodes)
            }
            PreFilter::Reject(_) | PreFilter::Error(_) => of_class,
        }
    }

    fn filter(&self, cx: &CycleCx<'_>, node: NodeId) -> Verdict {
        if self.added_required.is_some() && !self.added_nodes.nodes.contains(node) {
            return Err(Rejection::unresolvable(
                "node(s) didn't match scheduler-enforced node affinity",
            ));
        }
        let elsewhere = cx.pinned.is_some_and(|pinned| pinned != node);
        if elsewhere || (restricts(cx.spec) && !self.required.contains(cx.template, node)) {
            return Err(Rejection::unresolvable(
                "node(s) didn't match Pod's node affinity/selector",
            ));
        }
        Ok(())
    }

    fn pre_score(&mut self, cx: &CycleCx<'_>, _feasible: &[NodeId]) -> PreScore {
        let invalid = |weighted: &Weighted<NodeSelectorTerm>| {
            weighted.term.expressions.iter().any(|r| r.operator == Operator::Invalid)
                || weighted.term.names.iter().any(|(_, names)| names.len() != 1)
        };
        if self.preferred(cx.spec).any(invalid) {
            return PreScore::Error(
                "running PreScore plugin \"NodeAffinity\": a preferred term does not parse",
            );
        }
        if cx.spec.node_affinity_preferred.is_empty() && self.added_preferred.is_empty() {
            return PreScore::Skip;
        }
        PreScore::Run
    }

    fn score(&self, cx: &CycleCx<'_>, node: NodeId) -> i64 {
        let node = cx.node(node);
        self.preferred(cx.spec)
            .filter(|weighted| matches_term(cx.model, node, &weighted.term))
            .map(|weighted| weighted.weight)
            .sum()
    }

    fn normalize(&self, _cx: &CycleCx<'_>, _feasible: &[NodeId], scores: &mut [i64]) {
        normalize_by_max(scores, false);
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "it registered for no others")]
    fn hint(&mut self, cx: &CycleCx<'_>, event: &ClusterEvent) -> bool {
        let added = |node: &NodeSpec| {
            self.added_required.as_ref().is_none_or(|terms| matches_any(cx.model, node, terms))
        };
        let own = |node: &NodeSpec| matches_required(cx.model, cx.spec, node);
        match event {
            ClusterEvent::NodeAdd { node, after } => {
                let after = after.spec(cx.model, *node);
                added(after) && own(after)
            }
            ClusterEvent::NodeUpdate { node, before, after, .. } => {
                let after = after.spec(cx.model, *node);
                added(after) && own(after) && !own(before.spec(cx.model, *node))
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::{NodeId, NodeSelectorTerm, Operator, Requirement};
    use crate::scheduling::testing::{Bench, ModelBuilder};

    const SIZE: &str = "size";
    const NODES: [(&str, &str); 4] = [("n0", "07"), ("n1", "12"), ("n2", "large"), ("n3", "")];

    /// Nodes with label `size` of 07, 12, large, and one without it.
    fn sizes() -> ModelBuilder {
        let mut builder = ModelBuilder::new();
        for (name, size) in NODES {
            let node = builder.node(name, "", (1000, 1));
            let (key, value) = (builder.symbol(SIZE), builder.symbol(size));
            if !size.is_empty() {
                builder.model.nodes[node].labels.set(key, value);
            }
        }
        builder
    }

    #[test]
    fn operators_read_labels_as_kubernetes_does() {
        let table = [
            (Operator::In, &["07", "12"][..], [true, true, false, false]),
            (Operator::NotIn, &["07"][..], [false, true, true, true]),
            (Operator::Exists, &[][..], [true, true, true, false]),
            (Operator::DoesNotExist, &[][..], [false, false, false, true]),
            (Operator::Gt(7), &[][..], [false, true, false, false]),
            (Operator::Lt(8), &[][..], [true, false, false, false]),
            (Operator::Invalid, &[][..], [false; 4]),
        ];
        for (operator, values, passes) in table {
            let mut builder = sizes();
            let pod = builder.template("web", (100, 0));
            let values = values.iter().map(|&value| builder.symbol(value)).collect();
            let key = builder.symbol(SIZE);
            let requirement = Requirement { key, operator: operator.clone(), values };
            let term = NodeSelectorTerm { expressions: vec![requirement], names: Vec::new() };
            builder.spec(pod).node_affinity = Some(vec![term]);
            let mut bench = Bench::new(builder);
            assert_eq!(bench.passes(pod, "NodeAffinity"), passes, "{operator:?}");
            let text = "!NodeAffinity: node(s) didn't match Pod's node affinity/selector";
            assert!(bench.verdicts(pod).iter().all(|told| told.is_empty() || told == text));
        }
    }

    #[test]
    fn the_selector_and_one_of_the_terms_have_to_match() {
        // Sizes that terms ask for (none: an empty term), the selector's size, and who passes.
        let table: [(&[Option<&str>], Option<&str>, [bool; 4]); 5] = [
            (&[Some("07"), Some("12")], None, [true, true, false, false]),
            (&[None, Some("12")], None, [false, true, false, false]),
            (&[None], None, [false; 4]),
            (&[Some("07"), Some("12")], Some("12"), [false, true, false, false]),
            (&[Some("07")], Some("12"), [false; 4]),
        ];
        for (terms, selected, passes) in table {
            let mut builder = sizes();
            let pod = builder.template("web", (100, 0));
            let mut term = |size: &Option<&str>| NodeSelectorTerm {
                expressions: size.iter().map(|size| builder.requirement(SIZE, size)).collect(),
                names: Vec::new(),
            };
            let terms: Vec<_> = terms.iter().map(&mut term).collect();
            builder.spec(pod).node_affinity = Some(terms);
            if let Some(size) = selected {
                let pair = (builder.symbol(SIZE), builder.symbol(size));
                builder.spec(pod).node_selector.push(pair);
            }
            assert_eq!(Bench::new(builder).passes(pod, "NodeAffinity"), passes);
        }
    }

    #[test]
    fn names_in_every_term_leave_only_those_nodes() {
        // Names per term (none: a term on the label instead); of the nodes that are asked, who passes;
        // and the node taken, the first by name.
        // Several names in one requirement do not parse: they restrict the search and match nothing.
        let table: [(&[Option<&[&str]>], &[bool], Option<usize>); 4] = [
            (&[Some(&["n1"]), Some(&["n3"])], &[true, true], Some(1)),
            (&[Some(&["n3"]), Some(&["n2"])], &[true, true], Some(2)),
            (&[Some(&["n1"]), None], &[true, true, false, false], Some(0)),
            (&[Some(&["n1", "n3"])], &[false, false], None),
        ];
        for (terms, asked, taken) in table {
            let mut builder = sizes();
            let pod = builder.template("web", (100, 0));
            let mut term = |names: &Option<&[&str]>| match names {
                Some(names) => NodeSelectorTerm {
                    expressions: Vec::new(),
                    names: vec![(true, names.iter().map(|n| builder.symbol(n)).collect())],
                },
                None => NodeSelectorTerm {
                    expressions: vec![builder.requirement(SIZE, "07")],
                    names: Vec::new(),
                },
            };
            let terms: Vec<_> = terms.iter().map(&mut term).collect();
            builder.spec(pod).node_affinity = Some(terms);
            let mut bench = Bench::new(builder);
            let told = bench.verdicts(pod);
            let told: Vec<_> = told.iter().map(String::is_empty).collect();
            assert_eq!(told, asked);
            assert_eq!(bench.decide(pod).node(), taken.map(NodeId::from_index));
        }
    }
}
