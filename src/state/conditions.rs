//! Conditions of a node besides `Ready`.

use super::ConditionStatus;

/// A condition that turns into a `NoSchedule` taint while it is `True`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NodeCondition {
    /// `MemoryPressure`.
    MemoryPressure,
    /// `DiskPressure`.
    DiskPressure,
    /// `PIDPressure`.
    PidPressure,
    /// `NetworkUnavailable`; network plug-ins post it, not the kubelet.
    NetworkUnavailable,
}

impl NodeCondition {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::MemoryPressure, Self::DiskPressure, Self::PidPressure, Self::NetworkUnavailable];

    /// Kubernetes' word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MemoryPressure => "MemoryPressure",
            Self::DiskPressure => "DiskPressure",
            Self::PidPressure => "PIDPressure",
            Self::NetworkUnavailable => "NetworkUnavailable",
        }
    }

    /// The condition of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|condition| condition.name() == name)
    }
}

/// The statuses of these conditions; one that was never posted is `False`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeConditions([ConditionStatus; 4]);

impl Default for NodeConditions {
    fn default() -> Self {
        Self([ConditionStatus::False; 4])
    }
}

impl NodeConditions {
    /// The status of a condition.
    #[must_use]
    pub fn status(self, condition: NodeCondition) -> ConditionStatus {
        self.0[condition as usize]
    }

    /// The same with another status of one.
    #[must_use]
    pub fn with(mut self, condition: NodeCondition, status: ConditionStatus) -> Self {
        self.0[condition as usize] = status;
        self
    }

    /// The same, with what the kubelet posts `Unknown`.
    #[must_use]
    pub fn unknown(self) -> Self {
        let unknown = ConditionStatus::Unknown;
        Self([unknown, unknown, unknown, self.status(NodeCondition::NetworkUnavailable)])
    }
}
