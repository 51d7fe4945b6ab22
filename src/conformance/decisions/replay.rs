//! One case on the way: the snapshot, the framework, and what they decide.

use serde_json::{Map, Value, json};

use super::fields::Shape;
use super::input::Input;
use super::told;
use crate::base::id::IdVec;
use crate::base::map::LookupMap;
use crate::base::time::{SimDuration, SimTime};
use crate::model::{Claim, NodeId, PodId, Profile, TemplateId};
use crate::scheduling::preemption::{DisruptionBudget, Preemption};
use crate::scheduling::{
    BoundPod, Decision, Framework, Incoming, Nominated, Nominator, Outcome, Query, Snapshot,
    TieBreak,
};
/// When pods that are bound on the way start: 2030-01-01 and so many seconds.
const STARTS_FROM: SimTime = SimTime::from_secs(1_893_456_000);

/// A case being replayed.
pub(super) struct Replay {
    input: Input,
    snapshot: Snapshot,
    framework: Framework,
    budgets: Vec<DisruptionBudget>,
    /// Names of the pods: those bound from the start, then the incoming ones.
    names: IdVec<PodId, String>,
    first_incoming: usize,
    /// The pods that are on nodes.
    bound: LookupMap<String, PodId>,
    /// Where the next search in the node list starts.
    start: usize,
}

impl Replay {
    pub(super) fn new(mut input: Input) -> Result<Self, String> {
        let [profile] = &input.model.scheduler.profiles[..] else {
            return Err("the configuration of a case has exactly one profile".to_owned());
        };
        let bound = std::mem::take(&mut input.bound);
        let names = bound.iter().map(|pod| &pod.name);
        let names = names.chain(input.incoming.iter().map(|(name, _)| name)).cloned().collect();
        let mut replay = Self {
            snapshot: Snapshot::of_declared(&input.model),
            framework: Framework::new(&input.model, profile),
            budgets: budgets(&input, &names),
            input,
            names,
            first_incoming: bound.len(),
            bound: LookupMap::new(),
            start: 0,
        };
        for (at, pod) in bound.into_iter().enumerate() {
            let id = PodId::from_index(at);
            replay.bind(id, pod.node, pod.template, pod.started);
            if pod.terminating {
                replay.snapshot.mark_terminating(id);
            }
        }
        Ok(replay)
    }

    pub(super) fn shape(&self) -> Shape {
        Shape { sampling: self.input.sampling }
    }

    fn profile(&self) -> &Profile {
        &self.input.model.scheduler.profiles[0]
    }

    fn bind(&mut self, pod: PodId, node: NodeId, template: TemplateId, started: Option<SimTime>) {
        self.snapshot.add_pod(&self.input.model, node, pod, template);
        if let Some(started) = started {
            self.snapshot.set_started(pod, started);
        }
        self.bound.insert(self.names[pod].clone(), pod);
    }

    /// The pod of an incoming one's place.
    fn incoming(&self, at: usize) -> PodId {
        PodId::from_index(self.first_incoming + at)
    }

    /// What is said of the case as a whole.
    pub(super) fn of_case(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        let profile = self.profile();
        let weights = profile.score.iter().map(|e| (e.plugin.clone(), e.weight.into()));
        fields.insert("weights".to_owned(), Value::Object(weights.collect()));
        if self.input.configured {
            fields.insert("plugins".to_owned(), told::plugins(profile));
        }
        if self.input.sampling {
            let order = told::nodes(self.snapshot.node_list());
            fields.insert("nodeOrder".to_owned(), order);
        }
        fields
    }

    /// Decides on an incoming pod, in the shape of a recorded decision.
    pub(super) fn decide(&mut self, at: usize) -> Result<Value, String> {
        let Some((name, template)) = self.input.incoming.get(at) else {
            return Err(format!("decision {at} is of no incoming pod"));
        };
        let pod = self.incoming(at);
        let (model, template) = (&self.input.model, *template);
        let mut told = Map::new();
        told.insert("i".to_owned(), at.into());
        told.insert("pod".to_owned(), name.as_str().into());
        if let Some((plugin, reason)) = self.framework.pre_enqueue(model, template) {
            let code = "UnschedulableAndUnresolvable";
            let gate = json!({"plugin": plugin.name(), "code": code, "reasons": [reason]});
            told.insert("outcome".to_owned(), "gated".into());
            told.insert("gate".to_owned(), gate);
            return Ok(Value::Object(told));
        }
        let query = Query {
            pinned: None,
            model,
            snapshot: &self.snapshot,
            template,
            start: self.start,
            tie_break: TieBreak::LowestName,
        };
        let (decision, nodes) = self.framework.explain(&query);
        told::decision((model, template), &self.framework, (&decision, &nodes), &mut told);
        if self.input.sampling {
            told::sampling(self.start, &self.framework, (&decision, &nodes), &mut told);
        } else if decision.outcome == Outcome::Unschedulable && self.framework.preempts() {
            self.preempt((pod, template), &decision, &mut told);
        }
        if let Some(node) = decision.node() {
            let model = &self.input.model;
            let world = (model, &self.snapshot);
            let volumes = self.framework.reserve(world, template, node);
            told::volume_bindings(model, &volumes, &mut told);
        }
        Ok(Value::Object(told))
    }

    /// PostFilter after a decision that found no node, and the second try if a node is nominated.
    fn preempt(
        &mut self,
        (pod, template): (PodId, TemplateId),
        decision: &Decision,
        told: &mut Map<String, Value>,
    ) {
        let model = &self.input.model;
        let mut nominator = Nominator::default();
        let incoming = Incoming { pod, template, pinned: None, nominator: &nominator };
        let answer = self.framework.post_filter(
            (model, &mut self.snapshot),
            &incoming,
            decision,
            &self.budgets,
            TieBreak::LowestName,
        );
        let names = &self.names;
        let name = |pod: &BoundPod| names[pod.pod].as_str().into();
        let mut found = told::preemption((model, template), &answer, name);
        if let Some(taken) = answer.preemption.as_ref().and_then(Preemption::nominated) {
            let mut after = self.snapshot.clone();
            taken.victims.iter().for_each(|victim| {
                after.remove_pod(model, victim.pod);
            });
            after.refresh();
            nominator.nominate(Nominated::of(model, pod, template), taken.node);
            let incoming = Incoming { pod, template, pinned: None, nominator: &nominator };
            let world = (model, &mut after);
            let tie_break = TieBreak::LowestName;
            let retry = self.framework.schedule_among(world, &incoming, self.start, tie_break);
            let fits = retry.node() == Some(taken.node);
            found.insert("retryFits".to_owned(), fits.into());
            if fits {
                told.insert("outcome".to_owned(), "preempted".into());
                told.insert("node".to_owned(), taken.node.index().into());
                let volumes = self.framework.reserve((model, &after), template, taken.node);
                told::volume_bindings(model, &volumes, told);
            } else {
                let rejected = |node: NodeId| {
                    let mut rejected = self.framework.rejected();
                    rejected.find(|(rejected, ..)| *rejected == node).map(|(_, p, r)| (p, r))
                };
                if let Some((plugin, why)) = retry.pre_filter.or_else(|| rejected(taken.node)) {
                    let failure = told::status(plugin, why, (model, template));
                    found.insert("retryFailure".to_owned(), failure);
                }
            }
        }
        told.insert("preemption".to_owned(), Value::Object(found));
    }

    /// Applies what the recording says happened.
    pub(super) fn apply(&mut self, at: usize, recorded: &Value) -> Result<(), String> {
        for victim in recorded["preemption"]["victims"].as_array().into_iter().flatten() {
            let known = victim.as_str().and_then(|name| self.bound.remove(name));
            let pod = known.ok_or_else(|| format!("decision {at}: no pod {victim} to evict"))?;
            self.snapshot.remove_pod(&self.input.model, pod);
        }
        if let Some(next) = recorded["nextIndex"].as_u64() {
            self.start = usize::try_from(next).map_err(|error| error.to_string())?;
        }
        if let Some(node) = recorded["node"].as_u64() {
            let nodes = &self.input.model.nodes;
            let node = usize::try_from(node).ok().filter(|&node| node < nodes.len());
            let node = node.ok_or_else(|| format!("decision {at} names no node of the case"))?;
            let started = STARTS_FROM + SimDuration::from_secs(at as u64);
            let template = self.input.incoming[at].1;
            let node = NodeId::from_index(node);
            self.bind(self.incoming(at), node, template, Some(started));
            for binding in recorded["volumeBindings"].as_array().into_iter().flatten() {
                self.bind_volume(binding, node)
                    .ok_or_else(|| format!("decision {at}: {binding} is of no claim and volume"))?;
            }
        }
        Ok(())
    }

    /// A claim and a volume are bound to each other; a volume that is new first.
    fn bind_volume(&mut self, binding: &Value, node: NodeId) -> Option<()> {
        let Input { model, .. } = &self.input;
        let (namespace, name) = binding["pvc"].as_str()?.split_once('/')?;
        let known = |claim: &Claim| {
            claim.name == name && model.namespaces[claim.namespace].name == namespace
        };
        let (claim, _) = model.storage.claims.iter().find(|(_, claim)| known(claim))?;
        if binding["provisioned"] == true {
            let made = self.snapshot.volume_made_for(model, node);
            self.snapshot.storage_mut().provision(claim, made);
        } else {
            let name = binding["pv"].as_str()?;
            let (volume, _) = model.storage.volumes.iter().find(|(_, v)| v.name == name)?;
            self.snapshot.storage_mut().bind(claim, volume);
        }
        Some(())
    }
}

/// The budgets of a case as preemption sees them.
fn budgets(input: &Input, names: &IdVec<PodId, String>) -> Vec<DisruptionBudget> {
    let budgets = input.budgets.iter().map(|status| {
        let disrupted = names.iter().filter(|(_, name)| status.disrupted.contains(name));
        let disrupted = disrupted.map(|(pod, _)| pod).collect();
        DisruptionBudget::of(&input.model, status.budget, status.allowed, disrupted)
    });
    budgets.collect()
}
