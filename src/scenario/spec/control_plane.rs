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
        /// Time that a new leader needs to list everything.
        pub relist: Option<RandomDuration> = optional "relist",
        /// kube-apiserver.
        pub api_server: Option<ApiServer> = optional "apiServer",
        /// etcd.
        pub etcd: Option<Etcd> = optional "etcd",
        /// The scheduler.
        pub scheduler: Option<SchedulerTiming> = optional "scheduler",
        /// The controller manager.
        pub controller_manager: Option<ControllerManagerTiming> = optional "controllerManager",
    }
}

record! {
    /// Timing of the scheduler.
    pub struct SchedulerTiming {
        /// Simulated time of one scheduling decision, whatever the number of nodes.
        pub cycle_time: Option<Located<SimDuration>> = optional "cycleTime",
        /// Replicas, of which one leads.
        pub replicas: Option<Located<u32>> = optional "replicas",
        /// How long a lease lasts after its holder died.
        pub lease_duration: Option<Located<SimDuration>> = optional "leaseDuration",
        /// For how long a leader tries to renew its lease before it exits.
        pub renew_deadline: Option<Located<SimDuration>> = optional "renewDeadline",
        /// How often a candidate looks at the lease.
        pub retry_period: Option<Located<SimDuration>> = optional "retryPeriod",
    }
}

record! {
    /// Timing of the controller manager.
    pub struct ControllerManagerTiming {
        /// Replicas, of which one leads.
        pub replicas: Option<Located<u32>> = optional "replicas",
        /// How long a lease lasts after its holder died.
        pub lease_duration: Option<Located<SimDuration>> = optional "leaseDuration",
        /// For how long a leader tries to renew its lease before it exits.
        pub renew_deadline: Option<Located<SimDuration>> = optional "renewDeadline",
        /// How often a candidate looks at the lease.
        pub retry_period: Option<Located<SimDuration>> = optional "retryPeriod",
    }
}

record! {
    /// kube-apiserver.
    pub struct ApiServer {
        /// Instances.
        pub replicas: Option<Located<u32>> = optional "replicas",
        /// Requests that one instance serves in a second; without bound when absent.
        pub requests_per_second: Option<Located<u32>> = optional "requestsPerSecond",
    }
}

record! {
    /// etcd.
    pub struct Etcd {
        /// Members.
        pub members: Option<Located<u32>> = optional "members",
        /// Silence of the leader after which members elect another.
        pub election_timeout: Option<Located<SimDuration>> = optional "electionTimeout",
    }
}
