//! ConfigMaps and Secrets that are not there.

use super::cluster::*;
use crate::base::id::IdVec;
use crate::model::*;

/// A pod of two containers: the first needs a Secret in its environment, the pod a ConfigMap as a
/// volume.
fn needy() -> Model {
    let mut template = template(vec![container("c0", 0), container("c1", 1)]);
    let reference = |kind, name: &str, used| ConfigReference { kind, name: name.into(), used };
    template.configs = vec![
        reference(ConfigKind::Secret, "keys", ConfigUse::Environment(0)),
        reference(ConfigKind::ConfigMap, "settings", ConfigUse::Volume("conf".into())),
    ];
    let mut model = model(template);
    let fault = |kind, name: &str| Fault {
        kind: FaultKind::ConfigMissing {
            namespace: NamespaceId::from_index(0),
            kind,
            name: name.into(),
        },
        target: name.into(),
        timing: FaultTiming::At(crate::base::time::SimTime::ZERO),
        lasts_s: None,
    };
    model.faults = IdVec::from_rows(vec![
        fault(ConfigKind::Secret, "keys"),
        fault(ConfigKind::ConfigMap, "settings"),
    ]);
    model
}

fn present(cluster: &mut Cluster<'_>, images: &[usize]) {
    for &number in images {
        let store = &mut cluster.kubelets.nodes[NodeId::from_index(NODE)].images;
        store.add(ImageId::from_index(number));
    }
}

#[test]
fn a_container_without_its_secret_waits_and_the_others_start() {
    let model = needy();
    let mut cluster = Cluster::new(&model);
    present(&mut cluster, &[1]);
    cluster.state.truth.missing_configs.push(FaultId::from_index(0));
    cluster.bind();
    cluster.run_to(at(50.0));
    cluster.state.truth.missing_configs.clear();
    cluster.run_to(at(100.0));
    insta::assert_snapshot!(cluster.events(), @r#"
    0.5 Pulling Pulling image "one"
    20.5 Pulled Successfully pulled image "one". Image size: 20000000 bytes.
    20.5 Failed Error: secret "keys" not found
    20.5 Pulled Container image "two" already present on machine
    20.7 Created Created container: c1
    20.7 Started Started container c1
    30.5 Pulled Container image "one" already present on machine
    30.5 Failed Error: secret "keys" not found
    40.5 Pulled Container image "one" already present on machine
    40.5 Failed Error: secret "keys" not found
    50.5 Pulled Container image "one" already present on machine
    50.7 Created Created container: c0
    50.7 Started Started container c0
    "#);
    insta::assert_snapshot!(cluster.story(), @r#"
    0.005 PodReason { reason: ContainerCreating }
    20.505 PodReason { reason: CreateContainerConfigError }
    20.7 ContainerStarted { container: 1, restarts: 0 }
    50.505 PodReason { reason: ContainerCreating }
    50.7 ContainerStarted { container: 0, restarts: 0 }
    50.7 PodServing { serving: true }
    51.005 PodReady { ready: true }
    51.005 PodPhase { phase: Running }
    51.005 PodReason { reason: None }
    "#);
    assert!(cluster.queue.is_empty());
}

#[test]
fn a_volume_without_its_config_map_keeps_the_whole_pod_waiting() {
    let model = needy();
    let mut cluster = Cluster::new(&model);
    present(&mut cluster, &[0, 1]);
    cluster.state.truth.missing_configs.push(FaultId::from_index(1));
    let pod = cluster.bind();
    cluster.run_to(at(20.0));
    cluster.state.truth.missing_configs.clear();
    cluster.run_to(at(100.0));
    insta::assert_snapshot!(cluster.events(), @r#"
    0 FailedMount MountVolume.SetUp failed for volume "conf" : configmap "settings" not found
    0.5 FailedMount MountVolume.SetUp failed for volume "conf" : configmap "settings" not found
    1.5 FailedMount MountVolume.SetUp failed for volume "conf" : configmap "settings" not found
    3.5 FailedMount MountVolume.SetUp failed for volume "conf" : configmap "settings" not found
    7.5 FailedMount MountVolume.SetUp failed for volume "conf" : configmap "settings" not found
    15.5 FailedMount MountVolume.SetUp failed for volume "conf" : configmap "settings" not found
    32 Pulled Container image "one" already present on machine
    32.2 Created Created container: c0
    32.2 Started Started container c0
    32.2 Pulled Container image "two" already present on machine
    32.4 Created Created container: c1
    32.4 Started Started container c1
    "#);
    assert!(cluster.state.api.pods[pod].is_ready());
    assert!(cluster.queue.is_empty());
}

#[test]
fn a_pod_that_waits_for_either_can_be_deleted() {
    let model = needy();
    for fault in 0..2 {
        let mut cluster = Cluster::new(&model);
        cluster.state.truth.missing_configs.push(FaultId::from_index(fault));
        let pod = cluster.bind();
        cluster.run_to(at(5.0));
        cluster.delete(pod, secs(30));
        cluster.run_to(at(100.0));
        assert!(cluster.state.api.pods[pod].gone, "fault {fault}");
        assert!(cluster.queue.is_empty());
    }
}
