//! Objects that change, and what the queue makes of them through real plugins.

use std::sync::Arc;

use super::*;
use crate::model::{PodTemplate, TaintEffect};
use crate::scheduling::Outcome;
use crate::scheduling::testing::{GIB, ModelBuilder, ZONE};

fn at(millis: u64) -> SimTime {
    SimTime::from_millis(millis)
}

fn node(index: usize) -> NodeId {
    NodeId::from_index(index)
}

fn pod(index: usize) -> PodId {
    PodId::from_index(index)
}

fn view(template: TemplateId) -> PodView {
    PodView::new(template)
}

/// A scheduler over the nodes of a model, all there from the start.
struct Bench {
    model: Model,
    core: SchedulerCore,
}

impl Bench {
    fn new(builder: ModelBuilder) -> Self {
        let model = builder.model;
        let mut bench = Self { core: SchedulerCore::new(&model, at(0)), model };
        for node in bench.model.nodes.ids() {
            bench.node(0, node, |_| {});
        }
        bench
    }

    /// A node is as declared but for `change`.
    fn node(&mut self, now: u64, node: NodeId, change: impl FnOnce(&mut NodeAspect)) {
        let declared = &self.model.nodes[node];
        let mut aspect = NodeAspect { taints: declared.taints.clone(), ..NodeAspect::default() };
        change(&mut aspect);
        self.core.node_changed(&self.model, at(now), node, Some(Arc::new(aspect)));
    }

    fn relabel(&mut self, now: u64, node: NodeId, key: &str, value: &str) {
        let [key, value] = [key, value].map(|text| self.model.symbols.get(text).unwrap());
        let mut spec = self.model.nodes[node].clone();
        spec.labels.set(key, value);
        self.node(now, node, |aspect| aspect.spec = Some(Arc::new(spec)));
    }

    fn pod(&mut self, now: u64, pod: PodId, view: Option<PodView>) {
        self.core.pod_changed(&self.model, at(now), pod, view);
    }

    /// One whole attempt: the node it found.
    fn attempt(&mut self, now: u64) -> Option<NodeId> {
        let popped = self.core.pop().expect("a pod is ready");
        let pod = (popped.pod, popped.template);
        let decided = self.core.decide(&self.model, pod, TieBreak::LowestName).unwrap();
        match decided.decision.outcome {
            Outcome::Place(node) => {
                self.core.assume(&self.model, &popped, node);
                Some(node)
            }
            _ => {
                self.core.reject(&self.model, at(now), &popped, &decided);
                None
            }
        }
    }

    fn place(&self, pod: PodId) -> Option<Place> {
        self.core.entry(pod).map(|entry| entry.place)
    }
}

/// A class made by changing another.
fn variant(
    builder: &mut ModelBuilder,
    of: TemplateId,
    change: impl FnOnce(&mut PodTemplate),
) -> TemplateId {
    let mut spec = builder.model.templates[of].clone();
    change(&mut spec);
    builder.model.templates.push(spec)
}

#[test]
fn a_changed_label_wakes_and_places() {
    let mut builder = ModelBuilder::new();
    builder.node("n0", "a", (4000, 16));
    builder.node("n1", "a", (4000, 16));
    let template = builder.template("x", (100, GIB));
    let [disk, ssd] = ["disk", "ssd"].map(|text| builder.symbol(text));
    builder.spec(template).node_selector = vec![(disk, ssd)];
    let mut bench = Bench::new(builder);
    bench.pod(1000, pod(0), Some(view(template)));
    assert_eq!(bench.attempt(1000), None);
    bench.relabel(1500, node(0), "app", "x");
    assert_eq!(bench.place(pod(0)), Some(Place::Unschedulable), "another label");
    bench.relabel(1600, node(1), "disk", "ssd");
    assert_eq!(bench.place(pod(0)), Some(Place::Backoff));
    assert_eq!(bench.attempt(1700), Some(node(1)));
    // As declared again: no longer a place for such pods.
    bench.node(1800, node(1), |_| {});
    bench.pod(1900, pod(1), Some(view(template)));
    assert_eq!(bench.attempt(1900), None);
}

#[test]
fn domains_follow_labels() {
    let mut builder = ModelBuilder::new();
    for name in ["n0", "n1", "n2"] {
        builder.node(name, "a", (4000, 16));
    }
    builder.symbol("b");
    let template = builder.template("x", (100, GIB));
    let spread = builder.spread("x", ZONE, 1, true);
    builder.spec(template).spread = vec![spread];
    let mut bench = Bench::new(builder);
    for index in 0..2 {
        bench.pod(1000, pod(index), Some(view(template)));
        assert!(bench.attempt(1000).is_some(), "one zone has no skew");
    }
    bench.relabel(2000, node(2), ZONE, "b");
    for index in 2..4 {
        bench.pod(3000, pod(index), Some(view(template)));
        assert_eq!(bench.attempt(3000), Some(node(2)), "the new zone is empty");
    }
    // A zone that is gone holds nobody up.
    bench.node(4000, node(2), |_| {});
    bench.pod(5000, pod(4), Some(view(template)));
    assert!(bench.attempt(5000).is_some());
}

#[test]
fn a_grown_node_wakes_what_fits_it() {
    let mut builder = ModelBuilder::new();
    builder.node("n0", "", (1000, 16));
    let [small, large] = [2000, 9000].map(|cpu| builder.template("x", (cpu, GIB)));
    let mut bench = Bench::new(builder);
    for (index, template) in [small, large].into_iter().enumerate() {
        bench.pod(1000 + index as u64, pod(index), Some(view(template)));
        assert_eq!(bench.attempt(1100), None);
    }
    let mut spec = bench.model.nodes[node(0)].clone();
    spec.allocatable.cpu_milli = 3000;
    bench.node(1500, node(0), |aspect| aspect.spec = Some(Arc::new(spec)));
    assert_eq!(bench.place(pod(0)), Some(Place::Backoff));
    assert_eq!(bench.place(pod(1)), Some(Place::Unschedulable), "too large for an empty one");
    assert_eq!(bench.attempt(1500), Some(node(0)));
}

#[test]
fn a_pods_own_update_wakes_it_alone() {
    let mut builder = ModelBuilder::new();
    let tainted = builder.node("n0", "", (4000, 16));
    let taint = builder.taint("dedicated", "", TaintEffect::NoSchedule);
    builder.model.nodes[tainted].taints = vec![taint];
    let plain = builder.template("x", (100, GIB));
    let toleration = builder.toleration("dedicated");
    let tolerant = variant(&mut builder, plain, |spec| spec.tolerations = vec![toleration]);
    let mut bench = Bench::new(builder);
    for index in 0..2 {
        bench.pod(1000, pod(index), Some(view(plain)));
        assert_eq!(bench.attempt(1000), None);
    }
    bench.pod(1500, pod(0), Some(view(tolerant)));
    assert_eq!(bench.place(pod(0)), Some(Place::Backoff));
    assert_eq!(bench.place(pod(1)), Some(Place::Unschedulable));
    assert_eq!(bench.attempt(1600), Some(node(0)), "tried as it is now");
}

#[test]
fn a_scaled_down_pod_makes_room() {
    let mut builder = ModelBuilder::new();
    builder.node("n0", "", (1000, 16));
    let large = builder.template("x", (900, GIB));
    let small = variant(&mut builder, large, |spec| spec.requests.cpu_milli = 300);
    let mut bench = Bench::new(builder);
    let bound = |template| PodView { node: Some(node(0)), ..view(template) };
    bench.pod(500, pod(0), Some(bound(large)));
    bench.pod(1000, pod(1), Some(view(small)));
    assert_eq!(bench.attempt(1000), None);
    bench.pod(1500, pod(0), Some(bound(small)));
    assert_eq!(bench.attempt(1500), Some(node(0)));
    assert_eq!(bench.core.snapshot().load(node(0)).requested_cpu_milli, 600);
}

#[test]
fn a_failed_binding_frees_room_and_backs_off() {
    let mut builder = ModelBuilder::new();
    builder.node("n0", "", (1000, 16));
    let template = builder.template("x", (900, GIB));
    let mut bench = Bench::new(builder);
    for index in 0..2 {
        bench.pod(1000 + index as u64, pod(index), Some(view(template)));
    }
    assert_eq!(bench.attempt(1100), Some(node(0)));
    assert_eq!(bench.place(pod(0)), Some(Place::Binding));
    // Updates of an assumed pod are ignored.
    bench.pod(1150, pod(0), Some(view(template)));
    assert_eq!(bench.place(pod(0)), Some(Place::Binding));
    assert_eq!(bench.attempt(1200), None);
    bench.core.bind_failed(&bench.model, at(1300), pod(0));
    assert_eq!(bench.place(pod(0)), Some(Place::ErrorBackoff));
    assert_eq!(bench.place(pod(1)), Some(Place::Backoff), "the room is free again");
    assert_eq!(bench.attempt(1400), Some(node(0)));
    // Deleted meanwhile: the room is kept until the refusal, then nobody returns.
    bench.pod(1500, pod(1), None);
    assert_eq!(bench.core.snapshot().load(node(0)).pods, 1);
    bench.core.bind_failed(&bench.model, at(1600), pod(1));
    assert_eq!((bench.place(pod(1)), bench.core.snapshot().load(node(0)).pods), (None, 0));
}

#[test]
fn terminating_pods_are_skipped_and_come_back_with_every_update() {
    let mut builder = ModelBuilder::new();
    builder.node("n0", "", (1000, 16));
    let template = builder.template("x", (100, GIB));
    let mut bench = Bench::new(builder);
    for now in [1000, 2000, 3000] {
        bench.pod(now, pod(0), Some(PodView { terminating: true, ..view(template) }));
        let popped = bench.core.pop().unwrap();
        assert!(popped.skipped && popped.attempts == 1, "{popped:?}");
        assert_eq!((bench.place(pod(0)), bench.core.in_flight()), (None, None));
    }
}

#[test]
fn host_ports_are_a_set_until_their_holder_is_updated() {
    let mut builder = ModelBuilder::new();
    builder.node("n0", "", (4000, 16));
    let template = builder.template("x", (100, GIB));
    let port = crate::model::HostPort { ip: None, protocol: crate::model::Protocol::Tcp, port: 80 };
    builder.spec(template).host_ports = vec![port];
    let mut bench = Bench::new(builder);
    let bound = PodView { node: Some(node(0)), ..view(template) };
    // Both bypassed the scheduler.
    bench.pod(500, pod(0), Some(bound));
    bench.pod(500, pod(1), Some(bound));
    bench.pod(600, pod(0), None);
    assert!(bench.core.snapshot().row(node(0)).ports.is_empty());
    bench.pod(700, pod(1), Some(bound));
    assert_eq!(bench.core.snapshot().row(node(0)).ports, [port]);
}

#[test]
fn a_relabelled_node_changes_its_zone_in_the_list_when_nodes_come_or_go() {
    let mut builder = ModelBuilder::new();
    for (name, zone) in [("a1", "a"), ("a2", "a"), ("b1", "b"), ("b2", "b")] {
        builder.node(name, zone, (1000, 16));
    }
    let template = builder.template("x", (100, GIB));
    let mut bench = Bench::new(builder);
    let list = |bench: &mut Bench| {
        bench.core.decide(&bench.model, (pod(9), template), TieBreak::LowestName);
        bench.core.snapshot().node_list().to_vec()
    };
    assert_eq!(list(&mut bench), [0, 2, 1, 3].map(node));
    bench.relabel(1000, node(0), ZONE, "b");
    assert_eq!(list(&mut bench), [0, 2, 1, 3].map(node));
    bench.core.node_changed(&bench.model, at(2000), node(3), None);
    assert_eq!(list(&mut bench), [1, 2, 0].map(node));
}
