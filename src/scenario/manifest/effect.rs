//! What an object and its fields do in a simulation, and what they do not.
//!
//! The tables below say which fields are read; everything else that a known object holds is
//! listed once per object as having no effect, never silently dropped.

use std::collections::BTreeSet;

use super::KindInfo;
use crate::scenario::node::{Node, join_key};

/// What an object does in a simulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// Whether the object does anything at all.
    pub simulated: bool,
    /// Fields of a simulated object that do nothing, as paths with list positions left out:
    /// `spec.template.spec.containers[].securityContext`.
    pub ignored: Vec<String>,
}

/// Fields of a kind's `spec` that are read, `template` and `jobTemplate` aside.
const SPECS: &[(&str, &[&str])] = &[
    ("Pod", POD),
    (
        "Deployment",
        &[
            "replicas",
            "selector",
            "template",
            "strategy",
            "minReadySeconds",
            "revisionHistoryLimit",
            "progressDeadlineSeconds",
            "paused",
        ],
    ),
    ("ReplicaSet", &["replicas", "selector", "template", "minReadySeconds"]),
    (
        "StatefulSet",
        &[
            "minReadySeconds",
            "ordinals",
            "podManagementPolicy",
            "replicas",
            "revisionHistoryLimit",
            "selector",
            "serviceName",
            "template",
            "updateStrategy",
            "volumeClaimTemplates",
        ],
    ),
    ("Job", JOB),
    (
        "CronJob",
        &[
            "concurrencyPolicy",
            "failedJobsHistoryLimit",
            "jobTemplate",
            "schedule",
            "startingDeadlineSeconds",
            "successfulJobsHistoryLimit",
            "suspend",
            "timeZone",
        ],
    ),
    (
        "DaemonSet",
        &["minReadySeconds", "revisionHistoryLimit", "selector", "template", "updateStrategy"],
    ),
    ("ReplicationController", &["replicas", "selector", "template", "minReadySeconds"]),
    // A Service's addresses and ports say how to reach what its selector chooses.
    (
        "Service",
        &["selector", "ports", "type", "publishNotReadyAddresses", "clusterIP", "clusterIPs"],
    ),
    (
        "PodDisruptionBudget",
        &["selector", "minAvailable", "maxUnavailable", "unhealthyPodEvictionPolicy"],
    ),
    ("Node", &["taints", "unschedulable"]),
    ("Namespace", &[]),
    ("PriorityClass", &[]),
    ("PersistentVolumeClaim", CLAIM),
    (
        "PersistentVolume",
        &[
            "accessModes",
            "capacity",
            "claimRef",
            "csi",
            "nodeAffinity",
            "storageClassName",
            "volumeAttributesClassName",
            "volumeMode",
        ],
    ),
    ("StorageClass", &[]),
    ("CSINode", &["drivers"]),
    ("CSIDriver", &["storageCapacity"]),
    ("CSIStorageCapacity", &[]),
];

/// Fields of kinds without a `spec`.
const TOPS: &[(&str, &[&str])] = &[
    (
        "StorageClass",
        &[
            "apiVersion",
            "kind",
            "metadata",
            "allowedTopologies",
            "provisioner",
            "volumeBindingMode",
        ],
    ),
    (
        "CSIStorageCapacity",
        &[
            "apiVersion",
            "kind",
            "metadata",
            "capacity",
            "maximumVolumeSize",
            "nodeTopology",
            "storageClassName",
        ],
    ),
];

const CLAIM: &[&str] = &[
    "accessModes",
    "resources",
    "selector",
    "storageClassName",
    "volumeAttributesClassName",
    "volumeMode",
    "volumeName",
];

/// Sources of pods' volumes that are read; the others say nothing of where a pod can go.
const VOLUMES: &[&str] =
    &["persistentVolumeClaim", "gcePersistentDisk", "awsElasticBlockStore", "iscsi", "rbd"];

const JOB: &[&str] = &[
    "activeDeadlineSeconds",
    "backoffLimit",
    "backoffLimitPerIndex",
    "completionMode",
    "completions",
    "maxFailedIndexes",
    "parallelism",
    "podFailurePolicy",
    "podReplacementPolicy",
    "successPolicy",
    "suspend",
    "template",
    "ttlSecondsAfterFinished",
];

const POD: &[&str] = &[
    "activeDeadlineSeconds",
    "affinity",
    "containers",
    "hostNetwork",
    "initContainers",
    "nodeName",
    "nodeSelector",
    "overhead",
    "preemptionPolicy",
    "priority",
    "priorityClassName",
    "readinessGates",
    "resources",
    "restartPolicy",
    "schedulerName",
    "schedulingGates",
    "terminationGracePeriodSeconds",
    "tolerations",
    "topologySpreadConstraints",
];

const CONTAINER: &[&str] = &[
    "image",
    "imagePullPolicy",
    "livenessProbe",
    "lifecycle",
    "name",
    "ports",
    "readinessProbe",
    "resources",
    "restartPolicy",
    "startupProbe",
];

/// Says what an object of a known kind does, from its source.
#[must_use]
pub fn effect_of(info: &KindInfo, node: &Node) -> Effect {
    let Some((_, fields)) = SPECS.iter().find(|(kind, _)| *kind == info.kind) else {
        return Effect { simulated: false, ignored: Vec::new() };
    };
    let mut ignored = BTreeSet::new();
    if let Some(spec) = node.get("spec") {
        if info.kind == "Pod" {
            pod(spec, "spec", &mut ignored);
        } else {
            unread(spec, "spec", fields, &mut ignored);
        }
        if let Some(job) = spec.get("jobTemplate").and_then(|template| template.get("spec")) {
            let path = "spec.jobTemplate.spec";
            unread(job, path, JOB, &mut ignored);
            if let Some(template) = job.get("template").and_then(|template| template.get("spec")) {
                pod(template, "spec.jobTemplate.spec.template.spec", &mut ignored);
            }
        }
        if let Some(template) = spec.get("template").and_then(|template| template.get("spec")) {
            pod(template, "spec.template.spec", &mut ignored);
        }
    }
    if let Some((_, fields)) = TOPS.iter().find(|(kind, _)| *kind == info.kind) {
        unread(node, "", fields, &mut ignored);
    }
    Effect { simulated: true, ignored: ignored.into_iter().collect() }
}

fn pod(spec: &Node, path: &str, ignored: &mut BTreeSet<String>) {
    for entry in spec.entries().iter().filter(|entry| !POD.contains(&&*entry.key)) {
        if &*entry.key != "volumes" && !entry.value.is_null() {
            ignored.insert(join_key(path, &entry.key));
        }
    }
    let single = path == "spec";
    for volume in spec.get("volumes").map(Node::items).unwrap_or_default() {
        let read = |key: &str| VOLUMES.contains(&key) || (single && key == "ephemeral");
        if !volume.entries().iter().any(|entry| read(&entry.key)) {
            ignored.insert(join_key(path, "volumes"));
        }
    }
    for list in ["containers", "initContainers"] {
        for container in spec.get(list).map(Node::items).unwrap_or_default() {
            unread(container, &format!("{path}.{list}[]"), CONTAINER, ignored);
        }
    }
}

fn unread(node: &Node, path: &str, read: &[&str], ignored: &mut BTreeSet<String>) {
    for entry in node.entries() {
        if !read.contains(&&*entry.key) && !entry.value.is_null() {
            ignored.insert(join_key(path, &entry.key));
        }
    }
}
