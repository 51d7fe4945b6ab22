//! Tests of durations and instants.

use super::*;
use proptest::prelude::*;

fn parse(text: &str) -> SimDuration {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn durations_print_compactly_and_exactly() {
    let table = [
        (0, "0s"),
        (1, "1ns"),
        (1_500, "1.5µs"),
        (250_000_000, "250ms"),
        (300_020_000, "300.02ms"),
        (1_500_000_000, "1.5s"),
        (1_000_000_001, "1.000000001s"),
        (600_000_000_000, "10m"),
        (5_400_000_000_000, "1h30m"),
        (372_000_000_000, "6m12s"),
        (3_605_000_000_000, "1h5s"),
        (3_723_500_000_000, "1h2m3.5s"),
    ];
    for (nanos, text) in table {
        assert_eq!(SimDuration::from_nanos(nanos).to_string(), text);
        assert_eq!(SimTime::from_nanos(nanos).to_string(), text);
        assert_eq!(parse(text).as_nanos(), nanos);
    }
    assert_eq!(format!("{:>6}|{:<6}|", SimDuration::from_secs(5), SimTime::ZERO), "    5s|0s    |");
}

#[test]
fn go_syntax_is_read_exactly() {
    let table = [
        ("0", 0),
        ("+3s", 3_000_000_000),
        (".5s", 500_000_000),
        ("1.s", 1_000_000_000),
        ("1m1m", 120_000_000_000),
        ("0.1ns", 0),
        ("1us2µs3μs", 6_000),
        ("0.3333333333333333333h", 1_199_999_999_999),
        ("0.33333333333333333333333333333333333333333h", 1_199_999_999_999),
        ("9223372036.854775807s", i64::MAX as u64),
    ];
    for (text, nanos) in table {
        assert_eq!(parse(text).as_nanos(), nanos, "{text}");
    }
}

#[test]
fn errors_say_what_is_right() {
    let table = [
        ("", "a duration is missing; write for example `30s` or `1h30m`"),
        ("5", "`5` has no unit; write `5s` for seconds (units: h, m, s, ms, us, ns)"),
        ("2d", "a duration has no unit `d`; write hours, for example `24h` for one day"),
        ("-5m", "`-5m` is negative; a duration is zero or longer"),
        ("3sec", "`sec` in `3sec` is no unit of time (units: h, m, s, ms, us, ns)"),
        (
            "1h 2m",
            "`1h 2m` is no duration; write for example `30s`, `1.5s` or `1h30m`, without blanks",
        ),
        ("s", "`s` is no duration; write for example `30s`, `1.5s` or `1h30m`, without blanks"),
        (
            "9223372037s",
            "`9223372037s` is too long; the longest duration is 2562047h47m (292 years)",
        ),
    ];
    for (text, message) in table {
        let error = text.parse::<SimDuration>().expect_err(text);
        assert_eq!(error.to_string(), message);
    }
    for text in ["+", ".", ".s", "1e3s", "1h.", "99999999999999999999999h", "0x1s", "1ss"] {
        assert!(text.parse::<SimDuration>().is_err(), "{text}");
    }
}

#[test]
fn floats_round_once_and_refuse_nonsense() {
    assert_eq!(SimDuration::from_secs_f64(1.5), Some(SimDuration::from_millis(1_500)));
    assert_eq!(SimDuration::from_secs_f64(0.4e-9), Some(SimDuration::ZERO));
    assert_eq!(SimDuration::from_secs_f64(0.6e-9), Some(SimDuration::from_nanos(1)));
    for bad in [-1e-12, f64::NAN, f64::INFINITY, 1.9e10] {
        assert_eq!(SimDuration::from_secs_f64(bad), None, "{bad}");
    }
    assert_eq!(SimTime::from_nanos(2_999_999_999).floor_to_second(), SimTime::from_secs(2));
    assert_eq!(SimTime::MAX.saturating_add(SimDuration::from_secs(1)), SimTime::MAX);
    assert_eq!(SimTime::ZERO.saturating_since(SimTime::from_secs(1)), SimDuration::ZERO);
    assert_eq!(SimTime::MAX.checked_add(SimDuration::from_nanos(1)), None);
}

#[test]
#[should_panic(expected = "a negative span of time")]
fn a_negative_span_is_a_broken_invariant() {
    let _ = SimTime::ZERO - SimTime::from_secs(1);
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(nanos in 0..=i64::MAX as u64) {
        let span = SimDuration::from_nanos(nanos);
        prop_assert_eq!(span.to_string().parse::<SimDuration>(), Ok(span));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "[+.0-9hmsuµnd -]{0,12}") {
        let _ = text.parse::<SimDuration>();
    }
}

#[test]
fn signed_texts_are_read_and_written_as_go_does() {
    let table = [
        ("0", 0, "0s"),
        ("-0", 0, "0s"),
        ("-5m", -300_000_000_000, "-5m0s"),
        ("1h", 3_600_000_000_000, "1h0m0s"),
        ("20h42.25ms", 72_000_042_250_000, "20h0m0.04225s"),
        ("+300ms20us", 300_020_000, "300.02ms"),
        ("-9223372036854775808ns", i64::MIN, "-2562047h47m16.854775808s"),
    ];
    for (text, nanos, canonical) in table {
        assert_eq!(parse_nanos(text), Ok(nanos), "{text}");
        assert_eq!(go_text(nanos), canonical);
    }
    assert!(parse_nanos("9223372036854775808ns").is_err());
}
