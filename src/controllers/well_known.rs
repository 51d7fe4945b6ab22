//! Symbols of the taint and label keys that the node controllers set and read.

use crate::base::map::Symbol;
use crate::model::{Model, Taint, TaintEffect};
use crate::state::NodeCondition;

/// Well-known node taint keys, resolved once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WellKnown {
    not_ready: Symbol,
    unreachable: Symbol,
    unschedulable: Symbol,
    /// In the order of [`NodeCondition::ALL`].
    conditions: [Symbol; 4],
    empty: Symbol,
}

impl WellKnown {
    /// Looks the keys up.
    ///
    /// # Panics
    /// If the model was made without interning them.
    pub(crate) fn new(model: &Model) -> Self {
        let of = |key| model.symbols.get(key).expect("lowering interns the well-known taint keys");
        Self {
            not_ready: of("node.kubernetes.io/not-ready"),
            unreachable: of("node.kubernetes.io/unreachable"),
            unschedulable: of("node.kubernetes.io/unschedulable"),
            conditions: [
                "node.kubernetes.io/memory-pressure",
                "node.kubernetes.io/disk-pressure",
                "node.kubernetes.io/pid-pressure",
                "node.kubernetes.io/network-unavailable",
            ]
            .map(of),
            empty: of(""),
        }
    }

    fn taint(&self, key: Symbol, effect: TaintEffect) -> Taint {
        Taint { key, value: self.empty, effect }
    }

    /// `node.kubernetes.io/not-ready`.
    pub(crate) fn not_ready(&self, effect: TaintEffect) -> Taint {
        self.taint(self.not_ready, effect)
    }

    /// `node.kubernetes.io/unreachable`.
    pub(crate) fn unreachable(&self, effect: TaintEffect) -> Taint {
        self.taint(self.unreachable, effect)
    }

    /// `node.kubernetes.io/unschedulable:NoSchedule`.
    pub(crate) fn unschedulable(&self) -> Taint {
        self.taint(self.unschedulable, TaintEffect::NoSchedule)
    }

    /// Whether the node lifecycle controller owns `NoSchedule` taints of this key.
    pub(crate) fn follows_condition(&self, key: Symbol) -> bool {
        [self.not_ready, self.unreachable, self.unschedulable].contains(&key)
            || self.conditions.contains(&key)
    }

    /// The `NoSchedule` taint that a condition turns into.
    pub(crate) fn of_condition(&self, condition: NodeCondition) -> Taint {
        self.taint(self.conditions[condition as usize], TaintEffect::NoSchedule)
    }
}

/// Whether `taints` hold one with the key and effect of `taint`; values do not matter.
pub(crate) fn has_taint(taints: &[Taint], taint: &Taint) -> bool {
    taints.iter().any(|other| other.key == taint.key && other.effect == taint.effect)
}
