//! A question put to the scheduler before a run: why does this pod go where it goes?

use std::collections::BTreeMap;

use crate::base::time::SimTime;
use crate::cx::Cx;
use crate::model::{NodeId, PodId, TemplateId};
use crate::scheduling::Explanation;

/// Other pods that are named where the one asked for was never tried.
const OTHERS_MAX: usize = 1_000;

/// What is asked, and the answer once it is there.
///
/// Asking changes nothing: the decision explained is the one that the run makes.
#[derive(Clone, Debug)]
pub struct Inquiry {
    /// Name of a pod or of its workload, with or without namespace.
    name: String,
    /// The first decision from here on is explained.
    from: SimTime,
    /// The answer.
    pub answer: Option<Answer>,
    /// Names of other pods on which was decided, in order, each once.
    pub others: Vec<String>,
    /// Pods that were held back before they could be tried, and why.
    pub held: Vec<(String, String)>,
}

/// A decision explained.
#[derive(Clone, Debug)]
pub struct Answer {
    /// `namespace/name` of the pod.
    pub pod: String,
    /// When it was decided.
    pub time: SimTime,
    /// Which attempt of the pod it was, from 1; 0 for the placing before time begins.
    pub attempt: u32,
    /// Its class.
    pub template: TemplateId,
    /// Everything that was said.
    pub explanation: Explanation,
    /// Names of the pods that would have to go, by id.
    pub victims: BTreeMap<PodId, String>,
}

impl Inquiry {
    /// Asks for the first decision on a pod from an instant on.
    #[must_use]
    pub fn new(name: &str, from: SimTime) -> Self {
        let name = name.to_owned();
        Self { name, from, answer: None, others: Vec::new(), held: Vec::new() }
    }

    /// Notes a pod that a plugin keeps out of the queue.
    pub(super) fn hold(&mut self, pod: String, by: &str, why: &str) {
        let held = (pod, format!("{by}: {why}"));
        if self.held.len() < OTHERS_MAX && !self.held.contains(&held) {
            self.held.push(held);
        }
    }

    /// Whether the decision on a pod is the one asked for; if not, the pod is noted as another.
    pub(super) fn asks(&mut self, cx: &Cx<'_>, pod: PodId) -> bool {
        let name = super::full_name(cx.model, &cx.state.api.pods[pod]);
        let asked = self.answer.is_none() && cx.now >= self.from && self.means(cx, pod, &name);
        if !asked && self.others.len() < OTHERS_MAX && !self.others.contains(&name) {
            self.others.push(name);
        }
        asked
    }

    /// The answer.
    pub(super) fn tell(
        &mut self,
        cx: &Cx<'_>,
        (pod, attempt): (PodId, u32),
        template: TemplateId,
        explanation: Explanation,
    ) {
        let name = |pod: PodId| super::full_name(cx.model, &cx.state.api.pods[pod]);
        let found = explanation.post_filter.as_ref().and_then(|answer| answer.preemption.as_ref());
        let candidates = found.into_iter().flat_map(|found| &found.candidates);
        let victims = candidates.flat_map(|candidate| &candidate.victims);
        let victims = victims.map(|victim| (victim.pod, name(victim.pod))).collect();
        let (pod, time) = (name(pod), cx.now);
        self.answer = Some(Answer { pod, time, attempt, template, explanation, victims });
    }

    /// Whether the name asked for is the pod's or its workload's.
    fn means(&self, cx: &Cx<'_>, pod: PodId, full: &str) -> bool {
        let template = cx.state.api.pods[pod].template;
        let workload = cx.model.workload_name(cx.model.templates[template].workload);
        [full, &workload].into_iter().any(|name| {
            let short = name.split_once('/').map_or(name, |(_, short)| short);
            self.name == name || self.name == short
        })
    }
}

impl Answer {
    /// The node chosen.
    #[must_use]
    pub fn node(&self) -> Option<NodeId> {
        self.explanation.decision.node()
    }
}
