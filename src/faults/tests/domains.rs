//! Failure processes of nodes, racks and zones: renewals, their distributions, bursts.

use std::collections::BTreeMap;

use super::{at, fault, storm};
use crate::base::math;
use crate::base::time::{SimDuration, SimTime};
use crate::model::{
    Burst, FailureTrace, FaultKind, FaultTiming, Model, NodeFailures, NodeId, TraceFailure, fixture,
};
use crate::record::Fact;
use crate::rng::Distribution;

/// Probability that the largest distance of an empirical distribution of `n` independent values
/// from the true one is at least `d` (Kolmogorov's limit).
fn kolmogorov_p(d: f64, n: f64) -> f64 {
    let x = d * (n.sqrt() + 0.12 + 0.11 / n.sqrt());
    let term = |k: i32| {
        let k = f64::from(k);
        2.0 * math::exp(-2.0 * k * k * x * x)
    };
    let sum: f64 = (1..100).map(|k| if k % 2 == 1 { term(k) } else { -term(k) }).sum();
    sum.clamp(0.0, 1.0)
}

/// p-value of the hypothesis that the values come from the distribution function.
fn p_value(mut values: Vec<f64>, cdf: impl Fn(f64) -> f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len() as f64;
    let distances = values.iter().enumerate().map(|(index, value)| {
        let (below, upto) = (index as f64 / n, (index + 1) as f64 / n);
        (cdf(*value) - below).abs().max((upto - cdf(*value)).abs())
    });
    kolmogorov_p(distances.fold(0.0, f64::max), n)
}

/// The distribution function of the standard normal distribution.
fn normal_cdf(z: f64) -> f64 {
    0.5 * math::erfc(-z / 2.0_f64.sqrt())
}

fn process(nodes: &[u32], burst: Option<Burst>) -> FaultKind {
    let nodes = nodes.iter().map(|&node| NodeId::from_raw(node)).collect();
    FaultKind::NodeFailures(NodeFailures { nodes, domain: "zone".to_owned(), burst })
}

/// Gaps between the end of a failure and the next, and durations, in seconds: the first five of
/// each of 200 nodes, all of which lie within the run.
fn observed(gap: &Distribution, lasts: &Distribution) -> (Vec<f64>, Vec<f64>) {
    let mut model = fixture::model(&[200]);
    model.duration = SimDuration::from_secs(1_000_000);
    for node in 0..200 {
        let timing = FaultTiming::Every(gap.clone());
        let mut one = fault(process(&[node], None), timing, None);
        one.lasts_s = Some(lasts.clone());
        model.faults.push(one);
    }
    let (facts, _) = storm(&model, |_, _| {});
    let mut free_since: BTreeMap<usize, f64> = BTreeMap::new();
    let mut began: BTreeMap<usize, f64> = BTreeMap::new();
    let (mut gaps, mut lengths) = (Vec::new(), Vec::new());
    for (time, fact) in &facts {
        let now = time.as_secs_f64();
        match fact {
            Fact::FaultBegan { fault, occurrence } => {
                if *occurrence < 5 {
                    gaps.push(now - free_since.get(&fault.index()).copied().unwrap_or(0.0));
                }
                began.insert(fault.index(), now);
            }
            Fact::FaultEnded { fault, occurrence } => {
                if *occurrence < 5 {
                    lengths.push(now - began[&fault.index()]);
                }
                free_since.insert(fault.index(), now);
            }
            other => assert!(matches!(other, Fact::NodeUp { .. }), "{other:?}"),
        }
    }
    assert_eq!((gaps.len(), lengths.len()), (1000, 1000), "five of each, none cut off");
    (gaps, lengths)
}

#[test]
fn times_between_failures_and_to_repair_follow_their_distributions() {
    let exponential = |mean: f64| move |x: f64| 1.0 - math::exp(-x / mean);
    let weibull =
        |shape: f64, scale: f64| move |x: f64| 1.0 - math::exp(-math::powf(x / scale, shape));
    let normal = |median: f64, sigma: f64| {
        move |x: f64| normal_cdf((math::ln(x) - math::ln(median)) / sigma)
    };
    let log_normal = Distribution::LogNormal { median: 600.0, sigma: 0.7 };
    let (gaps, lengths) = observed(&Distribution::Exponential { mean: 9000.0 }, &log_normal);
    let p =
        [p_value(gaps.clone(), exponential(9000.0)), p_value(lengths.clone(), normal(600.0, 0.7))];
    assert!(p.iter().all(|p| *p > 0.01), "{p:?}");
    // The test is sharp enough to tell a mean that is a fifth off.
    assert!(p_value(gaps, exponential(10_800.0)) < 0.01);
    assert!(p_value(lengths, normal(720.0, 0.7)) < 0.01);
    let (gaps, lengths) = observed(
        &Distribution::Weibull { shape: 0.7, scale: 7000.0 },
        &Distribution::Weibull { shape: 1.5, scale: 900.0 },
    );
    let p = [p_value(gaps, weibull(0.7, 7000.0)), p_value(lengths, weibull(1.5, 900.0))];
    assert!(p.iter().all(|p| *p > 0.01), "{p:?}");
}

/// One zone of twelve nodes in which every 1,000 s a failure strikes three within 60 s, each for
/// 200 s.
fn bursts(duration: u64) -> Model {
    let mut model = fixture::model(&[12, 2]);
    model.duration = SimDuration::from_secs(duration);
    let burst = Burst { nodes: 3, within: SimDuration::from_secs(60) };
    let nodes: Vec<u32> = (0..12).collect();
    let every = FaultTiming::Every(Distribution::Constant(1000.0));
    model.faults.push(fault(process(&nodes, Some(burst)), every, Some(200.0)));
    model
}

fn struck(facts: &[(SimTime, Fact)]) -> Vec<(SimTime, NodeId)> {
    facts
        .iter()
        .filter_map(|(time, fact)| match fact {
            Fact::FaultStruck { node, .. } => Some((*time, *node)),
            _ => None,
        })
        .collect()
}

#[test]
fn a_burst_strikes_so_many_nodes_within_its_spread_and_each_is_repaired_by_itself() {
    let (facts, _) = storm(&bursts(2200), |_, _| {});
    let hits = struck(&facts);
    assert_eq!(hits.len(), 3, "{hits:?}");
    let spread = at(1000)..at(1060);
    assert!(hits.iter().all(|(time, node)| spread.contains(time) && node.index() < 12));
    let mut nodes: Vec<NodeId> = hits.iter().map(|hit| hit.1).collect();
    nodes.sort_unstable();
    nodes.dedup();
    assert_eq!(nodes.len(), 3);
    let last = hits.iter().map(|hit| hit.0).max().unwrap();
    for (time, node) in &hits {
        // 200 s to repair and 30 s to boot.
        let up = facts.iter().find(|(_, f)| *f == Fact::NodeUp { node: *node, up: true });
        assert_eq!(up.unwrap().0, time.saturating_add(SimDuration::from_secs(230)));
    }
    // The failure is over with its last repair; the next comes 1,000 s later.
    let ended = facts.iter().find(|(_, fact)| matches!(fact, Fact::FaultEnded { .. })).unwrap();
    assert_eq!(ended.0, last.saturating_add(SimDuration::from_secs(200)));
}

#[test]
fn bursts_strike_all_nodes_of_the_domain_alike() {
    let (facts, _) = storm(&bursts(1_500_000), |_, _| {});
    let mut counts = [0.0; 12];
    for (_, node) in struck(&facts) {
        counts[node.index()] += 1.0;
    }
    let expected = counts.iter().sum::<f64>() / 12.0;
    assert!(expected > 250.0, "{expected}");
    let chi: f64 = counts.iter().map(|n: &f64| (n - expected) * (n - expected) / expected).sum();
    // Eleven degrees of freedom: above 31.3 with probability 0.001 for independent draws, and
    // drawing without replacement varies less.
    assert!(chi < 31.3, "{chi}: {counts:?}");
}

#[test]
fn what_a_policy_does_changes_nothing_of_it() {
    let calm = storm(&bursts(20_000), |_, _| {}).0;
    let busy = storm(&bursts(20_000), |now, state| {
        // Another world: nodes that a policy has long given up.
        let node = NodeId::from_raw(13);
        state.truth.nodes[node].connected = now.as_nanos().is_multiple_of(2);
    });
    assert_eq!(calm, busy.0);
    assert!(struck(&calm).len() > 40);
}

/// What a trace of three failures does with ten nodes within 5,000 s.
fn replayed(repeat: bool) -> Vec<(SimTime, Fact)> {
    let mut model = fixture::model(&[10, 2]);
    model.duration = SimDuration::from_secs(5000);
    let failure = |after, lasts, nodes| TraceFailure {
        after: SimDuration::from_secs(after),
        lasts: SimDuration::from_secs(lasts),
        nodes,
    };
    let failures = vec![failure(100, 200, 3), failure(400, 1000, 10), failure(0, 50, 1)];
    let nodes = (0..10).map(NodeId::from_raw).collect();
    let trace = FailureTrace { name: "t".to_owned(), nodes, failures, repeat };
    let timing = FaultTiming::At(at(100));
    model.faults.push(fault(FaultKind::FailureTrace(trace), timing, None));
    storm(&model, |_, _| {}).0
}

#[test]
fn failures_of_a_trace_follow_each_other_and_strike_as_many_nodes_as_recorded() {
    let facts = replayed(false);
    let times = |wanted: fn(&Fact) -> bool| -> Vec<SimTime> {
        facts.iter().filter(|(_, fact)| wanted(fact)).map(|(time, _)| *time).collect()
    };
    assert_eq!(times(|fact| matches!(fact, Fact::FaultBegan { .. })), [at(100), at(700), at(1700)]);
    let ended = times(|fact| matches!(fact, Fact::FaultEnded { .. }));
    assert_eq!(ended, [at(300), at(1700), at(1750)]);
    let mut per_time: BTreeMap<SimTime, Vec<NodeId>> = BTreeMap::new();
    for (time, node) in struck(&facts) {
        per_time.entry(time).or_default().push(node);
    }
    let counts: Vec<(SimTime, usize)> = per_time.iter().map(|(t, n)| (*t, n.len())).collect();
    assert_eq!(counts, [(at(100), 3), (at(700), 10), (at(1700), 1)]);
    assert!(per_time.values().flatten().all(|node| node.index() < 10));
    // Nodes boot for 30 s; the one that fails again at the same instant is up 50 s later.
    let again = per_time[&at(1700)][0];
    let ups = facts.iter().filter(|(_, fact)| *fact == Fact::NodeUp { node: again, up: true });
    assert_eq!(ups.map(|(time, _)| *time).next_back(), Some(at(1780)));
}

#[test]
fn a_trace_that_repeats_begins_anew_after_its_last_failure() {
    let facts = replayed(true);
    let began: Vec<(SimTime, u32)> = facts
        .iter()
        .filter_map(|(time, fact)| match fact {
            Fact::FaultBegan { occurrence, .. } => Some((*time, *occurrence)),
            _ => None,
        })
        .collect();
    let expected = [100, 700, 1700, 1850, 2450, 3450, 3600, 4200];
    let expected: Vec<(SimTime, u32)> = expected.into_iter().map(at).zip(0..).collect();
    assert_eq!(began, expected);
    assert_eq!(replayed(false)[..20], facts[..20], "the same lots");
}
