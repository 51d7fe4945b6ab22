//! Tests of taint eviction: timers and tolerations.

use super::*;
use crate::controllers::bench::Bench;
use crate::model::fixture;
use crate::state::Verb;

#[test]
fn a_timer_is_never_moved_and_a_new_one_starts_at_once() {
    let (pod, at) = (PodId::from_index(0), SimTime::from_secs);
    let wait = |seconds| Stay::For(SimDuration::from_secs(seconds));
    let mut evictions = Evictions::default();
    let first = evictions.look(pod, wait(300), at(10));
    let Some((fires, epoch)) = first.timer else { panic!("{first:?}") };
    assert_eq!((first.cancelled, fires), (false, at(310)));
    assert_eq!(evictions.look(pod, wait(5), at(20)), Looked::default());
    assert!(evictions.look(pod, Stay::Forever, at(30)).cancelled);
    assert!(!evictions.fire(pod, at(310), epoch), "called off");
    let now = evictions.look(pod, Stay::NotTolerated, at(40));
    assert!(!now.cancelled && now.timer.is_some_and(|(fires, _)| fires == at(40)));
}

#[test]
fn an_untolerated_taint_evicts_at_once_and_a_deleted_pod_calls_its_timer_off() {
    let model = fixture::model(&[2]);
    let mut bench = Bench::new(&model);
    bench.lead(SimTime::ZERO, 0);
    let node = NodeId::from_index(0);
    let (first, second) =
        (bench.add_pod(SimTime::ZERO, Some(node)), bench.add_pod(SimTime::ZERO, Some(node)));
    let word = |word| model.symbols.get(word).unwrap();
    let taint = |key| Taint { key: word(key), value: word(""), effect: TaintEffect::NoExecute };
    let at = SimTime::from_secs;
    bench.run_before(at(10));
    // A kubelet reports not ready for a while, which the lifecycle controller taints.
    bench.state.api.nodes[node].taints.push(taint("node.kubernetes.io/unreachable"));
    bench.with(at(10), |parts, _| {
        parts.cache.nodes[node].ready.status = crate::state::ConditionStatus::Unknown;
    });
    bench.state.api.nodes[node].ready.status = crate::state::ConditionStatus::Unknown;
    bench.node_changed(at(10), node);
    bench.run_before(at(50));
    bench.state.api.pods[first].gone = true;
    bench.pod_changed(at(50), first, Verb::Deleted);
    bench.run_before(at(60));
    bench.state.api.nodes[node].taints.push(taint("maint"));
    bench.node_changed(at(60), node);
    bench.run_before(at(1000));
    let deletions = bench.log.iter().filter_map(|(time, request)| match request {
        Request::DeletePod { pod, .. } => Some((*time, *pod)),
        _ => None,
    });
    assert_eq!(deletions.collect::<Vec<_>>(), [(at(60), second)]);
    let reasons: Vec<(SimTime, &str)> = bench
        .record
        .events()
        .iter()
        .filter(|event| event.reason == "TaintManagerEviction")
        .map(|event| (event.time, event.message.split(" of ").next().unwrap()))
        .collect();
    assert_eq!(reasons.len(), 3, "{reasons:?}");
    assert_eq!(reasons[0], (at(50), "Cancelling deletion"));
    assert_eq!(reasons[1], (at(60), "Cancelling deletion"));
    assert!(reasons[2].1.starts_with("Marking for deletion Pod shop/checkout-"));
}
