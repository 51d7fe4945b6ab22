//! Image registries that are down or slow.

use super::cluster::*;
use crate::event::KubeletEvent;
use crate::model::*;
use crate::record::Fact;

/// A model with these faults of the registry; a round trip takes half a second.
fn faulty(template: PodTemplate, kinds: Vec<FaultKind>) -> Model {
    let mut model = model(template);
    model.control_plane.pull_overhead_s = constant(0.5);
    let fault = |kind| Fault {
        kind,
        target: "registry".into(),
        timing: FaultTiming::At(crate::base::time::SimTime::ZERO),
        lasts_s: None,
    };
    model.faults = crate::base::id::IdVec::from_rows(kinds.into_iter().map(fault).collect());
    model
}

fn images(numbers: &[usize]) -> Vec<ImageId> {
    numbers.iter().map(|number| ImageId::from_index(*number)).collect()
}

fn turn(cluster: &mut Cluster<'_>, at_s: f64, number: usize, begins: bool) {
    cluster.run_to(at(at_s));
    let fault = FaultId::from_index(number);
    let faults = &mut cluster.state.truth.registry_faults;
    if begins {
        faults.push(fault);
    } else {
        faults.retain(|of| *of != fault);
    }
    cluster.send(KubeletEvent::Registry);
}

#[test]
fn attempts_wait_longer_and_longer_from_each_failure_on() {
    let pod = template(vec![container("c0", 0)]);
    let model = faulty(pod, vec![FaultKind::RegistryOutage { images: images(&[0]) }]);
    let mut cluster = Cluster::new(&model);
    turn(&mut cluster, 0.0, 0, true);
    cluster.bind();
    turn(&mut cluster, 700.0, 0, false);
    cluster.run_to(at(2000.0));
    insta::assert_snapshot!(cluster.events(), @r#"
    0.5 Pulling Pulling image "one"
    1 Failed Failed to pull image "one": failed to pull and unpack image "one": failed to resolve reference "one": connection refused
    1 Failed Error: ErrImagePull
    2 BackOff Back-off pulling image "one"
    2 Failed Error: ImagePullBackOff
    11 Pulling Pulling image "one"
    11.5 Failed Failed to pull image "one": failed to pull and unpack image "one": failed to resolve reference "one": connection refused
    11.5 Failed Error: ErrImagePull
    21.5 BackOff Back-off pulling image "one"
    21.5 Failed Error: ImagePullBackOff
    31.5 Pulling Pulling image "one"
    32 Failed Failed to pull image "one": failed to pull and unpack image "one": failed to resolve reference "one": connection refused
    32 Failed Error: ErrImagePull
    42 BackOff Back-off pulling image "one"
    42 Failed Error: ImagePullBackOff
    72 Pulling Pulling image "one"
    72.5 Failed Failed to pull image "one": failed to pull and unpack image "one": failed to resolve reference "one": connection refused
    72.5 Failed Error: ErrImagePull
    82.5 BackOff Back-off pulling image "one"
    82.5 Failed Error: ImagePullBackOff
    152.5 Pulling Pulling image "one"
    153 Failed Failed to pull image "one": failed to pull and unpack image "one": failed to resolve reference "one": connection refused
    153 Failed Error: ErrImagePull
    163 BackOff Back-off pulling image "one"
    163 Failed Error: ImagePullBackOff
    313 Pulling Pulling image "one"
    313.5 Failed Failed to pull image "one": failed to pull and unpack image "one": failed to resolve reference "one": connection refused
    313.5 Failed Error: ErrImagePull
    323.5 BackOff Back-off pulling image "one"
    323.5 Failed Error: ImagePullBackOff
    613.5 Pulling Pulling image "one"
    614 Failed Failed to pull image "one": failed to pull and unpack image "one": failed to resolve reference "one": connection refused
    614 Failed Error: ErrImagePull
    624 BackOff Back-off pulling image "one"
    624 Failed Error: ImagePullBackOff
    914 Pulling Pulling image "one"
    934.5 Pulled Successfully pulled image "one". Image size: 20000000 bytes.
    934.7 Created Created container: c0
    934.7 Started Started container c0
    "#);
    insta::assert_snapshot!(cluster.story(), @r#"
    0.005 PodReason { reason: ContainerCreating }
    1 PullFailed { pod:  }
    1.005 PodReason { reason: ErrImagePull }
    2.005 PodReason { reason: ImagePullBackOff }
    11.5 PullFailed { pod:  }
    11.505 PodReason { reason: ErrImagePull }
    21.505 PodReason { reason: ImagePullBackOff }
    32 PullFailed { pod:  }
    32.005 PodReason { reason: ErrImagePull }
    42.005 PodReason { reason: ImagePullBackOff }
    72.5 PullFailed { pod:  }
    72.505 PodReason { reason: ErrImagePull }
    82.505 PodReason { reason: ImagePullBackOff }
    153 PullFailed { pod:  }
    153.005 PodReason { reason: ErrImagePull }
    163.005 PodReason { reason: ImagePullBackOff }
    313.5 PullFailed { pod:  }
    313.505 PodReason { reason: ErrImagePull }
    323.505 PodReason { reason: ImagePullBackOff }
    614 PullFailed { pod:  }
    614.005 PodReason { reason: ErrImagePull }
    624.005 PodReason { reason: ImagePullBackOff }
    934.7 ContainerStarted { container: 0, restarts: 0 }
    934.7 PodServing { serving: true }
    935.005 PodReady { ready: true }
    935.005 PodPhase { phase: Running }
    935.005 PodReason { reason: None }
    "#);
    assert!(cluster.queue.is_empty(), "nothing is left to happen");
}

#[test]
fn what_is_here_costs_nothing_unless_the_policy_asks_the_registry() {
    let mut asks = container("c1", 1);
    asks.pull_policy = PullPolicy::Always;
    let pod = template(vec![container("c0", 0), asks, container("c2", 2)]);
    let model = faulty(pod, vec![FaultKind::RegistryOutage { images: images(&[0, 1]) }]);
    let mut cluster = Cluster::new(&model);
    for image in images(&[0, 1]) {
        cluster.kubelets.nodes[NodeId::from_index(NODE)].images.add(image);
    }
    turn(&mut cluster, 0.0, 0, true);
    cluster.bind();
    cluster.run_to(at(5.0));
    // The first starts from what is here, the second has to ask, the third's registry is up.
    insta::assert_snapshot!(cluster.events(), @r#"
    0.5 Pulled Container image "one" already present on machine
    0.7 Created Created container: c0
    0.7 Started Started container c0
    0.7 Pulling Pulling image "two"
    1.2 Failed Failed to pull image "two": failed to pull and unpack image "two": failed to resolve reference "two": connection refused
    1.2 Failed Error: ErrImagePull
    1.2 Pulling Pulling image "three"
    2.7 Pulled Successfully pulled image "three". Image size: 1000000 bytes.
    2.9 Created Created container: c2
    2.9 Started Started container c2
    2.9 BackOff Back-off pulling image "two"
    2.9 Failed Error: ImagePullBackOff
    "#);
}

#[test]
fn a_record_is_forgotten_ten_minutes_after_the_last_failure() {
    let mut only = container("c0", 0);
    only.pull_policy = PullPolicy::Always;
    only.behaviour.failures = vec![FailureProcess {
        mode: FailureMode::Crash { exit_code: 1 },
        onset: Onset::Every(constant(400.0)),
        recovers: Recovers::OnRestart,
    }];
    let model =
        faulty(template(vec![only]), vec![FaultKind::RegistryOutage { images: images(&[0]) }]);
    // Down while the container is to be started, and again before and after its record is old.
    for (second, waits) in [(500.0, 20.0), (900.0, 10.0)] {
        let mut cluster = Cluster::new(&model);
        turn(&mut cluster, 0.0, 0, true);
        cluster.bind();
        turn(&mut cluster, 5.0, 0, false);
        turn(&mut cluster, second - 100.0, 0, true);
        cluster.run_to(at(second - 100.0));
        cluster.run_to(at(2000.0));
        let failed: Vec<f64> = cluster
            .record
            .facts()
            .iter()
            .filter(|(_, fact)| matches!(fact, Fact::PullFailed { .. }))
            .map(|(time, _)| time.as_secs_f64())
            .collect();
        let again = failed[2] - failed[1];
        assert!((again - waits - 0.5).abs() < 0.5, "{failed:?}");
    }
}

#[test]
fn a_pull_under_way_breaks_or_slows_down() {
    let pod = template(vec![container("c0", 0)]);
    let slow = FaultKind::RegistrySlow {
        images: images(&[0]),
        factor_milli: 2000,
        bytes_per_s: Some(100_000),
    };
    let model = faulty(pod, vec![FaultKind::RegistryOutage { images: images(&[0]) }, slow]);
    // 20 MB at 1 MB/s from 0.5 s on, half a second for the round trip.
    let started = |cluster: &Cluster<'_>| {
        let starts = cluster.record.facts().iter();
        starts
            .filter(|(_, fact)| matches!(fact, Fact::ContainerStarted { .. }))
            .map(|(time, _)| time.as_secs_f64())
            .next()
    };
    let mut cluster = Cluster::new(&model);
    cluster.bind();
    // Ten seconds of transfer are done, ten remain and take a hundred; then as usual for the rest.
    turn(&mut cluster, 11.0, 1, true);
    turn(&mut cluster, 61.0, 1, false);
    cluster.run_to(at(300.0));
    assert_eq!(started(&cluster), Some(61.0 + 5.0 + 0.2));
    let mut cluster = Cluster::new(&model);
    cluster.bind();
    turn(&mut cluster, 11.0, 0, true);
    turn(&mut cluster, 12.0, 0, false);
    cluster.run_to(at(300.0));
    // Broken off at 11 s, tried again at 21 s from the beginning.
    assert_eq!(started(&cluster), Some(21.0 + 0.5 + 20.0 + 0.2));
}
