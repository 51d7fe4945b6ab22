//! The kinds that are read, each with its current and its old API versions of the same shape.

use k8s_openapi::Metadata;
use k8s_openapi::api::{
    admissionregistration, apps, autoscaling, batch, certificates, coordination, core, discovery,
    networking, node as node_api, policy, rbac, scheduling, storage,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::base::diag::Diagnostics;
use crate::scenario::de;
use crate::scenario::node::{Entry, Node, Value};
use crate::scenario::source::Rules;

/// What is known about one kind.
#[derive(Debug)]
pub struct KindInfo {
    /// The kind.
    pub kind: &'static str,
    /// The API version that is read.
    pub api_version: &'static str,
    /// Old API versions of the same shape.
    pub old_api_versions: &'static [&'static str],
    /// Whether objects of the kind live in a namespace.
    pub namespaced: bool,
    /// Reads an object of the kind.
    pub(super) read: fn(&Node, &str, Rules, &mut Diagnostics) -> Option<Object>,
}

impl KindInfo {
    /// Whether an API version that this kind does not have looks meant for it: of the same group,
    /// or a slip of the pen. Everything else is another project's kind of the same name.
    pub(super) fn misses(&self, api_version: &str) -> bool {
        let group = |version: &str| match version.split_once('/') {
            Some((group, _)) => group.to_owned(),
            None => String::new(),
        };
        let own = group(self.api_version);
        let given = group(api_version);
        if own == given {
            return !self.later_shapes(api_version);
        }
        !api_version.contains('.') && given != "extensions"
    }

    /// API versions of the kind's own group whose shape differs from the one read.
    fn later_shapes(&self, api_version: &str) -> bool {
        let known = ["autoscaling/v1", "autoscaling/v2beta1", "networking.k8s.io/v1beta1"];
        known.contains(&api_version)
    }
}

macro_rules! kinds {
    ($($kind:ident: $type:ty, $version:literal, $namespaced:literal, [$($old:literal),*];)*) => {
        /// An object of a kind that is read.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Object {
            $(#[doc = concat!("A ", stringify!($kind), ".")] $kind(Box<$type>),)*
        }

        /// Every kind that is read.
        pub const KINDS: &[KindInfo] = &[$(KindInfo {
            kind: stringify!($kind),
            api_version: $version,
            old_api_versions: &[$($old),*],
            namespaced: $namespaced,
            read: |node, path, rules, found| {
                de::read::<$type>(node, path, rules, found).map(|o| Object::$kind(Box::new(o)))
            },
        },)*];

        impl Object {
            /// The object's metadata.
            #[must_use]
            pub fn metadata(&self) -> &ObjectMeta {
                match self { $(Self::$kind(object) => object.metadata(),)* }
            }

            /// The object's metadata, to be changed.
            pub fn metadata_mut(&mut self) -> &mut ObjectMeta {
                match self { $(Self::$kind(object) => object.metadata_mut(),)* }
            }

            /// What is known about the object's kind.
            #[must_use]
            pub fn info(&self) -> &'static KindInfo {
                let kind = match self { $(Self::$kind(_) => stringify!($kind),)* };
                KINDS.iter().find(|info| info.kind == kind).expect("every variant is in the table")
            }
        }
    };
}

kinds! {
    Pod: core::v1::Pod, "v1", true, [];
    Deployment: apps::v1::Deployment, "apps/v1", true,
        ["apps/v1beta1", "apps/v1beta2", "extensions/v1beta1"];
    ReplicaSet: apps::v1::ReplicaSet, "apps/v1", true, ["apps/v1beta2", "extensions/v1beta1"];
    StatefulSet: apps::v1::StatefulSet, "apps/v1", true, ["apps/v1beta1", "apps/v1beta2"];
    DaemonSet: apps::v1::DaemonSet, "apps/v1", true, ["apps/v1beta2", "extensions/v1beta1"];
    Job: batch::v1::Job, "batch/v1", true, [];
    CronJob: batch::v1::CronJob, "batch/v1", true, ["batch/v1beta1", "batch/v2alpha1"];
    ReplicationController: core::v1::ReplicationController, "v1", true, [];
    Service: core::v1::Service, "v1", true, [];
    Endpoints: core::v1::Endpoints, "v1", true, [];
    EndpointSlice: discovery::v1::EndpointSlice, "discovery.k8s.io/v1", true, [];
    Node: core::v1::Node, "v1", false, [];
    Namespace: core::v1::Namespace, "v1", false, [];
    PriorityClass: scheduling::v1::PriorityClass, "scheduling.k8s.io/v1", false,
        ["scheduling.k8s.io/v1beta1", "scheduling.k8s.io/v1alpha1"];
    PodDisruptionBudget: policy::v1::PodDisruptionBudget, "policy/v1", true, ["policy/v1beta1"];
    HorizontalPodAutoscaler: autoscaling::v2::HorizontalPodAutoscaler, "autoscaling/v2", true,
        ["autoscaling/v2beta2"];
    ConfigMap: core::v1::ConfigMap, "v1", true, [];
    Secret: core::v1::Secret, "v1", true, [];
    ServiceAccount: core::v1::ServiceAccount, "v1", true, [];
    PersistentVolumeClaim: core::v1::PersistentVolumeClaim, "v1", true, [];
    PersistentVolume: core::v1::PersistentVolume, "v1", false, [];
    StorageClass: storage::v1::StorageClass, "storage.k8s.io/v1", false,
        ["storage.k8s.io/v1beta1"];
    CSINode: storage::v1::CSINode, "storage.k8s.io/v1", false, ["storage.k8s.io/v1beta1"];
    CSIDriver: storage::v1::CSIDriver, "storage.k8s.io/v1", false, ["storage.k8s.io/v1beta1"];
    CSIStorageCapacity: storage::v1::CSIStorageCapacity, "storage.k8s.io/v1", true,
        ["storage.k8s.io/v1beta1"];
    VolumeAttachment: storage::v1::VolumeAttachment, "storage.k8s.io/v1", false,
        ["storage.k8s.io/v1beta1"];
    LimitRange: core::v1::LimitRange, "v1", true, [];
    ResourceQuota: core::v1::ResourceQuota, "v1", true, [];
    PodTemplate: core::v1::PodTemplate, "v1", true, [];
    Event: core::v1::Event, "v1", true, [];
    ControllerRevision: apps::v1::ControllerRevision, "apps/v1", true,
        ["apps/v1beta1", "apps/v1beta2"];
    Lease: coordination::v1::Lease, "coordination.k8s.io/v1", true,
        ["coordination.k8s.io/v1beta1"];
    RuntimeClass: node_api::v1::RuntimeClass, "node.k8s.io/v1", false, ["node.k8s.io/v1beta1"];
    Role: rbac::v1::Role, "rbac.authorization.k8s.io/v1", true,
        ["rbac.authorization.k8s.io/v1beta1"];
    RoleBinding: rbac::v1::RoleBinding, "rbac.authorization.k8s.io/v1", true,
        ["rbac.authorization.k8s.io/v1beta1"];
    ClusterRole: rbac::v1::ClusterRole, "rbac.authorization.k8s.io/v1", false,
        ["rbac.authorization.k8s.io/v1beta1"];
    ClusterRoleBinding: rbac::v1::ClusterRoleBinding, "rbac.authorization.k8s.io/v1", false,
        ["rbac.authorization.k8s.io/v1beta1"];
    Ingress: networking::v1::Ingress, "networking.k8s.io/v1", true, [];
    IngressClass: networking::v1::IngressClass, "networking.k8s.io/v1", false,
        ["networking.k8s.io/v1beta1"];
    NetworkPolicy: networking::v1::NetworkPolicy, "networking.k8s.io/v1", true,
        ["extensions/v1beta1"];
    ValidatingWebhookConfiguration: admissionregistration::v1::ValidatingWebhookConfiguration,
        "admissionregistration.k8s.io/v1", false, [];
    MutatingWebhookConfiguration: admissionregistration::v1::MutatingWebhookConfiguration,
        "admissionregistration.k8s.io/v1", false, [];
    CertificateSigningRequest: certificates::v1::CertificateSigningRequest,
        "certificates.k8s.io/v1", false, [];
}

impl Object {
    /// The object's name; empty when only `generateName` is given.
    #[must_use]
    pub fn name(&self) -> &str {
        self.metadata().name.as_deref().unwrap_or_default()
    }

    /// The object's namespace, `default` when none is given; empty for cluster-wide kinds.
    #[must_use]
    pub fn namespace(&self) -> &str {
        if !self.info().namespaced {
            return "";
        }
        self.metadata().namespace.as_deref().filter(|n| !n.is_empty()).unwrap_or("default")
    }

    /// Kind and name as kubectl writes them: `Deployment shop/checkout`.
    #[must_use]
    pub fn title(&self) -> String {
        let (kind, name) = (self.info().kind, self.name());
        match self.namespace() {
            "" | "default" => format!("{kind} {name}"),
            namespace => format!("{kind} {namespace}/{name}"),
        }
    }

    /// The pod template of a workload kind, or the pod itself.
    #[must_use]
    #[expect(clippy::wildcard_enum_match_arm, reason = "the other kinds have no pod template")]
    pub fn pod_spec(&self) -> Option<&core::v1::PodSpec> {
        match self {
            Self::Pod(o) => o.spec.as_ref(),
            Self::Deployment(o) => o.spec.as_ref()?.template.spec.as_ref(),
            Self::ReplicaSet(o) => o.spec.as_ref()?.template.as_ref()?.spec.as_ref(),
            Self::StatefulSet(o) => o.spec.as_ref()?.template.spec.as_ref(),
            Self::DaemonSet(o) => o.spec.as_ref()?.template.spec.as_ref(),
            Self::Job(o) => o.spec.as_ref()?.template.spec.as_ref(),
            Self::CronJob(o) => o.spec.as_ref()?.job_template.spec.as_ref()?.template.spec.as_ref(),
            Self::ReplicationController(o) => o.spec.as_ref()?.template.as_ref()?.spec.as_ref(),
            _ => None,
        }
    }
}

/// An element of a typed list with the type that its list implies.
pub(super) fn with_type(node: &Node, api_version: &str, kind: &str) -> Node {
    let mut typed = node.clone();
    if let Some(entries) = typed.entries_mut() {
        for (key, word) in [("kind", kind), ("apiVersion", api_version)] {
            if !entries.iter().any(|entry| &*entry.key == key) {
                let value = Node::text_at(node.span, word);
                entries.insert(0, Entry { key: key.into(), key_span: node.span, value });
            }
        }
    }
    typed
}

/// An object of an old API version as the current one writes it.
pub(super) fn modernise(node: &Node, info: &KindInfo, old: &str) -> Node {
    let mut current = node.clone();
    set(&mut current, "apiVersion", info.api_version);
    if !matches!(old, "extensions/v1beta1" | "apps/v1beta1") {
        return current;
    }
    // These versions took a missing selector from the template's labels.
    let labels = node
        .get("spec")
        .and_then(|spec| spec.get("template"))
        .and_then(|template| template.get("metadata"))
        .and_then(|metadata| metadata.entry("labels"))
        .cloned();
    let spec = current
        .entries_mut()
        .and_then(|entries| entries.iter_mut().find(|entry| &*entry.key == "spec"))
        .and_then(|entry| entry.value.entries_mut());
    if let (Some(spec), Some(labels)) = (spec, labels)
        && !spec.iter().any(|entry| &*entry.key == "selector")
        && info.kind != "NetworkPolicy"
    {
        let key_span = labels.key_span;
        let labels = Entry { key: "matchLabels".into(), ..labels };
        let value = Node { span: key_span, value: Value::Map(vec![labels]) };
        spec.push(Entry { key: "selector".into(), key_span, value });
    }
    current
}

fn set(node: &mut Node, key: &str, text: &str) {
    if let Some(entries) = node.entries_mut()
        && let Some(entry) = entries.iter_mut().find(|entry| &*entry.key == key)
    {
        entry.value = Node::text_at(entry.value.span, text);
    }
}
