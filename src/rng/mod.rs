//! Addressed randomness: streams named by kind and entity, and distributions to draw from.
//!
//! A draw depends on the master seed, the replication, the kind of the stream, the entity it
//! belongs to and its position, and on nothing else: not on what was drawn before, elsewhere or
//! by whom. So policies that are compared meet the same storm. This module does not know what
//! the entities are.

mod distribution;
mod empirical;
mod kind;
mod normal;
mod stream;

pub use distribution::{Distribution, DistributionError};
pub use empirical::Empirical;
pub use kind::{Origin, StreamKind};
pub use normal::normal_quantile;
pub use stream::{Stream, Streams};
