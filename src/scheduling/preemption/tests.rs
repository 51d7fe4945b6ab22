//! The rules, one table each, and what they make of whole clusters.

use super::{
    Candidate, ChoiceRule, DisruptionBudget, DryRunFailure, Ineligible, NodeTrial, Preemption,
    best, select_victims,
};
use crate::base::time::SimTime;
use crate::model::{NodeId, PodId, TemplateId};
use crate::rng::Streams;
use crate::scheduling::testing::{Bench, GIB, HOSTNAME, ModelBuilder, ZONE};
use crate::scheduling::{
    BoundPod, Incoming, Nominated, PluginId, PostFilter, PostFilterStatus, Rejection, TieBreak,
    plugins,
};

fn node(index: usize) -> NodeId {
    NodeId::from_index(index)
}

/// A pod with a priority that started at a second; its class is its number.
fn pod(number: usize, priority: i32, started_s: u64) -> BoundPod {
    let class = TemplateId::from_index(number);
    let started = SimTime::from_secs(started_s);
    BoundPod { started, ..BoundPod::new(PodId::from_index(number), class, priority) }
}

fn numbers(pods: &[BoundPod]) -> Vec<usize> {
    pods.iter().map(|pod| pod.pod.index()).collect()
}

/// A node where the incoming pod needs a number of slots, each pod holding one.
struct Slots {
    free: usize,
    needed: usize,
    /// Pods put back, in order.
    back: Vec<usize>,
}

impl NodeTrial for Slots {
    fn remove(&mut self, _pod: &BoundPod) {
        self.free += 1;
    }

    fn add(&mut self, pod: &BoundPod) {
        self.free -= 1;
        self.back.push(pod.pod.index());
    }

    fn fits(&mut self) -> Result<(), (PluginId, Rejection)> {
        if self.free >= self.needed {
            return Ok(());
        }
        let plugin = plugins::id_of("NodeResourcesFit").expect("it is in the table");
        Err((plugin, Rejection::unschedulable("full")))
    }
}

/// Budgets over classes: (classes, disruptions allowed), on a model with `classes` labelled ones.
fn budgets(classes: usize, of: &[(&[usize], i32)]) -> Vec<DisruptionBudget> {
    let mut builder = ModelBuilder::new();
    for class in 0..classes {
        builder.template(&format!("app{class}"), (100, 0));
    }
    let make = |(classes, allowed): &(&[usize], i32)| {
        let mut requirement = builder.requirement("app", "none");
        requirement.values = classes
            .iter()
            .map(|class| builder.model.symbols.get(&format!("app{class}")).expect("a class"))
            .collect();
        requirement.values.sort_unstable();
        let selector =
            crate::model::LabelSelector { nothing: false, requirements: vec![requirement] };
        let namespace = crate::model::NamespaceId::from_index(0);
        let mut budget = DisruptionBudget::new(&builder.model, namespace, &selector);
        budget.allowed = *allowed;
        budget
    };
    of.iter().map(make).collect()
}

#[test]
fn the_least_important_pods_go() {
    // (pods as they stand on the node, slots needed, victims)
    type Row = (Vec<BoundPod>, usize, Vec<usize>);
    let table: [Row; 5] = [
        (vec![pod(0, 1, 10), pod(1, 3, 10), pod(2, 2, 10)], 1, vec![0]),
        (vec![pod(0, 1, 10), pod(1, 3, 10), pod(2, 2, 10)], 2, vec![2, 0]),
        // Who started first is more important; without a start a pod has just started.
        (vec![pod(0, 1, 30), pod(1, 1, 10), pod(2, 1, 20)], 2, vec![2, 0]),
        (
            vec![pod(0, 1, 30), BoundPod::new(PodId::from_index(1), TemplateId::from_index(1), 1)],
            1,
            vec![1],
        ),
        // Pods of the same or a higher priority stay where they are.
        (vec![pod(0, 9, 10), pod(1, 10, 10), pod(2, 11, 10)], 1, vec![0]),
    ];
    for (pods, needed, victims) in table {
        let mut trial = Slots { free: 0, needed, back: Vec::new() };
        let found = select_victims(node(0), &pods, 10, &[], &mut trial).expect("there is room");
        assert_eq!((numbers(&found.victims), found.violations), (victims, 0), "{pods:?}");
    }
}

#[test]
fn a_node_without_victims_or_room_is_no_candidate() {
    let mut trial = Slots { free: 0, needed: 1, back: Vec::new() };
    let none = select_victims(node(0), &[pod(0, 10, 1)], 10, &[], &mut trial);
    assert_eq!(none, Err(DryRunFailure::NoVictims));
    let mut trial = Slots { free: 0, needed: 2, back: Vec::new() };
    let full = select_victims(node(0), &[pod(0, 1, 1)], 10, &[], &mut trial);
    assert!(matches!(full, Err(DryRunFailure::Rejected(..))), "{full:?}");
    let mut trial = Slots { free: 1, needed: 1, back: Vec::new() };
    let fits = select_victims(node(0), &[pod(0, 1, 1)], 10, &[], &mut trial);
    assert_eq!(fits, Err(DryRunFailure::NothingToEvict));
}

#[test]
fn pods_under_a_spent_budget_come_back_first() {
    let pods = [pod(0, 3, 1), pod(1, 2, 1), pod(2, 1, 1)];
    // (budgets, slots needed, order of coming back, victims, violations)
    type Row<'a> = (&'a [(&'a [usize], i32)], usize, Vec<usize>, Vec<usize>, u32);
    let table: [Row<'_>; 6] = [
        (&[(&[2], 0)], 1, vec![2, 0, 1], vec![1], 0),
        (&[(&[2], 1)], 1, vec![0, 1, 2], vec![2], 0),
        (&[(&[2], 0)], 3, vec![2, 0, 1], vec![0, 1, 2], 1),
        // Budgets are used up by all pods in order of importance, not by victims.
        (&[(&[0, 2], 1)], 1, vec![2, 0, 1], vec![1], 0),
        // Every budget counts.
        (&[(&[1, 2], 1), (&[1], 0)], 1, vec![1, 2, 0], vec![0], 0),
        (&[(&[0, 1, 2], -1)], 2, vec![0, 1, 2], vec![1, 2], 2),
    ];
    for (of, needed, back, victims, violations) in table {
        let mut trial = Slots { free: 0, needed, back: Vec::new() };
        let found = select_victims(node(0), &pods, 10, &budgets(3, of), &mut trial).unwrap();
        assert_eq!(trial.back, back, "{of:?}");
        assert_eq!((numbers(&found.victims), found.violations), (victims, violations), "{of:?}");
    }
}

#[test]
fn disrupted_and_unlabelled_pods_and_empty_selectors_do_not_count() {
    let mut of = budgets(2, &[(&[0, 1], 0)]);
    of[0].disrupted.push(PodId::from_index(0));
    let mut trial = Slots { free: 0, needed: 2, back: Vec::new() };
    let pods = [pod(0, 1, 1), pod(1, 1, 2)];
    let found = select_victims(node(0), &pods, 10, &of, &mut trial).unwrap();
    assert_eq!(found.violations, 1, "the pod whose eviction was granted violates nothing");

    let mut builder = ModelBuilder::new();
    builder.template("a", (1, 0));
    let bare = builder.template("b", (1, 0));
    builder.spec(bare).labels = crate::model::Labels::default();
    let exists = crate::model::LabelSelector {
        nothing: false,
        requirements: vec![crate::model::Requirement {
            key: builder.symbol("nobody"),
            operator: crate::model::Operator::DoesNotExist,
            values: Vec::new(),
        }],
    };
    let namespace = crate::model::NamespaceId::from_index(0);
    let other = crate::model::NamespaceId::from_index(1);
    let everything = crate::model::LabelSelector { nothing: false, requirements: Vec::new() };
    // (budget, violations when both pods go)
    for (namespace, selector, violations) in
        [(namespace, &exists, 1), (namespace, &everything, 0), (other, &exists, 0)]
    {
        let budget = DisruptionBudget::new(&builder.model, namespace, selector);
        let mut trial = Slots { free: 0, needed: 2, back: Vec::new() };
        let found = select_victims(node(0), &pods, 10, &[budget], &mut trial).unwrap();
        assert_eq!(found.violations, violations, "{selector:?}");
    }
}

#[test]
fn five_rules_choose_among_candidates() {
    let candidate = |violations, victims: &[(i32, u64)]| Candidate {
        node: node(0),
        victims: victims.iter().map(|&(priority, start)| pod(0, priority, start)).collect(),
        violations,
    };
    // (candidates, those that are left)
    let table: [(&str, Vec<Candidate>, Vec<usize>); 8] = [
        ("none", vec![], vec![]),
        ("violations", vec![candidate(1, &[(0, 1)]), candidate(0, &[(9, 1), (9, 1)])], vec![1]),
        ("highest", vec![candidate(0, &[(5, 1)]), candidate(0, &[(4, 1), (4, 1)])], vec![1]),
        ("sum", vec![candidate(0, &[(5, 1), (3, 1)]), candidate(0, &[(5, 1), (2, 1)])], vec![1]),
        // Negative priorities are lifted, so that every victim makes the sum greater.
        ("lifted", vec![candidate(0, &[(-1, 1), (-5, 1)]), candidate(0, &[(-1, 1)])], vec![1]),
        ("start", vec![candidate(0, &[(5, 10)]), candidate(0, &[(5, 20)])], vec![1]),
        // Of the most important victims the earliest counts; the others do not.
        (
            "earliest of the highest",
            vec![
                candidate(0, &[(5, 20), (5, 10), (1, 90)]),
                candidate(0, &[(5, 12), (5, 15), (1, 1)]),
            ],
            vec![1],
        ),
        ("tie", vec![candidate(0, &[(5, 10)]), candidate(0, &[(5, 10)])], vec![0, 1]),
    ];
    for (rule, candidates, left) in table {
        assert_eq!(best(&candidates), left, "{rule}");
    }
    // Fewest victims decides where the lifted sums agree.
    let half = i32::MIN;
    let few = candidate(0, &[(0, 1)]);
    let many = candidate(0, &[(0, 1), (half, 1)]);
    assert_eq!(best(&[many, few]), vec![1], "as many priorities, fewer victims");
}

/// A cluster of nodes with one core, each filled by one pod of a class.
fn filled(priorities: &[i32]) -> (Bench, Vec<TemplateId>, TemplateId) {
    let mut builder = ModelBuilder::new();
    let mut classes = Vec::new();
    for (at, &priority) in priorities.iter().enumerate() {
        builder.node(&format!("n{at}"), "", (1000, 4));
        let class = builder.template(&format!("app{at}"), (800, 0));
        builder.spec(class).priority = priority;
        classes.push(class);
    }
    let incoming = builder.template("urgent", (500, 0));
    builder.spec(incoming).priority = 10;
    let mut bench = Bench::new(builder);
    for (at, &class) in classes.iter().enumerate() {
        bench.bind(node(at), class);
    }
    (bench, classes, incoming)
}

fn answer(bench: &mut Bench, template: TemplateId) -> PostFilter {
    let decision = bench.decide(template);
    assert_eq!(decision.node(), None, "a node was found");
    bench.post_filter(template, &decision, &[])
}

fn found(answer: &PostFilter) -> &Preemption {
    answer.preemption.as_ref().expect("preemption was asked")
}

#[test]
fn the_least_important_victim_decides_the_node() {
    let (mut bench, _, urgent) = filled(&[5, 3, 10, 4]);
    let answer = answer(&mut bench, urgent);
    assert_eq!(answer.status, PostFilterStatus::Success);
    assert_eq!(answer.nomination(), Some(Some(node(1))));
    let found = found(&answer);
    assert_eq!(found.potential, [0, 1, 2, 3].map(node));
    assert_eq!(found.failures, [(node(2), DryRunFailure::NoVictims)]);
    let decision = bench.decide(urgent);
    let told = bench.framework.message((&bench.model, urgent), &decision, Some(&answer));
    assert_eq!(told, "0/4 nodes are available: 4 Insufficient cpu.", "success adds no words");
}

#[test]
fn a_pod_waits_for_the_victims_it_has_already() {
    let (mut bench, classes, urgent) = filled(&[5, 3]);
    let waiting = PodId::from_index(2);
    bench.snapshot.mark_terminating(PodId::from_index(1));
    let nominated = Nominated { pod: waiting, template: urgent, priority: 10 };
    bench.nominator.nominate(nominated, node(1));
    assert!(
        found(&answer(&mut bench, urgent)).ineligible.is_none(),
        "terminating for other reasons"
    );
    bench.snapshot.mark_preempted(PodId::from_index(1));
    let waits = answer(&mut bench, urgent);
    assert_eq!(found(&waits).ineligible, Some(Ineligible::TerminatingVictim));
    assert_eq!(waits.nomination(), None, "the nomination stays");
    assert_eq!(
        bench.message(urgent),
        "0/2 nodes are available: 2 Insufficient cpu. no new claims to deallocate, preemption: not \
         eligible due to a terminating pod on the nominated node."
    );
    // A node that can no longer take the pod in any case is given up.
    let taint = crate::model::Taint {
        key: bench.model.symbols.get(ZONE).unwrap(),
        value: bench.model.symbols.get("").unwrap(),
        effect: crate::model::TaintEffect::NoSchedule,
    };
    bench.snapshot.update_node(node(1), &[taint], false);
    let moves = answer(&mut bench, urgent);
    assert_eq!(moves.nomination(), Some(Some(node(0))));
    // Nothing to preempt anywhere: the nomination is cleared.
    let _ = classes;
    bench.model.templates[urgent].priority = 3;
    bench.snapshot.remove_pod(&bench.model, PodId::from_index(1));
    bench.snapshot.mark_terminating(PodId::from_index(0));
    let nothing = answer(&mut bench, urgent);
    assert_eq!(
        (nothing.status, nothing.nomination()),
        (PostFilterStatus::Unschedulable, Some(None))
    );
}

/// Where a pod of a class goes while a pod of the same class and some priority is nominated for
/// node 0; or, if it is its `own` nomination, where it goes itself.
fn beside(bench: &mut Bench, template: TemplateId, priority: i32, own: bool) -> Option<NodeId> {
    let rival = Nominated { pod: PodId::from_index(90), template, priority };
    bench.nominator.nominate(rival, node(0));
    let pod = PodId::from_index(if own { 90 } else { 91 });
    let incoming = Incoming { pod, template, pinned: None, nominator: &bench.nominator };
    let world = (&bench.model, &mut bench.snapshot);
    bench.framework.schedule_among(world, &incoming, 0, TieBreak::LowestName).node()
}

#[test]
fn nominated_pods_hold_their_room_against_equals_and_lesser() {
    let (mut bench, _, urgent) = filled(&[0]);
    bench.snapshot.remove_pod(&bench.model, PodId::from_index(0));
    assert_eq!(beside(&mut bench, urgent, 10, false), Some(node(0)), "two of 500m fit a core");
    bench.model.templates[urgent].requests.cpu_milli = 600;
    // (priority of the nominated pod, it is the pod itself, finds the node)
    let table = [(10, false, false), (11, false, false), (9, false, true), (10, true, true)];
    for (priority, own, finds) in table {
        let went = beside(&mut bench, urgent, priority, own);
        assert_eq!(went.is_some(), finds, "priority {priority}, own: {own}");
    }
}

#[test]
fn the_nominated_node_is_taken_before_better_ones() {
    let (mut bench, _, urgent) = filled(&[0, 0]);
    bench.snapshot.remove_pod(&bench.model, PodId::from_index(0));
    bench.snapshot.remove_pod(&bench.model, PodId::from_index(1));
    let filler = TemplateId::from_index(0);
    bench.model.templates[filler].requests.cpu_milli = 300;
    bench.bind(node(0), filler);
    assert_eq!(bench.decide(urgent).node(), Some(node(1)), "the empty node scores higher");
    assert_eq!(beside(&mut bench, urgent, 10, true), Some(node(0)));
    bench.bind(node(0), filler);
    assert_eq!(beside(&mut bench, urgent, 10, true), Some(node(1)), "unless it does not fit there");
}

#[test]
fn nominated_pods_count_in_rules_over_pods() {
    let mut builder = ModelBuilder::new();
    for (name, zone) in [("n0", "a"), ("n1", "b")] {
        builder.node(name, zone, (4000, 4));
    }
    let apart = builder.template("db", (100, 0));
    let term = builder.affinity("db", HOSTNAME);
    builder.spec(apart).pod_affinity.anti_required.push(term);
    let spread = builder.template("web", (100, 0));
    let constraint = builder.spread("web", ZONE, 1, true);
    builder.spec(spread).spread.push(constraint);
    let mut bench = Bench::new(builder);
    assert_eq!(beside(&mut bench, apart, 0, false), Some(node(1)), "the nominated pod is there");
    assert_eq!(bench.decide(apart).node(), Some(node(0)), "and leaves nothing behind");
    bench.bind(node(0), spread);
    bench.bind(node(1), spread);
    // With the nominated pod zone a would have three, against one in zone b.
    assert_eq!(beside(&mut bench, spread, 0, false), Some(node(1)));
    assert_eq!(bench.decide(spread).node(), Some(node(0)));
}

#[test]
fn affinity_to_the_victims_forbids_their_eviction() {
    let mut builder = ModelBuilder::new();
    for (name, zone) in [("n0", "a"), ("n1", "b")] {
        builder.node(name, zone, (1000, 4));
    }
    let cache = builder.template("cache", (800, 0));
    let urgent = builder.template("urgent", (500, 0));
    builder.spec(urgent).priority = 10;
    let term = builder.affinity("cache", ZONE);
    builder.spec(urgent).pod_affinity.required.push(term);
    let mut bench = Bench::new(builder);
    bench.bind(node(0), cache);
    let answer = answer(&mut bench, urgent);
    let (failed, why) = found(&answer).failures[0];
    assert_eq!(failed, node(0));
    assert!(
        matches!(why, DryRunFailure::Rejected(plugin, _) if plugin.name() == "InterPodAffinity")
    );
    // A group that wants to be near itself may begin anew where its last pod goes.
    bench.model.templates[cache].labels = bench.model.templates[urgent].labels.clone();
    let symbol = bench.model.symbols.get("urgent").unwrap();
    bench.model.templates[urgent].pod_affinity.required[0].selector.requirements[0].values =
        vec![symbol];
    let profile = crate::scheduling::config::default_profile();
    bench.framework = crate::scheduling::Framework::new(&bench.model, &profile);
    let again = self::answer(&mut bench, urgent);
    assert_eq!(again.nomination(), Some(Some(node(0))));
}

#[test]
fn evictions_shift_skews_as_kube_scheduler_counts_them() {
    // Zones a, b and c hold 3, 1 and 1 pods of the app; one more may go where the skew stays 1.
    let mut builder = ModelBuilder::new();
    for (name, zone) in [("n0", "a"), ("n1", "b"), ("n2", "c")] {
        builder.node(name, zone, (400, 64));
    }
    let web = builder.template("web", (100, 0));
    let urgent = builder.template("web", (100, 0));
    builder.spec(urgent).priority = 10;
    let constraint = builder.spread("web", ZONE, 1, true);
    builder.spec(urgent).spread.push(constraint);
    let filler = builder.template("filler", (300, GIB));
    builder.spec(filler).priority = 20;
    let mut bench = Bench::new(builder);
    for (at, pods) in [(0, 3), (1, 1), (2, 1)] {
        for _ in 0..pods {
            bench.bind(node(at), web);
        }
    }
    bench.bind(node(1), filler);
    bench.bind(node(2), filler);
    let answer = answer(&mut bench, urgent);
    let found = found(&answer);
    // On n0 all three pods go: 0 there, minimum 0. Coming back one by one, the first makes 1 + 1 - 1
    // and stays, the second 2 + 1 - 1 and has to go.
    let victims = |at: usize| {
        let of = found.candidates.iter().find(|candidate| candidate.node == node(at));
        of.map(|candidate| candidate.victims.len())
    };
    assert_eq!([0, 1, 2].map(victims), [Some(2), Some(1), Some(1)]);
    assert_eq!(
        answer.nomination().flatten().map(NodeId::index),
        Some(1),
        "fewest victims, by name"
    );
}

#[test]
fn the_search_for_candidates_ends_when_enough_are_known() {
    let (bench, _, urgent) = filled(&[0; 40]);
    let Bench { model, mut snapshot, .. } = bench;
    let mut profile = crate::scheduling::config::default_profile();
    profile.args.push((
        "DefaultPreemption".to_owned(),
        crate::model::PluginArgs::DefaultPreemption {
            min_candidate_nodes_percentage: 10,
            min_candidate_nodes_absolute: 3,
        },
    ));
    let mut framework = crate::scheduling::Framework::new(&model, &profile);
    let nominator = crate::scheduling::Nominator::default();
    let mut starts = Vec::new();
    for attempt in 0..20 {
        let streams = &Streams::new(1, 0);
        let tie_break = TieBreak::Seeded { streams, entity: 5, attempt };
        let incoming = Incoming {
            pod: PodId::from_index(99),
            template: urgent,
            pinned: None,
            nominator: &nominator,
        };
        let decision = framework.schedule_among((&model, &mut snapshot), &incoming, 0, tie_break);
        let world = (&model, &mut snapshot);
        let answer = framework.post_filter(world, &incoming, &decision, &[], tie_break);
        let found = answer.preemption.expect("preemption was asked");
        assert_eq!((found.potential.len(), found.candidates.len()), (40, 4));
        let first = found.candidates[0].node.index();
        let nodes: Vec<usize> = found.candidates.iter().map(|c| c.node.index()).collect();
        assert_eq!(nodes, [0, 1, 2, 3].map(|step| (first + step) % 40), "in order from the start");
        assert_eq!(found.best.len(), 4);
        starts.push(first);
    }
    starts.sort_unstable();
    starts.dedup();
    assert!(starts.len() > 10, "starts are drawn by attempt: {starts:?}");
}

#[test]
fn the_rule_that_decided_is_named() {
    let of = |violations: u32, victims: &[(i32, u64)]| Candidate {
        node: node(0),
        victims: victims.iter().map(|&(priority, started)| pod(0, priority, started)).collect(),
        violations,
    };
    let base = of(0, &[(5, 9)]);
    for (others, rule) in [
        (vec![], ChoiceRule::OnlyOne),
        (vec![of(1, &[(0, 9)])], ChoiceRule::FewestViolations),
        (vec![of(0, &[(6, 9)])], ChoiceRule::LowestTopPriority),
        (vec![of(0, &[(5, 9), (1, 9)])], ChoiceRule::LowestPrioritySum),
        (vec![of(0, &[(5, 9), (i32::MIN, 9)])], ChoiceRule::FewestVictims),
        (vec![of(0, &[(5, 8)])], ChoiceRule::LatestStart),
        (vec![base.clone()], ChoiceRule::Lot),
        // The last rule that was needed, whichever place the others have.
        (vec![of(0, &[(5, 8)]), of(1, &[(0, 9)])], ChoiceRule::LatestStart),
    ] {
        let mut found = Preemption { candidates: others, ..Preemption::default() };
        found.candidates.push(base.clone());
        found.best = best(&found.candidates);
        assert_eq!(found.deciding_rule(), Some(rule));
    }
    assert_eq!(Preemption::default().deciding_rule(), None);
}
