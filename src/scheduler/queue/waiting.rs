//! Pods that wait for an event, found by what would wake them.
//!
//! An event that no waiting pod listens to costs the number of different sets of rejecting
//! plugins; one that some listen to costs one question per class among them.

use std::collections::{BTreeMap, BTreeSet};

use super::entry::{Place, QueuedPod};
use crate::base::time::SimTime;
use crate::model::{PodId, TemplateId};
use crate::scheduling::{PluginId, PluginSet, WakeSet};

/// Why pods wait: the plugins that rejected them, and the one that holds them back.
type Cause = (PluginSet, Option<PluginId>);

/// The unschedulable set, gated pods included.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    causes: BTreeMap<Cause, BTreeMap<TemplateId, BTreeSet<PodId>>>,
    /// Those that are not gated, the longest there first.
    by_age: BTreeSet<(SimTime, PodId)>,
    len: usize,
}

impl Waiting {
    /// Number of pods.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Pods that are not gated and since when they wait, the oldest first.
    pub(super) fn by_age(&self) -> impl Iterator<Item = (SimTime, PodId)> {
        self.by_age.iter().copied()
    }

    /// Pods that an event of a kind is offered to, by cause and class. It reaches a gated pod only
    /// if its gate listens.
    pub(super) fn listening(
        &self,
        kind: WakeSet,
    ) -> impl Iterator<Item = (PluginSet, Option<PluginId>, TemplateId, &BTreeSet<PodId>)> {
        let reached = move |&(&(by, gate), _): &(&Cause, _)| {
            gate.is_none_or(|gate| gate.def().listens_to().intersects(kind)) && by.listens(kind)
        };
        self.causes.iter().filter(reached).flat_map(|(&(by, gate), classes)| {
            classes.iter().map(move |(&template, pods)| (by, gate, template, pods))
        })
    }

    /// All pods.
    #[cfg(test)]
    pub(super) fn all(&self) -> impl Iterator<Item = PodId> {
        self.causes.values().flat_map(BTreeMap::values).flatten().copied()
    }

    /// Puts a pod in, as its entry describes it.
    pub(super) fn insert(&mut self, pod: PodId, entry: &QueuedPod) {
        if entry.place == Place::Unschedulable {
            self.by_age.insert((entry.timestamp, pod));
        }
        let classes = self.causes.entry((entry.rejected_by, entry.gated_by)).or_default();
        let added = classes.entry(entry.template).or_default().insert(pod);
        self.len += usize::from(added);
    }

    /// Takes a pod out whose entry, its place aside, is as it was when the pod went in.
    pub(super) fn remove(&mut self, pod: PodId, entry: &QueuedPod) {
        self.by_age.remove(&(entry.timestamp, pod));
        let cause = (entry.rejected_by, entry.gated_by);
        let Some(classes) = self.causes.get_mut(&cause) else { return };
        let Some(pods) = classes.get_mut(&entry.template) else { return };
        self.len -= usize::from(pods.remove(&pod));
        if pods.is_empty() {
            classes.remove(&entry.template);
            if classes.is_empty() {
                self.causes.remove(&cause);
            }
        }
    }
}
