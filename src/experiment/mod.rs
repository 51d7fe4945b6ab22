//! Comparing policies: what paired replications say, and how surely they say it.
//!
//! Policies of one comparison meet the same replications (the same arrivals, failures, run
//! times), so that a difference between two policies is judged on paired numbers: the luck that
//! both shared cancels out. This module holds the statistics of that judgement and turns
//! [`ReplicationRow`](crate::tables::ReplicationRow)s into
//! [`ComparisonRow`](crate::tables::ComparisonRow)s. It knows nothing of files, charts or
//! Kubernetes.
//!
//! Results do not depend on the platform: sums are compensated and run in a fixed order, and
//! every transcendental function comes from [`base::math`](crate::base::math) or the same pure Rust
//! `libm`.

pub mod bootstrap;
pub mod compare;
pub mod stats;
pub mod student;

pub use compare::{Better, CompareError, MetricSpec, Unpaired, Verdict, compare, unpaired};
