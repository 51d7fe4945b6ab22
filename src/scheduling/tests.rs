//! Decisions as the references work them out, and what must hold of all of them.

use super::testing::{Bench, GIB, HOSTNAME, ModelBuilder, ZONE};
use super::{Outcome, Query, TieBreak, plugins};
use crate::model::{
    FitStrategy, HostPort, NodeId, NodeSelectorTerm, PluginArgs, PodId, Protocol, Requirement,
    ResourceWeight, ShapePoint, TaintEffect, Weighted,
};
use crate::rng::Streams;

fn node(index: usize) -> NodeId {
    NodeId::from_index(index)
}

#[test]
fn every_plugin_is_named_once_and_explained() {
    let mut names: Vec<&str> = plugins::ALL.iter().map(|def| def.descriptor.name).collect();
    for def in plugins::ALL {
        let descriptor = def.descriptor;
        assert!(!descriptor.summary.is_empty() && !descriptor.help.is_empty(), "{descriptor:?}");
        assert!(!def.points.is_empty(), "{} has no extension point", descriptor.name);
        assert!(!descriptor.summary.ends_with('.'), "{}", descriptor.name);
    }
    // Kubernetes' own come first, in the order of its defaults.
    for ((default, _), name) in super::config::DEFAULT_PLUGINS.iter().zip(&names) {
        assert_eq!(default, name);
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), plugins::ALL.len());
}

#[test]
fn nodes_are_visited_zone_by_zone_in_turn() {
    let mut builder = ModelBuilder::new();
    for (name, zone) in [("a1", "a"), ("a2", "a"), ("a3", "a"), ("b1", "b")] {
        builder.node(name, zone, (1000, 1));
    }
    let mut bench = Bench::new(builder);
    assert_eq!(bench.snapshot.node_list(), [0, 3, 1, 2].map(node));
    bench.snapshot.remove_node(&bench.model, node(0));
    bench.snapshot.remove_node(&bench.model, node(3));
    bench.snapshot.add_node(&bench.model, node(3), &[], false);
    bench.snapshot.refresh();
    assert_eq!(bench.snapshot.node_list(), [1, 3, 2].map(node));
}

/// Two nodes of 4 cores and 16 GiB, in use 1500m / 4 GiB and 500m / 12 GiB.
fn loaded(args: Option<PluginArgs>) -> (Bench, crate::model::TemplateId) {
    let mut builder = ModelBuilder::new();
    let nodes = [builder.node("n0", "", (4000, 16)), builder.node("n1", "", (4000, 16))];
    let used = [builder.template("x", (1500, 4 * GIB)), builder.template("y", (500, 12 * GIB))];
    let pod = builder.template("z", (500, GIB));
    let mut profile = super::config::default_profile();
    profile.args.extend(args.map(|args| ("NodeResourcesFit".to_owned(), args)));
    let mut bench = Bench::with_profile(builder, &profile);
    for (node, template) in nodes.into_iter().zip(used) {
        bench.bind(node, template);
    }
    (bench, pod)
}

fn fit_args(strategy: FitStrategy, weights: [i64; 2]) -> PluginArgs {
    let weight = |(name, weight): (&str, i64)| ResourceWeight { name: name.into(), weight };
    PluginArgs::NodeResourcesFit {
        strategy,
        resources: ["cpu", "memory"].into_iter().zip(weights).map(weight).collect(),
        ignored_resources: Vec::new(),
        ignored_groups: Vec::new(),
    }
}

#[test]
fn fit_strategies_score_the_load_with_the_pod() {
    let raw = |bench: &mut Bench, pod, plugin| -> Vec<i64> {
        bench.scores(pod, plugin).into_iter().map(|score| score.unwrap().0).collect()
    };
    let (mut bench, pod) = loaded(None);
    assert_eq!(raw(&mut bench, pod, "NodeResourcesFit"), [59, 46]);
    assert_eq!(raw(&mut bench, pod, "NodeResourcesBalancedAllocation"), [90, 71]);
    let (mut bench, pod) = loaded(Some(fit_args(FitStrategy::MostAllocated, [1, 1])));
    assert_eq!(raw(&mut bench, pod, "NodeResourcesFit"), [40, 53]);
    let shape = [(0, 0), (100, 10)].map(|(utilization, score)| ShapePoint { utilization, score });
    let ratio = FitStrategy::RequestedToCapacityRatio(shape.to_vec());
    let (mut bench, pod) = loaded(Some(fit_args(ratio, [3, 1])));
    // 50 % of CPU and 31 % of memory, 25 % and 81 %.
    assert_eq!(raw(&mut bench, pod, "NodeResourcesFit"), [45, 39]);
}

#[test]
fn what_does_not_fit_is_told_in_kubernetes_words() {
    let mut builder = ModelBuilder::new();
    for name in ["n0", "n1", "n2"] {
        builder.node(name, "", (2000, 4));
    }
    let tainted = builder.node("n3", "", (8000, 64));
    let taint = builder.taint("dedicated", "db", TaintEffect::NoSchedule);
    builder.model.nodes[tainted].taints.push(taint);
    let cordoned = builder.node("n4", "", (8000, 64));
    builder.model.nodes[cordoned].unschedulable = true;
    let filler = builder.template("filler", (1500, 0));
    let pod = builder.template("web", (1000, 0));
    let large = builder.template("large", (2001, 5 * GIB));
    let never = builder.template("never", (1000, 0));
    builder.spec(never).flags.never_preempts = true;
    let toleration = builder.toleration("dedicated");
    let tolerant = builder.template("tolerant", (1000, 0));
    builder.spec(tolerant).tolerations.push(toleration);
    let mut bench = Bench::new(builder);
    for index in 0..3 {
        bench.bind(node(index), filler);
    }
    assert_eq!(
        bench.message(pod),
        "0/5 nodes are available: 1 node(s) had untolerated taint {dedicated: db}, 1 node(s) were \
         unschedulable, 3 Insufficient cpu. no new claims to deallocate, preemption: 0/5 nodes are available: 2 \
         Preemption is not helpful for scheduling, 3 No preemption victims found for incoming pod."
    );
    assert_eq!(
        bench.message(large),
        "0/5 nodes are available: 1 node(s) had untolerated taint {dedicated: db}, 1 node(s) were \
         unschedulable, 3 Insufficient cpu, 3 Insufficient memory. no new claims to deallocate, preemption: 0/5 nodes are \
         available: 5 Preemption is not helpful for scheduling."
    );
    assert!(
        bench.message(never).ends_with("preemption: not eligible due to preemptionPolicy=Never.")
    );
    assert_eq!(bench.decide(tolerant).node(), Some(tainted));
}

#[test]
fn taints_lower_scores_and_ports_collide() {
    let mut builder = ModelBuilder::new();
    for (name, taints) in [("n0", 0), ("n1", 1), ("n2", 3)] {
        let id = builder.node(name, "", (2000, 4));
        for key in ["k1", "k2", "k3"].into_iter().take(taints) {
            let taint = builder.taint(key, "", TaintEffect::PreferNoSchedule);
            builder.model.nodes[id].taints.push(taint);
        }
    }
    let pod = builder.template("web", (100, 0));
    let port = HostPort { ip: None, protocol: Protocol::Tcp, port: 80 };
    let local = HostPort { ip: Some(builder.symbol("10.0.0.1")), ..port };
    let udp = HostPort { protocol: Protocol::Udp, ..port };
    let holders = [(port, "p"), (local, "q"), (udp, "r")].map(|(port, name)| {
        let template = builder.template(name, (0, 0));
        builder.spec(template).host_ports.push(port);
        template
    });
    let mut bench = Bench::new(builder);
    let scores = bench.scores(pod, "TaintToleration");
    assert_eq!(scores, [Some((0, 100)), Some((1, 67)), Some((3, 0))]);
    for index in 0..3 {
        bench.bind(node(index), holders[1]);
    }
    assert!(bench.message(holders[0]).starts_with(
        "0/3 nodes are available: 3 node(s) didn't have free ports for the requested pod ports."
    ));
    assert!(bench.decide(holders[2]).node().is_some());
}

#[test]
fn node_affinity_selects_restricts_and_prefers() {
    let mut builder = ModelBuilder::new();
    for (name, zone) in [("n0", "a"), ("n1", "b"), ("n2", "b"), ("n3", "c")] {
        builder.node(name, zone, (2000, 4));
    }
    let term = |expressions: Vec<Requirement>| NodeSelectorTerm { expressions, names: Vec::new() };
    let (in_a, in_b) = (builder.requirement(ZONE, "a"), builder.requirement(ZONE, "b"));
    let preferring = builder.template("prefers", (100, 0));
    builder.spec(preferring).node_affinity =
        Some(vec![term(vec![in_a.clone()]), term(vec![in_b.clone()])]);
    let weighted =
        [(20, in_a), (80, in_b)].map(|(weight, r)| Weighted { weight, term: term(vec![r]) });
    builder.spec(preferring).node_affinity_preferred.extend(weighted);
    let named = builder.template("named", (100, 0));
    let by_name = ["n3", "n9"].map(|name| NodeSelectorTerm {
        expressions: Vec::new(),
        names: vec![(true, vec![builder.symbol(name)])],
    });
    builder.spec(named).node_affinity = Some(by_name.to_vec());
    let nowhere = builder.template("nowhere", (100, 0));
    builder.spec(nowhere).node_affinity = Some(vec![NodeSelectorTerm::default()]);
    let full = builder.template("full", (2000, 0));
    let mut bench = Bench::new(builder);
    assert_eq!(
        bench.scores(preferring, "NodeAffinity"),
        [Some((20, 25)), Some((80, 100)), Some((80, 100)), None]
    );
    assert_eq!(bench.decide(named).node(), Some(node(3)));
    bench.bind(node(3), full);
    assert!(bench.message(named).starts_with(
        "0/4 nodes are available: 1 Insufficient cpu, 3 node(s) didn't satisfy plugin(s) \
         [NodeAffinity]. no new claims to deallocate, preemption:"
    ));
    assert!(bench.message(nowhere).starts_with(
        "0/4 nodes are available: 4 node(s) didn't match Pod's node affinity/selector."
    ));
}

#[test]
fn hard_spreading_keeps_the_skew_and_soft_spreading_prefers_the_empty() {
    let mut builder = ModelBuilder::new();
    for (name, zone) in [("a1", "a"), ("a2", "a"), ("b1", "b"), ("c1", "c"), ("x1", "")] {
        builder.node(name, zone, (64_000, 256));
    }
    let hard = builder.template("hard", (100, 0));
    let over_zones = builder.spread("hard", ZONE, 1, true);
    builder.spec(hard).spread.push(over_zones.clone());
    let wide = builder.template("hard", (100, 0));
    builder.spec(wide).spread.push(crate::model::SpreadConstraint { min_domains: 4, ..over_zones });
    let mut bench = Bench::new(builder);
    let placed: Vec<_> = (0..6).filter_map(|_| bench.place(hard)).collect();
    let zones: Vec<_> = placed.iter().map(|&node| bench.model.nodes[node].zone.index()).collect();
    let mut rounds: Vec<Vec<usize>> = zones.chunks(3).map(<[usize]>::to_vec).collect();
    rounds.iter_mut().for_each(|round| round.sort_unstable());
    assert_eq!(rounds, [[0, 1, 2], [0, 1, 2]], "each zone once per round");
    let message = bench.message(wide);
    assert!(
        message.starts_with(
            "0/5 nodes are available: 1 node(s) didn't match pod topology spread constraints \
             (missing required label), 4 node(s) didn't match pod topology spread constraints."
        ),
        "{message}"
    );
}

#[test]
fn default_constraints_spread_what_a_service_selects() {
    let mut builder = ModelBuilder::new();
    for (name, zone) in [("a1", "a"), ("a2", "a"), ("b1", "b"), ("c1", "c")] {
        builder.node(name, zone, (64_000, 256));
    }
    let web = builder.template("web", (100, 0));
    let selector = builder.selector("web");
    builder.model.services.push(crate::model::Service {
        namespace: crate::model::NamespaceId::from_index(0),
        name: "web".into(),
        selector,
        publish_not_ready_addresses: false,
    });
    let mut bench = Bench::new(builder);
    for index in [0, 0, 1, 2] {
        bench.bind(node(index), web);
    }
    assert_eq!(
        bench.scores(web, "PodTopologySpread"),
        [Some((14, 42)), Some((13, 50)), Some((9, 78)), Some((6, 100))]
    );
    // A terminating pod counts no longer.
    bench.snapshot.mark_terminating(PodId::from_index(3));
    assert_eq!(bench.scores(web, "PodTopologySpread")[2], Some((6, 100)));
}

#[test]
fn pods_keep_near_and_apart() {
    let mut builder = ModelBuilder::new();
    for (name, zone) in [("a1", "a"), ("a2", "a"), ("b1", "b")] {
        builder.node(name, zone, (64_000, 256));
    }
    let cache = builder.template("cache", (100, 0));
    let together = builder.affinity("cache", ZONE);
    builder.spec(cache).pod_affinity.required.push(together.clone());
    let apart = builder.template("apart", (100, 0));
    let alone = builder.affinity("apart", HOSTNAME);
    builder.spec(apart).pod_affinity.anti_required.push(alone);
    let shunned = builder.template("shunned", (100, 0));
    let shuns = builder.template("shuns", (100, 0));
    let away = builder.affinity("shunned", ZONE);
    builder.spec(shuns).pod_affinity.anti_required.push(away);
    let stranger = builder.template("stranger", (100, 0));
    builder.spec(stranger).pod_affinity.required.push(together);
    let mut bench = Bench::new(builder);
    assert!(
        bench
            .message(stranger)
            .starts_with("0/3 nodes are available: 3 node(s) didn't match pod affinity rules.")
    );
    let first = bench.place(cache).expect("the first of a group may go anywhere");
    let zone = bench.model.nodes[first].zone;
    for _ in 0..4 {
        let next = bench.place(cache).unwrap();
        assert_eq!(bench.model.nodes[next].zone, zone);
    }
    let spots: Vec<_> = (0..3).filter_map(|_| bench.place(apart)).collect();
    assert_eq!(spots.len(), 3);
    assert!(bench.message(apart).contains("3 node(s) didn't match pod anti-affinity rules"));
    bench.bind(node(2), shuns);
    assert_ne!(bench.place(shunned), Some(node(2)));
    bench.bind(node(0), shuns);
    assert!(
        bench
            .message(shunned)
            .contains("3 node(s) didn't satisfy existing pods anti-affinity rules")
    );
}

#[test]
fn preferred_affinity_divides_before_it_multiplies() {
    let mut builder = ModelBuilder::new();
    for name in ["n0", "n1", "n2"] {
        builder.node(name, "", (64_000, 256));
    }
    let (near, far) = (builder.template("near", (1, 0)), builder.template("far", (1, 0)));
    let pod = builder.template("pod", (1, 0));
    for (weight, app, anti) in [(10, "near", false), (5, "far", true)] {
        let entry = Weighted { weight, term: builder.affinity(app, HOSTNAME) };
        let affinity = &mut builder.spec(pod).pod_affinity;
        if anti { &mut affinity.anti_preferred } else { &mut affinity.preferred }.push(entry);
    }
    let mut bench = Bench::new(builder);
    assert_eq!(bench.scores(pod, "InterPodAffinity"), [None; 3], "no pod has a say yet");
    bench.bind(node(0), near);
    bench.bind(node(1), far);
    assert_eq!(
        bench.scores(pod, "InterPodAffinity"),
        [Some((10, 100)), Some((-5, 0)), Some((0, 33))]
    );
}

#[test]
fn large_clusters_are_searched_in_part_and_in_turn() {
    let mut builder = ModelBuilder::new();
    for index in 0..500 {
        builder.node(&format!("n{index:03}"), "", (1000, 1));
    }
    let pod = builder.template("pod", (100, 0));
    let full = builder.template("full", (1000, 0));
    let mut bench = Bench::new(builder);
    bench.bind(node(3), full);
    let mut ask = |start| {
        bench.framework.schedule(&Query {
            pinned: None,
            model: &bench.model,
            snapshot: &bench.snapshot,
            template: pod,
            start,
            tie_break: TieBreak::LowestName,
        })
    };
    let first = ask(0);
    assert_eq!((first.feasible, first.evaluated, first.next_start), (230, 231, 231));
    let second = ask(first.next_start);
    assert_eq!((second.feasible, second.evaluated, second.next_start), (230, 230, 461));
    let third = ask(second.next_start);
    assert_eq!((third.feasible, third.evaluated, third.next_start), (230, 231, 192));
}

#[test]
fn ties_are_drawn_evenly_and_alike_from_any_start() {
    let mut builder = ModelBuilder::new();
    for name in ["n2", "n0", "n1"] {
        builder.node(name, "", (1000, 1));
    }
    let pod = builder.template("pod", (100, 0));
    let mut bench = Bench::new(builder);
    assert_eq!(bench.decide(pod).node(), Some(node(1)), "the lowest name");
    let streams = Streams::new(7, 0);
    let mut draw = |entity, start| {
        let tie_break = TieBreak::Seeded { streams: &streams, entity, attempt: 1 };
        let (model, snapshot) = (&bench.model, &bench.snapshot);
        let query = Query { model, snapshot, template: pod, pinned: None, start, tie_break };
        bench.framework.schedule(&query).node().unwrap()
    };
    let mut counts = [0; 3];
    for entity in 0..3000 {
        let chosen = draw(entity, 0);
        assert_eq!(chosen, draw(entity, 2));
        counts[chosen.index()] += 1;
    }
    // Five standard deviations of the binomial distribution are 129.
    assert!(counts.iter().all(|count| (870..=1130).contains(count)), "{counts:?}");
}

#[test]
fn an_empty_cluster_is_an_error() {
    let mut builder = ModelBuilder::new();
    let pod = builder.template("pod", (100, 0));
    let mut bench = Bench::new(builder);
    let decision = bench.decide(pod);
    assert_eq!(decision.outcome, Outcome::Error("no nodes available to schedule pods"));
    assert!(decision.rejected_by.is_empty());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    /// Whatever is asked for, no node is over-committed and hard spreading holds.
    #[test]
    fn nothing_is_ever_over_committed(
        nodes in proptest::collection::vec((1..8_i64, 1..16_i64, 0..3_usize), 1..12),
        pods in proptest::collection::vec((0..4000_i64, 0..8_i64, proptest::bool::ANY), 1..60),
    ) {
        let mut builder = ModelBuilder::new();
        for (at, &(cores, gib, zone)) in nodes.iter().enumerate() {
            builder.node(&format!("n{at}"), ["a", "b", "c"][zone], (cores * 1000, gib));
        }
        let constraint = builder.spread("s", ZONE, 2, true);
        let templates: Vec<_> = pods.iter().map(|&(cpu, gib, spread)| {
            let template = builder.template(if spread { "s" } else { "t" }, (cpu, gib * GIB));
            if spread {
                builder.spec(template).spread.push(constraint.clone());
            }
            template
        }).collect();
        let mut bench = Bench::new(builder);
        for template in templates {
            let placed = bench.place(template);
            if bench.model.templates[template].spread.is_empty() || placed.is_none() {
                continue;
            }
            let mut counts = std::collections::BTreeMap::new();
            for (id, spec) in bench.model.nodes.iter() {
                let count = counts.entry(spec.zone).or_insert(0);
                *count += bench.snapshot.row(id).pods.iter()
                    .filter(|pod| !bench.model.templates[pod.template].spread.is_empty())
                    .count();
            }
            let skew = counts.values().max().unwrap() - counts.values().min().unwrap();
            let in_zone = counts[&bench.model.nodes[placed.unwrap()].zone];
            proptest::prop_assert!(skew <= 2 || in_zone - counts.values().min().unwrap() <= 2);
        }
        for id in bench.model.nodes.ids() {
            let load = bench.snapshot.load(id);
            proptest::prop_assert!(load.requested_cpu_milli <= load.allocatable_cpu_milli);
            proptest::prop_assert!(load.requested_memory_bytes <= load.allocatable_memory_bytes);
            proptest::prop_assert!(load.pods <= load.allocatable_pods);
        }
    }
}
