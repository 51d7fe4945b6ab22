//! kube-scheduler: takes pending pods from its queue one at a time, decides where they go and
//! asks the API server to bind them.
//!
//! It acts on what its watches have delivered and on what it has assumed itself, never on what
//! the API server knows at the moment; only a new leader lists everything. How a decision is made
//! is `scheduling`'s business.

mod inquiry;
mod queue;
mod watches;

use crate::base::id::{IdSet, IdVec};
use crate::base::time::SimTime;
use crate::cx::Cx;
use crate::event::{Event, SchedulerEvent, Watcher};
use crate::model::{Model, NodeId, PodId, TemplateId, pod_address};
use crate::record::{Fact, Involved, QueueName};
use crate::scheduling::{ClusterEvent, Decision, Framework, Outcome, Query, Snapshot, TieBreak};
use crate::state::{Client, PodObject, Request};
pub use inquiry::{Answer, Inquiry};
use queue::PodQueue;

/// Component name in events.
const COMPONENT: &str = "default-scheduler";

/// A scheduling attempt that has been decided and whose time has not passed yet.
#[derive(Debug)]
struct Attempt {
    pod: PodId,
    decision: Decision,
    /// Why it failed, where events are recorded.
    message: String,
}

/// What the scheduler's watch has told of a pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Known {
    /// Never heard of, or gone.
    #[default]
    Absent,
    /// Not assigned to a node.
    Unassigned {
        /// Being deleted.
        terminating: bool,
    },
    /// Assigned.
    Assigned,
}

/// The leading kube-scheduler.
#[derive(Debug)]
pub struct Scheduler {
    epoch: u32,
    frameworks: Vec<Framework>,
    /// The profile that serves each class, if any.
    profile_of: IdVec<TemplateId, Option<usize>>,
    snapshot: Snapshot,
    /// Where the next search in the node list starts.
    next_start: usize,
    queue: PodQueue,
    known: Vec<Known>,
    /// Pods that the scheduler has put on a node and whose binding no watch has confirmed.
    assumed: IdSet<PodId>,
    attempt: Option<Attempt>,
    /// When the next event of each kind is wanted; others of that kind are stale.
    cycle_due: Option<SimTime>,
    flush_backoff_due: Option<SimTime>,
    flush_unschedulable_due: Option<SimTime>,
    /// Queue lengths as last stated.
    lengths: [usize; 3],
    /// A decision that is to be explained.
    inquiry: Option<Box<Inquiry>>,
}

impl Scheduler {
    /// A scheduler that does not lead and knows nothing.
    #[must_use]
    pub fn new(model: &Model) -> Self {
        let profiles = &model.scheduler.profiles;
        let serving = |name: &str| profiles.iter().position(|p| p.scheduler_name == name);
        Self {
            epoch: 0,
            frameworks: profiles.iter().map(|profile| Framework::new(model, profile)).collect(),
            profile_of: model
                .templates
                .values()
                .map(|spec| serving(&spec.scheduler_name))
                .collect(),
            snapshot: Snapshot::new(model),
            next_start: 0,
            queue: PodQueue::new(&model.scheduler, SimTime::ZERO),
            known: Vec::new(),
            assumed: IdSet::new(),
            attempt: None,
            cycle_due: None,
            flush_backoff_due: None,
            flush_unschedulable_due: None,
            lengths: [0; 3],
            inquiry: None,
        }
    }

    /// Memory is lost.
    pub fn crash(&mut self, model: &Model) {
        let lengths = self.lengths;
        let inquiry = self.inquiry.take();
        *self = Self::new(model);
        // What was stated last still stands for whoever reads the facts.
        self.lengths = lengths;
        self.inquiry = inquiry;
    }

    /// Asks for a decision to be explained.
    pub fn inquire(&mut self, inquiry: Inquiry) {
        self.inquiry = Some(Box::new(inquiry));
    }

    /// What was asked, answered or not.
    #[must_use]
    pub fn inquiry(&self) -> Option<&Inquiry> {
        self.inquiry.as_deref()
    }

    /// A new leader lists everything and starts; attempts and back-offs are forgotten.
    ///
    /// Fidelity: nodes are listed in the order of declaration; the API server lists by name.
    pub fn lead(&mut self, cx: &mut Cx<'_>) {
        let process = cx.state.truth.process_mut(Watcher::Scheduler);
        let was_leading = std::mem::replace(&mut process.leading, true);
        let epoch = process.epoch;
        if !was_leading {
            cx.fact(Fact::Leading { component: Watcher::Scheduler, leading: true });
        }
        self.crash(cx.model);
        self.epoch = epoch;
        self.queue = PodQueue::new(&cx.model.scheduler, cx.now);
        for (node, object) in cx.state.api.nodes.iter() {
            self.snapshot.add_node(cx.model, node, &object.taints, object.unschedulable);
        }
        for (pod, object) in cx.state.api.pods.iter() {
            self.list_pod(cx.model, cx.now, pod, object);
        }
        self.settle(cx);
    }

    /// Handles an event of the process; those of a dead process are stale.
    pub fn handle(&mut self, cx: &mut Cx<'_>, event: SchedulerEvent) {
        let now = Some(cx.now);
        match event {
            SchedulerEvent::Lead { epoch } => {
                if cx.state.truth.process(Watcher::Scheduler).epoch == epoch {
                    self.lead(cx);
                }
                return;
            }
            SchedulerEvent::Cycle { epoch } if epoch == self.epoch && self.cycle_due == now => {
                self.cycle_due = None;
                self.conclude(cx);
                self.begin(cx);
            }
            SchedulerEvent::FlushBackoff { epoch }
                if epoch == self.epoch && self.flush_backoff_due == now =>
            {
                self.flush_backoff_due = None;
                self.queue.flush_backoff(cx.now);
            }
            SchedulerEvent::FlushUnschedulable { epoch }
                if epoch == self.epoch && self.flush_unschedulable_due == now =>
            {
                self.flush_unschedulable_due = None;
                self.queue.flush_unschedulable(cx.now);
            }
            SchedulerEvent::Bound { pod, epoch, accepted } if epoch == self.epoch => {
                self.bound(cx, pod, accepted);
            }
            SchedulerEvent::Cycle { .. }
            | SchedulerEvent::FlushBackoff { .. }
            | SchedulerEvent::FlushUnschedulable { .. }
            | SchedulerEvent::Bound { .. } => return,
        }
        self.settle(cx);
    }

    /// One scheduling cycle for a pod, without queue, time or events: where it would go. The
    /// scheduler takes it as bound there.
    pub fn place_now(&mut self, cx: &mut Cx<'_>, pod: PodId) -> Option<NodeId> {
        let template = cx.state.api.pods[pod].template;
        let profile = self.profile_of[template]?;
        if let Some((plugin, why)) = self.frameworks[profile].pre_enqueue(cx.model, template) {
            if let Some(inquiry) = &mut self.inquiry {
                inquiry.hold(full_name(cx.model, &cx.state.api.pods[pod]), plugin.name(), &why);
            }
            return None;
        }
        let decision = self.decide(cx, pod, template, 0)?;
        let node = decision.node()?;
        self.queue.remove(pod);
        self.snapshot.add_pod(cx.model, node, pod, template);
        self.set_known(pod, Known::Assigned);
        Some(node)
    }

    /// Decides where a pod of a class with a profile goes.
    fn decide(
        &mut self,
        cx: &Cx<'_>,
        pod: PodId,
        template: TemplateId,
        attempt: u32,
    ) -> Option<Decision> {
        let profile = self.profile_of[template]?;
        self.snapshot.refresh();
        let object = &cx.state.api.pods[pod];
        let workload = &cx.model.workloads[cx.model.templates[template].workload];
        let address = pod_address(workload.address, object.replica, object.incarnation);
        let tie_break = match cx.model.scheduler.tie_seed {
            None => TieBreak::LowestName,
            Some(seed) => TieBreak::Seeded {
                streams: cx.streams,
                entity: mixed(seed) ^ address,
                attempt: u64::from(attempt),
            },
        };
        let query = Query {
            model: cx.model,
            snapshot: &self.snapshot,
            template,
            start: self.next_start,
            tie_break,
        };
        let framework = &mut self.frameworks[profile];
        let decision = match &mut self.inquiry {
            Some(inquiry) => inquiry.decide(cx, (pod, attempt), framework, &query),
            None => framework.schedule(&query),
        };
        self.next_start = decision.next_start;
        Some(decision)
    }

    /// Takes the next pod and decides; the outcome takes effect when the decision's time has
    /// passed.
    fn begin(&mut self, cx: &mut Cx<'_>) {
        while let Some((pod, entry)) = self.queue.pop() {
            let (template, attempts) = (entry.template, entry.attempts);
            if self.known_of(pod) == (Known::Unassigned { terminating: true }) {
                self.queue.remove(pod);
                let failed = (true, "FailedScheduling", COMPONENT);
                cx.kube_event(Involved::Pod(pod), failed, |model, state| {
                    format!(
                        "skip schedule deleting pod: {}",
                        full_name(model, &state.api.pods[pod])
                    )
                });
                continue;
            }
            let Some(decision) = self.decide(cx, pod, template, attempts) else { continue };
            let plane = &cx.model.control_plane;
            let cost = plane.scheduling_per_node.saturating_mul(u64::from(decision.evaluated));
            let due = cx.now.saturating_add(plane.scheduling_cycle).saturating_add(cost);
            let message = if decision.node().is_none() && cx.record.wants_events() {
                self.message(cx, template, &decision)
            } else {
                String::new()
            };
            self.attempt = Some(Attempt { pod, decision, message });
            self.cycle_due = Some(due);
            cx.at(due, Event::Scheduler(SchedulerEvent::Cycle { epoch: self.epoch }));
            return;
        }
    }

    fn message(&self, cx: &Cx<'_>, template: TemplateId, decision: &Decision) -> String {
        self.profile_of[template].map_or_else(String::new, |profile| {
            self.frameworks[profile].message((cx.model, &self.snapshot, template), decision)
        })
    }

    /// The time of the attempt under way has passed: its outcome takes effect.
    fn conclude(&mut self, cx: &mut Cx<'_>) {
        let Some(Attempt { pod, decision, message }) = self.attempt.take() else { return };
        cx.fact(Fact::SchedulingAttempt { scheduled: decision.node().is_some() });
        match decision.outcome {
            Outcome::Place(node) => self.assume(cx, pod, node),
            Outcome::Unschedulable => {
                let Some(entry) = self.queue.get_mut(pod) else { return };
                // The status is written only if it says something new.
                let news = entry.reported.as_ref() != Some(&decision.reasons);
                entry.reported = Some(decision.reasons);
                let (queue, frameworks) = (&mut self.queue, &mut self.frameworks);
                let (profile_of, snapshot) = (&self.profile_of, &self.snapshot);
                queue.return_rejected(
                    pod,
                    decision.rejected_by,
                    cx.now,
                    &mut |template, by, event| {
                        profile_of[template].is_some_and(|profile| {
                            frameworks[profile].hint((cx.model, snapshot, template), by, event)
                        })
                    },
                );
                self.failed(cx, pod, message, news);
            }
            Outcome::Error(_) => {
                self.queue.return_failed(pod, cx.now);
                self.failed(cx, pod, message, false);
            }
        }
    }

    /// Puts the pod onto its node in the scheduler's own eyes and asks for the binding.
    fn assume(&mut self, cx: &mut Cx<'_>, pod: PodId, node: NodeId) {
        self.queue.done(pod);
        if self.snapshot.node_of(pod).is_none() {
            let template = cx.state.api.pods[pod].template;
            self.snapshot.add_pod(cx.model, node, pod, template);
            self.assumed.insert(pod);
        }
        cx.request(Client::Scheduler, Request::BindPod { pod, node, epoch: self.epoch });
    }

    /// Tells the pod's status and events that no node was found.
    fn failed(&mut self, cx: &mut Cx<'_>, pod: PodId, message: String, news: bool) {
        cx.fact(Fact::PodUnschedulable { pod });
        cx.kube_event(Involved::Pod(pod), (true, "FailedScheduling", COMPONENT), |_, _| message);
        if news {
            let request = Request::PodUnschedulable { pod, nominated_node: None };
            cx.request(Client::Scheduler, request);
        }
    }

    /// The API server has answered a bind request.
    fn bound(&mut self, cx: &mut Cx<'_>, pod: PodId, accepted: bool) {
        if accepted {
            self.queue.remove(pod);
            cx.kube_event(Involved::Pod(pod), (false, "Scheduled", COMPONENT), |model, state| {
                let node = state.api.pods[pod].node;
                let node = node.map_or("", |node| model.nodes[node].name.as_str());
                format!(
                    "Successfully assigned {} to {node}",
                    full_name(model, &state.api.pods[pod])
                )
            });
            return;
        }
        if self.assumed.remove(pod) {
            self.snapshot.remove_pod(cx.model, pod);
            let template = cx.state.api.pods[pod].template;
            self.publish(cx, &ClusterEvent::AssignedPodDelete { pod, template });
        }
        match self.known_of(pod) {
            Known::Unassigned { .. } => self.queue.return_failed(pod, cx.now),
            Known::Absent | Known::Assigned => self.queue.remove(pod),
        }
    }

    /// Offers an event to the pods that wait.
    fn publish(&mut self, cx: &Cx<'_>, event: &ClusterEvent) {
        let (queue, frameworks) = (&mut self.queue, &mut self.frameworks);
        let (profile_of, snapshot) = (&self.profile_of, &self.snapshot);
        queue.publish(event, cx.now, &mut |template, by, event| {
            profile_of[template].is_some_and(|profile| {
                frameworks[profile].hint((cx.model, snapshot, template), by, event)
            })
        });
    }

    /// After anything has happened: starts the loop if it is idle and has work, plans the flushes
    /// that will find a pod, states queue lengths that changed.
    fn settle(&mut self, cx: &mut Cx<'_>) {
        let epoch = self.epoch;
        if self.cycle_due.is_none() && self.queue.has_ready() {
            self.cycle_due = Some(cx.now);
            cx.at(cx.now, Event::Scheduler(SchedulerEvent::Cycle { epoch }));
        }
        let flushes = [
            (
                &mut self.flush_backoff_due,
                self.queue.next_backoff_flush(),
                SchedulerEvent::FlushBackoff { epoch },
            ),
            (
                &mut self.flush_unschedulable_due,
                self.queue.next_unschedulable_flush(),
                SchedulerEvent::FlushUnschedulable { epoch },
            ),
        ];
        for (due, wanted, event) in flushes {
            let wanted = wanted.map(|time| time.max(cx.now));
            if let Some(time) = wanted.filter(|&time| due.is_none_or(|known| time < known)) {
                *due = Some(time);
                cx.at(time, Event::Scheduler(event));
            }
        }
        let names = [QueueName::Active, QueueName::Backoff, QueueName::Unschedulable];
        let lengths = self.queue.lengths();
        for ((queue, &length), stated) in names.into_iter().zip(&lengths).zip(&mut self.lengths) {
            if *stated != length {
                *stated = length;
                let length = u32::try_from(length).expect("pod ids have 32 bits");
                cx.fact(Fact::QueueLength { queue, length });
            }
        }
    }
}

/// `namespace/name` of a pod.
fn full_name(model: &Model, object: &PodObject) -> String {
    let namespace = model.templates[object.template].namespace;
    format!("{}/{}", model.namespaces[namespace].name, model.pod_name(object.template, object.uid))
}

/// Spreads a seed over all bits (the finaliser of SplitMix64), so that neighbouring tie seeds
/// lead to unrelated streams.
fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
