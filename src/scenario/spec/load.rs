//! What users ask of Services, and what becomes of nodes that are short of CPU.

use crate::base::quantity::Quantity;
use crate::base::time::SimDuration;
use crate::scenario::read::{Located, record};

record! {
    /// Work offered to a Service, shared evenly by its ready endpoints.
    pub struct Load {
        /// The Service, `namespace/name`.
        pub service: Located<String> = required "service",
        /// Requests a second.
        pub rate: Located<f64> = required "rate",
        /// Requests a second on Saturday and Sunday; the same when absent.
        pub weekend_rate: Option<Located<f64>> = optional "weekendRate",
        /// CPU time of one request: `10m` is ten milliseconds of one core.
        pub cpu_per_request: Located<Quantity> = required "cpuPerRequest",
    }
}

record! {
    /// Nodes crash when they are short of CPU for too long.
    pub struct Overload {
        /// Share of the node's CPU from which it is overloaded; all of it when absent.
        pub utilisation: Option<Located<f64>> = optional "utilisation",
        /// How long a node bears it.
        pub crashes_after: Located<SimDuration> = required "crashesAfter",
        /// How long it stays without power.
        pub lasts: Located<SimDuration> = required "for",
    }
}
