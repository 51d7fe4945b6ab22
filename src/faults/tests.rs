//! Tests of the storm: instants, overlaps, elections.

use std::collections::BTreeMap;

use super::*;
use crate::engine::EventQueue;
use crate::model::{FailureMode, Fault, Share, TemplateId, ZoneId, fixture};
use crate::record::{Detail, Recorder};
use crate::state::State;

mod domains;

/// Runs only the storm; `meddle` may change the world before each event, as a policy would.
/// Gives the facts and the events meant for others.
fn storm(
    model: &Model,
    meddle: impl Fn(SimTime, &mut State),
) -> (Vec<(SimTime, Fact)>, Vec<(SimTime, Event)>) {
    let streams = Streams::new(3, 1);
    let mut queue = EventQueue::new();
    let mut state = State::new(model);
    for component in Watcher::ALL {
        state.truth.process_mut(component).leading = true;
    }
    let mut record = Recorder::new(Detail::Metrics);
    let mut faults = Faults::new(model, &streams);
    let mut others = Vec::new();
    let mut now = SimTime::ZERO;
    let mut next = None;
    loop {
        meddle(now, &mut state);
        let mut cx = Cx {
            now,
            model,
            queue: &mut queue,
            state: &mut state,
            streams: &streams,
            record: &mut record,
        };
        match next {
            None => faults.start(&mut cx),
            Some(Event::Fault(event)) => faults.handle(&mut cx, event),
            Some(Event::Controller(ControllerEvent::Lead { epoch })) => {
                let process = cx.state.truth.process_mut(Watcher::ControllerManager);
                process.leading |= process.epoch == epoch;
                others.push((now, Event::Controller(ControllerEvent::Lead { epoch })));
            }
            Some(event) => others.push((now, event)),
        }
        let Some((key, event)) = queue.pop() else { break };
        now = key.time();
        next = Some(event);
    }
    (record.into_parts().0, others)
}

fn fault(kind: FaultKind, timing: FaultTiming, lasts_s: Option<f64>) -> Fault {
    let lasts_s = lasts_s.map(Distribution::Constant);
    Fault { kind, target: String::new(), timing, lasts_s }
}

fn at(seconds: u64) -> SimTime {
    SimTime::from_secs(seconds)
}

fn power(facts: &[(SimTime, Fact)]) -> Vec<(u64, usize, bool)> {
    facts
        .iter()
        .filter_map(|(time, fact)| match fact {
            Fact::NodeUp { node, up } => Some((time.as_nanos() / 1_000_000_000, node.index(), *up)),
            _ => None,
        })
        .collect()
}

#[test]
fn overlapping_outages_end_with_the_last_one_and_a_boot() {
    let mut model = fixture::model(&[2, 1]);
    let zone = ZoneId::from_index(0);
    let outage = FaultKind::ZoneOutage { zone };
    let crash = |node| FaultKind::NodeCrash { nodes: vec![NodeId::from_index(node)] };
    model.faults.push(fault(outage, FaultTiming::At(at(100)), Some(60.0)));
    model.faults.push(fault(crash(0), FaultTiming::At(at(130)), Some(100.0)));
    // Strikes while node 1 boots after the outage.
    model.faults.push(fault(crash(1), FaultTiming::At(at(175)), Some(5.0)));
    let (facts, others) = storm(&model, |_, _| {});
    assert_eq!(power(&facts), [(100, 0, false), (100, 1, false), (210, 1, true), (260, 0, true)]);
    let node = NodeId::from_index(1);
    let of_node: Vec<&(SimTime, Event)> = others
        .iter()
        .filter(|(_, event)| match event {
            Event::Kubelet(
                KubeletEvent::PowerLost { node: n } | KubeletEvent::Started { node: n },
            )
            | Event::Controller(ControllerEvent::Heartbeat { node: n }) => *n == node,
            _ => false,
        })
        .collect();
    assert_eq!(
        of_node,
        [
            &(at(100), Event::Kubelet(KubeletEvent::PowerLost { node })),
            &(at(100), Event::Controller(ControllerEvent::Heartbeat { node })),
            &(at(210), Event::Kubelet(KubeletEvent::Started { node })),
            &(at(210), Event::Controller(ControllerEvent::Heartbeat { node })),
        ]
    );
}

#[test]
fn faults_without_end_and_beyond_the_end_of_the_run() {
    let mut model = fixture::model(&[1]);
    let crash = || FaultKind::NodeCrash { nodes: vec![NodeId::from_index(0)] };
    model.faults.push(fault(crash(), FaultTiming::At(at(100)), None));
    model.faults.push(fault(crash(), FaultTiming::At(at(3601)), Some(1.0)));
    let (facts, _) = storm(&model, |_, _| {});
    assert_eq!(power(&facts), [(100, 0, false)]);
    assert_eq!(facts.len(), 2, "{facts:?}");
}

#[test]
fn a_container_fault_is_told_to_the_kubelets() {
    let mut model = fixture::model(&[1]);
    let kind = FaultKind::ContainerFault {
        templates: vec![TemplateId::from_index(0)],
        container: None,
        mode: FailureMode::Hang,
        share: Share(1000),
        lasting: false,
    };
    let fault_id = model.faults.push(fault(kind, FaultTiming::At(at(10)), Some(5.0)));
    let (_, others) = storm(&model, |_, _| {});
    let event = |begins| Event::Kubelet(KubeletEvent::ContainerFault { fault: fault_id, begins });
    assert_eq!(others, [(at(10), event(true)), (at(15), event(false))]);
}

/// A storm of everything, recurring.
fn stormy() -> Model {
    let mut model = fixture::model(&[3, 2]);
    let every = |mean| FaultTiming::Every(Distribution::Exponential { mean });
    let zone = ZoneId::from_index(0);
    let nodes = vec![NodeId::from_index(2), NodeId::from_index(4)];
    model.faults.push(fault(FaultKind::ZoneOutage { zone }, every(600.0), Some(120.0)));
    model.faults.push(fault(FaultKind::NodeCrash { nodes }, every(300.0), Some(90.0)));
    model.faults.push(fault(FaultKind::ControllerManagerCrash, every(400.0), Some(10.0)));
    model
}

#[test]
fn the_storm_is_the_same_whatever_happens_in_between() {
    let model = stormy();
    let exogenous = |facts: Vec<(SimTime, Fact)>| -> Vec<(SimTime, Fact)> {
        let leading = |fact: &Fact| matches!(fact, Fact::Leading { .. });
        facts.into_iter().filter(|(_, fact)| !leading(fact)).collect()
    };
    let calm = exogenous(storm(&model, |_, _| {}).0);
    assert!(calm.len() > 40, "{}", calm.len());
    let meddled = storm(&model, |now, state| {
        state.clients.requests += now.as_nanos() % 7;
        state.truth.process_mut(Watcher::ControllerManager).leading ^= now.as_nanos() % 3 == 0;
        for node in model.nodes.ids() {
            state.api.nodes[node].unschedulable ^= true;
        }
    });
    assert_eq!(exogenous(meddled.0), calm);
}

#[test]
fn another_fault_at_the_end_leaves_the_others_alone() {
    let model = stormy();
    let mut more = stormy();
    let nodes = vec![NodeId::from_index(1)];
    let kind = FaultKind::NodeCrash { nodes };
    more.faults.push(fault(kind, FaultTiming::At(at(50)), Some(10.0)));
    let begins = |model: &Model| {
        let mut begins: BTreeMap<FaultId, Vec<SimTime>> = BTreeMap::new();
        for (time, fact) in storm(model, |_, _| {}).0 {
            if let Fact::FaultBegan { fault, .. } = fact {
                begins.entry(fault).or_default().push(time);
            }
        }
        begins
    };
    let mut of_more = begins(&more);
    of_more.remove(&FaultId::from_index(3));
    assert_eq!(of_more, begins(&model));
}

#[test]
fn a_crashed_controller_manager_is_led_again_after_lease_poll_and_relist() {
    for (replicas, least, most) in [(1, 100.0 + 20.0 + 15.0 + 1.0, 141.0), (3, 114.0, 125.0)] {
        let mut model = fixture::model(&[1]);
        model.control_plane.controller_manager_election.replicas = replicas;
        let kind = FaultKind::ControllerManagerCrash;
        model.faults.push(fault(kind, FaultTiming::At(at(100)), Some(20.0)));
        let (facts, others) = storm(&model, |_, _| {});
        let component = Watcher::ControllerManager;
        let died = (at(100), Fact::Leading { component, leading: false });
        assert!(facts.contains(&died), "{facts:?}");
        let [(led, Event::Controller(ControllerEvent::Lead { epoch: 1 }))] = others[..] else {
            panic!("{others:?}")
        };
        assert!((least..most).contains(&led.as_secs_f64()), "{replicas}: {led}");
    }
}

#[test]
fn a_crash_before_the_next_leader_leads_delays_a_single_replica() {
    let mut model = fixture::model(&[1]);
    for begins in [100, 110] {
        let kind = FaultKind::ControllerManagerCrash;
        model.faults.push(fault(kind, FaultTiming::At(at(begins)), Some(20.0)));
    }
    let (_, others) = storm(&model, |_, _| {});
    // The first plan is stale: it has the epoch of the first crash.
    let led: Vec<(SimTime, u32)> = others
        .iter()
        .filter_map(|(time, event)| match event {
            Event::Controller(ControllerEvent::Lead { epoch }) => Some((*time, *epoch)),
            _ => None,
        })
        .collect();
    assert_eq!(led.iter().map(|led| led.1).collect::<Vec<_>>(), [1, 2]);
    assert!(led[1].0 >= at(146), "{led:?}");
}
