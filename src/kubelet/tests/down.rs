//! Kubelets that are down, and container runtimes that are.

use super::cluster::*;
use crate::event::KubeletEvent;
use crate::model::*;

fn node() -> NodeId {
    NodeId::from_index(NODE)
}

/// A pod with all probes whose container crashes now and then.
fn probed(crash_every_s: f64) -> Model {
    let mut only = container("c0", 0);
    only.startup = Some(ProbeSpec { period: secs(1), ..probe(ProbeHandler::HttpGet) });
    only.liveness = Some(probe(ProbeHandler::HttpGet));
    only.readiness = Some(ProbeSpec { period: secs(5), ..probe(ProbeHandler::HttpGet) });
    only.behaviour.startup_s = constant(2.0);
    if crash_every_s > 0.0 {
        only.behaviour.failures = vec![FailureProcess {
            mode: FailureMode::Crash { exit_code: 1 },
            onset: Onset::Every(constant(crash_every_s)),
            recovers: Recovers::OnRestart,
        }];
    }
    model(template(vec![only]))
}

#[test]
fn without_a_kubelet_containers_run_on_and_nobody_restarts_them() {
    let model = probed(100.0);
    let mut cluster = Cluster::new(&model);
    cluster.adopt();
    cluster.run_to(at(50.0));
    cluster.send(KubeletEvent::Stopped { node: node() });
    cluster.run_to(at(300.0));
    let late = cluster.bind();
    cluster.run_to(at(310.0));
    cluster.send(KubeletEvent::Started { node: node() });
    cluster.run_to(at(350.0));
    insta::assert_snapshot!(cluster.story(), @r#"
    0 PodPhase { phase: Running }
    0 PodReady { ready: true }
    0 ContainerStarted { container: 0, restarts: 0 }
    0 PodServing { serving: true }
    100 ContainerExited { container: 0, cause: Itself, code: 1, unneeded: false }
    100 PodServing { serving: false }
    310.005 PodReady { ready: false }
    310.005 PodReason { pod: PodId(1), reason: ContainerCreating }
    310.2 ContainerStarted { container: 0, restarts: 1 }
    310.7 ContainerStarted { pod: PodId(1), container: 0, restarts: 0 }
    311.005 PodPhase { pod: PodId(1), phase: Running }
    311.005 PodReason { pod: PodId(1), reason: None }
    311.721407832 ProbeFailed { pod: PodId(1), container: 0, kind: Startup }
    311.987430583 ProbeFailed { container: 0, kind: Startup }
    312.2 PodServing { serving: true }
    312.7 PodServing { pod: PodId(1), serving: true }
    312.726407832 PodReady { pod: PodId(1), ready: true }
    312.992430583 PodReady { ready: true }
    "#);
    assert!(cluster.state.api.pods[late].is_ready());
}

#[test]
fn a_kubelet_that_is_back_leaves_ready_pods_ready() {
    let model = probed(0.0);
    let mut cluster = Cluster::new(&model);
    let pods = [cluster.adopt(), cluster.adopt()];
    cluster.run_to(at(50.0));
    cluster.send(KubeletEvent::Stopped { node: node() });
    cluster.run_to(at(60.0));
    cluster.send(KubeletEvent::Started { node: node() });
    cluster.run_to(at(200.0));
    let lost = cluster.story().lines().filter(|line| line.contains("ready: false")).count();
    assert_eq!(lost, 0, "{}", cluster.story());
    assert!(pods.iter().all(|&pod| cluster.state.api.pods[pod].is_ready()));
    assert!(cluster.queue.is_empty(), "probes that pass sleep");
}

#[test]
fn what_was_to_be_stopped_meanwhile_is_stopped_when_the_kubelet_is_back() {
    let model = probed(0.0);
    let mut cluster = Cluster::new(&model);
    let [early, late] = [cluster.adopt(), cluster.adopt()];
    cluster.run_to(at(50.0));
    cluster.delete(early, secs(30));
    cluster.run_to(at(50.25));
    cluster.send(KubeletEvent::Stopped { node: node() });
    cluster.run_to(at(60.0));
    cluster.delete(late, secs(30));
    cluster.run_to(at(500.0));
    assert!(!cluster.state.api.pods[early].gone && !cluster.state.api.pods[late].gone);
    cluster.send(KubeletEvent::Started { node: node() });
    cluster.run_to(at(600.0));
    insta::assert_snapshot!(cluster.story(), @r#"
    0 PodPhase { phase: Running }
    0 PodReady { ready: true }
    0 ContainerStarted { container: 0, restarts: 0 }
    0 PodServing { serving: true }
    0 PodPhase { pod: PodId(1), phase: Running }
    0 PodReady { pod: PodId(1), ready: true }
    0 ContainerStarted { pod: PodId(1), container: 0, restarts: 0 }
    0 PodServing { pod: PodId(1), serving: true }
    50.5 ContainerExited { container: 0, cause: Terminated, code: 0, unneeded: false }
    50.5 PodServing { serving: false }
    500.005 PodReady { ready: false }
    500.005 PodPhase { phase: Succeeded }
    500.5 ContainerExited { pod: PodId(1), container: 0, cause: Terminated, code: 0, unneeded: false }
    500.5 PodServing { pod: PodId(1), serving: false }
    501.005 PodDeleted { pod:  }
    501.005 PodReady { pod: PodId(1), ready: false }
    501.005 PodPhase { pod: PodId(1), phase: Succeeded }
    502.005 PodDeleted { pod: PodId(1) }
    "#);
    assert!(cluster.queue.is_empty());
}

#[test]
fn a_pod_in_the_middle_of_its_start_is_started_by_the_next_kubelet() {
    let model = probed(0.0);
    // While the sandbox is made, while the image is pulled, while the container is created.
    for stopped_s in [0.2, 5.0, 20.6] {
        let mut cluster = Cluster::new(&model);
        let pod = cluster.bind();
        cluster.run_to(at(stopped_s));
        cluster.send(KubeletEvent::Stopped { node: node() });
        cluster.run_to(at(100.0));
        assert!(!cluster.state.api.pods[pod].is_ready());
        cluster.send(KubeletEvent::Started { node: node() });
        cluster.run_to(at(200.0));
        assert!(cluster.state.api.pods[pod].is_ready(), "{stopped_s}: {}", cluster.story());
        assert!(cluster.queue.is_empty());
    }
}

#[test]
fn without_a_runtime_nothing_is_started_or_stopped_until_it_is_back() {
    let model = probed(100.0);
    let mut cluster = Cluster::new(&model);
    let [_, doomed] = [cluster.adopt(), cluster.adopt()];
    cluster.run_to(at(50.0));
    cluster.send(KubeletEvent::RuntimeLost { node: node() });
    cluster.run_to(at(60.0));
    cluster.delete(doomed, secs(30));
    let late = cluster.bind();
    cluster.run_to(at(150.0));
    cluster.send(KubeletEvent::RuntimeBack { node: node() });
    cluster.run_to(at(180.0));
    insta::assert_snapshot!(cluster.story(), @r#"
    0 PodPhase { phase: Running }
    0 PodReady { ready: true }
    0 ContainerStarted { container: 0, restarts: 0 }
    0 PodServing { serving: true }
    0 PodPhase { pod: PodId(1), phase: Running }
    0 PodReady { pod: PodId(1), ready: true }
    0 ContainerStarted { pod: PodId(1), container: 0, restarts: 0 }
    0 PodServing { pod: PodId(1), serving: true }
    60.005 PodReason { pod: PodId(2), reason: ContainerCreating }
    100 ContainerExited { container: 0, cause: Itself, code: 1, unneeded: false }
    100 PodServing { serving: false }
    100 ContainerExited { pod: PodId(1), container: 0, cause: Itself, code: 1, unneeded: false }
    100 PodServing { pod: PodId(1), serving: false }
    150.005 PodReady { ready: false }
    150.005 PodReady { pod: PodId(1), ready: false }
    150.005 PodPhase { pod: PodId(1), phase: Failed }
    150.2 ContainerStarted { container: 0, restarts: 1 }
    150.7 ContainerStarted { pod: PodId(2), container: 0, restarts: 0 }
    151.005 PodDeleted { pod: PodId(1) }
    151.005 PodPhase { pod: PodId(2), phase: Running }
    151.005 PodReason { pod: PodId(2), reason: None }
    151.987430583 ProbeFailed { container: 0, kind: Startup }
    152 ProbeFailed { pod: PodId(2), container: 0, kind: Startup }
    152.2 PodServing { serving: true }
    152.7 PodServing { pod: PodId(2), serving: true }
    152.992430583 PodReady { ready: true }
    153.005 PodReady { pod: PodId(2), ready: true }
    "#);
    assert!(cluster.state.api.pods[late].is_ready());
    assert!(cluster.state.api.pods[doomed].gone);
}

#[test]
fn without_a_runtime_commands_have_no_result_and_a_hung_container_is_killed_late() {
    let mut only = container("c0", 0);
    only.liveness = Some(probe(ProbeHandler::HttpGet));
    only.readiness = Some(probe(ProbeHandler::Exec));
    only.behaviour.failures = vec![FailureProcess {
        mode: FailureMode::Hang,
        onset: Onset::At(at(60.0)),
        recovers: Recovers::OnRestart,
    }];
    let model = model(template(vec![only]));
    let mut cluster = Cluster::new(&model);
    let pod = cluster.adopt();
    cluster.align(pod, at(10.0));
    cluster.run_to(at(50.0));
    cluster.send(KubeletEvent::RuntimeLost { node: node() });
    cluster.run_to(at(150.0));
    cluster.send(KubeletEvent::RuntimeBack { node: node() });
    cluster.run_to(at(250.0));
    insta::assert_snapshot!(cluster.story(), @r#"
    0 PodPhase { phase: Running }
    0 PodReady { ready: true }
    0 ContainerStarted { container: 0, restarts: 0 }
    0 PodServing { serving: true }
    60 PodServing { serving: false }
    61 ProbeFailed { container: 0, kind: Liveness }
    71 ProbeFailed { container: 0, kind: Liveness }
    81 ProbeFailed { container: 0, kind: Liveness }
    180 ContainerExited { container: 0, cause: LivenessProbe, code: 137, unneeded: false }
    180.005 PodReady { ready: false }
    180.2 ContainerStarted { container: 0, restarts: 1 }
    180.2 PodServing { serving: true }
    181.005 PodReady { ready: true }
    "#);
}

#[test]
fn a_kubelet_that_starts_without_a_runtime_is_not_ready_from_the_start() {
    let model = probed(0.0);
    let mut cluster = Cluster::new(&model);
    cluster.adopt();
    cluster.run_to(at(50.0));
    cluster.send(KubeletEvent::RuntimeLost { node: node() });
    cluster.run_to(at(60.0));
    cluster.send(KubeletEvent::Stopped { node: node() });
    let told = |cluster: &Cluster<'_>| cluster.events().contains("NodeNotReady");
    cluster.run_to(at(69.0));
    assert!(!told(&cluster), "it has three minutes while the kubelet runs");
    cluster.send(KubeletEvent::Started { node: node() });
    cluster.run_to(at(70.0));
    assert!(told(&cluster), "{}", cluster.events());
}
