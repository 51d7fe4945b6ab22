//! Numbers, durations and names as people read them. Rounds for display only.

/// A duration: `0 s`, `0.3 ms`, `850 ms`, `8.2 s`, `1m48s`, `2h05m`, `3d04h`. Negative ones carry
/// `−`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return seconds.to_string();
    }
    let magnitude = seconds.abs();
    let text = if magnitude < 0.000_05 {
        return "0 s".to_owned();
    } else if magnitude < 0.009_95 {
        format!("{:.1} ms", magnitude * 1000.0)
    } else if magnitude < 0.999_5 {
        format!("{:.0} ms", magnitude * 1000.0)
    } else if magnitude < 9.95 {
        format!("{magnitude:.1} s")
    } else if magnitude < 59.5 {
        format!("{magnitude:.0} s")
    } else {
        clock(magnitude, false)
    };
    if seconds < 0.0 { format!("−{text}") } else { text }
}

/// A duration of a minute or more: `1m48s`, `2h05m`, `3d04h`; `fine` keeps the next smaller unit.
fn clock(seconds: f64, fine: bool) -> String {
    let whole = seconds.round();
    let (days, rest) = ((whole / 86_400.0).floor(), whole % 86_400.0);
    let (hours, minutes, secs) =
        ((rest / 3600.0).floor(), (rest % 3600.0 / 60.0).floor(), rest % 60.0);
    match (days > 0.0, hours > 0.0, fine) {
        (true, _, false) => format!("{days}d{hours:02}h"),
        (true, _, true) => format!("{days}d{hours:02}h{minutes:02}m"),
        (false, true, false) => format!("{hours}h{minutes:02}m"),
        (false, true, true) => format!("{hours}h{minutes:02}m{secs:02}s"),
        (false, false, _) => format!("{minutes}m{secs:02}s"),
    }
}

/// A simulated time span given in whole units, shortest first: `90s`, `15m`, `1h30m`, `2d12h`.
pub fn span(seconds: f64) -> String {
    let whole = seconds.abs().round() as u64;
    let (d, h, m, s) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60, whole % 60);
    let parts = [(d, "d"), (h, "h"), (m, "m"), (s, "s")];
    let text: String = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    match (text.is_empty(), seconds < 0.0) {
        (true, _) => "0".to_owned(),
        (false, true) => format!("−{text}"),
        (false, false) => text,
    }
}

/// A bare number with three to four significant digits and no exponent; `−` for negatives.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    trimmed(&fixed(value, number_decimals(value)))
}

/// A number as it is, to a millionth: for what is held against a bound.
pub fn exact(value: f64) -> String {
    if value.is_finite() { trimmed(&fixed(value, 6)) } else { value.to_string() }
}

/// Decimals that show three significant digits of a number.
fn number_decimals(value: f64) -> usize {
    match value.abs() {
        m if !(1e-12..99.95).contains(&m) => 0,
        m if m >= 9.995 => 1,
        m if m >= 0.0995 => 2,
        m if m >= 0.000_995 => 4,
        _ => 6,
    }
}

/// A decimal fraction without the zeros at its end.
fn trimmed(text: &str) -> String {
    if !text.contains('.') {
        return text.to_owned();
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A share as per cent: `61.0 %`, `99.31 %`, `99.9987 %` (more digits near 100).
pub fn percent(ratio: f64) -> String {
    format!("{} %", fixed(ratio * 100.0, percent_decimals(ratio)))
}

fn percent_decimals(ratio: f64) -> usize {
    let value = ratio * 100.0;
    match (100.0 - value).abs().min(value.abs()) {
        gap if gap < 1e-9 => 0,
        gap if gap < 0.1 => 4,
        gap if gap < 2.0 => 2,
        _ => 1,
    }
}

/// A value in the unit of its row: `s`, `ratio`, `currency` or anything else, which is then named.
/// Money is a bare number with two decimals: the scenario gives prices without a currency.
pub fn value(value: f64, unit: &str) -> String {
    values(&[value], unit).remove(0)
}

/// Values that stand below each other, with the decimals that the finest of them needs.
pub fn values(values: &[f64], unit: &str) -> Vec<String> {
    let finest =
        |decimals: fn(f64) -> usize| values.iter().map(|v| decimals(*v)).max().unwrap_or(0);
    let each = |text: &dyn Fn(f64) -> String| {
        let text = |v: &f64| if v.is_finite() { text(*v) } else { v.to_string() };
        values.iter().map(text).collect()
    };
    match unit {
        "s" | "seconds" => each(&duration),
        "ratio" => {
            let decimals = finest(percent_decimals);
            each(&|v| format!("{} %", fixed(v * 100.0, decimals)))
        }
        "currency" => each(&|v| fixed(v, 2)),
        other => {
            let needed = |v: f64| {
                let text = number(v);
                text.split_once('.').map_or(0, |(_, fraction)| fraction.len())
            };
            let decimals = finest(needed);
            let name = if plain(other) { String::new() } else { format!(" {other}") };
            each(&|v| format!("{}{name}", fixed(v, decimals)))
        }
    }
}

/// Whether a unit is not named beside its numbers.
fn plain(unit: &str) -> bool {
    matches!(unit, "" | "count" | "total" | "currency")
}

/// Half-widths below this share of their value are rounding noise: every replication agreed.
const NOISE: f64 = 1e-9;
/// Significant digits of a value at most, however narrow its interval.
const MAX_DIGITS: usize = 5;

/// A value with its half-width, both with the digits that the half-width carries:
/// `6m04s ± 7 s`, `16.3 ± 0.5 ms`, `99.320 ± 0.019 %`, `12.3 ± 0.4`. Without a half-width just
/// the value; where all replications agree, `± 0`.
pub fn measured(value: f64, half: Option<f64>, unit: &str) -> String {
    let Some(half) = half else { return self::value(value, unit) };
    let half = if half.abs() <= NOISE * value.abs() { 0.0 } else { half.abs() };
    match unit {
        "s" | "seconds" if value.abs() >= 59.5 || half >= 59.5 => long(value, half),
        "s" | "seconds" if value.abs() < 0.999_5 && half < 0.999_5 && value.abs() + half > 0.0 => {
            joined(value * 1000.0, half * 1000.0, 3, " ms")
        }
        "s" | "seconds" => joined(value, half, 3, " s"),
        "ratio" => joined(value * 100.0, half * 100.0, 6, " %"),
        "currency" => joined(value, half, 2, ""),
        other if plain(other) => joined(value, half, 6, ""),
        other => joined(value, half, 6, &format!(" {other}")),
    }
}

/// A time or a half-width of a minute and more.
fn long(value: f64, half: f64) -> String {
    let short = value.abs() < 59.5;
    let text = match value.abs() {
        _ if short => duration(value),
        magnitude => {
            let sign = if value < 0.0 { "−" } else { "" };
            format!("{sign}{}", clock(magnitude, half < 59.5))
        }
    };
    if half >= 59.5 {
        return format!("{text} ± {}", duration(half));
    }
    // Beside minutes, milliseconds would read as something bigger.
    format!("{text} ± {} s", half_text(half, decimals_of(half).min(1)))
}

fn joined(value: f64, half: f64, most: usize, unit: &str) -> String {
    if half > 0.0 {
        let decimals = decimals_of(half).min(decimals_of_digits(value)).min(most);
        return format!("{} ± {}{unit}", fixed(value, decimals), half_text(half, decimals));
    }
    let text = if most == 2 { fixed(value, 2) } else { number(value) };
    format!("{text} ± 0{unit}")
}

/// A half-width that is not nothing never reads as nothing: it is rounded up to the last digit.
fn half_text(half: f64, decimals: usize) -> String {
    let text = fixed(half, decimals);
    if half > 0.0 && text.chars().all(|c| c == '0' || c == '.') {
        return format!("{}1", &text[..text.len() - 1]);
    }
    text
}

/// A signed difference with its half-width: `−4m24s ± 9 s`, `+0.51 ± 0.04 pp`.
pub fn difference(diff: f64, half: Option<f64>, unit: &str) -> String {
    let text = measured(diff, half, unit);
    let text = if unit == "ratio" { text.replace(" %", " pp") } else { text };
    let number = text.split(' ').next().unwrap_or("");
    let nothing = number.chars().all(|c| c == '0' || c == '.');
    if diff > 0.0 && !nothing { format!("+{text}") } else { text }
}

/// Decimals that show a width: two significant digits up to 35, one beyond, as is customary for
/// uncertainties; at most six.
fn decimals_of(width: f64) -> usize {
    if width <= 0.0 {
        return 0;
    }
    let (mut decimals, mut scaled) = (0, width);
    while scaled < 3.55 && decimals < 6 {
        scaled *= 10.0;
        decimals += 1;
    }
    decimals
}

/// Decimals that leave a value its [`MAX_DIGITS`] significant digits.
fn decimals_of_digits(value: f64) -> usize {
    let (mut before, mut scaled) = (1, value.abs());
    if scaled < 1.0 {
        return 6;
    }
    while scaled >= 9.999_95 {
        scaled /= 10.0;
        before += 1;
    }
    MAX_DIGITS.saturating_sub(before)
}

fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    let zero = text.chars().all(|c| c == '0' || c == '.');
    let text = if value.abs() >= 99_999.5 { grouped(&text) } else { text };
    if value < 0.0 && !zero { format!("−{text}") } else { text }
}

/// Cuts the middle out of a name longer than `max` characters: `checkout-fr…7d9f-x2k`.
pub fn shorten(name: &str, max: usize) -> String {
    let count = name.chars().count();
    if count <= max {
        return name.to_owned();
    }
    let keep = max.saturating_sub(1);
    let head = keep.div_ceil(2);
    let start: String = name.chars().take(head).collect();
    let end: String = name.chars().skip(count - (keep - head)).collect();
    format!("{start}…{end}")
}

/// A metric with its labels as a person would name it: `time to whole, p95`,
/// `availability, shop/cart`. Unit suffixes go, a quantile becomes `p95`; costs stand in whatever
/// the scenario's prices are given in.
pub fn metric_title(metric: &str, labels: &str) -> String {
    let (name, most) = metric.strip_suffix("_max").map_or((metric, ""), |name| (name, ", maximum"));
    let mut stem = name;
    for suffix in ["_seconds", "_ratio", "_total", "_bytes"] {
        stem = stem.strip_suffix(suffix).unwrap_or(stem);
    }
    let mut title = stem.replace('_', " ");
    if unit_of(metric) == "currency" {
        title.push_str(" (as priced)");
    }
    for (key, value) in parse_labels(labels) {
        title.push_str(", ");
        if key == "quantile" {
            title.push_str(&quantile_name(&value));
        } else {
            title.push_str(&value);
        }
    }
    title + most
}

fn quantile_name(value: &str) -> String {
    match value {
        "0" => "minimum".to_owned(),
        "0.5" => "median".to_owned(),
        "1" => "maximum".to_owned(),
        _ => match value.parse::<f64>() {
            Ok(q) if q.is_finite() => format!("p{}", number(q * 100.0)),
            _ => value.to_owned(),
        },
    }
}

/// The unit that a metric's name tells, as [`value`] takes it: `s`, `ratio`, `bytes`, `currency` or
/// nothing.
pub fn unit_of(metric: &str) -> &'static str {
    let name = metric.strip_suffix("_max").unwrap_or(metric);
    let ends = [("_seconds", "s"), ("_ratio", "ratio"), ("_bytes", "bytes")];
    match ends.iter().find(|(suffix, _)| name.ends_with(suffix)) {
        Some((_, unit)) => unit,
        None if name.starts_with("cost_") => "currency",
        None => "",
    }
}

/// Labels `key="value",…` as pairs, in their order; `\"`, `\\` and `\n` in values are undone.
/// Anything malformed ends the list.
pub fn parse_labels(labels: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut rest = labels;
    while let Some((key, after)) = rest.split_once("=\"") {
        let mut value = String::new();
        let mut chars = after.char_indices();
        let mut end = None;
        while let Some((index, c)) = chars.next() {
            match c {
                '"' => {
                    end = Some(index + 1);
                    break;
                }
                '\\' => match chars.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, escaped)) => value.push(escaped),
                    None => return pairs,
                },
                other => value.push(other),
            }
        }
        let Some(end) = end else { return pairs };
        pairs.push((key.trim_start_matches(',').to_owned(), value));
        rest = &after[end..];
    }
    pairs
}

/// The value of one label, if present.
pub fn label(labels: &str, key: &str) -> Option<String> {
    parse_labels(labels).into_iter().find(|(k, _)| k == key).map(|(_, value)| value)
}

/// Thousands apart: `1,234,567.5`.
fn grouped(digits: &str) -> String {
    let whole = digits.find('.').unwrap_or(digits.len());
    let mut out = String::new();
    for (index, c) in digits[..whole].chars().enumerate() {
        if index > 0 && (whole - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out + &digits[whole..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_like_kubernetes_ages() {
        for (seconds, text) in [
            (0.0, "0 s"),
            (0.000_3, "0.3 ms"),
            (0.016_2, "16 ms"),
            (0.25, "250 ms"),
            (9.06, "9.1 s"),
            (28.2, "28 s"),
            (108.0, "1m48s"),
            (-264.0, "−4m24s"),
            (7500.0, "2h05m"),
            (273_600.0, "3d04h"),
            (59.7, "1m00s"),
        ] {
            assert_eq!(duration(seconds), text);
        }
        for (seconds, text) in [(0.0, "0"), (7200.0, "2h"), (5400.0, "1h30m"), (-90.0, "−1m30s")]
        {
            assert_eq!(span(seconds), text);
        }
    }

    #[test]
    fn numbers_and_shares_keep_meaningful_digits() {
        for (value, text) in
            [(0.0, "0"), (12.0, "12"), (0.254, "0.25"), (-3.0, "−3"), (1_234_567.0, "1,234,567")]
        {
            assert_eq!(number(value), text);
        }
        for (ratio, text) in
            [(0.61, "61.0 %"), (0.9931, "99.31 %"), (0.999_987, "99.9987 %"), (1.0, "100 %")]
        {
            assert_eq!(percent(ratio), text);
        }
        assert_eq!(value(9.6, "currency"), "9.60");
        assert_eq!(value(1_234_567.891, "currency"), "1,234,567.89");
        assert_eq!(value(3.0, "count"), "3");
        assert_eq!(value(2.5, "bytes"), "2.5 bytes");
    }

    #[test]
    fn values_below_each_other_share_their_decimals() {
        assert_eq!(values(&[0.969, 0.9944], "ratio"), ["96.90 %", "99.44 %"]);
        assert_eq!(values(&[14.0, 9.69, 0.0], "count"), ["14.00", "9.69", "0.00"]);
        assert_eq!(values(&[14.0, 10.0], "count"), ["14", "10"]);
        assert_eq!(values(&[0.016, 90.0], "s"), ["16 ms", "1m30s"]);
        assert_eq!(values(&[9.6, f64::NAN], "currency"), ["9.60", "NaN"]);
    }

    #[test]
    fn a_width_decides_the_digits() {
        for (value, half, unit, text) in [
            (0.993_204, 0.000_193, "ratio", "99.320 ± 0.019 %"),
            (0.997_59, 0.000_041, "ratio", "99.759 ± 0.004 %"),
            (12.345, 0.38, "count", "12.3 ± 0.4"),
            (40.012, 0.162, "s", "40.01 ± 0.16 s"),
            (0.0162, 0.0005, "s", "16.2 ± 0.5 ms"),
            (364.0, 7.01, "s", "6m04s ± 7 s"),
            (364.0, 1.84, "s", "6m04s ± 1.8 s"),
            (364.0, 190.0, "s", "6m04s ± 3m10s"),
            (5025.0, 3.0, "s", "1h23m45s ± 3.0 s"),
            (2.0, 90.0, "s", "2.0 s ± 1m30s"),
            // Far narrower than it is worth to know: rounded up, never to nothing.
            (-4.000_239, 0.000_014, "count", "−4.0002 ± 0.0001"),
            (9.6, 0.0042, "currency", "9.60 ± 0.01"),
            // All replications agree, or differ by rounding only.
            (0.025, 1e-18, "ratio", "2.5 ± 0 %"),
            (-295.0, 1e-13, "s", "−4m55s ± 0 s"),
            (0.0, 0.0, "s", "0 ± 0 s"),
            (9.6, 0.0, "currency", "9.60 ± 0"),
        ] {
            assert_eq!(measured(value, Some(half), unit), text);
        }
        for (diff, half, unit, text) in [
            (-264.0, 9.06, "s", "−4m24s ± 9 s"),
            (0.0051, 0.0004, "ratio", "+0.51 ± 0.04 pp"),
            (0.001, 0.0007, "s", "+1.0 ± 0.7 ms"),
            (0.0, 0.0, "count", "0 ± 0"),
            (-30.0, 0.0, "s", "−30 ± 0 s"),
        ] {
            assert_eq!(difference(diff, Some(half), unit), text);
        }
    }

    #[test]
    fn titles_lose_their_units() {
        for (metric, labels, title) in [
            ("time_to_whole_seconds", "quantile=\"0.95\"", "time to whole, p95"),
            ("cluster_allocated_ratio_max", "resource=\"cpu\"", "cluster allocated, cpu, maximum"),
            ("cost_total", "", "cost (as priced)"),
            ("cost_per_hour", "", "cost per hour (as priced)"),
        ] {
            assert_eq!(metric_title(metric, labels), title);
        }
        assert_eq!(unit_of("cluster_allocated_ratio_max"), "ratio");
    }

    #[test]
    fn names_are_cut_in_the_middle() {
        assert_eq!(shorten("shop/cart", 9), "shop/cart");
        assert_eq!(shorten("shop/checkout-frontend", 11), "shop/…ntend");
        assert_eq!(shorten("äöüäöü", 3), "ä…ü");
    }

    #[test]
    fn labels_are_parsed_and_named() {
        let labels = "quantile=\"0.95\",workload=\"a \\\"b\\\", c\"";
        assert_eq!(
            parse_labels(labels),
            [("quantile".into(), "0.95".into()), ("workload".into(), "a \"b\", c".into())]
        );
        assert_eq!(parse_labels("broken=\"x"), []);
    }
}
