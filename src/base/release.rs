//! The release of Kubernetes that a component behaves like, where releases differ.
//!
//! Each difference is listed in `docs/fidelity.md`; this module knows none of them.

/// A minor release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Release {
    /// The release that the recordings of most controllers were made with.
    V1_29,
    /// The release that a simulation follows.
    #[default]
    V1_34,
}
