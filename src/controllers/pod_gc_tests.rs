//! Tests of the pod garbage collector.

use super::*;
use crate::controllers::bench::Bench;
use crate::model::{NodeId, fixture};
use crate::state::{Phase, Termination, Verb};

fn deletions(bench: &Bench<'_>) -> Vec<(SimTime, PodId)> {
    let deletion = |(time, request): &(SimTime, Request)| match request {
        Request::DeletePod { pod, grace, cause } => {
            assert_eq!((*grace, *cause), (Some(SimDuration::ZERO), DeletionCause::PodGc));
            Some((*time, *pod))
        }
        _ => None,
    };
    bench.log.iter().filter_map(deletion).collect()
}

#[test]
fn pods_deleted_before_they_had_a_node_go_at_the_next_pass() {
    let model = fixture::model(&[1]);
    let mut bench = Bench::new(&model);
    let at = SimTime::from_secs;
    bench.lead(SimTime::ZERO, 0);
    let stuck = bench.add_pod(SimTime::ZERO, None);
    let bound = bench.add_pod(SimTime::ZERO, Some(NodeId::from_index(0)));
    bench.run_before(at(33));
    for pod in [stuck, bound] {
        bench.state.api.pods[pod].termination = Some(Termination {
            requested: at(33),
            grace: SimDuration::from_secs(30),
            cause: DeletionCause::Operator,
        });
        bench.pod_changed(at(33), pod, Verb::Modified);
    }
    bench.run_before(at(500));
    assert_eq!(deletions(&bench), [(at(40), stuck)]);
    assert_eq!(bench.pending(), 0, "no pass is planned when nothing is due");
}

#[test]
fn the_oldest_terminated_pods_above_the_threshold_go() {
    let model = fixture::model(&[1]);
    let mut bench = Bench::new(&model);
    let at = SimTime::from_secs;
    bench.gc.threshold = 2;
    bench.lead(SimTime::ZERO, 0);
    let pods: Vec<PodId> =
        (0..5).map(|n| bench.add_pod(at(n), Some(NodeId::from_index(0)))).collect();
    bench.run_before(at(10));
    for &pod in pods.iter().rev().take(4) {
        bench.state.api.pods[pod].status.phase = Phase::Succeeded;
        bench.pod_changed(at(10), pod, Verb::Modified);
    }
    bench.run_before(at(500));
    assert_eq!(deletions(&bench), [(at(20), pods[1]), (at(20), pods[2])]);
}
