//! Tests of taint eviction: timers, tolerations, recorded traces.

use serde_json::Value;

use super::*;
use crate::base::map::Symbol;
use crate::base::recorded;
use crate::controllers::bench::Bench;
use crate::model::{TolerationOperator, fixture};
use crate::state::Verb;

fn symbol(model: &Model, word: &Value) -> Symbol {
    model.symbols.get(word.as_str().unwrap_or("")).expect("a word of the recordings")
}

fn effect(word: &Value) -> Option<TaintEffect> {
    match word.as_str() {
        None | Some("") => None,
        Some("NoSchedule") => Some(TaintEffect::NoSchedule),
        Some("PreferNoSchedule") => Some(TaintEffect::PreferNoSchedule),
        Some("NoExecute") => Some(TaintEffect::NoExecute),
        Some(other) => panic!("no effect: {other}"),
    }
}

fn taints(model: &Model, list: &Value) -> Vec<Taint> {
    let list = list.as_array().unwrap();
    let taint = |taint: &Value| Taint {
        key: symbol(model, &taint["key"]),
        value: symbol(model, &taint["value"]),
        effect: effect(&taint["effect"]).unwrap(),
    };
    list.iter().map(taint).collect()
}

fn tolerations(model: &Model, list: &Value) -> Vec<Toleration> {
    let toleration = |toleration: &Value| Toleration {
        key: toleration["key"].as_str().map(|_| symbol(model, &toleration["key"])),
        operator: match toleration["operator"].as_str() {
            Some("Exists") => TolerationOperator::Exists,
            _ => TolerationOperator::Equal,
        },
        value: symbol(model, &toleration["value"]),
        effect: effect(&toleration["effect"]),
        seconds: toleration["tolerationSeconds"].as_i64(),
    };
    list.as_array().map(|list| list.iter().map(toleration).collect()).unwrap_or_default()
}

#[test]
fn toleration_times_are_those_recorded() {
    let model = fixture::model(&[1]);
    recorded::for_each("taint_toleration_time", |case, input, expected| {
        let taints = no_execute(&taints(&model, &input["taints"]));
        let stay = stay(&taints, &tolerations(&model, &input["tolerations"]));
        assert_eq!(expected["allTolerated"], stay != Stay::NotTolerated, "{case}");
        let seconds = match stay {
            Stay::NotTolerated => Some(0),
            Stay::Forever => None,
            Stay::For(wait) => Some(wait.as_secs()),
        };
        assert_eq!(expected["evictAfterSeconds"].as_u64(), seconds, "{case}");
    });
}

/// The recorded histories, replayed on the timers alone: tolerations of a pod never change here.
struct Replay {
    evictions: Evictions,
    pods: BTreeMap<PodId, Vec<Toleration>>,
    deleted: BTreeMap<PodId, SimTime>,
    cancelled: u64,
}

impl Replay {
    fn look_at(&mut self, pod: PodId, taints: &[Taint], now: SimTime) {
        let Some(tolerations) = self.pods.get(&pod) else { return };
        let existing = self.evictions.pods.get(&pod).copied();
        let (created, fires) = match verdict(stay(taints, tolerations), existing, now) {
            Verdict::Keep => return,
            Verdict::Cancel => return self.cancel(pod, now),
            Verdict::Now => (now, now),
            Verdict::At { created, fires } => (created, fires),
        };
        self.cancel(pod, now);
        self.evictions.start(pod, created, fires);
        self.fire(now);
    }

    fn cancel(&mut self, pod: PodId, now: SimTime) {
        self.cancelled += u64::from(self.evictions.cancel(pod, now));
    }

    /// Lets all timers run out that do so by `now`.
    fn fire(&mut self, now: SimTime) {
        let due: Vec<(PodId, SimTime, u32)> = self
            .evictions
            .pods
            .iter()
            .filter_map(|(&pod, eviction)| match *eviction {
                Eviction::Timed { fires, epoch, .. } if fires <= now => Some((pod, fires, epoch)),
                _ => None,
            })
            .collect();
        for (pod, fires, epoch) in due {
            assert!(self.evictions.fire(pod, fires, epoch));
            if self.pods.remove(&pod).is_some() {
                self.deleted.insert(pod, fires);
                self.evictions.cancel(pod, fires);
            }
        }
    }
}

#[test]
fn eviction_traces_are_those_recorded() {
    let model = fixture::model(&[1]);
    let pod_of = |name: &Value| {
        PodId::from_index(name.as_str().unwrap().trim_start_matches('p').parse().unwrap())
    };
    recorded::for_each("taint_eviction_trace", |case, input, expected| {
        let mut replay = Replay {
            evictions: Evictions::default(),
            pods: BTreeMap::new(),
            deleted: BTreeMap::new(),
            cancelled: 0,
        };
        let mut on_node: Vec<Taint> = Vec::new();
        let mut last = SimTime::ZERO;
        for event in input["events"].as_array().unwrap() {
            let now = SimTime::from_secs(event["t"].as_u64().unwrap());
            last = now;
            replay.fire(now);
            match event["op"].as_str().unwrap() {
                "nodeTaints" => {
                    let next = no_execute(&taints(&model, &event["taints"]));
                    if next == on_node {
                        continue;
                    }
                    on_node = next;
                    let pods: Vec<PodId> = replay.pods.keys().copied().collect();
                    for pod in pods {
                        replay.look_at(pod, &on_node, now);
                    }
                }
                op => {
                    let pod = pod_of(&event["pod"]);
                    let tolerations = tolerations(&model, &event["tolerations"]);
                    if op == "podTolerationsReplaced" {
                        let Some(before) = replay.pods.get(&pod) else { continue };
                        if *before == tolerations {
                            continue;
                        }
                    }
                    replay.pods.insert(pod, tolerations);
                    if !on_node.is_empty() {
                        replay.look_at(pod, &on_node, now);
                    }
                }
            }
        }
        replay.fire(last + SimDuration::from_secs(1000));
        let deleted: BTreeMap<PodId, SimTime> = expected["deletedAt"]
            .as_object()
            .unwrap()
            .iter()
            .filter(|(_, at)| at.is_number())
            .map(|(name, at)| {
                (pod_of(&Value::from(name.as_str())), SimTime::from_secs(at.as_u64().unwrap()))
            })
            .collect();
        assert_eq!(replay.deleted, deleted, "{case}");
        assert_eq!(expected["cancelEvents"].as_u64(), Some(replay.cancelled), "{case}");
    });
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
