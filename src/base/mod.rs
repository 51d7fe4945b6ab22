//! The ground layer: simulated time, quantities, dense ids, look-up maps, deterministic arithmetic.
//!
//! Nothing here knows of clusters, events or files; every other module may use it, and it uses
//! none of them.

pub mod diag;
pub mod id;
pub mod map;
pub mod math;
pub mod quantity;
pub mod release;
pub mod time;
