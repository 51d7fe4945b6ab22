//! Expressions of a policy: checked by themselves, lowered, and tried out on every class of pods
//! and every node of a scenario.

use crate::base::diag::{Diagnostic, Diagnostics, Span, codes};
use crate::model::{Expression, Model, NodeId, TemplateId};
use crate::scenario::node::short;
use crate::scenario::spec;
use crate::scheduling::expression::{Compiled, Failure, Purpose};
use crate::scheduling::{CycleCx, EXPRESSIONS_MAX, Snapshot, TieBreak, plugins};

/// Pairs of pod class and node that are tried out at most.
const PAIRS_MAX: usize = 20_000;
/// Largest weight.
const WEIGHT_MAX: u32 = 100;

/// The two formulas of an expression, with the fields they stand in.
fn formulas(written: &spec::Expression) -> [(&Option<spec::Formula>, Purpose, &'static str); 2] {
    [(&written.filter, Purpose::Filter, "filter"), (&written.score, Purpose::Score, "score")]
}

/// Checks everything that can be checked without a cluster.
pub(super) fn check(list: &[spec::Expression], found: &mut Diagnostics) {
    for (at, written) in list.iter().enumerate() {
        let path = format!("spec.expressions[{at}]");
        check_name(list, at, &path, found);
        for (formula, purpose, field) in formulas(written) {
            let Some(formula) = formula else { continue };
            for problem in Compiled::new(&formula.text, purpose).err().into_iter().flatten() {
                let span = formula.part(problem.offset, problem.len);
                let help = Some(problem.help).filter(|help| !help.is_empty());
                let finding = Diagnostic::error(codes::BAD_EXPRESSION, span, problem.message);
                found.push(finding.at(format!("{path}.{field}")).maybe_help(help));
            }
        }
        let mut refuse = |code, span: Span, message: &str, help: &str| {
            found.push(Diagnostic::error(code, span, message).at(path.clone()).help(help));
        };
        match (&written.filter, &written.score) {
            (None, None) => {
                let message = "an expression needs a filter or a score";
                refuse(codes::ONE_OF, written.span, message, "add filter: … or score: …");
            }
            (Some(_), None) => {
                if let Some(weight) = &written.weight {
                    let message = "a weight without a score has no effect";
                    refuse(codes::CONFLICT, weight.span, message, "add score: …, or remove it");
                }
            }
            (None, Some(_)) => {
                if let Some(message) = &written.message {
                    let told = "a message without a filter is never told";
                    refuse(codes::CONFLICT, message.span, told, "add filter: …, or remove it");
                }
            }
            (Some(_), Some(_)) => {}
        }
        let weight = written.weight.as_ref();
        if let Some(weight) = weight.filter(|w| !(1..=WEIGHT_MAX).contains(&w.value)) {
            let message = format!("a weight of {}", weight.value);
            refuse(codes::OUT_OF_RANGE, weight.span, &message, "write 1 to 100");
        }
    }
    if let Some(over) = list.get(usize::from(EXPRESSIONS_MAX)) {
        let message = format!("more than {EXPRESSIONS_MAX} expressions");
        let finding = Diagnostic::error(codes::OUT_OF_RANGE, over.span, message);
        found.push(finding.at("spec.expressions").help("join some with && or +"));
    }
}

fn check_name(list: &[spec::Expression], at: usize, path: &str, found: &mut Diagnostics) {
    let name = &list[at].name;
    let path = format!("{path}.name");
    if plugins::find(name).is_ok() {
        let message = format!("{} is a plugin of the scheduler", name.value);
        let finding = Diagnostic::error(codes::DUPLICATE_NAME, name.span, message);
        found.push(finding.at(&path).help("call the expression something else"));
    }
    if let Some(first) = list[..at].iter().find(|other| other.name.value == name.value) {
        let message = format!("two expressions are named \"{}\"", short(name));
        let finding = Diagnostic::error(codes::DUPLICATE_NAME, name.span, message);
        let finding = finding.related(first.name.span, "first given here");
        found.push(finding.at(&path).help("give each expression a name of its own"));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if name.is_empty() || name.len() > 63 || !name.chars().all(plain) {
        let message = format!("\"{}\" is no name for an expression", short(name));
        let finding = Diagnostic::error(codes::BAD_NAME, name.span, message);
        found.push(finding.at(path).help("write letters, digits and -, at most 63"));
    }
}

/// The model's expressions.
pub(super) fn compile(list: &[spec::Expression]) -> Vec<Expression> {
    let text = |formula: &Option<spec::Formula>| formula.as_ref().map(|f| f.text.clone());
    list.iter()
        .map(|written| Expression {
            name: written.name.value.clone(),
            filter: text(&written.filter),
            message: written.message.as_ref().map(|message| message.value.clone()),
            score: text(&written.score),
            weight: written.weight.as_ref().map_or(1, |weight| i64::from(weight.value)),
        })
        .collect()
}

/// Whether a pod of a class has room on an empty node. Where it has none, NodeResourcesFit rejects
/// the node before expressions are asked.
fn fits(model: &Model, class: TemplateId, node: NodeId) -> bool {
    let (requests, offered) = (&model.templates[class].requests, &model.nodes[node].allocatable);
    requests.cpu_milli <= offered.cpu_milli
        && requests.memory_bytes <= offered.memory_bytes
        && requests.ephemeral_bytes <= offered.ephemeral_bytes
        && requests.scalars.iter().all(|&(id, amount)| amount <= offered.scalar(id))
}

/// Evaluates every formula for every class of pods on every node with room for them, empty as they
/// are declared. The first that has no answer is an error.
pub(super) fn try_out(model: &Model, list: &[spec::Expression], found: &mut Diagnostics) {
    if list.is_empty() {
        return;
    }
    let snapshot = Snapshot::of_declared(model);
    let per_class = (PAIRS_MAX / model.templates.len().max(1)).max(1);
    for (at, written) in list.iter().enumerate() {
        for (formula, purpose, field) in formulas(written) {
            let Some(formula) = formula else { continue };
            let Ok(compiled) = Compiled::new(&formula.text, purpose) else { continue };
            let answer = |template: TemplateId, node: NodeId| {
                let (spec, luck) = (&model.templates[template], TieBreak::LowestName);
                let cx = CycleCx { model, snapshot: &snapshot, template, spec, pinned: None, luck };
                match purpose {
                    Purpose::Filter => compiled.passes(&cx, node),
                    Purpose::Score => compiled.score(&cx, node).map(|_| ()),
                }
            };
            let pairs = model
                .templates
                .ids()
                .flat_map(|class| model.nodes.ids().take(per_class).map(move |node| (class, node)))
                .filter(|&(class, node)| fits(model, class, node));
            let mut failed =
                pairs.filter_map(|(class, node)| Some((class, node, answer(class, node).err()?)));
            let failed = failed.find(|(.., failure)| *failure != Failure::Refused);
            let Some((class, node, failure)) = failed else { continue };
            let workload = &model.workloads[model.templates[class].workload].name;
            let message = format!(
                "the {field} {} on node {} for pods of {workload}",
                failure.text(),
                model.nodes[node].name,
            );
            let help = match failure {
                Failure::NoLabel => "ask first: has(…) && …, or has(…) ? … : …",
                Failure::OutOfRange => "scale the score to 0 to 100",
                Failure::DivisionByZero | Failure::Overflow | Failure::Failed => {
                    "guard it: … ? … : …"
                }
                Failure::Refused => "",
            };
            let finding = Diagnostic::error(codes::BAD_EXPRESSION, formula.span, message);
            found.push(finding.at(format!("spec.expressions[{at}].{field}")).help(help));
        }
    }
}
