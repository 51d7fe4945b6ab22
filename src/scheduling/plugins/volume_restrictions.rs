//! VolumeRestrictions: disks that pods name themselves are not shared on a node, and claims with
//! access mode ReadWriteOncePod are not shared at all.

use super::volume_claims::{claim_of_pod_changed, named_claims, volumes_of};
use crate::model::{AccessModes, ClaimId, Disk, Model, NodeId, PodTemplate, PodVolume};
use crate::registry::Descriptor;
use crate::scheduling::framework::{
    ClaimReason, CycleCx, Dependency, Plugin, PluginDef, Point, PreFilter, Reason, Rejection,
    Verdict,
};
use crate::scheduling::rules::DomainRules;
use crate::scheduling::{BoundPod, ClusterEvent, WakeSet};

/// The table's entry.
pub(super) const DEF: PluginDef = PluginDef {
    descriptor: Descriptor {
        name: "VolumeRestrictions",
        summary: "Keeps pods apart that may not share a volume",
        help: "A claim with access mode ReadWriteOncePod serves one pod in the cluster. Disks that \
               pods name without a claim (gcePersistentDisk, awsElasticBlockStore, iscsi, rbd) serve \
               one pod of a node, or several where all only read.",
        fields: &[],
    },
    points: &[Point::PreFilter, Point::Filter],
    filter_depends: Some(Dependency::Cluster),
    score_depends: None,
    wakes_on: WakeSet::POD_DELETE.with(WakeSet::NODE_ADD).with(WakeSet::CLAIM_ADD),
    build: Some(|_| Box::new(VolumeRestrictions::default())),
};

#[derive(Debug, Default)]
struct VolumeRestrictions {
    /// The pod's claims with ReadWriteOncePod.
    exclusive: Vec<ClaimId>,
    /// How often pods on nodes use them.
    uses: i64,
    /// What `uses` was before each what-if that is under way.
    before: Vec<i64>,
}

fn disks(spec: &PodTemplate) -> impl Iterator<Item = &Disk> {
    spec.volumes.iter().filter_map(|volume| match volume {
        PodVolume::Disk(disk) => Some(disk),
        PodVolume::Claim(_) | PodVolume::Ephemeral { .. } => None,
    })
}

/// Whether two pods with these disks cannot be on one node.
fn conflict(a: &Disk, b: &Disk) -> bool {
    match (a, b) {
        (
            Disk::GcePersistentDisk { name, read_only },
            Disk::GcePersistentDisk { name: other, read_only: also },
        ) => name == other && !(*read_only && *also),
        (Disk::AwsElasticBlockStore { id }, Disk::AwsElasticBlockStore { id: other }) => {
            id == other
        }
        (Disk::Iscsi { iqn, read_only }, Disk::Iscsi { iqn: other, read_only: also }) => {
            iqn == other && !(*read_only && *also)
        }
        (
            Disk::Rbd { monitors, pool, image, read_only },
            Disk::Rbd { monitors: others, pool: other_pool, image: other_image, read_only: also },
        ) => {
            monitors.iter().any(|monitor| others.contains(monitor))
                && (pool, image) == (other_pool, other_image)
                && !(*read_only && *also)
        }
        (
            Disk::GcePersistentDisk { .. }
            | Disk::AwsElasticBlockStore { .. }
            | Disk::Iscsi { .. }
            | Disk::Rbd { .. },
            _,
        ) => false,
    }
}

fn conflicting_disks(a: &PodTemplate, b: &PodTemplate) -> bool {
    disks(a).any(|disk| disks(b).any(|other| conflict(disk, other)))
}

/// Whether a pod on a present node uses the claim.
fn in_use(cx: &CycleCx<'_>, claim: ClaimId) -> bool {
    let uses = |spec: &PodTemplate| named_claims(&spec.volumes).any(|named| named == claim);
    let classes: Vec<_> = cx
        .model
        .templates
        .iter()
        .filter(|(id, spec)| cx.snapshot.class_total(*id) > 0 && uses(spec))
        .map(|(id, _)| id)
        .collect();
    !classes.is_empty()
        && cx.snapshot.node_list().iter().any(|&node| {
            let on_node = &cx.snapshot.row(node).classes;
            on_node.iter().any(|class| classes.contains(&class.template))
        })
}

impl VolumeRestrictions {
    /// How often a pod uses the claims.
    ///
    /// Fidelity: what-ifs of 1.34.1 compare names of claims without their namespaces.
    fn uses_of(&self, model: &Model, pod: &BoundPod) -> i64 {
        let name = |claim: ClaimId| &model.storage.claims[claim].name;
        let exclusive =
            |claim: &ClaimId| self.exclusive.iter().any(|own| name(*own) == name(*claim));
        let uses = named_claims(&model.templates[pod.template].volumes).filter(exclusive).count();
        i64::try_from(uses).expect("a pod has few volumes")
    }
}

impl Plugin for VolumeRestrictions {
    fn pre_filter(&mut self, cx: &CycleCx<'_>) -> PreFilter {
        self.exclusive.clear();
        self.before.clear();
        self.uses = 0;
        for claim in named_claims(&cx.spec.volumes) {
            let Some(spec) = &cx.model.storage.claims[claim].spec else {
                let reason = Reason::Claim(ClaimReason::NotFound, claim);
                return PreFilter::Reject(Rejection { unresolvable: true, reason });
            };
            let exclusive = spec.modes.contains(AccessModes::READ_WRITE_ONCE_POD);
            if exclusive && !self.exclusive.contains(&claim) {
                self.exclusive.push(claim);
            }
        }
        let used = self.exclusive.iter().filter(|&&claim| in_use(cx, claim)).count();
        self.uses = i64::try_from(used).expect("a pod has few volumes");
        if self.uses == 0 && disks(cx.spec).next().is_none() {
            return PreFilter::Skip;
        }
        PreFilter::Run
    }

    fn filter(&self, cx: &CycleCx<'_>, node: NodeId) -> Verdict {
        if disks(cx.spec).next().is_some() {
            let mut classes = cx.snapshot.row(node).classes.iter();
            if classes.any(|c| conflicting_disks(cx.spec, &cx.model.templates[c.template])) {
                return Err(Rejection::unschedulable("node(s) had no available disk"));
            }
        }
        if self.uses > 0 {
            return Err(Rejection::unschedulable(
                "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode \
                 already in-use by another pod",
            ));
        }
        Ok(())
    }

    fn begin_trial(&mut self, _cx: &CycleCx<'_>, _node: NodeId) {
        self.before.push(self.uses);
    }

    fn add_pod(&mut self, cx: &CycleCx<'_>, _node: NodeId, pod: &BoundPod) {
        self.uses += self.uses_of(cx.model, pod);
    }

    fn remove_pod(&mut self, cx: &CycleCx<'_>, _node: NodeId, pod: &BoundPod) {
        self.uses -= self.uses_of(cx.model, pod);
    }

    fn end_trial(&mut self, _cx: &CycleCx<'_>, _node: NodeId) {
        self.uses = self.before.pop().expect("a trial was begun");
    }

    fn rules(&mut self, cx: &CycleCx<'_>, _rules: &mut DomainRules) -> bool {
        cx.spec.volumes.is_empty()
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "it registered for no others")]
    fn hint(&mut self, cx: &CycleCx<'_>, event: &ClusterEvent) -> bool {
        match event {
            ClusterEvent::AssignedPodDelete { template, .. } => {
                let gone = &cx.model.templates[*template];
                let own = volumes_of(cx);
                let shared = named_claims(&gone.volumes)
                    .any(|claim| named_claims(own).any(|named| named == claim));
                shared || conflicting_disks(cx.spec, gone)
            }
            ClusterEvent::ClaimAdd { claim } => claim_of_pod_changed(volumes_of(cx), *claim),
            ClusterEvent::NodeAdd { .. } => true,
            _ => false,
        }
    }
}
