//! A quantity as the API server and its clients read it: Kubernetes writes some texts back as they
//! were given, and its 64-bit arithmetic wraps around where [`Quantity`] is capped.
//!
//! Simulations go by [`Quantity`]; what differs from it is here and nowhere else.

use super::{NANOS_PER_UNIT, Notation, Quantity, QuantityError, Scale, parse_suffix, split_digits};

/// Digits that are sure to fit in a signed 64-bit integer.
const SAFE_DIGITS: usize = 18;

/// Powers of ten from which [`Quantity`] may not hold a number of so many digits.
const FAR: i64 = 11;

/// A quantity with the traits of Kubernetes' representation of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    quantity: Quantity,
    kept: Kept,
    /// The text, where it is written back as it was given.
    echo: Option<String>,
}

/// How Kubernetes keeps the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    /// A 64-bit integer and a power of ten.
    Scaled(i64, i64),
    /// A decimal number of any length, in nano-units.
    Decimal,
    /// A decimal number that was cut to the largest binary quantity, in whole units.
    Cut,
}

impl Reading {
    /// Reads a text.
    ///
    /// # Errors
    /// If the text is no quantity.
    pub fn of(text: &str) -> Result<Self, QuantityError> {
        let quantity: Quantity = text.parse()?;
        let (kept, echoes) = kept(text).unwrap_or_else(|| {
            let cut = quantity.notation == Notation::BinarySi
                && quantity.nanos.abs() == i128::from(i64::MAX) * NANOS_PER_UNIT;
            (if cut { Kept::Cut } else { Kept::Decimal }, false)
        });
        Ok(Self { quantity, kept, echo: echoes.then(|| text.to_owned()) })
    }

    /// The quantity.
    #[must_use]
    pub fn quantity(&self) -> Quantity {
        self.quantity
    }

    /// The text that the API writes.
    #[must_use]
    pub fn canonical(&self) -> String {
        match (&self.echo, self.kept) {
            (Some(text), _) => text.clone(),
            (None, Kept::Scaled(mantissa, exponent))
                if exponent > FAR && self.quantity.notation == Notation::DecimalExponent =>
            {
                far_text(mantissa, exponent)
            }
            (None, _) => self.quantity.to_string(),
        }
    }

    /// Kubernetes' name of the notation.
    #[must_use]
    pub fn format(&self) -> &'static str {
        match self.quantity.notation {
            Notation::DecimalSi => "DecimalSI",
            Notation::DecimalExponent => "DecimalExponent",
            Notation::BinarySi => "BinarySI",
        }
    }

    /// -1, 0 or 1.
    #[must_use]
    pub fn sign(&self) -> i128 {
        self.quantity.nanos.signum()
    }

    /// `Value()` of Kubernetes.
    #[must_use]
    pub fn value(&self) -> i64 {
        self.scaled(0)
    }

    /// `MilliValue()` of Kubernetes.
    #[must_use]
    pub fn milli_value(&self) -> i64 {
        self.scaled(3)
    }

    /// The number in units of 10^-places.
    fn scaled(&self, places: u32) -> i64 {
        match self.kept {
            Kept::Scaled(mantissa, exponent) => shifted(mantissa, exponent + i64::from(places)),
            Kept::Decimal => divided(self.quantity.nanos, 10_i128.pow(9 - places)),
            Kept::Cut => {
                wrapped(self.quantity.nanos / NANOS_PER_UNIT).wrapping_mul(10_i64.pow(places))
            }
        }
    }
}

/// Whether a number is kept as a 64-bit integer, and then whether the text is echoed.
fn kept(text: &str) -> Option<(Kept, bool)> {
    let negative = text.starts_with('-');
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if text == "0" {
        return Some((Kept::Scaled(0, 0), false));
    }
    let (whole, rest) = split_digits(unsigned);
    let (fraction, suffix) = rest.strip_prefix('.').map_or(("", rest), split_digits);
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    let digits = format!("{whole}{fraction}");
    let (scale, _) = parse_suffix(suffix)?;
    let (mantissa, exponent, echoes) = match scale {
        Scale::Ten(power) => {
            let exponent = power - i64::try_from(fraction.len()).ok()?;
            if digits.len() > SAFE_DIGITS || exponent < -9 {
                return None;
            }
            let plain = !digits.ends_with("000") && !digits.starts_with('0');
            (digits.parse().ok()?, exponent, exponent % 3 == 0 && plain)
        }
        Scale::Two(power) => {
            // A careful estimate of the digits left.
            if !fraction.is_empty() || whole.len() + power as usize * 3 / 10 + 1 > 15 {
                return None;
            }
            let count: i64 = digits.parse().ok()?;
            (count.checked_mul(1 << power)?, 0, count % 8 != 0)
        }
    };
    Some((Kept::Scaled(if negative { -mantissa } else { mantissa }, exponent), echoes))
}

/// `mantissa` · 10^`power`, rounded away from zero. Where it does not fit, Kubernetes multiplies in
/// one step by some powers, which wraps around, and in many by the others, which gives up.
fn shifted(mantissa: i64, power: i64) -> i64 {
    let places = u32::try_from(power.unsigned_abs()).unwrap_or(u32::MAX);
    if matches!(power, 0..=3 | 6 | 9) {
        return mantissa.wrapping_mul(10_i64.pow(places));
    }
    if power > 0 {
        return 10_i64.checked_pow(places).and_then(|by| mantissa.checked_mul(by)).unwrap_or(0);
    }
    match 10_i64.checked_pow(places) {
        Some(by) => mantissa / by + (mantissa % by).signum(),
        None => mantissa.signum(),
    }
}

/// The low 64 bits.
#[expect(clippy::cast_possible_truncation, reason = "Kubernetes' arithmetic wraps around")]
fn wrapped(number: i128) -> i64 {
    number as i64
}

/// Kubernetes' division: numbers below 2^63, however negative, wrap around before it, and what is
/// left is always rounded up.
fn divided(nanos: i128, by: i128) -> i64 {
    if nanos < i128::from(i64::MAX) {
        let nanos = i128::from(wrapped(nanos));
        return wrapped(nanos / by + i128::from(nanos % by != 0));
    }
    wrapped(nanos / by).wrapping_add(i64::from(nanos % by != 0))
}

/// The canonical text of a number beyond the range of [`Quantity`], by its power of ten.
fn far_text(mut mantissa: i64, mut exponent: i64) -> String {
    if mantissa == 0 {
        return "0".to_owned();
    }
    while mantissa % 10 == 0 {
        mantissa /= 10;
        exponent += 1;
    }
    while exponent % 3 != 0 {
        mantissa = mantissa.saturating_mul(10);
        exponent -= 1;
    }
    format!("{mantissa}e{exponent}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_echoed_or_made_canonical() {
        for (text, canonical) in [
            ("5.", "5."),
            ("+1", "+1"),
            ("00012", "00012"),
            ("-0", "0"),
            ("1.000000001", "1.000000001"),
            ("1000m", "1"),
            ("16Ki", "16Ki"),
            ("1024Ki", "1Mi"),
            ("1e1000", "10e999"),
            ("753.79425E2", "753.79425E2"),
            ("0.975E2", "97500e-3"),
        ] {
            assert_eq!(Reading::of(text).unwrap().canonical(), canonical, "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_wraps_around() {
        for (text, value, milli) in [
            ("1967.84522u", 1, 2),
            ("-1965.10226u", 1, 0),
            ("-53Pi", -5_188_146_769, -5_188_146_770_729),
            ("8Ei", i64::MAX, -1000),
            ("1E", 1_000_000_000_000_000_000, 0),
            ("24984302729471411e3", 6_537_558_655_761_859_384, 7_411_253_668_678_111_936),
            ("-9223372036854775809", -1, -1000),
            ("1e-1000", 1, 1),
        ] {
            let reading = Reading::of(text).unwrap();
            assert_eq!((reading.value(), reading.milli_value()), (value, milli), "{text}");
        }
    }
}
