//! Advice for texts that are no quantity.

use super::{Quantity, split_digits};

const EXAMPLES: &str = "write a number with at most one suffix, for example `500m`, `2`, `1.5Gi`";

/// What to write instead of `text`, as a sentence without its full stop.
pub(super) fn for_text(text: &str) -> String {
    let bare = text.trim();
    if bare.is_empty() {
        return EXAMPLES.to_owned();
    }
    if bare.ends_with('%') {
        return "a quantity is absolute, not a percentage; write for example `500m` or `1Gi`"
            .into();
    }
    let candidates = [
        bare.split_whitespace().collect::<String>(),
        bare.replace(',', "."),
        bare.replace(['_', '\''], ""),
    ];
    if let Some(meant) = candidates.iter().find(|text| text.parse::<Quantity>().is_ok()) {
        return format!("did you mean `{meant}`?");
    }
    let number_end = split_number(bare);
    let (number, unit) = (&bare[..number_end], bare[number_end..].trim());
    if number.is_empty() {
        return EXAMPLES.to_owned();
    }
    let number = number.replace(',', ".");
    match suffixes_meant(&unit.to_lowercase()) {
        [] => EXAMPLES.to_owned(),
        [one] => format!("did you mean `{number}{one}`?"),
        [decimal, binary, ..] => format!(
            "did you mean `{number}{decimal}` (powers of 1000) or `{number}{binary}` (powers of \
             1024)?"
        ),
    }
}

/// Where the leading number of `text` ends.
fn split_number(text: &str) -> usize {
    let unsigned = text.trim_start_matches(['+', '-']);
    let (_, rest) = split_digits(unsigned);
    let rest = rest.strip_prefix(['.', ',']).map_or(rest, |tail| split_digits(tail).1);
    text.len() - rest.len()
}

/// The suffixes that a unit in lower case may stand for.
fn suffixes_meant(unit: &str) -> &'static [&'static str] {
    match unit {
        "k" | "kb" | "kbyte" | "kbytes" | "kilobytes" => &["k", "Ki"],
        "mb" | "mbyte" | "mbytes" | "megabyte" | "megabytes" => &["M", "Mi"],
        "g" | "gb" | "gbyte" | "gbytes" | "gigabyte" | "gigabytes" => &["G", "Gi"],
        "t" | "tb" | "terabyte" | "terabytes" => &["T", "Ti"],
        "p" | "pb" | "petabyte" | "petabytes" => &["P", "Pi"],
        "ki" | "kib" | "kibibytes" => &["Ki"],
        "mi" | "mib" | "meg" | "megs" | "mebibytes" => &["Mi"],
        "gi" | "gib" | "gig" | "gigs" | "gibibytes" => &["Gi"],
        "ti" | "tib" | "tebibytes" => &["Ti"],
        "pi" | "pib" | "pebibytes" => &["Pi"],
        "ei" | "eib" | "exbibytes" => &["Ei"],
        "mc" | "mcpu" | "mcore" | "mcores" | "millicpu" | "millicore" | "millicores" => &["m"],
        "b" | "byte" | "bytes" | "c" | "cpu" | "cpus" | "vcpu" | "vcpus" | "core" | "cores" => {
            &[""]
        }
        _ => &[],
    }
}
