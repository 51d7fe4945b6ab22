//! What the containers of a node use of its memory, its disk and its process ids: a sum that changes when containers
//! start and end, and grows by a constant rate while something leaks or fills the disk. So the
//! instant at which an amount is exceeded can be calculated.

use crate::base::time::SimTime;
use crate::model::{AppBehaviour, Capacity, FailureMode, PodId};

/// Nanoseconds in a minute.
const MINUTE_NS: i128 = 60_000_000_000;

/// What may run short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Resource {
    /// Memory.
    Memory,
    /// Ephemeral storage, on the one disk of the node.
    Disk,
    /// Process ids.
    Pids,
}

impl Resource {
    /// All of them, in the order of the positions in lists.
    pub(crate) const ALL: [Self; 3] = [Self::Memory, Self::Disk, Self::Pids];

    /// How much a node has of it.
    pub(crate) fn of(self, capacity: Capacity) -> i64 {
        match self {
            Self::Memory => capacity.memory_bytes,
            Self::Disk => capacity.ephemeral_bytes,
            Self::Pids => capacity.pids,
        }
    }

    /// How much an application uses of it while all is well.
    pub(crate) fn used_by(self, app: &AppBehaviour) -> i64 {
        match self {
            Self::Memory => app.memory_bytes,
            Self::Disk => app.ephemeral_bytes,
            Self::Pids => app.processes,
        }
    }

    /// What a failure lets grow, and by how much a minute.
    pub(crate) fn grown_by(mode: &FailureMode) -> Option<(Self, i64)> {
        match *mode {
            FailureMode::Leak { per_minute, .. } => Some((Self::Memory, per_minute)),
            FailureMode::DiskFill { per_minute } => Some((Self::Disk, per_minute)),
            FailureMode::ProcessLeak { per_minute } => Some((Self::Pids, per_minute)),
            FailureMode::Crash { .. }
            | FailureMode::Hang
            | FailureMode::Deadlock
            | FailureMode::Slow { .. }
            | FailureMode::ErrorRate { .. }
            | FailureMode::Refuse
            | FailureMode::DependencyLost
            | FailureMode::Custom(_)
            | FailureMode::Starve { .. } => None,
        }
    }
}

/// A container that uses more and more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Growth {
    /// The pod.
    pub(crate) pod: PodId,
    /// Position of the container.
    pub(crate) container: u8,
    /// Of what.
    pub(crate) resource: Resource,
    /// Since when.
    pub(crate) since: SimTime,
    /// Bytes or processes a minute.
    pub(crate) per_minute: i64,
}

impl Growth {
    /// What has been added by `now`, times nanoseconds a minute.
    fn amount(&self, now: SimTime) -> i128 {
        let elapsed = now.as_nanos().saturating_sub(self.since.as_nanos());
        i128::from(self.per_minute) * i128::from(elapsed)
    }
}

/// What the containers of a node use.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    /// Without what has grown, by resource.
    pub(crate) base: [i64; 3],
    /// What grows.
    pub(crate) growing: Vec<Growth>,
}

impl Usage {
    /// How much is in use.
    pub(crate) fn at(&self, resource: Resource, now: SimTime) -> i64 {
        let grown: i128 = self.of(resource).map(|growth| growth.amount(now)).sum();
        let grown = i64::try_from(grown / MINUTE_NS).unwrap_or(i64::MAX);
        self.base[resource as usize].saturating_add(grown)
    }

    /// What one container uses beyond what it uses while all is well.
    pub(crate) fn grown(
        &self,
        resource: Resource,
        (pod, container): (PodId, u8),
        now: SimTime,
    ) -> i64 {
        let own = self.of(resource).filter(|g| (g.pod, g.container) == (pod, container));
        let grown: i128 = own.map(|growth| growth.amount(now)).sum();
        i64::try_from(grown / MINUTE_NS).unwrap_or(i64::MAX)
    }

    /// The first instant, `from` at the earliest, at which more than `amount` is in use if nothing
    /// else changes.
    pub(crate) fn exceeds(
        &self,
        resource: Resource,
        amount: i64,
        from: SimTime,
    ) -> Option<SimTime> {
        if self.at(resource, from) > amount {
            return Some(from);
        }
        let rate: i128 = self.of(resource).map(|g| i128::from(g.per_minute)).sum();
        if rate <= 0 {
            return None;
        }
        let missing = i128::from(amount) + 1 - i128::from(self.base[resource as usize]);
        let begun: i128 = self
            .of(resource)
            .map(|g| i128::from(g.per_minute) * i128::from(g.since.as_nanos()))
            .sum();
        let needed = missing * MINUTE_NS + begun;
        let at = needed / rate + i128::from(needed % rate > 0);
        u64::try_from(at).ok().map(|at| SimTime::from_nanos(at).max(from))
    }

    fn of(&self, resource: Resource) -> impl Iterator<Item = &Growth> {
        self.growing.iter().filter(move |growth| growth.resource == resource)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_instant_at_which_an_amount_is_exceeded_is_the_first_one() {
        let growth = |since, per_minute| Growth {
            pod: PodId::from_index(0),
            container: 0,
            resource: Resource::Memory,
            since: SimTime::from_secs(since),
            per_minute,
        };
        let mut usage = Usage { base: [100, 0, 0], growing: vec![growth(10, 60), growth(40, 7)] };
        let now = SimTime::from_secs(40);
        assert_eq!(usage.at(Resource::Memory, now), 130);
        for bytes in [130, 131, 150, 1000, 123_456] {
            let at = usage.exceeds(Resource::Memory, bytes, now).expect("it grows");
            let before = SimTime::from_nanos(at.as_nanos() - 1);
            assert!(usage.at(Resource::Memory, at) > bytes, "{bytes}");
            assert!(usage.at(Resource::Memory, before) <= bytes, "{bytes}");
        }
        assert_eq!(usage.exceeds(Resource::Memory, 129, now), Some(now));
        assert_eq!(usage.exceeds(Resource::Disk, 0, now), None);
        usage.growing.clear();
        assert_eq!(usage.exceeds(Resource::Memory, 100, now), None);
        assert_eq!(usage.exceeds(Resource::Memory, 99, now), Some(now));
    }
}
