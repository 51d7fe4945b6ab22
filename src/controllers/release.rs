//! The release of Kubernetes whose controller is meant, where releases behave differently.
//!
//! A simulation runs the newest one; recordings name the one that made them.

/// A release of Kubernetes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Release {
    /// 1.29.
    V1_29,
    /// 1.34.
    #[default]
    V1_34,
}
