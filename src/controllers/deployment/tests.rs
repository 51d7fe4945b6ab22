//! Rollouts of the reference and of the rules that no rollout may break.

use proptest::prelude::*;

use super::recorded::World;
use super::*;
use crate::model::IntOrPercent;
use crate::state::ReplicaSetStatus;

const OLD: TemplateId = TemplateId::from_raw(0);
const NEW: TemplateId = TemplateId::from_raw(1);

fn seconds(seconds: u64) -> SimTime {
    SimTime::from_secs(seconds)
}

fn rolling(max_surge: IntOrPercent, max_unavailable: IntOrPercent) -> DeploymentStrategy {
    DeploymentStrategy::RollingUpdate { max_surge, max_unavailable }
}

fn quarter() -> DeploymentStrategy {
    rolling(IntOrPercent::Percent(25), IntOrPercent::Percent(25))
}

fn declared(replicas: i32, strategy: DeploymentStrategy) -> NewDeployment {
    NewDeployment {
        replicas,
        template: OLD,
        strategy,
        progress_deadline: Some(SimDuration::from_secs(600)),
        revision_history_limit: Some(10),
    }
}

fn all_available(template: TemplateId, pods: i32) -> DeploymentChange {
    DeploymentChange::Pods { template, ready: pods, available: pods }
}

/// What the controller makes of changes, ten seconds apart, of a Deployment that is rolled out.
fn history(new: &NewDeployment, changes: &[DeploymentChange]) -> Vec<Settled> {
    let first = [DeploymentChange::Nothing, all_available(OLD, new.replicas)];
    let all = first.iter().chain(changes).enumerate();
    let timed: Vec<_> = all.map(|(at, change)| (seconds(10 * at as u64), *change)).collect();
    deployment_history(new, &timed).split_off(2)
}

/// Steps of a rollout as the reference writes them: `U` scales the new set, `D` the old one.
fn steps(settled: &Settled) -> Vec<String> {
    let writes = settled.looks.iter().flat_map(|look| &look.scaled);
    let step = |(template, write): &(TemplateId, SetWrite)| {
        let which = if *template == NEW { 'U' } else { 'D' };
        let by = match *write {
            SetWrite::Create { replicas, .. } => replicas,
            SetWrite::Scale { from, to, .. } => to - from,
            SetWrite::Revise { .. } | SetWrite::Delete { .. } => 0,
        };
        format!("{which}{by:+}")
    };
    writes.map(step).collect()
}

#[test]
fn the_worked_rollouts_of_the_reference() {
    let cases: [(i32, &[&[&str]]); 3] = [
        (10, &[&["U+3", "D-2", "U+2"], &["D-5", "U+5"], &["D-3"]]),
        (4, &[&["U+1", "D-1", "U+1"], &["D-2", "U+2"], &["D-1"]]),
        (3, &[&["U+1"], &["D-1", "U+1"], &["D-1", "U+1"], &["D-1"]]),
    ];
    for (replicas, rounds) in cases {
        let ready = all_available(NEW, replicas);
        let mut changes = vec![ready; rounds.len()];
        changes[0] = DeploymentChange::Template(NEW);
        let told = history(&declared(replicas, quarter()), &changes);
        for (at, (settled, expected)) in told.iter().zip(rounds).enumerate() {
            assert_eq!(steps(settled), *expected, "{replicas} replicas, round {at}");
        }
        let end = told.last().expect("there are rounds").status;
        assert_eq!((end.updated, end.replicas, end.available), (replicas, replicas, replicas));
        let progressing = end.progressing.expect("progress is followed");
        assert_eq!(progressing.reason, ProgressReason::NewReplicaSetAvailable);
    }
}

#[test]
fn a_rollout_whose_pods_never_become_ready_stops_at_the_budget_and_is_overdue() {
    let late = DeploymentChange::Nothing;
    let new = NewDeployment {
        progress_deadline: Some(SimDuration::from_secs(20)),
        ..declared(10, quarter())
    };
    let told = history(&new, &[DeploymentChange::Template(NEW), late, late, late]);
    let sizes: Vec<i32> =
        told[0].looks[told[0].looks.len() - 1].sets.iter().map(|set| set.replicas).collect();
    assert_eq!(sizes, [8, 5]);
    let reason = |settled: &Settled| settled.status.progressing.expect("followed").reason;
    let reasons: Vec<ProgressReason> = told.iter().map(reason).collect();
    let updated = ProgressReason::ReplicaSetUpdated;
    // The last instant of the deadline is still in time.
    assert_eq!(reasons, [updated, updated, updated, ProgressReason::ProgressDeadlineExceeded]);
    assert_eq!(told[3].status.available, 8);
}

#[test]
fn a_deadline_is_watched_only_while_a_rollout_is_under_way() {
    let mut world = World::new(&declared(2, quarter()));
    let settle = |world: &mut World, now| while !world.look(now).0 {};
    settle(&mut world, seconds(0));
    let again = |world: &World, now| sync(&world.deployment, &world.sets, now).again;
    assert_eq!(again(&world, seconds(100)), Some(seconds(601)), "a second late");
    let close = seconds(599) + SimDuration::from_millis(500);
    assert_eq!(again(&world, close), Some(seconds(600) + SimDuration::from_millis(5)));
    world.happens(all_available(OLD, 2));
    settle(&mut world, seconds(20));
    assert_eq!(again(&world, seconds(30)), None, "rolled out");
    world.happens(all_available(OLD, 0));
    settle(&mut world, seconds(40));
    assert_eq!(again(&world, seconds(50)), None, "replicas lost later are no rollout");
    world.happens(DeploymentChange::Template(NEW));
    settle(&mut world, seconds(60));
    assert!(again(&world, seconds(70)).is_some());
    settle(&mut world, seconds(10_000));
    assert_eq!(again(&world, seconds(10_001)), None, "overdue already");
}

#[test]
fn a_template_used_before_becomes_the_newest_revision() {
    let ready = all_available(NEW, 2);
    let back = DeploymentChange::Template(OLD);
    let told =
        history(&declared(2, quarter()), &[DeploymentChange::Template(NEW), ready, ready, back]);
    let last = &told[3].looks[told[3].looks.len() - 1];
    let revisions: Vec<_> = last.sets.iter().map(|set| (set.template, set.revision)).collect();
    assert_eq!(revisions, [(OLD, 3), (NEW, 2)]);
    assert_eq!(last.sets[0].replicas, 1, "it is rolled out like a new one");
}

#[test]
fn old_sets_beyond_the_limit_are_deleted_when_the_rollout_is_complete() {
    let new = NewDeployment { revision_history_limit: Some(0), ..declared(1, quarter()) };
    let ready = all_available(NEW, 1);
    let told = history(&new, &[DeploymentChange::Template(NEW), ready]);
    let sets = |settled: &Settled| settled.looks.last().map_or(0, |look| look.sets.len());
    assert_eq!((sets(&told[0]), sets(&told[1])), (2, 1));
}

#[test]
fn recreating_waits_until_the_old_pods_are_gone() {
    let new = declared(3, DeploymentStrategy::Recreate);
    let told = history(&new, &[DeploymentChange::Template(NEW), DeploymentChange::Gone]);
    assert_eq!(steps(&told[0]), ["D-3"]);
    assert_eq!(steps(&told[1]), ["U+3"]);
}

#[test]
fn a_paused_deployment_is_scaled_but_not_rolled_out() {
    let pause = DeploymentChange::Paused(true);
    let changes = [
        pause,
        DeploymentChange::Template(NEW),
        DeploymentChange::Replicas(6),
        DeploymentChange::Paused(false),
    ];
    let told = history(&declared(4, quarter()), &changes);
    let reason = |settled: &Settled| settled.status.progressing.expect("followed").reason;
    assert_eq!(reason(&told[0]), ProgressReason::DeploymentPaused);
    assert_eq!(steps(&told[1]), Vec::<String>::new());
    assert_eq!(steps(&told[2]), ["D+2"]);
    assert_eq!(steps(&told[3])[0], "U+2");
}

#[test]
fn sets_keep_their_shares_and_the_largest_takes_what_rounding_leaves() {
    let set = |template, replicas, created| SetFacts {
        template,
        replicas,
        status: ReplicaSetStatus::default(),
        created: seconds(created),
        revision: 1,
        desired: Some(10),
        max: Some(13),
        has_pods: true,
    };
    let sets = [set(OLD, 8, 1), set(NEW, 5, 2)];
    let resized = |replicas, sets: &[SetFacts]| -> Vec<(usize, i32)> {
        let new = NewDeployment { template: NEW, ..declared(replicas, quarter()) };
        let writes = resize(&World::new(&new).deployment, sets);
        let size = |write: &SetWrite| match *write {
            SetWrite::Scale { set, to, .. } => Some((set, to)),
            SetWrite::Create { .. } | SetWrite::Revise { .. } | SetWrite::Delete { .. } => None,
        };
        writes.iter().filter_map(size).collect()
    };
    // 10 -> 15 with surge 4: 19 pods over 8 + 5, shares 11.69 and 7.31.
    assert_eq!(resized(15, &sets), [(0, 12), (1, 7)]);
    assert_eq!(resized(10, &sets), [], "neither sizes nor annotations change");
    assert_eq!(resized(0, &sets), [(0, 0), (1, 0)]);
    // Of two equal ones the newer grows first, and the older shrinks first.
    let equal = [SetFacts { replicas: 5, ..sets[0] }, sets[1]];
    assert_eq!(resized(11, &equal), [(1, 9), (0, 5)]);
    assert_eq!(resized(5, &equal), [(0, 3), (1, 4)]);
    // Without the annotation: by the pods that the Deployment has, none here.
    let bare = [SetFacts { max: None, ..sets[0] }, SetFacts { max: None, ..sets[1] }];
    assert_eq!(resized(15, &bare), [(0, 14), (1, 5)]);
}

#[test]
fn more_available_pods_than_wanted_leave_none_unavailable() {
    let new = declared(2, quarter());
    let status = ReplicaSetStatus { replicas: 4, ready: 4, available: 4 };
    let set = SetFacts {
        template: OLD,
        replicas: 2,
        status,
        created: SimTime::ZERO,
        revision: 1,
        desired: Some(2),
        max: Some(3),
        has_pods: true,
    };
    let decision = sync(&World::new(&new).deployment, &[set], seconds(1));
    assert_eq!((decision.status.available, decision.status.unavailable), (4, 0));
    assert!(!decision.complete, "two pods are still to go");
}

#[test]
fn events_are_worded_as_the_release_has_them() {
    let up = SetWrite::Create { replicas: 3, revision: 1, annotations: (3, 4) };
    let down = SetWrite::Scale { set: 0, from: 3, to: 1, annotations: (3, 4) };
    let told = |write: SetWrite, release| write.event(release, "web-1").expect("it scales");
    assert_eq!(told(up, Release::V1_29), "Scaled up replica set web-1 to 3");
    assert_eq!(told(down, Release::V1_29), "Scaled down replica set web-1 to 1 from 3");
    assert_eq!(told(up, Release::V1_34), "Scaled up replica set web-1 from 0 to 3");
    assert_eq!(told(down, Release::V1_34), "Scaled down replica set web-1 from 3 to 1");
    let noted = SetWrite::Scale { set: 0, from: 3, to: 3, annotations: (3, 4) };
    assert_eq!(noted.event(Release::V1_34, "web-1"), None);
}

fn bound() -> impl Strategy<Value = IntOrPercent> {
    prop_oneof![(0..5).prop_map(IntOrPercent::Int), (0..120).prop_map(IntOrPercent::Percent)]
}

fn change() -> impl Strategy<Value = DeploymentChange> {
    let template = || (0..3_u32).prop_map(TemplateId::from_raw);
    prop_oneof![
        6 => (template(), 0..25).prop_map(|(template, pods)| all_available(template, pods)),
        2 => template().prop_map(DeploymentChange::Template),
        1 => Just(DeploymentChange::Nothing),
    ]
}

fn total(world: &World) -> i32 {
    world.sets.iter().map(|set| set.replicas).sum()
}

/// Pods that stay available: a set that shrinks deletes those first that are not.
fn available(world: &World) -> i32 {
    world.sets.iter().map(|set| set.status.available.min(set.replicas)).sum()
}

proptest! {
    #[test]
    fn the_bounds_hold_whatever_becomes_ready(
        replicas in 0..20,
        max_surge in bound(),
        max_unavailable in bound(),
        changes in prop::collection::vec(change(), 1..30),
    ) {
        let bounds = StrategyBounds::resolve(max_surge, max_unavailable, replicas);
        let (most, least) = (replicas + bounds.surge, bounds.min_available(replicas));
        let mut world = World::new(&declared(replicas, rolling(max_surge, max_unavailable)));
        for (at, change) in changes.into_iter().enumerate() {
            world.happens(change);
            for look in 0..100 {
                prop_assert!(look < 99, "it does not settle");
                let before = available(&world);
                let still = world.look(seconds(at as u64)).0;
                prop_assert!(total(&world) <= most, "{} pods of {most}", total(&world));
                let after = available(&world);
                prop_assert!(after >= before.min(least), "{before} -> {after} of {least}");
                if still {
                    break;
                }
            }
        }
    }
}
