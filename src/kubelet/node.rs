//! One node as its kubelet sees it: room, images, pods, and the rhythm of PLEG.

use super::faults::Ailments;
use super::images::Images;
use super::pressure::Manager;
use super::shutdown::Shutdown;
use super::usage::Usage;
use crate::base::time::{SimDuration, SimTime};
use crate::model::{PodId, Resources};
use crate::state::PodReason;

/// PLEG lists the containers of the node once a second (`genericPlegRelistPeriod`).
pub(crate) const RELIST_PERIOD: SimDuration = SimDuration::from_secs(1);

/// A resource of which a node has too little for a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shortage {
    /// The pod's status reason.
    pub(crate) reason: PodReason,
    /// Resource name.
    pub(crate) resource: String,
    /// What the pod asks for.
    pub(crate) requested: i64,
    /// What the node's pods have.
    pub(crate) used: i64,
    /// What the node allows.
    pub(crate) capacity: i64,
}

/// A node.
#[derive(Debug)]
pub(crate) struct Node {
    /// The kubelet is up.
    pub(crate) up: bool,
    /// The container runtime does not answer: from when on the node is not Ready for it.
    pub(crate) runtime_missed: Option<SimTime>,
    /// The machine is about to shut down.
    pub(crate) shutdown: Option<Shutdown>,
    /// When the kubelet started, unless it has been up since before time began.
    pub(crate) started_at: Option<SimTime>,
    /// Moves on when power is lost.
    pub(crate) epoch: u32,
    /// Images and pulls.
    pub(crate) images: Images,
    /// Pods that the kubelet knows, ascending.
    pub(crate) pods: Vec<PodId>,
    /// Pods whose binding the kubelet could not hear of while it was down, ascending.
    pub(crate) unheard: Vec<PodId>,
    /// What its pods request until their containers have stopped; `pods` counts them.
    used: Resources,
    /// Phase of PLEG's lists within their period.
    relist_phase: SimDuration,
    /// What its containers use.
    pub(crate) usage: Usage,
    /// What faults have made of it.
    pub(crate) ailments: Ailments,
    /// Its eviction manager.
    pub(crate) manager: Manager,
    /// Every tick of every probe worker is an event.
    #[cfg(test)]
    pub(crate) ticks_always: bool,
}

impl Node {
    /// A node without pods that is up; `relist_phase` is less than [`RELIST_PERIOD`].
    pub(crate) fn new(relist_phase: SimDuration) -> Self {
        Self {
            up: true,
            runtime_missed: None,
            shutdown: None,
            started_at: None,
            epoch: 0,
            images: Images::new(),
            pods: Vec::new(),
            unheard: Vec::new(),
            used: Resources::default(),
            relist_phase,
            usage: Usage::default(),
            ailments: Ailments::default(),
            manager: Manager::default(),
            #[cfg(test)]
            ticks_always: false,
        }
    }

    /// PLEG's next list, `now` included: a list at the instant of a change sees it.
    pub(crate) fn next_relist(&self, now: SimTime) -> SimTime {
        let (period, phase) = (RELIST_PERIOD.as_nanos(), self.relist_phase.as_nanos());
        let into = (now.as_nanos() % period + period - phase) % period;
        let wait = (period - into) % period;
        now.saturating_add(SimDuration::from_nanos(wait))
    }

    /// Whether PLEG lists containers at this instant.
    pub(crate) fn relists(&self, now: SimTime) -> bool {
        self.next_relist(now) == now
    }

    /// Registers a pod.
    pub(crate) fn add(&mut self, pod: PodId) {
        if let Err(place) = self.pods.binary_search(&pod) {
            self.pods.insert(place, pod);
        }
    }

    /// Forgets a pod.
    pub(crate) fn remove(&mut self, pod: PodId) {
        if let Ok(place) = self.pods.binary_search(&pod) {
            self.pods.remove(place);
        }
    }

    /// Remembers a pod that the kubelet has not heard of.
    pub(crate) fn miss(&mut self, pod: PodId) {
        if let Err(place) = self.unheard.binary_search(&pod) {
            self.unheard.insert(place, pod);
        }
    }

    /// Takes a pod's requests into account.
    pub(crate) fn reserve(&mut self, requests: &Resources) {
        self.used.add(requests);
        self.used.pods += 1;
    }

    /// Gives a pod's requests back.
    pub(crate) fn release(&mut self, requests: &Resources) {
        self.used.sub(requests);
        self.used.pods -= 1;
    }

    /// The first resource that does not suffice for a pod, in the scheduler's order (pods, CPU,
    /// memory, ephemeral storage, the others). A resource that is not requested always suffices.
    pub(crate) fn shortage(
        &self,
        requests: &Resources,
        allocatable: &Resources,
    ) -> Option<Shortage> {
        let used = &self.used;
        let rows = [
            (PodReason::OutOfPods, "pods", 1, used.pods, allocatable.pods),
            (PodReason::OutOfCpu, "cpu", requests.cpu_milli, used.cpu_milli, allocatable.cpu_milli),
            (
                PodReason::OutOfMemory,
                "memory",
                requests.memory_bytes,
                used.memory_bytes,
                allocatable.memory_bytes,
            ),
            (
                PodReason::OutOfResource,
                "ephemeral-storage",
                requests.ephemeral_bytes,
                used.ephemeral_bytes,
                allocatable.ephemeral_bytes,
            ),
        ];
        let scalars = requests.scalars.iter().map(|&(id, amount)| {
            let reason = PodReason::OutOfResource;
            (reason, "extended resource", amount, used.scalar(id), allocatable.scalar(id))
        });
        rows.into_iter()
            .chain(scalars)
            .find(|&(_, _, requested, used, capacity)| requested > 0 && used + requested > capacity)
            .map(|(reason, resource, requested, used, capacity)| Shortage {
                reason,
                resource: resource.to_owned(),
                requested,
                used,
                capacity,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pleg_lists_once_a_second_in_the_nodes_phase() {
        let node = Node::new(SimDuration::from_millis(300));
        let next = |millis| {
            let now = SimTime::ZERO + SimDuration::from_millis(millis);
            (node.next_relist(now) - SimTime::ZERO).as_millis()
        };
        assert_eq!([0, 299, 300, 301, 1300].map(next), [300, 300, 300, 1300, 1300]);
        assert!(node.relists(SimTime::ZERO + SimDuration::from_millis(2300)));
        assert!(!node.relists(SimTime::from_secs(2)));
    }

    #[test]
    fn the_first_resource_that_is_short_counts() {
        let allocatable =
            Resources { cpu_milli: 1000, memory_bytes: 100, pods: 2, ..Resources::default() };
        let pod = Resources { cpu_milli: 600, memory_bytes: 60, ..Resources::default() };
        let mut node = Node::new(SimDuration::ZERO);
        assert_eq!(node.shortage(&pod, &allocatable), None);
        node.reserve(&pod);
        let reason = |node: &Node, pod| node.shortage(pod, &allocatable).map(|s| s.reason);
        assert_eq!(reason(&node, &pod), Some(PodReason::OutOfCpu));
        let modest = Resources { memory_bytes: 60, ..Resources::default() };
        assert_eq!(reason(&node, &modest), Some(PodReason::OutOfMemory));
        let nothing = Resources::default();
        assert_eq!(reason(&node, &nothing), None);
        node.reserve(&nothing);
        assert_eq!(reason(&node, &nothing), Some(PodReason::OutOfPods));
        node.release(&nothing);
        node.release(&pod);
        assert_eq!(node.shortage(&pod, &allocatable), None);
    }
}
