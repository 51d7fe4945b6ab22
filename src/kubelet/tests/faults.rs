//! Several things wrong with one application at once.

use super::cluster::*;
use crate::event::KubeletEvent;
use crate::model::*;
use crate::record::Fact;
use crate::rng::Distribution;

/// A model whose faults strike all pods in these ways, one after another.
fn faulty(only: ContainerSpec, modes: Vec<FailureMode>) -> Model {
    let mut model = model(template(vec![only]));
    let fault = |mode| Fault {
        kind: FaultKind::ContainerFault {
            templates: vec![TemplateId::from_index(0)],
            container: None,
            mode,
            share: Share(1000),
            lasting: false,
        },
        target: "app".into(),
        timing: FaultTiming::At(crate::base::time::SimTime::ZERO),
        lasts_s: Some(Distribution::Constant(1.0)),
    };
    model.faults = crate::base::id::IdVec::from_rows(modes.into_iter().map(fault).collect());
    model
}

/// A fault begins or ends at an instant.
fn turn(cluster: &mut Cluster<'_>, at_s: f64, number: usize, begins: bool) {
    cluster.run_to(at(at_s));
    let fault = FaultId::from_index(number);
    cluster.send(KubeletEvent::ContainerFault { fault, begins });
}

/// When readiness and serving turned, in seconds.
fn turns(cluster: &Cluster<'_>, of: fn(&Fact) -> Option<bool>) -> Vec<(u64, bool)> {
    let facts = cluster.record.facts().iter();
    facts.filter_map(|(time, fact)| Some((time.as_secs_f64() as u64, of(fact)?))).collect()
}

fn ready(fact: &Fact) -> Option<bool> {
    match fact {
        Fact::PodReady { ready, .. } => Some(*ready),
        _ => None,
    }
}

fn serving(fact: &Fact) -> Option<bool> {
    match fact {
        Fact::PodServing { serving, .. } => Some(*serving),
        _ => None,
    }
}

fn watched() -> ContainerSpec {
    let mut only = container("c0", 0);
    only.readiness = Some(ProbeSpec {
        period: secs(1),
        timeout: secs(1),
        failure_threshold: 1,
        ..probe(ProbeHandler::HttpGet)
    });
    only
}

#[test]
fn a_second_fault_adds_to_the_first_and_each_ends_on_its_own_terms() {
    use FailureMode::{Hang, Refuse};
    // The first fault outlasts the second, and the other way round.
    for (second_ends, first_ends) in [(300.0, 400.0), (400.0, 300.0)] {
        let model = faulty(watched(), vec![Hang, Refuse]);
        let mut cluster = Cluster::new(&model);
        cluster.adopt();
        turn(&mut cluster, 100.0, 0, true);
        turn(&mut cluster, 200.0, 1, true);
        let mut ends: [(f64, usize); 2] = [(second_ends, 1), (first_ends, 0)];
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (end, number) in ends {
            turn(&mut cluster, end, number, false);
        }
        cluster.run_to(at(500.0));
        let wanted = [(0, true), (100, false), (400, true)];
        assert_eq!(turns(&cluster, serving), wanted);
        let readiness = turns(&cluster, ready);
        let (down, up) = (readiness[1].0, readiness[2].0);
        assert_eq!(readiness.len(), 3);
        assert!((100..=102).contains(&down) && (400..=402).contains(&up), "{readiness:?}");
        assert!(cluster.queue.is_empty(), "nothing is left to happen");
    }
}

#[test]
fn a_leak_goes_on_under_another_fault() {
    let to_oom = secs(100);
    let model = faulty(
        container("c0", 0),
        vec![FailureMode::Leak { to_oom, per_minute: 1 }, FailureMode::Hang],
    );
    let mut cluster = Cluster::new(&model);
    cluster.adopt();
    turn(&mut cluster, 100.0, 0, true);
    turn(&mut cluster, 150.0, 1, true);
    turn(&mut cluster, 160.0, 1, false);
    cluster.run_to(at(250.0));
    let story = cluster.story();
    assert!(story.contains("200 ContainerExited { container: 0, cause: OutOfMemory"), "{story}");
}

#[test]
fn a_failure_of_its_own_strikes_while_another_acts() {
    let mut only = watched();
    let failure =
        |mode, at_s, recovers| FailureProcess { mode, onset: Onset::At(at(at_s)), recovers };
    let lasts = |s| Recovers::After(Distribution::Constant(s));
    only.behaviour.failures = vec![
        failure(FailureMode::Refuse, 100.0, lasts(200.0)),
        failure(FailureMode::Hang, 200.0, lasts(200.0)),
        failure(FailureMode::Crash { exit_code: 9 }, 450.0, Recovers::OnRestart),
        failure(FailureMode::DependencyLost, 440.0, lasts(20.0)),
    ];
    let model = model(template(vec![only]));
    let mut cluster = Cluster::new(&model);
    cluster.adopt();
    cluster.run_to(at(500.0));
    let wanted = [(0, true), (100, false), (400, true), (440, false), (450, true)];
    assert_eq!(turns(&cluster, serving), wanted);
    let story = cluster.story();
    assert!(
        story.contains("450 ContainerExited { container: 0, cause: Itself, code: 9"),
        "{story}"
    );
}
