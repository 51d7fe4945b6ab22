//! The rules of kubernetes-behaviour §3.4, those above all that recordings do not show.

use proptest::prelude::*;

use super::*;

const RUN: DaemonPlacement = DaemonPlacement { run: true, stay: true };
const STAY: DaemonPlacement = DaemonPlacement { run: false, stay: true };
const UNFIT: DaemonPlacement = DaemonPlacement { run: false, stay: false };

fn rolling(max_surge: IntOrPercent, max_unavailable: IntOrPercent) -> DaemonSpec {
    let update = DaemonUpdate::RollingUpdate { max_surge, max_unavailable };
    DaemonSpec { update, min_ready: SimDuration::ZERO }
}

/// `maxSurge` and `maxUnavailable` in pods.
fn counts(max_surge: i32, max_unavailable: i32) -> DaemonSpec {
    rolling(IntOrPercent::Int(max_surge), IntOrPercent::Int(max_unavailable))
}

/// A pod of the newest revision that runs and has been Ready for an hour. The smaller its number,
/// the older it is.
fn new(at: usize) -> DaemonPod {
    DaemonPod {
        id: PodId::from_index(at),
        bound: true,
        created: SimTime::from_secs(at as u64),
        phase: Phase::Running,
        ready_for: Some(SimDuration::from_hours(1)),
        updated: true,
        terminating: false,
    }
}

fn old(at: usize) -> DaemonPod {
    DaemonPod { updated: false, ..new(at) }
}

fn unready(pod: DaemonPod) -> DaemonPod {
    DaemonPod { ready_for: None, ..pod }
}

fn terminating(pod: DaemonPod) -> DaemonPod {
    DaemonPod { terminating: true, ..pod }
}

fn ended(pod: DaemonPod, phase: Phase) -> DaemonPod {
    DaemonPod { phase, ready_for: None, ..pod }
}

/// Nodes 0, 1, 2 … with their pods.
fn nodes<'a>(rows: &'a [(DaemonPlacement, Vec<DaemonPod>)]) -> Vec<DaemonNode<'a>> {
    let node = |(at, (placement, pods)): (usize, &'a (DaemonPlacement, Vec<DaemonPod>))| {
        DaemonNode { node: NodeId::from_index(at), placement: *placement, pods }
    };
    rows.iter().enumerate().map(node).collect()
}

fn sync(spec: &DaemonSpec, rows: &[(DaemonPlacement, Vec<DaemonPod>)]) -> DaemonSync {
    let mut backoff = FailedPodBackoff::default();
    sync_daemon_set(spec, &nodes(rows), &[], &mut backoff, SimTime::ZERO)
}

/// Nodes that get pods and pods that go, and why.
fn acts(spec: &DaemonSpec, rows: &[(DaemonPlacement, Vec<DaemonPod>)]) -> Vec<String> {
    let done = sync(spec, rows);
    let creates = done.creates.iter().map(|node| format!("create {}", node.index()));
    let deletes = done.deletes.iter().map(|(pod, why)| format!("delete {} {why:?}", pod.index()));
    creates.chain(deletes).collect()
}

#[test]
fn every_fit_node_gets_one_pod_and_keeps_it() {
    let table: [(DaemonPlacement, &[DaemonPod], &[&str]); 11] = [
        (RUN, &[], &["create 0"]),
        (STAY, &[], &[]),
        (UNFIT, &[], &[]),
        (RUN, &[new(1)], &[]),
        (RUN, &[unready(new(1))], &[]),
        (STAY, &[new(1)], &[]),
        (UNFIT, &[new(1), terminating(new(2))], &["delete 1 Unfit"]),
        // Its successor waits until it is gone.
        (RUN, &[terminating(new(1))], &[]),
        // One that has ended and is going is as good as gone.
        (RUN, &[terminating(ended(new(1), Phase::Failed))], &["create 0"]),
        // Of several the oldest stays; one that is not bound is younger than any.
        (RUN, &[new(3), new(1), new(2)], &["delete 2 Surplus", "delete 3 Surplus"]),
        (RUN, &[DaemonPod { bound: false, ..new(1) }, new(2)], &["delete 1 Surplus"]),
    ];
    for (placement, pods, expected) in table {
        let rows = [(placement, pods.to_vec())];
        assert_eq!(acts(&counts(0, 1), &rows), expected, "{placement:?} {pods:?}");
    }
}

#[test]
fn pods_that_have_ended_are_deleted() {
    for (phase, expected) in
        [(Phase::Failed, DaemonRemoval::Failed), (Phase::Succeeded, DaemonRemoval::Succeeded)]
    {
        let rows = [(RUN, vec![ended(new(1), phase)])];
        let done = sync(&counts(0, 1), &rows);
        assert_eq!(done.deletes, [(PodId::from_index(1), expected)]);
        assert_eq!(done.notices, done.deletes);
        assert!(done.creates.is_empty());
        // With a surge its successor comes at once.
        assert_eq!(sync(&counts(1, 0), &rows).creates, [NodeId::from_index(0)]);
    }
}

#[test]
fn pods_for_nodes_that_are_gone_go_unless_they_were_bound() {
    let unbound = DaemonPod { bound: false, ..new(1) };
    let strays = [new(0), unbound, terminating(DaemonPod { id: PodId::from_index(2), ..unbound })];
    let mut backoff = FailedPodBackoff::default();
    let managed = manage(&counts(0, 1), &[], &strays, &mut backoff, SimTime::ZERO);
    assert_eq!(managed.deletes, [(PodId::from_index(1), DaemonRemoval::Unfit)]);
}

#[test]
fn failed_pods_are_deleted_less_and_less_often() {
    let rows = [(RUN, vec![ended(new(1), Phase::Failed)]), (RUN, vec![new(2)])];
    let spec = counts(0, 1);
    let mut backoff = FailedPodBackoff::default();
    let mut deleted: Vec<u64> = Vec::new();
    for second in 0..5000 {
        let now = SimTime::from_secs(second);
        let done = sync_daemon_set(&spec, &nodes(&rows), &[], &mut backoff, now);
        if done.deletes.is_empty() {
            // It waits for the whole pause, not for what is left of it.
            let pause = deleted.windows(2).last().map_or(1, |pair| (pair[1] - pair[0]) * 2);
            assert_eq!(done.recheck_after, Some(SimDuration::from_secs(pause.min(900))));
        } else {
            deleted.push(second);
        }
    }
    let gaps: Vec<u64> = deleted.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(gaps, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900]);
    // Another node has a pause of its own, and half an hour without a failure ends one.
    let now = SimTime::from_secs(5000);
    assert_eq!(backoff.pausing(NodeId::from_index(1), now), None);
    let last = SimTime::from_secs(*deleted.last().unwrap());
    let later = last.saturating_add(SimDuration::from_mins(30));
    for (now, pause) in [(later, 900), (later.saturating_add(SimDuration::from_nanos(1)), 1)] {
        let mut backoff = backoff.clone();
        backoff.deleted(NodeId::from_index(0), now);
        let told = backoff.pausing(NodeId::from_index(0), now);
        assert_eq!(told, Some(SimDuration::from_secs(pause)));
    }
    backoff.forget_old(later.saturating_add(SimDuration::from_nanos(1)));
    assert_eq!(backoff, FailedPodBackoff::default());
}

#[test]
fn with_a_surge_a_node_has_two_pods_only_until_the_new_one_is_available() {
    let spec = counts(1, 0);
    let table: [(&[DaemonPod], &[&str]); 6] = [
        (&[terminating(old(1))], &["create 0"]),
        (&[old(1), unready(new(2))], &[]),
        (&[old(1), new(2)], &["delete 1 Replaced"]),
        (&[unready(old(1)), unready(new(2))], &["delete 1 Replaced"]),
        (&[old(1), old(2), unready(new(3)), new(4)], &["delete 2 Surplus", "delete 4 Surplus"]),
        (&[new(1), new(2)], &["delete 2 Surplus"]),
    ];
    for (pods, expected) in table {
        assert_eq!(acts(&spec, &[(RUN, pods.to_vec())]), expected, "{pods:?}");
    }
    // A percentage counts as for one node here, so any is a surge.
    let percent = |p| rolling(IntOrPercent::Percent(p), IntOrPercent::Int(0));
    assert!(percent(1).allows_surge() && !percent(0).allows_surge());
    let spec = DaemonSpec { update: DaemonUpdate::OnDelete, ..spec };
    assert!(!spec.allows_surge());
}

#[test]
fn pods_that_are_not_available_go_first_and_whatever_the_budget() {
    let rows = [
        (RUN, vec![old(0)]),
        (RUN, vec![unready(old(1))]),
        (RUN, vec![old(2)]),
        (RUN, vec![unready(old(3))]),
        (RUN, vec![old(4)]),
    ];
    // Node order decides among equal ones.
    for (budget, expected) in
        [(1, &[1, 3][..]), (2, &[1, 3]), (3, &[1, 3, 0]), (4, &[1, 3, 0, 2]), (9, &[1, 3, 0, 2, 4])]
    {
        let step = rolling_update(&counts(0, budget), &nodes(&rows));
        let taken: Vec<usize> = step.deletes.taken().iter().map(|pod| pod.index()).collect();
        assert_eq!(taken, expected, "{budget}");
        assert_eq!(step.deletes.count(), expected.len());
    }
    let step = rolling_update(&counts(0, 3), &nodes(&rows));
    let ids = |pods: Vec<PodId>| pods.iter().map(|pod| pod.index()).collect::<Vec<_>>();
    assert_eq!(ids(step.deletes.certain()), [1, 3]);
    assert_eq!(ids(step.deletes.open()), [0, 2, 4]);
}

#[test]
fn percentages_are_of_the_nodes_that_are_to_have_a_pod_and_rounded_up() {
    let percent = IntOrPercent::Percent;
    let row = |placement| (placement, vec![old(0)]);
    let rows: Vec<_> = (0..5).map(|_| row(RUN)).chain([row(STAY)]).collect();
    for (surge, unavailable, expected) in
        [(percent(0), percent(10), (0, 1)), (percent(25), percent(50), (2, 3))]
    {
        let step = rolling_update(&rolling(surge, unavailable), &nodes(&rows));
        assert_eq!((step.max_surge, step.max_unavailable), expected);
        assert_eq!(step.desired, 5);
    }
    // Neither would move: one may be unavailable.
    assert_eq!(rolling_update(&counts(0, 0), &nodes(&rows)).max_unavailable, 1);
}

#[test]
fn the_rolling_update_waits_for_the_managing_pass() {
    let rows = [(RUN, vec![old(0)]), (RUN, vec![])];
    assert_eq!(acts(&counts(0, 5), &rows), ["create 1"]);
    let rows = [(RUN, vec![old(0)]), (RUN, vec![old(1)])];
    assert_eq!(acts(&counts(0, 1), &rows), ["delete 0 Replaced"]);
    assert_eq!(acts(&counts(1, 0), &rows), ["create 0"]);
    let on_delete = DaemonSpec { update: DaemonUpdate::OnDelete, ..counts(0, 1) };
    assert!(acts(&on_delete, &rows).is_empty());
}

#[test]
fn a_surge_counts_new_pods_that_are_on_their_way() {
    let rows = [
        (RUN, vec![old(0), unready(new(1))]),
        (RUN, vec![old(2)]),
        (RUN, vec![unready(old(3))]),
        (RUN, vec![old(4)]),
        // Too many pods: the other pass sees to them, and they count as one on its way.
        (RUN, vec![old(5), old(6)]),
    ];
    // A node whose old pod is not available gets a new one whatever the bound.
    for (surge, expected) in [(1, &[2][..]), (2, &[2]), (3, &[2, 1]), (9, &[2, 1, 3])] {
        let step = rolling_update(&counts(surge, 0), &nodes(&rows));
        let taken: Vec<usize> = step.creates.taken().iter().map(|node| node.index()).collect();
        assert_eq!(taken, expected, "{surge}");
        assert!(step.deletes.taken().is_empty());
    }
}

#[test]
fn with_a_surge_pods_on_nodes_no_longer_meant_go_when_others_are_available() {
    // Two nodes are meant, one pod is on a third; it goes when both others are available.
    let rows = |second| [(RUN, vec![new(0)]), (RUN, vec![second]), (STAY, vec![old(2)])];
    assert!(acts(&counts(1, 0), &rows(unready(new(1)))).is_empty());
    assert_eq!(acts(&counts(1, 0), &rows(new(1))), ["delete 2 Replaced"]);
}

#[test]
fn a_sync_starts_not_more_than_a_burst() {
    let rows: Vec<_> = (0..600).map(|_| (RUN, Vec::new())).collect();
    let done = sync(&counts(0, 1), &rows);
    assert_eq!(done.creates.len(), 250);
    assert_eq!(done.creates.last(), Some(&NodeId::from_index(249)));
    let rows: Vec<_> = (0..600).map(|at| (UNFIT, vec![new(at)])).collect();
    assert_eq!(sync(&counts(0, 1), &rows).deletes.len(), 250);
}

#[test]
fn the_status_counts_the_oldest_pod_of_each_node() {
    let rows = [
        (RUN, vec![unready(old(0)), new(1)]),
        (RUN, vec![new(2)]),
        (RUN, vec![DaemonPod { ready_for: Some(SimDuration::from_secs(5)), ..new(3) }]),
        (RUN, vec![]),
        (RUN, vec![terminating(new(4))]),
        (RUN, vec![terminating(ended(new(5), Phase::Failed))]),
        (STAY, vec![new(6)]),
        (UNFIT, vec![]),
    ];
    let spec = DaemonSpec { min_ready: SimDuration::from_secs(10), ..counts(0, 1) };
    let status = daemon_status(&spec, &nodes(&rows));
    let expected = DaemonStatus {
        desired: 6,
        current: 4,
        misscheduled: 1,
        ready: 3,
        available: 2,
        unavailable: 4,
        updated: 3,
    };
    assert_eq!(status, expected);
    assert_eq!(daemon_status_recheck(&spec, &status), Some(spec.min_ready));
    let status = daemon_status(&spec, &nodes(&rows[1..2]));
    assert_eq!(daemon_status_recheck(&spec, &status), None);
}

#[test]
fn events_have_the_words_of_kubernetes() {
    let told = |removal| daemon_removal_message(removal, ("kube-system", "cni-x7k2p"), "n1");
    let failed = "Found failed daemon pod kube-system/cni-x7k2p on node n1, will try to kill it";
    assert_eq!(told(DaemonRemoval::Failed), Some((true, "FailedDaemonPod", failed.to_owned())));
    let succeeded =
        "Found succeeded daemon pod kube-system/cni-x7k2p on node n1, will try to delete it";
    let expected = Some((false, "SucceededDaemonPod", succeeded.to_owned()));
    assert_eq!(told(DaemonRemoval::Succeeded), expected);
    assert_eq!(told(DaemonRemoval::Surplus), None);
}

fn any_pod() -> impl Strategy<Value = DaemonPod> {
    let phases = [Phase::Pending, Phase::Running, Phase::Running, Phase::Succeeded, Phase::Failed];
    let phase = proptest::sample::select(phases.to_vec());
    let flags = (any::<bool>(), prop::bool::weighted(0.8), prop::bool::weighted(0.2));
    (phase, flags, any::<bool>(), 0..20u64, 0..5u64).prop_map(
        |(phase, (updated, bound, terminating), ready, span, created)| DaemonPod {
            phase,
            bound,
            created: SimTime::from_secs(created),
            ready_for: (ready && phase == Phase::Running).then(|| SimDuration::from_secs(span)),
            updated,
            terminating,
            ..new(0)
        },
    )
}

fn any_rows() -> impl Strategy<Value = Vec<(DaemonPlacement, Vec<DaemonPod>)>> {
    let placement = prop_oneof![5 => Just(RUN), 1 => Just(STAY), 1 => Just(UNFIT)];
    let row = (placement, prop::collection::vec(any_pod(), 0..4));
    prop::collection::vec(row, 0..12).prop_map(|mut rows| {
        let pods = rows.iter_mut().flat_map(|(_, pods)| pods);
        pods.enumerate().for_each(|(at, pod)| pod.id = PodId::from_index(at));
        rows
    })
}

fn any_spec(surges: bool) -> impl Strategy<Value = DaemonSpec> {
    let bound = prop_oneof![
        (0..5i32).prop_map(IntOrPercent::Int),
        (0..=100i32).prop_map(IntOrPercent::Percent),
    ];
    (bound.clone(), bound, 0..12u64).prop_map(move |(surge, unavailable, min_ready)| {
        let surge = if surges { surge } else { IntOrPercent::Int(0) };
        DaemonSpec { min_ready: SimDuration::from_secs(min_ready), ..rolling(surge, unavailable) }
    })
}

/// Whether a node that is to have a pod lacks one that is available, were `gone` to go.
fn lacks(spec: &DaemonSpec, node: &DaemonNode<'_>, gone: &[PodId]) -> bool {
    let serves = |pod: &DaemonPod| {
        !pod.terminating && !gone.contains(&pod.id) && pod.is_available(spec.min_ready)
    };
    node.placement.run && !node.pods.iter().any(serves)
}

proptest! {
    #[test]
    fn a_rolling_update_makes_no_more_nodes_unavailable_than_it_may(
        spec in any_spec(false),
        rows in any_rows(),
    ) {
        let nodes = nodes(&rows);
        let step = rolling_update(&spec, &nodes);
        let gone = step.deletes.taken();
        let missing = |gone: &[PodId]| nodes.iter().filter(|n| lacks(&spec, n, gone)).count();
        let (before, after) = (missing(&[]), missing(&gone));
        let most = usize::try_from(step.max_unavailable).unwrap();
        prop_assert!(after <= most.max(before), "{before} {after} {step:?}");
        // Whatever the order of nodes, as many go.
        let reversed: Vec<_> = nodes.iter().rev().copied().collect();
        let other = rolling_update(&spec, &reversed);
        prop_assert_eq!(step.deletes.count(), other.deletes.count());
    }

    #[test]
    fn a_surge_deletes_nothing_that_is_needed_and_stays_within_its_bound(
        spec in any_spec(true),
        rows in any_rows(),
    ) {
        let nodes = nodes(&rows);
        let step = rolling_update(&spec, &nodes);
        prop_assume!(step.max_surge > 0);
        let gone = step.deletes.taken();
        for node in &nodes {
            prop_assert_eq!(lacks(&spec, node, &gone), lacks(&spec, node, &[]));
        }
        // New pods beside old ones that are available.
        let beside = |node: &&DaemonNode<'_>| !lacks(&spec, node, &[]);
        let created = step.creates.taken();
        let extra = nodes.iter().filter(|n| created.contains(&n.node)).filter(beside).count();
        prop_assert!(extra <= usize::try_from(step.max_surge).unwrap());
    }

    #[test]
    fn the_managing_pass_leaves_one_pod_and_deletes_none_twice(
        spec in any_spec(false),
        rows in any_rows(),
    ) {
        let nodes = nodes(&rows);
        let mut backoff = FailedPodBackoff::default();
        let managed = manage(&spec, &nodes, &[], &mut backoff, SimTime::ZERO);
        let gone: Vec<PodId> = managed.deletes.iter().map(|(pod, _)| *pod).collect();
        for node in &nodes {
            let stays = |pod: &&DaemonPod| {
                !pod.terminating && !pod.phase.is_terminal() && !gone.contains(&pod.id)
            };
            let left = node.pods.iter().filter(stays).count();
            let created = managed.creates.iter().filter(|at| **at == node.node).count();
            prop_assert!(left + created <= 1);
            prop_assert!(node.placement.stay || left == 0);
            prop_assert!(created == 0 || node.placement.run);
            let running = |pod: &DaemonPod| !pod.terminating && !pod.phase.is_terminal();
            if node.placement.stay && node.pods.iter().any(running) {
                prop_assert_eq!(left, 1);
            }
        }
        let mut once = gone.clone();
        once.sort_unstable();
        once.dedup();
        prop_assert_eq!(once.len(), gone.len());
    }
}
