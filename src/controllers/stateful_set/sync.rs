//! One sync of a StatefulSet.

use super::{ClaimFacts, ClaimOwner, ClaimRetention};
use crate::base::time::SimDuration;
use crate::controllers::{Release, is_available};
use crate::model::{PodId, TemplateId};
use crate::state::Phase;

/// `spec.podManagementPolicy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PodManagement {
    /// One pod after another, each when those before it are ready.
    #[default]
    OrderedReady,
    /// Creations and deletions all at once.
    Parallel,
}

/// `spec.updateStrategy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatefulUpdate {
    /// Pods of other revisions are deleted, highest ordinal first, one at a time.
    RollingUpdate {
        /// How many of the lowest ordinals keep the current revision. The API server fills in 0;
        /// where it is absent all the same, as many pods are created at the current revision as
        /// there were when the status was last written.
        partition: Option<u32>,
    },
    /// Somebody else deletes them.
    OnDelete,
}

/// What a StatefulSet asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatefulSpec {
    /// Whose rules.
    pub release: Release,
    /// `spec.replicas`.
    pub replicas: u32,
    /// `spec.ordinals.start`.
    pub start: u32,
    /// `spec.podManagementPolicy`.
    pub management: PodManagement,
    /// `spec.updateStrategy`.
    pub update: StatefulUpdate,
    /// `spec.minReadySeconds`.
    pub min_ready: SimDuration,
    /// `spec.persistentVolumeClaimRetentionPolicy`; absent where there are no claim templates.
    pub claims: Option<ClaimRetention>,
    /// It is being deleted: only its status is kept up.
    pub deleting: bool,
}

impl StatefulSpec {
    /// A set of `replicas` pods with everything else as the API server fills it in.
    #[must_use]
    pub fn of(replicas: u32) -> Self {
        Self {
            release: Release::default(),
            replicas,
            start: 0,
            management: PodManagement::OrderedReady,
            update: StatefulUpdate::RollingUpdate { partition: Some(0) },
            min_ready: SimDuration::ZERO,
            claims: None,
            deleting: false,
        }
    }

    /// Whether the replicas include an ordinal.
    #[must_use]
    pub fn wants(&self, ordinal: u32) -> bool {
        ordinal.checked_sub(self.start).is_some_and(|at| at < self.replicas)
    }

    fn is_ordered(&self) -> bool {
        self.management == PodManagement::OrderedReady
    }
}

/// Where a rollout stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rollout {
    /// `status.currentRevision`; absent before the first sync, or where that revision is gone.
    pub current: Option<TemplateId>,
    /// The revision of the template as it is.
    pub update: TemplateId,
    /// `status.currentReplicas` as last written.
    pub current_replicas: i32,
}

/// A pod of the set as the controller's cache has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatefulPod {
    /// Which.
    pub id: PodId,
    /// The number in its name.
    pub ordinal: u32,
    /// Label `controller-revision-hash`.
    pub revision: TemplateId,
    /// Phase.
    pub phase: Phase,
    /// For how long it has been Ready; absent where it is not.
    pub ready_for: Option<SimDuration>,
    /// It is being deleted.
    pub terminating: bool,
}

/// Why a pod is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It has ended, and another one takes its place.
    Finished,
    /// Its ordinal is no longer wanted.
    ScaleDown,
    /// It is of an earlier revision.
    Update,
}

/// What a sync does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatefulAction {
    /// Creates the claims of an ordinal that do not exist.
    CreateClaims {
        /// Which.
        ordinal: u32,
    },
    /// Gives the claims of an ordinal another owner.
    OwnClaims {
        /// Which.
        ordinal: u32,
        /// The only owner they are to have, set and pods considered.
        owner: ClaimOwner,
    },
    /// Creates a pod.
    Create {
        /// Its ordinal.
        ordinal: u32,
        /// The revision whose template it gets.
        revision: TemplateId,
    },
    /// Deletes a pod.
    Delete {
        /// Which.
        pod: PodId,
        /// Its ordinal.
        ordinal: u32,
        /// Why.
        removal: Removal,
    },
}

/// `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatefulStatus {
    /// `replicas`.
    pub replicas: i32,
    /// `readyReplicas`.
    pub ready: i32,
    /// `availableReplicas`.
    pub available: i32,
    /// `currentReplicas`. May fall below zero for one sync where a pod of a third revision is
    /// deleted; the API server refuses such a status.
    pub current: i32,
    /// `updatedReplicas`.
    pub updated: i32,
    /// `currentRevision`.
    pub current_revision: TemplateId,
    /// `updateRevision`.
    pub update_revision: TemplateId,
}

/// What a sync comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatefulSync {
    /// What it does, in order.
    pub actions: Vec<StatefulAction>,
    /// The status it writes, if that differs from the one there is.
    pub status: StatefulStatus,
    /// When to look again though nothing changed.
    pub recheck_after: Option<SimDuration>,
    /// The ordinal whose pod cannot be created because a claim of it is being deleted: the sync
    /// ends there with an error and is tried again.
    pub refused: Option<u32>,
}

/// The name of a pod: `web-0`.
#[must_use]
pub fn stateful_pod_name(set: &str, ordinal: u32) -> String {
    format!("{set}-{ordinal}")
}

/// When the controller looks again after a pod turned Ready; absent without `minReadySeconds`. The
/// second on top makes up for rounding.
#[must_use]
pub fn ready_recheck(min_ready: SimDuration) -> Option<SimDuration> {
    (!min_ready.is_zero()).then(|| min_ready.saturating_add(SimDuration::from_secs(1)))
}

/// One sync: `pods` in any order, `claims` by ordinal (ordinals without claims may be left out).
#[must_use]
pub fn sync_stateful_set(
    spec: &StatefulSpec,
    rollout: Rollout,
    pods: &[StatefulPod],
    claims: &[ClaimFacts],
) -> StatefulSync {
    let mut pass = Pass::new(spec, rollout, pods, claims);
    pass.run();
    let Pass { actions, mut status, refused, .. } = pass;
    complete(spec, &mut status);
    let waits = !spec.min_ready.is_zero() && status.available != signed(spec.replicas);
    let recheck_after = (waits && refused.is_none()).then_some(spec.min_ready);
    StatefulSync { actions, status, recheck_after, refused }
}

/// Ends a rollout whose pods are all there, updated and ready.
fn complete(spec: &StatefulSpec, status: &mut StatefulStatus) {
    let all = signed(spec.replicas);
    let rolling = matches!(spec.update, StatefulUpdate::RollingUpdate { .. });
    if rolling && [status.updated, status.ready, status.replicas] == [all; 3] {
        status.current = status.updated;
        status.current_revision = status.update_revision;
    }
}

fn signed(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// A pod that there is, or the place of one that is to be.
#[derive(Clone, Copy, Debug)]
struct Place {
    ordinal: u32,
    revision: TemplateId,
    pod: Option<StatefulPod>,
    /// This sync has deleted it.
    deleted: bool,
}

impl Place {
    fn of(pod: StatefulPod) -> Self {
        Self { ordinal: pod.ordinal, revision: pod.revision, pod: Some(pod), deleted: false }
    }

    fn phase(&self) -> Option<Phase> {
        self.pod.map(|pod| pod.phase)
    }

    fn is_terminating(&self) -> bool {
        self.pod.is_some_and(|pod| pod.terminating)
    }

    fn is_running_and_ready(&self) -> bool {
        self.pod.is_some_and(|pod| pod.phase == Phase::Running && pod.ready_for.is_some())
    }

    fn is_available(&self, min_ready: SimDuration) -> bool {
        is_available(self.pod.and_then(|pod| pod.ready_for), min_ready)
    }
}

/// Whether a walk over pods goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Walk {
    On,
    Stop,
}

/// A sync under way.
struct Pass<'a> {
    spec: &'a StatefulSpec,
    rollout: Rollout,
    claims: &'a [ClaimFacts],
    /// One for each wanted ordinal, ascending.
    replicas: Vec<Place>,
    /// Pods whose ordinals are not wanted, descending.
    condemned: Vec<Place>,
    actions: Vec<StatefulAction>,
    status: StatefulStatus,
    refused: Option<u32>,
}

impl<'a> Pass<'a> {
    fn new(
        spec: &'a StatefulSpec,
        rollout: Rollout,
        pods: &[StatefulPod],
        claims: &'a [ClaimFacts],
    ) -> Self {
        let status = StatefulStatus {
            replicas: 0,
            ready: 0,
            available: 0,
            current: 0,
            updated: 0,
            current_revision: rollout.current.unwrap_or(rollout.update),
            update_revision: rollout.update,
        };
        let mut pass = Self {
            spec,
            rollout,
            claims,
            replicas: Vec::new(),
            condemned: Vec::new(),
            actions: Vec::new(),
            status,
            refused: None,
        };
        let ordinals = spec.start..spec.start.saturating_add(spec.replicas);
        pass.replicas = ordinals.map(|ordinal| pass.vacant(ordinal)).collect();
        for pod in pods {
            if spec.wants(pod.ordinal) {
                let at = usize::try_from(pod.ordinal - spec.start).expect("32 bits fit");
                pass.replicas[at] = Place::of(*pod);
            } else {
                pass.condemned.push(Place::of(*pod));
            }
        }
        pass.condemned.sort_by_key(|place| std::cmp::Reverse(place.ordinal));
        pass
    }

    /// The place of a pod that is to be created, with the revision that it gets.
    fn vacant(&self, ordinal: u32) -> Place {
        let kept = match self.spec.update {
            StatefulUpdate::OnDelete => 0,
            StatefulUpdate::RollingUpdate { partition: Some(partition) } => partition,
            StatefulUpdate::RollingUpdate { partition: None } => {
                u32::try_from(self.rollout.current_replicas).unwrap_or(0)
            }
        };
        let keeps = ordinal < self.spec.start.saturating_add(kept);
        let status = &self.status;
        let revision = if keeps { status.current_revision } else { status.update_revision };
        Place { ordinal, revision, pod: None, deleted: false }
    }

    fn run(&mut self) {
        if self.spec.deleting {
            self.count();
            return;
        }
        if self.fill() == Walk::Stop {
            self.count();
            return;
        }
        self.own_condemned_claims();
        let walk = self.scale_down();
        self.count();
        if walk == Walk::On && self.spec.update != StatefulUpdate::OnDelete {
            self.update();
        }
    }

    fn count(&mut self) {
        let status = &mut self.status;
        [status.replicas, status.ready, status.available] = [0; 3];
        [status.current, status.updated] = [0; 2];
        for place in self.replicas.iter().chain(&self.condemned) {
            if place.pod.is_none() {
                continue;
            }
            status.replicas += 1;
            if place.is_running_and_ready() {
                status.ready += 1;
                status.available += i32::from(place.is_available(self.spec.min_ready));
            }
            if !place.is_terminating() {
                status.current += i32::from(place.revision == status.current_revision);
                status.updated += i32::from(place.revision == status.update_revision);
            }
        }
    }

    /// Looks at every wanted ordinal; in order, it stops at the first that is not as it should be.
    fn fill(&mut self) -> Walk {
        for at in 0..self.replicas.len() {
            let walk = self.look_at(at);
            if self.refused.is_some() || (walk == Walk::Stop && self.spec.is_ordered()) {
                return Walk::Stop;
            }
        }
        Walk::On
    }

    fn look_at(&mut self, at: usize) -> Walk {
        if self.replicas[at].phase().is_some_and(Phase::is_terminal) {
            // Its successor is created once its object is gone.
            if !self.replicas[at].is_terminating() {
                self.delete(at, Removal::Finished);
            }
            return Walk::Stop;
        }
        if self.replicas[at].pod.is_none() {
            if self.create(at) == Walk::Stop || self.spec.is_ordered() {
                return Walk::Stop;
            }
            return Walk::On;
        }
        if self.replicas[at].phase() == Some(Phase::Pending) {
            self.create_claims(self.replicas[at].ordinal);
        }
        let place = &self.replicas[at];
        let settled = !place.is_terminating()
            && place.is_running_and_ready()
            && place.is_available(self.spec.min_ready);
        if !settled && self.spec.is_ordered() {
            return Walk::Stop;
        }
        self.own_claims(place.ordinal, true);
        Walk::On
    }

    fn delete(&mut self, at: usize, removal: Removal) {
        let place = &mut self.replicas[at];
        let already = std::mem::replace(&mut place.deleted, true);
        if let (Some(pod), false) = (place.pod, already) {
            let ordinal = place.ordinal;
            self.actions.push(StatefulAction::Delete { pod: pod.id, ordinal, removal });
        }
    }

    /// Creates a pod and, before it, its claims. It stops at claims that are on their way out.
    fn create(&mut self, at: usize) -> Walk {
        let Place { ordinal, revision, .. } = self.replicas[at];
        if let Some(policy) = self.spec.claims {
            let claims = self.claims_of(ordinal);
            if policy.stale(claims) {
                return Walk::Stop;
            }
            if claims.deleting {
                self.refused = Some(ordinal);
                return Walk::Stop;
            }
        }
        self.create_claims(ordinal);
        self.actions.push(StatefulAction::Create { ordinal, revision });
        self.own_claims(ordinal, true);
        Walk::On
    }

    fn claims_of(&self, ordinal: u32) -> ClaimFacts {
        let found = self.claims.binary_search_by_key(&ordinal, |claims| claims.ordinal);
        found.map_or(ClaimFacts::none(ordinal), |at| self.claims[at])
    }

    fn create_claims(&mut self, ordinal: u32) {
        if self.spec.claims.is_some() && self.claims_of(ordinal).missing {
            self.actions.push(StatefulAction::CreateClaims { ordinal });
        }
    }

    fn own_claims(&mut self, ordinal: u32, wanted: bool) {
        let Some(policy) = self.spec.claims else { return };
        if let Some(owner) = policy.new_owner(self.claims_of(ordinal), wanted) {
            self.actions.push(StatefulAction::OwnClaims { ordinal, owner });
        }
    }

    fn own_condemned_claims(&mut self) {
        for at in 0..self.condemned.len() {
            let ordinal = self.condemned[at].ordinal;
            if !self.claims_of(ordinal).missing {
                self.own_claims(ordinal, false);
            }
        }
    }

    /// Whether a pod holds up others.
    fn is_unhealthy(&self, place: &Place) -> bool {
        let available = match self.spec.release {
            Release::V1_29 => true,
            Release::V1_34 => place.is_available(self.spec.min_ready),
        };
        place.is_terminating() || !place.is_running_and_ready() || !available
    }

    /// Deletes pods whose ordinals are not wanted: all, or in order the highest one. In order, all
    /// wanted pods are healthy by now; a pod that is not is waited for, unless it is the lowest of
    /// those.
    fn scale_down(&mut self) -> Walk {
        let ordered = self.spec.is_ordered();
        let first_unhealthy = self.condemned.iter().rposition(|place| self.is_unhealthy(place));
        for (at, place) in self.condemned.iter().enumerate() {
            let Some(pod) = place.pod else { continue };
            let settled = place.is_running_and_ready() && place.is_available(self.spec.min_ready);
            let waits = ordered && !settled && first_unhealthy != Some(at);
            if !pod.terminating && !waits {
                let (pod, ordinal) = (pod.id, place.ordinal);
                let removal = Removal::ScaleDown;
                self.actions.push(StatefulAction::Delete { pod, ordinal, removal });
            }
            if ordered {
                return Walk::Stop;
            }
        }
        Walk::On
    }

    /// Deletes the highest pod that is not of the update revision, if all above it are healthy.
    fn update(&mut self) {
        let partition = match self.spec.update {
            StatefulUpdate::RollingUpdate { partition } => partition.unwrap_or(0),
            StatefulUpdate::OnDelete => return,
        };
        let lowest = usize::try_from(partition).expect("32 bits fit");
        for at in (lowest..self.replicas.len()).rev() {
            let place = &self.replicas[at];
            if place.revision != self.rollout.update && !place.is_terminating() {
                self.delete(at, Removal::Update);
                self.status.current -= 1;
                return;
            }
            if self.is_unhealthy(place) {
                return;
            }
        }
    }
}
