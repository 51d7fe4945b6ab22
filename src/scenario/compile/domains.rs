//! `nodeFailures:` one failure process for every failure domain.

use std::collections::BTreeMap;

use super::nodes::Machines;
use super::symbols::Symbols;
use crate::base::diag::{Diagnostic, Diagnostics, Span, codes};
use crate::base::time::SimDuration;
use crate::model::{Burst, FaultKind, NodeFailures, NodeId};
use crate::scenario::spec;

/// The processes, each with what tables call its domain.
pub(super) fn compile(
    failures: &spec::NodeFailures,
    span: Span,
    machines: &Machines,
    symbols: &mut Symbols,
    found: &mut Diagnostics,
) -> Vec<(FaultKind, String)> {
    let wanted = failures.node_selector.as_ref().map(|l| symbols.labels(Some(&l.value)));
    let chosen: Vec<NodeId> = machines
        .nodes
        .iter()
        .filter(|(_, node)| {
            wanted
                .iter()
                .flat_map(|labels| labels.iter())
                .all(|(k, v)| node.labels.get(k) == Some(v))
        })
        .map(|(id, _)| id)
        .collect();
    if let (Some(labels), true) = (&failures.node_selector, chosen.is_empty()) {
        let message = "no node has these labels";
        found.push(
            Diagnostic::error(codes::UNRESOLVED, labels.span, message)
                .help("labels of nodes stand in the pools' templates"),
        );
        return Vec::new();
    }
    let Some(domains) = domains(failures, &chosen, machines, symbols, found) else {
        return Vec::new();
    };
    let word = failures.domain.as_ref().map_or("node", |domain| domain.value.as_str());
    if let Some(burst) = &failures.burst {
        check_burst(burst, word, &domains, span, found);
    }
    let burst = failures.burst.as_ref().map(|burst| Burst {
        nodes: burst.nodes.value,
        within: burst.within.as_ref().map_or(SimDuration::ZERO, |within| within.value),
    });
    let process = |(name, nodes): (String, Vec<NodeId>)| {
        let failures = NodeFailures { nodes, domain: word.to_owned(), burst };
        (FaultKind::NodeFailures(failures), name)
    };
    domains.into_iter().map(process).collect()
}

/// The nodes by domain, domains in the order of their first node.
fn domains(
    failures: &spec::NodeFailures,
    chosen: &[NodeId],
    machines: &Machines,
    symbols: &mut Symbols,
    found: &mut Diagnostics,
) -> Option<Vec<(String, Vec<NodeId>)>> {
    let key = failures.domain.as_ref().map_or("node", |domain| domain.value.as_str());
    let label = symbols.intern(key);
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut domains: Vec<(String, Vec<NodeId>)> = Vec::new();
    let mut without: Vec<&str> = Vec::new();
    for &id in chosen {
        let node = &machines.nodes[id];
        let name = match key {
            "node" => Some(node.name.clone()),
            "zone" => Some(machines.zones[node.zone].name.clone()).filter(|zone| !zone.is_empty()),
            _ => node.labels.get(label).map(|value| symbols.interner.resolve(value).to_owned()),
        };
        let Some(name) = name else {
            without.push(&node.name);
            continue;
        };
        let at = *places.entry(name.clone()).or_insert_with(|| {
            domains.push((name, Vec::new()));
            domains.len() - 1
        });
        domains[at].1.push(id);
    }
    if let (Some(domain), Some(first)) = (&failures.domain, without.first()) {
        let what = if key == "zone" { "in no zone" } else { "without this label" };
        let message = match without.len() - 1 {
            0 => format!("node {first} is {what}"),
            count => format!("node {first} and {count} more are {what}"),
        };
        found.push(
            Diagnostic::error(codes::UNRESOLVED, domain.span, message)
                .help("write node, zone or the key of a label that every node chosen has"),
        );
        return None;
    }
    Some(domains)
}

/// A burst strikes one node at least and no more than the smallest domain has.
fn check_burst(
    burst: &spec::Burst,
    word: &str,
    domains: &[(String, Vec<NodeId>)],
    span: Span,
    found: &mut Diagnostics,
) {
    if word == "node" {
        let message = "a single node has no burst";
        found.push(
            Diagnostic::error(codes::OUT_OF_RANGE, span, message)
                .help("write domain: zone, or the key of a label that nodes share"),
        );
        return;
    }
    let smallest = domains.iter().min_by_key(|(_, nodes)| nodes.len());
    let Some((name, nodes)) = smallest else { return };
    if burst.nodes.value == 0 || burst.nodes.value as usize > nodes.len() {
        let message = format!("{} nodes of {name}, which has {}", burst.nodes.value, nodes.len());
        found.push(
            Diagnostic::error(codes::OUT_OF_RANGE, burst.nodes.span, message)
                .help(format!("write 1 to {}", nodes.len())),
        );
    }
}
