//! Filters and scores that a policy file writes itself, as expressions in CEL.
//!
//! The crate `cel` reads and evaluates them. Here stands what it does not know: which fields a pod
//! and a node have (`fields`), and that every name, type and function is checked before the first
//! pod comes (`check`). An expression sees one pod class and one node, has no loops but those
//! over short lists, and never the clock: its answer follows from its arguments alone.

mod check;
mod fields;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use cel::{Context, Env, ExecutionError, IdedExpr, Value};

use self::fields::Source;
use super::framework::CycleCx;
use crate::model::{NodeId, PodTemplate};

pub use self::check::{Problem, Purpose};
pub use self::fields::PATHS;

/// Characters that an expression may have.
const CHARS_MAX: usize = 2000;

/// Why an expression has no answer, or not the one that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The filter is false.
    Refused,
    /// A label that is read is not there.
    NoLabel,
    /// A whole number was divided by zero.
    DivisionByZero,
    /// A number has no room in its type.
    Overflow,
    /// Anything else that evaluation stumbles over.
    Failed,
    /// The score is no number from 0 to 100.
    OutOfRange,
}

impl Failure {
    /// What happened, as the end of a sentence.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Refused => "is false",
            Self::NoLabel => "failed: no such label",
            Self::DivisionByZero => "failed: division by zero",
            Self::Overflow => "failed: overflow",
            Self::Failed => "failed",
            Self::OutOfRange => "gave a score that is not between 0 and 100",
        }
    }
}

/// An expression that was checked, ready to be evaluated.
pub struct Compiled {
    /// With every field that is read replaced by a variable.
    expr: IdedExpr,
    /// Those variables and what they stand for.
    variables: Vec<(String, Source)>,
    env: Arc<Env>,
}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compiled").field("variables", &self.variables).finish_non_exhaustive()
    }
}

impl Compiled {
    /// Reads and checks an expression.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of the text.
    pub fn new(text: &str, purpose: Purpose) -> Result<Self, Vec<Problem>> {
        let env = Arc::new(Env::stdlib());
        let (expr, variables) = check::compile(text, purpose, &env)?;
        Ok(Self { expr, variables, env })
    }

    /// Whether the answer depends on the pods of the node.
    pub(super) fn reads_load(&self) -> bool {
        self.variables.iter().any(|(_, source)| source.reads_load())
    }

    /// Whether it says the same of pods of both classes on every node.
    pub(super) fn alike(&self, cx: &CycleCx<'_>, other: &PodTemplate) -> bool {
        let other = CycleCx { spec: other, ..*cx };
        let of_pod = self.variables.iter().filter_map(|(_, source)| source.of_pod());
        of_pod.into_iter().all(|source| source.value(cx) == source.value(&other))
    }

    fn evaluate(&self, cx: &CycleCx<'_>, node: NodeId) -> Result<Value, Failure> {
        let mut context = Context::with_env(Arc::clone(&self.env));
        for (name, source) in &self.variables {
            // A label that is missing stays undeclared: whoever reads it fails, and only then.
            if let Some(value) = source.value(cx, node) {
                context.add_variable_from_value(name.as_str(), value);
            }
        }
        Value::resolve(&self.expr, &context).map_err(|error| failure(&error))
    }

    /// Whether the pod may go to the node.
    ///
    /// # Errors
    /// Why not.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the check lets no other type pass")]
    pub fn passes(&self, cx: &CycleCx<'_>, node: NodeId) -> Result<(), Failure> {
        match self.evaluate(cx, node)? {
            Value::Bool(true) => Ok(()),
            Value::Bool(false) => Err(Failure::Refused),
            _ => Err(Failure::Failed),
        }
    }

    /// The score of the node, 0 to 100; what stands behind the point is dropped.
    ///
    /// # Errors
    /// If there is none in that range.
    #[expect(clippy::cast_possible_truncation, reason = "between 0 and 100")]
    #[expect(clippy::wildcard_enum_match_arm, reason = "the check lets no other type pass")]
    pub fn score(&self, cx: &CycleCx<'_>, node: NodeId) -> Result<i64, Failure> {
        let score = match self.evaluate(cx, node)? {
            Value::Int(score) => score,
            Value::UInt(score) => i64::try_from(score).unwrap_or(i64::MAX),
            Value::Float(score) if (0.0..=100.0).contains(&score) => score as i64,
            Value::Float(_) => -1,
            _ => return Err(Failure::Failed),
        };
        if (0..=100).contains(&score) { Ok(score) } else { Err(Failure::OutOfRange) }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the crate's list of errors is open")]
fn failure(error: &ExecutionError) -> Failure {
    match error {
        ExecutionError::UndeclaredReference(_) => Failure::NoLabel,
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
            Failure::DivisionByZero
        }
        ExecutionError::Overflow(..) => Failure::Overflow,
        _ => Failure::Failed,
    }
}
