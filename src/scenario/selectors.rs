//! Label selectors in their text form (`app=web,tier in (a,b),!old`), as `kubectl -l` and the API
//! take them, and the canonical text of both forms.
//!
//! Which labels a selector matches is not decided here: `compile` lowers it to the model's.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector as KubeSelector;

use crate::scenario::manifest::{is_label_key, is_label_value};

/// How a requirement compares, as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equals,
    /// `==`
    DoubleEquals,
    /// `!=`
    NotEquals,
    /// `in`
    In,
    /// `notin`
    NotIn,
    /// The key alone.
    Exists,
    /// `!` before the key.
    DoesNotExist,
    /// `>`
    GreaterThan,
    /// `<`
    LessThan,
}

/// One requirement of a selector; its parts are valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// Label key.
    pub key: String,
    /// How it compares.
    pub comparison: Comparison,
    /// What it compares with, in the order of the canonical text.
    pub values: Vec<String>,
}

impl Requirement {
    /// A requirement, if key, values and their number are right.
    fn new(
        key: &str,
        comparison: Comparison,
        mut values: Vec<String>,
    ) -> Result<Self, BadSelector> {
        let wrong = |what: &str| Err(BadSelector(format!("{what} of `{key}`")));
        let count_is_right = match comparison {
            Comparison::In | Comparison::NotIn => !values.is_empty(),
            Comparison::Exists | Comparison::DoesNotExist => values.is_empty(),
            Comparison::Equals
            | Comparison::DoubleEquals
            | Comparison::NotEquals
            | Comparison::GreaterThan
            | Comparison::LessThan => values.len() == 1,
        };
        let is_bound = matches!(comparison, Comparison::GreaterThan | Comparison::LessThan);
        if !is_label_key(key) {
            return Err(BadSelector(format!("`{key}` is no label key")));
        }
        if !count_is_right {
            return wrong("the number of values does not fit the operator");
        }
        if is_bound && values.iter().any(|value| value.parse::<i64>().is_err()) {
            return wrong("`<` and `>` compare with whole numbers only; see the requirement");
        }
        if !values.iter().all(|value| is_label_value(value)) {
            return wrong("a value is no label value in the requirement");
        }
        values.sort();
        Ok(Self { key: key.to_owned(), comparison, values })
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, values) = (&self.key, self.values.join(","));
        match self.comparison {
            Comparison::Equals => write!(f, "{key}={values}"),
            Comparison::DoubleEquals => write!(f, "{key}=={values}"),
            Comparison::NotEquals => write!(f, "{key}!={values}"),
            Comparison::In => write!(f, "{key} in ({values})"),
            Comparison::NotIn => write!(f, "{key} notin ({values})"),
            Comparison::Exists => write!(f, "{key}"),
            Comparison::DoesNotExist => write!(f, "!{key}"),
            Comparison::GreaterThan => write!(f, "{key}>{values}"),
            Comparison::LessThan => write!(f, "{key}<{values}"),
        }
    }
}

/// A selector: all requirements must hold. They stand in the order of their keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// The requirements.
    pub requirements: Vec<Requirement>,
}

/// Why something is no selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no label selector: {0}")]
pub struct BadSelector(String);

impl Selector {
    /// A selector of these requirements.
    fn of(mut requirements: Vec<Requirement>) -> Self {
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Self { requirements }
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// If the text is no selector.
    pub fn parse(text: &str) -> Result<Self, BadSelector> {
        Parser { tokens: tokens(text)?, at: 0 }.selector().map(Self::of)
    }

    /// The selector of an API object: `matchLabels` and `matchExpressions`.
    ///
    /// # Errors
    /// If a requirement is invalid.
    pub fn of_object(object: &KubeSelector) -> Result<Self, BadSelector> {
        let labels = object.match_labels.iter().flatten();
        let mut requirements: Vec<Requirement> = labels
            .map(|(key, value)| Requirement::new(key, Comparison::Equals, vec![value.clone()]))
            .collect::<Result<_, _>>()?;
        for expression in object.match_expressions.iter().flatten() {
            let comparison = match expression.operator.as_str() {
                "In" => Comparison::In,
                "NotIn" => Comparison::NotIn,
                "Exists" => Comparison::Exists,
                "DoesNotExist" => Comparison::DoesNotExist,
                other => return Err(BadSelector(format!("`{other}` is no operator"))),
            };
            let values = expression.values.clone().unwrap_or_default();
            requirements.push(Requirement::new(&expression.key, comparison, values)?);
        }
        Ok(Self::of(requirements))
    }
}

impl fmt::Display for Selector {
    /// The canonical text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, requirement) in self.requirements.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            write!(f, "{comma}{requirement}")?;
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    /// A key, a value, or one of the words `in` and `notin`.
    Word(&'a str),
    Sign(&'static str),
}

/// Longer signs come first: the longest that fits is taken.
const SIGNS: [&str; 9] = ["==", "!=", "!", "=", "(", ")", ",", ">", "<"];

fn tokens(text: &str) -> Result<Vec<Token<'_>>, BadSelector> {
    let is_blank = |c: char| matches!(c, ' ' | '\t' | '\r' | '\n');
    let is_sign = |c: char| matches!(c, '=' | '!' | '(' | ')' | ',' | '>' | '<');
    let mut tokens = Vec::new();
    let mut rest = text.trim_start_matches(is_blank);
    while !rest.is_empty() {
        if rest.starts_with(is_sign) {
            let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) else {
                return Err(BadSelector(format!("`{rest}` is not understood")));
            };
            tokens.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        } else {
            let end = rest.find(|c| is_blank(c) || is_sign(c)).unwrap_or(rest.len());
            tokens.push(Token::Word(&rest[..end]));
            rest = &rest[end..];
        }
        rest = rest.trim_start_matches(is_blank);
    }
    Ok(tokens)
}

struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<Token<'a>> {
        self.tokens.get(self.at).copied()
    }

    fn next(&mut self) -> Option<Token<'a>> {
        let token = self.peek();
        self.at += 1;
        token
    }

    fn expected(&self, what: &str) -> BadSelector {
        match self.tokens.get(self.at.saturating_sub(1)) {
            Some(Token::Word(text)) => BadSelector(format!("found `{text}` for {what}")),
            Some(Token::Sign(text)) => BadSelector(format!("found `{text}` for {what}")),
            None => BadSelector(format!("{what} is missing at the end")),
        }
    }

    fn word(&mut self, what: &str) -> Result<&'a str, BadSelector> {
        match self.next() {
            Some(Token::Word(word)) => Ok(word),
            Some(Token::Sign(_)) | None => Err(self.expected(what)),
        }
    }

    fn ends_here(&self) -> bool {
        matches!(self.peek(), None | Some(Token::Sign(",")))
    }

    fn selector(&mut self) -> Result<Vec<Requirement>, BadSelector> {
        let mut requirements = Vec::new();
        if self.tokens.is_empty() {
            return Ok(requirements);
        }
        loop {
            requirements.push(self.requirement()?);
            match self.next() {
                None => return Ok(requirements),
                Some(Token::Sign(",")) => {}
                Some(_) => return Err(self.expected("`,`")),
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, BadSelector> {
        if self.peek() == Some(Token::Sign("!")) {
            self.next();
            let key = self.word("a key")?;
            return Requirement::new(key, Comparison::DoesNotExist, Vec::new());
        }
        let key = self.word("a key")?;
        if self.ends_here() {
            return Requirement::new(key, Comparison::Exists, Vec::new());
        }
        let comparison = match self.next() {
            Some(Token::Sign("=")) => Comparison::Equals,
            Some(Token::Sign("==")) => Comparison::DoubleEquals,
            Some(Token::Sign("!=")) => Comparison::NotEquals,
            Some(Token::Sign(">")) => Comparison::GreaterThan,
            Some(Token::Sign("<")) => Comparison::LessThan,
            Some(Token::Word("in")) => Comparison::In,
            Some(Token::Word("notin")) => Comparison::NotIn,
            Some(_) | None => return Err(self.expected("an operator")),
        };
        let values = if matches!(comparison, Comparison::In | Comparison::NotIn) {
            self.set()?
        } else if self.ends_here() {
            vec![String::new()]
        } else {
            vec![self.word("a value")?.to_owned()]
        };
        Requirement::new(key, comparison, values)
    }

    /// The values between parentheses, each once. Between two commas, or a comma and a
    /// parenthesis, stands the empty value.
    fn set(&mut self) -> Result<Vec<String>, BadSelector> {
        if self.next() != Some(Token::Sign("(")) {
            return Err(self.expected("`(`"));
        }
        let mut values: Vec<String> = Vec::new();
        loop {
            let value = match self.peek() {
                Some(Token::Word(word)) => {
                    self.next();
                    word
                }
                Some(Token::Sign("," | ")")) => "",
                Some(Token::Sign(_)) | None => {
                    self.next();
                    return Err(self.expected("a value"));
                }
            };
            if !values.iter().any(|known| known == value) {
                values.push(value.to_owned());
            }
            match self.next() {
                Some(Token::Sign(",")) => {}
                Some(Token::Sign(")")) => return Ok(values),
                Some(_) | None => return Err(self.expected("`,` or `)`")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_canonical() {
        for (text, canonical) in [
            ("", ""),
            ("  ", ""),
            ("b , a", "a,b"),
            ("tier in (b,,a,b)", "tier in (,a,b)"),
            ("a in ()", "a in ()"),
            ("in in (notin)", "in in (notin)"),
            ("x=,y!=  ,z < 7", "x=,y!=,z<7"),
            ("app,!app", "app,!app"),
        ] {
            assert_eq!(Selector::parse(text).unwrap().to_string(), canonical, "{text}");
        }
    }

    #[test]
    fn what_is_no_selector_is_refused() {
        for text in [
            ",",
            "a,",
            "a,,b",
            "=a",
            "a>=5",
            "a in b",
            "a in (b",
            "a in (b c)",
            "a b",
            "!a=b",
            "a>x",
            "a=-b",
            "-a",
            "a==",
            "!",
            "a=b=c",
            "a in (b)c",
            "A_b.c/d",
        ] {
            let read = Selector::parse(text);
            assert_eq!(read.is_err(), text != "a==", "{text}: {read:?}");
        }
    }
}
