//! What a container's application does by itself: start, stop and fail.
//!
//! Manifests cannot say it, so scenarios do (`behaviour:`), per label selector and container.

use crate::base::time::{SimDuration, SimTime};
use crate::rng::Distribution;

/// How an application misbehaves. What each probe kind sees of it is the table in `kubelet`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FailureMode {
    /// The process exits.
    Crash {
        /// Its exit code.
        exit_code: i32,
    },
    /// The event loop is stuck: connections are accepted, nothing is answered.
    Hang,
    /// Work is stuck, but the thread that answers health checks is alive.
    Deadlock,
    /// Every answer takes this long.
    Slow {
        /// Response time.
        latency: SimDuration,
    },
    /// A share of requests fails, those of probes included.
    ErrorRate {
        /// Probability in (0, 1] that one request fails.
        rate: f64,
    },
    /// The listener is closed: connections are refused.
    Refuse,
    /// A dependency that the health endpoint checks is gone.
    DependencyLost,
    /// Memory grows until the limit kills the container.
    Leak {
        /// Time from onset to the OOM kill.
        to_oom: SimDuration,
        /// Growth, bytes a minute.
        per_minute: i64,
    },
    /// What is written to disk grows, until the container ends or the failure does.
    DiskFill {
        /// Growth, bytes a minute.
        per_minute: i64,
    },
    /// CPU is short: everything takes `factor` times as long.
    Starve {
        /// Slow-down, greater than 1.
        factor: f64,
    },
}

impl FailureMode {
    /// The word scenarios and tables use.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Crash { .. } => "crash",
            Self::Hang => "hang",
            Self::Deadlock => "deadlock",
            Self::Slow { .. } => "slow",
            Self::ErrorRate { .. } => "errorRate",
            Self::Refuse => "refuse",
            Self::DependencyLost => "dependencyLost",
            Self::Leak { .. } => "leak",
            Self::DiskFill { .. } => "diskFill",
            Self::Starve { .. } => "starve",
        }
    }
}

/// When a failure begins.
#[derive(Clone, Debug, PartialEq)]
pub enum Onset {
    /// At this instant of the run, in every container concerned.
    At(SimTime),
    /// Again and again, this time in service (seconds) after the container last became healthy.
    Every(Distribution),
}

/// How a failure ends.
#[derive(Clone, Debug, PartialEq)]
pub enum Recovers {
    /// Only a restart of the container ends it.
    OnRestart,
    /// Nothing ends it: a restarted container fails again at once after its start-up.
    Never,
    /// By itself after this time (seconds), or by a restart.
    After(Distribution),
}

/// One way in which the application fails.
#[derive(Clone, Debug, PartialEq)]
pub struct FailureProcess {
    /// What goes wrong.
    pub mode: FailureMode,
    /// When.
    pub onset: Onset,
    /// For how long.
    pub recovers: Recovers,
}

/// Everything an application does by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct AppBehaviour {
    /// From container start until it can serve, seconds.
    pub startup_s: Distribution,
    /// From SIGTERM until the process exits, seconds.
    pub shutdown_s: Distribution,
    /// Response time when healthy.
    pub latency: SimDuration,
    /// Memory in use while all is well, bytes.
    pub memory_bytes: i64,
    /// Ephemeral storage in use while all is well, bytes.
    pub ephemeral_bytes: i64,
    /// The health endpoint checks dependencies (so `dependencyLost` fails it).
    pub checks_dependencies: bool,
    /// How long a postStart hook takes, where the scenario says so.
    pub post_start: Option<SimDuration>,
    /// Share of the postStart hook's runs that fail, 0 to 1.
    pub post_start_fails: f64,
    /// Failures.
    pub failures: Vec<FailureProcess>,
}
