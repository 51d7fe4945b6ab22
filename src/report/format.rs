//! Numbers, durations and names as people read them. Rounds for display only.

/// A duration: `0`, `850 ms`, `8.2 s`, `1m48s`, `2h05m`, `3d04h`. Negative ones carry `−`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return seconds.to_string();
    }
    let magnitude = seconds.abs();
    let text = if magnitude < 0.000_5 {
        return "0 s".to_owned();
    } else if magnitude < 0.999_5 {
        format!("{:.0} ms", magnitude * 1000.0)
    } else if magnitude < 9.95 {
        format!("{magnitude:.1} s")
    } else if magnitude < 59.5 {
        format!("{magnitude:.0} s")
    } else {
        whole_duration(magnitude.round())
    };
    if seconds < 0.0 { format!("−{text}") } else { text }
}

fn whole_duration(seconds: f64) -> String {
    let (days, rest) = ((seconds / 86_400.0).floor(), seconds % 86_400.0);
    let (hours, minutes, secs) =
        ((rest / 3600.0).floor(), (rest % 3600.0 / 60.0).floor(), rest % 60.0);
    if days > 0.0 {
        format!("{days}d{hours:02}h")
    } else if hours > 0.0 {
        format!("{hours}h{minutes:02}m")
    } else {
        format!("{minutes}m{secs:02}s")
    }
}

/// A bare number with three to four significant digits and no exponent; `−` for negatives.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    let magnitude = value.abs();
    let decimals = match magnitude {
        m if !(1e-12..99.95).contains(&m) => 0,
        m if m >= 9.995 => 1,
        m if m >= 0.0995 => 2,
        m if m >= 0.000_995 => 4,
        _ => 6,
    };
    let mut text = format!("{magnitude:.decimals$}");
    if text.contains('.') {
        text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    }
    if magnitude >= 99_999.5 {
        text = grouped(&text);
    }
    if value < 0.0 && text != "0" { format!("−{text}") } else { text }
}

/// A share as per cent: `61 %`, `99.31 %`, `99.9987 %` (more digits near 100).
pub fn percent(ratio: f64) -> String {
    let value = ratio * 100.0;
    let gap = (100.0 - value).abs().min(value.abs());
    let decimals = match gap {
        g if g < 1e-9 => 0,
        g if g < 0.1 => 4,
        g if g < 2.0 => 2,
        _ => 1,
    };
    format!("{value:.decimals$} %").replace('-', "−")
}

/// A value in the unit of its row: `s`, `ratio` or anything else, which is then named.
pub fn value(value: f64, unit: &str) -> String {
    match unit {
        "s" | "seconds" => duration(value),
        "ratio" => percent(value),
        "" | "count" | "total" => number(value),
        other => format!("{} {other}", number(value)),
    }
}

/// A value with its half-width, both with the digits that the half-width carries:
/// `6m04s ± 7.0 s`, `99.320 ± 0.019 %`, `12.3 ± 0.4`. Without a half-width just the value.
pub fn measured(value: f64, half: Option<f64>, unit: &str) -> String {
    let Some(half) = half else { return self::value(value, unit) };
    match unit {
        "s" | "seconds" if value.abs() < 59.5 && half < 59.5 => {
            let decimals = decimals_of(half).min(3);
            format!("{} ± {} s", fixed(value, decimals), fixed(half, decimals))
        }
        // Beside minutes, milliseconds would read as something bigger.
        "s" | "seconds" if half > 0.0 && half < 9.95 => {
            format!("{} ± {half:.1} s", duration(value))
        }
        "s" | "seconds" => format!("{} ± {}", duration(value), duration(half)),
        "ratio" => {
            let decimals = decimals_of(half * 100.0);
            format!("{} ± {} %", fixed(value * 100.0, decimals), fixed(half * 100.0, decimals))
        }
        other => {
            let decimals = decimals_of(half);
            let text = format!("{} ± {}", fixed(value, decimals), fixed(half, decimals));
            if matches!(other, "" | "count" | "total") { text } else { format!("{text} {other}") }
        }
    }
}

/// A signed difference with its half-width: `−4m24s ± 9.1 s`, `+0.510 ± 0.040 pp`.
pub fn difference(diff: f64, half: Option<f64>, unit: &str) -> String {
    let plus = if diff > 0.0 { "+" } else { "" };
    if unit == "ratio" {
        let decimals = decimals_of(half.unwrap_or(diff) * 100.0);
        let text = fixed(diff * 100.0, decimals);
        return match half {
            Some(half) => format!("{plus}{text} ± {} pp", fixed(half * 100.0, decimals)),
            None => format!("{plus}{text} pp"),
        };
    }
    format!("{plus}{}", measured(diff, half, unit))
}

/// Decimals that show two significant digits of a width, at most six.
fn decimals_of(width: f64) -> usize {
    let width = width.abs();
    let mut decimals = 0;
    let mut scaled = width;
    while scaled < 9.95 && decimals < 6 && width > 0.0 {
        scaled *= 10.0;
        decimals += 1;
    }
    decimals.min(if width > 0.0 { 6 } else { 2 })
}

fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    let zero = text.chars().all(|c| c == '0' || c == '.');
    let text = if value.abs() >= 99_999.5 && decimals == 0 { grouped(&text) } else { text };
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
/// `availability, shop/cart`. Unit suffixes go, a quantile becomes `p95`.
pub fn metric_title(metric: &str, labels: &str) -> String {
    let mut name = metric;
    for suffix in ["_seconds", "_ratio", "_total", "_bytes"] {
        name = name.strip_suffix(suffix).unwrap_or(name);
    }
    let mut title = name.replace('_', " ");
    for (key, value) in parse_labels(labels) {
        title.push_str(", ");
        if key == "quantile" {
            title.push_str(&quantile_name(&value));
        } else {
            title.push_str(&value);
        }
    }
    title
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

/// The unit that a metric's name ends with, as [`value`] takes it: `s`, `ratio`, `bytes` or nothing.
pub fn unit_of(metric: &str) -> &'static str {
    let ends = [("_seconds", "s"), ("_ratio", "ratio"), ("_bytes", "bytes")];
    ends.iter().find(|(suffix, _)| metric.ends_with(suffix)).map_or("", |(_, unit)| unit)
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

fn grouped(digits: &str) -> String {
    let mut out = String::new();
    for (index, c) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_like_kubernetes_ages() {
        for (seconds, text) in [
            (0.0, "0 s"),
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
        assert_eq!(difference(-264.0, Some(9.06), "s"), "−4m24s ± 9.1 s");
        assert_eq!(difference(0.0051, Some(0.0004), "ratio"), "+0.510 ± 0.040 pp");
        assert_eq!(measured(0.993_204, Some(0.000_193), "ratio"), "99.320 ± 0.019 %");
        assert_eq!(measured(12.345, Some(0.38), "count"), "12.35 ± 0.38");
        assert_eq!(measured(40.012, Some(0.162), "s"), "40.01 ± 0.16 s");
        assert_eq!(measured(364.0, Some(7.01), "s"), "6m04s ± 7.0 s");
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
        assert_eq!(
            metric_title("time_to_whole_seconds", "quantile=\"0.95\""),
            "time to whole, p95"
        );
        assert_eq!(parse_labels("broken=\"x"), []);
    }
}
