//! Cron schedules as text: five fields with names, ranges and steps, the words that begin with
//! `@`, and a time zone in front.
//!
//! What is accepted and how errors read follows the standard parser of the `robfig/cron` library
//! (version 3), which the CronJob controller uses. It knows nothing of instants.

use super::wall::Zone;
use crate::base::time::parse_nanos;

/// Set in a field that was written `*` or `?`: of day of month and day of week such a one does not
/// count.
pub(super) const STAR: u64 = 1 << 63;

/// When something is due.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// The rule.
    pub(super) rule: Rule,
    /// The zone whose clocks the rule reads.
    pub(super) zone: Zone,
}

/// The kinds of schedules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// Every so many seconds after the last time.
    Every(i64),
    /// Whenever the clock shows it.
    At(Fields),
}

/// Allowed values of each field as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) minute: u64,
    pub(super) hour: u64,
    pub(super) day: u64,
    pub(super) month: u64,
    pub(super) weekday: u64,
}

/// Why a text is no schedule, in the library's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// No text.
    #[error("empty spec string")]
    Empty,
    /// A time zone that is unknown or has no schedule behind it.
    #[error("provided bad location {0}: unknown time zone {0}")]
    BadZone(String),
    /// Too few or too many fields.
    #[error("expected exactly 5 fields, found {0}: {1:?}")]
    Fields(usize, Vec<String>),
    /// A word after `@` that means nothing.
    #[error("unrecognized descriptor: {0}")]
    Descriptor(String),
    /// What follows `@every` is no duration.
    #[error("failed to parse duration {0}")]
    Duration(String),
    /// No number.
    #[error("failed to parse int from {0}")]
    Number(String),
    /// A number below zero.
    #[error("negative number ({0}) not allowed: {1}")]
    Negative(i64, String),
    /// `1-2-3`.
    #[error("too many hyphens: {0}")]
    Hyphens(String),
    /// `*/2/3`.
    #[error("too many slashes: {0}")]
    Slashes(String),
    /// A range below the field's values.
    #[error("beginning of range ({0}) below minimum ({1}): {2}")]
    BelowMinimum(u64, u64, String),
    /// A range above the field's values.
    #[error("end of range ({0}) above maximum ({1}): {2}")]
    AboveMaximum(u64, u64, String),
    /// A range that ends before it begins.
    #[error("beginning of range ({0}) beyond end of range ({1}): {2}")]
    Reversed(u64, u64, String),
    /// Steps of zero.
    #[error("step of range should be a positive number: {0}")]
    ZeroStep(String),
}

/// The values a field may have, and their names.
struct Bounds {
    min: u64,
    max: u64,
    names: &'static [&'static str],
}

const MINUTE: Bounds = Bounds { min: 0, max: 59, names: &[] };
const HOUR: Bounds = Bounds { min: 0, max: 23, names: &[] };
const DAY: Bounds = Bounds { min: 1, max: 31, names: &[] };
const MONTH: Bounds = Bounds {
    min: 1,
    max: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
const WEEKDAY: Bounds =
    Bounds { min: 0, max: 6, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };

impl Schedule {
    /// Reads a schedule. Without a prefix `TZ=zone` or `CRON_TZ=zone` its clock is UTC.
    ///
    /// # Errors
    /// If the text is no schedule.
    pub fn parse(text: &str) -> Result<Self, ScheduleError> {
        let (zone, text) = split_zone(text)?;
        if text.is_empty() {
            return Err(ScheduleError::Empty);
        }
        if text.starts_with('@') {
            return Ok(Self { rule: descriptor(text)?, zone });
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = words[..] else {
            let found = words.iter().map(|&word| word.to_owned()).collect();
            return Err(ScheduleError::Fields(words.len(), found));
        };
        let fields = Fields {
            minute: field(minute, &MINUTE)?,
            hour: field(hour, &HOUR)?,
            day: field(day, &DAY)?,
            month: field(month, &MONTH)?,
            weekday: field(weekday, &WEEKDAY)?,
        };
        Ok(Self { rule: Rule::At(fields), zone })
    }
}

/// Takes a time zone off the front.
fn split_zone(text: &str) -> Result<(Zone, &str), ScheduleError> {
    let Some(rest) = text.strip_prefix("TZ=").or_else(|| text.strip_prefix("CRON_TZ=")) else {
        return Ok((Zone::utc(), text));
    };
    let bad = |name: &str| ScheduleError::BadZone(name.to_owned());
    let (name, rest) = rest.split_once(' ').ok_or_else(|| bad(rest))?;
    Ok((Zone::named(name).ok_or_else(|| bad(name))?, rest.trim()))
}

/// The words that begin with `@`.
fn descriptor(text: &str) -> Result<Rule, ScheduleError> {
    let all = |bounds: &Bounds| bits(bounds.min, bounds.max, 1) | STAR;
    let hourly = Fields {
        minute: 1,
        hour: all(&HOUR),
        day: all(&DAY),
        month: all(&MONTH),
        weekday: all(&WEEKDAY),
    };
    let daily = Fields { hour: 1, ..hourly };
    let first = 1 << 1;
    Ok(Rule::At(match text {
        "@yearly" | "@annually" => Fields { day: first, month: first, ..daily },
        "@monthly" => Fields { day: first, ..daily },
        "@weekly" => Fields { weekday: 1, ..daily },
        "@daily" | "@midnight" => daily,
        "@hourly" => hourly,
        _ => {
            let Some(every) = text.strip_prefix("@every ") else {
                return Err(ScheduleError::Descriptor(text.to_owned()));
            };
            let nanos = parse_nanos(every).map_err(|_| ScheduleError::Duration(text.to_owned()))?;
            // Whole seconds, and at least one.
            return Ok(Rule::Every((nanos / 1_000_000_000).max(1)));
        }
    }))
}

/// A list of ranges, separated by commas.
fn field(text: &str, bounds: &Bounds) -> Result<u64, ScheduleError> {
    let ranges = text.split(',').filter(|range| !range.is_empty());
    ranges.map(|text| range(text, bounds)).try_fold(0, |bits, range| Ok(bits | range?))
}

/// `number`, `number-number` or `*`, with `/step` behind it or not.
fn range(text: &str, bounds: &Bounds) -> Result<u64, ScheduleError> {
    let mut parts = text.split('/');
    let whole = parts.next().unwrap_or_default();
    let mut ends = whole.split('-');
    let (low, high, more) = (ends.next().unwrap_or_default(), ends.next(), ends.next());
    let (start, mut end, mut extra) = if low == "*" || low == "?" {
        (bounds.min, bounds.max, STAR)
    } else {
        let start = value(low, bounds)?;
        if more.is_some() {
            return Err(ScheduleError::Hyphens(text.to_owned()));
        }
        (start, high.map_or(Ok(start), |high| value(high, bounds))?, 0)
    };
    let mut step = 1;
    if let Some(written) = parts.next() {
        step = number(written)?;
        if parts.next().is_some() {
            return Err(ScheduleError::Slashes(text.to_owned()));
        }
        // `5/15` is `5-max/15`.
        if high.is_none() {
            end = bounds.max;
        }
        if step > 1 {
            extra = 0;
        }
    }
    let text = || text.to_owned();
    if start < bounds.min {
        return Err(ScheduleError::BelowMinimum(start, bounds.min, text()));
    }
    if end > bounds.max {
        return Err(ScheduleError::AboveMaximum(end, bounds.max, text()));
    }
    if start > end {
        return Err(ScheduleError::Reversed(start, end, text()));
    }
    if step == 0 {
        return Err(ScheduleError::ZeroStep(text()));
    }
    Ok(bits(start, end, step) | extra)
}

/// The bits from `start` to `end`, every `step`-th.
fn bits(start: u64, end: u64, step: u64) -> u64 {
    let step = usize::try_from(step).unwrap_or(usize::MAX);
    (start..=end).step_by(step).fold(0, |bits, at| bits | 1 << at)
}

/// A number or a name of the field.
fn value(text: &str, bounds: &Bounds) -> Result<u64, ScheduleError> {
    let name = text.to_lowercase();
    match bounds.names.iter().position(|known| *known == name) {
        Some(at) => Ok(bounds.min + u64::try_from(at).expect("a short list")),
        None => number(text),
    }
}

/// A number that is not negative, a sign in front or not.
fn number(text: &str) -> Result<u64, ScheduleError> {
    let read: i64 = text.parse().map_err(|_| ScheduleError::Number(text.to_owned()))?;
    u64::try_from(read).map_err(|_| ScheduleError::Negative(read, text.to_owned()))
}
