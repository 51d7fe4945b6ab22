//! The kubelet against a ticking one, whose probe workers never sleep: the same facts.

use proptest::collection::vec;
use proptest::prelude::*;

use super::cluster::*;
use crate::base::time::{SimDuration, SimTime};
use crate::model::*;

/// One kubelet's facts in a canonical order within each instant, and how many events it took.
fn run(model: &Model, ticking: bool, adopted: bool) -> (Vec<(SimTime, String)>, u64) {
    let mut cluster = if ticking { Cluster::ticking(model) } else { Cluster::new(model) };
    if adopted {
        cluster.adopt()
    } else {
        cluster.bind()
    };
    cluster.run_to(SimTime::from_secs(900));
    let facts = cluster.record.facts().iter();
    let mut facts: Vec<_> = facts.map(|&(time, fact)| (time, format!("{fact:?}"))).collect();
    facts.sort();
    (facts, cluster.handled)
}

fn handler() -> impl Strategy<Value = ProbeHandler> {
    use ProbeHandler::{Exec, Grpc, HttpGet, TcpSocket};
    prop::sample::select(vec![Exec, HttpGet, TcpSocket, Grpc, HttpGet])
}

/// So many seconds and some odd part of one: instants at which two probes, or a probe and PLEG,
/// would act together have no order that means anything.
fn odd(secs: std::ops::Range<u64>) -> impl Strategy<Value = SimDuration> {
    (secs, 1..1_000_000u64)
        .prop_map(|(secs, odd)| SimDuration::from_nanos((secs * 1_000_000 + odd) * 1000))
}

prop_compose! {
    fn probe_spec(kills: bool)(
        handler in handler(),
        delay in 0..15u64,
        period in odd(1..12),
        timeout in odd(1..15),
        success in 1..4u32,
        failure in 1..4u32,
    ) -> ProbeSpec {
        ProbeSpec {
            handler,
            initial_delay: secs(delay),
            period,
            timeout,
            success_threshold: if kills { 1 } else { success },
            failure_threshold: failure,
            termination_grace: None,
        }
    }
}

fn mode() -> impl Strategy<Value = FailureMode> {
    prop_oneof![
        Just(FailureMode::Hang),
        Just(FailureMode::Refuse),
        Just(FailureMode::Deadlock),
        Just(FailureMode::DependencyLost),
        Just(FailureMode::ErrorRate { rate: 1.0 }),
        Just(FailureMode::Slow { latency: secs(20) }),
        Just(FailureMode::Crash { exit_code: 3 }),
        (1..60u64).prop_map(|secs| FailureMode::Leak {
            to_oom: SimDuration::from_secs(secs),
            per_minute: 1,
        }),
    ]
}

prop_compose! {
    fn failure()(mode in mode(), at_ms in 0..600_000u64, kind in 0..3u8, length in 1..90u64)
        -> FailureProcess {
        let onset = Onset::At(SimTime::ZERO + SimDuration::from_millis(at_ms));
        let recovers = match kind {
            0 => Recovers::OnRestart,
            1 => Recovers::After(constant(length as f64)),
            _ if matches!(mode, FailureMode::Crash { .. }) => Recovers::OnRestart,
            _ => Recovers::Never,
        };
        FailureProcess { mode, onset, recovers }
    }
}

prop_compose! {
    fn any_container(name: &'static str)(
        startup in prop::option::of(probe_spec(true)),
        liveness in prop::option::of(probe_spec(true)),
        readiness in prop::option::of(probe_spec(false)),
        startup_ms in 0..40_000u64,
        failures in vec(failure(), 0..4),
        image in 0..3usize,
        hook in prop::option::of(1..9u64),
    ) -> ContainerSpec {
        let mut spec = container(name, image);
        spec.startup = startup;
        spec.liveness = liveness;
        spec.readiness = readiness;
        spec.behaviour = behaviour(startup_ms as f64 / 1000.0);
        spec.behaviour.failures = failures;
        spec.pre_stop = hook.map_or(Hook::None, |length| Hook::Takes(secs(length)));
        spec
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn sleeping_workers_change_nothing(
        first in any_container("c1"),
        second in any_container("c2"),
        adopted in any::<bool>(),
    ) {
        let model = model(template(vec![first, second]));
        let (ticking, _) = run(&model, true, adopted);
        let (analytic, _) = run(&model, false, adopted);
        for (found, wanted) in analytic.iter().zip(&ticking) {
            prop_assert_eq!(found, wanted);
        }
        prop_assert_eq!(analytic.len(), ticking.len());
    }
}

#[test]
fn a_healthy_pod_costs_no_events() {
    let mut only = container("c1", 0);
    only.liveness = Some(probe(ProbeHandler::HttpGet));
    only.readiness = Some(probe(ProbeHandler::HttpGet));
    let model = model(template(vec![only]));
    let (facts, events) = run(&model, false, true);
    let (ticking_facts, ticking_events) = run(&model, true, true);
    assert_eq!(facts, ticking_facts);
    assert_eq!(events, 0);
    assert_eq!(ticking_events, 180, "two probes, every 10 s for 900 s");
}
