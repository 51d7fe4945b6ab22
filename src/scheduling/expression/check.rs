//! The check of an expression: its names, types and functions, and how much it may ask for.
//!
//! Fields are replaced by variables on the way, so that evaluation computes what is read and
//! nothing else. Whatever passes can fail later for a label that is not there, for a number that
//! has no room or for a division by zero, but for no other reason.

use cel::common::ast::operators as op;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, ListExpr, LiteralValue, SourceInfo};
use cel::common::types::CelBool;
use cel::{Env, IdedExpr};

use super::CHARS_MAX;
use super::fields::{Found, Source, Type, find};
use crate::registry::suggest;

/// Levels of nesting that an expression may have.
const DEPTH_MAX: u16 = 40;
/// Operators, fields and values that an expression may have.
const PARTS_MAX: usize = 500;

/// What an expression is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// True where the pod may go.
    Filter,
    /// A number from 0 to 100.
    Score,
}

/// Something wrong in an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, in characters from the start of the expression.
    pub offset: usize,
    /// How many characters.
    pub len: usize,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: String,
}

/// Functions and methods that can be called, without operators.
const FUNCTIONS: &[&str] = &["size", "contains", "startsWith", "endsWith", "double", "int"];
const MACROS: &[&str] = &["has", "all", "exists", "exists_one"];

/// What fields became: variables and what they stand for.
pub(super) type Variables = Vec<(String, Source)>;

/// Reads an expression and checks it.
pub(super) fn compile(
    text: &str,
    purpose: Purpose,
    env: &Env,
) -> Result<(IdedExpr, Variables), Vec<Problem>> {
    let whole = |message: &str, help: String| {
        vec![Problem { offset: 0, len: text.chars().count(), message: message.to_owned(), help }]
    };
    if text.chars().count() > CHARS_MAX {
        let help = format!("at most {CHARS_MAX} characters; split it into several expressions");
        return Err(whole("the expression is too long", help));
    }
    let parser = env.parser().max_recursion_depth(DEPTH_MAX);
    let (mut expr, source) = parser.parse_with_source_info(text).map_err(|errors| {
        let problems = errors.errors.iter().map(|error| {
            let message = format!("this is no CEL: {}", first_line(&error.msg));
            let help = "see docs/policies.md for what can be written".to_owned();
            let offset = offset_of(text, error.pos);
            Problem { offset, len: 1, message, help }
        });
        problems.collect::<Vec<_>>()
    })?;
    let mut check = Checker { source, problems: Vec::new(), variables: Vec::new(), parts: 0 };
    let of = check.walk(&mut expr, &mut Vec::new());
    if check.parts > PARTS_MAX {
        let help = "split it into several expressions".to_owned();
        return Err(whole("the expression has too many parts", help));
    }
    let wanted = of.is_some_and(|of| match purpose {
        Purpose::Filter if of != Type::Bool => {
            check.whole(
                &expr,
                &format!("a filter is true or false, not a {}", of.name()),
                "compare",
            );
            false
        }
        Purpose::Score if !of.is_number() => {
            check.whole(&expr, &format!("a score is a number, not a {}", of.name()), "");
            false
        }
        Purpose::Filter | Purpose::Score => true,
    });
    match check.problems.as_slice() {
        [] if wanted => Ok((expr, check.variables)),
        _ => {
            check.problems.sort_by_key(|problem| problem.offset);
            Err(check.problems)
        }
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Characters before a line and column that count from 1 and 0 or 1.
fn offset_of(text: &str, (line, column): (isize, isize)) -> usize {
    let line = usize::try_from(line).unwrap_or(1).max(1);
    let before =
        text.split_inclusive('\n').take(line - 1).map(|l| l.chars().count()).sum::<usize>();
    (before + usize::try_from(column).unwrap_or(0).saturating_sub(1)).min(text.chars().count())
}

/// Variables of comprehensions that are in scope, with their types.
type Scope = Vec<(String, Type)>;

struct Checker {
    source: SourceInfo,
    problems: Vec<Problem>,
    variables: Variables,
    parts: usize,
}

impl Checker {
    fn report(&mut self, id: u64, message: String, help: impl Into<String>) {
        let (start, stop) = self.source.offset_for(id).unwrap_or((0, 0));
        let (start, stop) = (start as usize, stop as usize);
        let len = (stop + 1).saturating_sub(start).max(1);
        // A field is placed at the point before it.
        let mut after = self.source.source.chars().skip(start).peekable();
        let named = after.next_if_eq(&'.').is_some();
        let name = after.take_while(|c| c.is_alphanumeric() || *c == '_').count();
        let (offset, len) = if named { (start + 1, name.max(1)) } else { (start, len) };
        self.problems.push(Problem { offset, len, message, help: help.into() });
    }

    fn whole(&mut self, expr: &IdedExpr, message: &str, verb: &str) {
        let help = match verb {
            "" => "write for example 100.0 * pod.requests.cpu / node.status.allocatable.cpu",
            _ => "write for example node.requested.pods < 30.0",
        };
        self.report(expr.id, message.to_owned(), help);
    }

    /// The type of an expression; `None` after a problem was reported.
    fn walk(&mut self, expr: &mut IdedExpr, scope: &mut Scope) -> Option<Type> {
        self.parts += 1;
        if self.parts > PARTS_MAX {
            return None;
        }
        if let Some((path, ids)) = path_of(expr)
            && !scope.iter().any(|(name, _)| *name == path[0])
        {
            return self.field(expr, &path, &ids);
        }
        let id = expr.id;
        match &mut expr.expr {
            Expr::Literal(literal) => self.literal(id, literal),
            Expr::Ident(name) => {
                scope.iter().rev().find(|(known, _)| known == name).map(|(_, of)| of.clone())
            }
            Expr::Select(select) if select.test => {
                let (field, operand) = (select.field.clone(), &mut select.operand);
                self.presence(id, operand, &field, scope).map(|answer| {
                    expr.expr = answer;
                    Type::Bool
                })
            }
            Expr::Select(select) => {
                let field = select.field.clone();
                let of = self.walk(&mut select.operand, scope)?;
                self.element(id, &of, &field)
            }
            Expr::Call(call) if call.func_name == op::IN => {
                if let Some(answer) = self.known_key(call) {
                    expr.expr = answer;
                    return Some(Type::Bool);
                }
                self.call(id, call, scope)
            }
            Expr::Call(call) => self.call(id, call, scope),
            Expr::List(list) => self.list(id, list, scope),
            Expr::Comprehension(comprehension) => self.comprehension(id, comprehension, scope),
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                self.report(
                    id,
                    "objects cannot be made here".to_owned(),
                    "compare fields one by one",
                );
                None
            }
        }
    }

    fn literal(&mut self, id: u64, literal: &LiteralValue) -> Option<Type> {
        Some(match literal {
            LiteralValue::Boolean(_) => Type::Bool,
            LiteralValue::Double(_) => Type::Double,
            LiteralValue::Int(_) => Type::Int,
            LiteralValue::UInt(_) => Type::Uint,
            LiteralValue::String(_) => Type::Text,
            LiteralValue::Bytes(_) | LiteralValue::Null => {
                let help = "use has(…) to ask whether a label is there";
                self.report(id, "bytes and null have no use here".to_owned(), help);
                return None;
            }
        })
    }

    /// A path of fields: checks it and puts a variable in its place.
    fn field(&mut self, expr: &mut IdedExpr, path: &[String], ids: &[u64]) -> Option<Type> {
        if !matches!(path[0].as_str(), "pod" | "node") {
            let near = suggest(&path[0], ["pod", "node"]);
            let help = near.map_or_else(
                || "known are pod and node".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            self.report(ids[0], format!("`{}` is unknown", path[0]), help);
            return None;
        }
        let words: Vec<&str> = path.iter().map(String::as_str).collect();
        match find(&words) {
            Ok(Found::Value(source, of)) => {
                expr.expr = self.variable(source, &path.join("."));
                Some(of)
            }
            Ok(Found::Keys(_)) => {
                let help = format!("name one: {}[\"app\"]", path.join("."));
                self.report(expr.id, format!("`{}` are many", path.join(".")), help);
                None
            }
            Ok(Found::Object(fields)) => {
                let help = format!("name a field: {}", fields.join(", "));
                self.report(expr.id, format!("`{}` is an object", path.join(".")), help);
                None
            }
            Err(missing) => {
                let step = missing.step.min(path.len() - 1);
                let object = path[..step].join(".");
                let message = format!("{object} has no field `{}`", path[step]);
                self.report(ids[step], message, missing.help);
                None
            }
        }
    }

    fn variable(&mut self, source: Source, name: &str) -> Expr {
        if let Some((known, _)) = self.variables.iter().find(|(_, known)| *known == source) {
            return Expr::Ident(known.clone());
        }
        let name = format!("{}:{name}", self.variables.len());
        self.variables.push((name.clone(), source));
        Expr::Ident(name)
    }

    /// `has(operand.field)`.
    fn presence(
        &mut self,
        id: u64,
        operand: &mut IdedExpr,
        field: &str,
        scope: &mut Scope,
    ) -> Option<Expr> {
        let always = Expr::Literal(LiteralValue::Boolean(CelBool::from(true)));
        let Some((path, ids)) =
            path_of(operand).filter(|(path, _)| !scope.iter().any(|(name, _)| *name == path[0]))
        else {
            let of = self.walk(operand, scope)?;
            return self.element(id, &of, field).map(|_| always);
        };
        let words: Vec<&str> = path.iter().map(String::as_str).collect();
        if let Ok(Found::Keys(ask)) = find(&words) {
            return Some(self.variable(ask(field.to_owned()), &format!("has {field}")));
        }
        let (mut path, mut ids) = (path, ids);
        path.push(field.to_owned());
        ids.push(id);
        let words: Vec<&str> = path.iter().map(String::as_str).collect();
        if find(&words).is_ok() {
            return Some(always);
        }
        self.field(operand, &path, &ids).map(|_| always)
    }

    /// `"key" in labels`.
    fn known_key(&mut self, call: &CallExpr) -> Option<Expr> {
        let [key, labels] = call.args.as_slice() else { return None };
        let key = text_of(key)?;
        let (path, _) = path_of(labels)?;
        let words: Vec<&str> = path.iter().map(String::as_str).collect();
        match find(&words) {
            Ok(Found::Keys(ask)) => Some(self.variable(ask(key.clone()), &format!("has {key}"))),
            Ok(Found::Value(..) | Found::Object(_)) | Err(_) => None,
        }
    }

    fn element(&mut self, id: u64, of: &Type, field: &str) -> Option<Type> {
        let Type::Element(fields) = of else {
            self.report(id, format!("a {} has no field `{field}`", of.name()), "");
            return None;
        };
        if fields.contains(&field) {
            return Some(Type::Text);
        }
        let near = suggest(field, fields.iter().copied());
        let help = near.map_or_else(
            || format!("known are {}", fields.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        self.report(id, format!("there is no field `{field}`"), help);
        None
    }

    fn list(&mut self, id: u64, list: &mut ListExpr, scope: &mut Scope) -> Option<Type> {
        let mut of: Option<Type> = None;
        for element in &mut list.elements {
            let this = self.walk(element, scope)?;
            if of.as_ref().is_some_and(|of| *of != this) {
                self.report(element.id, "elements of a list are of one type".to_owned(), "");
                return None;
            }
            of = Some(this);
        }
        if of.is_none() {
            self.report(id, "the list is empty".to_owned(), "");
        }
        Some(Type::List(Box::new(of?)))
    }

    /// `list.exists(x, …)` and the like, which the reader has expanded.
    fn comprehension(
        &mut self,
        id: u64,
        loops: &mut ComprehensionExpr,
        scope: &mut Scope,
    ) -> Option<Type> {
        let of = self.walk(&mut loops.iter_range, scope)?;
        let Type::List(element) = of else {
            self.report(id, format!("a {} is no list", of.name()), "");
            return None;
        };
        if !scope.is_empty() {
            let help = "one loop inside another is too much; use two expressions";
            self.report(id, "loops cannot be nested".to_owned(), help);
            return None;
        }
        if matches!(&loops.accu_init.expr, Expr::List(list) if list.elements.is_empty()) {
            let help = format!("use {}", MACROS[1..].join(", "));
            self.report(id, "map and filter have no use here".to_owned(), help);
            return None;
        }
        let accu = self.walk(&mut loops.accu_init, scope)?;
        scope.push((loops.iter_var.clone(), *element));
        scope.push((loops.accu_var.clone(), accu));
        let parts = [&mut loops.loop_cond, &mut loops.loop_step, &mut loops.result];
        let types = parts.map(|part| self.walk(part, scope));
        scope.clear();
        let [cond, step, result] = types;
        cond.and(step).and(result)
    }

    fn call(&mut self, id: u64, call: &mut CallExpr, scope: &mut Scope) -> Option<Type> {
        let name = call.func_name.clone();
        let operator = !name.chars().all(|c| c.is_alphanumeric() || c == '.');
        if !operator && !FUNCTIONS.contains(&name.as_str()) {
            let known = FUNCTIONS.iter().chain(MACROS).copied();
            let help = suggest(&name, known.clone()).map_or_else(
                || format!("known are {}", known.collect::<Vec<_>>().join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            self.report(id, format!("there is no function `{name}`"), help);
            return None;
        }
        let mut types = Vec::new();
        for argument in call.target.iter_mut().map(|target| &mut **target).chain(&mut call.args) {
            types.push(self.walk(argument, scope));
        }
        let types: Vec<Type> = types.into_iter().collect::<Option<_>>()?;
        if let Some(of) = result_of(&name, call.target.is_some(), &types) {
            return Some(of);
        }
        let told: Vec<String> = types.iter().map(Type::name).collect();
        let shown = name.trim_matches(['_', '@']).replace('_', " ");
        let mixed = matches!(&types[..], [a, b] if a.is_number() && b.is_number() && a != b);
        let help = if mixed {
            "amounts are doubles: write 100.0, or double(…) around a whole number"
        } else {
            ""
        };
        self.report(id, format!("`{shown}` does not take {}", told.join(" and ")), help);
        None
    }
}

/// The type of what an operator or function makes of its arguments; `None` if it takes no such.
fn result_of(name: &str, method: bool, types: &[Type]) -> Option<Type> {
    use Type::{Bool, Double, Int, List, Text};
    let ok = |so: bool, of: Type| so.then_some(of);
    match (name, types) {
        (op::LOGICAL_AND | op::LOGICAL_OR, [Bool, Bool])
        | (op::LOGICAL_NOT | op::NOT_STRICTLY_FALSE, [Bool]) => Some(Bool),
        (op::CONDITIONAL, [Bool, a, b]) => ok(a == b, a.clone()),
        (op::EQUALS | op::NOT_EQUALS, [a, b]) => {
            ok((a == b && !matches!(a, Type::Element(_))) || (a.is_number() && b.is_number()), Bool)
        }
        (op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS, [a, b]) => {
            ok((a.is_number() && b.is_number()) || (*a == Text && *b == Text), Bool)
        }
        (op::ADD, [Text, Text]) => Some(Text),
        (op::ADD | op::SUBSTRACT | op::MULTIPLY | op::DIVIDE, [a, b]) => {
            ok(a == b && a.is_number(), a.clone())
        }
        (op::MODULO, [a, b]) => ok(a == b && a.is_number() && *a != Double, a.clone()),
        (op::NEGATE, [a @ (Int | Double)]) => Some(a.clone()),
        (op::IN, [a, List(of)]) => ok(**of == *a, Bool),
        (op::INDEX, [List(of), Int]) => Some((**of).clone()),
        ("size", [Text | List(_)]) => Some(Int),
        ("contains" | "startsWith" | "endsWith", [Text, Text]) if method => Some(Bool),
        ("double", [a]) if !method => ok(a.is_number(), Double),
        ("int", [a]) if !method => ok(a.is_number(), Int),
        _ => None,
    }
}

/// The names along a path of fields, `["a", "b"]` for `a.b` and `a["b"]`, with the part of the
/// expression where each stands.
fn path_of(expr: &IdedExpr) -> Option<(Vec<String>, Vec<u64>)> {
    let (mut names, mut ids) = (Vec::new(), Vec::new());
    let mut at = expr;
    loop {
        ids.push(at.id);
        #[expect(clippy::wildcard_enum_match_arm, reason = "everything else is no path")]
        match &at.expr {
            Expr::Ident(name) => {
                names.push(name.clone());
                names.reverse();
                ids.reverse();
                return Some((names, ids));
            }
            Expr::Select(select) if !select.test => {
                names.push(select.field.clone());
                at = &select.operand;
            }
            Expr::Call(call) if call.func_name == op::INDEX => {
                let [object, key] = call.args.as_slice() else { return None };
                names.push(text_of(key)?);
                at = object;
            }
            _ => return None,
        }
    }
}

fn text_of(expr: &IdedExpr) -> Option<String> {
    let Expr::Literal(LiteralValue::String(text)) = &expr.expr else { return None };
    Some(text.inner().to_owned())
}
