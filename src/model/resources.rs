//! Amounts of the things that pods request and nodes offer.

use crate::base::id::define_id;

define_id!(
    /// A scalar resource: an extended resource or a hugepage size.
    pub struct ResourceId
);

/// A vector of resource amounts. CPU in milli-cores, the rest in base units (bytes, devices).
///
/// Signed as in kube-scheduler: free amounts of an over-committed node are negative.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// CPU, milli-cores.
    pub cpu_milli: i64,
    /// Memory, bytes.
    pub memory_bytes: i64,
    /// Ephemeral storage, bytes.
    pub ephemeral_bytes: i64,
    /// Number of pods (allocatable of nodes; 0 in requests).
    pub pods: i64,
    /// Scalar resources, sorted by id, each at most once.
    pub scalars: Vec<(ResourceId, i64)>,
}

impl Resources {
    /// Amount of a scalar resource, 0 where absent.
    #[must_use]
    pub fn scalar(&self, id: ResourceId) -> i64 {
        match self.scalars.binary_search_by_key(&id, |entry| entry.0) {
            Ok(at) => self.scalars[at].1,
            Err(_) => 0,
        }
    }

    /// Sets a scalar resource.
    pub fn set_scalar(&mut self, id: ResourceId, amount: i64) {
        match self.scalars.binary_search_by_key(&id, |entry| entry.0) {
            Ok(at) => self.scalars[at].1 = amount,
            Err(at) => self.scalars.insert(at, (id, amount)),
        }
    }

    /// Adds `other`, `pods` excepted.
    pub fn add(&mut self, other: &Self) {
        self.cpu_milli += other.cpu_milli;
        self.memory_bytes += other.memory_bytes;
        self.ephemeral_bytes += other.ephemeral_bytes;
        for &(id, amount) in &other.scalars {
            self.set_scalar(id, self.scalar(id) + amount);
        }
    }

    /// Subtracts `other`, `pods` excepted.
    pub fn sub(&mut self, other: &Self) {
        self.cpu_milli -= other.cpu_milli;
        self.memory_bytes -= other.memory_bytes;
        self.ephemeral_bytes -= other.ephemeral_bytes;
        for &(id, amount) in &other.scalars {
            self.set_scalar(id, self.scalar(id) - amount);
        }
    }

    /// Per-resource maximum with `other`, `pods` excepted.
    pub fn max_with(&mut self, other: &Self) {
        self.cpu_milli = self.cpu_milli.max(other.cpu_milli);
        self.memory_bytes = self.memory_bytes.max(other.memory_bytes);
        self.ephemeral_bytes = self.ephemeral_bytes.max(other.ephemeral_bytes);
        for &(id, amount) in &other.scalars {
            self.set_scalar(id, self.scalar(id).max(amount));
        }
    }

    /// Whether nothing at all is requested (`pods` is not looked at).
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.cpu_milli == 0
            && self.memory_bytes == 0
            && self.ephemeral_bytes == 0
            && self.scalars.iter().all(|&(_, amount)| amount == 0)
    }
}
