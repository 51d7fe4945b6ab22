//! One look of the Deployment controller at one Deployment: what it knows goes in, what it writes
//! comes out.
//!
//! Kubernetes-behaviour §3.2. Pure: it knows no cluster, no cache and no clock. ReplicaSets are
//! named by their place in the list that is given. `minReadySeconds` is the ReplicaSets' business,
//! who count what is available.

use super::rolling::{ReplicaCounts, RollingStep, StrategyBounds, rolling_step, room};
use super::{history, scale, status};
use crate::base::release::Release;
use crate::base::time::{SimDuration, SimTime};
use crate::model::{DeploymentStrategy, TemplateId};
use crate::state::{DeploymentStatus, ProgressReason, ReplicaSetStatus};

/// A Deployment as its controller sees it.
#[derive(Clone, Copy, Debug)]
pub struct DeploymentFacts {
    /// `spec.replicas`.
    pub replicas: i32,
    /// `spec.template`.
    pub template: TemplateId,
    /// `spec.strategy`.
    pub strategy: DeploymentStrategy,
    /// `spec.progressDeadlineSeconds`; without it progress is not followed.
    pub progress_deadline: Option<SimDuration>,
    /// `spec.revisionHistoryLimit`; without it all old sets are kept.
    pub revision_history_limit: Option<i32>,
    /// `spec.paused`.
    pub paused: bool,
    /// `metadata.generation`.
    pub generation: u32,
    /// Annotation `deployment.kubernetes.io/revision`; 0 while absent.
    pub revision: u32,
    /// `status` as it was last written.
    pub status: DeploymentStatus,
}

impl DeploymentFacts {
    /// Annotations `desired-replicas` and `max-replicas` that its sets are to bear.
    #[must_use]
    pub fn annotations(&self) -> (i32, i32) {
        (self.replicas, self.replicas + self.bounds().surge)
    }

    pub(super) fn bounds(&self) -> StrategyBounds {
        StrategyBounds::of(self.strategy, self.replicas)
    }
}

/// One of its ReplicaSets.
#[derive(Clone, Copy, Debug)]
pub struct SetFacts {
    /// Template of its pods.
    pub template: TemplateId,
    /// `spec.replicas`.
    pub replicas: i32,
    /// `status`.
    pub status: ReplicaSetStatus,
    /// `creationTimestamp`.
    pub created: SimTime,
    /// Annotation `deployment.kubernetes.io/revision`; 0 where absent.
    pub revision: u32,
    /// Annotation `deployment.kubernetes.io/desired-replicas`; absent also where it is no number.
    pub desired: Option<i32>,
    /// Annotation `deployment.kubernetes.io/max-replicas`; absent also where it is no number.
    pub max: Option<i32>,
    /// Pods of it exist that have not finished, terminating ones included. Only asked for by the
    /// strategy `Recreate`.
    pub has_pods: bool,
}

/// A write to a ReplicaSet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetWrite {
    /// Create the set of the current template.
    Create {
        /// `spec.replicas`.
        replicas: i32,
        /// Revision.
        revision: u32,
        /// Annotations `desired-replicas` and `max-replicas`.
        annotations: (i32, i32),
    },
    /// Make a set that was used before the newest revision.
    Revise {
        /// Which set.
        set: usize,
        /// Revision.
        revision: u32,
    },
    /// Set `spec.replicas` and the annotations.
    Scale {
        /// Which set.
        set: usize,
        /// Replicas before.
        from: i32,
        /// Replicas from now on; the same if only the annotations change.
        to: i32,
        /// Annotations `desired-replicas` and `max-replicas`.
        annotations: (i32, i32),
    },
    /// Delete a set that the revision history has no room for.
    Delete {
        /// Which set.
        set: usize,
    },
}

impl SetWrite {
    /// The size before, unless the set is created, and afterwards.
    fn sizes(&self) -> Option<(Option<i32>, i32)> {
        match *self {
            Self::Create { replicas, .. } => Some((None, replicas)),
            Self::Scale { from, to, .. } => Some((Some(from), to)),
            Self::Revise { .. } | Self::Delete { .. } => None,
        }
    }

    /// Another number of pods is wanted from now on, which an event tells.
    #[must_use]
    pub fn changes_size(&self) -> bool {
        self.sizes().is_some_and(|(from, to)| from.unwrap_or(0) != to)
    }

    /// Message of the event `ScalingReplicaSet`, if the write causes one; `set` is the set's name.
    #[must_use]
    pub fn event(&self, release: Release, set: &str) -> Option<String> {
        let (from, to) = self.sizes().filter(|_| self.changes_size())?;
        let direction = if from.is_none_or(|from| from < to) { "up" } else { "down" };
        let scaled = format!("Scaled {direction} replica set {set}");
        Some(match (release, from) {
            (Release::V1_29, None) => format!("{scaled} to {to}"),
            (Release::V1_29, Some(from)) => format!("{scaled} to {to} from {from}"),
            (Release::V1_34, from) => format!("{scaled} from {} to {to}", from.unwrap_or(0)),
        })
    }
}

/// What one look comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Writes to ReplicaSets, in order.
    pub writes: Vec<SetWrite>,
    /// Status to write, if it differs from the one given.
    pub status: DeploymentStatus,
    /// Annotation `deployment.kubernetes.io/revision`, written with the status.
    pub revision: u32,
    /// By that status, all replicas are of the current template and available, and no others are
    /// left.
    pub complete: bool,
    /// When to look again, should nothing change until then: only while a rollout is under way.
    pub again: Option<SimTime>,
}

/// A look under way. `deployment.status` holds what has been written so far.
pub(super) struct Pass {
    pub(super) deployment: DeploymentFacts,
    /// The sets as they were before this look, the one created in it included.
    pub(super) sets: Vec<SetFacts>,
    /// The set of the current template.
    pub(super) new: Option<usize>,
    /// The others, oldest first.
    pub(super) old: Vec<usize>,
    pub(super) now: SimTime,
    pub(super) writes: Vec<SetWrite>,
}

/// Looks at a Deployment and its sets at `now`. Sets of one creation time stand in the order of
/// their names.
#[must_use]
pub fn sync(deployment: &DeploymentFacts, sets: &[SetFacts], now: SimTime) -> Decision {
    let mut pass = Pass::new(deployment, sets, now);
    let mut again = None;
    pass.note_pause();
    pass.sync_revision();
    let status = if deployment.paused || pass.is_resized() {
        pass.resize();
        if deployment.paused {
            pass.clean_up();
        }
        pass.counted()
    } else {
        match deployment.strategy {
            DeploymentStrategy::RollingUpdate { .. } => pass.roll(),
            DeploymentStrategy::Recreate => pass.recreate(),
        }
        let status = pass.progressed();
        if status == deployment.status {
            again = status::again(deployment, &status, now);
        }
        status
    };
    let complete = status::complete(deployment, &status);
    let Pass { writes, deployment, .. } = pass;
    Decision { writes, status, revision: deployment.revision, complete, again }
}

/// Which sets one step of a rolling update scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rolled {
    /// None, or so it counts.
    Nothing,
    /// The new one.
    New,
    /// Old ones.
    Old,
}

/// One step of a rolling update alone, of a Deployment that has a set for its template.
#[must_use]
pub fn rollout_step(deployment: &DeploymentFacts, sets: &[SetFacts]) -> (Rolled, Vec<SetWrite>) {
    let mut pass = Pass::new(deployment, sets, SimTime::ZERO);
    let rolled = pass.step();
    (rolled, pass.writes)
}

/// The scaling of a Deployment that was resized or is paused, alone.
#[must_use]
pub fn resize(deployment: &DeploymentFacts, sets: &[SetFacts]) -> Vec<SetWrite> {
    let mut pass = Pass::new(deployment, sets, SimTime::ZERO);
    pass.resize();
    pass.writes
}

impl Pass {
    fn new(deployment: &DeploymentFacts, sets: &[SetFacts], now: SimTime) -> Self {
        let mut old: Vec<usize> = (0..sets.len()).collect();
        old.sort_by_key(|&at| (sets[at].created, at));
        let new = old.iter().position(|&at| sets[at].template == deployment.template);
        let new = new.map(|place| old.remove(place));
        let (deployment, sets) = (*deployment, sets.to_vec());
        Self { deployment, sets, new, old, now, writes: Vec::new() }
    }

    /// All sets, old ones first.
    pub(super) fn all(&self) -> impl Iterator<Item = &SetFacts> {
        self.old.iter().chain(&self.new).map(|&at| &self.sets[at])
    }

    /// Pods that old sets want.
    fn old_replicas(&self) -> i32 {
        self.old.iter().map(|&at| self.sets[at].replicas).sum()
    }

    /// Scales a set, unless it has that size.
    pub(super) fn scale(&mut self, set: usize, from: i32, to: i32) {
        if from != to {
            let annotations = self.deployment.annotations();
            self.writes.push(SetWrite::Scale { set, from, to, annotations });
        }
    }

    /// Some set with pods was sized for another number of replicas.
    fn is_resized(&self) -> bool {
        let other = |desired| desired != self.deployment.replicas;
        self.all().any(|set| set.replicas > 0 && set.desired.is_some_and(other))
    }

    fn roll(&mut self) {
        if self.new.is_none() {
            self.create();
        }
        if self.step() == Rolled::Nothing {
            self.clean_up_if_complete();
        }
    }

    /// One kind of action: the new set is scaled, or else the old ones are.
    fn step(&mut self) -> Rolled {
        let Some(new) = self.new else { return Rolled::Nothing };
        let desired = self.deployment.replicas;
        let counts = |at: usize| {
            let set = &self.sets[at];
            ReplicaCounts { spec: set.replicas, available: set.status.available }
        };
        let old: Vec<ReplicaCounts> = self.old.iter().map(|&at| counts(at)).collect();
        match rolling_step(desired, self.deployment.bounds(), counts(new), &old) {
            RollingStep::New(to) => {
                self.scale(new, self.sets[new].replicas, to);
                Rolled::New
            }
            RollingStep::Old(moves) => {
                self.scale_old(&moves);
                Rolled::Old
            }
            RollingStep::OldGivenUp(moves) => {
                self.scale_old(&moves);
                Rolled::Nothing
            }
            RollingStep::Nothing => Rolled::Nothing,
        }
    }

    /// Scales old sets one after another; a set that comes twice goes on from its size so far.
    fn scale_old(&mut self, moves: &[(usize, i32)]) {
        let mut sizes: Vec<i32> = self.old.iter().map(|&at| self.sets[at].replicas).collect();
        for &(place, to) in moves {
            let from = std::mem::replace(&mut sizes[place], to);
            self.scale(self.old[place], from, to);
        }
    }

    fn recreate(&mut self) {
        let before = self.writes.len();
        for place in 0..self.old.len() {
            let set = self.old[place];
            self.scale(set, self.sets[set].replicas, 0);
        }
        if self.writes.len() > before {
            return;
        }
        let runs = |set: &SetFacts| set.status.replicas > 0 || set.has_pods;
        if self.old.iter().any(|&at| runs(&self.sets[at])) {
            return;
        }
        match self.new {
            None => self.create(),
            Some(new) => self.scale(new, self.sets[new].replicas, self.deployment.replicas),
        }
        self.clean_up_if_complete();
    }

    /// Creates the set of the current template.
    fn create(&mut self) {
        let DeploymentFacts { replicas: desired, template, strategy, .. } = self.deployment;
        let replicas = match strategy {
            DeploymentStrategy::RollingUpdate { .. } => {
                room(desired, self.deployment.bounds().surge, 0, self.old_replicas())
            }
            DeploymentStrategy::Recreate => desired,
        };
        let annotations = self.deployment.annotations();
        let revision = history::next_revision(self.old.iter().map(|&at| &self.sets[at]));
        self.writes.push(SetWrite::Create { replicas, revision, annotations });
        self.new = Some(self.sets.len());
        self.sets.push(SetFacts {
            template,
            replicas,
            status: ReplicaSetStatus::default(),
            created: self.now,
            revision,
            desired: Some(annotations.0),
            max: Some(annotations.1),
            has_pods: false,
        });
        self.deployment.revision = revision;
        self.note(ProgressReason::NewReplicaSetCreated, Some(template));
    }

    fn resize(&mut self) {
        let moves = scale::resized(&self.deployment, &self.sets, self.new, &self.old);
        let annotations = self.deployment.annotations();
        for (set, to) in moves {
            let from = self.sets[set].replicas;
            self.writes.push(SetWrite::Scale { set, from, to, annotations });
        }
    }

    fn clean_up_if_complete(&mut self) {
        if status::complete(&self.deployment, &self.deployment.status) {
            self.clean_up();
        }
    }

    fn clean_up(&mut self) {
        let Some(limit) = self.deployment.revision_history_limit else { return };
        let surplus = history::surplus(&self.sets, &self.old, limit);
        self.writes.extend(surplus.into_iter().map(|set| SetWrite::Delete { set }));
    }

    /// A set that was used before becomes the newest revision again; the Deployment bears the
    /// revision of its set, and starts to follow progress if nobody has so far.
    fn sync_revision(&mut self) {
        let Some(new) = self.new else { return };
        let revision = history::next_revision(self.old.iter().map(|&at| &self.sets[at]));
        if self.sets[new].revision < revision {
            self.sets[new].revision = revision;
            self.writes.push(SetWrite::Revise { set: new, revision });
            return;
        }
        self.deployment.revision = self.sets[new].revision;
        if self.deployment.status.progressing.is_none() {
            self.note(ProgressReason::FoundNewReplicaSet, Some(self.deployment.template));
        }
    }
}
