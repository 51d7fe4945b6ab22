//! Tables of what PodTopologySpread says, worked out by hand.

use crate::model::{InclusionPolicy, LabelSelector, PodId, TaintEffect};
use crate::scheduling::testing::{Bench, HOSTNAME, ModelBuilder, ZONE};

const PLUGIN: &str = "PodTopologySpread";

/// Nodes a1, a2, b1, c1 in zones a, b, c, of 8 cores each, the last one tainted.
fn nodes() -> ModelBuilder {
    let mut builder = ModelBuilder::new();
    for (name, zone) in [("a1", "a"), ("a2", "a"), ("b1", "b"), ("c1", "c")] {
        let node = builder.node(name, zone, (8000, 32));
        if name == "c1" {
            let taint = builder.taint("dedicated", "", TaintEffect::NoSchedule);
            builder.model.nodes[node].taints.push(taint);
        }
    }
    builder
}

#[test]
fn the_skew_is_measured_from_the_emptiest_domain_that_counts() {
    struct Row {
        what: &'static str,
        max_skew: i64,
        min_domains: i64,
        /// Whether tainted nodes, which the pod does not tolerate, count.
        taints: InclusionPolicy,
        /// Pods on a1, a2, b1, c1.
        there: [usize; 4],
        /// Whether a1, a2, b1 pass; c1 never does.
        passes: [bool; 3],
    }
    let row = |what, max_skew, min_domains, taints, there, passes| Row {
        what,
        max_skew,
        min_domains,
        taints,
        there,
        passes,
    };
    let (ignore, honor) = (InclusionPolicy::Ignore, InclusionPolicy::Honor);
    let table = [
        row("nobody there", 1, 1, ignore, [0; 4], [true; 3]),
        row("one ahead", 1, 1, ignore, [1, 0, 0, 1], [false, false, true]),
        row("a tainted zone keeps the minimum down", 1, 1, ignore, [1, 0, 1, 0], [false; 3]),
        row("unless taints are honoured", 1, 1, honor, [1, 0, 1, 0], [true; 3]),
        row("a wider skew", 2, 1, ignore, [1, 0, 1, 0], [true; 3]),
        row("the zone counts, not the node", 2, 1, ignore, [1, 1, 0, 0], [false, false, true]),
        row("too few domains: the minimum is 0", 1, 4, ignore, [1, 0, 1, 1], [false; 3]),
        row("enough domains", 1, 3, ignore, [1, 0, 1, 1], [true; 3]),
        row("domains that do not count are none", 1, 3, honor, [1, 0, 1, 0], [false; 3]),
    ];
    for Row { what, max_skew, min_domains, taints, there, passes } in table {
        let mut builder = nodes();
        let pod = builder.template("web", (100, 0));
        let mut constraint = builder.spread("web", ZONE, max_skew, true);
        (constraint.min_domains, constraint.node_taints_policy) = (min_domains, taints);
        builder.spec(pod).spread.push(constraint);
        let ids: Vec<_> = builder.model.nodes.ids().collect();
        let mut bench = Bench::new(builder);
        for (node, pods) in ids.into_iter().zip(there) {
            (0..pods).for_each(|_| {
                bench.bind(node, pod);
            });
        }
        let told = bench.verdicts(pod);
        let open: Vec<_> = told.iter().map(String::is_empty).collect();
        assert_eq!(open[..3], passes, "{what}: {told:?}");
        let text = "PodTopologySpread: node(s) didn't match pod topology spread constraints";
        assert!(told[..3].iter().all(|told| told.is_empty() || told == text), "{what}: {told:?}");
        assert!(told[3].starts_with("!TaintToleration"), "{what}: {told:?}");
    }
}

#[test]
fn selectors_decide_whom_a_constraint_counts() {
    // The selector, whether zones b and a pass with one pod of app `web` in zone a.
    let none = LabelSelector::none();
    let every = LabelSelector::default();
    for (selector, passes) in [
        (Some("web"), [false, true]),
        (Some("other"), [true, true]),
        // An empty selector counts nobody but the pod itself, a missing one nobody at all.
        (None, [true, true]),
    ] {
        for missing in [false, true] {
            let mut builder = ModelBuilder::new();
            let a = builder.node("a1", "a", (8000, 32));
            builder.node("b1", "b", (8000, 32));
            let pod = builder.template("web", (100, 0));
            let mut constraint = builder.spread("web", ZONE, 1, true);
            constraint.selector = match selector {
                Some(app) => builder.selector(app),
                None if missing => none.clone(),
                None => every.clone(),
            };
            builder.spec(pod).spread.push(constraint);
            let mut bench = Bench::new(builder);
            bench.bind(a, pod);
            assert_eq!(bench.passes(pod, PLUGIN), passes, "{selector:?}");
        }
    }
}

#[test]
fn pods_that_end_or_live_elsewhere_do_not_count() {
    let mut builder = ModelBuilder::new();
    let [a, b] = ["a", "b"].map(|zone| builder.node(zone, zone, (8000, 32)));
    let pod = builder.template("web", (100, 0));
    let stranger = builder.template("web", (100, 0));
    builder.model.namespaces.push(crate::model::Namespace {
        name: "other".into(),
        labels: crate::model::Labels::default(),
    });
    builder.spec(stranger).namespace = crate::model::NamespaceId::from_index(1);
    let constraint = builder.spread("web", ZONE, 1, true);
    builder.spec(pod).spread.push(constraint);
    let mut bench = Bench::new(builder);
    bench.bind(a, stranger);
    assert_eq!(bench.passes(pod, PLUGIN), [true, true], "another namespace");
    let ends = bench.bind(b, pod);
    assert_eq!(bench.passes(pod, PLUGIN), [true, false]);
    bench.snapshot.mark_terminating(ends);
    assert_eq!(bench.passes(pod, PLUGIN), [true, true], "it ends");
    assert_eq!(ends, PodId::from_index(1));
}

#[test]
fn soft_constraints_weigh_counts_by_the_number_of_domains() {
    // Over zones (3 domains): ln 5 = 1.609 a pod; over hostnames (4 nodes): ln 6 = 1.792; maxSkew − 1 is
    // added to each. Normalised: 100 × (max + min − raw) / max.
    let table = [
        (ZONE, 1, [2, 0, 1, 0], [(3, 0), (3, 0), (2, 33), (0, 100)]),
        (HOSTNAME, 1, [2, 0, 1, 0], [(4, 0), (0, 100), (2, 50), (0, 100)]),
        (HOSTNAME, 4, [2, 0, 1, 0], [(7, 42), (3, 100), (5, 71), (3, 100)]),
        (ZONE, 1, [0; 4], [(0, 100); 4]),
    ];
    for (key, max_skew, there, scores) in table {
        let mut builder = ModelBuilder::new();
        let nodes = [("a1", "a"), ("a2", "a"), ("b1", "b"), ("c1", "c")];
        let nodes = nodes.map(|(name, zone)| builder.node(name, zone, (8000, 32)));
        let pod = builder.template("web", (100, 0));
        let constraint = builder.spread("web", key, max_skew, false);
        builder.spec(pod).spread.push(constraint);
        let mut bench = Bench::new(builder);
        for (node, pods) in nodes.into_iter().zip(there) {
            (0..pods).for_each(|_| {
                bench.bind(node, pod);
            });
        }
        assert_eq!(bench.scores(pod, PLUGIN), scores.map(Some), "{key} {max_skew} {there:?}");
    }
}
