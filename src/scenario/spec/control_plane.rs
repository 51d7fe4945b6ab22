//! Timing of the control plane as a scenario sets it.

use super::RandomDuration;
use crate::base::time::SimDuration;
use crate::scenario::read::{Located, record};

record! {
    /// Latencies and replicas of the control plane; what is absent has a documented default.
    pub struct ControlPlane {
        /// Latency of one API request.
        pub api_latency: Option<RandomDuration> = optional "apiLatency",
        /// Delay until a change reaches a watcher.
        pub watch_latency: Option<RandomDuration> = optional "watchLatency",
        /// The scheduler.
        pub scheduler: Option<SchedulerTiming> = optional "scheduler",
        /// The controller manager.
        pub controller_manager: Option<ControllerManagerTiming> = optional "controllerManager",
    }
}

record! {
    /// Timing of the scheduler.
    pub struct SchedulerTiming {
        /// Simulated time of one scheduling decision.
        pub cycle_time: Option<RandomDuration> = optional "cycleTime",
        /// Simulated time of one binding cycle beyond its API requests.
        pub binding_time: Option<RandomDuration> = optional "bindingTime",
        /// Replicas, of which one leads.
        pub replicas: Option<Located<u32>> = optional "replicas",
        /// How long a lease lasts after its holder died.
        pub lease_duration: Option<Located<SimDuration>> = optional "leaseDuration",
        /// How often a candidate looks at the lease.
        pub retry_period: Option<Located<SimDuration>> = optional "retryPeriod",
        /// Time from the start of the process until it takes part.
        pub startup: Option<RandomDuration> = optional "startup",
    }
}

record! {
    /// Timing of the controller manager.
    pub struct ControllerManagerTiming {
        /// Replicas, of which one leads.
        pub replicas: Option<Located<u32>> = optional "replicas",
        /// Simulated time of one reconciliation beyond its API requests.
        pub sync_time: Option<RandomDuration> = optional "syncTime",
        /// How long a lease lasts after its holder died.
        pub lease_duration: Option<Located<SimDuration>> = optional "leaseDuration",
        /// How often a candidate looks at the lease.
        pub retry_period: Option<Located<SimDuration>> = optional "retryPeriod",
        /// Time from the start of the process until it takes part.
        pub startup: Option<RandomDuration> = optional "startup",
    }
}
