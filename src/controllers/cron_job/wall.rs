//! Instants of the civil calendar: nanoseconds around the Unix epoch, and what a clock in some time
//! zone shows at them.
//!
//! Arithmetic is that of Go's `time` package, on which the CronJob controller stands: days and
//! months that are too large carry over, and a wall-clock time that does not exist or exists twice
//! becomes an instant by one rule. Offsets come from the time zone database inside the `jiff`
//! crate, never from the machine's files. It knows nothing of schedules.

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::base::time::SimDuration;

const NANOS: i128 = 1_000_000_000;
const DAY: i64 = 86_400;

/// An instant: nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime(i128);

impl WallTime {
    /// Go's zero time, which stands for "none": 0001-01-01T00:00:00Z.
    pub const NONE: Self = Self::from_secs(-62_135_596_800);

    /// The instant of a whole Unix second.
    #[must_use]
    pub const fn from_secs(unix: i64) -> Self {
        Self(unix as i128 * NANOS)
    }

    /// Unix seconds, rounded down.
    #[must_use]
    pub fn secs(self) -> i64 {
        i64::try_from(self.0.div_euclid(NANOS)).expect("instants are built from 64-bit seconds")
    }

    /// Nanoseconds since the last whole second.
    #[must_use]
    pub fn subsec_nanos(self) -> i64 {
        i64::try_from(self.0.rem_euclid(NANOS)).expect("a remainder below a second")
    }

    /// The instant `nanos` nanoseconds later.
    #[must_use]
    pub const fn plus_nanos(self, nanos: i64) -> Self {
        Self(self.0 + nanos as i128)
    }

    /// The instant `secs` seconds later.
    #[must_use]
    pub const fn plus_secs(self, secs: i64) -> Self {
        Self(self.0 + secs as i128 * NANOS)
    }

    /// The instant a simulated time after this one.
    #[must_use]
    pub fn plus(self, span: SimDuration) -> Self {
        Self(self.0 + i128::from(span.as_nanos()))
    }

    /// Nanoseconds from `earlier` to this instant, held within 64 bits as Go's `Sub` does.
    #[must_use]
    pub fn nanos_since(self, earlier: Self) -> i64 {
        let nanos = (self.0 - earlier.0).clamp(i128::from(i64::MIN), i128::from(i64::MAX));
        i64::try_from(nanos).expect("it is clamped")
    }
}

/// What a clock and a calendar show. Fields may be out of range before they are made an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// Year.
    pub year: i64,
    /// Month, 1 to 12.
    pub month: i64,
    /// Day of the month, from 1.
    pub day: i64,
    /// Hour.
    pub hour: i64,
    /// Minute.
    pub minute: i64,
    /// Second.
    pub second: i64,
    /// Day of the week, 0 for Sunday; not read when an instant is made.
    pub weekday: i64,
}

impl Civil {
    /// Seconds since the epoch if the clock showed UTC.
    fn as_utc_secs(self) -> i64 {
        let days = days_from_civil(self.year, self.month, self.day);
        days * DAY + self.hour * 3600 + self.minute * 60 + self.second
    }

    /// What the clock shows at a local count of seconds.
    fn from_local_secs(local: i64) -> Self {
        let (days, of_day) = (local.div_euclid(DAY), local.rem_euclid(DAY));
        let (year, month, day) = civil_from_days(days);
        Self {
            year,
            month,
            day,
            hour: of_day / 3600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
            weekday: (days + 4).rem_euclid(7),
        }
    }
}

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar. Months and days out of
/// range carry over. Years are counted from March, so that the leap day is a year's last day.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let months = year * 12 + (month - 1) - 2;
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12));
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let before_month = (153 * month + 2) / 5;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + before_month + (day - 1) - 719_468
}

/// The inverse of [`days_from_civil`]: year, month and day.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next_year, month, day)
}

/// A time zone of the database inside the program.
#[derive(Clone, Debug)]
pub struct Zone(TimeZone);

impl Zone {
    /// Coordinated universal time.
    #[must_use]
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// The zone of that name, spelt exactly; "" and `UTC` are UTC, and so is `Local`, the zone of
    /// the controller's machine. `None` for a name that is unknown.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        if ["", "UTC", "Local"].contains(&name) {
            return Some(Self::utc());
        }
        let zone = TimeZoneDatabase::bundled().get(name).ok()?;
        (zone.iana_name() == Some(name)).then_some(Self(zone))
    }

    /// Seconds that local clocks are ahead of UTC.
    fn offset(&self, unix: i64) -> i64 {
        Timestamp::from_second(unix)
            .map_or(0, |instant| i64::from(self.0.to_offset(instant).seconds()))
    }

    /// What clocks in this zone show.
    #[must_use]
    pub fn civil(&self, at: WallTime) -> Civil {
        Civil::from_local_secs(at.secs() + self.offset(at.secs()))
    }

    /// The instant at which clocks in this zone show that time. Go's rule: the offset in force when
    /// UTC clocks show it gives a first guess, the offset in force at the guess is used.
    #[must_use]
    pub fn instant(&self, civil: Civil) -> WallTime {
        let local = civil.as_utc_secs();
        let guess = local - self.offset(local);
        WallTime::from_secs(local - self.offset(guess))
    }
}

/// RFC 1123 with a numeric zone, in UTC: `Mon, 02 Jan 2006 15:04:05 +0000`.
#[must_use]
pub fn rfc_1123(at: WallTime) -> String {
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let civil = Civil::from_local_secs(at.secs());
    let name = |names: &[&'static str], at: i64| {
        let at = usize::try_from(at).expect("a calendar field is not negative");
        names[at]
    };
    let Civil { year, day, hour, minute, second, .. } = civil;
    let (weekday, month) = (name(&DAYS, civil.weekday), name(&MONTHS, civil.month - 1));
    format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} +0000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_days_are_inverse_and_carry_over() {
        for days in (-800_000..800_000).step_by(17) {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days);
        }
        assert_eq!(days_from_civil(1970, 1, 1), 0);
        assert_eq!(civil_from_days(days_from_civil(2024, 2, 29)), (2024, 2, 29));
        assert_eq!(civil_from_days(days_from_civil(2025, 2, 29)), (2025, 3, 1));
        assert_eq!(civil_from_days(days_from_civil(2025, 13, 1)), (2026, 1, 1));
        assert_eq!(civil_from_days(days_from_civil(2025, 3, 0)), (2025, 2, 28));
    }

    #[test]
    fn an_instant_is_told_in_words() {
        assert_eq!(rfc_1123(WallTime::from_secs(1_767_225_600)), "Thu, 01 Jan 2026 00:00:00 +0000");
        assert_eq!(rfc_1123(WallTime::from_secs(-1)), "Wed, 31 Dec 1969 23:59:59 +0000");
    }

    #[test]
    fn gaps_and_folds_follow_the_rule_of_go() {
        let zone = Zone::named("America/New_York").expect("it is in the database");
        let at = |month, day, hour| {
            let civil = Civil { year: 2026, month, day, hour, minute: 30, second: 0, weekday: 0 };
            zone.civil(zone.instant(civil))
        };
        // 8 March 2026, 02:30 does not exist: with the offset after the change it is 01:30.
        assert_eq!((at(3, 8, 2).hour, at(3, 8, 2).minute), (1, 30));
        // 1 November 2026, 01:30 exists twice.
        assert_eq!((at(11, 1, 1).hour, at(11, 1, 1).minute), (1, 30));
    }

    #[test]
    fn zones_are_spelt_exactly_and_come_with_the_program() {
        assert!(Zone::named("Australia/Lord_Howe").is_some());
        assert!(Zone::named("america/new_york").is_none());
        assert!(Zone::named("Not/AZone").is_none());
        assert!(Zone::named("../etc/passwd").is_none());
        assert!(Zone::named("UTC").is_some() && Zone::named("Local").is_some());
    }
}
