//! Names at the door: strings of manifests become symbols, labels and compiled selectors.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{NodeSelectorRequirement, NodeSelectorTerm as KubeTerm};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector as KubeSelector;

use crate::base::id::IdVec;
use crate::base::map::{Interner, Symbol};
use crate::base::quantity::Quantity;
use crate::model::{
    Image, ImageId, LabelSelector, Labels, Namespace, NamespaceId, NodeSelectorTerm, Operator,
    Requirement, ResourceId, Resources,
};

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
    pub(super) scalars: IdVec<ResourceId, String>,
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
        let tagged = name.rsplit('/').next().is_some_and(|last| last.contains([':', '@']));
        let name = if tagged { name.to_owned() } else { format!("{name}:latest") };
        if let Some((id, _)) = self.images.iter().find(|(_, image)| image.name == name) {
            return id;
        }
        self.images.push(Image { name, size_bytes: DEFAULT_IMAGE_BYTES })
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
        let mut out = Resources::default();
        for (name, quantity) in list.into_iter().flatten() {
            let Ok(quantity) = quantity.0.parse::<Quantity>() else { continue };
            let amount = quantity.value().min(AMOUNT_MAX);
            match name.as_str() {
                "cpu" => out.cpu_milli = quantity.milli_value().min(AMOUNT_MAX),
                "memory" => out.memory_bytes = amount,
                "ephemeral-storage" => out.ephemeral_bytes = amount,
                "pods" => out.pods = amount,
                other => {
                    let id = self.scalar(other);
                    out.set_scalar(id, amount);
                }
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
                (field.operator == "In", values.iter().map(|v| self.intern(v)).collect())
            })
            .collect();
        NodeSelectorTerm { expressions, names }
    }

    fn equals(&mut self, key: &str, value: &str) -> Requirement {
        let (key, value) = (self.intern(key), self.intern(value));
        Requirement { key, operator: Operator::In, values: vec![value] }
    }

    fn requirement(&mut self, key: &str, operator: &str, values: &[String]) -> Requirement {
        let bound = || values.first().filter(|_| values.len() == 1).and_then(|v| integer(v));
        let operator = match operator {
            "In" => Operator::In,
            "NotIn" => Operator::NotIn,
            "Exists" => Operator::Exists,
            "DoesNotExist" => Operator::DoesNotExist,
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

/// An integer as kube-scheduler accepts it: the text must be a valid label value, so it has no sign.
fn integer(text: &str) -> Option<i64> {
    if text.starts_with(['-', '+']) { None } else { text.parse().ok() }
}
