//! What InterPodAffinity knows of a pod class: which classes its terms match and which classes'
//! terms match it. Labels of classes do not change, so this is worked out once per class.

use crate::base::id::IdSet;
use crate::base::map::Interner;
use crate::model::{AffinityTerm, Labels, Model, PodTemplate, TemplateId};
use crate::scheduling::topology::TopologyIndex;

/// A required term: its topology column and the classes it matches.
#[derive(Debug)]
pub(super) struct OwnTerm {
    pub(super) column: usize,
    pub(super) matches: IdSet<TemplateId>,
}

/// The affinity of a class to all classes.
#[derive(Debug)]
pub(super) struct ClassAffinity {
    /// Own required affinity terms' columns.
    pub(super) affinity: Vec<usize>,
    /// Classes that match all own required affinity terms.
    pub(super) matches_all: IdSet<TemplateId>,
    /// The class matches all its own required affinity terms.
    pub(super) matches_itself: bool,
    /// Own required anti-affinity terms.
    pub(super) anti: Vec<OwnTerm>,
    /// Per class, columns of its required anti-affinity terms that match this class.
    pub(super) existing_anti: Vec<(TemplateId, Vec<usize>)>,
    /// Per class, what one of its pods adds to the scores of its domains: (column, weight). Sorted
    /// by class; those that add nothing are left out.
    pub(super) weights: Vec<(TemplateId, Vec<(usize, i64)>)>,
}

/// Settings of the plugin that matter here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weighing {
    pub(super) hard_weight: i64,
    pub(super) ignore_preferred_of_existing: bool,
}

/// Whether a term of another class matches pods of class `spec`.
fn matches(model: &Model, term: &AffinityTerm, spec: &PodTemplate) -> bool {
    let by_selector = || {
        let namespace = &model.namespaces[spec.namespace];
        term.namespace_selector
            .as_ref()
            .is_some_and(|selector| selector.matches(&namespace.labels, &model.symbols))
    };
    (term.namespaces.binary_search(&spec.namespace).is_ok() || by_selector())
        && term.selector.matches(&spec.labels, &model.symbols)
}

/// Whether an own term of the incoming pod matches pods of class `spec`.
///
/// kube-scheduler resolves the term's namespace selector to names, but then evaluates the
/// selector again, against no labels: one that accepts the empty set matches every namespace.
fn own_matches(model: &Model, term: &AffinityTerm, spec: &PodTemplate) -> bool {
    matches(model, term, spec)
        || (selects_unlabelled(term, &model.symbols)
            && term.selector.matches(&spec.labels, &model.symbols))
}

fn selects_unlabelled(term: &AffinityTerm, symbols: &Interner) -> bool {
    term.namespace_selector
        .as_ref()
        .is_some_and(|selector| selector.matches(&Labels::default(), symbols))
}

impl ClassAffinity {
    pub(super) fn new(
        model: &Model,
        template: TemplateId,
        weighing: Weighing,
        topology: &mut TopologyIndex,
    ) -> Self {
        let spec = &model.templates[template];
        let own = &spec.pod_affinity;
        let mut matches_all = IdSet::with_capacity(model.templates.len());
        let all_match = |other: &PodTemplate| {
            !own.required.is_empty() && own.required.iter().all(|t| own_matches(model, t, other))
        };
        for (id, _) in model.templates.iter().filter(|(_, other)| all_match(other)) {
            matches_all.insert(id);
        }
        let anti = own.anti_required.iter().map(|term| OwnTerm {
            column: topology.column(model, term.topology_key),
            matches: matching_classes(model, term),
        });
        let anti = anti.collect();
        let affinity =
            own.required.iter().map(|term| topology.column(model, term.topology_key)).collect();
        let mut existing_anti = Vec::new();
        for (id, other) in model.templates.iter() {
            let columns: Vec<usize> = other
                .pod_affinity
                .anti_required
                .iter()
                .filter(|term| matches(model, term, spec))
                .map(|term| topology.column(model, term.topology_key))
                .collect();
            if !columns.is_empty() {
                existing_anti.push((id, columns));
            }
        }
        let weights = class_weights(model, spec, weighing, topology);
        Self {
            affinity,
            matches_itself: all_match(spec),
            matches_all,
            anti,
            existing_anti,
            weights,
        }
    }
}

fn matching_classes(model: &Model, term: &AffinityTerm) -> IdSet<TemplateId> {
    let mut classes = IdSet::with_capacity(model.templates.len());
    for (id, _) in model.templates.iter().filter(|(_, other)| own_matches(model, term, other)) {
        classes.insert(id);
    }
    classes
}

/// Whether a class has preferred terms of its own.
fn has_preferred(spec: &PodTemplate) -> bool {
    !spec.pod_affinity.preferred.is_empty() || !spec.pod_affinity.anti_preferred.is_empty()
}

fn class_weights(
    model: &Model,
    spec: &PodTemplate,
    weighing: Weighing,
    topology: &mut TopologyIndex,
) -> Vec<(TemplateId, Vec<(usize, i64)>)> {
    if weighing.ignore_preferred_of_existing && !has_preferred(spec) {
        return Vec::new();
    }
    let own = &spec.pod_affinity;
    let mut of_class = Vec::new();
    for (id, other) in model.templates.iter() {
        let mut list = Vec::new();
        let mut add = |term: &AffinityTerm, weight: i64| {
            list.push((topology.column(model, term.topology_key), weight));
        };
        for entry in own.preferred.iter().filter(|e| own_matches(model, &e.term, other)) {
            add(&entry.term, entry.weight);
        }
        for entry in own.anti_preferred.iter().filter(|e| own_matches(model, &e.term, other)) {
            add(&entry.term, -entry.weight);
        }
        let theirs = &other.pod_affinity;
        if weighing.hard_weight > 0 {
            for term in theirs.required.iter().filter(|term| matches(model, term, spec)) {
                add(term, weighing.hard_weight);
            }
        }
        for entry in theirs.preferred.iter().filter(|e| matches(model, &e.term, spec)) {
            add(&entry.term, entry.weight);
        }
        for entry in theirs.anti_preferred.iter().filter(|e| matches(model, &e.term, spec)) {
            add(&entry.term, -entry.weight);
        }
        if !list.is_empty() {
            of_class.push((id, list));
        }
    }
    of_class
}
