//! Settings of kubelets, under the names of the fields of `KubeletConfiguration`.

use crate::base::diag::{Diagnostic, Diagnostics, Severity, codes, did_you_mean};
use crate::base::time::SimDuration;
use crate::model::{Signal, Threshold, ThresholdValue, min_reclaim, threshold};
use crate::scenario::node::{Node, join_key, short};
use crate::scenario::read::{Located, Read, record, wrong};

record! {
    /// Settings of the kubelets of a pool.
    pub struct Kubelet {
        /// Evict at once when less is available. Given at all, it replaces all defaults.
        pub eviction_hard: Option<Settings<Threshold>> = optional "evictionHard",
        /// Evict when less has been available for a while.
        pub eviction_soft: Option<Settings<Threshold>> = optional "evictionSoft",
        /// For how long.
        pub eviction_soft_grace_period: Option<Settings<SimDuration>> = optional "evictionSoftGracePeriod",
        /// How much more must be available before a threshold is no longer met.
        pub eviction_minimum_reclaim: Option<Settings<Option<ThresholdValue>>> = optional "evictionMinimumReclaim",
        /// How long a condition stays after its thresholds were last met.
        pub eviction_pressure_transition_period: Option<Located<SimDuration>> = optional "evictionPressureTransitionPeriod",
        /// How long a shutdown of the node waits for its pods; not at all when absent.
        pub shutdown_grace_period: Option<Located<SimDuration>> = optional "shutdownGracePeriod",
        /// How much of that is for critical pods.
        pub shutdown_grace_period_critical_pods: Option<Located<SimDuration>> = optional "shutdownGracePeriodCriticalPods",
        /// The same by priority, in the place of both.
        pub shutdown_grace_period_by_pod_priority: Vec<PriorityGrace> = defaulted "shutdownGracePeriodByPodPriority",
        /// The longest grace of a pod that a soft threshold evicts, seconds.
        pub eviction_max_pod_grace_period: Option<Located<u32>> = optional "evictionMaxPodGracePeriod",
    }
}

record! {
    /// How long a shutdown of the node waits for pods of a priority.
    pub struct PriorityGrace {
        /// The pods of this priority and above, up to that of the next entry.
        pub priority: Located<i32> = required "priority",
        /// How long, seconds.
        pub shutdown_grace_period_seconds: Located<u32> = required "shutdownGracePeriodSeconds",
    }
}

/// Values by signal.
#[derive(Clone, Debug)]
pub struct Settings<T>(pub Vec<(Signal, Located<T>)>);

/// What a signal can be set to.
pub trait Setting: Sized {
    /// Reads it.
    fn parse(text: &str) -> Option<Self>;
    /// What to write instead.
    const HELP: &'static str;
}

impl Setting for Threshold {
    const HELP: &'static str = "write an amount or a percentage, for example 100Mi or 10%";

    fn parse(text: &str) -> Option<Self> {
        threshold(text)
    }
}

impl Setting for Option<ThresholdValue> {
    const HELP: &'static str = "write an amount or a percentage, for example 500Mi or 5%";

    fn parse(text: &str) -> Option<Self> {
        min_reclaim(text)
    }
}

impl Setting for SimDuration {
    const HELP: &'static str = "write a duration, for example 1m30s";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl<T: Setting> Read for Settings<T> {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        if node.entries().is_empty() {
            let message = format!("{} where values by signal are expected", node.describe());
            let help = "write for example {memory.available: 100Mi}";
            found.push(wrong(codes::WRONG_TYPE, node, path, message).help(help));
            return None;
        }
        let before = found.len();
        let mut settings = Vec::new();
        for entry in node.entries() {
            let (value, path) = (&entry.value, join_key(path, &entry.key));
            let names = Signal::ALL.map(Signal::name);
            let Some(signal) = Signal::ALL.into_iter().find(|s| s.name() == &*entry.key) else {
                let message = format!("no signal that is simulated: \"{}\"", short(&entry.key));
                let help = did_you_mean(&entry.key, names)
                    .map(|near| format!("did you mean \"{near}\"?"))
                    .unwrap_or_else(|| format!("there are {}", names.join(", ")));
                found.push(wrong(codes::UNKNOWN_WORD, value, &path, message).help(help));
                continue;
            };
            let text = value.scalar_text().unwrap_or_default();
            match T::parse(text).filter(|_| !text.is_empty()) {
                Some(parsed) => {
                    settings.push((signal, Located { value: parsed, span: value.span }));
                }
                None => {
                    let message = format!("\"{}\" does not set {}", short(text), signal.name());
                    found.push(wrong(codes::OUT_OF_RANGE, value, &path, message).help(T::HELP));
                }
            }
        }
        (found.len() == before).then_some(Self(settings))
    }
}

/// A shutdown has its times in one way only, whole seconds at least, and the critical pods' within
/// the whole.
fn check_shutdown(kubelet: &Kubelet, path: &str, found: &mut Diagnostics) {
    let whole = kubelet.shutdown_grace_period.as_ref();
    let critical = kubelet.shutdown_grace_period_critical_pods.as_ref();
    let second = SimDuration::from_secs(1);
    let fields = [("shutdownGracePeriod", whole), ("shutdownGracePeriodCriticalPods", critical)];
    let by_priority = &kubelet.shutdown_grace_period_by_pod_priority;
    for (field, period) in fields {
        let Some(period) = period else { continue };
        let mut refuse = |code, message: String, help: &str| {
            let finding = Diagnostic::error(code, period.span, message);
            found.push(finding.at(join_key(path, field)).help(help));
        };
        if period.value > SimDuration::ZERO && period.value < second {
            let message = format!("{field} is shorter than a second");
            refuse(codes::OUT_OF_RANGE, message, "write 0s, or 1s or more");
        }
        if !by_priority.is_empty() && period.value > SimDuration::ZERO {
            let message = format!("{field} beside shutdownGracePeriodByPodPriority");
            refuse(codes::CONFLICT, message, "give one of them");
        }
    }
    if let Some(critical) = critical
        && critical.value > whole.map_or(SimDuration::ZERO, |whole| whole.value)
    {
        let message = "critical pods have more time than there is for all";
        found.push(
            Diagnostic::error(codes::OUT_OF_RANGE, critical.span, message)
                .at(join_key(path, "shutdownGracePeriodCriticalPods"))
                .help("write shutdownGracePeriod as long as this or longer; this is a part of it"),
        );
    }
    for (place, entry) in by_priority.iter().enumerate() {
        let same = |other: &&PriorityGrace| other.priority.value == entry.priority.value;
        if let Some(first) = by_priority[..place].iter().find(same) {
            let message = format!("priority {} is given twice", entry.priority.value);
            found.push(
                Diagnostic::error(codes::DUPLICATE_NAME, entry.priority.span, message)
                    .related(first.priority.span, "first given here")
                    .at(format!("{path}.shutdownGracePeriodByPodPriority[{place}].priority"))
                    .help("remove one of them"),
            );
        }
    }
}

/// Every soft threshold needs its grace period, and only those have one; a shutdown is told once.
pub(super) fn check(kubelet: &Kubelet, path: &str, found: &mut Diagnostics) {
    check_shutdown(kubelet, path, found);
    let none: &[_] = &[];
    let soft = kubelet.eviction_soft.as_ref().map_or(none, |soft| &soft.0);
    let none: &[_] = &[];
    let graces = kubelet.eviction_soft_grace_period.as_ref().map_or(none, |graces| &graces.0);
    for (signal, value) in soft {
        if !graces.iter().any(|(other, _)| other == signal) {
            let name = signal.name();
            let message = format!("the soft threshold of {name} has no grace period");
            found.push(
                Diagnostic::error(codes::MISSING_FIELD, value.span, message)
                    .at(join_key(&join_key(path, "evictionSoft"), name))
                    .help(format!("write evictionSoftGracePeriod: {{{name}: 1m30s}}")),
            );
        }
    }
    for (signal, value) in graces {
        if !soft.iter().any(|(other, _)| other == signal) {
            let name = signal.name();
            let message = format!("{name} has no soft threshold that could have a grace period");
            found.push(
                Diagnostic::error(codes::UNRESOLVED, value.span, message)
                    .at(join_key(&join_key(path, "evictionSoftGracePeriod"), name))
                    .help(format!("write evictionSoft: {{{name}: …}}, or remove it")),
            );
        }
    }
}

/// Thresholds of process ids have no effect where nothing is said of how many there are.
pub(super) fn check_unlimited(kubelet: &Kubelet, path: &str, found: &mut Diagnostics) {
    let set = [("evictionHard", &kubelet.eviction_hard), ("evictionSoft", &kubelet.eviction_soft)];
    for (field, settings) in set {
        let all = settings.iter().flat_map(|settings| &settings.0);
        for (_, value) in all.filter(|(signal, _)| *signal == Signal::Pid) {
            let message = "the pool does not say how many process ids its nodes have";
            let at = join_key(&join_key(path, field), Signal::Pid.name());
            let span = Some(value.span);
            found.push(
                Diagnostic::new(Severity::Warning, codes::NO_EFFECT, span, message)
                    .at(at)
                    .help("write pidMax: 32768 beside kubelet, or remove the threshold"),
            );
        }
    }
}
