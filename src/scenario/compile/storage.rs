//! Storage: PersistentVolumes, claims, classes and what drivers say of nodes, to the model's.
//!
//! Objects may come in any order: a name has its id from its first mention on, and what volumes say
//! of claims is looked up when all are known.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    PersistentVolume, PersistentVolumeClaim, PersistentVolumeClaimSpec, PodSpec, Volume,
};
use k8s_openapi::api::storage::v1::{CSIDriver, CSINode, CSIStorageCapacity, StorageClass};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as KubeQuantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::symbols::Symbols;
use crate::base::map::LookupMap;
use crate::base::quantity::Quantity;
use crate::model::{
    AccessModes, BindingMode, Claim, ClaimId, ClaimSpec, ClassSpec, Disk, Holder, NO_PROVISIONER,
    Named, NamespaceId, NodeId, PodVolume, Storage, StorageCapacity, StorageClassId, VolumeId,
    VolumeSpec,
};

/// Annotation that names a class, from before there was a field.
const CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";
const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";

/// Name of the default class, and of the provisioner, where nobody declares a class.
const IMPLIED_CLASS: &str = "standard";

/// Storage as it is collected.
#[derive(Debug, Default)]
pub(super) struct Collected {
    storage: Storage,
    class_ids: LookupMap<String, StorageClassId>,
    volume_ids: LookupMap<String, VolumeId>,
    claim_ids: LookupMap<(NamespaceId, String), ClaimId>,
    /// UIDs of claims that tell them.
    claim_uids: BTreeMap<ClaimId, String>,
    /// UIDs of the controllers of claims.
    owners: BTreeMap<ClaimId, String>,
    /// `claimRef`s: the claim, and its UID if that is told.
    references: Vec<(VolumeId, ClaimId, Option<String>)>,
    /// Claims that name no class, not even none.
    unclassed: Vec<ClaimId>,
}

/// What an API server fills in when it is given an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// Nothing: the objects have been through it.
    Done,
    /// Defaults, and what controllers do at once.
    Due,
}

impl Symbols {
    fn class_named(&mut self, name: &str) -> StorageClassId {
        if let Some(id) = self.storage.class_ids.get(name) {
            return *id;
        }
        let id = self.storage.storage.classes.push(Named { name: name.to_owned(), spec: None });
        self.storage.class_ids.insert(name.to_owned(), id);
        id
    }

    fn volume_named(&mut self, name: &str) -> VolumeId {
        if let Some(id) = self.storage.volume_ids.get(name) {
            return *id;
        }
        let id = self.storage.storage.volumes.push(Named { name: name.to_owned(), spec: None });
        self.storage.volume_ids.insert(name.to_owned(), id);
        id
    }

    fn claim_named(&mut self, namespace: NamespaceId, name: &str) -> ClaimId {
        let key = (namespace, name.to_owned());
        if let Some(id) = self.storage.claim_ids.get(&key) {
            return *id;
        }
        let id =
            self.storage.storage.claims.push(Claim { namespace, name: key.1.clone(), spec: None });
        self.storage.claim_ids.insert(key, id);
        id
    }

    /// The class that an object names: in its annotation, otherwise in its field. The outer
    /// `None` means that it says nothing.
    fn class_of(
        &mut self,
        metadata: &ObjectMeta,
        field: Option<&str>,
    ) -> Option<Option<StorageClassId>> {
        let annotated = metadata.annotations.as_ref().and_then(|a| a.get(CLASS_ANNOTATION));
        let name = annotated.map(String::as_str).or(field)?;
        Some((!name.is_empty()).then(|| self.class_named(name)))
    }

    /// Adds a StorageClass.
    pub(super) fn storage_class(&mut self, object: &StorageClass, admission: Admission) {
        let id = self.class_named(object.metadata.name.as_deref().unwrap_or_default());
        let mut terms = Vec::new();
        for term in object.allowed_topologies.iter().flatten() {
            let mut keys = Vec::new();
            for expression in term.match_label_expressions.iter().flatten() {
                let mut values: Vec<_> = expression.values.iter().map(|v| self.intern(v)).collect();
                values.sort_unstable();
                keys.push((self.intern(&expression.key), values));
            }
            terms.push(keys);
        }
        let binding = match object.volume_binding_mode.as_deref() {
            Some("WaitForFirstConsumer") => Some(BindingMode::WaitForFirstConsumer),
            Some(_) => Some(BindingMode::Immediate),
            None => (admission == Admission::Due).then_some(BindingMode::Immediate),
        };
        let annotations = object.metadata.annotations.as_ref();
        let spec = ClassSpec {
            provisioner: self.intern(&object.provisioner),
            provisions: !object.provisioner.is_empty() && object.provisioner != NO_PROVISIONER,
            binding,
            allowed_topologies: terms,
            is_default: annotations.and_then(|a| a.get(DEFAULT_CLASS)).is_some_and(|v| v == "true"),
        };
        self.storage.storage.classes[id].spec = Some(spec);
    }

    /// Adds a PersistentVolume.
    pub(super) fn persistent_volume(&mut self, object: &PersistentVolume, admission: Admission) {
        let id = self.volume_named(object.metadata.name.as_deref().unwrap_or_default());
        let spec = object.spec.clone().unwrap_or_default();
        let required = spec.node_affinity.as_ref().and_then(|affinity| affinity.required.as_ref());
        let phase = object.status.as_ref().and_then(|status| status.phase.as_deref());
        let available = match (phase, admission) {
            (Some(phase), _) if !phase.is_empty() && phase != "Pending" => phase == "Available",
            (_, Admission::Due) => true,
            (_, Admission::Done) => false,
        };
        if let Some(reference) = &spec.claim_ref {
            let namespace = self.namespace(reference.namespace.as_deref().unwrap_or_default());
            let claim = self.claim_named(namespace, reference.name.as_deref().unwrap_or_default());
            let uid = reference.uid.clone().filter(|uid| !uid.is_empty());
            self.storage.references.push((id, claim, uid));
        }
        let compiled = VolumeSpec {
            labels: self.labels(object.metadata.labels.as_ref()),
            class: self.class_of(&object.metadata, spec.storage_class_name.as_deref()).flatten(),
            capacity_bytes: storage_bytes(spec.capacity.as_ref()),
            modes: modes(spec.access_modes.as_deref()),
            block: spec.volume_mode.as_deref() == Some("Block"),
            attributes_class: attributes_class(self, spec.volume_attributes_class_name.as_deref()),
            node_affinity: required.map(|selector| {
                selector.node_selector_terms.iter().map(|term| self.node_term(term)).collect()
            }),
            holder: None,
            available,
            deleting: object.metadata.deletion_timestamp.is_some(),
            csi: spec
                .csi
                .as_ref()
                .map(|csi| (self.intern(&csi.driver), self.intern(&csi.volume_handle))),
        };
        self.storage.storage.volumes[id].spec = Some(compiled);
    }

    /// Adds a claim.
    pub(super) fn persistent_volume_claim(
        &mut self,
        object: &PersistentVolumeClaim,
        address: u64,
    ) -> ClaimId {
        let metadata = &object.metadata;
        let namespace = self.namespace(metadata.namespace.as_deref().unwrap_or_default());
        let id = self.claim_named(namespace, metadata.name.as_deref().unwrap_or_default());
        let spec = object.spec.clone().unwrap_or_default();
        let mut compiled = self.claim_spec(id, metadata, &spec, address);
        let phase = object.status.as_ref().and_then(|status| status.phase.as_deref());
        compiled.lost = phase == Some("Lost");
        self.storage.storage.claims[id].spec = Some(compiled);
        if let Some(uid) = metadata.uid.clone().filter(|uid| !uid.is_empty()) {
            self.storage.claim_uids.insert(id, uid);
        }
        let owners = metadata.owner_references.iter().flatten();
        if let Some(owner) = owners.into_iter().find(|owner| owner.controller == Some(true)) {
            self.storage.owners.insert(id, owner.uid.clone());
        }
        id
    }

    /// Adds the claim of a StatefulSet's pod, unless it is declared.
    pub(super) fn claim_unless_there(&mut self, object: &PersistentVolumeClaim, address: u64) {
        let metadata = &object.metadata;
        let namespace = self.namespace(metadata.namespace.as_deref().unwrap_or_default());
        let id = self.claim_named(namespace, metadata.name.as_deref().unwrap_or_default());
        if self.storage.storage.claims[id].spec.is_none() {
            self.persistent_volume_claim(object, address);
        }
    }

    fn claim_spec(
        &mut self,
        id: ClaimId,
        metadata: &ObjectMeta,
        spec: &PersistentVolumeClaimSpec,
        address: u64,
    ) -> ClaimSpec {
        let class = self.class_of(metadata, spec.storage_class_name.as_deref());
        if class.is_none() {
            self.storage.unclassed.push(id);
        }
        let annotation = |key: &str| metadata.annotations.as_ref().and_then(|all| all.get(key));
        let named = spec.volume_name.as_deref().filter(|name| !name.is_empty());
        ClaimSpec {
            address,
            class: class.flatten(),
            request_bytes: storage_bytes(spec.resources.as_ref().and_then(|r| r.requests.as_ref())),
            modes: modes(spec.access_modes.as_deref()),
            block: spec.volume_mode.as_deref() == Some("Block"),
            selector: spec.selector.as_ref().map(|selector| self.selector(Some(selector))),
            attributes_class: attributes_class(self, spec.volume_attributes_class_name.as_deref()),
            volume: named.map(|name| self.volume_named(name)),
            bind_completed: annotation(BIND_COMPLETED).is_some(),
            lost: false,
            deleting: metadata.deletion_timestamp.is_some(),
            selected_node: annotation(SELECTED_NODE).map(|name| self.intern(name)),
        }
    }

    /// Adds what a CSINode says of its node.
    pub(super) fn csi_node(&mut self, object: &CSINode, node: NodeId) {
        let mut limits = Vec::new();
        for driver in &object.spec.drivers {
            let count = driver.allocatable.as_ref().and_then(|allocatable| allocatable.count);
            if let Some(count) = count {
                limits.push((self.intern(&driver.name), i64::from(count)));
            }
        }
        self.storage.storage.attach_limits.insert(node, limits);
    }

    /// Adds a CSIDriver.
    pub(super) fn csi_driver(&mut self, object: &CSIDriver) {
        if object.spec.storage_capacity == Some(true) {
            let name = self.intern(object.metadata.name.as_deref().unwrap_or_default());
            self.storage.storage.capacity_tracking.push(name);
        }
    }

    /// Adds a CSIStorageCapacity.
    pub(super) fn storage_capacity(&mut self, object: &CSIStorageCapacity) {
        let limit = object.maximum_volume_size.as_ref().or(object.capacity.as_ref());
        let capacity = StorageCapacity {
            class: self.class_named(&object.storage_class_name),
            node_topology: object.node_topology.as_ref().map(|s| self.selector(Some(s))),
            limit_bytes: limit.map(bytes),
        };
        self.storage.storage.capacities.push(capacity);
    }

    /// The volumes of a pod that matter to where it can go. `pod` is the pod's metadata where the
    /// pod is one, not the template of many: it has claims of its own then.
    pub(super) fn pod_volumes(
        &mut self,
        namespace: NamespaceId,
        spec: &PodSpec,
        pod: Option<(&ObjectMeta, Admission, u64)>,
    ) -> Vec<PodVolume> {
        let mut volumes = Vec::new();
        for volume in spec.volumes.iter().flatten() {
            if let Some(source) = &volume.persistent_volume_claim {
                volumes.push(PodVolume::Claim(self.claim_named(namespace, &source.claim_name)));
            } else if volume.ephemeral.is_some() {
                volumes.extend(pod.map(|pod| self.ephemeral(namespace, volume, pod)));
            } else {
                volumes.extend(self.disk(volume).map(PodVolume::Disk));
            }
        }
        volumes
    }

    /// A generic ephemeral volume: a claim that is made for one pod.
    fn ephemeral(
        &mut self,
        namespace: NamespaceId,
        volume: &Volume,
        (pod, admission, address): (&ObjectMeta, Admission, u64),
    ) -> PodVolume {
        let name = format!("{}-{}", pod.name.as_deref().unwrap_or_default(), volume.name);
        let claim = self.claim_named(namespace, &name);
        let exists = self.storage.storage.claims[claim].spec.is_some();
        let template =
            volume.ephemeral.as_ref().and_then(|source| source.volume_claim_template.as_ref());
        let uid = pod.uid.as_deref().unwrap_or_default();
        let foreign = exists && self.storage.owners.get(&claim).is_none_or(|owner| owner != uid);
        if let Some(template) = template.filter(|_| admission == Admission::Due && !exists) {
            let metadata = template.metadata.clone().unwrap_or_default();
            let spec = self.claim_spec(claim, &metadata, &template.spec, address);
            self.storage.storage.claims[claim].spec = Some(spec);
        }
        PodVolume::Ephemeral { claim, foreign }
    }

    fn disk(&mut self, volume: &Volume) -> Option<Disk> {
        if let Some(disk) = &volume.gce_persistent_disk {
            let read_only = disk.read_only == Some(true);
            return Some(Disk::GcePersistentDisk { name: self.intern(&disk.pd_name), read_only });
        }
        if let Some(disk) = &volume.aws_elastic_block_store {
            return Some(Disk::AwsElasticBlockStore { id: self.intern(&disk.volume_id) });
        }
        if let Some(disk) = &volume.iscsi {
            let read_only = disk.read_only == Some(true);
            return Some(Disk::Iscsi { iqn: self.intern(&disk.iqn), read_only });
        }
        let disk = volume.rbd.as_ref()?;
        Some(Disk::Rbd {
            monitors: disk.monitors.iter().map(|monitor| self.intern(monitor)).collect(),
            pool: self.intern(disk.pool.as_deref().unwrap_or("rbd")),
            image: self.intern(&disk.image),
            read_only: disk.read_only == Some(true),
        })
    }

    /// Where no StorageClass is declared at all, those that claims name exist, and a default one:
    /// they make volumes where their pods go.
    fn imply_classes(&mut self, storage: &mut Storage, default: bool) {
        if default {
            storage.classes.push(Named { name: IMPLIED_CLASS.to_owned(), spec: None });
        }
        let provisioner = self.intern(IMPLIED_CLASS);
        let last = storage.classes.len();
        for (id, class) in storage.classes.iter_mut() {
            class.spec = Some(ClassSpec {
                provisioner,
                provisions: true,
                binding: Some(BindingMode::WaitForFirstConsumer),
                allowed_topologies: Vec::new(),
                is_default: default && id.index() + 1 == last,
            });
        }
    }

    /// Everything that was collected. Claims that name no class get the default one, if admission
    /// is due: of several the last.
    pub(super) fn take_storage(&mut self, admission: Admission) -> Storage {
        let Collected { mut storage, claim_uids, references, unclassed, .. } =
            std::mem::take(&mut self.storage);
        for (volume, claim, uid) in references {
            let known = claim_uids.get(&claim).map_or("", String::as_str);
            let matches =
                storage.claims[claim].spec.is_some() && uid.is_none_or(|uid| uid == known);
            let holder = if matches { Holder::Claim(claim) } else { Holder::Other };
            if let Some(spec) = &mut storage.volumes[volume].spec {
                spec.holder = Some(holder);
            }
        }
        if admission == Admission::Due {
            if storage.classes.values().all(|class| class.spec.is_none()) {
                self.imply_classes(&mut storage, !unclassed.is_empty());
            }
            let mut classes = storage.classes.iter();
            let default = classes
                .rfind(|(_, class)| class.spec.as_ref().is_some_and(|spec| spec.is_default))
                .map(|(id, _)| id);
            for claim in unclassed {
                if let Some(spec) = &mut storage.claims[claim].spec {
                    spec.class = default;
                }
            }
        }
        storage
    }
}

fn attributes_class(symbols: &mut Symbols, name: Option<&str>) -> Option<crate::base::map::Symbol> {
    name.filter(|name| !name.is_empty()).map(|name| symbols.intern(name))
}

fn modes(list: Option<&[String]>) -> AccessModes {
    let mode = |name: &String| match name.as_str() {
        "ReadWriteOnce" => AccessModes::READ_WRITE_ONCE,
        "ReadOnlyMany" => AccessModes::READ_ONLY_MANY,
        "ReadWriteMany" => AccessModes::READ_WRITE_MANY,
        "ReadWriteOncePod" => AccessModes::READ_WRITE_ONCE_POD,
        _ => AccessModes::OTHER,
    };
    list.unwrap_or_default().iter().map(mode).fold(AccessModes::default(), AccessModes::with)
}

fn storage_bytes(list: Option<&BTreeMap<String, KubeQuantity>>) -> i64 {
    list.and_then(|list| list.get("storage")).map_or(0, bytes)
}

/// A quantity that was checked before; one that does not parse counts as zero.
fn bytes(quantity: &KubeQuantity) -> i64 {
    quantity.0.parse::<Quantity>().map_or(0, |quantity| quantity.value())
}
