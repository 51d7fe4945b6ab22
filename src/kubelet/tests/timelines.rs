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
    insta::assert_snapshot!(cluster.story(), @r#"
    0.005 PodReason { reason: ContainerCreating }
    20.7 ContainerStarted { container: 0, restarts: 0 }
    25 ProbeFailed { container: 0, kind: Startup }
    30 ProbeFailed { container: 0, kind: Startup }
    35.9 ContainerStarted { container: 1, restarts: 0 }
    35.9 PodServing { serving: true }
    36.005 PodReady { ready: true }
    36.005 PodPhase { phase: Running }
    36.005 PodReason { reason: None }
    "#);
    insta::assert_snapshot!(cluster.events(), @r#"
    0.5 Pulling Pulling image "one"
    20.5 Pulled Successfully pulled image "one". Image size: 20000000 bytes.
    20.7 Created Created container: c1
    20.7 Started Started container c1
    20.7 Pulling Pulling image "two"
    25 Unhealthy Startup probe failed: Get "http://10.0.0.0:8080/": dial tcp 10.0.0.0:8080: connect: connection refused
    30 Unhealthy Startup probe failed: Get "http://10.0.0.0:8080/": dial tcp 10.0.0.0:8080: connect: connection refused
    35.7 Pulled Successfully pulled image "two". Image size: 15000000 bytes.
    35.9 Created Created container: c2
    35.9 Started Started container c2
    "#);
    assert!(cluster.queue.is_empty(), "nothing is left to happen");
}

/// A hung process: liveness every 10 s, time-out 1 s, three failures, grace 30 s, preStop 5 s.
#[test]
fn a_hung_process_is_killed_and_restarted() {
    let mut only = container("c1", 0);
    only.liveness = Some(probe(ProbeHandler::HttpGet));
    only.readiness = Some(ProbeSpec { failure_threshold: 1, ..probe(ProbeHandler::HttpGet) });
    only.pre_stop = Hook::Takes(secs(5));
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
    insta::assert_snapshot!(cluster.story(), @r#"
    0 PodPhase { phase: Running }
    0 PodReady { ready: true }
    0 ContainerStarted { container: 0, restarts: 0 }
    0 PodServing { serving: true }
    2 PodServing { serving: false }
    11 ProbeFailed { container: 0, kind: Liveness }
    11 ProbeFailed { container: 0, kind: Readiness }
    11.005 PodReady { ready: false }
    21 ProbeFailed { container: 0, kind: Liveness }
    31 ProbeFailed { container: 0, kind: Liveness }
    61 ContainerExited { container: 0, cause: LivenessProbe, code: 137, unneeded: false }
    61.2 ContainerStarted { container: 0, restarts: 1 }
    61.2 PodServing { serving: true }
    62.005 PodReady { ready: true }
    "#);
    insta::assert_snapshot!(cluster.events(), @r#"
    11 Unhealthy Liveness probe failed: Get "http://10.0.0.0:8080/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)
    11 Unhealthy Readiness probe failed: Get "http://10.0.0.0:8080/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)
    21 Unhealthy Liveness probe failed: Get "http://10.0.0.0:8080/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)
    31 Unhealthy Liveness probe failed: Get "http://10.0.0.0:8080/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)
    31 Killing Container c1 failed liveness probe, will be restarted
    61 Pulled Container image "one" already present on machine
    61.2 Created Created container: c1
    61.2 Started Started container c1
    "#);
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
    only.pre_stop = Hook::Takes(secs(5));
    let model = model(template(vec![only]));
    let mut cluster = Cluster::new(&model);
    let pod = cluster.adopt();
    cluster.run_to(at(10.0));
    cluster.delete(pod, secs(30));
    cluster.run_to(at(60.0));
    insta::assert_snapshot!(cluster.story(), @r#"
    0 PodPhase { phase: Running }
    0 PodReady { ready: true }
    0 ContainerStarted { container: 0, restarts: 0 }
    0 PodServing { serving: true }
    15.5 ContainerExited { container: 0, cause: Terminated, code: 0, unneeded: false }
    15.5 PodServing { serving: false }
    16.005 PodReady { ready: false }
    16.005 PodPhase { phase: Succeeded }
    17.005 PodDeleted { pod:  }
    "#);
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
    insta::assert_snapshot!(cluster.story(), @r#"
    0 PodPhase { phase: Running }
    0 PodReady { ready: true }
    0 ContainerStarted { container: 1, restarts: 0 }
    0 PodServing { serving: true }
    0 PodPhase { pod: PodId(1), phase: Running }
    0 PodReady { pod: PodId(1), ready: true }
    0 ContainerStarted { pod: PodId(1), container: 1, restarts: 0 }
    0 PodServing { pod: PodId(1), serving: true }
    100 ContainerExited { container: 1, cause: NodeLost, code: 255, unneeded: false }
    100 PodServing { serving: false }
    100 ContainerExited { pod: PodId(1), container: 1, cause: NodeLost, code: 255, unneeded: false }
    100 PodServing { pod: PodId(1), serving: false }
    200.005 PodReady { ready: false }
    200.005 PodDeleted { pod: PodId(1) }
    200.005 PodReason { pod: PodId(2), reason: PodInitializing }
    200.7 ContainerStarted { container: 0, restarts: 1 }
    200.7 ContainerStarted { pod: PodId(2), container: 0, restarts: 0 }
    201.005 PodPhase { phase: Pending }
    201.005 PodReason { reason: PodInitializing }
    203.7 ContainerExited { container: 0, cause: Itself, code: 0, unneeded: false }
    203.7 ContainerExited { pod: PodId(2), container: 0, cause: Itself, code: 0, unneeded: false }
    204.005 PodPhase { phase: Running }
    204.005 PodReason { reason: None }
    204.005 PodReason { pod: PodId(2), reason: ContainerCreating }
    204.2 ContainerStarted { container: 1, restarts: 1 }
    204.2 ContainerStarted { pod: PodId(2), container: 1, restarts: 0 }
    205 ProbeFailed { container: 1, kind: Readiness }
    205 ProbeFailed { container: 1, kind: Readiness }
    205 ProbeFailed { pod: PodId(2), container: 1, kind: Readiness }
    205 ProbeFailed { pod: PodId(2), container: 1, kind: Readiness }
    205.005 PodPhase { pod: PodId(2), phase: Running }
    205.005 PodReason { pod: PodId(2), reason: None }
    206 ProbeFailed { container: 1, kind: Readiness }
    206 ProbeFailed { pod: PodId(2), container: 1, kind: Readiness }
    206.2 PodServing { serving: true }
    206.2 PodServing { pod: PodId(2), serving: true }
    207.005 PodReady { ready: true }
    207.005 PodReady { pod: PodId(2), ready: true }
    "#);
    assert!(cluster.state.api.pods[doomed].gone);
    assert!(cluster.state.api.pods[late].is_ready());
}
