//! What pods request of nodes over time: allocation per node and over the cluster.

use super::window::{Window, held};
use crate::base::id::IdVec;
use crate::base::time::SimTime;
use crate::model::{Model, NodeId, Resources, TemplateId};

/// Below this share of a resource free, in per cent, what is left of the other is stranded.
const STRANDED_BELOW_PERCENT: i128 = 5;

/// One node. Amounts are CPU milli-cores and bytes; integrals are amounts × nanoseconds.
#[derive(Clone, Debug)]
pub(super) struct NodeTrack {
    since: SimTime,
    /// Requested CPU.
    pub(super) cpu: i64,
    /// Requested memory.
    pub(super) memory: i64,
    /// Pods that hold room.
    pods: u32,
    /// ∫ requested CPU.
    pub(super) cpu_sum: u128,
    /// ∫ requested memory.
    pub(super) memory_sum: u128,
    /// Time with a pod.
    pub(super) used_ns: u128,
    /// ∫ free CPU while memory was short.
    pub(super) stranded_cpu: u128,
    /// ∫ free memory while CPU was short.
    pub(super) stranded_memory: u128,
    /// Most CPU requested for any time.
    pub(super) cpu_max: i64,
    /// Most memory requested for any time.
    pub(super) memory_max: i64,
}

impl NodeTrack {
    fn new() -> Self {
        Self {
            since: SimTime::ZERO,
            cpu: 0,
            memory: 0,
            pods: 0,
            cpu_sum: 0,
            memory_sum: 0,
            used_ns: 0,
            stranded_cpu: 0,
            stranded_memory: 0,
            cpu_max: 0,
            memory_max: 0,
        }
    }

    fn settle(&mut self, now: SimTime, window: Window, allocatable: &Resources) {
        let ns = window.overlap_ns(self.since, now);
        if ns > 0 {
            self.cpu_sum += held(self.cpu, ns);
            self.memory_sum += held(self.memory, ns);
            self.used_ns += if self.pods > 0 { ns } else { 0 };
            let free_cpu = allocatable.cpu_milli - self.cpu;
            let free_memory = allocatable.memory_bytes - self.memory;
            if is_short(free_memory, allocatable.memory_bytes) {
                self.stranded_cpu += held(free_cpu, ns);
            }
            if is_short(free_cpu, allocatable.cpu_milli) {
                self.stranded_memory += held(free_memory, ns);
            }
            self.cpu_max = self.cpu_max.max(self.cpu);
            self.memory_max = self.memory_max.max(self.memory);
        }
        self.since = now;
    }
}

/// Whether less than [`STRANDED_BELOW_PERCENT`] of `total` is free.
fn is_short(free: i64, total: i64) -> bool {
    i128::from(free) * 100 < i128::from(total) * STRANDED_BELOW_PERCENT
}

/// One resource over the whole cluster.
#[derive(Clone, Debug)]
pub(super) struct ResourceTrack {
    /// Kubernetes' name.
    pub(super) name: String,
    /// Allocatable on all declared nodes, up or not.
    pub(super) allocatable: i64,
    /// Requested now.
    pub(super) requested: i64,
    /// ∫ requested.
    pub(super) sum: u128,
    /// Most requested for any time.
    pub(super) max: i64,
}

/// Allocation of nodes and cluster.
#[derive(Debug)]
pub(super) struct Load<'m> {
    model: &'m Model,
    window: Window,
    since: SimTime,
    /// Per node.
    pub(super) nodes: IdVec<NodeId, NodeTrack>,
    /// Per resource of which there is any: `cpu`, `memory`, `ephemeral-storage`, `pods`, scalars.
    pub(super) resources: Vec<ResourceTrack>,
    /// Per template and entry of `resources`.
    requests: Vec<i64>,
}

impl<'m> Load<'m> {
    /// The empty cluster.
    pub(super) fn new(model: &'m Model, window: Window) -> Self {
        let names = ["cpu", "memory", "ephemeral-storage", "pods"].map(str::to_owned);
        let scalars = model.scalar_resources.values().cloned();
        let mut totals = vec![0_i64; names.len() + model.scalar_resources.len()];
        for node in model.nodes.values() {
            let amounts = amounts(&node.allocatable, node.allocatable.pods, model);
            totals.iter_mut().zip(amounts).for_each(|(total, amount)| *total += amount);
        }
        let resources = names
            .into_iter()
            .chain(scalars)
            .zip(&totals)
            .filter(|(_, total)| **total > 0)
            .map(|(name, &allocatable)| ResourceTrack {
                name,
                allocatable,
                requested: 0,
                sum: 0,
                max: 0,
            })
            .collect();
        let requests = model
            .templates
            .values()
            .flat_map(|template| {
                let kept = amounts(&template.requests, 1, model).into_iter().zip(&totals);
                kept.filter(|(_, total)| **total > 0).map(|(amount, _)| amount)
            })
            .collect();
        let nodes = IdVec::from_rows(vec![NodeTrack::new(); model.nodes.len()]);
        Self { model, window, since: SimTime::ZERO, nodes, resources, requests }
    }

    /// A pod takes room on a node (`by` = 1) or gives it back (−1).
    pub(super) fn change(&mut self, now: SimTime, node: NodeId, template: TemplateId, by: i64) {
        self.settle(now);
        let width = self.resources.len();
        let requests = &self.requests[template.index() * width..][..width];
        for (resource, request) in self.resources.iter_mut().zip(requests) {
            resource.requested += by * request;
        }
        let track = &mut self.nodes[node];
        track.settle(now, self.window, &self.model.nodes[node].allocatable);
        let amounts = &self.model.templates[template].requests;
        track.cpu += by * amounts.cpu_milli;
        track.memory += by * amounts.memory_bytes;
        track.pods = track
            .pods
            .checked_add_signed(i32::from(by.is_positive()) * 2 - 1)
            .expect("a pod gives back the room that it took");
    }

    fn settle(&mut self, now: SimTime) {
        let ns = self.window.overlap_ns(self.since, now);
        if ns > 0 {
            for resource in &mut self.resources {
                resource.sum += held(resource.requested, ns);
                resource.max = resource.max.max(resource.requested);
            }
        }
        self.since = now;
    }

    /// Requested CPU and memory of a node, divided by what it offers (0 where it offers none).
    pub(super) fn node_ratios(&self, node: NodeId) -> [f64; 2] {
        let (track, offered) = (&self.nodes[node], &self.model.nodes[node].allocatable);
        [
            share(track.cpu as f64, offered.cpu_milli),
            share(track.memory as f64, offered.memory_bytes),
        ]
    }

    /// Accounts for the time up to the end of the window.
    pub(super) fn finish(&mut self) {
        let end = self.window.end();
        self.settle(end);
        for (node, track) in self.nodes.iter_mut() {
            track.settle(end, self.window, &self.model.nodes[node].allocatable);
        }
    }
}

/// `part / whole`, 0 where there is no whole.
pub(super) fn share(part: f64, whole: i64) -> f64 {
    if whole > 0 { part / whole as f64 } else { 0.0 }
}

/// CPU, memory, ephemeral storage, pods, then the scalars by id.
fn amounts(resources: &Resources, pods: i64, model: &Model) -> Vec<i64> {
    let own =
        [resources.cpu_milli, resources.memory_bytes, resources.ephemeral_bytes, pods].into_iter();
    own.chain(model.scalar_resources.ids().map(|id| resources.scalar(id))).collect()
}
