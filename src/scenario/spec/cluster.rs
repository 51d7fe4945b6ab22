//! Nodes and workloads as a scenario declares them.

use k8s_openapi::api::core::v1::Node as KubeNode;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::{Kubelet, Overload, RandomDuration};
use crate::base::diag::{Diagnostics, Span, codes};
use crate::scenario::manifest::{Cursor, check_label_selector, check_name, check_node};
use crate::scenario::node::{Node, short};
use crate::scenario::read::{Fields, Located, Read, record, wrong};
use crate::scenario::source::Rules;

record! {
    /// The nodes of the cluster: pools of equal ones, real ones, or both.
    pub struct Cluster {
        /// Groups of equal nodes.
        pub node_pools: Vec<NodePool> = defaulted "nodePools",
        /// Real Node objects.
        pub nodes: Vec<Workload> = defaulted "nodes",
    }
}

record! {
    /// A group of equal nodes.
    pub struct NodePool {
        /// Name; nodes are called `<name>-<ordinal>`.
        pub name: Located<String> = required "name",
        /// Number of nodes.
        pub count: Located<u32> = required "count",
        /// Zones, taken in turn.
        pub zones: Vec<Located<String>> = defaulted "zones",
        /// Region.
        pub region: Option<Located<String>> = optional "region",
        /// Price of one node.
        pub price: Option<Price> = optional "price",
        /// The node, as kubectl prints one.
        pub template: Located<NodeTemplate> = required "template",
        /// Time from power to the first heartbeat.
        pub boot: Option<RandomDuration> = optional "boot",
        /// Process ids of a node (`kernel.pid_max`); they do not run short when absent.
        pub pid_max: Option<PidMax> = optional "pidMax",
        /// Settings of the kubelets.
        pub kubelet: Option<Kubelet> = optional "kubelet",
        /// What becomes of a node that is short of CPU.
        pub overload: Option<Overload> = optional "overload",
        /// Pins the address of the pool's randomness across edits.
        pub uid: Option<String> = optional "uid",
    }
}

/// Process ids of a node, as many as Linux allows to be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PidMax(pub u32);

impl Read for PidMax {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        let pids = u32::read(node, path, found)?;
        if (301..=4_194_304).contains(&pids) {
            return Some(Self(pids));
        }
        let message = format!("{pids} is not a number of process ids that Linux can be set to");
        let help = "write 301 to 4194304, for example 32768";
        found.push(wrong(codes::OUT_OF_RANGE, node, path, message).help(help));
        None
    }
}

/// A checked Node object.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeTemplate(pub Box<KubeNode>);

impl Read for NodeTemplate {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        let template = KubeNode::read(node, path, found)?;
        let at = Cursor::root(node, path);
        let before = found.len();
        check_node(&template, &at, Rules::Strict, found);
        if found.len() > before {
            return Some(Self(Box::new(template)));
        }
        let status = template.status.as_ref();
        let lists =
            [status.and_then(|s| s.allocatable.as_ref()), status.and_then(|s| s.capacity.as_ref())];
        for resource in ["cpu", "memory"] {
            if !lists.iter().flatten().any(|list| list.contains_key(resource)) {
                let message = format!("the node has no allocatable {resource}");
                let help = "write status: {allocatable: {cpu: \"8\", memory: 32Gi, pods: \"110\"}}";
                let at = at.keys(&["status", "allocatable"]);
                found.push(at.finding(Rules::Strict, codes::MISSING_FIELD, message).help(help));
            }
        }
        Some(Self(Box::new(template)))
    }
}

/// A price per hour in billionths of the currency, whichever it is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// Billionths of the currency per hour.
    pub nanos_per_hour: u64,
}

impl Read for Price {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        let text = node.scalar_text().unwrap_or_default().trim();
        let amount = text.strip_suffix("/h").unwrap_or(text).trim();
        let parsed = amount.parse::<crate::base::quantity::Quantity>().ok();
        let plain = !amount.is_empty() && amount.chars().all(|c| c.is_ascii_digit() || c == '.');
        let nanos = parsed.filter(|_| plain).and_then(|_| decimal_nanos(amount));
        if nanos.is_none() {
            let message = format!("\"{}\" is not a price", short(text));
            let help = "write an amount per hour, for example 0.40/h";
            found.push(wrong(codes::BAD_PRICE, node, path, message).help(help));
        }
        nanos.map(|nanos_per_hour| Self { nanos_per_hour })
    }
}

/// Billionths in a decimal number; `None` when too large or finer than a billionth.
fn decimal_nanos(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = format!("{fraction:0<9}");
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
    let nanos = (fraction.len() == 9).then(|| fraction.parse::<u64>().ok())??;
    whole.checked_mul(1_000_000_000)?.checked_add(nanos)
}

/// A checked label selector.
#[derive(Clone, Debug, PartialEq)]
pub struct Selector(pub LabelSelector);

impl Read for Selector {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        let selector = LabelSelector::read(node, path, found)?;
        let before = found.len();
        check_label_selector(&selector, &Cursor::root(node, path), Rules::Strict, found);
        (found.len() == before).then_some(Self(selector))
    }
}

/// Objects given inline, with the place that they stand at.
#[derive(Clone, Debug, PartialEq)]
pub struct Objects {
    /// Each object, read when the file that holds it is known.
    pub nodes: Vec<Node>,
    /// Their field path.
    pub path: String,
}

/// Where objects come from: a path, or inline.
#[derive(Clone, Debug, PartialEq)]
pub enum Workload {
    /// A file or folder, relative to the file that names it.
    Manifests(Located<String>),
    /// Inline objects.
    Objects(Objects),
}

impl Read for Workload {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::open(node, path, found)?;
        let chosen = fields.one_of("the entry", &["manifests", "objects"]);
        let mut result = None;
        if let Some((key, value)) = chosen {
            let path = fields.path_of(key);
            result = if key == "manifests" {
                Located::<String>::read(value, &path, fields.found()).map(Self::Manifests)
            } else {
                Vec::<Node>::read(value, &path, fields.found())
                    .map(|nodes| Self::Objects(Objects { nodes, path }))
            };
        }
        fields.finish();
        result
    }
}

/// Nodes that a cluster may have.
pub(in crate::scenario) const NODES_MAX: u32 = 100_000;

/// Checks pools together: unique, valid names, valid zones, and no more nodes than can be.
pub(in crate::scenario) fn check_pools(
    pools: &[NodePool],
    path: &str,
    node: &Node,
    found: &mut Diagnostics,
) {
    let list = Cursor::root(node, path);
    let mut names: Vec<(&str, Span)> = Vec::new();
    let mut nodes = 0_u64;
    for (index, pool) in pools.iter().enumerate() {
        let at = list.index(index);
        check_name(&pool.name, (63, true), &at.key("name"), Rules::Strict, found);
        if let Some((name, first)) = names.iter().find(|(name, _)| *name == pool.name.value) {
            let message = format!("two node pools are named \"{}\"", short(name));
            found.push(
                at.key("name")
                    .finding(Rules::Strict, codes::DUPLICATE_NAME, message)
                    .related(*first, "first given here")
                    .help("give each pool a name of its own"),
            );
        }
        if let Some(kubelet) = &pool.kubelet {
            let path = format!("{path}[{index}].kubelet");
            super::kubelet::check(kubelet, &path, found);
            if pool.pid_max.is_none() {
                super::kubelet::check_unlimited(kubelet, &path, found);
            }
        }
        names.push((&pool.name, pool.name.span));
        let before = nodes;
        nodes += u64::from(pool.count.value);
        if (before..nodes).contains(&u64::from(NODES_MAX)) {
            let message = format!("a cluster of {nodes} nodes");
            let finding = at.key("count").finding(Rules::Strict, codes::OUT_OF_RANGE, message);
            found.push(finding.help(format!("at most {NODES_MAX} nodes can be simulated")));
        }
        for (zone_index, zone) in pool.zones.iter().enumerate() {
            let at = at.key("zones").index(zone_index);
            crate::scenario::manifest::check_label_value(zone, &at, Rules::Strict, found);
        }
    }
}
