//! What breaks in the cluster, and when.

use std::collections::BTreeMap;

use super::behaviour::{MODES, check_share, read_mode, read_occurrence};
use super::{FailureMode, Occurrence, RandomDuration, Selector};
use crate::base::diag::{Diagnostics, Span};
use crate::scenario::node::Node;
use crate::scenario::read::{Fields, Located, Read, record};

/// One entry of `faults:`.
#[derive(Clone, Debug)]
pub struct Fault {
    /// What breaks.
    pub kind: FaultKind,
    /// When.
    pub when: Occurrence,
    /// Where the entry stands.
    pub span: Span,
}

/// A kind of fault with its parameters.
#[derive(Clone, Debug)]
pub enum FaultKind {
    /// A zone loses power; its nodes boot again at the end.
    ZoneOutage(ZoneOutage),
    /// Nodes lose power.
    NodeCrash(NodeCrash),
    /// The scheduler's leader dies.
    SchedulerCrash(ComponentCrash),
    /// The controller manager's leader dies.
    ControllerManagerCrash(ComponentCrash),
    /// Containers fail together.
    ContainerFault(Box<ContainerFault>),
}

record! {
    /// A zone without power.
    pub struct ZoneOutage {
        /// The zone.
        pub zone: Located<String> = required "zone",
        /// For how long; until the end when absent.
        pub lasts: Option<RandomDuration> = optional "for",
    }
}

record! {
    /// A crashed component of the control plane.
    pub struct ComponentCrash {
        /// For how long; until the end when absent.
        pub lasts: Option<RandomDuration> = optional "for",
    }
}

/// Which nodes a fault hits.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// The node of this name.
    Node(Located<String>),
    /// Every node with these labels.
    Labels(Located<BTreeMap<String, String>>),
    /// This many nodes, drawn by lot.
    Count(Located<u32>),
}

/// Nodes without power.
#[derive(Clone, Debug)]
pub struct NodeCrash {
    /// Which nodes.
    pub target: Target,
    /// For how long; until the end when absent.
    pub lasts: Option<RandomDuration>,
}

/// Containers that fail together.
#[derive(Clone, Debug)]
pub struct ContainerFault {
    /// Which pods, by their labels.
    pub selector: Selector,
    /// Which namespace; all when absent.
    pub namespace: Option<Located<String>>,
    /// Which container; all when absent.
    pub container: Option<Located<String>>,
    /// The share of the pods that is hit; all when absent.
    pub share: Option<f64>,
    /// What goes wrong in them.
    pub mode: FailureMode,
    /// For how long; until a restart when absent.
    pub lasts: Option<RandomDuration>,
}

const KINDS: &[&str] =
    &["zoneOutage", "nodeCrash", "schedulerCrash", "controllerManagerCrash", "containerFault"];

impl Read for Fault {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::open(node, path, found)?;
        // Both are read before either may fail, so that both mistakes show.
        fields.known_ahead(&["at", "every"]);
        let chosen = fields.one_of("the fault", KINDS);
        let when = read_occurrence(&mut fields);
        let mut kind = None;
        if let Some((key, value)) = chosen {
            let path = fields.path_of(key);
            kind = read_kind(key, value, &path, fields.found());
        }
        fields.finish();
        Some(Self { kind: kind?, when: when?, span: node.span })
    }
}

fn read_kind(key: &str, node: &Node, path: &str, found: &mut Diagnostics) -> Option<FaultKind> {
    match key {
        "zoneOutage" => Read::read(node, path, found).map(FaultKind::ZoneOutage),
        "nodeCrash" => Read::read(node, path, found).map(FaultKind::NodeCrash),
        "schedulerCrash" => crash(node, path, found).map(FaultKind::SchedulerCrash),
        "controllerManagerCrash" => crash(node, path, found).map(FaultKind::ControllerManagerCrash),
        _ => Read::read(node, path, found).map(FaultKind::ContainerFault),
    }
}

/// `schedulerCrash:` alone needs no further words.
fn crash(node: &Node, path: &str, found: &mut Diagnostics) -> Option<ComponentCrash> {
    if node.is_null() {
        return Some(ComponentCrash { lasts: None, span: node.span });
    }
    Read::read(node, path, found)
}

impl Read for NodeCrash {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::open(node, path, found)?;
        let lasts = fields.optional("for");
        let chosen = fields.one_of("the nodeCrash", &["node", "nodeSelector", "count"]);
        let mut target = None;
        if let Some((key, value)) = chosen {
            let path = fields.path_of(key);
            target = match key {
                "node" => Read::read(value, &path, fields.found()).map(Target::Node),
                "nodeSelector" => Read::read(value, &path, fields.found()).map(Target::Labels),
                _ => Read::read(value, &path, fields.found()).map(Target::Count),
            };
        }
        fields.finish();
        Some(Self { target: target?, lasts: lasts? })
    }
}

impl Read for ContainerFault {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::open(node, path, found)?;
        let selector = fields.required("selector");
        let namespace = fields.optional("namespace");
        let container = fields.optional("container");
        let lasts = fields.optional("for");
        let share = fields.optional::<Located<f64>>("share")?.and_then(|share| {
            let path = fields.path_of("share");
            check_share(&share, &path, fields.found())
        });
        let chosen = fields.one_of("the containerFault", MODES);
        let mut mode = None;
        if let Some((key, value)) = chosen {
            let path = fields.path_of(key);
            let empty =
                Node { span: value.span, value: crate::scenario::node::Value::Map(Vec::new()) };
            let value = if value.is_null() { &empty } else { value };
            if let Some(mut inner) = Fields::open(value, &path, fields.found()) {
                mode = read_mode(key, &mut inner);
                inner.finish();
            }
        }
        fields.finish();
        Some(Self {
            selector: selector?,
            namespace: namespace?,
            container: container?,
            share,
            mode: mode?,
            lasts: lasts?,
        })
    }
}
