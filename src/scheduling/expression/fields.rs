//! What an expression can read: fields of pods and nodes under their names in manifests, and a few
//! figures that the scheduler works out.
//!
//! Every amount is a double: CPU in cores, memory and storage in bytes, the rest in pieces. A
//! resource that a node or pod does not name is 0.

use std::sync::Arc;

use cel::Value;
use cel::objects::{Key, Map};

use crate::base::map::Symbol;
use crate::model::{Labels, Model, NodeId, Resources, TaintEffect, Toleration, TolerationOperator};
use crate::registry::suggest;
use crate::scheduling::framework::CycleCx;

/// The type of a value, as far as a check needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Bool,
    Int,
    Uint,
    Double,
    Text,
    List(Box<Self>),
    /// An element of a list of objects, with its fields; all of them texts.
    Element(&'static [&'static str]),
}

impl Type {
    pub(super) fn name(&self) -> String {
        match self {
            Self::Bool => "bool".to_owned(),
            Self::Int => "int".to_owned(),
            Self::Uint => "uint".to_owned(),
            Self::Double => "double".to_owned(),
            Self::Text => "string".to_owned(),
            Self::List(of) => format!("list of {}", of.name()),
            Self::Element(_) => "object".to_owned(),
        }
    }

    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::Uint | Self::Double)
    }
}

/// A resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Amount {
    Cpu,
    Memory,
    Ephemeral,
    Pods,
    Scalar(String),
}

/// A field of the pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PodField {
    Namespace,
    Label(String),
    HasLabel(String),
    SchedulerName,
    Priority,
    Selector(String),
    HasSelector(String),
    Tolerations,
    Request(Amount),
}

/// A field of the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NodeField {
    Name,
    Label(String),
    HasLabel(String),
    Unschedulable,
    Taints,
    Allocatable(Amount),
    Requested(Amount),
}

/// Anything that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Pod(PodField),
    Node(NodeField),
}

/// What a path of field names leads to.
#[derive(Clone, Debug)]
pub(super) enum Found {
    /// A value.
    Value(Source, Type),
    /// Labels, of which one has to be named: what asks whether one is there.
    Keys(fn(String) -> Source),
    /// An object, with its fields.
    Object(&'static [&'static str]),
}

/// Why a path leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NoField {
    /// Which step of the path is wrong.
    pub(super) step: usize,
    /// What would be right.
    pub(super) help: String,
}

const TAINT: &[&str] = &["key", "value", "effect"];
const TOLERATION: &[&str] = &["key", "operator", "value", "effect"];
const RESOURCES: &[&str] = &["cpu", "memory", "ephemeral-storage", "pods"];

/// Every path that can be written, for documents; `KEY` and `RESOURCE` stand for any.
pub const PATHS: &[(&str, &str)] = &[
    ("pod.metadata.namespace", "string"),
    ("pod.metadata.labels[KEY]", "string"),
    ("pod.spec.schedulerName", "string"),
    ("pod.spec.priority", "int"),
    ("pod.spec.nodeSelector[KEY]", "string"),
    ("pod.spec.tolerations", "list of objects: key, operator, value, effect"),
    ("pod.requests[RESOURCE]", "double"),
    ("node.metadata.name", "string"),
    ("node.metadata.labels[KEY]", "string"),
    ("node.spec.unschedulable", "bool"),
    ("node.spec.taints", "list of objects: key, value, effect"),
    ("node.status.allocatable[RESOURCE]", "double"),
    ("node.requested[RESOURCE]", "double"),
];

/// Follows a path that begins with `pod` or `node`.
pub(super) fn find(path: &[&str]) -> Result<Found, NoField> {
    let objects = |fields| Found::Object(fields);
    let list = |of| Type::List(Box::new(Type::Element(of)));
    let pod = |field, of| Ok(Found::Value(Source::Pod(field), of));
    let node = |field, of| Ok(Found::Value(Source::Node(field), of));
    match path {
        ["pod"] => Ok(objects(&["metadata", "spec", "requests"])),
        ["pod", "metadata"] => Ok(objects(&["namespace", "labels"])),
        ["pod", "metadata", "namespace"] => pod(PodField::Namespace, Type::Text),
        ["pod", "metadata", "labels", rest @ ..] => keys(
            rest,
            |key| Source::Pod(PodField::Label(key)),
            |key| Source::Pod(PodField::HasLabel(key)),
        ),
        ["pod", "spec"] => {
            Ok(objects(&["schedulerName", "priority", "nodeSelector", "tolerations"]))
        }
        ["pod", "spec", "schedulerName"] => pod(PodField::SchedulerName, Type::Text),
        ["pod", "spec", "priority"] => pod(PodField::Priority, Type::Int),
        ["pod", "spec", "nodeSelector", rest @ ..] => keys(
            rest,
            |key| Source::Pod(PodField::Selector(key)),
            |key| Source::Pod(PodField::HasSelector(key)),
        ),
        ["pod", "spec", "tolerations"] => pod(PodField::Tolerations, list(TOLERATION)),
        ["pod", "requests"] => Ok(objects(RESOURCES)),
        ["pod", "requests", name] => pod(PodField::Request(amount(name, 2)?), Type::Double),
        ["node"] => Ok(objects(&["metadata", "spec", "status", "requested"])),
        ["node", "metadata"] => Ok(objects(&["name", "labels"])),
        ["node", "metadata", "name"] => node(NodeField::Name, Type::Text),
        ["node", "metadata", "labels", rest @ ..] => keys(
            rest,
            |key| Source::Node(NodeField::Label(key)),
            |key| Source::Node(NodeField::HasLabel(key)),
        ),
        ["node", "spec"] => Ok(objects(&["unschedulable", "taints"])),
        ["node", "spec", "unschedulable"] => node(NodeField::Unschedulable, Type::Bool),
        ["node", "spec", "taints"] => node(NodeField::Taints, list(TAINT)),
        ["node", "status"] => Ok(objects(&["allocatable"])),
        ["node", "status", "allocatable"] | ["node", "requested"] => Ok(objects(RESOURCES)),
        ["node", "status", "allocatable", name] => {
            node(NodeField::Allocatable(amount(name, 3)?), Type::Double)
        }
        ["node", "requested", name] => node(NodeField::Requested(amount(name, 2)?), Type::Double),
        [.., last] => Err(unknown(path, last)),
        [] => Err(NoField { step: 0, help: "write pod or node".to_owned() }),
    }
}

/// One label, or all of them.
fn keys(
    rest: &[&str],
    read: fn(String) -> Source,
    ask: fn(String) -> Source,
) -> Result<Found, NoField> {
    match rest {
        [] => Ok(Found::Keys(ask)),
        [key] => Ok(Found::Value(read((*key).to_owned()), Type::Text)),
        _ => Err(NoField { step: 4, help: "a label is a text and has no fields".to_owned() }),
    }
}

/// The first step that is wrong, and what would be right there.
fn unknown(path: &[&str], last: &str) -> NoField {
    let (_, before) = path.split_last().expect("it has a last step");
    match find(before) {
        Ok(Found::Object(known)) => {
            let near = suggest(last, known.iter().copied());
            let help = near.map_or_else(
                || format!("known are {}", known.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            NoField { step: before.len(), help }
        }
        Ok(Found::Value(_, of)) => {
            let help = format!("{} is a {} and has no fields", before.join("."), of.name());
            NoField { step: before.len(), help }
        }
        Ok(Found::Keys(_)) => NoField { step: before.len(), help: String::new() },
        Err(earlier) => earlier,
    }
}

fn amount(name: &str, step: usize) -> Result<Amount, NoField> {
    Ok(match name {
        "cpu" => Amount::Cpu,
        "memory" => Amount::Memory,
        "ephemeral-storage" => Amount::Ephemeral,
        "pods" => Amount::Pods,
        _ if name.contains('/') || name.starts_with("hugepages-") => {
            Amount::Scalar(name.to_owned())
        }
        _ => {
            let near = suggest(name, RESOURCES.iter().copied());
            let help = near.map_or_else(
                || {
                    format!(
                        "known are {} and names like [\"nvidia.com/gpu\"]",
                        RESOURCES.join(", ")
                    )
                },
                |near| format!("did you mean `{near}`?"),
            );
            return Err(NoField { step, help });
        }
    })
}

impl Source {
    /// Whether it changes with the pods of the node.
    pub(super) fn reads_load(&self) -> bool {
        matches!(self, Self::Node(NodeField::Requested(_)))
    }

    /// The field of the pod, if it is one.
    pub(super) fn of_pod(&self) -> Option<&PodField> {
        match self {
            Self::Pod(field) => Some(field),
            Self::Node(_) => None,
        }
    }

    /// The value; `None` for a label that is not there.
    pub(super) fn value(&self, cx: &CycleCx<'_>, node: NodeId) -> Option<Value> {
        match self {
            Self::Pod(field) => field.value(cx),
            Self::Node(field) => field.value(cx, node),
        }
    }
}

impl PodField {
    pub(super) fn value(&self, cx: &CycleCx<'_>) -> Option<Value> {
        let (spec, model) = (cx.spec, cx.model);
        let selector = |key: &str| {
            let key = model.symbols.get(key)?;
            spec.node_selector.iter().find(|(known, _)| *known == key).map(|(_, value)| *value)
        };
        Some(match self {
            Self::Namespace => text(&model.namespaces[spec.namespace].name),
            Self::Label(key) => symbol(model, label(model, &spec.labels, key)?),
            Self::HasLabel(key) => Value::Bool(label(model, &spec.labels, key).is_some()),
            Self::SchedulerName => text(&spec.scheduler_name),
            Self::Priority => Value::Int(i64::from(spec.priority)),
            Self::Selector(key) => symbol(model, selector(key)?),
            Self::HasSelector(key) => Value::Bool(selector(key).is_some()),
            Self::Tolerations => {
                list(spec.tolerations.iter().map(|toleration| told(model, toleration)))
            }
            Self::Request(amount) => Value::Float(match amount {
                Amount::Pods => 1.0,
                Amount::Cpu | Amount::Memory | Amount::Ephemeral | Amount::Scalar(_) => {
                    part(model, &spec.requests, amount)
                }
            }),
        })
    }
}

impl NodeField {
    fn value(&self, cx: &CycleCx<'_>, node: NodeId) -> Option<Value> {
        let (spec, model) = (cx.node(node), cx.model);
        let (load, row) = (cx.snapshot.load(node), cx.snapshot.row(node));
        Some(match self {
            Self::Name => text(&spec.name),
            Self::Label(key) => symbol(model, label(model, &spec.labels, key)?),
            Self::HasLabel(key) => Value::Bool(label(model, &spec.labels, key).is_some()),
            Self::Unschedulable => Value::Bool(row.unschedulable),
            Self::Taints => list(row.taints.iter().map(|taint| {
                object([
                    ("key", symbol(model, taint.key)),
                    ("value", symbol(model, taint.value)),
                    ("effect", text(effect(taint.effect))),
                ])
            })),
            Self::Allocatable(amount) => Value::Float(part(model, &spec.allocatable, amount)),
            Self::Requested(amount) => Value::Float(match amount {
                Amount::Cpu => cores(load.requested_cpu_milli),
                Amount::Memory => whole(load.requested_memory_bytes),
                Amount::Ephemeral => whole(load.requested_ephemeral_bytes),
                Amount::Pods => whole(load.pods),
                Amount::Scalar(name) => {
                    let id = model.scalar_resources.iter().find(|(_, known)| *known == name);
                    id.map_or(0.0, |(id, _)| whole(row.requested_scalar(id)))
                }
            }),
        })
    }
}

fn part(model: &Model, resources: &Resources, amount: &Amount) -> f64 {
    match amount {
        Amount::Cpu => cores(resources.cpu_milli),
        Amount::Memory => whole(resources.memory_bytes),
        Amount::Ephemeral => whole(resources.ephemeral_bytes),
        Amount::Pods => whole(resources.pods),
        Amount::Scalar(name) => {
            let id = model.scalar_resources.iter().find(|(_, known)| *known == name);
            id.map_or(0.0, |(id, _)| whole(resources.scalar(id)))
        }
    }
}

fn cores(milli: i64) -> f64 {
    whole(milli) / 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "amounts lie far below 2^53")]
fn whole(amount: i64) -> f64 {
    amount as f64
}

fn text(text: &str) -> Value {
    Value::String(Arc::new(text.to_owned()))
}

fn symbol(model: &Model, symbol: Symbol) -> Value {
    text(model.symbols.resolve(symbol))
}

fn label(model: &Model, labels: &Labels, key: &str) -> Option<Symbol> {
    labels.get(model.symbols.get(key)?)
}

fn list(values: impl Iterator<Item = Value>) -> Value {
    Value::List(Arc::new(values.collect()))
}

fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let entry = |(key, value): (&str, Value)| (Key::String(Arc::new(key.to_owned())), value);
    Value::Map(Map { map: Arc::new(fields.into_iter().map(entry).collect()) })
}

fn told(model: &Model, toleration: &Toleration) -> Value {
    let operator = match toleration.operator {
        TolerationOperator::Exists => "Exists",
        TolerationOperator::Equal => "Equal",
    };
    object([
        ("key", toleration.key.map_or_else(|| text(""), |key| symbol(model, key))),
        ("operator", text(operator)),
        ("value", symbol(model, toleration.value)),
        ("effect", text(toleration.effect.map_or("", effect))),
    ])
}

fn effect(effect: TaintEffect) -> &'static str {
    match effect {
        TaintEffect::NoSchedule => "NoSchedule",
        TaintEffect::PreferNoSchedule => "PreferNoSchedule",
        TaintEffect::NoExecute => "NoExecute",
    }
}
