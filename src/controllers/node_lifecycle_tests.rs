//! Tests of the node monitor: the timelines of the reference, zones, restarts.

use super::super::bench::Bench;
use super::*;
use crate::model::fixture;
use crate::state::{Condition, DeletionCause};

fn at(seconds: u64) -> SimTime {
    SimTime::from_secs(seconds)
}

fn node(index: usize) -> NodeId {
    NodeId::from_index(index)
}

fn says_unknown(request: &Request) -> bool {
    matches!(request, Request::NodeReady { ready, .. }
        if ready.status == ConditionStatus::Unknown)
}

fn adds(request: &Request, effect: TaintEffect) -> bool {
    matches!(request, Request::NodeTaints { changes, .. } if changes.iter().any(|change| {
        matches!(change, NodeTaint::Add(taint) if taint.effect == effect)
    }))
}

fn removes_no_execute(request: &Request) -> bool {
    matches!(request, Request::NodeTaints { changes, .. } if changes.iter().any(|change| {
        matches!(change, NodeTaint::Remove(taint) if taint.effect == TaintEffect::NoExecute)
    }))
}

fn adds_no_execute(request: &Request) -> bool {
    adds(request, TaintEffect::NoExecute)
}

/// One of three nodes dies; all instants follow from the passes at 0, 5, 10, ….
#[test]
fn the_timeline_of_a_dead_node() {
    // Lease phase and death in ms, grace in s; seconds of: Unknown, NoExecute, deletion.
    let table = [
        // The lease of 97 s is noticed at 100 s.
        (7_000, 100_000, 50, [155, 160, 460]),
        // The lease of 93 s is noticed at 95 s; the node dies just before the pass of 100 s.
        (3_000, 99_999, 50, [150, 155, 455]),
        // The lease of 91 s is noticed at 95 s.
        (1_000, 100_000, 50, [150, 155, 455]),
        // The lease of 96 s is noticed at 100 s, after the death.
        (6_000, 96_001, 50, [155, 160, 460]),
        (7_000, 100_000, 40, [145, 150, 450]),
        (1_000, 100_000, 40, [140, 145, 445]),
    ];
    for (phase, death, grace, [unknown, tainted, deleted]) in table {
        let mut model = fixture::model(&[3]);
        model.recovery.node_monitor_grace_period = SimDuration::from_secs(grace);
        let mut bench = Bench::new(&model);
        bench.state.truth.nodes[node(1)].lease_phase = SimDuration::from_millis(phase);
        bench.lead(SimTime::ZERO, 0);
        let victim = bench.add_pod(SimTime::ZERO, Some(node(1)));
        bench.add_pod(SimTime::ZERO, Some(node(0)));
        let death = SimTime::from_nanos(death * 1_000_000);
        bench.run_before(death);
        bench.set_beating(death, node(1), false);
        bench.run_before(at(1000));
        let unknown = unknown as f64;
        assert_eq!(bench.times(says_unknown), [unknown], "{phase} {grace}");
        assert_eq!(bench.times(|r| adds(r, TaintEffect::NoSchedule)), [unknown]);
        let not_ready = Request::PodNotReady { pod: victim };
        assert_eq!(bench.times(|r| *r == not_ready), [unknown]);
        assert_eq!(bench.times(adds_no_execute), [tainted as f64], "{phase} {grace}");
        let cause = DeletionCause::TaintManager;
        let delete = Request::DeletePod { pod: victim, grace: None, cause };
        assert_eq!(bench.times(|r| *r == delete), [deleted as f64], "{phase} {grace}");
        assert_eq!(bench.log.len(), 5, "nothing else is written: {:?}", bench.log);
        let events: Vec<&str> =
            bench.record.events().iter().map(|event| event.message.as_str()).collect();
        assert_eq!(
            events,
            [
                "Node z0-n1 status is now: NodeNotReady",
                "Marking for deletion Pod shop/checkout-cbbbbbbbb-bbbbb",
            ]
        );
    }
}

/// Kills `dead` of the nodes before 100 s and gives the times of NoExecute taints.
fn taints_after_deaths(nodes_per_zone: &[usize], dead: &[usize]) -> Vec<f64> {
    let model = fixture::model(nodes_per_zone);
    let mut bench = Bench::new(&model);
    bench.lead(SimTime::ZERO, 0);
    bench.run_before(at(97));
    for &index in dead {
        bench.set_beating(at(97), node(index), false);
    }
    bench.run_before(at(1500));
    bench.times(adds_no_execute)
}

#[test]
fn disrupted_zones_are_tainted_slowly_or_not_at_all() {
    assert_eq!(taints_after_deaths(&[10], &[0, 1, 2, 3, 4]), [150.0, 160.0, 170.0, 180.0, 190.0]);
    assert!(taints_after_deaths(&[10], &[0, 1, 2, 3, 4, 5]).is_empty());
    // One zone of two is dead: the normal rate.
    assert_eq!(taints_after_deaths(&[3, 3], &[0, 1, 2]), [150.0, 160.0, 170.0]);
    // Everything is dead: nothing is tainted.
    assert!(taints_after_deaths(&[3, 3], &[0, 1, 2, 3, 4, 5]).is_empty());
    // A large zone in partial disruption: one node at once, then one per 100 s.
    let many: Vec<usize> = (0..60).collect();
    let times = taints_after_deaths(&[100], &many);
    assert_eq!(times[0], 150.0);
    assert!((times[1] - 250.1).abs() < 1e-9, "{times:?}");
}

#[test]
fn when_every_zone_is_dead_taints_go_and_grace_starts_again() {
    let model = fixture::model(&[1, 2]);
    let mut bench = Bench::new(&model);
    bench.lead(SimTime::ZERO, 0);
    bench.run_before(at(97));
    bench.set_beating(at(97), node(0), false);
    bench.run_before(at(297));
    assert_eq!(bench.times(adds_no_execute), [150.0]);
    bench.set_beating(at(297), node(1), false);
    bench.set_beating(at(297), node(2), false);
    bench.run_before(at(600));
    assert_eq!(bench.times(says_unknown), [145.0, 345.0, 345.0]);
    assert_eq!(bench.times(removes_no_execute), [345.0]);
    assert_eq!(bench.times(adds_no_execute), [150.0]);
    assert!(model.zones.ids().all(|z| bench.lifecycle.zone_state(z) == ZoneState::FullDisruption));
    // One node returns: the others are tainted again, the first not before a full interval.
    bench.set_beating(at(601), node(1), true);
    bench.set_ready(at(601), node(1), Condition::new(ConditionStatus::True, at(601)));
    bench.run_before(at(900));
    assert_eq!(bench.times(adds_no_execute), [150.0, 615.0, 615.0]);
}

#[test]
fn a_node_that_returns_loses_its_taints() {
    let model = fixture::model(&[3]);
    let mut bench = Bench::new(&model);
    bench.lead(SimTime::ZERO, 0);
    let pod = bench.add_pod(SimTime::ZERO, Some(node(1)));
    bench.run_before(at(97));
    bench.set_beating(at(97), node(1), false);
    bench.run_before(at(302));
    bench.set_beating(at(302), node(1), true);
    bench.set_ready(at(302), node(1), Condition::new(ConditionStatus::True, at(302)));
    bench.run_before(at(1500));
    assert_eq!(bench.times(removes_no_execute), [305.0]);
    assert!(bench.state.api.nodes[node(1)].taints.is_empty());
    assert_eq!(bench.state.api.pods[pod].termination, None);
    let last = bench.record.events().last().unwrap();
    assert_eq!(last.message, "Cancelling deletion of Pod shop/checkout-cbbbbbbbb-bbbbb");
    // It dies again and is found out again.
    bench.set_beating(at(1501), node(1), false);
    bench.run_before(at(2500));
    assert_eq!(bench.times(says_unknown).len(), 2);
    assert_eq!(bench.times(adds_no_execute).len(), 2);
    assert!(bench.state.api.pods[pod].termination.is_some());
}

#[test]
fn a_new_leader_gives_every_node_a_full_grace_period() {
    let model = fixture::model(&[3]);
    let mut bench = Bench::new(&model);
    bench.lead(SimTime::ZERO, 0);
    bench.run_before(at(97));
    bench.set_beating(at(97), node(1), false);
    bench.run_before(at(142));
    bench.lead(at(142), 1);
    bench.run_before(at(1000));
    assert_eq!(bench.times(says_unknown), [197.0]);
    assert_eq!(bench.times(adds_no_execute), [202.0]);
}

#[test]
fn timers_of_a_new_leader_start_anew() {
    let model = fixture::model(&[3]);
    let mut bench = Bench::new(&model);
    bench.lead(SimTime::ZERO, 0);
    bench.add_pod(SimTime::ZERO, Some(node(1)));
    bench.run_before(at(97));
    bench.set_beating(at(97), node(1), false);
    bench.run_before(at(422));
    bench.lead(at(422), 1);
    bench.run_before(at(1000));
    assert_eq!(bench.times(adds_no_execute), [150.0], "taints stay");
    assert_eq!(bench.times(|r| matches!(r, Request::DeletePod { .. })), [722.0]);
}

#[test]
fn a_pod_bound_to_a_lost_node_is_not_ready_and_leaves_after_its_toleration() {
    let model = fixture::model(&[3]);
    let mut bench = Bench::new(&model);
    bench.lead(SimTime::ZERO, 0);
    bench.run_before(at(97));
    bench.set_beating(at(97), node(1), false);
    bench.run_before(at(161));
    bench.add_pod(at(161), Some(node(1)));
    bench.run_before(at(1000));
    assert_eq!(bench.times(|r| matches!(r, Request::PodNotReady { .. })), [161.0]);
    assert_eq!(bench.times(|r| matches!(r, Request::DeletePod { .. })), [461.0]);
}

#[test]
fn a_cordoned_node_is_tainted_at_once() {
    let model = fixture::model(&[3]);
    let mut bench = Bench::new(&model);
    bench.lead(SimTime::ZERO, 0);
    for (time, unschedulable) in [(11, true), (23, false)] {
        bench.run_before(at(time));
        bench.state.api.nodes[node(0)].unschedulable = unschedulable;
        bench.node_changed(at(time), node(0));
    }
    bench.run_before(at(100));
    let key = model.symbols.get("node.kubernetes.io/unschedulable").unwrap();
    let value = model.symbols.get("").unwrap();
    let taint = Taint { key, value, effect: TaintEffect::NoSchedule };
    let write = |change| Request::NodeTaints { node: node(0), changes: vec![change] };
    assert_eq!(
        bench.log,
        [(at(11), write(NodeTaint::Add(taint))), (at(23), write(NodeTaint::Remove(taint)))]
    );
}

#[test]
fn a_quiet_cluster_costs_nothing() {
    let model = fixture::model(&[50, 50]);
    let mut bench = Bench::new(&model);
    bench.lead(SimTime::ZERO, 0);
    bench.run_before(at(1));
    assert!(bench.log.is_empty());
    assert_eq!(bench.pending(), 0);
}
