//! What a container's application does by itself: start, stop and fail.
//!
//! Manifests cannot say it, so scenarios do (`behaviour:`), per label selector and container.

use crate::base::time::{SimDuration, SimTime};
use crate::rng::Distribution;

/// What a probe sees of a way in which an application fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Nothing of it.
    Passes,
    /// It connects or asks, and gets no answer.
    NoAnswer,
    /// It is refused (exec: the command fails).
    Refused,
    /// It gets an error for an answer (exec: the command fails).
    Error,
    /// It fails if an answer takes longer than `timeoutSeconds`.
    IfLate,
    /// It fails as often as any request.
    AsOften,
    /// It fails if the health endpoint checks dependencies.
    IfChecked,
}

/// One row of the table of failure modes and probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sights {
    /// What an exec probe sees.
    pub exec: Sight,
    /// What an httpGet probe sees.
    pub http_get: Sight,
    /// What a tcpSocket probe sees.
    pub tcp_socket: Sight,
    /// What a grpc probe sees.
    pub grpc: Sight,
    /// The application can serve its users, well or badly.
    pub serves: bool,
    /// The process does not react to SIGTERM.
    pub ignores_sigterm: bool,
}

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
    /// More and more processes run, until the container ends or the failure does.
    ProcessLeak {
        /// Growth, processes a minute.
        per_minute: i64,
    },
    /// A way of the scenario's own: a row that it adds to the table.
    Custom(Sights),
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
            Self::ProcessLeak { .. } => "processLeak",
            Self::Custom(_) => "custom",
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

/// An application that has a certain work to do and then exits.
#[derive(Clone, Debug, PartialEq)]
pub struct Runs {
    /// From the start of the process until its exit, seconds.
    pub length_s: Distribution,
    /// Share of its runs that fail, 0 to 1.
    pub fails: f64,
    /// The exit code of those; the others exit with 0.
    pub exit_code: i32,
}

/// Everything an application does by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct AppBehaviour {
    /// From container start until it can serve, seconds.
    pub startup_s: Distribution,
    /// From SIGTERM until the process exits, seconds.
    pub shutdown_s: Distribution,
    /// The work after which the process exits; it runs for ever where there is none.
    pub runs: Option<Runs>,
    /// Response time when healthy.
    pub latency: SimDuration,
    /// Memory in use while all is well, bytes.
    pub memory_bytes: i64,
    /// Ephemeral storage in use while all is well, bytes.
    pub ephemeral_bytes: i64,
    /// Processes while all is well.
    pub processes: i64,
    /// The health endpoint checks dependencies (so `dependencyLost` fails it).
    pub checks_dependencies: bool,
    /// How long a postStart hook takes, where the scenario says so.
    pub post_start: Option<SimDuration>,
    /// Share of the postStart hook's runs that fail, 0 to 1.
    pub post_start_fails: f64,
    /// Failures.
    pub failures: Vec<FailureProcess>,
}
