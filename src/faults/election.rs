//! Leader election of control-plane components: when somebody leads again after a leader died.
//!
//! Candidates poll the lease record, each on its own, every retry period × (1 + U[0, 1.2]). A
//! candidate takes over at the first poll at which it has seen the record unchanged for the
//! lease duration, by its own clock.

use crate::base::time::{SimDuration, SimTime};
use crate::model::LeaderElection;
use crate::rng::Stream;

/// By how much a poll may come later than the retry period, as a share of it.
const JITTER: f64 = 1.2;

/// Life of a process that finds no API server when it starts.
const FRUITLESS_LIFE: SimDuration = SimDuration::from_secs(1);

/// First and longest wait of the supervisor (a kubelet's CrashLoopBackOff).
const SUPERVISOR_FIRST: SimDuration = SimDuration::from_secs(10);
const SUPERVISOR_MAX: SimDuration = SimDuration::from_secs(300);

/// How the last leader ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Last {
    /// When it stopped renewing.
    pub died_at: SimTime,
    /// It has released its lease.
    pub graceful: bool,
}

/// When the supervisor of a process that exited at `exit` starts the one that finds the API server
/// writable at `back`: at once the first time, then after 10, 20, 40 … 300 s from each exit.
#[must_use]
pub fn restart(exit: SimTime, back: SimTime) -> SimTime {
    let (mut start, mut wait) = (exit, SUPERVISOR_FIRST);
    while start < back {
        start = start.saturating_add(FRUITLESS_LIFE).saturating_add(wait);
        wait = wait.saturating_mul(2).min(SUPERVISOR_MAX);
    }
    start
}

/// The instant at which a new leader holds the lease, of an API server that can write from
/// `writable_from` on.
///
/// With more than one replica a standby takes over, whatever the supervisor of the dead process
/// does: it saw the leader's last renewal at its next poll after it and waits for the lease
/// duration from there, polling on while nobody answers. A single replica is started again at
/// `supervisor_up_at` under another identity; to it the record is new, so that it watches it for a
/// whole lease duration. A leader that shut down gracefully has released its lease: the next poll
/// takes it.
///
/// Draws: the phase of the leader's renewals, then per standby the phase of its polls and their
/// gaps. Returns [`SimTime::MAX`] if nobody ever comes back.
pub fn leader_takeover(
    election: &LeaderElection,
    last: Last,
    supervisor_up_at: SimTime,
    writable_from: SimTime,
    stream: &mut Stream,
) -> SimTime {
    let Last { died_at, graceful } = last;
    let wait = if graceful { SimDuration::ZERO } else { election.lease_duration };
    let since_renewal = share(election.retry_period, stream.uniform());
    if election.replicas <= 1 {
        return poll_until(election, supervisor_up_at.max(writable_from), wait, stream);
    }
    let changed = if graceful { SimDuration::ZERO } else { since_renewal };
    let changed_at = SimTime::from_nanos(died_at.as_nanos().saturating_sub(changed.as_nanos()));
    let takeovers = (1..election.replicas).map(|_| {
        let gap = gap(election, stream);
        let seen = changed_at.saturating_add(share(gap, stream.uniform()));
        let from = writable_from.max(seen.saturating_add(wait));
        let wait = from.saturating_since(seen);
        poll_until(election, seen, wait, stream).max(died_at)
    });
    takeovers.min().unwrap_or(SimTime::MAX)
}

/// The first poll, of polls from `seen` on, that comes `wait` after it or later.
fn poll_until(
    election: &LeaderElection,
    seen: SimTime,
    wait: SimDuration,
    stream: &mut Stream,
) -> SimTime {
    let expires = seen.saturating_add(wait);
    let mut poll = seen;
    while poll < expires {
        poll = poll.saturating_add(gap(election, stream));
    }
    poll
}

/// Time between two polls.
fn gap(election: &LeaderElection, stream: &mut Stream) -> SimDuration {
    let period = election.retry_period.max(SimDuration::from_millis(1));
    period.saturating_add(share(period, JITTER * stream.uniform()))
}

fn share(whole: SimDuration, share: f64) -> SimDuration {
    SimDuration::from_secs_f64(whole.as_secs_f64() * share).unwrap_or(SimDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{StreamKind, Streams};

    fn election(replicas: u32) -> LeaderElection {
        LeaderElection {
            lease_duration: SimDuration::from_secs(15),
            renew_deadline: SimDuration::from_secs(10),
            retry_period: SimDuration::from_secs(2),
            replicas,
        }
    }

    /// Seconds from the crash to the takeover, over many crashes: least, mean, most.
    fn waits(replicas: u32, back_after_s: u64, graceful: bool) -> (f64, f64, f64) {
        let streams = Streams::new(7, 0);
        let crash = SimTime::from_secs(1000);
        let back = SimTime::from_secs(1000 + back_after_s);
        let waits: Vec<f64> = (0..2000)
            .map(|n| {
                let mut stream = streams.stream(StreamKind::LeaderElection, n);
                let last = Last { died_at: crash, graceful };
                let at = leader_takeover(&election(replicas), last, back, crash, &mut stream);
                at.saturating_since(crash).as_secs_f64()
            })
            .collect();
        let mean = waits.iter().sum::<f64>() / 2000.0;
        let least = waits.iter().copied().fold(f64::INFINITY, f64::min);
        (least, mean, waits.iter().copied().fold(0.0, f64::max))
    }

    #[test]
    fn a_standby_waits_for_the_lease_and_a_poll() {
        let (least, mean, most) = waits(2, 0, false);
        assert!(least >= 13.0 && most <= 23.8, "{least} to {most}");
        assert!((16.5..18.5).contains(&mean), "{mean}");
    }

    #[test]
    fn more_standbys_are_quicker() {
        assert!(waits(5, 0, false).1 < waits(2, 0, false).1 - 0.5);
    }

    #[test]
    fn a_released_lease_is_taken_at_the_next_poll() {
        let (least, mean, most) = waits(2, 0, true);
        assert!(least < 0.1 && mean < 2.2 && most <= 4.4, "{least} {mean} {most}");
        assert_eq!(waits(1, 30, true), (30.0, 30.0, 30.0));
    }

    #[test]
    fn a_single_replica_watches_the_old_lease_after_its_restart() {
        let (least, mean, most) = waits(1, 30, false);
        assert!(least >= 45.0 && most <= 49.4, "{least} to {most}");
        assert!((46.0..48.0).contains(&mean), "{mean}");
    }

    #[test]
    fn a_process_that_never_comes_back_never_leads() {
        let mut stream = Streams::new(7, 0).stream(StreamKind::LeaderElection, 0);
        let last = Last { died_at: SimTime::from_secs(5), graceful: false };
        let never = leader_takeover(&election(1), last, SimTime::MAX, last.died_at, &mut stream);
        assert_eq!(never, SimTime::MAX);
    }
}
