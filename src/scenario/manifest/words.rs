//! The shapes that Kubernetes demands of names, label keys and label values.

use super::Cursor;
use crate::base::diag::{Diagnostics, codes};
use crate::scenario::node::short;
use crate::scenario::source::Rules;

/// Checks an object's name: a DNS-1123 subdomain of at most `length_max` characters, or, where
/// `dots` is not allowed, a DNS-1123 label.
pub fn check_name(
    name: &str,
    (length_max, dots): (usize, bool),
    at: &Cursor<'_>,
    rules: Rules,
    found: &mut Diagnostics,
) {
    let good = name.split(if dots { '.' } else { '\0' }).all(is_dns_label);
    let problem = if name.len() > length_max {
        format!("the name \"{}\" is longer than {length_max} characters", short(name))
    } else if !good {
        format!("invalid name \"{}\"", short(name))
    } else {
        return;
    };
    let suggestion: String = name
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || (dots && c == '.') { c } else { '-' })
        .collect();
    let suggestion = suggestion.trim_matches(['-', '.']);
    let mut help = format!(
        "a name has lower-case letters, digits{} and '-', starts and ends with a letter or digit",
        if dots { ", '.'" } else { "" }
    );
    if !suggestion.is_empty() && suggestion != name && suggestion.len() <= length_max {
        help = format!("{help}; for example \"{}\"", short(suggestion));
    }
    found.push(at.finding(rules, codes::BAD_NAME, problem).help(help));
}

fn is_dns_label(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty()
        && text.len() <= 253
        && text.chars().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Checks a label or annotation key: an optional DNS prefix and `/`, then at most 63 characters.
pub fn check_label_key(key: &str, at: &Cursor<'_>, rules: Rules, found: &mut Diagnostics) {
    if is_label_key(key) {
        return;
    }
    let message = format!("invalid label key \"{}\"", short(key));
    found.push(at.finding(rules, codes::BAD_NAME, message).help(
        "a key is [prefix/]name: the name has at most 63 letters, digits, '-', '_', '.', the \
         prefix is a DNS name",
    ));
}

/// Checks a label's value: at most 63 letters, digits, `-`, `_`, `.`, or nothing.
pub fn check_label_value(value: &str, at: &Cursor<'_>, rules: Rules, found: &mut Diagnostics) {
    if is_label_value(value) {
        return;
    }
    let message = format!("invalid label value \"{}\"", short(value));
    found.push(at.finding(rules, codes::BAD_NAME, message).help(
        "a value has at most 63 letters, digits, '-', '_', '.', and starts and ends with a letter \
         or digit",
    ));
}

/// Whether a text may be the key of a label.
#[must_use]
pub fn is_label_key(key: &str) -> bool {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(p, n)| (Some(p), n));
    let prefix_good = prefix.is_none_or(|p| p.len() <= 253 && p.split('.').all(is_dns_label));
    prefix_good && is_qualified(name)
}

/// Whether a text may be the value of a label.
#[must_use]
pub fn is_label_value(value: &str) -> bool {
    value.is_empty() || is_qualified(value)
}

fn is_qualified(text: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.len() <= 63
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        && edge(text.chars().next())
        && edge(text.chars().next_back())
}
