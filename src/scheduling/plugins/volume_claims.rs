//! What the volume plugins have in common: they look at the claims of a pod.

use crate::model::{ClaimId, PodVolume};
use crate::scheduling::framework::CycleCx;

/// The volumes of the pod's class.
pub(super) fn volumes_of<'a>(cx: &CycleCx<'a>) -> &'a [PodVolume] {
    &cx.spec.volumes
}

/// Whether one of the volumes is this claim, named by the pod or made for it.
pub(super) fn claim_of_pod_changed(volumes: &[PodVolume], claim: ClaimId) -> bool {
    volumes.iter().any(|volume| volume.claim() == Some(claim))
}

/// The claims that the volumes name, in order. Those made for the pod are not among them.
pub(super) fn named_claims(volumes: &[PodVolume]) -> impl Iterator<Item = ClaimId> + '_ {
    volumes.iter().filter_map(|volume| match volume {
        PodVolume::Claim(claim) => Some(*claim),
        PodVolume::Ephemeral { .. } | PodVolume::Disk(_) => None,
    })
}
