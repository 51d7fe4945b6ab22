//! The queue's rules one by one, and that no history loses or doubles a pod.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::model::TemplateId;
use crate::scheduling::{PodChange, plugins};

fn first() -> TemplateId {
    TemplateId::from_index(0)
}

fn plugin(name: &str) -> PluginId {
    plugins::id_of(name).expect("a known plugin")
}

fn set(names: &[&str]) -> PluginSet {
    let mut set = PluginSet::default();
    names.iter().for_each(|name| set.insert(plugin(name)));
    set
}

fn pod(index: usize) -> PodId {
    PodId::from_index(index)
}

fn at(millis: u64) -> SimTime {
    SimTime::ZERO.saturating_add(SimDuration::from_millis(millis))
}

fn deleted(assigned: bool) -> ClusterEvent {
    ClusterEvent::AssignedPodDelete { pod: pod(1000), template: first(), assigned }
}

fn updated(of: PodId, change: PodChange) -> ClusterEvent {
    ClusterEvent::PodUpdate { pod: of, change, assigned: false, before: first(), after: first() }
}

/// Plugins that always say the same.
#[derive(Default)]
struct Always {
    skip: bool,
    gated: BTreeSet<PodId>,
    gate: &'static str,
}

impl Verdicts for Always {
    fn wakes(&mut self, _template: TemplateId, by: PluginSet, event: &ClusterEvent) -> bool {
        !self.skip && by.listens(event.kind())
    }

    fn gate(&mut self, pod: PodId, _: TemplateId, _: Option<PluginId>) -> Option<PluginId> {
        self.gated.contains(&pod).then(|| plugin(self.gate))
    }
}

fn queue(initial: u64, max: u64) -> PodQueue {
    let config = SchedulerConfig {
        profiles: Vec::new(),
        expressions: Vec::new(),
        pod_initial_backoff: SimDuration::from_secs(initial),
        pod_max_backoff: SimDuration::from_secs(max),
        qps: 50,
        burst: 100,
        tie_seed: None,
    };
    PodQueue::new(&config, at(300))
}

/// Pops the next pod and lets plugins reject it.
fn reject(queue: &mut PodQueue, by: &[&str], now: SimTime) -> PodId {
    let (pod, _) = queue.pop().expect("a pod is ready");
    queue.give_back(pod, set(by), (first(), 0), now, &mut Always::default());
    pod
}

fn place(queue: &PodQueue, pod: PodId) -> Place {
    queue.get(pod).expect("the pod is known").place
}

#[test]
fn pods_are_taken_by_priority_then_age() {
    let (mut queue, mut rules) = (queue(1, 10), Always::default());
    for (index, priority, since) in [(0, 5, 30), (1, 7, 40), (2, 5, 20), (3, 7, 50)] {
        queue.add(pod(index), (first(), priority), at(since), &mut rules);
    }
    let order: Vec<PodId> = std::iter::from_fn(|| queue.pop().map(|(pod, _)| pod)).collect();
    assert_eq!(order, [1, 3, 2, 0].map(pod));
}

#[test]
fn back_off_doubles_to_the_maximum_and_ends_at_whole_seconds() {
    // (initial, maximum, expiries in seconds after attempts that end at 10.7 s)
    let table = [
        (1, 10, [11, 12, 14, 18, 20, 20]),
        (3, 7, [13, 16, 17, 17, 17, 17]),
        (20, 10, [20, 20, 20, 20, 20, 20]),
    ];
    for (initial, max, expiries) in table {
        for (failures, expiry) in (1..).zip(expiries) {
            let mut entry = QueuedPod::new(first(), 0, at(10_700));
            entry.unschedulable_count = failures;
            assert_eq!(queue(initial, max).backoff_expiry(&entry), Some(at(expiry * 1000)));
            // Errors in a row count instead, where there are any.
            entry.unschedulable_count = 99;
            entry.consecutive_errors = failures;
            assert_eq!(queue(initial, max).backoff_expiry(&entry), Some(at(expiry * 1000)));
        }
    }
    let mut entry = QueuedPod::new(first(), 0, at(0));
    assert_eq!(queue(1, 10).backoff_expiry(&entry), None, "never tried");
    entry.unschedulable_count = 3;
    assert_eq!(queue(1, 0).backoff_expiry(&entry), None, "switched off");
}

#[test]
fn a_rejected_pod_waits_for_an_event_its_plugins_listen_to() {
    let (mut queue, mut rules) = (queue(1, 10), Always::default());
    queue.add(pod(0), (first(), 0), at(1000), &mut rules);
    reject(&mut queue, &["NodeResourcesFit"], at(1500));
    assert_eq!(place(&queue, pod(0)), Place::Unschedulable);
    let added = ClusterEvent::AssignedPodAdd { pod: pod(9), template: first() };
    queue.publish(&added, None, at(1600), &mut rules);
    assert_eq!(place(&queue, pod(0)), Place::Unschedulable, "the plugin does not listen");
    rules.skip = true;
    queue.publish(&deleted(true), None, at(1600), &mut rules);
    assert_eq!(place(&queue, pod(0)), Place::Unschedulable, "the plugin says no");
    rules.skip = false;
    queue.publish(&deleted(true), None, at(1600), &mut rules);
    assert_eq!(place(&queue, pod(0)), Place::Backoff);
    // An idle scheduler takes it before its time.
    assert_eq!(queue.pop(), Some((pod(0), Place::Backoff)));
    assert_eq!(queue.get(pod(0)).unwrap().attempts, 2);
}

#[test]
fn back_off_is_over_one_second_after_its_recorded_end() {
    let (mut queue, mut rules) = (queue(1, 10), Always::default());
    queue.add(pod(0), (first(), 0), at(1000), &mut rules);
    reject(&mut queue, &["NodeResourcesFit"], at(1500));
    queue.publish(&deleted(true), None, at(1600), &mut rules);
    assert_eq!(queue.next_backoff_flush(), Some(at(3000)));
    queue.flush_backoff(at(2000));
    assert_eq!(place(&queue, pod(0)), Place::Backoff);
    queue.flush_backoff(at(3000));
    assert_eq!(place(&queue, pod(0)), Place::Active);
    // Woken after that second it goes to activeQ at once.
    reject(&mut queue, &["NodeResourcesFit"], at(3000));
    queue.publish(&deleted(true), None, at(6000), &mut rules);
    assert_eq!(place(&queue, pod(0)), Place::Active);
}

#[test]
fn errors_back_off_where_no_idle_scheduler_looks() {
    let (mut queue, mut rules) = (queue(1, 10), Always::default());
    queue.add(pod(0), (first(), 0), at(1000), &mut rules);
    reject(&mut queue, &[], at(1500));
    assert_eq!((place(&queue, pod(0)), queue.has_ready()), (Place::ErrorBackoff, false));
    assert_eq!(queue.pop(), None);
    queue.flush_backoff(at(3000));
    reject(&mut queue, &["NodeName"], at(3000));
    let entry = queue.get(pod(0)).unwrap();
    assert_eq!((entry.consecutive_errors, entry.unschedulable_count), (0, 1));
}

#[test]
fn events_during_an_attempt_wake_the_pod_when_it_returns() {
    for (event, expected) in [
        (deleted(true), Place::Backoff),
        (updated(pod(0), PodChange::ScaleDown), Place::Backoff),
        (updated(pod(0), PodChange::Toleration), Place::Unschedulable),
    ] {
        let (mut queue, mut rules) = (queue(1, 10), Always::default());
        queue.add(pod(0), (first(), 3), at(1000), &mut rules);
        queue.publish(&deleted(true), None, at(1100), &mut rules); // Before: does not count.
        queue.pop();
        match event {
            ClusterEvent::PodUpdate { .. } => {
                queue.update(pod(0), (first(), 3), &[event], at(1200), &mut rules);
            }
            // Whatever the priority of the pod under way.
            other => queue.publish(&other, Some(0), at(1200), &mut rules),
        }
        queue.give_back(pod(0), set(&["NodeResourcesFit"]), (first(), 3), at(1500), &mut rules);
        assert_eq!(place(&queue, pod(0)), expected);
        // The window is closed.
        assert_eq!(queue.in_flight(), None);
    }
}

#[test]
fn pods_that_wait_for_too_long_are_tried_again() {
    let (mut queue, mut rules) = (queue(1, 400), Always::default());
    queue.add(pod(0), (first(), 0), at(300), &mut rules);
    reject(&mut queue, &["NodeName"], at(300));
    // Strictly longer than five minutes, at a multiple of 30 s from the start.
    assert_eq!(queue.next_unschedulable_flush(), Some(at(330_300)));
    queue.flush_unschedulable(at(300_300), &mut rules);
    assert_eq!(place(&queue, pod(0)), Place::Unschedulable);
    queue.flush_unschedulable(at(330_300), &mut rules);
    assert_eq!(place(&queue, pod(0)), Place::Active);
    queue.set_max_in_unschedulable(SimDuration::from_secs(60));
    reject(&mut queue, &["NodeName"], at(330_301));
    assert_eq!(queue.next_unschedulable_flush(), Some(at(420_300)));
}

#[test]
fn gated_pods_hear_their_own_updates_and_what_their_gate_listens_to() {
    let mut queue = queue(1, 10);
    let mut rules = Always { gate: "SchedulingGates", ..Always::default() };
    rules.gated.insert(pod(0));
    queue.add(pod(0), (first(), 0), at(300), &mut rules);
    assert_eq!(place(&queue, pod(0)), Place::Gated);
    assert_eq!(queue.get(pod(0)).unwrap().rejected_by, set(&["SchedulingGates"]));
    rules.gated.clear();
    queue.publish(&deleted(true), None, at(400), &mut rules);
    queue.flush_unschedulable(at(900_300), &mut rules);
    assert_eq!(place(&queue, pod(0)), Place::Gated, "neither events nor time open a gate");
    queue.update(pod(0), (first(), 0), &[updated(pod(0), PodChange::Label)], at(500), &mut rules);
    assert_eq!(place(&queue, pod(0)), Place::Gated, "labels are nothing to the gate");
    let open = updated(pod(0), PodChange::SchedulingGatesEliminated);
    queue.update(pod(0), (first(), 0), &[open], at(500), &mut rules);
    assert_eq!(place(&queue, pod(0)), Place::Active);
}

#[test]
fn a_preempting_pod_is_held_back_until_its_victims_were_asked() {
    let mut queue = queue(1, 10);
    let mut rules = Always { gate: "DefaultPreemption", ..Always::default() };
    queue.add(pod(0), (first(), 0), at(300), &mut rules);
    queue.pop();
    rules.gated.insert(pod(0));
    queue.give_back(pod(0), set(&["NodeResourcesFit"]), (first(), 0), at(400), &mut rules);
    assert_eq!(place(&queue, pod(0)), Place::Unschedulable, "gates are asked when a pod moves");
    queue.publish(&deleted(true), None, at(500), &mut rules);
    assert_eq!(place(&queue, pod(0)), Place::Gated);
    rules.gated.clear();
    // Deletions of pods are what that gate listens to; the other plugin's hint opens it.
    queue.publish(&deleted(true), None, at(600), &mut rules);
    assert_eq!(place(&queue, pod(0)), Place::Backoff);
    let by = queue.get(pod(0)).unwrap().rejected_by;
    assert_eq!(by, set(&["NodeResourcesFit", "DefaultPreemption"]), "until the next attempt");
}

#[test]
fn an_update_of_an_unknown_pod_makes_a_new_entry() {
    let (mut queue, mut rules) = (queue(1, 10), Always::default());
    let event = [updated(pod(0), PodChange::Other)];
    for _ in 0..2 {
        queue.update(pod(0), (first(), 0), &event, at(300), &mut rules);
        assert_eq!(queue.pop(), Some((pod(0), Place::Active)));
        assert_eq!(queue.get(pod(0)).unwrap().attempts, 1);
        queue.done(pod(0));
        queue.remove(pod(0));
    }
}

#[test]
fn lost_nominations_reach_equal_and_lower_priorities() {
    let (mut queue, mut rules) = (queue(1, 10), Always::default());
    for (index, priority) in [(0, 4), (1, 5), (2, 6)] {
        let class = TemplateId::from_index(index);
        queue.add(pod(index), (class, priority), at(300), &mut rules);
        let (pod, _) = queue.pop().unwrap();
        queue.give_back(pod, set(&["NodePorts"]), (class, priority), at(300), &mut rules);
    }
    queue.publish(&deleted(false), Some(5), at(400), &mut rules);
    let places = [0, 1, 2].map(|index| place(&queue, pod(index)));
    assert_eq!(places, [Place::Backoff, Place::Backoff, Place::Unschedulable]);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Add(usize),
    Update(usize, u8),
    Remove(usize),
    Pop,
    Return(u8),
    Bind,
    Unbind(usize),
    Publish(bool),
    Gate(usize),
    Flush,
    Wait(u16),
}

fn step() -> impl Strategy<Value = Step> {
    let pod = 0..6_usize;
    prop_oneof![
        1 => pod.clone().prop_map(Step::Add),
        1 => (pod.clone(), 0..5_u8).prop_map(|(pod, change)| Step::Update(pod, change)),
        1 => pod.clone().prop_map(Step::Remove),
        3 => Just(Step::Pop),
        3 => (0..4_u8).prop_map(Step::Return),
        1 => Just(Step::Bind),
        1 => pod.clone().prop_map(Step::Unbind),
        1 => any::<bool>().prop_map(Step::Publish),
        1 => pod.prop_map(Step::Gate),
        1 => Just(Step::Flush),
        1 => (0..3000_u16).prop_map(Step::Wait),
    ]
}

/// A history on its way, with what may be asked of a queue in the order in which it may.
struct Walk {
    queue: PodQueue,
    rules: Always,
    now: u64,
}

impl Walk {
    fn take(&mut self, step: Step) {
        let (queue, rules, now) = (&mut self.queue, &mut self.rules, at(self.now));
        let class = |index: usize| (TemplateId::from_index(index % 2), (index % 3) as i32);
        match step {
            Step::Add(index) => queue.add(pod(index), class(index), now, rules),
            Step::Update(index, change) => {
                let change = [
                    PodChange::Label,
                    PodChange::ScaleDown,
                    PodChange::SchedulingGatesEliminated,
                    PodChange::Toleration,
                    PodChange::Other,
                ][usize::from(change)];
                let bound = queue.get(pod(index)).is_some_and(|e| e.place == Place::Binding);
                if !bound {
                    let class = class(index + usize::from(self.now.is_multiple_of(2)));
                    queue.update(pod(index), class, &[updated(pod(index), change)], now, rules);
                }
            }
            Step::Remove(index) => queue.remove(pod(index)),
            Step::Pop if queue.in_flight().is_none() => {
                queue.pop();
            }
            Step::Return(by) => {
                let by =
                    [&["NodeResourcesFit"][..], &["NodePorts", "NodeName"], &["NodeAffinity"], &[]]
                        [usize::from(by)];
                if let Some(pod) = queue.in_flight() {
                    queue.give_back(pod, set(by), class(pod.index()), now, rules);
                    queue.done(pod);
                }
            }
            Step::Bind => {
                if let Some(pod) = queue.in_flight() {
                    queue.done(pod);
                }
            }
            Step::Unbind(index) => {
                if queue.get(pod(index)).is_some_and(|entry| entry.place == Place::Binding) {
                    queue.give_back(pod(index), set(&[]), class(index), now, rules);
                }
            }
            Step::Publish(assigned) => {
                queue.publish(&deleted(assigned), (!assigned).then_some(1), now, rules);
            }
            Step::Gate(index) => {
                if !rules.gated.remove(&pod(index)) {
                    rules.gated.insert(pod(index));
                }
            }
            Step::Flush => {
                queue.flush_backoff(now);
                queue.flush_unschedulable(now, rules);
            }
            Step::Pop => {}
            Step::Wait(millis) => self.now += u64::from(millis),
        }
    }

    /// Every pod stands where its entry says, and nowhere else.
    fn check(&self) {
        let queue = &self.queue;
        let [active, backoff, errors] = queue.orders();
        let waiting: Vec<PodId> = queue.waiting.all().collect();
        let old: Vec<PodId> = queue.waiting.by_age().map(|(_, pod)| pod).collect();
        let mut counted = 0;
        for (pod, entry) in queue.entries() {
            let found = [
                (Place::Active, active.contains(&pod)),
                (Place::Backoff, backoff.contains(&pod)),
                (Place::ErrorBackoff, errors.contains(&pod)),
                (Place::Unschedulable, waiting.contains(&pod) && old.contains(&pod)),
                (Place::Gated, waiting.contains(&pod) && !old.contains(&pod)),
            ];
            for (place, there) in found {
                assert_eq!(there, entry.place == place, "{pod:?} {entry:?}");
                counted += usize::from(there);
            }
            assert_eq!(entry.gated_by.is_some(), entry.place == Place::Gated, "{entry:?}");
            if entry.place == Place::InFlight {
                assert_eq!(queue.in_flight(), Some(pod));
            }
        }
        let [active, backing_off, unschedulable] = queue.lengths();
        assert_eq!(counted, active + backing_off + unschedulable);
        assert_eq!(waiting.len(), unschedulable);
    }
}

proptest! {
    #[test]
    fn every_pod_is_in_exactly_one_place(steps in proptest::collection::vec(step(), 1..200)) {
        let rules = Always { gate: "DefaultPreemption", ..Always::default() };
        let mut walk = Walk { queue: queue(1, 10), rules, now: 300 };
        for step in steps {
            walk.take(step);
            walk.check();
        }
    }
}
