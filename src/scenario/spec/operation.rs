//! What operators do during a run.

use crate::base::diag::Diagnostics;
use crate::base::time::SimDuration;
use crate::scenario::node::Node;
use crate::scenario::read::{Fields, Located, Read};

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
    /// `kubectl cordon` and `kubectl uncordon`.
    Cordon {
        /// Which node.
        node: Located<String>,
        /// Cordon rather than uncordon.
        unschedulable: bool,
    },
    /// `kubectl delete pod`.
    DeletePod {
        /// Which workload.
        workload: Located<String>,
        /// Which of its replicas, from 0.
        replica: Located<u32>,
    },
}

const KINDS: &[&str] = &["scale", "rolloutRestart", "cordon", "uncordon", "deletePod"];

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
        "deletePod" => {
            let (workload, replica) = (fields.required("workload"), fields.required("replica"));
            workload
                .zip(replica)
                .map(|(workload, replica)| OperationKind::DeletePod { workload, replica })
        }
        _ => fields
            .required("node")
            .map(|node| OperationKind::Cordon { node, unschedulable: key == "cordon" }),
    };
    fields.finish();
    kind
}
