//! What the restart policy makes of a pod whose node loses power and boots.

use super::cluster::*;
use crate::event::KubeletEvent;
use crate::model::*;
use crate::record::Fact;
use crate::state::Phase;

/// A container that exits with `code` at `at_s`, or never.
fn ends(name: &str, image: usize, exit: Option<(f64, i32)>) -> ContainerSpec {
    let mut spec = container(name, image);
    spec.behaviour.failures.extend(exit.map(|(at_s, exit_code)| FailureProcess {
        mode: FailureMode::Crash { exit_code },
        onset: Onset::At(at(at_s)),
        recovers: Recovers::OnRestart,
    }));
    spec
}

/// Loses power at 100 s, boots at 200 s, and is left alone until 300 s.
fn reboot<'a>(model: &'a Model, begin: impl FnOnce(&mut Cluster<'a>)) -> Cluster<'a> {
    let node = NodeId::from_index(NODE);
    let mut cluster = Cluster::new(model);
    begin(&mut cluster);
    cluster.run_to(at(100.0));
    cluster.send(KubeletEvent::PowerLost { node });
    cluster.run_to(at(200.0));
    cluster.send(KubeletEvent::Started { node });
    cluster.run_to(at(300.0));
    cluster
}

/// Containers started after the boot, by position.
fn started(cluster: &Cluster<'_>) -> Vec<u8> {
    let facts = cluster.record.facts().iter();
    facts
        .filter(|(time, _)| *time >= at(200.0))
        .filter_map(|(_, fact)| match fact {
            Fact::ContainerStarted { container, .. } => Some(*container),
            _ => None,
        })
        .collect()
}

#[test]
fn the_restart_policy_decides_what_runs_again_after_a_boot() {
    use RestartPolicy::{Always, Never, OnFailure};
    let (done, failed) = (Some((50.0, 0)), Some((50.0, 3)));
    // Exits of two app containers before the loss of power; phase and starts after the boot.
    type Row<'a> = (RestartPolicy, [Option<(f64, i32)>; 2], Phase, &'a [u8]);
    let rows: [Row<'_>; 9] = [
        (Never, [None, None], Phase::Failed, &[]),
        (Never, [done, None], Phase::Failed, &[]),
        (Never, [done, done], Phase::Succeeded, &[]),
        (Never, [done, failed], Phase::Failed, &[]),
        (OnFailure, [done, done], Phase::Succeeded, &[]),
        (OnFailure, [done, None], Phase::Running, &[1]),
        (OnFailure, [None, None], Phase::Running, &[0, 1]),
        (Always, [None, None], Phase::Running, &[0, 1]),
        (Always, [done, None], Phase::Running, &[0, 1]),
    ];
    for (policy, [first, second], phase, starts) in rows {
        let mut template = template(vec![ends("c0", 0, first), ends("c1", 1, second)]);
        template.restart_policy = policy;
        let model = model(template);
        let cluster = reboot(&model, |cluster| {
            cluster.adopt();
        });
        let row = (policy, first, second);
        let status = cluster.state.api.pods[PodId::from_index(0)].status;
        assert_eq!(status.phase, phase, "{row:?}");
        assert_eq!(started(&cluster), starts, "{row:?}");
        assert_eq!(status.ready.is_true(), starts.len() == 2, "{row:?}");
        assert!(cluster.queue.is_empty(), "{row:?}");
    }
}

/// The status that says so had not been sent when power was lost: PLEG lists at whole seconds.
#[test]
fn an_exit_that_the_kubelet_had_not_seen_counts() {
    let mut template = template(vec![ends("c0", 0, Some((99.9, 0)))]);
    template.restart_policy = RestartPolicy::OnFailure;
    let model = model(template);
    let cluster = reboot(&model, |cluster| {
        cluster.adopt();
        cluster.run_to(at(99.95));
        cluster.send(KubeletEvent::PowerLost { node: NodeId::from_index(NODE) });
    });
    assert!(started(&cluster).is_empty());
    let status = cluster.state.api.pods[PodId::from_index(0)].status;
    assert_eq!(status.phase, Phase::Succeeded);
}

#[test]
fn a_pod_that_had_finished_stays_finished_and_gives_its_room_back_once() {
    let mut template = template(vec![ends("c0", 0, Some((50.0, 1)))]);
    template.restart_policy = RestartPolicy::Never;
    template.requests.cpu_milli = 3000;
    let model = model(template);
    let mut cluster = reboot(&model, |cluster| {
        cluster.adopt();
        cluster.run_to(at(60.0));
        let phase = cluster.state.api.pods[PodId::from_index(0)].status.phase;
        assert_eq!(phase, Phase::Failed);
        cluster.adopt();
    });
    assert!(started(&cluster).is_empty());
    let third = cluster.bind();
    cluster.run_to(at(400.0));
    assert!(cluster.state.api.pods[third].is_ready(), "there is room again");
    let fourth = cluster.bind();
    cluster.run_to(at(401.0));
    assert_eq!(cluster.state.api.pods[fourth].status.phase, Phase::Failed, "but for one only");
}

/// Kubernetes makes no second sandbox for such a pod, though a container of it never ran.
#[test]
fn a_pod_that_is_never_restarted_and_had_not_begun_in_full_is_left_pending() {
    let mut template = template(vec![ends("c0", 2, None), ends("c1", 0, None)]);
    template.restart_policy = RestartPolicy::Never;
    let model = model(template);
    let mut cluster = reboot(&model, |cluster| {
        cluster.run_to(at(90.0));
        cluster.bind();
    });
    let pod = PodId::from_index(0);
    assert!(started(&cluster).is_empty());
    assert_eq!(cluster.state.api.pods[pod].status.phase, Phase::Pending);
    cluster.delete(pod, secs(30));
    cluster.run_to(at(310.0));
    assert!(cluster.state.api.pods[pod].gone);
}

#[test]
fn init_containers_and_sidecars_run_again_and_every_instance_counts() {
    let mut side = container("i1", 1);
    side.sidecar = true;
    let mut template = template(vec![ends("c0", 2, Some((50.0, 0))), container("c1", 2)]);
    template.init_containers = vec![container("i0", 0), side];
    template.restart_policy = RestartPolicy::OnFailure;
    let model = model(template);
    let cluster = reboot(&model, |cluster| {
        cluster.adopt();
    });
    assert_eq!(started(&cluster), [0, 1, 3], "not the container that has done its work");
    let status = cluster.state.api.pods[PodId::from_index(0)].status;
    assert_eq!((status.restarts, status.phase), (1, Phase::Running));
}

#[test]
fn probes_of_pods_that_come_within_a_period_of_the_kubelet_s_start_are_spread() {
    let mut only = container("c0", 0);
    only.readiness = Some(ProbeSpec { period: secs(30), ..probe(ProbeHandler::HttpGet) });
    let model = model(template(vec![only]));
    let anchor = |wait_s: f64| {
        let mut cluster = Cluster::new(&model);
        cluster.send(KubeletEvent::Started { node: NodeId::from_index(NODE) });
        cluster.run_to(at(wait_s));
        let pod = cluster.bind();
        let pod = cluster.kubelets.pods[pod.index()].as_ref().unwrap();
        pod.containers[0].probes[0].anchor.as_secs_f64() - wait_s
    };
    let early = anchor(29.0);
    assert!(0.0 < early && early < 30.0, "spread by {early} s");
    assert_eq!(anchor(30.0), 0.0);
}
