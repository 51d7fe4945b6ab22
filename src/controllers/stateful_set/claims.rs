//! PersistentVolumeClaims of a StatefulSet's pods: names, and who owns them.
//!
//! A claim that is owned goes with its owner; the garbage collector sees to that. It knows nothing
//! of volumes.

/// What becomes of claims.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retention {
    /// They stay.
    #[default]
    Retain,
    /// They go.
    Delete,
}

/// `spec.persistentVolumeClaimRetentionPolicy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClaimRetention {
    /// `whenScaled`: when their pod's ordinal is scaled away.
    pub when_scaled: Retention,
    /// `whenDeleted`: when the StatefulSet is deleted.
    pub when_deleted: Retention,
}

/// Who owns the claims of a pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClaimOwner {
    /// Neither the set nor a pod.
    #[default]
    Nobody,
    /// The StatefulSet.
    Set,
    /// The pod that there is.
    Pod,
    /// A pod of the same name that is gone: the garbage collector will delete the claims.
    FormerPod,
}

/// The claims of one ordinal, as the controller's cache has them.
// Fidelity: Kubernetes looks at every claim by itself, and leaves alone those that have another
// controller; here the claims of one pod share one fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimFacts {
    /// Ordinal of the pod they belong to.
    pub ordinal: u32,
    /// Some claim of the set's templates does not exist.
    pub missing: bool,
    /// Some claim is being deleted.
    pub deleting: bool,
    /// Who owns those that exist.
    pub owner: ClaimOwner,
}

impl ClaimFacts {
    /// What there is of an ordinal that never had claims.
    #[must_use]
    pub fn none(ordinal: u32) -> Self {
        Self { ordinal, missing: true, deleting: false, owner: ClaimOwner::Nobody }
    }
}

impl ClaimRetention {
    /// Who is to own the claims of an ordinal: `wanted` if the set's replicas include it.
    #[must_use]
    pub fn owner(self, wanted: bool) -> ClaimOwner {
        match (self.when_scaled, self.when_deleted) {
            (Retention::Delete, _) if !wanted => ClaimOwner::Pod,
            (_, Retention::Delete) => ClaimOwner::Set,
            (_, Retention::Retain) => ClaimOwner::Nobody,
        }
    }

    /// Whether claims keep a new pod from being created: they will go with a pod that is gone.
    pub(super) fn stale(self, claims: ClaimFacts) -> bool {
        self.when_scaled == Retention::Delete && claims.owner == ClaimOwner::FormerPod
    }

    /// The owner that claims are to be given now. Those of a pod that is gone are left alone.
    pub(super) fn new_owner(self, claims: ClaimFacts, wanted: bool) -> Option<ClaimOwner> {
        let owner = self.owner(wanted);
        (claims.owner != ClaimOwner::FormerPod && claims.owner != owner).then_some(owner)
    }
}

/// The name of a claim: `data-web-0`.
#[must_use]
pub fn claim_name(template: &str, set: &str, ordinal: u32) -> String {
    format!("{template}-{set}-{ordinal}")
}
