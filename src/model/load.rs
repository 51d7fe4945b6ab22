//! What users ask of Services, and what becomes of a node that has more work than CPU.

use super::ServiceId;
use crate::base::time::SimDuration;

/// Work offered to a Service: its ready endpoints share it evenly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// The Service.
    pub service: ServiceId,
    /// CPU that serving all of it takes, thousandths of a core: from Monday to Friday, and on
    /// Saturday and Sunday (UTC).
    pub cpu_milli: [u64; 2],
}

/// Nodes that crash when they are short of CPU for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overload {
    /// Share of its CPU, in thousandths, from which a node is overloaded.
    pub utilisation_milli: u64,
    /// How long it bears that.
    pub crashes_after: SimDuration,
    /// How long it stays without power; then it boots.
    pub lasts: SimDuration,
}

/// Seconds of a day.
const DAY_S: i64 = 86_400;

/// Whether a Unix time (seconds) falls on a Saturday or Sunday in UTC.
#[must_use]
pub fn is_weekend(unix_s: i64) -> bool {
    // The first of January 1970 was a Thursday.
    (unix_s.div_euclid(DAY_S) + 3).rem_euclid(7) >= 5
}

/// Seconds from a Unix time until the next day begins in UTC; at least one.
#[must_use]
pub fn until_next_day_s(unix_s: i64) -> i64 {
    DAY_S - unix_s.rem_euclid(DAY_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weekends_are_saturday_and_sunday() {
        // 2019-01-18 was a Friday.
        let friday = 1_547_769_600;
        let days: Vec<bool> = (0..7).map(|day| is_weekend(friday + day * DAY_S + 5)).collect();
        assert_eq!(days, [false, true, true, false, false, false, false]);
        assert!(is_weekend(-5 * DAY_S - 1 + 1) && !is_weekend(0));
        assert_eq!([friday, friday + 1, friday - 1].map(until_next_day_s), [DAY_S, DAY_S - 1, 1]);
    }
}
