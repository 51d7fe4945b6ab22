//! `failureTrace:` what a trace says, as failures of the cluster's nodes.

use std::collections::BTreeMap;
use std::path::Path;

use super::nodes::Machines;
use crate::base::diag::{Diagnostic, Diagnostics, Severity, Span, codes, suggest};
use crate::base::time::{SimDuration, SimTime};
use crate::model::{FailureTrace, FaultKind, FaultTiming, NodeId, TraceFailure};
use crate::scenario::node::short;
use crate::scenario::spec;
use crate::scenario::trace::{Down, Shared, Trace};

/// What one fault of the model is made of: what it does, its target for people, when it begins.
pub(super) type Compiled = (FaultKind, String, FaultTiming);

/// A trace, the fault that replays it, and when the trace and the run begin and end.
pub(super) struct Replay<'a> {
    pub(super) fault: &'a spec::FailureTrace,
    pub(super) trace: &'a Trace,
    pub(super) begins: SimTime,
    pub(super) ends: SimTime,
}

impl Replay<'_> {
    /// The faults: one for each node named, or one for all nodes of which shares fail.
    pub(super) fn compile(
        &self,
        machines: &Machines,
        (chosen, target): (Vec<NodeId>, String),
        found: &mut Diagnostics,
    ) -> Vec<Compiled> {
        let out = match self.trace {
            Trace::Nodes(downs) => self.of_nodes(downs, machines, found),
            Trace::Shares(failures) => self.of_shares(failures, chosen, target),
        };
        if out.is_empty() && !found.has_errors() {
            let message = "no failure of the trace begins within the run";
            let span = Some(self.fault.file.span);
            found.push(
                Diagnostic::new(Severity::Warning, codes::NO_EFFECT, span, message)
                    .help("simulate longer, or cut the quiet beginning of the trace"),
            );
        }
        out
    }

    /// What tables call the trace.
    fn name(&self) -> String {
        let stem = Path::new(self.fault.file.as_str()).file_stem().unwrap_or_default();
        stem.to_string_lossy().into_owned()
    }

    fn kind(&self, nodes: Vec<NodeId>, failures: Vec<TraceFailure>) -> FaultKind {
        let repeat = self.fault.repeat.as_ref().is_some_and(|repeat| repeat.value);
        FaultKind::FailureTrace(FailureTrace { name: self.name(), nodes, failures, repeat })
    }

    fn of_shares(&self, failures: &[Shared], nodes: Vec<NodeId>, target: String) -> Vec<Compiled> {
        let Some(first) = failures.first() else { return Vec::new() };
        let first = self.begins.saturating_add(first.after);
        let count = |share: f64| {
            let count = (nodes.len() as f64 * share).round();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a share of a number of nodes"
            )]
            let count = count as u32;
            count.max(1)
        };
        let failures: Vec<TraceFailure> = failures
            .iter()
            .map(|failure| TraceFailure {
                after: failure.after,
                lasts: failure.lasts,
                nodes: count(failure.share),
            })
            .collect();
        if nodes.is_empty() || first > self.ends {
            return Vec::new();
        }
        vec![(self.kind(nodes, failures), target, FaultTiming::At(first))]
    }

    fn of_nodes(
        &self,
        downs: &[Down],
        machines: &Machines,
        found: &mut Diagnostics,
    ) -> Vec<Compiled> {
        let mut refuse = |span: Option<Span>, field: &str| {
            let Some(span) = span else { return };
            let message = format!("{field} of a trace that names its nodes");
            let finding = Diagnostic::error(codes::CONFLICT, span, message);
            found.push(finding.help("remove it; it is for traces of shares of all nodes"));
        };
        refuse(self.fault.node_selector.as_ref().map(|labels| labels.span), "nodeSelector");
        refuse(self.fault.repeat.as_ref().map(|repeat| repeat.span), "repeat");
        let ids: BTreeMap<&str, NodeId> =
            machines.nodes.iter().map(|(id, node)| (node.name.as_str(), id)).collect();
        let mut of_node: BTreeMap<NodeId, Vec<&Down>> = BTreeMap::new();
        for down in downs {
            let Some(&id) = ids.get(down.node.as_str()) else {
                let known: Vec<&str> = ids.keys().copied().collect();
                let message = format!("the cluster has no node \"{}\"", short(&down.node));
                let help = suggest(&down.node, &known)
                    .unwrap_or_else(|| "nodes are declared under spec.cluster".to_owned());
                let finding = Diagnostic::error(codes::UNRESOLVED, down.node.span, message);
                found.push(finding.help(help));
                continue;
            };
            of_node.entry(id).or_default().push(down);
        }
        let mut out = Vec::new();
        for (id, mut downs) in of_node {
            downs.sort_by_key(|down| down.start);
            let name = &machines.nodes[id].name;
            let failures = self.one_after_another(&downs, name, found);
            if let Some(first) = failures.first() {
                let at = self.begins.saturating_add(first.after);
                out.push((self.kind(vec![id], failures), name.clone(), FaultTiming::At(at)));
            }
        }
        out
    }

    /// The failures of one node that begin within the run, in order.
    fn one_after_another(
        &self,
        downs: &[&Down],
        name: &str,
        found: &mut Diagnostics,
    ) -> Vec<TraceFailure> {
        let mut out = Vec::new();
        let mut before: Option<(&Down, SimDuration)> = None;
        for &down in downs {
            let free_from = before.map_or(SimDuration::ZERO, |(_, end)| end);
            if let Some((other, _)) = before.filter(|_| down.start < free_from) {
                let message = format!("node {name} is down already when it fails");
                found.push(
                    Diagnostic::error(codes::BAD_TRACE, down.node.span, message)
                        .related(other.node.span, "down since here")
                        .help("let the failures of a node follow each other"),
                );
                continue;
            }
            let end = down.end.unwrap_or(SimDuration::MAX);
            before = Some((down, end));
            if self.begins.saturating_add(down.start) <= self.ends {
                let (after, lasts) =
                    (down.start.saturating_sub(free_from), end.saturating_sub(down.start));
                out.push(TraceFailure { after, lasts, nodes: 1 });
            }
        }
        out
    }
}
