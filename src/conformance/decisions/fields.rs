//! The fields that are compared, each brought to a form in which equal means the same.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// What kind of case it is, as far as its fields depend on it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shape {
    pub(super) sampling: bool,
}

/// How a field is read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// As it is.
    Plain,
    /// A list whose order means something; absent and empty are the same.
    List,
    /// A list whose order means nothing; absent and empty are the same.
    Set,
    /// A list of nodes that may be empty.
    NodesIfAny,
    /// One status: plugin, code, reasons as a set.
    Status,
    /// Groups of statuses: what is said of each node.
    PerNode,
    /// Candidates, by node.
    Candidates,
    /// Feasible nodes: a set, but an order of finding in cases on sampling.
    Found,
    /// Parallel to the feasible nodes.
    Parallel,
}

/// The fields of a decision but for `scores`, of which every plugin is a field.
pub(super) const DECISION: &[(&str, Form)] = &[
    ("i", Form::Plain),
    ("pod", Form::Plain),
    ("outcome", Form::Plain),
    ("node", Form::Plain),
    ("gate", Form::Status),
    ("preFilter", Form::Status),
    ("preFilterNodes", Form::NodesIfAny),
    ("filter", Form::PerNode),
    ("feasible", Form::Found),
    ("skipScore", Form::Set),
    ("total", Form::Parallel),
    ("top", Form::Set),
    ("volumeBindings", Form::Set),
    ("startIndex", Form::Plain),
    ("nextIndex", Form::Plain),
    ("evaluated", Form::Plain),
];

/// The fields of `preemption`.
pub(super) const PREEMPTION: &[(&str, Form)] = &[
    ("status", Form::Plain),
    ("potentialNodes", Form::Set),
    ("candidates", Form::Candidates),
    ("dryRunFailures", Form::PerNode),
    ("best", Form::Set),
    ("nominated", Form::Plain),
    ("victims", Form::List),
    ("retryFits", Form::Plain),
    ("retryFailure", Form::Status),
];

/// Fields that are told and not compared.
const TOLD_ONLY: &[&str] = &["skipFilter", "scores", "preemption"];
const TOLD_ONLY_OF_PREEMPTION: &[&str] = &["message"];
pub(super) const OF_CASE: &[&str] = &["weights", "plugins", "nodeOrder"];

/// Extension points whose plugins the recordings list.
pub(super) const POINTS: &[&str] = &[
    "preEnqueue",
    "queueSort",
    "preFilter",
    "filter",
    "postFilter",
    "preScore",
    "score",
    "reserve",
    "preBind",
];

/// A field: name, ours, theirs.
pub(super) type Compared = (String, Value, Value);

/// The fields of a case as a whole.
pub(super) fn of_case(ours: &Map<String, Value>, theirs: &Value) -> Vec<Compared> {
    let own = Value::Object(ours.clone());
    let mut out = vec![
        ("weights".to_owned(), by_key(&own["weights"]), by_key(&theirs["weights"])),
        ("nodeOrder".to_owned(), own["nodeOrder"].clone(), theirs["nodeOrder"].clone()),
    ];
    let points = theirs["plugins"].as_object().into_iter().flatten().map(|(point, _)| point);
    let mut all: Vec<&str> = POINTS.to_vec();
    all.extend(points.map(String::as_str).filter(|point| !POINTS.contains(point)));
    for point in all {
        let of = |side: &Value| list(&side["plugins"][point]);
        out.push((format!("plugins.{point}"), of(&own), of(theirs)));
    }
    let known = |name: &str| OF_CASE.contains(&name) || name == "decisions";
    unknown("", theirs, known, &mut out);
    out
}

/// The fields of one decision.
pub(super) fn of_decision(ours: &Value, theirs: &Value, shape: Shape) -> Vec<Compared> {
    let (own, other) = (Side::new(ours, shape), Side::new(theirs, shape));
    let mut out: Vec<Compared> = DECISION
        .iter()
        .map(|(name, form)| ((*name).to_owned(), own.read(name, *form), other.read(name, *form)))
        .collect();
    let plugins = [ours, theirs].map(|side| side["scores"].as_object());
    let mut names: Vec<&String> = plugins.into_iter().flatten().flat_map(Map::keys).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        out.push((format!("scores.{name}"), own.scores(name), other.scores(name)));
    }
    let (own, other) =
        (Side { of: &ours["preemption"], ..own }, Side { of: &theirs["preemption"], ..other });
    for (name, form) in PREEMPTION {
        out.push((format!("preemption.{name}"), own.read(name, *form), other.read(name, *form)));
    }
    let known = |list: &[(&str, Form)], name: &str| list.iter().any(|(known, _)| *known == name);
    unknown("", theirs, |name| known(DECISION, name) || TOLD_ONLY.contains(&name), &mut out);
    let told_only = |name: &str| TOLD_ONLY_OF_PREEMPTION.contains(&name);
    let of_preemption = |name: &str| known(PREEMPTION, name) || told_only(name);
    unknown("preemption.", other.of, of_preemption, &mut out);
    out
}

/// Recorded fields that nobody here knows differ.
fn unknown(prefix: &str, theirs: &Value, known: impl Fn(&str) -> bool, out: &mut Vec<Compared>) {
    for (name, value) in theirs.as_object().into_iter().flatten() {
        if !known(name) {
            out.push((format!("{prefix}{name}"), Value::Null, value.clone()));
        }
    }
}

/// One of the two decisions.
#[derive(Clone, Copy)]
struct Side<'a> {
    of: &'a Value,
    feasible: &'a Value,
    /// The order of the feasible nodes means something.
    ordered: bool,
}

impl<'a> Side<'a> {
    fn new(of: &'a Value, shape: Shape) -> Self {
        // With nodes restricted by PreFilter the order of finding is not recorded.
        let ordered = shape.sampling && of["preFilterNodes"].is_null();
        Self { of, feasible: &of["feasible"], ordered }
    }

    fn read(self, name: &str, form: Form) -> Value {
        let value = &self.of[name];
        match form {
            Form::Plain => value.clone(),
            Form::List => list(value),
            Form::Set => set(value),
            Form::NodesIfAny => {
                if value.is_null() {
                    Value::Null
                } else {
                    sorted(value).into()
                }
            }
            Form::Status => status(value),
            Form::PerNode => per_node(value),
            Form::Candidates => by_node(value),
            Form::Found => {
                if self.ordered {
                    list(value)
                } else {
                    set(value)
                }
            }
            Form::Parallel => self.parallel(value),
        }
    }

    /// The scores of a plugin: a single number stands for all feasible nodes.
    fn scores(self, plugin: &str) -> Value {
        let value = &self.of["scores"][plugin];
        if !value.is_number() {
            return self.parallel(value);
        }
        let nodes = self.feasible.as_array().map_or(0, Vec::len);
        self.parallel(&vec![value.clone(); nodes].into())
    }

    /// A value per feasible node, in the order of the nodes unless that of finding counts.
    fn parallel(self, value: &Value) -> Value {
        let (Some(values), Some(nodes)) = (value.as_array(), self.feasible.as_array()) else {
            return value.clone();
        };
        if self.ordered || values.len() != nodes.len() {
            return value.clone();
        }
        let of_node: BTreeMap<Option<u64>, &Value> =
            nodes.iter().map(Value::as_u64).zip(values).collect();
        of_node.into_values().cloned().collect()
    }
}

fn list(value: &Value) -> Value {
    if value.as_array().is_some_and(Vec::is_empty) { Value::Null } else { value.clone() }
}

fn sorted(value: &Value) -> Vec<Value> {
    let mut items: Vec<(Option<u64>, String, Value)> = value
        .as_array()
        .into_iter()
        .flatten()
        .map(|item| (item.as_u64(), canonical(item).to_string(), canonical(item)))
        .collect();
    items.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    items.into_iter().map(|(_, _, item)| item).collect()
}

fn set(value: &Value) -> Value {
    let items = sorted(value);
    if items.is_empty() { Value::Null } else { items.into() }
}

/// An object with its keys in order, so that it compares as text.
fn by_key(value: &Value) -> Value {
    let Some(fields) = value.as_object() else { return value.clone() };
    let fields: BTreeMap<&String, Value> = fields.iter().map(|(k, v)| (k, canonical(v))).collect();
    fields.into_iter().map(|(key, value)| (key.clone(), value)).collect::<Map<_, _>>().into()
}

/// False and empty fields of an object are left out, as the recordings leave them out.
fn canonical(value: &Value) -> Value {
    let Value::Object(fields) = by_key_shallow(value) else { return value.clone() };
    let fields = fields.into_iter().filter(|(_, value)| {
        *value != Value::Bool(false) && !value.is_null() && *value != Value::Array(Vec::new())
    });
    Value::Object(fields.collect())
}

fn by_key_shallow(value: &Value) -> Value {
    let Some(fields) = value.as_object() else { return value.clone() };
    let fields: BTreeMap<&String, &Value> = fields.iter().collect();
    let fields = fields.into_iter().map(|(key, value)| (key.clone(), value.clone()));
    Value::Object(fields.collect())
}

/// Plugin, code and reasons; the order of reasons means nothing.
fn status(value: &Value) -> Value {
    if value.is_null() {
        return Value::Null;
    }
    let reasons = sorted(&value["reasons"]);
    let text = |key: &str| value[key].as_str().unwrap_or_default();
    serde_json::json!({"plugin": text("plugin"), "code": text("code"), "reasons": reasons})
}

/// What is said of each node.
fn per_node(groups: &Value) -> Value {
    let mut nodes: BTreeMap<Option<u64>, Value> = BTreeMap::new();
    for group in groups.as_array().into_iter().flatten() {
        let said = status(group);
        for node in group["nodes"].as_array().into_iter().flatten() {
            nodes.insert(node.as_u64(), said.clone());
        }
    }
    if nodes.is_empty() {
        return Value::Null;
    }
    let text = |node: Option<u64>| node.map_or_else(|| "?".to_owned(), |node| node.to_string());
    let fields = nodes.into_iter().map(|(node, said)| (text(node), said));
    Value::Object(fields.collect())
}

/// Candidates in the order of their nodes, each with its victims in order.
fn by_node(candidates: &Value) -> Value {
    let mut list: Vec<Value> =
        candidates.as_array().into_iter().flatten().map(by_key_shallow).collect();
    list.sort_by_key(|candidate| candidate["node"].as_u64());
    if list.is_empty() { Value::Null } else { list.into() }
}
