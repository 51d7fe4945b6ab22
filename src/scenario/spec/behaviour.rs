//! What manifests cannot say about an application: how it starts, stops and fails.

use std::collections::BTreeMap;

use super::{RandomDuration, Selector};
use crate::base::diag::{Diagnostics, Span, codes};
use crate::base::quantity::Quantity;
use crate::base::time::SimDuration;
use crate::model::{Sight, Sights};
use crate::scenario::node::{Node, Value, short};
use crate::scenario::read::{Fields, Located, Read, record, word, wrong};

record! {
    /// How the pods behave that a selector chooses. Later entries override field by field.
    pub struct Behaviour {
        /// Which pods, by their labels.
        pub selector: Selector = required "selector",
        /// Which namespace; all when absent.
        pub namespace: Option<Located<String>> = optional "namespace",
        /// Which namespaces, by their labels.
        pub namespace_selector: Option<Selector> = optional "namespaceSelector",
        /// Which container; all when absent.
        pub container: Option<Located<String>> = optional "container",
        /// Time from the start of the process until it serves.
        pub startup: Option<RandomDuration> = optional "startup",
        /// The work after which the process exits.
        pub runs: Option<Runs> = optional "runs",
        /// Time from SIGTERM until the process exits.
        pub shutdown: Option<RandomDuration> = optional "shutdown",
        /// The postStart hook.
        pub post_start: Option<PostStart> = optional "postStart",
        /// When readiness gates are opened, by the type of their condition.
        pub readiness_gates: Option<BTreeMap<String, Located<GateRule>>> = optional "readinessGates",
        /// Response time while all is well.
        pub latency: Option<Located<SimDuration>> = optional "latency",
        /// Size of the image.
        pub image_size: Option<Located<Quantity>> = optional "imageSize",
        /// Memory used while all is well.
        pub memory: Option<Located<Quantity>> = optional "memory",
        /// Ephemeral storage used while all is well.
        pub ephemeral_storage: Option<Located<Quantity>> = optional "ephemeralStorage",
        /// Processes while all is well.
        pub processes: Option<Located<u32>> = optional "processes",
        /// What goes wrong.
        pub failures: Vec<Failure> = defaulted "failures",
    }
}

record! {
    /// A process that has something to do and then exits.
    pub struct Runs {
        /// From the start of the process until its exit.
        pub length: RandomDuration = required "for",
        /// The share of its runs that fail; none when absent.
        pub fails: Option<Portion> = optional "fails",
        /// The exit code of those that fail; 1 when absent.
        pub exit_code: Option<ExitCode> = optional "exitCode",
    }
}

record! {
    /// How a postStart hook goes.
    pub struct PostStart {
        /// How long it takes; as long as it sleeps, or a second, when absent.
        pub takes: Option<Located<SimDuration>> = optional "takes",
        /// The share of its runs that fail; none when absent.
        pub fails: Option<Portion> = optional "fails",
    }
}

/// When a readiness gate is opened.
#[derive(Clone, Debug, PartialEq)]
pub enum GateRule {
    /// Never.
    Never,
    /// So long after the pod's containers are ready for the first time.
    After(RandomDuration),
}

impl Read for GateRule {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        if let Value::Str { text, .. } = &node.value
            && !text.starts_with(|c: char| c.is_ascii_digit())
        {
            if &**text == "never" {
                return Some(Self::Never);
            }
            let message = format!("unknown time to open a gate \"{}\"", short(text));
            let help = "write never, a duration such as 30s or a distribution";
            found.push(wrong(codes::UNKNOWN_WORD, node, path, message).help(help));
            return None;
        }
        RandomDuration::read(node, path, found).map(Self::After)
    }
}

/// The exit code of a process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExitCode(pub u32);

impl Read for ExitCode {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        let code = u32::read(node, path, found)?;
        if code > 255 {
            let message = format!("{code} is not an exit code");
            found.push(wrong(codes::OUT_OF_RANGE, node, path, message).help("write 0 to 255"));
            return None;
        }
        Some(Self(code))
    }
}

/// A share from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Portion(pub f64);

impl Read for Portion {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        let share = Located::read(node, path, found)?;
        check_share(&share, path, found).map(Self)
    }
}

/// When something happens.
#[derive(Clone, Debug, PartialEq)]
pub enum Occurrence {
    /// Once, this long after the start of the run.
    At(Located<SimDuration>),
    /// Again and again, with these waits between.
    Every(RandomDuration),
}

/// What ends a failure.
#[derive(Clone, Debug, PartialEq)]
pub enum RecoveryRule {
    /// Nothing.
    Never,
    /// A restart of the container.
    OnRestart,
    /// Time (a restart ends it too).
    After(RandomDuration),
}

/// A failure mode with its parameters.
#[derive(Clone, Debug, PartialEq)]
pub enum FailureMode {
    /// The process exits.
    Crash {
        /// Its exit code; 1 when not given.
        exit_code: Option<u32>,
    },
    /// The event loop is stuck.
    Hang,
    /// Requests are stuck while a health thread still answers.
    Deadlock,
    /// Answers take longer.
    Slow {
        /// Time per answer.
        latency: Located<SimDuration>,
    },
    /// The listener is closed.
    Refuse,
    /// A share of the answers are errors.
    ErrorRate {
        /// The share, 0 to 1.
        rate: f64,
    },
    /// Memory grows until the limit.
    Leak {
        /// Growth per minute.
        per_minute: Quantity,
    },
    /// What is written to disk grows.
    DiskFill {
        /// Growth per minute.
        per_minute: Quantity,
    },
    /// More and more processes run.
    ProcessLeak {
        /// Growth per minute.
        per_minute: Quantity,
    },
    /// CPU is short.
    Starve {
        /// How many times as long everything takes; more than 1.
        factor: f64,
    },
    /// A row that the scenario adds to the table of modes and probes.
    Custom(Sights),
    /// A dependency cannot be reached.
    DependencyLost {
        /// Whether the probed endpoint looks at the dependency; true when not given.
        probed: Option<bool>,
    },
}

/// The keys of the failure modes.
pub(super) const MODES: &[&str] = &[
    "crash",
    "hang",
    "deadlock",
    "slow",
    "refuse",
    "errorRate",
    "leak",
    "diskFill",
    "processLeak",
    "starve",
    "dependencyLost",
    "custom",
];

/// One entry of `failures:`.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// What goes wrong.
    pub mode: FailureMode,
    /// When.
    pub when: Occurrence,
    /// What ends it; for a crash always the restart.
    pub recovers: Option<RecoveryRule>,
    /// Where the entry stands.
    pub span: Span,
}

impl Read for Failure {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        let mut outer = Fields::open(node, path, found)?;
        let (key, _) = outer.one_of("the failure", MODES)?;
        let inner_path = outer.path_of(key);
        outer.finish();
        let value = node.get(key)?;
        if value.is_null() {
            let message = format!("{key} does not say when");
            let help = format!("write {key}: {{at: 10m}} or {{every: …}}");
            found.push(wrong(codes::ONE_OF, node, &inner_path, message).help(help));
            return None;
        }
        let mut fields = Fields::open(value, &inner_path, found)?;
        let mode = read_mode(key, &mut fields);
        let when = read_occurrence(&mut fields);
        let recovers = fields.optional("recovers");
        fields.finish();
        Some(Self { mode: mode?, when: when?, recovers: recovers?, span: node.span })
    }
}

/// Reads the parameters of a failure mode.
pub(super) fn read_mode(key: &str, fields: &mut Fields<'_>) -> Option<FailureMode> {
    Some(match key {
        "crash" => FailureMode::Crash { exit_code: exit_code(fields)? },
        "hang" => FailureMode::Hang,
        "deadlock" => FailureMode::Deadlock,
        "slow" => FailureMode::Slow { latency: fields.required("latency")? },
        "refuse" => FailureMode::Refuse,
        "errorRate" => FailureMode::ErrorRate { rate: share("rate", fields)?? },
        "leak" => FailureMode::Leak { per_minute: fields.required("perMinute")? },
        "diskFill" => FailureMode::DiskFill { per_minute: fields.required("perMinute")? },
        "processLeak" => FailureMode::ProcessLeak { per_minute: fields.required("perMinute")? },
        "custom" => FailureMode::Custom(sights(fields)?),
        "starve" => FailureMode::Starve { factor: factor(fields)? },
        _ => FailureMode::DependencyLost { probed: fields.optional("probed")? },
    })
}

/// What probes see of a mode of the scenario's own: each passes unless it says otherwise.
fn sights(fields: &mut Fields<'_>) -> Option<Sights> {
    let mut sight = |key| Some(fields.optional::<Seen>(key)?.map_or(Sight::Passes, |seen| seen.0));
    let (exec, http_get) = (sight("exec"), sight("httpGet"));
    let (tcp_socket, grpc) = (sight("tcpSocket"), sight("grpc"));
    let serves = fields.optional::<bool>("serves");
    let ignores_sigterm = fields.optional::<bool>("ignoresSigterm");
    Some(Sights {
        exec: exec?,
        http_get: http_get?,
        tcp_socket: tcp_socket?,
        grpc: grpc?,
        serves: serves?.unwrap_or(false),
        ignores_sigterm: ignores_sigterm?.unwrap_or(false),
    })
}

/// What a probe sees, as it is read.
struct Seen(Sight);

impl Read for Seen {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        let words = [
            ("passes", Sight::Passes),
            ("timesOut", Sight::NoAnswer),
            ("refused", Sight::Refused),
            ("fails", Sight::Error),
        ];
        word(node, path, ("sight of a probe", &words), found).map(Self)
    }
}

fn exit_code(fields: &mut Fields<'_>) -> Option<Option<u32>> {
    let Some(node) = fields.raw("exitCode") else { return Some(None) };
    let path = fields.path_of("exitCode");
    ExitCode::read(node, &path, fields.found()).map(|code| Some(code.0))
}

/// A required factor above 1.
pub(super) fn factor(fields: &mut Fields<'_>) -> Option<f64> {
    let factor: Located<f64> = fields.required("factor")?;
    if factor.value > 1.0 {
        return Some(factor.value);
    }
    let path = fields.path_of("factor");
    let message = format!("{} does not slow anything down", factor.value);
    fields.found().push(
        crate::base::diag::Diagnostic::error(codes::OUT_OF_RANGE, factor.span, message)
            .at(path)
            .help("write a factor greater than 1"),
    );
    None
}

/// A required share from 0 to 1.
pub(super) fn share(key: &'static str, fields: &mut Fields<'_>) -> Option<Option<f64>> {
    let share: Located<f64> = fields.required(key)?;
    let path = fields.path_of(key);
    Some(check_share(&share, &path, fields.found()))
}

/// A finding when a share is outside 0 … 1.
pub(super) fn check_share(
    share: &Located<f64>,
    path: &str,
    found: &mut Diagnostics,
) -> Option<f64> {
    if (0.0..=1.0).contains(&share.value) {
        return Some(share.value);
    }
    let message = format!("{} is not a share", share.value);
    found.push(
        crate::base::diag::Diagnostic::error(codes::OUT_OF_RANGE, share.span, message)
            .at(path)
            .help("write a number from 0 to 1"),
    );
    None
}

/// Reads `at` or `every`.
pub(super) fn read_occurrence(fields: &mut Fields<'_>) -> Option<Occurrence> {
    let (key, node) = fields.one_of("the entry", &["at", "every"])?;
    let path = fields.path_of(key);
    if key == "at" {
        return Located::read(node, &path, fields.found()).map(Occurrence::At);
    }
    let every = RandomDuration::read(node, &path, fields.found())?;
    if every.0.mean() <= 0.0 {
        let message = "waits of zero would never let time pass";
        let help = "write a wait longer than 0";
        fields.found().push(wrong(codes::BAD_DISTRIBUTION, node, &path, message).help(help));
        return None;
    }
    Some(Occurrence::Every(every))
}

impl Read for RecoveryRule {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        let words = [("never", Self::Never), ("onRestart", Self::OnRestart)];
        if let Value::Str { text, .. } = &node.value {
            if let Some((_, rule)) = words.iter().find(|(word, _)| *word == &**text) {
                return Some(rule.clone());
            }
            if !text.starts_with(|c: char| c.is_ascii_digit()) {
                let message = format!("unknown recovery \"{text}\"");
                let help = crate::base::diag::did_you_mean(text, ["never", "onRestart"])
                    .map(|near| format!("did you mean \"{near}\"?"));
                let help = help.unwrap_or_else(|| {
                    "write never, onRestart, a duration or a distribution".to_owned()
                });
                found.push(wrong(codes::UNKNOWN_WORD, node, path, message).help(help));
                return None;
            }
        }
        if let (Some(after), 1) = (node.get("after"), node.entries().len()) {
            return RandomDuration::read(after, &format!("{path}.after"), found).map(Self::After);
        }
        RandomDuration::read(node, path, found).map(Self::After)
    }
}
