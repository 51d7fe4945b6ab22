//! Tests of quantities, by hand and by lot.

use proptest::prelude::*;

use super::*;

fn parse_ok(text: &str) -> Quantity {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn numbers_round_away_from_zero() {
    let table = [
        ("100m", 1, 100),
        ("-100m", -1, -100),
        ("0.1n", 1, 1),
        ("-1965.10226u", -1, -2),
        ("1.5Gi", 1_610_612_736, 1_610_612_736_000),
        ("-7194Ti", -7_909_886_650_220_544, -7_909_886_650_220_544_000),
        ("9Ei", i64::MAX, i64::MAX),
        ("1e1000", i64::MAX, i64::MAX),
        ("-1e1000", -i64::MAX, i64::MIN),
        ("1e-1000", 1, 1),
        ("0e1000", 0, 0),
        ("00000000000000000000000000000000000000000000000000001", 1, 1_000),
        ("0.00000000000000000000000000000000000000000000000001Ei", 1, 1),
    ];
    for (text, value, milli) in table {
        let quantity = parse_ok(text);
        assert_eq!((quantity.value(), quantity.milli_value()), (value, milli), "{text}");
    }
}

#[test]
fn quantities_compare_by_number() {
    assert_eq!(parse_ok("1Ki"), parse_ok("1024"));
    assert_eq!(Quantity::from_milli(1_500), parse_ok("1.5"));
    assert!(parse_ok("1G") < parse_ok("1Gi") && parse_ok("-1") < Quantity::ZERO);
    assert!(parse_ok("-1n").is_negative() && parse_ok("-0").is_zero());
}

#[test]
fn errors_say_what_was_meant() {
    let examples = "write a number with at most one suffix, for example `500m`, `2`, `1.5Gi`";
    let table = [
        ("", examples),
        ("abc", examples),
        ("5parsecs", examples),
        ("10Gigs", "did you mean `10Gi`?"),
        ("4GB", "did you mean `4G` (powers of 1000) or `4Gi` (powers of 1024)?"),
        ("1K", "did you mean `1k` (powers of 1000) or `1Ki` (powers of 1024)?"),
        ("1,5", "did you mean `1.5`?"),
        ("1,5GiB", "did you mean `1.5Gi`?"),
        ("512 Mi", "did you mean `512Mi`?"),
        ("1_000", "did you mean `1000`?"),
        ("250 millicores", "did you mean `250m`?"),
        ("2 vCPU", "did you mean `2`?"),
        ("50%", "a quantity is absolute, not a percentage; write for example `500m` or `1Gi`"),
    ];
    for (text, help) in table {
        let error = text.parse::<Quantity>().expect_err(text);
        assert_eq!(error.help(), help, "{text}");
        assert_eq!(error.to_string(), format!("`{text}` is no quantity"));
    }
}

proptest! {
    #[test]
    fn the_canonical_form_reads_back(
        number in -1_000_000_000_000i64..1_000_000_000_000, places in 0usize..12,
        suffix in prop::sample::select(vec!["", "n", "m", "k", "M", "E", "Ki", "Mi", "Gi", "e3", "e-4"]),
    ) {
        let digits = format!("{:013}", number.unsigned_abs());
        let (whole, fraction) = digits.split_at(13 - places);
        let sign = if number < 0 { "-" } else { "" };
        let quantity = parse_ok(&format!("{sign}{whole}.{fraction}{suffix}"));
        prop_assert_eq!(parse_ok(&quantity.to_string()), quantity);
    }

    #[test]
    fn no_text_makes_the_parser_or_the_advice_panic(text in "\\PC{0,10}|[-+.,0-9eEinumkKMGTP ]{0,10}") {
        if let Err(error) = text.parse::<Quantity>() {
            prop_assert!(!error.help().is_empty());
        }
    }
}
