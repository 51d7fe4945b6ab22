//! How fast and how late an autoscaler follows its metrics: `spec.behavior`, its defaults, and
//! what the controller remembers for it.
//!
//! Kubernetes-behaviour §3.11, steps 3 and 4. Stabilisation looks at earlier recommendations, rate
//! limits at what was scaled within their periods; both live in [`Memory`] and die with the
//! controller's process. Metrics are not known here.

use crate::base::time::{SimDuration, SimTime};

use super::conditions::Reason;
use super::{Autoscaler, Settings};

/// Which of several policies holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectPolicy {
    /// The one that allows the largest change.
    Max,
    /// The one that allows the smallest change.
    Min,
    /// No change that way at all.
    Disabled,
}

impl SelectPolicy {
    /// All, in the order of the reference.
    pub const ALL: [Self; 3] = [Self::Max, Self::Min, Self::Disabled];

    /// Kubernetes' word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Max => "Max",
            Self::Min => "Min",
            Self::Disabled => "Disabled",
        }
    }
}

/// By how much a policy lets the number of replicas change within its period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// By this many pods.
    Pods(i32),
    /// By this many percent of the replicas at the period's start.
    Percent(i32),
}

/// A limit of the rate of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScalingPolicy {
    /// The largest change.
    pub step: Step,
    /// The period in which it may happen.
    pub period: SimDuration,
}

/// Rules of one direction as the user typed them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypedRules {
    /// `stabilizationWindowSeconds`.
    pub window: Option<SimDuration>,
    /// `selectPolicy`.
    pub select: Option<SelectPolicy>,
    /// `policies`.
    pub policies: Option<Vec<ScalingPolicy>>,
}

/// `spec.behavior` as the user typed it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypedBehavior {
    /// `scaleUp`.
    pub up: Option<TypedRules>,
    /// `scaleDown`.
    pub down: Option<TypedRules>,
}

/// Rules of one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How far back recommendations count; `None` is the controller's flag, for scaling down only.
    pub window: Option<SimDuration>,
    /// Which policy holds.
    pub select: SelectPolicy,
    /// The policies; not empty.
    pub policies: Vec<ScalingPolicy>,
}

impl Rules {
    fn or(self, typed: Option<TypedRules>) -> Self {
        let typed = typed.unwrap_or_default();
        Self {
            window: typed.window.or(self.window),
            select: typed.select.unwrap_or(self.select),
            policies: typed.policies.unwrap_or(self.policies),
        }
    }

    fn longest_period(&self) -> SimDuration {
        self.policies.iter().map(|policy| policy.period).max().unwrap_or_default()
    }
}

/// `spec.behavior` with its defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behavior {
    /// `scaleUp`.
    pub up: Rules,
    /// `scaleDown`.
    pub down: Rules,
}

impl TypedBehavior {
    /// Fills in what the API server fills in: upwards no window and the larger of 4 pods and 100 %
    /// in 15 s; downwards the window of the controller's flag and 100 % in 15 s.
    #[must_use]
    pub fn defaulted(self) -> Behavior {
        let period = SimDuration::from_secs(15);
        let doubling = ScalingPolicy { step: Step::Percent(100), period };
        let by_four = ScalingPolicy { step: Step::Pods(4), period };
        let up = Rules {
            window: Some(SimDuration::ZERO),
            select: SelectPolicy::Max,
            policies: vec![by_four, doubling],
        };
        let down = Rules { window: None, select: SelectPolicy::Max, policies: vec![doubling] };
        Behavior { up: up.or(self.up), down: down.or(self.down) }
    }
}

/// What metrics asked for once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Recommendation {
    replicas: i32,
    at: SimTime,
}

/// What was scaled once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ScaleEvent {
    /// Replicas added or removed, positive.
    change: i32,
    at: SimTime,
}

/// What the controller remembers of an autoscaler.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    recommendations: Vec<Recommendation>,
    ups: Vec<ScaleEvent>,
    downs: Vec<ScaleEvent>,
}

/// What may be done of what metrics ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Normalized {
    /// Replicas.
    pub(super) replicas: i32,
    /// Reason of `AbleToScale`, which is True.
    pub(super) able: Reason,
    /// `ScalingLimited` is True.
    pub(super) limited: bool,
    /// Reason of `ScalingLimited`.
    pub(super) why: Reason,
}

impl Normalized {
    fn new(wanted: i32, stabilized: i32, by: Reason, (replicas, why): (i32, Reason)) -> Self {
        let able = if stabilized == wanted { Reason::ReadyForNewScale } else { by };
        Self { replicas, able, limited: replicas != stabilized, why }
    }
}

impl Memory {
    /// The first sight of a target counts as a recommendation.
    pub(super) fn first_seen(&mut self, replicas: i32, now: SimTime) {
        if self.recommendations.is_empty() {
            self.recommendations.push(Recommendation { replicas, at: now });
        }
    }

    /// Bounds what metrics ask for, and remembers it.
    pub(super) fn normalize(
        &mut self,
        hpa: &Autoscaler,
        settings: &Settings,
        current: i32,
        wanted: i32,
        now: SimTime,
    ) -> Normalized {
        let window = settings.downscale_stabilization;
        let Some(behavior) = &hpa.behavior else {
            let stabilized = self.highest(wanted, window, now);
            let limited = old_limits(hpa, current, stabilized);
            return Normalized::new(wanted, stabilized, Reason::ScaleDownStabilized, limited);
        };
        let up = behavior.up.window.unwrap_or_default();
        let down = behavior.down.window.unwrap_or(window);
        let stabilized = self.stabilized(current, wanted, (up, down), now);
        let by =
            if wanted >= current { Reason::ScaleUpStabilized } else { Reason::ScaleDownStabilized };
        let limited = self.limits(hpa, behavior, current, stabilized, now);
        Normalized::new(wanted, stabilized, by, limited)
    }

    /// The highest recommendation of the window, this one included; one of exactly the window's
    /// age counts.
    fn highest(&mut self, wanted: i32, window: SimDuration, now: SimTime) -> i32 {
        let (mut highest, mut old) = (wanted, None);
        for (place, past) in self.recommendations.iter().enumerate() {
            if past.at.saturating_add(window) < now {
                old = Some(place);
            } else {
                highest = highest.max(past.replicas);
            }
        }
        self.recommend(wanted, old, now);
        highest
    }

    /// `current`, brought to where all recommendations of the windows (up, down) agree; one of
    /// exactly a window's age no longer counts.
    fn stabilized(
        &mut self,
        current: i32,
        wanted: i32,
        (up, down): (SimDuration, SimDuration),
        now: SimTime,
    ) -> i32 {
        let (mut lowest, mut highest, mut old) = (wanted, wanted, None);
        for (place, past) in self.recommendations.iter().enumerate() {
            let (leaves_up, leaves_down) =
                (past.at.saturating_add(up), past.at.saturating_add(down));
            if leaves_up > now {
                lowest = lowest.min(past.replicas);
            }
            if leaves_down > now {
                highest = highest.max(past.replicas);
            }
            if leaves_up < now && leaves_down < now {
                old = Some(place);
            }
        }
        self.recommend(wanted, old, now);
        current.max(lowest).min(highest)
    }

    /// Remembers a recommendation, in the place of an old one if there is one.
    fn recommend(&mut self, replicas: i32, old: Option<usize>, now: SimTime) {
        let new = Recommendation { replicas, at: now };
        match old {
            Some(place) => self.recommendations[place] = new,
            None => self.recommendations.push(new),
        }
    }

    /// Bounds a change by the policies and by min and max.
    fn limits(
        &self,
        hpa: &Autoscaler,
        behavior: &Behavior,
        current: i32,
        wanted: i32,
        now: SimTime,
    ) -> (i32, Reason) {
        if wanted > current {
            let fastest = self.up_limit(&behavior.up, current, now).max(current);
            let (most, why) = if hpa.max_replicas > fastest {
                (fastest, Reason::ScaleUpLimit)
            } else {
                (hpa.max_replicas, Reason::TooManyReplicas)
            };
            if wanted > most {
                return (most, why);
            }
        } else if wanted < current {
            let fastest = self.down_limit(&behavior.down, current, now).min(current);
            let (least, why) = if hpa.min_replicas < fastest {
                (fastest, Reason::ScaleDownLimit)
            } else {
                (hpa.min_replicas, Reason::TooFewReplicas)
            };
            if wanted < least {
                return (least, why);
            }
        }
        (wanted, Reason::DesiredWithinRange)
    }

    fn up_limit(&self, rules: &Rules, current: i32, now: SimTime) -> i32 {
        let allowed = rules.policies.iter().map(|policy| {
            let start = self.at_start(policy.period, current, now);
            match policy.step {
                Step::Pods(pods) => start.saturating_add(pods),
                Step::Percent(percent) => grown(start, percent),
            }
        });
        match rules.select {
            SelectPolicy::Max => allowed.max().unwrap_or(i32::MIN),
            SelectPolicy::Min => allowed.min().unwrap_or(i32::MAX),
            SelectPolicy::Disabled => current,
        }
    }

    fn down_limit(&self, rules: &Rules, current: i32, now: SimTime) -> i32 {
        let allowed = rules.policies.iter().map(|policy| {
            let start = self.at_start(policy.period, current, now);
            match policy.step {
                Step::Pods(pods) => start.saturating_sub(pods),
                Step::Percent(percent) => shrunk(start, percent),
            }
        });
        match rules.select {
            SelectPolicy::Max => allowed.min().unwrap_or(i32::MAX),
            SelectPolicy::Min => allowed.max().unwrap_or(i32::MIN),
            SelectPolicy::Disabled => current,
        }
    }

    /// Replicas when a period that ends now began. A change of exactly the period's age is none of
    /// its own.
    fn at_start(&self, period: SimDuration, current: i32, now: SimTime) -> i32 {
        let changed = |events: &[ScaleEvent]| {
            let within = events.iter().filter(|event| event.at.saturating_add(period) > now);
            within.fold(0_i32, |sum, event| sum.saturating_add(event.change))
        };
        current.saturating_sub(changed(&self.ups)).saturating_add(changed(&self.downs))
    }

    /// Remembers a change for the policies, in the place of one that is older than all of them.
    pub(super) fn scaled(&mut self, behavior: &Behavior, from: i32, to: i32, now: SimTime) {
        let (events, rules) = if to > from {
            (&mut self.ups, &behavior.up)
        } else {
            (&mut self.downs, &behavior.down)
        };
        let longest = rules.longest_period();
        let event =
            ScaleEvent { change: to.abs_diff(from).try_into().unwrap_or(i32::MAX), at: now };
        let outdated = |past: &ScaleEvent| past.at.saturating_add(longest) < now;
        match events.iter().rposition(outdated) {
            Some(place) => events[place] = event,
            None => events.push(event),
        }
    }
}

/// Bounds without `behavior`: min and max, and upwards no more than doubling, or 4.
fn old_limits(hpa: &Autoscaler, current: i32, wanted: i32) -> (i32, Reason) {
    let fastest = current.saturating_mul(2).max(4);
    let (most, why) = if hpa.max_replicas > fastest {
        (fastest, Reason::ScaleUpLimit)
    } else {
        (hpa.max_replicas, Reason::TooManyReplicas)
    };
    if wanted < hpa.min_replicas {
        (hpa.min_replicas, Reason::TooFewReplicas)
    } else if wanted > most {
        (most, why)
    } else {
        (wanted, Reason::DesiredWithinRange)
    }
}

/// `replicas` and `percent` percent more, rounded up: otherwise one replica might never grow.
#[expect(clippy::cast_possible_truncation, reason = "beyond the range the nearest bound is meant")]
fn grown(replicas: i32, percent: i32) -> i32 {
    (f64::from(replicas) * (1.0 + f64::from(percent) / 100.0)).ceil() as i32
}

/// `replicas` and `percent` percent fewer, towards zero.
#[expect(clippy::cast_possible_truncation, reason = "towards zero is meant")]
fn shrunk(replicas: i32, percent: i32) -> i32 {
    (f64::from(replicas) * (1.0 - f64::from(percent) / 100.0)) as i32
}
