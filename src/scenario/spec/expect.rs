//! Expectations: `name{label="value"} op number`.

use crate::base::diag::{Diagnostic, Diagnostics, Span, codes};
use crate::scenario::node::{Node, Value};
use crate::scenario::read::{Fields, Located, Read, word};

/// A comparison operator.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
}

/// The operators as they are written; longer ones first.
const OPERATORS: &[(&str, Comparison)] = &[
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

impl Comparison {
    /// Whether `left op right` holds; never with a value that is not a number.
    #[must_use]
    pub fn holds(self, left: f64, right: f64) -> bool {
        let Some(order) = left.partial_cmp(&right) else { return false };
        match self {
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
        }
    }
}

/// Over which replications an expectation must hold.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub enum Over {
    /// In every single one.
    #[default]
    Every,
    /// For the mean of all.
    Mean,
}

/// A statement about a metric.
#[derive(Clone, PartialEq, Debug)]
pub struct Expectation {
    /// The metric's name.
    pub metric: String,
    /// Labels that the metric must carry, in the order given.
    pub labels: Vec<(String, String)>,
    /// The comparison.
    pub comparison: Comparison,
    /// What the metric is compared with.
    pub bound: f64,
    /// Over which replications.
    pub over: Over,
    /// The expression as written.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// Why an expression cannot be read, and at which of its characters, from 0.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExpectError {
    /// Position in characters.
    pub position: usize,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: String,
}

/// Parses an expression such as `availability_ratio{workload="shop/checkout"} >= 0.999`.
///
/// # Errors
/// With the position and what was expected there.
pub fn parse_expectation(text: &str, span: Span) -> Result<Expectation, ExpectError> {
    let mut scanner = Scanner { text, at: 0 };
    let metric = scanner.name("a metric's name")?;
    let mut labels = Vec::new();
    if scanner.take("{") {
        while !scanner.take("}") {
            if !labels.is_empty() {
                scanner.expect(",", "a comma or }")?;
                if scanner.take("}") {
                    break;
                }
            }
            let label = scanner.name("a label's name")?;
            scanner.expect("=", "= after the label's name")?;
            labels.push((label, scanner.quoted()?));
        }
    }
    let comparison = scanner.operator()?;
    let bound = scanner.number()?;
    scanner.skip_blanks();
    if scanner.at < text.len() {
        return Err(scanner.error("the end of the expression"));
    }
    let text = text.to_owned();
    Ok(Expectation { metric, labels, comparison, bound, over: Over::Every, text, span })
}

struct Scanner<'a> {
    text: &'a str,
    /// Position in bytes.
    at: usize,
}

impl Scanner<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn skip_blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn error(&self, expected: &str) -> ExpectError {
        let found = match self.rest().chars().next() {
            Some(character) => format!("'{character}'"),
            None => "the end".to_owned(),
        };
        ExpectError {
            position: self.text[..self.at].chars().count(),
            message: format!("expected {expected}, found {found}"),
            help: "write for example availability_ratio >= 0.99 or time_to_whole_seconds{quantile=\"0.95\"} <= 180".to_owned(),
        }
    }

    fn take(&mut self, token: &str) -> bool {
        self.skip_blanks();
        let there = self.rest().starts_with(token);
        if there {
            self.at += token.len();
        }
        there
    }

    fn expect(&mut self, token: &str, what: &str) -> Result<(), ExpectError> {
        if self.take(token) { Ok(()) } else { Err(self.error(what)) }
    }

    fn name(&mut self, what: &str) -> Result<String, ExpectError> {
        self.skip_blanks();
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        let length = self.rest().find(|c| !word(c)).unwrap_or(self.rest().len());
        let name = self.rest()[..length].to_owned();
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(self.error(what));
        }
        self.at += length;
        Ok(name)
    }

    fn quoted(&mut self) -> Result<String, ExpectError> {
        self.skip_blanks();
        if !self.rest().starts_with('"') {
            return Err(self.error("a value in double quotes"));
        }
        let start = self.at;
        self.at += 1;
        let Some(length) = self.rest().find('"') else {
            self.at = start;
            let mut error = self.error("a closing quote");
            error.message = "the quote is not closed".to_owned();
            return Err(error);
        };
        let value = self.rest()[..length].to_owned();
        self.at += length + 1;
        Ok(value)
    }

    fn operator(&mut self) -> Result<Comparison, ExpectError> {
        self.skip_blanks();
        for (token, comparison) in OPERATORS {
            if self.take(token) {
                return Ok(*comparison);
            }
        }
        Err(self.error("one of <, <=, >, >=, ==, !="))
    }

    fn number(&mut self) -> Result<f64, ExpectError> {
        self.skip_blanks();
        let part = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E' | '_');
        let length = self.rest().find(|c| !part(c)).unwrap_or(self.rest().len());
        let parsed = self.rest()[..length].parse::<f64>().ok().filter(|value| value.is_finite());
        match parsed {
            Some(value) => {
                self.at += length;
                Ok(value)
            }
            None => Err(self.error("a number")),
        }
    }
}

impl Read for Expectation {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        if !matches!(node.value, Value::Map(_)) {
            return read_text(node, path, found);
        }
        let mut fields = Fields::open(node, path, found)?;
        let expression = fields.raw("expr");
        let over = fields.defaulted::<Over>("over");
        let mut read = None;
        if let Some(expression) = expression {
            let path = fields.path_of("expr");
            read = read_text(expression, &path, fields.found());
        } else {
            let _: Option<Located<String>> = fields.required("expr");
        }
        fields.finish();
        Some(Self { over: over?, ..read? })
    }
}

fn read_text(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Expectation> {
    let text = String::read(node, path, found)?;
    match parse_expectation(&text, node.span) {
        Ok(expectation) => Some(expectation),
        Err(error) => {
            let quoted = matches!(node.value, Value::Str { quoted: true, .. });
            let offset = u32::try_from(error.position).unwrap_or(0) + u32::from(quoted);
            // Inside the text where it stands on one line without escapes.
            let inside = !text.contains('\n') && offset <= node.span.len;
            let span = if inside {
                Span { column: node.span.column + offset, len: 1, ..node.span }
            } else {
                node.span
            };
            found.push(
                Diagnostic::error(codes::BAD_EXPECT, span, error.message).at(path).help(error.help),
            );
            None
        }
    }
}

impl Read for Over {
    fn read(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Self> {
        word(node, path, ("over", &[("every", Self::Every), ("mean", Self::Mean)]), found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_parsed_or_the_place_is_named() {
        let good = "time_to_whole_seconds{policy=\"fast\", quantile=\"0.95\"} <= 180";
        let parsed = parse_expectation(good, Span::default()).unwrap();
        assert_eq!(parsed.metric, "time_to_whole_seconds");
        assert_eq!(parsed.labels[1], ("quantile".to_owned(), "0.95".to_owned()));
        assert_eq!(parsed.comparison, Comparison::LessOrEqual);
        assert!(parsed.comparison.holds(180.0, parsed.bound));
        assert!(!parsed.comparison.holds(f64::NAN, parsed.bound));
        for (text, position) in [
            ("", 0),
            ("a", 1),
            ("a <", 3),
            ("a < x", 4),
            ("a <= 1 2", 7),
            ("1a < 2", 0),
            ("a{b} < 1", 3),
            ("a{b=c} < 1", 4),
            ("a{b=\"c} < 1", 4),
            ("a{b=\"c\" d=\"e\"} < 1", 8),
            ("a => 1", 2),
        ] {
            let error = parse_expectation(text, Span::default()).unwrap_err();
            assert_eq!(error.position, position, "{text}: {}", error.message);
        }
    }
}
