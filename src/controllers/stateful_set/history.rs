//! A StatefulSet alone with its pods: an API server that only stores, and pods to which happens
//! what is given. After every change the controller syncs until nothing changes any more.

use std::collections::BTreeMap;

use super::{
    Rollout, StatefulAction, StatefulPod, StatefulSpec, StatefulStatus, StatefulUpdate,
    sync_stateful_set,
};
use crate::base::time::SimDuration;
use crate::model::{PodId, TemplateId};
use crate::state::Phase;
/// What happens to a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodChange {
    /// It runs and is Ready.
    Ready,
    /// It runs and is not Ready.
    RunningUnready,
    /// It fails.
    Failed,
    /// Its object goes, if it is being deleted.
    Gone,
    /// Somebody deletes it.
    Deleted,
}

/// What happens to a StatefulSet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatefulChange {
    /// It is created.
    Created,
    /// It gets another template.
    Template(TemplateId),
    /// It gets other `replicas`.
    Scale(u32),
    /// It gets another `partition`; nothing with `OnDelete`.
    Partition(u32),
    /// Something happens to the pod of an ordinal, if there is one.
    Pod(u32, PodChange),
}

/// A pod as an observer sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatefulPodView {
    /// Its ordinal.
    pub ordinal: u32,
    /// Its revision.
    pub revision: TemplateId,
    /// Its phase.
    pub phase: Phase,
    /// It is Ready.
    pub ready: bool,
    /// It is being deleted.
    pub terminating: bool,
}

/// What came of one change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatefulView {
    /// Actions of each sync that acted.
    pub syncs: Vec<Vec<StatefulAction>>,
    /// The pods afterwards, by ordinal.
    pub pods: Vec<StatefulPodView>,
    /// The status afterwards.
    pub status: StatefulStatus,
}

/// A pod that is stored.
#[derive(Clone, Copy, Debug)]
struct Stored {
    id: PodId,
    view: StatefulPodView,
}

/// The set and its pods.
struct World {
    spec: StatefulSpec,
    template: TemplateId,
    status: Option<StatefulStatus>,
    pods: BTreeMap<u32, Stored>,
    /// Pods created so far.
    created: usize,
}

impl World {
    fn happens(&mut self, change: StatefulChange) {
        match change {
            StatefulChange::Created => {}
            StatefulChange::Template(template) => self.template = template,
            StatefulChange::Scale(replicas) => self.spec.replicas = replicas,
            StatefulChange::Partition(to) => {
                if let StatefulUpdate::RollingUpdate { partition } = &mut self.spec.update {
                    *partition = Some(to);
                }
            }
            StatefulChange::Pod(ordinal, change) => self.pod_changes(ordinal, change),
        }
    }

    fn pod_changes(&mut self, ordinal: u32, change: PodChange) {
        let Some(Stored { view, .. }) = self.pods.get_mut(&ordinal) else { return };
        match change {
            PodChange::Ready => (view.phase, view.ready) = (Phase::Running, true),
            PodChange::RunningUnready => (view.phase, view.ready) = (Phase::Running, false),
            PodChange::Failed => (view.phase, view.ready) = (Phase::Failed, false),
            PodChange::Deleted => view.terminating = true,
            PodChange::Gone => {
                if view.terminating {
                    self.pods.remove(&ordinal);
                }
            }
        }
    }

    /// Syncs until nothing changes; gives the actions of those that acted.
    fn settle(&mut self) -> Vec<Vec<StatefulAction>> {
        let mut syncs = Vec::new();
        loop {
            let rollout = Rollout {
                current: self.status.map(|status| status.current_revision),
                update: self.template,
                current_replicas: self.status.map_or(0, |status| status.current),
            };
            let pods: Vec<StatefulPod> = self.pods.values().map(observed).collect();
            let done = sync_stateful_set(&self.spec, rollout, &pods, &[]);
            if done.actions.is_empty() && self.status == Some(done.status) {
                return syncs;
            }
            self.status = Some(done.status);
            for action in &done.actions {
                self.apply(action);
            }
            if !done.actions.is_empty() {
                syncs.push(done.actions);
            }
        }
    }

    /// What the API server makes of an action. A pod that is deleted stays until it is gone.
    fn apply(&mut self, action: &StatefulAction) {
        match *action {
            StatefulAction::CreateClaims { .. } | StatefulAction::OwnClaims { .. } => {}
            StatefulAction::Create { ordinal, revision } => {
                let id = PodId::from_index(self.created);
                self.created += 1;
                let phase = Phase::Pending;
                let view =
                    StatefulPodView { ordinal, revision, phase, ready: false, terminating: false };
                self.pods.insert(ordinal, Stored { id, view });
            }
            StatefulAction::Delete { ordinal, .. } => {
                if let Some(Stored { view, .. }) = self.pods.get_mut(&ordinal) {
                    view.terminating = true;
                }
            }
        }
    }
}

fn observed(stored: &Stored) -> StatefulPod {
    let Stored { id, view } = *stored;
    StatefulPod {
        id,
        ordinal: view.ordinal,
        revision: view.revision,
        phase: view.phase,
        ready_for: view.ready.then_some(SimDuration::ZERO),
        terminating: view.terminating,
    }
}

/// What comes of each of these changes, in order. The set's first template is `template`.
#[must_use]
pub fn stateful_history(
    spec: StatefulSpec,
    template: TemplateId,
    changes: &[StatefulChange],
) -> Vec<StatefulView> {
    let mut world = World { spec, template, status: None, pods: BTreeMap::new(), created: 0 };
    let views = changes.iter().map(|&change| {
        world.happens(change);
        let syncs = world.settle();
        let status = world.status.expect("a sync writes a status");
        StatefulView { syncs, pods: world.pods.values().map(|pod| pod.view).collect(), status }
    });
    views.collect()
}
