//! Vectors of back-off and of taint eviction's timers.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Taint, Toleration};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::read;
use crate::base::time::{SimDuration, SimTime};
use crate::controllers::{Evictions, no_execute, stay};
use crate::kubelet::{Backoff, Limits};
use crate::model::{self, BackoffCurve, PodId};
use crate::scenario::compile::Parts;

/// How long after the last event the recording goes on.
const AFTERWARDS: SimDuration = SimDuration::from_secs(1000);
const SECOND: SimDuration = SimDuration::from_secs(1);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Crashing {
    initial: u64,
    max: u64,
    gc_period: u64,
    run_durations: Vec<u64>,
}

/// Starts of a container that always exits; whether it may start is asked every second.
pub(super) fn backoff(input: &Value) -> Result<Value, String> {
    let input: Crashing = read(input)?;
    let seconds = SimDuration::from_secs;
    let (initial, max) = (seconds(input.initial), seconds(input.max));
    let curve = BackoffCurve { initial, max, jitter_per_mille: 0 };
    let limits = Limits { curve, housekeeping: seconds(input.gc_period) };
    let (mut backoff, mut now, mut starts) = (Backoff::default(), SimTime::ZERO, Vec::new());
    let mut finished = None;
    for run in input.run_durations {
        if let Some(finished) = finished {
            while backoff.allowed_at(&limits, finished, now) > now {
                now += SECOND;
            }
            backoff.start(&limits, finished, now);
        }
        starts.push(json!({"t": now, "nextBackoff": backoff.delay()}));
        now += seconds(run);
        finished = Some(now);
    }
    Ok(json!({"starts": starts}))
}

#[derive(Debug, Deserialize)]
struct Tainted {
    events: Vec<Event>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "camelCase")]
enum Event {
    PodAdded {
        t: u64,
        pod: String,
        #[serde(rename = "tolerations")]
        tolerated: Option<Vec<Toleration>>,
    },
    PodTolerationsReplaced {
        t: u64,
        pod: String,
        #[serde(rename = "tolerations")]
        tolerated: Option<Vec<Toleration>>,
    },
    NodeTaints {
        t: u64,
        #[serde(rename = "taints")]
        attached: Vec<Taint>,
    },
}

/// One node, its pods and their timers.
#[derive(Default)]
struct Node {
    evictions: Evictions,
    names: Vec<String>,
    pods: BTreeMap<PodId, Vec<model::Toleration>>,
    attached: Vec<model::Taint>,
    timers: BTreeSet<(SimTime, PodId, u32)>,
    deleted: BTreeMap<PodId, SimTime>,
    cancelled: u64,
}

impl Node {
    fn id(&mut self, name: &str) -> PodId {
        let known = self.names.iter().position(|known| known == name);
        PodId::from_index(known.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.iter().position(|known| known == name).unwrap_or_default()
        }))
    }

    fn look_at(&mut self, pod: PodId, now: SimTime) {
        let Some(tolerated) = self.pods.get(&pod) else { return };
        let looked = self.evictions.look(pod, stay(&self.attached, tolerated), now);
        self.cancelled += u64::from(looked.cancelled);
        self.timers.extend(looked.timer.map(|(fires, epoch)| (fires, pod, epoch)));
        self.run_to(now);
    }

    /// Lets all timers run out that do so by `now`.
    fn run_to(&mut self, now: SimTime) {
        while let Some(timer) = self.timers.first().copied().filter(|(fires, ..)| *fires <= now) {
            self.timers.remove(&timer);
            let (fires, pod, epoch) = timer;
            if self.evictions.fire(pod, fires, epoch) && self.pods.remove(&pod).is_some() {
                self.deleted.insert(pod, fires);
                self.evictions.cancel(pod, fires);
            }
        }
    }

    fn happens(&mut self, parts: &mut Parts, event: Event) -> SimTime {
        let (Event::PodAdded { t, .. }
        | Event::PodTolerationsReplaced { t, .. }
        | Event::NodeTaints { t, .. }) = event;
        let now = SimTime::from_secs(t);
        self.run_to(now);
        match event {
            Event::NodeTaints { attached, .. } => {
                let next = no_execute(&parts.compile_taints(&attached));
                if next != self.attached {
                    self.attached = next;
                    let pods: Vec<PodId> = self.pods.keys().copied().collect();
                    pods.into_iter().for_each(|pod| self.look_at(pod, now));
                }
            }
            Event::PodAdded { pod, tolerated, .. } => {
                let pod = self.id(&pod);
                self.replace(pod, parts.compile_tolerations(&tolerated.unwrap_or_default()), now);
            }
            Event::PodTolerationsReplaced { pod, tolerated, .. } => {
                let pod = self.id(&pod);
                let tolerated = parts.compile_tolerations(&tolerated.unwrap_or_default());
                if self.pods.get(&pod).is_some_and(|before| *before != tolerated) {
                    self.replace(pod, tolerated, now);
                }
            }
        }
        now
    }

    fn replace(&mut self, pod: PodId, tolerated: Vec<model::Toleration>, now: SimTime) {
        self.pods.insert(pod, tolerated);
        if !self.attached.is_empty() {
            self.look_at(pod, now);
        }
    }
}

/// A history of one node's taints and pods.
pub(super) fn taint_eviction(input: &Value) -> Result<Value, String> {
    let input: Tainted = read(input)?;
    let (mut parts, mut node, mut last) = (Parts::default(), Node::default(), SimTime::ZERO);
    for event in input.events {
        last = node.happens(&mut parts, event);
    }
    node.run_to(last + AFTERWARDS);
    let deleted = node.names.iter().enumerate().filter_map(|(at, name)| {
        let time = node.deleted.get(&PodId::from_index(at))?;
        Some((name.clone(), json!(time)))
    });
    let deleted: Map<String, Value> = deleted.collect();
    Ok(json!({"deletedAt": deleted, "cancelEvents": node.cancelled}))
}
