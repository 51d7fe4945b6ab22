//! VolumeBinding: a pod goes where its volumes are, or where they can be bound or made.

use super::volume_claims::{claim_of_pod_changed, volumes_of};
use crate::model::{NodeId, PodTemplate, PodVolume};
use crate::registry::{Descriptor, Field};
use crate::scheduling::framework::{
    ClaimReason, CycleCx, Dependency, Plugin, PluginDef, Point, PreFilter, PreScore, Reason,
    Rejection, Verdict,
};
use crate::scheduling::rules::DomainRules;
use crate::scheduling::storage::{PodClaims, find_volumes};
use crate::scheduling::{ClusterEvent, WakeSet};

/// The table's entry.
pub(super) const DEF: PluginDef = PluginDef {
    descriptor: Descriptor {
        name: "VolumeBinding",
        summary: "Finds nodes that reach a pod's volumes, or for which volumes can be bound or made",
        help: "Bound claims keep the pod to nodes that their volumes' node affinity allows. A claim \
               that waits for its first consumer gets the smallest volume that fits or, if there is \
               none, a new one where its class allows that. A claim that is bound immediately has to \
               be bound before the pod is placed.",
        fields: &[Field {
            name: "bindTimeoutSeconds",
            unit: "s",
            default: "600",
            range: ">= 0",
            help: "how long a placed pod waits for its volumes at most",
        }],
    },
    points: &[
        Point::PreFilter,
        Point::Filter,
        Point::PreScore,
        Point::Score,
        Point::Reserve,
        Point::PreBind,
    ],
    filter_depends: Some(Dependency::Cluster),
    score_depends: Some(Dependency::Cluster),
    wakes_on: WakeSet::NODE_ADD
        .with(WakeSet::NODE_LABEL)
        .with(WakeSet::CLAIM_ADD)
        .with(WakeSet::CLAIM_UPDATE)
        .with(WakeSet::VOLUME_ADD)
        .with(WakeSet::VOLUME_UPDATE),
    build: Some(|_| Box::new(VolumeBinding::default())),
};

#[derive(Debug, Default)]
struct VolumeBinding {
    claims: PodClaims,
}

/// Why a claim keeps the pod from being placed anywhere, if it does. Whether there are any.
fn first_obstacle(cx: &CycleCx<'_>) -> (bool, Option<Rejection>) {
    let mut any = false;
    for volume in &cx.spec.volumes {
        let Some(claim) = volume.claim() else { continue };
        any = true;
        let foreign = matches!(volume, PodVolume::Ephemeral { foreign: true, .. });
        let own = matches!(volume, PodVolume::Ephemeral { .. });
        let what = match &cx.model.storage.claims[claim].spec {
            None if own => ClaimReason::NotMade,
            None => ClaimReason::NotFound,
            Some(spec) if spec.lost => ClaimReason::Lost,
            Some(spec) if spec.deleting => ClaimReason::Deleting,
            Some(_) if foreign => ClaimReason::Foreign,
            Some(_) => continue,
        };
        let reason = Reason::Claim(what, claim);
        return (true, Some(Rejection { unresolvable: true, reason }));
    }
    (any, None)
}

impl Plugin for VolumeBinding {
    fn pre_filter(&mut self, cx: &CycleCx<'_>) -> PreFilter {
        self.claims = PodClaims::default();
        match first_obstacle(cx) {
            (_, Some(rejection)) => return PreFilter::Reject(rejection),
            (false, None) => return PreFilter::Skip,
            (true, None) => {}
        }
        let Ok(claims) = PodClaims::of(cx) else {
            return PreFilter::Error(
                "running PreFilter plugin \"VolumeBinding\": a claim's StorageClass does not set \
                 volumeBindingMode",
            );
        };
        if !claims.immediate.is_empty() {
            return PreFilter::Reject(Rejection::unresolvable(
                "pod has unbound immediate PersistentVolumeClaims",
            ));
        }
        self.claims = claims;
        PreFilter::Run
    }

    fn filter(&self, cx: &CycleCx<'_>, node: NodeId) -> Verdict {
        find_volumes(cx, &self.claims, node).map(|_| ()).map_err(|conflicts| Rejection {
            unresolvable: true,
            reason: Reason::Volumes(conflicts),
        })
    }

    /// Without storage capacity scoring, which is off in 1.34, it has nothing to score.
    fn pre_score(&mut self, _cx: &CycleCx<'_>, _feasible: &[NodeId]) -> PreScore {
        PreScore::Skip
    }

    fn rules(&mut self, cx: &CycleCx<'_>, _rules: &mut DomainRules) -> bool {
        !has_claims(cx.spec)
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "it registered for no others")]
    fn hint(&mut self, cx: &CycleCx<'_>, event: &ClusterEvent) -> bool {
        match event {
            ClusterEvent::ClaimAdd { claim } | ClusterEvent::ClaimUpdate { claim } => {
                claim_of_pod_changed(volumes_of(cx), *claim)
            }
            ClusterEvent::VolumeAdd { .. }
            | ClusterEvent::VolumeUpdate { .. }
            | ClusterEvent::NodeAdd { .. }
            | ClusterEvent::NodeUpdate { .. } => true,
            _ => false,
        }
    }
}

/// Whether pods of a class have claims.
fn has_claims(spec: &PodTemplate) -> bool {
    spec.volumes.iter().any(|volume| volume.claim().is_some())
}
