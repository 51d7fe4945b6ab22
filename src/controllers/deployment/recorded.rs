//! One Deployment with a stand-in for everything round its controller: an API server that stores at
//! once, and a ReplicaSet controller whose pods become ready only when told. Histories that were
//! recorded of the real controller are followed with it.
//!
//! What happens to the Deployment is given; what the controller makes of it is told, look by look.

use super::sync::{Decision, DeploymentFacts, SetFacts, SetWrite, sync};
use crate::base::time::{SimDuration, SimTime};
use crate::model::{DeploymentStrategy, TemplateId};
use crate::state::{DeploymentStatus, ReplicaSetStatus};

/// A Deployment that settles takes fewer looks than this.
const LOOKS: usize = 1000;

/// A Deployment as it is created.
#[derive(Clone, Copy, Debug)]
pub struct NewDeployment {
    /// `spec.replicas`.
    pub replicas: i32,
    /// `spec.template`.
    pub template: TemplateId,
    /// `spec.strategy`.
    pub strategy: DeploymentStrategy,
    /// `spec.progressDeadlineSeconds`.
    pub progress_deadline: Option<SimDuration>,
    /// `spec.revisionHistoryLimit`.
    pub revision_history_limit: Option<i32>,
}

/// What happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeploymentChange {
    /// Only time passes.
    Nothing,
    /// `spec.template` is set.
    Template(TemplateId),
    /// `spec.replicas` is set.
    Replicas(i32),
    /// `spec.paused` is set.
    Paused(bool),
    /// So many pods of a template's set are ready and available now; no more than it has.
    Pods {
        /// The template.
        template: TemplateId,
        /// Ready ones.
        ready: i32,
        /// Available ones.
        available: i32,
    },
    /// Pods that have been removed are gone; until then they terminate.
    Gone,
}

/// A ReplicaSet after a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetView {
    /// Its template.
    pub template: TemplateId,
    /// `spec.replicas`.
    pub replicas: i32,
    /// Revision.
    pub revision: u32,
    /// Annotation `desired-replicas`.
    pub desired: Option<i32>,
    /// Annotation `max-replicas`.
    pub max: Option<i32>,
}

/// One look and its outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Writes that scale a set, and the template of that set.
    pub scaled: Vec<(TemplateId, SetWrite)>,
    /// All sets afterwards, oldest first.
    pub sets: Vec<SetView>,
}

/// What the controller makes of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Every look that changed something, or the only one.
    pub looks: Vec<Look>,
    /// The status in the end.
    pub status: DeploymentStatus,
}

/// The Deployment, its sets and how many pods of each exist.
pub(super) struct World {
    pub(super) deployment: DeploymentFacts,
    pub(super) sets: Vec<SetFacts>,
    pods: Vec<i32>,
}

/// What becomes of a Deployment that is created and changed; after each change the controller looks
/// until nothing moves.
#[must_use]
pub fn deployment_history(
    new: &NewDeployment,
    changes: &[(SimTime, DeploymentChange)],
) -> Vec<Settled> {
    let mut world = World::new(new);
    let settled = changes.iter().map(|&(now, change)| {
        world.happens(change);
        world.settle(now)
    });
    settled.collect()
}

impl World {
    /// A Deployment without sets.
    pub(super) fn new(new: &NewDeployment) -> Self {
        let deployment = DeploymentFacts {
            replicas: new.replicas,
            template: new.template,
            strategy: new.strategy,
            progress_deadline: new.progress_deadline,
            revision_history_limit: new.revision_history_limit,
            paused: false,
            generation: 1,
            revision: 0,
            status: DeploymentStatus::default(),
        };
        Self { deployment, sets: Vec::new(), pods: Vec::new() }
    }

    pub(super) fn happens(&mut self, change: DeploymentChange) {
        let deployment = &mut self.deployment;
        match change {
            DeploymentChange::Nothing => return,
            DeploymentChange::Template(template) => deployment.template = template,
            DeploymentChange::Replicas(replicas) => deployment.replicas = replicas,
            DeploymentChange::Paused(paused) => deployment.paused = paused,
            DeploymentChange::Pods { template, ready, available } => {
                for set in self.sets.iter_mut().filter(|set| set.template == template) {
                    set.status = ReplicaSetStatus { ready, available, ..set.status };
                }
                return;
            }
            DeploymentChange::Gone => {
                self.pods.fill(0);
                return;
            }
        }
        deployment.generation += 1;
    }

    /// The ReplicaSet controller: pods are as many as are wanted, and none becomes ready by itself.
    fn control_sets(&mut self) {
        for (set, pods) in self.sets.iter_mut().zip(&mut self.pods) {
            let ReplicaSetStatus { ready, available, .. } = set.status;
            set.status = ReplicaSetStatus {
                replicas: set.replicas,
                ready: ready.min(set.replicas),
                available: available.min(set.replicas),
            };
            *pods = set.replicas.max(*pods);
            set.has_pods = *pods > 0;
        }
    }

    fn settle(&mut self, now: SimTime) -> Settled {
        let mut looks = Vec::new();
        for _ in 0..LOOKS {
            let (still, look) = self.look(now);
            if !still || looks.is_empty() {
                looks.push(look);
            }
            if still {
                break;
            }
        }
        Settled { looks, status: self.deployment.status }
    }

    /// Lets the ReplicaSet controller and then the Deployment controller look; whether nothing
    /// changed, and what there is to see.
    pub(super) fn look(&mut self, now: SimTime) -> (bool, Look) {
        self.control_sets();
        let decision = sync(&self.deployment, &self.sets, now);
        let still = decision.writes.is_empty() && decision.status == self.deployment.status;
        (still, self.apply(&decision, now))
    }

    fn apply(&mut self, decision: &Decision, now: SimTime) -> Look {
        let mut scaled = Vec::new();
        let mut deleted = Vec::new();
        for write in &decision.writes {
            match *write {
                SetWrite::Create { replicas, revision, annotations: (desired, max) } => {
                    let template = self.deployment.template;
                    self.pods.push(0);
                    self.sets.push(SetFacts {
                        template,
                        replicas,
                        status: ReplicaSetStatus::default(),
                        created: now,
                        revision,
                        desired: Some(desired),
                        max: Some(max),
                        has_pods: false,
                    });
                    scaled.push((template, *write));
                }
                SetWrite::Revise { set, revision } => self.sets[set].revision = revision,
                SetWrite::Scale { set, to, annotations: (desired, max), .. } => {
                    let set = &mut self.sets[set];
                    (set.replicas, set.desired, set.max) = (to, Some(desired), Some(max));
                    scaled.push((set.template, *write));
                }
                SetWrite::Delete { set } => deleted.push(set),
            }
        }
        deleted.sort_unstable();
        for set in deleted.into_iter().rev() {
            self.sets.remove(set);
            self.pods.remove(set);
        }
        self.deployment.status = decision.status;
        self.deployment.revision = decision.revision;
        let view = |set: &SetFacts| {
            let SetFacts { template, replicas, revision, desired, max, .. } = *set;
            SetView { template, replicas, revision, desired, max }
        };
        Look { scaled, sets: self.sets.iter().map(view).collect() }
    }
}
