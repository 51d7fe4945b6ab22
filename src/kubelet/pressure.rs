//! A node under pressure: what its kubelet's eviction manager does every ten seconds, and what the
//! kernel does when memory runs out before that.
//!
//! Passes at which nothing can change are not events: what containers use is piecewise linear, so
//! the pass that finds a threshold met is known beforehand.
//!
//! Fidelity: statistics are those of the instant, neither ten seconds old nor averaged; what the
//! system uses besides containers is what the node keeps back from its pods, and none of the
//! process ids; a node that has none left harms nobody. Inodes are not counted, images take no
//! room, and container and image garbage collection frees none. Limits of local storage are not
//! enforced.

use super::eviction::{EvictionCandidate, Shortage, eviction_order, is_met, outlasts_grace};
use super::node::Node;
use super::pod::{self, Pod, Stage};
use super::qos::{Claims, QosClass, is_node_critical, oom_score_adjust, qos_class};
use super::usage::{Growth, Resource};
use super::worker::Worker;
use super::{Kubelets, container};
use crate::base::quantity::Quantity;
use crate::base::time::{SimDuration, SimTime};
use crate::cx::Cx;
use crate::event::{Event, KubeletEvent};
use crate::model::{
    CRITICAL_PRIORITY, EvictionThreshold, KubeletConfig, Model, NodeId, PodId, PodTemplate, Signal,
    TaintEffect, ThresholdValue,
};
use crate::record::{ExitCause, Fact, Involved};
use crate::state::{ConditionStatus, NodeCondition, NodeConditions, PodReason};

/// Time between passes of the eviction manager.
pub(crate) const PERIOD: SimDuration = SimDuration::from_secs(10);
/// How often it looks whether an evicted pod has been cleaned up, and for how long.
const CLEAN_UP_POLL: SimDuration = SimDuration::from_secs(1);
const CLEAN_UP_LIMIT: SimDuration = SimDuration::from_secs(30);
/// Grace of a pod that a hard threshold evicts (`immediateEvictionGracePeriodSeconds`).
const IMMEDIATE: SimDuration = SimDuration::from_secs(1);
/// Priority of `system-node-critical`.
const NODE_CRITICAL_PRIORITY: i32 = 2_000_001_000;

/// What the eviction manager of a node remembers.
#[derive(Debug, Default)]
pub(crate) struct Manager {
    /// Passes are at this instant plus whole periods.
    pub(crate) anchor: SimTime,
    /// The last pass that was run.
    passed: Option<SimTime>,
    /// Since which pass each threshold has been met, by position.
    observed: Vec<Option<SimTime>>,
    /// At which pass a threshold of each resource was last met.
    last_met: [Option<SimTime>; 3],
    /// Whether the resource is under pressure, as the node's conditions say.
    under: [bool; 3],
    /// Pods evicted whose clean-up is awaited.
    awaited: Option<PodId>,
    /// The last pass found nobody to evict, and nothing has changed since.
    stuck: bool,
    /// What is planned: the next pass, and when the kernel runs out of memory.
    planned: [Option<SimTime>; 2],
    /// Moves on with every plan.
    epoch: u32,
}

impl Manager {
    /// A manager whose passes are ten seconds apart from `anchor` on.
    pub(crate) fn new(anchor: SimTime) -> Self {
        Self { anchor, ..Self::default() }
    }

    /// The plan that stands.
    pub(crate) fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The same, with plans up to this one stale.
    pub(crate) fn at_epoch(self, epoch: u32) -> Self {
        Self { epoch, ..self }
    }

    /// The first pass at or after `time` that has not been run.
    fn pass_from(&self, time: SimTime) -> SimTime {
        let periods = |time: SimTime| {
            time.saturating_since(self.anchor).as_nanos().div_ceil(PERIOD.as_nanos())
        };
        let at = |count| self.anchor.saturating_add(PERIOD.saturating_mul(count));
        let pass = at(periods(time));
        match self.passed {
            Some(passed) if passed >= pass => at(periods(passed) + 1),
            _ => pass,
        }
    }

    /// Conditions of the node, `NetworkUnavailable` aside.
    pub(crate) fn conditions(&self, others: NodeConditions) -> NodeConditions {
        let status = |under| if under { ConditionStatus::True } else { ConditionStatus::False };
        others
            .with(NodeCondition::MemoryPressure, status(self.under[0]))
            .with(NodeCondition::DiskPressure, status(self.under[1]))
            .with(NodeCondition::PidPressure, status(self.under[2]))
    }
}

/// What a signal is about.
fn resource(signal: Signal) -> Resource {
    match signal {
        Signal::Memory => Resource::Memory,
        Signal::Nodefs | Signal::Imagefs => Resource::Disk,
        Signal::Pid => Resource::Pids,
    }
}

/// The node's settings.
fn config(model: &Model, id: NodeId) -> &KubeletConfig {
    &model.pools[model.nodes[id].pool].kubelet
}

/// What a node has for its containers, and what it has in all: the rest, but for what the hard
/// threshold keeps free, is taken to be in use by the system.
fn room(model: &Model, id: NodeId, of: Resource) -> (i64, i64) {
    let node = &model.nodes[id];
    let capacity = of.of(node.capacity);
    let allocatable = match of {
        Resource::Memory => node.allocatable.memory_bytes,
        Resource::Disk => node.allocatable.ephemeral_bytes,
        Resource::Pids => capacity,
    };
    let hard = config(model, id).thresholds.iter();
    let hard = hard.filter(|t| t.grace.is_none() && resource(t.signal) == of);
    let kept_free = hard.map(|t| t.below.of(capacity)).max().unwrap_or(0);
    let system = (capacity - allocatable - kept_free).max(0);
    (capacity - system, capacity)
}

/// What is available of what a threshold looks at, and of how much.
fn available(model: &Model, id: NodeId, node: &Node, of: Resource, now: SimTime) -> (i64, i64) {
    let (room, capacity) = room(model, id, of);
    (capacity, (room - node.usage.at(of, now)).max(0))
}

/// How many bytes of the disk are available beyond those that are to be left.
pub(super) fn beyond(cx: &Cx<'_>, id: NodeId, node: &Node, leaves: ThresholdValue) -> i64 {
    let (capacity, left) = available(cx.model, id, node, Resource::Disk, cx.now);
    (left - leaves.of(capacity)).max(0)
}

/// Somebody outside of pods uses so many bytes more of the disk, or fewer.
pub(super) fn take_disk(node: &mut Node, bytes: i64) {
    node.usage.base[Resource::Disk as usize] += bytes;
    node.manager.stuck = false;
}

/// Plans the next pass at which something changes, and the instant at which memory runs out.
pub(super) fn plan(cx: &mut Cx<'_>, id: NodeId, node: &mut Node) {
    if !node.up {
        return;
    }
    let planned = [next_pass(cx, id, node), out_of_memory_at(cx, id, node)];
    if planned == node.manager.planned {
        return;
    }
    node.manager.planned = planned;
    node.manager.epoch += 1;
    let epoch = node.manager.epoch;
    let [pass, out] = planned;
    if let Some(at) = pass {
        cx.at(at, Event::Kubelet(KubeletEvent::EvictionPass { node: id, epoch }));
    }
    if let Some(at) = out {
        cx.at(at, Event::Kubelet(KubeletEvent::NodeOutOfMemory { node: id, epoch }));
    }
}

fn out_of_memory_at(cx: &Cx<'_>, id: NodeId, node: &Node) -> Option<SimTime> {
    let (room, capacity) = room(cx.model, id, Resource::Memory);
    if capacity == 0 {
        return None;
    }
    node.usage.exceeds(Resource::Memory, room, cx.now)
}

fn next_pass(cx: &Cx<'_>, id: NodeId, node: &Node) -> Option<SimTime> {
    let (manager, config) = (&node.manager, config(cx.model, id));
    let mut next: Option<SimTime> = None;
    let mut at = |time: SimTime| {
        let pass = manager.pass_from(time);
        next = Some(next.map_or(pass, |next| next.min(pass)));
    };
    if manager.awaited.is_some() {
        return manager.planned[0];
    }
    for (place, threshold) in config.thresholds.iter().enumerate() {
        let of = resource(threshold.signal);
        let (room, capacity) = room(cx.model, id, of);
        if capacity == 0 {
            continue;
        }
        match manager.observed.get(place).copied().flatten() {
            // More than this in use, and less than the threshold is available.
            None => {
                let amount = room - threshold.below.of(capacity);
                if let Some(time) = node.usage.exceeds(of, amount, cx.now) {
                    at(time);
                }
            }
            Some(since) => {
                let grace = threshold.grace.unwrap_or(SimDuration::ZERO);
                let acts = since.saturating_add(grace);
                let available = available(cx.model, id, node, of, cx.now);
                if !is_met(threshold.below, threshold.min_reclaim, (available.0, available.1)) {
                    at(cx.now);
                } else if acts > cx.now {
                    at(acts);
                } else if !manager.stuck {
                    at(cx.now);
                }
            }
        }
    }
    for of in Resource::ALL {
        let mut own = config.thresholds.iter().enumerate();
        let still = own.any(|(place, threshold)| {
            resource(threshold.signal) == of
                && manager.observed.get(place).copied().flatten().is_some()
        });
        if manager.under[of as usize]
            && !still
            && let Some(last) = manager.last_met[of as usize]
        {
            at(last.saturating_add(config.pressure_transition));
        }
    }
    next
}

impl Worker<'_, '_> {
    /// A container begins to use what it uses.
    pub(super) fn usage_begins(&mut self, index: u8) {
        let behaviour = &self.spec(index).behaviour;
        for of in Resource::ALL {
            self.node.usage.base[of as usize] += of.used_by(behaviour);
        }
        self.usage_changed();
    }

    /// A container is gone, and so is what it used.
    pub(super) fn usage_ends(&mut self, index: u8) {
        let behaviour = &self.spec(index).behaviour;
        for of in Resource::ALL {
            self.node.usage.base[of as usize] -= of.used_by(behaviour);
        }
        let pod = self.pod.id;
        self.node.usage.growing.retain(|g| (g.pod, g.container) != (pod, index));
        self.usage_changed();
    }

    /// What goes wrong in a running container has changed: so may what grows.
    pub(super) fn usage_grows(&mut self, index: u8) {
        let (pod, context) = (self.pod.id, self.app_context(index));
        let own = |g: &Growth| (g.pod, g.container) == (pod, index);
        let had = self.node.usage.growing.iter().any(own);
        let growths = self.pod.containers[usize::from(index)].app.growths(&context);
        let mut grows = growths
            .filter_map(|(mode, since)| Some((Resource::grown_by(mode)?, since)))
            .map(|((resource, per_minute), since)| Growth {
                pod,
                container: index,
                resource,
                since,
                per_minute,
            })
            .peekable();
        if !had && grows.peek().is_none() {
            return;
        }
        self.node.usage.growing.retain(|g| !own(g));
        self.node.usage.growing.extend(grows);
        self.usage_changed();
    }

    fn usage_changed(&mut self) {
        self.node.manager.stuck = false;
        plan(self.cx, self.pod.node, self.node);
    }
}

/// Whether a kubelet under pressure takes a pod; the conditions that it does not take it for.
pub(super) fn refuses(cx: &Cx<'_>, node: &Node, template: &PodTemplate) -> Option<String> {
    let [memory, disk, pids] = node.manager.under;
    if !(memory || disk || pids) || template.priority >= CRITICAL_PRIORITY {
        return None;
    }
    if !disk && !pids {
        let key = cx.model.symbols.get("node.kubernetes.io/memory-pressure")?;
        let value = cx.model.symbols.get("")?;
        let taint = crate::model::Taint { key, value, effect: TaintEffect::NoSchedule };
        let tolerated = template.tolerations.iter().any(|one| one.tolerates(&taint));
        if tolerated || qos_class(&claims(template)) != QosClass::BestEffort {
            return None;
        }
    }
    let words = [(memory, "MemoryPressure"), (disk, "DiskPressure"), (pids, "PIDPressure")];
    let words: Vec<&str> = words.iter().filter(|(has, _)| *has).map(|(_, word)| *word).collect();
    Some(format!("The node had condition: [{}]. ", words.join(" ")))
}

/// What the containers of a template claim, by position.
fn claims(template: &PodTemplate) -> Vec<Claims> {
    let all = (0..pod::count(template)).map(|index| {
        let spec = pod::spec(template, index);
        let role = pod::role(template, index);
        Claims { role, asked: spec.asked.clone(), limits: spec.limits.clone() }
    });
    all.collect()
}

impl Kubelets {
    /// A pass of the eviction manager.
    pub(super) fn eviction_pass(&mut self, cx: &mut Cx<'_>, id: NodeId, epoch: u32) {
        let node = &mut self.nodes[id];
        if node.manager.epoch != epoch || !node.up {
            return;
        }
        node.manager.planned[0] = None;
        if let Some(pod) = node.manager.awaited {
            if !self.is_cleaned(cx, id, pod) {
                let node = &mut self.nodes[id];
                let at = cx.now.saturating_add(CLEAN_UP_POLL);
                node.manager.planned[0] = Some(at);
                cx.at(at, Event::Kubelet(KubeletEvent::EvictionPass { node: id, epoch }));
                return;
            }
            // The next pass follows at once, and the others ten seconds after it.
            let manager = &mut self.nodes[id].manager;
            (manager.awaited, manager.anchor) = (None, cx.now);
        }
        self.observe(cx, id);
        self.nodes[id].manager.passed = Some(cx.now);
        self.relieve(cx, id);
        plan(cx, id, &mut self.nodes[id]);
    }

    /// Whether an evicted pod is out of the way, or has been waited for long enough.
    fn is_cleaned(&self, cx: &Cx<'_>, id: NodeId, pod: PodId) -> bool {
        let stopped = self.pod(pod).is_none_or(|pod| pod.stage == Stage::Stopped);
        let since = self.nodes[id].manager.passed.unwrap_or(SimTime::ZERO);
        stopped || cx.now.saturating_since(since) >= CLEAN_UP_LIMIT
    }

    /// Finds out which thresholds are met and sets the node's conditions.
    fn observe(&mut self, cx: &mut Cx<'_>, id: NodeId) {
        let (model, now) = (cx.model, cx.now);
        let config = config(model, id);
        let node = &mut self.nodes[id];
        node.manager.observed.resize(config.thresholds.len(), None);
        let before = now.as_nanos().checked_sub(PERIOD.as_nanos()).map(SimTime::from_nanos);
        for (place, threshold) in config.thresholds.iter().enumerate() {
            let of = resource(threshold.signal);
            let amounts = available(model, id, node, of, now);
            let manager = &mut node.manager;
            let known = manager.observed[place];
            let reclaim = threshold.min_reclaim.filter(|_| known.is_some());
            let met = amounts.0 > 0 && is_met(threshold.below, reclaim, amounts);
            manager.observed[place] = met.then(|| known.unwrap_or(now));
            let seen = if met {
                Some(now)
            } else if known.is_some() {
                // Until now nothing had changed: the pass before found it met.
                before.max(manager.passed)
            } else {
                None
            };
            let last = &mut manager.last_met[of as usize];
            *last = (*last).max(seen);
        }
        let mut changed = false;
        for of in Resource::ALL {
            let last = node.manager.last_met[of as usize];
            let under = last.is_some_and(|last| {
                now.saturating_since(last) < config.pressure_transition || last == now
            });
            let flag = &mut node.manager.under[of as usize];
            changed |= std::mem::replace(flag, under) != under;
        }
        if changed {
            self.node_update(cx, id);
        }
    }

    /// Acts on the first threshold that has been met for its grace period.
    fn relieve(&mut self, cx: &mut Cx<'_>, id: NodeId) {
        let config = config(cx.model, id);
        let manager = &self.nodes[id].manager;
        let due = config.thresholds.iter().enumerate().find(|(place, threshold)| {
            let since = manager.observed[*place];
            let grace = threshold.grace.unwrap_or(SimDuration::ZERO);
            since.is_some_and(|since| outlasts_grace(cx.now.saturating_since(since), grace))
        });
        let Some((_, threshold)) = due else { return };
        let of = resource(threshold.signal);
        let word = match of {
            Resource::Memory => "memory",
            Resource::Disk => "ephemeral-storage",
            Resource::Pids => "pids",
        };
        cx.kube_event(Involved::Node(id), (true, "EvictionThresholdMet", "kubelet"), |_, _| {
            format!("Attempting to reclaim {word}")
        });
        let Some(pod) = self.first_to_go(cx, id, of) else {
            self.nodes[id].manager.stuck = true;
            return;
        };
        let message = self.told(cx, id, pod, threshold, word);
        cx.kube_event(Involved::Pod(pod), (true, "Evicted", "kubelet"), |_, _| message);
        cx.fact(Fact::PressureEviction { pod, node: id });
        let own = cx.model.templates[cx.state.api.pods[pod].template].termination_grace;
        let grace = threshold.grace.map_or(IMMEDIATE, |_| config.max_pod_grace.min(own));
        let at = cx.now.saturating_add(CLEAN_UP_POLL);
        let manager = &mut self.nodes[id].manager;
        manager.awaited = Some(pod);
        manager.epoch += 1;
        manager.planned[0] = Some(at);
        let epoch = manager.epoch;
        cx.at(at, Event::Kubelet(KubeletEvent::EvictionPass { node: id, epoch }));
        if let Some(out) = manager.planned[1] {
            cx.at(
                out.max(cx.now),
                Event::Kubelet(KubeletEvent::NodeOutOfMemory { node: id, epoch }),
            );
        }
        self.with(cx, pod, |worker| worker.fail(PodReason::Evicted, grace));
    }

    /// What a pod uses of a resource.
    fn used(&self, cx: &Cx<'_>, pod: &Pod, of: Resource) -> i64 {
        let template = &cx.model.templates[pod.template];
        let positions = 0..pod::count(template);
        positions.map(|index| self.used_by(cx, pod, index, of)).sum()
    }

    fn used_by(&self, cx: &Cx<'_>, pod: &Pod, index: u8, of: Resource) -> i64 {
        let template = &cx.model.templates[pod.template];
        let container = &pod.containers[usize::from(index)];
        if container.process != container::Process::Running {
            return 0;
        }
        let base = of.used_by(&pod::spec(template, index).behaviour);
        base.saturating_add(self.nodes[pod.node].usage.grown(of, (pod.id, index), cx.now))
    }

    /// The pod that is evicted first.
    fn first_to_go(&self, cx: &Cx<'_>, id: NodeId, of: Resource) -> Option<PodId> {
        let shortage = match of {
            Resource::Memory => Shortage::Memory,
            Resource::Disk => Shortage::Disk,
            Resource::Pids => Shortage::Pids,
        };
        let active = self.nodes[id].pods.iter().filter_map(|&pod| self.pod(pod));
        let mut ranked: Vec<(EvictionCandidate, PodId)> = active
            .filter(|pod| pod.stage == Stage::Active)
            .filter_map(|pod| {
                let template = &cx.model.templates[pod.template];
                let asked = match of {
                    Resource::Memory => template.requests.memory_bytes,
                    Resource::Disk => template.requests.ephemeral_bytes,
                    Resource::Pids => 0,
                };
                let importance = template.priority;
                let usage = Some(self.used(cx, pod, of));
                let candidate = EvictionCandidate { importance, asked, usage };
                (importance < CRITICAL_PRIORITY).then_some((candidate, pod.id))
            })
            .collect();
        ranked.sort_by(|(a, x), (b, y)| eviction_order(shortage, a, b).then(x.cmp(y)));
        ranked.first().map(|(_, pod)| *pod)
    }

    /// What the kubelet says of an eviction.
    fn told(
        &self,
        cx: &Cx<'_>,
        id: NodeId,
        pod: PodId,
        threshold: &EvictionThreshold,
        word: &str,
    ) -> String {
        let of = resource(threshold.signal);
        let (capacity, available) = available(cx.model, id, &self.nodes[id], of, cx.now);
        let quantity = match threshold.below {
            ThresholdValue::Amount(amount) => amount,
            share @ ThresholdValue::Share(_) => Quantity::from_bytes(share.of(capacity)),
        };
        let available = match of {
            Resource::Memory | Resource::Disk => Quantity::from_bytes(available),
            Resource::Pids => Quantity::from_int(available),
        };
        let mut message = format!(
            "The node was low on resource: {word}. Threshold quantity: {quantity}, available: \
             {available}. "
        );
        let Some(pod) = self.pod(pod).filter(|_| of != Resource::Pids) else { return message };
        let template = &cx.model.templates[pod.template];
        for index in 0..pod::count(template) {
            let (spec, used) = (pod::spec(template, index), self.used_by(cx, pod, index, of));
            let asked = spec.asked.get(word).copied().unwrap_or(Quantity::ZERO);
            if used > asked.value() {
                let (name, used) = (&spec.name, Quantity::from_bytes(used));
                message += &format!(
                    "Container {name} was using {used}, request is {asked}, has larger \
                     consumption of {word}. "
                );
            }
        }
        message
    }

    /// Memory has run out: the kernel kills the process with the highest score.
    pub(super) fn out_of_memory(&mut self, cx: &mut Cx<'_>, id: NodeId, epoch: u32) {
        let node = &mut self.nodes[id];
        if node.manager.epoch != epoch || !node.up {
            return;
        }
        node.manager.planned[1] = None;
        let capacity = cx.model.nodes[id].capacity.memory_bytes;
        let mut worst: Option<(i64, PodId, u8)> = None;
        for pod in self.nodes[id].pods.iter().filter_map(|&pod| self.pod(pod)) {
            let template = &cx.model.templates[pod.template];
            let claims = claims(template);
            let critical = template.priority == NODE_CRITICAL_PRIORITY
                && is_node_critical(Some(template.priority), "system-node-critical");
            for index in 0..pod::count(template) {
                let used = self.used_by(cx, pod, index, Resource::Memory);
                if used == 0 {
                    continue;
                }
                let share = i128::from(used) * 1000 / i128::from(capacity.max(1));
                let adjust = oom_score_adjust(&claims, usize::from(index), critical, capacity);
                let score = i64::try_from(share).unwrap_or(i64::MAX).saturating_add(adjust);
                if worst.is_none_or(|(most, ..)| score > most) {
                    worst = Some((score, pod.id, index));
                }
            }
        }
        let Some((_, pod, container)) = worst else { return };
        cx.kube_event(Involved::Node(id), (true, "SystemOOM", "kubelet"), |model, state| {
            let template = &model.templates[state.api.pods[pod].template];
            let name = &pod::spec(template, container).name;
            format!("System OOM encountered, victim process: {name}")
        });
        cx.fact(Fact::NodeOutOfMemory { node: id, pod });
        self.with(cx, pod, |worker| {
            worker.exited(container, ExitCause::OutOfMemory, 137);
        });
    }
}
