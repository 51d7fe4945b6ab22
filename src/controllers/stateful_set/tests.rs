//! The rules of kubernetes-behaviour §3.3, those above all that recordings do not show.

use proptest::prelude::*;

use super::*;
use crate::base::time::SimDuration;
use crate::controllers::Release;
use crate::model::{PodId, TemplateId};
use crate::state::Phase;

const ROLLING: StatefulUpdate = StatefulUpdate::RollingUpdate { partition: Some(0) };

fn revision(at: usize) -> TemplateId {
    TemplateId::from_index(at)
}

/// A pod that runs and has been Ready for an hour.
fn pod(ordinal: u32, of: usize) -> StatefulPod {
    StatefulPod {
        id: PodId::from_index(ordinal as usize),
        ordinal,
        revision: revision(of),
        phase: Phase::Running,
        ready_for: Some(SimDuration::from_hours(1)),
        terminating: false,
    }
}

fn unready(ordinal: u32, of: usize) -> StatefulPod {
    StatefulPod { ready_for: None, ..pod(ordinal, of) }
}

fn terminating(pod: StatefulPod) -> StatefulPod {
    StatefulPod { terminating: true, ..pod }
}

fn ended(ordinal: u32, phase: Phase) -> StatefulPod {
    StatefulPod { phase, ..unready(ordinal, 0) }
}

/// A rollout from revision 0 to revision `update`.
fn rollout(update: usize, pods: &[StatefulPod]) -> Rollout {
    let of_current = pods.iter().filter(|pod| pod.revision == revision(0) && !pod.terminating);
    Rollout {
        current: Some(revision(0)),
        update: revision(update),
        current_replicas: i32::try_from(of_current.count()).unwrap(),
    }
}

fn words(actions: &[StatefulAction]) -> Vec<String> {
    let word = |action: &StatefulAction| match *action {
        StatefulAction::CreateClaims { ordinal } => format!("claims {ordinal}"),
        StatefulAction::OwnClaims { ordinal, owner } => format!("own {ordinal} {owner:?}"),
        StatefulAction::Create { ordinal, revision } => {
            format!("create {ordinal} r{}", revision.index())
        }
        StatefulAction::Delete { ordinal, removal, .. } => format!("delete {ordinal} {removal:?}"),
    };
    actions.iter().map(word).collect()
}

/// The actions of one sync on the way from revision 0 to revision `update`.
fn acts(spec: &StatefulSpec, update: usize, pods: &[StatefulPod]) -> Vec<String> {
    words(&sync_stateful_set(spec, rollout(update, pods), pods, &[]).actions)
}

fn parallel(replicas: u32) -> StatefulSpec {
    StatefulSpec { management: PodManagement::Parallel, ..StatefulSpec::of(replicas) }
}

#[test]
fn pods_are_created_one_after_another_when_all_before_are_ready() {
    let spec = StatefulSpec::of(3);
    let table: [(&[StatefulPod], &[&str]); 8] = [
        (&[], &["create 0 r0"]),
        (&[unready(0, 0)], &[]),
        (&[pod(0, 0)], &["create 1 r0"]),
        (&[pod(0, 0), pod(2, 0)], &["create 1 r0"]),
        (&[terminating(pod(0, 0))], &[]),
        (&[pod(1, 0)], &["create 0 r0"]),
        (&[pod(0, 0), terminating(pod(1, 0)), pod(2, 0)], &[]),
        (&[pod(0, 0), pod(1, 0), pod(2, 0)], &[]),
    ];
    for (pods, expected) in table {
        assert_eq!(acts(&spec, 0, pods), expected, "{pods:?}");
    }
}

#[test]
fn in_parallel_pods_come_and_go_at_once() {
    assert_eq!(acts(&parallel(3), 0, &[]), ["create 0 r0", "create 1 r0", "create 2 r0"]);
    let pods = [unready(0, 0), terminating(pod(1, 0))];
    assert_eq!(acts(&parallel(3), 0, &pods), ["create 2 r0"]);
    let pods = [pod(0, 0), unready(1, 0), terminating(pod(2, 0)), pod(3, 0)];
    assert_eq!(
        acts(&parallel(0), 0, &pods),
        ["delete 3 ScaleDown", "delete 1 ScaleDown", "delete 0 ScaleDown"]
    );
}

#[test]
fn ordinals_begin_where_the_set_says() {
    let spec = StatefulSpec { start: 5, ..StatefulSpec::of(2) };
    assert_eq!(acts(&spec, 0, &[]), ["create 5 r0"]);
    assert_eq!(acts(&spec, 0, &[pod(4, 0), pod(5, 0), pod(6, 0)]), ["delete 4 ScaleDown"]);
    // Of a partition as many of the lowest ordinals are kept, wherever they begin.
    let update = StatefulUpdate::RollingUpdate { partition: Some(1) };
    let spec = StatefulSpec { update, ..spec };
    assert_eq!(acts(&spec, 1, &[]), ["create 5 r0"]);
    assert_eq!(acts(&spec, 1, &[pod(5, 0)]), ["create 6 r1"]);
    assert_eq!(acts(&spec, 1, &[pod(5, 0), pod(6, 0)]), ["delete 6 Update"]);
    assert!(acts(&spec, 1, &[pod(5, 0), pod(6, 1)]).is_empty());
}

#[test]
fn a_pod_that_has_ended_is_deleted_and_comes_back_once_it_is_gone() {
    for spec in [StatefulSpec::of(2), parallel(2)] {
        for phase in [Phase::Failed, Phase::Succeeded] {
            let pods = [pod(0, 0), ended(1, phase)];
            assert_eq!(acts(&spec, 0, &pods), ["delete 1 Finished"], "{spec:?}");
            let pods = [pod(0, 0), terminating(ended(1, phase))];
            assert!(acts(&spec, 0, &pods).is_empty(), "{spec:?}");
        }
        assert_eq!(acts(&spec, 0, &[pod(0, 0)]), ["create 1 r0"]);
    }
    // A pod of an earlier revision that failed is deleted once, not twice.
    assert_eq!(acts(&parallel(1), 1, &[ended(0, Phase::Failed)]), ["delete 0 Finished"]);
}

#[test]
fn a_pod_on_a_dead_node_is_never_doubled() {
    // It stays Terminating until somebody confirms that it is gone.
    for spec in [StatefulSpec::of(2), parallel(2)] {
        for update in [0, 1] {
            let pods = [pod(0, 0), terminating(unready(1, 0))];
            assert!(acts(&spec, update, &pods).is_empty(), "{spec:?}");
        }
    }
}

#[test]
fn scaling_down_begins_at_the_top_and_waits_for_every_pod() {
    let spec = StatefulSpec::of(1);
    let table: [(&[StatefulPod], &[&str]); 7] = [
        (&[pod(0, 0), pod(1, 0), pod(2, 0)], &["delete 2 ScaleDown"]),
        (&[pod(0, 0), pod(1, 0), terminating(pod(2, 0))], &[]),
        // Somebody who is wanted is not ready: nothing goes.
        (&[unready(0, 0), pod(1, 0), pod(2, 0)], &[]),
        (&[pod(1, 0), pod(2, 0)], &["create 0 r0"]),
        // The lowest of those that are not healthy may go, if it is the highest of all.
        (&[pod(0, 0), pod(1, 0), unready(2, 0)], &["delete 2 ScaleDown"]),
        (&[pod(0, 0), unready(1, 0), unready(2, 0)], &[]),
        (&[pod(0, 0), unready(1, 0), pod(2, 0)], &["delete 2 ScaleDown"]),
    ];
    for (pods, expected) in table {
        assert_eq!(acts(&spec, 0, pods), expected, "{pods:?}");
    }
    // No update as long as there is somebody to remove.
    assert_eq!(acts(&spec, 1, &[pod(0, 0), pod(1, 0)]), ["delete 1 ScaleDown"]);
    assert!(acts(&spec, 1, &[pod(0, 0), terminating(pod(1, 0))]).is_empty());
}

#[test]
fn a_rolling_update_goes_down_from_the_top_and_waits_for_each() {
    for spec in [StatefulSpec::of(3), parallel(3)] {
        let table: [(&[StatefulPod], &[&str]); 5] = [
            (&[pod(0, 0), pod(1, 0), pod(2, 0)], &["delete 2 Update"]),
            (&[pod(0, 0), pod(1, 0), terminating(pod(2, 0))], &[]),
            (&[pod(0, 0), pod(1, 0)], &["create 2 r1"]),
            (&[pod(0, 0), pod(1, 0), unready(2, 1)], &[]),
            (&[pod(0, 0), pod(1, 0), pod(2, 1)], &["delete 1 Update"]),
        ];
        for (pods, expected) in table {
            assert_eq!(acts(&spec, 1, pods), expected, "{spec:?} {pods:?}");
        }
    }
}

#[test]
fn a_broken_update_stalls_even_when_the_template_is_mended() {
    let pods = [pod(0, 0), pod(1, 0), unready(2, 1)];
    assert!(acts(&StatefulSpec::of(3), 2, &pods).is_empty());
    // In parallel the pod that is not ready is replaced: it is of an earlier revision.
    assert_eq!(acts(&parallel(3), 2, &pods), ["delete 2 Update"]);
}

#[test]
fn a_partition_says_which_revision_comes_back() {
    let update = StatefulUpdate::RollingUpdate { partition: Some(2) };
    let spec = StatefulSpec { update, ..StatefulSpec::of(3) };
    assert_eq!(acts(&spec, 1, &[pod(0, 0), pod(2, 1)]), ["create 1 r0"]);
    assert_eq!(acts(&spec, 1, &[pod(0, 0), pod(1, 0)]), ["create 2 r1"]);
    assert!(acts(&spec, 1, &[pod(0, 0), pod(1, 0), pod(2, 1)]).is_empty());
    // Without one, as many come back as there were of the current revision.
    let update = StatefulUpdate::RollingUpdate { partition: None };
    let spec = StatefulSpec { update, ..spec };
    let pods = [pod(0, 0), pod(2, 1)];
    let kept = |current_replicas| Rollout { current_replicas, ..rollout(1, &pods) };
    for (current, expected) in [(1, "create 1 r1"), (2, "create 1 r0"), (-1, "create 1 r1")] {
        let done = sync_stateful_set(&spec, kept(current), &pods, &[]);
        assert_eq!(words(&done.actions), [expected], "{current}");
    }
}

#[test]
fn on_delete_waits_for_somebody_else() {
    let spec = StatefulSpec { update: StatefulUpdate::OnDelete, ..StatefulSpec::of(2) };
    assert!(acts(&spec, 1, &[pod(0, 0), pod(1, 0)]).is_empty());
    assert_eq!(acts(&spec, 1, &[pod(0, 0)]), ["create 1 r1"]);
    // Such a rollout never ends as far as the status goes.
    let pods = [pod(0, 1), pod(1, 1)];
    let status = sync_stateful_set(&spec, rollout(1, &pods), &pods, &[]).status;
    assert_eq!((status.current, status.current_revision), (0, revision(0)));
    assert_eq!((status.updated, status.update_revision), (2, revision(1)));
}

#[test]
fn a_rollout_ends_when_all_pods_are_there_updated_and_ready() {
    let spec = StatefulSpec::of(2);
    let table: [(&[StatefulPod], (i32, i32), usize); 5] = [
        (&[pod(0, 1), pod(1, 1)], (2, 2), 1),
        (&[pod(0, 1), unready(1, 1)], (0, 2), 0),
        (&[pod(0, 1), terminating(pod(1, 1))], (0, 1), 0),
        (&[pod(0, 0), unready(1, 1)], (1, 1), 0),
        (&[pod(0, 1), pod(1, 1), terminating(pod(2, 0))], (0, 2), 0),
    ];
    for (pods, numbers, current) in table {
        let status = sync_stateful_set(&spec, rollout(1, pods), pods, &[]).status;
        assert_eq!((status.current, status.updated), numbers, "{pods:?}");
        assert_eq!(status.current_revision, revision(current), "{pods:?}");
    }
    // The first revision is current and new.
    let first = Rollout { current: None, update: revision(7), current_replicas: 0 };
    let status = sync_stateful_set(&spec, first, &[], &[]).status;
    assert_eq!([status.current_revision, status.update_revision], [revision(7); 2]);
    // A set without pods has nothing to roll out.
    let status = sync_stateful_set(&StatefulSpec::of(0), rollout(1, &[]), &[], &[]).status;
    assert_eq!(status.current_revision, revision(1));
}

#[test]
fn the_status_counts_what_there_was_before_the_actions() {
    let pods = [pod(0, 0), unready(1, 0), terminating(pod(2, 0)), ended(3, Phase::Failed)];
    let done = sync_stateful_set(&parallel(3), rollout(0, &pods), &pods, &[]);
    let status = done.status;
    assert_eq!([status.replicas, status.ready, status.available], [4, 2, 2]);
    assert_eq!([status.current, status.updated], [3, 3]);
    // A pod that is deleted for the update is taken off at once.
    let pods = [pod(0, 0), pod(1, 0)];
    let status = sync_stateful_set(&StatefulSpec::of(2), rollout(1, &pods), &pods, &[]).status;
    assert_eq!([status.current, status.updated, status.replicas], [1, 0, 2]);
}

#[test]
fn pods_have_to_stay_ready_for_as_long_as_asked() {
    let seconds = SimDuration::from_secs;
    let spec = StatefulSpec { min_ready: seconds(10), ..StatefulSpec::of(2) };
    let ready =
        |ordinal, of, span| StatefulPod { ready_for: Some(seconds(span)), ..pod(ordinal, of) };
    for (span, expected) in [(10, &[][..]), (11, &["create 1 r0"])] {
        assert_eq!(acts(&spec, 0, &[ready(0, 0, span)]), expected, "{span}");
        let condemned = [pod(0, 0), pod(1, 0), pod(2, 0), ready(3, 0, span)];
        assert_eq!(acts(&spec, 0, &condemned).len(), 1, "{span}");
    }
    // A pod that has just turned ready holds up the update of the next; 1.29 forgot this where
    // pods are managed in parallel.
    let pods = [pod(0, 0), ready(1, 1, 3)];
    let spec = StatefulSpec { management: PodManagement::Parallel, ..spec };
    assert!(acts(&spec, 1, &pods).is_empty());
    let old = StatefulSpec { release: Release::V1_29, ..spec };
    assert_eq!(acts(&old, 1, &pods), ["delete 0 Update"]);
    let done = sync_stateful_set(&spec, rollout(1, &pods), &pods, &[]);
    assert_eq!((done.status.ready, done.status.available), (2, 1));
    assert_eq!(done.recheck_after, Some(seconds(10)));
    let pods = [pod(0, 1), pod(1, 1)];
    assert_eq!(sync_stateful_set(&spec, rollout(1, &pods), &pods, &[]).recheck_after, None);
    assert_eq!(ready_recheck(seconds(10)), Some(seconds(11)));
    assert_eq!(ready_recheck(seconds(0)), None);
}

#[test]
fn a_set_that_is_being_deleted_does_nothing() {
    let spec = StatefulSpec { deleting: true, ..StatefulSpec::of(3) };
    let pods = [pod(0, 0), ended(1, Phase::Failed)];
    let done = sync_stateful_set(&spec, rollout(1, &pods), &pods, &[]);
    assert!(done.actions.is_empty());
    assert_eq!(done.status.replicas, 2);
}

#[test]
fn claims_belong_to_whoever_they_are_to_go_with() {
    use ClaimOwner::{Nobody, Pod, Set};
    use Retention::{Delete, Retain};
    let table = [
        (Retain, Retain, Nobody, Nobody),
        (Retain, Delete, Set, Set),
        (Delete, Retain, Nobody, Pod),
        (Delete, Delete, Set, Pod),
    ];
    for (when_scaled, when_deleted, wanted, condemned) in table {
        let policy = ClaimRetention { when_scaled, when_deleted };
        assert_eq!([policy.owner(true), policy.owner(false)], [wanted, condemned], "{policy:?}");
    }
}

#[test]
fn claims_are_made_before_their_pod_and_handed_on() {
    let delete = Retention::Delete;
    let policy = ClaimRetention { when_scaled: delete, when_deleted: delete };
    let spec = StatefulSpec { claims: Some(policy), ..StatefulSpec::of(2) };
    let claims = |ordinal, owner| ClaimFacts { missing: false, owner, ..ClaimFacts::none(ordinal) };
    let acts = |pods: &[StatefulPod], claims: &[ClaimFacts]| {
        let done = sync_stateful_set(&spec, rollout(0, pods), pods, claims);
        (words(&done.actions), done.refused)
    };
    let told = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let first = told(&["claims 0", "create 0 r0", "own 0 Set"]);
    assert_eq!(acts(&[], &[]), (first, None));
    // Claims that were kept are used again.
    let of_set = claims(0, ClaimOwner::Set);
    assert_eq!(acts(&[], &[of_set]), (told(&["create 0 r0"]), None));
    // Claims that go with a former pod have to be gone first.
    let stale = claims(0, ClaimOwner::FormerPod);
    assert_eq!(acts(&[], &[stale]), (Vec::new(), None));
    let going = ClaimFacts { deleting: true, ..of_set };
    assert_eq!(acts(&[], &[going]), (Vec::new(), Some(0)));
    // A pending pod gets the claims that it lacks.
    let pending = StatefulPod { phase: Phase::Pending, ..unready(0, 0) };
    assert_eq!(acts(&[pending], &[]), (told(&["claims 0"]), None));
    // A pod that is scaled away takes its claims along.
    let pods = [pod(0, 0), pod(1, 0), pod(2, 0)];
    let kept = [0, 1, 2].map(|ordinal| claims(ordinal, ClaimOwner::Set));
    assert_eq!(acts(&pods, &kept), (told(&["own 2 Pod", "delete 2 ScaleDown"]), None));
    // Claims of before the policy was set are handed over.
    let pods = [pod(0, 0), pod(1, 0)];
    let before = [claims(0, ClaimOwner::Nobody), of_set];
    assert_eq!(acts(&pods, &before[..1]).0, ["own 0 Set", "own 1 Set"]);
    // With parallel management one ordinal that has to wait does not hold up the others.
    let spec = StatefulSpec { management: PodManagement::Parallel, ..spec };
    let done = sync_stateful_set(&spec, rollout(0, &[]), &[], &[stale]);
    assert_eq!(words(&done.actions), ["claims 1", "create 1 r0", "own 1 Set"]);
}

#[test]
fn events_have_the_words_of_kubernetes() {
    let told = |action| {
        let events = stateful_events(&action, "web", &["data", "log"]);
        events.into_iter().map(|event| format!("{}: {}", event.reason, event.message)).collect()
    };
    let ordinal = 0;
    let table: [(StatefulAction, &[&str]); 4] = [
        (
            StatefulAction::Create { ordinal, revision: revision(0) },
            &["SuccessfulCreate: create Pod web-0 in StatefulSet web successful"],
        ),
        (
            StatefulAction::Delete {
                pod: PodId::from_index(0),
                ordinal,
                removal: Removal::ScaleDown,
            },
            &["SuccessfulDelete: delete Pod web-0 in StatefulSet web successful"],
        ),
        (
            StatefulAction::CreateClaims { ordinal },
            &[
                "SuccessfulCreate: create Claim data-web-0 Pod web-0 in StatefulSet web success",
                "SuccessfulCreate: create Claim log-web-0 Pod web-0 in StatefulSet web success",
            ],
        ),
        (StatefulAction::OwnClaims { ordinal, owner: ClaimOwner::Set }, &[]),
    ];
    for (action, expected) in table {
        let words: Vec<String> = told(action);
        assert_eq!(words, expected);
    }
}

fn any_pod(ordinal: u32) -> impl Strategy<Value = StatefulPod> {
    let phases = [Phase::Pending, Phase::Running, Phase::Running, Phase::Succeeded, Phase::Failed];
    let phase = proptest::sample::select(phases.to_vec());
    (0..3usize, phase, any::<bool>(), prop::bool::weighted(0.2), 0..20u64).prop_map(
        move |(of, phase, ready, terminating, span)| {
            let ready = ready && phase == Phase::Running;
            StatefulPod {
                phase,
                ready_for: ready.then(|| SimDuration::from_secs(span)),
                terminating,
                ..pod(ordinal, of)
            }
        },
    )
}

fn any_pods() -> impl Strategy<Value = Vec<StatefulPod>> {
    let pods: Vec<_> =
        (0..7).map(|ordinal| prop::option::weighted(0.7, any_pod(ordinal))).collect();
    pods.prop_map(|pods| pods.into_iter().flatten().collect::<Vec<_>>()).prop_shuffle()
}

fn any_spec() -> impl Strategy<Value = StatefulSpec> {
    let update = prop_oneof![
        Just(StatefulUpdate::OnDelete),
        prop::option::of(0..4u32).prop_map(|partition| StatefulUpdate::RollingUpdate { partition }),
    ];
    (0..6u32, 0..3u32, any::<bool>(), update, 0..12u64).prop_map(
        |(replicas, start, ordered, update, min_ready)| StatefulSpec {
            start,
            update,
            min_ready: SimDuration::from_secs(min_ready),
            ..if ordered { StatefulSpec::of(replicas) } else { parallel(replicas) }
        },
    )
}

/// What happens to a set when nothing goes wrong.
fn smooth_change() -> impl Strategy<Value = StatefulChange> {
    let change = prop_oneof![3 => Just(PodChange::Ready), 2 => Just(PodChange::Gone)];
    prop_oneof![
        8 => (0..6u32, change).prop_map(|(ordinal, change)| StatefulChange::Pod(ordinal, change)),
        1 => (0..3usize).prop_map(|at| StatefulChange::Template(revision(at))),
        1 => (0..6u32).prop_map(StatefulChange::Scale),
        1 => (0..4u32).prop_map(StatefulChange::Partition),
    ]
}

proptest! {
    #[test]
    fn a_sync_never_doubles_a_pod_and_deletes_none_twice(
        spec in any_spec(),
        pods in any_pods(),
        update in 0..3usize,
    ) {
        let done = sync_stateful_set(&spec, rollout(update, &pods), &pods, &[]);
        let mut touched = Vec::new();
        for action in &done.actions {
            let (StatefulAction::Create { ordinal, .. } | StatefulAction::Delete { ordinal, .. }) =
                *action
            else {
                return Err(TestCaseError::fail("there are no claims"));
            };
            prop_assert!(!touched.contains(&ordinal), "{ordinal} twice");
            touched.push(ordinal);
            let there = pods.iter().find(|pod| pod.ordinal == ordinal);
            match action {
                StatefulAction::Delete { pod, .. } => {
                    prop_assert!(there.is_some_and(|there| there.id == *pod && !there.terminating));
                }
                _ => prop_assert!(there.is_none() && spec.wants(ordinal)),
            }
        }
        let updates = words(&done.actions).iter().filter(|word| word.ends_with("Update")).count();
        prop_assert!(updates <= 1);
        if spec.management == PodManagement::OrderedReady {
            prop_assert!(done.actions.len() <= 1);
        }
        let mut sorted = pods;
        sorted.sort_by_key(|pod| pod.ordinal);
        prop_assert_eq!(done, sync_stateful_set(&spec, rollout(update, &sorted), &sorted, &[]));
    }

    #[test]
    fn in_order_nothing_is_done_to_a_pod_before_others_are_healthy(
        spec in any_spec(),
        pods in any_pods(),
        update in 0..3usize,
    ) {
        let spec = StatefulSpec { management: PodManagement::OrderedReady, ..spec };
        let done = sync_stateful_set(&spec, rollout(update, &pods), &pods, &[]);
        let healthy = |ordinal: u32| {
            let there = pods.iter().find(|pod| pod.ordinal == ordinal);
            there.is_some_and(|pod| {
                !pod.terminating && pod.ready_for.is_some_and(|span| span >= spec.min_ready)
            })
        };
        let wanted = spec.start..spec.start + spec.replicas;
        for action in done.actions {
            let (first, others, condemned) = match action {
                StatefulAction::Create { ordinal, .. }
                | StatefulAction::Delete { ordinal, removal: Removal::Finished, .. } => {
                    (ordinal, spec.start..ordinal, None)
                }
                StatefulAction::Delete { ordinal, removal: Removal::ScaleDown, .. } => {
                    (ordinal, wanted.clone(), Some(ordinal))
                }
                StatefulAction::Delete { ordinal, removal: Removal::Update, .. } => {
                    (ordinal, wanted.clone(), None)
                }
                _ => return Err(TestCaseError::fail("there are no claims")),
            };
            prop_assert!(others.clone().all(healthy), "{first}: {others:?}");
            let highest = pods.iter().map(|pod| pod.ordinal).filter(|at| !spec.wants(*at)).max();
            if condemned.is_some() {
                prop_assert_eq!(condemned, highest);
            }
        }
    }

    #[test]
    fn in_order_at_most_one_pod_is_unready_by_the_controllers_doing(
        replicas in 0..6u32,
        changes in prop::collection::vec(smooth_change(), 1..60),
    ) {
        // Whoever is scaled away may go beside one that goes for an update.
        let scales = |change: &StatefulChange| matches!(change, StatefulChange::Scale(_));
        let changes: Vec<_> = changes.into_iter().filter(|change| !scales(change)).collect();
        let spec = StatefulSpec { update: ROLLING, ..StatefulSpec::of(replicas) };
        for view in stateful_history(spec, revision(0), &changes) {
            let down = view.pods.iter().filter(|pod| !pod.ready || pod.terminating);
            prop_assert!(down.count() <= 1, "{view:?}");
        }
    }

    #[test]
    fn a_rollout_ends_when_pods_behave(
        spec in any_spec(),
        pods in prop::collection::vec(smooth_change(), 0..20),
    ) {
        let update = StatefulUpdate::RollingUpdate { partition: Some(0) };
        let spec = StatefulSpec { update, min_ready: SimDuration::ZERO, start: 0, ..spec };
        let mut changes = pods;
        changes.extend([StatefulChange::Partition(0), StatefulChange::Template(revision(9))]);
        let last = changes.len();
        for _ in 0..30 {
            let all = [PodChange::Gone, PodChange::Ready];
            changes.extend((0..6).flat_map(|at| all.map(|change| StatefulChange::Pod(at, change))));
        }
        let views = stateful_history(spec, revision(0), &changes);
        let scaled = changes[..last].iter().rev().find_map(|change| match change {
            StatefulChange::Scale(to) => Some(*to),
            _ => None,
        });
        let wanted = scaled.unwrap_or(spec.replicas);
        let status = views.last().unwrap().status;
        prop_assert_eq!(status.current_revision, revision(9));
        prop_assert_eq!(status.updated, i32::try_from(wanted).unwrap());
    }
}
