//! Zones as the node lifecycle controller sees them: how disrupted they are, how fast nodes in
//! them may get NoExecute taints, and which nodes wait for one.
//!
//! It knows nothing of heartbeats, objects or the API: counts and instants only.

use std::collections::BTreeSet;

use crate::base::time::{SimDuration, SimTime};
use crate::model::{NodeId, RecoveryPolicy};

/// How disrupted a zone is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZoneState {
    /// Not looked at yet.
    Initial,
    /// Few nodes are not ready.
    Normal,
    /// More than two nodes and at least the threshold's share are not ready.
    PartialDisruption,
    /// No node is ready.
    FullDisruption,
}

impl ZoneState {
    /// The state of a zone with these counts; `threshold_milli` is the share of not-ready nodes,
    /// in thousandths, from which the zone is partially disrupted.
    #[must_use]
    pub fn of(ready: u64, not_ready: u64, threshold_milli: u64) -> Self {
        let share = u128::from(not_ready) * 1000;
        let bound = u128::from(ready + not_ready) * u128::from(threshold_milli);
        match (ready, not_ready) {
            (0, 1..) => Self::FullDisruption,
            (_, 3..) if share >= bound => Self::PartialDisruption,
            _ => Self::Normal,
        }
    }

    /// The controller's word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Initial => "Initial",
            Self::Normal => "Normal",
            Self::PartialDisruption => "PartialDisruption",
            Self::FullDisruption => "FullDisruption",
        }
    }
}

/// Time between two NoExecute taints in a zone; `None` means none at all.
pub type TaintInterval = Option<SimDuration>;

/// The interval of a rate given in nodes per 1,000 s.
///
/// kube-controller-manager keeps rates in single precision, which makes 0.01/s a little slower
/// than one node in 100 s: with a queue drained every 100 ms that is one in 100.1 s.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a parameter, rounded as the controller rounds it; positive and below 2^40 s"
)]
pub fn taint_interval(rate_milli: u64) -> TaintInterval {
    if rate_milli == 0 {
        return None;
    }
    let rate = (rate_milli as f64 / 1000.0) as f32;
    Some(SimDuration::from_nanos((1e9 / f64::from(rate)) as u64))
}

/// The policy's taint rates by zone state, nodes per 1,000 s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaintRates {
    normal_milli: u64,
    secondary_milli: u64,
    large_zone: u64,
    threshold_milli: u64,
}

impl TaintRates {
    /// The rates of a policy.
    #[must_use]
    pub fn new(policy: &RecoveryPolicy) -> Self {
        Self {
            normal_milli: policy.node_eviction_rate_milli,
            secondary_milli: policy.secondary_node_eviction_rate_milli,
            large_zone: u64::from(policy.large_cluster_size_threshold),
            threshold_milli: policy.unhealthy_zone_threshold_milli,
        }
    }

    /// The state of a zone with these counts.
    #[must_use]
    pub fn state(&self, ready: u64, not_ready: u64) -> ZoneState {
        ZoneState::of(ready, not_ready, self.threshold_milli)
    }

    /// The rate in a zone of `size` nodes in `state`, the rule for all zones together aside.
    fn rate_milli(&self, state: ZoneState, size: u64) -> u64 {
        match state {
            ZoneState::Initial | ZoneState::Normal | ZoneState::FullDisruption => self.normal_milli,
            ZoneState::PartialDisruption if size > self.large_zone => self.secondary_milli,
            ZoneState::PartialDisruption => 0,
        }
    }

    /// The same rate, nodes per second.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a parameter of a few digits")]
    pub fn per_second(&self, state: ZoneState, size: u64) -> f64 {
        self.rate_milli(state, size) as f64 / 1000.0
    }

    /// The time between two taints at that rate.
    #[must_use]
    pub fn interval(&self, state: ZoneState, size: u64) -> TaintInterval {
        taint_interval(self.rate_milli(state, size))
    }
}

/// A token bucket with room for one token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limiter {
    interval: TaintInterval,
    /// When the next token is there.
    next: SimTime,
}

impl Limiter {
    fn take(&mut self, now: SimTime) -> bool {
        match self.interval {
            Some(interval) if now >= self.next => {
                self.next = now.saturating_add(interval);
                true
            }
            _ => false,
        }
    }

    /// Another rate takes over: its token is there at once only if the old one's was.
    fn swap(&mut self, interval: TaintInterval, now: SimTime) {
        if self.interval == interval {
            return;
        }
        let had_token = self.take(now);
        self.interval = interval;
        self.next =
            if had_token { now } else { now.saturating_add(interval.unwrap_or(SimDuration::ZERO)) };
    }
}

/// One zone: counts of its nodes and the queue of those that wait for a NoExecute taint.
///
/// A node is taken up once; it can be taken up again only after it was forgotten, that is after
/// it was seen Ready.
#[derive(Clone, Debug)]
pub struct ZoneTainter {
    state: ZoneState,
    ready: u64,
    not_ready: u64,
    limiter: Limiter,
    /// By the pass that queued them, then by id.
    waiting: BTreeSet<(SimTime, NodeId)>,
    /// The instant for which a drain is scheduled.
    planned: Option<SimTime>,
    /// Moves on with every plan.
    plan_epoch: u32,
}

impl ZoneTainter {
    /// A zone not looked at yet, with a token at hand.
    #[must_use]
    pub fn new(rates: &TaintRates) -> Self {
        Self {
            state: ZoneState::Initial,
            ready: 0,
            not_ready: 0,
            limiter: Limiter { interval: taint_interval(rates.normal_milli), next: SimTime::ZERO },
            waiting: BTreeSet::new(),
            planned: None,
            plan_epoch: 0,
        }
    }

    /// The state found by the last pass.
    #[must_use]
    pub fn state(&self) -> ZoneState {
        self.state
    }

    /// The state that the counts amount to; `None` for a zone none of whose nodes count.
    #[must_use]
    pub fn computed(&self, rates: &TaintRates) -> Option<ZoneState> {
        let counted = self.ready + self.not_ready > 0;
        counted.then(|| rates.state(self.ready, self.not_ready))
    }

    /// A node's readiness changed from `before` (`None`: not counted yet) to `ready`.
    pub fn recount(&mut self, before: Option<bool>, ready: bool) {
        match before {
            Some(true) => self.ready -= 1,
            Some(false) => self.not_ready -= 1,
            None => {}
        }
        if ready {
            self.ready += 1;
        } else {
            self.not_ready += 1;
        }
    }

    /// Enters a state with the rate that belongs to it.
    pub fn enter(&mut self, state: ZoneState, rates: &TaintRates, now: SimTime) {
        self.limiter.swap(rates.interval(state, self.ready + self.not_ready), now);
        self.state = state;
    }

    /// All zones are fully disrupted: nothing is tainted any more.
    pub fn stop(&mut self, now: SimTime) {
        self.limiter.swap(None, now);
        self.state = ZoneState::FullDisruption;
    }

    /// Queues a node at the pass of `now`.
    pub fn queue(&mut self, node: NodeId, now: SimTime) {
        self.waiting.insert((now, node));
    }

    /// Takes a node queued at `at` out of the queue.
    pub fn unqueue(&mut self, node: NodeId, at: SimTime) {
        self.waiting.remove(&(at, node));
    }

    /// The next node that may be tainted now, which costs a token: the first of those that a lot
    /// falls on, or the first of all.
    ///
    /// kube-controller-manager queues every waiting node anew in each pass, in whichever order its
    /// workers come to them; here the one that has waited longest goes first.
    pub fn release(&mut self, now: SimTime, lot: impl Fn(NodeId) -> bool) -> Option<NodeId> {
        let first = *self.waiting.first()?;
        let head = self.waiting.iter().find(|(_, node)| lot(*node)).copied().unwrap_or(first);
        if !self.limiter.take(now) {
            return None;
        }
        self.waiting.remove(&head);
        Some(head.1)
    }

    /// The instant from which the head may be released: `None` while nothing can be.
    #[must_use]
    pub fn ready_at(&self) -> Option<SimTime> {
        self.limiter.interval?;
        let (queued, _) = *self.waiting.first()?;
        Some(queued.max(self.limiter.next))
    }

    /// Notes that a drain is to happen at `at`; the epoch of the plan, unless it stands already.
    pub fn plan(&mut self, at: SimTime) -> Option<u32> {
        if self.planned == Some(at) {
            return None;
        }
        self.planned = Some(at);
        self.plan_epoch = self.plan_epoch.wrapping_add(1);
        Some(self.plan_epoch)
    }

    /// Whether a drain that arrives now is the one planned; the plan is then used up.
    pub fn arrive(&mut self, now: SimTime, epoch: u32) -> bool {
        let planned = self.planned == Some(now) && self.plan_epoch == epoch;
        if planned {
            self.planned = None;
        }
        planned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_follow_the_share_and_rates_the_state_and_the_size() {
        let rates = TaintRates {
            normal_milli: 100,
            secondary_milli: 10,
            large_zone: 50,
            threshold_milli: 550,
        };
        for (ready, not_ready, state, milli) in [
            (5, 2, ZoneState::Normal, 100),
            (0, 2, ZoneState::FullDisruption, 100),
            (1, 2, ZoneState::Normal, 100),
            (9, 11, ZoneState::PartialDisruption, 0),
            (23, 28, ZoneState::Normal, 100),
            (22, 29, ZoneState::PartialDisruption, 10),
        ] {
            assert_eq!(rates.state(ready, not_ready), state, "{ready} + {not_ready}");
            let interval = rates.interval(state, ready + not_ready);
            assert_eq!(interval, taint_interval(milli), "{ready} + {not_ready}");
        }
    }

    #[test]
    fn a_swapped_limiter_starts_empty_unless_the_old_one_was_full() {
        let ten = taint_interval(100);
        let at = SimTime::from_secs;
        let mut limiter = Limiter { interval: ten, next: SimTime::ZERO };
        assert!(limiter.take(at(0)) && !limiter.take(at(9)) && limiter.take(at(10)));
        limiter.swap(None, at(11));
        assert!(!limiter.take(at(1000)));
        limiter.swap(ten, at(1000));
        assert!(!limiter.take(at(1009)) && limiter.take(at(1010)));
        limiter.swap(taint_interval(1000), at(1020));
        assert!(limiter.take(at(1020)));
    }

    #[test]
    fn single_precision_makes_a_hundredth_slower() {
        assert!(taint_interval(100) <= Some(SimDuration::from_secs(10)));
        assert!(taint_interval(10) > Some(SimDuration::from_secs(100)));
        assert_eq!(taint_interval(0), None);
    }
}
