//! Expression: filters and scores that a policy file writes itself.

use crate::model::{Expression as Written, Model, NodeId, PodTemplate};
use crate::registry::{Descriptor, Field};
use crate::scheduling::WakeSet;
use crate::scheduling::expression::{Compiled, Failure, Purpose};
use crate::scheduling::framework::{
    CycleCx, Dependency, Plugin, PluginDef, Point, Reason, Rejection, Verdict,
};

/// What is known of every expression. It stands in no list of plugins: expressions take part by
/// being written.
///
/// Like a plugin without queueing hints it wakes pods whenever something that it could have read
/// has changed.
pub(in crate::scheduling) const DEF: PluginDef = PluginDef {
    descriptor: Descriptor {
        name: "Expression",
        summary: "Filters and scores nodes by expressions in the policy file",
        help: "Written under spec.expressions of a policy, in CEL over the fields of pod and node. \
               Each takes part under the name that it is given. docs/policies.md shows how.",
        fields: &[
            Field {
                name: "name",
                unit: "name",
                default: "",
                range: "unlike any plugin's",
                help: "what explanations and messages call it",
            },
            Field {
                name: "filter",
                unit: "CEL",
                default: "none",
                range: "true or false",
                help: "where pods may go",
            },
            Field {
                name: "message",
                unit: "text",
                default: "node(s) didn't satisfy expression NAME",
                range: "",
                help: "the reason where the filter is false",
            },
            Field {
                name: "score",
                unit: "CEL",
                default: "none",
                range: "0-100",
                help: "how good a node is",
            },
            Field {
                name: "weight",
                unit: "",
                default: "1",
                range: "1-100",
                help: "what the score is multiplied by",
            },
        ],
    },
    points: &[Point::Filter, Point::Score],
    filter_depends: Some(Dependency::NodeLocal),
    score_depends: Some(Dependency::NodeLocal),
    wakes_on: WakeSet::POD_DELETE
        .with(WakeSet::POD_SCALE_DOWN)
        .with(WakeSet::POD_LABEL)
        .with(WakeSet::POD_TOLERATION)
        .with(WakeSet::NODE_ADD)
        .with(WakeSet::NODE_LABEL)
        .with(WakeSet::NODE_TAINT)
        .with(WakeSet::NODE_ALLOCATABLE),
    build: None,
};

#[derive(Debug)]
struct Expression {
    index: u8,
    filter: Option<Compiled>,
    score: Option<Compiled>,
}

/// Makes the plugin of an expression of the model.
///
/// # Panics
/// If the expression was not checked.
pub(in crate::scheduling) fn build(model: &Model, index: u8) -> Box<dyn Plugin> {
    let Written { filter, score, .. } = &model.scheduler.expressions[usize::from(index)];
    let compiled = |text: &Option<String>, purpose| {
        let text = text.as_ref()?;
        Some(Compiled::new(text, purpose).expect("expressions of a model were checked"))
    };
    Box::new(Expression {
        index,
        filter: compiled(filter, Purpose::Filter),
        score: compiled(score, Purpose::Score),
    })
}

impl Expression {
    fn rejection(&self, by: &Compiled, failure: Failure) -> Rejection {
        // Evicting pods helps only if the expression looks at them.
        Rejection {
            unresolvable: !by.reads_load(),
            reason: Reason::Expression { index: self.index, failure },
        }
    }
}

impl Plugin for Expression {
    fn alike(&self, cx: &CycleCx<'_>, other: &PodTemplate) -> bool {
        self.filter.iter().chain(&self.score).all(|expression| expression.alike(cx, other))
    }

    /// A node that cannot be scored is rejected: a score that is wrong would go unnoticed.
    fn filter(&self, cx: &CycleCx<'_>, node: NodeId) -> Verdict {
        if let Some(filter) = &self.filter {
            filter.passes(cx, node).map_err(|failure| self.rejection(filter, failure))?;
        }
        if let Some(score) = &self.score {
            score.score(cx, node).map_err(|failure| self.rejection(score, failure))?;
        }
        Ok(())
    }

    fn score(&self, cx: &CycleCx<'_>, node: NodeId) -> i64 {
        self.score.as_ref().map_or(0, |score| score.score(cx, node).unwrap_or(0))
    }
}
