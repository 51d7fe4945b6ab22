//! Whether the pods of a DaemonSet belong on a node, and what they tolerate besides what their
//! template says.

use crate::base::map::{Interner, Symbol};
use crate::controllers::no_execute;
use crate::model::{
    Model, NodeSpec, PodTemplate, Taint, TaintEffect, Toleration, TolerationOperator,
};
use crate::scheduling::plugins::{first_untolerated, matches_required};

/// What a DaemonSet makes of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DaemonPlacement {
    /// A pod is to run there.
    pub run: bool,
    /// A pod that is there may stay.
    pub stay: bool,
}

/// What every DaemonSet tolerates, in this order.
const TOLERATED: [(&str, TaintEffect); 6] = [
    ("node.kubernetes.io/not-ready", TaintEffect::NoExecute),
    ("node.kubernetes.io/unreachable", TaintEffect::NoExecute),
    ("node.kubernetes.io/disk-pressure", TaintEffect::NoSchedule),
    ("node.kubernetes.io/memory-pressure", TaintEffect::NoSchedule),
    ("node.kubernetes.io/pid-pressure", TaintEffect::NoSchedule),
    ("node.kubernetes.io/unschedulable", TaintEffect::NoSchedule),
];

/// What those whose pods use their node's network tolerate as well.
const TOLERATED_ON_HOST: (&str, TaintEffect) =
    ("node.kubernetes.io/network-unavailable", TaintEffect::NoSchedule);

/// Adds what the controller adds to the tolerations of its pods. One that differs in
/// `tolerationSeconds` alone is replaced where it stands.
///
/// # Panics
/// If the well-known taint keys are no symbols yet.
pub fn add_daemon_tolerations(
    tolerations: &mut Vec<Toleration>,
    host_network: bool,
    symbols: &Interner,
) {
    let symbol = |word| symbols.get(word).expect("lowering interns the well-known taint keys");
    let on_host = host_network.then_some(TOLERATED_ON_HOST);
    for (key, effect) in TOLERATED.into_iter().chain(on_host) {
        let added = toleration(symbol(key), effect, symbol(""));
        let same = |known: &&mut Toleration| Toleration { seconds: None, ..**known } == added;
        match tolerations.iter_mut().find(same) {
            Some(known) => *known = added,
            None => tolerations.push(added),
        }
    }
}

fn toleration(key: Symbol, effect: TaintEffect, empty: Symbol) -> Toleration {
    Toleration {
        key: Some(key),
        operator: TolerationOperator::Exists,
        value: empty,
        effect: Some(effect),
        seconds: None,
    }
}

/// What a DaemonSet whose pods are of `template`, the tolerations that the controller adds
/// included, makes of a node that has these taints now. The predicates are the scheduler's own.
#[must_use]
pub fn daemon_placement(
    model: &Model,
    template: &PodTemplate,
    node: &NodeSpec,
    taints: &[Taint],
) -> DaemonPlacement {
    let named = template.node_name.is_none_or(|name| name == node.name_symbol);
    if !named || !matches_required(model, template, node) {
        return DaemonPlacement { run: false, stay: false };
    }
    if first_untolerated(template, taints).is_none() {
        return DaemonPlacement { run: true, stay: true };
    }
    let stay = first_untolerated(template, &no_execute(taints)).is_none();
    DaemonPlacement { run: false, stay }
}

/// The pods of a DaemonSet: its template with what the controller adds.
#[derive(Clone, Debug)]
pub struct DaemonClass(PodTemplate);

impl DaemonClass {
    /// The class of a template as it is written.
    #[must_use]
    pub fn new(template: &PodTemplate, host_network: bool, symbols: &Interner) -> Self {
        let mut template = template.clone();
        add_daemon_tolerations(&mut template.tolerations, host_network, symbols);
        Self(template)
    }

    /// What it makes of a node as declared.
    #[must_use]
    pub fn placement(&self, model: &Model, node: &NodeSpec) -> DaemonPlacement {
        daemon_placement(model, &self.0, node, &node.taints)
    }

    /// What its pods tolerate.
    #[must_use]
    pub fn tolerated(&self) -> &[Toleration] {
        &self.0.tolerations
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{NodeId, NodeSelectorTerm, TemplateId};
    use crate::scheduling::testing::ModelBuilder;
    use TaintEffect::{NoExecute, NoSchedule, PreferNoSchedule};

    /// A node `n0` in zone `a`, a class of pods, and the words that tolerations need.
    fn cluster() -> (ModelBuilder, NodeId, TemplateId) {
        let mut builder = ModelBuilder::new();
        for (key, _) in TOLERATED.into_iter().chain([TOLERATED_ON_HOST]) {
            builder.symbol(key);
        }
        let node = builder.node("n0", "a", (1000, 1));
        let template = builder.template("agent", (100, 0));
        (builder, node, template)
    }

    fn placed(builder: &ModelBuilder, node: NodeId, template: TemplateId) -> (bool, bool) {
        let model = &builder.model;
        let class = DaemonClass::new(&model.templates[template], false, &model.symbols);
        let placement = class.placement(model, &model.nodes[node]);
        (placement.run, placement.stay)
    }

    #[test]
    fn taints_keep_pods_off_and_only_no_execute_drives_them_away() {
        let table = [
            ("custom", NoSchedule, (false, true)),
            ("custom", NoExecute, (false, false)),
            ("custom", PreferNoSchedule, (true, true)),
            // Nodes whose kubelet is silent keep their pods for ever.
            ("node.kubernetes.io/unreachable", NoExecute, (true, true)),
            ("node.kubernetes.io/not-ready", NoExecute, (true, true)),
            // A node that is new has this one: its pods wait until it is ready.
            ("node.kubernetes.io/not-ready", NoSchedule, (false, true)),
            ("node.kubernetes.io/unschedulable", NoSchedule, (true, true)),
            ("node.kubernetes.io/disk-pressure", NoSchedule, (true, true)),
            ("node.kubernetes.io/network-unavailable", NoSchedule, (false, true)),
        ];
        for (key, effect, expected) in table {
            let (mut builder, node, template) = cluster();
            let taint = builder.taint(key, "", effect);
            builder.model.nodes[node].taints.push(taint);
            assert_eq!(placed(&builder, node, template), expected, "{key}:{effect:?}");
        }
    }

    #[test]
    fn names_selectors_and_affinity_decide_before_taints() {
        for (name, expected) in [("n0", (true, true)), ("n1", (false, false))] {
            let (mut builder, node, template) = cluster();
            let symbol = builder.symbol(name);
            builder.spec(template).node_name = Some(symbol);
            assert_eq!(placed(&builder, node, template), expected, "{name}");
        }
        let zone = "topology.kubernetes.io/zone";
        for (value, expected) in [("a", (true, true)), ("b", (false, false))] {
            let (mut builder, node, template) = cluster();
            let pair = (builder.symbol(zone), builder.symbol(value));
            builder.spec(template).node_selector.push(pair);
            assert_eq!(placed(&builder, node, template), expected, "{value}");
            let (mut builder, node, template) = cluster();
            let expressions = vec![builder.requirement(zone, value)];
            let term = NodeSelectorTerm { expressions, names: Vec::new() };
            builder.spec(template).node_affinity = Some(vec![term]);
            assert_eq!(placed(&builder, node, template), expected, "{value}");
        }
    }

    #[test]
    fn a_toleration_that_ends_is_replaced_by_one_that_does_not() {
        let (mut builder, _, template) = cluster();
        let mut toleration = builder.toleration("node.kubernetes.io/unreachable");
        toleration.effect = Some(NoExecute);
        toleration.seconds = Some(300);
        let other = builder.toleration("custom");
        builder.spec(template).tolerations = vec![toleration, other];
        for (host_network, count) in [(false, 7), (true, 8)] {
            let model = &builder.model;
            let template = &model.templates[template];
            let class = DaemonClass::new(template, host_network, &model.symbols);
            let told = class.tolerated();
            assert_eq!(told.len(), count);
            assert_eq!(told[0], Toleration { seconds: None, ..toleration });
            assert_eq!(told[1], other);
            let key = |at: usize| told[at].key.map(|key| model.symbols.resolve(key));
            assert_eq!(key(2), Some("node.kubernetes.io/not-ready"));
            let last = if host_network { TOLERATED_ON_HOST.0 } else { TOLERATED[5].0 };
            assert_eq!(key(count - 1), Some(last));
        }
    }
}
