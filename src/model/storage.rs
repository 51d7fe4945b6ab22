//! Storage as pods see it: claims, volumes, storage classes, and what drivers can do on nodes.
//!
//! Objects refer to each other by name, and what a name refers to may not exist; so every name
//! that occurs has an id here, with the object where there is one. This is storage as declared;
//! what is bound to what in the course of a run stands elsewhere.

use std::collections::BTreeMap;

use super::{ClaimId, LabelSelector, Labels, NamespaceId, NodeId, NodeSelectorTerm};
use super::{StorageClassId, VolumeId};
use crate::base::id::IdVec;
use crate::base::map::Symbol;

/// Provisioner of classes whose volumes nobody makes.
pub const NO_PROVISIONER: &str = "kubernetes.io/no-provisioner";

/// `volumeBindingMode` of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindingMode {
    /// Claims are bound as soon as they exist.
    Immediate,
    /// Claims are bound when a pod that uses them is scheduled.
    WaitForFirstConsumer,
}

/// A term of `allowedTopologies`: a node's labels must have one of the values of every key. A term
/// without keys matches nothing.
pub type TopologyTerm = Vec<(Symbol, Vec<Symbol>)>;

/// A StorageClass that exists.
#[derive(Clone, Debug)]
pub struct ClassSpec {
    /// `provisioner`, which is also the name of the CSI driver.
    pub provisioner: Symbol,
    /// Whether the provisioner makes volumes.
    pub provisions: bool,
    /// `volumeBindingMode`; absent only where no API server has filled it in.
    pub binding: Option<BindingMode>,
    /// `allowedTopologies`, terms ORed; none means everywhere.
    pub allowed_topologies: Vec<TopologyTerm>,
    /// `metadata.annotations["storageclass.kubernetes.io/is-default-class"]`.
    pub is_default: bool,
}

/// A set of access modes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccessModes(u8);

impl AccessModes {
    /// `ReadWriteOnce`.
    pub const READ_WRITE_ONCE: Self = Self(1);
    /// `ReadOnlyMany`.
    pub const READ_ONLY_MANY: Self = Self(2);
    /// `ReadWriteMany`.
    pub const READ_WRITE_MANY: Self = Self(4);
    /// `ReadWriteOncePod`.
    pub const READ_WRITE_ONCE_POD: Self = Self(8);
    /// A mode that Kubernetes does not know.
    pub const OTHER: Self = Self(16);

    /// Both sets.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` is here.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What a claim says of the volume it is bound to, or wants.
#[derive(Clone, Debug)]
pub struct ClaimSpec {
    /// Address for random streams.
    pub address: u64,
    /// The class; absent for claims without one.
    pub class: Option<StorageClassId>,
    /// Storage requested, bytes.
    pub request_bytes: i64,
    /// Access modes wanted.
    pub modes: AccessModes,
    /// `volumeMode: Block`.
    pub block: bool,
    /// `selector`; absent means any volume.
    pub selector: Option<LabelSelector>,
    /// `volumeAttributesClassName`.
    pub attributes_class: Option<Symbol>,
    /// `volumeName`.
    pub volume: Option<VolumeId>,
    /// Annotation `pv.kubernetes.io/bind-completed`.
    pub bind_completed: bool,
    /// `status.phase: Lost`.
    pub lost: bool,
    /// It is being deleted.
    pub deleting: bool,
    /// Annotation `volume.kubernetes.io/selected-node`: the node's name.
    pub selected_node: Option<Symbol>,
}

/// A claim by its name.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Namespace.
    pub namespace: NamespaceId,
    /// Name.
    pub name: String,
    /// The object, if it exists.
    pub spec: Option<ClaimSpec>,
}

/// Whose a volume is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The claim's, bound or about to be.
    Claim(ClaimId),
    /// A claim's that does not exist any more, or exists as another object of that name.
    Other,
}

/// A PersistentVolume that exists.
#[derive(Clone, Debug)]
pub struct VolumeSpec {
    /// Labels.
    pub labels: Labels,
    /// The class; absent for volumes without one.
    pub class: Option<StorageClassId>,
    /// Capacity, bytes.
    pub capacity_bytes: i64,
    /// Access modes offered.
    pub modes: AccessModes,
    /// `volumeMode: Block`.
    pub block: bool,
    /// `volumeAttributesClassName`.
    pub attributes_class: Option<Symbol>,
    /// `nodeAffinity.required`, terms ORed; absent means reachable from every node.
    pub node_affinity: Option<Vec<NodeSelectorTerm>>,
    /// `claimRef`.
    pub holder: Option<Holder>,
    /// `status.phase: Available`.
    pub available: bool,
    /// It is being deleted.
    pub deleting: bool,
    /// CSI driver and volume handle.
    pub csi: Option<(Symbol, Symbol)>,
}

/// A volume or class by its name.
#[derive(Clone, Debug)]
pub struct Named<T> {
    /// Name.
    pub name: String,
    /// The object, if it exists.
    pub spec: Option<T>,
}

/// A CSIStorageCapacity.
#[derive(Clone, Debug)]
pub struct StorageCapacity {
    /// `storageClassName`.
    pub class: StorageClassId,
    /// Nodes that reach the storage; absent means none.
    pub node_topology: Option<LabelSelector>,
    /// The largest volume that can be made, bytes; absent if nobody knows.
    pub limit_bytes: Option<i64>,
}

/// Everything that is declared of storage.
#[derive(Clone, Debug, Default)]
pub struct Storage {
    /// Storage classes.
    pub classes: IdVec<StorageClassId, Named<ClassSpec>>,
    /// Volumes.
    pub volumes: IdVec<VolumeId, Named<VolumeSpec>>,
    /// Claims.
    pub claims: IdVec<ClaimId, Claim>,
    /// How many volumes of a driver can be attached to a node, from CSINodes; a driver without an
    /// entry has no limit.
    pub attach_limits: BTreeMap<NodeId, Vec<(Symbol, i64)>>,
    /// Drivers whose CSIDriver says `storageCapacity: true`.
    pub capacity_tracking: Vec<Symbol>,
    /// CSIStorageCapacities.
    pub capacities: Vec<StorageCapacity>,
}

/// A disk that a pod names itself and that not every other pod of the node may use too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disk {
    /// `gcePersistentDisk`.
    GcePersistentDisk {
        /// `pdName`.
        name: Symbol,
        /// `readOnly`.
        read_only: bool,
    },
    /// `awsElasticBlockStore`.
    AwsElasticBlockStore {
        /// `volumeID`.
        id: Symbol,
    },
    /// `iscsi`.
    Iscsi {
        /// `iqn`.
        iqn: Symbol,
        /// `readOnly`.
        read_only: bool,
    },
    /// `rbd`.
    Rbd {
        /// `monitors`.
        monitors: Vec<Symbol>,
        /// `pool`.
        pool: Symbol,
        /// `image`.
        image: Symbol,
        /// `readOnly`.
        read_only: bool,
    },
}

/// A volume of a pod that matters to where the pod can go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PodVolume {
    /// `persistentVolumeClaim`.
    Claim(ClaimId),
    /// `ephemeral`: a claim of the pod's own.
    Ephemeral {
        /// The claim of the name that follows from the pod's and the volume's.
        claim: ClaimId,
        /// A claim of that name exists and belongs to somebody else.
        foreign: bool,
    },
    /// A disk.
    Disk(Disk),
}

impl PodVolume {
    /// The claim behind it.
    #[must_use]
    pub fn claim(&self) -> Option<ClaimId> {
        match self {
            Self::Claim(claim) | Self::Ephemeral { claim, .. } => Some(*claim),
            Self::Disk(_) => None,
        }
    }
}
