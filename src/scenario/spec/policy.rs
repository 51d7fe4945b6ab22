//! A policy: how pods are placed and how failures are repaired.

use super::{Metadata, Recovery, SchedulerConfig};
use crate::base::diag::Diagnostics;
use crate::scenario::node::Node;
use crate::scenario::read::{Fields, Located, Read, record};

record! {
    /// A whole policy.
    pub struct Policy {
        /// Always [`super::API_VERSION`].
        pub api_version: Located<String> = required "apiVersion",
        /// Always `Policy`.
        pub kind: Located<String> = required "kind",
        /// Name and description.
        pub metadata: Metadata = required "metadata",
        /// The settings.
        pub spec: PolicySpec = defaulted "spec",
    }
}

/// The settings of a policy; what is absent is Kubernetes' default.
#[derive(Clone, Debug, Default)]
pub struct PolicySpec {
    /// The scheduler's configuration.
    pub scheduler: Option<SchedulerSource>,
    /// Recovery settings.
    pub recovery: Option<Recovery>,
}

impl Read for PolicySpec {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::open(node, path, found)?;
        let scheduler = fields.optional("scheduler");
        let recovery = fields.optional("recovery");
        fields.finish();
        Some(Self { scheduler: scheduler?, recovery: recovery? })
    }
}

/// A `KubeSchedulerConfiguration`, inline or in a file of its own.
#[derive(Clone, Debug)]
pub enum SchedulerSource {
    /// A path, relative to the file that names it.
    File(Located<String>),
    /// The configuration itself.
    Inline(Box<SchedulerConfig>),
}

impl Read for SchedulerSource {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        if node.get("file").is_none() {
            return Read::read(node, path, found).map(Self::Inline);
        }
        let mut fields = Fields::open(node, path, found)?;
        let file = fields.required("file");
        fields.finish();
        file.map(Self::File)
    }
}
