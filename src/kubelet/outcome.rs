//! What each probe handler sees of each way in which an application fails.
//!
//! This table is the heart of the health-check lesson: a probe reports what it can see, which is
//! not always what is wrong. It knows nothing of time or of probe thresholds.

use crate::base::time::SimDuration;
use crate::model::{AppBehaviour, FailureMode, ProbeHandler, ProbeSpec, Sight, Sights};

/// What one execution of a probe finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The probe passes.
    Success,
    /// The probe fails at once.
    Failure(Symptom),
    /// Nothing comes back within the time-out.
    Timeout,
}

/// How a probe fails at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Symptom {
    /// Nobody listens.
    Refused,
    /// The application answers with an error.
    Status,
}

/// What the next execution of a probe will find.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Outlook {
    /// This.
    Sure(Outcome),
    /// An error answer with this probability, else success.
    Chance(f64),
}

impl Outlook {
    /// What a probe finds of two conditions at once: the worse of both, which is what stops a
    /// request earlier on its way. A refused connection gets no chance to hang, and what hangs
    /// gives no answer; answers that fail by chance fail independently.
    pub(crate) fn and(self, other: Self) -> Self {
        let rank = |outlook| match outlook {
            Self::Sure(Outcome::Success) => 0,
            Self::Chance(_) => 1,
            Self::Sure(Outcome::Failure(Symptom::Status)) => 2,
            Self::Sure(Outcome::Timeout) => 3,
            Self::Sure(Outcome::Failure(Symptom::Refused)) => 4,
        };
        match (self, other) {
            (Self::Chance(one), Self::Chance(two)) => Self::Chance(1.0 - (1.0 - one) * (1.0 - two)),
            _ if rank(self) >= rank(other) => self,
            _ => other,
        }
    }
}

/// One row: a condition of the application and what can be seen of it.
#[derive(Debug)]
struct Row {
    /// The failure mode's name, or `starting` or `healthy`.
    mode: &'static str,
    sights: Sights,
}

/// Columns: exec, httpGet, tcpSocket, grpc.
const fn row(mode: &'static str, sights: [Sight; 4], serves: bool, ignores_sigterm: bool) -> Row {
    let [exec, http_get, tcp_socket, grpc] = sights;
    Row { mode, sights: Sights { exec, http_get, tcp_socket, grpc, serves, ignores_sigterm } }
}

/// The table. An exec probe is a command without I/O into the application; a hung process still
/// completes TCP handshakes, since the kernel's backlog answers.
///
/// Fidelity: Kubernetes' gRPC prober retries a refused connection until its time-out; here it
/// fails at once. A leaking process answers in time until it is killed.
const TABLE: [Row; 13] = {
    use Sight::{AsOften, IfChecked, IfLate, NoAnswer, Passes, Refused};
    [
        row("starting", [Refused, Refused, Refused, Refused], false, false),
        row("healthy", [Passes, IfLate, Passes, IfLate], true, false),
        row("crash", [Refused, Refused, Refused, Refused], false, false),
        row("hang", [Passes, NoAnswer, Passes, NoAnswer], false, true),
        row("deadlock", [Passes, Passes, Passes, Passes], false, true),
        row("slow", [Passes, IfLate, Passes, IfLate], true, false),
        row("errorRate", [Passes, AsOften, Passes, AsOften], true, false),
        row("refuse", [Passes, Refused, Refused, Refused], false, false),
        row("dependencyLost", [Passes, IfChecked, Passes, IfChecked], false, false),
        row("leak", [Passes, IfLate, Passes, IfLate], true, false),
        row("starve", [IfLate, IfLate, Passes, IfLate], true, false),
        row("diskFill", [Passes, IfLate, Passes, IfLate], true, false),
        row("processLeak", [Passes, IfLate, Passes, IfLate], true, false),
    ]
};

/// What an application is going through.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Condition<'a> {
    /// It has not finished its start-up.
    Starting,
    /// Nothing is wrong.
    Healthy,
    /// It fails in this way.
    Failing(&'a FailureMode),
}

impl Condition<'_> {
    /// What can be seen of it; a scenario's own row stands in the mode itself.
    fn sights(self) -> Sights {
        let index = match self {
            Self::Failing(&FailureMode::Custom(sights)) => return sights,
            Self::Starting => 0,
            Self::Healthy => 1,
            Self::Failing(FailureMode::Crash { .. }) => 2,
            Self::Failing(FailureMode::Hang) => 3,
            Self::Failing(FailureMode::Deadlock) => 4,
            Self::Failing(FailureMode::Slow { .. }) => 5,
            Self::Failing(FailureMode::ErrorRate { .. }) => 6,
            Self::Failing(FailureMode::Refuse) => 7,
            Self::Failing(FailureMode::DependencyLost) => 8,
            Self::Failing(FailureMode::Leak { .. }) => 9,
            Self::Failing(FailureMode::Starve { .. }) => 10,
            Self::Failing(FailureMode::DiskFill { .. }) => 11,
            Self::Failing(FailureMode::ProcessLeak { .. }) => 12,
        };
        let row = &TABLE[index];
        if let Self::Failing(mode) = self {
            debug_assert_eq!(row.mode, mode.name());
        }
        row.sights
    }

    /// Whether users are served.
    pub(crate) fn serves(self) -> bool {
        self.sights().serves
    }

    /// Whether the process does not react to SIGTERM.
    pub(crate) fn ignores_sigterm(self) -> bool {
        self.sights().ignores_sigterm
    }

    /// Time an answer takes.
    fn latency(self, app: &AppBehaviour) -> SimDuration {
        match self {
            Self::Failing(FailureMode::Slow { latency }) => (*latency).max(app.latency),
            Self::Failing(&FailureMode::Starve { factor }) => {
                let stretched = app.latency.as_secs_f64() * factor;
                SimDuration::from_secs_f64(stretched).unwrap_or(SimDuration::MAX)
            }
            Self::Starting | Self::Healthy | Self::Failing(_) => app.latency,
        }
    }
}

/// What a probe of an application in a condition will find.
pub(crate) fn outlook(condition: Condition<'_>, spec: &ProbeSpec, app: &AppBehaviour) -> Outlook {
    let row = condition.sights();
    let sight = match spec.handler {
        ProbeHandler::Exec => row.exec,
        ProbeHandler::HttpGet => row.http_get,
        ProbeHandler::TcpSocket => row.tcp_socket,
        ProbeHandler::Grpc => row.grpc,
    };
    let outcome = match (sight, condition) {
        (Sight::AsOften, Condition::Failing(&FailureMode::ErrorRate { rate })) if rate < 1.0 => {
            return Outlook::Chance(rate);
        }
        (Sight::AsOften | Sight::Error, _) => Outcome::Failure(Symptom::Status),
        (Sight::NoAnswer, _) => Outcome::Timeout,
        (Sight::Refused, _) => Outcome::Failure(Symptom::Refused),
        (Sight::IfLate, _) if condition.latency(app) > spec.timeout => Outcome::Timeout,
        (Sight::IfChecked, _) if app.checks_dependencies => Outcome::Failure(Symptom::Status),
        (Sight::Passes | Sight::IfLate | Sight::IfChecked, _) => Outcome::Success,
    };
    Outlook::Sure(outcome)
}

/// The kubelet's words for a failed probe of the pod at `ip`. The port is made up: manifests'
/// ports have no effect on the simulation.
pub(crate) fn message(outcome: Outcome, spec: &ProbeSpec, ip: &str) -> String {
    use ProbeHandler::{Exec, Grpc, HttpGet, TcpSocket};
    let refused = format!("dial tcp {ip}:8080: connect: connection refused");
    match (outcome, spec.handler) {
        (Outcome::Success, _) => String::new(),
        (Outcome::Failure(_), Exec) => "command exited with a non-zero code".to_owned(),
        (Outcome::Failure(Symptom::Status), HttpGet) => {
            "HTTP probe failed with statuscode: 500".to_owned()
        }
        (Outcome::Failure(Symptom::Refused), HttpGet) => {
            format!("Get \"http://{ip}:8080/\": {refused}")
        }
        (Outcome::Failure(_), TcpSocket) => refused,
        (Outcome::Failure(Symptom::Status), Grpc) => {
            "service unhealthy (responded with \"NOT_SERVING\")".to_owned()
        }
        (Outcome::Failure(Symptom::Refused), Grpc) => format!(
            "timeout: failed to connect service \"{ip}:8080\" within {}: {refused}",
            spec.timeout
        ),
        (Outcome::Timeout, Exec) => format!("command timed out after {}", spec.timeout),
        (Outcome::Timeout, HttpGet) => format!(
            "Get \"http://{ip}:8080/\": context deadline exceeded \
             (Client.Timeout exceeded while awaiting headers)"
        ),
        (Outcome::Timeout, TcpSocket) => format!("dial tcp {ip}:8080: i/o timeout"),
        (Outcome::Timeout, Grpc) => {
            format!("timeout: health rpc did not complete within {}", spec.timeout)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Distribution;

    fn probe(handler: ProbeHandler) -> ProbeSpec {
        ProbeSpec {
            handler,
            initial_delay: SimDuration::ZERO,
            period: SimDuration::from_secs(10),
            timeout: SimDuration::from_secs(1),
            success_threshold: 1,
            failure_threshold: 3,
            termination_grace: None,
        }
    }

    fn app(checks_dependencies: bool) -> AppBehaviour {
        AppBehaviour {
            runs: None,
            memory_bytes: 0,
            ephemeral_bytes: 0,
            processes: 1,
            startup_s: Distribution::Constant(1.0),
            shutdown_s: Distribution::Constant(1.0),
            latency: SimDuration::from_millis(100),
            checks_dependencies,
            post_start: None,
            post_start_fails: 0.0,
            failures: Vec::new(),
        }
    }

    fn letter(outlook: Outlook) -> char {
        match outlook {
            Outlook::Sure(Outcome::Success) => 'S',
            Outlook::Sure(Outcome::Failure(Symptom::Refused)) => 'R',
            Outlook::Sure(Outcome::Failure(Symptom::Status)) => 'F',
            Outlook::Sure(Outcome::Timeout) => 'T',
            Outlook::Chance(_) => '?',
        }
    }

    #[test]
    fn each_handler_sees_what_the_table_says() {
        use FailureMode::{
            Deadlock, DependencyLost, DiskFill, ErrorRate, Hang, Leak, ProcessLeak, Refuse, Slow,
            Starve,
        };
        let (brief, long) = (SimDuration::from_millis(900), SimDuration::from_millis(1001));
        let cases = [
            (Condition::Starting, "RRRR"),
            (Condition::Healthy, "SSSS"),
            (Condition::Failing(&Hang), "STST"),
            (Condition::Failing(&Deadlock), "SSSS"),
            (Condition::Failing(&Slow { latency: brief }), "SSSS"),
            (Condition::Failing(&Slow { latency: long }), "STST"),
            (Condition::Failing(&ErrorRate { rate: 0.3 }), "S?S?"),
            (Condition::Failing(&ErrorRate { rate: 1.0 }), "SFSF"),
            (Condition::Failing(&Refuse), "SRRR"),
            (Condition::Failing(&DependencyLost), "SFSF"),
            (Condition::Failing(&Leak { to_oom: long, per_minute: 1 }), "SSSS"),
            (Condition::Failing(&DiskFill { per_minute: 1 }), "SSSS"),
            (Condition::Failing(&ProcessLeak { per_minute: 1 }), "SSSS"),
            (Condition::Failing(&Starve { factor: 9.0 }), "SSSS"),
            (Condition::Failing(&Starve { factor: 11.0 }), "TTST"),
        ];
        let handlers = [
            ProbeHandler::Exec,
            ProbeHandler::HttpGet,
            ProbeHandler::TcpSocket,
            ProbeHandler::Grpc,
        ];
        for (condition, expected) in cases {
            let seen: String = handlers
                .iter()
                .map(|&handler| letter(outlook(condition, &probe(handler), &app(true))))
                .collect();
            assert_eq!(seen, expected, "{condition:?}");
        }
        let unchecked = outlook(
            Condition::Failing(&DependencyLost),
            &probe(ProbeHandler::HttpGet),
            &app(false),
        );
        assert_eq!(letter(unchecked), 'S', "an endpoint that checks nothing sees nothing");
    }

    #[test]
    fn of_two_conditions_the_worse_is_found_whichever_began_first() {
        use Outcome::{Failure, Success, Timeout};
        let order = [
            Outlook::Sure(Success),
            Outlook::Chance(0.5),
            Outlook::Sure(Failure(Symptom::Status)),
            Outlook::Sure(Timeout),
            Outlook::Sure(Failure(Symptom::Refused)),
        ];
        for (at, &one) in order.iter().enumerate() {
            for &worse in &order[at + 1..] {
                assert_eq!((one.and(worse), worse.and(one)), (worse, worse));
            }
        }
        let both = Outlook::Chance(0.5).and(Outlook::Chance(0.2));
        assert!(matches!(both, Outlook::Chance(rate) if (rate - 0.6).abs() < 1e-12), "{both:?}");
    }

    #[test]
    fn failures_are_reported_in_the_kubelets_words() {
        let http = probe(ProbeHandler::HttpGet);
        let words = |outcome| message(outcome, &http, "10.1.2.3");
        assert_eq!(
            words(Outcome::Failure(Symptom::Status)),
            "HTTP probe failed with statuscode: 500"
        );
        assert_eq!(
            words(Outcome::Failure(Symptom::Refused)),
            "Get \"http://10.1.2.3:8080/\": dial tcp 10.1.2.3:8080: connect: connection refused"
        );
        assert_eq!(
            words(Outcome::Timeout),
            "Get \"http://10.1.2.3:8080/\": context deadline exceeded (Client.Timeout exceeded \
             while awaiting headers)"
        );
    }
}
