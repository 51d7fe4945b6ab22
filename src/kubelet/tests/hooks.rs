//! postStart hooks and `activeDeadlineSeconds`.

use super::cluster::*;
use crate::model::*;

/// Images on the node, so that nothing has to be pulled.
fn with_images(cluster: &mut Cluster<'_>) {
    for number in 0..3 {
        let images = &mut cluster.kubelets.nodes[NodeId::from_index(NODE)].images;
        images.add(ImageId::from_index(number));
    }
}

#[test]
fn the_next_container_and_the_pods_status_wait_for_the_hook() {
    let mut first = container("c0", 0);
    first.post_start = Hook::Takes(secs(7));
    first.readiness = Some(probe(ProbeHandler::HttpGet));
    let model = model(template(vec![first, container("c1", 1)]));
    let mut cluster = Cluster::new(&model);
    with_images(&mut cluster);
    cluster.bind();
    cluster.run_to(at(30.0));
    insta::assert_snapshot!(cluster.story(), @r#"
    0.005 PodReason { reason: ContainerCreating }
    0.7 ContainerStarted { container: 0, restarts: 0 }
    7.9 ContainerStarted { container: 1, restarts: 0 }
    7.9 PodServing { serving: true }
    8.005 PodPhase { phase: Running }
    8.005 PodReason { reason: None }
    8.005 PodReady { ready: true }
    "#);
    assert!(cluster.queue.is_empty());
}

#[test]
fn a_container_whose_hook_fails_is_killed_and_backs_off() {
    let mut only = container("c0", 0);
    only.post_start = Hook::Takes(secs(2));
    only.behaviour.post_start_fails = 1.0;
    let model = model(template(vec![only]));
    let mut cluster = Cluster::new(&model);
    with_images(&mut cluster);
    cluster.bind();
    cluster.run_to(at(40.0));
    insta::assert_snapshot!(cluster.events(), @r#"
    0.5 Pulled Container image "one" already present on machine
    0.7 Created Created container: c0
    0.7 Started Started container c0
    2.7 FailedPostStartHook PostStartHook failed
    2.7 Killing FailedPostStartHook
    4 Pulled Container image "one" already present on machine
    4.2 Created Created container: c0
    4.2 Started Started container c0
    6.2 FailedPostStartHook PostStartHook failed
    6.2 Killing FailedPostStartHook
    7 BackOff Back-off restarting failed container c0 in pod app-kbbbb_default
    16.7 Pulled Container image "one" already present on machine
    16.9 Created Created container: c0
    16.9 Started Started container c0
    18.9 FailedPostStartHook PostStartHook failed
    18.9 Killing FailedPostStartHook
    20 BackOff Back-off restarting failed container c0 in pod app-kbbbb_default
    39.4 Pulled Container image "one" already present on machine
    39.6 Created Created container: c0
    39.6 Started Started container c0
    "#);
    insta::assert_snapshot!(cluster.story(), @r#"
    0.005 PodReason { reason: ContainerCreating }
    0.7 ContainerStarted { container: 0, restarts: 0 }
    0.7 PodServing { serving: true }
    3.005 PodReady { ready: true }
    3.005 PodPhase { phase: Running }
    3.005 PodReason { reason: None }
    3.2 ContainerExited { container: 0, cause: PostStartHook, code: 0, unneeded: false }
    3.2 PodServing { serving: false }
    4.005 PodReady { ready: false }
    4.2 ContainerStarted { container: 0, restarts: 1 }
    4.2 PodServing { serving: true }
    6.7 ContainerExited { container: 0, cause: PostStartHook, code: 0, unneeded: false }
    6.7 PodServing { serving: false }
    7.005 PodReason { reason: CrashLoopBackOff }
    16.705 PodReason { reason: None }
    16.9 ContainerStarted { container: 0, restarts: 2 }
    16.9 PodServing { serving: true }
    19.005 PodReady { ready: true }
    19.4 ContainerExited { container: 0, cause: PostStartHook, code: 0, unneeded: false }
    19.4 PodServing { serving: false }
    20.005 PodReady { ready: false }
    20.005 PodReason { reason: CrashLoopBackOff }
    39.405 PodReason { reason: None }
    39.6 ContainerStarted { container: 0, restarts: 3 }
    39.6 PodServing { serving: true }
    "#);
}

#[test]
fn a_process_that_dies_takes_its_hook_with_it() {
    let mut only = container("c0", 0);
    only.post_start = Hook::Takes(secs(100));
    only.behaviour.failures = vec![FailureProcess {
        mode: FailureMode::Crash { exit_code: 3 },
        onset: Onset::Every(constant(5.0)),
        recovers: Recovers::OnRestart,
    }];
    let model = model(template(vec![only]));
    let mut cluster = Cluster::new(&model);
    with_images(&mut cluster);
    let pod = cluster.bind();
    cluster.run_to(at(15.0));
    insta::assert_snapshot!(cluster.events(), @r#"
    0.5 Pulled Container image "one" already present on machine
    0.7 Created Created container: c0
    0.7 Started Started container c0
    5.7 FailedPostStartHook PostStartHook failed
    6 Pulled Container image "one" already present on machine
    6.2 Created Created container: c0
    6.2 Started Started container c0
    11.2 FailedPostStartHook PostStartHook failed
    12 BackOff Back-off restarting failed container c0 in pod app-kbbbb_default
    "#);
    cluster.delete(pod, secs(30));
    cluster.run_to(at(60.0));
    assert!(cluster.state.api.pods[pod].gone, "a pod in the middle of a hook can be deleted");
}

#[test]
fn a_pod_that_is_active_for_too_long_fails() {
    let mut template = template(vec![container("c0", 0)]);
    template.active_deadline = Some(secs(60));
    let model = model(template);
    let mut cluster = Cluster::new(&model);
    with_images(&mut cluster);
    cluster.run_to(at(3.25));
    cluster.bind();
    cluster.run_to(at(200.0));
    insta::assert_snapshot!(cluster.story(), @r#"
    3.255 PodReason { reason: ContainerCreating }
    3.95 ContainerStarted { container: 0, restarts: 0 }
    3.95 PodServing { serving: true }
    4.005 PodReady { ready: true }
    4.005 PodPhase { phase: Running }
    4.005 PodReason { reason: None }
    63.5 ContainerExited { container: 0, cause: Terminated, code: 0, unneeded: false }
    63.5 PodServing { serving: false }
    64.005 PodReady { ready: false }
    64.005 PodPhase { phase: Failed }
    64.005 PodReason { reason: DeadlineExceeded }
    "#);
    let last = cluster.events();
    let last: Vec<&str> = last.lines().skip(3).collect();
    insta::assert_snapshot!(last.join("\n"), @r"
    63 DeadlineExceeded Pod was active on the node longer than the specified deadline
    63 Killing Stopping container c0
    ");
    assert!(cluster.queue.is_empty());
}

#[test]
fn the_deadline_is_kept_by_a_kubelet_that_comes_back_too_late() {
    let mut template = template(vec![container("c0", 0)]);
    template.active_deadline = Some(secs(60));
    let model = model(template);
    let (pod, node) = (PodId::from_index(0), NodeId::from_index(NODE));
    for (down, back) in [
        (crate::event::KubeletEvent::PowerLost { node }, true),
        (crate::event::KubeletEvent::Stopped { node }, false),
    ] {
        let mut cluster = Cluster::new(&model);
        with_images(&mut cluster);
        cluster.bind();
        cluster.run_to(at(30.0));
        cluster.send(down);
        cluster.run_to(at(90.0));
        cluster.send(crate::event::KubeletEvent::Started { node });
        cluster.run_to(at(100.0));
        let status = &cluster.state.api.pods[pod].status;
        assert_eq!(status.reason.name(), "DeadlineExceeded", "machine down: {back}");
    }
}
