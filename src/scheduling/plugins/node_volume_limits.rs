//! NodeVolumeLimits: no more volumes of a CSI driver on a node than the node's CSINode says.

use super::volume_claims::{claim_of_pod_changed, volumes_of};
use crate::base::map::Symbol;
use crate::model::{ClaimId, NodeId, PodTemplate, PodVolume};
use crate::registry::Descriptor;
use crate::scheduling::framework::{
    ClaimReason, CycleCx, Dependency, Plugin, PluginDef, Point, PreFilter, Reason, Rejection,
    Verdict,
};
use crate::scheduling::rules::DomainRules;
use crate::scheduling::storage::VolumeRef;
use crate::scheduling::{ClusterEvent, WakeSet};

/// The table's entry.
pub(super) const DEF: PluginDef = PluginDef {
    descriptor: Descriptor {
        name: "NodeVolumeLimits",
        summary: "Limits attached CSI volumes per node",
        help: "A CSINode says how many volumes of each driver its node can have attached. A volume \
               that several pods of the node use counts once.",
        fields: &[],
    },
    points: &[Point::PreFilter, Point::Filter],
    filter_depends: Some(Dependency::Cluster),
    score_depends: None,
    wakes_on: WakeSet::POD_DELETE.with(WakeSet::CLAIM_ADD),
    build: Some(|_| Box::new(NodeVolumeLimits)),
};

/// Provisioners inside Kubernetes whose volumes count only where they are migrated to CSI.
///
/// Fidelity: migration to CSI drivers is not modelled, so their volumes never count.
const IN_TREE: [&str; 7] = [
    "kubernetes.io/aws-ebs",
    "kubernetes.io/gce-pd",
    "kubernetes.io/azure-disk",
    "kubernetes.io/azure-file",
    "kubernetes.io/cinder",
    "kubernetes.io/vsphere-volume",
    "kubernetes.io/portworx-volume",
];

/// What tells a driver's volumes apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Handle {
    /// The volume's own handle.
    Told(Symbol),
    /// The volume made for a claim.
    Provisioned(ClaimId),
    /// The volume that a claim will have.
    Expected(ClaimId),
}

/// A volume that takes one of a driver's places on a node.
type Attached = (Symbol, Handle);

/// The CSI volume behind a claim, if it is one.
fn attached(cx: &CycleCx<'_>, claim: ClaimId) -> Option<Attached> {
    let storage = &cx.model.storage;
    let state = cx.snapshot.storage();
    let class = storage.claims[claim].spec.as_ref().and_then(|spec| spec.class);
    let class = class.and_then(|class| storage.classes[class].spec.as_ref());
    match state.claim(claim).volume {
        Some(VolumeRef::Declared(volume))
            if state.exists(cx.model, VolumeRef::Declared(volume)) =>
        {
            let (driver, handle) = storage.volumes[volume].spec.as_ref()?.csi?;
            Some((driver, Handle::Told(handle)))
        }
        Some(VolumeRef::Provisioned(of)) => Some((class?.provisioner, Handle::Provisioned(of))),
        // Not bound yet, or to a volume that is gone: it counts as one of its class's driver.
        Some(VolumeRef::Declared(_)) | None => {
            let driver = class?.provisioner;
            let in_tree = IN_TREE.contains(&cx.model.symbols.resolve(driver));
            (!in_tree).then_some((driver, Handle::Expected(claim)))
        }
    }
}

/// The CSI volumes of a class of pods, where its claims exist.
fn attached_by(cx: &CycleCx<'_>, spec: &PodTemplate, into: &mut Vec<Attached>) {
    for claim in spec.volumes.iter().filter_map(PodVolume::claim) {
        if cx.model.storage.claims[claim].spec.is_some() {
            into.extend(attached(cx, claim));
        }
    }
}

fn distinct(volumes: &mut Vec<Attached>) {
    volumes.sort_unstable();
    volumes.dedup();
}

#[derive(Debug)]
struct NodeVolumeLimits;

impl Plugin for NodeVolumeLimits {
    fn pre_filter(&mut self, cx: &CycleCx<'_>) -> PreFilter {
        let any = cx.spec.volumes.iter().any(|volume| volume.claim().is_some());
        if any { PreFilter::Run } else { PreFilter::Skip }
    }

    fn filter(&self, cx: &CycleCx<'_>, node: NodeId) -> Verdict {
        let claims = &cx.model.storage.claims;
        let mut own = cx.spec.volumes.iter().filter_map(PodVolume::claim);
        if let Some(claim) = own.find(|claim| claims[*claim].spec.is_none()) {
            let reason = Reason::Claim(ClaimReason::LookupFailed, claim);
            return Err(Rejection { unresolvable: true, reason });
        }
        let Some(limits) = cx.model.storage.attach_limits.get(&node) else { return Ok(()) };
        let mut new = Vec::new();
        attached_by(cx, cx.spec, &mut new);
        distinct(&mut new);
        if new.is_empty() || limits.is_empty() {
            return Ok(());
        }
        let mut there = Vec::new();
        for class in &cx.snapshot.row(node).classes {
            attached_by(cx, &cx.model.templates[class.template], &mut there);
        }
        distinct(&mut there);
        new.retain(|volume| there.binary_search(volume).is_err());
        let count = |volumes: &[Attached], driver: Symbol| {
            volumes.iter().filter(|volume| volume.0 == driver).count()
        };
        for &(driver, limit) in limits {
            let wanted = count(&new, driver);
            let total = i64::try_from(wanted + count(&there, driver)).expect("few volumes");
            if wanted > 0 && total > limit {
                return Err(Rejection::unschedulable("node(s) exceed max volume count"));
            }
        }
        Ok(())
    }

    fn rules(&mut self, cx: &CycleCx<'_>, _rules: &mut DomainRules) -> bool {
        cx.spec.volumes.is_empty()
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "it registered for no others")]
    fn hint(&mut self, cx: &CycleCx<'_>, event: &ClusterEvent) -> bool {
        match event {
            // Whichever volumes they were: they may have been of the driver in question.
            ClusterEvent::AssignedPodDelete { template, .. } => {
                let gone = &cx.model.templates[*template].volumes;
                gone.iter().any(|volume| volume.claim().is_some())
            }
            ClusterEvent::ClaimAdd { claim } => claim_of_pod_changed(volumes_of(cx), *claim),
            _ => false,
        }
    }
}
