//! Simulated time: instants and durations in whole nanoseconds.
//!
//! Time is an unsigned 64-bit count of nanoseconds, so that equal instants are equal on every
//! machine and a run of five centuries fits. Text follows Go's duration syntax, which is what
//! Kubernetes users know. This module knows no calendar and no wall clock.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, Sub, SubAssign};
use std::str::FromStr;

use serde::{Serialize, Serializer};

const NANOS_PER_MICRO: u64 = 1_000;
const NANOS_PER_MILLI: u64 = 1_000_000;
const NANOS_PER_SEC: u64 = 1_000_000_000;
const NANOS_PER_MIN: u64 = 60 * NANOS_PER_SEC;
const NANOS_PER_HOUR: u64 = 60 * NANOS_PER_MIN;

/// Longest duration that text may name either way: Go's limit, 2^63 nanoseconds.
const MAX_PARSED_NANOS: i128 = 1 << 63;

/// An instant: nanoseconds since the scenario's start.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct SimTime(u64);

/// A span of simulated time in nanoseconds, never negative.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct SimDuration(u64);

impl SimTime {
    /// The scenario's start.
    pub const ZERO: SimTime = SimTime(0);
    /// The last representable instant; used as "never".
    pub const MAX: SimTime = SimTime(u64::MAX);

    /// The instant `nanos` nanoseconds after the start.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        SimTime(nanos)
    }

    /// The instant `millis` milliseconds after the start.
    ///
    /// # Panics
    /// If it lies beyond [`SimTime::MAX`] (584 years).
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        SimTime(SimDuration::from_millis(millis).0)
    }

    /// Milliseconds since the start, rounded down.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// The instant `secs` seconds after the start.
    ///
    /// # Panics
    /// If it lies beyond [`SimTime::MAX`] (584 years).
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        SimTime(SimDuration::from_secs(secs).0)
    }

    /// Nanoseconds since the start.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Seconds since the start, rounded to the nearest float: for statistics and output only.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        SimDuration(self.0).as_secs_f64()
    }

    /// The instant without its fraction of a second, as the Kubernetes API stores type `Time`.
    #[must_use]
    pub fn floor_to_second(self) -> SimTime {
        SimTime(self.0 - self.0 % NANOS_PER_SEC)
    }

    /// Time passed since `earlier`; zero if `earlier` is in fact later.
    #[must_use]
    pub fn saturating_since(self, earlier: SimTime) -> SimDuration {
        SimDuration(self.0.saturating_sub(earlier.0))
    }

    /// The instant `span` later, or [`SimTime::MAX`] if that is not representable.
    #[must_use]
    pub fn saturating_add(self, span: SimDuration) -> SimTime {
        SimTime(self.0.saturating_add(span.0))
    }

    /// The instant `span` later, if it is representable.
    #[must_use]
    pub fn checked_add(self, span: SimDuration) -> Option<SimTime> {
        self.0.checked_add(span.0).map(SimTime)
    }
}

impl SimDuration {
    /// No time at all.
    pub const ZERO: SimDuration = SimDuration(0);
    /// The longest representable span (584 years); used as "for ever".
    pub const MAX: SimDuration = SimDuration(u64::MAX);

    /// A span of `nanos` nanoseconds.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        SimDuration(nanos)
    }

    /// A span of `micros` microseconds.
    ///
    /// # Panics
    /// If it is longer than [`SimDuration::MAX`]; so do the constructors below.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        SimDuration::from_units(micros, NANOS_PER_MICRO)
    }

    /// A span of `millis` milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        SimDuration::from_units(millis, NANOS_PER_MILLI)
    }

    /// A span of `secs` seconds.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        SimDuration::from_units(secs, NANOS_PER_SEC)
    }

    /// A span of `mins` minutes.
    #[must_use]
    pub const fn from_mins(mins: u64) -> Self {
        SimDuration::from_units(mins, NANOS_PER_MIN)
    }

    /// A span of `hours` hours.
    #[must_use]
    pub const fn from_hours(hours: u64) -> Self {
        SimDuration::from_units(hours, NANOS_PER_HOUR)
    }

    const fn from_units(count: u64, unit_ns: u64) -> Self {
        match count.checked_mul(unit_ns) {
            Some(nanos) => SimDuration(nanos),
            None => panic!("a duration is longer than 584 years"),
        }
    }

    /// The span in nanoseconds.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The span in whole milliseconds, rounded down.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0 / NANOS_PER_MILLI
    }

    /// The span in whole seconds, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / NANOS_PER_SEC
    }

    /// The span in seconds, rounded to the nearest float: for statistics and output only.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "both parts are exact below 2^53")]
    pub fn as_secs_f64(self) -> f64 {
        let whole = (self.0 / NANOS_PER_SEC) as f64;
        let nanos = (self.0 % NANOS_PER_SEC) as f64;
        whole + nanos / 1e9
    }

    /// The span of `secs` seconds rounded to the nearest nanosecond (halves away from zero).
    ///
    /// `None` if `secs` is negative, not a number, or too large.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked first")]
    #[expect(clippy::cast_sign_loss, reason = "the sign is checked first")]
    pub fn from_secs_f64(secs: f64) -> Option<SimDuration> {
        const TWO_POW_64: f64 = 18_446_744_073_709_551_616.0;
        let nanos = (secs * 1e9).round();
        (secs >= 0.0 && nanos < TWO_POW_64).then_some(SimDuration(nanos as u64))
    }

    /// Whether this is no time at all.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// `factor` times the span, at most [`SimDuration::MAX`].
    #[must_use]
    pub const fn saturating_mul(self, factor: u64) -> SimDuration {
        SimDuration(self.0.saturating_mul(factor))
    }

    /// The two spans together, at most [`SimDuration::MAX`].
    #[must_use]
    pub const fn saturating_add(self, other: SimDuration) -> SimDuration {
        SimDuration(self.0.saturating_add(other.0))
    }

    /// What is left after taking `other` away, at least zero.
    #[must_use]
    pub const fn saturating_sub(self, other: SimDuration) -> SimDuration {
        SimDuration(self.0.saturating_sub(other.0))
    }

    /// The shorter of the two.
    #[must_use]
    pub const fn min(self, other: SimDuration) -> SimDuration {
        if self.0 <= other.0 { self } else { other }
    }

    /// The longer of the two.
    #[must_use]
    pub const fn max(self, other: SimDuration) -> SimDuration {
        if self.0 >= other.0 { self } else { other }
    }
}

const RANGE: &str = "simulated time left its range of 584 years";

impl Add<SimDuration> for SimTime {
    type Output = SimTime;
    fn add(self, span: SimDuration) -> SimTime {
        SimTime(self.0.checked_add(span.0).expect(RANGE))
    }
}

impl AddAssign<SimDuration> for SimTime {
    fn add_assign(&mut self, span: SimDuration) {
        *self = *self + span;
    }
}

impl Sub<SimDuration> for SimTime {
    type Output = SimTime;
    /// Panics if the result would lie before the start.
    fn sub(self, span: SimDuration) -> SimTime {
        SimTime(self.0.checked_sub(span.0).expect("an instant before the scenario's start"))
    }
}

impl Sub for SimTime {
    type Output = SimDuration;
    /// Panics if `earlier` is later than `self`; see [`SimTime::saturating_since`].
    fn sub(self, earlier: SimTime) -> SimDuration {
        SimDuration(self.0.checked_sub(earlier.0).expect("a negative span of time"))
    }
}

impl Add for SimDuration {
    type Output = SimDuration;
    fn add(self, other: SimDuration) -> SimDuration {
        SimDuration(self.0.checked_add(other.0).expect(RANGE))
    }
}

impl AddAssign for SimDuration {
    fn add_assign(&mut self, other: SimDuration) {
        *self = *self + other;
    }
}

impl Sub for SimDuration {
    type Output = SimDuration;
    fn sub(self, other: SimDuration) -> SimDuration {
        SimDuration(self.0.checked_sub(other.0).expect("a negative span of time"))
    }
}

impl SubAssign for SimDuration {
    fn sub_assign(&mut self, other: SimDuration) {
        *self = *self - other;
    }
}

impl Mul<u64> for SimDuration {
    type Output = SimDuration;
    fn mul(self, factor: u64) -> SimDuration {
        SimDuration(self.0.checked_mul(factor).expect(RANGE))
    }
}

impl Div<u64> for SimDuration {
    type Output = SimDuration;
    /// Rounds down.
    fn div(self, divisor: u64) -> SimDuration {
        SimDuration(self.0 / divisor)
    }
}

impl Sum for SimDuration {
    fn sum<I: Iterator<Item = SimDuration>>(spans: I) -> SimDuration {
        spans.fold(SimDuration::ZERO, Add::add)
    }
}

impl Serialize for SimTime {
    /// Seconds since the start, as a number.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        SimDuration(self.0).serialize(serializer)
    }
}

impl Serialize for SimDuration {
    /// Seconds, as a number: a whole one where they are whole.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_multiple_of(NANOS_PER_SEC) {
            serializer.serialize_u64(self.as_secs())
        } else {
            serializer.serialize_f64(self.as_secs_f64())
        }
    }
}

impl fmt::Display for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SimDuration(self.0).fmt(f)
    }
}

impl fmt::Display for SimDuration {
    /// Go's style without empty parts, exact: `0s`, `250ms`, `1.5s`, `10m`, `1h30m`, `6m12s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0 {
            0 => "0s".to_owned(),
            nanos if nanos < NANOS_PER_MICRO => format!("{nanos}ns"),
            nanos if nanos < NANOS_PER_MILLI => decimal(nanos, NANOS_PER_MICRO) + "µs",
            nanos if nanos < NANOS_PER_SEC => decimal(nanos, NANOS_PER_MILLI) + "ms",
            nanos => clock(nanos),
        };
        f.pad(&text)
    }
}

/// `nanos` in hours, minutes and seconds, leaving out the parts that are zero.
fn clock(nanos: u64) -> String {
    let hours = nanos / NANOS_PER_HOUR;
    let minutes = nanos % NANOS_PER_HOUR / NANOS_PER_MIN;
    let seconds = nanos % NANOS_PER_MIN;
    let mut text = String::new();
    if hours > 0 {
        text += &format!("{hours}h");
    }
    if minutes > 0 {
        text += &format!("{minutes}m");
    }
    if seconds > 0 {
        text += &decimal(seconds, NANOS_PER_SEC);
        text.push('s');
    }
    text
}

/// `nanos / unit_ns` as an exact decimal fraction without trailing zeros; `unit_ns` is a power of
/// ten.
fn decimal(nanos: u64, unit_ns: u64) -> String {
    let (whole, rest) = (nanos / unit_ns, nanos % unit_ns);
    if rest == 0 {
        return whole.to_string();
    }
    let digits = unit_ns.ilog10() as usize;
    let fraction = format!("{rest:0digits$}");
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

/// Why a text is not a duration. `Display` says what is right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// The text is empty.
    #[error("a duration is missing; write for example `30s` or `1h30m`")]
    Empty,
    /// The text starts with a minus sign.
    #[error("`{0}` is negative; a duration is zero or longer")]
    Negative(String),
    /// A number has no unit behind it.
    #[error("`{text}` has no unit; write `{text}s` for seconds (units: h, m, s, ms, us, ns)")]
    NoUnit {
        /// The text as given.
        text: String,
    },
    /// Days, weeks or years, which Go's syntax does not have.
    #[error("a duration has no unit `{unit}`; write hours, for example `24h` for one day")]
    LongUnit {
        /// The unit as given.
        unit: String,
    },
    /// Letters that are no unit.
    #[error("`{unit}` in `{text}` is no unit of time (units: h, m, s, ms, us, ns)")]
    UnknownUnit {
        /// The unit as given.
        unit: String,
        /// The text as given.
        text: String,
    },
    /// Something else than numbers followed by units.
    #[error("`{0}` is no duration; write for example `30s`, `1.5s` or `1h30m`, without blanks")]
    Malformed(String),
    /// More than a signed 64-bit count of nanoseconds.
    #[error("`{0}` is too long; the longest duration is 2562047h47m (292 years)")]
    TooLong(String),
}

impl FromStr for SimDuration {
    type Err = DurationError;

    /// Reads Go's duration syntax: one or more numbers, each with a unit, or a bare `0`.
    ///
    /// The arithmetic is exact; what is left below one nanosecond is dropped, as Go does.
    fn from_str(text: &str) -> Result<Self, DurationError> {
        let nanos = parse_nanos(text)?;
        match u64::try_from(nanos) {
            Ok(nanos) if !text.starts_with('-') => Ok(SimDuration(nanos)),
            _ => Err(DurationError::Negative(text.to_owned())),
        }
    }
}

/// Reads Go's duration syntax with its sign, in nanoseconds: what `time.ParseDuration` gives.
///
/// # Errors
/// If the text is no duration.
pub fn parse_nanos(text: &str) -> Result<i64, DurationError> {
    if text.is_empty() {
        return Err(DurationError::Empty);
    }
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(DurationError::Malformed(text.to_owned()));
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let (nanos, tail) = parse_part(rest, text)?;
        total += i128::try_from(nanos).unwrap_or(i128::MAX / 2);
        rest = tail;
        if total > MAX_PARSED_NANOS {
            return Err(DurationError::TooLong(text.to_owned()));
        }
    }
    let signed = if text.starts_with('-') { -total } else { total };
    i64::try_from(signed).map_err(|_| DurationError::TooLong(text.to_owned()))
}

/// A signed count of nanoseconds as Go writes a duration: `1h0m0s`, `-5m0s`, `1.5s`, `20µs`.
#[must_use]
pub fn go_text(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    if nanos < NANOS_PER_SEC {
        return format!("{sign}{}", SimDuration(nanos));
    }
    let (hours, minutes) = (nanos / NANOS_PER_HOUR, nanos % NANOS_PER_HOUR / NANOS_PER_MIN);
    let seconds = decimal(nanos % NANOS_PER_MIN, NANOS_PER_SEC);
    match (hours, minutes) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, _) => format!("{sign}{minutes}m{seconds}s"),
        (_, _) => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

/// Reads one number and its unit from the front of `rest`; `text` is the whole, for messages.
fn parse_part<'a>(rest: &'a str, text: &str) -> Result<(u128, &'a str), DurationError> {
    let malformed = || DurationError::Malformed(text.to_owned());
    let (whole, after) = split_while(rest, |c| c.is_ascii_digit());
    let (fraction, after) = match after.strip_prefix('.') {
        Some(tail) => split_while(tail, |c| c.is_ascii_digit()),
        None => ("", after),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(malformed());
    }
    let (unit, tail) = split_while(after, |c| c != '.' && !c.is_ascii_digit());
    let unit_ns = unit_nanos(unit, text)?;
    let whole_ns = if whole.is_empty() {
        0
    } else {
        let count: u64 = whole.parse().map_err(|_| DurationError::TooLong(text.to_owned()))?;
        u128::from(count) * u128::from(unit_ns)
    };
    Ok((whole_ns + fraction_nanos(fraction, unit_ns), tail))
}

/// `0.fraction` units in nanoseconds, rounded down.
fn fraction_nanos(fraction: &str, unit_ns: u64) -> u128 {
    // Horner's rule from the last digit. Rounding down at every step is exact for any number of
    // digits, because ⌊(a + x)/10⌋ = ⌊(a + ⌊x⌋)/10⌋ for whole a.
    let nanos = fraction
        .bytes()
        .rev()
        .fold(0, |below, digit| (unit_ns * u64::from(digit - b'0') + below) / 10);
    u128::from(nanos)
}

fn unit_nanos(unit: &str, text: &str) -> Result<u64, DurationError> {
    match unit {
        "ns" => Ok(1),
        // Both code points for the micro sign.
        "us" | "\u{b5}s" | "\u{3bc}s" => Ok(NANOS_PER_MICRO),
        "ms" => Ok(NANOS_PER_MILLI),
        "s" => Ok(NANOS_PER_SEC),
        "m" => Ok(NANOS_PER_MIN),
        "h" => Ok(NANOS_PER_HOUR),
        "" => Err(DurationError::NoUnit { text: text.to_owned() }),
        "d" | "day" | "days" | "w" | "y" => Err(DurationError::LongUnit { unit: unit.to_owned() }),
        _ if unit.contains(char::is_whitespace) => Err(DurationError::Malformed(text.to_owned())),
        _ => Err(DurationError::UnknownUnit { unit: unit.to_owned(), text: text.to_owned() }),
    }
}

fn split_while(text: &str, keep: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !keep(c)).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests;
