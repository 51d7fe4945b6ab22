//! Worked timelines, held to the instant.

use super::cluster::*;
use crate::event::KubeletEvent;
use crate::model::*;
use crate::record::Fact;
use crate::state::PodReason;

/// Two containers on a cold node: pulls of 20 s and 15 s, sandbox 0.5 s, start 0.2 s each; the
/// first needs 12 s to be up and has a startup probe every 5 s and a readiness probe every 10 s.
#[test]
fn a_cold_start_with_serial_pulls_and_a_startup_probe() {
    let mut first = container("c1", 0);
    first.behaviour = behaviour(12.0);
    first.startup = Some(ProbeSpec { period: secs(5), ..probe(ProbeHandler::HttpGet) });
    first.readiness = Some(probe(ProbeHandler::HttpGet));
    let model = model(template(vec![first, container("c2", 1)]));
    let mut cluster = Cluster::new(&model);
    cluster.bind();
    cluster.run_to(at(60.0));
    insta::assert_snapshot!(cluster.story(), @"");
    insta::assert_snapshot!(cluster.events(), @"");
    assert!(cluster.queue.is_empty(), "nothing is left to happen");
}

/// A hung process: liveness every 10 s, time-out 1 s, three failures, grace 30 s, preStop 5 s.
#[test]
fn a_hung_process_is_killed_and_restarted() {
    let mut only = container("c1", 0);
    only.liveness = Some(probe(ProbeHandler::HttpGet));
    only.readiness = Some(ProbeSpec { failure_threshold: 1, ..probe(ProbeHandler::HttpGet) });
    only.pre_stop = PreStop::Takes(secs(5));
    only.behaviour.failures = vec![FailureProcess {
        mode: FailureMode::Hang,
        onset: Onset::At(at(2.0)),
        recovers: Recovers::OnRestart,
    }];
    let model = model(template(vec![only]));
    let mut cluster = Cluster::new(&model);
    let pod = cluster.adopt();
    cluster.align(pod, at(10.0));
    cluster.run_to(at(100.0));
    insta::assert_snapshot!(cluster.story(), @"");
    insta::assert_snapshot!(cluster.events(), @"");
}

/// Exits a second after each start: restarts wait 0, 10, 20, 40, 80, 160, 300, 300 s from the
/// finish.
#[test]
fn a_crash_loop_waits_by_the_curve() {
    let mut only = container("c1", 0);
    only.behaviour = behaviour(1.0);
    only.behaviour.failures = vec![FailureProcess {
        mode: FailureMode::Crash { exit_code: 1 },
        onset: Onset::At(at(0.0)),
        recovers: Recovers::Never,
    }];
    let mut model = model(template(vec![only]));
    model.control_plane.sandbox_s = constant(0.0);
    model.control_plane.container_start_s = constant(0.0);
    let mut cluster = Cluster::new(&model);
    cluster.kubelets.nodes[NodeId::from_index(NODE)].images.add(ImageId::from_index(0));
    let pod = cluster.bind();
    cluster.run_to(at(950.0));
    let starts: Vec<f64> = cluster
        .record
        .facts()
        .iter()
        .filter(|(_, fact)| matches!(fact, Fact::ContainerStarted { .. }))
        .map(|(time, _)| time.as_secs_f64())
        .collect();
    assert_eq!(starts, [0.0, 1.0, 12.0, 33.0, 74.0, 155.0, 316.0, 617.0, 918.0]);
    let status = cluster.state.api.pods[pod].status;
    assert_eq!((status.reason, status.restarts), (PodReason::CrashLoopBackOff, 8));
}

#[test]
fn a_deleted_pod_goes_after_sigterm_pleg_and_clean_up() {
    let mut only = container("c1", 0);
    only.readiness = Some(probe(ProbeHandler::HttpGet));
    only.pre_stop = PreStop::Takes(secs(5));
    let model = model(template(vec![only]));
    let mut cluster = Cluster::new(&model);
    let pod = cluster.adopt();
    cluster.run_to(at(10.0));
    cluster.delete(pod, secs(30));
    cluster.run_to(at(60.0));
    insta::assert_snapshot!(cluster.story(), @"");
    assert!(cluster.queue.is_empty());
}

#[test]
fn power_loss_and_return_run_the_same_pods_again() {
    let mut only = container("c1", 0);
    only.behaviour = behaviour(2.0);
    only.readiness = Some(ProbeSpec { period: secs(1), ..probe(ProbeHandler::HttpGet) });
    let mut template = template(vec![only]);
    let mut init = container("i0", 2);
    init.behaviour = behaviour(3.0);
    template.init_containers = vec![init];
    let model = model(template);
    let node = NodeId::from_index(NODE);
    let mut cluster = Cluster::new(&model);
    cluster.adopt();
    let doomed = cluster.adopt();
    cluster.run_to(at(100.0));
    cluster.send(KubeletEvent::PowerLost { node });
    cluster.run_to(at(150.0));
    cluster.delete(doomed, secs(30));
    let late = cluster.bind();
    cluster.run_to(at(200.0));
    cluster.send(KubeletEvent::Started { node });
    cluster.run_to(at(260.0));
    insta::assert_snapshot!(cluster.story(), @"");
    assert!(cluster.state.api.pods[doomed].gone);
    assert!(cluster.state.api.pods[late].is_ready());
}
