//! What breaks in the cluster, and when.

use std::collections::BTreeMap;

use super::behaviour::{MODES, check_share, factor, read_mode, read_occurrence};
use super::{FailureMode, Occurrence, RandomDuration, Selector};
use crate::base::diag::{Diagnostics, Span, codes};
use crate::base::quantity::Quantity;
use crate::base::time::SimDuration;
use crate::model::{ConfigKind, ThresholdValue};
use crate::scenario::node::Node;
use crate::scenario::read::{Fields, Located, Read, record, wrong};

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
    NodeCrash(NodeFault),
    /// Nodes are restarted.
    NodeReboot(NodeReboot),
    /// Nodes are taken back by the cloud, after a notice.
    SpotReclaim(SpotReclaim),
    /// The cloud-controller-manager is down.
    CloudControllerManagerOutage(ComponentCrash),
    /// Nodes fail by themselves, domain by domain.
    NodeFailures(NodeFailures),
    /// Kubelets are down; containers run on.
    KubeletCrash(NodeFault),
    /// Container runtimes are down; containers run on.
    RuntimeOutage(NodeFault),
    /// The kube-proxies of nodes are down.
    KubeProxyOutage(NodeFault),
    /// Everything takes longer on nodes.
    SlowNode(SlowNode),
    /// Somebody outside of pods has filled the disks of nodes.
    DiskFull(DiskFull),
    /// A ConfigMap or Secret is not there.
    ConfigMissing(ConfigMissing),
    /// Nodes fail as a trace says.
    FailureTrace(FailureTrace),
    /// Nodes cannot reach the API server, nor it them.
    NetworkPartition(NetworkPartition),
    /// Connections of kubelets to the API server hang.
    StaleConnections(NodeFault),
    /// kube-apiserver instances are down.
    ApiServerOutage(ApiServerOutage),
    /// kube-apiserver is slow.
    ApiServerSlow(ApiServerSlow),
    /// etcd members are down.
    EtcdMembersLost(EtcdMembersLost),
    /// The scheduler's leader dies.
    SchedulerCrash(ComponentCrash),
    /// The controller manager's leader dies.
    ControllerManagerCrash(ComponentCrash),
    /// An admission webhook does not answer.
    WebhookOutage(WebhookOutage),
    /// Names cannot be resolved.
    DnsOutage(DnsOutage),
    /// A registry answers nobody.
    RegistryOutage(RegistryOutage),
    /// A registry is slow.
    RegistrySlow(RegistrySlow),
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

record! {
    /// A failure process for every failure domain of some nodes.
    pub struct NodeFailures {
        /// Which nodes, by their labels; all when absent.
        pub node_selector: Option<Located<BTreeMap<String, String>>> = optional "nodeSelector",
        /// `node`, `zone` or the key of a label; `node` when absent.
        pub domain: Option<Located<String>> = optional "domain",
        /// For how long; until the end when absent.
        pub lasts: Option<RandomDuration> = optional "for",
        /// Only some nodes of the domain fail, one after another.
        pub burst: Option<Burst> = optional "burst",
    }
}

record! {
    /// Failures recorded elsewhere.
    pub struct FailureTrace {
        /// Where they stand: CSV or Parquet.
        pub file: Located<String> = required "file",
        /// Of which nodes shares fail, by their labels; all when absent.
        pub node_selector: Option<Located<BTreeMap<String, String>>> = optional "nodeSelector",
        /// Whether the trace begins anew at its end.
        pub repeat: Option<Located<bool>> = optional "repeat",
    }
}

record! {
    /// How a failure spreads within its domain.
    pub struct Burst {
        /// How many nodes it strikes.
        pub nodes: Located<u32> = required "nodes",
        /// Within which time; all at once when absent.
        pub within: Option<Located<SimDuration>> = optional "within",
    }
}

/// Which nodes a fault hits.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// The node of this name.
    Node(Located<String>),
    /// Every node with these labels.
    Labels(Located<BTreeMap<String, String>>),
    /// The first so many nodes, in order of declaration.
    Count(Located<u32>),
}

/// Nodes that have something in common for a while.
#[derive(Clone, Debug)]
pub struct NodeFault {
    /// Which nodes.
    pub target: Target,
    /// For how long; until the end when absent.
    pub lasts: Option<RandomDuration>,
}

/// Slow nodes.
#[derive(Clone, Debug)]
pub struct SlowNode {
    /// Which nodes.
    pub target: Target,
    /// How many times as long everything takes; more than 1.
    pub factor: f64,
    /// For how long; until the end when absent.
    pub lasts: Option<RandomDuration>,
}

/// Nodes with a full disk.
#[derive(Clone, Debug)]
pub struct DiskFull {
    /// Which nodes.
    pub target: Target,
    /// How much of the disk is still available; nothing when absent.
    pub leaves: Option<Leaves>,
    /// For how long; until the end when absent.
    pub lasts: Option<RandomDuration>,
    /// Where it stands.
    pub span: Span,
}

/// An amount or a percentage of a disk.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Leaves(pub ThresholdValue);

/// Nodes that are restarted.
#[derive(Clone, Debug)]
pub struct NodeReboot {
    /// Which nodes.
    pub target: Target,
}

/// Nodes that the cloud takes back.
#[derive(Clone, Debug)]
pub struct SpotReclaim {
    /// Which nodes.
    pub target: Target,
    /// How long before they are gone that is known; two minutes when absent.
    pub notice: Option<Located<SimDuration>>,
    /// How long after that others take their place; never when absent.
    pub lasts: Option<RandomDuration>,
}

/// Nodes, or a zone of them, behind a broken network.
#[derive(Clone, Debug)]
pub struct NetworkPartition {
    /// Which side the API server is not on.
    pub side: Side,
    /// For how long; until the end when absent.
    pub lasts: Option<RandomDuration>,
}

/// The far side of a partition.
#[derive(Clone, Debug)]
pub enum Side {
    /// A zone.
    Zone(Located<String>),
    /// Some nodes.
    Nodes(Target),
    /// Every node.
    All,
}

record! {
    /// kube-apiserver instances that are down.
    pub struct ApiServerOutage {
        /// How many; all when absent.
        pub instances: Option<Located<u32>> = optional "instances",
        /// For how long; until the end when absent.
        pub lasts: Option<RandomDuration> = optional "for",
    }
}

record! {
    /// A slow kube-apiserver.
    pub struct ApiServerSlow {
        /// How many times as long requests take.
        pub request_factor: Option<Located<f64>> = optional "requestFactor",
        /// How many times as long watch deliveries take.
        pub watch_factor: Option<Located<f64>> = optional "watchFactor",
        /// For how long; until the end when absent.
        pub lasts: Option<RandomDuration> = optional "for",
    }
}

record! {
    /// etcd members that are down, the leader first.
    pub struct EtcdMembersLost {
        /// How many.
        pub members: Located<u32> = required "members",
        /// For how long; until the end when absent.
        pub lasts: Option<RandomDuration> = optional "for",
    }
}

/// A ConfigMap or Secret that is not there.
#[derive(Clone, Debug)]
pub struct ConfigMissing {
    /// Which kind.
    pub kind: ConfigKind,
    /// Its name.
    pub name: Located<String>,
    /// Its namespace; `default` when absent.
    pub namespace: Option<Located<String>>,
    /// For how long; until the end when absent.
    pub lasts: Option<RandomDuration>,
}

record! {
    /// An admission webhook with failurePolicy Fail that does not answer.
    pub struct WebhookOutage {
        /// Its name, for messages.
        pub webhook: Option<Located<String>> = optional "webhook",
        /// Namespaces whose pods it is asked about; all when absent.
        pub namespaces: Vec<Located<String>> = defaulted "namespaces",
        /// How long a call takes to fail; 10 s when absent.
        pub timeout: Option<Located<SimDuration>> = optional "timeout",
        /// For how long; until the end when absent.
        pub lasts: Option<RandomDuration> = optional "for",
    }
}

record! {
    /// CoreDNS that does not answer.
    pub struct DnsOutage {
        /// Which pods depend on names, by their labels; all when absent.
        pub selector: Option<Selector> = optional "selector",
        /// Which namespace; all when absent.
        pub namespace: Option<Located<String>> = optional "namespace",
        /// For how long; until the end when absent.
        pub lasts: Option<RandomDuration> = optional "for",
    }
}

record! {
    /// A registry that answers nobody.
    pub struct RegistryOutage {
        /// Its host, as images name it; every registry when absent.
        pub registry: Option<Located<String>> = optional "registry",
        /// Only these images, as containers name them.
        pub images: Vec<Located<String>> = defaulted "images",
        /// For how long; until the end when absent.
        pub lasts: Option<RandomDuration> = optional "for",
    }
}

record! {
    /// A slow registry.
    pub struct RegistrySlow {
        /// Its host, as images name it; every registry when absent.
        pub registry: Option<Located<String>> = optional "registry",
        /// Only these images, as containers name them.
        pub images: Vec<Located<String>> = defaulted "images",
        /// How many times as long pulls take.
        pub factor: Option<Located<f64>> = optional "factor",
        /// Most bytes per second that one node gets.
        pub bytes_per_second: Option<Located<Quantity>> = optional "bytesPerSecond",
        /// For how long; until the end when absent.
        pub lasts: Option<RandomDuration> = optional "for",
    }
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

const KINDS: &[&str] = &[
    "zoneOutage",
    "nodeCrash",
    "nodeReboot",
    "spotReclaim",
    "cloudControllerManagerOutage",
    "nodeFailures",
    "failureTrace",
    "kubeletCrash",
    "kubeProxyOutage",
    "slowNode",
    "diskFull",
    "runtimeOutage",
    "configMissing",
    "networkPartition",
    "staleConnections",
    "apiServerOutage",
    "apiServerSlow",
    "etcdMembersLost",
    "schedulerCrash",
    "controllerManagerCrash",
    "webhookOutage",
    "dnsOutage",
    "registryOutage",
    "registrySlow",
    "containerFault",
];

/// How faults say which nodes they strike.
const TARGETS: &[&str] = &["node", "nodeSelector", "count"];

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
        "nodeCrash" => NodeFault::read_as(key, node, path, found).map(FaultKind::NodeCrash),
        "nodeReboot" => Read::read(node, path, found).map(FaultKind::NodeReboot),
        "spotReclaim" => Read::read(node, path, found).map(FaultKind::SpotReclaim),
        "cloudControllerManagerOutage" => {
            crash(node, path, found).map(FaultKind::CloudControllerManagerOutage)
        }
        "nodeFailures" => Read::read(node, path, found).map(FaultKind::NodeFailures),
        "failureTrace" => Read::read(node, path, found).map(FaultKind::FailureTrace),
        "kubeProxyOutage" => {
            NodeFault::read_as(key, node, path, found).map(FaultKind::KubeProxyOutage)
        }
        "slowNode" => Read::read(node, path, found).map(FaultKind::SlowNode),
        "diskFull" => Read::read(node, path, found).map(FaultKind::DiskFull),
        "kubeletCrash" => NodeFault::read_as(key, node, path, found).map(FaultKind::KubeletCrash),
        "runtimeOutage" => NodeFault::read_as(key, node, path, found).map(FaultKind::RuntimeOutage),
        "configMissing" => Read::read(node, path, found).map(FaultKind::ConfigMissing),
        "networkPartition" => Read::read(node, path, found).map(FaultKind::NetworkPartition),
        "staleConnections" => {
            NodeFault::read_as(key, node, path, found).map(FaultKind::StaleConnections)
        }
        "apiServerOutage" => outage(node, path, found).map(FaultKind::ApiServerOutage),
        "apiServerSlow" => Read::read(node, path, found).map(FaultKind::ApiServerSlow),
        "etcdMembersLost" => Read::read(node, path, found).map(FaultKind::EtcdMembersLost),
        "webhookOutage" => webhook_outage(node, path, found).map(FaultKind::WebhookOutage),
        "dnsOutage" => dns_outage(node, path, found).map(FaultKind::DnsOutage),
        "registryOutage" => registry_outage(node, path, found).map(FaultKind::RegistryOutage),
        "registrySlow" => Read::read(node, path, found).map(FaultKind::RegistrySlow),
        "schedulerCrash" => crash(node, path, found).map(FaultKind::SchedulerCrash),
        "controllerManagerCrash" => crash(node, path, found).map(FaultKind::ControllerManagerCrash),
        _ => Read::read(node, path, found).map(FaultKind::ContainerFault),
    }
}

/// `apiServerOutage:` alone needs no further words.
fn outage(node: &Node, path: &str, found: &mut Diagnostics) -> Option<ApiServerOutage> {
    if node.is_null() {
        return Some(ApiServerOutage { instances: None, lasts: None, span: node.span });
    }
    Read::read(node, path, found)
}

/// `webhookOutage:` alone needs no further words.
fn webhook_outage(node: &Node, path: &str, found: &mut Diagnostics) -> Option<WebhookOutage> {
    if node.is_null() {
        let (span, namespaces) = (node.span, Vec::new());
        return Some(WebhookOutage { webhook: None, namespaces, timeout: None, lasts: None, span });
    }
    Read::read(node, path, found)
}

/// `dnsOutage:` alone needs no further words.
fn dns_outage(node: &Node, path: &str, found: &mut Diagnostics) -> Option<DnsOutage> {
    if node.is_null() {
        let span = node.span;
        return Some(DnsOutage { selector: None, namespace: None, lasts: None, span });
    }
    Read::read(node, path, found)
}

/// `registryOutage:` alone needs no further words.
fn registry_outage(node: &Node, path: &str, found: &mut Diagnostics) -> Option<RegistryOutage> {
    if node.is_null() {
        let span = node.span;
        return Some(RegistryOutage { registry: None, images: Vec::new(), lasts: None, span });
    }
    Read::read(node, path, found)
}

/// `schedulerCrash:` alone needs no further words.
fn crash(node: &Node, path: &str, found: &mut Diagnostics) -> Option<ComponentCrash> {
    if node.is_null() {
        return Some(ComponentCrash { lasts: None, span: node.span });
    }
    Read::read(node, path, found)
}

impl NodeFault {
    fn read_as(kind: &str, node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::open(node, path, found)?;
        let lasts = fields.optional("for");
        let target = read_targets(kind, &mut fields);
        fields.finish();
        Some(Self { target: target?, lasts: lasts? })
    }
}

/// Reads which nodes something strikes.
pub(super) fn read_targets(kind: &str, fields: &mut Fields<'_>) -> Option<Target> {
    let (key, value) = fields.one_of(&format!("the {kind}"), TARGETS)?;
    let path = fields.path_of(key);
    read_target(key, value, &path, fields.found())
}

fn read_target(key: &str, node: &Node, path: &str, found: &mut Diagnostics) -> Option<Target> {
    match key {
        "node" => Read::read(node, path, found).map(Target::Node),
        "nodeSelector" => Read::read(node, path, found).map(Target::Labels),
        _ => Read::read(node, path, found).map(Target::Count),
    }
}

impl Read for NodeReboot {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::open(node, path, found)?;
        let target = read_targets("nodeReboot", &mut fields);
        fields.finish();
        Some(Self { target: target? })
    }
}

impl Read for SlowNode {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::open(node, path, found)?;
        let factor = factor(&mut fields);
        let lasts = fields.optional("for");
        let target = read_targets("slowNode", &mut fields);
        fields.finish();
        Some(Self { target: target?, factor: factor?, lasts: lasts? })
    }
}

impl Read for DiskFull {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::open(node, path, found)?;
        let leaves = fields.optional("leaves");
        let lasts = fields.optional("for");
        let target = read_targets("diskFull", &mut fields);
        fields.finish();
        Some(Self { target: target?, leaves: leaves?, lasts: lasts?, span: node.span })
    }
}

impl Read for Leaves {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        let text = node.scalar_text().unwrap_or_default();
        let sound = |value: &ThresholdValue| match value {
            ThresholdValue::Amount(amount) => !amount.is_negative(),
            ThresholdValue::Share(share) => (0.0..=1.0).contains(share),
        };
        let value = ThresholdValue::parse(text).filter(|_| !text.is_empty()).filter(sound);
        if value.is_none() {
            let message = format!("{} is no part of a disk", node.describe());
            let help = "write an amount or a percentage, for example 2Gi or 5%";
            found.push(wrong(codes::OUT_OF_RANGE, node, path, message).help(help));
        }
        value.map(Self)
    }
}

impl Read for SpotReclaim {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::open(node, path, found)?;
        let notice = fields.optional("notice");
        let lasts = fields.optional("for");
        let target = read_targets("spotReclaim", &mut fields);
        fields.finish();
        Some(Self { target: target?, notice: notice?, lasts: lasts? })
    }
}

impl Read for ConfigMissing {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::open(node, path, found)?;
        let lasts = fields.optional("for");
        let namespace = fields.optional("namespace");
        let chosen = fields.one_of("the configMissing", &["configMap", "secret"]);
        let mut config = None;
        if let Some((key, value)) = chosen {
            let path = fields.path_of(key);
            let kind = if key == "secret" { ConfigKind::Secret } else { ConfigKind::ConfigMap };
            config = Read::read(value, &path, fields.found()).map(|name| (kind, name));
        }
        fields.finish();
        let (kind, name) = config?;
        Some(Self { kind, name, namespace: namespace?, lasts: lasts? })
    }
}

impl Read for NetworkPartition {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::open(node, path, found)?;
        let lasts = fields.optional("for");
        let keys = ["node", "nodeSelector", "count", "zone", "all"];
        let chosen = fields.one_of("the networkPartition", &keys);
        let mut side = None;
        if let Some((key, value)) = chosen {
            let path = fields.path_of(key);
            side = match key {
                "zone" => Read::read(value, &path, fields.found()).map(Side::Zone),
                "all" => read_all(value, &path, fields.found()),
                _ => read_target(key, value, &path, fields.found()).map(Side::Nodes),
            };
        }
        fields.finish();
        Some(Self { side: side?, lasts: lasts? })
    }
}

/// `all: true`; nothing else makes sense.
fn read_all(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Side> {
    if bool::read(node, path, found)? {
        return Some(Side::All);
    }
    let message = "all: false cuts nothing off";
    let help = "write all: true, or node, nodeSelector, count or zone";
    found.push(wrong(codes::OUT_OF_RANGE, node, path, message.to_owned()).help(help));
    None
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
