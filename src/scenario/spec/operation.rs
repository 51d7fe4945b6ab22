//! What operators do during a run.

use super::fault::{Target, read_targets};
use crate::base::diag::Diagnostics;
use crate::base::time::SimDuration;
use crate::model::TaintEffect;
use crate::scenario::manifest::{Cursor, check_label_key, check_label_value};
use crate::scenario::node::{Node, join_key};
use crate::scenario::read::{Fields, Located, Read, word};
use crate::scenario::source::Rules;

/// One entry of `operations:`.
#[derive(Clone, Debug)]
pub struct Operation {
    /// When.
    pub at: Located<SimDuration>,
    /// What.
    pub kind: OperationKind,
}

/// What an operator does. Workloads are named `namespace/name`.
#[derive(Clone, Debug)]
pub enum OperationKind {
    /// `kubectl scale`.
    Scale {
        /// Which workload.
        workload: Located<String>,
        /// New number of replicas.
        replicas: Located<u32>,
    },
    /// `kubectl rollout restart`.
    RolloutRestart {
        /// Which Deployment.
        workload: Located<String>,
    },
    /// `kubectl rollout undo`.
    RolloutUndo {
        /// Which Deployment.
        workload: Located<String>,
    },
    /// `kubectl rollout pause` and `kubectl rollout resume`.
    RolloutPause {
        /// Which Deployment.
        workload: Located<String>,
        /// Pause rather than resume.
        paused: bool,
    },
    /// `spec.suspend` of a Job or a CronJob is set.
    Suspend {
        /// Which.
        workload: Located<String>,
        /// Its new value.
        suspend: bool,
    },
    /// `kubectl cordon` and `kubectl uncordon`.
    Cordon {
        /// Which node.
        node: Located<String>,
        /// Cordon rather than uncordon.
        unschedulable: bool,
    },
    /// `kubectl drain`.
    Drain {
        /// Which nodes.
        target: Target,
        /// Pods without a controller as well.
        force: Option<bool>,
        /// Grace period, seconds.
        grace: Option<Located<u32>>,
    },
    /// `kubectl taint node NODE key=value:effect`.
    Taint {
        /// Which node.
        node: Located<String>,
        /// What it gets.
        taint: Taint,
    },
    /// `kubectl taint node NODE key:effect-`; all effects where none is given.
    Untaint {
        /// Which node.
        node: Located<String>,
        /// Key.
        key: String,
        /// Effect.
        effect: Option<TaintEffect>,
    },
    /// `kubectl label node`.
    Label {
        /// Which node.
        node: Located<String>,
        /// Keys with their values; null removes the label.
        labels: Vec<(String, Option<String>)>,
    },
    /// `kubectl delete pod`.
    DeletePod {
        /// Which workload.
        workload: Located<String>,
        /// Which of its replicas, from 0.
        replica: Located<u32>,
    },
}

/// A taint that an operator gives a node.
#[derive(Clone, Debug)]
pub struct Taint {
    /// Key.
    pub key: String,
    /// Value; may be empty.
    pub value: String,
    /// Effect.
    pub effect: TaintEffect,
}

const KINDS: &[&str] = &[
    "scale",
    "rolloutRestart",
    "rolloutUndo",
    "rolloutPause",
    "rolloutResume",
    "suspend",
    "resume",
    "cordon",
    "uncordon",
    "drain",
    "taintNode",
    "untaintNode",
    "labelNode",
    "deletePod",
];

/// A taint's effect as it is read.
struct Effect(TaintEffect);

impl Read for Effect {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        let words = [
            ("NoSchedule", TaintEffect::NoSchedule),
            ("PreferNoSchedule", TaintEffect::PreferNoSchedule),
            ("NoExecute", TaintEffect::NoExecute),
        ];
        word(node, path, ("taint effect", &words), found).map(Self)
    }
}

/// Labels to set, or to remove where the value is null.
struct LabelChanges(Vec<(String, Option<String>)>);

impl Read for LabelChanges {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        Fields::open(node, path, found)?;
        let at = Cursor::root(node, path);
        let mut changes = Vec::new();
        for entry in node.entries() {
            check_label_key(&entry.key, &at.name_of(&entry.key), Rules::Strict, found);
            let value = if entry.value.is_null() {
                None
            } else {
                let value = String::read(&entry.value, &join_key(path, &entry.key), found)?;
                check_label_value(&value, &at.key(&entry.key), Rules::Strict, found);
                Some(value)
            };
            changes.push((entry.key.to_string(), value));
        }
        Some(Self(changes))
    }
}

impl Read for Operation {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::open(node, path, found)?;
        let at = fields.required("at");
        let chosen = fields.one_of("the operation", KINDS);
        let mut kind = None;
        if let Some((key, value)) = chosen {
            let path = fields.path_of(key);
            kind = read_kind(key, value, &path, fields.found());
            fields.finish();
        }
        Some(Self { at: at?, kind: kind? })
    }
}

fn read_kind(key: &str, node: &Node, path: &str, found: &mut Diagnostics) -> Option<OperationKind> {
    let mut fields = Fields::open(node, path, found)?;
    let kind = match key {
        "scale" => {
            let (workload, replicas) = (fields.required("workload"), fields.required("replicas"));
            workload
                .zip(replicas)
                .map(|(workload, replicas)| OperationKind::Scale { workload, replicas })
        }
        "rolloutRestart" => {
            fields.required("workload").map(|workload| OperationKind::RolloutRestart { workload })
        }
        "rolloutUndo" => {
            fields.required("workload").map(|workload| OperationKind::RolloutUndo { workload })
        }
        "rolloutPause" | "rolloutResume" => {
            let paused = key == "rolloutPause";
            let workload = fields.required("workload");
            workload.map(|workload| OperationKind::RolloutPause { workload, paused })
        }
        "suspend" | "resume" => {
            let suspend = key == "suspend";
            let workload = fields.required("workload");
            workload.map(|workload| OperationKind::Suspend { workload, suspend })
        }
        "deletePod" => {
            let (workload, replica) = (fields.required("workload"), fields.required("replica"));
            workload
                .zip(replica)
                .map(|(workload, replica)| OperationKind::DeletePod { workload, replica })
        }
        "drain" => read_drain(&mut fields),
        "taintNode" => read_taint(&mut fields, &Cursor::root(node, path)),
        "untaintNode" => read_untaint(&mut fields, &Cursor::root(node, path)),
        "labelNode" => {
            let (node, labels) = (fields.required("node"), fields.required("labels"));
            node.zip(labels)
                .map(|(node, LabelChanges(labels))| OperationKind::Label { node, labels })
        }
        _ => fields
            .required("node")
            .map(|node| OperationKind::Cordon { node, unschedulable: key == "cordon" }),
    };
    fields.finish();
    kind
}

fn read_drain(fields: &mut Fields<'_>) -> Option<OperationKind> {
    let force = fields.optional("force");
    let grace = fields.optional("gracePeriod");
    let target = read_targets("drain", fields);
    Some(OperationKind::Drain { target: target?, force: force?, grace: grace? })
}

fn read_taint(fields: &mut Fields<'_>, at: &Cursor<'_>) -> Option<OperationKind> {
    let (node, key) = (fields.required("node"), fields.required::<String>("key"));
    let value = fields.defaulted::<String>("value");
    let effect = fields.required::<Effect>("effect");
    if let Some(key) = &key {
        check_label_key(key, &at.key("key"), Rules::Strict, fields.found());
    }
    if let Some(value) = &value {
        check_label_value(value, &at.key("value"), Rules::Strict, fields.found());
    }
    let taint = Taint { key: key?, value: value?, effect: effect?.0 };
    Some(OperationKind::Taint { node: node?, taint })
}

fn read_untaint(fields: &mut Fields<'_>, at: &Cursor<'_>) -> Option<OperationKind> {
    let (node, key) = (fields.required("node"), fields.required::<String>("key"));
    let effect = fields.optional::<Effect>("effect");
    if let Some(key) = &key {
        check_label_key(key, &at.key("key"), Rules::Strict, fields.found());
    }
    let effect = effect?.map(|effect| effect.0);
    Some(OperationKind::Untaint { node: node?, key: key?, effect })
}
