//! What PodTopologySpread knows of a pod class: its constraints, resolved once per class.

use crate::base::id::IdSet;
use crate::base::map::Symbol;
use crate::base::math;
use crate::model::{
    InclusionPolicy, LabelSelector, Model, Operator, PodTemplate, Requirement, SpreadConstraint,
    SpreadDefaults, TemplateId, WorkloadKind,
};
use crate::scheduling::topology::TopologyIndex;

/// One constraint of a class.
#[derive(Debug)]
pub(super) struct Constraint {
    pub(super) max_skew: i64,
    pub(super) min_domains: i64,
    pub(super) honors_affinity: bool,
    pub(super) honors_taints: bool,
    /// The topology key.
    pub(super) key: Symbol,
    /// Its column.
    pub(super) column: usize,
    /// The key is the host name: every node is a domain of its own.
    pub(super) is_hostname: bool,
    /// Classes whose pods count.
    pub(super) counted: IdSet<TemplateId>,
    /// 1 if pods of the class itself are selected.
    pub(super) own: i64,
    /// The selector, for queueing hints.
    pub(super) selector: LabelSelector,
}

/// The constraints of a class.
#[derive(Debug)]
pub(super) struct ClassSpread {
    pub(super) hard: Vec<Constraint>,
    pub(super) soft: Vec<Constraint>,
    /// Nodes must have all keys of the soft constraints to be scored.
    pub(super) require_all: bool,
}

impl ClassSpread {
    pub(super) fn new(
        model: &Model,
        template: TemplateId,
        defaults: &SpreadDefaults,
        topology: &mut TopologyIndex,
    ) -> Self {
        let spec = &model.templates[template];
        let own = &spec.spread;
        let mut derived = Vec::new();
        if own.is_empty()
            && let Some(selector) = derived_selector(model, template)
        {
            derived = match defaults {
                SpreadDefaults::System => system_constraints(model),
                SpreadDefaults::List(list) => list.clone(),
            };
            for constraint in &mut derived {
                constraint.selector = selector.clone();
            }
        }
        let constraints = if own.is_empty() { &derived } else { own };
        let mut pick = |hard: bool| -> Vec<Constraint> {
            constraints
                .iter()
                .filter(|constraint| constraint.hard == hard)
                .map(|constraint| resolve(model, spec, constraint, topology))
                .collect()
        };
        Self {
            hard: pick(true),
            soft: pick(false),
            require_all: !own.is_empty() || matches!(defaults, SpreadDefaults::List(_)),
        }
    }
}

fn resolve(
    model: &Model,
    spec: &PodTemplate,
    constraint: &SpreadConstraint,
    topology: &mut TopologyIndex,
) -> Constraint {
    let mut counted = IdSet::with_capacity(model.templates.len());
    // An empty selector counts no pod, yet selects the pod itself below.
    if !constraint.selector.is_empty() {
        for (id, other) in model.templates.iter() {
            if other.namespace == spec.namespace
                && constraint.selector.matches(&other.labels, &model.symbols)
            {
                counted.insert(id);
            }
        }
    }
    Constraint {
        max_skew: constraint.max_skew,
        min_domains: constraint.min_domains,
        honors_affinity: constraint.node_affinity_policy == InclusionPolicy::Honor,
        honors_taints: constraint.node_taints_policy == InclusionPolicy::Honor,
        key: constraint.topology_key,
        column: topology.column(model, constraint.topology_key),
        is_hostname: model.symbols.resolve(constraint.topology_key) == "kubernetes.io/hostname",
        counted,
        own: i64::from(constraint.selector.matches(&spec.labels, &model.symbols)),
        selector: constraint.selector.clone(),
    }
}

/// Kubernetes' own defaults: spread over nodes (skew 3) and zones (skew 5) where possible.
fn system_constraints(model: &Model) -> Vec<SpreadConstraint> {
    let keys = [("kubernetes.io/hostname", 3), ("topology.kubernetes.io/zone", 5)];
    // A key that no text of the model names is on no node: every node lacks it alike, so that
    // the constraint would add the same to all.
    keys.into_iter()
        .filter_map(|(key, max_skew)| {
            Some(SpreadConstraint {
                max_skew,
                topology_key: model.symbols.get(key)?,
                hard: false,
                selector: LabelSelector::default(),
                min_domains: 1,
                node_affinity_policy: InclusionPolicy::Honor,
                node_taints_policy: InclusionPolicy::Ignore,
            })
        })
        .collect()
}

/// The selector for default constraints: what the Services that select the pod and the
/// ReplicaSet that owns it ask for; `None` if that is nothing.
fn derived_selector(model: &Model, template: TemplateId) -> Option<LabelSelector> {
    let spec = &model.templates[template];
    let mut requirements: Vec<Requirement> = Vec::new();
    let mut add = |requirement: &Requirement| {
        if !requirements.contains(requirement) {
            requirements.push(requirement.clone());
        }
    };
    let selecting = model.services.values().filter(|service| {
        service.namespace == spec.namespace
            && !service.selector.is_empty()
            && service.selector.matches(&spec.labels, &model.symbols)
    });
    for service in selecting {
        service.selector.requirements.iter().for_each(&mut add);
    }
    let workload = &model.workloads[spec.workload];
    // kube-scheduler looks for Services, ReplicationControllers, ReplicaSets and StatefulSets.
    let selects = match workload.kind {
        WorkloadKind::Deployment
        | WorkloadKind::ReplicaSet
        | WorkloadKind::ReplicationController
        | WorkloadKind::StatefulSet => true,
        WorkloadKind::DaemonSet | WorkloadKind::Job | WorkloadKind::CronJob | WorkloadKind::Pod => {
            false
        }
    };
    if selects {
        workload.selector.requirements.iter().for_each(&mut add);
    }
    if workload.kind == WorkloadKind::Deployment
        && let Some(key) = model.symbols.get("pod-template-hash")
        && let Some(hash) = spec.labels.get(key)
    {
        add(&Requirement { key, operator: Operator::In, values: vec![hash] });
    }
    (!requirements.is_empty()).then_some(LabelSelector { nothing: false, requirements })
}

/// The raw score of a node from (pods in its domain, the constraint's weight, its maxSkew): counts
/// weighted by the number of domains, so that keys with few do not drown in those with many.
#[expect(clippy::cast_precision_loss, reason = "counts of pods")]
#[expect(clippy::cast_possible_truncation, reason = "a sum of counts of pods")]
pub(in crate::scheduling) fn spread_sum(constraints: impl Iterator<Item = (i64, f64, i64)>) -> i64 {
    let mut score = 0.0;
    for (pods, weight, max_skew) in constraints {
        score += pods as f64 * weight + (max_skew - 1) as f64;
    }
    score.round() as i64
}

/// The weight of a constraint whose key has this many domains.
#[expect(clippy::cast_precision_loss, reason = "counts of nodes")]
pub(in crate::scheduling) fn domain_weight(domains: usize) -> f64 {
    math::ln((domains + 2) as f64)
}
