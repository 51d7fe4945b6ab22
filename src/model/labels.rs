//! Labels and the selectors over them, compiled to symbols.

use crate::base::map::{Interner, Symbol};

/// A set of labels: sorted by key symbol, each key once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(Vec<(Symbol, Symbol)>);

impl Labels {
    /// Builds a label set; a later value of a key replaces an earlier one.
    #[must_use]
    pub fn from_pairs(pairs: impl IntoIterator<Item = (Symbol, Symbol)>) -> Self {
        let mut labels = Self::default();
        for (key, value) in pairs {
            labels.set(key, value);
        }
        labels
    }

    /// Sets one label.
    pub fn set(&mut self, key: Symbol, value: Symbol) {
        match self.0.binary_search_by_key(&key, |pair| pair.0) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => self.0.insert(at, (key, value)),
        }
    }

    /// Removes one label.
    pub fn unset(&mut self, key: Symbol) {
        self.0.retain(|pair| pair.0 != key);
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: Symbol) -> Option<Symbol> {
        self.0.binary_search_by_key(&key, |pair| pair.0).ok().map(|at| self.0[at].1)
    }

    /// All pairs, by key symbol.
    pub fn iter(&self) -> impl Iterator<Item = (Symbol, Symbol)> + '_ {
        self.0.iter().copied()
    }

    /// Whether there are no labels.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Operator of one requirement. `Gt` and `Lt` occur in node selectors only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operator {
    /// The value is one of the list.
    In,
    /// The key is absent or the value is none of the list.
    NotIn,
    /// The key is present.
    Exists,
    /// The key is absent.
    DoesNotExist,
    /// The label parses as an integer greater than this one.
    Gt(i64),
    /// The label parses as an integer less than this one.
    Lt(i64),
    /// The requirement does not parse in kube-scheduler (for example `Gt` with `"x"`): the term
    /// that holds it matches nothing.
    Invalid,
}

/// One requirement on one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// Label key.
    pub key: Symbol,
    /// How it is compared.
    pub operator: Operator,
    /// Values of `In` and `NotIn`, sorted.
    pub values: Vec<Symbol>,
}

impl Requirement {
    /// Whether `labels` satisfy the requirement.
    #[must_use]
    pub fn matches(&self, labels: &Labels, symbols: &Interner) -> bool {
        let value = labels.get(self.key);
        match self.operator {
            Operator::In => value.is_some_and(|v| self.values.binary_search(&v).is_ok()),
            Operator::NotIn => value.is_none_or(|v| self.values.binary_search(&v).is_err()),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::Gt(bound) => integer(value, symbols).is_some_and(|v| v > bound),
            Operator::Lt(bound) => integer(value, symbols).is_some_and(|v| v < bound),
            Operator::Invalid => false,
        }
    }
}

fn integer(value: Option<Symbol>, symbols: &Interner) -> Option<i64> {
    symbols.resolve(value?).parse().ok()
}

/// A `metav1.LabelSelector`: all requirements must hold.
///
/// An absent selector (`nothing`) matches nothing; an empty one matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector {
    /// The selector was absent: it matches nothing.
    pub nothing: bool,
    /// Requirements, all of which must hold.
    pub requirements: Vec<Requirement>,
}

impl LabelSelector {
    /// The selector that matches nothing.
    #[must_use]
    pub fn none() -> Self {
        Self { nothing: true, requirements: Vec::new() }
    }

    /// Whether `labels` are selected.
    #[must_use]
    pub fn matches(&self, labels: &Labels, symbols: &Interner) -> bool {
        !self.nothing && self.requirements.iter().all(|r| r.matches(labels, symbols))
    }

    /// Whether the selector is present and has no requirement.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.nothing && self.requirements.is_empty()
    }
}
