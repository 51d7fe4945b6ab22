//! Single parts of objects, compiled where no whole scenario is at hand.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Taint as KubeTaint, Toleration as KubeToleration};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector as KubeSelector;

use super::pods::{compile_taint, compile_toleration};
use super::symbols::Symbols;
use crate::model::{LabelSelector, Taint, Toleration};
use crate::scenario::selectors::Selector;

/// A compiler of parts: what it compiles belongs together.
#[derive(Debug, Default)]
pub struct Parts(Symbols);

impl Parts {
    /// Taints of a node; one of an unknown effect is left out.
    pub fn compile_taints(&mut self, taints: &[KubeTaint]) -> Vec<Taint> {
        taints.iter().filter_map(|taint| compile_taint(&mut self.0, taint)).collect()
    }

    /// Tolerations of a pod.
    pub fn compile_tolerations(&mut self, tolerations: &[KubeToleration]) -> Vec<Toleration> {
        let compiled = tolerations.iter().map(|one| compile_toleration(&mut self.0, one));
        compiled.collect()
    }

    /// Whether a selector in text form selects these labels.
    pub fn selects(&mut self, selector: &Selector, labels: &BTreeMap<String, String>) -> bool {
        let selector = self.0.text_selector(selector);
        self.matches(&selector, labels)
    }

    /// Whether an object's selector selects these labels; an absent one selects nothing.
    pub fn object_selects(
        &mut self,
        selector: Option<&KubeSelector>,
        labels: &BTreeMap<String, String>,
    ) -> bool {
        let selector = self.0.selector(selector);
        self.matches(&selector, labels)
    }

    fn matches(&mut self, selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
        let labels = self.0.labels(Some(labels));
        selector.matches(&labels, &self.0.interner)
    }
}
