//! Decisions in Kubernetes' own words.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::expression::Failure;
use super::post_filter::{PostFilter, PostFilterStatus, Remark};
use super::preemption::{DryRunFailure, NO_VICTIMS, NOT_HELPFUL, Preemption, nothing_to_evict};
use super::{ClaimReason, Decision, Outcome, Reason};
use crate::model::{Claim, ClaimId, Model, NodeId, TemplateId};

/// The texts of a rejection's reasons.
#[must_use]
pub fn reason_texts(model: &Model, template: TemplateId, reason: Reason) -> Vec<String> {
    match reason {
        Reason::Text(text) => vec![text.to_owned()],
        Reason::UntoleratedTaint(taint) => vec![format!(
            "node(s) had untolerated taint {{{}: {}}}",
            model.symbols.resolve(taint.key),
            model.symbols.resolve(taint.value)
        )],
        Reason::Insufficient(bits) => insufficient(model, template, bits),
        Reason::Claim(what, claim) => vec![claim_text((model, template), what, claim)],
        Reason::Volumes(conflicts) => conflicts.texts().map(str::to_owned).collect(),
        Reason::Expression { index, failure } => {
            let written = &model.scheduler.expressions[usize::from(index)];
            vec![match (failure, &written.message) {
                (Failure::Refused, Some(message)) => message.clone(),
                (Failure::Refused, None) => {
                    format!("node(s) didn't satisfy expression {}", written.name)
                }
                (failure, _) => format!("expression {} {}", written.name, failure.text()),
            }]
        }
        Reason::OutsidePreFilter(plugins) => {
            let mut names: Vec<&str> = plugins.iter().map(|plugin| plugin.name_in(model)).collect();
            names.sort_unstable();
            vec![format!("node(s) didn't satisfy plugin(s) [{}]", names.join(" "))]
        }
    }
}

fn claim_text(
    (model, template): (&Model, TemplateId),
    what: ClaimReason,
    claim: ClaimId,
) -> String {
    let storage = &model.storage;
    let Claim { namespace, name, spec } = &storage.claims[claim];
    let namespace = &model.namespaces[*namespace].name;
    let volume = spec.as_ref().and_then(|spec| spec.volume);
    let volume = volume.map_or("", |volume| storage.volumes[volume].name.as_str());
    let class = spec.as_ref().and_then(|spec| spec.class);
    let class = class.map_or("", |class| storage.classes[class].name.as_str());
    match what {
        ClaimReason::NotFound => format!("persistentvolumeclaim \"{name}\" not found"),
        ClaimReason::LookupFailed => {
            format!("looking up PVC {namespace}/{name}: persistentvolumeclaim \"{name}\" not found")
        }
        ClaimReason::NotMade => format!(
            "waiting for ephemeral volume controller to create the persistentvolumeclaim \"{name}\""
        ),
        ClaimReason::Foreign => {
            let pod = &model.workloads[model.templates[template].workload].name;
            format!(
                "PVC {namespace}/{name} was not created for pod {namespace}/{pod} (pod is not owner)"
            )
        }
        ClaimReason::Lost => format!(
            "persistentvolumeclaim \"{name}\" bound to non-existent persistentvolume \"{volume}\""
        ),
        ClaimReason::Deleting => format!("persistentvolumeclaim \"{name}\" is being deleted"),
        ClaimReason::VolumeNotFound => format!("persistentvolume \"{volume}\" not found"),
        ClaimReason::ClassNotFound => {
            format!("storageclass.storage.k8s.io \"{class}\" not found")
        }
        ClaimReason::NoBindingMode => {
            format!("VolumeBindingMode not set for StorageClass \"{class}\"")
        }
    }
}

fn insufficient(model: &Model, template: TemplateId, bits: u64) -> Vec<String> {
    const FIXED: [&str; 4] = [
        "Too many pods",
        "Insufficient cpu",
        "Insufficient memory",
        "Insufficient ephemeral-storage",
    ];
    let has = |bit: usize| bits & (1 << bit) != 0;
    let scalars = &model.templates[template].requests.scalars;
    let fixed =
        FIXED.iter().enumerate().filter(|&(bit, _)| has(bit)).map(|(_, text)| (*text).into());
    let scalar = scalars.iter().enumerate().filter(|&(at, _)| has(at + FIXED.len()));
    let mut texts: Vec<String> = scalar
        .map(|(_, &(id, _))| format!("Insufficient {}", model.scalar_resources[id]))
        .collect();
    texts.sort_unstable();
    fixed.chain(texts).collect()
}

/// `2 a, 3 b.` of counted reasons, sorted as text.
fn histogram(counts: &BTreeMap<String, u32>) -> String {
    let mut parts: Vec<String> =
        counts.iter().map(|(reason, nodes)| format!("{nodes} {reason}")).collect();
    parts.sort_unstable();
    format!("{}.", parts.join(", "))
}

/// What the event `FailedScheduling` and the condition `PodScheduled` say of a decision that
/// found no node, and of what PostFilter plugins then tried.
pub(crate) fn unschedulable_message(
    (model, template): (&Model, TemplateId),
    decision: &Decision,
    post_filter: Option<&PostFilter>,
) -> String {
    if let Outcome::Error(text) = decision.outcome {
        return text.to_owned();
    }
    if decision.nodes == 0 {
        return "no nodes available to schedule pods".to_owned();
    }
    let mut message = format!("0/{} nodes are available:", decision.nodes);
    if let Some((_, rejection)) = decision.pre_filter {
        let texts = reason_texts(model, template, rejection.reason);
        write!(message, " {}.", texts.join(", ")).expect("a string takes all text");
    } else {
        let mut counts = BTreeMap::new();
        let mut count = |reason: Reason, nodes: u32| {
            for text in reason_texts(model, template, reason) {
                *counts.entry(text).or_insert(0) += nodes;
            }
        };
        for reason in &decision.reasons {
            count(reason.rejection.reason, reason.nodes);
        }
        if let Some((nodes, plugins)) = decision.outside {
            count(Reason::OutsidePreFilter(plugins), nodes);
        }
        message.push(' ');
        message.push_str(&histogram(&counts));
    }
    let said = post_filter.map(|answer| post_filter_message((model, template), answer));
    if let Some(said) = said.filter(|said| !said.is_empty()) {
        message.push(' ');
        message.push_str(&said);
    }
    message
}

/// What PostFilter plugins say; nothing if one nominated a node.
pub(crate) fn post_filter_message(
    (model, template): (&Model, TemplateId),
    answer: &PostFilter,
) -> String {
    if answer.status == PostFilterStatus::Success {
        return String::new();
    }
    let preemption = || {
        let said = answer.preemption.as_ref().map(|p| preemption_text((model, template), p));
        format!("preemption: {}", said.unwrap_or_default())
    };
    let said: Vec<String> = answer
        .remarks
        .iter()
        .map(|remark| match remark {
            Remark::NoClaims => "no new claims to deallocate".to_owned(),
            Remark::NotFound => "not found".to_owned(),
            Remark::Preemption => preemption(),
        })
        .collect();
    said.join(", ")
}

/// What default preemption says when it cannot help.
fn preemption_text((model, template): (&Model, TemplateId), found: &Preemption) -> String {
    if let Some(ineligible) = found.ineligible {
        return ineligible.text().to_owned();
    }
    let fitting = found.failures.iter().filter(|(_, why)| *why == DryRunFailure::NothingToEvict);
    let told = |&(node, _): &(NodeId, DryRunFailure)| nothing_to_evict(model, node);
    let errors: Vec<String> = fitting.map(told).collect();
    match errors.as_slice() {
        [] => {}
        [only] => return only.clone(),
        several => return format!("[{}]", several.join(", ")),
    }
    let mut counts = BTreeMap::new();
    for (_, why) in &found.failures {
        let texts = match *why {
            DryRunFailure::Rejected(_, rejection) => {
                reason_texts(model, template, rejection.reason)
            }
            DryRunFailure::NoVictims => vec![NO_VICTIMS.to_owned()],
            DryRunFailure::NothingToEvict => Vec::new(),
        };
        for text in texts {
            *counts.entry(text).or_insert(0) += 1;
        }
    }
    let examined = u32::try_from(found.failures.len()).expect("node ids have 32 bits");
    if found.nodes > examined {
        counts.insert(NOT_HELPFUL.to_owned(), found.nodes - examined);
    }
    format!("0/{} nodes are available: {}", found.nodes, histogram(&counts))
}
