//! Kubernetes resource quantities (`500m`, `1.5Gi`, `2e3`), exact.
//!
//! A quantity is a whole number of nano-units, as fine as Kubernetes goes, and remembers the
//! notation it was written in. What it measures (processors, bytes, pods) is not known here.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

mod help;
mod reading;

pub use reading::Reading;

const NANOS_PER_UNIT: i128 = 1_000_000_000;
const NANOS_PER_MILLI: i128 = 1_000_000;

/// Powers of ten that decimal suffixes stand for; the API writes thousands as `k`.
const DECIMAL_SUFFIXES: [(&str, i32); 10] = [
    ("n", -9),
    ("u", -6),
    ("m", -3),
    ("", 0),
    ("k", 3),
    ("M", 6),
    ("G", 9),
    ("T", 12),
    ("P", 15),
    ("E", 18),
];

/// Powers of two that binary suffixes stand for.
const BINARY_SUFFIXES: [(&str, u32); 6] =
    [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];

/// A resource quantity: an exact number of nano-units and the notation it prints in.
///
/// Quantities compare by number alone: `1Ki` equals `1024`.
#[derive(Copy, Clone, Debug)]
pub struct Quantity {
    nanos: i128,
    notation: Notation,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Notation {
    /// `100m`, `2`, `3G`.
    DecimalSi,
    /// `3e9`.
    DecimalExponent,
    /// `3Gi`.
    BinarySi,
}

impl Quantity {
    /// Nothing.
    pub const ZERO: Quantity = Quantity { nanos: 0, notation: Notation::DecimalSi };

    /// `units` whole units.
    #[must_use]
    pub const fn from_int(units: i64) -> Self {
        Quantity { nanos: units as i128 * NANOS_PER_UNIT, notation: Notation::DecimalSi }
    }

    /// `bytes` units, in the notation of bytes (`3Gi`).
    #[must_use]
    pub const fn from_bytes(bytes: i64) -> Self {
        Quantity { nanos: bytes as i128 * NANOS_PER_UNIT, notation: Notation::BinarySi }
    }

    /// `milli_units` thousandths of a unit.
    #[must_use]
    pub const fn from_milli(milli_units: i64) -> Self {
        Quantity { nanos: milli_units as i128 * NANOS_PER_MILLI, notation: Notation::DecimalSi }
    }

    /// The quantity in whole units, rounded away from zero and capped to 64 bits.
    #[must_use]
    pub fn value(self) -> i64 {
        scaled(self.nanos, NANOS_PER_UNIT)
    }

    /// The quantity in thousandths of a unit, rounded away from zero and capped to 64 bits.
    ///
    /// Fidelity: Kubernetes' own arithmetic overflows above 2^63 − 1 thousandths; this is capped.
    #[must_use]
    pub fn milli_value(self) -> i64 {
        scaled(self.nanos, NANOS_PER_MILLI)
    }

    /// Whether the quantity is zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.nanos == 0
    }

    /// Whether the quantity is below zero.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.nanos < 0
    }

    /// The sum, in the notation of `self`, or of `other` where `self` is zero.
    #[must_use]
    pub fn saturating_add(self, other: Quantity) -> Quantity {
        let notation = if self.is_zero() { other.notation } else { self.notation };
        Quantity { nanos: self.nanos.saturating_add(other.nanos), notation }
    }

    /// The difference, in the notation of `self`, or of `other` where `self` is zero.
    #[must_use]
    pub fn saturating_sub(self, other: Quantity) -> Quantity {
        let notation = if self.is_zero() { other.notation } else { self.notation };
        Quantity { nanos: self.nanos.saturating_sub(other.nanos), notation }
    }
}

/// How `a` compares with `b`, their sum and their difference.
#[must_use]
pub fn arithmetic(a: Quantity, b: Quantity) -> (Ordering, Quantity, Quantity) {
    (a.cmp(&b), a.saturating_add(b), a.saturating_sub(b))
}

/// `nanos / unit`, rounded away from zero and capped to 64 bits.
fn scaled(nanos: i128, unit: i128) -> i64 {
    let away = if nanos % unit == 0 { 0 } else { nanos.signum() };
    let count = nanos / unit + away;
    i64::try_from(count).unwrap_or(if count < 0 { i64::MIN } else { i64::MAX })
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

impl fmt::Display for Quantity {
    /// The canonical form: no fraction, no trailing zeros that a suffix can express.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.nanos % NANOS_PER_UNIT == 0;
        let kibi = 1024 * NANOS_PER_UNIT.unsigned_abs();
        let text =
            if self.notation == Notation::BinarySi && whole && self.nanos.unsigned_abs() >= kibi {
                binary_text(self.nanos / NANOS_PER_UNIT)
            } else {
                decimal_text(self.nanos, self.notation)
            };
        f.pad(&text)
    }
}

fn binary_text(units: i128) -> String {
    let powers = (units.trailing_zeros() / 10).min(6);
    let suffix = match powers {
        0 => "",
        _ => BINARY_SUFFIXES[powers as usize - 1].0,
    };
    format!("{}{suffix}", units >> (10 * powers))
}

fn decimal_text(nanos: i128, notation: Notation) -> String {
    if nanos == 0 {
        return "0".to_owned();
    }
    let (mut mantissa, mut step) = (nanos, 0);
    let last = if notation == Notation::DecimalExponent { usize::MAX } else { 9 };
    while mantissa % 1000 == 0 && step < last {
        mantissa /= 1000;
        step += 1;
    }
    match (notation, 3 * i128::try_from(step).expect("at most a dozen steps") - 9) {
        (_, 0) => mantissa.to_string(),
        (Notation::DecimalExponent, exponent) => format!("{mantissa}e{exponent}"),
        (Notation::DecimalSi | Notation::BinarySi, _) => {
            format!("{mantissa}{}", DECIMAL_SUFFIXES[step].0)
        }
    }
}

/// A text that is no quantity; [`QuantityError::help`] says what may have been meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no quantity")]
pub struct QuantityError {
    text: String,
}

impl QuantityError {
    /// What to write instead, as a sentence without its full stop.
    #[must_use]
    pub fn help(&self) -> String {
        help::for_text(&self.text)
    }
}

impl FromStr for Quantity {
    type Err = QuantityError;

    /// Reads Kubernetes' syntax: sign, digits with an optional fraction, suffix or exponent.
    ///
    /// What is finer than a nano-unit is rounded away from zero, so that something stays
    /// something. Like Kubernetes, takes a suffix without digits (`Mi`) for zero and caps binary
    /// quantities at ±(2^63 − 1).
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        parse(text).ok_or_else(|| QuantityError { text: text.to_owned() })
    }
}

/// What the suffix of a number multiplies it with.
#[derive(Copy, Clone)]
enum Scale {
    Ten(i64),
    Two(u32),
}

fn parse(text: &str) -> Option<Quantity> {
    if text.is_empty() {
        return None;
    }
    let negative = text.starts_with('-');
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, rest) = split_digits(unsigned);
    let (fraction, suffix) = rest.strip_prefix('.').map_or(("", rest), split_digits);
    let (scale, mut notation) = parse_suffix(suffix)?;
    let magnitude = match scale {
        Scale::Ten(exponent) => decimal_nanos(whole, fraction, exponent),
        Scale::Two(power) => binary_nanos(whole, fraction, power),
    };
    // Fidelity: a binary quantity of less than 1 prints as a decimal one, as in Kubernetes.
    if notation == Notation::BinarySi && (1..NANOS_PER_UNIT).contains(&magnitude) {
        notation = Notation::DecimalSi;
    }
    Some(Quantity { nanos: if negative { -magnitude } else { magnitude }, notation })
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

fn parse_suffix(suffix: &str) -> Option<(Scale, Notation)> {
    if let Some((_, power)) = DECIMAL_SUFFIXES.iter().find(|(name, _)| *name == suffix) {
        return Some((Scale::Ten(i64::from(*power)), Notation::DecimalSi));
    }
    if let Some((_, power)) = BINARY_SUFFIXES.iter().find(|(name, _)| *name == suffix) {
        return Some((Scale::Two(*power), Notation::BinarySi));
    }
    let exponent = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    Some((Scale::Ten(exponent), Notation::DecimalExponent))
}

/// `whole.fraction` · 10^exponent in nano-units, rounded up; capped at 2^63 − 1 units where it
/// does not fit in 128 bits.
fn decimal_nanos(whole: &str, fraction: &str, exponent: i64) -> i128 {
    let digits = || whole.bytes().chain(fraction.bytes()).map(|digit| i128::from(digit - b'0'));
    let leading_zeros = digits().take_while(|&digit| digit == 0).count();
    if leading_zeros == whole.len() + fraction.len() {
        return 0;
    }
    // The decimal point moves by the exponent and by nine places for nano-units.
    let whole_places = i64::try_from(whole.len()).unwrap_or(i64::MAX);
    let point = exponent.saturating_add(9).saturating_add(whole_places);
    let Ok(point) = usize::try_from(point) else { return 1 };
    if point.saturating_sub(leading_zeros) > 38 {
        return MAX_NANOS;
    }
    let nanos = digits()
        .chain(std::iter::repeat(0))
        .take(point)
        .fold(0, |value: i128, digit| 10 * value + digit);
    nanos + i128::from(digits().skip(point).any(|digit| digit != 0))
}

/// The largest magnitude that Kubernetes promises to keep, in nano-units.
const MAX_NANOS: i128 = i64::MAX as i128 * NANOS_PER_UNIT;

/// `whole.fraction` · 2^power in nano-units, rounded up and capped at 2^63 − 1 units.
fn binary_nanos(whole: &str, fraction: &str, power: u32) -> i128 {
    let unit = NANOS_PER_UNIT << power;
    let whole = whole.trim_start_matches('0');
    let count: i128 = if whole.is_empty() { 0 } else { whole.parse().unwrap_or(i128::MAX) };
    // Horner's rule from the last digit, rounding up at every step, is exact: see the same in
    // `base::time`.
    let part = fraction.bytes().rev().fold(0, |below: i128, digit| {
        let sum = unit * i128::from(digit - b'0') + below;
        sum / 10 + i128::from(sum % 10 != 0)
    });
    count.saturating_mul(unit).saturating_add(part).min(MAX_NANOS)
}

#[cfg(test)]
mod tests;
