//! Names at the door: strings of manifests become symbols, labels and compiled selectors.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{NodeSelectorRequirement, NodeSelectorTerm as KubeTerm};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector as KubeSelector;

use crate::base::id::IdVec;
use crate::base::map::{Interner, LookupMap, Symbol};
use crate::base::quantity::Quantity;
use crate::model::{
    Image, ImageId, LabelSelector, Labels, Namespace, NamespaceId, NodeSelectorTerm, Operator,
    Requirement, ResourceId, Resources,
};
use crate::scenario::manifest::{is_label_key, is_label_value};
use crate::scenario::selectors::{Comparison, Selector};

/// Larger amounts are cut to this, so that sums of them stay numbers; no node may have as much
/// (`manifest::check_node`), so what asks for it fits nowhere either way.
const AMOUNT_MAX: i64 = 1 << 52;

/// Label that every namespace carries.
const NAMESPACE_NAME_LABEL: &str = "kubernetes.io/metadata.name";
/// Size of an image whose size nobody stated, bytes.
const DEFAULT_IMAGE_BYTES: u64 = 200 * 1000 * 1000;

/// Everything that names are turned into while a model is built.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    pub(super) interner: Interner,
    pub(super) namespaces: IdVec<NamespaceId, Namespace>,
    pub(super) images: IdVec<ImageId, Image>,
    image_ids: LookupMap<String, ImageId>,
    pub(super) scalars: IdVec<ResourceId, String>,
    pub(super) storage: super::storage::Collected,
}

impl Symbols {
    pub(super) fn intern(&mut self, text: &str) -> Symbol {
        self.interner.intern(text)
    }

    pub(super) fn labels(&mut self, map: Option<&BTreeMap<String, String>>) -> Labels {
        let pairs: Vec<_> = map
            .into_iter()
            .flatten()
            .map(|(key, value)| (self.intern(key), self.intern(value)))
            .collect();
        Labels::from_pairs(pairs)
    }

    /// The namespace of a name, declared on first sight.
    pub(super) fn namespace(&mut self, name: &str) -> NamespaceId {
        let name = if name.is_empty() { "default" } else { name };
        if let Some((id, _)) = self.namespaces.iter().find(|(_, n)| n.name == name) {
            return id;
        }
        let labels = Labels::from_pairs([(self.intern(NAMESPACE_NAME_LABEL), self.intern(name))]);
        self.namespaces.push(Namespace { name: name.to_owned(), labels })
    }

    /// The image of a name, tag added where absent.
    pub(super) fn image(&mut self, name: &str) -> ImageId {
        let tagged = name.rsplit('/').next().is_some_and(|last| last.contains(':'));
        if tagged { self.image_named(name) } else { self.image_named(&format!("{name}:latest")) }
    }

    /// The image of a name as containers write it, if there is one.
    pub(super) fn known_image(&self, name: &str) -> Option<ImageId> {
        let tagged = name.rsplit('/').next().is_some_and(|last| last.contains(':'));
        if tagged {
            self.image_ids.get(name).copied()
        } else {
            self.image_ids.get(&format!("{name}:latest")).copied()
        }
    }

    /// The image of a name as it stands, as nodes tell them.
    pub(super) fn image_named(&mut self, name: &str) -> ImageId {
        if let Some(id) = self.image_ids.get(name) {
            return *id;
        }
        let image = Image { name: name.to_owned(), size_bytes: DEFAULT_IMAGE_BYTES };
        let id = self.images.push(image);
        self.image_ids.insert(name.to_owned(), id);
        id
    }

    fn scalar(&mut self, name: &str) -> ResourceId {
        if let Some((id, _)) = self.scalars.iter().find(|(_, known)| *known == name) {
            return id;
        }
        self.scalars.push(name.to_owned())
    }

    /// A resource list. Quantities were checked before; one that does not parse counts as zero.
    pub(super) fn resources(
        &mut self,
        list: Option<&BTreeMap<String, k8s_openapi::apimachinery::pkg::api::resource::Quantity>>,
    ) -> Resources {
        let parsed = list.into_iter().flatten();
        let parsed =
            parsed.filter_map(|(name, amount)| Some((name, amount.0.parse::<Quantity>().ok()?)));
        self.amounts(parsed)
    }

    /// Amounts under resource names. A name that is neither one of Kubernetes' own nor an extended
    /// resource does not exist for the scheduler.
    pub(super) fn amounts<'a>(
        &mut self,
        list: impl IntoIterator<Item = (&'a String, impl Borrow<Quantity>)>,
    ) -> Resources {
        let mut out = Resources::default();
        for (name, amount) in list {
            let quantity = *amount.borrow();
            let amount = quantity.value().min(AMOUNT_MAX);
            match name.as_str() {
                "cpu" => out.cpu_milli = quantity.milli_value().min(AMOUNT_MAX),
                "memory" => out.memory_bytes = amount,
                "ephemeral-storage" => out.ephemeral_bytes = amount,
                "pods" => out.pods = amount,
                other if is_scalar(other) => {
                    let id = self.scalar(other);
                    out.set_scalar(id, amount);
                }
                _ => {}
            }
        }
        out
    }

    /// A label selector; an absent one matches nothing.
    pub(super) fn selector(&mut self, selector: Option<&KubeSelector>) -> LabelSelector {
        let Some(selector) = selector else { return LabelSelector::none() };
        let mut requirements = Vec::new();
        for (key, value) in selector.match_labels.iter().flatten() {
            requirements.push(self.equals(key, value));
        }
        for expression in selector.match_expressions.iter().flatten() {
            let values = expression.values.as_deref().unwrap_or_default();
            requirements.push(self.requirement(&expression.key, &expression.operator, values));
        }
        LabelSelector { nothing: false, requirements }
    }

    /// A label selector that was written as a text.
    pub(super) fn text_selector(&mut self, selector: &Selector) -> LabelSelector {
        let requirements = selector.requirements.iter().map(|written| {
            let (key, values) = (&written.key, &written.values);
            let operator = match written.comparison {
                Comparison::Equals | Comparison::DoubleEquals | Comparison::In => "In",
                Comparison::NotEquals | Comparison::NotIn => "NotIn",
                Comparison::Exists => "Exists",
                Comparison::DoesNotExist => "DoesNotExist",
                Comparison::GreaterThan => "Gt",
                Comparison::LessThan => "Lt",
            };
            self.requirement(key, operator, values)
        });
        LabelSelector { nothing: false, requirements: requirements.collect() }
    }

    /// A plain map of labels as a selector; an absent or empty one matches nothing, as in Services.
    pub(super) fn map_selector(&mut self, map: Option<&BTreeMap<String, String>>) -> LabelSelector {
        let requirements: Vec<_> =
            map.into_iter().flatten().map(|(key, value)| self.equals(key, value)).collect();
        LabelSelector { nothing: requirements.is_empty(), requirements }
    }

    /// A term of node affinity.
    pub(super) fn node_term(&mut self, term: &KubeTerm) -> NodeSelectorTerm {
        let of = |this: &mut Self, r: &NodeSelectorRequirement| {
            this.requirement(&r.key, &r.operator, r.values.as_deref().unwrap_or_default())
        };
        let expressions = term
            .match_expressions
            .iter()
            .flatten()
            .map(|requirement| of(self, requirement))
            .collect();
        let names = term
            .match_fields
            .iter()
            .flatten()
            .map(|field| {
                let values = field.values.as_deref().unwrap_or_default();
                let known = field.key == "metadata.name"
                    && matches!(field.operator.as_str(), "In" | "NotIn");
                let values = if known { values } else { &[] };
                (field.operator == "In" && known, values.iter().map(|v| self.intern(v)).collect())
            })
            .collect();
        NodeSelectorTerm { expressions, names }
    }

    fn equals(&mut self, key: &str, value: &str) -> Requirement {
        let (key, value) = (self.intern(key), self.intern(value));
        Requirement { key, operator: Operator::In, values: vec![value] }
    }

    /// A requirement as kube-scheduler parses it: the number of values must be the operator's, and
    /// the key and every value those of a label. One that does not parse is [`Operator::Invalid`].
    fn requirement(&mut self, key: &str, operator: &str, values: &[String]) -> Requirement {
        let bound = || match values {
            [bound] => bound.parse().ok(),
            _ => None,
        };
        let operator = match operator {
            _ if !is_label_key(key) => Operator::Invalid,
            _ if !values.iter().all(|value| is_label_value(value)) => Operator::Invalid,
            "In" if !values.is_empty() => Operator::In,
            "NotIn" if !values.is_empty() => Operator::NotIn,
            "Exists" if values.is_empty() => Operator::Exists,
            "DoesNotExist" if values.is_empty() => Operator::DoesNotExist,
            "Gt" => bound().map_or(Operator::Invalid, Operator::Gt),
            "Lt" => bound().map_or(Operator::Invalid, Operator::Lt),
            _ => Operator::Invalid,
        };
        let key = self.intern(key);
        let mut values: Vec<Symbol> = values.iter().map(|value| self.intern(value)).collect();
        values.sort_unstable();
        values.dedup();
        Requirement { key, operator, values }
    }
}

/// Whether the scheduler takes a name for a scalar resource: hugepages, attachable volumes, and
/// everything with a domain before its name.
fn is_scalar(name: &str) -> bool {
    name.starts_with("hugepages-")
        || name.starts_with("attachable-volumes-")
        || (name.contains('/')
            && (name.contains("kubernetes.io/") || !name.starts_with("requests.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_are_parsed_as_kube_scheduler_does() {
        let mut symbols = Symbols::default();
        let mut operator = |key: &str, operator: &str, values: &[&str]| {
            let values: Vec<String> = values.iter().map(|&value| value.to_owned()).collect();
            symbols.requirement(key, operator, &values).operator
        };
        assert_eq!(operator("a.b/c", "In", &["x", ""]), Operator::In);
        assert_eq!(operator("c", "Gt", &["07"]), Operator::Gt(7));
        for (key, word, values) in [
            ("c", "Gt", &["-3"][..]),
            ("c", "Lt", &["1", "2"]),
            ("c", "In", &[]),
            ("c", "Exists", &["x"]),
            ("", "Exists", &[]),
            ("a b", "In", &["x"]),
            ("A_b/c", "DoesNotExist", &[]),
        ] {
            assert_eq!(operator(key, word, values), Operator::Invalid, "{key} {word} {values:?}");
        }
    }

    #[test]
    fn requirements_on_fields_take_one_name() {
        let term = serde_json::json!({"matchFields": [
            {"key": "metadata.name", "operator": "In", "values": ["a"]},
            {"key": "metadata.name", "operator": "NotIn", "values": ["b"]},
            {"key": "metadata.name", "operator": "Exists"},
            {"key": "metadata.uid", "operator": "In", "values": ["a"]},
        ]});
        let mut symbols = Symbols::default();
        let term = symbols.node_term(&serde_json::from_value(term).unwrap());
        let [a, b] = ["a", "b"].map(|name| symbols.intern(name));
        let none = (false, Vec::new());
        assert_eq!(term.names, [(true, vec![a]), (false, vec![b]), none.clone(), none]);
    }
}
